//! Tables of schema errors.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::core::base::diagnostic::display_path;
use crate::core::resource::{API_VERSION, Kind};
use serde_json::json;

const KINDS: [SchemaKind; 8] = [
    SchemaKind::Resource(Kind::Goal),
    SchemaKind::Resource(Kind::Plan),
    SchemaKind::Resource(Kind::Capability),
    SchemaKind::Resource(Kind::Binding),
    SchemaKind::Resource(Kind::Gate),
    SchemaKind::Resource(Kind::Execution),
    SchemaKind::Document,
    SchemaKind::Config,
];

fn document(kind: Kind, spec: Value) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": kind.name(),
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
    })
}

fn node(node: Value) -> Value {
    json!({"description": "d", "graph": {"nodes": [node]}})
}

fn criterion(criterion: Value) -> Value {
    node(json!({"id": "n", "kind": "Task", "acceptanceCriteria": [criterion]}))
}

fn rule(selector: Value) -> Value {
    json!({"rules": [{"selector": selector, "target": {"provider": "p"}}]})
}

fn spec(kind: Kind) -> Value {
    match kind {
        Kind::Goal | Kind::Capability => json!({"description": "d"}),
        Kind::Plan => node(json!({"id": "n", "kind": "Task"})),
        Kind::Binding => rule(json!({"capabilityRef": {"name": "c"}})),
        Kind::Gate => json!({"gateType": "review", "targetRef": {"kind": "Plan", "name": "p"}}),
        Kind::Execution => json!({"planRef": {"name": "p"}}),
    }
}

/// The `spec` of a kind with further fields.
fn with(kind: Kind, fields: Value) -> Value {
    let mut spec = spec(kind);
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec
}

/// The code and place of each error.
fn problems(kind: Kind, document: &Value) -> Vec<(&'static str, String)> {
    check(kind.into(), document)
        .into_iter()
        .map(|problem| (problem.code.id, display_path(&problem.path)))
        .collect()
}

#[test]
fn every_schema_compiles_and_is_complete_in_itself() {
    for kind in KINDS {
        let schema: Value = serde_json::from_str(text(kind)).unwrap();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert!(jsonschema::meta::is_valid(&schema), "{kind:?}");
    }
}

#[test]
fn the_smallest_resource_of_each_kind_is_valid() {
    for kind in Kind::ALL {
        assert_eq!(
            check(kind.into(), &document(kind, spec(kind))),
            [],
            "{kind}"
        );
    }
}

#[test]
fn what_is_valid() {
    let table = [
        (
            Kind::Goal,
            with(Kind::Goal, json!({"timeout": "7d", "priority": 1000})),
        ),
        (Kind::Goal, json!({"description": "x".repeat(4096)})),
        (
            Kind::Goal,
            with(
                Kind::Goal,
                json!({"timeout": "1.5h", "constraints": {"a": [null]}}),
            ),
        ),
        (
            Kind::Plan,
            with(Kind::Plan, json!({"series": "s", "version": "2"})),
        ),
        (
            Kind::Plan,
            criterion(json!({"type": "custom", "name": "n", "webhook": "https://x"})),
        ),
        (
            Kind::Plan,
            criterion(json!({"type": "test_passes", "name": "n", "command": "c", "args": []})),
        ),
        (
            Kind::Plan,
            node(json!({"id": "n_1-a", "kind": "Group", "children": ["x"]})),
        ),
        (Kind::Binding, rule(json!({"planRef": {"name": "p"}}))),
        (
            Kind::Binding,
            rule(json!({"planRef": {"name": "p"}, "nodeId": "n"})),
        ),
        (
            Kind::Binding,
            rule(json!({"planRef": {"name": "p"}, "capabilityRef": {"name": "c"}})),
        ),
        (
            Kind::Binding,
            rule(json!({"matchLabels": {"example.com/a": ""}})),
        ),
        (
            Kind::Gate,
            with(
                Kind::Gate,
                json!({"reviewers": ["user:a", "team:b", "c@example.com", "d"]}),
            ),
        ),
        (
            Kind::Gate,
            with(
                Kind::Gate,
                json!({"requiredApprovers": 100, "context": {"a": 1}}),
            ),
        ),
        (
            Kind::Capability,
            with(
                Kind::Capability,
                json!({"inputs": [{"name": "a_B1", "type": "array", "default": ["x"]}]}),
            ),
        ),
    ];
    for (kind, spec) in table {
        assert_eq!(problems(kind, &document(kind, spec.clone())), [], "{spec}");
    }
}

