//! Properties of all plans.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::apply::apply;
use super::fields::Normal;
use super::meaning::Class;
use super::rules::{Policy, Sides, check};
use super::{Review, compare};
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::repository::config::Config;
use crate::core::repository::reach::properties::{QUESTIONS, dense_change, is_caught};
use crate::core::repository::reach::tests::snapshot as snapshot_of;
use crate::core::repository::reach::tests::{Files, any_change, sides};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::testing;

/// The snapshot of a plan, given its spec.
fn snapshot(spec: &Value) -> Snapshot {
    let resource = json!({
        "apiVersion": "planspec.io/v1alpha1",
        "kind": "Plan",
        "metadata": {"name": "p", "namespace": testing::NAMESPACE},
        "spec": spec,
    });
    testing::snapshot(&[("planspec/p.yaml", &resource.to_string())])
}

fn key() -> Key {
    testing::key(Kind::Plan, "p")
}

fn tree(snapshot: &Snapshot) -> Value {
    Normal::of(snapshot.resource(&key()).unwrap()).tree()
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["one", "two", "three"]).prop_map(str::to_owned)
}

fn criterion() -> impl Strategy<Value = Value> {
    let command = (word(), any::<bool>()).prop_map(
        |(word, required)| json!({"type": "test_passes", "command": word, "required": required}),
    );
    let path = (word(), prop::option::of(word())).prop_map(|(path, text)| {
        let mut value = json!({"type": "artifact_exists", "path": path});
        if let Some(text) = text {
            value["contentMatch"] = json!(text);
        }
        value
    });
    prop_oneof![command, path]
}

/// A node without its id and dependencies.
fn node() -> impl Strategy<Value = Value> {
    let task = (
        prop::option::of(word()),
        prop::option::of(prop::sample::select(vec!["60m", "1h", "2h"])),
        0_u32..3,
        prop::option::of(prop::sample::select(vec!["small", "large"])),
        prop::collection::btree_map(word(), criterion(), 0..3),
        prop::collection::btree_set(word(), 0..3),
        prop::collection::btree_map(word(), 0_i32..3, 0..3),
    )
        .prop_map(
            |(name, timeout, retries, effort, criteria, outputs, inputs)| {
                let mut node = Map::new();
                node.insert("kind".into(), json!("Task"));
                let optional = [
                    ("name", name.map(Value::from)),
                    ("timeout", timeout.map(Value::from)),
                    ("estimatedEffort", effort.map(Value::from)),
                ];
                for (field, value) in optional {
                    node.extend(value.map(|value| (field.to_owned(), value)));
                }
                node.insert("retries".into(), json!(retries));
                let criteria = criteria.into_iter().map(|(name, mut one)| {
                    one["name"] = json!(name);
                    one
                });
                node.insert("acceptanceCriteria".into(), criteria.collect());
                let outputs = outputs.into_iter().map(|name| json!({"name": name}));
                node.insert("outputs".into(), outputs.collect());
                node.insert("inputs".into(), json!(inputs));
                Value::Object(node)
            },
        );
    let gate = word().prop_map(|gate| json!({"kind": "Gate", "gateRef": {"name": gate}}));
    prop_oneof![4 => task, 1 => gate]
}

/// The edges, as chosen among all pairs.
fn edges() -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
    prop::collection::vec((0_usize..6, 0_usize..6, any::<bool>()), 0..8)
}

/// A plan: nodes with ids from a small set, in any order, and edges from lower to higher ids.
fn plan() -> impl Strategy<Value = Value> {
    let ids = prop::sample::subsequence(vec!["a", "b", "c", "d", "e", "f"], 1..=6).prop_shuffle();
    (
        ids,
        prop::collection::vec(node(), 6),
        edges(),
        word(),
        any::<bool>(),
    )
        .prop_map(|(ids, nodes, edges, description, sugar)| {
            let mut nodes: Vec<Value> = ids
                .iter()
                .zip(nodes)
                .map(|(id, mut node)| {
                    node["id"] = json!(id);
                    node
                })
                .collect();
            let mut written = Vec::new();
            for (a, b, soft) in edges {
                let (a, b) = (a % ids.len(), b % ids.len());
                if a == b {
                    continue;
                }
                let (from, to) = if ids[a] < ids[b] { (a, b) } else { (b, a) };
                if sugar && !soft {
                    let list = nodes[to]
                        .as_object_mut()
                        .unwrap()
                        .entry("dependsOn")
                        .or_insert(json!([]));
                    let list = list.as_array_mut().unwrap();
                    if !list.contains(&json!(ids[from])) {
                        list.push(json!(ids[from]));
                    }
                } else {
                    written.push(json!({
                        "from": ids[from],
                        "to": ids[to],
                        "type": if soft { "soft" } else { "hard" },
                    }))
                }
            }
            json!({"description": description, "graph": {"nodes": nodes, "edges": written}})
        })
}

