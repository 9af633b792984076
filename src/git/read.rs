//! Resources as owned files: from a commit, from the index, from the work tree, or from wherever
//! the user points.
//!
//! Whatever is not a plain file of bounded size is handed over with the reason why it was not
//! read; links are never followed.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobSet, GlobSetBuilder};
use rayon::prelude::*;
use walkdir::WalkDir;

use super::id::{Id, ObjectFormat, parse_id};
use super::index::StagedFiles;
use super::object::{EntryKind, FILE_MODE, ObjectKind, TreeEntry};
use super::program::Program;
use super::repo::Ignored;
use super::{GitError, Repo, Result};
use crate::core::base::glob::glob;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::ChangedFile;
use crate::core::base::source::{Content, SourceFile};
use crate::core::base::words::ends_with;
use crate::core::plan::pattern::Pattern;
use crate::core::repository::config::RESOURCE_ENDINGS;

/// Most bytes of a single blob or file that is asked for by name.
const MAX_BLOB_BYTES: usize = 64 * 1024 * 1024;
/// Most folders of one commit that are entered: a few crafted trees can unfold to billions.
const MAX_FOLDERS: usize = 1_000_000;

const LINK: &str = "a symbolic link: links are not followed";
const SUBMODULE: &str = "a submodule or a separate repository, which is never entered";
const NOT_UTF8: &str = "its path is not UTF-8";
const CONFLICT: &str = "it has a merge conflict";

/// Which files of a repository hold resources: the configured globs, compiled.
#[derive(Debug, Clone)]
pub struct Paths {
    globs: GlobSet,
    /// The folders that the globs begin with, such as `planspec/`; empty for `**/…`.
    folders: Vec<String>,
    /// The folders of which the globs take everything, such as `planspec/` of `planspec/**`.
    whole: Vec<String>,
    max_bytes: usize,
}

impl Paths {
    /// Compile globs over paths from the repository's root: `*` stays within one folder, `**`
    /// does not, `{a,b}` is either. Files above `max_bytes` are refused.
    ///
    /// # Errors
    /// A sentence that names the glob that is none.
    pub fn new<G: AsRef<str>>(
        globs: impl IntoIterator<Item = G>,
        max_bytes: usize,
    ) -> std::result::Result<Paths, String> {
        let mut set = GlobSetBuilder::new();
        let (mut folders, mut whole) = (Vec::new(), Vec::new());
        for glob in globs {
            let glob = glob.as_ref();
            let all_of = glob.strip_suffix("/**").filter(|folder| is_literal(folder));
            whole.extend(all_of.map(|folder| format!("{folder}/")));
            let compiled = self::glob(glob);
            set.add(compiled.map_err(|error| format!("`{glob}` is not a glob: {}", error.kind()))?);
            let literal = glob.split(['*', '?', '[', '{', '\\']).next();
            let folder = literal.and_then(|text| text.rsplit_once('/'));
            folders.push(folder.map_or_else(String::new, |(folder, _)| format!("{folder}/")));
        }
        let globs = set.build().map_err(|error| error.to_string())?;
        Ok(Paths {
            globs,
            folders,
            whole,
            max_bytes,
        })
    }

    /// Whether what stands at `path` is to be handed over: a file that may hold resources (the
    /// configuration file does not), or a link or a submodule in the place of a folder, which would
    /// hide resources.
    pub(super) fn wants(&self, path: &str, entry: EntryKind) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let named = match entry {
            EntryKind::Link => is_resource_name(name) || !name.contains('.'),
            EntryKind::Submodule => true,
            _ => is_resource_name(name),
        };
        let below = |folder: &String| path.len() > folder.len() && path.starts_with(folder);
        let is_meant = || self.whole.iter().any(below) || self.globs.is_match(path);
        named && name != CONFIG_FILE && is_meant()
    }

    /// Whether anything below the folder `path` can match.
    pub(super) fn enters(&self, path: &str) -> bool {
        let path = format!("{path}/");
        self.folders
            .iter()
            .any(|folder| path.starts_with(folder) || folder.starts_with(&path))
    }
}

/// Whether a glob stands for itself alone.
fn is_literal(glob: &str) -> bool {
    !glob.is_empty()
        && glob
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c))
}

/// Whether a file of this name, or at this path, may hold resources.
pub fn is_resource_name(name: &str) -> bool {
    RESOURCE_ENDINGS
        .iter()
        .any(|ending| ends_with(name, ending))
}

/// A file of a tree or of the index that may hold resources, not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Path from the repository's root.
    pub path: String,
    pub(super) mode: u32,
    pub(super) id: Id,
    pub(super) flaw: Flaw,
}

/// Put the version of something behind a text, see [`FoundFile::version`].
pub(super) fn write_version(text: &mut String, mode: u32, id: &Id, flaw: Flaw) {
    match mode {
        FILE_MODE => text.push_str("100644"),
        mode => text.push_str(&format!("{mode:o}")),
    }
    text.push(' ');
    id.write_to(text);
    text.push_str(match flaw {
        Flaw::None => "",
        Flaw::NotUtf8 => " not-utf8",
        Flaw::Conflict => " conflict",
    });
}

/// What keeps an entry from being read, whatever its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    NotUtf8,
    Conflict,
}

impl FoundFile {
    pub(super) fn is_blob(&self) -> bool {
        self.flaw == Flaw::None && EntryKind::of(self.mode) == EntryKind::File
    }

    /// Id of the content.
    pub fn blob(&self) -> String {
        self.id.to_string()
    }

    /// Mode and id of the content: `100644 0123…`.
    pub fn version(&self) -> String {
        let mut version = String::with_capacity(64);
        write_version(&mut version, self.mode, &self.id, self.flaw);
        version
    }

    /// A regular file with this content; nothing where that is no id.
    pub fn regular(path: &str, blob: &str) -> Option<FoundFile> {
        FoundFile::at(path, &format!("100644 {blob}"))
    }

    /// The file at `path` in a version that [`FoundFile::version`] wrote.
    pub fn at(path: &str, version: &str) -> Option<FoundFile> {
        let mut words = version.split(' ');
        Some(FoundFile {
            path: path.to_owned(),
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
            id: parse_id(words.next()?).ok()?,
            flaw: match words.next() {
                None => Flaw::None,
                Some("not-utf8") => Flaw::NotUtf8,
                Some("conflict") => Flaw::Conflict,
                Some(_) => return None,
            },
        })
    }
}

impl Paths {
    /// What a tree or the index has at `path`, if it is to be handed over.
    pub(super) fn found(&self, path: &[u8], mode: u32, id: Id) -> Option<FoundFile> {
        let name = String::from_utf8_lossy(path);
        let flaw = match std::str::from_utf8(path) {
            Ok(_) => Flaw::None,
            Err(_) => Flaw::NotUtf8,
        };
        self.wants(&name, EntryKind::of(mode)).then(|| FoundFile {
            path: name.into_owned(),
            mode,
            id,
            flaw,
        })
    }
}

