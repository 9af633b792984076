//! All of `validate` in memory: several files, every rule, every format of findings; and the decisions of `reconcile`
//! on the same resources.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use planspec::core::repository::config::Config;
use planspec::core::base::diagnostic::Diagnostic;
use planspec::core::text::locate::{Lines, locate};
use planspec::core::run::reconcile::{Inputs, reconcile};
use planspec::core::resource::Time;
use planspec::core::repository::snapshot::Snapshot;
use planspec::core::base::source::{Content, SourceFile};
use planspec::core::base::invisible::is_invisible;
use planspec::show::findings::{FindingsFormat, render};

/// The separator of files in an input.
const NEXT_FILE: &[u8] = b"\n=====\n";

fuzz_target!(|bytes: &[u8]| {
    let files = files(bytes);
    let config = Config::default();
    let snapshot = Snapshot::build(&files, &config);
    for finding in snapshot.diagnostics() {
        check_places(&snapshot, finding);
    }
    show(&snapshot);
    advance(&snapshot, &files, &config);
});

fn files(bytes: &[u8]) -> Vec<SourceFile> {
    let mut parts = vec![bytes];
    while let Some(rest) = parts.last().copied()
        && let Some(at) = rest
            .windows(NEXT_FILE.len())
            .position(|window| window == NEXT_FILE)
    {
        parts.pop();
        parts.push(&rest[..at]);
        parts.push(&rest[at + NEXT_FILE.len()..]);
    }
    let named = parts.into_iter().enumerate().map(|(n, bytes)| SourceFile {
        path: format!("planspec/{n}.yaml"),
        blob: format!("{n:040x}"),
        content: Content::Bytes(bytes.into()),
    });
    named.collect()
}

fn check_places(snapshot: &Snapshot, finding: &Diagnostic) {
    let labels = finding.related.iter().map(|label| (&label.file, &label.place));
    for (file, place) in std::iter::once((&finding.file, &finding.place)).chain(labels) {
        let text = snapshot.text(file).unwrap_or_default();
        if let Some(span) = locate(&text, place) {
            assert!(text.get(span.start..span.end).is_some(), "{finding:?}");
            let position = Lines::new(&text).position(span.start);
            assert_eq!(position, (span.line, span.column), "{finding:?}");
        }
    }
}

fn show(snapshot: &Snapshot) {
    for format in FindingsFormat::ALL {
        let text_of = |file: &str| snapshot.text(file);
        let text = render(snapshot.diagnostics(), &text_of, format, false);
        let hidden = text.chars().find(|c| is_invisible(*c) && *c != '\n');
        assert_eq!(hidden, None, "{format:?}");
        if matches!(format, FindingsFormat::Json | FindingsFormat::Gitlab | FindingsFormat::Sarif) {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
            assert!(parsed.is_ok(), "{format:?}");
        }
    }
}

/// A second reconcile over the same inputs changes nothing.
fn advance(snapshot: &Snapshot, files: &[SourceFile], config: &Config) {
    let pinned: BTreeMap<String, Arc<[u8]>> = files
        .iter()
        .filter_map(|file| match &file.content {
            Content::Bytes(bytes) => Some((file.blob.clone(), bytes.clone())),
            Content::Refused(_) => None,
        })
        .collect();
    let inputs = |old| Inputs {
        snapshot,
        config,
        commit: "1234567890123456789012345678901234567890",
        history_rewritten: false,
        old,
        pinned: &pinned,
        incoming: &[],
        refused: &NONE,
        authors: &|_, _| Ok(BTreeSet::new()),
        artifact: &|_, _| false,
        now: Time::UNIX_EPOCH,
    };
    static NONE: BTreeSet<planspec::core::record::Address> = BTreeSet::new();
    let first = reconcile(&inputs(None));
    let second = reconcile(&inputs(Some(&first.tree)));
    assert!(!second.changed, "{:?}", second.transitions);
}
