//! The eleven sections, typed.
//!
//! The types are what a consumer looks at. What they do not name (`x-*` content, comments, fields
//! of drafts) stays in the value that they were read from.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::core::resource::{Edge, TaskCriterion, Time};

/// Declare a closed list of words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident $word:literal $doc:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $doc] #[serde(rename = $word)] $variant,)*
        }
        impl $name {
            /// Every word.
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
    /// How large a step is.
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
    /// Who is asked before a step is done, where nothing else is said.
    DefaultMode {
        HumanApproval "human_approval" "A person agrees to every step.",
        AgentAutonomous "agent_autonomous" "Nobody is asked.",
        Hybrid "hybrid" "Each step says it.",
    }
}

words! {
    /// Who is asked before a step is done.
    Mode {
        HumanApproval "human_approval" "A person agrees first.",
        AgentAutonomous "agent_autonomous" "Nobody is asked.",
    }
}

words! {
    /// What to do when something is ambiguous.
    OnAmbiguity {
        Pause "pause" "Wait for a person.",
        Fail "fail" "Give up.",
        Guess "proceed_with_best_guess" "Go on with what is most likely.",
    }
}

words! {
    /// What to do when a constraint is broken, or the scope is left.
    OnViolation {
        Pause "pause" "Wait for a person.",
        Fail "fail" "Give up.",
        Notify "notify" "Say so and go on.",
    }
}

words! {
    /// How a criterion is checked.
    Verification {
        Manual "manual" "Somebody looks.",
        Automated "automated" "A command decides.",
        Observable "observable" "It shows by itself.",
    }
}

words! {
    /// How much a criterion weighs.
    Weight {
        Primary "primary" "Without it there is no success.",
        Secondary "secondary" "Welcome.",
    }
}

words! {
    /// How likely or how grave something is.
    Degree {
        Low "low" "Little.",
        Medium "medium" "Middling.",
        High "high" "Much.",
    }
}

words! {
    /// How much a finding of a review weighs.
    FindingSeverity {
        Blocking "blocking" "Nothing begins before it is closed.",
        Major "major" "It should be answered.",
        Minor "minor" "It would be better otherwise.",
    }
}

words! {
    /// What came of a finding of a review.
    Disposition {
        Open "open" "It waits for an answer.",
        Resolved "resolved" "The document says something else now.",
        Rejected "rejected" "The document stays as it is.",
    }
}

words! {
    /// Who looks after a risk.
    Owner {
        Human "human" "A person.",
        Agent "agent" "An agent.",
        Shared "shared" "Both.",
    }
}

words! {
    /// What a revision amounts to, from little to much.
    ChangeType {
        Patch "patch" "Wording and metadata.",
        Minor "minor" "Steps added, removed or reordered, or a material change of the approach.",
        Major "major" "Another approach.",
    }
}

words! {
    /// Why there is a revision.
    Trigger {
        UserFeedback "user_feedback" "A person asked for it.",
        AgentSuggestion "agent_suggestion" "An agent asked for it.",
        Clarification "clarification" "A question was answered.",
        ErrorCorrection "error_correction" "Something was wrong.",
    }
}

words! {
    /// What was done to a part of a document.
    ChangeKind {
        Addition "addition" "It was added.",
        Removal "removal" "It was removed.",
        Modification "modification" "It reads differently.",
        Reorder "reorder" "It stands elsewhere.",
    }
}

/// What is typed of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Which plan, which revision.
    pub identity: Identity,
    /// What for.
    pub intent: Intent,
    /// What belongs to it and what does not.
    pub scope: Scope,
    /// How.
    pub approach: Approach,
    /// What must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// When it is done.
    pub success_criteria: Vec<Criterion>,
    /// What may go wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Risk>,
    /// What must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Who decides.
    pub delegation: Delegation,
    /// How it came to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revision_history: Vec<Revision>,
    /// About the document.
    #[serde(default)]
    pub metadata: DocumentMetadata,
    /// What an older draft of the format had for reviews. It is read, and never written.
    pub approval: Option<serde_json::Value>,
    /// What this program is told.
    #[serde(rename = "x-planspec")]
    pub planspec: Option<PlanspecExtension>,
}

/// Which plan, which revision.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// UUID, another one for every revision.
    pub plan_id: String,
    /// What all revisions of a plan share.
    pub session_id: String,
    /// From 1.
    pub revision: u32,
    /// `plan_id` of the revision before.
    #[serialize_always]
    pub parent_id: Option<String>,
    /// Where it belongs.
    pub workspace_id: Option<String>,
    /// Who wrote it.
    pub created_by: String,
    /// When.
    pub created_at: Time,
}

/// What for.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is to be reached.
    pub goal_statement: String,
    /// Why.
    pub motivation: String,
    /// How one sees that it is reached.
    pub success_definition: String,
    /// Where.
    pub scope_context: Option<String>,
}

/// What belongs to it and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// What does. `path:` and a glob means files of the repository.
    pub in_scope: Vec<String>,
    /// What does not; it wins.
    pub out_of_scope: Vec<String>,
    /// What is taken for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// What must be answered before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_questions: Vec<String>,
}

/// How.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach {
    /// In short.
    pub overview: String,
    /// Why this way.
    pub rationale: String,
    /// What else was thought of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives_considered: Vec<Alternative>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What else was thought of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// Another way.
    pub approach: String,
    /// Why not.
    pub rejection_reason: String,
}

