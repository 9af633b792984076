//! Lists of resources: `kind: List` with `items`, as `get -o yaml` prints several. A list stands wherever a document may; each
//! item is a resource like any other.

use std::ops::Range;

use serde_json::Value;

use crate::core::base::diagnostic::{Part, PathStep, Place};
use crate::core::base::limits::Limits;
use crate::core::resource::{API_VERSION, Kind};
use crate::core::text::locate::locate;
use crate::core::text::{json, yaml};

/// The items of a list of resources: `List`, or `GoalList`, `PlanList`, …
///
/// # Errors
/// The value itself, where it is no list.
pub fn items_of(mut value: Value) -> Result<Vec<Value>, Value> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let of = field("kind").and_then(|kind| kind.strip_suffix("List"));
    let of_ours = |of: &str| of.is_empty() || Kind::ALL.iter().any(|kind| kind.name() == of);
    let is_list = of.is_some_and(of_ours);
    let is_ours = matches!(field("apiVersion"), Some(API_VERSION | "v1"));
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list && is_ours => Ok(items),
        Some(other) => {
            value["items"] = other;
            Err(value)
        }
        None => Err(value),
    }
}

/// Where a resource stands in a file: in which document, and in which item of that, where it is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Index of the document, from 0.
    pub document: usize,
    /// Index of the item, from 0.
    pub item: Option<usize>,
}

/// The text of an item as a document of its own.
pub fn item(file: &str, text: &str, (document, item): (usize, usize)) -> Option<String> {
    if let Some((lines, indent)) = lines_of(text, document, item) {
        let dedented = dedented(&text[lines], indent);
        let wanted = value_of(file, text, document)?["items"].get(item).cloned();
        if wanted.is_some() && value_of(file, &dedented, 0) == wanted {
            return Some(dedented);
        }
    }
    let value = value_of(file, text, document)?;
    Some(written(file, value["items"].get(item)?))
}

/// The file with another text for an item, or without the item. The others keep their text where they are written as YAML is
/// usually; what they say stays however they are written.
pub fn replace_item(
    file: &str,
    text: &str,
    (document, item): (usize, usize),
    new: Option<&str>,
) -> Option<String> {
    let mut meant = value_of(file, text, document)?;
    let items = meant.get_mut("items")?.as_array_mut()?;
    match new {
        Some(new) => *items.get_mut(item)? = value_of(file, new, 0)?,
        None => drop((item < items.len()).then(|| items.remove(item))?),
    }
    let replaced = lines_of(text, document, item).map(|(lines, indent)| {
        let new = new.map_or_else(String::new, |new| as_item(new, indent));
        format!("{}{new}{}", &text[..lines.start], &text[lines.end..])
    });
    let is_meant = |text: &String| value_of(file, text, document).as_ref() == Some(&meant);
    if let Some(replaced) = replaced.filter(is_meant) {
        return Some(replaced);
    }
    let ranges = yaml::split::documents(text);
    let range = ranges.get(document).filter(|_| ranges.len() > 1);
    let whole = written(file, &meant);
    Some(match range {
        Some(range) => {
            let rest = text[range.end..].trim_start_matches(['\r', '\n']);
            format!("{}\n{whole}{rest}", &text[..range.start])
        }
        None => whole,
    })
}

/// How many items a list has.
pub fn len(file: &str, text: &str, document: usize) -> usize {
    let value = value_of(file, text, document);
    let items = value
        .as_ref()
        .and_then(|value| value.get("items")?.as_array());
    items.map_or(0, Vec::len)
}

fn value_of(file: &str, text: &str, document: usize) -> Option<Value> {
    let (documents, _) = yaml::read(file, text.as_bytes(), &Limits::NONE);
    let mut documents = documents.into_iter();
    documents
        .find(|one| one.index == document)
        .map(|one| one.value)
}

fn written(file: &str, value: &Value) -> String {
    if yaml::is_json(file) {
        json::write(value)
    } else {
        yaml::write(value)
    }
}

/// The lines of an item, and how far its text is indented: where it begins a line, behind `- `.
fn lines_of(text: &str, document: usize, item: usize) -> Option<(Range<usize>, usize)> {
    let place = Place::Entry {
        document,
        path: vec![PathStep::from("items"), PathStep::from(item)],
        part: Part::Value,
    };
    let begin = locate(text, &place)?.start;
    let start = text[..begin].rfind('\n').map_or(0, |at| at + 1);
    let dash = text[start..begin].strip_suffix(' ')?.trim_end_matches(' ');
    let dash = dash.strip_suffix('-')?;
    if !dash.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let (dash, indent) = (dash.len(), begin - start);
    let mut end = start;
    for line in text[start..].split_inclusive('\n') {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim().is_empty();
        if end > start && !is_blank && depth <= dash {
            break;
        }
        end += line.len();
    }
    Some((start..end, indent))
}

