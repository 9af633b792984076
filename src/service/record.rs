//! What all verbs that send a record share: the target, the actor, the result, and the reconcile that may
//! follow.

use std::cell::RefCell;
use std::collections::BTreeSet;

use uuid::Uuid;

use super::index;
use super::nudge::nudge;
use super::permit::Asked;
use super::reconcile::{ReconcileRequest, reconcile};
use super::runs::{Observed, ObservedNode, ObservedRun, observe_keys, observe_target};
use super::store::{Sent, Store};
use super::unshared;
use super::{Caller, Error, Result};
use crate::api::reconcile::Reconciled;
use crate::api::record as api;
use crate::core::base::time::exact;
use crate::core::repository::config::Deciding;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Time};
use crate::core::run::permit::Refusal;
use crate::core::run::record::{
    Action, Address, NOT_APPLIED, PLACES, RECORD_API_VERSION, RECORD_MINOR, Record, RunRef,
    Signature,
};

/// A request to send a record.
#[derive(Debug, Clone)]
pub struct RecordRequest {
    /// The actor, and the time.
    pub caller: Caller,
    /// The target: `EXECUTION` or `EXECUTION/NODE`; for a review also the gate. A worker may leave it
    /// empty, for the only claim that is held here.
    pub target: String,
    /// Its namespace, if the name is ambiguous.
    pub namespace: Option<String>,
    /// Reconcile after the record was sent.
    pub reconcile: bool,
}

/// The result of sending a record.
#[derive(Debug)]
pub struct Recorded<A> {
    /// The answer.
    pub answer: api::Recorded<A>,
    /// Whether a reconcile has to take it in; a repeated record may be known already.
    pub is_due: bool,
    /// Why the requested reconcile failed. The record is sent all the same.
    pub reconcile_error: Option<Error>,
}

impl RecordRequest {
    /// Observes the run, lets `write` write a record and return its id with an answer, and reconciles if
    /// requested.
    ///
    /// # Errors
    /// There is no actor, nothing has been reconciled yet, or `write` refuses.
    pub fn send<A>(
        &self,
        store: &Store,
        write: impl FnOnce(&RecordWriter<'_>) -> Result<(String, A)>,
    ) -> Result<Recorded<A>> {
        let observed = observe_target(store, &self.target, self.namespace.as_deref())?;
        self.send_on(store, &observed, write)
    }

    /// The same with an existing observation.
    ///
    /// # Errors
    /// As [`RecordRequest::send`].
    pub fn send_on<A>(
        &self,
        store: &Store,
        observed: &Observed,
        write: impl FnOnce(&RecordWriter<'_>) -> Result<(String, A)>,
    ) -> Result<Recorded<A>> {
        let refused = |done: &Reconciled, record: &str| has_refused(store, observed, done, record);
        self.send_unless(store, observed, write, refused)
    }

    /// The same, where `refused` tells from the reconcile that followed why it did not apply the record.
    ///
    /// # Errors
    /// As [`RecordRequest::send`].
    pub(super) fn send_unless<A>(
        &self,
        store: &Store,
        observed: &Observed,
        write: impl FnOnce(&RecordWriter<'_>) -> Result<(String, A)>,
        refused: impl FnOnce(&Reconciled, &str) -> Option<Error>,
    ) -> Result<Recorded<A>> {
        let actor = store.actor(&self.caller)?;
        let told = RefCell::default();
        let writer = RecordWriter {
            store,
            observed,
            actor: &actor,
            is_named: self.caller.actor.is_some(),
            session: None,
            now: self.caller.now,
            told: Some(&told),
        };
        let (record, what) = write(&writer)?;
        let is_due = !observed.runs().any(|run| has_taken_in(run, &record));
        let request = ReconcileRequest::at(self.caller.now);
        let reconciled = self.reconcile.then(|| reconcile(store, &request));
        let (reconciled, error) = match reconciled.transpose() {
            Ok(Some(done)) => {
                let error = refused(&done, &record);
                (Some(done), error)
            }
            Ok(None) => (None, None),
            Err(error) => (None, Some(error)),
        };
        // After a reconcile, no reconciler needs a nudge.
        let nudged = (is_due && reconciled.is_none()).then(|| nudge(store, &observed.view));
        Ok(Recorded {
            answer: api::Recorded {
                what,
                record,
                actor,
                notes: unshared::notes(store, &observed.view)
                    .into_iter()
                    .chain(told.take())
                    .chain(nudged.flatten())
                    .collect(),
                reconciled,
                reconcile_error: error.as_ref().map(Error::refused),
            },
            is_due,
            reconcile_error: error,
        })
    }

    /// Whether the target is a node: `a/b` is node `b` of execution `a`, else execution `b` in
    /// namespace `a`.
    pub fn is_node(&self, observed: &Observed) -> bool {
        let namespace = self.namespace.as_deref();
        self.target.split_once('/').is_some_and(|(first, rest)| {
            rest.contains('/') || observed.run(first, namespace).is_ok()
        })
    }

    /// The run of the target.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn run<'a>(&self, observed: &'a Observed) -> Result<ObservedRun<'a>> {
        observed.run(&self.target, self.namespace.as_deref())
    }

    /// The node of the target.
    ///
    /// # Errors
    /// There is no such execution or node.
    pub fn node<'a>(&self, observed: &'a Observed) -> Result<ObservedNode<'a>> {
        observed.node(&self.target, self.namespace.as_deref())
    }
}

