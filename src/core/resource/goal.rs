//! Goal: what is to be achieved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use super::{Condition, Duration, ObjectRef, Time, is_false, is_zero, phase};

/// `spec` of a Goal (docs/spec/resources.md, R4).
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalSpec {
    /// The description, 1 to 4096 characters.
    pub description: String,
    /// Constraints, in any form.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub constraints: Map<String, Value>,
    /// The acceptance criteria; those with an id must be attested before the goal succeeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<GoalCriterion>,
    /// Selects plans by label.
    pub plan_selector: Option<LabelSelector>,
    /// Timeout, from the first start of an execution.
    pub timeout: Option<Duration>,
    /// The priority, 0 to 1000.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u32,
    /// Context for workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextItem>,
}

/// A criterion of a goal.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalCriterion {
    /// Unique DNS label.
    pub id: Option<String>,
    /// What must hold.
    pub description: String,
}

/// Selects objects by their labels; all parts must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    /// Labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelExpression>,
}

/// A requirement of a selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelExpression {
    /// The label.
    pub key: String,
    /// The comparison.
    pub operator: LabelOperator,
    /// The values, for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabelOperator {
    /// Present with one of the values.
    In,
    /// Absent, or with another value.
    NotIn,
    /// Present.
    Exists,
    /// Absent.
    DoesNotExist,
}

impl LabelSelector {
    /// Whether the selector has no parts; an empty selector matches nothing here.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// Whether `labels` match all parts.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = self
            .match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
        equal
            && self.match_expressions.iter().all(|expression| {
                let value = labels.get(&expression.key);
                match expression.operator {
                    LabelOperator::In => value.is_some_and(|v| expression.values.contains(v)),
                    LabelOperator::NotIn => value.is_none_or(|v| !expression.values.contains(v)),
                    LabelOperator::Exists => value.is_some(),
                    LabelOperator::DoesNotExist => value.is_none(),
                }
            })
    }
}

/// A piece of context for workers.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextItem {
    /// A title.
    pub name: Option<String>,
    /// The format.
    pub format: ContextFormat,
    /// The content: a string for markdown and text, any value for json.
    pub content: Option<Value>,
    /// The links, for uri-list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
}

/// The name of the context item with the tracker's task that a node comes from: its `id` there, and optionally its
/// `url`.
pub const TRACKER: &str = "tracker";

impl ContextItem {
    /// The id in the tracker of the task that the node comes from.
    pub fn tracker_id(&self) -> Option<&str> {
        self.of_tracker("id")
    }

    /// The URL in the tracker of that task.
    pub fn tracker_url(&self) -> Option<&str> {
        self.of_tracker("url")
    }

    /// Whether it contains only the id, which the worker gets anyway.
    pub fn is_tracker_id_alone(&self) -> bool {
        const LONGEST: usize = 80;
        let is_short = self.tracker_id().is_some_and(|id| id.len() <= LONGEST);
        let fields = self.content.as_ref().and_then(Value::as_object);
        is_short && fields.is_some_and(|fields| fields.len() == 1)
    }

    fn of_tracker(&self, field: &str) -> Option<&str> {
        let is_its = self.name.as_deref() == Some(TRACKER) && self.format == ContextFormat::Json;
        let content = self.content.as_ref().filter(|_| is_its)?;
        content.get(field)?.as_str()
    }
}

/// The format of a context item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextFormat {
    /// Markdown text.
    Markdown,
    /// Plain text.
    Text,
    /// Any JSON value.
    Json,
    /// A list of links.
    UriList,
}

phase! {
    /// Phase of a goal.
    GoalPhase {
        Pending "No plan yet.",
        Planning "Plans exist, none can be chosen.",
        Ready "A plan is chosen.",
        Executing "An execution is unfinished, or criteria are not attested.",
        Succeeded "Reached.",
        Failed "The newest execution failed, or time ran out.",
        Cancelled "The newest execution was cancelled.",
    }
}

/// Written by the goal controller.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalStatus {
    /// The phase.
    pub phase: GoalPhase,
    /// The plan that a new execution would run.
    pub active_plan_ref: Option<ObjectRef>,
    /// The conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Fields that this controller keeps in addition to the published ones.
    #[serde(default, skip_serializing_if = "GoalExtensions::is_empty")]
    pub extensions: GoalExtensions,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
}

/// Fields of a goal's status that this controller keeps in addition to the published ones.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalExtensions {
    /// What counts of its archived executions.
    pub archived: Option<ArchivedRuns>,
}

impl GoalExtensions {
    fn is_empty(&self) -> bool {
        *self == GoalExtensions::default()
    }
}

/// What counts for a goal of its archived executions.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedRuns {
    /// The generation of the goal that they were for.
    pub generation: u64,
    /// When the first of them started.
    pub first_start: Option<Time>,
    /// The newest of them.
    pub newest: ArchivedRun,
}

/// An archived execution, and what its end means for the goal.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedRun {
    /// `namespace/name` of the execution.
    pub execution: String,
    /// When it started.
    pub start: Option<Time>,
    /// Whether it was cancelled because its file was deleted: then it counts only if there is no other.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_deleted: bool,
    /// The phase of the goal after it.
    pub phase: GoalPhase,
    /// The reason, one CamelCase word.
    pub reason: String,
    /// The message, a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator() {
        let labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
        let table = [
            ("tier", LabelOperator::In, vec!["gold"], true),
            ("tier", LabelOperator::In, vec!["iron"], false),
            ("none", LabelOperator::In, vec!["gold"], false),
            ("tier", LabelOperator::NotIn, vec!["gold"], false),
            ("none", LabelOperator::NotIn, vec!["gold"], true),
            ("tier", LabelOperator::Exists, vec![], true),
            ("none", LabelOperator::Exists, vec![], false),
            ("tier", LabelOperator::DoesNotExist, vec![], false),
            ("none", LabelOperator::DoesNotExist, vec![], true),
        ];
        for (key, operator, values, expected) in table {
            let selector = LabelSelector {
                match_labels: BTreeMap::new(),
                match_expressions: vec![LabelExpression {
                    key: key.to_owned(),
                    operator,
                    values: values.into_iter().map(str::to_owned).collect(),
                }],
            };
            assert_eq!(selector.matches(&labels), expected, "{key} {operator:?}");
        }
    }
}
