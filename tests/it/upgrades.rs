//! A status that another version of the program wrote: that of every release goes on, and that of a later version is left
//! alone.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::agents::asked_over_mcp;
use crate::sandbox::{Place, STATUS, Sandbox, text};

/// What the repository of every release has at 12:00, in the order of `get`: see tests/upgrades/make.sh.
const RUNS: [(&str, &str); 7] = [
    ("asked", "Blocked"),
    ("cancelled", "Cancelled"),
    ("claimed", "Running"),
    ("failed", "Failed"),
    ("gated", "Blocked"),
    ("greeting-1", "Running"),
    ("succeeded", "Succeeded"),
];

fn bundles() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrades");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut found: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|end| end == "bundle"))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// A clone of a remote with what a bundle has.
fn clone_of<'s>(sandbox: &'s Sandbox, bundle: &Path) -> Place<'s> {
    let origin = sandbox.bare("origin.git");
    origin.git(&format!("fetch -q '{}' +refs/*:refs/*", bundle.display()));
    origin.git("symbolic-ref HEAD refs/heads/main");
    sandbox.clone_of("origin.git", "ana")
}

fn has_phases(place: &Place<'_>, phase_of: impl Fn(&str, &'static str) -> &'static str) {
    for (run, phase) in RUNS {
        let now = place.phase(&format!("execution/{run}"));
        assert_eq!(now, phase_of(run, phase), "{run}");
    }
}

/// Reports the open attempt of a node as its holder does.
fn report(place: &Place<'_>, target: &str, more: &str) {
    let claim = &place.node(target)["extensions"]["claim"];
    let [actor, record] = ["actor", "record"].map(|field| text(&claim[field]));
    let report = format!("report {target} --succeeded --as {actor} --claim {record} --reconcile");
    place.run(&format!("{report} {more}")).ok();
}

#[test]
fn the_status_of_every_release_goes_on_without_a_transition() {
    for bundle in bundles() {
        let sandbox = Sandbox::of("sha1", "files");
        let ana = clone_of(&sandbox, &bundle);
        let (tip, history) = (ana.status_tip(), ana.history());
        has_phases(&ana, |_, phase| phase);
        ana.run("reconcile").ok().never_says("Moved:");
        assert_eq!(ana.history(), history, "{}", bundle.display());
        if bundle.file_stem().unwrap() == env!("CARGO_PKG_VERSION") {
            assert_eq!(ana.status_tip(), tip, "the program of the same version");
        }
        ana.run("reconcile").ok().says("nothing to do");
        ana.run("reconcile --full").ok().says("nothing to do");
        ana.run("audit").ok().never_says("Cannot be checked");

        report(&ana, "claimed/research", "--set found=x");
        ana.works("claimed/build", "agent:builder");
        ana.run("answer asked/build 'The new one' --reconcile").ok();
        report(&ana, "asked/build", "");
        ana.run("approve gated/decide --reconcile").ok();
        ana.works("gated/launch", "agent:builder");
        ana.run("retry failed --reconcile").ok();
        ana.run("claim failed/research --as agent:builder --reconcile")
            .ok();
        report(&ana, "failed/research", "--set found=x");
        ana.works("failed/build", "agent:builder");
        report(&ana, "greeting-1/translate", "");
        ana.works("greeting-1/release", "agent:builder");
        ana.run("attest greeting-1 understood --met --reconcile")
            .ok();

        has_phases(&ana, |run, _| match run {
            "cancelled" => "Cancelled",
            _ => "Succeeded",
        });
        ana.run("audit").ok().never_says("Cannot be checked");
        ana.run("reconcile --full").ok().says("nothing to do");
    }
}

const NEWER: &str = "the status was written by a newer planspec (version 99 of its layout; ";

