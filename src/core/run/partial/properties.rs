//! Property: whatever files, people and time do, an incremental reconcile has the result of a full
//! one. The simulated world compares the two every time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::core::resource::{Key, Kind, Status};
use crate::core::testing::{World, key, with_metadata};

/// The kind and name of the resource in each file.
const FILES: [(Kind, &str); 19] = [
    (Kind::Goal, "goal-0"),
    (Kind::Goal, "goal-1"),
    (Kind::Goal, "goal-2"),
    (Kind::Plan, "plan-0"),
    (Kind::Plan, "plan-1"),
    (Kind::Plan, "plan-2"),
    (Kind::Capability, "cap-0"),
    (Kind::Capability, "cap-1"),
    (Kind::Capability, "cap-2"),
    (Kind::Binding, "bind-0"),
    (Kind::Binding, "bind-1"),
    (Kind::Gate, "gate-0"),
    (Kind::Gate, "gate-1"),
    (Kind::Execution, "run-0"),
    (Kind::Execution, "run-1"),
    (Kind::Execution, "run-2"),
    (Kind::Execution, "run-3"),
    // A second definition, and one with another name.
    (Kind::Plan, "plan-0"),
    (Kind::Execution, "run-4"),
];
const RUNS: [&str; 5] = ["run-0", "run-1", "run-2", "run-3", "run-4"];
const NODES: [&str; 4] = ["a", "b", "c", "d"];

/// The choices for a file: whether it exists and is readable, content that is only for people, and
/// four choices that matter to others.
type Choice = [usize; 6];

/// An event.
#[derive(Debug, Clone)]
enum Event {
    Edit(usize, usize, usize),
    Commit,
    Configure(usize),
    Wait(usize),
    Claim(usize, usize),
    Ask(usize, usize),
    Answer(usize, usize),
    Report(usize, usize, bool),
    Review(usize, usize, bool),
    Attest(usize, bool),
    Cancel(usize),
    Retry(usize, bool),
    Reconcile,
    Archive,
}

/// The text of a file; `None` if it does not exist.
fn text(file: usize, choice: Choice) -> Option<String> {
    let [form, prose, first, second, third, fourth] = choice;
    let (kind, name) = FILES[file];
    let is_there = if file >= 17 { form > 12 } else { form > 2 };
    if !is_there {
        return None;
    }
    match form {
        3 => return Some(format!("{name}: [\n")),
        4 => {
            let broken = format!("name: {name}, namespace: team");
            return Some(with_metadata(kind.name(), &broken, "surprise: 1"));
        }
        _ => {}
    }
    let other = |names: &[&str], choice: usize| names[choice % names.len()].to_owned();
    let description = format!("description: d{}", prose % 2);
    let metadata = match kind {
        Kind::Plan if fourth % 2 == 1 => {
            format!(
                "name: {name}, namespace: team, labels: {{tier: t{}}}",
                first % 2
            )
        }
        Kind::Capability if fourth == 3 => {
            format!("name: {name}, namespace: team, annotations: {{planspec.io/deprecated: old}}")
        }
        _ => format!("name: {name}, namespace: team"),
    };
    let spec = match kind {
        Kind::Goal => match first {
            0 => format!(
                "{description}, planSelector: {{matchLabels: {{tier: t{}}}}}",
                second % 2
            ),
            1 => format!("{description}, timeout: {}m", second * 20 + 1),
            2 => format!("{description}, acceptanceCriteria: [{{id: c, description: it holds}}]"),
            _ => description,
        },
        Kind::Plan => plan(name, &description, choice),
        Kind::Capability => {
            let required = other(&["cap-0", "cap-1", "cap-2", "cap-9"], first);
            match second {
                0 => format!("{description}, requirements: [{{name: {required}}}]"),
                _ => description,
            }
        }
        Kind::Binding => {
            let provider = other(&["agent://x", "human://carl", "repo://here"], first);
            let selector = match second {
                0 => format!("planRef: {{name: plan-{third}}}"),
                _ => format!("capabilityRef: {{name: cap-{}}}", second - 1),
            };
            format!("rules: [{{selector: {{{selector}}}, target: {{provider: '{provider}'}}}}]")
        }
        Kind::Gate => format!(
            "gateType: approval, requiredApprovers: {}, targetRef: {{kind: Plan, name: plan-{second}}}",
            1 + first % 2
        ),
        Kind::Execution => {
            let mut spec = format!("planRef: {{name: plan-{}}}", first % 3);
            if second > 0 {
                spec += &format!(", bindingRef: {{name: bind-{}}}", second % 2);
            }
            if third == 1 {
                spec += &format!(", nodeBindings: {{b: {{name: bind-{}}}}}", fourth % 2);
            }
            if third == 2 {
                spec += &format!(", goalRef: {{name: goal-{}}}", fourth % 3);
            }
            spec
        }
    };
    Some(with_metadata(kind.name(), &metadata, &spec))
}

