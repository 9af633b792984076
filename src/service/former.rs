//! What the status knows of the former run with the name of a new execution.

use std::collections::BTreeSet;

use super::Result;
use super::status::StatusReader;
use super::store::Store;
use crate::core::resource::{ExecutionPhase, Key, Status};

/// A run that already has the name.
pub struct Former {
    /// Its phase.
    pub phase: ExecutionPhase,
    /// Whether a reconcile has seen that its file was removed; then a new file is another run.
    pub is_gone: bool,
    /// The digest of its spec.
    pub digest: String,
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
    let former = files.remove(key).and_then(|file| match &file.status {
        Status::Execution(run) => Some(Former {
            phase: run.phase,
            is_gone: file.deleted.is_some(),
            digest: file.source.digest,
        }),
        _ => None,
    });
    Ok(former)
}
