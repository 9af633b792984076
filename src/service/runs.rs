//! What is observed of runs: finding the run and the node that a worker or reviewer means.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Named, choose_among};
use super::status::StatusReader;
use super::store::{Store, StoredStatus, View};
use super::suggestion;
use crate::core::resource::{ExecutionStatus, Key, Kind, NodeStatus, Status, Time};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::record::{Address, RunRef};
use crate::core::run::status::{StatusFile, StatusTree};
use crate::core::run::transition::{WaitingFor, node_waits_for};
use crate::service::{Error, Result};

/// The runs of a status, by uid.
pub fn by_uid(tree: Option<&StatusTree>) -> BTreeMap<&str, &ExecutionStatus> {
    let files = tree.into_iter().flat_map(|tree| tree.files.values());
    files
        .filter_map(|file| match &file.status {
            Status::Execution(run) => Some((file.uid.as_str(), &**run)),
            _ => None,
        })
        .collect()
}

/// The status as it was when somebody looked: what is there to be acted on.
pub struct Observed {
    /// Branches and inbox.
    pub view: View,
    /// The status.
    pub stored: StoredStatus,
}

/// One run in it.
#[derive(Clone, Copy)]
pub struct ObservedRun<'a> {
    /// Which execution.
    pub key: &'a Key,
    /// Its file on the status branch.
    pub file: &'a StatusFile,
    /// Its status.
    pub status: &'a ExecutionStatus,
}

/// One node of a run in it.
#[derive(Clone, Copy)]
pub struct ObservedNode<'a> {
    /// The run.
    pub run: ObservedRun<'a>,
    /// Id of the node.
    pub id: &'a str,
    /// Its status.
    pub status: &'a NodeStatus,
}

/// Look now.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn observe(store: &Store) -> Result<Observed> {
    let view = store.fresh()?;
    match store.status(&view)? {
        Some(stored) => Ok(Observed { view, stored }),
        None => Err(no_status(&view)),
    }
}

/// Look now at one execution, `NAME` or `NAMESPACE/NAME`; where none is named, at those of a
/// namespace or of all. What else has a status is not read.
///
/// # Errors
/// There is no such execution, or there are several; besides as [`observe`].
pub fn observe_runs(
    store: &Store,
    execution: Option<&str>,
    namespace: Option<&str>,
) -> Result<Observed> {
    let view = store.fresh()?;
    let Some(status) = StatusReader::open(store, &view)? else {
        return Err(no_status(&view));
    };
    let kind = Kind::Execution;
    let keys = match execution {
        Some(name) => {
            let named = Named::new(kind, name, namespace);
            let found = status.named(&named)?;
            match named.among(found.iter()) {
                Ok(key) => BTreeSet::from([key.clone()]),
                // Among all of them may be one that was meant.
                Err(_) => {
                    BTreeSet::from([named.among(status.keys(Some(kind), None)?.iter())?.clone()])
                }
            }
        }
        None => status.keys(Some(kind), namespace)?,
    };
    let stored = status.read(&keys)?;
    Ok(Observed { view, stored })
}

/// Look now at the execution that `EXECUTION/NODE` means, and at no other.
///
/// # Errors
/// No node is named; besides as [`observe_runs`].
pub fn observe_node(store: &Store, target: &str, namespace: Option<&str>) -> Result<Observed> {
    observe_runs(store, Some(node_of(target)?.0), namespace)
}

/// The execution and the node in `EXECUTION/NODE`.
fn node_of(target: &str) -> Result<(&str, &str)> {
    target.rsplit_once('/').ok_or_else(|| {
        Error::ambiguous(format!("`{target}` names no node")).hint("write EXECUTION/NODE")
    })
}

fn no_status(view: &View) -> Error {
    let branch = &view.config.status.branch;
    let message = format!("there is no status yet: branch `{branch}` does not exist");
    Error::not_ready(message).hint("run `planspec reconcile` first")
}

