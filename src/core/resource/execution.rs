//! Execution: one run of a plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use super::{
    Condition, ContextItem, ContractCriterion, Key, Kind, ObjectRef, Outcome, ReviewAction,
    RevisionApproval, Time, is_zero, phase,
};

/// `spec` of an Execution (docs/spec/resources.md, R13). Immutable once committed.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionSpec {
    /// The plan.
    pub plan_ref: ObjectRef,
    /// The goal that the run serves.
    pub goal_ref: Option<ObjectRef>,
    /// The binding for its tasks.
    pub binding_ref: Option<ObjectRef>,
    /// Bindings for single tasks, by node id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_bindings: BTreeMap<String, ObjectRef>,
    /// Reserved.
    pub runtime_ref: Option<ObjectRef>,
    /// The parameters of the run.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Context for workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
}

phase! {
    /// Phase of an execution.
    ExecutionPhase {
        Pending "Not started: something it needs is missing.",
        Running "Something runs or can be claimed.",
        Blocked "It waits for decisions or for what is missing.",
        Succeeded "Every node ended well.",
        Failed "A node failed for good.",
        Cancelled "Somebody stopped it.",
    }
}

impl ExecutionPhase {
    /// Whether a retry can open the run again.
    pub fn can_be_retried(self) -> bool {
        matches!(
            self,
            ExecutionPhase::Running | ExecutionPhase::Blocked | ExecutionPhase::Failed
        )
    }

    /// Whether the run is over.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            ExecutionPhase::Succeeded | ExecutionPhase::Failed | ExecutionPhase::Cancelled
        )
    }
}

phase! {
    /// Phase of a node in a run.
    NodePhase {
        Pending "It waits for its turn, or to be claimed.",
        Running "Somebody works on it.",
        Blocked "It waits for a decision or for what is missing.",
        Succeeded "Done.",
        Failed "Failed for good.",
        Skipped "It will not run: what it depends on failed, or its condition is false.",
        Cancelled "Stopped.",
    }
}

impl NodePhase {
    /// Whether the node is over.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            NodePhase::Succeeded | NodePhase::Failed | NodePhase::Skipped | NodePhase::Cancelled
        )
    }
}

/// Written by the execution controller.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionStatus {
    /// The phase.
    pub phase: ExecutionPhase,
    /// The reason for the phase, one CamelCase word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The reason for the phase, as a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The id of this run of the resource.
    pub run_id: Option<String>,
    /// When `reconcile` first saw it.
    pub queued_time: Option<Time>,
    /// When it left Pending.
    pub start_time: Option<Time>,
    /// When it ended.
    pub completion_time: Option<Time>,
    /// When the phase last changed.
    pub last_phase_transition_time: Option<Time>,
    /// Digest of the pinned spec.
    pub spec_hash: Option<String>,
    /// The statuses of the pinned plan's nodes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_statuses: BTreeMap<String, NodeStatus>,
    /// The artifacts of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
    /// Fields that this controller keeps in addition to the published ones.
    #[serde(default)]
    pub extensions: ExecutionExtensions,
}

/// An artifact of a run: a file, a folder or a URL.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// The title.
    pub name: String,
    /// The kind.
    #[serde(rename = "type")]
    pub kind: ArtifactKind,
    /// Its path, if it is in the repository.
    pub path: Option<String>,
    /// Its URL, if it is elsewhere.
    pub url: Option<String>,
    /// Digest of the content.
    pub checksum: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// MIME type.
    pub media_type: Option<String>,
    /// Further data.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// The origin of an artifact, from its `metadata`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The node; written by `reconcile`.
    pub node: Option<&'a str>,
    /// The attempt; written by `reconcile`.
    pub attempt: Option<u32>,
    /// The commit that contains it; written by the reporter.
    pub commit: Option<&'a str>,
}

/// Name of the artifact with the log of an attempt.
pub const LOG_ARTIFACT: &str = "log";
/// Name of the log file, the only file in its commit.
pub const LOG_FILE: &str = "log.txt";

