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
    /// One for each commit.
    pub items: Vec<Revision>,
    /// Kind of the resource.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether all of history is in this clone.
    pub complete: bool,
    /// What there is to say besides.
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
    /// What it did.
    pub change: RevisionKind,
    /// Class of the change (`none`, `patch`, `minor`, `major`), where the specs could be compared.
    pub class: Option<String>,
    /// One line of what changed.
    pub summary: String,
    /// Paths of the files since.
    pub paths: Vec<String>,
    /// Paths of the files before.
    pub paths_before: Vec<String>,
    /// The blobs that held this revision.
    pub blobs: BTreeSet<String>,
    /// Executions that ran on it, the newest first.
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
    /// It was not there before.
    Added,
    /// It is another spec.
    Changed,
    /// The same spec, other labels or annotations.
    Metadata,
    /// The same resource in another file.
    Moved,
    /// It is gone.
    Removed,
    /// It cannot be read.
    Broken,
    /// It stands in several files.
    Several,
    /// It was there when the history that is here begins.
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

/// An execution that ran on a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRun {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Where it stands now.
    pub phase: String,
    /// When it started.
    pub start_time: Option<Time>,
}

/// What happened to an execution, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// One for each thing that happened.
    #[serde(serialize_with = "super::each::<_, Event, _>")]
    #[schemars(with = "Vec<Event>")]
    pub items: Vec<Happened>,
    /// Always `Execution`.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether all of history is in this clone.
    pub complete: bool,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for EventList {
    const KIND: &'static str = "EventList";
}

/// Something that happened to an execution: somebody did something, something moved, or both.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When the status commit was made that tells it.
    pub time: Option<Time>,
    /// Its id.
    pub commit: String,
    /// Uid of the execution: a former one of the same name has another.
    pub uid: String,
    /// The node, when it is about one.
    pub node: Option<String>,
    /// Of a step of a document, and of its approval: the `step_id`, as it is written there.
    pub step: Option<String>,
    /// The attempt of the node; 0 for what has none.
    pub attempt: u32,
    /// The spec commit with the plan that the run was held to then.
    pub revision: Option<String>,
    /// What it was.
    pub from: Option<String>,
    /// What it is since.
    pub to: Option<String>,
    /// The type of the condition, when it is about one.
    pub condition: Option<String>,
    /// The criterion that it is about, when somebody has said something of one.
    pub criterion: Option<String>,
    /// `claim`, `renewal`, `release`, `report`, `verification`, `attestation`, `approve`, `reject`,
    /// `comment`, `cancel`, `retry`; `refused` for what was not applied; nothing when only
    /// `reconcile` moved it.
    pub action: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// The record that says so.
    pub record: Option<String>,
    /// Whose key signed it, where the configuration wanted to know.
    pub signed: Option<Signed>,
    /// Why, in a sentence.
    pub message: String,
}

/// A signature that was valid when it arrived, as the status says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signed {
    /// Whom the spec branch lists the key for.
    pub principal: String,
    /// Fingerprint of the key.
    pub key: String,
    /// Whether this clone has found it to be so; else the status claims it.
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
