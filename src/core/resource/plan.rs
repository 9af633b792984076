//! Plan: a graph of nodes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use crate::core::base::diagnostic::PathStep;
use crate::path;

use super::{
    Condition, ContextItem, Duration, Key, Kind, ObjectRef, is_false, is_zero, phase, yes,
};

/// formats.md, "Plan.spec".
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanSpec {
    /// What the plan does.
    pub description: String,
    /// The goal it serves.
    pub goal_ref: Option<ObjectRef>,
    /// Line of revisions; stands together with `version`.
    pub series: Option<String>,
    /// Revision within the series.
    pub version: Option<String>,
    /// The direct predecessor, at most one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<ObjectRef>,
    /// `sha256:…` over the normal form of the graph; checked when given.
    pub graph_digest: Option<String>,
    /// What a worker should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
    /// The work.
    pub graph: GraphSpec,
    /// What must be attested before a run succeeds, when the document that the plan comes from
    /// says so.
    #[serde(skip)]
    pub contract: Contract,
}

/// What a document demands of a run beside its steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// Its constraints and success criteria.
    pub criteria: Vec<ContractCriterion>,
    /// What a broken blocking constraint leads to.
    pub on_violation: OnBroken,
    /// What a question of whoever is at work leads to.
    pub on_question: OnQuestion,
    /// What reported work outside of the scope leads to, where that is said.
    pub on_unexpected_scope: Option<OnBroken>,
    /// What its scope says about files, where that decides: which ones the work is about, and which it is not.
    pub scope: [Vec<String>; 2],
    /// The criteria, by their ids, that show by themselves once it is deployed.
    pub observable: Vec<String>,
}

/// One constraint or success criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContractCriterion {
    /// A name for it.
    pub id: String,
    /// What.
    pub description: String,
    /// Which of the two it is.
    pub kind: CriterionOf,
    /// Whether there is no success without it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub required: bool,
    /// Whether only a person may say that it is met.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub manual: bool,
    /// What decides whether it is met; where there is nothing, people do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<TaskCriterion>,
}

/// Where a criterion comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CriterionOf {
    /// What must hold.
    Constraint,
    /// When it is done.
    SuccessCriterion,
}

/// What approves a revision of a document that is to be run.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RevisionApproval {
    /// That it has arrived on the spec branch.
    #[default]
    Merge,
    /// A person, unless it is a patch.
    Human,
    /// A person, where another approach is taken; all else has arrived.
    Hybrid,
    /// A person or its arrival, whichever comes first: what can be run has arrived.
    Either,
}

/// What a question of whoever is at work leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnQuestion {
    /// The node waits for the answer.
    #[default]
    Pause,
    /// The attempt fails.
    Fail,
    /// It is said, and the work goes on.
    GoOn,
}

/// What a broken blocking constraint leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBroken {
    /// The run waits at its end.
    #[default]
    Pause,
    /// The run fails at once.
    Fail,
    /// It is said, and the run goes on.
    Notify,
}

/// Nodes and edges as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphSpec {
    /// At least one.
    pub nodes: Vec<Node>,
    /// Beside the nodes' `dependsOn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NodeKind {
    /// Somebody works.
    #[default]
    Task,
    /// Somebody decides.
    Gate,
    /// A name for several nodes.
    Group,
    /// Something outside happens.
    External,
}

impl std::fmt::Display for NodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NodeKind::Task => "Task",
            NodeKind::Gate => "Gate",
            NodeKind::Group => "Group",
            NodeKind::External => "External",
        })
    }
}

/// One node. Which fields a kind may carry is kept by its JSON Schema.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Unique in the plan.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Title.
    pub name: Option<String>,
    /// What is to be done.
    pub description: Option<String>,
    /// What a worker should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
    /// A hard edge from each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Counts from the recorded start of an attempt.
    pub timeout: Option<Duration>,
    /// CEL; false skips the node.
    pub when: Option<String>,
    /// Task: what the worker must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capability_refs: Vec<ObjectRef>,
    /// Task: given to the worker.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Task: what a report of success must bring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputSpec>,
    /// Task: checks on the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<TaskCriterion>,
    /// Task: further attempts after a failure, 0 to 10.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// Task: for people.
    pub estimated_effort: Option<Effort>,
    /// Gate: where the decision is described.
    pub gate_ref: Option<ObjectRef>,
    /// Group: its members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
    /// Group: a hint without effect on order.
    pub mode: Option<GroupMode>,
    /// External: what is waited for.
    pub external_ref: Option<ExternalRef>,
    /// External: how often to look.
    pub poll_interval: Option<Duration>,
    /// What this program is told beside the published fields.
    #[serde(rename = "x-planspec", default, skip_serializing_if = "is_zero")]
    pub extension: NodeExtension,
    /// Task: who does it, when the document that it comes from says so. Before any binding.
    #[serde(skip)]
    pub provider: Option<String>,
    /// The step of a document that it comes from.
    #[serde(skip)]
    pub step: Option<StepName>,
}

