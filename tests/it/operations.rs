//! docs/operations.md: every block of commands is run as it stands there, and every shown output is compared.

use crate::resources::{Node, execution, plan, task};
use crate::sandbox::{PLANSPEC, Place, Ran, STATUS, Sandbox};

const PAGE: &str = include_str!("../../docs/operations.md");

fn two() -> [Node; 2] {
    [task("one"), task("two").after("one")]
}

/// The block of commands that contains this text.
fn block(with: &str) -> String {
    let blocks = PAGE.split("```sh fragment\n").skip(1);
    let mut blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let found = blocks.find(|block| block.contains(with));
    found
        .unwrap_or_else(|| panic!("docs/operations.md has no block with {with:?}"))
        .to_owned()
}

/// Runs a block in a folder, with values for its variables.
fn runs(place: &Place<'_>, block: &str, variables: &[(&str, String)]) -> Ran {
    let folder = std::path::Path::new(PLANSPEC).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = place.command("sh");
    shell
        .args(["-euc", block])
        .env("PATH", format!("{}:{path}", folder.display()))
        .envs(variables.iter().map(|(name, value)| (name, value)));
    Ran::of(block, shell.output().unwrap()).ok()
}

/// The address of a repository, as the variable of that name.
fn address(sandbox: &Sandbox, name: &'static str, repository: &str) -> (&'static str, String) {
    (name, sandbox.path(repository).display().to_string())
}

/// Asserts that the page shows this error after the command, apart from ids and numbers.
fn is_in_the_page(command: &str, ran: &Ran) {
    let shown = format!("$ planspec {command}\n{}", ran.err);
    let [page, shown] = [PAGE, &shown].map(masked);
    assert!(page.contains(&shown), "docs/operations.md: {shown}");
}

fn masked(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let word = |word: &str| {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_hex = bare.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        let is_id = is_hex && matches!(bare.len(), 10 | 36 | 40 | 64);
        let is_number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
        if is_id || is_number {
            word.replace(bare, "N")
        } else {
            word.to_owned()
        }
    };
    words.map(word).collect()
}

/// Makes a backup as the page does it, and asserts that it can be used.
fn back_up(sandbox: &Sandbox) {
    let root = sandbox.place("");
    let origin = [address(sandbox, "url", "origin.git")];
    runs(
        &root,
        &block("clone -q --mirror \"$url\" plans.git"),
        &origin,
    );
    runs(&root, &block("remote update"), &[]);
    let check = runs(&root, &block("planspec audit"), &[]);
    check.says("follows from what it cites");
}

/// Replaces the remote by an empty one, and restores the backup to it.
fn restore(sandbox: &Sandbox) {
    std::fs::remove_dir_all(sandbox.path("origin.git")).unwrap();
    sandbox.bare("origin.git");
    let origin = [address(sandbox, "url", "origin.git")];
    runs(&sandbox.place(""), &block("restored.git"), &origin);
}

#[test]
fn a_backup_is_restored_to_an_empty_remote_and_a_clone_that_has_seen_more_brings_that_back() {
    for bring_back in [true, false] {
        let sandbox = Sandbox::new();
        let ana = sandbox.run_of("ana", &two());
        ana.run("claim run/one --as agent:a --reconcile").ok();
        back_up(&sandbox);
        ana.run("report run/one --as agent:a --succeeded --reconcile")
            .ok();
        ana.run("claim run/two --as agent:b --reconcile").ok();
        restore(&sandbox);
        let ben = sandbox.clone_of("origin.git", "ben");
        ben.run("reconcile").ok().says("nothing to do");
        let told = ana.run("reconcile").exits(3);
        is_in_the_page("reconcile", &told);
        let quoted: Vec<&str> = told.err.split('`').collect();
        let command = |start: &str| quoted.iter().find(|text| text.starts_with(start)).unwrap();
        if bring_back {
            ana.git(command("git push").strip_prefix("git ").unwrap());
            for place in [&ana, &ben] {
                place.run("reconcile").ok();
                assert_eq!(place.node_phase("run/one"), "Succeeded");
                assert_eq!(place.node_phase("run/two"), "Running");
            }
            // The ref of its claim is gone; the claim is not.
            let gone = ana.run("report run/two --as agent:b --succeeded").exits(9);
            let put_back = gone.err.split('`').nth(1).unwrap().to_owned();
            ana.git(put_back.strip_prefix("git ").unwrap());
        } else {
            ana.git(command("git update-ref").strip_prefix("git ").unwrap());
            ana.run("reconcile").ok().says("nothing to do");
            assert_eq!(ana.node_phase("run/one"), "Running");
            ana.run("report run/one --as agent:a --succeeded --reconcile")
                .ok();
            ana.run("claim run/two --as agent:b --reconcile").ok();
        }
        ana.run("report run/two --as agent:b --succeeded --reconcile")
            .ok();
        assert_eq!(ana.phase("execution/run"), "Succeeded");
        ana.run("audit").ok().never_says("Cannot be checked");
    }
}

