//! Local refs. A ref only ever moves from the value that was read: compare-and-swap, under the
//! ref's own lock. Those that are files are read and moved by libgit2, those of a reftable by `git` (`reftable`), those
//! in memory by nobody else (`memory`).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use git2::{ErrorClass, ErrorCode, Reference, ReferenceType, Repository};

use super::durable::Part;
use super::id::{Id, parse_id};
use super::object::unusable;
use super::opened::Opened;
use super::{GitError, Repo, Result, reftable};

/// How often a lock that is held is tried again, and how long the pause in between is: a second
/// altogether, which is long for a living process and short for a person.
const TRIES: usize = 50;
pub(super) const PAUSE: Duration = Duration::from_millis(20);
/// The same for a ref that can as well stay where it is: a tenth of a second.
const TRIES_TO_FOLLOW: usize = 5;

/// The line of the reflog for what was seen elsewhere.
const FETCHED: &str = "planspec: fetched";

/// How a compare-and-swap went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The ref is where it should be.
    Done,
    /// The ref was not where it was expected; nothing happened.
    Lost,
}

/// What a ref holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An object id.
    Id(String),
    /// The name of another ref.
    Symbolic(String),
}

/// What a ref itself holds, `HEAD` or one below `refs/`. `None` when there is no such ref.
///
/// # Errors
/// `Unusable` when it cannot be read.
pub fn target(repo: &Repo, name: &str) -> Result<Option<Target>> {
    let git = match &repo.opened {
        Opened::ByLibgit2(git) => git,
        Opened::ByGit(_) => return reftable::target(repo, name),
        Opened::InMemory(memory) => return Ok(memory.target(name)),
    };
    let failed = || unusable(format!("read the ref `{name}`"));
    let found = match git.find_reference(name) {
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        found => found.map_err(failed())?,
    };
    let symbolic = found.symbolic_target().map_err(failed())?;
    Ok(match (symbolic, found.target()) {
        (Some(name), _) => Some(Target::Symbolic(name.to_owned())),
        (None, id) => id.map(|id| Target::Id(Id::from(id).to_string())),
    })
}

/// Where a ref points, symbolic refs followed. `None` when there is no such ref.
///
/// # Errors
/// `Unusable` when the ref is there and broken: it must not be taken for one that never was.
pub fn get(repo: &Repo, name: &str) -> Result<Option<String>> {
    let git = match &repo.opened {
        Opened::ByLibgit2(git) => git,
        Opened::ByGit(_) => return reftable::get(repo, name),
        Opened::InMemory(memory) => return Ok(memory.get(name)),
    };
    let found = git.find_reference(name).and_then(|found| {
        // Resolving one that is no symbolic ref reads it again.
        let is_symbolic = found.kind() == Some(ReferenceType::Symbolic);
        if is_symbolic {
            found.resolve()
        } else {
            Ok(found)
        }
    });
    let broken = |why: &str| {
        Err(GitError::Unusable(format!(
            "the ref `{name}` is broken ({why}): inspect it with `git fsck`, and repair it with \
             `git update-ref` from `git reflog` or the remote"
        )))
    };
    match found {
        Ok(found) => Ok(found.target().map(|id| Id::from(id).to_string())),
        Err(error) if error.code() == ErrorCode::NotFound => {
            if holds_nothing(repo, name) {
                return broken("its file is empty");
            }
            Ok(None)
        }
        Err(error) => broken(error.message()),
    }
}

/// Whether a ref has a file with nothing in it, as a crash leaves it: to libgit2 it does not exist.
fn holds_nothing(repo: &Repo, name: &str) -> bool {
    let file = std::fs::metadata(repo.common_dir().join(name));
    file.is_ok_and(|file| file.is_file() && file.len() == 0)
}

/// Every ref whose name begins with `prefix` (which ends in `/`), and where it points.
///
/// # Errors
/// `Unusable` when one of them is broken.
pub fn list(repo: &Repo, prefix: &str) -> Result<BTreeMap<String, String>> {
    let (sound, broken) = list_sound(repo, prefix)?;
    match broken.into_iter().next() {
        Some((.., error)) => Err(error),
        None => Ok(sound),
    }
}

