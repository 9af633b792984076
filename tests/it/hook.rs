//! The hook: what a commit may do to the resources, checked by the real `git commit`; installing and removing the hook;
//! and the same rules against a base.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::resources::{capability, execution, execution_with, gate, gate_node, goal, plan};
use crate::resources::{plan_with, task};
use crate::sandbox::{PLANSPEC, Place, Ran, Sandbox};

/// The search path with the program under test in it.
fn path() -> String {
    let folder = Path::new(PLANSPEC).parent().unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// Runs git with the program under test on the search path of its hooks.
fn git(place: &Place<'_>, args: &[&str]) -> Ran {
    git_on(place, &path(), args)
}

fn git_on(place: &Place<'_>, path: &str, args: &[&str]) -> Ran {
    let output = place.command("git").args(args).env("PATH", path).output();
    Ran::of(&format!("git {}", args.join(" ")), output.unwrap())
}

/// Stages everything and commits it with the hook.
fn commit(place: &Place<'_>) -> Ran {
    place.git("add -A");
    git(place, &["commit", "-q", "-m", "x"])
}

/// Commits all changes without the hook.
fn slip_in(place: &Place<'_>) {
    place.git("add -A");
    place.git("commit -q --no-verify -m x");
}

/// A repository with a goal, a plan for it, a run, and the hook.
fn shop<'a>(sandbox: &'a Sandbox, name: &str) -> Place<'a> {
    let shop = sandbox.repository(name);
    shop.write("planspec/goal.yaml", goal("sell"))
        .write("planspec/plan.yaml", checkout("sell"))
        .write("planspec/run.yaml", execution("first", "checkout"));
    shop.run("hooks install").ok();
    commit(&shop).ok().notes("3 staged files: valid");
    shop
}

fn checkout(goal: &str) -> String {
    let more = format!("goalRef: {{name: {goal}}}\n");
    plan_with("checkout", &more, &[task("build")])
}

#[test]
fn what_a_commit_causes_fails_it() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    let table: [(&str, String, &str); 5] = [
        (
            "planspec/plan.yaml",
            checkout("sel"),
            "did you mean `sell`?",
        ),
        ("planspec/new.yaml", "kind: [\n".to_owned(), "PS001"),
        ("planspec/new.yaml", goal("sell"), "PS201"),
        (
            "planspec/run.yaml",
            execution_with("first", "checkout", "parameters: {fast: true}\n"),
            "PS401",
        ),
        (
            "planspec/run.yaml",
            execution("second", "checkout"),
            "PS402",
        ),
    ];
    for (path, text, expected) in table {
        shop.write(path, text);
        let refused = commit(&shop).exits(1);
        assert!(refused.err.contains(expected), "{expected} in {refused}");
        shop.git("reset -q --hard");
        shop.git("clean -qfd");
    }
    shop.write("planspec/plan.yaml", checkout("sell") + "# a comment\n");
    commit(&shop).ok().notes("1 staged file: valid");
}

#[test]
fn a_deletion_that_leaves_a_reference_dangling_fails_the_commit_that_deletes() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.remove("planspec/goal.yaml");
    commit(&shop)
        .exits(1)
        .notes("planspec/plan.yaml:")
        .notes("PS202");
    // Together with what refers to it, it can be deleted.
    shop.remove("planspec/plan.yaml")
        .remove("planspec/run.yaml");
    commit(&shop).ok().notes("3 staged files: valid");
}

#[test]
fn executions_come_and_go_and_files_move() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.write(
        "planspec/next.yaml",
        execution_with("next", "checkout", "parameters: {a: 1}\n"),
    );
    commit(&shop).ok();
    shop.git("mv planspec/next.yaml planspec/moved.yaml");
    commit(&shop).ok();
    shop.remove("planspec/moved.yaml");
    commit(&shop).ok();
    // Quoting does not matter.
    let quoted = shop
        .read("planspec/run.yaml")
        .replace("name: checkout", "name: 'checkout'");
    assert_ne!(quoted, shop.read("planspec/run.yaml"));
    shop.write("planspec/run.yaml", format!("# started by Ana\n{quoted}"));
    commit(&shop).ok();
}