/// The error if the reconcile did not apply the record, because an earlier record decided otherwise.
fn has_refused(
    store: &Store,
    observed: &Observed,
    done: &Reconciled,
    record: &str,
) -> Option<Error> {
    if !done.notes.iter().any(|note| note.starts_with(NOT_APPLIED)) {
        return None;
    }
    let keys = observed.runs().map(|run| run.key.clone()).collect();
    let now = observe_keys(store, &keys).ok()?;
    let mut unapplied = now.runs().flat_map(|run| &run.status.extensions.unapplied);
    let refused = unapplied.find(|one| one.record == record)?;
    let why = format!("it was sent, but does not count: {}", refused.message);
    Some(Error::conflict(why))
}

fn has_taken_in(run: ObservedRun<'_>, record: &str) -> bool {
    let mut tips = run.status.extensions.records.values();
    let mut reports = run
        .nodes()
        .filter_map(|node| node.status.extensions.report.as_ref());
    tips.any(|tip| tip == record) || reports.any(|report| report.record == record)
}

/// Reasons of refusals because another actor has used the same key.
const OF_A_KEY: [&str; 2] = ["NotIndependent", "WorkerApproval"];

/// Writes records of an actor about observed runs.
#[derive(Clone, Copy)]
pub struct RecordWriter<'a> {
    /// Where records are sent.
    pub store: &'a Store,
    /// What was observed.
    pub observed: &'a Observed,
    /// The actor.
    pub actor: &'a str,
    /// Whether the request names the actor; otherwise it is the one that Git would use.
    pub is_named: bool,
    /// Digest of the session, for workers.
    pub session: Option<&'a str>,
    /// The current time.
    pub now: Time,
    /// Collects notes for the user.
    pub told: Option<&'a RefCell<Vec<String>>>,
}

