//! The normal form of a resource: every field of every type, with the meaning of a change of it.
//!
//! Every struct is taken apart by `put_fields`, which names all its fields: a new field of a
//! type does not compile here until its meaning is decided. What does not count as a change
//! is decided here too: the order of lists that are sets, defaults that are written out, and
//! default namespaces.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::meaning::DangerWhen::{
    Always, Check, Command, Condition, Constraint, Failures, GoneOrOther, Is, IsFalse, Lower,
    Pointed, Provider, Reviewers, Timeout, Told, Was, Whatever,
};
use super::meaning::{Class, Meaning, major, minor, patch};
use crate::core::plan::graph::folded_edges;
use crate::core::resource::{
    BindingSpec, CapabilitySpec, ContextItem, Duration, EdgeKind, ExecutionSpec, ExpectedResponse,
    ExternalRef, GateSpec, GateTarget, GoalCriterion, GoalSpec, GraphSpec, LabelExpression,
    LabelSelector, Metadata, Node, NodeExtension, NodeKind, ObjectRef, OutputSpec, OwnerReference,
    Parameter, PlanSpec, Requirement, Resource, Rule, Selector, Spec, Target, TargetRef,
    TaskCriterion,
};

/// The path of a value in a resource. The item of a list is identified by its key, and not by its
/// index.
pub type Address = Vec<String>;

/// A value at an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// The value, with defaults written out.
    pub value: Value,
    /// The meaning of a change of it.
    pub meaning: Meaning,
}

/// Something that is added and removed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// A node of a plan.
    Node(NodeKind),
    /// An edge between two nodes.
    Edge(EdgeKind),
    /// An acceptance criterion of a task, or a check of a success criterion.
    Check {
        /// Whether it is required.
        required: bool,
    },
    /// A declared output of a task.
    Output,
    /// An acceptance criterion of a goal.
    GoalCriterion,
    /// A rule of a binding.
    Rule,
    /// An input or output of a capability.
    Parameter,
    /// A capability that another requires.
    Requirement,
    /// An owner.
    Owner,
    /// An entry of a section of a document.
    Entry(SectionEntry),
}

/// The meaning of an added or removed entry of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionEntry {
    /// The noun for it.
    pub noun: &'static str,
    /// The class of the change.
    pub class: Class,
    /// Why adding it is dangerous.
    pub gained: Option<&'static str>,
    /// Why removing it is dangerous.
    pub lost: Option<&'static str>,
}

/// A resource independent of its notation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Normal {
    /// All values.
    pub leaves: BTreeMap<Address, Leaf>,
    /// Everything that is added and removed as a whole, by the address that precedes its values.
    pub elements: BTreeMap<Address, Element>,
}

impl Normal {
    /// The normal form of a resource.
    pub fn of(resource: &Resource) -> Normal {
        let mut out = Builder::default();
        let Resource {
            metadata,
            spec,
            // The same as `spec`, as written.
            raw_spec: _,
            digest: _,
        } = resource;
        let namespace = &metadata.namespace;
        of_metadata(&mut out, metadata);
        match spec {
            Spec::Goal(spec) => goal(&mut out, spec),
            Spec::Plan(spec) => plan(&mut out, namespace, spec),
            Spec::Capability(spec) => capability(&mut out, namespace, spec),
            Spec::Binding(spec) => binding(&mut out, namespace, spec),
            Spec::Gate(spec) => gate(&mut out, namespace, spec),
            Spec::Execution(spec) => execution(&mut out, namespace, spec),
        }
        out.normal
    }

    /// The normal form as nested objects: for programs that apply changes.
    pub fn tree(&self) -> Value {
        let mut tree = Value::Object(Map::new());
        for (address, leaf) in &self.leaves {
            super::apply::set(&mut tree, address, leaf.value.clone());
        }
        tree
    }

    /// The values below an address, as nested objects.
    pub fn subtree(&self, address: &[String]) -> Value {
        let mut tree = Value::Object(Map::new());
        for (own, leaf) in self.below(address) {
            super::apply::set(&mut tree, &own[address.len()..], leaf.value.clone());
        }
        tree
    }

