//! Explains syntax errors. Parsers report what they ran into, which is rarely the mistake: if the text
//! shows the mistake, it is reported, otherwise where to look.

use std::ops::Range;

use saphyr_parser::Parser;

use crate::core::base::diagnostic::{Code, Diagnostic, Place, Span};
use crate::core::base::fix::{Change, Fix};

/// Maximum length of a value that is shown in quotes.
const LONGEST_EXAMPLE: usize = 60;

/// Adds help to a finding that has none. `text` is the whole file.
pub(super) fn with_a_way_out(mut finding: Diagnostic, text: &str, json: bool) -> Diagnostic {
    let is_unread = matches!(finding.code, Code::SYNTAX | Code::BAD_KEY);
    let line = match &finding.place {
        Place::At(span) => text.get(..span.start).and_then(|text| text.rfind('\n')),
        _ => None,
    };
    let from_line = text.get(line.unwrap_or_default()..).and_then(template);
    if is_unread && let Some(mark) = from_line.or_else(|| template(text)) {
        finding.message = format!("this is a template: `{mark}` is a placeholder");
        finding.fix = None;
        finding.help = Some(
            "render the file with its tool (such as Helm or Jinja) first; for values that are \
             known when a run starts, use parameters: `${parameters.<name>}`"
                .to_owned(),
        );
        return finding;
    }
    if finding.help.is_some() {
        return finding;
    }
    if finding.code == Code::SYNTAX && say_what_it_is(&mut finding, text, json) {
        return finding;
    }
    let help = match (finding.code, json) {
        (Code::SYNTAX, true) => {
            "check for a missing or extra comma, bracket or quote, here or just before"
        }
        (Code::SYNTAX, false) => {
            "check the indentation (spaces, no tabs), and check for unclosed quotes and brackets, \
             here or just before"
        }
        (Code::DUPLICATE_KEY, _) => "keep one of them",
        (Code::BAD_KEY, _) => "keys are strings",
        (Code::BAD_SCALAR, _) => "remove the tag, or write a value that fits it",
        (Code::LIMIT, _) => {
            "reduce the nesting, or raise `limits.depth` or `limits.fileBytes` in .planspec.yaml and commit that"
        }
        _ => return finding,
    };
    finding.help = Some(help.to_owned());
    finding
}

/// Explains a syntax error if the text shows its cause; returns whether it does.
fn say_what_it_is(finding: &mut Diagnostic, text: &str, json: bool) -> bool {
    if let Some(span) = conflict(text) {
        finding.place = Place::At(span);
        finding.message = "a merge conflict is not resolved".to_owned();
        finding.label = "it starts here".to_owned();
        finding.help = Some(
            "choose what to keep, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`"
                .to_owned(),
        );
        return true;
    }
    let at = match &finding.place {
        Place::At(span) => span.start,
        _ => 0,
    };
    let (before, rest) = text.split_at_checked(at).unwrap_or(("", text));
    finding.fix = fenced(text);
    finding.help = match json {
        _ if has_fence(text) => Some(format!(
            "the file must contain only {}: delete the lines with ``` and the text around them",
            if json { "JSON" } else { "YAML" }
        )),
        true if text.trim_start_matches('\u{feff}').trim().is_empty() => {
            finding.message = "the file is empty".to_owned();
            Some("write a document; `planspec new document NAME` creates a template".to_owned())
        }
        true => of_json(finding, before, rest),
        false if let Some(fix) = with_dashes(text) => {
            finding.fix = Some(fix);
            Some("start a list entry with a hyphen and a space: `- `".to_owned())
        }
        false if let Some(fix) = without_tabs(text) => {
            finding.fix = Some(fix);
            Some("indent with spaces; tabs are not allowed".to_owned())
        }
        false => {
            let quoted = of_yaml(before, rest);
            finding.fix = quoted.as_ref().and_then(|_| in_quotes(before, rest));
            quoted
        }
    };
    finding.help.is_some()
}

fn replaced(range: Range<usize>, with: &str) -> Change {
    Change::Text {
        start: range.start,
        end: range.end,
        with: with.to_owned(),
    }
}

