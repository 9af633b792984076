//! The content of the inbox is checked, and never trusted unread.

use std::collections::BTreeMap;

use crate::resources::{
    binding, capability, execution, execution_with, file, gate, gate_node, gate_with, plan, task,
};
use crate::sandbox::{Place, Sandbox, text};

const REPORT: &str = "kind: Report\nresult: succeeded";

/// A run of two parallel tasks, reconciled once, shared through a remote.
fn started(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    let nodes = [task("one"), task("two")];
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana
}

/// The name of the inbox ref of an attempt.
fn work(ana: &Place<'_>, node: &str, attempt: u32) -> String {
    let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
    format!("refs/planspec/work/default/run/{uid}/{node}/{attempt}")
}

/// Makes a commit with these files and parents.
fn commit(ana: &Place<'_>, files: &[(&str, &str)], parents: &[&str]) -> String {
    let entries: String = files
        .iter()
        .map(|(name, text)| {
            let blob = ana.git_with("hash-object -w --stdin", text);
            format!("100644 blob {blob}\t{name}\n")
        })
        .collect();
    let tree = ana.git_with("mktree", &entries);
    let parents: String = parents
        .iter()
        .map(|parent| format!(" -p {parent}"))
        .collect();
    ana.git_with(&format!("commit-tree {tree}{parents}"), "by hand")
}

/// The claim of `one` that planspec made, as a map of its lines.
fn record(ana: &Place<'_>, name: &str) -> BTreeMap<String, String> {
    ana.git(&format!("fetch -q origin {name}"));
    let text = ana.git("show FETCH_HEAD:record.yaml");
    let mut fields = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        match line.split_once(": ") {
            Some((key, value)) if !line.starts_with(' ') => {
                last = key.to_owned();
                fields.insert(last.clone(), value.to_owned());
            }
            _ if line.starts_with(' ') => {
                let field: &mut String = fields.get_mut(&last).unwrap();
                field.push_str(&format!("\n{line}"));
            }
            _ => {
                last = line.trim_end_matches(':').to_owned();
                fields.insert(last.clone(), String::new());
            }
        }
    }
    fields
}

fn written(fields: &BTreeMap<String, String>) -> String {
    let lines = fields.iter().map(|(key, value)| {
        if value.starts_with('\n') {
            format!("{key}:{value}\n")
        } else {
            format!("{key}: {value}\n")
        }
    });
    lines.collect()
}

#[test]
fn a_report_for_a_node_that_nobody_claimed_is_recorded_visible_and_not_applied() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("report run/one --as agent:a --succeeded")
        .exits(1)
        .notes("nobody has claimed");
    ana.run("report run/one --as agent:a --succeeded --attempt 1")
        .exits(1)
        .notes("nobody has claimed");
    ana.writes_by_hand("run/one", 1, "agent:a", REPORT);
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["NotClaimed"]);
    assert_eq!(ana.node_phase("run/one"), "Pending");
    ana.run("describe execution run").ok().says("NotClaimed");
    // The ref is the lock, and it is taken: the node continues with the next attempt.
    assert_eq!(ana.node("run/one")["attempt"], 2);
    ana.works("run/one", "agent:b");
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn a_second_report_is_recorded_visible_and_not_applied() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.works("run/one", "agent:a");
    ana.run("report run/one --as agent:a --failed -m 'on second thoughts' --reconcile")
        .exits(9)
        .notes("was already reported as succeeded");
    ana.writes_by_hand("run/one", 1, "agent:a", "kind: Report\nresult: failed");
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["NodeOver"]);
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn two_reports_between_two_reconciles_count_as_the_first() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a").ok();
    ana.run("report run/one --as agent:a --succeeded").ok();
    ana.run("report run/one --as agent:a --failed")
        .exits(9)
        .notes("was already reported as succeeded")
        .notes("the first report counts");
    ana.writes_by_hand("run/one", 1, "agent:a", "kind: Report\nresult: failed");
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    assert_eq!(ana.unapplied("run"), ["NodeOver"]);
}

#[test]
fn a_report_for_an_older_attempt_is_recorded_visible_and_not_applied() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana.run("release run/one --as agent:a --reconcile").ok();
    ana.run("claim run/one --as agent:b --reconcile").ok();
    ana.run("report run/one --as agent:a --succeeded --attempt 1")
        .exits(9)
        .notes("agent:a gave back attempt 1");
    ana.writes_by_hand("run/one", 1, "agent:a", REPORT);
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["OldAttempt"]);
    let node = ana.node("run/one");
    assert_eq!(text(&node["phase"]), "Running");
    assert_eq!(node["extensions"]["claim"]["actor"], "agent:b");
}

