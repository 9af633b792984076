//! Reads the documents of a file.

use std::cell::{Cell, RefCell};

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;

use super::block;
use super::hints;
use super::lines::{self, Lines, Mark};
use super::load::Node;
use super::scan::{self, End, ScanFinding};
use crate::core::base::diagnostic::{Code, Diagnostic, Label, Place};
use crate::core::base::limits::{CONFIG_FILE, Limits};

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its index among the documents of the file, from 0, counting empty ones.
    pub index: usize,
    /// Its value; never null.
    pub value: Value,
}

/// What the loader says if a document ends too early: what it has read is the beginning of something else.
const NO_DOCUMENT: &str = "did not find expected <document start>";

/// Reads the documents of `file`, a YAML stream or (by its name) a JSON text.
///
/// A document with a finding is left out; so is everything after the first place that is not
/// well-formed or exceeds a limit. Empty documents are left out without a finding.
pub fn read(file: &str, bytes: &[u8], limits: &Limits) -> (Vec<Document>, Vec<Diagnostic>) {
    if bytes.len() > limits.file_bytes {
        let message = format!(
            "the file has {} bytes, but at most {} are allowed",
            bytes.len(),
            limits.file_bytes
        );
        let finding = Diagnostic::new(Code::LIMIT, file, Place::File, message).help(format!(
            "split the file, or raise `limits.fileBytes` in {CONFIG_FILE} and commit that"
        ));
        return (Vec::new(), vec![finding]);
    }
    let (text, base) = match lines::clean(bytes, is_json(file)) {
        Ok(clean) => clean,
        Err(unclean) => {
            let place = Place::At(unclean.span);
            let finding =
                Diagnostic::new(Code::ENCODING, file, place, unclean.message).help(unclean.help);
            return (Vec::new(), vec![finding]);
        }
    };
    let (documents, findings) = read_text(text, is_json(file), limits);
    if findings.is_empty() {
        return (documents, Vec::new());
    }
    let lines = Lines::new(text, base);
    // Places count from the start of the file.
    let whole = std::str::from_utf8(bytes).unwrap_or(text);
    let mut diagnostics: Vec<Diagnostic> = findings
        .into_iter()
        .map(|finding| diagnostic(file, finding, &lines))
        .map(|finding| hints::with_a_way_out(finding, whole, is_json(file)))
        .collect();
    diagnostics.sort_by(|a, b| a.place.cmp(&b.place));
    (documents, diagnostics)
}

/// Whether a file is JSON, by its name.
pub fn is_json(file: &str) -> bool {
    file.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("json"))
}

/// Uses the fast parser if it can; loads without a scan if none is needed; otherwise scans, then loads as
/// much as the scan allows.
fn read_text(text: &str, json: bool, limits: &Limits) -> (Vec<Document>, Vec<ScanFinding>) {
    let block = || block::documents(text, scan::depth(limits));
    let simple = if json { None } else { block() };
    match simple.or_else(|| read_plain(text, json, limits)) {
        Some(documents) => (documents, Vec::new()),
        None => read_scanned(text, json, limits),
    }
}

/// The documents of a text that needs no scan, as nearly all texts, and that has no
/// errors.
fn read_plain(text: &str, json: bool, limits: &Limits) -> Option<Vec<Document>> {
    if !json && !scan::is_plain(text) {
        return None;
    }
    let refused = RefCell::new(None);
    let budget = Cell::new(usize::MAX);
    let node = Node {
        depth: scan::depth(limits),
        budget: &budget,
        strict: true,
        wary: true,
        extension: false,
        refused: &refused,
    };
    if json {
        let value = load_json(text, node).ok()?;
        return Some(not_empty(0, value).into_iter().collect());
    }
    let mut documents = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let value = node.deserialize(document).ok()?;
        if value.is_string() {
            // It may be a block scalar, and readers disagree where that ends.
            return None;
        }
        documents.extend(not_empty(index, value));
    }
    Some(documents)
}

fn not_empty(index: usize, value: Value) -> Option<Document> {
    (!value.is_null()).then_some(Document { index, value })
}

