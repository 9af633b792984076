//! What the benches have in common: repositories of valid resources, whole processes timed in turn.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, dead_code)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const PLANSPEC: &str = env!("CARGO_BIN_EXE_planspec");

/// So many resources in namespaces of a hundred: plans of ten nodes, a tenth of them executions, with
/// the goals, gates, capabilities and bindings that they need.
pub fn files(size: usize) -> impl Iterator<Item = (String, String)> {
    (0..size).map(|number| {
        let namespace = number / 100;
        let text = match number % 100 {
            0 => resource(
                "Goal",
                "goal",
                namespace,
                "description: What it is good for\n",
            ),
            1 => resource(
                "Capability",
                "build",
                namespace,
                "description: What can be done\n",
            ),
            2 => resource(
                "Gate",
                "sign",
                namespace,
                "gateType: approval\n  targetRef: {kind: Goal, name: goal}\n",
            ),
            3 => resource(
                "Binding",
                "who",
                namespace,
                "rules:\n    - selector: {capabilityRef: {name: build}}\n      target: {provider: \
                 \"agent://a\"}\n",
            ),
            run @ 90.. => resource(
                "Execution",
                &format!("run-{run}"),
                namespace,
                &format!(
                    "planRef: {{name: plan-{}}}\n  bindingRef: {{name: who}}\n",
                    run - 50
                ),
            ),
            plan => resource("Plan", &format!("plan-{plan}"), namespace, &graph("one")),
        };
        (path(number), text)
    })
}

/// Where the resource of a number stands.
pub fn path(number: usize) -> String {
    format!("planspec/n{}/r{number}.yaml", number / 100)
}

/// The plan of a number, with another description.
pub fn plan(number: usize, description: &str) -> String {
    let name = format!("plan-{}", number % 100);
    resource("Plan", &name, number / 100, &graph(description))
}

fn resource(kind: &str, name: &str, namespace: usize, spec: &str) -> String {
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: \
         n{namespace}\nspec:\n  {spec}"
    )
}

/// Nine tasks, one after the other, and a gate.
fn graph(description: &str) -> String {
    let mut spec =
        format!("description: {description}\n  goalRef: {{name: goal}}\n  graph:\n    nodes:\n");
    for node in 0..9 {
        let _ = write!(
            spec,
            "      - id: step-{node}\n        kind: Task\n        description: Something to do\n        \
             capabilityRefs: [{{name: build}}]\n"
        );
        if node > 0 {
            let _ = writeln!(spec, "        dependsOn: [step-{}]", node - 1);
        }
    }
    spec + "      - id: decide\n        kind: Gate\n        gateRef: {name: sign}\n        dependsOn: \
            [step-8]\n"
}

/// A repository with these files in one commit on `main`; nothing is checked out.
pub fn repository(dir: &Path, files: impl Iterator<Item = (String, String)>) {
    git(dir, &["init", "-q", "-b", "main"]);
    for (name, value) in [
        ("user.name", "Ana"),
        ("user.email", "ana@example.com"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ] {
        git(dir, &["config", name, value]);
    }
    commit(dir, None, files);
}

/// Commit files on `main`, on top of a commit or as the first.
pub fn commit(dir: &Path, on: Option<&str>, files: impl Iterator<Item = (String, String)>) {
    let mut import = command(dir, "git", &["fast-import", "--quiet", "--force"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    let mut to = std::io::BufWriter::new(import.stdin.take().unwrap());
    let who = "Ana <ana@example.com> 1700000000 +0000";
    write!(to, "commit refs/heads/main\ncommitter {who}\ndata 1\nx\n").unwrap();
    if let Some(on) = on {
        writeln!(to, "from {on}").unwrap();
    }
    for (path, text) in files {
        write!(to, "M 644 inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
    }
    drop(to);
    assert!(import.wait().unwrap().success(), "git fast-import");
}

pub fn git(dir: &Path, args: &[&str]) {
    let ended = command(dir, "git", args).status().unwrap();
    assert!(ended.success(), "git {args:?}");
}

/// What git prints.
pub fn output(dir: &Path, args: &[&str]) -> String {
    let mut command = command(dir, "git", args);
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command without a terminal.
pub fn command(dir: &Path, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The medians of commands that are run in turn, so often.
pub fn in_turn(runs: usize, commands: &mut [&mut dyn FnMut() -> Command]) -> Vec<Duration> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); commands.len()];
    for _ in 0..runs {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            let mut command = command();
            let started = Instant::now();
            let ended = command.status().unwrap();
            times.push(started.elapsed());
            assert!(ended.success(), "{command:?}: {ended}");
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