/// What a document calls the step that a node comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepName {
    /// The `step_id` as it is written.
    pub id: String,
    /// Whether the node is that step itself, not its approval.
    pub is_own: bool,
    /// What the node was called before names were transliterated, where that is another name.
    pub former: Option<String>,
}

/// What stands before a `step_id` where its approval is meant.
const APPROVE: &str = "approve-";

impl StepName {
    /// Whether a text is what people write of the node: the `step_id`; of its approval, with `approve-` before it.
    pub fn is_written(&self, text: &str) -> bool {
        if self.is_own {
            self.id == text
        } else {
            text.strip_prefix(APPROVE) == Some(&self.id)
        }
    }
}

impl GraphSpec {
    /// The node that a text names: by its id, else by the `step_id` that it comes from as written, else by the name that it
    /// had before, else by what a tracker calls it. The one place where this is decided.
    pub fn named(&self, text: &str) -> Option<&Node> {
        let by = |is: &dyn Fn(&Node) -> bool| self.nodes.iter().find(|node| is(node));
        let of_step =
            |node: &Node, is: &dyn Fn(&StepName) -> bool| node.step.as_ref().is_some_and(is);
        by(&|node| node.id == text)
            .or_else(|| by(&|node| of_step(node, &|step| step.is_written(text))))
            .or_else(|| by(&|node| of_step(node, &|step| step.former.as_deref() == Some(text))))
            .or_else(|| by(&|node| node.tracker_id() == Some(text)))
    }

    /// Whether a node of it had another name before names were transliterated.
    pub fn is_renamed(&self) -> bool {
        let mut steps = self.nodes.iter().filter_map(|node| node.step.as_ref());
        steps.any(|step| step.former.is_some())
    }
}

impl Node {
    /// The `step_id` of the document, as written, where the node is that step; of a node that comes from a tracker, what
    /// that calls it.
    pub fn own_step(&self) -> Option<&str> {
        let step = self.step.as_ref().filter(|step| step.is_own);
        step.map(|step| step.id.as_str())
            .or_else(|| self.tracked_step())
    }

    /// The same, also where it is the approval of that step.
    pub fn step_id(&self) -> Option<&str> {
        let step = self.step.as_ref().map(|step| step.id.as_str());
        step.or_else(|| self.tracked_step())
    }

    /// What a tracker calls it, where that is more than its title.
    fn tracked_step(&self) -> Option<&str> {
        self.tracker_id()
            .filter(|id| Some(*id) != self.name.as_deref())
    }

    /// What a tracker calls the task that the node comes from.
    pub fn tracker_id(&self) -> Option<&str> {
        self.context.iter().find_map(ContextItem::tracker_id)
    }

    /// Where a tracker keeps that task.
    pub fn tracker_url(&self) -> Option<&str> {
        self.context.iter().find_map(ContextItem::tracker_url)
    }
}

/// `x-planspec` of a node: what this program is told beside the published fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeExtension {
    /// Task: it runs whatever happens: when what comes before it failed, and when the run was stopped.
    #[serde(default, skip_serializing_if = "is_false")]
    pub always: bool,
    /// Task: the paths that it touches, as globs from the repository's root. Two that overlap are not held at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<String>,
}

/// A declared output of a task: its name as a text, as published, or a mapping that says more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenOutput", into = "WrittenOutput")]
pub struct OutputSpec {
    /// `[a-z][a-z0-9_]*`
    pub name: String,
    /// What it holds.
    pub description: Option<String>,
    /// Its type, for people.
    pub value_type: Option<String>,
}

impl OutputSpec {
    /// The mapping, also where the name is all there is: what digests are made of, and what answers have always had.
    pub fn mapping(&self) -> Value {
        let texts = [
            ("name", Some(&self.name)),
            ("description", self.description.as_ref()),
            ("type", self.value_type.as_ref()),
        ];
        let given = texts
            .into_iter()
            .filter_map(|(field, text)| Some((field, text?)));
        given
            .map(|(field, text)| (field.to_owned(), Value::from(text.as_str())))
            .collect::<Map<_, _>>()
            .into()
    }
}

/// The two ways to write an output.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenOutput {
    Name(String),
    Mapping(OutputMapping),
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputMapping {
    name: String,
    description: Option<String>,
    #[serde(rename = "type")]
    value_type: Option<String>,
}

impl From<WrittenOutput> for OutputSpec {
    fn from(written: WrittenOutput) -> OutputSpec {
        let (name, description, value_type) = match written {
            WrittenOutput::Name(name) => (name, None, None),
            WrittenOutput::Mapping(one) => (one.name, one.description, one.value_type),
        };
        OutputSpec {
            name,
            description,
            value_type,
        }
    }
}

impl From<OutputSpec> for WrittenOutput {
    fn from(output: OutputSpec) -> WrittenOutput {
        let OutputSpec {
            name,
            description,
            value_type,
        } = output;
        if description.is_none() && value_type.is_none() {
            return WrittenOutput::Name(name);
        }
        WrittenOutput::Mapping(OutputMapping {
            name,
            description,
            value_type,
        })
    }
}

