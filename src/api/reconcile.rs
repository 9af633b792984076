//! What a reconcile did.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::{Kind, Time};
use crate::core::run::transition as core;

/// What a reconcile did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// Name of the spec branch.
    pub spec_branch: String,
    /// The spec commit that was looked at.
    pub spec_commit: String,
    /// The revision that was named instead of the spec branch.
    pub revision: Option<String>,
    /// Name of the status branch.
    pub status_branch: String,
    /// The status commit that was written.
    pub status_commit: Option<String>,
    /// Number of the newest status commit.
    pub sequence: u64,
    /// The next moment at which something happens by itself.
    pub next_deadline: Option<Time>,
    /// Whether anything changed.
    pub changed: bool,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// What moved.
    pub transitions: Vec<Transition>,
    /// What waits, and for what.
    pub waiting: Vec<Waiting>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Reconciled {
    const KIND: &'static str = "Reconcile";
}

/// One phase that changed; or one condition, or what somebody says about a criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Kind of the resource.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node of an execution, when it is about one.
    pub node: Option<String>,
    /// The criterion or constraint, when it is about one.
    pub criterion: Option<String>,
    /// The type of the condition, when it is about one.
    pub condition: Option<String>,
    /// What it was; nothing for what is new.
    pub from: Option<String>,
    /// What it is; nothing for what is gone.
    pub to: Option<String>,
    /// The attempt of a node; 0 for what has none.
    pub attempt: u32,
    /// Why, in a sentence.
    pub message: String,
}

impl From<&core::Transition> for Transition {
    fn from(transition: &core::Transition) -> Transition {
        let (criterion, condition) = match &transition.what {
            core::Moved::Criterion(id) | core::Moved::Constraint(id) => (Some(id.clone()), None),
            core::Moved::Condition(kind) => (None, Some(kind.clone())),
            core::Moved::Phase => (None, None),
        };
        Transition {
            kind: transition.key.kind.name().to_owned(),
            namespace: transition.key.namespace.clone(),
            name: transition.key.name.clone(),
            node: transition.node.clone(),
            criterion,
            condition,
            from: transition.from.clone(),
            to: transition.to.clone(),
            attempt: transition.attempt,
            message: transition.message.clone(),
        }
    }
}

/// A run, or a node of it, that waits.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Always `Execution`.
    pub kind: String,
    /// Namespace of the execution.
    pub namespace: String,
    /// Name of the execution.
    pub name: String,
    /// The node; nothing when the run as a whole waits.
    pub node: Option<String>,
    /// For what.
    #[serde(flatten)]
    pub what: WaitingFor,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "for", content = "details", rename_all_fields = "camelCase")]
pub enum WaitingFor {
    /// Somebody to claim it.
    Worker {
        /// Who may; anybody when not set.
        provider: Option<String>,
        /// Which attempt.
        attempt: u32,
    },
    /// The report of who claimed it.
    Report {
        /// Who claimed it.
        actor: String,
        /// When the lease ends.
        expires: Option<Time>,
    },
    /// Decisions at a gate.
    Approval {
        /// The gate: `namespace/name`.
        gate: String,
        /// How far it is.
        progress: String,
    },
    /// Somebody to check the acceptance criteria of what was reported.
    Verification {
        /// Who reported.
        reported_by: String,
        /// The commit that holds the work.
        commit: Option<String>,
    },
    /// What the document wants beside the nodes, which have all ended.
    Criterion {
        /// Its id.
        criterion: String,
        /// What must be true.
        description: String,
        /// Whether checks decide, or people.
        has_checks: bool,
        /// Whether it was said that it is not met.
        unmet: bool,
    },
    /// Something outside: another run, a URI, a call.
    External {
        /// A sentence.
        message: String,
    },
    /// The repository itself: a commit that holds what the task asks for.
    Repository {
        /// A sentence.
        message: String,
    },
    /// The next attempt after a failure.
    Retry {
        /// When.
        at: Option<Time>,
    },
    /// Something that is missing or not supported.
    Other {
        /// A sentence.
        message: String,
    },
}

impl From<&core::Waiting> for Waiting {
    fn from(waiting: &core::Waiting) -> Waiting {
        Waiting {
            kind: Kind::Execution.name().to_owned(),
            namespace: waiting.execution.namespace.clone(),
            name: waiting.execution.name.clone(),
            node: waiting.node.clone(),
            what: waiting.what.clone().into(),
        }
    }
}

impl From<core::WaitingFor> for WaitingFor {
    fn from(what: core::WaitingFor) -> WaitingFor {
        match what {
            core::WaitingFor::Worker { provider, attempt } => {
                WaitingFor::Worker { provider, attempt }
            }
            core::WaitingFor::Report { actor, expires } => WaitingFor::Report { actor, expires },
            core::WaitingFor::Approval { gate, progress } => {
                WaitingFor::Approval { gate, progress }
            }
            core::WaitingFor::Verification {
                reported_by,
                commit,
            } => WaitingFor::Verification {
                reported_by,
                commit,
            },
            core::WaitingFor::Criterion {
                criterion,
                description,
                has_checks,
                unmet,
            } => WaitingFor::Criterion {
                criterion,
                description,
                has_checks,
                unmet,
            },
            core::WaitingFor::External { why } => WaitingFor::External { message: why },
            core::WaitingFor::Repository { why } => WaitingFor::Repository { message: why },
            core::WaitingFor::Retry { at } => WaitingFor::Retry { at },
            core::WaitingFor::Other { why } => WaitingFor::Other { message: why },
        }
    }
}
