//! Questions: an actor asks a person, and continues with the answer.

use crate::approvals::{key, sign_with};
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, STATUS, Sandbox, text};

const ASK: &str = "ask run/one 'Which of the two keys signs?' --as agent:a";
const ANSWER: &str = "planspec answer run/one -n default 'YOUR ANSWER'";

/// A run of two tasks in a team, whose first one is claimed by an agent.
fn claimed(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    let nodes = [task("one"), task("two").after("one")];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana
}

#[test]
fn a_question_stands_everywhere_until_a_person_answers() {
    let sandbox = Sandbox::new();
    let ana = claimed(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    let asked = ana
        .run(&format!("{ASK} -o json"))
        .ok()
        .answer("AskedQuestion");
    assert_eq!(asked["already"], false);
    assert_eq!(asked["attempt"], 1);
    // One question is enough, whether or not it is taken in.
    let again = ana
        .run(&format!("{ASK} -o json"))
        .ok()
        .answer("AskedQuestion");
    assert_eq!(
        (&again["already"], &again["record"]),
        (&true.into(), &asked["record"])
    );
    ben.run("answer run/one 'The new one'")
        .exits(1)
        .notes("default/run/one has no open question")
        .notes("`planspec reconcile`, then answer");
    ben.run("reconcile")
        .ok()
        .says("an answer to agent:a: Which of the two keys signs?")
        .says(ANSWER);
    let again = ana
        .run(&format!("{ASK} -o json"))
        .ok()
        .answer("AskedQuestion");
    assert_eq!(again["already"], true);
    ana.git("fetch -q");
    assert_eq!(ana.phase("execution/run"), "Blocked");
    assert_eq!(
        text(&ana.node("run/one")["extensions"]["reason"]),
        "AwaitingAnswer"
    );
    let board = ana.git(&format!("show origin/{STATUS}:README.md"));
    assert!(
        board.contains("an answer to `agent:a`: Which of the two keys signs?"),
        "{board}"
    );
    ana.run("next")
        .ok()
        .notes("run/one waits for an answer to agent:a: Which of the two keys signs?");
    ana.run("describe execution run")
        .ok()
        .says("Questions")
        .says("not answered yet")
        .says(ANSWER);
    let description = ana
        .run("describe execution run -o json")
        .ok()
        .answer("Description");
    let next = text(&description["run"]["next"]);
    assert!(next.contains(ANSWER), "{next}");
    answered(&sandbox, &ana, &ben);
}

/// Asserts that the question is open, and answers it.
fn answered(sandbox: &Sandbox, ana: &Place<'_>, ben: &Place<'_>) {
    // Two days later the claim still holds.
    sandbox.minutes_pass(2880);
    ben.run("reconcile").ok();
    ben.run("claim run/one --as agent:b").exits(9);
    ben.run("answer run/one 'The new one' --as agent:b")
        .exits(1)
        .notes("only a person can answer, and agent:b is not one");
    let answered = ben
        .run("answer run/one 'The new one' --reconcile -o json")
        .ok()
        .answer("Answered");
    assert_eq!(text(&answered["askedBy"]), "agent:a");
    ben.run("answer run/one 'The old one'")
        .exits(1)
        .notes("has no open question");
    ana.git("fetch -q");
    assert_eq!(ana.node_phase("run/one"), "Running");
    ana.run("status --mine --as agent:a")
        .ok()
        .says("> The new one");
    let brief = ana.run("describe run/one -o json").ok().answer("Brief");
    assert_eq!(text(&brief["questions"][0]["answer"]), "The new one");
    ana.run("log execution/run")
        .ok()
        .says("question")
        .says("Which of the two keys signs?")
        .says("answer")
        .says("The new one");
    ana.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    ana.run("audit").ok();
    assert!(ana.unapplied("run").is_empty());
}

#[test]
fn of_several_questions_the_one_is_named_that_is_answered() {
    let sandbox = Sandbox::new();
    let ana = claimed(&sandbox);
    ana.run(ASK).ok();
    ana.run("ask run/one 'And which host?' --as agent:a --reconcile")
        .ok();
    let refused = ana
        .run("answer run/one 'db1'")
        .exits(2)
        .notes("2 open questions");
    let named = refused
        .err
        .lines()
        .find(|line| line.contains("And which host?"));
    let id = named.and_then(|line| line.split('(').next_back()?.split(')').next());
    let id = id.expect("the id of the question");
    ana.run(&format!("answer run/one 'db1' --question {id} --reconcile"))
        .ok();
    assert_eq!(
        text(&ana.node("run/one")["extensions"]["reason"]),
        "AwaitingAnswer"
    );
    ana.run("answer run/one 'x' --question ffffffff")
        .exits(1)
        .notes("no question of default/run/one has an id that starts with `ffffffff`");
    ana.run("answer run/one 'The new one' --reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Running");
}

#[test]
fn whoever_does_not_hold_the_node_asks_nothing() {
    let sandbox = Sandbox::new();
    let ana = claimed(&sandbox);
    ana.run("ask run/one 'May I?' --as agent:b")
        .exits(9)
        .notes("agent:a");
    ana.run("ask run/two 'May I?' --as agent:a").exits(1);
    ana.run("ask run/one ' ' --as agent:a")
        .exits(1)
        .notes("it says nothing");
    ana.run("ask run/none 'May I?' --as agent:a").exits(1);
    assert!(ana.git("for-each-ref refs/planspec/answers").is_empty());
}

#[test]
fn an_answer_is_signed_where_the_configuration_wants_that() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let line = format!("ana@example.com {}\n", key(&solo, "ana"));
    let nodes = [task("one")];
    solo.write(".planspec.yaml", "approvals: {requireSigned: [answers]}\n")
        .write(".planspec/allowed_signers", line)
        .publish(
            "planspec/all.yaml",
            file(&[plan("p", &nodes), execution("run", "p")]),
        );
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a --reconcile").ok();
    solo.run(&format!("{ASK} --reconcile")).ok();
    key(&solo, "eve");
    sign_with(&solo, "eve");
    solo.run("answer run/one 'Both' --as ana@example.com")
        .exits(1)
        .notes("UnknownKey");
    sign_with(&solo, "ana");
    solo.run("answer run/one 'The new one' --as ana@example.com --reconcile")
        .ok();
    let said = &solo.node("run/one")["extensions"]["questions"][0]["answer"];
    assert_eq!(text(&said["signed"]["principal"]), "ana@example.com");
    assert_eq!(solo.node_phase("run/one"), "Running");
}

