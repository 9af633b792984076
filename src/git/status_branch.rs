//! The status branch as files: read a tip that is checked to be ours, write the next commit.
//!
//! No ref is moved here; see `refs` and `remote`. What the files mean is decided elsewhere.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::folders::Folders;
use super::id::{Id, parse_id};
use super::object::{EntryKind, FILE_MODE, NewCommit, ObjectKind, RawCommit, TreeEntry};
use super::pack::Sink;
use super::{GitError, Identity, Repo, Result};
use crate::core::base::digest::shard;
use crate::core::resource::{Kind, Time};
use crate::core::run::archive::ARCHIVE_DIR;
use crate::core::run::asked::INPUTS_FILE;
use crate::core::run::status::{
    BOARD_FILE, CONTROLLER_FILE, OBSERVED_TRAILER, PINNED_DIR, RESTORES_TRAILER, SEQUENCE_TRAILER,
};
use crate::core::run::summary::lines::SUMMARY_DIR;

/// Most parents of one evidence commit: Git slows down with the square of them.
const MAX_PARENTS: usize = 256;
/// The board, the state of the controller, and what the clone answered.
const ROOT_FILES: [&str; 3] = [BOARD_FILE, CONTROLLER_FILE, INPUTS_FILE];

/// Message of a commit that keeps records reachable.
const EVIDENCE_MESSAGE: &str = "planspec evidence";

/// A status commit, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchFiles {
    /// Every file but the pinned blobs: path and content.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The pinned blobs: path and blob id.
    pub pinned: BTreeMap<String, String>,
    /// The spec commit that was observed.
    pub observed: String,
    /// Counts the commits of the branch, from 1.
    pub sequence: u64,
    /// When the commit was made.
    pub time: Time,
}

/// Content of a file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileBody {
    /// A text.
    Text(String),
    /// A blob that exists already.
    Blob(String),
}

/// The next status commit.
#[derive(Debug, Clone)]
pub struct NewStatus {
    /// The status commit before; `None` begins the branch.
    pub parent: Option<String>,
    /// The status commit whose files it has but for those below: the one before, an earlier one to which it goes back, or
    /// none.
    pub base: Option<String>,
    /// The files that are others than in that, by path; nothing for those that are gone.
    pub files: BTreeMap<String, Option<FileBody>>,
    /// What moved, and the [`trailers`](crate::core::run::status::trailers).
    pub message: String,
    /// Tips of the records that were folded in.
    pub evidence: Vec<String>,
    /// When.
    pub time: Time,
    /// Who runs `reconcile`.
    pub identity: Identity,
}

/// A status commit that was checked to be ours; its files are read by their paths.
pub struct StatusCommit<'r> {
    repo: &'r Repo,
    tip: String,
    root: Id,
    /// The folders that were read.
    folders: RefCell<BTreeMap<Id, Rc<Vec<TreeEntry>>>>,
    /// The spec commit that was observed.
    pub observed: String,
    /// Counts the commits of the branch, from 1.
    pub sequence: u64,
    /// When the commit was made.
    pub time: Time,
    /// The commit before it, if there is one.
    pub parent: Option<String>,
    /// The commit whose status it has again, where it goes back.
    pub restores: Option<String>,
    evidence: Option<Id>,
}

impl<'r> StatusCommit<'r> {
    /// The status commit `tip`.
    ///
    /// # Errors
    /// `Foreign` when it was not written by `planspec`; `Missing` when it is not here; `Unusable`
    /// when an object is broken.
    pub fn open(repo: &'r Repo, tip: &str) -> Result<StatusCommit<'r>> {
        let commit = repo.commit(parse_id(tip)?)?;
        let trailers = checked_header(repo, &commit).map_err(|why| why.of(tip))?;
        let mut parents = commit.parents.into_iter();
        Ok(StatusCommit {
            time: repo.commit_time(tip)?,
            repo,
            tip: tip.to_owned(),
            root: commit.tree,
            folders: RefCell::default(),
            observed: trailers.observed,
            sequence: trailers.sequence,
            restores: trailers.restores,
            parent: parents.next().map(|parent| parent.to_string()),
            evidence: parents.next(),
        })
    }

    /// Tips of the records that it keeps reachable: what its second parent, and evidence commits before that, stand on.
    ///
    /// # Errors
    /// `Missing` when an evidence commit is not here; `Unusable` when an object is broken.
    pub fn evidence(&self) -> Result<BTreeSet<String>> {
        let mut tips = BTreeSet::new();
        let mut open: Vec<Id> = self.evidence.into_iter().collect();
        let mut is_first = true;
        while let Some(id) = open.pop() {
            let found = evidence_commit(self.repo, id, is_first)?;
            let Some(found) = found else {
                tips.insert(id.to_string());
                continue;
            };
            // Where there are more than fit, the first is the evidence commit before.
            let mut parents = found.parents.into_iter();
            open.extend(parents.next());
            tips.extend(parents.map(|tip| tip.to_string()));
            is_first = false;
        }
        Ok(tips)
    }

    /// The file at a path, if there is one.
    ///
    /// # Errors
    /// `Foreign` when something else stands there; `Missing` and `Unusable` as in
    /// [`StatusCommit::open`].
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(path)? else {
            return Ok(None);
        };
        self.check(path.as_bytes(), entry.mode, entry.id)?;
        self.repo.blob_bytes(entry.id).map(Some)
    }

