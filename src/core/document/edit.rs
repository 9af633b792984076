//! Writes the next revision of a document into its existing text.
//!
//! Only what a revision changes is replaced: values of `identity`, and entries of
//! `revision_history`. Comments, quotes and layout of everything else stay. The result is parsed
//! again, and used only if it has exactly the wanted content, so this code need not know all of
//! YAML.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

use crate::core::base::limits::Limits;
use crate::core::text::locate::{Offsets, bom_len, scalar_len};
use crate::core::text::yaml;

/// Returns the text of `file` with the identity and the history of `meant`, in the style of the text.
/// `None` if that is not possible by replacing these alone.
pub fn edit(file: &str, text: &str, meant: &Value) -> Option<String> {
    let before = only(file, text)?;
    let page = Page::read(text)?;
    let mut changes = page.identity(before.get("identity")?, meant.get("identity")?)?;
    changes.extend(page.history(&before, meant)?);
    changes.sort_by_key(|(range, _)| range.start);
    let mut edited = String::with_capacity(text.len() + 1024);
    let mut done = 0;
    for (range, new) in changes {
        edited.push_str(text.get(done..range.start)?);
        edited.push_str(&new);
        done = range.end;
    }
    edited.push_str(text.get(done..)?);
    (only(file, &edited)? == *meant).then_some(edited)
}

/// The value of the only document in a text.
fn only(file: &str, text: &str) -> Option<Value> {
    let (documents, findings) = yaml::read(file, text.as_bytes(), &Limits::default());
    let [document] = <[yaml::Document; 1]>::try_from(documents).ok()?;
    findings.is_empty().then_some(document.value)
}

/// A range of the text with its replacement.
type Replacement = (Range<usize>, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A scalar or an alias.
    Scalar(ScalarStyle),
    /// A block mapping or sequence.
    Block,
    /// A flow mapping or sequence, in brackets.
    Flow,
}

/// A value in the text.
struct Node<'t> {
    /// The surrounding collection.
    parent: Option<usize>,
    /// Its key, with the range of the key.
    key: Option<(Cow<'t, str>, Range<usize>)>,
    shape: Shape,
    /// The range of the value.
    range: Range<usize>,
}

/// A text and its values, down to the entries of the history.
struct Page<'t> {
    text: &'t str,
    nodes: Vec<Node<'t>>,
    root: usize,
    line_break: &'static str,
}

/// A collection that is being read.
struct Open<'t> {
    node: usize,
    is_mapping: bool,
    /// The key of the next value.
    key: Option<(Cow<'t, str>, Range<usize>)>,
}

/// The state of reading a text.
#[derive(Default)]
struct Reading<'t> {
    nodes: Vec<Node<'t>>,
    open: Vec<Open<'t>>,
    root: Option<usize>,
    /// The end of the last token with content.
    end: usize,
}

impl<'t> Reading<'t> {
    fn event(&mut self, event: Event<'t>, range: Range<usize>, shown: &str) -> Option<()> {
        let is_mapping = matches!(event, Event::MappingStart(..));
        let (shape, value) = match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let brackets = ['{', '['];
                let is_flow = shown.trim_end().ends_with(brackets) || shown.starts_with(brackets);
                (if is_flow { Shape::Flow } else { Shape::Block }, None)
            }
            Event::Scalar(value, style, ..) => (Shape::Scalar(style), Some(value)),
            Event::Alias(_) => (Shape::Scalar(ScalarStyle::Plain), Some(Cow::Borrowed(""))),
            Event::MappingEnd | Event::SequenceEnd => return self.close(range, shown),
            _ => return Some(()),
        };
        let range = match shape {
            Shape::Scalar(style) => {
                let length = scalar_len(shown, style);
                range.start..range.start + shown.get(..length)?.trim_end().len()
            }
            _ => range,
        };
        if shape != Shape::Block && !range.is_empty() {
            self.end = range.end;
        }
        if let (Some(parent), Some(value)) = (self.open.last_mut(), &value)
            && parent.is_mapping
            && parent.key.is_none()
        {
            parent.key = Some((value.clone(), range));
            return Some(());
        }
        let node = self.nodes.len();
        if self.open.is_empty() && is_mapping {
            self.root.get_or_insert(node);
        }
        self.nodes.push(Node {
            parent: self.open.last().map(|parent| parent.node),
            key: self.open.last_mut().and_then(|parent| parent.key.take()),
            shape,
            range,
        });
        if value.is_none() {
            self.open.push(Open {
                node,
                is_mapping,
                key: None,
            });
        }
        Some(())
    }

    fn close(&mut self, range: Range<usize>, shown: &str) -> Option<()> {
        let closed = self.open.pop()?;
        if shown.starts_with(['}', ']']) {
            self.end = range.start + 1;
        }
        let node = self.nodes.get_mut(closed.node)?;
        node.range.end = self.end.max(node.range.start);
        Some(())
    }
}