#[test]
fn what_is_wrong_with_metadata() {
    let table = [
        (json!({"name": "a"}), "PS101", "metadata"),
        (
            json!({"name": "A", "namespace": "b"}),
            "PS105",
            "metadata.name",
        ),
        (
            json!({"name": "", "namespace": "b"}),
            "PS105",
            "metadata.name",
        ),
        (
            json!({"name": "../a", "namespace": "b"}),
            "PS105",
            "metadata.name",
        ),
        (
            json!({"name": "a\n", "namespace": "b"}),
            "PS105",
            "metadata.name",
        ),
        (
            json!({"name": "a-", "namespace": "b"}),
            "PS105",
            "metadata.name",
        ),
        (
            json!({"name": "a".repeat(64), "namespace": "b"}),
            "PS106",
            "metadata.name",
        ),
        (
            json!({"name": 5, "namespace": "b"}),
            "PS103",
            "metadata.name",
        ),
        (
            json!({"name": "a", "namespace": "b", "lables": {}}),
            "PS102",
            "metadata.lables",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": null}),
            "PS103",
            "metadata.labels",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"x": 1}}),
            "PS103",
            "metadata.labels.x",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"1": true}}),
            "PS103",
            "metadata.labels.1",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"x": "a b"}}),
            "PS105",
            "metadata.labels.x",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"x": "a".repeat(64)}}),
            "PS106",
            "metadata.labels.x",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"-x": "a"}}),
            "PS105",
            "metadata.labels.-x",
        ),
        (
            json!({"name": "a", "namespace": "b", "annotations": {"x": 1}}),
            "PS103",
            "metadata.annotations.x",
        ),
        (
            json!({"name": "a", "namespace": "b", "finalizers": ["x/y", "z", "x/y"]}),
            "PS310",
            "metadata.finalizers[2]",
        ),
        (
            json!({"name": "a", "namespace": "b", "ownerReferences": [{"kind": "Goal", "name": "g"}]}),
            "PS101",
            "metadata.ownerReferences[0]",
        ),
        (
            json!({"name": "a", "namespace": "b", "ownerReferences": [{"apiVersion": API_VERSION, "kind": "Gaol", "name": "g"}]}),
            "PS104",
            "metadata.ownerReferences[0].kind",
        ),
        (
            json!({"name": "a", "namespace": "b", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Goal", "name": "g"}]}),
            "PS104",
            "metadata.ownerReferences[0].apiVersion",
        ),
        (
            json!({"name": "a", "namespace": "b", "ownerReferences": [{"apiVersion": API_VERSION, "kind": "Goal", "name": "g", "controller": "yes"}]}),
            "PS103",
            "metadata.ownerReferences[0].controller",
        ),
        (
            json!({"name": "a", "namespace": "b", "finalizers": ["a b"]}),
            "PS105",
            "metadata.finalizers[0]",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {format!("{}/x", "p".repeat(252)): "a"}}),
            "PS106",
            &format!("metadata.labels.{}/x", "p".repeat(252)),
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"Example.com/x": "a"}}),
            "PS105",
            "metadata.labels.Example.com/x",
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"x".repeat(64): "a"}}),
            "PS105",
            &format!("metadata.labels.{}", "x".repeat(64)),
        ),
        (
            json!({"name": "a", "namespace": "b", "labels": {"a/b/c": "a"}}),
            "PS105",
            "metadata.labels.a/b/c",
        ),
    ];
    for (metadata, code, place) in table {
        let mut document = document(Kind::Goal, spec(Kind::Goal));
        document["metadata"] = metadata.clone();
        assert_eq!(
            problems(Kind::Goal, &document),
            [(code, place.to_owned())],
            "{metadata}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_spec() {
    use Kind::*;
    let table = [
        (Goal, json!(null), "PS103", ""),
        (Goal, json!({}), "PS101", ""),
        (Goal, json!({"description": ""}), "PS106", ".description"),
        (
            Goal,
            json!({"description": "x".repeat(4097)}),
            "PS106",
            ".description",
        ),
        (
            Goal,
            with(Goal, json!({"priority": 1001})),
            "PS106",
            ".priority",
        ),
        (
            Goal,
            with(Goal, json!({"priority": -1})),
            "PS106",
            ".priority",
        ),
        (
            Goal,
            with(Goal, json!({"priority": 1.5})),
            "PS103",
            ".priority",
        ),
        (
            Goal,
            with(Goal, json!({"priority": "high"})),
            "PS103",
            ".priority",
        ),
        (Goal, with(Goal, json!({"timeout": 5})), "PS103", ".timeout"),
        (
            Goal,
            with(Goal, json!({"timeout": "5"})),
            "PS105",
            ".timeout",
        ),
        (
            Goal,
            with(Goal, json!({"timeout": "0s"})),
            "PS105",
            ".timeout",
        ),
        (
            Goal,
            with(Goal, json!({"timeout": "101000d"})),
            "PS105",
            ".timeout",
        ),
        (
            Goal,
            with(Goal, json!({"descripton": "x"})),
            "PS102",
            ".descripton",
        ),
        (
            Goal,
            with(
                Goal,
                json!({"planSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            ),
            "PS101",
            ".planSelector.matchExpressions[0]",
        ),
        (
            Goal,
            with(
                Goal,
                json!({"planSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": []}]}}),
            ),
            "PS107",
            ".planSelector.matchExpressions[0].values",
        ),
        (
            Goal,
            with(
                Goal,
                json!({"context": [{"format": "text", "uris": ["u"], "content": "c"}]}),
            ),
            "PS107",
            ".context[0].uris",
        ),
        (
            Goal,
            with(Goal, json!({"context": [{"format": "uri-list"}]})),
            "PS101",
            ".context[0]",
        ),
        (
            Goal,
            with(
                Goal,
                json!({"context": [{"format": "text", "content": {}}]}),
            ),
            "PS103",
            ".context[0].content",
        ),
        (Plan, with(Plan, json!({"series": "s"})), "PS101", ""),
        (
            Plan,
            with(Plan, json!({"version": 2, "series": "s"})),
            "PS103",
            ".version",
        ),
        (
            Plan,
            with(Plan, json!({"supersedes": [{"name": "a"}, {"name": "b"}]})),
            "PS106",
            ".supersedes",
        ),
        (
            Plan,
            with(Plan, json!({"graphDigest": "sha256:00"})),
            "PS105",
            ".graphDigest",
        ),
        (
            Plan,
            json!({"description": "d", "graph": {"nodes": []}}),
            "PS106",
            ".graph.nodes",
        ),
        (
            Plan,
            json!({"description": "d", "graph": {"nodes": [{"id": "n", "kind": "Task"}], "edges": [{"from": "n", "to": "n", "type": "firm"}]}}),
            "PS104",
            ".graph.edges[0].type",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "when": "x".repeat(1025)})),
            "PS106",
            ".graph.nodes[0].when",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "when": true})),
            "PS103",
            ".graph.nodes[0].when",
        ),
        (
            Plan,
            criterion(json!({"type": "test_passes", "name": "n", "command": "  "})),
            "PS105",
            ".graph.nodes[0].acceptanceCriteria[0].command",
        ),
        (
            Plan,
            criterion(json!({"type": "custom", "name": "n", "webhook": "w", "webhookUrl": "w"})),
            "PS105",
            ".graph.nodes[0].acceptanceCriteria[0]",
        ),
        (
            Plan,
            criterion(
                json!({"type": "command_succeeds", "name": "n", "command": "c", "expectedExitCode": 4_294_967_296_u64}),
            ),
            "PS106",
            ".graph.nodes[0].acceptanceCriteria[0].expectedExitCode",
        ),
        (Plan, node(json!(7)), "PS103", ".graph.nodes[0]"),
        (Plan, node(json!({"id": "n"})), "PS101", ".graph.nodes[0]"),
        (
            Plan,
            node(json!({"id": "n", "kind": "Tsak", "gateRef": 1})),
            "PS104",
            ".graph.nodes[0].kind",
        ),
        (
            Plan,
            node(json!({"id": "N", "kind": "Task"})),
            "PS105",
            ".graph.nodes[0].id",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "gateRef": {"name": "g"}})),
            "PS107",
            ".graph.nodes[0].gateRef",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "foo": 1})),
            "PS102",
            ".graph.nodes[0].foo",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "retries": 11})),
            "PS106",
            ".graph.nodes[0].retries",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "outputs": [{"name": "A"}]})),
            "PS105",
            ".graph.nodes[0].outputs[0].name",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "outputs": ["report", "Count"]})),
            "PS105",
            ".graph.nodes[0].outputs[1]",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "outputs": [7]})),
            "PS103",
            ".graph.nodes[0].outputs[0]",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Task", "outputs": [{"name": "a", "kind": "b"}]})),
            "PS102",
            ".graph.nodes[0].outputs[0].kind",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Gate"})),
            "PS101",
            ".graph.nodes[0]",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Gate", "gateRef": {"name": "g"}, "retries": 1})),
            "PS107",
            ".graph.nodes[0].retries",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "Group", "children": []})),
            "PS106",
            ".graph.nodes[0].children",
        ),
        (
            Plan,
            node(json!({"id": "n", "kind": "External"})),
            "PS101",
            ".graph.nodes[0]",
        ),
        (
            Plan,
            node(
                json!({"id": "n", "kind": "External", "externalRef": {"type": "uri", "uri": "u", "webhookUrl": "w"}}),
            ),
            "PS107",
            ".graph.nodes[0].externalRef.webhookUrl",
        ),
        (
            Plan,
            criterion(json!({"type": "artifact_exists", "name": "n"})),
            "PS101",
            ".graph.nodes[0].acceptanceCriteria[0]",
        ),
        (
            Plan,
            criterion(
                json!({"type": "test_passes", "name": "n", "command": "c", "outputMatch": "x"}),
            ),
            "PS107",
            ".graph.nodes[0].acceptanceCriteria[0].outputMatch",
        ),
        (
            Plan,
            criterion(json!({"type": "custom", "name": "n"})),
            "PS105",
            ".graph.nodes[0].acceptanceCriteria[0]",
        ),
        (
            Plan,
            criterion(json!({"type": "custom", "name": "n", "required": "yes", "webhookUrl": "w"})),
            "PS103",
            ".graph.nodes[0].acceptanceCriteria[0].required",
        ),
        (
            Capability,
            with(Capability, json!({"displayName": "x".repeat(129)})),
            "PS106",
            ".displayName",
        ),
        (
            Capability,
            with(Capability, json!({"category": "Not Kebab"})),
            "PS105",
            ".category",
        ),
        (
            Capability,
            with(Capability, json!({"inputs": [{"name": "a"}]})),
            "PS101",
            ".inputs[0]",
        ),
        (
            Capability,
            with(
                Capability,
                json!({"inputs": [{"name": "1", "type": "string"}]}),
            ),
            "PS105",
            ".inputs[0].name",
        ),
        (
            Capability,
            with(
                Capability,
                json!({"inputs": [{"name": "a", "type": "text"}]}),
            ),
            "PS104",
            ".inputs[0].type",
        ),
        (
            Capability,
            with(
                Capability,
                json!({"inputs": [{"name": "a", "type": "string", "itemType": "string"}]}),
            ),
            "PS107",
            ".inputs[0].itemType",
        ),
        (
            Capability,
            with(
                Capability,
                json!({"inputs": [{"name": "a", "type": "string", "default": 5}]}),
            ),
            "PS103",
            ".inputs[0].default",
        ),
        (
            Capability,
            with(
                Capability,
                json!({"inputs": [{"name": "a", "type": "object", "objectProperties": {"b": "text"}}]}),
            ),
            "PS104",
            ".inputs[0].objectProperties.b",
        ),
        (Binding, json!({"rules": []}), "PS106", ".rules"),
        (Binding, rule(json!({})), "PS105", ".rules[0].selector"),
        (
            Binding,
            rule(json!({"nodeId": "n"})),
            "PS105",
            ".rules[0].selector",
        ),
        (
            Binding,
            rule(json!({"nodeId": "n", "capabilityRef": {"name": "c"}})),
            "PS105",
            ".rules[0].selector",
        ),
        (
            Binding,
            rule(json!({"matchLabels": {}})),
            "PS106",
            ".rules[0].selector.matchLabels",
        ),
        (
            Binding,
            rule(json!({"planref": {"name": "p"}})),
            "PS102",
            ".rules[0].selector.planref",
        ),
        (
            Binding,
            with(Binding, json!({"strategy": "BestMatch"})),
            "PS104",
            ".strategy",
        ),
        (
            Gate,
            with(Gate, json!({"gateType": "signoff"})),
            "PS104",
            ".gateType",
        ),
        (
            Gate,
            with(Gate, json!({"requiredApprovers": 0})),
            "PS106",
            ".requiredApprovers",
        ),
        (
            Gate,
            with(Gate, json!({"reviewers": ["tema:x"]})),
            "PS105",
            ".reviewers[0]",
        ),
        (
            Gate,
            with(Gate, json!({"targetRef": {"kind": "Plan"}})),
            "PS101",
            ".targetRef",
        ),
        (Execution, json!({}), "PS101", ""),
        (
            Execution,
            with(Execution, json!({"parameters": []})),
            "PS103",
            ".parameters",
        ),
        (
            Execution,
            with(Execution, json!({"nodeBindings": {"n": "b"}})),
            "PS103",
            ".nodeBindings.n",
        ),
    ];
    for (kind, spec, code, place) in table {
        let found = problems(kind, &document(kind, spec.clone()));
        let place = format!("spec{place}");
        assert_eq!(found, [(code, place)], "{kind} {spec:.100}");
    }
}

