//! What a worker does, as it does it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::record::Attempt;

/// Something a worker did or met; one document a line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkEvent {
    /// What happened.
    pub event: WorkEventKind,
    /// Namespace of the execution, when it is about one.
    pub namespace: Option<String>,
    /// Name of the execution.
    pub execution: Option<String>,
    /// Uid of the execution.
    pub uid: Option<String>,
    /// Id of the node, when it is about one.
    pub node: Option<String>,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// The attempt, from 1.
    pub attempt: Option<u32>,
    /// The criterion, when one was checked.
    pub criterion: Option<String>,
    /// Of what was reported `succeeded` or `failed`; of a criterion `holds` or `broken`.
    pub result: Option<String>,
    /// Id of the record that says so, when one was sent.
    pub record: Option<String>,
    /// Id of the commit that holds the work.
    pub commit: Option<String>,
    /// A sentence for people, or a line of what was printed.
    pub message: String,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl WorkEvent {
    /// Something that is about no node.
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

    /// The same, about an attempt.
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

/// What can happen to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WorkEventKind {
    /// A node was claimed.
    Claimed,
    /// A node was reported.
    Reported,
    /// What a criterion says of what was done.
    Checked,
    /// What was reported is not accepted.
    NotAccepted,
    /// A claim was given back, or is gone.
    Stopped,
    /// What a command printed at its end.
    Log,
    /// Something outside has happened, or has not.
    External,
    /// What a reconcile in between moved.
    Reconciled,
    /// Something did not work, and is tried again or left.
    Trouble,
    /// Nothing is ready; what can be done later.
    Idle,
}
