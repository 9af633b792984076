//! Resources that are here but not on the remote, or there but not here.

use crate::resources::{execution, plan, resource, task};
use crate::sandbox::Sandbox;

#[test]
fn a_forgotten_push_is_told_by_whoever_looks_at_the_remote() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.write("planspec/plan.yaml", plan("p", &[task("one")]))
        .commit("Here");
    ana.write("planspec/run.yaml", execution("run", "p"))
        .commit("Here");
    // Pushing comes first, and following the hint works.
    for verb in ["next", "claim run/one", "cancel run"] {
        let refused = ana.run(verb).exits(1);
        refused
            .notes("help: push local changes: `git push origin main`, then `planspec reconcile`");
    }
    ana.run("reconcile").ok().notes(
        "note: local changes of resources on `main` are not on origin: `git push origin main`",
    );
    ana.git("push -q origin main");
    let quiet = ana.run("reconcile").ok();
    assert!(!quiet.err.contains("are not on origin"), "{quiet}");
    ana.run("claim run/one").ok();

    // An unpushed run is not mistaken for a typing error.
    ana.write("planspec/rum.yaml", execution("rum", "p"))
        .commit("Here");
    for verb in ["claim rum/one", "next rum", "cancel rum", "retry rum"] {
        ana.run(verb)
            .exits(1)
            .notes("Execution default/rum is on the local `main`, but not on origin")
            .notes("help: push it: `git push origin main`, then `planspec reconcile`");
    }
    for verb in ["next", "claim --renew run/one", "retry run --rebind"] {
        let told = ana.run(verb);
        assert_eq!(told.err.matches("are not on origin").count(), 1, "{told}");
    }
    // Only resources have to be shared.
    ana.git("push -q origin main");
    ana.run("claim rum/one")
        .exits(1)
        .notes("Execution default/rum has no status yet: no reconcile has seen it")
        .notes("help: run `planspec reconcile` first");
    ana.write("notes.txt", "n").commit("Here");
    assert!(!ana.run("reconcile").ok().err.contains("are not on origin"));

    // The remote has newer commits.
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.publish(
        "planspec/goal.yaml",
        resource("Goal", "g", "description: d\n"),
    )
    .push();
    ana.write("planspec/ram.yaml", execution("ram", "p"))
        .commit("Here");
    ana.run("next")
        .notes("`git pull --rebase origin main`, then `git push origin main`");
    ana.git("pull -q --rebase origin main");
    ana.git("push -q origin main");
    assert!(!ana.run("next").err.contains("are not on origin"));
}

#[test]
fn a_clone_from_before_the_adoption_begins_no_second_status() {
    let sandbox = Sandbox::new();
    sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.publish("readme", "r").push();
    let ben = sandbox.clone_of("origin.git", "ben");
    ana.publish(".planspec.yaml", crate::sandbox::SHARED);
    ana.publish("planspec/plan.yaml", plan("p", &[task("one")]));
    ana.publish("planspec/run.yaml", execution("run", "p"))
        .push();
    ana.run("reconcile").ok();
    for verb in ["next", "reconcile", "claim run/one"] {
        ben.run(verb)
            .exits(1)
            .notes("remote `origin` has a status branch `planspec/status`, but the configuration here names no `status.remote`")
            .notes("help: `git pull` gets the configuration of origin");
    }
    ben.git("pull -q");
    ben.run("next").ok().says("run/one");
    // A configuration without the remote, as when an example is pasted over it.
    ana.publish(".planspec.yaml", "rules: {}\n");
    ana.run("reconcile")
        .exits(1)
        .notes("the setting was removed");
    ana.git("config planspec.remote origin");
    ana.run("reconcile").ok();
}

#[test]
fn of_several_remotes_none_of_another_project_is_proposed_or_used() {
    let sandbox = Sandbox::new();
    sandbox.bare("ours.git");
    sandbox.bare("another.git");
    for (bare, who) in [("another.git", "eve"), ("ours.git", "ana")] {
        let clone = sandbox.clone_of(bare, who);
        clone.publish("readme", who);
        clone.publish(".planspec.yaml", crate::sandbox::SHARED);
        clone.publish("planspec/plan.yaml", plan(who, &[task("one")]));
        clone
            .publish("planspec/run.yaml", execution("run", who))
            .push();
        clone.run("reconcile").ok();
    }
    let ben = sandbox.clone_of("ours.git", "ben");
    ben.git("remote rename origin ours");
    ben.git("remote add another ../another.git");
    ben.write(".planspec.yaml", "rules: {}\n").commit("Rules");
    ben.git("push -q ours main");
    // The local branch has that upstream.
    let refused = ben
        .run("next")
        .exits(1)
        .notes("remote `ours` has a status branch")
        .notes("`git config planspec.remote ours`");
    assert!(!refused.err.contains("another`"), "{}", refused.err);
    // Without an upstream, and without a fetch of the other branch.
    ben.git("config --unset branch.main.remote");
    ben.run("next")
        .exits(1)
        .notes("remote `ours` has a status branch `planspec/status` (and so has `another`)");
    ben.git("fetch -q another");
    let refused = ben.run("next").exits(1);
    assert!(!refused.err.contains("another`"), "{}", refused.err);
    ben.git("config planspec.remote another");
    ben.run("claim run/one --as agent:ben")
        .exits(9)
        .notes("have no commit in common")
        .notes("`git config --unset planspec.remote`");
    let there = ben.git("ls-remote another refs/planspec/work/*");
    assert_eq!(there, "");
}

