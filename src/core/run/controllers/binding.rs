//! Binding: chooses providers for tasks (docs/spec/execution.md, X4).

use std::collections::{BTreeMap, BTreeSet};

use super::{World, unusable};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    BindingPhase, BindingSpec, BindingStatus, CapabilityPhase, ExecutionSpec, Key, Kind, Node,
    NodeKind, ObjectRef, PinnedTarget, Resource, Rule, Selector, Strategy, Target,
    UnboundCapability,
};

/// Why a task has no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound {
    /// The reason, one CamelCase word.
    pub reason: &'static str,
    /// The reason, as a sentence.
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

    fn about(self, capability: &ObjectRef) -> Unbound {
        Unbound {
            capability: Some(capability.clone()),
            ..self
        }
    }
}

/// The input of binding.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    /// The bindings, and the resources that they refer to.
    pub snapshot: &'a Snapshot,
    /// The phases of all capabilities.
    pub capabilities: &'a BTreeMap<Key, CapabilityPhase>,
}

impl World<'_> {
    /// The input of binding.
    pub fn offer(&self) -> Offer<'_> {
        Offer {
            snapshot: self.snapshot,
            capabilities: &self.capabilities,
        }
    }
}

/// The target of a task of a run. A task without capabilities that no rule selects is open to all
/// providers.
///
/// # Errors
/// What is missing or contradictory.
pub fn resolve(
    offer: Offer<'_>,
    execution: (&Key, &ExecutionSpec),
    plan: &Resource,
    node: &Node,
) -> Result<PinnedTarget, Unbound> {
    if let Some(provider) = &node.provider {
        return Ok(PinnedTarget {
            provider: Some(provider.clone()),
            config: None,
            binding: None,
        });
    }
    let namespace = &plan.metadata.namespace;
    let binding_key = binding_of(execution, node);
    let mut chosen: Option<(&ObjectRef, &Target)> = None;
    for reference in &node.capability_refs {
        let capability = reference.key(Kind::Capability, namespace);
        let target = resolve_capability(offer, binding_key.as_ref(), plan, node, &capability)
            .map_err(|unbound| unbound.about(reference))?;
        match chosen {
            Some((other, before)) if before != target => {
                return Err(conflict((other, before), (reference, target)).about(reference));
            }
            _ => chosen = Some((reference, target)),
        }
    }
    let target = match (chosen, &binding_key) {
        (Some((_, target)), _) => Some(target),
        (None, Some(binding)) => {
            Question::new(offer.snapshot, binding, plan, node)?.choose(None)?
        }
        (None, None) => None,
    };
    Ok(PinnedTarget {
        provider: target.map(|target| target.provider.clone()),
        config: target.and_then(|target| target.config.clone()),
        binding: binding_key
            .filter(|_| target.is_some())
            .map(|binding| binding.qualified()),
    })
}

/// The current target of a task with its binding, if it differs from the pinned target. `None` if the binding has no
/// target for it, since binding again would not help.
pub fn moved_on<'a>(
    snapshot: &'a Snapshot,
    execution: (&Key, &ExecutionSpec),
    plan: &Resource,
    node: &Node,
    held_to: &PinnedTarget,
) -> Option<(Key, &'a Target)> {
    let binding = binding_of(execution, node)?;
    let now = target(snapshot, &binding, plan, node)?;
    let is_same = held_to.provider.as_ref() == Some(&now.provider) && held_to.config == now.config;
    (!is_same).then_some((binding, now))
}

/// The resources that [`moved_on`] needs: the binding of a task, and the capabilities that it needs.
pub fn needed(execution: (&Key, &ExecutionSpec), plan: &Resource, node: &Node) -> Vec<Key> {
    let namespace = &plan.metadata.namespace;
    let needs = node.capability_refs.iter();
    let needs = needs.map(|need| need.key(Kind::Capability, namespace));
    needs.chain(binding_of(execution, node)).collect()
}

/// The provider that a binding chooses for a task: see [`target`].
pub fn provider<'a>(
    snapshot: &'a Snapshot,
    binding: &Key,
    plan: &Resource,
    node: &Node,
) -> Option<&'a str> {
    target(snapshot, binding, plan, node).map(|target| target.provider.as_str())
}

