//! The controllers, as pure functions: snapshot, old status, records and time to new status.

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
use crate::core::run::archive::Archived;

/// Whether the spec commit has a file or folder at a path, and it contains a pattern if one is given.
pub type Artifacts<'a> = dyn Fn(&str, Option<&str>) -> bool + 'a;

/// Whether the spec branch holds a commit.
pub type Merged<'a> = dyn Fn(&str) -> bool + 'a;

/// The paths that a commit changes relative to the spec branch, or why they are unknown.
pub type Touches<'a> = dyn Fn(&str) -> Result<BTreeSet<String>, String> + 'a;

/// Whether the spec branch lists a key for a principal, valid at a time.
pub type Listed<'a> = dyn Fn(&SignedBy, Time) -> bool + 'a;

/// The input of all controllers.
pub struct World<'a> {
    /// The resources of the spec commit.
    pub snapshot: &'a Snapshot,
    /// The configuration of the spec commit.
    pub config: &'a Config,
    /// The spec commit.
    pub commit: &'a str,
    /// The repository id of the status branch.
    pub repository_id: &'a str,
    /// The time to use as now.
    pub now: Time,
    /// Returns the authors of a file.
    pub authors: &'a Authors<'a>,
    /// The archived executions, as far as they were read.
    pub archived: &'a Archived,
    /// The pinned resources of runs.
    pub pinned: execution::Pins<'a>,
    /// The phases of all capabilities, computed first because bindings need them.
    pub capabilities: BTreeMap<Key, CapabilityPhase>,
    /// Whether the spec commit has a file or folder at a path, and it contains a pattern if one is
    /// given.
    pub artifact: &'a Artifacts<'a>,
    /// Whether a commit is part of the spec branch.
    pub merged: &'a Merged<'a>,
    /// The paths that a commit changes.
    pub touched: &'a Touches<'a>,
    /// Whether the spec branch still lists the key of a signature.
    pub listed: &'a Listed<'a>,
    /// References with another uid than in the status, by the referring resource.
    pub uid_mismatches: BTreeMap<Key, String>,
}

/// The e-mail addresses of a file's authors in a commit, or why they are unknown. History does
/// not change, so this is a constant, but slow to compute and seldom needed.
pub type Authors<'a> = dyn Fn(&str, &str) -> Result<BTreeSet<String>, String> + 'a;

/// Whether a resource with a status is still defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Presence<'a> {
    /// It is defined once.
    Defined(&'a Definition),
    /// It is defined more than once.
    Doubled,
    /// It is no longer defined.
    Deleted,
    /// Unknown: a file that may define it is unreadable, it left the configured paths, or
    /// history was rewritten.
    Unknown(&'a str),
}

/// Sets `Valid` from the findings about a resource. Returns whether there are none.
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

/// Why a needed resource cannot be used: the first reason if it is missing, the second
/// if it is invalid.
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
