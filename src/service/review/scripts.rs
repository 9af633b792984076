//! Changed files that commands run and checks read.

use std::collections::{BTreeMap, BTreeSet};

use super::Range;
use crate::core::base::source::ChangedFile;
use crate::core::plan::files;
use crate::core::repository::index::{Damaged, Index, Pages};
use crate::core::repository::snapshot::Snapshot;
use crate::core::review::scripts::{self, BYTES, Script, ScriptEvent, User};
use crate::git::read::{self, Versions};
use crate::git::{GitError, Repo};
use crate::service::Result;

/// Maximum number of changed files for which the index is asked; with more, everything is read.
pub(super) const MOST: usize = 5_000;
/// Maximum number of files that are listed.
const TOLD: usize = 50;

/// The files with resources that use one of these files.
pub(super) fn users<P: Pages>(
    index: &Index<P>,
    changed: &[ChangedFile],
) -> std::result::Result<BTreeSet<String>, Damaged> {
    let mut found = BTreeSet::new();
    for file in changed {
        let users = index.referrers_of(&files::name_of(&file.path))?;
        found.extend(users.into_iter().map(|user| user.path));
    }
    Ok(found)
}

/// The changes of files that the resources of either side use.
pub(super) fn changed(
    repo: &Repo,
    range: &Range,
    (old, new): (&Snapshot, &Snapshot),
) -> Result<Vec<Script>> {
    let users = [scripts::used(new), scripts::used(old)];
    if users.iter().all(BTreeMap::is_empty) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for versions in read::changed_versions(repo, &range.base, &range.head)? {
        // The user on the old side may have stopped using it.
        let of: Option<&BTreeSet<User>> = users.iter().find_map(|side| side.get(&versions.path));
        if let Some(users) = of.filter(|_| found.len() < TOLD) {
            found.push(Script {
                users: users.clone(),
                event: event(repo, &versions)?,
                path: versions.path,
            });
        }
    }
    found.sort_by(|a, b| (!a.is_run(), &a.path).cmp(&(!b.is_run(), &b.path)));
    Ok(found)
}

fn event(repo: &Repo, versions: &Versions) -> Result<ScriptEvent> {
    let is_new = versions.was.is_none();
    let mut sides = Vec::new();
    for id in [&versions.was, &versions.is] {
        let read = id.as_ref().map(|id| read::blob_within(repo, id, BYTES));
        sides.push(match read.transpose() {
            Ok(None) => None,
            Ok(Some(Some(bytes))) => Some(bytes),
            Ok(Some(None)) => return Ok(scripts::too_large(is_new)),
            // A submodule, or a missing object in a partial clone.
            Err(GitError::Missing(_) | GitError::Unusable(_)) => {
                return Ok(ScriptEvent::Opaque {
                    is_new,
                    why: "it cannot be read here; inspect it yourself".to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        });
    }
    Ok(scripts::compare(sides[0].as_deref(), sides[1].as_deref()))
}
