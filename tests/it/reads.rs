//! What the reading verbs print for programs: one document of the right kind, which matches its schema and has the main
//! fact; a refusal is a document too.

use serde_json::{Value, json};

use crate::documents::GREETING;
use crate::resources::{execution, file, gate, gate_node, goal, plan, task};
use crate::sandbox::{Place, Sandbox, text};

/// A run whose first task is claimed, and whose gate waits.
fn started(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    let nodes = [
        task("build").with("description: Make it\ninputs: {size: 3}\n"),
        task("docs"),
        gate_node("sign", "sign"),
        task("ship").after("build").after("sign").once_over("docs"),
    ];
    solo.publish(
        "planspec/all.yaml",
        file(&[
            plan("release", &nodes),
            gate("sign", "release"),
            execution("run", "release"),
        ]),
    );
    solo.run("reconcile").ok();
    solo.run("claim run/build --as agent:a --reconcile").ok();
    solo
}

/// The answer of a verb: one document of that kind, and nothing else.
fn answer(place: &Place<'_>, kind: &str, args: &str) -> Value {
    place.run(&format!("{args} -o json")).ok().answer(kind)
}

#[test]
fn get_prints_resources_as_they_stand_in_files_with_their_status() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let one = solo.run("get execution run -o json").ok().json();
    assert_eq!(one["apiVersion"], "planspec.io/v1alpha1");
    assert_eq!(one["kind"], "Execution");
    assert_eq!(one["spec"]["planRef"]["name"], "release");
    assert_eq!(one["status"]["nodeStatuses"]["build"]["phase"], "Running");
    for field in ["uid", "generation", "creationTimestamp", "resourceVersion"] {
        assert!(!one["metadata"][field].is_null(), "{field}: {one:#}");
    }
    let list = solo.run("get plans -o json").ok().json();
    assert_eq!(list["apiVersion"], "planspec.io/v1alpha1");
    assert_eq!(list["kind"], "List");
    assert_eq!(list["items"][0]["metadata"]["name"], "release");
    let fields: Vec<&String> = list.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["apiVersion", "kind", "items"]);
}

#[test]
fn describe_tells_what_follows_from_spec_and_status() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let of_run = answer(&solo, "Description", "describe execution run");
    assert_eq!(of_run["resource"]["metadata"]["name"], "run");
    assert_eq!(of_run["phase"], "Running");
    let nodes = of_run["graph"]["nodes"].as_array().unwrap();
    let node = |id: &str| nodes.iter().find(|node| node["id"] == id).unwrap();
    assert_eq!(node("build")["actor"], "agent:a");
    assert_eq!(node("build")["waiting"]["for"], "Report");
    assert_eq!(node("ship")["phase"], "Pending");
    let run = &of_run["run"];
    let waits: Vec<String> = run["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", text(&one["node"]), text(&one["for"])))
        .collect();
    assert_eq!(waits, ["build Report", "docs Worker", "sign Approval"]);
    let next: Vec<String> = run["next"].as_array().unwrap().iter().map(text).collect();
    assert!(
        next.contains(&"planspec claim run/docs -n default".to_owned()),
        "{next:?}"
    );
    // The text proposes the same.
    let told = solo.run("describe execution run").ok();
    for command in &next {
        assert!(told.out.contains(command), "{told}");
    }
    let of_plan = answer(&solo, "Description", "describe plan/release");
    assert_eq!(of_plan["graph"]["edges"].as_array().unwrap().len(), 3);
    assert!(of_plan["run"].is_null());
    let of_gate = answer(&solo, "Description", "describe gate sign");
    assert_eq!(of_gate["phase"], "Waiting");
    assert!(of_gate["graph"].is_null());
}

#[test]
fn describe_tells_what_was_said_checked_and_refused() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/greeting.planspec.json", GREETING);
    solo.publish("planspec/run.yaml", execution("run", "greeting"));
    solo.run("reconcile").ok();
    solo.works("run/translate", "ana@example.com");
    solo.works("run/choose", "agent:a");
    solo.run("comment greeting-approve-release -m Nice --reconcile")
        .ok();
    solo.run("attest run no-tracking --as ben@example.com --unmet -m counted --reconcile")
        .ok();
    let run = answer(&solo, "Description", "describe execution run")["run"].clone();
    let contract = run["contract"].as_array().unwrap();
    let one = |id: &str| contract.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(one("no-tracking")["met"], false);
    assert_eq!(one("no-tracking")["said"][0]["evidence"], "counted");
    assert!(one("understood")["met"].is_null());
    assert_eq!(run["acceptance"][0]["id"], "ten-languages");
    assert!(run["acceptance"][0]["checks"][0]["result"].is_null());
    assert_eq!(run["reviews"][0]["action"], "comment");
    assert_eq!(run["reviews"][0]["comment"], "Nice");
}

#[test]
fn graph_is_nodes_and_edges() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let graph = answer(&solo, "Graph", "graph run");
    assert_eq!(graph["resource"], "Execution");
    assert_eq!(graph["phase"], "Running");
    assert_eq!(graph["nodes"][0]["id"], "build");
    assert_eq!(graph["nodes"][0]["attempt"], 1);
    assert_eq!(graph["nodes"][2]["gate"], "default/sign");
    let edges = graph["edges"].as_array().unwrap();
    assert!(edges.contains(&json!({"from": "docs", "to": "ship", "kind": "soft"})));
    assert_eq!(
        graph["levels"],
        json!([["build", "docs", "sign"], ["ship"]])
    );
    assert_eq!(graph["criticalPath"], json!(["build", "ship"]));
    let of_plan = answer(&solo, "Graph", "graph plan/release");
    assert!(of_plan["nodes"][0]["phase"].is_null());
    solo.run("graph run -o json --out run.json").ok();
    let written: Value = serde_json::from_str(&solo.read("run.json")).unwrap();
    assert_eq!(written, graph);
    // The former option, and its short form.
    for old in ["--format json", "-f json"] {
        assert_eq!(solo.run(&format!("graph run {old}")).ok().json(), graph);
    }
}

