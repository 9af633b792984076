//! Resources together with their known status, for the verbs that only read.

use std::collections::{BTreeMap, BTreeSet};

use super::index;
use super::names::Named;
use super::status::StatusReader;
use super::store::{Store, StoredStatus, View};
use super::{Error, Result};
use crate::core::repository::config::Config;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::run::merged::Merged;

/// Resources of HEAD, or of the spec branch ([`Store::here`]), with their known status, as far as requested.
pub struct Resources {
    snapshot: Snapshot,
    /// Their status, if there is one.
    pub stored: Option<StoredStatus>,
    /// The view that the status comes from.
    pub view: Option<View>,
    /// The commit that the files come from.
    pub commit: String,
    keys: BTreeSet<Key>,
    /// Object ids of their status files.
    status_blobs: BTreeMap<Key, String>,
}

/// Where resources are looked up.
struct Place<'a> {
    store: &'a Store,
    commit: String,
    config: Config,
    view: Option<View>,
    status: Option<StatusReader<'a>>,
}

impl<'a> Place<'a> {
    /// The state in this clone, without asking a remote.
    fn known(store: &'a Store) -> Result<Place<'a>> {
        let Some(commit) = store.here()? else {
            return Err(Error::no_commits());
        };
        // Without a spec branch there is no view, but the files of HEAD can still be shown.
        let view = store.known_if_any()?;
        let status = match &view {
            Some(view) => StatusReader::open(store, view)?,
            None => None,
        };
        Ok(Place {
            store,
            config: store.config_at(&commit)?,
            commit,
            view,
            status,
        })
    }

    /// The state in a view.
    fn of(store: &'a Store, view: &View) -> Result<Place<'a>> {
        Ok(Place {
            store,
            commit: view.spec_commit.clone(),
            config: view.config.clone(),
            view: Some(view.clone()),
            status: StatusReader::open(store, view)?,
        })
    }

    /// Finds the named resource; of several names, the first that exists.
    fn find(&self, namings: &[Named]) -> Result<Key> {
        let (repo, commit, config) = (&self.store.repo, &self.commit, &self.config);
        for named in namings {
            let (_, name) = named.parts()?;
            let mut keys = index::named(repo, commit, config, (named.kind, name))?;
            if let Some(status) = &self.status {
                keys.extend(status.named(named)?);
            }
            if keys.iter().any(|key| named.is(key)) {
                return named.among(keys.iter()).cloned();
            }
        }
        if let Some(key) = self.find_archived(namings)? {
            return Ok(key);
        }
        // Look at all of the kind, to suggest one.
        let mut none = Err(Error::not_found("nothing is named"));
        for named in namings {
            let mut keys = index::all_of(repo, commit, config, named.kind)?;
            if let Some(status) = &self.status {
                keys.extend(status.keys(Some(named.kind), None)?);
            }
            none = named.among(keys.iter()).cloned();
        }
        none
    }

    /// The archived execution that one of the names means.
    fn find_archived(&self, namings: &[Named]) -> Result<Option<Key>> {
        for named in namings {
            let found = match &self.status {
                Some(status) => status.archived_as(named)?,
                None => BTreeSet::new(),
            };
            if !found.is_empty() {
                return named.among(found.iter()).cloned().map(Some);
            }
        }
        Ok(None)
    }

    /// Adds the status of archived executions whose files are there, or which are asked for.
    fn add_archived(
        &self,
        snapshot: &Snapshot,
        keys: &BTreeSet<Key>,
        stored: &mut StoredStatus,
    ) -> Result<()> {
        let Some(status) = &self.status else {
            return Ok(());
        };
        let files = &mut stored.tree.files;
        let unknown = |key: &&Key| key.kind == Kind::Execution && !files.contains_key(*key);
        let unknown: Vec<&Key> = keys.iter().filter(unknown).collect();
        let archived = status.archived(unknown.iter().copied())?;
        for key in unknown {
            let digest = snapshot
                .resource(key)
                .map(|resource| resource.spec_digest());
            let it = archived.of(key).filter(|one| one.covers(digest.as_deref()));
            files.extend(it.map(|one| (key.clone(), one.status())));
        }
        Ok(())
    }

    fn with(self, snapshot: Snapshot, keys: BTreeSet<Key>) -> Result<Resources> {
        let stored = self.status.as_ref().map(|status| status.read(&keys));
        let mut stored = stored.transpose()?;
        if let Some(stored) = &mut stored {
            self.add_archived(&snapshot, &keys, stored)?;
        }
        let mut status_blobs = BTreeMap::new();
        for (status, key) in self
            .status
            .iter()
            .flat_map(|one| keys.iter().map(move |key| (one, key)))
        {
            if let Some(blob) = status.blob(key)? {
                status_blobs.insert(key.clone(), blob);
            }
        }
        Ok(Resources {
            snapshot,
            stored,
            view: self.view,
            commit: self.commit,
            keys,
            status_blobs,
        })
    }
}

impl Resources {
    /// The named resource with everything that it refers to, and its key. Of several names, the first
    /// that exists counts.
    ///
    /// # Errors
    /// There is none, or there are several; the repository cannot be read, or has no commit yet.
    pub fn about(store: &Store, namings: &[Named]) -> Result<(Resources, Key)> {
        let place = Place::known(store)?;
        let key = place.find(namings)?;
        let keys = BTreeSet::from([key.clone()]);
        let snapshot = index::about(&store.repo, &place.commit, &place.config, &keys)?;
        Ok((place.with(snapshot, keys)?, key))
    }

    /// Only the named resource, and its key.
    ///
    /// # Errors
    /// As [`Resources::about`].
    pub fn one(store: &Store, named: &Named) -> Result<(Resources, Key)> {
        let place = Place::known(store)?;
        let key = place.find(std::slice::from_ref(named))?;
        let files = index::defining(&store.repo, &place.commit, &place.config, &key)?;
        Ok((place.with(files, BTreeSet::from([key.clone()]))?, key))
    }

    /// The resources of a kind, or of all kinds, in a namespace or in all.
    ///
    /// # Errors
    /// The repository cannot be read, or has no commit yet.
    pub fn list(store: &Store, kind: Option<Kind>, namespace: Option<&str>) -> Result<Resources> {
        Resources::among(Place::known(store)?, kind, namespace)
    }

    /// The keys of all resources in a view.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn keys_at(store: &Store, view: &View) -> Result<BTreeSet<Key>> {
        let place = Place::of(store, view)?;
        let mut keys = BTreeSet::new();
        for kind in Kind::ALL {
            keys.extend(index::all_of(
                &store.repo,
                &place.commit,
                &place.config,
                kind,
            )?);
        }
        if let Some(status) = &place.status {
            keys.extend(status.keys(None, None)?);
        }
        Ok(keys)
    }

    /// Some resources in a view; those that do not exist are left out.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn at(store: &Store, view: &View, keys: &BTreeSet<Key>) -> Result<Resources> {
        let place = Place::of(store, view)?;
        let snapshot = index::those(&store.repo, &place.commit, &place.config, keys)?;
        place.with(snapshot, keys.clone())
    }

