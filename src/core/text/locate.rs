//! Finds the range of a place in a text. This is done only for findings that are shown: reading
//! resources keeps no positions.

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::core::base::diagnostic::{Part, PathStep, Place, Span};

/// The byte order mark that some editors write.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The beginnings of the lines of a text. Lines end as in Git: with `\n`, or `\r\n`.
#[derive(Debug, Clone)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    /// The counts before every [`STRIDE`]th byte: a line may be the whole file, and every finding
    /// in it needs its column.
    counts: Vec<Count>,
}

/// Bytes between two counts.
const STRIDE: usize = 1024;

/// Lengths of a text in other units than bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    characters: usize,
    utf16: usize,
}

impl Count {
    /// Adds the counts of some bytes. Every character has one leading byte, and those of four
    /// bytes take two units of UTF-16.
    fn add(mut self, bytes: &[u8]) -> Count {
        for byte in bytes {
            let begins = usize::from(byte & 0xc0 != 0x80);
            self.characters += begins;
            self.utf16 += begins + usize::from(*byte >= 0xf0);
        }
        self
    }
}

impl<'t> Lines<'t> {
    /// Finds the lines of `text`. A byte order mark belongs to no line.
    pub fn new(text: &'t str) -> Lines<'t> {
        let first = bom_len(text);
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let counts = text.as_bytes().chunks(STRIDE).scan(
            Count::default(),
            |before: &mut Count, chunk: &[u8]| {
                let this = *before;
                *before = this.add(chunk);
                Some(this)
            },
        );
        Lines {
            text,
            starts: std::iter::once(first).chain(breaks).collect(),
            counts: counts.collect(),
        }
    }

    /// The counts before a byte.
    fn count(&self, offset: usize) -> Count {
        let chunk = (offset / STRIDE).min(self.counts.len().saturating_sub(1));
        let before = self.counts.get(chunk).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(chunk * STRIDE..offset);
        before.add(rest.unwrap_or_default())
    }

    /// The text itself.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Line and column (in characters) of a byte offset, both from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let (line, start, offset) = self.line_of(offset);
        let column = self.count(offset).characters - self.count(start).characters;
        (line, column + 1)
    }

    /// Column of a byte offset in units of UTF-16, from 1.
    pub fn utf16_column(&self, offset: usize) -> usize {
        let (_, start, offset) = self.line_of(offset);
        self.count(offset).utf16 - self.count(start).utf16 + 1
    }

    /// The line of an offset, where it begins, and the offset itself, moved to a character boundary
    /// in that line.
    fn line_of(&self, offset: usize) -> (usize, usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        (line, start, offset.max(start))
    }

    /// The byte range of a line, counted from 1, without its end.
    pub fn range(&self, line: usize) -> Option<Range<usize>> {
        let start = *self.starts.get(line.checked_sub(1)?)?;
        let end = match self.starts.get(line) {
            Some(next) => next - 1,
            None => self.text.len(),
        };
        let content = self.text.get(start..end)?;
        Some(start..start + content.strip_suffix('\r').unwrap_or(content).len())
    }

    /// A range of the text as a span, limited to the text and to character boundaries.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.text.floor_char_boundary(range.start);
        let end = if range.is_empty() {
            start
        } else {
            self.text.ceil_char_boundary(range.end)
        };
        let (line, column) = self.position(start);
        Span {
            line,
            column,
            start,
            end,
        }
    }

    /// The same, limited to the line of its beginning.
    fn span_on_one_line(&self, range: Range<usize>) -> Span {
        let mut span = self.span(range);
        if let Some(line) = self.range(span.line) {
            span.end = span.end.min(line.end).max(span.start);
        }
        span
    }
}

pub(crate) fn bom_len(text: &str) -> usize {
    if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    }
}

/// The range of a place in `text`. `None` if the text cannot be parsed that far.
///
/// For a missing entry, this is the nearest existing one above it. For a value of several lines,
/// it is the key, or in a sequence the first line: the span of an entry is always on one
/// line.
pub fn locate(text: &str, place: &Place) -> Option<Span> {
    locate_all(text, &[place]).pop().flatten()
}

