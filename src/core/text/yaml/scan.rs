//! Scans a text before it is loaded: reads its events without building values, so that content that is
//! too large, too deep or ambiguous is found with its place.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::lines::{Lines, Mark};
use crate::core::base::diagnostic::Code;
use crate::core::base::limits::Limits;

/// Maximum nesting that the loaders can take, whatever is configured.
const MAX_DEPTH: usize = 120;
/// Maximum nesting of brackets that may be loaded without a scan: the loader looks at all of them
/// for every word.
const MAX_BRACKETS: usize = 256;
/// Maximum indentation in a text that is loaded without a scan.
const MAX_INDENT: usize = 120;
/// The largest integer that all readers of JSON keep exactly.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A finding with its place in lines and columns.
#[derive(Debug)]
pub(super) struct ScanFinding {
    pub code: Code,
    pub from: Mark,
    pub to: Mark,
    pub message: String,
    pub label: &'static str,
    pub help: Option<String>,
    /// A related place, with a message.
    pub related: Option<(Mark, Mark, &'static str)>,
}

impl ScanFinding {
    pub(super) fn new(code: Code, (from, to): (Mark, Mark), message: impl Into<String>) -> Self {
        ScanFinding {
            code,
            from,
            to,
            message: message.into(),
            label: "",
            help: None,
            related: None,
        }
    }

    /// Adds the limit because of which the text was not loaded.
    pub(super) fn because(mut self, hazard: Hazard) -> Self {
        if hazard == Hazard::Depth {
            self.code = Code::LIMIT;
            self.message = format!("brackets may be nested deeper than {MAX_BRACKETS} levels");
        }
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// How a scan ended.
pub(super) enum End {
    /// The whole text was scanned.
    Stream,
    /// Nothing after the last finding may be loaded.
    Stop,
    /// This parser does not accept the text. It is stricter than the loader in a few cases.
    Refused(ScanFinding),
}

/// The result of a scan.
pub(super) struct Outline {
    /// The number of documents that were scanned completely.
    pub complete: usize,
    /// Documents with a finding.
    pub broken: BTreeSet<usize>,
    pub findings: Vec<ScanFinding>,
    pub end: End,
}

/// Scans `text`.
pub(super) fn outline(text: &str, limits: &Limits) -> Outline {
    let mut scan = Scan {
        text,
        lines: OnceCell::new(),
        depth: depth(limits),
        budget: limits.file_bytes,
        document: State::default(),
        outline: Outline {
            complete: 0,
            broken: BTreeSet::new(),
            findings: Vec::new(),
            end: End::Stream,
        },
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => scan.event(event, &span),
            Err(error) => {
                let place = (mark(error.marker()), mark(error.marker()));
                let finding = ScanFinding::new(Code::SYNTAX, place, error.info());
                scan.outline.end = End::Refused(finding);
            }
        }
        if !matches!(scan.outline.end, End::Stream) {
            break;
        }
    }
    scan.outline
}

/// The permitted nesting.
pub(super) fn depth(limits: &Limits) -> usize {
    limits.depth.min(MAX_DEPTH)
}

/// Why a text may not be loaded without a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hazard {
    /// Brackets nested so deep that the loader would take very long.
    Depth,
    /// A possible anchor or tag, which only the scan can judge.
    Mark,
}

/// The danger of a text that this parser refuses: it could slow down the loader, or mean something else
/// than it seems to. JSON has neither anchors nor tags, and brackets do not slow down its loader.
pub(super) fn hazard(text: &str, json: bool) -> Option<Hazard> {
    let mut brackets = Brackets::default();
    let mut previous = ' ';
    let mut mark = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        brackets.see(c);
        if brackets.open > MAX_BRACKETS {
            return Some(Hazard::Depth);
        }
        if matches!(c, '!' | '&') {
            mark |= (previous.is_whitespace() || "[{,:".contains(previous))
                && chars.peek().is_some_and(|next| !next.is_whitespace());
        }
        previous = c;
    }
    (mark && !json).then_some(Hazard::Mark)
}

