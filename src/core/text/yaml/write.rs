//! Writes values as YAML that all readers of YAML 1.1 and 1.2 understand in the same way.
//!
//! Block style, two spaces of indentation, sequences indented under their key, keys in the order
//! of the map. A string is plain only if no reader could take it for anything else; otherwise it is
//! double-quoted on one line, with escapes.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Number, Value};

use crate::core::base::invisible::{is_invisible, unseen};

/// Maximum length of a key before a bare `:`; readers stop looking for it after 1,024 characters.
const LONGEST_SIMPLE_KEY: usize = 1000;

/// Writes a value as a YAML document, with a line break at the end.
///
/// ```
/// use planspec::core::text::yaml::write::write;
/// let value = serde_json::json!({"name": "sso", "answers": ["no", "1:30", 90]});
/// assert_eq!(write(&value), "name: sso\nanswers:\n  - \"no\"\n  - \"1:30\"\n  - 90\n");
/// ```
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    let mut open: Vec<Block> = Vec::new();
    match Entries::of(value) {
        Some(entries) => open.push(Block {
            entries,
            indent: 0,
            on_open_line: true,
        }),
        None => {
            out.push_str(&scalar(value));
            out.push('\n');
        }
    }
    while let Some(block) = open.last_mut() {
        let Some((key, value)) = block.entries.next() else {
            open.pop();
            continue;
        };
        let indent = block.indent;
        if !std::mem::take(&mut block.on_open_line) {
            indent_by(&mut out, indent);
        }
        let continues_line = match key {
            None => {
                out.push('-');
                true
            }
            Some(key) => write_key(key, indent, &mut out),
        };
        match Entries::of(value) {
            Some(entries) => {
                out.push(if continues_line { ' ' } else { '\n' });
                open.push(Block {
                    entries,
                    indent: indent + 2,
                    on_open_line: continues_line,
                });
            }
            None => {
                out.push(' ');
                out.push_str(&scalar(value));
                out.push('\n');
            }
        }
    }
    out
}

/// A mapping or sequence that is being written.
struct Block<'a> {
    entries: Entries<'a>,
    /// Column of its keys or dashes, from 0.
    indent: usize,
    /// Whether its first entry is on the line of its parent.
    on_open_line: bool,
}

/// The remaining entries of a mapping or sequence.
enum Entries<'a> {
    Mapping(serde_json::map::Iter<'a>),
    Sequence(std::slice::Iter<'a, Value>),
}

impl<'a> Entries<'a> {
    /// The entries of a non-empty collection; other values are written like scalars.
    fn of(value: &'a Value) -> Option<Entries<'a>> {
        match value {
            Value::Object(map) if !map.is_empty() => Some(Entries::Mapping(Map::iter(map))),
            Value::Array(items) if !items.is_empty() => Some(Entries::Sequence(items.iter())),
            _ => None,
        }
    }

    fn next(&mut self) -> Option<(Option<&'a str>, &'a Value)> {
        match self {
            Entries::Mapping(entries) => entries
                .next()
                .map(|(key, value)| (Some(key.as_str()), value)),
            Entries::Sequence(items) => items.next().map(|value| (None, value)),
        }
    }
}

/// Writes `key:`. Returns whether a collection may begin on the same line.
fn write_key(key: &str, indent: usize, out: &mut String) -> bool {
    let key = string(key);
    let is_long = key.chars().nth(LONGEST_SIMPLE_KEY).is_some();
    if is_long {
        out.push_str("? ");
    }
    out.push_str(&key);
    if is_long {
        out.push('\n');
        indent_by(out, indent);
    }
    out.push(':');
    is_long
}

fn indent_by(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => "null".into(),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Number(value) => number(value).into(),
        Value::String(text) => string(text),
        Value::Array(_) => "[]".into(),
        Value::Object(_) => "{}".into(),
    }
}

/// YAML 1.1 takes `1e9` for a string: a float needs a point, and its exponent a sign.
fn number(value: &Number) -> String {
    let text = value.to_string();
    if !value.is_f64() {
        return text;
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, ""));
    let point = if digits.contains('.') { "" } else { ".0" };
    match exponent.bytes().next() {
        None => format!("{digits}{point}"),
        Some(b'+' | b'-') => format!("{digits}{point}e{exponent}"),
        Some(_) => format!("{digits}{point}e+{exponent}"),
    }
}

fn string(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        text.into()
    } else {
        quoted(text).into()
    }
}

