//! All features of a plan, with the real program and a remote: conditions, data, groups, externals, retries, files that
//! the repository has to contain.

use serde_json::json;

use crate::resources::{binding, execution_with, file, plan, resource, task};
use crate::sandbox::{Place, Sandbox};

const PLAN: &str = r#"apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: release, namespace: shop}
spec:
  description: Everything at once
  graph:
    nodes:
      - id: build
        kind: Task
        outputs: [{name: image, type: string}, {name: risky, type: boolean}]
        retries: 1
      - id: canary
        kind: Task
        dependsOn: [build]
        when: nodes["build"].outputs.risky
      - id: deploy
        kind: Task
        dependsOn: [canary]
        inputs:
          image: ${nodes.build.outputs.image}
          where: ${parameters.region}/shop
      - id: rollout
        kind: Group
        children: [canary, deploy]
      - id: dns
        kind: External
        externalRef: {type: uri, uri: "https://shop.example/health"}
      - id: done
        kind: Task
        dependsOn: [rollout, dns]
      - id: undo
        kind: Task
        when: nodes["deploy"].phase == "Failed"
    edges:
      - {from: deploy, to: undo, type: soft}
"#;

fn started<'s>(sandbox: &'s Sandbox) -> Place<'s> {
    let ana = sandbox.team("ana");
    ana.publish("planspec/release.yaml", PLAN);
    ana.run("start release -n shop --name run -p region=eu")
        .ok();
    ana.push();
    ana.run("reconcile").ok();
    ana
}

fn report(place: &Place<'_>, node: &str, how: &str) {
    place
        .run(&format!("claim run/{node} --as agent:a --reconcile"))
        .ok();
    place
        .run(&format!("report run/{node} --as agent:a {how} --reconcile"))
        .ok();
}

#[test]
fn everything_that_a_plan_says_takes_effect() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    let outputs = r#"{"image": "shop:1", "risky": false}"#;
    ana.write("../outputs.json", outputs);
    ana.run("claim run/build --as agent:a --reconcile").ok();
    ana.run("report run/build --as agent:a --succeeded --set image=shop:1 --set risky=no")
        .exits(1)
        .notes("risky");
    ana.run("report run/build --as agent:a --succeeded --outputs-file ../outputs.json --reconcile")
        .ok();
    assert_eq!(ana.node_phase("run/canary"), "Skipped");
    let next = ana.run("next -o json").ok().json();
    assert_eq!(next["items"][0]["node"], "deploy");
    assert_eq!(
        next["items"][0]["inputs"],
        json!({"image": "shop:1", "where": "eu/shop"})
    );
    report(&ana, "deploy", "--succeeded");
    assert_eq!(ana.node_phase("run/rollout"), "Succeeded");
    assert_eq!(ana.node_phase("run/undo"), "Skipped");
    assert_eq!(ana.phase("execution/run"), "Blocked");
    ana.run("claim run/dns --as agent:a").exits(1);
    ana.run("report run/dns --as agent:probe --succeeded --reconcile")
        .ok();
    report(&ana, "done", "--succeeded");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("retry run").exits(1).notes("Succeeded");
}

#[test]
fn what_failed_is_opened_again() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("retry run")
        .exits(1)
        .notes("shop/run: no node has failed");
    report(&ana, "build", "--failed -m 'no disk'");
    assert_eq!(ana.node_phase("run/build"), "Pending");
    sandbox.minutes_pass(1);
    ana.run("reconcile").ok();
    report(&ana, "build", "--failed -m 'no disk'");
    ana.run("report run/dns --as agent:probe --succeeded --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Failed");
    assert_eq!(ana.node_phase("run/done"), "Skipped");
    ana.run("retry run/done").exits(1).notes("has not failed");
    ana.run("retry run/nobody").exits(1);
    ana.run("retry run/build -m 'more disk' --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Running");
    assert_eq!(ana.node_phase("run/done"), "Pending");
    let build = ana.node("run/build");
    assert_eq!(
        (&build["phase"], &build["attempt"]),
        (&json!("Pending"), &json!(3))
    );
    // Also when the files have been deleted: the run is pinned.
    ana.write("planspec/release.yaml", "# nothing\n");
    ana.commit("Away with it").push();
    ana.run("reconcile").ok();
    let outputs = "--succeeded --set image=x --outputs-file ../o.json";
    ana.write("../o.json", r#"{"risky": true}"#);
    report(&ana, "build", outputs);
    assert_eq!(ana.node_phase("run/canary"), "Pending");
    ana.run("reconcile").ok().says("nothing");
}

