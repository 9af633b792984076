//! A resource in its normal form: every field of every type, with what a change of it means.
//!
//! Every struct is taken apart without `..`: a field that is added to a type does not compile here
//! before somebody has decided what its change means. What does not show is decided here, too: the
//! order of lists that are sets, defaults that are written out, namespaces that go without saying.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::meaning::{Class, DangerWhen, Meaning};
use crate::core::plan::graph::folded_edges;
use crate::core::resource::{
    BindingSpec, CapabilitySpec, ContextItem, Duration, EdgeKind, ExecutionSpec, ExpectedResponse,
    ExternalRef, GateSpec, GoalCriterion, GoalSpec, GraphSpec, LabelExpression, LabelSelector,
    Metadata, Node, NodeKind, ObjectRef, OutputSpec, OwnerReference, Parameter, PlanSpec,
    Requirement, Resource, Rule, Selector, Spec, Target, TargetRef, TaskCriterion,
};

/// Where something stands: steps from the root of a resource. What identifies the item of a list is
/// a step, and not its place in the list.
pub type Address = Vec<String>;

/// One value at the end of an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// The value, defaults written out.
    pub value: Value,
    /// What a change of it means.
    pub meaning: Meaning,
}

/// Something that comes and goes as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// A node of a plan.
    Node(NodeKind),
    /// An edge between two nodes.
    Edge(EdgeKind),
    /// An acceptance criterion of a task, or a check of a success criterion.
    Check {
        /// Whether it decides.
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
    /// A capability that another needs.
    Requirement,
    /// An owner.
    Owner,
    /// An entry of a section of a document.
    Entry(SectionEntry),
}

/// What it means that an entry of a document comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionEntry {
    /// What it is.
    pub noun: &'static str,
    /// How large that is.
    pub class: Class,
    /// Why it is dangerous that it is new.
    pub gained: Option<&'static str>,
    /// Why it is dangerous that it is gone.
    pub lost: Option<&'static str>,
}

/// A resource apart from how it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Normal {
    /// Every value that is there.
    pub leaves: BTreeMap<Address, Leaf>,
    /// Everything that comes and goes as a whole, by the address that its leaves begin with.
    pub elements: BTreeMap<Address, Element>,
}

