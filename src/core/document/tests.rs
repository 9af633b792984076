#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::core::base::diagnostic::{Place, display_path, pointer};
use crate::core::plan::graph;
use crate::core::resource::{Kind, Metadata, PlanSpec, Resource, Spec};
use crate::core::testing;

const GREETING: &str = include_str!("../../../examples/document/planspec/greeting.planspec.json");

fn greeting() -> Value {
    serde_json::from_str(GREETING).unwrap()
}

/// The document with one value replaced, or removed if null.
fn with(pointer: &str, value: Value) -> Value {
    put(greeting(), pointer, value)
}

fn put(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Value::Null) => {
            fields.shift_remove(field).unwrap();
        }
        (Value::Object(fields), value) => {
            fields.insert(field.to_owned(), value);
        }
        (Value::Array(entries), value) => match field {
            "-" => entries.push(value),
            index => entries[index.parse::<usize>().unwrap()] = value,
        },
        (other, _) => panic!("{other}"),
    }
    document
}

/// `PS603 error structure approach.steps[1].dependencies[0]: there is no step `x``
fn findings(value: &Value) -> Vec<String> {
    let found = Finder {
        file: "a.planspec.json",
        document: 0,
        item: None,
    };
    let mut findings = Vec::new();
    if let Some(content) = read(&found, value, &mut findings) {
        judge(&found, &content, &mut findings);
        if let Some(key) = key("a.planspec.json", value, "team") {
            generate(&found, &content, (&key, Default::default()), &mut findings);
        }
    }
    for finding in &findings {
        assert!(finding.help.is_some(), "{finding:?}");
    }
    findings.iter().map(line).collect()
}

fn line(finding: &Diagnostic) -> String {
    let Place::Entry { path, .. } = &finding.place else {
        panic!("{finding:?}");
    };
    format!(
        "{} {} {} {}: {}",
        finding.code,
        finding.severity,
        finding.code.level(),
        display_path(path),
        finding.message
    )
}

/// Every finding in a file: its place as a JSON pointer, and what to do.
fn found_in_file(document: &Value) -> Vec<(String, String)> {
    let file = ("planspec/a.planspec.json", document.to_string());
    let snapshot = testing::snapshot(&[(file.0, &file.1)]);
    let found = snapshot.diagnostics().iter().map(|finding| {
        let Place::Entry { path, .. } = &finding.place else {
            panic!("{finding:?}");
        };
        let help = finding.help.clone().unwrap_or_default();
        (pointer(path), help)
    });
    found.collect()
}

#[test]
fn a_glob_that_is_none_is_found_where_the_document_has_it() {
    let step = json!({"touches": ["lang/[a", "*.po"]});
    let found = found_in_file(&with("/approach/steps/1/x-planspec", step));
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "/approach/steps/1/x-planspec/touches/0",
            "/approach/steps/1/x-planspec/touches/1",
        ]
    );
}

#[test]
fn a_number_where_a_time_is_expected_is_read_as_one_where_it_can_be() {
    let usual = "expected: a time like `2026-01-31T09:00:00Z` (RFC 3339)";
    for (number, help) in [
        (json!(1_769_850_000), "write `\"2026-01-31T09:00:00Z\"`"),
        (
            json!(1_769_850_000_123_i64),
            "write `\"2026-01-31T09:00:00Z\"`",
        ),
        (json!("1769850000"), "write `\"2026-01-31T09:00:00Z\"`"),
        (json!(20_260_131), usual),
        (json!("90"), usual),
        (json!(true), usual),
    ] {
        let found = found_in_file(&with("/identity/created_at", number.clone()));
        let expected = ("/identity/created_at".to_owned(), help.to_owned());
        assert_eq!(found, [expected], "{number}");
    }
}

#[test]
fn the_document_that_is_broken_below_is_ready() {
    assert_eq!(findings(&greeting()), [] as [&str; 0]);
}

fn check() -> Value {
    json!({"type": "test_passes", "name": "all", "command": "make test"})
}

