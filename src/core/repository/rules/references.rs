//! References between resources lead somewhere, and to what they mean.

use std::collections::{BTreeMap, HashMap};

use super::SharedSuggestions;
use crate::core::base::diagnostic::{Code, Diagnostic, Part, PathStep, Severity};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{
    BindingSpec, ExecutionSpec, ExternalRef, Key, Kind, NodeKind, ObjectRef, PlanSpec, Resource,
    Spec, TargetRef,
};
use crate::path;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let mut referrer = Referrer {
        snapshot,
        nodes: HashMap::new(),
        suggestions: SharedSuggestions::new(),
        findings,
    };
    for (definition, resource) in all(snapshot) {
        each_reference(resource, &mut |reference| {
            referrer.reference(definition, &reference);
        });
        each_node(resource, &mut |node| referrer.node(definition, &node));
        referrer.findings.extend(owners(definition, resource));
    }
}

/// Owners that cannot all be meant: the resource itself, a second controller.
fn owners(definition: &Definition, resource: &Resource) -> Vec<Diagnostic> {
    let key = &definition.key;
    let owners = || resource.metadata.owner_references.iter().enumerate();
    let list = |index: usize| path!["metadata", "ownerReferences", index];
    let itself = owners()
        .filter(|(_, owner)| owner.kind == key.kind.name() && owner.name == key.name)
        .map(|(index, _)| {
            let path = [list(index), path!["name"]].concat();
            definition
                .at(Code::BAD_OWNER, path, format!("{key} owns itself"))
                .help("name the resource it belongs to, or remove the owner")
        });
    let mut controllers = owners().filter(|(_, owner)| owner.controller);
    let first = controllers.next();
    let second = first.and_then(|first| Some((first, controllers.next()?)));
    let second = second.map(|((first, controller), (index, owner))| {
        let path = |index| [list(index), path!["controller"]].concat();
        let message = format!(
            "{key} has two controlling owners, {} and {}",
            controller.name, owner.name
        );
        definition
            .at(Code::BAD_OWNER, path(index), message)
            .related(definition.label(path(first), "the first one"))
            .help("only one owner can control a resource: remove `controller` from the others")
    });
    itself.chain(second).collect()
}

/// The first reference of each resource that names another uid than the one that its target has,
/// in a sentence. Only the status knows uids.
pub fn uid_mismatches<'u>(
    snapshot: &Definitions,
    uid_of: &dyn Fn(&Key) -> Option<&'u str>,
) -> BTreeMap<Key, String> {
    let mut found = BTreeMap::new();
    for (definition, resource) in all(snapshot) {
        let key = &definition.key;
        each_reference(resource, &mut |reference| {
            let target = reference.target(&key.namespace);
            let (Some(wanted), Some(actual)) = (reference.uid, uid_of(&target)) else {
                return;
            };
            if wanted != actual && !found.contains_key(key) {
                let path = [(reference.at)(), path!["uid"]].concat();
                let place = definition.place(path, Part::Value);
                let place = snapshot.place(&definition.path, &place);
                let message =
                    format!("{place}: {target} has uid {actual}, but the reference names {wanted}");
                found.insert(key.clone(), message);
            }
        });
    }
    found
}

/// What every reference of the resources that can be read leads to.
#[cfg(test)]
pub(crate) fn each_target(snapshot: &Definitions, found: &mut dyn FnMut(Key)) {
    for (definition, resource) in all(snapshot) {
        each_reference(resource, &mut |reference| {
            found(reference.target(&definition.key.namespace));
        });
    }
}

/// Every definition that can be read.
fn all(snapshot: &Definitions) -> impl Iterator<Item = (&Definition, &Resource)> {
    let definitions = snapshot.keys().flat_map(|key| snapshot.definitions(key));
    definitions.filter_map(|one| Some((one, one.resource.as_ref()?)))
}

/// Where something stands: asked for only when there is something to say about it.
type At<'a> = &'a dyn Fn() -> Vec<PathStep>;

/// A reference to another resource.
struct Reference<'a> {
    kind: Kind,
    name: &'a str,
    /// The referring object's own when nothing is said.
    namespace: Option<&'a str>,
    uid: Option<&'a str>,
    /// What to say when it leads nowhere, and how loud.
    missing: (Code, Severity),
    at: At<'a>,
}

