//! Tests of executions.

use serde_json::json;

use crate::core::resource::{Kind, NodePhase, ReviewAction, Status};
use crate::core::run::record::{Action, Address, ReportResult};
use crate::core::run::transition::WaitingFor;
use crate::core::testing::{World, execution, gate, key, plan, plan_with, resource, task};

const ANA: &str = "agent:ana";
const BEN: &str = "agent:ben";

/// A run of a plan with these nodes.
fn run(nodes: &[&str]) -> World {
    run_with(nodes, "", &[])
}

fn run_with(nodes: &[&str], edges: &str, others: &[String]) -> World {
    let mut documents = vec![
        plan_with("p", "", &nodes.join(", "), edges),
        execution("run", "p", ""),
    ];
    documents.extend_from_slice(others);
    World::of(&documents)
}

fn one_task(fields: &str) -> World {
    run(&[&task("a", fields)])
}

const GATED: [&str; 3] = [
    "{id: a, kind: Task}",
    "{id: ok, kind: Gate, gateRef: {name: g}, dependsOn: [a]}",
    "{id: b, kind: Task, dependsOn: [ok]}",
];

// ---- the start

#[test]
fn an_execution_starts_and_is_pinned_to_what_it_was_started_with() {
    let world = run_with(&GATED, "", &[gate("g", "p", "")]);
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    let run = world.run();
    assert_eq!(run.queued_time, Some(world.now));
    assert_eq!(run.start_time, Some(world.now));
    assert_eq!(
        run.run_id.as_ref(),
        Some(&world.file(Kind::Execution, "run").uid)
    );
    let pinned = run.extensions.pinned.as_ref().expect("pinned");
    assert_eq!(run.spec_hash.as_ref(), Some(&pinned.execution.digest));
    assert_eq!(pinned.plan.uid, world.file(Kind::Plan, "p").uid);
    assert_eq!(pinned.gates.keys().collect::<Vec<_>>(), ["team/g"]);
    let tree = world.tree.as_ref().expect("a status");
    let kept: Vec<&String> = tree.pinned.iter().collect();
    assert_eq!(kept, [&pinned.plan.blob], "all stand in one file");
}

#[test]
fn an_execution_stays_pending_while_something_is_missing() {
    let goal = resource("Goal", "goal", "description: d");
    let other = resource("Goal", "other", "description: d");
    let cyclic = plan(
        "p",
        "{id: a, kind: Task, dependsOn: [b]}, {id: b, kind: Task, dependsOn: [a]}",
    );
    let fine = || plan("p", &task("a", ""));
    let gated = plan("p", "{id: a, kind: Gate, gateRef: {name: g}}");
    let with_goal = plan_with("p", "goalRef: {name: goal}", &task("a", ""), "");
    let table: [(&str, Vec<String>); 8] = [
        ("PlanNotFound", vec![execution("run", "p", "")]),
        ("PlanInvalid", vec![cyclic, execution("run", "p", "")]),
        (
            "PlanInvalid",
            vec![fine(), fine(), execution("run", "p", "")],
        ),
        ("PlanInvalid", vec![gated, execution("run", "p", "")]),
        (
            "Invalid",
            vec![fine(), execution("run", "p", "goalRef: {name: goal}")],
        ),
        (
            "Invalid",
            vec![fine(), execution("run", "p", ""), execution("run", "p", "")],
        ),
        (
            "Invalid",
            vec![fine(), execution("run", "p", "surprise: 1")],
        ),
        (
            "GoalMismatch",
            vec![
                goal,
                other,
                with_goal,
                execution("run", "p", "goalRef: {name: other}"),
            ],
        ),
    ];
    for (reason, documents) in table {
        let world = World::of(&documents);
        assert_eq!(world.phase(), format!("Pending {reason}"), "{documents:?}");
        assert_eq!(world.run().start_time, None);
        assert!(
            world
                .tree
                .as_ref()
                .is_some_and(|tree| tree.pinned.is_empty())
        );
        let waits = world.waits();
        let [only] = waits.as_slice() else {
            panic!("{waits:?}")
        };
        assert_eq!(only.node, None);
        assert_eq!(
            only.what,
            WaitingFor::Other {
                why: world.run().message.clone()
            }
        );
        assert_ne!(world.run().message, "");
    }
}

#[test]
fn what_was_missing_starts_the_execution_when_it_comes() {
    let mut world = World::of(&[execution("run", "p", "")]);
    assert_eq!(world.phase(), "Pending PlanNotFound");
    world.wait("1h");
    world.write("planspec/plan.yaml", &plan("p", &task("a", "")));
    world.reconcile();
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    let run = world.run();
    assert_eq!(world.since_start(run.queued_time.expect("queued")), 0);
    assert_eq!(world.since_start(run.start_time.expect("started")), 3600);
}

#[test]
fn a_uid_in_a_reference_is_checked_when_it_is_given() {
    let goal = resource("Goal", "goal", "description: d");
    let capability = resource("Capability", "cap", "description: d");
    let binding = resource(
        "Binding",
        "bind",
        "rules: [{selector: {capabilityRef: {name: cap}}, target: {provider: x}}]",
    );
    let base = [goal, capability, binding, gate("g", "p", "")];
    let nodes = "{id: a, kind: Task, capabilityRefs: [{name: cap, CAP}]}, \
                 {id: ok, kind: Gate, gateRef: {name: g, GATE}}";
    let fields = "goalRef: {name: goal, GOAL}, bindingRef: {name: bind, BINDING}, \
                  nodeBindings: {a: {name: bind, NODE}}";
    let names = ["CAP", "GATE", "GOAL", "BINDING", "NODE"];
    let fill = |text: &str, wrong: &str| {
        names.iter().fold(text.to_owned(), |text, name| {
            let uid = if *name == wrong { "uid: nobody" } else { "" };
            text.replace(&format!(", {name}"), &format!(", {uid}"))
        })
    };
    for wrong in names {
        let plan = plan("p", &fill(nodes, wrong)).replace(", }", "}");
        let execution = execution("run", "p", &fill(fields, wrong)).replace(", }", "}");
        let mut documents = base.to_vec();
        documents.extend([plan, execution]);
        let world = World::of(&documents);
        assert_eq!(world.phase(), "Pending UidMismatch", "{wrong}");
        assert!(
            world.run().message.contains("nobody"),
            "{}",
            world.run().message
        );
    }
}

