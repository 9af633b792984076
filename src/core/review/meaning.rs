//! The meaning of a change of one value: its class, and whether it needs a second look.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{prose, suspicion};

/// The change class.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// No change.
    #[default]
    None,
    /// Wording and metadata.
    Patch,
    /// Steps added, removed or reordered, or a material change.
    Minor,
    /// The approach is replaced.
    Major,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::None => "none",
            Class::Patch => "patch",
            Class::Minor => "minor",
            Class::Major => "major",
        })
    }
}

/// The meaning of a change of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meaning {
    /// A label of the field, for people.
    pub label: &'static str,
    /// The class of a change.
    pub class: Class,
    /// Which changes are dangerous.
    pub danger: DangerWhen,
}

/// A change of wording or metadata.
pub(super) const fn patch(label: &'static str) -> Meaning {
    meaning(label, Class::Patch)
}

/// A material change.
pub(super) const fn minor(label: &'static str) -> Meaning {
    meaning(label, Class::Minor)
}

/// A change of the approach.
pub(super) const fn major(label: &'static str) -> Meaning {
    meaning(label, Class::Major)
}

const fn meaning(label: &'static str, class: Class) -> Meaning {
    Meaning {
        label,
        class,
        danger: DangerWhen::Never,
    }
}

impl Meaning {
    /// Adds which changes are dangerous.
    pub const fn danger(mut self, danger: DangerWhen) -> Meaning {
        self.danger = danger;
        self
    }
}

/// The topic of something that needs a second look, in the order in which they are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Who decides, and what waits for the decision.
    Decision,
    /// What is run or requested.
    Command,
    /// Who does the work, with which instructions.
    Delegation,
    /// Anything else.
    #[default]
    Other,
}

/// Which changes of a field are dangerous, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DangerWhen {
    /// None.
    Never,
    /// All.
    Always(&'static str),
    /// Removing it, for the first reason; changing it, for the second. Adding it is not.
    GoneOrOther(&'static str, &'static str),
    /// A lower number.
    Lower(&'static str),
    /// Becoming false.
    IsFalse(&'static str),
    /// Becoming this word.
    Is(&'static str, &'static str),
    /// Changing from this word.
    Was(&'static str, &'static str),
    /// Instructions: if they become different, less restrictive, or much longer.
    Told,
    /// A short text: if it gets a new address, or invisible characters.
    Pointed,
    /// Becoming unconditional.
    Whatever,
    /// A condition: if something may be skipped that was not, or may be done that was skipped.
    Condition {
        /// Whether a decision is skipped.
        decides: bool,
    },
    /// A timeout: if failures show much later, or much sooner.
    Timeout {
        /// Whether it is about a decision.
        decides: bool,
    },
    /// A number of retries: if it grows.
    Failures,
    /// The command of a target, as a list.
    Command,
    /// The command of a check, or its arguments.
    Check,
    /// A list of reviewers; empty means anybody.
    Reviewers,
    /// The provider, as a URI.
    Provider,
    /// The value of a constraint.
    Constraint,
    /// The delegation of a step, in the words of documents.
    Delegation,
}

impl DangerWhen {
    /// Why a change from one value to another is dangerous, if it is.
    pub fn judge(self, was: Option<&Value>, is: Option<&Value>) -> Option<String> {
        let reason = |reason: &str| Some(reason.to_owned());
        match self {
            DangerWhen::Never => None,
            DangerWhen::Always(why) => reason(why),
            DangerWhen::GoneOrOther(gone, other) => match (was, is) {
                (Some(_), None) => reason(gone),
                (Some(_), Some(_)) => reason(other),
                _ => None,
            },
            DangerWhen::Lower(why) => {
                let number = |value: Option<&Value>| value.and_then(Value::as_u64);
                (number(is)? < number(was)?).then(|| why.to_owned())
            }
            DangerWhen::IsFalse(why) => (is == Some(&Value::Bool(false))).then(|| why.to_owned()),
            DangerWhen::Is(word, why) => {
                (is.and_then(Value::as_str) == Some(word)).then(|| why.to_owned())
            }
            DangerWhen::Was(word, why) => {
                (was.and_then(Value::as_str) == Some(word)).then(|| why.to_owned())
            }
            DangerWhen::Told => told(was, is),
            DangerWhen::Pointed => {
                let text = |value: Option<&Value>| {
                    value.and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                prose::points_elsewhere(&text(was), &text(is))
            }
            DangerWhen::Whatever => reason(if is == Some(&Value::Bool(true)) {
                "it always runs, even if something before it failed or a gate was rejected"
            } else {
                "it no longer runs if something before it failed"
            }),
            DangerWhen::Condition { decides } => suspicion::condition(was, is, decides),
            DangerWhen::Timeout { decides } => suspicion::timeout(was, is, decides),
            DangerWhen::Failures => suspicion::failures(was, is),
            DangerWhen::Command => suspicion::command(was, is),
            DangerWhen::Check => suspicion::check(is),
            DangerWhen::Reviewers => reviewers(was, is),
            DangerWhen::Provider => match (was, is) {
                (None, None) => None,
                (Some(was), Some(is)) => provider(was.as_str()?, is.as_str()?),
                (Some(_), None) => reason("nothing defines any more who does the work"),
                (None, Some(_)) => reason("somebody else does the work"),
            },
            DangerWhen::Delegation => delegation(was, is),
            DangerWhen::Constraint => match (was, is) {
                (Some(_), None) => reason("a constraint is removed"),
                (Some(_), Some(_)) => reason("a constraint changes"),
                _ => None,
            },
        }
    }
}

/// A new text is shown with the new thing that it belongs to, or is wording.
fn told(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let item = |item: &Value| match (item.get("content"), item.get("uris")) {
        (Some(Value::String(text)), _) => text.clone(),
        (Some(Value::Null), Some(uris)) => uris.to_string(),
        _ => item.to_string(),
    };
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts: Vec<String> = items.iter().map(item).collect();
            texts.join("\n")
        }
        Some(Value::Object(fields)) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            fields.join("\n")
        }
        _ => String::new(),
    };
    let (was, is) = (text(was), text(is));
    (was != is).then(|| prose::judge(&was, &is)).flatten()
}

