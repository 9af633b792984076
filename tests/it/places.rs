//! Places to run planspec: worktrees, bare and shallow clones, other branches, and no repository.

use crate::resources::{execution, file, gate, gate_node, plan, task};
use crate::sandbox::{Place, SHARED, STATUS, Sandbox, formats};

fn one_task() -> String {
    file(&[plan("p", &[task("one")]), execution("run", "p")])
}

fn shared(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.team("ana");
    ana.publish("planspec/all.yaml", one_task());
    ana
}

#[test]
fn everything_works_in_a_worktree_and_in_a_folder_below_the_root() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.git("worktree add -q --detach ../tree");
    let tree = sandbox.place("tree");
    tree.run("validate").ok();
    tree.run("reconcile").ok();
    let below = sandbox.folder("tree/planspec/below");
    below.works("run/one", "agent:a");
    assert_eq!(below.phase("execution/run"), "Succeeded");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(tree.git("status --porcelain"), "");
}

#[test]
fn the_folder_can_be_named() {
    let sandbox = Sandbox::new();
    shared(&sandbox);
    let elsewhere = sandbox.folder("elsewhere");
    elsewhere.run("-C ../ana reconcile").ok();
    elsewhere
        .run("get executions -C ../ana")
        .ok()
        .says("Running");
    elsewhere
        .run("-C ../ana validate planspec/all.yaml")
        .ok()
        .notes("2 resources: valid");
}

#[test]
fn a_bare_clone_can_be_read() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    let origin = sandbox.path("origin.git");
    let bare = sandbox.clone_with("--bare", origin.to_str().unwrap(), "bare.git");
    assert_eq!(bare.phase("execution/run"), "Running");
    bare.run("graph run").ok().says("one");
    bare.run("describe plan p").ok().says("Ready");
    bare.run("next -o name").ok().says("default/run/one");
    bare.run("validate").exits(3).notes("--rev HEAD");
    bare.run("validate --rev HEAD").ok();
    bare.run("init").exits(3);
}

#[test]
fn a_detached_head_changes_nothing() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.git("checkout -q --detach HEAD~1");
    ana.run("reconcile").ok().says("one can be claimed");
    ana.git("checkout -q main");
    ana.works("run/one", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_shallow_clone_reconciles_what_others_began() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    for number in 0..3 {
        ana.publish("notes", number.to_string());
    }
    ana.run("claim run/one --as agent:a --session s").ok();
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let shallow = sandbox.clone_with("--depth 1", &url, "shallow");
    shallow
        .run("reconcile")
        .ok()
        .says("claimed by agent:a")
        .never_says("rewritten");
    shallow
        .run("report run/one --as agent:a --session s --succeeded --reconcile")
        .ok();
    shallow.run("reconcile").ok().says("nothing to do");
    assert_eq!(shallow.phase("execution/run"), "Succeeded");
    assert_eq!(shallow.git("rev-parse --is-shallow-repository"), "true");
}

#[test]
fn a_deletion_is_seen_from_a_shallow_clone_as_well() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    ana.publish("planspec/all.yaml", plan("p", &[task("one")]));
    ana.publish("notes", "x");
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let shallow = sandbox.clone_with("--depth 1", &url, "shallow");
    shallow.run("reconcile").ok().says("its file was deleted");
}

#[test]
fn a_clone_of_one_branch_finds_the_status_all_the_same() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    let origin = sandbox.path("origin.git");
    let narrow = sandbox.clone_with("--single-branch", origin.to_str().unwrap(), "narrow");
    narrow.works("run/one", "agent:a");
    assert_eq!(narrow.phase("execution/run"), "Succeeded");
}

#[test]
fn on_a_feature_branch_reconcile_works_on_the_spec_branch_and_says_so() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.git("checkout -q -b feature");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("changed")]), execution("run", "p")]),
    );
    ana.run("reconcile")
        .ok()
        .says("one can be claimed")
        .notes("you are on `feature`, but reconcile works on the spec branch `main`");
    // Staged and unstaged changes do not count either.
    ana.git("checkout -q main");
    ana.write("planspec/more.yaml", execution("more", "p"));
    ana.git("add -A");
    ana.run("reconcile").ok().says("nothing to do");
}

#[test]
fn another_revision_can_be_looked_at_and_never_decides() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    ana.git("checkout -q -b feature");
    ana.publish("planspec/more.yaml", execution("more", "p"));
    ana.run("reconcile --ref feature")
        .exits(2)
        .notes("--dry-run");
    ana.run("reconcile --ref feature --dry-run")
        .ok()
        .says("default/more");
    ana.run("reconcile --ref nowhere --dry-run")
        .exits(1)
        .notes("`nowhere`");
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn what_counts_is_the_tip_of_the_remote_not_what_is_committed_here() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.write("planspec/all.yaml", plan("p", &[task("one")]))
        .commit("Not pushed");
    ana.run("reconcile").ok().says("one can be claimed");
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.publish("planspec/late.yaml", execution("late", "p"));
    // Without a fetch in this clone.
    ana.run("reconcile").ok().says("default/late");
}

