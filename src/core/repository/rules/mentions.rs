//! What a `when` and the inputs of tasks mention: nodes that exist, come before and have the
//! output, and parameters that executions give.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{NAMES, SUGGESTIONS, SharedSuggestions, each, first_names};
use crate::core::base::diagnostic::{Code, Diagnostic, PathStep};
use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::{and_more, listed};
use crate::core::plan::graph::Graph;
use crate::core::plan::mention::{Mention, Mentioned};
use crate::core::plan::template::{self, Reference};
use crate::core::plan::when::{Mistake, MistakeKind, When};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{ExecutionSpec, GraphSpec, Key, Kind, Node, NodeKind, Spec};
use crate::path;

pub(super) fn check(snapshot: &Definitions, findings: &mut Vec<Diagnostic>) {
    let mut suggestions = SharedSuggestions::new();
    let mut used: BTreeMap<&Key, BTreeSet<String>> = BTreeMap::new();
    for (definition, spec) in each(snapshot, Kind::Plan, Spec::plan) {
        let mut plan = Plan {
            definition,
            graph: &spec.graph,
            mentions: Vec::new(),
            parameters: BTreeSet::new(),
            findings,
        };
        plan.collect();
        plan.resolve(&mut suggestions);
        used.insert(&definition.key, plan.parameters);
    }
    for (execution, spec) in each(snapshot, Kind::Execution, Spec::execution) {
        findings.extend(parameters(execution, spec, &used));
    }
}

/// A plan and what is mentioned in it.
struct Plan<'a, 'f> {
    definition: &'a Definition,
    graph: &'a GraphSpec,
    mentions: Vec<Found>,
    /// Parameters that conditions and inputs refer to.
    parameters: BTreeSet<String>,
    findings: &'f mut Vec<Diagnostic>,
}

/// A mention and where it stands.
struct Found {
    mention: Mention,
    /// The node that mentions.
    by: usize,
    path: Vec<PathStep>,
}

impl Plan<'_, '_> {
    fn collect(&mut self) {
        for (by, node) in self.graph.nodes.iter().enumerate() {
            if let Some(when) = &node.when {
                self.condition(by, when);
            }
            self.inputs(by, node);
        }
    }

    fn condition(&mut self, by: usize, when: &str) {
        let path = || path!["spec", "graph", "nodes", by, "when"];
        match When::compile(when) {
            Ok(condition) => {
                let needed = &condition.parameters().needed;
                self.parameters.extend(needed.iter().cloned());
                let mentions = condition.mentions().iter().cloned();
                self.mentions.extend(mentions.map(|mention| Found {
                    mention,
                    by,
                    path: path(),
                }));
            }
            Err(mistakes) => {
                let found = mistakes.into_iter();
                let found = found.map(|mistake| describe(self.definition, path(), mistake));
                self.findings.extend(found);
            }
        }
    }

    /// Every text in the inputs of a task, however deep.
    fn inputs(&mut self, by: usize, node: &Node) {
        let matters = |value: &Value| match value {
            Value::String(text) => {
                template::is_template(text) || template::of_another_tool(text).is_some()
            }
            value => value.is_array() || value.is_object(),
        };
        let mut todo: Vec<(&Value, Vec<PathStep>)> = node
            .inputs
            .iter()
            .filter(|(_, value)| matters(value))
            .map(|(name, value)| {
                let path = path!["spec", "graph", "nodes", by, "inputs", name.as_str()];
                (value, path)
            })
            .collect();
        while let Some((value, path)) = todo.pop() {
            let below = |step: PathStep| {
                let mut path = path.clone();
                path.push(step);
                path
            };
            match value {
                Value::String(text) => self.template(by, text, path),
                Value::Array(items) => {
                    let items = items.iter().enumerate().filter(|(_, item)| matters(item));
                    todo.extend(items.map(|(index, item)| (item, below(index.into()))));
                }
                Value::Object(fields) => {
                    let fields = fields.iter().filter(|(_, field)| matters(field));
                    todo.extend(fields.map(|(name, field)| (field, below(name.as_str().into()))));
                }
                _ => {}
            }
        }
    }

