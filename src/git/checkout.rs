//! What the work tree has in another version than a commit, reading no more than must be read: a file
//! whose `lstat` is still as Git's index has it is what is staged.

use std::collections::{BTreeMap, HashSet};
use std::fs::DirEntry;
use std::ops::Range;
use std::path::PathBuf;

use rayon::prelude::*;
use walkdir::WalkDir;

use super::index::StagedFiles;
use super::object::EntryKind;
use super::read::{self, DiskFile, FoundFile, Paths, Walk, entry_of, sorted, work_tree};
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
}

/// The files of a commit beside what is staged.
pub struct Committed<'a> {
    /// Of each entry of Git's index whether the commit has it in the same version, and in the size that its file had.
    pub same: &'a [bool],
    /// All other files of the commit, by path.
    pub others: &'a [CommittedFile<'a>],
    /// Whether a file is to be read whatever version it is.
    pub wanted: &'a (dyn Fn(&str) -> bool + Sync),
}

/// What the work tree has.
#[derive(Debug, Default)]
pub struct Differences {
    /// What is not in the commit, what is there in another version, and what was wanted; by path.
    pub files: Vec<SourceFile>,
    /// Those of them that are in the commit in the same version, and that version.
    pub unchanged: BTreeMap<String, String>,
    /// What is in the commit alone, by path.
    pub gone: Vec<String>,
}

/// Compare the work tree below the configured paths with the files of a commit.
///
/// # Errors
/// `Unusable` in a bare repository.
pub fn differences(
    repo: &Repo,
    paths: &Paths,
    staged: &StagedFiles,
    commit: &Committed<'_>,
) -> Result<Differences> {
    let look = Look {
        paths,
        staged,
        commit,
        believes: !repo.has_filters(),
    };
    let (found, mut there) = look.everywhere(repo)?;
    let mut files = found.unread;
    let format = repo.format();
    let read = found.files.into_par_iter().filter_map(|(file, place)| {
        let file = file.read(format, paths);
        let known = look.version(&file.path, place);
        let same = known.filter(|version| is_version(&file, version));
        (same.is_none() || (commit.wanted)(&file.path)).then_some((file, same))
    });
    let read: Vec<(SourceFile, Option<String>)> = read.collect();
    let mut unchanged = BTreeMap::new();
    for (file, same) in read {
        unchanged.extend(same.map(|version| (file.path.clone(), version)));
        files.push(file);
    }
    for file in read::read(repo, look.left_out(&mut there), paths)? {
        let known = look.version(&file.path, staged.place(&file.path));
        let same = known.filter(|version| is_version(&file, version));
        unchanged.extend(same.map(|version| (file.path.clone(), version)));
        files.push(file);
    }
    Ok(Differences {
        files: sorted(files),
        unchanged,
        gone: look.gone(&there),
    })
}

/// A look at the work tree.
struct Look<'a> {
    paths: &'a Paths,
    staged: &'a StagedFiles,
    commit: &'a Committed<'a>,
    /// Whether what `lstat` says is believed.
    believes: bool,
}

/// What lies in the work tree.
#[derive(Default)]
struct There {
    /// By entry of Git's index, whether its file is there.
    staged: Vec<bool>,
    /// What else is there, or where that does not say it: paths.
    others: HashSet<String>,
}

/// What has to be read.
#[derive(Default)]
struct Found {
    /// Folders that cannot be read.
    unread: Vec<SourceFile>,
    /// The files, each with the place of its entry in Git's index.
    files: Vec<(DiskFile, Option<usize>)>,
}

/// A folder in which something is staged.
struct Folder {
    place: PathBuf,
    /// Path from the root, with a `/` at the end; empty for the root itself.
    path: String,
    /// What is staged in it.
    entries: Range<usize>,
}

/// What is in a folder.
#[derive(Default)]
struct Listed {
    folders: Vec<Folder>,
    /// The entries of Git's index whose files are there.
    seen: Vec<usize>,
    /// Those that have to be read.
    read: Vec<(DiskFile, usize)>,
    /// What is not staged, or cannot be told apart here.
    odd: Vec<PathBuf>,
}

