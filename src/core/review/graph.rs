//! The effects of changes of a plan on the order of the work, and on who decides and does it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::meaning::{self, Class, Topic};
use super::novel::{self, Doer};
use super::renames;
use super::{Change, Element, Event, Normal, Subject, What};
use crate::core::plan::graph::Graph;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    Edge, EdgeKind, Effort, GraphSpec, Key, Kind, Node, NodeKind, PlanSpec, Resource, Spec,
};
use crate::core::run::controllers::binding::provider;

/// An effect of changes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub struct Effect {
    /// The effect, as a sentence.
    pub text: String,
    /// Whether it needs attention.
    pub danger: bool,
    /// The class that it gives the change.
    #[serde(skip)]
    pub class: Class,
    /// What it is about.
    #[serde(skip)]
    pub topic: Topic,
    /// Whether merging starts a run.
    #[serde(skip)]
    pub is_start: bool,
    /// The node that it is mainly about, if any.
    #[serde(skip)]
    pub node: Option<String>,
}

impl Effect {
    /// An effect that needs a second look.
    pub fn danger(text: impl Into<String>) -> Effect {
        Effect {
            text: text.into(),
            danger: true,
            class: Class::Minor,
            topic: Topic::Other,
            is_start: false,
            node: None,
        }
    }

    /// Sets the topic, which determines the order.
    pub fn about(self, topic: Topic) -> Effect {
        Effect { topic, ..self }
    }

    /// Sets the node.
    pub fn at(self, node: &str) -> Effect {
        Effect {
            node: Some(node.to_owned()),
            ..self
        }
    }

    /// Marks that merging starts a run.
    pub fn starts(self) -> Effect {
        Effect {
            is_start: true,
            ..self
        }
    }

    /// An effect that is only worth knowing.
    pub fn note(text: impl Into<String>) -> Effect {
        Effect {
            text: text.into(),
            danger: false,
            class: Class::None,
            topic: Topic::Other,
            is_start: false,
            node: None,
        }
    }
}

/// The graph of a plan in a few numbers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// How many nodes.
    pub nodes: usize,
    /// How many of them are gates.
    pub gates: usize,
    /// How many edges, each pair of nodes once.
    pub edges: usize,
    /// The critical path: the nodes that decide how long it takes, first to last.
    pub critical_path: Vec<String>,
    /// Its length: the sum of the weights of its tasks.
    pub length: u64,
    /// Whether any task has an estimate; without one every task weighs the same.
    pub estimated: bool,
    /// The largest number of nodes none of which waits for another of them.
    pub width: usize,
}

/// The weight of an estimate, in points; of a task without one, if others have one.
fn points(effort: Option<Effort>) -> u64 {
    match effort {
        Some(Effort::Small) => 1,
        Some(Effort::Medium) | None => 3,
        Some(Effort::Large) => 8,
        Some(Effort::Xlarge) => 20,
    }
}

impl Shape {
    /// The shape of a graph, if it is valid.
    pub fn of(spec: &GraphSpec) -> Option<Shape> {
        let graph = Graph::build(spec).ok()?;
        let estimated = spec
            .nodes
            .iter()
            .any(|node| node.estimated_effort.is_some());
        let weight = |node: usize| match spec.nodes.get(node) {
            Some(node) if node.kind != NodeKind::Task => 0,
            Some(node) if estimated => points(node.estimated_effort),
            _ => 1,
        };
        let (length, path) = graph.heaviest_way(weight);
        let path = path.into_iter().map(|node| graph.id(node).to_owned());
        let levels = graph.levels();
        Some(Shape {
            nodes: graph.len(),
            gates: spec
                .nodes
                .iter()
                .filter(|node| node.kind == NodeKind::Gate)
                .count(),
            edges: graph.edges().len(),
            critical_path: path.collect(),
            length,
            estimated,
            width: levels.iter().map(Vec::len).max().unwrap_or(0),
        })
    }
}

