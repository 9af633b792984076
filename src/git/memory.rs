//! A repository in memory: objects, refs and configuration in maps, and other such repositories as its remotes.
//!
//! It is a back end like libgit2 and `git`, for programs that need thousands of repositories for a moment, such as
//! simulations. It has no work tree and no history that is cut off, and what only the `git` program can do (blame, hooks,
//! signatures) is not there. A remote answers in the words of `git`, so that whoever reads them reads the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::id::{Id, ObjectFormat, bytes_of};
use super::object::ObjectKind;
use super::opened::Opened;
use super::program::Output;
use super::refs::{Swap, Target};
use super::world::Question;
use super::{GitError, Repo, Result};

/// A folder that no machine has: nothing on the disk is taken for a part of the repository.
const NOWHERE: &str = "/dev/null/in-memory";
/// Git's exit codes for a push that was refused in part, and for a question that was not answered.
const REFUSED: i32 = 1;
const FATAL: i32 = 128;

/// The length of the ids of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdFormat {
    /// Twenty bytes.
    Sha1,
    /// Thirty-two bytes.
    Sha256,
}

/// A repository in memory; clones of this value are the same repository.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    format: ObjectFormat,
    objects: Mutex<HashMap<Id, Object>>,
    refs: Mutex<BTreeMap<String, Target>>,
    config: Mutex<Vec<(String, Option<String>)>>,
    remotes: Mutex<BTreeMap<String, Memory>>,
    files: Mutex<BTreeMap<String, Arc<[u8]>>>,
    pages: Mutex<BTreeMap<String, StoredPages>>,
}

#[derive(Clone)]
struct Object {
    kind: ObjectKind,
    bytes: Arc<[u8]>,
}

/// Pages of an index, and what they belong to.
#[derive(Clone, Default)]
pub(super) struct StoredPages {
    pub key: String,
    pub pages: Arc<BTreeMap<u32, Arc<str>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What another thread was about to write when it ended is not there, and the rest is sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} objects)", locked(&self.0.objects).len())
    }
}

impl Memory {
    /// An empty repository, on the unborn branch `main`.
    pub fn new(format: IdFormat) -> Memory {
        let format = match format {
            IdFormat::Sha1 => ObjectFormat::Sha1,
            IdFormat::Sha256 => ObjectFormat::Sha256,
        };
        let head = Target::Symbolic("refs/heads/main".to_owned());
        Memory(Arc::new(Inner {
            format,
            objects: Mutex::default(),
            refs: Mutex::new(BTreeMap::from([("HEAD".to_owned(), head)])),
            config: Mutex::default(),
            remotes: Mutex::default(),
            files: Mutex::default(),
            pages: Mutex::default(),
        }))
    }

    /// Open it.
    pub fn open(&self) -> Repo {
        Repo::from_opened(Opened::InMemory(self.clone()), None, false)
    }

    /// Set a value of its configuration, for whoever opens it from here on. The key is as Git lists it.
    pub fn set(&self, key: &str, value: &str) {
        locked(&self.0.config).push((key.to_owned(), Some(value.to_owned())));
    }

    /// Have another repository as a remote.
    pub fn add_remote(&self, name: &str, remote: &Memory) {
        locked(&self.0.remotes).insert(name.to_owned(), remote.clone());
        self.set(&format!("remote.{name}.url"), &format!("memory:{name}"));
    }

    /// Everything in it.
    #[cfg(test)]
    pub(super) fn all(&self) -> (Vec<(ObjectKind, Arc<[u8]>)>, BTreeMap<String, Target>) {
        let objects = locked(&self.0.objects);
        let all = objects.values().map(|one| (one.kind, one.bytes.clone()));
        (all.collect(), locked(&self.0.refs).clone())
    }

    /// Its remotes.
    #[cfg(test)]
    pub(super) fn remotes(&self) -> BTreeMap<String, Memory> {
        locked(&self.0.remotes).clone()
    }

