//! `planspec new`: a commented template at its place.

use clap::Args as ClapArgs;

use super::change::Change;
use super::get::{no_kind, wanted_one};
use super::{Context, NamespaceArg};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::manifest;
use crate::core::resource::schema::{self, SchemaKind};
use crate::core::resource::{Key, Kind};
use crate::core::text::yaml;
use crate::failure::{Failure, Outcome};
use crate::git::{files, read};
use crate::service::store::Store;
use crate::show::findings;

/// Write a commented template of a resource at its place; commits nothing
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind (goal, plan, capability, binding, gate, execution) or document, or KIND/NAME
    kind: String,
    /// Name of the resource: NAME or NAMESPACE/NAME; a document named NAME.planspec.json is JSON
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Print it instead of writing it
    #[arg(long)]
    print: bool,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let typed = args.kind.split('/').next().unwrap_or_default();
    let is_document = typed == DOCUMENT;
    if !is_document && Kind::parse(typed).is_none() {
        return Err(no_kind(typed, &[DOCUMENT]));
    }
    // A document is named after the plan that it stands for.
    let (kind, name) = match is_document {
        true => (Kind::Plan, document_name(args)?),
        false => wanted_one("new", &args.kind, args.name.as_deref())?,
    };
    let ending = DOCUMENT_ENDINGS
        .iter()
        .find(|ending| name.ends_with(**ending));
    let ending = ending.filter(|_| is_document).copied().unwrap_or_default();
    let name = name.strip_suffix(ending).unwrap_or(&name).to_owned();
    let store = Store::open(context.dir.as_deref())?;
    let change = Change::begin(&store)?;
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (namespace, name),
        None => {
            let default = change.config.default_namespace.as_str();
            (
                args.namespace.namespace.as_deref().unwrap_or(default),
                name.as_str(),
            )
        }
    };
    let key = Key::new(kind, namespace, name);
    if !change.before().definitions(&key).is_empty() {
        return Err(
            Failure::not_met(format!("{key} exists already")).hint(format!(
                "planspec edit {} {name}",
                kind.name().to_lowercase()
            )),
        );
    }
    let (path, what, schema_kind) = match is_document {
        true => (
            with_ending(change.document_path(&key)?, ending),
            DOCUMENT.to_owned(),
            SchemaKind::Document,
        ),
        false => (
            change.path_of(&key)?,
            kind.name().to_lowercase(),
            SchemaKind::from(kind),
        ),
    };
    let schema_path = format!(".planspec/schemas/{what}.json");
    let up = "../".repeat(path.matches('/').count());
    let template = match is_document {
        true => document_template(context, &key),
        false => template(kind, namespace, name),
    };
    let text = match yaml::is_json(&path) {
        true => json_of(&template, &format!("{up}{schema_path}")),
        false => format!("# yaml-language-server: $schema={up}{schema_path}\n{template}"),
    };
    check_names(context, &path, &text)?;
    if args.print {
        context.terminal.out(&text);
        return Ok(());
    }
    match files::create(&store.repo, &path, text.as_bytes())? {
        files::Created::Yes => context.terminal.out(&format!("created {path}\n")),
        files::Created::Exists => {
            return Err(Failure::not_met(format!("{path} exists already"))
                .hint("it is left as it is; choose another name"));
        }
    }
    let schema = schema::text(schema_kind);
    if files::create(&store.repo, &schema_path, schema.as_bytes())? == files::Created::Yes {
        context
            .terminal
            .out(&format!("created {schema_path} (for editors)\n"));
    }
    context
        .terminal
        .note(&format!("next: fill it in, then planspec apply -f {path}"));
    Ok(())
}

/// What is typed for a document, which is no kind.
const DOCUMENT: &str = "document";

/// How files of documents end, when a name is typed with it.
const DOCUMENT_ENDINGS: [&str; 2] = [".planspec.json", ".planspec.yaml"];

/// The name of a new document: `document NAME` or `document/NAME`.
fn document_name(args: &Args) -> Outcome<String> {
    let own = args.kind.split_once('/').map(|(_, name)| name);
    match (own, args.name.as_deref()) {
        (Some(own), Some(name)) => Err(Failure::usage(format!(
            "both `{own}` and `{name}` are given as the name"
        ))
        .hint(format!("one at a time: {DOCUMENT}/{own}"))),
        (None, None) => Err(Failure::usage(format!("`{DOCUMENT}` names no document"))
            .hint(format!("write planspec new {DOCUMENT} NAME"))),
        (Some(name), None) | (None, Some(name)) => Ok(name.to_owned()),
    }
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
    let mut fields = serde_json::Map::new();
    fields.insert("$schema".to_owned(), schema.into());
    let template = documents.into_iter().map(|document| document.value);
    for (field, value) in template.flat_map(|value| value.as_object().cloned().unwrap_or_default())
    {
        fields.insert(field, value);
    }
    crate::show::json(&serde_json::Value::Object(fields))
}

/// A name that no resource can have is found before anything is written.
fn check_names(context: &Context, path: &str, text: &str) -> Outcome {
    let file = SourceFile {
        path: path.to_owned(),
        blob: read::blob_id(text.as_bytes()),
        content: Content::Bytes(text.as_bytes().into()),
    };
    let found = manifest::read(&file, &Default::default(), "default").diagnostics;
    if found.is_empty() {
        return Ok(());
    }
    let colors = context.terminal.colors_err();
    let text_of = |_: &str| Some(text.to_owned());
    let shown = findings::render(&found, &text_of, findings::Format::Text, colors);
    context.terminal.styled(shown.trim_end());
    Err(Failure::findings())
}

/// The template of a document, with an id of its own.
fn document_template(context: &Context, key: &Key) -> String {
    let now = context.now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
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
        let context = Context {
            dir: None,
            terminal: crate::terminal::Terminal::new(crate::terminal::ColorChoice::Never),
            now: "2026-01-31T09:00:00Z".parse().unwrap(),
        };
        let key = Key::new(Kind::Plan, "team", "thing");
        let text = document_template(&context, &key);
        let document = crate::document::parse("x.planspec.yaml", text.as_bytes()).unwrap();
        assert_eq!(document.validate(), []);
        let generated = document.resources("x.planspec.yaml", "other").unwrap();
        assert!(generated.resources.iter().any(|one| one.key() == key));
    }
}