#[test]
fn what_was_wrong_before_is_mentioned_until_the_commit_touches_it() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.write("planspec/old.yaml", plan("old", &[task("a").after("gone")]));
    slip_in(&shop);
    shop.write("planspec/other.yaml", goal("other"));
    let fine = commit(&shop)
        .ok()
        .notes("1 older finding, not of this commit");
    assert!(!fine.err.contains("PS302"), "{fine}");
    // A commit without resources is left alone.
    shop.write("readme.md", "words");
    assert_eq!(commit(&shop).ok().err, "");
    let text = shop.read("planspec/old.yaml");
    shop.write("planspec/old.yaml", format!("# touched\n{text}"));
    commit(&shop).exits(1).notes("PS302");
}

#[test]
fn a_finding_in_an_unchanged_file_is_new_only_if_it_was_not_there() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    let waits = plan(
        "waits",
        &[gate_node("decide", "yes"), gate_node("again", "later")],
    );
    shop.write("planspec/waits.yaml", waits)
        .write("planspec/yes.yaml", gate("yes", "waits"));
    slip_in(&shop);
    shop.remove("planspec/yes.yaml");
    let refused = commit(&shop)
        .exits(1)
        .notes("gate `default/yes` does not exist");
    assert!(!refused.err.contains("gate `default/later`"), "{refused}");
    refused.notes("1 older finding");
}

#[test]
fn only_what_is_part_of_the_commit_counts() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.write("planspec/a.yaml", goal("a"))
        .write("planspec/b.yaml", goal("b"));
    commit(&shop).ok();
    shop.write("planspec/a.yaml", goal("a") + "# fine\n")
        .write("planspec/b.yaml", goal("b") + "  nonsense: 1\n");
    git(&shop, &["commit", "-q", "-m", "x", "planspec/b.yaml"])
        .exits(1)
        .notes("PS102");
    git(&shop, &["commit", "-q", "-a", "-m", "x"])
        .exits(1)
        .notes("PS102");
    git(&shop, &["commit", "-q", "-m", "x", "planspec/a.yaml"]).ok();
    assert_eq!(shop.git("status --porcelain"), " M planspec/b.yaml");
    // The staged and the written content differ.
    shop.git("add planspec/b.yaml");
    shop.write("planspec/b.yaml", goal("b") + "# fine\n");
    git(&shop, &["commit", "-q", "-m", "x"])
        .exits(1)
        .notes("PS102");
    assert_eq!(shop.git("status --porcelain"), "MM planspec/b.yaml");
    shop.git("add planspec/b.yaml");
    shop.write("planspec/b.yaml", "kind: [\n");
    git(&shop, &["commit", "-q", "-m", "x"]).ok();
}

#[test]
fn before_the_first_commit_everything_is_new() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("hooks install").ok();
    solo.write("planspec/plan.yaml", checkout("sell"));
    commit(&solo).exits(1).notes("PS202");
    solo.write("planspec/goal.yaml", goal("sell"));
    commit(&solo).ok();
}

#[test]
fn other_rules_are_the_doing_of_the_commit_that_makes_them() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.write("planspec/p.yaml", plan("p", &[task("a").needs("gone")]));
    commit(&shop).ok().notes("PS204");
    shop.write(".planspec.yaml", "rules: {PS204: error}\n");
    commit(&shop)
        .exits(1)
        .notes("planspec/p.yaml:")
        .notes("PS204");
    shop.write("planspec/gone.yaml", capability("gone"));
    commit(&shop).ok();
    // Resources that become visible are checked like new ones.
    shop.write("plans/broken.yaml", "kind: [\n");
    commit(&shop).ok();
    shop.write(".planspec.yaml", "paths: ['planspec/**', 'plans/**']\n");
    commit(&shop).exits(1).notes("plans/broken.yaml:");
    shop.write(".planspec.yaml", "paths: 5\n");
    commit(&shop).exits(1).notes(".planspec.yaml:1");
    slip_in(&shop);
    shop.write("planspec/new.yaml", "kind: [\n");
    commit(&shop).ok().notes("nothing was checked");
    shop.write(".planspec.yaml", "# nothing\n");
    commit(&shop).ok();
}

