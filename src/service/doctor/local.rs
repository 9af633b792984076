//! Checks of the clone itself: missing objects, stale locks, and remains of killed
//! commands.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Flaw, Found, Patient, are, put_aside, shown};
use crate::api::doctor::{CheckName, Mended};
use crate::core::base::time::span;
use crate::core::base::words::count;
use crate::git::commit::{self, Turn};
use crate::git::locks::{self, AtWork, Lock};
use crate::git::refs::{self, Swap};
use crate::git::{aside, remote, residue, worktree};
use crate::service::{Error, Result};

/// Refs whose objects should all be in this clone.
const OURS: [&str; 3] = ["refs/heads/", "refs/remotes/", "refs/planspec/"];
/// Remote-tracking refs, which can be fetched again.
const TRACKING: &str = "refs/remotes/";

/// A younger lock may belong to a process that this machine cannot see.
const YOUNG: Duration = Duration::from_secs(60);
/// The same on systems that do not list processes.
const YOUNG_UNSEEN: Duration = Duration::from_secs(3600);
/// A commit that takes longer than this is reported.
const LONG: Duration = Duration::from_secs(60);

/// Refs that cannot be used.
struct Harmed {
    /// Broken refs: name, file, what is wrong.
    broken: Vec<(String, std::path::PathBuf, String)>,
    /// Refs with missing objects: name, id.
    cut: Vec<(String, String)>,
    /// The number of intact refs.
    sound: usize,
}

