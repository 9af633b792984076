//! Findings as text for people: source lines, with the wrong parts underlined.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Padding, Renderer, Snippet};

use super::{Located, Position, Sources, count, escape, origin};
use crate::core::base::diagnostic::{Level as DocumentLevel, Place, Severity, display_path};
use crate::core::base::invisible::unseen;
use crate::core::text::locate::Lines;

/// Maximum number of characters of a line that are shown.
const WIDTH: usize = 140;
/// Characters before the first underlined one in a line that is cut.
const BEFORE: usize = 50;
/// Maximum number of related places; JSON has all.
const MAX_RELATED: usize = 8;
/// Maximum number of lines between two places of one excerpt.
const NEAR: usize = 1000;
/// Stands for `file:line:column` until the drawing is done: lines are cut before they are drawn, so
/// the columns of the drawing are not those of the file. No text that is shown contains it, see
/// [`unseen`].
const ORIGIN: char = '\u{fdd0}';

pub(super) fn render(located: &[Located<'_>], sources: &Sources<'_>, color: bool) -> String {
    let renderer = renderer(color);
    let mut out = String::new();
    for finding in located {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&draw(finding, sources, &renderer));
        out.push('\n');
    }
    out
}

pub(super) fn renderer(color: bool) -> Renderer {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    // Lines are cut here, where the cost depends on what is shown and not on the whole line.
    renderer.term_width(WIDTH * 100)
}

/// Draws one finding, without a line break at its end.
pub(super) fn draw(located: &Located<'_>, sources: &Sources<'_>, renderer: &Renderer) -> String {
    let finding = located.finding;
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(escape::line(&finding.message))
        .id(finding.code.id);
    let mut group = Group::with_title(title);
    let mut notes = Vec::new();
    if let (None, Place::Entry { path, .. }) = (located.at, &finding.place)
        && !path.is_empty()
    {
        notes.push(Level::NOTE.message(format!("at `{}`", escape::line(&display_path(path)))));
    }
    if let Some(more) = finding.related.len().checked_sub(MAX_RELATED + 1) {
        notes.push(Level::NOTE.message(format!("and {} more", count(more + 1, "place"))));
    }
    if finding.code.level() > DocumentLevel::Structure {
        notes.push(Level::NOTE.message(format!("level: {}", finding.code.level())));
    }
    notes.extend(
        finding
            .help
            .iter()
            .map(|help| Level::HELP.message(escape::line(help))),
    );

    let mut origins = Vec::new();
    for excerpt in excerpts(located, sources) {
        if excerpt.marks.is_empty() {
            group = group.element(Origin::path(excerpt.origin))
        } else {
            group = group.element(excerpt.snippet());
            origins.push(excerpt.origin);
        }
    }
    if origins.is_empty() && !notes.is_empty() {
        group = group.element(Padding);
    }
    let drawn = renderer.render(&[group.elements(notes)]);
    // Without line numbers there is no margin; keep it one digit wide.
    if origins.is_empty() {
        drawn.replace('\n', "\n ")
    } else {
        with_origins(&drawn, origins)
    }
}

/// Replaces the placeholders of the drawing by `file:line:column`.
fn with_origins(drawn: &str, origins: Vec<String>) -> String {
    let mut parts = drawn.split(ORIGIN);
    let mut out = parts.next().unwrap_or("").to_owned();
    for (part, origin) in parts.zip(origins) {
        out.push_str(&origin);
        out.push_str(part.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit()));
    }
    out
}

/// Some lines of a file, with underlined ranges.
struct Excerpt<'s> {
    /// `file:line:column`, as far as known.
    origin: String,
    lines: Option<&'s Lines<'s>>,
    /// If empty, nothing is underlined and no line is shown.
    marks: Vec<SourceMark<'s>>,
}

/// An underlined range of a file's text, within one line.
struct SourceMark<'s> {
    line: usize,
    range: Range<usize>,
    label: &'s str,
    kind: AnnotationKind,
}

/// The excerpts of a finding: its place with the related places near it, then the others.
fn excerpts<'s>(located: &Located<'s>, sources: &'s Sources<'_>) -> Vec<Excerpt<'s>> {
    let finding = located.finding;
    let mut first = Excerpt::new(
        (&finding.file, &finding.place, located.at),
        (&finding.label, AnnotationKind::Primary),
        sources,
    );
    let mut others = Vec::new();
    for (label, at) in located.related.iter().take(MAX_RELATED) {
        let mut other = Excerpt::new(
            (&label.file, &label.place, *at),
            (&label.message, AnnotationKind::Context),
            sources,
        );
        let joins = label.file == finding.file
            && match (first.marks.first(), other.marks.first(), other.lines) {
                (Some(primary), Some(mark), Some(lines)) => {
                    primary.line.abs_diff(mark.line) <= NEAR && !is_long(lines, mark.line)
                }
                _ => false,
            };
        if joins {
            first.marks.append(&mut other.marks)
        } else {
            others.push(other)
        }
    }
    first.marks.sort_by_key(|mark| mark.line);
    others.insert(0, first);
    others
}