impl<'a> Reference<'a> {
    fn to(kind: Kind, reference: &'a ObjectRef, at: At<'a>) -> Reference<'a> {
        let code = match kind {
            Kind::Goal => Code::GOAL_NOT_FOUND,
            Kind::Plan => Code::PLAN_NOT_FOUND,
            Kind::Capability => Code::CAPABILITY_NOT_FOUND,
            Kind::Binding => Code::BINDING_NOT_FOUND,
            Kind::Gate => Code::GATE_NOT_FOUND,
            Kind::Execution => Code::TARGET_NOT_FOUND,
        };
        Reference {
            kind,
            name: &reference.name,
            namespace: reference.namespace.as_deref(),
            uid: reference.uid.as_deref(),
            missing: (code, code.severity),
            at,
        }
    }

    /// A reference to what may come later, or be gone: nothing stops because of it.
    fn loosely_to(target: &'a TargetRef, at: At<'a>) -> Reference<'a> {
        let code = match target.kind {
            Kind::Plan => Code::PLAN_NOT_FOUND,
            _ => Code::TARGET_NOT_FOUND,
        };
        Reference {
            kind: target.kind,
            name: &target.name,
            namespace: target.namespace.as_deref(),
            uid: target.uid.as_deref(),
            missing: (code, Severity::Warning),
            at,
        }
    }

    fn target(&self, namespace: &str) -> Key {
        Key::new(self.kind, self.namespace.unwrap_or(namespace), self.name)
    }
}

/// Every reference of a resource.
fn each_reference(resource: &Resource, found: &mut dyn FnMut(Reference<'_>)) {
    match &resource.spec {
        Spec::Goal(_) => {}
        Spec::Plan(spec) => of_plan(spec, found),
        Spec::Execution(spec) => of_execution(spec, found),
        Spec::Binding(spec) => of_binding(spec, found),
        Spec::Capability(spec) => {
            for (index, requirement) in spec.requirements.iter().enumerate() {
                if !requirement.optional {
                    let at = || path!["spec", "requirements", index];
                    found(Reference::to(
                        Kind::Capability,
                        &requirement.reference(),
                        &at,
                    ));
                }
            }
        }
        Spec::Gate(spec) => {
            if let Some(target) = spec.target_ref.resource() {
                found(Reference::loosely_to(&target, &|| {
                    path!["spec", "targetRef"]
                }));
            }
        }
    }
    for (index, owner) in resource.metadata.owner_references.iter().enumerate() {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == owner.kind) else {
            continue;
        };
        found(Reference {
            kind,
            name: &owner.name,
            namespace: None,
            uid: owner.uid.as_deref(),
            missing: (Code::OWNER_NOT_FOUND, Severity::Warning),
            at: &|| path!["metadata", "ownerReferences", index],
        });
    }
}

