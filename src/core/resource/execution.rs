//! Execution: one run of a plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use super::{
    Condition, ContextItem, ContractCriterion, Key, Kind, ObjectRef, Outcome, ReviewAction,
    RevisionApproval, Time, is_zero, phase,
};

/// formats.md, "Execution.spec". Immutable once committed.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionSpec {
    /// What is run.
    pub plan_ref: ObjectRef,
    /// What for.
    pub goal_ref: Option<ObjectRef>,
    /// Who does the tasks.
    pub binding_ref: Option<ObjectRef>,
    /// Who does single tasks, by node id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_bindings: BTreeMap<String, ObjectRef>,
    /// Reserved.
    pub runtime_ref: Option<ObjectRef>,
    /// Free map.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// What a worker should know.
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
    /// Whether a retry can open it again.
    pub fn can_be_retried(self) -> bool {
        matches!(
            self,
            ExecutionPhase::Running | ExecutionPhase::Blocked | ExecutionPhase::Failed
        )
    }

    /// Whether it is over.
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
    /// Whether it is over.
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
    /// Where the run stands.
    pub phase: ExecutionPhase,
    /// Why, in one CamelCase word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Names this run of this resource.
    pub run_id: Option<String>,
    /// When `reconcile` first saw it.
    pub queued_time: Option<Time>,
    /// When it left Pending.
    pub start_time: Option<Time>,
    /// When it ended.
    pub completion_time: Option<Time>,
    /// When the phase last changed.
    pub last_phase_transition_time: Option<Time>,
    /// Digest of the spec that runs.
    pub spec_hash: Option<String>,
    /// The nodes of the pinned plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_statuses: BTreeMap<String, NodeStatus>,
    /// What the run produced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// Reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that was looked at.
    #[serde(default)]
    pub observed_generation: u64,
    /// What this controller keeps beside the published fields.
    #[serde(default)]
    pub extensions: ExecutionExtensions,
}

/// What a run produced: a file, a folder or something behind a URL.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Title.
    pub name: String,
    /// file, directory or url.
    #[serde(rename = "type")]
    pub kind: ArtifactKind,
    /// In the repository.
    pub path: Option<String>,
    /// Elsewhere.
    pub url: Option<String>,
    /// Digest of the content.
    pub checksum: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// MIME type.
    pub media_type: Option<String>,
    /// Free map.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// Where an artifact comes from, as far as its `metadata` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The node that reported it; written by `reconcile`.
    pub node: Option<&'a str>,
    /// The attempt; written by `reconcile`.
    pub attempt: Option<u32>,
    /// The commit that holds it; written by whoever reported it.
    pub commit: Option<&'a str>,
}

/// Name of the artifact that holds what the command of an attempt printed.
pub const LOG_ARTIFACT: &str = "log";
/// Name of the file of it, the only one in its commit.
pub const LOG_FILE: &str = "log.txt";

impl Artifact {
    /// Whether it is what the command of an attempt printed.
    pub fn is_log(&self) -> bool {
        self.name == LOG_ARTIFACT && self.path.as_deref() == Some(LOG_FILE)
    }

    /// Where it comes from.
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

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactKind {
    /// One file.
    File,
    /// A folder.
    Directory,
    /// Behind a URL.
    Url,
}

/// One node of a run.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeStatus {
    /// Where it stands.
    pub phase: NodePhase,
    /// When the current attempt started.
    pub start_time: Option<Time>,
    /// When it ended.
    pub completion_time: Option<Time>,
    /// The open attempt, from 1; 0 before the node was first ready.
    #[serde(default)]
    pub attempt: u32,
    /// What a report brought.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// Why it stands where it stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What this controller keeps beside the published fields.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: NodeExtensions,
}

impl NodeStatus {
    /// Its phase, and why it stands there: `Blocked: 0 of 1 approvals`.
    pub fn standing(&self) -> String {
        match self.message.as_str() {
            "" => self.phase.to_string(),
            message => format!("{}: {message}", self.phase),
        }
    }

    /// Whether it succeeded, or was skipped because its own condition is false.
    pub fn ended_well(&self) -> bool {
        match self.phase {
            NodePhase::Succeeded => true,
            NodePhase::Skipped => self.extensions.reason == CONDITION_FALSE,
            _ => false,
        }
    }