/// Read files, equal blobs once; the result is sorted by path.
///
/// # Errors
/// `Missing` when an object is not here; `Unusable` when one is broken.
pub fn read(
    repo: &Repo,
    found: impl IntoIterator<Item = FoundFile>,
    paths: &Paths,
) -> Result<Vec<SourceFile>> {
    let found: Vec<FoundFile> = found.into_iter().collect();
    let blobs = found.iter().filter(|found| found.is_blob());
    let known = contents(repo, blobs.map(|found| found.id), paths.max_bytes)?;
    let files = found.into_iter().map(|found| {
        let content = match (found.flaw, EntryKind::of(found.mode)) {
            (Flaw::NotUtf8, _) => refused(NOT_UTF8),
            (Flaw::Conflict, _) => refused(CONFLICT),
            (Flaw::None, EntryKind::Link) => refused(LINK),
            (Flaw::None, EntryKind::Submodule) => refused(SUBMODULE),
            (Flaw::None, _) => match known.get(&found.id) {
                Some(content) => content.clone(),
                None => refused("not a regular file"),
            },
        };
        SourceFile {
            path: found.path,
            blob: found.id.to_string(),
            content,
        }
    });
    Ok(sorted(files.collect()))
}

/// From so many blobs on, several threads are faster than one.
const MANY: usize = 64;

/// The contents of blobs, each read once, many of them on all cores.
fn contents(
    repo: &Repo,
    ids: impl Iterator<Item = Id>,
    max_bytes: usize,
) -> Result<HashMap<Id, Content>> {
    let ids: BTreeSet<Id> = ids.collect();
    let content = |read| match read {
        Ok(bytes) => Content::Bytes(Vec::into(bytes)),
        Err(size) => too_large(size as u64, max_bytes),
    };
    repo.have_all(&ids)?;
    if ids.len() < MANY {
        let read = |id| Ok((id, content(repo.bounded_blob(id, max_bytes)?)));
        return ids.into_iter().map(read).collect();
    }
    let objects = repo.objects()?;
    let read = |id| Ok((id, content(objects.bounded_blob(id, max_bytes)?)));
    let all: Vec<Result<(Id, Content)>> = ids.into_par_iter().map(read).collect();
    all.into_iter().collect()
}

pub(super) fn sorted(mut files: Vec<SourceFile>) -> Vec<SourceFile> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn refused(reason: impl Into<String>) -> Content {
    Content::Refused(reason.into())
}

fn too_large(size: u64, max: usize) -> Content {
    refused(bytes_over(size, max))
}

fn bytes_over(size: u64, max: usize) -> String {
    format!("{size} bytes; at most {max} are read, as `limits.fileBytes` says")
}

/// The resources of a commit, sorted by path.
///
/// # Errors
/// `Missing` when an object is not here; `Unusable` when one is broken.
pub fn from_commit(repo: &Repo, commit: &str, paths: &Paths) -> Result<Vec<SourceFile>> {
    let changes = tree_changes(repo, None, &tree_of(repo, commit)?, paths)?;
    read(repo, changes.into_iter().filter_map(|(_, now)| now), paths)
}

/// The id of the tree of a commit.
///
/// # Errors
/// As [`from_commit`].
pub fn tree_of(repo: &Repo, commit: &str) -> Result<String> {
    Ok(repo.commit(parse_id(commit)?)?.tree.to_string())
}

/// A path, and what is there now; nothing when it is gone.
pub type PathChange = (String, Option<FoundFile>);

/// What differs between two trees below the configured paths; everything when there is no old
/// one. Folders that are equal are not entered.
///
/// # Errors
/// As [`from_commit`].
pub fn tree_changes(
    repo: &Repo,
    old: Option<&str>,
    new: &str,
    paths: &Paths,
) -> Result<Vec<PathChange>> {
    let differences = tree_differences(repo, old, new, paths)?.into_iter();
    let changes = differences.filter_map(|(old, new)| match (old, new) {
        (_, Some(new)) => Some((new.path.clone(), Some(new))),
        (Some(old), None) => Some((old.path, None)),
        (None, None) => None,
    });
    Ok(changes.collect())
}

/// What was at a path before, and what is there now: at least one of them.
pub type FileDifference = (Option<FoundFile>, Option<FoundFile>);

/// As [`tree_changes`], with both sides.
///
/// # Errors
/// As [`from_commit`].
pub fn tree_differences(
    repo: &Repo,
    old: Option<&str>,
    new: &str,
    paths: &Paths,
) -> Result<Vec<FileDifference>> {
    let mut differences = Vec::new();
    let enters = |folder: &[u8]| paths.enters(&String::from_utf8_lossy(folder));
    walk_differences(repo, old, new, &enters, &mut |path, old, new| {
        let file = |side: EntrySide| side.and_then(|(mode, id)| paths.found(path, mode, id));
        match (file(old), file(new)) {
            (None, None) => {}
            sides => differences.push(sides),
        }
    })?;
    Ok(differences)
}

/// In which order [`tree_changes`] finds two paths: what lies in a folder, then what lies in its folders, the last of them first.
pub fn in_a_walk(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('/').peekable(), other.split('/').peekable());
    loop {
        let (Some(a), Some(b)) = (one.next(), other.next()) else {
            return one.count().cmp(&other.count());
        };
        match (one.peek().is_some(), other.peek().is_some()) {
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => return a.cmp(b),
            (true, true) if a != b => return b.cmp(a),
            (true, true) => {}
        }
    }
}

/// The paths at which two commits differ, whatever stands there: files, links and submodules that
/// came, went or are others, both names of one that moved. Sorted.
///
/// # Errors
/// As [`from_commit`].
pub fn changed_paths(repo: &Repo, old: &str, new: &str) -> Result<Vec<ChangedFile>> {
    let mut changed = Vec::new();
    let (old, new) = (tree_of(repo, old)?, tree_of(repo, new)?);
    walk_differences(repo, Some(&old), &new, &|_| true, &mut |path, _, new| {
        changed.push(ChangedFile {
            path: String::from_utf8_lossy(path).into_owned(),
            deleted: new.is_none(),
        });
    })?;
    changed.sort();
    Ok(changed)
}

/// The paths at which a commit differs from its first parent; of one without parents, all that it holds. As [`changed_paths`].
///
/// # Errors
/// As [`from_commit`].
pub fn changed_by(repo: &Repo, commit: &str) -> Result<Vec<ChangedFile>> {
    let of = repo.commit(parse_id(commit)?)?;
    if let Some(parent) = of.parents.first() {
        return changed_paths(repo, &parent.to_string(), commit);
    }
    let changed = changed_ids(repo, None, commit)?.into_keys();
    Ok(changed
        .map(|path| ChangedFile {
            path,
            deleted: false,
        })
        .collect())
}

/// What two commits have otherwise, by path: the id of what stands there in the second, nothing for what is gone. Without a first
/// one everything.
///
/// # Errors
/// As [`from_commit`].
pub fn changed_ids(
    repo: &Repo,
    old: Option<&str>,
    new: &str,
) -> Result<BTreeMap<String, Option<String>>> {
    let mut changed = BTreeMap::new();
    let old = old.map(|old| tree_of(repo, old)).transpose()?;
    let new = tree_of(repo, new)?;
    walk_differences(
        repo,
        old.as_deref(),
        &new,
        &|_| true,
        &mut |path, _, new| {
            let path = String::from_utf8_lossy(path).into_owned();
            changed.insert(path, new.map(|(_, id)| id.to_string()));
        },
    )?;
    Ok(changed)
}

/// A file that differs between two commits, with the ids of what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Where.
    pub path: String,
    /// What was there.
    pub was: Option<String>,
    /// What is there.
    pub is: Option<String>,
}