/// A document about `src` with this policy for unexpected scope.
fn about_src(policy: &str) -> String {
    format!(
        r#"{{
  "identity": {{"plan_id": "4c0e9d1a-2b3c-4d5e-8f60-718293a4b5c6", "session_id": "tidy", "revision": 1,
    "parent_id": null, "created_by": "ana", "created_at": "2026-02-10T09:00:00Z"}},
  "intent": {{"goal_statement": "Tidy the sources", "motivation": "They grew", "success_definition": "Short files"}},
  "scope": {{"in_scope": ["path:src"], "out_of_scope": ["path:src/vendor/"]}},
  "approach": {{"overview": "One step", "rationale": "It is small", "steps": [
    {{"step_id": "tidy", "title": "Tidy", "description": "Split what is long"}}]}},
  "success_criteria": [
    {{"criterion_id": "short", "description": "Short", "verification": "manual", "weight": "primary"}}],
  "delegation": {{"default_mode": "hybrid", "escalation_policy": {{"on_unexpected_scope": "{policy}"}}}},
  "metadata": {{"schema_version": "1.2.0"}}
}}"#
    )
}

/// A run of the document, whose step agent:a reports with a commit that changes these files, in another clone than the
/// reconciling one.
fn reported<'a>(sandbox: &'a Sandbox, policy: &str, paths: &[&str]) -> Place<'a> {
    let ana = sandbox.team("ana");
    ana.publish("planspec/tidy.planspec.json", about_src(policy));
    ana.publish("planspec/run.yaml", execution("run", "tidy"));
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("claim run/tidy --as agent:a").ok();
    ben.git("checkout -q -b work");
    for path in paths {
        ben.write(path, "short\n");
    }
    ben.commit("Tidy");
    // Later commits on the spec branch do not count as work of this step.
    ana.publish("README.md", "Shop\n");
    ben.run("report run/tidy --as agent:a --succeeded --commit HEAD")
        .ok();
    ana.run("reconcile").ok();
    ana
}

#[test]
fn reported_work_outside_of_the_scope_waits_for_a_person() {
    let sandbox = Sandbox::new();
    let ana = reported(&sandbox, "pause", &["src/a.rs", "docs/a.md"]);
    assert_eq!(
        text(&ana.node("run/tidy")["extensions"]["reason"]),
        "OutOfScope"
    );
    ana.run("describe execution run")
        .ok()
        .says("changes docs/a.md, outside of the scope")
        .says("planspec answer run/tidy -n default 'YOUR ANSWER'")
        .says("planspec retry run/tidy -n default");
    ana.run("answer run/tidy 'Yes' --as agent:b")
        .exits(1)
        .notes("agent:b is not one");
    ana.run("answer run/tidy 'The docs belong to it' --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/tidy"), "Succeeded");
    ana.run("log execution/run")
        .ok()
        .says("The docs belong to it");
    // An audit gets the same result from the recorded answer, with and without the commit.
    ana.run("audit").ok();
    sandbox.clone_of("origin.git", "eve").run("audit").ok();
}

#[test]
fn work_inside_of_the_scope_needs_nobody_and_other_policies_are_kept() {
    let sandbox = Sandbox::new();
    let ana = reported(&sandbox, "pause", &["src/a.rs", "src/b/c.rs"]);
    assert_eq!(ana.node_phase("run/tidy"), "Succeeded");
    let sandbox = Sandbox::new();
    let ana = reported(&sandbox, "fail", &["src/vendor/a.rs"]);
    assert_eq!(
        text(&ana.node("run/tidy")["extensions"]["reason"]),
        "OutOfScope"
    );
    assert_eq!(ana.node_phase("run/tidy"), "Failed");
    let sandbox = Sandbox::new();
    let ana = reported(&sandbox, "notify", &["docs/a.md"]);
    assert_eq!(ana.node_phase("run/tidy"), "Succeeded");
    let message = text(&ana.node("run/tidy")["message"]);
    assert!(
        message.contains("docs/a.md, outside of the scope"),
        "{message}"
    );
}

#[test]
fn whoever_reported_outside_of_the_scope_names_another_commit() {
    let sandbox = Sandbox::new();
    let ana = reported(&sandbox, "pause", &["docs/a.md"]);
    let ben = sandbox.place("ben");
    ben.git("fetch -q");
    ben.git("checkout -q -b better main");
    ben.write("src/a.rs", "short\n")
        .commit("Tidy the sources alone");
    ben.run("report run/tidy --as agent:a --succeeded --commit HEAD --reconcile")
        .ok();
    ana.git("fetch -q");
    assert_eq!(ana.node_phase("run/tidy"), "Succeeded");
}
