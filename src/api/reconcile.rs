//! What a reconcile did.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::overview::FailedRun;
use crate::core::resource::Time;
use crate::core::run::transition::{self as core, Waiting};

/// What a reconcile did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// Name of the spec branch.
    pub spec_branch: String,
    /// The spec commit that was read.
    pub spec_commit: String,
    /// The revision that was named instead of the spec branch.
    pub revision: Option<String>,
    /// Name of the status branch.
    pub status_branch: String,
    /// The status commit that was written.
    pub status_commit: Option<String>,
    /// Number of the newest status commit.
    pub sequence: u64,
    /// The next deadline: when a lease or timeout ends, or a retry is due.
    pub next_deadline: Option<Time>,
    /// Whether anything changed.
    pub changed: bool,
    /// Whether this was a dry run: nothing is written.
    pub dry_run: bool,
    /// Whether another reconcile wrote these transitions at the same time; that one reports them too.
    pub written_by_another: bool,
    /// The transitions.
    #[serde(serialize_with = "super::each::<_, Transition, _>")]
    #[schemars(with = "Vec<Transition>")]
    pub transitions: Vec<core::Transition>,
    /// The first things that are waited for.
    pub waiting: Vec<Waiting>,
    /// How many more things are waited for.
    pub waiting_more: usize,
    /// Failed executions that can be retried, newest first, at most 50.
    pub failed: Vec<FailedRun>,
    /// How many executions were archived.
    pub archived: usize,
    /// How many refs of the inbox were applied or refused.
    pub records: core::TakenIn,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Reconciled {
    const KIND: &'static str = "Reconcile";
}

/// The health of `reconcile --watch`: the content of a health file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Whether the last look succeeded.
    pub healthy: bool,
    /// When it was. If that is long ago, the process has stopped.
    pub looked_at: Time,
    /// When the last successful look was.
    pub succeeded_at: Option<Time>,
    /// How many have failed since.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<String>,
    /// Number of the newest status commit that it knows.
    pub sequence: Option<u64>,
    /// How many things are waited for.
    pub waiting: usize,
}

impl Answer for Health {
    const KIND: &'static str = "Health";
}

/// A transition of a phase, of a condition, or of what is said about a criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Kind of the resource.
    pub kind: String,
    /// The transition.
    #[serde(flatten)]
    pub moved: Moved,
}

/// A transition, without the kind of the resource.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Namespace of the resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node of an execution concerned, if any.
    pub node: Option<String>,
    /// If the node is a step of a document, or its approval: the `step_id` as written there.
    pub step: Option<String>,
    /// The criterion or constraint concerned, if any.
    pub criterion: Option<String>,
    /// The type of the condition concerned, if any.
    pub condition: Option<String>,
    /// The previous value; null for something new.
    pub from: Option<String>,
    /// The new value; null for something that is gone.
    pub to: Option<String>,
    /// The attempt of the node; 0 without an attempt.
    pub attempt: u32,
    /// The reason, as a sentence.
    pub message: String,
}

impl From<&core::Transition> for Transition {
    fn from(transition: &core::Transition) -> Transition {
        Transition {
            kind: transition.key.kind.name().to_owned(),
            moved: transition.into(),
        }
    }
}

impl From<&core::Transition> for Moved {
    fn from(transition: &core::Transition) -> Moved {
        let criterion = match &transition.what {
            core::Moved::Criterion(id) | core::Moved::Constraint(id) => Some(id.clone()),
            core::Moved::Condition(_) | core::Moved::Phase => None,
        };
        Moved {
            namespace: transition.key.namespace.clone(),
            name: transition.key.name.clone(),
            node: transition.node.clone(),
            step: transition.step.clone(),
            criterion,
            condition: transition.condition().map(str::to_owned),
            from: transition.from.clone(),
            to: transition.to.clone(),
            attempt: transition.attempt,
            message: transition.message.clone(),
        }
    }
}