impl<'t> Page<'t> {
    fn read(text: &'t str) -> Option<Page<'t>> {
        let offsets = Offsets::new(text);
        let source = text.get(bom_len(text)..)?;
        let mut reading = Reading::default();
        for event in Parser::new_from_str(source) {
            let (event, span) = event.ok()?;
            let range = offsets.byte(span.start.index())..offsets.byte(span.end.index());
            let shown = text.get(range.clone())?;
            reading.event(event, range, shown)?;
        }
        Some(Page {
            text,
            nodes: reading.nodes,
            root: reading.root?,
            line_break: if text.contains("\r\n") { "\r\n" } else { "\n" },
        })
    }

    fn node(&self, index: usize) -> Option<&Node<'t>> {
        self.nodes.get(index)
    }

    /// The values in a collection, in order.
    fn children(&self, parent: usize) -> Vec<usize> {
        let all = self.nodes.iter().enumerate();
        all.filter(|(_, node)| node.parent == Some(parent))
            .map(|(index, _)| index)
            .collect()
    }

    fn entry(&self, parent: usize, key: &str) -> Option<usize> {
        let named = |node: &Node| node.key.as_ref().is_some_and(|(name, _)| name == key);
        let mut children = self.children(parent).into_iter();
        children.find(|child| self.node(*child).is_some_and(named))
    }

    /// The replacements in `identity`.
    fn identity(&self, before: &Value, meant: &Value) -> Option<Vec<Replacement>> {
        let section = self.entry(self.root, "identity")?;
        let mut changes = Vec::new();
        let mut added: Vec<(&str, &Value)> = Vec::new();
        for (key, value) in meant.as_object()? {
            if before.get(key) == Some(value) {
                continue;
            }
            match self.entry(section, key) {
                Some(entry) => changes.push(self.scalar(entry, value)?),
                None => added.push((key, value)),
            }
        }
        if !added.is_empty() {
            let last = *self.children(section).last()?;
            changes.push(self.append(section, last, last, &added)?);
        }
        Some(changes)
    }

    /// Replaces a scalar, keeping its quotes.
    fn scalar(&self, entry: usize, value: &Value) -> Option<Replacement> {
        let node = self.node(entry)?;
        let Shape::Scalar(style) = node.shape else {
            return None;
        };
        let new = match (style, value) {
            (ScalarStyle::DoubleQuoted, Value::String(_)) => value.to_string(),
            (ScalarStyle::SingleQuoted, Value::String(text)) => {
                format!("'{}'", text.replace('\'', "''"))
            }
            _ => yaml::write(value).trim_end().to_owned(),
        };
        if node.range.is_empty() {
            let colon = self.behind_colon(node)?;
            return Some((colon..colon, format!(" {new}")));
        }
        Some((node.range.clone(), new))
    }

