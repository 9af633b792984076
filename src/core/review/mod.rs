//! Compares two revisions, and judges the changes.
//!
//! [`compare`] brings both sides into a normal form that ignores formatting, the order of lists that
//! are sets, and the names of files ([`fields`]), and finds for every resource what was
//! added, removed, changed or renamed. Every change has a class; dangerous ones have a
//! reason.
//! say why.

pub mod apply;
pub mod brief;
mod changes;
pub mod configuration;
mod contract;
pub mod declared;
pub mod document;
pub mod fields;
mod gates;
mod graph;
pub mod left;
pub mod live;
pub mod meaning;
pub mod novel;
#[cfg(test)]
mod properties;
pub mod prose;
pub mod renames;
pub mod revise;
pub mod rules;
pub mod scope;
pub mod scripts;
mod suspicion;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value;

use crate::core::base::version::compare_versions;
use crate::core::base::words::and_more;
use crate::core::plan::shell;
use crate::core::repository::snapshot::{Snapshot, WORTH_SHARING};
use crate::core::resource::{Key, Kind, NodeKind, PlanSpec, Resource, Spec};
pub use fields::{Address, Element, Normal};
pub use graph::{Effect, Shape};
use meaning::DangerWhen;
pub use meaning::{Class, Topic};
pub use novel::{Fact, argument_list};

/// The changes between two revisions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Review {
    /// All changed resources, plans first, in order.
    pub subjects: Vec<Subject>,
    /// The goals and gates of documents that change with them; they are shown with their plan.
    pub told: BTreeSet<Key>,
    /// Renamed resources, from new to old name.
    pub renamed: BTreeMap<Key, Key>,
    /// Where the nodes of split or merged plans went.
    pub went_on: BTreeMap<Key, String>,
}

/// A changed resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its key; of a removed one, the former key.
    pub key: Key,
    /// The path of its file, or former file.
    pub path: String,
    /// What happened to it as a whole.
    pub event: Event,
    /// The class of the change.
    pub class: Class,
    /// The reason for that class, in words.
    pub raised_by: Option<String>,
    /// The changes, dangerous ones first.
    pub changes: Vec<Change>,
    /// The effects.
    pub effects: Vec<Effect>,
    /// The shape of a plan's graph before and after.
    pub shape: Option<(Option<Shape>, Option<Shape>)>,
    /// The facts about new content.
    pub facts: Vec<Fact>,
    /// Long texts of new content.
    pub texts: Vec<Fact>,
    /// The number of facts that are left out.
    pub untold: usize,
}

/// What happened to a resource as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was added.
    Added,
    /// It was removed.
    Removed,
    /// Its file has left the configured paths; nobody deleted it.
    Left {
        /// The new path; `None` if no resource is left below the configured paths while runs are open.
        to: Option<String>,
    },
    /// It was changed.
    Changed,
    /// It was renamed.
    Renamed {
        /// The former name.
        from: Key,
    },
    /// It is a new version of a plan, and is compared with the previous one.
    Version {
        /// The previous version.
        of: Key,
    },
    /// One side is unreadable, so the changes are unknown.
    Unreadable {
        /// Whether it is the new side.
        now: bool,
    },
}

/// A difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its address.
    pub address: Address,
    /// The kind of difference.
    pub what: What,
    /// The value before; for an element, all of it.
    pub was: Option<Value>,
    /// The value after.
    pub is: Option<Value>,
    /// Its class.
    pub class: Class,
    /// Why it is dangerous, if it is.
    pub danger: Option<String>,
    /// Its effect on the work.
    pub effect: Option<String>,
}

/// The kind of difference at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Something was added.
    Added(Element),
    /// Something was removed.
    Removed(Element),
    /// A value has changed.
    Field(&'static str),
    /// A node was renamed.
    NodeRenamed {
        /// The former id.
        from: String,
    },
}