#[test]
fn each_rule_has_a_document_that_breaks_only_it() {
    let step = |fields: Value| {
        let mut step = json!({"step_id": "more", "title": "t", "description": "d"});
        step.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        with("/approach/steps/-", step)
    };
    let risk = json!({"risk_id": "r", "title": "Rain", "probability": "high", "impact": "low",
        "description": "d"});
    let table = [
        // Structure: sections and fields.
        (
            with("/intent", Value::Null),
            "PS101 error structure : `intent` is missing",
        ),
        (
            with("/identity/parent_id", Value::Null),
            "PS101 error structure identity: `parent_id` is missing in `identity`",
        ),
        (
            with("/identity/planid", json!("x")),
            "PS102 error structure identity.planid: there is no field `planid` in `identity`",
        ),
        (
            with("/identity/plan_id", json!("greeting-1")),
            "PS105 error structure identity.plan_id: `plan_id`: `greeting-1` is not a UUID",
        ),
        (
            with("/identity/created_at", json!("yesterday")),
            "PS105 error structure identity.created_at: `created_at`: `yesterday` is not a time",
        ),
        (
            with("/identity/revision", json!(0)),
            "PS106 error structure identity.revision: `revision`: `0` is out of range; 1 to \
             4294967295 is allowed",
        ),
        (
            with("/constraints/0/constraint_id", json!("")),
            "PS106 error structure constraints[0].constraint_id: `constraint_id`: it is empty",
        ),
        (
            with("/approach/steps/0/estimated_complexity", json!("xxl")),
            "PS104 error structure approach.steps[0].estimated_complexity: `estimated_complexity`: \
             `xxl` is not one of the allowed values",
        ),
        (
            with("/metadata/schema_version", json!("1.2")),
            "PS105 error structure metadata.schema_version: `schema_version`: `1.2` has the wrong \
             syntax",
        ),
        (
            with("/metadata/language", json!("English, of course")),
            "PS105 error structure metadata.language: `language`: `English, of course` has the \
             wrong syntax",
        ),
        (
            with(
                "/dependencies",
                json!([{"dependency_id": "d", "description": "d",
                "available": "yes"}]),
            ),
            "PS103 error structure dependencies[0].available: `available`: a boolean is expected, \
             but this is a string",
        ),
        (
            with("/x-planspec", json!({"nam": "x"})),
            "PS102 error structure x-planspec.nam: there is no field `nam` in `x-planspec`",
        ),
        (
            with("/x-planspec", json!({"name": "Not A Name"})),
            "PS105 error structure x-planspec.name: `name`: `Not A Name` has the wrong syntax",
        ),
        // Structure: ids and references.
        (
            step(json!({"step_id": "choose"})),
            "PS602 error structure approach.steps[3].step_id: the step_id `choose` appears twice",
        ),
        (
            step(json!({"step_id": "approve-release"})),
            "PS602 error structure approach.steps[3].step_id: two steps, or a step and an approval, \
             become node `approve-release`",
        ),
        (
            step(json!({"dependencies": ["chose"]})),
            "PS603 error structure approach.steps[3].dependencies[0]: there is no step `chose`",
        ),
        (
            with("/delegation/step_overrides/0/step_id", json!("gone")),
            "PS603 error structure delegation.step_overrides[0].step_id: there is no step `gone`",
        ),
        (
            with("/approach/steps/0/dependencies", json!(["release"])),
            "PS604 error structure approach.steps[0].dependencies[0]: steps depend on each other \
             in a cycle: translate -> choose -> release -> translate",
        ),
        (
            step(json!({"dependencies": ["more"]})),
            "PS604 error structure approach.steps[3].dependencies[0]: step `more` depends on itself",
        ),
        (
            step(json!({"x-planspec": {"retries": 11}})),
            "PS605 error structure approach.steps[3].x-planspec.retries: `retries`: `11` is out of range; 0 to 10 is allowed",
        ),
        (
            step(json!({"x-planspec": {"dependsOn": []}})),
            "PS605 error structure approach.steps[3].x-planspec.dependsOn: `dependsOn` is not allowed in `x-planspec` of a step",
        ),
        (
            with("/approach/steps/2/x-planspec", json!({"when": "false"})),
            "PS605 error structure approach.steps[2].x-planspec.when: step `release` cannot have a \
             condition: a person approves it first",
        ),
        (
            with("/approach/steps/0/x-planspec", json!({"when": "false"})),
            "PS605 error structure approach.steps[0].x-planspec.when: step `translate` cannot have \
             a condition: a person does it",
        ),
        (
            with(
                "/x-planspec",
                json!({"edges": [{"from": "translate", "to": "release"}]}),
            ),
            "PS605 error structure x-planspec.edges[0]: the edge to `release` is a hard edge",
        ),
        (
            with("/x-planspec", json!({"checks": {"understod": [check()]}})),
            "PS611 error structure x-planspec.checks.understod: there is no success criterion \
             `understod`",
        ),
        (
            with(
                "/x-planspec",
                json!({"checks": {"ten-languages": [{"type": "test_passes", "name": "n"}]}}),
            ),
            "PS101 error structure x-planspec.checks.ten-languages[0]: a test_passes criterion needs \
             `command`",
        ),
        (
            with("/x-planspec", json!({"checks": {"ten-languages": []}})),
            "PS106 error structure x-planspec.checks.ten-languages: `checks.ten-languages`: it is empty, at \
             least one entry is expected",
        ),
        (
            with(
                "/x-planspec",
                json!({"checks": {"ten-languages": [{"type": "test_passes", "name": "n",
                    "command": "make", "until": "ok"}]}}),
            ),
            "PS102 error structure x-planspec.checks.ten-languages[0].until: there is no field \
             `until` in `checks.ten-languages[0]`",
        ),
        // Tolerated deviations.
        (
            step(json!({"intended_outcome": "x"})),
            "PS606 warning structure approach.steps[3].intended_outcome: `intended_outcome` belongs to an older draft of the format",
        ),
        (
            step(json!({"delegation": "human_approval"})),
            "PS606 warning structure approach.steps[3].delegation: this word for `delegation` belongs to an older draft of the format",
        ),
        (
            with("/constraints/0/type", json!("secrity")),
            "PS607 warning structure constraints[0].type: the format does not name a constraint of \
             type `secrity`",
        ),
        (
            with("/scope/out_of_scope", json!([])),
            "PS608 warning structure scope.out_of_scope: nothing is out of scope",
        ),
        (
            with("/metadata/schema_version", json!("2.0.0")),
            "PS609 warning structure metadata.schema_version: version `2.0.0` of the format may \
             mean something else",
        ),
        (
            with("/scope/in_scope/0", json!("path:../greeting")),
            "PS610 error structure scope.in_scope[0]: this entry starts with `path:` but names no files: a repository path cannot contain `..`",
        ),
        (
            with("/identity/created_at", json!("2026-01-31 09:00:00")),
            "PS612 warning structure identity.created_at: `created_at`: `2026-01-31 09:00:00` is read as `2026-01-31T09:00:00Z`",
        ),
        (
            with(
                "/identity/parent_id",
                json!("6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a11"),
            ),
            "PS613 error structure identity.parent_id: revision 1 has a parent, but is the first revision",
        ),
        (
            with("/identity/revision", json!(2)),
            "PS613 error structure identity.parent_id: revision 2 has no parent",
        ),
        (
            with(
                "/identity/parent_id",
                greeting()["identity"]["plan_id"].clone(),
            ),
            "PS613 error structure identity.parent_id: the document is its own parent",
        ),
        (
            with(
                "/revision_history/-",
                greeting()["revision_history"][0].clone(),
            ),
            "PS613 error structure revision_history[1].revision: revision 1 comes after revision 1 in the history",
        ),
        // A later version may have more fields, but not the extension of this program.
        (
            {
                let mut document = with("/metadata/schema_version", json!("1.3.0"));
                document["milestones"] = json!([1]);
                document
            },
            "PS102 warning structure milestones: there is no field `milestones` in the document",
        ),
        (
            {
                let mut document = with("/metadata/schema_version", json!("1.3.0"));
                document["x-planspec"] = json!({"planb": 1});
                document
            },
            "PS102 error structure x-planspec.planb: there is no field `planb` in `x-planspec`",
        ),
        // Semantics.
        (
            with("/scope/in_scope", json!([])),
            "PS626 error semantics scope.in_scope: nothing is in scope",
        ),
        (
            {
                let mut document = with("/approach/steps", json!([]));
                document["delegation"]["step_overrides"] = json!([]);
                document
            },
            "PS627 error semantics approach.steps: there are no steps, so nothing would be done",
        ),
        (
            {
                let mut document = with("/success_criteria", json!([]));
                document["x-planspec"] = json!({});
                document
            },
            "PS622 error semantics success_criteria: there is no success criterion, so nothing \
             decides whether the plan succeeded",
        ),
        (
            with("/intent/goal_statement", json!(" ")),
            "PS621 error semantics intent.goal_statement: the document has no goal: \
             `goal_statement` is empty",
        ),
        (
            {
                let mut document = with("/success_criteria/0/weight", json!("secondary"));
                document["success_criteria"][1]["weight"] = json!("secondary");
                document
            },
            "PS622 error semantics success_criteria: no success criterion is primary, so nothing \
             decides whether the plan succeeded",
        ),
        (
            with("/delegation/default_mode", json!("agent_autonomous")),
            "PS623 error semantics approach.steps[0].delegation: step `translate`: a person does \
             it, but `default_mode` gives every step to agents",
        ),
        (
            with("/delegation/default_mode", json!("human_approval")),
            "PS623 error semantics approach.steps[1].delegation: step `choose`: an agent does it, \
             but `default_mode` requires a person to approve each step",
        ),
        (
            with("/approach/steps/1/acceptance_criteria", json!("")),
            "PS624 error semantics approach.steps[1].delegation: step `choose` is for an agent and \
             has no `acceptance_criteria`",
        ),
        (
            with("/x-planspec", json!({"checks": {"understood": [check()]}})),
            "PS625 error semantics x-planspec.checks.understood: criterion `understood` has checks but is not automated",
        ),
        (
            with(
                "/delegation/step_overrides",
                json!([{"step_id": "translate", "mode": "agent_autonomous"}]),
            ),
            "PS628 warning semantics delegation.step_overrides[0].mode: a person does step `translate` in spite of this override",
        ),
        // Readiness.
        (
            with("/scope/open_questions", json!(["Which languages?"])),
            "PS631 warning readiness scope.open_questions[0]: a question is open: Which languages?",
        ),
        (
            with("/risks/-", risk),
            "PS632 warning readiness risks[1].probability: risk `r` is likely and has no mitigation: Rain",
        ),
        (
            with(
                "/dependencies",
                json!([{"dependency_id": "d", "description": "A translator",
                "available": false}]),
            ),
            "PS633 warning readiness dependencies[0].available: dependency `d` is not available: A \
             translator",
        ),
        (
            with("/delegation/default_mode", Value::Null),
            "PS634 warning readiness delegation: `default_mode` is not set, so it is unknown who \
             approves steps",
        ),
        (
            with(
                "/x-planspec",
                json!({"findings": [reviewed("F1", json!({}))]}),
            ),
            "PS635 warning readiness x-planspec.findings[0].severity: finding `F1` of human:ben on \
             steps is open: Who can read it?",
        ),
    ];
    for (document, expected) in &table {
        assert_eq!(findings(document), [*expected], "{document}");
    }
    let tested: std::collections::BTreeSet<&str> =
        table.iter().map(|(_, line)| &line[..5]).collect();
    // These need several files, or the name of one.
    let of_files = [
        Code::BROKEN_CHAIN,
        Code::SESSION_TWICE,
        Code::UNREADABLE_NAME,
    ];
    let of_one = |code: &&Code| code.id > "PS600" && !of_files.contains(code);
    for code in Code::ALL.iter().filter(of_one) {
        assert!(tested.contains(code.id), "{code} has no document");
    }
}

