//! What came of a record: a claim, a report, a decision, …

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::brief::Brief;
use super::reconcile::Reconciled;
use super::refusal::Refused;
use super::verify::{DocumentVerified, ExecutionVerified, Verified};
use crate::core::resource::Time;

/// A record that was sent, and what followed at once.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded<A> {
    /// What was recorded.
    #[serde(flatten)]
    pub what: A,
    /// Id of the commit that holds the record.
    pub record: String,
    /// Who acted.
    pub actor: String,
    /// What there is to say besides.
    pub notes: Vec<String>,
    /// What the reconcile that was asked for did.
    pub reconciled: Option<Reconciled>,
    /// Why that reconcile did nothing. The record stands all the same.
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
    /// Of a step of a document: its `step_id`, as it is written there.
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
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The record of the claim: whoever names it speaks for it, in whichever session.
    pub claim: String,
    /// All that the worker has to know.
    pub brief: Brief,
    /// Whether the actor held it already.
    pub renewed: bool,
    /// Until when the worker may be silent, counted from now: the reconcile that takes the claim in
    /// counts anew, so it is never earlier. Nothing for people, who have no lease.
    pub lease_end: Option<Time>,
}

/// Whoever is at work on a node asked something.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AskedQuestion {
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// What was asked; the id of its record names the question.
    pub question: String,
    /// Whether that was asked before, and is open: nothing was sent.
    pub already: bool,
}

/// A person answered a question.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// What was asked.
    pub question: String,
    /// Who asked.
    pub asked_by: String,
    /// What was answered.
    pub answer: String,
}

/// A claim was given back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
}

/// How an attempt went was reported.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// `succeeded` or `failed`.
    pub result: String,
    /// The commit that holds the work.
    pub commit: Option<String>,
    /// Whether it was reported so before: nothing was sent.
    pub already: bool,
    /// The attempt in which the work was done, when its lease had ended: the report was sent for the next one.
    pub adopts: Option<u32>,
}

/// Nodes that were done before the run were reported, as far as their turn has come.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoneBefore {
    /// Which run.
    #[serde(flatten)]
    pub execution: Execution,
    /// Who acted.
    pub actor: String,
    /// What came of each, those that come before others first.
    pub nodes: Vec<DoneNode>,
    /// What there is to say besides.
    pub notes: Vec<String>,
    /// What the reconciles did that were asked for, one after each look.
    pub reconciled: Vec<Reconciled>,
    /// Why the last of them did nothing. The records stand all the same.
    pub reconcile_error: Option<Refused>,
}

impl Answer for DoneBefore {
    const KIND: &'static str = "DoneBefore";
}

/// What came of a node that was done before the run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoneNode {
    /// Its id.
    pub node: String,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// The attempt.
    pub attempt: u32,
    /// What came of it.
    pub state: DoneState,
    /// The record of the report.
    pub record: Option<String>,
    /// The commit that holds the work.
    pub commit: Option<String>,
    /// What it brought, what it waits for, or why it is refused, in a sentence.
    pub message: String,
}

/// What came of a node that was done before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DoneState {
    /// It was reported now.
    Reported,
    /// It is reported, or done, already.
    Already,
    /// It is not its turn yet.
    Later,
    /// It cannot be reported.
    Refused,
}

impl DoneState {
    /// In a word, for people.
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
    /// Which run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The node that waits at the gate.
    pub node: String,
    /// Of the approval of a step of a document: the `step_id` of that step, as it is written there.
    pub step: Option<String>,
    /// The gate: `namespace/name`.
    pub gate: String,
    /// `approve`, `reject` or `comment`.
    pub decision: String,
    /// What was decided about: plan, gate and targets.
    pub digest: String,
}

/// Somebody said whether a criterion is met.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attested {
    /// Which run.
    #[serde(flatten)]
    pub execution: Execution,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
    /// For which commit, where it was said of one.
    pub commit: Option<String>,
}

/// Somebody said of a document, without any run, whether a criterion holds for a commit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentAttested {
    /// The document.
    pub file: String,
    /// Its `plan_id`.
    pub plan_id: String,
    /// For which commit.
    pub commit: String,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it is met.
    pub met: bool,
}

/// An operator asked for something.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// Which run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The node, when it is about one.
    pub node: Option<String>,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// `cancel` or `retry`.
    pub request: String,
    /// Whether the same was asked before, and no reconcile has taken it in: the record is that one.
    pub already: bool,
}

impl Requested {
    /// What was done, in a word or two.
    pub fn asked(&self) -> &'static str {
        if self.already {
            "already asked"
        } else {
            "asked"
        }
    }
}

/// What a retry would open again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reopening {
    /// Which run.
    #[serde(flatten)]
    pub execution: Execution,
    /// The node, when the retry is about one.
    pub node: Option<String>,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// The spec commit with the plan that the run would go on with, when it is another one.
    pub plan: Option<String>,
    /// First what is tried again, then what was decided on it; each in the order of the plan.
    pub nodes: Vec<ReopenedNode>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Reopening {
    const KIND: &'static str = "Reopening";
}

/// A node that a retry opens again, or that is another one with another plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReopenedNode {
    /// Its id.
    pub node: String,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// Where it stands now.
    pub phase: String,
    /// Whether it is tried again itself; else it is behind one that is.
    pub retried: bool,
    /// Whether it is a task that has done its work, and does it once more.
    pub done_again: bool,
    /// Who is at work on it, and stops.
    pub stops: Option<String>,
    /// What another plan does to it: `changed`, `added` or `removed`; `rebound` where it has not begun and somebody else is
    /// to do it; `asked` of a gate whose approval was given for something else.
    pub change: Option<String>,
}

macro_rules! answers {
    ($($name:ident)*) => {
        $(impl Answer for Recorded<$name> {
            const KIND: &'static str = stringify!($name);
        })*
    };
}

answers! { Claimed AskedQuestion Answered Released Reported Decided Attested DocumentAttested Requested Verified ExecutionVerified DocumentVerified }
