//! Regular expressions in criteria (`contentMatch`, `outputMatch`, `bodyMatch`), searched in linear
//! time.

use regex::bytes::{Regex, RegexBuilder};

/// Maximum size of a compiled pattern, and of the state of a search.
const MAX_SIZE: usize = 1024 * 1024;

/// A pattern to search for in a file, an output or a response.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Why it is not valid, without a full stop.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let mut builder = RegexBuilder::new(text);
        let sized = builder.size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE);
        sized.build().map(Pattern).map_err(|error| match error {
            // The last line of the error says why, those before draw where.
            regex::Error::Syntax(said) => {
                let last = said.lines().last().unwrap_or_default();
                let why = last.strip_prefix("error: ").unwrap_or(last);
                why.trim().to_owned()
            }
            regex::Error::CompiledTooBig(_) => {
                format!("it needs more than {MAX_SIZE} bytes when compiled")
            }
            other => other.to_string(),
        })
    }

    /// Whether it matches anywhere in the bytes.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// The end of the first match that begins at `from` or later; the bytes before are context for `^` and `\b`.
    pub fn end_of_match(&self, bytes: &[u8], from: usize) -> Option<usize> {
        self.0.shortest_match_at(bytes, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_searched_for() {
        for (pattern, text, expected) in [
            ("", "anything", true),
            ("tests pass", "All tests pass.", true),
            ("Tests", "All tests pass.", false),
            ("(?i)Tests", "All tests pass.", true),
            (r"^\d+ passed$", "12 passed", true),
            (r"^\d+ passed$", "ran\n12 passed\n", false),
            (r"(?m)^\d+ passed$", "ran\n12 passed\n", true),
            (r"f\(x\)", "f(x)", true),
            ("größe.?", "die größe", true),
            (r"\bß\b", "a ß b", true),
        ] {
            let found = Pattern::new(pattern).map(|pattern| pattern.is_in(text.as_bytes()));
            assert_eq!(found, Ok(expected), "{pattern} in {text:?}");
        }
        assert_eq!(Pattern::new("b").map(|b| b.is_in(b"a\xffb")), Ok(true));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (pattern, why) in [
            ("(", "unclosed group"),
            ("[a", "unclosed character class"),
            ("*a", "repetition operator missing expression"),
            (
                "(?<=a)b",
                "look-around, including look-ahead and look-behind, is not supported",
            ),
            (r"(a)\1", "backreferences are not supported"),
            (
                r"\w{1000}",
                "it needs more than 1048576 bytes when compiled",
            ),
        ] {
            assert_eq!(
                Pattern::new(pattern).map(|_| ()),
                Err(why.to_owned()),
                "{pattern}"
            );
        }
        let deep = format!("{}{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(Pattern::new(&deep).is_err());
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_another() {
        // Exponential for a backtracking engine; here it ends.
        let pattern = Pattern::new("(a+)+$").expect("a pattern");
        assert!(!pattern.is_in(format!("{}b", "a".repeat(100_000)).as_bytes()));
    }
}
