//! The revisions of a resource, and the history of an execution.

use std::collections::BTreeSet;

use super::table::{display_width, flowing, table_keeping};
use crate::api::log::Revision;
use crate::core::base::digest::short;
use crate::core::base::escape;
use crate::core::base::time::exact as time;
use crate::core::run::history::Happened;

/// Minimum width of the reason, beside the other columns.
const ENOUGH_FOR_WHY: usize = 24;

/// A table of revisions, with executions if there were any.
pub fn revisions(revisions: &[Revision], width: Option<usize>) -> String {
    let mut rows: Vec<Vec<String>> = revisions
        .iter()
        .map(|revision| {
            let runs = revision.executions.iter();
            let runs: Vec<String> = runs
                .map(|run| format!("{} ({})", run.name, run.phase))
                .collect();
            let class = revision.class.as_deref();
            vec![
                short(&revision.commit).to_owned(),
                revision.time.map(time).unwrap_or_default(),
                revision.author.name.clone(),
                class.unwrap_or(revision.change.word()).to_owned(),
                revision.summary.clone(),
                runs.join(", "),
            ]
        })
        .collect();
    let mut header = vec!["COMMIT", "DATE", "AUTHOR", "CLASS", "CHANGE", "EXECUTIONS"];
    if revisions
        .iter()
        .all(|revision| revision.executions.is_empty())
    {
        header.pop();
        rows.iter_mut().for_each(|row| row.truncate(header.len()));
    }
    table_keeping(&[0, 1, 5], &header, &rows, width)
}

/// A table of events. If the run was replanned, it has the plan revision of each attempt.
pub fn events(happened: &[Happened], width: Option<usize>) -> String {
    let revisions = happened.iter().filter_map(|one| one.revision.as_deref());
    let has_changed = revisions.collect::<BTreeSet<&str>>().len() > 1;
    let rows: Vec<Vec<String>> = happened
        .iter()
        .map(|happened| {
            let event = &happened.event;
            let act = event.act.as_ref();
            let moved = event.transition.as_ref().map(|moved| moved.arrow());
            let attempt = match (event.attempt, &happened.revision) {
                (0, _) => String::new(),
                (attempt, Some(revision)) if has_changed => {
                    format!("{attempt} of {}", short(revision))
                }
                (attempt, _) => attempt.to_string(),
            };
            let signed = act.and_then(|act| act.signed.as_ref());
            let record = act.and_then(|act| act.record.as_deref());
            vec![
                happened.made.map(time).unwrap_or_default(),
                event.node.clone().unwrap_or_default(),
                attempt,
                moved.unwrap_or_default(),
                act.map(|act| act.word.to_owned()).unwrap_or_default(),
                act.and_then(|act| act.actor.clone()).unwrap_or_default(),
                record.map(short).unwrap_or_default().to_owned(),
                match (signed, record) {
                    (Some(signed), _) if happened.is_checked => signed.principal.clone(),
                    (Some(signed), _) => format!("claimed: {}", signed.principal),
                    (None, Some(_)) => "none".to_owned(),
                    (None, None) => String::new(),
                },
                event.why(),
            ]
        })
        .collect();
    let header = [
        "TIME", "NODE", "ATTEMPT", "MOVED", "BY", "ACTOR", "RECORD", "SIGNED", "WHY",
    ];
    let but_why: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().take(row.len() - 1).cloned().collect())
        .collect();
    let least = table_keeping(&[], &header[..8], &but_why, None);
    let least = least.lines().map(display_width).max().unwrap_or(0) + ENOUGH_FOR_WHY;
    match width.filter(|&width| width < least) {
        Some(width) => {
            let rows = happened.iter().map(|one| event_cells(one, has_changed));
            rows.map(|cells| flowing(&cells, &[0, 1, 3, 4], width))
                .collect()
        }
        None => table_keeping(&[0, 1, 5], &header, &rows, width),
    }
}

/// How sure a signature is: this clone has verified it, or the status claims it.
pub(super) fn signed_how(is_checked: bool) -> &'static str {
    if is_checked {
        "signed"
    } else {
        "claimed to be signed"
    }
}

