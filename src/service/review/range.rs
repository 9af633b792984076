//! The two revisions that a review compares.
//!
//! Commits that are missing in this clone are fetched: see [`crate::git::base`]. If that fails, nothing is
//! compared.

use crate::git::{GitError, Repo, base, history};
use crate::service::Result;
use crate::service::store::{Store, no_revision};

/// Two commits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// The base.
    pub base: String,
    /// The head.
    pub head: String,
    /// Why the base may be older than that of the remote, if so.
    pub doubt: Option<String>,
}

/// The two commits to compare. BASE..HEAD names them; BASE...HEAD, or BASE alone for HEAD, starts at
/// their merge base; `None` starts where HEAD left the spec branch.
///
/// # Errors
/// There is no such revision here or on the remote, or no common ancestor; if this clone
/// cannot tell, the hint is the command that fetches what is missing.
pub fn range(store: &Store, range: Option<&str>) -> Result<Range> {
    let Some(range) = range else {
        let (base, doubt) = spec_branch(store)?;
        let range = since(store, &base, commit(store, "HEAD")?)?;
        return Ok(Range { doubt, ..range });
    };
    if let Some((base, head)) = range.split_once("...") {
        return since(store, &commit(store, base)?, commit(store, head)?);
    }
    if let Some((base, head)) = range.split_once("..") {
        return Ok(Range {
            base: commit(store, base)?,
            head: commit(store, head)?,
            doubt: None,
        });
    }
    since(store, &commit(store, range)?, commit(store, "HEAD")?)
}

/// The commit of a revision, here or on the remote.
fn commit(store: &Store, revision: &str) -> Result<String> {
    let revision = if revision.is_empty() {
        "HEAD"
    } else {
        revision
    };
    match base::commit(&store.repo, store.remote.as_deref(), revision) {
        // It is neither here nor on the remote: the name must be wrong.
        Err(GitError::Missing(why)) => Err(no_revision(&store.repo, why)?),
        found => Ok(found?),
    }
}

/// The tip of the spec branch: that of the remote, if there is one, since a clone with a single branch
/// does not know it. Also returns why the remote was not asked, if it was not.
fn spec_branch(store: &Store) -> Result<(String, Option<String>)> {
    let configured = store.repo.config("planspec.specBranch").is_some();
    let asked = match (&store.remote, configured) {
        (Some(_), _) => store.fresh().map(|view| view.spec_commit),
        (None, true) => return Ok((store.known()?.spec_commit, None)),
        (None, false) => match base::default_branch(&store.repo, None) {
            Ok(Some((_, commit))) => Ok(commit),
            Ok(None) => return Ok((store.known()?.spec_commit, None)),
            Err(error) => Err(error.into()),
        },
    };
    match asked {
        Ok(commit) => Ok((commit, None)),
        // Without the remote, use the last fetch.
        Err(error) => {
            let doubt = format!(
                "this compares with the state of the last fetch: {}",
                error.message
            );
            let known = store.known_spec_branch()?.ok_or(error)?;
            Ok((known, Some(doubt)))
        }
    }
}

/// The commit that is shown as the head. If a forge has merged a pull request into the base to try it, that is the
/// merged commit, since nobody sees the merge.
/// is merged, since nobody sees the merge.
pub(super) fn shown(repo: &Repo, base: &str, head: &str) -> Result<String> {
    let commit = history::commit(repo, head)?;
    let parents = commit.map(|commit| commit.parents).unwrap_or_default();
    Ok(match parents.as_slice() {
        [into, merged] if into == base => merged.clone(),
        _ => head.to_owned(),
    })
}

/// The range from where a commit left another's history.
fn since(store: &Store, base: &str, head: String) -> Result<Range> {
    let base = base::merge_base(&store.repo, store.remote.as_deref(), base, &head)?;
    Ok(Range {
        base,
        head,
        doubt: None,
    })
}
