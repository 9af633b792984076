//! Replaces a list in a text: unchanged items keep their formatting and comments.

use serde_json::Value;

use super::outline::{Entry, Outline, Shape};
use super::yaml;
use crate::core::base::limits::Limits;

/// An item of the new list.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The index of the item in the old list, if it was there.
    pub was: Option<usize>,
    /// The new value.
    pub value: Value,
}

/// The text of `file` with another list in one of its documents. `None` if that is not possible without other
/// changes: the text uses an unsupported form, or is not YAML.
pub fn with_items(
    (file, text): (&str, &str),
    document: usize,
    path: &[&str],
    items: &[Item],
) -> Option<String> {
    let mut expected = values(file, text)?;
    let place = expected
        .get_mut(document)?
        .pointer_mut(&format!("/{}", path.join("/")))?;
    let old = std::mem::replace(place, items.iter().map(|item| item.value.clone()).collect());
    let outline = Outline::of(text)?;
    let list = path
        .iter()
        .try_fold(*outline.roots.get(document)?, |node, key| {
            let Shape::Mapping {
                flow: false,
                entries,
            } = &outline.nodes.get(node)?.shape
            else {
                return None;
            };
            Some(entries.iter().find(|entry| entry.name == *key)?.value)
        })?;
    let page = Page {
        text,
        outline: &outline,
    };
    let chunks = page.chunks(list)?;
    let (first, last) = (chunks.first()?, chunks.last()?);
    let indent = page.dash(list)?;
    let mut made = text.get(..first.start)?.to_owned();
    for item in items {
        match item.was {
            Some(was) => {
                let chunk = chunks.get(was)?;
                if old.get(was)? == &item.value {
                    made.push_str(text.get(chunk.start..chunk.end)?);
                } else {
                    made.push_str(&page.changed(chunk, old.get(was)?, &item.value)?);
                }
            }
            None => made.push_str(&indented(&format!("- {}", below(&item.value)), indent)),
        }
        if !made.ends_with('\n') {
            made.push('\n');
        }
    }
    made.push_str(text.get(last.end..)?);
    (values(file, &made)? == expected).then_some(made)
}

/// The documents of a text, if all of it can be parsed.
fn values(file: &str, text: &str) -> Option<Vec<Value>> {
    let (documents, findings) = yaml::read(file, text.as_bytes(), &Limits::NONE);
    findings
        .is_empty()
        .then(|| documents.into_iter().map(|one| one.value).collect())
}

/// A value as YAML, to follow `- `.
fn below(value: &Value) -> String {
    yaml::write(value)
        .trim_end_matches('\n')
        .replace('\n', "\n  ")
}

/// The lines with an indentation, except empty ones.
fn indented(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let lines = text.lines().map(|line| {
        if line.is_empty() {
            "\n".to_owned()
        } else {
            format!("{margin}{line}\n")
        }
    });
    lines.collect()
}

/// The lines of an item, with the comments before it.
struct Chunk {
    start: usize,
    end: usize,
    node: usize,
}

struct Page<'a> {
    text: &'a str,
    outline: &'a Outline,
}

