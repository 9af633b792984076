//! The overview: `planspec status`, the board, and runs in tables.

use serde_json::json;

use crate::resources::{execution, file, gate, plan, task};
use crate::sandbox::{Place, Sandbox};

/// Runs of one plan, each of which waits for something else.
fn mixed<'s>(sandbox: &'s Sandbox) -> Place<'s> {
    let solo = sandbox.repository("solo");
    let nodes = [
        task("build"),
        task("test"),
        crate::resources::gate_node("ok", "ok").after("build"),
    ];
    let runs = ["done", "failed", "free", "held", "waits"].map(|name| execution(name, "ship"));
    let mut all = vec![plan("ship", &nodes), gate("ok", "ship")];
    all.extend(runs);
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    for (node, how) in [
        ("done/build", "--succeeded"),
        ("done/test", "--succeeded"),
        ("failed/build", "--failed --message no-disk"),
        ("failed/test", "--succeeded"),
        ("waits/build", "--succeeded"),
        ("waits/test", "--succeeded"),
    ] {
        solo.run(&format!("claim {node} --as agent:a")).ok();
        solo.run(&format!("report {node} --as agent:a {how}")).ok();
    }
    for node in ["held/build", "held/test"] {
        solo.run(&format!("claim {node} --as agent:b")).ok();
    }
    solo.run("reconcile").ok();
    solo.run("approve done/ok --as ana@example.com").ok();
    sandbox.minutes_pass(20);
    solo.run("reconcile").ok();
    solo
}

#[test]
fn what_was_claimed_since_the_last_reconcile_is_offered_to_nobody() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("build"), task("test")];
    let all = [
        plan("ship", &nodes),
        execution("one", "ship"),
        execution("two", "ship"),
    ];
    solo.publish("planspec/all.yaml", file(&all));
    solo.run("reconcile").ok();
    for node in ["build", "test"] {
        solo.run(&format!("claim one/{node} --as agent:a")).ok();
    }
    solo.run("claim two/build --as agent:b").ok();
    let told = solo.run("status").ok();
    assert!(told.out.starts_with("1 unclaimed, 3 at work"), "{told}");
    let told = told
        .says("build: the report of agent:a; test: the report of agent:a")
        .says("build: the report of agent:b; test: anybody to claim it")
        .says("planspec claim two/test -n default")
        .never_says("planspec claim one/")
        .never_says("planspec claim two/build");
    let place = |text: &str| told.out.find(text).unwrap();
    let order = ["Unclaimed:", "default/two", "At work:", "default/one"].map(place);
    assert!(order.is_sorted(), "{told}");
    // Reported, and not taken in.
    solo.run("report two/build --as agent:b --succeeded").ok();
    solo.run("status")
        .ok()
        .says("build: agent:b has reported it as succeeded, but that is not reconciled yet");
    // In a clone without the remote's refs, what was claimed in it is known.
    let ana = sandbox.team_with("ana", &all);
    ana.run("reconcile").ok();
    ana.run("claim one/build --as agent:a").ok();
    ana.run("status")
        .ok()
        .says("build: the report of agent:a")
        .never_says("planspec claim one/build");
}

#[test]
fn what_is_wanted_stands_first_and_each_run_once() {
    let sandbox = Sandbox::new();
    let solo = mixed(&sandbox);
    let told = solo.run("status").ok();
    let headline = "1 failed, 1 needs an approval, 2 unclaimed (the oldest since ";
    assert!(told.out.starts_with(headline), "{told}");
    // The widths of columns depend on their content.
    let words = told.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let order = [
        "Failed: default/failed 20m build failed: reported by agent:a: no-disk",
        "Waiting for people: default/waits 20m 2/3 ok: ok: 0 of 1 approvals",
        "Unclaimed: default/free 20m 0/3 build: anybody to claim it; test: anybody to claim it",
        "At work: default/held 20m 0/3 build: the report of agent:b, lease until",
        "Next, for example: planspec retry failed -n default planspec approve waits/ok -n default",
    ];
    let places = order.map(|part| words.find(part));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?} {words}"
    );
    for run in ["failed", "waits", "free", "held"] {
        let rows = told
            .out
            .lines()
            .filter(|line| line.starts_with(&format!("  default/{run} ")));
        assert_eq!(rows.count(), 1, "{run}: {told}");
    }
    told.never_says("default/done");
    // The commands work as printed.
    for command in [
        "retry failed -n default",
        "approve waits/ok -n default --as ana@example.com",
    ] {
        solo.run(command).ok();
    }
    solo.run("reconcile").ok();
    let now = solo.run("status").ok();
    assert!(
        now.out.starts_with("3 unclaimed (the oldest since "),
        "{now}"
    );
}