    /// Have these refs, and no others.
    #[cfg(test)]
    pub(super) fn set_refs(&self, refs: BTreeMap<String, Target>) {
        *locked(&self.0.refs) = refs;
    }

    /// A remote that was added.
    fn remote(&self, name: &str) -> Option<Memory> {
        locked(&self.0.remotes).get(name).cloned()
    }

    pub(super) fn folder(&self) -> &Path {
        Path::new(NOWHERE)
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.0.format
    }

    pub(super) fn config(&self) -> Vec<(String, Option<String>)> {
        locked(&self.0.config).clone()
    }
}

/// Objects.
impl Memory {
    /// The commit that a revision names: an id, or the name of a ref.
    pub(super) fn revision(&self, revision: &str) -> Option<String> {
        let (name, is_commit) = match revision.strip_suffix("^{commit}") {
            Some(name) => (name, true),
            None => (revision, false),
        };
        let places = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let by_name = || {
            places
                .iter()
                .find_map(|place| self.get(&format!("{place}{name}")))
        };
        let found = Id::from_hex(name)
            .map(|id| id.to_string())
            .or_else(by_name)?;
        let (_, kind) = self.header(Id::from_hex(&found)?)?;
        (!is_commit || kind == ObjectKind::Commit).then_some(found)
    }

    pub(super) fn header(&self, id: Id) -> Option<(usize, ObjectKind)> {
        let objects = locked(&self.0.objects);
        let found = objects.get(&id)?;
        Some((found.bytes.len(), found.kind))
    }

    pub(super) fn read(&self, id: Id) -> Option<Arc<[u8]>> {
        Some(Arc::clone(&locked(&self.0.objects).get(&id)?.bytes))
    }

    pub(super) fn write(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Id> {
        let without_id = || GitError::Unusable(format!("cannot tell the id of a {kind}"));
        let id = Id::of(self.0.format, kind, bytes).ok_or_else(without_id)?;
        let mut objects = locked(&self.0.objects);
        objects.entry(id).or_insert_with(|| Object {
            kind,
            bytes: bytes.into(),
        });
        Ok(id)
    }

    fn object(&self, id: Id) -> Option<Object> {
        locked(&self.0.objects).get(&id).cloned()
    }

    /// Take over objects of another repository with everything behind them; behind what is here, all is here. The first
    /// that the other one does not have is an error.
    fn take(&self, from: &Memory, ids: &[Id]) -> std::result::Result<(), Id> {
        let mut taken = HashMap::new();
        let mut open = ids.to_vec();
        while let Some(id) = open.pop() {
            if taken.contains_key(&id) || self.header(id).is_some() {
                continue;
            }
            let object = from.object(id).ok_or(id)?;
            open.extend(behind(&object, bytes_of(self.0.format)));
            taken.insert(id, object);
        }
        locked(&self.0.objects).extend(taken);
        Ok(())
    }

    /// Whether a commit is another one or behind it.
    pub(super) fn reaches(&self, new: Id, old: Id) -> bool {
        let mut seen = HashSet::from([new]);
        let mut open = vec![new];
        while let Some(id) = open.pop() {
            if id == old {
                return true;
            }
            let parents = self.parents(id).into_iter();
            open.extend(parents.filter(|parent| seen.insert(*parent)));
        }
        false
    }

    /// A commit and all that are behind it.
    pub(super) fn history(&self, tip: Id) -> HashSet<Id> {
        let mut seen = HashSet::from([tip]);
        let mut open = vec![tip];
        while let Some(id) = open.pop() {
            let parents = self.parents(id).into_iter();
            open.extend(parents.filter(|parent| seen.insert(*parent)));
        }
        seen
    }

    /// A common ancestor of two commits behind which all others are, or one of several.
    pub(super) fn merge_base(&self, one: Id, other: Id) -> Option<Id> {
        let known = self.history(one);
        let common: BTreeSet<Id> = self.history(other).intersection(&known).copied().collect();
        let is_behind = |id: &Id| {
            let mut others = common.iter().filter(|other| *other != id);
            others.any(|other| self.parents(*other).contains(id))
        };
        common.iter().find(|id| !is_behind(id)).copied()
    }

    fn parents(&self, id: Id) -> Vec<Id> {
        let object = self.object(id).filter(|one| one.kind == ObjectKind::Commit);
        object.map_or_else(Vec::new, |commit| named_in(&commit.bytes, "parent"))
    }
}

/// The ids behind a word in the header of a commit or a tag.
fn named_in(text: &[u8], word: &str) -> Vec<Id> {
    let lines = text.split(|byte| *byte == b'\n');
    let header = lines.take_while(|line| !line.is_empty());
    let named = header.filter_map(|line| line.strip_prefix(word.as_bytes())?.strip_prefix(b" "));
    named
        .filter_map(|hex| Id::from_hex(std::str::from_utf8(hex).ok()?))
        .collect()
}

/// The objects that an object names.
fn behind(object: &Object, id_bytes: usize) -> Vec<Id> {
    let text = &object.bytes;
    match object.kind {
        ObjectKind::Commit => [named_in(text, "tree"), named_in(text, "parent")].concat(),
        ObjectKind::Tag => named_in(text, "object"),
        ObjectKind::Tree => entries(text, id_bytes),
        _ => Vec::new(),
    }
}

/// The ids in a tree, each so many bytes long, without those of submodules.
fn entries(tree: &[u8], id_bytes: usize) -> Vec<Id> {
    let mut found = Vec::new();
    let mut rest = tree;
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let (name, behind) = rest.split_at(end);
        let Some((id, behind)) = behind[1..].split_at_checked(id_bytes) else {
            break;
        };
        if !name.starts_with(b"160000 ") {
            found.extend(Id::from_bytes(id));
        }
        rest = behind;
    }
    found
}

