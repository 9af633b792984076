//! The natural order of names: `step-2` before `step-10`.

use std::cmp::Ordering;

/// Compares two names, with runs of digits as numbers.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ordering = match (left.chars().next(), right.chars().next()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (digits(&mut left), digits(&mut right));
                // Without leading zeros, the longer number is the greater one.
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            (Some(x), Some(y)) => {
                left = left.get(x.len_utf8()..).unwrap_or_default();
                right = right.get(y.len_utf8()..).unwrap_or_default();
                x.cmp(&y)
            }
            // Equal numbers may be written differently.
            (x, y) => return x.is_some().cmp(&y.is_some()).then_with(|| a.cmp(b)),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// Takes the digits at the beginning of a text, without leading zeros.
fn digits<'t>(text: &mut &'t str) -> &'t str {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_counted() {
        let sorted = [
            "",
            "a",
            "a-2",
            "a-02",
            "a-2b",
            "a-10",
            "a-10-1",
            "a-10-9",
            "a-10-11",
            "ab",
            "b1",
            "b99999999999999999999",
            "b100000000000000000000",
        ];
        for pair in sorted.windows(2) {
            // Ties are broken by the text.
            if pair != ["a-2", "a-02"] {
                assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            }
            assert_eq!(
                compare(pair[1], pair[0]),
                compare(pair[0], pair[1]).reverse()
            );
        }
        assert_eq!(compare("a-2", "a-2"), Ordering::Equal);
        assert_eq!(compare("a-02", "a-2"), Ordering::Less);
    }
}
