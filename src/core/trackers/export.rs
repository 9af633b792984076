//! Converts a plan, or the current state of a run, to a list of tasks for a tracker.

use std::collections::{BTreeMap, BTreeSet};

use super::csv;
use super::links::NOTHING;
use super::markdown::MARK;
use crate::core::plan::graph::GraphOf;
use crate::core::resource::{EdgeKind, Node, NodeKind, NodePhase, NodeStatus};

/// Maximum length of an id in a line of a checklist.
const LONGEST_ID: usize = 80;

/// A plan or run to export.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// `NAMESPACE/NAME`
    pub name: String,
    /// The description of the plan.
    pub description: String,
    /// The phase, for a run.
    pub phase: Option<String>,
    /// Its nodes, with groups before their children.
    pub items: Vec<Item>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its name for people: the step of a document, the id in a tracker, or the id of the node.
    pub id: String,
    /// The id of the node.
    pub node: String,
    /// The kind of node.
    pub kind: NodeKind,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The acceptance criteria, one line each.
    pub criteria: Vec<String>,
    /// The group that contains it.
    pub parent: Option<String>,
    /// The nodes that must succeed first.
    pub depends_on: Vec<String>,
    /// The nodes that only have to end first.
    pub softly_on: Vec<String>,
    /// Its phase in the run.
    pub phase: Option<NodePhase>,
    /// The present or last actor.
    pub actor: Option<String>,
    /// Its URL in the tracker that it was imported from.
    pub url: Option<String>,
    /// The address of its page.
    pub link: Option<String>,
    /// The depth of nested groups.
    pub depth: usize,
}

impl Item {
    /// Whether it is finished successfully.
    pub fn is_done(&self) -> bool {
        self.phase == Some(NodePhase::Succeeded)
    }

    /// Whether it will never be done.
    pub fn is_given_up(&self) -> bool {
        matches!(self.phase, Some(NodePhase::Skipped | NodePhase::Cancelled))
    }

    /// Its state, in words.
    pub fn state(&self) -> Option<String> {
        let phase = self.phase?;
        let actor = self.actor.as_ref().map(|actor| format!(", {actor}"));
        Some(format!("{phase}{}", actor.unwrap_or_default()))
    }
}

/// The nodes of a plan, with their states in a run.
pub fn items(of: GraphOf<'_>, statuses: Option<&BTreeMap<String, NodeStatus>>) -> Vec<Item> {
    let nodes = &of.spec.nodes;
    let called = called(nodes);
    let name = |id: &str| called.get(id).cloned().unwrap_or_default();
    let mut before: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
    for (from, to, kind) in of.graph.edges() {
        let [hard, soft] = before.entry(of.graph.id(to).to_owned()).or_default();
        let kind = if kind == EdgeKind::Hard { hard } else { soft };
        kind.push(name(of.graph.id(from)));
    }
    let mut parents: BTreeMap<&str, &str> = BTreeMap::new();
    for group in nodes {
        for child in &group.children {
            parents.entry(child).or_insert(&group.id);
        }
    }
    in_order(nodes, &parents)
        .into_iter()
        .map(|(node, depth)| {
            let status = statuses.and_then(|statuses| statuses.get(&node.id));
            let [depends_on, softly_on] = before.remove(&node.id).unwrap_or_default();
            Item {
                id: name(&node.id),
                parent: parents.get(node.id.as_str()).map(|parent| name(parent)),
                depends_on,
                softly_on,
                phase: status.map(|status| status.phase),
                actor: status.and_then(actor),
                depth,
                ..item(node)
            }
        })
        .collect()
}

fn item(node: &Node) -> Item {
    let text = node.description.clone().unwrap_or_default();
    let title = node
        .name
        .clone()
        .or_else(|| text.lines().next().map(str::to_owned));
    let criteria = node.acceptance_criteria.iter();
    Item {
        id: node.id.clone(),
        node: node.id.clone(),
        kind: node.kind,
        title: title.unwrap_or_else(|| node.id.clone()),
        description: text,
        criteria: criteria.map(|criterion| criterion.name.clone()).collect(),
        parent: None,
        depends_on: Vec::new(),
        softly_on: Vec::new(),
        phase: None,
        actor: None,
        url: node.tracker_url().map(str::to_owned),
        link: None,
        depth: 0,
    }
}

fn actor(status: &NodeStatus) -> Option<String> {
    let extensions = &status.extensions;
    let claim = extensions.claim.as_ref().map(|claim| claim.actor.clone());
    claim.or_else(|| Some(extensions.report.as_ref()?.actor.clone()))
}

/// The name of each node: its step, if that fits into a line and is unique.
fn called(nodes: &[Node]) -> BTreeMap<String, String> {
    let mut taken: BTreeSet<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    let mut called = BTreeMap::new();
    for node in nodes {
        let fits = |step: &&str| {
            let is_plain = |c: char| !c.is_control() && !"`();,".contains(c);
            step.len() <= LONGEST_ID && step.trim() == *step && step.chars().all(is_plain)
        };
        let step = node.own_step().filter(fits);
        let step = step.filter(|step| *step == node.id || taken.insert(step));
        called.insert(node.id.clone(), step.unwrap_or(&node.id).to_owned());
    }
    called
}