// ---- readiness

#[test]
fn a_hard_edge_waits_for_success_and_a_soft_edge_for_any_end() {
    // How the first node ended, and the resulting phase of the second.
    let table = [
        ("hard", "", "Pending Waiting"),
        ("soft", "", "Pending Waiting"),
        ("hard", "succeed", "Pending Ready"),
        ("soft", "succeed", "Pending Ready"),
        ("hard", "fail", "Skipped DependencyFailed"),
        ("soft", "fail", "Pending Ready"),
    ];
    for (edge, end, expected) in table {
        let edges = format!("{{from: a, to: b, type: {edge}}}");
        let mut world = run_with(&[&task("a", ""), &task("b", "")], &edges, &[]);
        world.claim("a", ANA);
        match end {
            "succeed" => world.succeed("a", ANA),
            "fail" => world.fail("a", ANA),
            _ => {}
        }
        world.reconcile();
        assert_eq!(world.stands("b"), expected, "{edge} edge, {end}");
    }
}

#[test]
fn a_node_waits_for_all_that_it_depends_on_and_says_for_whom() {
    let c = task("c", "dependsOn: [a, b]");
    let mut world = run(&[&task("a", ""), &task("b", ""), &c]);
    assert_eq!(world.node("c").message, "waits for a, b");
    world.complete("a");
    assert_eq!(world.node("c").message, "waits for b");
    assert_eq!(world.stands("c"), "Pending Waiting");
    world.complete("b");
    assert_eq!(world.stands("c"), "Pending Ready");
    assert_eq!(world.node("c").message, "");
}

#[test]
fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    let mut world = run(&[
        &task("a", ""),
        &task("b", "dependsOn: [a]"),
        &task("c", "dependsOn: [b]"),
        &task("x", ""),
        &task("y", "dependsOn: [x]"),
    ]);
    world.claim("a", ANA);
    world.fail("a", ANA);
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "a Failed, b Skipped, c Skipped, x Pending, y Pending"
    );
    assert_eq!(world.node("c").message, "b was skipped");
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    world.complete("x");
    world.complete("y");
    assert_eq!(world.phase(), "Failed NodeFailed");
    assert_eq!(world.run().message, "a failed");
}

#[test]
fn a_chain_runs_to_its_end_and_a_second_look_changes_nothing() {
    let mut world = run(&[&task("a", ""), &task("b", "dependsOn: [a]")]);
    world.complete("a");
    world.wait("5m");
    world.complete("b");
    assert_eq!(world.phase(), "Succeeded Succeeded");
    let run = world.run();
    assert_eq!(world.since_start(run.completion_time.expect("over")), 300);
    assert_eq!(run.last_phase_transition_time, run.completion_time);
    let tree = world.tree.as_ref().expect("a status");
    assert_eq!(tree.controller.next_deadline, None);
    assert!(tree.pinned.is_empty(), "nothing is pinned any more");
    world.wait("1w");
    assert!(!world.reconcile());
}

// ---- claims and leases

#[test]
fn a_claim_starts_an_attempt_and_a_report_ends_it() {
    let mut world = one_task("outputs: [{name: summary}]");
    assert_eq!(
        (world.stands("a").as_str(), world.node("a").attempt),
        ("Pending Ready", 1)
    );
    world.wait("1m");
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
    assert_eq!(world.phase(), "Running Working");
    assert_eq!(world.run().message, "a at work");
    let node = world.node("a");
    assert_eq!(world.since_start(node.start_time.expect("started")), 60);
    let claim = node.extensions.claim.expect("a claim");
    assert_eq!(claim.actor, ANA);
    world.wait("1m");
    world.report(
        "a",
        1,
        ANA,
        ReportResult::Succeeded,
        json!({"summary": "done"}),
    );
    world.reconcile();
    let node = world.node("a");
    assert_eq!(node.phase, NodePhase::Succeeded);
    assert_eq!(node.outputs["summary"], "done");
    assert_eq!(world.since_start(node.completion_time.expect("ended")), 120);
    assert_eq!(
        node.extensions.report.map(|report| report.actor),
        Some(ANA.to_owned())
    );
}

#[test]
fn a_lease_is_as_long_as_asked_and_never_longer_than_configured() {
    let table = [
        (None, 1800),
        (Some("5m"), 300),
        (Some("500ms"), 1),
        (Some("30m"), 1800),
        (Some("8h"), 1800),
        (Some("100w"), 1800),
    ];
    for (asked, seconds) in table {
        let mut world = one_task("");
        world.wait("10s");
        world.claim_for("a", 1, ANA, asked);
        world.reconcile();
        let claim = world.node("a").extensions.claim.expect("a claim");
        let expires = claim.expires.expect("a lease");
        assert_eq!(world.since_start(expires), 10 + seconds, "{asked:?}");
        let tree = world.tree.as_ref().expect("a status");
        assert_eq!(tree.controller.next_deadline, Some(expires));
    }
}

#[test]
fn an_expired_lease_opens_the_next_attempt_without_a_failure() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.reconcile();
    world.wait("29m");
    assert!(!world.reconcile(), "it has not expired yet");
    world.wait("1m");
    assert!(world.reconcile());
    let node = world.node("a");
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!((node.attempt, node.extensions.failures), (2, 0));
    assert_eq!(node.message, format!("the lease of {ANA} expired"));
    assert_eq!(node.start_time, None);
    world.claim("a", BEN);
    world.report("a", 1, ANA, ReportResult::Succeeded, json!({}));
    world.reconcile();
    assert_eq!(world.unapplied(), ["report OldAttempt"]);
    assert_eq!(world.stands("a"), "Running Claimed");
    world.succeed("a", BEN);
    world.reconcile();
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn records_are_read_before_deadlines_are_judged() {
    // Both arrived after lease and timeout, and before the next reconcile.
    for end in ["report", "renewal"] {
        let mut world = one_task("timeout: 20m");
        world.claim("a", ANA);
        world.reconcile();
        match end {
            "report" => {
                world.wait("2h");
                world.succeed("a", ANA);
                world.reconcile();
                assert_eq!(world.phase(), "Succeeded Succeeded");
            }
            _ => {
                world.wait("19m");
                world.renew("a", ANA);
                world.reconcile();
                let claim = world.node("a").extensions.claim.expect("a claim");
                assert_eq!(
                    world.since_start(claim.expires.expect("a lease")),
                    (19 + 30) * 60
                );
            }
        }
    }
}

