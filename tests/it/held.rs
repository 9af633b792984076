//! Claims: who holds a node, in which session; late and repeated reports.

use serde_json::json;

use crate::resources::{
    Node, binding, capability, execution, execution_with, file, gate, gate_node, plan, plan_spec,
    resource_in, task,
};
use crate::sandbox::{Place, SHARED, Sandbox, text};

/// A run of two parallel tasks, reconciled once, shared through a remote.
fn started(sandbox: &Sandbox) -> Place<'_> {
    sandbox.run_of("ana", &[task("one").with("retries: 1\n"), task("two")])
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
    // Another actor has not done it.
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
    // Repeating the command repeats the same report.
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
    let ana = sandbox.run_of("ana", &[task("one"), task("two").after("one")]);
    ana.works("run/one", "agent:a");
    ana.run("claim run/two --as agent:slow --reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    ana.run("retry run/one --again --reconcile").ok();
    ana.works("run/one", "agent:a");
    ana.run("report run/two --as agent:slow --succeeded")
        .exits(9)
        .notes("has ended")
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
    // Before and after the report is taken in, and when the run is over.
    for end in ["reconcile", "cancel run --reconcile"] {
        let again = ana.run(&format!("{report} -o json")).ok();
        let again = again.answer("Reported");
        assert_eq!(
            (&again["already"], &again["record"]),
            (&json!(true), &record)
        );
        ana.run("report run/two --as agent:a --failed")
            .exits(9)
            .notes("was already reported as succeeded");
        ana.run("report run/two --as agent:a --succeeded --set x=2")
            .exits(9)
            .notes("with other outputs");
        ana.run(end).ok();
    }
    // There is nothing left to take in.
    ana.run(report)
        .ok()
        .says("already reported")
        .never_says("next: ");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}

/// An actor that has done the work again must not believe that it is delivered.
#[test]
fn what_was_reported_counts_no_more_when_a_later_attempt_is_open_or_its_check_failed() {
    let sandbox = Sandbox::new();
    let checked = "acceptanceCriteria: [{name: made, type: artifact_exists, path: nothing}]\n";
    let ana = sandbox.run_of(
        "ana",
        &[task("one"), task("two").with(checked), task("three")],
    );
    ana.run("claim run/one --as agent:a").ok();
    let report = "report run/one --as agent:a --succeeded";
    ana.run(&format!("{report} --reconcile")).ok();
    ana.run(report).ok().says("already reported");
    ana.run("retry run/one --again --reconcile").ok();
    let over = "attempt 1 of default/run/one has ended: it was reported as succeeded, and attempt 2 is now open";
    ana.run(report).exits(9).notes(over);
    for more in ["", " --commit HEAD"] {
        ana.run(&format!("{report}{more}"))
            .exits(9)
            .notes("claim it again, then report: `planspec claim run/one -n default --as agent:a`");
    }
    // An explicit attempt is accepted.
    ana.run(&format!("{report} --attempt 1"))
        .ok()
        .says("already reported default/run/one attempt 1");
    ana.run("claim run/one -n default --as agent:a").ok();
    ana.run(report).ok().says("attempt 2 as succeeded");
    // A report of success whose check failed later.
    ana.run("claim run/two --as agent:a").ok();
    let report = "report run/two --as agent:a --succeeded";
    ana.run(&format!("{report} --reconcile")).ok();
    ana.run("verify run/two --as ci@example.com --reconcile")
        .exits(1);
    for more in ["", " --commit HEAD"] {
        ana.run(&format!("{report}{more}"))
            .exits(9)
            .notes("attempt 1 of default/run/two was reported as succeeded, and failed since: ")
            .notes("to repeat the node, run `planspec retry run/two -n default`")
            .never_says("as failed");
    }
    ana.run("retry run/two -n default --reconcile").ok();
    ana.run(report).exits(9).notes("attempt 2 is now open");
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
        // Also when the status has the claim.
        ana.run("reconcile").ok();
    }
    // Claiming again in the same session renews.
    ana.run("claim run/one --as agent:a")
        .ok()
        .says("renewed default/run/one attempt 1 as agent:a")
        .says(&format!("claim {claim}"));
    // A job that reports for another session names the claim.
    beside
        .run(&format!(
            "report run/one --as agent:a --claim {claim} --succeeded --reconcile"
        ))
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
    // A record of another session that was written anyway does not count.
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
    ana.run("claim").exits(1).notes("nothing can be claimed");
    ana.run("release run/two --as agent:a --reconcile").ok();
    ana.run("claim --renew --as agent:a --reconcile")
        .ok()
        .says("renewed default/run/one");
    ana.run("report --succeeded --as agent:a --reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    // A task that is over is no longer held, whoever ended it.
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

/// Asserts that each command in a section of a page of docs/ prints what the page shows, on either stream. `ID` stands
/// for the id of a record; notes about the next commands are left out there.
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
        // The output of a reconcile is shown elsewhere.
        let lines = all
            .lines()
            .take_while(|line| !line.contains("→ planspec/status"));
        let lines: Vec<String> = lines.filter(is_told).map(without_ids).collect();
        assert_eq!(lines.join("\n"), expected.trim_end(), "planspec {command}");
    }
}