#[test]
fn a_merge_conflict_in_the_index_is_named() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    let with = |text: &str| goal("sell").replace("What it is good for", text);
    shop.git("checkout -q -b side");
    shop.write("planspec/goal.yaml", with("one thing"));
    commit(&shop).ok();
    shop.git("checkout -q main");
    shop.write("planspec/goal.yaml", with("another"));
    commit(&shop).ok();
    assert_ne!(shop.git_try("merge -q side").code, 0);
    shop.run("validate --staged")
        .exits(1)
        .says("planspec/goal.yaml")
        .says("merge conflict");
    shop.write("planspec/goal.yaml", with("both"));
    commit(&shop).ok();
}

#[test]
fn links_in_the_place_of_files_are_named() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.remove("planspec/goal.yaml");
    std::os::unix::fs::symlink("plan.yaml", shop.dir.join("planspec/goal.yaml")).unwrap();
    commit(&shop).exits(1).notes("symbolic link");
}

#[test]
fn the_cache_may_be_deleted_damaged_shared_or_of_another_time() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    let cache = shop.dir.join(".git/planspec/cache/index");
    shop.write(
        "planspec/old.yaml",
        checkout("gone").replace("name: checkout", "name: old"),
    );
    slip_in(&shop);
    shop.write(
        "planspec/new.yaml",
        checkout("lost").replace("name: checkout", "name: new"),
    );
    shop.git("add -A");
    let expected = shop.run("validate --staged").exits(1);
    assert!(expected.err.contains("1 older finding"), "{expected}");
    let same = || {
        let told = shop.run("validate --staged");
        assert_eq!((&told.out, &told.err), (&expected.out, &expected.err));
    };
    same();
    fs::remove_file(&cache).unwrap();
    same();
    for text in ["", "nonsense", "0123456789abcdef\nnonsense\0"] {
        fs::write(&cache, text).unwrap();
        same();
    }
    let half = fs::read(&cache).unwrap();
    fs::write(&cache, &half[..half.len() / 2]).unwrap();
    same();
    // HEAD goes back, and the commit of the cache is gone for good.
    let tip = shop.git("rev-parse HEAD");
    shop.git("stash -q");
    shop.git("checkout -q --orphan other");
    shop.git("rm -rqf .");
    shop.write("planspec/alone.yaml", goal("alone"));
    commit(&shop).ok();
    shop.write("planspec/alone.yaml", goal("alone") + "# again\n");
    commit(&shop).ok();
    shop.git("commit -q --amend --no-verify -m y");
    shop.git("reset -q --hard HEAD^");
    shop.git("reflog expire --expire=now --all");
    shop.git("stash list");
    shop.git("gc -q --prune=now");
    shop.git(&format!("checkout -q -B main {tip}"));
    shop.write(
        "planspec/new.yaml",
        checkout("lost").replace("name: checkout", "name: new"),
    );
    shop.git("add -A");
    same();
}

#[test]
fn many_at_once_and_other_work_trees_agree() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.git("worktree add -q ../side");
    let side = sandbox.place("side");
    side.write("planspec/goal.yaml", goal("renamed"));
    side.git("add -A");
    let run = |place: &Place<'_>| {
        let mut command = place.planspec("validate --staged");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let mut all: Vec<(i32, std::process::Child)> = Vec::new();
    for _ in 0..8 {
        all.push((0, run(&shop)));
        all.push((1, run(&side)));
    }
    for (code, mut child) in all {
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
    let left = fs::read_dir(shop.dir.join(".git/planspec/cache")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = left.collect();
    left.sort();
    let log = ["index", "index-shm", "index-wal"];
    assert_eq!(left, log, "one file with its log, and no drafts");
    // The hook of a repository applies to all its work trees.
    commit(&side).exits(1).notes("PS202");
}

#[test]
fn without_the_program_commits_go_on() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.write("planspec/new.yaml", "kind: [\n");
    shop.git("add -A");
    let without = std::env::var("PATH").unwrap();
    let folders = without
        .split(':')
        .filter(|dir| !Path::new(dir).join("planspec").exists());
    let without: Vec<&str> = folders.collect();
    git_on(&shop, &without.join(":"), &["commit", "-q", "-m", "x"])
        .ok()
        .notes("not checked");
}

