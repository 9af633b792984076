//! Attests that a criterion of a goal or a document is met, or that it is not.

use std::collections::BTreeSet;

use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, execution};
use super::runs::ObservedRun;
use super::store::Store;
use super::{Result, suggestion};
use crate::api::record::Attested;
use crate::core::document::criterion_names;
use crate::core::resource::Kind;
use crate::core::run::permit;
use crate::core::run::record::{Action, Address};

/// A request to attest a criterion.
#[derive(Debug, Clone)]
pub struct AttestRequest {
    /// The execution, and the actor.
    pub record: RecordRequest,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
    /// The evidence, in words.
    pub evidence: String,
    /// The commit that the attestation is for, if any.
    pub commit: Option<String>,
}

/// Attests whether a criterion is met. The newest attestation of an actor counts.
///
/// # Errors
/// There is no such criterion, or the actor may not decide about it.
pub fn attest(store: &Store, request: &AttestRequest) -> Result<Recorded<Attested>> {
    let commit = request.commit.as_deref();
    let commit = commit.map(|rev| store.commit_anywhere(rev)).transpose()?;
    request.record.send(store, |writer| {
        let run = request.record.run(writer.observed)?;
        let criterion = named(run, &request.criterion);
        let action = Action::Attestation {
            criterion: criterion.clone(),
            met: request.met,
            evidence: request.evidence.clone(),
            commit: commit.clone(),
            results: Vec::new(),
        };
        check(writer, run, &action, &criterion)?;
        let attested = Attested {
            execution: execution(run),
            criterion: criterion.clone(),
            met: request.met,
            commit: commit.clone(),
        };
        Ok((send(writer, run, &criterion, action)?, attested))
    })
}

/// The id of a criterion of a run's document; people may name it as it is written there.
fn named(run: ObservedRun<'_>, text: &str) -> String {
    let criteria = &run.status.extensions.criteria;
    let is_one = |id: &str| criteria.iter().any(|one| one.id == id);
    let made = criterion_names(text).into_iter().find(|id| is_one(id));
    made.filter(|_| !is_one(text))
        .unwrap_or_else(|| text.to_owned())
}

/// Sends an attestation, on the inbox ref of its actor.
pub(super) fn send(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    criterion: &str,
    action: Action,
) -> Result<String> {
    let address = Address::attestation(run.reference(), criterion, writer.actor);
    writer.say(&address, run, action)
}

/// Checks that the attestation would count. The criteria of the goal are read from the spec branch, but
/// only if the run has no such criterion itself.
fn check(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    action: &Action,
    criterion: &str,
) -> Result {
    let mut asked = Asked::new(writer.observed, run);
    let of_document = &run.status.extensions.criteria;
    let is_of_document = of_document.iter().any(|one| one.id == *criterion);
    let pinned = run.status.extensions.pinned.as_ref();
    let goal = pinned.and_then(|pinned| pinned.goal.as_ref());
    let goal = goal.filter(|_| !is_of_document);
    let snapshot = goal.map(|pin| writer.spec_about(&BTreeSet::from([pin.key(Kind::Goal)])));
    let snapshot = snapshot.transpose()?;
    asked.resources = snapshot.as_deref();
    let Err(refusal) = permit::may(action, writer.actor, &asked.permit()) else {
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
        None => error
            .hint("add ids to the acceptance criteria of the goal so that they can be attested"),
    })
}
