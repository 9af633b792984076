//! What a commit is about to change, kept until that is made or put back: when the program is killed in between, the
//! next one that commits here puts everything back first. It lies in `planspec/commit.json` in Git's own folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Asked, Attempt, Entries, Files, Written, draft_of, entries, index_lock, place};
use crate::git::id::parse_id;
use crate::git::locks::{self, AtWork};
use crate::git::{GitError, Head, Repo, Result, unusable_file};

/// A commit that has begun.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    /// The process that makes it.
    process: u32,
    /// The commit in HEAD before.
    head: Option<String>,
    /// What was staged of these files before.
    index: Entries,
    files: Vec<JournalFile>,
}

/// One file of it.
#[derive(Debug, Serialize, Deserialize)]
struct JournalFile {
    path: String,
    /// Blob of what was there; nothing where there was no file.
    before: Option<String>,
    /// Blob of what it becomes; nothing where it is removed.
    content: Option<String>,
}

fn path_of(repo: &Repo) -> PathBuf {
    repo.git_dir().join("planspec/commit.json")
}

/// Write down how everything is, before the first file is changed.
///
/// # Errors
/// It cannot be written: then nothing is changed.
pub fn begin(attempt: &Attempt<'_>, files: &Files, places: &[PathBuf]) -> Result<()> {
    let repo = attempt.repo;
    let keep = |bytes: &[u8]| repo.write_blob(bytes).map(|id| id.to_string());
    let mut kept = Vec::with_capacity(files.len());
    for ((path, content), place) in files.iter().zip(places) {
        kept.push(JournalFile {
            path: path.clone(),
            before: fs::read(place).ok().map(|bytes| keep(&bytes)).transpose()?,
            content: content.as_deref().map(keep).transpose()?,
        });
    }
    let journal = Journal {
        process: std::process::id(),
        head: attempt.head.clone(),
        index: attempt.index.clone(),
        files: kept,
    };
    let path = path_of(repo);
    let failed = || unusable_file(format!("write `{}`", path.display()));
    let text =
        serde_json::to_vec(&journal).map_err(|error| GitError::Unusable(error.to_string()))?;
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder).map_err(failed())?;
    super::write_file(&path, &text).map_err(failed())
}

/// The process that was killed while it made a commit here, if there is one, and the files of that.
pub fn interrupted(repo: &Repo) -> Option<(u32, Vec<String>)> {
    let text = fs::read(path_of(repo)).ok()?;
    let journal: Journal = serde_json::from_slice(&text).ok()?;
    let files = journal.files.into_iter().map(|file| file.path);
    Some((journal.process, files.collect()))
}

/// It is made, or everything was restored.
pub fn end(repo: &Repo) {
    fs::remove_file(path_of(repo)).ok();
}

/// Put back what a process that was killed has changed; whether there was anything. Whoever calls has the turn: nobody else commits here.
///
/// # Errors
/// Something cannot be put back, and what that is.
pub fn put_back(repo: &Repo) -> Result<bool> {
    let Ok(text) = fs::read(path_of(repo)) else {
        return Ok(false);
    };
    let mut was_something = false;
    // It is written whole or not at all; what another version has written nobody can follow.
    if let (Ok(journal), Some(root)) = (serde_json::from_slice::<Journal>(&text), repo.workdir()) {
        clear_abandoned_locks(repo, root);
        let left = undo(repo, root, &journal)?;
        if !left.is_empty() {
            let why = format!("an interrupted commit left {}", left.join(", "));
            return Err(GitError::Busy(why).advise(
                "if no Git process is running, remove `index.lock` from Git's folder and try \
                 again; `git status` shows the state",
            ));
        }
        was_something = true;
    }
    end(repo);
    Ok(was_something)
}

/// So long a lock is watched before it is said to be nobody's.
const WATCHED: Duration = Duration::from_secs(1);

/// Remove the locks that git left when it was killed with the commit: they were made after that had begun, nothing happens
/// to them, and no git is at work in this repository. Any others stay, and are waited for.
fn clear_abandoned_locks(repo: &Repo, root: &Path) {
    let changed = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let Some(begun) = changed(&path_of(repo)) else {
        return;
    };
    let found = locks_of_a_commit(repo).into_iter();
    let found = found.filter_map(|lock| Some((changed(&lock)?, lock)));
    let found: Vec<_> = found.filter(|(locked, _)| *locked >= begun).collect();
    if found.is_empty() {
        return;
    }
    std::thread::sleep(WATCHED);
    let here = [root, repo.git_dir(), repo.common_dir()];
    if locks::running(&["git"], &here) != AtWork::Nobody {
        return;
    }
    for (locked, lock) in found {
        if changed(&lock) == Some(locked) && fs::remove_file(&lock).is_ok() {
            tracing::warn!(
                "{} was removed: an interrupted command had left it",
                lock.display()
            );
        }
    }
}

/// The locks that `git commit` takes.
fn locks_of_a_commit(repo: &Repo) -> Vec<PathBuf> {
    let mut locks = vec![index_lock(repo), repo.git_dir().join("HEAD.lock")];
    let tables = "reftable/tables.list.lock";
    locks.extend([repo.git_dir().join(tables), repo.common_dir().join(tables)]);
    locks.dedup();
    if let Ok(Head::Branch { name, .. }) = repo.head() {
        locks.push(repo.common_dir().join(format!("refs/heads/{name}.lock")));
    }
    // The index of a commit of some files.
    let own = fs::read_dir(repo.git_dir()).into_iter().flatten().flatten();
    let own = own.map(|file| file.path());
    locks.extend(own.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("next-index-") && name.ends_with(".lock")
    }));
    locks
}

/// What could not be put back.
fn undo(repo: &Repo, root: &Path, journal: &Journal) -> Result<Vec<String>> {
    let files: Vec<(String, Option<Vec<u8>>)> = journal
        .files
        .iter()
        .map(|file| (file.path.clone(), None))
        .collect();
    let places: Vec<PathBuf> = files
        .iter()
        .map(|(path, _)| place(root, path))
        .collect::<Result<_>>()?;
    let bytes = |id: &Option<String>| {
        let id = id.as_deref().map(parse_id).transpose()?;
        id.map(|id| repo.blob_bytes(id)).transpose()
    };
    let now = entries(repo, &files)?;
    let mut staged = Entries::new();
    let mut contents = Vec::with_capacity(files.len());
    for (file, place) in journal.files.iter().zip(&places) {
        fs::remove_file(draft_of(place, journal.process)).ok();
        contents.push((bytes(&file.content)?, bytes(&file.before)?));
        // What is staged is ours where it is what was to be committed.
        let lines = now.get(&file.path);
        let is_ours = match (&file.content, lines) {
            (Some(id), Some(lines)) => lines.iter().any(|line| line.contains(id.as_str())),
            (content, lines) => content.is_none() && lines.is_none(),
        };
        let kept = if is_ours {
            lines
        } else {
            journal.index.get(&file.path)
        };
        if let Some(lines) = kept {
            staged.insert(file.path.clone(), lines.clone());
        }
    }
    let written = journal.files.iter().zip(&places).zip(&contents);
    let written = written.map(|((file, place), (content, before))| Written {
        path: &file.path,
        place,
        content: content.as_deref(),
        before: before.clone().map(|bytes| (bytes, None)),
    });
    let attempt = Attempt {
        repo,
        head: journal.head.clone(),
        index: journal.index.clone(),
        staged,
        written: written.collect(),
        asked: Asked::default(),
    };
    Ok(attempt.put_back())
}
