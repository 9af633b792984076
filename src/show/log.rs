//! The revisions of a resource, and what happened to an execution.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::table::{display_width, flowing, table_keeping};
use crate::core::base::digest::short;
use crate::core::base::escape;
use crate::core::base::time::exact as time;
use crate::core::resource::{Key, Time};
use crate::core::run::history::Event;

/// Fewest columns for why something happened, beside all that is told of it.
const ENOUGH_FOR_WHY: usize = 24;

/// A commit that changed a resource.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Id of the commit.
    pub commit: String,
    /// When it was made.
    pub made: Option<Time>,
    /// Name and e-mail of who wrote it.
    pub author: (String, String),
    /// First line of its message.
    pub subject: String,
    /// What it did.
    pub kind: RevisionKind,
    /// Class of the change and one line of what changed, where the specs could be compared.
    pub change: Option<(String, String)>,
    /// Paths of the files before.
    pub before: Vec<String>,
    /// Paths of the files since.
    pub now: Vec<String>,
    /// The blobs that held this revision.
    pub blobs: BTreeSet<String>,
    /// Executions that ran on it, the newest first.
    pub runs: Vec<Run>,
}

/// What a commit did to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionKind {
    /// It was not there before.
    Added,
    /// It is another spec.
    Changed,
    /// The same spec, other labels or annotations.
    Metadata,
    /// The same resource in another file.
    Moved,
    /// It is gone.
    Removed,
    /// It cannot be read.
    Broken,
    /// It stands in several files.
    Several,
    /// It was there when the history that is here begins.
    Beginning,
}

impl RevisionKind {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            RevisionKind::Added => "added",
            RevisionKind::Changed => "changed",
            RevisionKind::Metadata => "metadata",
            RevisionKind::Moved => "moved",
            RevisionKind::Removed => "removed",
            RevisionKind::Broken => "broken",
            RevisionKind::Several => "several",
            RevisionKind::Beginning => "beginning",
        }
    }
}

/// An execution that ran on a revision.
#[derive(Debug, Clone)]
pub struct Run {
    /// Which.
    pub key: Key,
    /// Its uid.
    pub uid: String,
    /// Where it stands now.
    pub phase: String,
    /// When it started.
    pub started: Option<Time>,
}

impl Revision {
    /// One line of what changed.
    pub fn what(&self) -> String {
        let (from, to) = (self.before.join(", "), self.now.join(", "));
        let moved = match from == to || from.is_empty() || to.is_empty() {
            true => None,
            false => Some(format!("moved from {from} to {to}")),
        };
        let what = match self.kind {
            RevisionKind::Added => format!("added in {to}"),
            RevisionKind::Changed => match &self.change {
                Some((_, what)) => what.clone(),
                None => "the spec is another one".to_owned(),
            },
            RevisionKind::Metadata => match &self.change {
                Some((_, what)) => what.clone(),
                None => "labels or annotations only".to_owned(),
            },
            RevisionKind::Moved => return moved.unwrap_or_default(),
            RevisionKind::Removed => format!("removed from {from}"),
            RevisionKind::Broken => "it cannot be read".to_owned(),
            RevisionKind::Several => format!("defined in several places: {to}"),
            RevisionKind::Beginning => format!("in {to}; what was before is not in this clone"),
        };
        [Some(what), moved]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn class(&self) -> &str {
        match &self.change {
            Some((class, _)) => class,
            None => self.kind.word(),
        }
    }
}

/// A table of revisions; executions where there were any.
pub fn revisions(revisions: &[Revision], width: Option<usize>) -> String {
    let mut rows: Vec<Vec<String>> = revisions
        .iter()
        .map(|revision| {
            let runs = revision.runs.iter();
            let runs: Vec<String> = runs
                .map(|run| format!("{} ({})", run.key.name, run.phase))
                .collect();
            vec![
                short(&revision.commit).to_owned(),
                revision.made.map(time).unwrap_or_default(),
                revision.author.0.clone(),
                revision.class().to_owned(),
                revision.what(),
                runs.join(", "),
            ]
        })
        .collect();
    let mut header = vec!["COMMIT", "DATE", "AUTHOR", "CLASS", "CHANGE", "EXECUTIONS"];
    if revisions.iter().all(|revision| revision.runs.is_empty()) {
        header.pop();
        rows.iter_mut().for_each(|row| row.truncate(header.len()));
    }
    table_keeping(&[0, 1, 5], &header, &rows, width)
}

/// A revision for programs.
pub fn revision_value(revision: &Revision) -> Value {
    let runs: Vec<Value> = revision
        .runs
        .iter()
        .map(|run| {
            json!({
                "namespace": run.key.namespace,
                "name": run.key.name,
                "uid": run.uid,
                "phase": run.phase,
                "startTime": run.started,
            })
        })
        .collect();
    json!({
        "commit": revision.commit,
        "time": revision.made,
        "author": {"name": revision.author.0, "email": revision.author.1},
        "subject": revision.subject,
        "change": revision.kind.word(),
        "class": revision.change.as_ref().map(|(class, _)| class),
        "summary": revision.what(),
        "paths": revision.now,
        "pathsBefore": revision.before,
        "blobs": revision.blobs,
        "executions": runs,
    })
}

/// Something that happened to an execution, and the status commit that tells it.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Id of the status commit.
    pub commit: String,
    /// When it was made.
    pub made: Option<Time>,
    /// Which run.
    pub uid: String,
    /// What.
    pub event: Event,
}