#[test]
fn a_failed_run_is_opened_again_by_somebody_with_a_fresh_shallow_clone() {
    let sandbox = Sandbox::new();
    let ana = started(&sandbox);
    ana.run("start release -n shop --name fast -p region=eu -p failFast=true")
        .ok();
    ana.push();
    ana.run("reconcile").ok();
    for _ in 0..2 {
        ana.run("claim fast/build --as agent:a --reconcile").ok();
        ana.run("report fast/build --as agent:a --failed --reconcile")
            .ok();
        sandbox.minutes_pass(1);
        ana.run("reconcile").ok();
    }
    assert_eq!(ana.phase("execution/fast"), "Failed");
    assert_eq!(ana.node_phase("fast/dns"), "Cancelled");
    let url = format!("file://{}", sandbox.path("origin.git").display());
    let ben = sandbox.clone_with("--depth 1", &url, "ben");
    ben.run("retry shop/fast --reconcile").ok();
    assert_eq!(ben.phase("execution/fast"), "Running");
    assert_eq!(ben.node_phase("fast/dns"), "Blocked");
}

#[test]
fn the_repository_does_what_is_merged() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/docs.yaml",
        r###"apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: docs, namespace: shop}
spec:
  description: Write the page
  graph:
    nodes:
      - id: page
        kind: Task
        acceptanceCriteria:
          - {type: artifact_exists, name: page, path: docs/api.md, contentMatch: "## API"}
---
apiVersion: planspec.io/v1alpha1
kind: Binding
metadata: {name: merge, namespace: shop}
spec:
  rules:
    - selector: {planRef: {name: docs}}
      target: {provider: repo://main}
"###,
    );
    ana.run("start docs -n shop --name run --binding merge")
        .ok();
    ana.push();
    ana.run("reconcile").ok().says("docs/api.md");
    assert_eq!(ana.node_phase("run/page"), "Blocked");
    ana.publish("docs/api.md", "# Shop\n\n## API\n");
    ana.run("reconcile").ok().says("Succeeded");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    ana.run("reconcile").ok().says("nothing");
}

#[test]
fn after_a_retry_the_first_decision_counts_and_attestations_can_be_changed() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish(
        "planspec/gated.yaml",
        r#"apiVersion: planspec.io/v1alpha1
kind: Goal
metadata: {name: live, namespace: shop}
spec:
  description: It is live
  acceptanceCriteria: [{id: fast, description: Below a second}]
---
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: gated, namespace: shop}
spec:
  description: One decision
  goalRef: {name: live}
  graph:
    nodes: [{id: ok, kind: Gate, gateRef: {name: sign}}]
---
apiVersion: planspec.io/v1alpha1
kind: Gate
metadata: {name: sign, namespace: shop}
spec:
  gateType: approval
  targetRef: {kind: Plan, name: gated}
"#,
    );
    ana.run("start gated -n shop --name run").ok();
    ana.push();
    ana.run("reconcile")
        .ok()
        .says("planspec approve run/ok -n shop");
    ana.run("reject sign --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Failed");
    ana.run("retry run --reconcile").ok();
    ana.run("approve run/ok -n shop --execution nope")
        .exits(1)
        .notes("nope");
    ana.run("approve run/ok -n shop --reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    assert_eq!(ana.unapplied("run"), [""; 0]);
    // An attestation can be changed long after the end of the run.
    for (verdict, phase) in [
        ("--unmet", "Failed"),
        ("--met", "Succeeded"),
        ("--unmet", "Failed"),
    ] {
        ana.run(&format!("attest run fast {verdict} -m seen --reconcile"))
            .ok();
        assert_eq!(ana.phase("goal/live"), phase);
    }
    assert_eq!(ana.unapplied("run"), [""; 0]);
}