    /// The replacement of the history.
    fn history(&self, before: &Value, meant: &Value) -> Option<Option<Replacement>> {
        const SECTION: &str = "revision_history";
        let old = before.get(SECTION).and_then(Value::as_array);
        let old = old.map_or(&[][..], Vec::as_slice);
        let new = meant.get(SECTION)?.as_array()?;
        let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        if same == old.len() && same == new.len() {
            return Some(None);
        }
        let added: Vec<(&str, &Value)> = new.iter().skip(same).map(|one| ("", one)).collect();
        let whole = [(SECTION, meant.get(SECTION)?)];
        let Some(section) = self.entry(self.root, SECTION) else {
            let entries = self.children(self.root);
            let metadata = self.entry(self.root, "metadata");
            let at = entries.iter().position(|one| Some(*one) == metadata);
            let last = at.and_then(|at| entries.get(at.checked_sub(1)?));
            let last = *last.or(entries.last())?;
            return self.append(self.root, last, last, &whole).map(Some);
        };
        let entries = self.children(section);
        if let Some(last_same) = same.checked_sub(1) {
            let from = *entries.get(last_same)?;
            return self
                .append(section, from, *entries.last()?, &added)
                .map(Some);
        }
        // No entries are kept: the whole value is replaced.
        let node = self.node(section)?;
        let colon = self.behind_colon(node)?;
        let first = entries.first().and_then(|first| self.node(*first));
        let from = match (node.shape, first) {
            (Shape::Block, Some(first)) => {
                // Comments between the key and its value stay.
                let dash = self.dash(first)?;
                let line = self.text.get(..dash)?.trim_end_matches(' ');
                line.trim_end_matches(['\r', '\n']).len().max(colon)
            }
            _ => colon,
        };
        let written = match self.node(self.root)?.shape {
            Shape::Block => {
                let lines = self.block(&whole, &self.margin(self.root)?);
                let key_line = lines.find('\n')?;
                lines.get(key_line..)?.to_owned()
            }
            _ => {
                let style = self.style(self.root)?;
                let blank = if style.spaced { " " } else { "" };
                format!("{blank}{}", style.write(meant.get(SECTION)?)?)
            }
        };
        let to = match node.shape {
            // Comments after the last entry are replaced with it.
            Shape::Block => self.line_end(node.range.end)?,
            _ => node.range.end,
        };
        let change = (from..to.max(from), self.with_breaks(&written));
        Some(Some(change))
    }

    /// Adds entries after the one named `last`, replacing those up to `until`.
    fn append(
        &self,
        parent: usize,
        last: usize,
        until: usize,
        entries: &[(&str, &Value)],
    ) -> Option<Replacement> {
        let from = self.node(last)?.range.end;
        let to = self.node(until)?.range.end.max(from);
        if self.node(parent)?.shape == Shape::Block {
            let is_flow = |node: &Node| node.shape == Shape::Flow && node.key.is_none();
            let new = match self.node(last).filter(|node| is_flow(node)) {
                // Flow items after dashes.
                Some(_) => {
                    let style = Style {
                        layout: None,
                        ..self.style(last)?
                    };
                    let margin = self.margin(parent)?;
                    let items = entries.iter();
                    let items = items.map(|(_, value)| style.write(value));
                    let items: Option<Vec<String>> = items.collect();
                    format!("\n{margin}- {}", items?.join(&format!("\n{margin}- ")))
                }
                None => format!("\n{}", self.block(entries, &self.margin(parent)?)),
            };
            let from = self.with_comments(from, self.margin(parent)?.len())?;
            return Some((from..to.max(from), self.with_breaks(&new)));
        }
        let style = self.style(parent)?;
        let mut new = String::new();
        for (key, value) in entries {
            new.push(',');
            match &style.layout {
                Some(layout) => new.push_str(&format!("\n{}", layout.indent)),
                None if style.spaced => new.push(' '),
                None => {}
            }
            if !key.is_empty() {
                let key = if style.bare {
                    (*key).to_owned()
                } else {
                    format!("{key:?}")
                };
                let blank = if style.spaced { " " } else { "" };
                new.push_str(&format!("{key}:{blank}"));
            }
            let one_line = Style {
                layout: None,
                ..style.clone()
            };
            let style = if self.items_take_lines(last) || !key.is_empty() {
                &style
            } else {
                &one_line
            };
            new.push_str(&style.write(value)?);
        }
        Some((from..to, self.with_breaks(&new)))
    }

