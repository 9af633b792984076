//! Acceptance: a reported task is done when somebody has verified it.
#![cfg(unix)]

use serde_json::{Value, json};

use crate::http::Answers;
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, Sandbox, text};
use crate::work::{shell, started, work};

fn criteria(list: &Value) -> String {
    format!("acceptanceCriteria: {list}\n")
}

fn results(place: &Place<'_>) -> Vec<(String, bool)> {
    let node = place.node("run/one");
    let results = node["extensions"]["verification"]["results"].as_array();
    let results = results.cloned().unwrap_or_default();
    let pair = |result: &Value| (text(&result["name"]), result["holds"] == true);
    results.iter().map(pair).collect()
}

#[test]
fn criteria_of_all_kinds_are_checked_on_the_commit_that_holds_the_work() {
    let sandbox = Sandbox::new();
    let server = Answers::start(|method, path, body| match (method, path) {
        ("GET", "/health") => (200, "status: ok".to_owned()),
        ("POST", "/judge") => (201, format!("accepted {body}")),
        _ => (404, String::new()),
    });
    let list = json!([
        {"name": "report", "type": "artifact_exists", "path": "report.md", "contentMatch": "all is well"},
        {"name": "tests", "type": "test_passes", "command": "test -e report.md"},
        {"name": "says", "type": "command_succeeds", "command": "cat", "args": ["report.md"],
         "outputMatch": "is well"},
        {"name": "up", "type": "endpoint_responds", "url": server.url("/health"), "bodyMatch": "ok"},
        {"name": "judge", "type": "custom", "webhookUrl": server.url("/judge"),
         "expectedResponse": {"statusCode": 201, "bodyMatch": "accepted"}},
        {"name": "style", "type": "test_passes", "command": "false", "required": false},
    ]);
    let script = "echo all is well > report.md; rm -f planspec/none";
    let ana = started(&sandbox, "", &[("one", &criteria(&list), shell(script))]);
    work(&sandbox, &ana, "--reconcile --as agent:w")
        .ok()
        .says("holds: report")
        .says("does not hold (optional): style (false, ");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert!(ana.unapplied("run").is_empty());
    let names = ["report", "tests", "says", "up", "judge"];
    let mut expected: Vec<(String, bool)> = names.map(|name| (name.to_owned(), true)).into();
    expected.push(("style".to_owned(), false));
    assert_eq!(results(&ana), expected);
    let verification = &ana.node("run/one")["extensions"]["verification"];
    assert_eq!(verification["actor"], "agent:w");
    let result = |n: usize| verification["results"][n].clone();
    assert_eq!(
        (&result(2)["ran"], &result(2)["code"]),
        (&json!("cat report.md"), &json!(0))
    );
    assert_eq!(text(&result(2)["excerpt"]), "all is well");
    assert_eq!(result(4)["code"], 201);
    assert_eq!(text(&result(5)["excerpt"]), "exit code 1, not 0");
    let posted = server.asked();
    let posted = posted
        .iter()
        .find_map(|line| line.strip_prefix("POST /judge "))
        .unwrap();
    let posted: Value = serde_json::from_str(posted).unwrap();
    let report = &ana.node("run/one")["extensions"]["report"];
    assert_eq!(
        (&posted["criterion"], &posted["commit"]),
        (&json!("judge"), &report["commit"])
    );
}

#[test]
fn a_required_criterion_that_does_not_hold_fails_the_attempt() {
    let sandbox = Sandbox::new();
    let list = json!([{"name": "report", "type": "artifact_exists", "path": "report.md"}]);
    let script = "test $PLANSPEC_ATTEMPT = 1 || touch report.md";
    let more = format!("retries: 1\n{}", criteria(&list));
    let ana = started(&sandbox, "", &[("one", &more, shell(script))]);
    work(&sandbox, &ana, "--reconcile")
        .ok()
        .says("does not hold: report (report.md, ")
        .says(" s): `report.md` does not exist")
        .says("default/run/one attempt 1 is not accepted: report");
    let node = ana.node("run/one");
    assert_eq!(
        (&node["attempt"], &node["extensions"]["failures"]),
        (&json!(2), &json!(1))
    );
    assert!(
        text(&node["message"]).contains("report does not hold"),
        "{node}"
    );
    sandbox.minutes_pass(1);
    work(&sandbox, &ana, "--reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn somebody_else_verifies_where_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let list = json!([
        {"name": "built", "type": "command_succeeds", "command": "cat out/built", "outputMatch": "web"},
    ]);
    let more = format!("inputs: {{target: web}}\n{}", criteria(&list));
    let script = "mkdir out; echo $PLANSPEC_INPUT_TARGET > out/built";
    let ana = started(
        &sandbox,
        "verification: independent\n",
        &[("one", &more, shell(script))],
    );
    work(&sandbox, &ana, "--reconcile --as agent:w").ok();
    assert_eq!(ana.node_phase("run/one"), "Blocked");
    ana.run("verify run/one --as agent:w")
        .exits(1)
        .notes("somebody else must check it");
    let ben = sandbox.clone_of("origin.git", "ben");
    let before = ben.git("rev-parse HEAD");
    ben.run("verify run/one --as ben@example.com --reconcile")
        .ok()
        .says("holds: built (cat out/built, ")
        .says("verified default/run/one attempt 1 as ben@example.com");
    assert_eq!(ben.phase("execution/run"), "Succeeded");
    let actor = &ben.node("run/one")["extensions"]["verification"]["actor"];
    assert_eq!(actor, "ben@example.com");
    assert_eq!(ben.git("rev-parse HEAD"), before);
    assert_eq!(ben.git("status --porcelain"), "");
    assert_eq!(ben.git("worktree list").lines().count(), 1);
}