/// A document with an entry in every list.
fn complete(pointer: &str, value: Value) -> Value {
    let mut document = with(
        "/dependencies",
        json!([{"dependency_id": "d", "description": "d", "available": true}]),
    );
    // References to a step that this breaks would break as well.
    document["delegation"]["step_overrides"] = json!([]);
    document["approach"]["steps"] = json!([
        {"step_id": "a", "title": "t", "description": "d"}
    ]);
    document["revision_history"][0]["changes"] =
        json!([{"type": "addition", "section": "approach", "summary": "s"}]);
    if !pointer.starts_with("/delegation/step_overrides") {
        return put(document, pointer, value);
    }
    document["delegation"]["step_overrides"] =
        json!([{"step_id": "a", "mode": "human_approval", "rationale": "r"}]);
    put(document, pointer, value)
}

#[test]
fn each_required_field_is_missed_where_it_is_missing() {
    let table: [(&str, &[&str]); 13] = [
        (
            "",
            &[
                "identity",
                "intent",
                "scope",
                "approach",
                "success_criteria",
                "delegation",
            ],
        ),
        (
            "/identity",
            &[
                "plan_id",
                "session_id",
                "revision",
                "parent_id",
                "created_by",
                "created_at",
            ],
        ),
        (
            "/intent",
            &["goal_statement", "motivation", "success_definition"],
        ),
        ("/scope", &["in_scope", "out_of_scope"]),
        ("/approach", &["overview", "rationale", "steps"]),
        (
            "/approach/alternatives_considered/0",
            &["approach", "rejection_reason"],
        ),
        ("/approach/steps/0", &["step_id", "title", "description"]),
        (
            "/constraints/0",
            &[
                "constraint_id",
                "type",
                "description",
                "validation_method",
                "blocking",
            ],
        ),
        (
            "/success_criteria/0",
            &["criterion_id", "description", "verification", "weight"],
        ),
        (
            "/risks/0",
            &["risk_id", "title", "probability", "impact", "description"],
        ),
        (
            "/dependencies/0",
            &["dependency_id", "description", "available"],
        ),
        ("/delegation/step_overrides/0", &["step_id", "mode"]),
        (
            "/revision_history/0",
            &["revision", "change_type", "change_summary", "created_at"],
        ),
    ];
    for (holder, fields) in table {
        for field in fields {
            let found = findings(&complete(&format!("{holder}/{field}"), Value::Null));
            let [finding] = found.as_slice() else {
                panic!("{holder}/{field}: {found:?}");
            };
            assert!(finding.starts_with("PS101 error structure"), "{finding}");
            assert!(
                finding.contains(&format!("`{field}` is missing")),
                "{finding}"
            );
        }
    }
}

#[test]
fn each_field_is_held_to_its_words_and_its_type() {
    let words = [
        "/approach/steps/0/estimated_complexity",
        "/approach/steps/0/delegation",
        "/success_criteria/0/verification",
        "/success_criteria/0/weight",
        "/risks/0/probability",
        "/risks/0/impact",
        "/risks/0/owner",
        "/delegation/default_mode",
        "/delegation/step_overrides/0/mode",
        "/delegation/escalation_policy/on_ambiguity",
        "/delegation/escalation_policy/on_constraint_violation",
        "/delegation/escalation_policy/on_unexpected_scope",
        "/revision_history/0/change_type",
        "/revision_history/0/trigger",
        "/revision_history/0/changes/0/type",
    ];
    let types = [
        "/identity/session_id",
        "/identity/workspace_id",
        "/intent/scope_context",
        "/scope/assumptions",
        "/scope/open_questions",
        "/approach/steps",
        "/approach/steps/0/rationale",
        "/approach/steps/0/inputs",
        "/approach/steps/0/outputs",
        "/approach/steps/0/dependencies",
        "/approach/steps/0/parallelizable",
        "/constraints/0/blocking",
        "/risks/0/contingency",
        "/dependencies/0/type",
        "/delegation/step_overrides/0/rationale",
        "/metadata/tool_version",
        "/metadata/tags",
    ];
    let words = words.map(|pointer| (pointer, json!("bogus"), "PS104"));
    let types = types.map(|pointer| (pointer, json!(7.5), "PS103"));
    for (pointer, value, code) in words.into_iter().chain(types) {
        let found = findings(&complete(pointer, value));
        let [finding] = found.as_slice() else {
            panic!("{pointer}: {found:?}");
        };
        assert!(finding.starts_with(code), "{pointer}: {finding}");
    }
}