/// Whether the text contains a Markdown code fence.
fn has_fence(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("```"))
}

/// Removes the text around the only Markdown code block.
fn fenced(text: &str) -> Option<Fix> {
    let mut fences = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // An indented fence may be part of a text in the file.
        if line.starts_with("```") {
            fences.push(start..start + line.len());
        }
        start += line.len();
    }
    let first = fences.first()?.clone();
    let inside = match fences.get(1..)? {
        [second] => first.end..second.start,
        // A fence without its counterpart.
        [] if text.get(first.end..)?.trim().is_empty() => 0..first.start,
        [] => first.end..text.len(),
        // Of several blocks, more than one may be wanted.
        _ => return None,
    };
    Some(Fix {
        changes: vec![
            replaced(0..inside.start, ""),
            replaced(inside.end..text.len(), ""),
        ],
        is_certain: true,
    })
}

/// The placeholder in a template, if this is one: `{{ … }}` or `{% … %}`.
fn template(text: &str) -> Option<&str> {
    const MOST: usize = 40;
    let mut marks = [("{{", "}}"), ("{%", "%}")]
        .into_iter()
        .filter_map(|(open, close)| {
            let start = text.find(open)?;
            let length = text.get(start..)?.find(close)? + close.len();
            let mark = text.get(start..start + length)?;
            // A nested mapping would have its colon there.
            let is_mark = open == "{%" || !mark.contains([':', '\n']);
            is_mark.then_some((start, if length > MOST { open } else { mark }))
        });
    let first = marks.next();
    let second = marks.next();
    first.into_iter().chain(second).min().map(|(_, mark)| mark)
}

/// Replaces dashes and bullets at the beginning of lines by list hyphens, if the text can then be parsed.
fn with_dashes(text: &str) -> Option<Fix> {
    let mut changes = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches(' ');
        let first = trimmed.chars().next();
        let mark = first.filter(|c| {
            matches!(
                c,
                '\u{2010}'..='\u{2015}' | '\u{2212}' | '•' | '·' | '●' | '▪'
            )
        });
        if let Some(mark) = mark
            && trimmed[mark.len_utf8()..].starts_with(' ')
        {
            let at = start + line.len() - trimmed.len();
            changes.push(replaced(at..at + mark.len_utf8(), "-"));
        }
        start += line.len();
    }
    let is_it = !changes.is_empty() && can_be_read(text, &changes);
    is_it.then_some(Fix {
        changes,
        is_certain: true,
    })
}

/// Whether a text can be parsed after some changes.
fn can_be_read(text: &str, changes: &[Change]) -> bool {
    let mut out = String::new();
    let mut end = 0;
    for change in changes {
        if let Change::Text {
            start,
            end: to,
            with,
        } = change
        {
            out.push_str(text.get(end..*start).unwrap_or_default());
            out.push_str(with);
            end = *to;
        }
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Parser::new_from_str(&out).all(|event| event.is_ok())
}

/// Replaces leading tabs by a number of spaces with which the text can be parsed.
fn without_tabs(text: &str) -> Option<Fix> {
    let widths = [2, 4, 8].into_iter();
    let mut tried = widths.map(|width| with_spaces(text, width));
    let changes = tried.find(|changes| !changes.is_empty() && can_be_read(text, changes))?;
    // A tab may belong to a block scalar.
    let is_block = |line: &str| line.trim_end_matches(['-', '+', ' ']).ends_with(['|', '>']);
    let is_certain = !text.lines().any(is_block);
    Some(Fix {
        changes,
        is_certain,
    })
}

/// Replaces leading tabs by a number of spaces each.
fn with_spaces(text: &str, width: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let before = &line[..indent];
        if before.contains('\t') {
            let spaces = before.replace('\t', &" ".repeat(width));
            changes.push(replaced(start..start + indent, &spaces));
        }
        start += line.len();
    }
    changes
}

