//! Gathers the resources to pin when a run starts.

use super::Turn;
use crate::core::plan::graph::Graph;
use crate::core::resource::{
    ExecutionSpec, Key, Kind, ObjectRef, Pin, Pinned, PlanPhase, PlanSpec, RevisionApproval, Status,
};
use crate::core::run::controllers::{Presence, World, unusable};
use crate::core::run::pinned::{PinnedPlan, is_as_pinned};

/// The pinned resources of a run; files that are still as pinned are not parsed again.
///
/// # Errors
/// As for [`crate::core::run::pinned::Pins::plan`].
pub fn find(world: &World<'_>, pinned: &Pinned) -> Result<PinnedPlan, String> {
    PinnedPlan::assemble(pinned, |kind, pin| {
        let key = pin.key(kind);
        let revisions = world.config.approvals.revisions;
        let mut definitions = world.snapshot.definitions(&key).iter();
        let unchanged = definitions
            .find(|now| {
                let is_same = now.origin.is_none() || revisions == pin.revisions;
                is_same && (&now.blob, now.document) == (&pin.blob, pin.document)
            })
            .and_then(|now| now.resource.as_ref())
            .filter(|now| is_as_pinned(now, pin))
            .cloned();
        match unchanged {
            Some(resource) => Ok(resource),
            None => world.pinned.read(kind, pin),
        }
    })
}

/// Maximum number of reasons why a document is not ready that are named.
const MISSING_NAMED: usize = 10;

