//! The plans that are run: chains, diamonds, gates, events from outside, retries, timeouts, conditions, and nodes that
//! touch the same paths.

use planspec::core::resource::{GraphSpec, Key, Kind};

pub const NAMESPACE: &str = "sim";
/// The configuration. Who wrote a plan is a question for `git blame`, which a repository in memory cannot answer.
pub const CONFIG: &str = "\
status: {remote: origin}
lease: 10m
approvals: {preventSelfApproval: false}
";
/// Who decides.
pub const REVIEWERS: [&str; 2] = ["ana@example.com", "ben@example.com"];

const PLANS: [(&str, &str); 7] = [
    (
        "chain",
        "      - {id: one, kind: Task, retries: 2}
      - {id: two, kind: Task, dependsOn: [one]}
      - {id: three, kind: Task, dependsOn: [two], retries: 1}
",
    ),
    (
        "diamond",
        "      - {id: begin, kind: Task}
      - {id: left, kind: Task, dependsOn: [begin], outputs: [{name: size, type: string}]}
      - {id: right, kind: Task, dependsOn: [begin], timeout: 40m, retries: 1}
      - {id: end, kind: Task, dependsOn: [left, right], inputs: {size: '${nodes.left.outputs.size}'}}
",
    ),
    (
        "guarded",
        "      - {id: build, kind: Task}
      - {id: review, kind: Gate, gateRef: {name: sign}, dependsOn: [build]}
      - {id: ship, kind: Task, dependsOn: [review]}
",
    ),
    (
        "doubly",
        "      - {id: first, kind: Gate, gateRef: {name: both}}
      - {id: work, kind: Task, dependsOn: [first], retries: 1}
      - {id: second, kind: Gate, gateRef: {name: again}, dependsOn: [work]}
",
    ),
    (
        "outside",
        "      - {id: prepare, kind: Task}
      - {id: event, kind: External, externalRef: {type: uri, uri: 'https://sim.example/health'}, dependsOn: [prepare]}
      - {id: finish, kind: Task, dependsOn: [event]}
",
    ),
    (
        "same-paths",
        "      - {id: docs, kind: Task, x-planspec: {touches: ['src/**', docs/a.md]}}
      - {id: code, kind: Task, x-planspec: {touches: [src/main.rs]}}
      - {id: test, kind: Task, dependsOn: [code], retries: 1}
",
    ),
    (
        "either",
        "      - {id: probe, kind: Task, outputs: [{name: broken, type: boolean}]}
      - {id: mend, kind: Task, dependsOn: [probe], when: 'nodes[\"probe\"].outputs.broken'}
      - {id: tell, kind: Task, dependsOn: [mend]}
      - {id: undo, kind: Task, when: 'nodes[\"tell\"].phase == \"Failed\"'}
",
    ),
];

/// Edges beside those that `dependsOn` makes.
const SOFT: [(&str, &str); 1] = [("either", "      - {from: tell, to: undo, type: soft}\n")];

/// The names of the plans.
pub fn names() -> impl Iterator<Item = &'static str> {
    PLANS.iter().map(|(name, _)| *name)
}

pub fn key(kind: Kind, name: &str) -> Key {
    Key::new(kind, NAMESPACE, name)
}

fn head(kind: &str, name: &str) -> String {
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\nspec:\n"
    )
}

/// The files of the first commit.
pub fn files() -> Vec<(String, Option<Vec<u8>>)> {
    let mut files = vec![(".planspec.yaml".to_owned(), CONFIG.to_owned())];
    for (name, nodes) in PLANS {
        let edges = SOFT.iter().find(|(of, _)| *of == name);
        let edges = edges.map_or(String::new(), |(_, edges)| format!("    edges:\n{edges}"));
        let text = format!(
            "{}  description: Simulated\n  graph:\n    nodes:\n{nodes}{edges}",
            head("Plan", name)
        );
        files.push((format!("planspec/plans/{name}.yaml"), text));
    }
    let [ana, ben] = REVIEWERS;
    for (name, plan, more) in [
        ("sign", "guarded", format!("  reviewers: [\"{ana}\"]\n")),
        (
            "both",
            "doubly",
            format!("  reviewers: [\"{ana}\", \"{ben}\"]\n  requiredApprovers: 2\n"),
        ),
        ("again", "doubly", format!("  reviewers: [\"{ben}\"]\n")),
    ] {
        let text = format!(
            "{}  gateType: approval\n  targetRef: {{kind: Plan, name: {plan}}}\n{more}",
            head("Gate", name)
        );
        files.push((format!("planspec/gates/{name}.yaml"), text));
    }
    let files = files.into_iter();
    files
        .map(|(path, text)| (path, Some(text.into_bytes())))
        .collect()
}

/// What a report has to say besides, for a node of any plan.
pub fn outputs(node: &str, number: u64) -> serde_json::Map<String, serde_json::Value> {
    let value = match node {
        "left" => ("size", serde_json::json!(format!("{}", number % 9))),
        "probe" => ("broken", serde_json::json!(number.is_multiple_of(2))),
        _ => return serde_json::Map::new(),
    };
    serde_json::Map::from_iter([(value.0.to_owned(), value.1)])
}

/// The nodes before a node, and whether they must have succeeded.
pub fn before<'g>(graph: &'g GraphSpec, node: &str) -> Vec<(&'g str, bool)> {
    let mut before = Vec::new();
    for one in &graph.nodes {
        if one.id == node {
            before.extend(one.depends_on.iter().map(|id| (id.as_str(), true)));
        }
    }
    for edge in &graph.edges {
        if edge.to == node {
            let is_hard = edge.kind == planspec::core::resource::EdgeKind::Hard;
            before.push((edge.from.as_str(), is_hard));
        }
    }
    before
}