/// A search path on which Git has, or does not have, configured hooks.
fn shimmed(sandbox: &Sandbox, has: bool) -> String {
    let name = if has { "new-git" } else { "old-git" };
    let answer = if has {
        "echo planspec-probe; exit 0"
    } else {
        "echo 'usage: git hook run' >&2; exit 129"
    };
    let real = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'hook list'*) {answer};; esac\nPATH='{real}' exec git \"$@\"\n"
    );
    let folder = sandbox.folder(name);
    folder.write_executable("git", &script);
    format!("{}:{}", folder.dir.display(), path())
}

fn hooks(place: &Place<'_>, path: &str, action: &str) -> Ran {
    place.run_in(&[("PATH", path)], &format!("hooks {action}"))
}

#[test]
fn a_script_comes_and_goes() {
    let sandbox = Sandbox::new();
    let path = shimmed(&sandbox, false);
    let solo = sandbox.repository("solo");
    hooks(&solo, &path, "status")
        .exits(1)
        .notes("planspec hooks install");
    hooks(&solo, &path, "install")
        .ok()
        .says("created        .git/hooks/pre-commit");
    hooks(&solo, &path, "install")
        .ok()
        .says("kept as it is  .git/hooks/pre-commit");
    hooks(&solo, &path, "status")
        .ok()
        .says("installed      .git/hooks/pre-commit");
    hooks(&solo, &path, "uninstall")
        .ok()
        .says("removed        .git/hooks/pre-commit");
    assert!(!solo.has(".git/hooks/pre-commit"));
    hooks(&solo, &path, "uninstall").ok().notes("no hook");
}

#[test]
fn what_is_appended_to_the_script_runs_and_a_former_script_is_still_ours() {
    let sandbox = Sandbox::new();
    let path = shimmed(&sandbox, false);
    let solo = sandbox.repository("solo");
    let hook = ".git/hooks/pre-commit";
    hooks(&solo, &path, "install").ok();
    let script = solo.read(hook);
    solo.write(hook, format!("{script}echo appended >&2\n"));
    solo.write("planspec/plan.yaml", checkout("gone"));
    commit(&solo).exits(1).notes("PS202");
    solo.write("planspec/plan.yaml", plan("checkout", &[task("build")]));
    commit(&solo).ok().notes("appended");
    let former = script.replace(
        "planspec validate --staged || exit",
        "exec planspec validate --staged",
    );
    assert_ne!(former, script);
    solo.write(hook, former);
    hooks(&solo, &path, "uninstall").ok().says("removed");
}

#[test]
fn the_hook_of_somebody_else_is_neither_overwritten_nor_removed() {
    let sandbox = Sandbox::new();
    let path = shimmed(&sandbox, false);
    let solo = sandbox.repository("solo");
    let hook = ".git/hooks/pre-commit";
    solo.write_executable(hook, "#!/bin/sh\nmake lint\n");
    let line = "planspec validate --staged || exit 1";
    hooks(&solo, &path, "install").exits(1).notes(line);
    hooks(&solo, &path, "status").exits(1).notes(line);
    hooks(&solo, &path, "uninstall").ok();
    assert_eq!(solo.read(hook), "#!/bin/sh\nmake lint\n");
    // With that line in it, it works like ours, but is still not ours.
    let own = format!("#!/bin/sh\n{line}\nmake lint\n");
    solo.write(hook, &own);
    hooks(&solo, &path, "install").ok().says("kept as it is");
    hooks(&solo, &path, "status").ok().says("installed");
    hooks(&solo, &path, "uninstall")
        .exits(1)
        .notes("remove the line");
    assert_eq!(solo.read(hook), own);
    // Git ignores a hook that is not executable.
    solo.remove(hook).write(hook, &own);
    hooks(&solo, &path, "status")
        .exits(1)
        .notes("not executable");
}

