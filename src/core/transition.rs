//! What moved between two statuses, and what now waits for whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::resource::{
    AWAITING_APPROVAL, ExecutionPhase, ExecutionStatus, GoalPhase, Key, NodePhase, RETRY_WAIT,
    Status, Time, find_condition,
};
use super::status::StatusTree;

/// One phase that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The resource.
    pub key: Key,
    /// The node of an execution, when it is about one.
    pub node: Option<String>,
    /// The phase before; nothing for what is new.
    pub from: Option<String>,
    /// The phase now; nothing for what is gone.
    pub to: Option<String>,
    /// Why, in a sentence.
    pub message: String,
}

/// Everything that moved, resource by resource, nodes behind their execution.
pub fn transitions(old: Option<&StatusTree>, new: &StatusTree) -> Vec<Transition> {
    let empty = BTreeMap::new();
    let old_files = old.map_or(&empty, |old| &old.files);
    let mut found = Vec::new();
    for (key, file) in &new.files {
        let before = old_files.get(key).filter(|before| before.uid == file.uid);
        let from = before.map(|before| before.status.phase());
        let to = file.status.phase();
        if from.as_ref() != Some(&to) {
            found.push(Transition {
                key: key.clone(),
                node: None,
                from,
                to: Some(to),
                message: why(&file.status),
            });
        }
        if let Status::Execution(run) = &file.status {
            let before = before.and_then(|before| match &before.status {
                Status::Execution(run) => Some(&**run),
                _ => None,
            });
            node_transitions(key, before, run, &mut found);
        }
    }
    for (key, file) in old_files {
        if !new.files.contains_key(key) {
            found.push(Transition {
                key: key.clone(),
                node: None,
                from: Some(file.status.phase()),
                to: None,
                message: "no longer in the files".to_owned(),
            });
        }
    }
    found
}

fn node_transitions(
    key: &Key,
    before: Option<&ExecutionStatus>,
    now: &ExecutionStatus,
    found: &mut Vec<Transition>,
) {
    for (id, node) in &now.node_statuses {
        let old = before.and_then(|run| run.node_statuses.get(id));
        let was_there = old.map_or(NodePhase::Pending, |old| old.phase);
        let next_attempt = old.is_some_and(|old| old.attempt != node.attempt && old.attempt > 0);
        if was_there == node.phase && !next_attempt {
            continue;
        }
        let attempt = match node.attempt {
            0 | 1 => String::new(),
            n => format!("attempt {n}"),
        };
        let parts: Vec<&str> = [attempt.as_str(), node.message.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        found.push(Transition {
            key: key.clone(),
            node: Some(id.clone()),
            from: Some(was_there.to_string()),
            to: Some(node.phase.to_string()),
            message: parts.join("; "),
        });
    }
}

/// Why a resource stands where it stands.
fn why(status: &Status) -> String {
    match status {
        Status::Execution(run) => run.message.clone(),
        status => {
            let message = |kind: &str| {
                let condition = find_condition(status.conditions(), kind)?;
                Some(condition.message.clone()).filter(|message| !message.is_empty())
            };
            let telling = match status {
                Status::Goal(goal) if goal.phase == GoalPhase::Ready => "PlanResolved",
                Status::Goal(_) => "Reached",
                Status::Capability(_) => "RequirementsMet",
                Status::Gate(_) => "Decided",
                _ => "Valid",
            };
            message("Valid")
                .or_else(|| message(telling))
                .unwrap_or_default()
        }
    }
}

/// Something that does not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The execution.
    pub execution: Key,
    /// The node; nothing when the whole execution waits.
    pub node: Option<String>,
    /// For what.
    pub what: WaitingFor,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitingFor {
    /// Somebody to claim the open attempt; the provider that is meant, or anybody.
    Worker {
        /// Who is meant.
        provider: Option<String>,
        /// The open attempt.
        attempt: u32,
    },
    /// A worker to report.
    Report {
        /// Who works.
        actor: String,
        /// When the lease ends.
        expires: Option<Time>,
    },
    /// A decision on a gate (`namespace/name`).
    Approval {
        /// Which gate.
        gate: String,
        /// How far it is.
        progress: String,
    },
    /// The next attempt after a failure.
    Retry {
        /// When.
        at: Option<Time>,
    },
    /// Something that is missing or not supported.
    Other {
        /// A sentence.
        why: String,
    },
}

/// What every unfinished execution waits for, in order.
pub fn waiting(tree: &StatusTree) -> Vec<Waiting> {
    let mut found = Vec::new();
    for (key, file) in &tree.files {
        let Status::Execution(run) = &file.status else {
            continue;
        };
        if run.phase.is_terminal() {
            continue;
        }
        if run.phase == ExecutionPhase::Pending {
            found.push(Waiting {
                execution: key.clone(),
                node: None,
                what: WaitingFor::Other {
                    why: run.message.clone(),
                },
            });
        }
        for (id, node) in &run.node_statuses {
            let what = match node.phase {
                _ if node.is_claimable() => WaitingFor::Worker {
                    provider: node
                        .extensions
                        .target
                        .as_ref()
                        .and_then(|target| target.provider.clone()),
                    attempt: node.attempt,
                },
                NodePhase::Running => WaitingFor::Report {
                    actor: node
                        .extensions
                        .claim
                        .as_ref()
                        .map(|claim| claim.actor.clone())
                        .unwrap_or_default(),
                    expires: node.extensions.claim.as_ref().and_then(|c| c.expires),
                },
                NodePhase::Pending if node.extensions.reason == RETRY_WAIT => WaitingFor::Retry {
                    at: node.extensions.not_before,
                },
                NodePhase::Blocked if node.extensions.reason == AWAITING_APPROVAL => {
                    WaitingFor::Approval {
                        gate: node
                            .extensions
                            .decision
                            .as_ref()
                            .map(|decision| decision.gate.clone())
                            .unwrap_or_default(),
                        progress: node.message.clone(),
                    }
                }
                NodePhase::Blocked => WaitingFor::Other {
                    why: node.message.clone(),
                },
                _ => continue,
            };
            found.push(Waiting {
                execution: key.clone(),
                node: Some(id.clone()),
                what,
            });
        }
    }
    found
}
