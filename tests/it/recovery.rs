//! A status branch that was reset or deleted: every verb that writes notices it, and the recovery only adds commits.

use crate::resources::{Node, execution, file, plan, task};
use crate::sandbox::{Place, Ran, SHARED, STATUS, Sandbox, text};

const HIGH_WATER: &str = "refs/planspec/status";

/// A run of a chain of two tasks, of which the first is done, shared through a remote that forbids force pushes and
/// deletions.
fn half_done(sandbox: &Sandbox) -> Place<'_> {
    let ana = sandbox.run_of("ana", &two());
    for option in ["receive.denyNonFastForwards", "receive.denyDeletes"] {
        origin(sandbox).git(&format!("config {option} true"));
    }
    ana.works("run/one", "agent:a");
    ana
}

fn two() -> [Node; 2] {
    [task("one"), task("two").after("one")]
}

fn origin(sandbox: &Sandbox) -> Place<'_> {
    sandbox.place("origin.git")
}

fn high_water(place: &Place<'_>) -> String {
    let line = place.git(&format!("ls-remote origin {HIGH_WATER}"));
    line.split('\t').next().unwrap_or_default().to_owned()
}

/// The command with this option in the help, literally.
fn help(ran: &Ran, option: &str) -> String {
    let mut quoted = ran.err.split('`').skip(1).step_by(2);
    let command = quoted.find(|command| command.contains(option));
    let command = command.unwrap_or_else(|| panic!("no {option} in {ran}"));
    command.strip_prefix("planspec ").unwrap().to_owned()
}

/// Asserts that docs/recovery.md shows this output, apart from commit ids.
fn is_in_the_page(ran: &Ran) {
    let page = without_ids(include_str!("../../docs/recovery.md"));
    let said = without_ids(&ran.err);
    assert!(page.contains(&said), "docs/recovery.md: {said}");
}

fn without_ids(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let word = |word: &str| {
        let id = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = matches!(id.len(), 10 | 40 | 64) && id.chars().all(|c| c.is_ascii_hexdigit());
        word.replace(if is_id { id } else { "\0" }, "COMMIT")
    };
    words.map(word).collect()
}

fn sequence(place: &Place<'_>, commit: &str) -> u64 {
    let controller = place.git(&format!("show {commit}:controller.yaml"));
    let line = controller.lines().find(|l| l.starts_with("sequence"));
    let number = line.unwrap().split(' ').next_back();
    number.unwrap().parse().unwrap()
}

fn repository_id(place: &Place<'_>, commit: &str) -> String {
    let controller = place.git(&format!("show {commit}:controller.yaml"));
    let line = controller.lines().find(|l| l.starts_with("repositoryId"));
    line.unwrap().to_owned()
}

#[test]
fn the_high_water_ref_moves_with_the_status_and_names_where_it_is_kept() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    assert_eq!(high_water(&ana), ana.status_tip());
    ana.git("fetch -q");
    let controller = ana.git("show origin/planspec/status:controller.yaml");
    for line in ["statusBranch: planspec/status", "specBranch: main"] {
        assert!(controller.contains(line), "{controller}");
    }
    // It stays when a run is over and its refs are deleted.
    origin(&sandbox).git("config receive.denyDeletes false");
    ana.works("run/two", "agent:a");
    ana.run("reconcile").ok();
    assert_eq!(ana.inbox(), Vec::<String>::new());
    assert_eq!(high_water(&ana), ana.status_tip());
}

#[test]
fn a_status_of_before_gets_the_ref_without_a_transition() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    origin(&sandbox).git(&format!("update-ref -d {HIGH_WATER}"));
    let tip = ana.status_tip();
    ana.run("reconcile --dry-run").ok();
    assert_eq!(high_water(&ana), "");
    ana.run("reconcile").ok().says("nothing to do");
    assert_eq!((high_water(&ana), ana.status_tip()), (tip.clone(), tip));
    // A status commit of a program that does not know the ref does no harm either.
    let origin = origin(&sandbox);
    origin.git(&format!("update-ref {HIGH_WATER} {HIGH_WATER}~1"));
    ana.run("claim run/two --as agent:b").ok();
    ana.run("reconcile").ok();
    assert_eq!(high_water(&ana), ana.status_tip());
}