/// An edit of a plan; no two of one list undo each other.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Describe,
    Retry(usize),
    Remove(usize),
    Add(usize),
    Serve,
}

fn edit(spec: &mut Value, edit: Edit) {
    let nodes = spec["graph"]["nodes"].as_array_mut().unwrap();
    match edit {
        Edit::Describe => spec["description"] = json!("in other words"),
        Edit::Serve => spec["goalRef"] = json!({"name": "another"}),
        Edit::Retry(at) => {
            let id = format!("n{at}");
            if let Some(node) = nodes.iter_mut().find(|node| node["id"] == id) {
                node["retries"] = json!(5);
            }
        }
        Edit::Remove(at) => nodes.retain(|node| node["id"] != format!("n{at}")),
        Edit::Add(at) => nodes.push(json!({
            "id": format!("new{at}"), "kind": "Task", "description": format!("new {at}"),
        })),
    }
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let all = vec![
        Edit::Describe,
        Edit::Serve,
        Edit::Retry(0),
        Edit::Retry(1),
        Edit::Remove(1),
        Edit::Remove(2),
        Edit::Remove(3),
        Edit::Add(0),
        Edit::Add(1),
    ];
    prop::sample::subsequence(all, 0..=9).prop_shuffle()
}

fn class(review: &Review) -> Class {
    review.class()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_changes_from_a_to_b_make_b_of_a(a in plan(), b in plan()) {
        let (old, new) = (snapshot(&a), snapshot(&b));
        let review = compare(&old, &new);
        let mut built = tree(&old);
        for subject in &review.subjects {
            apply(&mut built, &subject.changes);
        }
        prop_assert_eq!(built, tree(&new));
    }

    #[test]
    fn nothing_changes_between_a_plan_and_itself(a in plan()) {
        prop_assert!(compare(&snapshot(&a), &snapshot(&a)).is_empty());
    }

    #[test]
    fn the_order_of_nodes_does_not_show(a in plan()) {
        let mut turned = a.clone();
        turned["graph"]["nodes"].as_array_mut().unwrap().reverse();
        turned["graph"]["edges"].as_array_mut().unwrap().reverse();
        prop_assert!(compare(&snapshot(&a), &snapshot(&turned)).is_empty());
    }

    #[test]
    fn more_changes_never_make_a_smaller_class(edits in edits()) {
        let nodes: Vec<Value> = (0..5)
            .map(|at| json!({"id": format!("n{at}"), "kind": "Task", "description": format!("old {at}")}))
            .collect();
        let first = json!({"description": "d", "graph": {"nodes": nodes}});
        let old = snapshot(&first);
        let mut spec = first;
        let mut before = Class::None;
        for one in edits {
            edit(&mut spec, one);
            let now = class(&compare(&old, &snapshot(&spec)));
            prop_assert!(now >= before, "{one:?}: {before} → {now}");
            before = now;
        }
    }
}

/// All resources before and after a change.
fn everything((old, new): &(Files, Files)) -> (Snapshot, Snapshot) {
    (snapshot_of(old, Vec::new()), snapshot_of(new, Vec::new()))
}

/// All rules about changes that are broken between two revisions.
fn broken((old, new): &(Snapshot, Snapshot)) -> Vec<Diagnostic> {
    let policy = Policy::new(&Config::default(), (String::new(), None));
    let sides = Sides {
        over: &BTreeSet::new(),
        old,
        new,
        policies: (&policy, &policy),
        is_first: false,
    };
    let mut found = check(&compare(old, new), &sides);
    found.retain(|finding| finding.code != Code::LOOK_TWICE);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    /// The hook, which reads only what a change affects, finds the same broken rules about changes as a review,
    /// which reads everything.
    #[test]
    fn rules_about_change_need_no_more_than_what_a_change_reaches(change in any_change()) {
        prop_assert_eq!(broken(&sides(&change)), broken(&everything(&change)));
    }

    /// The same if few files have many references to each other; a rule may then ask which resources
    /// refer to another one now and before.
    #[test]
    fn a_rule_about_change_may_ask_who_refers_to_a_resource(change in dense_change()) {
        let (some, all) = (sides(&change), everything(&change));
        prop_assert_eq!(broken(&some), broken(&all));
        for question in QUESTIONS {
            let unused = |of: &Snapshot| question.unused(of);
            prop_assert_eq!(given_up(&some, unused), given_up(&all, unused), "{:?}", question);
        }
    }
}

/// What was used before a change and is not now.
fn given_up(
    (old, new): &(Snapshot, Snapshot),
    unused: impl Fn(&Snapshot) -> BTreeSet<Key>,
) -> BTreeSet<Key> {
    let before = unused(old);
    let now = unused(new).into_iter();
    now.filter(|key| !before.contains(key) && !old.definitions(key).is_empty())
        .collect()
}

