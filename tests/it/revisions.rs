//! `approvals.revisions`: whether a run of a document's revision waits for a person.

use crate::resources::execution;
use crate::sandbox::{Place, Sandbox, text};

/// A document of one step, at revision 1 or at a later one of some kind.
fn document(revision: u32, kind: &str, title: &str) -> String {
    let parent = match revision {
        1 => "null".to_owned(),
        later => format!("\"3f0d8c2b-1a29-4b38-9c47-5d6e7f80910{}\"", later - 1),
    };
    let history = match revision {
        1 => String::new(),
        later => format!(
            r#",
  "revision_history": [{{"revision": {later}, "change_type": "{kind}",
    "change_summary": "Another word", "created_at": "2026-02-11T09:00:00Z"}}]"#
        ),
    };
    format!(
        r#"{{
  "identity": {{"plan_id": "3f0d8c2b-1a29-4b38-9c47-5d6e7f80910{revision}", "session_id": "tidy", "revision": {revision},
    "parent_id": {parent}, "created_by": "ana", "created_at": "2026-02-10T09:00:00Z"}},
  "intent": {{"goal_statement": "Tidy the sources", "motivation": "They grew", "success_definition": "Short files"}},
  "scope": {{"in_scope": ["The sources"], "out_of_scope": ["The rest"]}},
  "approach": {{"overview": "One step", "rationale": "It is small", "steps": [
    {{"step_id": "tidy", "title": "{title}", "description": "Split what is long"}}]}},
  "success_criteria": [
    {{"criterion_id": "short", "description": "Short", "verification": "manual", "weight": "primary"}}],
  "delegation": {{"default_mode": "hybrid"}},
  "metadata": {{"schema_version": "1.2.0"}}{history}
}}"#
    )
}

fn started<'a>(sandbox: &'a Sandbox, config: &str) -> Place<'a> {
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", config)
        .write("planspec/tidy.planspec.json", document(1, "", "Tidy"))
        .publish("planspec/one.yaml", execution("one", "tidy"));
    solo.run("reconcile").ok();
    solo
}

#[test]
fn a_run_of_a_minor_revision_waits_for_a_person_and_one_of_a_patch_does_not() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "approvals: {revisions: human}\n");
    assert_eq!(
        text(&solo.node("one/approve-revision")["extensions"]["reason"]),
        "AwaitingApproval"
    );
    solo.run("claim one/tidy --as agent:a").exits(1);
    solo.run("describe plan tidy").ok().says("approve-revision");
    solo.run("graph tidy -o mermaid")
        .ok()
        .says("Approve revision 1");
    solo.run("describe gate tidy-approve-revision")
        .ok()
        .says("Waiting");
    solo.run("approve tidy-approve-revision --as agent:a")
        .exits(1);
    solo.run("approve tidy-approve-revision --reconcile").ok();
    assert_eq!(solo.node_phase("one/approve-revision"), "Succeeded");
    solo.works("one/tidy", "agent:a");

    solo.write(
        "planspec/tidy.planspec.json",
        document(2, "patch", "Tidy well"),
    )
    .publish("planspec/two.yaml", execution("two", "tidy"));
    solo.run("reconcile").ok();
    assert!(solo.get("execution/two")["status"]["nodeStatuses"]["approve-revision"].is_null());
    assert_eq!(solo.node_phase("two/tidy"), "Pending");
    // The earlier run continues as it began.
    assert_eq!(solo.node_phase("one/approve-revision"), "Succeeded");
    solo.run("describe execution one")
        .ok()
        .says("approve-revision");

    solo.write(
        "planspec/tidy.planspec.json",
        document(3, "minor", "Tidy best"),
    )
    .publish("planspec/three.yaml", execution("three", "tidy"));
    solo.run("reconcile").ok();
    assert_eq!(
        text(&solo.node("three/approve-revision")["extensions"]["reason"]),
        "AwaitingApproval"
    );
    solo.run("reconcile --full").ok();
    solo.run("audit").ok();
}

#[test]
fn by_itself_arrival_approves_and_the_configuration_says_otherwise_in_one_word() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "");
    assert_eq!(solo.node_phase("one/tidy"), "Pending");
    assert!(solo.get("execution/one")["status"]["nodeStatuses"]["approve-revision"].is_null());
    solo.git("checkout -q -b topic");
    solo.write(".planspec.yaml", "approvals: {revisions: human}\n")
        .commit("Ask");
    solo.run("review main...topic")
        .ok()
        .says("approvals.revisions")
        .says("for runs that have not started")
        .never_says("tidy.planspec.json");
    solo.run("validate --base main").ok();
    solo.git("checkout -q main");
    solo.write(".planspec.yaml", "approvals: {revisions: human}\n");
    solo.git("add .planspec.yaml");
    solo.run("validate --staged").ok().never_says("tidy");
    solo.write(".planspec.yaml", "approvals: {revisions: humans}\n");
    solo.run("validate").exits(1).says("did you mean `human`?");
}
