//! Namespaces: those that something is in, those that were made, and `default`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// The namespaces of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceList {
    /// The namespaces, sorted by name.
    pub items: Vec<Namespace>,
}

impl Answer for NamespaceList {
    const KIND: &'static str = "NamespaceList";
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// How many resources it has at HEAD.
    pub resources: usize,
    /// The file that creates it; null if it exists only through its resources.
    pub path: Option<String>,
}

/// A namespace was created or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceChanged {
    /// Its name.
    pub name: String,
    /// The file that creates it.
    pub path: String,
    /// Whether it exists now.
    pub exists: bool,
    /// The commit; null if nothing had to change.
    pub commit: Option<String>,
}

impl Answer for NamespaceChanged {
    const KIND: &'static str = "NamespaceChanged";
}
