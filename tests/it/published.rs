//! What the published format and its users expect: their files, fields, words and flags.

use serde_json::{Value, json};

use crate::resources::{
    binding, capability, execution, file, gate, gate_node, goal, plan, resource, task,
};
use crate::sandbox::{Sandbox, text};

#[test]
fn outputs_are_names_as_published_and_asked_for_like_mappings() {
    let sandbox = Sandbox::new();
    let nodes = [
        task("count").with("outputs: [report, {name: words, type: number}]\n"),
        task("tell")
            .after("count")
            .with("inputs: {file: '${nodes.count.outputs.report}'}\n"),
    ];
    let ana = sandbox.team_with("ana", &[plan("p", &nodes), execution("run", "p")]);
    ana.run("reconcile").ok();
    let next = ana.run("next -o json").ok().answer("NextNodes");
    // Programs get one form, whichever is in the file.
    let expected = json!([{"name": "report"}, {"name": "words", "type": "number"}]);
    assert_eq!(next["items"][0]["outputs"], expected);
    ana.run("claim run/count --as agent:a --reconcile").ok();
    ana.run("report run/count --succeeded --as agent:a --set words=3")
        .exits(1)
        .notes("declared outputs are missing: report");
    ana.write("../outputs.json", r#"{"report": "a.md", "words": 3}"#);
    ana.run("report run/count --succeeded --as agent:a --outputs-file ../outputs.json --reconcile")
        .ok();
    let brief = ana.run("describe run/tell -o json").ok().answer("Brief");
    assert_eq!(brief["inputs"], json!({"file": "a.md"}), "{brief}");
}

#[test]
fn outputs_in_other_words_are_no_change_and_no_other_digest() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let with = |outputs: &str| plan("p", &[task("count").with(&format!("outputs: {outputs}\n"))]);
    solo.publish("planspec/p.yaml", with("[{name: report}]"));
    solo.publish("planspec/p.yaml", with("[report]"));
    let review = solo
        .run("review HEAD~1..HEAD -o json")
        .ok()
        .answer("Review");
    assert_eq!(review["class"], "none", "{review}");
    solo.publish("planspec/p.yaml", with("[report, report]"));
    solo.run("validate").exits(1).says("PS310");
}

#[test]
fn what_a_criterion_looks_for_is_a_regular_expression() {
    let sandbox = Sandbox::new();
    let changed = r"{type: artifact_exists, name: changed, path: CHANGES.md, contentMatch: '(?m)^## \d+\.\d+\s*$'}";
    let nodes = [task("release")
        .needs("repository")
        .with(&format!("acceptanceCriteria: [{changed}]\n"))];
    let spec = "rules: [{selector: {capabilityRef: {name: repository}}, target: {provider: 'repo://here'}}]\n";
    let here = resource("Binding", "here", spec);
    let run = resource(
        "Execution",
        "run",
        "planRef: {name: p}\nbindingRef: {name: here}\n",
    );
    let provided = capability("repository");
    let ana = sandbox.team("ana");
    ana.publish("CHANGES.md", "## Unreleased\n\nSee 1.2\n");
    ana.publish(
        "planspec/all.yaml",
        file(&[provided, here, plan("p", &nodes), run]),
    );
    ana.run("reconcile").ok();
    assert_eq!(ana.node_phase("run/release"), "Blocked");
    ana.publish("CHANGES.md", "## Unreleased\n\n## 1.2\n");
    ana.run("reconcile").ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
    let broken = plan("q", &[task("a").with("acceptanceCriteria: [{type: artifact_exists, name: n, path: a, contentMatch: 'f(x'}]\n")]);
    let refused = ana.run_with("validate -f - -o json", &broken).exits(1);
    let findings = refused.answer("Findings");
    let finding = &findings["findings"][0];
    assert_eq!(finding["code"], "PS239", "{findings}");
    // The help is true.
    let help = text(&finding["help"]);
    let literally = help.split('`').nth(1).unwrap();
    ana.run_with("validate -f -", &broken.replace("f(x", literally))
        .ok();
}

