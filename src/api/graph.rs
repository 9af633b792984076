//! The graph of a plan, or of a run with its live state.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::Time;
use crate::core::run::transition::WaitingFor;

/// The graph of a plan as in its file, or of a run as pinned.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// `Plan` or `Execution`.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its phase; null before the first reconcile.
    pub phase: Option<String>,
    /// Whether its file was deleted, so that only its status is left.
    pub deleted: bool,
    /// The nodes and edges.
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
    /// The nodes, in the order of the plan.
    pub nodes: Vec<GraphNode>,
    /// The edges, each once, whether from `edges` or from `dependsOn`.
    pub edges: Vec<GraphEdge>,
    /// Ids of nodes by level: the nodes of a level have the same longest distance from the start.
    pub levels: Vec<Vec<String>>,
    /// The critical path: the nodes that decide how long it takes, first to last.
    pub critical_path: Vec<String>,
}

/// A node; without a run, it has no state.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphNode {
    /// Its id.
    pub id: String,
    /// If the node is a step of a document, or its approval: the `step_id` as written there.
    pub step: Option<String>,
    /// `Task`, `Gate`, `Group` or `External`.
    pub kind: String,
    /// Its title.
    pub name: Option<String>,
    /// For a group: its members.
    pub children: Vec<String>,
    /// For a gate: `namespace/name` of the Gate.
    pub gate: Option<String>,
    /// Its phase in the run.
    pub phase: Option<String>,
    /// The open attempt, from 1; 0 before it was first ready.
    pub attempt: Option<u32>,
    /// The reason for its phase, in one CamelCase word.
    pub reason: Option<String>,
    /// The reason, as a sentence.
    pub message: Option<String>,
    /// The provider that it is bound to; null means anybody.
    pub provider: Option<String>,
    /// Who holds it, or has reported it.
    pub actor: Option<String>,
    /// When the open attempt started.
    pub start_time: Option<Time>,
    /// When it ended.
    pub completion_time: Option<Time>,
    /// What it waits for, if it does not continue by itself.
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
