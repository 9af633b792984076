//! Plan: a graph of nodes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use crate::core::base::diagnostic::PathStep;
use crate::path;

use super::{
    Condition, ContextItem, Duration, Key, Kind, ObjectRef, is_false, is_zero, phase, yes,
};

/// `spec` of a Plan (docs/spec/resources.md, R5).
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanSpec {
    /// The description.
    pub description: String,
    /// The goal that it serves.
    pub goal_ref: Option<ObjectRef>,
    /// The series of revisions; always together with `version`.
    pub series: Option<String>,
    /// The version within the series.
    pub version: Option<String>,
    /// The direct predecessor, at most one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<ObjectRef>,
    /// `sha256:…` over the normal form of the graph; checked if given.
    pub graph_digest: Option<String>,
    /// Context for workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
    /// The graph.
    pub graph: GraphSpec,
    /// What must be attested before a run succeeds, if the document that the plan comes from
    /// requires it.
    #[serde(skip)]
    pub contract: Contract,
}

/// The requirements of a document besides its steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// Its constraints and success criteria.
    pub criteria: Vec<ContractCriterion>,
    /// What happens if a blocking constraint is broken.
    pub on_violation: OnBroken,
    /// What happens if a worker asks a question.
    pub on_question: OnQuestion,
    /// What happens if reported work is outside of the scope, if the document says so.
    pub on_unexpected_scope: Option<OnBroken>,
    /// The globs of its scope, if they apply: the included and the excluded files.
    pub scope: [Vec<String>; 2],
    /// The ids of criteria that can only be observed after deployment.
    pub observable: Vec<String>,
}

/// One constraint or success criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContractCriterion {
    /// Its id.
    pub id: String,
    /// The description.
    pub description: String,
    /// Whether it is a constraint or a success criterion.
    pub kind: CriterionOf,
    /// Whether success requires it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub required: bool,
    /// Whether only a person may attest that it is met.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub manual: bool,
    /// The checks that decide whether it is met; without checks, people do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<TaskCriterion>,
}

/// The kind of a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CriterionOf {
    /// A constraint.
    Constraint,
    /// A success criterion.
    SuccessCriterion,
}

/// How revisions of documents are approved for execution.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RevisionApproval {
    /// By their merge to the spec branch.
    #[default]
    Merge,
    /// By a person, except for patches.
    Human,
    /// By a person if the approach changes, otherwise by merge.
    Hybrid,
    /// By a person or by merge: any revision that can be run has been merged.
    Either,
}

/// What happens if a worker asks a question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnQuestion {
    /// The node waits for the answer.
    #[default]
    Pause,
    /// The attempt fails.
    Fail,
    /// The question is recorded, and the work continues.
    GoOn,
}

/// What happens if a blocking constraint is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBroken {
    /// The run waits at its end.
    #[default]
    Pause,
    /// The run fails at once.
    Fail,
    /// It is recorded, and the run continues.
    Notify,
}

/// The nodes and edges as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphSpec {
    /// At least one.
    pub nodes: Vec<Node>,
    /// The edges besides the nodes' `dependsOn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NodeKind {
    /// Work.
    #[default]
    Task,
    /// A decision by people.
    Gate,
    /// A group of nodes.
    Group,
    /// An event outside.
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

/// A node. The JSON Schema checks which fields a kind may have.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Its id, unique in the plan.
    pub id: String,
    /// Its kind.
    pub kind: NodeKind,
    /// A title.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Context for workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
    /// The nodes that it depends on, by hard edges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Timeout, from the recorded start of an attempt.
    pub timeout: Option<Duration>,
    /// A condition in CEL; if false, the node is skipped.
    pub when: Option<String>,
    /// Task: the capabilities that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capability_refs: Vec<ObjectRef>,
    /// Task: the inputs of the worker.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Task: the outputs that a report of success must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputSpec>,
    /// Task: the acceptance criteria.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<TaskCriterion>,
    /// Task: further attempts after a failure, 0 to 10.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// Task: an estimate for people.
    pub estimated_effort: Option<Effort>,
    /// Gate: the Gate with the description of the decision.
    pub gate_ref: Option<ObjectRef>,
    /// Group: its children.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<String>,
    /// Group: a hint without effect on the order.
    pub mode: Option<GroupMode>,
    /// External: what it waits for.
    pub external_ref: Option<ExternalRef>,
    /// External: the interval of polls.
    pub poll_interval: Option<Duration>,
    /// Fields of `x-planspec`.
    #[serde(rename = "x-planspec", default, skip_serializing_if = "is_zero")]
    pub extension: NodeExtension,
    /// Task: the provider, if the document that it comes from names one. It takes precedence over bindings.
    #[serde(skip)]
    pub provider: Option<String>,
    /// The step of a document that it comes from.
    #[serde(skip)]
    pub step: Option<StepName>,
}

/// The step of a document that a node comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepName {
    /// The `step_id` as written.
    pub id: String,
    /// Whether the node is the step itself, and not its approval.
    pub is_own: bool,
    /// The former id of the node, from before names were transliterated, if it differs.
    pub former: Option<String>,
}

/// Prefix of a `step_id` in the name of its approval.
const APPROVE: &str = "approve-";

impl StepName {
    /// Whether a text is the name of the node in the document: the `step_id`, for its approval after `approve-`.
    pub fn is_written(&self, text: &str) -> bool {
        if self.is_own {
            self.id == text
        } else {
            text.strip_prefix(APPROVE) == Some(&self.id)
        }
    }
}

