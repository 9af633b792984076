//! Comments that allow a finding, with a reason:
//!
//! ```yaml
//! # planspec: allow PS204 the team that does this starts in May
//! - name: load-test
//! ```
//!
//! Such a comment applies to its own line, or if it has a line to itself, to the next line that is
//! not a comment. It suppresses findings of that one rule, unless they are fatal
//! ([`Code::is_fatal`]).

use std::collections::BTreeMap;

use crate::core::base::diagnostic::{Code, Diagnostic, Place, Span};
use crate::core::base::suggest::suggestion;
use crate::core::text::locate::{Lines, locate_all, scalars};

/// The beginning of comments for this program.
const MARKER: &str = "planspec:";

/// A comment that allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// The rule.
    pub code: Code,
    /// The line that it applies to, from 1.
    pub line: usize,
    /// The comment itself.
    pub span: Span,
    /// The reason.
    pub reason: String,
}

/// Reads the allow comments of a YAML file. Returns them with the findings about them.
pub fn read(file: &str, text: &str) -> (Vec<Allow>, Vec<Diagnostic>) {
    let mut allows = Vec::new();
    let mut findings = Vec::new();
    if !text.contains(MARKER) {
        return (allows, findings);
    }
    let lines = Lines::new(text);
    let mut spoken_of = 0;
    for comment in comments(text) {
        let Some(words) = comment.words.strip_prefix("allow") else {
            continue;
        };
        if words.starts_with(|c: char| c.is_alphanumeric() || c == '-') {
            continue;
        }
        let start = comment.start;
        let span = lines.span(start..start + comment.len);
        // Several comment lines in a row apply to the same line.
        if spoken_of <= span.line {
            spoken_of = line_spoken_of(&lines, span.line);
        }
        match allowed(words) {
            Ok((code, reason)) => allows.push(Allow {
                code,
                line: spoken_of,
                span,
                reason: reason.to_owned(),
            }),
            Err(wrong) => findings.push(
                Diagnostic::new(wrong.code, file, Place::At(span), wrong.message).help(wrong.help),
            ),
        }
    }
    (allows, findings)
}

/// A comment that begins with [`MARKER`].
struct Comment<'t> {
    /// Offset of its `#`.
    start: usize,
    /// Its length in bytes.
    len: usize,
    /// The text after the marker.
    words: &'t str,
}

fn comments(text: &str) -> impl Iterator<Item = Comment<'_>> {
    let scalars = scalars(text);
    text.match_indices(MARKER).filter_map(move |(at, _)| {
        let before = text.get(..at)?.trim_end_matches([' ', '\t']);
        let start = before.strip_suffix('#')?.len();
        let is_apart = text
            .get(..start)?
            .chars()
            .next_back()
            .is_none_or(|c| c.is_whitespace() || c == '\u{feff}');
        let next = scalars.partition_point(|scalar| scalar.end <= start);
        let is_text = scalars
            .get(next)
            .is_some_and(|scalar| scalar.start <= start);
        let comment = text.get(start..)?.lines().next()?.trim_end();
        let words = comment.split_once(MARKER)?.1.trim();
        (is_apart && !is_text).then_some(Comment {
            start,
            len: comment.len(),
            words,
        })
    })
}

/// An error in a comment.
struct Wrong {
    code: Code,
    message: String,
    help: String,
}

/// The rule that a comment names, if it also has a reason.
fn allowed(words: &str) -> Result<(Code, &str), Wrong> {
    const FORM: &str = "write `# planspec: allow PS204 <why it is fine here>`";
    let incomplete = |message: &str| Wrong {
        code: Code::INCOMPLETE_ALLOW,
        message: message.to_owned(),
        help: FORM.to_owned(),
    };
    let words = words.trim();
    let (name, reason) = words
        .split_once([' ', '\t', ':', ','])
        .unwrap_or((words, ""));
    if !looks_like_a_code(name) {
        return Err(incomplete("the comment does not say which rule it allows"));
    }
    let Some(code) = Code::parse(name) else {
        let codes = Code::ALL.iter().map(|code| code.id);
        let otherwise = || "`planspec explain --list` shows all rules".to_owned();
        return Err(Wrong {
            code: Code::UNKNOWN_ALLOW,
            message: format!("there is no rule `{name}` in this version"),
            help: suggestion(name, codes, otherwise),
        });
    };
    if !is_allowable(code) {
        return Err(Wrong {
            code: Code::UNKNOWN_ALLOW,
            message: format!("{code} cannot be allowed: {}", code.title),
            help: format!("remove the comment; see `planspec explain {code}`"),
        });
    }
    if reason.contains(char::is_alphanumeric) {
        Ok((code, reason.trim()))
    } else {
        Err(incomplete("the comment does not say why"))
    }
}

