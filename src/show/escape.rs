//! Text from files and records, made safe to print.

use std::fmt::Write;

use crate::core::text::is_invisible;

/// A text on one line, with everything visible that would not be seen or would move what is seen:
/// line breaks, terminal escapes, bidirectional overrides, zero-width characters.
///
/// ```
/// use planspec::show::escape::line;
/// assert_eq!(line("done\n\u{1b}[2Kfailed"), r"done\n\u{1b}[2Kfailed");
/// ```
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut out, c);
    }
    out
}

/// Add one character, made safe to print.
pub(super) fn push(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_invisible(c) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// A text that keeps its lines; each is made safe to print.
pub fn text(text: &str) -> String {
    text.lines().map(line).collect::<Vec<String>>().join("\n")
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
}
