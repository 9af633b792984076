//! Tests of the features of plans: conditions, data, failures, groups, externals,
//! verification, retries.

use serde_json::json;

use crate::core::resource::{Kind, NodePhase};
use crate::core::run::permit::Objection;
use crate::core::run::record::{Action, ReportResult, Signature};
use crate::core::testing::{World, execution, gate, plan, plan_with, resource, task};

const ANA: &str = "agent:ana";
const BEN: &str = "agent:ben";

/// A run of a plan with these nodes.
fn run(nodes: &[&str]) -> World {
    run_with(nodes, "", &[])
}

/// A run with fields of the execution and further documents.
fn run_with(nodes: &[&str], fields: &str, others: &[String]) -> World {
    let mut documents = vec![plan("p", &nodes.join(", ")), execution("run", "p", fields)];
    documents.extend_from_slice(others);
    World::of(&documents)
}

/// Reports success with outputs.
fn bring(world: &mut World, node: &str, outputs: serde_json::Value) {
    world.claim(node, ANA);
    let attempt = world.node(node).attempt.max(1);
    world.report(node, attempt, ANA, ReportResult::Succeeded, outputs);
    world.reconcile();
}

fn fail(world: &mut World, node: &str) {
    world.claim(node, ANA);
    world.fail(node, ANA);
    world.reconcile();
}

// ---- what is no longer found

#[test]
fn what_left_the_configured_paths_goes_on() {
    let mut world = World::of(&[
        plan("p", "{id: a, kind: Task}"),
        plan("q", "{id: a, kind: Task}"),
    ]);
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.move_out("planspec/run.yaml", "plans/run.yaml");
    // The next commit no longer contains the move.
    for _ in 0..2 {
        world.reconcile();
        assert_eq!(world.stands("a"), "Pending Ready");
        assert_eq!(world.run().phase.to_string(), "Running");
        world.commit();
    }
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.claim("a", ANA);
    world.succeed("a", ANA);
    world.reconcile();
    assert_eq!(world.run().phase.to_string(), "Succeeded");
}

#[test]
fn where_nothing_is_left_a_run_goes_on_until_it_is_cancelled() {
    let mut world = run(&["{id: a, kind: Task}"]);
    world.reconcile();
    world.remove("planspec/all.yaml");
    world.reconcile();
    let notes = world.last.as_ref().map(|last| last.notes.clone());
    let notes = notes.unwrap_or_default();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("nothing is taken as deleted")),
        "{notes:?}"
    );
    assert_eq!(world.run().phase.to_string(), "Running");
    world.cancel("user:ana");
    world.reconcile();
    assert_eq!(world.run().phase.to_string(), "Cancelled");
    // If something is found, the rest is gone.
    world.write("planspec/q.yaml", &plan("q", "{id: a, kind: Task}"));
    world.reconcile();
    assert!(world.find(Kind::Plan, "p").is_none());
}

// ---- sessions

