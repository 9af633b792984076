//! The files change during a run: the run keeps the revisions that it was started with.

use crate::resources::{execution, execution_with, file, goal, plan, task};
use crate::sandbox::{Place, Sandbox, text};

fn two() -> String {
    plan("p", &[task("one"), task("two").after("one")])
}

/// A run of two tasks, one after the other, reconciled once.
fn started(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    solo.write("planspec/plan.yaml", two())
        .publish("planspec/run.yaml", execution("run", "p"));
    solo.run("reconcile").ok();
    solo
}

fn finish(solo: &Place<'_>) {
    solo.works("run/one", "agent:a").works("run/two", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn a_run_finishes_on_its_pinned_revision_and_says_that_the_plan_has_moved_on() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish("planspec/plan.yaml", plan("p", &[task("other")]));
    solo.run("reconcile").ok();
    let drifted = solo.condition("execution/run", "PlanDrifted").unwrap();
    assert_eq!(text(&drifted["status"]), "True");
    assert!(
        text(&drifted["message"]).contains("has changed since"),
        "{drifted}"
    );
    solo.run("describe execution run").ok().says("PlanDrifted");
    solo.run("graph run").ok().says("two").never_says("other");
    solo.run("graph plan/p")
        .ok()
        .says("other")
        .never_says("two");
    finish(&solo);
    solo.run("start p --name next").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.run("next -o name").ok().out, "default/next/other\n");
}

#[test]
fn a_plan_that_moves_back_is_no_longer_drifted() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish("planspec/plan.yaml", plan("p", &[task("other")]));
    solo.run("reconcile").ok();
    solo.publish("planspec/plan.yaml", two());
    solo.run("reconcile").ok();
    assert!(solo.condition("execution/run", "PlanDrifted").is_none());
}

#[test]
fn a_deleted_plan_does_not_stop_its_runs() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.remove("planspec/plan.yaml").commit("Done with it");
    solo.run("reconcile").ok();
    let drifted = solo.condition("execution/run", "PlanDrifted").unwrap();
    assert_eq!(text(&drifted["reason"]), "PlanMissing");
    finish(&solo);
}

#[test]
fn a_changed_execution_is_ignored_and_marked() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let changed = execution_with("run", "other", "parameters: {fast: true}\n");
    solo.publish("planspec/run.yaml", changed);
    solo.run("reconcile").ok();
    let mutated = solo.condition("execution/run", "SpecMutated").unwrap();
    assert_eq!(text(&mutated["status"]), "True");
    assert!(text(&mutated["message"]).contains("immutable"), "{mutated}");
    finish(&solo);
}

#[test]
fn a_deleted_execution_is_cancelled_and_its_status_stays() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.remove("planspec/run.yaml").commit("Never mind");
    solo.run("reconcile").ok().says("its file was deleted");
    assert_eq!(solo.phase("execution/run"), "Cancelled");
    assert_eq!(solo.node_phase("run/one"), "Cancelled");
    assert!(!solo.get("execution/run")["metadata"]["deletionTimestamp"].is_null());
    solo.run("reconcile").ok().says("nothing to do");
}

#[test]
fn a_name_that_has_run_is_not_taken_for_what_never_ran() {
    let sandbox = Sandbox::new();
    let team = sandbox.team("ana");
    team.publish("planspec/plan.yaml", plan("p", &[task("one")]))
        .push();
    team.run("start p --name r").ok();
    team.push();
    team.run("reconcile").ok();
    team.works("r/one", "agent:a");
    team.run("reconcile").ok();
    assert_eq!(team.phase("execution/r"), "Succeeded");
    let uid = |place: &Place<'_>| text(&place.get("execution/r")["metadata"]["uid"]);
    let first = uid(&team);
    team.run("delete execution r").ok();
    let refused = team.run("start p --name r -p fast=true").exits(9);
    refused.notes("a run named default/r has ended as Succeeded");
    // By hand, without the hook: the next reconcile sees another run in that file.
    team.run("hooks install").ok();
    let other = execution_with("r", "p", "parameters: {fast: true}\n");
    team.write("planspec/again.yaml", &other);
    team.run("validate --staged").ok();
    team.git("add -A");
    let refused = team.run("validate --staged").exits(1);
    assert!(refused.out.contains("PS401"), "{refused}");
    assert!(
        refused.out.contains("is already a run (Succeeded)"),
        "{refused}"
    );
    team.git("commit -q --no-verify -m again");
    team.push();
    team.run("reconcile").ok();
    assert_ne!(uid(&team), first);
    assert_eq!(team.phase("execution/r"), "Running");
    team.run("wait execution/r --for Succeeded --timeout 1s")
        .exits(1);
    team.works("r/one", "agent:a");
    team.run("reconcile").ok();
    // As the refusal says: after a reconcile has seen the deletion, the name is free, and the output says so.
    team.run("delete execution r").ok();
    team.push();
    team.run("reconcile").ok();
    let started = team.run("start p --name r -p fast=never").ok();
    started.notes("a run named default/r has ended as Succeeded; this is another one");
}

