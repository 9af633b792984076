//! The output of a node's command.

use std::collections::BTreeMap;

use super::record;
use super::report::no_attempt_yet;
use super::runs::{Observed, ObservedNode, observe_node};
use super::store::{Store, attempt_of_result};
use super::{Error, Result};
use crate::api::logs::NodeLog;
use crate::core::resource::{LOG_FILE, NodePhase, NodeStatus};
use crate::git::read;

/// A request for the log of a node.
#[derive(Debug, Clone)]
pub struct LogsRequest {
    /// `EXECUTION/NODE`
    pub target: String,
    /// Namespace of the execution, if its name is ambiguous.
    pub namespace: Option<String>,
    /// The attempt; `None` is the last one that has a log.
    pub attempt: Option<u32>,
}

/// Returns the output of a node's command, in its last attempt that has a log.
///
/// # Errors
/// There is no such node, or no log of it is kept.
pub fn logs(store: &Store, request: &LogsRequest) -> Result<NodeLog> {
    let observed = observe_node(store, &request.target, request.namespace.as_deref())?;
    let node = observed.node(&request.target, request.namespace.as_deref())?;
    let (name, open) = (node.name(), node.status.attempt);
    let mut kept = kept(&observed, node);
    // A manual report keeps the work, but has no log.
    while let Some((last, commit)) = kept.last_key_value() {
        if !store.has_or_fetches(commit)
            || read::file_at(&store.repo, commit, LOG_FILE)?.is_some()
            || request.attempt.is_some_and(|attempt| attempt != *last)
        {
            break;
        }
        kept.pop_last();
    }
    let attempt = match (request.attempt, kept.keys().next_back()) {
        (Some(attempt), _) => attempt,
        (None, Some(&last)) => last,
        (None, None) => open,
    };
    let Some(&commit) = kept.get(&attempt) else {
        if attempt > open {
            return Err(no_attempt_yet(node, attempt));
        }
        return Err(nothing_kept(&name, node.status, attempt, &kept));
    };
    if !store.has_or_fetches(commit) {
        return Err(Error::not_found(format!(
            "the log of {name}, attempt {attempt}, is gone: commit {commit} is neither here nor on \
             the remote"
        ))
        .hint("logs are kept for thirty days after an execution has ended"));
    }
    let bytes = read::file_at(&store.repo, commit, LOG_FILE)?.ok_or_else(|| {
        Error::not_found(format!(
            "commit {commit}, which should contain the log of {name}, has no {LOG_FILE}"
        ))
    })?;
    let is_older = request.attempt.is_none() && attempt < open;
    let note = is_older
        .then(|| format!("this is the log of attempt {attempt}; attempt {open} has none yet"));
    Ok(NodeLog {
        attempt: record::attempt(&observed, node.run, node.id, attempt),
        commit: commit.to_owned(),
        log: bytes,
        notes: note.into_iter().collect(),
    })
}

/// The commits with the logs of a node, by attempt, from reports in the status and from those not
/// taken in yet.
fn kept<'a>(observed: &'a Observed, node: ObservedNode<'a>) -> BTreeMap<u32, &'a str> {
    let (run, id) = (node.run, node.id);
    let name = run.reference();
    let refs = observed.view.results.iter();
    let refs = refs.filter_map(|(result, commit)| {
        Some((attempt_of_result(result, &name, id)?, commit.as_str()))
    });
    let artifacts = run.status.artifacts.iter();
    let artifacts = artifacts.filter(|artifact| artifact.is_log());
    let reported = artifacts
        .map(|artifact| artifact.origin())
        .filter(|origin| origin.node == Some(id))
        .filter_map(|origin| Some((origin.attempt?, origin.commit?)));
    refs.chain(reported).collect()
}

fn nothing_kept(name: &str, node: &NodeStatus, attempt: u32, kept: &BTreeMap<u32, &str>) -> Error {
    if attempt == node.attempt && node.phase == NodePhase::Running {
        return Error::not_ready(format!("attempt {attempt} of {name} has not ended"))
            .hint("its log is stored when it ends, if `planspec work` runs it");
    }
    let error = Error::not_found(match attempt {
        0 => format!("{name} has not started, so there is no log"),
        _ => format!("there is no log of {name}, attempt {attempt}"),
    });
    let others: Vec<String> = kept.keys().map(u32::to_string).collect();
    if others.is_empty() {
        return error.hint("only `planspec work` stores logs, of nodes bound to tool://");
    }
    error.hint(format!("there are logs of attempts {}", others.join(", ")))
}
