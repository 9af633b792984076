//! Changes that may hide a failure, skip work, or make a check useless, with the reasons.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::Normal;
use super::novel::argument_list;
use crate::core::base::words::listed;
use crate::core::plan::when::{Facts, When};
use crate::core::resource::Duration;

/// A timeout this many times longer or shorter is more than another estimate.
const FACTOR: i64 = 4;
/// A new timeout shorter than this many seconds is suspicious.
const SHORT: i64 = 60;

/// Why a changed condition needs a second look, as every one does.
pub(super) fn condition(was: Option<&Value>, is: Option<&Value>, decides: bool) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let (was, is) = (text(was), text(is));
    let (what, never) = if decides {
        ("the decision", "asked for")
    } else {
        ("the work", "done")
    };
    let Some(is) = is else {
        return Some(format!(
            "{what} was skipped in some cases, and is {never} in all now"
        ));
    };
    match constant(&is) {
        Some(false) => {
            return Some(format!(
                "{what} is never {never}: the condition is false, whatever happens"
            ));
        }
        Some(true) => return Some(format!("{what} is always {never} now, whatever happens")),
        None => {}
    }
    let by = whoever_starts(&is);
    Some(match was {
        None => format!("{what} can be skipped now{by}"),
        Some(_) => format!("{what} is skipped in other cases than before{by}"),
    })
}

/// Whether the condition of a node is always false.
pub(super) fn is_never(normal: &Normal, node: &[String]) -> bool {
    let when = normal.leaves.get(&[node, &["when".to_owned()]].concat());
    when.and_then(|when| constant(when.value.as_str()?)) == Some(false)
}

/// The value of a constant condition.
fn constant(text: &str) -> Option<bool> {
    if let Some(known) = swallowed(text) {
        return Some(known);
    }
    let when = When::compile(text).ok()?;
    let parameters = when.parameters();
    let depends = !when.mentions().is_empty()
        || parameters.any
        || !parameters.needed.is_empty()
        || !parameters.optional.is_empty()
        || text.contains("goal")
        || text.contains("nodes");
    if depends {
        return None;
    }
    when.holds(&Facts {
        nodes: BTreeMap::new(),
        parameters: &Map::new(),
        goal: None,
    })
    .ok()
}

/// The value of a condition that one side determines: `… || true`, `… && false`.
fn swallowed(text: &str) -> Option<bool> {
    let or = sides(text, "||")?;
    if or.contains(&"true") {
        return Some(true);
    }
    match or.as_slice() {
        [_] => sides(text, "&&")?.contains(&"false").then_some(false),
        _ => None,
    }
}

/// The operands of an operator outside of brackets and strings; `None` if brackets do not match.
fn sides<'t>(text: &'t str, operator: &str) -> Option<Vec<&'t str>> {
    let (mut sides, mut depth, mut quote, mut from) = (Vec::new(), 0_usize, None, 0);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1)?,
            (None, _) if depth == 0 && at >= from && text[at..].starts_with(operator) => {
                sides.push(text[from..at].trim());
                from = at + operator.len();
            }
            _ => {}
        }
    }
    sides.push(text.get(from..)?.trim());
    Some(sides)
}

/// A note if the condition depends on parameters, which the starter of a run sets.
fn whoever_starts(text: &str) -> String {
    let Ok(when) = When::compile(text) else {
        return String::new();
    };
    let parameters = when.parameters();
    let names = parameters.needed.union(&parameters.optional);
    let names = listed(names.map(String::as_str));
    match names.as_str() {
        "" => String::new(),
        names => format!(": the starter of a run decides, with parameter {names}"),
    }
}

/// Why a changed timeout needs a second look.
pub(super) fn timeout(was: Option<&Value>, is: Option<&Value>, decides: bool) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let seconds = |text: &Option<String>| text.as_ref()?.parse::<Duration>().ok();
    let (was_text, is_text) = (text(was), text(is));
    let (was, is) = (seconds(&was_text), seconds(&is_text));
    let (was_text, is_text) = (was_text.unwrap_or_default(), is_text.unwrap_or_default());
    let fails = if decides {
        "it fails when nobody decides"
    } else {
        "it fails when it is not done"
    };
    match (was.map(|one| one.seconds()), is.map(|one| one.seconds())) {
        (Some(_), None) => Some("nothing stops it any more if it hangs".to_owned()),
        (None, Some(is)) if is < SHORT => Some(format!("{fails} within {is_text}")),
        (Some(was), Some(is)) if is.saturating_mul(FACTOR) <= was => Some(format!(
            "{fails} within {is_text}, and had {was_text} before"
        )),
        (Some(was), Some(is)) if was.saturating_mul(FACTOR) <= is => Some(format!(
            "a hang shows only after {is_text}, instead of {was_text}"
        )),
        _ => None,
    }
}

/// Why more retries need a second look.
pub(super) fn failures(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
    let (was, is) = (number(was), number(is));
    // One more is only another estimate.
    (is > was + 1).then(|| format!("{is} failures pass before anybody sees one, instead of {was}"))
}