/// Whether a JSON text has an integer of more than 64 bits, which its loader makes a float.
pub(super) fn has_long_integer(json: &str) -> bool {
    let (mut in_string, mut is_escaped) = (false, false);
    let is_between = |c: char| {
        let was_in_string = in_string;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
        was_in_string || !(c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    json.split(is_between).any(|word| {
        let digits = word.strip_prefix('-').unwrap_or(word);
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_integer && word.parse::<i64>().is_err() && word.parse::<u64>().is_err()
    })
}

/// An upper bound on the number of open brackets.
#[derive(Default)]
struct Brackets {
    open: usize,
    /// There are quotes or comments, in which a closing bracket closes nothing.
    doubtful: bool,
}

impl Brackets {
    fn see(&mut self, c: char) {
        match c {
            '[' | '{' => self.open += 1,
            ']' | '}' if !self.doubtful => self.open = self.open.saturating_sub(1),
            '"' | '\'' | '#' => self.doubtful = self.open > 0,
            _ => {}
        }
    }
}

/// Whether a text has nothing that only the scan can judge: no tags, no anchors, no directives,
/// no deep nesting. If the loader accepts such a text, the scan does too.
pub(super) fn is_plain(text: &str) -> bool {
    let mut brackets = Brackets::default();
    for line in text.split('\n') {
        if line.starts_with('%') || indentation(line) > MAX_INDENT {
            return false;
        }
        if line == "---" || line.starts_with("--- ") {
            // Nothing is open here.
            brackets = Brackets::default();
        }
        let mut previous = ' ';
        for c in line.chars() {
            brackets.see(c);
            if matches!(c, '!' | '&') && " \t[{,:".contains(previous) {
                return false;
            }
            previous = c;
        }
        if brackets.open > MAX_BRACKETS {
            return false;
        }
    }
    true
}

/// Columns before the first character on a line that opens no level: block collections have at most
/// twice as many levels.
fn indentation(line: &str) -> usize {
    let inner = line.trim_start_matches([' ', '-', '?', ':', '\t']);
    line.len() - inner.len()
}

struct Scan<'t> {
    text: &'t str,
    lines: OnceCell<Lines>,
    depth: usize,
    budget: usize,
    document: State<'t>,
    outline: Outline,
}

/// The state of the scan in a document.
#[derive(Default)]
struct State<'t> {
    frames: Vec<Frame<'t>>,
    anchors: HashMap<usize, Extent>,
    names: HashSet<&'t str>,
    /// The number of values and of bytes of text, with aliases expanded.
    weight: usize,
    /// The part of `weight` that comes from aliases.
    repeated: usize,
}

/// The size of the value of an anchor.
#[derive(Clone, Copy)]
struct Extent {
    weight: usize,
    height: usize,
}

/// An open collection.
struct Frame<'t> {
    /// `Some` for a mapping.
    keys: Option<Keys<'t>>,
    /// Whether it is in an extension.
    extension: bool,
    /// Whether it is a key.
    is_key: bool,
    anchor: usize,
    /// The weight of the document before it.
    before: usize,
    /// Nesting below it.
    height: usize,
}

#[derive(Default)]
struct Keys<'t> {
    seen: HashMap<Cow<'t, str>, (Mark, Mark)>,
    /// Whether the last key is that of an extension.
    extension: bool,
    value_is_next: bool,
}