#[test]
fn a_review_without_its_remote_says_what_it_compares_with() {
    let sandbox = Sandbox::new();
    sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.publish(".planspec.yaml", crate::sandbox::SHARED);
    ana.publish("planspec/plan.yaml", plan("p", &[task("one")]));
    ana.git("checkout -q -b topic");
    ana.write("planspec/plan.yaml", plan("p", &[task("two")]))
        .commit("Two");
    let told = ana.run("review").ok().says("two");
    assert!(!told.err.contains("last fetch"), "{told}");
    ana.git("remote set-head origin main");
    ana.git("remote set-url origin ../nowhere.git");
    ana.run("review")
        .ok()
        .says("two")
        .notes("note: this compares with the state of the last fetch: ");
}

#[test]
fn the_only_binding_is_taken_where_it_speaks_of_the_plan() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let rule = "rules: [{selector: {planRef: {name: p}, nodeId: one}, target: {provider: 'human://cy'}}]\n";
    solo.publish("planspec/plan.yaml", plan("p", &[task("one")]));
    solo.publish("planspec/other.yaml", plan("q", &[task("one")]));
    solo.publish("planspec/binding.yaml", resource("Binding", "b", rule));
    solo.publish(".planspec.yaml", "workers: strict\n");
    solo.run("start p --name r")
        .ok()
        .notes("tasks are bound by `b`");
    let other = solo.run("start q --name s").ok();
    assert!(!other.err.contains("bound by"), "{other}");
    solo.run("reconcile").ok();
    solo.run("claim r/one --as agent:anyone")
        .exits(1)
        .notes("`one` is for a person, and agent:anyone is not one");
    let labels =
        "rules: [{selector: {matchLabels: {team: web}}, target: {provider: 'human://di'}}]\n";
    solo.publish("planspec/labels.yaml", resource("Binding", "c", labels));
    solo.run("start p --name t")
        .ok()
        .notes("tasks are bound by `b`");
}

#[test]
fn a_run_that_goes_on_is_not_deleted_by_the_way() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let goal = resource("Goal", "g", "description: d\n");
    let of_goal = crate::resources::plan_with("p", "goalRef: {name: g}\n", &[task("one")]);
    solo.publish("planspec/goal.yaml", goal);
    solo.publish("planspec/plan.yaml", of_goal);
    solo.run("start p --name first").ok();
    solo.run("reconcile").ok();
    solo.works("first/one", "agent:a");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("goal/g"), "Succeeded");
    sandbox.minutes_pass(1);
    // A second one, by mistake.
    solo.run("start p --name second").ok();
    solo.run("reconcile").ok();
    solo.run("claim second/one --as agent:b --reconcile").ok();
    assert_eq!(solo.phase("goal/g"), "Executing");
    for verb in ["delete execution second", "delete plan p"] {
        let refused = solo.run(verb).exits(1);
        refused.notes("help: add `--yes` to do it anyway");
    }
    solo.run("delete plan p")
        .notes("runs continue with the pinned Plan default/p: default/second");
    solo.run("delete execution second")
        .notes("Execution default/second is Running and would be cancelled, agent:b has `one`");
    solo.run("delete execution second --dry-run").ok();
    solo.run("delete execution second --yes").ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/second"), "Cancelled");
    assert_eq!(solo.phase("goal/g"), "Succeeded");
    solo.run("delete execution first").ok();
}

#[test]
fn what_is_checked_is_said_before_and_what_is_here_alone_afterwards() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let criteria =
        "acceptanceCriteria:\n- {type: artifact_exists, name: notes, path: docs/notes.md}\n";
    solo.publish(
        "planspec/plan.yaml",
        plan("p", &[task("one").with(criteria)]),
    );
    solo.publish("planspec/run.yaml", execution("run", "p"));
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a").ok();
    solo.write("docs/notes.md", "n\n");
    let told = solo
        .run("report run/one --succeeded --as agent:a --reconcile")
        .ok();
    told.notes("its criteria will be checked on commit");
    let told = solo.run("verify run/one --as ci");
    assert_eq!(told.code, 1, "{told}");
    assert!(
        told.err.contains("docs/notes.md is not in") && told.err.contains("your work tree has it"),
        "{told}"
    );
}

