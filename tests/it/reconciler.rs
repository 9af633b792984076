//! A reconciler that runs permanently, started as by the unit and the container.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::resources::{execution, plan, task};
use crate::sandbox::{PLANSPEC, Place, Sandbox};

fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples/reconciler").join(name)
}

/// The script, with the program on its path, before a remote.
struct Reconciler<'a> {
    place: Place<'a>,
    child: Child,
    out: Box<dyn Iterator<Item = String>>,
}

impl<'a> Reconciler<'a> {
    fn start(sandbox: &'a Sandbox) -> Reconciler<'a> {
        let place = sandbox.folder("machine");
        place.write(".keep", "");
        std::fs::create_dir_all(place.dir.join("bin")).unwrap();
        std::os::unix::fs::symlink(PLANSPEC, place.dir.join("bin/planspec")).unwrap();
        let mut command = Reconciler::script(&place);
        let mut child = command
            .args(["--interval", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Reconciler {
            place,
            child,
            out: Box::new(out.map(Result::unwrap)),
        }
    }

    fn script(place: &Place<'_>) -> std::process::Command {
        let path = std::env::var("PATH").unwrap();
        let bin = place.dir.join("bin");
        let url = format!("file://{}", place.dir.join("../origin.git").display());
        let mut command = place.command(example("reconcile.sh"));
        command
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("PLANSPEC_REMOTE", url)
            .env("PLANSPEC_STATE", place.dir.join("state"))
            .env("PLANSPEC_HEALTH", place.dir.join("health.json"));
        command
    }

    fn prints(&mut self, text: &str) {
        assert!(self.out.any(|line| line.contains(text)), "{text}");
    }

    /// Whether the script reports that it is healthy.
    fn is_healthy(&self) -> bool {
        let mut command = Reconciler::script(&self.place);
        command.arg("healthy").status().unwrap().success()
    }

    /// Waits for such a health file while the process runs.
    fn says(&mut self, says: impl Fn(&Value) -> bool) -> Value {
        loop {
            let text = std::fs::read_to_string(self.place.dir.join("health.json"));
            if let Ok(text) = text {
                // It is never incomplete.
                let health: Value = serde_json::from_str(&text).unwrap();
                if says(&health) {
                    return health;
                }
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn terminate(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args(["-TERM", &pid]).status().unwrap().success());
        let err = self.child.stderr.take().unwrap();
        let lines: Vec<String> = BufReader::new(err).lines().map(Result::unwrap).collect();
        (self.child.wait().unwrap().code(), lines.join("\n"))
    }
}

#[test]
fn it_survives_a_remote_that_is_away_from_the_beginning_and_in_between() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/p.yaml", plan("p", &[task("one"), task("two")]));
    ana.publish("planspec/run.yaml", execution("run", "p"));
    let (here, away) = (sandbox.path("origin.git"), sandbox.path("away.git"));
    let leave = || std::fs::rename(&here, &away).unwrap();
    let come_back = || std::fs::rename(&away, &here).unwrap();
    leave();
    let mut reconciler = Reconciler::start(&sandbox);
    assert!(!reconciler.is_healthy());
    std::thread::sleep(Duration::from_millis(1500));
    come_back();
    reconciler.prints("default/run");
    reconciler.says(|health| health["healthy"] == true && health["waiting"] == 2);
    assert!(reconciler.is_healthy());

    leave();
    let health = reconciler.says(|health| health["failures"].as_u64() > Some(1));
    assert_eq!(health["healthy"], false);
    assert!(
        health["error"].as_str().unwrap().contains("origin"),
        "{health}"
    );
    assert!(!reconciler.is_healthy());
    come_back();
    // Records from the time of the failure are found afterwards.
    ana.run("claim run/one --as agent:a").ok();
    reconciler.prints("claimed by agent:a");
    let health = reconciler.says(|health| health["healthy"] == true);
    assert!(
        health["error"].is_null() && health["failures"] == 0,
        "{health}"
    );
    ana.git("fetch -q origin");
    let said = ana.git("show -s --format=%B refs/remotes/origin/planspec/status");
    assert!(said.contains("\nJob: reconciler on "), "{said}");

    let (code, err) = reconciler.terminate();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("trying again in 1 s"), "{err}");
    let told = err.matches("error: cannot read the refs of remote `origin`");
    assert_eq!(told.count(), 1, "{err}");
    assert!(err.contains("note: reconciling again"), "{err}");
}

/// A signal also ends it before there is a clone, although the first process of a container ignores signals by default.
#[test]
fn it_ends_while_it_waits_for_the_first_clone() {
    let sandbox = Sandbox::new();
    let mut reconciler = Reconciler::start(&sandbox);
    let mut err = BufReader::new(reconciler.child.stderr.take().unwrap()).lines();
    assert!(err.any(|line| line.unwrap().contains("trying again")));
    let pid = reconciler.child.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    assert_eq!(reconciler.child.wait().unwrap().code(), Some(143));
}

#[test]
fn what_cannot_begin_ends_and_a_file_that_cannot_be_written_is_told_at_once() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    nowhere.run("reconcile --watch").exits(3);
    let ana = sandbox.team("ana");
    ana.publish("planspec/p.yaml", plan("p", &[task("one")]));
    ana.write("file", "");
    ana.run("reconcile --watch --health-file file/health.json")
        .exits(3)
        .notes("file/health.json");
    ana.run("reconcile --health-file health.json").exits(2);
    ana.run("reconcile --watch --out json=x").exits(2);
}

/// The unit and the container set the variables that the script reads, and run it.
#[test]
fn the_unit_and_the_container_file_fit_the_script() {
    let read = |name: &str| std::fs::read_to_string(example(name)).unwrap();
    let (script, unit, container) = (
        read("reconcile.sh"),
        read("planspec-reconciler.service"),
        read("Containerfile"),
    );
    let is_read = |variable: &str| {
        script.contains(&format!("${{{variable}:")) || script.contains(&format!("${variable}"))
    };
    let set = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    let set: Vec<(&str, &str)> = set.filter(|(name, _)| *name != "HOME").collect();
    assert_eq!(set.len(), 4, "{set:?}");
    for (name, value) in set {
        assert!(is_read(name), "{name}");
        if let Some(credential) = value.strip_prefix("%d/") {
            let load = format!("LoadCredential={credential}:/etc/planspec/{credential}");
            assert!(unit.contains(&load), "{load}");
        }
    }
    let at = "/usr/local/lib/planspec/reconcile.sh";
    assert!(unit.contains(&format!("ExecStart={at}\n")));
    assert!(container.contains(&format!("ENTRYPOINT [\"{at}\"]")));
    assert!(container.contains(&format!("COPY examples/reconciler/reconcile.sh {at}")));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied = container
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    for line in copied.filter(|line| !line.starts_with("--from")) {
        let words: Vec<&str> = line.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(root.join(source).exists(), "{source}");
        }
    }
    let page = std::fs::read_to_string(root.join("docs/reconciler.md")).unwrap();
    for word in script.split(|c: char| !c.is_ascii_uppercase() && c != '_') {
        assert!(
            !word.starts_with("PLANSPEC_") || page.contains(word),
            "{word}"
        );
    }
}