impl Review {
    /// Whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// The largest class of all changes.
    pub fn class(&self) -> Class {
        let classes = self.subjects.iter().map(|subject| subject.class);
        classes.max().unwrap_or_default()
    }

    /// How many changes and effects are dangerous.
    pub fn dangers(&self) -> usize {
        self.subjects.iter().map(Subject::dangers).sum()
    }

    /// Marks resources that are no longer found, but were not deleted: they left the configured paths, as for
    /// `reconcile`.
    pub fn leave(&mut self, left: &BTreeMap<Key, Option<String>>) {
        for subject in &mut self.subjects {
            let Some(to) = left
                .get(&subject.key)
                .filter(|_| subject.event == Event::Removed)
            else {
                continue;
            };
            subject.event = Event::Left { to: to.clone() };
            let where_to = match to {
                Some(path) => format!("{path} is outside the configured paths"),
                None => "no resource is left below the configured paths".to_owned(),
            };
            let what = match subject.key.kind {
                Kind::Execution => {
                    "a run that has started continues unchanged; a run that has not started will not start"
                }
                _ => "runs that have started on it continue; no other run starts",
            };
            subject.effects = vec![Effect::danger(format!(
                "{where_to}: it is not taken for deleted; {what}"
            ))];
        }
    }

    /// Keeps only the changes of a plan, and of what it refers to.
    pub fn only(mut self, plan: &Key, old: &Snapshot, new: &Snapshot) -> Review {
        let mut wanted = BTreeSet::from([plan.clone()]);
        for snapshot in [old, new] {
            let Some(spec) = snapshot.plan(plan) else {
                continue;
            };
            let namespace = &plan.namespace;
            let goal = spec.goal_ref.iter();
            wanted.extend(goal.map(|goal| goal.key(Kind::Goal, namespace)));
            for node in &spec.graph.nodes {
                let gate = node.gate_ref.iter();
                wanted.extend(gate.map(|gate| gate.key(Kind::Gate, namespace)));
                let needs = node.capability_refs.iter();
                wanted.extend(needs.map(|need| need.key(Kind::Capability, namespace)));
            }
            for (key, run) in snapshot.executions_of(plan) {
                wanted.insert(key.clone());
                let binding = run.binding_ref.iter();
                wanted.extend(binding.map(|one| one.key(Kind::Binding, &key.namespace)));
            }
        }
        self.subjects
            .retain(|subject| wanted.contains(&subject.key));
        self
    }
}

impl Subject {
    /// How many changes and effects are dangerous.
    pub fn dangers(&self) -> usize {
        let changes = self.changes.iter().filter(|change| change.danger.is_some());
        let effects = self.effects.iter().filter(|effect| effect.danger);
        changes.count() + effects.count()
    }

    /// The former key, if it is compared with a resource of another name.
    pub fn from(&self) -> Option<&Key> {
        match &self.event {
            Event::Renamed { from } => Some(from),
            Event::Version { of } => Some(of),
            _ => None,
        }
    }
}

