//! An ordinary reconcile looks at what may change; `--full` looks at everything and compares.

use crate::resources::{
    binding, capability, execution, execution_with, file, gate, gate_node, goal, plan, task,
};
use crate::sandbox::{Place, STATUS, Sandbox};

/// A status commit, made by hand, that looks like one of `reconcile`.
fn forge(place: &Place<'_>, change: impl Fn(&Place<'_>)) {
    let message = place.git(&format!("log -1 --format=%B refs/heads/{STATUS}"));
    let mut sequence = message
        .lines()
        .filter_map(|line| line.strip_prefix("Planspec-Sequence: "));
    let sequence: u64 = sequence.next_back().unwrap().parse().unwrap();
    let [old, new] = [sequence, sequence + 1].map(|n| format!("Planspec-Sequence: {n}"));
    place.git(&format!("checkout -q -f {STATUS}"));
    let controller = place.read("controller.yaml");
    let [before, after] = [sequence, sequence + 1].map(|n| format!("sequence: {n}\n"));
    place.write("controller.yaml", controller.replace(&before, &after));
    change(place);
    place.git("add -A");
    place.git_with("commit -q -F -", &message.replace(&old, &new));
    place.git("checkout -q -f main");
    // As a program leaves it that does not know this ref.
    place.git("update-ref -d refs/planspec/status");
}

/// The files below a folder of the status branch.
fn status_files(place: &Place<'_>, folder: &str) -> Vec<String> {
    let files = place.git(&format!(
        "ls-tree -r --name-only refs/heads/{STATUS} {folder}"
    ));
    files.lines().map(str::to_owned).collect()
}

#[test]
fn every_step_of_a_repository_is_the_same_in_part_and_in_whole() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [
        task("one"),
        task("two").after("one").needs("build"),
        gate_node("ok", "sign").after("two"),
    ];
    let run = execution_with("run", "p", "bindingRef: {name: who}\n");
    let publish = |path: &str, text: String| {
        solo.publish(path, text);
    };
    let say = |verb: &str| {
        solo.run(verb).ok();
    };
    let who = binding("who", &[("build", "agent://c")]);
    let supply = file(&[capability("build"), who.clone()]);
    let other = goal("goal").replace("What it is", "What it really is");
    let steps: [(&str, &dyn Fn()); 12] = [
        ("a goal", &|| publish("planspec/goal.yaml", goal("goal"))),
        ("a plan and a run", &|| {
            publish("planspec/all.yaml", file(&[plan("p", &nodes), run.clone()]));
        }),
        ("its gate", &|| {
            publish("planspec/gate.yaml", gate("sign", "p"))
        }),
        ("its binding", &|| publish("planspec/who.yaml", who.clone())),
        ("a claim", &|| say("claim run/one --as agent:a")),
        ("time", &|| sandbox.minutes_pass(600)),
        ("a report", &|| {
            say("claim run/one --as agent:b");
            say("report run/one --as agent:b --succeeded");
        }),
        ("what it needs", &|| {
            publish("planspec/who.yaml", supply.clone())
        }),
        ("another description", &|| {
            publish("planspec/goal.yaml", other.clone())
        }),
        ("a file nobody can read", &|| {
            publish("planspec/x.yaml", "a: [".to_owned())
        }),
        ("and its end", &|| {
            solo.remove("planspec/x.yaml").commit("gone");
        }),
        ("no run any more", &|| {
            publish("planspec/all.yaml", file(&[plan("p", &[task("one")])]));
        }),
    ];
    for (what, step) in steps {
        step();
        let ran = solo.run("reconcile --full").ok();
        assert!(!ran.err.contains("bug"), "{what}: {ran}");
        solo.run("reconcile --full").ok().says("nothing to do");
    }
}

#[test]
fn a_line_that_lies_is_found_when_everything_is_looked_at() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a --lease 10m").ok();
    solo.run("reconcile").ok();
    // Both the line of the run and the summary of all lines hide the deadline.
    forge(&solo, |solo| {
        let with_deadline = |path: &String| solo.read(path).contains("\"due\":\"");
        let files: Vec<String> = status_files(solo, "_summary/")
            .into_iter()
            .filter(with_deadline)
            .collect();
        assert_eq!(files.len(), 2, "{files:?}");
        for path in files {
            let text = solo.read(&path);
            let at = text.find("\"due\":\"").unwrap();
            let end = text[at + 7..].find('"').unwrap() + at + 8;
            let end = end + usize::from(text[end..].starts_with(','));
            solo.write(&path, format!("{}{}", &text[..at], &text[end..]));
        }
    });
    sandbox.minutes_pass(600);
    let tip = solo.status_tip();
    solo.run("reconcile")
        .exits(3)
        .notes("does not follow from what it cites")
        .notes("_summary/");
    // This cannot be checked without the commit before it.
    let before = solo.git(&format!("rev-parse {tip}^"));
    let (folder, file) = before.split_at(2);
    solo.remove(&format!(".git/objects/{folder}/{file}"));
    solo.run("reconcile --full")
        .exits(3)
        .notes("nothing was written")
        .notes("default/run");
    assert_eq!(solo.status_tip(), tip);
}

