//! Tests that schemas and types agree: every field of the types is in the schemas, and vice versa.
//!
//! The values below name every field of every type (a new field does not compile until it is
//! named here). Serialized, they must satisfy the schema, which is closed, so it knows each field;
//! deserialized, they must be equal; and they must have every property of the schema.

#![allow(clippy::unwrap_used)]

use crate::core::resource::RevisionApproval;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::*;
use crate::core::base::limits::Limits;
use crate::core::document::{self, *};
use crate::core::repository::config::{
    ApprovalConfig, Config, RuleLevel, ScopeConfig, StatusConfig, Verifier, Workers,
};
use crate::core::repository::forge::Forge;
use crate::core::resource::*;

fn object_ref() -> ObjectRef {
    ObjectRef {
        name: "a".to_owned(),
        namespace: Some("b".to_owned()),
        uid: Some("c".to_owned()),
    }
}

fn target_ref() -> TargetRef {
    TargetRef {
        kind: Kind::Plan,
        name: "a".to_owned(),
        namespace: Some("b".to_owned()),
        uid: Some("c".to_owned()),
        node_id: Some("n".to_owned()),
        api_version: Some(API_VERSION.to_owned()),
    }
}

fn metadata() -> Metadata {
    Metadata {
        name: "a".to_owned(),
        namespace: "b".to_owned(),
        labels: labels(),
        annotations: labels(),
        owner_references: vec![OwnerReference {
            api_version: API_VERSION.to_owned(),
            kind: "Goal".to_owned(),
            name: "g".to_owned(),
            uid: Some("u".to_owned()),
            controller: true,
            block_owner_deletion: true,
        }],
        finalizers: vec!["example.com/keep".to_owned()],
        // Users never write them: the schema does not know them.
        uid: None,
        resource_version: None,
        generation: None,
        creation_timestamp: None,
        deletion_timestamp: None,
    }
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("example.com/x".to_owned(), "y".to_owned())])
}

fn free() -> Map<String, Value> {
    Map::from_iter([("anything".to_owned(), json!([1, null]))])
}

fn duration() -> Duration {
    "1h30m".parse().unwrap()
}

fn context() -> Vec<ContextItem> {
    let item = |format, content: Option<Value>, uris: &[&str]| ContextItem {
        name: Some("c".to_owned()),
        format,
        content,
        uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
    };
    vec![
        item(ContextFormat::Markdown, Some(json!("# a")), &[]),
        item(ContextFormat::Text, Some(json!("a")), &[]),
        item(ContextFormat::Json, Some(json!({"a": 1})), &[]),
        item(ContextFormat::UriList, None, &["https://example.com"]),
    ]
}

