//! Kills the program, with all its child processes, before each of its system calls that change something. Whatever the
//! moment: the next command works without help, nothing is lost, nothing happens twice, clone and remote stay intact.
//!
//! Every run takes a sample. To test all calls, with a table of the results:
//!
//!     PLANSPEC_KILLS=all cargo test --test it kill -- --nocapture
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::resources::{execution, file, gate_node, gate_with, plan, task};
use crate::sandbox::{Place, Ran, SHARED, Sandbox};

/// The variable that selects all calls.
const ALL: &str = "PLANSPEC_KILLS";
/// The size of the sample for each command.
const SAMPLE: usize = 3;
/// The exit code of the tracer if tracing is not permitted.
const NOT_ALLOWED: i32 = 77;

/// A command to be killed.
struct Scene {
    /// The commands before it, by `ana` and by `ben`, who has a clone of his own.
    before: &'static [&'static str],
    /// The command, which is repeated after the kill.
    command: &'static str,
    /// The message of the second run if the first one has done everything; otherwise it succeeds.
    again: Option<&'static str>,
    /// The commands that lead to a state that can be compared.
    after: &'static [&'static str],
}

const SCENES: [Scene; 8] = [
    Scene {
        before: &[],
        command: "ana reconcile",
        again: None,
        after: &["ben reconcile", "ben claim run/a --as agent:a"],
    },
    Scene {
        before: &["ana reconcile"],
        command: "ben claim run/a --as agent:a --session s",
        again: None,
        after: &["ben reconcile", "ana reconcile"],
    },
    Scene {
        before: &[
            "ana reconcile",
            "ben claim run/a --as agent:a --session s",
            "ana reconcile",
        ],
        command: "ben report run/a --succeeded --as agent:a --session s",
        again: None,
        after: &["ana reconcile", "ben reconcile"],
    },
    Scene {
        before: &[
            "ana reconcile",
            "ben claim run/a --as agent:a --session s",
            "ben report run/a --succeeded --as agent:a --session s",
        ],
        command: "ana reconcile",
        again: None,
        after: &["ben reconcile"],
    },
    Scene {
        before: &[
            "ana reconcile",
            "ben claim run/a --as agent:a --session s",
            "ben report run/a --succeeded --as agent:a --session s",
            "ben reconcile",
        ],
        command: "ana approve run/ok",
        again: None,
        after: &["ben reconcile", "ana reconcile"],
    },
    Scene {
        // The last reconcile of a run, which deletes its refs.
        before: &[
            "ana reconcile",
            "ben claim run/a --as agent:a --session s",
            "ben cancel run",
        ],
        command: "ben reconcile",
        again: None,
        after: &["ana reconcile", "ben reconcile"],
    },
    Scene {
        before: &["ana reconcile"],
        command: "ana start p --name more",
        again: Some("Execution default/more already exists"),
        after: &["ana git push -q origin HEAD", "ben reconcile"],
    },
    Scene {
        before: &["ana reconcile"],
        command: "ana apply -f ../more.yaml",
        again: None,
        after: &["ana git push -q origin HEAD", "ben reconcile"],
    },
];

/// The environment in which a command is repeated.
struct Stage<'a> {
    sandbox: &'a Sandbox,
    tracer: PathBuf,
    scene: &'a Scene,
    number: usize,
}

/// The result of a kill.
#[derive(Default)]
struct Fate {
    /// Whether it was killed before its end.
    killed: bool,
    corrupt: Option<String>,
    stuck: Option<String>,
    lost: Option<String>,
    twice: Option<String>,
}