#[test]
fn what_is_wrong_with_the_structure_hides_nothing() {
    let mut document = with("/identity/plan_id", json!("greeting-1"));
    document["intent"]["goal_statement"] = json!("");
    document["success_criteria"][0]["weight"] = json!("secondary");
    document["success_criteria"][1]["weight"] = json!("secondary");
    let found = findings(&document);
    let codes: Vec<&str> = found.iter().map(|line| &line[..5]).collect();
    assert_eq!(codes, ["PS105", "PS621", "PS622"], "{found:?}");
}

#[test]
fn what_is_fine() {
    let table = [
        with("/x-anything", json!({"a": [null]})),
        with("/approach/steps/0/x-mine", json!(1)),
        with("/approach/steps/0/$comment", json!("why")),
        with("/$schema", json!("https://example.com/planspec.json")),
        with("/metadata/schema_version", Value::Null),
        with("/metadata/schema_version", json!("1.9.0")),
        with("/constraints", Value::Null),
        with("/risks", Value::Null),
        with("/revision_history", Value::Null),
        {
            let parent = json!("6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a12");
            put(
                with("/identity/revision", json!(2)),
                "/identity/parent_id",
                parent,
            )
        },
        with("/metadata", Value::Null),
        with(
            "/identity/created_at",
            json!("2026-01-31T09:00:00.123+05:30"),
        ),
        with("/approach/steps/0/dependencies", json!([])),
    ];
    for document in table {
        assert_eq!(findings(&document), [] as [&str; 0], "{document}");
    }
}