/// Why an execution stays Pending: reason and message.
type Missing = (&'static str, String);

/// Gathers the resources to pin for a run.
///
/// # Errors
/// Why the execution stays Pending: reason and message.
pub fn gather<'a>(
    turn: &Turn<'a>,
    uid: &str,
    generation: u64,
) -> Result<(Pinned, &'a PlanSpec), Missing> {
    let snapshot = turn.world.snapshot;
    let spec = match (turn.presence, snapshot.execution(turn.key)) {
        (Presence::Defined(_), Some(spec)) => spec,
        _ => return Err(("Invalid", "its file cannot be used".to_owned())),
    };
    let plan_key = spec.plan_ref.key(Kind::Plan, &turn.key.namespace);
    let reasons = ["PlanNotFound", "PlanInvalid"];
    let plan = snapshot.plan(&plan_key);
    let plan = plan.ok_or_else(|| unusable(snapshot, &plan_key, reasons))?;
    for (kind, reference) in references_of_execution(spec) {
        check_uid(turn, reference, &reference.key(kind, &turn.key.namespace))?;
    }
    for (kind, reference) in references_of_plan(plan) {
        check_uid(turn, reference, &reference.key(kind, &plan_key.namespace))?;
    }
    check_ready(turn, &plan_key, plan)?;
    let goal = goal_of(turn, spec, (&plan_key, plan))?;
    // The owner has another uid than the reference.
    if let Some(mismatch) = turn.world.uid_mismatches.get(turn.key) {
        return Err(("UidMismatch", mismatch.clone()));
    }
    let goal = goal.map(|key| pin(turn, &key)).transpose()?;
    let gates = plan.graph.nodes.iter();
    let gates = gates.filter_map(|node| node.gate_ref.as_ref()).map(|gate| {
        let key = gate.key(Kind::Gate, &plan_key.namespace);
        Ok((key.qualified(), pin(turn, &key)?))
    });
    let gates = gates.collect::<Result<_, Missing>>()?;
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

/// Checks that a plan can be executed.
fn check_ready(turn: &Turn<'_>, key: &Key, plan: &PlanSpec) -> Result<(), Missing> {
    let snapshot = turn.world.snapshot;
    let name = key.qualified();
    let status = turn.others.get(key).map(|file| &file.status);
    if matches!(status, Some(Status::Plan(status)) if status.phase != PlanPhase::Ready) {
        return Err(("PlanInvalid", format!("plan `{name}` is Invalid")));
    }
    let mut unready = snapshot
        .unready(key)
        .map(|finding| finding.message.as_str());
    let missing: Vec<&str> = unready.by_ref().take(MISSING_NAMED).collect();
    if !missing.is_empty() {
        let more = match unready.count() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let message = format!("plan `{name}`: {}{more}", missing.join("; "));
        return Err(("PlanNotReady", message));
    }
    // The configuration may have switched off the rules for that.
    let broken = |_| {
        (
            "PlanInvalid",
            format!("the graph of plan `{name}` is broken"),
        )
    };
    Graph::build(&plan.graph).map(drop).map_err(broken)
}

/// The goal of a run: its own, or that of its plan.
fn goal_of(
    turn: &Turn<'_>,
    spec: &ExecutionSpec,
    (plan_key, plan): (&Key, &PlanSpec),
) -> Result<Option<Key>, Missing> {
    let snapshot = turn.world.snapshot;
    let goal = |reference: &Option<ObjectRef>, namespace: &str| {
        let reference = reference.as_ref()?;
        Some(reference.key(Kind::Goal, namespace))
    };
    let own = goal(&spec.goal_ref, &turn.key.namespace);
    let of_plan = goal(&plan.goal_ref, &plan_key.namespace);
    if let (Some(own), Some(of_plan)) = (&own, &of_plan)
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
    let goal = own.or(of_plan);
    match &goal {
        Some(key) if !turn.others.contains_key(key) || snapshot.goal(key).is_none() => {
            Err(unusable(snapshot, key, ["GoalNotFound", "GoalInvalid"]))
        }
        _ => Ok(goal),
    }
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

fn check_uid(turn: &Turn<'_>, reference: &ObjectRef, key: &Key) -> Result<(), Missing> {
    let actual = turn.others.get(key).map(|file| &file.uid);
    match (&reference.uid, actual) {
        (Some(wanted), Some(actual)) if wanted != actual => Err((
            "UidMismatch",
            format!("{key} has uid {actual}, the reference wants {wanted}"),
        )),
        _ => Ok(()),
    }
}

fn pin(turn: &Turn<'_>, key: &Key) -> Result<Pin, Missing> {
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
        revisions: match definition.origin {
            Some(_) => turn.world.config.approvals.revisions,
            None => RevisionApproval::default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{World, execution};

    const EVE: &str = "eve@example.com";

    /// A document with two steps, and a kind of change; the first may need an approval.
    fn document(step: &str, kind: &str) -> String {
        let (revision, parent, history) = match kind {
            "" => (1, "null".to_owned(), String::new()),
            kind => (
                2,
                r#""7c3e2f40-9d51-4e3b-9f60-3b4c5d6e7f80""#.to_owned(),
                format!(
                    r#", "revision_history": [{{"revision": 2, "change_type": "{kind}",
    "change_summary": "Shorter words", "created_at": "2026-02-11T09:00:00Z"}}]"#
                ),
            ),
        };
        format!(
            r#"{{
  "identity": {{"plan_id": "8d4f3051-ae62-4f4c-a071-4c5d6e7f8091", "session_id": "s", "revision": {revision},
    "parent_id": {parent}, "created_by": "a", "created_at": "2026-02-10T09:00:00Z"}},
  "x-planspec": {{"name": "p", "namespace": "team"}},
  "intent": {{"goal_statement": "g", "motivation": "m", "success_definition": "d"}},
  "scope": {{"in_scope": ["i"], "out_of_scope": ["o"]}},
  "approach": {{"overview": "o", "rationale": "r", "steps": [
    {{"step_id": "{step}", "title": "A", "description": "d"}},
    {{"step_id": "b", "title": "B", "description": "d", "dependencies": ["{step}"]}}]}},
  "success_criteria": [
    {{"criterion_id": "done", "description": "d", "verification": "manual", "weight": "primary"}}],
  "delegation": {{"default_mode": "hybrid", "step_overrides": [{{"step_id": "{step}", "mode": "human_approval"}}]}}{history}
}}"#
        )
    }

    fn run(approval: &str, step: &str, kind: &str) -> World {
        let mut world = World::empty();
        world.configure(&format!("approvals: {{revisions: {approval}}}\n"));
        world.write("planspec/p.planspec.json", &document(step, kind));
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        world
    }

    #[test]
    fn which_revisions_a_person_approves_before_they_are_run() {
        let table = [
            ("merge", "", false),
            ("merge", "major", false),
            ("either", "major", false),
            ("human", "", true),
            ("human", "major", true),
            ("human", "minor", true),
            ("human", "patch", false),
            ("hybrid", "", true),
            ("hybrid", "major", true),
            ("hybrid", "minor", false),
            ("hybrid", "patch", false),
        ];
        for (approval, kind, expected) in table {
            let world = run(approval, "a", kind);
            let nodes = &world.run().node_statuses;
            assert_eq!(
                nodes.contains_key("approve-revision"),
                expected,
                "{approval} {kind}"
            );
            let first = if expected {
                "Pending Waiting"
            } else {
                "Blocked AwaitingApproval"
            };
            assert_eq!(world.stands("approve-a"), first, "{approval} {kind}");
        }
    }

    #[test]
    fn nothing_begins_before_the_revision_is_approved() {
        let mut world = run("human", "a", "minor");
        assert_eq!(world.stands("approve-revision"), "Blocked AwaitingApproval");
        let gate = world.gate("p-approve-revision");
        assert_eq!(gate.phase.to_string(), "Waiting");
        world.approve("approve-revision", EVE);
        world.reconcile();
        assert_eq!(world.stands("approve-a"), "Blocked AwaitingApproval");
        world.approve("approve-a", EVE);
        world.reconcile();
        world.complete("a");
        world.complete("b");
        assert_eq!(world.phase(), "Blocked AwaitingAttestation");
        let mut world = run("human", "a", "minor");
        world.reject("approve-revision", EVE);
        world.reconcile();
        assert_eq!(world.phase(), "Failed NodeFailed");
    }

    #[test]
    fn a_run_keeps_the_gates_that_it_began_with() {
        let mut world = run("human", "a", "minor");
        world.configure("");
        world.reconcile();
        assert_eq!(world.stands("approve-revision"), "Blocked AwaitingApproval");
        world.approve("approve-revision", EVE);
        world.reconcile();
        assert_eq!(world.stands("approve-revision"), "Succeeded Approved");
        let mut world = run("merge", "a", "minor");
        world.configure("approvals: {revisions: human}\n");
        world.reconcile();
        assert!(!world.run().node_statuses.contains_key("approve-revision"));
        assert_eq!(world.stands("approve-a"), "Blocked AwaitingApproval");
        // A new run needs an approval.
        world.write("planspec/next.yaml", &execution("next", "p", ""));
        world.about("next").reconcile();
        assert_eq!(world.stands("approve-revision"), "Blocked AwaitingApproval");
    }

    #[test]
    fn a_step_may_have_the_name_of_the_gate() {
        let world = run("human", "revision", "major");
        let gates = world
            .run()
            .node_statuses
            .keys()
            .filter(|id| id.starts_with("approve-"));
        let gates: Vec<&String> = gates.collect();
        assert_eq!(gates.len(), 2, "{gates:?}");
        assert_eq!(world.stands("approve-revision"), "Pending Waiting");
    }
}