/// As [`changed_paths`], with the ids of both versions.
///
/// # Errors
/// As [`from_commit`].
pub fn changed_versions(repo: &Repo, old: &str, new: &str) -> Result<Vec<Versions>> {
    let mut changed = Vec::new();
    let (old, new) = (tree_of(repo, old)?, tree_of(repo, new)?);
    walk_differences(repo, Some(&old), &new, &|_| true, &mut |path, old, new| {
        let id = |side: EntrySide| side.map(|(_, id)| id.to_string());
        changed.push(Versions {
            path: String::from_utf8_lossy(path).into_owned(),
            was: id(old),
            is: id(new),
        });
    })?;
    Ok(changed)
}

/// The content of a blob that is no larger than this; nothing of a larger one, which is not read.
///
/// # Errors
/// `Missing`; `Unusable` when it is broken or no blob.
pub fn blob_within(repo: &Repo, id: &str, most: usize) -> Result<Option<Vec<u8>>> {
    Ok(repo.bounded_blob(parse_id(id)?, most)?.ok())
}

/// The paths at which what is staged, or what the work tree has of what is tracked, differs from a
/// commit; as [`changed_paths`].
///
/// # Errors
/// `Unusable` when git cannot compare them.
pub fn changed_since(repo: &Repo, commit: &str) -> Result<Vec<ChangedFile>> {
    // Something staged may have been taken back in the work tree since.
    compared(repo, &[&[commit], &["--cached", commit]])
}

/// The paths at which what is staged differs from a commit, or from nothing; as [`changed_paths`].
///
/// # Errors
/// `Unusable` when git cannot compare them.
pub fn changed_in_index(repo: &Repo, commit: Option<&str>) -> Result<Vec<ChangedFile>> {
    let side: Vec<&str> = ["--cached"].into_iter().chain(commit).collect();
    compared(repo, &[&side])
}

/// What `git diff` lists, by several ways to call it; deleted is what all of them say is.
fn compared(repo: &Repo, ways: &[&[&str]]) -> Result<Vec<ChangedFile>> {
    // What is changed within a submodule is no part of a commit.
    const OPTIONS: [&str; 7] = [
        "--name-status",
        "-z",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-relative",
        "--ignore-submodules=dirty",
    ];
    let mut changed: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
    for way in ways {
        let compared = Program::new(repo, "diff")
            .args(OPTIONS)
            .args(*way)
            .arg("--")
            .for_user()
            .env("GIT_OPTIONAL_LOCKS", "0")
            .run()?
            .or_cannot(format!("compare with {}", way.last().unwrap_or(&"")))?;
        let mut words = compared.stdout.split(|byte| *byte == 0);
        while let (Some(status), Some(path)) = (words.next(), words.next()) {
            *changed.entry(path.to_vec()).or_insert(true) &= status == b"D";
        }
    }
    let named = |(path, deleted): (Vec<u8>, bool)| ChangedFile {
        path: String::from_utf8_lossy(&path).into_owned(),
        deleted,
    };
    Ok(changed.into_iter().map(named).collect())
}

/// Hand over every path that differs between two trees and is no folder on one side at least, with
/// what is no folder there. Folders that are equal are not entered.
fn walk_differences(
    repo: &Repo,
    old: Option<&str>,
    new: &str,
    enters: &dyn Fn(&[u8]) -> bool,
    found: &mut dyn FnMut(&[u8], EntrySide, EntrySide),
) -> Result<()> {
    let old = old.map(parse_id).transpose()?;
    let mut folders = vec![(Vec::new(), old, Some(parse_id(new)?))];
    let mut entered = 0;
    while let Some((prefix, old, new)) = folders.pop() {
        if old == new {
            continue;
        }
        entered += 1;
        if entered > MAX_FOLDERS {
            return Err(GitError::Unusable(format!(
                "there are more than {MAX_FOLDERS} folders to compare"
            )));
        }
        let entries = |id: Option<Id>| id.map_or(Ok(Vec::new()), |id| repo.tree(id));
        for (name, old, new) in differing(entries(old)?, entries(new)?) {
            let path = [prefix.as_slice(), &name].concat();
            let is_folder = |(mode, _): &(u32, Id)| EntryKind::of(*mode) == EntryKind::Tree;
            let folder = |side: EntrySide| side.filter(is_folder).map(|(_, id)| id);
            let other = |side: EntrySide| side.filter(|entry| !is_folder(entry));
            let below = (folder(old), folder(new));
            if below != (None, None) && enters(&path) {
                folders.push(([path.as_slice(), b"/"].concat(), below.0, below.1));
            }
            match (other(old), other(new)) {
                (None, None) => {}
                (old, new) => found(&path, old, new),
            }
        }
    }
    Ok(())
}

/// Mode and id on one side of a comparison; nothing when there is no such entry.
type EntrySide = Option<(u32, Id)>;

/// The names whose entries differ between two trees, with both entries.
fn differing(old: Vec<TreeEntry>, new: Vec<TreeEntry>) -> Vec<(Vec<u8>, EntrySide, EntrySide)> {
    // Most of two versions of a folder is equal, in front of the change and behind it.
    let front = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[front..], &new[front..]);
    let ends = old.iter().rev().zip(new.iter().rev());
    let back = ends.take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - back], &new[..new.len() - back]);
    let mut sides: BTreeMap<&[u8], [EntrySide; 2]> = BTreeMap::new();
    for (side, entries) in [old, new].into_iter().enumerate() {
        for entry in entries {
            sides.entry(&entry.name).or_default()[side] = Some((entry.mode, entry.id));
        }
    }
    sides
        .into_iter()
        .filter(|(_, [old, new])| old != new)
        .map(|(name, [old, new])| (name.to_vec(), old, new))
        .collect()
}

/// The resources as they lie in the work tree, sorted by path, without what `.gitignore` leaves
/// out. The blob of a file that was refused is empty.
///
/// # Errors
/// `Unusable` in a bare repository.
pub fn from_worktree(repo: &Repo, paths: &Paths) -> Result<Vec<SourceFile>> {
    let (mut files, found) = on_worktree(repo, paths)?;
    if repo.is_sparse() {
        let there: HashSet<&str> = found.iter().map(|file| file.path.as_str()).collect();
        let left_out = StagedFiles::open(repo)?.left_out(paths, |path| there.contains(path));
        files.extend(read(repo, left_out, paths)?);
    }
    let format = repo.format();
    let read = found.into_par_iter().map(|file| file.read(format, paths));
    files.par_extend(read);
    Ok(sorted(files))
}

/// A file of the work tree that may hold resources, not read yet.
pub(super) struct DiskFile {
    /// Path from the repository's root.
    pub path: String,
    clean: bool,
    kind: EntryKind,
    place: PathBuf,
}

impl DiskFile {
    /// One whose path is UTF-8.
    pub(super) fn new(path: String, kind: EntryKind, place: PathBuf) -> DiskFile {
        DiskFile {
            path,
            clean: true,
            kind,
            place,
        }
    }

    /// Whether its path is UTF-8.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }

    /// What is in it.
    pub(super) fn read(self, format: ObjectFormat, paths: &Paths) -> SourceFile {
        on_disk(
            format,
            self.path,
            self.clean,
            self.kind,
            &self.place,
            paths.max_bytes,
        )
    }

    /// What `lstat` says of it, when it is a file whose name can be told.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        let is_plain = self.clean && self.kind == EntryKind::File;
        is_plain.then(|| self.place.symlink_metadata().ok())?
    }
}

/// What lies in the work tree, without what `.gitignore` leaves out: folders that cannot be read, and
/// the files.
pub(super) fn on_worktree(repo: &Repo, paths: &Paths) -> Result<(Vec<SourceFile>, Vec<DiskFile>)> {
    let root = work_tree(repo)?;
    let mut walk = Walk::new(repo, root, None);
    walk.enter(WalkDir::new(root).min_depth(1), paths);
    Ok((walk.unread, walk.found))
}