    /// Whether a collection in brackets extends over several lines.
    fn items_take_lines(&self, node: usize) -> bool {
        let shown = self
            .node(node)
            .and_then(|node| self.text.get(node.range.clone()));
        shown.is_some_and(|shown| shown.contains('\n'))
    }

    /// Entries in block style with an indentation, without a line break at the end.
    fn block(&self, entries: &[(&str, &Value)], margin: &str) -> String {
        let written = entries.iter().map(|(key, value)| {
            if key.is_empty() {
                yaml::write(&Value::Array(vec![(*value).clone()]))
            } else {
                yaml::write(&serde_json::json!({ *key: value }))
            }
        });
        let written: String = written.collect();
        let lines = written.lines().map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("{margin}{line}")
            }
        });
        lines.collect::<Vec<String>>().join("\n")
    }

    fn with_breaks(&self, text: &str) -> String {
        match self.line_break {
            "\n" => text.to_owned(),
            line_break => text.replace("\r\n", "\n").replace('\n', line_break),
        }
    }

    /// The indentation of the entries of a block.
    fn margin(&self, block: usize) -> Option<String> {
        let first = self.node(*self.children(block).first()?)?;
        let start = match &first.key {
            Some((_, key)) => key.start,
            None => self.dash(first)?,
        };
        let line = self.line_before(start);
        Some(" ".repeat(line.chars().count()))
    }

    /// The end of an entry including its comments: those after it, and those below it that
    /// are indented further.
    fn with_comments(&self, end: usize, margin: usize) -> Option<usize> {
        let mut kept = self.line_end(end)?;
        let mut at = kept;
        while let Some(rest) = self.text.get(at..)?.find('\n') {
            let start = at + rest + 1;
            at = self.line_end(start)?;
            let line = self.text.get(start..at)?;
            let content = line.trim_start_matches(' ');
            if content.starts_with('#') && line.len() - content.len() > margin {
                kept = at;
            } else if !content.is_empty() {
                break;
            }
        }
        Some(kept)
    }

    /// The end of the line of an offset.
    fn line_end(&self, offset: usize) -> Option<usize> {
        let line = self.text.get(offset..)?.split('\n').next()?;
        Some(offset + line.trim_end_matches('\r').len())
    }

    fn line_before(&self, offset: usize) -> &'t str {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.trim_start_matches('\u{feff}')
    }

    /// The position of the dash of an item.
    fn dash(&self, item: &Node) -> Option<usize> {
        let before = self.text.get(..item.range.start)?.trim_end();
        before.ends_with('-').then(|| before.len() - 1)
    }

    /// The position after the colon of an entry.
    fn behind_colon(&self, entry: &Node) -> Option<usize> {
        let (_, key) = entry.key.as_ref()?;
        let rest = self.text.get(key.end..)?;
        let colon = rest.find(|c: char| !c.is_whitespace())?;
        rest.get(colon..)?
            .starts_with(':')
            .then_some(key.end + colon + 1)
    }

    /// The style of a collection in brackets, for new entries.
    fn style(&self, flow: usize) -> Option<Style> {
        let node = self.node(flow)?;
        let children = self.children(flow);
        let first = children.first().and_then(|first| self.node(*first));
        let start = first.map(|first| match &first.key {
            Some((_, key)) => key.start,
            None => first.range.start,
        });
        let lead = start.and_then(|start| self.text.get(node.range.start..start));
        let layout = lead.filter(|lead| lead.contains('\n')).and_then(|_| {
            let indent = self.line_before(start?).to_owned();
            let outer = self.line_before(node.range.start);
            let blanks = outer.len() - outer.trim_start_matches([' ', '\t']).len();
            let unit = indent.get(blanks..).filter(|unit| !unit.is_empty());
            Some(Layout {
                unit: unit.unwrap_or("  ").to_owned(),
                indent,
            })
        });
        // Any key of the section or of the document shows whether there are spaces after colons.
        let keys = children
            .iter()
            .chain([&flow])
            .filter_map(|one| self.node(*one));
        let root = self.children(self.root);
        let root = root.iter().filter_map(|one| self.node(*one));
        let keyed = keys.chain(root).find(|node| node.key.is_some())?;
        let colon = self.behind_colon(keyed)?;
        let key = keyed
            .key
            .as_ref()
            .and_then(|(_, key)| self.text.get(key.clone()))?;
        Some(Style {
            layout,
            spaced: self.text.get(colon..)?.starts_with([' ', '\t', '\r', '\n']),
            bare: !key.starts_with(['"', '\'']),
        })
    }
}