/// Refs.
impl Memory {
    pub(super) fn target(&self, name: &str) -> Option<Target> {
        locked(&self.0.refs).get(name).cloned()
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        resolved(&locked(&self.0.refs), name)
    }

    pub(super) fn list(&self, prefix: &str) -> BTreeMap<String, String> {
        let refs = locked(&self.0.refs);
        let below = refs.range(prefix.to_owned()..);
        let below = below.take_while(|(name, _)| name.starts_with(prefix));
        let found = below.filter_map(|(name, _)| Some((name.clone(), resolved(&refs, name)?)));
        found.collect()
    }

    /// Move a ref from `old` (`None`: it must not exist) to `new` (`None`: it shall be gone).
    pub(super) fn swap(
        &self,
        name: &str,
        old: Option<&str>,
        new: Option<&str>,
    ) -> std::result::Result<Swap, String> {
        swap(&mut locked(&self.0.refs), name, old, new)
    }
}

/// Where a ref points, symbolic refs followed.
fn resolved(refs: &BTreeMap<String, Target>, name: &str) -> Option<String> {
    let mut name = name;
    // So many Git follows.
    for _ in 0..5 {
        match refs.get(name)? {
            Target::Id(id) => return Some(id.clone()),
            Target::Symbolic(next) => name = next,
        }
    }
    None
}

/// Of the refs `a` and `a/b` only one can be: that another is in the way of this one.
fn in_the_way(refs: &BTreeMap<String, Target>, name: &str) -> Option<String> {
    let above = name.match_indices('/').map(|(at, _)| &name[..at]);
    let mut above = above.filter(|above| refs.contains_key(*above));
    let below = format!("{name}/");
    let first_below = || {
        let (next, _) = refs.range(below.clone()..).next()?;
        next.starts_with(&below).then(|| next.clone())
    };
    above.next().map(str::to_owned).or_else(first_below)
}