    /// The values below an address, in order.
    pub fn below(&self, address: &[String]) -> impl Iterator<Item = (&Address, &Leaf)> {
        self.leaves
            .range(address.to_vec()..)
            .take_while(move |(own, _)| own.starts_with(address))
            .filter(move |(own, _)| own.len() > address.len())
    }
}

/// Builds a normal form, element by element.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) normal: Normal,
    prefix: Address,
}

impl Builder {
    /// Adds a value, unless it is empty.
    pub(super) fn put(&mut self, field: &str, value: impl Serialize, meaning: Meaning) {
        // Values from JSON can be written as JSON.
        let value = serde_json::to_value(value).unwrap_or_default();
        let is_empty = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !is_empty {
            let mut address = self.prefix.clone();
            address.push(field.to_owned());
            let leaf = Leaf { value, meaning };
            self.normal.leaves.insert(address, leaf);
        }
    }

    /// Adds something that is added and removed as a whole. A duplicate key gets a number.
    pub(super) fn element(
        &mut self,
        list: &str,
        key: &str,
        element: Element,
        fill: impl FnOnce(&mut Self),
    ) {
        let before = self.prefix.clone();
        self.prefix.push(list.to_owned());
        self.prefix.push(key.to_owned());
        let mut again = 2;
        while self.normal.elements.contains_key(&self.prefix) {
            self.prefix.pop();
            self.prefix.push(format!("{key} #{again}"));
            again += 1;
        }
        self.normal.elements.insert(self.prefix.clone(), element);
        fill(self);
        self.prefix = before;
    }

    /// Adds related fields that are not added and removed as a whole.
    pub(super) fn group(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.prefix.push(name.to_owned());
        fill(self);
        self.prefix.pop();
    }
}

/// Adds the fields of a struct to a [`Builder`], each with the meaning of a change of it.
///
/// A line is `field => meaning;`, with the name in files if that is another one:
/// `field "name" => meaning;`, and with the value if that is not the field itself:
/// `field = value => meaning;`. Fields that are shown elsewhere are listed in `elsewhere`. All
/// fields must be named, or it does not compile.
macro_rules! put_fields {
    (
        $out:ident, $type:ident = $from:expr, elsewhere: [$($told:ident),* $(,)?];
        $($field:ident $($name:literal)? $(= $value:expr)? => $meaning:expr;)*
    ) => {
        let $type { $($field,)* $($told: _,)* } = $from;
        $($out.put(
            put_fields!(@name $field $($name)?),
            put_fields!(@value $field $(, $value)?),
            $meaning,
        );)*
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@value $field:ident) => { $field };
    (@value $field:ident, $value:expr) => { $value };
}
pub(super) use put_fields;

/// A duration in a unique notation.
fn duration(duration: Option<&Duration>) -> Value {
    let Some(duration) = duration else {
        return Value::Null;
    };
    let seconds = duration.delta().num_seconds();
    if duration.delta() != chrono::TimeDelta::seconds(seconds) {
        return json!(duration.to_string());
    }
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, size) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    json!(text)
}

fn reference(reference: &ObjectRef, namespace: &str) -> String {
    let ObjectRef {
        name,
        namespace: own,
        uid,
    } = reference;
    let base = match own.as_deref().filter(|own| *own != namespace) {
        Some(other) => format!("{other}/{name}"),
        None => name.clone(),
    };
    match uid {
        Some(uid) => format!("{base} (uid {uid})"),
        None => base,
    }
}

fn optional(one: &Option<ObjectRef>, namespace: &str) -> Option<String> {
    one.as_ref().map(|one| reference(one, namespace))
}

/// The target of a gate, in one line.
fn gate_target(target: &GateTarget, namespace: &str) -> String {
    let GateTarget {
        kind,
        name,
        namespace: own,
        uid: _,
        node_id,
        // There is only one version.
        api_version: _,
    } = target;
    if let Some(target) = target.resource() {
        return target_reference(&target, namespace);
    }
    let own = own.as_deref().unwrap_or(namespace);
    let node = node_id.as_ref();
    let node = node.map_or(String::new(), |node| format!(", node {node}"));
    format!("{kind} {own}/{name}{node}")
}