/// Size of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Hours.
    Small,
    /// A day or so.
    Medium,
    /// Days.
    Large,
    /// Weeks.
    Xlarge,
}

/// Hint on how a group's members run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupMode {
    /// Side by side.
    Parallel,
    /// One after another.
    Sequence,
}

/// What an External waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ExternalRef {
    /// Something behind a URI.
    Uri {
        /// Where.
        uri: String,
    },
    /// Another resource.
    Resource {
        /// Which.
        #[serde(rename = "resourceRef")]
        resource_ref: TargetRef,
    },
    /// A call from outside.
    Webhook {
        /// Where it is announced.
        #[serde(rename = "webhookUrl")]
        webhook_url: String,
    },
}

/// A reference that names a kind.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetRef {
    /// Kind of the target.
    pub kind: Kind,
    /// Name of the target.
    pub name: String,
    /// Its namespace, when it is another.
    pub namespace: Option<String>,
    /// Its uid, checked when given.
    pub uid: Option<String>,
    /// A node of a plan.
    pub node_id: Option<String>,
    /// `planspec.io/v1alpha1`
    pub api_version: Option<String>,
}

impl TargetRef {
    /// The key of what is meant by an object in `namespace`.
    pub fn key(&self, namespace: &str) -> Key {
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        Key::new(self.kind, namespace, &self.name)
    }
}

/// A dependency between two nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edge {
    /// The node that comes first.
    pub from: String,
    /// The node that waits.
    pub to: String,
    /// How strictly it waits.
    #[serde(rename = "type", default)]
    pub kind: EdgeKind,
}

/// How strictly a node waits for another.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// Until it succeeded.
    #[default]
    Hard,
    /// Until it is over, whatever the outcome.
    Soft,
}

/// A check on the result of a task.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskCriterion {
    /// Which check.
    #[serde(rename = "type")]
    pub kind: CriterionKind,
    /// Title.
    pub name: String,
    /// What is checked.
    pub description: Option<String>,
    /// Whether it decides.
    #[serde(default = "yes")]
    pub required: bool,
    /// How long the check may take.
    pub timeout: Option<Duration>,
    /// `artifact_exists`: path in the repository.
    pub path: Option<String>,
    /// `artifact_exists`: a regular expression that is found in the file.
    pub content_match: Option<String>,
    /// `test_passes`, `command_succeeds`: program, or words without a shell.
    pub command: Option<String>,
    /// Arguments.
    pub args: Option<Vec<String>>,
    /// Default 0.
    pub expected_exit_code: Option<i64>,
    /// `command_succeeds`: a regular expression that is found in what it prints.
    pub output_match: Option<String>,
    /// `endpoint_responds`: where to ask.
    pub url: Option<String>,
    /// Default GET.
    pub method: Option<String>,
    /// Default 200.
    pub expected_status: Option<u16>,
    /// A regular expression that is found in the body.
    pub body_match: Option<String>,
    /// `custom`: whom to ask.
    #[serde(default, alias = "webhook")]
    pub webhook_url: Option<String>,
    /// `custom`: what to send.
    pub payload: Option<Value>,
    /// `custom`: what must come back.
    pub expected_response: Option<ExpectedResponse>,
}

impl TaskCriterion {
    /// The regular expressions in it, with their fields.
    pub fn patterns(&self) -> Vec<(Vec<PathStep>, &str)> {
        let expected = self.expected_response.as_ref();
        let patterns = [
            (path!["contentMatch"], &self.content_match),
            (path!["outputMatch"], &self.output_match),
            (path!["bodyMatch"], &self.body_match),
            (
                path!["expectedResponse", "bodyMatch"],
                expected.map_or(&None, |expected| &expected.body_match),
            ),
        ];
        let given = patterns.into_iter();
        given
            .filter_map(|(field, pattern)| Some((field, pattern.as_deref()?)))
            .collect()
    }
}

/// Which check a criterion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionKind {
    /// A file is there.
    ArtifactExists,
    /// A test command succeeds.
    TestPasses,
    /// A command succeeds.
    CommandSucceeds,
    /// A URL answers.
    EndpointResponds,
    /// Somebody else judges.
    Custom,
}

/// What a custom check must answer.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedResponse {
    /// HTTP status.
    pub status_code: Option<u16>,
    /// A regular expression that is found in the body.
    pub body_match: Option<String>,
}

phase! {
    /// Phase of a plan.
    PlanPhase {
        Invalid "It breaks a rule; no execution of it starts.",
        Ready "It can be executed.",
    }
}

/// Written by the plan controller.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanStatus {
    /// Ready or Invalid.
    pub phase: PlanPhase,
    /// Number of nodes.
    #[serde(default)]
    pub node_count: usize,
    /// `Valid` says why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that was looked at.
    #[serde(default)]
    pub observed_generation: u64,
}
