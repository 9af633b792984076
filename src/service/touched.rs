//! The paths that a commit changes.

use std::collections::BTreeSet;

use super::store::{Store, View};
use crate::core::base::digest::short;
use crate::git::{GitError, base, read};

/// Maximum number of paths of a commit that are compared with a scope.
const MOST: usize = 5_000;

/// The paths that a commit changes: compared with its merge base with the spec branch, or if it is on the spec branch,
/// with its first parent.
///
/// # Errors
/// Why this clone cannot tell, as a sentence.
pub fn touched(store: &Store, view: &View, commit: &str) -> Result<BTreeSet<String>, String> {
    let is_here = store.has_or_fetches(commit);
    if !is_here || store.repo.commit_time(commit).is_err() {
        return Err("it is neither here nor on the remote".to_owned());
    }
    changed(store, view, commit)
}

/// The same for a commit that is in this clone, without asking the remote.
///
/// # Errors
/// As [`touched`].
pub fn changed(store: &Store, view: &View, commit: &str) -> Result<BTreeSet<String>, String> {
    let (repo, spec) = (&store.repo, &view.spec_commit);
    let shared = store.remote.as_deref();
    let changed = match base::merge_base(repo, shared, spec, commit) {
        Ok(base) if base == commit => read::changed_by(repo, commit),
        Ok(base) => read::changed_paths(repo, &base, commit),
        Err(GitError::Unusable(_)) => {
            return Err(format!(
                "it has no history in common with {} of `{}`",
                short(spec),
                view.spec_branch
            ));
        }
        Err(error) => Err(error),
    };
    let changed = changed.map_err(|error| error.to_string())?;
    if changed.len() > MOST {
        return Err(format!(
            "it changes {} files, of which {MOST} are examined",
            changed.len()
        ));
    }
    Ok(changed.into_iter().map(|file| file.path).collect())
}
