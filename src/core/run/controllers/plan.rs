//! Plan: Ready or Invalid.

use super::World;
use crate::core::base::words::count;
use crate::core::resource::{Key, PlanPhase, PlanStatus, clear_condition, set_condition};

/// The condition of a plan from a document: whether it can be executed.
pub const READY_TO_EXECUTE: &str = "ReadyToExecute";

/// Maximum number of blockers that are named.
const NAMED: usize = 3;

/// Updates the status of one plan; `valid` is its `Valid` condition.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    status: &mut PlanStatus,
    valid: bool,
    generation: u64,
) {
    if valid {
        ready_to_execute(world, key, status, generation);
    }

    status.phase = if valid {
        PlanPhase::Ready
    } else {
        PlanPhase::Invalid
    };
    if let Some(plan) = world.snapshot.plan(key) {
        status.node_count = plan.graph.nodes.len();
    }
}

/// A document has further requirements before it can be executed.
fn ready_to_execute(world: &World<'_>, key: &Key, status: &mut PlanStatus, generation: u64) {
    let definition = world.snapshot.definition(key);
    if definition.is_none_or(|definition| definition.origin.is_none()) {
        clear_condition(&mut status.conditions, READY_TO_EXECUTE);
        return;
    }
    let blockers: Vec<&str> = world
        .snapshot
        .unready(key)
        .map(|one| one.message.as_str())
        .collect();
    let is_ready = blockers.is_empty();
    let (reason, message) = if is_ready {
        ("Ready", String::new())
    } else {
        let named = blockers
            .iter()
            .take(NAMED)
            .copied()
            .collect::<Vec<_>>()
            .join("; ");
        let more = match blockers.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        (
            "Blocked",
            format!("{}: {named}{more}", count(blockers.len(), "blocker")),
        )
    };
    let at = (generation, world.now);
    set_condition(
        &mut status.conditions,
        READY_TO_EXECUTE,
        is_ready,
        reason,
        message,
        at,
    );
}

#[cfg(test)]
mod tests {
    use crate::core::resource::{Kind, PlanPhase};
    use crate::core::testing::{World, plan, position, resource, task};

    const PATH: &str = "planspec/p.yaml";

    #[test]
    fn a_sound_plan_is_ready() {
        let mut world = World::empty();
        world.write(
            PATH,
            &plan("p", &format!("{}, {}", task("a", ""), task("b", ""))),
        );
        world.reconcile();
        assert_eq!(world.plan("p").phase, PlanPhase::Ready);
        assert_eq!(world.plan("p").node_count, 2);
        assert_eq!(world.plan("p").observed_generation, 1);
        assert_eq!(world.says(Kind::Plan, "p", "Valid"), "True SchemaValid");
    }

    #[test]
    fn a_missing_capability_is_no_reason_to_be_invalid() {
        let world = World::of(&[plan("p", &task("a", "capabilityRefs: [{name: gone}]"))]);
        assert_eq!(world.plan("p").phase, PlanPhase::Ready);
    }

    #[test]
    fn an_invalid_plan_says_where_and_why() {
        let line = "  - {id: a, kind: Task}";
        let text = |spec: &str, node: &str| {
            format!(
                "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata:\n  name: p\n  namespace: team\nspec:\n{spec}  description: d\n  graph:\n    nodes:\n    {line}\n    {node}\n"
            )
        };
        let table = [
            (
                "",
                "  - {id: b, kind: Task, dependsOn: [b]}",
                "b]}",
                "PS303",
            ),
            (
                "",
                "  - {id: b, kind: Task, dependsOn: [c]}",
                "c]}",
                "PS302",
            ),
            ("", "  - {id: a, kind: Task}", "a, kind", "PS301"),
            (
                "",
                "  - {id: b, kind: Gate, gateRef: {name: gone}}",
                "gone",
                "PS203",
            ),
            ("  goalRef: {name: gone}\n", "", "gone", "PS202"),
            ("  surprise: 1\n", "", "surprise", "PS102"),
            ("", "  - {id: b, kind: Taks}", "Taks", "PS104"),
        ];
        for (spec, node, needle, code) in table {
            let mut world = World::empty();
            world.write(PATH, &plan("p", &task("a", "")));
            world.write("planspec/q.yaml", &plan("q", &task("a", "")));
            world.reconcile();
            world.write(PATH, &text(spec, node));
            world.reconcile();
            assert_eq!(world.plan("p").phase, PlanPhase::Invalid, "{spec}{node}");
            let valid = world.condition(Kind::Plan, "p", "Valid").expect("judged");
            let place = position(&text(spec, node), needle);
            assert!(
                valid
                    .message
                    .starts_with(&format!("{PATH}:{place}: {code} ")),
                "{spec}{node}: {}",
                valid.message
            );
            assert_eq!(valid.reason, "ValidationFailed");
            assert_eq!(
                world.plan("p").observed_generation,
                1,
                "the last that was usable"
            );
            assert_eq!(world.plan("q").phase, PlanPhase::Ready, "the others go on");
        }
    }

    #[test]
    fn several_errors_are_counted() {
        let nodes = "{id: a, kind: Task, dependsOn: [x, y, z]}";
        let world = World::of(&[plan("p", nodes)]);
        let valid = world.condition(Kind::Plan, "p", "Valid").expect("judged");
        assert!(
            valid.message.ends_with(" (and 2 more)"),
            "{}",
            valid.message
        );
    }

    #[test]
    fn two_definitions_are_none() {
        let mut world = World::empty();
        world.write("planspec/a.yaml", &plan("p", &task("a", "")));
        world.write("planspec/b.yaml", &plan("p", &task("a", "")));
        world.reconcile();
        assert_eq!(world.plan("p").phase, PlanPhase::Invalid);
        assert_eq!(world.says(Kind::Plan, "p", "Valid"), "False Duplicate");
        // This rule cannot be switched off.
        world.configure("rules: {PS201: off}");
        world.reconcile();
        assert_eq!(world.says(Kind::Plan, "p", "Valid"), "False Duplicate");
        world.remove("planspec/b.yaml");
        world.reconcile();
        assert_eq!(world.says(Kind::Plan, "p", "Valid"), "True SchemaValid");
        assert_eq!(world.plan("p").phase, PlanPhase::Ready);
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_not_made_valid_by_switching_rules_off() {
        let mut world = World::empty();
        world.configure("rules: {PS102: off}");
        world.write(
            PATH,
            &resource(
                "Plan",
                "p",
                "description: d, surprise: 1, graph: {nodes: [{id: a, kind: Task}]}",
            ),
        );
        world.reconcile();
        assert_eq!(world.plan("p").phase, PlanPhase::Invalid);
        assert_eq!(
            world.says(Kind::Plan, "p", "Valid"),
            "False ValidationFailed"
        );
    }

    #[test]
    fn a_plan_that_is_gone_has_no_status() {
        let mut world = World::empty();
        world.write(PATH, &plan("p", &task("a", "")));
        world.reconcile();
        world.remove(PATH);
        world.reconcile();
        assert_eq!(world.moved(), ["p Ready → -"]);
        assert!(world.find(Kind::Plan, "p").is_none());
    }
}
