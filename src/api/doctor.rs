//! How it stands with a clone and with what it shares, and what was mended.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// The result of the checks, and what was corrected before them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkup {
    /// Whether nothing is wrong.
    pub sound: bool,
    /// The checks, in order. A check that found several problems appears once for each.
    pub checks: Vec<Check>,
    /// What was corrected before the checks.
    pub mended: Vec<Mended>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Checkup {
    const KIND: &'static str = "Checkup";
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its name.
    pub name: CheckName,
    /// The result of the check.
    pub state: CheckState,
    /// The result as a sentence.
    pub message: String,
    /// How to correct it.
    pub hint: Option<String>,
    /// The value for `--fix` that corrects it; null if this needs a decision or another command.
    pub fix: Option<CheckName>,
}

/// The result of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckState {
    /// Nothing is wrong.
    Ok,
    /// Something is wrong, but everything works.
    Warning,
    /// Something does not work.
    Error,
    /// It was not checked.
    Skipped,
}

impl CheckState {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            CheckState::Ok => "ok",
            CheckState::Warning => "warning",
            CheckState::Error => "error",
            CheckState::Skipped => "skipped",
        }
    }
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckName {
    /// Whether all objects that refs lead to are present.
    Objects,
    /// Whether a stale lock was left behind.
    Locks,
    /// Whether Git's index can be read.
    Index,
    /// Whether a killed command left something behind.
    Interrupted,
    /// Whether the caches can be read and written.
    Cache,
    /// Whether the pre-commit hook is installed.
    Hook,
    /// Whether the remote answers.
    Remote,
    /// Whether the status branch is as `reconcile` left it.
    Status,
    /// Whether the clock is plausible.
    Clock,
    /// Whether every ref of the inbox belongs to a run.
    Refs,
    /// Whether this clone is allowed to push.
    Push,
}

impl CheckName {
    /// All of them, in the order in which they are checked.
    pub const ALL: [CheckName; 11] = [
        CheckName::Objects,
        CheckName::Locks,
        CheckName::Index,
        CheckName::Interrupted,
        CheckName::Cache,
        CheckName::Hook,
        CheckName::Remote,
        CheckName::Status,
        CheckName::Clock,
        CheckName::Refs,
        CheckName::Push,
    ];

    /// Those that `--fix` takes.
    pub const MENDED: [CheckName; 7] = [
        CheckName::Objects,
        CheckName::Locks,
        CheckName::Index,
        CheckName::Interrupted,
        CheckName::Cache,
        CheckName::Hook,
        CheckName::Refs,
    ];

    /// The word in JSON and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            CheckName::Objects => "objects",
            CheckName::Locks => "locks",
            CheckName::Interrupted => "interrupted",
            CheckName::Index => "index",
            CheckName::Cache => "cache",
            CheckName::Hook => "hook",
            CheckName::Remote => "remote",
            CheckName::Status => "status",
            CheckName::Clock => "clock",
            CheckName::Refs => "refs",
            CheckName::Push => "push",
        }
    }
}

/// Something that was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mended {
    /// The value that `--fix` was given.
    pub fix: CheckName,
    /// What was done.
    pub message: String,
    /// The command that undoes it; null if that is impossible or pointless.
    pub undo: Option<String>,
}