#[test]
fn a_branch_that_was_put_back_is_noticed_and_goes_on_from_where_it_was() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let ben = sandbox.clone_of("origin.git", "ben");
    let shallow = format!("file://{}", sandbox.path("origin.git").display());
    let ci = sandbox.clone_with("--depth=1", &shallow, "ci");
    let tip = ana.status_tip();
    origin(&sandbox).git(&format!("update-ref refs/heads/{STATUS} {tip}~2"));
    for who in [&ana, &ben, &ci] {
        for verb in [
            "reconcile",
            "reconcile --dry-run",
            "claim run/one --as agent:b",
            "report run/one --as agent:a --succeeded",
            "next",
            "wait execution run --for Succeeded --timeout 1s",
            "cancel run",
            "reconcile --initialize",
        ] {
            who.run(verb)
                .exits(3)
                .notes("was put back to")
                .notes("(sequence 1): it was at")
                .notes("(sequence 3)");
        }
    }
    assert_eq!(ana.inbox().len(), 1);
    let ran = ci.run("reconcile");
    is_in_the_page(&ran);
    let command = help(&ran, "--restore");
    ci.run(&command).ok().notes("nothing is lost");
    assert_eq!(ana.status_tip(), tip);
    ben.run("reconcile").ok().says("nothing to do");
    assert_eq!(ben.node_phase("run/one"), "Succeeded");
    // Repeating it does no harm.
    ben.run(&command).ok().notes("nothing to restore");
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn what_a_clone_has_seen_is_a_witness_where_both_refs_went() {
    for put_back in [true, false] {
        let sandbox = Sandbox::new();
        let ana = half_done(&sandbox);
        let origin = origin(&sandbox);
        ana.run("reconcile").ok();
        ana.git("fetch -q");
        let seen = ana.status_tip();
        let refs = [
            format!("refs/heads/{STATUS}"),
            "refs/planspec/status".to_owned(),
        ];
        if put_back {
            let before = origin.git(&format!("rev-parse {STATUS}~1"));
            for name in &refs {
                origin.git(&format!("update-ref {name} {before}"));
            }
        } else {
            for name in &refs {
                origin.git(&format!("update-ref -d {name}"));
            }
            sandbox.minutes_pass(1);
            sandbox.clone_of("origin.git", "ben").run("reconcile").ok();
        }
        let what = if put_back {
            "was put back"
        } else {
            "was started again"
        };
        for verb in ["next", "reconcile"] {
            let told = ana.run(verb).exits(3);
            let told = told.notes(what).notes("this clone has seen");
            told.notes("`git update-ref -d refs/remotes/origin/planspec/status`");
        }
        if put_back {
            let push =
                format!("push -q origin {seen}:refs/heads/{STATUS} {seen}:refs/planspec/status");
            ana.git(&push);
        } else {
            ana.git("update-ref -d refs/remotes/origin/planspec/status");
        }
        ana.run("reconcile").ok();
    }
}

