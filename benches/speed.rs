//! What validating and reconciling cost, step by step and as whole processes:
//! `cargo bench --bench speed [FILES]`.
//!
//! As many files (10,000 unless said otherwise), each a plan of ten nodes. `PLANSPEC_BENCH_DIR` may
//! name a folder that does not exist yet: the repository is made there and left behind, for other
//! programs to be run over the same files.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use planspec::core::base::limits::Limits;
use planspec::core::base::source::{Content, SourceFile};
use planspec::core::repository::config::Config;
use planspec::core::repository::snapshot::{self, Snapshot};
use planspec::core::resource::schema::{self, SchemaKind};
use planspec::core::resource::{Kind, Time};
use planspec::core::run::reconcile::{Inputs, reconcile};
use planspec::core::run::status::StatusTree;
use planspec::core::text::yaml;
use planspec::git::{Repo, read};
use rayon::prelude::*;
use tempfile::TempDir;

const PLANSPEC: &str = env!("CARGO_BIN_EXE_planspec");
const RUNS: usize = 7;

fn main() {
    let number = std::env::args().find_map(|a| a.parse().ok());
    let number = number.unwrap_or(10_000);
    let kept = std::env::var_os("PLANSPEC_BENCH_DIR").map(PathBuf::from);
    let thrown_away = TempDir::new().unwrap();
    let dir = kept.as_deref().unwrap_or(thrown_away.path());
    repository(dir, number);
    let cores = std::thread::available_parallelism().unwrap();
    println!("{number} files, a plan of ten nodes each; {cores} cores; median of {RUNS} runs");
    steps(dir, number);
    decisions(number);
    processes(dir, number);
}

/// The steps of `validate`, each on what the one before made.
fn steps(dir: &Path, number: usize) {
    let repo = Repo::open(Some(dir)).unwrap();
    let config = Config::default();
    let paths = read::Paths::new(&config.paths, config.limits.file_bytes).unwrap();
    let files = read::from_worktree(&repo, &paths).unwrap();
    assert_eq!(files.len(), number);
    println!("\nvalidate, step by step");
    report("read the work tree", number, || {
        read::from_worktree(&repo, &paths).unwrap()
    });
    let limits = Limits::default();
    let parse = |file: &SourceFile| yaml::read(&file.path, bytes(file), &limits);
    report("parse, one core", number, || {
        files.iter().map(parse).collect::<Vec<_>>()
    });
    report("parse, all cores", number, || {
        files.par_iter().map(parse).collect::<Vec<_>>()
    });
    let documents: Vec<_> = files.iter().flat_map(|file| parse(file).0).collect();
    let check = |document: &yaml::Document| {
        schema::check(SchemaKind::Resource(Kind::Plan), &document.value)
    };
    report("check schemas, one core", number, || {
        documents.iter().map(check).collect::<Vec<_>>()
    });
    report("check schemas, all cores", number, || {
        documents.par_iter().map(check).collect::<Vec<_>>()
    });
    report("files into resources, all cores", number, || {
        snapshot::manifests(&files, &config)
    });
    report("and all the rules", number, || {
        Snapshot::build(&files, &config)
    });
    assert!(Snapshot::build(&files, &config).diagnostics().is_empty());
}

/// What `reconcile` decides about as many resources.
fn decisions(number: usize) {
    let files: Vec<SourceFile> = (0..number).map(mixed).collect();
    let config = Config::default();
    let snapshot = Snapshot::build(&files, &config);
    assert!(snapshot.diagnostics().is_empty());
    let pinned: BTreeMap<String, Arc<[u8]>> = files
        .iter()
        .map(|file| (file.blob.clone(), bytes(file).into()))
        .collect();
    let refused = BTreeMap::new();
    let decide = |old: Option<&StatusTree>| {
        reconcile(&Inputs {
            snapshot: &snapshot,
            config: &config,
            commit: "1234567890123456789012345678901234567890",
            history_rewritten: false,
            left: &BTreeMap::new(),
            old,
            only: None,
            pinned: &pinned,
            incoming: &[],
            refused: &refused,
            authors: &|_, _| Ok(BTreeSet::new()),
            artifact: &|_, _| false,
            merged: &|_| false,
            touched: &|_| Ok(BTreeSet::new()),
            listed: &|_, _| true,
            now: Time::UNIX_EPOCH,
        })
    };
    println!("\nreconcile, only what it decides: plans, and runs of every tenth");
    report("everything is new", number, || decide(None));
    let settled = decide(None).tree;
    assert!(!decide(Some(&settled)).changed);
    report("nothing has changed", number, || decide(Some(&settled)));
}

