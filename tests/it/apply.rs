//! Resources are written to their files in the repository, in commits that hold nothing else.

use crate::resources::{binding, capability, execution, file, gate, goal, plan, task};
use crate::sandbox::{Place, Sandbox};

fn solo(sandbox: &Sandbox) -> Place<'_> {
    let solo = sandbox.repository("solo");
    solo.write("README.md", "Plans\n").commit("Begin");
    sandbox.folder("drafts");
    solo
}

fn files_of(solo: &Place<'_>, commit: &str) -> String {
    solo.git(&format!("show --format= --name-only {commit}"))
}

#[test]
fn a_new_resource_goes_to_its_canonical_place_in_a_commit_of_its_own() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    sandbox.place("drafts").write("g.yaml", goal("g"));
    solo.run("apply -f ../drafts/g.yaml")
        .ok()
        .says("goal/g created (planspec/default/goals/g.yaml)")
        .notes("planspec reconcile");
    assert_eq!(files_of(&solo, "HEAD"), "planspec/default/goals/g.yaml");
    assert_eq!(solo.git("log -1 --format=%s"), "Apply goal/g");
    assert_eq!(solo.read("planspec/default/goals/g.yaml"), goal("g"));
    assert_eq!(solo.git("status --porcelain"), "");
}

#[test]
fn the_same_again_is_unchanged_and_another_spec_is_configured() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.run_with("apply -f -", &goal("g"))
        .ok()
        .says("goal/g created");
    let before = solo.git("rev-parse HEAD");
    solo.run_with("apply -f -", &goal("g"))
        .ok()
        .says("goal/g unchanged");
    assert_eq!(solo.git("rev-parse HEAD"), before);
    let other = goal("g").replace("good for", "meant for");
    solo.run_with("apply -f - -m 'Say it better'", &other)
        .ok()
        .says("goal/g configured");
    assert_eq!(solo.git("log -1 --format=%s"), "Say it better");
}

#[test]
fn a_dry_run_says_what_it_would_do() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let before = solo.git("rev-parse HEAD");
    solo.run_with("apply -f - --dry-run", &goal("g"))
        .ok()
        .says("goal/g created")
        .notes("nothing was written");
    assert_eq!(solo.git("rev-parse HEAD"), before);
    assert!(!solo.has("planspec"));
}

#[test]
fn what_is_broken_is_shown_and_nothing_is_committed() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let before = solo.git("rev-parse HEAD");
    let broken = [
        plan("p", &[task("a").after("b")]),
        goal("g").replace("description", "descriptoin"),
        "kind: [".to_owned(),
        file(&[goal("g"), plan("p", &[task("a").after("a")])]),
    ];
    for text in broken {
        solo.run_with("apply -f -", &text).exits(1).notes("error[");
    }
    solo.run_with("apply -f -", "").exits(1);
    solo.run("apply -f missing.yaml")
        .exits(1)
        .notes("missing.yaml");
    assert_eq!(solo.git("rev-parse HEAD"), before);
    assert_eq!(solo.git("status --porcelain"), "");
}

#[test]
fn what_else_is_staged_or_changed_stays_as_it_is() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.write("staged.txt", "1");
    solo.git("add staged.txt");
    solo.write("README.md", "Changed\n")
        .write("untracked.txt", "2");
    let before = solo.git("status --porcelain");
    solo.run_with("apply -f -", &goal("g")).ok();
    assert_eq!(solo.git("status --porcelain"), before);
    assert_eq!(files_of(&solo, "HEAD"), "planspec/default/goals/g.yaml");
}

#[test]
fn a_folder_is_applied_as_a_whole() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let drafts = sandbox.place("drafts");
    drafts
        .write(
            "all.yaml",
            file(&[
                goal("g"),
                capability("c"),
                binding("b", &[("c", "agent://a")]),
            ]),
        )
        .write("plan.yaml", plan("p", &[task("one").needs("c")]))
        .write("below/run.yaml", execution("run", "p"))
        .write("notes.txt", "not for planspec");
    solo.run("apply -d ../drafts --dry-run")
        .ok()
        .never_says("execution/run");
    solo.run("apply -d ../drafts -R")
        .ok()
        .says("execution/run created");
    assert_eq!(files_of(&solo, "HEAD").lines().count(), 5);
    solo.run("validate").ok().notes("5 resources: valid");
    solo.run("reconcile").ok();
    assert_eq!(
        solo.phase("execution/run"),
        "Blocked",
        "no binding is named"
    );
}

#[test]
fn a_resource_is_replaced_where_it_stands() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let stream = format!(
        "# The goals\n{}",
        file(&[goal("one"), goal("two"), goal("three")])
    );
    solo.publish("planspec/goals.yaml", &stream);
    let two = goal("two").replace("What", "All that");
    solo.run_with("apply -f -", &two)
        .ok()
        .says("goal/two configured (planspec/goals.yaml)");
    let now = solo.read("planspec/goals.yaml");
    assert!(now.starts_with("# The goals\n"), "{now}");
    assert_eq!(now.matches("What it is good for").count(), 2, "{now}");
    assert_eq!(now.matches("All that it is good for").count(), 1, "{now}");
    solo.run("validate").ok().notes("3 resources: valid");
}