/// A walk through the work tree.
pub(super) struct Walk<'a> {
    repo: &'a Repo,
    root: &'a Path,
    /// Of what is tracked as far as the caller knows, git is not asked.
    tracked: Option<&'a StagedFiles>,
    ignored: OnceCell<Ignored<'a>>,
    /// Folders that cannot be read.
    pub unread: Vec<SourceFile>,
    /// What may hold resources.
    pub found: Vec<DiskFile>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        repo: &'a Repo,
        root: &'a Path,
        tracked: Option<&'a StagedFiles>,
    ) -> Walk<'a> {
        Walk {
            repo,
            root,
            tracked,
            ignored: OnceCell::new(),
            unread: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Whether git leaves a file or a folder out.
    fn leaves_out(&self, path: &str, folder: bool) -> bool {
        let is_tracked = self.tracked.is_some_and(|staged| {
            let is_there = if folder {
                StagedFiles::has_below
            } else {
                StagedFiles::has
            };
            is_there(staged, path)
        });
        let ignored = || self.ignored.get_or_init(|| Ignored::new(self.repo));
        !is_tracked && ignored().leaves_out(path)
    }

    /// Take in what is somewhere and below it.
    pub(super) fn enter(&mut self, from: WalkDir, paths: &Paths) {
        let mut walk = from.into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unread.extend(unreadable(&error, Some(self.root)));
                    continue;
                }
            };
            let (path, clean) = from_root(entry.path(), self.root);
            let kind = entry_of(entry.file_type(), entry.path());
            let folder = entry.file_type().is_dir() && kind != EntryKind::Submodule;
            if folder {
                let is_other = entry.file_name() == ".git" || !paths.enters(&path);
                if is_other || self.leaves_out(&path, folder) {
                    walk.skip_current_dir();
                }
                continue;
            }
            if kind == EntryKind::Submodule {
                walk.skip_current_dir();
            }
            if paths.wants(&path, kind) && !self.leaves_out(&path, folder) {
                self.found.push(DiskFile {
                    path,
                    clean,
                    kind,
                    place: entry.into_path(),
                });
            }
        }
    }
}

/// Files that the user names, and what lies in folders that the user names, sorted by path. No
/// repository is needed.
pub fn from_files<P: AsRef<Path>>(named: &[P], max_bytes: usize) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for path in named.iter().map(AsRef::as_ref) {
        let (shown, clean) = shown(path);
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => match from_directory(path, true, max_bytes) {
                Ok(inside) => files.extend(inside),
                Err(error) => files.push(refused_file(shown, error.to_string())),
            },
            Ok(found) => {
                let kind = entry_of(found.file_type(), path);
                files.push(on_disk(
                    ObjectFormat::Sha1,
                    shown,
                    clean,
                    kind,
                    path,
                    max_bytes,
                ));
            }
            Err(error) => files.push(refused_file(shown, cannot_read(&error))),
        }
    }
    let mut files = sorted(files);
    files.dedup_by(|a, b| a.path == b.path);
    files
}

/// The `.yaml`, `.yml` and `.json` files in a folder, and below it when `recursive`, sorted by
/// path. No repository is needed.
///
/// # Errors
/// `NoFile` when there is no such folder, `Unusable` when it cannot be read.
pub fn from_directory(dir: &Path, recursive: bool, max_bytes: usize) -> Result<Vec<SourceFile>> {
    std::fs::read_dir(dir).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => {
                return GitError::NoFile(format!("`{}`: there is no such folder", dir.display()));
            }
            ErrorKind::NotADirectory => "it is not a folder".to_owned(),
            _ => cannot_read(&error),
        };
        GitError::Unusable(format!("`{}`: {why}", dir.display()))
    })?;
    let depth = if recursive { usize::MAX } else { 1 };
    let mut files = Vec::new();
    let mut walk = WalkDir::new(dir).min_depth(1).max_depth(depth).into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                files.extend(unreadable(&error, None));
                continue;
            }
        };
        let name = entry.file_name().to_string_lossy();
        let (path, clean) = shown(entry.path());
        if entry.file_type().is_dir() {
            if name == ".git" {
                walk.skip_current_dir();
            }
            continue;
        }
        let kind = entry_of(entry.file_type(), entry.path());
        let hides_a_folder = kind == EntryKind::Link && recursive && !name.contains('.');
        if (is_resource_name(&name) || hides_a_folder) && name != CONFIG_FILE {
            files.push(on_disk(
                ObjectFormat::Sha1,
                path,
                clean,
                kind,
                entry.path(),
                max_bytes,
            ));
        }
    }
    Ok(sorted(files))
}

/// What is read: every reader of a revision takes one of these.
#[derive(Clone, Copy)]
pub enum Tree<'a> {
    /// A commit, by its id.
    Commit(&'a str),
    /// What is staged.
    Index(&'a StagedFiles),
    /// The work tree; there is none in a bare repository.
    WorkTree,
}

impl Tree<'_> {
    /// One file; `None` when it is not there.
    ///
    /// # Errors
    /// `Missing`; `Unusable` when it is not a regular file or larger than 64 MiB.
    pub fn file(self, repo: &Repo, path: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Tree::Commit(commit) => file_at(repo, commit, path),
            Tree::Index(staged) => staged.file(repo, path),
            Tree::WorkTree if repo.workdir().is_none() => Ok(None),
            Tree::WorkTree => file_in_worktree(repo, path),
        }
    }

    /// The resources, sorted by path.
    ///
    /// # Errors
    /// `Missing` when an object is not here; `Unusable` when one is broken, or there is no work
    /// tree.
    pub fn files(self, repo: &Repo, paths: &Paths) -> Result<Vec<SourceFile>> {
        match self {
            Tree::Commit(commit) => from_commit(repo, commit, paths),
            Tree::Index(staged) => {
                let found = staged.changes(&[], paths).into_iter();
                read(repo, found.filter_map(|(_, now)| now), paths)
            }
            Tree::WorkTree => from_worktree(repo, paths),
        }
    }
}

/// The id of what stands at a path of a commit; `None` when there is nothing.
///
/// # Errors
/// As [`from_commit`].
pub fn id_at(repo: &Repo, commit: &str, path: &str) -> Result<Option<String>> {
    let found = entry_at(repo, commit, path)?;
    Ok(found.map(|(id, _)| id.to_string()))
}

/// One file of a commit; `None` when the commit does not have it.
///
/// # Errors
/// `Missing`; `Unusable` when it is not a regular file or larger than 64 MiB.
pub fn file_at(repo: &Repo, commit: &str, path: &str) -> Result<Option<Vec<u8>>> {
    let Some((id, mode)) = entry_at(repo, commit, path)? else {
        return Ok(None);
    };
    regular(path, mode)?;
    repo.blob_bytes(id).map(Some)
}

/// Whether a commit has a file or folder at a path; with a pattern, whether it is a file in which that is
/// found. What is no pattern is found nowhere.
///
/// # Errors
/// `Missing`; `Unusable` when an object is broken or larger than 64 MiB.
pub fn has_artifact(repo: &Repo, commit: &str, path: &str, pattern: Option<&str>) -> Result<bool> {
    let Some((id, mode)) = entry_at(repo, commit, path.trim_end_matches('/'))? else {
        return Ok(false);
    };
    match (EntryKind::of(mode), pattern) {
        (EntryKind::File | EntryKind::Tree, None) => Ok(true),
        (EntryKind::File, Some(pattern)) => {
            let bytes = repo.blob_bytes(id)?;
            Ok(Pattern::new(pattern).is_ok_and(|pattern| pattern.is_in(&bytes)))
        }
        _ => Ok(false),
    }
}