#[test]
fn the_words() {
    let task = |fields: Value| {
        let mut task = json!({"id": "n", "kind": "Task"});
        for (name, value) in fields.as_object().unwrap() {
            task[name] = value.clone();
        }
        node(task)
    };
    let table = [
        (
            task(json!({"gateRef": {"name": "g"}})),
            "`gateRef` is not allowed in a Task",
            "it belongs in a Gate",
        ),
        (
            task(json!({"timeuot": "5s"})),
            "there is no field `timeuot` in `nodes[0]`",
            "did you mean `timeout`?",
        ),
        (
            task(json!({"name": 5})),
            "`name`: a string is expected, but this is a number",
            "write it in quotes: `\"5\"`",
        ),
        (
            task(json!({"name": 1.10})),
            "`name`: a string is expected, but this is a number",
            "write it in quotes",
        ),
        (
            task(json!({"retries": "0777"})),
            "`retries`: a whole number is expected, but this is a string",
            "`0777` is text, because numbers have no leading zero: write `777`, or `511` for an octal number",
        ),
        (
            task(json!({"retries": "1_000"})),
            "`retries`: a whole number is expected, but this is a string",
            "`1_000` is text, because numbers have no `_`: write `1000`",
        ),
        (
            task(json!({"retries": 1.5})),
            "`retries`: a whole number is expected, but this is a number with a fraction",
            "write a whole number",
        ),
        (
            task(json!({"retries": null})),
            "`retries`: a whole number is expected, but this is empty",
            "give it a value, or remove the field",
        ),
        (
            task(json!({"retries": 20})),
            "`retries`: `20` is out of range; 0 to 10 is allowed",
            "write a number from 0 to 10",
        ),
        (
            task(json!({"timeout": "5x"})),
            "`timeout`: `5x` is not a duration: the units are ns, us, µs, ms, s, m, h, d and w",
            "expected: a duration like `90s`, `1h30m` or `7d`",
        ),
        (
            task(json!({"estimatedEffort": "huge"})),
            "`estimatedEffort`: `huge` is not one of the allowed values",
            "allowed: `small`, `medium`, `large`, `xlarge`",
        ),
        (
            task(json!({"dependsOn": "a"})),
            "`dependsOn`: a list is expected, but this is a string",
            "write it as a list: each entry on its own line, after `- `",
        ),
        (
            criterion(json!({"type": "custom", "name": "n", "required": "on", "webhookUrl": "w"})),
            "`required`: a boolean is expected, but this is a string",
            "`on` is text; only `true` and `false` are booleans: write `true`",
        ),
        (
            node(json!({"id": "n", "kind": "Gate"})),
            "a Gate needs `gateRef`",
            "add `gateRef`: a mapping with `name`",
        ),
        (
            node(json!({"id": "n"})),
            "`kind` is missing in `spec.graph.nodes[0]`",
            "add `kind`: one of `Task`, `Gate`, `Group`, `External`",
        ),
        (
            node(json!({"id": "n", "kind": "tASK"})),
            "`kind`: `tASK` is not one of the allowed values",
            "did you mean `Task`? allowed: `Task`, `Gate`, `Group`, `External`",
        ),
        (
            node(json!({"id": "-n", "kind": "Task"})),
            "`id`: `-n` has the wrong syntax",
            "expected: lower-case letters, digits, `-` and `_`, with a letter or digit at both ends",
        ),
        (
            with(Kind::Plan, json!({"series": "s"})),
            "`series` also needs `version`",
            "add `version`: a string",
        ),
    ];
    for (spec, message, help) in table {
        let problems = check(Kind::Plan.into(), &document(Kind::Plan, spec));
        let said: Vec<(&str, &str)> = problems
            .iter()
            .map(|problem| (problem.message.as_str(), problem.help.as_deref().unwrap()))
            .collect();
        assert_eq!(said, [(message, help)]);
    }
}

