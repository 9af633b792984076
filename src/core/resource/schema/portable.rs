//! The schemas for other editors and validators: JSON Schema draft-07, which editors support best, with URLs as ids
//! and without our own keywords; and a catalog in the form of SchemaStore's.

use serde_json::{Map, Value, json};

use super::{STATUS, SchemaKind, text};
use crate::core::resource::Kind;

const DRAFT_07: &str = "http://json-schema.org/draft-07/schema#";
/// Keywords for our own messages, or newer than draft-07.
const LEFT_OUT: [&str; 6] = [
    "$schema",
    "$id",
    "wholeNumber",
    "errorMessage",
    "patternErrorMessage",
    "deprecated",
];
/// Keywords whose value contains schemas by arbitrary names.
const BY_NAME: [&str; 3] = ["properties", "patternProperties", "definitions"];

/// Keywords whose value is not a schema.
const VALUES: [&str; 4] = ["const", "enum", "examples", "default"];

/// A published file.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Its name: `plan.json`.
    pub name: String,
    /// Its content.
    pub content: Value,
}

/// All schemas with ids below `url`, and `catalog.json`.
pub fn published(url: &str) -> Vec<Published> {
    let url = url.trim_end_matches('/');
    let kinds = Kind::ALL.map(|kind| (kind.name().to_lowercase(), SchemaKind::Resource(kind)));
    let others = [
        ("document".to_owned(), SchemaKind::Document),
        ("config".to_owned(), SchemaKind::Config),
    ];
    let mut files: Vec<Published> = kinds
        .into_iter()
        .chain(others)
        .map(|(name, kind)| of_text(url, &name, text(kind)))
        .collect();
    files.push(of_text(url, "status", STATUS));
    files.push(resource(url));
    files.push(Published {
        name: "catalog.json".to_owned(),
        content: catalog(url),
    });
    files
}

fn of_text(url: &str, name: &str, text: &str) -> Published {
    let whole: Value = serde_json::from_str(text).unwrap_or_default();
    with_id(url, name, converted(whole, "#"))
}

fn with_id(url: &str, name: &str, content: Value) -> Published {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), DRAFT_07.into());
    schema.insert("$id".to_owned(), format!("{url}/{name}.json").into());
    if let Value::Object(fields) = content {
        schema.extend(fields);
    }
    Published {
        name: format!("{name}.json"),
        content: schema.into(),
    }
}

/// The schema of a resource of any kind: the content of a file in `planspec/`.
fn resource(url: &str) -> Published {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for kind in Kind::ALL {
        let name = kind.name();
        let whole: Value = serde_json::from_str(text(kind.into())).unwrap_or_default();
        let place = format!("#/definitions/{name}");
        choices.push(json!({
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {"$ref": place},
        }));
        definitions.insert(name.to_owned(), converted(whole, &place));
    }
    let content = json!({
        "title": "PlanSpec resource",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"kind": {"enum": names}},
        "allOf": choices,
        "definitions": definitions,
    });
    with_id(url, "resource", content)
}

