//! Makes a plan from a task list, or updates one.
//!
//! The list determines the names and descriptions of its tasks, and their dependencies. Everything else in
//! the plan belongs to its authors: other nodes, fields, texts and edges.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{State, Task, TaskList};
use crate::core::base::digest::sha256_hex;
use crate::core::base::limits::Limits;
use crate::core::base::natural;
use crate::core::resource::schema::slug;
use crate::core::resource::{API_VERSION, ContextItem, TRACKER};
use crate::core::text::items::{Item, with_items};
use crate::core::text::{json, yaml};

/// The names of trackers' notes in a plan.
const NOTES: [&str; 5] = [
    "details",
    "test strategy",
    "acceptance criteria",
    "design",
    "notes",
];
/// Maximum length of an id that is made from a title.
const LONGEST: usize = 50;

/// The result of merging a list into a plan.
#[derive(Debug, Default, PartialEq)]
pub struct Merged {
    /// The new nodes, each with the index of the former one.
    pub nodes: Vec<(Option<usize>, Value)>,
    /// The new edges.
    pub edges: Vec<Value>,
    /// The ids of nodes, by the ids of tasks.
    pub ids: BTreeMap<String, String>,
    /// The new tasks, by their ids in the list.
    pub added: Vec<String>,
    /// The tasks whose nodes have changed.
    pub updated: Vec<String>,
    /// The tasks of the plan that are no longer in the list, with their nodes.
    pub gone: Vec<(String, String)>,
    /// Whether these are removed from the plan.
    pub is_pruned: bool,
}

/// Merges a list into the nodes of a plan. Tasks that are no longer in the list stay, unless `prune` is set.
pub fn merged(list: &TaskList, graph: &Value, prune: bool) -> Merged {
    let nodes = list_of(graph, "nodes");
    let names = Names::of(list, graph);
    let mut result = Merged {
        ids: names.ids.clone(),
        edges: soft_edges(list, &names),
        gone: gone(list, nodes),
        is_pruned: prune,
        ..Merged::default()
    };
    let goes = result.gone.iter().filter(|_| prune);
    let goes: BTreeSet<String> = goes.map(|(_, node)| node.clone()).collect();
    let tasks = list.tasks.iter();
    let tasks: BTreeMap<&str, &Task> = tasks.map(|task| (names.id(task), task)).collect();
    let children = children(list, &names);
    for (index, node) in nodes.iter().enumerate() {
        let id = text_of(node, "id");
        if goes.contains(id) {
            continue;
        }
        let Some(task) = tasks.get(id) else {
            result.nodes.push((Some(index), without(node, &goes)));
            continue;
        };
        let theirs = Theirs {
            node,
            is_ours: list.is_ours,
            gone: prune.then_some(&goes),
            imported: &names.imported,
        };
        let new = updated(task, &theirs, (&names, &children));
        if new != *node {
            result.updated.push(task.id.clone());
        }
        result.nodes.push((Some(index), new));
    }
    add_new(&mut result, list, (&names, &children));
    result
}

/// The tasks of the plan that are no longer in the list, with their nodes.
fn gone(list: &TaskList, nodes: &[Value]) -> Vec<(String, String)> {
    let in_list: BTreeSet<&str> = list.tasks.iter().map(|task| task.id.as_str()).collect();
    let tracked = nodes.iter().filter_map(|node| Some((tracked(node)?, node)));
    let gone = tracked.filter(|(id, _)| !in_list.contains(id.as_str()));
    gone.map(|(id, node)| (id, text_of(node, "id").to_owned()))
        .collect()
}

/// Adds the new tasks, each after its predecessor in the list.
fn add_new(
    result: &mut Merged,
    list: &TaskList,
    (names, children): (&Names, &BTreeMap<String, Vec<String>>),
) {
    let mut before: Option<&str> = None;
    for task in &list.tasks {
        let id = names.id(task);
        if !names.existing.contains(id) {
            let mut ids = result.nodes.iter().map(|(_, node)| text_of(node, "id"));
            let at = before.and_then(|before| ids.position(|id| id == before));
            let at = at.map_or(result.nodes.len(), |at| at + 1);
            let node = new_node(task, names, children);
            result.nodes.insert(at, (None, node));
            result.added.push(task.id.clone());
        }
        before = Some(id);
    }
}