/// Scans, then loads as much as the scan allows.
fn read_scanned(text: &str, json: bool, limits: &Limits) -> (Vec<Document>, Vec<ScanFinding>) {
    let outline = scan::outline(text, limits);
    let mut findings = outline.findings;
    let (take, syntax) = match outline.end {
        End::Stream => (usize::MAX, None),
        End::Stop => (outline.complete, None),
        // The loader decides, unless loading without a scan is dangerous.
        End::Refused(finding) => match scan::hazard(text, json) {
            None => (usize::MAX, Some(finding)),
            Some(hazard) => {
                findings.push(finding.because(hazard));
                (outline.complete, None)
            }
        },
    };
    let refused = RefCell::new(None);
    let budget = Cell::new(limits.file_bytes.saturating_mul(4));
    // The scan does not accept all of JSON. Which of its numbers are integers is seen without a scan.
    let may_be_integer = !json || scan::has_long_integer(text);
    let node = Node {
        depth: scan::depth(limits),
        budget: &budget,
        strict: syntax.is_some() && may_be_integer,
        wary: false,
        extension: false,
        refused: &refused,
    };
    let mut documents: Vec<Document> = Vec::new();
    if json {
        let sound = take > 0 && outline.broken.is_empty();
        match sound.then(|| load_json(text, node)) {
            Some(Ok(value)) => documents.extend(not_empty(0, value)),
            Some(Err(finding)) => findings.push(*finding),
            None => {}
        }
        return (documents, findings);
    }
    let stream = serde_yaml::Deserializer::from_str(text);
    // `take` comes first: the stream must not even look at further documents.
    for (index, document) in stream.take(take).enumerate() {
        let loaded = if outline.broken.contains(&index) {
            IgnoredAny::deserialize(document).map(|_| Value::Null)
        } else {
            node.deserialize(document)
        };
        match loaded {
            // What the scan does not accept, and is no mapping, is no document of ours by chance.
            Ok(value) if syntax.is_some() && !value.is_object() && !value.is_null() => {
                findings.extend(syntax);
                break;
            }
            Ok(value) => documents.extend(not_empty(index, value)),
            Err(error) => {
                let place = error.location().map(|location| Mark {
                    line: location.line(),
                    column: location.column().saturating_sub(1),
                });
                let refused = refused.take();
                let message = error.to_string();
                if message.contains(NO_DOCUMENT) {
                    let is_cut = |last: &mut Document| {
                        last.index + 1 == index && last.index >= outline.complete
                    };
                    documents.pop_if(is_cut);
                }
                match syntax {
                    // If both parsers report an error, the scan's place is nearer to the cause.
                    Some(syntax) if refused.is_none() => findings.push(syntax),
                    // A key that the scan has reported may be a syntax error to the loader.
                    None if outline.broken.contains(&index) => {}
                    _ => findings.push(refusal(refused, place, &message)),
                }
                // After an error, the rest of the stream need not be documents.
                break;
            }
        }
    }
    (documents, findings)
}

fn load_json(text: &str, node: Node<'_>) -> Result<Value, Box<ScanFinding>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    node.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| {
            // serde_json counts bytes.
            let line = text.lines().nth(error.line().saturating_sub(1));
            let bytes = error.column().saturating_sub(1);
            let column = line.map_or(0, |line| {
                line.char_indices()
                    .take_while(|(offset, _)| *offset < bytes)
                    .count()
            });
            let place = Mark {
                line: error.line(),
                column,
            };
            let refused = node.refused.take();
            Box::new(refusal(refused, Some(place), &error.to_string()))
        })
}

/// The finding for a loader's error.
fn refusal(refused: Option<(Code, String)>, place: Option<Mark>, error: &str) -> ScanFinding {
    let (code, message) = refused.unwrap_or_else(|| (Code::SYNTAX, without_positions(error)));
    let place = place.unwrap_or(Mark { line: 1, column: 0 });
    ScanFinding::new(code, (place, place), message)
}

