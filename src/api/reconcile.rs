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
    /// Whether another reconcile, at the same time, has written what moved: that one tells it as well.
    pub written_by_another: bool,
    /// What moved.
    #[serde(serialize_with = "super::each::<_, Transition, _>")]
    #[schemars(with = "Vec<Transition>")]
    pub transitions: Vec<core::Transition>,
    /// What waits, and for what: the first of it.
    pub waiting: Vec<Waiting>,
    /// How much more waits.
    pub waiting_more: usize,
    /// Executions that failed and may be tried again, the last first; the first 50.
    pub failed: Vec<FailedRun>,
    /// What became of the refs of the inbox that were taken in.
    pub records: core::TakenIn,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Reconciled {
    const KIND: &'static str = "Reconcile";
}

/// How a reconcile that goes on for ever stands: what a health file holds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Whether the last look succeeded.
    pub healthy: bool,
    /// When it was. Where that is long ago, nothing looks any more.
    pub looked_at: Time,
    /// When the last one that succeeded was.
    pub succeeded_at: Option<Time>,
    /// How many have failed since.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<String>,
    /// Number of the newest status commit that it knows.
    pub sequence: Option<u64>,
    /// How much waits for somebody.
    pub waiting: usize,
}

impl Answer for Health {
    const KIND: &'static str = "Health";
}

/// One phase that changed; or one condition, or what somebody says about a criterion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Kind of the resource.
    pub kind: String,
    /// The rest of it.
    #[serde(flatten)]
    pub moved: Moved,
}

/// What moved from where to where, of a resource whose kind is known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Namespace of the resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node of an execution, when it is about one.
    pub node: Option<String>,
    /// Of a step of a document, and of its approval: the `step_id`, as it is written there.
    pub step: Option<String>,
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
