//! Puts resources in place in the repository, and commits exactly their files.

use std::collections::BTreeSet;

use super::change::{Changed, Changeset};
use super::delete::going_on;
use super::sources::{self, Source};
use super::store::Store;
use super::{Error, Result};
use crate::api::change::Applied;
use crate::core::base::fix::{Change, Fix};
use crate::core::base::limits::Limits;
use crate::core::base::source::Content;
use crate::core::repository::manifest;
use crate::core::text::{edit, yaml};
use crate::path;

/// A request to apply resources.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    /// The files and folders to read.
    pub sources: Vec<Source>,
    /// Namespace for resources that set none; a resource of another namespace is an error.
    pub namespace: Option<String>,
    /// Namespace for resources that set none, if `namespace` is `None`.
    pub default_namespace: Option<String>,
    /// Commit message; `None` makes one from the changes.
    pub message: Option<String>,
    /// Only report what would be done.
    pub dry_run: bool,
    /// Apply even if that cancels runs in progress, because the new text of a file no longer contains them.
    pub yes: bool,
}

/// Validates resources together, puts each in place, and commits exactly their files. A file of the
/// repository stays where it is; any other resource replaces its previous version, or goes to its
/// canonical path.
///
/// # Errors
/// A file cannot be read; there are findings at error level; a file has uncommitted changes; Git
/// refuses the commit.
pub fn apply(store: &Store, request: &ApplyRequest) -> Result<Changed<Applied>> {
    let mut change = Changeset::begin_alone(store, request.dry_run)?;
    change.in_any_order();
    let (config, limit) = (&change.config, change.config.limits.file_bytes);
    let (mut files, mut keys) = (Vec::new(), BTreeSet::new());
    for mut file in sources::files(&request.sources, limit)? {
        let text = in_namespace(request, &file.path, sources::text_of(&file)?)?;
        file.content = Content::Bytes(text.as_bytes().into());
        let manifest = manifest::read(&file, &config.limits, &config.default_namespace);
        keys.extend(manifest.entries.into_iter().map(|entry| entry.key));
        files.push((file, text));
    }
    change.look_up(&keys)?;
    for (file, text) in files {
        change.put(&file, &text)?;
    }
    let lost = change.lost()?;
    let going_on = going_on(store, &lost)?;
    if !going_on.is_empty() && !request.yes && !request.dry_run {
        let message = format!("nothing is applied: {}", going_on.join("; "));
        return Err(Error::not_ready(message).hint("add `--yes` to do it anyway"));
    }
    let change = change.commit(request.message.as_deref(), request.dry_run)?;
    Ok(change.map(|mut change| {
        change.notes.splice(0..0, going_on);
        Applied { change }
    }))
}

/// The text of a file in which each resource has a namespace, if one was given.
fn in_namespace(request: &ApplyRequest, file: &str, text: String) -> Result<String> {
    let asked = request.namespace.as_ref();
    let Some(namespace) = asked.or(request.default_namespace.as_ref()) else {
        return Ok(text);
    };
    let (documents, _) = yaml::read(file, text.as_bytes(), &Limits::default());
    let mut fixes = Vec::new();
    for document in &documents {
        let Some(metadata) = document
            .value
            .get("metadata")
            .and_then(|one| one.as_object())
        else {
            continue;
        };
        match metadata.get("namespace").map(|own| own.as_str()) {
            None => {
                let path = path!["metadata", "namespace"];
                let with = serde_json::Value::from(namespace.as_str()).into();
                fixes.push((document.index, Fix::certain(Change::Add { path, with })));
            }
            Some(Some(own)) if asked.is_some_and(|asked| asked != own) => {
                let message =
                    format!("{file} sets namespace `{own}`, but `-n {namespace}` was given");
                return Err(Error::ambiguous(message).hint("omit one of them"));
            }
            Some(_) => {}
        }
    }
    let asked: Vec<(usize, &Fix)> = fixes.iter().map(|(index, fix)| (*index, fix)).collect();
    let edits = edit::fixes(file, &text, &asked).into_iter().flatten();
    Ok(edit::edited(&text, &edits.flatten().collect::<Vec<_>>()))
}