/// [`locate`] for many places of one file, which is read once, and only as far as needed.
pub fn locate_all(text: &str, places: &[&Place]) -> Vec<Option<Span>> {
    let lines = Lines::new(text);
    let mut spans = vec![None; places.len()];
    let mut wanted = Vec::new();
    for (index, place) in places.iter().enumerate() {
        match place {
            Place::File => spans[index] = Some(lines.span(bom_len(text)..bom_len(text))),
            Place::At(span) => spans[index] = Some(lines.span(span.start..span.end)),
            Place::Entry {
                document,
                path,
                part,
            } => wanted.push(Wanted {
                index,
                document: *document,
                path,
                part: *part,
                node: None,
                settled: false,
            }),
        }
    }
    if !wanted.is_empty() {
        let readable = readable(text);
        let is_original = matches!(readable, Cow::Borrowed(_));
        for (index, range) in Walk::new(&readable, wanted, is_original).run() {
            spans[index] = Some(lines.span_on_one_line(range));
        }
    }
    spans
}

/// A text that the YAML parser accepts. JSON writes characters beyond the first 65,536 as two escapes, which are no
/// characters by themselves; here private-use characters replace them, in escapes of the
/// same length.
fn readable(text: &str) -> Cow<'_, str> {
    let mut readable = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let start = at + found;
        let next = text.get(start + 1..).and_then(|rest| rest.chars().next());
        at = start + 1 + next.map_or(1, char::len_utf8);
        let unit = text.get(start + 2..start + 6).filter(|_| next == Some('u'));
        let unit = unit.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        if let Some(unit @ 0xd800..=0xdfff) = unit {
            let private = format!("{:04x}", unit + PRIVATE);
            readable
                .to_mut()
                .replace_range(start + 2..start + 6, &private);
        }
    }
    readable
}

/// The offset from surrogates to private-use characters.
const PRIVATE: u16 = 0xe000 - 0xd800;

/// The key as in the original text.
fn original(key: &str, is_original: bool) -> String {
    if is_original || key.is_ascii() {
        return key.to_owned();
    }
    let units: Vec<u16> = key
        .encode_utf16()
        .map(|unit| match unit {
            0xe000..=0xe7ff => unit - PRIVATE,
            unit => unit,
        })
        .collect();
    String::from_utf16(&units).unwrap_or_else(|_| key.to_owned())
}

/// A wanted entry, with what was found of it.
struct Wanted<'p> {
    /// The index of the answer.
    index: usize,
    document: usize,
    path: &'p [PathStep],
    part: Part,
    /// The deepest node on its path so far.
    node: Option<Node>,
    /// Whether the answer is final.
    settled: bool,
}

/// A node on the path to a wanted entry. Offsets are in bytes.
#[derive(Clone)]
struct Node {
    /// Steps from the root of its document.
    depth: usize,
    key: Option<Range<usize>>,
    /// The text to show: a whole scalar or `[…]` if it is on one line, else the part on its
    /// first line.
    value: Range<usize>,
    /// Whether to show the key instead: the value is empty, or continues below.
    prefer_key: bool,
}

impl Wanted<'_> {
    fn range(&self) -> Option<Range<usize>> {
        let node = self.node.as_ref()?;
        let whole_path = node.depth == self.path.len();
        match &node.key {
            Some(key) if !whole_path || self.part == Part::Key || node.prefer_key => {
                Some(key.clone())
            }
            _ => Some(node.value.clone()),
        }
    }
}

/// A collection or document that the walk is in.
struct Frame {
    kind: FrameKind,
    /// The wanted entries at or below it.
    wanted: Range<usize>,
    depth: usize,
    line: usize,
}

enum FrameKind {
    /// Contains one node; with the marker `---` if it has one.
    Document { marker: Option<Range<usize>> },
    /// Index of the next item.
    Sequence(usize),
    /// The next node is a key.
    Key,
    /// The next node is the value of this key; `None` if the key is not a scalar.
    Value {
        step: Option<PathStep>,
        key: Range<usize>,
    },
}

