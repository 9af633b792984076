//! Fixes of durations and names.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::super::words::Rule;
use super::said_of_node;
use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::time::exact;
use crate::core::resource::Duration;

/// A duration in other notations: `2 hours`, `P1D`, `30 days`, `90`.
pub(in crate::core::resource::schema) fn duration(path: &[PathStep], text: &str) -> Option<Fix> {
    let replaced = |with: String| {
        with.parse::<Duration>().ok()?;
        Some(Change::Replace {
            path: path.to_vec(),
            with: json!(with).into(),
        })
    };
    if let Some(iso) = iso(text) {
        return replaced(iso).map(Fix::certain);
    }
    let mut out = String::new();
    let mut number = String::new();
    let mut word = String::new();
    let words: Vec<String> = text
        .to_lowercase()
        .split_whitespace()
        .map(in_digits)
        .collect();
    let spaced = words.join(" ");
    for c in spaced.chars().chain([' ', '0']) {
        if c.is_ascii_digit() || c == '.' {
            if !word.is_empty() {
                out.push_str(&in_unit(&number, &word)?);
                number.clear();
                word.clear();
            }
            number.push(c);
        } else if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        } else if !matches!(c, ' ' | '-' | ',') {
            return None;
        }
    }
    match (out.is_empty(), number.as_str()) {
        // A number alone; the last zero was added here.
        (true, number) => {
            let number = number
                .strip_suffix('0')
                .filter(|number| !number.is_empty())?;
            replaced(format!("{number}s")).map(Fix::likely)
        }
        (false, "0") => replaced(out).map(Fix::certain),
        _ => None,
    }
}

/// Keeps an invalid duration in the description of its node.
pub(in crate::core::resource::schema) fn no_duration(
    instance: &Value,
    path: &[PathStep],
    text: &str,
) -> Option<Fix> {
    let (PathStep::Key(field), node) = path.split_last()? else {
        return None;
    };
    let is_node =
        matches!(node, [.., PathStep::Key(nodes), PathStep::Index(_)] if nodes == "nodes");
    let remove = Change::Remove {
        path: path.to_vec(),
    };
    let object = at(instance, node).filter(|_| is_node)?;
    said_of_node(node, object, &format!("{field}: {text}"), remove)
}

/// Seconds or milliseconds since 1970, of the years from 2001 to 2033, as a time. Nobody knows what other numbers count.
pub(in crate::core::resource::schema) fn time(path: &[PathStep], text: &str) -> Option<Fix> {
    let number: i64 = text.trim().parse().ok()?;
    let seconds = match number {
        1_000_000_000..2_000_000_000 => number,
        1_000_000_000_000..2_000_000_000_000 => number / 1000,
        _ => return None,
    };
    Some(Fix::likely(Change::Replace {
        path: path.to_vec(),
        with: json!(exact(DateTime::from_timestamp(seconds, 0)?)).into(),
    }))
}

/// A number word as digits.
pub(super) fn in_digits(word: &str) -> String {
    let numbers = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let number = numbers.iter().position(|number| *number == word);
    match (number, word) {
        (Some(number), _) => (number + 1).to_string(),
        (None, "a" | "an") => "1".to_owned(),
        (None, "and") => String::new(),
        (None, word) => word.to_owned(),
    }
}

fn in_unit(number: &str, word: &str) -> Option<String> {
    if let "mo" | "month" | "months" = word {
        let months: u64 = number.parse().ok()?;
        return Some(format!("{}d", months * 30));
    }
    Some(format!("{number}{}", unit(word)?))
}

fn unit(word: &str) -> Option<&'static str> {
    Some(match word {
        "ms" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "wk" | "week" | "weeks" => "w",
        _ => return None,
    })
}

/// An ISO 8601 duration such as `P1DT2H30M`, without months and years, whose lengths vary.
fn iso(text: &str) -> Option<String> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    if days.contains(['Y', 'M', 'y', 'm']) {
        return None;
    }
    Some(format!("{days}{time}").to_lowercase())
}

/// A valid name for one with invalid characters, if there is one.
pub(in crate::core::resource::schema) fn name(rule: &Rule<'_>, text: &str) -> Option<String> {
    let candidates = [slug(text, '-'), slug(text, '_')];
    let wanted =
        ["pattern", "minLength", "maxLength"].map(|keyword| (keyword, rule.schema.get(keyword)));
    let schema: Map<String, Value> = wanted
        .into_iter()
        .filter_map(|(keyword, value)| Some((keyword.to_owned(), value?.clone())))
        .collect();
    let schema = Value::Object(schema);
    let mut fitting = candidates.into_iter();
    fitting.find(|one| one != text && jsonschema::is_valid(&schema, &json!(one)))
}

/// A text in lower case, with only letters and digits, and `between` between words.
pub fn slug(text: &str, between: char) -> String {
    let mut out = String::new();
    let mut last_was_lower = false;
    let text = text.trim();
    // Words with other separators keep their capitals together: `DevConf-2026`.
    let is_apart = text.contains(|c: char| !c.is_alphanumeric());
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() {
            last_was_lower = false;
            if !out.is_empty() && !out.ends_with(between) {
                out.push(between);
            }
            continue;
        }
        // `PatchLog4j` is two words, `T001` is one.
        if c.is_ascii_uppercase() && last_was_lower && !is_apart {
            out.push(between);
        }
        last_was_lower = c.is_ascii_lowercase();
        out.push(c.to_ascii_lowercase());
    }
    out.trim_end_matches(between).to_owned()
}