const NIGHTLY: &str = r#"apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: nightly, namespace: shop}
spec:
  description: A migration, and what puts it back
  graph:
    nodes:
      - {id: migrate, kind: Task}
      - {id: restore, kind: Task, when: 'nodes["migrate"].phase == "Failed"'}
      - {id: reindex, kind: Task, when: 'nodes["migrate"].phase == "Succeeded"'}
    edges:
      - {from: migrate, to: restore, type: soft}
      - {from: migrate, to: reindex, type: soft}
"#;

/// As docs/executions.md shows: a second failure is reset like the first one, and the nodes that run again are named
/// beforehand.
#[test]
fn a_retry_says_what_it_opens_and_opens_what_was_decided_on_a_failure() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    ana.publish("planspec/nightly.yaml", NIGHTLY);
    ana.run("start nightly -n shop --name nightly").ok();
    ana.push();
    ana.run("reconcile").ok();
    let work = |node: &str, how: &str| {
        ana.run(&format!("claim nightly/{node} --as agent:a --reconcile"))
            .ok();
        ana.run(&format!(
            "report nightly/{node} --as agent:a {how} --reconcile"
        ))
        .ok();
    };
    work("migrate", "--failed");
    ana.run("claim nightly/restore --as agent:b --reconcile")
        .ok();
    ana.run("retry nightly/migrate")
        .exits(1)
        .notes("agent:b is at work on `restore`, which began because of the failure")
        .notes("planspec describe execution nightly -n shop");
    ana.run("report nightly/restore --as agent:b --succeeded --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/nightly"), "Failed");

    let page = include_str!("../../docs/executions.md");
    let shown = page
        .split("$ planspec retry nightly --dry-run\n")
        .nth(1)
        .unwrap();
    let shown = shown.split("```").next().unwrap();
    let dry = ana.run("retry nightly --dry-run").ok();
    let told = format!("{}{}", dry.out, dry.err);
    let mut told: Vec<&str> = told.lines().collect();
    let mut expected: Vec<&str> = shown.lines().collect();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected, "docs/executions.md");
    assert_eq!(ana.node_phase("nightly/restore"), "Succeeded");
    let asked = |name: &String| name.contains("/requests/");
    assert!(!ana.inbox().iter().any(asked), "nothing was sent");
    let answer = ana.run("retry nightly/migrate --dry-run -o json").ok();
    let answer = answer.answer("Reopening");
    assert_eq!(answer["nodes"][0]["retried"], true);
    assert_eq!(answer["nodes"][1]["doneAgain"], true);

    ana.run("retry nightly --reconcile")
        .ok()
        .notes("these have already succeeded and will be repeated: `restore`");
    work("migrate", "--failed");
    assert_eq!(ana.node_phase("nightly/restore"), "Pending");
    work("restore", "--succeeded");
    ana.run("retry nightly --reconcile").ok();
    work("migrate", "--succeeded");

    // Again on purpose, as the hint says.
    ana.run("retry nightly/migrate")
        .exits(1)
        .notes("planspec retry nightly/migrate -n shop --again");
    ana.run("retry nightly --again")
        .exits(2)
        .notes("nightly/NODE");
    ana.run("retry nightly/migrate -n shop --again --reconcile")
        .ok();
    let migrate = ana.node("nightly/migrate");
    assert_eq!(
        (&migrate["phase"], &migrate["attempt"]),
        (&json!("Pending"), &json!(4))
    );
    work("migrate", "--succeeded");
    work("reindex", "--succeeded");
    ana.run("retry nightly/migrate --again")
        .exits(1)
        .notes("planspec start nightly -n shop");
}