fn target_reference(target: &TargetRef, namespace: &str) -> String {
    let TargetRef {
        kind,
        name,
        namespace: own,
        uid,
        node_id,
        // There is only one version.
        api_version: _,
    } = target;
    let object = ObjectRef {
        name: name.clone(),
        namespace: own.clone(),
        uid: uid.clone(),
    };
    let base = format!("{kind} {}", reference(&object, namespace));
    match node_id {
        Some(node) => format!("{base}, node {node}"),
        None => base,
    }
}

fn references(list: &[ObjectRef], namespace: &str) -> Vec<String> {
    let mut all: Vec<String> = list.iter().map(|one| reference(one, namespace)).collect();
    all.sort();
    all.dedup();
    all
}

fn sorted(list: &[String]) -> Vec<String> {
    let mut all = list.to_vec();
    all.sort();
    all.dedup();
    all
}

fn context_items(items: &[ContextItem]) -> Vec<Value> {
    let one = |item: &ContextItem| {
        let ContextItem {
            name,
            format,
            content,
            uris,
        } = item;
        json!({"name": name, "format": format, "content": content, "uris": uris})
    };
    items.iter().map(one).collect()
}

fn of_metadata(out: &mut Builder, metadata: &Metadata) {
    put_fields! { out, Metadata = metadata, elsewhere: [
            // Both identify the resource.
            name, namespace,
            // Shown one by one below.
            labels, annotations, owner_references,
            // Written by `reconcile`, never by users.
            uid, resource_version, generation, creation_timestamp, deletion_timestamp,
        ];
        finalizers = sorted(finalizers) => minor("what deletion waits for");
    }
    out.group("labels", |out| {
        for (key, value) in &metadata.labels {
            out.put(key, value, minor("a label that selectors may use"));
        }
    });
    out.group("annotations", |out| {
        for (key, value) in &metadata.annotations {
            out.put(key, value, patch("an annotation"));
        }
    });
    for owner in &metadata.owner_references {
        let key = format!("{} {}", owner.kind, owner.name);
        out.element("ownerReferences", &key, Element::Owner, |out| {
            // Kind and name are its key, and there is only one version.
            put_fields! { out, OwnerReference = owner, elsewhere: [kind, name, api_version];
                uid => minor("what it is deleted with");
                controller => minor("what it is deleted with");
                block_owner_deletion "blockOwnerDeletion" => minor("what it is deleted with");
            }
        });
    }
}

fn goal(out: &mut Builder, spec: &GoalSpec) {
    put_fields! { out, GoalSpec = spec, elsewhere: [constraints, acceptance_criteria];
        description => patch("wording").danger(Told);
        plan_selector "planSelector" = plan_selector.as_ref().map(selector_value)
            => minor("which plans may serve the goal");
        timeout = duration(timeout.as_ref()) => minor("how long it may take");
        priority => patch("the priority");
        context = context_items(context) => patch("context").danger(Told);
    }
    out.group("constraints", |out| {
        for (key, value) in &spec.constraints {
            out.put(key, value, minor("a constraint").danger(Constraint));
        }
    });
    for (index, criterion) in spec.acceptance_criteria.iter().enumerate() {
        let place = format!("#{}", index + 1);
        let key = criterion.id.as_deref().unwrap_or(&place);
        let element = Element::GoalCriterion;
        out.element("acceptanceCriteria", key, element, |out| {
            put_fields! { out, GoalCriterion = criterion, elsewhere: [id];
                description => minor("what is required for success")
                    .danger(Always("the wording of what is required for success changes"));
            }
        });
    }
}

fn selector_value(selector: &LabelSelector) -> Value {
    let LabelSelector {
        match_labels,
        match_expressions,
    } = selector;
    let expression = |expression: &LabelExpression| {
        let LabelExpression {
            key,
            operator,
            values,
        } = expression;
        json!({"key": key, "operator": operator, "values": sorted(values)})
    };
    let mut expressions: Vec<Value> = match_expressions.iter().map(expression).collect();
    expressions.sort_by_key(Value::to_string);
    json!({"matchLabels": match_labels, "matchExpressions": expressions})
}