impl<'t> Scan<'t> {
    fn event(&mut self, event: Event<'t>, span: &Span) {
        let place = (mark(&span.start), mark(&span.end));
        match event {
            Event::DocumentStart(_) => self.document = State::default(),
            Event::DocumentEnd => self.outline.complete += 1,
            Event::Scalar(text, style, anchor, tag) => {
                self.anchor(anchor, place);
                let before = self.document.weight;
                self.document.weight += 1 + text.len();
                if self.at_key() {
                    self.key(text, style, tag.as_deref(), place);
                } else {
                    self.value(&text, style, tag.as_deref(), place);
                }
                self.close(anchor, before, 0);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), "seq", None, place);
            }
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), "map", Some(Keys::default()), place);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(frame) = self.document.frames.pop() {
                    self.close(frame.anchor, frame.before, frame.height + 1);
                }
            }
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
    }

    fn open(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        own_tag: &str,
        keys: Option<Keys<'t>>,
        place: (Mark, Mark),
    ) {
        self.anchor(anchor, place);
        let is_key = self.at_key();
        let extension = self.in_extension();
        let within_key = self.document.frames.last().is_some_and(|f| f.is_key);
        if is_key && !within_key {
            self.report(
                ScanFinding::new(Code::BAD_KEY, place, "a key is a list or a mapping")
                    .help("keys are strings"),
            );
        }
        if let Some(tag) = tag
            && core_tag(tag).as_deref() != Some(own_tag)
        {
            self.unknown_tag(tag, place);
        }
        self.document.frames.push(Frame {
            keys,
            extension,
            is_key,
            anchor,
            before: self.document.weight,
            height: 0,
        });
        self.document.weight += 1;
        if self.document.frames.len() > self.depth {
            self.limit(
                place,
                format!("values are nested deeper than {} levels", self.depth),
            );
        }
    }

    /// Ends a value: remembers it for aliases, and updates the surrounding collection.
    fn close(&mut self, anchor: usize, before: usize, height: usize) {
        let weight = self.document.weight.saturating_sub(before);
        if anchor != 0 {
            self.document
                .anchors
                .insert(anchor, Extent { weight, height });
        }
        if let Some(parent) = self.document.frames.last_mut() {
            parent.height = parent.height.max(height);
            if let Some(keys) = &mut parent.keys {
                keys.value_is_next = !keys.value_is_next;
            }
        }
    }

    fn alias(&mut self, anchor: usize, place: (Mark, Mark)) {
        if self.at_key() {
            self.report(
                ScanFinding::new(Code::BAD_KEY, place, "a key is an alias")
                    .help("write the key without an alias"),
            );
        }
        let Some(extent) = self.document.anchors.get(&anchor).copied() else {
            self.limit(place, "an alias stands inside its own anchor");
            return;
        };
        let before = self.document.weight;
        self.document.weight = before.saturating_add(extent.weight);
        self.document.repeated = self.document.repeated.saturating_add(extent.weight);
        self.close(0, before, extent.height);
        if self.document.repeated > self.budget {
            self.limit(
                place,
                format!(
                    "with its aliases expanded, the document is larger than {} bytes",
                    self.budget
                ),
            );
        } else if self.document.frames.len() + extent.height > self.depth {
            self.limit(
                place,
                format!("this alias nests values deeper than {} levels", self.depth),
            );
        }
    }

    /// Reports an anchor that is defined again: that changes the meaning of its aliases, and readers
    /// disagree about it.
    fn anchor(&mut self, anchor: usize, place: (Mark, Mark)) {
        if anchor == 0 {
            return;
        }
        let Some(name) = self.anchor_name(place.0) else {
            self.report(
                ScanFinding::new(Code::SYNTAX, place, "an anchor without a name")
                    .help("write a name after `&`, or put the value in quotes"),
            );
            return;
        };
        if !self.document.names.insert(name) {
            self.report(
                ScanFinding::new(
                    Code::SYNTAX,
                    place,
                    format!("the anchor `&{name}` is defined twice"),
                )
                .help("give each anchor its own name"),
            );
        }
    }

    /// The name in `&name` at a place, possibly after a tag and comments.
    fn anchor_name(&self, at: Mark) -> Option<&'t str> {
        let lines = self.lines.get_or_init(|| Lines::new(self.text, 0));
        let mut rest = self.text.get(lines.span(at, at).start..)?;
        loop {
            rest = rest.trim_start();
            let end = match rest.chars().next()? {
                '&' => {
                    let name = rest.get(1..)?;
                    let end = name.find(|c: char| c.is_whitespace() || "[]{},".contains(c));
                    return name.get(..end.unwrap_or(name.len()));
                }
                '#' => rest.find('\n'),
                '!' => rest.find(char::is_whitespace),
                _ => None,
            };
            rest = rest.get(end?..)?;
        }
    }

    /// Whether the current value is in an extension.
    fn in_extension(&self) -> bool {
        self.document.frames.last().is_some_and(|frame| {
            let of_key = frame.keys.as_ref().is_some_and(|keys| keys.extension);
            frame.extension || of_key
        })
    }

    fn at_key(&self) -> bool {
        self.document
            .frames
            .last()
            .and_then(|frame| frame.keys.as_ref())
            .is_some_and(|keys| !keys.value_is_next)
    }

    fn key(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        place: (Mark, Mark),
    ) {
        let plain = style == ScalarStyle::Plain;
        match tag.map(core_tag) {
            None if plain => {
                if text.is_empty() {
                    self.report(
                        ScanFinding::new(Code::BAD_KEY, place, "a key is empty")
                            .help("write a name before the colon"),
                    );
                    return;
                }
                if let Some(what) = resolve(&text).not_a_string() {
                    self.report(
                        ScanFinding::new(
                            Code::BAD_KEY,
                            place,
                            format!("the key `{text}` is {what}, not a string"),
                        )
                        .help(format!("write it in quotes: `\"{text}\"`")),
                    );
                    return;
                }
            }
            None => {}
            Some(core) if core.as_deref() == Some("str") => {}
            Some(_) => {
                self.report(
                    ScanFinding::new(Code::BAD_KEY, place, "a key with a tag")
                        .help("keys are strings"),
                );
                return;
            }
        }
        if text == "<<" {
            self.report(
                ScanFinding::new(Code::BAD_KEY, place, "merge keys (`<<`) are not supported")
                    .help("write the fields without `<<`"),
            );
            return;
        }
        let Some(keys) = self
            .document
            .frames
            .last_mut()
            .and_then(|frame| frame.keys.as_mut())
        else {
            return;
        };
        keys.extension = is_extension(&text);
        if let Some(first) = keys.seen.get(&text).copied() {
            let mut finding = ScanFinding::new(
                Code::DUPLICATE_KEY,
                place,
                format!("the key `{text}` appears twice in one mapping"),
            );
            finding.label = "again here";
            finding.related = Some((first.0, first.1, "first here"));
            self.report(finding);
        } else {
            keys.seen.insert(text, place);
        }
    }

    fn value(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: (Mark, Mark)) {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if is_block && self.document.frames.is_empty() {
            // Readers disagree where it ends: some take `---` for a part of it.
            let message = "a document must be a mapping, but this is a block of text";
            self.report(
                ScanFinding::new(Code::SYNTAX, place, message)
                    .help("start the document with a key: `apiVersion: …`"),
            );
            self.outline.end = End::Stop;
            return;
        }
        let scalar = match tag {
            None if style == ScalarStyle::Plain => resolve(text),
            None => return,
            Some(tag) => {
                let Some(core) = core_tag(tag) else {
                    return self.unknown_tag(tag, place);
                };
                let scalar = resolve(text);
                match (core.as_str(), scalar) {
                    ("str", _) => return,
                    ("int", Scalar::Int { .. })
                    | ("float", Scalar::Int { .. } | Scalar::Float { .. })
                    | ("bool", Scalar::Bool)
                    | ("null", Scalar::Null) => scalar,
                    ("int" | "float" | "bool" | "null", _) => {
                        let message = format!("`{text}` does not fit its tag `!!{core}`");
                        return self.report(ScanFinding::new(Code::BAD_SCALAR, place, message));
                    }
                    _ => return self.unknown_tag(tag, place),
                }
            }
        };
        match scalar {
            Scalar::Int { safe: false } if self.in_extension() && has_64_bits(text) => {}
            Scalar::Int { safe: false } => self.report(
                ScanFinding::new(
                    Code::BAD_SCALAR,
                    place,
                    format!("the integer `{text}` is outside ±{MAX_INTEGER}"),
                )
                .help("write it in quotes, as a string"),
            ),
            Scalar::Float { finite: false } => self.report(
                ScanFinding::new(
                    Code::BAD_SCALAR,
                    place,
                    format!("the number `{text}` is not finite"),
                )
                .help("write it in quotes, as a string"),
            ),
            _ => {}
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, place: (Mark, Mark)) {
        let shown = match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("tag:yaml.org,2002:", suffix) => format!("!!{suffix}"),
            (handle, suffix) => format!("{handle}{suffix}"),
        };
        self.report(
            ScanFinding::new(
                Code::BAD_SCALAR,
                place,
                format!("the tag `{shown}` is not supported here"),
            )
            .help("remove the tag; use quotes for a string"),
        );
    }

    fn report(&mut self, finding: ScanFinding) {
        self.outline.broken.insert(self.outline.complete);
        self.outline.findings.push(finding);
    }

    fn limit(&mut self, place: (Mark, Mark), message: impl Into<String>) {
        self.report(ScanFinding::new(Code::LIMIT, place, message));
        self.outline.end = End::Stop;
    }
}

