//! The text of each document of a stream.

use std::ops::Range;

/// The byte ranges of the documents of a YAML stream, each without its `---` line, in the order of
/// the reader.
///
/// A line that begins with `---` and a space or its end is always a separator: at column 1 it
/// ends block scalars and quoted scalars alike.
pub fn documents(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut opened = false;
    for line in text.split_inclusive('\n') {
        let marker = line.trim_end_matches(['\n', '\r']);
        let is_marker =
            marker == "---" || marker.starts_with("--- ") || marker.starts_with("---\t");
        if is_marker {
            if opened || has_content(&text[start..at]) {
                ranges.push(start..at);
            }
            opened = true;
            // Content may begin on the marker's own line.
            start = at + 3;
        }
        at += line.len();
    }
    if opened || has_content(&text[start..]) {
        ranges.push(start..text.len());
    }
    ranges
}

/// Whether there is anything but comments, directives and blank lines.
fn has_content(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .lines()
        // Other white space is content in YAML.
        .map(|line| line.trim_matches([' ', '\t', '\r']))
        .any(|line| !line.is_empty() && !line.starts_with(['#', '%']))
}

#[cfg(test)]
mod tests {
    use super::documents;

    #[test]
    fn documents_are_counted_as_the_reader_does() {
        let table: [(&str, &[&str]); 9] = [
            ("a: 1\n", &["a: 1\n"]),
            ("---\na: 1\n", &["\na: 1\n"]),
            ("# only a comment\n---\na: 1\n", &["\na: 1\n"]),
            ("a: 1\n---\nb: 2\n", &["a: 1\n", "\nb: 2\n"]),
            (
                "---\n# nothing\n---\nb: 2\n",
                &["\n# nothing\n", "\nb: 2\n"],
            ),
            ("a: |\n  --- no marker\n", &["a: |\n  --- no marker\n"]),
            ("--- {a: 1}\n", &[" {a: 1}\n"]),
            (" \t\r\n---\na: 1\n", &["\na: 1\n"]),
            ("\u{202f}\n---\na: 1\n", &["\u{202f}\n", "\na: 1\n"]),
        ];
        for (text, expected) in table {
            let found: Vec<&str> = documents(text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