/// A run continues with a corrected plan.
#[test]
fn a_run_goes_on_with_a_corrected_plan() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let plan = |load: &str, more: &str| {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: import, namespace: shop}}\nspec:\n  \
             description: Data from elsewhere\n  graph:\n    nodes:\n      \
             - {{id: fetch, kind: Task}}\n      \
             - {{id: load, kind: Task, dependsOn: [fetch]{load}}}\n      \
             - {{id: check, kind: Task, dependsOn: [load]}}\n{more}"
        )
    };
    ana.publish("planspec/import.yaml", plan("", ""));
    ana.run("start import -n shop --name import").ok();
    ana.push();
    ana.run("reconcile").ok();
    ana.works("import/fetch", "agent:a");
    ana.run("claim import/load --as agent:a --reconcile").ok();
    ana.run("report import/load --as agent:a --failed --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/import"), "Failed");
    ana.run("retry import --plan")
        .exits(1)
        .notes("is already pinned to this revision of plan `shop/import`")
        .notes("planspec retry import -n shop");

    // Before the merge, the review says that the run could continue with it.
    let before = ana.git("rev-parse HEAD");
    ana.git("switch -q -c mended");
    let mended = plan(
        ", description: By the new format",
        "      - {id: tell, kind: Task, dependsOn: [check]}\n",
    );
    ana.write("planspec/import.yaml", &mended)
        .commit("The new format");
    ana.run("review main...mended")
        .says("shop/import (Failed) stays on the revision of")
        .says("planspec retry import -n shop --plan");
    ana.run("retry import --plan mended")
        .exits(9)
        .notes("is not the current one on `main`");
    ana.git("switch -q main");
    ana.git("merge -q --ff-only mended");
    for asked in ["retry import --plan", "retry import --plan main"] {
        let refused = ana.run(asked);
        assert_ne!(refused.code, 0, "{refused}");
        refused.notes("not pushed: `git push origin main`");
    }
    ana.push();
    ana.run(&format!("retry import --plan {before}"))
        .exits(9)
        .notes("planspec retry import -n shop --plan");
    // A plan that cannot run is reported as such.
    ana.publish("planspec/import.yaml", mended.replace("[check]", "[chekc]"));
    ana.push();
    ana.run("retry import --plan --dry-run")
        .exits(1)
        .notes("plan `shop/import` on `main` is invalid: planspec/import.yaml:")
        .notes("correct it on `main`");
    ana.publish("planspec/import.yaml", mended);
    ana.push();
    ana.run("reconcile").ok();
    ana.run("describe execution import")
        .ok()
        .says("planspec retry import -n shop --plan");

    goes_on(&ana, &before);
}

#[test]
fn a_changed_default_opens_what_was_given_the_other_one_and_says_whose_work_stops() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let all = |default: &str| {
        let capability = resource(
            "Capability",
            "cap",
            &format!(
                "description: d\ninputs: [{{name: mode, type: string, default: {default}}}]\n"
            ),
        );
        let nodes = [
            task("done").needs("cap"),
            task("held").needs("cap"),
            task("other"),
        ];
        let rules = [("cap", "agent://x")];
        let run = execution_with("run", "p", "bindingRef: {name: b}\n");
        file(&[plan("p", &nodes), capability, binding("b", &rules), run])
    };
    ana.publish("planspec/all.yaml", all("fast"));
    ana.run("reconcile").ok();
    ana.works("run/done", "agent:x")
        .works("run/other", "agent:x");
    ana.run("claim run/held --as agent:x --reconcile").ok();
    ana.run("retry run --plan").exits(1).notes("already");
    ana.publish("planspec/all.yaml", all("slow"));
    ana.run("retry run --plan --dry-run")
        .ok()
        .says("default/run/done: Succeeded → changed: do again\ndefault/run/held: Running → changed\n")
        .never_says("run/other")
        .notes("this stops agent:x, who holds `held`");
    ana.run("retry run --plan --reconcile").ok();
    assert_eq!(ana.node("run/done")["extensions"]["inputs"]["mode"], "slow");
    ana.run("report run/held --as agent:x --succeeded")
        .exits(9)
        .notes("stopped by the retry of ana@example.com");
    ana.run("retry run --plan").exits(1).notes("already");
    ana.works("run/done", "agent:x")
        .works("run/held", "agent:x");
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

