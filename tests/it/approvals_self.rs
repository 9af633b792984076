//! `approvals.preventSelfApproval`: the author of a plan cannot approve it.

use crate::resources::{execution, file, gate, gate_node, gate_with, plan, task};
use crate::sandbox::{Place, Sandbox, text};

const SETTING: &str = "\
approvals:
  preventSelfApproval: true
  users: {lead: [ana@example.com, ana@home.example], boss: [carol@example.com]}
  teams: {all: ['user:lead', ben@example.com, 'user:boss']}
";

/// Commits everything as an author.
fn by(place: &Place<'_>, who: &str, message: &str) {
    place.git("add -A");
    place.git(&format!(
        "-c user.name={who} -c user.email={who} commit -q -m '{message}'"
    ));
}

fn all(description: &str) -> String {
    let nodes = [
        gate_node("ok", "sign"),
        task("go")
            .with(&format!("description: {description}\n"))
            .after("ok"),
    ];
    file(&[
        plan("p", &nodes),
        gate_with("sign", "p", "reviewers: [\"team:all\"]\n"),
    ])
}

fn waiting<'a>(sandbox: &'a Sandbox, author: &str, message: &str) -> Place<'a> {
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", SETTING).commit("Configure");
    solo.write("planspec/plan.yaml", all("first"));
    by(&solo, author, message);
    solo.publish("planspec/run.yaml", execution("run", "p"));
    solo.run("reconcile").ok();
    solo
}

fn authors(place: &Place<'_>) -> Vec<String> {
    let run = place.get("execution/run");
    let authors = run["status"]["extensions"]["pinned"]["authors"].clone();
    serde_json::from_value(authors).unwrap()
}

#[test]
fn authors_are_refused_under_every_name_of_theirs() {
    for author in ["ana@example.com", "ana@home.example"] {
        let sandbox = Sandbox::new();
        let solo = waiting(&sandbox, author, "A plan");
        assert_eq!(authors(&solo), [author]);
        for name in ["ana@example.com", "ana@home.example", "user:lead", "lead"] {
            solo.run(&format!("approve sign --as {name}"))
                .exits(1)
                .notes("somebody else has to decide");
        }
        solo.run("approve sign --as ben@example.com --reconcile")
            .ok();
        assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    }
}

#[test]
fn co_authors_are_authors_and_whoever_starts_the_run_is_not() {
    let sandbox = Sandbox::new();
    let message = "A plan (#1)\n\nCo-authored-by: Ben <ben@example.com>";
    let solo = waiting(&sandbox, "carol@example.com", message);
    assert_eq!(authors(&solo), ["ben@example.com", "carol@example.com"]);
    solo.run("describe execution/run")
        .ok()
        .says("Written by:   ben@example.com, carol@example.com");
    for name in ["ben@example.com", "user:boss"] {
        solo.run(&format!("approve sign --as {name}")).exits(1);
    }
    // Ana committed the execution.
    solo.run("approve sign --as ana@example.com --reconcile")
        .ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
}

#[test]
fn a_record_that_goes_around_the_program_is_listed() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, "ben@example.com", "A plan");
    // The setting is read from the spec branch; a clone without it still sends the record.
    solo.git("checkout -q -b sly");
    solo.publish(".planspec.yaml", SETTING.replace("true", "false"));
    solo.git("config planspec.specBranch sly");
    solo.run("approve sign --as ben@example.com")
        .exits(3)
        .notes("the status is about branch `main`");
    // This client-side refusal can be avoided.
    solo.git("branch -m main aside");
    solo.run("approve sign --as ben@example.com").ok();
    solo.git("branch -m aside main");
    solo.git("config --unset planspec.specBranch");
    solo.run("reconcile")
        .ok()
        .notes("somebody else has to decide");
    assert_eq!(solo.unapplied("run"), ["SelfApproval"]);
    assert_eq!(solo.node_phase("run/ok"), "Blocked");
}

#[test]
fn a_correction_by_somebody_else_and_a_new_name_hide_nobody() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", SETTING).commit("Configure");
    solo.write("planspec/plan.yaml", all("frist"));
    by(&solo, "ben@example.com", "A plan");
    solo.write("planspec/plan.yaml", all("first"));
    by(&solo, "carol@example.com", "A typo");
    solo.git("mv planspec/plan.yaml planspec/other.yaml");
    solo.write("planspec/run.yaml", execution("run", "p"));
    by(&solo, "dora@example.com", "Move it");
    solo.run("reconcile").ok();
    assert_eq!(
        authors(&solo),
        ["ben@example.com", "carol@example.com", "dora@example.com"]
    );
}

#[test]
fn who_wrote_the_gate_does_not_decide_at_it() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", SETTING).commit("Configure");
    solo.write("planspec/gate.yaml", gate("sign", "p"));
    by(&solo, "ben@example.com", "A gate");
    let nodes = [gate_node("ok", "sign")];
    solo.write(
        "planspec/plan.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    by(&solo, "carol@example.com", "A plan");
    solo.run("reconcile").ok();
    solo.run("approve sign --as ben@example.com").exits(1);
    solo.run("approve sign --as ana@example.com --reconcile")
        .ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn in_a_shallow_clone_the_gate_waits_until_history_is_there() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, "ben@example.com", "A plan");
    solo.git("branch -D planspec/status");
    let url = format!("file://{}", solo.dir.display());
    let shallow = sandbox.clone_with("--depth=1", &url, "shallow");
    shallow.git("config planspec.remote ''");
    shallow.run("reconcile").ok();
    let node = shallow.node("run/ok");
    assert_eq!(text(&node["extensions"]["reason"]), "AuthorsUnknown");
    let message = text(&node["message"]);
    assert!(message.contains("git fetch --unshallow"), "{message}");
    shallow.run("reconcile").ok();
    shallow.run("approve sign --as ana@example.com").exits(1);
    shallow.git("fetch -q --unshallow");
    shallow.run("reconcile").ok();
    assert_eq!(authors(&shallow), ["ben@example.com"]);
    shallow
        .run("approve sign --as ana@example.com --reconcile")
        .ok();
    assert_eq!(shallow.node_phase("run/ok"), "Succeeded");
}
