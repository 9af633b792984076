//! Plan: Ready or Invalid.

use super::World;
use crate::core::resource::{Key, PlanPhase, PlanStatus};

/// Bring the status of one plan up to date; `valid` is what its `Valid` condition says.
pub fn reconcile(world: &World<'_>, key: &Key, status: &mut PlanStatus, valid: bool) {
    status.phase = if valid {
        PlanPhase::Ready
    } else {
        PlanPhase::Invalid
    };
    if let Some(plan) = world.snapshot.plan(key) {
        status.node_count = plan.graph.nodes.len();
    }
}