fn looks_like_a_code(word: &str) -> bool {
    let (group, number) = word.split_at_checked(2).unwrap_or_default();
    group.eq_ignore_ascii_case("PS") && number.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a comment can suppress this rule. Findings about files have no line for a comment;
/// findings about such comments would be circular.
fn is_allowable(code: Code) -> bool {
    const NEVER: [Code; 13] = [
        // Not to be suppressed by the change itself.
        Code::POLICY_CHANGED,
        Code::OUT_OF_SCOPE,
        Code::PROSE_ALONE,
        Code::LEFT_PATHS,
        Code::FINALIZERS_STAND,
        Code::NO_RESOURCES,
        Code::NO_SIGNERS,
        Code::SIGNER_LINE,
        Code::SHARED_KEY,
        Code::ODD_MEMBER,
        Code::INCOMPLETE_ALLOW,
        Code::UNKNOWN_ALLOW,
        Code::UNUSED_ALLOW,
    ];
    !code.is_fatal() && !NEVER.contains(&code)
}

/// The comment's own line if it has something else, else the next line that is not a comment.
fn line_spoken_of(lines: &Lines<'_>, comment: usize) -> usize {
    let content = |line: usize| lines.range(line).and_then(|range| lines.text().get(range));
    let is_comment =
        |line: &usize| content(*line).is_some_and(|content| content.trim_start().starts_with('#'));
    (comment..)
        .find(|line| !is_comment(line))
        .unwrap_or(comment)
}

/// Removes the findings that comments allow. Returns the unused comments by file; `text_of` returns
/// the text of a file.
pub fn apply<'a>(
    findings: &mut Vec<Diagnostic>,
    allows: &'a BTreeMap<String, Vec<Allow>>,
    text_of: impl Fn(&str) -> Option<String>,
) -> Vec<(&'a str, &'a Allow)> {
    // Only findings whose code is in a comment of their file need to be located.
    let mut candidates: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if let Some((file, allows)) = allows.get_key_value(&finding.file)
            && allows.iter().any(|allow| allow.code == finding.code)
        {
            candidates.entry(file).or_default().push(index);
        }
    }
    let mut allowed = vec![false; findings.len()];
    let mut unused = Vec::new();
    for (file, allows) in allows {
        let found = candidates.get(file.as_str()).map_or(&[][..], Vec::as_slice);
        let places: Vec<&Place> = found.iter().map(|index| &findings[*index].place).collect();
        let spans = match (places.is_empty(), text_of(file)) {
            (false, Some(text)) => locate_all(&text, &places),
            _ => vec![None; places.len()],
        };
        let mut meant: BTreeMap<(Code, usize), Vec<usize>> = BTreeMap::new();
        for (index, span) in found.iter().zip(spans) {
            if let Some(span) = span {
                let key = (findings[*index].code, span.line);
                meant.entry(key).or_default().push(*index);
            }
        }
        for allow in allows {
            match meant.get(&(allow.code, allow.line)) {
                Some(meant) => meant.iter().for_each(|index| allowed[*index] = true),
                None => unused.push((file.as_str(), allow)),
            }
        }
    }
    let mut allowed = allowed.into_iter();
    findings.retain(|_| !allowed.next().unwrap_or(false));
    unused
}

