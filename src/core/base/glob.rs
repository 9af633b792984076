//! Globs over paths of a repository.

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use regex::{RegexSet, RegexSetBuilder};

/// A glob over paths from the repository's root: `*` does not match `/`, `**` does,
/// `{a,b}` matches either.
///
/// # Errors
/// It is not a valid glob.
pub fn glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}

/// Globs that are held against paths together.
///
/// The `?` and `[…]` of globset match one byte. Here they match one character.
#[derive(Debug, Clone, Default)]
pub struct Globs {
    by_byte: GlobSet,
    /// Those for which bytes and characters differ, and which of all globs they are, in order.
    by_character: (RegexSet, Vec<usize>),
}

impl Globs {
    /// These globs, which are known by their number from 0.
    ///
    /// # Errors
    /// A sentence that says why they cannot be compiled.
    pub fn of(globs: impl IntoIterator<Item = Glob>) -> Result<Globs, String> {
        let mut set = GlobSetBuilder::new();
        let (mut patterns, mut numbers) = (Vec::new(), Vec::new());
        for (number, glob) in globs.into_iter().enumerate() {
            if glob.glob().contains(['?', '[']) {
                patterns.push(in_characters(&glob));
                numbers.push(number);
            }
            set.add(glob);
        }
        let by_byte = set.build().map_err(|error| error.kind().to_string())?;
        let by_character = RegexSetBuilder::new(patterns)
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Globs {
            by_byte,
            by_character: (by_character, numbers),
        })
    }

    /// The first glob that matches a path.
    pub fn first(&self, path: &str) -> Option<usize> {
        let by_byte = self.by_byte.matches(path).into_iter();
        if path.is_ascii() {
            return by_byte.min();
        }
        let (set, numbers) = &self.by_character;
        let by_byte = by_byte.filter(|number| numbers.binary_search(number).is_err());
        let by_character = set.matches(path).into_iter();
        by_byte.chain(by_character.map(|at| numbers[at])).min()
    }

    /// Whether one of them matches a path.
    pub fn is_match(&self, path: &str) -> bool {
        if path.is_ascii() {
            self.by_byte.is_match(path)
        } else {
            self.first(path).is_some()
        }
    }
}

/// Most bytes that the globs of a set may take.
const MAX_COMPILED_BYTES: usize = 64 * 1024 * 1024;

/// The regular expression of a glob, which globset writes for bytes: `(?-u)^\xc3\xa4[^/]$` for `ä?`.
fn in_characters(glob: &Glob) -> String {
    let text = glob.regex();
    let text = text.strip_prefix("(?-u)").unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        bytes.extend(before.bytes());
        // Only bytes outside of ASCII are written in hexadecimal.
        let byte = escape.strip_prefix("\\x").and_then(|hex| hex.get(..2));
        let byte = byte.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let length = if byte.is_some() { 4 } else { 2 };
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(escape.bytes().take(length)),
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Why a glob matches nothing, or something else than it seems to, and what to write instead; `None` if
/// it is fine.
pub fn misleading(text: &str) -> Option<(String, String)> {
    let say = |why: &str, help: String| Some((format!("`{text}` {why}"), help));
    if let Some(rest) = text.strip_prefix('!') {
        let help = format!(
            "remove it; files that are not named are excluded anyway. For a file name that begins with `!`, write `[!]{rest}`"
        );
        return say("excludes nothing, it is a path that begins with `!`", help);
    }
    if text.contains('\\') {
        let help = format!("write `{}`", text.replace('\\', "/"));
        return say("has a backslash, which does not separate folders", help);
    }
    if text.split('/').any(|part| part == "..") {
        let help =
            "write the path from the repository's root, as `git ls-files` prints it".to_owned();
        return say("has a part `..`, which repository paths cannot have", help);
    }
    if text.starts_with("*.") && !text.contains('/') {
        let help = format!("write `**/{text}` for all folders, or the names of the files");
        return say("matches only files in the root folder", help);
    }
    None
}

/// Whether some path may match both globs. A path of a folder includes everything in it.
///
/// A false yes is possible, a false no is not.
pub fn may_overlap(one: &str, other: &str) -> bool {
    let (one, other) = (Parts::of(one), Parts::of(other));
    let (rows, columns) = (one.0.len(), other.0.len());
    // reached[column]: whether this many parts of both can match the same folders.
    let mut reached = vec![false; columns + 1];
    reached[0] = true;
    for row in 0..=rows {
        let mut next = vec![false; columns + 1];
        for column in 0..=columns {
            if !reached[column] {
                continue;
            }
            let (Some(a), Some(b)) = (one.0.get(row), other.0.get(column)) else {
                // One of them is the same folder as the other, or contains it.
                return true;
            };
            if matches!((a, b), (Part::Any, _) | (_, Part::Any)) {
                next[column] = true;
                reached[column + 1] = true;
            }
            if a.may_be(b) {
                next[column + 1] = true;
            }
        }
        reached = next;
    }
    false
}

/// The parts of a glob, folder by folder.
struct Parts<'a>(Vec<Part<'a>>);

