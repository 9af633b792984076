//! What a worker does, as it does it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// Something a worker did or met; one document a line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkEvent {
    /// What happened.
    pub event: WorkEventKind,
    /// The node, `namespace/execution/node`, when it is about one.
    pub node: Option<String>,
    /// The attempt, when it is about one.
    pub attempt: Option<u32>,
    /// A sentence for people.
    pub message: String,
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