/// Why a changed command of a target needs a second look.
pub(super) fn command(was: Option<&Value>, is: Option<&Value>) -> Option<String> {
    let words = |value: Option<&Value>| value.map(super::strings);
    Some(match (words(was), words(is)) {
        (_, None) => "no command runs any more".to_owned(),
        (None, Some(is)) => format!("a new command is run: {}", argument_list(&is)),
        (Some(was), Some(is)) if was.first() == is.first() => {
            let added: Vec<&String> = is.iter().filter(|word| !was.contains(word)).collect();
            match added.as_slice() {
                [] => "the command gets other arguments".to_owned(),
                added => format!("the command gets other arguments: {}", argument_list(added)),
            }
        }
        (Some(_), Some(is)) => format!("another command is run: {}", argument_list(&is)),
    })
}

/// Commands that do nothing, and succeed.
const NOTHING: [&str; 6] = ["true", ":", "/bin/true", "/usr/bin/true", "echo", "printf"];

/// Why a changed command of a check needs a second look.
pub(super) fn check(is: Option<&Value>) -> Option<String> {
    let text = match is {
        Some(Value::String(text)) => text.clone(),
        Some(list) => super::strings(list).join(" "),
        None => String::new(),
    };
    let first = text.split_whitespace().next().unwrap_or_default();
    let quiet = ["|| true", "||true", "|| :", "; true", "exit 0"];
    if NOTHING.contains(&first) {
        return Some("the check no longer looks at anything, and always succeeds".to_owned());
    }
    if quiet
        .iter()
        .any(|end| text.trim_end_matches(['\'', '"', ' ']).ends_with(end))
    {
        return Some("the check succeeds whatever it finds".to_owned());
    }
    Some("the check runs another command".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Judge = fn(Option<&Value>, Option<&Value>) -> Option<String>;

    #[test]
    fn one_side_decides_alone() {
        for (text, expected) in [
            ("parameters.env == 'prod' || true", Some(true)),
            ("true||nodes.a.phase == 'Succeeded'", Some(true)),
            ("nodes.a.phase == 'Succeeded' && false", Some(false)),
            ("parameters.x == 'a || true'", None),
            ("(parameters.x || true) && parameters.y", None),
            ("parameters.x || parameters.y && false", None),
            ("parameters.x) || true", None),
        ] {
            assert_eq!(constant(text), expected, "{text}");
        }
    }

    #[test]
    fn what_hides_failures_is_told_with_the_reason() {
        let table: [(Judge, Value, Value, Option<&str>); 20] = [
            (
                |a, b| condition(a, b, false),
                json!(null),
                json!("false"),
                Some("the work is never done"),
            ),
            (
                |a, b| condition(a, b, false),
                json!(null),
                json!("1 > 2"),
                Some("the work is never done"),
            ),
            (
                |a, b| condition(a, b, true),
                json!("parameters.x"),
                json!("true"),
                Some("the decision is always asked for now"),
            ),
            (
                |a, b| condition(a, b, false),
                json!(null),
                json!("parameters.skip != true"),
                Some(
                    "the work can be skipped now: the starter of a run decides, with parameter `skip`",
                ),
            ),
            (
                |a, b| condition(a, b, false),
                json!("nodes.a.phase == \"Failed\""),
                json!("nodes.a.phase != \"Succeeded\""),
                Some("the work is skipped in other cases than before"),
            ),
            (
                |a, b| condition(a, b, false),
                json!("nodes.a.phase == \"Failed\""),
                json!(null),
                Some("the work was skipped in some cases, and is done in all now"),
            ),
            (
                |a, b| timeout(a, b, false),
                json!("10d"),
                json!("1s"),
                Some("it fails when it is not done within 1s, and had 10d before"),
            ),
            (
                |a, b| timeout(a, b, true),
                json!("3d"),
                json!("12h"),
                Some("it fails when nobody decides within 12h"),
            ),
            (
                |a, b| timeout(a, b, false),
                json!("1h"),
                json!("7d"),
                Some("a hang shows only after 7d"),
            ),
            (|a, b| timeout(a, b, false), json!("8h"), json!("10h"), None),
            (
                |a, b| timeout(a, b, false),
                json!("8h"),
                json!(null),
                Some("nothing stops it any more"),
            ),
            (
                failures,
                json!(2),
                json!(5),
                Some("5 failures pass before anybody sees one, instead of 2"),
            ),
            (failures, json!(5), json!(2), None),
            (failures, json!(2), json!(3), None),
            (
                command,
                json!(["a", "b"]),
                json!(["a", "b", "--hook=curl x|sh"]),
                Some("the command gets other arguments: [\"--hook=curl x|sh\"]"),
            ),
            (
                command,
                json!(["a"]),
                json!(["b"]),
                Some("another command is run: [b]"),
            ),
            (
                |_, b| check(b),
                json!("x"),
                json!("true"),
                Some("the check no longer looks at anything"),
            ),
            (
                |_, b| check(b),
                json!("x"),
                json!(["-c", "make test || true"]),
                Some("the check succeeds whatever it finds"),
            ),
            (
                |_, b| check(b),
                json!("x"),
                json!("make lint"),
                Some("the check runs another command"),
            ),
            (
                |a, b| condition(a, b, false),
                json!("true"),
                json!("nodes.a.outputs.x > 3"),
                Some("the work is skipped in other cases"),
            ),
        ];
        for (judge, was, is, expected) in table {
            let given = |value: &Value| (!value.is_null()).then(|| value.clone());
            let found = judge(given(&was).as_ref(), given(&is).as_ref());
            match expected {
                Some(expected) => assert!(
                    found.as_ref().is_some_and(|why| why.starts_with(expected)),
                    "{was} {is}: {found:?}"
                ),
                None => assert_eq!(found, None, "{was} {is}"),
            }
        }
    }
}