#[test]
fn a_renewal_prolongs_the_lease_from_when_it_is_seen() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.reconcile();
    world.wait("20m");
    world.renew("a", ANA);
    world.wait("5m");
    world.reconcile();
    world.wait("29m");
    assert!(!world.reconcile());
    assert_eq!(world.stands("a"), "Running Claimed");
    world.wait("1m");
    world.reconcile();
    assert_eq!(world.node("a").attempt, 2);
}

fn for_a_person() -> World {
    let binding = resource(
        "Binding",
        "bind",
        "rules: [{selector: {planRef: {name: p}}, target: {provider: 'human://ana'}}]",
    );
    World::of(&[
        plan("p", &task("a", "")),
        binding,
        execution("run", "p", "bindingRef: {name: bind}"),
    ])
}

#[test]
fn what_is_for_a_person_no_program_claims() {
    let mut world = for_a_person();
    world.claim("a", "agent:builder");
    world.reconcile();
    assert_eq!(world.unapplied(), ["claim NotAPerson"]);
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.node("a").attempt, 2, "its claim locks nobody out");
    world.claim("a", "user:ana");
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
}

#[test]
fn people_have_no_lease() {
    let mut world = for_a_person();
    world.claim_for("a", 1, "user:ana", Some("5m"));
    world.reconcile();
    world.wait("52w");
    assert!(!world.reconcile());
    assert_eq!(world.stands("a"), "Running Claimed");
    let tree = world.tree.as_ref().expect("a status");
    assert_eq!(tree.controller.next_deadline, None);
}

#[test]
fn a_released_attempt_is_over_and_the_next_can_be_claimed_at_once() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.release("a", ANA);
    world.reconcile();
    let node = world.node("a");
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!((node.attempt, node.extensions.failures), (2, 0));
    assert_eq!(node.message, format!("released by {ANA}"));
    world.claim("a", BEN);
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
}

// ---- failures

#[test]
fn retries_open_new_attempts_with_growing_waits() {
    let mut world = one_task("retries: 3");
    for (failures, wait) in [(1, 10..=15), (2, 20..=30), (3, 40..=60)] {
        world.claim("a", ANA);
        world.fail("a", ANA);
        world.reconcile();
        let node = world.node("a");
        assert_eq!(world.stands("a"), "Pending RetryWait");
        assert_eq!(
            (node.attempt, node.extensions.failures),
            (failures + 1, failures)
        );
        let due = node.extensions.not_before.expect("a moment");
        assert!(wait.contains(&(due - world.now).num_seconds()));
        let tree = world.tree.as_ref().expect("a status");
        assert_eq!(tree.controller.next_deadline, Some(due));
        assert_eq!(world.phase(), "Running WaitingForWorkers");
        world.now = due - chrono::TimeDelta::seconds(1);
        assert!(!world.reconcile());
        world.now = due;
        world.reconcile();
        assert_eq!(world.stands("a"), "Pending Ready");
        assert_eq!(world.node("a").extensions.not_before, None);
    }
    world.claim("a", ANA);
    world.fail("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Failed Reported");
    assert_eq!(world.node("a").attempt, 4, "no fifth attempt");
    assert_eq!(world.phase(), "Failed NodeFailed");
}

#[test]
fn waits_between_attempts_grow_to_ten_minutes_and_are_the_same_for_everybody() {
    let waits = |name: &str| {
        let mut world = World::of(&[
            plan("p", &task("a", "retries: 10")),
            execution(name, "p", ""),
        ]);
        world.about(name);
        let mut waits = Vec::new();
        for _ in 0..10 {
            world.claim("a", ANA);
            world.fail("a", ANA);
            world.reconcile();
            let due = world.node("a").extensions.not_before.expect("a moment");
            waits.push((due - world.now).num_seconds());
            world.now = due;
            world.reconcile();
        }
        waits
    };
    let run = waits("run");
    let least = [10, 20, 40, 80, 160, 320, 600, 600, 600, 600];
    for (wait, least) in run.iter().zip(least) {
        assert!((least..=least + least / 2).contains(wait), "{run:?}");
    }
    assert_eq!(run, waits("run"));
    assert_ne!(run, waits("other"), "what fails together comes back apart");
}

#[test]
fn only_failures_count_against_retries() {
    let mut world = one_task("retries: 1");
    for _ in 0..3 {
        world.claim("a", ANA);
        world.reconcile();
        world.wait("30m");
        world.reconcile();
        world.claim("a", BEN);
        world.release("a", BEN);
        world.reconcile();
    }
    assert_eq!(
        (world.node("a").attempt, world.node("a").extensions.failures),
        (7, 0)
    );
    world.claim("a", ANA);
    world.fail("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending RetryWait");
}

#[test]
fn a_timeout_counts_from_the_recorded_start_and_fails_the_attempt() {
    let mut world = one_task("timeout: 10m, retries: 1");
    world.wait("1h");
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready", "it has not started");
    world.claim("a", ANA);
    world.reconcile();
    world.wait("9m");
    // A renewal extends the lease, not the timeout.
    world.renew("a", ANA);
    world.reconcile();
    let tree = world.tree.as_ref().expect("a status");
    assert_eq!(
        tree.controller
            .next_deadline
            .map(|at| (at - world.now).num_seconds()),
        Some(60)
    );
    world.wait("1m");
    world.reconcile();
    let node = world.node("a");
    assert_eq!(world.stands("a"), "Pending RetryWait");
    assert_eq!((node.attempt, node.extensions.failures), (2, 1));
    assert_eq!(node.message, "attempt 1 ran for 10m");
    world.wait("15s");
    world.reconcile();
    world.claim("a", BEN);
    world.reconcile();
    world.wait("10m");
    world.reconcile();
    assert_eq!(world.stands("a"), "Failed TimedOut");
}

#[test]
fn a_gate_with_a_timeout_fails_when_nobody_decides_in_time() {
    let waits = "{id: ok, kind: Gate, gateRef: {name: g}, timeout: 7d}";
    let b = task("b", "dependsOn: [ok]");
    let start = || run_with(&[waits, &b], "", &[gate("g", "p", "")]);
    let mut world = start();
    assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    let tree = world.tree.as_ref().expect("a status");
    let deadline = tree.controller.next_deadline.expect("a deadline");
    assert_eq!(world.since_start(deadline), 7 * 24 * 3600);
    world.wait("7d");
    world.reconcile();
    assert_eq!(world.stands("ok"), "Failed TimedOut");
    assert_eq!(world.nodes(), "b Skipped, ok Failed");
    assert_eq!(world.phase(), "Failed NodeFailed");

    // An approval counts if it is there when the deadline is handled.
    let mut world = start();
    world.approve("ok", "ana");
    world.wait("7d");
    world.reconcile();
    assert_eq!(world.stands("ok"), "Succeeded Approved");
}

