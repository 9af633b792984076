//! A decision applies to one run, one node, and the tasks that would run after it.

use crate::resources::{
    Node, binding, capability, execution, execution_with, file, gate, gate_node, gate_with, plan,
    task,
};
use crate::sandbox::{Place, Sandbox, text};

const PEOPLE: &str = "\
approvals:
  users: {tech-lead: [ana@example.com, ana@home.example], boss: [carol@example.com]}
  teams: {security: [ana@example.com, ben@example.com, 'user:boss']}
";

fn guarded() -> Vec<Node> {
    vec![gate_node("ok", "sign"), task("go").after("ok")]
}

/// Several runs of a plan that wait at the gate, reconciled once.
fn waiting<'a>(sandbox: &'a Sandbox, gate: String, runs: &[&str]) -> Place<'a> {
    let solo = sandbox.repository("solo");
    let mut all = vec![plan("p", &guarded()), gate];
    all.extend(runs.iter().map(|run| execution(run, "p")));
    solo.write(".planspec.yaml", PEOPLE)
        .publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    solo
}

#[test]
fn an_approval_opens_the_gate() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "p"), &["run"]);
    assert_eq!(solo.phase("execution/run"), "Blocked");
    assert_eq!(solo.phase("gate/sign"), "Waiting");
    solo.run("claim run/go --as agent:a")
        .exits(1)
        .notes("waits for ok");
    solo.run("approve sign -m 'looks good' --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    let gate = solo.get("gate/sign");
    assert_eq!(gate["status"]["phase"], "Approved");
    assert_eq!(gate["status"]["resolution"]["actors"][0], "ana@example.com");
    assert_eq!(gate["status"]["resolution"]["comment"], "looks good");
    assert_eq!(gate["status"]["decidedGeneration"], 1);
    solo.works("run/go", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn a_rejection_fails_the_node_and_skips_what_stands_behind_it() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "p"), &["run"]);
    solo.run("reject run/ok -m 'not like this' --reconcile")
        .ok();
    assert_eq!(solo.phase("gate/sign"), "Rejected");
    assert_eq!(solo.node_phase("run/ok"), "Failed");
    assert_eq!(solo.node_phase("run/go"), "Skipped");
    assert_eq!(solo.phase("execution/run"), "Failed");
}

#[test]
fn an_approval_given_for_one_execution_does_nothing_for_another() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "p"), &["first", "second"]);
    solo.run("approve sign")
        .exits(2)
        .notes("--execution default/first");
    solo.run("approve sign --execution second --reconcile").ok();
    assert_eq!(solo.phase("execution/first"), "Blocked");
    assert_eq!(solo.node_phase("second/ok"), "Succeeded");
    assert_eq!(
        solo.phase("gate/sign"),
        "Waiting",
        "the oldest run that waits"
    );
    // A copy of the record on the other run's ref has no effect either.
    let uid = |run: &str| text(&solo.get(&format!("execution/{run}"))["metadata"]["uid"]);
    let inbox = format!("refs/planspec/reviews/default/sign/{}", uid("second"));
    let copied = solo.git(&format!("for-each-ref --format=%(refname) {inbox}"));
    let reviewer = copied.rsplit('/').next().unwrap();
    let to = format!(
        "refs/planspec/reviews/default/sign/{}/{reviewer}",
        uid("first")
    );
    solo.git(&format!("update-ref {to} {copied}"));
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/first"), "Blocked");
    assert_eq!(solo.unapplied("first"), ["OtherRun"]);
}

#[test]
fn an_approval_does_nothing_after_the_target_behind_the_gate_has_changed() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [
        gate_node("ok", "sign"),
        task("go").needs("deploying").after("ok"),
    ];
    let all = |provider: &str| {
        file(&[
            plan("p", &nodes),
            gate("sign", "p"),
            capability("deploying"),
            binding("team", &[(provider, "agent://deployer")]),
            execution_with("run", "p", "bindingRef: {name: team}\n"),
        ])
    };
    // At the time of the approval, `deploy` is not bound yet.
    solo.publish("planspec/all.yaml", all("something-else"));
    solo.run("reconcile").ok();
    solo.run("approve sign").ok();
    solo.publish("planspec/all.yaml", all("deploying"));
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Blocked");
    assert_eq!(
        text(&solo.node("run/ok")["extensions"]["reason"]),
        "AwaitingApproval"
    );
    solo.run("approve sign --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    assert_eq!(solo.run("next -o name").ok().out, "default/run/go\n");
}

