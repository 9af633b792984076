//! Changes of the status branch, as they come.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::reconcile::Moved;
use crate::core::resource::Time;
use crate::core::run::transition::Transition;

/// What stands somewhere, or has moved, and the status commit that tells it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchEvent {
    /// When the status commit was made.
    pub time: Time,
    /// Its id.
    pub commit: String,
    /// Its number.
    pub sequence: u64,
    /// Uid of the resource; nothing when it is gone.
    pub uid: Option<String>,
    /// Kind of the resource.
    pub resource: String,
    /// The rest of it.
    #[serde(flatten)]
    pub moved: Moved,
}

/// The status commit that tells of something.
#[derive(Debug, Clone, Copy)]
pub struct ToldBy<'a> {
    /// When it was made.
    pub time: Time,
    /// Its id.
    pub commit: &'a str,
    /// Its number.
    pub sequence: u64,
}

impl WatchEvent {
    /// Something that moved, of the resource with this uid.
    pub fn of(change: &Transition, uid: Option<&str>, by: ToldBy<'_>) -> WatchEvent {
        WatchEvent {
            time: by.time,
            commit: by.commit.to_owned(),
            sequence: by.sequence,
            uid: uid.map(str::to_owned),
            resource: change.key.kind.name().to_owned(),
            moved: change.into(),
        }
    }
}

/// What stands at the first look.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchState {
    /// What, and the status commit that tells it.
    #[serde(flatten)]
    pub event: WatchEvent,
}

impl Answer for WatchState {
    const KIND: &'static str = "State";
}

/// What has moved since.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchChange {
    /// What, and the status commit that tells it.
    #[serde(flatten)]
    pub event: WatchEvent,
}

impl Answer for WatchChange {
    const KIND: &'static str = "Transition";
}

/// What there is to say besides: a remote that is away for a moment, or back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchNote {
    /// A sentence for people.
    pub message: String,
}

impl Answer for WatchNote {
    const KIND: &'static str = "Note";
}
