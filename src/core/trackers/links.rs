//! Ids of tasks, and dependencies, in the words of a text.

use super::Link;

/// What announces that a task waits for others.
const WORDS: [&str; 7] = [
    "depends on",
    "dependencies:",
    "depends:",
    "blocked by",
    "softly on",
    "requires",
    "after",
];
/// Those of them that mean nothing else.
const EXPLICIT: [&str; 5] = [
    "depends on",
    "dependencies:",
    "depends:",
    "blocked by",
    "softly on",
];
/// What an exported list says of a task that waits for nothing, where its title could be read as saying more.
pub const NOTHING: &str = "depends on nothing";
/// The one of them after which the others only have to be over.
const SOFTLY: &str = "softly on";
/// Most tasks that `T001-T999` stands for.
const MOST_OF_A_RANGE: u32 = 1000;

/// Whether a word can be nothing but the id of a task: `T012`, `#7`, `3.1`, `ABC-12`.
pub fn is_id(word: &str) -> bool {
    if let Some(number) = word.strip_prefix('#') {
        return is_number(number);
    }
    is_step(word) || is_dotted(word) || is_key(word)
}

/// `T012`, `T012a`
pub fn is_step(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('T') else {
        return false;
    };
    let rest = rest
        .strip_suffix(|c: char| c.is_ascii_lowercase())
        .unwrap_or(rest);
    is_number(rest)
}

/// `3.1`
pub fn is_dotted(word: &str) -> bool {
    word.contains('.') && word.split('.').all(is_number)
}

/// `ABC-12`
pub fn is_key(word: &str) -> bool {
    let Some((project, number)) = word.rsplit_once('-') else {
        return false;
    };
    let is_upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    project.starts_with(|c: char| c.is_ascii_uppercase())
        && project.chars().all(is_upper)
        && is_number(number)
}

/// Only digits, and not too many for a number that people count by.
pub fn is_number(word: &str) -> bool {
    (1..=9).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// A title without the dependencies that stand in it in parentheses, and all that it names.
pub fn taken(title: &str) -> (String, Vec<Link>) {
    let lower = title.to_ascii_lowercase();
    for (open, _) in lower.rmatch_indices('(') {
        let inside = lower.get(open + 1..).unwrap_or_default();
        let Some(length) = inside.find(')') else {
            continue;
        };
        let begins = WORDS
            .iter()
            .any(|word| inside.trim_start().starts_with(word));
        let said = title.get(open + 1..open + 1 + length).unwrap_or_default();
        let links = named(said);
        // What names no task by its id may name one by its text: that stays in the title, and is told where there is none.
        if begins && links.iter().any(|link| !link.is_sure && !is_id(&link.id)) {
            let by_text = by_text(said);
            if !by_text.is_empty() {
                return (title.to_owned(), by_text);
            }
        }
        if begins && !links.is_empty() {
            let before = title.get(..open).unwrap_or_default().trim_end();
            let behind = title.get(open + length + 2..).unwrap_or_default().trim();
            let rest = format!("{before} {behind}");
            return (rest.trim().to_owned(), links);
        }
    }
    (title.to_owned(), named(title))
}

/// The tasks that a text names by what they are called: `depends on Write it, Test it`. Nothing where it says so in a word
/// that may mean anything else.
fn by_text(said: &str) -> Vec<Link> {
    let lower = said.trim_start().to_ascii_lowercase();
    let word = EXPLICIT.iter().find(|word| lower.starts_with(**word));
    let Some(word) = word else {
        return Vec::new();
    };
    let behind = said.trim_start().get(word.len()..).unwrap_or_default();
    let parts = behind.split([',', ';']);
    let parts = parts.map(|part| part.trim_matches([' ', ':', '*', '`', '#']));
    parts
        .filter(|part| !part.is_empty())
        .map(|part| Link {
            id: part.to_owned(),
            is_soft: *word == SOFTLY,
            is_sure: true,
        })
        .collect()
}

/// The dependencies that the lines of a longer text announce: each at the beginning of a line, and none in a block of code,
/// a quote or a comment.
pub fn announced(text: &str) -> Vec<Link> {
    let (mut is_code, mut is_comment) = (false, false);
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("```") || line.starts_with("~~~") {
            is_code = !is_code;
        }
        let was_comment = is_comment;
        if let Some(at) = line.rfind("<!--") {
            is_comment = !line.get(at..).unwrap_or_default().contains("-->");
        } else if line.contains("-->") {
            is_comment = false;
        }
        let line = line.trim_start_matches(['-', '*', '+', '_', ' ']);
        let lower = line.to_ascii_lowercase();
        let begins = EXPLICIT.iter().any(|word| lower.starts_with(word));
        if begins && !is_code && !was_comment {
            found.extend(named(line).into_iter().filter(|link| link.is_sure));
        }
    }
    found
}