// ---- blocked

#[test]
fn an_execution_is_blocked_when_only_decisions_and_missing_things_are_waited_for() {
    let gate_node = "{id: ok, kind: Gate, gateRef: {name: g}}";
    let outside = "{id: a, kind: External, externalRef: {type: uri, uri: 'https://x.example'}}";
    let unbound = task("a", "capabilityRefs: [{name: nobody}]");
    let gates = [gate("g", "p", "")];
    let table: [(&[&str], &str); 5] = [
        (&[gate_node], "Blocked AwaitingApproval"),
        (&[outside], "Blocked AwaitingExternal"),
        (&[gate_node, outside], "Blocked Waiting"),
        (&[&unbound], "Blocked Waiting"),
        (
            &[gate_node, "{id: b, kind: Task}"],
            "Running WaitingForWorkers",
        ),
    ];
    for (nodes, expected) in table {
        let world = run_with(nodes, "", &gates);
        assert_eq!(world.phase(), expected, "{nodes:?}");
    }
}

#[test]
fn a_target_that_comes_later_is_taken_and_then_kept() {
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
    let mut world = World::of(&[
        plan("p", &task("a", "capabilityRefs: [{name: cap}]")),
        execution("run", "p", "bindingRef: {name: bind}"),
    ]);
    assert_eq!(world.stands("a"), "Blocked CapabilityNotFound");
    assert_eq!(world.says(Kind::Execution, "run", "Bound"), "False Unbound");
    world.write("planspec/cap.yaml", &capability);
    world.reconcile();
    assert_eq!(world.stands("a"), "Blocked BindingNotFound");
    world.write("planspec/bind.yaml", &binding("first"));
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.says(Kind::Execution, "run", "Bound"), "True AllBound");
    world.write("planspec/bind.yaml", &binding("second"));
    world.reconcile();
    let target = world.node("a").extensions.target.expect("a target");
    assert_eq!(target.provider.as_deref(), Some("first"));
    assert_eq!(target.binding.as_deref(), Some("team/bind"));
}

#[test]
fn a_node_that_is_skipped_needs_no_target() {
    let b = task("b", "dependsOn: [a], capabilityRefs: [{name: cap}]");
    let mut world = run(&[&task("a", ""), &b, &task("c", "")]);
    assert_eq!(world.says(Kind::Execution, "run", "Bound"), "False Unbound");
    world.claim("a", ANA);
    world.fail("a", ANA);
    world.reconcile();
    assert_eq!(world.nodes(), "a Failed, b Skipped, c Pending");
    assert_eq!(world.says(Kind::Execution, "run", "Bound"), "True AllBound");
}

// ---- the end

#[test]
fn a_cancelled_execution_stops_everything_that_is_not_over() {
    let b = task("b", "dependsOn: [a]");
    let mut world = run(&[&task("a", ""), &b, &task("c", ""), &task("d", "")]);
    world.complete("a");
    world.claim("c", ANA);
    world.reconcile();
    world.cancel("user:ana");
    world.reconcile();
    assert_eq!(
        world.nodes(),
        "a Succeeded, b Cancelled, c Cancelled, d Cancelled"
    );
    assert_eq!(world.phase(), "Cancelled Cancelled");
    assert_eq!(world.run().message, "cancelled by user:ana");
    world.succeed("c", ANA);
    world.cancel("user:ben");
    world.reconcile();
    assert_eq!(world.unapplied(), ["report RunOver", "cancel RunOver"]);
    assert_eq!(world.run().message, "cancelled by user:ana");
}

#[test]
fn an_execution_that_has_not_started_can_be_cancelled() {
    let mut world = World::of(&[execution("run", "p", "")]);
    world.cancel("user:ana");
    world.reconcile();
    assert_eq!(world.phase(), "Cancelled Cancelled");
    world.write("planspec/plan.yaml", &plan("p", &task("a", "")));
    world.reconcile();
    assert_eq!(world.phase(), "Cancelled Cancelled");
}

#[test]
fn cancelled_wins_over_what_ended_in_the_same_moment() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.reconcile();
    world.succeed("a", ANA);
    world.cancel("user:ana");
    world.reconcile();
    assert_eq!(world.nodes(), "a Succeeded");
    assert_eq!(world.phase(), "Cancelled Cancelled");
}

// ---- files that change

#[test]
fn a_run_finishes_on_its_pinned_revision_and_says_that_the_plan_has_moved_on() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    assert_eq!(world.says(Kind::Execution, "run", "PlanDrifted"), "-");
    world.write("planspec/p.yaml", &plan("p", &task("z", "")));
    world.reconcile();
    assert_eq!(
        world.says(Kind::Execution, "run", "PlanDrifted"),
        "True PlanChanged"
    );
    assert_eq!(world.nodes(), "a Pending");
    world.remove("planspec/p.yaml");
    world.reconcile();
    assert_eq!(
        world.says(Kind::Execution, "run", "PlanDrifted"),
        "True PlanMissing"
    );
    world.complete("a");
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn formatting_is_no_drift() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    let again = format!("# a remark\n{}", plan("p", &task("a", "")));
    world.write("planspec/p.yaml", &again);
    world.write(
        "planspec/run.yaml",
        &format!("\n\n{}", execution("run", "p", "")),
    );
    assert!(!world.reconcile());
    assert_eq!(world.says(Kind::Execution, "run", "PlanDrifted"), "-");
}

