//! `validate --fix`: what it changes in files, and what it reports.

use crate::resources::goal;
use crate::sandbox::Sandbox;

const WRITTEN: &str = "\
# The plan of the release.
apiVersion: planspec.io/v1alpha1
kind: plan
metadata: {name: release, namespace: shop}
spec:
  description: Ship it
  nodes:
    - id: build   # first
      kind: task
      timeout: 2 hours
    - id: ship
      kind: task
      needs: build
";

#[test]
fn one_look_says_what_is_hidden_as_well() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("planspec/release.yaml", WRITTEN);
    let mut found = solo.run("validate").exits(1);
    for said in [
        "the kind `plan` is not known",
        "did you mean `Plan`?",
        "it belongs in `spec.graph`",
        "did you mean `Task`?",
        "write `2h`",
        "did you mean `dependsOn`?",
        " --> planspec/release.yaml:13:7",
    ] {
        found = found.says(said);
    }
    let answer = solo.run("validate -o json").exits(1).answer("Findings");
    let kind = answer["findings"].as_array().unwrap().iter();
    let kind = kind.filter(|finding| finding["code"] == "PS108");
    let fixes: Vec<_> = kind.map(|finding| &finding["fix"]).collect();
    let edit =
        serde_json::json!({"line": 3, "column": 7, "endLine": 3, "endColumn": 11, "text": "Plan"});
    assert_eq!(
        fixes,
        [&serde_json::json!({"certain": true, "edits": [edit]})]
    );
    let sarif: serde_json::Value =
        serde_json::from_str(&solo.run("validate -o sarif").exits(1).out).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let inserted = results.iter().map(|result| {
        &result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"]
    });
    assert!(inserted.clone().any(|text| text == "Plan"), "{sarif}");
}

#[test]
fn what_is_certain_is_written_and_what_is_likely_where_that_is_wanted() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("planspec/release.yaml", WRITTEN);
    solo.run("validate --fix")
        .exits(1)
        .says("-kind: plan")
        .says("+kind: Plan")
        .says("did you mean `dependsOn`?")
        .notes("1 file: fixed");
    let half = solo.read("planspec/release.yaml");
    assert!(
        half.contains("  graph:\n    nodes:\n      - id: build   # first\n"),
        "{half}"
    );
    assert!(
        half.contains("timeout: 2h\n") && half.contains("needs: build"),
        "{half}"
    );
    solo.run("validate --fix --unsafe")
        .ok()
        .says("+        dependsOn: [build]");
    let right = WRITTEN
        .replace("kind: plan", "kind: Plan")
        .replace("kind: task", "kind: Task")
        .replace("2 hours", "2h")
        .replace("needs: build", "dependsOn: [build]");
    let (head, nodes) = right.split_once("  nodes:\n").unwrap();
    let nodes: String = nodes.lines().map(|line| format!("  {line}\n")).collect();
    assert_eq!(
        solo.read("planspec/release.yaml"),
        format!("{head}  graph:\n    nodes:\n{nodes}")
    );
    solo.run("validate --fix").ok().notes("0 files: fixed");
}

#[test]
fn only_what_is_named_is_written_and_nothing_through_a_link() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("planspec/release.yaml", WRITTEN).write(
        "planspec/other.yaml",
        WRITTEN.replace("name: release", "name: other"),
    );
    solo.run("validate --fix planspec/other.yaml").exits(1);
    assert_eq!(solo.read("planspec/release.yaml"), WRITTEN);
    let outside = sandbox.folder("outside");
    outside.write("draft.yaml", WRITTEN);
    std::os::unix::fs::symlink(outside.dir.join("draft.yaml"), solo.dir.join("draft.yaml"))
        .unwrap();
    solo.run("validate --fix draft.yaml")
        .exits(1)
        .notes("0 files: fixed");
    assert_eq!(outside.read("draft.yaml"), WRITTEN);
    solo.run("validate --fix --staged").exits(2);
    solo.run("validate --unsafe").exits(2);
}

/// The hook reports the same as `validate`: also errors hidden by others, and dangling references.
#[test]
fn the_hook_says_everything_at_once() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/goal.yaml", goal("there"));
    let written = "apiVersion: planspec.io/v1\nkind: plan\nmetadata: {name: Bake Bread, namespace: default}\nspec:\n  description: x\n  \
                   goalRef: not-there\n  steps:\n    - id: T001\n    - id: T002\n      depends_on: T003\n";
    solo.write("planspec/plan.yaml", written);
    solo.git("add planspec/plan.yaml");
    let staged = solo.run("validate --staged").exits(1);
    for line in [
        "plan.yaml:1:13",
        "plan.yaml:2:7",
        "plan.yaml:3:18",
        "plan.yaml:6:12",
        "plan.yaml:8:11",
        "plan.yaml:10:19",
    ] {
        assert!(staged.out.contains(line), "{line}: {staged}");
    }
    // References are checked in the fixed text, and the shown lines are those of the file.
    let said = solo.run("validate").exits(1);
    assert_eq!(staged.out, said.out);
    for text in [
        "goal `default/not-there` does not exist",
        "steps:",
        "`T003`",
    ] {
        assert!(staged.out.contains(text), "{text}: {staged}");
    }
}
