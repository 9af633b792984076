//! Many workers and several reconcilers on one repository: what a reconcile takes then, and whether anything is lost or done
//! twice. `cargo bench --bench crowd [WORKERS RECONCILERS TASKS]`, so many tasks for each pair of workers, who race for each of
//! them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{PLANSPEC, command, git, repository};
use tempfile::TempDir;

/// What came of it.
#[derive(Default)]
struct Tally {
    /// What each reconcile took, in whole.
    passes: Mutex<Vec<Duration>>,
    gave_up: AtomicUsize,
    /// Claims that went through, and reports that were acknowledged, by node.
    claims: Mutex<Vec<String>>,
    reports: Mutex<Vec<String>>,
    over: AtomicBool,
}

fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let [workers, reconcilers, tasks] = given[..] else {
        return crowd(32, 4, 12);
    };
    crowd(workers, reconcilers, tasks);
}

fn crowd(workers: usize, reconcilers: usize, tasks: usize) {
    let folder = TempDir::new().unwrap();
    let bare = folder.path().join("bare");
    let first = clone(folder.path(), &bare, "first", workers / 2, tasks);
    assert!(planspec(&first, &["reconcile"]), "the first reconcile");
    let clones: Vec<PathBuf> = (0..workers + reconcilers)
        .map(|number| another(folder.path(), &bare, number))
        .collect();
    let (at_work, deciding) = clones.split_at(workers);
    let tally = Tally::default();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for dir in deciding {
            scope.spawn(|| reconcile(dir, &tally));
        }
        let work = at_work.iter().enumerate();
        let work: Vec<_> = work
            .map(|(number, dir)| {
                scope.spawn({
                    let tally = &tally;
                    move || work_on(dir, number, tasks, tally)
                })
            })
            .collect();
        for one in work {
            one.join().unwrap();
        }
        tally.over.store(true, Ordering::Relaxed);
    });
    let took = started.elapsed();
    assert!(planspec(&first, &["reconcile"]), "the last reconcile");
    told(&first, &tally, (workers, reconcilers), took);
}

/// The repository, shared through a bare one: a run with so many tasks for each pair.
fn clone(folder: &Path, bare: &Path, name: &str, pairs: usize, tasks: usize) -> PathBuf {
    let dir = folder.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let head = |kind: &str, name: &str| {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: n}}\nspec:\n"
        )
    };
    let nodes: String = (0..tasks)
        .map(|node| format!("      - {{id: t{node}, kind: Task}}\n"))
        .collect();
    let plan = head("Plan", "p") + "  description: x\n  graph:\n    nodes:\n" + &nodes;
    let runs = (0..pairs).map(|pair| {
        let text = head("Execution", &format!("r{pair}")) + "  planRef: {name: p}\n";
        (format!("planspec/r{pair}.yaml"), text)
    });
    let configuration = (
        ".planspec.yaml".to_owned(),
        "status: {remote: origin}\n".to_owned(),
    );
    let files = [configuration, ("planspec/p.yaml".to_owned(), plan)];
    repository(&dir, files.into_iter().chain(runs));
    let [from, to] = [&dir, bare].map(|path| path.to_str().unwrap());
    git(&dir, &["clone", "-q", "--bare", from, to]);
    another(folder, bare, usize::MAX)
}

fn another(folder: &Path, bare: &Path, number: usize) -> PathBuf {
    let dir = folder.join(format!("clone-{number}"));
    let [from, to] = [bare, &dir].map(|path| path.to_str().unwrap());
    git(folder, &["clone", "-q", from, to]);
    for (name, value) in [("user.name", "Ana"), ("user.email", "ana@example.com")] {
        git(&dir, &["config", name, value]);
    }
    dir
}

fn planspec(dir: &Path, args: &[&str]) -> bool {
    command(dir, PLANSPEC, args).status().unwrap().success()
}

/// Reconcile again and again.
fn reconcile(dir: &Path, tally: &Tally) {
    while !tally.over.load(Ordering::Relaxed) {
        let started = Instant::now();
        let is_done = planspec(dir, &["reconcile"]);
        tally.passes.lock().unwrap().push(started.elapsed());
        tally
            .gave_up
            .fetch_add(usize::from(!is_done), Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Claim each task of the pair's run, and report what was claimed.
fn work_on(dir: &Path, number: usize, tasks: usize, tally: &Tally) {
    let actor = format!("agent:w{number}");
    for task in 0..tasks {
        let node = format!("r{}/t{task}", number / 2);
        let said = |verb: &'static str| [verb, &node, "-n", "n", "--as", &actor].map(str::to_owned);
        let run = |args: &[String]| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            planspec(dir, &args)
        };
        if !run(&said("claim")) {
            continue;
        }
        tally.claims.lock().unwrap().push(node.clone());
        let mut report = said("report").to_vec();
        report.push("--succeeded".to_owned());
        if run(&report) {
            tally.reports.lock().unwrap().push(node);
        }
    }
}

fn told(dir: &Path, tally: &Tally, (workers, reconcilers): (usize, usize), took: Duration) {
    let mut claims = tally.claims.lock().unwrap().clone();
    let all = claims.len();
    claims.sort();
    claims.dedup();
    let reports = tally.reports.lock().unwrap().clone();
    let done = succeeded(dir);
    let lost = reports.iter().filter(|node| !done.contains(node)).count();
    let mut passes = tally.passes.lock().unwrap().clone();
    passes.sort();
    let part = |hundredths: usize| passes[(passes.len() - 1) * hundredths / 100].as_secs_f64();
    println!(
        "{workers} workers, {reconcilers} reconcilers, {:.0} s: {all} claims, {} of them double; {} reports, {lost} of them \
         lost; {} reconciles, {} gave up, p50 {:.1} s, p99 {:.1} s",
        took.as_secs_f64(),
        all - claims.len(),
        reports.len(),
        passes.len(),
        tally.gave_up.load(Ordering::Relaxed),
        part(50),
        part(99),
    );
}

/// The nodes that the status has as succeeded.
fn succeeded(dir: &Path) -> Vec<String> {
    let mut list = command(
        dir,
        PLANSPEC,
        &["get", "executions", "-n", "n", "-o", "json"],
    );
    let shown = list.stdout(Stdio::piped()).output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let runs = list["items"].as_array().unwrap().iter();
    let nodes = runs.flat_map(|run| {
        let name = run["metadata"]["name"].as_str().unwrap();
        let nodes = run["status"]["nodeStatuses"].as_object().unwrap().iter();
        let done = nodes.filter(|(_, node)| node["phase"] == "Succeeded");
        done.map(move |(id, _)| format!("{name}/{id}"))
    });
    nodes.collect()
}
