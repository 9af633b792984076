//! How a command ends: every error becomes an exit code and a way out here.

use crate::git::GitError;

/// Exit codes, listed in `--help` and in `docs/cli.md`.
pub mod exit_code {
    /// Fine.
    pub const OK: u8 = 0;
    /// Findings, or a condition that is not met.
    pub const FINDINGS: u8 = 1;
    /// Wrong use.
    pub const USAGE: u8 = 2;
    /// The repository or the remote could not be used.
    pub const REPOSITORY: u8 = 3;
    /// Somebody else was first: a claim, a lost race.
    pub const TAKEN: u8 = 9;
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What went wrong; nothing when the findings have been printed already.
    pub message: Option<String>,
    /// The way out.
    pub hint: Option<String>,
}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: Some(message.into()),
            hint: None,
        }
    }

    /// Findings were printed; there is nothing more to say.
    pub fn findings() -> Failure {
        Failure {
            code: exit_code::FINDINGS,
            message: None,
            hint: None,
        }
    }

    /// A condition is not met.
    pub fn not_met(message: impl Into<String>) -> Failure {
        Failure::new(exit_code::FINDINGS, message)
    }

    /// The command was called in a way that cannot work.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(exit_code::USAGE, message)
    }

    /// The repository or the remote cannot be used.
    pub fn repository(message: impl Into<String>) -> Failure {
        Failure::new(exit_code::REPOSITORY, message)
    }

    /// Somebody else was first.
    pub fn taken(message: impl Into<String>) -> Failure {
        Failure::new(exit_code::TAKEN, message)
    }

    /// Add the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Failure {
        Failure::repository(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::repository(format!("a value cannot be written: {error}"))
    }
}
