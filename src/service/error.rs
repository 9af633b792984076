//! Why the service did not do what it was asked to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::refusal::Refused;
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::escape;
use crate::core::text::located::{Finding, findings};
use crate::git::GitError;

/// A value, or why there is none.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// What kind of refusal it is: what a door makes an exit code or an HTTP status of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorKind {
    /// What is named does not exist.
    NotFound,
    /// The request does not say what is meant: it contradicts itself, names no revision, or several
    /// resources fit.
    Ambiguous,
    /// What is given, or what stands in the repository, breaks a rule.
    Invalid,
    /// It cannot be done yet, or not any more.
    NotReady,
    /// This actor may not do it.
    Forbidden,
    /// Somebody else has it.
    Taken,
    /// Something moved in the meantime, or is not as the request expects it.
    Conflict,
    /// The repository or the remote cannot be used.
    Unavailable,
    /// This repository or this version has no way to do it.
    Unsupported,
}

impl Error {
    /// Whether what is asked for cannot be done: everything works that it takes to find that out.
    pub fn is_refusal(&self) -> bool {
        !matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Unsupported)
    }
}

impl ErrorKind {
    /// `notFound`: as it stands in JSON.
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

/// A refusal: what kind, what is in the way, and the way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// What kind.
    pub kind: ErrorKind,
    /// What is in the way, in a sentence without a full stop, on one line. Empty when the findings say it all.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// What is wrong with the files that this is about.
    pub findings: Findings,
    /// What is wrong with the repository, where that makes a difference to whoever asked.
    pub fault: Option<Fault>,
}

/// What can be wrong with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An object is not in this clone.
    Missing,
    /// Something else than planspec wrote to the status branch.
    Foreign,
    /// Somebody else moved a branch first: what was asked for can be decided anew.
    Moved,
}

/// Findings, and the texts that they are about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// What was found, in order.
    pub found: Vec<Diagnostic>,
    /// Text by file, for showing the lines that are meant.
    pub texts: BTreeMap<String, String>,
}

impl Findings {
    /// Findings with the texts of the files that they are about.
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

    /// Each with its place, as data.
    pub fn values(&self) -> Vec<Finding> {
        findings(&self.found, &|file| self.texts.get(file).cloned())
    }

    /// Whether one of them is an error.
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
    /// A refusal of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: escape::line(&message.into()),
            hint: None,
            findings: Findings::default(),
            fault: None,
        }
    }

    /// The repository is as `git init` made it.
    pub fn no_commits() -> Error {
        Error::not_ready("there are no commits yet")
            .hint("commit some resources first: `planspec init`, then `planspec apply -f FILE`")
    }

    /// The findings say what is wrong, and how to put it right.
    pub fn findings(findings: Findings) -> Error {
        Error {
            findings,
            ..Error::new(ErrorKind::Invalid, "")
        }
    }

    /// The refusal as data.
    pub fn refused(&self) -> Refused {
        Refused {
            kind: self.kind.name().to_owned(),
            message: self.message.clone(),
            hint: self.hint.clone(),
            findings: self.findings.values(),
        }
    }

    /// Add the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Add the way out, if there is one.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Error {
        self.hint = hint.or(self.hint);
        self
    }
}

impl From<GitError> for Error {
    /// The message is what Git says first; the rest goes to the hint, before the way out.
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