fn plan(out: &mut Builder, namespace: &str, spec: &PlanSpec) {
    // The contract is shown with its document.
    put_fields! { out, PlanSpec = spec, elsewhere: [graph, contract];
        // The workers of all nodes read it.
        description => patch("wording").danger(Told);
        goal_ref "goalRef" = optional(goal_ref, namespace)
            => major("the goal that it serves").danger(Always("the plan serves another goal"));
        series => patch("which revision it is");
        version => patch("which revision it is");
        supersedes = references(supersedes, namespace) => patch("which revision it is");
        graph_digest "graphDigest" => patch("the digest of the graph");
        context = context_items(context) => patch("context").danger(Told);
    }
    let GraphSpec { nodes, edges: _ } = &spec.graph;
    for one in nodes {
        let element = Element::Node(one.kind);
        out.element("nodes", &one.id, element, |out| node(out, namespace, one));
    }
    for ((from, to), kind) in folded_edges(&spec.graph) {
        let prefix = std::mem::replace(&mut out.prefix, vec!["edges".to_owned()]);
        out.element(from, to, Element::Edge(kind), |out| {
            let danger = Is("soft", "it continues even if what it waits for fails");
            out.put("type", kind, minor("how strictly it waits").danger(danger));
        });
        out.prefix = prefix;
    }
}

fn node(out: &mut Builder, namespace: &str, node: &Node) {
    let is_gate = node.kind == NodeKind::Gate;
    // Without a description, the name is the instruction; and it is read in any case.
    let named = match (node.kind, &node.description) {
        (NodeKind::Task, None) => Told,
        _ => Pointed,
    };
    put_fields! { out, Node = node, elsewhere: [
            // The address of the node, and its origin.
            id, step,
            // Shown as edges.
            depends_on,
            // Shown one by one below.
            inputs, outputs, acceptance_criteria, extension,
        ];
        kind => minor("what kind of node it is")
            .danger(Was("Gate", "a decision is no longer required"));
        name => patch("wording").danger(named);
        description => patch("wording").danger(Told);
        context = context_items(context) => patch("context").danger(Told);
        timeout = duration(timeout.as_ref()) => minor("how long it may take")
            .danger(Timeout { decides: is_gate });
        when => minor("when it is skipped").danger(Condition { decides: is_gate });
        capability_refs "capabilityRefs" = references(capability_refs, namespace)
            => minor("what a worker must be able to do");
        retries = (*retries > 0).then_some(retries) => minor("how often it is tried again")
            .danger(Failures);
        estimated_effort "estimatedEffort" => patch("the estimate");
        gate_ref "gateRef" = optional(gate_ref, namespace) => minor(super::gates::WHICH)
            .danger(Always("somebody else, or something else, decides"));
        children = sorted(children) => minor("which nodes belong to it");
        mode => patch("a hint on the order");
        external_ref "externalRef" = external_ref.as_ref().map(|one| outside(one, namespace))
            => minor("what it waits for").danger(Always("it waits for something else"));
        poll_interval "pollInterval" = duration(poll_interval.as_ref())
            => minor("how often it polls");
        provider => minor("who does the work").danger(Provider);
    }
    out.group("x-planspec", |out| {
        put_fields! { out, NodeExtension = &node.extension, elsewhere: [];
            always = always.then_some(true) => minor("whether it always runs")
                .danger(Whatever);
            touches = sorted(touches)
                => minor("which paths it touches");
        }
    });
    out.group("inputs", |out| {
        for (name, value) in &node.inputs {
            out.put(name, value, minor("what the worker is given").danger(Told));
        }
    });
    for output in &node.outputs {
        out.element("outputs", &output.name, Element::Output, |out| {
            put_fields! { out, OutputSpec = output, elsewhere: [];
                name => patch("wording");
                description => patch("wording");
                value_type "type" => minor("the type of an output");
            }
        });
    }
    checks(out, "acceptanceCriteria", &node.acceptance_criteria);
}

/// The beginning of the words for a webhook call.
pub(super) const CALL: &str = "a call to ";