/// Compares `old` with `new`.
pub fn compare(old: &Snapshot, new: &Snapshot) -> Review {
    let renamed = renames::resources(old, new);
    let moved_away: BTreeSet<&Key> = renamed.values().collect();
    // A snapshot may know names of resources that it has not read.
    let is_defined = |key: &&Key| !new.definitions(key).is_empty();
    let defined: Vec<&Key> = new.keys().filter(is_defined).collect();
    let subject = |key: &Key| match (old.definitions(key).is_empty(), renamed.get(key)) {
        (false, _) => same_name(old, new, key),
        (true, Some(from)) => other_name(old, new, key, from),
        (true, None) => added(old, new, key),
    };
    let mut subjects: Vec<Subject> = if defined.len() < WORTH_SHARING {
        defined.into_iter().filter_map(subject).collect()
    } else {
        defined.into_par_iter().filter_map(subject).collect()
    };
    for key in old.keys().filter(|key| !is_defined(key)) {
        if old.definitions(key).is_empty() || moved_away.contains(key) {
            continue;
        }
        // Resources of a file that is now unreadable may still exist.
        let path = old.definitions(key).first().map(|one| &one.path);
        subjects.push(
            match path.filter(|path| new.unidentified().contains(path)) {
                Some(_) => {
                    Subject::new(old, key, Event::Unreadable { now: true }).whole(Class::Major)
                }
                None => removed(old, key),
            },
        );
    }
    // The goal and the gates of a document are shown with its plan.
    let is_told = |snapshot: &Snapshot, key: &Key| {
        let definition = snapshot.definition(key);
        key.kind != Kind::Plan && definition.is_some_and(|one| one.origin.is_some())
    };
    let (told, mut subjects): (Vec<Subject>, Vec<Subject>) = subjects
        .into_iter()
        .partition(|subject| is_told(new, &subject.key) || is_told(old, &subject.key));
    let told = told.into_iter().filter(|one| one.event != Event::Added);
    let told = told.map(|subject| subject.key).collect();
    graph::delegations((old, new), &renamed, &mut subjects);
    renames::follow((old, new), &renamed, &mut subjects);
    let went_on = graph::splits((old, new), &mut subjects);
    gates::decide_elsewhere((old, new), &mut subjects);
    novel::describe([old, new], &mut subjects);
    contract::uses(new, &mut subjects);
    for subject in &mut subjects {
        subject.effects.extend(not_ready(new, &subject.key));
        subject
            .changes
            .sort_by_key(|change| change.danger.is_none());
        subject.effects.sort_by_key(|effect| !effect.danger);
    }
    // Plans come first, since reviewers look for them.
    subjects.sort_by(|a, b| {
        let rank = |subject: &Subject| (subject.key.kind != Kind::Plan, subject.key.clone());
        rank(a).cmp(&rank(b))
    });
    Review {
        subjects,
        told,
        renamed,
        went_on,
    }
}

impl Subject {
    fn new(snapshot: &Snapshot, key: &Key, event: Event) -> Subject {
        let path = snapshot.definitions(key).first();
        Subject {
            key: key.clone(),
            path: path.map_or_else(String::new, |definition| definition.path.clone()),
            event,
            class: Class::None,
            raised_by: None,
            changes: Vec::new(),
            effects: Vec::new(),
            shape: None,
            facts: Vec::new(),
            texts: Vec::new(),
            untold: 0,
        }
    }

    fn whole(mut self, class: Class) -> Subject {
        self.class = class;
        self
    }
}

fn same_name(old: &Snapshot, new: &Snapshot, key: &Key) -> Option<Subject> {
    let unreadable = |now| {
        let event = Event::Unreadable { now };
        Some(Subject::new(new, key, event).whole(Class::Major))
    };
    match (old.resource(key), new.resource(key)) {
        (Some(before), Some(after)) => {
            let mut subject = Subject::new(new, key, Event::Changed);
            subject.compare((old, key, before), (new, after));
            (!subject.changes.is_empty()).then_some(subject)
        }
        // The same bytes are the same resource.
        _ if same_text(old, new, key) => None,
        (_, None) => unreadable(true),
        (None, Some(_)) => unreadable(false),
    }
}

fn same_text(old: &Snapshot, new: &Snapshot, key: &Key) -> bool {
    let versions = |snapshot: &Snapshot| -> Vec<(String, usize)> {
        let definitions = snapshot.definitions(key).iter();
        let version = definitions.map(|one| (one.blob.clone(), one.document));
        let mut all: Vec<(String, usize)> = version.collect();
        all.sort();
        all
    };
    versions(old) == versions(new)
}

fn other_name(old: &Snapshot, new: &Snapshot, key: &Key, from: &Key) -> Option<Subject> {
    let event = Event::Renamed { from: from.clone() };
    let mut subject = Subject::new(new, key, event);
    let (before, after) = (old.resource(from)?, new.resource(key)?);
    subject.compare((old, from, before), (new, after));
    // References to it do not follow.
    subject.class = subject.class.max(Class::Minor);
    Some(subject)
}

