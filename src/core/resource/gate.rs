//! Gate: where somebody decides.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::{Condition, Kind, SignedBy, TargetRef, Time, phase};

/// formats.md, "Gate.spec".
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateSpec {
    /// approval, review or sign-off.
    pub gate_type: GateType,
    /// Where the gate may be used.
    pub target_ref: GateTarget,
    /// What to look at.
    pub description: Option<String>,
    /// `user:…`, `team:…`, an e-mail or a plain id; when empty, any person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    /// How many distinct people must approve, 1 to 100.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub required_approvers: u32,
    /// For people.
    pub context: Option<Value>,
}

/// What a gate is for.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateTarget {
    /// Of which kind it is.
    pub kind: TargetKind,
    /// Its name.
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

/// Of which kind the target of a gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetKind {
    /// A resource.
    Resource(Kind),
    /// Something that a run brings.
    Artifact(ArtifactKindWord),
}

/// The word for what a run brings.
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
    /// The resource that the gate is for, where it is for one.
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

/// What kind of decision it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateType {
    /// May it go on?
    Approval,
    /// Is it right?
    Review,
    /// Is it done?
    SignOff,
}

/// What a reviewer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewAction {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Neither.
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

/// Written by the gate controller: the oldest run that waits, else the one decided last.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateStatus {
    /// Where the decision stands.
    pub phase: GatePhase,
    /// What reviewers did, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review_history: Vec<Review>,
    /// The decision; stands together with `decidedGeneration`.
    pub resolution: Option<Resolution>,
    /// Generation of the gate that was decided on.
    pub decided_generation: Option<u64>,
    /// Reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that was looked at.
    #[serde(default)]
    pub observed_generation: u64,
}

/// One act of one reviewer.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Review {
    /// Who.
    pub reviewer: String,
    /// What.
    pub action: ReviewAction,
    /// When `reconcile` first saw it.
    pub timestamp: Time,
    /// Why.
    pub comment: Option<String>,
    /// Generation of the gate that was looked at.
    pub target_generation: Option<u64>,
    /// What this controller keeps beside the published fields.
    #[serde(default, skip_serializing_if = "ReviewExtensions::is_empty")]
    pub extensions: ReviewExtensions,
}

/// What this controller keeps of a review beside the published fields.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewExtensions {
    /// Whose key signed it, where the configuration wants to know.
    pub signed: Option<SignedBy>,
}

impl ReviewExtensions {
    fn is_empty(&self) -> bool {
        *self == ReviewExtensions::default()
    }
}

/// How a gate was decided.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resolution {
    /// Yes or no.
    pub outcome: Outcome,
    /// Who decided.
    pub actors: Vec<String>,
    /// When `reconcile` saw the deciding act.
    pub timestamp: Time,
    /// The last comment.
    pub comment: Option<String>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Yes.
    #[serde(alias = "Approved")]
    Approved,
    /// No.
    #[serde(alias = "Rejected")]
    Rejected,
}
