//! A broken file is reported with its place, and stops nothing else.

use crate::resources::{
    binding, capability, execution, execution_with, file, gate, gate_node, goal, plan, plan_with,
    task,
};
use crate::sandbox::{Place, Sandbox, text};

/// A valid run, reconciled, next to which a file is going to break.
fn sound(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    let nodes = [task("one"), task("two").after("one")];
    solo.publish(
        "planspec/sound.yaml",
        file(&[plan("sound", &nodes), execution("sound-run", "sound")]),
    );
    solo.run("reconcile").ok();
    solo
}

/// Asserts that the valid run still advances.
fn assert_goes_on(solo: &Place<'_>) {
    solo.works("sound-run/one", "agent:a")
        .works("sound-run/two", "agent:a");
    assert_eq!(solo.phase("execution/sound-run"), "Succeeded");
}

fn valid(solo: &Place<'_>, resource: &str) -> (String, String) {
    let condition = solo.condition(resource, "Valid").unwrap();
    (text(&condition["status"]), text(&condition["message"]))
}

#[test]
fn a_file_that_is_no_yaml_is_named_with_its_place_and_all_others_advance() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    solo.publish(
        "planspec/broken.yaml",
        "apiVersion: planspec.io/v1alpha1\nkind: [Plan\n",
    );
    solo.run("reconcile").ok();
    let controller = solo.git("show planspec/status:controller.yaml");
    assert!(controller.contains("planspec/broken.yaml:"), "{controller}");
    solo.run("validate").exits(1).says("planspec/broken.yaml:");
    assert_goes_on(&solo);
}

#[test]
fn a_resource_whose_file_breaks_keeps_its_phase_and_says_where_it_is_broken() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    solo.publish("planspec/plan.yaml", plan("p", &[task("one")]));
    solo.publish("planspec/run.yaml", execution("run", "p"));
    solo.run("reconcile").ok();
    let broken = plan("p", &[task("one")]).replace("graph:", "graph: {{");
    solo.publish("planspec/plan.yaml", broken);
    solo.run("reconcile").ok();
    let (status, message) = valid(&solo, "plan/p");
    assert_eq!(status, "False");
    assert!(message.contains("planspec/plan.yaml:"), "{message}");
    assert_eq!(solo.phase("execution/run"), "Running", "it is pinned");
    solo.works("run/one", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    assert_goes_on(&solo);
}

#[test]
fn a_cycle_makes_its_plan_invalid_with_file_line_and_column_and_names_the_whole_cycle() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    let nodes = [
        task("one").after("three"),
        task("two").after("one"),
        task("three").with("dependsOn: [two]\n"),
    ];
    solo.publish(
        "planspec/cycle.yaml",
        file(&[plan("cycle", &nodes), execution("never", "cycle")]),
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("plan/cycle"), "Invalid");
    assert_eq!(solo.phase("execution/never"), "Pending");
    let (_, message) = valid(&solo, "plan/cycle");
    let mut place = message.split(':').skip(1);
    assert!(message.starts_with("planspec/cycle.yaml:"), "{message}");
    let mut number = || place.next().unwrap().parse::<usize>().unwrap();
    assert!(number() > 1 && number() > 1, "{message}");
    for node in ["one", "two", "three"] {
        assert!(message.contains(node), "{message}");
    }
    solo.run("validate").exits(1).says("PS304");
    assert_goes_on(&solo);
}

#[test]
fn an_unknown_goal_or_gate_makes_its_plan_invalid_and_all_others_advance() {
    let table = [
        (
            "gaol",
            plan_with("p", "goalRef: {name: gaol}\n", &[task("x")]),
            "PS202",
        ),
        ("sing", plan("p", &[gate_node("x", "sing")]), "PS203"),
    ];
    for (name, plan, code) in table {
        let sandbox = Sandbox::new();
        let solo = sound(&sandbox);
        solo.publish(
            "planspec/near.yaml",
            file(&[goal("goal"), gate("sign", "p")]),
        );
        solo.publish("planspec/bad.yaml", file(&[plan, execution("run", "p")]));
        solo.run("reconcile").ok();
        assert_eq!(solo.phase("plan/p"), "Invalid", "{name}");
        let (_, message) = valid(&solo, "plan/p");
        assert!(message.starts_with("planspec/bad.yaml:"), "{message}");
        assert!(
            message.contains(name) && message.contains(code),
            "{message}"
        );
        let waits = solo.get("execution/run");
        assert_eq!(text(&waits["status"]["reason"]), "PlanInvalid");
        assert_goes_on(&solo);
    }
}

#[test]
fn an_edge_to_a_node_that_does_not_exist_is_shown_with_what_was_probably_meant() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("build"), task("release").after("biuld")];
    solo.publish("planspec/plan.yaml", plan("p", &nodes));
    solo.run("validate")
        .exits(1)
        .says("error[PS302]")
        .says("planspec/plan.yaml:15:")
        .says("did you mean `build`?")
        .notes("1 error");
}

#[test]
fn a_missing_capability_or_binding_is_a_warning() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[task("one").needs("coding")]),
            execution_with("run", "p", "bindingRef: {name: team}\n"),
        ]),
    );
    solo.run("validate")
        .ok()
        .says("warning[PS204]")
        .says("warning[PS205]");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("plan/p"), "Ready");
}