/// Whether a key is that of an extension for other programs. That of planspec itself matters here.
pub(super) fn is_extension(key: &str) -> bool {
    key.starts_with("x-") && key != "x-planspec"
}

/// Whether an integer is kept where it is not used for calculations.
fn has_64_bits(text: &str) -> bool {
    text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
}

fn mark(marker: &Marker) -> Mark {
    Mark {
        line: marker.line(),
        column: marker.col(),
    }
}

/// `int` for `!!int` and its long forms.
fn core_tag(tag: &Tag) -> Option<String> {
    format!("{}{}", tag.handle, tag.suffix)
        .strip_prefix("tag:yaml.org,2002:")
        .map(str::to_owned)
}

/// The type of a plain scalar, by the rules of the loader (YAML 1.2's core schema).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    Bool,
    Int {
        /// Within ±[`MAX_INTEGER`].
        safe: bool,
    },
    Float {
        finite: bool,
    },
    String,
}

impl Scalar {
    /// Whether it is a number that cannot be represented.
    pub(super) fn is_beyond(self) -> bool {
        matches!(
            self,
            Scalar::Int { safe: false } | Scalar::Float { finite: false }
        )
    }

    pub(super) fn not_a_string(self) -> Option<&'static str> {
        match self {
            Scalar::Null => Some("null"),
            Scalar::Bool => Some("a boolean"),
            Scalar::Int { .. } | Scalar::Float { .. } => Some("a number"),
            Scalar::String => None,
        }
    }
}