#[test]
fn the_report_of_somebody_else_is_not_applied() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a --reconcile").ok();
    ana.run("report run/one --as agent:b --succeeded")
        .exits(9)
        .notes("claimed by agent:a");
    ana.writes_by_hand("run/one", 1, "agent:b", REPORT);
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["WrongActor"]);
    assert_eq!(ana.node_phase("run/one"), "Running");
    ana.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn a_record_is_applied_once_whoever_repeats_it() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a").ok();
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    for _ in 0..3 {
        ana.run("reconcile").ok().says("nothing to do");
    }
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn the_last_twenty_records_that_could_not_be_applied_are_listed() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.works("run/one", "agent:a");
    for _ in 0..22 {
        ana.writes_by_hand("run/one", 1, "agent:a", REPORT);
    }
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run").len(), 20);
}

#[test]
fn what_is_no_record_is_never_believed_and_its_attempt_is_passed_over() {
    let record = "apiVersion: records.planspec.io/v1\n";
    let huge = format!("apiVersion: \"{}\"\n", "x".repeat(70_000));
    let table: &[(&str, &[(&str, &str)])] = &[
        ("no record.yaml", &[("notes.txt", "hello")]),
        (
            "a second file",
            &[("record.yaml", record), ("more.yaml", record)],
        ),
        ("no YAML", &[("record.yaml", "{{{")]),
        ("fields missing", &[("record.yaml", record)]),
        ("too long", &[("record.yaml", &huge)]),
        ("empty", &[]),
    ];
    for (what, files) in table {
        let sandbox = Sandbox::new();
        let ana = started(&sandbox);
        let name = work(&ana, "one", 1);
        let id = commit(&ana, files, &[]);
        ana.git(&format!("push -q origin {id}:{name}"));
        ana.run("claim run/one --as agent:a").exits(9);
        ana.run("reconcile").ok().notes("is ignored");
        assert_eq!(ana.node("run/one")["attempt"], 2, "{what}");
        assert_ne!(
            ana.git_try(&format!(
                "merge-base --is-ancestor {id} origin/planspec/status"
            ))
            .code,
            0,
            "{what}: it must not be linked"
        );
        ana.works("run/one", "agent:a");
        assert_eq!(ana.node_phase("run/one"), "Succeeded", "{what}");
    }
}

#[test]
fn a_merge_is_no_chain_of_records() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/two --as agent:a").ok();
    let name = work(&ana, "two", 1);
    let text = written(&record(&ana, &name));
    let claim = ana.git("rev-parse FETCH_HEAD");
    let other = commit(&ana, &[("record.yaml", &text)], &[]);
    let merge = commit(&ana, &[("record.yaml", &text)], &[&claim, &other]);
    ana.git(&format!("push -q origin {merge}:{name}"));
    ana.run("reconcile").ok().notes("is ignored");
    assert_eq!(ana.node_phase("run/two"), "Pending");
}

#[test]
fn records_that_were_made_for_something_else_are_listed_and_not_applied() {
    let table = [
        (
            "repository",
            "00000000-0000-0000-0000-000000000000",
            "OtherRepository",
        ),
        ("node", "two", "Misplaced"),
        ("attempt", "2", "Misplaced"),
    ];
    for (field, value, reason) in table {
        let sandbox = Sandbox::new();
        let ana = started(&sandbox);
        ana.run("claim run/one --as agent:a").ok();
        let name = work(&ana, "one", 1);
        let mut fields = record(&ana, &name);
        assert!(fields.contains_key(field), "{fields:?}");
        fields.insert(field.to_owned(), value.to_owned());
        let forged = commit(&ana, &[("record.yaml", &written(&fields))], &[]);
        ana.git(&format!("push -q -f origin {forged}:{name}"));
        ana.run("reconcile").ok();
        assert_eq!(ana.unapplied("run"), [reason], "{field}");
        assert_eq!(ana.node_phase("run/one"), "Pending", "{field}");
    }
}

#[test]
fn a_ref_that_was_rewritten_is_listed_and_not_applied() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a --reconcile").ok();
    let name = work(&ana, "one", 1);
    let mut fields = record(&ana, &name);
    fields.insert("actor".to_owned(), "agent:thief".to_owned());
    let forged = commit(&ana, &[("record.yaml", &written(&fields))], &[]);
    ana.git(&format!("push -q -f origin {forged}:{name}"));
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["RefRewritten"]);
    // It accepts no more records: anyone can claim the next attempt.
    let node = ana.node("run/one");
    assert_eq!(node["attempt"], 2, "{node}");
    assert!(text(&node["message"]).contains("no longer holds the records of agent:a"));
    ana.works("run/one", "agent:a");
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