#[test]
fn a_changed_execution_is_ignored_and_said() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.write("planspec/run.yaml", &execution("run", "other", ""));
    world.reconcile();
    assert_eq!(
        world.says(Kind::Execution, "run", "SpecMutated"),
        "True SpecChanged"
    );
    assert_eq!(world.file(Kind::Execution, "run").generation, 2);
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    assert_eq!(world.says(Kind::Execution, "run", "SpecMutated"), "-");
    world.write(
        "planspec/run.yaml",
        &execution("run", "p", "parameters: {a: 1}"),
    );
    world.complete("a");
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn a_pinned_run_goes_on_whatever_happens_to_its_file() {
    let breaks = [
        (
            "a second definition",
            format!("{0}{0}", execution("run", "p", "")),
        ),
        ("an unknown field", execution("run", "p", "surprise: 1")),
        ("no YAML", "kind: [".to_owned()),
        (
            "no name",
            "apiVersion: planspec.io/v1alpha1\nkind: Execution\n".to_owned(),
        ),
    ];
    for (what, text) in breaks {
        let mut world = World::empty();
        world.write("planspec/p.yaml", &plan("p", &task("a", "")));
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        world.write("planspec/run.yaml", &text);
        world.reconcile();
        let valid = world
            .condition(Kind::Execution, "run", "Valid")
            .expect("judged");
        assert!(
            valid.message.starts_with("planspec/run.yaml:"),
            "{what}: {}",
            valid.message
        );
        assert_eq!(world.stands("a"), "Pending Ready", "{what}");
        world.complete("a");
        assert_eq!(world.phase(), "Succeeded Succeeded", "{what}");
    }
}

#[test]
fn a_deleted_execution_is_cancelled_and_its_status_stays() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    let uid = world.file(Kind::Execution, "run").uid.clone();
    world.remove("planspec/run.yaml");
    world.wait("1m");
    world.reconcile();
    assert_eq!(world.phase(), "Cancelled Cancelled");
    assert_eq!(world.run().message, "its file was deleted");
    let file = world.file(Kind::Execution, "run");
    assert_eq!((file.deleted, &file.uid), (Some(world.now), &uid));
    world.wait("1m");
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    let file = world.file(Kind::Execution, "run");
    assert_eq!((file.deleted, file.generation), (None, 1));
    assert_ne!(file.uid, uid, "a new file of that name is a new run");
    assert_eq!(world.phase(), "Running WaitingForWorkers");
}

#[test]
fn a_file_that_cannot_be_read_is_not_mistaken_for_a_deletion() {
    let mut world = World::empty();
    let text = format!("{}{}", plan("p", &task("a", "")), execution("run", "p", ""));
    world.write("planspec/all.yaml", &text);
    world.write(
        "planspec/other.yaml",
        &resource("Capability", "cap", "description: d"),
    );
    world.reconcile();
    // Removed in a commit that made another file unreadable: it may have moved there.
    world.remove("planspec/all.yaml");
    world.write("planspec/other.yaml", "kind: [");
    world.reconcile();
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    assert_eq!(
        world.says(Kind::Execution, "run", "Valid"),
        "False Unreadable"
    );
    assert_eq!(world.says(Kind::Plan, "p", "Valid"), "False Unreadable");
    // When that can be read again, it is gone for good.
    world.write(
        "planspec/other.yaml",
        &resource("Capability", "cap", "description: d"),
    );
    world.reconcile();
    assert_eq!(world.phase(), "Cancelled Cancelled");
    assert!(world.find(Kind::Plan, "p").is_none());
}

#[test]
fn what_leaves_the_configured_paths_is_not_deleted() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("plans/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.configure("paths: ['planspec/**']");
    // The file is outside the configured paths.
    world.remove("plans/run.yaml");
    world.reconcile();
    assert_eq!(
        world.says(Kind::Execution, "run", "Valid"),
        "False Unreadable"
    );
    world.complete("a");
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

#[test]
fn nothing_is_cancelled_for_being_absent_when_history_was_rewritten() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write(
        "planspec/goal.yaml",
        &resource("Goal", "goal", "description: d"),
    );
    world.write(
        "planspec/run.yaml",
        &execution("run", "p", "goalRef: {name: goal}"),
    );
    world.reconcile();
    let goal = world.file(Kind::Goal, "goal").uid.clone();
    world.remove("planspec/run.yaml");
    world.remove("planspec/goal.yaml");
    world.rewrite_history();
    world.reconcile();
    let notes = &world.last.as_ref().expect("a reconcile").notes;
    assert!(notes[0].contains("rewritten"), "{notes:?}");
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    assert_eq!(world.file(Kind::Goal, "goal").uid, goal);
    // Further reconciles of the same commit do not count as the next one.
    world.wait("1h");
    assert!(!world.reconcile());
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
    world.commit();
    world.reconcile();
    assert_eq!(world.phase(), "Cancelled Cancelled");
    assert!(world.find(Kind::Goal, "goal").is_none());
}

#[test]
fn a_name_that_comes_back_with_a_commit_that_comes_back_is_a_new_run() {
    let mut world = World::empty();
    let p = plan("p", &task("a", ""));
    let text = execution("run", "p", "");
    world.write("planspec/p.yaml", &p);
    world.write("planspec/run.yaml", &text);
    world.reconcile();
    let uid = world.file(Kind::Execution, "run").uid.clone();
    world.remove("planspec/run.yaml");
    world.reconcile();
    world.reset(1, &[("planspec/p.yaml", &p), ("planspec/run.yaml", &text)]);
    world.reconcile();
    assert_eq!(world.phase(), "Running WaitingForWorkers");
    assert_ne!(world.file(Kind::Execution, "run").uid, uid);
}

/// Changes the plan, and loses the pinned revision.
fn lose_the_pins(world: &mut World) {
    world
        .lost
        .clone_from(&world.tree.as_ref().expect("a status").pinned);
    world.write("planspec/p.yaml", &plan("p", &task("z", "")));
}

#[test]
fn a_run_whose_pinned_revision_is_lost_waits_and_says_so() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    lose_the_pins(&mut world);
    world.reconcile();
    assert_eq!(world.phase(), "Blocked PinUnreadable");
    assert!(
        world.run().message.contains("missing"),
        "{}",
        world.run().message
    );
    world.wait("1h");
    assert!(!world.reconcile(), "nothing new");
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(
        world.stands("a"),
        "Pending Ready",
        "what cannot be judged waits"
    );
    world.lost.clear();
    world.reconcile();
    assert_eq!(world.stands("a"), "Running Claimed");
    assert_eq!(world.phase(), "Running Working");
}