/// One pass over the events of a text. The wanted entries are sorted by path, so those below a
/// node are a range, found by binary search.
struct Walk<'t, 'p> {
    text: &'t str,
    /// Whether the text is unchanged by [`readable`].
    is_original: bool,
    offsets: Offsets,
    wanted: Vec<Wanted<'p>>,
    unsettled: usize,
    stack: Vec<Frame>,
    documents: usize,
    /// The current line, and the end of the last token on it.
    line: usize,
    line_end: usize,
    /// Collections that began on this line, as indices of the entries that want them.
    waiting: Vec<usize>,
}

impl<'t, 'p> Walk<'t, 'p> {
    fn new(text: &'t str, mut wanted: Vec<Wanted<'p>>, is_original: bool) -> Walk<'t, 'p> {
        wanted.sort_by(|a, b| (a.document, a.path).cmp(&(b.document, b.path)));
        Walk {
            text,
            is_original,
            offsets: Offsets::new(text),
            unsettled: wanted.len(),
            wanted,
            stack: Vec::new(),
            documents: 0,
            line: 0,
            line_end: 0,
            waiting: Vec::new(),
        }
    }

    /// Reads until all entries are settled. Returns the ranges by index.
    fn run(mut self) -> Vec<(usize, Range<usize>)> {
        let text = self.text.get(bom_len(self.text)..).unwrap_or("");
        let mut parser = Parser::new_from_str(text);
        let mut well_formed = true;
        while self.unsettled > 0 {
            match parser.next_event() {
                Some(Ok((event, span))) => {
                    let range =
                        self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index());
                    self.event(event, range, span.start.line());
                }
                Some(Err(_)) => {
                    well_formed = false;
                    break;
                }
                None => break,
            }
        }
        let start = bom_len(self.text);
        self.wanted
            .iter()
            .filter(|wanted| wanted.settled || well_formed)
            // For a missing document, the file is shown.
            .map(|wanted| (wanted.index, wanted.range().unwrap_or(start..start)))
            .collect()
    }

    fn event(&mut self, event: Event<'t>, range: Range<usize>, line: usize) {
        if line > self.line {
            self.end_line();
            self.line = line;
        }
        match event {
            Event::DocumentStart(explicit) => self.open_document(explicit.then_some(range)),
            Event::MappingStart(..) => self.open(FrameKind::Key, range),
            Event::SequenceStart(..) => self.open(FrameKind::Sequence(0), range),
            Event::Scalar(value, style, anchor, tag) => {
                let nothing =
                    value.is_empty() && style == ScalarStyle::Plain && anchor == 0 && tag.is_none();
                let shown = self.text.get(range.clone()).unwrap_or("");
                let end = range.start + scalar_len(shown, style);
                self.leaf(value, range.start..end, nothing);
            }
            Event::Alias(_) => self.leaf(Cow::Borrowed(""), range, false),
            Event::MappingEnd | Event::SequenceEnd | Event::DocumentEnd => self.close(range),
            Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
        }
    }

    /// Ends the line for collections that wait for that.
    fn end_line(&mut self) {
        for index in std::mem::take(&mut self.waiting) {
            let Some(wanted) = self.wanted.get_mut(index) else {
                continue;
            };
            if let Some(node) = &mut wanted.node
                && !wanted.settled
            {
                node.value.end = self.line_end.max(node.value.start);
                if node.depth == wanted.path.len() {
                    wanted.settled = true;
                    self.unsettled -= 1;
                }
            }
        }
    }

    fn open_document(&mut self, marker: Option<Range<usize>>) {
        let of_this = |document| {
            self.wanted
                .partition_point(|wanted| wanted.document < document)
        };
        let wanted = of_this(self.documents)..of_this(self.documents + 1);
        self.documents += 1;
        self.stack.push(Frame {
            kind: FrameKind::Document { marker },
            wanted,
            depth: 0,
            line: self.line,
        });
    }

    fn open(&mut self, kind: FrameKind, range: Range<usize>) {
        // The span may include anchor and tag before a bracket, and white space and comments after it.
        let token = self.text.get(range.clone()).unwrap_or("");
        self.line_end = range.start
            + match token.chars().next() {
                Some('[' | '{') => 1,
                _ => token.find(char::is_whitespace).unwrap_or(token.len()),
            };
        let (place, _) = self.enter(&Cow::Borrowed(""), &range, true);
        let depth = place.depth;
        let wanted = self.note(place, range.start..self.line_end, true);
        self.waiting.extend(wanted.clone());
        self.stack.push(Frame {
            kind,
            wanted,
            depth,
            line: self.line,
        });
    }

    fn leaf(&mut self, value: Cow<'t, str>, range: Range<usize>, nothing: bool) {
        let (place, is_key) = self.enter(&value, &range, false);
        let shown = match &place.marker {
            Some(marker) if nothing => marker.clone(),
            _ if nothing => self.dash_before(range.start),
            _ => range.clone(),
        };
        if !nothing {
            self.line_end = range.end;
        }
        if !is_key {
            let wanted = self.note(place, shown, nothing);
            self.settle(wanted);
        }
    }

    /// For an item without content, its dash is shown.
    fn dash_before(&self, offset: usize) -> Range<usize> {
        match self.text.get(..offset) {
            Some(before) if before.ends_with('-') => offset - 1..offset,
            _ => offset..offset,
        }
    }

    /// Enters a node: its role in the surrounding collection, and whether it is a key there.
    fn enter(&mut self, text: &str, range: &Range<usize>, collection: bool) -> (Entered, bool) {
        let Some(frame) = self.stack.last_mut() else {
            return (Entered::default(), false);
        };
        let mut entered = Entered {
            wanted: 0..0,
            depth: frame.depth + 1,
            key: None,
            marker: None,
        };
        // Nothing is wanted below: no need to copy keys.
        let needed = !frame.wanted.is_empty();
        let step = match &mut frame.kind {
            FrameKind::Document { marker } => {
                entered.depth = 0;
                entered.wanted = frame.wanted.clone();
                entered.marker = marker.clone();
                None
            }
            FrameKind::Sequence(next) => {
                *next += 1;
                Some(PathStep::Index(*next - 1))
            }
            FrameKind::Key => {
                frame.kind = FrameKind::Value {
                    step: (needed && !collection)
                        .then(|| PathStep::Key(original(text, self.is_original))),
                    key: range.clone(),
                };
                return (entered, true);
            }
            FrameKind::Value { step, key } => {
                entered.key = Some(key.clone());
                let step = step.take();
                frame.kind = FrameKind::Key;
                step
            }
        };
        if let Some(step) = step
            && needed
        {
            let all = frame.wanted.clone();
            let below = self.wanted.get(all.clone()).unwrap_or_default();
            let depth = frame.depth;
            let from = below.partition_point(|wanted| wanted.path.get(depth) < Some(&step));
            let to = below.partition_point(|wanted| wanted.path.get(depth) <= Some(&step));
            entered.wanted = all.start + from..all.start + to;
        }
        (entered, false)
    }

    /// Records a node for all entries that are at it or below it.
    fn note(&mut self, place: Entered, value: Range<usize>, prefer_key: bool) -> Range<usize> {
        for wanted in self
            .wanted
            .get_mut(place.wanted.clone())
            .unwrap_or_default()
        {
            if !wanted.settled {
                wanted.node = Some(Node {
                    depth: place.depth,
                    key: place.key.clone(),
                    value: value.clone(),
                    prefer_key,
                });
            }
        }
        place.wanted
    }

    fn close(&mut self, range: Range<usize>) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        let closing = self.text.get(range.clone()).unwrap_or("");
        let flow = closing.starts_with([']', '}']);
        if flow {
            self.line_end = range.start + 1;
        }
        let same_line = frame.line == self.line;
        let is_document = matches!(frame.kind, FrameKind::Document { .. });
        for wanted in self
            .wanted
            .get_mut(frame.wanted.clone())
            .unwrap_or_default()
        {
            if let Some(node) = &mut wanted.node
                && !wanted.settled
                && same_line
                && !is_document
            {
                node.value.end = self.line_end.max(node.value.start);
                node.prefer_key = !flow;
            }
        }
        self.settle(frame.wanted);
    }

    fn settle(&mut self, range: Range<usize>) {
        for wanted in self.wanted.get_mut(range).unwrap_or_default() {
            if !wanted.settled {
                wanted.settled = true;
                self.unsettled -= 1;
            }
        }
    }
}

