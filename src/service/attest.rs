//! Confirm that a criterion of a goal or a document is met, or that it is not.

use std::collections::BTreeSet;

use super::record::{Recorded, Sender, execution};
use super::store::Store;
use super::{Error, Result, runs, suggestion};
use crate::api::record::Attested;
use crate::core::repository::config::is_person;
use crate::core::resource::{Key, Kind};
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
    check(store, &look, run, request, &actor)?;
    let action = Action::Attestation {
        criterion: request.criterion.clone(),
        met: request.met,
        evidence: request.evidence.clone(),
        commit: None,
        results: Vec::new(),
    };
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

/// Reconcile would not take it.
fn check(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    request: &AttestRequest,
    actor: &str,
) -> Result {
    let criterion = request.criterion.as_str();
    let name = run.key.qualified();
    let of_document = &run.status.extensions.criteria;
    if let Some(one) = of_document.iter().find(|one| one.id == criterion) {
        if request.met && one.manual && !is_person(actor) {
            let why = format!("a person says whether `{criterion}` of {name} is met");
            return Err(Error::forbidden(format!("{why}, and {actor} is none")));
        }
        return match request.met && !one.checks.is_empty() {
            true => Err(Error::forbidden(format!(
                "`{criterion}` of {name} has checks, which decide"
            ))
            .hint(format!(
                "run them: planspec verify {} -n {}",
                run.key.name, run.key.namespace
            ))),
            false => Ok(()),
        };
    }
    let pinned = run.status.extensions.pinned.as_ref();
    let Some(goal) = pinned.and_then(|pinned| pinned.goal.as_ref()) else {
        return Err(Error::not_ready(match pinned {
            Some(_) => format!("{name} serves no goal, there is nothing to attest"),
            None => format!("{name} has not started: {}", run.status.message),
        }));
    };
    let snapshot = store.snapshot(&look.view.spec_commit, &look.view.config)?;
    let key = Key::new(Kind::Goal, &goal.namespace, &goal.name);
    let criteria = snapshot.goal(&key).map(|goal| &goal.acceptance_criteria);
    let ids: BTreeSet<&str> = criteria
        .into_iter()
        .flatten()
        .filter_map(|criterion| criterion.id.as_deref())
        .chain(of_document.iter().map(|one| one.id.as_str()))
        .collect();
    if ids.contains(criterion) {
        return Ok(());
    }
    let error = Error::not_found(match of_document.is_empty() {
        true => format!("{key} has no criterion with the id `{criterion}`"),
        false => format!("{name} has no criterion and no constraint with the id `{criterion}`"),
    });
    Err(match suggestion(criterion, ids.iter().copied()) {
        Some(hint) => error.hint(hint),
        None if ids.is_empty() => {
            error.hint("give its acceptance criteria ids to have them attested")
        }
        None => {
            let ids: Vec<&str> = ids.into_iter().collect();
            error.hint(format!("there are {}", ids.join(", ")))
        }
    })
}
