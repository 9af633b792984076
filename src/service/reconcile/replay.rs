//! Repeats an earlier decision, from the same status, spec commit, records, answers and time.

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

/// The decision to repeat.
pub struct Replay<'a> {
    /// The repository.
    pub store: &'a Store,
    /// A view of the observed spec commit, with its configuration.
    pub view: &'a View,
    /// The status that it was based on; `None` for the first, and for one that was started again.
    pub status: Option<&'a StatusReader<'a>>,
    /// If it was started again: the sequence number of the abandoned status.
    pub begun_on: Option<u64>,
    /// The recorded answers, and the records that it took in.
    pub told: &'a Told,
    /// The time of the decision.
    pub now: Time,
}

impl Replay<'_> {
    /// The files that follow, if they differ from before. The recorded answers are not among them.
    ///
    /// # Errors
    /// Some input is missing here, or cannot be read.
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
