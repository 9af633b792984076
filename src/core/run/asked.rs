//! The queries of a decision to its clone, other than for commits and records, with the answers. They are kept in the
//! status tree (`_inputs.yaml`), so that the decision can be repeated in another clone.
//! Every commit replaces them, and comparisons of decisions ignore them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::core::resource::{SignedBy, Time};
use crate::core::run::controllers::{Artifacts, Authors, Listed, Merged, Touches};
use crate::core::run::record::{Incoming, Signature};
use crate::core::run::status::read_value;

/// Path of the answers in the status tree.
pub const INPUTS_FILE: &str = "_inputs.yaml";

/// The recorded answers of a clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    /// Whether the previously observed commit was no longer part of the spec branch.
    pub history_rewritten: bool,
    /// Resources whose files left the configured paths, with their new paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, String>,
    /// The authors of files, or why they are unknown.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub authors: BTreeSet<FileAuthors>,
    /// Files that were searched in the spec commit, with the results.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub artifacts: BTreeSet<Artifact>,
    /// Commits, with whether they are merged to the spec branch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub merged: BTreeMap<String, bool>,
    /// The paths that reported commits change, by commit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub touched: BTreeMap<String, Touched>,
    /// Keys that signed decisions, with whether the spec branch lists them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<ListedKey>,
    /// Status commits that records name but that are not part of this status.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub foreign: BTreeSet<String>,
    /// Inbox refs without records: their tips, and the reasons.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, RefusedRef>,
    /// The verified signatures of records, by record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signatures: BTreeMap<String, Verdict>,
}

/// The authors of a file in a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileAuthors {
    /// The commit.
    pub commit: String,
    /// Path of the file.
    pub path: String,
    /// Their e-mail addresses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub emails: BTreeSet<String>,
    /// Why they are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A file or folder that was searched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Its path.
    pub path: String,
    /// The pattern that it had to contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether it was found.
    pub found: bool,
}

/// The paths that a commit changes relative to the spec branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Touched {
    /// The paths.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub paths: BTreeSet<String>,
    /// Why they are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A key that signed a decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListedKey {
    /// Its principal.
    pub principal: String,
    /// Its fingerprint.
    pub key: String,
    /// When the decision arrived.
    pub arrival: Time,
    /// Whether the spec branch lists it for the principal, valid at that time.
    pub listed: bool,
}

/// An inbox ref without records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefusedRef {
    /// Its tip.
    pub tip: String,
    /// Why it was refused.
    pub why: String,
}

/// The result of verifying a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// The principal, if the signature counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The key, if the signature counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Why it does not count: one word, and a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<(String, String)>,
}

impl Answers {
    /// The answer about a file or folder, if it was queried.
    pub fn has_artifact(&self, path: &str, text: Option<&str>) -> Option<bool> {
        let is_it = |one: &&Artifact| one.path == path && one.text.as_deref() == text;
        self.artifacts.iter().find(is_it).map(|one| one.found)
    }

    /// The answer about a key, if it was queried.
    pub fn lists_key(&self, by: &SignedBy, arrival: Time) -> Option<bool> {
        let is_it = |one: &&ListedKey| {
            (&one.principal, &one.key, one.arrival) == (&by.principal, &by.key, arrival)
        };
        self.keys.iter().find(is_it).map(|one| one.listed)
    }

    /// The answer about the paths that a commit changes, if it was queried.
    pub fn paths_of(&self, commit: &str) -> Option<Result<BTreeSet<String>, String>> {
        let known = self.touched.get(commit)?;
        Some(match &known.unknown {
            Some(why) => Err(why.clone()),
            None => Ok(known.paths.clone()),
        })
    }

    /// The answer about the authors of a file, if it was queried.
    pub fn authors_of(&self, commit: &str, path: &str) -> Option<Result<BTreeSet<String>, String>> {
        let is_it = |one: &&FileAuthors| one.commit == commit && one.path == path;
        let known = self.authors.iter().find(is_it)?;
        Some(match &known.unknown {
            Some(why) => Err(why.clone()),
            None => Ok(known.emails.clone()),
        })
    }