/// The text of a new plan.
pub fn new_text(
    list: &TaskList,
    (namespace, name): (&str, &str),
    description: &str,
    merged: &Merged,
) -> String {
    let nodes = merged.nodes.iter().map(|(_, node)| node.clone());
    let mut graph = json!({"nodes": nodes.collect::<Vec<_>>()});
    if let (false, Value::Object(graph)) = (merged.edges.is_empty(), &mut graph) {
        graph.insert("edges".to_owned(), merged.edges.clone().into());
    }
    let title = list
        .title
        .as_deref()
        .map(str::trim)
        .filter(|title| !title.is_empty());
    yaml::write(&json!({
        "apiVersion": API_VERSION,
        "kind": "Plan",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"description": title.unwrap_or(description), "graph": graph},
    }))
}

/// The text of a file with the new nodes of its plan, and whether it had to be rewritten without
/// comments. `None` if the plan is not in its own YAML document.
pub fn updated_text(
    (file, text): (&str, &str),
    document: usize,
    merged: &Merged,
) -> Option<(String, bool)> {
    let (mut documents, _) = yaml::read(file, text.as_bytes(), &Limits::NONE);
    let graph = |documents: &[yaml::Document]| {
        let found = documents.iter().find(|one| one.index == document);
        found
            .and_then(|found| found.value.pointer("/spec/graph"))
            .cloned()
    };
    let before = graph(&documents)?;
    let nodes: Vec<Item> = items(&merged.nodes);
    let written = before
        .get("edges")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let edges = edges(&written, merged);
    let are_other = edges.len() != written.len() || edges.iter().any(|(was, _)| was.is_none());
    let index = documents.iter().position(|one| one.index == document)?;
    let in_place =
        with_items((file, text), index, &["spec", "graph", "nodes"], &nodes).and_then(|text| {
            if !are_other {
                return Some(text);
            }
            with_items(
                (file, &text),
                index,
                &["spec", "graph", "edges"],
                &items(&edges),
            )
        });
    if let Some(text) = in_place {
        return Some((text, false));
    }
    let found = documents.iter_mut().find(|one| one.index == document)?;
    let graph = found.value.pointer_mut("/spec/graph")?.as_object_mut()?;
    graph.insert(
        "nodes".to_owned(),
        nodes.into_iter().map(|item| item.value).collect(),
    );
    if are_other {
        graph.insert(
            "edges".to_owned(),
            edges.into_iter().map(|(_, edge)| edge).collect(),
        );
    }
    if yaml::is_json(file) {
        return Some((json::write(&documents.first()?.value), false));
    }
    let documents: Vec<String> = documents
        .iter()
        .map(|one| yaml::write(&one.value))
        .collect();
    Some((documents.join("---\n"), true))
}

/// The existing edges, except those of removed nodes, and the new ones.
fn edges(written: &[Value], merged: &Merged) -> Vec<(Option<usize>, Value)> {
    let goes = |edge: &Value| {
        let ends = [text_of(edge, "from"), text_of(edge, "to")];
        merged.is_pruned
            && merged
                .gone
                .iter()
                .any(|(_, node)| ends.contains(&node.as_str()))
    };
    let old = written.iter().enumerate().filter(|(_, edge)| !goes(edge));
    let old = old.map(|(index, edge)| (Some(index), edge.clone()));
    let new = merged.edges.iter().filter(|edge| !written.contains(edge));
    old.chain(new.map(|edge| (None, edge.clone()))).collect()
}

fn items(values: &[(Option<usize>, Value)]) -> Vec<Item> {
    let items = values.iter().cloned();
    items.map(|(was, value)| Item { was, value }).collect()
}

