//! What a run is held to: gathered when it starts.

use super::Turn;
use crate::core::plan::graph::Graph;
use crate::core::resource::{
    ExecutionSpec, Key, Kind, ObjectRef, Pin, Pinned, PlanPhase, PlanSpec, Status,
};
use crate::core::run::controllers::{Presence, World};
use crate::core::run::pinned::PinnedPlan;

/// The pinned resources of a run, without parsing again what still stands in the files as it is pinned.
///
/// # Errors
/// As for [`crate::core::run::pinned::Pins::plan`].
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
        if snapshot.definitions(&plan_key).is_empty() {
            (
                "PlanNotFound",
                format!("plan `{}` does not exist", plan_key.qualified()),
            )
        } else {
            (
                "PlanInvalid",
                format!("plan `{}` cannot be read", plan_key.qualified()),
            )
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
                return Err(if snapshot.definitions(&key).is_empty() {
                    (
                        "GoalNotFound",
                        format!("goal `{}` does not exist", key.qualified()),
                    )
                } else {
                    (
                        "GoalInvalid",
                        format!("goal `{}` cannot be read", key.qualified()),
                    )
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
