//! Files that a caller gives, or names on this machine.

use std::path::{Path, PathBuf};

use super::{Error, Result};
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::git::{GitError, files, read};

/// Where texts come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file of this machine; `-` is standard input.
    File(PathBuf),
    /// The files of a folder that may hold resources.
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Whether the folders below count as well.
        recursive: bool,
    },
    /// A text that the caller has, under a name for messages.
    Text {
        /// What it is called.
        name: String,
        /// The text.
        text: String,
    },
}

/// A text with the name of its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The file, as the caller names it.
    pub file: SourceFile,
    /// What it says.
    pub text: String,
}

/// Every text that is meant: files in the order of their names, then folders and texts. Files with more than `max_bytes` are refused.
///
/// # Errors
/// A file or folder is not there, or holds no text.
pub fn texts(sources: &[Source], max_bytes: usize) -> Result<Vec<Text>> {
    let named = sources.iter().filter_map(|source| match source {
        Source::File(path) => Some(path.clone()),
        _ => None,
    });
    let mut found = files::named(&named.collect::<Vec<PathBuf>>(), max_bytes);
    for source in sources {
        match source {
            Source::File(_) => {}
            Source::Folder { path, recursive } => {
                found.extend(folder(path, *recursive, max_bytes)?);
            }
            Source::Text { name, text } => found.push(SourceFile {
                path: name.clone(),
                blob: read::blob_id(text.as_bytes()),
                content: Content::Bytes(text.as_bytes().into()),
            }),
        }
    }
    let texts = found.into_iter().map(|file| {
        let bytes = bytes_of(&file)?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Error::ambiguous(format!("{} is not UTF-8 text", file.path)))?;
        Ok(Text { file, text })
    });
    texts.collect()
}

/// Name and content of the one file that is meant.
///
/// # Errors
/// It cannot be read.
pub fn only(path: &Path) -> Result<(String, Vec<u8>)> {
    let limit = Limits::default().file_bytes;
    let mut found = files::named(&[path.to_owned()], limit);
    let Some(file) = found.pop() else {
        return Err(Error::ambiguous("there is nothing to read"));
    };
    let bytes = bytes_of(&file)?.to_vec();
    Ok((file.path, bytes))
}

fn bytes_of(file: &SourceFile) -> Result<&[u8]> {
    match &file.content {
        Content::Bytes(bytes) => Ok(bytes),
        Content::Refused(why) => Err(Error::ambiguous(format!("{}: {why}", file.path))),
    }
}

/// The files in a folder that may hold resources.
///
/// # Errors
/// `Ambiguous`, when there is no such folder.
pub fn folder(dir: &Path, recursive: bool, max_bytes: usize) -> Result<Vec<SourceFile>> {
    read::from_directory(dir, recursive, max_bytes).map_err(|error| match error {
        GitError::Unusable(why) => Error::ambiguous(why),
        error => error.into(),
    })
}
