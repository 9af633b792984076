//! What the work tree has in another version than a commit, reading no more than must be read: a file
//! whose `lstat` is still as Git's index has it is what is staged.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::index::StagedFiles;
use super::read::{self, DiskFile, FoundFile, Paths, on_worktree, sorted};
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

/// Compare the work tree below the configured paths with the files of a commit.
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
    let there: HashSet<String> = found.iter().map(|file| file.path.clone()).collect();
    let known: HashMap<&str, &CommittedFile<'_>> =
        commit.iter().map(|file| (file.path, file)).collect();
    let is_filtered = repo.has_filters();
    let is_unchanged = |file: &DiskFile, known: &CommittedFile<'_>| {
        let bytes = known.bytes.filter(|_| !known.wanted && !is_filtered);
        bytes.zip(file.metadata()).is_some_and(|(bytes, metadata)| {
            staged.has_unchanged(&file.path, (known.version, bytes), &metadata)
        })
    };
    let read = found.into_par_iter().filter_map(|file| {
        let Some(known) = known.get(file.path.as_str()) else {
            return Some(file.read(paths));
        };
        if is_unchanged(&file, known) {
            return None;
        }
        let file = file.read(paths);
        (known.wanted || !is_version(&file, known.version)).then_some(file)
    });
    files.par_extend(read);
    let mut left_out = staged.left_out(paths, |path| there.contains(path));
    let not_there: HashSet<String> = left_out.iter().map(|file| file.path.clone()).collect();
    left_out.retain(|file| match known.get(file.path.as_str()) {
        Some(known) => known.wanted || file.version() != known.version,
        None => true,
    });
    files.extend(read::read(repo, left_out, paths)?);
    let is_gone = |path: &str| !there.contains(path) && !not_there.contains(path);
    let gone = commit.iter().filter(|file| is_gone(file.path));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::fs::{self, File};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::core::base::source::Content;
    use crate::core::repository::config::Config;
    use crate::git::read::{Tree, tree_changes, tree_of};
    use crate::git::testing::Sandbox;

    fn paths() -> Paths {
        Paths::new(&Config::default().paths, 1000).unwrap()
    }

    /// Write a file that is older than whatever happens now.
    fn write_old(sandbox: &Sandbox, repo: &Repo, path: &str, text: &str) {
        sandbox.write(repo, path, text);
        let file = repo.workdir().unwrap().join(path);
        let file = File::options().write(true).open(file).unwrap();
        let then = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        file.set_modified(then).unwrap();
    }

    /// Commit what is in the work tree. Path, version and size of each file.
    fn commit(sandbox: &Sandbox, repo: &Repo) -> Vec<(String, String, usize)> {
        let commit = sandbox.commit(repo, &[]);
        let all = tree_changes(repo, None, &tree_of(repo, &commit).unwrap(), &paths()).unwrap();
        let files = Tree::Commit(&commit).files(repo, &paths()).unwrap();
        let versions: BTreeMap<String, String> = all
            .into_iter()
            .map(|(path, found)| (path, found.unwrap().version()))
            .collect();
        files
            .iter()
            .map(|file| {
                let bytes = match &file.content {
                    Content::Bytes(bytes) => bytes.len(),
                    Content::Refused(_) => 0,
                };
                (file.path.clone(), versions[&file.path].clone(), bytes)
            })
            .collect()
    }

    /// `path: text` of what differs, `path!` of what cannot be read, `-path` of what is gone.
    fn told(repo: &Repo, commit: &[(String, String, usize)], wanted: &[&str]) -> Vec<String> {
        let known: Vec<CommittedFile<'_>> = commit
            .iter()
            .map(|(path, version, bytes)| CommittedFile {
                path,
                version,
                bytes: Some(*bytes),
                wanted: wanted.contains(&path.as_str()),
            })
            .collect();
        let found = differences(repo, &paths(), &known).unwrap();
        let files = found.files.iter().map(|file| match &file.content {
            Content::Bytes(bytes) => format!("{}: {}", file.path, String::from_utf8_lossy(bytes)),
            Content::Refused(_) => format!("{}!", file.path),
        });
        files
            .chain(found.gone.iter().map(|path| format!("-{path}")))
            .collect()
    }

    /// Whether each file is known by its `lstat`.
    fn unread(repo: &Repo, commit: &[(String, String, usize)]) -> Vec<bool> {
        let staged = StagedFiles::open(repo).unwrap();
        let root = repo.workdir().unwrap();
        let known = commit.iter().map(|(path, version, bytes)| {
            let metadata = root.join(path).symlink_metadata().unwrap();
            staged.has_unchanged(path, (version, *bytes), &metadata)
        });
        known.collect()
    }

    #[test]
    fn what_came_went_and_changed_is_found_and_the_rest_is_not_read() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        for name in ["changed", "gone", "same", "touched", "wanted"] {
            write_old(&sandbox, &repo, &format!("planspec/{name}.yaml"), name);
        }
        sandbox.write(&repo, ".gitignore", "ignored*\n");
        sandbox.write(&repo, "planspec/ignored-tracked.yaml", "x");
        sandbox.git(&repo, &["add", "-f", "planspec/ignored-tracked.yaml"]);
        let known = commit(&sandbox, &repo);
        assert_eq!(known.len(), 6);
        assert_eq!(told(&repo, &known, &[]), [] as [&str; 0]);
        assert_eq!(unread(&repo, &known)[..2], [true, true]);
        sandbox.write(&repo, "planspec/changed.yaml", "CHANGED");
        sandbox.write(&repo, "planspec/touched.yaml", "touched");
        sandbox.write(&repo, "planspec/new.yaml", "new");
        sandbox.write(&repo, "planspec/ignored.yaml", "ignored");
        let root = repo.workdir().unwrap();
        fs::remove_file(root.join("planspec/gone.yaml")).unwrap();
        let expected = [
            "planspec/changed.yaml: CHANGED",
            "planspec/new.yaml: new",
            "planspec/wanted.yaml: wanted",
            "-planspec/gone.yaml",
        ];
        assert_eq!(told(&repo, &known, &["planspec/wanted.yaml"]), expected);
        // What is staged is not what was committed.
        sandbox.git(&repo, &["add", "-A"]);
        assert_eq!(told(&repo, &known, &["planspec/wanted.yaml"]), expected);
        // A link in the place of a file has the same text, and is another thing.
        fs::remove_file(root.join("planspec/same.yaml")).unwrap();
        std::os::unix::fs::symlink("changed.yaml", root.join("planspec/same.yaml")).unwrap();
        let with_link = told(&repo, &known, &[]);
        assert!(
            with_link.contains(&"planspec/same.yaml!".to_owned()),
            "{with_link:?}"
        );
    }

    #[test]
    fn a_file_as_old_as_the_index_is_read() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        write_old(&sandbox, &repo, "planspec/a.yaml", "one");
        let known = commit(&sandbox, &repo);
        assert_eq!(unread(&repo, &known), [true]);
        let root = repo.workdir().unwrap();
        let index = File::options()
            .write(true)
            .open(root.join(".git/index"))
            .unwrap();
        let file = root.join("planspec/a.yaml").metadata().unwrap();
        index.set_modified(file.modified().unwrap()).unwrap();
        assert_eq!(unread(&repo, &known), [false]);
        index
            .set_modified(file.modified().unwrap() + Duration::from_secs(1))
            .unwrap();
        assert_eq!(unread(&repo, &known), [true]);
        // Another text of the same size, put back to the same time, was written later all the same.
        write_old(&sandbox, &repo, "planspec/a.yaml", "two");
        assert_eq!(told(&repo, &known, &[]), ["planspec/a.yaml: two"]);
    }

    #[test]
    fn what_git_converts_is_read_as_it_lies_there() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.write(
            &repo,
            ".gitattributes",
            "crlf.yaml text eol=crlf\nturned.yaml filter=turn\n",
        );
        sandbox.git(&repo, &["config", "filter.turn.clean", "tr a-z b-za"]);
        write_old(&sandbox, &repo, "planspec/crlf.yaml", "a\r\n");
        write_old(&sandbox, &repo, "planspec/turned.yaml", "abc");
        write_old(&sandbox, &repo, "planspec/plain.yaml", "plain");
        let known = commit(&sandbox, &repo);
        let expected = ["planspec/crlf.yaml: a\r\n", "planspec/turned.yaml: abc"];
        assert_eq!(told(&repo, &known, &[]), expected);
        assert!(!unread(&repo, &known)[0], "its blob is shorter");
    }
}