    /// Since when it stands as it does, where it waits: whoever is at work has begun then.
    pub fn waits_since(&self) -> Option<Time> {
        match self.phase {
            NodePhase::Running => self.start_time,
            _ => self.extensions.since,
        }
    }

    /// Whether its target is a person.
    pub fn is_for_people(&self) -> bool {
        let target = self.extensions.target.as_ref();
        let provider = target.and_then(|target| target.provider.as_deref());
        provider.is_some_and(|provider| provider.starts_with(HUMAN))
    }

    /// Whether it was reported done, and somebody has to check its acceptance criteria.
    pub fn awaits_verification(&self) -> bool {
        self.phase == NodePhase::Blocked && self.extensions.reason == AWAITING_VERIFICATION
    }

    /// Whether its holder has asked something, and waits for a person to answer.
    pub fn awaits_answer(&self) -> bool {
        self.phase == NodePhase::Blocked && self.extensions.reason == AWAITING_ANSWER
    }

    /// Whether it was reported done, and a person has to say whether what is outside of the scope is meant.
    pub fn is_out_of_scope(&self) -> bool {
        self.phase == NodePhase::Blocked && self.extensions.reason == OUT_OF_SCOPE
    }

    /// Whether it was reported done, and somebody has to say something before it counts.
    pub fn is_reported(&self) -> bool {
        self.awaits_verification() || self.is_out_of_scope()
    }

    /// Whether somebody has it, at work or waiting for an answer.
    pub fn is_in_hands(&self) -> bool {
        self.phase == NodePhase::Running || self.awaits_answer()
    }

    /// What is asked and nobody has answered, by its holder or about what was reported: when the attempt ends, nobody waits for that any more.
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

    /// What the worker of this node gets.
    pub fn inputs<'a>(&'a self, node: &'a super::Node) -> &'a Map<String, Value> {
        self.extensions.inputs.as_ref().unwrap_or(&node.inputs)
    }

    /// Whether the open attempt can be claimed now or after a wait.
    pub fn is_offered(&self) -> bool {
        self.is_claimable()
            || (self.phase == NodePhase::Pending && self.extensions.reason == RETRY_WAIT)
    }
}

/// What the target of a node that a person does begins with.
pub const HUMAN: &str = "human://";

/// Reason of a Pending node whose open attempt can be claimed.
pub const READY: &str = "Ready";
/// Reason of a Pending node whose open attempt can be claimed after a wait.
pub const RETRY_WAIT: &str = "RetryWait";
/// Reason of a gate node that waits for a decision.
pub const AWAITING_APPROVAL: &str = "AwaitingApproval";
/// Reason of a task whose holder has asked something, and that waits for a person to answer.
pub const AWAITING_ANSWER: &str = "AwaitingAnswer";
/// Reason of a task whose report changes what is outside of the scope of its plan, or may.
pub const OUT_OF_SCOPE: &str = "OutOfScope";
/// Reason of a task that was reported done and whose acceptance criteria were not checked yet.
pub const AWAITING_VERIFICATION: &str = "AwaitingVerification";
/// Reason of an External that waits for what is outside.
pub const AWAITING_EXTERNAL: &str = "AwaitingExternal";
/// Reason of a task that waits for what the spec branch does not hold yet.
pub const AWAITING_REPOSITORY: &str = "AwaitingRepository";
/// Reason of a gate that waits until somebody reconciles who can tell who wrote what it is about.
pub const AUTHORS_UNKNOWN: &str = "AuthorsUnknown";
/// Reason of a run whose pinned revision is not there.
pub const PIN_UNREADABLE: &str = "PinUnreadable";
/// Reason of a node that was skipped because its own condition is false: those behind it go on.
pub const CONDITION_FALSE: &str = "ConditionFalse";

