//! `planspec doctor`: for each check, the message when it fails, its fix, and that all is well afterwards.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::resources::{execution, file, plan, task};
use crate::sandbox::{Place, Ran, SHARED, STATUS, Sandbox, text};

/// A clone without problems, with an unfinished run.
fn sound<'s>(sandbox: &'s Sandbox, name: &str) -> Place<'s> {
    let place = sandbox.run_of(name, &[task("one"), task("two").after("one")]);
    place.run("hooks install").ok();
    place.run("doctor").ok();
    place
}

/// The failures of one check: state, sentence, fix, and whether `--fix` applies it.
fn flaws(ran: &Ran, name: &str) -> Vec<(String, String, String, bool)> {
    let answer = ran.answer("Checkup");
    let checks = answer["checks"].as_array().unwrap();
    let of_name = checks.iter().filter(|check| check["name"] == name);
    let told = of_name.map(|check| {
        let word = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
        (
            word("state"),
            word("message"),
            word("hint"),
            check["fix"] == name,
        )
    });
    told.collect()
}

/// Asserts that one check fails, once, and all others pass.
fn only(place: &Place<'_>, name: &str, state: &str, says: &str) -> (String, bool) {
    let ran = place.run("doctor -o json").exits(1);
    let answer = ran.answer("Checkup");
    assert_eq!(answer["sound"], false);
    for check in answer["checks"].as_array().unwrap() {
        let is_fine = ["ok", "skipped"].contains(&text(&check["state"]).as_str());
        assert_eq!(check["name"] != name, is_fine, "{check}");
    }
    let told = flaws(&ran, name);
    assert_eq!(told.len(), 1, "{told:?}");
    let (found, message, hint, fix) = &told[0];
    assert_eq!(found, state, "{message}");
    assert!(message.contains(says), "{message}");
    // The text says the same.
    let shown = place.run("doctor").exits(1);
    let lines = shown
        .out
        .lines()
        .any(|line| line.starts_with(state) && line.contains(name) && line.contains(says));
    assert!(lines, "{shown}");
    (hint.clone(), *fix)
}

/// `--fix` repairs it, says so, and no check fails any more. Returns what it did, and what undoes that.
fn mends(place: &Place<'_>, name: &str) -> Vec<(String, Option<String>)> {
    let ran = place.run(&format!("doctor --fix {name} -o json")).ok();
    let answer = ran.answer("Checkup");
    assert_eq!(answer["sound"], true);
    let mended = answer["mended"].as_array().unwrap().iter();
    let mended = mended.map(|done| {
        (
            text(&done["message"]),
            done["undo"].as_str().map(str::to_owned),
        )
    });
    place.run("doctor").ok();
    let again = place.run(&format!("doctor --fix {name}")).ok();
    again.notes(&format!("{name}: nothing to repair"));
    mended.collect()
}

/// One failure, which `--fix` repairs.
fn mended(place: &Place<'_>, name: &str, state: &str, says: &str) -> (String, Option<String>) {
    let (hint, fix) = only(place, name, state, says);
    assert!(fix, "{hint}");
    assert!(
        hint.contains(&format!("`planspec doctor --fix {name}`")),
        "{hint}"
    );
    let mut done = mends(place, name);
    assert_eq!(done.len(), 1, "{done:?}");
    done.remove(0)
}

fn shell(place: &Place<'_>, command: &str) {
    let ended = place.command("sh").args(["-c", command]).status().unwrap();
    assert!(ended.success(), "{command}");
}

/// Makes a file so many hours old.
fn hours_old(place: &Place<'_>, path: &str) {
    let file = File::options()
        .append(true)
        .open(place.dir.join(path))
        .unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(7200))
        .unwrap();
}

/// The command in a hint that holds this word.
fn command(hint: &str, word: &str) -> String {
    let mut quoted = hint.split('`').skip(1).step_by(2);
    let found = quoted.find(|command| command.contains(word));
    found
        .unwrap_or_else(|| panic!("no {word} in {hint}"))
        .to_owned()
}

