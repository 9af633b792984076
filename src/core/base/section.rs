//! A section of a file that is ours, between two marks; the rest is somebody else's, and stays as it is.

/// Begins it.
pub const BEGIN: &str = "<!-- planspec:begin -->";
/// Ends it.
pub const END: &str = "<!-- planspec:end -->";

/// A text with our section in it: in the place of the one that it has, else behind everything. `section` has both marks.
///
/// # Errors
/// One of the marks is missing, or they are in the wrong order: what is ours there nobody can tell.
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