fn words(value: Option<&Value>) -> BTreeSet<&str> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

fn reviewers(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let (was, is) = (words(was), words(is));
    if is.is_empty() && !was.is_empty() {
        return Some("anybody may decide".to_owned());
    }
    let more: Vec<&str> = is.difference(&was).copied().collect();
    // If anybody could decide before, naming some is stricter.
    (!was.is_empty() && !more.is_empty()).then(|| format!("{} may decide as well", more.join(", ")))
}

/// The part of a provider before `://`.
pub fn scheme(provider: &str) -> Option<&str> {
    provider.split_once("://").map(|(scheme, _)| scheme)
}

/// Why a change of provider is dangerous.
pub fn provider(was: &str, is: &str) -> Option<String> {
    if was == is {
        return None;
    }
    Some(match (scheme(was), scheme(is)) {
        (Some("human"), other) if other != Some("human") => {
            format!("the work moves from people to {}", plural(other))
        }
        (other, Some("human")) if other != Some("human") => {
            format!("the work moves from {} to people", plural(other))
        }
        _ => "somebody else does the work".to_owned(),
    })
}

fn delegation(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let people = |value: Option<&Value>| {
        let word = value.and_then(Value::as_str);
        matches!(word, Some("human" | "human_approval"))
    };
    let agents = |value: Option<&Value>| {
        let word = value.and_then(Value::as_str);
        matches!(word, Some("agent" | "agent_autonomous"))
    };
    if people(was) && !people(is) {
        return Some("people no longer do it, or are no longer asked".to_owned());
    }
    (agents(is) && !agents(was)).then(|| "an agent does it, without an approval".to_owned())
}

fn plural(scheme: Option<&str>) -> String {
    match scheme {
        Some("agent") => "an agent".to_owned(),
        Some("service") => "a service".to_owned(),
        Some("tool") => "a tool".to_owned(),
        Some(other) => format!("`{other}`"),
        None => "anybody who uses that name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn which_changes_are_dangerous() {
        let table = [
            (DangerWhen::Never, json!(1), json!(2), None),
            (
                DangerWhen::Always("why"),
                json!(null),
                json!(2),
                Some("why"),
            ),
            (
                DangerWhen::Lower("fewer"),
                json!(2),
                json!(1),
                Some("fewer"),
            ),
            (DangerWhen::Lower("fewer"), json!(1), json!(2), None),
            (
                DangerWhen::IsFalse("no"),
                json!(true),
                json!(false),
                Some("no"),
            ),
            (DangerWhen::IsFalse("no"), json!(false), json!(true), None),
            (
                DangerWhen::GoneOrOther("gone", "other"),
                json!("a"),
                json!(null),
                Some("gone"),
            ),
            (
                DangerWhen::GoneOrOther("gone", "other"),
                json!("a"),
                json!("b"),
                Some("other"),
            ),
            (
                DangerWhen::GoneOrOther("gone", "other"),
                json!(null),
                json!("b"),
                None,
            ),
            (
                DangerWhen::Reviewers,
                json!(["a"]),
                json!(null),
                Some("anybody may decide"),
            ),
            (
                DangerWhen::Reviewers,
                json!(["a"]),
                json!(["a", "b"]),
                Some("b may decide as well"),
            ),
            (DangerWhen::Reviewers, json!(["a", "b"]), json!(["a"]), None),
            (DangerWhen::Reviewers, json!(null), json!(["a"]), None),
            (
                DangerWhen::Provider,
                json!("human://ops"),
                json!("agent://x"),
                Some("the work moves from people to an agent"),
            ),
            (
                DangerWhen::Provider,
                json!("agent://x"),
                json!("human://ops"),
                Some("the work moves from an agent to people"),
            ),
            (
                DangerWhen::Provider,
                json!("agent://x"),
                json!("agent://y"),
                Some("somebody else does the work"),
            ),
        ];
        for (risk, was, is, expected) in table {
            let given = |value: &Value| (!value.is_null()).then(|| value.clone());
            let found = risk.judge(given(&was).as_ref(), given(&is).as_ref());
            assert_eq!(found.as_deref(), expected, "{risk:?} {was} {is}");
        }
    }
}
