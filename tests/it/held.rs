//! What is held, by whom and in which session; what comes late or twice.

use serde_json::json;

use crate::resources::{execution, file, plan, resource_in, task};
use crate::sandbox::{Place, Sandbox, text};

/// A run of two tasks side by side, reconciled once, shared through a remote.
fn started(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    let nodes = [task("one").with("retries: 1\n"), task("two")];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana
}

#[test]
fn a_report_after_the_end_of_the_lease_is_the_next_attempt_where_nobody_has_it() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("claim run/one --as agent:slow").ok();
    ana.run("reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    assert_eq!(ana.node("run/one")["attempt"], 2);
    // Somebody else has not done it.
    ana.run("report run/one --as agent:fast --succeeded")
        .exits(1)
        .notes("nobody has claimed");
    let ran = ben.run("report --as agent:slow --succeeded -o json").ok();
    let reported = ran.answer("Reported");
    assert_eq!(
        (&reported["attempt"], &reported["adopts"]),
        (&json!(2), &json!(1))
    );
    assert!(text(&reported["notes"][0]).contains("the lease of attempt 1"));
    ana.run("claim run/one --as agent:fast").exits(9);
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
    ana.git("fetch -q");
    ana.run("log execution/run").ok().says("agent:slow");
    // Once more is the same report.
    ben.run("report run/one --as agent:slow --succeeded")
        .ok()
        .says("already reported default/run/one attempt 2");
}

#[test]
fn of_two_who_come_late_and_early_one_gets_the_attempt() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:slow --reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    let mut all = Vec::new();
    for command in [
        "report run/one --as agent:slow --succeeded",
        "claim run/one --as agent:fast",
    ] {
        all.push(ana.planspec(command).spawn().unwrap());
    }
    let codes: Vec<_> = all
        .iter_mut()
        .map(|child| child.wait().unwrap().code())
        .collect();
    let won = codes.iter().filter(|code| **code == Some(0)).count();
    assert_eq!(won, 1, "{codes:?}");
    assert!(codes.contains(&Some(9)), "{codes:?}");
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}

#[test]
fn what_was_done_before_a_retry_is_not_reported_for_what_comes_after_it() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes = [task("one"), task("two").after("one")];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    ana.run("claim run/two --as agent:slow --reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    ana.run("retry run/one --again --reconcile").ok();
    ana.works("run/one", "agent:a");
    ana.run("report run/two --as agent:slow --succeeded")
        .exits(9)
        .notes("is over")
        .notes("planspec claim run/two");
    ana.works("run/two", "agent:slow");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn the_same_report_twice_is_one_report_and_the_opposite_is_a_conflict() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/two --as agent:a").ok();
    let report = "report run/two --as agent:a --succeeded --set x=1";
    let first = ana.run(&format!("{report} -o json")).ok();
    let record = first.answer("Reported")["record"].clone();
    // Before and after it is taken in, and when the run is over.
    for end in ["reconcile", "cancel run --reconcile"] {
        let again = ana.run(&format!("{report} -o json")).ok();
        let again = again.answer("Reported");
        assert_eq!(
            (&again["already"], &again["record"]),
            (&json!(true), &record)
        );
        ana.run("report run/two --as agent:a --failed")
            .exits(9)
            .notes("was reported as succeeded already");
        ana.run("report run/two --as agent:a --succeeded --set x=2")
            .exits(9)
            .notes("with other outputs");
        ana.run(end).ok();
    }
    ana.run(report).ok().says("already reported");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}

#[test]
fn a_failure_that_is_reported_twice_counts_once() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana.run("report run/one --as agent:a --failed --reconcile")
        .ok();
    ana.run("report run/one --as agent:a --failed --reconcile")
        .ok()
        .says("already reported default/run/one attempt 1 as failed");
    assert_eq!(ana.node("run/one")["extensions"]["failures"], 1);
    ana.run("report run/one --as agent:a --succeeded")
        .exits(9)
        .notes("planspec claim run/one -n default");
}

