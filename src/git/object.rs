//! Objects, read with a bound: the size is looked at before the content is loaded.
//!
//! Loose objects are inflated here, since libgit2 loops for ever over one that was cut short
//! (libgit2#7342); packed ones are read by libgit2.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;

use git2::ErrorCode;
pub(super) use git2::ObjectType as ObjectKind;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::durable::Part;
use super::id::{Id, ObjectFormat, bytes_of, parse_id};
use super::obtain::Origin;
use super::opened::{Database, Opened};
use super::program::{Launch, Program};
use super::{GitError, Identity, Repo, Result, unusable_file};
use crate::core::resource::Time;

/// Most bytes of a commit.
pub(super) const MAX_COMMIT_BYTES: usize = 1024 * 1024;
/// Most bytes of one tree: some millions of entries.
const MAX_TREE_BYTES: usize = 256 * 1024 * 1024;
/// Most bytes of the file of an object that is read without a look at its size, and most bytes of what is in it.
const SMALL: usize = 64 * 1024;
const UNPACKED: usize = 1024 * 1024;
/// Room for `commit 12345\0` in front of a loose object.
const LOOSE_HEADER: usize = 64;
/// How much is done to make the file of an object small, of ten: as Git does it.
const LOOSE_LEVEL: u8 = 1;
/// Mode of a plain file in a tree.
pub(super) const FILE_MODE: u32 = 0o100_644;
/// Mode of a tree in a tree.
pub(super) const TREE_MODE: u32 = 0o040_000;

/// Most bytes of the objects that are kept, and of one of them.
const KEPT_BYTES: usize = 4 * 1024 * 1024;
const KEPT_OBJECT: usize = 64 * 1024;

/// Small objects that were read: a command asks for the same few trees and files again and again.
#[derive(Default)]
pub(super) struct Kept {
    objects: HashMap<Id, (ObjectKind, Vec<u8>)>,
    bytes: usize,
}

impl Kept {
    fn get(&self, id: Id, kind: ObjectKind, max: usize) -> Option<Vec<u8>> {
        let (found, bytes) = self.objects.get(&id)?;
        (*found == kind && bytes.len() <= max).then(|| bytes.clone())
    }

    fn keep(&mut self, id: Id, kind: ObjectKind, bytes: &[u8]) {
        if bytes.len() <= KEPT_OBJECT && self.bytes + bytes.len() <= KEPT_BYTES {
            self.bytes += bytes.len();
            self.objects.insert(id, (kind, bytes.to_vec()));
        }
    }
}

/// A commit as it is stored: unlike libgit2's view of it, not cut where a shallow clone ends.
#[derive(Debug)]
pub(super) struct RawCommit {
    pub tree: Id,
    pub parents: Vec<Id>,
    /// `Name <e-mail>`, and when.
    pub author: String,
    /// When, by the committer's clock.
    pub time: Option<Time>,
    pub message: String,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub name: Vec<u8>,
    pub mode: u32,
    pub id: Id,
}

/// A tree to be written: mode and id by name.
pub(super) type Folder = BTreeMap<Vec<u8>, (u32, Id)>;

/// What a mode says about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Tree,
    File,
    Link,
    Submodule,
    Other,
}

impl EntryKind {
    pub fn of(mode: u32) -> EntryKind {
        match mode & 0o170_000 {
            0o040_000 => EntryKind::Tree,
            0o100_000 => EntryKind::File,
            0o120_000 => EntryKind::Link,
            0o160_000 => EntryKind::Submodule,
            _ => EntryKind::Other,
        }
    }
}

/// The object store of a repository, for several threads at once.
pub(super) struct Objects<'r> {
    database: Database<'r>,
    format: ObjectFormat,
    /// Where loose objects lie.
    folder: PathBuf,
    launch: &'r Launch,
    origin: &'r Origin,
    kept: &'r Mutex<Kept>,
}

