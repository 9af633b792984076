//! References between resources lead somewhere.

use crate::core::diagnostic::{Code, Diagnostic, Part, Place, Step, did_you_mean};
use crate::core::resource::{Key, Kind, ObjectRef, Spec};
use crate::core::snapshot::{Definition, Snapshot};
use crate::path;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Diagnostic>) {
    for key in snapshot.keys() {
        for definition in snapshot.definitions(key) {
            let Some(resource) = &definition.resource else {
                continue;
            };
            let mut referrer = Referrer {
                snapshot,
                key,
                definition,
                findings,
            };
            match &resource.spec {
                Spec::Plan(spec) => referrer.plan(spec),
                Spec::Execution(spec) => referrer.execution(spec),
                Spec::Binding(spec) => referrer.binding(spec),
                Spec::Gate(spec) => referrer.gate(spec),
                Spec::Capability(spec) => referrer.capability(spec),
                Spec::Goal(_) => {}
            }
        }
    }
}

/// Only so many findings get a suggestion: each compares with every name there is.
const SUGGESTIONS: usize = 100;

struct Referrer<'a> {
    snapshot: &'a Snapshot,
    key: &'a Key,
    definition: &'a Definition,
    findings: &'a mut Vec<Diagnostic>,
}

impl Referrer<'_> {
    fn plan(&mut self, spec: &crate::core::resource::PlanSpec) {
        if let Some(goal) = &spec.goal_ref {
            self.refer(
                goal,
                Kind::Goal,
                Code::GOAL_NOT_FOUND,
                path!["spec", "goalRef"],
            );
        }
        for (index, plan) in spec.supersedes.iter().enumerate() {
            self.refer(
                plan,
                Kind::Plan,
                Code::SUPERSEDES_NOT_FOUND,
                path!["spec", "supersedes", index],
            );
        }
        for (at, node) in spec.graph.nodes.iter().enumerate() {
            if let Some(gate) = &node.gate_ref {
                self.refer(
                    gate,
                    Kind::Gate,
                    Code::GATE_NOT_FOUND,
                    path!["spec", "graph", "nodes", at, "gateRef"],
                );
            }
            for (index, capability) in node.capability_refs.iter().enumerate() {
                self.refer(
                    capability,
                    Kind::Capability,
                    Code::CAPABILITY_NOT_FOUND,
                    path!["spec", "graph", "nodes", at, "capabilityRefs", index],
                );
            }
        }
    }

    fn execution(&mut self, spec: &crate::core::resource::ExecutionSpec) {
        self.refer(
            &spec.plan_ref,
            Kind::Plan,
            Code::PLAN_NOT_FOUND,
            path!["spec", "planRef"],
        );
        if let Some(goal) = &spec.goal_ref {
            self.refer(
                goal,
                Kind::Goal,
                Code::GOAL_NOT_FOUND,
                path!["spec", "goalRef"],
            );
        }
        if let Some(binding) = &spec.binding_ref {
            self.refer(
                binding,
                Kind::Binding,
                Code::BINDING_NOT_FOUND,
                path!["spec", "bindingRef"],
            );
        }
        for (node, binding) in &spec.node_bindings {
            let at = path!["spec", "nodeBindings", node.as_str()];
            self.refer(binding, Kind::Binding, Code::BINDING_NOT_FOUND, at.clone());
            self.node(&spec.plan_ref, node, at, Part::Key);
        }
    }

    fn binding(&mut self, spec: &crate::core::resource::BindingSpec) {
        for (index, rule) in spec.rules.iter().enumerate() {
            let at = path!["spec", "rules", index, "selector"];
            if let Some(capability) = &rule.selector.capability_ref {
                let mut at = at.clone();
                at.push("capabilityRef".into());
                self.refer(capability, Kind::Capability, Code::CAPABILITY_NOT_FOUND, at);
            }
            if let Some(plan) = &rule.selector.plan_ref {
                let mut to_plan = at.clone();
                to_plan.push("planRef".into());
                // A rule for a plan that is not written yet does no harm.
                let found = self.refer_as(plan, Kind::Plan, Code::PLAN_NOT_FOUND, to_plan, false);
                if let (true, Some(node)) = (found, &rule.selector.node_id) {
                    let mut at = at;
                    at.push("nodeId".into());
                    self.node(plan, node, at, Part::Value);
                }
            }
        }
    }

    fn gate(&mut self, spec: &crate::core::resource::GateSpec) {
        let target = &spec.target_ref;
        let reference = ObjectRef {
            name: target.name.clone(),
            namespace: target.namespace.clone(),
            uid: None,
        };
        if target.kind != Kind::Plan {
            return;
        }
        let at = path!["spec", "targetRef"];
        let found = self.refer_as(
            &reference,
            Kind::Plan,
            Code::PLAN_NOT_FOUND,
            at.clone(),
            false,
        );
        if let (true, Some(node)) = (found, &target.node_id) {
            let mut at = at;
            at.push("nodeId".into());
            self.node(&reference, node, at, Part::Value);
        }
    }

    fn capability(&mut self, spec: &crate::core::resource::CapabilitySpec) {
        for (index, requirement) in spec.requirements.iter().enumerate() {
            if requirement.optional {
                continue;
            }
            let reference = ObjectRef {
                name: requirement.name.clone(),
                namespace: requirement.namespace.clone(),
                uid: None,
            };
            self.refer(
                &reference,
                Kind::Capability,
                Code::CAPABILITY_NOT_FOUND,
                path!["spec", "requirements", index],
            );
        }
    }

    fn refer(&mut self, reference: &ObjectRef, kind: Kind, code: Code, at: Vec<Step>) -> bool {
        self.refer_as(reference, kind, code, at, true)
    }

    /// Whether the reference leads somewhere; if not, a finding (only a warning when it does not
    /// `matter`).
    fn refer_as(
        &mut self,
        reference: &ObjectRef,
        kind: Kind,
        code: Code,
        mut at: Vec<Step>,
        matters: bool,
    ) -> bool {
        let target = reference.key(kind, &self.key.namespace);
        if !self.snapshot.definitions(&target).is_empty() {
            return true;
        }
        at.push("name".into());
        let word = kind.name().to_lowercase();
        let mut finding = Diagnostic::new(
            code,
            &self.definition.path,
            Place::Entry {
                document: self.definition.document,
                path: at,
                part: Part::Value,
            },
            format!("{word} `{}` does not exist", target.qualified()),
        )
        .label(format!(
            "no {kind} of this name in namespace `{}`",
            target.namespace
        ))
        .about(self.key);
        if !matters {
            finding.severity = crate::core::diagnostic::Severity::Warning;
        }
        let near = (self.findings.len() < SUGGESTIONS)
            .then(|| self.near(&target))
            .flatten();
        self.findings.push(match near {
            Some(help) => finding.help(help),
            None => finding.help(format!("write {} `{}`", indefinite(kind), target.name)),
        });
        false
    }

    /// A name that was probably meant: the same name in another namespace, or a similar one.
    fn near(&self, target: &Key) -> Option<String> {
        let same_kind = || self.snapshot.keys_of(target.kind);
        if let Some(other) = same_kind().find(|key| key.name == target.name) {
            return Some(format!(
                "there is one in namespace `{0}`: add `namespace: {0}`",
                other.namespace
            ));
        }
        let names = same_kind()
            .filter(|key| key.namespace == target.namespace)
            .map(|key| key.name.as_str());
        did_you_mean(&target.name, names).map(|name| format!("did you mean `{name}`?"))
    }

    /// Check that a plan, when it can be read, has a node.
    fn node(&mut self, plan: &ObjectRef, node: &str, at: Vec<Step>, part: Part) {
        let plan_key = plan.key(Kind::Plan, &self.key.namespace);
        let Some(spec) = self.snapshot.plan(&plan_key) else {
            return;
        };
        let ids = || spec.graph.nodes.iter().map(|node| node.id.as_str());
        if ids().any(|id| id == node) {
            return;
        }
        let finding = Diagnostic::new(
            Code::NODE_NOT_FOUND,
            &self.definition.path,
            Place::Entry {
                document: self.definition.document,
                path: at,
                part,
            },
            format!("plan `{}` has no node `{node}`", plan_key.qualified()),
        )
        .label("no such node")
        .about(self.key);
        self.findings.push(match did_you_mean(node, ids()) {
            Some(id) => finding.help(format!("did you mean `{id}`?")),
            None => finding,
        });
    }
}

fn indefinite(kind: Kind) -> String {
    match kind {
        Kind::Execution => "an Execution".to_owned(),
        _ => format!("a {kind}"),
    }
}
