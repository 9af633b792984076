//! Detects renamed nodes of a plan and renamed resources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Change, Class, Event, Subject, prose};
use crate::core::base::digest;
use crate::core::plan::graph::folded_edges;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Edge, GraphSpec, Key, Kind, Metadata, Node, Resource, Spec};

/// The former names of a resource or of its nodes: `old-name`, `namespace/old-name`, and
/// `new-node=old-node`, separated by commas.
pub const RENAMED_FROM: &str = "planspec.io/renamed-from";

/// Old ids to new ids.
pub type Renames = BTreeMap<String, String>;

/// The nodes of `new` that have another id in `old`: those in the annotation,
/// those with the same content and neighbours, and those with unique content.
pub fn nodes(old: &GraphSpec, new: &GraphSpec, metadata: &Metadata) -> Renames {
    // Most changes of a plan do not affect its nodes; then the content of nodes is irrelevant.
    if old.nodes == new.nodes {
        return Renames::new();
    }
    let ids = |graph: &'_ GraphSpec| -> BTreeSet<String> {
        graph.nodes.iter().map(|node| node.id.clone()).collect()
    };
    let (before, after) = (ids(old), ids(new));
    let mut gone: BTreeSet<&str> = before.difference(&after).map(String::as_str).collect();
    let mut came: BTreeSet<&str> = after.difference(&before).map(String::as_str).collect();
    let mut found = Renames::new();
    let annotation = metadata.annotations.get(RENAMED_FROM);
    let entries = annotation.into_iter().flat_map(|text| text.split(','));
    for (is, was) in entries.filter_map(|entry| entry.split_once('=')) {
        let (is, was) = (is.trim(), was.trim());
        if gone.contains(was) && came.contains(is) {
            gone.remove(was);
            came.remove(is);
            found.insert(was.to_owned(), is.to_owned());
        }
    }
    moved_on(old, new, &mut found);
    gone.retain(|id| !found.contains_key(*id));
    let taken: BTreeSet<&str> = found.values().map(String::as_str).collect();
    came.retain(|id| !taken.contains(id));
    if gone.is_empty() || came.is_empty() {
        return found;
    }
    let (around_old, around_new) = (neighbours(old), neighbours(new));
    for with_neighbours in [true, false] {
        type Around<'g> = BTreeMap<&'g str, BTreeSet<(bool, &'g str)>>;
        let sign = |graph: &'_ GraphSpec, among: &BTreeSet<&str>, around: &Around<'_>| {
            let mut signed: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let wanted = graph.nodes.iter();
            for node in wanted.filter(|node| among.contains(node.id.as_str())) {
                let near = around.get(node.id.as_str());
                let near = near.filter(|_| with_neighbours);
                // Without content, a node can only be recognised by its neighbours.
                if near.is_some() || (!with_neighbours && has_content(node)) {
                    let signature = digest::canonical(&(content(node), near));
                    signed.entry(signature).or_default().push(node.id.clone());
                }
            }
            signed
        };
        let was = sign(old, &gone, &around_old);
        let is = sign(new, &came, &around_new);
        for (signature, was) in &was {
            if let ([was], Some([is])) = (was.as_slice(), is.get(signature).map(Vec::as_slice)) {
                gone.remove(was.as_str());
                came.remove(is.as_str());
                found.insert(was.clone(), is.clone());
            }
        }
    }
    found
}

/// The suffix of a removed node whose id another one has now; no real id can have it.
const BEFORE: &str = " (before)";

/// Whether this is the name of a node that lost its id to another one.
pub fn is_displaced(id: &str) -> bool {
    id.ends_with(BEFORE)
}

/// The nodes whose ids went to others, as in a renumbered list: recognised by their content, then by their place
/// between recognised nodes.
fn moved_on(old: &GraphSpec, new: &GraphSpec, found: &mut Renames) {
    let (was, is) = (by_words(old), by_words(new));
    let before: BTreeSet<&str> = old.nodes.iter().map(|node| node.id.as_str()).collect();
    let after: BTreeSet<&str> = new.nodes.iter().map(|node| node.id.as_str()).collect();
    let taken: BTreeSet<String> = found.values().cloned().collect();
    let mut moved = BTreeMap::new();
    for (signature, from) in &was {
        let (Some(from), Some(Some(to))) = (from, is.get(signature)) else {
            continue;
        };
        // An id that was only added or only removed is handled by the other rules.
        let goes_on = after.contains(from.as_str()) || before.contains(to.as_str());
        if from != to && goes_on && !found.contains_key(from) && !taken.contains(to) {
            moved.insert(from.clone(), to.clone());
        }
    }
    if moved.is_empty() {
        return;
    }
    let lost: BTreeSet<&str> = moved.values().map(String::as_str).collect();
    let lost: BTreeSet<&str> = lost.into_iter().filter(|id| before.contains(id)).collect();
    let free: BTreeSet<&str> = moved.keys().map(String::as_str).collect();
    let is_open = |id: &str| (lost.contains(id) || !after.contains(id)) && !free.contains(id);
    let left = old
        .nodes
        .iter()
        .filter(|node| is_open(&node.id) && !found.contains_key(&node.id));
    let targets: BTreeSet<&str> = moved.values().map(String::as_str).collect();
    let is_unknown = |id: &str| {
        let is_target = targets.contains(id) || taken.contains(id);
        (free.contains(id) || !before.contains(id)) && !is_target
    };
    let unknown = new.nodes.iter().filter(|node| is_unknown(&node.id));
    let matched = by_place((old, new), left.collect(), unknown.collect(), &moved);
    for id in &lost {
        if !free.contains(id) && !matched.contains_key(*id) && !found.contains_key(*id) {
            found.insert((*id).to_owned(), format!("{id}{BEFORE}"));
        }
    }
    found.extend(moved);
    found.extend(matched);
}

