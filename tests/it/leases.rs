//! How long an actor may be silent, and what happens afterwards.

use crate::resources::{
    binding, capability, execution, execution_with, file, plan, plan_with, task,
};
use crate::sandbox::{Place, SHARED, Sandbox, text};

/// A run of one task that anyone may do, reconciled once.
fn started<'a>(sandbox: &'a Sandbox, config: &str, more: &str) -> Place<'a> {
    let place = sandbox.repository("solo");
    place.write(".planspec.yaml", config).publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one").with(more)]), execution("run", "p")]),
    );
    place.run("reconcile").ok();
    place
}

#[test]
fn a_lease_that_expires_opens_the_next_attempt_and_a_report_that_comes_late_is_refused_or_not_applied()
 {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("claim run/one --as agent:slow").ok();
    ana.run("reconcile").ok();
    sandbox.minutes_pass(29);
    ana.run("reconcile").ok().says("nothing to do");
    sandbox.minutes_pass(2);
    ana.run("reconcile")
        .ok()
        .says("the lease of agent:slow expired");
    assert_eq!(ana.node_phase("run/one"), "Pending");
    assert_eq!(ana.node("run/one")["attempt"], 2);

    ana.run("claim run/one --as agent:fast").ok();
    ben.run("report run/one --as agent:slow --succeeded")
        .exits(9)
        .notes("attempt 1 of default/run/one has ended: agent:fast has attempt 2")
        .notes("planspec next");
    // Without planspec, an actor learns it from the status.
    ben.writes_by_hand(
        "run/one",
        1,
        "agent:slow",
        "kind: Report\nresult: succeeded",
    );
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["OldAttempt"]);
    assert_eq!(ana.node_phase("run/one"), "Running");
    ana.run("describe execution run").ok().says("OldAttempt");

    ana.run("report run/one --as agent:fast --succeeded --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let report = &ana.node("run/one")["extensions"]["report"];
    assert_eq!(report["actor"], "agent:fast");
}

#[test]
fn an_expired_lease_is_no_failure() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "", "retries: 0\n");
    for attempt in 1..4 {
        assert_eq!(solo.node("run/one")["attempt"], attempt);
        solo.run("claim run/one --as agent:a --reconcile").ok();
        sandbox.minutes_pass(31);
        solo.run("reconcile").ok();
    }
    assert_eq!(solo.node_phase("run/one"), "Pending");
    assert!(solo.node("run/one")["extensions"]["failures"].is_null());
}

#[test]
fn renewing_a_claim_keeps_the_lease() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "", "");
    solo.run("claim run/one --as agent:a --reconcile").ok();
    for _ in 0..3 {
        sandbox.minutes_pass(20);
        solo.run("claim run/one --renew --as agent:a --reconcile")
            .ok();
    }
    assert_eq!(solo.node_phase("run/one"), "Running");
    assert_eq!(solo.node("run/one")["attempt"], 1);
    solo.run("claim run/one --renew --as agent:b")
        .exits(9)
        .notes("claimed by agent:a");
}

#[test]
fn records_are_read_before_leases_are_judged() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "", "");
    solo.run("claim run/one --as agent:a --reconcile").ok();
    sandbox.minutes_pass(60);
    // There was no reconcile in between: the report is in time.
    solo.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn a_lease_begins_when_reconcile_first_sees_the_claim() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "", "");
    solo.run("claim run/one --as agent:a").ok();
    sandbox.minutes_pass(25);
    solo.run("reconcile").ok();
    sandbox.minutes_pass(25);
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("run/one"), "Running");
}

#[test]
fn a_worker_may_ask_for_a_shorter_lease_and_a_longer_one_than_configured_is_refused() {
    for (asked, minutes) in [("5m", 5), ("10m", 10)] {
        let sandbox = Sandbox::new();
        let solo = started(&sandbox, "lease: 10m\n", "");
        solo.run(&format!(
            "claim run/one --as agent:a --lease {asked} --reconcile"
        ))
        .ok()
        .says(&format!("lease until 2026-01-31T12:{minutes:02}:00Z\n"));
        for verb in ["claim run/one", "claim run/one --renew"] {
            solo.run(&format!("{verb} --as agent:a --lease 10m1s"))
                .exits(1)
                .notes("a lease of 10m1s is longer than the maximum, 10m")
                .notes("`lease` in .planspec.yaml on `main`");
        }
        sandbox.minutes_pass(minutes - 1);
        solo.run("reconcile").ok();
        assert_eq!(solo.node_phase("run/one"), "Running", "{asked}");
        sandbox.minutes_pass(1);
        solo.run("reconcile").ok();
        assert_eq!(solo.node_phase("run/one"), "Pending", "{asked}");
    }
}

