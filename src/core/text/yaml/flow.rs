//! Quoted scalars and flow collections of one line, as far as [`super::block`] supports them.

use serde_json::{Map, Value};

use super::block::scalar;

/// A collection that is not closed yet.
enum Open {
    List(Vec<Value>),
    /// The key is the one whose value has not been read.
    Map(Map<String, Value>, Option<String>),
}

/// A token in the place of a value or a key.
enum Part<'t> {
    Text(Value, &'t str),
    /// A byte with a meaning.
    Bracket(u8, &'t str),
}

/// Reads the quoted scalar or flow collection at the beginning of a text, nested at most `depth` deep.
/// Returns it with the rest of the text; `None` if the loader must read it.
pub(super) fn value(text: &str, depth: usize) -> Option<(Value, &str)> {
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    // A comma is followed by a value.
    let mut after_comma = false;
    loop {
        let value = match part(rest)? {
            Part::Bracket(opens @ (b'[' | b'{'), behind) => {
                if matches!(open.last(), Some(Open::Map(_, None))) || open.len() >= depth {
                    return None;
                }
                open.push(match opens {
                    b'[' => Open::List(Vec::new()),
                    _ => Open::Map(Map::new(), None),
                });
                rest = behind;
                after_comma = false;
                continue;
            }
            Part::Bracket(closes, behind) => {
                rest = behind;
                match (closes, open.pop()?) {
                    (b']', Open::List(list)) if !after_comma => Value::Array(list),
                    (b'}', Open::Map(map, None)) if !after_comma => Value::Object(map),
                    _ => return None,
                }
            }
            Part::Text(value, behind) => {
                rest = behind;
                if let Some(Open::Map(map, awaited @ None)) = open.last_mut() {
                    *awaited = Some(key(&value, map)?);
                    rest = rest.trim_start_matches(' ').strip_prefix(": ")?;
                    after_comma = false;
                    continue;
                }
                value
            }
        };
        match open.last_mut() {
            None => return Some((value, rest)),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(map, key)) => {
                map.insert(key.take()?, value);
            }
        }
        rest = rest.trim_start_matches(' ');
        after_comma = rest.starts_with(',');
        if after_comma {
            rest = &rest[1..];
        } else if !rest.starts_with([']', '}']) {
            return None;
        }
    }
}

fn key(value: &Value, map: &Map<String, Value>) -> Option<String> {
    let key = value.as_str()?;
    let is_key = key != "<<" && key.len() <= 250 && !map.contains_key(key);
    is_key.then(|| key.to_owned())
}

fn part(text: &str) -> Option<Part<'_>> {
    let text = text.trim_start_matches(' ');
    let (text, rest) = match text.as_bytes().first()? {
        bracket @ (b'[' | b']' | b'{' | b'}') => return Some(Part::Bracket(*bracket, &text[1..])),
        b'"' => double_quoted(&text[1..])?,
        b'\'' => single_quoted(&text[1..])?,
        _ => return plain(text),
    };
    Some(Part::Text(Value::String(text), rest))
}

/// Letters, digits and a few signs, and spaces between them.
fn plain(text: &str) -> Option<Part<'_>> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_./@+$-".contains(&byte);
    let end = text
        .bytes()
        .position(|byte| !(is_word(byte) || byte == b' '))?;
    let (text, rest) = text.split_at(end);
    let text = text.trim_end_matches(' ');
    let is_start = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "_./$".contains(c));
    let ends = is_start && rest.starts_with([',', ']', '}', ':']);
    ends.then(|| Some(Part::Text(scalar(text)?, rest)))?
}

/// Reads up to the closing quote; only the usual backslash escapes are supported.
fn double_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(['"', '\\'])?;
        value.push_str(&rest[..end]);
        let escape = rest[end..].starts_with('\\');
        rest = &rest[end + 1..];
        if !escape {
            return Some((value, rest));
        }
        value.push(match rest.as_bytes().first()? {
            b'n' => '\n',
            b't' => '\t',
            quoted @ (b'"' | b'\\' | b'/') => char::from(*quoted),
            _ => return None,
        });
        rest = &rest[1..];
    }
}

/// Reads up to the closing quote; two quotes are one.
fn single_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once('\'')?;
        value.push_str(before);
        rest = behind;
        match rest.strip_prefix('\'') {
            None => return Some((value, rest)),
            Some(behind) => {
                value.push('\'');
                rest = behind;
            }
        }
    }
}