/// Move a ref, or say which one is in the way.
fn swap(
    refs: &mut BTreeMap<String, Target>,
    name: &str,
    old: Option<&str>,
    new: Option<&str>,
) -> std::result::Result<Swap, String> {
    if resolved(refs, name).as_deref() != old {
        return Ok(Swap::Lost);
    }
    match new {
        None => {
            refs.remove(name);
        }
        Some(new) => {
            if let Some(other) = in_the_way(refs, name) {
                return Err(other);
            }
            refs.insert(name.to_owned(), Target::Id(new.to_owned()));
        }
    }
    Ok(Swap::Done)
}

/// Files of its own, as a repository on the disk has them beside what Git keeps.
impl Memory {
    pub(super) fn file(&self, name: &str) -> Option<Arc<[u8]>> {
        locked(&self.0.files).get(name).cloned()
    }

    pub(super) fn files_below(&self, prefix: &str) -> Vec<(String, Arc<[u8]>)> {
        let files = locked(&self.0.files);
        let below = files.range(prefix.to_owned()..);
        let below = below.map_while(|(name, bytes)| Some((name.strip_prefix(prefix)?, bytes)));
        below
            .map(|(name, bytes)| (name.to_owned(), Arc::clone(bytes)))
            .collect()
    }

    pub(super) fn keep_file(&self, name: &str, bytes: &[u8]) {
        locked(&self.0.files).insert(name.to_owned(), bytes.into());
    }

    pub(super) fn forget_file(&self, name: &str) {
        locked(&self.0.files).remove(name);
    }

    pub(super) fn pages(&self, name: &str) -> StoredPages {
        let pages = locked(&self.0.pages);
        pages.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn keep_pages(&self, name: &str, pages: StoredPages) {
        locked(&self.0.pages).insert(name.to_owned(), pages);
    }
}

/// What a remote answers.
impl Memory {
    /// Ask a remote of this repository.
    pub(super) fn ask(&self, remote: &str, question: &Question<'_>) -> Output {
        let Some(remote) = self.remote(remote) else {
            return fatal(format!("'{remote}' does not appear to be a git repository"));
        };
        match question {
            Question::List { patterns } => remote.listed(patterns),
            Question::Fetch { wanted, .. } => self.fetched(&remote, wanted),
            Question::Push {
                atomic,
                leases,
                specs,
            } => self.pushed(&remote, *atomic, leases, specs),
        }
    }

    /// As `git ls-remote --symref`.
    fn listed(&self, patterns: &[&str]) -> Output {
        let refs = locked(&self.0.refs);
        let mut text = String::new();
        if let Some(id) = resolved(&refs, "HEAD") {
            if let Some(Target::Symbolic(name)) = refs.get("HEAD") {
                text.push_str(&format!("ref: {name}\tHEAD\n"));
            }
            text.push_str(&format!("{id}\tHEAD\n"));
        }
        for name in refs.keys().filter(|name| name.starts_with("refs/")) {
            let is_wanted = patterns.iter().any(|pattern| is_like(name, pattern));
            if let Some(id) = resolved(&refs, name).filter(|_| is_wanted) {
                text.push_str(&format!("{id}\t{name}\n"));
            }
        }
        answer(0, text, String::new())
    }

    fn fetched(&self, remote: &Memory, wanted: &str) -> Output {
        let ids: Vec<Id> = wanted.lines().filter_map(Id::from_hex).collect();
        match self.take(remote, &ids) {
            Ok(()) => answer(0, String::new(), String::new()),
            Err(id) => fatal(format!("remote error: upload-pack: not our ref {id}")),
        }
    }