impl Page<'_> {
    fn items(&self, list: usize) -> Option<&[usize]> {
        match &self.outline.nodes.get(list)?.shape {
            Shape::Sequence { flow: false, items } => Some(items),
            _ => None,
        }
    }

    fn line_start(&self, at: usize) -> Option<usize> {
        Some(self.text.get(..at)?.rfind('\n').map_or(0, |at| at + 1))
    }

    /// The beginning of the next line.
    fn line_end(&self, at: usize) -> Option<usize> {
        let behind = self.text.get(at..)?;
        Some(at + behind.find('\n').map_or(behind.len(), |at| at + 1))
    }

    /// The indentation of the items.
    fn dash(&self, list: usize) -> Option<usize> {
        let first = self.outline.nodes.get(*self.items(list)?.first()?)?;
        let line = self
            .text
            .get(self.line_start(first.range.start)?..first.range.start)?;
        line.find('-')
    }

    /// The items of a list, if each has its own lines.
    fn chunks(&self, list: usize) -> Option<Vec<Chunk>> {
        let mut chunks: Vec<Chunk> = Vec::new();
        for node in self.items(list)? {
            let range = &self.outline.nodes.get(*node)?.range;
            let start = self.line_start(range.start)?;
            let before = self.text.get(start..range.start)?;
            if before.trim() != "-" {
                return None;
            }
            let begins = chunks.last().map_or(start, |last| last.end);
            let end = self.line_end(range.end)?;
            if begins > start {
                return None;
            }
            chunks.push(Chunk {
                start: begins,
                end,
                node: *node,
            });
        }
        Some(chunks)
    }

    /// The lines of an item with some changed fields.
    fn changed(&self, chunk: &Chunk, old: &Value, new: &Value) -> Option<String> {
        let Shape::Mapping {
            flow: false,
            entries,
        } = &self.outline.nodes.get(chunk.node)?.shape
        else {
            return None;
        };
        let (old, new) = (old.as_object()?, new.as_object()?);
        let first = entries.first()?;
        let indent = first.key.start - self.line_start(first.key.start)?;
        let mut made = self
            .text
            .get(chunk.start..self.line_start(first.key.start)?)?
            .to_owned();
        made.push_str(
            self.text
                .get(self.line_start(first.key.start)?..first.key.start)?,
        );
        let mut at = first.key.start;
        for entry in entries {
            let (start, end) = self.lines(entry, first)?;
            made.push_str(self.text.get(at..start)?);
            at = end;
            let value = new.get(&entry.name);
            if value == old.get(&entry.name) {
                made.push_str(self.text.get(start..end)?);
                continue;
            }
            if let Some(value) = value {
                made.push_str(
                    field(&entry.name, value, indent)
                        .get(if start == first.key.start { indent } else { 0 }..)?,
                );
            } else if start == first.key.start {
                return None;
            }
        }
        let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
        for (name, value) in added {
            if !made.ends_with('\n') {
                made.push('\n');
            }
            made.push_str(&field(name, value, indent));
        }
        made.push_str(self.text.get(at..chunk.end)?);
        Some(made)
    }

    /// The lines of a field; the first one begins after the dash.
    fn lines(&self, entry: &Entry, first: &Entry) -> Option<(usize, usize)> {
        let start = if entry.key.start == first.key.start {
            entry.key.start
        } else {
            self.line_start(entry.key.start)?
        };
        let value = &self.outline.nodes.get(entry.value)?.range;
        Some((start, self.line_end(value.end.max(entry.key.end))?))
    }
}

/// A field as lines.
fn field(name: &str, value: &Value, indent: usize) -> String {
    let mut fields = serde_json::Map::new();
    fields.insert(name.to_owned(), value.clone());
    indented(&yaml::write(&fields.into()), indent)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# mine
spec:
  nodes:
    # the first
    - id: a   # short
      name: A
      # kept
      waits: [x]

    # the second
    - id: b
      text: |
        two
        lines
  edges: []
";

    fn made(items: &[(Option<usize>, Value)]) -> Option<String> {
        let items: Vec<Item> = items
            .iter()
            .map(|(was, value)| Item {
                was: *was,
                value: value.clone(),
            })
            .collect();
        with_items(("f.yaml", TEXT), 0, &["spec", "nodes"], &items)
    }

    #[test]
    fn what_stays_the_same_stays_as_it_is_written() {
        let a = json!({"id": "a", "name": "A", "waits": ["x"]});
        let b = json!({"id": "b", "text": "two\nlines\n"});
        assert_eq!(
            made(&[(Some(0), a.clone()), (Some(1), b.clone())]).unwrap(),
            TEXT
        );
        let changed = json!({"id": "a", "name": "Another", "waits": ["x"], "more": 1});
        let new = json!({"id": "c", "waits": ["a"]});
        let text = made(&[(Some(0), changed), (None, new), (Some(1), b.clone())]).unwrap();
        let expected = TEXT.replace("name: A\n", "name: Another\n").replace(
            "waits: [x]\n",
            "waits: [x]\n      more: 1\n    - id: c\n      waits:\n        - a\n",
        );
        assert_eq!(text, expected);
        let shorter = json!({"id": "b"});
        let text = made(&[(Some(0), a), (Some(1), shorter)]).unwrap();
        assert!(text.contains("    - id: b\n  edges: []\n"), "{text}");
        let text = made(&[(Some(1), b)]).unwrap();
        let begins = "# mine\nspec:\n  nodes:\n    # the first\n\n    # the second\n    - id: b\n";
        assert!(text.starts_with(begins), "{text}");
        assert_eq!(made(&[]), None);
    }

    #[test]
    fn what_is_written_in_another_way_is_left_alone() {
        let items = [Item {
            was: None,
            value: json!({"id": "b"}),
        }];
        for text in [
            "nodes: [{id: a}]\n",
            "nodes: []\n",
            "nodes: &x\n  - id: a\n",
            "{\"nodes\": [{\"id\": \"a\"}]}",
        ] {
            let made = with_items(("f.yaml", text), 0, &["nodes"], &items);
            assert!(
                made.is_none_or(|made| made == "nodes: &x\n  - id: b\n"),
                "{text}"
            );
        }
    }
}