    fn among(place: Place<'_>, kind: Option<Kind>, namespace: Option<&str>) -> Result<Resources> {
        let repo = &place.store.repo;
        let is_wanted = |key: &Key| {
            kind.is_none_or(|kind| key.kind == kind)
                && namespace.is_none_or(|namespace| key.namespace == namespace)
        };
        let snapshot = index::matching(repo, &place.commit, &place.config, is_wanted)?;
        let defined = snapshot.keys().filter(|key| is_wanted(key));
        let mut keys: BTreeSet<Key> = defined.cloned().collect();
        if let Some(status) = &place.status {
            keys.extend(status.keys(kind, namespace)?);
        }
        place.with(snapshot, keys)
    }

    /// The resources in the files.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The files that define a resource.
    pub fn paths(&self, key: &Key) -> Vec<String> {
        let definitions = self.snapshot.definitions(key).iter();
        definitions.map(|one| one.path.clone()).collect()
    }

    /// All resources, by kind, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = Merged<'_>> {
        self.keys.iter().map(|key| self.merged(key))
    }

    /// What is known of a key; an unknown key gives an empty result.
    pub fn merged<'a>(&'a self, key: &'a Key) -> Merged<'a> {
        let definition = self.snapshot.definitions(key).first();
        Merged {
            key,
            resource: definition.and_then(|definition| definition.resource.as_ref()),
            file: self
                .stored
                .as_ref()
                .and_then(|stored| stored.tree.files.get(key)),
            status_blob: self.status_blobs.get(key).map(String::as_str),
        }
    }
}