/// Pushes something that is no record to a ref: on top of its tip, or instead of it.
fn spoil(ana: &Place<'_>, name: &str, on_top: bool) {
    let there = ana.git(&format!("ls-remote origin {name}"));
    let parent = there.split('\t').next().filter(|_| on_top);
    let parents: Vec<&str> = parent.into_iter().filter(|id| !id.is_empty()).collect();
    if let Some(parent) = parents.first() {
        ana.git(&format!("fetch -q origin {parent}"));
    }
    let garbage = commit(ana, &[("record.yaml", "nonsense: [")], &parents);
    ana.git(&format!("push -q -f origin {garbage}:{name}"));
}

#[test]
fn what_is_pushed_to_the_ref_of_a_reviewer_silences_nobody() {
    for (comments_first, on_top) in [(false, false), (true, false), (true, true)] {
        let sandbox = Sandbox::new();
        let nodes = [gate_node("ok", "sign"), task("go").after("ok")];
        let resources = [plan("p", &nodes), gate("sign", "p"), execution("run", "p")];
        let ana = sandbox.team_with("ana", &resources);
        let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
        let name = format!("refs/planspec/reviews/default/sign/{uid}/ana%40example%2Ecom");
        if comments_first {
            ana.run("comment sign -m 'I am looking' --reconcile").ok();
        }
        spoil(&ana, &name, on_top);
        ana.run("reconcile").ok().notes("is ignored");
        ana.run("reconcile").ok().notes("is ignored");
        let ran = ana.run("approve sign").ok();
        ran.notes(&format!("{name} is ignored"))
            .notes("this record goes to another ref");
        let ben = sandbox.clone_of("origin.git", "ben");
        ben.run("reconcile").ok();
        assert_eq!(ben.node_phase("run/ok"), "Succeeded");
        // Another invalid record next to it.
        spoil(&ana, &format!("{name}.2"), true);
        ben.run("reconcile").ok();
        assert_eq!(ben.unapplied("run"), Vec::<String>::new());
        ben.works("run/go", "agent:a");
        assert_eq!(ben.phase("execution/run"), "Succeeded");
        // A refused record is no lock either when the run is over.
        ben.run("reconcile").ok();
        assert_eq!(ben.inbox(), Vec::<String>::new());
    }
}

#[test]
fn of_two_places_of_a_reviewer_the_newest_word_counts() {
    let sandbox = Sandbox::new();
    let nodes = [gate_node("ok", "sign"), task("go").after("ok")];
    let two = "reviewers: [ana@example.com, ben@example.com]\nrequiredApprovers: 2\n";
    let resources = [
        plan("p", &nodes),
        gate_with("sign", "p", two),
        execution("run", "p"),
    ];
    let ana = sandbox.team_with("ana", &resources);
    let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
    let name = format!("refs/planspec/reviews/default/sign/{uid}/ana%40example%2Ecom");
    ana.run("approve sign --reconcile").ok();
    spoil(&ana, &name, true);
    ana.run("approve sign --reconcile").ok();
    assert_eq!(
        ana.node_phase("run/ok"),
        "Blocked",
        "one person is one approval"
    );
    ana.run("reject sign -m 'I was wrong' --reconcile").ok();
    assert_eq!(ana.node_phase("run/ok"), "Failed");
}

#[test]
fn what_is_pushed_to_the_ref_of_a_task_that_a_person_has_claimed_is_got_over() {
    for (reports_first, on_top) in [(false, true), (false, false), (true, true)] {
        let sandbox = Sandbox::new();
        let ana = sandbox.team_with(
            "ana",
            &[
                capability("writing"),
                binding("team", &[("writing", "human://ana")]),
                plan("p", &[task("one").needs("writing")]),
                execution_with("run", "p", "bindingRef: {name: team}\n"),
            ],
        );
        ana.run("claim run/one --reconcile").ok();
        let name = work(&ana, "one", 1);
        if reports_first {
            ana.run("report run/one --succeeded").ok();
            spoil(&ana, &name, on_top);
            // An acknowledged record is not lost.
            ana.run("reconcile").ok().notes("is ignored");
            assert_eq!(ana.phase("execution/run"), "Succeeded");
            continue;
        }
        spoil(&ana, &name, on_top);
        let ran = ana.run("report run/one --succeeded");
        assert_ne!(ran.code, 0, "{ran}");
        ran.notes("planspec reconcile");
        ana.run("reconcile")
            .ok()
            .says("no longer holds the records");
        assert_eq!(ana.node("run/one")["attempt"], 2);
        if on_top {
            // The actor that did the work reports it as the next attempt.
            ana.run("report run/one --succeeded --reconcile").ok();
        } else {
            ana.works("run/one", "ana@example.com");
        }
        assert_eq!(ana.phase("execution/run"), "Succeeded");
    }
}

