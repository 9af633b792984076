//! Edits of a YAML or JSON text that keep everything else: comments, order, formatting.
//!
//! The edited text is parsed, and must give the same value as the change; otherwise the edit is not made.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Value, json};

use super::locate::bom_len;
use super::outline::{Entry, Outline, Shape};
use super::yaml;
use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::{Change, Fix};
use crate::core::base::limits::Limits;

/// Longer texts are not edited, since each change parses them again.
pub const MOST_BYTES: usize = 256 * 1024;
/// Maximum nesting of a value that is written on one line.
const MOST_DEPTH: usize = 8;

/// A replacement of a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// The replaced range.
    pub range: Range<usize>,
    /// The replacement.
    pub with: String,
}

/// Applies edits, which must not overlap, to a text.
pub fn edited(text: &str, edits: &[TextEdit]) -> String {
    let mut edits: Vec<&TextEdit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for edit in edits {
        out.push_str(text.get(end..edit.range.start).unwrap_or_default());
        out.push_str(&edit.with);
        end = edit.range.end;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// The edits for each fix of a file's documents, if they can be made together without changing anything else.
pub fn fixes(file: &str, text: &str, fixes: &[(usize, &Fix)]) -> Vec<Option<Vec<TextEdit>>> {
    let nothing = vec![None; fixes.len()];
    if text.len() > MOST_BYTES {
        return nothing;
    }
    let of_text: Vec<Option<Vec<TextEdit>>> = fixes.iter().map(|(_, fix)| of_text(fix)).collect();
    if of_text.iter().any(Option::is_some) {
        return of_text;
    }
    let (Some(outline), Some(before)) = (Outline::of(text), values(file, text)) else {
        return nothing;
    };
    let mut work = Work {
        file,
        text,
        outline: &outline,
        before,
        done: vec![None; fixes.len()],
    };
    work.take(fixes, |_| true);
    if !work.is_sound(fixes) {
        // One of them is wrong: try them one by one.
        work.done.fill(None);
        let most = (MOST_READ / text.len().max(1)).clamp(1, MOST_ONE_BY_ONE);
        for index in 0..fixes.len().min(most) {
            work.take(fixes, |at| at == index);
            if !work.is_sound(fixes) {
                work.done[index] = None;
            }
        }
    }
    work.done
}

/// Maximum number of fixes that are tried one by one, since each parses the text again.
const MOST_ONE_BY_ONE: usize = 64;
const MOST_READ: usize = 2 * 1024 * 1024;

/// The edits of a fix that replaces text.
fn of_text(fix: &Fix) -> Option<Vec<TextEdit>> {
    let edit = |change: &Change| match change {
        Change::Text { start, end, with } => Some(TextEdit {
            range: *start..*end,
            with: with.clone(),
        }),
        _ => None,
    };
    fix.changes.iter().map(edit).collect()
}

/// The places that a change is about.
fn places(change: &Change) -> Vec<&[PathStep]> {
    match change {
        Change::Rename { path, .. }
        | Change::Replace { path, .. }
        | Change::Quote { path }
        | Change::Remove { path }
        | Change::Add { path, .. } => vec![path],
        Change::Move { path, to } => vec![path, to],
        Change::Text { .. } | Change::Append { .. } => Vec::new(),
    }
}

/// Fixes in progress.
struct Work<'a> {
    file: &'a str,
    text: &'a str,
    outline: &'a Outline,
    before: Vec<(usize, Value)>,
    /// The edits of the finished ones.
    done: Vec<Option<Vec<TextEdit>>>,
}

impl Work<'_> {
    /// Makes the wanted fixes, unless their edits touch those of others.
    fn take(&mut self, fixes: &[(usize, &Fix)], wanted: impl Fn(usize) -> bool) {
        let edits = self.done.iter().flatten().flatten();
        let mut taken: Vec<Range<usize>> = edits.map(|edit| edit.range.clone()).collect();
        // Values at these places have moved or changed.
        let mut moved: BTreeSet<(usize, &[PathStep])> = BTreeSet::new();
        for (index, (document, fix)) in fixes.iter().enumerate().filter(|(index, _)| wanted(*index))
        {
            let has_moved = |path: &[PathStep]| {
                (0..=path.len()).any(|depth| moved.contains(&(*document, &path[..depth])))
            };
            if fix.changes.iter().flat_map(places).any(has_moved) {
                continue;
            }
            let Some(edits) = self.edits(*document, fix) else {
                continue;
            };
            let is_free = |edit: &TextEdit| {
                let touches = |other: &Range<usize>| {
                    edit.range.start < other.end && other.start < edit.range.end
                };
                let is_within = |other: &Range<usize>| {
                    other.start < edit.range.start && edit.range.start < other.end
                };
                !taken.iter().any(|other| touches(other) || is_within(other))
            };
            if edits.iter().all(is_free) {
                taken.extend(edits.iter().map(|edit| edit.range.clone()));
                let all = fix.changes.iter().flat_map(places);
                moved.extend(all.map(|path| (*document, path)));
                // Items after a removed one move.
                let lists = fix.changes.iter().filter_map(|change| match change {
                    Change::Remove { path } => match path.split_last()? {
                        (PathStep::Index(_), list) => Some(list),
                        _ => None,
                    },
                    _ => None,
                });
                moved.extend(lists.map(|path| (*document, path)));
                self.done[index] = Some(edits);
            }
        }
    }

    fn edits(&self, document: usize, fix: &Fix) -> Option<Vec<TextEdit>> {
        let page = self.page(document)?;
        let edits: Option<Vec<Vec<TextEdit>>> = fix
            .changes
            .iter()
            .map(|change| page.edits(change))
            .collect();
        Some(edits?.concat())
    }

    fn page(&self, document: usize) -> Option<Page<'_>> {
        Some(Page {
            text: self.text,
            outline: self.outline,
            root: *self.outline.roots.get(document)?,
            is_json: yaml::is_json(self.file),
        })
    }

    /// Whether the edited text gives the expected values.
    fn is_sound(&self, fixes: &[(usize, &Fix)]) -> bool {
        self.expected(fixes).is_some_and(|expected| {
            let edits: Vec<TextEdit> = self.done.iter().flatten().flatten().cloned().collect();
            values(self.file, &edited(self.text, &edits)) == Some(expected)
        })
    }

    fn expected(&self, fixes: &[(usize, &Fix)]) -> Option<Vec<(usize, Value)>> {
        let mut expected = self.before.clone();
        let mut items = Vec::new();
        let made = fixes
            .iter()
            .zip(&self.done)
            .filter(|(_, done)| done.is_some());
        for ((document, fix), _) in made {
            let page = self.page(*document)?;
            for change in &fix.changes {
                if let Change::Append { with } = change
                    && yaml::is_json(self.file)
                {
                    items.push(with.value());
                    continue;
                }
                if let Change::Append { with } = change {
                    let next = expected.last().map_or(0, |(index, _)| index + 1);
                    expected.push((next, with.value()));
                    continue;
                }
                let (_, value) = expected.iter_mut().find(|(index, _)| index == document)?;
                page.as_a_value(change)?.apply(value)?;
            }
        }
        if let (false, Some((_, value))) = (items.is_empty(), expected.first_mut()) {
            in_a_list(value, items);
        }
        Some(expected)
    }
}

