//! Resources as they stand in files, with their status: what can be applied again.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::core::resource::{API_VERSION, Metadata};
use crate::core::run::merged::Merged;

/// A resource with its status. It is no answer in an envelope of its own: `apiVersion` and `kind`
/// are those of the published format.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// `planspec.io/v1alpha1`
    pub api_version: String,
    /// `Goal`, `Plan`, `Capability`, `Binding`, `Gate` or `Execution`.
    pub kind: String,
    /// What is written, and what only `reconcile` writes: `uid`, `generation`, …
    #[schemars(with = "Value")]
    pub metadata: Metadata,
    /// As written; nothing when the file is gone or cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
    /// What the status branch says; nothing before the first reconcile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

impl Resource {
    /// A resource as data.
    ///
    /// # Errors
    /// A status that JSON cannot hold.
    pub fn of(merged: &Merged<'_>) -> serde_json::Result<Resource> {
        let status = merged.file.map(|file| file.status.to_value()).transpose()?;
        Ok(Resource {
            api_version: API_VERSION.to_owned(),
            kind: merged.key.kind.name().to_owned(),
            metadata: merged.metadata(),
            spec: merged.resource.map(|resource| resource.raw_spec.clone()),
            status,
        })
    }
}

/// Several resources: the published list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// `planspec.io/v1alpha1`
    pub api_version: String,
    /// Always `List`.
    pub kind: String,
    /// By kind, namespace and name.
    pub items: Vec<Resource>,
}

impl List {
    /// A list of these.
    pub fn of(items: Vec<Resource>) -> List {
        List {
            api_version: API_VERSION.to_owned(),
            kind: "List".to_owned(),
            items,
        }
    }
}