/// One step.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the document.
    pub step_id: String,
    /// In a few words.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// Why.
    pub rationale: Option<String>,
    /// What it starts from.
    pub inputs: Option<String>,
    /// What it leads to.
    pub outputs: Option<String>,
    /// Steps that come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Whether it may run beside others; for people, the dependencies decide.
    pub parallelizable: Option<bool>,
    /// How large it is.
    pub estimated_complexity: Option<Complexity>,
    /// Who does it.
    pub delegation: Option<StepDelegation>,
    /// How one sees that it is done.
    pub acceptance_criteria: Option<String>,
    /// What this program is told of the node that the step becomes.
    #[serde(rename = "x-planspec")]
    pub planspec: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Unique in the document.
    pub constraint_id: String,
    /// Of which kind.
    #[serde(rename = "type")]
    pub kind: ConstraintType,
    /// What.
    pub description: String,
    /// How one sees that it holds.
    pub validation_method: String,
    /// Whether there is no success without it.
    pub blocking: bool,
}

/// Of which kind a constraint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintType {
    /// What the software must be like.
    Technical,
    /// How it is made.
    Process,
    /// What attackers must not achieve.
    Security,
    /// What the law wants.
    Compliance,
    /// How fast it is.
    Performance,
    /// Something that the format does not name.
    #[serde(untagged)]
    Other(String),
}

impl ConstraintType {
    /// The words that the format names.
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

/// When it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Unique in the document.
    pub criterion_id: String,
    /// What.
    pub description: String,
    /// How it is checked.
    pub verification: Verification,
    /// How much it weighs.
    pub weight: Weight,
}

/// What may go wrong.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Unique in the document.
    pub risk_id: String,
    /// In a few words.
    pub title: String,
    /// How likely it is.
    pub probability: Degree,
    /// How grave it is.
    pub impact: Degree,
    /// What.
    pub description: String,
    /// What is done against it.
    pub mitigation: Option<String>,
    /// What is done when it happens.
    pub contingency: Option<String>,
    /// Who looks after it.
    pub owner: Option<Owner>,
}

/// What must be there.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Unique in the document.
    pub dependency_id: String,
    /// What.
    pub description: String,
    /// Of which kind.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether it is there.
    pub available: bool,
}

/// Who decides.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Where nothing else is said. Without it the document is not ready.
    pub default_mode: Option<DefaultMode>,
    /// Steps for which something else is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_overrides: Vec<StepOverride>,
    /// What to do when things do not go as planned.
    pub escalation_policy: Option<EscalationPolicy>,
}

/// A step for which something else is said.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOverride {
    /// Which.
    pub step_id: String,
    /// What.
    pub mode: Mode,
    /// Why.
    pub rationale: Option<String>,
}

/// What to do when things do not go as planned.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationPolicy {
    /// Something is ambiguous.
    pub on_ambiguity: Option<OnAmbiguity>,
    /// A constraint is broken.
    pub on_constraint_violation: Option<OnViolation>,
    /// The work leaves the scope.
    pub on_unexpected_scope: Option<OnViolation>,
}

/// One entry of the history.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// From 1.
    pub revision: u32,
    /// What it amounts to.
    pub change_type: ChangeType,
    /// What was done.
    pub change_summary: String,
    /// Why.
    pub trigger: Option<Trigger>,
    /// When.
    pub created_at: Time,
    /// In detail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<RevisionChange>,
}

/// What was done to a part of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionChange {
    /// What.
    #[serde(rename = "type")]
    pub kind: ChangeKind,
    /// To which section.
    pub section: String,
    /// To which field of it.
    pub field: Option<String>,
    /// In words.
    pub summary: String,
}

/// About the document.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentMetadata {
    /// Version of the format; 1.0.0 when not said.
    pub schema_version: Option<String>,
    /// What wrote it.
    pub tool: Option<String>,
    /// Which version of that.
    pub tool_version: Option<String>,
    /// For searching.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// BCP 47.
    pub language: Option<String>,
}

/// `x-planspec` of a document: what this program is told.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanspecExtension {
    /// Namespace of the resources; the configuration's default when not set.
    pub namespace: Option<String>,
    /// Name of the Goal and the Plan; the file's stem when not set.
    pub name: Option<String>,
    /// Series of the Plan, whose version is then the document's revision.
    pub series: Option<String>,
    /// Soft edges, by the ids of steps or nodes: `dependencies` are hard ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// What decides whether an automated success criterion is met, by its `criterion_id`: checks
    /// as those of a task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Vec<TaskCriterion>>,
    /// What reviewers found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReviewFinding>,
}

/// What a reviewer found in a section of a document.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFinding {
    /// Unique among the findings.
    pub id: String,
    /// In which section, or in the `steps`.
    pub section: String,
    /// In which step, entry or field of it.
    pub field: Option<String>,
    /// Who found it.
    pub reviewer: String,
    /// How much it weighs.
    pub severity: FindingSeverity,
    /// What is wrong.
    pub text: String,
    /// What came of it; nothing yet where it is not said.
    pub disposition: Option<Disposition>,
    /// What was said to that.
    pub answer: Option<String>,
}

impl ReviewFinding {
    /// Whether nobody has answered it.
    pub fn is_open(&self) -> bool {
        self.disposition.unwrap_or(Disposition::Open) == Disposition::Open
    }

    /// Whether nothing may begin before it is closed.
    pub fn is_blocking(&self) -> bool {
        self.is_open() && self.severity == FindingSeverity::Blocking
    }
}

impl Content {
    /// Who is asked before each step, in their order: what an override says, else the step itself
    /// (with a word of drafts), else the default. Under `hybrid`, or where nothing is said, nobody is.
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