    /// Object id of a file.
    ///
    /// # Errors
    /// As [`StatusCommit::file`].
    pub fn blob(&self, path: &str) -> Result<Option<String>> {
        Ok(self.entry(path)?.map(|entry| entry.id.to_string()))
    }

    /// Have a partial clone get these files by one call, before each is read.
    ///
    /// # Errors
    /// As [`StatusCommit::file`].
    pub fn have(&self, paths: &[String]) -> Result<()> {
        if !self.repo.is_partial() {
            return Ok(());
        }
        let mut ids = BTreeSet::new();
        for path in paths {
            ids.extend(self.entry(path)?.map(|entry| entry.id));
        }
        self.repo.have_all(&ids)
    }

    /// The same of all files below a folder.
    ///
    /// # Errors
    /// As [`StatusCommit::file`].
    pub fn have_below(&self, folder: &str) -> Result<()> {
        if !self.repo.is_partial() {
            return Ok(());
        }
        let Some(entry) = self.entry(folder)? else {
            return Ok(());
        };
        let blobs = walk(self.repo, entry.id)?.into_iter();
        self.repo
            .have_all(&blobs.map(|(_, _, blob)| blob).collect())
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.tip
    }

    /// See that everything in it stands where it belongs.
    ///
    /// # Errors
    /// As [`StatusCommit::file`].
    pub fn check_places(&self) -> Result<()> {
        let mut files = walk(self.repo, self.root)?.into_iter();
        files.try_for_each(|(path, mode, blob)| self.check(&path, mode, blob))
    }

    /// The namespaces that have a status.
    ///
    /// # Errors
    /// `Missing` and `Unusable` as in [`StatusCommit::open`].
    pub fn namespaces(&self) -> Result<Vec<String>> {
        let entries = self.repo.tree(self.root)?.into_iter();
        let folders = entries.filter(|entry| EntryKind::of(entry.mode) == EntryKind::Tree);
        let names = folders.map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
        Ok(names.filter(|name| !name.starts_with('_')).collect())
    }

