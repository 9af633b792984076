//! What a run is held to: gathered when it starts, read again on every turn.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::Turn;
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::plan::graph::Graph;
use crate::core::repository::manifest;
use crate::core::resource::{
    ExecutionSpec, GateSpec, GraphSpec, Key, Kind, ObjectRef, Pin, Pinned, PlanPhase, PlanSpec,
    Resource, Spec, Status,
};
use crate::core::run::controllers::{Presence, World};

/// Content of blobs, by object id.
type Blobs = BTreeMap<String, Arc<[u8]>>;
/// The resources of a blob, by what they are pinned by.
type Contents = BTreeMap<(usize, Key), Option<Resource>>;

/// What runs are pinned to. Many runs may be pinned to one blob; each is parsed once, when the first
/// of them asks for it.
pub struct Pins<'a> {
    blobs: &'a Blobs,
    /// By path, blob and namespace: what a text means depends on the name of its file, and what has
    /// no namespace of its own has that of the pin.
    parsed: RefCell<BTreeMap<[String; 3], Rc<Contents>>>,
}

impl<'a> Pins<'a> {
    /// Nothing is parsed yet.
    pub fn new(blobs: &'a Blobs) -> Pins<'a> {
        Pins {
            blobs,
            parsed: RefCell::default(),
        }
    }

    /// What a run is held to.
    ///
    /// # Errors
    /// A sentence: a blob is not there or can no longer be read.
    pub fn plan(&self, pinned: &Pinned) -> Result<PinnedPlan, String> {
        PinnedPlan::assemble(pinned, |kind, pin| self.read(kind, pin))
    }

    fn read(&self, kind: Kind, pin: &Pin) -> Result<Resource, String> {
        let key = Key::new(kind, &pin.namespace, &pin.name);
        let contents = self.contents(pin)?;
        let found = contents.get(&(pin.document, key.clone())).cloned();
        found.flatten().ok_or_else(|| {
            format!(
                "the pinned revision {} of {} holds no readable {key}",
                pin.blob, pin.path
            )
        })
    }

    fn contents(&self, pin: &Pin) -> Result<Rc<Contents>, String> {
        let place = [&pin.path, &pin.blob, &pin.namespace].map(String::clone);
        if let Some(known) = self.parsed.borrow().get(&place) {
            return Ok(Rc::clone(known));
        }
        let bytes = self.blobs.get(&pin.blob).ok_or_else(|| {
            format!(
                "the pinned revision {} of {} is missing",
                pin.blob, pin.path
            )
        })?;
        let file = SourceFile {
            path: pin.path.clone(),
            blob: pin.blob.clone(),
            content: Content::Bytes(Arc::clone(bytes)),
        };
        let entries = manifest::read(&file, &Limits::NONE, &pin.namespace)
            .entries
            .into_iter();
        let contents = entries.map(|entry| ((entry.document, entry.key), entry.resource));
        let contents = Rc::new(contents.collect());
        let mut parsed = self.parsed.borrow_mut();
        parsed.insert(place, Rc::clone(&contents));
        Ok(contents)
    }

    /// How many blobs were parsed.
    #[cfg(test)]
    fn parsed(&self) -> usize {
        self.parsed.borrow().len()
    }
}

/// The pinned resources of a run, typed.
pub struct PinnedPlan {
    /// The execution's spec as it was when it started.
    pub execution: ExecutionSpec,
    /// The plan as it was.
    pub plan: Resource,
    /// Its gates by `namespace/name`.
    pub gates: BTreeMap<String, Resource>,
    /// The spec of the goal that the run serves.
    pub goal: Option<Value>,
}

impl PinnedPlan {
    /// The graph of the plan.
    pub fn graph(&self) -> Option<&GraphSpec> {
        match &self.plan.spec {
            Spec::Plan(plan) => Some(&plan.graph),
            _ => None,
        }
    }

    /// A gate of the plan.
    pub fn gate(&self, qualified: &str) -> Option<(&GateSpec, &Resource)> {
        let resource = self.gates.get(qualified)?;
        match &resource.spec {
            Spec::Gate(spec) => Some((spec, resource)),
            _ => None,
        }
    }

    /// Read the pinned blobs of one run.
    ///
    /// # Errors
    /// As for [`Pins::plan`].
    pub fn read(blobs: &Blobs, pinned: &Pinned) -> Result<PinnedPlan, String> {
        Pins::new(blobs).plan(pinned)
    }