/// The list without the texts of finished tasks, which are no longer needed; `None` if there are none.
pub fn without_done_texts(list: &TaskList) -> Option<TaskList> {
    let mut shorter = list.clone();
    let done = shorter
        .tasks
        .iter_mut()
        .filter(|task| task.state == State::Done);
    for task in done {
        task.description.clear();
        task.notes.clear();
    }
    (shorter != *list).then_some(shorter)
}

/// The finished tasks, except those with subtasks, which follow from them.
pub fn done(list: &TaskList) -> Vec<&Task> {
    let tasks = list.tasks.iter();
    let parents: BTreeSet<&str> = tasks.filter_map(|task| task.parent.as_deref()).collect();
    let done = list.tasks.iter().filter(|task| task.state == State::Done);
    done.filter(|task| !task.is_heading && !parents.contains(task.id.as_str()))
        .collect()
}

/// The ids of nodes.
struct Names {
    /// By the ids of tasks.
    ids: BTreeMap<String, String>,
    /// Ids of existing nodes.
    existing: BTreeSet<String>,
    /// Ids of nodes from this or another list.
    imported: BTreeSet<String>,
    /// Existing edges, which need not be added: predecessor and successor.
    edges: BTreeSet<(String, String)>,
}

impl Names {
    fn of(list: &TaskList, graph: &Value) -> Names {
        let nodes = list_of(graph, "nodes");
        let edges = list_of(graph, "edges").iter();
        let hard = edges.filter(|edge| text_of(edge, "type") != "soft");
        let ends = hard.map(|edge| [text_of(edge, "from"), text_of(edge, "to")].map(str::to_owned));
        let existing: BTreeSet<String> = nodes
            .iter()
            .map(|node| text_of(node, "id").to_owned())
            .collect();
        let of_tracker: BTreeMap<String, String> = nodes
            .iter()
            .filter_map(|node| Some((tracked(node)?, text_of(node, "id").to_owned())))
            .collect();
        let mut imported: BTreeSet<String> = of_tracker.values().cloned().collect();
        let mut taken = imported.clone();
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for task in &list.tasks {
            if let Some(id) = of_tracker.get(&task.id) {
                ids.insert(task.id.clone(), id.clone());
            }
        }
        // Ids that are valid names come first, before others are made equal to them.
        let mut fresh: Vec<&Task> = list
            .tasks
            .iter()
            .filter(|task| !ids.contains_key(&task.id))
            .collect();
        fresh.sort_by_key(|task| readable(&task.id) != task.id);
        for task in fresh {
            let mut id = readable(&task.id);
            if !taken.insert(id.clone()) || (id != task.id && existing.contains(&id)) {
                let hash = sha256_hex(task.id.as_bytes());
                id = format!("{id}-{}", hash.get(..6).unwrap_or_default());
                taken.insert(id.clone());
            }
            imported.insert(id.clone());
            ids.insert(task.id.clone(), id);
        }
        Names {
            ids,
            existing,
            imported,
            edges: ends.map(|[from, to]| (from, to)).collect(),
        }
    }

    fn id(&self, task: &Task) -> &str {
        self.ids
            .get(&task.id)
            .map(String::as_str)
            .unwrap_or_default()
    }
}

/// A readable and valid id of a node; from an id, that in lower case.
fn readable(id: &str) -> String {
    let is_node_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let has_ends = |c: char| c.is_ascii_alphanumeric();
    if (1..=63).contains(&id.len())
        && id.chars().all(is_node_id)
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.ends_with(has_ends)
    {
        return id.to_owned();
    }
    let plain = slug(&deunicode::deunicode(id), '-');
    let mut short = plain.as_str();
    if let Some(head) = plain.get(..LONGEST) {
        // Do not cut in the middle of a word, if enough is left.
        short = head
            .rsplit_once('-')
            .filter(|(words, _)| words.len() > LONGEST / 2)
            .map_or(head, |(words, _)| words);
    }
    let short = short.trim_matches(['-', '_']);
    match short {
        "" => format!(
            "task-{}",
            sha256_hex(id.as_bytes()).get(..6).unwrap_or_default()
        ),
        short if short.starts_with(|c: char| c.is_ascii_digit()) => format!("task-{short}"),
        short => short.to_owned(),
    }
}