/// Resumes the run, as docs/executions.md shows, and lets it end.
fn goes_on(ana: &Place<'_>, before: &str) {
    let uid = ana.get("execution/import")["metadata"]["uid"].clone();
    let page = include_str!("../../docs/executions.md");
    let asked = "planspec retry import --plan --dry-run";
    let shown = page.split(&format!("$ {asked}\n")).nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let dry = ana.run("retry import --plan --dry-run").ok();
    assert_eq!(dry.out, shown, "docs/executions.md");
    let answer = ana.run("retry import --plan HEAD --dry-run -o json").ok();
    let answer = answer.answer("Reopening");
    assert_eq!(answer["nodes"][0]["change"], "changed");
    assert_eq!(answer["plan"], ana.git("rev-parse HEAD"));

    ana.run("retry import --plan HEAD -m mended --reconcile")
        .ok()
        .says("asked shop/import to continue with its current plan");
    assert_eq!(ana.get("execution/import")["metadata"]["uid"], uid);
    assert_eq!(ana.node_phase("import/fetch"), "Succeeded");
    for node in ["load", "check", "tell"] {
        ana.works(&format!("import/{node}"), "agent:a");
    }
    assert_eq!(ana.phase("execution/import"), "Succeeded");
    let first = &before[..10];
    let now = &ana.git("rev-parse HEAD")[..10];
    let log = ana.run("log execution/import").ok();
    for told in [
        format!("1 of {first}"),
        format!("2 of {now}"),
        format!("goes on with the plan of {now}; mended"),
    ] {
        assert!(log.out.contains(&told), "{told}: {log}");
    }
    log.never_says(&format!("2 of {first}"));
    ana.run("retry import --plan")
        .exits(1)
        .notes("planspec start");
}

/// A run with a cleanup task, however it is stopped.
#[test]
fn what_cleans_up_runs_when_the_run_is_cancelled() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let page = include_str!("../../docs/executions.md");
    let nodes = page
        .split("```yaml\n")
        .find(|block| block.contains("id: teardown"))
        .and_then(|block| block.split("```").next())
        .unwrap();
    let plan = format!(
        "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: nightly, namespace: shop}}\nspec:\n  \
         description: Tests on a machine of their own\n  graph:\n    nodes:\n{nodes}"
    );
    ana.publish("planspec/nightly.yaml", plan);
    ana.run("validate").ok();
    ana.run("start nightly -n shop --name nightly").ok();
    ana.push();
    ana.run("reconcile").ok();
    ana.works("nightly/provision", "agent:a");
    ana.run("claim nightly/test --as agent:a --reconcile").ok();
    ana.run("cancel nightly -m 'wrong data' --reconcile").ok();
    assert_eq!(ana.node_phase("nightly/test"), "Cancelled");
    assert_eq!(ana.phase("execution/nightly"), "Running");
    ana.run("describe execution nightly -n shop")
        .ok()
        .says("cancelled by ana@example.com: wrong data; then teardown can be claimed")
        .says("planspec claim nightly/teardown -n shop")
        .never_says("planspec retry");
    ana.run("retry nightly -n shop")
        .exits(1)
        .notes("was cancelled: nothing is opened again");
    ana.run("next nightly -o name")
        .ok()
        .says("shop/nightly/teardown\n");
    ana.works("nightly/teardown", "agent:a");
    assert_eq!(ana.phase("execution/nightly"), "Cancelled");

    // An unclaimed task ends with the file.
    ana.run("start nightly -n shop --name other").ok();
    ana.push();
    ana.run("reconcile").ok();
    ana.run("cancel other --reconcile").ok();
    assert_eq!(ana.node_phase("other/teardown"), "Pending");
    ana.run("delete execution other -n shop --yes").ok();
    ana.push();
    ana.run("reconcile").ok().says("Cancelled");
    ana.run("next").ok().never_says("teardown");
}

#[test]
fn a_task_takes_the_output_of_whichever_branch_ran() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let page = include_str!("../../docs/executions.md");
    let publish = page
        .split("```yaml\n")
        .find(|block| block.contains("id: publish"))
        .and_then(|block| block.split("```").next())
        .unwrap();
    let publish: String = publish
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    let plan = format!(
        "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: site, namespace: shop}}\nspec:\n  \
         description: Whichever way\n  graph:\n    nodes:\n      \
         - {{id: fast, kind: Task, when: parameters.hurry, outputs: [{{name: report}}]}}\n      \
         - {{id: thorough, kind: Task, when: '!parameters.hurry', outputs: [{{name: report}}]}}\n{publish}"
    );
    ana.publish("planspec/site.yaml", plan);
    ana.run("validate").ok();
    for (hurry, branch) in [("true", "fast"), ("false", "thorough")] {
        ana.run(&format!(
            "start site -n shop --name {branch} -p hurry={hurry}"
        ))
        .ok();
        ana.push();
        ana.run("reconcile").ok();
        ana.run(&format!("claim {branch}/{branch} --as agent:a --reconcile"))
            .ok();
        ana.run(&format!(
            "report {branch}/{branch} --as agent:a --succeeded --set report={branch}.txt --reconcile"
        ))
        .ok();
        let inputs = ana.node(&format!("{branch}/publish"))["extensions"]["inputs"].clone();
        assert_eq!(
            inputs,
            json!({"report": format!("{branch}.txt"), "region": "eu-1"})
        );
    }
}