/// The three types that YAML 1.1 and 1.2 read differently, in the fields that need them.
#[test]
fn what_yaml_reads_as_text_is_said() {
    let required = |value: Value| {
        criterion(json!({"type": "custom", "name": "n", "required": value, "webhookUrl": "w"}))
    };
    let retries = |value: Value| node(json!({"id": "n", "kind": "Task", "retries": value}));
    let name = |value: Value| node(json!({"id": "n", "kind": "Task", "name": value}));
    let only = |text: &str, meant: &str| {
        format!("`{text}` is text; only `true` and `false` are booleans: write `{meant}`")
    };
    let zero = |text: &str, meant: &str| {
        format!("`{text}` is text, because numbers have no leading zero: write `{meant}`")
    };
    let octal = |text: &str, meant: &str, octal: &str| {
        format!("{}, or `{octal}` for an octal number", zero(text, meant))
    };
    let bar = |text: &str, meant: &str| {
        format!("`{text}` is text, because numbers have no `_`: write `{meant}`")
    };
    let quoted = |meant: &str| format!("write `{meant}`, without quotes");
    let unquoted = |meant: &str| format!("write it in quotes: `\"{meant}\"`");
    let table: Vec<(Value, Option<String>)> = vec![
        (required(json!("yes")), Some(only("yes", "true"))),
        (required(json!("Y")), Some(only("Y", "true"))),
        (required(json!("on")), Some(only("on", "true"))),
        (required(json!("NO")), Some(only("NO", "false"))),
        (required(json!("n")), Some(only("n", "false"))),
        (required(json!("Off")), Some(only("Off", "false"))),
        (required(json!("true")), Some(quoted("true"))),
        (required(json!("False")), Some(quoted("false"))),
        (
            required(json!("perhaps")),
            Some("write `true` or `false`, without quotes".to_owned()),
        ),
        (
            required(json!(1)),
            Some("write `true` or `false`".to_owned()),
        ),
        (retries(json!("5")), Some(quoted("5"))),
        (retries(json!("0")), Some(quoted("0"))),
        (retries(json!("0.5")), Some(quoted("0.5"))),
        (retries(json!("-1")), Some(quoted("-1"))),
        (retries(json!("0777")), Some(octal("0777", "777", "511"))),
        (retries(json!("007")), Some(octal("007", "7", "7"))),
        (retries(json!("09")), Some(zero("09", "9"))),
        (retries(json!("1_000")), Some(bar("1_000", "1000"))),
        (retries(json!("0_1")), Some(bar("0_1", "1"))),
        (retries(json!("three")), None),
        (retries(json!("")), None),
        (retries(json!("inf")), None),
        (retries(json!("2024-01-01")), None),
        (retries(json!(1.0)), Some("write `1`".to_owned())),
        (retries(json!(1e3)), Some("write `1000`".to_owned())),
        (name(json!(false)), Some(unquoted("false"))),
        (name(json!(5)), Some(unquoted("5"))),
        (name(json!(5.5)), Some("write it in quotes".to_owned())),
        (
            name(json!(null)),
            Some("give it a value, or remove the field".to_owned()),
        ),
    ];
    for (spec, help) in table {
        let problems = check(Kind::Plan.into(), &document(Kind::Plan, spec.clone()));
        let said: Vec<(&str, Option<String>)> = problems
            .iter()
            .map(|problem| (problem.code.id, problem.help.clone()))
            .collect();
        assert_eq!(said, [("PS103", help)], "{spec}");
    }
}