fn goal() -> GoalSpec {
    let expression = |operator, values: &[&str]| LabelExpression {
        key: "tier".to_owned(),
        operator,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    GoalSpec {
        description: "d".to_owned(),
        constraints: free(),
        acceptance_criteria: vec![GoalCriterion {
            id: Some("i".to_owned()),
            description: "d".to_owned(),
        }],
        plan_selector: Some(LabelSelector {
            match_labels: labels(),
            match_expressions: vec![
                expression(LabelOperator::In, &["a"]),
                expression(LabelOperator::NotIn, &["a"]),
                expression(LabelOperator::Exists, &[]),
                expression(LabelOperator::DoesNotExist, &[]),
            ],
        }),
        timeout: Some(duration()),
        priority: 1,
        context: context(),
    }
}

fn criteria() -> Vec<TaskCriterion> {
    let bare = |kind| TaskCriterion {
        kind,
        name: "n".to_owned(),
        description: Some("d".to_owned()),
        required: false,
        timeout: Some(duration()),
        path: None,
        content_match: None,
        command: None,
        args: None,
        expected_exit_code: None,
        output_match: None,
        url: None,
        method: None,
        expected_status: None,
        body_match: None,
        webhook_url: None,
        payload: None,
        expected_response: None,
    };
    let text = || Some("t".to_owned());
    vec![
        TaskCriterion {
            path: text(),
            content_match: text(),
            ..bare(CriterionKind::ArtifactExists)
        },
        TaskCriterion {
            command: text(),
            args: Some(vec!["a".to_owned()]),
            expected_exit_code: Some(0),
            ..bare(CriterionKind::TestPasses)
        },
        TaskCriterion {
            command: text(),
            args: Some(Vec::new()),
            expected_exit_code: Some(1),
            output_match: text(),
            ..bare(CriterionKind::CommandSucceeds)
        },
        TaskCriterion {
            url: text(),
            method: Some("GET".to_owned()),
            expected_status: Some(200),
            body_match: text(),
            ..bare(CriterionKind::EndpointResponds)
        },
        TaskCriterion {
            webhook_url: text(),
            payload: Some(json!({"a": 1})),
            expected_response: Some(ExpectedResponse {
                status_code: Some(204),
                body_match: text(),
            }),
            ..bare(CriterionKind::Custom)
        },
    ]
}

fn nodes() -> Vec<Node> {
    let bare = |kind| Node {
        id: "n".to_owned(),
        kind,
        name: Some("n".to_owned()),
        description: Some("d".to_owned()),
        context: context(),
        depends_on: vec!["m".to_owned()],
        timeout: Some(duration()),
        when: Some("true".to_owned()),
        capability_refs: Vec::new(),
        inputs: Map::new(),
        outputs: Vec::new(),
        acceptance_criteria: Vec::new(),
        retries: 0,
        estimated_effort: None,
        gate_ref: None,
        children: Vec::new(),
        mode: None,
        external_ref: None,
        poll_interval: None,
        extension: NodeExtension::default(),
        step: None,
        // Never written in a plan: it comes from a document.
        provider: None,
    };
    let external = |external_ref| Node {
        external_ref: Some(external_ref),
        poll_interval: Some(duration()),
        ..bare(NodeKind::External)
    };
    vec![
        Node {
            capability_refs: vec![object_ref()],
            inputs: free(),
            outputs: vec![OutputSpec {
                name: "o".to_owned(),
                description: Some("d".to_owned()),
                value_type: Some("string".to_owned()),
            }],
            acceptance_criteria: criteria(),
            retries: 1,
            estimated_effort: Some(Effort::Xlarge),
            extension: NodeExtension {
                always: true,
                touches: vec!["src/**".to_owned()],
            },
            ..bare(NodeKind::Task)
        },
        Node {
            gate_ref: Some(object_ref()),
            ..bare(NodeKind::Gate)
        },
        Node {
            children: vec!["m".to_owned()],
            mode: Some(GroupMode::Parallel),
            ..bare(NodeKind::Group)
        },
        external(ExternalRef::Uri {
            uri: "u".to_owned(),
        }),
        external(ExternalRef::Resource {
            resource_ref: target_ref(),
        }),
        external(ExternalRef::Webhook {
            webhook_url: "w".to_owned(),
        }),
    ]
}

fn plan() -> PlanSpec {
    PlanSpec {
        description: "d".to_owned(),
        goal_ref: Some(object_ref()),
        series: Some("s".to_owned()),
        version: Some("1".to_owned()),
        supersedes: vec![object_ref()],
        graph_digest: Some(format!("sha256:{}", "0".repeat(64))),
        context: context(),
        graph: GraphSpec {
            nodes: nodes(),
            edges: vec![Edge {
                from: "m".to_owned(),
                to: "n".to_owned(),
                kind: EdgeKind::Soft,
            }],
        },
        // Never written in a plan: it comes from a document.
        contract: Contract::default(),
    }
}

fn capability() -> CapabilitySpec {
    let bare = |value_type, allowed: Value| Parameter {
        name: "p".to_owned(),
        value_type,
        description: Some("d".to_owned()),
        required: true,
        default: Some(allowed.clone()),
        format: None,
        allowed: vec![allowed],
        item_type: None,
        object_properties: BTreeMap::new(),
    };
    let inputs = vec![
        Parameter {
            format: Some("uri".to_owned()),
            ..bare(ValueType::String, json!("a"))
        },
        bare(ValueType::Number, json!(1.5)),
        bare(ValueType::Boolean, json!(true)),
        Parameter {
            object_properties: BTreeMap::from([
                ("a".to_owned(), json!("string")),
                ("b".to_owned(), json!({"type": "string"})),
            ]),
            ..bare(ValueType::Object, json!({}))
        },
        Parameter {
            item_type: Some(ValueType::String),
            ..bare(ValueType::Array, json!([]))
        },
    ];
    CapabilitySpec {
        description: "d".to_owned(),
        display_name: Some("D".to_owned()),
        category: Some("a-b".to_owned()),
        outputs: inputs.clone(),
        inputs,
        requirements: vec![Requirement {
            name: "r".to_owned(),
            namespace: Some("b".to_owned()),
            optional: true,
        }],
    }
}

fn binding() -> BindingSpec {
    let bare = || Selector {
        capability_ref: None,
        plan_ref: None,
        node_id: None,
        match_labels: BTreeMap::new(),
    };
    let rule = |selector| Rule {
        priority: 1,
        selector,
        target: Target {
            provider: "agent://a".to_owned(),
            config: Some(json!({"a": 1})),
        },
    };
    BindingSpec {
        strategy: Strategy::MostSpecific,
        rules: vec![
            rule(Selector {
                capability_ref: Some(object_ref()),
                ..bare()
            }),
            rule(Selector {
                plan_ref: Some(object_ref()),
                node_id: Some("n".to_owned()),
                ..bare()
            }),
            rule(Selector {
                match_labels: labels(),
                ..bare()
            }),
        ],
    }
}

fn gate() -> GateSpec {
    GateSpec {
        gate_type: GateType::SignOff,
        target_ref: GateTarget {
            kind: TargetKind::Artifact(ArtifactKindWord::Artifact),
            name: "a".to_owned(),
            namespace: Some("b".to_owned()),
            uid: Some("c".to_owned()),
            node_id: Some("n".to_owned()),
            api_version: Some(API_VERSION.to_owned()),
        },
        description: Some("d".to_owned()),
        reviewers: vec!["user:a".to_owned()],
        required_approvers: 2,
        context: Some(json!({"a": 1})),
    }
}

fn execution() -> ExecutionSpec {
    ExecutionSpec {
        plan_ref: object_ref(),
        goal_ref: Some(object_ref()),
        binding_ref: Some(object_ref()),
        node_bindings: BTreeMap::from([("n".to_owned(), object_ref())]),
        runtime_ref: Some(object_ref()),
        parameters: free(),
        context: context(),
    }
}

fn config() -> Config {
    let people =
        || BTreeMap::from([("a".to_owned(), BTreeSet::from(["b@example.com".to_owned()]))]);
    Config {
        spec_branch: Some("main".to_owned()),
        paths: vec!["planspec/**".to_owned()],
        default_namespace: "default".to_owned(),
        status: StatusConfig {
            branch: "planspec/status".to_owned(),
            remote: Some("origin".to_owned()),
            signers: BTreeSet::from(["b@example.com".to_owned()]),
        },
        lease: duration(),
        approvals: ApprovalConfig {
            require_signed: serde_json::from_value(serde_json::json!(true)).unwrap(),
            allowed_signers: Some("signers".to_owned()),
            prevent_self_approval: true,
            prevent_worker_approval: true,
            revisions: RevisionApproval::Human,
            users: people(),
            teams: people(),
        },
        verification: Verifier::Independent,
        workers: Workers::Strict,
        nudge: Some(Forge::Gitlab),
        scope: ScopeConfig {
            always: vec!["Cargo.lock".to_owned()],
        },
        rules: BTreeMap::from([("PS204".to_owned(), RuleLevel::Off)]),
        limits: Limits {
            file_bytes: 1,
            depth: 1,
            nodes: 1,
        },
    }
}

/// Every field of a PlanSpec 1.2 document.
fn plan_document() -> Content {
    let text = || Some("t".to_owned());
    let time: Time = "2026-01-31T09:00:00Z".parse().unwrap();
    let uuid = "6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a11";
    let some = |text: &str| text.to_owned();
    Content {
        identity: Identity {
            plan_id: some(uuid),
            session_id: some("s"),
            revision: 2,
            parent_id: Some(some(uuid)),
            workspace_id: text(),
            created_by: some("a"),
            created_at: time,
        },
        intent: Intent {
            goal_statement: some("g"),
            motivation: some("m"),
            success_definition: some("d"),
            scope_context: text(),
        },
        scope: Scope {
            in_scope: vec![some("i")],
            out_of_scope: vec![some("o")],
            assumptions: vec![some("a")],
            open_questions: vec![some("q")],
        },
        approach: Approach {
            overview: some("o"),
            rationale: some("r"),
            alternatives_considered: vec![Alternative {
                approach: some("a"),
                rejection_reason: some("r"),
            }],
            steps: vec![document::Step {
                step_id: some("s"),
                title: some("t"),
                description: some("d"),
                rationale: text(),
                inputs: text(),
                outputs: text(),
                dependencies: vec![some("r")],
                parallelizable: Some(true),
                estimated_complexity: Some(Complexity::Xl),
                delegation: Some(StepDelegation::Either),
                acceptance_criteria: text(),
                planspec: Some(free()),
            }],
        },
        constraints: vec![Constraint {
            constraint_id: some("c"),
            kind: ConstraintType::Security,
            description: some("d"),
            validation_method: some("v"),
            blocking: true,
        }],
        success_criteria: vec![Criterion {
            criterion_id: some("c"),
            description: some("d"),
            verification: document::Verification::Automated,
            weight: Weight::Primary,
        }],
        risks: vec![Risk {
            risk_id: some("r"),
            title: some("t"),
            probability: Degree::Low,
            impact: Degree::High,
            description: some("d"),
            mitigation: text(),
            contingency: text(),
            owner: Some(Owner::Shared),
        }],
        dependencies: vec![Dependency {
            dependency_id: some("d"),
            description: some("d"),
            kind: text(),
            available: true,
        }],
        delegation: Delegation {
            default_mode: Some(DefaultMode::Hybrid),
            step_overrides: vec![StepOverride {
                step_id: some("s"),
                mode: Mode::HumanApproval,
                rationale: text(),
            }],
            escalation_policy: Some(EscalationPolicy {
                on_ambiguity: Some(OnAmbiguity::Guess),
                on_constraint_violation: Some(OnViolation::Notify),
                on_unexpected_scope: Some(OnViolation::Pause),
            }),
        },
        revision_history: vec![Revision {
            revision: 1,
            change_type: ChangeType::Minor,
            change_summary: some("c"),
            trigger: Some(Trigger::Clarification),
            created_at: time,
            changes: vec![RevisionChange {
                kind: ChangeKind::Reorder,
                section: some("approach"),
                field: text(),
                summary: some("s"),
            }],
        }],
        metadata: DocumentMetadata {
            schema_version: Some(some("1.2.0")),
            tool: text(),
            tool_version: text(),
            tags: vec![some("t")],
            language: Some(some("pt-BR")),
        },
        approval: Some(serde_json::json!({})),
        planspec: Some(PlanspecExtension {
            namespace: text(),
            name: text(),
            series: text(),
            edges: vec![Edge {
                from: some("a"),
                to: some("b"),
                kind: EdgeKind::Soft,
            }],
            checks: [(some("c"), criteria())].into(),
            findings: vec![ReviewFinding {
                id: some("f"),
                section: some("steps"),
                field: text(),
                reviewer: some("human:ben"),
                severity: FindingSeverity::Major,
                text: some("t"),
                disposition: Some(Disposition::Rejected),
                answer: text(),
            }],
        }),
    }
}

fn spec(kind: Kind) -> Spec {
    match kind {
        Kind::Goal => Spec::Goal(goal()),
        Kind::Plan => Spec::Plan(plan()),
        Kind::Capability => Spec::Capability(capability()),
        Kind::Binding => Spec::Binding(binding()),
        Kind::Gate => Spec::Gate(gate()),
        Kind::Execution => Spec::Execution(execution()),
    }
}

fn written(spec: &Spec) -> Value {
    match spec {
        Spec::Goal(spec) => serde_json::to_value(spec),
        Spec::Plan(spec) => serde_json::to_value(spec),
        Spec::Capability(spec) => serde_json::to_value(spec),
        Spec::Binding(spec) => serde_json::to_value(spec),
        Spec::Gate(spec) => serde_json::to_value(spec),
        Spec::Execution(spec) => serde_json::to_value(spec),
    }
    .unwrap()
}

/// The largest resource of a kind, as a document.
fn document(kind: Kind) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": metadata(),
        "spec": written(&spec(kind)),
    })
}