/// The style of collections in brackets.
#[derive(Clone)]
struct Style {
    /// `Some` if each entry is on its own line.
    layout: Option<Layout>,
    /// Whether there are spaces after colons and commas.
    spaced: bool,
    /// Whether keys are written without quotes.
    bare: bool,
}

/// The indentation of entries.
#[derive(Clone)]
struct Layout {
    /// The indentation of each entry.
    indent: String,
    /// The additional indentation of a level.
    unit: String,
}

impl Style {
    fn write(&self, value: &Value) -> Option<String> {
        let mut out = Vec::new();
        let writer = Writer {
            style: self,
            depth: 0,
            in_key: false,
            is_empty: true,
        };
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, writer);
        value.serialize(&mut serializer).ok()?;
        String::from_utf8(out).ok()
    }
}

/// Writes JSON, or nearly JSON, in a style.
struct Writer<'s> {
    style: &'s Style,
    depth: usize,
    in_key: bool,
    is_empty: bool,
}

impl Writer<'_> {
    fn open<W: ?Sized + io::Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if !self.is_empty {
            self.line(out)?;
        }
        self.is_empty = false;
        out.write_all(bracket)
    }

    fn line<W: ?Sized + io::Write>(&self, out: &mut W) -> io::Result<()> {
        let Some(layout) = &self.style.layout else {
            return Ok(());
        };
        let unit = layout.unit.repeat(self.depth);
        write!(out, "\n{}{unit}", layout.indent)
    }

    fn next<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.is_empty = false;
        if !first {
            out.write_all(b",")?;
            if self.style.spaced && self.style.layout.is_none() {
                out.write_all(b" ")?;
            }
        }
        self.line(out)
    }

    fn quote<W: ?Sized + io::Write>(&self, out: &mut W) -> io::Result<()> {
        if self.in_key && self.style.bare {
            Ok(())
        } else {
            out.write_all(b"\"")
        }
    }
}

