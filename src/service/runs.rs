//! Finding the run and the node that a worker or reviewer means, and saying something about it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::store::{Sent, Store, Stored, View};
use super::suggestion;
use crate::core::base::time::exact;
use crate::core::resource::{ExecutionStatus, Key, Kind, Node, NodeStatus, Status, Time};
use crate::core::run::controllers::execution::PinnedPlan;
use crate::core::run::record::{Action, Address, RECORD_API_VERSION, Record, RunRef};
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

/// A fresh look at a status that exists.
pub struct Look {
    /// Branches and inbox.
    pub view: View,
    /// The status.
    pub stored: Stored,
}

/// One run in it.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Which execution.
    pub key: &'a Key,
    /// Its file on the status branch.
    pub file: &'a StatusFile,
    /// Its status.
    pub status: &'a ExecutionStatus,
}

/// Look now.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn look(store: &Store) -> Result<Look> {
    let view = store.fresh()?;
    match store.status(&view)? {
        Some(stored) => Ok(Look { view, stored }),
        None => Err(Error::not_ready(format!(
            "there is no status yet: branch `{}` does not exist",
            view.config.status.branch
        ))
        .hint("run `planspec reconcile` first")),
    }
}

impl Look {
    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        self.stored.tree.files.iter().filter_map(|(key, file)| {
            let Status::Execution(status) = &file.status else {
                return None;
            };
            Some(Run { key, file, status })
        })
    }

    /// The run of that uid.
    pub fn by_uid(&self, uid: &str) -> Option<Run<'_>> {
        self.runs().find(|run| run.file.uid == uid)
    }

    /// The execution of that name, `NAME` or `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn run(&self, name: &str, namespace: Option<&str>) -> Result<Run<'_>> {
        let key = choose(&self.stored.tree, Kind::Execution, name, namespace)?;
        self.runs()
            .find(|run| run.key == key)
            .ok_or_else(|| Error::not_found(format!("{key} has no status")))
    }

    /// The node that `EXECUTION/NODE` means.
    ///
    /// # Errors
    /// There is no such execution or node.
    pub fn node<'a>(
        &'a self,
        target: &'a str,
        namespace: Option<&str>,
    ) -> Result<(Run<'a>, &'a str, &'a NodeStatus)> {
        let Some((execution, id)) = target.rsplit_once('/') else {
            return Err(
                Error::ambiguous(format!("`{target}` names no node")).hint("write EXECUTION/NODE")
            );
        };
        let run = self.run(execution, namespace)?;
        let Some((id, node)) = run.status.node_statuses.get_key_value(id) else {
            let name = run.key.qualified();
            if run.status.node_statuses.is_empty() {
                let message = &run.status.message;
                let error = Error::not_ready(format!("{name} has not started: {message}"));
                return Err(error);
            }
            let ids = run.status.node_statuses.keys().map(String::as_str);
            return Err(Error::not_found(format!("{name} has no node `{id}`"))
                .maybe_hint(suggestion(id, ids)));
        };
        Ok((run, id, node))
    }

    /// Where the inbox ref of an attempt points, if somebody has created it.
    pub fn work_tip(&self, run: Run<'_>, node: &str, attempt: u32) -> Option<&String> {
        self.view.inbox.get(&work_address(run, node, attempt))
    }

    /// A record about a run.
    pub fn record(&self, run: Run<'_>, actor: &str, now: Time, action: Action) -> Record {
        Record {
            api_version: RECORD_API_VERSION.to_owned(),
            action,
            repository: self.stored.tree.controller.repository_id.clone(),
            execution: run_ref(run),
            actor: actor.to_owned(),
            time: exact(now),
            nonce: Uuid::new_v4().simple().to_string(),
        }
    }
}

/// Send a record; a lost race is a failure of its own kind.
///
/// # Errors
/// Somebody else was first, or the remote cannot be used.
pub fn send(
    store: &Store,
    address: &Address,
    old: Option<&str>,
    record: &Record,
    now: Time,
) -> Result<String> {
    sent(address, store.send(address, old, record, now)?)
}

/// The id of a record that was sent; a lost race is a failure of its own kind.
///
/// # Errors
/// Somebody else was first.
pub fn sent(address: &Address, sent: Sent) -> Result<String> {
    match sent {
        Sent::Done(id) => Ok(id),
        Sent::Taken => Err(Error::conflict(format!(
            "refs/planspec/{address} has moved in the meantime"
        ))
        .hint("look again, then repeat the command if it still makes sense")),
    }
}

