//! Fixes of missing fields that follow from others.

use serde_json::{Map, Value, json};

use super::text::slug;
use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::words::folded;

/// Adds a missing field that follows from others.
pub(in crate::core::resource::schema) fn missing(
    instance: &Value,
    path: &[PathStep],
    name: &str,
) -> Option<Fix> {
    let object = at(instance, path)?;
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    let mut keys = object.as_object()?.keys();
    if let Some(key) = keys.find(|key| folded(key) == folded(name)) {
        return Some(Fix::certain(Change::Rename {
            path: [path, &[key.as_str().into()]].concat(),
            to: name.to_owned(),
        }));
    }
    let is_in = |list: &str| {
        let [.., PathStep::Key(above), PathStep::Index(_)] = path else {
            return false;
        };
        above == list
    };
    if name == "id" && is_in("nodes") && text("name").is_some_and(|name| slug(name, '-') == name) {
        return Some(Fix::likely(Change::Rename {
            path: [path, &["name".into()]].concat(),
            to: "id".to_owned(),
        }));
    }
    if name == "kind" && is_in("nodes") && object.get("type").is_some_and(Value::is_string) {
        return Some(Fix::likely(Change::Rename {
            path: [path, &["type".into()]].concat(),
            to: "kind".to_owned(),
        }));
    }
    let value = match name {
        "namespace" => json!("default"),
        "id" if is_in("nodes") => json!(slug(text("name")?, '-')),
        "kind" if is_in("nodes") => json!(kind_of_node(object)),
        "gateRef" if is_in("nodes") => json!({"name": slug(text("id")?, '-')}),
        "name" if is_in("acceptanceCriteria") => {
            let known = ["description", "command", "path", "url"];
            json!(known.into_iter().find_map(text)?)
        }
        "description" if is_in("acceptanceCriteria") => return criterion(path, object),
        "description" if path == ["spec".into()] => {
            json!(at(instance, &["metadata".into(), "name".into()])?.as_str()?)
        }
        "type" if is_in("acceptanceCriteria") => json!(type_of_criterion(object)?),
        "gateType" => json!("approval"),
        // An external event is reported, whatever it is called elsewhere.
        "externalRef" => {
            json!({"type": "uri", "uri": format!("urn:external:{}", slug(text("id")?, '-'))})
        }
        _ => return None,
    };
    let path = [path, &[name.into()]].concat();
    let with = value.into();
    Some(Fix::likely(Change::Add { path, with }))
}

/// The type of a task's criterion, from its fields.
fn type_of_criterion(object: &Value) -> Option<&'static str> {
    let has = |words: &[&str]| {
        let mut keys = object.as_object().into_iter().flatten();
        keys.any(|(key, _)| words.contains(&folded(key).as_str()))
    };
    if has(&["command", "run", "cmd"]) {
        Some("command_succeeds")
    } else if has(&["path", "artifact", "file"]) {
        Some("artifact_exists")
    } else if has(&["url", "endpoint", "http"]) {
        Some("endpoint_responds")
    } else {
        None
    }
}

/// The criterion of a goal that is written like one of a task.
pub(super) fn criterion(path: &[PathStep], object: &Value) -> Option<Fix> {
    let text = |fields: &[&str]| {
        fields.iter().find_map(|field| match object.get(*field)? {
            Value::String(text) => Some(text.clone()),
            Value::Array(words) => {
                let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
                words.map(|words| words.join(" "))
            }
            _ => None,
        })
    };
    let checked = if let Some(command) = text(&["command", "cmd", "run"]) {
        Some(format!("{command} succeeds"))
    } else if let Some(file) = text(&["path", "artifact", "file"]) {
        Some(format!("{file} exists"))
    } else if let Some(url) = text(&["url", "endpoint"]) {
        let status = object.get("expectedStatus").and_then(Value::as_u64);
        Some(format!(
            "{url} answers with status {}",
            status.unwrap_or(200)
        ))
    } else {
        None
    };
    let name = text(&["id", "name"]).filter(|name| slug(name, '-') == *name);
    let said =
        text(&["description", "title"]).or_else(|| text(&["name"]).filter(|_| name.is_none()));
    let said: Vec<String> = said.into_iter().chain(checked).collect();
    let said: Vec<&str> = said.iter().map(|text| text.trim()).collect();
    if said.is_empty() {
        return None;
    }
    let mut criterion = Map::new();
    criterion.extend(name.map(|name| ("id".to_owned(), json!(name))));
    criterion.insert("description".to_owned(), json!(said.join("\n")));
    Some(Fix::likely(Change::Replace {
        path: path.to_vec(),
        with: Value::Object(criterion).into(),
    }))
}

fn kind_of_node(node: &Value) -> &'static str {
    let has = |field: &str| node.get(field).is_some();
    if has("gateRef") || has("reviewers") || has("approvers") || has("gate") {
        "Gate"
    } else if has("children") {
        "Group"
    } else if has("externalRef") || has("external") {
        "External"
    } else {
        "Task"
    }
}
