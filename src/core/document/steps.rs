//! Converts the nodes of a plan to steps of a document; what steps cannot be is approximated.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::plan::{EXTENSION, OF_CONTEXT, bare_task};
use super::rules::STEP_EXTENSION;
use crate::core::plan::graph;
use crate::core::resource::{
    ContextFormat, ContextItem, Edge, EdgeKind, Effort, Node, NodeKind, PlanSpec,
};

/// The parts of a document for the nodes of a plan.
pub(super) struct Steps {
    /// `approach.steps`
    pub steps: Vec<Value>,
    /// `delegation.step_overrides`
    pub overrides: Vec<Value>,
    /// `x-planspec.edges`
    pub edges: Vec<Edge>,
    /// What has changed its meaning, one line each.
    pub lost: Vec<String>,
}

/// What a node is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role<'a> {
    /// A step.
    Step,
    /// A step of a person.
    Person,
    /// The approval of a step.
    ApprovalOf(&'a str),
    /// A group, which is replaced by its children.
    Group,
}

/// The steps of a plan.
pub(super) fn of_plan(spec: &PlanSpec) -> Steps {
    let edges = graph::folded_edges(&spec.graph);
    let roles = roles(spec, &edges);
    let members = members(spec);
    let mut before: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut soft = Vec::new();
    let is_step = |id: &&str| matches!(roles.get(id), Some(Role::Step | Role::Person));
    for ((from, to), kind) in &edges {
        if !is_step(to) {
            continue;
        }
        let own = [*from];
        let from = members.get(from).map_or(&own[..], Vec::as_slice);
        for from in from.iter().filter(|from| is_step(from)) {
            match kind {
                EdgeKind::Hard => before.entry(to).or_default().push(from),
                EdgeKind::Soft => soft.push(Edge {
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    kind: EdgeKind::Soft,
                }),
            }
        }
    }
    let mut all = Steps {
        steps: Vec::new(),
        overrides: Vec::new(),
        edges: soft,
        lost: Vec::new(),
    };
    for node in &spec.graph.nodes {
        let id = node.id.as_str();
        let role = roles.get(id).copied().unwrap_or(Role::Step);
        all.lost.extend(said_otherwise(node, role));
        match role {
            Role::Step | Role::Person => {
                let before = before.get(id).map_or(&[][..], Vec::as_slice);
                all.steps.push(step(node, role, before, &mut all.lost));
            }
            Role::ApprovalOf(step) => {
                all.overrides
                    .push(json!({"step_id": step, "mode": "human_approval"}));
            }
            Role::Group => {}
        }
    }
    all
}

fn roles<'s>(
    spec: &'s PlanSpec,
    edges: &BTreeMap<(&'s str, &'s str), EdgeKind>,
) -> HashMap<&'s str, Role<'s>> {
    let mut before: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut after: HashMap<&str, Vec<(&str, EdgeKind)>> = HashMap::new();
    for ((from, to), kind) in edges {
        after.entry(from).or_default().push((to, *kind));
        if *kind == EdgeKind::Hard {
            before.entry(to).or_default().insert(from);
        }
    }
    let nodes = spec.graph.nodes.iter();
    let nodes: HashMap<&str, &Node> = nodes.map(|node| (node.id.as_str(), node)).collect();
    let mut approved = HashSet::new();
    let nothing = HashSet::new();
    let role = |node: &'s Node| match node.kind {
        NodeKind::Task => Role::Step,
        NodeKind::Group => Role::Group,
        NodeKind::External => Role::Person,
        NodeKind::Gate => {
            let alone = after.get(node.id.as_str()).map(Vec::as_slice);
            let Some([(next, EdgeKind::Hard)]) = alone else {
                return Role::Person;
            };
            let own = before.get(node.id.as_str()).unwrap_or(&nothing);
            let of_next = before.get(next).unwrap_or(&nothing);
            let is_one = nodes
                .get(next)
                .is_some_and(|next| next.kind == NodeKind::Task && next.when.is_none())
                && own.is_subset(of_next)
                && node.when.is_none();
            // A step has at most one approval.
            if is_one && approved.insert(*next) {
                Role::ApprovalOf(next)
            } else {
                Role::Person
            }
        }
    };
    let all = spec.graph.nodes.iter();
    let mut role = role;
    all.map(|node| (node.id.as_str(), role(node))).collect()
}

