//! What the work tree has in another version than a commit, reading no more than must be read: a file
//! whose `lstat` is still as Git's index has it is what is staged.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::index::StagedFiles;
use super::read::{DiskFile, FoundFile, Paths, on_worktree, sorted};
use super::{Repo, Result};
use crate::core::base::source::SourceFile;

/// A file of the commit.
#[derive(Debug, Clone, Copy)]
pub struct CommittedFile<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its version, see [`FoundFile::version`].
    pub version: &'a str,
    /// How large it is there; not set when its `lstat` alone is not to be believed.
    pub bytes: Option<usize>,
    /// Whether it is to be read whatever version it is.
    pub wanted: bool,
}

/// What the work tree has.
#[derive(Debug, Default)]
pub struct Differences {
    /// What is not in the commit, what is there in another version, and what was wanted; by path.
    pub files: Vec<SourceFile>,
    /// What is in the commit alone.
    pub gone: Vec<String>,
}

/// Compare the work tree below the configured paths with the files of a commit, which are sorted.
///
/// # Errors
/// `Unusable` in a bare repository, or when Git's index is broken.
pub fn differences(
    repo: &Repo,
    paths: &Paths,
    commit: &[CommittedFile<'_>],
) -> Result<Differences> {
    let staged = StagedFiles::open(repo)?;
    let (mut files, found) = on_worktree(repo, paths, Some(&staged))?;
    let there: BTreeSet<String> = found.iter().map(|file| file.path.clone()).collect();
    let known = |path: &str| {
        let at = commit.binary_search_by(|file| file.path.cmp(path)).ok()?;
        commit.get(at)
    };
    let is_filtered = repo.has_filters();
    let is_unchanged = |file: &DiskFile, known: &CommittedFile<'_>| {
        let bytes = known.bytes.filter(|_| !known.wanted && !is_filtered);
        bytes.zip(file.metadata()).is_some_and(|(bytes, metadata)| {
            staged.has_unchanged(&file.path, (known.version, bytes), &metadata)
        })
    };
    let read = found.into_par_iter().filter_map(|file| {
        let Some(known) = known(&file.path) else {
            return Some(file.read(paths));
        };
        if is_unchanged(&file, known) {
            return None;
        }
        let file = file.read(paths);
        (known.wanted || !is_version(&file, known.version)).then_some(file)
    });
    files.par_extend(read);
    let gone = commit.iter().filter(|file| !there.contains(file.path));
    Ok(Differences {
        gone: gone.map(|file| file.path.to_owned()).collect(),
        files: sorted(files),
    })
}

/// Whether a file has the content of a version.
pub fn is_version(file: &SourceFile, version: &str) -> bool {
    let version = FoundFile::at(&file.path, version);
    version.is_some_and(|version| version.is_blob() && version.blob() == file.blob)
}
