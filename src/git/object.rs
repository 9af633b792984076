//! Objects, read with a bound: the size is looked at before the content is loaded.

use git2::{ErrorCode, ObjectType, Oid};

use super::{GitError, Repo, Result, unusable};

/// Most bytes of a commit or of a tree that is read whole.
pub(super) const MAX_COMMIT_BYTES: usize = 1024 * 1024;

/// A commit as it is stored: unlike libgit2's view of it, not cut where a shallow clone ends.
#[derive(Debug)]
pub(super) struct RawCommit {
    pub tree: Oid,
    pub parents: Vec<Oid>,
    pub message: String,
}

/// Read a hexadecimal object id.
pub(super) fn parse_id(id: &str) -> Result<Oid> {
    match Oid::from_str(id) {
        // `from_str` pads what is short.
        Ok(oid) if id.len() == 40 => Ok(oid),
        _ => Err(GitError::Unusable(format!(
            "`{}` is not an object id: 40 hexadecimal digits are one",
            id.escape_debug()
        ))),
    }
}

impl Repo {
    /// Size and kind of an object, without its content. `None` when it is not here.
    pub(super) fn header(&self, id: Oid) -> Result<Option<(usize, ObjectType)>> {
        let odb = self.git.odb().map_err(unusable("open the object store"))?;
        match odb.read_header(id) {
            Ok(header) => Ok(Some(header)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(broken(id, &error)),
        }
    }

    /// The content of an object of one kind, at most `max` bytes of it.
    pub(super) fn object(&self, id: Oid, kind: ObjectType, max: usize) -> Result<Vec<u8>> {
        let (size, found) = self.header(id)?.ok_or_else(|| missing(id))?;
        if found != kind {
            return Err(GitError::Unusable(format!(
                "object {id} is a {found}, not a {kind}"
            )));
        }
        if size > max {
            return Err(GitError::Unusable(format!(
                "{kind} {id} has {size} bytes; at most {max} are read"
            )));
        }
        let odb = self.git.odb().map_err(unusable("open the object store"))?;
        let object = odb.read(id).map_err(|error| broken(id, &error))?;
        Ok(object.data().to_vec())
    }

    /// Tree, parents and message of a commit.
    pub(super) fn raw_commit(&self, id: Oid) -> Result<RawCommit> {
        let bytes = self.object(id, ObjectType::Commit, MAX_COMMIT_BYTES)?;
        let text = String::from_utf8_lossy(&bytes);
        let (header, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let ids = |name: &str| -> Vec<Oid> {
            header
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .filter_map(|id| Oid::from_str(id).ok())
                .collect()
        };
        match ids("tree").first() {
            Some(&tree) => Ok(RawCommit {
                tree,
                parents: ids("parent"),
                message: message.to_owned(),
            }),
            None => Err(GitError::Unusable(format!("commit {id} names no tree"))),
        }
    }
}

/// The error for an object that is not here.
pub(super) fn missing(id: Oid) -> GitError {
    GitError::Missing(format!(
        "object {id} is not in this repository: fetch it, or look at the repository with `git fsck`"
    ))
}

fn broken(id: Oid, error: &git2::Error) -> GitError {
    GitError::Unusable(format!(
        "object {id} cannot be read: {}; look at the repository with `git fsck`",
        error.message()
    ))
}
