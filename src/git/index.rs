//! What is staged: paths, modes and ids, not contents.
//!
//! libgit2 takes ten times as long as `git` itself to open a large index, since it checks its hash
//! and builds look-up tables; that would be most of what the hook costs. So the entries are read
//! here (gitformat-index(5)), and whatever is beyond them is left to `git`.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::PathBuf;

use super::id::{Id, LONGEST, bytes_of};
use super::object::EntryKind;
use super::program::Program;
use super::read::{Flaw, FoundFile, PathChange, Paths, regular, write_version};
use super::{GitError, Repo, Result, aside, unusable_file};
use crate::core::repository::index::Tally;

/// What is staged, not read yet.
#[derive(Debug)]
pub struct StagedFiles {
    /// All paths, one behind the other.
    paths: Vec<u8>,
    entries: Vec<IndexEntry>,
    /// When the index was written, in seconds; not known of one that `git` has told of.
    written: Option<i64>,
}

/// An entry of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IndexEntry {
    path: Range<usize>,
    mode: u32,
    id: Id,
    /// 0, or the side of a conflict.
    stage: u16,
    /// Whether a sparse checkout leaves its file out.
    left_out: bool,
    /// What was known of the file when it was last looked at; not of an entry that `git` has told of.
    stat: Option<FileStat>,
}

/// Of a file as `lstat` tells it, what Git keeps, cut to 32 bits as Git does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStat {
    changed: (u32, u32),
    modified: (u32, u32),
    inode: u32,
    owner: (u32, u32),
    size: u32,
}

