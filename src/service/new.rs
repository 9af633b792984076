//! Creates a commented template of a resource or document.

use serde_json::{Map, Value};

use super::change::{Changeset, SCHEMAS};
use super::names::in_parts;
use super::store::Store;
use super::{Error, Findings, Result};
use crate::api::made::Created;
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::plain_name;
use crate::core::repository::manifest;
use crate::core::resource::schema::{self, SchemaKind};
use crate::core::resource::{Key, Kind, Time};
use crate::core::text::located::ResourceName;
use crate::core::text::{json, yaml};
use crate::git::{files, read};

/// A request for a new resource or document.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// What to create.
    pub what: NewKind,
    /// `NAME` or `NAMESPACE/NAME`; a document that is named `NAME.planspec.json` is JSON.
    pub name: String,
    /// Its namespace, if the name has none; `None` is the configured one.
    pub namespace: Option<String>,
    /// Only report what would be written.
    pub dry_run: bool,
    /// The current time, for the first revision of a document.
    pub now: Time,
}

/// What can be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind {
    /// A resource of a kind.
    Resource(Kind),
    /// A PlanSpec 1.2 document.
    Document,
}

impl NewKind {
    /// The kind by which it is found: a document is named like its plan.
    fn kind(self) -> Kind {
        match self {
            NewKind::Resource(kind) => kind,
            NewKind::Document => Kind::Plan,
        }
    }

    /// The name of its schema.
    fn word(self) -> String {
        match self {
            NewKind::Resource(kind) => kind.name().to_lowercase(),
            NewKind::Document => "document".to_owned(),
        }
    }

    fn schema(self) -> SchemaKind {
        match self {
            NewKind::Resource(kind) => SchemaKind::from(kind),
            NewKind::Document => SchemaKind::Document,
        }
    }
}

/// The endings of files of documents, which may be part of the given name.
const DOCUMENT_ENDINGS: [&str; 2] = [".planspec.json", ".planspec.yaml"];

/// Writes a commented template, and its schema for editors; commits nothing.
///
/// # Errors
/// The file exists; the name is not valid; the configured paths have no place for it.
pub fn new(store: &Store, request: &NewRequest) -> Result<Created> {
    let change = Changeset::begin(store)?;
    let (key, ending) = named(request, &change.config.default_namespace)?;
    if !change.in_head(&key)?.definitions(&key).is_empty() {
        let kind = key.kind.name().to_lowercase();
        return Err(
            Error::conflict(format!("{key} already exists")).hint(format!(
                "planspec edit {kind} {} -n {}",
                key.name, key.namespace
            )),
        );
    }
    let path = match request.what {
        NewKind::Document => with_ending(change.document_path(&key)?, ending),
        NewKind::Resource(_) => change.path_of(&key)?,
    };
    let schema_path = format!("{SCHEMAS}{}.json", request.what.word());
    let up = "../".repeat(path.matches('/').count());
    let template = match request.what {
        NewKind::Document => document_template(request.now, &key),
        NewKind::Resource(kind) => template(kind, &key.namespace, &key.name),
    };
    let text = if yaml::is_json(&path) {
        json_of(&template, &format!("{up}{schema_path}"))
    } else {
        format!("# yaml-language-server: $schema={up}{schema_path}\n{template}")
    };
    check_names(&path, &text).map_err(|error| named_otherwise(error, request.what, &key.name))?;
    let mut made = Created {
        resource: ResourceName::from(&key),
        created: !request.dry_run,
        schema: None,
        text,
        next: Vec::new(),
        path,
    };
    if !request.dry_run {
        write(store, request.what, &mut made, schema_path)?;
    }
    Ok(made)
}

/// Writes the file, and its schema unless that exists.
fn write(store: &Store, what: NewKind, made: &mut Created, schema_path: String) -> Result {
    let path = &made.path;
    if files::create(&store.repo, path, made.text.as_bytes())? == files::NewFile::Exists {
        return Err(Error::conflict(format!("{path} already exists"))
            .hint("it was not changed; choose another name"));
    }
    let here = store.repo.from_here(path);
    made.next.push(format!("planspec apply -f {here}"));
    let schema = schema::text(what.schema());
    if files::create(&store.repo, &schema_path, schema.as_bytes())? == files::NewFile::Yes {
        made.schema = Some(schema_path);
    }
    Ok(())
}

