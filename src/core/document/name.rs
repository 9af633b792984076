//! Names from free text.

use crate::core::base::digest::sha256_hex;

/// Which characters a name may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// Of resources: lower-case letters, digits and `-`.
    Name,
    /// Of nodes: `_` as well.
    NodeId,
}

/// Most characters of a name.
const LONGEST: usize = 63;
/// Digits that tell a changed text from others.
const DIGITS: usize = 6;

/// A name for a text: lower case, other characters to hyphens, and a short hash at the end when
/// that altered the text or it is over 63. What is a name already stays as it is.
///
/// ```
/// use planspec::document::{Alphabet, name_of};
/// assert_eq!(name_of("sso-rollout", Alphabet::Name), "sso-rollout");
/// assert_eq!(name_of("SSO rollout!", Alphabet::Name), "sso-rollout-bc0dbe");
/// ```
pub fn name_of(text: &str, alphabet: Alphabet) -> String {
    let fits = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || (c == '_' && alphabet == Alphabet::NodeId)
    };
    let plain: String = text
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
mod tests {
    use proptest::prelude::*;

    use super::*;

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
