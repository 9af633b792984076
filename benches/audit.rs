//! What it costs to check a long history: `cargo bench --bench audit [COMMITS]` status commits of a repository of 1,000 resources,
//! one plan changed in each, beside what Git takes to list what they change.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod common;

use std::time::Instant;

use common::{PLANSPEC, command, commit, files, git, ms, output, path, plan, repository};
use tempfile::TempDir;

/// Resources, of which a tenth are executions.
const SIZE: usize = 1_000;

fn main() {
    let given = std::env::args().find_map(|arg| arg.parse().ok());
    let commits: usize = given.unwrap_or(10_000);
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    repository(dir, files(SIZE));
    let reconcile = || {
        let ended = command(dir, PLANSPEC, &["reconcile"]).status().unwrap();
        assert!(ended.success());
    };
    reconcile();
    for number in 0..commits {
        // Plans that runs are on, and others.
        let changed = number / 86 % 10 * 100 + 4 + number % 86;
        let on = output(dir, &["rev-parse", "main"]);
        let text = plan(changed, &format!("Change {number}"));
        commit(dir, Some(on.trim()), [(path(changed), text)].into_iter());
        reconcile();
    }
    git(dir, &["repack", "-adq"]);
    let count = output(
        dir,
        &["rev-list", "--count", "--first-parent", "planspec/status"],
    );
    let count: usize = count.trim().parse().unwrap();
    let started = Instant::now();
    let ended = command(dir, PLANSPEC, &["audit"]).status().unwrap();
    let ours = started.elapsed();
    assert!(ended.success());
    let started = Instant::now();
    let log = ["log", "--first-parent", "--raw", "planspec/status"];
    output(dir, &log);
    let theirs = started.elapsed();
    println!(
        "audit of {count} status commits, {SIZE} resources: {:.1} s, {:.2} ms each; `git log --raw` of them {:.2} s",
        ours.as_secs_f64(),
        ms(ours) / f64::from(u32::try_from(count).unwrap()),
        theirs.as_secs_f64(),
    );
}