#[test]
fn going_back_on_purpose_is_a_commit_on_top() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let tip = ana.status_tip();
    ana.git("fetch -q");
    let first = ana.git(&format!("rev-parse {tip}~2"));
    for put_back in [true, false] {
        let before = ana.status_tip();
        if put_back {
            origin(&sandbox).git(&format!("update-ref refs/heads/{STATUS} {first}"));
        }
        sandbox.minutes_pass(3);
        let now = sandbox.now();
        let ran = ana.run(&format!("reconcile --restore {}", &first[..12]));
        ran.ok()
            .notes("the status is again that of")
            .says("node")
            .says("Succeeded → Pending");
        let restored = ana.status_tip();
        assert_eq!(high_water(&ana), restored);
        ana.git("fetch -q");
        assert_eq!(ana.git(&format!("rev-parse {restored}^")), before);
        assert_eq!(sequence(&ana, &restored), sequence(&ana, &before) + 1);
        let shown = ana.git(&format!("log -1 --format=%cI%n%B {restored}"));
        assert!(shown.starts_with(&now), "{shown}");
        assert!(
            shown.contains(&format!("Planspec-Restores: {first}\n")),
            "{shown}"
        );
        // The remaining records in the inbox are taken in again.
        ana.run("reconcile").ok();
        assert_eq!(ana.node_phase("run/one"), "Succeeded");
        ana.run("log execution/run").ok();
        ana.run("reconcile --full").ok().says("nothing to do");
    }
    ana.works("run/two", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_branch_that_is_deleted_is_brought_back_or_begun_anew_on_purpose() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let tip = ana.status_tip();
    let delete = || origin(&sandbox).git(&format!("update-ref -d refs/heads/{STATUS}"));
    delete();
    let ci = sandbox.clone_of("origin.git", "ci");
    for who in [&ci, &ana] {
        who.run("reconcile")
            .exits(3)
            .notes("is gone from remote `origin`: it was at");
        who.run("claim run/two --as agent:b").exits(3);
    }
    let ran = ci.run("reconcile");
    ci.run(&help(&ran, "--restore")).ok();
    assert_eq!(ana.status_tip(), tip);
    ana.run("reconcile").ok().says("nothing to do");

    sandbox.minutes_pass(1);
    delete();
    ci.run(&format!("{} --dry-run", help(&ran, "--initialize")))
        .ok();
    assert_eq!(ana.status_tip(), "");
    ci.run(&help(&ran, "--initialize")).ok();
    let new = ana.status_tip();
    assert_eq!(high_water(&ana), new);
    ana.git("fetch -q");
    assert_eq!(ana.git(&format!("rev-parse {new}^")), tip);
    assert_ne!(repository_id(&ana, &new), repository_id(&ana, &tip));
    assert_eq!(sequence(&ana, &new), sequence(&ana, &tip) + 1);
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Pending");
    ana.run("reconcile --initialize")
        .exits(9)
        .notes("so there is nothing to initialize");
    // Even that can be undone.
    ana.run(&format!("reconcile --restore {tip}")).ok();
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn a_status_goes_to_another_branch_only_on_purpose_and_then_with_its_runs() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let tip = ana.status_tip();
    ana.publish(
        ".planspec.yaml",
        "status: {remote: origin, branch: planspec/runs}\n",
    );
    let ran = ana.run("reconcile").exits(3);
    let ran = ran.notes(
        "`status.branch` names `planspec/runs`, but the status is on branch `planspec/status`",
    );
    ana.run("report run/two --as agent:a --succeeded").exits(3);
    ana.run("reconcile --restore HEAD").exits(3);
    ana.run(&help(&ran, "--initialize")).ok();
    let new = high_water(&ana);
    let listed = ana.git("ls-remote origin refs/heads/planspec/runs");
    assert!(listed.starts_with(&new), "{listed}");
    assert_eq!(ana.status_tip(), tip, "it stays where it was");
    ana.git("fetch -q");
    assert_eq!(ana.git(&format!("rev-parse {new}^")), tip);
    ana.works("run/two", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_clone_that_is_set_to_another_spec_branch_decides_nothing() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    ana.git("rm -q -r planspec");
    ana.commit("Nothing here");
    ana.git("push -q origin HEAD:refs/heads/other");
    ana.git("reset -q --hard origin/main");
    ana.git("config planspec.specBranch other");
    let ran = ana.run("reconcile").exits(3);
    let ran = ran.notes("the status is about branch `main`");
    let again = ran
        .err
        .split('`')
        .find(|part| part.starts_with("git config"));
    ana.git(again.unwrap().strip_prefix("git ").unwrap());
    ana.run("reconcile").ok().says("nothing to do");
    // A renamed branch is the same one.
    origin(&sandbox).git("branch -m main trunk");
    let ben = sandbox.clone_with(
        "-b trunk",
        sandbox.path("origin.git").to_str().unwrap(),
        "ben",
    );
    ben.works("run/two", "agent:a");
    assert_eq!(ben.phase("execution/run"), "Succeeded");
}

#[test]
fn without_a_remote_it_is_the_same() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &two()), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    solo.works("run/one", "agent:a");
    let tip = solo.git(&format!("rev-parse refs/heads/{STATUS}"));
    assert_eq!(solo.git(&format!("rev-parse {HIGH_WATER}")), tip);
    let put_back = format!("update-ref refs/heads/{STATUS} {tip}~1");
    let delete = format!("update-ref -d refs/heads/{STATUS}");
    for (change, said) in [(put_back, "was put back"), (delete, "is gone")] {
        solo.git(&change);
        let ran = solo.run("claim run/two --as agent:b").exits(3).notes(said);
        solo.run(&help(&ran, "--restore")).ok();
        assert_eq!(solo.status_tip(), tip);
    }
    solo.works("run/two", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
}

