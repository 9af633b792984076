//! Put resources at their place in the repository, and commit exactly those files.

use super::Result;
use super::change::{Changed, Changeset};
use super::sources::{self, Source};
use super::store::Store;
use crate::api::change::Applied;

/// Apply resources.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    /// Where they come from.
    pub sources: Vec<Source>,
    /// Message of the commit; made of what changes when not set.
    pub message: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Validate resources together, put each at its place, and commit exactly those files. A file of the
/// repository stays where it is; anything else goes where the resource stands already, else to its
/// canonical place.
///
/// # Errors
/// What cannot be read; findings at error level; a file with changes that are not committed; git
/// does not want the commit.
pub fn apply(store: &Store, request: &ApplyRequest) -> Result<Changed<Applied>> {
    let mut change = Changeset::begin_alone(store, request.dry_run)?;
    change.in_any_order();
    let limit = change.config.limits.file_bytes;
    for file in sources::files(&request.sources, limit)? {
        change.put(&file, &sources::text_of(&file)?)?;
    }
    let change = change.commit(request.message.as_deref(), request.dry_run)?;
    Ok(change.map(|change| Applied { change }))
}
