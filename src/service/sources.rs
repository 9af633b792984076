//! Files that a caller passes, or names on this machine.

use std::path::{Path, PathBuf};

use super::{Error, Result};
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::git::{GitError, files, read};

/// Where texts are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, or a folder with everything below it; `-` is standard input.
    File(PathBuf),
    /// The files of a folder.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Whether to include subfolders.
        recursive: bool,
    },
}

/// All selected files by name, then those of folders. A file that
/// cannot be read, or is larger than `max_bytes`, has an error instead of its content.
///
/// # Errors
/// `NotFound` if there is no such file or folder.
pub fn files(sources: &[Source], max_bytes: usize) -> Result<Vec<SourceFile>> {
    let named = sources.iter().filter_map(|source| match source {
        Source::File(path) => Some(path.clone()),
        Source::Folder { .. } => None,
    });
    let named: Vec<PathBuf> = named.collect();
    for path in &named {
        files::check_there(path)?;
    }
    let mut found = files::named(&named, max_bytes);
    for source in sources {
        if let Source::Folder { path, recursive } = source {
            found.extend(folder(path, *recursive, max_bytes)?);
        }
    }
    Ok(found)
}

/// The content of a file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    Ok(files::user_file(path)?)
}

/// Replaces a file atomically.
///
/// # Errors
/// It cannot be written.
pub fn replace(path: &Path, text: &str) -> Result {
    Ok(files::replace(path, text.as_bytes())?)
}

/// Writes a file, whatever was there.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, text: &str) -> Result {
    Ok(files::write_user_file(path, text.as_bytes())?)
}

/// Creates a folder with its parents, unless it exists.
///
/// # Errors
/// It cannot be created.
pub fn make_folder(folder: &Path) -> Result {
    Ok(files::make_folder(folder)?)
}

/// The text of a file.
///
/// # Errors
/// It cannot be read, or is not text.
pub fn text_of(file: &SourceFile) -> Result<String> {
    String::from_utf8(bytes_of(file)?.to_vec())
        .map_err(|_| Error::invalid(format!("{} is not UTF-8 text", file.path)))
}

/// The name and content of a single file.
///
/// # Errors
/// It cannot be read.
pub fn only(path: &Path) -> Result<(String, Vec<u8>)> {
    files::check_there(path)?;
    let limit = Limits::default().file_bytes;
    let mut found = files::named(&[path.to_owned()], limit);
    let Some(file) = found.pop() else {
        return Err(Error::not_found("there is nothing to read"));
    };
    let bytes = bytes_of(&file)?.to_vec();
    Ok((file.path, bytes))
}

fn bytes_of(file: &SourceFile) -> Result<&[u8]> {
    match &file.content {
        Content::Bytes(bytes) => Ok(bytes),
        Content::Refused(why) => Err(Error::invalid(format!("{}: {why}", file.path))),
    }
}

fn folder(dir: &Path, recursive: bool, max_bytes: usize) -> Result<Vec<SourceFile>> {
    read::from_directory(dir, recursive, max_bytes).map_err(|error| match error {
        GitError::Unusable(why) => Error::invalid(why),
        error => error.into(),
    })
}
