//! What the published format and its users expect: files of theirs, fields, words and flags.

use serde_json::{Value, json};

use crate::resources::{
    binding, capability, execution, file, gate, gate_node, goal, plan, resource, task,
};
use crate::sandbox::{Sandbox, text};

#[test]
fn outputs_are_names_as_published_and_asked_for_like_mappings() {
    let sandbox = Sandbox::new();
    let nodes = [
        task("count").with("outputs: [report, {name: words, type: number}]\n"),
        task("tell")
            .after("count")
            .with("inputs: {file: '${nodes.count.outputs.report}'}\n"),
    ];
    let ana = sandbox.team_with("ana", &[plan("p", &nodes), execution("run", "p")]);
    ana.run("reconcile").ok();
    let next = ana.run("next -o json").ok().answer("NextNodes");
    // One form for programs, whichever stands in the file.
    let expected = json!([{"name": "report"}, {"name": "words", "type": "number"}]);
    assert_eq!(next["items"][0]["outputs"], expected);
    ana.run("claim run/count --as agent:a --reconcile").ok();
    ana.run("report run/count --succeeded --as agent:a --set words=3")
        .exits(1)
        .notes("declared outputs are missing: report");
    ana.write("../outputs.json", r#"{"report": "a.md", "words": 3}"#);
    ana.run("report run/count --succeeded --as agent:a --outputs-file ../outputs.json --reconcile")
        .ok();
    let brief = ana.run("describe run/tell -o json").ok().answer("Brief");
    assert_eq!(brief["inputs"], json!({"file": "a.md"}), "{brief}");
}

#[test]
fn outputs_in_other_words_are_no_change_and_no_other_digest() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let with = |outputs: &str| plan("p", &[task("count").with(&format!("outputs: {outputs}\n"))]);
    solo.publish("planspec/p.yaml", with("[{name: report}]"));
    solo.publish("planspec/p.yaml", with("[report]"));
    let review = solo
        .run("review HEAD~1..HEAD -o json")
        .ok()
        .answer("Review");
    assert_eq!(review["class"], "none", "{review}");
    solo.publish("planspec/p.yaml", with("[report, report]"));
    solo.run("validate").exits(1).says("PS310");
}

#[test]
fn what_a_criterion_looks_for_is_a_regular_expression() {
    let sandbox = Sandbox::new();
    let changed = r"{type: artifact_exists, name: changed, path: CHANGES.md, contentMatch: '(?m)^## \d+\.\d+\s*$'}";
    let nodes = [task("release")
        .needs("repository")
        .with(&format!("acceptanceCriteria: [{changed}]\n"))];
    let spec = "rules: [{selector: {capabilityRef: {name: repository}}, target: {provider: 'repo://here'}}]\n";
    let here = resource("Binding", "here", spec);
    let run = resource(
        "Execution",
        "run",
        "planRef: {name: p}\nbindingRef: {name: here}\n",
    );
    let provided = capability("repository");
    let ana = sandbox.team("ana");
    ana.publish("CHANGES.md", "## Unreleased\n\nSee 1.2\n");
    ana.publish(
        "planspec/all.yaml",
        file(&[provided, here, plan("p", &nodes), run]),
    );
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/release"), "Blocked");
    ana.publish("CHANGES.md", "## Unreleased\n\n## 1.2\n");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let broken = plan("q", &[task("a").with("acceptanceCriteria: [{type: artifact_exists, name: n, path: a, contentMatch: 'f(x'}]\n")]);
    let refused = ana.run_with("validate -f - -o json", &broken).exits(1);
    let findings = refused.answer("Findings");
    let finding = &findings["findings"][0];
    assert_eq!(finding["code"], "PS239", "{findings}");
    // The help is true.
    let help = text(&finding["help"]);
    let literally = help.split('`').nth(1).unwrap();
    ana.run_with("validate -f -", &broken.replace("f(x", literally))
        .ok();
}

#[test]
fn every_status_is_as_published() {
    let sandbox = Sandbox::new();
    let nodes = [
        task("build").needs("make"),
        gate_node("ok", "ok").after("build"),
    ];
    let bindings = binding("team", &[("make", "agent://a")]);
    let run = resource(
        "Execution",
        "run",
        "planRef: {name: p}\nbindingRef: {name: team}\n",
    );
    let resources = [
        goal("g"),
        capability("make"),
        bindings,
        gate("ok", "p"),
        plan("p", &nodes),
        run,
    ];
    let ana = sandbox.team_with("ana", &resources);
    ana.run("reconcile").ok();
    ana.works("run/build", "agent:a");
    ana.run("approve ok --as ana@example.com -m fine --reconcile")
        .ok();
    let schema: Value = serde_json::from_str(&ana.run("schema status").ok().out).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let all = [
        "goal/g",
        "capability/make",
        "binding/team",
        "gate/ok",
        "plan/p",
        "execution/run",
    ];
    for name in all {
        let one = ana.get(name);
        let problems: Vec<String> = schema
            .iter_errors(&one)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, [] as [&str; 0], "{one}");
    }
    assert_eq!(
        ana.get("gate/ok")["status"]["resolution"]["outcome"],
        "approved"
    );
    ana.run("wait execution/run --for condition=Accepted --timeout 1s")
        .ok();
    ana.run("wait capability/make --for condition=Available --timeout 1s")
        .ok();
    let broken = json!({"kind": "Gate", "status": {"phase": "Approved", "resolution": {"outcome": "Approved", "timestamp": "2026-01-31T12:00:00Z"}}});
    assert!(!schema.is_valid(&broken));
}