impl Artifact {
    /// Whether it is the log of an attempt.
    pub fn is_log(&self) -> bool {
        self.name == LOG_ARTIFACT && self.path.as_deref() == Some(LOG_FILE)
    }

    /// Its origin.
    pub fn origin(&self) -> Origin<'_> {
        let text = |name: &str| self.metadata.get(name).and_then(Value::as_str);
        let attempt = self.metadata.get("attempt").and_then(Value::as_u64);
        Origin {
            node: text("node"),
            attempt: attempt.and_then(|attempt| u32::try_from(attempt).ok()),
            commit: text("commit"),
        }
    }
}

/// The kind of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// One file.
    File,
    /// A folder.
    Directory,
    /// A URL.
    Url,
}

/// The status of a node of a run.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeStatus {
    /// The phase.
    pub phase: NodePhase,
    /// When the current attempt started.
    pub start_time: Option<Time>,
    /// When the current attempt ended.
    pub completion_time: Option<Time>,
    /// The open attempt, from 1; 0 before the node was first ready.
    #[serde(default)]
    pub attempt: u32,
    /// The outputs of the report.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// The reason for the phase, as a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Fields that this controller keeps in addition to the published ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: NodeExtensions,
}

impl NodeStatus {
    /// The phase with its reason: `Blocked: 0 of 1 approvals`.
    pub fn standing(&self) -> String {
        match self.message.as_str() {
            "" => self.phase.to_string(),
            message => format!("{}: {message}", self.phase),
        }
    }

    /// Whether it succeeded, or was skipped because its condition is false.
    pub fn ended_well(&self) -> bool {
        match self.phase {
            NodePhase::Succeeded => true,
            NodePhase::Skipped => self.extensions.reason == CONDITION_FALSE,
            _ => false,
        }
    }

    /// Since when it has waited in this state; for work in progress, since its start.
    pub fn waits_since(&self) -> Option<Time> {
        match self.phase {
            NodePhase::Running => self.start_time,
            _ => self.extensions.since,
        }
    }

    /// Whether its provider is a person.
    pub fn is_for_people(&self) -> bool {
        let target = self.extensions.target.as_ref();
        let provider = target.and_then(|target| target.provider.as_deref());
        provider.is_some_and(|provider| provider.starts_with(HUMAN))
    }

    /// Whether it was reported as succeeded, and waits for its acceptance criteria to be checked.
    pub fn awaits_verification(&self) -> bool {
        self.phase == NodePhase::Blocked && self.extensions.reason == AWAITING_VERIFICATION
    }

    /// Whether its holder has asked a question, and waits for the answer of a person.
    pub fn awaits_answer(&self) -> bool {
        self.phase == NodePhase::Blocked && self.extensions.reason == AWAITING_ANSWER
    }

    /// Whether it was reported as succeeded, and a person must decide about changes outside of the scope.
    pub fn is_out_of_scope(&self) -> bool {
        self.phase == NodePhase::Blocked && self.extensions.reason == OUT_OF_SCOPE
    }

    /// Whether it was reported as succeeded, but does not count yet.
    pub fn is_reported(&self) -> bool {
        self.awaits_verification() || self.is_out_of_scope()
    }

    /// Whether somebody holds it, working or waiting for an answer.
    pub fn is_in_hands(&self) -> bool {
        self.phase == NodePhase::Running || self.awaits_answer()
    }

    /// The unanswered questions of its holder, or about its report. They are void when the attempt ends.
    pub fn open_questions(&self) -> impl Iterator<Item = &Question> {
        let is_held = self.extensions.claim.is_some() && self.is_in_hands();
        let report = self.extensions.report.as_ref();
        let report = report.filter(|_| self.is_out_of_scope());
        let questions = self.extensions.questions.iter();
        questions.filter(move |one| {
            let is_about_report = report.is_some_and(|report| report.record == one.record);
            let is_asked = is_held || is_about_report;
            is_asked && one.attempt == self.attempt && one.answer.is_none()
        })
    }

    /// Whether the open attempt can be claimed now.
    pub fn is_claimable(&self) -> bool {
        self.phase == NodePhase::Pending && self.extensions.reason == READY
    }