/// The property is only as good as the generated changes.
#[test]
fn a_rule_about_change_that_looks_at_all_who_refer_is_caught() {
    for question in QUESTIONS {
        let unused = |of: &Snapshot| question.unused_of_those_read(of);
        let caught = is_caught(|change| {
            let (some, all) = (sides(change), everything(change));
            prop_assert_eq!(given_up(&some, unused), given_up(&all, unused));
            Ok(())
        });
        assert!(caught, "{question:?}");
    }
}

/// Unchanged files that a rule about changes examines are read.
#[test]
fn kin_of_what_changes_is_read() {
    let plan = |name: &str, text: &str| {
        plan_of(
            name,
            &format!("description: {text}, supersedes: [{{name: x}}]"),
        )
    };
    let document = |name: &str, parent: &str, criterion: &str| {
        let revision = 1 + i32::from(parent != "null");
        let id = format!("6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a1{name}");
        self::document(&id, parent, revision).replace("CRITERION", criterion)
    };
    let run = "apiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {name: r, namespace: \
               default}\nspec: {planRef: {name: a}}\n";
    const RISK: &str = "risks: [{risk_id: r, title: t, description: d, probability: low, impact: \
                        high, mitigation: m}]\nmetadata:";
    // Two plans that supersede the same one; a document that has run; one that follows another.
    let table: [(&str, &[(&str, String)], (&str, String)); 3] = [
        (
            "PS405",
            &[("a.yaml", plan("a", "d")), ("b.yaml", plan("b", "d"))],
            ("a.yaml", plan("a", "other")),
        ),
        (
            "PS404",
            &[
                ("a.planspec.yaml", document("a", "null", "c")),
                ("r.yaml", run.to_owned()),
            ],
            (
                "a.planspec.yaml",
                document("a", "null", "c").replace("metadata:", RISK),
            ),
        ),
        (
            "PS408",
            &[(
                "a.planspec.yaml",
                document("a", "null", "c").replace("goal_statement: g", "goal_statement: h"),
            )],
            (
                "b.planspec.yaml",
                document("b", "6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a1a", "c"),
            ),
        ),
    ];
    for (code, old, (path, text)) in table {
        let owned = |(path, text): &(&str, String)| ((*path).to_owned(), text.clone());
        let old: Files = old.iter().map(owned).collect();
        let mut new = old.clone();
        new.insert(path.to_owned(), text);
        let change = (old, new);
        let whole = broken(&everything(&change));
        assert!(
            whole.iter().any(|found| found.code.id == code),
            "{code}: {whole:#?}"
        );
        assert_eq!(broken(&sides(&change)), whole, "{code}");
    }
}

/// An execution that two files define runs the plan if either says so. The hook reads only the file
/// that names the plan.
#[test]
fn an_execution_that_is_defined_twice_is_one_of_the_plan() {
    let run = |plan: &str| {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {{name: r, namespace: \
             n}}\nspec: {{planRef: {{name: {plan}}}}}\n"
        )
    };
    let old = Files::from([
        (
            "a.yaml".to_owned(),
            plan_of("a", "description: d, supersedes: [{name: x}]"),
        ),
        ("one.yaml".to_owned(), run("a")),
        ("two.yaml".to_owned(), run("other")),
    ]);
    let mut new = old.clone();
    let changed = old["a.yaml"].replace("{id: a,", "{id: b,");
    new.insert("a.yaml".to_owned(), changed);
    let change = (old, new);
    let whole = broken(&everything(&change));
    let in_place: Vec<&str> = whole
        .iter()
        .filter(|found| found.code == Code::CHANGED_IN_PLACE)
        .map(|found| found.message.as_str())
        .collect();
    assert_eq!(
        in_place,
        ["Plan n/a has executions (r) and is changed in place"]
    );
    assert_eq!(broken(&sides(&change)), whole);
}

fn plan_of(name: &str, fields: &str) -> String {
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: {name}, namespace: \
         n}}\nspec: {{{fields}, graph: {{nodes: [{{id: a, kind: Task}}]}}}}\n"
    )
}

fn document(id: &str, parent: &str, revision: i32) -> String {
    format!(
        "identity: {{plan_id: {id}, session_id: s, revision: {revision}, parent_id: {parent}, \
         created_by: \"human:ana\", created_at: \"2026-01-31T09:00:00Z\"}}\n\
         intent: {{goal_statement: g, motivation: m, success_definition: d}}\n\
         scope: {{in_scope: [x], out_of_scope: [y]}}\n\
         approach: {{overview: o, rationale: r, steps: [{{step_id: s, title: t, description: d}}]}}\n\
         success_criteria: [{{criterion_id: c, description: CRITERION, verification: manual, \
         weight: primary}}]\n\
         delegation: {{default_mode: hybrid}}\n\
         metadata: {{schema_version: \"1.2.0\"}}\n"
    )
}