fn plan(name: &str, description: &str, [_, _, first, second, third, fourth]: Choice) -> String {
    let mut fields = description.to_owned();
    if first < 3 {
        fields += &format!(", goalRef: {{name: goal-{first}}}");
    }
    if third == 1 {
        fields += &format!(", series: s, version: 1.{second}.0");
    }
    if third == 2 {
        fields += &format!(", supersedes: [{{name: plan-{fourth}}}]");
    }
    let mut nodes = vec![format!("{{id: a, kind: Task, retries: {}}}", second % 2)];
    nodes.push(match second {
        0 => "{id: b, kind: Task, timeout: 30m}".to_owned(),
        _ => format!(
            "{{id: b, kind: Task, capabilityRefs: [{{name: cap-{}}}], acceptanceCriteria: \
             [{{type: artifact_exists, name: there, path: planspec/3.yaml}}]}}",
            second - 1
        ),
    });
    nodes.push(match third {
        0 | 1 => format!(
            "{{id: c, kind: Gate, gateRef: {{name: gate-{}}}, dependsOn: [a]}}",
            third
        ),
        2 => {
            let followed = match name {
                "plan-0" => "kind: Execution, name: run-1",
                "plan-1" => "kind: Goal, name: goal-0",
                _ => "kind: Gate, name: gate-1",
            };
            format!(
                "{{id: c, kind: External, externalRef: {{type: resource, resourceRef: \
                 {{{followed}}}}}}}"
            )
        }
        _ => "{id: c, kind: Task, timeout: 10m}".to_owned(),
    });
    if fourth > 1 {
        nodes.push("{id: d, kind: Task, dependsOn: [b, c]}".to_owned());
    }
    format!("{fields}, graph: {{nodes: [{}]}}", nodes.join(", "))
}

fn event() -> impl Strategy<Value = Event> {
    let run = || 0..RUNS.len();
    let node = || 0..NODES.len();
    prop_oneof![
        10 => (0..FILES.len(), 0..6_usize, 0..16_usize).prop_map(|(f, w, v)| Event::Edit(f, w, v)),
        1 => Just(Event::Commit),
        1 => (0..2_usize).prop_map(Event::Configure),
        3 => (0..3_usize).prop_map(Event::Wait),
        6 => (run(), node()).prop_map(|(r, n)| Event::Claim(r, n)),
        2 => (run(), node()).prop_map(|(r, n)| Event::Ask(r, n)),
        2 => (run(), node()).prop_map(|(r, n)| Event::Answer(r, n)),
        6 => (run(), node(), prop::bool::weighted(0.7)).prop_map(|(r, n, g)| Event::Report(r, n, g)),
        5 => (run(), 0..2_usize, prop::bool::weighted(0.8)).prop_map(|(r, w, g)| Event::Review(r, w, g)),
        1 => (run(), any::<bool>()).prop_map(|(r, m)| Event::Attest(r, m)),
        1 => run().prop_map(Event::Cancel),
        2 => (run(), any::<bool>()).prop_map(|(r, b)| Event::Retry(r, b)),
        6 => Just(Event::Reconcile),
        2 => Just(Event::Archive),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    (
        0..16_usize,
        0..4_usize,
        0..4_usize,
        0..4_usize,
        0..4_usize,
        0..4_usize,
    )
        .prop_map(|(form, prose, a, b, c, d)| [form, prose, a, b, c, d])
}

struct Scene {
    world: World,
    choices: Vec<Choice>,
}

impl Scene {
    fn put(&mut self, file: usize) {
        let path = format!("planspec/{file}.yaml");
        match text(file, self.choices[file]) {
            Some(text) => self.world.write(&path, &text),
            None if self.world.has_file(&path) => self.world.remove(&path),
            None => {}
        }
    }

    /// The run, if it is known.
    fn known(&mut self, run: usize) -> Option<&mut World> {
        let name = RUNS[run];
        let is_known = self.world.find(Kind::Execution, name).is_some();
        is_known.then(|| self.world.about(name))
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Edit(file, what, value) => {
                let most = if what == 0 { 16 } else { 4 };
                self.choices[file][what] = value % most;
                self.put(file);
            }
            Event::Commit => self.world.commit(),
            Event::Configure(0) => self.world.configure("paths: [planspec]\n"),
            Event::Configure(_) => {
                self.world
                    .configure("approvals: {preventSelfApproval: true}\n");
            }
            Event::Wait(at) => self.world.wait(["1m", "45m", "2d"][at]),
            Event::Reconcile => {
                self.world.reconcile();
            }
            Event::Archive => {
                self.world.archive(self.world.now, None);
                self.world.reconcile();
            }
            Event::Claim(run, node) => {
                if let Some(world) = self.known(run) {
                    world.claim(NODES[node], "agent:ana");
                }
            }
            Event::Ask(run, node) => {
                if let Some(world) = self.known(run) {
                    world.ask_about(NODES[node], "agent:ana", "what now?");
                }
            }
            Event::Answer(run, node) => {
                if let Some(world) = self.known(run)
                    && let Some(asked) = world.node(NODES[node]).extensions.questions.pop()
                {
                    let question = (asked.attempt, asked.record.as_str());
                    world.answer_to(NODES[node], question, "ben", "this");
                }
            }
            Event::Report(run, node, is_good) => {
                if let Some(world) = self.known(run) {
                    if is_good {
                        world.succeed(NODES[node], "agent:ana");
                    } else {
                        world.fail(NODES[node], "agent:ana");
                    }
                }
            }
            Event::Review(run, who, is_good) => {
                let who = ["ben", "carl"][who];
                if let Some(world) = self.known(run) {
                    if is_good {
                        world.approve("c", who);
                    } else {
                        world.reject("c", who);
                    }
                }
            }
            Event::Attest(run, is_met) => {
                if let Some(world) = self.known(run) {
                    world.attest("c", "ben", is_met);
                }
            }
            Event::Cancel(run) => {
                if let Some(world) = self.known(run) {
                    world.cancel("ben");
                }
            }
            Event::Retry(run, rebind) => {
                if let Some(world) = self.known(run) {
                    world.retry("ben", None, rebind);
                }
            }
        }
    }
}