/// Maximum number of edges whose effects are computed, since each takes a walk over the graph.
const EDGES: usize = 4096;
/// Maximum number of names in one sentence.
const NAMES: usize = 6;
/// Maximum number of tasks that are listed without their number.
const FEW: usize = 3;

/// Adds the effect of every changed edge, and finds the tasks that no longer wait for gates.
pub(super) fn effects(old: &GraphSpec, new: &GraphSpec, changes: &mut [Change]) -> Vec<Effect> {
    let (Ok(before), Ok(after)) = (Graph::build(old), Graph::build(new)) else {
        return vec![Effect::danger(
            "the graph of one side cannot be built: what follows from the changed edges is not known",
        )];
    };
    // A node that waits for a group waits for its children.
    let waits = [old, new].map(|spec| Graph::build(&with_members(spec)));
    match &waits {
        [Ok(before), Ok(after)] => edge_effects(before, after, changes),
        _ => edge_effects(&before, &after, changes),
    }
    lost_gates((old, &before), (new, &after))
}

/// The graph with edges from children to their groups.
fn with_members(spec: &GraphSpec) -> GraphSpec {
    let groups = spec.nodes.iter().filter(|node| !node.children.is_empty());
    let members = groups.flat_map(|group| {
        let edge = |child: &String| Edge {
            from: child.clone(),
            to: group.id.clone(),
            kind: EdgeKind::Hard,
        };
        group.children.iter().map(edge)
    });
    GraphSpec {
        nodes: spec.nodes.clone(),
        edges: spec.edges.iter().cloned().chain(members).collect(),
    }
}

fn edge_effects(before: &Graph, after: &Graph, changes: &mut [Change]) {
    let is_whole = |change: &&mut Change| {
        matches!(
            change.what,
            What::Added(Element::Edge(_)) | What::Removed(Element::Edge(_))
        )
    };
    let mut edges: Vec<&mut Change> = changes.iter_mut().filter(is_whole).take(EDGES).collect();
    // Questions to the other revision about pairs of nodes: whether they had, or keep, their order.
    let mut asked = [Vec::new(), Vec::new()];
    let mut place = Vec::new();
    for change in &edges {
        let added = matches!(change.what, What::Added(_));
        let other = if added { before } else { after };
        let ends = change
            .edge()
            .and_then(|(from, to)| Some((other.index_of(from)?, other.index_of(to)?)));
        place.push(ends.map(|pair| {
            let list = &mut asked[usize::from(added)];
            list.push(pair);
            (usize::from(added), list.len() - 1)
        }));
    }
    let answers = [
        after.comes_before(&asked[0]),
        before.comes_before(&asked[1]),
    ];
    let backwards = |pairs: &[(usize, usize)]| -> Vec<(usize, usize)> {
        pairs.iter().map(|&(from, to)| (to, from)).collect()
    };
    let turned = [
        after.comes_before(&backwards(&asked[0])),
        before.comes_before(&backwards(&asked[1])),
    ];
    for (change, place) in edges.iter_mut().zip(place) {
        let Some((list, index)) = place else {
            // A node was added or removed with the edge.
            continue;
        };
        let (ordered, turned) = (answers[list][index], turned[list][index]);
        let Some((from, to)) = change.edge() else {
            continue;
        };
        let text = match (&change.what, ordered, turned) {
            (What::Added(_), true, _) => {
                format!("{to} already waited for {from} through other nodes")
            }
            (What::Added(_), _, true) => {
                format!("the order is reversed: {to} came before {from}, and now waits for it")
            }
            (What::Added(_), ..) => {
                format!("{to} waits for {from}; they could run at the same time before")
            }
            (_, true, _) => format!("{to} still waits for {from} through other nodes"),
            (_, _, true) => format!("the order is reversed: {to} now comes before {from}"),
            _ => format!("{to} no longer waits for {from}: they can run at the same time"),
        };
        change.effect = Some(text);
    }
}