#[test]
fn an_attempt_whose_ref_holds_no_record_is_said_to_be_taken_and_the_next_is_opened() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    spoil(&ana, &work(&ana, "one", 1), false);
    ana.run("claim run/one --as agent:a")
        .exits(9)
        .notes("contains no record")
        .notes("planspec reconcile");
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn what_is_pushed_to_the_ref_of_a_verification_or_an_attestation_silences_nobody() {
    let sandbox = Sandbox::new();
    let goal = crate::resources::resource(
        "Goal",
        "g",
        "description: x\nacceptanceCriteria: [{id: fast, description: Fast}]\n",
    );
    let nodes = [task("one")
        .with("acceptanceCriteria: [{type: artifact_exists, name: page, path: page.md}]\n")];
    let ana = sandbox.team("ana");
    ana.write("page.md", "x");
    let run = execution_with("run", "p", "");
    let with_goal = plan("p", &nodes).replace("spec:\n", "spec:\n  goalRef: {name: g}\n");
    ana.publish("planspec/all.yaml", file(&[goal, with_goal, run]));
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    let uid = text(&ana.get("execution/run")["metadata"]["uid"]);
    let name = format!("refs/planspec/verifications/default/run/{uid}/one/1/ana%40example%2Ecom");
    spoil(&ana, &name, false);
    ana.run("verify run/one")
        .ok()
        .notes("this record goes to another ref");
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    let name = format!("refs/planspec/attestations/default/run/{uid}/fast/ana%40example%2Ecom");
    spoil(&ana, &name, false);
    ana.run("attest run fast --met --reconcile")
        .ok()
        .notes("this record goes to another ref");
    assert_eq!(ana.phase("goal/g"), "Succeeded");
}

#[test]
fn records_about_nothing_known_are_only_mentioned() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let tip = ana.status_tip();
    let id = commit(&ana, &[("record.yaml", "x")], &[]);
    let unknown_run = "work/default/run/00000000-0000-0000-0000-000000000000/one/1";
    ana.git(&format!("push -q origin {id}:refs/planspec/{unknown_run}"));
    ana.run("reconcile")
        .ok()
        .notes("1 inbox ref belongs to no known execution");
    for name in ["work/default/other", "something/else"] {
        ana.git(&format!("push -q origin {id}:refs/planspec/{name}"));
        ana.run("reconcile").ok();
    }
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn records_survive_that_nobody_has_a_remote_tracking_ref_for_them() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one --as agent:a").ok();
    assert_eq!(
        ana.git("for-each-ref refs/planspec"),
        "",
        "records live on the remote"
    );
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("reconcile").ok().says("claimed by agent:a");
    ana.run("report run/one --as agent:a --succeeded").ok();
    ben.run("reconcile").ok().says("Running → Succeeded");
}

#[test]
fn whoever_acts_has_a_name() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("claim run/one").ok().says("as ana@example.com");
    ana.run_in(&[("PLANSPEC_ACTOR", "agent:env")], "claim run/two")
        .ok()
        .says("as agent:env");
    ana.run("reconcile").ok();
    let nobody = sandbox.path("home").join("nothing");
    let nobody = nobody.to_str().unwrap();
    ana.run_in(
        &[
            ("HOME", nobody),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("XDG_CONFIG_HOME", nobody),
        ],
        "release run/one",
    )
    .exits(2)
    .notes("--as NAME");
}

#[test]
fn what_comes_after_the_end_is_listed_and_not_applied_and_nothing_of_the_run_changes() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("cancel run --reconcile").ok();
    // The old plan is no longer pinned.
    ana.publish("planspec/all.yaml", execution("run", "p"));
    ana.run("reconcile").ok();
    ana.run("report run/one --as agent:a --succeeded --attempt 1")
        .exits(9)
        .notes("is already Cancelled");
    ana.writes_by_hand("run/one", 1, "agent:a", REPORT);
    ana.run("reconcile").ok();
    assert_eq!(ana.unapplied("run"), ["RunOver"]);
    assert_eq!(ana.phase("execution/run"), "Cancelled");
    assert_eq!(
        text(&ana.condition("execution/run", "Valid").unwrap()["status"]),
        "True"
    );
    // Cleaning up blocks no work.
    ana.run("reconcile").ok().says("nothing to do");
    assert_eq!(ana.inbox(), Vec::<String>::new());
}