/// Quotes the text around a second colon on a line.
fn in_quotes(before: &str, rest: &str) -> Option<Fix> {
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let head = before.get(start..)?;
    let value = start + head.find(": ")? + 2;
    let value = value + before.get(value..)?.len() - before.get(value..)?.trim_start().len();
    let end = rest.find('\n').unwrap_or(rest.len());
    let tail = rest.get(..end)?.trim_end();
    let text = format!("{}{tail}", before.get(value..)?);
    if text.contains(" #") {
        // Only people know where the text ends and a comment begins.
        return None;
    }
    let quoted = serde_json::Value::from(text).to_string();
    Some(Fix::certain(replaced(
        value..before.len() + tail.len(),
        &quoted,
    )))
}

/// The place of the first conflict marker of a merge.
fn conflict(text: &str) -> Option<Span> {
    let mut start = 0;
    let mut begins = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("<<<<<<<") && begins.is_none() {
            begins = Some(Span {
                line: index + 1,
                column: 1,
                start,
                end: start + line.trim_end().len(),
            });
        } else if line.starts_with(">>>>>>>") {
            return begins;
        }
        start += line.len();
    }
    None
}

fn of_json(finding: &Diagnostic, before: &str, rest: &str) -> Option<String> {
    let message = finding.message.as_str();
    let begins = |words: &[&str]| words.iter().any(|word| rest.starts_with(word));
    // The parser reports the place after the sign.
    let number = rest.trim_start_matches('-');
    let is_first = before.trim_start_matches('\u{feff}').trim().is_empty();
    let help = if begins(&["//", "/*", "#"]) {
        "JSON has no comments: use `$comment`, or a .yaml file".to_owned()
    } else if begins(&["'"]) {
        "JSON has double quotes only: `\"…\"`".to_owned()
    } else if number.starts_with("NaN") || number.starts_with("Infinity") {
        "JSON has no such number; write digits, or `null`".to_owned()
    } else if message == "trailing comma" {
        "delete the comma before it".to_owned()
    } else if message == "trailing characters" && begins(&["{", "["]) {
        "put the second document into its own file".to_owned()
    } else if message == "trailing characters" && begins_with_a_word(rest) {
        "delete the text after the document; the file must contain only JSON".to_owned()
    } else if is_first && begins_with_a_word(rest) && rest.contains('{') {
        "delete the text before the document; the file must contain only JSON".to_owned()
    } else {
        return None;
    };
    Some(help)
}

fn begins_with_a_word(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
}

