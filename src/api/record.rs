//! What came of a record: a claim, a report, a decision, …

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::archive::ArchiveAsked;
use super::brief::Brief;
use super::reconcile::Reconciled;
use super::refusal::Refused;
use super::verify::{DocumentVerified, ExecutionVerified, Verified};
use crate::core::resource::Time;

/// A record that was sent, and the reconcile that followed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded<A> {
    /// The action that was recorded.
    #[serde(flatten)]
    pub what: A,
    /// Id of the commit that holds the record.
    pub record: String,
    /// Who acted.
    pub actor: String,
    /// Notes for people.
    pub notes: Vec<String>,
    /// The result of the requested reconcile.
    pub reconciled: Option<Reconciled>,
    /// Why that reconcile did nothing. The record is still valid.
    pub reconcile_error: Option<Refused>,
}

/// One attempt at a node of a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Uid of the execution.
    pub uid: String,
    /// Id of the node.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// Number of the attempt, from 1.
    pub attempt: u32,
}

impl Attempt {
    /// `namespace/execution/node`
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.execution, self.node)
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Uid of the execution.
    pub uid: String,
}

impl Execution {
    /// `namespace/execution`
    pub fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.execution)
    }
}

/// A node was claimed, or a claim renewed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The record of the claim. Whoever names it acts for the claim, in any session.
    pub claim: String,
    /// Everything that the worker needs to know.
    pub brief: Brief,
    /// Whether the actor already held the node.
    pub renewed: bool,
    /// Until when the worker may at least be silent. The reconcile that takes in the claim counts the lease from its
    /// own time, so it never ends earlier. Null for people, who have no lease.
    pub lease_end: Option<Time>,
}

/// The worker of a node asked a question.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AskedQuestion {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The question; the id of its record names it.
    pub question: String,
    /// Whether the same question is already open, so that nothing was sent.
    pub already: bool,
}

/// A person answered a question.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The question.
    pub question: String,
    /// Who asked.
    pub asked_by: String,
    /// The answer.
    pub answer: String,
}

/// A claim was released.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
}

/// The result of an attempt was reported.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// `succeeded` or `failed`.
    pub result: String,
    /// The commit that holds the work.
    pub commit: Option<String>,
    /// Whether the same was already reported, so that nothing was sent.
    pub already: bool,
    /// The attempt in which the work was done, if its lease had ended and the report was sent for the next attempt.
    pub adopts: Option<u32>,
}

/// Nodes that were done before the run were reported, if their turn has come.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoneBefore {
    /// The run.
    #[serde(flatten)]
    pub execution: Execution,
    /// Who acted.
    pub actor: String,
    /// The result for each node, in the order of their dependencies.
    pub nodes: Vec<DoneNode>,
    /// Notes for people.
    pub notes: Vec<String>,
    /// The results of the requested reconciles, one after each look.
    pub reconciled: Vec<Reconciled>,
    /// Why the last of them did nothing. The records are still valid.
    pub reconcile_error: Option<Refused>,
}

impl Answer for DoneBefore {
    const KIND: &'static str = "DoneBefore";
}

/// The result for a node that was done before the run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoneNode {
    /// Its id.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// The attempt.
    pub attempt: u32,
    /// The result.
    pub state: DoneState,
    /// The record of the report.
    pub record: Option<String>,
    /// The commit that holds the work.
    pub commit: Option<String>,
    /// Its outputs, what it waits for, or why it is refused, as a sentence.
    pub message: String,
}

/// The result for a node that was done before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DoneState {
    /// It was reported by this command.
    Reported,
    /// It is already reported or done.
    Already,
    /// Its turn has not come yet.
    Later,
    /// It cannot be reported.
    Refused,
}

impl DoneState {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            DoneState::Reported => "reported",
            DoneState::Already => "already",
            DoneState::Later => "later",
            DoneState::Refused => "refused",
        }
    }
}

/// A reviewer decided, or commented, at a gate.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The node that waits at the gate.
    pub node: String,
    /// If this approves a step of a document: the `step_id` as written there.
    pub step: Option<String>,
    /// The gate: `namespace/name`.
    pub gate: String,
    /// `approve`, `reject` or `comment`.
    pub decision: String,
    /// The digest that was decided on: of plan, gate and targets.
    pub digest: String,
}

/// A criterion was attested as met or not met.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attested {
    /// The run.
    #[serde(flatten)]
    pub execution: Execution,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
    /// The commit that the attestation is about, if any.
    pub commit: Option<String>,
}

/// A criterion of a document was attested for a commit, without a run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentAttested {
    /// The document.
    pub file: String,
    /// Its `plan_id`.
    pub plan_id: String,
    /// The commit.
    pub commit: String,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
}

/// A request was sent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// The run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The node concerned, if any.
    pub node: Option<String>,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// `cancel` or `retry`.
    pub request: String,
    /// Whether the same request is already waiting for a reconcile; the record is that one.
    pub already: bool,
}

impl Requested {
    /// The action, in a word or two.
    pub fn asked(&self) -> &'static str {
        if self.already {
            "already asked"
        } else {
            "asked"
        }
    }
}

/// The nodes that a retry would open again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reopening {
    /// The run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The node, if the retry is for one node.
    pub node: Option<String>,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// The spec commit of the plan with which the run would continue, if it is another plan.
    pub plan: Option<String>,
    /// First the retried nodes, then the nodes behind them, each in the order of the plan.
    pub nodes: Vec<ReopenedNode>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Reopening {
    const KIND: &'static str = "Reopening";
}

/// A node that a retry opens again, or that another plan changes.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReopenedNode {
    /// Its id.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// Its current phase.
    pub phase: String,
    /// Whether it is retried itself; otherwise it is behind a retried node.
    pub retried: bool,
    /// Whether it is a task that has already succeeded, and is done again.
    pub done_again: bool,
    /// Who is at work on it and has to stop.
    pub stops: Option<String>,
    /// What another plan does to it: `changed`, `added` or `removed`; `rebound` if it has not begun and gets another
    /// target; `asked` for a gate whose approval was given for something else.
    pub change: Option<String>,
}

macro_rules! answers {
    ($($name:ident)*) => {
        $(impl Answer for Recorded<$name> {
            const KIND: &'static str = stringify!($name);
        })*
    };
}

answers! { ArchiveAsked Claimed AskedQuestion Answered Released Reported Decided Attested DocumentAttested Requested Verified ExecutionVerified DocumentVerified }