/// Every field with a whole number refuses a fraction.
#[test]
fn whole_numbers_have_no_fraction() {
    let criterion_with = |fields: Value| {
        let mut all = json!({"type": "command_succeeds", "name": "n", "command": "c"});
        for (name, value) in fields.as_object().unwrap() {
            all[name] = value.clone();
        }
        criterion(all)
    };
    let at = "spec.graph.nodes[0].acceptanceCriteria[0]";
    let mut prioritised = rule(json!({"matchLabels": {"a": "b"}}));
    prioritised["rules"][0]["priority"] = json!(1.0);
    let table = [
        (
            Kind::Goal,
            with(Kind::Goal, json!({"priority": 1.0})),
            "spec.priority".to_owned(),
        ),
        (
            Kind::Plan,
            node(json!({"id": "n", "kind": "Task", "retries": 1.0})),
            "spec.graph.nodes[0].retries".to_owned(),
        ),
        (
            Kind::Plan,
            criterion_with(json!({"expectedExitCode": 1.0})),
            format!("{at}.expectedExitCode"),
        ),
        (
            Kind::Plan,
            criterion_with(
                json!({"type": "endpoint_responds", "url": "u", "expectedStatus": 200.0}),
            ),
            format!("{at}.expectedStatus"),
        ),
        (
            Kind::Plan,
            criterion(
                json!({"type": "custom", "name": "n", "webhook": "w", "expectedResponse": {"statusCode": 200.0}}),
            ),
            format!("{at}.expectedResponse.statusCode"),
        ),
        (
            Kind::Binding,
            prioritised,
            "spec.rules[0].priority".to_owned(),
        ),
        (
            Kind::Gate,
            with(Kind::Gate, json!({"requiredApprovers": 1.0})),
            "spec.requiredApprovers".to_owned(),
        ),
    ];
    for (kind, spec, place) in table {
        let mut spec = spec;
        // The command of a criterion without one.
        if place.ends_with("expectedStatus") {
            let criterion = &mut spec["graph"]["nodes"][0]["acceptanceCriteria"][0];
            criterion.as_object_mut().unwrap().shift_remove("command");
        }
        assert_eq!(
            problems(kind, &document(kind, spec)),
            [("PS103", place.clone())]
        );
    }
    // The types must read what a schema accepts.
    for kind in KINDS {
        let schema: Value = serde_json::from_str(text(kind)).unwrap();
        let mut todo = vec![&schema];
        while let Some(value) = todo.pop() {
            let integer = value.get("type").is_some_and(|name| name == "integer");
            assert!(!integer || value["wholeNumber"] == true, "{value}");
            match value {
                Value::Array(list) => todo.extend(list),
                Value::Object(fields) => todo.extend(fields.values()),
                _ => {}
            }
        }
    }
}