#[test]
fn of_two_workers_of_one_name_the_one_counts_who_claimed() {
    let mut world = run(&["{id: a, kind: Task}"]);
    let session = |world: &mut World, name: &str| world.session = Some(name.to_owned());
    session(&mut world, "one");
    world.claim("a", ANA);
    session(&mut world, "two");
    world.fail("a", ANA);
    world.release("a", ANA);
    world.renew("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
    let refused = ["report", "release", "renewal"].map(|what| format!("{what} OtherSession"));
    assert_eq!(world.unapplied(), refused);
    // An actor who names the claim acts for it; without a session, it is not checked.
    let claim = world.node("a").extensions.claim.map(|claim| claim.record);
    let named = |claim: Option<String>| Action::Renewal {
        node: "a".to_owned(),
        attempt: 1,
        lease: None,
        claim,
    };
    let told = |world: &World, claim| {
        let told = world.may(ANA, &named(claim));
        told.map_err(|refusal| (refusal.kind, refusal.reason))
    };
    assert_eq!(told(&world, claim), Ok(()));
    let other = Some("f".repeat(40));
    assert_eq!(told(&world, other), Err((Objection::Taken, "OtherClaim")));
    assert_eq!(told(&world, None), Err((Objection::Taken, "OtherSession")));
    world.session = None;
    assert_eq!(told(&world, None), Ok(()));
    session(&mut world, "one");
    world.succeed("a", ANA);
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn what_was_reported_is_spoken_for_like_its_claim_until_it_is_verified() {
    let checked =
        "{id: a, kind: Task, acceptanceCriteria: [{type: artifact_exists, name: t, path: x}]}";
    let mut world = run(&[checked]);
    let session = |world: &mut World, name: &str| world.session = Some(name.to_owned());
    session(&mut world, "one");
    world.claim("a", ANA);
    world.succeed_at("a", ANA, &"1".repeat(40));
    world.reconcile();
    let claim = world.node("a").extensions.report.and_then(|one| one.claim);
    assert!(claim.is_some());
    let release = |claim: Option<String>| Action::Release {
        node: "a".to_owned(),
        attempt: 1,
        claim,
        message: String::new(),
    };
    let told = |world: &World, claim| {
        let told = world.may(ANA, &release(claim));
        told.map_err(|refusal| refusal.reason)
    };
    session(&mut world, "two");
    assert_eq!(told(&world, None), Err("OtherSession"));
    assert_eq!(told(&world, Some("f".repeat(40))), Err("OtherClaim"));
    assert_eq!(told(&world, claim.clone()), Ok(()));
    world.succeed_at("a", ANA, &"2".repeat(40));
    world.release("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
    let refused = ["report OtherSession", "release OtherSession"];
    assert_eq!(world.unapplied(), refused);
    // Replacing the commit does not change the worker.
    session(&mut world, "one");
    world.succeed_at("a", ANA, &"3".repeat(40));
    world.reconcile();
    let report = world.node("a").extensions.report.expect("a report");
    assert_eq!((report.commit, report.claim), (Some("3".repeat(40)), claim));
    world.release("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
}

#[test]
fn nothing_of_a_task_without_criteria_waits_to_be_verified() {
    let optional = "{id: b, kind: Task, acceptanceCriteria: [{type: artifact_exists, name: t, \
        path: x, required: false}]}";
    let mut world = run(&["{id: a, kind: Task}", optional, "{id: c, kind: Task}"]);
    for id in ["a", "b"] {
        world.claim(id, ANA);
        world.succeed(id, ANA);
    }
    world.claim("c", ANA);
    world.reconcile();
    let told = |id: &str| {
        let report = world.node(id).extensions.report.expect("a report").record;
        let verification = Action::Verification {
            node: id.to_owned(),
            attempt: 1,
            report,
            commit: String::new(),
            instead: false,
            results: Vec::new(),
        };
        let told = world.may(BEN, &verification);
        told.expect_err("no results").reason
    };
    assert_eq!(told("a"), "NotAwaited");
    // Inputs for people may contain this.
    assert_ne!(told("b"), "NotAwaited");
}

#[test]
fn who_reports_after_the_end_of_the_lease_has_the_next_attempt() {
    let mut world = run(&["{id: a, kind: Task}", "{id: b, kind: Task, dependsOn: [a]}"]);
    world.claim("a", ANA);
    world.reconcile();
    assert!(
        !world.adopt("a", ReportResult::Succeeded),
        "the lease goes on"
    );
    world.wait("31m");
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
    assert!(world.adopt("a", ReportResult::Succeeded));
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Reported");
    assert_eq!(world.node("a").attempt, 2);
    assert_eq!(world.node("a").extensions.lapsed, None);
    assert_eq!(world.unapplied(), [""; 0]);
    // The predecessors are repeated, so the node has no former holder.
    world.claim("b", BEN);
    world.reconcile();
    world.wait("31m");
    world.reconcile();
    assert!(world.node("b").extensions.lapsed.is_some());
    world.retry_again("user:ana", "a");
    world.reconcile();
    assert_eq!(world.stands("b"), "Pending Waiting");
    assert!(!world.adopt("b", ReportResult::Succeeded));
}

#[test]
fn what_waits_to_be_verified_is_not_stuck_when_its_commit_is_lost() {
    let checked =
        "{id: a, kind: Task, acceptanceCriteria: [{type: artifact_exists, name: t, path: x}]}";
    let begun = || {
        let mut world = run(&[checked, "{id: b, kind: Task, dependsOn: [a]}"]);
        world.claim("a", ANA);
        world.succeed_at("a", ANA, &"1".repeat(40));
        world.reconcile();
        assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
        world
    };
    let commit = |world: &World| {
        let report = world.node("a").extensions.report;
        report.and_then(|report| report.commit).unwrap_or_default()
    };
    // Only the reporter can replace the commit.
    let mut world = begun();
    world.succeed_at("a", BEN, &"2".repeat(40));
    world.fail("a", ANA);
    world.succeed("a", ANA);
    world.succeed_at("a", ANA, &"3".repeat(40));
    world.reconcile();
    let refused = ["WrongActor", "Reported", "Reported"].map(|why| format!("report {why}"));
    assert_eq!(world.unapplied(), refused);
    assert_eq!(commit(&world), "3".repeat(40));
    world.verify("a", BEN, &[("t", true)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Verified");
    // It is released.
    let mut world = begun();
    world.release("a", BEN);
    world.release("a", ANA);
    world.reconcile();
    assert_eq!(world.unapplied(), ["release WrongActor"]);
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(commit(&world), "");
    // It is repeated.
    let mut world = begun();
    world.retry("user:ana", Some("a"), false);
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.node("a").attempt, 2);
    // A merged commit is accepted instead, if the criteria hold there.
    let mut world = begun();
    let merged = "4".repeat(40);
    world.verify_at("a", BEN, Some(&merged), &[("t", false)]);
    world.reconcile();
    assert_eq!(world.unapplied(), ["verification OtherVerdict"]);
    // Whoever reports it, it must be on the spec branch.
    world.verify_at("a", BEN, Some(&merged), &[("t", true)]);
    world.reconcile();
    assert_eq!(
        world.unapplied(),
        ["verification OtherVerdict", "verification NotMerged"]
    );
    let asked = world.last.as_ref().map(|last| last.answers.merged.clone());
    assert_eq!(asked.unwrap_or_default().get(&merged), Some(&false));
    world.merged.insert(merged.clone());
    assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
    world.verify_at("a", BEN, Some(&merged), &[("t", true)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Verified");
    assert_eq!(commit(&world), merged);
}

#[test]
fn what_is_bound_to_one_is_not_done_by_another_where_that_is_wanted() {
    let bound = |provider: &str| {
        let rule = format!(
            "{{selector: {{planRef: {{name: p}}, nodeId: a}}, target: {{provider: '{provider}'}}}}"
        );
        let binding = resource("Binding", "b", &format!("rules: [{rule}]"));
        run_with(
            &["{id: a, kind: Task}"],
            "bindingRef: {name: b}",
            &[binding],
        )
    };
    let table = [
        ("agent://coder", "agent:coder", true),
        ("agent://coder", "agent://coder", true),
        ("agent://coder", "agent:reviewer", false),
        ("agent://coder", "service:coder", false),
        ("agent://coder", "ana", false),
        ("human://ana", "ana", true),
        ("human://ana", "user:ana", true),
        ("human://ana", "ben", false),
        ("human://", "ben", true),
        ("tool://make", "ci", true),
        ("somebody", "somebody", true),
    ];
    for (provider, actor, may) in table {
        for strict in [true, false] {
            let mut world = bound(provider);
            if strict {
                world.configure("workers: strict");
                world.reconcile();
            }
            world.claim("a", actor);
            world.reconcile();
            let what = format!("{actor} for {provider}, strict: {strict}");
            let expected = if may || !strict {
                "Running Claimed"
            } else {
                "Pending Ready"
            };
            assert_eq!(world.stands("a"), expected, "{what}");
            if expected == "Pending Ready" {
                // The ref of the attempt locks nothing.
                assert_eq!(world.unapplied(), ["claim NotBound"], "{what}");
                assert_eq!(world.node("a").attempt, 2, "{what}");
            }
        }
    }
}

// ---- conditions

#[test]
fn a_false_condition_skips_the_node_and_lets_dependents_go_on() {
    let nodes = [
        "{id: a, kind: Task}",
        "{id: b, kind: Task, dependsOn: [a], when: 'nodes.a.outputs.go'}",
        "{id: c, kind: Task, dependsOn: [b]}",
        "{id: d, kind: Task, dependsOn: [b, c]}",
    ];
    for (go, expected) in [
        (false, "a Succeeded, b Skipped, c Pending, d Pending"),
        (true, "a Succeeded, b Pending, c Pending, d Pending"),
    ] {
        let mut world = run(&nodes);
        assert_eq!(world.stands("b"), "Pending Waiting");
        bring(&mut world, "a", json!({"go": go}));
        assert_eq!(world.nodes(), expected);
        if !go {
            assert_eq!(world.stands("b"), "Skipped ConditionFalse");
            assert_eq!(world.stands("c"), "Pending Ready");
            world.complete("c");
            world.complete("d");
            assert_eq!(world.phase(), "Succeeded Succeeded");
        }
    }
}

#[test]
fn conditions_see_phases_parameters_and_the_pinned_goal() {
    let goal = |priority: u32| {
        resource(
            "Goal",
            "g",
            &format!("description: d, priority: {priority}"),
        )
    };
    let documents = |priority: u32| {
        [
            plan(
                "p",
                "{id: a, kind: Task, when: 'goal.priority > 5'}, \
                 {id: b, kind: Task, when: \"parameters.env == 'prod'\"}, \
                 {id: c, kind: Task, dependsOn: [a], when: \"nodes.a.phase == 'Succeeded'\"}",
            ),
            goal(priority),
            execution("run", "p", "goalRef: {name: g}, parameters: {env: prod}"),
        ]
    };
    let mut world = World::of(&documents(7));
    assert_eq!(world.nodes(), "a Pending, b Pending, c Pending");
    // The goal is pinned at the start of the run.
    world.write("planspec/all.yaml", &documents(1).concat());
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
    world.complete("a");
    assert_eq!(world.stands("c"), "Pending Ready");

    let world = World::of(&documents(1));
    assert_eq!(world.nodes(), "a Skipped, b Pending, c Skipped");
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_the_node_with_its_message() {
    let world = run(&[
        "{id: a, kind: Task, when: 'parameters.missing'}",
        "{id: b, kind: Task, dependsOn: [a]}",
    ]);
    assert_eq!(world.stands("a"), "Failed ConditionFailed");
    let message = world.node("a").message;
    assert!(message.contains("No such key: missing"), "{message}");
    assert_eq!(world.stands("b"), "Skipped DependencyFailed");
    assert_eq!(world.phase(), "Failed NodeFailed");
}

#[test]
fn behind_a_soft_edge_a_condition_sees_the_failure() {
    let nodes = "{id: a, kind: Task}, {id: undo, kind: Task, when: \"nodes.a.phase == 'Failed'\"}";
    let edges = "{from: a, to: undo, type: soft}";
    let start = || World::of(&[plan_with("p", "", nodes, edges), execution("run", "p", "")]);
    let mut world = start();
    fail(&mut world, "a");
    assert_eq!(world.stands("undo"), "Pending Ready");
    world.complete("undo");
    assert_eq!(world.phase(), "Failed NodeFailed");
    let mut world = start();
    world.complete("a");
    assert_eq!(world.stands("undo"), "Skipped ConditionFalse");
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn gates_have_conditions_too() {
    let nodes = [
        "{id: ok, kind: Gate, gateRef: {name: g}, when: 'parameters.prod'}",
        "{id: b, kind: Task, dependsOn: [ok]}",
    ];
    let gates = [gate("g", "p", "")];
    let world = run_with(&nodes, "parameters: {prod: false}", &gates);
    assert_eq!(world.nodes(), "b Pending, ok Skipped");
    let world = run_with(&nodes, "parameters: {prod: true}", &gates);
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
}

// ---- nodes with `always`

const CLEANUP: [&str; 4] = [
    "{id: up, kind: Task}",
    "{id: test, kind: Task, dependsOn: [up]}",
    "{id: down, kind: Task, dependsOn: [test], x-planspec: {always: true}}",
    "{id: tell, kind: Task, dependsOn: [down]}",
];

#[test]
fn what_runs_whatever_happens_runs_after_a_failure_and_does_not_hide_it() {
    let mut world = run(&CLEANUP);
    world.complete("up");
    assert_eq!(world.stands("down"), "Pending Waiting");
    fail(&mut world, "test");
    assert_eq!(world.stands("down"), "Pending Ready");
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    fail(&mut world, "down");
    assert_eq!(world.stands("tell"), "Skipped DependencyFailed");
    assert_eq!(world.phase(), "Failed NodeFailed");
    assert_eq!(world.run().message, "test, down failed");
    // After a retry, it is repeated.
    world.retry("ana@example.com", Some("test"), false);
    world.reconcile();
    world.complete("test");
    world.complete("down");
    world.complete("tell");
    assert_eq!(world.phase(), "Succeeded Succeeded");

    // A skipped predecessor does not hold it back either.
    let mut world = run(&CLEANUP);
    fail(&mut world, "up");
    assert_eq!(world.stands("test"), "Skipped DependencyFailed");
    world.complete("down");
    world.complete("tell");
    assert_eq!(world.phase(), "Failed NodeFailed");
    assert_eq!(world.run().message, "up failed");
}

#[test]
fn what_runs_whatever_happens_runs_when_the_run_is_cancelled() {
    let mut world = run(&CLEANUP);
    world.complete("up");
    world.claim("test", ANA);
    world.reconcile();
    world.cancel("ana@example.com");
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "down Pending, tell Cancelled, test Cancelled, up Succeeded"
    );
    assert_eq!(world.phase(), "Running CleaningUp");
    let message = "cancelled by ana@example.com; then down can be claimed";
    assert_eq!(world.run().message, message);
    // Nothing else is opened any more.
    world.retry("ben@example.com", None, false);
    world.succeed("test", ANA);
    world.reconcile();
    assert_eq!(world.unapplied(), ["report NodeOver", "retry RunCancelled"]);
    world.claim("down", ANA);
    world.wait("10m");
    world.reconcile();
    assert_eq!(world.phase(), "Running CleaningUp");
    world.fail("down", ANA);
    world.reconcile();
    assert_eq!(world.phase(), "Cancelled Cancelled");
    assert_eq!(world.stands("down"), "Failed Reported");
}

#[test]
fn cleaning_up_ends_when_the_file_of_the_run_goes() {
    let mut world = World::empty();
    world.write("planspec/plan.yaml", &plan("p", &CLEANUP.join(", ")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.cancel("ana@example.com");
    world.reconcile();
    assert_eq!(world.stands("down"), "Pending Ready");
    assert_eq!(world.phase(), "Running CleaningUp");
    world.remove("planspec/run.yaml");
    world.reconcile();
    assert_eq!(world.stands("down"), "Cancelled Cancelled");
    assert_eq!(world.phase(), "Cancelled Cancelled");
}

#[test]
fn what_runs_whatever_happens_runs_when_a_run_fails_fast() {
    let mut nodes = CLEANUP.to_vec();
    nodes.push("{id: other, kind: Task}");
    let mut world = run_with(&nodes, "parameters: {failFast: true}", &[]);
    world.claim("other", BEN);
    fail(&mut world, "up");
    assert_eq!(
        world.nodes(),
        "down Pending, other Cancelled, tell Cancelled, test Skipped, up Failed"
    );
    assert_eq!(world.stands("down"), "Pending Ready");
    world.complete("down");
    assert_eq!(world.phase(), "Failed NodeFailed");
    assert_eq!(world.run().message, "up failed");
}

#[test]
fn what_runs_whatever_happens_runs_when_its_group_or_its_goal_times_out() {
    let nodes = [
        "{id: all, kind: Group, children: [test, down], timeout: 20m}",
        "{id: test, kind: Task}",
        "{id: down, kind: Task, dependsOn: [test], x-planspec: {always: true}}",
        "{id: after, kind: Task, dependsOn: [all]}",
    ];
    let goal = resource("Goal", "g", "description: d, timeout: 10m");
    let mut world = run_with(&nodes, "goalRef: {name: g}", &[goal]);
    world.claim("test", ANA);
    world.reconcile();
    world.wait("11m");
    world.reconcile();
    assert_eq!(world.goal("g").phase.to_string(), "Failed");
    assert_eq!(world.phase(), "Running Working");
    world.wait("10m");
    world.reconcile();
    assert_eq!(world.stands("test"), "Cancelled GroupTimedOut");
    assert_eq!(world.stands("down"), "Pending Ready");
    assert_eq!(world.stands("all"), "Running TimedOut");
    let fired = |world: &World| world.last.as_ref().expect("a reconcile").fired;
    assert!(fired(&world).is_some());
    // Its turn came once.
    world.claim("down", ANA);
    world.reconcile();
    assert_eq!(fired(&world), None);
    world.succeed("down", ANA);
    world.reconcile();
    assert_eq!(world.stands("all"), "Failed TimedOut");
    assert_eq!(world.stands("after"), "Skipped DependencyFailed");
    assert_eq!(world.phase(), "Failed NodeFailed");
}

/// Three tasks, two of which touch the same paths.
const OVERLAPPING: [&str; 3] = [
    "{id: a, kind: Task, x-planspec: {touches: ['src/auth/**']}}",
    "{id: b, kind: Task, x-planspec: {touches: [docs, 'src/*/mod.rs']}}",
    "{id: c, kind: Task, x-planspec: {touches: ['tests/**']}}",
];

#[test]
fn what_touches_the_same_paths_is_not_held_at_once() {
    let mut world = run(&OVERLAPPING);
    world.claim("a", ANA);
    world.claim("b", BEN);
    world.claim("c", BEN);
    world.reconcile();
    // Of two competing claims, the one whose ref sorts first counts.
    assert_eq!(world.nodes(), "a Running, b Pending, c Running");
    assert_eq!(world.unapplied(), ["claim Overlaps"]);
    let why = &world.run().extensions.unapplied[0].message;
    assert_eq!(
        why,
        "`b` touches `src/*/mod.rs`, and so does `a` (`src/auth/**`), which agent:ana holds"
    );
    // The ref of the attempt locks nothing, and records of the loser are not read.
    assert_eq!(world.node("b").attempt, 2);
    world.renew("b", BEN);
    world.claim("b", BEN);
    world.reconcile();
    assert_eq!(world.node("b").attempt, 3);
    // It can be claimed when the other one is over, and vice versa.
    world.succeed("a", ANA);
    world.claim("b", BEN);
    world.reconcile();
    assert_eq!(world.nodes(), "a Succeeded, b Running, c Running");
    let mut world = run(&OVERLAPPING);
    world.claim("b", BEN);
    world.reconcile();
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.nodes(), "a Pending, b Running, c Pending");
}

#[test]
fn what_was_done_before_is_said_so_and_accepted_as_anything_else() {
    let nodes = [
        "{id: a, kind: Task}",
        "{id: b, kind: Task, dependsOn: [a], acceptanceCriteria: [{type: test_passes, name: t, command: t}]}",
        "{id: ok, kind: Gate, gateRef: {name: g}, dependsOn: [b]}",
        "{id: c, kind: Task, dependsOn: [ok]}",
    ];
    let mut world = run_with(&nodes, "", &[gate("g", "p", "")]);
    // Too early: it has no effect, and the attempt is open anyway.
    world.done_before("c", ANA);
    world.done_before("a", ANA);
    world.reconcile();
    assert_eq!(world.unapplied(), ["claim NotOpen", "report NotOpen"]);
    let done = world.node("a");
    assert_eq!(done.message, "done before, reported by agent:ana");
    assert!(
        done.extensions
            .report
            .is_some_and(|report| report.done_before)
    );
    world.done_before("b", ANA);
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "a Succeeded, b Blocked, c Pending, ok Pending"
    );
    // Its commit can be replaced until it is verified, and it stays done before the run.
    world.succeed_at("b", ANA, &"b".repeat(40));
    world.reconcile();
    let report = world.node("b").extensions.report.expect("a report");
    assert!(report.done_before && report.commit.is_some());
    world.verify("b", BEN, &[("t", false)]);
    world.reconcile();
    assert_eq!(world.stands("b").split(' ').next(), Some("Failed"));
    // A retried node is done in the run.
    world.retry("user:op", None, false);
    world.reconcile();
    world.complete("b");
    world.reconcile();
    let report = world.node("b").extensions.report.expect("a report");
    assert!(!report.done_before);
}

#[test]
fn who_has_done_it_already_gets_in_nobodys_way() {
    let mut world = run(&OVERLAPPING);
    world.claim("b", "agent:coder");
    world.reconcile();
    world.wait("31m");
    world.reconcile();
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.node("b").attempt, 2);
    assert!(world.adopt("b", ReportResult::Succeeded));
    world.reconcile();
    assert_eq!(world.nodes(), "a Running, b Succeeded, c Pending");
}

#[test]
fn a_gate_right_before_it_and_a_condition_hold_back_what_runs_whatever_happens() {
    let nodes = [
        "{id: ok, kind: Gate, gateRef: {name: g}}",
        "{id: work, kind: Task, dependsOn: [ok]}",
        "{id: wipe, kind: Task, dependsOn: [ok], x-planspec: {always: true}}",
        "{id: tidy, kind: Task, dependsOn: [work], x-planspec: {always: true}}",
        "{id: undo, kind: Task, dependsOn: [work], x-planspec: {always: true}, \
          when: \"nodes.work.phase == 'Failed'\"}",
    ];
    let gates = [gate("g", "p", "")];
    let mut world = run_with(&nodes, "", &gates);
    assert_eq!(world.stands("tidy"), "Pending Waiting");
    world.reject("ok", "user:ana");
    world.reconcile();
    assert_eq!(world.stands("wipe"), "Skipped DependencyFailed");
    assert_eq!(world.stands("undo"), "Skipped ConditionFalse");
    assert_eq!(world.stands("tidy"), "Pending Ready");
    let mut world = run_with(&nodes, "", &gates);
    world.cancel("ana@example.com");
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "ok Cancelled, tidy Pending, undo Skipped, wipe Skipped, work Cancelled"
    );
    world.complete("tidy");
    assert_eq!(world.phase(), "Cancelled Cancelled");
    // A group that is not needed needs no cleanup.
    let world = run(&[
        "{id: all, kind: Group, children: [down], when: 'false'}",
        "{id: down, kind: Task, x-planspec: {always: true}}",
    ]);
    assert_eq!(world.stands("down"), "Skipped ConditionFalse");
}

// ---- data

#[test]
fn what_whichever_branch_brought_is_handed_on() {
    let nodes = [
        "{id: ask, kind: Task}",
        "{id: fast, kind: Task, dependsOn: [ask], when: nodes.ask.outputs.fast, outputs: [{name: n}]}",
        "{id: slow, kind: Task, dependsOn: [ask], when: '!nodes.ask.outputs.fast', outputs: [{name: n}]}",
        "{id: use, kind: Task, dependsOn: [fast, slow], inputs: {\
          n: '${nodes.fast.outputs.n:-${nodes.slow.outputs.n}}', \
          region: '${parameters.region:-eu-1}', seats: '${parameters.seats:-5}'}}",
    ];
    for (fast, branch) in [(true, "fast"), (false, "slow")] {
        let mut world = run(&nodes);
        bring(&mut world, "ask", json!({"fast": fast}));
        bring(&mut world, branch, json!({"n": [branch]}));
        assert_eq!(world.stands("use"), "Pending Ready");
        let given = world.node("use").extensions.inputs.expect("inputs");
        let expected = json!({"n": [branch], "region": "eu-1", "seats": 5});
        assert_eq!(serde_json::Value::Object(given), expected);
    }
}

#[test]
fn inputs_are_handed_on_as_values() {
    let mut world = run_with(
        &[
            "{id: a, kind: Task, outputs: [{name: files}, {name: n}]}",
            "{id: b, kind: Task, dependsOn: [a], inputs: {files: '${nodes.a.outputs.files}', \
             text: 'n=${nodes.a.outputs.n} in ${parameters.env}', plain: 1}}",
        ],
        "parameters: {env: prod}",
        &[],
    );
    bring(&mut world, "a", json!({"files": ["x", "y"], "n": 3}));
    assert_eq!(world.stands("b"), "Pending Ready");
    let inputs = world
        .node("b")
        .extensions
        .inputs
        .map(serde_json::Value::Object);
    let expected = json!({"files": ["x", "y"], "text": "n=3 in prod", "plain": 1});
    assert_eq!(inputs, Some(expected));
    assert_eq!(world.node("a").extensions.inputs, None, "as the plan says");
}

#[test]
fn what_is_not_there_fails_the_node() {
    let world = run(&["{id: a, kind: Task, inputs: {x: '${parameters.none}'}}"]);
    assert_eq!(world.stands("a"), "Failed InputsInvalid");
    assert_eq!(
        world.node("a").message,
        "input `x`: the execution has no parameter `none`"
    );
}

#[test]
fn capabilities_say_what_goes_in_and_out() {
    let capability = resource(
        "Capability",
        "cap",
        "description: d, inputs: [{name: n, type: number}, {name: m, type: string, default: fast}], \
         outputs: [{name: ok, type: boolean}]",
    );
    let binding = resource(
        "Binding",
        "bind",
        "rules: [{selector: {capabilityRef: {name: cap}}, target: {provider: 'agent://x'}}]",
    );
    let start = |n: &str| {
        run_with(
            &["{id: a, kind: Task, capabilityRefs: [{name: cap}], inputs: {n: '${parameters.n}'}}"],
            &format!("bindingRef: {{name: bind}}, parameters: {{n: {n}}}"),
            &[capability.clone(), binding.clone()],
        )
    };
    let world = start("many");
    assert_eq!(world.stands("a"), "Failed InputsInvalid");
    let mut world = start("3");
    let inputs = world
        .node("a")
        .extensions
        .inputs
        .map(serde_json::Value::Object);
    assert_eq!(inputs, Some(json!({"n": 3, "m": "fast"})));
    bring(&mut world, "a", json!({"ok": "yes"}));
    assert_eq!(world.stands("a"), "Running Claimed");
    assert_eq!(world.unapplied(), ["report OutputsInvalid"]);
    world.report("a", 1, ANA, ReportResult::Succeeded, json!({"ok": true}));
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn outputs_are_bounded() {
    let mut world = run(&["{id: a, kind: Task}"]);
    bring(&mut world, "a", json!({"x": "y".repeat(64 * 1024)}));
    assert_eq!(world.unapplied(), ["report OutputsTooLarge"]);
    assert_eq!(world.stands("a"), "Running Claimed");
}

// ---- failure

#[test]
fn fail_fast_stops_everything_when_one_node_failed_for_good() {
    let nodes = [
        "{id: a, kind: Task}",
        "{id: b, kind: Task}",
        "{id: c, kind: Task, dependsOn: [b]}",
        "{id: ok, kind: Gate, gateRef: {name: g}}",
    ];
    let gates = [gate("g", "p", "")];
    let mut world = run_with(&nodes, "parameters: {failFast: true}", &gates);
    world.claim("b", BEN);
    world.reconcile();
    fail(&mut world, "a");
    assert_eq!(
        world.nodes(),
        "a Failed, b Cancelled, c Cancelled, ok Cancelled"
    );
    assert_eq!(world.stands("b"), "Cancelled FailFast");
    assert_eq!(world.phase(), "Failed NodeFailed");
    // Nodes that were cancelled because of it are retried too.
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(world.nodes(), "a Pending, b Pending, c Pending, ok Blocked");
    assert_eq!(world.node("b").attempt, 2, "the claim of the first is over");

    let mut world = run_with(&nodes, "parameters: {failFast: false}", &gates);
    fail(&mut world, "a");
    assert_eq!(world.nodes(), "a Failed, b Pending, c Pending, ok Blocked");
}

// ---- retry

#[test]
fn a_retry_opens_what_failed_and_what_was_skipped_for_it() {
    let mut world = run(&[
        "{id: a, kind: Task}",
        "{id: b, kind: Task, dependsOn: [a]}",
        "{id: c, kind: Task, dependsOn: [b]}",
        "{id: d, kind: Task}",
    ]);
    world.complete("d");
    fail(&mut world, "a");
    assert_eq!(world.phase(), "Failed NodeFailed");
    let ended = world.run().completion_time;
    assert!(ended.is_some());
    let tree = world.tree.as_ref().expect("a status");
    assert!(!tree.pinned.is_empty(), "it may be opened again");

    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    assert_eq!(
        world.nodes(),
        "a Pending, b Pending, c Pending, d Succeeded"
    );
    let run = world.run();
    assert_eq!(run.completion_time, None);
    assert_eq!(run.extensions.run_attempt, 1);
    assert_eq!(run.extensions.retried_by[0].actor, BEN);
    let a = world.node("a");
    assert_eq!((a.attempt, a.extensions.failures), (2, 0));
    for node in ["a", "b", "c"] {
        world.complete(node);
    }
    assert_eq!(world.phase(), "Succeeded Succeeded");
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(world.unapplied(), ["retry RunOver"]);
}

#[test]
fn one_node_can_be_tried_again() {
    let nodes = [
        "{id: a, kind: Task}",
        "{id: b, kind: Task}",
        "{id: after-a, kind: Task, dependsOn: [a]}",
        "{id: after-b, kind: Task, dependsOn: [b]}",
    ];
    let mut world = run(&nodes);
    fail(&mut world, "a");
    fail(&mut world, "b");
    world.retry(BEN, Some("b"), false);
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "a Failed, after-a Skipped, after-b Pending, b Pending"
    );
    let table = [
        ("nobody", "retry UnknownNode"),
        ("b", "retry NotFailed"),
        ("after-a", "retry NotFailed"),
    ];
    for (node, expected) in table {
        world.retry(BEN, Some(node), false);
        world.reconcile();
        assert_eq!(world.unapplied().last().map(String::as_str), Some(expected));
    }
}

/// A migration, its rollback, and a notification: decided on how the migration ended.
fn migration() -> World {
    let nodes = "{id: migrate, kind: Task}, \
                 {id: restore, kind: Task, when: 'nodes.migrate.phase == \"Failed\"'}, \
                 {id: reindex, kind: Task, when: 'nodes.migrate.phase == \"Succeeded\"'}, \
                 {id: mail, kind: Task, dependsOn: [reindex]}, \
                 {id: seen, kind: Gate, gateRef: {name: g}, dependsOn: [restore]}, \
                 {id: lint, kind: Task}";
    let edges =
        "{from: migrate, to: restore, type: soft}, {from: migrate, to: reindex, type: soft}";
    let mut world = World::of(&[
        plan_with("p", "", nodes, edges),
        gate("g", "p", ""),
        execution("run", "p", ""),
    ]);
    world.complete("lint");
    fail(&mut world, "migrate");
    world.complete("restore");
    world.complete("mail");
    world.approve("seen", "ana");
    world.reconcile();
    assert_eq!(world.phase(), "Failed NodeFailed");
    world
}

#[test]
fn a_retry_opens_what_was_decided_on_how_a_node_ended() {
    let mut world = migration();
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "lint Succeeded, mail Pending, migrate Pending, reindex Pending, restore Pending, \
         seen Pending"
    );
    // It fails again: rollback and notification are repeated.
    fail(&mut world, "migrate");
    assert_eq!(world.stands("restore"), "Pending Ready");
    assert_eq!(world.node("restore").attempt, 2);
    world.complete("restore");
    assert_eq!(world.stands("seen"), "Blocked AwaitingApproval");
    world.approve("seen", "ana");
    world.complete("mail");
    assert_eq!(world.phase(), "Failed NodeFailed");
    // It succeeds: the skipped node runs before its successors.
    world.retry(BEN, Some("migrate"), false);
    world.reconcile();
    world.complete("migrate");
    assert_eq!(world.stands("restore"), "Skipped ConditionFalse");
    assert_eq!(world.stands("mail"), "Pending Waiting");
    world.complete("reindex");
    world.complete("mail");
    world.approve("seen", "ana");
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn who_is_at_work_on_a_failure_is_not_overtaken_by_the_next_attempt() {
    let nodes = "{id: a, kind: Task}, {id: undo, kind: Task}, {id: checked, kind: Task, \
                 acceptanceCriteria: [{type: test_passes, name: t, command: t}]}, \
                 {id: ok, kind: Gate, gateRef: {name: g}}, {id: other, kind: Task}";
    let edges = ["undo", "checked", "ok"].map(|to| format!("{{from: a, to: {to}, type: soft}}"));
    let mut world = World::of(&[
        plan_with("p", "", nodes, &edges.join(", ")),
        gate("g", "p", "requiredApprovers: 2"),
        execution("run", "p", ""),
    ]);
    fail(&mut world, "a");
    world.claim("undo", BEN);
    world.claim("checked", BEN);
    world.claim("other", BEN);
    world.approve("ok", "ana");
    world.reconcile();
    world.succeed("checked", BEN);
    world.reconcile();
    assert_eq!(world.stands("checked"), "Blocked AwaitingVerification");
    // Somebody rolls back the failure: the next attempt waits for that.
    for node in [Some("a"), None] {
        world.retry(ANA, node, false);
        world.reconcile();
    }
    assert_eq!(world.unapplied(), ["retry AtWork", "retry AtWork"]);
    assert_eq!(world.stands("undo"), "Running Claimed");
    assert_eq!(world.stands("a"), "Failed Reported");
    world.succeed("undo", BEN);
    world.reconcile();
    // Finished and waiting nodes are opened again; other workers are not affected.
    world.retry(ANA, Some("a"), false);
    world.reconcile();
    assert_eq!(world.stands("other"), "Running Claimed");
    for node in ["undo", "checked", "ok"] {
        assert_eq!(world.stands(node), "Pending Waiting", "{node}");
    }
    world.complete("a");
    assert_eq!(world.node("undo").attempt, 2);
    assert_eq!(world.node("checked").attempt, 2);
    // Ana's approval was based on the failure.
    world.approve("ok", "ben");
    world.reconcile();
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    world.approve("ok", "ana");
    world.reconcile();
    assert_eq!(world.stands("ok"), "Succeeded Approved");
    // If requested, the nodes after it are stopped.
    world.claim("undo", BEN);
    world.reconcile();
    world.retry_again(ANA, "a");
    world.reconcile();
    assert_eq!(world.stands("undo"), "Pending Waiting");
    world.report("undo", 2, BEN, ReportResult::Succeeded, json!({}));
    world.reconcile();
    assert_eq!(world.unapplied().last().unwrap(), "report OldAttempt");
    let again: Vec<bool> = world
        .run()
        .extensions
        .retried_by
        .iter()
        .map(|by| by.again)
        .collect();
    assert_eq!(again, [false, true]);
}

// ---- another revision of the plan

/// Changes the plan, and continues the run with it.
fn go_on(world: &mut World, nodes: &[&str], others: &[String]) {
    let mut documents = vec![plan("p", &nodes.join(", ")), execution("run", "p", "")];
    documents.extend_from_slice(others);
    world.write("planspec/all.yaml", &documents.concat());
    world.reconcile();
    world.go_on_with_plan("ana@example.com");
    world.reconcile();
}

#[test]
fn a_run_goes_on_with_a_corrected_plan_and_keeps_what_is_the_same() {
    let before = [
        "{id: a, kind: Task}",
        "{id: b, kind: Task, dependsOn: [a], outputs: [{name: n}]}",
        "{id: c, kind: Task, dependsOn: [b], inputs: {n: '${nodes.b.outputs.n}'}}",
        "{id: side, kind: Task}",
        "{id: gone, kind: Task}",
    ];
    let after = [
        "{id: a, kind: Task}",
        "{id: b, kind: Task, dependsOn: [a], outputs: [{name: n}]}",
        "{id: c, kind: Task, dependsOn: [b], description: mended, inputs: {n: '${nodes.b.outputs.n}'}}",
        "{id: d, kind: Task, dependsOn: [c]}",
        "{id: side, kind: Task}",
    ];
    let mut world = run(&before);
    world.complete("a");
    bring(&mut world, "b", json!({"n": 7}));
    world.claim("side", BEN);
    fail(&mut world, "c");
    let uid = world.run_ref().uid;
    let pinned = |world: &World| world.run().extensions.pinned.clone().unwrap();
    let first = pinned(&world);
    let results = |world: &World| {
        let results = ["a", "b"].map(|node| world.node(node));
        results.map(|node| (node.attempt, node.outputs, node.extensions.report))
    };
    let before = results(&world);
    go_on(&mut world, &after, &[]);
    assert_eq!(
        world.nodes(),
        "a Succeeded, b Succeeded, c Pending, d Pending, side Running"
    );
    // Adopted work keeps its record.
    assert_eq!(results(&world), before);
    assert_eq!(world.unapplied(), [""; 0]);
    assert_eq!(world.run_ref().uid, uid);
    assert_ne!(pinned(&world).plan.digest, first.plan.digest);
    assert_eq!(pinned(&world).execution, first.execution);
    assert_eq!(world.says(Kind::Execution, "run", "PlanDrifted"), "-");
    // The worker of an unchanged node continues, and the next node gets the earlier results.
    world.succeed("side", BEN);
    world.reconcile();
    assert_eq!(world.stands("side"), "Succeeded Reported");
    assert_eq!(world.node("c").attempt, 2);
    assert_eq!(world.node("c").extensions.inputs.unwrap()["n"], 7);
    world.complete("c");
    world.complete("d");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    let by = world.run().extensions.retried_by.clone();
    assert_eq!(by[0].plan.as_ref().unwrap().commit, pinned(&world).commit);
}

#[test]
fn what_is_behind_a_change_is_done_again() {
    let nodes = |a: &str, edge: &str| {
        [
            format!("{{id: a, kind: Task{a}}}"),
            "{id: b, kind: Task, dependsOn: [a]}".to_owned(),
            "{id: c, kind: Task}".to_owned(),
            format!("{{id: d, kind: Task{edge}}}"),
            "{id: end, kind: Task, dependsOn: [b, c, d]}".to_owned(),
        ]
    };
    let run_of = |nodes: &[String]| {
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        run(&nodes)
    };
    let done = || {
        let mut world = run_of(&nodes("", ""));
        for node in ["a", "b", "c", "d"] {
            world.complete(node);
        }
        world
    };
    let go_on_with = |world: &mut World, nodes: &[String]| {
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        go_on(world, &nodes, &[]);
        world.nodes()
    };
    let mut world = done();
    assert_eq!(
        go_on_with(&mut world, &nodes(", timeout: 1h", "")),
        "a Pending, b Pending, c Succeeded, d Succeeded, end Pending"
    );
    assert_eq!(world.stands("b"), "Pending Waiting");
    // A new node before a finished one, and an edge from an open node to a finished one.
    let mut world = done();
    let mut with_new = nodes("", ", dependsOn: [new]").to_vec();
    with_new.push("{id: new, kind: Task}".to_owned());
    assert_eq!(
        go_on_with(&mut world, &with_new),
        "a Succeeded, b Succeeded, c Succeeded, d Pending, end Pending, new Pending"
    );
    let mut world = run_of(&nodes("", ""));
    for node in ["c", "d"] {
        world.complete(node);
    }
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(
        go_on_with(&mut world, &nodes("", ", dependsOn: [a]")),
        "a Running, b Pending, c Succeeded, d Pending, end Pending"
    );
    // The worker of a changed node has lost the attempt.
    go_on_with(&mut world, &nodes(", timeout: 1h", ", dependsOn: [a]"));
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.node("a").attempt, 2);
    world.succeed("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
}

#[test]
fn gates_before_what_is_unfinished_are_asked_again_by_another_plan() {
    let nodes = |last: &str| {
        [
            "{id: first, kind: Gate, gateRef: {name: g}}".to_owned(),
            "{id: a, kind: Task, dependsOn: [first]}".to_owned(),
            "{id: second, kind: Gate, gateRef: {name: g}}".to_owned(),
            format!("{{id: b, kind: Task, dependsOn: [second]{last}}}"),
        ]
    };
    let gates = [gate("g", "p", "")];
    let text = nodes("");
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    let mut world = run_with(&text, "", &gates);
    world.approve("first", "ana");
    world.approve("second", "ana");
    world.reconcile();
    world.complete("a");
    let text = nodes(", description: mended");
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    go_on(&mut world, &text, &gates);
    assert_eq!(world.stands("first"), "Succeeded Approved");
    assert_eq!(world.stands("a"), "Succeeded Reported");
    assert_eq!(world.stands("second"), "Blocked AwaitingApproval");
    let message = world.node("second").message;
    assert!(
        message.ends_with("the plan has changed, earlier approvals do not count"),
        "{message}"
    );
    assert_eq!(world.stands("b"), "Pending Waiting");
    world.approve("second", "ana");
    world.reconcile();
    world.complete("b");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    // A changed gate is decided again, with all nodes after it.
    let mut world = run_with(&text, "", &gates);
    world.approve("first", "ana");
    world.reconcile();
    world.complete("a");
    go_on(&mut world, &text, &[gate("g", "p", "requiredApprovers: 2")]);
    assert_eq!(world.stands("first"), "Blocked AwaitingApproval");
    assert_eq!(world.stands("a"), "Pending Waiting");
}

/// A capability with a default for an input, and its provider.
fn with_default(default: &str) -> [String; 2] {
    [
        resource(
            "Capability",
            "cap",
            &format!("description: d, inputs: [{{name: m, type: string, default: {default}}}]"),
        ),
        resource(
            "Binding",
            "bind",
            "rules: [{selector: {capabilityRef: {name: cap}}, target: {provider: 'agent://x'}}]",
        ),
    ]
}

#[test]
fn a_default_that_has_changed_is_a_changed_input() {
    let uses = "capabilityRefs: [{name: cap}]";
    let before = [
        format!("{{id: done, kind: Task, {uses}}}"),
        format!("{{id: held, kind: Task, {uses}}}"),
        format!("{{id: offered, kind: Task, {uses}}}"),
        format!("{{id: own, kind: Task, {uses}, inputs: {{m: mine}}}}"),
        "{id: behind, kind: Task, dependsOn: [done]}".to_owned(),
        format!("{{id: later, kind: Task, {uses}, dependsOn: [behind]}}"),
        "{id: other, kind: Task}".to_owned(),
    ];
    let text: Vec<&str> = before.iter().map(String::as_str).collect();
    let spec = "bindingRef: {name: bind}";
    let mut world = run_with(&text, spec, &with_default("fast"));
    for node in ["done", "own", "behind", "other"] {
        world.complete(node);
    }
    world.claim("held", BEN);
    world.reconcile();
    let go_on = |world: &mut World, default: &str| {
        let mut documents = vec![plan("p", &text.join(", ")), execution("run", "p", spec)];
        documents.extend(with_default(default));
        world.write("planspec/all.yaml", &documents.concat());
        world.reconcile();
        world.go_on_with_plan("ana@example.com");
        world.reconcile();
    };
    // Without changes there is nothing to continue with.
    go_on(&mut world, "fast");
    assert_eq!(world.unapplied(), ["retry PlanUnchanged"]);
    go_on(&mut world, "slow");
    assert_eq!(world.unapplied(), ["retry PlanUnchanged"]);
    assert_eq!(
        world.nodes(),
        "behind Pending, done Pending, held Pending, later Pending, offered Pending, other Succeeded, own Succeeded"
    );
    for node in ["done", "held", "offered"] {
        assert_eq!(world.stands(node), "Pending Ready");
        let inputs = world.node(node).extensions.inputs;
        assert_eq!(inputs.expect("inputs")["m"], "slow", "{node}");
    }
    // The worker learns that the attempt was stopped, and by whom.
    let stopped = world.node("held").extensions.stopped.expect("stopped");
    assert_eq!(stopped.by, "ana@example.com");
    world.report("held", 1, BEN, ReportResult::Succeeded, json!({}));
    world.reconcile();
    assert_eq!(world.unapplied().last().unwrap(), "report OldAttempt");
    // A node that waits to be repeated has no inputs yet, so a second request finds no change.
    go_on(&mut world, "slow");
    assert_eq!(world.unapplied().last().unwrap(), "retry PlanUnchanged");
    for node in ["done", "held", "offered", "behind", "later"] {
        world.complete(node);
    }
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn what_waits_for_a_worker_is_given_what_another_plan_says() {
    let nodes = |x: u32| {
        [
            "{id: a, kind: Task, outputs: [{name: n}]}".to_owned(),
            format!(
                "{{id: b, kind: Task, dependsOn: [a], inputs: {{n: '${{nodes.a.outputs.n}}', x: {x}}}}}"
            ),
        ]
    };
    let (before, after) = (nodes(1), nodes(2));
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let after: Vec<&str> = after.iter().map(String::as_str).collect();
    let mut world = run(&before);
    bring(&mut world, "a", json!({"n": 7}));
    assert_eq!(world.stands("b"), "Pending Ready");
    go_on(&mut world, &after, &[]);
    assert_eq!(world.stands("b"), "Pending Ready");
    let inputs = world
        .node("b")
        .extensions
        .inputs
        .map(serde_json::Value::Object);
    assert_eq!(inputs, Some(json!({"n": 7, "x": 2})));
}

#[test]
fn who_is_at_work_on_what_another_plan_changes_or_does_not_have_is_stopped() {
    let mut world = run(&[
        "{id: a, kind: Task}",
        "{id: b, kind: Task}",
        "{id: c, kind: Task}",
    ]);
    for node in ["a", "b", "c"] {
        world.claim(node, BEN);
    }
    world.reconcile();
    go_on(
        &mut world,
        &["{id: a, kind: Task}", "{id: b, kind: Task, timeout: 1h}"],
        &[],
    );
    assert_eq!(world.nodes(), "a Running, b Pending");
    let stopped = world.node("b").extensions.stopped.expect("stopped");
    assert_eq!(stopped.by, "ana@example.com");
    assert_eq!(world.node("a").extensions.stopped, None);
    for node in ["b", "c"] {
        world.report(node, 1, BEN, ReportResult::Succeeded, json!({}));
    }
    world.reconcile();
    let mut told = world.unapplied();
    told.sort_unstable();
    assert_eq!(told, ["report OldAttempt", "report UnknownNode"]);
    // Once somebody holds it, that is over.
    world.claim("b", ANA);
    world.reconcile();
    assert_eq!(world.node("b").extensions.stopped, None);
}

#[test]
fn a_run_goes_on_only_with_what_the_spec_branch_holds_and_can_be_run() {
    let mut world = run(&["{id: a, kind: Task}"]);
    let refused = |world: &mut World, plan: Option<crate::core::resource::PlanRevision>| {
        let retry = crate::core::run::record::RequestKind::Retry;
        world.ask(retry, "ana@example.com", None, (false, false), plan);
        world.reconcile();
        world.unapplied().last().cloned().unwrap_or_default()
    };
    let now = world.plan_now();
    assert_eq!(refused(&mut world, now.clone()), "retry PlanUnchanged");
    let other = now.clone().map(|plan| crate::core::resource::PlanRevision {
        digest: "sha256:0".to_owned(),
        ..plan
    });
    assert_eq!(refused(&mut world, other), "retry OtherRevision");
    let write = |world: &mut World, nodes: &str, run: &str| {
        let documents = plan("p", nodes) + &execution("run", "p", run);
        world.write("planspec/all.yaml", &documents);
        world.reconcile();
        world.plan_now()
    };
    let broken = write(&mut world, "{id: a, kind: Task, dependsOn: [b]}", "");
    assert_eq!(refused(&mut world, broken), "retry PlanInvalid");
    let mutated = write(
        &mut world,
        "{id: a, kind: Task, description: new}",
        "parameters: {x: 1}",
    );
    assert_eq!(refused(&mut world, mutated), "retry SpecMutated");
    let fine = write(&mut world, "{id: a, kind: Task, description: new}", "");
    let retry = crate::core::run::record::RequestKind::Retry;
    world.ask(
        retry,
        "ana@example.com",
        Some("a"),
        (false, false),
        fine.clone(),
    );
    world.reconcile();
    assert_eq!(world.unapplied().last().unwrap(), "retry WholeRun");
    world.ask(retry, "ana@example.com", None, (false, false), fine.clone());
    world.reconcile();
    assert_eq!(world.unapplied().len(), 5);
    world.complete("a");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    let late = write(&mut world, "{id: a, kind: Task, description: late}", "");
    assert_eq!(refused(&mut world, late), "retry RunOver");
}

#[test]
fn what_has_succeeded_is_done_once_more_on_purpose() {
    let mut world = run_with(
        &[
            "{id: dump, kind: Task}",
            "{id: load, kind: Task, dependsOn: [dump]}",
            "{id: both, kind: Group, children: [dump, load]}",
            "{id: ok, kind: Gate, gateRef: {name: g}, dependsOn: [both]}",
            "{id: use, kind: Task, dependsOn: [ok]}",
            "{id: other, kind: Task}",
        ],
        "",
        &[gate("g", "p", "")],
    );
    for node in ["dump", "load", "other"] {
        world.complete(node);
    }
    world.approve("ok", "ana");
    world.reconcile();
    assert_eq!(world.stands("use"), "Pending Ready");
    world.retry(BEN, Some("dump"), false);
    world.reconcile();
    assert_eq!(world.unapplied(), ["retry NotFailed"]);
    world.retry_again(BEN, "dump");
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "both Pending, dump Pending, load Pending, ok Pending, other Succeeded, use Pending"
    );
    assert_eq!(world.node("dump").attempt, 2);
    world.retry_again(BEN, "load");
    world.reconcile();
    assert_eq!(world.unapplied().last().unwrap(), "retry NotFailed");
    world.complete("dump");
    world.complete("load");
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval", "asked anew");
    // A group with all its children.
    world.retry_again(BEN, "both");
    world.reconcile();
    assert_eq!(world.stands("load"), "Pending Waiting");
    world.complete("dump");
    world.complete("load");
    world.approve("ok", "ana");
    world.reconcile();
    world.complete("use");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    world.retry_again(BEN, "dump");
    world.reconcile();
    assert_eq!(world.unapplied().last().unwrap(), "retry RunOver");
}

#[test]
fn what_was_said_about_another_status_does_not_count_and_locks_nothing() {
    let mut world = World::of(&[plan("p", &task("a", "")), execution("run", "p", "")]);
    world.reconcile();
    world.is_foreign = true;
    world.claim("a", ANA);
    world.cancel(ANA);
    world.reconcile();
    assert_eq!(
        world.unapplied(),
        ["claim OtherStatus", "cancel OtherStatus"]
    );
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.node("a").attempt, 2, "the ref of the first is taken");
    world.is_foreign = false;
    world.claim("a", ANA);
    world.reconcile();
    world.is_foreign = true;
    world.succeed("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
    world.is_foreign = false;
    world.succeed("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Reported");
}

#[test]
fn what_must_be_signed_is_not_believed_and_the_worker_goes_on_in_the_next_attempt() {
    let mut world = World::empty();
    world.configure("approvals: {requireSigned: [reports, requests]}\n");
    let nodes = [
        task("a", ""),
        "{id: e, kind: External, externalRef: {type: uri, uri: 'https://x'}}".to_owned(),
    ];
    let resources = [plan("p", &nodes.join(", ")), execution("run", "p", "")];
    world.write("planspec/all.yaml", &resources.concat());
    world.reconcile();
    world.reconcile();
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(
        world.stands("a"),
        "Running Claimed",
        "a claim decides nothing"
    );
    world.signature = Signature::Bad("Unsigned", "it is not signed".to_owned());
    world.succeed("a", ANA);
    world.succeed("e", BEN);
    world.cancel(BEN);
    world.reconcile();
    assert_eq!(
        world.unapplied(),
        ["report Unsigned", "report Unsigned", "cancel Unsigned"]
    );
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.node("a").attempt, 2);
    assert_eq!(world.node("e").attempt, 2);
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    world.signature = Signature::Unchecked;
    world.signs = true;
    assert!(world.adopt("a", ReportResult::Succeeded));
    world.succeed("e", BEN);
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
    let report = world.node("a").extensions.report.expect("a report");
    assert_eq!(report.signed.expect("a key").key, format!("K-{ANA}"));
    assert_eq!(report.timestamp, Some(world.now));
}

#[test]
fn a_retry_of_what_has_not_failed_is_refused() {
    let mut world = run(&["{id: a, kind: Task}"]);
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(world.unapplied(), ["retry NothingFailed"]);
    world.cancel(BEN);
    world.reconcile();
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(
        world.unapplied().last().map(String::as_str),
        Some("retry RunOver")
    );
    assert_eq!(world.phase(), "Cancelled Cancelled");
}

#[test]
fn late_reports_do_not_come_back_with_a_retry() {
    let mut world = run(&["{id: a, kind: Task}"]);
    fail(&mut world, "a");
    world.report("a", 1, ANA, ReportResult::Succeeded, json!({}));
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(world.unapplied(), ["report RunOver"]);
    assert_eq!(world.stands("a"), "Pending Ready");
}

#[test]
fn a_rejected_gate_that_is_tried_again_wants_a_new_decision() {
    let mut world = run_with(
        &["{id: ok, kind: Gate, gateRef: {name: g}}"],
        "",
        &[gate("g", "p", "")],
    );
    world.reject("ok", "ana");
    world.reconcile();
    assert_eq!(world.phase(), "Failed NodeFailed");
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    assert_eq!(
        world
            .node("ok")
            .extensions
            .decision
            .map(|d| d.reviews.len()),
        Some(1),
        "the old decision is kept"
    );
    world.approve("ok", "ana");
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn a_rebind_resolves_unfinished_targets_again_and_reopens_gates_before_them() {
    let capability = resource("Capability", "cap", "description: d");
    let binding = |provider: &str| {
        resource(
            "Binding",
            "bind",
            &format!(
                "rules: [{{selector: {{capabilityRef: {{name: cap}}}}, target: {{provider: {provider}}}}}]"
            ),
        )
    };
    let wants = "capabilityRefs: [{name: cap}]";
    let documents = |provider: &str| {
        [
            plan(
                "p",
                &format!(
                    "{{id: a, kind: Task, {wants}}}, {{id: ok, kind: Gate, gateRef: {{name: g}}}}, \
                     {{id: b, kind: Task, {wants}, dependsOn: [ok]}}"
                ),
            ),
            capability.clone(),
            binding(provider),
            gate("g", "p", ""),
            execution("run", "p", "bindingRef: {name: bind}"),
        ]
        .concat()
    };
    let provider = |world: &World, node: &str| {
        let target = world.node(node).extensions.target;
        target
            .and_then(|target| target.provider)
            .unwrap_or_default()
    };
    let mut world = World::empty();
    world.write("planspec/all.yaml", &documents("agent:old"));
    world.reconcile();
    world.approve("ok", "rex");
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("ok"), "Succeeded Approved");
    // A changed binding does not affect an open run.
    world.write("planspec/all.yaml", &documents("agent:new"));
    world.reconcile();
    assert_eq!(provider(&world, "b"), "agent:old");
    world.retry(BEN, None, true);
    world.reconcile();
    assert_eq!(provider(&world, "a"), "agent:old", "somebody is at work");
    assert_eq!(provider(&world, "b"), "agent:new");
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    assert_eq!(world.run().extensions.run_attempt, 0);
    world.approve("ok", "rex");
    world.reconcile();
    assert_eq!(world.stands("b"), "Pending Ready");
    // Neither does a removed one.
    world.write(
        "planspec/all.yaml",
        &documents("agent:new").replace(&binding("agent:new"), ""),
    );
    world.reconcile();
    assert_eq!(provider(&world, "b"), "agent:new");
}

/// A plan with changed bindings for `d` and `e`: a gate, a running node after it, a node that has not begun after
/// another gate, and a failed node beside them.
fn rebound_beside_gates() -> World {
    let documents = |provider: &str| {
        let rule = |node: &str, provider: &str| {
            format!(
                "{{selector: {{planRef: {{name: p}}, nodeId: {node}}}, target: {{provider: 'agent://{provider}'}}}}"
            )
        };
        let rules = ["a", "c", "later"].map(|node| rule(node, "coder"));
        let moved = ["d", "e", "c"].map(|node| rule(node, provider));
        // A running node keeps its target, whatever the binding says now.
        let rules = [moved.join(", "), rules.join(", ")].join(", ");
        let nodes = "{id: a, kind: Task}, \
                     {id: g, kind: Gate, gateRef: {name: one}, dependsOn: [a]}, \
                     {id: c, kind: Task, dependsOn: [g]}, \
                     {id: same, kind: Gate, gateRef: {name: one}}, \
                     {id: later, kind: Task, dependsOn: [same, c]}, \
                     {id: h, kind: Gate, gateRef: {name: one}}, \
                     {id: e, kind: Task, dependsOn: [h]}, \
                     {id: d, kind: Task}";
        [
            plan("p", nodes),
            gate("one", "p", ""),
            resource("Binding", "bind", &format!("rules: [{rules}]")),
            execution("run", "p", "bindingRef: {name: bind}"),
        ]
        .concat()
    };
    let mut world = World::empty();
    world.write("planspec/all.yaml", &documents("coder"));
    world.reconcile();
    for gate in ["same", "h"] {
        world.approve(gate, "rex");
    }
    world.complete("a");
    world.approve("g", "rex");
    world.claim("d", ANA);
    world.reconcile();
    world.report("d", 1, ANA, ReportResult::Failed, json!({}));
    world.claim("c", ANA);
    world.reconcile();
    world.write("planspec/all.yaml", &documents("other"));
    world.reconcile();
    world
}

#[test]
fn a_rebind_leaves_a_gate_alone_whose_followers_have_begun_or_stay_with_the_same() {
    let mut world = rebound_beside_gates();
    assert_eq!(world.stands("d").split(' ').next(), Some("Failed"));
    world.retry(BEN, Some("d"), true);
    world.reconcile();
    assert_eq!(world.stands("g"), "Succeeded Approved", "`c` has begun");
    assert_eq!(world.node("c").phase, NodePhase::Running);
    assert_eq!(
        world.stands("same"),
        "Succeeded Approved",
        "`later` is bound to the same"
    );
    assert_eq!(
        world.stands("h"),
        "Blocked AwaitingApproval",
        "`e` is bound to somebody else"
    );
    assert_eq!(world.stands("d"), "Pending Ready");
    // A second time there is nothing left to bind.
    world.retry(BEN, None, true);
    world.reconcile();
    assert_eq!(world.stands("g"), "Succeeded Approved");
    let unapplied = &world.run().extensions.unapplied;
    let reasons: Vec<&str> = unapplied.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["NothingToBind"]);
}

/// A gate, after it a finished node, and a node whose command has changed in the binding.
fn bound_again() -> World {
    let binding = |command: &str| {
        let rule = |node: &str, command: &str| {
            format!(
                "{{selector: {{planRef: {{name: p}}, nodeId: {node}}}, \
                 target: {{provider: 'tool://x', config: {{command: [{command}]}}}}}}"
            )
        };
        let rules = [rule("stage", "stage"), rule("release", command)].join(", ");
        resource("Binding", "bind", &format!("rules: [{rules}]"))
    };
    let documents = |command: &str| {
        let nodes = "{id: ok, kind: Gate, gateRef: {name: g}}, \
                     {id: stage, kind: Task, dependsOn: [ok]}, \
                     {id: staged, kind: Group, children: [stage]}, \
                     {id: release, kind: Task}, \
                     {id: tidy, kind: Task, dependsOn: [release]}";
        let edges = "{from: staged, to: release}";
        let run = execution("run", "p", "bindingRef: {name: bind}");
        [
            plan_with("p", "", nodes, edges),
            gate("g", "p", ""),
            binding(command),
            run,
        ]
        .concat()
    };
    let mut world = World::empty();
    world.write("planspec/all.yaml", &documents("old"));
    world.reconcile();
    world.approve("ok", "ana");
    world.reconcile();
    world.complete("stage");
    assert_eq!(world.stands("release"), "Pending Ready");
    world.write("planspec/all.yaml", &documents("new"));
    world.retry(BEN, None, true);
    world.claim("release", ANA);
    world.reconcile();
    world
}

#[test]
fn nothing_passes_a_gate_that_waits_again() {
    // The claim came first, and continues as approved.
    let mut world = bound_again();
    assert_eq!(world.stands("release"), "Running Claimed");
    world.release("release", ANA);
    world.retry(BEN, None, true);
    world.reconcile();
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    assert_eq!(world.stands("stage"), "Succeeded Reported");
    assert_eq!(world.stands("release"), "Pending Waiting");
    assert_eq!(world.node("release").message, "waits for ok");
    world.claim("release", ANA);
    world.reconcile();
    assert_eq!(world.unapplied().last().unwrap(), "claim NotReady");
    world.approve("ok", "ana");
    world.reconcile();
    assert_eq!(world.stands("release"), "Pending Ready");
    assert_eq!(world.stands("stage"), "Succeeded Reported", "done already");

    let mut world = bound_again();
    world.release("release", ANA);
    world.retry(BEN, None, true);
    world.reconcile();
    world.reject("ok", "ana");
    world.reconcile();
    assert_eq!(world.stands("release"), "Skipped DependencyFailed");
    assert_eq!(world.node("release").message, "ok failed");
    assert_eq!(world.stands("tidy"), "Skipped DependencyFailed");
    assert_eq!(world.phase(), "Failed NodeFailed");
}

// ---- groups

#[test]
fn a_group_stands_where_its_children_stand() {
    let nodes = [
        "{id: g, kind: Group, children: [a, b]}",
        "{id: a, kind: Task}",
        "{id: b, kind: Task, when: 'parameters.both'}",
        "{id: after, kind: Task, dependsOn: [g]}",
    ];
    let mut world = run_with(&nodes, "parameters: {both: true}", &[]);
    assert_eq!(world.stands("g"), "Pending Waiting");
    assert_eq!(world.stands("a"), "Pending Ready");
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("g"), "Running Working");
    world.succeed("a", ANA);
    world.reconcile();
    assert_eq!(world.node("g").message, "1 of 2 are over");
    world.complete("b");
    assert_eq!(world.stands("g"), "Succeeded Succeeded");
    assert_eq!(world.stands("after"), "Pending Ready");

    let mut world = run_with(&nodes, "parameters: {both: false}", &[]);
    world.complete("a");
    assert_eq!(world.stands("g"), "Succeeded Succeeded");

    let mut world = run_with(&nodes, "parameters: {both: true}", &[]);
    fail(&mut world, "a");
    assert_eq!(world.stands("g"), "Running Working");
    world.complete("b");
    assert_eq!(world.stands("g"), "Failed ChildFailed");
    assert_eq!(world.stands("after"), "Skipped DependencyFailed");
    world.retry(BEN, None, false);
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "a Pending, after Pending, b Succeeded, g Running"
    );
    world.complete("a");
    assert_eq!(world.stands("after"), "Pending Ready");
}

#[test]
fn groups_in_groups_and_groups_that_nobody_needed() {
    let mut world = run(&[
        "{id: outer, kind: Group, children: [inner, b]}",
        "{id: inner, kind: Group, children: [a]}",
        "{id: a, kind: Task, when: 'false'}",
        "{id: b, kind: Task}",
        "{id: after, kind: Task, dependsOn: [inner]}",
    ]);
    assert_eq!(world.stands("inner"), "Skipped ConditionFalse");
    assert_eq!(world.stands("after"), "Pending Ready", "nobody needed it");
    world.complete("b");
    assert_eq!(world.stands("outer"), "Succeeded Succeeded");
}

#[test]
fn a_group_that_is_not_needed_skips_what_is_in_it() {
    let nodes = [
        "{id: probe, kind: Task}",
        "{id: load-test, kind: Group, children: [warm, deep], dependsOn: [probe], \
          when: 'nodes.probe.outputs.large'}",
        "{id: warm, kind: Task}",
        "{id: deep, kind: Group, children: [burst]}",
        "{id: burst, kind: Task, dependsOn: [warm], when: 'parameters.burst'}",
        "{id: publish, kind: Task, dependsOn: [load-test]}",
    ];
    let start = || run_with(&nodes, "parameters: {burst: true}", &[]);
    let mut world = start();
    assert_eq!(world.stands("warm"), "Pending Waiting");
    let message = "its group `load-test` waits for probe";
    assert_eq!(world.node("warm").message, message);
    bring(&mut world, "probe", json!({"large": false}));
    for node in ["load-test", "warm", "deep", "burst"] {
        assert_eq!(world.stands(node), "Skipped ConditionFalse", "{node}");
    }
    let of_group = "its group `load-test` is skipped: its condition is false: \
                    nodes.probe.outputs.large";
    assert_eq!(world.node("warm").message, of_group);
    let of_both = format!("its group `deep` is skipped: {of_group}");
    assert_eq!(world.node("burst").message, of_both);
    assert_eq!(world.stands("publish"), "Pending Ready");
    world.complete("publish");
    assert_eq!(world.phase(), "Succeeded Succeeded");

    let mut world = start();
    bring(&mut world, "probe", json!({"large": true}));
    assert_eq!(world.stands("warm"), "Pending Ready");
    world.complete("warm");
    assert_eq!(world.stands("publish"), "Pending Waiting");
    world.complete("burst");
    assert_eq!(world.stands("load-test"), "Succeeded Succeeded");
    // The deciding node is repeated, and decides again.
    world.retry_again(BEN, "probe");
    world.reconcile();
    assert_eq!(world.stands("burst"), "Pending Waiting");
    bring(&mut world, "probe", json!({"large": false}));
    assert_eq!(world.stands("burst"), "Skipped ConditionFalse");
    assert_eq!(world.stands("publish"), "Pending Ready");
}

#[test]
fn a_group_that_cannot_begin_takes_what_is_in_it_along() {
    let nodes = |when: &str| {
        [
            "{id: a, kind: Task}".to_owned(),
            format!("{{id: g, kind: Group, children: [b], dependsOn: [a]{when}}}"),
            "{id: b, kind: Task}".to_owned(),
            "{id: c, kind: Task, dependsOn: [g]}".to_owned(),
        ]
        .join(", ")
    };
    let mut world = run(&[&nodes(", when: 'true'")]);
    fail(&mut world, "a");
    assert_eq!(world.stands("b"), "Skipped DependencyFailed");
    assert_eq!(
        world.node("b").message,
        "its group `g` is skipped: a failed"
    );
    assert_eq!(world.nodes(), "a Failed, b Skipped, c Skipped, g Skipped");
    let mut world = run(&[&nodes(", when: 'parameters.x'")]);
    world.complete("a");
    assert_eq!(world.stands("g"), "Failed ConditionFailed");
    assert_eq!(world.stands("b"), "Skipped DependencyFailed");
    assert_eq!(world.stands("c"), "Skipped DependencyFailed");
    // Without a condition it holds nothing back, and ends when its children have ended.
    let mut world = run(&[&nodes("")]);
    fail(&mut world, "a");
    assert_eq!(world.stands("b"), "Pending Ready");
    assert_eq!(world.node("g").message, "a failed; 0 of 1 are over");
    assert_eq!(world.stands("c"), "Pending Waiting");
    world.complete("b");
    assert_eq!(world.stands("g"), "Skipped DependencyFailed");
    assert_eq!(world.stands("c"), "Skipped DependencyFailed");
}

/// A group of two with a timeout, while its first node was running.
fn timed_out() -> World {
    let mut world = run(&[
        "{id: g, kind: Group, children: [a, b], timeout: 1h}",
        "{id: a, kind: Task}",
        "{id: b, kind: Task, dependsOn: [a]}",
        "{id: c, kind: Task}",
    ]);
    world.wait("2h");
    world.reconcile();
    assert_eq!(world.stands("g"), "Pending Waiting", "nothing has begun");
    world.claim("a", ANA);
    world.reconcile();
    world.wait("30m");
    world.renew("a", ANA);
    world.reconcile();
    world.wait("30m");
    world.reconcile();
    assert_eq!(world.stands("g"), "Failed TimedOut");
    assert_eq!(
        world.nodes(),
        "a Cancelled, b Cancelled, c Pending, g Failed"
    );
    world.complete("c");
    assert_eq!(world.phase(), "Failed NodeFailed");
    world
}

#[test]
fn a_group_that_takes_too_long_fails_and_is_tried_again_with_its_children() {
    let mut world = timed_out();
    world.retry(BEN, Some("g"), false);
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "a Pending, b Pending, c Succeeded, g Pending"
    );
    // The successors of one of its children are opened with it.
    let mut world = timed_out();
    world.retry(BEN, Some("a"), false);
    world.reconcile();
    world.complete("a");
    world.complete("b");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    // The predecessors stay cancelled, which is not a success.
    let mut world = timed_out();
    world.retry(BEN, Some("b"), false);
    world.reconcile();
    assert_eq!(world.stands("b"), "Skipped DependencyFailed");
    assert_eq!(world.phase(), "Failed NodeCancelled");
}

// ---- what is outside

fn follower(kind: &str, name: &str) -> String {
    format!(
        "{{id: x, kind: External, timeout: 2h, externalRef: {{type: resource, resourceRef: {{kind: {kind}, name: {name}}}}}}}"
    )
}

#[test]
fn an_external_follows_another_execution() {
    let documents = |first: &str| {
        [
            plan("q", first),
            execution("zz", "q", ""),
            plan(
                "p",
                &format!(
                    "{}, {}",
                    follower("Execution", "zz"),
                    task("b", "dependsOn: [x]")
                ),
            ),
            execution("run", "p", ""),
            // Followed by name before it exists, and in a chain.
            plan("r", &follower("Execution", "run")),
            execution("aa", "r", ""),
        ]
    };
    let mut world = World::of(&documents(&task("a", "")));
    assert_eq!(world.stands("x"), "Blocked AwaitingExternal");
    assert_eq!(world.node("x").message, "Execution team/zz is Running");
    world.about("zz");
    world.complete("a");
    world.about("run");
    assert_eq!(world.stands("x"), "Succeeded Followed");
    world.complete("b");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    world.about("aa");
    assert_eq!(
        world.phase(),
        "Succeeded Succeeded",
        "in the same reconcile"
    );

    let mut world = World::of(&documents(&task("a", "")));
    world.about("zz");
    fail(&mut world, "a");
    world.about("aa");
    assert_eq!(world.stands("x"), "Failed FollowedFailed");
}

#[test]
fn an_external_waits_for_what_does_not_exist_yet_and_not_for_ever() {
    let documents = [
        plan("p", &follower("Execution", "later")),
        execution("run", "p", ""),
    ];
    let mut world = World::of(&documents);
    assert_eq!(world.stands("x"), "Blocked AwaitingExternal");
    world.wait("2h");
    world.reconcile();
    assert_eq!(world.stands("x"), "Failed TimedOut");
}

#[test]
fn an_external_follows_goals_and_gates() {
    let gated = "{id: ok, kind: Gate, gateRef: {name: gate}}";
    let mut world = World::of(&[
        resource("Goal", "goal", "description: d"),
        plan_with("q", "goalRef: {name: goal}", gated, ""),
        gate("gate", "q", ""),
        execution("other", "q", ""),
        plan("p", &follower("Goal", "goal")),
        execution("run", "p", ""),
        plan("r", &follower("Gate", "gate")),
        execution("third", "r", ""),
    ]);
    world.about("other");
    world.approve("ok", "ana");
    world.reconcile();
    for run in ["run", "third"] {
        world.about(run);
        assert_eq!(world.phase(), "Succeeded Succeeded", "{run}");
    }
}

#[test]
fn executions_that_wait_for_each_other_are_refused() {
    let world = World::of(&[
        plan("p", &follower("Execution", "two")),
        execution("run", "p", ""),
        plan("q", &follower("Execution", "run")),
        execution("two", "q", ""),
        plan("r", &follower("Execution", "self")),
        execution("self", "r", ""),
    ]);
    for name in ["run", "two", "self"] {
        let file = world.file(Kind::Execution, name);
        assert_eq!(file.status.phase(), "Pending", "{name}");
    }
    assert!(
        world.run().message.contains("wait for each other"),
        "{}",
        world.run().message
    );
}

#[test]
fn uri_and_webhook_wait_for_a_report_of_anybody() {
    for reference in [
        "{type: uri, uri: 'https://x.example'}",
        "{type: webhook, webhookUrl: 'https://x.example'}",
    ] {
        let nodes = [
            &*format!("{{id: x, kind: External, externalRef: {reference}}}"),
            "{id: b, kind: Task, dependsOn: [x]}",
        ];
        let mut world = run(&nodes);
        assert_eq!(world.stands("x"), "Blocked AwaitingExternal");
        // It cannot be claimed, and a spoiled attempt is skipped.
        world.claim("x", ANA);
        world.reconcile();
        assert_eq!(world.unapplied(), ["claim NotReady"]);
        let attempt = world.node("x").attempt;
        assert_eq!(attempt, 2);
        world.report("x", attempt, BEN, ReportResult::Succeeded, json!({}));
        world.reconcile();
        assert_eq!(world.stands("x"), "Succeeded Reported");
        assert_eq!(world.stands("b"), "Pending Ready");

        let mut world = run(&nodes);
        world.report("x", 1, BEN, ReportResult::Failed, json!({}));
        world.reconcile();
        assert_eq!(world.nodes(), "b Skipped, x Failed");
    }
}

#[test]
fn the_repository_does_a_task_when_it_holds_what_is_asked_for() {
    let binding = resource(
        "Binding",
        "bind",
        "rules: [{selector: {planRef: {name: p}}, target: {provider: 'repo://here'}}]",
    );
    let start = |criteria: &str, fields: &str| {
        run_with(
            &[&task(
                "a",
                &format!("acceptanceCriteria: [{criteria}]{fields}"),
            )],
            "bindingRef: {name: bind}",
            std::slice::from_ref(&binding),
        )
    };
    let exists = "{type: artifact_exists, name: page, path: docs/api.md, contentMatch: '## API'}";
    let mut world = start(exists, "");
    assert_eq!(world.stands("a"), "Blocked AwaitingRepository");
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.unapplied(), ["claim NotReady"]);
    world.write("docs/api.md", "# Pages\n");
    world.reconcile();
    assert_eq!(world.stands("a"), "Blocked AwaitingRepository");
    world.write("docs/api.md", "# Pages\n## API\n");
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Held");
    let verification = world
        .node("a")
        .extensions
        .verification
        .expect("what was seen");
    assert!(verification.results[0].holds);
    assert_eq!(world.phase(), "Succeeded Succeeded");

    let table = [
        ("", "", "Blocked NotCheckable"),
        (
            "{type: command_succeeds, name: c, command: make}",
            "",
            "Blocked NotCheckable",
        ),
        (exists, ", outputs: [{name: x}]", "Blocked OutputsMissing"),
        (
            "{type: artifact_exists, name: folder, path: planspec}",
            "",
            "Succeeded Held",
        ),
    ];
    for (criteria, fields, expected) in table {
        assert_eq!(start(criteria, fields).stands("a"), expected, "{criteria}");
    }
}

