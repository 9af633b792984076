//! The brief of a node, and the nodes that an actor holds.

use std::collections::BTreeSet;

use super::around::Around;
use super::held::{self, AttemptChain, Held, HeldClaim, Working, held_by};
use super::next::described_by;
use super::runs::{Observed, ObservedNode, is_unread, observe_node};
use super::store::{Store, attempt_of_result};
use super::{Caller, Error, Result};
use crate::api::brief::{Brief, BriefClaim, BriefQuestion, HeldNodes};
use crate::api::next::NextNode;
use crate::core::base::time::exact;
use crate::core::repository::config::Verifier;
use crate::core::resource::Question;
use crate::core::run::pinned::Pins;
use crate::core::run::proposal::word;

/// Returns the brief of a node, `EXECUTION/NODE`.
///
/// # Errors
/// There is no such node.
pub fn brief(store: &Store, target: &str, namespace: Option<&str>) -> Result<Brief> {
    let observed = observe_node(store, target, namespace)?;
    let node = observed.node(target, namespace)?;
    brief_of(store, &observed, node)
}

/// Returns the nodes that an actor holds in a session, each with its brief.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn mine(store: &Store, caller: &Caller, working: &Working) -> Result<HeldNodes> {
    let actor = store.actor(caller)?;
    let Held {
        observed,
        here: held,
        elsewhere,
    } = held_by(store, caller, working)?;
    let mut items = Vec::with_capacity(held.len());
    let mut notes = observed.due(store, caller.now)?;
    notes.extend(elsewhere.iter().map(HeldClaim::in_another_session));
    for one in &held {
        let Some(node) = one.node_in(&observed) else {
            continue;
        };
        let mut brief = brief_of(store, &observed, node)?;
        let name = node.name();
        if node.status.attempt != one.attempt {
            notes.push(format!(
                "the lease of {name} has expired: report it if it is done, or claim it again"
            ));
        } else if node.status.extensions.claim.is_none() {
            notes.push(format!(
                "the claim of {name} since {} is not reconciled yet: planspec reconcile",
                exact(one.since)
            ));
        }
        brief.commands = commands(&brief.work, &one.actor);
        brief.claim = brief.claim.or(Some(BriefClaim {
            actor: one.actor.clone(),
            record: one.claim.clone(),
            // The lease has expired.
            lease_end: node
                .status
                .extensions
                .lapsed
                .as_ref()
                .and_then(|one| one.expires),
        }));
        items.push(brief);
    }
    Ok(HeldNodes {
        actor,
        items,
        notes,
    })
}

/// Returns the brief of an observed node.
///
/// # Errors
/// Its run cannot be read.
pub fn brief_of(store: &Store, observed: &Observed, node: ObservedNode<'_>) -> Result<Brief> {
    let pins = Pins::new(&observed.stored.pinned);
    let work = described_by(&pins, &[node]).pop();
    let work = work.ok_or_else(|| Error::unavailable(format!("{} cannot be read", node.name())))?;
    let pinned = node.run.status.extensions.pinned.as_ref();
    let plan = pinned.and_then(|pinned| pins.plan(pinned).ok());
    let around = plan.map(|plan| Around::of(&plan, &node.run.status.node_statuses, node.id));
    let Around {
        before,
        more_before,
        behind,
        more_behind,
    } = around.unwrap_or_default();
    let claim = match &node.status.extensions.claim {
        Some(claim) => Some(BriefClaim {
            actor: claim.actor.clone(),
            record: claim.record.clone(),
            lease_end: claim.expires,
        }),
        None => claimed_since(store, observed, node)?,
    };
    let holder = claim.as_ref().map(|claim| claim.actor.as_str());
    Ok(Brief {
        commands: holder.map_or_else(Vec::new, |actor| commands(&work, actor)),
        before,
        more_before,
        behind,
        more_behind,
        verification: verification(&work, observed.view.config.verification),
        work,
        phase: node.status.phase,
        message: node.status.message.clone(),
        claim,
        questions: node.status.extensions.questions.iter().map(told).collect(),
        last_commit: last_commit(store, observed, node)?,
    })
}