/// The nodes in each group, including those in nested groups.
fn members(spec: &PlanSpec) -> HashMap<&str, Vec<&str>> {
    let groups = spec.graph.nodes.iter();
    let groups = groups.filter(|node| node.kind == NodeKind::Group);
    let groups: HashMap<&str, &Node> = groups.map(|node| (node.id.as_str(), node)).collect();
    groups
        .keys()
        .map(|group| (*group, below(group, &groups)))
        .collect()
}

fn below<'s>(group: &'s str, groups: &HashMap<&'s str, &'s Node>) -> Vec<&'s str> {
    let mut seen = HashSet::from([group]);
    let mut todo = vec![group];
    let mut found = Vec::new();
    while let Some(id) = todo.pop() {
        let Some(group) = groups.get(id) else {
            found.push(id);
            continue;
        };
        let children = group.children.iter().rev().map(String::as_str);
        todo.extend(children.filter(|child| seen.insert(*child)));
    }
    found
}

/// A note on the conversion of a node that is not a task.
fn said_otherwise(node: &Node, role: Role<'_>) -> Option<String> {
    let id = &node.id;
    match (role, node.kind) {
        (Role::Step, _) => None,
        (Role::Group, _) => Some(format!(
            "the Group `{id}`: its members become separate steps"
        )),
        (Role::ApprovalOf(step), _) => Some(format!(
            "the Gate of node `{id}`: step `{step}` needs an approval first, but from anybody: the reviewers are lost"
        )),
        (Role::Person, NodeKind::Gate) => Some(format!(
            "the Gate of node `{id}`: it is a step that a person does"
        )),
        (Role::Person, _) => Some(format!(
            "what node `{id}` waits for: it is a step that a person does"
        )),
    }
}

fn step(node: &Node, role: Role<'_>, before: &[&str], lost: &mut Vec<String>) -> Value {
    let mut step = Map::new();
    let title = node.name.as_ref().unwrap_or(&node.id);
    let description = node.description.clone().unwrap_or_default();
    step.insert("step_id".to_owned(), json!(node.id));
    step.insert("title".to_owned(), json!(title));
    step.insert("description".to_owned(), json!(description));
    let (texts, rest) = texts(&node.context);
    step.extend(texts);
    if !rest.is_empty() {
        lost.push(format!(
            "context of node `{}`: {}",
            node.id,
            rest.join(", ")
        ));
    }
    if !before.is_empty() {
        step.insert("dependencies".to_owned(), json!(before));
    }
    if let Some(effort) = node.estimated_effort {
        let complexity = match effort {
            Effort::Small => "s",
            Effort::Medium => "m",
            Effort::Large => "l",
            Effort::Xlarge => "xl",
        };
        step.insert("estimated_complexity".to_owned(), json!(complexity));
    }
    if role == Role::Person {
        step.insert("delegation".to_owned(), json!("human"));
        return Value::Object(step);
    }
    let said = bare_task(&node.id, title, &description, node.estimated_effort);
    let more = extension(&said, node);
    if !more.is_empty() {
        step.insert(EXTENSION.to_owned(), Value::Object(more));
    }
    Value::Object(step)
}

/// The context texts for which steps have fields, and the names of the other items.
fn texts(context: &[ContextItem]) -> (Map<String, Value>, Vec<&str>) {
    let mut texts = Map::new();
    let mut rest = Vec::new();
    for item in context {
        let name = item.name.as_deref();
        let field = name.filter(|name| OF_CONTEXT.contains(name) && !texts.contains_key(*name));
        let text = item.content.as_ref().filter(|content| content.is_string());
        match (field, text, item.format) {
            (Some(field), Some(text), ContextFormat::Text) => {
                texts.insert(field.to_owned(), text.clone());
            }
            _ => rest.push(name.unwrap_or("an item without a name")),
        }
    }
    (texts, rest)
}

/// The fields of a node that a step does not have.
fn extension(said: &Node, node: &Node) -> Map<String, Value> {
    let fields = |node: &Node| match serde_json::to_value(node) {
        Ok(Value::Object(fields)) => fields,
        // A serialized node is an object.
        _ => Map::new(),
    };
    let (said, mut wanted) = (fields(said), fields(node));
    // The extension of a node becomes part of that of the step.
    if let Some(Value::Object(own)) = wanted.shift_remove(EXTENSION) {
        wanted.extend(own);
    }
    let more = wanted.into_iter().filter(|(field, value)| {
        STEP_EXTENSION.contains(&field.as_str()) && said.get(field) != Some(value)
    });
    more.collect()
}