    fn template(&mut self, by: usize, text: &str, path: Vec<PathStep>) {
        if !template::is_template(text)
            && let Some((written, ours)) = template::of_another_tool(text)
        {
            let message = format!("`{written}` is not a reference here, and is kept as text");
            let help = match ours {
                Some(ours) => format!("write `{ours}`"),
                None => "references are written `${nodes.<id>.outputs.<name>}` and `${parameters.<name>}`".to_owned(),
            };
            let finding = self.definition.at(Code::FOREIGN_REFERENCE, path, message);
            self.findings.push(finding.help(help));
            return;
        }
        match template::choices(text) {
            Ok(choices) => {
                let references = choices.into_iter().flat_map(|choice| {
                    let can_do_without = choice.has_alternative();
                    let all = choice.references.into_iter();
                    all.map(move |reference| (reference, can_do_without))
                });
                for (reference, can_do_without) in references {
                    match reference {
                        Reference::Parameter(_) if can_do_without => {}
                        Reference::Parameter(name) => drop(self.parameters.insert(name)),
                        Reference::Output(mention) => self.mentions.push(Found {
                            mention,
                            by,
                            path: path.clone(),
                        }),
                    }
                }
            }
            Err(malformed) => self.findings.push(
                self.definition
                    .at(Code::BAD_TEMPLATE, path, malformed.message)
                    .label("not a reference")
                    .help(malformed.help),
            ),
        }
    }

    /// Find the nodes that are mentioned; then ask of them all at once which come before.
    fn resolve(&mut self, suggestions: &mut SharedSuggestions) {
        if self.mentions.is_empty() {
            return;
        }
        let nodes: HashMap<&str, usize> = self
            .graph
            .nodes
            .iter()
            .enumerate()
            .rev()
            .map(|(index, node)| (node.id.as_str(), index))
            .collect();
        let mut order: Vec<(usize, &Found)> = Vec::new();
        for found in &self.mentions {
            match nodes.get(found.mention.node.as_str()) {
                None => self.findings.push(self.no_node(found, suggestions)),
                Some(&node) => {
                    if let Some(finding) = self.no_output(found, node, suggestions) {
                        self.findings.push(finding);
                    }
                    order.push((node, found));
                }
            }
        }
        // A graph with a cycle has no order, and its own finding.
        let Ok(graph) = Graph::build(self.graph) else {
            return;
        };
        let pairs: Vec<(usize, usize)> = order
            .iter()
            .map(|(node, found)| (*node, found.by))
            .collect();
        let before = graph.comes_before(&pairs);
        for ((_, found), _) in order.iter().zip(before).filter(|(_, before)| !before) {
            self.findings.push(self.not_before(found));
        }
    }

    fn at(&self, code: Code, found: &Found, message: String) -> Diagnostic {
        self.definition.at(code, found.path.clone(), message)
    }

    fn no_node(&self, found: &Found, suggestions: &mut SharedSuggestions) -> Diagnostic {
        let name = &found.mention.node;
        let message = format!("there is no node `{name}` in this plan");
        let ids = self.graph.nodes.iter().map(|node| node.id.as_str());
        let otherwise = || "name a node that comes before this one".to_owned();
        let code = Code::UNKNOWN_NAME;
        self.at(code, found, message)
            .label(format!("no node `{name}`"))
            .help(suggestions.suggestion(code, name, ids, otherwise))
    }

    /// What is wrong with the output that is mentioned. A task that declares no outputs may bring
    /// any, and so may what is outside.
    fn no_output(
        &self,
        found: &Found,
        node: usize,
        suggestions: &mut SharedSuggestions,
    ) -> Option<Diagnostic> {
        let node = self.graph.nodes.get(node)?;
        let output = match &found.mention.what {
            Mentioned::Output(output) => Some(output),
            Mentioned::Outputs => None,
            Mentioned::Phase => return None,
        };
        let kind = match node.kind {
            NodeKind::Gate => Some("a Gate"),
            NodeKind::Group => Some("a Group"),
            NodeKind::Task | NodeKind::External => None,
        };
        if let Some(kind) = kind {
            let message = format!("node `{}` is {kind}, which has no outputs", node.id);
            let finding = self.at(Code::UNKNOWN_NAME, found, message);
            let help = format!("a `when` can look at `nodes[\"{}\"].phase`", node.id);
            return Some(finding.label("no outputs").help(help));
        }
        let output = output?;
        let declared = || node.outputs.iter().map(|output| output.name.as_str());
        if node.outputs.is_empty() || declared().any(|name| name == output) {
            return None;
        }
        let message = format!("node `{}` has no output `{output}`", node.id);
        let otherwise = || {
            let shown = listed(declared().take(NAMES));
            let more = and_more(node.outputs.len().saturating_sub(NAMES));
            format!("its outputs are {shown}{more}; declare further ones under `outputs`")
        };
        let code = Code::UNKNOWN_NAME;
        Some(
            self.at(code, found, message)
                .label("no such output")
                .help(suggestions.suggestion(code, output, declared(), otherwise)),
        )
    }

    fn not_before(&self, found: &Found) -> Diagnostic {
        let name = &found.mention.node;
        let by = self.graph.nodes.get(found.by);
        let by = by.map_or("?", |node| node.id.as_str());
        if by == name {
            let message = format!("node `{by}` refers to itself, before its result is known");
            return self
                .at(Code::NOT_BEFORE, found, message)
                .label("this is the node itself")
                .help("name a node that comes before this one");
        }
        let message = format!("node `{name}` does not come before `{by}`");
        self.at(Code::NOT_BEFORE, found, message)
            .label(format!("`{by}` does not wait for `{name}`"))
            .help(format!("add an edge from `{name}` to `{by}`"))
    }
}