impl GraphSpec {
    /// The node that a text names: by its id, else by the `step_id` of its step, else by its former id, else by its
    /// id in a tracker. Nothing else decides this.
    pub fn named(&self, text: &str) -> Option<&Node> {
        let by = |is: &dyn Fn(&Node) -> bool| self.nodes.iter().find(|node| is(node));
        let of_step =
            |node: &Node, is: &dyn Fn(&StepName) -> bool| node.step.as_ref().is_some_and(is);
        by(&|node| node.id == text)
            .or_else(|| by(&|node| of_step(node, &|step| step.is_written(text))))
            .or_else(|| by(&|node| of_step(node, &|step| step.former.as_deref() == Some(text))))
            .or_else(|| by(&|node| node.tracker_id() == Some(text)))
    }

    /// Whether a node has a former id from before names were transliterated.
    pub fn is_renamed(&self) -> bool {
        let mut steps = self.nodes.iter().filter_map(|node| node.step.as_ref());
        steps.any(|step| step.former.is_some())
    }
}

impl Node {
    /// The `step_id` in the document if the node is that step; for a node from a tracker, its id
    /// there.
    pub fn own_step(&self) -> Option<&str> {
        let step = self.step.as_ref().filter(|step| step.is_own);
        step.map(|step| step.id.as_str())
            .or_else(|| self.tracked_step())
    }

    /// The same, also if the node is the approval of that step.
    pub fn step_id(&self) -> Option<&str> {
        let step = self.step.as_ref().map(|step| step.id.as_str());
        step.or_else(|| self.tracked_step())
    }

    /// Its id in a tracker, if that is more than its title.
    fn tracked_step(&self) -> Option<&str> {
        self.tracker_id()
            .filter(|id| Some(*id) != self.name.as_deref())
    }

    /// Its id in the tracker that it comes from.
    pub fn tracker_id(&self) -> Option<&str> {
        self.context.iter().find_map(ContextItem::tracker_id)
    }

    /// Its URL in that tracker.
    pub fn tracker_url(&self) -> Option<&str> {
        self.context.iter().find_map(ContextItem::tracker_url)
    }
}

/// `x-planspec` of a node: fields in addition to the published ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeExtension {
    /// Task: always runs, even if nodes before it failed or the run was cancelled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub always: bool,
    /// Task: the paths that it touches, as globs from the repository's root. Overlapping tasks are not held at the same
    /// time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<String>,
}

/// A declared output of a task: only a name, as published, or a mapping with more fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenOutput", into = "WrittenOutput")]
pub struct OutputSpec {
    /// `[a-z][a-z0-9_]*`
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Its type, for people.
    pub value_type: Option<String>,
}

impl OutputSpec {
    /// The mapping, even if there is only a name: for digests, and for answers, which have always had it.
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

/// The two forms of an output.
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

/// The effort of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Hours.
    Small,
    /// About a day.
    Medium,
    /// Days.
    Large,
    /// Weeks.
    Xlarge,
}

/// A hint how the children of a group run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupMode {
    /// At the same time.
    Parallel,
    /// One after another.
    Sequence,
}

/// What an External waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ExternalRef {
    /// A URI.
    Uri {
        /// The URI.
        uri: String,
    },
    /// Another resource.
    Resource {
        /// The resource.
        #[serde(rename = "resourceRef")]
        resource_ref: TargetRef,
    },
    /// A webhook.
    Webhook {
        /// Where the wait is announced.
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
    /// Its namespace, if it is another.
    pub namespace: Option<String>,
    /// Its uid; checked if given.
    pub uid: Option<String>,
    /// A node of a plan.
    pub node_id: Option<String>,
    /// `planspec.io/v1alpha1`
    pub api_version: Option<String>,
}

impl TargetRef {
    /// The key of the target, for an object in `namespace`.
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
    /// How strictly.
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

/// An acceptance criterion of a task.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskCriterion {
    /// The kind of the check.
    #[serde(rename = "type")]
    pub kind: CriterionKind,
    /// Title.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Whether it is required.
    #[serde(default = "yes")]
    pub required: bool,
    /// The timeout of the check.
    pub timeout: Option<Duration>,
    /// `artifact_exists`: a path in the repository.
    pub path: Option<String>,
    /// `artifact_exists`: a regular expression that the file must contain.
    pub content_match: Option<String>,
    /// `test_passes`, `command_succeeds`: a program, or a command line without a shell.
    pub command: Option<String>,
    /// The arguments.
    pub args: Option<Vec<String>>,
    /// The exit code; by default 0.
    pub expected_exit_code: Option<i64>,
    /// `command_succeeds`: a regular expression that the output must contain.
    pub output_match: Option<String>,
    /// `endpoint_responds`: the URL.
    pub url: Option<String>,
    /// The method; by default GET.
    pub method: Option<String>,
    /// The expected status; by default 200.
    pub expected_status: Option<u16>,
    /// A regular expression that the body must contain.
    pub body_match: Option<String>,
    /// `custom`: the URL of the service.
    #[serde(default, alias = "webhook")]
    pub webhook_url: Option<String>,
    /// `custom`: the payload.
    pub payload: Option<Value>,
    /// `custom`: the expected response.
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

/// The kind of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionKind {
    /// A file exists.
    ArtifactExists,
    /// A test command succeeds.
    TestPasses,
    /// A command succeeds.
    CommandSucceeds,
    /// A URL responds.
    EndpointResponds,
    /// A service decides.
    Custom,
}

/// The expected response of a custom check.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedResponse {
    /// The HTTP status.
    pub status_code: Option<u16>,
    /// A regular expression that the body must contain.
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
    /// The number of nodes.
    #[serde(default)]
    pub node_count: usize,
    /// The conditions; `Valid` explains the phase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
}
