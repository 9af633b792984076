//! History: the commits that changed a resource, and what happened to an execution.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::{SignedBy, Time};
use crate::core::run::history::Happened;
use crate::core::run::transition::Transition;

/// The commits that changed a resource, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionList {
    /// The commits.
    pub items: Vec<Revision>,
    /// Kind of the resource.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether this clone has the complete history.
    pub complete: bool,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for RevisionList {
    const KIND: &'static str = "RevisionList";
}

/// A commit that changed a resource.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Id of the commit.
    pub commit: String,
    /// When it was made.
    pub time: Option<Time>,
    /// Who wrote it.
    pub author: Author,
    /// First line of its message.
    pub subject: String,
    /// What it did to the resource.
    pub change: RevisionKind,
    /// Class of the change (`none`, `patch`, `minor`, `major`), if the specs could be compared.
    pub class: Option<String>,
    /// The change in one line.
    pub summary: String,
    /// Paths of the files after the commit.
    pub paths: Vec<String>,
    /// Paths of the files before the commit.
    pub paths_before: Vec<String>,
    /// The blobs of this revision.
    pub blobs: BTreeSet<String>,
    /// Executions that ran this revision, newest first.
    pub executions: Vec<RevisionRun>,
}

/// Who wrote a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Author {
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: String,
}

/// What a commit did to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RevisionKind {
    /// The resource is new.
    Added,
    /// The spec changed.
    Changed,
    /// Only labels or annotations changed.
    Metadata,
    /// The resource moved to another file.
    Moved,
    /// The resource was removed.
    Removed,
    /// The resource cannot be read.
    Broken,
    /// The resource is in several files.
    Several,
    /// The resource is already in the oldest commit of this clone.
    Beginning,
}

impl RevisionKind {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            RevisionKind::Added => "added",
            RevisionKind::Changed => "changed",
            RevisionKind::Metadata => "metadata",
            RevisionKind::Moved => "moved",
            RevisionKind::Removed => "removed",
            RevisionKind::Broken => "broken",
            RevisionKind::Several => "several",
            RevisionKind::Beginning => "beginning",
        }
    }
}

/// An execution that ran a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRun {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its current phase.
    pub phase: String,
    /// When it started.
    pub start_time: Option<Time>,
}

/// What happened to an execution, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// The events.
    #[serde(serialize_with = "super::each::<_, Event, _>")]
    #[schemars(with = "Vec<Event>")]
    pub items: Vec<Happened>,
    /// Always `Execution`.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether this clone has the complete history.
    pub complete: bool,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for EventList {
    const KIND: &'static str = "EventList";
}

/// An event of an execution: an action of somebody, a transition, or both.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When the status commit with this event was made.
    pub time: Option<Time>,
    /// Id of the status commit.
    pub commit: String,
    /// Uid of the execution; an earlier execution of the same name has a different one.
    pub uid: String,
    /// The node concerned, if any.
    pub node: Option<String>,
    /// If the node is a step of a document, or its approval: the `step_id` as written there.
    pub step: Option<String>,
    /// The attempt of the node; 0 for what has none.
    pub attempt: u32,
    /// The spec commit of the plan that was pinned then.
    pub revision: Option<String>,
    /// The previous phase or value.
    pub from: Option<String>,
    /// The new phase or value.
    pub to: Option<String>,
    /// The type of the condition concerned, if any.
    pub condition: Option<String>,
    /// The criterion concerned, if any.
    pub criterion: Option<String>,
    /// `claim`, `renewal`, `release`, `report`, `verification`, `attestation`, `approve`, `reject`, `comment`,
    /// `cancel`, `retry`; `refused` for a record that was not applied; null for a transition by `reconcile` alone.
    pub action: Option<String>,
    /// The actor.
    pub actor: Option<String>,
    /// The record of the action.
    pub record: Option<String>,
    /// The signature, if the configuration required one.
    pub signed: Option<Signed>,
    /// The reason, as a sentence.
    pub message: String,
}

/// A signature that, according to the status, was valid when it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signed {
    /// The principal for whom the spec branch lists the key.
    pub principal: String,
    /// Fingerprint of the key.
    pub key: String,
    /// Whether this clone has verified the signature. If not, only the status says so.
    pub checked: bool,
}

impl Signed {
    fn of(signed: &SignedBy, checked: bool) -> Signed {
        Signed {
            principal: signed.principal.clone(),
            key: signed.key.clone(),
            checked,
        }
    }
}

impl From<&Happened> for Event {
    fn from(happened: &Happened) -> Event {
        let event = &happened.event;
        let act = event.act.as_ref();
        let moved = event.transition.as_ref();
        Event {
            time: happened.made,
            commit: happened.commit.clone(),
            uid: happened.uid.clone(),
            node: event.node.clone(),
            step: happened.step.clone(),
            attempt: event.attempt,
            revision: happened.revision.clone(),
            from: moved.and_then(|moved| moved.from.clone()),
            to: moved.and_then(|moved| moved.to.clone()),
            condition: moved.and_then(Transition::condition).map(str::to_owned),
            criterion: act.and_then(|act| act.criterion.clone()),
            action: act.map(|act| act.word.to_owned()),
            actor: act.and_then(|act| act.actor.clone()),
            record: act.and_then(|act| act.record.clone()),
            signed: act
                .and_then(|act| act.signed.as_ref())
                .map(|signed| Signed::of(signed, happened.is_checked)),
            message: event.why(),
        }
    }
}