#[test]
fn two_files_with_one_kind_namespace_and_name_are_both_reported_and_a_pinned_run_goes_on() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    let nodes = [task("other")];
    solo.publish("planspec/second.yaml", plan("sound", &nodes));
    let told = solo.run("validate --format concise").exits(1).out;
    assert!(told.contains("planspec/sound.yaml:"), "{told}");
    assert!(told.contains("planspec/second.yaml:"), "{told}");
    solo.publish("planspec/late.yaml", execution("late", "sound"));
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("plan/sound"), "Invalid");
    let condition = solo.condition("plan/sound", "Valid").unwrap();
    assert_eq!(text(&condition["reason"]), "Duplicate");
    assert_eq!(solo.phase("execution/late"), "Pending");
    assert_goes_on(&solo);
    solo.remove("planspec/second.yaml").commit("One is enough");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/late"), "Running");
}

#[test]
fn a_doubled_execution_keeps_running_and_starts_nothing_new() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    let uid = text(&solo.get("execution/sound-run")["metadata"]["uid"]);
    solo.publish("planspec/again.yaml", execution("sound-run", "sound"));
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/sound-run"), "Running");
    assert_eq!(
        text(&solo.get("execution/sound-run")["metadata"]["uid"]),
        uid
    );
    assert_goes_on(&solo);
}

#[test]
fn one_broken_document_of_a_file_does_not_break_its_neighbours() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let bad = goal("bad").replace("description:", "descriptoin:");
    solo.publish(
        "planspec/all.yaml",
        file(&[bad, plan("p", &[task("one")]), execution("run", "p")]),
    );
    solo.run("validate")
        .exits(1)
        .says("PS102")
        .says("did you mean `description`?");
    solo.run("reconcile").ok();
    let (status, message) = valid(&solo, "goal/bad");
    assert_eq!(status, "False");
    assert!(message.starts_with("planspec/all.yaml:"), "{message}");
    assert_eq!(solo.phase("execution/run"), "Running");
}

#[test]
fn status_in_a_file_is_an_error_that_says_where_status_lives() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let text = goal("g") + "status:\n  phase: Succeeded\n";
    solo.publish("planspec/goal.yaml", text);
    solo.run("validate")
        .exits(1)
        .says("PS109")
        .says("status branch");
}

#[test]
fn links_below_the_resource_paths_are_refused_by_name() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    solo.write("secret.yaml", goal("hidden"));
    std::os::unix::fs::symlink("../secret.yaml", solo.dir.join("planspec/link.yaml")).unwrap();
    solo.commit("A link");
    let commit = solo.git("rev-parse HEAD");
    solo.git(&format!(
        "update-index --add --cacheinfo 160000,{commit},planspec/module"
    ));
    solo.git("commit -q -m 'A submodule'");
    solo.run("validate --rev HEAD")
        .exits(1)
        .says("planspec/link.yaml")
        .says("planspec/module");
    solo.run("reconcile").ok();
    solo.run("get goal hidden").exits(1);
    assert_goes_on(&solo);
}

#[test]
fn a_broken_configuration_stops_with_one_sentence() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    let tip = solo.status_tip();
    solo.publish(".planspec.yaml", "lease: 30m\nstaus: {}\n");
    solo.run("reconcile")
        .exits(1)
        .notes(".planspec.yaml:2:1")
        .notes("`staus`");
    assert_eq!(solo.status_tip(), tip);
    solo.run("validate").exits(1).says(".planspec.yaml:2:1");
    solo.publish(".planspec.yaml", "lease: 30m\n");
    assert_goes_on(&solo);
}

#[test]
fn a_yaml_bomb_is_refused_and_all_others_advance() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..40 {
        let before = format!("*a{}", level - 1);
        let items = [before.as_str(); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    solo.publish("planspec/bomb.yaml", bomb);
    solo.publish("planspec/deep.yaml", "[".repeat(100_000));
    solo.run("validate")
        .exits(1)
        .says("planspec/bomb.yaml")
        .says("planspec/deep.yaml");
    solo.run("reconcile").ok();
    assert_goes_on(&solo);
}

#[test]
fn names_cannot_smuggle_escapes_into_the_terminal() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let sly = task("one").with("name: \"\\e]0;owned\\a\\u202Egnihton\"\n");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[sly]), execution("run", "p")]),
    );
    solo.run("reconcile").ok().never_says("\u{1b}");
    for command in [
        "next",
        "graph run",
        "describe execution run",
        "describe plan p",
        "get plans",
    ] {
        solo.run(command)
            .ok()
            .never_says("\u{1b}")
            .never_says("\u{202e}");
    }
}

#[test]
fn a_binding_for_what_nobody_needs_breaks_nothing() {
    let sandbox = Sandbox::new();
    let solo = sound(&sandbox);
    solo.publish(
        "planspec/binding.yaml",
        file(&[
            capability("coding"),
            binding("team", &[("coding", "agent://a"), ("no", "x")]),
        ]),
    );
    solo.run("reconcile").ok();
    assert_goes_on(&solo);
}