#[test]
fn what_was_done_since_the_backup_is_reported_in_one_step() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &two());
    back_up(&sandbox);
    ana.works("run/one", "agent:a");
    restore(&sandbox);
    ana.git("update-ref -d refs/remotes/origin/planspec/status");
    ana.run("report run/one --as agent:a --done-before --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn a_claim_whose_ref_is_gone_is_put_back_from_the_status() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &two());
    ana.run("claim run/one --reconcile").ok();
    let claim = ana.node("run/one")["extensions"]["claim"]["record"].clone();
    let inbox = ana.inbox();
    ana.git(&format!("push -q origin :refs/planspec/{}", inbox[0]));
    let report = "report run/one --succeeded --reconcile";
    let told = ana.run(report).exits(9);
    is_in_the_page(report, &told);
    for verb in ["release run/one", "claim --renew run/one"] {
        ana.run(verb)
            .exits(9)
            .notes("but the ref of the claim is gone");
    }
    let claim = claim.as_str().unwrap();
    ana.run(&format!("{report} --claim {claim}"))
        .exits(9)
        .notes("but the ref of the claim is gone");
    let put_back = told.err.split('`').nth(1).unwrap();
    ana.git(put_back.strip_prefix("git ").unwrap());
    assert_eq!(ana.inbox(), inbox);
    ana.run(report).ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

#[test]
fn without_one_of_its_refs_a_status_is_what_the_table_says() {
    let status = format!("refs/heads/{STATUS}");
    for (gone, code) in [
        (vec!["refs/planspec/status"], 0),
        (vec![status.as_str()], 3),
        (vec![status.as_str(), "refs/planspec/status"], 0),
    ] {
        let sandbox = Sandbox::new();
        let ana = sandbox.run_of("ana", &two());
        ana.works("run/one", "agent:a");
        let origin = sandbox.place("origin.git");
        let tip = ana.status_tip();
        for name in &gone {
            origin.git(&format!("update-ref -d {name}"));
        }
        let ben = sandbox.clone_of("origin.git", "ben");
        let ran = ben.run("reconcile").exits(code);
        match gone.len() {
            1 if code == 3 => {
                ran.notes("is gone from remote");
                ana.run(&format!("reconcile --restore {tip}")).ok();
                assert_eq!(ana.status_tip(), tip);
            }
            1 => assert_eq!(origin.git("rev-parse refs/planspec/status"), tip),
            // As if nothing had been done.
            _ => assert_eq!(ben.node_phase("run/one"), "Pending"),
        }
    }
}

#[test]
fn everything_moves_to_another_remote() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &two());
    let late = sandbox.clone_of("origin.git", "late");
    ana.works("run/one", "agent:a");
    ana.run("claim run/two --as agent:a").ok();
    let new = sandbox.bare("new.git");
    let origin = address(&sandbox, "url", "origin.git");
    let to = address(&sandbox, "new", "new.git");
    let root = sandbox.place("");
    runs(&root, &block("moving.git"), &[origin, to.clone()]);
    // The old remote is still open.
    late.run("cancel run --reconcile").ok();
    let before = sandbox.place("origin.git").git("for-each-ref");

    let moves = block("remote set-url");
    runs(&ana, &moves, std::slice::from_ref(&to)).says("claimed by agent:a");
    ana.run("report run/two --as agent:a --succeeded --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("audit").ok().never_says("Cannot be checked");
    assert_eq!(sandbox.place("origin.git").git("for-each-ref"), before);

    late.git(&format!("remote set-url origin {}", new.dir.display()));
    let told = late.run("reconcile").exits(3);
    is_in_the_page("reconcile", &told);
    let forget = told.err.split('`').rev().nth(1).unwrap();
    late.git(forget.strip_prefix("git ").unwrap());
    late.run("reconcile").ok();
    assert_eq!(late.phase("execution/run"), "Succeeded");
}