#[test]
fn every_status_is_as_published() {
    let sandbox = Sandbox::new();
    let nodes = [
        task("build").needs("make"),
        gate_node("ok", "ok").after("build"),
    ];
    let bindings = binding("team", &[("make", "agent://a")]);
    let run = resource(
        "Execution",
        "run",
        "planRef: {name: p}\nbindingRef: {name: team}\n",
    );
    let resources = [
        goal("g"),
        capability("make"),
        bindings,
        gate("ok", "p"),
        plan("p", &nodes),
        run,
    ];
    let ana = sandbox.team_with("ana", &resources);
    ana.run("reconcile").ok();
    ana.works("run/build", "agent:a");
    ana.run("approve ok --as ana@example.com -m fine --reconcile")
        .ok();
    let schema: Value = serde_json::from_str(&ana.run("schema status").ok().out).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let all = [
        "goal/g",
        "capability/make",
        "binding/team",
        "gate/ok",
        "plan/p",
        "execution/run",
    ];
    for name in all {
        let one = ana.get(name);
        let problems: Vec<String> = schema
            .iter_errors(&one)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, [] as [&str; 0], "{one}");
    }
    assert_eq!(
        ana.get("gate/ok")["status"]["resolution"]["outcome"],
        "approved"
    );
    ana.run("wait execution/run --for condition=Accepted --timeout 1s")
        .ok();
    ana.run("wait capability/make --for condition=Available --timeout 1s")
        .ok();
    let broken = json!({"kind": "Gate", "status": {"phase": "Approved", "resolution": {"outcome": "Approved", "timestamp": "2026-01-31T12:00:00Z"}}});
    assert!(!schema.is_valid(&broken));
}

fn list_of(items: &[String]) -> String {
    let mut text = "apiVersion: planspec.io/v1alpha1\nkind: List\nitems:\n".to_owned();
    for item in items {
        let lines: Vec<&str> = item.lines().collect();
        text.push_str(&format!("  - {}\n", lines.join("\n    ")));
    }
    text
}

#[test]
fn a_committed_list_is_read_and_its_items_change_one_by_one() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let list = list_of(&[goal("a"), goal("b"), plan("p", &[task("t")])]);
    let list = list.replace(
        "    metadata:\n      name: b",
        "    # the second\n    metadata:\n      name: b",
    );
    solo.publish("planspec/all.yaml", &list);
    solo.run("validate").ok().notes("3 resources: valid");
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("plan/p"), "Ready");
    solo.run("start p --name run").ok();
    solo.run("reconcile").ok();
    solo.works("run/t", "agent:a");
    assert_eq!(solo.phase("execution/run"), "Succeeded");
    // A finding has the place of its line.
    solo.write("planspec/all.yaml", list.replace("- id: t", "- id: T"));
    let findings = solo.run("validate -o json").exits(1).answer("Findings");
    assert_eq!(
        findings["findings"][0]["path"],
        "items[2].spec.graph.nodes[0].id"
    );
    assert_eq!(findings["findings"][0]["line"], 28, "{findings}");
    solo.write("planspec/all.yaml", &list);
    // Each resource is updated where it is: here in the list.
    let other = goal("a").replace("good for", "meant for");
    solo.run_with("apply -f -", &other)
        .ok()
        .says("goal/a configured (planspec/all.yaml)");
    let expected = list.replacen("good for", "meant for", 1);
    assert_eq!(solo.read("planspec/all.yaml"), expected);
    solo.run("delete goal a").ok();
    let text = solo.read("planspec/all.yaml");
    assert!(
        text.contains("# the second") && !text.contains("meant for"),
        "{text}"
    );
    solo.run("get goal -o name").ok().says("goal/b\n");
    solo.run("delete goal b --yes").ok();
    solo.run("delete plan p --yes").ok();
    assert!(!solo.has("planspec/all.yaml"));
}

#[test]
fn what_get_prints_can_be_applied_elsewhere_and_here() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let list = list_of(&[
        goal("a"),
        plan("p", &[task("t").with("outputs: [report]\n")]),
    ]);
    solo.publish("planspec/all.yaml", &list);
    solo.run("reconcile").ok();
    for format in ["yaml", "json"] {
        let printed = solo.run(&format!("get -o {format}")).ok().out;
        solo.run_with("apply -f -", &printed)
            .ok()
            .says("goal/a unchanged")
            .says("plan/p unchanged");
        let file = format!("../drafts-{format}/list.{format}");
        sandbox.folder(&format!("drafts-{format}"));
        sandbox
            .place(&format!("drafts-{format}"))
            .write(&format!("list.{format}"), &printed);
        let other = sandbox.repository(&format!("other-{format}"));
        other
            .run(&format!("apply -f {file}"))
            .ok()
            .says("goal/a created (planspec/default/goals/a.yaml)")
            .says("plan/p created (planspec/default/plans/p.yaml)")
            .notes("is not kept");
        other.run("validate").ok().notes("2 resources: valid");
        assert!(
            other
                .read("planspec/default/plans/p.yaml")
                .starts_with("apiVersion: ")
        );
    }
    let goals = "apiVersion: planspec.io/v1alpha1\nkind: GoalList\nitems:\n- apiVersion: planspec.io/v1alpha1\n  kind: Goal\n  metadata: {name: c, namespace: default}\n  spec: {description: d}\n";
    solo.run_with("validate -f -", goals).ok();
    solo.run_with("apply -f -", goals)
        .ok()
        .says("goal/c created");
}

