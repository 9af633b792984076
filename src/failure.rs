//! How commands fail: every error gets an exit code and a hint.

use crate::service::Error;

/// Exit codes, listed in `--help` and in `docs/cli.md`.
pub mod exit_code {
    use crate::service::ErrorKind;

    /// Success.
    pub const OK: u8 = 0;
    /// Findings, or a condition that is not met.
    pub const FINDINGS: u8 = 1;
    /// Wrong use.
    pub const USAGE: u8 = 2;
    /// The repository or the remote cannot be used.
    pub const REPOSITORY: u8 = 3;
    /// Recorded, but the reconcile that followed did not apply it, or the answer could not be written.
    pub const RECORDED: u8 = 4;
    /// Recorded, but not taken in: the reconcile that followed could not write the status.
    pub const WAITING: u8 = 5;
    /// No program can tell whether a file is in scope.
    pub const NOT_CHECKABLE: u8 = 6;
    /// Somebody else was first: a claim, a lost race.
    pub const TAKEN: u8 = 9;

    /// The exit code of a refusal.
    pub fn of(kind: ErrorKind) -> u8 {
        match kind {
            ErrorKind::NotFound
            | ErrorKind::Invalid
            | ErrorKind::NotReady
            | ErrorKind::Forbidden => FINDINGS,
            ErrorKind::Ambiguous => USAGE,
            ErrorKind::Unavailable | ErrorKind::Unsupported => REPOSITORY,
            ErrorKind::Taken | ErrorKind::Conflict => TAKEN,
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// The error; `None` if the answer, which was shown, says it all.
    pub error: Option<Error>,
    /// Whether the answer was shown; then no other document is printed.
    pub answered: bool,
}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The answer was shown, and reports problems.
    pub fn shown() -> Failure {
        Failure {
            code: exit_code::FINDINGS,
            error: None,
            answered: true,
        }
    }

    /// The answer was shown: only people can tell.
    pub fn not_checkable() -> Failure {
        Failure {
            code: exit_code::NOT_CHECKABLE,
            ..Failure::shown()
        }
    }

    /// The record is written, but not taken in: the reconcile that followed failed.
    pub fn waiting(error: Error) -> Failure {
        let message = format!(
            "the record was sent, but the status could not be written: {}",
            error.message
        );
        let next = "the next `planspec reconcile` applies it";
        let hints = error.hint.iter().map(String::as_str).chain([next]);
        let hint = hints.collect::<Vec<_>>().join("\n");
        Failure {
            code: exit_code::WAITING,
            error: Some(Error { message, ..error }.hint(hint)),
            answered: true,
        }
    }

    /// The record is written, but does not count.
    pub fn recorded(error: Error) -> Failure {
        Failure {
            code: exit_code::RECORDED,
            error: Some(error),
            answered: true,
        }
    }

    /// The answer was shown, and a condition is not met.
    pub fn unmet(message: impl Into<String>) -> Failure {
        Failure {
            code: exit_code::FINDINGS,
            error: Some(Error::not_ready(message)),
            answered: true,
        }
    }

    /// The command was used in the wrong way.
    pub fn usage(message: impl Into<String>) -> Failure {
        Error::ambiguous(message).into()
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.error = self.error.map(|error| error.hint(hint));
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            code: exit_code::of(error.kind),
            error: Some(error),
            answered: false,
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Error::from(error).into()
    }
}