fn without_ids(line: &str) -> String {
    let is_id =
        |word: &str| matches!(word.len(), 40 | 64) && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = line.split(' ').map(|word| match word.trim_matches('`') {
        id if is_id(id) => word.replace(id, "ID"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_page_says_about_holding_a_node_is_so() {
    let sandbox = Sandbox::new();
    let spec = plan_spec("", &[task("migrate"), task("reindex")]);
    let resources = [
        resource_in("shop", "Plan", "p", &spec),
        resource_in("shop", "Execution", "nightly", "planRef: {name: p}\n"),
    ];
    let ana = sandbox.team_with("ana", &resources);
    shows(
        &ana,
        include_str!("../../docs/executions.md"),
        "claim nightly/migrate",
    );
}

/// Fields of a task that is done when a file exists.
fn accepted_for(path: &str) -> String {
    format!("acceptanceCriteria: [{{type: artifact_exists, name: there, path: {path}}}]\n")
}

/// A run of a task that has to be verified, reported with a commit of a branch that has been squashed since.
fn squashed(sandbox: &Sandbox) -> Place<'_> {
    squashed_beside(sandbox, Vec::new())
}

/// The same with more tasks in the plan.
fn squashed_beside<'a>(sandbox: &'a Sandbox, more: Vec<Node>) -> Place<'a> {
    let mut nodes = vec![task("one").with(&accepted_for("docs/new.md"))];
    nodes.extend(more);
    let ana = sandbox.run_of("ana", &nodes);
    ana.run("claim run/one --as agent:coder").ok();
    ana.git("checkout -q -b topic");
    ana.write("docs/new.md", "draft").commit("Draft");
    ana.write("docs/new.md", "done").commit("Done");
    ana
}

/// Merges the branch as one commit and deletes it.
fn squash(sandbox: &Sandbox, ana: &Place<'_>) -> String {
    ana.git("checkout -q main");
    ana.git("merge -q --squash topic");
    ana.commit("All at once").push();
    ana.git("branch -q -D topic");
    for place in [ana, &sandbox.place("origin.git")] {
        place.git("reflog expire --expire=now --all");
        place.git("gc -q --prune=now");
    }
    ana.git("rev-parse HEAD")
}

#[test]
fn a_reported_commit_is_kept_where_everybody_gets_it() {
    let sandbox = Sandbox::new();
    let ana = squashed(&sandbox);
    let done = ana.git("rev-parse HEAD");
    ana.run("report --commit HEAD --as agent:coder --succeeded --reconcile")
        .ok();
    squash(&sandbox, &ana);
    let ben = sandbox.clone_with("--no-local", "origin.git", "ben");
    assert_ne!(ben.git_try(&format!("cat-file -e {done}")).code, 0);
    ben.run("logs run/one").exits(1).notes("no log");
    ben.run("verify run/one --as ci@example.com --reconcile")
        .ok();
    ben.git("fetch -q");
    assert_eq!(ben.phase("execution/run"), "Succeeded");
    let uid = text(&ben.get("execution/run")["metadata"]["uid"]);
    let name = format!("refs/planspec/results/default/run/{uid}/one/1");
    ben.git(&format!("fetch -q origin {name}"));
    assert_eq!(ben.git("rev-parse FETCH_HEAD^"), done);
}

#[test]
fn a_commit_that_nobody_could_get_is_not_reported() {
    let sandbox = Sandbox::new();
    let ana = squashed(&sandbox);
    let nowhere = "1".repeat(40);
    ana.run(&format!(
        "report --commit {nowhere} --as agent:coder --succeeded"
    ))
    .exits(1)
    .notes("is neither here nor on the remote");
    let origin = sandbox.place("origin.git");
    let hook = "#!/bin/sh\nwhile read old new name; do case $name in refs/planspec/results/*) \
        echo too large >&2; exit 1;; esac; done\n";
    origin.write_executable("hooks/pre-receive", hook);
    ana.run("report --commit HEAD --as agent:coder --succeeded")
        .exits(3)
        .notes("nothing is reported: commit")
        .notes("too large");
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Running");
    // Also if each ref is refused individually.
    origin.remove("hooks/pre-receive");
    let hook = "#!/bin/sh\ncase $1 in refs/planspec/results/*) echo no room >&2; exit 1;; esac\n";
    origin.write_executable("hooks/update", hook);
    ana.run("report --commit HEAD --as agent:coder --succeeded")
        .exits(3)
        .notes("nothing is reported: commit");
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Running");
    origin.remove("hooks/update");
    ana.run("report --commit HEAD --as agent:coder --succeeded --reconcile")
        .ok();
    assert_eq!(
        ana.node("run/one")["extensions"]["reason"],
        "AwaitingVerification"
    );
}

#[test]
fn a_report_whose_commit_is_lost_strands_nothing_and_the_ways_out_that_are_named_work() {
    let ways = [
        "planspec report run/one -n default --as agent:coder --claim ID --succeeded --commit REV",
        "planspec verify run/one -n default --commit REV",
        "planspec retry run/one -n default",
    ];
    for way in ways {
        let sandbox = Sandbox::new();
        let ana = squashed(&sandbox);
        let done = ana.git("rev-parse HEAD");
        let report = format!("kind: Report\nresult: succeeded\ncommit: {done}");
        // As older programs do it: no ref keeps the commit.
        ana.writes_by_hand("run/one", 1, "agent:coder", &report);
        ana.run("reconcile").ok();
        let claim = text(&ana.node("run/one")["extensions"]["report"]["claim"]);
        let way = way.replace("ID", &claim);
        let merged = squash(&sandbox, &ana);
        let ben = sandbox.clone_of("origin.git", "ben");
        let lost = ben.run("verify run/one --as ci@example.com").exits(3);
        assert!(lost.err.contains(&format!("`{way}`")), "{way}: {lost}");
        let command = way.strip_prefix("planspec ").unwrap();
        let command = command.replace("REV", &merged[..10]);
        ben.run(&format!("{command} --reconcile")).ok();
        ben.git("fetch -q");
        match ben.node_phase("run/one").as_str() {
            "Blocked" => {
                let report = ben.node("run/one")["extensions"]["report"].clone();
                assert_eq!(report["commit"], *merged);
                ben.run("verify run/one --reconcile").ok();
            }
            "Pending" => {
                ben.run("claim run/one --as agent:other").ok();
                ben.run("report --commit HEAD --as agent:other --succeeded --reconcile")
                    .ok();
                ben.run("verify run/one --reconcile").ok();
            }
            phase => {
                assert_eq!(phase, "Succeeded");
                let report = ben.node("run/one")["extensions"]["report"].clone();
                assert_eq!(
                    (&report["commit"], &report["actor"]),
                    (&json!(merged), &json!("agent:coder"))
                );
            }
        }
        ben.git("fetch -q");
        assert_eq!(ben.phase("execution/run"), "Succeeded", "{way}");
        assert_eq!(ben.unapplied("run"), Vec::<String>::new());
    }
}

#[test]
fn what_waits_to_be_verified_is_given_back_or_pointed_elsewhere_by_whoever_reported_it() {
    let sandbox = Sandbox::new();
    let ana = squashed(&sandbox);
    ana.run("report --commit HEAD~1 --as agent:coder --succeeded --reconcile")
        .ok();
    for verb in [
        "report run/one --commit HEAD --succeeded",
        "release run/one",
    ] {
        ana.run(&format!("{verb} --as agent:other"))
            .exits(9)
            .notes("agent:coder");
    }
    ana.run("report run/one --as agent:coder --failed")
        .exits(9)
        .notes("was already reported as succeeded");
    // Whether or not the report was taken in.
    for reconcile in ["", " --reconcile"] {
        ana.run(&format!(
            "report run/one --commit HEAD{} --as agent:coder --succeeded{reconcile}",
            if reconcile.is_empty() { "" } else { "~1" }
        ))
        .ok()
        .says("reported default/run/one attempt 1");
    }
    let report = ana.node("run/one")["extensions"]["report"].clone();
    assert_eq!(report["commit"], ana.git("rev-parse HEAD~1"));
    ana.run("verify run/one --commit HEAD --as ci@example.com")
        .exits(1)
        .notes("is not on the spec branch")
        .notes("merge it first");
    ana.run("release run/one --as agent:coder -m 'not good enough' --reconcile")
        .ok();
    let node = ana.node("run/one");
    assert_eq!(
        (text(&node["phase"]).as_str(), &node["attempt"]),
        ("Pending", &json!(2))
    );
    assert!(node["extensions"]["report"].is_null(), "{node}");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}

#[test]
fn what_does_not_hold_where_it_was_merged_is_not_recorded() {
    let sandbox = Sandbox::new();
    let ana = squashed(&sandbox);
    ana.run("report --commit HEAD --as agent:coder --succeeded --reconcile")
        .ok();
    ana.run("verify run/one --commit main --as ci@example.com")
        .exits(1)
        .notes("is not accepted at")
        .notes("still has to be verified");
    ana.run("reconcile").ok();
    assert_eq!(ana.node("run/one")["attempt"], 1);
    ana.run("verify run --commit main")
        .exits(1)
        .notes("a node is verified as EXECUTION/NODE");
    ana.run("verify run/one --as ci@example.com --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn who_says_by_hand_that_something_was_merged_is_not_believed() {
    let sandbox = Sandbox::new();
    let ana = squashed(&sandbox);
    ana.run("report --commit HEAD --as agent:coder --succeeded --reconcile")
        .ok();
    ana.git("push -q origin topic");
    let merged = squash(&sandbox, &ana);
    for number in 0..20 {
        ana.commit(&format!("More history {number}"));
    }
    ana.push();
    let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
    let report = text(&ana.node("run/one")["extensions"]["report"]["record"]);
    let says = |actor: &str, commit: &str| {
        let name = format!("verifications/default/run/{uid}/one/1/{actor}");
        let says = format!(
            "kind: Verification\nnode: one\nattempt: 1\nreport: {report}\ncommit: {commit}\ninstead: true\n\
             results: [{{name: there, holds: true, ran: docs/new.md}}]"
        );
        ana.writes_record(&name, ("run", actor), &says);
    };
    // On another branch, nowhere at all, and no commit.
    says("one", &ana.git("rev-parse origin/topic"));
    says("two", &"a1".repeat(20));
    says("three", &ana.git("rev-parse HEAD:docs/new.md"));
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["NotMerged"; 3]);
    assert_eq!(ana.node_phase("run/one"), "Blocked");
    ana.git("fetch -q origin planspec/status");
    let asked = ana.git("show FETCH_HEAD:_inputs.yaml");
    assert!(
        asked.contains(&format!("{}: false", "a1".repeat(20))),
        "{asked}"
    );
    // An old commit is found in a shallow clone as well.
    says("four", &merged);
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let job = sandbox.clone_with("--depth=1", &url, "job");
    job.run("reconcile").ok();
    ana.git("fetch -q");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(
        ana.node("run/one")["extensions"]["report"]["commit"],
        *merged
    );
}

#[test]
fn what_the_page_says_about_a_squash_is_so() {
    let sandbox = Sandbox::new();
    let criteria =
        "acceptanceCriteria: [{type: artifact_exists, name: handler, path: src/handler.rs}]\n";
    let resources = [
        plan("p", &[task("handler").with(criteria)]),
        execution("fix", "p"),
    ];
    let ana = sandbox.team_with("ana", &resources);
    ana.git("checkout -q -b topic");
    ana.write("src/handler.rs", "").commit("Handler");
    ana.git("checkout -q main");
    ana.publish("src/handler.rs", "");
    shows(
        &ana,
        include_str!("../../docs/executions.md"),
        "claim fix/handler",
    );
}

#[test]
fn who_renews_again_and_again_can_still_report() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let resources = [plan("p", &[task("one")]), execution("run", "p")];
    solo.publish("planspec/all.yaml", file(&resources));
    solo.run("reconcile").ok();
    let claimed = solo.run("claim run/one --as agent:a -o json").ok();
    let claim = text(&claimed.answer("Claimed")["claim"]);
    let uid = text(&solo.get("execution/run")["metadata"]["uid"]);
    let name = format!("refs/planspec/work/default/run/{uid}/one/1");
    for n in 0..102 {
        if n == 30 {
            solo.run("reconcile").ok();
        }
        solo.run("claim --renew --as agent:a").ok();
    }
    // The chain starts again at the claim, and the ref was still fast-forwarded.
    assert_eq!(
        solo.git(&format!("rev-list --count --first-parent {name}")),
        "4"
    );
    assert_eq!(solo.git(&format!("rev-list --count {name}")), "103");
    sandbox.minutes_pass(20);
    solo.run("reconcile").ok();
    sandbox.minutes_pass(20);
    solo.run("reconcile").ok();
    assert_eq!(
        solo.node_phase("run/one"),
        "Running",
        "the renewals counted"
    );
    solo.run(&format!(
        "report --as agent:a --claim {claim} --succeeded --reconcile"
    ))
    .ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    assert_eq!(solo.unapplied("run"), Vec::<String>::new());
}