/// A line of an exported list without what stands at its end in parentheses, and the dependencies that these name.
pub fn exported(text: &str) -> (String, Vec<Link>) {
    let at_end = text
        .strip_suffix(')')
        .and_then(|text| text.rsplit_once(" ("));
    match at_end {
        Some((title, NOTHING)) => (title.to_owned(), Vec::new()),
        Some((title, said))
            if said.starts_with("depends on `") || said.starts_with("softly on `") =>
        {
            let parts = said
                .split("; ")
                .flat_map(|part| match part.strip_prefix("softly on ") {
                    Some(ids) => listed(ids, true),
                    None => listed(part.trim_start_matches("depends on "), false),
                });
            (title.to_owned(), parts.collect())
        }
        _ => (text.to_owned(), Vec::new()),
    }
}

/// The dependencies that a text names.
pub fn named(text: &str) -> Vec<Link> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for word in WORDS {
        for (at, _) in lower.match_indices(word) {
            let before = lower.get(..at).unwrap_or_default();
            if before.ends_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
            let behind = text.get(at + word.len()..).unwrap_or_default();
            found.extend(listed(behind, word == SOFTLY));
        }
    }
    found.sort();
    // The same by two words is once; what is surely a task goes before.
    found.dedup_by(|one, other| one.id == other.id && one.is_soft == other.is_soft);
    found
}

/// The tasks at the beginning of a text: `T012, T013 and T014`, `T001-T004`, `` `build` ``.
fn listed(text: &str, is_soft: bool) -> Vec<Link> {
    let line = text.lines().next().unwrap_or_default();
    let mut rest = line.trim_start_matches([':', '*', ' ']);
    let mut found = Vec::new();
    loop {
        let (word, behind) = first_word(rest);
        if word.is_empty() {
            break;
        }
        let spanned = word
            .strip_prefix('`')
            .and_then(|word| word.strip_suffix('`'));
        let ids = match spanned {
            Some(id) => vec![id.to_owned()],
            None => range(word).unwrap_or_else(|| vec![word.to_owned()]),
        };
        let is_sure = spanned.is_some() || (is_id(word) && ids.len() == 1);
        found.extend(ids.into_iter().map(|id| Link {
            id: id.strip_prefix('#').unwrap_or(&id).to_owned(),
            is_soft,
            is_sure,
        }));
        let Some(next) = behind_separator(behind) else {
            break;
        };
        rest = next;
    }
    found
}

/// A word, without the marks around it, and what stands behind it.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(['*', '[', ' ']);
    let end = match text.strip_prefix('`') {
        Some(inside) => inside.find('`').map_or(0, |at| at + 2),
        None => text
            .find(|c: char| !(c.is_alphanumeric() || "#._-–".contains(c)))
            .unwrap_or(text.len()),
    };
    let (word, behind) = text.split_at(end);
    let word = if word.starts_with('`') {
        word
    } else {
        word.trim_end_matches(['.', '-'])
    };
    (word, behind)
}

/// What stands behind a comma or an `and`; nothing where the list is over.
fn behind_separator(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['*', ']', ' ']);
    let text = match text.strip_prefix([',', '&', '+']) {
        Some(rest) => rest.trim_start(),
        None => text.strip_prefix("and ")?,
    };
    Some(text.strip_prefix("and ").unwrap_or(text))
}

/// The tasks from one to another, when a word says both: `T001-T004`.
fn range(word: &str) -> Option<Vec<String>> {
    let (first, last) = word.split_once(['-', '–'])?;
    if !is_step(first) || !is_step(last) {
        return None;
    }
    let number = |word: &str| word.get(1..)?.parse::<u32>().ok();
    let (from, to) = (number(first)?, number(last)?);
    let width = first.len() - 1;
    let count = to.checked_sub(from)?;
    (count < MOST_OF_A_RANGE).then(|| (from..=to).map(|one| format!("T{one:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        let sure = named(text).into_iter().filter(|link| link.is_sure);
        sure.map(|link| link.id).collect()
    }

    #[test]
    fn dependencies_are_found_in_words() {
        for (text, expected) in [
            ("depends on T012, T013", vec!["T012", "T013"]),
            (
                "Depends on: **T012** and T013, and T014",
                vec!["T012", "T013", "T014"],
            ),
            ("Blocked by #12, #7", vec!["12", "7"]),
            ("run after T003 has ended", vec!["T003"]),
            ("Dependencies: 1.2, 3", vec!["1.2"]),
            ("Depends on `build`, `a b`", vec!["a b", "build"]),
            ("look after the children, T001", vec![]),
            ("thereafter T001", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(ids(text), expected, "{text}");
        }
        let all = named("after T002-T004");
        let all: Vec<&str> = all.iter().map(|link| link.id.as_str()).collect();
        assert_eq!(all, ["T002", "T003", "T004"]);
        assert!(
            named("depends on T1; softly on T2")
                .iter()
                .any(|link| link.is_soft && link.id == "T2")
        );
    }

    #[test]
    fn a_title_loses_what_stands_in_parentheses() {
        let (title, links) = taken("Build it (depends on T001) now");
        assert_eq!((title.as_str(), links.len()), ("Build it now", 1));
        for text in ["Call f(x) first", "Build (after all)é (", "(depends on )"] {
            assert_eq!(
                taken(text).0,
                if text.starts_with("Build") {
                    "Build é ("
                } else {
                    text
                },
                "{text}"
            );
        }
    }
}