impl Look<'_> {
    /// What has to be read of all that lies there, and what lies there.
    fn everywhere(&self, repo: &Repo) -> Result<(Found, There)> {
        let root = work_tree(repo)?;
        let mut there = There {
            staged: vec![false; self.staged.len()],
            ..There::default()
        };
        let mut found = Found::default();
        let mut walk = Walk::new(repo, root, Some(self.staged));
        let mut folders = vec![Folder {
            place: root.to_owned(),
            path: String::new(),
            entries: 0..self.staged.len(),
        }];
        while !folders.is_empty() {
            let listed = folders.par_iter().map(|folder| self.list(folder).ok());
            let listed: Vec<Option<Listed>> = listed.collect();
            let mut below = Vec::new();
            for (folder, listed) in folders.into_iter().zip(listed) {
                let Some(listed) = listed else {
                    let depth = usize::from(folder.path.is_empty());
                    walk.enter(WalkDir::new(folder.place).min_depth(depth), self.paths);
                    continue;
                };
                for place in listed.seen {
                    there.staged[place] = true;
                }
                below.extend(listed.folders);
                let read = listed.read.into_iter();
                (found.files).extend(read.map(|(file, place)| (file, Some(place))));
                for odd in listed.odd {
                    let from = WalkDir::new(odd).follow_root_links(false);
                    walk.enter(from, self.paths);
                }
            }
            folders = below;
        }
        found.unread = walk.unread;
        for file in walk.found {
            let place = self.staged.place(&file.path).filter(|_| file.is_clean());
            if let Some(place) = place {
                there.staged[place] = true;
            }
            there.others.insert(file.path.clone());
            if !self.is_unchanged(&file, place) {
                found.files.push((file, place));
            }
        }
        Ok((found, there))
    }

    /// What is in a folder. An error is that of the system: then whoever walks there says what is wrong.
    fn list(&self, folder: &Folder) -> std::io::Result<Listed> {
        let mut listed = Listed::default();
        for entry in std::fs::read_dir(&folder.place)? {
            self.sort(folder, &entry?, &mut listed)?;
        }
        Ok(listed)
    }

    fn sort(&self, folder: &Folder, entry: &DirEntry, listed: &mut Listed) -> std::io::Result<()> {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            listed.odd.push(entry.path());
            return Ok(());
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if name == ".git" {
                return Ok(());
            }
            let path = format!("{}{name}", folder.path);
            let place = entry.path();
            let below = format!("{path}/");
            let entries = self.staged.below(&below);
            let is_repository = entry_of(kind, &place) == EntryKind::Submodule;
            if is_repository || entries.is_empty() {
                listed.odd.push(place);
            } else if self.paths.enters(&path) {
                listed.folders.push(Folder {
                    place,
                    path: below,
                    entries,
                });
            }
            return Ok(());
        }
        let path = [folder.path.as_str(), name].concat();
        let kind = entry_of(kind, &folder.place);
        let Some(place) = self.staged.place_among(&folder.entries, &path) else {
            if self.paths.wants(&path, kind) {
                listed.odd.push(entry.path());
            }
            return Ok(());
        };
        let is_known = self.commit.same.get(place) == Some(&true);
        let is_same_kind = is_known && self.staged.kind_at(place) == kind;
        if !is_same_kind && !self.paths.wants(&path, kind) {
            return Ok(());
        }
        listed.seen.push(place);
        let is_plain = is_same_kind && kind == EntryKind::File && self.believes;
        if is_plain
            && !(self.commit.wanted)(&path)
            && self.staged.is_unchanged_at(place, &entry.metadata()?)
        {
            return Ok(());
        }
        let file = DiskFile::new(path, kind, entry.path());
        if is_known || !self.is_unchanged(&file, Some(place)) {
            listed.read.push((file, place));
        }
        Ok(())
    }

    /// Whether a file is one of the others of the commit, by its `lstat`.
    fn is_unchanged(&self, file: &DiskFile, place: Option<usize>) -> bool {
        if !self.believes || (self.commit.wanted)(&file.path) {
            return false;
        }
        if self.is_same(place) {
            let metadata = place.zip(file.metadata());
            return metadata
                .is_some_and(|(place, metadata)| self.staged.is_unchanged_at(place, &metadata));
        }
        let known = self.other(&file.path);
        let known = known.and_then(|known| Some((known.version, known.bytes?)));
        known.zip(file.metadata()).is_some_and(|(known, metadata)| {
            self.staged.has_unchanged(&file.path, known, &metadata)
        })
    }

    fn is_same(&self, place: Option<usize>) -> bool {
        place.and_then(|place| self.commit.same.get(place)) == Some(&true)
    }

    fn other(&self, path: &str) -> Option<&CommittedFile<'_>> {
        let others = self.commit.others;
        let at = others.binary_search_by(|other| other.path.cmp(path));
        others.get(at.ok()?)
    }

    /// The version that the commit has of a path.
    fn version(&self, path: &str, place: Option<usize>) -> Option<String> {
        if self.is_same(place) {
            let found = place.and_then(|place| self.staged.found_at(place, self.paths));
            return found.map(|found| found.version());
        }
        self.other(path).map(|other| other.version.to_owned())
    }

    /// What a sparse checkout leaves out of the work tree counts as if it were there: what of it is to be read.
    fn left_out(&self, there: &mut There) -> Vec<FoundFile> {
        let mut read = Vec::new();
        for place in self.staged.places_left_out() {
            if there.staged.get(place) == Some(&true) {
                continue;
            }
            let Some(found) = self.staged.found_at(place, self.paths) else {
                continue;
            };
            if there.others.contains(&found.path) {
                continue;
            }
            there.staged[place] = true;
            there.others.insert(found.path.clone());
            let known = self.version(&found.path, Some(place));
            let is_other = known.is_none_or(|version| version != found.version());
            if is_other || (self.commit.wanted)(&found.path) {
                read.push(found);
            }
        }
        read
    }

    /// What is in the commit and not there.
    fn gone(&self, there: &There) -> Vec<String> {
        let same = self.commit.same.iter().zip(&there.staged).enumerate();
        let gone = same.filter(|(_, (same, there))| **same && !**there);
        let found = gone.filter_map(|(place, _)| self.staged.found_at(place, self.paths));
        let is_there = |path: &str| {
            let place = self.staged.place(path);
            let is_staged = place.and_then(|place| there.staged.get(place));
            is_staged == Some(&true) || there.others.contains(path)
        };
        let others = self.commit.others.iter().map(|other| other.path);
        let others = others.filter(|path| !is_there(path)).map(str::to_owned);
        let mut gone: Vec<String> = found.map(|found| found.path).chain(others).collect();
        gone.sort_unstable();
        gone
    }
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
            })
            .collect();
        let staged = StagedFiles::open(repo).unwrap();
        let look = |same: &[bool], others: &[CommittedFile<'_>]| {
            let committed = Committed {
                same,
                others,
                wanted: &|path| wanted.contains(&path),
            };
            differences(repo, &paths(), &staged, &committed).unwrap()
        };
        let found = look(&vec![false; staged.len()], &known);
        // The same where what is staged as it was committed is not named.
        let mut same = vec![false; staged.len()];
        let mut others = known.clone();
        others.retain(|file| {
            let place = staged.place(file.path).filter(|place| {
                let found = staged.found_at(*place, &paths());
                let is_version = found.is_some_and(|found| found.version() == file.version);
                is_version && staged.size_at(*place) == file.bytes
            });
            place.map(|place| same[place] = true).is_none()
        });
        let shorter = look(&same, &others);
        assert_eq!(format!("{found:?}"), format!("{shorter:?}"));
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