/// A ref that is broken: its name, its file, and what is wrong.
pub type Broken = (String, PathBuf, GitError);

/// The same, with those that are broken beside the others.
///
/// # Errors
/// `Unusable` when refs cannot be listed at all.
pub fn list_sound(repo: &Repo, prefix: &str) -> Result<(BTreeMap<String, String>, Vec<Broken>)> {
    let git = match &repo.opened {
        Opened::ByLibgit2(git) => git,
        Opened::ByGit(_) => return Ok((reftable::list(repo, prefix)?, Vec::new())),
        Opened::InMemory(memory) => return Ok((memory.list(prefix), Vec::new())),
    };
    // Files first: a ref that is packed meanwhile is found there, and one that moves on is what its file says.
    let files = loose_names(repo, prefix).into_iter().map(|name| {
        let file = tidy(repo.common_dir().join(&name));
        let says = LooseRef::read(&file);
        (name, file, says)
    });
    let files: Vec<_> = files.collect();
    let mut refs = packed(git, prefix)?;
    let mut broken = Vec::new();
    for (name, file, says) in files {
        if let LooseRef::Id(id) = says {
            refs.insert(name, id.to_string());
            continue;
        }
        // What Git has packed of it does not count beside its file.
        refs.remove(&name);
        match get(repo, &name) {
            Ok(_) if says == LooseRef::Garbage => {
                let why = format!("the ref `{name}` is broken: its file holds no object id");
                broken.push((name, file, GitError::Unusable(why)));
            }
            Ok(id) => refs.extend(id.map(|id| (name, id))),
            // Where another ref is broken that it points to, that one is told of.
            Err(_) if says == LooseRef::Symbolic => {}
            Err(error) => broken.push((name, file, error)),
        }
    }
    Ok((refs, broken))
}

/// The refs below `prefix` that Git has put into one file.
fn packed(git: &Repository, prefix: &str) -> Result<BTreeMap<String, String>> {
    match std::fs::read(git.commondir().join("packed-refs")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Ok(bytes) => match read_packed(&bytes, prefix) {
            Some(refs) => Ok(refs),
            None => listed(git, prefix),
        },
        Err(_) => listed(git, prefix),
    }
}

/// The refs of such a file; nothing where anything in it is not as Git writes it.
fn read_packed(bytes: &[u8], prefix: &str) -> Option<BTreeMap<String, String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut refs = BTreeMap::new();
    // Comments, and what the tag before it stands for.
    let is_ref = |line: &&str| !line.starts_with(['#', '^']);
    for line in text.strip_suffix('\n')?.split('\n').filter(is_ref) {
        let (id, name) = line.split_once(' ')?;
        let id = parse_id(id).ok()?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return None;
        }
        if name.starts_with(prefix) {
            refs.insert(name.to_owned(), id.to_string());
        }
    }
    Some(refs)
}

/// The same as libgit2 lists them, with those that have a file of their own: it says what is wrong with a damaged file.
fn listed(git: &Repository, prefix: &str) -> Result<BTreeMap<String, String>> {
    let failed = || unusable(format!("list the refs below `{prefix}`"));
    let found = git.references_glob(&format!("{prefix}*"));
    let found = found.map_err(failed())?;
    let mut refs = BTreeMap::new();
    for found in found {
        let found = found.map_err(failed())?;
        if let (Ok(name), Some(id)) = (found.name(), found.target()) {
            refs.insert(name.to_owned(), Id::from(id).to_string());
        }
    }
    Ok(refs)
}

/// What the file of a ref holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LooseRef {
    Id(Id),
    Symbolic,
    Garbage,
    /// It may be gone: whoever reads the ref complains where it is not.
    Unreadable,
}

impl LooseRef {
    fn read(file: &Path) -> LooseRef {
        let Ok(bytes) = std::fs::read(file) else {
            return LooseRef::Unreadable;
        };
        let text = String::from_utf8_lossy(&bytes);
        if text.starts_with("ref:") {
            return LooseRef::Symbolic;
        }
        parse_id(text.trim_end()).map_or(LooseRef::Garbage, LooseRef::Id)
    }
}