fn added(old: &Snapshot, new: &Snapshot, key: &Key) -> Option<Subject> {
    let Some(resource) = new.resource(key) else {
        let event = Event::Unreadable { now: true };
        return Some(Subject::new(new, key, event).whole(Class::Major));
    };
    if let Some((of, before)) = predecessor(old, new, key) {
        let event = Event::Version { of: of.clone() };
        let mut subject = Subject::new(new, key, event);
        let side = if old.resource(&of).is_some() {
            old
        } else {
            new
        };
        subject.compare((side, &of, before), (new, resource));
        return Some(subject);
    }
    let mut subject = Subject::new(new, key, Event::Added).whole(whole_class(key.kind));
    if let Spec::Plan(plan) = &resource.spec {
        subject.shape = Some((None, Shape::of(&plan.graph)));
    }
    subject.effects = graph::brings(resource);
    Some(subject)
}

/// Maximum number of reasons why a document is not ready that are named.
const REASONS: usize = 5;

/// Why the plan of a document is not ready, even if it was not before: a reviewer needs to know whether it can start.
fn not_ready(new: &Snapshot, plan: &Key) -> Option<Effect> {
    let reasons: Vec<&str> = new.unready(plan).map(|one| one.message.as_str()).collect();
    let (named, more) = reasons.split_at(reasons.len().min(REASONS));
    let text = format!(
        "it is not ready to start: {}{}",
        named.join("; "),
        and_more(more.len())
    );
    (!named.is_empty()).then(|| Effect::note(text))
}

fn removed(old: &Snapshot, key: &Key) -> Subject {
    let mut subject = Subject::new(old, key, Event::Removed).whole(whole_class(key.kind));
    if let Some(Spec::Plan(plan)) = old.resource(key).map(|resource| &resource.spec) {
        subject.shape = Some((Shape::of(&plan.graph), None));
    }
    if key.kind == Kind::Gate {
        let text = "the gate is gone: its reviewers and required approvals no longer apply";
        subject.effects.push(Effect::danger(text));
    }
    if key.kind == Kind::Execution {
        let text = "deleting an Execution cancels the run, unless it is over";
        subject.effects.push(Effect::danger(text));
    }
    subject
}

/// The class of an added or removed resource.
fn whole_class(kind: Kind) -> Class {
    match kind {
        Kind::Plan | Kind::Goal => Class::Major,
        Kind::Execution | Kind::Capability | Kind::Binding | Kind::Gate => Class::Minor,
    }
}

/// The plan that a new one is the next version of: the one that it supersedes, else the highest lower version of
/// its series.
pub fn predecessor<'a>(
    old: &'a Snapshot,
    new: &'a Snapshot,
    key: &Key,
) -> Option<(Key, &'a Resource)> {
    let plan = new.plan(key)?;
    let find = |of: &Key| old.resource(of).or_else(|| new.resource(of));
    if let Some(reference) = plan.supersedes.first() {
        let of = reference.key(Kind::Plan, &key.namespace);
        return find(&of).filter(|_| of != *key).map(|found| (of, found));
    }
    if let Some(of) = document::parent(old, new, key) {
        return find(&of).map(|found| (of, found));
    }
    // Plans without a series are not versions of each other.
    let (version, series) = (plan.version.as_deref()?, plan.series.as_ref()?);
    let candidates = old.keys_of(Kind::Plan).filter_map(|other| {
        let earlier = old.plan(other)?;
        let own = earlier.version.as_deref()?;
        let same_series =
            earlier.series.as_ref() == Some(series) && other.namespace == key.namespace;
        let is_lower = compare_versions(own, version).is_lt();
        (same_series && is_lower && other != key).then_some((own, other))
    });
    let best = candidates.reduce(|best, next| {
        if compare_versions(next.0, best.0).is_gt() {
            next
        } else {
            best
        }
    });
    let of = best?.1.clone();
    find(&of).map(|found| (of, found))
}

