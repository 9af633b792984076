//! Makes text from files and records safe to print.

use std::borrow::Cow;
use std::fmt::Write;

use crate::core::base::invisible::unseen;
use crate::core::base::secrets::masked;

/// A text on one line, in which characters that are invisible or affect others become visible:
/// line breaks, terminal escapes, bidirectional overrides, zero-width characters. Credentials in URLs are masked.
///
/// ```
/// use planspec::core::base::escape::line;
/// assert_eq!(line("done\n\u{1b}[2Kfailed"), r"done\n\u{1b}[2Kfailed");
/// ```
pub fn line(text: &str) -> String {
    let text = masked(text);
    let mut out = String::with_capacity(text.len());
    for (c, is_unseen) in unseen(&text) {
        push_marked(&mut out, c, is_unseen);
    }
    out
}

/// Appends one character, escaped if it is invisible there: see [`unseen`].
pub fn push_marked(out: &mut String, c: char, is_unseen: bool) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_unseen => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// A text with its lines, each safe to print.
pub fn text(text: &str) -> String {
    text.lines().map(line).collect::<Vec<String>>().join("\n")
}

/// The output of a program, with its lines and tabs; the rest is made safe to print.
pub fn printed(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = masked(&text);
    let mut out = String::with_capacity(text.len());
    for row in text.split_inclusive('\n') {
        let (row, end) = match row.strip_suffix('\n') {
            Some(row) => (row.strip_suffix('\r').unwrap_or(row), "\n"),
            None => (row, ""),
        };
        for (c, is_unseen) in unseen(row) {
            match c {
                '\t' => out.push(c),
                c => push_marked(&mut out, c, is_unseen),
            }
        }
        out.push_str(end);
    }
    out
}

/// A text without workflow commands to CI: no line begins with `::`, and none contains `##[…]` or `##word[…]`. JSON
/// keeps its value.
pub fn inert(text: &str) -> Cow<'_, str> {
    let begins = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##") && !text.split(['\n', '\r']).any(begins) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for row in text.split_inclusive(['\n', '\r']) {
        let row = if begins(row) {
            let blank = row.len() - row.trim_start().len();
            let (blank, rest) = row.split_at(blank);
            out.push_str(blank);
            out.push('\\');
            rest
        } else {
            row
        };
        let mut rest = row;
        while let Some(at) = rest.find("##") {
            // The second `#` may be the first of the next pair.
            let (before, second) = rest.split_at(at + 1);
            out.push_str(before);
            let after = &second[1..];
            let word = after.find(|c: char| !c.is_ascii_alphabetic());
            let (word, behind) = after.split_at(word.unwrap_or(after.len()));
            rest = match behind.strip_prefix('[') {
                Some(behind) => {
                    out.push_str(&format!("#{word}\\u005b"));
                    behind
                }
                None => second,
            };
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays_and_what_is_not_becomes_visible() {
        for (text, shown) in [
            ("Prüfung: 日本 👍 \\o/ \"x\"", "Prüfung: 日本 👍 \\o/ \"x\""),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("ad\u{200b}min\u{feff}", "ad\\u{200b}min\\u{feff}"),
            ("a\u{2028}b\u{85}c", "a\\u{2028}b\\u{85}c"),
        ] {
            assert_eq!(line(text), shown);
        }
    }

    #[test]
    fn no_line_is_a_command_to_a_job() {
        for (text, shown) in [
            ("fine: a::b\n# [x]\n", "fine: a::b\n# [x]\n"),
            ("::error::x", "\\::error::x"),
            (
                "a\n \t::set-output name=x::y\nb",
                "a\n \t\\::set-output name=x::y\nb",
            ),
            ("10%\r::stop-commands::x", "10%\r\\::stop-commands::x"),
            ("\u{2003}::x", "\u{2003}\\::x"),
            (
                "a ##[error]x ##vso[task.setvariable]y",
                "a ##\\u005berror]x ##vso\\u005btask.setvariable]y",
            ),
            ("###[x] ## [y] ##", "###\\u005bx] ## [y] ##"),
        ] {
            assert_eq!(inert(text), shown, "{text}");
        }
        let value = serde_json::json!({"a": "##[error]x"});
        let text = value.to_string();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&inert(&text)).ok(),
            Some(value)
        );
    }

    #[test]
    fn what_was_printed_keeps_its_lines_and_its_tabs() {
        for (bytes, shown) in [
            (&b"one\n\ttwo\n"[..], "one\n\ttwo\n"),
            (b"no end", "no end"),
            (b"from\r\nelsewhere\r\n\n", "from\nelsewhere\n\n"),
            (b"10%\r20%\n", "10%\\r20%\n"),
            (b"\x1b[31mred\x1b[0m\n", "\\u{1b}[31mred\\u{1b}[0m\n"),
            (b"a\xffb\0", "a\u{fffd}b\\u{0}"),
            (b"", ""),
        ] {
            assert_eq!(printed(bytes), shown);
        }
    }
}