impl Normal {
    /// The normal form of a resource.
    pub fn of(resource: &Resource) -> Normal {
        let mut out = Builder::default();
        let Resource {
            metadata,
            spec,
            // The same as `spec`, as it is written.
            raw_spec: _,
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

    /// As nested objects: what a program that is handed the changes would hold.
    pub fn tree(&self) -> Value {
        let mut tree = Value::Object(Map::new());
        for (address, leaf) in &self.leaves {
            super::apply::set(&mut tree, address, leaf.value.clone());
        }
        tree
    }

    /// What stands below an address, as nested objects.
    pub fn subtree(&self, address: &[String]) -> Value {
        let mut tree = Value::Object(Map::new());
        for (own, leaf) in self.below(address) {
            super::apply::set(&mut tree, &own[address.len()..], leaf.value.clone());
        }
        tree
    }

    /// The leaves below an address, in order.
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
    /// A value; what is empty is not there.
    pub(super) fn put(&mut self, field: &str, value: impl Serialize, meaning: Meaning) {
        // What was read from JSON can be written as JSON.
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

    /// Something that comes and goes as a whole. Of two with one key the second gets a number.
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

    /// Fields that belong together and do not come and go as a whole.
    pub(super) fn group(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.prefix.push(name.to_owned());
        fill(self);
        self.prefix.pop();
    }
}

/// The same duration in the same words: two texts may mean one.
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

fn target_reference(target: &TargetRef, namespace: &str) -> String {
    let TargetRef {
        kind,
        name,
        namespace: own,
        uid,
        node_id,
        // There is one version.
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

fn context(items: &[ContextItem]) -> Vec<Value> {
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
    let Metadata {
        // Both are the address of the resource.
        name: _,
        namespace: _,
        labels,
        annotations,
        owner_references,
        finalizers,
        // Written by `reconcile`, never by people.
        uid: _,
        resource_version: _,
        generation: _,
        creation_timestamp: _,
        deletion_timestamp: _,
    } = metadata;
    out.group("labels", |out| {
        for (key, value) in labels {
            out.put(key, value, Meaning::minor("a label that selectors may use"));
        }
    });
    out.group("annotations", |out| {
        for (key, value) in annotations {
            out.put(key, value, Meaning::patch("an annotation"));
        }
    });
    for owner in owner_references {
        let OwnerReference {
            api_version: _,
            kind,
            name,
            uid,
            controller,
            block_owner_deletion,
        } = owner;
        let key = format!("{kind} {name}");
        out.element("ownerReferences", &key, Element::Owner, |out| {
            let meaning = Meaning::minor("what it is deleted with");
            out.put("uid", uid, meaning);
            out.put("controller", controller, meaning);
            out.put("blockOwnerDeletion", block_owner_deletion, meaning);
        });
    }
    out.put(
        "finalizers",
        sorted(finalizers),
        Meaning::minor("what deletion waits for"),
    );
}

fn goal(out: &mut Builder, spec: &GoalSpec) {
    let GoalSpec {
        description,
        constraints,
        acceptance_criteria,
        plan_selector,
        timeout,
        priority,
        context: items,
    } = spec;
    out.put("description", description, Meaning::patch("wording"));
    out.group("constraints", |out| {
        for (key, value) in constraints {
            let danger = DangerWhen::Constraint;
            out.put(key, value, Meaning::minor("a constraint").danger(danger));
        }
    });
    for (index, criterion) in acceptance_criteria.iter().enumerate() {
        let GoalCriterion { id, description } = criterion;
        let place = format!("#{}", index + 1);
        let key = id.as_deref().unwrap_or(&place);
        let element = Element::GoalCriterion;
        out.element("acceptanceCriteria", key, element, |out| {
            let danger = DangerWhen::Always("what must hold for success is put in other words");
            let meaning = Meaning::minor("what must hold for success").danger(danger);
            out.put("description", description, meaning);
        });
    }
    let meaning = Meaning::minor("which plans may serve the goal");
    out.put(
        "planSelector",
        plan_selector.as_ref().map(selector_value),
        meaning,
    );
    out.put(
        "timeout",
        duration(timeout.as_ref()),
        Meaning::minor("how long it may take"),
    );
    out.put("priority", priority, Meaning::patch("the priority"));
    out.put("context", context(items), Meaning::patch("context"));
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
    let PlanSpec {
        description,
        goal_ref,
        series,
        version,
        supersedes,
        graph_digest,
        context: items,
        graph: GraphSpec { nodes, edges: _ },
        // Told with the document.
        contract: _,
    } = spec;
    out.put("description", description, Meaning::patch("wording"));
    let goal_ref = goal_ref.as_ref().map(|goal| reference(goal, namespace));
    let danger = DangerWhen::Always("the plan serves another goal");
    let meaning = Meaning::major("the goal that it serves").danger(danger);
    out.put("goalRef", goal_ref, meaning);
    let revision = Meaning::patch("which revision it is");
    out.put("series", series, revision);
    out.put("version", version, revision);
    out.put("supersedes", references(supersedes, namespace), revision);
    let meaning = Meaning::patch("the digest of the graph");
    out.put("graphDigest", graph_digest, meaning);
    out.put("context", context(items), Meaning::patch("context"));
    for one in nodes {
        let element = Element::Node(one.kind);
        out.element("nodes", &one.id, element, |out| node(out, namespace, one));
    }
    for ((from, to), kind) in folded_edges(&spec.graph) {
        let prefix = std::mem::replace(&mut out.prefix, vec!["edges".to_owned()]);
        out.element(from, to, Element::Edge(kind), |out| {
            let danger = DangerWhen::Is("soft", "it goes on even when what it waits for fails");
            let meaning = Meaning::minor("how strictly it waits").danger(danger);
            out.put("type", kind, meaning);
        });
        out.prefix = prefix;
    }
}

fn node(out: &mut Builder, namespace: &str, node: &Node) {
    let Node {
        // The address of the node.
        id: _,
        kind,
        name,
        description,
        context: items,
        // Among the edges.
        depends_on: _,
        timeout,
        when,
        capability_refs,
        inputs,
        outputs,
        acceptance_criteria,
        retries,
        estimated_effort,
        gate_ref,
        children,
        mode,
        external_ref,
        poll_interval,
        provider,
    } = node;
    let danger = DangerWhen::Was("Gate", "a decision is no longer asked for");
    let meaning = Meaning::minor("what kind of node it is").danger(danger);
    out.put("kind", kind, meaning);
    out.put("name", name, Meaning::patch("wording"));
    let danger = DangerWhen::OtherText("whoever does it is told something else");
    let meaning = Meaning::patch("wording").danger(danger);
    out.put("description", description, meaning);
    out.put("context", context(items), Meaning::patch("context"));
    let meaning = Meaning::minor("how long it may take");
    out.put("timeout", duration(timeout.as_ref()), meaning);
    let danger = match kind {
        NodeKind::Gate => DangerWhen::Always("when the decision is skipped changes"),
        _ => DangerWhen::Never,
    };
    let meaning = Meaning::minor("when it is skipped").danger(danger);
    out.put("when", when, meaning);
    let meaning = Meaning::minor("what a worker must be able to do");
    out.put(
        "capabilityRefs",
        references(capability_refs, namespace),
        meaning,
    );
    out.group("inputs", |out| {
        for (name, value) in inputs {
            out.put(name, value, Meaning::minor("what the worker is given"));
        }
    });
    for output in outputs {
        let OutputSpec {
            name,
            description,
            value_type,
        } = output;
        out.element("outputs", name, Element::Output, |out| {
            out.put("name", name, Meaning::patch("wording"));
            out.put("description", description, Meaning::patch("wording"));
            out.put("type", value_type, Meaning::minor("the type of an output"));
        });
    }
    checks(out, "acceptanceCriteria", acceptance_criteria);
    out.put(
        "retries",
        (*retries > 0).then_some(retries),
        Meaning::minor("how often it is tried again"),
    );
    let meaning = Meaning::patch("the estimate");
    out.put("estimatedEffort", estimated_effort, meaning);
    let danger = DangerWhen::Always("somebody else, or something else, decides");
    let meaning = Meaning::minor("which gate decides").danger(danger);
    let gate_ref = gate_ref.as_ref().map(|gate| reference(gate, namespace));
    out.put("gateRef", gate_ref, meaning);
    let meaning = Meaning::minor("which nodes belong to it");
    out.put("children", sorted(children), meaning);
    out.put("mode", mode, Meaning::patch("a hint on the order"));
    let danger = DangerWhen::Always("it waits for something else");
    let meaning = Meaning::minor("what it waits for").danger(danger);
    out.put(
        "externalRef",
        external_ref
            .as_ref()
            .map(|external| outside(external, namespace)),
        meaning,
    );
    let meaning = Meaning::minor("how often it looks");
    out.put("pollInterval", duration(poll_interval.as_ref()), meaning);
    let meaning = Meaning::minor("who does the work").danger(DangerWhen::Provider);
    out.put("provider", provider, meaning);
}

fn outside(external: &ExternalRef, namespace: &str) -> String {
    match external {
        ExternalRef::Uri { uri } => uri.clone(),
        ExternalRef::Resource { resource_ref } => target_reference(resource_ref, namespace),
        ExternalRef::Webhook { webhook_url } => format!("a call to {webhook_url}"),
    }
}

/// What is checked of a task, or of a success criterion.
pub(super) fn checks(out: &mut Builder, list: &str, criteria: &[TaskCriterion]) {
    for one in criteria {
        let element = Element::Check {
            required: one.required,
        };
        out.element(list, &one.name, element, |out| criterion(out, one));
    }
}

fn criterion(out: &mut Builder, criterion: &TaskCriterion) {
    let TaskCriterion {
        kind,
        name,
        description,
        required,
        timeout,
        path,
        content_match,
        command,
        args,
        expected_exit_code,
        output_match,
        url,
        method,
        expected_status,
        body_match,
        webhook_url,
        payload,
        expected_response,
    } = criterion;
    let check = |label, danger| Meaning::minor(label).danger(danger);
    let looser = DangerWhen::GoneOrOther(
        "the check looks at less",
        "the check is satisfied by something else",
    );
    let other = DangerWhen::Always("something else is checked");
    let kind_meaning = check("which check it is", other);
    out.put("type", kind, kind_meaning);
    // Its key, without the number that a second one of that name gets.
    out.put("name", name, Meaning::patch("wording"));
    out.put("description", description, Meaning::patch("wording"));
    let danger = DangerWhen::IsFalse("the check no longer decides");
    out.put("required", required, check("whether it decides", danger));
    let meaning = Meaning::minor("how long the check may take");
    out.put("timeout", duration(timeout.as_ref()), meaning);
    out.put("path", path, check("the file that is looked at", other));
    let meaning = check("what the file must contain", looser);
    out.put("contentMatch", content_match, meaning);
    let runs = DangerWhen::Always("whoever checks runs another command");
    out.put("command", command, check("the command that is run", runs));
    out.put("args", args, check("the arguments of the command", runs));
    let exit = DangerWhen::Always("another exit code counts as success");
    let meaning = check("the exit code that counts as success", exit);
    out.put("expectedExitCode", expected_exit_code.unwrap_or(0), meaning);
    let meaning = check("what the output must contain", looser);
    out.put("outputMatch", output_match, meaning);
    let asks = DangerWhen::Always("whoever checks asks somewhere else");
    out.put("url", url, check("where is asked", asks));
    let meaning = check("how is asked", DangerWhen::Never);
    out.put("method", method.as_deref().unwrap_or("GET"), meaning);
    let status = DangerWhen::Always("another answer counts as success");
    let meaning = check("the answer that counts as success", status);
    out.put("expectedStatus", expected_status.unwrap_or(200), meaning);
    let meaning = check("what the answer must contain", looser);
    out.put("bodyMatch", body_match, meaning);
    out.put("webhookUrl", webhook_url, check("who is asked", asks));
    let meaning = Meaning::minor("what is sent");
    out.put("payload", payload, meaning);
    if let Some(ExpectedResponse {
        status_code,
        body_match,
    }) = expected_response
    {
        out.group("expectedResponse", |out| {
            let meaning = check("the answer that counts as success", status);
            out.put("statusCode", status_code, meaning);
            let meaning = check("what the answer must contain", looser);
            out.put("bodyMatch", body_match, meaning);
        });
    }
}

fn capability(out: &mut Builder, namespace: &str, spec: &CapabilitySpec) {
    let CapabilitySpec {
        description,
        display_name,
        category,
        inputs,
        outputs,
        requirements,
    } = spec;
    out.put("description", description, Meaning::patch("wording"));
    out.put("displayName", display_name, Meaning::patch("wording"));
    out.put("category", category, Meaning::patch("the category"));
    for (list, parameters) in [("inputs", inputs), ("outputs", outputs)] {
        for one in parameters {
            out.element(list, &one.name, Element::Parameter, |out| {
                parameter(out, one)
            });
        }
    }
    for requirement in requirements {
        let Requirement {
            name,
            namespace: own,
            optional,
        } = requirement;
        let object = ObjectRef {
            name: name.clone(),
            namespace: own.clone(),
            uid: None,
        };
        let key = reference(&object, namespace);
        out.element("requirements", &key, Element::Requirement, |out| {
            let meaning = Meaning::minor("whether it may be missing");
            out.put("optional", optional, meaning);
        });
    }
}

fn parameter(out: &mut Builder, parameter: &Parameter) {
    let Parameter {
        name,
        value_type,
        description,
        required,
        default,
        format,
        allowed,
        item_type,
        object_properties,
    } = parameter;
    let takes = Meaning::minor("which values are taken");
    out.put("name", name, Meaning::patch("wording"));
    out.put("type", value_type, takes);
    out.put("description", description, Meaning::patch("wording"));
    let meaning = Meaning::minor("whether it must be given");
    out.put("required", required, meaning);
    let meaning = Meaning::minor("what is taken when nothing is given");
    out.put("default", default, meaning);
    out.put("format", format, takes);
    out.put("enum", allowed, takes);
    out.put("itemType", item_type, takes);
    out.put("objectProperties", object_properties, takes);
}

fn binding(out: &mut Builder, namespace: &str, spec: &BindingSpec) {
    let BindingSpec { strategy, rules } = spec;
    let meaning = Meaning::minor("which of several rules wins");
    out.put("strategy", strategy, meaning);
    for rule in rules {
        let Rule {
            priority,
            selector,
            target,
        } = rule;
        let key = selector_words(selector, namespace);
        out.element("rules", &key, Element::Rule, |out| {
            let meaning = Meaning::minor("which of several rules wins");
            out.put("priority", priority, meaning);
            let Target { provider, config } = target;
            let meaning = Meaning::minor("who does the work").danger(DangerWhen::Provider);
            out.put("provider", provider, meaning);
            let danger = DangerWhen::Always("the provider works with other settings");
            let meaning = Meaning::minor("the settings of the provider").danger(danger);
            out.put("config", config, meaning);
        });
    }
}

fn selector_words(selector: &Selector, namespace: &str) -> String {
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
    let GateSpec {
        gate_type,
        target_ref,
        description,
        reviewers,
        required_approvers,
        context,
    } = spec;
    let danger = DangerWhen::Always("another kind of decision is asked for");
    let meaning = Meaning::minor("the kind of decision").danger(danger);
    out.put("gateType", gate_type, meaning);
    let danger = DangerWhen::Always("the gate may be used somewhere else");
    let meaning = Meaning::minor("where the gate may be used").danger(danger);
    out.put(
        "targetRef",
        target_reference(target_ref, namespace),
        meaning,
    );
    out.put("description", description, Meaning::patch("wording"));
    let meaning = Meaning::minor("who may decide").danger(DangerWhen::Reviewers);
    out.put("reviewers", sorted(reviewers), meaning);
    let danger = DangerWhen::Lower("fewer people must approve");
    let meaning = Meaning::minor("how many people must approve").danger(danger);
    out.put("requiredApprovers", required_approvers, meaning);
    out.put("context", context, Meaning::patch("context"));
}

fn execution(out: &mut Builder, namespace: &str, spec: &ExecutionSpec) {
    let ExecutionSpec {
        plan_ref,
        goal_ref,
        binding_ref,
        node_bindings,
        runtime_ref,
        parameters,
        context: items,
    } = spec;
    let run = Meaning::major("what a run was started as").danger(DangerWhen::Always(
        "a run is what it was started as: an Execution is immutable",
    ));
    let optional = |one: &Option<ObjectRef>| one.as_ref().map(|one| reference(one, namespace));
    out.put("planRef", reference(plan_ref, namespace), run);
    out.put("goalRef", optional(goal_ref), run);
    out.put("bindingRef", optional(binding_ref), run);
    out.group("nodeBindings", |out| {
        for (node, binding) in node_bindings {
            out.put(node, reference(binding, namespace), run);
        }
    });
    out.put("runtimeRef", optional(runtime_ref), run);
    out.group("parameters", |out| {
        for (name, value) in parameters {
            out.put(name, value, run);
        }
    });
    out.put("context", context(items), run);
}