/// The target that a binding chooses for a task: for its first capability that a rule matches, or for the
/// task itself if it needs none. `None` if no rule matches, or several conflict.
pub fn target<'a>(
    snapshot: &'a Snapshot,
    binding: &Key,
    plan: &Resource,
    node: &Node,
) -> Option<&'a Target> {
    // The plan names the provider, so bindings do not matter.
    if node.provider.is_some() {
        return None;
    }
    let question = Question::new(snapshot, binding, plan, node).ok()?;
    let namespace = &plan.metadata.namespace;
    let needs = node.capability_refs.iter();
    let needs = needs.map(|need| Some(need.key(Kind::Capability, namespace)));
    let asked = needs.chain(node.capability_refs.is_empty().then_some(None));
    let mut targets = asked.filter_map(|need| question.choose(need.as_ref()).ok().flatten());
    targets.next()
}

/// The binding of an execution for a node.
pub fn binding_of((key, spec): (&Key, &ExecutionSpec), node: &Node) -> Option<Key> {
    spec.node_bindings
        .get(&node.id)
        .or(spec.binding_ref.as_ref())
        .map(|reference| reference.key(Kind::Binding, &key.namespace))
}

/// The target for one of the capabilities that a task needs.
fn resolve_capability<'a>(
    offer: Offer<'a>,
    binding: Option<&Key>,
    plan: &Resource,
    node: &Node,
    capability: &Key,
) -> Result<&'a Target, Unbound> {
    check_capability(offer, capability)?;
    let name = &capability.name;
    let Some(binding) = binding else {
        let message = format!(
            "needs capability `{name}`, and the execution names no binding: start one with \
             `spec.bindingRef`"
        );
        return Err(Unbound::new("Unbound", message));
    };
    let question = Question::new(offer.snapshot, binding, plan, node)?;
    question.choose(Some(capability))?.ok_or_else(|| {
        let binding = binding.qualified();
        let message = format!("no rule of binding `{binding}` matches capability `{name}`");
        Unbound::new("Unbound", message)
    })
}

fn conflict(a: (&ObjectRef, &Target), b: (&ObjectRef, &Target)) -> Unbound {
    let with = if a.1.provider == b.1.provider {
        " with another config"
    } else {
        ""
    };
    let message = format!(
        "capability `{}` is bound to {}, `{}` to {}{with}",
        a.0.name, a.1.provider, b.0.name, b.1.provider
    );
    Unbound::new("ConflictingProviders", message)
}

fn check_capability(offer: Offer<'_>, capability: &Key) -> Result<(), Unbound> {
    let (reason, what) = match offer.capabilities.get(capability) {
        None => ("CapabilityNotFound", "does not exist"),
        Some(CapabilityPhase::Unavailable) => ("CapabilityUnavailable", "is not available"),
        Some(_) => return Ok(()),
    };
    let message = format!("capability `{}` {what}", capability.qualified());
    Err(Unbound::new(reason, message))
}

/// The input of choosing a rule.
struct Question<'a, 'q> {
    binding: (&'q Key, &'a BindingSpec),
    plan: &'q Resource,
    node: &'q str,
}

impl<'a, 'q> Question<'a, 'q> {
    fn new(
        snapshot: &'a Snapshot,
        key: &'q Key,
        plan: &'q Resource,
        node: &'q Node,
    ) -> Result<Question<'a, 'q>, Unbound> {
        let spec = snapshot.binding(key).ok_or_else(|| {
            let reasons = ["BindingNotFound", "BindingInvalid"];
            let (reason, message) = unusable(snapshot, key, reasons);
            Unbound::new(reason, message)
        })?;
        Ok(Question {
            binding: (key, spec),
            plan,
            node: &node.id,
        })
    }

    /// The target for a capability of the node, or for the node itself.
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
            let message = format!(
                "rules {first} and {second} of binding `{}` match with equal priority and \
                 specificity",
                key.qualified()
            );
            return Err(Unbound::new("ConflictingRules", message));
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

/// A task of an open execution that needs a target.
pub struct Need<'a> {
    /// The execution.
    pub execution: (&'a Key, &'a ExecutionSpec),
    /// Its plan.
    pub plan: &'a Resource,
    /// The task.
    pub node: &'a Node,
}

