//! What belongs to one work tree alone, below `<its Git directory>/planspec/`: the nonce of its session, and a
//! file for each claim that is held there. Another work tree of the same clone has others.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{GitError, Repo, Result};

/// How often a nonce that somebody else is just writing is looked for.
const TRIES: u32 = 50;

/// Where the two stand in a repository in memory.
const NONCE: &str = "session";
const CLAIMS: &str = "claims/";

/// The nonce of this work tree: `new`, where there is none yet.
///
/// # Errors
/// It can be neither read nor written.
pub fn nonce(repo: &Repo, new: &str) -> Result<String> {
    if let Some(memory) = repo.opened.memory() {
        if let Some(known) = known_nonce(repo) {
            return Ok(known);
        }
        repo.about_to_write()?;
        memory.keep_file(NONCE, new.as_bytes());
        return Ok(new.to_owned());
    }
    let folder = repo.git_dir().join("planspec");
    let path = folder.join("session");
    let failed = |error: &std::io::Error| unusable(&path, error);
    fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path);
    match made {
        Ok(mut file) => {
            let line = format!("{new}\n");
            file.write_all(line.as_bytes()).map_err(|e| failed(&e))?;
            return Ok(new.to_owned());
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(&error)),
    }
    for _ in 0..TRIES {
        if let Some(nonce) = read_nonce(&path).map_err(|error| failed(&error))? {
            return Ok(nonce);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Whoever began to write it was cut off.
    fs::write(&path, format!("{new}\n")).map_err(|error| failed(&error))?;
    Ok(new.to_owned())
}

/// The nonce of this work tree, where there is one.
pub fn known_nonce(repo: &Repo) -> Option<String> {
    if let Some(memory) = repo.opened.memory() {
        let nonce = memory.file(NONCE)?;
        return Some(String::from_utf8_lossy(&nonce).into_owned());
    }
    let path = repo.git_dir().join("planspec").join("session");
    read_nonce(&path).ok().flatten()
}

/// Nothing where it is not whole.
fn read_nonce(path: &Path) -> std::io::Result<Option<String>> {
    let text = fs::read_to_string(path)?;
    let nonce = text.strip_suffix('\n').map(str::trim);
    Ok(nonce.filter(|nonce| !nonce.is_empty()).map(str::to_owned))
}

/// Keep what is known of a claim, whole or not at all; `id` is that of its record.
///
/// # Errors
/// It cannot be written.
pub fn keep_claim(repo: &Repo, id: &str, bytes: &[u8]) -> Result<()> {
    repo.about_to_write()?;
    if let Some(memory) = repo.opened.memory() {
        memory.keep_file(&format!("{CLAIMS}{id}"), bytes);
        return Ok(());
    }
    let folder = claims_dir(repo);
    let (path, draft) = (folder.join(id), folder.join(format!(".{id}")));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&draft, bytes))
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|error| unusable(&path, &error))
}

/// Forget a claim; one that is not there is forgotten already.
pub fn forget_claim(repo: &Repo, id: &str) {
    if repo.about_to_write().is_err() {
        return;
    }
    if let Some(memory) = repo.opened.memory() {
        return memory.forget_file(&format!("{CLAIMS}{id}"));
    }
    let path = claims_dir(repo).join(id);
    if let Err(error) = fs::remove_file(&path) {
        tracing::debug!(path = %path.display(), %error, "the file of a claim stays");
    }
}

/// What is kept of claims here, by the id of the record, in the order of the ids.
pub fn claims(repo: &Repo) -> Vec<(String, Vec<u8>)> {
    if let Some(memory) = repo.opened.memory() {
        let kept = memory.files_below(CLAIMS).into_iter();
        return kept.map(|(id, bytes)| (id, bytes.to_vec())).collect();
    }
    let files = fs::read_dir(claims_dir(repo)).into_iter().flatten();
    let mut found: Vec<(String, Vec<u8>)> = files
        .flatten()
        .filter_map(|file| Some((file.file_name().into_string().ok()?, file.path())))
        .filter(|(name, _)| !name.starts_with('.'))
        .filter_map(|(name, path)| Some((name, fs::read(path).ok()?)))
        .collect();
    found.sort();
    found
}

fn claims_dir(repo: &Repo) -> PathBuf {
    repo.git_dir().join("planspec").join("claims")
}

fn unusable(path: &Path, error: &std::io::Error) -> GitError {
    GitError::Unusable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn a_work_tree_has_one_nonce_and_another_one_another() {
        let sandbox = Sandbox::new();
        let (one, other) = (sandbox.repo("one"), sandbox.repo("other"));
        assert_eq!(known_nonce(&one), None);
        assert_eq!(nonce(&one, "a").unwrap(), "a");
        assert_eq!(known_nonce(&one).as_deref(), Some("a"));
        assert_eq!(nonce(&one, "b").unwrap(), "a");
        assert_eq!(nonce(&other, "b").unwrap(), "b");
        fs::write(one.git_dir().join("planspec/session"), "").unwrap();
        assert_eq!(nonce(&one, "c").unwrap(), "c", "it was cut off");
    }

    #[test]
    fn claims_are_kept_until_they_are_forgotten() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        assert!(claims(&repo).is_empty());
        keep_claim(&repo, "b", b"2").unwrap();
        keep_claim(&repo, "a", b"1").unwrap();
        let kept = claims(&repo);
        assert_eq!(kept[0], ("a".to_owned(), b"1".to_vec()));
        forget_claim(&repo, "a");
        forget_claim(&repo, "a");
        assert_eq!(claims(&repo).len(), 1);
    }
}
