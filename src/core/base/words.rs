//! Wording of messages.

use serde_json::Value;

/// A text, cut to a maximum number of characters.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A value in backticks, cut to 60 characters.
pub fn quoted(value: &Value) -> String {
    format!("`{}`", unquoted(value))
}

/// The same without backticks.
pub fn unquoted(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text, 60),
        other => shortened(&other.to_string(), 60),
    }
}

/// The type of a value, for people.
pub fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The name of a JSON Schema type, for people.
pub fn type_words(name: &str) -> &'static str {
    match name {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "a boolean",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

/// Names in backticks, separated by commas.
pub fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The end of a list from which some are left out: ` and 2 more`.
pub fn and_more(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

/// The same after sentences: `; and 2 more`.
pub fn and_more_of_it(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        more => format!("; and {more} more"),
    }
}

/// `1 finding`, `2 findings`
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Whether a name has an ending, ignoring case: `A.YAML` is a YAML file.
pub fn ends_with(name: &str, ending: &str) -> bool {
    let start = name.len().checked_sub(ending.len());
    let end = start.and_then(|start| name.get(start..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// A word without case, `_`, `-` and spaces, which differ between habits.
pub fn folded(word: &str) -> String {
    let letters = word.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