impl StagedFiles {
    /// The index of the repository, or the one that `GIT_INDEX_FILE` names.
    ///
    /// # Errors
    /// `Unusable` when it is broken.
    pub fn open(repo: &Repo) -> Result<StagedFiles> {
        let path = file_of(repo);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|mut file| {
            // Git puts another file in its place: both are of the one that is open.
            let metadata = file.metadata()?;
            file.read_to_end(&mut bytes)?;
            Ok(metadata)
        });
        let metadata = match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(StagedFiles::none()),
            read => read.map_err(unusable_file(format!("read `{}`", path.display())))?,
        };
        match parse(&bytes, bytes_of(repo.format())) {
            Some(staged) => Ok(StagedFiles {
                written: seconds(&metadata),
                ..staged
            }),
            None => by_git(repo),
        }
    }

    fn none() -> StagedFiles {
        StagedFiles {
            paths: Vec::new(),
            entries: Vec::new(),
            written: None,
        }
    }

    /// Whether a file of the work tree is what is staged, by what `lstat` says of it, as Git decides
    /// that; and what is staged is this version, of so many bytes. When in doubt it is not: then
    /// whoever wants to know reads it.
    ///
    /// A file that is as old as the index may have changed after it was staged, and within the same
    /// moment. One that was converted when it was checked out has another size than its blob.
    pub(super) fn has_unchanged(&self, path: &str, known: (&str, usize), file: &Metadata) -> bool {
        let (version, bytes) = known;
        let entry = self.entry(path).filter(|entry| entry.is(version));
        let stat = entry.and_then(|entry| entry.stat);
        let (Some(stat), Some(written)) = (stat, self.written) else {
            return false;
        };
        i64::from(stat.modified.0) < written
            && u32::try_from(bytes) == Ok(stat.size)
            && FileStat::of(file).is_some_and(|now| stat.is(now))
    }

    /// What is staged and left out of the work tree by a sparse checkout, and not `there` all the same. It counts as if it were.
    pub(super) fn left_out(&self, paths: &Paths, there: impl Fn(&str) -> bool) -> Vec<FoundFile> {
        let entries = self
            .entries
            .iter()
            .filter(|entry| entry.left_out && entry.stage == 0);
        let found = entries.filter_map(|entry| paths.found(self.path(entry), entry.mode, entry.id));
        found.filter(|found| !there(&found.path)).collect()
    }

    /// Whether a path is staged, without a conflict.
    pub(super) fn has(&self, path: &str) -> bool {
        self.entry(path).is_some()
    }

    /// Whether anything is staged below a folder.
    pub(super) fn has_below(&self, folder: &str) -> bool {
        let folder = format!("{folder}/").into_bytes();
        let before = |entry: &IndexEntry| self.path(entry) < folder.as_slice();
        let first = self.entries.get(self.entries.partition_point(before));
        first.is_some_and(|entry| self.path(entry).starts_with(&folder))
    }

    /// The entry of a path that has one and no conflict. Git keeps them in order.
    fn entry(&self, path: &str) -> Option<&IndexEntry> {
        self.entries.get(self.place(path)?)
    }

    /// Count what is staged and may hold resources, with the size of its file where that is asked for. Of each entry its place in
    /// the tally; nothing of what is no resource.
    pub fn count(&self, paths: &Paths, tally: &mut Tally, with_sizes: bool) -> Vec<Option<u32>> {
        let mut version = String::new();
        let places = self.entries.iter().map(|entry| {
            let path = self.path(entry);
            let text = String::from_utf8_lossy(path);
            if !paths.wants(&text, EntryKind::of(entry.mode)) {
                return None;
            }
            version.clear();
            let flaw = match (entry.stage, &text) {
                (1.., _) => Flaw::Conflict,
                (0, Cow::Borrowed(_)) => Flaw::None,
                (0, Cow::Owned(_)) => Flaw::NotUtf8,
            };
            write_version(&mut version, entry.mode, &entry.id, flaw);
            // What cannot be told by its size has one that nothing has.
            let size = entry.stat.filter(|_| flaw == Flaw::None);
            let size = size.map_or(u64::MAX, |stat| u64::from(stat.size));
            Some(tally.count(&text, &version, with_sizes.then_some(size)))
        });
        places.collect()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries below a folder, whose path ends with `/`; all for an empty one.
    pub(super) fn below(&self, folder: &str) -> Range<usize> {
        let folder = folder.as_bytes();
        let first = self
            .entries
            .partition_point(|entry| self.path(entry) < folder);
        let rest = self.entries.get(first..).unwrap_or_default();
        let count = rest.partition_point(|entry| self.path(entry).starts_with(folder));
        first..first + count
    }

    /// The place of the entry of a path among some, where it has one and no conflict.
    pub(super) fn place_among(&self, entries: &Range<usize>, path: &str) -> Option<usize> {
        let among = self.entries.get(entries.clone())?;
        let found = among.binary_search_by(|entry| self.path(entry).cmp(path.as_bytes()));
        let place = entries.start + found.ok()?;
        let entry = self.entries.get(place)?;
        (entry.stage == 0).then_some(place)
    }

    /// The place of the entry of a path.
    pub(super) fn place(&self, path: &str) -> Option<usize> {
        self.place_among(&(0..self.entries.len()), path)
    }

    /// What kind of thing is staged at a place.
    pub(super) fn kind_at(&self, place: usize) -> EntryKind {
        let entry = self.entries.get(place);
        entry.map_or(EntryKind::Other, |entry| EntryKind::of(entry.mode))
    }

    /// How large the file was that is staged at a place.
    #[cfg(test)]
    pub(super) fn size_at(&self, place: usize) -> Option<usize> {
        let stat = self.entries.get(place)?.stat?;
        usize::try_from(stat.size).ok()
    }

    /// What is staged at a place, as a file that may hold resources.
    pub(super) fn found_at(&self, place: usize, paths: &Paths) -> Option<FoundFile> {
        let entry = self.entries.get(place)?;
        paths.found(self.path(entry), entry.mode, entry.id)
    }

    /// The places of what a sparse checkout leaves out of the work tree.
    pub(super) fn places_left_out(&self) -> impl Iterator<Item = usize> {
        let entries = self.entries.iter().enumerate();
        let out = entries.filter(|(_, entry)| entry.left_out && entry.stage == 0);
        out.map(|(place, _)| place)
    }

    /// As [`StagedFiles::has_unchanged`], of the version and size that are staged.
    pub(super) fn is_unchanged_at(&self, place: usize, file: &Metadata) -> bool {
        let stat = self.entries.get(place).and_then(|entry| entry.stat);
        let (Some(stat), Some(written)) = (stat, self.written) else {
            return false;
        };
        i64::from(stat.modified.0) < written && FileStat::of(file).is_some_and(|now| stat.is(now))
    }

    /// What is staged in another version than the `known` ones: paths and versions, sorted.
    pub fn changes(&self, known: &[(&str, &str)], paths: &Paths) -> Vec<PathChange> {
        self.changes_among(known, paths, &|_| true)
    }

    /// The same among some entries; those `known` are all that could be there.
    pub fn changes_among(
        &self,
        known: &[(&str, &str)],
        paths: &Paths,
        is_among: &dyn Fn(usize) -> bool,
    ) -> Vec<PathChange> {
        let mut changes: Vec<PathChange> = Vec::new();
        let mut unseen: Vec<bool> = vec![true; known.len()];
        let mut next = 0;
        let entries = self.entries.iter().enumerate();
        for (_, entry) in entries.filter(|(place, _)| is_among(*place)) {
            let path = self.path(entry);
            let name = String::from_utf8_lossy(path);
            // Both are sorted.
            let place = match known.get(next) {
                Some((path, _)) if *path == name => Some(next),
                _ => known.binary_search_by(|(path, _)| (*path).cmp(&name)).ok(),
            };
            next = place.map_or(next, |place| place + 1);
            let version = place.and_then(|place| known.get(place));
            let mut see = || {
                if let Some(slot) = place.and_then(|place| unseen.get_mut(place)) {
                    *slot = false;
                }
            };
            if version.is_some_and(|(_, version)| entry.is(version)) {
                see();
                continue;
            }
            let Some(mut found) = paths.found(path, entry.mode, entry.id) else {
                continue;
            };
            if entry.stage > 0 {
                found.flaw = Flaw::Conflict;
            }
            see();
            // Up to three sides of one conflict stand beside each other.
            let seen = changes.last().is_some_and(|(path, _)| *path == found.path);
            let same = version.is_some_and(|(_, version)| found.version() == *version);
            if !seen && !same {
                changes.push((found.path.clone(), Some(found)));
            }
        }
        let gone = known.iter().zip(unseen).filter(|(_, unseen)| *unseen);
        changes.extend(gone.map(|((path, _), _)| ((*path).to_owned(), None)));
        changes
    }

    /// Whether a sparse checkout leaves a file out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        self.entry(path).is_some_and(|entry| entry.left_out)
    }

    /// One file as it is staged; `None` when it is not.
    ///
    /// # Errors
    /// `Missing`; `Unusable` when it is not a regular file or larger than 64 MiB.
    pub fn file(&self, repo: &Repo, path: &str) -> Result<Option<Vec<u8>>> {
        let is_it = |entry: &&IndexEntry| entry.stage == 0 && self.path(entry) == path.as_bytes();
        match self.entries.iter().find(is_it) {
            Some(entry) => {
                regular(path, entry.mode)?;
                repo.blob_bytes(entry.id).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The names of the files that are staged right in a folder.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let names = self.entries.iter().filter_map(|entry| {
            let name = self.path(entry).strip_prefix(folder.as_bytes())?;
            let name = name
                .strip_prefix(b"/")
                .filter(|name| !name.contains(&b'/'))?;
            Some(String::from_utf8_lossy(name).into_owned())
        });
        names.collect()
    }

    fn path(&self, entry: &IndexEntry) -> &[u8] {
        self.paths.get(entry.path.clone()).unwrap_or_default()
    }
}

impl IndexEntry {
    /// Whether it is plainly the version that [`super::read::Found::version`] wrote.
    fn is(&self, version: &str) -> bool {
        let Some((mode, id)) = version.split_once(' ') else {
            return false;
        };
        let mut digits = [0; 2 * LONGEST];
        self.stage == 0
            && id == self.id.digits(&mut digits)
            && u32::from_str_radix(mode, 8) == Ok(self.mode)
    }
}

impl FileStat {
    /// As an entry begins: without the device, by which Git does not go either.
    fn read(entry: &[u8]) -> Option<FileStat> {
        let at = |offset: usize| number(entry, offset..offset + 4);
        Some(FileStat {
            changed: (at(0)?, at(4)?),
            modified: (at(8)?, at(12)?),
            inode: at(20)?,
            owner: (at(28)?, at(32)?),
            size: at(36)?,
        })
    }

    #[cfg(unix)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn of(file: &Metadata) -> Option<FileStat> {
        use std::os::unix::fs::MetadataExt as _;
        Some(FileStat {
            changed: (file.ctime() as u32, file.ctime_nsec() as u32),
            modified: (file.mtime() as u32, file.mtime_nsec() as u32),
            inode: file.ino() as u32,
            owner: (file.uid(), file.gid()),
            size: file.size() as u32,
        })
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Option<FileStat> {
        None
    }

    /// Whether a file is as it was. Who wrote the index may not have known parts of a second.
    fn is(self, now: FileStat) -> bool {
        let is_time =
            |was: (u32, u32), now: (u32, u32)| was.0 == now.0 && [0, now.1].contains(&was.1);
        is_time(self.changed, now.changed)
            && is_time(self.modified, now.modified)
            && (self.inode, self.owner, self.size) == (now.inode, now.owner, now.size)
    }
}

#[cfg(unix)]
fn seconds(file: &Metadata) -> Option<i64> {
    Some(std::os::unix::fs::MetadataExt::mtime(file))
}

#[cfg(not(unix))]
fn seconds(_: &Metadata) -> Option<i64> {
    None
}

/// Behind the cached `stat` of the file, an entry has its id and its flags.
const MODE: Range<usize> = 24..28;
const ID: usize = 40;
const EXTENDED: u16 = 0x4000;
/// What Git calls skip-worktree.
const LEFT_OUT: u16 = 0x4000;
/// `git add --intent-to-add` puts nothing into the index but a name.
const INTENT_TO_ADD: u16 = 0x2000;
/// Most bytes of all paths together; in version 4 a few can be made of next to nothing.
const MAX_PATHS: usize = 1 << 30;
/// The entries of an index of version 2, 3 or 4, with ids of so many bytes. Nothing when it is damaged, or when the
/// entries are not all there: a split or a sparse index.
fn parse(bytes: &[u8], id_bytes: usize) -> Option<StagedFiles> {
    let (id, flags) = (ID..ID + id_bytes, ID + id_bytes..ID + id_bytes + 2);
    // At the end there is a hash as long as an id, which Git does not check either.
    let body = bytes.get(..bytes.len().checked_sub(id_bytes)?)?;
    let version = number(body, 4..8)?;
    if !body.starts_with(b"DIRC") || !(2..=4).contains(&version) {
        return None;
    }
    let count = number(body, 8..12)?;
    let mut staged = StagedFiles::none();
    let mut at = 12;
    let mut previous = 0..0;
    for _ in 0..count {
        let entry = body.get(at..)?;
        let said = short(entry, flags.clone())?;
        let (extended, start) = match said & EXTENDED {
            0 => (0, flags.end),
            _ => (short(entry, flags.end..flags.end + 2)?, flags.end + 2),
        };
        let (kept, suffix) = match version {
            4 => {
                let (removed, length) = offset(entry.get(start..)?)?;
                (previous.len().checked_sub(removed)?, start + length)
            }
            _ => (0, start),
        };
        let rest = entry.get(suffix..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        let begin = staged.paths.len();
        staged
            .paths
            .extend_from_within(previous.start..previous.start + kept);
        staged.paths.extend_from_slice(rest.get(..length)?);
        previous = begin..staged.paths.len();
        if previous.end > MAX_PATHS {
            return None;
        }
        let end = suffix + length;
        at += match version {
            4 => end + 1,
            // One to eight NULs, up to a multiple of eight.
            _ => (end / 8 + 1) * 8,
        };
        if extended & INTENT_TO_ADD == 0 {
            staged.entries.push(IndexEntry {
                path: previous.clone(),
                mode: number(entry, MODE)?,
                id: Id::from_bytes(entry.get(id.clone())?)?,
                stage: (said >> 12) & 3,
                left_out: extended & LEFT_OUT != 0,
                stat: FileStat::read(entry),
            });
        }
    }
    extensions_are_optional(body.get(at..)?).then_some(staged)
}

/// An extension whose name begins with a small letter must be understood.
fn extensions_are_optional(mut rest: &[u8]) -> bool {
    while let Some(name) = rest.first() {
        let Some(length) = number(rest, 4..8) else {
            return false;
        };
        let Some(behind) = rest.get(8..).and_then(|rest| rest.get(length as usize..)) else {
            return false;
        };
        if !name.is_ascii_uppercase() {
            return false;
        }
        rest = behind;
    }
    true
}

fn number(bytes: &[u8], at: Range<usize>) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: Range<usize>) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at)?.try_into().ok()?))
}

