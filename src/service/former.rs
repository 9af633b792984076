//! What the status knows of the former run with the name of a new execution.

use std::collections::BTreeSet;

use super::Result;
use super::status::StatusReader;
use super::store::Store;
use crate::core::resource::{ExecutionPhase, Key};
use crate::core::run::archive::Tombstone;
use crate::core::run::reconcile::begins_anew;
use crate::core::run::status::StatusFile;

/// A run that already has the name.
pub enum Former {
    /// It has a status.
    Known(Box<StatusFile>),
    /// It is archived.
    Archived(Tombstone),
}

impl Former {
    /// Its phase.
    pub fn phase(&self) -> Option<ExecutionPhase> {
        match self {
            Former::Known(file) => file.status.execution().map(|run| run.phase),
            Former::Archived(archived) => Some(archived.phase),
        }
    }

    /// Whether its name is free: a reconcile has seen that its file was removed, or it is archived.
    pub fn is_gone(&self) -> bool {
        match self {
            Former::Known(file) => file.deleted.is_some(),
            Former::Archived(_) => true,
        }
    }

    /// Whether an execution with this spec would be another run.
    pub fn begins_anew(&self, digest: &str) -> bool {
        match self {
            Former::Known(file) => begins_anew(file, Some(digest)),
            Former::Archived(archived) => !archived.covers(Some(digest)),
        }
    }

    /// Whether it keeps its name from a file with this spec: that would be no run of its own.
    pub fn keeps_name_from(&self, digest: &str) -> bool {
        match self {
            Former::Known(file) => file.deleted.is_none() && file.source.digest != digest,
            Former::Archived(_) => false,
        }
    }
}

/// The run with the name of an execution, in the last fetched status.
///
/// # Errors
/// The status cannot be read.
pub fn former_run(store: &Store, key: &Key) -> Result<Option<Former>> {
    let Some(status) = StatusReader::known(store)? else {
        return Ok(None);
    };
    let mut files = status.files(&BTreeSet::from([key.clone()]))?;
    if let Some(file) = files.remove(key) {
        let is_run = file.status.execution().is_some();
        return Ok(is_run.then(|| Former::Known(Box::new(file))));
    }
    let archived = status.archived([key])?;
    Ok(archived.of(key).cloned().map(Former::Archived))
}