#[test]
fn what_was_made_of_an_older_version_is_a_conflict() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/all.yaml", file(&[goal("a"), goal("b")]));
    let version = |name: &str| text(&solo.get(name)["metadata"]["resourceVersion"]);
    let before = version("goal/a");
    assert!(before.ends_with("-0"), "{before}");
    solo.run("reconcile").ok();
    let reconciled = version("goal/a");
    assert_eq!(
        reconciled.split_once('-').unwrap().0,
        before.split_once('-').unwrap().0
    );
    assert!(!reconciled.ends_with("-0"), "{reconciled}");
    let printed = solo.run("get goal a -o yaml").ok().out;
    let list = solo.run("get goal -o json").ok().json();
    assert_eq!(list["items"][0]["metadata"]["resourceVersion"], reconciled);
    let changed = |text: &str| text.replace("good for", "meant for");
    // A change of another resource in the file, or of its format, does not count.
    solo.run_with("apply -f -", &changed(&goal("b"))).ok();
    solo.publish(
        "planspec/all.yaml",
        format!("# two\n{}", solo.read("planspec/all.yaml")),
    );
    assert_eq!(version("goal/a"), reconciled);
    solo.run_with("apply -f -", &changed(&printed))
        .ok()
        .says("goal/a configured");
    let now = version("goal/a").split_once('-').unwrap().0.to_owned();
    let refused = solo
        .run_with("apply -f -", &printed)
        .exits(9)
        .notes(&reconciled)
        .notes(&now);
    refused.notes("or remove `resourceVersion`");
    let refused = solo.run_with("apply -f - -o json", &printed).exits(9);
    assert_eq!(refused.refusal("conflict")["kind"], "conflict");
    // Another implementation uses a number.
    let numbered = |line: &str| {
        if line.contains("resourceVersion:") {
            "  resourceVersion: '7'\n".to_owned()
        } else {
            format!("{line}\n")
        }
    };
    let lines = printed.lines().map(numbered);
    solo.run_with("apply -f -", &lines.collect::<String>())
        .ok()
        .says("goal/a configured");
}

/// The example of the published README, as three files.
const SSO: [&str; 3] = [
    "apiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {name: sso-exec-001, namespace: team-platform}\nspec:\n  goalRef: {name: enable-google-sso}\n  planRef: {name: sso-implementation-v2}\n  bindingRef: {name: platform-bindings}\n  parameters: {dryRun: false, priority: high}\n",
    "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata:\n  name: sso-implementation-v2\n  namespace: team-platform\n  labels: {planspec.io/goal: enable-google-sso, planspec.io/series: sso, planspec.io/version: \"2\"}\nspec:\n  goalRef: {name: enable-google-sso}\n  series: sso\n  version: \"2\"\n  description: Implementation plan for Google SSO\n  graph:\n    nodes:\n      - {id: research, kind: Task, description: Research, capabilityRefs: [{name: code-analysis}]}\n      - {id: implement, kind: Task, capabilityRefs: [{name: code-generation}], inputs: {framework: react}, timeout: 4h, retries: 2}\n      - {id: review, kind: Gate, description: Security review checkpoint, gateRef: {name: sso-security-review}}\n    edges: [{from: research, to: implement}, {from: implement, to: review}]\n",
    "apiVersion: planspec.io/v1alpha1\nkind: Goal\nmetadata: {name: enable-google-sso, namespace: team-platform, deletionGracePeriodSeconds: 3}\nspec:\n  description: Enable Google SSO for the application\n  constraints: {frontend: react, idp: google}\n  acceptanceCriteria: [{description: Users can sign in with Google}]\n  planSelector: {matchLabels: {planspec.io/goal: enable-google-sso}}\n  timeout: 7d\n  priority: 10\n",
];