/// `key: A text: with a colon`: the second colon begins a second mapping on the line.
fn of_yaml(before: &str, rest: &str) -> Option<String> {
    if !rest.starts_with(": ") {
        return None;
    }
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = rest.find('\n').unwrap_or(rest.len());
    let (head, tail) = (before.get(start..)?, rest.get(..end)?.trim_end());
    let (key, value) = head.split_once(": ")?;
    let key = key.trim_start_matches('\u{feff}').trim_start();
    let key = key.trim_start_matches("- ").trim_start();
    let value = value.trim_start();
    if value.is_empty() || value.starts_with(['"', '\'', '[', '{', '|', '>', '&', '*', '!', '#']) {
        return None;
    }
    let text = format!("{value}{tail}");
    let shown = if text.chars().count() <= LONGEST_EXAMPLE && !text.contains(['"', '\\', '#']) {
        format!(": `{key}: \"{text}\"`")
    } else {
        String::new()
    };
    Some(format!(
        "a colon followed by a space starts a mapping; put the text in quotes{shown}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::base::limits::Limits;
    use crate::core::text::yaml::read;

    /// The fix of the first finding.
    fn fix(text: &str) -> Option<Fix> {
        let (_, findings) = read("a.yaml", text.as_bytes(), &Limits::default());
        findings[0].fix.clone()
    }

    #[test]
    fn nothing_is_thrown_away_that_may_be_meant() {
        let one = "Here:\n```yaml\na: 1\n```\nBye: now: then\n";
        assert!(fix(one).is_some_and(|fix| fix.is_certain));
        let two = format!("{one}```yaml\nb: 1\n```\n");
        assert_eq!(fix(&two), None);
        let end_alone = "a: [1]\n```\n";
        let kept = fix(end_alone).map(|fix| fix.changes);
        assert_eq!(kept, Some(vec![replaced(0..0, ""), replaced(7..11, "")]));
        let in_a_text = "a: |\n  ```sh\n  make\n  ```\nb: [\n";
        assert_eq!(fix(in_a_text), None);
        let tab = "a:\n\tb: 1\n";
        assert!(fix(tab).is_some_and(|fix| fix.is_certain));
        let in_a_block = format!("{tab}c: |\n  x\n  \ty\n");
        assert!(fix(&in_a_block).is_none_or(|fix| !fix.is_certain));
        assert!(fix("a: b: c\n").is_some());
        assert_eq!(fix("a: b: c # d\n"), None);
    }

    #[test]
    fn the_text_says_what_is_wrong_with_it() {
        let conflict = "<<<<<<< HEAD\n\"a\": 1\n=======\n\"a\": 2\n>>>>>>> other\n";
        let in_json = format!("{{\n{conflict}}}\n");
        let in_yaml = format!("b: 1\n{}", conflict.replace('"', ""));
        let table = [
            ("a.json", "{\"a\": 1 // one\n}", 1, "JSON has no comments"),
            ("a.json", "{\n  # one\n\"a\": 1}", 2, "JSON has no comments"),
            ("a.json", "/* one */ {\"a\": 1}", 1, "JSON has no comments"),
            ("a.json", "{'a': 1}", 1, "double quotes only"),
            ("a.json", "{\"a\": 'b'}", 1, "double quotes only"),
            ("a.json", "{\"a\": NaN}", 1, "no such number"),
            ("a.json", "{\"a\": -Infinity}", 1, "no such number"),
            ("a.json", "{\"a\": 1,\n}", 2, "delete the comma before it"),
            ("a.json", "[1,]", 1, "delete the comma before it"),
            (
                "a.json",
                "{}\n{}\n",
                2,
                "put the second document into its own file",
            ),
            (
                "a.json",
                "```json\n{}\n```\n",
                1,
                "must contain only JSON: delete the lines with ```",
            ),
            ("a.json", "{}\n```\n", 2, "delete the lines with ```"),
            (
                "a.json",
                "Here it is:\n{}\n",
                1,
                "the text before the document",
            ),
            (
                "a.json",
                "{}\nAnything else?",
                2,
                "the text after the document",
            ),
            ("a.json", " ", 1, "planspec new document"),
            ("a.json", "{\"a\" 1}", 1, "comma, bracket or quote"),
            ("a.json", in_json.as_str(), 2, "`<<<<<<<`"),
            ("a.yaml", in_yaml.as_str(), 2, "`<<<<<<<`"),
            (
                "a.yaml",
                "```yaml\na: 1\n```\n",
                1,
                "must contain only YAML",
            ),
            (
                "a.yaml",
                "x:\n  - overview: A form: a check\n",
                2,
                "put the text in quotes: `overview: \"A form: a check\"`",
            ),
            ("a.yaml", "a: \"b\": c\n", 1, "check the indentation"),
            (
                "a.yaml",
                "a:\n  – b: 1\n    c: 2\n",
                3,
                "a hyphen and a space",
            ),
            ("a.yaml", "a: {{ .Values.name }}\n", 1, "Helm or Jinja"),
            ("a.yaml", "{% for x in y %}\na: 1\n", 1, "Helm or Jinja"),
        ];
        for (file, text, line, help) in table {
            let (documents, findings) = read(file, text.as_bytes(), &Limits::default());
            assert_eq!(documents, [], "{text}");
            let [finding] = findings.as_slice() else {
                panic!("{text}: {findings:?}");
            };
            let given = finding.help.as_deref().unwrap();
            assert!(given.contains(help), "{text}: {finding:?}");
            let Place::At(span) = finding.place else {
                panic!("{text}: {finding:?}");
            };
            assert_eq!(span.line, line, "{text}: {finding:?}");
        }
        let (_, findings) = read("a.json", b"\n", &Limits::default());
        assert_eq!(findings[0].message, "the file is empty");
    }
}