/// What this controller keeps of a node beside the published fields.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeExtensions {
    /// Why it stands where it stands, in one CamelCase word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// While it waits, and nobody is at work on it: since when it waits for that.
    pub since: Option<Time>,
    /// Who does it; pinned when first resolved.
    pub target: Option<PinnedTarget>,
    /// What the worker gets, when that is not what the plan says word for word: references are
    /// replaced and defaults are there.
    pub inputs: Option<Map<String, Value>>,
    /// Who holds the open attempt.
    pub claim: Option<Claim>,
    /// Who held the attempt before, when its lease ended and nobody has claimed since.
    pub lapsed: Option<Claim>,
    /// Whose attempt a retry ended, when nobody has claimed since.
    pub stopped: Option<StoppedBy>,
    /// Failed attempts, counted against `retries`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// When the open attempt may be claimed, after a failure.
    pub not_before: Option<Time>,
    /// The record that ended the last attempt.
    pub report: Option<ReportedBy>,
    /// What the acceptance criteria said about that report.
    pub verification: Option<Verification>,
    /// Gate nodes: the decision.
    pub decision: Option<Decision>,
    /// What whoever was at work has asked, in all attempts, and what was answered; the last 20, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// What somebody at work has asked.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// Who asks.
    pub actor: String,
    /// In which attempt.
    pub attempt: u32,
    /// What.
    pub question: String,
    /// The record that says so: its id names the question.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// What was answered.
    pub answer: Option<Answered>,
}

/// What a person says to a question.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answered {
    /// Who answers.
    pub actor: String,
    /// What.
    pub answer: String,
    /// The record that says so.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
}

/// The target of a node as it was resolved.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PinnedTarget {
    /// Who; nothing means that every provider may take it.
    pub provider: Option<String>,
    /// For the provider.
    pub config: Option<Value>,
    /// `namespace/name` of the Binding that says so.
    pub binding: Option<String>,
}

/// Who holds an attempt.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// Who.
    pub actor: String,
    /// The record that says so.
    pub record: String,
    /// Digest of the session that claimed, where it named one.
    pub session: Option<String>,
    /// When the lease ends; people have none.
    pub expires: Option<Time>,
    /// Whether it was done before the run, and only its report is awaited.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done_before: bool,
}

/// An attempt that ended while somebody was at work on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoppedBy {
    /// The record of the claim.
    pub claim: String,
    /// Who asked for the retry.
    pub by: String,
}

/// Who reported.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportedBy {
    /// Who.
    pub actor: String,
    /// The record that says so.
    pub record: String,
    /// The commit that holds the work.
    pub commit: Option<String>,
    /// Whether it was done before the run, and not by somebody who held it there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done_before: bool,
    /// Of what waits to be verified: digest of the session that claimed it, where that named one.
    pub session: Option<String>,
    /// The same: the claim, where there was one.
    pub claim: Option<String>,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
    /// When `reconcile` first saw it.
    pub timestamp: Option<Time>,
}

/// What the acceptance criteria of a task said about one report.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {
    /// Who checked.
    pub actor: String,
    /// The record that says so.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// One for each criterion, in the order of the plan.
    pub results: Vec<CriterionResult>,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
}

/// What came of one acceptance criterion.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CriterionResult {
    /// Name of the criterion.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was run, asked or looked at.
    pub ran: String,
    /// Exit code of a command, or the status of an HTTP answer.
    pub code: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duration_ms: u64,
    /// Why it does not hold, in a sentence; or the end of what was printed or answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

/// The decision on a gate node: it holds for one digest only.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    /// `namespace/name` of the Gate.
    pub gate: String,
    /// Digest over the pinned plan, the gate, the resolved targets, and what was reported of the nodes
    /// right before it.
    pub digest: String,
    /// Version of that digest; 0 for the first, which knew nothing of reports. A decision is judged by
    /// the version that it was asked with, so that an approval holds when a newer one comes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub digest_version: u32,
    /// Yes or no, once it is decided.
    pub outcome: Option<Outcome>,
    /// When it was decided.
    pub decided: Option<Time>,
    /// The records that decided it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub decided_by: BTreeSet<String>,
    /// What reviewers did, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<GateReview>,
    /// How often a retry asked for a new decision; part of the digest from the first one on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
}

/// One act of one reviewer on one gate node.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateReview {
    /// Who.
    pub reviewer: String,
    /// What.
    pub action: ReviewAction,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// Why.
    pub comment: Option<String>,
    /// The record that says so.
    pub record: String,
    /// The digest that it was given for.
    pub digest: String,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
}

/// A signature that was valid when it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedBy {
    /// Whom the spec branch lists the key for.
    pub principal: String,
    /// Fingerprint of the key: `SHA256:…` of an SSH key, hexadecimal of an OpenPGP key.
    pub key: String,
}