/// The ranges of keys and values in a YAML text, in order and as far as it can be parsed: a `#` in
/// them does not begin a comment.
pub(crate) fn scalars(text: &str) -> Vec<Range<usize>> {
    let offsets = Offsets::new(text);
    let source = text.get(bom_len(text)..).unwrap_or("");
    Parser::new_from_str(source)
        .map_while(Result::ok)
        .filter_map(|(event, span)| {
            let Event::Scalar(_, style, ..) = event else {
                return None;
            };
            let start = offsets.byte(span.start.index());
            let shown = text.get(start..offsets.byte(span.end.index()))?;
            Some(start..start + scalar_len(shown, style))
        })
        .collect()
}

/// The length of a scalar in `text`. The parser's range of a quoted one includes the white space and
/// the comment after it.
pub(crate) fn scalar_len(text: &str, style: ScalarStyle) -> usize {
    let quote = match style {
        ScalarStyle::SingleQuoted => '\'',
        ScalarStyle::DoubleQuoted => '"',
        _ => return text.len(),
    };
    // Anchor and tag precede the opening quote.
    let mut chars = text
        .char_indices()
        .skip_while(|(_, c)| *c != quote)
        .skip(1)
        .peekable();
    while let Some((at, c)) = chars.next() {
        let doubled = quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote);
        if c == '\\' && quote == '"' || c == quote && doubled {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The role of a node in the surrounding collection.
#[derive(Default)]
struct Entered {
    wanted: Range<usize>,
    depth: usize,
    key: Option<Range<usize>>,
    marker: Option<Range<usize>>,
}

/// The parser counts characters after the byte order mark; spans count bytes from the start.
pub(crate) struct Offsets {
    /// Byte offsets of characters, unless all characters are one byte.
    table: Option<Vec<usize>>,
    len: usize,
}

impl Offsets {
    pub(crate) fn new(text: &str) -> Offsets {
        Offsets {
            table: (!text.is_ascii()).then(|| {
                let skip = usize::from(bom_len(text) > 0);
                text.char_indices().skip(skip).map(|(at, _)| at).collect()
            }),
            len: text.len(),
        }
    }

    pub(crate) fn byte(&self, index: usize) -> usize {
        match &self.table {
            Some(table) => table.get(index).copied().unwrap_or(self.len),
            None => index.min(self.len),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::path;

    fn entry(document: usize, path: Vec<PathStep>, part: Part) -> Place {
        Place::Entry {
            document,
            path,
            part,
        }
    }

    #[test]
    fn columns_are_counted_in_characters_and_in_utf16() {
        let long = "ab👍é日\u{301}".repeat(700);
        for text in [
            "",
            "\n",
            "\u{feff}x: 👍y\r\nz",
            &long,
            &format!("{long}\n{long}x"),
        ] {
            let lines = Lines::new(text);
            for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
                let before = text[start..offset].trim_start_matches('\u{feff}');
                let number = text[..offset].matches('\n').count() + 1;
                assert_eq!(
                    lines.position(offset),
                    (number, before.chars().count() + 1),
                    "{offset} in {text:.20}"
                );
                assert_eq!(
                    lines.utf16_column(offset),
                    before.encode_utf16().count() + 1,
                    "{offset} in {text:.20}"
                );
            }
        }
    }

    /// `line:column text`
    fn shown(text: &str, place: &Place) -> Option<String> {
        let span = locate(text, place)?;
        let underlined = &text[span.start..span.end];
        Some(format!("{}:{} {underlined}", span.line, span.column))
    }

    const PLAN: &str = "\
# a plan
kind: Plan
metadata: {name: sso, namespace: team}   # in one line
spec:
  description: |
    Two lines
    of text
  graph:
    nodes:
      - id: a
        dependsOn: [b, c]
      - id: b # the second
      -
      - kind: Task
    edges:
    - from: a
      to: \"rélease\"
    - {from: [
        a], to: b}
  empty:
";

    #[test]
    fn keys_and_values() {
        let node = |index: usize| path!["spec", "graph", "nodes", index];
        let table = [
            (path!["kind"], Part::Value, "2:7 Plan"),
            (path!["kind"], Part::Key, "2:1 kind"),
            (
                path!["metadata"],
                Part::Value,
                "3:11 {name: sso, namespace: team}",
            ),
            (path!["metadata", "name"], Part::Value, "3:18 sso"),
            (path!["metadata", "namespace"], Part::Key, "3:23 namespace"),
            // For block collections and empty values, the key.
            (path!["spec"], Part::Value, "4:1 spec"),
            (path!["spec", "graph", "nodes"], Part::Value, "9:5 nodes"),
            (path!["spec", "empty"], Part::Value, "20:3 empty"),
            // Of several lines, the first.
            (path!["spec", "description"], Part::Value, "6:5 Two lines"),
            // For items, the first line without comments and other items.
            (node(0), Part::Value, "10:9 id: a"),
            (node(0), Part::Key, "10:9 id: a"),
            (node(1), Part::Value, "12:9 id: b"),
            (node(2), Part::Value, "13:7 -"),
            (node(3), Part::Value, "14:9 kind: Task"),
            (
                path!["spec", "graph", "nodes", 0, "dependsOn"],
                Part::Value,
                "11:20 [b, c]",
            ),
            (
                path!["spec", "graph", "nodes", 0, "dependsOn", 1],
                Part::Value,
                "11:24 c",
            ),
            (
                path!["spec", "graph", "edges", 0],
                Part::Value,
                "16:7 from: a",
            ),
            (
                path!["spec", "graph", "edges", 0, "to"],
                Part::Value,
                "17:11 \"rélease\"",
            ),
            (
                path!["spec", "graph", "edges", 1],
                Part::Value,
                "18:7 {from: [",
            ),
            (
                path!["spec", "graph", "edges", 1, "from"],
                Part::Value,
                "18:8 from",
            ),
            (
                path!["spec", "graph", "edges", 1, "to"],
                Part::Value,
                "19:17 b",
            ),
            // For the root, its first line.
            (path![], Part::Value, "2:1 kind: Plan"),
        ];
        for (path, part, expected) in &table {
            let place = entry(0, path.clone(), *part);
            assert_eq!(shown(PLAN, &place).as_deref(), Some(*expected), "{place:?}");
        }
        // All at once gives the same result.
        let places: Vec<Place> = table
            .iter()
            .map(|(path, part, _)| entry(0, path.clone(), *part))
            .collect();
        let together = locate_all(PLAN, &places.iter().collect::<Vec<_>>());
        let one_by_one: Vec<_> = places.iter().map(|place| locate(PLAN, place)).collect();
        assert_eq!(together, one_by_one);
    }

    #[test]
    fn steps_that_do_not_exist_stop_at_the_deepest_that_does() {
        let table = [
            (path!["spec", "graph", "missing", "more"], "8:3 graph"),
            (path!["spec", "graph", "nodes", 1, "missing"], "12:9 id: b"),
            (path!["spec", "graph", "nodes", 9, "id"], "9:5 nodes"),
            (path!["metadata", "labels"], "3:1 metadata"),
            (path!["kind", "of"], "2:1 kind"),
            (path!["missing"], "2:1 kind: Plan"),
        ];
        for (path, expected) in table {
            for part in [Part::Key, Part::Value] {
                let place = entry(0, path.clone(), part);
                assert_eq!(shown(PLAN, &place).as_deref(), Some(expected), "{place:?}");
            }
        }
        // For a missing document, the file.
        let place = entry(3, path!["kind"], Part::Value);
        assert_eq!(shown(PLAN, &place).as_deref(), Some("1:1 "));
    }

    #[test]
    fn forms_of_yaml_and_json() {
        let table = [
            // Documents count from 0, including empty ones.
            ("a: 1\n---\n# nothing\n---\na: 2\n", 2, path!["a"], "5:4 2"),
            (
                "# first\n---\na: 1\n...\n---\nb: 2\n",
                1,
                path!["b"],
                "6:4 2",
            ),
            (
                "a: 1\n---\n# nothing\n---\nb: 1\n",
                1,
                path!["a"],
                "2:1 ---",
            ),
            // Quoted scalars end at their quote.
            (r#"a: "b \" c"  # "d""#, 0, path!["a"], r#"1:4 "b \" c""#),
            ("a: '' # '\n", 0, path!["a"], "1:4 ''"),
            ("- a: &x 'it''s' # '", 0, path![0], "1:3 a: &x 'it''s'"),
            ("'a' : b\n", 0, path!["a", "z"], "1:1 'a'"),
            // Line ends and byte order marks do not move anything.
            (
                "a: 1\r\nb:\r\n  - c: é d\r\n",
                0,
                path!["b", 0],
                "3:5 c: é d",
            ),
            ("\u{feff}a: é\nb: c\n", 0, path!["a"], "1:4 é"),
            ("\u{feff}a: é\nb: c\n", 0, path!["b"], "2:4 c"),
            ("ключ: {é: 日本}\n", 0, path!["ключ", "é"], "1:11 日本"),
            // No line break at the end.
            ("- a: 1 # c", 0, path![0], "1:3 a: 1"),
            ("a:\n- b", 0, path!["a", 0], "2:3 b"),
            // JSON.
            (
                "{\n\t\"a\": {\n\t\t\"b\": [1, 2]\n}}",
                0,
                path!["a", "b", 1],
                "3:12 2",
            ),
            (
                "{\n\t\"a\": {\n\t\t\"b\": [1, 2]\n}}",
                0,
                path!["a"],
                "2:2 \"a\"",
            ),
            ("{\n\t\"a\": [{\n\t\t\"b\": 1}]}", 0, path!["a", 0], "2:8 {"),
            ("{\"a\":[{\"b\":1}, {}]}", 0, path!["a", 0], "1:7 {\"b\":1}"),
            // Items within items, pairs in a flow sequence, keys that are collections, aliases.
            ("- - a\n  - b\n", 0, path![0, 1], "2:5 b"),
            ("- - a\n  - b\n", 0, path![0], "1:3 - a"),
            ("x: [p: q, r]\n", 0, path!["x", 0], "1:5 p: q"),
            ("x: [p: q, r]\n", 0, path!["x", 0, "z"], "1:5 p: q"),
            ("? [a, {b: c}]\n: b\nx: y\n", 0, path!["x"], "3:4 y"),
            ("a: &n {b: c}\nd: *n\n", 0, path!["a"], "1:4 &n {b: c}"),
            ("a: &n {b: c}\nd: *n\n", 0, path!["d"], "2:4 *n"),
            ("a: &n {b: c}\nd: *n\n", 0, path!["d", "b"], "2:1 d"),
            (
                "a: &n { # c\n b: c} # d\ne: [ f ] # g\n",
                0,
                path!["e"],
                "3:4 [ f ]",
            ),
            ("- &n { # c\n b: c} # d\n", 0, path![0], "1:3 &n"),
            ("- !!map\n  f: 1\n- 2\n", 0, path![0, "f"], "2:6 1"),
            (
                "a:\n- b: 'x\n    y'\n  c: d\n",
                0,
                path!["a", 0],
                "2:3 b: 'x",
            ),
            // Keys are compared as text.
            ("1: a\n\"true\": b\n", 0, path!["true"], "2:9 b"),
            ("1: a\n\"true\": b\n", 0, path!["1"], "1:4 a"),
            // The text after the wanted entry may be invalid.
            ("a: 1\nb: [\n", 0, path!["a"], "1:4 1"),
            ("", 0, path!["a"], "1:1 "),
            ("\u{feff}", 0, path!["a"], "1:1 "),
            ("# only a comment\n", 0, path!["a"], "1:1 "),
        ];
        for (text, document, path, expected) in table {
            let place = entry(document, path, Part::Value);
            assert_eq!(
                shown(text, &place).as_deref(),
                Some(expected),
                "{text:?} {place:?}"
            );
        }
    }

    #[test]
    fn text_that_cannot_be_read_has_no_entries() {
        for text in ["a: [\n", "\"a", "a: b: c\n", "{a: 1}}\n"] {
            let place = entry(0, path!["z"], Part::Value);
            assert_eq!(locate(text, &place), None, "{text:?}");
        }
        assert_eq!(shown("a: [\n", &Place::File).as_deref(), Some("1:1 "));
    }

    #[test]
    fn positions_of_a_parser_are_kept_within_the_text() {
        let at = |start, end| {
            Place::At(Span {
                line: 7,
                column: 7,
                start,
                end,
            })
        };
        let table = [
            ("a: é\nb\n", at(3, 5), "1:4 é"),
            ("a: é\nb\n", at(4, 4), "1:4 "),
            ("a: é\nb\n", at(4, 6), "1:4 é\n"),
            ("a: é\nb\n", at(6, 99), "2:1 b\n"),
            ("a: é\nb\n", at(99, 3), "3:1 "),
        ];
        for (text, place, expected) in table {
            assert_eq!(shown(text, &place).as_deref(), Some(expected), "{place:?}");
        }
    }

    #[test]
    fn depth_and_width_take_no_stack() {
        let deep = format!("{}a", "- ".repeat(20_000));
        let path = vec![PathStep::Index(0); 20_000];
        let span = locate(&deep, &entry(0, path, Part::Value)).unwrap();
        assert_eq!((span.start, span.end), (40_000, 40_001));

        let wide: String = (0..100_000).map(|i| format!("- n{i}\n")).collect();
        let places: Vec<Place> = (0..100_000)
            .map(|i| entry(0, path![i], Part::Value))
            .collect();
        let spans = locate_all(&wide, &places.iter().collect::<Vec<_>>());
        let last = spans[99_999].unwrap();
        assert_eq!(&wide[last.start..last.end], "n99999");
        assert_eq!(last.line, 100_000);
    }

    fn texts() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "a",
            "b",
            ": ",
            "- ",
            "\n",
            "\r\n",
            "\r",
            "  ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "\"",
            "'",
            "|\n",
            ">-\n",
            "---\n",
            "...\n",
            "&x ",
            "*x",
            "!t ",
            "# c",
            "é",
            "日",
            "\u{feff}",
            "\t",
            "? ",
            "\u{2028}",
            "\u{85}",
            "%YAML 1.2\n",
            "1",
        ]);
        prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
    }

    fn places() -> impl Strategy<Value = Place> {
        let step = prop_oneof![
            prop::sample::select(vec!["a", "b", "", "1"]).prop_map(PathStep::from),
            (0..3_usize).prop_map(PathStep::from),
        ];
        prop_oneof![
            Just(Place::File),
            (0..200_usize, 0..200_usize).prop_map(|(start, end)| Place::At(Span {
                line: 1,
                column: 1,
                start,
                end
            })),
            (
                0..3_usize,
                prop::collection::vec(step, 0..4),
                prop::sample::select(vec![Part::Key, Part::Value])
            )
                .prop_map(|(document, path, part)| entry(document, path, part)),
        ]
    }

    proptest! {
        #[test]
        fn spans_are_ranges_of_the_text(
            text in texts(),
            places in prop::collection::vec(places(), 1..6),
        ) {
            let together = locate_all(&text, &places.iter().collect::<Vec<_>>());
            for (place, span) in places.iter().zip(together) {
                if let Some(span) = span {
                    let shown = text.get(span.start..span.end);
                    prop_assert!(shown.is_some(), "{:?} {:?}", place, span);
                    let one_line = !shown.unwrap_or("").contains('\n');
                    prop_assert!(one_line || matches!(place, Place::At(_)));
                    prop_assert_eq!(Lines::new(&text).position(span.start), (span.line, span.column));
                }
                if let Some(alone) = locate(&text, place) {
                    prop_assert_eq!(span.unwrap_or(alone), alone);
                }
            }
        }
    }
}
