//! A fast parser for the part of YAML that nearly all files use: block collections, and
//! scalars and flow collections of one line. It refuses everything else, which the loader then
//! reads; the results are the same.

use std::iter::Peekable;
use std::str::Split;

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::flow;
use super::read::Document;
use super::scan::{Scalar, resolve};

/// Maximum indentation of a line, and maximum size of a key.
const MAX_INDENT: usize = 250;

/// The documents of a text, nested at most `depth` deep; `None` if the loader must
/// read it.
pub(super) fn documents(text: &str, depth: usize) -> Option<Vec<Document>> {
    let is_odd = |byte: u8| matches!(byte, b'\t' | b'\r');
    if text.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        return None;
    }
    let mut reader = Reader {
        lines: text.split('\n').peekable(),
        depth,
        open: Vec::new(),
        root: None,
        begun: false,
        index: 0,
        documents: Vec::new(),
    };
    while let Some(line) = reader.lines.next() {
        reader.line(line)?;
    }
    reader.end()?;
    Some(reader.documents)
}

struct Reader<'t> {
    lines: Peekable<Split<'t, char>>,
    depth: usize,
    /// The collections that contain the last line.
    open: Vec<Level>,
    /// The document's value, once it is complete.
    root: Option<Value>,
    /// Whether there is a document.
    begun: bool,
    index: usize,
    documents: Vec<Document>,
}

/// A collection that may continue.
struct Level {
    indent: usize,
    items: Items,
    /// Whether the value of the last key or item has not been read; until then it is null.
    awaits: bool,
}

enum Items {
    Map(Map<String, Value>),
    List(Vec<Value>),
}

impl Level {
    fn is_list(&self) -> bool {
        matches!(self.items, Items::List(_))
    }

    /// Sets the value that was awaited.
    fn put(&mut self, value: Value) {
        let last = match &mut self.items {
            Items::Map(map) => map.values_mut().next_back(),
            Items::List(list) => list.last_mut(),
        };
        if let Some(last) = last {
            *last = value;
        }
        self.awaits = false;
    }

    fn end(self) -> Value {
        match self.items {
            Items::Map(map) => Value::Object(map),
            Items::List(list) => Value::Array(list),
        }
    }
}

impl<'t> Reader<'t> {
    fn line(&mut self, line: &'t str) -> Option<()> {
        let body = line.trim_start_matches(' ');
        if body.is_empty() || body.starts_with('#') {
            return Some(());
        }
        let indent = line.len() - body.len();
        if indent > MAX_INDENT {
            return None;
        }
        if indent == 0 && (body.starts_with("---") || body.starts_with("...")) {
            return if body == "---" {
                self.separator()
            } else {
                None
            };
        }
        let is_item = is_item(body);
        if self.opens(indent, is_item)? {
            self.open(indent, is_item)?;
        }
        if is_item {
            self.item(indent, body)
        } else {
            let (key, value) = entry(body)?;
            self.entry(key, value)
        }
    }

    /// `---`
    fn separator(&mut self) -> Option<()> {
        if self.begun {
            self.end()?;
        }
        self.begun = true;
        Some(())
    }

    /// Ends the document.
    fn end(&mut self) -> Option<()> {
        while !self.open.is_empty() {
            self.close();
        }
        let index = self.index;
        if let Some(value) = self.root.take() {
            self.documents.push(Document { index, value });
        }
        self.index += 1;
        Some(())
    }

    /// End the innermost collection.
    fn close(&mut self) {
        if let Some(level) = self.open.pop() {
            let value = level.end();
            match self.open.last_mut() {
                Some(outer) => outer.put(value),
                None => self.root = Some(value),
            }
        }
    }

    /// Ends the collections that a line of this indentation is outside of. Returns whether the line
    /// begins a collection itself; `None` if it fits nowhere.
    fn opens(&mut self, indent: usize, is_item: bool) -> Option<bool> {
        while let Some(level) = self.open.last() {
            // A list may have the same indentation as its key.
            let beside = is_item && !level.is_list() && indent == level.indent;
            if level.awaits && (indent > level.indent || beside) {
                return Some(true);
            }
            if indent == level.indent && is_item == level.is_list() {
                return Some(false);
            }
            if indent > level.indent {
                return None;
            }
            self.close();
        }
        (self.root.is_none() && indent == 0).then_some(true)
    }

    fn open(&mut self, indent: usize, is_list: bool) -> Option<()> {
        let items = if is_list {
            Items::List(Vec::new())
        } else {
            Items::Map(Map::new())
        };
        self.begun = true;
        self.open.push(Level {
            indent,
            items,
            awaits: false,
        });
        (self.open.len() <= self.depth).then_some(())
    }

    /// `- …`
    fn item(&mut self, indent: usize, body: &'t str) -> Option<()> {
        let inner = body[1..].trim_start_matches(' ');
        let level = self.open.last_mut()?;
        level.awaits = true;
        if let Items::List(list) = &mut level.items {
            list.push(Value::Null);
        }
        if inner.is_empty() || inner.starts_with('#') {
            return Some(());
        }
        if is_item(inner) {
            return None;
        }
        if let Some((key, value)) = entry(inner) {
            self.open(indent + body.len() - inner.len(), false)?;
            return self.entry(key, value);
        }
        self.value(inner)
    }

