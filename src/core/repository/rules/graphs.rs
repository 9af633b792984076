//! The graph of a plan: ids, edges, cycles, size, digest.

use crate::core::base::diagnostic::{Code, Diagnostic, Label, PathStep};
use crate::core::base::glob::{glob, misleading};
use crate::core::base::suggest::Suggestions;
use crate::core::plan::graph::{self, EdgePlace, Graph, GraphProblem, Warning};
use crate::core::repository::config::Config;
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{GraphSpec, Kind, PlanSpec};
use crate::path;

pub(super) fn check(snapshot: &Definitions, config: &Config, findings: &mut Vec<Diagnostic>) {
    for definition in snapshot
        .keys_of(Kind::Plan)
        .flat_map(|key| snapshot.definitions(key))
    {
        let spec = definition.resource.as_ref();
        let spec = spec.and_then(|resource| resource.spec.plan());
        let graph = spec.map(|spec| &spec.graph);
        if let Some(graph) = graph.or(definition.graph.as_ref()) {
            let plan = Plan { definition, graph };
            plan.check(spec, config, findings);
        }
    }
}

/// Most suggestions for one plan.
const SUGGESTIONS: usize = 20;

struct Plan<'a> {
    definition: &'a Definition,
    graph: &'a GraphSpec,
}

