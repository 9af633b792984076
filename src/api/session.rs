//! What an agent has to know at the beginning of a session.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::brief::BriefClaim;
use super::next::NextNode;
use crate::core::run::transition::Waiting;

/// What an agent holds, what it may claim, and the rules of this repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionStart {
    /// The actor.
    pub actor: String,
    /// The nodes that it holds in this session, sorted by name.
    pub held: Vec<HeldNode>,
    /// The first 10 nodes that it may claim, most urgent first.
    pub next: Vec<SessionNode>,
    /// How many more nodes it may claim.
    pub more_next: usize,
    /// The first 10 things that runs wait for and that it cannot do.
    pub waiting: Vec<Waiting>,
    /// How many more things are waited for.
    pub more_waiting: usize,
    /// The rules of this repository, as sentences.
    pub rules: Vec<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for SessionStart {
    const KIND: &'static str = "SessionStart";
}

/// A node in short.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionNode {
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Id of the node.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    pub step: Option<String>,
    /// The open attempt, from 1.
    pub attempt: u32,
    /// Who may claim it; null means anybody.
    pub provider: Option<String>,
    /// The work in one line.
    pub title: String,
}

impl From<&NextNode> for SessionNode {
    fn from(next: &NextNode) -> SessionNode {
        SessionNode {
            namespace: next.namespace.clone(),
            execution: next.execution.clone(),
            node: next.node.clone(),
            step: next.step.clone(),
            attempt: next.attempt,
            provider: next.provider.clone(),
            title: next.title(),
        }
    }
}

/// A node that is held.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldNode {
    /// The node.
    #[serde(flatten)]
    pub node: SessionNode,
    /// The claim.
    pub claim: Option<BriefClaim>,
    /// Commands that end the attempt.
    pub commands: Vec<String>,
}