#[test]
fn a_file_of_the_repository_is_committed_where_it_is() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.write("planspec/my/own/place.yaml", goal("g"));
    solo.write("planspec/other.yaml", goal("other"));
    solo.run("apply -f planspec/my/own/place.yaml")
        .ok()
        .says("(planspec/my/own/place.yaml)");
    assert_eq!(files_of(&solo, "HEAD"), "planspec/my/own/place.yaml");
    assert_eq!(solo.git("status --porcelain"), "?? planspec/other.yaml");
}

#[test]
fn what_get_shows_can_be_applied_again() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    let before = solo.git("rev-parse HEAD");
    for resource in ["plan p", "execution run"] {
        let shown = solo.run(&format!("get {resource} -o yaml")).ok().out;
        assert!(shown.contains("\nstatus:"), "{shown}");
        solo.run_with("apply -f -", &shown)
            .ok()
            .says("unchanged")
            .notes("only reconcile writes it");
    }
    assert_eq!(solo.git("rev-parse HEAD"), before);
    let shown = solo.run("get plan p -o yaml").ok().out;
    let edited = shown.replace("How it is done", "How we do it");
    solo.run_with("apply -f -", &edited)
        .ok()
        .says("plan/p configured");
    assert!(!solo.read("planspec/all.yaml").contains("status:"));
    solo.run("validate").ok();
    for format in ["yaml", "json"] {
        let all = solo.run(&format!("get -o {format}")).ok().out;
        solo.run_with("apply -f -", &all)
            .ok()
            .says("unchanged")
            .never_says("configured");
    }
}

#[test]
fn apply_and_start_on_a_feature_branch_say_when_it_takes_effect() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.git("checkout -q -b feature");
    let told = "it takes effect on `main`: merge it, then run `planspec reconcile`";
    let pushed = "next: git push origin feature\n";
    ana.run_with("apply -f -", &plan("p", &[task("one")]))
        .ok()
        .notes(told)
        .notes(pushed);
    ana.run("start p").ok().notes(told).notes(pushed);
}

#[test]
fn what_is_changed_and_not_committed_is_told_where_it_does_not_count() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/p.yaml", plan("p", &[task("one")]));
    ana.run("start p --name clean")
        .ok()
        .never_says("uncommitted changes");
    ana.write("planspec/p.yaml", plan("p", &[task("two")]));
    ana.write(".planspec.yaml", "lease: 10m\n");
    let config = "note: .planspec.yaml has uncommitted changes: the committed one counts\n";
    ana.run("start p --name r")
        .ok()
        .notes("note: planspec/p.yaml has uncommitted changes: the run starts with the committed plan\n")
        .notes(config);
    ana.run("apply -f planspec/p.yaml").ok().notes(config);
    let fresh = sandbox.repository("fresh");
    fresh.write(".planspec.yaml", "lease: 10m\n");
    fresh
        .run_with("apply -f -", &goal("g"))
        .ok()
        .notes("the defaults count");
}

#[test]
fn the_schema_that_new_wrote_is_committed_with_the_resource() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.run("new goal g").ok();
    solo.run("apply -f planspec/default/goals/g.yaml").ok();
    assert_eq!(solo.git("status --porcelain"), "");
    let files = files_of(&solo, "HEAD");
    assert_eq!(
        files,
        ".planspec/schemas/goal.json\nplanspec/default/goals/g.yaml"
    );
    // A file that names another path includes nothing from there.
    solo.write("secret.json", "{}");
    let text = format!(
        "# yaml-language-server: $schema=../secret.json\n{}",
        goal("h")
    );
    solo.write("planspec/h.yaml", text);
    solo.run("apply -f planspec/h.yaml").ok();
    assert_eq!(files_of(&solo, "HEAD"), "planspec/h.yaml");
}

#[test]
fn what_an_interrupted_apply_has_left_is_in_nobodys_way() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.write("../g.yaml", goal("g"));
    solo.write("planspec/default/goals/g.yaml", goal("g"));
    solo.git("add planspec");
    solo.run("apply -f ../g.yaml").ok().says("goal/g created");
    assert_eq!(solo.git("status --porcelain"), "");
    // An existing file stays.
    solo.write("../h.yaml", goal("h"));
    solo.write("planspec/default/goals/h.yaml", goal("h") + "# mine\n");
    solo.run("apply -f ../h.yaml")
        .exits(1)
        .notes("has uncommitted changes");
}

#[test]
fn a_lock_that_is_held_for_a_while_is_waited_for() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let lock = solo.dir.join(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(1500));
            std::fs::remove_file(&lock).unwrap();
        });
        solo.run_with("apply -f -", &goal("g"))
            .ok()
            .notes("waiting for ");
    });
    assert_eq!(solo.git("status --porcelain"), "");
}

