//! The brief of a node: all that whoever does it has to know, also who has forgotten everything.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Answer;
use super::next::NextNode;
use crate::core::resource::{NodeKind, NodePhase, Time};

/// A node of a run, with everything that its worker needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// The work, and the run that it belongs to.
    #[serde(flatten)]
    pub work: NextNode,
    /// Phase of the node.
    #[schemars(with = "String")]
    pub phase: NodePhase,
    /// The reason for the phase, as a sentence.
    pub message: String,
    /// The claim of the current holder, if any.
    pub claim: Option<BriefClaim>,
    /// The questions of all attempts and their answers, oldest first.
    pub questions: Vec<BriefQuestion>,
    /// The commit that was reported last, in any attempt; or the commit that was accepted instead.
    pub last_commit: Option<String>,
    /// The first 20 nodes directly before it with their results, in the order of the plan.
    pub before: Vec<BriefBefore>,
    /// How many more nodes are directly before it.
    pub more_before: usize,
    /// The first 20 nodes directly behind it, and who decides or does them, in the order of the plan.
    pub behind: Vec<BriefBehind>,
    /// How many more nodes are directly behind it.
    pub more_behind: usize,
    /// Who may check its acceptance criteria: `anyone`, or `independent` for anybody except the actor who did the work.
    /// Null if no criterion is required.
    pub verification: Option<String>,
    /// Commands with which the holder ends the attempt; fill in the words in capital letters.
    pub commands: Vec<String>,
}

impl Answer for Brief {
    const KIND: &'static str = "Brief";
}

/// A node directly before another, and its results.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefBefore {
    /// Its id.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// Phase of the node.
    #[schemars(with = "String")]
    pub phase: NodePhase,
    /// The reason for the phase: who reported the node, and what they wrote.
    pub message: String,
    /// The commit with its work; null if there is none, as for a gate.
    pub commit: Option<String>,
    /// Its outputs; null if they are larger than 2 KiB as JSON.
    pub outputs: Option<Map<String, Value>>,
}

/// A node directly behind another, and who decides or does it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefBehind {
    /// Its id.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// `Task`, `Gate` or `External`.
    #[schemars(with = "String")]
    pub kind: NodeKind,
    /// The reviewers of a gate, or the provider of any other node; an empty list means anybody.
    pub who: Vec<String>,
    /// For a gate: how many of them must approve.
    pub required_approvers: Option<u32>,
}

/// A question of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefQuestion {
    /// The question.
    pub question: String,
    /// Who asked.
    pub asked_by: String,
    /// The attempt in which it was asked.
    pub attempt: u32,
    /// Id of the record of the question; it names the question.
    pub record: String,
    /// The answer; null if there is none, or the attempt ended before it.
    pub answer: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
}

/// The claim of a node.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefClaim {
    /// The actor.
    pub actor: String,
    /// The record of the claim.
    pub record: String,
    /// When the lease ends; null for people, and before a reconcile has taken in the claim.
    pub lease_end: Option<Time>,
}

/// The nodes that an actor holds in a session.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldNodes {
    /// The actor.
    pub actor: String,
    /// The nodes, sorted by name.
    pub items: Vec<Brief>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for HeldNodes {
    const KIND: &'static str = "HeldNodes";
}
