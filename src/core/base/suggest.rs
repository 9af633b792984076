//! Suggestions for mistyped names.

use std::cmp::Reverse;

use crate::core::base::words::and_more;

/// The candidate that was probably meant, if one is similar enough to `word`.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let score = strsim::jaro_winkler(&folded, &other);
            let near = score >= 0.84 || (candidate.len() > 2 && is_one_edit(&folded, &other));
            near.then_some((score, candidate))
        })
        // Of equally similar ones, the first.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

/// Maximum number of names that are listed at once.
pub const NAMES_TOLD: usize = 10;

/// Names to choose from, formatted by `show`: up to ten are all listed in order; of more, only those most similar to
/// `word`.
pub fn choices<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
    show: impl Fn(&str) -> String,
) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    let all = names.len();
    if all > NAMES_TOLD {
        let folded = word.to_lowercase();
        // Of equally similar ones, the first.
        names.sort_by_cached_key(|name| {
            let name = name.to_lowercase();
            let near = strsim::jaro_winkler(&folded, &name);
            // From 0 to 1; six decimal places are compared.
            Reverse((name.contains(&folded), (near * 1e6) as u64))
        });
        names.truncate(NAMES_TOLD);
    }
    let shown: Vec<String> = names.into_iter().map(show).collect();
    shown.join(", ") + &and_more(all - shown.len())
}

/// The help for a mistyped name: a suggestion, else `otherwise`.
pub fn suggestion<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    did_you_mean(word, candidates).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

/// How many suggestions may still be made: each compares a name with all others.
pub struct Suggestions(pub usize);

impl Suggestions {
    /// [`did_you_mean`], within the remaining suggestions.
    pub fn near<'a>(
        &mut self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        self.0 = self.0.checked_sub(1)?;
        did_you_mean(word, candidates)
    }

    /// [`suggestion`], within the remaining suggestions; otherwise `otherwise`.
    pub fn suggestion<'a>(
        &mut self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
        otherwise: impl FnOnce() -> String,
    ) -> String {
        self.near(word, candidates)
            .map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
    }
}

/// Whether two words differ by one character (added, missing or other), or by two swapped ones. A real
/// distance would take too long for every pair of words.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    let ends = a.iter().rev().zip(b.iter().rev());
    let back = ends.take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - back], &b[..b.len() - back]) {
        ([_], []) | ([], [_]) | ([_], [_]) => true,
        ([a, b], [c, d]) => (a, b) == (d, c),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_many_names_the_nearest_are_told() {
        let quoted = |name: &str| format!("`{name}`");
        assert_eq!(choices("x", ["b", "a"], quoted), "`b`, `a`");
        let many: Vec<String> = (0..400).map(|n| format!("task-{n}")).collect();
        let names = many.iter().map(String::as_str);
        let told = choices("tusk-399", names, quoted);
        assert!(told.starts_with("`task-399`, "), "{told}");
        assert!(told.ends_with(" and 390 more"), "{told}");
    }

    #[test]
    fn suggestions_are_near() {
        let kinds = ["Goal", "Plan", "Gate"];
        assert_eq!(did_you_mean("plna", kinds), Some("Plan"));
        assert_eq!(did_you_mean("pla", kinds), Some("Plan"));
        assert_eq!(did_you_mean("zebra", kinds), None);
        assert_eq!(
            did_you_mean("relese", ["release", "verify"]),
            Some("release")
        );
    }

    proptest! {
        #[test]
        fn one_edit_is_a_distance_of_one(a in "[abc]{0,5}", b in "[abc]{0,5}") {
            let distance = strsim::damerau_levenshtein(&a, &b);
            prop_assert_eq!(is_one_edit(&a, &b), distance == 1);
        }
    }
}
