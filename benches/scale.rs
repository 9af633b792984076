//! What it costs to go on from a change, as whole processes, beside what Git does about the same:
//! `cargo bench --bench scale [RESOURCES…]`. Commands are run in turn; the tables have medians of the
//! time on the clock and their ratio.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod common;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{PLANSPEC, command, commit, files, git, in_turn, ms, output, path, plan, repository};
use tempfile::TempDir;

const RUNS: usize = 21;
/// The plan that changes: one that an execution runs, and one that nobody does.
const CHANGED: [(&str, usize); 2] = [("a plan that runs", 45), ("another plan", 5)];

fn main() {
    if std::env::args().any(|arg| arg == "folded") {
        folded(1_000);
        return;
    }
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
    after_runs();
    folded(1_000);
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

/// A repository whose status is committed, and the commits in which one plan changes, again and again.
struct Place {
    _folder: TempDir,
    dir: PathBuf,
    shared: bool,
    commits: Vec<String>,
    /// Commits on top of the first status that change about as much as a reconcile does.
    likewise: Vec<String>,
    at: Cell<usize>,
}

impl Place {
    fn new(size: usize, shared: bool, changed: usize) -> Place {
        Place::of(files(size), shared, changed)
    }

    fn of(files: impl Iterator<Item = (String, String)>, shared: bool, changed: usize) -> Place {
        let folder = TempDir::new().unwrap();
        let (bare, dir) = (folder.path().join("bare"), folder.path().join("clone"));
        fs::create_dir_all(&dir).unwrap();
        repository(&dir, files);
        let mut commits = vec![head(&dir)];
        for number in 0..=RUNS {
            let text = plan(changed, &format!("change {number}"));
            let on = commits.last().map(String::as_str);
            commit(&dir, on, [(path(changed), text)].into_iter());
            commits.push(head(&dir));
        }
        git(&dir, &["branch", "all"]);
        git(&dir, &["update-ref", "refs/heads/main", &commits[0]]);
        git(&dir, &["repack", "-adq"]);
        git(&dir, &["reset", "-q", "--hard"]);
        if shared {
            let [from, to] = [&dir, &bare].map(|path| path.to_str().unwrap());
            git(&dir, &["clone", "-q", "--bare", from, to]);
            for name in ["gc.auto", "receive.autogc"] {
                git(&bare, &["config", name, "0"]);
            }
            git(&dir, &["remote", "add", "origin", to]);
            git(&dir, &["config", "planspec.remote", "origin"]);
            git(&dir, &["fetch", "-q", "origin"]);
            git(&dir, &["remote", "set-head", "origin", "-a"]);
        }
        let mut place = Place {
            _folder: folder,
            dir,
            shared,
            commits,
            likewise: Vec::new(),
            at: Cell::new(0),
        };
        place.reconcile();
        place.likewise = place.commits_like_status();
        // The first change brings the index.
        place.go_on();
        place.reconcile();
        place
    }

    fn ours(&self) -> Command {
        command(&self.dir, PLANSPEC, &["reconcile"])
    }

    fn reconcile(&self) {
        assert!(self.ours().status().unwrap().success());
    }

    /// The next change arrives.
    fn go_on(&self) {
        self.at.set(self.at.get() + 1);
        let commit = &self.commits[self.at.get()];
        if self.shared {
            let to = format!("{commit}:refs/heads/main");
            git(&self.dir, &["push", "-q", "origin", &to]);
        } else {
            git(&self.dir, &["update-ref", "refs/heads/main", commit]);
        }
    }

    /// Commits on top of the status, each with other texts in the files that a reconcile writes when a
    /// plan changes.
    fn commits_like_status(&self) -> Vec<String> {
        let dir = &self.dir;
        let status = if self.shared {
            git(dir, &["fetch", "-q", "origin", "planspec/status"]);
            rev(dir, "FETCH_HEAD")
        } else {
            rev(dir, "planspec/status")
        };
        let listed = |path: &str| {
            let tree = ["ls-tree", "-r", "--name-only", &status, path];
            output(dir, &tree).lines().next().unwrap().to_owned()
        };
        let folders = ["n0/plans", "n0/goals", "n0/bindings", "_summary"];
        let mut written: Vec<String> = folders.iter().map(|folder| listed(folder)).collect();
        written.extend(["README.md", "controller.yaml", "_inputs.yaml"].map(str::to_owned));
        let texts = written.iter().map(|path| {
            let text = output(dir, &["show", &format!("{status}:{path}")]);
            (path, text)
        });
        let texts: Vec<(&String, String)> = texts.collect();
        let main = rev(dir, "main");
        let mut on = status.clone();
        let mut commits = Vec::new();
        for number in 0..=RUNS + 1 {
            let changed = texts.iter();
            let changed =
                changed.map(|(path, text)| ((*path).clone(), format!("{text}# {number}\n")));
            commit(dir, Some(&on), changed);
            on = rev(dir, "main");
            commits.push(on.clone());
        }
        git(dir, &["update-ref", "refs/heads/main", &main]);
        commits
    }

    /// What Git does about a change.
    fn theirs(&self) -> Command {
        let at = self.at.get();
        if self.shared {
            let commit = &self.likewise[at];
            let both =
                format!("git ls-remote -q origin && git push -q origin {commit}:refs/heads/x");
            return command(&self.dir, "sh", &["-c", &both]);
        }
        let [old, new] = [at - 1, at].map(|at| self.commits[at].as_str());
        command(&self.dir, "git", &["diff", "--name-only", old, new])
    }
}

/// One plan changes and is reconciled, and there is nothing to do.
fn changes(size: usize, shared: bool) {
    let (where_to, beside) = if shared {
        ("remote", "ls-remote + push")
    } else {
        ("local", "diff --name-only")
    };
    for (what, changed) in CHANGED {
        let place = Place::new(size, shared, changed);
        let ours = &mut || {
            place.go_on();
            place.ours()
        };
        let times = in_turn(RUNS, &mut [ours, &mut || place.theirs()]);
        let what = format!("reconcile, {where_to}, {what} : {beside}");
        told(&what, times[0], times[1]);
        if changed != CHANGED[0].1 {
            continue;
        }
        let look: &[&str] = if shared {
            &["ls-remote", "-q", "origin"]
        } else {
            &["rev-parse", "main", "planspec/status"]
        };
        let theirs = &mut || command(&place.dir, "git", look);
        let times = in_turn(RUNS, &mut [&mut || place.ours(), theirs]);
        let what = format!("nothing to do, {where_to} : {}", look[0]);
        told(&what, times[0], times[1]);
        let full = &mut || command(&place.dir, PLANSPEC, &["reconcile", "--full"]);
        let what = format!("  reconcile --full, {where_to}");
        println!("{what:<46} {:9.2}", ms(in_turn(3, &mut [full])[0]));
    }
}

/// A status commit, after more and more executions began: beside that after one.
fn after_runs() {
    println!(
        "\na status commit after executions (medians of {RUNS}, milliseconds, and beside one)"
    );
    let places: Vec<(usize, Place)> = [1, 100, 500]
        .into_iter()
        .map(|runs| (runs, Place::of(runs_of_a_plan(runs), false, 4)))
        .collect();
    let mut commands: Vec<Box<dyn FnMut() -> Command + '_>> = Vec::new();
    for (_, place) in &places {
        commands.push(Box::new(|| {
            place.go_on();
            place.ours()
        }));
    }
    let mut all: Vec<&mut dyn FnMut() -> Command> = Vec::new();
    for command in &mut commands {
        all.push(&mut **command);
    }
    let times = in_turn(RUNS, &mut all);
    for ((runs, _), time) in places.iter().zip(&times) {
        told(&format!("after {runs}"), *time, times[0]);
    }
}

/// Tasks of each run of [`folded`], side by side.
const TASKS: usize = 10;

/// A pass that folds in the claim and the report of every task of so many runs, from a remote, beside an import of the same
/// objects: the records, and what is written of them. `cargo bench --bench scale folded` measures this alone.
fn folded(runs: usize) {
    println!("\n{runs} runs with {TASKS} reports each, in one pass (milliseconds)");
    let folder = TempDir::new().unwrap();
    let (bare, dir) = (folder.path().join("bare"), folder.path().join("clone"));
    fs::create_dir_all(&dir).unwrap();
    repository(&dir, side_by_side(runs));
    share(&dir, &bare);
    assert!(
        command(&dir, PLANSPEC, &["reconcile"])
            .status()
            .unwrap()
            .success()
    );
    report_all(&dir, &bare, runs);
    let started = Instant::now();
    assert!(
        command(&dir, PLANSPEC, &["reconcile"])
            .status()
            .unwrap()
            .success()
    );
    let ours = started.elapsed();
    let count = |what: &str| output(&bare, &["for-each-ref", what]).lines().count();
    let folded = count("refs/planspec/work/");
    let started = Instant::now();
    assert!(
        command(&dir, PLANSPEC, &["reconcile"])
            .status()
            .unwrap()
            .success()
    );
    let cleaned = started.elapsed();
    let before = rev(&dir, "origin/planspec/status~1");
    git(&dir, &["branch", "folded", "origin/planspec/status"]);
    let file = |name: &str| folder.path().join(name);
    let marks = |option: &str| format!("{option}={}", file("marks").display());
    git(&dir, &["fast-export", &marks("--export-marks"), &before]);
    let known = format!("^{before}");
    let args = ["fast-export", &marks("--import-marks"), "folded", &known];
    let mut export = command(&dir, "git", &args);
    export.stdout(fs::File::create(file("stream")).unwrap());
    assert!(export.status().unwrap().success());
    // A repository with nothing but what there was before.
    let other = TempDir::new().unwrap();
    git(other.path(), &["init", "-q", "--bare"]);
    let to = other.path().to_str().unwrap();
    git(
        &dir,
        &["push", "-q", to, &format!("{before}:refs/heads/before")],
    );
    let args = [
        "fast-import",
        "--quiet",
        "--force",
        &marks("--import-marks"),
    ];
    let mut import = command(other.path(), "git", &args);
    import.stdin(fs::File::open(file("stream")).unwrap());
    let started = Instant::now();
    assert!(import.status().unwrap().success());
    told("one pass : git fast-import of it", ours, started.elapsed());
    println!(
        "{:<46} {:9.2}",
        format!(
            "  clean up, {folded} refs, {} are left",
            count("refs/planspec/work/")
        ),
        ms(cleaned)
    );
}

/// A plan of tasks side by side, and so many executions of it.
fn side_by_side(runs: usize) -> impl Iterator<Item = (String, String)> {
    let resource = |kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: n}}\nspec:\n{spec}"
        )
    };
    let nodes = (0..TASKS).map(|node| format!("      - {{id: t{node}, kind: Task}}\n"));
    let graph: String = nodes.collect();
    let plan = resource(
        "Plan",
        "p",
        &format!("  description: x\n  graph:\n    nodes:\n{graph}"),
    );
    let runs = (0..runs).map(move |run| {
        let text = resource("Execution", &format!("r{run}"), "  planRef: {name: p}\n");
        (format!("planspec/runs/{}/r{run}.yaml", run / 100), text)
    });
    std::iter::once(("planspec/p.yaml".to_owned(), plan)).chain(runs)
}