#[test]
fn a_run_whose_pinned_revision_is_lost_can_be_stopped() {
    for by in ["request", "deletion"] {
        let mut world = World::empty();
        world.write("planspec/p.yaml", &plan("p", &task("a", "")));
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        lose_the_pins(&mut world);
        match by {
            "request" => world.cancel("user:ana"),
            _ => world.remove("planspec/run.yaml"),
        }
        world.reconcile();
        assert_eq!(world.phase(), "Cancelled Cancelled", "{by}");
        assert_eq!(world.nodes(), "a Cancelled", "{by}");
    }
}

#[test]
fn a_finished_run_needs_nothing_that_it_was_pinned_to() {
    let mut world = World::empty();
    world.write("planspec/p.yaml", &plan("p", &task("a", "")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.complete("a");
    world.write("planspec/p.yaml", &plan("p", &task("z", "")));
    world.reconcile();
    let before = world.file(Kind::Execution, "run").clone();
    assert_eq!(
        world.says(Kind::Execution, "run", "Valid"),
        "True SchemaValid"
    );
    world.remove("planspec/p.yaml");
    world.wait("1h");
    world.reconcile();
    assert_eq!(world.file(Kind::Execution, "run"), &before);
    world.fail("a", ANA);
    world.reconcile();
    assert_eq!(world.unapplied(), ["report RunOver"]);
}

#[test]
fn a_plan_that_a_switched_off_rule_lets_pass_does_not_start_when_it_is_no_graph() {
    let mut world = World::empty();
    world.configure("rules: {PS304: off}");
    let nodes = "{id: a, kind: Task, dependsOn: [b]}, {id: b, kind: Task, dependsOn: [a]}";
    world.write("planspec/p.yaml", &plan("p", nodes));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    assert_eq!(world.phase(), "Pending PlanInvalid");
}

#[test]
fn a_pin_can_be_read_whatever_the_limits_have_become() {
    let mut world = World::empty();
    world.write(
        "planspec/p.yaml",
        &plan("p", &task("a", "inputs: {x: [[[[1]]]]}")),
    );
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.configure("limits: {depth: 3, fileBytes: 10, nodes: 1}");
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
    world.complete("a");
    assert_eq!(world.phase(), "Succeeded Succeeded");
}

// ---- records that are not applied

#[test]
fn why_work_is_not_applied() {
    type Act = fn(&mut World);
    let table: [(&str, Act, &[&str]); 14] = [
        (
            "nobody has claimed",
            |w| w.succeed("a", ANA),
            &["report NotClaimed"],
        ),
        (
            "nobody has claimed",
            |w| w.renew("a", ANA),
            &["renewal NotClaimed"],
        ),
        (
            "nobody has claimed",
            |w| w.release("a", ANA),
            &["release NotClaimed"],
        ),
        ("not its turn", |w| w.claim("b", ANA), &["claim NotOpen"]),
        (
            "an attempt that is not open",
            |w| w.claim_for("a", 2, ANA, None),
            &["claim NotOpen"],
        ),
        (
            "no such node",
            |w| w.claim("z", ANA),
            &["claim UnknownNode"],
        ),
        (
            "claimed already",
            |w| {
                w.claim("a", ANA);
                w.claim("a", BEN);
            },
            &["claim Claimed"],
        ),
        (
            "claimed by somebody else",
            |w| {
                w.claim("a", ANA);
                w.succeed("a", BEN);
                w.release("a", BEN);
                w.renew("a", BEN);
            },
            &[
                "report WrongActor",
                "release WrongActor",
                "renewal WrongActor",
            ],
        ),
        (
            "reported twice",
            |w| {
                w.claim("a", ANA);
                w.succeed("a", ANA);
                w.fail("a", ANA);
            },
            &["report NodeOver"],
        ),
        (
            "after the release",
            |w| {
                w.claim("a", ANA);
                w.release("a", ANA);
                w.succeed("a", ANA);
            },
            &["report OldAttempt"],
        ),
        (
            "without a declared output",
            |w| {
                w.claim("b2", ANA);
                w.succeed("b2", ANA);
            },
            &["report OutputsMissing"],
        ),
        (
            "said for another node",
            |w| {
                let action = Action::Claim {
                    node: "b2".to_owned(),
                    attempt: 1,
                    lease: None,
                    adopts: None,
                    done_before: false,
                };
                let record = w.record(ANA, action);
                w.push(&w.work_ref("a", 1), record);
            },
            &["claim Misplaced"],
        ),
        (
            "said for another attempt",
            |w| {
                let action = Action::Claim {
                    node: "a".to_owned(),
                    attempt: 2,
                    lease: None,
                    adopts: None,
                    done_before: false,
                };
                let record = w.record(ANA, action);
                w.push(&w.work_ref("a", 1), record);
            },
            &["claim Misplaced"],
        ),
        (
            "not work at all",
            |w| {
                w.cancel(ANA);
                let action = Action::Request {
                    node: None,
                    rebind: false,
                    again: false,
                    plan: None,
                    request: crate::core::run::record::RequestKind::Cancel,
                    comment: String::new(),
                };
                let record = w.record(ANA, action);
                w.push(&w.work_ref("a", 1), record);
            },
            &["cancel Misplaced"],
        ),
    ];
    for (what, act, expected) in table {
        let b = task("b", "dependsOn: [a]");
        let mut world = run(&[&task("a", ""), &b, &task("b2", "outputs: [{name: x}]")]);
        act(&mut world);
        world.reconcile();
        assert_eq!(world.unapplied(), expected, "{what}");
        let note = world.run().extensions.unapplied[0].clone();
        assert_eq!(note.seen, world.now);
        assert_ne!(note.message, "", "{what}");
        let tips = &world.run().extensions.records;
        assert!(
            tips.contains_key(&note.ref_name),
            "{what}: it is remembered"
        );
        let evidence = &world.last.as_ref().expect("a reconcile").evidence;
        assert!(
            evidence.contains(&tips[&note.ref_name]),
            "{what}: it is kept"
        );
    }
}

#[test]
fn a_record_for_another_run_or_repository_is_not_applied() {
    let mut world = one_task("");
    let claim = || Action::Claim {
        node: "a".to_owned(),
        attempt: 1,
        lease: None,
        adopts: None,
        done_before: false,
    };
    let mut elsewhere = world.record(ANA, claim());
    elsewhere.record.repository = "another".to_owned();
    let mut namesake = world.record(ANA, claim());
    let run = namesake.record.execution.as_mut().unwrap();
    run.uid = "another".to_owned();
    let address = world.work_ref("a", 1);
    world.push(&address, elsewhere);
    world.push(&address, namesake);
    world.reconcile();
    assert_eq!(
        world.unapplied(),
        ["claim OtherRepository", "claim OtherRun"]
    );
}

#[test]
fn a_record_on_a_ref_of_another_name_is_not_applied() {
    // The ref is the lock: the same attempt under another name is not locked.
    let mut world = one_task("");
    let mut run = world.run_ref();
    run.name = "aaa".to_owned();
    let action = Action::Claim {
        node: "a".to_owned(),
        attempt: 1,
        lease: None,
        adopts: None,
        done_before: false,
    };
    let record = world.record(ANA, action);
    let work = Address::Work {
        run: run.clone(),
        node: "a".to_owned(),
        attempt: 1,
    };
    world.push(&work, record);
    world.claim("a", BEN);
    let request = Action::Request {
        node: None,
        rebind: false,
        again: false,
        plan: None,
        request: crate::core::run::record::RequestKind::Cancel,
        comment: String::new(),
    };
    let record = world.record(ANA, request);
    world.push(
        &Address::Request {
            run,
            id: "x".to_owned(),
        },
        record,
    );
    world.reconcile();
    assert_eq!(world.unapplied(), ["claim Misplaced", "cancel Misplaced"]);
    let claim = world.node("a").extensions.claim.expect("a claim");
    assert_eq!(claim.actor, BEN);
}

#[test]
fn records_before_the_start_are_not_applied() {
    let mut world = World::of(&[execution("run", "p", "")]);
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.unapplied(), ["claim NotStarted"]);
    // The ref exists, so the first attempt that can be claimed is the second.
    world.write("planspec/plan.yaml", &plan("p", &task("a", "")));
    world.reconcile();
    assert_eq!(
        (world.stands("a").as_str(), world.node("a").attempt),
        ("Pending Ready", 2)
    );
}

#[test]
fn records_about_an_execution_that_is_not_there_are_only_told() {
    let mut world = one_task("");
    let mut run = world.run_ref();
    run.uid = "gone".to_owned();
    let action = Action::Claim {
        node: "a".to_owned(),
        attempt: 1,
        lease: None,
        adopts: None,
        done_before: false,
    };
    let record = world.record(ANA, action);
    world.push(
        &Address::Work {
            run,
            node: "a".to_owned(),
            attempt: 1,
        },
        record,
    );
    assert!(!world.reconcile());
    let last = world.last.as_ref().expect("a reconcile");
    assert!(last.notes[0].contains("gone"), "{:?}", last.notes);
    assert!(last.evidence.is_empty());
}

#[test]
fn an_attempt_whose_ref_is_taken_by_nonsense_is_passed_over() {
    let mut world = one_task("");
    // A claim that comes too early occupies the ref of its attempt.
    world.claim_for("a", 2, ANA, None);
    world.refused.insert(world.work_ref("a", 3));
    world.claim("a", BEN);
    world.release("a", BEN);
    world.reconcile();
    assert_eq!(
        (world.stands("a").as_str(), world.node("a").attempt),
        ("Pending Ready", 4)
    );
    world.refused.insert(world.work_ref("a", 4));
    world.reconcile();
    assert_eq!(world.node("a").attempt, 5);
}

#[test]
fn only_the_last_twenty_records_that_were_not_applied_are_listed() {
    let mut world = one_task("");
    for number in 0..30 {
        world.report(
            "a",
            1,
            &format!("agent:{number}"),
            ReportResult::Failed,
            json!({}),
        );
    }
    world.reconcile();
    let unapplied = &world.run().extensions.unapplied;
    assert_eq!(unapplied.len(), 20);
    assert_eq!(unapplied[0].actor, "agent:10");
    assert_eq!(unapplied[19].actor, "agent:29");
}

#[test]
fn a_rewritten_ref_is_listed_and_nothing_on_it_is_believed() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.reconcile();
    let action = Action::Report {
        node: "a".to_owned(),
        attempt: 1,
        result: ReportResult::Succeeded,
        outputs: Default::default(),
        message: String::new(),
        commit: None,
        claim: None,
        artifacts: Vec::new(),
    };
    let report = world.record(ANA, action);
    world.overwrite(&world.work_ref("a", 1), report);
    world.reconcile();
    assert_eq!(world.unapplied(), ["rewrite RefRewritten"]);
    // No further records are read there.
    assert_eq!(world.stands("a"), "Pending Ready");
    assert_eq!(world.node("a").attempt, 2);
}