/// What this controller keeps of an execution beside the published fields.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionExtensions {
    /// What the run is held to.
    pub pinned: Option<Pinned>,
    /// Last record folded in, by inbox ref (without `refs/planspec/`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<String, String>,
    /// Records that were well formed and could not be applied, the last 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unapplied: Vec<Unapplied>,
    /// Somebody asked to stop.
    pub cancelled_by: Option<CancelledBy>,
    /// What was said about the criteria of the goal and of the document; the newest of every actor
    /// on each, and the newest check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<Attested>,
    /// How often the run was opened again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub run_attempt: u32,
    /// Who asked for that, the last 20, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retried_by: Vec<RetriedBy>,
    /// Constraints and success criteria of the document that the run is held to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<ContractCriterion>,
}

impl ExecutionStatus {
    /// Somebody says that a criterion is met, and nobody says that it is not.
    pub fn is_met(&self, criterion: &str) -> bool {
        let mut said = self.said_about(criterion).peekable();
        said.peek().is_some() && said.all(|said| said.met)
    }

    /// Somebody says that a criterion is not met.
    pub fn is_unmet(&self, criterion: &str) -> bool {
        self.said_about(criterion).any(|said| !said.met)
    }

    /// What was reported of the nodes, as they stand.
    pub fn reports(&self) -> impl Iterator<Item = &ReportedBy> {
        let nodes = self.node_statuses.values();
        nodes.filter_map(|node| node.extensions.report.as_ref())
    }

    /// What was said about a criterion, the last word of each.
    pub fn said_about(&self, criterion: &str) -> impl Iterator<Item = &Attested> {
        let all = self.extensions.attestations.iter();
        all.filter(move |said| said.criterion == criterion)
    }
}

/// What somebody said about a criterion of the goal or of the document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attested {
    /// Id of the criterion.
    pub criterion: String,
    /// Who.
    pub actor: String,
    /// Whether it is met.
    pub met: bool,
    /// What shows that.
    pub evidence: Option<String>,
    /// The commit on whose tree it was checked, where checks decide.
    pub commit: Option<String>,
    /// What came of each check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CriterionResult>,
    /// The record that says so.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
}

/// Who asked to try again.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetriedBy {
    /// Who.
    pub actor: String,
    /// Only this node, and what it skipped.
    pub node: Option<String>,
    /// Whether targets were resolved again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rebind: bool,
    /// Whether the node had succeeded, and is done once more on purpose.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub again: bool,
    /// The revision of the plan that the run is held to since, when it is another one.
    pub plan: Option<PlanRevision>,
    /// Why.
    pub comment: Option<String>,
    /// The record that says so.
    pub record: String,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
}

/// A revision of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRevision {
    /// A spec commit that holds it.
    pub commit: String,
    /// Digest of its spec.
    pub digest: String,
}

/// What a run is held to, whatever happens to the files.
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
    /// E-mails of those who wrote the plan and its gates, where the configuration wants to know.
    pub authors: Option<BTreeSet<String>>,
}

/// One document of one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// Uid of the resource.
    pub uid: String,
    /// Path at the time.
    pub path: String,
    /// Object id of the file's content.
    pub blob: String,
    /// Index of the document in the file, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub document: usize,
    /// Digest of the spec.
    pub digest: String,
    /// Generation of the resource at the time.
    pub generation: u64,
    /// Of what comes from a document: what approved its revisions then. It decides which gates there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revisions: RevisionApproval,
}

impl Pinned {
    /// Object ids of everything that the run is pinned to.
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
    /// Which record.
    pub record: String,
    /// On which inbox ref (without `refs/planspec/`).
    #[serde(rename = "ref")]
    pub ref_name: String,
    /// Whose.
    pub actor: String,
    /// What it wanted: `claim`, `report`, …
    pub action: String,
    /// Why not, in one CamelCase word.
    pub reason: String,
    /// Why not, in a sentence.
    pub message: String,
    /// When `reconcile` saw it.
    pub seen: Time,
}

/// Who asked to stop.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelledBy {
    /// Who; nothing when the file was deleted.
    pub actor: Option<String>,
    /// Why.
    pub comment: Option<String>,
    /// The record that says so.
    pub record: Option<String>,
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
    /// When `reconcile` first saw it.
    pub timestamp: Option<Time>,
}