/// The nodes with unique content, by content; `None` for content of several nodes.
fn by_words(graph: &GraphSpec) -> BTreeMap<String, Option<String>> {
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    let telling = graph
        .nodes
        .iter()
        .filter(|node| node.name.is_some() || node.description.is_some());
    for node in telling {
        let known = found.entry(digest::canonical(&content(node)));
        known
            .and_modify(|one| *one = None)
            .or_insert_with(|| Some(node.id.clone()));
    }
    found
}

/// The nodes that follow the same recognised node in the list, and have similar content.
fn by_place(
    (old, new): (&GraphSpec, &GraphSpec),
    left: Vec<&Node>,
    unknown: Vec<&Node>,
    moved: &Renames,
) -> Renames {
    let left: BTreeSet<&str> = left.into_iter().map(|node| node.id.as_str()).collect();
    let unknown: BTreeSet<&str> = unknown.into_iter().map(|node| node.id.as_str()).collect();
    // For each open node, the recognised node that it follows, by its new id.
    let behind = |graph: &'_ GraphSpec, open: &BTreeSet<&str>, is_old: bool| {
        let mut lists: BTreeMap<String, Vec<Node>> = BTreeMap::new();
        let mut last = String::new();
        for node in &graph.nodes {
            if open.contains(node.id.as_str()) {
                lists.entry(last.clone()).or_default().push(node.clone());
            } else if is_old {
                last = moved.get(&node.id).unwrap_or(&node.id).clone();
            } else {
                last = node.id.clone();
            }
        }
        lists
    };
    let (was, is) = (behind(old, &left, true), behind(new, &unknown, false));
    let mut matched = Renames::new();
    for (place, olds) in was {
        let news = is.get(&place).into_iter().flatten();
        for (old, new) in olds.iter().zip(news) {
            if old.kind == new.kind && !prose::is_another(&words_of(old), &words_of(new)) {
                matched.insert(old.id.clone(), new.id.clone());
            }
        }
    }
    matched
}

fn words_of(node: &Node) -> String {
    let name = node.name.as_deref().unwrap_or_default();
    format!("{name} {}", node.description.as_deref().unwrap_or_default())
}

/// The nodes before and after each node that has any.
fn neighbours(graph: &GraphSpec) -> BTreeMap<&str, BTreeSet<(bool, &str)>> {
    let mut around: BTreeMap<&str, BTreeSet<(bool, &str)>> = BTreeMap::new();
    for (from, to) in folded_edges(graph).into_keys() {
        around.entry(from).or_default().insert((true, to));
        around.entry(to).or_default().insert((false, from));
    }
    around
}

pub(super) fn content(node: &Node) -> Value {
    let mut value = serde_json::to_value(node).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("id");
        fields.remove("dependsOn");
    }
    value
}

fn has_content(node: &Node) -> bool {
    content(node)
        .as_object()
        .is_some_and(|fields| fields.len() > 1)
}

/// The graph with other ids.
pub fn rename(graph: &GraphSpec, renames: &Renames) -> GraphSpec {
    let new = |id: &String| renames.get(id).unwrap_or(id).clone();
    let nodes = graph.nodes.iter().map(|node| Node {
        id: new(&node.id),
        depends_on: node.depends_on.iter().map(new).collect(),
        children: node.children.iter().map(new).collect(),
        ..node.clone()
    });
    let edges = graph.edges.iter().map(|edge| Edge {
        from: new(&edge.from),
        to: new(&edge.to),
        kind: edge.kind,
    });
    GraphSpec {
        nodes: nodes.collect(),
        edges: edges.collect(),
    }
}