#[test]
fn a_shallow_clone_can_verify_too() {
    let sandbox = Sandbox::new();
    let list = json!([{"name": "built", "type": "test_passes", "command": "test -e built"}]);
    let ana = started(
        &sandbox,
        "verification: independent\n",
        &[("one", &criteria(&list), shell("touch built"))],
    );
    work(&sandbox, &ana, "--reconcile --as agent:w").ok();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("--depth=1", &url, "ben");
    ben.run("verify run/one --as agent:v --reconcile").ok();
    assert_eq!(ben.phase("execution/run"), "Succeeded");
}

#[test]
fn verify_says_what_does_not_hold_and_refuses_where_nothing_waits() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let list = json!([
        {"name": "good", "type": "test_passes", "command": "true"},
        {"name": "bad", "type": "test_passes", "command": "sh -c 'echo it broke; exit 4'"},
        {"name": "worse", "type": "artifact_exists", "path": "nothing"},
    ]);
    solo.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[task("one").with(&criteria(&list))]),
            execution("run", "p"),
        ]),
    );
    solo.run("reconcile").ok();
    solo.run("verify run/one")
        .exits(1)
        .notes("default/run: nothing of `one` waits to be verified");
    solo.run("claim run/one --as agent:a --reconcile").ok();
    solo.run("verify run/one").exits(1).notes("it is Running");
    solo.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(solo.node_phase("run/one"), "Blocked");
    solo.run("verify run/one --as agent:v --reconcile")
        .exits(1)
        .says("holds: good")
        .says("does not hold: bad (sh -c 'echo it broke; exit 4', ")
        .says(" s): exit code 4, not 0 | it broke")
        .notes("2 of its required criteria do not hold: bad, worse");
    assert_eq!(solo.node_phase("run/one"), "Failed");
    assert_eq!(results(&solo).len(), 3);
    solo.run("verify run/one").exits(1).notes("it is Failed");
}

#[test]
fn results_too_large_for_a_record_lose_their_excerpts_and_nothing_else() {
    let sandbox = Sandbox::new();
    let list: Vec<Value> = (0..100)
        .map(|n| json!({"name": format!("c{n}"), "type": "test_passes", "command": "seq 1 2000"}))
        .collect();
    let solo = sandbox.repository("solo");
    let node = task("one").with(&criteria(&json!(list)));
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[node]), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    solo.works("run/one", "agent:a");
    solo.run("verify run/one --as agent:v --reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    assert_eq!(results(&solo).len(), 100);
}

#[test]
fn a_task_without_criteria_is_not_verified() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes = [task("one"), task("two")];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    ana.run("verify run/one --as ci@example.com")
        .exits(1)
        .notes("nothing of `one` waits to be verified: it is Succeeded");
    assert!(ana.node("run/one")["extensions"]["verification"].is_null());
}

#[test]
fn what_is_accepted_as_another_commit_names_the_push_or_pull_that_is_missing() {
    let sandbox = Sandbox::new();
    let list = json!([{"name": "made", "type": "artifact_exists", "path": "made"}]);
    let ana = sandbox.run_of("ana", &[task("one").with(&criteria(&list))]);
    let ben = sandbox.clone_of("origin.git", "ben");
    ana.run("claim run/one --as agent:a").ok();
    ana.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    ana.write("made", "").commit("made");
    let verify = "verify run/one --as ci@example.com --commit main";
    ana.run(verify)
        .exits(1)
        .notes("is on the local `main`, but not on origin")
        .notes("push it: `git push origin main`, then verify");
    ana.push();
    ben.run("reconcile").ok();
    let newest = ana.git("rev-parse HEAD").trim().to_owned();
    let hint = format!("planspec verify run/one -n default --commit {newest}");
    ben.run(verify)
        .exits(1)
        .notes("the local `main` is behind the remote")
        .notes(&hint);
    // A task that was released in between is not verified.
    ana.run("release run/one --as agent:a").ok();
    ana.run(verify)
        .exits(1)
        .notes("newer records about default/run/one are not reconciled yet")
        .notes("run `planspec reconcile`, then verify again");
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:a").ok();
    ana.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    let hint = hint.trim_start_matches("planspec ");
    ben.run(&format!("{hint} --as ci@example.com --reconcile"))
        .ok();
    assert_eq!(ben.phase("execution/run"), "Succeeded");
}

#[test]
fn who_verifies_before_a_report_is_taken_in_is_told_the_way() {
    let sandbox = Sandbox::new();
    let criteria = "acceptanceCriteria: [{type: artifact_exists, name: there, path: lib/a.txt}]\noutputs: [{name: size, type: number}]\n";
    let ana = sandbox.run_of("ana", &[task("one").with(criteria)]);
    ana.git("checkout -q -b work");
    ana.write("lib/a.txt", "x").commit("Work");
    ana.git("checkout -q main");
    ana.run("claim run/one --as agent:a").ok();
    ana.run("report run/one --succeeded --set size=big --commit work --as agent:a")
        .exits(1)
        .notes("`size` takes a number");
    // The work is on another branch than the one that is checked out: nothing of it is missing in the commit.
    let reported = ana.run("report run/one --succeeded --set size=3 --commit work --as agent:a");
    assert!(!reported.ok().err.contains("what your work tree has of"));
    ana.run("verify run/one --as ci@example.com")
        .exits(1)
        .notes("`planspec reconcile`, then verify it");
    ana.run("reconcile").ok();
    ana.run("verify run/one --as ci@example.com --reconcile")
        .ok();
    assert_eq!(ana.node("run/one")["outputs"]["size"], 3);
}