/// Updates the status of one binding: counts the capabilities that are needed from it.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    spec: &BindingSpec,
    needs: &[Need<'_>],
    status: &mut BindingStatus,
) {
    let mut unbound: Vec<UnboundCapability> = Vec::new();
    let mut total = 0;
    let mut seen = BTreeSet::new();
    for need in needs {
        let (node, plan) = (need.node, need.plan);
        let is_asked = binding_of(need.execution, node).is_some_and(|binding| binding == *key)
            && node.kind == NodeKind::Task
            && seen.insert((plan.key(), &node.id));
        if !is_asked {
            continue;
        }
        total += node.capability_refs.len();
        let before = unbound.len();
        for reference in &node.capability_refs {
            let capability = reference.key(Kind::Capability, &plan.metadata.namespace);
            if let Err(why) = resolve_capability(world.offer(), Some(key), plan, node, &capability)
            {
                unbound.push(why.of_node(reference, Some(node)));
            }
        }
        if unbound.len() == before
            && let Err(why) = resolve(world.offer(), need.execution, plan, node)
            && let Some(reference) = why.capability.clone()
        {
            unbound.push(why.of_node(&reference, Some(node)));
        }
    }
    if total == 0 {
        let named: BTreeSet<&ObjectRef> = spec
            .rules
            .iter()
            .filter_map(|rule| rule.selector.capability_ref.as_ref())
            .collect();
        total = named.len();
        for reference in named {
            let capability = reference.key(Kind::Capability, &key.namespace);
            if let Err(why) = check_capability(world.offer(), &capability) {
                unbound.push(why.of_node(reference, None));
            }
        }
    }
    unbound.sort();
    status.total_count = total;
    status.bound_count = total.saturating_sub(unbound.len());
    status.phase = match (status.bound_count, unbound.len()) {
        (_, 0) => BindingPhase::Ready,
        (0, _) => BindingPhase::Unresolved,
        _ => BindingPhase::PartiallyBound,
    };
    status.unbound_capabilities = unbound;
}

