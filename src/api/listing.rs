//! Which resources there are, in few words.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::resource::Kind;

/// Resources by name, with their phases.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The resources, by kind, namespace and name.
    pub items: Vec<Listed>,
    /// How many more there are.
    pub more: usize,
}

impl Answer for Listing {
    const KIND: &'static str = "Listing";
}

/// A resource in a listing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Its kind.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its phase; null before the first reconcile.
    pub phase: Option<String>,
}
