//! What it costs to go on from a change, as whole processes, beside what Git does about the same:
//! `cargo bench --bench scale [RESOURCES…]`. Commands are run in turn; the tables have medians of the
//! time on the clock and their ratio.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod common;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{PLANSPEC, command, commit, files, git, in_turn, ms, path, plan, repository};
use tempfile::TempDir;

const RUNS: usize = 21;
/// The plan that changes: one that an execution runs, and one that nobody does.
const CHANGED: [usize; 2] = [45, 5];

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    for size in if sizes.is_empty() {
        vec![1_000, 10_000]
    } else {
        sizes
    } {
        println!(
            "\n{size} resources: planspec, Git, ratio (medians of {RUNS} in turn, milliseconds)"
        );
        first(size);
        changes(size, false);
        changes(size, true);
        reviews(size);
    }
}

fn told(what: &str, ours: Duration, git: Duration) {
    let ratio = ms(ours) / ms(git);
    println!("{what:<46} {:9.2} {:9.2} {ratio:7.2}", ms(ours), ms(git));
}

/// The first reconcile, beside an import of the files that it writes.
fn first(size: usize) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    repository(dir, files(size));
    let started = Instant::now();
    let memory = peak(command(dir, PLANSPEC, &["reconcile"]));
    let ours = started.elapsed();
    let stream = dir.join("stream");
    let mut export = command(dir, "git", &["fast-export", "planspec/status"]);
    export.stdout(fs::File::create(&stream).unwrap());
    assert!(export.status().unwrap().success());
    let other = TempDir::new().unwrap();
    git(other.path(), &["init", "-q"]);
    let mut import = command(other.path(), "git", &["fast-import", "--quiet"]);
    import.stdin(fs::File::open(&stream).unwrap());
    let started = Instant::now();
    assert!(import.status().unwrap().success());
    told(
        "first reconcile : git fast-import of it",
        ours,
        started.elapsed(),
    );
    println!("{:<46} {memory:9} MB", "  peak memory");
}

/// Run a command to its end; its peak memory in megabytes, where the system tells.
fn peak(mut command: Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        if let Ok(text) = fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            most = most.max(kilobytes.unwrap_or(0));
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success());
            return most / 1024;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One plan after the other changes and is reconciled; and nothing to do in between.
