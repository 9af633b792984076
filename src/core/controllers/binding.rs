//! Binding: which provider does a task (formats.md, "Binding.spec").

use super::World;
use crate::core::resource::{
    BindingPhase, BindingSpec, BindingStatus, CapabilityPhase, ExecutionSpec, Key, Kind, Node,
    NodeKind, ObjectRef, PinnedTarget, Resource, Rule, Selector, Strategy, Target,
    UnboundCapability,
};

/// Why a task has no target yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound {
    /// One CamelCase word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// The capability that is not bound, if it is about one.
    pub capability: Option<ObjectRef>,
}

impl Unbound {
    fn new(reason: &'static str, message: String) -> Unbound {
        Unbound {
            reason,
            message,
            capability: None,
        }
    }
}

/// Who does a task of a run. A task without capabilities that no rule claims is open to every
/// provider.
///
/// # Errors
/// What is missing, or what contradicts itself.
pub fn resolve(
    world: &World<'_>,
    execution: (&Key, &ExecutionSpec),
    plan: &Resource,
    node: &Node,
) -> Result<PinnedTarget, Unbound> {
    let (key, spec) = execution;
    let plan_key = plan.key();
    let binding_key = spec
        .node_bindings
        .get(&node.id)
        .or(spec.binding_ref.as_ref())
        .map(|reference| reference.key(Kind::Binding, &key.namespace));
    let needed: Vec<Key> = node
        .capability_refs
        .iter()
        .map(|reference| reference.key(Kind::Capability, &plan_key.namespace))
        .collect();
    for (capability, reference) in needed.iter().zip(&node.capability_refs) {
        check_capability(world, capability).map_err(|unbound| Unbound {
            capability: Some(reference.clone()),
            ..unbound
        })?;
    }
    let Some(binding_key) = binding_key else {
        return match needed.first() {
            None => Ok(open_to_everybody()),
            Some(capability) => Err(Unbound {
                capability: node.capability_refs.first().cloned(),
                ..Unbound::new(
                    "Unbound",
                    format!(
                        "needs capability `{}`, and the execution names no binding: start one with \
                         `spec.bindingRef`",
                        capability.name
                    ),
                )
            }),
        };
    };
    let Some(binding) = world.snapshot.binding(&binding_key) else {
        return Err(Unbound::new(
            "BindingNotFound",
            format!("binding `{}` does not exist", binding_key.qualified()),
        ));
    };
    let question = Question {
        binding: (&binding_key, binding),
        plan,
        node: &node.id,
    };
    if needed.is_empty() {
        return Ok(question
            .choose(None)?
            .map_or_else(open_to_everybody, |target| pinned(target, &binding_key)));
    }
    let mut chosen: Option<(&Key, &Target)> = None;
    for (capability, reference) in needed.iter().zip(&node.capability_refs) {
        let target = question.choose(Some(capability))?.ok_or_else(|| Unbound {
            capability: Some(reference.clone()),
            ..Unbound::new(
                "Unbound",
                format!(
                    "no rule of binding `{}` matches capability `{}`",
                    binding_key.qualified(),
                    capability.name
                ),
            )
        })?;
        match chosen {
            Some((other, before)) if before != target => {
                return Err(Unbound {
                    capability: Some(reference.clone()),
                    ..Unbound::new(
                        "ConflictingProviders",
                        format!(
                            "capability `{}` is bound to {}, `{}` to {}",
                            other.name, before.provider, capability.name, target.provider
                        ),
                    )
                });
            }
            _ => chosen = Some((capability, target)),
        }
    }
    Ok(chosen.map_or_else(open_to_everybody, |(_, target)| {
        pinned(target, &binding_key)
    }))
}

fn check_capability(world: &World<'_>, capability: &Key) -> Result<(), Unbound> {
    match world.capabilities.get(capability) {
        None => Err(Unbound::new(
            "CapabilityNotFound",
            format!("capability `{}` does not exist", capability.qualified()),
        )),
        Some(CapabilityPhase::Unavailable) => Err(Unbound::new(
            "CapabilityUnavailable",
            format!("capability `{}` is not available", capability.qualified()),
        )),
        Some(_) => Ok(()),
    }
}

fn open_to_everybody() -> PinnedTarget {
    PinnedTarget {
        provider: None,
        config: None,
        binding: None,
    }
}

fn pinned(target: &Target, binding: &Key) -> PinnedTarget {
    PinnedTarget {
        provider: Some(target.provider.clone()),
        config: target.config.clone(),
        binding: Some(binding.qualified()),
    }
}

/// What a binding is asked.
struct Question<'a> {
    binding: (&'a Key, &'a BindingSpec),
    plan: &'a Resource,
    node: &'a str,
}

