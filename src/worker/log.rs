//! The output of a command: its beginning and its end are kept, and the bytes between are counted.

use std::collections::VecDeque;

use crate::core::base::invisible::unseen;
use crate::core::base::secrets::{masked, masked_bytes};
use crate::core::plan::pattern::Pattern;

/// Maximum number of bytes that are kept of the beginning.
pub const HEAD: usize = 256 * 1024;
/// Maximum number of bytes that are kept of the end.
pub const TAIL: usize = 768 * 1024;

/// A bounded log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    wanted: Option<WantedPart>,
}

/// A pattern that is searched in all output, also in the part that is not kept.
#[derive(Debug, Clone)]
struct WantedPart {
    pattern: Pattern,
    /// The last bytes, in which a match may have begun.
    window: Vec<u8>,
    /// Where new matches may begin in the window; the bytes before it are context for `^` and `\b`.
    from: usize,
    seen: bool,
}

/// Maximum length of a match, in an output longer than twice this.
const LONGEST_MATCH: usize = 512 * 1024;
/// The length of the longest character: the characters around a match decide about `^`, `$` and `\b`.
const AROUND: usize = 4;

impl Log {
    /// A log that looks for a pattern in everything that is pushed.
    pub fn looking_for(pattern: Option<Pattern>) -> Log {
        let wanted = |pattern| WantedPart {
            pattern,
            window: Vec::new(),
            from: 0,
            seen: false,
        };
        Log {
            wanted: pattern.map(wanted),
            ..Log::default()
        }
    }

    /// Appends output.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Some(wanted) = &mut self.wanted {
            wanted.look(bytes);
        }
        self.total += bytes.len() as u64;
        let room = HEAD - self.head.len().min(HEAD);
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        // If a piece is longer than the tail, only its end is kept.
        let rest = &rest[rest.len().saturating_sub(TAIL)..];
        let too_many = (self.tail.len() + rest.len()).saturating_sub(TAIL);
        self.tail.drain(..too_many);
        self.tail.extend(rest);
    }

    /// Whether the pattern was found; to be asked when the output is complete.
    pub fn has_seen(&self) -> bool {
        self.wanted
            .as_ref()
            .is_none_or(|wanted| wanted.seen || wanted.end_of_match().is_some())
    }

    /// How many bytes are not kept.
    pub fn cut(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// The bytes that are kept, with a line that says how many are missing.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        let cut = self.cut();
        if cut > 0 {
            bytes.extend_from_slice(format!("\n[… {cut} bytes were cut here …]\n").as_bytes());
        }
        bytes.extend(&self.tail);
        masked_bytes(&bytes).into_owned()
    }

    /// The end, as printable text of at most so many bytes.
    pub fn excerpt(&self, most: usize) -> String {
        excerpt(&self.bytes(), most)
    }

    /// The last line that is not empty.
    pub fn last_line(&self, most: usize) -> String {
        let end = self.excerpt(16 * 1024);
        let line = end.lines().rev().find(|line| !line.trim().is_empty());
        shortened(line.unwrap_or_default().trim(), most)
    }
}

impl WantedPart {
    /// Searches the output when the window is full, so that no byte is searched more than twice.
    fn look(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(LONGEST_MATCH) {
            if self.seen {
                return;
            }
            self.window.extend_from_slice(piece);
            if self.window.len() >= 2 * LONGEST_MATCH {
                self.move_on();
            }
        }
    }

    fn move_on(&mut self) {
        let len = self.window.len();
        // A match at the end of the window could be undone by the next bytes.
        self.seen = self.end_of_match().is_some_and(|end| end + AROUND <= len);
        self.window.drain(..len - LONGEST_MATCH - AROUND);
        self.from = AROUND;
    }

    fn end_of_match(&self) -> Option<usize> {
        self.pattern.end_of_match(&self.window, self.from)
    }
}

