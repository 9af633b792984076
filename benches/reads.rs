//! What it costs to look at one thing among many, as whole processes: `cargo bench --bench reads
//! [RESOURCES…]`. Each command is run in turn among 100 resources, among many, and beside
//! `git --version`; the table has medians and their ratios.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{PLANSPEC, command, files, git, in_turn, ms, repository};
use tempfile::TempDir;

const RUNS: usize = 21;
const FEW: usize = 100;

/// What is asked: all about namespace `n0`, which every repository has.
const ASKED: [(&str, &[&str]); 14] = [
    ("get plan", &["get", "plan", "plan-50", "-n", "n0"]),
    ("get plans -n", &["get", "plans", "-n", "n0"]),
    (
        "describe execution",
        &["describe", "execution", "run-95", "-n", "n0"],
    ),
    ("graph plan", &["graph", "plan-50", "-n", "n0"]),
    ("next -n", &["next", "-n", "n0"]),
    ("next EXECUTION", &["next", "run-95", "-n", "n0"]),
    (
        "validate -f FILE",
        &["validate", "-f", "planspec/n0/r50.yaml"],
    ),
    ("validate", &["validate"]),
    ("validate --rev HEAD", &["validate", "--rev", "HEAD"]),
    ("status", &["status"]),
    ("log plan", &["log", "plan/plan-50", "-n", "n0"]),
    (
        "apply, unchanged",
        &["apply", "-f", "planspec/n0/r50.yaml", "--dry-run"],
    ),
    (
        "start, a dry run",
        &["start", "plan-50", "-n", "n0", "--dry-run"],
    ),
    (
        "delete, a dry run",
        &["delete", "plan", "plan-50", "-n", "n0", "--dry-run"],
    ),
];

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![10_000]
    } else {
        sizes
    };
    let few = prepared(FEW);
    for size in sizes {
        let many = prepared(size);
        measure(few.path(), many.path(), size);
    }
}

/// A repository that was reconciled once; of its index is told what it took.
fn prepared(size: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    repository(dir, files(size));
    git(dir, &["repack", "-adq"]);
    git(dir, &["reset", "-q", "--hard"]);
    // Git itself looks twice at files that are as old as its index, once.
    std::thread::sleep(Duration::from_millis(1100));
    git(dir, &["status"]);
    let timed = |what: &str, args: &[&str]| {
        let started = Instant::now();
        assert!(
            command(dir, PLANSPEC, args).status().unwrap().success(),
            "{args:?}"
        );
        println!("{size} resources: {what} {:.0} ms", ms(started.elapsed()));
    };
    timed("first reconcile", &["reconcile"]);
    git(dir, &["repack", "-adq"]);
    fs::remove_dir_all(dir.join(".git/planspec")).ok();
    timed("a look without an index", ASKED[0].1);
    fs::remove_dir_all(dir.join(".git/planspec")).ok();
    timed("validate without an index", &["validate"]);
    folder
}

fn measure(few: &Path, many: &Path, size: usize) {
    println!("\nmedian of {RUNS} runs in turn, in milliseconds");
    println!(
        "{:<22} {:>9} {:>11} {:>7} {:>16}",
        "",
        "among 100",
        format!("among {size}"),
        "ratio",
        "× git --version"
    );
    let told = |what: &str, times: &[Duration]| {
        let [among_few, among_many, floor] = times[..] else {
            unreachable!()
        };
        println!(
            "{what:<22} {:9.2} {:11.2} {:7.2} {:16.1}",
            ms(among_few),
            ms(among_many),
            ms(among_many) / ms(among_few),
            ms(among_many) / ms(floor)
        );
    };
    for (what, args) in ASKED {
        let times = in_turn(
            RUNS,
            &mut [
                &mut || command(few, PLANSPEC, args),
                &mut || command(many, PLANSPEC, args),
                &mut || command(many, "git", &["--version"]),
            ],
        );
        told(what, &times);
    }
    // Each execution of the namespace is claimed once, and then reported.
    for (what, more) in [("claim", &[][..]), ("report", &["--succeeded"][..])] {
        let numbered = |dir: &Path, run: &mut usize| {
            let node = format!("run-{run}/step-0");
            *run += 1;
            let mut command = command(dir, PLANSPEC, &[what, &node, "-n", "n0", "--as", "agent:a"]);
            command.args(more);
            command
        };
        let (mut first, mut second) = (90, 90);
        let times = in_turn(
            10,
            &mut [
                &mut || numbered(few, &mut first),
                &mut || numbered(many, &mut second),
                &mut || command(many, "git", &["--version"]),
            ],
        );
        told(what, &times);
    }
}
