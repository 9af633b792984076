//! Files as the Git room hands them over: owned, from a commit, the index or the work tree alike.

use std::sync::Arc;

/// One file that may hold resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the repository's root, with `/`; or as the user named it.
    pub path: String,
    /// Object id of the content: what Git calls the blob.
    pub blob: String,
    /// What is in it.
    pub content: Content,
}

/// Content of a file, or why it was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes.
    Bytes(Arc<[u8]>),
    /// Not read: a symlink, a submodule, a device, too large, … in a sentence without a full stop.
    Refused(String),
}

/// A file that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedFile {
    /// Its path.
    pub path: String,
    /// Whether nothing is there any more; also under the old name of what moved.
    pub deleted: bool,
}
