//! Resources whose files have left the configured paths: a folder was renamed, or `paths` has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Result;
use super::revision;
use super::status::StatusReader;
use super::store::Store;
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::source::{ChangedFile, Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::manifest::Manifest;
use crate::core::repository::snapshot::{Snapshot, manifests};
use crate::core::resource::Key;
use crate::core::review::left::{self, Left};
use crate::git::Repo;
use crate::git::read::{self, Tree};

/// Maximum number of files outside the configured paths that are read.
const MOST: usize = 1000;

/// A change in which resources may leave the configured paths.
pub struct Change<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The commit before.
    pub from: &'a str,
    /// The tree after it.
    pub to: Tree<'a>,
    /// The configuration after it.
    pub config: &'a Config,
}

/// Resources that leave the configured paths.
#[derive(Default)]
pub struct Leaving {
    /// The resources, with their new files; `None` if no resource is left while runs are open.
    pub keys: BTreeMap<Key, Option<String>>,
    /// Findings without severities.
    pub findings: Vec<Diagnostic>,
}

impl Change<'_> {
    /// The new files, outside the configured paths, of resources that are no longer found.
    ///
    /// # Errors
    /// The two trees cannot be compared.
    pub fn left(&self, gone: &BTreeSet<Key>) -> Result<BTreeMap<Key, String>> {
        self.left_among(&self.changed()?, gone)
    }

    /// The resources that leave the configured paths, as findings without severities. `sides` are the resources before
    /// and after, as far as they differ.
    ///
    /// # Errors
    /// The two trees cannot be compared.
    pub fn findings(&self, sides: (&Snapshot, &Snapshot)) -> Result<Vec<Diagnostic>> {
        Ok(self.leaving(sides)?.findings)
    }

    /// The same, with the resources.
    ///
    /// # Errors
    /// The two trees cannot be compared.
    pub fn leaving(&self, (old, new): (&Snapshot, &Snapshot)) -> Result<Leaving> {
        let gone = old.keys().filter(|key| new.definitions(key).is_empty());
        let gone: BTreeSet<Key> = gone.cloned().collect();
        if gone.is_empty() {
            return Ok(Leaving::default());
        }
        let changed = self.changed()?;
        let mut left = self.left_among(&changed, &gone)?;
        let removed = changed.iter().filter(|file| file.deleted);
        let removed: BTreeSet<&str> = removed.map(|file| file.path.as_str()).collect();
        for key in &gone {
            // If the configured paths changed, unmoved files may have left them too.
            let paths = old.definitions(key).iter().map(|one| &one.path);
            let mut outside = paths.filter(|path| !self.config.covers(path));
            let stays = outside.find(|path| !removed.contains(path.as_str()));
            left.extend(stays.map(|path| (key.clone(), path.clone())));
        }
        let mut files: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
        let mut keys = BTreeMap::new();
        for (key, path) in left {
            keys.insert(key.clone(), Some(path.clone()));
            files.entry(path).or_default().insert(key);
        }
        let files = files.into_iter().map(|(path, keys)| Left { path, keys });
        let files: Vec<Left> = files.collect();
        let paths = &self.config.paths;
        if files.is_empty() && new.is_empty() && self.is_emptied()? {
            let emptied = left::emptied(paths, open_runs(self.repo));
            if emptied.is_some() {
                keys.extend(gone.into_iter().map(|key| (key, None)));
            }
            return Ok(Leaving {
                keys,
                findings: emptied.into_iter().collect(),
            });
        }
        Ok(Leaving {
            keys,
            findings: left::findings(&files, paths),
        })
    }

    /// The paths at which the two trees differ, anywhere.
    fn changed(&self) -> Result<Vec<ChangedFile>> {
        Ok(match self.to {
            Tree::Commit(to) => read::changed_paths(self.repo, self.from, to)?,
            Tree::Index(_) => read::changed_in_index(self.repo, Some(self.from))?,
            Tree::WorkTree => read::changed_since(self.repo, self.from)?,
        })
    }

    fn left_among(
        &self,
        changed: &[ChangedFile],
        gone: &BTreeSet<Key>,
    ) -> Result<BTreeMap<Key, String>> {
        let is_outside = |file: &&ChangedFile| {
            !file.deleted && read::is_resource_name(&file.path) && !self.config.covers(&file.path)
        };
        let outside = changed.iter().filter(is_outside).take(MOST);
        let files = outside.filter_map(|file| {
            // An unreadable file contains no resource.
            let bytes = self.to.file(self.repo, &file.path).ok()??;
            Some(SourceFile {
                path: file.path.clone(),
                blob: String::new(),
                content: Content::Bytes(Arc::from(bytes)),
            })
        });
        let files: Vec<SourceFile> = files.collect();
        let of_file = |read: Manifest| {
            let path = read.path;
            let keys = read.entries.into_iter().map(|entry| entry.key);
            keys.map(move |key| (key, path.clone()))
        };
        let found = manifests(&files, self.config).into_iter().flat_map(of_file);
        Ok(found.filter(|(key, _)| gone.contains(key)).collect())
    }

    /// Whether no files are left below the configured paths.
    fn is_emptied(&self) -> Result<bool> {
        let paths = revision::paths(self.config)?;
        Ok(match self.to {
            Tree::Commit(to) => {
                let tree = read::tree_of(self.repo, to)?;
                read::tree_changes(self.repo, None, &tree, &paths)?.is_empty()
            }
            Tree::Index(staged) => staged.changes(&[], &paths).is_empty(),
            Tree::WorkTree => self.to.files(self.repo, &paths)?.is_empty(),
        })
    }
}

/// The number of open runs that this clone knows.
fn open_runs(repo: &Repo) -> usize {
    let store = Store::open(repo.workdir());
    let runs = store.and_then(|store| {
        let status = StatusReader::known(&store)?;
        status.map_or(Ok(0), |status| Ok(status.open_runs()?.len()))
    });
    runs.unwrap_or(0)
}