impl RecordWriter<'_> {
    /// The ref for an actor's record about a run, and its tip. A ref with anything else than records, or without those
    /// that were taken in from it, is ignored, so another ref beside it is used.
    ///
    /// # Errors
    /// No ref is left; the remote cannot be used.
    pub fn place(
        &self,
        run: ObservedRun<'_>,
        address: &Address,
    ) -> Result<(Address, Option<String>)> {
        let extensions = &run.status.extensions;
        let is_review = matches!(address, Address::Review { .. });
        let may_begin_anew = is_review && !extensions.retried_by.is_empty();
        for number in 1..=PLACES {
            let place = address.beside(number);
            let Some(tip) = self.observed.tip(&place) else {
                return Ok((place, None));
            };
            let known = extensions.records.get(&place.to_string());
            self.store.fetch_records(&[tip.to_owned()])?;
            let why = match self.store.records(tip, known.map(String::as_str))? {
                Ok((_, rewritten)) if !rewritten || may_begin_anew => {
                    return Ok((place, Some(tip.to_owned())));
                }
                Ok(_) => "records that were applied from it are gone".to_owned(),
                Err(why) => why,
            };
            let what = format!(
                "refs/planspec/{place} is ignored ({why}): this record goes to another ref"
            );
            match self.told {
                Some(told) => told.borrow_mut().push(what),
                None => tracing::warn!("{what}"),
            }
        }
        Err(Error::conflict(format!(
            "refs/planspec/{address} and all alternative refs contain something that is not a record"
        ))
        .hint("`git ls-remote` lists them; everybody who can push to the repository can delete them"))
    }

    /// Sends a record on the ref of its actor.
    ///
    /// # Errors
    /// As [`RecordWriter::place`] and [`RecordWriter::send`].
    pub fn say(&self, address: &Address, run: ObservedRun<'_>, action: Action) -> Result<String> {
        let (place, old) = self.place(run, address)?;
        let sent = self.try_send(&place, old.as_deref(), run, action)?;
        sent.or_conflict(&place)
    }

    /// Checks that the status of a run allows an action.
    ///
    /// # Errors
    /// The refusal, with a hint.
    pub fn may(&self, run: ObservedRun<'_>, action: &Action) -> Result {
        Asked::new(self.observed, run).may(action, self.actor)
    }

    /// Some resources of the spec branch, with everything that they refer to.
    ///
    /// # Errors
    /// The spec branch cannot be read.
    pub fn spec_about(&self, keys: &BTreeSet<Key>) -> Result<Snapshot> {
        let view = &self.observed.view;
        index::about(&self.store.repo, &view.spec_commit, &view.config, keys)
    }

    /// Makes a record about a run.
    pub fn record(&self, run: ObservedRun<'_>, action: Action) -> Record {
        self.record_about(Some(run.reference()), action)
    }

    fn record_about(&self, execution: Option<RunRef>, action: Action) -> Record {
        Record {
            api_version: RECORD_API_VERSION.to_owned(),
            action,
            repository: self.observed.stored.tree.controller.repository_id.clone(),
            execution,
            actor: self.actor.to_owned(),
            time: exact(self.now),
            nonce: Uuid::from_u128(self.store.repo.random())
                .simple()
                .to_string(),
            minor: RECORD_MINOR,
            status: self.observed.view.status_tip.clone(),
            session: self.session.map(str::to_owned),
        }
    }

    /// Writes a record on top of `old`, signed if the spec branch requires that; no ref points to it yet.
    ///
    /// # Errors
    /// It is too large, or cannot be written; the signature would not count.
    pub fn write(
        &self,
        old: Option<&str>,
        run: ObservedRun<'_>,
        record: &Record,
    ) -> Result<String> {
        self.write_about(Some(run), old, record)
    }

    /// Sends a request to the whole repository. Returns its id.
    ///
    /// # Errors
    /// As [`RecordWriter::write`]; the remote cannot be used.
    pub fn ask_repository(&self, address: &Address, action: Action) -> Result<String> {
        let word = action.word();
        let record = self.record_about(None, action);
        let id = self.write_about(None, None, &record)?;
        let sent = self.store.send_written(address, None, id, word)?;
        sent.or_conflict(address)
    }

    fn write_about(
        &self,
        run: Option<ObservedRun<'_>>,
        old: Option<&str>,
        record: &Record,
    ) -> Result<String> {
        let id = self.store.write_record(old, record, self.now)?;
        let required = &self.observed.view.config.approvals.require_signed;
        let decides = match &record.action {
            // A worker who could not sign the report learns that before the work.
            Action::Claim { .. } => Some(Deciding::Reports),
            action => action.decides(),
        };
        if !decides.is_some_and(|what| required.covers(what)) {
            return Ok(id);
        }
        match self.signed(&id, run, record) {
            // A comment decides nothing, so it needs no signature.
            Err(_) if record.action.is_comment() => Ok(id),
            signed => signed,
        }
    }

    /// Signs a record, and checks that the signature will count.
    fn signed(&self, id: &str, run: Option<ObservedRun<'_>>, record: &Record) -> Result<String> {
        let (store, observed) = (self.store, self.observed);
        let help = "`approvals.requireSigned` is on: see docs/approvals.md for how to create and \
                    list keys; Git signs with `user.signingkey` and `gpg.format`";
        let id = store
            .sign_record(id, self.now)
            .map_err(|error| error.hint(help))?;
        let arrival = observed.stored.time.max(self.now);
        match store.judge_signature(&observed.view, arrival, &id, &record.actor)? {
            Signature::Bad(reason, why) => {
                let why = format!("this would not count, {reason}: {why}");
                Err(Error::forbidden(why).hint(help))
            }
            Signature::Good(by) => {
                let Some(run) = run else {
                    return Ok(id);
                };
                // Two actors with the same key are not two persons.
                let mut asked = Asked::new(observed, run);
                asked.key = Some(&by.key);
                match asked.ask(&record.action, &record.actor) {
                    Err((Refusal { reason, .. }, error)) if OF_A_KEY.contains(&reason) => {
                        Err(error)
                    }
                    _ => Ok(id),
                }
            }
            Signature::Unchecked => Ok(id),
        }
    }

    /// Sends a record on top of what was observed. Returns its id.
    ///
    /// # Errors
    /// `Conflict` if somebody else was first; the remote cannot be used.
    pub fn send(&self, address: &Address, run: ObservedRun<'_>, action: Action) -> Result<String> {
        let sent = self.try_send(address, self.observed.tip(address), run, action)?;
        sent.or_conflict(address)
    }

    /// Sends a record on top of `old`. A lost race is a result, not an error.
    ///
    /// # Errors
    /// The remote cannot be used.
    pub fn try_send(
        &self,
        address: &Address,
        old: Option<&str>,
        run: ObservedRun<'_>,
        action: Action,
    ) -> Result<Sent> {
        let record = self.record(run, action);
        self.send_record(address, old, run, &record)
    }

    /// The same for a finished record.
    ///
    /// # Errors
    /// The remote cannot be used.
    pub fn send_record(
        &self,
        address: &Address,
        old: Option<&str>,
        run: ObservedRun<'_>,
        record: &Record,
    ) -> Result<Sent> {
        let id = self.write(old, run, record)?;
        let word = record.action.word();
        self.store.send_written(address, old, id, word)
    }
}

impl Sent {
    /// The id of the sent record.
    ///
    /// # Errors
    /// `Conflict` if somebody else was first.
    pub fn or_conflict(self, address: &Address) -> Result<String> {
        match self {
            Sent::Done(id) => Ok(id),
            Sent::Taken => Err(Error::conflict(format!(
                "refs/planspec/{address} has moved in the meantime"
            ))
            .hint("check the current state, then repeat the command if it still applies")),
        }
    }
}

/// An attempt, as named in answers.
pub fn attempt(
    observed: &Observed,
    run: ObservedRun<'_>,
    node: &str,
    attempt: u32,
) -> api::Attempt {
    let RunRef {
        namespace,
        name,
        uid,
    } = run.reference();
    api::Attempt {
        namespace,
        execution: name,
        uid,
        node: node.to_owned(),
        step: observed.step(run, node),
        attempt,
    }
}

/// A run, as named in answers.
pub fn execution(run: ObservedRun<'_>) -> api::Execution {
    let RunRef {
        namespace,
        name,
        uid,
    } = run.reference();
    api::Execution {
        namespace,
        execution: name,
        uid,
    }
}