/// Whether a string can be plain for every reader: it begins like a word or a path, continues with
/// characters that have no meaning anywhere, and is not a word for another value.
fn is_plain(text: &str) -> bool {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'));
    let ends_well = !text.ends_with([' ', ':']);
    let goes_on_well = text.chars().all(|c| {
        c.is_ascii_alphanumeric() || " _-./@+:,;()<>='$?^~".contains(c) || is_plain_letter(c)
    });
    begins_well && ends_well && goes_on_well && !text.contains(": ") && !is_special_word(text)
}

/// Letters beyond ASCII may be plain inside a word; other characters are quoted.
fn is_plain_letter(c: char) -> bool {
    !c.is_ascii() && c.is_alphabetic() && !is_invisible(c)
}

/// Words that some readers take for a boolean, null or a number.
fn is_special_word(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "y", "n", "t", "f", "yes", "no", "true", "false", "on", "off", "null", "nil", "none",
        "nan", "inf", "infinity",
    ];
    // Some readers take `e5` without leading digits for a number.
    let is_exponent = text.strip_prefix(['e', 'E']).is_some_and(|rest| {
        rest.bytes()
            .all(|b| b.is_ascii_digit() || b"+-_.".contains(&b))
    });
    is_exponent || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for (c, is_unseen) in unseen(text) {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // This includes the characters that YAML forbids or folds.
            c if is_unseen => {
                // Writing to a string cannot fail.
                let _ = match u32::from(c) {
                    code @ 0..=0xffff => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_are_indented_by_two_and_sequences_stand_under_their_key() {
        let value = json!({
            "kind": "Plan",
            "empty": {"map": {}, "list": []},
            "graph": {
                "nodes": [
                    {"id": "a", "tags": ["x", "z"]},
                    [["deep", 1], [2.5]],
                    {},
                    null,
                ],
            },
            "ok": true,
        });
        let text = "\
kind: Plan
empty:
  map: {}
  list: []
graph:
  nodes:
    - id: a
      tags:
        - x
        - z
    - - - deep
        - 1
      - - 2.5
    - {}
    - null
ok: true
";
        assert_eq!(write(&value), text);
    }

    #[test]
    fn a_scalar_or_an_empty_collection_is_a_document() {
        for (value, text) in [
            (json!(null), "null\n"),
            (json!({}), "{}\n"),
            (json!([]), "[]\n"),
            (json!("a word"), "a word\n"),
            (json!(["a"]), "- a\n"),
        ] {
            assert_eq!(write(&value), text);
        }
    }

    #[test]
    fn a_key_too_long_for_a_simple_key_is_written_as_an_explicit_one() {
        let long = "k".repeat(LONGEST_SIMPLE_KEY + 1);
        let value = json!({"a": {(long.clone()): {"x": [1, 2], "z": 1}, (long.clone() + "2"): 3}});
        let text = write(&value);
        assert!(
            text.starts_with(&format!(
                "a:\n  ? {long}\n  : x:\n      - 1\n      - 2\n    z: 1\n"
            )),
            "{text}"
        );
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn words_paths_and_sentences_stand_plain() {
        for plain in [
            "research",
            "team-platform/sso-exec-001",
            "agent://claude-code",
            "sha256:0af3",
            "planspec.io/v1alpha1",
            "Waits for the approval of sso-security-review (1 of 2)",
            "/etc/passwd",
            "_private",
            "Prüfung läuft",
            "a1:b2",
            "e5f",
            "nothing",
            "one's own",
        ] {
            assert_eq!(write(&json!(plain)), format!("{plain}\n"));
            assert_eq!(write(&json!({plain: 1})), format!("{plain}: 1\n"));
        }
    }

    /// Plain strings that some readers take for something else.
    const TREACHEROUS: &[&str] = &[
        // null, booleans
        "",
        "~",
        "null",
        "Null",
        "NULL",
        "nil",
        "None",
        "y",
        "Y",
        "n",
        "N",
        "yes",
        "Yes",
        "YES",
        "no",
        "No",
        "NO",
        "on",
        "On",
        "ON",
        "off",
        "Off",
        "OFF",
        "true",
        "True",
        "TRUE",
        "false",
        "False",
        "FALSE",
        "t",
        "F",
        // numbers
        "0",
        "1",
        "-1",
        "+1",
        "007",
        "1_000",
        "0o7",
        "0x1F",
        "0b101",
        "1:30",
        "1:30:15",
        "190:20:30",
        "1.5",
        ".5",
        "5.",
        "1e3",
        "1E3",
        "1e+3",
        "+1.5e-3",
        "6.02_2e23",
        ".inf",
        "-.inf",
        "+.Inf",
        ".nan",
        ".NaN",
        "inf",
        "NaN",
        "Infinity",
        "1 ",
        "0777",
        "12e03",
        "e5",
        "E-7",
        "-0",
        "1,000",
        // dates
        "2026-11-20",
        "2026-11-20T08:48:00Z",
        "2026-11-20 08:48:00",
        "2001-12-14t21:59:43.10-05:00",
        // special keys
        "=",
        "<<",
        "<<: *a",
        "!",
        "!!str x",
        "&anchor",
        "*alias",
        // indicators, markers, comments
        "-",
        "- a",
        "--- a",
        "---",
        "...",
        "?",
        "? a",
        ":",
        ": a",
        "a: b",
        "a:",
        "a: ",
        "a #b",
        "#a",
        "{a}",
        "[a]",
        "{",
        "]",
        ",",
        "a, [b",
        "|",
        ">",
        ">-",
        "%TAG",
        "@a",
        "`a`",
        "'a'",
        "\"a\"",
        "a\"b",
        "a\\b",
        "a\\n",
        "key: 'v",
        "a ? b: c",
        // white space and invisible characters
        " a",
        "a ",
        "\ta",
        "a\tb",
        "a\n",
        "\na",
        "a\nb",
        "a\n\nb\n",
        "a\r\nb",
        "a\rb",
        " ",
        "\n",
        "a\u{0}b",
        "\u{1b}[31m",
        "a\u{7f}",
        "a\u{85}b",
        "a\u{a0}b",
        "a\u{2028}b",
        "a\u{2029}b",
        "\u{feff}a",
        "a\u{feff}",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{ad}b",
        "a\u{fffe}b",
        "a\u{ffff}",
        "a\u{1fffe}b",
        "a\u{e0041}b",
        "a\u{3164}b",
        // not letters, or not at the beginning of a word
        "é",
        "日本",
        "👍",
        "a👍",
        "a–b",
        "…",
    ];

    #[test]
    fn what_a_reader_could_take_for_something_else_is_quoted() {
        for &text in TREACHEROUS {
            for (yaml, start) in [
                (write(&json!(text)), "\""),
                (write(&json!({text: text})), "\""),
                (write(&json!([text])), "- \""),
            ] {
                assert!(yaml.starts_with(start), "{text:?}: {yaml}");
                assert_eq!(yaml.lines().count(), 1, "{text:?}: {yaml}");
            }
            for value in [json!(text), json!({text: text}), json!([text, [text]])] {
                let read: Value = serde_yaml::from_str(&write(&value)).unwrap();
                assert_eq!(read, value, "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        let text = "a\u{0}\u{1b}\u{85}\u{2028}\u{202e}\u{feff}\u{e0041}\"\\\n\t\u{fe0f}é👍";
        assert_eq!(
            write(&json!(text)),
            "\"a\\u0000\\u001b\\u0085\\u2028\\u202e\\ufeff\\U000e0041\\\"\\\\\\n\\t\u{fe0f}é👍\"\n"
        );
    }

    #[test]
    fn floats_are_floats_to_yaml_1_1_as_well() {
        for (value, text) in [
            (json!(1.0), "1.0"),
            (json!(-0.0), "-0.0"),
            (json!(1e100), "1.0e+100"),
            (json!(1.5e-9), "1.5e-9"),
            (json!(2e-7), "2.0e-7"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
        ] {
            assert_eq!(write(&value), format!("{text}\n"));
            let read: Value = serde_yaml::from_str(text).unwrap();
            assert_eq!(read, value);
        }
    }

    #[test]
    fn depth_is_not_bounded_by_the_stack() {
        let mut value = json!("core");
        for _ in 0..50_000 {
            value = Value::Array(vec![value]);
        }
        assert_eq!(write(&value), "- ".repeat(50_000) + "core\n");
        // Dropping it would recurse.
        std::mem::forget(value);
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = || {
            prop_oneof![
                any::<String>(),
                "[ a-f0-9:#.,_+~'\"?\\n\\t{}-]{0,8}",
                prop::sample::select(TREACHEROUS).prop_map(str::to_owned),
            ]
        };
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in values()) {
            let text = write(&value);
            let read: Value = serde_yaml::from_str(&text)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(read, value, "{}", text);
        }
    }
}