/// The plan that a run is held to, if it can be read.
pub fn pinned_plan(stored: &Stored, run: &ExecutionStatus) -> Option<PinnedPlan> {
    let pinned = run.extensions.pinned.as_ref()?;
    PinnedPlan::read(&stored.pinned, pinned).ok()
}

/// A node of a plan.
pub fn node_of<'a>(plan: &'a PinnedPlan, id: &str) -> Option<&'a Node> {
    plan.graph()?.nodes.iter().find(|node| node.id == id)
}

/// Nodes that can be claimed and that nobody has claimed since.
pub fn offers(look: &Look) -> impl Iterator<Item = (Run<'_>, &str, &NodeStatus)> {
    look.runs()
        .flat_map(|run| {
            let nodes = run.status.node_statuses.iter();
            nodes.map(move |(id, node)| (run, id.as_str(), node))
        })
        .filter(|(_, _, node)| node.is_claimable())
        .filter(|(run, id, node)| look.work_tip(*run, id, node.attempt).is_none())
}

/// Nodes whose next attempt is opened later, with the moment from which it can be claimed.
pub fn retries(look: &Look) -> impl Iterator<Item = (Run<'_>, &str, &NodeStatus, Time)> {
    let runs = look.runs().filter(|run| !run.status.phase.is_terminal());
    runs.flat_map(|run| {
        let nodes = run.status.node_statuses.iter();
        nodes.filter_map(move |(id, node)| match node_waits_for(node)? {
            WaitingFor::Retry { at } => Some((run, id.as_str(), node, at?)),
            _ => None,
        })
    })
}

/// Who does a node, when it is bound.
pub fn provider_of(node: &NodeStatus) -> Option<&str> {
    node.extensions.target.as_ref()?.provider.as_deref()
}

/// Send an operator's request, on a ref of its own: the id of its record.
///
/// # Errors
/// The remote cannot be used.
pub fn request(
    store: &Store,
    look: &Look,
    run: Run<'_>,
    (actor, now): (&str, Time),
    action: Action,
) -> Result<String> {
    let address = Address::Request {
        run: run_ref(run),
        id: format!("{}-{}", action.word(), Uuid::new_v4().simple()),
    };
    let record = look.record(run, actor, now, action);
    send(store, &address, None, &record, now)
}

/// The run as records name it.
pub fn run_ref(run: Run<'_>) -> RunRef {
    RunRef {
        namespace: run.key.namespace.clone(),
        name: run.key.name.clone(),
        uid: run.file.uid.clone(),
    }
}

/// The inbox ref of an attempt.
pub fn work_address(run: Run<'_>, node: &str, attempt: u32) -> Address {
    Address::Work {
        run: run_ref(run),
        node: node.to_owned(),
        attempt,
    }
}

/// The resource of a kind that `NAME` or `NAMESPACE/NAME` means.
///
/// # Errors
/// There is none, or there are several.
pub fn choose<'a>(
    tree: &'a StatusTree,
    kind: Kind,
    name: &str,
    namespace: Option<&str>,
) -> Result<&'a Key> {
    choose_among(tree.files.keys(), kind, name, namespace)
}

/// The key of a kind that `NAME` or `NAMESPACE/NAME` means.
///
/// # Errors
/// There is none, or there are several.
pub fn choose_among<'a>(
    keys: impl Iterator<Item = &'a Key>,
    kind: Kind,
    name: &str,
    namespace: Option<&str>,
) -> Result<&'a Key> {
    let (namespace, name) = match name.split_once('/') {
        Some((own, name)) => (Some(own), name),
        None => (namespace, name),
    };
    let of_kind: Vec<&Key> = keys.filter(|key| key.kind == kind).collect();
    let found: Vec<&Key> = of_kind
        .iter()
        .filter(|key| key.name == name && namespace.is_none_or(|ns| key.namespace == ns))
        .copied()
        .collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let place = namespace.map_or(String::new(), |ns| format!(" in namespace `{ns}`"));
            let word = kind.name().to_lowercase();
            let error = Error::not_found(format!("there is no {word} `{name}`{place}"));
            let elsewhere = of_kind.iter().find(|key| key.name == name);
            let hint = match elsewhere {
                Some(key) => Some(format!("there is one in namespace `{}`", key.namespace)),
                None => suggestion(name, of_kind.iter().map(|key| key.name.as_str())),
            };
            Err(error.maybe_hint(hint))
        }
        several => {
            let namespaces: Vec<&str> = several.iter().map(|key| key.namespace.as_str()).collect();
            Err(Error::ambiguous(format!(
                "`{name}` is in several namespaces: {}",
                namespaces.join(", ")
            ))
            .hint(format!("choose one: {}", several[0].qualified())))
        }
    }
}