/// Durations, in every field that has one.
#[test]
fn every_duration_is_checked() {
    let external = |field: &str, text: &str| {
        let mut external =
            json!({"id": "n", "kind": "External", "externalRef": {"type": "uri", "uri": "u"}});
        external[field] = json!(text);
        node(external)
    };
    let places: [(Kind, &dyn Fn(&str) -> Value, &str); 7] = [
        (
            Kind::Goal,
            &|text| with(Kind::Goal, json!({"timeout": text})),
            "spec.timeout",
        ),
        (
            Kind::Plan,
            &|text| node(json!({"id": "n", "kind": "Task", "timeout": text})),
            "spec.graph.nodes[0].timeout",
        ),
        (
            Kind::Plan,
            &|text| {
                node(json!({"id": "n", "kind": "Gate", "gateRef": {"name": "g"}, "timeout": text}))
            },
            "spec.graph.nodes[0].timeout",
        ),
        (
            Kind::Plan,
            &|text| node(json!({"id": "n", "kind": "Group", "children": ["n"], "timeout": text})),
            "spec.graph.nodes[0].timeout",
        ),
        (
            Kind::Plan,
            &|text| external("timeout", text),
            "spec.graph.nodes[0].timeout",
        ),
        (
            Kind::Plan,
            &|text| external("pollInterval", text),
            "spec.graph.nodes[0].pollInterval",
        ),
        (
            Kind::Plan,
            &|text| {
                criterion(
                    json!({"type": "artifact_exists", "name": "n", "path": "p", "timeout": text}),
                )
            },
            "spec.graph.nodes[0].acceptanceCriteria[0].timeout",
        ),
    ];
    for (kind, spec, place) in places {
        for text in [
            "1h30m",
            "500ms",
            "1.5h",
            "7d",
            "2w",
            "3us",
            "3\u{b5}s",
            "3\u{3bc}s",
            "1ns",
        ] {
            assert_eq!(problems(kind, &document(kind, spec(text))), [], "{text}");
        }
        for text in ["", "0s", "-1h", "1 h", "1h 30m", "5", "1y", "101000d", "h"] {
            assert_eq!(
                problems(kind, &document(kind, spec(text))),
                [("PS105", place.to_owned())],
                "{text:?}"
            );
        }
    }
}