#[test]
fn where_nothing_is_wrong_nothing_is_changed() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    let before = (
        ana.git("for-each-ref"),
        ana.git("ls-remote origin"),
        ana.git("status --porcelain"),
    );
    let ran = ana.run("doctor --push -o json").ok();
    let answer = ran.answer("Checkup");
    assert_eq!(answer["sound"], true);
    let names: Vec<String> = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| text(&check["name"]))
        .collect();
    assert_eq!(
        names,
        [
            "objects",
            "locks",
            "index",
            "interrupted",
            "cache",
            "hook",
            "remote",
            "status",
            "clock",
            "refs",
            "push"
        ]
    );
    for check in answer["checks"].as_array().unwrap() {
        assert_eq!(
            (&check["state"], &check["hint"]),
            (&Value::from("ok"), &Value::Null),
            "{check}"
        );
    }
    let after = (
        ana.git("for-each-ref"),
        ana.git("ls-remote origin"),
        ana.git("status --porcelain"),
    );
    assert_eq!(before, after);
    assert!(!ana.has(".git/planspec/aside"));
    // Alone, without a commit, and where nobody works.
    let solo = sandbox.repository("solo");
    solo.run("hooks install").ok();
    solo.run("doctor")
        .exits(1)
        .says("warning  status")
        .says("commit");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    solo.run("doctor")
        .ok()
        .says("nothing has been reconciled yet");
    solo.run("reconcile").ok();
    solo.run("doctor").ok();
    let origin = sandbox.place("origin.git");
    let (hint, _) = only(&origin, "remote", "error", "has no such remote");
    shell(&origin, &hint[hint.find("git config").unwrap()..]);
    origin.run("doctor").ok();
    sandbox.folder("nowhere").run("doctor").exits(3);
    ana.run("doctor --fix status").exits(2);
}

#[test]
fn what_a_fetch_that_was_cut_off_left_out_is_fetched_again() {
    for what in ["HEAD:planspec/all.yaml", "HEAD^{tree}"] {
        let sandbox = Sandbox::new();
        let ana = sound(&sandbox, "ana");
        let id = ana.git(&format!("rev-parse {what}"));
        ana.remove(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
        let ran = ana.run("doctor -o json").exits(1);
        let told = flaws(&ran, "objects");
        // The branch and the remote-tracking branch.
        for name in ["`refs/heads/main`", "`refs/remotes/origin/main`"] {
            let one = told.iter().find(|flaw| flaw.1.contains(name)).unwrap();
            assert!(one.0 == "error" && one.3, "{one:?}");
        }
        ana.git_try(&format!("cat-file -e {id}")).exits(1);
        mends(&ana, "objects");
        ana.git(&format!("cat-file -e {id}"));
        ana.git("fsck --connectivity-only");
    }
}

#[test]
fn what_a_machine_that_stopped_left_empty_is_fetched_again() {
    for what in ["main:planspec/all.yaml", "origin/planspec/status"] {
        let sandbox = Sandbox::new();
        let ana = sound(&sandbox, "ana");
        ana.git("fetch -q");
        let id = ana.git(&format!("rev-parse {what}"));
        let file = format!(".git/objects/{}/{}", &id[..2], &id[2..]);
        assert!(ana.has(&file), "{what}");
        ana.remove(&file);
        ana.write(&file, "");
        let ran = ana.run("doctor -o json").exits(1);
        let told = flaws(&ran, "objects");
        assert!(
            told.iter()
                .any(|flaw| flaw.1.contains("1 object file is empty")),
            "{ran}"
        );
        mends(&ana, "objects");
        ana.git(&format!("cat-file -e {id}"));
        ana.run("reconcile").ok();
    }
}

#[test]
fn of_a_ref_that_is_packed_as_well_the_broken_file_goes() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.git("pack-refs --all");
    ana.git("remote set-head origin main");
    ana.write(".git/refs/remotes/origin/main", "garbage\n");
    mends(&ana, "objects");
    assert_eq!(ana.git("rev-parse origin/HEAD"), ana.git("rev-parse main"));
    ana.git("fetch -q");
}

