//! The Git room: the only place that knows git2, the `git` program and the file system.
//!
//! Owned values come out (hexadecimal ids, bytes, maps), owned values go in; what they mean is
//! decided elsewhere. Local work is done by libgit2; everything that talks to a remote, and every
//! commit on a branch of the user's, goes through the user's own `git`, which alone knows their
//! credentials, proxies, hooks and signing keys.
//!
//! | file | what it does |
//! |---|---|
//! | `repo` | an open repository; HEAD, branches, revisions, identity |
//! | `opened` | the seam between libgit2, the `git` program and a repository in memory: who opens it, its objects, its configuration |
//! | `memory` | a repository in memory, with others as its remotes |
//! | `world` | what surrounds a clone: the way to its remote, time, chance, the end of its process |
//! | `read` | resources from a commit, the index, the work tree or plain files |
//! | `checkout` | what the work tree has in another version than a commit |
//! | `index` | what is staged, without reading it |
//! | `object`, `id` | objects, read with a bound, and written; ids of either length |
//! | `obtain` | objects that should be here, from the remote |
//! | `pack` | many new objects at once, as one pack |
//! | `durable` | what has reached the disk before it counts |
//! | `maintenance` | housekeeping, as Git itself does it |
//! | `refs`, `reftable` | local refs, moved by compare-and-swap; those that only `git` reads |
//! | `remote` | list, fetch by id, push with an expected id |
//! | `refusal` | why a remote did not do what it was asked, and the way out |
//! | `status_branch` | read and write the status tree; moves no ref |
//! | `inbox` | write a record, read and check a chain of records |
//! | `worktree` | a folder to work in, at a commit, that is nobody's work tree; what was changed in it |
//! | `signature` | check who signed a record, with `ssh-keygen` and `gpg` |
//! | `sshsig` | what is certainly no SSH signature, without a process |
//! | `authors` | who wrote a file |
//! | `base` | where two lines of history part, fetching what is not here |
//! | `history` | commits, newest first, for whoever says which of their parents to follow |
//! | `files` | files that the user names or that `init` makes |
//! | `commit` | commit named files for the user |
//! | `branch` | a commit for a branch that is not checked out |
//! | `folders` | the folders of a tree that is being written |
//! | `hooks` | the pre-commit hook: where it stands, install, remove |
//! | `editor` | the user's editor, on a draft that is not lost |
//! | `program` | run `git`, and what checks signatures |
//! | `exchange` | what is said to a program, and by it; whoever is silent for too long is ended |
//! | `locks` | which locks there are, how old, and whether anybody is at work who may hold them |
//! | `aside`, `residue` | files that are in the way, put aside; what processes that were killed have left |
//! | `cache` | disposable files in the common Git directory |

pub mod aside;
pub mod authors;
pub mod base;
pub mod branch;
pub mod cache;
pub mod checkout;
pub mod commit;
pub mod difference;
mod durable;
pub mod editor;
mod exchange;
pub mod files;
pub mod folder;
mod folders;
pub mod history;
pub mod hooks;
mod id;
pub mod inbox;
pub mod index;
pub mod line;
pub mod locks;
pub mod maintenance;
pub mod memory;
mod object;
mod obtain;
mod opened;
mod pack;
pub mod pages;
pub mod program;
pub mod read;
pub mod refs;
mod reftable;
mod refusal;
pub mod remote;
pub mod repo;
pub mod residue;
pub mod session;
pub mod signature;
mod sshsig;
pub mod status_branch;
#[cfg(test)]
pub(crate) mod testing;
pub mod worktree;
pub mod world;

use std::fmt::Display;

pub use cache::Cache;
pub use repo::{FALLBACK_EMAIL, Head, Identity, Repo};

/// What can go wrong with a repository or a remote. Every message is for people: what was tried, what
/// is in the way, and behind the first line what Git said besides. The way out stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// There is no repository here.
    #[error("{0}")]
    NotARepository(String),
    /// The repository is there and cannot be used: its format, a lock, a broken object, …
    #[error("{0}")]
    Unusable(String),
    /// A file or a folder that the user names does not exist.
    #[error("{0}")]
    NoFile(String),
    /// The remote, or the way to it, refused; the `git` program's own words, cleaned.
    #[error("{0}")]
    Remote(String),
    /// An object or revision is not in this repository; fetching may help.
    #[error("{0}")]
    Missing(String),
    /// The status branch was not written by `planspec`, or something else was added to it.
    #[error("{0}")]
    Foreign(String),
    /// Somebody else was first, or holds a lock.
    #[error("{0}")]
    Busy(String),
    /// One of the others, and the way out.
    #[error("{error}")]
    Advised {
        /// What is in the way.
        error: Box<GitError>,
        /// The way out.
        hint: String,
    },
}

impl GitError {
    /// Add the way out.
    pub fn advise(self, hint: impl Into<String>) -> GitError {
        GitError::Advised {
            error: Box::new(self),
            hint: hint.into(),
        }
    }
}

/// A value, or a [`GitError`].
pub type Result<T> = std::result::Result<T, GitError>;

/// Turn an error of the file system into ours; `tried` completes "cannot …".
fn unusable_file(tried: impl Display) -> impl FnOnce(std::io::Error) -> GitError {
    move |error| GitError::Unusable(format!("cannot {tried}: {error}"))
}