/// The tasks that waited for a gate by hard edges, and no longer do although both still exist;
/// and those whose gate was removed.
fn lost_gates(old: (&GraphSpec, &Graph), new: (&GraphSpec, &Graph)) -> Vec<Effect> {
    let gates: Vec<&str> = old
        .0
        .nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Gate)
        .map(|node| node.id.as_str())
        .collect();
    let mut effects = Vec::new();
    // As many gates at a time as a word has bits.
    for batch in gates.chunks(64) {
        let was = guarded(old, batch);
        let is = guarded(new, batch);
        let mut lost: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (index, node) in new.0.nodes.iter().enumerate() {
            let Some(earlier) = old.1.index_of(&node.id) else {
                continue;
            };
            let mut bits = was[earlier] & !is[index];
            if node.kind == NodeKind::Gate || node.kind == NodeKind::Group {
                continue;
            }
            while bits != 0 {
                let gate = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                // A node that is no longer a gate is reported as such.
                if batch.get(gate) != Some(&node.id.as_str()) {
                    lost.entry(gate).or_default().push(&node.id);
                }
            }
        }
        for (gate, nodes) in lost {
            effects.push(
                Effect::danger(format!(
                    "{} no longer {} for the decision at {}",
                    names(&nodes),
                    if nodes.len() == 1 { "waits" } else { "wait" },
                    batch.get(gate).copied().unwrap_or_default(),
                ))
                .about(Topic::Decision)
                .at(nodes.first().copied().unwrap_or_default()),
            );
        }
    }
    effects
}

/// For each node, which of up to 64 gates must be approved before it starts.
fn guarded((spec, graph): (&GraphSpec, &Graph), gates: &[&str]) -> Vec<u64> {
    let mut own: HashMap<usize, u64> = HashMap::new();
    for (bit, gate) in gates.iter().enumerate() {
        let is_gate = |node: &usize| spec.nodes[*node].kind == NodeKind::Gate;
        if let Some(node) = graph.index_of(gate).filter(is_gate) {
            own.insert(node, 1 << bit);
        }
    }
    let mut before = vec![0_u64; graph.len()];
    for &node in graph.order() {
        let hard = graph.predecessors(node);
        let hard = hard.filter(|(_, kind)| *kind == EdgeKind::Hard);
        let mut mask = own.get(&node).copied().unwrap_or(0);
        for (from, _) in hard {
            mask |= before[from];
        }
        // A group succeeds when its children have.
        for child in &spec.nodes[node].children {
            mask |= graph.index_of(child).map_or(0, |child| before[child]);
        }
        before[node] = mask;
    }
    before
}

/// Maximum number of gates before a node that are listed.
pub(super) const GATES: usize = 7;

/// For each node, the first few gates that it waits for, except itself. Empty if the graph is invalid.
pub(super) fn gates_before(spec: &GraphSpec) -> Vec<Vec<&str>> {
    let Ok(graph) = Graph::build(spec) else {
        return Vec::new();
    };
    let gates = spec.nodes.iter().filter(|node| node.kind == NodeKind::Gate);
    let gates: Vec<&str> = gates.map(|node| node.id.as_str()).collect();
    let mut before: Vec<Vec<&str>> = vec![Vec::new(); spec.nodes.len()];
    for batch in gates.chunks(64) {
        for (index, mask) in guarded((spec, &graph), batch).into_iter().enumerate() {
            let own = spec.nodes[index].id.as_str();
            let found = batch.iter().enumerate();
            let found = found.filter(|(bit, gate)| mask & (1 << bit) != 0 && **gate != own);
            let room = GATES.saturating_sub(before[index].len());
            before[index].extend(found.map(|(_, gate)| *gate).take(room));
        }
    }
    before
}

/// `a, b and 3 more`
pub(super) fn names(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] if all.len() <= NAMES => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", all[..NAMES].join(", "), all.len() - NAMES),
    }
}