#[test]
fn what_a_full_ref_could_not_hold_is_refused_and_not_said_to_be_recorded() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a").ok();
    let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
    let name = format!("refs/planspec/work/default/run/{uid}/one/1");
    ana.git(&format!("fetch -q origin {name}"));
    let mut tip = ana.git("rev-parse FETCH_HEAD");
    let renewal = format!(
        "{}claim: {tip}\n",
        ana.git("show FETCH_HEAD:record.yaml")
            .replace("kind: Claim", "kind: Renewal")
            + "\n"
    );
    let blob = ana.git_with("hash-object -w --stdin", &renewal);
    let tree = ana.git_with("mktree", &format!("100644 blob {blob}\trecord.yaml\n"));
    // Another program fills the chain.
    for _ in 1..1000 {
        tip = ana.git(&format!("commit-tree -m x {tree} -p {tip}"));
    }
    ana.git(&format!("push -q origin {tip}:{name}"));
    ana.run("report run/one --as agent:a --succeeded")
        .exits(9)
        .notes("has 1000 records, which is the maximum");
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Running");
}

/// A run of a task that is bound to an agent.
fn bound<'a>(sandbox: &'a Sandbox, config: &str) -> Place<'a> {
    let ana = sandbox.team("ana");
    ana.write(".planspec.yaml", format!("{SHARED}{config}"));
    let resources = [
        capability("coding"),
        binding("team", &[("coding", "agent://coder")]),
        plan("p", &[task("one").needs("coding")]),
        execution_with("run", "p", "bindingRef: {name: team}\n"),
    ];
    ana.publish("planspec/all.yaml", file(&resources));
    ana.run("reconcile").ok();
    ana
}