/// What stands at a path of a commit.
pub(super) fn entry_at(repo: &Repo, commit: &str, path: &str) -> Result<Option<(Id, u32)>> {
    entry_in(repo, repo.commit(parse_id(commit)?)?.tree, path)
}

/// The object that stands at a path of a commit, file or folder.
///
/// # Errors
/// An object is missing or broken.
pub fn object_at(repo: &Repo, commit: &str, path: &str) -> Result<Option<String>> {
    Ok(entry_at(repo, commit, path)?.map(|(id, _)| id.to_string()))
}

/// What stands at a path below a tree.
pub(super) fn entry_in(repo: &Repo, tree: Id, path: &str) -> Result<Option<(Id, u32)>> {
    let mut id = tree;
    let mut mode = 0o040_000;
    for part in path.split('/') {
        if EntryKind::of(mode) != EntryKind::Tree {
            return Ok(None);
        }
        let entries = repo.tree(id)?;
        let Some(entry) = entries.iter().find(|entry| entry.name == part.as_bytes()) else {
            return Ok(None);
        };
        (id, mode) = (entry.id, entry.mode);
    }
    Ok(Some((id, mode)))
}

/// The names of the folders in a folder of a commit that have a file of this name.
///
/// # Errors
/// An object is missing or broken.
pub fn folders_with(repo: &Repo, commit: &str, folder: &str, file: &str) -> Result<Vec<String>> {
    let Some((id, mode)) = entry_at(repo, commit, folder)? else {
        return Ok(Vec::new());
    };
    if EntryKind::of(mode) != EntryKind::Tree {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in repo.tree(id)? {
        let is_folder = EntryKind::of(entry.mode) == EntryKind::Tree;
        if is_folder
            && entry_in(repo, entry.id, file)?.is_some()
            && let Ok(name) = String::from_utf8(entry.name)
        {
            found.push(name);
        }
    }
    Ok(found)
}

/// One file as it lies in the work tree; `None` when there is none.
///
/// # Errors
/// `Unusable` when it is not a regular file, cannot be read, or is larger than 64 MiB.
pub fn file_in_worktree(repo: &Repo, path: &str) -> Result<Option<Vec<u8>>> {
    let place = work_tree(repo)?.join(path);
    let Ok(found) = place.symlink_metadata() else {
        return if repo.is_sparse() {
            left_out(repo, path)
        } else {
            Ok(None)
        };
    };
    let kind = entry_of(found.file_type(), &place);
    let format = repo.format();
    match on_disk(format, path.to_owned(), true, kind, &place, MAX_BLOB_BYTES).content {
        Content::Bytes(bytes) => Ok(Some(bytes.to_vec())),
        Content::Refused(reason) => Err(GitError::Unusable(format!(
            "`{path}` cannot be read: {reason}"
        ))),
    }
}

/// A file that a sparse checkout leaves out of the work tree: as it is staged.
fn left_out(repo: &Repo, path: &str) -> Result<Option<Vec<u8>>> {
    let staged = StagedFiles::open(repo)?;
    if staged.leaves_out(path) {
        staged.file(repo, path)
    } else {
        Ok(None)
    }
}

/// The content of a blob.
///
/// # Errors
/// `Missing`; `Unusable` when it is broken, no blob, or larger than 64 MiB.
pub fn blob(repo: &Repo, id: &str) -> Result<Vec<u8>> {
    repo.blob_bytes(parse_id(id)?)
}

/// An id for a text that is in no repository, or not yet: the one that Git gives it where ids are SHA-1. That of a repository
/// is [`Repo::blob_id`].
pub fn blob_id(bytes: &[u8]) -> String {
    blob_id_in(ObjectFormat::Sha1, bytes)
}

pub(super) fn blob_id_in(format: ObjectFormat, bytes: &[u8]) -> String {
    // Hashing only fails for a kind of object that does not exist.
    Id::of(format, ObjectKind::Blob, bytes).map_or_else(String::new, |id| id.to_string())
}

impl Repo {
    pub(super) fn blob_bytes(&self, id: Id) -> Result<Vec<u8>> {
        self.bounded_blob(id, MAX_BLOB_BYTES)?.map_err(|size| {
            GitError::Unusable(format!(
                "blob {id} has {size} bytes; at most {MAX_BLOB_BYTES} are read"
            ))
        })
    }

    /// A blob, or its size when that is above `max`.
    pub(super) fn bounded_blob(
        &self,
        id: Id,
        max: usize,
    ) -> Result<std::result::Result<Vec<u8>, usize>> {
        self.objects()?.bounded_blob(id, max)
    }
}

pub(super) fn regular(path: &str, mode: u32) -> Result<()> {
    match EntryKind::of(mode) {
        EntryKind::File => Ok(()),
        EntryKind::Link => Err(GitError::Unusable(format!("`{path}` is {LINK}"))),
        _ => Err(GitError::Unusable(format!("`{path}` is not a file"))),
    }
}

pub(super) fn work_tree(repo: &Repo) -> Result<&Path> {
    repo.workdir().ok_or_else(|| {
        GitError::Unusable(
            "a bare repository has no work tree: name a revision, or clone it".to_owned(),
        )
    })
}

pub(super) fn entry_of(kind: std::fs::FileType, path: &Path) -> EntryKind {
    if kind.is_file() {
        EntryKind::File
    } else if kind.is_symlink() {
        EntryKind::Link
    } else if kind.is_dir() && path.join(".git").symlink_metadata().is_ok() {
        EntryKind::Submodule
    } else {
        EntryKind::Other
    }
}

/// A path from the root with `/`, and whether it is UTF-8.
fn from_root(path: &Path, root: &Path) -> (String, bool) {
    let relative = path.strip_prefix(root).unwrap_or(path);
    if let (Some(path), '/') = (relative.to_str(), std::path::MAIN_SEPARATOR) {
        return (path.to_owned(), true);
    }
    let parts: Vec<&OsStr> = relative.iter().collect();
    let clean = parts.iter().all(|part| part.to_str().is_some());
    let parts: Vec<_> = parts.iter().map(|part| part.to_string_lossy()).collect();
    (parts.join("/"), clean)
}

fn shown(path: &Path) -> (String, bool) {
    (path.to_string_lossy().into_owned(), path.to_str().is_some())
}

fn on_disk(
    format: ObjectFormat,
    path: String,
    clean: bool,
    kind: EntryKind,
    place: &Path,
    max_bytes: usize,
) -> SourceFile {
    let content = match kind {
        _ if !clean => Err(NOT_UTF8.to_owned()),
        EntryKind::File => read_file(place, max_bytes),
        EntryKind::Link => Err(LINK.to_owned()),
        EntryKind::Submodule => Err(SUBMODULE.to_owned()),
        _ => Err("not a regular file".to_owned()),
    };
    match content {
        Ok(bytes) => SourceFile {
            path,
            blob: blob_id_in(format, &bytes),
            content: Content::Bytes(Arc::from(bytes)),
        },
        Err(reason) => refused_file(path, reason),
    }
}

fn read_file(place: &Path, max_bytes: usize) -> std::result::Result<Vec<u8>, String> {
    let file = File::open(place).map_err(|error| cannot_read(&error))?;
    // It may have grown, or become something else, since it was looked at.
    let size = file.metadata().as_ref().map_or(0, Metadata::len);
    let most = max_bytes as u64;
    // One more, so that its end is seen at once.
    let room = usize::try_from(size.min(most)).unwrap_or(0) + 1;
    let mut bytes = Vec::with_capacity(room);
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| cannot_read(&error))?;
    if bytes.len() > max_bytes {
        let size = size.max(most.saturating_add(1));
        return Err(bytes_over(size, max_bytes));
    }
    Ok(bytes)
}