#[test]
fn a_tracking_ref_that_is_no_use_goes_and_can_be_had_back() {
    let sandbox = Sandbox::of_ref_files();
    let ana = sound(&sandbox, "ana");
    ana.write(".git/refs/remotes/origin/broken", "nonsense");
    let (_, undo) = mended(
        &ana,
        "objects",
        "error",
        "`refs/remotes/origin/broken` is broken",
    );
    shell(&ana, &undo.unwrap());
    assert_eq!(ana.read(".git/refs/remotes/origin/broken"), "nonsense");
    mends(&ana, "objects");
    // The commit that it leads to is missing everywhere.
    ana.git("checkout -q --orphan other");
    ana.git("rm -rqf .");
    ana.write("x", "of nobody else").git("add x");
    let tree = ana.git("write-tree");
    let commit = ana.git(&format!("commit-tree -m x {tree}"));
    ana.git(&format!("update-ref refs/remotes/origin/gone {commit}"));
    ana.git("checkout -q -f main");
    ana.remove(&format!(".git/objects/{}/{}", &tree[..2], &tree[2..]));
    // A remote that does not answer may have it.
    let url = ana.git("remote get-url origin");
    ana.git("remote set-url origin ./nowhere.git");
    ana.run("doctor --fix objects").exits(3).notes("origin");
    ana.git(&format!("remote set-url origin {url}"));
    let (said, undo) = mended(&ana, "objects", "error", "`refs/remotes/origin/gone`");
    assert!(said.contains("is deleted"), "{said}");
    shell(&ana, &undo.unwrap());
    assert_eq!(ana.git("rev-parse refs/remotes/origin/gone"), commit);
}

#[test]
fn a_lock_that_was_left_behind_is_put_aside_and_one_that_is_held_is_not() {
    let sandbox = Sandbox::of_ref_files();
    let ana = sound(&sandbox, "ana");
    for lock in [
        "index.lock",
        "shallow.lock",
        "refs/heads/main.lock",
        "packed-refs.lock",
        "objects/maintenance.lock",
    ] {
        let path = format!(".git/{lock}");
        ana.write(&path, "");
        ana.run("doctor")
            .ok()
            .says("1 lock is held by running processes");
        hours_old(&ana, &path);
        let mut git = ana.command("git");
        let git = git
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut at_work = git.spawn().unwrap();
        let (hint, fix) = only(
            &ana,
            "locks",
            "warning",
            &format!("process {}", at_work.id()),
        );
        assert!(
            !fix && hint.contains("wait for the process that holds it"),
            "{hint}"
        );
        ana.run("doctor --fix locks")
            .exits(1)
            .notes("nothing to repair");
        drop(at_work.stdin.take());
        at_work.wait().unwrap();
        let (_, undo) = mended(
            &ana,
            "locks",
            "error",
            "2h ago, but no process uses it any more",
        );
        assert!(!ana.has(&path));
        shell(&ana, &undo.unwrap());
        assert!(ana.has(&path));
        ana.remove(&path);
    }
}

#[test]
fn whoever_commits_for_long_is_told_of() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.write(".git/planspec/commit.lock", "");
    let held = File::open(ana.dir.join(".git/planspec/commit.lock")).unwrap();
    held.lock().unwrap();
    // No process that young counts as hanging: the test has just started.
    let ran = ana.run("doctor -o json");
    let told = flaws(&ran, "locks");
    let is_young = told[0].0 == "ok";
    assert!(
        is_young
            || told[0].1.contains(&format!(
                "process {} has been committing",
                std::process::id()
            )),
        "{told:?}"
    );
    drop(held);
    ana.run("doctor").ok();
}

