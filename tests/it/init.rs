//! `init` prepares a repository for plans without questions, and overwrites nothing.

use std::path::Path;

use crate::resources::{execution, file, plan, task};
use crate::sandbox::{PLANSPEC, Ran, Sandbox};

#[test]
fn init_makes_everything_shows_what_it_made_and_commits_nothing() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let made = solo
        .run("init")
        .ok()
        .notes("git add")
        .notes("there is no remote");
    let expected = [
        ".planspec.yaml",
        "planspec/README.md",
        ".github/workflows/planspec.yml",
    ];
    for path in expected {
        assert!(
            made.out.contains(&format!("created        {path}\n")),
            "{made}"
        );
        assert!(solo.has(path), "{path}");
    }
    solo.run("hooks status").ok();
    assert_ne!(solo.git_try("rev-parse -q --verify HEAD").code, 0);
    solo.commit("Keep plans here");
    solo.run("validate").ok();
    solo.run("reconcile").ok().says("nothing to do");
}

#[test]
fn init_overwrites_nothing() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write(".planspec.yaml", "lease: 5m\n")
        .write(".git/hooks/pre-commit", "#!/bin/sh\n");
    let told = solo.run("init").ok().says("kept as it is  .planspec.yaml");
    // A Git with configured hooks needs no script.
    let configured = told.out.contains("configured     hook.planspec");
    let said = told.err.contains("planspec validate --staged");
    assert_ne!(configured, said, "{told}");
    assert_eq!(solo.read(".planspec.yaml"), "lease: 5m\n");
    assert_eq!(solo.read(".git/hooks/pre-commit"), "#!/bin/sh\n");
    let again = solo.run("init").ok();
    assert!(!again.out.contains("created"), "{again}");
}

#[test]
fn hook_and_workflow_can_be_left_out() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("init --no-hook --no-ci").ok();
    assert!(!solo.has(".github"));
    solo.run("hooks status").exits(1);
}

#[test]
fn the_workflow_needs_no_variable_where_the_action_is_known() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let action = format!("team/planspec@{}", "0a".repeat(20));
    solo.run(&format!("init --action {action}"))
        .ok()
        .never_says("PLANSPEC_REPOSITORY");
    let workflow = solo.read(".github/workflows/planspec.yml");
    assert_eq!(workflow.matches(&format!("uses: {action}\n")).count(), 4);
    assert!(
        !workflow.contains("vars.") && !workflow.contains("OWNER"),
        "{workflow}"
    );
    for wrong in [
        "planspec",
        "a/b",
        "a/b@",
        "a/b/c@d",
        "a/b@c d",
        "a/b@{{x}}",
        "../x@y",
        "a/b@../c",
    ] {
        let mut command = solo.planspec("init --action");
        let ran = Ran::of(wrong, command.arg(wrong).output().unwrap());
        ran.exits(2).notes("write OWNER/NAME@COMMIT");
    }
    let unknown = sandbox.repository("unknown");
    unknown
        .run("init")
        .ok()
        .notes("planspec init --action OWNER/NAME@COMMIT");
}

#[test]
fn with_a_remote_the_status_is_shared_from_the_start() {
    let sandbox = Sandbox::new();
    sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.run("init").ok().notes("shared through remote `origin`");
    ana.write(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    ana.commit("Keep plans here").push();
    ana.run("reconcile").ok();
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.works("run/one", "agent:b");
    assert_eq!(ben.phase("execution/run"), "Succeeded");
}

#[test]
fn init_works_from_a_folder_below_and_in_a_worktree() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.write("README.md", "x").commit("Begin");
    solo.git("worktree add -q --detach ../tree");
    let below = sandbox.folder("tree/deep/below");
    below.run("init").ok();
    assert!(sandbox.place("tree").has(".planspec.yaml"));
    solo.run("hooks status").ok();
}

#[test]
fn the_hook_refuses_a_commit_that_would_break_a_plan_and_looks_at_what_is_staged_only() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("init").ok();
    let folder = Path::new(PLANSPEC).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", folder.display());
    let commit = || -> Ran {
        let output = solo
            .command("git")
            .args(["commit", "-q", "-m", "x"])
            .env("PATH", &path)
            .output()
            .unwrap();
        Ran::of("git commit", output)
    };
    solo.git("add -A");
    assert_eq!(commit().ok().err, "", "no plans, no words");

    let broken = plan("p", &[task("one").after("two")]);
    solo.write("planspec/p.yaml", &broken);
    solo.git("add -A");
    commit().exits(1).notes("planspec/p.yaml:").notes("PS302");
    // The staged file is valid, the one in the work tree is not.
    solo.write("planspec/p.yaml", plan("p", &[task("one")]));
    solo.git("add -A");
    solo.write("planspec/p.yaml", &broken);
    commit().ok();
    assert_eq!(solo.git("status --porcelain"), " M planspec/p.yaml");
    // The other way round, with `commit -a`, which uses an index of its own.
    let output = solo
        .command("git")
        .args(["commit", "-q", "-a", "-m", "x"])
        .env("PATH", &path)
        .output()
        .unwrap();
    Ran::of("git commit -a", output).exits(1).notes("PS302");
}

