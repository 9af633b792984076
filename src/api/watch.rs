//! Changes of the status branch, as they come.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use super::reconcile::Moved;
use crate::core::resource::Time;
use crate::core::run::transition::Transition;

/// A state or a transition, and the status commit that has it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchEvent {
    /// When the status commit was made.
    pub time: Time,
    /// Its id.
    pub commit: String,
    /// Its sequence number.
    pub sequence: u64,
    /// Uid of the resource; null if it is gone.
    pub uid: Option<String>,
    /// Kind of the resource.
    pub resource: String,
    /// The state or the transition.
    #[serde(flatten)]
    pub moved: Moved,
}

/// The status commit that has a transition.
#[derive(Debug, Clone, Copy)]
pub struct ToldBy<'a> {
    /// When it was made.
    pub time: Time,
    /// Its id.
    pub commit: &'a str,
    /// Its sequence number.
    pub sequence: u64,
}

impl WatchEvent {
    /// A transition of the resource with this uid.
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

/// The state at the first look.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchState {
    /// The state or the transition.
    #[serde(flatten)]
    pub event: WatchEvent,
}

impl Answer for WatchState {
    const KIND: &'static str = "State";
}

/// A transition since then.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchChange {
    /// The state or the transition.
    #[serde(flatten)]
    pub event: WatchEvent,
}

impl Answer for WatchChange {
    const KIND: &'static str = "Transition";
}

/// A note: the remote has become unreachable, or reachable again.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchNote {
    /// A sentence for people.
    pub message: String,
}

impl Answer for WatchNote {
    const KIND: &'static str = "Note";
}