#[test]
fn who_asks_for_too_much_by_hand_gets_what_is_configured() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write(".planspec.yaml", format!("{SHARED}lease: 10m\n"));
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.writes_by_hand("run/one", 1, "agent:a", "kind: Claim\nlease: 3h");
    ana.run("reconcile").ok();
    let claim = ana.node("run/one")["extensions"]["claim"].clone();
    assert_eq!(claim["expires"], "2026-01-31T12:10:00Z");
}

#[test]
fn people_have_no_lease() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[
            capability("writing"),
            binding("team", &[("writing", "human://ana")]),
            plan("p", &[task("one").needs("writing")]),
            execution_with("run", "p", "bindingRef: {name: team}\n"),
        ]),
    );
    solo.run("reconcile").ok();
    solo.run("claim run/one --reconcile").ok();
    sandbox.minutes_pass(60 * 24 * 30);
    solo.run("reconcile").ok().says("nothing to do");
    assert_eq!(solo.node_phase("run/one"), "Running");
}

#[test]
fn who_releases_a_claim_opens_the_next_attempt_without_a_failure() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "", "");
    solo.run("claim run/one --as agent:a --reconcile").ok();
    solo.run("release run/one --as agent:b")
        .exits(9)
        .notes("claimed by agent:a");
    solo.run("release run/one --as agent:a -m 'too hard' --reconcile")
        .ok();
    let node = solo.node("run/one");
    assert_eq!(
        (text(&node["phase"]), &node["attempt"]),
        ("Pending".to_owned(), &2.into())
    );
    assert!(text(&node["message"]).contains("too hard"), "{node}");
    solo.works("run/one", "agent:b");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn the_timeout_of_a_task_counts_from_its_start_and_fails_the_attempt() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox, "", "timeout: 20m\nretries: 1\n");
    solo.run("claim run/one --as agent:a --reconcile").ok();
    sandbox.minutes_pass(15);
    solo.run("claim run/one --as agent:a --renew --reconcile")
        .ok();
    sandbox.minutes_pass(5);
    solo.run("reconcile").ok();
    assert_eq!(solo.node("run/one")["extensions"]["failures"], 1);
    sandbox.minutes_pass(1);
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a --reconcile").ok();
    sandbox.minutes_pass(20);
    solo.run("reconcile").ok();
    assert_eq!(solo.node_phase("run/one"), "Failed");
    assert_eq!(
        text(&solo.node("run/one")["extensions"]["reason"]),
        "TimedOut"
    );
    assert_eq!(solo.phase("execution/run"), "Failed");
}

#[test]
fn the_timeout_of_a_goal_counts_from_the_first_start() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[
            crate::resources::resource("Goal", "g", "description: Soon\ntimeout: 7d\n"),
            plan_with("p", "goalRef: {name: g}\n", &[task("one")]),
            execution("run", "p"),
        ]),
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("goal/g"), "Executing");
    sandbox.minutes_pass(7 * 24 * 60);
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("goal/g"), "Failed");
}

#[test]
fn a_claim_of_a_node_that_is_not_ready_is_refused() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("one"), task("two").after("one")];
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    solo.run("claim run/one --as agent:a")
        .exits(1)
        .notes("planspec reconcile");
    solo.run("reconcile").ok();
    solo.run("claim run/two --as agent:a")
        .exits(1)
        .notes("waits for one");
    solo.run("claim run/tow --as agent:a")
        .exits(1)
        .notes("did you mean `two`?");
    solo.run("claim rum/one --as agent:a")
        .exits(1)
        .notes("did you mean `run`?");
    solo.run("claim one --as agent:a")
        .exits(1)
        .notes("there is no execution `one`");
    solo.run("claim run/one --as agent:a").ok();
    solo.run("claim run/one --as agent:b").exits(9);
    solo.run("next").ok().notes("nothing can be claimed now");
}
