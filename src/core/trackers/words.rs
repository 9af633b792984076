//! The words of trackers for the state of a task.

use super::{Hold, State};

const DONE: [&str; 10] = [
    "done",
    "complete",
    "completed",
    "closed",
    "resolved",
    "finished",
    "fixed",
    "verified",
    "released",
    "merged",
];
const DROPPED: [&str; 10] = [
    "cancelled",
    "canceled",
    "wont do",
    "wont fix",
    "wontfix",
    "not planned",
    "duplicate",
    "abandoned",
    "rejected",
    "tombstone",
];

const BLOCKED: [&str; 3] = ["blocked", "waiting", "stuck"];
const DEFERRED: [&str; 4] = ["deferred", "postponed", "on hold", "snoozed"];

/// Why a tracker says that a task which is to be done is not to be begun now.
pub fn hold(word: &str) -> Option<Hold> {
    let word = plain(word);
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    match () {
        () if is_in(&BLOCKED) => Some(Hold::Blocked),
        () if is_in(&DEFERRED) => Some(Hold::Deferred),
        () => None,
    }
}

/// A word as trackers write it in several ways.
fn plain(word: &str) -> String {
    let word = word.trim().to_lowercase();
    word.replace(['_', '-'], " ").replace(['\'', '’'], "")
}

/// The state for a tracker's word; open, unless it means done or dropped.
pub fn state(word: &str) -> State {
    let plain = plain(word);
    if DONE.contains(&plain.as_str()) {
        State::Done
    } else if DROPPED.contains(&plain.as_str()) {
        State::Dropped
    } else {
        State::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_several_trackers_mean_the_same() {
        for (word, expected) in [
            ("Done", State::Done),
            ("CLOSED", State::Done),
            (" resolved ", State::Done),
            ("Won't Do", State::Dropped),
            ("NOT_PLANNED", State::Dropped),
            ("canceled", State::Dropped),
            ("in-progress", State::Open),
            ("deferred", State::Open),
            ("", State::Open),
        ] {
            assert_eq!(state(word), expected, "{word}");
        }
        for (word, expected) in [
            ("Blocked", Some(Hold::Blocked)),
            ("On-Hold", Some(Hold::Deferred)),
            ("deferred", Some(Hold::Deferred)),
            ("in_progress", None),
            ("done", None),
        ] {
            assert_eq!(hold(word), expected, "{word}");
        }
    }
}
