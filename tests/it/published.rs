//! What the published format and its users expect: files of theirs, fields, words and flags.

use serde_json::json;

use crate::resources::{execution, file, plan, resource, task};
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
    let binding = resource("Binding", "here", spec);
    let run = resource(
        "Execution",
        "run",
        "planRef: {name: p}\nbindingRef: {name: here}\n",
    );
    let capability = crate::resources::capability("repository");
    let ana = sandbox.team("ana");
    ana.publish("CHANGES.md", "## Unreleased\n\nSee 1.2\n");
    ana.publish(
        "planspec/all.yaml",
        file(&[capability, binding, plan("p", &nodes), run]),
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
