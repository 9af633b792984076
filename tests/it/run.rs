//! From a commit to a finished execution.

use serde_json::json;

use crate::resources::{
    Node, binding, capability, execution, execution_with, file, gate, gate_node, goal, plan,
    plan_with, resource, resource_in, task,
};
use crate::sandbox::{Place, STATUS, Sandbox, text};

/// Two parallel tasks, a gate after them, a last task after the gate; goal and binding.
fn release() -> String {
    let nodes = [
        task("build").needs("coding"),
        task("docs").needs("writing"),
        gate_node("approval", "sign").after("build").after("docs"),
        task("publish").needs("coding").after("approval"),
    ];
    file(&[
        goal("shipped"),
        capability("coding"),
        capability("writing"),
        binding(
            "team",
            &[("coding", "agent://coder"), ("writing", "human://ana")],
        ),
        plan_with("release", "goalRef: {name: shipped}\n", &nodes),
        gate("sign", "release"),
        execution_with("run", "release", "bindingRef: {name: team}\n"),
    ])
}

#[test]
fn an_execution_goes_from_pending_to_succeeded() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());

    ana.run("get execution").ok().says("<none>");
    ana.run("reconcile").ok().says("build, docs can be claimed");
    assert_eq!(ana.phase("execution/run"), "Running");
    assert_eq!(ana.phase("goal/shipped"), "Executing");
    assert_eq!(ana.phase("plan/release"), "Ready");
    assert_eq!(ana.phase("capability/coding"), "Available");
    assert_eq!(ana.phase("binding/team"), "Ready");
    assert_eq!(ana.phase("gate/sign"), "Pending");
    assert_eq!(
        ana.run("next -o name").ok().out,
        "default/run/build\ndefault/run/docs\n"
    );

    ana.run("claim run/build --as agent:a --reconcile").ok();
    assert_eq!(ana.node_phase("run/build"), "Running");
    ana.run("report run/build --as agent:a --succeeded --set summary=done --reconcile")
        .ok();
    assert_eq!(ana.node("run/build")["outputs"], json!({"summary": "done"}));
    assert_eq!(ana.phase("execution/run"), "Running");

    ana.works("run/docs", "ana@example.com");
    assert_eq!(ana.phase("execution/run"), "Blocked");
    assert_eq!(ana.phase("gate/sign"), "Waiting");
    ana.run("next").ok().notes("nothing can be claimed now");

    ana.run("approve sign -m 'looked at it'").ok();
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("gate/sign"), "Approved");
    assert_eq!(ana.phase("execution/run"), "Running");

    ana.works("run/publish", "agent:b");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(ana.phase("goal/shipped"), "Succeeded");
    assert_eq!(ana.run("get execution").ok().out.lines().count(), 2);
    ana.run("describe execution run").ok().says("Succeeded");
    ana.run("graph run").ok().says("publish");
}

/// A repository without a remote, with these resources committed.
fn committed<'a>(sandbox: &'a Sandbox, resources: &[String]) -> Place<'a> {
    let place = sandbox.repository("solo");
    place.publish("planspec/all.yaml", file(resources));
    place
}

fn chain() -> Vec<Node> {
    vec![task("one"), task("two").after("one")]
}

#[test]
fn a_second_reconcile_writes_no_commit() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    ana.run("reconcile").ok().says("nothing to do");
    sandbox.minutes_pass(5);
    ana.run("reconcile").ok().says("nothing to do");
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn a_second_reconcile_in_another_clone_writes_no_commit_either() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("reconcile").ok().says("nothing to do");
    assert_eq!(ben.status_tip(), tip);
}

#[test]
fn an_unrelated_commit_on_the_spec_branch_writes_no_status() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());
    ana.run("reconcile").ok();
    let tip = ana.status_tip();
    ana.publish("src/main.c", "int main(void) { return 0; }\n");
    ana.run("reconcile").ok().says("nothing to do");
    // Comments and layout do not change a plan.
    ana.publish("planspec/release.yaml", format!("# Soon\n{}", release()));
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Running");
    assert!(ana.condition("execution/run", "PlanDrifted").is_none());
    assert_eq!(ana.get("plan/release")["metadata"]["generation"], 1);
    assert_eq!(ana.status_tip(), tip);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let tip = || {
        let sandbox = Sandbox::new();
        let solo = committed(&sandbox, &[release()]);
        solo.run("reconcile").ok();
        solo.status_tip()
    };
    assert_eq!(tip(), tip());
}