impl Patient<'_> {
    fn harmed(&self) -> Result<Harmed> {
        let mut harmed = Harmed {
            broken: Vec::new(),
            cut: Vec::new(),
            sound: 0,
        };
        let mut all = Vec::new();
        for prefix in OURS {
            let (sound, broken) = refs::list_sound(self.repo, prefix)?;
            all.extend(sound);
            let broken = broken.into_iter();
            let broken = broken.map(|(name, file, error)| (name, file, error.to_string()));
            harmed.broken.extend(broken);
        }
        let mut ids: Vec<&str> = all.iter().map(|(_, id)| id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let cut = self.repo.not_whole(&ids)?;
        let is_cut = |(_, id): &&(String, String)| cut.contains(&id.as_str());
        harmed.cut = all.iter().filter(is_cut).cloned().collect();
        harmed.sound = all.len() - harmed.cut.len();
        Ok(harmed)
    }

    pub(super) fn objects(&self) -> Result<Found> {
        let harmed = self.harmed()?;
        let broken = harmed.broken.iter().map(|(name, _, why)| {
            let flaw = Flaw::error(why);
            if name.starts_with(TRACKING) {
                flaw.mended(
                    CheckName::Objects,
                    "moves its file aside; the next fetch creates it again",
                )
            } else {
                flaw
            }
        });
        let cut = harmed.cut.iter().map(|(name, _)| {
            let flaw = Flaw::error(format!("objects of `{name}` are missing here"));
            flaw.mended(CheckName::Objects, "fetches it again")
        });
        let empty = self.repo.empty_objects();
        let empty = empty.first().map(|first| {
            let files = are(empty.len(), "object file");
            let flaw = Flaw::error(format!("{files} empty, the first {}", shown(first)));
            flaw.mended(
                CheckName::Objects,
                "moves them aside, and fetches what is then missing",
            )
        });
        let sound = format!("all is here that {} to", leads(harmed.sound));
        Ok(Found::of(broken.chain(empty).chain(cut).collect(), sound))
    }

    pub(super) fn mend_objects(&self) -> Result<Vec<Mended>> {
        let fix = CheckName::Objects;
        let empty = self.repo.empty_objects();
        let moved = match empty.as_slice() {
            [] => Vec::new(),
            empty => put_aside(fix, empty, &aside::put(self.repo, empty)?),
        };
        let harmed = self.harmed()?;
        let files = harmed.broken.into_iter();
        let files = files.filter(|(name, ..)| name.starts_with(TRACKING));
        let files: Vec<_> = files.map(|(_, file, _)| file).collect();
        let mut mended = match files.as_slice() {
            [] => Vec::new(),
            files => put_aside(fix, files, &aside::put(self.repo, files)?),
        };
        // Most missing objects of branches come with those of the remote-tracking refs.
        let (tracking, others): (Vec<_>, Vec<_>) =
            (harmed.cut.iter()).partition(|(name, _)| name.starts_with(TRACKING));
        for (name, id) in tracking.into_iter().chain(others) {
            if self.repo.not_whole(&[id])?.is_empty() {
                continue;
            }
            mended.extend(self.fetch_again(name, id)?);
        }
        mended.splice(..0, moved);
        Ok(mended)
    }

    /// Fetches the objects of a ref from its remote, else from any remote that has them.
    fn fetch_again(&self, name: &str, id: &str) -> Result<Option<Mended>> {
        let fix = CheckName::Objects;
        let of = |remote: &String| name.starts_with(&format!("{TRACKING}{remote}/"));
        let mut remotes = self.repo.remotes()?;
        if name.starts_with(TRACKING) {
            remotes.retain(of);
        }
        let mut tried = Ok(());
        for remote in &remotes {
            tried = self.repo.fetch_again(remote, id);
            if self.repo.not_whole(&[id])?.is_empty() {
                return Ok(Some(Mended {
                    fix,
                    message: format!("the objects of `{name}` were fetched from `{remote}` again"),
                    undo: None,
                }));
            }
        }
        if !name.starts_with(TRACKING) {
            tried?;
            let why = format!("objects of `{name}` are missing here and on the remotes");
            return Err(Error::unavailable(why).hint(format!("fetch `{id}` from another clone")));
        }
        for remote in &remotes {
            remote::list(self.repo, remote, &["HEAD"])?;
        }
        // The remote no longer has it; the next fetch will tell what it has now.
        let deleted = refs::delete(self.repo, name, id)? == Swap::Done;
        Ok(deleted.then(|| Mended {
            fix,
            message: format!(
                "`{name}` is deleted, because its remote lacks its objects; the next fetch creates it again"
            ),
            undo: Some(format!("git update-ref {name} {id}")),
        }))
    }

    pub(super) fn locks(&self) -> Result<Found> {
        let at_work = locks::at_work(self.repo);
        let all = locks::of_git(self.repo);
        let mut flaws = Vec::new();
        for lock in &all {
            let what = self.described(lock);
            if is_stale(lock, &at_work) {
                let flaw = Flaw::error(format!("{what}, but no process uses it any more"));
                flaws.push(flaw.mended(CheckName::Locks, "moves it aside"));
            } else if lock.age >= YOUNG {
                let who = match &at_work {
                    AtWork::Process(number, name) => {
                        format!("process {number} (`{name}`) is running here and may hold it")
                    }
                    _ => "this machine does not tell which processes are running here".to_owned(),
                };
                let flaw = Flaw::warning(format!("{what}; {who}"));
                flaws.push(flaw.hint(
                    "wait for the process that holds it; if there is none, delete that file",
                ));
            }
        }
        flaws.extend(self.long_commit()?);
        let sound = match all.len() {
            0 => "there are none".to_owned(),
            some => format!("{} held by running processes", are(some, "lock")),
        };
        Ok(Found::of(flaws, sound))
    }

    fn described(&self, lock: &Lock) -> String {
        let now = self.request.now;
        let age = TimeDelta::from_std(lock.age).unwrap_or_default();
        let by = lock.user.map(|user| format!(" by user {user}"));
        let by = by.unwrap_or_default();
        format!(
            "{} was made{by} {} ago",
            shown(&lock.path),
            span(now - age, now)
        )
    }

    fn long_commit(&self) -> Result<Option<Flaw>> {
        let Some(committing) = locks::committing(self.repo)? else {
            return Ok(None);
        };
        let (Some(process), Some(age)) = (committing.process, committing.age) else {
            return Ok(None);
        };
        let now = self.request.now;
        let since = TimeDelta::from_std(age).unwrap_or_default();
        Ok((age >= LONG).then(|| {
            let age = span(now - since, now);
            let why = format!("process {process} has been committing here with planspec for {age}");
            Flaw::warning(why).hint(format!("wait for it; if it hangs, stop it with `kill {process}`, and the next commit undoes its changes"))
        }))
    }

    pub(super) fn mend_locks(&self) -> Result<Vec<Mended>> {
        let at_work = locks::at_work(self.repo);
        let stale = locks::of_git(self.repo).into_iter();
        let stale = stale.filter(|lock| is_stale(lock, &at_work));
        let files: Vec<_> = stale.map(|lock| lock.path).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        Ok(put_aside(
            CheckName::Locks,
            &files,
            &aside::put(self.repo, &files)?,
        ))
    }

    pub(super) fn interrupted(&self, is_index_readable: bool) -> Result<Found> {
        if !is_index_readable {
            return Ok(Found::Skipped("Git cannot read its index".to_owned()));
        }
        let fix = CheckName::Interrupted;
        let mut flaws = Vec::new();
        if locks::committing(self.repo)?.is_none()
            && let Some((process, files)) = commit::interrupted(self.repo)
        {
            let why = format!(
                "process {process} was stopped while committing {}",
                files.join(", ")
            );
            let puts_back = "restores the state before, as the next command that commits does";
            flaws.push(Flaw::error(why).mended(fix, puts_back));
        }
        let left = "is left over from a stopped process";
        for draft in residue::drafts(self.repo)? {
            let flaw = Flaw::warning(format!("{} {left}", shown(&draft)));
            flaws.push(flaw.mended(fix, "moves it aside"));
        }
        for folder in worktree::stale(self.repo) {
            let flaw = Flaw::warning(format!("the work tree in {} {left}", shown(&folder)));
            flaws.push(flaw.mended(fix, "removes it, as the next `planspec work` does"));
        }
        Ok(Found::of(flaws, "no leftovers of stopped commands"))
    }

    pub(super) fn mend_interrupted(&self) -> Result<Vec<Mended>> {
        let fix = CheckName::Interrupted;
        let done = |message| Mended {
            fix,
            message,
            undo: None,
        };
        let mut mended = Vec::new();
        // The process that gets the turn restores the files of an interrupted commit.
        if let Some((_, files)) = commit::interrupted(self.repo) {
            drop(Turn::take_and_tell(self.repo)?);
            mended.push(done(format!(
                "{} restored to the state before the interrupted commit",
                are(files.len(), "file")
            )));
        }
        let drafts = residue::drafts(self.repo)?;
        if !drafts.is_empty() {
            mended.extend(put_aside(fix, &drafts, &aside::put(self.repo, &drafts)?));
        }
        let folders = worktree::stale(self.repo);
        worktree::remove_stale(self.repo);
        mended.extend(
            folders
                .iter()
                .map(|folder| done(format!("the work tree in {} is removed", shown(folder)))),
        );
        Ok(mended)
    }
}

/// Whether no process can hold a lock any more.
fn is_stale(lock: &Lock, at_work: &AtWork) -> bool {
    match at_work {
        AtWork::Process(..) => false,
        AtWork::Nobody => lock.age >= YOUNG,
        AtWork::Unknown => lock.age >= YOUNG_UNSEEN,
    }
}

/// `1 ref leads`, `2 refs lead`.
fn leads(number: usize) -> String {
    let verb = if number == 1 { "leads" } else { "lead" };
    format!("{} {verb}", count(number, "ref"))
}
