//! The graph of a plan: ids, edges, cycles, size, digest.

use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Label, Part, Place, Step, did_you_mean};
use crate::core::graph::{self, EdgePlace, Graph, Problem, Warning};
use crate::core::resource::{GraphSpec, Key, Kind, PlanSpec};
use crate::core::snapshot::{Definition, Snapshot};
use crate::path;

pub(super) fn check(snapshot: &Snapshot, config: &Config, findings: &mut Vec<Diagnostic>) {
    for key in snapshot.keys_of(Kind::Plan) {
        for definition in snapshot.definitions(key) {
            if let Some(crate::core::resource::Spec::Plan(spec)) =
                definition.resource.as_ref().map(|r| &r.spec)
            {
                let plan = Plan {
                    key,
                    definition,
                    graph: &spec.graph,
                };
                plan.check(spec, config, findings);
            }
        }
    }
}

/// Only so many problems of a plan get a suggestion: each compares with every node.
const SUGGESTIONS: usize = 50;

struct Plan<'a> {
    key: &'a Key,
    definition: &'a Definition,
    graph: &'a GraphSpec,
}

impl Plan<'_> {
    fn check(&self, spec: &PlanSpec, config: &Config, findings: &mut Vec<Diagnostic>) {
        if self.graph.nodes.len() > config.limits.nodes {
            let message = format!(
                "the plan has {} nodes, the limit is {}",
                self.graph.nodes.len(),
                config.limits.nodes
            );
            let place = self.place(path!["spec", "graph", "nodes"], Part::Key);
            findings.push(
                self.finding(Code::TOO_MANY_NODES, place, message)
                    .help("split the plan, or raise `limits.nodes` in .planspec.yaml"),
            );
        }
        match Graph::build(self.graph) {
            Ok(_) => self.digest(spec, findings),
            Err(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    findings.push(self.describe(problem, index < SUGGESTIONS));
                }
            }
        }
        for Warning::EdgeIntoGroup { place, group } in graph::warnings(self.graph) {
            let message = format!(
                "an edge into group `{}` holds back none of its children",
                self.id(group)
            );
            findings.push(
                self.finding(Code::EDGE_INTO_GROUP, self.edge(&place), message)
                    .help("draw the edge to the children that should wait"),
            );
        }
    }

    fn digest(&self, spec: &PlanSpec, findings: &mut Vec<Diagnostic>) {
        let Some(written) = &spec.graph_digest else {
            return;
        };
        let actual = graph::digest(self.graph);
        if *written != actual {
            let place = self.place(path!["spec", "graphDigest"], Part::Value);
            findings.push(
                self.finding(
                    Code::DIGEST_MISMATCH,
                    place,
                    "`graphDigest` does not match the graph",
                )
                .label("not the digest of this graph")
                .help(format!("write `graphDigest: {actual}`, or leave it out")),
            );
        }
    }

    fn describe(&self, problem: &Problem, suggest: bool) -> Diagnostic {
        let id = |node: usize| self.id(node);
        match problem {
            Problem::DuplicateNode { first, second } => self
                .finding(
                    Code::DUPLICATE_NODE,
                    self.node(*second, "id"),
                    format!("two nodes have the id `{}`", id(*second)),
                )
                .label("used again here")
                .help("give one of them another id")
                .related(self.label(self.node(*first, "id"), "first used here")),
            Problem::Dangling { place, name } => {
                let finding = self
                    .finding(
                        Code::DANGLING_EDGE,
                        self.edge(place),
                        format!("edge ends at a node that does not exist: `{name}`"),
                    )
                    .label(format!("no node `{name}` in this plan"));
                match self.near(name, suggest) {
                    Some(id) => finding.help(format!("did you mean `{id}`?")),
                    None => finding.help(format!("add a node `{name}`, or remove the edge")),
                }
            }
            Problem::SelfLoop { place } => self
                .finding(
                    Code::SELF_LOOP,
                    self.edge(place),
                    "a node cannot depend on itself",
                )
                .label("leads back to the same node")
                .help("remove this dependency"),
            Problem::Cycle { nodes, closing } => {
                let mut names: Vec<&str> = nodes.iter().map(|node| id(*node)).collect();
                names.extend(nodes.first().map(|node| id(*node)));
                let finding = self
                    .finding(
                        Code::CYCLE,
                        self.edge(closing),
                        format!("the graph has a cycle: {}", shorten(&names)),
                    )
                    .label("this dependency closes it")
                    .help("remove one of these dependencies");
                match nodes.first() {
                    Some(first) => finding
                        .related(self.label(self.node(*first, "id"), "the cycle starts here")),
                    None => finding,
                }
            }
            Problem::ChildNotFound { node, child, name } => {
                let place = self.place(
                    path!["spec", "graph", "nodes", *node, "children", *child],
                    Part::Value,
                );
                let finding = self
                    .finding(
                        Code::CHILD_NOT_FOUND,
                        place,
                        format!("group `{}` has a child that does not exist", id(*node)),
                    )
                    .label(format!("no node `{name}` in this plan"));
                match self.near(name, suggest) {
                    Some(id) => finding.help(format!("did you mean `{id}`?")),
                    None => finding,
                }
            }
            Problem::GroupCycle { nodes } => {
                let mut names: Vec<&str> = nodes.iter().map(|node| self.id(*node)).collect();
                names.extend(nodes.first().map(|node| self.id(*node)));
                let first = nodes.first().copied().unwrap_or_default();
                self.finding(
                    Code::CYCLE,
                    self.node(first, "children"),
                    format!("groups contain each other: {}", shorten(&names)),
                )
                .help("remove one of these children")
            }
        }
    }

    fn near(&self, name: &str, suggest: bool) -> Option<&str> {
        let ids = self.graph.nodes.iter().map(|node| node.id.as_str());
        suggest.then(|| did_you_mean(name, ids)).flatten()
    }

    fn id(&self, node: usize) -> &str {
        self.graph
            .nodes
            .get(node)
            .map_or("?", |node| node.id.as_str())
    }

    fn finding(&self, code: Code, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, &self.definition.path, place, message).about(self.key)
    }

    fn label(&self, place: Place, message: &str) -> Label {
        Label {
            file: self.definition.path.clone(),
            place,
            message: message.to_owned(),
        }
    }

    fn place(&self, path: Vec<Step>, part: Part) -> Place {
        Place::Entry {
            document: self.definition.document,
            path,
            part,
        }
    }

    fn node(&self, index: usize, field: &str) -> Place {
        self.place(path!["spec", "graph", "nodes", index, field], Part::Value)
    }

    fn edge(&self, place: &EdgePlace) -> Place {
        self.place(place.path(), Part::Value)
    }
}

/// `a → b → a`; the middle of a very long one is left out of the sentence.
fn shorten(names: &[&str]) -> String {
    const SHOWN: usize = 40;
    if names.len() <= SHOWN {
        return names.join(" → ");
    }
    let (head, tail) = (&names[..SHOWN / 2], &names[names.len() - SHOWN / 2..]);
    format!(
        "{} → … {} more … → {}",
        head.join(" → "),
        names.len() - SHOWN,
        tail.join(" → ")
    )
}
