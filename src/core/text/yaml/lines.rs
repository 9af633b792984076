//! Clean text, and positions in it.

use crate::core::base::diagnostic::Span;

/// A position as in the parsers: line from 1, column in characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub line: usize,
    pub column: usize,
}

/// Converts lines and columns to byte offsets in constant time.
pub(super) struct Lines {
    /// Number of bytes before the text in its file: a byte order mark.
    base: usize,
    /// Length of the text in bytes.
    len: usize,
    /// Index of the first character of each line.
    starts: Vec<usize>,
    /// Byte offset of each character; `None` if all are one byte.
    bytes: Option<Vec<usize>>,
}

impl Lines {
    pub(super) fn new(text: &str, base: usize) -> Lines {
        let starts = std::iter::once(0)
            .chain(
                text.chars()
                    .enumerate()
                    .filter(|(_, c)| *c == '\n')
                    .map(|(index, _)| index + 1),
            )
            .collect();
        let bytes =
            (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        Lines {
            base,
            len: text.len(),
            starts,
            bytes,
        }
    }

    /// The range between two marks, limited to the first line.
    pub(super) fn span(&self, from: Mark, to: Mark) -> Span {
        let start = self.offset(from);
        let end = if to.line > from.line {
            self.end_of_line(from.line)
        } else {
            self.offset(to)
        };
        Span {
            line: from.line,
            column: from.column + 1,
            start: self.base + start,
            end: self.base + end.max(start),
        }
    }

    fn offset(&self, mark: Mark) -> usize {
        match self.starts.get(mark.line.saturating_sub(1)) {
            Some(start) => self.byte(start + mark.column),
            None => self.len,
        }
    }

    fn end_of_line(&self, line: usize) -> usize {
        match self.starts.get(line) {
            Some(next) => self.byte(next.saturating_sub(1)),
            None => self.len,
        }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.len),
            None => character.min(self.len),
        }
    }
}

/// Why bytes are not clean text: place, message and help.
pub(super) struct Unclean {
    pub span: Span,
    pub message: String,
    pub help: String,
}

/// Returns the text of a file, and the number of bytes before it (a byte order mark).
///
/// Line breaks must be LF or CRLF: YAML 1.1, YAML 1.2, Git and editors disagree about other characters, which
/// would make line numbers unreliable. In JSON, other line breaks are ordinary characters in strings.
pub(super) fn clean(bytes: &[u8], json: bool) -> Result<(&str, usize), Unclean> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unclean {
            span: at("", 0, 0),
            message: if bytes.starts_with(&[0xff, 0xfe, 0, 0]) {
                "the file is UTF-32".to_owned()
            } else {
                "the file is UTF-16".to_owned()
            },
            help: "save it as UTF-8".to_owned(),
        });
    }
    let base = if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let bytes = bytes.get(base..).unwrap_or_default();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Unclean {
            span: at(&String::from_utf8_lossy(valid), 1, base),
            message: "the file is not UTF-8".to_owned(),
            help: "save it as UTF-8".to_owned(),
        }
    })?;
    // A fast path for text in which no character is suspicious.
    let is_odd = |byte: &u8| !matches!(byte, b'\n' | b'\t' | b' '..=b'~');
    if !bytes.iter().fold(false, |odd, byte| odd | is_odd(byte)) {
        return Ok((text, base));
    }
    let mut rest = text.char_indices().peekable();
    while let Some((offset, c)) = rest.next() {
        let line_feed_follows = matches!(rest.peek(), Some((_, '\n')));
        let in_json = json && matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
        if is_clean(c) || in_json || (c == '\r' && line_feed_follows) {
            continue;
        }
        let before = text.get(..offset).unwrap_or_default();
        return Err(Unclean {
            span: at(before, c.len_utf8(), base),
            message: format!("the character U+{:04X} is not allowed in a file", c as u32),
            help: match c {
                '\r' => "end lines with a line feed".to_owned(),
                // At the beginning of a file it is a byte order mark, elsewhere it has no meaning.
                '\u{feff}' => "remove it".to_owned(),
                c => format!(
                    "remove it, or write `\\u{:04x}` inside double quotes",
                    c as u32
                ),
            },
        });
    }
    Ok((text, base))
}

/// Whether all readers agree about a character.
fn is_clean(c: char) -> bool {
    match c {
        '\n' | '\t' => true,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => !c.is_control(),
    }
}

/// The span of `len` bytes after the text `before`.
fn at(before: &str, len: usize, base: usize) -> Span {
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let line = before.get(line_start..).unwrap_or_default();
    Span {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: line.chars().count() + 1,
        start: base + before.len(),
        end: base + before.len() + len,
    }
}
