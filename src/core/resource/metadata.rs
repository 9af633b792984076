//! Names, labels and the fields that only `reconcile` writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Key, Time, is_false};

/// What every resource carries beside its spec.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// DNS label, at most 63 characters.
    pub name: String,
    /// DNS label, at most 63 characters.
    pub namespace: String,
    /// For selectors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Notes for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Who owns it; a Goal takes the Executions it owns when it is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
    /// Unique qualified names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// Minted by `reconcile`.
    pub uid: Option<String>,
    /// What tells this from an earlier or later one, computed on reading: see [`super::resource_version`].
    pub resource_version: Option<String>,
    /// Counts the changes of the spec that `reconcile` has seen, from 1.
    pub generation: Option<u64>,
    /// When `reconcile` first saw the resource.
    pub creation_timestamp: Option<Time>,
    /// When `reconcile` first missed it.
    pub deletion_timestamp: Option<Time>,
}

/// The annotation that says when the deletion of a resource with finalizers was asked for.
pub const DELETION_REQUESTED: &str = "planspec.io/deletion-requested";

impl Metadata {
    /// When its deletion was asked for, where finalizers held it up.
    pub fn deletion_requested(&self) -> Option<Time> {
        let text = self.annotations.get(DELETION_REQUESTED)?;
        text.parse().ok()
    }

    /// Nothing but a name and a namespace.
    pub fn named(key: &Key) -> Metadata {
        Metadata {
            name: key.name.clone(),
            namespace: key.namespace.clone(),
            ..Metadata::default()
        }
    }
}

/// The metadata fields that people never write.
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
    /// May be left out in files: nobody can know it before the commit.
    pub uid: Option<String>,
    /// Whether the owner manages this resource.
    #[serde(default, skip_serializing_if = "is_false")]
    pub controller: bool,
    /// Whether the owner waits for this resource's deletion.
    #[serde(default, skip_serializing_if = "is_false")]
    pub block_owner_deletion: bool,
}