#[test]
fn null_is_nothing_where_a_field_is_optional() {
    let mut document = with("/risks/0/probability", json!("low"));
    let mut count = 0;
    for (holder, fields) in lenient::OPTIONAL {
        let pointer: String = holder
            .iter()
            .map(|part| {
                if *part == "*" {
                    "/0".to_owned()
                } else {
                    format!("/{part}")
                }
            })
            .collect();
        let Some(Value::Object(holder)) = document.pointer_mut(&pointer) else {
            continue;
        };
        for field in fields
            .iter()
            .filter(|field| !["steps", "metadata", "delegation"].contains(field))
        {
            if !holder
                .get(*field)
                .is_some_and(|value| value.is_object() || value.is_array())
            {
                holder.insert((*field).to_owned(), Value::Null);
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
    document["delegation"]["default_mode"] = json!("hybrid");
    assert_eq!(findings(&document), [] as [&str; 0], "{document:#}");
    // It is written unchanged, but compared as if it were missing.
    let read = from_value("a", document.clone()).unwrap();
    assert_eq!(read.value(), &document);
    assert_eq!(content_of(&document), Some((*read).clone()));
}

#[test]
fn a_broken_field_hides_neither_ids_nor_references_nor_order() {
    let mut document = with("/approach/steps/1/estimated_complexity", json!("enormous"));
    document["approach"]["steps"][0]["dependencies"] = json!(["release"]);
    document["approach"]["steps"][2]["dependencies"] = json!(["choose", "chose"]);
    document["delegation"]["step_overrides"][0]["step_id"] = json!("relese");
    document["constraints"] = json!([document["constraints"][0], document["constraints"][0], 7]);
    let codes: Vec<String> = findings(&document)
        .iter()
        .map(|line| line[..5].to_owned())
        .collect();
    let expected = ["PS104", "PS103", "PS602", "PS603", "PS604", "PS603"];
    let (mut codes, mut expected) = (codes, expected.map(str::to_owned).to_vec());
    codes.sort();
    expected.sort();
    assert_eq!(codes, expected);
    // With an unreadable id, the meant step is unknown.
    document["approach"]["steps"][0]["step_id"] = json!(1);
    let found = findings(&document);
    assert!(
        found.iter().all(|line| !line.starts_with("PS603")),
        "{found:?}"
    );
}

#[test]
fn another_major_version_is_said_first_and_read_as_far_as_it_goes() {
    let mut document = with("/metadata/schema_version", json!("2.1.0"));
    document["milestones"] = json!([1]);
    document["intent"]["audience"] = json!("all");
    let found = findings(&document);
    let codes: Vec<&str> = found.iter().map(|line| &line[..13]).collect();
    assert_eq!(
        codes,
        ["PS609 warning", "PS102 warning", "PS102 warning"],
        "{found:?}"
    );
    let text = format!("{document:#}");
    let found = from_value("a.planspec.json", document).unwrap().validate();
    assert_eq!(located(&found, &text)[0].code, "PS609");
}

#[test]
fn what_json_can_hold_is_read_and_keeps_its_place() {
    let rocket = "\\ud83d\\ude80";
    let text = format!("{:#}", with("/scope/open_questions", json!(["Which?"])))
        .replacen(
            "\"motivation\": \"",
            &format!("\"x-{rocket}\": [\"{rocket}\"], \"motivation\": \"\u{2028}a\u{85}b "),
            1,
        )
        .replacen(
            "\"metadata\": {",
            "\"metadata\": {\"x-run\": {\"id\": 12345678901234567890, \"n\": [-9007199254740993]},",
            1,
        );
    let document = parse("a.planspec.json", text.as_bytes()).unwrap();
    assert_eq!(
        document.value()["metadata"]["x-run"]["id"],
        12_345_678_901_234_567_890_u64
    );
    assert_eq!(
        document.value()["metadata"]["x-run"]["n"][0],
        -9_007_199_254_740_993_i64
    );
    assert_eq!(document.value()["intent"]["x-\u{1f680}"][0], "\u{1f680}");
    let found = located(&document.validate(), &text);
    let line = text
        .lines()
        .position(|line| line.contains("Which?"))
        .unwrap();
    assert_eq!(found[0].at.line, Some(line + 1), "{found:?}");
    let broken = text.replacen(&format!("[\"{rocket}\"]"), "[1e999]", 1);
    assert!(parse("a.planspec.json", broken.as_bytes()).is_err());
    // Elsewhere the number may be used for calculations, and some YAML readers end lines at those characters.
    for (name, text, code) in [
        (
            "a.planspec.json",
            "{\"identity\": {\"revision\": 12345678901234567890}}",
            "PS006",
        ),
        (
            "a.planspec.json",
            "{\"x-planspec\": 9007199254740993}",
            "PS006",
        ),
        (
            "a.planspec.json",
            "{\"x-a\": 123456789012345678901234567890}",
            "PS006",
        ),
        ("a.planspec.yaml", "x-a: \"\u{2028}\"\n", "PS002"),
    ] {
        let found = parse(name, text.as_bytes()).unwrap_err();
        assert_eq!(found[0].code.id, code, "{text}");
    }
    let yaml = "x-a: {b: [9007199254740993]}\nx-c: 'x'\n";
    let (read, found) = yaml::read("a.yaml", yaml.as_bytes(), &Limits::default());
    assert_eq!(
        (read[0].value["x-a"]["b"][0].as_i64(), found.len()),
        (Some(9_007_199_254_740_993), 0)
    );
}

#[test]
fn mistakes_get_a_suggestion() {
    let help = |value: &Value| {
        let found = from_value("a", value.clone()).unwrap_err();
        found[0].help.clone().unwrap()
    };
    let table = [
        (with("/identity/planid", json!("x")), "did you mean"),
        (
            with("/approach/steps/2/dependencies", json!(["chose"])),
            "did you mean `choose`?",
        ),
    ];
    for (value, expected) in table {
        let help = help(&value);
        assert!(
            help.contains(expected) || help.contains("the fields here"),
            "{help}"
        );
    }
}

#[test]
fn a_text_that_holds_no_document_is_refused() {
    for (text, code) in [
        ("null", "PS007"),
        ("", "PS001"),
        ("{", "PS001"),
        ("{\"a\": 1, \"a\": 2}", "PS004"),
        ("[]", "PS103"),
    ] {
        let found = parse("a.planspec.json", text.as_bytes()).unwrap_err();
        assert_eq!(found[0].code.id, code, "{text}");
    }
}

/// The nodes of the greeting with another value: `id kind after provider`.
fn nodes(value: Value) -> Vec<String> {
    let document = from_value("greeting.planspec.json", value).unwrap();
    let plan = plan_of(&document);
    let nodes = plan.graph.nodes.iter();
    nodes
        .map(|node| {
            let provider = node.provider.as_deref().unwrap_or("-");
            format!(
                "{} {} {} {provider}",
                node.id,
                node.kind,
                node.depends_on.join("+")
            )
        })
        .collect()
}

fn plan_of(document: &Document) -> PlanSpec {
    let generated = document
        .resources("greeting.planspec.json", "team")
        .unwrap();
    let plan = generated
        .resources
        .into_iter()
        .find_map(|one| match one.spec {
            Spec::Plan(plan) => Some(plan),
            _ => None,
        });
    plan.unwrap()
}

#[test]
fn steps_become_tasks_with_gates_before_those_that_are_approved() {
    assert_eq!(
        nodes(greeting()),
        [
            "translate Task  human://",
            "choose Task translate -",
            "approve-release Gate choose -",
            "release Task choose+approve-release -",
        ]
    );
    let all = [
        "approve-translate Gate  -",
        "translate Task approve-translate human://",
        "approve-choose Gate translate -",
        "choose Task translate+approve-choose -",
        "approve-release Gate choose -",
        "release Task choose+approve-release -",
    ];
    assert_eq!(
        nodes(with("/delegation/default_mode", json!("human_approval"))),
        all
    );
    let mut none = all.map(str::to_owned).to_vec();
    none.retain(|node| !node.contains("Gate"));
    let overrides = with(
        "/delegation/step_overrides/0/mode",
        json!("agent_autonomous"),
    );
    assert_eq!(
        nodes(overrides),
        [
            "translate Task  human://",
            "choose Task translate -",
            "release Task choose -"
        ]
    );
}

#[test]
fn a_step_may_say_more_of_its_node() {
    let more = json!({
        "acceptanceCriteria": [check()],
        "retries": 2,
        "timeout": "30m",
        "inputs": {"language": "sw"},
        "outputs": [{"name": "text"}],
        "capabilityRefs": null,
        "when": "parameters.all == true",
        "touches": ["greeting/**"],
        "always": true,
    });
    let plan = plan_of(&from_value("a", with("/approach/steps/1/x-planspec", more)).unwrap());
    let node = &plan.graph.nodes[1];
    assert_eq!((node.id.as_str(), node.retries), ("choose", 2));
    assert_eq!(node.acceptance_criteria.len(), 1);
    assert_eq!(node.when.as_deref(), Some("parameters.all == true"));
    assert!(node.extension.always && node.timeout.is_some());
    assert_eq!(node.depends_on, ["translate"]);
}

#[test]
fn nothing_of_an_extension_takes_away_what_the_document_says() {
    let fields = [
        ("dependsOn", json!([])),
        ("id", json!("other")),
        ("kind", json!("Gate")),
        ("gateRef", json!({"name": "g"})),
        ("children", json!(["choose"])),
        ("externalRef", json!({"type": "uri", "uri": "u"})),
        ("name", json!("Harmless")),
        ("description", json!("Nothing to see")),
        ("context", json!([])),
        ("estimatedEffort", Value::Null),
        ("provider", json!("tool://sh")),
        ("x-planspec", json!({"always": true})),
        ("retrys", json!(2)),
    ];
    for (field, value) in fields {
        for step in 0..3 {
            let at = format!("/approach/steps/{step}/x-planspec");
            let found = findings(&with(&at, json!({field: value.clone()})));
            let [finding] = found.as_slice() else {
                panic!("{field}: {found:?}");
            };
            let place = format!("PS605 error structure approach.steps[{step}].x-planspec.{field}:");
            assert!(finding.starts_with(&place), "{finding}");
        }
    }
    // The permitted fields do not change order, approvals and people.
    let mut all = greeting();
    for step in 0..3 {
        all["approach"]["steps"][step]["x-planspec"] =
            json!({"retries": 1, "capabilityRefs": [{"name": "c"}], "always": true, "when": null});
    }
    all["x-planspec"] = json!({"edges": [
        {"from": "choose", "to": "release", "type": "soft"},
        {"from": "translate", "to": "approve-release", "type": "soft"},
    ]});
    assert_eq!(nodes(all.clone()), nodes(greeting()));
    let plan = plan_of(&from_value("a", all).unwrap());
    let edges = graph::folded_edges(&plan.graph);
    assert_eq!(
        edges[&("choose", "release")],
        crate::core::resource::EdgeKind::Hard
    );
}

#[test]
fn an_edge_names_steps_by_their_own_ids() {
    let mut document = greeting();
    document["approach"]["steps"][0]["step_id"] = json!("Translate it");
    document["approach"]["steps"][1]["dependencies"] = json!(["Translate it"]);
    document["x-planspec"] =
        json!({"edges": [{"from": "Translate it", "to": "release", "type": "soft"}]});
    let plan = plan_of(&from_value("a", document).unwrap());
    assert_eq!(plan.graph.edges[0].from, plan.graph.nodes[0].id);
}

#[test]
fn a_step_may_run_whatever_happens() {
    let at = "/approach/steps/1/x-planspec";
    let always = |value: Value| from_value("a", with(at, json!({"always": value})));
    let plan = plan_of(&always(json!(true)).unwrap());
    assert!(plan.graph.nodes[1].extension.always);
    // And back: the extension of a node becomes that of the step.
    let metadata = Metadata {
        name: "p".to_owned(),
        namespace: "web".to_owned(),
        ..Metadata::default()
    };
    let now = "2026-01-31T12:00:00Z".parse().unwrap();
    let back = convert::from_resources((&metadata, &plan), None, now).result;
    assert_eq!(back["approach"]["steps"][1]["x-planspec"]["always"], true);
    let again = plan_of(&from_value("a", back).unwrap());
    assert_eq!(again.graph.nodes[1], plan.graph.nodes[1]);
    let text = format!("{:#}", with(at, json!({"always": "yes"})));
    let snapshot = testing::snapshot(&[("planspec/a.planspec.json", &text)]);
    let found = snapshot.diagnostics().iter().map(|finding| {
        let Place::Entry { path, .. } = &finding.place else {
            panic!("{finding:?}");
        };
        display_path(path)
    });
    let found: Vec<String> = found.collect();
    assert_eq!(found, ["approach.steps[1].x-planspec.always"]);
    assert!(
        !plan_of(&always(json!(null)).unwrap()).graph.nodes[1]
            .extension
            .always
    );
}

#[test]
fn a_series_makes_the_revision_a_version() {
    let plan = plan_of(&from_value("a", greeting()).unwrap());
    assert_eq!((plan.series, plan.version), (None, None));
    let value = with("/x-planspec", json!({"series": "greetings"}));
    let plan = plan_of(&from_value("a", value).unwrap());
    assert_eq!(
        (plan.series.as_deref(), plan.version.as_deref()),
        (Some("greetings"), Some("1"))
    );
}

#[test]
fn findings_about_what_it_stands_for_point_into_the_document() {
    let value = with(
        "/approach/steps/2/x-planspec",
        json!({"capabilityRefs": [{"name": "release"}]}),
    );
    let text = format!("{value:#}");
    let snapshot = testing::snapshot(&[
        ("planspec/greeting.planspec.json", &text),
        (
            "planspec/x.yaml",
            &testing::resource(
                "Plan",
                "greeting",
                "description: d, graph: {nodes: [{id: a, kind: Task}]}",
            )
            .replace("namespace: team", "namespace: default"),
        ),
    ]);
    let places: Vec<String> = snapshot
        .diagnostics()
        .iter()
        .filter(|finding| finding.file.ends_with("json"))
        .map(|finding| {
            let Place::Entry { path, .. } = &finding.place else {
                panic!("{finding:?}");
            };
            format!("{} {}", finding.code, display_path(path))
        })
        .collect();
    assert!(
        places.contains(&"PS201 x-planspec.name".to_owned()),
        "{places:?}"
    );
    let snapshot = testing::snapshot(&[("planspec/greeting.planspec.json", &text)]);
    let lines: Vec<String> = snapshot.diagnostics().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "PS204 warning structure approach.steps[2].x-planspec.capabilityRefs[0].name: capability \
             `default/release` does not exist"
        ]
    );
}

/// Any JSON value, with keys of extensions.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1.0e6..1.0e6_f64).prop_map(Value::from),
        "[ -~äß日\n\t\"\\\\]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,4}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// All objects of the greeting, in some order.
const OBJECTS: [&str; 12] = [
    "",
    "/identity",
    "/intent",
    "/scope",
    "/approach",
    "/approach/steps/1",
    "/constraints/0",
    "/success_criteria/0",
    "/risks/0",
    "/delegation",
    "/revision_history/0",
    "/metadata",
];

proptest! {
    #[test]
    fn reading_and_writing_again_loses_nothing(
        additions in prop::collection::vec(
            (prop::sample::select(&OBJECTS[..]), "x-[a-z]{1,6}", any_value(), any::<prop::sample::Index>()),
            0..6,
        ),
        text in "[ -~äß日\n\t\"\\\\]{1,40}",
    ) {
        let mut value = greeting();
        value["approach"]["steps"][0]["description"] = Value::from(text);
        for (object, name, addition, place) in additions {
            if name == "x-planspec" {
                continue;
            }
            let fields = value.pointer_mut(object).unwrap().as_object_mut().unwrap();
            let place = place.index(fields.len());
            fields.shift_insert(place, name, addition);
        }
        let written = format!("{value:#}");
        let document = parse("a.planspec.json", written.as_bytes()).unwrap();
        prop_assert_eq!(document.value(), &value);
        // Exactly the same text: fields, their order, strings, numbers.
        prop_assert_eq!(document.to_json(), written + "\n");
        let again = parse("a.planspec.yaml", document.to_yaml().as_bytes()).unwrap();
        prop_assert_eq!(again.to_json(), document.to_json());
        prop_assert_eq!(&*again, &*document);
    }
}

/// Tasks, with edges of both kinds that lead forward.
fn any_graph() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let node = (0..6_usize, any::<bool>(), any::<bool>());
    let nodes = prop::collection::vec(node, 1..7);
    let edges = prop::collection::vec((0..7_usize, 0..7_usize, any::<bool>()), 0..10);
    (nodes, edges).prop_map(|(nodes, edges)| {
        let count = nodes.len();
        let nodes = nodes
            .into_iter()
            .enumerate()
            .map(|(index, (shape, named, after))| {
                // Other kinds of nodes have a separate test.
                let mut node = match shape {
                    0 => json!({"kind": "Task"}),
                    1 => json!({"kind": "Task", "retries": 2, "estimatedEffort": "xlarge",
                    "outputs": [{"name": "o"}], "timeout": "1h",
                    "acceptanceCriteria": [{"type": "artifact_exists", "name": "c", "path": "p"}]}),
                    2 => json!({"kind": "Task", "capabilityRefs": [{"name": "c"}], "when": "true",
                    "inputs": {"a": [1, null]}}),
                    3 => json!({"kind": "Task", "x-planspec": {"always": true, "touches": ["a"]}}),
                    4 => json!({"kind": "Task", "context": [
                        {"name": "rationale", "format": "text", "content": "Because"},
                        {"name": "acceptance_criteria", "format": "text", "content": "It is"},
                    ]}),
                    _ => json!({"kind": "Task", "estimatedEffort": "small"}),
                };
                node["id"] = json!(format!("n_{index}"));
                node["name"] = json!(format!("Node {index}"));
                if named {
                    node["description"] = json!("What to do");
                }
                if after && index > 0 {
                    node["dependsOn"] = json!([format!("n_{}", index - 1)]);
                }
                node
            });
        let nodes = nodes.collect();
        let edges = edges
            .into_iter()
            .filter(|(from, to, _)| from < to && *to < count);
        let edges = edges.map(|(from, to, soft)| {
            let kind = if soft { "soft" } else { "hard" };
            json!({"from": format!("n_{from}"), "to": format!("n_{to}"), "type": kind})
        });
        (nodes, edges.collect())
    })
}

