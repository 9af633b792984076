//! Why the service did not do what it was asked to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::refusal::Refused;
use crate::core::base::diagnostic::Diagnostic;
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
    /// What is in the way, in a sentence without a full stop. Empty when the findings say it all.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// What is wrong with the files that this is about.
    pub findings: Findings,
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
            message: message.into(),
            hint: None,
            findings: Findings::default(),
        }
    }

    /// The repository is as `git init` made it.
    pub fn no_commits() -> Error {
        Error::not_ready("there are no commits yet")
            .hint("commit some resources first: planspec init, planspec apply -f FILE")
    }

    /// The findings say what is wrong, and how to put it right.
    pub fn findings(findings: Findings) -> Error {
        Error {
            findings,
            ..Error::new(ErrorKind::Invalid, "")
        }
    }

    /// The refusal as data: its message is one line, and what another program said besides goes to
    /// the hint.
    pub fn refused(&self) -> Refused {
        let mut lines = self.message.lines().map(str::trim_end);
        let message = lines.next().unwrap_or_default().to_owned();
        let more = lines.filter(|line| !line.is_empty());
        let hint: Vec<&str> = more.chain(self.hint.as_deref()).collect();
        Refused {
            kind: self.kind.name().to_owned(),
            message,
            hint: (!hint.is_empty()).then(|| hint.join("\n")),
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
    fn from(error: GitError) -> Error {
        match error {
            GitError::NoFile(why) => Error::not_found(why),
            other => Error::unavailable(other.to_string()),
        }
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
        let refused = Error::unavailable(said)
            .hint("look at the remote")
            .refused();
        assert_eq!(refused.message, "cannot fetch from `origin`: fatal: no");
        let hint = refused.hint.unwrap_or_default();
        assert_eq!(hint, "remote: try\nremote: again\nlook at the remote");
        let one = Error::not_ready("it is not ready").refused();
        assert_eq!((one.message.as_str(), one.hint), ("it is not ready", None));
    }
}