    /// The inputs of the node's worker.
    pub fn inputs<'a>(&'a self, node: &'a super::Node) -> &'a Map<String, Value> {
        self.extensions.inputs.as_ref().unwrap_or(&node.inputs)
    }

    /// Whether the open attempt can be claimed now or after a wait.
    pub fn is_offered(&self) -> bool {
        self.is_claimable()
            || (self.phase == NodePhase::Pending && self.extensions.reason == RETRY_WAIT)
    }
}

/// Prefix of the provider of a node for a person.
pub const HUMAN: &str = "human://";

/// Reason of a Pending node whose open attempt can be claimed.
pub const READY: &str = "Ready";
/// Reason of a Pending node whose open attempt can be claimed after a wait.
pub const RETRY_WAIT: &str = "RetryWait";
/// Reason of a gate node that waits for a decision.
pub const AWAITING_APPROVAL: &str = "AwaitingApproval";
/// Reason of a task whose holder has asked a question, and waits for the answer of a person.
pub const AWAITING_ANSWER: &str = "AwaitingAnswer";
/// Reason of a task whose report changes, or may change, files outside of the scope of its plan.
pub const OUT_OF_SCOPE: &str = "OutOfScope";
/// Reason of a task that was reported as succeeded, and whose acceptance criteria have not been checked.
pub const AWAITING_VERIFICATION: &str = "AwaitingVerification";
/// Reason of an External that waits for something outside.
pub const AWAITING_EXTERNAL: &str = "AwaitingExternal";
/// Reason of a task that waits for a commit on the spec branch.
pub const AWAITING_REPOSITORY: &str = "AwaitingRepository";
/// Reason of a gate that waits for a reconcile in a clone which can tell who wrote what it decides on.
pub const AUTHORS_UNKNOWN: &str = "AuthorsUnknown";
/// Reason of a run whose pinned revision cannot be read.
pub const PIN_UNREADABLE: &str = "PinUnreadable";
/// Reason of a node that was skipped because its condition is false: nodes after it continue.
pub const CONDITION_FALSE: &str = "ConditionFalse";

/// Fields of a node that this controller keeps in addition to the published ones.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeExtensions {
    /// The reason for the phase, one CamelCase word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// While it waits without a holder: since when.
    pub since: Option<Time>,
    /// The target; pinned when it is first resolved.
    pub target: Option<PinnedTarget>,
    /// The inputs of the worker, if they differ from those in the plan: with references replaced
    /// and defaults added.
    pub inputs: Option<Map<String, Value>>,
    /// The claim of the open attempt.
    pub claim: Option<Claim>,
    /// The claim of the attempt before, if its lease expired and nobody has claimed the node since.
    pub lapsed: Option<Claim>,
    /// The attempt that a retry stopped, if nobody has claimed the node since.
    pub stopped: Option<StoppedBy>,
    /// The number of failed attempts, compared with `retries`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// When the open attempt can be claimed, after a failure.
    pub not_before: Option<Time>,
    /// The record that ended the last attempt.
    pub report: Option<ReportedBy>,
    /// The results of the acceptance criteria for that report.
    pub verification: Option<Verification>,
    /// For gate nodes: the decision.
    pub decision: Option<Decision>,
    /// The questions of workers in all attempts, with answers; the last 20, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// A question of a worker.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// The actor who asks.
    pub actor: String,
    /// The attempt.
    pub attempt: u32,
    /// The question.
    pub question: String,
    /// Its record, whose id is also that of the question.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// The answer.
    pub answer: Option<Answered>,
}

/// The answer of a person to a question.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answered {
    /// The actor who answers.
    pub actor: String,
    /// The answer.
    pub answer: String,
    /// Its record.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
}

/// The resolved target of a node.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PinnedTarget {
    /// The provider; `None` allows any.
    pub provider: Option<String>,
    /// Configuration for the provider.
    pub config: Option<Value>,
    /// `namespace/name` of the Binding that chose it.
    pub binding: Option<String>,
}

