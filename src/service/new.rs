//! A commented template of a resource or document at its place.

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

/// Make a resource or a document.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// What is made.
    pub what: NewKind,
    /// `NAME` or `NAMESPACE/NAME`; a document that is named `NAME.planspec.json` is JSON.
    pub name: String,
    /// Its namespace, where the name has none; the configured one when not set.
    pub namespace: Option<String>,
    /// Only say what would be written.
    pub dry_run: bool,
    /// The moment of the request: when the first revision of a document was made.
    pub now: Time,
}

/// What can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind {
    /// A resource of a kind.
    Resource(Kind),
    /// A PlanSpec 1.2 document.
    Document,
}

impl NewKind {
    /// The kind by which it is found: a document is named after the plan that it stands for.
    fn kind(self) -> Kind {
        match self {
            NewKind::Resource(kind) => kind,
            NewKind::Document => Kind::Plan,
        }
    }

    /// What it is called, as its schema is.
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

/// How files of documents end, when a name is typed with it.
const DOCUMENT_ENDINGS: [&str; 2] = [".planspec.json", ".planspec.yaml"];

/// Write a commented template at its place, and its schema for editors; nothing is committed.
///
/// # Errors
/// It is there already; no resource can have that name; the configured paths have no place for it.
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

/// Write the file, and its schema where that is not there yet.
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

/// Which resource is meant, and how the name of its file was typed to end.
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

/// The path of a document with the ending that was typed.
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

/// A name that no resource can have is found before anything is written.
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

/// The name that was probably meant, where what is typed is none.
fn named_otherwise(error: Error, what: NewKind, name: &str) -> Error {
    let meant = plain_name(name).filter(|meant| meant != name);
    error.maybe_hint(meant.map(|meant| format!("planspec new {} {meant}", what.word())))
}

/// The template of a document, with an id of its own.
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