#[test]
fn the_spec_branch_can_have_any_name() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.git("checkout -q -b trunk");
    solo.publish("planspec/all.yaml", one_task());
    solo.run("reconcile").ok().says("trunk at");
    solo.git("branch other");
    solo.run("reconcile")
        .exits(3)
        .notes("git config planspec.specBranch trunk");
    solo.git("config planspec.specBranch trunk");
    solo.run("reconcile").ok().says("nothing to do");

    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(".planspec.yaml", "specBranch: plans\n");
    solo.run("reconcile")
        .exits(3)
        .notes("the spec branch `plans` does not exist");
    solo.git("checkout -q -b plans");
    solo.publish("planspec/all.yaml", one_task());
    solo.run("reconcile").ok().says("plans at");
}

#[test]
fn the_status_branch_can_have_any_name() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", "status: {branch: state}\n");
    solo.publish("planspec/all.yaml", one_task());
    solo.run("reconcile").ok().says("→ state at");
    solo.works("run/one", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    assert_ne!(
        solo.git_try(&format!("rev-parse -q --verify refs/heads/{STATUS}"))
            .code,
        0
    );
}

#[test]
fn outside_of_a_repository_there_is_one_clear_sentence() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.folder("nowhere");
    let verbs = [
        "reconcile",
        "get",
        "describe plan p",
        "graph p",
        "next",
        "claim run/one --as a",
        "report run/one --as a --succeeded",
        "release run/one --as a",
        "approve g --as a",
        "reject g --as a",
        "cancel run --as a",
        "start p",
        "watch --once",
        "init",
        "validate",
    ];
    for verb in verbs {
        let ran = nowhere.run(verb).exits(3).notes("Git repository");
        assert_eq!(ran.out, "", "{verb}");
        assert!(ran.err.lines().count() <= 2, "{ran}");
    }
    nowhere.write("plan.yaml", plan("p", &[task("one")]));
    nowhere
        .run("validate plan.yaml")
        .ok()
        .notes("1 resource: valid");
}

#[test]
fn a_repository_without_commits_gets_one_clear_sentence() {
    let sandbox = Sandbox::new();
    let empty = sandbox.repository("empty");
    for verb in [
        "reconcile",
        "get",
        "next",
        "claim run/one --as a",
        "graph p",
        "watch --once",
        "review",
        "diff",
        "validate --rev HEAD",
        "describe plan p",
        "log p",
    ] {
        let ran = empty.run(verb).exits(1).notes("there are no commits yet");
        assert!(ran.err.lines().count() <= 2, "{ran}");
    }
}

#[test]
fn a_repository_without_resources_is_no_error() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("README.md", "Nothing here\n");
    solo.run("reconcile").ok().says("nothing to do");
    assert_ne!(
        solo.git_try(&format!("rev-parse -q --verify refs/heads/{STATUS}"))
            .code,
        0
    );
    solo.run("get").ok().notes("no resources");
    solo.run("get plans").ok().notes("no plans");
    solo.run("next")
        .exits(1)
        .notes("run `planspec reconcile` first");
    solo.run("validate").ok().says("no resources found");
}

#[test]
fn a_remote_that_is_away_gets_one_clear_sentence() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    std::fs::rename(sandbox.path("origin.git"), sandbox.path("moved.git")).unwrap();
    for verb in ["reconcile", "next", "claim run/one --as a", "watch --once"] {
        ana.run(verb).exits(3).notes("origin");
    }
    // Reading needs no identity.
    assert_eq!(ana.phase("execution/run"), "Running");
    ana.run("validate").ok();
}

#[test]
fn a_remote_that_this_clone_does_not_have_is_named() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", SHARED)
        .write("planspec/all.yaml", one_task());
    solo.commit("Alone");
    solo.run("reconcile")
        .exits(3)
        .notes("git remote add origin URL");
    solo.git("config planspec.remote ''");
    solo.run("reconcile").ok().says("one can be claimed");
}

#[test]
fn a_remote_without_branches_is_named() {
    let sandbox = Sandbox::new();
    sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.write(".planspec.yaml", SHARED).commit("Not pushed");
    ana.run("reconcile").exits(1).notes("git push origin HEAD");
}

