//! Properties of all plans and all orders of events.
//!
//! The simulated world itself checks at every reconcile that a second one changes nothing, that the order of records
//! does not matter, that the status reads back, and that all transitions are
//! allowed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::core::base::digest;
use crate::core::plan::graph::Graph;
use crate::core::resource::{
    AWAITING_APPROVAL, AWAITING_EXTERNAL, AWAITING_VERIFICATION, CONDITION_FALSE, EdgeKind,
    ExecutionPhase, Kind, NodePhase, ReviewAction, Status,
};
use crate::core::run::record::{ReportResult, Signature};
use crate::core::run::status::StatusTree;
use crate::core::testing::{World, execution, gate, key, plan_with, resource};

const RUNS: [&str; 2] = ["run", "other"];
const ACTORS: [&str; 3] = ["agent:ana", "agent:ben", "user:carl"];
const CAPABILITIES: [&str; 3] = ["code", "test", "review"];
/// The folders that tasks touch.
const FOLDERS: [&str; 2] = ["src", "docs"];

/// How a node depends on an earlier one.
#[derive(Debug, Clone, Copy)]
enum Tie {
    None,
    DependsOn,
    Hard,
    Soft,
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Task,
    /// A task with an acceptance criterion.
    Checked,
    Gate,
    External,
    /// A group of the nodes that it would depend on.
    Group,
}

#[derive(Debug, Clone)]
struct NodePlan {
    sort: Sort,
    when: Option<bool>,
    retries: u32,
    timeout: Option<u32>,
    capability: Option<usize>,
    /// Whether a task has `always`.
    always: bool,
    /// The folder that a task touches.
    touches: Option<usize>,
    ties: Vec<Tie>,
}

#[derive(Debug, Clone)]
struct Scene {
    nodes: Vec<NodePlan>,
    /// Whether nodes in the file come after those that depend on them.
    backwards: bool,
    approvers: u32,
    providers: Vec<Option<&'static str>>,
    events: Vec<Event>,
    /// The results of the work at the end, repeated.
    endings: Vec<bool>,
    /// How often each node was changed.
    edits: Vec<u32>,
    /// How often the default of each capability was changed.
    defaults: [u32; 3],
    /// Whether all decisions must be signed.
    signed: bool,
}

/// An event; nodes and runs are given by any number, attempts by their distance to the open
/// one.
#[derive(Debug, Clone)]
enum Event {
    Reconcile,
    Wait(u32),
    Claim(usize, usize, i64, usize),
    Renew(usize, usize, usize),
    Release(usize, usize, usize),
    /// A holder asks a question about a node.
    Ask(usize, usize, usize),
    /// The last question about a node is answered.
    Answer(usize, usize, usize),
    Report(usize, usize, i64, usize, bool),
    Review(usize, usize, usize, ReviewAction),
    StaleReview(usize, usize, usize),
    Cancel(usize, usize),
    Retry(usize, Option<usize>, bool),
    Again(usize, usize),
    /// The former holder of a node reports it after its lease.
    Adopt(usize, usize, bool),
    /// A node is reported with another commit.
    Point(usize, usize, usize),
    /// Records from now on name this session, or none.
    Session(Option<usize>),
    Verify(usize, usize, usize, bool),
    /// The records on one ref are copied to another.
    Copy(usize, usize, usize, i64),
    /// The ref of an attempt gets something else than records.
    Nonsense(usize, usize, i64),
    /// The records on the ref of an attempt are replaced.
    Rewrite(usize, usize, i64),
    Bind(usize),
    /// What a run waits for is done.
    Act(usize),
    /// A binding changes, and nodes that have not begun are bound again.
    BindElsewhere(usize, usize),
    /// A node changes.
    Edit(usize),
    /// An input of a capability gets another default.
    Default(usize),
    /// A run continues with the current plan.
    GoOn(usize),
    /// Records from now on are for another status, or not.
    Foreign(bool),
    /// Records from now on have wrong signatures, or not.
    Forged(bool),
    /// A key is no longer listed.
    Revoke(usize),
    Commit,
}

fn node(at: usize) -> impl Strategy<Value = NodePlan> {
    let tie = prop_oneof![
        4 => Just(Tie::None),
        2 => Just(Tie::DependsOn),
        1 => Just(Tie::Hard),
        2 => Just(Tie::Soft),
    ];
    let sort = prop_oneof![
        4 => Just(Sort::Task),
        2 => Just(Sort::Checked),
        2 => Just(Sort::Gate),
        1 => Just(Sort::External),
        2 => Just(Sort::Group),
    ];
    (
        sort,
        prop::option::weighted(0.3, any::<bool>()),
        0..3u32,
        prop::option::weighted(0.3, 1..100u32),
        prop::option::weighted(0.5, 0..CAPABILITIES.len()),
        prop::bool::weighted(0.25),
        prop::option::weighted(0.5, 0..FOLDERS.len()),
        vec(tie, at),
    )
        .prop_map(
            |(sort, when, retries, timeout, capability, always, touches, ties)| NodePlan {
                sort,
                when,
                retries,
                timeout,
                capability,
                always,
                touches,
                ties,
            },
        )
}

