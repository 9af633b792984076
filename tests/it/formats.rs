//! Formats of findings, one finding for each cause, and severities that apply everywhere.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::resources::{
    capability, execution, file, gate, gate_node, goal, plan, plan_with, resource, task,
};
use crate::sandbox::{Place, Ran, Sandbox, text};

/// Two errors and a warning, in a file whose name and lines need escaping.
fn awkward(sandbox: &Sandbox) -> Place<'_> {
    let place = sandbox.repository("solo");
    let text = file(&[plan_with(
        "p",
        "goalRef: {\"name\": \"nowhere\"} # 👍\n",
        &[
            task("one").with("name: \"👍\"\ncapabilityRefs: [{name: deploying}]\n"),
            task("two").after("oen"),
        ],
    )]);
    place.write("planspec/ä b%:,<&>.yaml", text);
    place
}

#[test]
fn reports_are_complete_documents_and_nothing_else_is_said() {
    let sandbox = Sandbox::new();
    let place = awkward(&sandbox);
    let report = |format: &str| -> Ran {
        let ran = place.run(&format!("validate --format {format}")).exits(1);
        assert_eq!(ran.err, "", "{ran}");
        ran
    };
    let json = report("json").json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 3);
    let gitlab = report("gitlab").json();
    assert_eq!(gitlab.as_array().unwrap().len(), 3);
    let sarif = report("sarif").json();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 3);
    let junit = report("junit").out;
    assert!(junit.starts_with("<?xml"));
    assert!(junit.contains(
        "<testsuite name=\"planspec/ä b%:,&lt;&amp;&gt;.yaml\" tests=\"3\" failures=\"2\">"
    ));
    assert!(junit.ends_with("</testsuites>\n"));
}

#[test]
fn reports_of_a_clean_repository_say_so() {
    let sandbox = Sandbox::new();
    let place = sandbox.repository("solo");
    place.write("planspec/goal.yaml", goal("g"));
    let run = |format: &str| place.run(&format!("validate --format {format}")).ok();
    for format in ["text", "concise", "github"] {
        assert_eq!(run(format).notes("1 resource: valid").out, "");
    }
    assert_eq!(run("gitlab").out, "[]\n");
    let sarif = run("sarif").json();
    assert_eq!(sarif["runs"][0]["results"], Value::Array(Vec::new()));
    assert_eq!(
        sarif["runs"][0]["tool"]["driver"]["rules"],
        Value::Array(Vec::new())
    );
    run("junit")
        .says("tests=\"1\" failures=\"0\"")
        .says("name=\"no findings\"");
}

#[test]
fn people_are_told_the_sum_on_standard_error() {
    let sandbox = Sandbox::new();
    let place = awkward(&sandbox);
    for format in ["text", "concise", "github"] {
        let ran = place.run(&format!("validate --format {format}")).exits(1);
        assert_eq!(ran.err, "2 errors, 1 warning in 1 file\n", "{ran}");
    }
}

#[test]
fn github_annotations_name_the_place_and_are_escaped() {
    let sandbox = Sandbox::new();
    let ran = awkward(&sandbox).run("validate --format github").exits(1);
    assert_eq!(
        ran.out,
        "\
::error file=planspec/ä b%25%3A%2C<&>.yaml,line=8,endLine=8,col=21,endColumn=30,title=PS202%3A the goal does not exist::goal `default/nowhere` does not exist%0Ahelp: write a Goal `nowhere`
::warning file=planspec/ä b%25%3A%2C<&>.yaml,line=14,endLine=14,col=33,endColumn=42,title=PS204%3A the capability does not exist::capability `default/deploying` does not exist%0Ahelp: write a Capability `deploying`
::error file=planspec/ä b%25%3A%2C<&>.yaml,line=18,endLine=18,col=16,endColumn=19,title=PS302%3A an edge ends at a node that does not exist::an edge ends at a node that does not exist: `oen`%0Ahelp: did you mean `one`?
"
    );
}