pub(super) fn resolve(text: &str) -> Scalar {
    let is_word = |first: &u8| first.is_ascii_alphabetic() && !b"nNtTfF".contains(first);
    if text.as_bytes().first().is_some_and(is_word) {
        return Scalar::String;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Scalar::Bool,
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float { finite: false },
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Scalar::Float { finite: false };
    }
    let (radix, digits) = match unsigned.get(..2) {
        Some("0x") => (16, &unsigned[2..]),
        Some("0o") => (8, &unsigned[2..]),
        Some("0b") => (2, &unsigned[2..]),
        _ => (10, unsigned),
    };
    if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
        // With leading zeros, YAML 1.2 reads a string, YAML 1.1 an octal number.
        if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
            return Scalar::String;
        }
        let safe = u64::from_str_radix(digits, radix).is_ok_and(|number| number <= MAX_INTEGER);
        return Scalar::Int { safe };
    }
    let looks_like_float = unsigned
        .chars()
        .all(|c| c.is_ascii_digit() || "+-.eE".contains(c))
        && !unsigned.starts_with(['+', '-']);
    match unsigned.parse::<f64>() {
        Ok(number) if looks_like_float => Scalar::Float {
            finite: number.is_finite(),
        },
        _ => Scalar::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_too_long_for_json_are_told_from_other_numbers() {
        let table = [
            ("[18446744073709551615, -9223372036854775808]", false),
            ("[18446744073709551616]", true),
            (r#"{"a": -9223372036854775809}"#, true),
            ("[1e300, 123456789012345678901.0, 2E+30]", false),
            (
                r#"["123456789012345678901", "\"123456789012345678901"]"#,
                false,
            ),
            (r#"["\\", 123456789012345678901]"#, true),
            ("", false),
        ];
        for (text, expected) in table {
            assert_eq!(has_long_integer(text), expected, "{text}");
        }
    }

    #[test]
    fn plain_scalars_are_what_yaml_1_2_says() {
        let int = Scalar::Int { safe: true };
        let big = Scalar::Int { safe: false };
        let float = Scalar::Float { finite: true };
        let infinite = Scalar::Float { finite: false };
        let table = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("true", Scalar::Bool),
            ("yes", Scalar::String),
            ("no", Scalar::String),
            ("on", Scalar::String),
            ("off", Scalar::String),
            ("0", int),
            ("-12", int),
            ("+12", int),
            ("0x1F", int),
            ("0o17", int),
            ("0777", Scalar::String),
            ("1_000", Scalar::String),
            ("2026-11-20", Scalar::String),
            ("12:30", Scalar::String),
            ("9007199254740991", int),
            ("9007199254740992", big),
            ("-9007199254740992", big),
            ("0xffffffffffffffffffffffffffffffffffffffff", big),
            ("99999999999999999999999999999999999999999999", big),
            ("1.5", float),
            (".5", float),
            ("1e5", float),
            ("1e400", infinite),
            ("-1e400", infinite),
            (".nan", infinite),
            ("-.inf", infinite),
            ("inf", Scalar::String),
            ("nan", Scalar::String),
            ("--1", Scalar::String),
            ("+-1.0", Scalar::String),
            ("1.2.3", Scalar::String),
            ("é", Scalar::String),
            ("aé", Scalar::String),
        ];
        for (text, expected) in table {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }

    #[test]
    fn hazards_are_anchors_tags_and_deep_brackets() {
        let table = [
            ("a: [\n]", None),
            ("a: b & c ! d", None),
            ("a: R&D!", None),
            ("a: &b c", Some(Hazard::Mark)),
            ("a: !b c", Some(Hazard::Mark)),
            ("[!b c]", Some(Hazard::Mark)),
            ("a: [\"]\", '}']", None),
        ];
        for (text, expected) in table {
            assert_eq!(hazard(text, false), expected, "{text}");
            assert_eq!(hazard(text, true), None, "{text}");
        }
        for hiding in ["[", "[\"]\",", "['}',", "[ # ]\n", "{\"\n}\": "] {
            let deep = hiding.repeat(MAX_BRACKETS + 1);
            assert_eq!(hazard(&deep, false), Some(Hazard::Depth), "{hiding}");
            assert_eq!(hazard(&deep, true), Some(Hazard::Depth), "{hiding}");
            assert!(!is_plain(&deep), "{hiding}");
        }
        let flat = "- [a, {b: c}]\n- it's [1]\n".repeat(MAX_BRACKETS + 1);
        assert_eq!(hazard(&flat, false), None);
        assert!(is_plain(&flat));
    }

    #[test]
    fn plain_texts_have_no_marks_and_no_depth() {
        let table = [
            ("a: b\n- c: {d: [e]}\n", true),
            ("a: R&D!\n", true),
            ("a: !x b\n", false),
            ("a: ! b\n", false),
            ("!x a: b\n", false),
            ("a: &x b\n", false),
            ("{\"a\":!x b}\n", false),
            ("%TAG ! tag:x,2000:\n---\na: b\n", false),
        ];
        for (text, expected) in table {
            assert_eq!(is_plain(text), expected, "{text}");
        }
        for deep in ["- ", "? ", "  ", "- ? ", ": "] {
            assert!(
                !is_plain(&format!("{}x\n", deep.repeat(MAX_INDENT))),
                "{deep}"
            );
        }
    }
}