impl Objects<'_> {
    /// Size and kind of an object, without its content. `None` when it is not here.
    fn header(&self, id: Id) -> Result<Option<(usize, ObjectKind)>> {
        let Some(oid) = id.oid().filter(|_| id.format() == self.format) else {
            return Ok(None);
        };
        let Some(database) = self.database.libgit2() else {
            return Ok(self.database.memory().and_then(|memory| memory.header(id)));
        };
        match database.read_header(oid) {
            Ok(header) => Ok(Some(header)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(broken(id, error.message())),
        }
    }

    /// The same of an object that should be here: where it is not, it is got.
    fn required(&self, id: Id) -> Result<(usize, ObjectKind)> {
        if let Some(header) = self.header(id)? {
            return Ok(header);
        }
        if self.database.memory().is_some() {
            return Err(missing(id));
        }
        let got = self.origin.get(self.launch, id)?;
        let header = if got { self.header(id)? } else { None };
        header.ok_or_else(|| missing(id))
    }

    /// The content of an object of one kind, at most `max` bytes of it.
    fn object(&self, id: Id, kind: ObjectKind, max: usize) -> Result<Vec<u8>> {
        if self.database.memory().is_some() {
            return self.stored(id, kind, max);
        }
        if let Some(bytes) = self.kept(id, kind, max) {
            return Ok(bytes);
        }
        let bytes = self.stored(id, kind, max)?;
        if let Ok(mut kept) = self.kept.lock() {
            kept.keep(id, kind, &bytes);
        }
        Ok(bytes)
    }

    fn kept(&self, id: Id, kind: ObjectKind, max: usize) -> Option<Vec<u8>> {
        self.kept.lock().ok()?.get(id, kind, max)
    }

    fn stored(&self, id: Id, kind: ObjectKind, max: usize) -> Result<Vec<u8>> {
        // What was just written has a file of its own, which says everything at once.
        let memory = self.database.memory();
        if memory.is_none()
            && let Some(bytes) = self.plainly_loose(id, kind, max)
        {
            return Ok(bytes);
        }
        let (size, found) = self.required(id)?;
        if found != kind {
            return Err(GitError::Unusable(format!(
                "object {id} is a {found}, not a {kind}"
            )));
        }
        if size > max {
            return Err(GitError::Unusable(format!(
                "{kind} {id} has {size} bytes; at most {max} are read"
            )));
        }
        let (Some(database), Some(oid)) = (self.database.libgit2(), id.oid()) else {
            let found = memory.and_then(|memory| memory.read(id));
            return found.map(|bytes| bytes.to_vec()).ok_or_else(|| missing(id));
        };
        if let Some(bytes) = self.loose(id, kind, size)? {
            return Ok(bytes);
        }
        let object = database.read(oid);
        let object = object.map_err(|error| broken(id, error.message()))?;
        Ok(object.data().to_vec())
    }

    /// All of an object.
    #[cfg(test)]
    pub fn whole(&self, id: Id, kind: ObjectKind) -> Result<Vec<u8>> {
        self.object(id, kind, usize::MAX / 2)
    }

    /// A blob, or its size when that is above `max`.
    pub fn bounded_blob(&self, id: Id, max: usize) -> Result<std::result::Result<Vec<u8>, usize>> {
        if let Some(bytes) = self.kept(id, ObjectKind::Blob, max) {
            return Ok(Ok(bytes));
        }
        match self.required(id)? {
            (size, ObjectKind::Blob) if size > max => Ok(Err(size)),
            _ => self.object(id, ObjectKind::Blob, max).map(Ok),
        }
    }

    /// The content of a sound object of this kind that has a file of its own and is no larger than `max`.
    fn plainly_loose(&self, id: Id, kind: ObjectKind, max: usize) -> Option<Vec<u8>> {
        let file = File::open(self.loose_path(id)).ok()?;
        let packed_bytes = usize::try_from(file.metadata().ok()?.len()).ok()?;
        if packed_bytes > max.min(SMALL) {
            return None;
        }
        let mut packed = Vec::with_capacity(packed_bytes);
        file.take(packed_bytes as u64)
            .read_to_end(&mut packed)
            .ok()?;
        let most = max.min(UNPACKED) + LOOSE_HEADER;
        let mut whole = decompress_to_vec_zlib_with_limit(&packed, most).ok()?;
        let start = whole.iter().position(|byte| *byte == 0)? + 1;
        let header = std::str::from_utf8(&whole[..start - 1]).ok()?;
        let (word, size) = header.split_once(' ')?;
        let bytes: usize = size.parse().ok()?;
        let is_meant = word == kind.str() && bytes <= max;
        let content = whole.split_off(start);
        (is_meant && bytes == content.len() && Id::of(self.format, kind, &content) == Some(id))
            .then_some(content)
    }

    /// Where an object lies that has a file of its own.
    fn loose_path(&self, id: Id) -> PathBuf {
        let hex = id.to_string();
        let (folder, name) = hex.split_at(2);
        self.folder.join(folder).join(name)
    }

    /// The content of an object that has a file of its own; `None` when it has none.
    fn loose(&self, id: Id, kind: ObjectKind, size: usize) -> Result<Option<Vec<u8>>> {
        let Ok(file) = File::open(self.loose_path(id)) else {
            return Ok(None);
        };
        // zlib makes what cannot be compressed longer by a few bytes in every thousand.
        let most = size + size / 100 + 1024;
        let mut packed = Vec::with_capacity(most);
        file.take(most as u64)
            .read_to_end(&mut packed)
            .map_err(|error| broken(id, &error.to_string()))?;
        let mut whole = decompress_to_vec_zlib_with_limit(&packed, size + LOOSE_HEADER)
            .map_err(|_| broken(id, "it is truncated or damaged"))?;
        let start = whole
            .iter()
            .position(|byte| *byte == 0)
            .map_or(0, |at| at + 1);
        let content = whole.split_off(start);
        if Id::of(self.format, kind, &content) == Some(id) {
            return Ok(Some(content));
        }
        Err(broken(id, "its content does not match its id"))
    }
}