#[test]
fn core_hooks_path_is_respected_unless_it_leads_to_other_repositories() {
    let sandbox = Sandbox::new();
    let path = shimmed(&sandbox, false);
    let solo = sandbox.repository("solo");
    solo.git("config core.hooksPath tools/hooks");
    hooks(&solo, &path, "install")
        .ok()
        .says("created        tools/hooks/pre-commit");
    solo.write("planspec/plan.yaml", checkout("gone"));
    commit(&solo).exits(1).notes("PS202");
    solo.git("config core.hooksPath ~/hooks");
    hooks(&solo, &path, "install")
        .exits(1)
        .notes("core.hooksPath is outside this repository");
    assert!(!sandbox.path("home/hooks").exists());
    hooks(&solo, &path, "status").exits(1);
}

#[test]
fn where_git_has_configured_hooks_they_are_used() {
    let sandbox = Sandbox::new();
    let path = shimmed(&sandbox, true);
    let solo = sandbox.repository("solo");
    let own = "#!/bin/sh\nmake lint\n";
    solo.write_executable(".git/hooks/pre-commit", own);
    hooks(&solo, &path, "install")
        .ok()
        .says("configured     hook.planspec");
    hooks(&solo, &path, "status")
        .ok()
        .says("installed      hook.planspec");
    assert_eq!(solo.read(".git/hooks/pre-commit"), own);
    assert_eq!(
        solo.git("config --get-all hook.planspec.event"),
        "pre-commit\npre-merge-commit"
    );
    // As Git would run it.
    let command = solo.git("config hook.planspec.command");
    let run = || {
        let shell = solo
            .command("sh")
            .args(["-c", &command])
            .env("PATH", &path)
            .output();
        Ran::of("the hook", shell.unwrap())
    };
    run().ok();
    solo.write("planspec/plan.yaml", checkout("gone"));
    solo.git("add -A");
    run().exits(1).says("PS202");
    solo.git("config hook.planspec.enabled false");
    hooks(&solo, &path, "status")
        .exits(1)
        .notes("enabled is false");
    solo.git("config hook.planspec.enabled true");
    // The same repository, with a Git without configured hooks.
    hooks(&solo, &shimmed(&sandbox, false), "status").exits(1);
    hooks(&solo, &path, "uninstall").ok().says("removed");
    assert_ne!(solo.git_try("config hook.planspec.command").code, 0);
    assert_ne!(solo.git_try("config hook.planspec.event").code, 0);
    // A hook of that name that does something else is not ours.
    solo.git("config hook.planspec.command 'make lint'");
    hooks(&solo, &path, "install")
        .exits(1)
        .notes("another command");
    hooks(&solo, &path, "uninstall").ok();
    assert_eq!(solo.git("config hook.planspec.command"), "make lint");
}

#[test]
fn a_branch_is_checked_against_where_it_parted() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    shop.write("planspec/second.yaml", execution("second", "checkout"));
    commit(&shop).ok();
    shop.git("checkout -q -b side");
    shop.write(
        "planspec/run.yaml",
        execution_with("first", "checkout", "parameters: {a: 1}\n"),
    );
    slip_in(&shop);
    // Later commits on main do not count as changes of the branch.
    shop.git("checkout -q main");
    shop.write(
        "planspec/second.yaml",
        execution_with("second", "checkout", "parameters: {b: 1}\n"),
    );
    slip_in(&shop);
    shop.git("checkout -q side");
    shop.run("validate").ok();
    let told = shop
        .run("validate --base main")
        .exits(1)
        .says("PS401")
        .says("first");
    assert!(!told.out.contains("second"), "{told}");
    shop.run("validate --base main --rev side")
        .exits(1)
        .says("PS401");
    shop.run("validate --base side --rev main")
        .exits(1)
        .says("second");
    shop.run("validate --base main --rev main").ok();
    shop.run("validate --base nowhere")
        .exits(1)
        .notes("nowhere");
    shop.git("checkout -q --orphan alone");
    slip_in(&shop);
    shop.run("validate --base main")
        .exits(3)
        .notes("no common ancestor");
}

