//! What is wrong with a text that cannot be read. Parsers say what they ran into, which is rarely
//! what is wrong: where the text shows that, it is said, else where to look.

use crate::core::base::diagnostic::{Code, Diagnostic, Place, Span};

/// Longest value that is shown in quotes.
const LONGEST_EXAMPLE: usize = 60;

/// Give a finding a way out, when it has none. `text` is the whole file.
pub(super) fn with_a_way_out(mut finding: Diagnostic, text: &str, json: bool) -> Diagnostic {
    if finding.help.is_some() {
        return finding;
    }
    if finding.code == Code::SYNTAX && say_what_it_is(&mut finding, text, json) {
        return finding;
    }
    let help = match (finding.code, json) {
        (Code::SYNTAX, true) => {
            "look for a missing or superfluous comma, bracket or quote, here or just before"
        }
        (Code::SYNTAX, false) => {
            "look at the indentation (spaces, no tabs), and for quotes and brackets that do not \
             close, here or just before"
        }
        (Code::DUPLICATE_KEY, _) => "keep one of them",
        (Code::BAD_KEY, _) => "keys are strings",
        (Code::BAD_SCALAR, _) => "leave the tag out, or write a value that fits it",
        (Code::LIMIT, _) => {
            "nest less, or raise `limits.depth` or `limits.fileBytes` in .planspec.yaml"
        }
        _ => return finding,
    };
    finding.help = Some(help.to_owned());
    finding
}

/// Whether the text shows what a syntax error is.
fn say_what_it_is(finding: &mut Diagnostic, text: &str, json: bool) -> bool {
    if let Some(span) = conflict(text) {
        finding.place = Place::At(span);
        finding.message = "a merge conflict is not resolved".to_owned();
        finding.label = "it begins here".to_owned();
        finding.help = Some(
            "choose what is to stay, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`"
                .to_owned(),
        );
        return true;
    }
    let at = match &finding.place {
        Place::At(span) => span.start,
        _ => 0,
    };
    let (before, rest) = text.split_at_checked(at).unwrap_or(("", text));
    finding.help = match json {
        _ if has_fence(text) => Some(format!(
            "delete the lines with ```: the file holds nothing but the {}",
            if json { "JSON" } else { "YAML" }
        )),
        true if text.trim_start_matches('\u{feff}').trim().is_empty() => {
            finding.message = "the file is empty".to_owned();
            Some("write a document there: `planspec new document NAME` makes one".to_owned())
        }
        true => of_json(finding, before, rest),
        false => of_yaml(before, rest),
    };
    finding.help.is_some()
}

/// What Git leaves where a merge has to be decided: where its first marker stands.
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

/// Whether a line is the fence of a block of code in Markdown.
fn has_fence(text: &str) -> bool {
    let lines = text.trim_start_matches('\u{feff}').trim().lines();
    let mut ends = [lines.clone().next(), lines.last()].into_iter().flatten();
    ends.any(|line| line.trim_start().starts_with("```"))
}

fn of_json(finding: &Diagnostic, before: &str, rest: &str) -> Option<String> {
    let message = finding.message.as_str();
    let begins = |words: &[&str]| words.iter().any(|word| rest.starts_with(word));
    // The number that a sign begins is found wrong behind it.
    let number = rest.trim_start_matches('-');
    let is_first = before.trim_start_matches('\u{feff}').trim().is_empty();
    let help = if begins(&["//", "/*", "#"]) {
        "JSON has no comments: use `$comment`, or a .yaml file".to_owned()
    } else if begins(&["'"]) {
        "JSON has double quotes only: `\"…\"`".to_owned()
    } else if number.starts_with("NaN") || number.starts_with("Infinity") {
        "JSON has no such number: write one in digits, or `null`".to_owned()
    } else if message == "trailing comma" {
        "delete the comma before it".to_owned()
    } else if message == "trailing characters" && begins(&["{", "["]) {
        "one document per file: put the second one into a file of its own".to_owned()
    } else if message == "trailing characters" && begins_with_a_word(rest) {
        "delete the text behind the document: the file holds nothing but the JSON".to_owned()
    } else if is_first && begins_with_a_word(rest) && rest.contains('{') {
        "delete the text before the document: the file holds nothing but the JSON".to_owned()
    } else {
        return None;
    };
    Some(help)
}

fn begins_with_a_word(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
}

/// `key: A text: with a colon`: at the second colon, a second mapping on the line.
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
        "a colon and a space make a mapping: put the text in quotes{shown}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::base::limits::Limits;
    use crate::core::text::yaml::read;

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
            ("a.json", "{}\n{}\n", 2, "one document per file"),
            (
                "a.json",
                "```json\n{}\n```\n",
                1,
                "delete the lines with ```",
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
                "the text behind the document",
            ),
            ("a.json", " ", 1, "planspec new document"),
            ("a.json", "{\"a\" 1}", 1, "comma, bracket or quote"),
            ("a.json", in_json.as_str(), 2, "`<<<<<<<`"),
            ("a.yaml", in_yaml.as_str(), 2, "`<<<<<<<`"),
            ("a.yaml", "```yaml\na: 1\n```\n", 1, "nothing but the YAML"),
            (
                "a.yaml",
                "x:\n  - overview: A form: a check\n",
                2,
                "put the text in quotes: `overview: \"A form: a check\"`",
            ),
            ("a.yaml", "a: \"b\": c\n", 1, "look at the indentation"),
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