impl<'s> Excerpt<'s> {
    fn new(
        (file, place, at): (&str, &Place, Option<Position>),
        (label, kind): (&'s str, AnnotationKind),
        sources: &'s Sources<'_>,
    ) -> Excerpt<'s> {
        let at = at.filter(|_| *place != Place::File);
        let mut marks = Vec::new();
        let lines = sources.get(file);
        if let Some(at) = at
            && let (Some(start), Some(end), Some(lines)) = (at.start, at.end, lines)
            && let Some(line) = lines.range(at.line)
            && is_text(lines, line.clone())
        {
            let start = start.clamp(line.start, line.end);
            marks.push(SourceMark {
                line: at.line,
                range: start..end.clamp(start, line.end),
                label,
                kind,
            });
        }
        Excerpt {
            origin: origin(file, at),
            lines,
            marks,
        }
    }

    /// The underlined lines, and those that the drawing may need between them. The others are left
    /// empty, since they are folded away.
    fn snippet<'a>(&self) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let mut source = String::new();
        let mut annotations = Vec::new();
        let first = self.marks.first().map_or(1, |mark| mark.line);
        let mut line = first;
        for group in self.marks.chunk_by(|a, b| a.line == b.line) {
            let next = group.first().map_or(line, |mark| mark.line);
            let one_between = next == line + 2;
            while line < next {
                source.push('\n');
                line += 1;
                if one_between && line + 1 == next {
                    self.push_line(&mut source, line, &[]);
                }
            }
            let ranges = self.push_line(&mut source, line, group);
            annotations.extend(group.iter().zip(ranges).map(|(mark, range)| {
                let label = (!mark.label.is_empty()).then(|| escape::line(mark.label));
                mark.kind.span(range).label(label)
            }));
        }
        Snippet::source(source)
            .line_start(first)
            .path(ORIGIN.to_string())
            .annotations(annotations)
    }

    /// Writes a line as it is shown, cut and escaped, and returns where the marks are then.
    fn push_line(
        &self,
        out: &mut String,
        line: usize,
        marks: &[SourceMark<'_>],
    ) -> Vec<Range<usize>> {
        let Some(lines) = self.lines else {
            return Vec::new();
        };
        let whole = lines.range(line).unwrap_or(0..0);
        let anchor = marks.iter().map(|mark| mark.range.start).min();
        let shown = window(lines.text(), whole.clone(), anchor.unwrap_or(whole.start));
        if shown.start > whole.start {
            out.push_str("...");
        }
        // Where each mark begins and ends, in the order of the line.
        let mut ranges: Vec<Range<usize>> = marks.iter().map(|_| out.len()..out.len()).collect();
        let content = lines.text().get(shown.clone()).unwrap_or("");
        let offsets = content.char_indices().map(|(offset, _)| offset);
        for (offset, (c, is_unseen)) in offsets.zip(unseen(content)) {
            let before = out.len();
            match c {
                '\t' => out.push_str("    "),
                c => escape::push_marked(out, c, is_unseen),
            }
            let at = shown.start + offset;
            for (mark, range) in marks.iter().zip(&mut ranges) {
                if at < mark.range.start {
                    *range = out.len()..out.len();
                } else if at < mark.range.end {
                    range.start = range.start.min(before);
                    range.end = out.len();
                }
            }
        }
        if shown.end < whole.end {
            out.push_str("...");
        }
        ranges
    }
}

/// Whether a line is readable text, and not UTF-16 or binary data.
fn is_text(lines: &Lines<'_>, line: Range<usize>) -> bool {
    let content = lines.text().get(line).unwrap_or_default();
    let zeros = content.matches('\0').count();
    // The byte order mark of UTF-16 is not valid UTF-8.
    !content.starts_with("\u{fffd}\u{fffd}") && zeros * 4 <= content.chars().count()
}

/// Whether a line has to be cut.
fn is_long(lines: &Lines<'_>, line: usize) -> bool {
    let content = lines.range(line).and_then(|range| lines.text().get(range));
    content.is_some_and(|content| content.chars().nth(WIDTH).is_some())
}

/// The part of a line to show, beginning near `anchor`.
fn window(text: &str, line: Range<usize>, anchor: usize) -> Range<usize> {
    let content = text.get(line.clone()).unwrap_or("");
    if content.chars().nth(WIDTH).is_none() {
        return line;
    }
    let before = text.get(line.start..anchor).unwrap_or("");
    let from = before
        .char_indices()
        .rev()
        .nth(BEFORE)
        .map_or(line.start, |(at, c)| line.start + at + c.len_utf8());
    let behind = text.get(from..line.end).unwrap_or("");
    let to = behind.char_indices().nth(WIDTH).map(|(at, _)| from + at);
    from..to.unwrap_or(line.end)
}