#[test]
fn sarif_has_the_shape_of_its_schema_and_points_at_the_text() {
    let sandbox = Sandbox::new();
    let place = awkward(&sandbox);
    let log = place.run("validate --format sarif").exits(1).json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: Vec<String> = rules.iter().map(|rule| text(&rule["id"])).collect();
    assert_eq!(ids, ["PS202", "PS204", "PS302"]);
    for rule in rules {
        for field in ["shortDescription", "fullDescription", "help"] {
            assert!(!text(&rule[field]["text"]).is_empty(), "{field} of {rule}");
        }
        assert!(text(&rule["help"]["markdown"]).starts_with("# PS"));
        assert_eq!(rule.get("helpUri"), None);
    }
    let content = place.read("planspec/ä b%:,<&>.yaml");
    let lines: Vec<Vec<u16>> = content
        .lines()
        .map(|line| line.encode_utf16().collect())
        .collect();
    let mut shown = Vec::new();
    for result in run["results"].as_array().unwrap() {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(text(&result["ruleId"]), ids[index]);
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            physical["artifactLocation"]["uri"],
            "planspec/%C3%A4%20b%25%3A%2C%3C%26%3E.yaml"
        );
        let base = text(&physical["artifactLocation"]["uriBaseId"]);
        assert!(run["originalUriBaseIds"].get(&base).is_some(), "{base}");
        let at = |field: &str| physical["region"][field].as_u64().unwrap() as usize;
        assert_eq!(at("startLine"), at("endLine"));
        let line = &lines[at("startLine") - 1];
        let underlined = &line[at("startColumn") - 1..at("endColumn") - 1];
        shown.push((
            text(&result["level"]),
            String::from_utf16(underlined).unwrap(),
        ));
    }
    let expected = [
        ("error", "\"nowhere\""),
        ("warning", "deploying"),
        ("error", "oen"),
    ];
    let expected = expected.map(|(level, text)| (level.to_owned(), text.to_owned()));
    assert_eq!(shown, expected);
}

#[test]
fn fingerprints_stay_when_lines_and_entries_before_come_and_go() {
    let sandbox = Sandbox::new();
    let place = sandbox.repository("solo");
    let fingerprints = |nodes: &[crate::resources::Node]| -> BTreeSet<(String, String)> {
        let content = format!(
            "# {}\n{}",
            "a line\n# ".repeat(nodes.len()),
            plan("p", nodes)
        );
        place.write("planspec/p.yaml", content);
        let issues = place.run("validate --format gitlab").exits(1).json();
        let sarif = place.run("validate --format sarif").exits(1).json();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let issues = issues.as_array().unwrap();
        assert_eq!(issues.len(), results.len());
        let pairs = issues.iter().zip(results).map(|(issue, result)| {
            let same = &result["partialFingerprints"]["planspecFinding/v1"];
            assert_eq!(&issue["fingerprint"], same);
            (text(&issue["fingerprint"]), text(&issue["description"]))
        });
        pairs.collect()
    };
    // Two that differ only in their place, and another one.
    let before = fingerprints(&[
        task("one").with("dependsOn: [gone]\n"),
        task("two").with("dependsOn: [gone]\n"),
        task("three").with("retries: 99\n"),
    ]);
    assert_eq!(before.len(), 1, "{before:?}");
    let before = fingerprints(&[
        task("one").with("dependsOn: [gone]\n"),
        task("two").with("dependsOn: [gone]\n"),
        task("three").with("dependsOn: [lost]\n"),
    ]);
    assert_eq!(before.len(), 3, "{before:?}");
    let after = fingerprints(&[
        task("zero"),
        task("one").with("dependsOn: [zero, gone]\n"),
        task("two").with("dependsOn: [gone]\n"),
        task("half"),
        task("three").with("dependsOn: [lost]\n"),
    ]);
    assert_eq!(before, after);
}

#[test]
fn github_gets_ten_of_a_level_and_the_log_the_rest() {
    let sandbox = Sandbox::new();
    let place = sandbox.repository("solo");
    let nodes: Vec<_> = (0..12)
        .map(|node| task(&format!("n{node}")).with("dependsOn: [gone]\n"))
        .collect();
    place.write("planspec/p.yaml", plan("p", &nodes));
    let ran = place.run("validate --format github").exits(1);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(ran.out.matches("::error ").count(), 10, "{ran}");
    let rest = &lines[10..];
    assert_eq!(
        rest[..2],
        [
            "2 more findings; GitHub shows 10 annotations of each level and step",
            "::group::2 more findings"
        ]
    );
    assert!(rest[2].starts_with("planspec/p.yaml:"), "{ran}");
    assert_eq!((rest.len(), rest[4]), (5, "::endgroup::"));
}

