//! Findings → text for people, lines for editors, JSON for programs.
//!
//! Everything is located once; each format is a function of the located findings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Padding, Renderer, Snippet};
use serde_json::{Value, json};

use super::escape;
use crate::core::diagnostic::{Diagnostic, Label, Place, Severity, display_path};
use crate::core::locate::{Lines, locate_all};
use crate::core::text::is_invisible;

/// How findings are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// With the lines that they are about.
    #[default]
    Text,
    /// One line each: `file:line:column: error PS104: message (help)`.
    Concise,
    /// One JSON document.
    Json,
}

/// Write findings, in the order of files, lines and columns, repeats left out. `text_of` gives
/// the content of a file; without it a finding is shown without its line.
pub fn render(
    findings: &[Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
    format: Format,
    color: bool,
) -> String {
    let texts = texts(findings, text_of);
    let sources = texts
        .iter()
        .map(|(file, text)| (*file, Lines::new(text)))
        .collect();
    let located = locate(findings, &sources);
    match format {
        Format::Text => text(&located, &sources, color),
        Format::Concise => concise(&located),
        Format::Json => json(&located),
    }
}

/// `2 errors, 1 warning in 3 files`
pub fn summary(findings: &[Diagnostic]) -> String {
    let findings: BTreeSet<&Diagnostic> = findings.iter().collect();
    let files: BTreeSet<&str> = findings.iter().map(|f| f.file.as_str()).collect();
    let errors = findings.iter().filter(|f| f.is_error()).count();
    let counts: Vec<String> = [(errors, "error"), (findings.len() - errors, "warning")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(number, noun))
        .collect();
    match counts.is_empty() {
        true => "no findings".to_owned(),
        false => format!("{} in {}", counts.join(", "), count(files.len(), "file")),
    }
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Files by name.
type Sources<'t> = BTreeMap<&'t str, Lines<'t>>;

/// A finding and where it is.
struct Located<'f> {
    finding: &'f Diagnostic,
    /// Nothing when the file, or the entry in it, is not there to look at.
    at: Option<Position>,
    related: Vec<(&'f Label, Option<Position>)>,
}

/// A range of a file's text in all the ways in which formats want it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    /// Bytes, when there is a text.
    start: Option<usize>,
    end: Option<usize>,
}

fn texts<'f>(
    findings: &'f [Diagnostic],
    text_of: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<&'f str, String> {
    let files: BTreeSet<&str> = findings
        .iter()
        .flat_map(|finding| {
            let related = finding.related.iter().map(|label| label.file.as_str());
            std::iter::once(finding.file.as_str()).chain(related)
        })
        .collect();
    files
        .into_iter()
        .filter_map(|file| Some((file, text_of(file)?)))
        .collect()
}

/// Find every place, each file being read once.
fn locate<'f>(findings: &'f [Diagnostic], sources: &Sources<'_>) -> Vec<Located<'f>> {
    let mut places: BTreeMap<&str, BTreeSet<&Place>> = BTreeMap::new();
    for finding in findings {
        places
            .entry(&finding.file)
            .or_default()
            .insert(&finding.place);
        for label in &finding.related {
            places.entry(&label.file).or_default().insert(&label.place);
        }
    }
    let mut found: BTreeMap<(&str, &Place), Position> = BTreeMap::new();
    for (file, places) in &places {
        let places: Vec<&Place> = places.iter().copied().collect();
        for (place, position) in places.iter().zip(positions(&places, sources.get(file))) {
            if let Some(position) = position {
                found.insert((file, place), position);
            }
        }
    }
    let at = |file: &'f str, place: &'f Place| found.get(&(file, place)).copied();
    let mut located: Vec<Located<'f>> = findings
        .iter()
        .map(|finding| Located {
            finding,
            at: at(&finding.file, &finding.place),
            related: finding
                .related
                .iter()
                .map(|label| (label, at(&label.file, &label.place)))
                .collect(),
        })
        .collect();
    located.sort_by(|a, b| {
        let key = |l: &Located<'f>| (&l.finding.file, l.at, l.finding.code.id, l.finding);
        key(a).cmp(&key(b))
    });
    located.dedup_by(|a, b| a.finding == b.finding);
    located
}

