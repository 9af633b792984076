//! What is waited for, in a few words: the same in a terminal and on a page.

use crate::core::base::digest::short;
use crate::core::base::words::and_more;
use crate::core::resource::Time;
use crate::core::run::transition::WaitingFor;

/// The notation of the parts of a sentence.
pub struct Notation {
    /// Text from a resource or a record.
    pub word: fn(&str) -> String,
    /// A gate, by `namespace/name`.
    pub gate: fn(&str) -> String,
    /// A time.
    pub time: fn(Time) -> String,
}

/// What is waited for.
pub fn for_what(what: &WaitingFor, notation: &Notation) -> String {
    let (word, time) = (notation.word, notation.time);
    match what {
        WaitingFor::Worker { provider, attempt } => {
            let who = provider.as_deref().map_or("anybody".to_owned(), word);
            let again = match attempt {
                0 | 1 => String::new(),
                n => format!(" (attempt {n})"),
            };
            format!("{who} to claim it{again}")
        }
        WaitingFor::Report { actor, expires } => {
            let until = expires.map_or(String::new(), |at| format!(", lease until {}", time(at)));
            format!("the report of {}{until}", word(actor))
        }
        WaitingFor::Answer {
            asked_by,
            question,
            more,
            ..
        } => format!(
            "an answer to {}: {}{}",
            word(asked_by),
            word(question),
            and_more(*more)
        ),
        WaitingFor::Approval { gate, progress } => {
            format!("{}: {}", (notation.gate)(gate), word(progress))
        }
        WaitingFor::Verification {
            reported_by,
            commit,
        } => {
            let at = commit.as_deref();
            let at = at.map_or(String::new(), |commit| {
                format!(" at {}", word(short(commit)))
            });
            format!("a check of what {} reported{at}", word(reported_by))
        }
        WaitingFor::Criterion {
            criterion,
            description,
            has_checks,
            unmet,
        } => {
            let what = match (unmet, has_checks) {
                (true, _) => "which is not met",
                (false, true) => "to be verified",
                (false, false) => "to be attested",
            };
            format!(
                "criterion {}, {what}: {}",
                word(criterion),
                word(description)
            )
        }
        WaitingFor::Retry { at } => {
            let when = at.map_or_else(
                || "after a while".to_owned(),
                |at| format!("at {}", time(at)),
            );
            format!("the next attempt {when}")
        }
        WaitingFor::External { why }
        | WaitingFor::Repository { why }
        | WaitingFor::Other { why } => word(why),
    }
}
