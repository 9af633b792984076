//! Where repositories are: in memory, or in folders.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use planspec::git::Repo;
use planspec::git::memory::{IdFormat, Memory};

/// A repository, open or not.
#[derive(Debug, Clone)]
pub enum Place {
    Memory(Memory),
    Real(PathBuf),
}

impl Place {
    pub fn open(&self) -> Repo {
        match self {
            Place::Memory(memory) => memory.open(),
            Place::Real(folder) => Repo::open(Some(folder)).unwrap(),
        }
    }
}

/// The remote that everybody shares.
pub struct Hub {
    pub place: Place,
    folder: Option<PathBuf>,
}

/// Configuration of every repository: nothing happens in the background.
const SETTINGS: [(&str, &str); 4] = [
    ("maintenance.auto", "false"),
    ("user.name", "Simulated"),
    ("user.email", "simulated@example.com"),
    ("gc.auto", "0"),
];

impl Hub {
    /// An empty one, in a new folder below another one or in memory.
    pub fn new(below: Option<&Path>) -> Hub {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(below) = below else {
            return Hub {
                place: Place::Memory(Memory::new(IdFormat::Sha1)),
                folder: None,
            };
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = below.join(format!("{}-{number}", std::process::id()));
        let hub = folder.join("hub.git");
        std::fs::create_dir_all(&hub).unwrap();
        git(&hub, &["init", "-q", "--bare", "-b", "main"]);
        Hub {
            place: Place::Real(hub),
            folder: Some(folder),
        }
    }

    /// A clone of it, with nothing in it yet.
    pub fn clone_for(&self, number: usize) -> Place {
        match &self.place {
            Place::Memory(hub) => {
                let clone = Memory::new(IdFormat::Sha1);
                clone.add_remote("origin", hub);
                for (key, value) in SETTINGS {
                    clone.set(key, value);
                }
                Place::Memory(clone)
            }
            Place::Real(hub) => {
                let folder = self
                    .folder
                    .as_ref()
                    .unwrap()
                    .join(format!("clone-{number}"));
                std::fs::create_dir_all(&folder).unwrap();
                git(&folder, &["init", "-q", "--bare", "-b", "main"]);
                git(&folder, &["remote", "add", "origin", hub.to_str().unwrap()]);
                for (key, value) in SETTINGS {
                    git(&folder, &["config", key, value]);
                }
                Place::Real(folder)
            }
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Nobody needs it when the world is over; the clones of a world that failed are told, not kept.
        if let Some(folder) = self.folder.take() {
            std::fs::remove_dir_all(folder).ok();
        }
    }
}

fn git(folder: &Path, args: &[&str]) {
    let run = Command::new("git").args(args).current_dir(folder).output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "git {args:?}: {said}");
}