fn positions(places: &[&Place], lines: Option<&Lines<'_>>) -> Vec<Option<Position>> {
    let Some(lines) = lines else {
        return places
            .iter()
            .map(|place| match place {
                Place::At(span) => Some(Position {
                    line: span.line,
                    column: span.column,
                    end_line: span.line,
                    end_column: span.column,
                    start: None,
                    end: None,
                }),
                _ => None,
            })
            .collect();
    };
    locate_all(lines.text(), places)
        .into_iter()
        .map(|span| {
            let span = span?;
            let (end_line, end_column) = lines.position(span.end);
            Some(Position {
                line: span.line,
                column: span.column,
                end_line,
                end_column,
                start: Some(span.start),
                end: Some(span.end),
            })
        })
        .collect()
}

// ---- One line each ----

fn concise(located: &[Located<'_>]) -> String {
    let mut out = String::new();
    for Located { finding, at, .. } in located {
        out.push_str(&escape::line(&finding.file));
        if let Some(at) = at {
            let _ = write!(out, ":{}:{}", at.line, at.column);
        }
        let message = escape::line(&finding.message);
        let _ = write!(out, ": {} {}: {message}", finding.severity, finding.code);
        if let Some(help) = &finding.help {
            let _ = write!(out, " ({})", escape::line(help));
        }
        out.push('\n');
    }
    out
}

// ---- JSON ----

fn json(located: &[Located<'_>]) -> String {
    let findings: Vec<Value> = located.iter().map(json_finding).collect();
    let errors = located.iter().filter(|l| l.finding.is_error()).count();
    let document = json!({
        "apiVersion": "cli.planspec.io/v1",
        "kind": "Findings",
        "findings": findings,
        "summary": {"errors": errors, "warnings": located.len() - errors},
    });
    // What could disturb a terminal stands within strings, where JSON can write it as an escape.
    let mut out = String::new();
    for c in format!("{document:#}\n").chars() {
        if c == '\n' || !is_invisible(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn json_finding(located: &Located<'_>) -> Value {
    let finding = located.finding;
    let mut value = json!({
        "code": finding.code.id,
        "severity": finding.severity.to_string(),
        "title": finding.code.title,
        "message": finding.message,
        "help": finding.help,
    });
    let related: Vec<Value> = located
        .related
        .iter()
        .map(|(label, at)| {
            let mut value = json!({"message": label.message});
            extend(&mut value, json_place(&label.file, &label.place, *at));
            value
        })
        .collect();
    extend(
        &mut value,
        json_place(&finding.file, &finding.place, located.at),
    );
    let resource = finding
        .resource
        .as_ref()
        .map(|key| json!({"kind": key.kind.name(), "namespace": key.namespace, "name": key.name}));
    extend(
        &mut value,
        json!({"related": related, "resource": resource}),
    );
    value
}

fn json_place(file: &str, place: &Place, at: Option<Position>) -> Value {
    let path = match place {
        Place::Entry { path, .. } => Some(display_path(path)),
        Place::File | Place::At(_) => None,
    };
    json!({
        "file": file,
        "line": at.map(|at| at.line),
        "column": at.map(|at| at.column),
        "endLine": at.map(|at| at.end_line),
        "endColumn": at.map(|at| at.end_column),
        "path": path,
    })
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(map), Value::Object(more)) = (value, more) {
        map.extend(more);
    }
}

// ---- Text ----

/// Characters of a line that are shown at most.
const WIDTH: usize = 140;
/// Characters before the first underlined one in a line that was cut.
const BEFORE: usize = 50;
/// Second places that are shown at most; JSON has all.
const MAX_RELATED: usize = 8;
/// Lines between two places that still make one excerpt.
const NEAR: usize = 1000;
/// Stands for `file:line:column` until the drawing is done: what is drawn has been cut, so the
/// columns that the drawing counts are not those of the file. Nothing shown contains it, see
/// [`is_invisible`].
const ORIGIN: char = '\u{fdd0}';

fn text(located: &[Located<'_>], sources: &Sources<'_>, color: bool) -> String {
    let renderer = match color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    // Cutting is done here, by the cost of what is shown rather than of the whole line.
    let renderer = renderer.term_width(WIDTH * 100);
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

fn draw(located: &Located<'_>, sources: &Sources<'_>, renderer: &Renderer) -> String {
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
    notes.extend(
        finding
            .help
            .iter()
            .map(|help| Level::HELP.message(escape::line(help))),
    );

    let mut origins = Vec::new();
    for excerpt in excerpts(located, sources) {
        match excerpt.marks.is_empty() {
            true => group = group.element(Origin::path(excerpt.origin)),
            false => {
                group = group.element(excerpt.snippet());
                origins.push(excerpt.origin);
            }
        }
    }
    if origins.is_empty() && !notes.is_empty() {
        group = group.element(Padding);
    }
    let drawn = renderer.render(&[group.elements(notes)]);
    match origins.is_empty() {
        // Without line numbers there is no margin; keep it as wide as one digit.
        true => drawn.replace('\n', "\n "),
        false => with_origins(&drawn, origins),
    }
}

/// Put the true `file:line:column` where the drawing has its own.
fn with_origins(drawn: &str, origins: Vec<String>) -> String {
    let mut parts = drawn.split(ORIGIN);
    let mut out = parts.next().unwrap_or("").to_owned();
    for (part, origin) in parts.zip(origins) {
        out.push_str(&origin);
        out.push_str(part.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit()));
    }
    out
}

/// Some lines of a file with what is underlined in them.
struct Excerpt<'s> {
    /// `file:line:column`, as far as known.
    origin: String,
    lines: Option<&'s Lines<'s>>,
    /// None: there is nothing to underline, and no line is shown.
    marks: Vec<Mark<'s>>,
}

/// An underlined range of a file's text, within one line.
struct Mark<'s> {
    line: usize,
    range: Range<usize>,
    label: &'s str,
    kind: AnnotationKind,
}

/// The excerpts of a finding: around its place with the second places near it, then the others.
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
        match joins {
            true => first.marks.append(&mut other.marks),
            false => others.push(other),
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
        let mut origin = escape::line(file);
        let mut marks = Vec::new();
        let lines = sources.get(file);
        if let (Some(at), false) = (at, *place == Place::File) {
            let _ = write!(origin, ":{}:{}", at.line, at.column);
            if let (Some(start), Some(end), Some(lines)) = (at.start, at.end, lines)
                && let Some(line) = lines.range(at.line)
            {
                let start = start.clamp(line.start, line.end);
                marks.push(Mark {
                    line: at.line,
                    range: start..end.clamp(start, line.end),
                    label,
                    kind,
                });
            }
        }
        Excerpt {
            origin,
            lines,
            marks,
        }
    }

    /// The lines that are underlined, and those that the drawing may want between them; others
    /// are left empty, they are folded away.
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

    /// Write a line as it is shown: cut when it is long, and escaped. Where the marks are then.
    fn push_line(&self, out: &mut String, line: usize, marks: &[Mark<'_>]) -> Vec<Range<usize>> {
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
        for (offset, c) in content.char_indices() {
            let before = out.len();
            match c {
                '\t' => out.push_str("    "),
                c => escape::push(out, c),
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

/// Whether a line has to be cut.
fn is_long(lines: &Lines<'_>, line: usize) -> bool {
    let content = lines.range(line).and_then(|range| lines.text().get(range));
    content.is_some_and(|content| content.chars().nth(WIDTH).is_some())
}

/// The part of a line to show when `anchor` is the first thing to see in it.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::core::diagnostic::{Code, Part, Span, Step};
    use crate::core::resource::{Key, Kind};
    use crate::path;

    fn entry(path: Vec<Step>, part: Part) -> Place {
        Place::Entry {
            document: 0,
            path,
            part,
        }
    }

    fn files<'a>(files: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |file| {
            let found = files.iter().find(|(name, _)| *name == file)?;
            Some(found.1.to_owned())
        }
    }

    fn shown(findings: &[Diagnostic], texts: &[(&str, &str)], format: Format) -> String {
        format!("\n{}", render(findings, &files(texts), format, false))
    }

    const PLAN: &str = "\
kind: Plan
spec:
  graph:
    nodes:
      - id: verify
      - id: release
      - id: verify
    edges:
      - from: verify
        to: relese
";

    fn dangling() -> Diagnostic {
        Diagnostic::new(
            Code::DANGLING_EDGE,
            "plans/checkout.yaml",
            entry(path!["spec", "graph", "edges", 0, "to"], Part::Value),
            "edge ends at a node that does not exist",
        )
        .label("no node `relese` in this plan")
        .help("did you mean `release`?")
        .about(&Key::new(Kind::Plan, "team", "checkout"))
    }

    fn doubled() -> Diagnostic {
        Diagnostic::new(
            Code::DUPLICATE_NODE,
            "plans/checkout.yaml",
            entry(path!["spec", "graph", "nodes", 2, "id"], Part::Value),
            "two nodes have the id `verify`",
        )
        .related(Label {
            file: "plans/checkout.yaml".to_owned(),
            place: entry(path!["spec", "graph", "nodes", 0, "id"], Part::Value),
            message: "first here".to_owned(),
        })
    }

    fn elsewhere() -> Diagnostic {
        Diagnostic::new(
            Code::CAPABILITY_NOT_FOUND,
            "b.yaml",
            entry(path!["capability"], Part::Value),
            "the capability does not exist",
        )
        .related(Label {
            file: "plans/checkout.yaml".to_owned(),
            place: entry(path!["spec", "graph"], Part::Key),
            message: "used in this graph".to_owned(),
        })
    }

    const TEXTS: &[(&str, &str)] = &[
        ("plans/checkout.yaml", PLAN),
        ("b.yaml", "# a binding\ncapability: x\n"),
    ];

    #[test]
    fn text_shows_the_line_what_is_wrong_and_the_way_out() {
        assert_eq!(
            shown(&[dangling()], TEXTS, Format::Text),
            "
error[PS302]: edge ends at a node that does not exist
  --> plans/checkout.yaml:10:13
   |
10 |         to: relese
   |             ^^^^^^ no node `relese` in this plan
   |
   = help: did you mean `release`?
"
        );
    }

    #[test]
    fn several_findings_are_in_order_and_repeats_are_left_out() {
        assert_eq!(
            shown(
                &[dangling(), doubled(), elsewhere(), dangling()],
                TEXTS,
                Format::Text
            ),
            "
warning[PS204]: the capability does not exist
 --> b.yaml:2:13
  |
2 | capability: x
  |             ^
  |
 ::: plans/checkout.yaml:3:3
  |
3 |   graph:
  |   ----- used in this graph

error[PS301]: two nodes have the id `verify`
 --> plans/checkout.yaml:7:13
  |
5 |       - id: verify
  |             ------ first here
6 |       - id: release
7 |       - id: verify
  |             ^^^^^^

error[PS302]: edge ends at a node that does not exist
  --> plans/checkout.yaml:10:13
   |
10 |         to: relese
   |             ^^^^^^ no node `relese` in this plan
   |
   = help: did you mean `release`?
"
        );
    }

    #[test]
    fn places_without_a_line_to_show() {
        let file = Diagnostic::new(Code::NO_RESOURCES, "a.yaml", Place::File, "nothing here");
        let gone = dangling();
        let broken = Diagnostic::new(
            Code::SYNTAX,
            "c.yaml",
            Place::At(Span {
                line: 3,
                column: 9,
                start: 17,
                end: 17,
            }),
            "not YAML",
        );
        assert_eq!(
            shown(&[file, gone, broken], &[("a.yaml", "# x\n")], Format::Text),
            "
warning[PS007]: nothing here
 --> a.yaml

error[PS001]: not YAML
 --> c.yaml:3:9

error[PS302]: edge ends at a node that does not exist
 --> plans/checkout.yaml
  |
  = note: at `spec.graph.edges[0].to`
  = help: did you mean `release`?
"
        );
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_carets_in_place() {
        let table = [
            (
                "{\n\t\"名前\":\t\"値\"\n}\n",
                path!["名前"],
                "
error[PS105]: wrong
 --> a:2:8
  |
2 |     \"名前\":    \"値\"
  |                ^^^^ here
",
            ),
            (
                "\u{feff}é: e\u{301}x\r\n",
                path!["é"],
                "
error[PS105]: wrong
 --> a:1:4
  |
1 | é: e\u{301}x
  |    ^^ here
",
            ),
            (
                "a: \"\u{202e}\u{9b}31m\u{7f}\"   \n",
                path!["a"],
                "
error[PS105]: wrong
 --> a:1:4
  |
1 | a: \"\\u{202e}\\u{9b}31m\\u{7f}\"   
  |    ^^^^^^^^^^^^^^^^^^^^^^^^^ here
",
            ),
            (
                "- - - - - - - - - - - - - - - - deep\n",
                vec![Step::Index(0); 16],
                "
error[PS105]: wrong
 --> a:1:33
  |
1 | - - - - - - - - - - - - - - - - deep
  |                                 ^^^^ here
",
            ),
        ];
        for (text, path, expected) in table {
            let finding = Diagnostic::new(Code::BAD_FORMAT, "a", entry(path, Part::Value), "wrong")
                .label("here");
            let shown = shown(&[finding], &[("a", text)], Format::Text);
            assert_eq!(shown, expected, "{text:?}");
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_span() {
        let items: String = (0..100_000).map(|i| format!("n{i:06}, ")).collect();
        let text = format!("a: [{items}z]\n");
        let finding = Diagnostic::new(
            Code::BAD_FORMAT,
            "a",
            entry(path!["a", 77_777], Part::Value),
            "wrong",
        )
        .label("here")
        .related(Label {
            file: "a".to_owned(),
            place: entry(path!["a", 2], Part::Value),
            message: "as here".to_owned(),
        });
        assert_eq!(
            shown(&[finding], &[("a", &text)], Format::Text),
            "
error[PS105]: wrong
 --> a:1:699998
  |
1 | ...771, n077772, n077773, n077774, n077775, n077776, n077777, n077778, n077779, n077780, n077781, n077782, n077783, n077784, n077785, n077786, ...
  |                                                      ^^^^^^^ here
  |
 ::: a:1:23
  |
1 | a: [n000000, n000001, n000002, n000003, n000004, n000005, n000006, n000007, n000008, n000009, n000010, n000011, n000012, n000013, n000014, n...
  |                       ------- as here
"
        );
    }

    #[test]
    fn what_comes_from_a_file_cannot_disturb_a_terminal() {
        let evil = "x\u{1b}[2J\n\u{202e}y\u{fdd0}\t\u{e0041}é";
        let finding = Diagnostic::new(Code::BAD_FORMAT, evil, Place::File, evil)
            .label(evil)
            .help(evil)
            .related(Label {
                file: evil.to_owned(),
                place: entry(path![evil], Part::Key),
                message: evil.to_owned(),
            });
        for text in [None, Some(format!("\"{evil}\": {evil}\n"))] {
            for format in [Format::Text, Format::Concise, Format::Json] {
                let shown = render(
                    std::slice::from_ref(&finding),
                    &|_| text.clone(),
                    format,
                    false,
                );
                let bad: Vec<char> = shown
                    .chars()
                    .filter(|c| *c != '\n' && is_invisible(*c))
                    .collect();
                assert!(bad.is_empty(), "{bad:?} in {shown}");
                assert!(shown.contains('é'), "{shown}");
            }
        }
        // JSON keeps the truth.
        let json = render(&[finding], &|_| None, Format::Json, false);
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["findings"][0]["message"], evil);
    }

    #[test]
    fn concise_is_one_line_each() {
        let broken = Diagnostic::new(Code::SYNTAX, "z\ny", Place::File, "not\tYAML");
        assert_eq!(
            shown(
                &[broken, dangling(), elsewhere()],
                &[TEXTS[0]],
                Format::Concise
            ),
            "
b.yaml: warning PS204: the capability does not exist
plans/checkout.yaml:10:13: error PS302: edge ends at a node that does not exist (did you mean `release`?)
z\\ny: error PS001: not\\tYAML
"
        );
    }

    #[test]
    fn json_is_one_document() {
        assert_eq!(
            shown(&[dangling(), doubled()], TEXTS, Format::Json),
            r#"
{
  "apiVersion": "cli.planspec.io/v1",
  "kind": "Findings",
  "findings": [
    {
      "code": "PS301",
      "severity": "error",
      "title": "two nodes have one id",
      "message": "two nodes have the id `verify`",
      "help": null,
      "file": "plans/checkout.yaml",
      "line": 7,
      "column": 13,
      "endLine": 7,
      "endColumn": 19,
      "path": "spec.graph.nodes[2].id",
      "related": [
        {
          "message": "first here",
          "file": "plans/checkout.yaml",
          "line": 5,
          "column": 13,
          "endLine": 5,
          "endColumn": 19,
          "path": "spec.graph.nodes[0].id"
        }
      ],
      "resource": null
    },
    {
      "code": "PS302",
      "severity": "error",
      "title": "an edge ends at a node that does not exist",
      "message": "edge ends at a node that does not exist",
      "help": "did you mean `release`?",
      "file": "plans/checkout.yaml",
      "line": 10,
      "column": 13,
      "endLine": 10,
      "endColumn": 19,
      "path": "spec.graph.edges[0].to",
      "related": [],
      "resource": {
        "kind": "Plan",
        "namespace": "team",
        "name": "checkout"
      }
    }
  ],
  "summary": {
    "errors": 2,
    "warnings": 0
  }
}
"#
        );
    }

    #[test]
    fn summaries_count() {
        assert_eq!(summary(&[]), "no findings");
        assert_eq!(summary(&[elsewhere()]), "1 warning in 1 file");
        assert_eq!(
            summary(&[dangling(), doubled(), elsewhere(), dangling()]),
            "2 errors, 1 warning in 2 files"
        );
    }

    #[test]
    fn many_places_are_told_and_not_all_drawn() {
        let label = || Label {
            file: "gone.yaml".to_owned(),
            place: Place::File,
            message: String::new(),
        };
        let finding = (0..20).fold(dangling(), |finding, _| finding.related(label()));
        let shown = shown(&[finding], TEXTS, Format::Text);
        assert_eq!(shown.matches("gone.yaml").count(), 8, "{shown}");
        assert!(shown.contains("= note: and 12 places more\n"), "{shown}");
    }

    #[test]
    fn colour_changes_no_text() {
        let findings = [dangling(), doubled(), elsewhere()];
        let plain = render(&findings, &files(TEXTS), Format::Text, false);
        let colored = render(&findings, &files(TEXTS), Format::Text, true);
        assert!(colored.contains("\u{1b}["));
        let stripped = anstream::adapter::strip_str(&colored).to_string();
        assert_eq!(stripped, plain);
    }

    fn words(atoms: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(atoms), 0..60).prop_map(|atoms| atoms.concat())
    }

    const ATOMS: &[&str] = &[
        "a",
        "b: ",
        "- ",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "é",
        "日本",
        "\u{301}",
        "\u{feff}",
        "\u{202e}",
        "\u{1b}[0m",
        "\u{fdd0}",
        "👩\u{200d}🚒",
        "---\n",
        "# c",
        "\u{0}",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];

    fn places() -> impl Strategy<Value = Place> {
        prop_oneof![
            (0..600_usize, 0..600_usize).prop_map(|(start, end)| Place::At(Span {
                line: 1,
                column: 1,
                start,
                end
            })),
            (0..3_usize, any::<bool>())
                .prop_map(|(i, key)| entry(path![i], if key { Part::Key } else { Part::Value })),
            Just(entry(path!["b"], Part::Value)),
            Just(Place::File),
        ]
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_gets_through(
            texts in prop::collection::vec(words(ATOMS), 2),
            message in words(ATOMS),
            places in prop::collection::vec((places(), 0..3_usize), 1..5),
        ) {
            let text_of = |file: &str| texts.get(file.parse::<usize>().ok()?).cloned();
            let mut finding: Option<Diagnostic> = None;
            for (place, file) in places {
                finding = Some(match finding {
                    None => Diagnostic::new(Code::SYNTAX, file.to_string(), place, message.clone())
                        .label(message.clone()),
                    Some(finding) => finding.related(Label {
                        file: file.to_string(), place, message: message.clone()
                    }),
                });
            }
            for format in [Format::Text, Format::Concise, Format::Json] {
                let shown = render(finding.as_slice(), &text_of, format, false);
                prop_assert!(!shown.chars().any(|c| c != '\n' && is_invisible(c)), "{}", shown);
            }
        }
    }
}
