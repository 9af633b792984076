//! The resources that stand here with the status that is known: what the verbs that read look at.

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

/// Resources of HEAD, or of the spec branch ([`Store::here`]), with the status that is known: those that were asked for.
pub struct Resources {
    snapshot: Snapshot,
    /// Their status, if there is one.
    pub stored: Option<StoredStatus>,
    /// The look it comes from.
    pub view: Option<View>,
    /// The commit whose files these are.
    pub commit: String,
    keys: BTreeSet<Key>,
    /// Object ids of their status.
    status_blobs: BTreeMap<Key, String>,
}

/// Where resources are looked for.
struct Place<'a> {
    store: &'a Store,
    commit: String,
    config: Config,
    view: Option<View>,
    status: Option<StatusReader<'a>>,
}

impl<'a> Place<'a> {
    /// What is here, without asking a remote.
    fn known(store: &'a Store) -> Result<Place<'a>> {
        let Some(commit) = store.here()? else {
            return Err(Error::no_commits());
        };
        // Without a spec branch there is no view, but the files of HEAD can be shown.
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

    /// As a view shows it.
    fn of(store: &'a Store, view: &View) -> Result<Place<'a>> {
        Ok(Place {
            store,
            commit: view.spec_commit.clone(),
            config: view.config.clone(),
            view: Some(view.clone()),
            status: StatusReader::open(store, view)?,
        })
    }

    /// The one that is named; of several namings the first that means anything.
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
        // Among all of the kind may be one that was meant.
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

    fn with(self, snapshot: Snapshot, keys: BTreeSet<Key>) -> Result<Resources> {
        let stored = self.status.as_ref().map(|status| status.read(&keys));
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
            stored: stored.transpose()?,
            view: self.view,
            commit: self.commit,
            keys,
            status_blobs,
        })
    }
}

impl Resources {
    /// The one that is named, with what it refers to; and its key. Of several namings the first that
    /// means anything counts.
    ///
    /// # Errors
    /// There is none, or there are several; the repository cannot be used, or has no commit yet.
    pub fn about(store: &Store, namings: &[Named]) -> Result<(Resources, Key)> {
        let place = Place::known(store)?;
        let key = place.find(namings)?;
        let keys = BTreeSet::from([key.clone()]);
        let snapshot = index::about(&store.repo, &place.commit, &place.config, &keys)?;
        Ok((place.with(snapshot, keys)?, key))
    }

    /// The one that is named, and nothing else; and its key.
    ///
    /// # Errors
    /// As [`Resources::about`].
    pub fn one(store: &Store, named: &Named) -> Result<(Resources, Key)> {
        let place = Place::known(store)?;
        let key = place.find(std::slice::from_ref(named))?;
        let files = index::defining(&store.repo, &place.commit, &place.config, &key)?;
        Ok((place.with(files, BTreeSet::from([key.clone()]))?, key))
    }

    /// Those of a kind, or of every kind, in a namespace, or in all.
    ///
    /// # Errors
    /// The repository cannot be used, or has no commit yet.
    pub fn list(store: &Store, kind: Option<Kind>, namespace: Option<&str>) -> Result<Resources> {
        Resources::among(Place::known(store)?, kind, namespace)
    }

    /// The keys of all of them, as a view shows them.
    ///
    /// # Errors
    /// The repository cannot be used.
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

    /// Some of them, as a view shows them; of what is not there, nothing.
    ///
    /// # Errors
    /// The repository cannot be used.
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

    /// What stands in the files.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The files that define one.
    pub fn paths(&self, key: &Key) -> Vec<String> {
        let definitions = self.snapshot.definitions(key).iter();
        definitions.map(|one| one.path.clone()).collect()
    }

    /// All of them, by kind, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = Merged<'_>> {
        self.keys.iter().map(|key| self.merged(key))
    }

    /// What is known of a key: of one that is not among them, nothing.
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