/// The run that an event is about, if it is about one.
fn run_of(event: &Event) -> Option<usize> {
    match *event {
        Event::Claim(run, _)
        | Event::Ask(run, _)
        | Event::Answer(run, _)
        | Event::Report(run, ..)
        | Event::Review(run, ..)
        | Event::Attest(run, _)
        | Event::Cancel(run)
        | Event::Retry(run, _) => Some(run),
        _ => None,
    }
}

/// A status without what only an archive puts there.
fn plain(mut status: Status) -> Status {
    match &mut status {
        Status::Goal(goal) => goal.extensions = Default::default(),
        Status::Gate(gate) => gate.extensions = Default::default(),
        _ => {}
    }
    status
}

/// The statuses of all resources.
fn statuses(world: &World) -> BTreeMap<Key, Status> {
    let files = world.tree.iter().flat_map(|tree| &tree.files);
    let statuses = files.map(|(key, file)| (key.clone(), plain(file.status.clone())));
    statuses.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Two repositories with the same files, people and time: in one of them, finished executions are archived.
    #[test]
    fn archiving_an_execution_changes_nobody_else(
        choices in prop::collection::vec(choice(), FILES.len()),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let scene = || Scene { world: World::empty(), choices: choices.clone() };
        let mut scenes = [scene(), scene()];
        for scene in &mut scenes {
            (0..FILES.len()).for_each(|file| scene.put(file));
            scene.world.reconcile();
        }
        for event in &events {
            let is_same_in_both = match *event {
                Event::Archive => false,
                // The file of an archived run that comes back is not a new run; a gate that comes back forgets.
                Event::Edit(file, what, _) => {
                    let kind = FILES[file].0;
                    kind != Kind::Execution && (kind != Kind::Gate || what > 0)
                }
                _ => run_of(event).is_none_or(|run| scenes[0].known(run).is_some()),
            };
            for scene in &mut scenes {
                scene.world.reconcile();
                if is_same_in_both {
                    scene.happen(event);
                    scene.world.reconcile();
                }
            }
            if matches!(event, Event::Archive) {
                scenes[0].happen(event);
                // The other one gets as many records.
                let other = &mut scenes[1].world;
                other.archive(other.now, Some("elsewhere"));
                other.reconcile();
            }
            let [archived, whole] = scenes.each_ref().map(|scene| statuses(&scene.world));
            for (key, status) in &whole {
                let left = archived.get(key);
                prop_assert!(left.is_some() || key.kind == Kind::Execution, "{key} is gone");
                prop_assert!(left.is_none_or(|left| left == status), "{key}: {left:#?} {status:#?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn in_part_is_in_whole(
        choices in prop::collection::vec(choice(), FILES.len()),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut scene = Scene { world: World::empty(), choices };
        for file in 0..FILES.len() {
            scene.put(file);
        }
        scene.world.reconcile();
        for event in &events {
            scene.happen(event);
        }
        scene.world.reconcile();
    }
}

#[test]
fn one_changed_description_is_one_resource_and_its_run() {
    let mut scene = Scene {
        world: World::empty(),
        choices: vec![[15, 0, 0, 1, 0, 0]; FILES.len()],
    };
    for file in 0..17 {
        scene.put(file);
    }
    scene.world.reconcile();
    scene.choices[4][1] = 1;
    scene.put(4);
    let looked_at = scene.world.looked_at();
    assert_eq!(looked_at, [key(Kind::Plan, "plan-1")]);
}