impl Plan<'_> {
    fn check(&self, spec: Option<&PlanSpec>, config: &Config, findings: &mut Vec<Diagnostic>) {
        let (nodes, limit) = (self.graph.nodes.len(), config.limits.nodes);
        if nodes > limit {
            let message = format!("the plan has {nodes} nodes; the limit is {limit}");
            let path = path!["spec", "graph", "nodes"];
            let finding = self.definition.at_key(Code::TOO_MANY_NODES, path, message);
            let help = "split the plan, or raise `limits.nodes` in .planspec.yaml and commit that";
            findings.push(finding.help(help));
        }
        match Graph::build(self.graph) {
            Ok(_) => findings.extend(spec.and_then(|spec| self.digest(spec))),
            Err(problems) => {
                let mut suggestions = Suggestions(SUGGESTIONS);
                let found = problems.iter();
                findings.extend(found.map(|problem| self.describe(problem, &mut suggestions)));
            }
        }
        findings.extend(self.globs());
        let warnings = graph::warnings(self.graph);
        findings.extend(
            warnings
                .iter()
                .map(|warning| self.describe_warning(warning)),
        );
    }

    /// What nodes say that they touch and that is not a glob, or not the one that it looks like.
    fn globs(&self) -> impl Iterator<Item = Diagnostic> {
        let nodes = self.graph.nodes.iter().enumerate();
        let globs = nodes.flat_map(|(node, spec)| {
            let globs = spec.extension.touches.iter().enumerate();
            let list = path!["spec", "graph", "nodes", node, "x-planspec", "touches"];
            globs.map(move |(index, text)| ([list.clone(), path![index]].concat(), text))
        });
        globs.filter_map(|(own, text)| {
            if let Err(error) = glob(text) {
                let message = format!("`{text}` is not a glob: {}", error.kind());
                let finding = self.definition.at(Code::BAD_FORMAT, own, message);
                return Some(finding.help(
                    "write paths from the repository's root: `*` stays within a folder, `**` does not",
                ));
            }
            let (message, help) = misleading(text)?;
            let finding = self.definition.at(Code::ODD_GLOB, own, message);
            Some(finding.help(help))
        })
    }

    fn describe_warning(&self, warning: &Warning) -> Diagnostic {
        match warning {
            Warning::EdgeIntoGroup { place, group } => {
                let group = self.id(*group);
                let message =
                    format!("an edge into group `{group}` holds back none of its children");
                self.definition
                    .at(Code::EDGE_INTO_GROUP, place.path(), message)
                    .help("use edges to the children that should wait")
            }
            Warning::InTwoGroups { first, second } => {
                let child = self.graph.nodes.get(second.0);
                let child = child.and_then(|group| group.children.get(second.1));
                let child = child.map_or("?", String::as_str);
                let (one, other) = (self.id(first.0), self.id(second.0));
                let message = if first.0 == second.0 {
                    format!("node `{child}` is in group `{one}` twice")
                } else {
                    format!("node `{child}` is in group `{one}` and in group `{other}`")
                };
                self.definition
                    .at(Code::IN_TWO_GROUPS, child_path(*second), message)
                    .label("again here")
                    .help("keep it in one group, once")
                    .related(self.definition.label(child_path(*first), "first here"))
            }
        }
    }

    fn digest(&self, spec: &PlanSpec) -> Option<Diagnostic> {
        let written = spec.graph_digest.as_ref()?;
        let actual = graph::digest(self.graph);
        let message = "`graphDigest` does not match the graph";
        (*written != actual).then(|| {
            self.definition
                .at(Code::DIGEST_MISMATCH, path!["spec", "graphDigest"], message)
                .label("not the digest of this graph")
                .help(format!("write `graphDigest: {actual}`, or remove it"))
        })
    }

    fn describe(&self, problem: &GraphProblem, suggestions: &mut Suggestions) -> Diagnostic {
        match problem {
            GraphProblem::DuplicateNode { first, second } => {
                let message = format!("two nodes have the id `{}`", self.id(*second));
                self.definition
                    .at(Code::DUPLICATE_NODE, field(*second, "id"), message)
                    .label("used again here")
                    .help("give one of them another id")
                    .related(self.label(*first, "id", "first used here"))
            }
            GraphProblem::Dangling { place, name } => {
                let message = format!("an edge ends at a node that does not exist: `{name}`");
                let otherwise = || format!("add a node `{name}`, or remove the edge");
                self.definition
                    .at(Code::DANGLING_EDGE, place.path(), message)
                    .label(format!("no node `{name}` in this plan"))
                    .help(suggestions.suggestion(name, self.ids(), otherwise))
            }
            GraphProblem::SelfLoop { place } => self
                .definition
                .at(
                    Code::SELF_LOOP,
                    place.path(),
                    "a node cannot depend on itself",
                )
                .label("leads back to the same node")
                .help("remove this dependency"),
            GraphProblem::ChildNotFound { node, child, name } => {
                let message = format!("group `{}` has a child that does not exist", self.id(*node));
                let near = suggestions.near(name, self.ids());
                let finding = self
                    .definition
                    .at(Code::CHILD_NOT_FOUND, child_path((*node, *child)), message)
                    .label(format!("no node `{name}` in this plan"));
                Diagnostic {
                    help: near.map(|near| format!("did you mean `{near}`?")),
                    ..finding
                }
            }
            GraphProblem::Cycle { nodes, closing } => self.cycle(nodes, *closing),
            GraphProblem::GroupWaits { nodes } => self.group_waits(nodes),
            GraphProblem::GroupCycle { nodes } => self.group_cycle(nodes),
        }
    }

    fn cycle(&self, nodes: &[usize], closing: EdgePlace) -> Diagnostic {
        let message = format!("the graph has a cycle: {}", self.ring(nodes));
        let finding = self
            .definition
            .at(Code::CYCLE, closing.path(), message)
            .label("this dependency closes it")
            .help("remove one of these dependencies");
        // Both ends of the closing edge.
        let ends = nodes.first().into_iter().zip(nodes.last());
        ends.fold(finding, |finding, (first, last)| {
            finding
                .related(self.label(*first, "id", "the cycle starts here"))
                .related(self.label(*last, "id", "and returns from here"))
        })
    }

    fn group_waits(&self, nodes: &[usize]) -> Diagnostic {
        let is_group = |node: &&usize| {
            let node = self.graph.nodes.get(**node);
            node.is_some_and(|node| !node.children.is_empty())
        };
        let group = nodes.iter().find(is_group).copied().unwrap_or_default();
        let condition = self
            .graph
            .nodes
            .get(group)
            .and_then(|node| node.when.as_ref());
        let label = if condition.is_some() {
            "the group waits for these children, and they wait for its condition"
        } else {
            "the group waits for these children"
        };
        let message = format!(
            "a node waits for a group that it is in: {}",
            self.ring(nodes)
        );
        self.definition
            .at(Code::CYCLE, field(group, "children"), message)
            .label(label)
            .help("make it depend on the other children, or remove it from the group")
    }

    fn group_cycle(&self, nodes: &[usize]) -> Diagnostic {
        let first = nodes.first().copied().unwrap_or_default();
        let message = format!("groups contain each other: {}", self.ring(nodes));
        let finding = self
            .definition
            .at(Code::CYCLE, field(first, "children"), message)
            .label("leads back to this group")
            .help("remove one of these children");
        match nodes {
            [_, .., last] => finding.related(self.label(*last, "children", "and contains it here")),
            _ => finding,
        }
    }

    /// `a → b → a`
    fn ring(&self, nodes: &[usize]) -> String {
        let ring = nodes.iter().chain(nodes.first());
        shorten(&ring.map(|node| self.id(*node)).collect::<Vec<_>>())
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.graph.nodes.iter().map(|node| node.id.as_str())
    }

    fn id(&self, node: usize) -> &str {
        let node = self.graph.nodes.get(node);
        node.map_or("?", |node| node.id.as_str())
    }

    fn label(&self, node: usize, name: &str, message: &str) -> Label {
        self.definition.label(field(node, name), message)
    }
}

/// A field of a node.
fn field(node: usize, name: &str) -> Vec<PathStep> {
    path!["spec", "graph", "nodes", node, name]
}

