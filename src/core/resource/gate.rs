//! Gate: a decision by people.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::{Condition, Decision, Kind, SignedBy, TargetRef, Time, is_zero, phase};

/// `spec` of a Gate (docs/spec/resources.md, R14).
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateSpec {
    /// The type: approval, review or sign-off.
    pub gate_type: GateType,
    /// What is decided on.
    pub target_ref: GateTarget,
    /// Instructions for reviewers.
    pub description: Option<String>,
    /// `user:…`, `team:…`, an e-mail address or a plain id; empty allows any person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    /// How many different people must approve, 1 to 100.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub required_approvers: u32,
    /// Context for reviewers.
    pub context: Option<Value>,
}

/// The target of a gate.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateTarget {
    /// Its kind.
    pub kind: TargetKind,
    /// Its name.
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

/// The kind of a gate's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetKind {
    /// A resource.
    Resource(Kind),
    /// An artifact of a run.
    Artifact(ArtifactKindWord),
}

/// The word for an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArtifactKindWord {
    /// `Artifact`
    Artifact,
}

impl std::fmt::Display for TargetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TargetKind::Resource(kind) => f.write_str(kind.name()),
            TargetKind::Artifact(_) => f.write_str("Artifact"),
        }
    }
}

impl GateTarget {
    /// The resource that the gate is for, if it is for one.
    pub fn resource(&self) -> Option<TargetRef> {
        let TargetKind::Resource(kind) = self.kind else {
            return None;
        };
        Some(TargetRef {
            kind,
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            uid: self.uid.clone(),
            node_id: self.node_id.clone(),
            api_version: self.api_version.clone(),
        })
    }
}

fn one() -> u32 {
    1
}

fn is_one(value: &u32) -> bool {
    *value == 1
}

/// The type of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateType {
    /// May the run continue?
    Approval,
    /// Is the work right?
    Review,
    /// Is the work complete?
    SignOff,
}

/// The kind of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewAction {
    /// Approval.
    Approve,
    /// Rejection.
    Reject,
    /// A comment without a decision.
    Comment,
}

impl ReviewAction {
    /// `approve`, `reject` or `comment`.
    pub fn word(self) -> &'static str {
        match self {
            ReviewAction::Approve => "approve",
            ReviewAction::Reject => "reject",
            ReviewAction::Comment => "comment",
        }
    }
}

impl std::fmt::Display for ReviewAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

phase! {
    /// Phase of a gate.
    GatePhase {
        Pending "No run has reached it.",
        Waiting "A run waits for the decision.",
        Approved "The last decision was yes.",
        Rejected "The last decision was no.",
    }
}

/// Written by the gate controller, about the oldest run that waits, else the one that was decided last.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateStatus {
    /// The phase.
    pub phase: GatePhase,
    /// The reviews, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review_history: Vec<Review>,
    /// The decision; always together with `decidedGeneration`.
    pub resolution: Option<Resolution>,
    /// Generation of the gate at the decision.
    pub decided_generation: Option<u64>,
    /// The conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Fields that this controller keeps in addition to the published ones.
    #[serde(default, skip_serializing_if = "GateExtensions::is_empty")]
    pub extensions: GateExtensions,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
}

/// Fields of a gate's status that this controller keeps in addition to the published ones.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateExtensions {
    /// The newest decision of an archived execution.
    pub archived: Option<ArchivedDecision>,
}

impl GateExtensions {
    fn is_empty(&self) -> bool {
        *self == GateExtensions::default()
    }
}

/// A decision of an archived execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedDecision {
    /// `namespace/name` of the execution.
    pub execution: String,
    /// The gate node.
    pub node: String,
    /// The generation of the gate that was decided.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
    /// The decision.
    pub decision: Decision,
}

/// A review.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Review {
    /// The reviewer.
    pub reviewer: String,
    /// The kind of the review.
    pub action: ReviewAction,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// The comment.
    pub comment: Option<String>,
    /// The reviewed generation of the gate.
    pub target_generation: Option<u64>,
    /// Fields that this controller keeps in addition to the published ones.
    #[serde(default, skip_serializing_if = "ReviewExtensions::is_empty")]
    pub extensions: ReviewExtensions,
}

/// Fields of a review that this controller keeps in addition to the published ones.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewExtensions {
    /// The signer, if the configuration requires signatures.
    pub signed: Option<SignedBy>,
}

impl ReviewExtensions {
    fn is_empty(&self) -> bool {
        *self == ReviewExtensions::default()
    }
}

/// The decision of a gate.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resolution {
    /// The outcome.
    pub outcome: Outcome,
    /// The reviewers who decided.
    pub actors: Vec<String>,
    /// When `reconcile` saw the deciding review.
    pub timestamp: Time,
    /// The last comment.
    pub comment: Option<String>,
}

/// The outcome of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Approved.
    #[serde(alias = "Approved")]
    Approved,
    /// Rejected.
    #[serde(alias = "Rejected")]
    Rejected,
}