fn event() -> impl Strategy<Value = Event> {
    let run = || 0..RUNS.len();
    let node = || 0..6usize;
    let actor = || 0..ACTORS.len();
    let attempt = || prop_oneof![6 => Just(0i64), 1 => Just(-1), 1 => Just(1)];
    let decision = prop_oneof![
        4 => Just(ReviewAction::Approve),
        1 => Just(ReviewAction::Reject),
        1 => Just(ReviewAction::Comment),
    ];
    prop_oneof![
        8 => Just(Event::Reconcile),
        3 => (1..4000u32).prop_map(Event::Wait),
        8 => (run(), node(), attempt(), actor()).prop_map(|(r, n, a, w)| Event::Claim(r, n, a, w)),
        1 => (run(), node(), actor()).prop_map(|(r, n, w)| Event::Renew(r, n, w)),
        1 => (run(), node(), actor()).prop_map(|(r, n, w)| Event::Release(r, n, w)),
        3 => (run(), node(), actor()).prop_map(|(r, n, w)| Event::Ask(r, n, w)),
        3 => (run(), node(), actor()).prop_map(|(r, n, w)| Event::Answer(r, n, w)),
        8 => (run(), node(), attempt(), actor(), prop::bool::weighted(0.6))
            .prop_map(|(r, n, a, w, good)| Event::Report(r, n, a, w, good)),
        4 => (run(), node(), actor(), decision).prop_map(|(r, n, w, d)| Event::Review(r, n, w, d)),
        1 => (run(), node(), actor()).prop_map(|(r, n, w)| Event::StaleReview(r, n, w)),
        1 => (run(), actor()).prop_map(|(r, w)| Event::Cancel(r, w)),
        2 => (run(), prop::option::of(node()), any::<bool>())
            .prop_map(|(r, n, b)| Event::Retry(r, n, b)),
        1 => (run(), node()).prop_map(|(r, n)| Event::Again(r, n)),
        4 => (run(), node(), prop::bool::weighted(0.7)).prop_map(|(r, n, good)| Event::Adopt(r, n, good)),
        2 => (run(), node(), actor()).prop_map(|(r, n, w)| Event::Point(r, n, w)),
        1 => prop::option::of(0..2usize).prop_map(Event::Session),
        4 => (run(), node(), actor(), prop::bool::weighted(0.7))
            .prop_map(|(r, n, w, good)| Event::Verify(r, n, w, good)),
        1 => (run(), node(), node(), attempt()).prop_map(|(r, a, b, n)| Event::Copy(r, a, b, n)),
        1 => (run(), node(), attempt()).prop_map(|(r, n, a)| Event::Nonsense(r, n, a)),
        1 => (run(), node(), attempt()).prop_map(|(r, n, a)| Event::Rewrite(r, n, a)),
        1 => (0..CAPABILITIES.len()).prop_map(Event::Bind),
        8 => run().prop_map(Event::Act),
        2 => (run(), 0..CAPABILITIES.len()).prop_map(|(r, c)| Event::BindElsewhere(r, c)),
        2 => node().prop_map(Event::Edit),
        1 => (0..CAPABILITIES.len()).prop_map(Event::Default),
        3 => run().prop_map(Event::GoOn),
        1 => prop::bool::weighted(0.3).prop_map(Event::Foreign),
        1 => prop::bool::weighted(0.3).prop_map(Event::Forged),
        1 => actor().prop_map(Event::Revoke),
        1 => Just(Event::Commit),
    ]
}

fn scene() -> impl Strategy<Value = Scene> {
    let nodes = (1..6usize).prop_flat_map(|n| (0..n).map(node).collect::<Vec<_>>());
    let provider = prop_oneof![
        3 => Just(Some("agent://x")),
        1 => Just(Some("human://carl")),
        1 => Just(None),
    ];
    (
        nodes,
        any::<bool>(),
        1..3u32,
        vec(provider, CAPABILITIES.len()),
        vec(event(), 0..40),
        vec(prop::bool::weighted(0.7), 1..8),
        prop::bool::weighted(0.4),
    )
        .prop_map(
            |(nodes, backwards, approvers, providers, events, endings, signed)| Scene {
                signed,
                nodes,
                backwards,
                approvers,
                providers,
                events,
                endings,
                edits: Vec::new(),
                defaults: [0; 3],
            },
        )
        .prop_map(Scene::that_is_valid)
}

/// Chains with gates, whose tasks are repeatedly bound to other targets.
fn gated_scene() -> impl Strategy<Value = Scene> {
    let node = |at: usize| {
        let sort =
            prop_oneof![3 => Just(Sort::Task), 2 => Just(Sort::Gate), 1 => Just(Sort::Group)];
        let tie =
            prop_oneof![2 => Just(Tie::None), 2 => Just(Tie::DependsOn), 1 => Just(Tie::Soft)];
        (sort, 0..CAPABILITIES.len(), vec(tie, at)).prop_map(|(sort, capability, ties)| NodePlan {
            sort,
            when: None,
            retries: 0,
            timeout: None,
            capability: Some(capability),
            always: false,
            touches: None,
            ties,
        })
    };
    let event = prop_oneof![
        6 => Just(Event::Act(0)),
        2 => (0..CAPABILITIES.len()).prop_map(|capability| Event::BindElsewhere(0, capability)),
        1 => Just(Event::Reconcile),
        1 => (0..6usize).prop_map(|node| Event::Again(0, node)),
        1 => (0..6usize).prop_map(Event::Edit),
        1 => (0..CAPABILITIES.len()).prop_map(Event::Default),
        1 => Just(Event::GoOn(0)),
        1 => (0..6usize).prop_map(|node| Event::Review(0, node, 2, ReviewAction::Reject)),
    ];
    let nodes = (3..7usize).prop_flat_map(move |n| (0..n).map(node).collect::<Vec<_>>());
    (nodes, vec(event, 4..20)).prop_map(|(nodes, events)| Scene {
        nodes,
        backwards: false,
        approvers: 1,
        providers: vec![Some("agent://x"); CAPABILITIES.len()],
        events,
        endings: vec![true],
        edits: Vec::new(),
        defaults: [0; 3],
        signed: false,
    })
}