impl Repo {
    pub(super) fn objects(&self) -> Result<Objects<'_>> {
        Ok(Objects {
            database: self.opened.database()?,
            format: self.format(),
            folder: self.common_dir().join("objects"),
            launch: &self.launch,
            origin: &self.origin,
            kept: &self.kept,
        })
    }

    /// Size and kind of an object, without its content. `None` when it is not here.
    pub(super) fn header(&self, id: Id) -> Result<Option<(usize, ObjectKind)>> {
        self.objects()?.header(id)
    }

    /// An object that must be here.
    ///
    /// # Errors
    /// `Missing` when it is not.
    pub(super) fn require(&self, id: Id) -> Result<()> {
        self.header(id)?.map(|_| ()).ok_or_else(|| missing(id))
    }

    /// The text of a commit, as it is stored.
    pub(super) fn commit_text(&self, id: Id) -> Result<Vec<u8>> {
        self.objects()?
            .object(id, ObjectKind::Commit, MAX_COMMIT_BYTES)
    }

    /// Tree, parents, time and message of a commit.
    pub(super) fn commit(&self, id: Id) -> Result<RawCommit> {
        let bytes = self.commit_text(id)?;
        let text = String::from_utf8(bytes);
        let text =
            text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let (header, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let values = |name: &str| -> Vec<&str> {
            header
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .collect()
        };
        let ids =
            |name: &str| -> Result<Vec<Id>> { values(name).into_iter().map(parse_id).collect() };
        let time = values("committer").first().and_then(|line| {
            let (_, when) = line.rsplit_once("> ")?;
            Time::from_timestamp(when.split(' ').next()?.parse().ok()?, 0)
        });
        match ids("tree")?.first() {
            Some(&tree) => Ok(RawCommit {
                tree,
                parents: ids("parent")?,
                author: values("author")
                    .first()
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
                time,
                message: message.to_owned(),
            }),
            None => Err(broken(id, "it names no tree")),
        }
    }

    /// The entries of a tree, in Git's order.
    pub(super) fn tree(&self, id: Id) -> Result<Vec<TreeEntry>> {
        let bytes = self
            .objects()?
            .object(id, ObjectKind::Tree, MAX_TREE_BYTES)?;
        let mut entries = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let read = tree_entry(rest, bytes_of(id.format()));
            let (entry, behind) = read.ok_or_else(|| broken(id, "it is damaged"))?;
            entries.push(entry);
            rest = behind;
        }
        Ok(entries)
    }
}

/// A commit to be written.
#[derive(Debug)]
pub(super) struct NewCommit<'a> {
    pub tree: Id,
    pub parents: Vec<Id>,
    pub message: &'a str,
    pub time: Time,
    /// Author and committer.
    pub identity: &'a Identity,
}

