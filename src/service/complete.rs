//! Candidates for shell completion, from what this clone knows. No remote is contacted.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{self, ObservedNode};
use super::status::StatusReader;
use super::store::Store;
use super::{Result, index};
use crate::core::resource::{Key, Kind};

/// With more runs than these, nodes are listed only after the run is typed: reading them all is too
/// slow between two keystrokes.
const RUNS: usize = 50;

/// What is being completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A namespace.
    Namespace,
    /// A resource of a kind.
    Resource(Kind),
    /// A resource of any kind that the command line can name without its kind: an execution, a plan, a
    /// goal.
    Any,
    /// An open execution.
    Run,
    /// A node of an execution.
    Node(NodeUse),
}

/// What a node is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeUse {
    /// To claim it.
    Claim,
    /// To report or release it.
    Report,
    /// Anything.
    Any,
}

/// A candidate, with a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The text to type.
    pub text: String,
    /// A short description, or empty.
    pub about: String,
}

/// The names that begin with `typed`, in a namespace if one is given.
///
/// # Errors
/// Nothing is known, or it cannot be read.
pub fn names(
    store: &Store,
    wanted: Wanted,
    typed: &str,
    namespace: Option<&str>,
) -> Result<Vec<Name>> {
    let named = match wanted {
        Wanted::Namespace => return namespaces(store, typed),
        Wanted::Resource(kind) => resources(store, &[kind])?,
        Wanted::Any => resources(store, &[Kind::Execution, Kind::Plan, Kind::Goal])?,
        Wanted::Run => open_runs(store)?,
        Wanted::Node(usage) => return nodes(store, usage, typed, namespace),
    };
    let names = short_names(named, namespace).into_iter();
    let names = names.map(|(key, text)| Name {
        about: key.kind.to_string(),
        text,
    });
    Ok(names.filter(|name| name.text.starts_with(typed)).collect())
}

/// The shortest form of each name: without its namespace if no other resource of its kind has the name.
fn short_names(keys: BTreeSet<Key>, namespace: Option<&str>) -> Vec<(Key, String)> {
    let is_meant = |key: &Key| namespace.is_none_or(|namespace| key.namespace == namespace);
    let keys: Vec<Key> = keys.into_iter().filter(is_meant).collect();
    let mut of_that_name: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    for key in &keys {
        *of_that_name
            .entry((key.kind, key.name.clone()))
            .or_default() += 1;
    }
    let named = keys.into_iter().map(|key| {
        let alone = of_that_name.get(&(key.kind, key.name.clone())) == Some(&1);
        let text = if alone {
            key.name.clone()
        } else {
            key.qualified()
        };
        (key, text)
    });
    named.collect()
}

/// The resources of HEAD, else of the spec branch.
fn resources(store: &Store, kinds: &[Kind]) -> Result<BTreeSet<Key>> {
    let commit = match store.here()? {
        Some(commit) => commit,
        None => store.known()?.spec_commit,
    };
    let config = store.config_at(&commit)?;
    let mut found = BTreeSet::new();
    for kind in kinds {
        found.extend(index::all_of(&store.repo, &commit, &config, *kind)?);
    }
    Ok(found)
}

fn namespaces(store: &Store, typed: &str) -> Result<Vec<Name>> {
    let keys = resources(store, &Kind::ALL)?;
    let found: BTreeSet<String> = keys.into_iter().map(|key| key.namespace).collect();
    let found = found.into_iter().filter(|name| name.starts_with(typed));
    let names = found.map(|text| Name {
        text,
        about: String::new(),
    });
    Ok(names.collect())
}

fn open_runs(store: &Store) -> Result<BTreeSet<Key>> {
    let status = StatusReader::open(store, &store.known()?)?;
    status.map_or_else(|| Ok(BTreeSet::new()), |status| status.open_runs())
}

/// Nodes as `EXECUTION/NODE`; executions as `EXECUTION/` where there are many of them.
fn nodes(store: &Store, usage: NodeUse, typed: &str, namespace: Option<&str>) -> Result<Vec<Name>> {
    let runs = short_names(open_runs(store)?, namespace);
    let meant = |name: &str| name.starts_with(typed) || typed.starts_with(&format!("{name}/"));
    let runs: Vec<(Key, String)> = runs.into_iter().filter(|(_, name)| meant(name)).collect();
    if runs.len() > RUNS {
        let names = runs.into_iter().map(|(_, name)| Name {
            text: format!("{name}/"),
            about: "Execution".to_owned(),
        });
        return Ok(names.collect());
    }
    let keys = runs.iter().map(|(key, _)| key.clone()).collect();
    let Some(observed) = runs::observe_known(store, &keys)? else {
        return Ok(Vec::new());
    };
    let name_of: BTreeMap<&Key, &str> = runs
        .iter()
        .map(|(key, name)| (key, name.as_str()))
        .collect();
    let all = observed.runs().flat_map(runs::ObservedRun::nodes);
    let fit = all.filter(|node| is_for(usage, node));
    let names = fit.filter_map(|node| {
        let run = name_of.get(node.run.key)?;
        Some(Name {
            text: format!("{run}/{}", node.id),
            about: node.status.phase.to_string(),
        })
    });
    Ok(names.filter(|name| name.text.starts_with(typed)).collect())
}

fn is_for(usage: NodeUse, node: &ObservedNode<'_>) -> bool {
    match usage {
        NodeUse::Claim => node.status.is_claimable(),
        NodeUse::Report => {
            node.status.extensions.claim.is_some() && !node.status.phase.is_terminal()
        }
        NodeUse::Any => true,
    }
}
