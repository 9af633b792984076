//! What the verbs have in common that send a record: who acts, what came of it, and the reconcile
//! that may follow at once.

use super::reconcile::{ReconcileRequest, Report, reconcile};
use super::runs::{Run, run_ref};
use super::store::Store;
use super::{Caller, Result};
use crate::api::record as api;
use crate::core::run::record::RunRef;

/// A record that was sent.
#[derive(Debug)]
pub struct Recorded<A> {
    /// What was recorded.
    pub what: A,
    /// Id of the commit that holds the record.
    pub record: String,
    /// Who acted.
    pub actor: String,
    /// What there is to say besides.
    pub notes: Vec<String>,
    /// What the reconcile did that was asked for. Where it failed the record stands all the same.
    pub reconciled: Option<Result<Report>>,
}

impl<A: Clone> Recorded<A> {
    /// The answer as data.
    pub fn answer(&self) -> api::Recorded<A> {
        let reconciled = self.reconciled.as_ref();
        api::Recorded {
            what: self.what.clone(),
            record: self.record.clone(),
            actor: self.actor.clone(),
            notes: self.notes.clone(),
            reconciled: reconciled
                .and_then(|done| done.as_ref().ok())
                .map(Report::answer),
            reconcile_error: reconciled
                .and_then(|done| done.as_ref().err())
                .map(super::Error::refused),
        }
    }
}

/// Who asks, for a record, and whether to reconcile when it is sent.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Who asks, and when.
    pub caller: Caller,
    /// Reconcile at once.
    pub reconcile: bool,
}

impl Sender {
    /// The record `record` of `actor` was sent: reconcile, when that was asked for.
    pub fn sent<A>(
        &self,
        store: &Store,
        (actor, record): (String, String),
        what: A,
    ) -> Recorded<A> {
        let request = ReconcileRequest::at(self.caller.now);
        Recorded {
            what,
            record,
            actor,
            notes: Vec::new(),
            reconciled: self.reconcile.then(|| reconcile(store, &request)),
        }
    }
}

/// An attempt as answers name it.
pub fn attempt(run: Run<'_>, node: &str, attempt: u32) -> api::Attempt {
    let RunRef {
        namespace,
        name,
        uid,
    } = run_ref(run);
    api::Attempt {
        namespace,
        execution: name,
        uid,
        node: node.to_owned(),
        attempt,
    }
}

/// A run as answers name it.
pub fn execution(run: Run<'_>) -> api::Execution {
    let RunRef {
        namespace,
        name,
        uid,
    } = run_ref(run);
    api::Execution {
        namespace,
        execution: name,
        uid,
    }
}