/// A mistake in a `when` as a finding.
fn describe(plan: &Definition, path: Vec<PathStep>, mistake: Mistake) -> Diagnostic {
    let (code, label) = match mistake.kind {
        MistakeKind::Malformed => (Code::BAD_CONDITION, "not a condition"),
        MistakeKind::UnknownName => (Code::UNKNOWN_NAME, "mentions what does not exist"),
    };
    let message = format!("`when`: {}", mistake.message);
    let mut finding = plan.at(code, path, message).label(label);
    finding.help = mistake.help;
    finding
}

/// Parameters that a plan refers to and an execution of it does not give.
fn parameters(
    execution: &Definition,
    spec: &ExecutionSpec,
    used: &BTreeMap<&Key, BTreeSet<String>>,
) -> Option<Diagnostic> {
    let plan = spec.plan_ref.key(Kind::Plan, &execution.key.namespace);
    // No further than what is told: it must not cost all names for each of many executions.
    let names = used.get(&plan)?.iter().map(String::as_str);
    let missing: Vec<&str> = names
        .filter(|name| !spec.parameters.contains_key(*name))
        .take(NAMES + 1)
        .collect();
    let first = missing.first()?;
    let message = format!(
        "plan `{}` uses {}, which this execution does not set",
        plan.qualified(),
        first_names(&missing)
    );
    let path = if spec.parameters.is_empty() {
        path!["spec", "planRef"]
    } else {
        path!["spec", "parameters"]
    };
    let finding = execution
        .at_key(Code::PARAMETER_MISSING, path, message)
        .label("not given");
    let given = spec.parameters.keys().take(SUGGESTIONS).map(String::as_str);
    Some(match did_you_mean(first, given) {
        Some(near) => finding.help(format!(
            "is `{near}` meant to be `{first}`? parameters are set by name"
        )),
        None => finding.help("set it under `parameters`"),
    })
}

#[cfg(test)]
mod tests {
    use crate::core::testing::{execution, findings, gate, plan_with, position, task};

    /// Nodes `fetch → build → ship`, a soft edge to `note`, and `side` beside them.
    fn with(id: &str, fields: &str) -> String {
        let nodes = [
            ("fetch", "outputs: [{name: path}, {name: size}]"),
            ("build", ""),
            ("ship", ""),
            ("note", ""),
            ("side", ""),
        ]
        .map(|(node, own)| match (node == id, own.is_empty()) {
            (true, true) => task(node, fields),
            (true, false) => task(node, &format!("{own}, {fields}")),
            (false, _) => task(node, own),
        })
        .join(", ");
        let ok =
            "{id: ok, kind: Gate, gateRef: {name: g}}, {id: all, kind: Group, children: [side]}";
        let edges = "{from: fetch, to: build}, {from: build, to: ship}, {from: build, to: note, type: soft}, \
             {from: ok, to: ship}, {from: all, to: ship}";
        plan_with("p", "", &format!("{nodes}, {ok}"), edges) + &gate("g", "p", "")
    }

    fn when(text: &str) -> String {
        format!(
            "when: \"{}\"",
            text.replace('\\', "\\\\").replace('"', "\\\"")
        )
    }

    #[test]
    fn what_comes_before_can_be_mentioned() {
        for (id, fields) in [
            ("build", when("nodes.fetch.phase == \"Succeeded\"")),
            ("ship", when("nodes[\"fetch\"].outputs.size > 3")),
            ("note", when("nodes.fetch.outputs.path != \"\"")),
            ("ship", when("nodes.build.outputs.anything")),
            ("ship", when("nodes.ok.phase == \"Succeeded\"")),
            ("side", when("parameters.full || goal.priority > 5")),
            (
                "build",
                "inputs: {a: '${nodes.fetch.outputs.path}'}".to_owned(),
            ),
            (
                "note",
                "inputs: {a: [{b: 'x ${nodes.fetch.outputs.path} y'}]}".to_owned(),
            ),
            (
                "ship",
                "inputs: {a: '${nodes.build.outputs.any}'}".to_owned(),
            ),
        ] {
            assert_eq!(findings(&with(id, &fields)), [] as [&str; 0], "{fields}");
        }
    }

