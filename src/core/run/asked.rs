//! What a decision asked the clone for, beside the commits and the records: kept in the status tree
//! (`_inputs.yaml`), so that whoever repeats the decision elsewhere need not have the same clone.
//! Replaced with each commit, and no part of what two decisions are compared by.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::core::resource::{SignedBy, Time};
use crate::core::run::controllers::{Artifacts, Authors, Listed, Merged, Touches};
use crate::core::run::record::{Incoming, Signature};
use crate::core::run::status::read_value;

/// Path of the answers in the status tree.
pub const INPUTS_FILE: &str = "_inputs.yaml";

/// The answers of a clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    /// Whether the commit that was observed before was no longer part of the spec branch.
    pub history_rewritten: bool,
    /// Resources whose files left the configured paths, and where these are now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, String>,
    /// Who wrote a file, or why nobody could tell.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub authors: BTreeSet<FileAuthors>,
    /// What the spec commit was found to hold, or not to hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub artifacts: BTreeSet<Artifact>,
    /// Commits that were named, and whether the spec branch holds them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub merged: BTreeMap<String, bool>,
    /// What commits change that were reported, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub touched: BTreeMap<String, Touched>,
    /// Keys that decisions were signed with, and whether the spec branch lists them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<ListedKey>,
    /// Status commits that records name, and that are not part of this status.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub foreign: BTreeSet<String>,
    /// Inbox refs that held no record: where they pointed, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, RefusedRef>,
    /// What was found out about the signatures of records, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signatures: BTreeMap<String, Verdict>,
}

/// Who wrote a file as it stands in a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileAuthors {
    /// The commit.
    pub commit: String,
    /// Path of the file.
    pub path: String,
    /// Their e-mails.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub emails: BTreeSet<String>,
    /// Why nobody could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A file or folder that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Its path.
    pub path: String,
    /// The pattern that had to be found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether it was there.
    pub found: bool,
}

/// What a commit changes beside the spec branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Touched {
    /// The paths.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub paths: BTreeSet<String>,
    /// Why nobody could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A key that a decision was signed with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListedKey {
    /// For whom.
    pub principal: String,
    /// Its fingerprint.
    pub key: String,
    /// When the decision arrived.
    pub arrival: Time,
    /// Whether the spec branch lists it for them, valid then.
    pub listed: bool,
}

/// An inbox ref that held no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefusedRef {
    /// Where it pointed.
    pub tip: String,
    /// Why nothing on it was believed.
    pub why: String,
}

/// What was found out about a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// The principal, where it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The key, where it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Why it does not count: one word, and a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<(String, String)>,
}

impl Answers {
    /// What was answered about a file or folder, if that was asked.
    pub fn has_artifact(&self, path: &str, text: Option<&str>) -> Option<bool> {
        let is_it = |one: &&Artifact| one.path == path && one.text.as_deref() == text;
        self.artifacts.iter().find(is_it).map(|one| one.found)
    }

    /// What was answered about a key, if that was asked.
    pub fn lists_key(&self, by: &SignedBy, arrival: Time) -> Option<bool> {
        let is_it = |one: &&ListedKey| {
            (&one.principal, &one.key, one.arrival) == (&by.principal, &by.key, arrival)
        };
        self.keys.iter().find(is_it).map(|one| one.listed)
    }

    /// What was answered about what a commit changes, if that was asked.
    pub fn paths_of(&self, commit: &str) -> Option<Result<BTreeSet<String>, String>> {
        let known = self.touched.get(commit)?;
        Some(match &known.unknown {
            Some(why) => Err(why.clone()),
            None => Ok(known.paths.clone()),
        })
    }

    /// What was answered about who wrote a file, if that was asked.
    pub fn authors_of(&self, commit: &str, path: &str) -> Option<Result<BTreeSet<String>, String>> {
        let is_it = |one: &&FileAuthors| one.commit == commit && one.path == path;
        let known = self.authors.iter().find(is_it)?;
        Some(match &known.unknown {
            Some(why) => Err(why.clone()),
            None => Ok(known.emails.clone()),
        })
    }

    /// The status commits that records name, and that are not part of this status.
    pub fn about_statuses(incoming: &[Incoming]) -> BTreeSet<String> {
        let records = incoming.iter().flat_map(|incoming| &incoming.records);
        let foreign = records.filter(|received| received.is_foreign);
        foreign
            .filter_map(|received| received.record.status.clone())
            .collect()
    }

    /// What was found out about the signatures of records.
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

/// Read what was kept.
///
/// # Errors
/// A sentence: it is not what is written there.
pub fn read_answers(bytes: &[u8]) -> Result<Answers, String> {
    let value = read_value(INPUTS_FILE, bytes)?;
    serde_json::from_value(value).map_err(|error| format!("{INPUTS_FILE}: {error}"))
}

/// Asks the clone, and keeps what it answers.
pub struct Asking<'a> {
    authors: &'a Authors<'a>,
    artifact: &'a Artifacts<'a>,
    merged: &'a Merged<'a>,
    touched: &'a Touches<'a>,
    listed: &'a Listed<'a>,
    kept: RefCell<Answers>,
}

impl<'a> Asking<'a> {
    /// Nothing was asked yet.
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

    /// Who wrote a file as it stands in a commit.
    ///
    /// # Errors
    /// Why nobody can tell.
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

    /// Whether the spec commit holds a file or folder, and a pattern is found in it.
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

    /// The paths that a commit changes beside the spec branch.
    ///
    /// # Errors
    /// Why nobody can tell.
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

    /// Whether the spec branch lists the key that something was signed with which arrived at a moment.
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

    /// What was asked so far, and answered.
    pub fn kept(&self) -> Answers {
        self.kept.borrow().clone()
    }
}