// ---- acceptance

const CHECKED: &str = "acceptanceCriteria: [{type: test_passes, name: tests, command: make test}, \
                       {type: command_succeeds, name: style, command: make style, required: false}]";

fn checked(fields: &str) -> World {
    run(&[
        &task("a", &format!("{CHECKED}{fields}")),
        "{id: b, kind: Task, dependsOn: [a]}",
    ])
}

#[test]
fn a_reported_task_waits_until_somebody_has_checked_its_required_criteria() {
    let mut world = checked("");
    bring(&mut world, "a", json!({"n": 1}));
    assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
    assert_eq!(world.phase(), "Blocked AwaitingVerification");
    assert_eq!(world.stands("b"), "Pending Waiting");
    world.verify("a", ANA, &[("tests", true), ("style", false)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Verified");
    assert_eq!(world.stands("b"), "Pending Ready");
    let verification = world.node("a").extensions.verification.expect("stored");
    assert_eq!(verification.actor, ANA);
    let holds: Vec<bool> = verification.results.iter().map(|r| r.holds).collect();
    assert_eq!(holds, [true, false]);
    // A second time changes nothing.
    world.verify("a", BEN, &[("tests", false), ("style", false)]);
    world.reconcile();
    assert_eq!(world.unapplied(), ["verification NotAwaited"]);
}

#[test]
fn report_and_verification_arrive_together() {
    let mut world = checked("");
    world.claim("a", ANA);
    world.succeed("a", ANA);
    world.reconcile();
    let report = world.node("a").extensions.report.expect("a report");
    assert_eq!(report.actor, ANA);
    world.verify("a", ANA, &[("tests", true), ("style", true)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Verified");
}

#[test]
fn a_required_criterion_that_does_not_hold_fails_the_attempt() {
    let mut world = checked(", retries: 1");
    bring(&mut world, "a", json!({}));
    world.verify("a", BEN, &[("tests", false), ("style", true)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending RetryWait");
    assert_eq!(
        world.node("a").message,
        "tests does not hold, says agent:ben"
    );
    assert_eq!(world.node("a").attempt, 2);
    world.wait("1m");
    world.reconcile();
    bring(&mut world, "a", json!({}));
    assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
    assert_eq!(
        world.node("a").extensions.verification,
        None,
        "of this attempt"
    );
    world.verify("a", BEN, &[("tests", false), ("style", true)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Failed VerificationFailed");
    assert_eq!(world.stands("b"), "Skipped DependencyFailed");
}

#[test]
fn a_verification_is_about_one_report_and_all_criteria() {
    let mut world = checked("");
    world.claim("a", ANA);
    world.reconcile();
    world.verify("a", BEN, &[("tests", true), ("style", true)]);
    world.reconcile();
    world.succeed("a", ANA);
    world.reconcile();
    for results in [
        &[("tests", true)][..],
        &[("style", true), ("tests", true)],
        &[("tests", true), ("style", true), ("more", true)],
    ] {
        world.verify("a", BEN, results);
        world.reconcile();
    }
    assert_eq!(
        world.unapplied(),
        [
            "verification NotAwaited",
            "verification OtherCriteria",
            "verification OtherCriteria",
            "verification OtherCriteria",
        ]
    );
    assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
}

#[test]
fn somebody_else_can_be_required() {
    let mut world = checked("");
    world.configure("verification: independent");
    bring(&mut world, "a", json!({}));
    world.verify("a", ANA, &[("tests", true), ("style", true)]);
    world.reconcile();
    assert_eq!(world.unapplied(), ["verification NotIndependent"]);
    assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
    world.verify("a", BEN, &[("tests", true), ("style", true)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Verified");
}

#[test]
fn optional_criteria_are_shown_and_decide_nothing() {
    let criteria =
        "acceptanceCriteria: [{type: test_passes, name: t, command: x, required: false}]";
    let mut world = run(&[&task("a", criteria), "{id: b, kind: Task}"]);
    bring(&mut world, "a", json!({}));
    assert_eq!(world.stands("a"), "Succeeded Reported");
    world.verify("a", BEN, &[("t", false)]);
    world.reconcile();
    assert_eq!(world.stands("a"), "Succeeded Reported");
    let verification = world.node("a").extensions.verification;
    assert!(verification.is_some_and(|verification| !verification.results[0].holds));
}

#[test]
fn what_waits_to_be_verified_can_be_cancelled() {
    let mut world = checked("");
    bring(&mut world, "a", json!({}));
    world.cancel(BEN);
    world.reconcile();
    assert_eq!(world.nodes(), "a Cancelled, b Cancelled");
    assert_eq!(world.node("a").phase, NodePhase::Cancelled);
    assert_eq!(
        world.file(Kind::Execution, "run").status.phase(),
        "Cancelled"
    );
}

// ---- attestations

#[test]
fn a_goal_succeeds_when_its_criteria_are_attested_and_nobody_denies_them() {
    let goal = "description: d, acceptanceCriteria: [{id: fast, description: f}, \
                {id: safe, description: s}, {description: without an id}]";
    let mut world = World::of(&[
        resource("Goal", "g", goal),
        plan("p", "{id: a, kind: Task}"),
        execution("run", "p", "goalRef: {name: g}"),
    ]);
    world.attest("fast", ANA, true);
    world.complete("a");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    let stands = |world: &World| {
        let goal = world.goal("g").phase.to_string();
        let why = world.condition(Kind::Goal, "g", "Reached").expect("told");
        format!("{goal} {} {}", why.reason, why.message)
    };
    let waits = "Executing AwaitingAttestation not attested yet: safe";
    assert_eq!(stands(&world), waits);
    // Also after the run; a negative attestation counts until its actor revokes it.
    world.attest("safe", BEN, false);
    world.attest("safe", ANA, true);
    world.reconcile();
    assert_eq!(stands(&world), "Failed CriterionUnmet not met: safe");
    world.attest("safe", BEN, true);
    world.attest("surprise", BEN, true);
    world.reconcile();
    assert_eq!(stands(&world), "Succeeded Succeeded ");
    assert_eq!(world.unapplied(), ["attestation UnknownCriterion"]);
    assert_eq!(world.run().extensions.attestations.len(), 3);
}

#[test]
fn what_did_not_succeed_cannot_be_attested() {
    let mut world = run(&["{id: a, kind: Task}"]);
    world.attest("fast", ANA, true);
    world.reconcile();
    world.cancel(BEN);
    world.reconcile();
    world.attest("fast", ANA, true);
    world.reconcile();
    assert_eq!(
        world.unapplied(),
        ["attestation UnknownCriterion", "attestation RunOver"]
    );
}

/// A document with Cyrillic names of steps.
fn cyrillic(namespace: &str) -> String {
    let step = |id: &str, before: &str| json!({"step_id": id, "title": id, "description": "d", "dependencies": [before]});
    let mut first = step("сборка", "");
    first["dependencies"] = json!([]);
    json!({
        "identity": {
            "plan_id": "6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a11", "session_id": "s", "revision": 1,
            "parent_id": null, "created_by": "human:ana", "created_at": "2026-01-31T09:00:00Z"
        },
        "intent": {"goal_statement": "g", "motivation": "m", "success_definition": "s"},
        "scope": {"in_scope": ["a"], "out_of_scope": ["b"]},
        "approach": {"overview": "o", "rationale": "r", "steps": [
            first, step("проверка", "сборка"), step("выпуск", "проверка"),
        ]},
        "success_criteria": [{
            "criterion_id": "готово", "description": "d", "verification": "manual",
            "weight": "primary"
        }],
        "delegation": {
            "default_mode": "hybrid",
            "step_overrides": [{"step_id": "выпуск", "mode": "human_approval"}]
        },
        "metadata": {"schema_version": "1.2.0"},
        "x-planspec": {"namespace": namespace}
    })
    .to_string()
}

#[test]
fn a_run_that_began_under_former_names_goes_on_under_them() {
    use crate::core::document::Naming;
    use crate::core::document::name::tests::BY_A_FORMER_PROGRAM;
    use crate::core::document::{Alphabet, name_of};

    let former = |text: &str| Naming::Former.name_of(text, Alphabet::NodeId);
    let (build, test, ship) = (former("сборка"), former("проверка"), former("выпуск"));
    let file = "planspec/vypusk.planspec.json";
    BY_A_FORMER_PROGRAM.add(file);
    let mut world = World::empty();
    world.write(file, &cyrillic("team"));
    world.write("planspec/run.yaml", &execution("run", "vypusk", ""));
    world.reconcile();
    world.complete(&build);
    let before = world.run().clone();
    assert_eq!(world.stands(&test), "Pending Ready");
    let names: Vec<&String> = before.node_statuses.keys().collect();
    assert!(
        names
            .iter()
            .all(|name| name.is_ascii() && !name.contains("proverka"))
    );

    // A newer program makes other names from the same file.
    BY_A_FORMER_PROGRAM.remove(file);
    world.read_anew();
    // It examines everything once.
    if let Some(tree) = &mut world.tree {
        tree.controller.decisions = 0;
    }
    world.reconcile();
    let run = world.run();
    assert_eq!(run.node_statuses.keys().collect::<Vec<_>>(), names);
    assert_eq!(run.extensions.pinned, before.extensions.pinned);
    assert_eq!(world.stands(&test), "Pending Ready");
    world.complete(&test);
    let approval = former(&format!("approve-{ship}"));
    assert_eq!(world.stands(&approval), "Blocked AwaitingApproval");
    world.approve(&approval, "ana@example.com");
    world.reconcile();
    world.complete(&ship);
    assert_eq!(world.phase(), "Blocked AwaitingAttestation");
    world.attest(
        &Naming::Former.name_of("готово", Alphabet::Name),
        "ana@example.com",
        true,
    );
    world.reconcile();
    assert_eq!(world.run().phase.to_string(), "Succeeded");

    // A new run has readable names.
    world.write("planspec/next.yaml", &execution("next", "vypusk", ""));
    world.reconcile();
    world.about("next");
    assert_eq!(
        world.stands(&name_of("сборка", Alphabet::NodeId)),
        "Pending Ready"
    );
    assert!(world.nodes().contains("proverka-"), "{}", world.nodes());
}