#[test]
fn what_is_bound_to_an_agent_is_told_to_another_or_refused() {
    let sandbox = Sandbox::new();
    let ana = bound(&sandbox, "workers: strict\n");
    ana.run("claim run/one --as agent:reviewer")
        .exits(1)
        .notes("is bound to agent://coder, not to agent:reviewer")
        .notes("--as");
    assert!(ana.inbox().is_empty());
    let claimed = ana.run("claim run/one --as agent:coder -o json").ok();
    assert_eq!(claimed.answer("Claimed")["notes"], json!([]));
    let sandbox = Sandbox::new();
    let ana = bound(&sandbox, "");
    ana.run("claim run/one --as agent:reviewer")
        .ok()
        .notes("note: default/run/one is bound to agent://coder, not to agent:reviewer");
}

#[test]
fn a_provider_that_is_mistyped_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    let ana = bound(&sandbox, "");
    ana.run("next --provider agent:coder")
        .exits(2)
        .notes("did you mean `agent://coder`?");
    ana.run("next --provider agent://codr")
        .ok()
        .notes("no node of an open run is bound to `agent://codr`; did you mean `agent://coder`?");
    ana.run("next --provider agent://coder")
        .ok()
        .says("one")
        .never_says("no node");
    ana.run("work --provider tool:make")
        .exits(2)
        .notes("did you mean `tool://make`?");
}

#[test]
fn who_has_forgotten_everything_is_told_what_is_held() {
    let sandbox = Sandbox::new();
    let fields = "name: Translate\ndescription: Into every language\ninputs: {text: '${parameters.text}'}\n\
        outputs: [{name: words}]\nacceptanceCriteria: [{type: artifact_exists, name: there, path: out}]\n";
    let resources = [
        plan("p", &[task("one").with(fields), task("two")]),
        execution_with("run", "p", "parameters: {text: Hello}\n"),
    ];
    let ana = sandbox.team_with("ana", &resources);
    ana.run("status --exit-code").ok().says("2 unclaimed");
    ana.run("status --mine --as agent:a")
        .ok()
        .says("agent:a holds nothing");
    let claimed = ana.run("claim run/one --as agent:a").ok();
    claimed
        .says("> Into every language")
        .says("> text: Hello")
        .says("- there: `out` exists");
    let ran = ana.run("status --mine --as agent:a -o json").ok();
    let held = ran.answer("HeldNodes");
    let one = &held["items"][0];
    assert_eq!(one["inputs"], json!({"text": "Hello"}));
    assert_eq!(one["acceptanceCriteria"][0]["name"], "there");
    assert!(
        text(&held["notes"][0]).contains("a reconcile is due"),
        "{held}"
    );
    let claim = one["claim"]["record"].clone();
    ana.run("reconcile").ok();
    let held = ana.run("status --mine --as agent:a -o json").ok();
    let held = held.answer("HeldNodes");
    let one = &held["items"][0];
    assert_eq!(
        (&one["claim"]["record"], &one["phase"]),
        (&claim, &json!("Running"))
    );
    assert!(one["claim"]["leaseEnd"].is_string(), "{one}");
    assert!(one["lastCommit"].is_null(), "{one}");
    // Neither another actor nor the same actor in another session holds it.
    for other in ["--as agent:b", "--as agent:a --session other"] {
        let ran = ana.run(&format!("status --mine {other} -o json")).ok();
        assert_eq!(ran.answer("HeldNodes")["items"], json!([]));
    }
    // Anyone can read the brief, in any clone.
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("describe run/one")
        .ok()
        .says("# default/run/one: Running, attempt 1")
        .says("> Into every language")
        .says("> text: Hello");
    let brief = ben.run("describe default/run/one -o json").ok();
    assert_eq!(brief.answer("Brief")["claim"]["record"], claim);
    ben.run("describe run/on")
        .exits(1)
        .notes("did you mean `one`?");
    ben.run("describe rum/one")
        .exits(1)
        .notes("did you mean `run`?");
    // Earlier work is not forgotten.
    ana.write("out", "x").commit("Translated");
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    ana.run("status --mine --as agent:a")
        .ok()
        .says("default/run/one: Pending")
        .notes("the lease of default/run/one has expired");
    ana.run("report --as agent:a --succeeded --commit HEAD --set words=1 --reconcile")
        .ok();
    let brief = ana.run("describe run/one -o json").ok().answer("Brief");
    assert_eq!(brief["lastCommit"], ana.git("rev-parse HEAD"));
    ana.run("status --mine --as agent:a")
        .ok()
        .says("agent:a holds nothing");
}

