//! The ranges of all values in a YAML or JSON text, independent of their meaning.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::locate::{Offsets, bom_len, scalar_len};

/// The ranges of all values in a text.
pub(super) struct Outline {
    /// All values.
    pub nodes: Vec<Node>,
    /// The root value of each document.
    pub roots: Vec<usize>,
}

/// A value.
pub(super) struct Node {
    /// Its range.
    pub range: Range<usize>,
    /// Its shape.
    pub shape: Shape,
}

/// The shape of a value. `flow`: in brackets.
pub(super) enum Shape {
    /// A scalar.
    Scalar,
    /// A list.
    Sequence { flow: bool, items: Vec<usize> },
    /// A mapping.
    Mapping { flow: bool, entries: Vec<Entry> },
}

/// An entry of a mapping.
pub(super) struct Entry {
    /// The range of its key.
    pub key: Range<usize>,
    /// The text of its key.
    pub name: String,
    /// Its value.
    pub value: usize,
}

/// A collection that is being read, with the key of the next entry of a mapping.
struct Open {
    node: usize,
    key: Option<(Range<usize>, String)>,
}

impl Outline {
    /// The outline of a text; `None` if it cannot be parsed.
    pub fn of(text: &str) -> Option<Outline> {
        let offsets = Offsets::new(text);
        let source = text.get(bom_len(text)..)?;
        let mut outline = Outline {
            nodes: Vec::new(),
            roots: Vec::new(),
        };
        let mut open: Vec<Open> = Vec::new();
        for read in Parser::new_from_str(source) {
            let (event, span) = read.ok()?;
            let range = offsets.byte(span.start.index())..offsets.byte(span.end.index());
            let is_flow = |bracket: char| {
                text.get(range.start..)
                    .is_some_and(|rest| rest.starts_with(bracket))
            };
            let (shape, range, name) = match event {
                Event::MappingStart(..) => {
                    let flow = is_flow('{');
                    let entries = Vec::new();
                    (Shape::Mapping { flow, entries }, range, None)
                }
                Event::SequenceStart(..) => {
                    let flow = is_flow('[');
                    let items = Vec::new();
                    (Shape::Sequence { flow, items }, range, None)
                }
                Event::Scalar(value, style, ..) => {
                    let range = outline.scalar(text, range, style, open.last());
                    (Shape::Scalar, range, Some(value.into_owned()))
                }
                Event::Alias(_) => (Shape::Scalar, range, None),
                Event::MappingEnd | Event::SequenceEnd => {
                    outline.close(open.pop()?.node, range.end);
                    continue;
                }
                _ => continue,
            };
            let is_collection = !matches!(shape, Shape::Scalar);
            let node = outline.nodes.len();
            outline.nodes.push(Node {
                range: range.clone(),
                shape,
            });
            outline.attach(open.last_mut(), (node, range), name)?;
            if is_collection {
                open.push(Open { node, key: None });
            }
        }
        Some(outline)
    }

    /// The range of a scalar; an empty one is after the colon of its key.
    fn scalar(
        &self,
        text: &str,
        range: Range<usize>,
        style: ScalarStyle,
        around: Option<&Open>,
    ) -> Range<usize> {
        let shown = text.get(range.clone()).unwrap_or_default();
        let end = range.start + scalar_len(shown, style);
        let shown = text.get(range.start..end).unwrap_or_default();
        let key = around.and_then(|open| open.key.as_ref());
        if shown.trim().is_empty()
            && let Some((key, _)) = key
        {
            let behind = text.get(key.end..).unwrap_or_default();
            let colon = key.end + behind.find(':').map_or(0, |at| at + 1);
            return colon..colon;
        }
        // For a block scalar, the parser returns the range of its lines; it begins with `|` or `>`.
        let before = text.get(..range.start).unwrap_or_default();
        let start = match style {
            ScalarStyle::Literal | ScalarStyle::Folded if !shown.starts_with(['|', '>']) => {
                before.rfind(['|', '>']).unwrap_or(range.start)
            }
            _ => range.start,
        };
        start..range.start + shown.trim_end().len()
    }

    /// Attaches a node to the surrounding document, list or mapping.
    fn attach(
        &mut self,
        around: Option<&mut Open>,
        (node, range): (usize, Range<usize>),
        name: Option<String>,
    ) -> Option<()> {
        let Some(around) = around else {
            self.roots.push(node);
            return Some(());
        };
        match &mut self.nodes.get_mut(around.node)?.shape {
            Shape::Scalar => return None,
            Shape::Sequence { items, .. } => items.push(node),
            Shape::Mapping { entries, .. } => match around.key.take() {
                Some((key, name)) => entries.push(Entry {
                    key,
                    name,
                    value: node,
                }),
                // A key that is not text is not supported.
                None => around.key = Some((range, name?)),
            },
        }
        Some(())
    }

    /// Ends a collection: one in brackets at the bracket, others at the end of their last value.
    fn close(&mut self, node: usize, end: usize) {
        let ranges = |nodes: &[Node], one: usize| nodes.get(one).map(|node| node.range.clone());
        let Some(closed) = self.nodes.get(node) else {
            return;
        };
        let (start, end) = match &closed.shape {
            Shape::Mapping {
                flow: false,
                entries,
            } => {
                let end = entries
                    .last()
                    .and_then(|last| ranges(&self.nodes, last.value));
                (
                    entries.first().map(|first| first.key.start),
                    end.map(|range| range.end),
                )
            }
            Shape::Sequence { flow: false, items } => {
                let end = items.last().and_then(|last| ranges(&self.nodes, *last));
                (None, end.map(|range| range.end))
            }
            _ => (None, Some(end)),
        };
        if let Some(closed) = self.nodes.get_mut(node) {
            closed.range.start = start.unwrap_or(closed.range.start);
            closed.range.end = end.unwrap_or(closed.range.end).max(closed.range.start);
        }
    }
}