#[test]
fn a_commit_that_asks_for_signatures_without_keys_is_told() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", "approvals: {requireSigned: true}\n");
    solo.git("add -A");
    solo.run("validate --staged")
        .ok()
        .says("warning[PS228]")
        .says(".planspec.yaml:1:");
    // What is not staged is not in the commit.
    let key = "ana@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBPyvIp6EXsaOTXpSgyK3QzDcaj/7PkAJq8lSVDT5kM1\n";
    solo.write(".planspec/allowed_signers", key);
    solo.run("validate --staged").ok().says("warning[PS228]");
    solo.git("add -A");
    assert!(!solo.run("validate --staged").ok().out.contains("PS228"));
    solo.git("commit -q -m signed");
    // Removing the last key is reported as well.
    solo.git("rm -q .planspec/allowed_signers");
    solo.run("validate --staged").ok().says("warning[PS228]");
}

#[test]
fn a_dry_run_refuses_what_the_hook_would() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/plan.yaml", plan("p", &[task("a")]));
    solo.publish("planspec/run.yaml", execution("r", "p"));
    let path = path();
    let run = |args: &str| solo.run_in(&[("PATH", path.as_str())], args);
    // A dry run refuses nothing: it shows what still refers to the plan.
    run("delete plan p --dry-run").ok().notes("error[PS206]");
    run("hooks install").ok();
    for verb in ["delete plan p --dry-run", "delete plan p"] {
        let refused = run(verb).exits(1).never_says("cannot commit");
        assert_eq!(refused.err.matches("error[PS206]").count(), 1, "{refused}");
        assert_eq!(refused.out, "", "{refused}");
    }
    let refused = run("delete plan p --dry-run -o json").exits(1);
    assert!(refused.json().to_string().contains("PS206"), "{refused}");
    // Older findings do not fail it, in a dry run or without.
    solo.write("planspec/bad.yaml", execution("s", "nowhere"));
    slip_in(&solo);
    for what in ["execution r", "plan p"] {
        for dry in [" --dry-run", ""] {
            run(&format!("delete {what}{dry}")).ok();
        }
    }
}

#[test]
fn with_husky_the_script_is_the_one_that_husky_runs() {
    let sandbox = Sandbox::new();
    let path = shimmed(&sandbox, false);
    let solo = sandbox.repository("solo");
    // As husky 9 sets a repository up: the hooks that Git runs are generated, and run the scripts next to their folder.
    solo.git("config core.hooksPath .husky/_");
    solo.write(".husky/_/.gitignore", "*");
    let script = "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"";
    let h = "n=$(basename \"$0\")\ns=$(dirname \"$(dirname \"$0\")\")/$n\n[ ! -f \"$s\" ] && exit 0\nsh -e \"$s\" \"$@\"\nexit $?\n";
    solo.write(".husky/_/h", h)
        .write_executable(".husky/_/pre-commit", script);
    hooks(&solo, &path, "status")
        .exits(1)
        .says("not installed")
        .notes("planspec hooks install");
    hooks(&solo, &path, "install")
        .ok()
        .says("created        .husky/pre-commit");
    hooks(&solo, &path, "status")
        .ok()
        .says("installed      .husky/pre-commit");
    assert_eq!(solo.read(".husky/_/pre-commit"), script);
    solo.write("planspec/plan.yaml", checkout("gone"));
    commit(&solo).exits(1).notes("PS202");
    hooks(&solo, &path, "uninstall").ok();
    assert!(!solo.has(".husky/pre-commit"));
    // An existing script is named, and with the line in it accepted; husky does not need it to be executable.
    solo.write(".husky/pre-commit", "npm test\n");
    hooks(&solo, &path, "install")
        .exits(1)
        .notes(".husky/pre-commit was not changed")
        .notes("planspec validate --staged || exit 1");
    solo.write(
        ".husky/pre-commit",
        "planspec validate --staged || exit 1\nnpm test\n",
    );
    hooks(&solo, &path, "status").ok().says(".husky/pre-commit");
    // A fresh clone without installed packages.
    solo.remove_folder(".husky/_");
    hooks(&solo, &path, "status")
        .exits(1)
        .notes("husky is not set up in this clone");
    // Older husky: the folder itself.
    solo.git("config core.hooksPath .husky");
    solo.write_executable(
        ".husky/pre-commit",
        "planspec validate --staged || exit 1\n",
    );
    hooks(&solo, &path, "status").ok().says(".husky/pre-commit");
}

