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
    /// What should be done first comes first: by the priority of the goal, by what stands behind a node, by how long it has been
    /// ready, by name.
    pub items: Vec<NextNode>,
    /// Where nothing can be claimed: what is waited for, of the runs that were asked about.
    pub waiting: Vec<Waiting>,
    /// Whether a reconcile would find something to do: records wait in the inbox, the spec branch has
    /// a commit that the status has not seen, or a moment has come.
    pub due: bool,
    /// Why a reconcile is due; where nothing can be claimed: what can be done later, or besides.
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
    /// Of a step of a document: its `step_id`, as it is written there.
    pub step: Option<String>,
    /// The open attempt, from 1.
    pub attempt: u32,
    /// Who may take it; anybody when not set.
    pub provider: Option<String>,
    /// What the binding has for the provider.
    pub config: Option<Value>,
    /// What is to be done.
    #[serde(flatten)]
    pub task: NextTask,
    /// What it is a part of.
    #[serde(flatten)]
    pub whole: NextWhole,
}

/// What is to be done, from the pinned revision; all of it null when that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextTask {
    /// Title.
    pub name: Option<String>,
    /// What is to be done.
    pub description: Option<String>,
    /// What the worker gets; references are resolved.
    pub inputs: Option<Map<String, Value>>,
    /// What the report is to bring.
    #[serde(serialize_with = "mappings")]
    #[schemars(with = "Option<Vec<Value>>")]
    pub outputs: Option<Vec<OutputSpec>>,
    /// How long it may take.
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// What a worker should know.
    #[schemars(with = "Option<Vec<Value>>")]
    pub context: Option<Vec<ContextItem>>,
    /// What must hold when it is done.
    #[schemars(with = "Option<Vec<Value>>")]
    pub acceptance_criteria: Option<Vec<TaskCriterion>>,
    /// Which paths it touches, as globs: what touches the same is not begun meanwhile.
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

/// What a node is a part of; all of it null when the pinned revision cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextWhole {
    /// Parameters of the execution.
    pub parameters: Option<Map<String, Value>>,
    /// What its workers should know.
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
    /// What it does.
    pub description: String,
    /// What its workers should know.
    #[schemars(with = "Vec<Value>")]
    pub context: Vec<ContextItem>,
}

/// The goal of a run, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextGoal {
    /// Its name.
    pub name: String,
    /// What is to be reached.
    pub description: Value,
    /// What must not be broken.
    pub constraints: Value,
    /// When it is reached.
    pub acceptance_criteria: Value,
    /// What workers should know.
    pub context: Value,
}

/// The matrix of a GitHub Actions job: it stands in no envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// One for each job.
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
    /// Of a step of a document: its `step_id`, as it is written there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The open attempt.
    pub attempt: u32,
    /// Who may take it; empty when anybody may.
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
    /// The nodes as jobs of a matrix; and what is to be known of those that found no room.
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

    /// What is to be done, in a line: its title, else the beginning of its description; of a step
    /// whose `step_id` is no id of a node, behind that.
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
