//! What a worker does, as it does it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::record::Attempt;

/// An event of a worker; one document per line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkEvent {
    /// What happened.
    pub event: WorkEventKind,
    /// Namespace of the execution concerned, if any.
    pub namespace: Option<String>,
    /// Name of the execution.
    pub execution: Option<String>,
    /// Uid of the execution.
    pub uid: Option<String>,
    /// Id of the node concerned, if any.
    pub node: Option<String>,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// The attempt, from 1.
    pub attempt: Option<u32>,
    /// The criterion that was checked, if any.
    pub criterion: Option<String>,
    /// `succeeded` or `failed` for a report; `holds` or `broken` for a criterion.
    pub result: Option<String>,
    /// Id of the record that was sent, if any.
    pub record: Option<String>,
    /// Id of the commit that holds the work.
    pub commit: Option<String>,
    /// A sentence for people, or a line of output.
    pub message: String,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl WorkEvent {
    /// An event that concerns no node.
    pub fn new(event: WorkEventKind, message: impl Into<String>) -> WorkEvent {
        WorkEvent {
            event,
            namespace: None,
            execution: None,
            uid: None,
            node: None,
            step: None,
            attempt: None,
            criterion: None,
            result: None,
            record: None,
            commit: None,
            message: message.into(),
            notes: Vec::new(),
        }
    }

    /// An event of an attempt.
    pub fn at(self, attempt: Attempt) -> WorkEvent {
        WorkEvent {
            namespace: Some(attempt.namespace),
            execution: Some(attempt.execution),
            uid: Some(attempt.uid),
            node: Some(attempt.node),
            step: attempt.step,
            attempt: Some(attempt.attempt),
            ..self
        }
    }
}

impl Answer for WorkEvent {
    const KIND: &'static str = "WorkEvent";
}

/// The kinds of events of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WorkEventKind {
    /// A node was claimed.
    Claimed,
    /// A node was reported.
    Reported,
    /// A criterion was checked.
    Checked,
    /// The reported work was not accepted.
    NotAccepted,
    /// A claim was released or lost.
    Stopped,
    /// The end of a command's output.
    Log,
    /// An External has happened, or has not.
    External,
    /// A transition by a reconcile in between.
    Reconciled,
    /// Something failed, and is retried or given up.
    Trouble,
    /// Nothing is ready; the message says what can be done later.
    Idle,
}