fn child_path((group, child): (usize, usize)) -> Vec<PathStep> {
    path!["spec", "graph", "nodes", group, "children", child]
}

/// `a → b → a`; the middle of a very long one is left out of the sentence.
pub(super) fn shorten(names: &[&str]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::repository::snapshot::Snapshot;
    use crate::core::testing::{
        FILE, findings, gate, plan, plan_with, position, snapshot, source, task,
    };

    /// The findings in a text: each at its needle.
    fn expect(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<String> = expected
            .iter()
            .map(|(needle, line)| {
                if needle.is_empty() {
                    (*line).to_owned()
                } else {
                    line.replace("@", &position(text, needle))
                }
            })
            .collect();
        assert_eq!(findings(text), expected, "{text}");
    }

    #[test]
    fn one_id_is_one_node() {
        let text = plan(
            "p",
            "{id: build, kind: Task}, {id: other, kind: Task}, {id: twice, kind: Task}",
        )
        .replace("twice", "build");
        expect(
            &text,
            &[
                ("build", "PS301 error @: two nodes have the id `build`"),
                ("", "help: give one of them another id"),
                ("build, kind: Task}, {id: other", "also @: first used here"),
            ],
        );
    }

    #[test]
    fn the_graph_of_a_plan_that_is_broken_elsewhere_is_checked_as_well() {
        let codes = |text: &str| -> Vec<String> {
            let found = findings(text).into_iter();
            let found = found.filter(|line| line.starts_with("PS"));
            found.map(|line| line[..5].to_owned()).collect()
        };
        let text = plan("p", &task("a", "dependsOn: [x]"));
        let table = [
            (text.clone(), vec!["PS302"]),
            (
                text.replace("description:", "descripton:"),
                vec!["PS102", "PS302"],
            ),
            (
                text.replace("spec:", "status: {}\nspec:"),
                vec!["PS109", "PS302"],
            ),
            // What is wrong within the graph comes first.
            (text.replace("kind: Task", "kind: Tsk"), vec!["PS104"]),
        ];
        for (text, expected) in table {
            let mut found = codes(&text);
            found.sort();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn an_edge_has_two_ends() {
        let nodes = format!("{}, {}", task("release", ""), task("verify", ""));
        let text = plan_with("p", "", &nodes, "{from: relese, to: verify}");
        expect(
            &text,
            &[
                (
                    "relese",
                    "PS302 error @: an edge ends at a node that does not exist: `relese`",
                ),
                ("", "help: did you mean `release`?"),
            ],
        );
        let text = plan_with("p", "", &nodes, "{from: verify, to: zebra}");
        expect(
            &text,
            &[
                (
                    "zebra",
                    "PS302 error @: an edge ends at a node that does not exist: `zebra`",
                ),
                ("", "help: add a node `zebra`, or remove the edge"),
            ],
        );
        let text = plan("p", &task("release", "dependsOn: [veryfi]"))
            .replace("]}]", "]}, {id: verify, kind: Task}]");
        expect(
            &text,
            &[
                (
                    "veryfi",
                    "PS302 error @: an edge ends at a node that does not exist: `veryfi`",
                ),
                ("", "help: did you mean `verify`?"),
            ],
        );
    }

    #[test]
    fn a_node_cannot_depend_on_itself() {
        let text = plan("p", &task("a", "dependsOn: [a]"));
        expect(
            &text,
            &[
                ("a]", "PS303 error @: a node cannot depend on itself"),
                ("", "help: remove this dependency"),
            ],
        );
        let text = plan_with("p", "", &task("a", ""), "{from: a, to: a}");
        expect(
            &text,
            &[
                ("a}]", "PS303 error @: a node cannot depend on itself"),
                ("", "help: remove this dependency"),
            ],
        );
    }

    #[test]
    fn the_whole_cycle_is_printed_across_edges_and_depends_on() {
        let nodes = [
            task("a", ""),
            task("b", "dependsOn: [a]"),
            task("c", ""),
            task("d", ""),
        ]
        .join(", ");
        let edges = "{from: b, to: c, type: soft}, {from: c, to: a}, {from: c, to: d}";
        let text = plan_with("p", "", &nodes, edges);
        expect(
            &text,
            &[
                (
                    "a}, {from: c, to: d",
                    "PS304 error @: the graph has a cycle: a → b → c → a",
                ),
                ("", "help: remove one of these dependencies"),
                ("a, kind", "also @: the cycle starts here"),
                ("c, kind", "also @: and returns from here"),
            ],
        );
    }

    #[test]
    fn a_very_long_cycle_is_shortened() {
        let nodes: Vec<String> = (0..100)
            .map(|at| {
                task(
                    &format!("n{at}"),
                    &format!("dependsOn: [n{}]", (at + 99) % 100),
                )
            })
            .collect();
        let lines = findings(&plan("p", &nodes.join(", ")));
        assert!(
            lines[0].ends_with("→ n19 → … 61 more … → n81 → n82 → n83 → n84 → n85 → n86 → n87 → n88 → n89 → n90 → n91 → n92 → n93 → n94 → n95 → n96 → n97 → n98 → n99 → n0"),
            "{}",
            lines[0]
        );
    }

    #[test]
    fn groups_have_children_that_exist_and_no_cycles() {
        let text = plan(
            "p",
            "{id: all, kind: Group, children: [one, tow]}, {id: one, kind: Task}, {id: two, kind: Task}",
        );
        expect(
            &text,
            &[
                (
                    "tow",
                    "PS307 error @: group `all` has a child that does not exist",
                ),
                ("", "help: did you mean `two`?"),
            ],
        );
        let text = plan(
            "p",
            "{id: x, kind: Group, children: [y]}, {id: y, kind: Group, children: [x]}",
        );
        expect(
            &text,
            &[
                ("[y]", "PS304 error @: groups contain each other: x → y → x"),
                ("", "help: remove one of these children"),
                ("[x]", "also @: and contains it here"),
            ],
        );
        let text = plan("p", "{id: x, kind: Group, children: [x]}");
        expect(
            &text,
            &[
                ("[x]", "PS304 error @: groups contain each other: x → x"),
                ("", "help: remove one of these children"),
            ],
        );
    }

    #[test]
    fn an_edge_into_a_group_is_a_warning() {
        let nodes =
            "{id: a, kind: Task}, {id: all, kind: Group, children: [b]}, {id: b, kind: Task}";
        let text = plan_with("p", "", nodes, "{from: a, to: all}");
        expect(
            &text,
            &[
                (
                    "all}]",
                    "PS308 warning @: an edge into group `all` holds back none of its children",
                ),
                ("", "help: use edges to the children that should wait"),
            ],
        );
    }

    #[test]
    fn a_node_in_two_groups_is_a_warning() {
        let text = plan(
            "p",
            "{id: one, kind: Group, children: [a]}, {id: two, kind: Group, children: [b, a, b]}, {id: a, kind: Task}, {id: b, kind: Task}",
        );
        expect(
            &text,
            &[
                (
                    "a, b]",
                    "PS313 warning @: node `a` is in group `one` and in group `two`",
                ),
                ("", "help: keep it in one group, once"),
                ("a]}, {id: two", "also @: first here"),
                (
                    "b]}, {id: a",
                    "PS313 warning @: node `b` is in group `two` twice",
                ),
                ("", "help: keep it in one group, once"),
                ("b, a, b]", "also @: first here"),
            ],
        );
    }

    #[test]
    fn a_digest_is_checked_when_it_is_given() {
        let wrong = format!("graphDigest: 'sha256:{}'", "0".repeat(64));
        let text = plan_with("p", &wrong, &task("a", ""), "");
        let lines = findings(&text);
        let place = position(&text, "'sha256");
        assert_eq!(
            lines[0],
            format!("PS306 error {place}: `graphDigest` does not match the graph")
        );
        let right = lines[1]
            .strip_prefix("help: write `graphDigest: ")
            .and_then(|rest| rest.split('`').next())
            .expect("the digest");
        let text = text.replace(&format!("sha256:{}", "0".repeat(64)), right);
        assert_eq!(findings(&text), [] as [&str; 0]);
    }

    #[test]
    fn a_plan_has_at_most_as_many_nodes_as_configured() {
        let text = plan("p", &format!("{}, {}", task("a", ""), task("b", "")));
        let check = |nodes: usize| {
            let mut config = Config::default();
            config.limits.nodes = nodes;
            let snapshot = Snapshot::build(&[source(FILE, &text)], &config);
            let lines = snapshot.diagnostics().iter().map(|f| snapshot.line(f));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(check(2), [] as [&str; 0]);
        let place = position(&text, "nodes");
        assert_eq!(
            check(1),
            [format!(
                "{FILE}:{place}: PS305 the plan has 2 nodes; the limit is 1"
            )]
        );
    }

    #[test]
    fn all_that_is_wrong_is_reported_and_belongs_to_the_plan() {
        let nodes = "{id: a, kind: Task, dependsOn: [a, x]}, {id: a, kind: Task}";
        let text = plan("p", nodes) + &gate("g", "p", "");
        let snapshot = snapshot(&[(FILE, &text)]);
        let mut codes: Vec<&str> = snapshot.diagnostics().iter().map(|f| f.code.id).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["PS301", "PS302", "PS303"]);
        let plan = crate::core::testing::key(Kind::Plan, "p");
        assert_eq!(snapshot.errors_of(&plan).count(), 3);
    }
}
