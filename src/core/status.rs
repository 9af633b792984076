//! What is stored on the status branch, as values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::resource::{Key, Status, Time};

/// Version of the layout in `docs/status-branch.md`.
pub const FORMAT_VERSION: u32 = 1;

/// Everything on the status branch that decides; the board is derived from it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusTree {
    /// `controller.yaml`
    pub controller: ControllerState,
    /// One file per resource.
    pub files: BTreeMap<Key, StatusFile>,
    /// Object ids of the blobs below `_pinned/`.
    pub pinned: BTreeSet<String>,
}

/// `controller.yaml`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ControllerState {
    /// Version of the layout.
    pub format_version: u32,
    /// Minted with the branch; records name it.
    pub repository_id: String,
    /// The spec commit of the last reconcile that changed something.
    pub observed_commit: String,
    /// Counts the commits of the branch, from 1.
    pub sequence: u64,
    /// The next moment at which something happens by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_deadline: Option<Time>,
    /// Findings that belong to no resource, the first 50, as `file:line:column: code message`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// One resource's file: derived metadata, where the spec stands, status.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusFile {
    /// Minted by `reconcile`.
    pub uid: String,
    /// Counts the changes of the spec, from 1.
    pub generation: u64,
    /// When `reconcile` first saw the resource.
    pub created: Time,
    /// When its file was found to be gone.
    pub deleted: Option<Time>,
    /// Where the spec stands.
    pub source: SpecSource,
    /// Phase, conditions and the rest.
    pub status: Status,
}

/// Where the spec of a resource stands, and which spec was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpecSource {
    /// Path of the file.
    pub path: String,
    /// Digest of the last spec that could be read.
    pub digest: String,
}