/// The effect that the approach is replaced, if more than half of the nodes are gone.
pub(super) fn replaced(old: &PlanSpec, changes: &[Change]) -> Option<Effect> {
    let is_gone = |change: &&Change| matches!(change.what, What::Removed(Element::Node(_)));
    let gone = changes.iter().filter(is_gone).count();
    let all = old.graph.nodes.len();
    (gone * 2 > all).then(|| Effect {
        class: Class::Major,
        ..Effect::note(format!(
            "{gone} of {all} nodes are removed: this is a different approach"
        ))
    })
}

/// With at least so many changed ids, the nodes count as renumbered.
const NUMBERED: usize = 3;

/// How many nodes have other ids, and how many others were added and removed.
pub(super) fn numbered_anew(changes: &[Change]) -> Option<Effect> {
    let count =
        |wanted: fn(&What) -> bool| changes.iter().filter(|change| wanted(&change.what)).count();
    let renamed = changes.iter().filter(|change| {
        let id = change.address.last().map_or("", String::as_str);
        matches!(change.what, What::NodeRenamed { .. }) && !renames::is_displaced(id)
    });
    let renamed = renamed.count();
    let added = count(|what| matches!(what, What::Added(Element::Node(_))));
    let removed = count(|what| matches!(what, What::Removed(Element::Node(_))));
    (renamed >= NUMBERED).then(|| {
        let some = |(number, what): (usize, &str)| (number > 0).then(|| format!("{number} {what}"));
        let counts = [
            (added, "added"),
            (removed, "removed"),
            (renamed, "renumbered or renamed"),
        ];
        let counts: Vec<String> = counts.into_iter().filter_map(some).collect();
        Effect::note(format!(
            "{}: bindings and runs that use its id now refer to other work",
            counts.join(", ")
        ))
    })
}

/// Maximum number of pairs of plans that are compared; with more, it is not a split.
const PAIRS: usize = 2_000;
/// Minimum number of nodes that make a plan a part of another.
const PART: usize = 2;

/// The nodes of another plan that a plan contains unchanged.
fn taken_over<'a>(left: &BTreeMap<&str, &Node>, now: &'a PlanSpec) -> BTreeSet<&'a str> {
    let same = now.graph.nodes.iter().filter(|node| {
        let was = left.get(node.id.as_str());
        was.is_some_and(|was| renames::content(was) == renames::content(node))
    });
    same.map(|node| node.id.as_str()).collect()
}

/// Adds where the nodes of a plan went that was split, or merged into another.
pub(super) fn splits(
    (old, new): (&Snapshot, &Snapshot),
    subjects: &mut [Subject],
) -> BTreeMap<Key, String> {
    let mut went_on = BTreeMap::new();
    let is_plan = |subject: &&Subject| subject.key.kind == Kind::Plan;
    let plans = || subjects.iter().filter(is_plan);
    let sources: Vec<Key> = plans()
        .filter(|one| matches!(one.event, Event::Removed | Event::Changed))
        .map(|one| one.key.clone())
        .collect();
    let parts: Vec<Key> = plans()
        .filter(|one| matches!(one.event, Event::Added | Event::Changed))
        .map(|one| one.key.clone())
        .collect();
    let mut said: Vec<(Key, Effect)> = Vec::new();
    if sources.len().saturating_mul(parts.len()) > PAIRS {
        return went_on;
    }
    for source in &sources {
        let Some(before) = old.plan(source) else {
            continue;
        };
        let ids = |plan: Option<&'_ PlanSpec>| -> BTreeSet<String> {
            let nodes = plan.into_iter().flat_map(|plan| &plan.graph.nodes);
            nodes.map(|node| node.id.clone()).collect()
        };
        let stays = ids(new.plan(source));
        let left = before.graph.nodes.iter();
        let left = left.filter(|node| !stays.contains(&node.id));
        let mut left: BTreeMap<&str, &Node> = left.map(|node| (node.id.as_str(), node)).collect();
        let all = left.len();
        let mut went = Vec::new();
        for part in parts.iter().filter(|part| *part != source) {
            let Some(now) = new.plan(part) else { continue };
            let known = ids(old.plan(part));
            let mut same = taken_over(&left, now);
            same.retain(|id| !known.contains(*id));
            let most = all.min(now.graph.nodes.len());
            if same.len() < PART || same.len() * 2 < most {
                continue;
            }
            went.push(format!("{} of them to {}", same.len(), part.name));
            let of = now.graph.nodes.len();
            let text = format!(
                "{} of its {of} nodes come from {source} as they were",
                same.len()
            );
            said.push((part.clone(), Effect::note(text)));
            // Nodes of unrelated plans may have the same ids.
            let is_apart = before
                .graph
                .nodes
                .iter()
                .all(|node| !known.contains(&node.id));
            if let (true, Ok(was), Ok(is)) = (
                is_apart,
                Graph::build(&before.graph),
                Graph::build(&now.graph),
            ) {
                let lost = lost_gates((&before.graph, &was), (&now.graph, &is));
                said.extend(lost.into_iter().map(|effect| (part.clone(), effect)));
            }
            left.retain(|id, _| !same.contains(id));
        }
        if went.is_empty() {
            continue;
        }
        let nowhere: Vec<&str> = left.into_keys().collect();
        let rest = match nowhere.as_slice() {
            [] => String::new(),
            some => format!("; in none of them: {}", names(some)),
        };
        let text = format!("its {all} nodes went on: {}{rest}", went.join(", "));
        went_on.insert(source.clone(), text);
    }
    for (key, effect) in said {
        for subject in subjects.iter_mut().filter(|subject| subject.key == key) {
            subject.effects.push(effect.clone());
        }
    }
    went_on
}

