//! Versions of plans within a series.

use std::cmp::Ordering;

/// Compares versions: numbers and semantic versions by their order (`2` is `2.0.0`), anything else as text,
/// after those.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    Version::read(a).cmp(&Version::read(b))
}

/// The first part in which two numeric versions differ, from 0: `1.2` and `1.3.1` differ in part 1.
/// Two pre-releases, or a pre-release and its release, give part 0, since a pre-release promises nothing.
/// `None` if they cannot be compared, or the second is not higher.
pub fn step(a: &str, b: &str) -> Option<usize> {
    if !compare_versions(a, b).is_lt() {
        return None;
    }
    let (Version::Numbered(a, ..), Version::Numbered(b, ..)) = (Version::read(a), Version::read(b))
    else {
        return None;
    };
    let parts = 0..a.len().max(b.len());
    let part = |all: &[u64], at: usize| all.get(at).copied().unwrap_or(0);
    let mut parts = parts.filter(|&at| part(&a, at) != part(&b, at));
    Some(parts.next().unwrap_or(0))
}

/// The next version that differs first in a part, counted from 0: after `1.2.3`, part 1 gives
/// `1.3.0`. `None` for words and dates.
pub fn raised(version: &str, part: usize) -> Option<String> {
    if date(version).is_some() {
        return None;
    }
    let bare = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let prefix = &version[..version.len() - bare.len()];
    let core = bare.split(['-', '+']).next().unwrap_or(bare);
    let mut parts: Vec<u64> = core.split('.').map(digits).collect::<Option<_>>()?;
    parts.resize(parts.len().max(part + 1), 0);
    parts[part] = parts[part].checked_add(1)?;
    parts[part + 1..].fill(0);
    let parts: Vec<String> = parts.iter().map(u64::to_string).collect();
    Some(format!("{prefix}{}", parts.join(".")))
}

/// Whether a version is numeric: `2`, `1.10.0-rc.1`, `2026-01-31`.
pub fn is_numbered(version: &str) -> bool {
    matches!(Version::read(version), Version::Numbered(..))
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version<'a> {
    /// `10`, `v1.10.0-rc.1`: the parts, then releases above pre-releases, then the pre-release.
    Numbered(Vec<u64>, bool, Vec<Identifier<'a>>),
    /// Anything else.
    Text(&'a str),
}

/// A part of a pre-release: numbers sort before words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    Number(u64),
    Word(&'a str),
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Version<'a> {
        if let Some(date) = date(text) {
            return Version::Numbered(date, true, Vec::new());
        }
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        // Build metadata is ignored.
        let bare = bare.split('+').next().unwrap_or(bare);
        let (core, pre) = match bare.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (bare, None),
        };
        let parts: Option<Vec<u64>> = core.split('.').map(digits).collect();
        match parts {
            Some(mut parts) => {
                while parts.len() > 1 && parts.last() == Some(&0) {
                    parts.pop();
                }
                let identifiers = pre.map_or(Vec::new(), |pre| {
                    pre.split('.')
                        .map(|part| digits(part).map_or(Identifier::Word(part), Identifier::Number))
                        .collect()
                });
                Version::Numbered(parts, pre.is_none(), identifiers)
            }
            None => Version::Text(text),
        }
    }
}

/// Year, month and day of `2026-01-31`.
fn date(text: &str) -> Option<Vec<u64>> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    if lengths != [4, 2, 2] {
        return None;
    }
    let parts: Vec<u64> = parts.into_iter().map(digits).collect::<Option<_>>()?;
    let is_date = (1..=12).contains(&parts[1]) && (1..=31).contains(&parts[2]);
    is_date.then_some(parts)
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_of_a_class() {
        for (version, part, next) in [
            ("1.0.1", 1, Some("1.1.0")),
            ("1.0", 1, Some("1.1")),
            ("1", 1, Some("1.1")),
            ("v2.3.4", 0, Some("v3.0.0")),
            ("1.2.0-rc.1+x", 1, Some("1.3.0")),
            ("2026-01-31", 1, None),
            ("final", 0, None),
            ("18446744073709551615", 0, None),
        ] {
            assert_eq!(raised(version, part).as_deref(), next, "{version}");
            if let Some(next) = next {
                assert_eq!(step(version, next), Some(part), "{version}");
            }
        }
    }

    #[test]
    fn versions_are_compared_as_people_mean_them() {
        let ascending = [
            ("9", "10"),
            ("v9", "v10"),
            ("1.9", "1.10"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0-rc.2", "1.0.0-rc.10"),
            ("1.0.0-1", "1.0.0-alpha"),
            ("1.0.9", "1.1"),
            ("alpha", "beta"),
            ("1.5", "2"),
            ("2", "2.1"),
            ("2026-01-31", "2026-02-01"),
            ("2025-12-31", "2026-01-01"),
            ("2026-1-rc", "2026"),
        ];
        for (low, high) in ascending {
            assert_eq!(compare_versions(low, high), Ordering::Less, "{low} {high}");
            assert_eq!(
                compare_versions(high, low),
                Ordering::Greater,
                "{low} {high}"
            );
        }
        assert_eq!(compare_versions("1.0", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn the_step_between_two_versions_is_the_first_part_that_differs() {
        for (a, b, expected) in [
            ("1", "2", Some(0)),
            ("1.2.3", "2.0.0", Some(0)),
            ("1.2.3", "1.3.0", Some(1)),
            ("1", "1.1", Some(1)),
            ("1.2.3", "1.2.4", Some(2)),
            ("1.2.3.4", "1.2.3.5", Some(3)),
            ("1.0.0-rc.1", "1.0.0-rc.2", Some(0)),
            ("1.0.0-rc.1", "1.0.0", Some(0)),
            ("1.2", "1.2.0", None),
            ("2", "1", None),
            ("spring", "summer", None),
        ] {
            assert_eq!(step(a, b), expected, "{a} {b}");
        }
    }
}