#[test]
fn an_attempt_without_a_lease_whose_ref_is_spoiled_goes_on_as_the_next_one() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.reconcile();
    world.refused.insert(world.work_ref("a", 1));
    world.reconcile();
    assert_eq!(world.stands("a"), "Pending Ready");
    let message = world.node("a").message;
    assert!(
        message.contains("no longer holds the records of agent:ana"),
        "{message}"
    );
    assert!(world.adopt("a", ReportResult::Succeeded));
    world.reconcile();
    assert_eq!(world.node("a").phase, NodePhase::Succeeded);
}

#[test]
fn a_record_is_applied_once_whoever_repeats_it() {
    let mut world = one_task("");
    world.claim("a", ANA);
    world.reconcile();
    let claim = world.node("a").extensions.claim.clone();
    let chain = crate::core::run::record::Incoming {
        address: world.work_ref("a", 1),
        tip: claim.expect("a claim").record,
        records: Vec::new(),
        rewritten: false,
    };
    world.wait("1m");
    let before = world.tree.clone();
    world.again(chain);
    assert_eq!(world.tree, before);
}

// ---- reviews that are not applied

#[test]
fn why_a_review_is_not_applied() {
    type Act = fn(&mut World, &str);
    let table: [(&str, Act, &[&str]); 8] = [
        (
            "another digest",
            |w, _| w.review_of("ok", "team/g", "sha256:0", "ana", ReviewAction::Approve),
            &["approve OtherDigest"],
        ),
        (
            "not a reviewer",
            |w, digest| w.review_of("ok", "team/g", digest, "eve", ReviewAction::Approve),
            &["approve NotAReviewer"],
        ),
        (
            "not a reviewer",
            |w, digest| w.review_of("ok", "team/g", digest, "eve", ReviewAction::Reject),
            &["reject NotAReviewer"],
        ),
        (
            "another gate",
            |w, digest| w.review_of("ok", "team/h", digest, "ana", ReviewAction::Approve),
            &["approve UnknownNode"],
        ),
        (
            "a node that is no gate",
            |w, digest| w.review_of("a", "team/g", digest, "ana", ReviewAction::Approve),
            &["approve UnknownNode"],
        ),
        (
            "a gate that does not wait yet",
            |w, digest| w.review_of("later", "team/g", digest, "ana", ReviewAction::Approve),
            &["approve NotWaiting"],
        ),
        (
            "a gate that is decided",
            |w, digest| {
                w.review_of("ok", "team/g", digest, "ana", ReviewAction::Approve);
                w.reconcile();
                w.review_of("ok", "team/g", digest, "ana", ReviewAction::Reject);
            },
            &["reject Decided"],
        ),
        (
            "on the ref of another reviewer",
            |w, digest| {
                let action = Action::Review {
                    node: "ok".to_owned(),
                    gate: "team/g".to_owned(),
                    digest: digest.to_owned(),
                    decision: ReviewAction::Approve,
                    comment: String::new(),
                    target_generation: 0,
                };
                let record = w.record("ana", action);
                let address = Address::review("team", "g", &w.run_ref().uid, "eve");
                w.push(&address, record);
            },
            &["approve Misplaced"],
        ),
    ];
    for (what, act, expected) in table {
        let nodes = [
            "{id: ok, kind: Gate, gateRef: {name: g}}",
            "{id: a, kind: Task}",
            "{id: later, kind: Gate, gateRef: {name: g}, dependsOn: [a]}",
        ];
        let mut world = run_with(&nodes, "", &[gate("g", "p", "reviewers: ['user:ana']")]);
        let digest = world.node("ok").extensions.decision.expect("waits").digest;
        act(&mut world, &digest);
        world.reconcile();
        assert_eq!(world.unapplied(), expected, "{what}");
        assert_eq!(world.stands("a"), "Pending Ready", "{what}");
    }
}