/// The effects of a new resource.
pub(super) fn brings(resource: &Resource) -> Vec<Effect> {
    let mut effects = Vec::new();
    match &resource.spec {
        Spec::Plan(plan) => {
            let normal = Normal::of(resource);
            let commands = super::commands(&normal, &["nodes".to_owned()]);
            effects.extend(commands.map(|runs| {
                Effect::danger(format!("new commands are run: {runs}")).about(Topic::Command)
            }));
            let has_gate = |kind| plan.graph.nodes.iter().any(|node| node.kind == kind);
            if !has_gate(NodeKind::Gate) {
                effects.push(Effect::note("no decision is required: it has no gate"));
            }
        }
        Spec::Gate(gate) if gate.reviewers.is_empty() => {
            let text = "anybody may decide: no reviewers are named";
            effects.push(Effect::danger(text).about(Topic::Decision));
        }
        _ => {}
    }
    effects
}

/// Maximum number of tasks for which a change of provider is reported.
const MOVED: usize = 200;

/// Finds the tasks that bindings give to another provider, and reports them at the
/// cause: the plan or the binding.
pub(super) fn delegations(
    (old, new): (&Snapshot, &Snapshot),
    renamed: &BTreeMap<Key, Key>,
    subjects: &mut [Subject],
) {
    let moved_away: BTreeSet<&Key> = renamed.values().collect();
    let numbered = subjects.iter().enumerate();
    let changed: BTreeMap<Key, usize> = numbered
        .map(|(index, subject)| (subject.key.clone(), index))
        .collect();
    let bindings = Bindings::of([old, new]);
    let mut left = MOVED;
    for key in new.keys_of(Kind::Plan) {
        let own = changed.get(key).copied();
        let from = own.and_then(|own| subjects[own].from().cloned());
        let from = from.as_ref().unwrap_or(key);
        let sides = old.resource(from).zip(new.resource(key));
        let Some(tasks) = sides.and_then(|sides| Tasks::of(sides, own.is_some())) else {
            continue;
        };
        let about = bindings.about(&tasks);
        if let Some(own) = own {
            let came = tasks.came(new, &about);
            subjects[own].effects.extend(came.into_iter().take(left));
        }
        for binding in about.into_iter().filter(|key| !moved_away.contains(key)) {
            let before = renamed.get(binding).unwrap_or(binding);
            let Some(place) = own.or_else(|| changed.get(binding).copied()) else {
                continue;
            };
            let moved = tasks.moved((old, before), (new, binding)).into_iter();
            for effect in moved.take(left) {
                left -= 1;
                subjects[place].class = subjects[place].class.max(effect.class);
                subjects[place].effects.push(effect);
            }
        }
    }
}