impl Unbound {
    fn of_node(self, reference: &ObjectRef, node: Option<&Node>) -> UnboundCapability {
        UnboundCapability {
            capability_ref: reference.clone(),
            node_id: node.map(|node| node.id.clone()),
            reason: self.reason.to_owned(),
            message: self.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::core::resource::{BindingPhase, Kind};
    use crate::core::testing::{World, execution, plan_with, resource, task, with_metadata};

    const LABELS: &str = "name: p, namespace: team, labels: {tier: gold}";

    /// A binding with rules in flow style, each as `(priority, selector, provider)`.
    fn binding(name: &str, strategy: &str, rules: &[(u32, &str, &str)]) -> String {
        let rules: Vec<String> = rules
            .iter()
            .map(|(priority, selector, provider)| {
                format!(
                    "{{priority: {priority}, selector: {{{selector}}}, target: {{provider: {provider}}}}}"
                )
            })
            .collect();
        let spec = format!("strategy: {strategy}, rules: [{}]", rules.join(", "));
        resource("Binding", name, &spec)
    }

    fn capability(name: &str) -> String {
        resource("Capability", name, "description: d")
    }

    /// The provider of node `a`, which needs capability `cap`, or why there is none.
    fn provider(strategy: &str, rules: &[(u32, &str, &str)], needs: &str) -> String {
        let node = task("a", &format!("capabilityRefs: [{needs}]"));
        let world = World::of(&[
            with_metadata(
                "Plan",
                LABELS,
                &format!("description: d, graph: {{nodes: [{node}, {{id: b, kind: Task}}]}}"),
            ),
            plan_with("other", "", &task("a", ""), ""),
            capability("cap"),
            capability("cap2"),
            binding("bind", strategy, rules),
            execution("run", "p", "bindingRef: {name: bind}"),
        ]);
        let node = world.node("a");
        match node.extensions.target {
            Some(target) => {
                let from = target.provider.is_some().then_some("team/bind");
                assert_eq!(target.binding.as_deref(), from);
                target.provider.unwrap_or("anybody".to_owned())
            }
            None => node.extensions.reason,
        }
    }

    const CAP: &str = "capabilityRef: {name: cap}";
    const CAP2: &str = "capabilityRef: {name: cap2}";
    const PLAN: &str = "planRef: {name: p}";
    const PLAN_NODE: &str = "planRef: {name: p}, nodeId: a";
    const PLAN_CAP: &str = "planRef: {name: p}, capabilityRef: {name: cap}";
    const GOLD: &str = "matchLabels: {tier: gold}";

    #[test]
    fn every_selector_matches_what_it_names_and_nothing_else() {
        let table = [
            (CAP, true),
            (PLAN, true),
            (PLAN_NODE, true),
            (PLAN_CAP, true),
            (GOLD, true),
            (CAP2, false),
            ("planRef: {name: other}", false),
            ("planRef: {name: p}, nodeId: b", false),
            ("planRef: {name: other}, nodeId: a", false),
            ("planRef: {name: p}, capabilityRef: {name: cap2}", false),
            ("planRef: {name: other}, capabilityRef: {name: cap}", false),
            ("matchLabels: {tier: iron}", false),
            ("matchLabels: {tier: gold, other: x}", false),
            ("capabilityRef: {name: cap, namespace: elsewhere}", false),
            ("capabilityRef: {name: cap, namespace: team}", true),
        ];
        for (selector, matches) in table {
            let expected = if matches { "x" } else { "Unbound" };
            let found = provider("FirstMatch", &[(0, selector, "x")], "{name: cap}");
            assert_eq!(found, expected, "{selector}");
        }
    }

    #[test]
    fn the_more_specific_of_two_rules_wins_and_then_the_first() {
        let precedence = [PLAN_NODE, PLAN_CAP, CAP, PLAN, GOLD];
        for strategy in ["FirstMatch", "MostSpecific", "ErrorOnConflict"] {
            for pair in precedence.windows(2) {
                for rules in [
                    [(5, pair[0], "more"), (5, pair[1], "less")],
                    [(5, pair[1], "less"), (5, pair[0], "more")],
                ] {
                    let found = provider(strategy, &rules, "{name: cap}");
                    assert_eq!(found, "more", "{strategy} {rules:?}");
                }
            }
        }
        for strategy in ["FirstMatch", "MostSpecific"] {
            let rules = [(0, CAP, "first"), (0, CAP, "second")];
            assert_eq!(provider(strategy, &rules, "{name: cap}"), "first");
        }
    }

    #[test]
    fn priority_comes_before_specificity_but_for_most_specific() {
        let rules = [(0, PLAN_NODE, "specific"), (1, GOLD, "urgent")];
        let table = [
            ("FirstMatch", "urgent"),
            ("ErrorOnConflict", "urgent"),
            ("MostSpecific", "specific"),
        ];
        for (strategy, expected) in table {
            assert_eq!(
                provider(strategy, &rules, "{name: cap}"),
                expected,
                "{strategy}"
            );
        }
    }

    #[test]
    fn a_tie_is_a_conflict_only_where_that_is_asked_for() {
        let table: [(&str, &[(u32, &str, &str)], &str); 5] = [
            (
                "ErrorOnConflict",
                &[(1, CAP, "x"), (1, CAP, "y")],
                "ConflictingRules",
            ),
            ("ErrorOnConflict", &[(2, CAP, "x"), (1, CAP, "y")], "x"),
            ("ErrorOnConflict", &[(1, CAP, "x"), (1, PLAN_CAP, "y")], "y"),
            (
                "ErrorOnConflict",
                &[(9, CAP, "x"), (1, PLAN, "y"), (1, PLAN, "z")],
                "x",
            ),
            ("FirstMatch", &[(1, CAP, "x"), (1, CAP, "y")], "x"),
        ];
        for (strategy, rules, expected) in table {
            assert_eq!(
                provider(strategy, rules, "{name: cap}"),
                expected,
                "{rules:?}"
            );
        }
    }

    #[test]
    fn all_capabilities_of_a_task_go_to_one_provider() {
        let both = "{name: cap}, {name: cap2}";
        let table: [(&[(u32, &str, &str)], &str); 5] = [
            (&[(0, CAP, "x"), (0, CAP2, "y")], "ConflictingProviders"),
            (&[(0, CAP, "x"), (0, CAP2, "x")], "x"),
            (&[(0, CAP, "x")], "Unbound"),
            (&[(0, PLAN, "x")], "x"),
            (&[(0, CAP, "x"), (0, CAP2, "y"), (0, PLAN_NODE, "z")], "z"),
        ];
        for (rules, expected) in table {
            assert_eq!(provider("FirstMatch", rules, both), expected, "{rules:?}");
        }
        let configs = "x, config: {a: 1}";
        let rules = [(0, CAP, configs), (0, CAP2, "x")];
        assert_eq!(provider("FirstMatch", &rules, both), "ConflictingProviders");
    }

    #[test]
    fn a_task_without_capabilities_is_offered_to_everybody_unless_a_rule_takes_it() {
        let table = [
            (CAP, "anybody"),
            (PLAN_CAP, "anybody"),
            ("planRef: {name: other}", "anybody"),
            (PLAN, "x"),
            (PLAN_NODE, "x"),
            (GOLD, "x"),
        ];
        for (selector, expected) in table {
            let found = provider("FirstMatch", &[(0, selector, "x")], "");
            assert_eq!(found, expected, "{selector}");
        }
    }

    #[test]
    fn what_is_missing_blocks_the_node_and_says_what() {
        let needs = || task("a", "capabilityRefs: [{name: cap}]");
        let start = |node: &str, fields: &str, others: &[String]| {
            let mut all = vec![plan_with("p", "", node, ""), execution("run", "p", fields)];
            all.extend_from_slice(others);
            World::of(&all)
        };
        let named = "bindingRef: {name: bind}";
        let cap = capability("cap");
        let bind = binding("bind", "FirstMatch", &[(0, CAP, "x")]);
        let hollow = resource(
            "Capability",
            "cap",
            "description: d, requirements: [{name: gone}]",
        );
        let table: [(String, &str, Vec<String>, &str); 8] = [
            (
                needs(),
                named,
                vec![bind.clone()],
                "Blocked CapabilityNotFound",
            ),
            (
                needs(),
                named,
                vec![hollow, bind.clone()],
                "Blocked CapabilityUnavailable",
            ),
            (needs(), named, vec![cap.clone()], "Blocked BindingNotFound"),
            (
                needs(),
                named,
                vec![cap.clone(), bind.clone(), bind.clone()],
                "Blocked BindingInvalid",
            ),
            (
                needs(),
                "",
                vec![cap.clone(), bind.clone()],
                "Blocked Unbound",
            ),
            (
                needs(),
                named,
                vec![cap.clone(), bind.clone()],
                "Pending Ready",
            ),
            (task("a", ""), "", vec![], "Pending Ready"),
            (task("a", ""), named, vec![], "Blocked BindingNotFound"),
        ];
        for (node, fields, others, expected) in table {
            let world = start(&node, fields, &others);
            assert_eq!(world.stands("a"), expected, "{fields} {others:?}");
            assert_eq!(world.says(Kind::Plan, "p", "Valid"), "True SchemaValid");
        }
    }

    #[test]
    fn the_binding_of_a_node_takes_the_place_of_that_of_the_execution() {
        let all = [
            plan_with(
                "p",
                "",
                &format!("{}, {}", task("a", ""), task("b", "")),
                "",
            ),
            binding("general", "FirstMatch", &[(1000, PLAN, "general")]),
            binding("special", "FirstMatch", &[(0, PLAN, "special")]),
            execution(
                "run",
                "p",
                "bindingRef: {name: general}, nodeBindings: {b: {name: special}}",
            ),
        ];
        let world = World::of(&all);
        let target = |node: &str| world.node(node).extensions.target.and_then(|t| t.provider);
        assert_eq!(target("a").as_deref(), Some("general"));
        assert_eq!(target("b").as_deref(), Some("special"));
    }

    #[test]
    fn references_default_to_the_namespace_of_what_refers() {
        let elsewhere = |kind: &str, name: &str, spec: &str| {
            with_metadata(kind, &format!("name: {name}, namespace: lib"), spec)
        };
        let world = World::of(&[
            elsewhere(
                "Plan",
                "p",
                "description: d, graph: {nodes: [{id: a, kind: Task, capabilityRefs: [{name: cap}]}]}",
            ),
            elsewhere("Capability", "cap", "description: d"),
            elsewhere(
                "Binding",
                "bind",
                "rules: [{selector: {planRef: {name: p}, capabilityRef: {name: cap}}, target: {provider: x}}]",
            ),
            resource(
                "Execution",
                "run",
                "planRef: {name: p, namespace: lib}, bindingRef: {name: bind, namespace: lib}",
            ),
        ]);
        let target = world.node("a").extensions.target.expect("a target");
        assert_eq!(target.binding.as_deref(), Some("lib/bind"));
    }

    #[test]
    fn the_status_counts_what_unfinished_executions_ask() {
        let nodes = [
            task("a", "capabilityRefs: [{name: cap}]"),
            task("b", "capabilityRefs: [{name: cap}, {name: cap2}]"),
            task("c", ""),
        ]
        .join(", ");
        let world = |rules: &[(u32, &str, &str)]| {
            World::of(&[
                plan_with("p", "", &nodes, ""),
                plan_with("q", "", &task("a", "capabilityRefs: [{name: cap}]"), ""),
                capability("cap"),
                capability("cap2"),
                binding("bind", "FirstMatch", rules),
                execution("run", "p", "bindingRef: {name: bind}"),
                execution("again", "p", "bindingRef: {name: bind}"),
                execution("other", "q", "bindingRef: {name: bind}"),
                execution("none", "q", ""),
            ])
        };
        type Rules<'a> = &'a [(u32, &'a str, &'a str)];
        let table: [(Rules<'_>, BindingPhase, usize, &[&str]); 4] = [
            (
                &[(0, CAP, "x"), (0, CAP2, "x")],
                BindingPhase::Ready,
                4,
                &[],
            ),
            (
                &[(0, CAP, "x")],
                BindingPhase::PartiallyBound,
                3,
                &["b cap2 Unbound"],
            ),
            (
                &[(0, "planRef: {name: z}", "x")],
                BindingPhase::Unresolved,
                0,
                &[
                    "a cap Unbound",
                    "a cap Unbound",
                    "b cap Unbound",
                    "b cap2 Unbound",
                ],
            ),
            (
                &[(0, CAP, "x"), (0, CAP2, "y")],
                BindingPhase::PartiallyBound,
                3,
                &["b cap2 ConflictingProviders"],
            ),
        ];
        for (rules, phase, bound, unbound) in table {
            let world = world(rules);
            let status = world.binding("bind");
            assert_eq!(
                (status.phase, status.total_count, status.bound_count),
                (phase, 4, bound)
            );
            let mut found: Vec<String> = status
                .unbound_capabilities
                .iter()
                .map(|u| {
                    let node = u.node_id.as_deref().unwrap_or("-");
                    format!("{node} {} {}", u.capability_ref.name, u.reason)
                })
                .collect();
            found.sort();
            assert_eq!(found, unbound, "{rules:?}");
        }
    }

    #[test]
    fn while_nobody_asks_the_status_counts_what_the_rules_name() {
        let mut world = World::of(&[
            capability("cap"),
            binding(
                "bind",
                "FirstMatch",
                &[(0, CAP, "x"), (1, CAP, "y"), (0, CAP2, "x"), (0, GOLD, "z")],
            ),
        ]);
        let status = world.binding("bind");
        assert_eq!(status.phase, BindingPhase::PartiallyBound);
        assert_eq!((status.total_count, status.bound_count), (2, 1));
        assert_eq!(status.unbound_capabilities[0].reason, "CapabilityNotFound");
        world.write("planspec/cap2.yaml", &capability("cap2"));
        world.reconcile();
        assert_eq!(world.binding("bind").phase, BindingPhase::Ready);
        assert_eq!(
            world.moved(),
            ["cap2 - → Available", "bind PartiallyBound → Ready"]
        );
    }
}
