//! The content of the status branch, as values.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serde_with::skip_serializing_none;

use crate::core::base::digest::shard;
use crate::core::base::limits::Limits;
use crate::core::base::time::{LAST_YEAR, exact};
use crate::core::repository::snapshot::WORTH_SHARING;
use crate::core::resource::{API_VERSION, Key, Kind, Status, Time};
use crate::core::run::asked::INPUTS_FILE;
use crate::core::run::summary::lines::{OUTLINE_FILE, SUMMARY_DIR, Shard, Summaries, read_outline};
use crate::core::text::yaml;

/// Version of the layout in `docs/status-branch.md`.
pub const FORMAT_VERSION: u32 = 2;
/// The first version of the layout with summaries below `_summary/`.
const SUMMARIES_SINCE: u32 = 2;
/// The first version of the decisions whose outline says what executions need.
const WANTS_SINCE: u32 = 3;
/// The version of this program's decisions. It rises when the same inputs lead to
/// another status: a program with a lower version than the status must not write it.
pub const DECISIONS: u32 = 5;

/// Everything on the status branch that matters for decisions; the board is derived from it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusTree {
    /// `controller.yaml`
    pub controller: ControllerState,
    /// One file per resource.
    pub files: BTreeMap<Key, StatusFile>,
    /// Object ids of the blobs below `_pinned/`.
    pub pinned: BTreeSet<String>,
    /// The summaries, as far as they were read.
    pub summaries: Summaries,
}

/// `controller.yaml`
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ControllerState {
    /// Version of the layout.
    pub format_version: u32,
    /// Version of the decisions that led to this status, from [`DECISIONS`]; 0 in older ones.
    #[serde(default)]
    pub decisions: u32,
    /// Assigned with the branch; records name it.
    pub repository_id: String,
    /// The spec commit of the last reconcile that changed something.
    pub observed_commit: String,
    /// The number of commits on the branch, from 1.
    pub sequence: u64,
    /// The branch that the status is on.
    pub status_branch: Option<String>,
    /// The branch with the resources.
    pub spec_branch: Option<String>,
    /// The remote in the configuration when it was written, if there was one.
    pub status_remote: Option<String>,
    /// The spec commit at which history was found rewritten: while it is the tip, nothing that is missing
    /// counts as deleted. Also the first commit without any resources.
    pub rewritten_at: Option<String>,
    /// The next deadline.
    pub next_deadline: Option<Time>,
    /// Findings that belong to no resource, the first 50, as `file:line:column: code message`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// The file of one resource: derived metadata, source of the spec, status.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusFile {
    /// Assigned by `reconcile`.
    pub uid: String,
    /// The number of changes to the spec, from 1.
    pub generation: u64,
    /// When `reconcile` first saw the resource.
    pub created: Time,
    /// When its file was found to be missing.
    pub deleted: Option<Time>,
    /// The source of the spec.
    pub source: SpecSource,
    /// The status.
    pub status: Status,
}

/// The file of a resource's spec, and the spec that was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpecSource {
    /// Path of the file.
    pub path: String,
    /// Digest of the last readable spec.
    pub digest: String,
}

/// Path of `controller.yaml` in the status tree.
pub const CONTROLLER_FILE: &str = "controller.yaml";
/// Path of the board in the status tree.
pub const BOARD_FILE: &str = "README.md";
/// Folder of the pinned blobs in the status tree.
pub const PINNED_DIR: &str = "_pinned";

/// Trailer of a status commit: the observed spec commit.
pub const OBSERVED_TRAILER: &str = "Planspec-Observed";
/// Trailer of a status commit: its sequence number.
pub const SEQUENCE_TRAILER: &str = "Planspec-Sequence";

/// Trailer of a status commit that restores another one: that commit.
pub const RESTORES_TRAILER: &str = "Planspec-Restores";
/// The ref with the newest status, whatever happens to the branch: it only moves forward, with the branch, and
/// is never deleted.
pub const HIGH_WATER: &str = "refs/planspec/status";

/// The last paragraph of a status commit's message.
pub fn trailers(observed: &str, sequence: u64) -> String {
    format!("{OBSERVED_TRAILER}: {observed}\n{SEQUENCE_TRAILER}: {sequence}\n")
}