/// Two runs of separate plans, each with a task; both touch the same folder.
fn overlapping<'a>(sandbox: &'a Sandbox) -> Place<'a> {
    let touches = |globs: &str| format!("x-planspec: {{touches: [{globs}]}}\n");
    let login = task("login").with(&touches("'src/auth/**', docs/login.md"));
    let logout = task("logout").with(&touches("src/auth/logout.rs"));
    let audit = task("audit").with(&touches("'reports/**'"));
    let resources = [
        plan("p", &[login]),
        plan("q", &[logout, audit]),
        execution("tidy", "p"),
        execution("split", "q"),
    ];
    sandbox.team_with("ana", &resources)
}

#[test]
fn what_touches_the_same_paths_waits_also_in_another_run() {
    let sandbox = Sandbox::new();
    let ana = overlapping(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    let page = include_str!("../../docs/executions.md");
    // The claim is known by its ref, before the status has it.
    shows(&ana, page, "claim tidy/login");
    let refused = ben
        .run("claim split/logout --as agent:b -o json")
        .exits(9)
        .json();
    assert_eq!(refused["error"]["kind"], "taken");
    let next = ben.run("next -o json").ok();
    let next = next.answer("NextNodes");
    assert_eq!(next["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(next["items"][0]["node"], "audit");
    ben.run("next").ok().notes("left out: `default/split/logout` touches `src/auth/logout.rs`, and so does `default/tidy/login`");
    ben.run("next split -o name").ok().never_says("logout");
    // Nothing that it refuses is proposed: neither by a reconcile, nor by what is known without one.
    let told = ana.run("reconcile").ok();
    told.says(
        "`default/split/logout` touches `src/auth/logout.rs`, and so does `default/tidy/login`",
    )
    .says("planspec claim split/audit -n default")
    .never_says("planspec claim split/logout");
    let status = ana.run("status").ok();
    status
        .says("planspec claim split/audit -n default")
        .never_says("planspec claim split/logout");
    ben.run("claim split/logout --as agent:b").exits(9);
    let brief = ben.run("describe split/logout -o json").ok();
    assert_eq!(
        brief.answer("Brief")["touches"],
        json!(["src/auth/logout.rs"])
    );
    // An ended claim also conflicts until it is taken in, so that no claim made in good faith is refused later.
    ana.run("report --as agent:a --succeeded").ok();
    ben.run("claim split/logout --as agent:b")
        .exits(9)
        .notes("planspec reconcile");
    ana.run("reconcile").ok();
    ben.run("claim split/logout --as agent:b --reconcile").ok();
    assert_eq!(ben.node_phase("split/logout"), "Running");
}

#[test]
fn what_is_no_glob_is_found_in_a_plan_and_in_a_document() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let bad = task("one").with("x-planspec: {touches: ['src/{a']}\n");
    solo.write("planspec/all.yaml", file(&[plan("p", &[bad])]));
    solo.run("validate")
        .exits(1)
        .says("PS105")
        .says("`src/{a` is not a glob");
    solo.write("planspec/all.yaml", file(&[plan("p", &[task("one")])]));
    let text = include_str!("../../examples/document/planspec/greeting.planspec.json");
    let mut document: serde_json::Value = serde_json::from_str(text).unwrap();
    document["approach"]["steps"][0]["x-planspec"] = json!({"touches": ["src/[a"]});
    solo.write("planspec/greeting.planspec.json", format!("{document:#}"));
    solo.run("validate")
        .exits(1)
        .says("greeting.planspec.json")
        .says("`src/[a` is not a glob");
}

/// A plan with a gate in the middle, in a run that has started.
fn half_done<'a>(sandbox: &'a Sandbox) -> Place<'a> {
    let ana = sandbox.team("ana");
    let nodes = [
        task("schema"),
        task("load").with("dependsOn: [schema]\noutputs: [{name: rows}]\n"),
        gate_node("ok", "g").with("dependsOn: [load]\n"),
        task("reindex").with("dependsOn: [ok]\n"),
    ];
    let resources = [plan("p", &nodes), gate("g", "p"), execution("move", "p")];
    ana.publish("planspec/all.yaml", file(&resources));
    ana.run("reconcile").ok();
    ana
}