/// A table of what happened.
pub fn events(happened: &[Happened], width: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = happened
        .iter()
        .map(|happened| {
            let event = &happened.event;
            let act = event.act.as_ref();
            let moved = event.transition.as_ref().map(|moved| moved.arrow());
            let attempt = match event.attempt {
                0 => String::new(),
                attempt => attempt.to_string(),
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
                    (Some(signed), _) => signed.principal.clone(),
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
            let rows = happened.iter().map(event_cells);
            rows.map(|cells| flowing(&cells, &[0, 1, 3, 4], width))
                .collect()
        }
        None => table_keeping(&[0, 1, 5], &header, &rows, width),
    }
}

/// What is said of an event where there is no room for columns.
fn event_cells(happened: &Happened) -> Vec<String> {
    let event = &happened.event;
    let act = event.act.as_ref();
    let attempt = match event.attempt {
        0 => String::new(),
        attempt => format!("attempt {attempt}"),
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
            format!("signed by {}", signed.principal)
        }),
        event.why(),
    ];
    cells.iter().map(|cell| escape::line(cell)).collect()
}

/// What happened, for programs.
pub fn event_value(happened: &Happened) -> Value {
    let event = &happened.event;
    let act = event.act.as_ref();
    let moved = event.transition.as_ref();
    json!({
        "time": happened.made,
        "commit": happened.commit,
        "uid": happened.uid,
        "node": event.node,
        "attempt": event.attempt,
        "from": moved.and_then(|moved| moved.from.clone()),
        "to": moved.and_then(|moved| moved.to.clone()),
        "condition": moved.and_then(|moved| moved.condition()),
        "criterion": act.and_then(|act| act.criterion.as_deref()),
        "action": act.map(|act| act.word),
        "actor": act.and_then(|act| act.actor.clone()),
        "record": act.and_then(|act| act.record.clone()),
        "signed": act.and_then(|act| act.signed.as_ref()),
        "message": event.why(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::core::resource::{Kind, SignedBy};
    use crate::core::run::history::Act;
    use crate::core::run::transition::{Moved, Transition};

    fn revision(kind: RevisionKind, before: &[&str], now: &[&str]) -> Revision {
        let paths = |side: &[&str]| side.iter().map(|path| (*path).to_owned()).collect();
        Revision {
            commit: "0123456789abcdef".to_owned(),
            made: Time::from_timestamp(1_769_860_800, 0),
            author: ("Ana\u{1b}[31m".to_owned(), "ana@example.com".to_owned()),
            subject: "x".to_owned(),
            kind,
            change: None,
            before: paths(before),
            now: paths(now),
            blobs: BTreeSet::new(),
            runs: Vec::new(),
        }
    }

    #[test]
    fn what_a_commit_did_in_one_line() {
        use RevisionKind::*;
        let table = [
            (revision(Added, &[], &["a"]), "added", "added in a"),
            (revision(Removed, &["a"], &[]), "removed", "removed from a"),
            (
                revision(Moved, &["a"], &["b"]),
                "moved",
                "moved from a to b",
            ),
            (
                Revision {
                    change: Some(("major".to_owned(), "~ a field".to_owned())),
                    ..revision(Changed, &["a"], &["b"])
                },
                "major",
                "~ a field; moved from a to b",
            ),
            (
                revision(Changed, &["a"], &["a"]),
                "changed",
                "the spec is another one",
            ),
            (revision(Broken, &["a"], &[]), "broken", "it cannot be read"),
            (
                revision(Several, &["a"], &["a", "b"]),
                "several",
                "defined in several places: a, b; moved from a to a, b",
            ),
            (
                revision(Beginning, &[], &["a"]),
                "beginning",
                "in a; what was before is not in this clone",
            ),
        ];
        for (revision, class, what) in table {
            assert_eq!((revision.class(), revision.what().as_str()), (class, what));
        }
    }

    #[test]
    fn a_table_fits_the_terminal_and_keeps_the_commit() {
        let mut one = revision(
            RevisionKind::Added,
            &[],
            &["planspec/a/long/path/of/a/plan.yaml"],
        );
        let text = revisions(&[one.clone()], Some(60));
        assert!(!text.contains("EXECUTIONS"), "{text}");
        assert!(
            text.contains("0123456789\n") && !text.contains('\u{1b}'),
            "{text}"
        );
        one.runs.push(Run {
            key: Key::new(Kind::Execution, "default", "run"),
            uid: "u".to_owned(),
            phase: "Running".to_owned(),
            started: None,
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
            event: Event {
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
            event: Event {
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
                    what: Moved::Phase,
                    from: Some("Blocked".to_owned()),
                    to: Some("Succeeded".to_owned()),
                    attempt: 0,
                    message: "decided".to_owned(),
                }),
            },
        };
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
        let value = event_value(&all[0]);
        assert_eq!(value["signed"]["principal"], "ana@example.com");
        assert_eq!(
            (&value["from"], &value["to"]),
            (&json!("Blocked"), &json!("Succeeded"))
        );
        assert!(event_value(&all[2])["actor"].is_null());
    }
}