/// Turns a value into a JSON list with further resources.
fn in_a_list(value: &mut Value, others: Vec<Value>) {
    if let Some(Value::Array(items)) = value.get_mut("items") {
        items.extend(others);
        return;
    }
    let all = std::iter::once(value.take()).chain(others);
    let all: Vec<Value> = all.collect();
    *value = json!({"apiVersion": "v1", "kind": "List", "items": all});
}

/// The documents of a text; `None` if any cannot be parsed.
fn values(file: &str, text: &str) -> Option<Vec<(usize, Value)>> {
    let (documents, findings) = yaml::read(file, text.as_bytes(), &Limits::default());
    let values = documents.into_iter().map(|one| (one.index, one.value));
    findings.is_empty().then(|| values.collect())
}

/// A document that is edited.
struct Page<'a> {
    text: &'a str,
    outline: &'a Outline,
    root: usize,
    is_json: bool,
}

impl Page<'_> {
    fn edits(&self, change: &Change) -> Option<Vec<TextEdit>> {
        match change {
            Change::Rename { path, to } => {
                let (_, entries, index) = self.entry(path)?;
                let with = self.key(to);
                let range = entries.get(index)?.key.clone();
                Some(vec![TextEdit { range, with }])
            }
            Change::Replace { path, with } => {
                let (node, value) = (self.node(path)?, with.value());
                if let Some(edit) = self.block(node, &value) {
                    return Some(vec![edit]);
                }
                let with = self.inline(&value, 0)?;
                Some(vec![self.replace(node, with)?])
            }
            Change::Append { with } => self.append(&with.value()),
            Change::Quote { .. } => self.edits(&self.as_a_value(change)?),
            Change::Text { .. } => None,
            Change::Remove { path } => Some(vec![self.remove(path)?]),
            Change::Add { path, with } => {
                let with = self.inline(&with.value(), 0)?;
                Some(vec![self.add(path, with)?])
            }
            Change::Move { path, to } => self.moved(path, to),
        }
    }

    /// Appends a document; in JSON, which has a single document, appends an item to a list.
    fn append(&self, document: &Value) -> Option<Vec<TextEdit>> {
        if self.is_json {
            return self.append_item(document);
        }
        let end = self.text.len();
        let line = if self.text.ends_with('\n') { "" } else { "\n" };
        let with = format!("{line}---\n{}", yaml::write(document));
        Some(vec![TextEdit {
            range: end..end,
            with,
        }])
    }

    fn append_item(&self, document: &Value) -> Option<Vec<TextEdit>> {
        let item = format!(",\n{}", serde_json::to_string_pretty(document).ok()?);
        let put = |at: usize, with: String| TextEdit {
            range: at..at,
            with,
        };
        if let Some(items) = self.node(&["items".into()])
            && let Shape::Sequence { items, .. } = &self.outline.nodes.get(items)?.shape
        {
            let last = self.range(*items.last()?)?.end;
            return Some(vec![put(last, item)]);
        }
        let root = self.range(self.root)?;
        let open = "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n".to_owned();
        Some(vec![
            put(root.start, open),
            put(root.end, format!("{item}\n]}}\n")),
        ])
    }

    /// The change with its value, if only the text has it.
    fn as_a_value(&self, change: &Change) -> Option<Change> {
        let Change::Quote { path } = change else {
            return Some(change.clone());
        };
        let written = self.text.get(self.range(self.node(path)?)?)?;
        Some(Change::Replace {
            path: path.clone(),
            with: Value::from(written).into(),
        })
    }

    fn node(&self, path: &[PathStep]) -> Option<usize> {
        path.iter().try_fold(self.root, |node, step| {
            match (&self.outline.nodes.get(node)?.shape, step) {
                (Shape::Mapping { entries, .. }, PathStep::Key(key)) => {
                    let entry = entries.iter().find(|entry| entry.name == *key)?;
                    Some(entry.value)
                }
                (Shape::Sequence { items, .. }, PathStep::Index(index)) => {
                    items.get(*index).copied()
                }
                _ => None,
            }
        })
    }

    fn range(&self, node: usize) -> Option<Range<usize>> {
        Some(self.outline.nodes.get(node)?.range.clone())
    }

    /// The mapping that contains an entry, its entries, and the index of the entry.
    fn entry(&self, path: &[PathStep]) -> Option<(usize, &[Entry], usize)> {
        let (PathStep::Key(key), parent) = path.split_last()? else {
            return None;
        };
        let node = self.node(parent)?;
        let Shape::Mapping { entries, .. } = &self.outline.nodes.get(node)?.shape else {
            return None;
        };
        let index = entries.iter().position(|entry| entry.name == *key)?;
        Some((node, entries, index))
    }

    fn is_flow(&self, node: usize) -> bool {
        let shape = self.outline.nodes.get(node).map(|node| &node.shape);
        matches!(
            shape,
            Some(Shape::Mapping { flow: true, .. } | Shape::Sequence { flow: true, .. })
        )
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(bom_len(self.text), |at| at + 1)
    }

    /// The end of the line, before the line break.
    fn line_end(&self, at: usize) -> usize {
        let behind = self.text.get(at..).unwrap_or_default();
        at + behind.find('\n').unwrap_or(behind.len())
    }

    /// The text before a place on its line.
    fn before(&self, at: usize) -> &str {
        self.text.get(self.line_start(at)..at).unwrap_or_default()
    }

    fn is_first_on_line(&self, at: usize) -> bool {
        self.before(at).chars().all(|c| c == ' ')
    }

    /// The lines of a block entry, with the line break at the end.
    fn lines(&self, entry: &Entry) -> Option<Range<usize>> {
        let end = self.line_end(self.range(entry.value)?.end.max(entry.key.end));
        let end = if self.text.len() > end { end + 1 } else { end };
        Some(self.line_start(entry.key.start)..end)
    }

    fn key(&self, key: &str) -> String {
        if self.is_json {
            return Value::from(key).to_string();
        }
        self.scalar(&Value::from(key))
    }

    fn scalar(&self, value: &Value) -> String {
        inline_scalar(value, self.is_json)
    }

    fn inline(&self, value: &Value, depth: usize) -> Option<String> {
        inline(value, self.is_json, depth)
    }

    fn replace(&self, node: usize, with: String) -> Option<TextEdit> {
        let range = self.range(node)?;
        let before = self.text.get(..range.start).unwrap_or_default();
        let is_below =
            !self.is_flow(node) && !matches!(self.outline.nodes.get(node)?.shape, Shape::Scalar);
        if is_below && self.text.get(range.clone())?.contains('#') {
            // Comments in it would be lost.
            return None;
        }
        // Text on the line of the key stays there; lines below it are replaced.
        let start = match before.trim_end() {
            line if is_below && line.ends_with(':') => line.len(),
            _ => range.start,
        };
        let is_behind_key = self.text.get(..start)?.ends_with(':');
        let with = if is_behind_key {
            format!(" {with}")
        } else {
            with
        };
        Some(TextEdit {
            range: start..range.end,
            with,
        })
    }

    /// Replaces a block collection, entry by entry.
    fn block(&self, node: usize, value: &Value) -> Option<TextEdit> {
        let range = self.range(node)?;
        let is_block = match &self.outline.nodes.get(node)?.shape {
            Shape::Mapping { flow, .. } | Shape::Sequence { flow, .. } => !flow,
            Shape::Scalar => false,
        };
        let is_collection = value.as_array().is_some_and(|items| !items.is_empty())
            || value.as_object().is_some_and(|fields| !fields.is_empty());
        let text = self.text.get(range.clone())?;
        if !is_block || !is_collection || text.contains('#') {
            return None;
        }
        let indent = self.before(range.start).chars().count();
        let lines = yaml::write(value);
        let with: Vec<String> = lines
            .trim_end()
            .lines()
            .enumerate()
            .map(|(number, line)| match number {
                0 => line.to_owned(),
                _ => format!("{}{line}", " ".repeat(indent)),
            })
            .collect();
        Some(TextEdit {
            range,
            with: with.join("\n"),
        })
    }

    fn remove(&self, path: &[PathStep]) -> Option<TextEdit> {
        let none = |range: Range<usize>| TextEdit {
            range,
            with: String::new(),
        };
        if let (PathStep::Index(index), list) = path.split_last()? {
            return self.remove_item(self.node(list)?, *index);
        }
        let (node, entries, index) = self.entry(path)?;
        let entry = entries.get(index)?;
        let end = self.range(entry.value)?.end.max(entry.key.end);
        let next = entries.get(index + 1).map(|next| next.key.start);
        if entries.len() == 1 {
            let with = "{}".to_owned();
            let range = self.range(node)?;
            return Some(TextEdit { range, with });
        }
        if !self.is_flow(node) && self.is_first_on_line(entry.key.start) {
            return Some(none(self.lines(entry)?));
        }
        match (
            index.checked_sub(1).and_then(|before| entries.get(before)),
            next,
        ) {
            // The first after a dash or a bracket.
            (None, Some(next)) => Some(none(entry.key.start..next)),
            (Some(before), _) => Some(none(self.range(before.value)?.end..end)),
            (None, None) => None,
        }
    }

    /// Removes an item of a list, with its dash or comma.
    fn remove_item(&self, list: usize, index: usize) -> Option<TextEdit> {
        let Shape::Sequence { flow, items } = &self.outline.nodes.get(list)?.shape else {
            return None;
        };
        let item = self.range(*items.get(index)?)?;
        let previous = index.checked_sub(1).and_then(|index| items.get(index));
        let range = match (previous, items.get(index + 1)) {
            (None, None) => {
                let range = self.range(list)?;
                let with = "[]".to_owned();
                return Some(TextEdit { range, with });
            }
            _ if !flow => {
                let is_alone = self.before(item.start).trim() == "-";
                let end = self.line_end(item.end);
                let end = if self.text.len() > end { end + 1 } else { end };
                is_alone.then_some(self.line_start(item.start)..end)?
            }
            (Some(previous), _) => self.range(*previous)?.end..item.end,
            (None, Some(next)) => item.start..self.range(*next)?.start,
        };
        Some(TextEdit {
            range,
            with: String::new(),
        })
    }

    /// Adds an entry, with its value on one line, after the first one of a mapping.
    fn add(&self, path: &[PathStep], value: String) -> Option<TextEdit> {
        let (PathStep::Key(key), parent) = path.split_last()? else {
            return None;
        };
        let entry = format!("{}: {value}", self.key(key));
        let Some(node) = self.node(parent) else {
            return self.add(parent, format!("{{{entry}}}"));
        };
        let range = self.range(node)?;
        match &self.outline.nodes.get(node)?.shape {
            Shape::Mapping { entries, .. } if entries.is_empty() => {
                let with = format!("{{{entry}}}");
                Some(TextEdit { range, with })
            }
            Shape::Mapping {
                flow: true,
                entries,
            } => {
                let at = self.range(entries.first()?.value)?.end;
                let with = format!(", {entry}");
                Some(TextEdit {
                    range: at..at,
                    with,
                })
            }
            Shape::Mapping {
                flow: false,
                entries,
            } => Some(self.below(entries.first()?, &[entry])?),
            Shape::Scalar if range.is_empty() || self.text.get(range.clone())? == "null" => {
                self.replace(node, format!("{{{entry}}}"))
            }
            _ => None,
        }
    }

    /// Adds lines below a block entry, with its indentation.
    fn below(&self, entry: &Entry, lines: &[String]) -> Option<TextEdit> {
        let indent = " ".repeat(self.before(entry.key.start).chars().count());
        let at = self.lines(entry)?.end;
        let mut with: String = lines
            .iter()
            .map(|line| {
                if line.is_empty() {
                    "\n".to_owned()
                } else {
                    format!("{indent}{line}\n")
                }
            })
            .collect();
        if !self.text.get(..at)?.ends_with('\n') {
            with.insert(0, '\n');
        }
        Some(TextEdit {
            range: at..at,
            with,
        })
    }

    fn moved(&self, path: &[PathStep], to: &[PathStep]) -> Option<Vec<TextEdit>> {
        let (node, entries, index) = self.entry(path)?;
        let entry = entries.get(index)?;
        let (PathStep::Key(key), home) = to.split_last()? else {
            return None;
        };
        let is_block = !self.is_flow(node) && self.is_first_on_line(entry.key.start);
        let parent = path.split_last()?.1;
        if let Some((PathStep::Key(new), above)) = home.split_last()
            && above == parent
            && self.node(home).is_none()
        {
            if is_block {
                return self.wrapped(entry, new, key);
            }
            let value = self.text.get(self.range(entry.value)?)?;
            // In brackets, or after a dash.
            if self.is_flow(node) || !value.contains(['\n', '#']) {
                return self.wrapped_inline(entry, new, key);
            }
        }
        let destination = self.node(home).map(|node| &self.outline.nodes[node].shape);
        if let (
            true,
            Some(Shape::Mapping {
                flow: false,
                entries: others,
            }),
        ) = (is_block && entries.len() > 1, destination)
            && let Some(last) = others.last()
        {
            let lines = self.lines_of(entry, key, 0)?;
            return Some(vec![self.remove(path)?, self.below(last, &lines)?]);
        }
        let range = self.range(entry.value)?;
        let value = self.text.get(range)?;
        let is_short = !value.is_empty() && !value.contains(['\n', '#']);
        let is_inline = self.is_flow(entry.value)
            || matches!(self.outline.nodes.get(entry.value)?.shape, Shape::Scalar);
        let value = if is_short && is_inline {
            value.to_owned()
        } else {
            return None;
        };
        Some(vec![self.remove(path)?, self.add(to, value)?])
    }

    /// The same on one line.
    fn wrapped_inline(&self, entry: &Entry, new: &str, key: &str) -> Option<Vec<TextEdit>> {
        let end = self.range(entry.value)?.end;
        let with = format!("{}: {{{}", self.key(new), self.key(key));
        let open = TextEdit {
            range: entry.key.clone(),
            with,
        };
        let close = TextEdit {
            range: end..end,
            with: "}".to_owned(),
        };
        Some(vec![open, close])
    }

    /// Puts an entry inside a new one in its place.
    fn wrapped(&self, entry: &Entry, new: &str, key: &str) -> Option<Vec<TextEdit>> {
        let indent = self.before(entry.key.start);
        let mut with = format!("{indent}{}:\n", self.key(new));
        for line in self.lines_of(entry, key, 2)? {
            match line.as_str() {
                "" => with.push('\n'),
                line => with.push_str(&format!("{indent}{line}\n")),
            }
        }
        let range = self.lines(entry)?;
        Some(vec![TextEdit { range, with }])
    }

    /// The lines of an entry under another key, with an indentation.
    fn lines_of(&self, entry: &Entry, key: &str, indent: usize) -> Option<Vec<String>> {
        let depth = self.before(entry.key.start).len();
        let range = self.lines(entry)?;
        let renamed = TextEdit {
            range: entry.key.clone(),
            with: self.key(key),
        };
        let first = TextEdit {
            range: range.end..self.text.len(),
            with: String::new(),
        };
        let whole = edited(self.text, &[renamed, first]);
        let lines = whole.get(range.start..)?.lines();
        let indent = " ".repeat(indent);
        let shifted = lines.map(|line| match line.trim() {
            "" => Some(String::new()),
            _ => {
                let shifted = line.get(depth..)?;
                let is_below = line.get(..depth)?.trim().is_empty();
                is_below.then(|| format!("{indent}{shifted}"))
            }
        });
        shifted.collect()
    }
}

