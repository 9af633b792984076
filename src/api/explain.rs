//! What findings mean, and which answers there are.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::base::diagnostic::Code;

/// What a rule is about, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleName {
    /// Its code, for example `PS302`.
    pub code: String,
    /// `error` or `warning`; the configuration can change it.
    pub severity: String,
    /// Its level: `structure`, `semantics` or `readiness`.
    pub level: String,
    /// Its title.
    pub title: String,
}

impl From<Code> for RuleName {
    fn from(code: Code) -> RuleName {
        RuleName {
            code: code.id.to_owned(),
            severity: code.severity.to_string(),
            level: code.level().to_string(),
            title: code.title.to_owned(),
        }
    }
}

/// What a finding means, why it is one, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The rule in short.
    #[serde(flatten)]
    pub name: RuleName,
    /// Its page of the documentation, in Markdown.
    pub page: String,
}

impl Answer for Rule {
    const KIND: &'static str = "Rule";
}

/// Every rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleList {
    /// The rules, sorted by code.
    pub items: Vec<RuleName>,
}

impl Answer for RuleList {
    const KIND: &'static str = "RuleList";
}

/// Every kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerList {
    /// The values of `kind`, sorted.
    pub items: Vec<String>,
}

impl Answer for AnswerList {
    const KIND: &'static str = "AnswerList";
}
