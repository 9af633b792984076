//! Files with resources: from a commit, the index or the work tree.

use std::sync::Arc;

/// One file that may hold resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the repository's root, with `/`; or as given by the user.
    pub path: String,
    /// Git's object id of the content.
    pub blob: String,
    /// What is in it.
    pub content: Content,
}

/// The content of a file, or why it was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes.
    Bytes(Arc<[u8]>),
    /// Not read: a symlink, a submodule, a device, too large, …; a sentence without a full stop.
    Refused(String),
}

/// A file that has changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedFile {
    /// Its path.
    pub path: String,
    /// Whether it was deleted; true for the old name of a renamed file.
    pub deleted: bool,
}
