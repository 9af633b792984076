//! Explains findings and answers.

use serde_json::Value;

use super::{Error, Result};
use crate::api::explain::{AnswerList, Rule, RuleList, RuleName};
use crate::api::registry;
use crate::core::base::diagnostic::Code;
use crate::core::base::suggest::suggestion;

/// The rule with a code.
///
/// # Errors
/// `Ambiguous` if there is no such rule; the nearest is suggested.
pub fn rule(code: &str) -> Result<Rule> {
    let Some(code) = Code::parse(code) else {
        let all = || "`planspec explain --list` shows all".to_owned();
        let hint = suggestion(code, Code::ALL.iter().map(|code| code.id), all);
        return Err(Error::not_found(format!("there is no rule `{code}`")).hint(hint));
    };
    Ok(Rule {
        name: RuleName::from(code),
        page: code.page().to_owned(),
    })
}

/// All rules.
pub fn rules() -> RuleList {
    RuleList {
        items: Code::ALL.iter().copied().map(RuleName::from).collect(),
    }
}

/// The JSON Schema of an answer, by its kind.
///
/// # Errors
/// `Ambiguous` if there is no such answer; the nearest is suggested.
pub fn answer(kind: &str) -> Result<Value> {
    let Some(found) = registry::find(kind) else {
        let all = || "`planspec schema --answers` shows all".to_owned();
        let hint = suggestion(kind, registry::kinds(), all);
        return Err(Error::not_found(format!("there is no answer `{kind}`")).hint(hint));
    };
    Ok((found.schema)().to_value())
}

/// The kinds of all answers.
pub fn answers() -> AnswerList {
    AnswerList {
        items: registry::kinds().into_iter().map(str::to_owned).collect(),
    }
}