/// The claim of an attempt.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// The holder.
    pub actor: String,
    /// Its record.
    pub record: String,
    /// Digest of the session that claimed, if it named one.
    pub session: Option<String>,
    /// When the lease ends; claims of people have none.
    pub expires: Option<Time>,
    /// Whether the work was done before the run, and only its report is awaited.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done_before: bool,
}

/// An attempt that a retry stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoppedBy {
    /// The record of the claim.
    pub claim: String,
    /// The actor who asked for the retry.
    pub by: String,
}

/// A report.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportedBy {
    /// The actor.
    pub actor: String,
    /// Its record.
    pub record: String,
    /// The commit that contains the work.
    pub commit: Option<String>,
    /// Whether the work was done before the run, and not by a holder of the node.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done_before: bool,
    /// While it waits for verification: digest of the session that claimed, if it named one.
    pub session: Option<String>,
    /// While it waits for verification: the claim, if there was one.
    pub claim: Option<String>,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
    /// When `reconcile` first saw it.
    pub timestamp: Option<Time>,
}

/// The verification of a report.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {
    /// The actor.
    pub actor: String,
    /// Its record.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// One result for each criterion, in the order of the plan.
    pub results: Vec<CriterionResult>,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
}

/// The result of one acceptance criterion.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CriterionResult {
    /// Name of the criterion.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was run, requested or examined.
    pub ran: String,
    /// Exit code of a command, or the status of an HTTP response.
    pub code: Option<i64>,
    /// Duration in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duration_ms: u64,
    /// Why it does not hold, in a sentence; or the end of the output or response.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

/// The decision at a gate node. It belongs to one digest.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    /// `namespace/name` of the Gate.
    pub gate: String,
    /// Digest over the pinned plan, the gate, the resolved targets, and the reports of the nodes directly
    /// before it.
    pub digest: String,
    /// Version of that digest; 0 is the first, without reports. A decision keeps the version with which it was
    /// begun, so that approvals remain valid when a newer version comes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub digest_version: u32,
    /// The outcome, once it is decided.
    pub outcome: Option<Outcome>,
    /// When it was decided.
    pub decided: Option<Time>,
    /// The records that decided it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub decided_by: BTreeSet<String>,
    /// The reviews, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<GateReview>,
    /// How often a retry asked for a new decision; from the first retry on, part of the digest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
}

/// A review at a gate node.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateReview {
    /// The reviewer.
    pub reviewer: String,
    /// The kind of the review.
    pub action: ReviewAction,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// The comment.
    pub comment: Option<String>,
    /// Its record.
    pub record: String,
    /// The digest that it was given for.
    pub digest: String,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
}

/// A signature that was valid when its record arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedBy {
    /// The principal for whom the spec branch lists the key.
    pub principal: String,
    /// Fingerprint of the key: `SHA256:…` of an SSH key, hexadecimal for an OpenPGP key.
    pub key: String,
}

/// Fields of an execution that this controller keeps in addition to the published ones.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionExtensions {
    /// What is pinned for the run.
    pub pinned: Option<Pinned>,
    /// The last record taken in, by inbox ref (without `refs/planspec/`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, String>,
    /// Valid records that could not be applied, the last 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unapplied: Vec<Unapplied>,
    /// The cancellation, if there is one.
    pub cancelled_by: Option<CancelledBy>,
    /// Attestations of the criteria of the goal and of the document: the newest of every actor for each,
    /// and the newest check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<Attested>,
    /// How often the run was retried.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub run_attempt: u32,
    /// The retries, the last 20, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retried_by: Vec<RetriedBy>,
    /// Constraints and success criteria of the pinned document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<ContractCriterion>,
}

impl ExecutionStatus {
    /// Whether it was cancelled because its file, or the goal that owns it, was deleted.
    pub fn was_cancelled_by_deletion(&self) -> bool {
        let by = self.extensions.cancelled_by.as_ref();
        self.phase == ExecutionPhase::Cancelled && by.is_some_and(|by| by.actor.is_none())
    }

    /// Whether somebody attests that a criterion is met, and nobody that it is not.
    pub fn is_met(&self, criterion: &str) -> bool {
        let mut said = self.said_about(criterion).peekable();
        said.peek().is_some() && said.all(|said| said.met)
    }

