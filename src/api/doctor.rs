//! How it stands with a clone and with what it shares, and what was mended.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// What was looked at, and what was mended before.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkup {
    /// Whether nothing is wrong.
    pub sound: bool,
    /// What was looked at, in order; what has several flaws stands there for each of them.
    pub checks: Vec<Check>,
    /// What was mended before that.
    pub mended: Vec<Mended>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Checkup {
    const KIND: &'static str = "Checkup";
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its name.
    pub name: CheckName,
    /// How it stands.
    pub state: CheckState,
    /// The same in a sentence.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// What `--fix` takes to mend it; nothing where it takes a decision, or another command.
    pub fix: Option<CheckName>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckState {
    /// Nothing is wrong.
    Ok,
    /// Something is wrong, and everything works.
    Warning,
    /// Something does not work.
    Error,
    /// It was not looked at.
    Skipped,
}

impl CheckState {
    /// As it stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            CheckState::Ok => "ok",
            CheckState::Warning => "warning",
            CheckState::Error => "error",
            CheckState::Skipped => "skipped",
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckName {
    /// Whether everything is here that refs lead to.
    Objects,
    /// Whether a lock was left behind.
    Locks,
    /// Whether Git's index can be read.
    Index,
    /// Whether a command that was killed has left something behind.
    Interrupted,
    /// Whether the caches can be read and written.
    Cache,
    /// Whether the pre-commit hook is installed.
    Hook,
    /// Whether the remote answers.
    Remote,
    /// Whether the status branch is where it was left, and as it was written.
    Status,
    /// Whether the clock can be believed.
    Clock,
    /// Whether every ref of the inbox belongs to a run.
    Refs,
    /// Whether this clone may push.
    Push,
}

impl CheckName {
    /// All of them, in the order in which they are looked at.
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

    /// As it stands in JSON, and on the command line.
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

/// Something that was mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mended {
    /// What `--fix` was given.
    pub fix: CheckName,
    /// What was done.
    pub message: String,
    /// The command that undoes it; nothing where that is not possible, or nobody could want it.
    pub undo: Option<String>,
}
