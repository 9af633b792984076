//! Characters that a person who reads a text does not see.

/// Whether a character is not seen, or changes how its neighbours are seen: control characters,
/// line separators, zero-width and blank characters, bidirectional overrides, tags,
/// noncharacters. A space is seen, and so are the variation selectors that emoji are written with.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}')
        // The last two code points of every plane are no characters.
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_and_what_is_not() {
        for seen in " aé日👍\u{301}\u{a0}\u{fe0f}".chars() {
            assert!(!is_invisible(seen), "{seen:?}");
        }
        for unseen in "\u{0}\t\n\r\u{1b}\u{7f}\u{85}\u{ad}\u{200b}\u{200d}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{3164}\u{e0041}\u{ffff}\u{10fffe}".chars() {
            assert!(is_invisible(unseen), "{unseen:?}");
        }
    }
}
