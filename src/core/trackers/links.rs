//! Finds ids of tasks, and dependencies, in a text.

use super::Link;

/// Words that announce dependencies.
const WORDS: [&str; 7] = [
    "depends on",
    "dependencies:",
    "depends:",
    "blocked by",
    "softly on",
    "requires",
    "after",
];
/// Those of them that have no other meaning.
const EXPLICIT: [&str; 5] = [
    "depends on",
    "dependencies:",
    "depends:",
    "blocked by",
    "softly on",
];
/// Written for an exported task without dependencies, if its title could be read as having some.
pub const NOTHING: &str = "depends on nothing";
/// The one that announces soft dependencies.
const SOFTLY: &str = "softly on";
/// Maximum number of tasks in a range such as `T001-T999`.
const MOST_OF_A_RANGE: u32 = 1000;

/// Whether a word must be the id of a task: `T012`, `#7`, `3.1`, `ABC-12`.
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

/// Whether a word has only digits, and few enough for a task number.
pub fn is_number(word: &str) -> bool {
    (1..=9).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// A title without the dependencies in parentheses, and these dependencies.
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
        // A name that is not an id may be the title of a task: it stays in the title, and is reported if there is no
        // such task.
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

/// The tasks that a text names by their titles: `depends on Write it, Test it`. Empty if the announcing word may mean
/// something else.
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

/// The dependencies that the lines of a longer text announce: at the beginning of a line, and not in a code block,
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

/// A line of an exported list without the parentheses at its end, and the dependencies in them.
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

/// The dependencies in a text.
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
    // Drop duplicates that different words announce; a certain one comes first.
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

/// The first word without the marks around it, and the text after it.
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

/// The text after a comma or an `and`; `None` at the end of the list.
fn behind_separator(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['*', ']', ' ']);
    let text = match text.strip_prefix([',', '&', '+']) {
        Some(rest) => rest.trim_start(),
        None => text.strip_prefix("and ")?,
    };
    Some(text.strip_prefix("and ").unwrap_or(text))
}

/// The tasks of a range in one word: `T001-T004`.
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
