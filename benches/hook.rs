//! What the pre-commit hook costs, as whole processes, side by side with what Git itself takes to
//! say which files are staged: `cargo bench --bench hook [FILES…]`.
//!
//! One plan is staged in repositories of several sizes. `PLANSPEC_BENCH_ALSO` may name another
//! program, which is run with the path of the staged file in the root of the repository.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PLANSPEC: &str = env!("CARGO_BIN_EXE_planspec");
/// The staged file.
const STAGED: &str = "planspec/staged.yaml";
const RUNS: usize = 41;

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![10, 1_000, 10_000]
    } else {
        sizes
    };
    println!("median of {RUNS} runs, in milliseconds (fastest)");
    for layout in [Layout::Folders, Layout::Flat] {
        for &size in &sizes {
            measure(layout, size);
        }
    }
}

/// Where the files lie.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// A hundred to a folder.
    Folders,
    /// All in one.
    Flat,
}

fn measure(layout: Layout, size: usize) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path();
    repository(dir, layout, size);
    fs::write(dir.join(STAGED), plan(7, "another")).unwrap();
    git(dir, &["add", STAGED]);
    println!("\n{size} files, {layout:?}");
    let cache = dir.join(".git/planspec");
    let without = || {
        fs::remove_dir_all(&cache).ok();
    };
    report("git diff --cached --name-only", &mut || (), &mut || {
        command(dir, "git", &["diff", "--cached", "--name-only"])
    });
    let staged = ["validate", "--staged"];
    report("planspec validate --staged", &mut || (), &mut || {
        command(dir, PLANSPEC, &staged)
    });
    // As after every commit: the cache knows the commit before.
    let old = head(dir);
    git(dir, &["commit", "-qm", "staged"]);
    let new = head(dir);
    fs::write(dir.join(STAGED), plan(7, "a third")).unwrap();
    git(dir, &["add", STAGED]);
    let mut back = || {
        git(dir, &["update-ref", "HEAD", &old]);
        command(dir, PLANSPEC, &staged).output().unwrap();
        git(dir, &["update-ref", "HEAD", &new]);
    };
    report("… after a commit", &mut back, &mut || {
        command(dir, PLANSPEC, &staged)
    });
    report("… without a cache", &mut { without }, &mut || {
        command(dir, PLANSPEC, &staged)
    });
    report("planspec validate", &mut || (), &mut || {
        command(dir, PLANSPEC, &["validate"])
    });
    if let Some(also) = std::env::var_os("PLANSPEC_BENCH_ALSO") {
        let name = also.to_string_lossy().into_owned();
        let also = also.to_str().unwrap();
        report(&name, &mut || (), &mut || command(dir, also, &[STAGED]));
    }
}

fn report(name: &str, before: &mut dyn FnMut(), start: &mut dyn FnMut() -> Command) {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            before();
            let mut command = start();
            let started = Instant::now();
            let ended = command.status().unwrap();
            let time = started.elapsed();
            assert!(ended.success(), "{name}: {ended}");
            time
        })
        .collect();
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "  {name:<32} {:8.2} ({:.2})",
        ms(times[RUNS / 2]),
        ms(times[0])
    );
}

fn command(dir: &Path, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn git(dir: &Path, args: &[&str]) {
    let who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
    // Housekeeping in the background would be measured too.
    let quiet = ["-c", "gc.auto=0", "-c", "maintenance.auto=false"];
    let args = [who.as_slice(), &quiet, args].concat();
    let ended = command(dir, "git", &args).status().unwrap();
    assert!(ended.success(), "git {args:?}");
}

fn head(dir: &Path) -> String {
    let told = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(dir)
        .output()
        .unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// Plans of ten nodes, each with a goal, a gate and three capabilities of its own or shared.
fn repository(dir: &Path, layout: Layout, size: usize) {
    git(dir, &["init", "-q"]);
    for number in 0..size {
        let text = match number % 10 {
            0..=5 => plan(number, "one"),
            6 => resource("Goal", number, "description: What it is good for\n"),
            7 | 8 => resource("Capability", number, "description: What can be done\n"),
            _ => resource(
                "Gate",
                number,
                &format!(
                    "gateType: approval\n  targetRef: {{kind: Plan, name: plan-{}}}\n",
                    number / 10 * 10
                ),
            ),
        };
        let path = match layout {
            Layout::Folders => format!("planspec/f{}/r{number}.yaml", number / 100),
            Layout::Flat => format!("planspec/r{number}.yaml"),
        };
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-qm", "all"]);
    git(dir, &["gc", "-q"]);
}

fn resource(kind: &str, number: usize, spec: &str) -> String {
    let name = kind.to_lowercase();
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}-{number}\n  \
         namespace: team\nspec:\n  {spec}"
    )
}

fn plan(number: usize, description: &str) -> String {
    let tens = number / 10 * 10;
    let mut spec = format!(
        "description: {description}\n  goalRef: {{name: goal-{}}}\n  graph:\n    nodes:\n",
        tens + 6
    );
    for node in 0..9 {
        spec.push_str(&format!(
            "      - id: step-{node}\n        kind: Task\n        description: Something to do\n        \
             capabilityRefs: [{{name: capability-{}}}]\n",
            tens + 7 + node % 2
        ));
        if node > 0 {
            spec.push_str(&format!("        dependsOn: [step-{}]\n", node - 1));
        }
    }
    spec.push_str(&format!(
        "      - id: decide\n        kind: Gate\n        gateRef: {{name: gate-{}}}\n        \
         dependsOn: [step-8]\n",
        tens + 9
    ));
    match description {
        "one" => resource("Plan", number, &spec),
        _ => resource("Plan", 1_000_000 + number, &spec),
    }
}