impl Formatter for Writer<'_> {
    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(out, first)?;
        self.in_key = true;
        Ok(())
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        Ok(())
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.style.spaced { b": " } else { b":" })
    }

    fn begin_string<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.quote(out)
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.quote(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const BLOCK: &str = "\
# yaml-language-server: $schema=../document.json
identity: # who
  plan_id: '1'
  session_id: &s greeting
  revision: 1 # counts
  # none before
  parent_id:
  created_at: \"2026-01-31T09:00:00Z\"
scope: {in_scope: [\"path:a\"], out: &x [b, c]}
also: *x
revision_history: # the past
  # the first one
  - revision: 1
    change_summary: |
      First
    session: *s # as above
    # more of it

# about the rest
metadata:
  schema_version: 1.2.0
";

    /// The next revision of `before`.
    fn next(before: &Value, reset: bool) -> Value {
        let mut meant = before.clone();
        let identity = meant["identity"].as_object_mut().unwrap();
        identity.insert("plan_id".to_owned(), json!("it's 2"));
        identity.insert("revision".to_owned(), json!(2));
        identity.insert("parent_id".to_owned(), json!("1"));
        identity.insert("created_at".to_owned(), json!("2026-02-01T09:00:00Z"));
        let entry = json!({"revision": 2, "change_summary": "Two\nlines: é", "changes": [
            {"type": "addition", "summary": "s"},
        ]});
        let history = before["revision_history"].as_array().cloned();
        let mut history = history.filter(|_| !reset).unwrap_or_default();
        history.push(entry);
        meant["revision_history"] = Value::Array(history);
        meant
    }

    fn edited(file: &str, text: &str, reset: bool) -> String {
        let before = only(file, text).unwrap();
        edit(file, text, &next(&before, reset)).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn block_style_keeps_all_lines_that_a_revision_does_not_mean() {
        let after = edited("a.yaml", BLOCK, false);
        let expected = BLOCK
            .replace("'1'", "'it''s 2'")
            .replace("revision: 1 # counts", "revision: 2 # counts")
            .replace("parent_id:", "parent_id: \"1\"")
            .replace("01-31T", "02-01T")
            .replace(
                "    # more of it\n",
                "    # more of it\n  - revision: 2\n    \
                 change_summary: \"Two\\nlines: é\"\n    changes:\n      - type: addition\n        \
                 summary: s\n",
            );
        assert_eq!(after, expected);
        // Revised again before the commit, the entry is replaced.
        let before = only("a.yaml", BLOCK).unwrap();
        let mut again = next(&before, false);
        again["revision_history"][1]["change_summary"] = json!("Other");
        let after = edit("a.yaml", &after, &again).unwrap();
        assert_eq!(after, expected.replace("\"Two\\nlines: é\"", "Other"));
        // A new session drops the entries, but not the comments on the section.
        let after = edited("a.yaml", BLOCK, true);
        assert!(
            after.contains("revision_history: # the past\n  # the first one\n  - revision: 2\n")
        );
        assert!(
            after.contains("        summary: s\n    # more of it\n\n# about the rest\n"),
            "{after}"
        );
    }

    #[test]
    fn each_style_goes_on_as_it_is() {
        let table = [
            // Compact JSON stays on one line.
            (
                "a.json",
                r#"{"identity":{"plan_id":"1","revision":1,"parent_id":null},"revision_history":[{"revision":1}],"metadata":{}}"#,
                r#"{"identity":{"plan_id":"it's 2","revision":2,"parent_id":"1","created_at":"2026-02-01T09:00:00Z"},"revision_history":[{"revision":1},{"revision":2,"change_summary":"Two\nlines: é","changes":[{"type":"addition","summary":"s"}]}],"metadata":{}}"#,
            ),
            // Tabs; the closed section is added before `metadata`.
            (
                "a.json",
                "{\n\t\"identity\": {\"plan_id\": \"1\"},\n\t\"metadata\": {\n\t\t\"a\": 1\n\t}\n}\n",
                "{\n\t\"identity\": {\"plan_id\": \"it's 2\", \"revision\": 2, \"parent_id\": \"1\", \
                 \"created_at\": \"2026-02-01T09:00:00Z\"},\n\t\"revision_history\": [\n\t\t{\n\t\t\t\
                 \"revision\": 2,\n\t\t\t\"change_summary\": \"Two\\nlines: é\",\n\t\t\t\"changes\": \
                 [\n\t\t\t\t{\n\t\t\t\t\t\"type\": \"addition\",\n\t\t\t\t\t\"summary\": \"s\"\n\t\t\t\t}\n\
                 \t\t\t]\n\t\t}\n\t],\n\t\"metadata\": {\n\t\t\"a\": 1\n\t}\n}\n",
            ),
            // A one-line entry is followed by another one.
            (
                "a.json",
                "{\n  \"identity\": {\"plan_id\": \"1\"},\n  \"revision_history\": [\n    { \"revision\": 1 }\n  ]\n}",
                "{\n  \"identity\": {\"plan_id\": \"it's 2\", \"revision\": 2, \"parent_id\": \"1\", \
                 \"created_at\": \"2026-02-01T09:00:00Z\"},\n  \"revision_history\": [\n    { \"revision\": 1 },\n    \
                 {\"revision\": 2, \"change_summary\": \"Two\\nlines: é\", \"changes\": [{\"type\": \
                 \"addition\", \"summary\": \"s\"}]}\n  ]\n}",
            ),
            // No line break at the end of the file, and no history yet.
            (
                "a.yaml",
                "identity: {plan_id: 1}",
                "identity: {plan_id: it's 2, revision: 2, parent_id: \"1\", created_at: \
                 \"2026-02-01T09:00:00Z\"}\nrevision_history:\n  - revision: 2\n    change_summary: \
                 \"Two\\nlines: é\"\n    changes:\n      - type: addition\n        summary: s",
            ),
            // Carriage returns, dashes below the key, flow entries, empty documents around it.
            (
                "a.yaml",
                "---\r\n---\r\nidentity:\r\n  plan_id: 1\r\n  revision: 1\r\nrevision_history:\r\n- {revision: 1} # a\r\n---\r\n",
                "---\r\n---\r\nidentity:\r\n  plan_id: it's 2\r\n  revision: 2\r\n  parent_id: \"1\"\r\n  \
                 created_at: \"2026-02-01T09:00:00Z\"\r\nrevision_history:\r\n- {revision: 1} # a\r\n\
                 - {revision: 2, change_summary: \"Two\\nlines: é\", changes: [{type: \"addition\", \
                 summary: \"s\"}]}\r\n---\r\n",
            ),
            // An empty list gets an entry.
            (
                "a.yaml",
                "revision_history: []\nidentity: # c\n  plan_id: 1\n",
                "revision_history:\n  - revision: 2\n    change_summary: \"Two\\nlines: é\"\n    \
                 changes:\n      - type: addition\n        summary: s\nidentity: # c\n  plan_id: it's 2\n  \
                 revision: 2\n  parent_id: \"1\"\n  created_at: \"2026-02-01T09:00:00Z\"\n",
            ),
        ];
        for (file, text, expected) in table {
            assert_eq!(edited(file, text, false), expected, "{text}");
        }
    }

    #[test]
    fn what_another_place_means_too_is_left_to_others() {
        let text = "identity:\n  plan_id: &a x\nalso: *a\n";
        let before = only("a.yaml", text).unwrap();
        assert_eq!(edit("a.yaml", text, &next(&before, false)), None);
        let two = "identity: {}\n---\na: 1\n";
        assert_eq!(edit("a.yaml", two, &json!({"identity": {}})), None);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_is_meant_and_every_comment_is_still_there(
            lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..12),
            history in prop::sample::select(&HISTORIES[..]),
            comments in prop::collection::vec(any::<bool>(), 40),
            crlf in any::<bool>(),
        ) {
            let text = format!("identity:\n  plan_id: a\n{history}{}", lines.concat());
            let mut commented = String::new();
            for (index, line) in text.lines().enumerate() {
                if comments.get(index) == Some(&true) {
                    commented.push_str(&format!("  # comment {index}\n"));
                }
                commented.push_str(&format!("{line}\n"));
            }
            let text = if crlf { commented.replace('\n', "\r\n") } else { commented };
            let Some(before) = only("a.yaml", &text) else {
                return Ok(());
            };
            let meant = next(&before, false);
            let after = edit("a.yaml", &text, &meant);
            prop_assert!(after.is_some(), "{text}");
            let after = after.unwrap_or_default();
            prop_assert_eq!(only("a.yaml", &after), Some(meant));
            for line in text.split_inclusive('\n').filter(|line| line.contains("# ")) {
                prop_assert!(after.contains(line), "{:?} in {}", line, after);
            }
        }
    }

    const LINES: [&str; 8] = [
        "a: 1 # one\n",
        "b: [x, y]\n",
        "c:\n  - d\n  - e\n",
        "\n",
        "f: >\n  text\n  more\n",
        "g: \"q # r\"\n",
        "metadata:\n  h: 1\n",
        "i:\n",
    ];

    const HISTORIES: [&str; 8] = [
        "",
        "revision_history:\n",
        "revision_history: []\n",
        "revision_history: # x\n  - revision: 1\n",
        "revision_history:\n- revision: 1\n  changes:\n  - a\n\n",
        "revision_history:\n    -   revision: 1\n        text: |\n            a\n            b\n",
        "revision_history: [{revision: 1}]\n",
        "revision_history: [\n    {\n      revision: 1\n    } ]\n",
    ];
}