#[test]
fn an_execution_that_comes_back_is_a_new_one() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let uid = |place: &Place<'_>| text(&place.get("execution/run")["metadata"]["uid"]);
    let first = uid(&solo);
    solo.remove("planspec/run.yaml").commit("Never mind");
    solo.run("reconcile").ok();
    solo.publish("planspec/run.yaml", execution("run", "p"));
    solo.run("reconcile").ok();
    assert_ne!(uid(&solo), first);
    assert_eq!(solo.phase("execution/run"), "Running");
    finish(&solo);
}

#[test]
fn a_file_that_breaks_is_not_mistaken_for_a_deletion() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish(
        "planspec/run.yaml",
        "apiVersion: planspec.io/v1alpha1\nkind: [\n",
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Running");
    let valid = solo.condition("execution/run", "Valid").unwrap();
    assert_eq!(text(&valid["status"]), "False");
    assert!(
        text(&valid["message"]).contains("planspec/run.yaml:"),
        "{valid}"
    );
    finish(&solo);
}

#[test]
fn a_deletion_beside_a_file_that_breaks_waits_until_everything_can_be_read() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    // The execution might have moved into the unreadable file.
    solo.remove("planspec/run.yaml")
        .write("planspec/other.yaml", "kind: [\n");
    solo.commit("Both at once");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Running");
    solo.remove("planspec/other.yaml").commit("It had not");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Cancelled");
}

#[test]
fn a_file_that_moves_keeps_its_resource() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    let uid = text(&solo.get("execution/run")["metadata"]["uid"]);
    solo.git("mv planspec/run.yaml planspec/elsewhere.yaml");
    solo.git("mv planspec/plan.yaml planspec/here.planspec.yaml");
    solo.commit("Tidy up");
    solo.run("reconcile").ok();
    assert_eq!(text(&solo.get("execution/run")["metadata"]["uid"]), uid);
    assert!(solo.condition("execution/run", "PlanDrifted").is_none());
    finish(&solo);
}

#[test]
fn an_execution_outside_the_configured_paths_is_unknown_not_deleted() {
    let sandbox = Sandbox::new();
    let solo = started(&sandbox);
    solo.publish(".planspec.yaml", "paths: [\"plans/**\"]\n");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Running");
    finish(&solo);
}

#[test]
fn rewritten_history_cancels_nothing_for_being_absent() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/more.yaml", plan("more", &[task("x")]));
    let base = ana.git("rev-parse HEAD");
    ana.publish("planspec/all.yaml", file(&[two(), execution("run", "p")]));
    ana.run("reconcile").ok();
    ana.git(&format!("reset -q --hard {base}"));
    ana.write("unrelated", "x").commit("Another story");
    ana.git("push -q -f origin HEAD");
    for _ in 0..2 {
        ana.run("reconcile").ok();
        assert_eq!(ana.phase("execution/run"), "Running");
    }
    ana.publish("unrelated", "y");
    ana.run("reconcile").ok();
    assert_eq!(
        ana.phase("execution/run"),
        "Cancelled",
        "now it is known to be gone"
    );
}

#[test]
fn the_observed_commit_that_is_gone_from_the_server_is_noted() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", file(&[two(), execution("run", "p")]));
    ana.run("reconcile").ok();
    ana.git("commit -q --amend -m 'Said better'");
    ana.git("push -q -f origin HEAD");
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.publish("planspec/more.yaml", execution("more", "p"));
    ben.run("reconcile").ok().notes("rewritten");
    assert_eq!(ben.phase("execution/run"), "Running");
    assert_eq!(ben.phase("execution/more"), "Running");
}