/// What a later version may do to the status.
struct Later {
    what: &'static str,
    change: fn(&Place<'_>),
    trailer: &'static str,
}

const LATER: [Later; 3] = [
    Later {
        what: "fields",
        change: |later| {
            let controller = later.read("controller.yaml");
            later.write("controller.yaml", format!("{controller}shard: two\n"));
        },
        trailer: "",
    },
    Later {
        what: "files",
        change: |later| {
            later.write("journal/000.json", "{}");
        },
        trailer: "",
    },
    Later {
        what: "trailers",
        change: |_| {},
        trailer: "Planspec-Program: 99.0.0\n",
    },
];

/// Puts a commit with layout version 99 on the status branch, as a later version of the program would.
fn write_later(sandbox: &Sandbox, later: &Later) -> String {
    let place = sandbox.clone_of("origin.git", later.what);
    place.git(&format!("checkout -q -b status origin/{STATUS}"));
    let message = place.git("log -1 --format=%B");
    let controller = place.read("controller.yaml");
    let lines = controller.lines().map(|line| match line.split_once(": ") {
        Some(("formatVersion", _)) => "formatVersion: 99\n".to_owned(),
        Some(("sequence", number)) => {
            format!("sequence: {}\n", number.parse::<u64>().unwrap() + 1)
        }
        _ => format!("{line}\n"),
    });
    place.write("controller.yaml", lines.collect::<String>());
    (later.change)(&place);
    place.git("add -A");
    let lines = message
        .lines()
        .map(|line| match line.split_once("Sequence: ") {
            Some((name, number)) => {
                let next = number.parse::<u64>().unwrap() + 1;
                format!("{name}Sequence: {next}\n")
            }
            None => format!("{line}\n"),
        });
    let message = lines.collect::<String>() + later.trailer;
    place.git_with("commit -q -F -", &message);
    place.git(&format!(
        "push -q origin HEAD:refs/heads/{STATUS} HEAD:refs/planspec/status"
    ));
    place.git("rev-parse HEAD")
}

const VERBS: [&str; 38] = [
    "status",
    "status --agent",
    "status --mine",
    "get executions",
    "get execution claimed",
    "describe execution claimed",
    "describe plan steps",
    "next",
    "next claimed",
    "claim claimed/build --as agent:b",
    "claim --as agent:b",
    "claim --renew claimed/research --as agent:builder",
    "report claimed/research --as agent:builder --succeeded",
    "release claimed/research --as agent:builder",
    "ask claimed/research Why --as agent:builder",
    "answer asked/build 'The new one'",
    "approve gated/decide",
    "attest greeting-1 understood --met",
    "verify gated/build",
    "cancel claimed",
    "retry failed",
    "work --once",
    "reconcile",
    "reconcile --dry-run",
    "reconcile --full",
    "log execution/claimed",
    "watch --once",
    "wait execution/claimed --for Succeeded --timeout 1s",
    "board --out pages",
    "graph claimed",
    "export claimed --to json",
    "logs claimed/research",
    "review HEAD~1..HEAD",
    "start steps",
    "delete execution claimed",
    "apply -f planspec/all.yaml",
    "get plans",
    "serve --port 0",
];

#[test]
fn a_layout_of_a_later_version_is_said_to_be_one_by_every_verb() {
    let bundle = bundles().pop().unwrap();
    for later in &LATER {
        let sandbox = Sandbox::of("sha1", "files");
        let ana = clone_of(&sandbox, &bundle);
        ana.run("reconcile").ok();
        let inbox = ana.inbox();
        let tip = write_later(&sandbox, later);
        ana.git("fetch -q");
        for verb in VERBS {
            ana.run(verb)
                .exits(3)
                .notes(NEWER)
                .notes("upgrade planspec here and in CI")
                .notes(&format!("`git log -1 {tip}`"))
                .never_says("something other than")
                .never_says("something else wrote");
        }
        ana.run("audit")
            .ok()
            .says("Cannot be checked here:")
            .says(NEWER);
        ana.run("doctor").exits(1).says(NEWER);
        let asked = asked_over_mcp(&ana, &[("next", json!({})), ("list", json!({}))]);
        for answer in asked {
            let said = answer["content"][0]["text"].as_str().unwrap();
            assert!(said.contains(NEWER), "{said}");
        }
        assert_eq!((ana.status_tip(), ana.inbox()), (tip, inbox));
    }
}