fn dedented(lines: &str, indent: usize) -> String {
    let all = lines.split_inclusive('\n').enumerate();
    let all = all.map(|(number, line)| match number {
        0 => &line[indent.min(line.len())..],
        _ => {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            &line[indent.min(spaces)..]
        }
    });
    all.collect()
}

fn as_item(text: &str, indent: usize) -> String {
    let spaces = " ".repeat(indent);
    let dash = format!("{}- ", " ".repeat(indent.saturating_sub(2)));
    let mut is_first = true;
    let mut out = String::new();
    for line in text.trim_end().lines() {
        let is_content = !line.trim().is_empty() && !line.starts_with('#') && line != "---";
        if is_first && is_content {
            out.push_str(&dash);
            is_first = false;
        } else if is_first {
            // What stands before the resource would end up before the item.
            continue;
        } else if !line.is_empty() {
            out.push_str(&spaces);
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn items_of_lists_are_documents() {
        let list =
            json!({"apiVersion": "planspec.io/v1alpha1", "kind": "List", "items": [{"a": 1}]});
        for (kind, expected) in [
            ("List", true),
            ("GoalList", true),
            ("ExecutionList", true),
            ("Goal", false),
            ("RobotList", false),
            ("listing", false),
        ] {
            let mut list = list.clone();
            list["kind"] = json!(kind);
            let found = items_of(list.clone());
            let expected = if expected {
                Ok(vec![json!({"a": 1})])
            } else {
                Err(list)
            };
            assert_eq!(found, expected, "{kind}");
        }
        for other in [
            json!({"kind": "List"}),
            json!([1]),
            json!({"apiVersion": "v1", "kind": "List", "items": 1}),
        ] {
            assert_eq!(items_of(other.clone()), Err(other));
        }
    }

    const LIST: &str = "# goals of ours\nkind: List\nitems:\n  - a: 1 # one\n    b: |\n      x\n\n      y\n  # of the second\n  -   a: 2\n  - {a: 3}\n";

    #[test]
    fn one_item_is_replaced_and_the_others_keep_their_text() {
        assert_eq!(
            item("f.yaml", LIST, (0, 0)).unwrap(),
            "a: 1 # one\nb: |\n  x\n\n  y\n"
        );
        assert_eq!(item("f.yaml", LIST, (0, 1)).unwrap(), "a: 2\n");
        assert_eq!(item("f.yaml", LIST, (0, 2)).unwrap(), "{a: 3}\n");
        let first = "  - a: 1 # one\n    b: |\n      x\n\n      y\n";
        let replaced = |at, new| replace_item("f.yaml", LIST, (0, at), new);
        assert_eq!(
            replaced(0, Some("a: 9\nc: [1]\n")),
            Some(LIST.replace(first, "  - a: 9\n    c: [1]\n"))
        );
        assert_eq!(replaced(0, None), Some(LIST.replace(first, "")));
        assert_eq!(replaced(2, None), Some(LIST.replace("  - {a: 3}\n", "")));
        assert_eq!(replaced(3, None), None);
        assert_eq!(len("f.yaml", LIST, 0), 3);
    }

    #[test]
    fn however_a_list_is_written_the_others_say_the_same() {
        for (file, text) in [
            (
                "f.json",
                r#"{"kind": "List", "items": [{"a": 1}, {"a": 2}]}"#,
            ),
            ("f.yaml", "kind: List\nitems: [{a: 1}, {a: 2}]\n"),
            (
                "f.yaml",
                "x: 1\n---\nkind: List\nitems:\n- a: 1\n- &b\n  a: 2\n---\ny: 2\n",
            ),
        ] {
            let document = usize::from(text.starts_with('x'));
            let new = replace_item(file, text, (document, 0), Some(r#"{"a": 7}"#)).unwrap();
            let meant = json!({"kind": "List", "items": [{"a": 7}, {"a": 2}]});
            assert_eq!(value_of(file, &new, document), Some(meant), "{new}");
            let new = replace_item(file, text, (document, 1), None).unwrap();
            let meant = json!({"kind": "List", "items": [{"a": 1}]});
            assert_eq!(value_of(file, &new, document), Some(meant), "{new}");
            let all = |text: &str| yaml::read(file, text.as_bytes(), &Limits::NONE).0.len();
            assert_eq!(all(&new), all(text), "{new}");
        }
    }
}