#[test]
fn several_problems_are_sorted_and_told_once() {
    let mut document = document(
        Kind::Plan,
        json!({"description": "", "graph": {"nodes": [{"id": "N", "kind": "Task", "a": 1, "b": 2}]}}),
    );
    document["metadata"]["name"] = json!("X");
    assert_eq!(
        problems(Kind::Plan, &document),
        [
            ("PS105", "metadata.name".to_owned()),
            ("PS106", "spec.description".to_owned()),
            ("PS102", "spec.graph.nodes[0].a".to_owned()),
            ("PS102", "spec.graph.nodes[0].b".to_owned()),
            ("PS105", "spec.graph.nodes[0].id".to_owned()),
        ]
    );
}

#[test]
fn a_mistyped_field_is_not_missing_as_well() {
    let table = [
        (
            json!({"descripton": "x"}),
            vec![("PS102", "spec.descripton".to_owned())],
        ),
        (
            json!({"zebra": "x"}),
            vec![
                ("PS101", "spec".to_owned()),
                ("PS102", "spec.zebra".to_owned()),
            ],
        ),
    ];
    for (spec, expected) in table {
        let mut document = document(Kind::Goal, json!({}));
        document["spec"] = spec;
        assert_eq!(problems(Kind::Goal, &document), expected);
    }
}