#[test]
fn resources_are_applied_in_any_order() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    for (text, says) in SSO
        .iter()
        .zip(["PS206", "PS203", "goal/enable-google-sso created"])
    {
        let applied = solo.run_with("apply -f -", text).ok();
        assert!(
            applied.out.contains(says) || applied.err.contains(says),
            "{says}: {applied}"
        );
    }
    // For a tree it is an error.
    solo.run("validate").exits(1).says("PS203");
    solo.run("reconcile").ok();
    let valid = solo.get("plan/sso-implementation-v2")["status"]["conditions"].clone();
    let valid = valid
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "Valid");
    assert_eq!(valid.unwrap()["reason"], "ValidationFailed");
    let gate = "apiVersion: planspec.io/v1alpha1\nkind: Gate\nmetadata: {name: sso-security-review, namespace: team-platform}\nspec: {gateType: review, targetRef: {kind: Plan, name: sso-implementation-v2}}\n";
    solo.run_with("apply -f -", gate).ok();
    solo.run("reconcile").ok();
    assert_eq!(solo.phase("plan/sso-implementation-v2"), "Ready");
    solo.run("validate").ok();
}

/// The namespaces are those in use, those that were created, and `default`.
#[test]
fn a_namespace_is_made_before_anything_is_in_it() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    solo.publish("planspec/a.yaml", goal("a"));
    let names = |expected: &str| assert_eq!(solo.run("get ns -o name").ok().out, expected);
    names("namespace/default\n");
    solo.run("create namespace team")
        .ok()
        .says("namespace/team created");
    assert_eq!(
        solo.git("show --format=%s --name-only"),
        "Create namespace team\n\nplanspec/team/.namespace"
    );
    solo.run("create ns/team").ok().says("unchanged");
    names("namespace/default\nnamespace/team\n");
    solo.run("create namespace Team")
        .exits(2)
        .notes("cannot be the name of a namespace");
    solo.run("create plan p").exits(2).notes("planspec new");
    solo.write("../b.yaml", goal("b").replace("  namespace: default\n", ""));
    solo.run("apply -f ../b.yaml").exits(1);
    solo.run("apply -n team -f ../b.yaml")
        .ok()
        .says("goal/b created");
    assert!(
        solo.read("planspec/team/goals/b.yaml")
            .contains("namespace: team")
    );
    solo.write("../c.yaml", goal("c"));
    solo.run("apply -n team -f ../c.yaml")
        .exits(2)
        .notes("sets namespace `default`");
    let table = solo.run("get namespaces").ok();
    assert_eq!(
        table.out,
        "NAME      RESOURCES   FILE\ndefault   1\nteam      1           planspec/team/.namespace\n"
    );
    solo.run("delete namespace team")
        .exits(1)
        .notes("1 resources are in");
    solo.run("delete goal team/b").ok();
    solo.run("delete namespace team -o json")
        .ok()
        .answer("NamespaceChanged");
    names("namespace/default\n");
    solo.run("get ns team")
        .exits(1)
        .notes("there is no namespace");
    solo.run("get ns -o json").ok().answer("NamespaceList");
}

/// Labels select what is watched, every answer is available as YAML, and `--server` is ignored.
#[test]
fn the_other_flags_of_the_reference_are_understood() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let labelled = goal("a").replace("  name: a\n", "  name: a\n  labels: {tier: gold}\n");
    solo.publish("planspec/all.yaml", file(&[labelled, goal("b")]));
    solo.run("reconcile").ok();
    solo.run("watch goals --once -o json").ok();
    let gold = solo.run("watch goals --once -s tier=gold").ok();
    assert_eq!(gold.out.lines().count(), 1, "{gold}");
    gold.says("Goal default/a");
    solo.run("--server http://localhost:1 get goals -o name")
        .ok()
        .notes("--server has no effect");
    let described: serde_json::Value =
        serde_yaml::from_str(&solo.run("describe goal a -o yaml").ok().out).unwrap();
    assert_eq!(described["kind"], "Description");
    let refused = solo.run("describe goal missing -o yaml").exits(1);
    let refused: serde_json::Value = serde_yaml::from_str(&refused.out).unwrap();
    assert_eq!(refused["error"]["kind"], "notFound");
}