#[test]
fn a_gate_that_was_approved_is_decided_again_when_what_stands_behind_it_has_changed() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [
        gate_node("ok", "sign"),
        task("go").needs("deploying").after("ok"),
    ];
    solo.write("planspec/capability.yaml", capability("deploying"));
    solo.write(
        "planspec/binding.yaml",
        binding("team", &[("other", "agent://a")]),
    );
    solo.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &nodes),
            gate("sign", "p"),
            execution_with("run", "p", "bindingRef: {name: team}\n"),
        ]),
    );
    solo.run("reconcile").ok();
    solo.run("approve sign --reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    solo.publish(
        "planspec/binding.yaml",
        binding("team", &[("deploying", "agent://b")]),
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Blocked");
    solo.run("next").ok().notes("nothing can be claimed now");
    let decision = solo.node("run/ok")["extensions"]["decision"].clone();
    let short = |digest: &serde_json::Value| text(digest)["sha256:".len()..][..10].to_owned();
    let (then, now) = (&decision["reviews"][0]["digest"], &decision["digest"]);
    let stale = format!(
        "stale: given for {}, what would run now is {}",
        short(then),
        short(now)
    );
    assert_ne!(then, now);
    solo.run("describe execution/run").ok().says(&stale);
}

#[test]
fn a_run_keeps_the_targets_that_were_approved_whatever_the_binding_says_later() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [
        gate_node("ok", "sign"),
        task("go").needs("deploying").after("ok"),
    ];
    solo.write("planspec/capability.yaml", capability("deploying"));
    solo.write(
        "planspec/binding.yaml",
        binding("team", &[("deploying", "agent://a")]),
    );
    let run = |name: &str| execution_with(name, "p", "bindingRef: {name: team}\n");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), gate("sign", "p"), run("run")]),
    );
    solo.run("reconcile").ok();
    solo.run("approve sign --reconcile").ok();
    solo.publish(
        "planspec/binding.yaml",
        binding("team", &[("deploying", "agent://evil")]),
    );
    solo.publish("planspec/next.yaml", run("next"));
    solo.run("reconcile").ok();
    assert_eq!(
        solo.run("next --provider agent://a -o name").ok().out,
        "default/run/go\n"
    );
    assert_eq!(
        solo.run("next --provider agent://evil -o name").ok().out,
        ""
    );
    assert_eq!(
        solo.phase("execution/next"),
        "Blocked",
        "a new run needs a new approval"
    );
}

#[test]
fn editing_the_plan_does_not_make_the_approval_of_a_pinned_run_stale() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "p"), &["run"]);
    solo.run("approve sign --reconcile").ok();
    solo.publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[gate_node("ok", "sign"), task("other").after("ok")]),
            gate("sign", "p"),
            execution("run", "p"),
        ]),
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
    assert_eq!(solo.run("next -o name").ok().out, "default/run/go\n");
}

#[test]
fn only_the_named_reviewers_decide() {
    let table = [
        ("user:tech-lead", "ana@example.com", true),
        ("user:tech-lead", "ana@home.example", true),
        ("user:tech-lead", "ben@example.com", false),
        ("team:security", "ben@example.com", true),
        ("team:security", "carol@example.com", true),
        ("team:security", "eve@example.com", false),
        ("team:unknown", "ana@example.com", false),
        ("ben@example.com", "ben@example.com", true),
        ("dave", "dave", true),
        ("dave", "eve", false),
    ];
    for (reviewer, actor, counts) in table {
        let sandbox = Sandbox::new();
        let gate = gate_with("sign", "p", &format!("reviewers: [\"{reviewer}\"]\n"));
        let solo = waiting(&sandbox, gate, &["run"]);
        let decided = solo.run(&format!("approve sign --as {actor} --reconcile"));
        let phase = if counts {
            decided.ok();
            "Succeeded"
        } else {
            decided.exits(1).notes("is not among the reviewers");
            "Blocked"
        };
        assert_eq!(solo.node_phase("run/ok"), phase, "{reviewer} {actor}");
    }
}

