//! Spec and status of a resource together: from its file, and from the status
//! branch.

use std::collections::BTreeMap;

use crate::core::resource::{
    ConditionStatus, ExecutionStatus, Key, Metadata, Resource, Status, find_condition,
    resource_version,
};
use crate::core::run::status::StatusFile;

/// A resource with its spec, its status, or both.
#[derive(Debug, Clone, Copy)]
pub struct Merged<'a> {
    /// Its key.
    pub key: &'a Key,
    /// The resource from its file.
    pub resource: Option<&'a Resource>,
    /// Its status file.
    pub file: Option<&'a StatusFile>,
    /// Object id of the status file.
    pub status_blob: Option<&'a str>,
}

impl<'a> Merged<'a> {
    /// Labels of the resource.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.resource
            .map(|resource| resource.metadata.labels.clone())
            .unwrap_or_default()
    }

    /// Whether its file is gone, and only its status is left.
    pub fn is_deleted(&self) -> bool {
        self.file.is_some_and(|file| file.deleted.is_some())
    }

    /// The phase for people, with a note if the file is gone or invalid; `None` before the
    /// first reconcile.
    pub fn phase(&self) -> Option<String> {
        let phase = self.file?.status.phase();
        Some(if self.is_deleted() {
            format!("{phase} (deleted)")
        } else if self.is_broken() && phase != "Invalid" {
            format!("{phase} (invalid)")
        } else {
            phase
        })
    }

    /// Whether its file was invalid at the last reconcile; the status is then an older one.
    pub fn is_broken(&self) -> bool {
        let conditions = self.file.map_or(&[][..], |file| file.status.conditions());
        find_condition(conditions, "Valid")
            .is_some_and(|valid| valid.status == ConditionStatus::False)
    }

    /// The status of a run that has begun.
    pub fn run(&self) -> Option<&'a ExecutionStatus> {
        match &self.file?.status {
            Status::Execution(run) if !run.node_statuses.is_empty() => Some(run),
            _ => None,
        }
    }

    /// Its metadata from the file, with the fields that only `reconcile` writes.
    pub fn metadata(&self) -> Metadata {
        let written = self.resource.map(|resource| resource.metadata.clone());
        let written = written.unwrap_or_else(|| Metadata {
            name: self.key.name.clone(),
            namespace: self.key.namespace.clone(),
            ..Metadata::default()
        });
        Metadata {
            uid: self.file.map(|file| file.uid.clone()),
            resource_version: self
                .resource
                .map(|resource| resource_version(resource, self.status_blob)),
            generation: self.file.map(|file| file.generation),
            creation_timestamp: self.file.map(|file| file.created),
            deletion_timestamp: self
                .file
                .and_then(|file| file.deleted)
                .or(written.deletion_requested()),
            ..written
        }
    }
}