/// What users of the reference implementation type: the lines of its help, verb by verb.
#[test]
fn flags_of_the_reference_are_understood() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let labelled = goal("a").replace("  name: a\n", "  name: a\n  labels: {tier: gold}\n");
    let series =
        plan("p-v1", &[task("t")]).replace("spec:\n", "spec:\n  series: p\n  version: '1'\n");
    solo.publish(
        "planspec/all.yaml",
        file(&[labelled, goal("b"), series, plan("q", &[task("t")])]),
    );
    solo.run("reconcile").ok();
    let says = |args: &str, expected: &str| {
        let ran = solo.run(args).ok();
        assert_eq!(ran.out, expected, "{args}");
    };
    // Global options, before the verb and after it.
    says("-n default -o name get goals", "goal/a\ngoal/b\n");
    says(
        "--namespace=default --output=name get goals",
        "goal/a\ngoal/b\n",
    );
    says("-nother -oname get goals", "");
    says("get goals -s tier=gold -o name", "goal/a\n");
    says("get plans --series p -o name", "plan/p-v1\n");
    says("get all -o name", "goal/a\ngoal/b\nplan/p-v1\nplan/q\n");
    says("-C . -o name get plan q", "plan/q\n");
    let other = solo
        .run_in(&[("PLANSPEC_NAMESPACE", "other")], "get goals -o name")
        .ok();
    assert_eq!(other.out, "");
    let all = solo
        .run_in(&[("PLANSPEC_NAMESPACE", "other")], "get goals -A -o name")
        .ok();
    assert_eq!(all.out, "goal/a\ngoal/b\n");
    solo.run("describe goal a -o table").ok().says("a");
    solo.run("-o json describe goal a")
        .ok()
        .answer("Description");
    solo.run("graph q --format dot").ok().says("digraph");
    let draft = "../draft.yaml";
    solo.write(draft, goal("c"));
    solo.run("validate --file ../draft.yaml").ok();
    solo.run("-o json validate -f ../draft.yaml")
        .ok()
        .answer("Findings");
    solo.run("apply --file ../draft.yaml -o json")
        .ok()
        .answer("Applied");
    solo.write(
        "planspec/all.yaml",
        solo.read("planspec/all.yaml")
            .replace("good for", "meant for"),
    );
    solo.run("diff -f planspec/all.yaml").ok().says("meant");
    solo.git("checkout planspec/all.yaml");
    solo.run("delete -f ../draft.yaml")
        .ok()
        .says("goal/c deleted");
    solo.write("../drafts/deep/b.yaml", goal("b"));
    solo.run("delete -d ../drafts -R -o json --dry-run")
        .ok()
        .answer("Deleted");
    solo.run("delete --directory ../drafts --recursive")
        .ok()
        .says("goal/b deleted");
    solo.run("delete goal a -f ../draft.yaml").exits(2);
    solo.run("delete").exits(2);
    solo.write_executable(
        "../editor",
        "#!/bin/sh\nsed -i 's/good for/meant for/' \"$1\"\n",
    );
    let editor = sandbox.path("editor");
    solo.run(&format!("edit goal a --editor {}", editor.display()))
        .ok()
        .says("goal/a configured");
    solo.run("completions bash").ok().says("planspec");
}

#[test]
fn finalizers_hold_up_a_deletion_until_they_are_taken_away() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let held = goal("a").replace(
        "spec:\n",
        "  finalizers: [example.com/archive] # ask the archive\nspec:\n",
    );
    solo.publish("planspec/all.yaml", file(&[held.clone(), goal("b")]));
    solo.run("reconcile").ok();
    solo.run("hooks install").ok();
    solo.run("delete goal a")
        .ok()
        .notes("stays until its finalizers are removed: example.com/archive");
    let text = solo.read("planspec/all.yaml");
    assert!(
        text.contains("# ask the archive") && text.contains("planspec.io/deletion-requested"),
        "{text}"
    );
    assert_eq!(
        solo.get("goal/a")["metadata"]["deletionTimestamp"],
        sandbox.now()
    );
    solo.run("delete goal a")
        .ok()
        .notes("is already waiting for its finalizers");
    solo.run("reconcile").ok();
    // The finalizer is removed by whoever has done its work.
    let printed = solo.run("get goal a -o yaml").ok().out;
    let lines = printed
        .lines()
        .filter(|line| !line.contains("example.com/archive"));
    let without: String = lines
        .map(|line| format!("{}\n", line.replace("finalizers:", "finalizers: []")))
        .collect();
    solo.run_with("apply -f -", &without)
        .ok()
        .says("goal/a deleted");
    assert_eq!(
        solo.read("planspec/all.yaml").matches("kind: Goal").count(),
        1
    );
    solo.run("reconcile").ok();
    solo.run("get goal -o name").ok().says("goal/b\n");
}