/// The same for the tree of a plan.
pub(super) fn rename_in_tree(tree: &mut Value, renames: &Renames) {
    if renames.is_empty() {
        return;
    }
    let new = |id: String| renames.get(&id).cloned().unwrap_or(id);
    let again = |fields: Map<String, Value>| -> Map<String, Value> {
        fields
            .into_iter()
            .map(|(id, value)| (new(id), value))
            .collect()
    };
    if let Some(Value::Object(edges)) = tree.get_mut("edges") {
        *edges = again(std::mem::take(edges));
        for to in edges.values_mut().filter_map(Value::as_object_mut) {
            *to = again(std::mem::take(to));
        }
    }
    if let Some(Value::Object(nodes)) = tree.get_mut("nodes") {
        *nodes = again(std::mem::take(nodes));
        for node in nodes.values_mut() {
            if let Some(Value::Array(children)) = node.get_mut("children") {
                let mut named: Vec<String> = children
                    .iter()
                    .filter_map(|child| Some(new(child.as_str()?.to_owned())))
                    .collect();
                named.sort();
                *children = named.into_iter().map(Value::String).collect();
            }
        }
    }
}

/// Resources with another name or namespace, from new to old key: those in the
/// annotation, then those with the same spec, preferably in the same file.
pub fn resources(old: &Snapshot, new: &Snapshot) -> BTreeMap<Key, Key> {
    let only_in = |one: &'_ Snapshot, other: &Snapshot| -> Vec<Key> {
        let absent = |key: &&Key| other.definitions(key).is_empty();
        one.keys().filter(absent).cloned().collect()
    };
    let mut found = BTreeMap::new();
    let mut gone: BTreeMap<(Kind, String), BTreeSet<Key>> = BTreeMap::new();
    let mut absent = BTreeSet::new();
    for key in only_in(old, new) {
        if let Some(resource) = old.resource(&key) {
            let spec = (key.kind, resource.spec_digest());
            gone.entry(spec).or_default().insert(key.clone());
            absent.insert(key);
        }
    }
    if gone.is_empty() {
        return found;
    }
    let came = only_in(new, old);
    for key in &came {
        let annotations = new
            .resource(key)
            .map(|resource| &resource.metadata.annotations);
        let text = annotations.and_then(|annotations| annotations.get(RENAMED_FROM));
        let names = text.into_iter().flat_map(|text| text.split(','));
        for name in names.filter(|name| !name.contains('=')) {
            let (namespace, name) = name
                .trim()
                .split_once('/')
                .unwrap_or((&key.namespace, name.trim()));
            let from = Key::new(key.kind, namespace, name);
            if absent.remove(&from) {
                found.insert(key.clone(), from);
                break;
            }
        }
    }
    for key in came {
        if found.contains_key(&key) {
            continue;
        }
        let Some(definition) = new.definition(&key) else {
            continue;
        };
        let Some(resource) = &definition.resource else {
            continue;
        };
        let candidates = gone.get(&(key.kind, resource.spec_digest()));
        let candidates = candidates.into_iter().flatten();
        let left: Vec<&Key> = candidates.filter(|from| absent.contains(from)).collect();
        let same_file = |from: &&&Key| {
            let before = old.definition(from);
            before.is_some_and(|before| before.path == definition.path)
        };
        let from = left.iter().find(same_file).or_else(|| left.first());
        if let Some(from) = from.map(|from| (*from).clone()) {
            absent.remove(&from);
            found.insert(key, from);
        }
    }
    found
}

/// Clears the danger of references that only follow a resource to its new name.
pub(super) fn follow(
    (old, new): (&Snapshot, &Snapshot),
    renamed: &BTreeMap<Key, Key>,
    subjects: &mut [Subject],
) {
    if renamed.is_empty() {
        return;
    }
    for subject in subjects {
        let before = subject.from().unwrap_or(&subject.key).clone();
        let (Some(was), Some(is)) = (old.resource(&before), new.resource(&subject.key)) else {
            continue;
        };
        for change in subject
            .changes
            .iter_mut()
            .filter(|one| one.danger.is_some())
        {
            let Some((from, to)) = named(was, change).zip(named(is, change)) else {
                continue;
            };
            if renamed.get(&to) == Some(&from) {
                change.danger = None;
                change.class = Class::Minor;
                change.effect = Some("it follows the new name".to_owned());
            }
        }
        let class = match subject.event {
            // References do not follow by themselves.
            Event::Renamed { .. } => Class::Minor,
            _ => Class::None,
        };
        subject.sum_up();
        subject.class = subject.class.max(class);
    }
}

/// The resource that a changed field refers to.
fn named(resource: &Resource, change: &Change) -> Option<Key> {
    let namespace = &resource.metadata.namespace;
    let address: Vec<&str> = change.address.iter().map(String::as_str).collect();
    match (&resource.spec, address.as_slice()) {
        (Spec::Gate(gate), ["targetRef"]) => {
            let target = gate.target_ref.resource()?;
            target.node_id.is_none().then(|| target.key(namespace))
        }
        (Spec::Plan(plan), ["goalRef"]) => Some(plan.goal_ref.as_ref()?.key(Kind::Goal, namespace)),
        (Spec::Plan(plan), ["nodes", id, "gateRef"]) => {
            let node = plan.graph.nodes.iter().find(|node| node.id == *id)?;
            Some(node.gate_ref.as_ref()?.key(Kind::Gate, namespace))
        }
        _ => None,
    }
}