impl Scene {
    /// Removes conditions of groups that would wait for their own children.
    fn that_is_valid(mut self) -> Scene {
        let plan: Value = serde_yaml::from_str(&self.plan()).expect("YAML");
        let graph = serde_json::from_value(plan["spec"]["graph"].clone()).expect("a graph");
        if Graph::build(&graph).is_err() {
            let groups = self
                .nodes
                .iter_mut()
                .filter(|node| node.sort == Sort::Group);
            groups.for_each(|group| group.when = None);
        }
        self
    }

    fn plan(&self) -> String {
        let mut nodes: Vec<String> = Vec::new();
        let mut edges: Vec<String> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let children = self.children(at);
            let mut before = Vec::new();
            for (from, tie) in node.ties.iter().enumerate() {
                match tie {
                    Tie::None => {}
                    Tie::DependsOn if !children.is_empty() => {}
                    Tie::DependsOn => before.push(format!("n{from}")),
                    Tie::Hard => edges.push(format!("{{from: n{from}, to: n{at}}}")),
                    Tie::Soft => edges.push(format!("{{from: n{from}, to: n{at}, type: soft}}")),
                }
            }
            let mut fields = format!("id: n{at}, dependsOn: [{}]", before.join(", "));
            if let Some(edits) = self.edits.get(at).filter(|edits| **edits > 0) {
                fields += &format!(", description: '{edits}'");
            }
            if let Some(timeout) = node.timeout {
                fields += &format!(", timeout: {timeout}m");
            }
            if let Some(when) = node.when {
                fields += &format!(", when: '{when}'");
            }
            match node.sort {
                Sort::Gate => fields += ", kind: Gate, gateRef: {name: g}",
                Sort::Group if !children.is_empty() => {
                    fields += &format!(", kind: Group, children: [{}]", children.join(", "));
                }
                Sort::External => {
                    fields += ", kind: External, externalRef: {type: uri, uri: 'https://x'}";
                }
                sort => {
                    fields += &format!(", kind: Task, retries: {}", node.retries);
                    let capability = node.capability.map(|at| CAPABILITIES[at]);
                    fields += &capability.map_or(String::new(), |name| {
                        format!(", capabilityRefs: [{{name: {name}}}]")
                    });
                    if sort == Sort::Checked {
                        fields +=
                            ", acceptanceCriteria: [{type: test_passes, name: t, command: t}]";
                    }
                    let touches = node.touches.map_or("", |folder| FOLDERS[folder]);
                    let always = node.always;
                    fields += &format!(", x-planspec: {{always: {always}, touches: [{touches}]}}");
                }
            }
            nodes.push(format!("{{{fields}}}"));
        }
        if self.backwards {
            nodes.reverse();
        }
        plan_with(
            "p",
            "goalRef: {name: goal}",
            &nodes.join(", "),
            &edges.join(", "),
        )
    }

    fn binding(&self) -> String {
        let rules = CAPABILITIES.iter().zip(&self.providers);
        let rules = rules.filter_map(|(name, provider)| {
            let provider = (*provider)?;
            Some(format!(
                "{{selector: {{capabilityRef: {{name: {name}}}}}, target: {{provider: '{provider}'}}}}"
            ))
        });
        // At least one rule, which matches nothing.
        let never = "{selector: {planRef: {name: never}}, target: {provider: x}}".to_owned();
        let rules: Vec<String> = rules.chain([never]).collect();
        resource("Binding", "bind", &format!("rules: [{}]", rules.join(", ")))
    }

    fn capabilities(&self) -> String {
        let all = CAPABILITIES.iter().zip(self.defaults);
        let texts = all.map(|(name, default)| {
            let input = format!("{{name: m, type: string, default: v{default}}}");
            resource(
                "Capability",
                name,
                &format!("description: d, inputs: [{input}]"),
            )
        });
        texts.collect()
    }

    fn world(&self) -> World {
        let mut world = World::empty();
        if self.signed {
            world.signs = true;
            world.configure("approvals: {requireSigned: true}\n");
        }
        world.write("planspec/p.yaml", &self.plan());
        world.write("planspec/bind.yaml", &self.binding());
        let approvers = format!("requiredApprovers: {}", self.approvers);
        world.write("planspec/g.yaml", &gate("g", "p", &approvers));
        world.write(
            "planspec/goal.yaml",
            &resource("Goal", "goal", "description: d, timeout: 1d"),
        );
        world.write("planspec/caps.yaml", &self.capabilities());
        for run in RUNS {
            let path = format!("planspec/{run}.yaml");
            world.write(&path, &execution(run, "p", "bindingRef: {name: bind}"));
        }
        world
    }

    /// The children of a group: the nodes that it would depend on.
    fn children(&self, at: usize) -> Vec<String> {
        let node = &self.nodes[at];
        let ties = node.ties.iter().enumerate();
        ties.filter(|(_, tie)| node.sort == Sort::Group && matches!(tie, Tie::DependsOn))
            .map(|(from, _)| format!("n{from}"))
            .collect()
    }

    /// Some nodes, with the children of groups among them.
    fn with_children(&self, ids: Vec<String>) -> BTreeSet<String> {
        let (mut todo, mut found) = (ids, BTreeSet::new());
        while let Some(id) = todo.pop() {
            let at: usize = id[1..].parse().expect("a number");
            if found.insert(id) {
                todo.extend(self.children(at));
            }
        }
        found
    }

    fn is_group(&self, at: usize) -> bool {
        !self.children(at).is_empty()
    }

    /// The nodes that a node waits for, with the stricter of several edges.
    fn before(&self, at: usize) -> impl Iterator<Item = (String, EdgeKind)> {
        let ties = self.nodes[at].ties.iter().enumerate();
        let is_group = self.is_group(at);
        ties.filter_map(move |(from, tie)| {
            let kind = match tie {
                Tie::None => return None,
                Tie::DependsOn if is_group => return None,
                Tie::DependsOn | Tie::Hard => EdgeKind::Hard,
                Tie::Soft => EdgeKind::Soft,
            };
            Some((format!("n{from}"), kind))
        })
    }

    /// The groups with a condition around a node, directly or indirectly.
    fn conditional_groups(&self, at: usize) -> Vec<usize> {
        let is_in = |group: usize, at: usize| self.children(group).contains(&format!("n{at}"));
        let mut inside = vec![at];
        for group in at + 1..self.nodes.len() {
            if inside.iter().any(|at| is_in(group, *at)) {
                inside.push(group);
            }
        }
        inside.retain(|group| *group != at && self.nodes[*group].when.is_some());
        inside
    }

    /// Whether the predecessors of a node, and the groups around it, allow it to start.
    fn allows(&self, tree: &StatusTree, run: &str, at: usize) -> bool {
        let mut groups = self.conditional_groups(at).into_iter();
        let always = self.runs_always(at);
        self.allows_alone(tree, run, at)
            && groups.all(|group| {
                let is_asked = self.allows_alone(tree, run, group);
                let mut before = self.before(group);
                // A group that is not to begin does not hold back cleanup; one that is not needed does.
                let is_lost = always
                    && !is_asked
                    && before.all(|(before, _)| phase_of(tree, run, &before).is_terminal());
                is_lost || self.nodes[group].when == Some(true) && is_asked
            })
    }

    /// Whether it is a task with `always`.
    fn runs_always(&self, at: usize) -> bool {
        let is_task = !matches!(self.nodes[at].sort, Sort::Gate | Sort::External);
        self.nodes[at].always && is_task && !self.is_group(at)
    }

    /// Whether a predecessor of a node must succeed.
    fn needs(&self, at: usize, before: &str, kind: EdgeKind) -> bool {
        let number: usize = before[1..].parse().expect("a number");
        let is_gate = self.nodes[number].sort == Sort::Gate;
        kind == EdgeKind::Hard && (is_gate || !self.runs_always(at))
    }

    /// Whether it is not needed because the condition of a group around it is false.
    fn is_left_out(&self, tree: &StatusTree, run: &str, at: usize) -> bool {
        let mut groups = self.conditional_groups(at).into_iter();
        groups.any(|group| {
            self.nodes[group].when == Some(false) && self.allows_alone(tree, run, group)
        })
    }

    fn allows_alone(&self, tree: &StatusTree, run: &str, at: usize) -> bool {
        self.before(at).all(|(before, kind)| {
            let phase = phase_of(tree, run, &before);
            if self.needs(at, &before, kind) {
                phase == NodePhase::Succeeded || unwanted(tree, run, &before)
            } else {
                phase.is_terminal()
            }
        })
    }

    /// Checks that no node starts too early, and that none is skipped without a reason.
    fn assert_order(&self, old: Option<&StatusTree>, new: &StatusTree) {
        for run in RUNS {
            for at in 0..self.nodes.len() {
                self.assert_begins_in_order((old, new), run, at);
                let id = format!("n{at}");
                let after = phase_of(new, run, &id);
                let before = old.map_or(NodePhase::Pending, |old| phase_of(old, run, &id));
                // Nodes that were decided before a gate was reopened stay decided.
                if after == NodePhase::Skipped && before != after {
                    self.assert_skipped_for_a_reason(new, run, at);
                }
                let is_over = matches!(after, NodePhase::Skipped | NodePhase::Succeeded);
                if self.is_group(at) && is_over && !self.is_asked_again(new, run, at) {
                    let mut children = self.children(at).into_iter();
                    let open = children.find(|child| !phase_of(new, run, child).is_terminal());
                    assert_eq!(open, None, "{run}/{id} is over before its children");
                }
            }
        }
    }

    fn assert_begins_in_order(
        &self,
        (old, new): (Option<&StatusTree>, &StatusTree),
        run: &str,
        at: usize,
    ) {
        let id = format!("n{at}");
        let begun = |tree: &StatusTree| {
            // A reported node has begun.
            let status = status_of(tree, run, &id);
            let reported =
                status.is_some_and(|node| node.extensions.reason == AWAITING_VERIFICATION);
            let begun = [NodePhase::Running, NodePhase::Succeeded, NodePhase::Failed];
            reported || begun.contains(&phase_of(tree, run, &id))
        };
        let begins = begun(new) && !old.is_some_and(begun);
        // Nodes that nobody claims may be decided together with those that they wait for.
        let decides_itself = self.nodes[at].sort == Sort::Gate || self.is_group(at);
        let offered = status_of(new, run, &id).is_some_and(|status| {
            status.is_claimable() || status.extensions.reason == AWAITING_APPROVAL
        });
        if !offered && !begins {
            return;
        }
        // A claim is based on the state when the node was offered.
        let claimed = begins && !decides_itself;
        let offer = if claimed { old } else { Some(new) };
        let offer = offer.expect("an offer");
        assert!(self.allows(offer, run, at), "{run}/{id} begins too early");
        // The phase of a group follows from its children.
        if !self.is_group(at) {
            self.assert_gates_hold(offer, run, at);
            let target = |tree: &StatusTree| {
                status_of(tree, run, &id).and_then(|node| node.extensions.target.clone())
            };
            assert_eq!(target(offer), target(new), "{run}/{id}: another target");
        }
    }

    fn assert_skipped_for_a_reason(&self, new: &StatusTree, run: &str, at: usize) {
        let id = format!("n{at}");
        if unwanted(new, run, &id) {
            let wanted = self.is_group(at) || self.nodes[at].when == Some(false);
            let wanted = wanted && self.allows(new, run, at);
            let left_out = self.is_left_out(new, run, at);
            assert!(wanted || left_out, "{run}/{id} is skipped for nothing");
            return;
        }
        if self.is_group(at) {
            return;
        }
        let groups = self.conditional_groups(at).into_iter();
        let groups = groups.filter(|_| !self.runs_always(at));
        let mut before = groups
            .chain([at])
            .flat_map(|at| self.before(at).map(move |before| (at, before)));
        let is_lost = before.any(|(at, (before, kind))| {
            let phase = phase_of(new, run, &before);
            let lost = phase.is_terminal()
                && phase != NodePhase::Succeeded
                && !unwanted(new, run, &before);
            self.needs(at, &before, kind) && lost
        });
        let refused = self.gates_before(at).into_iter().any(|gate| {
            let phase = phase_of(new, run, &format!("n{gate}"));
            phase.is_terminal() && phase != NodePhase::Succeeded
        });
        assert!(is_lost || refused, "{run}/{id} is skipped for nothing");
    }

    /// Whether a gate before a node was reopened: finished nodes stay finished, and so do groups
    /// of them.
    fn is_asked_again(&self, tree: &StatusTree, run: &str, at: usize) -> bool {
        let mut gates = self.gates_before(at).into_iter();
        gates.any(|gate| !phase_of(tree, run, &format!("n{gate}")).is_terminal())
    }

    /// The gates before a node, on any path.
    fn gates_before(&self, at: usize) -> BTreeSet<usize> {
        let mut gates = BTreeSet::new();
        let (mut todo, mut seen) = (vec![at], BTreeSet::new());
        while let Some(at) = todo.pop() {
            let is_group = self.is_group(at);
            let holds_children = self.conditional_groups(at);
            // An edge into a group without a condition holds back only the group itself.
            let groups = holds_children
                .into_iter()
                .flat_map(|group| self.before(group));
            let before = self.before(at).chain(groups).map(|(id, _)| id);
            let children = self.children(at).into_iter().filter(|_| is_group);
            for id in before.chain(children) {
                let from = id[1..].parse().expect("a number");
                if seen.insert(from) {
                    todo.push(from);
                    gates.extend((self.nodes[from].sort == Sort::Gate).then_some(from));
                }
            }
        }
        gates
    }

    /// Checks that every gate before a node is decided, for what would run.
    fn assert_gates_hold(&self, tree: &StatusTree, run: &str, at: usize) {
        let file = &tree.files[&key(Kind::Execution, run)];
        let Status::Execution(status) = &file.status else {
            panic!("{run} is no run");
        };
        let nodes = status.node_statuses.iter();
        let targets = nodes.map(|(id, node)| {
            let target = node.extensions.target.as_ref();
            (id, target.map(|target| (&target.provider, &target.config)))
        });
        let targets: BTreeMap<&String, _> = targets.collect();
        let pinned = status
            .extensions
            .pinned
            .as_ref()
            .expect("a run that has started");
        let of_gate = pinned.gates.get("team/g").map(|pin| &pin.digest);
        for number in self.gates_before(at) {
            let gate = format!("n{number}");
            let direct = self.before(number).map(|(id, _)| id);
            let before: BTreeMap<String, _> = self
                .with_children(direct.collect())
                .into_iter()
                .filter_map(|id| {
                    let node = status.node_statuses.get(&id)?;
                    let report = node.extensions.report.as_ref()?;
                    Some((id, (&report.record, &report.commit, &node.outputs)))
                })
                .collect();
            let node = &status.node_statuses[&gate];
            assert!(
                node.phase.is_terminal(),
                "{run}/n{at} passes {gate}, which waits"
            );
            if node.phase == NodePhase::Succeeded {
                let decision = node.extensions.decision.as_ref().expect("a decision");
                let behind =
                    (0..self.nodes.len()).filter(|at| self.gates_before(*at).contains(&number));
                let behind: BTreeSet<String> = behind.map(|at| format!("n{at}")).collect();
                let targets = targets.iter().filter(|(id, _)| behind.contains(**id));
                let targets: BTreeMap<_, _> = targets.collect();
                let subject = (&pinned.plan.digest, of_gate, &targets);
                let round = Some(decision.round).filter(|round| *round > 0);
                let digest = digest::canonical(&(subject, before, round));
                assert_eq!(
                    decision.digest, digest,
                    "{run}/n{at}: {gate} approved something else"
                );
            }
        }
    }

    /// Checks that decided and running nodes are based on decided ones. Only a gate that is
    /// reopened for other targets leaves nodes after it finished.
    fn assert_decided_in_order(&self, new: &StatusTree) {
        for run in RUNS {
            let is_open = |at: usize| !phase_of(new, run, &format!("n{at}")).is_terminal();
            let mut behind_gate = vec![false; self.nodes.len()];
            for at in 0..self.nodes.len() {
                let id = format!("n{at}");
                let is_gate = |from: usize| self.nodes[from].sort == Sort::Gate;
                let mut before = self.before_any(at);
                behind_gate[at] = before.any(|from| behind_gate[from] || is_gate(from));
                // One failure is enough to be skipped.
                let decided = match phase_of(new, run, &id) {
                    NodePhase::Running | NodePhase::Succeeded | NodePhase::Failed => true,
                    NodePhase::Skipped => {
                        unwanted(new, run, &id) && !self.is_left_out(new, run, at)
                    }
                    _ => false,
                };
                if decided && !behind_gate[at] && !self.is_group(at) {
                    let open = self.before_any(at).find(|from| is_open(*from));
                    assert_eq!(open, None, "{run}/{id} is decided on what is open");
                }
            }
        }
    }

    /// Checks that at most one node that touches a folder is held in a run.
    fn assert_apart(&self, new: &StatusTree) {
        for run in RUNS {
            let mut holders = [None; FOLDERS.len()];
            for (at, node) in self.nodes.iter().enumerate() {
                let id = format!("n{at}");
                let status = status_of(new, run, &id);
                let is_held = status.is_some_and(|status| status.extensions.claim.is_some());
                let Some(folder) = node.touches.filter(|_| is_held && !self.is_group(at)) else {
                    continue;
                };
                let other = holders[folder].replace(at);
                assert_eq!(other, None, "{run}/{id} is held beside n{other:?}");
            }
        }
    }

    /// The nodes that a node waits for or, as a group, contains, by number.
    fn before_any(&self, at: usize) -> impl Iterator<Item = usize> {
        let ties = self.nodes[at].ties.iter().enumerate();
        ties.filter(|(_, tie)| !matches!(tie, Tie::None))
            .map(|(from, _)| from)
    }

    /// Checks that no unlisted key opens a gate, and that no unsigned report counts.
    fn assert_proven(
        &self,
        old: Option<&StatusTree>,
        new: &StatusTree,
        revoked: &BTreeSet<String>,
    ) {
        if !self.signed {
            return;
        }
        let runs = new.files.iter();
        let runs = runs.filter_map(|(key, file)| Some((key, file.status.execution()?)));
        for (key, run) in runs {
            for (id, node) in &run.node_statuses {
                let report = node.extensions.report.as_ref();
                assert!(
                    report.is_none_or(|report| report.signed.is_some()),
                    "{key}/{id}: {report:?}"
                );
                let was_open =
                    old.is_none_or(|old| phase_of(old, &key.name, id) != NodePhase::Succeeded);
                let decision = node.extensions.decision.as_ref();
                let Some(decision) =
                    decision.filter(|_| node.phase == NodePhase::Succeeded && was_open)
                else {
                    continue;
                };
                for review in &decision.reviews {
                    let key = review.signed.as_ref().map(|by| by.key.as_str());
                    let counts = decision.decided_by.contains(&review.record);
                    assert!(
                        !counts || key.is_some_and(|key| !revoked.contains(key)),
                        "{id}: {review:?}"
                    );
                }
            }
        }
    }

    fn reconcile(&self, world: &mut World) -> bool {
        let old = world.tree.clone();
        let changed = world.reconcile();
        if let Some(new) = &world.tree {
            self.assert_proven(old.as_ref(), new, &world.revoked);
            self.assert_order(old.as_ref(), new);
            self.assert_decided_in_order(new);
            self.assert_apart(new);
        }
        changed
    }

    fn happen(&mut self, world: &mut World, event: &Event) {
        let id = |node: usize| format!("n{}", node % self.nodes.len());
        let open = |world: &World, node: &str, offset: i64| {
            let attempt = i64::from(world.node(node).attempt.max(1)) + offset;
            u32::try_from(attempt.max(1)).expect("an attempt")
        };
        match *event {
            Event::Reconcile => {
                self.reconcile(world);
            }
            Event::Wait(seconds) => world.wait(&format!("{seconds}s")),
            Event::Claim(run, node, offset, actor) => {
                let id = id(node);
                let attempt = open(world.about(RUNS[run]), &id, offset);
                world.claim_for(&id, attempt, ACTORS[actor], None);
            }
            Event::Renew(run, node, actor) => {
                world.about(RUNS[run]).renew(&id(node), ACTORS[actor]);
            }
            Event::Release(run, node, actor) => {
                world.about(RUNS[run]).release(&id(node), ACTORS[actor]);
            }
            Event::Ask(run, node, actor) => {
                let id = id(node);
                world.about(RUNS[run]);
                // Mostly by the holder.
                let holder = world.node(&id).extensions.claim.map(|claim| claim.actor);
                let actor = holder
                    .filter(|_| actor > 0)
                    .unwrap_or(ACTORS[actor].to_owned());
                world.ask_about(&id, &actor, "what now?");
            }
            Event::Answer(run, node, actor) => {
                let id = id(node);
                world.about(RUNS[run]);
                let asked = world.node(&id).extensions.questions.pop();
                let by = if actor > 0 {
                    "user:knows"
                } else {
                    ACTORS[actor]
                };
                if let Some(asked) = asked {
                    world.answer_to(&id, (asked.attempt, &asked.record), by, "this");
                }
            }
            Event::Report(run, node, offset, actor, good) => {
                let id = id(node);
                let attempt = open(world.about(RUNS[run]), &id, offset);
                // Mostly by the holder.
                let holder = world.node(&id).extensions.claim.map(|claim| claim.actor);
                let actor = holder
                    .filter(|_| actor > 0)
                    .unwrap_or(ACTORS[actor].to_owned());
                let result = if good {
                    ReportResult::Succeeded
                } else {
                    ReportResult::Failed
                };
                world.report(&id, attempt, &actor, result, json!({"by": actor}));
            }
            Event::Review(run, node, actor, decision) => {
                let id = id(node);
                let waiting = world.about(RUNS[run]).node(&id).extensions.decision;
                let digest = waiting.unwrap_or_default().digest;
                world.review_of(&id, "team/g", &digest, ACTORS[actor], decision);
            }
            Event::StaleReview(run, node, actor) => {
                let approve = ReviewAction::Approve;
                let world = world.about(RUNS[run]);
                world.review_of(&id(node), "team/g", "sha256:0", ACTORS[actor], approve);
            }
            Event::Retry(run, node, rebind) => {
                let node = node.map(id);
                let world = world.about(RUNS[run]);
                world.retry("user:operator", node.as_deref(), rebind);
            }
            Event::Adopt(run, node, good) => {
                let id = id(node);
                let result = if good {
                    ReportResult::Succeeded
                } else {
                    ReportResult::Failed
                };
                let world = world.about(RUNS[run]);
                let before = world.node(&id);
                if world.adopt(&id, result) && before.is_claimable() {
                    self.reconcile(world);
                    let report = world.about(RUNS[run]).node(&id).extensions.report;
                    let lapsed = before.extensions.lapsed.map(|claim| claim.actor);
                    let is_over = world.run().phase.is_terminal();
                    let does_not_count =
                        world.is_foreign || self.signed && world.signature != Signature::Unchecked;
                    assert!(
                        is_over
                            || does_not_count
                            || good
                            || report.as_ref().map(|report| &report.actor) == lapsed.as_ref(),
                        "{id}: {report:?}"
                    );
                }
            }
            Event::Point(run, node, actor) => {
                let id = id(node);
                let world = world.about(RUNS[run]);
                let report = world.node(&id).extensions.report;
                let by = report.map(|report| report.actor).filter(|_| actor > 0);
                let by = by.unwrap_or(ACTORS[actor].to_owned());
                world.succeed_at(&id, &by, &"b".repeat(40));
            }
            Event::Session(session) => world.session = session.map(|n| format!("s{n}")),
            Event::Again(run, node) => {
                let id = id(node);
                world.about(RUNS[run]).retry_again("user:operator", &id);
            }
            Event::Verify(run, node, actor, good) => {
                let world = world.about(RUNS[run]);
                world.verify(&id(node), ACTORS[actor], &[("t", good)]);
            }
            Event::Cancel(run, actor) => world.about(RUNS[run]).cancel(ACTORS[actor]),
            Event::Copy(run, from, to, offset) => {
                let (from, to) = (id(from), id(to));
                let attempt = open(world.about(RUNS[run]), &to, offset);
                let source = world.work_ref(&from, 1);
                let target = world.work_ref(&to, attempt);
                world.copy(&source, &target);
            }
            Event::Nonsense(run, node, offset) => {
                let id = id(node);
                let attempt = open(world.about(RUNS[run]), &id, offset);
                let address = world.work_ref(&id, attempt);
                world.refused.insert(address);
            }
            Event::Rewrite(run, node, offset) => {
                let id = id(node);
                let attempt = open(world.about(RUNS[run]), &id, offset);
                let address = world.work_ref(&id, attempt);
                world.forge(&address, "agent:eve");
            }
            Event::Bind(capability) => {
                self.providers[capability].get_or_insert("service://late");
                world.write("planspec/bind.yaml", &self.binding());
            }
            Event::Act(run) => {
                self.act(world.about(RUNS[run]), &mut std::iter::repeat(true));
                self.reconcile(world);
            }
            Event::BindElsewhere(run, capability) => {
                let elsewhere = "service://elsewhere";
                let provider = &mut self.providers[capability];
                let is_elsewhere = *provider == Some(elsewhere);
                *provider = Some(if is_elsewhere { "agent://x" } else { elsewhere });
                world.write("planspec/bind.yaml", &self.binding());
                world.about(RUNS[run]).retry("user:operator", None, true);
            }
            Event::Edit(node) => {
                self.edits.resize(self.nodes.len(), 0);
                let count = self.nodes.len();
                self.edits[node % count] += 1;
                world.write("planspec/p.yaml", &self.plan());
            }
            Event::Default(capability) => {
                self.defaults[capability] += 1;
                world.write("planspec/caps.yaml", &self.capabilities());
            }
            Event::Foreign(is_foreign) => world.is_foreign = is_foreign,
            Event::Forged(is_forged) => {
                world.signature = if is_forged {
                    Signature::Bad("Unsigned", "it is not signed".to_owned())
                } else {
                    Signature::Unchecked
                };
            }
            Event::Revoke(actor) => world.revoke(&format!("K-{}", ACTORS[actor])),
            Event::GoOn(run) => world.about(RUNS[run]).go_on_with_plan("user:operator"),
            Event::Commit => world.commit(),
        }
    }

    /// Does all possible work until nothing is left.
    fn finish(&mut self, world: &mut World) {
        // Without a session it is not checked, so everybody can end what they began.
        world.session = None;
        world.is_foreign = false;
        world.signature = Signature::Unchecked;
        for capability in 0..CAPABILITIES.len() {
            self.happen(world, &Event::Bind(capability));
        }
        self.reconcile(world);
        let endings = self.endings.clone();
        let mut endings = endings.into_iter().cycle();
        for _ in 0..200 {
            for run in RUNS {
                self.act(world.about(run), &mut endings);
            }
            if self.reconcile(world) {
                continue;
            }
            let deadline = world
                .tree
                .as_ref()
                .and_then(|tree| tree.controller.next_deadline);
            match deadline {
                Some(deadline) => world.now = deadline.max(world.now),
                None => return,
            }
            self.reconcile(world);
        }
        panic!("it does not come to an end");
    }

    /// Does everything that one run waits for.
    fn act(&self, world: &mut World, endings: &mut impl Iterator<Item = bool>) {
        let nodes = world.run().node_statuses.clone();
        for (id, node) in nodes {
            if node.is_claimable() {
                world.claim(&id, "user:last");
            } else if node.extensions.reason == AWAITING_EXTERNAL {
                world.succeed(&id, "agent:probe");
            } else if node.extensions.reason == AWAITING_VERIFICATION {
                let holds = endings.next() != Some(false);
                world.verify(&id, "agent:checker", &[("t", holds)]);
            } else if let Some(claim) = node.extensions.claim {
                match endings.next() {
                    Some(false) => world.fail(&id, &claim.actor),
                    _ => world.succeed(&id, &claim.actor),
                }
            } else if node.phase == NodePhase::Blocked
                && node.extensions.reason == AWAITING_APPROVAL
            {
                for reviewer in 0..self.approvers {
                    let reviewer = format!("last-{reviewer}");
                    match endings.next() {
                        Some(false) => world.reject(&id, &reviewer),
                        _ => world.approve(&id, &reviewer),
                    }
                }
            }
        }
    }
}

