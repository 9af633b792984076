//! Refs of a repository in which only `git` reads them, such as those in a reftable.
//!
//! They are listed once and kept as long as the reftable is the same: its tables never change, and `tables.list` names those
//! that count (gitformat-reftable). Where there is no such list, each question is a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;

use super::id::{Id, parse_id};
use super::program::Program;
use super::refs::{PAUSE, Swap, Target, in_the_way, locked};
use super::{GitError, Repo, Result};

/// The names of the tables of a reftable.
const TABLES: &str = "reftable/tables.list";

/// The refs, as they were while the tables were these.
pub(super) struct Seen {
    tables: Vec<u8>,
    refs: Arc<Refs>,
}

/// What the refs of a repository hold.
#[derive(Default)]
struct Refs {
    /// The object that each leads to, and the ref that a symbolic one names.
    sound: BTreeMap<String, (String, Option<String>)>,
    /// What `git` says of those that are broken.
    broken: BTreeMap<String, String>,
}

impl Refs {
    /// One that is broken must not be taken for one that never was.
    fn check(&self, mut asked: impl FnMut(&str) -> bool) -> Result<()> {
        match self.broken.iter().find(|(name, _)| asked(name)) {
            None => Ok(()),
            Some((_, line)) => Err(GitError::Unusable(format!(
                "{line}: inspect it with `git fsck`"
            ))),
        }
    }
}

/// What a ref itself holds.
pub(super) fn target(repo: &Repo, name: &str) -> Result<Option<Target>> {
    let refs = all(repo)?;
    refs.check(|broken| broken == name)?;
    if let Some((id, symbolic)) = refs.sound.get(name) {
        return Ok(Some(match symbolic {
            Some(name) => Target::Symbolic(name.clone()),
            None => Target::Id(id.clone()),
        }));
    }
    if name.starts_with("refs/") {
        return Ok(None);
    }
    // `HEAD` on a branch without a commit is not listed, and older versions of Git list nothing outside of `refs/`.
    let symbolic = Program::new(repo, "symbolic-ref")
        .args(["--quiet", name])
        .run()?;
    if symbolic.success() {
        return Ok(Some(Target::Symbolic(symbolic.text())));
    }
    let found = Program::new(repo, "rev-parse")
        .args(["--verify", "--quiet", "--end-of-options", name])
        .run()?;
    let id = found.text();
    Ok((found.success() && parse_id(&id).is_ok()).then_some(Target::Id(id)))
}

/// Where a ref below `refs/` points, symbolic refs followed.
pub(super) fn get(repo: &Repo, name: &str) -> Result<Option<String>> {
    let refs = all(repo)?;
    refs.check(|broken| broken == name)?;
    Ok(refs.sound.get(name).map(|(id, _)| id.clone()))
}

/// The refs whose names begin with `prefix` (which ends in `/`), and where they point.
pub(super) fn list(repo: &Repo, prefix: &str) -> Result<BTreeMap<String, String>> {
    let refs = all(repo)?;
    refs.check(|broken| broken.starts_with(prefix))?;
    let below = refs.sound.range(prefix.to_owned()..);
    let below = below.take_while(|(name, _)| name.starts_with(prefix));
    Ok(below
        .map(|(name, (id, _))| (name.clone(), id.clone()))
        .collect())
}

/// All refs.
fn all(repo: &Repo) -> Result<Arc<Refs>> {
    let before = tables(repo);
    let is_known = |seen: &&Seen| before.as_ref() == Some(&seen.tables);
    if let Ok(seen) = repo.refs.lock()
        && let Some(seen) = seen.as_ref().filter(is_known)
    {
        return Ok(Arc::clone(&seen.refs));
    }
    let refs = Arc::new(listed(repo, before.is_some())?);
    // What changed meanwhile is looked at again the next time.
    if let (Some(before), Ok(mut seen)) = (before, repo.refs.lock()) {
        *seen = (tables(repo).as_ref() == Some(&before)).then(|| Seen {
            tables: before,
            refs: Arc::clone(&refs),
        });
    }
    Ok(refs)
}