fn plan_resource(nodes: Vec<Value>, edges: Vec<Value>) -> Resource {
    let raw_spec = json!({"description": "d", "graph": {"nodes": nodes, "edges": edges}});
    Resource {
        metadata: crate::core::resource::Metadata {
            name: "p".to_owned(),
            namespace: "team".to_owned(),
            ..Default::default()
        },
        spec: Spec::from_value(Kind::Plan, &raw_spec).unwrap(),
        raw_spec,
        digest: None,
    }
}

proptest! {
    #[test]
    fn to_a_document_and_back_a_graph_of_tasks_is_the_same((nodes, edges) in any_graph()) {
        let plan = plan_resource(nodes, edges);
        let Spec::Plan(spec) = &plan.spec else { panic!() };
        let now = "2026-01-31T09:00:00Z".parse().unwrap();
        let converted = from_resources((&plan.metadata, spec), None, now);
        let document = from_value("p.planspec.json", converted.result).unwrap();
        let errors: Vec<_> = document.validate().into_iter().filter(Diagnostic::is_error).collect();
        prop_assert_eq!(errors, []);
        let again = plan_of(&document);
        prop_assert_eq!(graph::digest(&again.graph), graph::digest(&spec.graph));
        let resources = document.to_resources("elsewhere.json", "elsewhere").unwrap().result;
        prop_assert_eq!(&resources[1]["metadata"]["namespace"], "team");
        prop_assert_eq!(&resources[1]["metadata"]["name"], "p");
    }
}