fn outside(external: &ExternalRef, namespace: &str) -> String {
    match external {
        ExternalRef::Uri { uri } => uri.clone(),
        ExternalRef::Resource { resource_ref } => target_reference(resource_ref, namespace),
        ExternalRef::Webhook { webhook_url } => format!("{CALL}{webhook_url}"),
    }
}

/// The checks of a task, or of a success criterion.
pub(super) fn checks(out: &mut Builder, list: &str, criteria: &[TaskCriterion]) {
    for one in criteria {
        let element = Element::Check {
            required: one.required,
        };
        out.element(list, &one.name, element, |out| criterion(out, one));
    }
}

fn criterion(out: &mut Builder, criterion: &TaskCriterion) {
    let looser = GoneOrOther(
        "the check looks at less",
        "the check is satisfied by something else",
    );
    let other = Always("something else is checked");
    let runs = Check;
    let asks = Always("the check calls another address");
    let answer = minor("the answer that counts as success")
        .danger(Always("another answer counts as success"));
    put_fields! { out, TaskCriterion = criterion, elsewhere: [expected_response];
        kind "type" => minor("which check it is").danger(other);
        // Its key, without the number of a duplicate.
        name => patch("wording");
        description => patch("wording");
        required => minor("whether it decides").danger(IsFalse("the check no longer decides"));
        timeout = duration(timeout.as_ref()) => minor("how long the check may take");
        path => minor("the file that is looked at").danger(other);
        content_match "contentMatch" => minor("what the file must contain").danger(looser);
        command => minor("the command that is run").danger(runs);
        args => minor("the arguments of the command").danger(runs);
        expected_exit_code "expectedExitCode" = expected_exit_code.unwrap_or(0)
            => minor("the exit code that counts as success")
                .danger(Always("another exit code counts as success"));
        output_match "outputMatch" => minor("what the output must contain").danger(looser);
        url => minor("the address to call").danger(asks);
        method = method.as_deref().unwrap_or("GET") => minor("the method of the call");
        expected_status "expectedStatus" = expected_status.unwrap_or(200) => answer;
        body_match "bodyMatch" => minor("what the answer must contain").danger(looser);
        webhook_url "webhookUrl" => minor("who is asked").danger(asks);
        payload => minor("what is sent");
    }
    if let Some(expected) = &criterion.expected_response {
        out.group("expectedResponse", |out| {
            put_fields! { out, ExpectedResponse = expected, elsewhere: [];
                status_code "statusCode" => answer;
                body_match "bodyMatch" => minor("what the answer must contain").danger(looser);
            }
        });
    }
}

fn capability(out: &mut Builder, namespace: &str, spec: &CapabilitySpec) {
    put_fields! { out, CapabilitySpec = spec, elsewhere: [inputs, outputs, requirements];
        description => patch("wording");
        display_name "displayName" => patch("wording");
        category => patch("the category");
    }
    for (list, parameters) in [("inputs", &spec.inputs), ("outputs", &spec.outputs)] {
        for one in parameters {
            let element = Element::Parameter;
            out.element(list, &one.name, element, |out| parameter(out, one));
        }
    }
    for requirement in &spec.requirements {
        let key = reference(&requirement.reference(), namespace);
        out.element("requirements", &key, Element::Requirement, |out| {
            put_fields! { out, Requirement = requirement, elsewhere: [name, namespace];
                optional => minor("whether it may be missing");
            }
        });
    }
}

fn parameter(out: &mut Builder, parameter: &Parameter) {
    let takes = minor("which values are taken");
    put_fields! { out, Parameter = parameter, elsewhere: [];
        name => patch("wording");
        value_type "type" => takes;
        description => patch("wording");
        required => minor("whether it must be given");
        default => minor("the default value")
            .danger(Always("the worker gets another value if the plan sets none"));
        format => takes;
        allowed "enum" => takes;
        item_type "itemType" => takes;
        object_properties "objectProperties" => takes;
    }
}