/// The bindings before and after, by their selectors.
pub(super) struct Bindings<'a> {
    /// By the plans and capabilities that they name.
    by_name: HashMap<Key, BTreeSet<&'a Key>>,
    /// Those that select plans by labels.
    by_labels: BTreeSet<&'a Key>,
}

impl<'a> Bindings<'a> {
    pub(super) fn of(sides: [&'a Snapshot; 2]) -> Bindings<'a> {
        let mut by_name: HashMap<Key, BTreeSet<&Key>> = HashMap::new();
        let mut by_labels = BTreeSet::new();
        for side in sides {
            for key in side.keys_of(Kind::Binding) {
                let rules = side.binding(key).into_iter().flat_map(|spec| &spec.rules);
                for selector in rules.map(|rule| &rule.selector) {
                    let plan = selector.plan_ref.iter().map(|of| (of, Kind::Plan));
                    let capability = selector.capability_ref.iter();
                    let capability = capability.map(|of| (of, Kind::Capability));
                    for (of, kind) in plan.chain(capability) {
                        let named = by_name.entry(of.key(kind, &key.namespace));
                        named.or_default().insert(key);
                    }
                    if !selector.match_labels.is_empty() {
                        by_labels.insert(key);
                    }
                }
            }
        }
        Bindings { by_name, by_labels }
    }

    /// The bindings that may choose providers for the tasks of a plan.
    pub(super) fn about_plan(&self, plan: &Resource, graph: &GraphSpec) -> BTreeSet<&'a Key> {
        let tasks = graph.nodes.iter();
        let tasks = tasks.filter(|node| node.kind == NodeKind::Task);
        self.about(&Tasks {
            plans: (plan, plan),
            pairs: Vec::new(),
            came: tasks.collect(),
        })
    }

    /// The bindings that may choose providers for some of these tasks, before or after.
    fn about(&self, tasks: &Tasks<'_>) -> BTreeSet<&'a Key> {
        let plans = [tasks.plans.0, tasks.plans.1].map(Resource::key);
        let namespaces = [&plans[0].namespace, &plans[1].namespace];
        let capabilities = tasks.pairs.iter().flat_map(|(before, now)| {
            let both = [(before, namespaces[0]), (now, namespaces[1])];
            both.into_iter()
                .flat_map(|(node, namespace)| needed(node, namespace))
        });
        let came = tasks.came.iter();
        let capabilities = capabilities.chain(came.flat_map(|node| needed(node, namespaces[1])));
        let capabilities: BTreeSet<Key> = capabilities.collect();
        let named = plans.iter().chain(&capabilities);
        let named = named.filter_map(|key| self.by_name.get(key)).flatten();
        named.chain(&self.by_labels).copied().collect()
    }
}

/// The capabilities that a task needs.
fn needed<'n>(node: &'n Node, namespace: &'n str) -> impl Iterator<Item = Key> {
    let needed = node.capability_refs.iter();
    needed.map(move |of| of.key(Kind::Capability, namespace))
}

/// The existing tasks of a plan: each node before and after.
struct Tasks<'a> {
    plans: (&'a Resource, &'a Resource),
    pairs: Vec<(&'a Node, &'a Node)>,
    /// The new tasks.
    came: Vec<&'a Node>,
}

