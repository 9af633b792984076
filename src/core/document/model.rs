//! The eleven sections as types.
//!
//! The types have what consumers need. Everything else (`x-*` content, comments, fields
//! of drafts) stays in the value that they were read from.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::core::resource::{Edge, TaskCriterion, Time};

/// Defines a closed list of words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $word:literal $doc:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $doc] #[serde(rename = $word)] $variant,)*
        }
        impl $name {
            /// All words.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word as it is written.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// The complexity of a step.
    Complexity {
        Xs "xs" "Minutes.",
        S "s" "Hours.",
        M "m" "A day or so.",
        L "l" "Days.",
        Xl "xl" "Weeks.",
    }
}

words! {
    /// Who does a step.
    StepDelegation {
        Human "human" "A person.",
        Agent "agent" "An agent.",
        Either "either" "Whoever comes first.",
        HumanApproval "human_approval" "A word of a draft: a person agrees first.",
        AgentAutonomous "agent_autonomous" "A word of a draft: nobody is asked.",
    }
}

words! {
    /// The default mode of delegation.
    DefaultMode {
        HumanApproval "human_approval" "A person agrees to every step.",
        AgentAutonomous "agent_autonomous" "Nobody is asked.",
        Hybrid "hybrid" "Each step says it.",
    }
}

words! {
    /// The mode of delegation of a step.
    Mode {
        HumanApproval "human_approval" "A person agrees first.",
        AgentAutonomous "agent_autonomous" "Nobody is asked.",
    }
}

words! {
    /// What to do if something is ambiguous.
    OnAmbiguity {
        Pause "pause" "Wait for a person.",
        Fail "fail" "Give up.",
        Guess "proceed_with_best_guess" "Go on with what is most likely.",
    }
}

words! {
    /// What to do if a constraint is broken, or the work leaves the scope.
    OnViolation {
        Pause "pause" "Wait for a person.",
        Fail "fail" "Give up.",
        Notify "notify" "Say so and go on.",
    }
}

words! {
    /// How a criterion is verified.
    Verification {
        Manual "manual" "Somebody looks.",
        Automated "automated" "A command decides.",
        Observable "observable" "It shows by itself.",
    }
}

words! {
    /// The weight of a criterion.
    Weight {
        Primary "primary" "Without it there is no success.",
        Secondary "secondary" "Welcome.",
    }
}

words! {
    /// A degree of probability or impact.
    Degree {
        Low "low" "Little.",
        Medium "medium" "Middling.",
        High "high" "Much.",
    }
}

words! {
    /// The severity of a reviewer's finding.
    FindingSeverity {
        Blocking "blocking" "Nothing begins before it is closed.",
        Major "major" "It should be answered.",
        Minor "minor" "It would be better otherwise.",
    }
}

words! {
    /// The disposition of a reviewer's finding.
    Disposition {
        Open "open" "It waits for an answer.",
        Resolved "resolved" "The document says something else now.",
        Rejected "rejected" "The document stays as it is.",
    }
}

words! {
    /// The owner of a risk.
    Owner {
        Human "human" "A person.",
        Agent "agent" "An agent.",
        Shared "shared" "Both.",
    }
}

words! {
    /// The kind of change of a revision, smallest first.
    ChangeType {
        Patch "patch" "Wording and metadata.",
        Minor "minor" "Steps added, removed or reordered, or a material change of the approach.",
        Major "major" "Another approach.",
    }
}

words! {
    /// The reason for a revision.
    Trigger {
        UserFeedback "user_feedback" "A person asked for it.",
        AgentSuggestion "agent_suggestion" "An agent asked for it.",
        Clarification "clarification" "A question was answered.",
        ErrorCorrection "error_correction" "Something was wrong.",
    }
}

words! {
    /// The kind of change of a part of a document.
    ChangeKind {
        Addition "addition" "It was added.",
        Removal "removal" "It was removed.",
        Modification "modification" "It reads differently.",
        Reorder "reorder" "It stands elsewhere.",
    }
}

