//! Namespaces: those that something is in, those that were made, and `default`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// The namespaces of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceList {
    /// By name.
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
    /// How many resources are in it, in the files of HEAD.
    pub resources: usize,
    /// The file that it was made by; nothing where resources alone make it one.
    pub path: Option<String>,
}

/// A namespace was made, or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceChanged {
    /// Its name.
    pub name: String,
    /// The file that makes it one.
    pub path: String,
    /// Whether it is there now.
    pub exists: bool,
    /// The commit; nothing where it was so already.
    pub commit: Option<String>,
}

impl Answer for NamespaceChanged {
    const KIND: &'static str = "NamespaceChanged";
}