#[test]
fn init_in_a_bare_repository_has_nothing_to_write_to() {
    let sandbox = Sandbox::new();
    sandbox.bare("bare.git").run("init").exits(3).notes("bare");
}

/// A text with its examples uncommented: comment lines that are YAML, not prose.
fn uncommented(text: &str) -> String {
    let mut out = String::new();
    for row in text.lines() {
        let example = row.trim_start().strip_prefix("# ").filter(|rest| {
            let key = rest.split(':').next().unwrap_or_default();
            let is_key = key.len() < rest.len() && !key.contains(' ');
            rest.starts_with([' ', '-']) || (is_key && !rest.starts_with("yaml-language-server"))
        });
        match example {
            Some(example) => {
                let indent = row.len() - row.trim_start().len();
                out.push_str(&format!("{}{example}\n", " ".repeat(indent)));
            }
            None => out.push_str(&format!("{row}\n")),
        }
    }
    out
}

#[test]
fn what_templates_offer_in_comments_is_valid() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.run("init --no-hook --no-ci").ok();
    let config = uncommented(&solo.read(".planspec.yaml"));
    for field in [
        "\nspecBranch:",
        "\nverification: independent\n",
        "\napprovals:\n  requireSigned: true",
    ] {
        assert!(config.contains(field), "{config}");
    }
    solo.write(".planspec.yaml", config);
    solo.write(
        ".planspec/allowed_signers",
        "ana@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBPyvIp6EXsaOTXpSgyK3QzDcaj/7PkAJq8lSVDT5kM1\n",
    );
    for what in [
        "goal my-goal",
        "capability my-capability",
        "capability other-capability",
        "gate my-gate",
        "binding my-binding",
        "binding other-binding",
        "plan my-plan",
        "execution my-run",
    ] {
        let made = solo.run(&format!("new {what}")).ok();
        let path = made.out.lines().next().unwrap();
        let path = path.strip_prefix("created ").unwrap();
        let mut text = solo.read(path);
        if !what.contains("other") {
            let plain = text;
            text = uncommented(&plain);
            assert_ne!(text, plain, "{what}");
        }
        solo.write(path, &text);
        if what.starts_with("plan ") {
            for field in [
                "when:",
                "acceptanceCriteria:",
                "kind: Group",
                "kind: External",
            ] {
                assert!(text.contains(&format!(" {field}")), "{text}");
            }
        }
    }
    let valid = solo.run("validate").ok();
    assert_eq!(
        (valid.out.as_str(), valid.err.as_str()),
        ("", "8 resources: valid\n")
    );
}

/// A pull request can make a folder a symbolic link to any place that the user of `init` can write to.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_symbolic_links() {
    let sandbox = Sandbox::new();
    let outside = sandbox.folder("outside");
    for (link, command) in [
        ("planspec", "init"),
        (".github", "init"),
        ("planspec", "new plan demo"),
        ("planspec/default", "new plan demo"),
        (".planspec", "new plan demo"),
        (".git/hooks", "hooks install"),
    ] {
        let solo = sandbox.repository(&format!(
            "solo-{}",
            link.replace('/', "-") + &command.replace(' ', "-")
        ));
        let at = solo.dir.join(link);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::remove_dir_all(&at).ok();
        std::os::unix::fs::symlink(&outside.dir, &at).unwrap();
        let ran = solo.run(command);
        assert_ne!(ran.code, 0, "{link}: {ran}");
        assert_eq!(
            std::fs::read_dir(&outside.dir).unwrap().count(),
            0,
            "{link}: {ran}"
        );
        // A link that stays inside the repository is not followed either.
        std::fs::remove_file(&at).unwrap();
        std::fs::create_dir_all(solo.dir.join("inside")).unwrap();
        std::os::unix::fs::symlink(solo.dir.join("inside"), &at).unwrap();
        let ran = solo.run(command);
        assert_ne!(ran.code, 0, "{link}: {ran}");
        assert_eq!(
            std::fs::read_dir(solo.dir.join("inside")).unwrap().count(),
            0,
            "{link}: {ran}"
        );
    }
}
