//! What the status still knows of a name that is to be given to a new execution.

use std::collections::BTreeSet;

use super::Result;
use super::status::StatusReader;
use super::store::Store;
use crate::core::resource::{ExecutionPhase, Key, Status};

/// A run that has the name already.
pub struct Former {
    /// Where it stands.
    pub phase: ExecutionPhase,
    /// Whether a reconcile has seen that its file is gone: what comes now is another run then.
    pub is_gone: bool,
    /// Digest of its spec.
    pub digest: String,
}

/// The run that the status, as the last fetch brought it, has under the name of an execution.
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