/// The largest value of each schema.
pub(super) fn largest() -> Vec<(SchemaKind, Value)> {
    let kinds = Kind::ALL.map(|kind| (SchemaKind::from(kind), document(kind)));
    let others = [
        (SchemaKind::Config, serde_json::to_value(config()).unwrap()),
        (
            SchemaKind::Document,
            serde_json::to_value(plan_document()).unwrap(),
        ),
    ];
    kinds.into_iter().chain(others).collect()
}

#[test]
fn what_the_types_write_the_schemas_accept_and_the_types_read_back() {
    for kind in Kind::ALL {
        let document = document(kind);
        assert_eq!(check(kind.into(), &document), [], "{kind}");
        let read = Spec::from_value(kind, &document["spec"]).unwrap();
        assert_eq!(read, spec(kind), "{kind}");
        let read: Metadata = serde_json::from_value(document["metadata"].clone()).unwrap();
        assert_eq!(read, metadata());
    }
    let value = serde_json::to_value(config()).unwrap();
    assert_eq!(check(SchemaKind::Config, &value), []);
    assert_eq!(serde_json::from_value::<Config>(value).unwrap(), config());
    let value = serde_json::to_value(plan_document()).unwrap();
    assert_eq!(check(SchemaKind::Document, &value), []);
    let read: Content = serde_json::from_value(value).unwrap();
    assert_eq!(read, plan_document());
}