fn binding(out: &mut Builder, namespace: &str, spec: &BindingSpec) {
    put_fields! { out, BindingSpec = spec, elsewhere: [rules];
        strategy => minor("which of several rules wins");
    }
    for rule in &spec.rules {
        let key = selector_words(&rule.selector, namespace);
        out.element("rules", &key, Element::Rule, |out| {
            put_fields! { out, Rule = rule, elsewhere: [selector, target];
                priority => minor("which of several rules wins");
            }
            put_fields! { out, Target = &rule.target, elsewhere: [config];
                provider => minor("who does the work").danger(Provider);
            }
            settings(out, rule.target.config.as_ref());
        });
    }
}

/// The configuration of a provider, name by name.
fn settings(out: &mut Builder, config: Option<&Value>) {
    let other = minor("the settings of the provider")
        .danger(Always("the provider works with other settings"));
    let Some(Value::Object(fields)) = config else {
        return out.put("config", config, other);
    };
    out.group("config", |out| {
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("command", _) => {
                    let runs = minor("the command that is run").danger(Command);
                    out.put(name, value, runs);
                }
                ("env", Value::Object(variables)) => out.group(name, |out| {
                    let danger = Always("the command runs in another environment");
                    for (variable, value) in variables {
                        out.put(
                            variable,
                            value,
                            minor("a variable of the command").danger(danger),
                        );
                    }
                }),
                ("timeout", _) => {
                    let danger = Timeout { decides: false };
                    out.put(
                        name,
                        value,
                        minor("how long the command may take").danger(danger),
                    );
                }
                ("workingDirectory", _) => {
                    let danger = Always("the command runs somewhere else");
                    out.put(name, value, minor("where the command runs").danger(danger));
                }
                ("workspace", _) => {
                    let danger = Always("the command finds other files");
                    out.put(
                        name,
                        value,
                        minor("the files that the command finds").danger(danger),
                    );
                }
                _ => out.put(name, value, other),
            }
        }
    });
}

pub(super) fn selector_words(selector: &Selector, namespace: &str) -> String {
    let Selector {
        capability_ref,
        plan_ref,
        node_id,
        match_labels,
    } = selector;
    let mut words = Vec::new();
    if let Some(plan) = plan_ref {
        words.push(format!("plan {}", reference(plan, namespace)));
    }
    if let Some(node) = node_id {
        words.push(format!("node {node}"));
    }
    if let Some(capability) = capability_ref {
        words.push(format!("capability {}", reference(capability, namespace)));
    }
    for (key, value) in match_labels {
        words.push(format!("label {key}={value}"));
    }
    words.join(", ")
}

fn gate(out: &mut Builder, namespace: &str, spec: &GateSpec) {
    put_fields! { out, GateSpec = spec, elsewhere: [];
        gate_type "gateType" => minor("the kind of decision")
            .danger(Always("another kind of decision is asked for"));
        target_ref "targetRef" = gate_target(target_ref, namespace)
            => minor("where the gate may be used")
                .danger(Always("the gate may be used somewhere else"));
        description => patch("wording");
        reviewers = sorted(reviewers) => minor("who may decide").danger(Reviewers);
        required_approvers "requiredApprovers" => minor("how many people must approve")
            .danger(Lower("fewer people must approve"));
        context => patch("context");
    }
}

fn execution(out: &mut Builder, namespace: &str, spec: &ExecutionSpec) {
    let run = major("what a run was started as").danger(Always(
        "a run is what it was started as: an Execution is immutable",
    ));
    put_fields! { out, ExecutionSpec = spec, elsewhere: [node_bindings, parameters];
        plan_ref "planRef" = reference(plan_ref, namespace) => run;
        goal_ref "goalRef" = optional(goal_ref, namespace) => run;
        binding_ref "bindingRef" = optional(binding_ref, namespace) => run;
        runtime_ref "runtimeRef" = optional(runtime_ref, namespace) => run;
        context = context_items(context) => run;
    }
    out.group("nodeBindings", |out| {
        for (node, binding) in &spec.node_bindings {
            out.put(node, reference(binding, namespace), run);
        }
    });
    out.group("parameters", |out| {
        for (name, value) in &spec.parameters {
            out.put(name, value, run);
        }
    });
}
