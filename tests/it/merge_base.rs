//! Which two revisions are compared, in every kind of clone: never "nothing changes" because a commit is missing.

use crate::resources::{plan, task};
use crate::sandbox::{Place, SHARED, Sandbox};

/// A remote with a plan on `main`, further commits there, and a branch `topic` that adds a step, with many commits on
/// both sides of the merge base.
fn origin<'a>(sandbox: &'a Sandbox, config: &str) -> Place<'a> {
    sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.publish(".planspec.yaml", config);
    ana.publish("planspec/p.yaml", plan("p", &[task("a")]));
    let many = |name: &str| {
        for n in 0..20 {
            ana.write(name, n.to_string()).commit("More");
        }
    };
    many("before");
    ana.push();
    ana.git("checkout -q -b topic");
    ana.publish("planspec/p.yaml", plan("p", &[task("a"), task("b")]));
    many("topic");
    ana.push();
    ana.git("checkout -q main");
    ana.publish("planspec/other.yaml", plan("other", &[task("x")]));
    many("main");
    ana.push();
    ana
}

/// Whether a review shows the change of each of the two plans.
fn changed(place: &Place<'_>, args: &str) -> (bool, bool) {
    let ran = place.run(&format!("review {args} --format json"));
    assert!(ran.code < 2, "{ran}");
    let names = |name: &str| {
        ran.json()
            .to_string()
            .contains(&format!("\"name\":\"{name}\""))
    };
    (names("p"), names("other"))
}

#[test]
fn in_every_clone_the_review_finds_where_the_branch_left() {
    for config in [SHARED, "lease: 5m\n"] {
        let sandbox = Sandbox::new();
        origin(&sandbox, config);
        let url = format!("file://{}", sandbox.path("origin.git").display());
        let table = [
            ("whole", ""),
            ("branch", "--branch=topic"),
            ("single", "--single-branch --branch=topic"),
            ("shallow", "--depth=1 --branch=topic"),
            ("deeper", "--depth=5 --no-single-branch --branch=topic"),
            ("partial", "--filter=blob:none --branch=topic"),
        ];
        for (name, options) in table {
            let clone = sandbox.clone_with(options, &url, name);
            clone.git("checkout -q --detach");
            if name == "whole" {
                clone.git("checkout -q --detach origin/topic");
            }
            for range in [
                "",
                "origin/main",
                "main...HEAD",
                "refs/remotes/origin/main...HEAD",
            ] {
                let found = changed(&clone, range);
                assert_eq!(found, (true, false), "{name} {range:?} {config:?}");
            }
        }
    }
}

#[test]
fn the_merge_commit_that_a_forge_checks_out_is_compared_with_its_base() {
    let sandbox = Sandbox::new();
    let ana = origin(&sandbox, SHARED);
    ana.git("checkout -q -b pull main");
    ana.git("merge -q --no-ff -m Merge topic");
    ana.git("push -q origin HEAD:refs/pull/1/merge");
    let url = format!("file://{}", sandbox.path("origin.git").display());
    // As actions/checkout does it.
    let ci = sandbox.repository("ci");
    ci.git(&format!("remote add origin '{url}'"));
    ci.git("fetch -q --depth=1 --no-tags origin +refs/pull/1/merge:refs/remotes/pull/1/merge");
    ci.git("checkout -q --force refs/remotes/pull/1/merge");
    assert_eq!(
        changed(&ci, "refs/remotes/origin/main...HEAD"),
        (true, false)
    );
    assert_eq!(changed(&ci, ""), (true, false));
}

#[test]
fn validate_finds_the_base_as_well() {
    let sandbox = Sandbox::new();
    origin(&sandbox, SHARED);
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ci = sandbox.clone_with("--depth=1 --branch=topic", &url, "ci");
    ci.run("validate --base origin/main").ok();
    ci.run("validate --base origin/nowhere")
        .exits(1)
        .notes("git ls-remote origin");
}

#[test]
fn what_cannot_be_looked_at_is_an_error_that_names_the_command() {
    let sandbox = Sandbox::new();
    origin(&sandbox, SHARED);
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ci = sandbox.clone_with("--depth=1 --branch=topic", &url, "ci");
    ci.git("fetch -q --depth=1 origin main:refs/remotes/origin/main");
    ci.git("remote set-url origin file:///nowhere/at/all");
    ci.run("review origin/main...HEAD")
        .exits(3)
        .notes("git fetch --unshallow origin");
    ci.run("review other...HEAD")
        .exits(3)
        .notes("git fetch origin other");
    ci.run("review").exits(3).never_says("nothing changes");
    let solo = sandbox.repository("solo");
    solo.publish("planspec/p.yaml", plan("p", &[task("a")]));
    solo.git("checkout -q --orphan apart");
    solo.publish("planspec/p.yaml", plan("p", &[task("b")]));
    solo.run("review main").exits(3).notes("unrelated");
    solo.run("review nowhere")
        .exits(1)
        .notes("no revision `nowhere`");
}