    /// The status commits that records name but that are not part of this status.
    pub fn about_statuses(incoming: &[Incoming]) -> BTreeSet<String> {
        let records = incoming.iter().flat_map(|incoming| &incoming.records);
        let foreign = records.filter(|received| received.is_foreign);
        foreign
            .filter_map(|received| received.record.status.clone())
            .collect()
    }

    /// The results of verifying the signatures of records.
    pub fn about_signatures(incoming: &[Incoming]) -> BTreeMap<String, Verdict> {
        let records = incoming.iter().flat_map(|incoming| &incoming.records);
        let verdicts = records.filter_map(|received| {
            let verdict = match &received.signature {
                Signature::Unchecked => return None,
                Signature::Good(by) => Verdict {
                    principal: Some(by.principal.clone()),
                    key: Some(by.key.clone()),
                    bad: None,
                },
                Signature::Bad(reason, why) => Verdict {
                    principal: None,
                    key: None,
                    bad: Some(((*reason).to_owned(), why.clone())),
                },
            };
            Some((received.id.clone(), verdict))
        });
        verdicts.collect()
    }
}

/// Reads recorded answers.
///
/// # Errors
/// The content is not valid; the error is a sentence.
pub fn read_answers(bytes: &[u8]) -> Result<Answers, String> {
    let value = read_value(INPUTS_FILE, bytes)?;
    serde_json::from_value(value).map_err(|error| format!("{INPUTS_FILE}: {error}"))
}

/// Queries the clone, and records its answers.
pub struct Asking<'a> {
    authors: &'a Authors<'a>,
    artifact: &'a Artifacts<'a>,
    merged: &'a Merged<'a>,
    touched: &'a Touches<'a>,
    listed: &'a Listed<'a>,
    kept: RefCell<Answers>,
}

impl<'a> Asking<'a> {
    /// No answers are recorded yet.
    pub fn new(
        authors: &'a Authors<'a>,
        artifact: &'a Artifacts<'a>,
        merged: &'a Merged<'a>,
        touched: &'a Touches<'a>,
        listed: &'a Listed<'a>,
    ) -> Asking<'a> {
        Asking {
            authors,
            artifact,
            merged,
            touched,
            listed,
            kept: RefCell::default(),
        }
    }

    /// The authors of a file in a commit.
    ///
    /// # Errors
    /// Why they are unknown.
    pub fn authors(&self, commit: &str, path: &str) -> Result<BTreeSet<String>, String> {
        let answer = (self.authors)(commit, path);
        self.kept.borrow_mut().authors.insert(FileAuthors {
            commit: commit.to_owned(),
            path: path.to_owned(),
            emails: answer.clone().unwrap_or_default(),
            unknown: answer.as_ref().err().cloned(),
        });
        answer
    }

    /// Whether the spec commit has a file or folder, and it contains a pattern.
    pub fn artifact(&self, path: &str, text: Option<&str>) -> bool {
        let found = (self.artifact)(path, text);
        self.kept.borrow_mut().artifacts.insert(Artifact {
            path: path.to_owned(),
            text: text.map(str::to_owned),
            found,
        });
        found
    }

    /// Whether a commit is part of the spec branch.
    pub fn merged(&self, commit: &str) -> bool {
        let answer = (self.merged)(commit);
        let mut kept = self.kept.borrow_mut();
        kept.merged.insert(commit.to_owned(), answer);
        answer
    }

    /// The paths that a commit changes relative to the spec branch.
    ///
    /// # Errors
    /// Why they are unknown.
    pub fn touched(&self, commit: &str) -> Result<BTreeSet<String>, String> {
        let answer = (self.touched)(commit);
        let mut kept = self.kept.borrow_mut();
        kept.touched.insert(
            commit.to_owned(),
            Touched {
                paths: answer.clone().unwrap_or_default(),
                unknown: answer.as_ref().err().cloned(),
            },
        );
        answer
    }

    /// Whether the spec branch lists the key of a signature that arrived at a given time.
    pub fn listed(&self, by: &SignedBy, arrival: Time) -> bool {
        let listed = (self.listed)(by, arrival);
        self.kept.borrow_mut().keys.insert(ListedKey {
            principal: by.principal.clone(),
            key: by.key.clone(),
            arrival,
            listed,
        });
        listed
    }

    /// The answers recorded so far.
    pub fn kept(&self) -> Answers {
        self.kept.borrow().clone()
    }
}