fn status_of<'a>(
    tree: &'a StatusTree,
    run: &str,
    node: &str,
) -> Option<&'a crate::core::resource::NodeStatus> {
    let file = tree.files.get(&key(Kind::Execution, run))?;
    match &file.status {
        Status::Execution(status) => status.node_statuses.get(node),
        _ => None,
    }
}

/// Whether a node was skipped because it is not needed.
fn unwanted(tree: &StatusTree, run: &str, node: &str) -> bool {
    status_of(tree, run, node).is_some_and(|status| status.extensions.reason == CONDITION_FALSE)
}

fn phase_of(tree: &StatusTree, run: &str, node: &str) -> NodePhase {
    status_of(tree, run, node).map_or(NodePhase::Pending, |status| status.phase)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_run_ends_and_nothing_starts_too_early(mut scene in scene()) {
        let mut world = scene.world();
        scene.reconcile(&mut world);
        for event in scene.events.clone() {
            scene.happen(&mut world, &event);
        }
        scene.finish(&mut world);
        for run in RUNS {
            world.about(run);
            let phases: BTreeSet<NodePhase> =
                world.run().node_statuses.values().map(|node| node.phase).collect();
            let expected = if world.run().extensions.cancelled_by.is_some() {
                ExecutionPhase::Cancelled
            } else if phases.contains(&NodePhase::Failed) || phases.contains(&NodePhase::Cancelled) {
                ExecutionPhase::Failed
            } else {
                ExecutionPhase::Succeeded
            };
            prop_assert_eq!(world.run().phase, expected);
            // A finished run does not change, whatever records arrive.
            let over = world.run().clone();
            world.cancel("user:late");
            world.claim("n0", "agent:late");
            world.wait("1w");
            world.reconcile();
            prop_assert_eq!(&world.run().node_statuses, &over.node_statuses);
            prop_assert_eq!(world.run().completion_time, over.completion_time);
            prop_assert_eq!(world.run().phase, over.phase);
        }
        let deadline = world.tree.as_ref().and_then(|tree| tree.controller.next_deadline);
        prop_assert_eq!(deadline, None, "nothing happens by itself any more");
        world.archive(world.now, None);
        world.reconcile();
        prop_assert!(!world.has_run(), "a finished run stays");
        prop_assert!(!world.reconcile());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Approved and finished nodes stay so when a gate is reopened; nothing new
    /// begins after it.
    #[test]
    fn nothing_passes_a_gate_that_waits(mut scene in gated_scene()) {
        let mut world = scene.world();
        scene.reconcile(&mut world);
        for event in scene.events.clone() {
            scene.happen(&mut world, &event);
            scene.reconcile(&mut world);
        }
    }
}