#[test]
fn what_the_page_says_about_what_was_done_before_is_so() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let page = include_str!("../../docs/executions.md");
    let done = page
        .split("```yaml\n")
        .find(|block| block.starts_with("# done.yaml"))
        .and_then(|block| block.split("```").next())
        .unwrap();
    ana.write("done.yaml", done);
    shows(&ana, page, "report move/schema --done-before");
    // A gate stays a gate: the nodes after it wait for it.
    ana.run("report move --done-before --from done.yaml --reconcile")
        .ok()
        .says("later default/move/reindex");
    assert_eq!(ana.phase("execution/move"), "Blocked");
    ana.run("approve move/ok --as ben@example.com --reconcile")
        .ok();
    let ran = ana
        .run("report move --done-before --from done.yaml --reconcile -o json")
        .ok();
    let answer = ran.answer("DoneBefore");
    assert_eq!(answer["nodes"][2]["state"], "reported");
    assert_eq!(ana.phase("execution/move"), "Succeeded");
    ana.run("report move --done-before --from done.yaml")
        .ok()
        .says("already default/move/reindex");
    let report = &ana.node("move/reindex")["extensions"]["report"];
    assert_eq!(report["doneBefore"], true);
    ana.run("log execution/move")
        .ok()
        .says("done before, reported by ana@example.com");
    ana.run("describe execution move")
        .ok()
        .says("done before, by ana@example.com");
    assert_eq!(ana.node("move/load")["outputs"]["rows"], "1200");
}