fn inline_scalar(value: &Value, is_json: bool) -> String {
    match value {
        Value::String(text) if !is_json && is_plain(text) => text.clone(),
        Value::String(text) if !is_json && !text.contains(['[', ']', '{', '}', ',']) => {
            yaml::write(value).trim_end().to_owned()
        }
        other => other.to_string(),
    }
}

/// Whether a word is text to every reader, including those that take `no` for a boolean.
fn is_plain(text: &str) -> bool {
    const OTHERS: [&str; 10] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_duration = text.ends_with(['s', 'm', 'h', 'd', 'w'])
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "smhdw".contains(c));
    let is_number = text.starts_with(|c: char| c.is_ascii_digit()) && !is_duration;
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins
        && !is_number
        && text.chars().all(is_word)
        && !OTHERS.contains(&text.to_lowercase().as_str())
}

/// A value on one line; `None` if it is nested too deep.
pub fn inline(value: &Value, is_json: bool, depth: usize) -> Option<String> {
    if depth > MOST_DEPTH {
        return None;
    }
    Some(match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| inline(item, is_json, depth + 1));
            format!("[{}]", items.collect::<Option<Vec<String>>>()?.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let key = inline_scalar(&Value::from(key.as_str()), is_json);
                Some(format!("{key}: {}", inline(value, is_json, depth + 1)?))
            });
            format!(
                "{{{}}}",
                fields.collect::<Option<Vec<String>>>()?.join(", ")
            )
        }
        scalar => inline_scalar(scalar, is_json),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::path;

    const PLAN: &str = "\
# A plan.
kind: Plan # which kind
metadata:
  name: p
