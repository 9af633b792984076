//! Confirm that a criterion of a goal or a document is met, or that it is not.

use std::collections::BTreeSet;

use super::permit::Asked;
use super::record::{Recorded, Sender, execution};
use super::store::Store;
use super::{Result, runs, suggestion};
use crate::api::record::Attested;
use crate::core::run::permit;
use crate::core::run::record::{Action, Address, ref_safe};

/// Say whether a criterion is met.
#[derive(Debug, Clone)]
pub struct AttestRequest {
    /// Who asks.
    pub sender: Sender,
    /// The execution.
    pub execution: String,
    /// Namespace of the execution, where its name alone is ambiguous.
    pub namespace: Option<String>,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
    /// What shows that.
    pub evidence: String,
}

/// Say whether a criterion is met. The newest word of an actor counts.
///
/// # Errors
/// There is no such criterion, or others decide about it.
pub fn attest(store: &Store, request: &AttestRequest) -> Result<Recorded<Attested>> {
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let run = look.run(&request.execution, request.namespace.as_deref())?;
    let action = Action::Attestation {
        criterion: request.criterion.clone(),
        met: request.met,
        evidence: request.evidence.clone(),
        commit: None,
        results: Vec::new(),
    };
    check(store, &look, run, &action, &actor)?;
    let address = Address::Attestation {
        run: runs::run_ref(run),
        criterion: ref_safe(&request.criterion),
        actor: ref_safe(&actor),
    };
    let now = request.sender.caller.now;
    let record = look.record(run, &actor, now, action);
    let tip = look.view.inbox.get(&address).map(String::as_str);
    let record = runs::send(store, &address, tip, &record, now)?;
    let attested = Attested {
        execution: execution(run),
        criterion: request.criterion.clone(),
        met: request.met,
    };
    Ok(request.sender.sent(store, (actor, record), attested))
}

/// Whether it would count. Which criteria the goal has, the spec branch says; it is read only where
/// the run has no such criterion by itself.
fn check(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    action: &Action,
    actor: &str,
) -> Result {
    let mut asked = Asked::new(look, run);
    let Action::Attestation { criterion, .. } = action else {
        return Ok(());
    };
    let of_document = &run.status.extensions.criteria;
    let is_of_document = of_document.iter().any(|one| one.id == *criterion);
    let pinned = run.status.extensions.pinned.as_ref();
    let serves_goal = pinned.is_some_and(|pinned| pinned.goal.is_some());
    let read = || store.snapshot(&look.view.spec_commit, &look.view.config);
    let snapshot = (!is_of_document && serves_goal).then(read).transpose()?;
    asked.resources = snapshot.as_deref();
    let Err(refusal) = permit::may(action, actor, &asked.permit()) else {
        return Ok(());
    };
    let error = asked.error(&refusal);
    if refusal.reason != "UnknownCriterion" {
        return Err(error);
    }
    let own = of_document.iter().map(|one| one.id.as_str());
    let permit = asked.permit();
    let ids: BTreeSet<&str> = permit.goal_criteria().into_iter().chain(own).collect();
    Err(match suggestion(criterion, ids.iter().copied()) {
        Some(hint) => error.hint(hint),
        None if ids.is_empty() => {
            error.hint("give the acceptance criteria of the goal ids to have them attested")
        }
        None => {
            let ids: Vec<&str> = ids.into_iter().collect();
            error.hint(format!("there are {}", ids.join(", ")))
        }
    })
}