fn processes(dir: &Path, number: usize) {
    println!("\nwhole processes");
    let run = |args: &[&str]| {
        let mut command = Command::new(PLANSPEC);
        command.args(args).current_dir(dir);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ended = command.status().unwrap();
        assert!(ended.success(), "{args:?}: {ended}");
    };
    report("planspec validate", number, || run(&["validate"]));
    report("planspec validate --rev HEAD", number, || {
        run(&["validate", "--rev", "HEAD"])
    });
    let begin_anew = || {
        let _ = fs::remove_dir_all(dir.join(".git/planspec"));
        git(dir, &["update-ref", "-d", "refs/heads/planspec/status"]);
    };
    report("planspec reconcile, everything is new", number, || {
        begin_anew();
        run(&["reconcile"]);
    });
    let mut other = 0;
    report("planspec reconcile, another commit", number, || {
        other += 1;
        let message = format!("another {other}");
        git(dir, &["commit", "-q", "--allow-empty", "-m", &message]);
        run(&["reconcile"]);
    });
    report("planspec reconcile, nothing is new", number, || {
        run(&["reconcile"])
    });
}

fn report<T>(name: &str, number: usize, mut run: impl FnMut() -> T) {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            // What was made is dropped outside of the measurement.
            let made = std::hint::black_box(run());
            let time = started.elapsed();
            drop(made);
            time
        })
        .collect();
    times.sort();
    let median = times[RUNS / 2].as_secs_f64();
    let rate = number as f64 / median;
    println!(
        "  {name:<42} {:8.1} ms ({:7.1} at best) {rate:10.0} files/s",
        median * 1000.0,
        times[0].as_secs_f64() * 1000.0
    );
}

fn bytes(file: &SourceFile) -> &[u8] {
    match &file.content {
        Content::Bytes(bytes) => bytes,
        Content::Refused(why) => panic!("{}: {why}", file.path),
    }
}

fn repository(dir: &Path, number: usize) {
    fs::create_dir_all(dir).unwrap();
    git(dir, &["init", "-q", "-b", "main"]);
    for number in 0..number {
        let path = dir.join(format!("planspec/f{}/plan-{number}.yaml", number / 100));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, plan(number)).unwrap();
    }
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-qm", "all"]);
    git(dir, &["gc", "-q"]);
}

/// Plans, and every tenth a run of one.
fn mixed(number: usize) -> SourceFile {
    let text = match number % 10 {
        9 => format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {{name: run-{number}, \
             namespace: team}}\nspec: {{planRef: {{name: plan-{}}}}}\n",
            number - 1
        ),
        _ => plan(number),
    };
    SourceFile {
        path: format!("planspec/{number}.yaml"),
        blob: read::blob_id(text.as_bytes()),
        content: Content::Bytes(text.as_bytes().into()),
    }
}

fn plan(number: usize) -> String {
    let mut text = format!(
        "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata:\n  name: plan-{number}\n  namespace: \
         team\n  labels: {{team: platform}}\nspec:\n  description: What is to be done, step by step\n  \
         graph:\n    nodes:\n"
    );
    for node in 0..10 {
        text.push_str(&format!(
            "      - id: step-{node}\n        kind: Task\n        name: Step {node}\n        \
             description: Something to do\n        timeout: 1h30m\n        retries: 2\n"
        ));
        if node > 0 {
            text.push_str(&format!("        dependsOn: [step-{}]\n", node - 1));
        }
    }
    text
}

fn git(dir: &Path, args: &[&str]) {
    let who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
    let mut command = Command::new("git");
    command.args(who).args(args).current_dir(dir);
    let ended = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let ended = ended.status().unwrap();
    assert!(ended.success(), "git {args:?}");
}
