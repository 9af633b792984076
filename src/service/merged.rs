//! The resources of HEAD with the status that is known: what the verbs that read look at.

use std::collections::BTreeSet;

use super::names::Named;
use super::store::{Store, StoredStatus, View};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::Key;
use crate::core::run::merged::Merged;
use crate::service::{Error, Result};

/// The resources of HEAD and the status that is known.
pub struct Resources {
    snapshot: Snapshot,
    /// The status, if there is one.
    pub stored: Option<StoredStatus>,
    /// The look it comes from.
    pub view: Option<View>,
    /// The commit whose files these are.
    pub commit: String,
    keys: BTreeSet<Key>,
}

impl Resources {
    /// Read what is here, without asking a remote.
    ///
    /// # Errors
    /// The repository cannot be used, or has no commit yet.
    pub fn known(store: &Store) -> Result<Resources> {
        let head = store.repo.head()?;
        let Some(commit) = head.commit() else {
            return Err(Error::no_commits());
        };
        // Without a spec branch there is no view, but the files of HEAD can be shown.
        let view = store.known_if_any()?;
        let stored = match &view {
            Some(view) => store.status(view)?,
            None => None,
        };
        let config = store.config_at(commit)?;
        let snapshot = store.snapshot(commit, &config)?;
        let mut keys: BTreeSet<Key> = snapshot.keys().cloned().collect();
        keys.extend(
            stored
                .iter()
                .flat_map(|stored| stored.tree.files.keys().cloned()),
        );
        Ok(Resources {
            snapshot,
            stored,
            view,
            commit: commit.to_owned(),
            keys,
        })
    }

    /// What stands in the files.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// All of them, by kind, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = Merged<'_>> {
        self.keys.iter().map(|key| self.merged(key))
    }

    /// The one that is named.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn one(&self, named: &Named) -> Result<Merged<'_>> {
        Ok(self.merged(named.among(self.keys.iter())?))
    }

    /// What is known of a key: of one that is not among them, nothing.
    pub fn merged<'a>(&'a self, key: &'a Key) -> Merged<'a> {
        let definition = self.snapshot.definitions(key).first();
        Merged {
            key,
            resource: definition.and_then(|definition| definition.resource.as_ref()),
            blob: definition.map(|definition| definition.blob.as_str()),
            file: self
                .stored
                .as_ref()
                .and_then(|stored| stored.tree.files.get(key)),
        }
    }
}