/// Removes ` at line 3 column 7`, with which both loaders end their messages and parts of them.
fn without_positions(message: &str) -> String {
    let mut parts = message.split(" at line ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .trim_start_matches(" column ")
            .trim_start_matches(|c: char| c.is_ascii_digit());
        text.push_str(rest);
    }
    text
}

fn diagnostic(file: &str, finding: ScanFinding, lines: &Lines) -> Diagnostic {
    let place = Place::At(lines.span(finding.from, finding.to));
    let mut diagnostic =
        Diagnostic::new(finding.code, file, place, finding.message).label(finding.label);
    diagnostic.help = finding.help;
    if let Some((from, to, message)) = finding.related {
        let place = Place::At(lines.span(from, to));
        diagnostic = diagnostic.related(Label::new(file, place, message));
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read_as(file: &str, text: &[u8]) -> (Vec<Document>, Vec<Diagnostic>) {
        read(file, text, &Limits::default())
    }

    fn values(text: &str) -> Vec<(usize, Value)> {
        let (documents, diagnostics) = read_as("a.yaml", text.as_bytes());
        assert_eq!(diagnostics, [], "{text:?}");
        documents.into_iter().map(|d| (d.index, d.value)).collect()
    }

    /// Code, line and column.
    type At = (&'static str, usize, usize);

    fn places(diagnostics: &[Diagnostic]) -> Vec<At> {
        diagnostics
            .iter()
            .map(|d| match d.place {
                Place::At(span) => (d.code.id, span.line, span.column),
                _ => (d.code.id, 0, 0),
            })
            .collect()
    }

    #[test]
    fn what_is_read() {
        let table = [
            ("", vec![]),
            ("# nothing\n", vec![]),
            ("---\n---\n", vec![]),
            ("~\n", vec![]),
            ("a: 1\n", vec![(0, json!({"a": 1}))]),
            ("a: 1\r\nb: \"x\"\r\n", vec![(0, json!({"a": 1, "b": "x"}))]),
            ("\u{feff}a: 1\n", vec![(0, json!({"a": 1}))]),
            (
                "# c\n---\na: 1\n---\n# only a comment\n---\nb: 2\n---\n",
                vec![(0, json!({"a": 1})), (2, json!({"b": 2}))],
            ),
            (
                "a: no\nb: on\nc: 0777\nd: 1_000\ne: 2026-11-20\nf: 12:30\n",
                vec![(
                    0,
                    json!({"a": "no", "b": "on", "c": "0777", "d": "1_000", "e": "2026-11-20", "f": "12:30"}),
                )],
            ),
            (
                "a: &x [1, 2]\nb: *x\n",
                vec![(0, json!({"a": [1, 2], "b": [1, 2]}))],
            ),
            (
                "a: !!str 1\nb: !!int \"2\"\nc: !!map {}\n",
                vec![(0, json!({"a": "1", "b": 2, "c": {}}))],
            ),
            (
                "a: 9007199254740991\nb: -9007199254740991\nc: 1e300\n",
                vec![(
                    0,
                    json!({"a": 9007199254740991_i64, "b": -9007199254740991_i64, "c": 1e300}),
                )],
            ),
            ("yes: 1\n\"1\": 2\n", vec![(0, json!({"yes": 1, "1": 2}))]),
            // The scan's parser refuses these; the loader and people accept them.
            ("a: [\n  1\n]\n", vec![(0, json!({"a": [1]}))]),
            ("a: {\n}\nb:\t1\n", vec![(0, json!({"a": {}, "b": 1}))]),
        ];
        for (text, expected) in table {
            assert_eq!(values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        let nest = |open: &str, close: &str| {
            format!("a: {}1{}\n", open.repeat(65), close.repeat(65)).into_bytes()
        };
        let table: Vec<(Vec<u8>, Vec<At>)> = vec![
            (b"a: b: c\n".to_vec(), vec![("PS001", 1, 5)]),
            (b"a: [1\nb: 2\n".to_vec(), vec![("PS001", 2, 2)]),
            (b"a:\n\t- 1\n".to_vec(), vec![("PS001", 2, 2)]),
            (b">\n---\na: &a 1\n".to_vec(), vec![("PS001", 2, 1)]),
            (b"a: 1\nb: [\n<<: *l\n".to_vec(), vec![("PS005", 3, 1)]),
            (b"a: \"x\n".to_vec(), vec![("PS001", 1, 4)]),
            (b"a: *x\n".to_vec(), vec![("PS001", 1, 4)]),
            (b"a: [&x 1, &x 2, *x]\n".to_vec(), vec![("PS001", 1, 11)]),
            (b"%FOO bar\n---\na: 1\n".to_vec(), vec![("PS001", 1, 5)]),
            (b"a: 1\nb: \xff\n".to_vec(), vec![("PS002", 2, 4)]),
            (b"\xff\xfea\0:\0".to_vec(), vec![("PS002", 1, 1)]),
            (b"a: \x00\n".to_vec(), vec![("PS002", 1, 4)]),
            ("é: \u{85}\n".as_bytes().to_vec(), vec![("PS002", 1, 4)]),
            ("a: 1\nb: \u{2028}\n".into(), vec![("PS002", 2, 4)]),
            ("a: 1\nb: \u{feff}\n".into(), vec![("PS002", 2, 4)]),
            (b"a: 1\rb: 2\n".to_vec(), vec![("PS002", 1, 5)]),
            (b"a: \x1b[31m\n".to_vec(), vec![("PS002", 1, 4)]),
            (nest("[", "]"), vec![("PS003", 1, 67)]),
            (nest("{x: ", "}"), vec![("PS003", 1, 256)]),
            (b"&a [*a]\n".to_vec(), vec![("PS003", 1, 5)]),
            (b"a: 1\nb: 2\na: 3\n".to_vec(), vec![("PS004", 3, 1)]),
            (b"x: {a: 1, 'a': 2}\n".to_vec(), vec![("PS004", 1, 11)]),
            (b"a: {\n}\nb: 1\nb: 2\n".to_vec(), vec![("PS004", 4, 1)]),
            (b"1: a\n".to_vec(), vec![("PS005", 1, 1)]),
            (b"true: a\n".to_vec(), vec![("PS005", 1, 1)]),
            (b"a:\n  : b\n".to_vec(), vec![("PS005", 2, 3)]),
            (b"[a]: b\n".to_vec(), vec![("PS005", 1, 1)]),
            (b"{a: b}: c\n".to_vec(), vec![("PS005", 1, 1)]),
            (b"a: &x b\n*x : c\n".to_vec(), vec![("PS005", 2, 1)]),
            (b"a: &x {}\nb:\n  <<: *x\n".to_vec(), vec![("PS005", 3, 3)]),
            (b"!!int 1: c\n".to_vec(), vec![("PS005", 1, 1)]),
            (b"a: {\n}\n1: 2\n".to_vec(), vec![("PS005", 3, 1)]),
            (b"a: !foo b\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: !foo {b: c}\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: ! b\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: !!binary aGk=\n".to_vec(), vec![("PS006", 1, 4)]),
            (
                b"a: !!timestamp 2026-11-20\n".to_vec(),
                vec![("PS006", 1, 4)],
            ),
            (b"a: !!set {}\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: !!int x\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: .nan\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: -.inf\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: 1e400\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: 9007199254740992\n".to_vec(), vec![("PS006", 1, 4)]),
            (b"a: 18446744073709551616\n".to_vec(), vec![("PS006", 1, 4)]),
            (
                b"a: 999999999999999999999999999999999999999999\n".to_vec(),
                vec![("PS006", 1, 4)],
            ),
            (b"a: {\n}\nb: 1e40\n".to_vec(), vec![("PS006", 3, 4)]),
            (
                b"a: 1\na: 2\nb: [\n".to_vec(),
                vec![("PS004", 2, 1), ("PS001", 4, 1)],
            ),
            (
                b"a: 1\na: 2\nb: .nan\n".to_vec(),
                vec![("PS004", 2, 1), ("PS006", 3, 4)],
            ),
            (
                "\u{feff}\u{e9}: 1\r\n\u{e9}: 2\r\n".into(),
                vec![("PS004", 2, 1)],
            ),
        ];
        for (text, expected) in table {
            let (documents, diagnostics) = read_as("a.yaml", &text);
            let shown = String::from_utf8_lossy(&text);
            assert_eq!(
                places(&diagnostics),
                expected,
                "{shown:.60} {diagnostics:?}"
            );
            assert_eq!(documents, [], "{shown:.60}");
            for finding in &diagnostics {
                assert!(finding.help.is_some(), "{finding:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_loaded_without_a_scan_is_what_the_scan_lets_through(
            words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..30),
        ) {
            let text = words.concat();
            for json in [false, true] {
                if let Some(documents) = read_plain(&text, json, &Limits::default()) {
                    let (scanned, findings) = read_scanned(&text, json, &Limits::default());
                    prop_assert!(findings.is_empty(), "{:?} {:?}", text, findings);
                    prop_assert_eq!(documents, scanned, "{:?}", text);
                }
            }
            same_in_one_pass(&text);
        }

        #[test]
        fn what_is_read_in_one_pass_is_what_the_loader_reads(
            lines in prop::collection::vec((
                prop::sample::select(&["", "", "  ", "  ", "    ", "      "][..]),
                prop::sample::select(&["", "", "- ", "- ", "a: ", "b: ", "c: ", "d:", "-", "- e: "][..]),
                prop::sample::select(&VALUES[..]),
            ), 0..12),
        ) {
            let lines = lines.iter().map(|(indent, start, value)| format!("{indent}{start}{value}"));
            let text = lines.collect::<Vec<_>>().join("\n");
            same_in_one_pass(&text);
            same_in_one_pass(&format!("{text}\n"));
        }
    }

    /// The fast parser gives the same result as the loader after a scan.
    fn same_in_one_pass(text: &str) {
        let limits = Limits::default();
        if let Some(documents) = block::documents(text, scan::depth(&limits)) {
            let (scanned, findings) = read_scanned(text, false, &limits);
            assert!(findings.is_empty(), "{text:?} {findings:?}");
            assert_eq!(documents, scanned, "{text:?}");
        }
    }

    #[test]
    fn what_files_hold_is_read_in_one_pass() {
        let taken = [
            "",
            "# c\n---\na: 1\n---\n# c\n---\nb: [x, 'y', {z: \"w\"}]\n",
            "a:\n- b: 1\n  c: null\n-\n- d\ne:\n",
            "a: |\n  b\n\n   c\nd: >-\n  e\n  f\n\n  g\nh: x # i\n",
            "- a: -1\n- 2026-11-20\n- https://example.com/#x\n- {}\n- []\n",
            "a: 'it''s'\nb: \"\\\"\\n\"\nc: true\n",
        ];
        for text in taken {
            let documents = block::documents(text, 64);
            assert!(documents.is_some(), "{text:?}");
            same_in_one_pass(text);
        }
        let nested = |levels: usize| format!("a: {}{}\n", "[".repeat(levels), "]".repeat(levels));
        assert!(block::documents(&nested(63), 64).is_some());
        assert!(block::documents(&nested(64), 64).is_none());
    }

    /// Values after keys and dashes.
    const VALUES: [&str; 60] = [
        "",
        "",
        "x",
        "x y",
        "x: y",
        "x:",
        "x:y",
        "x #y",
        "x#y",
        "#x",
        " # x",
        "1",
        "-1",
        "+1",
        "-0",
        "007",
        "1.5",
        "1e3",
        "1.",
        "0x1F",
        "~",
        "null",
        "True",
        "no",
        "2026-11-20",
        "'x'",
        "'x''y'",
        "'x' y",
        "\"x\"",
        "\"x\\n\"",
        "\"x\\q\"",
        "\"x",
        "[x]",
        "[x, y: z]",
        "[x, 'y', [1, \"z\"]]",
        "[x,]",
        "{}",
        "{x: y}",
        "{x: {y: [z]}, w: 1}",
        "{x}",
        "{x: }",
        "{x: 1, x: 2}",
        "{\"x\": 'y' }",
        "[x] # y",
        "[x]y",
        "|",
        "|-",
        ">",
        ">-",
        "|+",
        "|2",
        "> # x",
        "*x",
        "&x y",
        "!x y",
        "---",
        "...",
        "<<",
        "? x",
        "é — ü",
    ];

    /// Parts of texts, and numbers that some readers take for something else.
    const WORDS: [&str; 46] = [
        "\n",
        "\n",
        "\n  ",
        "\n- ",
        " ",
        "  ",
        "a: ",
        "b: ",
        "c",
        "- ",
        "? ",
        ": ",
        ":",
        ",",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "\"d\"",
        "'e'",
        "#",
        " # f",
        "|\n",
        ">\n",
        "---\n",
        "--- ",
        "...\n",
        "%",
        "!",
        "&",
        "*",
        "~",
        "null",
        "true",
        "1",
        "0777",
        "0x1F",
        "1e400",
        ".inf",
        "0xffffffffffffffffffff",
        "18446744073709551616",
        "<<: ",
        "\t",
        "\r\n",
    ];

    #[test]
    fn byte_offsets_count_the_byte_order_mark_and_wide_characters() {
        let text = "\u{feff}é: ü\r\n'é': x\n";
        let (_, diagnostics) = read_as("a.yaml", text.as_bytes());
        let Place::At(span) = diagnostics[0].place else {
            panic!("{diagnostics:?}");
        };
        assert_eq!(&text[span.start..span.end], "'é'");
        let Place::At(first) = diagnostics[0].related[0].place else {
            panic!("{diagnostics:?}");
        };
        assert_eq!(&text[first.start..first.end], "é");
        assert_eq!((first.line, first.column), (1, 1));
    }

    #[test]
    fn documents_before_a_syntax_error_are_kept() {
        let table = [
            ("a: 1\n---\nb: [\n---\nc: 3\n", ("PS001", 4, 1)),
            ("a: 1\n...\nb: 2\n", ("PS001", 3, 1)),
            ("a: 1\n---\nb: &x [\n---\nc: 3\n", ("PS001", 4, 1)),
        ];
        for (text, place) in table {
            let (documents, diagnostics) = read_as("a.yaml", text.as_bytes());
            assert_eq!(documents.len(), 1, "{text:?}");
            assert_eq!(places(&diagnostics), [place], "{text:?}");
        }
    }

    #[test]
    fn a_document_with_a_finding_is_left_out_and_the_others_stay() {
        let (documents, diagnostics) = read_as(
            "a.yaml",
            b"a: 1\n---\nb: 1\nb: 2\n---\nc: 1e999\n---\nd: 4\n",
        );
        let kept: Vec<usize> = documents.iter().map(|d| d.index).collect();
        assert_eq!(kept, [0, 3]);
        assert_eq!(places(&diagnostics), [("PS004", 4, 1), ("PS006", 6, 4)]);
    }

    #[test]
    fn bombs_end_in_ps003() {
        let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = level - 1;
            let list = vec![format!("*a{before}"); 9].join(", ");
            aliases.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        let long = "x".repeat(100_000);
        let texts = [
            aliases,
            format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 20].join(", ")),
            "- ".repeat(125_000),
            "? ".repeat(125_000),
            "[".repeat(250_000),
            "{a: ".repeat(62_500),
            "{\"a\":".repeat(62_500),
            format!(
                "a: &a {}1{}\nb: [[[[*a]]]]\n",
                "[".repeat(62),
                "]".repeat(62)
            ),
            format!("a: {}", "1".repeat(1024 * 1024)),
        ];
        for file in ["a.yaml", "a.json"] {
            for text in &texts {
                let (documents, diagnostics) = read_as(file, text.as_bytes());
                assert_eq!(documents, []);
                let codes: Vec<&str> = diagnostics.iter().map(|d| d.code.id).collect();
                assert_eq!(codes.last(), Some(&"PS003"), "{text:.40}");
                assert!(codes.len() <= 2, "{text:.40} {diagnostics:?}");
            }
        }
    }

    #[test]
    fn brackets_nested_in_a_text_that_only_the_loader_accepts() {
        let text = format!("a: {{\n}}\nb: {}\n", "[".repeat(100_000));
        let (documents, diagnostics) = read_as("a.yaml", text.as_bytes());
        assert_eq!(documents, []);
        assert_eq!(places(&diagnostics), [("PS003", 2, 1)]);
        let text = format!("a: {{\n}}\nb: {}1{}\n", "[".repeat(70), "]".repeat(70));
        let (documents, diagnostics) = read_as("a.yaml", text.as_bytes());
        assert_eq!(documents, []);
        assert_eq!(places(&diagnostics), [("PS003", 3, 67)]);
    }

    /// Of a text that only the loader accepts, or accepts the beginning of, no place is known but that of the error.
    #[test]
    fn what_breaks_off_is_a_syntax_error_and_no_document() {
        for (text, place) in [
            ("'one' more\n", ("PS001", 1, 7)),
            ("  a: 1\n-\t- b\n", ("PS001", 2, 3)),
            ("{a: 1}# more\nb: 2\n", ("PS001", 1, 7)),
            (">#\n", ("PS001", 1, 2)),
        ] {
            let (documents, diagnostics) = read_as("a.yaml", text.as_bytes());
            assert_eq!(documents, [], "{text}");
            assert_eq!(places(&diagnostics), [place], "{text}");
        }
        // What stands before it is a document of its own.
        let (documents, diagnostics) = read_as("a.yaml", b"a: 1\n---\n'one' more\n");
        assert_eq!(documents.len(), 1);
        assert_eq!(places(&diagnostics), [("PS001", 3, 7)]);
    }

    #[test]
    fn json_goes_the_same_way() {
        let long_key = format!("{{\"{}\": 1e40}}", "k".repeat(1500));
        let good = [
            (
                r#"{"a":1,"b":[true,null,"x\/y"]}"#,
                json!({"a": 1, "b": [true, null, "x/y"]}),
            ),
            (
                "\u{feff}{\n\t\"a\": \"\\ud83d\\ude00\"\n}\n",
                json!({"a": "😀"}),
            ),
            // The scan refuses surrogate pairs, and keys of more than 1,024 characters.
            (
                "{\"a\": \"\\ud83d\\ude00\", \"b\": 1e40}\n",
                json!({"a": "😀", "b": 1e40}),
            ),
            (long_key.as_str(), json!({ "k".repeat(1500): 1e40 })),
        ];
        for (text, expected) in good {
            let (documents, diagnostics) = read_as("a.json", text.as_bytes());
            assert_eq!(diagnostics, [], "{text}");
            assert_eq!(documents[0].value, expected);
        }
        let bad = [
            ("", vec![("PS001", 1, 1)]),
            ("{\n  \"a\": 1,\n}\n", vec![("PS001", 3, 1)]),
            ("{\"a\": 1} # no comments in JSON\n", vec![("PS001", 1, 10)]),
            ("{a: 1}\n", vec![("PS001", 1, 2)]),
            ("{\"é\": x}\n", vec![("PS001", 1, 7)]),
            ("{\"a\": 1, \"a\": 2}\n", vec![("PS004", 1, 10)]),
            ("{\"a\": 9007199254740993}\n", vec![("PS006", 1, 7)]),
            ("{\"a\": \"\\ud83d\"}\n", vec![("PS001", 1, 14)]),
            (
                "{\"a\": \"\\ud83d\\ude00\", \"b\": 99999999999999999999}\n",
                vec![("PS006", 1, 47)],
            ),
        ];
        for (text, expected) in bad {
            let (documents, diagnostics) = read_as("a.json", text.as_bytes());
            assert_eq!(documents, [], "{text}");
            assert_eq!(places(&diagnostics), expected, "{text} {diagnostics:?}");
        }
    }

    #[test]
    fn messages_name_no_second_position() {
        let (_, diagnostics) = read_as("a.json", b"{\"a\" 1}");
        assert_eq!(diagnostics[0].message, "expected `:`");
    }
}
