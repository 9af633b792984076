//! References between resources lead somewhere.

use std::collections::{HashMap, HashSet};

use crate::core::diagnostic::{Code, Diagnostic, Part, Place, Step, did_you_mean};
use crate::core::resource::{Key, Kind, ObjectRef, Spec};
use crate::core::snapshot::{Definition, Snapshot};
use crate::path;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Diagnostic>) {
    let mut nodes = HashMap::new();
    let hidden = hidden_names(snapshot);
    for key in snapshot.keys() {
        for definition in snapshot.definitions(key) {
            let Some(resource) = &definition.resource else {
                continue;
            };
            let mut referrer = Referrer {
                snapshot,
                key,
                definition,
                nodes: &mut nodes,
                hidden: &hidden,
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

/// The words of files in which a resource may hide because they cannot be read. What is defined
/// there is not missing; the file has its own finding.
fn hidden_names(snapshot: &Snapshot) -> HashSet<String> {
    let texts = snapshot.unidentified().iter();
    texts
        .filter_map(|file| snapshot.text(file))
        .flat_map(|text| words(&text).map(str::to_owned).collect::<Vec<String>>())
        .collect()
}

/// What could be names in a text that cannot be read.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    text.split(is_separator).filter(|word| !word.is_empty())
}

/// Only so many findings get a suggestion: each compares with every name there is.
const SUGGESTIONS: usize = 100;

struct Referrer<'a, 's> {
    snapshot: &'s Snapshot,
    key: &'a Key,
    definition: &'a Definition,
    nodes: &'a mut NodeIds<'s>,
    hidden: &'a HashSet<String>,
    findings: &'a mut Vec<Diagnostic>,
}

/// The ids in each plan that was asked for one.
type NodeIds<'s> = HashMap<Key, HashSet<&'s str>>;

impl Referrer<'_, '_> {
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
        if self.hidden.contains(&target.name) {
            return false;
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
        let known = self.nodes.entry(plan_key.clone());
        if known.or_insert_with(|| ids().collect()).contains(node) {
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
        let near = (self.findings.len() < SUGGESTIONS)
            .then(|| did_you_mean(node, ids()))
            .flatten();
        self.findings.push(match near {
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

#[cfg(test)]
mod tests {
    use crate::core::testing::{
        execution, findings, gate, plan, plan_with, position, resource, task, with_metadata,
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
                "write a Plan `gone`",
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