/// The commands with which the holder ends a node.
pub fn commands(work: &NextNode, actor: &str) -> Vec<String> {
    let (name, namespace) = (format!("{}/{}", work.execution, work.node), &work.namespace);
    let report = format!("planspec report {} -n {}", word(&name), word(namespace));
    let outputs = work.task.outputs.iter().flatten();
    let outputs: String = outputs
        .map(|output| format!(" --set {}=VALUE", word(&output.name)))
        .collect();
    let actor = word(actor);
    // Criteria are checked on the reported commit, else on the one that the run began with.
    let commit = if has_required_criteria(work) {
        " --commit HEAD"
    } else {
        ""
    };
    vec![
        format!("{report} --succeeded{outputs}{commit} --as {actor}"),
        format!("{report} --failed -m WHY --as {actor}"),
    ]
}

fn has_required_criteria(work: &NextNode) -> bool {
    let mut criteria = work.task.acceptance_criteria.iter().flatten();
    criteria.any(|criterion| criterion.required)
}

/// Who may check the acceptance criteria, if some are required.
fn verification(work: &NextNode, by: Verifier) -> Option<String> {
    has_required_criteria(work).then(|| {
        let word = match by {
            Verifier::Anyone => "anyone",
            Verifier::Independent => "independent",
        };
        word.to_owned()
    })
}

/// A question, with its answer.
fn told(one: &Question) -> BriefQuestion {
    let answer = one.answer.as_ref();
    BriefQuestion {
        question: one.question.clone(),
        asked_by: one.actor.clone(),
        attempt: one.attempt,
        record: one.record.clone(),
        answer: answer.map(|answer| answer.answer.clone()),
        answered_by: answer.map(|answer| answer.actor.clone()),
    }
}

/// The actor who has claimed a node since the last reconcile, and still works on it.
fn claimed_since(
    store: &Store,
    observed: &Observed,
    node: ObservedNode<'_>,
) -> Result<Option<BriefClaim>> {
    let tip = observed.tip(&node.address());
    let Some(tip) = tip.filter(|_| node.status.is_claimable()) else {
        return Ok(None);
    };
    let chain = AttemptChain::read(store, tip)?.filter(AttemptChain::is_open);
    Ok(chain.map(|chain| BriefClaim {
        actor: chain.holder().actor.to_owned(),
        record: chain.holder().claim.to_owned(),
        lease_end: None,
    }))
}

/// The last reported commit, from the status or from the records of earlier attempts.
fn last_commit(
    store: &Store,
    observed: &Observed,
    node: ObservedNode<'_>,
) -> Result<Option<String>> {
    let (run, open) = (node.run, node.address());
    let said = node.status.extensions.report.as_ref();
    let taken_in = said.and_then(|said| said.commit.clone());
    let tip = observed.tip(&open);
    let is_news = tip.is_some_and(|tip| is_unread(run.status, &open, tip));
    if taken_in.is_some() && !is_news {
        return Ok(taken_in);
    }
    let name = run.reference();
    let kept = observed.view.results.keys();
    let kept: BTreeSet<u32> = kept
        .filter_map(|result| attempt_of_result(result, &name, node.id))
        .collect();
    for attempt in kept.into_iter().rev() {
        let address = run.attempt_address(node.id, attempt);
        let read = run.status.extensions.records.get(&address.to_string());
        let tip = observed.tip(&address).or(read.map(String::as_str));
        let Some(tip) = tip.filter(|tip| store.has_or_fetches(tip)) else {
            continue;
        };
        if let Some((record, commit)) = held::reported_commit(store, tip)? {
            // The status may have accepted another commit instead.
            let is_known = said.is_some_and(|said| said.record == record);
            return Ok(taken_in.filter(|_| is_known).or(Some(commit)));
        }
    }
    Ok(taken_in)
}