#[test]
fn transitions_tell_what_moved() {
    let mut world = run_with(&GATED, "", &[gate("g", "p", "")]);
    assert_eq!(
        world.moved(),
        ["p - → Ready", "g - → Pending", "run - → Running"]
    );
    world.claim("a", ANA);
    world.reconcile();
    assert_eq!(world.moved(), ["run/a Pending → Running"]);
    world.release("a", ANA);
    world.reconcile();
    assert_eq!(world.moved(), ["run/a Running → Pending"]);
    world.complete("a");
    assert_eq!(
        world.moved(),
        [
            "g Pending → Waiting",
            "run Running → Blocked",
            "run/a Running → Succeeded",
            "run/ok Pending → Blocked",
        ]
    );
    world.approve("ok", "ana");
    world.reconcile();
    assert_eq!(
        world.moved(),
        [
            "g Waiting → Approved",
            "run Blocked → Running",
            "run/ok Blocked → Succeeded"
        ]
    );
}

#[test]
fn what_waits_for_whom() {
    let capability = resource("Capability", "cap", "description: d");
    let binding = resource(
        "Binding",
        "bind",
        "rules: [{selector: {capabilityRef: {name: cap}}, target: {provider: 'agent://x'}}]",
    );
    let nodes = [
        task("bound", "capabilityRefs: [{name: cap}]"),
        task("open", ""),
        task("busy", ""),
        task("again", "retries: 1"),
        "{id: odd, kind: External, externalRef: {type: uri, uri: 'https://x.example'}}".to_owned(),
        task("later", "dependsOn: [open]"),
        "{id: ok, kind: Gate, gateRef: {name: g}}".to_owned(),
    ];
    let mut world = World::of(&[
        plan("p", &nodes.join(", ")),
        capability,
        binding,
        gate("g", "p", "reviewers: ['team:x']"),
        execution("run", "p", "bindingRef: {name: bind}"),
    ]);
    world.claim("busy", ANA);
    world.claim("again", ANA);
    world.fail("again", ANA);
    world.reconcile();
    let found = world.waits();
    let found: Vec<(String, String)> = found
        .into_iter()
        .map(|waits| {
            assert_eq!(waits.execution, key(Kind::Execution, "run"));
            let what = match waits.what {
                WaitingFor::Worker { provider, attempt } => {
                    format!(
                        "{} for attempt {attempt}",
                        provider.unwrap_or("anybody".to_owned())
                    )
                }
                WaitingFor::Report { actor, expires } => {
                    format!(
                        "{actor} until {}",
                        world.since_start(expires.expect("a lease"))
                    )
                }
                WaitingFor::Approval { gate, progress } => format!("{gate}: {progress}"),
                WaitingFor::Retry { at } => {
                    format!("a retry at {}", world.since_start(at.expect("a moment")))
                }
                WaitingFor::External { why }
                | WaitingFor::Repository { why }
                | WaitingFor::Other { why } => why,
                WaitingFor::Verification { reported_by, .. } => reported_by,
                WaitingFor::Answer { question, .. } => question,
                WaitingFor::Criterion { criterion, .. } => criterion,
            };
            (waits.node.expect("a node"), what)
        })
        .collect();
    let expected = [
        ("again", "a retry at 12"),
        ("bound", "agent://x for attempt 1"),
        ("busy", "agent:ana until 1800"),
        ("odd", "waits for https://x.example"),
        ("ok", "team/g: 0 of 1 approvals; reviewers: team:x"),
        ("open", "anybody for attempt 1"),
    ];
    let expected: Vec<(String, String)> = expected
        .into_iter()
        .map(|(node, what)| (node.to_owned(), what.to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_chain_of_thousands_of_nodes_is_legal() {
    let nodes: Vec<String> = (0..1000)
        .map(|at| match at {
            0 => task("n0", ""),
            at => task(&format!("n{at}"), &format!("dependsOn: [n{}]", at - 1)),
        })
        .collect();
    let mut world = World::empty();
    world.configure("limits: {nodes: 100000}");
    world.write("planspec/p.yaml", &plan("p", &nodes.join(", ")));
    world.write("planspec/run.yaml", &execution("run", "p", ""));
    world.reconcile();
    world.claim("n0", ANA);
    world.fail("n0", ANA);
    world.reconcile();
    assert_eq!(world.phase(), "Failed NodeFailed");
    assert_eq!(world.stands("n999"), "Skipped DependencyFailed");
    let Status::Plan(plan) = &world.file(Kind::Plan, "p").status else {
        panic!("a plan");
    };
    assert_eq!(plan.node_count, 1000);
}