fn refused_file(path: String, reason: String) -> SourceFile {
    SourceFile {
        path,
        blob: String::new(),
        content: Content::Refused(reason),
    }
}

fn cannot_read(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// What to hand over for a folder that cannot be read; nothing when it went away meanwhile.
fn unreadable(error: &walkdir::Error, root: Option<&Path>) -> Option<SourceFile> {
    let cause = error.io_error()?;
    if cause.kind() == std::io::ErrorKind::NotFound {
        return None;
    }
    let place: PathBuf = error.path()?.to_owned();
    let (path, _) = match root {
        Some(root) => from_root(&place, root),
        None => shown(&place),
    };
    Some(refused_file(path, cannot_read(cause)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::core::repository::config::Config;
    use crate::git::testing::Sandbox;

    fn paths() -> Paths {
        let config = Config::default();
        Paths::new(&config.paths, 1000).unwrap()
    }

    /// `path: text` of what was read, `path! reason` of what was not.
    fn told(files: &[SourceFile]) -> Vec<String> {
        files
            .iter()
            .map(|file| match &file.content {
                Content::Bytes(bytes) => {
                    let id = Id::from_hex(&file.blob).unwrap();
                    let expected = blob_id_in(id.format(), bytes);
                    assert_eq!(file.blob, expected, "{}", file.path);
                    format!("{}: {}", file.path, String::from_utf8_lossy(bytes))
                }
                Content::Refused(reason) => format!("{}! {reason}", file.path),
            })
            .collect()
    }

    /// Resources, other files, and everything that must not be followed.
    fn messy(sandbox: &Sandbox) -> Repo {
        let repo = sandbox.repo("one");
        let other = sandbox.repo("other");
        sandbox.commit(&other, &[("inner.yaml", "inner")]);
        for (path, text) in [
            ("planspec/goal.yaml", "goal"),
            ("planspec/deep/er/plan.yml", "plan"),
            ("planspec/gate.json", "gate"),
            ("planspec/notes.md", "notes"),
            ("docs/x.planspec.yaml", "document"),
            ("docs/goal.yaml", "elsewhere"),
            (".planspec.yaml", "configuration"),
            ("outside/secret.yaml", "secret"),
        ] {
            sandbox.write(&repo, path, text);
        }
        sandbox.write(&repo, "planspec/large.yaml", &"x".repeat(1001));
        let root = repo.workdir().unwrap();
        symlink("goal.yaml", root.join("planspec/link.yaml")).unwrap();
        symlink("../outside", root.join("planspec/folder")).unwrap();
        symlink("notes.md", root.join("planspec/link.md")).unwrap();
        let odd = OsStr::from_bytes(b"planspec/\xff.yaml");
        std::fs::write(root.join(odd), "odd").unwrap();
        let url = sandbox.path("other");
        let url = url.to_str().unwrap();
        sandbox.git(&repo, &["submodule", "--quiet", "add", url, "planspec/sub"]);
        repo
    }

    const MESSY: [&str; 9] = [
        "docs/x.planspec.yaml: document",
        "planspec/deep/er/plan.yml: plan",
        "planspec/folder! a symbolic link: links are not followed",
        "planspec/gate.json: gate",
        "planspec/goal.yaml: goal",
        "planspec/large.yaml! 1001 bytes; at most 1000 are read, as `limits.fileBytes` says",
        "planspec/link.yaml! a symbolic link: links are not followed",
        "planspec/sub! a submodule or a separate repository, which is never entered",
        "planspec/\u{fffd}.yaml! its path is not UTF-8",
    ];

    fn index(repo: &Repo) -> StagedFiles {
        StagedFiles::open(repo).unwrap()
    }

    #[test]
    fn work_tree_index_and_commit_tell_the_same() {
        let sandbox = Sandbox::new();
        let repo = messy(&sandbox);
        assert_eq!(told(&from_worktree(&repo, &paths()).unwrap()), MESSY);
        let commit = sandbox.commit(&repo, &[]);
        assert_eq!(
            told(&Tree::Index(&index(&repo)).files(&repo, &paths()).unwrap()),
            MESSY
        );
        assert_eq!(told(&from_commit(&repo, &commit, &paths()).unwrap()), MESSY);
    }

    /// `path version-or-gone` of each change, sorted.
    fn changed(mut changes: Vec<PathChange>) -> Vec<String> {
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        let version = |found: Option<FoundFile>| found.map_or("gone".to_owned(), |f| f.version());
        let line = |(path, found): PathChange| format!("{path} {}", version(found));
        changes.into_iter().map(line).collect()
    }

    #[test]
    fn what_differs_between_two_commits_and_the_index() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(
            &repo,
            &[
                ("planspec/a/kept.yaml", "kept"),
                ("planspec/a/changed.yaml", "one"),
                ("planspec/b/gone.yaml", "gone"),
                ("planspec/folder/x.yaml", "x"),
                ("planspec/z.yaml", "z"),
                ("src/main.rs", "fn main() {}"),
            ],
        );
        let root = repo.workdir().unwrap().to_owned();
        std::fs::remove_dir_all(root.join("planspec/b")).unwrap();
        std::fs::remove_dir_all(root.join("planspec/folder")).unwrap();
        // A file in the place of a folder.
        sandbox.write(&repo, "planspec/folder", "no resource");
        std::fs::remove_file(root.join("planspec/z.yaml")).unwrap();
        symlink("a/kept.yaml", root.join("planspec/z.yaml")).unwrap();
        let second = sandbox.commit(
            &repo,
            &[
                ("planspec/a/changed.yaml", "two"),
                ("planspec/c/new.yaml", "new"),
                ("src/main.rs", "fn main() { }"),
            ],
        );
        let id = |text: &str| repo.blob_id(text.as_bytes());
        let expected = [
            format!("planspec/a/changed.yaml 100644 {}", id("two")),
            "planspec/b/gone.yaml gone".to_owned(),
            format!("planspec/c/new.yaml 100644 {}", id("new")),
            "planspec/folder/x.yaml gone".to_owned(),
            format!("planspec/z.yaml 120000 {}", id("a/kept.yaml")),
        ];
        let tree = |commit: &str| tree_of(&repo, commit).unwrap();
        let (old, new) = (tree(&first), tree(&second));
        let between = |old, new| tree_changes(&repo, old, new, &paths()).unwrap();
        assert_eq!(changed(between(Some(&old), &new)), expected);
        assert_eq!(changed(between(Some(&new), &new)), Vec::<String>::new());
        // The index is that of the second commit.
        let all = between(None, &old);
        let mut known: Vec<(String, String)> = all
            .iter()
            .filter_map(|(path, found)| Some((path.clone(), found.as_ref()?.version())))
            .collect();
        known.sort();
        let known: Vec<(&str, &str)> = known.iter().map(|(p, v)| (&**p, &**v)).collect();
        let staged = StagedFiles::open(&repo).unwrap();
        assert_eq!(changed(staged.changes(&known, &paths())), expected);
        assert_eq!(
            changed(staged.changes(&[], &paths())),
            changed(between(None, &new))
        );
    }

    #[test]
    fn versions_are_read_as_they_are_written() {
        let sandbox = Sandbox::new();
        let repo = messy(&sandbox);
        let commit = sandbox.commit(&repo, &[]);
        let tree = tree_of(&repo, &commit).unwrap();
        let all = tree_changes(&repo, None, &tree, &paths()).unwrap();
        let found: Vec<FoundFile> = all.into_iter().filter_map(|(_, found)| found).collect();
        assert_eq!(found.len(), MESSY.len());
        let again = found
            .iter()
            .map(|f| FoundFile::at(&f.path, &f.version()).unwrap());
        assert_eq!(told(&read(&repo, again, &paths()).unwrap()), MESSY);
        let mut known: Vec<(String, String)> = found
            .iter()
            .map(|f| (f.path.clone(), f.version()))
            .collect();
        known.sort();
        let known: Vec<(&str, &str)> = known.iter().map(|(p, v)| (&**p, &**v)).collect();
        let staged = StagedFiles::open(&repo).unwrap();
        assert_eq!(staged.changes(&known, &paths()), []);
        for nonsense in ["", "100644", "x y", "100644 12", "100644 12 odd"] {
            assert_eq!(FoundFile::at("a", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_bare_clone_is_read_from_its_commits() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("planspec/goal.yaml", "goal")]);
        let bare = sandbox.clone_of("one", "bare", &["--bare"]);
        let files = from_commit(&bare, &commit, &paths()).unwrap();
        assert_eq!(told(&files), ["planspec/goal.yaml: goal"]);
        let error = from_worktree(&bare, &paths()).unwrap_err().to_string();
        assert!(error.contains("bare repository"), "{error}");
    }

    #[test]
    fn a_pipe_in_the_work_tree_is_refused_and_not_waited_for() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.write(&repo, "planspec/goal.yaml", "goal");
        let pipe = repo.workdir().unwrap().join("planspec/pipe.yaml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let expected = [
            "planspec/goal.yaml: goal",
            "planspec/pipe.yaml! not a regular file",
        ];
        assert_eq!(told(&from_worktree(&repo, &paths()).unwrap()), expected);
        let named = from_files(&[&pipe], 1000);
        assert!(told(&named)[0].ends_with("pipe.yaml! not a regular file"));
    }

    #[test]
    fn ignored_files_are_left_out_unless_they_are_tracked() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.write(&repo, "planspec/kept.yaml", "kept");
        sandbox.write(&repo, "planspec/built/tracked.yaml", "tracked");
        sandbox.commit(&repo, &[]);
        sandbox.write(&repo, ".gitignore", "built/\n*.tmp.yaml\nnode_modules/\n");
        sandbox.write(&repo, "planspec/built/new.yaml", "new");
        sandbox.write(&repo, "planspec/x.tmp.yaml", "temporary");
        sandbox.write(&repo, "node_modules/a/x.planspec.yaml", "foreign");
        let expected = [
            "planspec/built/tracked.yaml: tracked",
            "planspec/kept.yaml: kept",
        ];
        assert_eq!(told(&from_worktree(&repo, &paths()).unwrap()), expected);
    }

    #[test]
    fn the_index_is_read_and_not_the_work_tree() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.write(&repo, "planspec/goal.yaml", "staged");
        sandbox.git(&repo, &["add", "-A"]);
        sandbox.write(&repo, "planspec/goal.yaml", "not yet");
        sandbox.write(&repo, "planspec/new.yaml", "new");
        sandbox.git(&repo, &["add", "-N", "planspec/new.yaml"]);
        let expected = ["planspec/goal.yaml: staged"];
        assert_eq!(
            told(&Tree::Index(&index(&repo)).files(&repo, &paths()).unwrap()),
            expected
        );
        let staged = index(&repo).file(&repo, "planspec/goal.yaml").unwrap();
        assert_eq!(staged, Some(b"staged".to_vec()));
        let lying = file_in_worktree(&repo, "planspec/goal.yaml").unwrap();
        assert_eq!(lying, Some(b"not yet".to_vec()));
        assert_eq!(
            index(&repo).file(&repo, "planspec/none.yaml").unwrap(),
            None
        );
        assert_eq!(file_in_worktree(&repo, "planspec/none.yaml").unwrap(), None);
    }

    /// Started by the tests below in an environment of their own.
    #[test]
    #[ignore = "says what it sees, and proves nothing by itself"]
    fn what_is_seen_from_here() {
        let dir = std::env::var_os("SEEN_FROM").map(PathBuf::from);
        let repo = Repo::open(dir.as_deref()).unwrap();
        let staged = told(&Tree::Index(&index(&repo)).files(&repo, &paths()).unwrap());
        let top = Program::new(&repo, "rev-parse")
            .arg("--show-toplevel")
            .run();
        let top = String::from_utf8(top.unwrap().stdout).unwrap();
        let top = Path::new(top.trim()).file_name().unwrap().to_owned();
        #[allow(clippy::print_stdout)]
        {
            println!("seen: {staged:?} in {}", top.to_string_lossy());
        }
    }

    fn seen(cwd: &Path, variables: &[(&str, &str)]) -> String {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        let output = command
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("git::read::tests::what_is_seen_from_here")
            .envs(variables.iter().copied())
            .current_dir(cwd)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text
            .split_once("seen: ")
            .and_then(|(_, rest)| rest.lines().next());
        line.unwrap_or(&text).to_owned()
    }

    #[test]
    #[allow(clippy::type_complexity)]
    fn the_environment_means_what_it_means_to_git() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("planspec/goal.yaml", "first"), ("sub/x", "x")]);
        // `git commit PATH` and `commit -a` run their hooks like this.
        let other_index = repo.common_dir().join("next-index.lock");
        std::fs::copy(repo.common_dir().join("index"), &other_index).unwrap();
        sandbox.write(&repo, "planspec/goal.yaml", "second");
        sandbox.git(&repo, &["add", "-A"]);
        sandbox.repo("two");
        let [one, two, sub] = ["one", "two", "one/sub"].map(|name| sandbox.path(name));
        let git_dir = one.join(".git");
        let [one_text, sub_text] = [&one, &sub].map(|path| path.to_str().unwrap());
        let [index_text, git_text] = [&other_index, &git_dir].map(|path| path.to_str().unwrap());
        let first = r#"["planspec/goal.yaml: first"] in one"#;
        let second = r#"["planspec/goal.yaml: second"] in one"#;
        let table: [(&Path, &[(&str, &str)], &str); 8] = [
            (&one, &[], second),
            (&sub, &[], second),
            (&two, &[], "[] in two"),
            (&two, &[("SEEN_FROM", sub_text)], second),
            (&one, &[("GIT_INDEX_FILE", index_text)], first),
            (&one, &[("GIT_INDEX_FILE", ".git/next-index.lock")], first),
            (
                &two,
                &[("SEEN_FROM", one_text), ("GIT_INDEX_FILE", index_text)],
                first,
            ),
            (
                &two,
                &[("GIT_DIR", git_text), ("GIT_WORK_TREE", one_text)],
                second,
            ),
        ];
        for (cwd, variables, expected) in table {
            assert_eq!(seen(cwd, variables), expected, "{cwd:?} {variables:?}");
        }
        let relative = [
            ("SEEN_FROM", one_text),
            ("GIT_DIR", ".git"),
            ("GIT_WORK_TREE", one_text),
        ];
        assert_eq!(
            seen(&two, &relative),
            second,
            "relative to the folder that was named"
        );
    }

    #[test]
    fn an_index_that_only_git_can_read_is_read_by_git() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("planspec/goal.yaml", "goal"), ("other/a", "a")]);
        sandbox.git(
            &repo,
            &[
                "sparse-checkout",
                "set",
                "--cone",
                "--sparse-index",
                "planspec",
            ],
        );
        let expected = ["planspec/goal.yaml: goal"];
        let repo = sandbox.open("one");
        assert_eq!(
            told(&Tree::Index(&index(&repo)).files(&repo, &paths()).unwrap()),
            expected
        );
    }

    #[test]
    fn a_merge_conflict_is_named_once() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("planspec/goal.yaml", "base")]);
        sandbox.git(&repo, &["branch", "side"]);
        sandbox.commit(&repo, &[("planspec/goal.yaml", "ours")]);
        let ours = sandbox.git(&repo, &["rev-parse", "HEAD"]);
        sandbox.git(&repo, &["checkout", "-q", "side"]);
        sandbox.commit(&repo, &[("planspec/goal.yaml", "theirs")]);
        sandbox.git(&repo, &["read-tree", "-m", "main~1", "side", &ours]);
        let expected = ["planspec/goal.yaml! it has a merge conflict"];
        assert_eq!(
            told(&Tree::Index(&index(&repo)).files(&repo, &paths()).unwrap()),
            expected
        );
    }

    #[test]
    fn folders_that_no_glob_can_reach_are_not_entered() {
        let table = [
            ("planspec/**", "planspec", true),
            ("planspec/**", "planspec/a/b", true),
            ("planspec/**", "docs", false),
            ("planspec/**", "planspec2", false),
            ("a/b/*.yaml", "a", true),
            ("a/b/*.yaml", "a/c", false),
            ("a/{b,c}/*.yaml", "a/c", true),
            ("**/*.planspec.yaml", "anything/at/all", true),
        ];
        for (glob, folder, entered) in table {
            let paths = Paths::new([glob], 1).unwrap();
            assert_eq!(paths.enters(folder), entered, "{glob} {folder}");
        }
    }

    #[test]
    fn globs_match_resources_and_not_the_configuration() {
        let table = [
            ("planspec/a.yaml", true),
            ("planspec/a/b/c.yml", true),
            ("planspec/a.json", true),
            ("planspec/a.md", false),
            ("a.yaml", false),
            ("a.planspec.json", true),
            ("a/b.planspec.yml", true),
            (".planspec.yaml", false),
            ("planspec/.planspec.yaml", false),
        ];
        for (path, expected) in table {
            assert_eq!(paths().wants(path, EntryKind::File), expected, "{path}");
        }
        let one_level = Paths::new(["plans/*.yaml"], 1).unwrap();
        assert!(one_level.wants("plans/a.yaml", EntryKind::File));
        assert!(!one_level.wants("plans/a/b.yaml", EntryKind::File));
        let error = Paths::new(["a[", "b"], 1).unwrap_err();
        assert!(error.contains("`a[` is not a glob"), "{error}");
    }

    #[test]
    fn named_files_and_folders_need_no_repository() {
        let sandbox = Sandbox::new();
        let dir = sandbox.path("plain");
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        for (path, text) in [("b.yaml", "b"), ("a.txt", "a"), ("sub/c.json", "c")] {
            std::fs::write(dir.join(path), text).unwrap();
        }
        symlink("..", dir.join("sub/loop")).unwrap();
        let cut = |files: Vec<SourceFile>| -> Vec<String> {
            let prefix = format!("{}/", dir.display());
            told(&files)
                .iter()
                .map(|l| l.replace(&prefix, ""))
                .collect()
        };
        let flat = from_directory(&dir, false, 9).unwrap();
        assert_eq!(cut(flat), ["b.yaml: b"]);
        let deep = ["b.yaml: b", "sub/c.json: c", &format!("sub/loop! {LINK}")];
        assert_eq!(cut(from_directory(&dir, true, 9).unwrap()), deep);
        assert_eq!(cut(from_files(&[&dir], 9)), deep);
        let named = from_files(&[dir.join("a.txt"), dir.join("none"), dir.join("a.txt")], 9);
        assert_eq!(cut(named), ["a.txt: a", "none! there is no such file"]);
        for (name, why) in [
            ("none", "there is no such folder"),
            ("a.txt", "it is not a folder"),
        ] {
            let error = from_directory(&dir.join(name), true, 9).unwrap_err();
            assert!(
                error.to_string().ends_with(&format!("{name}`: {why}")),
                "{error}"
            );
        }
    }

    #[test]
    fn single_files_of_a_commit() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.write(&repo, ".planspec.yaml", "lease: 1h\n");
        symlink("a", repo.workdir().unwrap().join("link")).unwrap();
        let commit = sandbox.commit(&repo, &[("a/b/c", "c")]);
        let at = |path: &str| file_at(&repo, &commit, path);
        assert_eq!(at(".planspec.yaml").unwrap(), Some(b"lease: 1h\n".to_vec()));
        assert_eq!(at("a/b/c").unwrap(), Some(b"c".to_vec()));
        for path in ["a/b/d", "a/b/c/d", "x", "", "a//c"] {
            assert_eq!(at(path).unwrap(), None, "{path}");
        }
        for path in ["link", "a/b"] {
            assert!(matches!(at(path), Err(GitError::Unusable(_))), "{path}");
        }
        let absent = file_at(&repo, &"1".repeat(40), "a");
        assert!(matches!(absent, Err(GitError::Missing(_))), "{absent:?}");
    }

    #[test]
    #[allow(clippy::type_complexity)]
    fn broken_objects_end_in_an_error() {
        let sandbox = Sandbox::new();
        let table: [fn(&[u8]) -> Vec<u8>; 4] = [
            |_| Vec::new(),
            |bytes| bytes[..bytes.len() / 2].to_vec(),
            |bytes| bytes[..4].to_vec(),
            |_| b"not zlib at all".to_vec(),
        ];
        for (n, damage) in table.into_iter().enumerate() {
            let name = format!("r{n}");
            let repo = sandbox.repo(&name);
            let text: String = (0..300).map(|n| format!("line {n}\n")).collect();
            let paths = Paths::new(["planspec/**"], 100_000).unwrap();
            let commit = sandbox.commit(&repo, &[("planspec/goal.yaml", &text)]);
            let blob = repo.blob_id(text.as_bytes());
            let file = repo
                .common_dir()
                .join("objects")
                .join(&blob[..2])
                .join(&blob[2..]);
            let bytes = std::fs::read(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, damage(&bytes)).unwrap();
            let repo = sandbox.open(&name);
            let found = from_commit(&repo, &commit, &paths);
            let error = found.unwrap_err().to_string();
            assert!(
                error.contains(&blob) && error.contains("git fsck"),
                "{n}: {error}"
            );
        }
    }

    #[test]
    fn a_partial_clone_gets_what_it_reads() {
        let sandbox = Sandbox::new();
        let origin = sandbox.repo("origin");
        let commit = sandbox.commit(&origin, &[("planspec/goal.yaml", "goal")]);
        sandbox.git(&origin, &["config", "uploadpack.allowFilter", "true"]);
        let options = ["--filter=blob:none", "--no-checkout"];
        let clone = sandbox.clone_of("origin", "clone", &options);
        assert!(!clone.has_object(&clone.blob_id(b"goal")));
        let files = from_commit(&clone, &commit, &paths()).unwrap();
        assert_eq!(told(&files), ["planspec/goal.yaml: goal"]);
    }
}