    #[test]
    fn anything_else_cannot() {
        let input = |text: &str| format!("inputs: {{a: {{b: ['{text}']}}}}");
        let table = [
            (
                "ship",
                when("nodes.biuld.phase == 'Failed'"),
                "PS311 error @: there is no node `biuld` in this plan",
                "did you mean `build`?",
            ),
            (
                "ship",
                input("${nodes.zebra.outputs.x}"),
                "PS311 error @: there is no node `zebra` in this plan",
                "name a node that comes before this one",
            ),
            (
                "ship",
                when("nodes.fetch.outputs.pth != ''"),
                "PS311 error @: node `fetch` has no output `pth`",
                "did you mean `path`?",
            ),
            (
                "ship",
                input("${nodes.fetch.outputs.zebra}"),
                "PS311 error @: node `fetch` has no output `zebra`",
                "its outputs are `path`, `size`; declare further ones under `outputs`",
            ),
            (
                "ship",
                input("${nodes.ok.outputs.x}"),
                "PS311 error @: node `ok` is a Gate, which has no outputs",
                "a `when` can look at `nodes[\"ok\"].phase`",
            ),
            (
                "ship",
                when("size(nodes.all.outputs) > 0"),
                "PS311 error @: node `all` is a Group, which has no outputs",
                "a `when` can look at `nodes[\"all\"].phase`",
            ),
            (
                "build",
                when("nodes.side.phase == 'Failed'"),
                "PS312 error @: node `side` does not come before `build`",
                "add an edge from `side` to `build`",
            ),
            (
                "fetch",
                input("${nodes.build.outputs.x}"),
                "PS312 error @: node `build` does not come before `fetch`",
                "add an edge from `build` to `fetch`",
            ),
            (
                "build",
                when("nodes.build.phase == 'Failed'"),
                "PS312 error @: node `build` refers to itself, before its result is known",
                "name a node that comes before this one",
            ),
            (
                "build",
                when("nodes.fetch.phase ="),
                "PS112 error @: `when`: `=` is not expected at character 19",
                "write a CEL expression, for example `nodes[\"build\"].phase == \"Succeeded\"`",
            ),
            (
                "build",
                when("'yes'"),
                "PS112 error @: `when`: a condition must be true or false, but this is a string",
                "compare it with something, for example `… == \"…\"`",
            ),
            (
                "build",
                when("gaol.priority > 1"),
                "PS311 error @: `when`: there is no `gaol` here",
                "did you mean `goal`?",
            ),
            (
                "build",
                input("${HOME}/x"),
                "PS111 error @: `${HOME}` is not a reference",
                "write `${nodes.<id>.outputs.<name>}` or `${parameters.<name>}`; pass a text that \
                 contains `${` itself as a parameter",
            ),
        ];
        for (id, fields, line, help) in table {
            let text = with(id, &fields);
            let needle = match fields.split_once("when: ") {
                Some((_, when)) => when,
                None => fields.split_once('[').map_or("", |(_, text)| text),
            };
            assert_eq!(
                findings(&text),
                [
                    line.replace('@', &position(&text, needle)),
                    format!("help: {help}")
                ],
                "{fields}"
            );
        }
    }

    #[test]
    fn without_an_order_only_names_are_checked() {
        let nodes = [
            task("a", "dependsOn: [b]"),
            task("b", "dependsOn: [a], when: \"nodes.c.phase == 'Failed'\""),
            task("c", "when: \"nodes.d.phase == 'Failed'\""),
        ]
        .join(", ");
        let lines = findings(&plan_with("p", "", &nodes, ""));
        let codes: Vec<&str> = lines
            .iter()
            .filter(|line| line.starts_with("PS"))
            .map(|line| line.split(' ').next().unwrap_or_default())
            .collect();
        assert_eq!(codes, ["PS304", "PS311"], "{lines:?}");
    }

    #[test]
    fn an_execution_gives_the_parameters_of_its_plan() {
        let fields =
            "inputs: {a: '${parameters.region} ${parameters.dry_run}'}, when: parameters.fast";
        let text = |given: &str| with("side", fields) + &execution("run", "p", given);
        let fine = text("parameters: {region: eu, dry_run: false, fast: true, more: 1}");
        assert_eq!(findings(&fine), [] as [&str; 0]);
        let none = text("");
        assert_eq!(
            findings(&none),
            [
                format!(
                    "PS225 warning {}: plan `team/p` uses `dry_run`, `fast`, `region`, which this execution does not set",
                    position(&none, "planRef")
                ),
                "help: set it under `parameters`".to_owned(),
            ]
        );
        let misspelt = text("parameters: {region: eu, fast: true, dryrun: true}");
        assert_eq!(
            findings(&misspelt),
            [
                format!(
                    "PS225 warning {}: plan `team/p` uses `dry_run`, which this execution does not set",
                    position(&misspelt, "parameters: {region")
                ),
                "help: is `dryrun` meant to be `dry_run`? parameters are set by name".to_owned(),
            ]
        );
    }
}