fn changes(size: usize, shared: bool) {
    let folder = TempDir::new().unwrap();
    let (bare, dir) = (folder.path().join("bare"), folder.path().join("clone"));
    fs::create_dir_all(&dir).unwrap();
    repository(&dir, files(size));
    git(&dir, &["repack", "-adq"]);
    if shared {
        let [from, to] = [&dir, &bare].map(|path| path.to_str().unwrap());
        git(&dir, &["clone", "-q", "--bare", from, to]);
        git(&dir, &["remote", "add", "origin", to]);
        git(&dir, &["config", "planspec.remote", "origin"]);
        git(&dir, &["fetch", "-q", "origin"]);
        git(&dir, &["remote", "set-head", "origin", "-a"]);
    }
    git(&dir, &["reset", "-q", "--hard"]);
    assert!(
        command(&dir, PLANSPEC, &["reconcile"])
            .status()
            .unwrap()
            .success()
    );
    let mut commits: Vec<String> = vec![head(&dir)];
    for number in 0..RUNS * CHANGED.len() + 1 {
        let changed = CHANGED[number % CHANGED.len()];
        let text = plan(changed, &format!("change {number}"));
        commit(
            &dir,
            commits.last().map(String::as_str),
            [(path(changed), text)].into_iter(),
        );
        commits.push(head(&dir));
    }
    git(&dir, &["repack", "-adq"]);
    git(&dir, &["update-ref", "refs/heads/main", &commits[0]]);
    git(&dir, &["branch", "-f", "all", commits.last().unwrap()]);
    let at = Cell::new(0);
    let go_on = || {
        at.set(at.get() + 1);
        let commit = &commits[at.get()];
        if shared {
            git(
                &dir,
                &["push", "-q", "origin", &format!("{commit}:refs/heads/main")],
            );
        } else {
            git(&dir, &["update-ref", "refs/heads/main", commit]);
        }
    };
    // The first one brings the index.
    go_on();
    assert!(
        command(&dir, PLANSPEC, &["reconcile"])
            .status()
            .unwrap()
            .success()
    );
    let differ = || {
        let [old, new] = [at.get() - 1, at.get()].map(|at| commits[at].as_str());
        command(&dir, "git", &["diff", "--name-only", old, new])
    };
    let where_to = if shared { "remote" } else { "local" };
    for changed in CHANGED {
        let mut ours = || {
            go_on();
            while at.get() % CHANGED.len()
                != CHANGED.iter().position(|one| *one == changed).unwrap()
            {
                assert!(
                    command(&dir, PLANSPEC, &["reconcile"])
                        .status()
                        .unwrap()
                        .success()
                );
                if at.get() + 1 >= commits.len() {
                    break;
                }
                go_on();
            }
            command(&dir, PLANSPEC, &["reconcile"])
        };
        let runs = RUNS / 2;
        let times = if shared {
            let number = Cell::new(0);
            let script = || {
                number.set(number.get() + 1);
                let push = format!(
                    "git ls-remote -q origin >/dev/null && git push -q origin HEAD:refs/heads/x{changed}-{}",
                    number.get()
                );
                command(&dir, "sh", &["-c", &push])
            };
            in_turn(runs, &mut [&mut ours, &mut || script()])
        } else {
            in_turn(runs, &mut [&mut ours, &mut || differ()])
        };
        let what = if changed == CHANGED[0] {
            "one plan with a run"
        } else {
            "one plan"
        };
        let beside = if shared {
            "ls-remote + push"
        } else {
            "diff --name-only"
        };
        told(
            &format!("reconcile, {where_to}, {what} : {beside}"),
            times[0],
            times[1],
        );
        if at.get() + 2 * runs >= commits.len() {
            break;
        }
    }
    let idle = &mut || command(&dir, PLANSPEC, &["reconcile"]);
    let beside: &[&str] = match shared {
        true => &["ls-remote", "-q", "origin"],
        false => &["rev-parse", "main", "planspec/status"],
    };
    let times = in_turn(RUNS, &mut [idle, &mut || command(&dir, "git", beside)]);
    told(
        &format!("nothing to do, {where_to} : {}", beside[0]),
        times[0],
        times[1],
    );
    let times = in_turn(
        3,
        &mut [&mut || command(&dir, PLANSPEC, &["reconcile", "--full"])],
    );
    println!(
        "{:<46} {:9.2}",
        format!("  --full, {where_to}"),
        ms(times[0])
    );
}

/// A review of one change, and of many.
fn reviews(size: usize) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    repository(dir, files(size));
    let base = head(dir);
    for (what, count) in [("one", 1), ("many", size / 10)] {
        let numbers = (0..size).filter(|number| (4..90).contains(&(number % 100)));
        let changed = numbers.take(count);
        let texts = changed.map(|number| (path(number), plan(number, "another")));
        commit(dir, Some(&base), texts);
        git(dir, &["branch", "-f", what, "main"]);
        let range = format!("{base}..{what}");
        let times = in_turn(
            RUNS / 3,
            &mut [
                &mut || command(dir, PLANSPEC, &["review", &range]),
                &mut || command(dir, "git", &["diff", &base, what]),
            ],
        );
        told(
            &format!("review, {what} of {size} changed : diff"),
            times[0],
            times[1],
        );
    }
}

fn head(dir: &Path) -> String {
    let output = command(dir, "git", &["rev-parse", "main"]);
    let mut output = output;
    let output = output.stdout(Stdio::piped()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