#[test]
fn what_was_done_before_goes_in_at_once_and_what_cannot_be_is_told() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let criteria = accepted_for("done.md");
    let nodes = [
        task("a"),
        task("b").with("dependsOn: [a]\n"),
        task("c").with(&format!("dependsOn: [b]\n{criteria}")),
        task("d").with("dependsOn: [c]\n"),
        task("e"),
        task("f").with("outputs: [{name: x}]\n"),
    ];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    // Nothing is sent if an entry of the list is invalid.
    let from = |text: &str| {
        ana.write("done.json", text);
        ana.run("report run --done-before --from done.json --reconcile")
    };
    from(r#"{"a": {}, "bb": {}}"#)
        .exits(1)
        .notes("no node `bb`");
    from(r#"{"a": {}, "f": {}}"#)
        .exits(1)
        .notes("default/run/f: declared outputs are missing: x")
        .notes("outputs: {NAME: VALUE}");
    from(r#"{"a": {"comit": "main"}}"#).exits(1).notes("comit");
    from(r#"{"a": {"commit": "nowhere"}}"#).exits(1);
    assert_eq!(ana.node_phase("run/a"), "Pending");
    ana.run("claim run/e --as agent:x").ok();
    from(r#"{"a": null, "b": {"commit": "main"}, "c": null, "d": {}, "e": {}, "f": {"outputs": {"x": 1}}}"#)
        .exits(1)
        .says("reported default/run/b attempt 1 as done before")
        .says("refused default/run/e: default/run/e is claimed by agent:x")
        .says("later default/run/d: ");
    assert_eq!(ana.node_phase("run/c"), "Blocked");
    assert_eq!(ana.node("run/f")["outputs"]["x"], 1);
    // In another clone as well: everyone can fetch the commit.
    let ben = sandbox.clone_of("origin.git", "ben");
    ana.publish("done.md", "");
    ben.git("pull -q");
    ben.run("report run/c --as ana@example.com --succeeded --commit HEAD --reconcile")
        .ok();
    ben.run("verify run/c --as ben@example.com --reconcile")
        .ok();
    assert_eq!(
        ana.node("run/c")["extensions"]["report"]["doneBefore"],
        true
    );
    ana.run("report run/d --done-before -m 'long ago' --reconcile")
        .ok()
        .says("reported default/run/d attempt 1 as done before");
    assert_eq!(
        ana.node("run/d")["message"],
        "done before, reported by ana@example.com: long ago"
    );
    ana.run("report run/d --done-before")
        .ok()
        .says("already default/run/d");
    ana.run("report run/e --done-before")
        .exits(9)
        .notes("is claimed by agent:x");
    ana.run("report run --done-before")
        .exits(2)
        .notes("--from FILE");
}

/// What the brief of `run/one` calls the last commit.
fn last_commit(place: &Place<'_>) -> serde_json::Value {
    let ran = place.run("describe run/one -o json").ok();
    ran.answer("Brief")["lastCommit"].clone()
}

#[test]
fn the_last_commit_is_the_one_that_was_reported_whatever_came_after_it() {
    let sandbox = Sandbox::new();
    let ana = squashed_beside(&sandbox, vec![task("two")]);
    let done = json!(ana.git("rev-parse HEAD"));
    let before = json!(ana.git("rev-parse HEAD~1"));
    assert!(last_commit(&ana).is_null());
    ana.run("report --commit HEAD~1 --as agent:coder --succeeded")
        .ok();
    assert_eq!(last_commit(&ana), before, "not taken in yet");
    ana.run("reconcile").ok();
    assert_eq!(last_commit(&ana), before);
    ana.run("report run/one --commit HEAD --as agent:coder --succeeded")
        .ok();
    assert_eq!(last_commit(&ana), done, "pointed elsewhere");
    ana.run("reconcile").ok();
    ana.run("release run/one --as agent:coder --reconcile").ok();
    assert_eq!(last_commit(&ana), done, "given back");
    let claimed = ana.run("claim run/one --as agent:coder -o json").ok();
    assert_eq!(claimed.answer("Claimed")["brief"]["lastCommit"], done);
    let mine = ana.run("status --mine --as agent:coder -o json").ok();
    assert_eq!(mine.answer("HeldNodes")["items"][0]["lastCommit"], done);
    ana.run("reconcile").ok();
    ana.run("report --commit HEAD~1 --as agent:coder --failed --reconcile")
        .ok();
    assert_eq!(last_commit(&ana), before, "failed");
    // The refs of a run that is over are deleted.
    ana.run("reconcile").ok();
    ana.run("retry run/one --reconcile").ok();
    assert_eq!(last_commit(&ana), before, "tried again");
    ana.run("claim run/one --as agent:coder --reconcile").ok();
    ana.run("report --commit HEAD --as agent:coder --succeeded --reconcile")
        .ok();
    ana.run("verify run/one --as ci@example.com --reconcile")
        .ok();
    assert_eq!(last_commit(&ana), done);
    ana.run("reconcile").ok();
    ana.run("retry run/one --again --reconcile").ok();
    assert_eq!(last_commit(&ana), done, "done again");
}

#[test]
fn what_waits_to_be_verified_is_spoken_for_like_its_claim() {
    let sandbox = Sandbox::new();
    let ana = squashed(&sandbox);
    let session = "--as agent:coder --session";
    ana.run("release run/one --as agent:coder --reconcile").ok();
    let ran = ana.run(&format!("claim run/one {session} a -o json")).ok();
    let claim = text(&ran.answer("Claimed")["claim"]);
    let report = "report run/one --succeeded --commit";
    ana.run(&format!("{report} HEAD~1 {session} a")).ok();
    for _ in 0..2 {
        for verb in [&format!("{report} HEAD"), "release run/one"] {
            ana.run(&format!("{verb} {session} b"))
                .exits(9)
                .notes(&format!("--claim {claim}"));
        }
        ana.run("reconcile").ok();
    }
    let hint = format!("{report} HEAD {session} b --claim {claim} --reconcile");
    ana.run(&hint).ok();
    assert_eq!(last_commit(&ana), json!(ana.git("rev-parse HEAD")));
    ana.run(&format!("release run/one {session} a --reconcile"))
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Pending");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}

#[test]
fn the_same_late_report_is_one_report_where_the_claim_is_named() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let ran = ana
        .run("claim run/one --as agent:coder --session a -o json")
        .ok();
    let claim = text(&ran.answer("Claimed")["claim"]);
    ana.run("reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    let report = format!("run/one --as agent:coder --session job --claim {claim}");
    ana.run(&format!("report {report} --succeeded"))
        .ok()
        .says("reported default/run/one attempt 2");
    for _ in 0..2 {
        ana.run(&format!("report {report} --succeeded"))
            .ok()
            .says("already reported default/run/one attempt 2");
        ana.run(&format!("report {report} --failed"))
            .exits(9)
            .notes("was already reported as succeeded");
        ana.run("reconcile").ok();
    }
}

#[test]
fn what_is_held_in_a_session_is_known_in_every_clone() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    let job = "--as agent:coder --session job-17";
    let ran = ana.run(&format!("claim run/one {job} -o json")).ok();
    let claim = text(&ran.answer("Claimed")["claim"]);
    ana.run("claim run/two --as agent:b").ok();
    ben.run(&format!("status --mine {job}"))
        .ok()
        .notes("2 refs with new records wait in the inbox");
    // Before and after the status has it.
    for _ in 0..2 {
        let mine = ben.run(&format!("status --mine {job} -o json")).ok();
        let mine = mine.answer("HeldNodes")["items"].clone();
        assert_eq!(mine[0]["claim"]["record"], claim, "{mine}");
        ben.run(&format!("claim --renew {job}"))
            .ok()
            .says("renewed default/run/one");
        ben.run(&format!(
            "claim --renew --as agent:coder --session x --claim {claim}"
        ))
        .ok()
        .says("renewed default/run/one");
        for other in ["--as agent:coder", "--as agent:b --session job-17"] {
            ben.run(&format!("report --succeeded {other}"))
                .exits(2)
                .notes("holds nothing in this session");
        }
        ana.run("reconcile").ok();
    }
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    let mine = ben.run(&format!("status --mine {job} -o json")).ok();
    let mine = mine.answer("HeldNodes");
    assert!(text(&mine["notes"][0]).contains("lease of default/run/one has expired"));
    assert_eq!(
        mine["items"][0]["claim"]["leaseEnd"],
        "2026-01-31T12:30:00Z"
    );
    // Nobody holds it any more, but it can still be reported.
    for named in ["", "run/one"] {
        ben.run(&format!("release {named} {job}"))
            .exits(1)
            .notes("the lease of agent:coder on `one` has ended: nobody holds the node now")
            .never_says("nobody has claimed");
    }
    ben.run(&format!("report --succeeded {job} --reconcile"))
        .ok();
    assert_eq!(ben.node_phase("run/one"), "Succeeded");
    ben.run(&format!("status --mine {job}"))
        .ok()
        .says("holds nothing");
}

#[test]
fn whose_attempt_a_retry_ended_is_told_by_whom() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two").after("one")]);
    ana.works("run/one", "agent:a");
    ana.run("claim run/two --as agent:coder --reconcile").ok();
    // The dry run says whose work stops.
    let stops = "this stops agent:coder, who holds `two`";
    ana.run("retry run/one --again --dry-run").ok().notes(stops);
    let dry = ana.run("retry run/one --again --dry-run -o json").ok();
    let nodes = dry.answer("Reopening")["nodes"].clone();
    assert_eq!(nodes[0]["stops"], json!(null));
    assert_eq!(nodes[1]["stops"], "agent:coder");
    ana.run("retry run/one --again --reconcile")
        .ok()
        .notes(stops);
    ana.run("report run/two --as agent:coder --succeeded")
        .exits(9)
        .notes("attempt 1 of default/run/two has ended: stopped by the retry of ana@example.com")
        .notes("it cannot be claimed again yet: waits for one");
    ana.works("run/one", "agent:a");
    ana.run("report run/two --as agent:coder --succeeded")
        .exits(9)
        .notes("stopped by the retry of ana@example.com")
        .notes("planspec claim run/two");
    ana.works("run/two", "agent:coder");
    assert!(ana.node("run/two")["extensions"]["stopped"].is_null());
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

/// Following the hints does not end the work of another actor.
#[test]
fn who_was_relieved_is_told_so_and_not_how_to_speak_for_whoever_goes_on() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one")]);
    let (first, second) = ("--as agent:a --session 1", "--as agent:a --session 2");
    ana.run(&format!("claim run/one {first} --reconcile")).ok();
    sandbox.minutes_pass(31);
    // No reconcile has seen yet that the lease is over.
    for who in [second, "--as agent:b"] {
        ana.run(&format!("claim run/one {who}"))
            .exits(9)
            .notes("and the lease expired at 2026-01-31T12:30:00Z")
            .notes("`planspec reconcile` opens the next attempt: then claim it");
    }
    ana.run("reconcile").ok();
    // A report from elsewhere is shown how to report for the session that did the work.
    let ran = ana
        .run(&format!("report run/one {second} --succeeded"))
        .exits(1);
    let held = ana.node("run/one")["extensions"]["lapsed"]["record"].clone();
    ran.notes(&format!(
        "to report for the session that held it, add `--claim {}`",
        text(&held)
    ))
    .never_says("give back");
    ana.run(&format!("claim --renew run/one {second}"))
        .exits(1)
        .notes("if it is done, report it, otherwise claim it again")
        .never_says("give back");
    ana.run(&format!("release run/one {second}"))
        .exits(1)
        .notes("there is nothing to give back");
    ana.run(&format!("claim run/one {second}")).ok();
    for _ in 0..2 {
        for verb in ["report --succeeded", "claim --renew", "release"] {
            ana.run(&format!("{verb} {first}"))
                .exits(9)
                .notes("attempt 1 of default/run/one has ended: agent:a has attempt 2")
                .never_says("--claim");
            let (verb, more) = verb.split_once(' ').unwrap_or((verb, ""));
            ana.run(&format!("{verb} run/one {more} {first}"))
                .exits(9)
                .notes("attempt 1 of default/run/one has ended: agent:a has attempt 2")
                .never_says("--claim");
        }
        ana.run(&format!("status --mine {first}"))
            .ok()
            .notes("agent:a has attempt 2 in another session")
            .never_says("--claim");
        ana.run("reconcile").ok();
    }
    ana.run(&format!("report {second} --succeeded --reconcile"))
        .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_claim_that_is_named_is_found_by_its_beginning_or_said_to_be_missing() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two")]);
    let ran = ana
        .run("claim run/one --as agent:a --session 1 -o json")
        .ok();
    let claim = text(&ran.answer("Claimed")["claim"]);
    let short = &claim[..8];
    let as_other = "--session 2 --as agent:a --claim";
    for target in ["", "run/one"] {
        ana.run(&format!("claim --renew {target} {as_other} {short}"))
            .ok();
        ana.run(&format!(
            "report {target} --succeeded --as ci --claim {claim}"
        ))
        .exits(9)
        .notes("is by agent:a, not by ci")
        .notes("add `--as agent:a`");
        for wrong in ["fffffff", &claim[..6], &format!("{}0", &claim[..39])] {
            if claim.starts_with(wrong) && wrong.len() == 40 {
                continue;
            }
            ana.run(&format!("report {target} --succeeded {as_other} {wrong}"))
                .exits(1)
                .notes(&format!("has an id that starts with `{wrong}`"))
                .never_says("holds nothing");
        }
    }
    ana.run(&format!(
        "report -n elsewhere --succeeded {as_other} {short}"
    ))
    .exits(1)
    .notes("is of default/run/one, not in namespace `elsewhere`")
    .notes("use `-n default`");
    ana.run("reconcile").ok();
    sandbox.minutes_pass(31);
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:b").ok();
    for target in ["", "run/one"] {
        ana.run(&format!("report {target} --succeeded {as_other} {short}"))
            .exits(9)
            .notes("attempt 1 of default/run/one has ended: agent:b has attempt 2");
    }
}

#[test]
fn whose_attempt_was_stopped_is_told_so_without_a_hint_that_leads_nowhere() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two").after("one")]);
    ana.works("run/one", "agent:a");
    ana.run("claim run/two --as agent:coder --reconcile").ok();
    ana.run("retry run/one --again --reconcile").ok();
    for verb in [
        "claim --renew",
        "report --succeeded",
        "claim --renew run/two",
        "release run/two",
    ] {
        ana.run(&format!("{verb} --as agent:coder"))
            .exits(9)
            .notes(
                "attempt 1 of default/run/two has ended: stopped by the retry of ana@example.com",
            )
            .notes("it cannot be claimed again yet: waits for one");
    }
    // An actor that never held it is not sent to a claim that fails.
    ana.run("report run/two --succeeded --as agent:new")
        .exits(1)
        .notes("it cannot be claimed yet: waits for one")
        .never_says("planspec claim");
}

#[test]
fn who_reports_what_another_one_has_given_back_or_reported_is_told_that() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &[task("one"), task("two"), task("three")]);
    for node in ["one", "two", "three"] {
        ana.run(&format!("claim run/{node} --as agent:a")).ok();
    }
    ana.run("release run/one --as agent:a").ok();
    ana.run("report run/two --as agent:a --succeeded").ok();
    let ben = |node: &str| ana.run(&format!("report run/{node} --as agent:ben --succeeded"));
    ben("one")
        .exits(1)
        .notes("was released, but the next attempt is not open yet")
        .notes("`planspec reconcile` opens the next attempt");
    ben("two")
        .exits(9)
        .notes("agent:a has already reported default/run/two as succeeded")
        .notes("`planspec reconcile` applies the report");
    ben("three")
        .exits(9)
        .notes("is claimed by agent:a, not by agent:ben")
        .notes("`planspec next` shows what is left");
}