impl<'a> Question<'a> {
    /// The target for a capability of the node, or for the node as such.
    fn choose(&self, capability: Option<&Key>) -> Result<Option<&'a Target>, Unbound> {
        let (key, spec) = self.binding;
        let mut matching: Vec<(usize, &'a Rule, u8)> = spec
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| self.matches(&rule.selector, capability))
            .map(|(index, rule)| (index, rule, specificity(&rule.selector)))
            .collect();
        matching.sort_by_key(|(index, rule, specificity)| {
            let (priority, specificity) = (u64::from(rule.priority), u64::from(*specificity));
            let rank = match spec.strategy {
                Strategy::MostSpecific => (specificity, priority),
                Strategy::FirstMatch | Strategy::ErrorOnConflict => (priority, specificity),
            };
            (std::cmp::Reverse(rank), *index)
        });
        if spec.strategy == Strategy::ErrorOnConflict
            && let [(first, a, a_specificity), (second, b, b_specificity), ..] = matching[..]
            && (a.priority, a_specificity) == (b.priority, b_specificity)
        {
            return Err(Unbound::new(
                "ConflictingRules",
                format!(
                    "rules {first} and {second} of binding `{}` match with equal priority and \
                     specificity",
                    key.qualified()
                ),
            ));
        }
        Ok(matching.first().map(|(_, rule, _)| &rule.target))
    }

    fn matches(&self, selector: &Selector, capability: Option<&Key>) -> bool {
        let namespace = &self.binding.0.namespace;
        let plan_matches = selector
            .plan_ref
            .as_ref()
            .is_none_or(|plan| plan.key(Kind::Plan, namespace) == self.plan.key());
        let capability_matches = selector.capability_ref.as_ref().is_none_or(|reference| {
            Some(&reference.key(Kind::Capability, namespace)) == capability
        });
        let node_matches = selector.node_id.as_ref().is_none_or(|id| id == self.node);
        let labels = &self.plan.metadata.labels;
        let labels_match = selector
            .match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
        plan_matches && capability_matches && node_matches && labels_match
    }
}

/// `planRef+nodeId` > `planRef+capabilityRef` > `capabilityRef` > `planRef` > `matchLabels`.
fn specificity(selector: &Selector) -> u8 {
    let (plan, node, capability) = (
        selector.plan_ref.is_some(),
        selector.node_id.is_some(),
        selector.capability_ref.is_some(),
    );
    match (plan, node, capability) {
        (true, true, _) => 5,
        (true, false, true) => 4,
        (_, _, true) => 3,
        (true, false, false) => 2,
        _ => 1,
    }
}

/// A task that some unfinished execution wants to have bound.
pub struct Need<'a> {
    /// The execution.
    pub execution: (&'a Key, &'a ExecutionSpec),
    /// Its plan.
    pub plan: &'a Resource,
    /// The task.
    pub node: &'a Node,
}

/// Bring the status of one binding up to date: count what is asked of it.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    spec: &BindingSpec,
    needs: &[Need<'_>],
    status: &mut BindingStatus,
) {
    let mut unbound: Vec<UnboundCapability> = Vec::new();
    let mut total = 0;
    let mut seen = std::collections::BTreeSet::new();
    for need in needs {
        let (execution, spec) = need.execution;
        let asks_this = spec
            .node_bindings
            .get(&need.node.id)
            .or(spec.binding_ref.as_ref())
            .is_some_and(|b| b.key(Kind::Binding, &execution.namespace) == *key);
        let is_asked = asks_this
            && need.node.kind == NodeKind::Task
            && !need.node.capability_refs.is_empty()
            && seen.insert((need.plan.key(), &need.node.id));
        if !is_asked {
            continue;
        }
        total += need.node.capability_refs.len();
        if let Err(missing) = resolve(world, need.execution, need.plan, need.node) {
            unbound.push(UnboundCapability {
                capability_ref: missing
                    .capability
                    .unwrap_or_else(|| need.node.capability_refs[0].clone()),
                node_id: Some(need.node.id.clone()),
                reason: missing.reason.to_owned(),
                message: missing.message,
            });
        }
    }
    if total == 0 {
        for reference in spec
            .rules
            .iter()
            .filter_map(|rule| rule.selector.capability_ref.as_ref())
        {
            total += 1;
            let capability = reference.key(Kind::Capability, &key.namespace);
            if let Err(missing) = check_capability(world, &capability) {
                unbound.push(UnboundCapability {
                    capability_ref: reference.clone(),
                    node_id: None,
                    reason: missing.reason.to_owned(),
                    message: missing.message,
                });
            }
        }
    }
    unbound.sort();
    unbound.dedup();
    status.total_count = total;
    status.bound_count = total.saturating_sub(unbound.len());
    status.phase = match (status.bound_count, unbound.len()) {
        (_, 0) => BindingPhase::Ready,
        (0, _) => BindingPhase::Unresolved,
        _ => BindingPhase::PartiallyBound,
    };
    status.unbound_capabilities = unbound;
}