/// Path of a resource's file in the status tree; folders are small, so that a change writes small
/// trees.
pub fn status_path(key: &Key) -> String {
    let folder = status_folder(key.kind, &key.namespace);
    format!("{folder}/{}/{}.yaml", shard(&key.name), key.name)
}

/// Folder of the files of one kind and namespace in the status tree.
pub fn status_folder(kind: Kind, namespace: &str) -> String {
    format!("{namespace}/{}", kind.plural())
}

/// The resource whose file is at a path of the status tree.
pub fn key_at(path: &str) -> Option<Key> {
    let mut parts = path.split('/');
    let (namespace, kind, _) = (parts.next()?, parts.next()?, parts.next()?);
    let name = parts.next()?.strip_suffix(".yaml")?;
    Some(Key::new(Kind::parse(kind)?, namespace, name))
}

/// Path of a pinned blob in the status tree.
pub fn pinned_path(blob: &str) -> String {
    format!("{PINNED_DIR}/{}/{blob}", shard(blob))
}

impl StatusTree {
    /// The text of every file of the tree except the board and the pinned blobs, by path.
    ///
    /// # Errors
    /// Those of serde; values from YAML or from the controllers have no such errors.
    pub fn to_files(&self) -> serde_json::Result<BTreeMap<String, String>> {
        let all = self.changed_files(None)?.into_iter();
        Ok(all.filter_map(|(path, text)| Some((path, text?))).collect())
    }

    /// The texts of files that differ from `old`, by path; `None` for removed ones.
    ///
    /// # Errors
    /// As [`StatusTree::to_files`].
    pub fn changed_files(
        &self,
        old: Option<&StatusTree>,
    ) -> serde_json::Result<BTreeMap<String, Option<String>>> {
        let none = BTreeMap::new();
        let before = old.map_or(&none, |old| &old.files);
        let gone = before.keys().filter(|key| !self.files.contains_key(key));
        let mut texts: BTreeMap<String, Option<String>> =
            gone.map(|key| (status_path(key), None)).collect();
        let controller = serde_json::to_value(&self.controller)?;
        texts.insert(CONTROLLER_FILE.to_owned(), Some(yaml::write(&controller)));
        for (key, file) in &self.files {
            if before.get(key) != Some(file) {
                texts.insert(status_path(key), Some(yaml::write(&file.to_value(key)?)));
            }
        }
        let none = Summaries::default();
        let lines_before = old.map_or(&none, |old| &old.summaries);
        texts.extend(self.summaries.changed_files(lines_before)?);
        Ok(texts)
    }

    /// Reads the tree from the bytes of its files and the ids of its pinned blobs.
    ///
    /// # Errors
    /// A file is not what [`StatusTree::to_files`] writes; the error is a sentence that names it.
    pub fn from_files<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        pinned: BTreeSet<String>,
    ) -> Result<StatusTree, String> {
        let mut controller = None;
        let mut texts = Vec::new();
        let mut summaries = Summaries::default();
        for (path, bytes) in files {
            match path {
                BOARD_FILE | INPUTS_FILE => {}
                CONTROLLER_FILE => controller = Some(read_controller(read_value(path, bytes)?)?),
                OUTLINE_FILE => summaries.outline = read_outline(bytes)?,
                _ => match path.split_once('/') {
                    Some((SUMMARY_DIR, name)) => {
                        summaries.add(name.to_owned(), Shard::read(path, bytes)?);
                    }
                    _ => texts.push((path, bytes)),
                },
            }
        }
        let controller = controller.ok_or_else(|| format!("{CONTROLLER_FILE} is missing"))?;
        let read = |(path, bytes): (&str, &[u8])| read_resource(path, bytes);
        let files = if texts.len() < WORTH_SHARING {
            texts.into_iter().map(read).collect::<Result<_, String>>()?
        } else {
            texts
                .into_par_iter()
                .map(read)
                .collect::<Result<_, String>>()?
        };
        Ok(StatusTree {
            controller,
            files,
            pinned,
            summaries,
        })
    }
}

impl ControllerState {
    /// Whether the tree has summaries below `_summary/`.
    pub fn has_summaries(&self) -> bool {
        self.format_version >= SUMMARIES_SINCE
    }

    /// Whether the outline of the summaries says what executions need.
    pub fn says_what_is_wanted(&self) -> bool {
        self.decisions >= WANTS_SINCE
    }
}