#[test]
fn the_schemas_have_no_field_that_the_types_lack() {
    for (kind, value) in largest() {
        let mut fields = Fields::default();
        fields.collect(&schema(kind).root, &value);
        let unused: Vec<_> = fields.known.difference(&fields.used).collect();
        // The alias of `webhookUrl`: the types read it, and write the proper name.
        let alias = ("a custom criterion".to_owned(), "webhook".to_owned());
        let has_checks = [SchemaKind::Resource(Kind::Plan), SchemaKind::Document];
        let expected: Vec<_> = [&alias]
            .into_iter()
            .filter(|_| has_checks.contains(&kind))
            .collect();
        assert_eq!(unused, expected, "{kind:?}");
    }
}

#[test]
fn the_alias_of_a_webhook_is_read() {
    let value = json!({"type": "custom", "name": "n", "webhook": "w"});
    let criterion: TaskCriterion = serde_json::from_value(value).unwrap();
    assert_eq!(criterion.webhook_url.as_deref(), Some("w"));
}

/// The properties of the schema objects that a value passed through, and those that the
/// value has; each with the name of its schema object.
#[derive(Default)]
struct Fields {
    known: BTreeSet<(String, String)>,
    used: BTreeSet<(String, String)>,
}

impl Fields {
    fn collect(&mut self, root: &Value, value: &Value) {
        let mut todo = vec![(root, root, "root".to_owned(), value)];
        while let Some((document, schema, name, value)) = todo.pop() {
            let name = match schema.get("title").and_then(Value::as_str) {
                Some(title) => title.to_owned(),
                None => name,
            };
            if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
                let (id, pointer) = reference.split_once('#').unwrap();
                let document = if id.is_empty() {
                    document
                } else {
                    &root["$defs"][id]
                };
                let target = document.pointer(pointer).unwrap();
                todo.push((document, target, reference.to_owned(), value));
            }
            for variant in schema
                .get("allOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let Some(condition) = variant.get("if") else {
                    todo.push((document, variant, name.clone(), value));
                    continue;
                };
                if jsonschema::is_valid(condition, value) {
                    todo.push((document, &variant["then"], name.clone(), value));
                }
            }
            for (field, below) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                // Fields of drafts are accepted, but have no meaning for the types.
                .filter(|(_, below)| below.get("deprecated").is_none())
            {
                self.known.insert((name.clone(), field.clone()));
                if let Some(inner) = value.get(field) {
                    self.used.insert((name.clone(), field.clone()));
                    todo.push((document, below, format!("{name}.{field}"), inner));
                }
            }
            if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
                todo.extend(
                    list.iter()
                        .map(|item| (document, items, name.clone(), item)),
                );
            }
            if let (Some(entries), Some(map)) =
                (schema.get("additionalProperties"), value.as_object())
                && entries.is_object()
            {
                todo.extend(
                    map.values()
                        .map(|entry| (document, entries, name.clone(), entry)),
                );
            }
        }
    }
}
