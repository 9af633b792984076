//! A section of a file that belongs to planspec, between two marks; the rest of the file is left alone.

/// The mark at its beginning.
pub const BEGIN: &str = "<!-- planspec:begin -->";
/// The mark at its end.
pub const END: &str = "<!-- planspec:end -->";

/// A text with the section: replaced if the text has one, else appended. `section` includes both marks.
///
/// # Errors
/// A mark is missing, or they are in the wrong order, so the section cannot be found.
///
/// ```
/// use planspec::core::base::section::with_section;
///
/// let ours = "<!-- planspec:begin -->\nnew\n<!-- planspec:end -->";
/// let text = "Theirs.\n\n<!-- planspec:begin -->\nold\n<!-- planspec:end -->\nTheirs too.\n";
/// assert_eq!(
///     with_section(text, ours).unwrap(),
///     "Theirs.\n\n<!-- planspec:begin -->\nnew\n<!-- planspec:end -->\nTheirs too.\n"
/// );
/// ```
pub fn with_section(text: &str, section: &str) -> Result<String, String> {
    let section = section.trim_end();
    match (text.find(BEGIN), text.find(END)) {
        (None, None) if text.trim().is_empty() => Ok(format!("{section}\n")),
        (None, None) => Ok(format!("{}\n\n{section}\n", text.trim_end())),
        (Some(begin), Some(end)) if begin < end => {
            let (before, behind) = (text.get(..begin), text.get(end + END.len()..));
            let (before, behind) = (before.unwrap_or_default(), behind.unwrap_or_default());
            Ok(format!("{before}{section}{behind}"))
        }
        _ => Err(format!("`{BEGIN}` and `{END}` do not belong together")),
    }
}

/// The section of a text, with its marks.
pub fn section_of(text: &str) -> Option<&str> {
    let (begin, end) = (text.find(BEGIN)?, text.find(END)?);
    text.get(begin..end + END.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_not_ours_stays_and_twice_is_once() {
        let ours = format!("{BEGIN}\nDo this.\n{END}\n");
        for text in ["", "\n", "# Theirs", "# Theirs\n\n\n", "a\r\nb\r\n"] {
            let once = with_section(text, &ours).unwrap();
            assert!(once.starts_with(text.trim_end()), "{text:?}");
            assert!(once.ends_with(&ours), "{once:?}");
            assert_eq!(with_section(&once, &ours).unwrap(), once);
            assert_eq!(section_of(&once), Some(ours.trim_end()));
        }
        let within = format!("a\n{BEGIN}\nold\n{END}\n\nb\n");
        let expected = format!("a\n{BEGIN}\nDo this.\n{END}\n\nb\n");
        assert_eq!(with_section(&within, &ours).unwrap(), expected);
        for broken in [BEGIN.to_owned(), END.to_owned(), format!("{END}{BEGIN}")] {
            assert!(with_section(&broken, &ours).is_err(), "{broken}");
        }
    }
}