/// The names of the refs below `prefix` that have a file of their own.
fn loose_names(repo: &Repo, prefix: &str) -> Vec<String> {
    let root = repo.common_dir();
    walkdir::WalkDir::new(root.join(prefix))
        .into_iter()
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.to_str()?.to_owned()))
        .filter(|name| !name.ends_with(".lock"))
        .collect()
}

/// Move the ref `name` from `old` (`None`: it must not exist) to `new`, with a line for the reflog.
///
/// # Errors
/// `Missing` when `new` is not here; `Unusable` when a lock stays, with its path and age, or when
/// another ref is in the way.
pub fn compare_and_swap(
    repo: &Repo,
    name: &str,
    old: Option<&str>,
    new: &str,
    message: &str,
) -> Result<Swap> {
    if !Reference::is_valid_name(name) {
        return Err(GitError::Unusable(format!(
            "`{}` cannot be the name of a ref",
            name.escape_debug()
        )));
    }
    repo.require(parse_id(new)?)?;
    let swap = swap(repo, name, (old, new), message, TRIES)?;
    if repo.opened.libgit2().is_some() {
        harden(repo, name)?;
    }
    Ok(swap)
}

/// Move a ref, whoever keeps it.
fn swap(
    repo: &Repo,
    name: &str,
    (old, new): (Option<&str>, &str),
    message: &str,
    most: usize,
) -> Result<Swap> {
    repo.about_to_write()?;
    match &repo.opened {
        Opened::ByLibgit2(git) => swap_file(repo, git, name, (old, new), message, most),
        Opened::ByGit(_) => reftable::swap(repo, name, (old, new), message, most),
        Opened::InMemory(memory) => {
            let swapped = memory.swap(name, old, Some(new));
            swapped.map_err(|other| is_in_the_way(name, &other))
        }
    }
}

/// The same for a ref that is a file.
fn swap_file(
    repo: &Repo,
    git: &Repository,
    name: &str,
    (old, new): (Option<&str>, &str),
    message: &str,
    most: usize,
) -> Result<Swap> {
    let new = parse_id(new)?;
    let old = old.map_or(Ok(Id::none(repo.format())), parse_id)?;
    let (Some(new), Some(old)) = (new.oid(), old.oid()) else {
        return Ok(Swap::Lost);
    };
    patiently(repo, name, most, || {
        let moved = git.reference_matching(name, new, true, old, message);
        moved.map(|_| Swap::Done)
    })
}

/// That a ref has moved, or is gone, counts when it is on the disk.
fn harden(repo: &Repo, name: &str) -> Result<()> {
    repo.durable
        .harden(Part::Reference, &repo.common_dir().join(name))
}

/// Move a ref that only says what was seen elsewhere, as `git fetch` would: whatever is in the way is passed over, since it
/// is seen again the next time. Somebody who holds it is waited for as long as Git itself waits.
pub fn follow(repo: &Repo, name: &str, tip: &str) {
    let moved = get(repo, name).and_then(|old| {
        if old.as_deref() == Some(tip) {
            return Ok(Swap::Done);
        }
        // Somebody else's fetch may be first; theirs is as good.
        let ids = (old.as_deref(), tip);
        swap(repo, name, ids, FETCHED, TRIES_TO_FOLLOW)
    });
    if let Err(error) = moved {
        tracing::warn!("the fetched state cannot be stored: {error}");
    }
}

/// Delete the ref `name` if it points to `old`. One that is gone already counts as done.
///
/// # Errors
/// `Unusable` when a lock stays, with its path and age.
pub fn delete(repo: &Repo, name: &str, old: &str) -> Result<Swap> {
    repo.about_to_write()?;
    let git = match &repo.opened {
        Opened::ByLibgit2(git) => git,
        Opened::ByGit(_) => return reftable::delete(repo, name, old, TRIES),
        Opened::InMemory(memory) if memory.target(name).is_none() => return Ok(Swap::Done),
        Opened::InMemory(memory) => {
            let swapped = memory.swap(name, Some(old), None);
            return swapped.map_err(|other| is_in_the_way(name, &other));
        }
    };
    let old = parse_id(old)?;
    let swap = patiently(repo, name, TRIES, || {
        let mut found = match git.find_reference(name) {
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(Swap::Done),
            found => found?,
        };
        if found.target().map(Id::from) != Some(old) {
            return Ok(Swap::Lost);
        }
        // Compares again, under the lock.
        found.delete().map(|()| Swap::Done)
    })?;
    harden(repo, name)?;
    Ok(swap)
}

