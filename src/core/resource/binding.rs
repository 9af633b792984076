//! Binding: chooses providers for tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::{Condition, ObjectRef, is_zero, phase};

/// `spec` of a Binding (docs/spec/resources.md, R12).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindingSpec {
    /// How one of several rules is chosen.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub strategy: Strategy,
    /// At least one rule.
    pub rules: Vec<Rule>,
}

/// How one of several matching rules is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Priority, then specificity, then order in the list.
    #[default]
    FirstMatch,
    /// Specificity, then priority, then order in the list.
    MostSpecific,
    /// As FirstMatch, but a tie on priority and specificity is a conflict.
    ErrorOnConflict,
}

/// A rule of a binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// 0 to 1000; higher wins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u32,
    /// The tasks that it applies to.
    pub selector: Selector,
    /// The provider.
    pub target: Target,
}

/// The tasks that a rule applies to: one of five forms, which the JSON Schema checks.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selector {
    /// Tasks that need this capability.
    pub capability_ref: Option<ObjectRef>,
    /// Tasks of this plan.
    pub plan_ref: Option<ObjectRef>,
    /// With `planRef`: one node.
    pub node_id: Option<String>,
    /// Tasks of plans with these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// The provider of a task.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// `agent://…`, `human://…`, `service://…`, `tool://…`, `repo://…` or a plain word.
    pub provider: String,
    /// Configuration for the provider.
    pub config: Option<Value>,
}

phase! {
    /// Phase of a binding.
    BindingPhase {
        Unresolved "Nothing that is asked of it is bound.",
        PartiallyBound "Some of what is asked of it is bound.",
        Ready "All of what is asked of it is bound.",
    }
}

/// Written by the binding controller. Counts the capabilities that the plans of open executions need
/// from this binding; without such executions, the capabilities that its rules name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindingStatus {
    /// Whether all are bound.
    pub phase: BindingPhase,
    /// How many capabilities are needed.
    #[serde(default)]
    pub total_count: usize,
    /// How many of them are bound.
    #[serde(default)]
    pub bound_count: usize,
    /// The capabilities that are not bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unbound_capabilities: Vec<UnboundCapability>,
    /// The conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
}

/// A capability that no rule binds.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnboundCapability {
    /// The capability.
    pub capability_ref: ObjectRef,
    /// The node that needs it.
    pub node_id: Option<String>,
    /// The reason, one CamelCase word.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}