fn of_plan(spec: &PlanSpec, found: &mut dyn FnMut(Reference<'_>)) {
    if let Some(goal) = &spec.goal_ref {
        found(Reference::to(Kind::Goal, goal, &|| {
            path!["spec", "goalRef"]
        }));
    }
    for (index, plan) in spec.supersedes.iter().enumerate() {
        let code = Code::SUPERSEDES_NOT_FOUND;
        found(Reference {
            missing: (code, code.severity),
            ..Reference::to(Kind::Plan, plan, &|| path!["spec", "supersedes", index])
        });
    }
    for (index, node) in spec.graph.nodes.iter().enumerate() {
        let at_node = || path!["spec", "graph", "nodes", index];
        if let Some(gate) = &node.gate_ref {
            let at = || [at_node(), path!["gateRef"]].concat();
            found(Reference::to(Kind::Gate, gate, &at));
        }
        for (entry, capability) in node.capability_refs.iter().enumerate() {
            let at = || [at_node(), path!["capabilityRefs", entry]].concat();
            found(Reference::to(Kind::Capability, capability, &at));
        }
    }
    each_external(spec, &mut |target, at| {
        found(Reference::loosely_to(target, at))
    });
}

/// The resources that External nodes follow.
fn each_external(spec: &PlanSpec, found: &mut dyn FnMut(&TargetRef, At<'_>)) {
    for (index, node) in spec.graph.nodes.iter().enumerate() {
        if let Some(ExternalRef::Resource { resource_ref }) = &node.external_ref {
            let node = || path!["spec", "graph", "nodes", index];
            let at = || [node(), path!["externalRef", "resourceRef"]].concat();
            found(resource_ref, &at);
        }
    }
}

fn of_execution(spec: &ExecutionSpec, found: &mut dyn FnMut(Reference<'_>)) {
    let at = || path!["spec", "planRef"];
    found(Reference::to(Kind::Plan, &spec.plan_ref, &at));
    if let Some(goal) = &spec.goal_ref {
        found(Reference::to(Kind::Goal, goal, &|| {
            path!["spec", "goalRef"]
        }));
    }
    if let Some(binding) = &spec.binding_ref {
        let at = || path!["spec", "bindingRef"];
        found(Reference::to(Kind::Binding, binding, &at));
    }
    for (node, binding) in &spec.node_bindings {
        let at = || path!["spec", "nodeBindings", node.as_str()];
        found(Reference::to(Kind::Binding, binding, &at));
    }
}

fn of_binding(spec: &BindingSpec, found: &mut dyn FnMut(Reference<'_>)) {
    let selectors = || spec.rules.iter().map(|rule| &rule.selector).enumerate();
    for (index, selector) in selectors() {
        if let Some(capability) = &selector.capability_ref {
            let at = || path!["spec", "rules", index, "selector", "capabilityRef"];
            found(Reference::to(Kind::Capability, capability, &at));
        }
    }
    for (index, selector) in selectors() {
        if let Some(plan) = &selector.plan_ref {
            let at = || path!["spec", "rules", index, "selector", "planRef"];
            found(Reference {
                missing: (Code::PLAN_NOT_FOUND, Severity::Warning),
                ..Reference::to(Kind::Plan, plan, &at)
            });
        }
    }
}

/// The name of a node in another resource than its plan.
struct NodeName<'a> {
    plan: Key,
    node: &'a str,
    /// Whether only a task can be meant.
    is_bound: bool,
    part: Part,
    at: At<'a>,
}

/// Every name of a node outside of its plan.
fn each_node(resource: &Resource, found: &mut dyn FnMut(NodeName<'_>)) {
    let namespace = resource.metadata.namespace.as_str();
    let mut target = |target: &TargetRef, at: At<'_>| {
        if let (Kind::Plan, Some(node)) = (target.kind, &target.node_id) {
            found(NodeName {
                plan: target.key(namespace),
                node,
                is_bound: false,
                part: Part::Value,
                at: &|| [at(), path!["nodeId"]].concat(),
            });
        }
    };
    match &resource.spec {
        Spec::Gate(spec) => {
            if let Some(resource) = spec.target_ref.resource() {
                target(&resource, &|| path!["spec", "targetRef"]);
            }
        }
        Spec::Plan(spec) => each_external(spec, &mut target),
        Spec::Binding(spec) => {
            for (index, rule) in spec.rules.iter().enumerate() {
                let selector = &rule.selector;
                if let (Some(plan), Some(node)) = (&selector.plan_ref, &selector.node_id) {
                    found(NodeName {
                        plan: plan.key(Kind::Plan, namespace),
                        node,
                        is_bound: true,
                        part: Part::Value,
                        at: &|| path!["spec", "rules", index, "selector", "nodeId"],
                    });
                }
            }
        }
        Spec::Execution(spec) => {
            for node in spec.node_bindings.keys() {
                found(NodeName {
                    plan: spec.plan_ref.key(Kind::Plan, namespace),
                    node,
                    is_bound: true,
                    part: Part::Key,
                    at: &|| path!["spec", "nodeBindings", node.as_str()],
                });
            }
        }
        Spec::Goal(_) | Spec::Capability(_) => {}
    }
}

struct Referrer<'a> {
    snapshot: &'a Definitions,
    /// The nodes of the plans whose nodes were asked for.
    nodes: HashMap<Key, HashMap<&'a str, NodeKind>>,
    suggestions: SharedSuggestions,
    findings: &'a mut Vec<Diagnostic>,
}

impl Referrer<'_> {
    /// Whether a reference leads somewhere.
    fn reference(&mut self, definition: &Definition, reference: &Reference<'_>) {
        let target = reference.target(&definition.key.namespace);
        let is_defined = !self.snapshot.definitions(&target).is_empty();
        if is_defined || self.snapshot.may_be_hidden(&target.name) {
            return;
        }
        let (code, severity) = reference.missing;
        let path = [(reference.at)(), path!["name"]].concat();
        let word = target.kind.name().to_lowercase();
        let message = format!("{word} `{}` does not exist", target.qualified());
        let label = format!(
            "no {} of this name in namespace `{}`",
            target.kind, target.namespace
        );
        let finding = definition.at(code, path, message).label(label);
        let is_needed = code == Code::PLAN_NOT_FOUND && severity == Severity::Error;
        let help = match self.help_for(code, &target) {
            help if is_needed => format!("{help}; runs need their plan: keep it while it has runs"),
            help => help,
        };
        self.findings.push(Diagnostic {
            severity,
            ..finding.help(help)
        });
    }

    /// A name that was probably meant: the same name in another namespace, or a similar one.
    fn help_for(&mut self, code: Code, target: &Key) -> String {
        let of_kind = || self.snapshot.keys_of(target.kind);
        let otherwise = || format!("write {} `{}`", indefinite(target.kind), target.name);
        if self.suggestions.are_spent() {
            return otherwise();
        }
        if let Some(other) = of_kind().find(|key| key.name == target.name) {
            return format!(
                "there is one in namespace `{0}`: add `namespace: {0}`",
                other.namespace
            );
        }
        let names = of_kind().filter(|key| key.namespace == target.namespace);
        let names = names.map(|key| key.name.as_str());
        let name = &target.name;
        self.suggestions.suggestion(code, name, names, otherwise)
    }

    /// Check that a plan, when it can be read, has a node; and that what is bound is a task.
    fn node(&mut self, definition: &Definition, name: &NodeName<'_>) {
        let Some(spec) = self.snapshot.plan(&name.plan) else {
            return;
        };
        let nodes = self.nodes.entry(name.plan.clone()).or_insert_with(|| {
            let nodes = spec.graph.nodes.iter();
            nodes.map(|node| (node.id.as_str(), node.kind)).collect()
        });
        let place = || definition.place((name.at)(), name.part);
        match nodes.get(name.node) {
            Some(kind) if name.is_bound && *kind != NodeKind::Task => {
                let message = format!("node `{}` is a {kind}; only a Task can be bound", name.node);
                self.findings.push(
                    definition
                        .finding(Code::NOT_A_TASK, place(), message)
                        .label("not a Task")
                        .help("name a Task, or remove the reference: this node has no provider"),
                );
            }
            Some(_) => {}
            None => {
                let plan = name.plan.qualified();
                let message = format!("plan `{plan}` has no node `{}`", name.node);
                let ids = spec.graph.nodes.iter().map(|node| node.id.as_str());
                let code = Code::NODE_NOT_FOUND;
                let near = self.suggestions.near(code, name.node, ids);
                let finding = definition.finding(code, place(), message);
                self.findings.push(Diagnostic {
                    help: near.map(|id| format!("did you mean `{id}`?")),
                    ..finding.label("no such node")
                });
            }
        }
    }
}

fn indefinite(kind: Kind) -> String {
    match kind {
        Kind::Execution => "an Execution".to_owned(),
        _ => format!("a {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{
        FILE, execution, findings, gate, plan, plan_with, position, resource, snapshot, task,
        with_metadata,
    };

    /// The findings in a text, where exactly one is expected: at `needle`, with `rest`.
    fn only(text: &str, severity: &str, needle: &str, message: &str, help: &str) {
        let (code, message) = message.split_once(' ').expect("a code and a message");
        let place = position(text, needle);
        let mut expected = vec![format!("{code} {severity} {place}: {message}")];
        if !help.is_empty() {
            expected.push(format!("help: {help}"));
        }
        assert_eq!(findings(text), expected, "{text}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let all = [
            resource("Goal", "goal", "description: d"),
            resource("Capability", "cap", "description: d"),
            resource(
                "Capability",
                "more",
                "description: d, requirements: [{name: cap}]",
            ),
            plan("old", &task("a", "")),
            plan_with(
                "p",
                "goalRef: {name: goal}, supersedes: [{name: old}]",
                "{id: a, kind: Task, capabilityRefs: [{name: cap}]}, {id: ok, kind: Gate, gateRef: {name: g}}",
                "",
            ),
            resource(
                "Gate",
                "g",
                "gateType: review, targetRef: {kind: Plan, name: p, nodeId: ok}",
            ),
            resource(
                "Binding",
                "bind",
                "rules: [{selector: {planRef: {name: p}, nodeId: a}, target: {provider: x}}, \
                 {selector: {capabilityRef: {name: cap}}, target: {provider: x}}]",
            ),
            execution(
                "run",
                "p",
                "goalRef: {name: goal}, bindingRef: {name: bind}, nodeBindings: {a: {name: bind}}",
            ),
        ];
        assert_eq!(findings(&all.concat()), [] as [&str; 0]);
    }

    #[test]
    fn a_reference_to_nothing_is_found_where_it_stands() {
        let p = || plan("p", &task("a", ""));
        let rule = |selector: &str| {
            let spec = format!("rules: [{{selector: {{{selector}}}, target: {{provider: x}}}}]");
            resource("Binding", "bind", &spec)
        };
        let node = |fields: &str| plan("p", &format!("{{id: a, {fields}}}"));
        let table: [(String, &str, &str, &str); 15] = [
            (
                plan_with("p", "goalRef: {name: gone}", &task("a", ""), ""),
                "error",
                "PS202 goal `team/gone` does not exist",
                "write a Goal `gone`",
            ),
            (
                plan_with("p", "supersedes: [{name: gone}]", &task("a", ""), ""),
                "warning",
                "PS208 plan `team/gone` does not exist",
                "write a Plan `gone`",
            ),
            (
                node("kind: Gate, gateRef: {name: gone}"),
                "error",
                "PS203 gate `team/gone` does not exist",
                "write a Gate `gone`",
            ),
            (
                node("kind: Task, capabilityRefs: [{name: gone}]"),
                "warning",
                "PS204 capability `team/gone` does not exist",
                "write a Capability `gone`",
            ),
            (
                execution("run", "gone", ""),
                "error",
                "PS206 plan `team/gone` does not exist",
                "write a Plan `gone`; runs need their plan: keep it while it has runs",
            ),
            (
                p() + &execution("run", "p", "goalRef: {name: gone}"),
                "error",
                "PS202 goal `team/gone` does not exist",
                "write a Goal `gone`",
            ),
            (
                p() + &execution("run", "p", "bindingRef: {name: gone}"),
                "warning",
                "PS205 binding `team/gone` does not exist",
                "write a Binding `gone`",
            ),
            (
                p() + &execution("run", "p", "nodeBindings: {a: {name: gone}}"),
                "warning",
                "PS205 binding `team/gone` does not exist",
                "write a Binding `gone`",
            ),
            (
                rule("capabilityRef: {name: gone}"),
                "warning",
                "PS204 capability `team/gone` does not exist",
                "write a Capability `gone`",
            ),
            (
                rule("planRef: {name: gone}"),
                "warning",
                "PS206 plan `team/gone` does not exist",
                "write a Plan `gone`",
            ),
            (
                gate("g", "gone", ""),
                "warning",
                "PS206 plan `team/gone` does not exist",
                "write a Plan `gone`",
            ),
            (
                resource(
                    "Capability",
                    "cap",
                    "description: d, requirements: [{name: gone}]",
                ),
                "warning",
                "PS204 capability `team/gone` does not exist",
                "write a Capability `gone`",
            ),
            (
                p() + &rule("planRef: {name: p}, nodeId: gone"),
                "error",
                "PS207 plan `team/p` has no node `gone`",
                "",
            ),
            (
                p() + &resource(
                    "Gate",
                    "g",
                    "gateType: review, targetRef: {kind: Plan, name: p, nodeId: gone}",
                ),
                "error",
                "PS207 plan `team/p` has no node `gone`",
                "",
            ),
            (
                p() + &rule("planRef: {name: p}")
                    + &execution("run", "p", "nodeBindings: {gone: {name: bind}}"),
                "error",
                "PS207 plan `team/p` has no node `gone`",
                "",
            ),
        ];
        for (text, severity, message, help) in table {
            only(&text, severity, "gone", message, help);
        }
    }

    #[test]
    fn what_may_still_come_or_be_gone_is_a_warning() {
        let external = |target: &str| {
            let node = format!(
                "{{id: a, kind: External, externalRef: {{type: resource, resourceRef: {{{target}}}}}}}"
            );
            plan("p", &node)
        };
        let owned = |kind: &str| {
            let metadata = format!(
                "name: goal, namespace: team, ownerReferences: [{{apiVersion: planspec.io/v1alpha1, kind: {kind}, name: gone}}]"
            );
            with_metadata("Goal", &metadata, "description: d")
        };
        let gate = |target: &str| {
            resource(
                "Gate",
                "g",
                &format!("gateType: review, targetRef: {{{target}}}"),
            )
        };
        let table = [
            (
                external("kind: Execution, name: gone"),
                "PS217 execution `team/gone` does not exist",
                "write an Execution `gone`",
            ),
            (
                external("kind: Plan, name: gone"),
                "PS206 plan `team/gone` does not exist",
                "write a Plan `gone`",
            ),
            (
                gate("kind: Execution, name: gone"),
                "PS217 execution `team/gone` does not exist",
                "write an Execution `gone`",
            ),
            (
                gate("kind: Goal, name: gone"),
                "PS217 goal `team/gone` does not exist",
                "write a Goal `gone`",
            ),
            (
                owned("Goal"),
                "PS210 goal `team/gone` does not exist",
                "write a Goal `gone`",
            ),
            (
                owned("Execution"),
                "PS210 execution `team/gone` does not exist",
                "write an Execution `gone`",
            ),
        ];
        for (text, message, help) in table {
            only(&text, "warning", "gone", message, help);
        }
        let there = plan("gone", &task("a", ""))
            + &execution("gone", "gone", "")
            + &resource("Goal", "gone", "description: d");
        for text in [
            external("kind: Execution, name: gone"),
            external("kind: Plan, name: gone, nodeId: a"),
            gate("kind: Goal, name: gone"),
            owned("Execution"),
        ] {
            assert_eq!(
                findings(&(there.clone() + &text)),
                [] as [&str; 0],
                "{text}"
            );
        }
        only(
            &(there + &external("kind: Plan, name: gone, nodeId: b")),
            "error",
            "b}}",
            "PS207 plan `team/gone` has no node `b`",
            "",
        );
    }

    #[test]
    fn an_owner_is_somebody_else_and_one_of_them_controls() {
        let owned = |owners: &[&str]| {
            let owners = owners
                .iter()
                .map(|owner| format!("{{apiVersion: planspec.io/v1alpha1, kind: Goal, {owner}}}"));
            let owners: Vec<String> = owners.collect();
            let metadata = format!(
                "name: g, namespace: team, ownerReferences: [{}]",
                owners.join(", ")
            );
            with_metadata("Goal", &metadata, "description: d")
        };
        let others =
            resource("Goal", "a", "description: d") + &resource("Goal", "b", "description: d");
        let itself = owned(&["name: g"]);
        let at = position(&itself, "g}]");
        assert_eq!(
            findings(&itself),
            [
                format!("PS230 warning {at}: Goal team/g owns itself"),
                "help: name the resource it belongs to, or remove the owner".to_owned(),
            ]
        );
        let two =
            others.clone() + &owned(&["name: a, controller: true", "name: b, controller: true"]);
        let at = position(&two, "true}]");
        let found = findings(&two);
        let message = "Goal team/g has two controlling owners, a and b";
        assert_eq!(found[0], format!("PS230 warning {at}: {message}"));
        assert!(found[2].starts_with("also "), "{found:?}");
        let one = others + &owned(&["name: a, controller: true", "name: b"]);
        assert_eq!(findings(&one), [] as [&str; 0]);
    }

    #[test]
    fn only_tasks_are_bound() {
        let p = plan(
            "p",
            "{id: ok, kind: Gate, gateRef: {name: g}}, {id: all, kind: Group, children: [a]}, \
             {id: a, kind: Task}, {id: ext, kind: External, externalRef: {type: uri, uri: u}}",
        ) + &gate("g", "p", "");
        let rule = |node: &str| {
            let spec = format!(
                "rules: [{{selector: {{planRef: {{name: p}}, nodeId: {node}}}, target: {{provider: x}}}}]"
            );
            resource("Binding", "bind", &spec)
        };
        let run = |node: &str| {
            rule("a")
                + &execution(
                    "run",
                    "p",
                    &format!("nodeBindings: {{{node}: {{name: bind}}}}"),
                )
        };
        for text in [rule("a"), run("a")] {
            assert_eq!(findings(&(p.clone() + &text)), [] as [&str; 0], "{text}");
        }
        for (node, kind) in [("ok", "Gate"), ("all", "Group"), ("ext", "External")] {
            for (text, needle) in [
                (rule(node), format!("{node}}}, target")),
                (run(node), format!("{node}: {{name: bind")),
            ] {
                only(
                    &(p.clone() + &text),
                    "error",
                    &needle,
                    &format!("PS221 node `{node}` is a {kind}; only a Task can be bound"),
                    "name a Task, or remove the reference: this node has no provider",
                );
            }
        }
    }

    #[test]
    fn a_uid_is_checked_where_it_is_known() {
        let text = [
            resource("Goal", "goal", "description: d"),
            plan_with(
                "p",
                "goalRef: {name: goal, uid: right}",
                "{id: a, kind: Task, capabilityRefs: [{name: cap, uid: wrong}]}",
                "",
            ),
            resource("Capability", "cap", "description: d"),
            with_metadata(
                "Gate",
                "name: g, namespace: team, ownerReferences: [{apiVersion: planspec.io/v1alpha1, kind: Goal, name: goal, uid: right}]",
                "gateType: review, targetRef: {kind: Plan, name: p, uid: other}",
            ),
            execution("run", "p", ""),
        ]
        .concat();
        let snapshot = snapshot(&[(FILE, &text)]);
        assert_eq!(snapshot.diagnostics(), []);
        let nobody = super::uid_mismatches(&snapshot, &|_| None);
        assert!(nobody.is_empty());
        let found = super::uid_mismatches(&snapshot, &|_| Some("right"));
        let said: Vec<&String> = found.values().collect();
        let expected = [
            ("wrong", "Capability team/cap", "wrong"),
            ("other", "Plan team/p", "other"),
        ]
        .map(|(needle, target, uid)| {
            let place = position(&text, needle);
            format!("{FILE}:{place}: {target} has uid right, but the reference names {uid}")
        });
        assert_eq!(said, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_was_probably_meant_is_said() {
        let gates = gate("security", "p", "");
        let node = |name: &str| {
            plan(
                "p",
                &format!("{{id: release, kind: Gate, gateRef: {{{name}}}}}"),
            )
        };
        let elsewhere = with_metadata(
            "Gate",
            "name: far, namespace: lib",
            "gateType: review, targetRef: {kind: Plan, name: p, namespace: team}",
        );
        only(
            &(node("name: securty") + &gates),
            "error",
            "securty",
            "PS203 gate `team/securty` does not exist",
            "did you mean `security`?",
        );
        only(
            &(node("name: far") + &elsewhere),
            "error",
            "far}",
            "PS203 gate `team/far` does not exist",
            "there is one in namespace `lib`: add `namespace: lib`",
        );
        only(
            &(node("name: far, namespace: lab") + &elsewhere),
            "error",
            "far, namespace: lab",
            "PS203 gate `lab/far` does not exist",
            "there is one in namespace `lib`: add `namespace: lib`",
        );
        let misspelt = resource(
            "Gate",
            "security",
            "gateType: review, targetRef: {kind: Plan, name: p, nodeId: relese}",
        );
        only(
            &(node("name: security") + &misspelt),
            "error",
            "relese",
            "PS207 plan `team/p` has no node `relese`",
            "did you mean `release`?",
        );
    }

    #[test]
    fn what_cannot_be_read_is_there_all_the_same() {
        let broken = resource("Goal", "goal", "description: d, surprise: 1");
        let text = plan_with("p", "goalRef: {name: goal}", &task("a", ""), "") + &broken;
        let lines = findings(&text);
        assert!(
            lines.iter().all(|line| !line.starts_with("PS202")),
            "{lines:?}"
        );
    }

    #[test]
    fn an_optional_requirement_may_be_missing() {
        let spec = "description: d, requirements: [{name: gone, optional: true}]";
        assert_eq!(
            findings(&resource("Capability", "cap", spec)),
            [] as [&str; 0]
        );
    }
}