#[test]
fn the_pre_commit_framework_gets_what_it_asks_for() {
    let sandbox = Sandbox::new();
    let shop = shop(&sandbox, "shop");
    let good = shop.git("rev-parse HEAD");
    shop.write("planspec/bad.yaml", execution("bad", "nowhere"));
    slip_in(&shop);
    let hooks = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/.pre-commit-hooks.yaml"
    ));
    let entry = "validate --pre-commit";
    assert_eq!(
        hooks
            .unwrap()
            .matches(&format!("entry: planspec {entry}\n"))
            .count(),
        2
    );
    // An unrelated commit: older findings do not fail it.
    shop.write("notes.txt", "x");
    shop.git("add -A");
    shop.run(&format!("{entry} notes.txt")).ok();
    // A commit that only deletes passes no files.
    shop.run(entry).ok();
    // `--all-files` also passes files that are not staged.
    let all = shop.git("ls-files").replace('\n', " ");
    shop.run(&format!("{entry} {all}")).exits(1).says("PS206");
    // `--from-ref` and `--to-ref`: the findings in the latter that the former does not have.
    let head = shop.git("rev-parse HEAD");
    let between = |from: &str, to: &str| {
        let set = [("PRE_COMMIT_FROM_REF", from), ("PRE_COMMIT_TO_REF", to)];
        shop.run_in(&set, &format!("{entry} planspec/bad.yaml"))
    };
    between(&good, &head).exits(1).says("PS206");
    between(&good, &good).ok();
    // Without the argument, the environment variables have no effect.
    let set = [
        ("PRE_COMMIT_FROM_REF", good.as_str()),
        ("PRE_COMMIT_TO_REF", "HEAD"),
    ];
    shop.run_in(&set, "validate --staged").ok();
}

#[test]
fn what_a_merge_commits_is_checked_as_well() {
    let sandbox = Sandbox::new();
    let with_program = path();
    let path = shimmed(&sandbox, false);
    let solo = sandbox.repository("solo");
    solo.write("planspec/plan.yaml", plan("checkout", &[task("build")]));
    slip_in(&solo);
    // Each side is valid, but the merge is not.
    solo.git("checkout -q -b side");
    solo.write("planspec/run.yaml", execution("run", "checkout"));
    slip_in(&solo);
    solo.git("checkout -q main");
    solo.remove("planspec/plan.yaml");
    slip_in(&solo);
    let merge = || git_on(&solo, &with_program, &["merge", "-q", "--no-edit", "side"]);
    hooks(&solo, &path, "install").ok();
    merge().exits(1).notes("PS206");
    solo.git("merge --abort");
    // As older versions installed it.
    solo.remove(".git/hooks/pre-merge-commit");
    hooks(&solo, &path, "status")
        .ok()
        .notes("merges are not checked: `planspec hooks install`");
    let own = "#!/bin/sh\nmake lint\n";
    solo.write_executable(".git/hooks/pre-merge-commit", own);
    for action in ["status", "install"] {
        hooks(&solo, &path, action)
            .ok()
            .notes(".git/hooks/pre-merge-commit is another hook")
            .notes("planspec validate --staged || exit 1");
    }
    // The sample hook of Git runs the other hook.
    solo.write_executable(
        ".git/hooks/pre-merge-commit",
        "#!/bin/sh\nexec \"$(git rev-parse --git-path hooks)/pre-commit\"\n",
    );
    hooks(&solo, &path, "status").ok().never_says("merges");
    merge().exits(1).notes("PS206");
    solo.git("merge --abort");
    solo.remove(".git/hooks/pre-merge-commit");
    hooks(&solo, &path, "install").ok();
    hooks(&solo, &path, "uninstall").ok();
    assert!(!solo.has(".git/hooks/pre-merge-commit"));
    merge().ok();
}
