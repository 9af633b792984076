//! What an agent has to know at the start of a session: held nodes, nodes that it may take, and the rules here.

use super::brief::mine;
use super::claim_next::is_for;
use super::held::Working;
use super::next::{NextRequest, next_in};
use super::store::Store;
use super::{Caller, Result};
use crate::api::session::{HeldNode, SessionNode, SessionStart};
use crate::core::base::words::listed;
use crate::core::repository::config::{Config, Deciding, Verifier, Workers, is_person};
use crate::core::resource::Key;

/// Maximum number of entries of a list.
const LISTED: usize = 10;

/// A request for the start of a session.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// The actor.
    pub caller: Caller,
    /// The session.
    pub working: Working,
    /// Only nodes of this execution, `NAME` or `NAMESPACE/NAME`.
    pub execution: Option<String>,
    /// Only nodes in this namespace.
    pub namespace: Option<String>,
}

/// Returns what an agent has to know at the start of a session.
///
/// # Errors
/// Nothing has been reconciled yet, there is no such execution, or the repository cannot be used.
pub fn session_start(store: &Store, request: &SessionRequest) -> Result<SessionStart> {
    let held = mine(store, &request.caller, &request.working)?;
    let view = store.fresh()?;
    let config = view.config.clone();
    let asked = NextRequest {
        execution: request.execution.clone(),
        namespace: request.namespace.clone(),
        provider: None,
        limit: None,
        for_programs: !is_person(&held.actor),
        now: request.caller.now,
    };
    let mut offers = next_in(store, view, &asked)?;
    let actor = &held.actor;
    offers.items.retain(|offer| is_for(offer, &config, actor));
    let is_held = |run: &Key, node: &str| {
        let mut held = held.items.iter().map(|brief| &brief.work);
        held.any(|work| {
            (&*work.namespace, &*work.execution, &*work.node) == (&*run.namespace, &*run.name, node)
        })
    };
    offers.waiting.retain(|waiting| {
        let node = waiting.node.as_deref();
        node.is_none_or(|node| !is_held(&waiting.execution, node))
    });
    let more_next = offers.items.len().saturating_sub(LISTED);
    let more_waiting = offers.waiting.len().saturating_sub(LISTED);
    offers.items.truncate(LISTED);
    offers.waiting.truncate(LISTED);
    let mut notes = held.notes;
    for note in offers.notes {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    Ok(SessionStart {
        rules: rules(&config, actor),
        held: held
            .items
            .into_iter()
            .map(|brief| HeldNode {
                node: SessionNode::from(&brief.work),
                claim: brief.claim,
                commands: brief.commands,
            })
            .collect(),
        next: offers.items.iter().map(SessionNode::from).collect(),
        more_next,
        waiting: offers.waiting,
        more_waiting,
        actor: held.actor,
        notes,
    })
}

/// The rules of a repository for workers.
fn rules(config: &Config, actor: &str) -> Vec<String> {
    let mut rules = vec![
        format!(
            "Plans are YAML files below {}; `planspec validate` checks them.",
            listed(config.folders())
        ),
        format!(
            "A claim expires after {} unless renewed; renew it with `planspec claim --renew`.",
            config.lease
        ),
    ];
    if !is_person(actor) {
        rules.push(
            "Only people approve, reject, attest and answer: say what waits for them, and stop there."
                .to_owned(),
        );
    }
    let branch = &config.status.branch;
    rules.push(format!(
        "Never write to `{branch}`, and never loosen a gate, a binding or `.planspec.yaml` to proceed."
    ));
    if config.workers == Workers::Strict {
        rules.push("Nodes that are bound to an actor may not be done by others.".to_owned());
    }
    if config.verification == Verifier::Independent {
        rules.push(
            "Acceptance criteria are checked by somebody who did not do the work.".to_owned(),
        );
    }
    if config.approvals.require_signed.covers(Deciding::Reports) {
        rules.push("Reports count only when they are signed.".to_owned());
    }
    rules
}
