//! The words of trackers for the state of a task.

use super::State;

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

/// The state for a tracker's word; open, unless it means done or dropped.
pub fn state(word: &str) -> State {
    let word = word.trim().to_lowercase();
    let plain: String = word.replace(['_', '-'], " ").replace(['\'', '’'], "");
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
    }
}