/// The finding about an unused comment.
pub fn unused(file: &str, allow: &Allow) -> Diagnostic {
    let code = allow.code;
    Diagnostic::new(
        Code::UNUSED_ALLOW,
        file,
        Place::At(allow.span),
        format!("there is no {code} to allow on line {}", allow.line),
    )
    .label("allows nothing")
    .help("remove the comment, or move it to the line of the finding or the line before it")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::base::source::{Content, SourceFile};
    use crate::core::repository::config::Config;
    use crate::core::repository::snapshot::Snapshot;

    /// Code and line of an allow comment.
    type Allowed = (&'static str, usize);
    /// Code, line and column of a finding about a comment.
    type Found = (&'static str, usize, usize);

    fn reading(text: &str) -> (Vec<Allowed>, Vec<Found>) {
        let (allows, findings) = read("a.yaml", text);
        for finding in &findings {
            assert!(finding.help.is_some(), "{finding:?}");
        }
        let place = |finding: &Diagnostic| match finding.place {
            Place::At(span) => (finding.code.id, span.line, span.column),
            _ => panic!("{finding:?}"),
        };
        (
            allows
                .iter()
                .map(|allow| (allow.code.id, allow.line))
                .collect(),
            findings.iter().map(place).collect(),
        )
    }

    #[test]
    fn a_comment_speaks_of_its_line_or_of_the_next() {
        let table: [(&str, &[(&str, usize)]); 12] = [
            ("a: 1 # planspec: allow PS204 why\n", &[("PS204", 1)]),
            ("# planspec: allow PS204 why\na: 1\n", &[("PS204", 2)]),
            ("#planspec:allow ps204: why\na: 1\n", &[("PS204", 2)]),
            (
                "\u{feff}# planspec:   allow PS204, why\r\na: 1\r\n",
                &[("PS204", 2)],
            ),
            (
                "# planspec: allow PS204 why\n# more words\n  # planspec: allow PS205 why\na: 1\n",
                &[("PS204", 4), ("PS205", 4)],
            ),
            ("a:\n  # planspec: allow PS204 why\n", &[("PS204", 3)]),
            ("a: 'it''s' # planspec: allow PS204 why\n", &[("PS204", 1)]),
            (
                "a: | # planspec: allow PS204 why\n  text\n",
                &[("PS204", 1)],
            ),
            (
                "a: |\n  text\n# planspec: allow PS204 why\nb: 1\n",
                &[("PS204", 4)],
            ),
            (
                "é: 👍 # planspec: allow PS204 why\nb: [ # planspec: allow PS205 why\n  x]\n",
                &[("PS204", 1), ("PS205", 2)],
            ),
            (
                "a: 1 # planspec: allow PS204 x\n--- # planspec: allow PS205 why\nb: 1\n",
                &[("PS204", 1), ("PS205", 2)],
            ),
            ("a: [\n# planspec: allow PS204 why\n]: }\n", &[("PS204", 3)]),
        ];
        for (text, expected) in table {
            assert_eq!(reading(text), (expected.to_vec(), vec![]), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_allow_comment() {
        for text in [
            "",
            "a: '# planspec: allow PS204 why'\n",
            "a: \"x # planspec: allow PS204 why\"\n",
            "a: |\n  # planspec: allow PS204 why\n  text\n",
            "a: >-\n  text\n  # planspec: allow PS204 why\n\n  more\n",
            "a: x# planspec: allow PS204 why\n",
            "a: 1 # planspec: allowed PS204 why\n",
            "a: 1 # planspec: allow-all PS204 why\n",
            "a: 1 # our planspec: allow PS204 why\n",
            "a: 1 # planspec: the plan of plans\n",
        ] {
            assert_eq!(reading(text), (vec![], vec![]), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_comment() {
        let table = [
            ("a: 1 # planspec: allow\n", ("PS501", 1, 6)),
            ("a: 1 # planspec: allow PS204\n", ("PS501", 1, 6)),
            ("a: 1 # planspec: allow PS204 --\n", ("PS501", 1, 6)),
            ("a: 1 # planspec: allow it is fine\n", ("PS501", 1, 6)),
            ("é: 1\n# planspec: allow PS2O4 why\n", ("PS502", 2, 1)),
            ("a: 1 # planspec: allow PS999 why\n", ("PS502", 1, 6)),
            ("a: 1 # planspec: allow PS304 why\n", ("PS502", 1, 6)),
            ("a: 1 # planspec: allow PS102 why\n", ("PS502", 1, 6)),
            ("a: 1 # planspec: allow PS007 why\n", ("PS502", 1, 6)),
            ("a: 1 # planspec: allow PS503 why\n", ("PS502", 1, 6)),
        ];
        for (text, expected) in table {
            assert_eq!(reading(text), (vec![], vec![expected]), "{text:?}");
        }
        let (_, findings) = read("a.yaml", "# planspec: allow PS2044 why\n");
        assert_eq!(findings[0].help.as_deref(), Some("did you mean `PS204`?"));
    }

    const PLAN: &str = "apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: p, namespace: n}
spec:
  description: d
  graph:
    nodes:
      - id: a
        kind: Task
        capabilityRefs: [{name: x}, {name: y}]
      - id: b
        kind: Task
        capabilityRefs: [{name: x}]
";

    /// Code and message of the findings in a file.
    fn found(path: &str, text: &str) -> Vec<(&'static str, String)> {
        let file = SourceFile {
            path: path.to_owned(),
            blob: String::new(),
            content: Content::Bytes(text.as_bytes().into()),
        };
        let snapshot = Snapshot::build(&[file], &Config::default());
        let findings = snapshot.diagnostics().iter();
        findings.map(|f| (f.code.id, f.message.clone())).collect()
    }

    #[test]
    fn all_findings_of_the_rule_on_the_line_are_allowed_and_no_others() {
        let missing = |name: &str| ("PS204", format!("capability `n/{name}` does not exist"));
        assert_eq!(
            found("a.yaml", PLAN),
            [missing("x"), missing("y"), missing("x")]
        );
        let text = PLAN.replacen("}]\n", "}] # planspec: allow PS204 they come in May\n", 1);
        assert_eq!(found("a.yaml", &text), [missing("x")]);
        let other = text.replace("PS204", "PS205");
        assert_eq!(
            found("a.yaml", &other),
            [
                missing("x"),
                missing("y"),
                missing("x"),
                ("PS503", "there is no PS205 to allow on line 10".to_owned())
            ]
        );
        // Comments in one file do not apply to another, and JSON has none.
        let json = "{\"a\": \"# planspec: allow PS204 why\"}";
        assert_eq!(found("a.json", json).len(), 1);
    }

    #[test]
    fn rules_about_change_are_not_called_unused() {
        let text = format!("{PLAN}# planspec: allow PS208 why\n");
        assert_eq!(found("a.yaml", &text).last().unwrap().0, "PS503");
        let about_change = |code: &&Code| code.is_about_change() && is_allowable(**code);
        for code in Code::ALL.iter().filter(about_change) {
            let text = text.replace("PS208", code.id);
            let codes = found("a.yaml", &text).into_iter().map(|(code, _)| code);
            assert_eq!(codes.collect::<Vec<_>>(), ["PS204"; 3], "{code}");
        }
    }
}
