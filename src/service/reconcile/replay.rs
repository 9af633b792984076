//! A decision that was taken before, taken once more: over the same status, spec commit, records, answers and time.

use std::collections::BTreeMap;

use super::decide::{Decided, Question};
use super::{changed_files, name_branches, owe_a_commit};
use crate::core::resource::Time;
use crate::git::status_branch::FileBody;
use crate::service::Result;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};

pub use super::decide::Told;
pub use super::inbox::Inbox;

/// What is decided once more.
pub struct Replay<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The spec commit that was observed, and its configuration.
    pub view: &'a View,
    /// The status that it was decided on; nothing for the first, and for one that was started again.
    pub status: Option<&'a StatusReader<'a>>,
    /// Where it was started again: the number of the status that was left.
    pub begun_on: Option<u64>,
    /// What it had been answered, and the records that it took in.
    pub told: &'a Told,
    /// The moment that counted as now.
    pub now: Time,
}

impl Replay<'_> {
    /// The files that follow, as far as they are others than before. What the clone answered is not among them.
    ///
    /// # Errors
    /// Something that it takes is not here, or cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, Option<FileBody>>> {
        let question = Question {
            store: self.store,
            view: self.view,
            status: self.status,
            now: self.now,
            told: Some(self.told),
        };
        let Decided {
            mut decision, old, ..
        } = question.decide(false)?;
        if !decision.changed {
            owe_a_commit(self.view, &mut decision);
        }
        name_branches(self.view, &mut decision, self.begun_on);
        changed_files(old.as_ref(), &decision.tree)
    }
}