enum Part<'a> {
    /// Any number of folders, with everything in them.
    Any,
    /// Exactly this name.
    Name(&'a str),
    /// Names that match.
    Pattern(&'a str, Option<GlobMatcher>),
}

/// Characters with a meaning in a glob.
const SPECIAL: [char; 8] = ['*', '?', '[', ']', '{', '}', '\\', '!'];

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Parts<'a> {
        let mut parts = Vec::new();
        for name in text.split('/') {
            match name {
                // `src/` and `./src` are `src`.
                "" | "." => {}
                "**" => parts.push(Part::Any),
                // `..` may lead anywhere.
                ".." => return Parts(vec![Part::Any]),
                // A construct that may extend over slashes is not analysed: anything may follow.
                _ if name.contains(['[', '\\']) || name.contains("**") || !is_closed(name) => {
                    parts.push(Part::Any);
                    break;
                }
                _ if name.contains(SPECIAL) => {
                    let matcher = glob(name).ok().map(|glob| glob.compile_matcher());
                    parts.push(Part::Pattern(name, matcher));
                }
                _ => parts.push(Part::Name(name)),
            }
        }
        Parts(parts)
    }
}

/// Whether all braces are closed.
fn is_closed(name: &str) -> bool {
    name.matches('{').count() == name.matches('}').count()
}

impl Part<'_> {
    /// Whether some name may match both parts.
    fn may_be(&self, other: &Part<'_>) -> bool {
        match (self, other) {
            (Part::Any, _) | (_, Part::Any) => true,
            (Part::Name(one), Part::Name(other)) => one == other,
            (Part::Name(name), Part::Pattern(_, matcher))
            | (Part::Pattern(_, matcher), Part::Name(name)) => matcher
                .as_ref()
                .is_none_or(|matcher| may_match(matcher, name)),
            (Part::Pattern(one, _), Part::Pattern(other, _)) => {
                let (a, b) = (before_special(one), before_special(other));
                let (c, d) = (after_special(one), after_special(other));
                (a.starts_with(b) || b.starts_with(a)) && (c.ends_with(d) || d.ends_with(c))
            }
        }
    }
}

fn may_match(matcher: &GlobMatcher, name: &str) -> bool {
    if name.is_ascii() || !matcher.glob().glob().contains('?') {
        return matcher.is_match(name);
    }
    Globs::of([matcher.glob().clone()]).is_ok_and(|globs| globs.is_match(name))
}

fn before_special(pattern: &str) -> &str {
    pattern.split(SPECIAL).next().unwrap_or_default()
}

