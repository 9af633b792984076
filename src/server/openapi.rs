//! The description of the API, built from the table of routes and the JSON Schemas.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::routes::{Gives, ROUTES, Route, Takes};
use super::status::{Answer, sent_as};
use crate::api::registry;
use crate::core::resource::Kind;

/// `GET /openapi.json`
pub async fn served() -> Answer<Response> {
    Ok(sent_as(StatusCode::OK, &description()))
}

/// The description, in OpenAPI 3.1.
pub fn description() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_default();
        path.insert(route.method.to_owned(), operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "planspec",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Plans, runs and decisions of a Git repository. Writes become commits and records.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let id = format!("{} {}", route.method, route.path);
    let mut parameters = path_parameters(route.path);
    parameters.extend(route.query.iter().map(|name| query_parameter(name)));
    let mut responses = Map::new();
    responses.insert(route.code.to_string(), success(route));
    let refusal = json!({"description": "Refused", "content": {"application/json": {"schema": reference("Status")}}});
    responses.insert("default".to_owned(), refusal);
    let mut operation = json!({
        "operationId": id,
        "summary": route.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = body(route) {
        operation["requestBody"] = body;
    }
    operation
}

/// The parameters in braces.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let parameter = |name: &str| {
        let schema = match name {
            "type" => {
                let words: Vec<&str> = Kind::ALL.into_iter().map(Kind::plural).collect();
                json!({"type": "string", "enum": words})
            }
            "namespace" | "name" => {
                json!({"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"})
            }
            _ => json!({"type": "string", "minLength": 1}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    };
    names.map(parameter).collect()
}

fn query_parameter(name: &str) -> Value {
    let (name, is_required) = match name.strip_suffix('!') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let schema = match name {
        "limit" => json!({"type": "integer", "minimum": 0}),
        "watch" => json!({"type": "boolean"}),
        _ => json!({"type": "string"}),
    };
    json!({"name": name, "in": "query", "required": is_required, "schema": schema})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn body(route: &Route) -> Option<Value> {
    let object = json!({"type": "object"});
    let schema = match route.takes {
        Takes::Nothing => return None,
        Takes::Resource if route.method == "patch" => object,
        Takes::Resource => reference("ResourceSent"),
        Takes::Resources => json!({"type": "array", "items": reference("ResourceSent")}),
        Takes::Values => json!({"type": "array"}),
        Takes::Namespace => reference("Namespace"),
        Takes::Call => object,
        Takes::Fields(fields) | Takes::Form(fields) => {
            let name = |field: &str| field.trim_end_matches('!').to_owned();
            let properties: Map<String, Value> = fields
                .iter()
                .map(|field| (name(field), field_schema(&name(field))))
                .collect();
            let required = fields.iter().filter(|field| field.ends_with('!'));
            let required: Vec<String> = required.map(|field| name(field)).collect();
            json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
        }
    };
    let is_optional = match route.takes {
        Takes::Fields(fields) | Takes::Form(fields) => {
            !fields.iter().any(|field| field.ends_with('!'))
        }
        _ => false,
    };
    let media = match route.takes {
        Takes::Form(_) => "application/x-www-form-urlencoded",
        _ if route.method == "patch" => "application/merge-patch+json",
        _ => "application/json",
    };
    Some(json!({"required": !is_optional, "content": {media: {"schema": schema}}}))
}

fn field_schema(name: &str) -> Value {
    match name {
        "decision" => json!({"enum": ["approve", "reject", "comment"]}),
        "result" => json!({"enum": ["succeeded", "failed"]}),
        "met" => json!({"type": "boolean"}),
        "rebind" | "again" => json!({"type": "boolean"}),
        "attempt" => json!({"type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX}),
        "outputs" => json!({"type": "object"}),
        "message" | "evidence" | "criterion" | "ref" | "commit" | "record" => {
            json!({"type": "string"})
        }
        _ => json!({"type": ["string", "null"]}),
    }
}

fn success(route: &Route) -> Value {
    if route.code == 303 {
        return json!({"description": "See the page again"});
    }
    let (media, schema) = match route.gives {
        Gives::Resource => ("application/json", reference("Resource")),
        Gives::List => ("application/json", reference("ResourceList")),
        Gives::Events => ("text/event-stream", json!({"type": "string"})),
        Gives::Namespace => ("application/json", json!({"type": "object"})),
        Gives::Status => ("application/json", reference("Status")),
        Gives::Document(kind) => ("application/json", reference(kind)),
        Gives::Object => ("application/json", json!({})),
        Gives::Page => ("text/html", json!({"type": "string"})),
        Gives::Text => ("text/plain", json!({"type": "string"})),
    };
    let mut content = json!({media: {"schema": schema}});
    if matches!(route.gives, Gives::List | Gives::Events) {
        // A list can be requested as a stream.
        for media in ["text/event-stream", "application/x-ndjson"] {
            content[media] = json!({"schema": {"type": "string"}});
        }
    }
    json!({"description": "Success", "content": content})
}

/// The schemas that operations refer to.
fn schemas() -> Map<String, Value> {
    let kinds: BTreeSet<&str> = ROUTES
        .iter()
        .filter_map(|route| match route.gives {
            Gives::Document(kind) => Some(kind),
            _ => None,
        })
        .collect();
    let mut schemas = Map::new();
    for kind in kinds.into_iter().chain(["Resource"]) {
        if let Some(known) = registry::find(kind) {
            schemas.insert(kind.to_owned(), inlined(kind, (known.schema)().to_value()));
        }
    }
    schemas.insert(
        "ResourceSent".to_owned(),
        json!({
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "properties": {
                "apiVersion": {"const": crate::core::resource::API_VERSION},
                "kind": {"enum": Kind::ALL.map(Kind::name)},
                "metadata": {"type": "object", "required": ["name"]},
                "spec": {"type": "object"},
            },
        }),
    );
    let list = json!({
        "type": "object",
        "required": ["apiVersion", "kind", "items", "metadata"],
        "properties": {
            "kind": {"type": "string"},
            "items": {"type": "array", "items": {"type": "object"}},
            "metadata": {"type": "object", "required": ["resourceVersion"], "properties": {
                "resourceVersion": {"type": "string"},
                "continue": {"type": "string"},
                "remainingItemCount": {"type": "integer"},
            }},
        },
    });
    schemas.insert("ResourceList".to_owned(), list);
    schemas.insert("Namespace".to_owned(), json!({
        "type": "object",
        "required": ["metadata"],
        "properties": {"metadata": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        }}},
    }));
    schemas.insert(
        "Status".to_owned(),
        json!({
            "type": "object",
            "required": ["apiVersion", "kind", "status", "message", "code"],
            "properties": {
                "apiVersion": {"const": crate::core::resource::API_VERSION},
                "kind": {"const": "Status"},
                "status": {"enum": ["Success", "Failure"]},
                "message": {"type": "string"},
                "reason": {"type": "string"},
                "code": {"type": "integer"},
                "details": {"type": "object"},
            },
        }),
    );
    schemas
}

/// A schema as a part of this document, with its references adjusted. A part with its own `$id` becomes an ordinary
/// part.
fn inlined(name: &str, mut schema: Value) -> Value {
    let root = format!("#/components/schemas/{name}");
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let mut open = vec![(root.clone(), &schema)];
    while let Some((place, value)) = open.pop() {
        if let Some(Value::String(id)) = value.get("$id") {
            places.insert(id.clone(), place.clone());
        }
        match value {
            Value::Array(items) => open.extend(below(&place, items.iter().enumerate())),
            Value::Object(fields) => open.extend(below(&place, fields)),
            _ => {}
        }
    }
    let mut open = vec![(root.clone(), root, &mut schema)];
    while let Some((place, base, value)) = open.pop() {
        let with_base = |base: String| move |(place, value)| (place, base.clone(), value);
        match value {
            Value::Array(items) => {
                let items = below(&place, items.iter_mut().enumerate());
                open.extend(items.into_iter().map(with_base(base)));
            }
            Value::Object(fields) => {
                let own = fields.shift_remove("$id").is_some();
                let base = if own { place.clone() } else { base };
                if let Some(Value::String(to)) = fields.get_mut("$ref") {
                    let (document, rest) = to.split_once('#').unwrap_or((to, ""));
                    let document = if document.is_empty() {
                        Some(&base)
                    } else {
                        places.get(document)
                    };
                    if let Some(document) = document {
                        *to = format!("{document}{rest}");
                    }
                }
                let fields = below(&place, fields);
                open.extend(fields.into_iter().map(with_base(base)));
            }
            _ => {}
        }
    }
    schema
}

/// The children of a value, each with its pointer.
fn below<K: std::fmt::Display, V>(
    place: &str,
    parts: impl IntoIterator<Item = (K, V)>,
) -> Vec<(String, V)> {
    let step = |name: K| name.to_string().replace('~', "~0").replace('/', "~1");
    let parts = parts.into_iter();
    parts
        .map(|(name, value)| (format!("{place}/{}", step(name)), value))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// All references resolve, and all routes are described.
    #[test]
    fn the_description_is_whole() {
        let described = description();
        let mut open = vec![&described];
        let mut references = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items),
                Value::Object(fields) => {
                    assert!(!fields.contains_key("$id"));
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        let pointer = to.strip_prefix('#').unwrap();
                        references += 1;
                        assert!(described.pointer(pointer).is_some(), "{to}");
                    }
                    open.extend(fields.values());
                }
                _ => {}
            }
        }
        assert!(references > 50);
        let mut ids = BTreeSet::new();
        for route in ROUTES {
            let place = &described["paths"][route.path][route.method];
            assert!(
                ids.insert(place["operationId"].as_str().unwrap().to_owned()),
                "{}",
                route.path
            );
            let braces = route.path.matches('{').count();
            let named = place["parameters"].as_array().unwrap().iter();
            assert_eq!(
                named.filter(|one| one["in"] == "path").count(),
                braces,
                "{}",
                route.path
            );
        }
    }
}