#[test]
fn a_group_whose_condition_is_false_takes_its_children_along() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let plan = r#"apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: site, namespace: shop}
spec:
  description: Tests under load, where they are wanted
  graph:
    nodes:
      - {id: under-load, kind: Group, children: [fill, burst], when: parameters.load}
      - {id: fill, kind: Task}
      - {id: burst, kind: Task, dependsOn: [fill]}
      - {id: publish, kind: Task, dependsOn: [under-load]}
"#;
    ana.publish("planspec/site.yaml", plan);
    ana.run("start site -n shop --name without -p load=false")
        .ok();
    ana.run("start site -n shop --name with -p load=true").ok();
    ana.push();
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("without/burst"), "Skipped");
    ana.run("describe execution without -n shop")
        .ok()
        .says("its group `under-load` is skipped: its condition is false: parameters.load");
    ana.run("next without -o name")
        .ok()
        .says("shop/without/publish\n");
    ana.run("next with -o name").ok().says("shop/with/fill\n");
    ana.run("claim with/publish --as agent:a")
        .exits(1)
        .notes("waits for under-load");
    // A node that waits for its own group is reported before anything runs.
    let knot = plan.replace(
        "children: [fill, burst],",
        "children: [fill, burst], dependsOn: [fill],",
    );
    ana.write("planspec/site.yaml", &knot);
    ana.run("validate")
        .exits(1)
        .says("and they wait for its condition");
}

/// A retry that binds again asks the gate again, and the tasks after it wait for it, in whatever order the two happen.
#[test]
fn a_new_command_waits_for_the_gate_before_what_is_done() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let rule = |node: &str, provider: &str| {
        format!(
            "    - selector: {{planRef: {{name: roll}}, nodeId: {node}}}\n      target: {{provider: '{provider}'}}\n"
        )
    };
    let documents = |last: &str| {
        let nodes = "    - {id: allowed, kind: Gate, gateRef: {name: ok}}\n    \
                     - {id: drain, kind: Task, dependsOn: [allowed]}\n    \
                     - {id: switch, kind: Task, dependsOn: [drain]}\n";
        let head = |kind: &str, name: &str| {
            format!(
                "---\napiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n"
            )
        };
        format!(
            "{}  description: Over to the new machines\n  graph:\n    nodes:\n{}{}  gateType: approval\n  targetRef: {{kind: Plan, name: roll}}\n{}  rules:\n{}{}",
            head("Plan", "roll"),
            nodes.replace("    - ", "      - "),
            head("Gate", "ok"),
            head("Binding", "hands"),
            rule("drain", "agent://steady"),
            rule("switch", last),
        )
    };
    ana.publish("planspec/roll.yaml", documents("agent://steady"));
    ana.run("start roll -n shop --name run --binding hands")
        .ok();
    ana.push();
    ana.run("reconcile").ok();
    ana.run("approve run/allowed -n shop --reconcile").ok();
    ana.works("run/drain", "agent:steady");
    ana.publish("planspec/roll.yaml", documents("agent://new"));
    ana.run("retry run --rebind --dry-run").ok().says(
        "shop/run/switch: Pending → bind again\n\
         shop/run/allowed: Succeeded → ask again: what was approved changes\n",
    );
    ana.run("retry run --rebind --reconcile")
        .ok()
        .says("targets resolved again")
        .says("run/allowed");
    for more in ["", " --dry-run"] {
        ana.run(&format!("retry run --rebind{more}"))
            .exits(1)
            .notes("nothing failed, and nodes that have not begun would get the same targets")
            .notes("of the remote: commit your change there, and push");
    }
    ana.run("next -o name").ok().never_says("switch");
    ana.run("claim run/switch --as agent:new")
        .exits(1)
        .notes("waits for allowed");
    ana.run("approve run/allowed -n shop --reconcile").ok();
    ana.run("next -o name").ok().says("shop/run/switch\n");
    assert_eq!(ana.node_phase("run/drain"), "Succeeded");
}

