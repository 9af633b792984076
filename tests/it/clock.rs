//! A wrong clock is noticed before it does harm, and a forged date cannot cause that.

use crate::http::GitServer;
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, Sandbox};

/// A run of two tasks with timeouts, one of which is claimed.
fn at_work<'a>(sandbox: &'a Sandbox, lease: &str) -> Place<'a> {
    let ana = sandbox.team("ana");
    let config = format!("status: {{remote: origin}}\nlease: {lease}\n");
    ana.write(".planspec.yaml", config).publish(
        "planspec/all.yaml",
        file(&[
            plan("p", &[task("dig"), task("fill").with("timeout: 2h\n")]),
            execution("run", "p"),
        ]),
    );
    ana.run("reconcile").ok();
    ana.run("claim run/dig --as agent:a --reconcile").ok();
    ana
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

#[test]
fn a_clock_that_is_a_year_ahead_writes_nothing() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    let before = ana.status_tip();
    let ahead = [("PLANSPEC_NOW", "2027-01-31T12:00:00Z")];
    ana.run_in(&ahead, "reconcile")
        .exits(1)
        .notes("nothing was written")
        .notes("passed 364d23h ago")
        .notes("planspec reconcile --accept-time");
    let page = include_str!("../../docs/executions.md");
    let said = ana.run_in(&ahead, "reconcile").err;
    assert!(page.contains(&said), "docs/executions.md: {said}");
    let refused = ana.run_in(&ahead, "reconcile -o json").exits(1);
    refused.refusal("notReady");
    assert_eq!(ana.status_tip(), before);
    // A dry run still works.
    ana.run_in(&ahead, "reconcile --dry-run")
        .ok()
        .notes("passed 364d23h ago")
        .says("the lease of agent:a expired");
    assert_eq!(ana.status_tip(), before);

    // Users with a correct clock see no effect.
    ana.run("report run/dig --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/dig"), "Succeeded");
}

#[test]
fn a_time_that_was_accepted_is_said_on_every_reconcile_until_it_has_come() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    let ahead = [("PLANSPEC_NOW", "2027-01-31T12:00:00Z")];
    ana.run_in(&ahead, "reconcile --accept-time")
        .ok()
        .says("the lease of agent:a expired");
    for _ in 0..2 {
        ana.run("reconcile")
            .ok()
            .notes("365d behind the status, which was written at 2027-01-31T12:00:00Z");
    }
    let answer = ana.run("reconcile -o json").ok().answer("Reconcile");
    assert!(answer["notes"].to_string().contains("behind the status"));
    ana.run("claim run/fill --as agent:b").ok();
    ana.run("reconcile")
        .exits(1)
        .notes("written at 2027-01-31T12:00:00Z");
    ana.run("reconcile --accept-time").ok();
    assert_eq!(ana.node("run/fill")["startTime"], "2027-01-31T12:00:00Z");
}

#[test]
fn a_quiet_time_is_no_jump() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "168h");
    // The last reconcile was ten days ago, and the lease ended three days ago.
    sandbox.minutes_pass(10 * DAY);
    ana.run("reconcile")
        .ok()
        .says("the lease of agent:a expired")
        .never_says("the clock");
}

#[test]
fn what_was_done_in_time_is_not_late_when_it_is_read() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    ana.run("report run/dig --as agent:a --succeeded").ok();
    sandbox.minutes_pass(20 * DAY);
    ana.run("reconcile").ok().never_says("the clock");
    assert_eq!(ana.node_phase("run/dig"), "Succeeded");
}

#[test]
fn a_few_minutes_behind_are_nothing() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    let early = sandbox.now();
    sandbox.minutes_pass(4);
    ana.run("claim run/fill --as agent:b --reconcile").ok();
    let slow = [("PLANSPEC_NOW", early.as_str())];
    ana.run("report run/fill --as agent:b --succeeded").ok();
    ana.run_in(&slow, "reconcile").ok().never_says("the clock");
}

#[test]
fn dates_of_actors_never_cause_a_refusal() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    for date in ["1970-01-02T00:00:00Z", "2099-12-31T00:00:00Z"] {
        let theirs = [
            ("PLANSPEC_NOW", date),
            ("GIT_AUTHOR_DATE", date),
            ("GIT_COMMITTER_DATE", date),
        ];
        ana.run_in(&theirs, "claim run/dig --renew --as agent:a")
            .ok();
        let mut commit = ana.command("git");
        commit.envs(theirs).args(["commit", "-q", "--allow-empty"]);
        let committed = commit.args(["-m", "A silly date"]).status();
        assert!(committed.expect("git").success());
        ana.push();
        ana.run("reconcile").ok().never_says("the clock");
    }
    assert_eq!(ana.node_phase("run/dig"), "Running");
    sandbox.minutes_pass(31);
    ana.run("reconcile")
        .ok()
        .says("the lease of agent:a expired");
}

#[test]
fn a_server_that_says_its_time_is_a_witness() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    ana.run("report run/dig --as agent:a --succeeded").ok();
    let day = "Sat, 31 Jan 2026 12:00:00 GMT";
    let server = GitServer::at_time(&sandbox.path(""), &ana.command("git"), day);
    ana.git(&format!(
        "remote set-url origin {}",
        server.url("origin.git")
    ));
    let before = ana.status_tip();
    sandbox.minutes_pass(DAY + 1);
    ana.run("reconcile")
        .exits(1)
        .notes("1d ahead of the remote, whose server says 2026-01-31T12:00:00Z");
    assert_eq!(ana.status_tip(), before);
    sandbox.minutes_pass(-2);
    ana.run("reconcile").ok().never_says("the clock");
    assert_ne!(ana.status_tip(), before);
}

#[test]
fn the_year_9999_is_no_date() {
    let sandbox = Sandbox::new();
    let ana = at_work(&sandbox, "30m");
    let before = ana.status_tip();
    let end = [("PLANSPEC_NOW", "9999-12-31T12:00:00Z")];
    for verb in ["reconcile", "reconcile --accept-time"] {
        ana.run_in(&end, verb)
            .exits(1)
            .notes("which is not a valid date for a status");
    }
    assert_eq!(ana.status_tip(), before);
}