#[test]
fn two_work_trees_are_two_workers_of_one_name() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.git("worktree add -q ../beside");
    let beside = sandbox.place("beside");
    let ran = ana.run("claim run/one --as agent:a -o json").ok();
    let claim = text(&ran.answer("Claimed")["claim"]);
    beside
        .run("claim run/one --as agent:a")
        .exits(9)
        .notes("in another session")
        .notes(&format!("--claim {claim}"));
    for _ in 0..2 {
        for verb in [
            "report run/one --succeeded",
            "release run/one",
            "claim run/one --renew",
        ] {
            beside
                .run(&format!("{verb} --as agent:a"))
                .exits(9)
                .notes("in another session")
                .notes(&format!("--claim {claim}"));
        }
        // Also when the status knows it.
        ana.run("reconcile").ok();
    }
    // Who claims again in the same session renews.
    ana.run("claim run/one --as agent:a")
        .ok()
        .says("renewed default/run/one attempt 1 as agent:a")
        .says(&format!("claim {claim}"));
    // A job that reports for another names the claim.
    beside
        .run(&format!(
            "report run/one --as agent:a --claim {claim} --succeeded --reconcile"
        ))
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
    // A record of another session that was written all the same does not count.
    ana.run("claim run/two --as agent:a --session one --reconcile")
        .ok();
    let report = "kind: Report\nresult: failed\nsession: other";
    ana.writes_by_hand("run/two", 1, "agent:a", report);
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["OtherSession"]);
    ana.run("report run/two --as agent:a --session one --succeeded --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn the_session_of_the_environment_is_the_same_everywhere() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    let session = [("PLANSPEC_SESSION", "s-1"), ("PLANSPEC_ACTOR", "agent:a")];
    ana.run_in(&session, "claim run/one --reconcile").ok();
    let claim = ana.node("run/one")["extensions"]["claim"].clone();
    assert_eq!(text(&claim["session"]).len(), 32);
    assert!(!claim.to_string().contains("s-1"), "{claim}");
    ben.run_in(&session, "report run/one --succeeded --reconcile")
        .ok();
    ana.git("fetch -q");
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn a_verb_without_a_node_is_about_the_only_one_that_is_held() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("report --as agent:a --succeeded")
        .exits(2)
        .notes("agent:a holds nothing")
        .notes("EXECUTION/NODE");
    ana.run("claim run/one --as agent:a").ok();
    ana.run("claim run/two --as agent:a").ok();
    for verb in ["report --succeeded", "release", "claim --renew"] {
        ana.run(&format!("{verb} --as agent:a"))
            .exits(2)
            .notes("agent:a holds 2 nodes here: default/run/one, default/run/two");
        ana.run(&format!("{verb} --as agent:b"))
            .exits(2)
            .notes("agent:b holds nothing");
    }
    ana.run("claim").exits(2);
    ana.run("release run/two --as agent:a --reconcile").ok();
    ana.run("claim --renew --as agent:a --reconcile")
        .ok()
        .says("renewed default/run/one");
    ana.run("report --succeeded --as agent:a --reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    // What is over is held no more, whoever ended it.
    ana.run("claim run/two --as agent:a --reconcile").ok();
    ana.run("cancel run --reconcile").ok();
    ana.run("release --as agent:a")
        .exits(2)
        .notes("agent:a holds nothing");
}

#[test]
fn who_holds_nothing_and_names_nobody_is_told_the_flag() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:coder --reconcile").ok();
    for verb in [
        "report run/one --succeeded",
        "release run/one",
        "claim run/one --renew",
    ] {
        ana.run(verb).exits(9).notes("--as agent:coder");
    }
}

/// What a section of a page of docs/ shows: each command says what stands there, on either stream. `ID` stands for the id of a
/// record; notes about what comes next are left out there.
pub fn shows(place: &Place<'_>, page: &str, first: &str) {
    let start = format!("```\n$ planspec {first}");
    let block = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("no example `{first}`"));
    let block = block.1.split("\n```").next().unwrap();
    let block = &format!("$ planspec {first}{block}");
    for part in block.split("$ planspec ").skip(1) {
        let (command, expected) = part.split_once('\n').unwrap();
        let ran = place.run(command);
        let all = format!("{}{}", ran.out, ran.err);
        let is_told = |line: &&str| !line.starts_with("next: ");
        let lines: Vec<String> = all.lines().filter(is_told).map(without_ids).collect();
        assert_eq!(lines.join("\n"), expected.trim_end(), "planspec {command}");
    }
}

fn without_ids(line: &str) -> String {
    let is_id = |word: &str| word.len() == 40 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = line.split(' ').map(|word| match word.trim_matches('`') {
        id if is_id(id) => word.replace(id, "ID"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_page_says_about_holding_a_node_is_so() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes = [task("migrate"), task("reindex")];
    let spec = crate::resources::plan_spec("", &nodes);
    ana.publish(
        "planspec/all.yaml",
        file(&[
            resource_in("shop", "Plan", "p", &spec),
            resource_in("shop", "Execution", "nightly", "planRef: {name: p}\n"),
        ]),
    );
    ana.run("reconcile").ok();
    shows(
        &ana,
        include_str!("../../docs/executions.md"),
        "claim nightly/migrate",
    );
}
