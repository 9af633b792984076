//! References in the inputs of a task: `${nodes.<id>.outputs.<name>}` and `${parameters.<name>}`, with
//! alternatives for missing values: `${nodes.a.outputs.x:-${nodes.b.outputs.x}}`,
//! `${parameters.region:-eu}`.
//!
//! They are replaced by values. There is no escape: a text that contains `${` itself is passed as
//! a parameter, since values are not parsed again.

use serde_json::Value;

use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::shortened;
use crate::core::plan::mention::{Mention, Mentioned};
use crate::core::plan::values::as_written;

/// The target of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `${nodes.<id>.outputs.<name>}`
    Output(Mention),
    /// `${parameters.<name>}`
    Parameter(String),
}

/// The content of `${…}`: references, of which the first one with a value is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// At least one reference.
    pub references: Vec<Reference>,
    /// The value if no reference has one.
    pub default: Option<String>,
}

impl Choice {
    /// Whether there is an alternative to the first reference.
    pub fn has_alternative(&self) -> bool {
        self.references.len() > 1 || self.default.is_some()
    }

    fn value(
        &self,
        look_up: &dyn Fn(&Reference) -> Result<Value, String>,
    ) -> Result<Value, String> {
        let mut missing = Vec::new();
        for reference in &self.references {
            match look_up(reference) {
                Ok(Value::Null) if self.has_alternative() => missing.push("it is null".to_owned()),
                Ok(value) => return Ok(value),
                Err(why) => missing.push(why),
            }
        }
        let default = self.default.as_deref().map(as_written);
        default.ok_or_else(|| missing.join("; "))
    }
}

/// A `${…}` that is not a valid reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The message, in one sentence without a full stop.
    pub message: String,
    /// How to fix it.
    pub help: String,
}

/// Both forms, and the help if neither is wanted.
const FORMS: &str = "write `${nodes.<id>.outputs.<name>}` or `${parameters.<name>}`; pass a text \
     that contains `${` itself as a parameter";

/// The text between a reference and its alternative.
const OTHERWISE: &str = ":-";

/// Maximum number of characters of a text in a message.
const SHOWN: usize = 60;

/// Whether a text contains references, valid or not.
pub fn is_template(text: &str) -> bool {
    text.contains("${")
}

/// The references in a text, in order.
///
/// # Errors
/// The first `${` that does not begin a valid reference.
pub fn choices(text: &str) -> Result<Vec<Choice>, Malformed> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("${") {
        let (choice, behind) = choice(behind)?;
        found.push(choice);
        rest = behind;
    }
    Ok(found)
}

/// Parses the text after a `${`. Returns the rest of the text.
fn choice(text: &str) -> Result<(Choice, &str), Malformed> {
    let open = || Malformed {
        message: format!("`${{{}` is not closed", shortened(text, SHOWN)),
        help: FORMS.to_owned(),
    };
    let mut references = Vec::new();
    let mut rest = text;
    let (default, mut behind) = loop {
        let (inner, behind) = rest.split_once('}').ok_or_else(open)?;
        let Some((inner, _)) = inner.split_once(OTHERWISE) else {
            references.push(reference(inner)?);
            break (None, behind);
        };
        references.push(reference(inner)?);
        let other = &rest[inner.len() + OTHERWISE.len()..];
        match other.strip_prefix("${") {
            Some(inner) => rest = inner,
            None => {
                let (default, behind) = other.split_once('}').ok_or_else(open)?;
                break (Some(default), behind);
            }
        }
    };
    let is_one = !default.is_some_and(is_template);
    if !is_one {
        let message = format!(
            "the text after `{OTHERWISE}` in `${{{}` is neither one reference nor plain text",
            shortened(text, SHOWN)
        );
        let help = "write for example `${nodes.a.outputs.x:-${nodes.b.outputs.x}}`, or `${parameters.region:-eu}`";
        return Err(Malformed {
            message,
            help: help.to_owned(),
        });
    }
    // Each reference except the first is inside the one before.
    for _ in 1..references.len() {
        behind = behind.strip_prefix('}').ok_or_else(open)?;
    }
    let default = default.map(str::to_owned);
    let choice = Choice {
        references,
        default,
    };
    Ok((choice, behind))
}

/// A value with its references replaced: by the value itself if the whole text is one
/// reference, by its text if it is a part of a text. Inserted values are not parsed again.
///
/// # Errors
/// A reference is not valid, or `look_up` has no value for it; the error is a sentence.
pub fn substitute(
    value: &Value,
    look_up: &dyn Fn(&Reference) -> Result<Value, String>,
) -> Result<Value, String> {
    let mut value = value.clone();
    let mut todo = vec![&mut value];
    while let Some(value) = todo.pop() {
        match value {
            Value::String(text) if is_template(text) => *value = expand(text, look_up)?,
            Value::Array(items) => todo.extend(items),
            Value::Object(fields) => todo.extend(fields.values_mut()),
            _ => {}
        }
    }
    Ok(value)
}