/// The codes that `validate` finds, in order.
fn codes(place: &Place<'_>) -> Vec<String> {
    let document = place.run("validate --format json").json();
    let found = document["findings"].as_array().unwrap();
    found.iter().map(|finding| text(&finding["code"])).collect()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn a_cascade_is_reduced_to_its_cause() {
    let uses_everything = || {
        file(&[
            plan_with(
                "p",
                "goalRef: {name: g}\n",
                &[
                    task("one").needs("c"),
                    gate_node("ok", "security").after("one"),
                ],
            ),
            execution("run", "p"),
        ])
    };
    let defines = || file(&[goal("g"), capability("c"), gate("security", "p")]);
    let table: Vec<(&str, String, String, &[&str])> = vec![
        ("nothing is wrong", uses_everything(), defines(), &[]),
        (
            "what stands in a file that cannot be read is not missing",
            uses_everything(),
            format!("- [\n{}", defines()),
            &["PS001"],
        ),
        (
            "nor what stands in a document with a key twice",
            uses_everything(),
            defines().replace("kind: Goal\n", "kind: Goal\nkind: Goal\n"),
            &["PS004"],
        ),
        (
            "nor a resource with a mistyped kind",
            uses_everything(),
            defines().replace("kind: Gate", "kind: Gaet"),
            &["PS108"],
        ),
        (
            "nor a resource whose structure is broken, and its own references rest",
            uses_everything().replace("kind: Task", "kind: Xylophone"),
            String::new(),
            &["PS104"],
        ),
        (
            "where it is known what was meant, that is looked at",
            uses_everything().replace("kind: Task", "kind: Tusk"),
            String::new(),
            &["PS202", "PS104", "PS204", "PS203"],
        ),
        (
            "a plan that cannot be read has no nodes to miss",
            uses_everything().replace(
                "planRef: {name: p}\n",
                "planRef: {name: p}\n  nodeBindings: {two: {name: b}}\n",
            ) + "---\n"
                + &resource(
                    "Binding",
                    "b",
                    "rules: [{selector: {planRef: {name: p}, nodeId: two}, target: {provider: x}}]\n",
                ),
            defines().replace("kind: Goal", "kind: Gaol"),
            // The node is looked up in a valid plan.
            &["PS207", "PS207", "PS108"],
        ),
        (
            "what is missing elsewhere is still missing",
            uses_everything(),
            format!("- [\n{}", defines().replace("security", "safety")),
            &["PS203", "PS001"],
        ),
        (
            "a mistyped field is not missing as well",
            uses_everything(),
            defines().replacen("description", "descripton", 1),
            &["PS102"],
        ),
        (
            "a field that nobody meant leaves the other missing",
            uses_everything(),
            defines().replacen("description", "zebra", 1),
            &["PS101", "PS102"],
        ),
        (
            "a file of another tool is one finding",
            uses_everything(),
            defines()
                + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: X_Y}\nspec: {replicas: 3}\n",
            &["PS108"],
        ),
        (
            "and so is one that says nothing about itself",
            uses_everything(),
            defines() + "---\nservices: {web: {image: x}}\n",
            &["PS101"],
        ),
        (
            "several cycles are several findings, each once",
            plan(
                "p",
                &[
                    task("a").after("b"),
                    task("b").after("a"),
                    task("c").after("d"),
                    task("d").after("c"),
                ],
            ),
            String::new(),
            &["PS304", "PS304"],
        ),
        (
            "a node that stands twice makes no cycle",
            plan(
                "p",
                &[task("a"), task("b").after("a"), task("a").after("b")],
            ),
            String::new(),
            &["PS301", "PS304"],
        ),
        (
            "comments that allow something are not judged beside what cannot be read",
            uses_everything().replace(
                "goalRef",
                "# planspec: allow PS202 not yet written\n  goalRef",
            ),
            format!("- [\n{}", defines()),
            &["PS001"],
        ),
    ];
    let sandbox = Sandbox::new();
    for (number, (name, uses, defines, expected)) in table.into_iter().enumerate() {
        let place = sandbox.repository(&format!("case-{number}"));
        place.write("planspec/a-uses.yaml", uses);
        place.write("planspec/b-defines.yaml", defines);
        assert_eq!(codes(&place), expected, "{name}: {}", place.run("validate"));
    }
}

#[test]
fn with_a_broken_configuration_nothing_else_is_checked() {
    let sandbox = Sandbox::new();
    let place = sandbox.repository("solo");
    place.write(".planspec.yaml", "limits: {nodes: 5000}\nleese: 30m\n");
    let nodes: Vec<_> = (0..1001).map(|node| task(&format!("n{node}"))).collect();
    place.write("planspec/p.yaml", plan("p", &nodes));
    for named in ["", " planspec/p.yaml"] {
        place
            .run(&format!("validate{named}"))
            .exits(1)
            .says("error[PS102]: there is no field `leese`")
            .never_says("PS305");
    }
}