#[test]
fn a_run_can_be_finished_from_a_clone_that_never_had_the_pinned_revision() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", file(&[two(), execution("run", "p")]));
    ana.run("reconcile").ok();
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("x")]), execution("run", "p")]),
    );
    let origin = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("--depth 1 --branch main", &origin, "ben");
    finish(&ben);
}

#[test]
fn a_goal_takes_what_it_owns_and_not_what_a_former_one_owned() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/plan.yaml", plan("p", &[task("one")]));
    solo.publish("planspec/goal.yaml", goal("g"));
    solo.run("reconcile").ok();
    let uid = |place: &Place<'_>| text(&place.get("goal/g")["metadata"]["uid"]);
    let former = uid(&solo);
    solo.remove("planspec/goal.yaml").commit("Never mind");
    solo.run("reconcile").ok();
    solo.publish("planspec/goal.yaml", goal("g"));
    solo.run("reconcile").ok();
    let owned = |name: &str, uid: &str| {
        let owner = format!("{{apiVersion: planspec.io/v1alpha1, kind: Goal, name: g{uid}}}");
        let named = format!("  name: {name}\n");
        let with_owner = format!("{named}  ownerReferences: [{owner}]\n");
        execution(name, "p").replace(&named, &with_owner)
    };
    let now = format!(", uid: {}", uid(&solo));
    solo.publish("planspec/by-name.yaml", owned("by-name", ""));
    solo.publish("planspec/by-uid.yaml", owned("by-uid", &now));
    let stale = owned("stale", &format!(", uid: {former}"));
    solo.publish("planspec/stale.yaml", stale);
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/by-uid"), "Running");
    // A run whose owner is missing has nothing to run for.
    let run = solo.get("execution/stale");
    assert_eq!(text(&run["status"]["reason"]), "UidMismatch");
    assert!(!solo.run("next").ok().out.contains("stale"));
    let deleted = solo.run("delete goal g --yes").ok();
    deleted.notes("Execution default/stale stays: its owner is an earlier Goal default/g");
    let there =
        ["by-name", "by-uid", "stale"].map(|name| solo.has(&format!("planspec/{name}.yaml")));
    assert_eq!(there, [false, false, true]);
}

#[test]
fn a_finished_run_is_never_drawn_with_another_plan() {
    let sandbox = Sandbox::new();
    let team = sandbox.team("ana");
    team.publish("planspec/plan.yaml", plan("p", &[task("one")]));
    team.publish("planspec/run.yaml", execution("run", "p"));
    team.run("reconcile").ok();
    team.works("run/one", "agent:a");
    let other = plan("p", &[task("security-audit")]);
    team.publish("planspec/plan.yaml", other);
    team.run("reconcile").ok();
    for verb in [
        "describe execution run",
        "graph run",
        "graph run -o mermaid",
    ] {
        let drawn = team.run(verb).ok();
        assert!(drawn.out.contains("one"), "{drawn}");
        assert!(!drawn.out.contains("security-audit"), "{drawn}");
    }
    // The shallow clone lacks the pinned plan; the current one does not replace it.
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let shallow = sandbox.clone_with("--depth=1 --no-single-branch", &url, "shallow");
    let described = shallow.run("describe execution run").ok();
    assert!(described.out.contains("one"), "{described}");
    assert!(!described.out.contains("security-audit"), "{described}");
    shallow
        .run("graph run")
        .exits(3)
        .notes("the pinned plan of Execution default/run is not in this clone");
}