fn expand(
    text: &str,
    look_up: &dyn Fn(&Reference) -> Result<Value, String>,
) -> Result<Value, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let (choice, behind) = choice(behind).map_err(|malformed| malformed.message)?;
        let value = choice.value(look_up)?;
        if before.is_empty() && behind.is_empty() && expanded.is_empty() {
            return Ok(value);
        }
        expanded.push_str(before);
        match value {
            Value::String(text) => expanded.push_str(&text),
            other => expanded.push_str(&other.to_string()),
        }
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(Value::String(expanded))
}

fn reference(inner: &str) -> Result<Reference, Malformed> {
    let steps: Vec<&str> = inner.splitn(5, '.').collect();
    match steps.as_slice() {
        ["nodes", id, "outputs", name] if is_name(id) && is_name(name) => {
            let output = Mentioned::Output((*name).to_owned());
            Ok(Reference::Output(Mention::new(*id, output)))
        }
        ["parameters", name] if is_name(name) => Ok(Reference::Parameter((*name).to_owned())),
        _ if inner.starts_with('{') => {
            let written = inner.trim_start_matches('{').trim();
            let help = ours(written).map(|ours| format!("write `{ours}`"));
            Err(Malformed {
                message: format!("`${{{{ {written} }}}}` is the reference syntax of another tool"),
                help: help.unwrap_or_else(|| FORMS.to_owned()),
            })
        }
        steps => {
            let whole = format!("`${{{}}}`", shortened(inner, SHOWN));
            Err(Malformed {
                message: format!("{whole} is not a reference{}", reason(inner, steps)),
                help: meant(steps).unwrap_or_else(|| FORMS.to_owned()),
            })
        }
    }
}

/// A reference in the syntax of another tool, `{{nodes.a.outputs.x}}` or `$(tasks.a.results.x)`, with ours if there is
/// one.
pub fn of_another_tool(text: &str) -> Option<(&str, Option<String>)> {
    let between = |open: &str, close: &str| {
        let start = text.find(open)?;
        let inner = text.get(start + open.len()..)?;
        let inner = inner.get(..inner.find(close)?)?;
        let whole = text.get(start..start + open.len() + inner.len() + close.len())?;
        Some((whole, inner.trim()))
    };
    let (whole, inner) = match between("{{", "}}") {
        Some(found) => found,
        // A shell command is something else.
        None => between("$(", ")").filter(|(_, inner)| {
            let first = inner.split('.').next().unwrap_or_default();
            ["tasks", "steps", "nodes", "params", "inputs", "parameters"].contains(&first)
        })?,
    };
    Some((whole, ours(inner)))
}

/// Our reference for that of another tool.
fn ours(inner: &str) -> Option<String> {
    let steps: Vec<&str> = inner.split('.').collect();
    let steps = match steps.as_slice() {
        ["workflow" | "inputs" | "context", rest @ ..] if rest.len() > 1 => rest,
        steps => steps,
    };
    let ours = match steps {
        [
            "nodes" | "tasks" | "steps" | "jobs" | "needs",
            node,
            "outputs" | "results",
            rest @ ..,
        ] => {
            format!("nodes.{node}.outputs.{}", rest.last()?)
        }
        ["parameters" | "params" | "inputs" | "vars", name] => format!("parameters.{name}"),
        _ => return None,
    };
    reference(&ours).is_ok().then(|| format!("${{{ours}}}"))
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

fn reason(inner: &str, steps: &[&str]) -> &'static str {
    match steps {
        _ if inner.contains(char::is_whitespace) => ": it has no spaces",
        _ if inner.contains('[') => ": write ids and names after a dot, without brackets",
        ["nodes", _] | ["nodes", _, "outputs"] => ": it does not name an output",
        ["nodes", _, what, ..] if *what != "outputs" => ": only the outputs of a node can be used",
        ["nodes", _, _, _, _] | ["parameters", _, _, ..] => ": it leads into a value",
        _ => "",
    }
}