/// A number as Git writes offsets, and how many bytes it takes.
fn offset(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value: usize = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value = (value << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
        value += 1;
    }
    None
}

fn by_git(repo: &Repo) -> Result<StagedFiles> {
    let listed = Program::new(repo, "ls-files")
        .args(["-t", "--stage", "-z"])
        .for_user()
        .run()?
        .or_cannot("read the index")?;
    let lines = listed.stdout.split(|byte| *byte == 0);
    let mut staged = StagedFiles::none();
    for line in lines.filter(|line| !line.is_empty()) {
        let (entry, path) = listed_line(line).ok_or_else(|| {
            let why = "cannot read the index: `git ls-files -t --stage` cannot be understood";
            GitError::Unusable(why.to_owned())
        })?;
        let begin = staged.paths.len();
        staged.paths.extend_from_slice(path);
        let path = begin..staged.paths.len();
        staged.entries.push(IndexEntry { path, ..entry });
    }
    Ok(staged)
}

/// `<tag> <mode> <id> <stage>TAB<path>`, where `S` is the tag of what a sparse checkout leaves out.
fn listed_line(line: &[u8]) -> Option<(IndexEntry, &[u8])> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = line.split_at_checked(tab)?;
    let mut words = std::str::from_utf8(head).ok()?.split(' ');
    let entry = IndexEntry {
        path: 0..0,
        left_out: words.next()? == "S",
        mode: u32::from_str_radix(words.next()?, 8).ok()?,
        id: Id::from_hex(words.next()?)?,
        stage: words.next()?.parse().ok()?,
        stat: None,
    };
    Some((entry, path.get(1..)?))
}

