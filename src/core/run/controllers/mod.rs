//! The controllers: snapshot, old status, records and a moment → new status. All pure.

pub mod binding;
pub mod capability;
pub mod execution;
pub mod gate;
pub mod goal;
pub mod plan;

use std::collections::{BTreeMap, BTreeSet};

use crate::core::repository::config::Config;
use crate::core::repository::definitions::Definition;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{CapabilityPhase, Condition, Key, SignedBy, Time, set_condition};

/// Whether a commit holds a file or folder at a path, and the text in it if one is given.
pub type Artifacts<'a> = dyn Fn(&str, Option<&str>) -> bool + 'a;

/// Whether the spec branch holds a commit.
pub type Merged<'a> = dyn Fn(&str) -> bool + 'a;

/// The paths that a commit changes beside the spec branch, or why nobody can tell.
pub type Touches<'a> = dyn Fn(&str) -> Result<BTreeSet<String>, String> + 'a;

/// Whether the spec branch lists a key for a principal, valid at a moment.
pub type Listed<'a> = dyn Fn(&SignedBy, Time) -> bool + 'a;

/// What every controller may look at.
pub struct World<'a> {
    /// The resources of the spec commit.
    pub snapshot: &'a Snapshot,
    /// The configuration of the spec commit.
    pub config: &'a Config,
    /// The spec commit.
    pub commit: &'a str,
    /// Id of the repository's status branch.
    pub repository_id: &'a str,
    /// The moment that counts as now.
    pub now: Time,
    /// Who wrote a file.
    pub authors: &'a Authors<'a>,
    /// What runs are pinned to.
    pub pinned: execution::Pins<'a>,
    /// Phase of every capability, judged first because bindings ask for it.
    pub capabilities: BTreeMap<Key, CapabilityPhase>,
    /// Whether the spec commit holds a file or folder at a path, and the text in it if one is
    /// given.
    pub artifact: &'a Artifacts<'a>,
    /// Whether a commit is part of the spec branch.
    pub merged: &'a Merged<'a>,
    /// What a commit changes.
    pub touched: &'a Touches<'a>,
    /// Whether the spec branch still lists the key that something was signed with.
    pub listed: &'a Listed<'a>,
    /// References that name another uid than the status knows, by the resource that refers.
    pub uid_mismatches: BTreeMap<Key, String>,
}

/// E-mails of those who wrote a file as it stands in a commit, or why nobody can tell. History does
/// not change, so this is a value like the others; only that it is long to find, and seldom needed.
pub type Authors<'a> = dyn Fn(&str, &str) -> Result<BTreeSet<String>, String> + 'a;

/// Whether a resource that has a status is still defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Presence<'a> {
    /// Once.
    Defined(&'a Definition),
    /// More than once.
    Doubled,
    /// No longer.
    Deleted,
    /// Nobody can tell: a file that may hold it cannot be read, it left the configured paths, or
    /// history was rewritten.
    Unknown(&'a str),
}

/// Set `Valid` from what is wrong with a resource; true when nothing is.
pub(super) fn judge(
    world: &World<'_>,
    key: &Key,
    presence: Presence<'_>,
    conditions: &mut Vec<Condition>,
    generation: u64,
) -> bool {
    let mut errors = world.snapshot.errors_of(key);
    let (reason, message) = match (presence, errors.next(), world.uid_mismatches.get(key)) {
        (Presence::Unknown(why), ..) => ("Unreadable", why.to_owned()),
        (_, Some(first), _) => {
            let reason = match presence {
                Presence::Doubled => "Duplicate",
                _ => "ValidationFailed",
            };
            let more = match errors.count() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            (reason, format!("{}{more}", world.snapshot.line(first)))
        }
        (_, None, Some(mismatch)) => ("UidMismatch", mismatch.clone()),
        (_, None, None) => ("SchemaValid", String::new()),
    };
    let is_valid = reason == "SchemaValid";
    let at = (generation, world.now);
    set_condition(conditions, "Valid", is_valid, reason, message, at);
    is_valid
}

/// Why a resource that is needed cannot be used: the first reason when it is not there, the second
/// when it is and cannot be read.
fn unusable(
    snapshot: &Snapshot,
    key: &Key,
    [missing, broken]: [&'static str; 2],
) -> (&'static str, String) {
    let (reason, what) = match snapshot.definitions(key) {
        [] => (missing, "does not exist"),
        _ => (broken, "cannot be read"),
    };
    let kind = key.kind.name().to_lowercase();
    (reason, format!("{kind} `{}` {what}", key.qualified()))
}