impl Subject {
    /// Finds the differences, their meanings and their effects.
    fn compare(
        &mut self,
        (old, from, before): (&Snapshot, &Key, &Resource),
        (new, after): (&Snapshot, &Resource),
    ) {
        let (Spec::Plan(was), Spec::Plan(is)) = (&before.spec, &after.spec) else {
            self.changes = differences(&Normal::of(before), &Normal::of(after));
            if let Spec::Capability(is) = &after.spec {
                contract::judge(is, &mut self.changes);
            }
            self.sum_up();
            return;
        };
        let renames = renames::nodes(&was.graph, &is.graph, &after.metadata);
        let renamed = Resource {
            spec: Spec::Plan(PlanSpec {
                graph: renames::rename(&was.graph, &renames),
                ..was.clone()
            }),
            ..before.clone()
        };
        let mut changes: Vec<Change> = renames
            .iter()
            .map(|(from, to)| Change {
                address: vec!["nodes".to_owned(), to.clone()],
                what: What::NodeRenamed { from: from.clone() },
                was: Some(Value::String(from.clone())),
                is: Some(Value::String(to.clone())),
                // Runs and references use the id.
                class: Class::Minor,
                danger: None,
                effect: None,
            })
            .collect();
        let mut sides = [Normal::of(&renamed), Normal::of(after)];
        document::add(old, from, &renames, &mut sides[0]);
        document::add(new, &self.key, &BTreeMap::new(), &mut sides[1]);
        changes.extend(differences(&sides[0], &sides[1]));
        changes.retain(|change| !document::keeps_order(change));
        document::begin_history_anew(&mut changes);
        self.changes = changes;
        if let Spec::Plan(was) = &renamed.spec {
            let now = Shape::of(&is.graph);
            // Nothing follows from a graph that is the same and can be built.
            let shapes = if now.is_some() && was.graph == is.graph {
                (now.clone(), now)
            } else {
                self.effects = graph::effects(&was.graph, &is.graph, &mut self.changes);
                (Shape::of(&was.graph), now)
            };
            self.effects.extend(graph::replaced(was, &self.changes));
            self.effects.extend(graph::numbered_anew(&self.changes));
            self.shape = Some(shapes);
        }
        self.sum_up();
    }

    fn sum_up(&mut self) {
        let changes = self.changes.iter();
        let classes = changes.map(|change| change.class);
        let effects = self.effects.iter().map(|effect| effect.class);
        self.class = classes.chain(effects).max().unwrap_or_default();
        let effect = self.effects.iter().find(|one| one.class == self.class);
        let raising = self.changes.iter().filter(|one| one.class == self.class);
        let change = raising.min_by_key(|one| {
            let is_rename = matches!(one.what, What::NodeRenamed { .. });
            (is_rename, one.danger.is_none(), one.edge().is_some())
        });
        self.raised_by = match (change, effect) {
            (Some(change), _) => Some(change.words()),
            (None, Some(effect)) => Some(effect.text.clone()),
            (None, None) => None,
        };
    }
}