#[test]
fn what_is_lost_is_said() {
    let document = from_value("a", greeting()).unwrap();
    let converted = document
        .to_resources("greeting.planspec.json", "team")
        .unwrap();
    let kinds: Vec<&str> = converted
        .result
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Goal", "Plan", "Gate", "Binding"]);
    let rules = &converted.result[3]["spec"]["rules"];
    assert_eq!(rules[0]["selector"]["nodeId"], "translate");
    assert_eq!(rules[0]["target"]["provider"], "human://");
    for what in ["risks (1)", "revision_history (1)", "$comment"] {
        assert!(
            converted.lost.iter().any(|line| line == what),
            "{:?}",
            converted.lost
        );
    }
}

#[test]
fn what_is_no_task_becomes_what_comes_nearest() {
    let nodes = vec![
        json!({"id": "build", "kind": "Task"}),
        json!({"id": "lint", "kind": "Task", "context": [
            {"format": "markdown", "name": "rationale", "content": "c"}, {"format": "json", "content": 1}]}),
        json!({"id": "checks", "kind": "Group", "children": ["build", "more"]}),
        json!({"id": "more", "kind": "Group", "children": ["lint", "checks"]}),
        json!({"id": "ok", "kind": "Gate", "gateRef": {"name": "g"}, "dependsOn": ["checks"]}),
        json!({"id": "release", "kind": "Task", "dependsOn": ["ok", "checks"]}),
        json!({"id": "seen", "kind": "External", "externalRef": {"type": "uri", "uri": "u"},
            "dependsOn": ["release"]}),
        json!({"id": "free", "kind": "Gate", "gateRef": {"name": "g"}, "dependsOn": ["seen"]}),
    ];
    let soft = json!({"from": "more", "to": "seen", "type": "soft"});
    let into_group = json!({"from": "build", "to": "more"});
    let plan = plan_resource(nodes, vec![soft, into_group]);
    let Spec::Plan(spec) = &plan.spec else {
        panic!()
    };
    let now = "2026-01-31T09:00:00Z".parse().unwrap();
    let converted = from_resources((&plan.metadata, spec), None, now);
    let expected = [
        "context of node `lint`: rationale, an item without a name",
        "the Group `checks`: its members become separate steps",
        "the Group `more`: its members become separate steps",
        "the Gate of node `ok`: step `release` needs an approval first, but from anybody: the reviewers are lost",
        "what node `seen` waits for: it is a step that a person does",
        "the Gate of node `free`: it is a step that a person does",
    ];
    assert_eq!(converted.lost, expected);
    assert_eq!(
        self::nodes(converted.result.clone()),
        [
            "build Task  -",
            "lint Task  -",
            "approve-release Gate build+lint -",
            "release Task build+lint+approve-release -",
            "seen Task release human://",
            "free Task seen human://",
        ]
    );
    let edges = &converted.result["x-planspec"]["edges"];
    assert_eq!(
        (&edges[0]["from"], &edges[1]["from"]),
        (&json!("lint"), &json!("build"))
    );
    assert_eq!(edges.as_array().unwrap().len(), 2);
}

#[test]
fn what_resources_keep_of_a_document_comes_back() {
    let before = from_value("greeting.planspec.json", greeting()).unwrap();
    let generated = before.resources("greeting.planspec.json", "team").unwrap();
    let metadata = &generated.resources[0].metadata;
    let find = |kind| {
        let mut all = generated.resources.iter();
        all.find(|one| one.spec.kind() == kind).unwrap()
    };
    let (Spec::Goal(goal), Spec::Plan(plan)) = (&find(Kind::Goal).spec, &find(Kind::Plan).spec)
    else {
        panic!()
    };
    let now = "2026-01-31T09:00:00Z".parse().unwrap();
    let converted = from_resources((metadata, plan), Some((metadata, goal)), now);
    let after = from_value("greeting.planspec.json", converted.result).unwrap();
    assert_eq!(after.intent, before.intent);
    assert_eq!(after.scope, before.scope);
    assert_eq!(after.approach.rationale, before.approach.rationale);
    let nothing: [String; 0] = [];
    assert_eq!(converted.missing, nothing);
    let context: Vec<&String> = converted
        .lost
        .iter()
        .filter(|line| line.starts_with("spec.context"))
        .collect();
    assert_eq!(
        context,
        ["spec.context of the plan: constraints, success_criteria, checks, escalation_policy"]
    );
    // Items of another form do not come from a document.
    let mut plan = plan.clone();
    for item in &mut plan.context {
        item.content = Some(json!(["else"]));
    }
    let converted = from_resources((metadata, &plan), None, now);
    let lost = "spec.context of the plan: rationale, scope, constraints, success_criteria, checks, \
                escalation_policy";
    assert!(
        converted.lost.iter().any(|line| line == lost),
        "{:?}",
        converted.lost
    );
    let empty = [
        "intent.motivation",
        "intent.success_definition",
        "approach.rationale",
    ];
    for field in empty {
        let line = format!("{field} is empty");
        assert!(converted.missing.contains(&line), "{:?}", converted.missing);
    }
}

/// Message and help of each finding.
fn said_of(value: Value) -> Vec<(String, String)> {
    let findings = from_value("x.planspec.yaml", value).unwrap_err();
    let findings = findings.into_iter();
    findings
        .map(|finding| (finding.message, finding.help.unwrap_or_default()))
        .collect()
}

#[test]
fn what_stands_on_another_level_is_said_once() {
    let moved = |from: &str, name: &str, to: &str| {
        let mut document = greeting();
        let source = document.pointer_mut(from).unwrap().as_object_mut().unwrap();
        let value = source.shift_remove(name).unwrap();
        let target = document.pointer_mut(to).unwrap().as_object_mut().unwrap();
        target.insert(name.to_owned(), value);
        document
    };
    let table = [
        (
            moved("/approach", "steps", ""),
            "there is no field `steps` in the document",
            "it belongs in `approach`",
        ),
        (
            moved("", "scope", "/intent"),
            "there is no field `scope` in `intent`",
            "it belongs at the top level, next to `intent`",
        ),
        (
            moved("", "constraints", "/approach"),
            "there is no field `constraints` in `approach`",
            "it belongs at the top level, next to `approach`",
        ),
        (
            json!({"planspec": greeting()}),
            "the document is inside a field `planspec`, one level too deep",
            "delete `planspec`: `identity`, `intent` and the others belong at the top level",
        ),
    ];
    for (document, message, help) in table {
        assert_eq!(said_of(document), [(message.to_owned(), help.to_owned())]);
    }
}