#[test]
fn six_at_once_in_one_clone_all_end_well() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let solo = &solo;
            scope.spawn(move || {
                solo.run_with("apply -f -", &goal(&format!("g{number}")))
                    .ok()
            });
        }
    });
    assert_eq!(solo.git("status --porcelain"), "");
    assert_eq!(solo.run("get goals -o name").ok().out.lines().count(), 6);
}

#[test]
fn the_first_commit_of_a_repository_can_be_an_apply() {
    let sandbox = Sandbox::new();
    let fresh = sandbox.repository("fresh");
    fresh
        .run_with(
            "apply -f -",
            &file(&[plan("p", &[task("one")]), execution("run", "p")]),
        )
        .ok();
    assert_eq!(fresh.git("rev-list --count HEAD"), "1");
    fresh.run("reconcile").ok();
    assert_eq!(fresh.phase("execution/run"), "Running");
}

#[test]
fn a_reference_may_be_applied_together_with_what_it_names_or_before_it() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let nodes = [crate::resources::gate_node("ok", "sign")];
    solo.run_with("apply -f -", &plan("p", &nodes))
        .ok()
        .notes("warning[PS203]");
    // With the hook installed, only `apply` can commit this.
    solo.run("hooks install").ok();
    solo.run_with("apply -f -", &plan("q", &nodes))
        .ok()
        .notes("warning[PS203]");
    solo.run("validate").exits(1).says("error[PS203]");
    solo.write("planspec/r.yaml", plan("r", &nodes));
    solo.git("add planspec/r.yaml");
    solo.run("validate --staged").exits(1).says("error[PS203]");
    solo.git("reset -q --hard");
    // Existing resources must not lose what they refer to.
    let both = file(&[
        gate("seal", "s"),
        plan("s", &[crate::resources::gate_node("ok", "seal")]),
    ]);
    solo.run_with("apply -f -", &both).ok();
    solo.run("delete gate seal").exits(1).notes("error[PS203]");
    solo.run_with("apply -f -", &file(&[plan("p", &nodes), gate("sign", "p")]))
        .ok();
}

#[test]
fn paths_of_the_configuration_decide_where_resources_go() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    solo.publish(".planspec.yaml", "paths: [\"ops/plans/**\"]\n");
    solo.run_with("apply -f -", &goal("g"))
        .ok()
        .says("(ops/plans/default/goals/g.yaml)");
}

#[test]
fn a_hook_that_refuses_is_heard() {
    let sandbox = Sandbox::new();
    let solo = solo(&sandbox);
    let before = solo.git("rev-parse HEAD");
    solo.write_executable(
        ".git/hooks/pre-commit",
        "#!/bin/sh\necho no plans today >&2\nexit 1\n",
    );
    solo.run_with("apply -f -", &goal("g"))
        .exits(1)
        .notes("no plans today");
    assert_eq!(solo.git("rev-parse HEAD"), before);
    assert_eq!(
        solo.git("status --porcelain"),
        "",
        "everything was restored"
    );
}

/// A resource that leaves a file is deleted, and reported; an unfinished run is not cancelled by accident.
#[test]
fn what_leaves_a_file_is_told_and_a_run_wants_a_word() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let runs = |names: &[&str]| {
        let all: Vec<String> = names.iter().map(|name| execution(name, "p")).collect();
        file(&all)
    };
    solo.publish(
        "planspec/p.yaml",
        file(&[plan("p", &[task("one")]), goal("g")]),
    );
    solo.publish("planspec/runs.yaml", runs(&["ra", "rb"]));
    solo.run("reconcile").ok();
    solo.write("planspec/runs.yaml", runs(&["ra"]));
    let refused = solo.run("apply -f planspec/runs.yaml").exits(1);
    assert!(
        refused.err.contains("rb is Running and would be cancelled"),
        "{refused}"
    );
    let tried = solo.run("apply -f planspec/runs.yaml --dry-run").ok();
    assert!(tried.out.contains("execution/rb deleted"), "{tried}");
    let applied = solo.run("apply -f planspec/runs.yaml --yes").ok();
    assert!(applied.out.contains("execution/rb deleted"), "{applied}");
    // Nothing runs a goal.
    solo.write("planspec/p.yaml", file(&[plan("p", &[task("one")])]));
    let applied = solo.run("apply -f planspec/p.yaml").ok();
    assert!(applied.out.contains("goal/g deleted"), "{applied}");
    // Of two resources with one name, none is picked.
    let twice = [plan("q", &[task("a")]), plan("q", &[task("b")])];
    solo.write("../twice.yaml", file(&twice));
    solo.run("apply -f ../twice.yaml")
        .exits(1)
        .notes("Plan default/q appears twice");
    solo.write("../once.yaml", file(&twice[..1]));
    solo.run("apply -f ../once.yaml").ok();
}