    /// The paths of the files below a folder.
    ///
    /// # Errors
    /// As [`StatusCommit::file`].
    pub fn paths(&self, folder: &str) -> Result<Vec<String>> {
        let Some(entry) = self.entry(folder)? else {
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        for (path, mode, blob) in walk(self.repo, entry.id)? {
            let path = format!("{folder}/{}", String::from_utf8_lossy(&path));
            self.check(path.as_bytes(), mode, blob)?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// Everything.
    ///
    /// # Errors
    /// `Foreign` when anything was added to it; `Missing` and `Unusable` as in
    /// [`StatusCommit::open`].
    pub fn whole(self) -> Result<BranchFiles> {
        let mut files = BTreeMap::new();
        let mut pinned = BTreeMap::new();
        let all = walk(self.repo, self.root)?;
        self.repo
            .have_all(&all.iter().map(|(_, _, blob)| *blob).collect())?;
        for (path, mode, blob) in all {
            self.check(&path, mode, blob)?;
            let path = String::from_utf8_lossy(&path).into_owned();
            if path.starts_with(PINNED_DIR) {
                pinned.insert(path, blob.to_string());
            } else {
                files.insert(path, self.repo.blob_bytes(blob)?);
            }
        }
        if !files.contains_key(CONTROLLER_FILE) {
            let why = Doubt::Foreign(format!("it has no `{CONTROLLER_FILE}`"));
            return Err(why.of(&self.tip));
        }
        Ok(BranchFiles {
            files,
            pinned,
            observed: self.observed,
            sequence: self.sequence,
            time: self.time,
        })
    }

    fn check(&self, path: &[u8], mode: u32, blob: Id) -> Result<()> {
        check_place(path, mode, blob).map_err(|why| Doubt::Foreign(why).of(&self.tip))
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>> {
        let mut tree = self.root;
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            match self.in_tree(tree, folder)? {
                Some(entry) if EntryKind::of(entry.mode) == EntryKind::Tree => tree = entry.id,
                _ => return Ok(None),
            }
        }
        self.in_tree(tree, name)
    }

    fn in_tree(&self, tree: Id, name: &str) -> Result<Option<TreeEntry>> {
        let folder = self.folder(tree)?;
        let mut entries = folder.iter();
        let found = entries.find(|entry| entry.name == name.as_bytes());
        Ok(found.cloned())
    }

    fn folder(&self, tree: Id) -> Result<Rc<Vec<TreeEntry>>> {
        if let Some(known) = self.folders.borrow().get(&tree) {
            return Ok(Rc::clone(known));
        }
        let entries = Rc::new(self.repo.tree(tree)?);
        self.folders.borrow_mut().insert(tree, Rc::clone(&entries));
        Ok(entries)
    }
}

/// The status commits behind `known` up to `tip`, oldest first, at most the newest `most`; without
/// `known` from the first on. The tip alone when `known` is not behind it: the branch was set back.
/// Commits that are not in this clone are left out.
///
/// # Errors
/// `Missing` when the tip is not here; `Unusable` when an object is broken.
pub fn since(repo: &Repo, known: Option<&str>, tip: &str, most: usize) -> Result<Vec<String>> {
    let known = known.map(parse_id).transpose()?;
    let mut found = vec![tip.to_owned()];
    let mut at = parse_id(tip)?;
    while found.len() < most {
        match repo.commit(at)?.parents.first() {
            None if known.is_some() => return Ok(vec![tip.to_owned()]),
            None => break,
            Some(parent) if known == Some(*parent) => break,
            Some(parent) if repo.header(*parent)?.is_none() => break,
            Some(parent) => {
                found.push(parent.to_string());
                at = *parent;
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// The last commit behind `tip`, or `tip` itself, that is one of ours and fits; of so many at most that are looked at, and of those
/// that are here.
///
/// # Errors
/// `Missing` when the tip is not here; `Unusable` when an object is broken.
pub fn last_that(
    repo: &Repo,
    tip: &str,
    most: usize,
    fits: impl Fn(&StatusCommit<'_>) -> bool,
) -> Result<Option<String>> {
    let mut next = Some(parse_id(tip)?);
    for _ in 0..most {
        let Some(id) = next else {
            break;
        };
        if id.to_string() != tip && repo.header(id)?.is_none() {
            break;
        }
        let ours = StatusCommit::open(repo, &id.to_string());
        if ours.is_ok_and(|commit| fits(&commit) && commit.check_places().is_ok()) {
            return Ok(Some(id.to_string()));
        }
        next = repo.commit(id)?.parents.first().copied();
    }
    Ok(None)
}

/// Why a tip is not used.
enum Doubt {
    Foreign(String),
    Error(GitError),
}

impl From<GitError> for Doubt {
    fn from(error: GitError) -> Doubt {
        Doubt::Error(error)
    }
}

impl Doubt {
    fn of(self, tip: &str) -> GitError {
        match self {
            Doubt::Error(error) => error,
            Doubt::Foreign(why) => GitError::Foreign(format!(
                "the status branch was changed by something other than `planspec reconcile`: in \
                 commit {tip}, {why}"
            )),
        }
    }
}

/// An evidence commit: one that holds nothing and says so. Where it must be one and is not here, that is an error.
fn evidence_commit(repo: &Repo, id: Id, must_be: bool) -> Result<Option<RawCommit>> {
    if !must_be && repo.header(id)?.is_none() {
        return Ok(None);
    }
    let commit = repo.commit(id)?;
    let is_evidence = Some(commit.tree) == Id::of(repo.format(), ObjectKind::Tree, b"")
        && commit.message.trim_end() == EVIDENCE_MESSAGE;
    Ok((is_evidence || must_be).then_some(commit))
}

/// Trailers, parents and the sequence number of a status commit.
fn checked_header(repo: &Repo, commit: &RawCommit) -> std::result::Result<Trailers, Doubt> {
    let foreign = |why: String| Err(Doubt::Foreign(why));
    let Some(trailers) = read_trailers(&commit.message) else {
        return foreign(format!(
            "the message does not end in the trailers `{OBSERVED_TRAILER}` and `{SEQUENCE_TRAILER}`"
        ));
    };
    let sequence = trailers.sequence;
    let (first, second) = match commit.parents[..] {
        [] => (None, None),
        [first] => (Some(first), None),
        [first, second] => (Some(first), Some(second)),
        _ => return foreign(format!("there are {} parents", commit.parents.len())),
    };
    if (sequence == 1) != first.is_none() {
        return foreign(format!(
            "the sequence number is {sequence}, but there is {} status commit before",
            first.map_or("no", |_| "a")
        ));
    }
    // Parents that are not here prove nothing: a shallow clone has only the tip.
    if let Some(first) = first
        && repo.header(first)?.is_some()
    {
        let before = read_trailers(&repo.commit(first)?.message).map(|found| found.sequence);
        // What a commit goes back from may be anything, and its number may have been anything.
        let follows = match before {
            None => trailers.restores.is_some(),
            Some(before) if trailers.restores.is_some() => before < sequence,
            Some(before) => before + 1 == sequence,
        };
        if !follows {
            return foreign(format!(
                "the sequence number is {sequence}, which does not follow the {} of its parent \
                 {first}",
                before.map_or("missing one".to_owned(), |n| n.to_string())
            ));
        }
    }
    if let Some(second) = second
        && repo.header(second)?.is_some()
        && Some(repo.commit(second)?.tree) != Id::of(repo.format(), ObjectKind::Tree, b"")
    {
        return foreign(format!(
            "{second} was merged, which contains files and so is not evidence"
        ));
    }
    Ok(trailers)
}

/// How the message of a status commit ends.
struct Trailers {
    observed: String,
    sequence: u64,
    /// The commit whose status it has again.
    restores: Option<String>,
}

/// The trailers, if the message ends in exactly these.
fn read_trailers(message: &str) -> Option<Trailers> {
    let value = |line: &str, name: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(": ")?;
        Some(value.to_owned())
    };
    let id = |line: &str, name: &str| value(line, name).filter(|id| parse_id(id).is_ok());
    let mut lines = message.trim_end().lines().rev();
    let sequence: u64 = value(lines.next()?, SEQUENCE_TRAILER)?.parse().ok()?;
    let observed = id(lines.next()?, OBSERVED_TRAILER)?;
    let above = lines.next()?;
    let restores = id(above, RESTORES_TRAILER);
    let above = match restores {
        Some(_) => lines.next()?,
        None => above,
    };
    let fits = above.is_empty() && (1..u64::MAX).contains(&sequence);
    fits.then_some(Trailers {
        observed,
        sequence,
        restores,
    })
}

/// Every entry below a tree that is not a tree itself: path, mode, id.
fn walk(repo: &Repo, root: Id) -> Result<Vec<(Vec<u8>, u32, Id)>> {
    let mut found = Vec::new();
    let mut folders = vec![(Vec::new(), root, 0)];
    while let Some((prefix, id, depth)) = folders.pop() {
        for entry in repo.tree(id)? {
            let path = [prefix.as_slice(), &entry.name].concat();
            // Our own files lie four levels deep at most; what is deeper is named as it stands.
            if EntryKind::of(entry.mode) == EntryKind::Tree && depth < 4 {
                folders.push(([path.as_slice(), b"/"].concat(), entry.id, depth + 1));
            } else {
                found.push((path, entry.mode, entry.id));
            }
        }
    }
    Ok(found)
}

/// Whether this file belongs on the status branch, at this place.
fn check_place(path: &[u8], mode: u32, blob: Id) -> std::result::Result<(), String> {
    let shown = String::from_utf8_lossy(path);
    if mode != FILE_MODE {
        return Err(format!("`{}` is not a regular file", shown.escape_debug()));
    }
    let parts: Vec<&str> = shown.split('/').collect();
    let known = match parts[..] {
        [file] => ROOT_FILES.contains(&file),
        // Index files of this and later versions; a namespace cannot begin with `_`.
        [PINNED_DIR, folder, name] => name == blob.to_string() && folder == shard(name),
        [PINNED_DIR, ..] => false,
        [index, ..] if index.starts_with('_') => true,
        [_, kind, folder, file] => file.strip_suffix(".yaml").is_some_and(|name| {
            folder == shard(name) && Kind::ALL.iter().any(|known| known.plural() == kind)
        }),
        _ => false,
    };
    if known {
        Ok(())
    } else {
        Err(format!("`{}` does not belong there", shown.escape_debug()))
    }
}

/// Write the next status commit and return its id; `None` when its tree would be the one that it is based on.
///
/// # Errors
/// `Missing` when the parent, a blob or a piece of evidence is not here; `Unusable` when a path is
/// not one, or an object cannot be written.
pub fn write(repo: &Repo, new: &NewStatus) -> Result<Option<String>> {
    let parent = new.parent.as_deref().map(parse_id).transpose()?;
    let base = new.base.as_deref().map(parse_id).transpose()?;
    let old_tree = base
        .map(|base| Ok::<_, GitError>(repo.commit(base)?.tree))
        .transpose()?;
    let tree = write_tree(repo, old_tree, &new.files)?;
    if old_tree == Some(tree) {
        return Ok(None);
    }
    let evidence = write_evidence(repo, new)?;
    let commit = NewCommit {
        tree,
        parents: parent.into_iter().chain(evidence).collect(),
        message: &new.message,
        time: new.time,
        identity: &new.identity,
    };
    repo.write_commit(&commit).map(|id| Some(id.to_string()))
}

/// The tree of the commit before with other files in it. Only folders on the way to those are read and
/// written.
fn write_tree(
    repo: &Repo,
    old: Option<Id>,
    files: &BTreeMap<String, Option<FileBody>>,
) -> Result<Id> {
    let sink = Sink::new(repo);
    let mut folders = Folders::new(repo, old)?;
    // Index files that another version derived from the rest would be out of date.
    let known = [PINNED_DIR, SUMMARY_DIR, ARCHIVE_DIR, INPUTS_FILE].map(str::as_bytes);
    folders.retain_at_root(|name| !name.starts_with(b"_") || known.contains(&name));
    for (path, body) in files {
        check_path(path)?;
        let id = match body {
            None => None,
            Some(FileBody::Blob(id)) => Some(existing_blob(repo, id)?),
            Some(FileBody::Text(text)) => Some(sink.blob(text.as_bytes())?),
        };
        folders.set(path, id)?;
    }
    let tree = folders.write(&sink)?;
    sink.end()?;
    Ok(tree)
}

fn existing_blob(repo: &Repo, id: &str) -> Result<Id> {
    let id = parse_id(id)?;
    match repo.header(id)? {
        Some((_, ObjectKind::Blob)) => Ok(id),
        // In a partial clone this gets it; otherwise it says that it is missing or no blob.
        _ => repo.blob_bytes(id).map(|_| id),
    }
}

/// libgit2 accepts more than every checkout can bear, and than we ever mean.
fn check_path(path: &str) -> Result<()> {
    let plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.eq_ignore_ascii_case(".git")
            && !part.contains(['\\', ':'])
            && !part.contains(char::is_control)
    };
    if path.split('/').all(plain) {
        Ok(())
    } else {
        Err(GitError::Unusable(format!(
            "`{}` cannot be a path on the status branch",
            path.escape_debug()
        )))
    }
}

/// The commit that keeps the records reachable: an empty tree whose parents are their tips, at
/// most 256 of them, the first of them the evidence commit before when there are more.
fn write_evidence(repo: &Repo, new: &NewStatus) -> Result<Option<Id>> {
    let mut tips: Vec<Id> = new
        .evidence
        .iter()
        .map(|tip| parse_id(tip))
        .collect::<Result<_>>()?;
    tips.sort();
    tips.dedup();
    let tree = repo.write_empty_tree()?;
    let mut last = None;
    let mut rest = tips.as_slice();
    while !rest.is_empty() {
        let room = MAX_PARENTS - usize::from(last.is_some());
        let (now, later) = rest.split_at(room.min(rest.len()));
        let commit = NewCommit {
            tree,
            parents: last.into_iter().chain(now.iter().copied()).collect(),
            message: EVIDENCE_MESSAGE,
            time: new.time,
            identity: &new.identity,
        };
        last = Some(repo.write_commit(&commit)?);
        rest = later;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::core::run::status::{pinned_path, trailers};
    use crate::git::inbox::write_record;
    use crate::git::testing::{self, Sandbox, on_disk_and_in_memory};

    const SPEC: &str = "1234567890123456789012345678901234567890";

    fn read(repo: &Repo, tip: &str) -> Result<BranchFiles> {
        StatusCommit::open(repo, tip)?.whole()
    }

    fn text(text: &str) -> FileBody {
        FileBody::Text(text.to_owned())
    }

    fn goal(name: &str) -> String {
        format!("team/goals/{}/{name}.yaml", shard(name))
    }

    fn status(parent: Option<&str>, sequence: u64, files: &[(&str, FileBody)]) -> NewStatus {
        let mut all = BTreeMap::from([
            ("README.md".to_owned(), text("# Board\n")),
            ("controller.yaml".to_owned(), text("formatVersion: 1\n")),
        ]);
        all.extend(
            files
                .iter()
                .map(|(p, body)| ((*p).to_owned(), body.clone())),
        );
        NewStatus {
            parent: parent.map(str::to_owned),
            base: parent.map(str::to_owned),
            files: all
                .into_iter()
                .map(|(path, body)| (path, Some(body)))
                .collect(),
            message: format!("goal moved\n\n{}", trailers(SPEC, sequence)),
            evidence: Vec::new(),
            time: testing::time(sequence as i64),
            identity: testing::identity(),
        }
    }

    /// Write a status with these files and no others.
    fn written(repo: &Repo, new: &NewStatus) -> String {
        let mut new = new.clone();
        if let Some(parent) = &new.parent {
            let root = repo.commit(parse_id(parent).unwrap()).unwrap().tree;
            for (path, ..) in walk(repo, root).unwrap() {
                let path = String::from_utf8(path).unwrap();
                new.files.entry(path).or_insert(None);
            }
        }
        write(repo, &new).unwrap().unwrap()
    }

    #[test]
    fn what_does_not_change_stays_and_its_folders_are_not_even_read() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("one");
        let other = goal("b").replace("team", "other");
        let files = [(goal("a"), text("x")), (other.clone(), text("y"))];
        let files: Vec<(&str, FileBody)> = files
            .iter()
            .map(|(path, body)| (&**path, body.clone()))
            .collect();
        let first = written(&repo, &status(None, 1, &files));
        let folder = sandbox.git(&repo, &["rev-parse", &format!("{first}:other")]);
        let (shard, name) = folder.split_at(2);
        let object = repo.common_dir().join("objects").join(shard).join(name);
        std::fs::remove_file(&object).unwrap();
        let change = status(Some(&first), 2, &[(&goal("a"), text("z"))]);
        let second = write(&repo, &change).unwrap().unwrap();
        let tree = sandbox.git(&repo, &["ls-tree", &second]);
        assert!(tree.contains(&folder), "{tree}");
        let path = format!("{second}:{}", goal("a"));
        assert_eq!(sandbox.git(&repo, &["cat-file", "-p", &path]), "z");
        // The last file of a folder takes the folder with it.
        let mut gone = status(Some(&second), 3, &[]);
        gone.files.insert(goal("a"), None);
        let third = write(&repo, &gone).unwrap().unwrap();
        let tree = sandbox.git(&repo, &["ls-tree", "--name-only", &third]);
        assert_eq!(tree, "README.md\ncontroller.yaml\nother");
    }

    fn parents(repo: &Repo, commit: &str) -> Vec<String> {
        let parents = repo.commit(parse_id(commit).unwrap()).unwrap().parents;
        parents.iter().map(Id::to_string).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let blob = repo.write_blob(b"kind: Plan\n").unwrap().to_string();
            let pin = pinned_path(&blob);
            let first = status(
                None,
                1,
                &[
                    (&goal("a"), text("phase: Pending\n")),
                    (&pin, FileBody::Blob(blob.clone())),
                ],
            );
            let first = written(&repo, &first);
            assert!(parents(&repo, &first).is_empty(), "an orphan");
            let found = read(&repo, &first).unwrap();
            assert_eq!(found.files[&goal("a")], b"phase: Pending\n");
            assert_eq!(found.files.len(), 3);
            assert_eq!(found.pinned, BTreeMap::from([(pin, blob)]));
            assert_eq!((found.observed.as_str(), found.sequence), (SPEC, 1));
            assert_eq!(found.time, testing::time(1));

            let second = status(Some(&first), 2, &[(&goal("b"), text("phase: Ready\n"))]);
            let second = written(&repo, &second);
            assert_eq!(parents(&repo, &second), [first]);
            let found = read(&repo, &second).unwrap();
            assert!(!found.files.contains_key(&goal("a")) && found.pinned.is_empty());
            assert!(found.files.contains_key(&goal("b")));
            assert_eq!(found.sequence, 2);
            sandbox.git(&repo, &["fsck", "--strict"]);
            sandbox.git(&repo, &["cat-file", "-e", &second]);
            assert_eq!(
                repo.local_branches().unwrap(),
                BTreeMap::new(),
                "no ref moved"
            );
        });
    }

    #[test]
    fn an_equal_tree_is_no_commit() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let files = [(goal("a"), text("phase: Pending\n"))];
            let files = [(files[0].0.as_str(), files[0].1.clone())];
            let first = written(&repo, &status(None, 1, &files));
            assert_eq!(
                write(&repo, &status(Some(&first), 2, &files)).unwrap(),
                None
            );
        });
    }

    #[test]
    fn the_same_inputs_give_the_same_commit() {
        let sandbox = Sandbox::new();
        let ids: Vec<String> = ["one", "two"]
            .iter()
            .map(|name| {
                let repo = sandbox.bare(name);
                let tip = record(&repo, "claim");
                let mut new = status(None, 1, &[(&goal("a"), text("x\n"))]);
                new.evidence = vec![tip];
                written(&repo, &new)
            })
            .collect();
        assert_eq!(ids[0], ids[1]);
    }

    #[test]
    fn a_file_becomes_a_folder_and_back() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let first = written(&repo, &status(None, 1, &[("_index/a", text("1"))]));
            let second = written(
                &repo,
                &status(Some(&first), 2, &[("_index/a/b", text("2"))]),
            );
            assert_eq!(read(&repo, &second).unwrap().files["_index/a/b"], b"2");
            let third = written(&repo, &status(Some(&second), 3, &[("_index/a", text("3"))]));
            assert_eq!(read(&repo, &third).unwrap().files["_index/a"], b"3");
            let both = status(
                None,
                1,
                &[("_index/a", text("1")), ("_index/a/b", text("2"))],
            );
            let error = write(&repo, &both).unwrap_err().to_string();
            assert!(error.contains("a file and a folder"), "{error}");
        });
    }

    #[test]
    fn paths_are_checked_before_anything_is_written() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            for path in [
                "", "/a", "a/", "a//b", "../a", "a/./b", "a/.git/b", ".GIT", "a\\b", "a:b", "a\nb",
            ] {
                let error = write(&repo, &status(None, 1, &[(path, text("x"))])).unwrap_err();
                assert!(
                    error.to_string().contains("cannot be a path"),
                    "{path:?}: {error}"
                );
            }
        });
    }

    #[test]
    fn blobs_and_evidence_must_be_here() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let absent = repo.blob_id(b"nowhere");
            let pinned = status(
                None,
                1,
                &[(&pinned_path(&absent), FileBody::Blob(absent.clone()))],
            );
            let mut folded = status(None, 1, &[]);
            folded.evidence = vec![absent.clone()];
            let orphan = status(Some(&absent), 2, &[]);
            for new in [pinned, folded, orphan] {
                let error = write(&repo, &new).unwrap_err();
                assert!(matches!(error, GitError::Missing(_)), "{error:?}");
            }
        });
    }

    fn record(repo: &Repo, text: &str) -> String {
        write_record(repo, None, text, testing::time(0), &testing::identity()).unwrap()
    }

    #[test]
    fn evidence_is_the_second_parent_and_chained_beyond_256() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let first = written(&repo, &status(None, 1, &[]));
            for (count, expected) in [
                (1, vec![1]),
                (256, vec![256]),
                (257, vec![2, 256]),
                (600, vec![90, 256, 256]),
            ] {
                let tips: Vec<String> = (0..count).map(|n| record(&repo, &n.to_string())).collect();
                let mut new = status(Some(&first), 2, &[(&goal("a"), text("x"))]);
                new.evidence = tips.clone();
                let second = written(&repo, &new);
                assert_eq!(read(&repo, &second).unwrap().sequence, 2);
                let above = parents(&repo, &second);
                assert_eq!((above.len(), &above[0]), (2, &first));
                let mut sizes = Vec::new();
                let mut kept = Vec::new();
                let mut next = Some(above[1].clone());
                while let Some(id) = next.take() {
                    let found = parents(&repo, &id);
                    assert_eq!(
                        repo.commit(parse_id(&id).unwrap()).unwrap().tree,
                        repo.write_empty_tree().unwrap()
                    );
                    sizes.push(found.len());
                    for parent in found {
                        if tips.contains(&parent) {
                            kept.push(parent);
                        } else {
                            next = Some(parent);
                        }
                    }
                }
                assert_eq!(sizes, expected);
                kept.sort();
                let mut tips = tips;
                tips.sort();
                assert_eq!(kept, tips, "every record is reachable");
                new.evidence.reverse();
                assert_eq!(written(&repo, &new), second, "order does not matter");
            }
        });
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn what_planspec_did_not_write_is_foreign() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = written(&repo, &status(None, 1, &[(&goal("a"), text("x"))]));
        let second = written(&repo, &status(Some(&first), 2, &[(&goal("a"), text("y"))]));
        let spec = sandbox.commit(&repo, &[("planspec/goal.yaml", "x")]);
        let tree = |commit: &str| format!("{commit}^{{tree}}");
        let by_hand = |tree: &str, parents: &[&str], message: &str| {
            let mut args = vec!["commit-tree", "-m", message, tree];
            args.extend(parents.iter().flat_map(|parent| ["-p", parent]));
            sandbox.git(&repo, &args)
        };
        let next = |sequence| format!("x\n\n{}", trailers(SPEC, sequence));
        let with = |path: &str| written(&repo, &status(Some(&first), 2, &[(path, text("x"))]));
        let changed = |body: &str| format!("x\n\n{body}");
        let linked = {
            sandbox.git(&repo, &["read-tree", &first]);
            let blob = repo.blob_id(b"x");
            let info = format!("120000,{blob},team/goals/{}/z.yaml", shard("z"));
            sandbox.git(&repo, &["update-index", "--add", "--cacheinfo", &info]);
            let tree = sandbox.git(&repo, &["write-tree"]);
            by_hand(&tree, &[&first], &next(2))
        };
        let wrong_pin = format!("_pinned/{}/{}", shard(SPEC), SPEC);
        let table: Vec<(&str, String, &str)> = vec![
            (
                "by hand",
                by_hand(&tree(&second), &[&second], "fix"),
                "trailers",
            ),
            (
                "half the trailers",
                by_hand(
                    &tree(&second),
                    &[&second],
                    &changed("Planspec-Sequence: 3\n"),
                ),
                "trailers",
            ),
            (
                "no commit id",
                by_hand(&tree(&second), &[&second], &changed(&trailers("main", 3))),
                "trailers",
            ),
            (
                "merged",
                by_hand(&tree(&second), &[&second, &spec], &next(3)),
                "was merged",
            ),
            (
                "three parents",
                by_hand(&tree(&second), &[&second, &first, &spec], &next(3)),
                "3 parents",
            ),
            (
                "back",
                by_hand(&tree(&first), &[&second], &next(2)),
                "does not follow",
            ),
            (
                "ahead",
                by_hand(&tree(&first), &[&second], &next(9)),
                "does not follow",
            ),
            (
                "cut off",
                by_hand(&tree(&second), &[], &next(2)),
                "no status commit before",
            ),
            (
                "restarted",
                by_hand(&tree(&second), &[&second], &next(1)),
                "a status commit before",
            ),
            (
                "on a spec commit",
                by_hand(&tree(&second), &[&spec], &next(2)),
                "missing one",
            ),
            (
                "no controller",
                by_hand(&tree(&spec), &[], &next(1)),
                "does not belong",
            ),
            (
                "empty",
                by_hand(&repo.write_empty_tree().unwrap().to_string(), &[], &next(1)),
                "no `controller",
            ),
            (
                "file at the root",
                with("notes.txt"),
                "`notes.txt` does not belong",
            ),
            (
                "file in a namespace",
                with("team/notes.yaml"),
                "does not belong",
            ),
            (
                "unknown kind",
                with(&format!("team/things/{}/a.yaml", shard("a"))),
                "`team/things",
            ),
            (
                "wrong folder",
                with("team/goals/00/a.yaml"),
                "`team/goals/00/a.yaml`",
            ),
            (
                "no YAML",
                with(&format!("team/goals/{}/a.txt", shard("a"))),
                "does not belong",
            ),
            (
                "too deep",
                with("team/goals/00/a/b/c.yaml"),
                "not a regular file",
            ),
            ("pinned under another id", with(&wrong_pin), "_pinned/"),
            ("a link", linked, "not a regular file"),
        ];
        for (name, tip, expected) in table {
            match read(&repo, &tip) {
                Err(GitError::Foreign(why)) => {
                    assert!(
                        why.contains(expected) && why.contains(&tip),
                        "{name}: {why}"
                    );
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(read(&repo, &second).is_ok());
    }

    #[test]
    fn a_corrupted_branch_is_an_error_and_not_an_empty_one() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("one");
        let tip = written(
            &repo,
            &status(None, 1, &[(&goal("a"), text("phase: Ready\n"))]),
        );
        let absent = read(&repo, SPEC);
        assert!(matches!(absent, Err(GitError::Missing(_))), "{absent:?}");
        for (object, damaged) in [
            (repo.blob_id(b"phase: Ready\n"), true),
            (tip.clone(), false),
        ] {
            let file = repo
                .common_dir()
                .join("objects")
                .join(&object[..2])
                .join(&object[2..]);
            let bytes = std::fs::read(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
            if damaged {
                std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
            }
            let error = read(&sandbox.open("one"), &tip).unwrap_err();
            assert!(error.to_string().contains(&object), "{error}");
        }
    }

    #[test]
    fn what_lies_between_two_looks_is_found() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.bare("one");
            let mut tips: Vec<String> = Vec::new();
            for n in 1..=5 {
                let file = (goal("a"), text(&format!("phase: {n}\n")));
                let new = status(
                    tips.last().map(String::as_str),
                    n,
                    &[(file.0.as_str(), file.1)],
                );
                tips.push(written(&repo, &new));
            }
            let other = written(&repo, &status(None, 1, &[(&goal("b"), text("x"))]));
            let table = [
                ("the next", Some(&tips[3]), 10, &tips[4..]),
                ("several", Some(&tips[0]), 10, &tips[1..]),
                ("all", None, 10, &tips[..]),
                ("the newest", None, 2, &tips[3..]),
                ("the newest behind one", Some(&tips[0]), 2, &tips[3..]),
                ("put back", Some(&other), 10, &tips[4..]),
            ];
            for (name, known, most, expected) in table {
                let known = known.map(String::as_str);
                let found = since(&repo, known, &tips[4], most).unwrap();
                assert_eq!(found, expected, "{name}");
            }
        });
    }

    #[test]
    fn a_shallow_clone_reads_the_tip_without_what_is_behind() {
        let sandbox = Sandbox::new();
        let origin = sandbox.bare("origin");
        let tip = record(&origin, "claim");
        let first = written(&origin, &status(None, 1, &[]));
        let mut new = status(Some(&first), 2, &[(&goal("a"), text("x"))]);
        new.evidence = vec![tip];
        let second = written(&origin, &new);
        sandbox.git(&origin, &["update-ref", "refs/heads/main", &second]);
        let clone = sandbox.clone_of("origin", "clone", &["--depth=1", "--no-checkout"]);
        assert!(!clone.has_object(&first));
        assert_eq!(read(&clone, &second).unwrap().sequence, 2);
        let third = status(Some(&second), 3, &[(&goal("a"), text("y"))]);
        assert_eq!(parents(&clone, &written(&clone, &third)), [second]);
    }
}