    /// The same, without parsing again what still stands in the files as it is pinned.
    ///
    /// # Errors
    /// As for [`Pins::plan`].
    pub fn find(world: &World<'_>, pinned: &Pinned) -> Result<PinnedPlan, String> {
        PinnedPlan::assemble(pinned, |kind, pin| {
            let key = Key::new(kind, &pin.namespace, &pin.name);
            let mut definitions = world.snapshot.definitions(&key).iter();
            let unchanged = definitions
                .find(|now| (&now.blob, now.document) == (&pin.blob, pin.document))
                .and_then(|now| now.resource.clone());
            match unchanged {
                Some(resource) => Ok(resource),
                None => world.pinned.read(kind, pin),
            }
        })
    }

    fn assemble(
        pinned: &Pinned,
        read: impl Fn(Kind, &Pin) -> Result<Resource, String>,
    ) -> Result<PinnedPlan, String> {
        let execution = read(Kind::Execution, &pinned.execution)?;
        let Spec::Execution(execution) = execution.spec else {
            return Err("the pinned execution is none".to_owned());
        };
        let plan = read(Kind::Plan, &pinned.plan)?;
        let gates = pinned
            .gates
            .iter()
            .map(|(name, pin)| Ok((name.clone(), read(Kind::Gate, pin)?)))
            .collect::<Result<_, String>>()?;
        let goal = match &pinned.goal {
            None => None,
            Some(pin) => match read(Kind::Goal, pin)?.spec {
                Spec::Goal(goal) => serde_json::to_value(goal).ok(),
                _ => return Err("the pinned goal is none".to_owned()),
            },
        };
        Ok(PinnedPlan {
            execution,
            plan,
            gates,
            goal,
        })
    }
}

/// Most reasons that are named why a document cannot be executed.
const MISSING_NAMED: usize = 10;

/// Gather what a run will be held to.
///
/// # Errors
/// Reason and message: why the execution stays Pending.
pub fn gather<'a>(
    turn: &Turn<'a>,
    uid: &str,
    generation: u64,
) -> Result<(Pinned, &'a PlanSpec), (&'static str, String)> {
    let snapshot = turn.world.snapshot;
    let spec = match (turn.presence, snapshot.execution(turn.key)) {
        (Presence::Defined(_), Some(spec)) => spec,
        _ => return Err(("Invalid", "its file cannot be used".to_owned())),
    };
    let namespace = &turn.key.namespace;
    let plan_key = spec.plan_ref.key(Kind::Plan, namespace);
    let plan = snapshot.plan(&plan_key).ok_or_else(|| {
        match snapshot.definitions(&plan_key).is_empty() {
            true => (
                "PlanNotFound",
                format!("plan `{}` does not exist", plan_key.qualified()),
            ),
            false => (
                "PlanInvalid",
                format!("plan `{}` cannot be read", plan_key.qualified()),
            ),
        }
    })?;
    for (kind, reference) in references_of_execution(spec) {
        check_uid(turn, reference, &reference.key(kind, namespace))?;
    }
    for (kind, reference) in references_of_plan(plan) {
        check_uid(turn, reference, &reference.key(kind, &plan_key.namespace))?;
    }
    if let Some(file) = turn.others.get(&plan_key)
        && let Status::Plan(status) = &file.status
        && status.phase != PlanPhase::Ready
    {
        let message = format!("plan `{}` is Invalid", plan_key.qualified());
        return Err(("PlanInvalid", message));
    }
    let missing: Vec<String> = snapshot
        .unready(&plan_key)
        .take(MISSING_NAMED)
        .map(|finding| finding.message.clone())
        .collect();
    if !missing.is_empty() {
        let more = match snapshot.unready(&plan_key).count() - missing.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let message = format!(
            "plan `{}`: {}{more}",
            plan_key.qualified(),
            missing.join("; ")
        );
        return Err(("PlanNotReady", message));
    }
    // The configuration may have switched the rules off that would have said so.
    Graph::build(&plan.graph).map_err(|_| {
        let message = format!("the graph of plan `{}` is broken", plan_key.qualified());
        ("PlanInvalid", message)
    })?;

    let plan_goal = plan
        .goal_ref
        .as_ref()
        .map(|goal| goal.key(Kind::Goal, &plan_key.namespace));
    let own_goal = spec
        .goal_ref
        .as_ref()
        .map(|goal| goal.key(Kind::Goal, namespace));
    if let (Some(own), Some(of_plan)) = (&own_goal, &plan_goal)
        && own != of_plan
    {
        let message = format!(
            "the execution serves goal `{}`, its plan serves `{}`",
            own.qualified(),
            of_plan.qualified()
        );
        return Err(("GoalMismatch", message));
    }
    if let Some(broken) = snapshot.errors_of(turn.key).next() {
        return Err(("Invalid", snapshot.line(broken)));
    }
    let goal = match own_goal.or(plan_goal) {
        None => None,
        Some(key) => {
            if turn.others.get(&key).is_none() || snapshot.goal(&key).is_none() {
                return Err(match snapshot.definitions(&key).is_empty() {
                    true => (
                        "GoalNotFound",
                        format!("goal `{}` does not exist", key.qualified()),
                    ),
                    false => (
                        "GoalInvalid",
                        format!("goal `{}` cannot be read", key.qualified()),
                    ),
                });
            }
            Some(pin(turn, &key)?)
        }
    };
    let gates = plan
        .graph
        .nodes
        .iter()
        .filter_map(|node| node.gate_ref.as_ref())
        .map(|gate| {
            let key = gate.key(Kind::Gate, &plan_key.namespace);
            Ok((key.qualified(), pin(turn, &key)?))
        })
        .collect::<Result<_, (&'static str, String)>>()?;
    let pinned = Pinned {
        commit: turn.world.commit.to_owned(),
        execution: Pin {
            uid: uid.to_owned(),
            generation,
            ..pin(turn, turn.key)?
        },
        plan: pin(turn, &plan_key)?,
        gates,
        goal,
        authors: None,
    };
    Ok((pinned, plan))
}

fn references_of_execution(spec: &ExecutionSpec) -> impl Iterator<Item = (Kind, &ObjectRef)> {
    let bindings = spec.binding_ref.iter().chain(spec.node_bindings.values());
    std::iter::once((Kind::Plan, &spec.plan_ref))
        .chain(spec.goal_ref.iter().map(|goal| (Kind::Goal, goal)))
        .chain(bindings.map(|binding| (Kind::Binding, binding)))
}

fn references_of_plan(spec: &PlanSpec) -> impl Iterator<Item = (Kind, &ObjectRef)> {
    let of_nodes = spec.graph.nodes.iter().flat_map(|node| {
        let gates = node.gate_ref.iter().map(|gate| (Kind::Gate, gate));
        let capabilities = node.capability_refs.iter();
        gates.chain(capabilities.map(|capability| (Kind::Capability, capability)))
    });
    let goal = spec.goal_ref.iter().map(|goal| (Kind::Goal, goal));
    goal.chain(of_nodes)
}

fn check_uid(
    turn: &Turn<'_>,
    reference: &ObjectRef,
    key: &Key,
) -> Result<(), (&'static str, String)> {
    let actual = turn.others.get(key).map(|file| &file.uid);
    match (&reference.uid, actual) {
        (Some(wanted), Some(actual)) if wanted != actual => Err((
            "UidMismatch",
            format!("{key} has uid {actual}, the reference wants {wanted}"),
        )),
        _ => Ok(()),
    }
}

fn pin(turn: &Turn<'_>, key: &Key) -> Result<Pin, (&'static str, String)> {
    let missing = || match key.kind {
        Kind::Gate => ("GateInvalid", format!("{key} cannot be used")),
        _ => ("Invalid", format!("{key} cannot be used")),
    };
    let definition = turn.world.snapshot.definition(key).ok_or_else(missing)?;
    let resource = definition.resource.as_ref().ok_or_else(missing)?;
    let file = turn.others.get(key);
    Ok(Pin {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: file.map(|file| file.uid.clone()).unwrap_or_default(),
        path: definition.path.clone(),
        blob: definition.blob.clone(),
        document: definition.document,
        digest: resource.spec_digest(),
        generation: file.map_or(0, |file| file.generation),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::core::testing::{execution, plan, task};

    #[test]
    fn a_blob_is_parsed_once_however_many_runs_are_pinned_to_it() {
        let text = [
            plan("p", &task("a", "")),
            execution("one", "p", ""),
            execution("two", "p", ""),
        ]
        .concat();
        let blobs = Blobs::from([("0".repeat(40), text.as_bytes().into())]);
        let pins = Pins::new(&blobs);
        let pin = |name: &str, document| Pin {
            namespace: "team".to_owned(),
            name: name.to_owned(),
            uid: String::new(),
            path: "planspec/x.yaml".to_owned(),
            blob: "0".repeat(40),
            document,
            digest: String::new(),
            generation: 1,
        };
        for (name, document) in [("one", 1), ("two", 2)] {
            let pinned = Pinned {
                commit: String::new(),
                execution: pin(name, document),
                plan: pin("p", 0),
                gates: BTreeMap::new(),
                goal: None,
                authors: None,
            };
            let found = pins.plan(&pinned).unwrap();
            assert_eq!(found.graph().unwrap().nodes.len(), 1, "{name}");
        }
        assert_eq!(pins.parsed(), 1);
        let error = pins.read(Kind::Plan, &pin("p", 1)).unwrap_err();
        assert!(error.ends_with("holds no readable Plan team/p"), "{error}");
    }
}