#[test]
fn a_dry_run_decides_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());
    let told = ana.run("reconcile --dry-run").ok();
    told.says("would change the status")
        .never_says("planspec claim");
    assert_eq!(ana.status_tip(), "");
}

#[test]
fn every_transition_is_told_once_on_the_status_branch() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &chain()), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a").works("run/two", "agent:b");
    assert_eq!(
        ana.history(),
        [
            "Plan default/p (new) → Ready",
            "Execution default/run (new) → Running (one can be claimed)",
            "node default/run/one Pending → Running (claimed by agent:a)",
            "node default/run/one Running → Succeeded (reported by agent:a)",
            "node default/run/two Pending → Running (claimed by agent:b)",
            "Execution default/run Running → Succeeded (every node ended well)",
            "node default/run/two Running → Succeeded (reported by agent:b)",
        ]
    );
}

#[test]
fn the_status_branch_is_an_orphan_that_observes_the_spec_branch() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", release());
    ana.run("reconcile").ok();
    let spec = ana.git("rev-parse main");
    let message = ana.git(&format!("log -1 --format=%B origin/{STATUS}"));
    assert!(
        message.contains(&format!("Planspec-Observed: {spec}\n")),
        "{message}"
    );
    assert!(message.contains("Planspec-Sequence: 1"), "{message}");
    assert_eq!(ana.git(&format!("log -1 --format=%P origin/{STATUS}")), "");
    assert_ne!(
        ana.git_try(&format!("merge-base main origin/{STATUS}"))
            .code,
        0
    );
    let tree = ana.git(&format!("ls-tree --name-only origin/{STATUS}"));
    assert_eq!(
        tree,
        "README.md\n_inputs.yaml\n_pinned\n_summary\ncontroller.yaml\ndefault"
    );
}

#[test]
fn records_that_are_folded_in_stay_reachable_and_their_refs_go_when_the_run_is_over() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.run("claim run/one --as agent:a --reconcile").ok();
    assert_eq!(ana.inbox().len(), 1, "the ref is the lock: it stays");
    let claim = text(&ana.node("run/one")["extensions"]["claim"]["record"]);
    ana.run("report run/one --as agent:a --succeeded --reconcile")
        .ok();
    // A reconcile without changes cleans up: it blocks no work.
    ana.run("reconcile").ok().says("nothing to do");
    assert_eq!(ana.inbox(), Vec::<String>::new());
    let report = text(&ana.node("run/one")["extensions"]["report"]["record"]);
    for record in [claim, report] {
        ana.git(&format!(
            "merge-base --is-ancestor {record} origin/{STATUS}"
        ));
        let held = ana.git(&format!("show {record}:record.yaml"));
        assert!(held.contains("actor: agent:a"), "{held}");
    }
}

#[test]
fn without_a_remote_nothing_leaves_this_machine() {
    let sandbox = Sandbox::new();
    let origin = sandbox.bare("origin.git");
    let ana = sandbox.clone_of("origin.git", "ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("one")]), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.works("run/one", "agent:a");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(
        origin.git("for-each-ref --format=%(refname)"),
        "refs/heads/main"
    );
}