impl Stage<'_> {
    /// A fresh copy of the state before the command.
    fn set(&self, name: &str) -> Set<'_> {
        let folder = format!("{}-{name}", self.number);
        let from = self.sandbox.path(&format!("{}-before", self.number));
        let copied = Command::new("cp")
            .arg("-a")
            .args([from, self.sandbox.path(&folder)])
            .status();
        assert!(copied.unwrap().success());
        Set {
            sandbox: self.sandbox,
            folder,
        }
    }

    fn prepare(&self) {
        let set = Set {
            sandbox: self.sandbox,
            folder: format!("{}-before", self.number),
        };
        let path = |name: &str| format!("{}/{name}", set.folder);
        self.sandbox.bare(&path("origin.git"));
        let ana = self.sandbox.clone_of(&path("origin.git"), &path("ana"));
        ana.write("../more.yaml", execution("more", "p"));
        let nodes = [
            task("a"),
            gate_node("ok", "ok").after("a"),
            task("b").after("ok"),
        ];
        let gate = gate_with("ok", "p", "reviewers: [ana@example.com]\n");
        let all = [plan("p", &nodes), gate, execution("run", "p")];
        ana.write(".planspec.yaml", SHARED);
        ana.write("planspec/all.yaml", file(&all));
        ana.commit("Plans").push();
        let ben = self.sandbox.clone_of(&path("origin.git"), &path("ben"));
        for clone in [&ana, &ben] {
            clone.git("config remote.origin.url ../origin.git");
        }
        for line in self.scene.before {
            set.run(line).ok();
        }
    }

    /// Runs the command, killed before its `last` call that changes something. Returns how many there were, whether it
    /// was killed, and its exit code.
    fn kill(&self, set: &Set<'_>, last: usize) -> (usize, bool, i32) {
        let (place, args) = set.place(self.scene.command);
        let planspec = place.planspec(args);
        let report = self.sandbox.path(&format!("{}.report", set.folder));
        let mut command = place.command(&self.tracer);
        command
            .arg(last.to_string())
            .arg(&report)
            .arg(planspec.get_program())
            .args(planspec.get_args());
        let ran = command.output().unwrap();
        let code = ran.status.code().unwrap_or(-1);
        let said = std::fs::read_to_string(&report).unwrap_or_default();
        let mut words = said.split(' ');
        let killed = words.next() == Some("killed");
        let calls = words.next().and_then(|count| count.trim().parse().ok());
        if std::env::var_os(ALL).is_some() && killed {
            println!("{}: {}", self.scene.command, said.trim());
        }
        (calls.unwrap_or(0), killed, code)
    }

    /// Runs the command again and those after it. Returns the history that they lead to.
    fn follow(&self, set: &Set<'_>) -> Result<Vec<String>, String> {
        let again = set.run(self.scene.command);
        let is_done = |told: &str| again.err.contains(told);
        if again.code != 0 && !self.scene.again.is_some_and(is_done) {
            return Err(again.to_string());
        }
        for line in self.scene.after {
            let ran = set.run(line);
            if ran.code != 0 {
                return Err(ran.to_string());
            }
        }
        let mut history = set.place("ben ").0.history();
        history.sort();
        Ok(history)
    }

    /// Kills it once, and returns the result.
    fn fate(&self, last: usize, expected: &[String]) -> Fate {
        let set = self.set(&last.to_string());
        let mut fate = Fate {
            killed: self.kill(&set, last).1,
            ..Fate::default()
        };
        match self.follow(&set) {
            Err(why) => fate.stuck = Some(why),
            Ok(found) => {
                fate.lost = first_beyond(expected, &found);
                fate.twice = first_beyond(&found, expected);
            }
        }
        fate.corrupt = set.damage();
        std::fs::remove_dir_all(self.sandbox.path(&set.folder)).unwrap();
        fate
    }
}

/// The first line that is in one more often than in the other.
fn first_beyond(one: &[String], other: &[String]) -> Option<String> {
    let times = |lines: &[String], line: &String| lines.iter().filter(|l| *l == line).count();
    let more = |line: &&String| times(one, line) > times(other, line);
    one.iter().find(more).cloned()
}

/// A remote and two clones of it.
struct Set<'a> {
    sandbox: &'a Sandbox,
    folder: String,
}