/// The differences between two normal forms, in the order of addresses.
pub fn differences(old: &Normal, new: &Normal) -> Vec<Change> {
    let addresses: BTreeSet<&Address> = old.elements.keys().chain(new.elements.keys()).collect();
    let mut found: BTreeMap<Address, Change> = BTreeMap::new();
    for address in addresses {
        if is_below(address, &found) {
            continue;
        }
        let change = match (old.elements.get(address), new.elements.get(address)) {
            (None, Some(element)) => whole(address, What::Added(*element), new),
            (Some(element), None) => whole(address, What::Removed(*element), old),
            _ => continue,
        };
        found.insert(address.clone(), change);
    }
    let addresses: BTreeSet<&Address> = old.leaves.keys().chain(new.leaves.keys()).collect();
    for address in addresses {
        let (was, is) = (old.leaves.get(address), new.leaves.get(address));
        let value = |leaf: Option<&fields::Leaf>| leaf.map(|leaf| leaf.value.clone());
        let Some(leaf) = is.or(was).filter(|_| value(was) != value(is)) else {
            continue;
        };
        if is_below(address, &found) {
            continue;
        }
        let meaning = leaf.meaning;
        let (was, is) = (value(was), value(is));
        let danger = meaning.danger.judge(was.as_ref(), is.as_ref());
        let class = match (meaning.danger, &danger) {
            // Then it is more than wording.
            (DangerWhen::Told, Some(_)) => meaning.class.max(Class::Minor),
            _ => meaning.class,
        };
        let change = Change {
            address: address.clone(),
            what: What::Field(meaning.label),
            class,
            danger,
            was,
            is,
            effect: None,
        };
        found.insert(address.clone(), change);
    }
    found.into_values().collect()
}

/// Whether something above an address was added or removed as a whole.
fn is_below(address: &[String], found: &BTreeMap<Address, Change>) -> bool {
    (1..address.len()).any(|length| found.contains_key(&address[..length]))
}

/// A change that adds or removes something as a whole.
fn whole(address: &Address, what: What, from: &Normal) -> Change {
    let value = Some(from.subtree(address));
    let danger = match what {
        What::Added(Element::Node(_)) if suspicion::is_never(from, address) => {
            Some("it never runs: its condition is always false".to_owned())
        }
        What::Added(Element::Node(_) | Element::Check { .. } | Element::Rule) => {
            commands(from, address).map(|runs| format!("new commands are run: {runs}"))
        }
        What::Removed(Element::Node(NodeKind::Gate)) => {
            Some("a decision is no longer required".to_owned())
        }
        What::Removed(Element::Check { required: true }) => {
            Some("the result is no longer checked for this".to_owned())
        }
        What::Added(Element::Entry(entry)) => entry.gained.map(str::to_owned),
        What::Removed(Element::Entry(entry)) => entry.lost.map(str::to_owned),
        What::Removed(Element::GoalCriterion) => {
            Some("this is no longer required for success".to_owned())
        }
        _ => None,
    };
    let (was, is) = match what {
        What::Removed(_) => (value, None),
        _ => (None, value),
    };
    let class = match what {
        What::Added(Element::Entry(entry)) | What::Removed(Element::Entry(entry)) => entry.class,
        _ => Class::Minor,
    };
    Change {
        address: address.clone(),
        what,
        was,
        is,
        class,
        danger,
        effect: None,
    }
}

/// The commands of everything below an address: of a check, or of the target of a rule.
fn commands(normal: &Normal, address: &[String]) -> Option<String> {
    let runs = normal.below(address).filter_map(|(own, leaf)| {
        let field = own.last()?;
        // An External may call a webhook.
        let call = leaf
            .value
            .as_str()
            .filter(|text| text.starts_with(fields::CALL));
        if let Some(call) = call.filter(|_| field == "externalRef") {
            return Some(call.to_owned());
        }
        let calls = ["command", "url", "webhookUrl"].contains(&field.as_str());
        let lists = ["acceptanceCriteria", "checks", "config"];
        if !calls || !own.iter().any(|step| lists.contains(&step.as_str())) {
            return None;
        }
        let args = [&own[..own.len() - 1], &["args".to_owned()]].concat();
        let args = normal.leaves.get(&args).filter(|_| field == "command");
        let args = args.map(|leaf| strings(&leaf.value));
        match &leaf.value {
            Value::String(text) if field == "command" => {
                let words = shell::words(text, args.as_deref());
                Some(argument_list(&words.unwrap_or_else(|_| vec![text.clone()])))
            }
            Value::String(url) => Some(url.clone()),
            list => Some(argument_list(&strings(list))),
        }
    });
    let runs: Vec<String> = runs.collect();
    (!runs.is_empty()).then(|| runs.join(", "))
}

fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    let word = |word: &Value| {
        word.as_str()
            .map_or_else(|| word.to_string(), str::to_owned)
    };
    items.map(word).collect()
}

impl Change {
    /// The change in a few words: `node deploy: timeout`, `edge build → deploy removed`.
    pub fn words(&self) -> String {
        let subject = subject(&self.address);
        match &self.what {
            What::Added(_) => format!("{subject} added"),
            What::Removed(_) => format!("{subject} removed"),
            What::NodeRenamed { from } => format!("{subject} renamed from {from}"),
            What::Field(_) => match (&self.was, &self.is) {
                (None, _) => format!("{subject} set"),
                (_, None) => format!("{subject} removed"),
                _ => format!("{subject} changed"),
            },
        }
    }

    /// Its topic, for changes that need a second look.
    pub fn topic(&self) -> Topic {
        if matches!(
            self.what,
            What::Removed(Element::Node(NodeKind::Gate))
                | What::Added(Element::Node(NodeKind::Gate))
        ) {
            return Topic::Decision;
        }
        let fields: Vec<&str> = self.address.iter().map(String::as_str).collect();
        match fields.as_slice() {
            [
                "reviewers" | "requiredApprovers" | "gateType" | "targetRef",
                ..,
            ]
            | ["nodes", _, "gateRef" | "kind" | "when"] => Topic::Decision,
            ["rules", _, "config", ..]
            | [
                "nodes",
                _,
                "acceptanceCriteria",
                _,
                "command" | "args" | "url" | "webhookUrl",
            ]
            | ["nodes", _, "externalRef"] => Topic::Command,
            ["rules", _, "provider"]
            | [
                "nodes",
                _,
                "provider" | "description" | "context" | "inputs",
                ..,
            ]
            | ["nodes", _, "step", "delegation"]
            | ["document", "delegation", ..] => Topic::Delegation,
            _ => match self.what {
                What::Added(Element::Node(_) | Element::Check { .. } | Element::Rule) => {
                    Topic::Command
                }
                _ => Topic::Other,
            },
        }
    }

    /// The node, if it is about one.
    pub fn node(&self) -> Option<&str> {
        match self.address.as_slice() {
            [list, id, ..] if list == "nodes" => Some(id),
            _ => None,
        }
    }

    /// The edge, if it is about one.
    pub fn edge(&self) -> Option<(&str, &str)> {
        match self.address.as_slice() {
            [list, from, to, ..] if list == "edges" => Some((from, to)),
            _ => None,
        }
    }
}

/// An address in words.
pub fn subject(address: &[String]) -> String {
    let words: Vec<&str> = address.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["nodes", id] => format!("node {id}"),
        ["nodes", id, "acceptanceCriteria", name] => format!("check {name} of {id}"),
        ["nodes", id, "acceptanceCriteria", name, field @ ..] => {
            format!("check {name} of {id}: {}", field.join("."))
        }
        ["nodes", id, "outputs", name] => format!("output {name} of {id}"),
        ["nodes", id, "step", field @ ..] => format!("step {id}: {}", field.join(".")),
        ["nodes", id, field @ ..] => format!("node {id}: {}", field.join(".")),
        ["edges", from, to] => format!("edge {from} → {to}"),
        ["edges", from, to, field] => format!("edge {from} → {to}: {field}"),
        ["acceptanceCriteria", name] => format!("criterion {name}"),
        ["acceptanceCriteria", name, field @ ..] => {
            format!("criterion {name}: {}", field.join("."))
        }
        ["rules", selector] => format!("rule for {selector}"),
        ["rules", selector, field @ ..] => format!("rule for {selector}: {}", field.join(".")),
        ["inputs", name] => format!("input {name}"),
        ["outputs", name] => format!("output {name}"),
        ["requirements", name] => format!("requirement {name}"),
        ["ownerReferences", name] => format!("owner {name}"),
        ["document", rest @ ..] => document::subject(rest),
        other => other.join("."),
    }
}