/// The typed content of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The identity of the revision.
    pub identity: Identity,
    /// The goal.
    pub intent: Intent,
    /// The scope.
    pub scope: Scope,
    /// The approach, with the steps.
    pub approach: Approach,
    /// The constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// The success criteria.
    pub success_criteria: Vec<Criterion>,
    /// The risks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Risk>,
    /// The dependencies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// The delegation.
    pub delegation: Delegation,
    /// The history of revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revision_history: Vec<Revision>,
    /// Metadata about the document.
    #[serde(default)]
    pub metadata: DocumentMetadata,
    /// The place of reviews in an older draft of the format. It is read, but never written.
    pub approval: Option<serde_json::Value>,
    /// The content of `x-planspec`.
    #[serde(rename = "x-planspec")]
    pub planspec: Option<PlanspecExtension>,
}

/// The identity of a revision.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// A UUID, different for every revision.
    pub plan_id: String,
    /// The session, which all revisions of a plan share.
    pub session_id: String,
    /// The number of the revision, from 1.
    pub revision: u32,
    /// The `plan_id` of the previous revision.
    #[serialize_always]
    pub parent_id: Option<String>,
    /// The workspace.
    pub workspace_id: Option<String>,
    /// The author.
    pub created_by: String,
    /// The time.
    pub created_at: Time,
}

/// What the plan is for.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The goal.
    pub goal_statement: String,
    /// The motivation.
    pub motivation: String,
    /// What success means.
    pub success_definition: String,
    /// The context.
    pub scope_context: Option<String>,
}

/// The scope of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// What is included. `path:` and a glob means files of the repository.
    pub in_scope: Vec<String>,
    /// What is excluded; takes precedence.
    pub out_of_scope: Vec<String>,
    /// The assumptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// Questions that must be answered before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_questions: Vec<String>,
}

/// The approach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach {
    /// A summary.
    pub overview: String,
    /// Why this approach was chosen.
    pub rationale: String,
    /// Rejected alternatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives_considered: Vec<Alternative>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A rejected alternative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// The alternative.
    pub approach: String,
    /// Why it was rejected.
    pub rejection_reason: String,
}

/// A step.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its id, unique in the document.
    pub step_id: String,
    /// The title.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// The rationale.
    pub rationale: Option<String>,
    /// The inputs.
    pub inputs: Option<String>,
    /// The outputs.
    pub outputs: Option<String>,
    /// The steps that it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Whether it may run in parallel; for readers only, since the dependencies decide.
    pub parallelizable: Option<bool>,
    /// The estimated complexity.
    pub estimated_complexity: Option<Complexity>,
    /// Who does it.
    pub delegation: Option<StepDelegation>,
    /// The acceptance criteria.
    pub acceptance_criteria: Option<String>,
    /// The content of `x-planspec`, for the node of the step.
    #[serde(rename = "x-planspec")]
    pub planspec: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its id, unique in the document.
    pub constraint_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ConstraintType,
    /// The description.
    pub description: String,
    /// How it is validated.
    pub validation_method: String,
    /// Whether success requires it.
    pub blocking: bool,
}

/// The type of a constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintType {
    /// A property of the software.
    Technical,
    /// How the work is done.
    Process,
    /// Security.
    Security,
    /// Laws and regulations.
    Compliance,
    /// Performance.
    Performance,
    /// A type that the format does not define.
    #[serde(untagged)]
    Other(String),
}

impl ConstraintType {
    /// The words of the format.
    pub const WORDS: [&'static str; 5] = [
        "technical",
        "process",
        "security",
        "compliance",
        "performance",
    ];

    /// The word as it is written.
    pub fn word(&self) -> &str {
        match self {
            ConstraintType::Technical => "technical",
            ConstraintType::Process => "process",
            ConstraintType::Security => "security",
            ConstraintType::Compliance => "compliance",
            ConstraintType::Performance => "performance",
            ConstraintType::Other(word) => word,
        }
    }
}

/// A success criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Its id, unique in the document.
    pub criterion_id: String,
    /// The description.
    pub description: String,
    /// How it is verified.
    pub verification: Verification,
    /// The weight.
    pub weight: Weight,
}

/// A risk.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Its id, unique in the document.
    pub risk_id: String,
    /// The title.
    pub title: String,
    /// The probability.
    pub probability: Degree,
    /// The impact.
    pub impact: Degree,
    /// The description.
    pub description: String,
    /// The mitigation.
    pub mitigation: Option<String>,
    /// What to do if it happens.
    pub contingency: Option<String>,
    /// The owner.
    pub owner: Option<Owner>,
}

/// A dependency on something outside.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its id, unique in the document.
    pub dependency_id: String,
    /// The description.
    pub description: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether it is available.
    pub available: bool,
}

