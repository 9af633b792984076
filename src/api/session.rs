//! What an agent has to know at the beginning of a session.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::brief::BriefClaim;
use super::next::NextNode;
use crate::core::run::transition::Waiting;

/// What an agent holds, what it may take, and the rules of this repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionStart {
    /// Who it is.
    pub actor: String,
    /// What it holds in this session, by name.
    pub held: Vec<HeldNode>,
    /// What it may take, what should be done first coming first; the first 10.
    pub next: Vec<SessionNode>,
    /// How much more it may take.
    pub more_next: usize,
    /// What runs wait for that it cannot do; the first 10.
    pub waiting: Vec<Waiting>,
    /// How much more is waited for.
    pub more_waiting: usize,
    /// What holds in this repository, a sentence each.
    pub rules: Vec<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for SessionStart {
    const KIND: &'static str = "SessionStart";
}

/// A node, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionNode {
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub execution: String,
    /// Id of the node.
    pub node: String,
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// The open attempt, from 1.
    pub attempt: u32,
    /// Who may take it; anybody when not set.
    pub provider: Option<String>,
    /// What is to be done, in a line.
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
    /// Which.
    #[serde(flatten)]
    pub node: SessionNode,
    /// By which claim.
    pub claim: Option<BriefClaim>,
    /// How it is ended.
    pub commands: Vec<String>,
}