/// The file of the index: the one that `GIT_INDEX_FILE` names, or Git's own.
pub fn file_of(repo: &Repo) -> PathBuf {
    match &repo.launch.index {
        Some(index) => index.clone(),
        None => repo.git_dir().join("index"),
    }
}

/// What Git says of its index where it cannot read it.
///
/// # Errors
/// `Unusable` when there is no `git`.
pub fn complaint(repo: &Repo) -> Result<Option<String>> {
    let listed = Program::new(repo, "ls-files")
        .for_user()
        .args(["--stage", "-z"])
        .run()?;
    Ok((!listed.success()).then(|| listed.complaint()))
}

/// Put Git's index aside, and make it anew from HEAD; where it is now. Files of the work tree stay as they are.
///
/// # Errors
/// `Unusable` when it cannot be moved, or made.
pub fn make_anew(repo: &Repo) -> Result<Vec<PathBuf>> {
    let aside = aside::put(repo, &[file_of(repo)])?;
    if repo.head()?.commit().is_some() {
        Program::new(repo, "read-tree")
            .for_user()
            .arg("HEAD")
            .run()?
            .or_cannot("create the index again")?;
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::git::testing::Sandbox;

    /// As `git ls-files --stage` shows it.
    fn told(staged: &StagedFiles) -> Vec<String> {
        let line = |entry: &IndexEntry| {
            let path = String::from_utf8_lossy(staged.path(entry)).into_owned();
            format!("{:06o} {} {}\t{path}", entry.mode, entry.id, entry.stage)
        };
        staged.entries.iter().map(line).collect()
    }

    fn by_git_itself(sandbox: &Sandbox, repo: &Repo) -> Vec<String> {
        let listed = sandbox.git(repo, &["ls-files", "--stage", "-z"]);
        let lines = listed.split('\0').filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    fn index_file(repo: &Repo) -> Vec<u8> {
        std::fs::read(repo.common_dir().join("index")).unwrap()
    }

    /// Names of all lengths, some below others, one of them long; a link; something executable.
    fn filled(sandbox: &Sandbox) -> Repo {
        let repo = sandbox.repo("one");
        for length in 1..20 {
            sandbox.write(&repo, &format!("{}.yaml", "x".repeat(length)), "x");
        }
        let deep = format!("a/{}/{}", "b".repeat(200), "c".repeat(200));
        for path in [deep.as_str(), "a/é.yaml", "a/x", "a.b", "aa"] {
            sandbox.write(&repo, path, path);
        }
        std::os::unix::fs::symlink("x", repo.workdir().unwrap().join("link")).unwrap();
        sandbox.git(&repo, &["add", "-A"]);
        sandbox.git(&repo, &["update-index", "--chmod=+x", "aa"]);
        repo
    }

    #[test]
    fn entries_are_read_as_git_reads_them_in_every_version() {
        let sandbox = Sandbox::new();
        let repo = filled(&sandbox);
        for version in ["2", "3", "4"] {
            sandbox.git(&repo, &["update-index", "--index-version", version]);
            // Version 3 is written only where it is needed.
            sandbox.git(&repo, &["update-index", "--skip-worktree", "a.b"]);
            let expected = by_git_itself(&sandbox, &repo);
            let read = parse(&index_file(&repo), bytes_of(repo.format())).unwrap();
            assert_eq!(told(&read), expected, "version {version}");
            sandbox.git(&repo, &["update-index", "--no-skip-worktree", "a.b"]);
            let read = parse(&index_file(&repo), bytes_of(repo.format())).unwrap();
            assert_eq!(told(&read), expected, "version {version}");
        }
    }

    #[test]
    fn names_alone_are_not_staged_and_conflicts_have_sides() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        assert_eq!(
            told(&StagedFiles::open(&repo).unwrap()),
            Vec::<String>::new()
        );
        sandbox.commit(&repo, &[("a", "1")]);
        sandbox.git(&repo, &["checkout", "-q", "-b", "side"]);
        sandbox.commit(&repo, &[("a", "2")]);
        sandbox.git(&repo, &["checkout", "-q", "main"]);
        sandbox.commit(&repo, &[("a", "3")]);
        let merge = Program::new(&repo, "merge").arg("side").run().unwrap();
        assert_eq!(merge.code, 1);
        let expected = by_git_itself(&sandbox, &repo);
        assert_eq!(expected.len(), 3);
        assert_eq!(
            told(&parse(&index_file(&repo), bytes_of(repo.format())).unwrap()),
            expected
        );
        sandbox.write(&repo, "b", "x");
        sandbox.git(&repo, &["add", "-N", "b"]);
        assert_eq!(told(&StagedFiles::open(&repo).unwrap()), expected);
    }

    #[test]
    fn what_is_beyond_the_entries_is_left_to_git() {
        let sandbox = Sandbox::new();
        let repo = filled(&sandbox);
        sandbox.commit(&repo, &[("deep/er/z", "z")]);
        let expected = by_git_itself(&sandbox, &repo);
        sandbox.git(&repo, &["update-index", "--split-index"]);
        assert!(parse(&index_file(&repo), bytes_of(repo.format())).is_none());
        assert_eq!(told(&StagedFiles::open(&repo).unwrap()), expected);
        sandbox.git(&repo, &["update-index", "--no-split-index"]);
        sandbox.git(
            &repo,
            &["sparse-checkout", "set", "--cone", "--sparse-index", "a"],
        );
        assert!(parse(&index_file(&repo), bytes_of(repo.format())).is_none());
        assert_eq!(told(&StagedFiles::open(&repo).unwrap()), expected);
        std::fs::write(repo.common_dir().join("index"), "DIRC nonsense").unwrap();
        let error = StagedFiles::open(&repo).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the index: "), "{error}");
    }

    #[test]
    fn no_index_is_an_empty_one() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        assert!(parse(b"", 20).is_none());
        assert_eq!(StagedFiles::open(&repo).unwrap().entries, []);
    }

    #[test]
    fn damaged_ones_end_in_nothing_or_entries() {
        let sandbox = Sandbox::new();
        let repo = filled(&sandbox);
        let mut whole = Vec::new();
        for version in ["2", "4"] {
            sandbox.git(&repo, &["update-index", "--index-version", version]);
            whole.push(index_file(&repo));
        }
        let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
        let cut = any::<prop::sample::Index>();
        proptest!(|(version in 0..2_usize, damage in damage, cut in prop::option::of(cut))| {
            let mut bytes = whole[version].clone();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Some(staged) = parse(&bytes, bytes_of(repo.format())) {
                let inside = staged.entries.iter().all(|entry| entry.path.end <= staged.paths.len());
                prop_assert!(inside);
            }
        });
    }
}