#[test]
fn another_name_of_the_remote_is_confirmed_once() {
    let sandbox = Sandbox::new();
    let ana = sandbox.run_of("ana", &two());
    ana.works("run/one", "agent:a");
    ana.git("remote rename origin forge");
    ana.write(".planspec.yaml", "status: {remote: forge}\n")
        .commit("The plans have moved");
    ana.git("push -q forge HEAD");
    for verb in ["reconcile", "next"] {
        ana.run(verb).exits(3).notes("this status is a copy");
    }
    ana.run("reconcile --initialize").ok();
    ana.run("reconcile").ok().says("nothing to do");
    ana.run("claim run/two --as agent:a --reconcile").ok();
    assert_eq!(ana.node_phase("run/one"), "Succeeded");
}

/// Puts a commit on the status branch with a higher number in its `controller.yaml`, as a newer program would.
fn write_newer(sandbox: &Sandbox, field: &str) {
    let newer = sandbox.clone_of("origin.git", &format!("newer-{field}"));
    newer.git(&format!("checkout -q -b status origin/{STATUS}"));
    let message = newer.git("log -1 --format=%B");
    let raised = |text: &str, names: [&str; 2]| -> String {
        let lines = text.lines().map(|line| match line.split_once(": ") {
            Some((name, number)) if names.contains(&name) => {
                format!("{name}: {}\n", number.parse::<u64>().unwrap() + 1)
            }
            _ => format!("{line}\n"),
        });
        lines.collect()
    };
    let controller = newer.read("controller.yaml");
    newer.write("controller.yaml", raised(&controller, ["sequence", field]));
    newer.git("add -A");
    let trailer = "Planspec-Sequence";
    newer.git_with("commit -q -F -", &raised(&message, [trailer, trailer]));
    newer.git(&format!(
        "push -q origin HEAD:refs/heads/{STATUS} HEAD:refs/planspec/status"
    ));
}

#[test]
fn an_older_program_stops_and_goes_back_where_it_is_told_to() {
    for field in ["decisions", "formatVersion"] {
        let sandbox = Sandbox::new();
        let ana = sandbox.run_of("ana", &two());
        ana.works("run/one", "agent:a");
        let last = ana.status_tip();
        ana.run("claim run/two --as agent:a").ok();
        write_newer(&sandbox, field);
        let tip = ana.status_tip();
        if field == "decisions" {
            is_in_the_page("reconcile", &ana.run("reconcile").exits(3));
            ana.run("report run/two --as agent:a --succeeded").ok();
        } else {
            is_in_the_page("next", &ana.run("next").exits(3));
            ana.run("reconcile").exits(3);
            ana.run("report run/two --as agent:a --succeeded").exits(3);
        }
        assert_eq!(ana.status_tip(), tip);

        let back = block("--restore \"$last\"");
        let ran = runs(&ana, &back, &[("last", last.clone())]);
        ran.says(&format!("{field}: ")).says("by agent:a");
        ana.git(&format!(
            "merge-base --is-ancestor {tip} {}",
            ana.status_tip()
        ));
        if field == "formatVersion" {
            ana.run("report run/two --as agent:a --succeeded --reconcile")
                .ok();
        }
        assert_eq!(ana.phase("execution/run"), "Succeeded");
        ana.run("audit").ok().never_says("Does not follow");
    }
}

#[test]
fn runs_that_ended_since_are_open_again_after_going_back() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with("ana", &[plan("p", &two()), execution("run", "p")]);
    let last = ana.status_tip();
    for node in ["run/one", "run/two"] {
        ana.works(node, "agent:a");
    }
    ana.run("reconcile").ok();
    assert!(ana.inbox().is_empty());
    write_newer(&sandbox, "decisions");
    runs(&ana, &block("--restore \"$last\""), &[("last", last)]);
    assert_eq!(ana.phase("execution/run"), "Running");
    for node in ["run/one", "run/two"] {
        let report = format!("report {node} --as agent:a --done-before --reconcile");
        ana.run(&report).ok();
    }
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}