#[test]
fn a_status_of_the_layout_before_goes_on_without_a_transition() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("one"), gate_node("ok", "sign")];
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), gate("sign", "p"), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a").ok();
    solo.run("reconcile").ok();
    forge(&solo, |solo| {
        solo.git("rm -r -q _summary");
        let controller = solo.read("controller.yaml");
        let lines = controller
            .lines()
            .filter(|line| !line.starts_with("decisions:"));
        let older = lines.map(|line| format!("{line}\n")).collect::<String>();
        let older = older.replace("formatVersion: 2", "formatVersion: 1");
        assert_ne!(older, controller);
        solo.write("controller.yaml", older);
    });
    let tip = solo.status_tip();
    // After a commit of today's version, it is not one of an older program.
    solo.run("reconcile")
        .exits(3)
        .notes("it was decided with version 0");
    solo.run(&format!("audit --trust {tip}")).ok();
    solo.run("reconcile").ok().says("nothing to do");
    assert_eq!(
        solo.status_tip(),
        tip,
        "nothing moved, so nothing is written"
    );
    solo.run("next").ok();
    solo.run("describe gate sign").ok().says("run");
    solo.run("report run/one --as agent:a --succeeded").ok();
    solo.run("approve run/ok --as ben").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    assert!(!status_files(&solo, "_summary/").is_empty());
    solo.run("reconcile --full").ok().says("nothing to do");
}

#[test]
fn a_status_that_newer_decisions_led_to_is_left_alone() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", goal("goal"));
    solo.run("reconcile").ok();
    forge(&solo, |solo| {
        let controller = solo.read("controller.yaml");
        solo.write(
            "controller.yaml",
            controller.replace("decisions: 5", "decisions: 99"),
        );
    });
    solo.publish("planspec/more.yaml", goal("more"));
    let tip = solo.status_tip();
    let ran = solo.run("reconcile");
    assert_ne!(ran.code, 0, "{ran}");
    ran.notes("was written by a newer planspec")
        .notes("upgrade planspec here and in CI");
    assert_eq!(solo.status_tip(), tip);
    solo.run("get goals").ok().says("goal");
}

#[test]
fn what_the_clone_was_asked_for_stands_beside_the_status() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let there = "acceptanceCriteria: [{type: artifact_exists, name: there, path: built.txt, contentMatch: ok}]\n";
    let nodes = [task("one").needs("build").with(there), task("two")];
    let run = execution_with("run", "p", "bindingRef: {name: who}\n");
    let who = binding("who", &[("build", "repo://self")]);
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), run, capability("build"), who]),
    );
    solo.run("reconcile").ok();
    let answers = || solo.git(&format!("show refs/heads/{STATUS}:_inputs.yaml"));
    assert_eq!(
        answers(),
        "historyRewritten: false\nartifacts:\n  - path: built.txt\n    text: ok\n    found: false"
    );
    let uid = solo.get("execution/run")["metadata"]["uid"].clone();
    let uid = uid.as_str().unwrap().to_owned();
    let blob = solo.git_with("hash-object -w --stdin", "nonsense: true\n");
    let tree = solo.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
    let tip = solo.git_with(&format!("commit-tree {tree}"), "by hand");
    let at = format!("work/default/run/{uid}/two/1");
    solo.git(&format!("update-ref refs/planspec/{at} {tip}"));
    solo.run("reconcile").ok().notes("is ignored");
    let answers = answers();
    for part in [format!("{at}:"), tip, "why: ".to_owned()] {
        assert!(answers.contains(&part), "{answers}");
    }
    solo.run("reconcile --full").ok().says("nothing to do");
}

#[test]
fn what_is_not_here_of_the_observed_commit_costs_a_look_at_everything() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let all = file(&[plan("p", &[task("one")]), execution("run", "p")]);
    solo.publish("planspec/all.yaml", all);
    solo.publish("planspec/goal.yaml", goal("goal"));
    solo.run("reconcile").ok();
    let old = solo.git("rev-parse HEAD:planspec/goal.yaml");
    let other = goal("goal").replace("What it is", "What it really is");
    solo.publish("planspec/goal.yaml", other);
    let object = format!(".git/objects/{}/{}", &old[..2], &old[2..]);
    std::fs::remove_file(solo.dir.join(object)).unwrap();
    solo.run("reconcile").ok().says("status at");
    assert_eq!(solo.get("goal/goal")["metadata"]["generation"], 2);
}