impl Repo {
    pub(super) fn write(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Id> {
        self.about_to_write()?;
        let git = match &self.opened {
            Opened::InMemory(memory) => return memory.write(kind, bytes),
            Opened::ByGit(_) => return self.write_loose(kind, bytes),
            Opened::ByLibgit2(git) => git,
        };
        let written = git.odb().and_then(|objects| objects.write(kind, bytes));
        let id = written
            .map(Id::from)
            .map_err(unusable(format!("write a {kind}")))?;
        if self.durable.has(Part::LooseObject) {
            let file = self.objects()?.loose_path(id);
            self.durable.harden(Part::LooseObject, &file)?;
        }
        Ok(id)
    }

    /// Write an object as a file of its own: an object database without a repository only reads.
    fn write_loose(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Id> {
        let without_id = || GitError::Unusable(format!("cannot tell the id of a {kind}"));
        let id = Id::of(self.format(), kind, bytes).ok_or_else(without_id)?;
        let file = self.objects()?.loose_path(id);
        let failed = || unusable_file(format!("write a {kind}"));
        let folder = file.parent().unwrap_or(&file);
        std::fs::create_dir_all(folder).map_err(failed())?;
        let whole = [format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat();
        let mut made = tempfile::Builder::new();
        made.prefix("tmp_obj_");
        #[cfg(unix)]
        made.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o444));
        let mut made = made.tempfile_in(folder).map_err(failed())?;
        let packed = compress_to_vec_zlib(&whole, LOOSE_LEVEL);
        made.write_all(&packed).map_err(failed())?;
        // One that is there is written again: it is young then, and no housekeeping takes it away.
        let kept = made.persist(&file).map_err(|error| error.error);
        kept.map_err(failed())?;
        self.durable.harden(Part::LooseObject, &file)?;
        Ok(id)
    }

    /// Take in the objects of a pack.
    pub(super) fn write_pack(&self, pack: &[u8]) -> Result<()> {
        tracing::debug!(bytes = pack.len(), "a pack of new objects");
        self.about_to_write()?;
        let Some(git) = self.opened.libgit2() else {
            let taken = Program::new(self, "index-pack").arg("--stdin").stdin(pack);
            return taken.run()?.or_cannot("write a pack").map(|_| ());
        };
        let database = git.odb().map_err(unusable("open the object store"))?;
        let mut writer = database.packwriter().map_err(unusable("write a pack"))?;
        let written = writer.write_all(pack);
        written.map_err(|error| GitError::Unusable(format!("cannot write a pack: {error}")))?;
        let before = self.packs();
        writer.commit().map_err(unusable("write a pack"))?;
        for file in self.packs().difference(&before) {
            let is_pack = file.extension().is_some_and(|ending| ending == "pack");
            let part = if is_pack {
                Part::Pack
            } else {
                Part::PackMetadata
            };
            self.durable.harden(part, file)?;
        }
        Ok(())
    }

    /// The files of the packs that there are.
    fn packs(&self) -> BTreeSet<PathBuf> {
        let folder = self.common_dir().join("objects/pack");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files = files.map(|file| file.path());
        files
            .filter(|file| {
                file.extension()
                    .is_some_and(|ending| ending == "pack" || ending == "idx")
            })
            .collect()
    }

    /// Write a blob.
    pub(super) fn write_blob(&self, bytes: &[u8]) -> Result<Id> {
        self.write(ObjectKind::Blob, bytes)
    }

    /// Write a tree.
    pub(super) fn write_tree(&self, folder: &Folder) -> Result<Id> {
        self.write(ObjectKind::Tree, &tree_bytes(folder))
    }

    /// Write the tree without entries, which not every repository has.
    pub(super) fn write_empty_tree(&self) -> Result<Id> {
        self.write_tree(&Folder::new())
    }

    /// Write a commit that holds nothing but one file.
    pub(super) fn write_file_commit(
        &self,
        (name, bytes): (&str, &[u8]),
        parents: &[&str],
        message: &str,
        (time, identity): (Time, &Identity),
    ) -> Result<String> {
        let parents: Result<Vec<Id>> = parents.iter().map(|id| parse_id(id)).collect();
        let blob = self.write_blob(bytes)?;
        let commit = NewCommit {
            tree: self.write_tree(&Folder::from([(
                name.as_bytes().to_vec(),
                (FILE_MODE, blob),
            )]))?,
            parents: parents?,
            message,
            time,
            identity,
        };
        self.write_commit(&commit).map(|id| id.to_string())
    }

    /// Write a commit. No signature, no ref, no index, no work tree. The same values give the
    /// same id.
    pub(super) fn write_commit(&self, new: &NewCommit<'_>) -> Result<Id> {
        for &parent in &new.parents {
            match self.header(parent)? {
                Some((_, ObjectKind::Commit)) => {}
                Some((_, kind)) => {
                    return Err(GitError::Unusable(format!(
                        "object {parent} is a {kind}; only a commit can be the parent of one"
                    )));
                }
                None => return Err(missing(parent)),
            }
        }
        let parents: String = new
            .parents
            .iter()
            .map(|parent| format!("parent {parent}\n"))
            .collect();
        let signature = format!(
            "{} <{}> {} +0000",
            plain(&new.identity.name, "planspec"),
            plain(&new.identity.email, "planspec@localhost"),
            new.time.timestamp().max(0)
        );
        let text = format!(
            "tree {}\n{parents}author {signature}\ncommitter {signature}\n\n{}\n",
            new.tree,
            new.message.replace('\0', "").trim_end()
        );
        self.write(ObjectKind::Commit, text.as_bytes())
    }
}

/// A tree as Git stores it.
pub(super) fn tree_bytes(folder: &Folder) -> Vec<u8> {
    let mut entries: Vec<_> = folder.iter().collect();
    // Git sorts a folder as if its name ended in `/`.
    entries.sort_by_cached_key(|(name, (mode, _))| match *mode {
        TREE_MODE => [name.as_slice(), b"/"].concat(),
        _ => (*name).clone(),
    });
    let mut bytes = Vec::new();
    for (name, (mode, id)) in entries {
        bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes
}

/// A name or an address as Git accepts it in a commit.
fn plain(text: &str, fallback: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .collect();
    // Git drops the same at both ends.
    let kept = kept.trim_matches(|c: char| c.is_whitespace() || ".,:;\"\\'".contains(c));
    if kept.is_empty() { fallback } else { kept }.to_owned()
}

/// `<mode in octal> SP <name> NUL <bytes of the id>`
fn tree_entry(bytes: &[u8], id_bytes: usize) -> Option<(TreeEntry, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let (mode, rest) = bytes.split_at_checked(space)?;
    let rest = rest.get(1..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = rest.split_at_checked(end)?;
    let (id, rest) = rest.get(1..)?.split_at_checked(id_bytes)?;
    let entry = TreeEntry {
        name: name.to_vec(),
        mode: u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?,
        id: Id::from_bytes(id)?,
    };
    Some((entry, rest))
}

/// Turn an error of libgit2 into ours; `tried` completes "cannot …".
pub(super) fn unusable(tried: impl Display) -> impl FnOnce(git2::Error) -> GitError {
    move |error| {
        let reason = error.message().trim_end_matches('.');
        if error.code() == git2::ErrorCode::NotFound && error.class() == git2::ErrorClass::Odb {
            GitError::Missing(format!(
                "cannot {tried}: {reason}; fetch it, or look at the repository with `git fsck`"
            ))
        } else {
            GitError::Unusable(format!("cannot {tried}: {reason}"))
        }
    }
}

/// The error for an object that is not here.
pub(super) fn missing(id: Id) -> GitError {
    GitError::Missing(format!(
        "object {id} is not in this repository: fetch it, or look at the repository with `git fsck`"
    ))
}

fn broken(id: Id, reason: &str) -> GitError {
    GitError::Unusable(format!(
        "object {id} cannot be read: {reason}; look at the repository with `git fsck`"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::{self, Sandbox, back_ends};

    #[test]
    fn commits_read_back_whoever_writes_them() {
        for (objects, refs) in back_ends() {
            read_back(&Sandbox::of(objects, refs));
        }
    }

    fn read_back(sandbox: &Sandbox) {
        let repo = sandbox.repo("one");
        let parent = parse_id(&sandbox.commit(&repo, &[("a", "1")])).unwrap();
        let tree = repo.commit(parent).unwrap().tree;
        let identities = [
            ("Ana", "ana@example.com", "Ana <ana@example.com>"),
            ("A<n>\na.", " a@x ", "Ana <a@x>"),
            ("", "", "planspec <planspec@localhost>"),
        ];
        for (name, email, expected) in identities {
            let identity = Identity {
                name: name.to_owned(),
                email: email.to_owned(),
            };
            let id = repo
                .write_commit(&NewCommit {
                    tree,
                    parents: vec![parent],
                    message: "Subject\n\nBody\n",
                    time: testing::time(5),
                    identity: &identity,
                })
                .unwrap();
            let read = repo.commit(id).unwrap();
            assert_eq!((read.tree, read.parents), (tree, vec![parent]));
            assert_eq!(read.time, Some(testing::time(5)));
            assert_eq!(read.message, "Subject\n\nBody\n");
            let shown = sandbox.git(&repo, &["log", "-1", "--format=%an <%ae>", &id.to_string()]);
            assert_eq!(shown, expected);
        }
        sandbox.git(&repo, &["fsck", "--strict"]);
    }

    #[test]
    fn loose_and_packed_objects_read_the_same() {
        for (objects, refs) in back_ends() {
            read_the_same(&Sandbox::of(objects, refs));
        }
    }

    fn read_the_same(sandbox: &Sandbox) {
        let repo = sandbox.repo("one");
        let id = parse_id(&sandbox.commit(&repo, &[("a", "1"), ("b/c", "2")])).unwrap();
        let read = |repo: &Repo| {
            let commit = repo.commit(id).unwrap();
            let tree = repo.tree(commit.tree).unwrap();
            (commit.message, tree)
        };
        let loose = read(&repo);
        sandbox.git(&repo, &["gc", "-q", "--prune=now"]);
        assert_eq!(read(&sandbox.open("one")), loose);
        assert_eq!(loose.1[1].mode, 0o040_000);
    }
}