/// The cells of an event if there is no room for columns.
fn event_cells(happened: &Happened, has_changed: bool) -> Vec<String> {
    let event = &happened.event;
    let act = event.act.as_ref();
    let attempt = match (event.attempt, &happened.revision) {
        (0, _) => String::new(),
        (attempt, Some(revision)) if has_changed => {
            format!("attempt {attempt} of {}", short(revision))
        }
        (attempt, _) => format!("attempt {attempt}"),
    };
    let moved = event.transition.as_ref().map(|moved| moved.arrow());
    let by = act.map(|act| match &act.actor {
        Some(actor) => format!("{} by {actor}", act.word),
        None => act.word.to_owned(),
    });
    let signed = act.and_then(|act| act.signed.as_ref());
    let cells = [
        happened.made.map(time).unwrap_or_default(),
        event.node.clone().unwrap_or_default(),
        attempt,
        moved.unwrap_or_default(),
        by.unwrap_or_default(),
        signed.map_or_else(String::new, |signed| {
            let how = signed_how(happened.is_checked);
            format!("{how} by {}", signed.principal)
        }),
        event.why(),
    ];
    cells.iter().map(|cell| escape::line(cell)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::log::{Author, Event, RevisionKind, RevisionRun};
    use crate::core::resource::{Key, Kind, SignedBy, Time};
    use crate::core::run::history::{Act, Event as Told};
    use crate::core::run::transition::{Moved, Transition};

    fn revision() -> Revision {
        Revision {
            commit: "0123456789abcdef".to_owned(),
            time: Time::from_timestamp(1_769_860_800, 0),
            author: Author {
                name: "Ana\u{1b}[31m".to_owned(),
                email: "ana@example.com".to_owned(),
            },
            subject: "x".to_owned(),
            change: RevisionKind::Added,
            class: None,
            summary: "added in planspec/a/long/path/of/a/plan.yaml".to_owned(),
            paths: Vec::new(),
            paths_before: Vec::new(),
            blobs: BTreeSet::new(),
            executions: Vec::new(),
        }
    }

    #[test]
    fn a_table_fits_the_terminal_and_keeps_the_commit() {
        let mut one = revision();
        let text = revisions(&[one.clone()], Some(60));
        assert!(!text.contains("EXECUTIONS"), "{text}");
        assert!(
            text.contains("0123456789\n") && !text.contains('\u{1b}'),
            "{text}"
        );
        one.executions.push(RevisionRun {
            namespace: "default".to_owned(),
            name: "run".to_owned(),
            uid: "u".to_owned(),
            phase: "Running".to_owned(),
            start_time: None,
        });
        for width in [40, 60, 100] {
            let text = revisions(&[one.clone()], Some(width));
            assert!(
                text.lines().all(|line| display_width(line) <= width),
                "{text}"
            );
        }
        assert!(revisions(&[one], None).contains("plan.yaml   run (Running)"));
    }

    #[test]
    fn a_narrow_terminal_gets_sentences_and_no_column_of_one_letter() {
        let happened = Happened {
            commit: "c".to_owned(),
            made: Time::from_timestamp(1_769_860_800, 0),
            uid: "u".to_owned(),
            revision: None,
            event: Told {
                node: Some("approve-the-release-of-the-year".to_owned()),
                attempt: 2,
                act: Some(Act {
                    word: "approve",
                    actor: Some("ana@example.com".to_owned()),
                    message: "it is well, and ten visitors said so".to_owned(),
                    ..Act::default()
                }),
                transition: None,
            },
            step: None,
            is_checked: false,
        };
        assert_eq!(
            events(std::slice::from_ref(&happened), Some(40)),
            "\
2026-01-31T12:00:00Z
    approve-the-release-of-the-year
    attempt 2
    approve by ana@example.com
    it is well, and ten visitors said so
"
        );
        for width in [40, 60, 80] {
            let text = events(std::slice::from_ref(&happened), Some(width));
            assert!(!text.contains('…'), "{text}");
        }
        assert!(events(&[happened], None).starts_with("TIME "));
    }

    #[test]
    fn who_signed_is_told_and_that_nobody_did() {
        let happened = |record: Option<&str>, signed: Option<&str>| Happened {
            commit: "c".to_owned(),
            made: Time::from_timestamp(1_769_860_800, 0),
            uid: "u".to_owned(),
            revision: None,
            event: Told {
                node: Some("ok".to_owned()),
                attempt: 0,
                act: record.map(|record| Act {
                    word: "approve",
                    actor: Some("ana".to_owned()),
                    record: Some(record.to_owned()),
                    signed: signed.map(|principal| SignedBy {
                        principal: principal.to_owned(),
                        key: "SHA256:x".to_owned(),
                    }),
                    criterion: None,
                    message: "well".to_owned(),
                }),
                transition: Some(Transition {
                    key: Key::new(Kind::Execution, "default", "run"),
                    node: Some("ok".to_owned()),
                    step: None,
                    what: Moved::Phase,
                    from: Some("Blocked".to_owned()),
                    to: Some("Succeeded".to_owned()),
                    attempt: 0,
                    message: "decided".to_owned(),
                }),
            },
            step: None,
            is_checked: record == Some("r1"),
        };
        let claimed = happened(Some("r0"), Some("ana@example.com"));
        assert!(events(&[claimed], None).contains("r0       claimed: ana@example.com   well"));
        let all = [
            happened(Some("r1"), Some("ana@example.com")),
            happened(Some("r2"), None),
            happened(None, None),
        ];
        let text = events(&all, None);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(
            lines[0].contains("r1       ana@example.com   well"),
            "{text}"
        );
        assert!(
            lines[1].contains("r2       none              well"),
            "{text}"
        );
        assert!(!lines[2].contains("none"), "{text}");
        assert!(lines[2].ends_with("   decided"), "{text}");
        let event = Event::from(&all[0]);
        assert_eq!(event.signed.unwrap().principal, "ana@example.com");
        assert_eq!(
            (event.from.as_deref(), event.to.as_deref()),
            (Some("Blocked"), Some("Succeeded"))
        );
        assert_eq!(Event::from(&all[2]).actor, None);
    }
}