/// Nodes in order, each group before its children, with their depths.
fn in_order<'a>(nodes: &'a [Node], parents: &BTreeMap<&str, &str>) -> Vec<(&'a Node, usize)> {
    let by_id: BTreeMap<&str, &Node> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let tops = nodes
        .iter()
        .filter(|node| !parents.contains_key(node.id.as_str()));
    let mut left: Vec<(&Node, usize)> = tops.map(|node| (node, 0)).collect();
    left.reverse();
    let mut found = Vec::new();
    while let Some((node, depth)) = left.pop() {
        found.push((node, depth));
        let own = |child: &&str| parents.get(child) == Some(&node.id.as_str());
        let children = node.children.iter().map(String::as_str).filter(own).rev();
        left.extend(children.filter_map(|child| Some((*by_id.get(child)?, depth + 1))));
    }
    found
}

/// A checklist from which an import restores the same graph.
pub fn markdown(exported: &Exported) -> String {
    let title = exported.description.lines().next().unwrap_or_default();
    let mut text = format!("{MARK} {} -->\n# {}\n", exported.name, plain(title));
    if let Some(phase) = &exported.phase {
        text.push_str(&format!("\n{} is {phase}.\n", exported.name));
    }
    text.push('\n');
    for item in &exported.items {
        let margin = "  ".repeat(item.depth);
        let mark = match item {
            item if item.is_done() => 'x',
            _ => ' ',
        };
        let waits = [
            ("depends on ", &item.depends_on),
            ("softly on ", &item.softly_on),
        ];
        let waits = waits.into_iter().filter(|(_, ids)| !ids.is_empty());
        let waits = waits.map(|(word, ids)| format!("{word}{}", spans(ids)));
        let waits: Vec<String> = waits.collect();
        let title = plain(&item.title);
        let waits = if !waits.is_empty() {
            format!(" ({})", waits.join("; "))
        } else if title.ends_with(')') {
            // Otherwise the end of the title could be read as a dependency.
            format!(" ({NOTHING})")
        } else {
            String::new()
        };
        text.push_str(&format!(
            "{margin}- [{mark}] `{}` {title}{waits}\n",
            item.id
        ));
        let description = item.description.trim_end();
        for line in description
            .lines()
            .filter(|_| item.description != item.title)
        {
            text.push_str(format!("{margin}  > {line}").trim_end());
            text.push('\n');
        }
        let facts = [
            ("State", item.state()),
            ("Link", item.link.clone().or_else(|| item.url.clone())),
        ];
        for (name, fact) in facts {
            if let Some(fact) = fact {
                text.push_str(&format!("{margin}  _{name}: {fact}_\n"));
            }
        }
    }
    text
}

fn spans(ids: &[String]) -> String {
    let spans: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    spans.join(", ")
}

/// A text on one line that does not begin a comment.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("<!--", "<! --")
}

/// A table that GitLab and Jira import: a row for each node, with a column for each dependency.
pub fn table(exported: &Exported) -> String {
    let most = exported
        .items
        .iter()
        .map(|item| item.depends_on.len())
        .max();
    let most = most.unwrap_or_default().max(1);
    let numbers: BTreeMap<&str, String> = exported
        .items
        .iter()
        .zip(1_usize..)
        .map(|(item, number)| (item.id.as_str(), number.to_string()))
        .collect();
    let number = |id: &String| numbers.get(id.as_str()).cloned().unwrap_or_default();
    let head = [
        "Issue Id",
        "Step",
        "Title",
        "Description",
        "Issue Type",
        "Status",
        "Phase",
        "Parent Id",
        "URL",
    ];
    let links = std::iter::repeat_n("Inward issue link (Blocks)", most);
    let head: Vec<String> = head.into_iter().chain(links).map(str::to_owned).collect();
    let mut text = csv::line(&head);
    for item in &exported.items {
        let mut cells = vec![
            number(&item.id),
            item.id.clone(),
            item.title.clone(),
            without_actions(&item.description),
            if item.kind == NodeKind::Group {
                "Epic"
            } else {
                "Task"
            }
            .to_owned(),
            status(item).to_owned(),
            item.phase
                .map(|phase| phase.to_string())
                .unwrap_or_default(),
            item.parent.as_ref().map(number).unwrap_or_default(),
            item.link
                .clone()
                .or_else(|| item.url.clone())
                .unwrap_or_default(),
        ];
        let links = item.depends_on.iter().map(number);
        cells.extend(links.chain(std::iter::repeat(String::new())).take(most));
        text.push_str(&csv::line(&cells));
    }
    text
}

/// The initial statuses of Jira.
fn status(item: &Item) -> &'static str {
    match item.phase {
        Some(NodePhase::Succeeded | NodePhase::Skipped | NodePhase::Cancelled) => "Done",
        Some(NodePhase::Running) => "In Progress",
        _ => "To Do",
    }
}

/// A text without GitLab quick actions, which are lines that begin with `/`.
fn without_actions(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let said = line.trim_start();
        if said.starts_with('/') {
            format!("\\{said}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