#[test]
fn log_is_a_list_of_revisions_or_of_events() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let revisions = answer(&solo, "RevisionList", "log release");
    assert_eq!(revisions["resource"], "Plan");
    assert_eq!(revisions["complete"], true);
    assert_eq!(revisions["items"][0]["change"], "added");
    assert_eq!(revisions["items"][0]["executions"][0]["name"], "run");
    let events = answer(&solo, "EventList", "log execution/run");
    assert_eq!(events["name"], "run");
    let events = events["items"].as_array().unwrap();
    let claim = events
        .iter()
        .find(|event| event["action"] == "claim")
        .unwrap();
    assert_eq!(claim["actor"], "agent:a");
    assert_eq!(claim["node"], "build");
}

#[test]
#[cfg(unix)]
fn logs_are_a_document_with_the_attempt() {
    use crate::work::{shell, work};
    let sandbox = Sandbox::new();
    let ana = crate::work::started(&sandbox, "", &[("one", "", shell("echo said"))]);
    work(&sandbox, &ana, "--once").ok();
    let log = answer(&ana, "NodeLog", "logs run/one");
    assert_eq!(log["execution"], "run");
    assert_eq!(log["attempt"], 1);
    assert!(text(&log["log"]).contains("said"), "{log}");
}

#[test]
fn watch_is_a_document_on_each_line() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let told = solo.run("watch execution/run --once -o json").ok();
    let lines = told.answers("State");
    assert_eq!(lines[0]["resource"], "Execution");
    assert_eq!(lines[0]["to"], "Running");
    assert!(lines.iter().any(|line| line["node"] == "build"), "{told}");
}

#[test]
fn wait_says_what_is_so_and_what_can_no_longer_be() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let waited = answer(&solo, "Waited", "wait execution/run --for Running");
    assert_eq!(waited["resource"], "Execution");
    assert_eq!(waited["namespace"], "default");
    assert_eq!(waited["expected"], "Running");
    assert_eq!(waited["commit"], solo.status_tip());
    let gone = answer(&solo, "Waited", "wait goal/nothing --for delete");
    assert!(gone["namespace"].is_null());
    solo.run("cancel run --reconcile").ok();
    let never = solo
        .run("wait execution/run --for Succeeded -o json")
        .exits(1);
    never.refusal("notReady");
}

#[test]
fn next_is_what_a_worker_has_to_know() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let next = answer(&solo, "NextNodes", "next");
    assert_eq!(next["items"].as_array().unwrap().len(), 1);
    let docs = &next["items"][0];
    assert_eq!(docs["node"], "docs");
    assert_eq!(docs["plan"]["name"], "release");
    assert_eq!(docs["parameters"], json!({}));
    assert!(docs["provider"].is_null() && docs["goal"].is_null());
    solo.run("release run/build --as agent:a --reconcile").ok();
    let next = answer(&solo, "NextNodes", "next run");
    assert_eq!(next["items"][0]["inputs"]["size"], 3);
    assert_eq!(next["items"][0]["description"], "Make it");
    assert_eq!(next["items"][0]["attempt"], 2);
    let matrix = solo.run("next -o github-matrix").ok();
    assert_eq!(matrix.out.lines().count(), 1);
    assert_eq!(matrix.json()["include"][0]["node"], "build");
    assert_eq!(
        solo.run("next -o name").ok().out,
        "default/run/build\ndefault/run/docs\n"
    );
}

#[test]
fn where_nothing_can_be_claimed_the_notes_say_what_can_be_done() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let checked = "acceptanceCriteria:\n- {type: artifact_exists, name: there, path: x}\n";
    solo.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[task("one").with(checked)]),
            execution("run", "p"),
        ]),
    );
    solo.run("reconcile").ok();
    solo.works("run/one", "agent:a");
    let next = answer(&solo, "NextNodes", "next");
    assert_eq!(next["items"], json!([]));
    let notes = text(&next["notes"]);
    assert!(
        notes.contains("planspec verify run/one -n default"),
        "{notes}"
    );
}

#[test]
fn refusals_are_documents_too() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish("planspec/goal.yaml", goal("g"));
    let table = [
        ("get goal nothing", 1, "notFound"),
        ("get golas", 2, "ambiguous"),
        ("describe plan relase", 1, "notFound"),
        ("describe plan", 2, "ambiguous"),
        ("graph nothing", 1, "notFound"),
        ("log nothing", 1, "notFound"),
        ("log execution/nothing", 1, "notFound"),
        ("log release --ref nowhere", 1, "notFound"),
        ("logs run/build", 1, "notReady"),
        ("logs run/nothing", 1, "notFound"),
        ("next nothing", 1, "notFound"),
        ("watch golas --once", 2, "ambiguous"),
        ("wait goal/nothing --for Succeeded", 1, "notFound"),
        ("wait goal/g --for Sucess", 2, "ambiguous"),
    ];
    for (command, code, kind) in table {
        let ran = solo.run(&format!("{command} -o json")).exits(code);
        ran.refusal(kind);
    }
    let near = solo.run("describe plan relase -o json").exits(1);
    assert_eq!(near.refusal("notFound")["hint"], "did you mean `release`?");
    let nowhere = sandbox.folder("nowhere");
    nowhere.run("get -o json").exits(3).refusal("unavailable");
}