#[test]
fn what_somebody_else_put_on_the_branch_is_gone_behind() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let tip = ana.status_tip();
    ana.git("fetch -q");
    // On top of the tip, and instead of it.
    let on_top = ana.git_with(&format!("commit-tree {tip}^{{tree}} -p {tip}"), "by hand");
    let other = ana.git_with(&format!("commit-tree {tip}^{{tree}}"), "by hand");
    let mut before = tip;
    for (strange, said) in [
        (on_top, "something other than `planspec reconcile`"),
        (other, "was replaced"),
    ] {
        ana.git(&format!(
            "push -q origin {strange}:refs/heads/by-hand-{strange}"
        ));
        origin(&sandbox).git(&format!("update-ref refs/heads/{STATUS} {strange}"));
        let ran = ana.run("reconcile").exits(3).notes(said);
        ana.run(&help(&ran, "--restore")).ok();
        let now = ana.status_tip();
        assert_eq!(high_water(&ana), now);
        ana.git("fetch -q");
        assert_eq!(ana.git(&format!("rev-parse {now}^")), before);
        ana.git(&format!("merge-base --is-ancestor {strange} {now}"));
        ana.run("reconcile").ok().says("nothing to do");
        ana.run("log execution/run").ok();
        before = now;
    }
    // Another invalid commit on top, with the other ref moved as well.
    let garbage = ana.git_with(
        &format!("commit-tree {before}^{{tree}} -p {before}"),
        "by hand",
    );
    let garbage = ana.git_with(
        &format!("commit-tree {garbage}^{{tree}} -p {garbage}"),
        "again",
    );
    for name in [&format!("refs/heads/{STATUS}"), HIGH_WATER] {
        ana.git(&format!("push -q origin {garbage}:{name}"));
    }
    let ran = ana.run("reconcile").exits(3);
    ana.run(&help(&ran, "--restore")).ok();
    ana.works("run/two", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_status_of_the_future_is_mended() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let before = ana.status_tip();
    ana.run("claim run/two --as agent:b").ok();
    let ahead = [("PLANSPEC_NOW", "2027-01-31T12:00:00Z")];
    ana.run_in(&ahead, "reconcile --accept-time").ok();
    assert_ne!(ana.status_tip(), before);
    ana.run("report run/two --as agent:b --succeeded").ok();
    let ran = ana.run("reconcile").exits(1).notes("behind the status");
    is_in_the_page(&ran);
    let command = help(&ran, "--restore");
    assert!(command.ends_with(&before), "{command}");
    ana.run(&command).ok();
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let end = text(&ana.get("execution/run")["status"]["completionTime"]);
    assert_eq!(end, sandbox.now());
}

#[test]
fn only_a_status_of_this_repository_is_restored() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    let tip = ana.status_tip();
    ana.git("fetch -q");
    let other = ana.git_with(&format!("commit-tree {tip}^{{tree}}"), "x");
    for commit in ["HEAD", "origin/main", &other] {
        ana.run(&format!("reconcile --restore {commit}"))
            .exits(1)
            .notes("is not a commit of the status branch");
    }
    ana.run("reconcile --restore nonsense").exits(1);
    assert_eq!(ana.status_tip(), tip);
    let bob = sandbox.repository("bob");
    bob.write("x", "x").commit("x");
    bob.run("reconcile --restore HEAD")
        .exits(1)
        .notes("there is nothing to restore");
}

#[test]
fn records_about_a_status_that_is_not_there_are_a_warning() {
    let sandbox = Sandbox::new();
    let ana = half_done(&sandbox);
    ana.run("claim run/two --as agent:b").ok();
    // An attacker with all rights resets both.
    for name in [&format!("refs/heads/{STATUS}"), HIGH_WATER] {
        let origin = origin(&sandbox);
        origin.git(&format!("update-ref {name} {name}~1"));
    }
    // A clone that has seen more would refuse.
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("reconcile")
        .ok()
        .notes("names a status commit that this status does not have");
}

#[test]
fn a_remote_that_cannot_move_refs_together_moves_one_after_the_other() {
    let sandbox = Sandbox::new();
    sandbox
        .bare("origin.git")
        .git("config receive.advertiseAtomic false");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.write(".planspec.yaml", SHARED).commit("Here").push();
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &two()), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    assert_eq!(high_water(&ana), ana.status_tip());
}