    /// As `git push --porcelain`.
    fn pushed(&self, remote: &Memory, atomic: bool, leases: &[String], specs: &[String]) -> Output {
        let mut refs = locked(&remote.0.refs);
        let mut pushes = Vec::new();
        for spec in specs {
            let Some(push) = Push::read(spec, leases) else {
                return fatal(format!("invalid refspec '{spec}'"));
            };
            if let Some(missing) = push.new.filter(|id| remote.take(self, &[*id]).is_err()) {
                return fatal(format!("bad object {missing}"));
            }
            pushes.push(push);
        }
        let mut moved = refs.clone();
        let answers: Vec<Answer> = pushes
            .iter()
            .map(|push| push.run(remote, &mut moved))
            .collect();
        let is_fine = answers.iter().all(|answer| answer.flag != '!');
        let is_undone = atomic && !is_fine;
        if !is_undone {
            *refs = moved;
        }
        let mut text = "To memory\n".to_owned();
        for (spec, answer) in specs.iter().zip(answers) {
            let answer = match answer.flag {
                flag if flag != '!' && is_undone => Answer::refused("atomic push failure"),
                _ => answer,
            };
            text.push_str(&format!("{}\t{spec}\t{}\n", answer.flag, answer.text));
        }
        if is_fine {
            text.push_str("Done\n");
            return answer(0, text, String::new());
        }
        let why = "error: failed to push some refs to 'memory'";
        answer(REFUSED, text, why.to_owned())
    }
}

/// Whether a name is meant by a full name, or by a prefix that ends in `*`.
fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// One ref of a push.
struct Push<'a> {
    name: &'a str,
    new: Option<Id>,
    /// The id that it is expected to have; nothing where nobody says it.
    expected: Option<Option<Id>>,
    /// Whether it may move elsewhere than forward, whatever is expected.
    is_forced: bool,
}

/// What became of it.
struct Answer {
    flag: char,
    text: String,
}

impl Answer {
    fn of(flag: char, text: &str) -> Answer {
        Answer {
            flag,
            text: text.to_owned(),
        }
    }

    fn refused(why: &str) -> Answer {
        Answer::of('!', &format!("[remote rejected] ({why})"))
    }
}

impl<'a> Push<'a> {
    fn read(spec: &'a str, leases: &[String]) -> Option<Push<'a>> {
        let (new, name) = spec.trim_start_matches('+').split_once(':')?;
        let lease = format!("--force-with-lease={name}:");
        let expected = leases.iter().find_map(|one| one.strip_prefix(&lease));
        Some(Push {
            name,
            new: Id::from_hex(new),
            expected: expected.map(Id::from_hex),
            is_forced: spec.starts_with('+'),
        })
    }

    /// Move the ref, where it is expected to be.
    fn run(&self, remote: &Memory, refs: &mut BTreeMap<String, Target>) -> Answer {
        let found = resolved(refs, self.name);
        let found_id = found.as_deref().and_then(Id::from_hex);
        if found_id == self.new {
            return Answer::of('=', "[up to date]");
        }
        if self.expected.is_some_and(|expected| expected != found_id) {
            return Answer::of('!', "[rejected] (stale info)");
        }
        if self.expected.is_none()
            && !self.is_forced
            && let (Some(found), Some(new)) = (found_id, self.new)
            && !remote.reaches(new, found)
        {
            return Answer::of('!', "[rejected] (non-fast-forward)");
        }
        let new = self.new.map(|id| id.to_string());
        match swap(refs, self.name, found.as_deref(), new.as_deref()) {
            Err(other) => Answer::refused(&format!("'{other}' exists; cannot create it")),
            Ok(Swap::Lost) => Answer::refused("failed to update ref"),
            Ok(Swap::Done) => match (found, new) {
                (_, None) => Answer::of('-', "[deleted]"),
                (None, Some(_)) => Answer::of('*', "[new reference]"),
                (Some(found), Some(new)) => Answer::of(' ', &format!("{found}..{new}")),
            },
        }
    }
}

fn answer(code: i32, text: String, stderr: String) -> Output {
    Output {
        code,
        stdout: text.into_bytes(),
        stderr,
    }
}

fn fatal(why: String) -> Output {
    answer(FATAL, String::new(), format!("fatal: {why}"))
}