/// The children of each group, by the ids of nodes.
fn children(list: &TaskList, names: &Names) -> BTreeMap<String, Vec<String>> {
    let mut children: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for task in &list.tasks {
        if let Some(parent) = task
            .parent
            .as_ref()
            .and_then(|parent| names.ids.get(parent))
        {
            children
                .entry(parent.clone())
                .or_default()
                .push(names.id(task).to_owned());
        }
    }
    children
}

fn hard(task: &Task, names: &Names) -> Vec<String> {
    let hard = task.after.iter().filter(|link| !link.is_soft);
    let mut ids: Vec<String> = hard
        .filter_map(|link| names.ids.get(&link.id).cloned())
        .collect();
    ids.sort_by(|one, other| natural::compare(one, other));
    ids
}

fn soft_edges(list: &TaskList, names: &Names) -> Vec<Value> {
    let links = list
        .tasks
        .iter()
        .flat_map(|task| task.after.iter().map(move |link| (task, link)));
    let soft = links.filter(|(_, link)| link.is_soft);
    soft.filter_map(|(task, link)| {
        Some(json!({"from": names.ids.get(&link.id)?, "to": names.id(task), "type": "soft"}))
    })
    .collect()
}

/// The tracker's data about a task for which nodes have no field.
fn origin(task: &Task) -> Value {
    let mut origin = Map::new();
    origin.insert("id".to_owned(), task.id.as_str().into());
    if let Some(url) = &task.url {
        origin.insert("url".to_owned(), url.as_str().into());
    }
    for (name, texts) in [("labels", &task.labels), ("assignees", &task.assignees)] {
        if !texts.is_empty() {
            origin.insert(name.to_owned(), texts.clone().into());
        }
    }
    json!({"name": TRACKER, "format": "json", "content": origin})
}

fn notes(task: &Task) -> impl Iterator<Item = Value> + '_ {
    task.notes
        .iter()
        .map(|(name, text)| json!({"name": name, "format": "markdown", "content": text}))
}

fn new_node(task: &Task, names: &Names, children: &BTreeMap<String, Vec<String>>) -> Value {
    let id = names.id(task);
    let mut node = Map::new();
    node.insert("id".to_owned(), id.into());
    let parts = children.get(id);
    let kind = if parts.is_some() { "Group" } else { "Task" };
    node.insert("kind".to_owned(), kind.into());
    node.insert("name".to_owned(), task.title.as_str().into());
    if !task.description.is_empty() {
        node.insert("description".to_owned(), task.description.as_str().into());
    }
    let context: Vec<Value> = notes(task).chain([origin(task)]).collect();
    node.insert("context".to_owned(), context.into());
    let hard = hard(task, names);
    if !hard.is_empty() {
        node.insert("dependsOn".to_owned(), hard.into());
    }
    if let Some(parts) = parts {
        node.insert("children".to_owned(), parts.clone().into());
    }
    node.into()
}

/// An existing node, to find its authors' own content.
struct Theirs<'a> {
    node: &'a Value,
    /// Whether the list was exported from such a plan.
    is_ours: bool,
    /// The removed ids.
    gone: Option<&'a BTreeSet<String>>,
    imported: &'a BTreeSet<String>,
}

