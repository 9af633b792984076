//! Metadata: names, labels, and the fields that only `reconcile` writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Key, Time, is_false};

/// The metadata of a resource.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// A DNS label of at most 63 characters.
    pub name: String,
    /// A DNS label of at most 63 characters.
    pub namespace: String,
    /// Labels, for selectors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Notes for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The owners; a Goal is deleted together with the Executions that it owns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Finalizers, which delay deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// The uid; assigned by `reconcile`.
    pub uid: Option<String>,
    /// The version, computed on reading: see [`super::resource_version`].
    pub resource_version: Option<String>,
    /// The number of changes to the spec that `reconcile` has seen, from 1.
    pub generation: Option<u64>,
    /// When `reconcile` first saw the resource.
    pub creation_timestamp: Option<Time>,
    /// When `reconcile` first found it missing.
    pub deletion_timestamp: Option<Time>,
}

/// The annotation with the time at which the deletion of a resource with finalizers was requested.
pub const DELETION_REQUESTED: &str = "planspec.io/deletion-requested";

impl Metadata {
    /// When its deletion was requested, if finalizers delay it.
    pub fn deletion_requested(&self) -> Option<Time> {
        let text = self.annotations.get(DELETION_REQUESTED)?;
        text.parse().ok()
    }

    /// Metadata with only a name and a namespace.
    pub fn named(key: &Key) -> Metadata {
        Metadata {
            name: key.name.clone(),
            namespace: key.namespace.clone(),
            ..Metadata::default()
        }
    }
}

/// The metadata fields that users never write.
pub const DERIVED_FIELDS: [&str; 5] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
];

/// A resource that owns another.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnerReference {
    /// `planspec.io/v1alpha1`
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the same namespace.
    pub name: String,
    /// Its uid; optional in files, since it is unknown before the commit.
    pub uid: Option<String>,
    /// Whether the owner manages this resource.
    #[serde(default, skip_serializing_if = "is_false")]
    pub controller: bool,
    /// Whether the deletion of the owner waits for that of this resource.
    #[serde(default, skip_serializing_if = "is_false")]
    pub block_owner_deletion: bool,
}