/// The key, and the ending of the file name as it was given.
///
/// # Errors
/// Two different namespaces are given.
fn named(request: &NewRequest, default_namespace: &str) -> Result<(Key, &'static str)> {
    let endings = match request.what {
        NewKind::Document => DOCUMENT_ENDINGS.as_slice(),
        NewKind::Resource(_) => &[],
    };
    let ending = endings.iter().find(|end| request.name.ends_with(**end));
    let ending = ending.copied().unwrap_or_default();
    let name = request.name.strip_suffix(ending).unwrap_or(&request.name);
    let (namespace, name) = in_parts(name, request.namespace.as_deref())?;
    let namespace = namespace.unwrap_or(default_namespace);
    Ok((Key::new(request.what.kind(), namespace, name), ending))
}

/// The path of a document with the given ending.
fn with_ending(path: String, ending: &str) -> String {
    match (ending, path.strip_suffix(".planspec.yaml")) {
        (".planspec.json", Some(stem)) => format!("{stem}{ending}"),
        _ => path,
    }
}

/// A template as JSON, which has no comments.
fn json_of(template: &str, schema: &str) -> String {
    let (documents, _) = yaml::read("template.yaml", template.as_bytes(), &Default::default());
    let mut fields = Map::new();
    fields.insert("$schema".to_owned(), schema.into());
    let template = documents.into_iter().map(|document| document.value);
    for (field, value) in template.flat_map(|value| value.as_object().cloned().unwrap_or_default())
    {
        fields.insert(field, value);
    }
    json::write(&Value::Object(fields))
}

/// Refuses an invalid name, before anything is written.
fn check_names(path: &str, text: &str) -> Result {
    let file = SourceFile {
        path: path.to_owned(),
        blob: read::blob_id(text.as_bytes()),
        content: Content::Bytes(text.as_bytes().into()),
    };
    let found = manifest::read(&file, &Default::default(), "default").diagnostics;
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::findings(Findings::new(found, &|_| {
        Some(text.to_owned())
    })))
}

/// Adds a suggestion to the error about an invalid name.
fn named_otherwise(error: Error, what: NewKind, name: &str) -> Error {
    let meant = plain_name(name).filter(|meant| meant != name);
    error.maybe_hint(meant.map(|meant| format!("planspec new {} {meant}", what.word())))
}

/// The template of a document, with a new id.
fn document_template(now: Time, key: &Key) -> String {
    let now = now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    include_str!("new/document.yaml")
        .replace("PLAN_ID", &uuid::Uuid::new_v4().to_string())
        .replace("CREATED_AT", &now)
        .replace("NAMESPACE", &key.namespace)
        .replace("NAME", &key.name)
}

fn template(kind: Kind, namespace: &str, name: &str) -> String {
    let template = match kind {
        Kind::Goal => include_str!("new/goal.yaml"),
        Kind::Plan => include_str!("new/plan.yaml"),
        Kind::Capability => include_str!("new/capability.yaml"),
        Kind::Binding => include_str!("new/binding.yaml"),
        Kind::Gate => include_str!("new/gate.yaml"),
        Kind::Execution => include_str!("new/execution.yaml"),
    };
    template
        .replace("NAMESPACE", namespace)
        .replace("NAME", name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_template_is_a_sound_resource() {
        for kind in Kind::ALL {
            let text = template(kind, "team", "thing");
            let file = SourceFile {
                path: "t.yaml".to_owned(),
                blob: String::new(),
                content: Content::Bytes(text.as_bytes().into()),
            };
            let manifest = manifest::read(&file, &Default::default(), "default");
            assert!(
                manifest.diagnostics.is_empty(),
                "{kind}: {:?}",
                manifest.diagnostics
            );
            assert_eq!(manifest.entries[0].key, Key::new(kind, "team", "thing"));
        }
    }

    #[test]
    fn the_template_of_a_document_is_ready() {
        let now = "2026-01-31T09:00:00Z".parse().unwrap();
        let key = Key::new(Kind::Plan, "team", "thing");
        let text = document_template(now, &key);
        let document = crate::document::parse("x.planspec.yaml", text.as_bytes()).unwrap();
        assert_eq!(document.validate(), []);
        let generated = document.resources("x.planspec.yaml", "other").unwrap();
        assert!(generated.resources.iter().any(|one| one.key() == key));
    }
}