/// Reads the file of one resource.
///
/// # Errors
/// The file is not what [`StatusTree::to_files`] writes; the error is a sentence that names it.
pub fn read_resource(path: &str, bytes: &[u8]) -> Result<(Key, StatusFile), String> {
    let value = read_value(path, bytes)?;
    let (key, file) = StatusFile::from_value(value).map_err(|why| format!("{path}: {why}"))?;
    if status_path(&key) == path {
        Ok((key, file))
    } else {
        Err(format!(
            "{path}: it holds {key}, which does not belong there"
        ))
    }
}

/// The layout version of a status, by the text of its `controller.yaml`, if this program does not know it. Every
/// version of the layout has that file and a line `formatVersion: NUMBER` in it, whatever else it changes.
pub fn newer_layout(controller: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(controller).ok()?;
    let mut lines = text.lines();
    let version = lines.find_map(|line| line.strip_prefix("formatVersion:"))?;
    let version = version.trim().parse().ok()?;
    (version > u64::from(FORMAT_VERSION)).then_some(version)
}

fn read_controller(value: Value) -> Result<ControllerState, String> {
    let version = value.get("formatVersion").and_then(Value::as_u64);
    if let Some(version) = version.filter(|version| *version > u64::from(FORMAT_VERSION)) {
        return Err(format!(
            "{CONTROLLER_FILE}: layout version {version} is newer than this program knows \
             ({FORMAT_VERSION})"
        ));
    }
    let controller: ControllerState =
        serde_json::from_value(value).map_err(|error| format!("{CONTROLLER_FILE}: {error}"))?;
    match controller.next_deadline.filter(|at| at.year() > LAST_YEAR) {
        Some(at) => Err(format!(
            "{CONTROLLER_FILE}: {} is no date for a status",
            exact(at)
        )),
        None => Ok(controller),
    }
}

pub(super) fn read_value(path: &str, bytes: &[u8]) -> Result<Value, String> {
    // This program wrote it, from content within the limits.
    let (mut documents, findings) = yaml::read(path, bytes, &Limits::NONE);
    if let Some(finding) = findings.first() {
        return Err(format!("{path}: {}", finding.message));
    }
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => Ok(document.value),
        _ => Err(format!("{path}: exactly one document is expected")),
    }
}

impl StatusFile {
    /// The file as a value: `apiVersion`, `kind`, `metadata`, `source`, `status`.
    ///
    /// # Errors
    /// Those of serde.
    pub fn to_value(&self, key: &Key) -> serde_json::Result<Value> {
        let mut metadata = json!({
            "name": key.name,
            "namespace": key.namespace,
            "uid": self.uid,
            "generation": self.generation,
            "creationTimestamp": self.created,
        });
        if let Some(deleted) = self.deleted {
            metadata["deletionTimestamp"] = json!(deleted);
        }
        Ok(json!({
            "apiVersion": API_VERSION,
            "kind": key.kind.name(),
            "metadata": metadata,
            "source": serde_json::to_value(&self.source)?,
            "status": self.status.to_value()?,
        }))
    }

    /// Reads what [`StatusFile::to_value`] returns.
    ///
    /// # Errors
    /// A field is not as expected; the error is a sentence.
    pub fn from_value(value: Value) -> Result<(Key, StatusFile), String> {
        let stored: Stored = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if stored.api_version != API_VERSION {
            return Err(format!("apiVersion `{}` is not known", stored.api_version));
        }
        let status =
            Status::from_value(stored.kind, stored.status).map_err(|error| error.to_string())?;
        let metadata = stored.metadata;
        let key = Key::new(stored.kind, metadata.namespace, metadata.name);
        let file = StatusFile {
            uid: metadata.uid,
            generation: metadata.generation,
            created: metadata.creation_timestamp,
            deleted: metadata.deletion_timestamp,
            source: stored.source,
            status,
        };
        Ok((key, file))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    api_version: String,
    kind: Kind,
    metadata: StoredMetadata,
    source: SpecSource,
    status: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredMetadata {
    name: String,
    namespace: String,
    uid: String,
    generation: u64,
    creation_timestamp: Time,
    #[serde(default)]
    deletion_timestamp: Option<Time>,
}
