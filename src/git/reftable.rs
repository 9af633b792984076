//! Refs of a repository in which only `git` reads them, such as those in a reftable.
//!
//! Each question is a process of its own: a long-running one would answer from what it has seen before.

use std::collections::BTreeMap;
use std::thread::sleep;

use super::id::{Id, parse_id};
use super::program::Program;
use super::refs::{PAUSE, Swap, Target, in_the_way, locked};
use super::{GitError, Repo, Result};

/// What a ref itself holds.
pub(super) fn target(repo: &Repo, name: &str) -> Result<Option<Target>> {
    let symbolic = Program::new(repo, "symbolic-ref")
        .args(["--quiet", name])
        .run()?;
    if symbolic.success() {
        return Ok(Some(Target::Symbolic(symbolic.text())));
    }
    if name.starts_with("refs/") {
        return Ok(get(repo, name)?.map(Target::Id));
    }
    let found = Program::new(repo, "rev-parse")
        .args(["--verify", "--quiet", "--end-of-options", name])
        .run()?;
    let id = found.text();
    Ok((found.success() && parse_id(&id).is_ok()).then_some(Target::Id(id)))
}

/// Where a ref below `refs/` points, symbolic refs followed.
pub(super) fn get(repo: &Repo, name: &str) -> Result<Option<String>> {
    Ok(listed(repo, name)?.remove(name))
}

/// The refs whose names begin with `prefix` (which ends in `/`), and where they point.
pub(super) fn list(repo: &Repo, prefix: &str) -> Result<BTreeMap<String, String>> {
    listed(repo, prefix.trim_end_matches('/'))
}

/// The ref of a name and those below it.
fn listed(repo: &Repo, name: &str) -> Result<BTreeMap<String, String>> {
    // In a pattern these mean something; in the name of a ref they cannot stand.
    if name.contains(['*', '?', '[', '\\']) {
        return Ok(BTreeMap::new());
    }
    let listed = Program::new(repo, "for-each-ref")
        .args(["--format=%(objectname) %(refname)", "--", name])
        .run()?
        .or_cannot(format!("list the refs below `{name}`"))?;
    // One that is broken is passed over with a warning: it must not be taken for one that never was.
    if let Some(line) = listed
        .stderr
        .lines()
        .find(|line| line.contains("broken ref"))
    {
        return Err(GitError::Unusable(format!(
            "{line}: inspect it with `git fsck`"
        )));
    }
    let text = listed.text();
    let refs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(refs
        .map(|(id, name)| (name.to_owned(), id.to_owned()))
        .collect())
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