/// Who is asked before steps, and when.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// The default mode. Without it the document is not ready.
    pub default_mode: Option<DefaultMode>,
    /// Other modes for single steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_overrides: Vec<StepOverride>,
    /// What to do in unexpected cases.
    pub escalation_policy: Option<EscalationPolicy>,
}

/// Another mode for a step.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOverride {
    /// The step.
    pub step_id: String,
    /// The mode.
    pub mode: Mode,
    /// The rationale.
    pub rationale: Option<String>,
}

/// What to do in unexpected cases.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationPolicy {
    /// If something is ambiguous.
    pub on_ambiguity: Option<OnAmbiguity>,
    /// If a constraint is broken.
    pub on_constraint_violation: Option<OnViolation>,
    /// If the work leaves the scope.
    pub on_unexpected_scope: Option<OnViolation>,
}

/// An entry of the history.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The number of the revision, from 1.
    pub revision: u32,
    /// The kind of change.
    pub change_type: ChangeType,
    /// A summary of the changes.
    pub change_summary: String,
    /// The reason.
    pub trigger: Option<Trigger>,
    /// The time.
    pub created_at: Time,
    /// The single changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<RevisionChange>,
}

/// A change of a part of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionChange {
    /// The kind of change.
    #[serde(rename = "type")]
    pub kind: ChangeKind,
    /// The section.
    pub section: String,
    /// The field of the section.
    pub field: Option<String>,
    /// The change, in words.
    pub summary: String,
}

/// Metadata about the document.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentMetadata {
    /// Version of the format; 1.0.0 by default.
    pub schema_version: Option<String>,
    /// The tool that wrote it.
    pub tool: Option<String>,
    /// The version of that tool.
    pub tool_version: Option<String>,
    /// Tags, for search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The language, as in BCP 47.
    pub language: Option<String>,
}

/// `x-planspec` of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanspecExtension {
    /// Namespace of the resources; by default that of the configuration.
    pub namespace: Option<String>,
    /// Name of the Goal and the Plan; by default from the name of the file.
    pub name: Option<String>,
    /// Series of the Plan, whose version is then the number of the revision.
    pub series: Option<String>,
    /// Soft edges, by the ids of steps or nodes; `dependencies` are hard edges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// The checks of automated success criteria, by `criterion_id`, in the form of a
    /// task's criteria.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Vec<TaskCriterion>>,
    /// The findings of reviewers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReviewFinding>,
}

/// A reviewer's finding in a section of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFinding {
    /// Its id, unique among the findings.
    pub id: String,
    /// The section, or `steps`.
    pub section: String,
    /// The step, entry or field in it.
    pub field: Option<String>,
    /// The reviewer.
    pub reviewer: String,
    /// The severity.
    pub severity: FindingSeverity,
    /// What is wrong.
    pub text: String,
    /// The disposition; `None` if it is still open.
    pub disposition: Option<Disposition>,
    /// The answer.
    pub answer: Option<String>,
}

impl ReviewFinding {
    /// Whether it is still open.
    pub fn is_open(&self) -> bool {
        self.disposition.unwrap_or(Disposition::Open) == Disposition::Open
    }

    /// Whether execution must not start before it is closed.
    pub fn is_blocking(&self) -> bool {
        self.is_open() && self.severity == FindingSeverity::Blocking
    }
}

impl Content {
    /// The mode of each step, in order: that of its override, else of the step itself
    /// (in a form of drafts), else the default. `hybrid`, or no mode, means that nobody is asked.
    pub fn modes(&self) -> Vec<Mode> {
        let overrides = self.delegation.step_overrides.iter();
        let overrides: HashMap<&str, Mode> = overrides
            .map(|other| (other.step_id.as_str(), other.mode))
            .collect();
        let mode = |step: &Step| match (step.delegation, self.delegation.default_mode) {
            (Some(StepDelegation::HumanApproval), _) => Mode::HumanApproval,
            (Some(StepDelegation::AgentAutonomous), _) => Mode::AgentAutonomous,
            (_, Some(DefaultMode::HumanApproval)) => Mode::HumanApproval,
            _ => Mode::AgentAutonomous,
        };
        let steps = self.approach.steps.iter();
        steps
            .map(|step| {
                let overridden = overrides.get(step.step_id.as_str()).copied();
                overridden.unwrap_or_else(|| mode(step))
            })
            .collect()
    }
}