/// `git mv planspec plans` once cancelled every run without a message.
#[test]
fn a_folder_that_is_renamed_ends_no_run() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with("ana", &[two(), execution("run", "p")]);
    let bare = sandbox.clone_of("origin.git", "ben");
    ana.git("mv planspec plans");
    let left = "plans/all.yaml";
    ana.run("validate --staged")
        .exits(1)
        .says("PS410")
        .says(left);
    ana.commit("Tidy up").push();
    ana.run("validate --base HEAD~1").exits(1).says("PS410");
    ana.run("validate --base HEAD~1 --rev HEAD")
        .exits(1)
        .says("PS410");
    ana.run("review HEAD~1..HEAD").exits(1).says("PS410");
    let page = include_str!("../../docs/recovery.md");
    for who in [&ana, &bare] {
        for _ in 0..2 {
            let ran = who.run("reconcile").ok();
            let ran = ran.notes("nothing is taken as deleted");
            let note = ran.err.lines().find(|line| line.contains("deleted"));
            assert!(page.contains(note.unwrap()), "docs/recovery.md: {ran}");
            assert_eq!(who.phase("execution/run"), "Running");
        }
    }
    ana.works("run/one", "agent:a");
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
    ana.publish(
        ".planspec.yaml",
        "status: {remote: origin}\npaths: [\"plans/**\"]\n",
    );
    ana.run("reconcile").ok().never_says("taken as deleted");
    ana.works("run/two", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn of_several_files_one_that_leaves_the_paths_is_not_deleted_and_one_that_is_removed_is() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write("planspec/plan.yaml", two())
        .write("planspec/stays.yaml", execution("stays", "p"))
        .write("planspec/leaves.yaml", execution("leaves", "p"))
        .publish("planspec/goes.yaml", execution("goes", "p"));
    ana.run("reconcile").ok();
    ana.git("rm -q planspec/goes.yaml");
    ana.git("mv planspec/leaves.yaml leaves.yaml");
    // Changed, not only moved.
    let text = ana.read("leaves.yaml");
    ana.write("leaves.yaml", format!("# elsewhere\n{text}"));
    ana.git("add -A");
    let ran = ana.run("validate --staged").exits(1);
    ran.says("PS410").says("leaves.yaml").never_says("goes");
    ana.commit("Tidy up").push();
    for _ in 0..2 {
        ana.run("reconcile").ok();
        assert_eq!(ana.phase("execution/leaves"), "Running");
        assert_eq!(ana.phase("execution/stays"), "Running");
        assert_eq!(ana.phase("execution/goes"), "Cancelled");
    }
    ana.run("reconcile --full").ok().says("nothing to do");
    ana.git("mv leaves.yaml planspec/leaves.yaml");
    ana.commit("Back").push();
    ana.run("reconcile").ok();
    ana.works("leaves/one", "agent:a")
        .works("leaves/two", "agent:a");
    assert_eq!(ana.phase("execution/leaves"), "Succeeded");
}

#[test]
fn everything_is_removed_only_where_no_run_goes_on() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with("ana", &[two(), execution("run", "p")]);
    ana.git("rm -q -r planspec");
    ana.run("validate --staged")
        .exits(1)
        .says("PS410")
        .says("1 run is not over");
    ana.git("commit -q --no-verify -m 'Nothing left'");
    ana.push();
    ana.run("review HEAD~1..HEAD").exits(1).says("PS410");
    ana.run("reconcile")
        .ok()
        .notes("nothing is taken as deleted");
    ana.run("cancel run --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Cancelled");
    ana.run("validate --base HEAD~1").ok();
    ana.publish("planspec/more.yaml", plan("more", &[task("x")]));
    ana.run("reconcile").ok().never_says("taken as deleted");
    ana.run("get plan p").exits(1);
}

#[test]
fn a_shallow_clone_looks_further_before_it_takes_a_run_as_deleted() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/more.yaml", plan("more", &[task("x")]));
    let base = ana.git("rev-parse HEAD");
    ana.publish("planspec/all.yaml", file(&[two(), execution("run", "p")]));
    ana.run("reconcile").ok();
    ana.git(&format!("reset -q --hard {base}"));
    for number in 0..40 {
        ana.write("unrelated", number.to_string()).commit("More");
    }
    ana.git("push -q -f origin HEAD");
    let url = format!("file://{}", sandbox.path("origin.git").display());
    for (name, said) in [("ci", "rewritten"), ("again", "")] {
        let ci = sandbox.clone_with("--depth=1", &url, name);
        ci.run("reconcile").ok().notes(said);
        assert_eq!(ci.phase("execution/run"), "Running");
    }
    // A deletion in a normal commit counts.
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/more.yaml", plan("more", &[task("x")]));
    ana.publish("planspec/all.yaml", file(&[two(), execution("run", "p")]));
    ana.run("reconcile").ok();
    ana.git("rm -q planspec/all.yaml");
    for number in 0..40 {
        ana.write("unrelated", number.to_string()).commit("More");
    }
    ana.push();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ci = sandbox.clone_with("--depth=1", &url, "ci");
    ci.run("reconcile").ok().never_says("rewritten");
    assert_eq!(ci.phase("execution/run"), "Cancelled");
}
