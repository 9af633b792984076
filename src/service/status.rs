//! The status of some resources: each file is read by its path, and none that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::names::Named;
use super::store::{Store, StoredStatus, View};
use super::{Error, Result};
use crate::core::resource::{ExecutionStatus, Key, Kind, Status};
use crate::core::run::status::{
    CONTROLLER_FILE, StatusTree, key_at, pinned_path, status_folder, status_path,
};
use crate::git::status_branch::StatusCommit;
use crate::git::{Repo, read};

/// A status commit, of which only what is asked for is read.
pub struct StatusReader<'r> {
    repo: &'r Repo,
    commit: StatusCommit<'r>,
}

impl<'r> StatusReader<'r> {
    /// The status that a view points to, if there is one.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn open(store: &'r Store, view: &View) -> Result<Option<StatusReader<'r>>> {
        let tip = view.status_tip.as_deref();
        tip.map(|tip| StatusReader::at(&store.repo, tip))
            .transpose()
    }

    /// The status at a tip.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn at(repo: &'r Repo, tip: &str) -> Result<StatusReader<'r>> {
        let commit = StatusCommit::open(repo, tip)?;
        Ok(StatusReader { repo, commit })
    }

    /// The resources that a name may mean: one in each namespace that has it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn named(&self, named: &Named) -> Result<BTreeSet<Key>> {
        let (namespace, name) = named.parts()?;
        let namespaces = match namespace {
            Some(one) => vec![one.to_owned()],
            None => self.commit.namespaces()?,
        };
        let mut found = BTreeSet::new();
        for namespace in namespaces {
            let key = Key::new(named.kind, &namespace, name);
            if self.commit.file(&status_path(&key))?.is_some() {
                found.insert(key);
            }
        }
        Ok(found)
    }

    /// The resources of a kind, of all kinds when none is given, in a namespace or in all.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn keys(&self, kind: Option<Kind>, namespace: Option<&str>) -> Result<BTreeSet<Key>> {
        let namespaces = match namespace {
            Some(one) => vec![one.to_owned()],
            None => self.commit.namespaces()?,
        };
        let kinds = Kind::ALL.into_iter();
        let kinds = kinds.filter(|one| kind.is_none_or(|kind| kind == *one));
        let mut found = BTreeSet::new();
        for kind in kinds {
            for namespace in &namespaces {
                let paths = self.commit.paths(&status_folder(kind, namespace))?;
                found.extend(paths.iter().filter_map(|path| key_at(path)));
            }
        }
        Ok(found)
    }

    /// The status of these resources, and what their runs are pinned to.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, keys: &BTreeSet<Key>) -> Result<StoredStatus> {
        let paths = keys.iter().map(status_path);
        let mut files = BTreeMap::new();
        for path in paths.chain([CONTROLLER_FILE.to_owned()]) {
            if let Some(bytes) = self.commit.file(&path)? {
                files.insert(path, bytes);
            }
        }
        let mut tree = tree_of(&files, BTreeSet::new())?;
        let mut pinned = BTreeMap::new();
        for id in tree.files.values().flat_map(|file| pins(&file.status)) {
            if let Some(bytes) = self.commit.file(&pinned_path(id))? {
                pinned.insert(id.to_owned(), Arc::from(bytes));
            }
        }
        tree.pinned = pinned.keys().cloned().collect();
        Ok(StoredStatus {
            tree,
            pinned,
            time: self.commit.time,
        })
    }

    /// The whole status.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn whole(self) -> Result<StoredStatus> {
        let branch = self.commit.whole()?;
        let ids: BTreeSet<String> = branch.pinned.into_values().collect();
        let mut pinned = BTreeMap::new();
        for id in &ids {
            pinned.insert(id.clone(), Arc::from(read::blob(self.repo, id)?));
        }
        Ok(StoredStatus {
            tree: tree_of(&branch.files, ids)?,
            pinned,
            time: branch.time,
        })
    }
}

fn tree_of(files: &BTreeMap<String, Vec<u8>>, pinned: BTreeSet<String>) -> Result<StatusTree> {
    let files = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    StatusTree::from_files(files, pinned).map_err(|why| {
        Error::unavailable(format!("the status branch cannot be read: {why}"))
            .hint("somebody else wrote to it; look at it with `git log` and `git show`")
    })
}

/// Ids of the blobs that a run is pinned to.
fn pins(status: &Status) -> impl Iterator<Item = &str> {
    let run: Option<&ExecutionStatus> = match status {
        Status::Execution(run) => Some(run),
        _ => None,
    };
    let pinned = run.and_then(|run| run.extensions.pinned.as_ref());
    pinned.into_iter().flat_map(|pinned| pinned.blobs())
}