#[test]
fn a_file_with_finalizers_is_not_removed_by_hand() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let held = goal("a").replace("spec:\n", "  finalizers: [example.com/archive]\nspec:\n");
    solo.publish("planspec/a.yaml", held);
    solo.publish("planspec/b.yaml", goal("b"));
    solo.git("rm -q planspec/a.yaml");
    solo.run("validate --staged")
        .exits(1)
        .says("error[PS411]")
        .says("planspec delete goal a -n default");
    solo.commit("gone");
    solo.run("review HEAD~1..HEAD").exits(1).says("PS411");
}

#[test]
fn gates_and_bindings_have_the_words_that_are_published() {
    let sandbox = Sandbox::new();
    let about = "gateType: sign-off\ntargetRef: {kind: Artifact, name: report}\n\
                 reviewers: [\"serviceaccount:ci\"]\n\
                 context: {what: The report of the quarter, figures: [1, 2]}\n";
    let nodes = [task("write"), gate_node("sign", "figures").after("write")];
    let bound = "rules:\n  - {selector: {capabilityRef: {name: read}}, target: {provider: \"mcp://files\"}}\n  \
                 - {selector: {planRef: {name: p}}, target: {provider: \"https://build.example.com\"}}\n";
    let ana = sandbox.team_with(
        "ana",
        &[
            plan("p", &nodes),
            resource("Gate", "figures", about),
            resource("Binding", "b", bound),
            resource(
                "Capability",
                "read",
                "description: d\ninputs:\n  - {name: how, type: string, enum: [fast, null]}\n",
            ),
            execution("run", "p"),
        ],
    );
    let said = ana.run("validate").ok();
    assert!(
        !said.out.contains("PS211") && !said.out.contains("PS226"),
        "{said}"
    );
    ana.run("reconcile").ok();
    let described = ana.run("describe gate figures").ok();
    described
        .says("Artifact report")
        .says("serviceaccount:ci")
        .says("what: The report of the quarter")
        .says("figures: [1,2]");
    ana.works("run/write", "agent:a");
    ana.run("approve figures --as ana@example.com --reconcile")
        .exits(1);
    ana.run("approve figures --as serviceaccount:ci --reconcile")
        .ok();
    assert_eq!(ana.phase("execution/run"), "Succeeded");
}

#[test]
fn a_service_account_is_no_person() {
    let sandbox = Sandbox::new();
    let ana = sandbox.team_with(
        "ana",
        &[
            plan("p", &[gate_node("sign", "g")]),
            gate("g", "p"),
            execution("run", "p"),
        ],
    );
    ana.run("reconcile").ok();
    for program in ["serviceaccount:ci", "mcp:files", "https:build.example.com"] {
        ana.run(&format!("approve g --as {program}")).exits(1);
    }
    ana.run("approve g --as ana@example.com --reconcile").ok();
}

#[test]
fn a_context_is_described_with_what_it_belongs_to() {
    let sandbox = Sandbox::new();
    let solo = sandbox.repository("solo");
    let context = "context:\n  - {name: why, format: text, content: They leave}\n  \
                   - {name: read, format: uri-list, uris: [\"https://a.example\", \"https://b.example\"]}\n  \
                   - {format: json, content: {a: 1}}\n";
    let long: String = (1..=30)
        .map(|line| format!("      line {line}\n"))
        .collect();
    solo.write(
        "planspec/g.yaml",
        resource(
            "Goal",
            "g",
            &format!("description: d\ntimeout: 7d\n{context}"),
        ),
    );
    solo.write(
        "planspec/p.yaml",
        resource("Plan", "p", &format!("description: d\ncontext:\n  - format: text\n    content: |\n{long}graph: {{nodes: [{{id: a, kind: Task}}]}}\n")),
    );
    solo.commit("x");
    solo.run("validate").ok();
    solo.run("describe goal g")
        .ok()
        .says("why: They leave")
        .says("read: https://a.example")
        .says("https://b.example")
        .says("{\"a\":1}");
    solo.run("describe plan p")
        .ok()
        .says("line 10")
        .says("… 20 more lines");
}
