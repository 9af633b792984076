//! Makes names from free text.

use crate::core::base::digest::sha256_hex;
use crate::core::resource::schema::slug;

/// The characters that a name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// For resources: lower-case letters, digits and `-`.
    Name,
    /// For nodes: `_` as well.
    NodeId,
}

/// Maximum length of a name.
const LONGEST: usize = 63;
/// Digits of the hash that distinguishes altered texts.
const DIGITS: usize = 6;

/// The rule by which names are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// The present rule.
    #[default]
    Now,
    /// The former rule, without transliteration: existing names made by it stay valid.
    Former,
}

impl Naming {
    /// The rule for resources from a file.
    pub(crate) fn of_file(path: &str) -> Naming {
        #[cfg(test)]
        if tests::BY_A_FORMER_PROGRAM.with_path(path) {
            return Naming::Former;
        }
        let _ = path;
        Naming::Now
    }

    /// The name of a text by this rule.
    pub(crate) fn name_of(self, text: &str, alphabet: Alphabet) -> String {
        match self {
            Naming::Now => name_of(text, alphabet),
            Naming::Former => made(text, text, alphabet),
        }
    }
}

/// The possible ids of the node of a step with this name, likeliest first, for when the document cannot be read.
/// For the approval of a step, the `step_id` follows `approve-`.
#[cfg(feature = "service")]
pub(crate) fn node_ids(text: &str) -> Vec<String> {
    let rules = [Naming::Now, Naming::Former];
    let of_approval = rules.iter().filter_map(|naming| {
        let step = text.strip_prefix("approve-")?;
        let step = naming.name_of(step, Alphabet::NodeId);
        Some(naming.name_of(&format!("approve-{step}"), Alphabet::NodeId))
    });
    let of_step = rules.map(|naming| naming.name_of(text, Alphabet::NodeId));
    of_approval.chain(of_step).collect()
}

/// A name for a text: transliterated, in lower case, with other characters as hyphens, and with a short hash at
/// the end if that altered the text or it is longer than 63. A valid name is unchanged.
///
/// ```
/// use planspec::document::{Alphabet, name_of};
/// assert_eq!(name_of("sso-rollout", Alphabet::Name), "sso-rollout");
/// assert_eq!(name_of("SSO rollout!", Alphabet::Name), "sso-rollout-bc0dbe");
/// assert_eq!(name_of("проверка", Alphabet::Name), "proverka-dbdd1f");
/// ```
pub fn name_of(text: &str, alphabet: Alphabet) -> String {
    made(text, &deunicode::deunicode(text), alphabet)
}

/// A name as a person would write it for a text: transliterated, without a hash. `None` if no characters are left.
///
/// ```
/// use planspec::document::plain_name;
/// assert_eq!(plain_name("Überprüfung 2").as_deref(), Some("uberprufung-2"));
/// assert_eq!(plain_name("!"), None);
/// ```
pub fn plain_name(text: &str) -> Option<String> {
    let plain = slug(&deunicode::deunicode(text), '-');
    (name_of(&plain, Alphabet::Name) == plain).then_some(plain)
}

/// A name for a text that is already in permitted letters.
fn made(text: &str, written: &str, alphabet: Alphabet) -> String {
    let fits = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || (c == '_' && alphabet == Alphabet::NodeId)
    };
    let plain: String = written
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if fits(c) => c,
            _ => '-',
        })
        .collect();
    let trimmed = plain.trim_matches(['-', '_']);
    if trimmed == text && (1..=LONGEST).contains(&text.len()) {
        return plain;
    }
    // The hash is the same for both rules, so that a former name can be found.
    let hash = sha256_hex(text.as_bytes());
    let hash = hash.get(..DIGITS).unwrap_or_default();
    let most = LONGEST - DIGITS - 1;
    let short = trimmed.get(..most.min(trimmed.len())).unwrap_or_default();
    match short.trim_end_matches(['-', '_']) {
        "" => hash.to_owned(),
        short => format!("{short}-{hash}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};

    use proptest::prelude::*;

    use super::*;

    /// Files that are read by the former rule for names.
    pub(crate) static BY_A_FORMER_PROGRAM: Files = Files(Mutex::new(BTreeSet::new()));

    /// A set of file paths.
    pub(crate) struct Files(Mutex<BTreeSet<String>>);

    impl Files {
        pub(crate) fn with_path(&self, path: &str) -> bool {
            let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.contains(path)
        }

        pub(crate) fn add(&self, path: &str) {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(path.to_owned());
        }

        pub(crate) fn remove(&self, path: &str) {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            files.remove(path);
        }
    }

    #[test]
    fn names_stay_and_other_texts_get_a_hash() {
        for name in ["a", "sso-2", "0", &"x".repeat(63)] {
            assert_eq!(name_of(name, Alphabet::Name), name);
            assert_eq!(name_of(name, Alphabet::NodeId), name);
        }
        assert_eq!(name_of("step_1", Alphabet::NodeId), "step_1");
        let altered = [
            "step_1",
            "Step-1",
            "-a",
            "a-",
            "a.b",
            "é",
            "",
            &"x".repeat(64),
        ];
        let names = altered.map(|text| name_of(text, Alphabet::Name));
        for (text, name) in altered.iter().zip(&names) {
            assert_ne!(text, name);
        }
        assert!(names[0].starts_with("step-1-"), "{names:?}");
        assert!(names[1].starts_with("step-1-"), "{names:?}");
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn what_is_not_latin_stays_readable_and_has_the_hash_that_it_had() {
        for (text, readable, former) in [
            ("проверка", "proverka-", ""),
            (
                "Schritt Überprüfung",
                "schritt-uberprufung-",
                "schritt--berpr-fung-",
            ),
            ("测试 登录", "ce-shi-deng-lu-", ""),
            ("étape_1", "etape_1-", "tape_1-"),
            ("🚀 launch", "rocket-launch-", "launch-"),
        ] {
            let (now, before) = (
                name_of(text, Alphabet::NodeId),
                Naming::Former.name_of(text, Alphabet::NodeId),
            );
            let hash = now.strip_prefix(readable);
            assert!(
                hash.is_some_and(|hash| hash.len() == DIGITS),
                "{text}: {now}"
            );
            assert_eq!(hash, before.strip_prefix(former), "{text}: {before}");
        }
        // Nothing changes for Latin letters.
        for text in ["Build API!", "s1", "T001", "a--b", &"x".repeat(64)] {
            let before = Naming::Former.name_of(text, Alphabet::NodeId);
            assert_eq!(name_of(text, Alphabet::NodeId), before, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_has_a_name(text in ".{0,80}") {
            for (alphabet, more) in [(Alphabet::Name, ""), (Alphabet::NodeId, "_")] {
                let name = name_of(&text, alphabet);
                let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                prop_assert!((1..=63).contains(&name.len()));
                prop_assert!(name.starts_with(ends) && name.ends_with(ends), "{}", name);
                prop_assert!(name.chars().all(|c| ends(c) || c == '-' || more.contains(c)));
                prop_assert_eq!(name_of(&name, alphabet), name);
            }
        }
    }
}
