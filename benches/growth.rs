//! What grows over the years, through the real loop: records are sent, reconciled, and cleaned up, over a bare remote by path.
//!
//! - `cargo bench --bench growth -- commits [COMMITS]`: so many status commits (10,000), one for each record. Time and bytes of each
//!   thousand, refs on the remote, and what it takes to fetch.
//! - `cargo bench --bench growth -- year [DAYS]`: a team that starts 50 runs of 12 nodes a day (365 days), in ten rounds of work. Every
//!   night, the repositories are repacked, and the refs of finished runs are deleted. It takes an hour or two.
//!
//! Times are processor times of this process and the `git` processes that it waits for; where the system does not tell, times on the clock.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chrono::{TimeDelta, TimeZone, Utc};
use common::{PLANSPEC, command, commit, git, ms, output, repository};
use planspec::core::resource::{Key, Kind, Time};
use planspec::core::run::record::ReportResult;
use planspec::core::run::status::status_path;
use planspec::service::Caller;
use planspec::service::claim::{ClaimRequest, claim};
use planspec::service::reconcile::{ReconcileRequest, reconcile};
use planspec::service::record::RecordRequest;
use planspec::service::report::{ReportRequest, report};
use planspec::service::status::StatusReader;
use planspec::service::store::Store;
use tempfile::TempDir;

const STATUS: &str = "refs/heads/planspec/status";
/// A plan has so many steps, one after the other, of so many tasks side by side.
const STEPS: usize = 4;
const SIDE_BY_SIDE: usize = 3;
const NODES: usize = STEPS * SIDE_BY_SIDE;
/// The namespaces among which runs are spread.
const TEAMS: usize = 5;
/// Repetitions of what is measured by itself.
const TIMES: u32 = 9;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = given.iter().find_map(|arg| arg.parse().ok());
    let is_asked = |what: &str| given.iter().any(|arg| arg == what);
    let all = !is_asked("commits") && !is_asked("year");
    if all || is_asked("commits") {
        commits(number.unwrap_or(10_000));
    }
    if all || is_asked("year") {
        year(number.unwrap_or(365));
    }
}

/// A run: its number, and how many records of it were sent.
#[derive(Clone, Copy)]
struct Run {
    number: usize,
    records: usize,
}

impl Run {
    fn name(self) -> String {
        format!("release-{}", self.number)
    }

    fn namespace(self) -> String {
        format!("team-{}", self.number % TEAMS)
    }

    fn key(self) -> Key {
        Key::new(Kind::Execution, self.namespace(), self.name())
    }

    /// Its file, where `planspec start` writes it.
    fn file(self) -> (String, String) {
        let (namespace, name) = (self.namespace(), self.name());
        let spec = "  planRef: {name: release}\n  goalRef: {name: ship}\n";
        let text = resource("Execution", &namespace, &name, spec);
        (format!("planspec/{namespace}/executions/{name}.yaml"), text)
    }
}

fn resource(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n{spec}"
    )
}

fn node(number: usize) -> String {
    format!("step-{}-{}", number / SIDE_BY_SIDE, number % SIDE_BY_SIDE)
}

/// What every team has: a goal, and a plan.
fn files() -> impl Iterator<Item = (String, String)> {
    let mut graph = "  description: What is done for a release\n  goalRef: {name: ship}\n  graph:\n    nodes:\n".to_owned();
    for number in 0..NODES {
        let _ = write!(
            graph,
            "      - id: {}\n        kind: Task\n        description: One of the things that a release takes\n",
            node(number)
        );
        if let Some(step) = (number / SIDE_BY_SIDE).checked_sub(1) {
            let before = (0..SIDE_BY_SIDE).map(|at| node(step * SIDE_BY_SIDE + at));
            let before: Vec<String> = before.collect();
            let _ = writeln!(graph, "        dependsOn: [{}]", before.join(", "));
        }
    }
    let teams = (0..TEAMS).flat_map(move |team| {
        let namespace = format!("team-{team}");
        let goal = resource("Goal", &namespace, "ship", "  description: It is out\n");
        let plan = resource("Plan", &namespace, "release", &graph);
        [("goals/ship", goal), ("plans/release", plan)]
            .map(|(path, text)| (format!("planspec/{namespace}/{path}.yaml"), text))
    });
    let configuration = "status: {remote: origin}\n".to_owned();
    std::iter::once((".planspec.yaml".to_owned(), configuration)).chain(teams)
}