#[test]
fn what_a_command_that_was_killed_has_left_is_put_back() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.run("hooks uninstall").ok();
    // The parent of the hook is git, whose parent is planspec.
    let script = "#!/bin/sh\nkill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat)\nexit 1\n";
    ana.write_executable(".git/hooks/pre-commit", script);
    ana.run("start p --name second").exits(-1);
    ana.remove(".git/hooks/pre-commit");
    ana.run("hooks install").ok();
    assert_ne!(ana.git("status --porcelain"), "");
    let (said, _) = mended(
        &ana,
        "interrupted",
        "error",
        "was stopped while committing planspec/",
    );
    assert!(
        said.contains("restored to the state before the interrupted commit"),
        "{said}"
    );
    assert_eq!(ana.git("status --porcelain"), "");
    // Drafts of a dead process, and of a living one.
    let nobody = {
        let mut child = ana.command("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    };
    let mine = std::process::id();
    ana.write(&format!("planspec/.run.yaml.{mine}.tmp"), "half");
    ana.run("doctor").ok();
    ana.write(&format!("planspec/.run.yaml.{nobody}.tmp"), "half");
    let (_, undo) = mended(
        &ana,
        "interrupted",
        "warning",
        ".tmp` is left over from a stopped process",
    );
    shell(&ana, &undo.unwrap());
    assert!(ana.has(&format!("planspec/.run.yaml.{nobody}.tmp")));
}

#[test]
fn an_index_that_git_cannot_read_is_made_anew() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.write("planspec/notes.txt", "kept")
        .write(".git/index", "no index");
    ana.run("validate --staged").exits(3);
    mended(&ana, "index", "error", "Git cannot read its index");
    assert_eq!(ana.git("status --porcelain"), "?? planspec/notes.txt");
    ana.run("validate --staged").ok();
}

#[test]
fn a_cache_that_cannot_be_read_or_written_is_told_of() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.write(
        ".git/planspec/cache/index",
        "no database, and long enough to be taken for one".repeat(200),
    );
    let (_, undo) = mended(
        &ana,
        "cache",
        "warning",
        "the index of resources cannot be read",
    );
    assert!(undo.is_some());
    ana.run("get plans").ok().says("p ");
    ana.remove_folder(".git/planspec/cache")
        .write(".git/planspec/cache", "a file");
    let (hint, fix) = only(&ana, "cache", "warning", "the cache cannot be written");
    assert!(!fix && hint.contains("everything works without"), "{hint}");
}

#[test]
fn a_hook_that_is_missing_is_installed_and_another_stays() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.run("hooks uninstall").ok();
    let (_, undo) = mended(&ana, "hook", "warning", "no hook checks commits here");
    assert_eq!(undo.as_deref(), Some("planspec hooks uninstall"));
    ana.run("hooks uninstall").ok();
    ana.write_executable(".git/hooks/pre-commit", "#!/bin/sh\necho mine\n");
    let (hint, fix) = only(
        &ana,
        "hook",
        "warning",
        "the pre-commit hook is another one",
    );
    assert!(
        !fix && hint.contains("`planspec validate --staged || exit 1`"),
        "{hint}"
    );
    ana.run("doctor --fix hook")
        .exits(1)
        .notes("hook: nothing to repair");
    assert_eq!(ana.read(".git/hooks/pre-commit"), "#!/bin/sh\necho mine\n");
}

#[test]
fn a_remote_that_is_away_is_told_and_the_rest_is_looked_at() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.git("remote set-url origin ./nowhere.git");
    let (hint, _) = only(
        &ana,
        "remote",
        "error",
        "cannot read the refs of remote `origin`",
    );
    assert!(!hint.is_empty());
    ana.run("doctor")
        .exits(1)
        .says("skipped  status       the remote does not answer");
    ana.git("remote remove origin");
    only(&ana, "remote", "error", "origin");
}

#[test]
fn a_status_branch_that_is_not_where_it_was_left_is_told_as_reconcile_tells_it() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.works("run/one", "agent:a");
    let origin = sandbox.place("origin.git");
    let tip = ana.status_tip();
    let by_hand = |parent: &str| {
        let tree = origin.git(&format!("rev-parse {parent}^{{tree}}"));
        origin.git(&format!("commit-tree -m 'by hand' -p {parent} {tree}"))
    };
    let edited = by_hand(&tip);
    for (change, says) in [
        (
            format!("update-ref refs/heads/{STATUS} {tip}~2"),
            "was put back to",
        ),
        (
            format!("update-ref -d refs/heads/{STATUS}"),
            "is gone from remote `origin`",
        ),
        (
            format!("update-ref refs/heads/{STATUS} {edited}"),
            "was changed by something other than",
        ),
    ] {
        origin.git(&change);
        let refused = ana.run("reconcile").exits(3);
        let (hint, fix) = only(&ana, "status", "error", says);
        assert!(!fix);
        assert!(refused.err.contains(&hint), "{hint}: {refused}");
        let restore = command(&hint, "--restore");
        ana.run(restore.strip_prefix("planspec ").unwrap()).ok();
        ana.run("doctor").ok();
    }
    ana.publish(
        ".planspec.yaml",
        SHARED.replace("origin", "origin, branch: planspec/other"),
    );
    let (hint, _) = only(&ana, "status", "error", "names `planspec/other`");
    assert!(hint.contains("reconcile --initialize"), "{hint}");
}