#[test]
fn both_places_of_a_contradiction_are_shown() {
    let sandbox = Sandbox::new();
    let place = sandbox.repository("solo");
    place.write("planspec/a.yaml", goal("g"));
    place.write("planspec/b.yaml", goal("g"));
    place.write(
        "planspec/c.yaml",
        plan(
            "p",
            &[
                task("one").with("dependsOn: [three]\n"),
                task("two").with("dependsOn: [one]\n"),
                task("three").with("dependsOn: [two]\n"),
            ],
        ),
    );
    let ran = place.run("validate").exits(1);
    assert_eq!(
        ran.out,
        "\
error[PS201]: Goal default/g is defined 2 times
 --> planspec/a.yaml:4:9
  |
4 |   name: g
  |         ^
  |
 ::: planspec/b.yaml:4:9
  |
4 |   name: g
  |         - also defined here
  |
  = help: keep one definition, or give the others another name or namespace

error[PS201]: Goal default/g is defined 2 times
 --> planspec/b.yaml:4:9
  |
4 |   name: g
  |         ^
  |
 ::: planspec/a.yaml:4:9
  |
4 |   name: g
  |         - also defined here
  |
  = help: keep one definition, or give the others another name or namespace

error[PS304]: the graph has a cycle: one → two → three → one
  --> planspec/c.yaml:12:21
   |
10 |       - id: one
   |             --- the cycle starts here
11 |         kind: Task
12 |         dependsOn: [three]
   |                     ^^^^^ this dependency closes it
...
16 |       - id: three
   |             ----- and returns from here
   |
   = help: remove one of these dependencies
"
    );
}

#[test]
fn controllers_judge_by_the_same_findings() {
    let broken = plan_with(
        "p",
        "goalRef: {name: nowhere}\n",
        &[task("one").needs("deploying")],
    );
    let allowed = broken.replace(
        "goalRef: {name: nowhere}",
        "goalRef: {name: nowhere} # planspec: allow PS202 it is written next week",
    );
    let cycle = plan("p", &[task("a").after("b"), task("b").after("a")]);
    let table = [
        ("an error makes a plan Invalid", "", &broken, "Invalid"),
        ("a comment allows it", "", &allowed, "Ready"),
        (
            "it is switched off",
            "rules: {PS202: off}\n",
            &broken,
            "Ready",
        ),
        (
            "it is only a warning",
            "rules: {ps202: warning}\n",
            &broken,
            "Ready",
        ),
        (
            "a warning is made an error",
            "rules: {PS202: off, PS204: error}\n",
            &broken,
            "Invalid",
        ),
        ("a cycle", "", &cycle, "Invalid"),
        (
            "a cycle cannot be switched off",
            "rules: {PS304: off}\n",
            &cycle,
            "Invalid",
        ),
    ];
    let sandbox = Sandbox::new();
    for (number, (name, config, text, phase)) in table.into_iter().enumerate() {
        let place = sandbox.repository(&format!("case-{number}"));
        place.write(".planspec.yaml", config);
        place.publish("planspec/p.yaml", text);
        let checked = place.run("validate");
        let valid = if phase == "Ready" { 0 } else { 1 };
        assert_eq!(checked.code, valid, "{name}: {checked}");
        place.run("reconcile").ok();
        assert_eq!(place.phase("plan/p"), phase, "{name}");
    }
}

#[test]
fn levels_hold_for_findings_of_the_command_itself() {
    let sandbox = Sandbox::new();
    let place = sandbox.repository("solo");
    place.run("validate").ok().says("warning[PS007]");
    place.write(".planspec.yaml", "rules: {PS007: error}\n");
    place.run("validate").exits(1).says("error[PS007]");
    place.write(".planspec.yaml", "rules: {PS007: off}\n");
    let ran = place.run("validate").ok();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "no resources\n"));
    // Of a single document.
    let draft = crate::documents::GREETING.replace(
        "\"manual\",\n    \"tags\"",
        "\"t\", \"generator\": \"g\",\n    \"tags\"",
    );
    place.write("planspec/a.planspec.json", draft);
    place.run("validate").ok().says("warning[PS606]");
    place.write(".planspec.yaml", "rules: {PS606: error}\n");
    place.run("validate").exits(1).says("error[PS606]");
}