fn after_special(pattern: &str) -> &str {
    pattern.rsplit(SPECIAL).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_that_are_not_what_they_look_like() {
        for (text, why, help) in [
            ("!src/**", "excludes nothing", "remove it"),
            ("src\\a", "has a backslash", "write `src/a`"),
            (
                "../x",
                "has a part `..`",
                "write the path from the repository's root",
            ),
            (
                "*.rs",
                "matches only files in the root folder",
                "write `**/*.rs`",
            ),
        ] {
            let (message, way) = misleading(text).unwrap_or_default();
            assert!(
                message.contains(why) && way.starts_with(help),
                "{text}: {message}; {way}"
            );
        }
        for text in [
            "src/**", "src/*.rs", "**/*.rs", "Cargo.*", "src", "./src", "[!]a",
        ] {
            assert_eq!(misleading(text), None, "{text}");
        }
    }

    #[test]
    fn globs_overlap_where_a_path_may_be_meant_by_both() {
        let table = [
            ("src/a.rs", "src/a.rs", true),
            ("src/a.rs", "src/b.rs", false),
            ("src/**", "src/a/b.rs", true),
            ("src/**", "docs/**", false),
            ("**/*.rs", "docs/**", true),
            ("src/*.rs", "src/*.md", false),
            ("src/*.rs", "src/x/*.rs", false),
            ("src/a*", "src/b*", false),
            ("*/a.rs", "src/*", true),
            ("src", "src/a.rs", true),
            ("src/", "./src/a.rs", true),
            ("src/auth", "src/authors", false),
            ("src/{a,b}/*.rs", "src/c/*.rs", false),
            ("src/{a,b}/*.rs", "src/b/*.rs", true),
            ("{src/a,docs}/x", "docs/x", true),
            ("src/[ab].rs", "docs/a.rs", false),
            ("**/a/**", "b/**/c", true),
            ("a/**/z", "b/**/z", false),
            ("../x", "src", true),
            ("src/?.rs", "src/é.rs", true),
            ("src/?.rs", "src/éa.rs", false),
        ];
        for (one, other, expected) in table {
            assert_eq!(may_overlap(one, other), expected, "{one} and {other}");
            assert_eq!(may_overlap(other, one), expected, "{other} and {one}");
        }
    }

    #[test]
    fn globs_match_characters() {
        let table = [
            ("src/?.md", "src/é.md", true),
            ("src/??.md", "src/é.md", false),
            ("?", "漢", true),
            ("?/x", "漢/x", true),
            ("a?b", "a/b", false),
            ("[éü]", "ü", true),
            ("[éü]", "ö", false),
            ("[!é]", "ü", true),
            ("[!é]", "é", false),
            ("[é-ü]", "ö", true),
            ("[a-ü]", "z", true),
            ("é?{ü,[x-z]}*", "éaü.md", true),
            ("é?{ü,[x-z]}*", "éäy漢", true),
            ("**/?.md", "ä/ö/ü.md", true),
            ("\\?é", "?é", true),
            ("\\?é", "aé", false),
            ("\\x61?", "x61é", true),
            ("é*", "é漢/x", false),
        ];
        for (text, path, expected) in table {
            let globs = Globs::of([glob(text).unwrap()]).unwrap();
            assert_eq!(globs.is_match(path), expected, "{text} {path}");
        }
    }

    #[test]
    fn the_first_of_several_globs_is_told() {
        let texts = ["é/**", "?.md", "*.md", "é"];
        let globs = Globs::of(texts.map(|text| glob(text).unwrap())).unwrap();
        for (path, expected) in [
            ("é/a", Some(0)),
            ("é.md", Some(1)),
            ("a.md", Some(1)),
            ("éa.md", Some(2)),
            ("é", Some(3)),
            ("ü", None),
        ] {
            assert_eq!(globs.first(path), expected, "{path}");
        }
        assert!(!Globs::default().is_match("é"));
    }

    const NAMES: [&str; 4] = ["a", "b", "ab", "a.b"];

    /// All paths of up to three of these names.
    fn paths() -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut longest = vec![String::new()];
        for _ in 0..3 {
            longest = longest
                .iter()
                .flat_map(|path| NAMES.map(|name| format!("{path}/{name}")))
                .collect();
            all.extend(longest.iter().map(|path| path[1..].to_owned()));
        }
        all
    }

    /// The paths that match a glob, or are in a folder that does.
    fn meant(text: &str) -> Vec<String> {
        let Ok(glob) = glob(text.trim_end_matches('/')) else {
            return Vec::new();
        };
        let matcher = glob.compile_matcher();
        let is_meant = |path: &String| {
            let ends = path.match_indices('/').map(|(at, _)| at);
            ends.chain([path.len()])
                .any(|end| matcher.is_match(&path[..end]))
        };
        paths().into_iter().filter(is_meant).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_is_never_said_where_a_path_is_meant_by_both(
            one in "([ab*?/.]|\\*\\*/|/\\*\\*|\\{a,b/a\\}|\\{b,\\*\\}|\\[ab\\]|\\[!a\\]|\\\\a|[ab]{2}){1,6}",
            other in "([ab*?/.]|\\*\\*/|/\\*\\*|\\{a,b/a\\}|\\{b,\\*\\}|\\[ab\\]|\\[!a\\]|\\\\a|[ab]{2}){1,6}",
        ) {
            let (first, second) = (meant(&one), meant(&other));
            if let Some(path) = first.iter().find(|path| second.contains(path)) {
                prop_assert!(may_overlap(&one, &other), "{path}");
                prop_assert!(may_overlap(&other, &one), "{path}");
            }
            prop_assert_eq!(may_overlap(&one, &other), may_overlap(&other, &one));
        }
    }
}