/// Which tables count now, those of this work tree and those that all share; nothing where there is no reftable.
fn tables(repo: &Repo) -> Option<Vec<u8>> {
    let read = |folder: &Path| std::fs::read(folder.join(TABLES)).ok();
    let mut names = read(repo.common_dir())?;
    names.push(0);
    if repo.git_dir() != repo.common_dir() {
        names.extend(read(repo.git_dir())?);
    }
    Some(names)
}

/// Whoever reads a reftable lists `HEAD` as well.
fn listed(repo: &Repo, is_reftable: bool) -> Result<Refs> {
    let listed = Program::new(repo, "for-each-ref")
        .args(is_reftable.then_some("--include-root-refs"))
        .arg("--format=%(objectname) %(refname) %(symref)")
        .run()?
        .or_cannot("list the refs")?;
    let mut refs = Refs::default();
    for line in listed.text().lines() {
        let mut words = line.splitn(3, ' ');
        if let (Some(id), Some(name)) = (words.next(), words.next()) {
            let symbolic = words.next().filter(|name| !name.is_empty());
            let holds = (id.to_owned(), symbolic.map(str::to_owned));
            refs.sound.insert(name.to_owned(), holds);
        }
    }
    for line in listed.stderr.lines() {
        if let Some((_, name)) = line.split_once("broken ref ") {
            refs.broken.insert(name.to_owned(), line.to_owned());
        }
    }
    Ok(refs)
}

/// Move a ref from `old` (`None`: it must not exist) to `new`.
pub(super) fn swap(
    repo: &Repo,
    name: &str,
    (old, new): (Option<&str>, &str),
    message: &str,
    most: usize,
) -> Result<Swap> {
    let none = Id::none(repo.format()).to_string();
    let command = format!("update {name}\0{new}\0{}\0", old.unwrap_or(&none));
    patiently(repo, name, most, || {
        let moved = update(repo, &command, message)?;
        if moved.is_none() {
            return Ok(Ok(Swap::Done));
        }
        let is_lost = get(repo, name)?.as_deref() != old;
        Ok(moved.filter(|_| !is_lost).map_or(Ok(Swap::Lost), Err))
    })
}

/// Delete a ref that points to `old`.
pub(super) fn delete(repo: &Repo, name: &str, old: &str, most: usize) -> Result<Swap> {
    let command = format!("delete {name}\0{old}\0");
    patiently(repo, name, most, || match get(repo, name)? {
        None => Ok(Ok(Swap::Done)),
        Some(found) if found != old => Ok(Ok(Swap::Lost)),
        Some(_) => Ok(update(repo, &command, "planspec")?.map_or(Ok(Swap::Done), Err)),
    })
}

/// Have `git` change refs; what it complains of where it does not.
fn update(repo: &Repo, command: &str, message: &str) -> Result<Option<String>> {
    let changed = Program::new(repo, "update-ref")
        .args(["--no-deref", "-m", message, "--stdin", "-z"])
        .stdin(command)
        .run()?;
    Ok((!changed.success()).then(|| changed.complaint()))
}

/// Try again, so often altogether, while somebody else holds the lock.
fn patiently(
    repo: &Repo,
    name: &str,
    most: usize,
    mut change: impl FnMut() -> Result<std::result::Result<Swap, String>>,
) -> Result<Swap> {
    let mut tries = 1;
    loop {
        let complaint = match change()? {
            Ok(swap) => return Ok(swap),
            Err(complaint) => complaint,
        };
        if let Some(error) = in_the_way(repo, name)? {
            return Err(error);
        }
        if !complaint.contains("lock") {
            return Err(GitError::Unusable(format!(
                "cannot write the ref `{name}`: {complaint}"
            )));
        }
        if tries == most {
            return Err(GitError::Unusable(locked(repo, name)));
        }
        tries += 1;
        sleep(PAUSE);
    }
}