/// The end of an output or response: at most so many bytes, without escape sequences and
/// control characters.
pub fn excerpt(bytes: &[u8], most: usize) -> String {
    // Removing escapes makes it shorter, so begin further ahead.
    let from = bytes.len().saturating_sub(most.saturating_mul(4));
    let text = printable(&String::from_utf8_lossy(&bytes[from..]));
    let text = text.trim();
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

/// At most so many bytes of a text; a longer one ends in an ellipsis.
pub fn shortened(text: &str, most: usize) -> String {
    let text = printable(text);
    if text.len() <= most {
        return text;
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The text without terminal escape sequences and invisible characters, except line breaks.
fn printable(text: &str) -> String {
    let text = masked(text);
    let mut plain = String::with_capacity(text.len());
    let mut characters = unseen(&text).peekable();
    while let Some((character, is_unseen)) = characters.next() {
        match character {
            '\u{1b}' if characters.peek().is_some_and(|(c, _)| *c == '[') => {
                // Parameters, then one letter.
                characters.next();
                while characters
                    .next_if(|(c, _)| !('@'..='~').contains(c))
                    .is_some()
                {}
                characters.next();
            }
            '\n' => plain.push('\n'),
            '\t' => plain.push(' '),
            _ if is_unseen => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_log_is_kept_as_it_is() {
        let mut log = Log::default();
        log.push(b"one\n");
        log.push(b"two\n");
        assert_eq!(log.bytes(), b"one\ntwo\n");
        assert_eq!(log.cut(), 0);
        assert_eq!(log.last_line(100), "two");
    }

    #[test]
    fn of_a_flood_the_beginning_and_the_end_are_kept_and_the_rest_is_counted() {
        for piece in [1, 1000, HEAD, HEAD + TAIL, 3 * (HEAD + TAIL)] {
            let all: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
            let mut log = Log::default();
            for part in all.chunks(piece.max(7)) {
                log.push(part);
            }
            let kept = log.bytes();
            let cut = (all.len() - HEAD - TAIL) as u64;
            assert_eq!(log.cut(), cut);
            assert_eq!(kept[..HEAD], all[..HEAD], "pieces of {piece}");
            assert_eq!(kept[kept.len() - TAIL..], all[all.len() - TAIL..]);
            let between = String::from_utf8_lossy(&kept[HEAD..kept.len() - TAIL]).into_owned();
            assert_eq!(between, format!("\n[… {cut} bytes were cut here …]\n"));
        }
    }

    #[test]
    fn a_text_is_noticed_also_where_it_is_cut_and_across_pieces() {
        let looking_for = |pattern| Log::looking_for(Pattern::new(pattern).ok());
        let mut log = looking_for("ne{2}dle");
        log.push(&vec![b'x'; HEAD + 10]);
        for piece in ["nee", "d", "le"] {
            assert!(!log.has_seen());
            log.push(piece.as_bytes());
        }
        assert!(log.has_seen());
        log.push(&vec![b'x'; 2 * TAIL]);
        assert!(log.has_seen());
        assert!(!String::from_utf8_lossy(&log.bytes()).contains("needle"));
        assert!(looking_for("").has_seen(), "nothing is in everything");
        assert!(Log::default().has_seen(), "nothing is looked for");
    }

    #[test]
    fn the_beginning_and_the_end_are_those_of_the_whole_output() {
        let flood = format!("first\n{}last", "x y\n".repeat(1024 * 1024));
        for (pattern, expected) in [
            ("^first", true),
            ("last$", true),
            ("^last", false),
            ("first$", false),
            ("^x y", false),
            ("x y$", false),
            ("(?m)^x y$", true),
            (r"y\nlast", true),
            (r"\bast", false),
            (r"\bx", true),
            ("z", false),
            (r"(?s)x.*last", true),
        ] {
            for size in [7, 8192, LONGEST_MATCH + 1, flood.len()] {
                let mut log = Log::looking_for(Pattern::new(pattern).ok());
                flood
                    .as_bytes()
                    .chunks(size)
                    .for_each(|piece| log.push(piece));
                assert_eq!(log.has_seen(), expected, "{pattern} in pieces of {size}");
            }
        }
    }

    #[test]
    fn excerpts_are_short_whole_characters_and_harmless() {
        let table: [(&str, usize, &str); 6] = [
            ("all well\n", 100, "all well"),
            ("one\ntwo", 3, "two"),
            ("größe", 3, "ße"),
            ("größe", 2, "e"),
            (
                "\u{1b}[31mred\u{1b}[0m\u{7}\tand\r\n\u{202e}more",
                100,
                "red and\nmore",
            ),
            ("", 10, ""),
        ];
        for (text, most, shown) in table {
            assert_eq!(excerpt(text.as_bytes(), most), shown, "{text:?}");
        }
        assert_eq!(excerpt(&[b'a', 0xff, b'b'], 10), "a\u{fffd}b");
        assert_eq!(shortened("größer", 6), "gr…");
        assert_eq!(shortened("größer", 8), "größer");
    }
}