#[test]
fn approvers_are_counted_as_persons() {
    let sandbox = Sandbox::new();
    let gate = gate_with(
        "sign",
        "p",
        "reviewers: [\"team:security\", \"user:tech-lead\"]\nrequiredApprovers: 2\n",
    );
    let solo = waiting(&sandbox, gate, &["run"]);
    for same in [
        "ana@example.com",
        "ana@home.example",
        "user:tech-lead",
        "ana@example.com",
    ] {
        solo.run(&format!("approve sign --as {same} --reconcile"))
            .ok();
        assert_eq!(
            solo.phase("execution/run"),
            "Blocked",
            "{same} is ana again"
        );
    }
    solo.run("approve sign --as ben@example.com --reconcile")
        .ok();
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
}

#[test]
fn whoever_changes_their_mind_counts_with_the_newest_decision() {
    let sandbox = Sandbox::new();
    let gate = gate_with("sign", "p", "requiredApprovers: 2\n");
    let solo = waiting(&sandbox, gate, &["run"]);
    solo.run("approve sign --as ana --reconcile").ok();
    solo.run("reject sign --as ana --reconcile").ok();
    assert_eq!(solo.phase("gate/sign"), "Rejected");
    assert_eq!(solo.phase("execution/run"), "Failed");
}

#[test]
fn a_no_wins_over_a_yes_that_comes_in_with_it() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "p"), &["run"]);
    solo.run("approve sign --as ana").ok();
    solo.run("reject sign --as ben").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("gate/sign"), "Rejected");
}

#[test]
fn a_gate_cannot_be_approved_ahead() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("first"), gate_node("ok", "sign").after("first")];
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), gate("sign", "p"), execution("run", "p")]),
    );
    solo.run("approve sign")
        .exits(1)
        .notes("planspec reconcile");
    solo.run("reconcile").ok();
    solo.run("approve sign")
        .exits(1)
        .notes("cannot be approved in advance");
    solo.run("approve singe")
        .exits(1)
        .notes("did you mean `sign`?");
    solo.works("run/first", "agent:a");
    assert_eq!(solo.phase("gate/sign"), "Waiting");
}

#[test]
fn a_gate_may_only_be_used_for_its_target() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "another-plan"), &["run"]);
    assert_eq!(
        text(&solo.node("run/ok")["extensions"]["reason"]),
        "GateTargetMismatch"
    );
    solo.run("approve sign").exits(1);
}

#[test]
fn nobody_decides_for_a_run_that_is_over() {
    let sandbox = Sandbox::new();
    let solo = waiting(&sandbox, gate("sign", "p"), &["run"]);
    solo.run("cancel run --reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Cancelled");
    solo.run("approve sign")
        .exits(1)
        .notes("no run waits for a decision");
}

#[test]
fn who_may_approve_is_read_from_the_spec_branch_and_not_from_the_checkout() {
    let sandbox = Sandbox::new();
    let gate = gate_with("sign", "p", "reviewers: [\"team:security\"]\n");
    let solo = waiting(&sandbox, gate, &["run"]);
    solo.git("checkout -q -b sly");
    solo.publish(
        ".planspec.yaml",
        "approvals: {teams: {security: [eve@example.com]}}\n",
    );
    solo.run("approve sign --as eve@example.com --reconcile")
        .exits(1)
        .notes("is not among the reviewers");
    assert_eq!(solo.phase("execution/run"), "Blocked");
}

#[test]
fn reviewers_may_have_any_name() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(300);
    let names = [
        "Änne Müller <aenne@example.com>",
        "a/../b.lock",
        "Z://z",
        long.as_str(),
    ];
    let gate = gate_with("sign", "p", "requiredApprovers: 4\n");
    let solo = waiting(&sandbox, gate, &["run"]);
    for name in names {
        assert_eq!(solo.phase("execution/run"), "Blocked");
        solo.run(&format!("approve sign --as '{name}' --reconcile"))
            .ok();
    }
    assert_eq!(solo.node_phase("run/ok"), "Succeeded");
}