#[test]
fn hard_edges_wait_for_success_and_soft_edges_for_an_end() {
    let sandbox = Sandbox::new();
    let nodes = [
        task("risky"),
        task("needs-it").after("risky"),
        task("needs-that").after("needs-it"),
        task("tidy-up").once_over("risky"),
        task("elsewhere"),
    ];
    let solo = committed(&sandbox, &[plan("p", &nodes), execution("run", "p")]);
    solo.run("reconcile").ok();
    assert_eq!(
        solo.run("next -o name").ok().out,
        "default/run/risky\ndefault/run/elsewhere\n"
    );
    solo.run("claim run/risky --as agent:a").ok();
    solo.run("report run/risky --as agent:a --failed -m 'no way' --reconcile")
        .ok();
    assert_eq!(solo.node_phase("run/risky"), "Failed");
    assert_eq!(solo.node_phase("run/needs-it"), "Skipped");
    assert_eq!(solo.node_phase("run/needs-that"), "Skipped");
    assert_eq!(
        text(&solo.node("run/needs-it")["extensions"]["reason"]),
        "DependencyFailed"
    );
    assert_eq!(
        solo.run("next -o name").ok().out,
        "default/run/elsewhere\ndefault/run/tidy-up\n",
        "independent branches go on"
    );
    solo.works("run/tidy-up", "agent:a")
        .works("run/elsewhere", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Failed");
}

#[test]
fn depends_on_is_a_hard_edge() {
    let sandbox = Sandbox::new();
    let nodes = [task("one"), task("two").with("dependsOn: [one]\n")];
    let solo = committed(&sandbox, &[plan("p", &nodes), execution("run", "p")]);
    solo.run("reconcile").ok();
    assert_eq!(solo.run("next -o name").ok().out, "default/run/one\n");
    solo.works("run/one", "agent:a");
    assert_eq!(solo.run("next -o name").ok().out, "default/run/two\n");
}

#[test]
fn a_failed_task_is_tried_again_after_a_wait_until_its_retries_are_used_up() {
    let sandbox = Sandbox::new();
    let nodes = [task("one").with("retries: 1\n")];
    let solo = committed(&sandbox, &[plan("p", &nodes), execution("run", "p")]);
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a").ok();
    solo.run("report run/one --as agent:a --failed --reconcile")
        .ok();
    assert_eq!(solo.node_phase("run/one"), "Pending");
    assert_eq!(solo.node("run/one")["attempt"], 2);
    solo.run("claim run/one --as agent:a")
        .exits(1)
        .notes("not before");
    assert_eq!(solo.phase("execution/run"), "Running");

    sandbox.minutes_pass(1);
    solo.run("reconcile").ok();
    solo.run("claim run/one --as agent:a").ok();
    solo.run("report run/one --as agent:a --failed --reconcile")
        .ok();
    assert_eq!(solo.node_phase("run/one"), "Failed");
    assert_eq!(solo.phase("execution/run"), "Failed");
}

#[test]
fn cancel_stops_what_is_unfinished() {
    let sandbox = Sandbox::new();
    let solo = committed(&sandbox, &[plan("p", &chain()), execution("run", "p")]);
    solo.run("reconcile").ok();
    solo.works("run/one", "agent:a");
    solo.run("cancel run -m 'changed our minds'")
        .ok()
        .notes("planspec reconcile");
    solo.run("reconcile").ok().says("changed our minds");
    assert_eq!(solo.phase("execution/run"), "Cancelled");
    assert_eq!(solo.node_phase("run/one"), "Succeeded");
    assert_eq!(solo.node_phase("run/two"), "Cancelled");
    solo.run("cancel run").exits(1).notes("already Cancelled");
    solo.run("claim run/two --as agent:a").exits(1);
}

#[test]
fn an_execution_waits_for_a_plan_that_is_not_there_yet() {
    let sandbox = Sandbox::new();
    let solo = committed(&sandbox, &[execution("run", "p")]);
    solo.run("reconcile")
        .ok()
        .says("plan `default/p` does not exist");
    assert_eq!(solo.phase("execution/run"), "Pending");
    solo.publish("planspec/plan.yaml", plan("p", &chain()));
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Running");
    assert_eq!(
        text(&solo.condition("execution/run", "Valid").unwrap()["status"]),
        "True"
    );
}

#[test]
fn a_task_waits_until_its_capability_is_bound() {
    let sandbox = Sandbox::new();
    let solo = committed(
        &sandbox,
        &[
            plan("p", &[task("one").needs("coding")]),
            execution_with("run", "p", "bindingRef: {name: team}\n"),
        ],
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Blocked");
    assert_eq!(
        text(&solo.node("run/one")["extensions"]["reason"]),
        "CapabilityNotFound"
    );
    solo.publish("planspec/capability.yaml", capability("coding"));
    solo.run("reconcile").ok();
    assert_eq!(
        text(&solo.node("run/one")["extensions"]["reason"]),
        "BindingNotFound"
    );
    solo.publish(
        "planspec/binding.yaml",
        binding("team", &[("other", "agent://a")]),
    );
    solo.run("reconcile").ok();
    assert_eq!(
        text(&solo.node("run/one")["extensions"]["reason"]),
        "Unbound"
    );
    solo.publish(
        "planspec/binding.yaml",
        binding("team", &[("coding", "agent://a")]),
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("execution/run"), "Running");
    assert_eq!(
        solo.run("next --provider agent://a -o name").ok().out,
        "default/run/one\n"
    );
    assert_eq!(solo.run("next --provider agent://b -o name").ok().out, "");
    assert_eq!(solo.phase("binding/team"), "Ready");
}

#[test]
fn next_tells_a_worker_everything_it_has_to_know() {
    let sandbox = Sandbox::new();
    let research = task("research").needs("reading").with(
        "name: Find out\ndescription: Which providers are there\ninputs: {topic: sign-in}\n\
         outputs: [{name: summary}]\n\
         context: [{name: rules, format: text, content: Be brief}]\n",
    );
    let solo = committed(
        &sandbox,
        &[
            goal("g"),
            capability("reading"),
            resource(
                "Binding",
                "team",
                "rules:\n- selector: {capabilityRef: {name: reading}}\n  target: {provider: \
                 agent://reader, config: {model: small}}\n",
            ),
            plan_with("p", "goalRef: {name: g}\n", &[research]),
            execution_with(
                "run",
                "p",
                "bindingRef: {name: team}\nparameters: {depth: 2}\n",
            ),
        ],
    );
    solo.run("reconcile").ok();
    let told = solo.run("next -o json").ok().json();
    assert_eq!(told["apiVersion"], "cli.planspec.io/v1");
    let offer = &told["items"][0];
    assert_eq!(offer["execution"], "run");
    assert_eq!(offer["node"], "research");
    assert_eq!(offer["attempt"], 1);
    assert_eq!(offer["provider"], "agent://reader");
    assert_eq!(offer["config"], json!({"model": "small"}));
    assert_eq!(offer["inputs"], json!({"topic": "sign-in"}));
    assert_eq!(offer["context"][0]["content"], "Be brief");
    assert_eq!(offer["parameters"], json!({"depth": 2}));
    assert_eq!(offer["goal"]["name"], "g");
    assert_eq!(offer["plan"]["name"], "p");

    solo.run("claim run/research --as agent:a --reconcile").ok();
    solo.run("report run/research --attempt 1 --as agent:a --succeeded")
        .exits(1)
        .notes("summary")
        .notes("--set summary=");
    assert_eq!(solo.node_phase("run/research"), "Running");
    solo.write("out.json", r#"{"summary": {"providers": 3}}"#);
    solo.run("report run/research --as agent:a --succeeded --outputs-file out.json --reconcile")
        .ok();
    assert_eq!(
        solo.node("run/research")["outputs"],
        json!({"summary": {"providers": 3}})
    );
}

#[test]
fn names_that_are_unambiguous_need_no_namespace() {
    let sandbox = Sandbox::new();
    let in_namespace = |namespace: &str, run: &str| {
        let spec = crate::resources::plan_spec("", &[task("one")]);
        file(&[
            resource_in(namespace, "Plan", "p", &spec),
            resource_in(namespace, "Execution", run, "planRef: {name: p}\n"),
            resource_in(namespace, "Execution", "twice", "planRef: {name: p}\n"),
        ])
    };
    let solo = committed(
        &sandbox,
        &[
            in_namespace("team-a", "alone"),
            in_namespace("team-b", "other"),
        ],
    );
    solo.run("reconcile").ok();
    solo.run("claim alone/one --as agent:a")
        .ok()
        .says("team-a/alone/one");
    solo.run("claim twice/one --as agent:a")
        .exits(2)
        .notes("team-a, team-b");
    solo.run("claim twice/one -n team-b --as agent:a").ok();
    solo.run("claim team-a/twice/one --as agent:a").ok();
    solo.run("get executions -n team-a -o name")
        .ok()
        .says("execution/alone")
        .never_says("other");
    assert_eq!(
        solo.run("get executions -A -o name")
            .ok()
            .out
            .lines()
            .count(),
        4
    );
}

#[test]
fn start_writes_and_commits_an_execution() {
    let sandbox = Sandbox::new();
    let solo = committed(
        &sandbox,
        &[
            goal("g"),
            capability("coding"),
            binding("team", &[("coding", "agent://a")]),
            plan_with("p", "goalRef: {name: g}\n", &[task("one").needs("coding")]),
        ],
    );
    solo.run("start p --name p-1 -p version=1.2 -p dry=true -p who=ana")
        .ok()
        .says("execution/p-1 created");
    solo.run("start p --name p-2")
        .ok()
        .says("execution/p-2 created");
    solo.run("start p --name p-1")
        .exits(9)
        .notes("already exists");
    solo.run("start q").exits(1).notes("there is no plan `q`");
    assert_eq!(solo.git("status --porcelain"), "");
    solo.run("reconcile").ok();
    let run = solo.get("execution/p-1");
    assert_eq!(
        run["spec"]["parameters"],
        json!({"version": 1.2, "dry": true, "who": "ana"})
    );
    assert_eq!(run["spec"]["goalRef"]["name"], "g");
    assert_eq!(run["spec"]["bindingRef"]["name"], "team");
    assert_eq!(solo.phase("execution/p-2"), "Running");
}

#[test]
fn derived_metadata_is_minted_once() {
    let sandbox = Sandbox::new();
    let solo = committed(&sandbox, &[plan("p", &chain()), execution("run", "p")]);
    solo.run("get plan p").ok().says("<none>");
    let before = solo.get("plan/p");
    assert!(before["metadata"]["uid"].is_null());
    assert!(before["status"].is_null());
    solo.run("reconcile").ok();
    let first = solo.get("plan/p")["metadata"].clone();
    assert_eq!(first["generation"], 1);
    assert_eq!(first["creationTimestamp"], sandbox.now());
    let status = solo.git("ls-tree -r planspec/status");
    let blob = status.lines().find(|line| line.ends_with("/p.yaml"));
    let blob = blob.unwrap().split_whitespace().nth(2).unwrap();
    let version = text(&first["resourceVersion"]);
    assert_eq!(version.split_once('-').unwrap().1, &blob[..12], "{version}");

    sandbox.minutes_pass(10);
    let longer = [task("one"), task("two").after("one"), task("three")];
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &longer), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    let second = solo.get("plan/p")["metadata"].clone();
    assert_eq!(second["generation"], 2);
    assert_eq!(second["uid"], first["uid"]);
    assert_eq!(second["creationTimestamp"], first["creationTimestamp"]);
    assert_ne!(second["resourceVersion"], first["resourceVersion"]);
}

#[test]
fn conditions_move_only_when_their_status_does() {
    let sandbox = Sandbox::new();
    let solo = committed(&sandbox, &[plan("p", &chain()), execution("run", "p")]);
    solo.run("reconcile").ok();
    let first = solo.condition("plan/p", "Valid").unwrap();
    sandbox.minutes_pass(10);
    solo.works("run/one", "agent:a");
    solo.publish(
        "planspec/all.yaml",
        file(&[plan("p", &[task("x")]), execution("run", "p")]),
    );
    solo.run("reconcile").ok();
    let second = solo.condition("plan/p", "Valid").unwrap();
    assert_eq!(second["lastTransitionTime"], first["lastTransitionTime"]);
    assert_eq!(second["observedGeneration"], 2);
}

#[test]
fn a_goal_takes_the_highest_version_of_a_series() {
    let sandbox = Sandbox::new();
    let version = |name: &str, version: &str| {
        let more = format!("goalRef: {{name: g}}\nseries: s\nversion: \"{version}\"\n");
        plan_with(name, &more, &chain())
    };
    let solo = committed(
        &sandbox,
        &[goal("g"), version("old", "v9"), version("new", "v10")],
    );
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("goal/g"), "Ready");
    assert_eq!(solo.get("goal/g")["status"]["activePlanRef"]["name"], "new");
}

#[test]
fn watch_shows_what_is_and_then_every_change() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/all.yaml",
        file(&[plan("p", &chain()), execution("run", "p")]),
    );
    ana.run("reconcile").ok();
    ana.run("watch executions --once")
        .ok()
        .says("Execution default/run");

    let mut watching = ana.planspec("watch executions -o json --interval 1");
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["to"], "Running");
    let ben = sandbox.clone_of("origin.git", "ben");
    ben.run("cancel run --reconcile").ok();
    let change = next();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert_eq!(change["name"], "run");
    assert_eq!(change["to"], "Cancelled");
}

