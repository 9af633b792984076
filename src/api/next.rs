//! What can be claimed now, with everything that a worker has to know.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::Answer;
use crate::core::resource::{ContextItem, Duration, OutputSpec, TaskCriterion};
use crate::core::run::transition::Waiting;

/// The nodes that can be claimed now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextNodes {
    /// The nodes, most urgent first: by priority of the goal, by the work behind the node, by how long it has been
    /// ready, by name.
    pub items: Vec<NextNode>,
    /// If nothing can be claimed: what the runs in question wait for.
    pub waiting: Vec<Waiting>,
    /// Whether a reconcile would have something to do: records in the inbox, a commit on the spec branch that the
    /// status has not seen, or a deadline that has passed.
    pub due: bool,
    /// Why a reconcile is due; if nothing can be claimed, also what else can be done, or later.
    pub notes: Vec<String>,
}

impl Answer for NextNodes {
    const KIND: &'static str = "NextNodes";
}

/// A node that can be claimed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextNode {
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
    /// The configuration that the binding has for the provider.
    pub config: Option<Value>,
    /// The work.
    #[serde(flatten)]
    pub task: NextTask,
    /// The run, plan and goal that it belongs to.
    #[serde(flatten)]
    pub whole: NextWhole,
}

/// The work as in the pinned revision; every field is null if that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextTask {
    /// Title.
    pub name: Option<String>,
    /// The work.
    pub description: Option<String>,
    /// The inputs, with references resolved.
    pub inputs: Option<Map<String, Value>>,
    /// The outputs that a report must have.
    #[serde(serialize_with = "mappings")]
    #[schemars(with = "Option<Vec<Value>>")]
    pub outputs: Option<Vec<OutputSpec>>,
    /// The timeout of an attempt.
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// Context for the worker.
    #[schemars(with = "Option<Vec<Value>>")]
    pub context: Option<Vec<ContextItem>>,
    /// The acceptance criteria.
    #[schemars(with = "Option<Vec<Value>>")]
    pub acceptance_criteria: Option<Vec<TaskCriterion>>,
    /// The paths that it touches, as globs. Nodes that touch the same paths cannot be claimed meanwhile.
    pub touches: Option<Vec<String>>,
}

/// Outputs have one form in an answer, whichever the file has.
fn mappings<S: Serializer>(
    outputs: &Option<Vec<OutputSpec>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mappings = |outputs: &Vec<OutputSpec>| -> Vec<Value> {
        outputs.iter().map(OutputSpec::mapping).collect()
    };
    outputs.as_ref().map(mappings).serialize(serializer)
}

/// The run, plan and goal of a node; every field is null if the pinned revision cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextWhole {
    /// Parameters of the execution.
    pub parameters: Option<Map<String, Value>>,
    /// Context for its workers.
    #[schemars(with = "Option<Vec<Value>>")]
    pub execution_context: Option<Vec<ContextItem>>,
    /// The plan.
    pub plan: Option<NextPlan>,
    /// The goal that the run serves, if there is one.
    pub goal: Option<NextGoal>,
}

/// The plan of a node.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextPlan {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Context for its workers.
    #[schemars(with = "Vec<Value>")]
    pub context: Vec<ContextItem>,
}

/// The goal of a run, as written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextGoal {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Value,
    /// Its constraints.
    pub constraints: Value,
    /// Its acceptance criteria.
    pub acceptance_criteria: Value,
    /// Context for workers.
    pub context: Value,
}

/// The matrix of a GitHub Actions job, without an envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// The jobs.
    pub include: Vec<MatrixJob>,
}

/// A node as a job of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatrixJob {
    /// Name of the execution.
    pub execution: String,
    /// Id of the node.
    pub node: String,
    /// If the node is a step of a document: its `step_id` as written there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The open attempt.
    pub attempt: u32,
    /// Who may claim it; empty means anybody.
    pub provider: String,
    /// Namespace of the execution.
    pub namespace: String,
}

impl From<&NextNode> for MatrixJob {
    fn from(next: &NextNode) -> MatrixJob {
        MatrixJob {
            execution: next.execution.clone(),
            node: next.node.clone(),
            step: next.step.clone(),
            attempt: next.attempt,
            provider: next.provider.clone().unwrap_or_default(),
            namespace: next.namespace.clone(),
        }
    }
}

/// Most jobs of a matrix: GitHub's limit.
const MAX_MATRIX: usize = 256;

impl NextNodes {
    /// The nodes as jobs of a matrix, and notes on those that exceed the limit.
    pub fn matrix(&self) -> (Matrix, Option<String>) {
        let all = self.items.len();
        let left_out = (all > MAX_MATRIX)
            .then(|| format!("{MAX_MATRIX} of {all} nodes are listed: a matrix has no more jobs"));
        let jobs = self.items.iter().take(MAX_MATRIX);
        let include = jobs.map(MatrixJob::from).collect();
        (Matrix { include }, left_out)
    }
}

impl NextNode {
    /// `namespace/execution/node`
    pub fn qualified(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.execution, self.node)
    }

    /// The work in one line: the title, else the beginning of the description; after the `step_id` if that is not an id
    /// of a node.
    pub fn title(&self) -> String {
        let task = &self.task;
        let text = task.name.as_deref().or(task.description.as_deref());
        let text = text
            .and_then(|text| text.lines().next())
            .unwrap_or_default();
        match self.step.as_ref().filter(|step| **step != self.node) {
            Some(step) => format!("{step}: {text}"),
            None => text.to_owned(),
        }
    }
}
