//! Invisible characters.

/// Whether a character is invisible, or changes how its neighbours look: control characters,
/// line separators, zero-width and blank characters, bidirectional overrides, tags,
/// noncharacters. Spaces and the variation selectors of emoji are visible.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}')
        // The last two code points of every plane are noncharacters.
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The characters of a text, each with whether it must be escaped: it is invisible, and not a joiner that its
/// neighbours need. Persian and Hindi words, and emoji of several people, contain joiners; between ASCII letters they
/// would only make two names look the same.
pub fn unseen(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    let mut before = None;
    let mut characters = text.chars().peekable();
    std::iter::from_fn(move || {
        let c = characters.next()?;
        let is_joiner = matches!(c, '\u{200c}' | '\u{200d}')
            && before.is_some_and(can_be_joined)
            && characters.peek().copied().is_some_and(can_be_joined);
        before = Some(c);
        Some((c, is_invisible(c) && !is_joiner))
    })
}

fn can_be_joined(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !is_invisible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_are_part_of_words_and_of_emoji() {
        let told = |text: &str| -> String {
            let unseen = unseen(text).filter(|(_, unseen)| *unseen);
            unseen
                .map(|(c, _)| format!("{:x} ", u32::from(c)))
                .collect()
        };
        for text in [
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94d}\u{200d}\u{937}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
        ] {
            assert_eq!(told(text), "", "{text}");
        }
        for (text, unseen) in [
            ("ad\u{200d}min", "200d "),
            ("\u{645}\u{200c}", "200c "),
            ("\u{200d}\u{645}", "200d "),
            ("\u{645}\u{200c}\u{200d}\u{645}", "200c 200d "),
            ("\u{645}\u{202e}\u{645}", "202e "),
            ("\u{645}\u{200b}\u{645}", "200b "),
        ] {
            assert_eq!(told(text), unseen);
        }
    }

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
