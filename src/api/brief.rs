//! The brief of a node: all that whoever does it has to know, also who has forgotten everything.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Answer;
use super::next::NextNode;
use crate::core::resource::{NodeKind, NodePhase, Time};

/// A node of a run, with all that its worker has to know.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// What is to be done, and what it is a part of.
    #[serde(flatten)]
    pub work: NextNode,
    /// Where it stands.
    #[schemars(with = "String")]
    pub phase: NodePhase,
    /// Why it stands there.
    pub message: String,
    /// Who holds it.
    pub claim: Option<BriefClaim>,
    /// What was asked while it was done, in all attempts, and what was answered; oldest first.
    pub questions: Vec<BriefQuestion>,
    /// The commit that was reported last, of whichever attempt; what was accepted instead of it, where that is another.
    pub last_commit: Option<String>,
    /// What the nodes right before it brought, in the order of the plan; the first 20.
    pub before: Vec<BriefBefore>,
    /// How many nodes right before it are not listed.
    pub more_before: usize,
    /// What comes right behind it, and who decides or does that, in the order of the plan; the first 20.
    pub behind: Vec<BriefBehind>,
    /// How many nodes right behind it are not listed.
    pub more_behind: usize,
    /// Who may check its acceptance criteria: `anyone`, or `independent` for somebody other than who did the work. Nothing where
    /// no criterion is required.
    pub verification: Option<String>,
    /// How whoever holds it ends it: commands, with capital letters where something is to be filled in.
    pub commands: Vec<String>,
}

impl Answer for Brief {
    const KIND: &'static str = "Brief";
}

/// A node right before another, and what it brought.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefBefore {
    /// Its id.
    pub node: String,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// Where it stands.
    #[schemars(with = "String")]
    pub phase: NodePhase,
    /// Why it stands there: who reported it, with which words.
    pub message: String,
    /// The commit with its work; of a node that left none (a gate, for example), nothing.
    pub commit: Option<String>,
    /// What it brought; nothing where that is longer than 2 KiB as JSON.
    pub outputs: Option<Map<String, Value>>,
}

/// A node right behind another, and who decides or does it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefBehind {
    /// Its id.
    pub node: String,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// `Task`, `Gate` or `External`.
    #[schemars(with = "String")]
    pub kind: NodeKind,
    /// Of a gate its reviewers, of anything else its provider; anybody where nobody is listed.
    pub who: Vec<String>,
    /// Of a gate: how many of them have to approve.
    pub required_approvers: Option<u32>,
}

/// What somebody at work has asked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefQuestion {
    /// What.
    pub question: String,
    /// Who asked.
    pub asked_by: String,
    /// In which attempt.
    pub attempt: u32,
    /// The record of the question, whose id names it.
    pub record: String,
    /// What was answered; nothing where nobody has, or its attempt ended before.
    pub answer: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
}

/// Who holds a node.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BriefClaim {
    /// Who.
    pub actor: String,
    /// The record of the claim.
    pub record: String,
    /// When the lease ends; nothing for people, and before a reconcile has taken the claim in.
    pub lease_end: Option<Time>,
}

/// What somebody holds in a session.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldNodes {
    /// Who.
    pub actor: String,
    /// What is held, by name.
    pub items: Vec<Brief>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for HeldNodes {
    const KIND: &'static str = "HeldNodes";
}