/// Try again, so often altogether, while somebody else holds the lock, or removes an empty folder under our
/// feet.
fn patiently(
    repo: &Repo,
    name: &str,
    most: usize,
    mut change: impl FnMut() -> std::result::Result<Swap, git2::Error>,
) -> Result<Swap> {
    let mut tries = 1;
    loop {
        let error = match change() {
            Ok(swap) => return Ok(swap),
            Err(error) => error,
        };
        let passing = error.code() == ErrorCode::Locked || error.class() == ErrorClass::Os;
        match error.code() {
            ErrorCode::Modified | ErrorCode::NotFound => return Ok(Swap::Lost),
            _ if passing && tries < most => {
                tries += 1;
                sleep(PAUSE);
            }
            ErrorCode::Locked => return Err(GitError::Unusable(locked(repo, name))),
            _ => {
                let failed = unusable(format!("write the ref `{name}`"));
                return Err(in_the_way(repo, name)?.unwrap_or_else(|| failed(error)));
            }
        }
    }
}

/// Of the refs `a` and `a/b` only one can be: that another is in the way of this one.
pub(super) fn in_the_way(repo: &Repo, name: &str) -> Result<Option<GitError>> {
    let mut other = None;
    for (at, _) in name.match_indices('/') {
        let above = name.get(..at).unwrap_or_default();
        if Reference::is_valid_name(above) && get(repo, above)?.is_some() {
            other = Some(above.to_owned());
        }
    }
    let below = || Ok::<_, GitError>(list(repo, &format!("{name}/"))?.into_keys().next());
    let other = other.map_or_else(below, |other| Ok(Some(other)))?;
    Ok(other.map(|other| is_in_the_way(name, &other)))
}

fn is_in_the_way(name: &str, other: &str) -> GitError {
    GitError::Unusable(format!(
        "cannot write the ref `{name}`: the ref `{other}` is in the way; rename or delete it"
    ))
}

pub(super) fn locked(repo: &Repo, name: &str) -> String {
    let candidates = [
        format!("{name}.lock"),
        "packed-refs.lock".to_owned(),
        "reftable/tables.list.lock".to_owned(),
    ];
    let lock = candidates
        .iter()
        .map(|lock| repo.common_dir().join(lock))
        .find_map(|path| Some((std::fs::metadata(&path).ok()?.modified().ok()?, path)));
    match lock {
        Some((made, path)) => {
            let age = made.elapsed().unwrap_or_default().as_secs();
            format!(
                "the ref `{name}` is locked by `{}`, {age} s old: wait for the process that holds \
                 it; if none does, delete that file",
                tidy(path).display()
            )
        }
        None => format!("the ref `{name}` is locked repeatedly: try again"),
    }
}