#[test]
fn parameters_are_kept_as_written_and_are_those_of_the_plan() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let plan = r#"apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: ship, namespace: shop}
spec:
  description: A release
  graph:
    nodes:
      - {id: tag, kind: Task, inputs: {name: "v${parameters.version}", regions: "${parameters.regions}"}}
      - {id: slow, kind: Task, when: 'parameters.wait > 2'}
      - {id: dry, kind: Task, when: 'has(parameters.dry) && parameters.dry'}
"#;
    ana.publish("planspec/ship.yaml", plan);
    let given =
        r#"start ship -n shop --name run -p version=1.20 -p wait=3 --param-json regions=["eu"]"#;
    ana.run("start ship -n shop -p version=1.20 -p wait=3")
        .exits(1)
        .notes("uses `regions`, which is not set")
        .notes("-p regions=VALUE");
    ana.run("start ship -n shop -p version=1 -p wait=3 -p region=eu")
        .exits(1)
        .notes("is `region` meant to be `regions`?");
    ana.run(&format!("{given} -p colour=red --strict"))
        .exits(1)
        .notes("Plan shop/ship does not use `colour`");
    ana.run(&format!("{given} -p failFast=true --strict --dry-run"))
        .ok();
    ana.run("start ship -n shop --param-json regions=[eu")
        .exits(2)
        .notes("not JSON");
    ana.run("start ship -n shop -p wait=3 -p version=7 -p regions=[1] --dry-run")
        .ok()
        .notes("pass JSON with `--param-json regions=…`");
    ana.run(&format!("{given} -p colour=red"))
        .ok()
        .notes("Plan shop/ship does not use `colour`");
    ana.push();
    ana.run("reconcile").ok();
    let next = ana.run("next -o json").ok().json();
    let tag = next["items"].as_array().unwrap().iter();
    let tag = tag.filter(|item| item["node"] == "tag");
    let inputs: Vec<_> = tag.map(|item| &item["inputs"]).collect();
    assert_eq!(inputs, [&json!({"name": "v1.20", "regions": ["eu"]})]);
    assert_eq!(ana.node_phase("run/slow"), "Pending");
    assert_eq!(ana.node_phase("run/dry"), "Skipped");
}

#[test]
fn what_should_be_done_first_comes_first_and_an_empty_answer_says_why() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let plan = |name: &str, nodes: &str| {
        let nodes: String = nodes
            .lines()
            .map(|node| format!("      - {{{node}}}\n"))
            .collect();
        format!(
            "---\napiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
             description: d\n  goalRef: {{name: {name}}}\n  graph:\n    nodes:\n{nodes}"
        )
    };
    let goal = |name: &str, priority: u32| {
        format!(
            "---\napiVersion: planspec.io/v1alpha1\nkind: Goal\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{description: d, priority: {priority}}}\n"
        )
    };
    let gate = "---\napiVersion: planspec.io/v1alpha1\nkind: Gate\nmetadata: {name: ok, namespace: shop}\nspec: {gateType: approval, targetRef: {kind: Plan, name: some}}\n";
    let some = "id: t10, kind: Task\nid: t9, kind: Task\nid: long, kind: Task\n\
                id: later, kind: Task, dependsOn: [long]\nid: last, kind: Gate, gateRef: {name: ok}, dependsOn: [later]";
    let all = [
        goal("some", 1),
        goal("urgent", 900),
        plan("some", some),
        plan("urgent", "id: z, kind: Task"),
        gate.to_owned(),
    ];
    ana.publish("planspec/all.yaml", all.concat());
    ana.run("start some -n shop --name a-2").ok();
    ana.run("start urgent -n shop --name z").ok();
    ana.push();
    ana.run("reconcile").ok();
    let first = "shop/z/z\nshop/a-2/long\nshop/a-2/t9\nshop/a-2/t10\n";
    assert_eq!(ana.run("next -o name").ok().out, first);
    // An older run comes first, whatever its name.
    sandbox.minutes_pass(5);
    ana.run("start some -n shop --name a-1").ok();
    ana.push();
    ana.run("reconcile").ok();
    let next = "shop/z/z\nshop/a-2/long\nshop/a-1/long\nshop/a-2/t9\n";
    assert_eq!(ana.run("next -o name --limit 4").ok().out, next);
    let answer = ana.run("next --limit 4 -o json").ok().answer("NextNodes");
    assert_eq!(answer["notes"], json!(["3 more can be claimed"]));

    for node in ["z/z", "a-2/long", "a-2/t9", "a-2/t10", "a-2/later"] {
        ana.works(node, "agent:a");
    }
    let empty = ana.run("next a-2").ok();
    let empty = empty.notes("shop/a-2/last waits for ok: 0 of 1 approvals; reviewers: any person");
    assert_eq!(empty.out, "");
    let answer = ana.run("next a-2 -o json").ok().answer("NextNodes");
    assert_eq!(answer["waiting"][0]["node"], "last");
    ana.run("next z").ok().notes("shop/z is Succeeded");
    ana.run("cancel a-1 --reconcile").ok();
    ana.run("approve a-2/last -n shop --reconcile").ok();
    ana.run("next")
        .ok()
        .notes("everything is done: no run is open");
}