/// The form that was probably meant.
fn meant(steps: &[&str]) -> Option<String> {
    let (first, rest) = steps.split_first()?;
    let near = did_you_mean(first, ["nodes", "parameters"])?;
    let form = [&[near], rest].concat().join(".");
    let is_reference = near != *first && reference(&form).is_ok();
    is_reference.then(|| format!("did you mean `${{{form}}}`?"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn references(text: &str) -> Result<Vec<Reference>, Malformed> {
        let found = choices(text)?.into_iter();
        Ok(found.flat_map(|choice| choice.references).collect())
    }

    fn output(node: &str, name: &str) -> Reference {
        Reference::Output(Mention::new(node, Mentioned::Output(name.to_owned())))
    }

    fn parameter(name: &str) -> Reference {
        Reference::Parameter(name.to_owned())
    }

    #[test]
    fn references_of_other_tools_are_known() {
        let table = [
            ("{{nodes.a.outputs.x}}", Some("${nodes.a.outputs.x}")),
            (
                "see {{ steps.a.outputs.parameters.x }}",
                Some("${nodes.a.outputs.x}"),
            ),
            ("$(tasks.a.results.x)", Some("${nodes.a.outputs.x}")),
            ("{{workflow.parameters.days}}", Some("${parameters.days}")),
            ("{{ ansible_host }}", None),
        ];
        for (text, meant) in table {
            let (_, found) = of_another_tool(text).unwrap();
            assert_eq!(found.as_deref(), meant, "{text}");
        }
        for text in ["{x}", "$(date)", "{{", "a }} b"] {
            assert_eq!(of_another_tool(text), None, "{text}");
        }
        let found = choices("${{ steps.a.outputs.q }}").unwrap_err();
        assert_eq!(found.help, "write `${nodes.a.outputs.q}`");
    }

    #[test]
    fn both_forms_are_found_in_order() {
        let table = [
            ("", vec![]),
            ("costs 5 $, {braces} and $HOME", vec![]),
            ("${parameters.dry_run}", vec![parameter("dry_run")]),
            ("${parameters.dryRun}", vec![parameter("dryRun")]),
            ("${nodes.a.outputs.x}", vec![output("a", "x")]),
            (
                "from ${nodes.fetch-all.outputs.path_1} to ${parameters.to}.",
                vec![output("fetch-all", "path_1"), parameter("to")],
            ),
            (
                "${parameters.a}${parameters.b}",
                vec![parameter("a"), parameter("b")],
            ),
            ("${parameters.a}}", vec![parameter("a")]),
        ];
        for (text, expected) in table {
            assert_eq!(references(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn alternatives_are_references_or_a_text() {
        let table = [
            ("${parameters.a:-b c}", vec![parameter("a")], Some("b c")),
            ("${parameters.a:-}", vec![parameter("a")], Some("")),
            ("${parameters.a:-x:-y}", vec![parameter("a")], Some("x:-y")),
            (
                "${nodes.a.outputs.x:-${nodes.b.outputs.x}}",
                vec![output("a", "x"), output("b", "x")],
                None,
            ),
            (
                "${nodes.a.outputs.x:-${nodes.b.outputs.x:-${parameters.p:-none}}}",
                vec![output("a", "x"), output("b", "x"), parameter("p")],
                Some("none"),
            ),
        ];
        for (text, references, default) in table {
            let expected = Choice {
                references,
                default: default.map(str::to_owned),
            };
            for (before, behind) in [("", ""), ("a ", "} b")] {
                let text = format!("{before}{text}{behind}");
                assert_eq!(choices(&text), Ok(vec![expected.clone()]), "{text}");
            }
        }
        for (text, message) in [
            ("${parameters.a:-", "`${parameters.a:-` is not closed"),
            (
                "${parameters.a:-${parameters.b}",
                "`${parameters.a:-${parameters.b}` is not closed",
            ),
            (
                "${parameters.a:-${parameters.b} c}",
                "`${parameters.a:-${parameters.b} c}` is not closed",
            ),
            (
                "${parameters.a:-b ${parameters.c}}",
                "the text after `:-` in `${parameters.a:-b ${parameters.c}}` is neither one reference nor plain \
                 text",
            ),
            ("${parameters.a:-${HOME}}", "`${HOME}` is not a reference"),
            ("${a:-b}", "`${a}` is not a reference"),
        ] {
            let malformed = choices(text).expect_err(text);
            assert_eq!(malformed.message, message, "{text}");
        }
    }

    #[test]
    fn the_first_alternative_with_a_value_counts() {
        let look_up = |reference: &Reference| match reference {
            Reference::Parameter(name) if name == "n" => Ok(json!(3)),
            Reference::Parameter(name) if name == "null" => Ok(json!(null)),
            Reference::Parameter(name) if name == "empty" => Ok(json!("")),
            Reference::Parameter(name) => Err(format!("no {name}")),
            Reference::Output(mention) => Err(format!("no output of {}", mention.node)),
        };
        for (text, expected) in [
            ("${parameters.x:-${parameters.n}}", Ok(json!(3))),
            ("${parameters.n:-${parameters.x}}", Ok(json!(3))),
            ("${parameters.null:-${parameters.n}}", Ok(json!(3))),
            ("${parameters.null}", Ok(json!(null))),
            ("${parameters.empty:-x}", Ok(json!(""))),
            ("${parameters.x:-5}", Ok(json!(5))),
            ("${parameters.x:-1.10}", Ok(json!("1.10"))),
            ("${parameters.x:-true}", Ok(json!(true))),
            (
                "a ${nodes.b.outputs.c:-${parameters.x:-d}} e",
                Ok(json!("a d e")),
            ),
            (
                "${parameters.x:-${nodes.b.outputs.c}}",
                Err("no x; no output of b".to_owned()),
            ),
        ] {
            assert_eq!(substitute(&json!(text), &look_up), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_said_with_the_way_out() {
        let table = [
            ("${", "`${` is not closed", FORMS),
            ("${parameters.a", "`${parameters.a` is not closed", FORMS),
            ("${}", "`${}` is not a reference", FORMS),
            ("${HOME}", "`${HOME}` is not a reference", FORMS),
            ("$${HOME}", "`${HOME}` is not a reference", FORMS),
            (
                "${ parameters.a }",
                "`${ parameters.a }` is not a reference: it has no spaces",
                FORMS,
            ),
            (
                "${parameters.}",
                "`${parameters.}` is not a reference",
                FORMS,
            ),
            (
                "${parameters.a.b}",
                "`${parameters.a.b}` is not a reference: it leads into a value",
                FORMS,
            ),
            (
                "${nodes.a}",
                "`${nodes.a}` is not a reference: it does not name an output",
                FORMS,
            ),
            (
                "${nodes.a.outputs}",
                "`${nodes.a.outputs}` is not a reference: it does not name an output",
                FORMS,
            ),
            (
                "${nodes.a.phase}",
                "`${nodes.a.phase}` is not a reference: only the outputs of a node can be used",
                FORMS,
            ),
            (
                "${nodes.a.outputs.x.y}",
                "`${nodes.a.outputs.x.y}` is not a reference: it leads into a value",
                FORMS,
            ),
            (
                "${nodes[\"a\"].outputs.x}",
                "`${nodes[\"a\"].outputs.x}` is not a reference: write ids and names after a dot, \
                 without brackets",
                FORMS,
            ),
            (
                "${parameters.a} ${paramters.b}",
                "`${paramters.b}` is not a reference",
                "did you mean `${parameters.b}`?",
            ),
            (
                "${node.a.outputs.x}",
                "`${node.a.outputs.x}` is not a reference",
                "did you mean `${nodes.a.outputs.x}`?",
            ),
        ];
        for (text, message, help) in table {
            let malformed = Malformed {
                message: message.to_owned(),
                help: help.to_owned(),
            };
            assert_eq!(references(text), Err(malformed), "{text}");
        }
    }

    #[test]
    fn references_are_replaced_by_values() {
        let look_up = |reference: &Reference| match reference {
            Reference::Parameter(name) if name == "n" => Ok(json!(3)),
            Reference::Parameter(name) if name == "list" => Ok(json!([1, {"a": null}])),
            Reference::Parameter(name) if name == "sly" => Ok(json!("${parameters.n}")),
            Reference::Output(_) => Ok(json!("text")),
            Reference::Parameter(name) => Err(format!("no {name}")),
        };
        let table = [
            (json!("plain"), Ok(json!("plain"))),
            (json!("${parameters.n}"), Ok(json!(3))),
            (json!("${parameters.list}"), Ok(json!([1, {"a": null}]))),
            (json!(" ${parameters.n}"), Ok(json!(" 3"))),
            (json!("${parameters.n}${parameters.n}"), Ok(json!("33"))),
            (json!("a ${nodes.x.outputs.y} b"), Ok(json!("a text b"))),
            (
                json!("-${parameters.list}-"),
                Ok(json!("-[1,{\"a\":null}]-")),
            ),
            // Not parsed again.
            (json!("${parameters.sly}!"), Ok(json!("${parameters.n}!"))),
            (
                json!({"k": ["${parameters.n}", {"${parameters.n}": 1}]}),
                Ok(json!({"k": [3, {"${parameters.n}": 1}]})),
            ),
            (json!(["${parameters.none}"]), Err("no none".to_owned())),
            (json!("${x"), Err("`${x` is not closed".to_owned())),
            (json!("${x}"), Err("`${x}` is not a reference".to_owned())),
        ];
        for (value, expected) in table {
            assert_eq!(substitute(&value, &look_up), expected, "{value}");
        }
    }

    #[test]
    fn a_long_one_is_shortened() {
        let malformed = references(&format!("${{{}}}", "é".repeat(100))).expect_err("no reference");
        let message = format!("`${{{}…}}` is not a reference", "é".repeat(60));
        assert_eq!(malformed.message, message);
    }
}