impl Theirs<'_> {
    /// Whether a list that was exported from this node would have just these texts: a node without a name has its
    /// description there.
    fn are_texts_of(&self, task: &Task) -> bool {
        let text = text_of(self.node, "description");
        let title = text.lines().next().unwrap_or(text_of(self.node, "id"));
        let is_nameless = self.node.get("name").is_none();
        self.is_ours
            && is_nameless
            && task.title == title
            && [text, ""].contains(&task.description.as_str())
    }

    /// Of a list of ids, those that are in no list, and those of this list, in the existing order.
    fn ids(&self, field: &str, said: Vec<String>) -> Vec<String> {
        let written = self.node.get(field).and_then(Value::as_array);
        let written = written.into_iter().flatten().filter_map(Value::as_str);
        let stays = |id: &str| {
            let is_gone = self.gone.is_some_and(|gone| gone.contains(id));
            // Children that are no longer in the list stay in their group, if they stay in the plan.
            let is_left = field == "children" && !is_gone && self.gone.is_none();
            said.iter().any(|said| said == id)
                || (!is_gone && (is_left || !self.imported.contains(id)))
        };
        let mut ids: Vec<String> = written.filter(|id| stays(id)).map(str::to_owned).collect();
        for id in said {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

/// The node with the content of the task.
fn updated(
    task: &Task,
    theirs: &Theirs<'_>,
    (names, children): (&Names, &BTreeMap<String, Vec<String>>),
) -> Value {
    let Value::Object(mut node) = theirs.node.clone() else {
        return theirs.node.clone();
    };
    let id = names.id(task);
    let mut set = |field: &str, value: Option<Value>| match value {
        Some(value) => {
            node.insert(field.to_owned(), value);
        }
        None => {
            node.shift_remove(field);
        }
    };
    if !theirs.are_texts_of(task) {
        set("name", Some(task.title.as_str().into()));
        let description = Some(task.description.as_str()).filter(|text| !text.is_empty());
        set("description", description.map(Value::from));
    }
    if !theirs.is_ours && tracked(theirs.node).is_some() {
        set("context", Some(context(task, theirs.node)));
    }
    let written = list_of(theirs.node, "dependsOn");
    let mut hard = hard(task, names);
    hard.retain(|other| {
        let edge = (other.clone(), id.to_owned());
        !names.edges.contains(&edge) || written.contains(&other.as_str().into())
    });
    let hard = theirs.ids("dependsOn", hard);
    set(
        "dependsOn",
        Some(hard).filter(|ids| !ids.is_empty()).map(Value::from),
    );
    let kind = text_of(theirs.node, "kind");
    let parts = children.get(id).cloned();
    match (kind, parts) {
        ("Task" | "Group", Some(parts)) => {
            set("kind", Some("Group".into()));
            set("children", Some(theirs.ids("children", parts).into()));
        }
        ("Group", None) => {
            let left = theirs.ids("children", Vec::new());
            if left.is_empty() {
                set("kind", Some("Task".into()));
                set("children", None);
            } else {
                set("children", Some(left.into()));
            }
        }
        _ => {}
    }
    node.into()
}

/// The context of a node: the list's items in their places, and the authors' own in theirs.
fn context(task: &Task, node: &Value) -> Value {
    let mut new: Vec<Value> = notes(task).chain([origin(task)]).collect();
    let written = node.get("context").and_then(Value::as_array);
    let mut items: Vec<Value> = Vec::new();
    for item in written.into_iter().flatten() {
        let name = text_of(item, "name");
        if !NOTES.contains(&name) && name != TRACKER {
            items.push(item.clone());
        } else if let Some(at) = new.iter().position(|one| text_of(one, "name") == name) {
            items.push(new.remove(at));
        }
    }
    items.extend(new);
    items.into()
}

/// An authors' own node without the removed ids.
fn without(node: &Value, gone: &BTreeSet<String>) -> Value {
    let mut node = node.clone();
    for field in ["dependsOn", "children"] {
        let Some(ids) = node.get_mut(field).and_then(Value::as_array_mut) else {
            continue;
        };
        ids.retain(|id| !id.as_str().is_some_and(|id| gone.contains(id)));
        if ids.is_empty()
            && let Value::Object(fields) = &mut node
        {
            fields.shift_remove(field);
        }
    }
    node
}

/// The id in the tracker of a node's task.
fn tracked(node: &Value) -> Option<String> {
    let items = node.get("context").and_then(Value::as_array)?;
    let items = items
        .iter()
        .filter_map(|item| serde_json::from_value::<ContextItem>(item.clone()).ok());
    let mut ids = items.filter_map(|item| item.tracker_id().map(str::to_owned));
    ids.next()
}

fn list_of<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    let list = value.get(field).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn text_of<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