impl Set<'_> {
    /// Splits `ana reconcile` into the place and the arguments.
    fn place<'l>(&self, line: &'l str) -> (Place<'_>, &'l str) {
        let (who, args) = line.split_once(' ').unwrap();
        (self.sandbox.place(&format!("{}/{who}", self.folder)), args)
    }

    fn run(&self, line: &str) -> Ran {
        let (place, args) = self.place(line);
        match args.strip_prefix("git ") {
            Some(args) => place.git_try(args),
            // Not by `run`, which would follow the proposals in another copy.
            None => Ran::of(line, place.planspec(args).output().unwrap()),
        }
    }

    /// The damage that Git finds in the clones and the remote.
    fn damage(&self) -> Option<String> {
        ["origin.git", "ana", "ben"].into_iter().find_map(|name| {
            let place = self.sandbox.place(&format!("{}/{name}", self.folder));
            let ran = place.git_try("fsck --connectivity-only --no-dangling");
            (ran.code != 0).then(|| format!("{name}: {ran}"))
        })
    }
}

/// Compiles the tracer. `None` where tracing does not work.
fn tracer(sandbox: &Sandbox) -> Option<PathBuf> {
    let program = sandbox.path("tracer");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kill/tracer.c");
    let compiled = Command::new("cc")
        .args(["-O1", "-o"])
        .arg(&program)
        .arg(source)
        .status();
    assert!(compiled.unwrap().success(), "the tracer is compiled");
    let report = sandbox.path("report");
    let tried = Command::new(&program)
        .arg("0")
        .arg(&report)
        .arg("true")
        .status();
    (tried.unwrap().code() != Some(NOT_ALLOWED)).then_some(program)
}

/// The calls before which the command is killed.
fn moments(calls: usize) -> Vec<usize> {
    let step = match std::env::var_os(ALL) {
        Some(_) => 1,
        None => calls.div_ceil(SAMPLE).max(1),
    };
    // Not always the first call: before it nothing has happened.
    (1..=calls).skip(step / 2).step_by(step).collect()
}

/// Kills a command before all these calls, several at once.
fn fates(stage: &Stage<'_>, expected: &[String], moments: &[usize]) -> Vec<(usize, Fate)> {
    let next = AtomicUsize::new(0);
    let fates = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(&last) = moments.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let fate = stage.fate(last, expected);
                    fates.lock().unwrap().push((last, fate));
                }
            });
        }
    });
    fates.into_inner().unwrap()
}

#[test]
fn whenever_it_is_killed_the_next_command_goes_on() {
    let sandbox = Sandbox::new();
    let Some(tracer) = tracer(&sandbox) else {
        println!("skipped: no process may trace another here");
        return;
    };
    let mut table = vec![format!(
        "{:<60} {:>5} {:>7} {:>5} {:>4} {:>5}",
        "command", "kills", "corrupt", "stuck", "lost", "twice"
    )];
    let mut wrong = Vec::new();
    for (number, scene) in SCENES.iter().enumerate() {
        let stage = Stage {
            sandbox: &sandbox,
            tracer: tracer.clone(),
            scene,
            number,
        };
        stage.prepare();
        let set = stage.set("whole");
        let (calls, killed, code) = stage.kill(&set, 0);
        assert!(
            (killed, code) == (false, 0),
            "`{}` ends well",
            scene.command
        );
        let expected = stage.follow(&set).unwrap();
        assert!(!expected.is_empty());
        let fates = fates(&stage, &expected, &moments(calls));
        let count = |of: &dyn Fn(&Fate) -> bool| fates.iter().filter(|(_, fate)| of(fate)).count();
        table.push(format!(
            "{:<60} {:>5} {:>7} {:>5} {:>4} {:>5}",
            scene.command,
            count(&|fate| fate.killed),
            count(&|fate| fate.corrupt.is_some()),
            count(&|fate| fate.stuck.is_some()),
            count(&|fate| fate.lost.is_some()),
            count(&|fate| fate.twice.is_some()),
        ));
        for (last, fate) in fates {
            let all = [fate.corrupt, fate.stuck, fate.lost, fate.twice];
            wrong.extend(
                all.into_iter()
                    .flatten()
                    .map(|why| format!("`{}`, killed before call {last}: {why}", scene.command)),
            );
        }
    }
    println!("{}", table.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
