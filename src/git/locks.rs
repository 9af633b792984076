//! Locks: which there are, how old they are, and whether anybody who may hold them is at work.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Repo, Result, unusable_file};

/// Folders of a Git directory in which locks lie, beside those of refs.
const FOLDERS: [&str; 6] = [
    "",
    "objects",
    "objects/info",
    "objects/info/commit-graphs",
    "objects/pack",
    "reftable",
];

/// A file by which somebody keeps others out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Where it lies.
    pub path: PathBuf,
    /// How long ago it was made.
    pub age: Duration,
    /// Number of the user who made it, where files have one.
    pub user: Option<u32>,
}

/// Whether anybody is at work in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtWork {
    /// Nobody.
    Nobody,
    /// Such a process, with this number.
    Process(u32, String),
    /// This machine does not say.
    Unknown,
}

/// The locks of Git's that there are.
pub fn of_git(repo: &Repo) -> Vec<Lock> {
    let mut roots = vec![repo.common_dir()];
    if repo.git_dir() != repo.common_dir() {
        roots.push(repo.git_dir());
    }
    let mut found = Vec::new();
    for root in roots {
        for folder in FOLDERS {
            let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
            found.extend(entries.flatten().map(|entry| entry.path()));
        }
        let refs = walkdir::WalkDir::new(root.join("refs")).into_iter();
        found.extend(refs.filter_map(|entry| Some(entry.ok()?.into_path())));
    }
    found.sort();
    found.dedup();
    found.iter().filter_map(|path| lock(path)).collect()
}

fn lock(path: &Path) -> Option<Lock> {
    let is_lock = path.extension().is_some_and(|ending| ending == "lock");
    let file = path.symlink_metadata().ok()?;
    (is_lock && file.is_file()).then(|| Lock {
        path: path.components().collect(),
        age: age(file.modified().ok()),
        user: user(&file),
    })
}

fn age(time: Option<SystemTime>) -> Duration {
    let age = time.and_then(|time| time.elapsed().ok());
    age.unwrap_or_default()
}

#[cfg(unix)]
fn user(file: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(file.uid())
}

#[cfg(not(unix))]
fn user(_: &fs::Metadata) -> Option<u32> {
    None
}

/// Whether a Git, or another process of this program, works in this repository.
pub fn at_work(repo: &Repo) -> AtWork {
    let folders = [
        repo.workdir(),
        Some(repo.git_dir()),
        Some(repo.common_dir()),
    ];
    let folders: Vec<&Path> = folders.into_iter().flatten().collect();
    running(&["git", "planspec"], &folders)
}

/// Whether a program whose name begins so runs in one of these folders, this process aside.
pub(super) fn running(names: &[&str], folders: &[&Path]) -> AtWork {
    let Ok(processes) = fs::read_dir("/proc") else {
        return AtWork::Unknown;
    };
    let mut any = false;
    for process in processes.flatten() {
        let place = process.path();
        // Others, as `self`, are second names.
        let Ok(number) = process.file_name().to_string_lossy().parse() else {
            continue;
        };
        let Ok(name) = fs::read_to_string(place.join("comm")) else {
            continue;
        };
        any = true;
        // Of one that has ended and is not forgotten yet there is no folder.
        let is_here = match fs::read_link(place.join("cwd")) {
            Ok(at) => folders.iter().any(|one| at.starts_with(one)),
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        let is_meant = names.iter().any(|begin| name.starts_with(begin));
        if is_meant && is_here && number != std::process::id() {
            return AtWork::Process(number, name.trim().to_owned());
        }
    }
    if any { AtWork::Nobody } else { AtWork::Unknown }
}

/// Somebody who is committing here with this program, and for how long that process has been running, where that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committing {
    /// Its number.
    pub process: Option<u32>,
    /// How long it has been running.
    pub age: Option<Duration>,
}

/// Who holds the [turn](super::commit::Turn) to commit here.
///
/// # Errors
/// `Unusable` when that cannot be looked at.
pub fn committing(repo: &Repo) -> Result<Option<Committing>> {
    let path = turn_of(repo);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable_file(format!("open `{}`", path.display()))(error)),
    };
    // It is let go of when the file is closed.
    if lock.try_lock_shared().is_ok() {
        return Ok(None);
    }
    let process = holder(&lock);
    let running = process.and_then(|process| fs::metadata(format!("/proc/{process}")).ok());
    Ok(Some(Committing {
        process,
        age: running.map(|running| age(running.modified().ok())),
    }))
}

/// The file by which processes of this program take turns to commit here.
pub(super) fn turn_of(repo: &Repo) -> PathBuf {
    repo.git_dir().join("planspec/commit.lock")
}

/// The process that has locked a file: lines `1: FLOCK ADVISORY WRITE <process> 08:01:<inode> 0 EOF`.
#[cfg(unix)]
fn holder(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let inode = format!(":{}", file.metadata().ok()?.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let mut holders = locks.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(4);
        let process = words.next()?.parse().ok()?;
        words.next()?.ends_with(&inode).then_some(process)
    });
    holders.next()
}

#[cfg(not(unix))]
fn holder(_: &File) -> Option<u32> {
    None
}

/// Whether a process of this machine goes on.
#[cfg(unix)]
pub(super) fn is_alive(process: u32) -> bool {
    let number = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    // One of somebody else's may not be asked, and is there.
    number.is_some_and(|number| {
        !matches!(
            rustix::process::test_kill_process(number),
            Err(rustix::io::Errno::SRCH)
        )
    })
}

#[cfg(not(unix))]
pub(super) fn is_alive(_: u32) -> bool {
    true
}