/// Push what there is to a new bare repository, and share the status through it.
fn share(dir: &Path, bare: &Path) {
    let [from, to] = [dir, bare].map(|path| path.to_str().unwrap());
    git(dir, &["clone", "-q", "--bare", from, to]);
    for name in ["gc.auto", "receive.autogc"] {
        git(bare, &["config", name, "0"]);
    }
    git(dir, &["remote", "add", "origin", to]);
    git(dir, &["config", "planspec.remote", "origin"]);
    git(dir, &["fetch", "-q", "origin"]);
    git(dir, &["remote", "set-head", "origin", "-a"]);
}

/// Every task of every run is claimed and reported, by refs on the remote.
fn report_all(dir: &Path, bare: &Path, runs: usize) {
    let controller = output(dir, &["show", "origin/planspec/status:controller.yaml"]);
    let repository = controller
        .lines()
        .find_map(|line| line.strip_prefix("repositoryId: "));
    let repository = repository.unwrap();
    let mut stream = String::new();
    for run in 0..runs {
        let shown = command(
            dir,
            PLANSPEC,
            &[
                "get",
                "execution",
                &format!("r{run}"),
                "-n",
                "n",
                "-o",
                "json",
            ],
        )
        .stdout(Stdio::piped())
        .output()
        .unwrap();
        let text = String::from_utf8(shown.stdout).unwrap();
        let uid = text
            .split("\"uid\": \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        for task in 0..TASKS {
            let name = format!("refs/planspec/work/n/r{run}/{uid}/t{task}/1");
            let record = |kind: &str| {
                format!(
                    "apiVersion: records.planspec.io/v1\n{kind}\nnode: t{task}\nattempt: 1\nrepository: {repository}\n\
                 execution: {{namespace: n, name: r{run}, uid: {uid}}}\nactor: agent:a\n\
                 time: \"2026-01-01T00:00:00Z\"\nnonce: n{run}-{task}\nminor: 1\n"
                )
            };
            for text in [
                record("kind: Claim"),
                record("kind: Report\nresult: succeeded"),
            ] {
                stream.push_str(&format!(
                    "commit {name}\ncommitter Ana <ana@example.com> 1700000000 +0000\ndata 1\nx\nM 644 inline \
                     record.yaml\ndata {}\n{text}\n",
                    text.len()
                ));
            }
        }
    }
    let mut import = command(bare, "git", &["fast-import", "--quiet"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
}

/// What an execution needs, a plan that none of them runs, and so many executions.
fn runs_of_a_plan(runs: usize) -> impl Iterator<Item = (String, String)> {
    let mut files: Vec<(String, String)> = files(10).collect();
    let (_, run) = common::files(91).last().unwrap();
    for number in 0..runs {
        let path = format!("planspec/runs/r{number}.yaml");
        let run = run.replace("run-90", &format!("run-{number}"));
        files.push((path, run.replace("plan-40", "plan-5")));
    }
    files.into_iter()
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
    rev(dir, "main")
}

fn rev(dir: &Path, name: &str) -> String {
    output(dir, &["rev-parse", name]).trim().to_owned()
}
