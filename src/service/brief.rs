//! The brief of a node, and what somebody holds.

use super::held::{Working, held_here};
use super::next::described;
use super::runs::{Observed, ObservedNode, observe_node};
use super::store::{Store, attempt_of_result};
use super::{Caller, Error, Result};
use crate::api::brief::{Brief, BriefClaim, HeldNodes};
use crate::core::base::time::exact;

/// The brief of a node, `EXECUTION/NODE`.
///
/// # Errors
/// There is no such node.
pub fn brief(store: &Store, target: &str, namespace: Option<&str>) -> Result<Brief> {
    let observed = observe_node(store, target, namespace)?;
    let node = observed.node(target, namespace)?;
    brief_of(&observed, node)
}

/// What somebody holds in this work tree and session, each with its brief.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn mine(store: &Store, caller: &Caller, working: &Working) -> Result<HeldNodes> {
    let actor = store.actor(caller)?;
    let (observed, held) = held_here(store, caller, working)?;
    let mut items = Vec::with_capacity(held.len());
    let mut notes = observed.due(store, caller.now)?;
    for one in &held {
        let Some(node) = one.node_in(&observed) else {
            continue;
        };
        let mut brief = brief_of(&observed, node)?;
        let name = node.name();
        if node.status.attempt != one.attempt {
            notes.push(format!(
                "the lease of {name} has ended: report it, if it is done, or claim it again"
            ));
        } else if brief.claim.is_none() {
            notes.push(format!(
                "the claim of {name} since {} is not taken in yet: planspec reconcile",
                exact(one.since)
            ));
        }
        brief.claim = brief.claim.or(Some(BriefClaim {
            actor: one.actor.clone(),
            record: one.claim.clone(),
            lease_end: None,
        }));
        items.push(brief);
    }
    Ok(HeldNodes {
        actor,
        items,
        notes,
    })
}

/// The brief of a node that was observed.
///
/// # Errors
/// Its run cannot be read.
pub fn brief_of(observed: &Observed, node: ObservedNode<'_>) -> Result<Brief> {
    let work = described(observed, &[node]).pop();
    let work = work.ok_or_else(|| Error::unavailable(format!("{} cannot be read", node.name())))?;
    let extensions = &node.status.extensions;
    let claim = extensions.claim.as_ref();
    let reported = extensions
        .report
        .as_ref()
        .and_then(|report| report.commit.clone());
    let run = node.run.reference();
    let kept = observed.view.results.iter();
    let kept = kept
        .filter_map(|(name, tip)| Some((attempt_of_result(name, &run, node.id)?, tip.clone())))
        .max();
    Ok(Brief {
        work,
        phase: node.status.phase,
        message: node.status.message.clone(),
        claim: claim.map(|claim| BriefClaim {
            actor: claim.actor.clone(),
            record: claim.record.clone(),
            lease_end: claim.expires,
        }),
        last_commit: reported.or(kept.map(|(_, tip)| tip)),
    })
}
