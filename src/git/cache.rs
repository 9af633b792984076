//! Disposable files below `<common Git directory>/planspec/cache/`: what can be found out again.
//!
//! Nothing here may decide anything: every error is a line in the log and a missing entry.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Repo;
use super::memory::Memory;
use super::world::World;

/// The cache of a repository.
#[derive(Debug, Clone)]
pub struct Cache {
    place: Place,
    world: Option<Rc<dyn World>>,
}

/// Where the entries stand.
#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Memory(Memory),
}

/// What the names of the entries begin with in memory.
const PREFIX: &str = "cache/";

impl Cache {
    /// The cache of `repo`, shared by its work trees.
    pub fn new(repo: &Repo) -> Cache {
        let place = match repo.opened.memory() {
            Some(memory) => Place::Memory(memory.clone()),
            None => Place::Folder(repo.common_dir().join("planspec").join("cache")),
        };
        Cache {
            place,
            world: repo.world.clone(),
        }
    }

    /// What was stored under `name`, if it is still there.
    pub fn load(&self, name: &str) -> Option<Vec<u8>> {
        if let Some(memory) = self.memory() {
            return Some(memory.file(&format!("{PREFIX}{name}"))?.to_vec());
        }
        let path = self.path(name)?;
        match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                tracing::trace!(path = %path.display(), %error, "not in the cache");
                None
            }
        }
    }

    /// Store `bytes` under `name` (letters, digits, `.`, `-`, `_`), whole or not at all.
    pub fn store(&self, name: &str, bytes: &[u8]) {
        if self
            .world
            .as_ref()
            .is_some_and(|world| world.write().is_err())
        {
            return;
        }
        if let Some(memory) = self.memory() {
            return memory.keep_file(&format!("{PREFIX}{name}"), bytes);
        }
        let (Some(path), Some(folder)) = (self.path(name), self.folder()) else {
            return;
        };
        // A name of its own for each write, also of other threads and processes.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let draft = folder.join(format!(".{}-{count}-{name}", std::process::id()));
        let stored = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&draft, bytes))
            .and_then(|()| std::fs::rename(&draft, &path));
        if let Err(error) = stored {
            tracing::debug!(path = %path.display(), %error, "not stored in the cache");
            std::fs::remove_file(&draft).ok();
        }
    }

    /// Why nothing can be stored, if that is so.
    pub fn obstacle(&self) -> Option<String> {
        // Before anything was stored there is no folder, which is as good as the one around it.
        let folder = self.folder()?.ancestors().find(|folder| folder.exists())?;
        let tried = tempfile::tempfile_in(folder);
        let why = tried.err().map(|error| error.to_string())?;
        Some(format!("`{}`: {why}", folder.display()))
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let fine = !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
        if !fine {
            tracing::debug!(name, "not a name for the cache");
        }
        Some(self.folder()?.join(name)).filter(|_| fine)
    }

    fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder),
            Place::Memory(_) => None,
        }
    }

    /// The repository in memory whose cache it is.
    pub(super) fn memory(&self) -> Option<&Memory> {
        match &self.place {
            Place::Memory(memory) => Some(memory),
            Place::Folder(_) => None,
        }
    }
}

/// What tells whether `body` was stored for `key` by this program, and is as it was stored. It
/// guards against accidents; whoever can write here can write hooks as well.
pub(super) fn seal(key: &str, body: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (program(), key, body).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// This program: builds of one version differ while it is being worked on.
fn program() -> u64 {
    static PROGRAM: OnceLock<u64> = OnceLock::new();
    *PROGRAM.get_or_init(|| {
        let file = std::env::current_exe().and_then(std::fs::metadata);
        let build = file.and_then(|file| Ok((file.len(), file.modified()?)));
        let mut hasher = DefaultHasher::new();
        (env!("CARGO_PKG_VERSION"), build.ok()).hash(&mut hasher);
        hasher.finish()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn what_is_stored_is_loaded_until_somebody_deletes_it() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let cache = Cache::new(&repo);
        assert_eq!(cache.load("noop"), None);
        cache.store("noop", b"1");
        cache.store("noop", b"2");
        assert_eq!(cache.load("noop"), Some(b"2".to_vec()));
        let folder = repo.common_dir().join("planspec/cache");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no drafts");
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(cache.load("noop"), None);
    }

    #[test]
    fn names_lead_nowhere_else() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let cache = Cache::new(&repo);
        for name in ["../x", "a/b", "", ".", "..", "a\\b"] {
            cache.store(name, b"1");
            assert_eq!(cache.load(name), None, "{name}");
        }
        assert!(!repo.common_dir().join("planspec").exists());
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        std::fs::write(repo.common_dir().join("planspec"), "in the way").unwrap();
        let cache = Cache::new(&repo);
        cache.store("noop", b"1");
        assert_eq!(cache.load("noop"), None);
    }
}
