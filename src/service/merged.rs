//! Spec and status together, as one resource: what stands in the files, what the status branch
//! says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::runs::choose_among;
use super::store::{Store, Stored, View};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{API_VERSION, Key, Kind, Resource};
use crate::core::run::status::StatusFile;
use crate::service::{Error, Result};
use crate::show;

/// The resources of HEAD and the status that is known.
pub struct Resources {
    snapshot: Snapshot,
    /// The status, if there is one.
    pub stored: Option<Stored>,
    /// The look it comes from.
    pub view: Option<View>,
    /// The commit whose files these are.
    pub commit: String,
    keys: BTreeSet<Key>,
}

/// One of them.
pub struct Merged<'a> {
    /// Which.
    pub key: &'a Key,
    /// What stands in the files.
    pub resource: Option<&'a Resource>,
    /// Object id of the file.
    pub blob: Option<&'a str>,
    /// What the status branch says.
    pub file: Option<&'a StatusFile>,
}

impl Resources {
    /// Read what is here, without asking a remote.
    ///
    /// # Errors
    /// The repository cannot be used, or has no commit yet.
    pub fn known(store: &Store) -> Result<Resources> {
        let head = store.repo.head()?;
        let Some(commit) = head.commit() else {
            return Err(Error::unavailable("there are no commits yet")
                .hint("commit some resources first: planspec init, planspec apply -f FILE"));
        };
        // A clone without a spec branch of its own still has its files to show.
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

    /// The one of that kind and name.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn one(&self, kind: Kind, name: &str, namespace: Option<&str>) -> Result<Merged<'_>> {
        let key = choose_among(self.keys.iter(), kind, name, namespace)?;
        Ok(self.merged(key))
    }

    fn merged<'a>(&'a self, key: &'a Key) -> Merged<'a> {
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

impl Merged<'_> {
    /// Labels of the resource.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.resource
            .map(|resource| resource.metadata.labels.clone())
            .unwrap_or_default()
    }

    /// The whole resource as a value: written metadata with the derived fields, spec, status.
    ///
    /// # Errors
    /// A value that cannot be written as JSON.
    pub fn value(&self) -> Result<Value> {
        let mut metadata = match self.resource {
            Some(resource) => serde_json::to_value(&resource.metadata)?,
            None => json!({"name": self.key.name, "namespace": self.key.namespace}),
        };
        if let Some(file) = self.file {
            metadata["uid"] = json!(file.uid);
            metadata["generation"] = json!(file.generation);
            metadata["creationTimestamp"] = json!(file.created);
            if let Some(deleted) = file.deleted {
                metadata["deletionTimestamp"] = json!(deleted);
            }
        }
        if let Some(blob) = self.blob {
            metadata["resourceVersion"] = json!(blob);
        }
        let mut value = json!({
            "apiVersion": API_VERSION,
            "kind": self.key.kind.name(),
            "metadata": metadata,
        });
        if let Some(resource) = self.resource {
            value["spec"] = resource.raw_spec.clone();
        }
        if let Some(file) = self.file {
            value["status"] = file.status.to_value()?;
        }
        Ok(value)
    }

    /// For tables and descriptions.
    pub fn view(&self) -> show::resource::View<'_> {
        show::resource::View {
            key: self.key,
            resource: self.resource,
            blob: self.blob,
            file: self.file,
        }
    }
}
