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
use crate::core::resource::{CapabilityPhase, Condition, Key, Time, set_condition};

/// Whether a commit holds a file or folder at a path, and the text in it if one is given.
pub type Artifacts<'a> = dyn Fn(&str, Option<&str>) -> bool + 'a;

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
    let at = (generation, world.now);
    let errors: Vec<_> = world.snapshot.errors_of(key).collect();
    let (reason, message) = match (presence, errors.first()) {
        (Presence::Unknown(why), _) => {
            set_condition(conditions, "Valid", false, "Unreadable", why, at);
            return false;
        }
        (_, None) => match world.uid_mismatches.get(key) {
            Some(mismatch) => {
                set_condition(conditions, "Valid", false, "UidMismatch", mismatch, at);
                return false;
            }
            None => ("Valid", String::new()),
        },
        (_, Some(first)) => {
            let reason = if presence == Presence::Doubled {
                "Duplicate"
            } else {
                "RuleBroken"
            };
            let more = match errors.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            (reason, format!("{}{more}", world.snapshot.line(first)))
        }
    };
    let valid = errors.is_empty();
    set_condition(conditions, "Valid", valid, reason, message, at);
    valid
}