#[test]
fn a_status_branch_that_was_there_and_is_gone_is_never_begun_anew_silently() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    sandbox
        .place("origin.git")
        .git(&format!("update-ref -d refs/heads/{STATUS}"));
    ana.run("reconcile")
        .exits(3)
        .notes("is gone from remote `origin`");
    assert_eq!(ana.status_tip(), "");
    ana.git(&format!("push -q origin {tip}:refs/heads/{STATUS}"));
    ana.run("reconcile").ok().says("nothing to do");
}

#[test]
fn a_status_branch_that_somebody_else_wrote_to_stops_with_a_clear_error() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    ana.git(&format!("fetch -q origin {STATUS}"));
    ana.git(&format!("checkout -q -b by-hand origin/{STATUS}"));
    ana.write("notes.txt", "I was here").commit("By hand");
    ana.git(&format!("push -q origin HEAD:refs/heads/{STATUS}"));
    let tip = ana.status_tip();
    ana.git("checkout -q main");
    ana.run("reconcile")
        .exits(3)
        .notes("something other than `planspec reconcile`");
    assert_eq!(ana.status_tip(), tip, "it is left as it is");
}

#[test]
fn a_status_branch_that_is_checked_out_and_merged_by_hand_stops_with_a_clear_error() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", one_task());
    solo.run("reconcile").ok();
    solo.git(&format!("checkout -q {STATUS}"));
    solo.git("merge -q --no-edit --allow-unrelated-histories main");
    solo.git("checkout -q main");
    solo.run("reconcile")
        .exits(3)
        .notes("something other than `planspec reconcile`");
}

#[test]
fn a_repository_inside_the_environment_of_a_hook_is_found() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    let git_dir = ana.dir.join(".git");
    let tree = ana.dir.to_str().unwrap();
    let elsewhere = sandbox.folder("elsewhere");
    let environment = [
        ("GIT_DIR", git_dir.to_str().unwrap()),
        ("GIT_WORK_TREE", tree),
    ];
    elsewhere.run_in(&environment, "validate --staged").ok();
    elsewhere
        .run_in(&environment, "validate")
        .ok()
        .notes("2 resources: valid");
}

#[test]
fn a_partial_clone_gets_what_it_is_missing() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    ana.run("reconcile").ok();
    let origin = sandbox.place("origin.git");
    origin.git("config uploadpack.allowFilter true");
    let url = format!("file://{}", origin.dir.display());
    let partial = sandbox.clone_with("--filter=blob:none --no-checkout", &url, "partial");
    assert_eq!(partial.phase("execution/run"), "Running");
    partial.works("run/one", "agent:a");
    assert_eq!(partial.phase("execution/run"), "Succeeded");
}

#[test]
fn a_remote_that_refuses_is_quoted_and_is_no_lost_race() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    let origin = sandbox.place("origin.git");
    origin.write_executable(
        "hooks/pre-receive",
        "#!/bin/sh\necho only robots >&2\nexit 1\n",
    );
    ana.run("reconcile")
        .exits(3)
        .notes("only robots")
        .notes("its administrator must allow it");
    ana.run("reconcile --dry-run").ok();
    origin.remove("hooks/pre-receive");
    ana.run("reconcile").ok();
    origin.write_executable("hooks/update", "#!/bin/sh\necho not yours >&2\nexit 1\n");
    ana.run("claim run/one --as agent:a")
        .exits(3)
        .notes("not yours");
    origin.remove("hooks/update");
    // A remote that keeps every ref has to be cleaned up by others.
    origin.git("config receive.denyDeletes true");
    ana.works("run/one", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("reconcile").ok().says("nothing to do");
}

#[test]
fn a_lock_that_a_crash_left_is_named_and_never_removed() {
    let sandbox = Sandbox::of_ref_files();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", one_task());
    let lock = format!(".git/refs/heads/{STATUS}.lock");
    solo.write(&lock, "");
    solo.run("reconcile")
        .exits(3)
        .notes(&format!("{STATUS}.lock"));
    assert!(solo.has(&lock));
    solo.remove(&lock);
    solo.run("reconcile").ok();
}

#[test]
fn repositories_of_every_format_are_worked_in() {
    for (objects, refs) in formats() {
        let sandbox = Sandbox::of(objects, refs);
        let nodes = [
            task("one"),
            gate_node("ok", "sign").after("one"),
            task("two").after("ok"),
        ];
        let resources = [gate("sign", "p"), plan("p", &nodes), execution("run", "p")];
        let ana = sandbox.team_with("ana", &resources);
        assert_eq!(ana.git("rev-parse --show-object-format"), objects);
        assert_eq!(ana.dir.join(".git/reftable").exists(), refs == "reftable");
        // What is staged is read from Git's index.
        ana.write("planspec/broken.yaml", "kind: Goal\n")
            .git("add -A");
        ana.run("validate --staged")
            .exits(1)
            .says("planspec/broken.yaml");
        ana.git("rm -q -f planspec/broken.yaml");
        // Two clones, of which the other is a linked work tree as well.
        let ben = sandbox.clone_of("origin.git", "ben");
        ben.git("worktree add -q --detach ../tree");
        let tree = sandbox.place("tree");
        tree.works("run/one", "agent:a");
        ana.run("claim run/one --as agent:b").exits(1);
        ana.run("approve sign --reconcile").ok();
        ben.works("run/two", "agent:a");
        ana.git("fetch -q");
        assert_eq!(ana.phase("execution/run"), "Succeeded", "{objects} {refs}");
        ana.run("review HEAD~1..HEAD").ok().says("run");
        ana.run("validate --rev HEAD").ok();
        ana.run("audit").ok();
        ana.run("reconcile").ok().says("nothing to do");
        ana.git("fsck --strict");
    }
}

