//! Errors of the service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::refusal::Refused;
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::escape;
use crate::core::text::located::{Finding, findings};
use crate::git::GitError;

/// A value, or an error.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// The kind of an error, from which interfaces derive an exit code or an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorKind {
    /// Something that the request names does not exist.
    NotFound,
    /// The request is not clear: it contradicts itself, names no revision, or matches several
    /// resources.
    Ambiguous,
    /// The input, or something in the repository, breaks a rule.
    Invalid,
    /// It cannot be done yet, or not any more.
    NotReady,
    /// This actor may not do it.
    Forbidden,
    /// Somebody else has it.
    Taken,
    /// Something has changed in the meantime, or is not as the request expects.
    Conflict,
    /// The repository or the remote cannot be used.
    Unavailable,
    /// This repository or this version does not support it.
    Unsupported,
}

impl Error {
    /// Whether the request is refused, although the repository works.
    pub fn is_refusal(&self) -> bool {
        !matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Unsupported)
    }
}

impl ErrorKind {
    /// `notFound`: the name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "notFound",
            ErrorKind::Ambiguous => "ambiguous",
            ErrorKind::Invalid => "invalid",
            ErrorKind::NotReady => "notReady",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::Taken => "taken",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Unsupported => "unsupported",
        }
    }
}

/// An error with its kind, its message and a hint.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// Its kind.
    pub kind: ErrorKind,
    /// What is wrong, in a sentence without a full stop, on one line. Empty if the findings say it all.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
    /// Findings in the files concerned.
    pub findings: Findings,
    /// The fault of the repository, if callers treat it specially.
    pub fault: Option<Fault>,
}

/// A fault of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An object is missing in this clone.
    Missing,
    /// The status branch has a commit that planspec did not write.
    Foreign,
    /// A newer planspec wrote the status, in a layout that this one does not know.
    Newer,
    /// Somebody else moved a branch first: the request can be tried again.
    Moved,
}

/// Findings, with the texts of their files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// The findings, in order.
    pub found: Vec<Diagnostic>,
    /// Text by file, for showing source lines.
    pub texts: BTreeMap<String, String>,
}

impl Findings {
    /// Findings with the texts of their files.
    pub fn new(found: Vec<Diagnostic>, text_of: &dyn Fn(&str) -> Option<String>) -> Findings {
        let mut texts = BTreeMap::new();
        for finding in &found {
            let labels = finding.related.iter().map(|label| label.file.as_str());
            for file in labels.chain([finding.file.as_str()]) {
                if let (false, Some(text)) = (texts.contains_key(file), text_of(file)) {
                    texts.insert(file.to_owned(), text);
                }
            }
        }
        Findings { found, texts }
    }

    /// The findings with their places, as data.
    pub fn values(&self) -> Vec<Finding> {
        findings(&self.found, &|file| self.texts.get(file).cloned())
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostic::is_error)
    }
}

macro_rules! constructors {
    ($($name:ident $kind:ident $doc:literal;)*) => {
        impl Error {
            $(
                #[doc = $doc]
                pub fn $name(message: impl Into<String>) -> Error {
                    Error::new(ErrorKind::$kind, message)
                }
            )*
        }
    };
}

constructors! {
    not_found NotFound "What is named does not exist.";
    ambiguous Ambiguous "The request does not say what is meant.";
    invalid Invalid "Something breaks a rule.";
    not_ready NotReady "It cannot be done yet, or not any more.";
    forbidden Forbidden "This actor may not do it.";
    taken Taken "Somebody else has it.";
    conflict Conflict "Something is not as the request expects it.";
    unavailable Unavailable "The repository or the remote cannot be used.";
    unsupported Unsupported "There is no way to do it here.";
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: escape::line(&message.into()),
            hint: None,
            findings: Findings::default(),
            fault: None,
        }
    }

    /// The error if the repository has no commits.
    pub fn no_commits() -> Error {
        Error::not_ready("there are no commits yet")
            .hint("commit some resources first: `planspec init`, then `planspec apply -f FILE`")
    }

    /// An error that consists of its findings.
    pub fn findings(findings: Findings) -> Error {
        Error {
            findings,
            ..Error::new(ErrorKind::Invalid, "")
        }
    }

    /// The error as data.
    pub fn refused(&self) -> Refused {
        Refused {
            kind: self.kind.name().to_owned(),
            message: self.message.clone(),
            hint: self.hint.clone(),
            findings: self.findings.values(),
        }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint, if there is one.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Error {
        self.hint = hint.or(self.hint);
        self
    }
}

impl From<GitError> for Error {
    /// The message is the first line of Git's; the other lines precede the hint.
    fn from(error: GitError) -> Error {
        let fault = match error {
            GitError::Missing(_) => Some(Fault::Missing),
            GitError::Foreign(_) => Some(Fault::Foreign),
            _ => None,
        };
        let (kind, said) = match error {
            GitError::Advised { error, hint } => {
                let error = Error::from(*error);
                let hints = error.hint.iter().cloned().chain([hint]);
                let hints: Vec<String> = hints.collect();
                return error.hint(hints.join("\n"));
            }
            GitError::NotARepository(why) => {
                return Error::unavailable(why)
                    .hint("change into one, or make one with `git init`");
            }
            GitError::NoFile(why) => (ErrorKind::NotFound, why),
            GitError::Busy(why) => (ErrorKind::Conflict, why),
            other => (ErrorKind::Unavailable, other.to_string()),
        };
        let mut lines = said.lines().map(str::trim_end);
        let error = Error {
            fault,
            ..Error::new(kind, lines.next().unwrap_or_default())
        };
        let more: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let hint = (!more.is_empty()).then(|| more.join("\n"));
        error.maybe_hint(hint)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::unavailable(format!("a value cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_what_git_said_besides_is_told_with_the_way_out() {
        let said = "cannot fetch from `origin`: fatal: no\r\n\nremote: try\nremote: again\n";
        let error = GitError::Remote(said.to_owned()).advise("look at the remote");
        let refused = Error::from(error).refused();
        assert_eq!(refused.message, "cannot fetch from `origin`: fatal: no");
        let hint = refused.hint.unwrap_or_default();
        assert_eq!(hint, "remote: try\nremote: again\nlook at the remote");
        let typed = Error::not_ready("there is no plan `a\nb`").refused();
        assert_eq!(
            (typed.message.as_str(), typed.hint),
            (r"there is no plan `a\nb`", None)
        );
    }
}