    /// `key: …`
    fn entry(&mut self, key: &str, value: &'t str) -> Option<()> {
        let level = self.open.last_mut()?;
        level.awaits = true;
        let Items::Map(map) = &mut level.items else {
            return None;
        };
        match map.entry(key) {
            Entry::Vacant(entry) => entry.insert(Value::Null),
            Entry::Occupied(_) => return None,
        };
        let value = value.trim_start_matches(' ');
        if value.is_empty() || value.starts_with('#') {
            return Some(());
        }
        self.value(value)
    }

    /// Reads the value that the innermost collection waits for.
    fn value(&mut self, text: &'t str) -> Option<()> {
        let value = match text.as_bytes().first()? {
            b'|' | b'>' => self.block_text(text)?,
            b'[' | b'{' | b'"' | b'\'' => {
                let left = self.depth.checked_sub(self.open.len())?;
                let (value, rest) = flow::value(text, left)?;
                let is_over = rest.is_empty() || rest.starts_with(' ');
                let rest = rest.trim_start_matches(' ');
                if !is_over || !(rest.is_empty() || rest.starts_with('#')) {
                    return None;
                }
                value
            }
            _ => plain(text)?,
        };
        self.open.last_mut()?.put(value);
        Some(())
    }

    /// Reads a block scalar: `|` or `>`, with the lines below it.
    fn block_text(&mut self, header: &str) -> Option<Value> {
        let header = header.split_once(" #").map_or(header, |(header, _)| header);
        let (folded, keeps_end) = match header.trim_end_matches(' ') {
            "|" => (false, true),
            "|-" => (false, false),
            ">" => (true, true),
            ">-" => (true, false),
            _ => return None,
        };
        let outer = self.open.last()?.indent;
        let first = *self.lines.peek()?;
        let indent = first.len() - first.trim_start_matches(' ').len();
        if indent <= outer || indent > MAX_INDENT || indent == first.len() {
            return None;
        }
        let mut text = String::new();
        let mut empty = 0;
        while let Some(line) = self.lines.peek() {
            if line.is_empty() {
                empty += 1;
            } else if line.len() - line.trim_start_matches(' ').len() >= indent {
                let line = &line[indent..];
                if folded && line.starts_with(' ') || line.trim_matches(' ').is_empty() {
                    return None;
                }
                match (text.is_empty(), folded && empty == 0) {
                    (true, _) => {}
                    (false, true) => text.push(' '),
                    (false, false) => {
                        let breaks = if folded { empty } else { empty + 1 };
                        text.extend(std::iter::repeat_n('\n', breaks));
                    }
                }
                text.push_str(line);
                empty = 0;
            } else if line.trim_start_matches(' ').is_empty() {
                return None;
            } else {
                break;
            }
            self.lines.next();
        }
        // If the file has no line break at its end, neither has the text.
        if self.lines.peek().is_none() && empty == 0 {
            return None;
        }
        if keeps_end {
            text.push('\n');
        }
        Some(Value::String(text))
    }
}

fn is_item(body: &str) -> bool {
    body == "-" || body.starts_with("- ")
}

/// The key of `key: …`, and the text after the colon.
fn entry(body: &str) -> Option<(&str, &str)> {
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'/' | b'-');
    let end = body.bytes().position(|byte| !is_part(byte))?;
    let (key, rest) = body.split_at(end);
    let value = rest.strip_prefix(':')?;
    let is_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_key = is_name && key.len() <= MAX_INDENT && resolve(key).not_a_string().is_none();
    (is_key && (value.is_empty() || value.starts_with(' '))).then_some((key, value))
}

/// A scalar without quotes, to the end of the line or a comment.
fn plain(text: &str) -> Option<Value> {
    let mut end = text.len();
    let mut previous = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match (previous, byte) {
            (b':', b' ') => return None,
            (b' ', b'#') => {
                end = at;
                break;
            }
            _ => previous = byte,
        }
    }
    let text = text[..end].trim_end_matches(' ');
    if text.ends_with(':') {
        return None;
    }
    let mut start = text.chars();
    let is_start = match start.next()? {
        '-' => start.next().is_some_and(|next| next != ' '),
        '_' | '/' | '.' | '$' | '(' | '<' | '^' | '=' | '+' => true,
        first => first.is_ascii_alphanumeric() || !first.is_ascii(),
    };
    is_start.then(|| scalar(text)).flatten()
}

/// The value of a plain scalar; `None` if readers disagree.
pub(super) fn scalar(text: &str) -> Option<Value> {
    match resolve(text) {
        Scalar::String => Some(Value::String(text.to_owned())),
        Scalar::Null => Some(Value::Null),
        Scalar::Bool => Some(Value::Bool(text.starts_with(['t', 'T']))),
        Scalar::Int { safe: true } => {
            // Not `+1`, `-0` or `0x1F`: only numbers that every reader takes for the same.
            let number: i64 = text.parse().ok()?;
            (number.to_string() == text).then(|| Value::Number(Number::from(number)))
        }
        Scalar::Int { safe: false } | Scalar::Float { .. } => None,
    }
}
