//! Names that something else has: nodes that are referred to by their names or former ids, reviewers as they are written elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::words::folded;
use crate::core::resource::schema::{person, slug};
use crate::path;

/// The nodes of a plan that are referred to otherwise than by their ids, and the reviewers of a gate that are none.
pub(super) fn found(finder: &Finder<'_>, value: &Value) -> Vec<Diagnostic> {
    [nodes(finder, value), reviewers(finder, value)].concat()
}

fn nodes(finder: &Finder<'_>, value: &Value) -> Vec<Diagnostic> {
    let nodes = value.pointer("/spec/graph/nodes");
    let nodes: Vec<&Value> = nodes
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let field = |node: &Value, field: &str| node.get(field)?.as_str().map(str::to_owned);
    let ids: BTreeSet<String> = nodes.iter().filter_map(|node| field(node, "id")).collect();
    let named = nodes
        .iter()
        .filter_map(|node| Some((folded(&field(node, "name")?), field(node, "id")?)));
    let by_word = ids.iter().map(|id| (folded(id), id.clone()));
    let by_word: BTreeMap<String, String> = named.chain(by_word).collect();
    let mut found = Vec::new();
    for (path, named) in references(value) {
        if ids.contains(named) {
            continue;
        }
        // `1.1` is `1-1` and not `11`, though both are the same word.
        let mut slugs = ['-', '_'].iter().map(|between| slug(named, *between));
        let exactly = slugs.find(|slug| ids.contains(slug));
        if let Some(meant) = exactly.or_else(|| by_word.get(&folded(named)).cloned()) {
            let message = format!("there is no node `{named}` in this plan");
            let finding = finder.at(Code::DANGLING_EDGE, path.clone(), Part::Value, message);
            let with = Value::from(meant.as_str()).into();
            let fix = Fix::likely(Change::Replace { path, with });
            found.push(finding.help(format!("did you mean `{meant}`?")).fix(fix));
        }
    }
    found
}

fn reviewers(finder: &Finder<'_>, value: &Value) -> Vec<Diagnostic> {
    let reviewers = value.pointer("/spec/reviewers").and_then(Value::as_array);
    let mut found = Vec::new();
    for (index, reviewer) in reviewers.into_iter().flatten().enumerate() {
        let written = reviewer.as_str().unwrap_or_default();
        if let Some(meant) = person(written) {
            let path = path!["spec", "reviewers", index];
            let message = format!("`{written}` is not a reviewer");
            let finding = finder.at(Code::ODD_REVIEWER, path.clone(), Part::Value, message);
            let with = Value::from(meant.as_str()).into();
            let fix = Fix::likely(Change::Replace { path, with });
            found.push(finding.help(format!("write `{meant}`")).fix(fix));
        }
    }
    found
}

/// Every place of a plan where a node is named.
fn references(plan: &Value) -> Vec<(Vec<PathStep>, &str)> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
    let mut found = Vec::new();
    let mut note = |path: Vec<PathStep>| {
        if let Some(Value::String(named)) = at(plan, &path) {
            found.push((path, named.as_str()));
        }
    };
    for index in 0..list(plan.pointer("/spec/graph/nodes")) {
        for field in ["dependsOn", "children"] {
            let several = plan.pointer(&format!("/spec/graph/nodes/{index}/{field}"));
            for item in 0..list(several) {
                note(path!["spec", "graph", "nodes", index, field, item]);
            }
        }
    }
    for index in 0..list(plan.pointer("/spec/graph/edges")) {
        note(path!["spec", "graph", "edges", index, "from"]);
        note(path!["spec", "graph", "edges", index, "to"]);
    }
    found
}