/// A bare remote, the clone in which everything is done, and the time there.
struct World {
    folder: TempDir,
    now: Time,
    started: usize,
}

impl World {
    fn new() -> World {
        let world = World {
            folder: TempDir::new().unwrap(),
            now: Utc.with_ymd_and_hms(2026, 1, 5, 8, 0, 0).unwrap(),
            started: 0,
        };
        let first = world.path("first");
        std::fs::create_dir(&first).unwrap();
        repository(&first, files());
        git(
            world.folder.path(),
            &["clone", "-q", "--bare", "first", "bare"],
        );
        git(world.folder.path(), &["clone", "-q", "bare", "clone"]);
        for (name, value) in [("user.name", "Ana"), ("user.email", "ana@example.com")] {
            git(&world.clone(), &["config", name, value]);
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn bare(&self) -> PathBuf {
        self.path("bare")
    }

    fn clone(&self) -> PathBuf {
        self.path("clone")
    }

    fn store(&self) -> Store {
        Store::open(Some(&self.clone())).unwrap()
    }

    /// New runs, as a merge brings them.
    fn start(&mut self, count: usize) -> Vec<Run> {
        let runs: Vec<Run> = (self.started..self.started + count)
            .map(|number| Run { number, records: 0 })
            .collect();
        self.started += count;
        let on = output(&self.bare(), &["rev-parse", "main"]);
        commit(
            &self.bare(),
            Some(on.trim()),
            runs.iter().map(|run| run.file()),
        );
        runs
    }

    /// Reconciles; returns the number of the newest status commit.
    fn reconcile(&self) -> u64 {
        let done = reconcile(&self.store(), &ReconcileRequest::at(self.now));
        done.unwrap().sequence
    }

    /// Sends the next record of a run: a claim, then the report, of one node after the other.
    fn send(&self, run: Run) {
        let number = run.records / 2;
        let record = RecordRequest {
            caller: Caller {
                actor: Some(format!("agent:builder-{}", number % SIDE_BY_SIDE)),
                now: self.now,
            },
            target: format!("{}/{}", run.name(), node(number)),
            namespace: Some(run.namespace()),
            reconcile: false,
        };
        if run.records.is_multiple_of(2) {
            let request = ClaimRequest {
                record,
                working: Default::default(),
                lease: None,
            };
            claim(&self.store(), &request).unwrap();
        } else {
            let request = ReportRequest {
                record,
                working: Default::default(),
                result: ReportResult::Succeeded,
                outputs: Default::default(),
                typed: Vec::new(),
                message: message(number),
                commit: None,
                attempt: None,
            };
            report(&self.store(), &request).unwrap();
        }
    }

    /// Refs on the remote.
    fn refs(&self) -> usize {
        output(&self.bare(), &["for-each-ref"]).lines().count()
    }

    /// A copy of the remote as housekeeping leaves it.
    fn packed(&self) -> PathBuf {
        let packed = self.path("packed");
        let _ = std::fs::remove_dir_all(&packed);
        let copied = command(self.folder.path(), "cp", &["-r", "bare", "packed"]).status();
        assert!(copied.unwrap().success());
        git(&packed, &["gc", "--quiet", "--prune=now"]);
        packed
    }
}

fn message(node: usize) -> String {
    format!("Done as described; the tests of part {node} pass")
}

/// The processor time so far of this process and those that it has waited for; else the time on the clock.
fn spent() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(std::time::Instant::now);
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return start.elapsed();
    };
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields = fields.split_whitespace().skip(11).take(4);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn timed<T>(total: &mut Duration, what: impl FnOnce() -> T) -> T {
    let before = spent();
    let result = what();
    *total += spent() - before;
    result
}

/// Prints a line of a table.
fn row<const N: usize>(cells: [impl std::fmt::Display; N]) {
    let cells = cells.map(|cell| format!("{cell:>14}"));
    println!("{}", cells.concat());
}

/// Bytes of the packs of a repository, with their indexes.
fn pack_bytes(dir: &Path) -> u64 {
    let packs = std::fs::read_dir(dir.join("objects/pack")).unwrap();
    packs
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

/// What it takes to fetch the status from a remote.
struct Fetches {
    fresh: Duration,
    fresh_bytes: u64,
    next: Duration,
}

/// Fetches the status into an empty repository, without its history, and the last ten commits into one that has those before.
fn fetches(world: &World, from: &Path) -> Fetches {
    let url = format!("file://{}", from.display());
    let earlier = format!("{STATUS}~10");
    git(from, &["update-ref", "refs/heads/before", &earlier]);
    let (empty, reader) = (world.path("empty"), world.path("reader"));
    let scratch = world.path("scratch");
    for dir in [&empty, &reader] {
        let _ = std::fs::remove_dir_all(dir);
        git(
            world.folder.path(),
            &["init", "-q", "--bare", dir.to_str().unwrap()],
        );
    }
    git(
        &reader,
        &["fetch", "-q", &url, "refs/heads/before:refs/heads/before"],
    );
    let measured = |template: &Path, args: &[&str]| {
        let (mut total, mut bytes) = (Duration::ZERO, 0);
        for _ in 0..TIMES {
            let _ = std::fs::remove_dir_all(&scratch);
            let copy = [template, &scratch].map(|path| path.to_str().unwrap());
            let copied = command(world.folder.path(), "cp", &["-r", copy[0], copy[1]]).status();
            assert!(copied.unwrap().success());
            timed(&mut total, || git(&scratch, args));
            bytes = pack_bytes(&scratch);
        }
        (total / TIMES, bytes)
    };
    let status = &format!("{STATUS}:refs/heads/status");
    let (fresh, fresh_bytes) = measured(
        &empty,
        &[
            "-c",
            "fetch.unpackLimit=1",
            "fetch",
            "-q",
            "--depth=1",
            &url,
            status,
        ],
    );
    let (next, _) = measured(&reader, &["fetch", "-q", &url, status]);
    Fetches {
        fresh,
        fresh_bytes,
        next,
    }
}

/// Sums since the last line of the table.
#[derive(Default)]
struct Since {
    sequence: u64,
    sending: Duration,
    reconciling: Duration,
    most_refs: usize,
}

/// So many status commits: five runs are open, and a record of each in turn is sent and reconciled. Where a run is over, another begins,
/// and a reconcile deletes its refs.
fn commits(count: usize) {
    row([
        "commits",
        "runs",
        "send, ms",
        "reconcile",
        "bytes",
        "refs",
        "fresh, ms",
        "of bytes",
        "next ten, ms",
    ]);
    let mut world = World::new();
    world.reconcile();
    let mut open = world.start(5);
    let mut packed = pack_bytes(&world.packed());
    let mut since = Since {
        sequence: world.reconcile(),
        ..Since::default()
    };
    let count = u64::try_from(count).unwrap();
    let every = (count / 10).max(10);
    let mut sequence = since.sequence;
    while sequence < count {
        let mut run = open.remove(0);
        timed(&mut since.sending, || world.send(run));
        run.records += 1;
        world.now += TimeDelta::minutes(2);
        sequence = timed(&mut since.reconciling, || world.reconcile());
        since.most_refs = since.most_refs.max(world.refs());
        if run.records < 2 * NODES {
            open.push(run);
            continue;
        }
        open.extend(world.start(1));
        sequence = timed(&mut since.reconciling, || {
            world.reconcile();
            world.reconcile()
        });
        if sequence - since.sequence >= every {
            let copy = world.packed();
            let bytes = pack_bytes(&copy);
            line(
                &world,
                sequence,
                &since,
                (bytes - packed, &fetches(&world, &copy)),
            );
            packed = bytes;
            since = Since {
                sequence,
                ..Since::default()
            };
        }
    }
}

fn line(world: &World, sequence: u64, since: &Since, (bytes, fetches): (u64, &Fetches)) {
    let count = sequence - since.sequence;
    let each = |time: Duration| format!("{:.1}", ms(time) / count as f64);
    row([
        sequence.to_string(),
        world.started.to_string(),
        each(since.sending),
        each(since.reconciling),
        (bytes / count).to_string(),
        since.most_refs.to_string(),
        format!("{:.1}", ms(fetches.fresh)),
        fetches.fresh_bytes.to_string(),
        format!("{:.1}", ms(fetches.next)),
    ]);
}

/// Rounds of work on a day, and runs that begin in each.
const ROUNDS: usize = 10;
const STARTED: usize = 5;

/// A year: in each round of a day some runs begin, and every open run is a step further.
fn year(days: usize) {
    row([
        "day",
        "runs",
        "commits",
        "round, ms",
        "idle, ms",
        "files",
        "of MB",
        "all, MB",
        "status, MB",
        "refs",
        "most refs",
        "fresh, ms",
        "of MB",
        "next ten, ms",
        "new clone, ms",
    ]);
    let mut world = World::new();
    for dir in [world.bare(), world.clone()] {
        for name in ["gc.auto", "receive.autogc", "maintenance.auto"] {
            git(&dir, &["config", name, "0"]);
        }
    }
    let mut sequence = world.reconcile();
    let mut open: Vec<Run> = Vec::new();
    let (mut rounds, mut nothing, mut most) = (Duration::ZERO, Duration::ZERO, 0);
    for day in 1..=days {
        for _ in 0..ROUNDS {
            world.now += TimeDelta::hours(1);
            open.extend(world.start(STARTED));
            sequence = timed(&mut rounds, || world.reconcile());
            world.now += TimeDelta::minutes(10);
            work(&world, &mut open);
            sequence = timed(&mut rounds, || world.reconcile()).max(sequence);
            most = most.max(world.refs());
        }
        world.now += TimeDelta::hours(12);
        // Refs of finished runs are deleted when there is nothing else to do.
        sequence = world.reconcile().max(sequence);
        timed(&mut nothing, || world.reconcile());
        for dir in [world.bare(), world.clone()] {
            git(
                &dir,
                &["repack", "-q", "-d", "--geometric=2", "--write-midx"],
            );
        }
        // A line tells of the last five days before it.
        if is_told(day, days) {
            let recent = day.min(5) as f64;
            let passes = (
                ms(rounds) / recent / (2 * ROUNDS) as f64,
                ms(nothing) / recent,
            );
            year_line(&world, (day, sequence), passes, (most, open.len()));
        }
        if !(day + 1..day + 5).any(|line| is_told(line, days)) {
            (rounds, nothing, most) = (Duration::ZERO, Duration::ZERO, 0);
        }
    }
}

/// Whether the table has a line about a day: in the first week, every quarter, and on the last day.
fn is_told(day: usize, days: usize) -> bool {
    day == 5 || day == days || (day.is_multiple_of(91) && day + 5 <= days)
}

/// Every open run is a step further: all tasks of the step are claimed and reported.
fn work(world: &World, open: &mut Vec<Run>) {
    let store = world.store();
    let status = StatusReader::known(&store).unwrap().unwrap();
    let repository = status.controller().unwrap().repository_id;
    let keys: BTreeSet<Key> = open.iter().map(|run| run.key()).collect();
    let files = status.files(&keys).unwrap();
    let mut stream = String::new();
    for run in open.iter_mut() {
        let uid = &files[&run.key()].uid;
        let step = run.records / 2;
        for number in step..step + SIDE_BY_SIDE {
            let head = format!(
                "repository: {repository}\nexecution:\n  namespace: {}\n  name: {}\n  uid: {uid}\nactor: agent:builder-{}\ntime: \"{}\"\n\
                 nonce: \"{:016x}\"\nminor: 1\nstatus: {}\n",
                run.namespace(),
                run.name(),
                number % SIDE_BY_SIDE,
                world.now.format("%Y-%m-%dT%H:%M:%SZ"),
                ((run.number * NODES + number) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                status.id(),
            );
            let name = format!(
                "refs/planspec/work/{}/{}/{uid}/{}/1",
                run.namespace(),
                run.name(),
                node(number)
            );
            let done = format!("result: succeeded\nmessage: {}\n", message(number));
            for (kind, more) in [("Claim", ""), ("Report", done.as_str())] {
                let text = format!(
                    "apiVersion: records.planspec.io/v1\nkind: {kind}\nnode: {}\nattempt: 1\n{more}{head}",
                    node(number)
                );
                let _ = write!(
                    stream,
                    "commit {name}\ncommitter Ana <ana@example.com> {} +0000\ndata 1\nx\nM 644 inline record.yaml\ndata {}\n{text}\n",
                    world.now.timestamp(),
                    text.len()
                );
            }
        }
        run.records += 2 * SIDE_BY_SIDE;
    }
    let mut import = command(&world.bare(), "git", &["fast-import", "--quiet"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    import
        .stdin
        .take()
        .unwrap()
        .write_all(stream.as_bytes())
        .unwrap();
    assert!(import.wait().unwrap().success());
    open.retain(|run| run.records < 2 * NODES);
}

fn year_line(
    world: &World,
    (day, sequence): (usize, u64),
    (round, nothing): (f64, f64),
    (most, open): (usize, usize),
) {
    let packed = world.packed();
    let listed = output(&packed, &["ls-tree", "-r", "-l", STATUS]);
    let sizes = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    let sizes: Vec<u64> = sizes.collect();
    let mb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let status = status_bytes(&packed);
    let fetches = fetches(world, &packed);
    let clone = first_look(world, &packed);
    row([
        day.to_string(),
        world.started.to_string(),
        sequence.to_string(),
        format!("{round:.1}"),
        format!("{nothing:.1}"),
        sizes.len().to_string(),
        mb(sizes.iter().sum()),
        mb(pack_bytes(&packed)),
        mb(status),
        world.refs().to_string(),
        most.to_string(),
        format!("{:.0}", ms(fetches.fresh)),
        mb(fetches.fresh_bytes),
        format!("{:.1}", ms(fetches.next)),
        format!("{:.0}", ms(clone)),
    ]);
    // The last run that is over.
    let last = Run {
        number: world.started - open - 1,
        records: 0,
    };
    let file = format!("{STATUS}:{}", status_path(&last.key()));
    let file = output(&packed, &["show", &file]);
    assert!(file.contains("\n  phase: Succeeded\n"), "{file}");
    assert!(
        world.refs() <= 3 + open * NODES,
        "refs of runs that are over"
    );
}

/// The packed size of the status branch, without what the spec branch has as well.
fn status_bytes(packed: &Path) -> u64 {
    let listed = format!("git rev-list --objects {STATUS} --not main");
    let counted = format!("{listed} | git pack-objects -q --stdout | wc -c");
    let mut pack = command(packed, "sh", &["-c", &counted]);
    let pack = pack.stdout(Stdio::piped()).output().unwrap();
    String::from_utf8(pack.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// What the first reconcile takes in a new clone, where there is nothing to do.
fn first_look(world: &World, packed: &Path) -> Duration {
    let url = format!("file://{}", packed.display());
    git(world.folder.path(), &["clone", "-q", &url, "new"]);
    let new = world.path("new");
    let now = world.now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut first = command(&new, PLANSPEC, &["reconcile"]);
    first.env("PLANSPEC_NOW", now);
    let mut took = Duration::ZERO;
    let ended = timed(&mut took, || first.status().unwrap());
    assert!(ended.success());
    std::fs::remove_dir_all(&new).unwrap();
    took
}