#[test]
fn what_is_ignored_is_left_out_in_every_format() {
    for (objects, refs) in formats() {
        let sandbox = Sandbox::of(objects, refs);
        let solo = sandbox.repository("solo");
        solo.write(".gitignore", "drafts/\n*.tmp.yaml\n");
        solo.publish("planspec/all.yaml", one_task());
        for path in ["planspec/drafts/deep/a.yaml", "planspec/b.tmp.yaml"] {
            solo.write(path, "kind: Nothing\n");
        }
        solo.run("validate").ok();
        // What is tracked counts all the same.
        solo.git("add -f planspec/b.tmp.yaml");
        solo.run("validate").exits(1).says("planspec/b.tmp.yaml");
        solo.write("planspec/c.yaml", "kind: Nothing\n");
        solo.run("validate").exits(1).says("planspec/c.yaml");
    }
}

#[test]
fn the_time_of_the_status_never_goes_back() {
    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    let early = sandbox.now();
    sandbox.minutes_pass(60);
    ana.run("reconcile").ok();
    let late = sandbox.now();
    // The clock of this machine is an hour slow.
    let slow = [("PLANSPEC_NOW", early.as_str())];
    ana.run_in(&slow, "claim run/one --as agent:a --reconcile")
        .exits(5)
        .notes("planspec reconcile --accept-time");
    ana.run_in(&slow, "reconcile --accept-time").ok();
    let node = ana.node("run/one");
    assert_eq!(node["startTime"], late);
    sandbox.minutes_pass(29);
    ana.run("reconcile").ok();
    assert_eq!(
        ana.node_phase("run/one"),
        "Running",
        "the lease is not shortened"
    );
}

#[test]
fn nothing_that_matters_is_lost_by_garbage_collection() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", one_task());
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a --reconcile").ok();
    solo.write("planspec/all.yaml", plan("other", &[task("x")]));
    solo.git("add -A");
    solo.git("commit -q --amend -m 'As if it had never been'");
    solo.git("reflog expire --expire=now --all");
    solo.git("gc -q --prune=now");
    solo.run("reconcile").ok();
    solo.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    let claim = solo.node("run/one")["extensions"]["report"]["record"].clone();
    solo.git("pack-refs --all");
    solo.git("gc -q --prune=now");
    solo.git(&format!("cat-file -e {}", claim.as_str().unwrap()));
    solo.run("reconcile").ok().says("nothing to do");
}

#[test]
fn files_may_have_any_name_and_any_line_ends() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let windows = format!("\u{feff}{}", plan("p", &[task("one")])).replace('\n', "\r\n");
    solo.write("planspec/Pläne für März/größer als „vorher“.yaml", windows);
    solo.write(
        "planspec/run.json",
        r#"{"apiVersion": "planspec.io/v1alpha1", "kind": "Execution",
            "metadata": {"name": "run", "namespace": "default"},
            "spec": {"planRef": {"name": "p"}}}"#,
    );
    solo.write("planspec/nested/deep/goal.yml", crate::resources::goal("g"));
    solo.write("src/team.planspec.yaml", crate::resources::capability("c"));
    solo.write("planspec/notes.md", "# No resource\n")
        .commit("Everything");
    solo.run("validate").ok().notes("4 resources: valid");
    solo.run("reconcile").ok();
    solo.works("run/one", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    solo.publish(
        "planspec/späte Datei.yaml",
        plan("q", &[task("a").after("b")]),
    );
    solo.run("validate --format concise")
        .exits(1)
        .says("planspec/späte Datei.yaml:13:");
}

#[test]
fn reconcile_can_watch() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let sandbox = Sandbox::new();
    let ana = shared(&sandbox);
    let mut watching = ana.planspec("reconcile --watch --interval 1");
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut wait_for = |text: &str| lines.any(|line| line.unwrap().contains(text));
    assert!(wait_for("one can be claimed"));
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("claim run/one --as agent:b").ok();
    assert!(wait_for("claimed by agent:b"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}