#[test]
fn the_help_is_for_a_document() {
    let with = |pointer: &str, value: Value| {
        let mut document = greeting();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };
    let mut orphan = greeting();
    orphan["identity"]
        .as_object_mut()
        .unwrap()
        .shift_remove("parent_id");
    let table = [
        (orphan, "`null` for a first revision"),
        (
            with("/identity/parent_id", json!("")),
            "`null` for a first revision",
        ),
        (with("/intent/motivation", Value::Null), "give it a value"),
        (
            with("/scope/in_scope/0", json!({"path": "site"})),
            "a colon followed by a space starts a mapping: write `path:site`",
        ),
        (
            with("/approach/overview", json!({"A form": "a check"})),
            "a colon followed by a space starts a mapping: write `\"A form: a check\"` in quotes",
        ),
        (
            with("/approach/overview", json!({"a": 1, "b": 2})),
            "write one text",
        ),
        (with("/scope/in_scope", json!("x")), "write `[x]`"),
    ];
    for (document, expected) in table {
        let said = said_of(document);
        let [(message, help)] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert!(help.ends_with(expected), "{message}: {help}");
        assert!(!help.contains("or remove the field"), "{help}");
    }
    for (value, expected) in [
        (with("/scope/in_scope", json!("x")), "write `[\"x\"]`"),
        (
            with("/intent", json!("x")),
            "write it as a mapping: `{\"field\": …}`",
        ),
        (
            with("/approach/overview", json!({"a": "b"})),
            "write one text: `\"a: b\"` in quotes",
        ),
    ] {
        let findings = from_value("x.planspec.json", value).unwrap_err();
        assert_eq!(findings[0].help.as_deref(), Some(expected));
    }
}

#[test]
fn a_file_holds_one_document() {
    let two = "identity: {}\n---\nintent: {}\n";
    let table = [
        (
            two,
            "one document is expected, but there are 2",
            "put each document into its own file",
        ),
        (
            "",
            "there is no document in this file",
            "planspec new document",
        ),
    ];
    for (text, message, help) in table {
        let findings = parse("x.planspec.yaml", text.as_bytes()).unwrap_err();
        let [finding] = findings.as_slice() else {
            panic!("{findings:?}");
        };
        assert!(finding.is_error(), "{finding:?}");
        assert_eq!(finding.message, message);
        assert!(finding.help.as_ref().unwrap().contains(help), "{finding:?}");
    }
}

/// A reviewer's finding, by default blocking and open.
fn reviewed(id: &str, more: Value) -> Value {
    let mut finding = json!({
        "id": id, "section": "steps", "field": "choose", "reviewer": "human:ben",
        "severity": "blocking", "text": "Who can read it?"
    });
    if let (Value::Object(finding), Value::Object(more)) = (&mut finding, more) {
        finding.extend(more);
    }
    finding
}

#[test]
fn findings_of_reviewers_are_checked_as_far_as_they_go() {
    let with_findings = |all: Value| findings(&with("/x-planspec", json!({"findings": all})));
    let closed = |word: &str| json!([reviewed("F1", json!({"disposition": word}))]);
    let minor = json!([reviewed("F1", json!({"severity": "minor"}))]);
    for fine in [closed("resolved"), closed("rejected"), minor, json!([])] {
        assert_eq!(with_findings(fine.clone()), [""; 0], "{fine}");
    }
    let open = with_findings(closed("open"));
    assert!(
        open[0].starts_with("PS635 warning readiness x-planspec.findings[0].disposition: "),
        "{open:?}"
    );
    let wrong = |all: Value, expected: &str| {
        let found = with_findings(all);
        assert!(
            found.iter().any(|one| one.starts_with(expected)),
            "{found:?}"
        );
    };
    let twice = json!([
        reviewed("F1", json!({"severity": "minor"})),
        reviewed("F1", json!({"severity": "minor"})),
    ]);
    wrong(
        twice,
        "PS602 error structure x-planspec.findings[1].id: the id `F1` appears twice",
    );
    let nowhere = json!([reviewed("F1", json!({"field": "chose"}))]);
    wrong(
        nowhere,
        "PS603 error structure x-planspec.findings[0].field: there is no step `chose`",
    );
    for (field, value) in [
        ("section", "stepz"),
        ("severity", "urgent"),
        ("disposition", "done"),
    ] {
        let all = json!([reviewed("F1", json!({field: value}))]);
        wrong(
            all,
            &format!("PS104 error structure x-planspec.findings[0].{field}"),
        );
    }
    let unknown = json!([reviewed("F1", json!({"comment": "x"}))]);
    wrong(
        unknown,
        "PS102 error structure x-planspec.findings[0].comment",
    );
}

#[test]
fn findings_of_a_draft_are_read_and_closed_where_findings_stand() {
    let draft = json!({"review_findings": [
        {"finding_id": "R1", "section": "scope", "severity": "Blocking", "description": "Too wide",
         "reviewer": "ben", "status": "open"},
        {"finding_id": "R2", "severity": "low", "description": "A word", "status": "fixed"},
        "Just a text",
        {"nothing": true},
    ]});
    let value = with("/approval", draft.clone());
    let found = findings(&value);
    let open = "PS635 warning readiness approval.review_findings[0].severity: finding `R1` of ben on \
                scope is open: Too wide";
    assert!(found.iter().any(|one| one == open), "{found:?}");
    let document = from_value("a.planspec.json", value).unwrap();
    let told: Vec<(String, bool)> = document
        .review_findings()
        .iter()
        .map(|one| (one.finding.id.clone(), one.finding.is_open()))
        .collect();
    let told: Vec<(&str, bool)> = told.iter().map(|(id, open)| (id.as_str(), *open)).collect();
    assert_eq!(told, [("R1", true), ("R2", false), ("draft-3", true)]);
    let changes = answer(&document, &["R1".to_owned()], "Narrower").unwrap();
    let mut closed = document.value().clone();
    for change in &changes {
        change.apply(&mut closed).unwrap();
    }
    // The draft's findings are unchanged.
    assert_eq!(closed["approval"], draft);
    let own = &closed["x-planspec"]["findings"];
    assert_eq!(own.as_array().map(Vec::len), Some(1));
    assert_eq!(
        [&own[0]["disposition"], &own[0]["answer"]],
        ["resolved", "Narrower"]
    );
    assert!(!findings(&closed).iter().any(|one| one.starts_with("PS635")));
    assert_eq!(
        answer(&document, &["R9".to_owned()], ""),
        Err("R9".to_owned())
    );
}