impl<'a> Tasks<'a> {
    /// The tasks of a plan before and after, if it is valid. Nodes of a changed plan may have
    /// other ids.
    fn of(plans: (&'a Resource, &'a Resource), changes: bool) -> Option<Tasks<'a>> {
        let (was, is) = (&plans.0.spec.plan()?.graph, &plans.1.spec.plan()?.graph);
        let renamed = if changes {
            renames::nodes(was, is, &plans.1.metadata)
        } else {
            BTreeMap::new()
        };
        let nodes = was.nodes.iter().map(|node| {
            let id = renamed.get(&node.id).unwrap_or(&node.id);
            (id.as_str(), node)
        });
        let before: HashMap<&str, &Node> = nodes.collect();
        let tasks = is.nodes.iter().filter(|node| node.kind == NodeKind::Task);
        let (known, came): (Vec<&Node>, Vec<&Node>) =
            tasks.partition(|node| before.contains_key(node.id.as_str()));
        let known = known.into_iter();
        let pairs = known.filter_map(|node| Some((*before.get(node.id.as_str())?, node)));
        Some(Tasks {
            plans,
            pairs: pairs.collect(),
            came,
        })
    }

    /// The providers of the new tasks, with the instructions for those that are not people.
    fn came(&self, new: &Snapshot, bindings: &BTreeSet<&Key>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let plan = self.plans.1;
        for node in &self.came {
            let doers = novel::doers(new, bindings, plan, node);
            let told = novel::instructions(node).filter(|_| !doers.iter().any(Doer::is_human));
            let who: Vec<String> = doers.iter().map(Doer::words).collect();
            let who: Vec<&str> = who.iter().map(String::as_str).collect();
            match (told, who.as_slice()) {
                (Some(told), []) => effects.push(
                    Effect::danger(format!(
                        "{} is new, and tells anybody who claims it: {told}",
                        node.id
                    ))
                    .about(Topic::Delegation)
                    .at(&node.id),
                ),
                (Some(told), who) => effects.push(
                    Effect::danger(format!(
                        "{} is new, and tells {}: {told}",
                        node.id,
                        names(who)
                    ))
                    .about(Topic::Delegation)
                    .at(&node.id),
                ),
                (None, []) => {}
                (None, who) => effects.push(Effect::note(format!(
                    "{} is done by {}",
                    node.id,
                    names(who)
                ))),
            }
        }
        effects
    }

    /// The tasks that bindings give to another provider, grouped by the two providers.
    fn moved<'s: 'a>(
        &self,
        (old, before_it): (&'s Snapshot, &Key),
        (new, binding): (&'s Snapshot, &Key),
    ) -> Vec<Effect> {
        type Way<'w> = (Option<&'w str>, Option<&'w str>);
        let mut ways: Vec<(Way<'a>, Vec<&str>)> = Vec::new();
        for (before, node) in &self.pairs {
            let way = (
                provider(old, before_it, self.plans.0, before),
                provider(new, binding, self.plans.1, node),
            );
            if way.0 == way.1 {
                continue;
            }
            match ways.iter_mut().find(|(known, _)| *known == way) {
                Some((_, nodes)) => nodes.push(&node.id),
                None => ways.push((way, vec![&node.id])),
            }
        }
        let by = &binding.name;
        let plan = &self.plans.1.metadata.name;
        let said = ways.into_iter().map(|((was, is), nodes)| {
            let (whose, goes) = match nodes.as_slice() {
                [one] => (format!("{one} of plan {plan}"), "goes"),
                few if few.len() <= FEW => (format!("{} of plan {plan}", names(few)), "go"),
                many => {
                    let tasks = format!("{} tasks of plan {plan} ({})", many.len(), names(many));
                    (tasks, "go")
                }
            };
            match (was, is) {
                (Some(was), Some(is)) => {
                    let why = meaning::provider(was, is).unwrap_or_default();
                    let text = format!("{whose} {goes} from {was} to {is} ({by}): {why}");
                    Effect::danger(text).about(Topic::Delegation)
                }
                (Some(was), None) => {
                    let text = format!("no provider for {whose} any more ({by}): it was {was}");
                    Effect::danger(text).about(Topic::Delegation)
                }
                (None, is) => Effect {
                    class: Class::Minor,
                    ..Effect::note(format!(
                        "{whose} {goes} to {} ({by})",
                        is.unwrap_or_default()
                    ))
                },
            }
        });
        said.collect()
    }
}