impl Observed {
    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = ObservedRun<'_>> {
        self.stored.tree.files.iter().filter_map(|(key, file)| {
            let Status::Execution(status) = &file.status else {
                return None;
            };
            Some(ObservedRun { key, file, status })
        })
    }

    /// The run of that uid.
    pub fn by_uid(&self, uid: &str) -> Option<ObservedRun<'_>> {
        self.runs().find(|run| run.file.uid == uid)
    }

    /// The execution of that name, `NAME` or `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn run(&self, name: &str, namespace: Option<&str>) -> Result<ObservedRun<'_>> {
        let keys = self.stored.tree.files.keys();
        let key = choose_among(keys, Kind::Execution, name, namespace)?;
        self.runs()
            .find(|run| run.key == key)
            .ok_or_else(|| Error::not_found(format!("{key} has no status")))
    }

    /// The node that `EXECUTION/NODE` means.
    ///
    /// # Errors
    /// There is no such execution or node.
    pub fn node(&self, target: &str, namespace: Option<&str>) -> Result<ObservedNode<'_>> {
        let (execution, id) = node_of(target)?;
        let run = self.run(execution, namespace)?;
        if let Some(node) = run.node(id) {
            return Ok(node);
        }
        let name = run.key.qualified();
        if run.status.node_statuses.is_empty() {
            let message = &run.status.message;
            let error = Error::not_ready(format!("{name} has not started: {message}"));
            return Err(error);
        }
        let ids = run.nodes().map(|node| node.id);
        Err(Error::not_found(format!("{name} has no node `{id}`")).maybe_hint(suggestion(id, ids)))
    }

    /// Nodes that can be claimed and that nobody has claimed since.
    pub fn offers(&self) -> impl Iterator<Item = ObservedNode<'_>> {
        self.runs()
            .flat_map(ObservedRun::nodes)
            .filter(|node| node.status.is_claimable())
            .filter(|node| self.tip(&node.address()).is_none())
    }

    /// Nodes whose next attempt is opened later, with the moment from which it can be claimed.
    pub fn retries(&self) -> impl Iterator<Item = (ObservedNode<'_>, Time)> {
        let runs = self.runs().filter(|run| !run.status.phase.is_terminal());
        runs.flat_map(ObservedRun::nodes)
            .filter_map(|node| match node_waits_for(node.status)? {
                WaitingFor::Retry { at } => Some((node, at?)),
                _ => None,
            })
    }

    /// Where an inbox ref points, if somebody has created it.
    pub fn tip(&self, address: &Address) -> Option<&str> {
        self.view.inbox.get(address).map(String::as_str)
    }
}

impl<'a> ObservedRun<'a> {
    /// The nodes that have a status.
    pub fn nodes(self) -> impl Iterator<Item = ObservedNode<'a>> {
        let nodes = self.status.node_statuses.iter();
        nodes.map(move |(id, status)| ObservedNode {
            run: self,
            id,
            status,
        })
    }

    /// The node of that id, if it has a status.
    pub fn node(self, id: &str) -> Option<ObservedNode<'a>> {
        let (id, status) = self.status.node_statuses.get_key_value(id)?;
        Some(ObservedNode {
            run: self,
            id,
            status,
        })
    }

    /// The run as records name it.
    pub fn reference(self) -> RunRef {
        RunRef {
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            uid: self.file.uid.clone(),
        }
    }

    /// The inbox ref of an attempt.
    pub fn attempt_address(self, node: &str, attempt: u32) -> Address {
        Address::Work {
            run: self.reference(),
            node: node.to_owned(),
            attempt,
        }
    }
}

impl<'a> ObservedNode<'a> {
    /// `namespace/execution/node`
    pub fn name(self) -> String {
        format!("{}/{}", self.run.key.qualified(), self.id)
    }

    /// The inbox ref of its open attempt.
    pub fn address(self) -> Address {
        self.run.attempt_address(self.id, self.status.attempt)
    }

    /// Who does it, when it is bound.
    pub fn provider(self) -> Option<&'a str> {
        provider_of(self.status)
    }
}

/// The plan that a run is held to, if it can be read.
pub fn pinned_plan(stored: &StoredStatus, run: &ExecutionStatus) -> Option<PinnedPlan> {
    let pinned = run.extensions.pinned.as_ref()?;
    PinnedPlan::read(&stored.pinned, pinned).ok()
}

/// Who does a node, when it is bound.
pub fn provider_of(node: &NodeStatus) -> Option<&str> {
    node.extensions.target.as_ref()?.provider.as_deref()
}