/// An ended run whose file is gone, and an unpushed run of the same name.
fn run_again(sandbox: &Sandbox) -> crate::sandbox::Place<'_> {
    let ana = sandbox.run_of("ana", &[task("one")]);
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("delete execution run").ok();
    ana.push();
    ana.run("reconcile").ok();
    ana.run("start p --name run -p again=yes").ok();
    ana
}

#[test]
fn wait_takes_no_former_run_for_one_that_is_not_pushed() {
    let sandbox = Sandbox::new();
    let ana = run_again(&sandbox);
    for what in ["Succeeded", "Running", "node=one=Succeeded"] {
        ana.run(&format!("wait execution/run --for {what} --timeout 5s"))
            .exits(1)
            .notes("Execution default/run is on the local `main`, but not on origin")
            .notes("help: push it: `git push origin main`, then `planspec reconcile`");
    }
    // All this is true of the former run.
    ana.run("wait execution/run --for Succeeded --observed=false")
        .ok();
    ana.run("wait execution/run --for delete").ok();
    ana.write("planspec/other.yaml", plan("other", &[task("one")]))
        .commit("Here");
    ana.run("wait plan/other --for Ready --timeout 5s")
        .exits(1)
        .notes("Plan default/other is on the local `main`, but not on origin");
    ana.push();
    ana.run("wait execution/run --for Succeeded --timeout 1s")
        .exits(1)
        .notes("timed out");
    ana.run("reconcile").ok();
    ana.run("wait execution/run --for Running").ok();

    // An unpushed edit is reported: the answer is about the version on the remote.
    let edited = plan("other", &[task("one"), task("two").after("nowhere")]);
    ana.write("planspec/other.yaml", edited).commit("Here");
    ana.run("wait plan/other --for Ready")
        .ok()
        .notes("note: local changes of resources on `main` are not on origin");
}

#[test]
fn a_run_that_no_reconcile_has_seen_is_not_the_one_before_it() {
    let sandbox = Sandbox::new();
    let ana = run_again(&sandbox);
    let verbs = [
        "claim run/one",
        "report run/one --succeeded",
        "release run/one",
        "cancel run",
        "retry run",
        "next run",
        "approve run/one",
    ];
    for verb in verbs {
        ana.run(verb)
            .exits(1)
            .notes("Execution default/run is on the local `main`, but not on origin")
            .notes("help: push it: `git push origin main`, then `planspec reconcile`");
    }
    ana.push();
    for verb in verbs {
        ana.run(verb)
            .exits(1)
            .notes("`main` has a new run default/run that no reconcile has seen; the previous one is Succeeded")
            .notes("help: run `planspec reconcile` first");
    }
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:b").ok();
    ana.run("report run/one --as agent:b --succeeded --reconcile")
        .ok();

    // Deleted and recreated with another spec before a reconcile has seen either.
    ana.run("delete execution run").ok();
    let other = crate::resources::execution_with("run", "p", "parameters: {fast: true}\n");
    ana.write("planspec/again.yaml", other).git("add -A");
    ana.git("commit -q --no-verify -m again");
    ana.push();
    ana.run("claim run/one")
        .exits(1)
        .notes("`main` has a new run default/run");
    ana.run("reconcile").ok();
    ana.run("claim run/one").ok();
}

#[test]
fn start_sees_a_name_that_this_clone_has_not_pulled() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with("ana", &[plan("p", &[task("one")])]);
    ana.push();
    let ben = sandbox.clone_of("origin.git", "ben");
    ana.run("start p --name rel").ok();
    ana.push();
    let refused = || {
        ben.run("start p --name rel")
            .exits(9)
            .notes("Execution default/rel is already on `main` of origin, but not in this clone")
            .notes("help: `git pull` gets it; for another run, omit --name or choose another name")
    };
    refused();
    ana.run("reconcile").ok();
    refused();
    ben.git("fetch -q");
    refused();
    ben.run("start p --name ret --dry-run").ok();
    ben.git("pull -q");
    ben.run("start p --name rel")
        .exits(9)
        .notes("already exists");

    // A local deletion is not missing from the branch, even when the remote has newer commits.
    ben.run("delete execution rel --yes").ok();
    ana.publish(
        "planspec/goal.yaml",
        resource("Goal", "g", "description: d\n"),
    )
    .push();
    ben.run("start p --name rel")
        .exits(9)
        .notes("no reconcile has yet seen that its file is gone");
    // An unreachable remote is no reason to wait.
    ben.git("remote set-url origin ../nowhere.git");
    ben.run("start p --name ret").ok();
}
