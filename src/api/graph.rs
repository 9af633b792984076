//! The graph of a plan, or of a run with its live state.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::Time;
use crate::core::run::transition::WaitingFor;

/// The graph of a plan as it stands in the files, or of a run as it is pinned.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// `Plan` or `Execution`.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its phase; nothing before the first reconcile.
    pub phase: Option<String>,
    /// Whether its file is gone, and only its status is left.
    pub deleted: bool,
    /// What is drawn.
    #[serde(flatten)]
    pub drawing: Drawing,
}

impl Answer for Graph {
    const KIND: &'static str = "Graph";
}

/// Nodes and edges.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drawing {
    /// As they stand in the plan.
    pub nodes: Vec<GraphNode>,
    /// Each pair of nodes once, whether it comes from `edges` or from `dependsOn`.
    pub edges: Vec<GraphEdge>,
    /// Ids by stages: in each stage what is the same longest way from the start.
    pub levels: Vec<Vec<String>>,
    /// The nodes that decide how long it takes, first to last.
    pub critical_path: Vec<String>,
}

/// A node; where there is no run, without state.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphNode {
    /// Its id.
    pub id: String,
    /// Of a step of a document, and of its approval: the `step_id`, as it is written there.
    pub step: Option<String>,
    /// `Task`, `Gate`, `Group` or `External`.
    pub kind: String,
    /// Its title.
    pub name: Option<String>,
    /// Of a group: its members.
    pub children: Vec<String>,
    /// Of a gate: `namespace/name` of what decides.
    pub gate: Option<String>,
    /// Where it stands in the run.
    pub phase: Option<String>,
    /// The open attempt, from 1; 0 before it was first ready.
    pub attempt: Option<u32>,
    /// Why it stands there, in one CamelCase word.
    pub reason: Option<String>,
    /// Why, in a sentence.
    pub message: Option<String>,
    /// Who is to do it; nothing when anybody may.
    pub provider: Option<String>,
    /// Who holds it, or has reported it.
    pub actor: Option<String>,
    /// When the open attempt started.
    pub start_time: Option<Time>,
    /// When it ended.
    pub completion_time: Option<Time>,
    /// What it waits for, when it does not go on by itself.
    pub waiting: Option<WaitingFor>,
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphEdge {
    /// Id of the node that comes first.
    pub from: String,
    /// Id of the node that waits for it.
    pub to: String,
    /// `hard`: it must end well; `soft`: it must be over.
    pub kind: String,
}