spec:
  # What is to be done.
  nodes:
    - id: one # the first
      needs: two

    # Between them.
    - kind: Task
      id: two
  edges: [[two, one], [one, two]]
  description: >
    Several
    lines
status: {phase: Ready}
";

    fn change(file: &str, text: &str, document: usize, change: &Change) -> Option<Vec<TextEdit>> {
        let fix = Fix::certain(change.clone());
        fixes(file, text, &[(document, &fix)]).remove(0)
    }

    fn changed(file: &str, text: &str, changes: &[Change]) -> String {
        changes.iter().fold(text.to_owned(), |text, one| {
            let edits = change(file, &text, 0, one);
            edited(
                &text,
                &edits.unwrap_or_else(|| panic!("{one:?} of\n{text}")),
            )
        })
    }

    fn rename(path: Vec<PathStep>, to: &str) -> Change {
        Change::Rename {
            path,
            to: to.to_owned(),
        }
    }

    fn replace(path: Vec<PathStep>, with: Value) -> Change {
        Change::Replace {
            path,
            with: with.into(),
        }
    }

    fn add(path: Vec<PathStep>, with: Value) -> Change {
        Change::Add {
            path,
            with: with.into(),
        }
    }

    fn moved(path: Vec<PathStep>, to: Vec<PathStep>) -> Change {
        Change::Move { path, to }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        let changes = [
            rename(path!["spec", "nodes", 0, "needs"], "dependsOn"),
            replace(path!["spec", "nodes", 0, "dependsOn"], json!(["two"])),
            add(path!["spec", "nodes", 0, "kind"], json!("Task")),
            replace(
                path!["spec", "edges", 0],
                json!({"from": "two", "to": "one"}),
            ),
            moved(path!["spec", "nodes"], path!["spec", "graph", "nodes"]),
            moved(path!["spec", "edges"], path!["spec", "graph", "edges"]),
            add(path!["metadata", "namespace"], json!("default")),
            Change::Remove {
                path: path!["status"],
            },
            replace(path!["spec", "description"], json!("a: b")),
        ];
        let expected = "\
# A plan.
kind: Plan # which kind
metadata:
  name: p
  namespace: default
spec:
  # What is to be done.
  graph:
    nodes:
      - id: one # the first
        kind: Task
        dependsOn: [two]

      # Between them.
      - kind: Task
        id: two
    edges: [{from: two, to: one}, [one, two]]
  description: \"a: b\"
";
        assert_eq!(changed("p.yaml", PLAN, &changes), expected);
    }

    #[test]
    fn json_stays_json() {
        let text = "{\"kind\": \"plan\", \"spec\": {\"nodes\": [{\"id\": 1}],\n \"x\": true}, \"status\": {}}\n";
        let changes = [
            replace(path!["kind"], json!("Plan")),
            moved(path!["spec", "nodes"], path!["spec", "graph", "nodes"]),
            replace(path!["spec", "graph", "nodes", 0, "id"], json!("1")),
            add(path!["metadata", "name"], json!("p")),
            rename(path!["spec", "x"], "y"),
            Change::Remove {
                path: path!["status"],
            },
        ];
        let expected = "{\"kind\": \"Plan\", \"metadata\": {\"name\": \"p\"}, \"spec\": {\
                        \"graph\": {\"nodes\": [{\"id\": \"1\"}]},\n \"y\": true}}\n";
        assert_eq!(changed("p.json", text, &changes), expected);
    }

    #[test]
    fn what_cannot_be_done_without_loss_is_not_done() {
        let text = "a:\n  - b # why\n  - c\nd: &x 1\ne: *x\n";
        // The comment would be lost.
        assert_eq!(
            change("f.yaml", text, 0, &replace(path!["a"], json!(1))),
            None
        );
        // There is no such entry, or another one already.
        for one in [
            Change::Remove {
                path: path!["nowhere"],
            },
            rename(path!["a"], "d"),
            add(path!["d"], json!(1)),
            add(path!["d", "below", "a", "number"], json!(1)),
            moved(path!["a"], path!["d"]),
        ] {
            assert_eq!(change("f.yaml", text, 0, &one), None, "{one:?}");
        }
        // The anchor of the alias would be lost.
        assert_eq!(
            change("f.yaml", text, 0, &Change::Remove { path: path!["d"] }),
            None
        );
    }

    #[test]
    fn the_document_that_is_meant_is_changed() {
        let text = "---\na: 1\n---\n# nothing\n---\na: 2\n...\n";
        let edits = change("f.yaml", text, 2, &replace(path!["a"], json!("3"))).unwrap();
        assert_eq!(edited(text, &edits), text.replace("a: 2", "a: \"3\""));
    }

    #[test]
    fn an_item_goes_with_its_dash_or_its_comma() {
        let text =
            "a:\n  # First.\n  - one\n  - two # the second\n  - {b: 1}\nc: [1, 2, 3]\nd: [1]\n";
        let without = |path: Vec<PathStep>| changed("a.yaml", text, &[Change::Remove { path }]);
        assert_eq!(without(path!["a", 0]), text.replace("  - one\n", ""));
        assert_eq!(
            without(path!["a", 1]),
            text.replace("  - two # the second\n", "")
        );
        assert_eq!(without(path!["a", 2]), text.replace("  - {b: 1}\n", ""));
        assert_eq!(without(path!["c", 0]), text.replace("[1, 2, 3]", "[2, 3]"));
        assert_eq!(without(path!["c", 2]), text.replace("[1, 2, 3]", "[1, 2]"));
        assert_eq!(without(path!["d", 0]), text.replace("[1]", "[]"));
    }

    #[test]
    fn in_json_a_document_more_is_an_item_of_a_list() {
        let append = |name: &str| Change::Append {
            with: json!({"kind": name}).into(),
        };
        let one = changed("a.json", "{\"kind\": \"Plan\"}\n", &[append("Gate")]);
        let two = changed("a.json", &one, &[append("Binding")]);
        let list: Value = serde_json::from_str(&two).unwrap();
        let kinds = list["items"].as_array().unwrap().iter();
        let kinds: Vec<&str> = kinds.filter_map(|item| item["kind"].as_str()).collect();
        assert_eq!(kinds, ["Plan", "Gate", "Binding"]);
    }
}