    /// Whether somebody attests that a criterion is not met.
    pub fn is_unmet(&self, criterion: &str) -> bool {
        self.said_about(criterion).any(|said| !said.met)
    }

    /// The current reports of the nodes.
    pub fn reports(&self) -> impl Iterator<Item = &ReportedBy> {
        let nodes = self.node_statuses.values();
        nodes.filter_map(|node| node.extensions.report.as_ref())
    }

    /// The attestations of a criterion, the last one of each actor.
    pub fn said_about(&self, criterion: &str) -> impl Iterator<Item = &Attested> {
        let all = self.extensions.attestations.iter();
        all.filter(move |said| said.criterion == criterion)
    }
}

/// An attestation of a criterion of the goal or document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attested {
    /// Id of the criterion.
    pub criterion: String,
    /// The actor.
    pub actor: String,
    /// Whether it is met.
    pub met: bool,
    /// The evidence, in words.
    pub evidence: Option<String>,
    /// The commit that was checked, if checks decide.
    pub commit: Option<String>,
    /// The results of the checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CriterionResult>,
    /// Its record.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
}

/// A retry.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetriedBy {
    /// The actor.
    pub actor: String,
    /// The node, if only that one was retried, with nodes that were skipped because of it.
    pub node: Option<String>,
    /// Whether targets were resolved again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rebind: bool,
    /// Whether the node had succeeded, and is repeated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub again: bool,
    /// The new revision of the plan, if the run continues with another one.
    pub plan: Option<PlanRevision>,
    /// The comment.
    pub comment: Option<String>,
    /// Its record.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
}

/// A revision of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRevision {
    /// A spec commit that contains it.
    pub commit: String,
    /// Digest of its spec.
    pub digest: String,
}

/// What is pinned for a run, independent of later changes to the files.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pinned {
    /// The spec commit that the run started from.
    pub commit: String,
    /// The execution itself.
    pub execution: Pin,
    /// The plan.
    pub plan: Pin,
    /// The gates of the plan, by `namespace/name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<String, Pin>,
    /// The goal that the run serves.
    pub goal: Option<Pin>,
    /// E-mail addresses of the authors of the plan and its gates, if the configuration needs them.
    pub authors: Option<BTreeSet<String>>,
}

/// A pinned resource: one document of one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its path at the time.
    pub path: String,
    /// Git's object id of the file.
    pub blob: String,
    /// Index of the document in the file, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub document: usize,
    /// Digest of the spec.
    pub digest: String,
    /// Its generation at the time.
    pub generation: u64,
    /// For a resource from a document: the approval of revisions at the time, which determines its gates.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revisions: RevisionApproval,
}

impl Pinned {
    /// The object ids of all pinned files.
    pub fn blobs(&self) -> impl Iterator<Item = &str> {
        let pins = [&self.execution, &self.plan].into_iter();
        let pins = pins.chain(self.gates.values()).chain(&self.goal);
        pins.map(|pin| pin.blob.as_str())
    }
}

impl Pin {
    /// The key of the resource.
    pub fn key(&self, kind: Kind) -> Key {
        Key::new(kind, &self.namespace, &self.name)
    }
}

/// A record that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unapplied {
    /// The record.
    pub record: String,
    /// Its inbox ref (without `refs/planspec/`).
    #[serde(rename = "ref")]
    pub ref_name: String,
    /// Its actor.
    pub actor: String,
    /// Its action: `claim`, `report`, …
    pub action: String,
    /// Why it could not be applied, one CamelCase word.
    pub reason: String,
    /// Why it could not be applied, as a sentence.
    pub message: String,
    /// When `reconcile` saw it.
    pub seen: Time,
}

/// A cancellation.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelledBy {
    /// The actor; `None` if the file was deleted.
    pub actor: Option<String>,
    /// The comment.
    pub comment: Option<String>,
    /// Its record.
    pub record: Option<String>,
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
    /// When `reconcile` first saw it.
    pub timestamp: Option<Time>,
}
