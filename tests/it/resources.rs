//! Resources as the tests write them: readable text, all in namespace `default` unless said otherwise.

/// A resource of any kind.
pub fn resource(kind: &str, name: &str, spec: &str) -> String {
    resource_in("default", kind, name, spec)
}

/// A resource of any kind in a namespace.
pub fn resource_in(namespace: &str, kind: &str, name: &str, spec: &str) -> String {
    let spec = indented(spec, 2);
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: \
         {namespace}\nspec:\n{spec}"
    )
}

pub fn goal(name: &str) -> String {
    resource("Goal", name, "description: What it is good for\n")
}

pub fn capability(name: &str) -> String {
    resource(
        "Capability",
        name,
        "description: Something that can be done\n",
    )
}

/// A binding of capabilities to providers.
pub fn binding(name: &str, rules: &[(&str, &str)]) -> String {
    let mut spec = "rules:\n".to_owned();
    for (capability, provider) in rules {
        spec.push_str(&format!(
            "  - selector: {{capabilityRef: {{name: {capability}}}}}\n    target: {{provider: \
             \"{provider}\"}}\n"
        ));
    }
    resource("Binding", name, &spec)
}

/// A gate for a plan that opens with one approval.
pub fn gate(name: &str, plan: &str) -> String {
    gate_with(name, plan, "")
}

/// A gate with further fields.
pub fn gate_with(name: &str, plan: &str, more: &str) -> String {
    let spec = format!("gateType: approval\ntargetRef: {{kind: Plan, name: {plan}}}\n{more}");
    resource("Gate", name, &spec)
}

/// A run of a plan.
pub fn execution(name: &str, plan: &str) -> String {
    execution_with(name, plan, "")
}

/// A run of a plan with further fields.
pub fn execution_with(name: &str, plan: &str, more: &str) -> String {
    let spec = format!("planRef: {{name: {plan}}}\n{more}");
    resource("Execution", name, &spec)
}

/// A plan of nodes.
pub fn plan(name: &str, nodes: &[Node]) -> String {
    plan_with(name, "", nodes)
}

/// A plan with further fields.
pub fn plan_with(name: &str, more: &str, nodes: &[Node]) -> String {
    resource("Plan", name, &plan_spec(more, nodes))
}

/// The spec of a plan.
pub fn plan_spec(more: &str, nodes: &[Node]) -> String {
    let mut spec = format!("description: How it is done\n{more}graph:\n  nodes:\n");
    for node in nodes {
        spec.push_str(&indented(&node.text, 4));
    }
    let edges: String = nodes.iter().map(|node| indented(&node.edges, 4)).collect();
    if !edges.is_empty() {
        spec.push_str(&format!("  edges:\n{edges}"));
    }
    spec
}

/// A node of a plan, and the edges into it.
pub struct Node {
    id: String,
    text: String,
    edges: String,
}

/// A task that anyone may do.
pub fn task(id: &str) -> Node {
    Node {
        id: id.to_owned(),
        text: format!("- id: {id}\n  kind: Task\n"),
        edges: String::new(),
    }
}

/// A node that waits for a decision.
pub fn gate_node(id: &str, gate: &str) -> Node {
    Node {
        id: id.to_owned(),
        text: format!("- id: {id}\n  kind: Gate\n  gateRef: {{name: {gate}}}\n"),
        edges: String::new(),
    }
}

/// A node that waits for an external event.
pub fn external(id: &str, reference: &str) -> Node {
    Node {
        id: id.to_owned(),
        text: format!("- id: {id}\n  kind: External\n  externalRef: {reference}\n"),
        edges: String::new(),
    }
}

impl Node {
    /// Starts when another node has succeeded.
    pub fn after(mut self, id: &str) -> Node {
        let edge = format!("- {{from: {id}, to: {}}}\n", self.id);
        self.edges.push_str(&edge);
        self
    }

    /// Starts when another node has ended, in any phase.
    pub fn once_over(mut self, id: &str) -> Node {
        let edge = format!("- {{from: {id}, to: {}, type: soft}}\n", self.id);
        self.edges.push_str(&edge);
        self
    }

    /// Needs a capability.
    pub fn needs(self, capability: &str) -> Node {
        self.with(&format!("capabilityRefs: [{{name: {capability}}}]\n"))
    }

    /// With further fields.
    pub fn with(mut self, more: &str) -> Node {
        self.text.push_str(&indented(more, 2));
        self
    }
}

/// Several resources in one file.
pub fn file(resources: &[String]) -> String {
    resources.join("---\n")
}

fn indented(text: &str, by: usize) -> String {
    let indent = " ".repeat(by);
    text.lines()
        .map(|line| format!("{indent}{line}\n"))
        .collect()
}
