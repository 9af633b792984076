//! `planspec archive`: finished executions leave the status, and are still found.

use crate::audit::{GONE, forge};
use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, Sandbox};

/// A team of which one run has ended, a second one has failed, and a third one is open.
fn team(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    ana.publish("planspec/p.yaml", file(&[plan("p", &[task("one")])]));
    for name in ["done", "failed", "open"] {
        ana.publish(
            &format!("planspec/{name}.yaml"),
            file(&[execution(name, "p")]),
        );
    }
    ana.run("reconcile --initialize").ok();
    for (name, how) in [("done", "--succeeded"), ("failed", "--failed")] {
        ana.run(&format!("claim {name}/one --as agent:a")).ok();
        ana.run(&format!("report {name}/one {how} --as agent:a"))
            .ok();
    }
    ana.run("reconcile").ok();
    sandbox.minutes_pass(60);
    ana
}

#[test]
fn finished_executions_leave_the_status_and_log_and_audit_still_find_them() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let asked = ana
        .run("archive --before 30m -m tidy --reconcile -o json")
        .ok();
    let asked = asked.answer("ArchiveAsked");
    assert_eq!(
        (&asked["count"], &asked["reconciled"]["archived"]),
        (&2.into(), &2.into())
    );
    let message = ana.git("log -1 --format=%B refs/remotes/origin/planspec/status");
    assert!(message.starts_with("archive 2 executions\n"), "{message}");
    // Another clone, which has only fetched.
    let ben = sandbox.clone_of("origin", "ben");
    ben.run("log done")
        .ok()
        .says("Succeeded → Archived")
        .says("agent:a");
    ben.run("log execution/failed")
        .ok()
        .says("Failed → Archived");
    ben.run("audit done").ok();
    ben.run("audit").ok().says("follows from what it cites");
    ben.run("reconcile --full").ok().says("nothing to do");
    ben.run("retry failed")
        .exits(1)
        .notes("is archived: it ended as Failed");
    ben.run("get execution done")
        .ok()
        .says("Succeeded")
        .says("archived: see");
    assert_eq!(ben.phase("execution/failed"), "Failed");
    ben.run("get executions").ok().says("archived: see");
    // Every ref of theirs is gone; what is open stays.
    ben.run("claim open/one --as agent:b").ok();
    ben.run("reconcile").ok();
    let left: Vec<String> = ben.inbox();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].contains("/open/"), "{left:?}");
}

#[test]
fn deleting_the_file_of_an_archived_execution_is_no_event_and_reverting_that_runs_nothing() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("archive --before 30m --reconcile").ok();
    ana.remove("planspec/done.yaml").commit("clean up").push();
    ana.run("reconcile").ok().says("nothing to do");
    ana.run("get executions").ok().never_says("done");
    ana.git("revert --no-edit HEAD");
    ana.push();
    ana.run("reconcile").ok().says("nothing to do");
    ana.run("start p --name done")
        .exits(9)
        .notes("already exists");
    ana.remove("planspec/done.yaml")
        .commit("clean up again")
        .push();
    ana.run("start p --name done")
        .exits(9)
        .notes("has ended as Succeeded, and the same spec does not run again");
    ana.run("start p --name done -p why=more")
        .ok()
        .notes("this is another one");
    ana.push();
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/done"), "Running");
    // The former run is behind it.
    ana.run("log done")
        .ok()
        .says("(new) → Running")
        .says("Succeeded → Archived");
}

#[test]
fn what_would_go_and_what_stays_is_shown_first() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    let before = ana.status_tip();
    let preview = ana.run("archive --before 30m --dry-run -o json").ok();
    let preview = preview.answer("ArchivePreview");
    assert_eq!(
        (&preview["count"], &preview["keptCount"]),
        (&2.into(), &0.into())
    );
    assert_eq!(preview["executions"][0]["execution"], "done");
    ana.run("archive --before 30m -n elsewhere")
        .ok()
        .says("nothing to archive");
    ana.run("archive --before 2020-01-01")
        .ok()
        .says("nothing to archive");
    ana.run("archive --before yesterday")
        .exits(2)
        .notes("write a date, a time or a duration");
    ana.run("reconcile").ok();
    assert_eq!(ana.status_tip(), before, "nothing was asked for");
}

#[test]
fn a_request_that_must_be_signed_and_is_not_changes_nothing() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("archive --before 30m").ok();
    ana.publish(
        ".planspec.yaml",
        "status: {remote: origin}\napprovals: {requireSigned: [requests]}\n",
    );
    ana.run("reconcile")
        .ok()
        .notes("not applied: refs/planspec/requests/_repository/");
    assert_eq!(ana.phase("execution/done"), "Succeeded");
    ana.run("reconcile").ok();
    let inbox = ana.inbox();
    assert!(
        !inbox.iter().any(|name| name.contains("_repository")),
        "{inbox:?}"
    );
    ana.run("audit").ok();
}

#[test]
fn an_archive_that_somebody_forges_does_not_pass_the_audit() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.run("archive --before 30m --reconcile").ok();
    ana.run("audit").ok();
    // The run that is open leaves, and nobody asked for it.
    let files = ana.git("ls-tree -r --name-only refs/remotes/origin/planspec/status");
    let open = files.lines().find(|file| file.ends_with("/open.yaml"));
    let forged = forge(&ana, &[(open.unwrap(), "Running", GONE)], "");
    ana.git(&format!(
        "push -q origin {forged}:refs/heads/planspec/status {forged}:refs/planspec/status"
    ));
    ana.git("fetch -q origin");
    ana.run("audit")
        .exits(1)
        .says("Execution default/open follows, but is missing");
}

#[test]
fn the_logs_of_an_archived_run_are_kept_for_thirty_days() {
    let sandbox = Sandbox::new();
    let ana = team(&sandbox);
    ana.publish("planspec/last.yaml", file(&[execution("last", "p")]));
    ana.run("reconcile").ok();
    ana.run("claim last/one --as agent:a").ok();
    ana.run("report last/one --failed --commit HEAD --as agent:a --reconcile")
        .ok();
    let has_logs = || ana.inbox().iter().any(|name| name.starts_with("results/"));
    sandbox.minutes_pass(60);
    ana.run("archive --before 30m --reconcile").ok();
    ana.run("reconcile").ok();
    assert!(has_logs());
    sandbox.minutes_pass(31 * 24 * 60);
    ana.publish("planspec/more.yaml", file(&[execution("more", "p")]));
    ana.run("reconcile").ok();
    ana.run("reconcile").ok();
    assert!(!has_logs(), "{:?}", ana.inbox());
}
