//! The brief of a node: all that whoever does it has to know, also who has forgotten everything.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::next::NextNode;
use crate::core::resource::{NodePhase, Time};

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
    /// How whoever holds it ends it: commands, with capital letters where something is to be filled in.
    pub commands: Vec<String>,
}

impl Answer for Brief {
    const KIND: &'static str = "Brief";
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