/// A schema converted to draft-07, to be placed at `root`.
fn converted(mut schema: Value, root: &str) -> Value {
    // A worklist instead of recursion, since a schema could be nested deep.
    let mut todo = vec![&mut schema];
    while let Some(value) = todo.pop() {
        match value {
            Value::Object(fields) => {
                rewrite(fields, root);
                for (key, inner) in fields.iter_mut() {
                    if VALUES.contains(&key.as_str()) {
                        continue;
                    }
                    if !BY_NAME.contains(&key.as_str()) {
                        todo.push(inner);
                    } else if let Value::Object(named) = inner {
                        todo.extend(named.values_mut());
                    }
                }
            }
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    schema
}

/// Converts one schema, without those in it.
fn rewrite(fields: &mut Map<String, Value>, root: &str) {
    fields.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
    for (new, old) in [
        ("definitions", "$defs"),
        ("dependencies", "dependentRequired"),
    ] {
        if let Some(value) = fields.remove(old) {
            fields.insert(new.to_owned(), value);
        }
    }
    let Some(Value::String(place)) = fields.get("$ref") else {
        return;
    };
    let place = place.replacen("#/$defs/", &format!("{root}/definitions/"), 1);
    fields.remove("$ref");
    // Draft-07 ignores everything beside a reference.
    let reference = json!({"$ref": place});
    if fields.is_empty() {
        fields.insert("$ref".to_owned(), place.into());
        return;
    }
    match fields.get_mut("allOf") {
        Some(Value::Array(all)) => all.push(reference),
        _ => drop(fields.insert("allOf".to_owned(), json!([reference]))),
    }
}

/// The catalog of schemas with their files, in the form of SchemaStore's.
fn catalog(url: &str) -> Value {
    let entry = |name: &str, about: &str, files: &[&str], schema: &str| {
        json!({
            "name": name,
            "description": about,
            "fileMatch": files,
            "url": format!("{url}/{schema}.json"),
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/schema-catalog.json",
        "version": 1,
        "schemas": [
            entry(
                "PlanSpec document",
                "Execution plans with review: PlanSpec 1.2 documents",
                &["*.planspec.yaml", "*.planspec.yml", "*.planspec.json"],
                "document",
            ),
            entry(
                "PlanSpec resource",
                "Goals, plans, capabilities, bindings, gates and executions",
                &["**/planspec/**/*.yaml", "**/planspec/**/*.yml"],
                "resource",
            ),
            entry(
                "PlanSpec configuration",
                "The configuration of planspec for a repository",
                &[".planspec.yaml"],
                "config",
            ),
        ],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const URL: &str = "https://example.org/schemas/";

    fn schema_of(name: &str) -> Value {
        let mut all = published(URL).into_iter();
        all.find(|file| file.name == name).unwrap().content
    }

    #[test]
    fn published_schemas_are_plain_draft_07() {
        let meta = jsonschema::draft7::meta::validator();
        for file in published(URL) {
            if file.name == "catalog.json" {
                continue;
            }
            assert!(meta.is_valid(&file.content), "{}", file.name);
            let text = file.content.to_string();
            for word in [
                "$defs",
                "urn:",
                "wholeNumber\"",
                "rrorMessage\"",
                "dependentRequired",
            ] {
                assert!(!text.contains(word), "{}: {word}", file.name);
            }
            assert_eq!(
                file.content["$id"],
                format!("https://example.org/schemas/{}", file.name)
            );
            jsonschema::draft7::new(&file.content).unwrap();
        }
    }

    #[test]
    fn they_take_and_refuse_what_ours_do() {
        let plan = json!({
            "apiVersion": "planspec.io/v1alpha1", "kind": "Plan",
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"description": "d", "graph": {"nodes": [{"id": "a", "kind": "Task"}]}},
        });
        let mut bad_name = plan.clone();
        bad_name["metadata"]["name"] = "Not A Name".into();
        let mut unknown = plan.clone();
        unknown["spec"]["nonsense"] = 1.into();
        let mut other_kind = plan.clone();
        other_kind["kind"] = "Nothing".into();
        for name in ["plan.json", "resource.json"] {
            let schema = schema_of(name);
            let validator = jsonschema::draft7::new(&schema).unwrap();
            assert!(validator.is_valid(&plan), "{name}");
            for wrong in [&bad_name, &unknown, &other_kind] {
                assert!(!validator.is_valid(wrong), "{name}: {wrong}");
            }
        }
    }

    #[test]
    fn the_catalog_names_files_that_are_published() {
        let all = published(URL);
        for entry in schema_of("catalog.json")["schemas"].as_array().unwrap() {
            let url = entry["url"].as_str().unwrap();
            let name = url.rsplit('/').next().unwrap();
            assert!(all.iter().any(|file| file.name == name), "{url}");
            assert!(!entry["fileMatch"].as_array().unwrap().is_empty());
        }
    }
}