#[test]
fn status_is_an_answer_and_an_exit_code() {
    let sandbox = Sandbox::new();
    let empty = sandbox.repository("empty");
    empty.write("a", "").commit("begin");
    // Without a status, the exit code is not success.
    let told = empty.run("status --exit-code").exits(1);
    assert_eq!(told.out, "Nothing has been reconciled yet.\n");
    empty.run("status").ok();
    empty.write(".planspec.yaml", "status: {branch: [a\n");
    empty.git("add -A");
    empty.git("commit -qnm broken");
    empty.run("status --exit-code").exits(1).notes("PS001");

    let solo = mixed(&sandbox);
    let answer = solo
        .run("status -o json --exit-code")
        .exits(1)
        .answer("Overview");
    assert_eq!(answer["needsSomebody"], true);
    assert_eq!(answer["isOverdue"], false);
    assert_eq!(
        answer["phases"],
        json!({"Blocked": 1, "Failed": 1, "Running": 2, "Succeeded": 1})
    );
    let wanted: Vec<_> = answer["wanted"].as_array().unwrap().iter().collect();
    let counts: Vec<String> = wanted
        .iter()
        .map(|one| format!("{} {}", one["what"].as_str().unwrap(), one["count"]))
        .collect();
    assert_eq!(
        counts,
        ["failed 1", "approval 1", "unclaimed 2", "report 2"]
    );
    assert!(
        wanted.iter().all(|one| one["oldest"].is_string()),
        "{answer}"
    );
    let open: Vec<String> = answer["open"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            format!(
                "{} {}",
                run["heading"].as_str().unwrap(),
                run["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(open, ["people waits", "unclaimed free", "atWork held"]);
    // Work for workers alone is no alarm; a missed deadline is.
    for gone in ["retry failed", "approve waits/ok --as ana@example.com"] {
        solo.run(gone).ok();
    }
    solo.run("reconcile").ok();
    solo.run("status --exit-code").ok();
    sandbox.minutes_pass(180);
    solo.run("status --exit-code")
        .exits(1)
        .says("does nobody run planspec reconcile?");
    solo.run("status --mine --exit-code").exits(2);
}

#[test]
fn executions_are_listed_by_what_they_want_with_the_reason() {
    let sandbox = Sandbox::new();
    let solo = mixed(&sandbox);
    let table = solo.run("get executions").ok();
    let names: Vec<&str> = table
        .out
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(names, ["failed", "waits", "free", "held", "done"]);
    assert!(table.out.contains("REASON"), "{table}");
    assert!(
        table
            .out
            .contains("build failed: reported by agent:a: no-disk"),
        "{table}"
    );
    assert!(
        table.out.contains("build: anybody to claim it; and 1 more"),
        "{table}"
    );
    // Programs get them by name.
    let names = solo.run("get executions -o name").ok().out;
    assert!(
        names.starts_with("execution/done\nexecution/failed\n"),
        "{names}"
    );
    let some = solo
        .run("get executions --phase failed,Succeeded -o name")
        .ok()
        .out;
    assert_eq!(some, "execution/done\nexecution/failed\n");
    solo.run("get executions --phase Faild")
        .exits(2)
        .notes("did you mean `Failed`?");
    solo.run("get --phase Failed")
        .exits(2)
        .notes("planspec get executions --phase Failed");
}

#[test]
fn the_board_says_what_is_wanted_and_the_command_that_ends_it() {
    let sandbox = Sandbox::new();
    let solo = mixed(&sandbox);
    let board = solo.git("show refs/heads/planspec/status:README.md");
    let parts = [
        "**1 failed, 1 needs an approval, 2 unclaimed (the oldest since ",
        "## Failed",
        "build failed: reported by `agent:a`: no-disk",
        "`planspec retry failed -n default`",
        "## Waiting for people",
        "`planspec approve waits/ok -n default`",
        "## Unclaimed",
        "| `build`, `test` |",
        "`planspec claim EXECUTION/NODE` takes one",
        "## At work",
        "`build` by `agent:b`; `test` by `agent:b`",
        "## Ended last",
    ];
    let mut from = 0;
    for part in parts {
        let part = part.replace("reported by `agent:a`", "reported by agent:a");
        let at = board[from..].find(&part);
        assert!(at.is_some(), "{part} in {}", &board[from..]);
        from += at.unwrap();
    }
    for run in ["failed", "waits", "free", "held", "done"] {
        let rows = board
            .lines()
            .filter(|line| line.starts_with(&format!("| [default/{run}]")));
        assert_eq!(rows.count(), 1, "{run}: {board}");
    }
}

/// Whoever looks at waiting work wants to know since when it waits: a reconcile in between does not reset that.
#[test]
fn what_waits_says_since_when() {
    let sandbox = Sandbox::new();
    let solo = sandbox.run_of("solo", &[task("a"), task("b").after("a")]);
    solo.run("reconcile").ok();
    let since = |node: &str| solo.node(node)["extensions"]["since"].clone();
    let begin = since("run/a");
    assert!(begin.is_string(), "{begin}");
    assert!(since("run/b").is_null());
    sandbox.minutes_pass(5);
    solo.publish("notes.txt", "something else");
    solo.run("reconcile --full").ok();
    assert_eq!(since("run/a"), begin);
    solo.run("claim run/a --as agent:a").ok();
    solo.run("reconcile").ok();
    assert!(since("run/a").is_null(), "somebody is at work");
    solo.run("release run/a --as agent:a").ok();
    sandbox.minutes_pass(5);
    solo.run("reconcile").ok();
    assert_ne!(since("run/a"), begin, "it waits anew");
    assert!(since("run/a").is_string());
}

/// A failure is reported even if other nodes have been waiting for hours.
#[test]
fn a_node_that_failed_is_told_while_its_run_goes_on() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let nodes = [task("a"), task("b"), task("c")];
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &nodes), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    for (node, how) in [("a", "--failed"), ("b", "--succeeded")] {
        solo.run(&format!("claim run/{node} --as agent:a")).ok();
        solo.run(&format!("report run/{node} --as agent:a {how}"))
            .ok();
    }
    solo.run("reconcile").ok();
    let told = solo.run("status --exit-code").exits(1);
    assert!(
        told.out.starts_with("1 node failed, 1 unclaimed.\n"),
        "{told}"
    );
    assert!(told.out.contains("1/3"), "{told}");
    assert!(
        told.out.contains("  planspec retry run -n default\n"),
        "{told}"
    );
    let table = solo.run("get executions").ok();
    assert!(table.out.contains("1/3"), "the same as above: {table}");
    let board = solo.git("show refs/heads/planspec/status:README.md");
    assert!(
        board.contains("| 1 of 3 |") && board.contains("1 node failed; `c`: "),
        "{board}"
    );
    solo.run("retry run -n default").ok();
    solo.run("reconcile").ok();
    let told = solo.run("status --exit-code").ok();
    assert!(told.out.starts_with("2 unclaimed"), "{told}");
}

/// A clone of a single branch has no status, and does not know whether there is one.
#[test]
fn a_clone_without_the_status_branch_says_how_to_get_it() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with("ana", &[plan("p", &[task("a")]), execution("run", "p")]);
    ana.run("reconcile").ok();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("--single-branch", &url, "ben");
    let told = ben.run("status --exit-code").exits(1);
    let command = told.out.split('`').nth(1).unwrap();
    ben.git(command.strip_prefix("git ").unwrap());
    ben.run("status --exit-code").ok().says("1 unclaimed");
}