#[test]
fn reconcile_speaks_json_as_well() {
    let sandbox = Sandbox::new();
    let solo = committed(&sandbox, &[plan("p", &chain()), execution("run", "p")]);
    let told = solo.run("reconcile -o json").ok().json();
    assert_eq!(told["kind"], "Reconcile");
    assert_eq!(told["changed"], true);
    assert_eq!(told["statusCommit"], solo.status_tip());
    assert_eq!(told["waiting"][0]["node"], "one");
    let again = solo.run("reconcile -o json").ok().json();
    assert_eq!(again["changed"], false);
    assert_eq!(again["waiting"], told["waiting"]);
}

#[test]
fn a_plan_at_the_limit_of_a_thousand_nodes_runs() {
    let sandbox = Sandbox::new();
    let name = |index: usize| format!("n{index}");
    let nodes: Vec<Node> = (0..1000)
        .map(|index| match index {
            0 => task(&name(0)),
            _ => task(&name(index)).after(&name(index - 1)),
        })
        .collect();
    let solo = committed(&sandbox, &[plan("long", &nodes), execution("run", "long")]);
    solo.run("reconcile").ok();
    solo.works("run/n0", "agent:a");
    assert_eq!(solo.run("next -o name").ok().out, "default/run/n1\n");
    solo.run("graph run --format dot").ok().says("n999");
}