/// libgit2's paths end in `/`, and mix with ours.
fn tidy(path: PathBuf) -> PathBuf {
    path.components().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::{Sandbox, back_ends};

    const NAME: &str = "refs/heads/planspec/status";

    #[test]
    fn a_ref_moves_only_from_the_value_that_was_read() {
        for (objects, refs) in back_ends() {
            moves(&Sandbox::of(objects, refs));
        }
    }

    fn moves(sandbox: &Sandbox) {
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let second = sandbox.commit(&repo, &[("a", "2")]);
        let swap = |old: Option<&String>, new: &String| {
            compare_and_swap(&repo, NAME, old.map(String::as_str), new, "test").unwrap()
        };
        assert_eq!(swap(Some(&first), &second), Swap::Lost, "there is no ref");
        assert_eq!(get(&repo, NAME).unwrap(), None);
        assert_eq!(swap(None, &first), Swap::Done);
        assert_eq!(swap(None, &second), Swap::Lost, "it is taken");
        assert_eq!(swap(Some(&second), &second), Swap::Lost, "it is elsewhere");
        assert_eq!(get(&repo, NAME).unwrap(), Some(first.clone()));
        assert_eq!(swap(Some(&first), &second), Swap::Done);
        assert_eq!(get(&repo, NAME).unwrap(), Some(second.clone()));
        assert_eq!(delete(&repo, NAME, &first).unwrap(), Swap::Lost);
        assert_eq!(delete(&repo, NAME, &second).unwrap(), Swap::Done);
        assert_eq!(delete(&repo, NAME, &second).unwrap(), Swap::Done, "gone");
        assert_eq!(get(&repo, NAME).unwrap(), None);
    }

    #[test]
    fn packed_refs_are_compared_too() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let second = sandbox.commit(&repo, &[("a", "2")]);
        sandbox.git(&repo, &["update-ref", NAME, &first]);
        sandbox.git(&repo, &["pack-refs", "--all"]);
        let swap = |old| compare_and_swap(&repo, NAME, old, &second, "test").unwrap();
        assert_eq!(swap(None), Swap::Lost);
        assert_eq!(swap(Some(&first)), Swap::Done);
    }

    #[test]
    fn of_eight_threads_exactly_one_creates_a_ref() {
        for (objects, refs) in back_ends() {
            one_of_eight(&Sandbox::of(objects, refs));
        }
    }

    fn one_of_eight(sandbox: &Sandbox) {
        let repo = sandbox.repo("one");
        let ids: Vec<String> = (0..8)
            .map(|n| sandbox.commit(&repo, &[("a", &n.to_string())]))
            .collect();
        let name = "refs/planspec/work/n/e/u/a/1";
        let swaps: Vec<Swap> = std::thread::scope(|scope| {
            let threads: Vec<_> = ids
                .iter()
                .map(|id| {
                    let open = sandbox.opener("one");
                    scope.spawn(move || {
                        let repo = open();
                        compare_and_swap(&repo, name, None, id, "test").unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..8).filter(|n| swaps[*n] == Swap::Done).collect();
        assert_eq!(winners.len(), 1, "{swaps:?}");
        assert_eq!(get(&repo, name).unwrap(), Some(ids[winners[0]].clone()));
    }

    #[test]
    fn a_stale_lock_is_named_with_its_age_and_never_deleted() {
        let sandbox = Sandbox::of("sha1", "files");
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1")]);
        let lock = repo.common_dir().join(format!("{NAME}.lock"));
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(&lock, "").unwrap();
        let error = compare_and_swap(&repo, NAME, None, &commit, "test").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("planspec/status.lock`, "), "{text}");
        assert!(text.contains(" s old"), "{text}");
        assert!(lock.exists());
    }

    #[test]
    fn a_broken_ref_is_not_taken_for_one_that_never_was() {
        let sandbox = Sandbox::of("sha1", "files");
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1")]);
        let file = repo.common_dir().join(NAME);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        for content in ["", "nonsense\n"] {
            std::fs::write(&file, content).unwrap();
            for error in [
                get(&repo, NAME).unwrap_err(),
                list(&repo, "refs/heads/planspec/").unwrap_err(),
                compare_and_swap(&repo, NAME, None, &commit, "test").unwrap_err(),
            ] {
                assert!(error.to_string().contains(NAME), "{content:?}: {error}");
            }
            assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
        }
    }

    #[test]
    fn a_branch_in_the_way_is_named() {
        for (objects, refs) in back_ends() {
            is_in_the_way(&Sandbox::of(objects, refs));
        }
    }

    fn is_in_the_way(sandbox: &Sandbox) {
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1")]);
        sandbox.git(&repo, &["branch", "planspec"]);
        let error = compare_and_swap(&repo, NAME, None, &commit, "test").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("`refs/heads/planspec` is in the way"),
            "{text}"
        );
        let error = compare_and_swap(&repo, "refs/heads", None, &commit, "test").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`refs/heads/main` is in the way"), "{text}");
    }

    #[test]
    fn a_symbolic_ref_is_told_from_an_id() {
        for (objects, refs) in back_ends() {
            let sandbox = Sandbox::of(objects, refs);
            let repo = sandbox.repo("one");
            let branch = Some(Target::Symbolic("refs/heads/main".to_owned()));
            assert_eq!(target(&repo, "HEAD").unwrap(), branch, "unborn");
            let commit = sandbox.commit(&repo, &[("a", "1")]);
            let id = Some(Target::Id(commit.clone()));
            assert_eq!(target(&repo, "HEAD").unwrap(), branch);
            assert_eq!(target(&repo, "refs/heads/main").unwrap(), id);
            assert_eq!(target(&repo, "refs/heads/none").unwrap(), None);
            sandbox.git(
                &repo,
                &["symbolic-ref", "refs/heads/also", "refs/heads/main"],
            );
            assert_eq!(target(&repo, "refs/heads/also").unwrap(), branch);
            assert_eq!(get(&repo, "refs/heads/also").unwrap(), Some(commit));
            sandbox.git(&repo, &["checkout", "-q", "--detach"]);
            assert_eq!(target(&repo, "HEAD").unwrap(), id);
        }
    }

    #[test]
    fn refs_are_listed_below_a_prefix() {
        for (objects, refs) in back_ends() {
            are_listed(&Sandbox::of(objects, refs));
        }
    }

    fn are_listed(sandbox: &Sandbox) {
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1")]);
        let names = ["refs/planspec/requests/x", "refs/planspec/work/n/e/u/a/1"];
        for name in names {
            sandbox.git(&repo, &["update-ref", name, &commit]);
        }
        sandbox.git(
            &repo,
            &["update-ref", "refs/planspec-remote/origin/work/x", &commit],
        );
        let found = list(&repo, "refs/planspec/").unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), names);
        assert!(found.values().all(|id| *id == commit));
    }

    #[test]
    fn refs_are_listed_as_git_lists_them_however_they_are_kept() {
        let sandbox = Sandbox::of("sha1", "files");
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let second = sandbox.commit(&repo, &[("a", "2")]);
        let git = |args: &[&str]| sandbox.git(&repo, args);
        let by_git = |prefix: &str| -> BTreeMap<String, String> {
            let lines = git(&["for-each-ref", "--format=%(refname) %(objectname)", prefix]);
            let pairs = lines.lines().filter_map(|line| line.split_once(' '));
            pairs
                .map(|(name, id)| (name.to_owned(), id.to_owned()))
                .collect()
        };
        let check = |what: &str| {
            for prefix in ["refs/heads/", "refs/tags/", "refs/planspec/", "refs/none/"] {
                assert_eq!(
                    list(&repo, prefix).unwrap(),
                    by_git(prefix),
                    "{what}: {prefix}"
                );
            }
        };
        for name in ["a/b/c", "a/b/d", "z"] {
            git(&["update-ref", &format!("refs/heads/{name}"), &first]);
            git(&["update-ref", &format!("refs/planspec/{name}"), &second]);
        }
        git(&["tag", "-a", "-m", "x", "v1", &first]);
        check("loose");
        git(&["pack-refs", "--all"]);
        check("packed");
        git(&["update-ref", "refs/heads/z", &second]);
        git(&["update-ref", "-d", "refs/planspec/a/b/c"]);
        git(&["symbolic-ref", "refs/heads/points", "refs/heads/z"]);
        git(&["update-ref", "refs/heads/new", &second]);
        check("some of both");
        // A file that is broken does not count for what is packed under its name; a pointer to nothing is no ref.
        let file = |name: &str| repo.common_dir().join(name);
        std::fs::create_dir_all(file("refs/heads/a/b")).unwrap();
        std::fs::write(file("refs/heads/a/b/c"), "garbage").unwrap();
        std::fs::write(file("refs/heads/a/b/d"), "ref: refs/heads/nothing\n").unwrap();
        let (sound, broken) = list_sound(&repo, "refs/heads/").unwrap();
        let names: Vec<&str> = sound.keys().map(String::as_str).collect();
        let expected = ["main", "new", "points", "z"].map(|name| format!("refs/heads/{name}"));
        assert_eq!(names, expected);
        assert_eq!(broken[0].0, "refs/heads/a/b/c");
        assert_eq!(broken.len(), 1);
        // Of a damaged file libgit2 says what is wrong.
        let packed = std::fs::read_to_string(file("packed-refs")).unwrap();
        std::fs::write(file("packed-refs"), packed.replace(&first, "nonsense")).unwrap();
        assert!(list(&repo, "refs/tags/").is_err());
    }
}