#[test]
fn a_status_of_the_future_is_told_as_reconcile_tells_it() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    ana.run("claim run/one --as agent:a").ok();
    sandbox.minutes_pass(60 * 24 * 365);
    ana.run("reconcile --accept-time").ok();
    sandbox.minutes_pass(-60 * 24 * 365);
    let (hint, fix) = only(&ana, "clock", "error", "365d behind the status");
    assert!(!fix);
    let restore = command(&hint, "--restore");
    ana.run(restore.strip_prefix("planspec ").unwrap()).ok();
    ana.run("doctor").ok();
}

#[test]
fn refs_of_nobody_are_moved_out_of_the_inbox_and_can_be_had_back() {
    for shared in [true, false] {
        let sandbox = Sandbox::new();
        let ana = if shared {
            sound(&sandbox, "ana")
        } else {
            let solo = sandbox.repository("ana");
            solo.publish(
                "planspec/all.yaml",
                file(&[plan("p", &[task("one")]), execution("run", "p")]),
            );
            solo.run("reconcile").ok();
            solo.run("hooks install").ok();
            solo
        };
        ana.run("claim run/one --as agent:a").ok();
        ana.run("doctor")
            .ok()
            .says("1 ref in the inbox, all for known runs");
        let list = if shared {
            "ls-remote origin 'refs/planspec/*/*'"
        } else {
            "for-each-ref refs/planspec/work refs/planspec/results refs/planspec/requests"
        };
        let inbox = || ana.git(list);
        let before = inbox();
        let id = ana.git("rev-parse HEAD");
        let uid = "0d5f6f0e-6b1c-5a39-9a53-0c5a4f6f2f0b";
        for name in [
            format!("refs/planspec/work/default/run/{uid}/one/1"),
            format!("refs/planspec/results/default/gone/{uid}/one/1"),
        ] {
            ana.git(&format!(
                "push -q {} {id}:{name}",
                if shared { "origin" } else { "." }
            ));
        }
        let with = inbox();
        let (_, undo) = mended(&ana, "refs", "warning", "2 refs, of which the first is");
        assert_eq!(inbox(), before);
        ana.run("reconcile")
            .ok()
            .never_says("to no known execution");
        shell(&ana, &undo.unwrap());
        assert_eq!(inbox(), with);
    }
}

#[test]
fn whether_this_clone_may_push_is_tried_when_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let ana = sound(&sandbox, "ana");
    let before = ana.git("ls-remote origin");
    ana.run("doctor --push").ok().says("ok       push");
    ana.git("config remote.origin.receivepack false");
    ana.run("doctor").ok().says("skipped  push");
    ana.run("doctor --push")
        .exits(1)
        .says("error    push         cannot push to remote `origin`");
    assert_eq!(ana.git("ls-remote origin"), before);
}

#[test]
fn the_page_shows_what_is_said() {
    let page = include_str!("../../docs/recovery.md");
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with("ana", &[plan("p", &[task("one")])]);
    let looked = ana.run("doctor").exits(1);
    assert!(page.contains(&looked.out), "{looked}");
    let mended = ana.run("doctor --fix hook").ok();
    let what: String = mended.out.split_inclusive('\n').take(2).collect();
    // A Git with configured hooks has no script.
    assert!(
        page.contains(&what) || what.contains("hook.planspec"),
        "{what}"
    );
}