#[test]
fn of_many_names_the_nearest_are_named() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team("ana");
    let nodes: String = (0..40)
        .map(|n| format!("      - {{id: part-{n}, kind: Task}}\n"))
        .collect();
    let head = "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {name: wide, namespace: shop}\nspec:\n  description: d\n  graph:\n    nodes:\n";
    ana.publish("planspec/wide.yaml", format!("{head}{nodes}"));
    ana.run("start wide -n shop --name run").ok();
    ana.push();
    ana.run("reconcile").ok();
    ana.run("claim run/prt-39 --as agent:a")
        .exits(1)
        .notes("did you mean `part-39`?");
    let ran = ana
        .run("claim run/39 --as agent:a")
        .exits(1)
        .notes("and 30 more");
    assert!(ran.err.contains("`part-39`"), "{ran}");
    for verb in [
        "claim other/part-1 --as agent:a",
        "describe execution other",
        "next other",
    ] {
        ana.run(verb).exits(1).notes("there is `run`");
    }
    ana.run("claim rum/part-1 --as agent:a")
        .exits(1)
        .notes("did you mean `run`?");
}

/// The output of a retry says what it will lead to.
#[test]
fn a_retry_looks_at_what_was_said_since_the_last_reconcile_and_once_is_enough() {
    let sandbox = Sandbox::new();
    let when = "when: 'nodes[\"deploy\"].phase == \"Failed\"'\n";
    let rollback = task("rollback").once_over("deploy").with(when);
    let ana = sandbox.run_of("ana", &[task("deploy"), rollback]);
    ana.run("reconcile").ok();
    ana.run("claim run/deploy --as agent:a").ok();
    ana.run("report run/deploy --as agent:a --failed --reconcile")
        .ok();
    ana.run("claim run/rollback --as agent:b").ok();
    ana.run("retry run/deploy --reconcile")
        .exits(1)
        .notes("agent:b is at work on `rollback`");
    ana.run("report run/rollback --as agent:b --succeeded").ok();
    ana.run("retry run/deploy")
        .ok()
        .says("asked to try default/run/deploy again");
    let ran = ana.run("retry run/deploy -m again -o json").ok();
    assert_eq!(ran.answer("Requested")["already"], true);
    ana.run("retry run/deploy --reconcile")
        .ok()
        .says("already asked to try default/run/deploy again");
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
    // Taken in, and running until the next reconcile.
    ana.run("claim run/deploy --as agent:a").ok();
    ana.run("report run/deploy --as agent:a --failed --reconcile")
        .ok();
    ana.run("claim run/rollback --as agent:b --reconcile").ok();
    ana.run("report run/rollback --as agent:b --succeeded").ok();
    ana.run("retry run/deploy")
        .exits(1)
        .notes("are not reconciled yet: `planspec reconcile`, then try again");
    ana.run("reconcile").ok();
    ana.run("retry run/deploy --reconcile").ok();
    assert_eq!(ana.unapplied("run"), Vec::<String>::new());
}
