//! Fixes of values of a wrong type, or with a wrong word.

use serde_json::{Map, Value, json};

use super::super::words::{Rule, follow};
use super::text::{in_digits, slug, time};
use super::{annotated, said_of_node};
use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::folded;

/// Words of other tools for a choice, with the beginnings of ours.
const OTHER_WORDS: [(&str, &str); 31] = [
    ("url", "string"),
    ("uri", "string"),
    ("text", "string"),
    ("integer", "number"),
    ("float", "number"),
    ("bool", "boolean"),
    ("list", "array"),
    ("map", "object"),
    ("dict", "object"),
    ("command", "command_succeeds"),
    ("cmd", "command_succeeds"),
    ("shell", "command_succeeds"),
    ("artifact", "artifact_exists"),
    ("file", "artifact_exists"),
    ("fileexists", "artifact_exists"),
    ("test", "test_passes"),
    ("http", "endpoint_responds"),
    ("endpoint", "endpoint_responds"),
    ("manual", "approval"),
    ("int", "number"),
    ("milestone", "Task"),
    ("step", "Task"),
    ("action", "Task"),
    ("job", "Task"),
    ("approval", "Gate"),
    ("review", "Gate"),
    ("signoff", "Gate"),
    ("phase", "Group"),
    ("stage", "Group"),
    ("parallel", "Group"),
    ("humanagent", "either"),
];

/// One of the permitted words that was probably meant.
pub(in crate::core::resource::schema) fn word<'v>(
    path: &[PathStep],
    given: &str,
    allowed: &[&'v str],
) -> Option<(Fix, &'v str)> {
    let replaced = |meant: &str| Change::Replace {
        path: path.to_vec(),
        with: json!(meant).into(),
    };
    let word = folded(given);
    if let Some(same) = allowed.iter().find(|other| folded(other) == word) {
        return Some((Fix::certain(replaced(same)), same));
    }
    let other = OTHER_WORDS
        .iter()
        .find(|(other, ours)| *other == word && allowed.contains(ours));
    let other = other.and_then(|(_, ours)| allowed.iter().find(|one| *one == ours).copied());
    let meant = other.or_else(|| did_you_mean(given, allowed.iter().copied()))?;
    Some((Fix::likely(replaced(meant)), meant))
}

/// A milestone becomes a task, and its description keeps that it is a milestone.
pub(in crate::core::resource::schema) fn with_what_it_said(
    instance: &Value,
    path: &[PathStep],
    given: &str,
    fix: Fix,
) -> Fix {
    let said = path.split_last().and_then(|(field, node)| {
        let is_milestone = *field == "kind".into() && folded(given) == "milestone";
        let object = at(instance, node).filter(|_| is_milestone)?;
        said_of_node(node, object, "A milestone.", fix.changes.first()?.clone())
    });
    said.unwrap_or(fix)
}

/// A value of the right type that was probably meant.
pub(in crate::core::resource::schema) fn typed(
    (root, instance): (&Value, &Value),
    rule: &Rule<'_>,
    path: &[PathStep],
    value: &Value,
) -> Option<Fix> {
    let replaced = |with: Value| Change::Replace {
        path: path.to_vec(),
        with: with.into(),
    };
    match (rule.text("type")?, value) {
        (_, Value::Null) => None,
        ("string", Value::Number(_) | Value::Bool(_)) => quoted(rule, path, value),
        ("string", Value::Object(fields)) if fields.len() == 2 => {
            let text = |field: &str| fields.get(field).and_then(Value::as_str);
            let meant = match (text("type"), text("name"), text("email")) {
                (Some(kind), Some(name), _) => format!("{kind}://{name}"),
                (_, _, Some(email)) => email.to_owned(),
                _ => return None,
            };
            Some(Fix::likely(replaced(json!(meant))))
        }
        ("string", Value::Object(fields)) if fields.len() == 1 => {
            let (key, only) = fields
                .iter()
                .find(|(key, value)| value.is_string() && *key != "path")?;
            // `- node: build` names a node; in `- The form: a check`, the colon made a mapping.
            let is_name = ["node", "name", "id", "ref", "step", "task"].contains(&key.as_str());
            let text = json!(format!("{key}: {}", only.as_str()?));
            let meant = if is_name { only.clone() } else { text };
            Some(Fix::likely(replaced(meant)))
        }
        ("boolean", Value::String(text)) => Some(Fix::certain(replaced(json!(boolean(text)?)))),
        ("integer" | "number", Value::String(text)) => number(path, text),
        ("integer", Value::Object(fields)) => {
            let mut names = ["limit", "max", "count", "times"].iter();
            let number = names.find_map(|field| fields.get(*field)?.as_u64())?;
            Some(Fix::likely(replaced(json!(number))))
        }
        ("array", _) => list(path, value),
        ("object", Value::String(text))
            if is_criterion_of_node(path) && criterion_of_task(text).is_none() =>
        {
            prose(instance, path, text)
        }
        ("object", _) => {
            let meant = mapping((root, instance), rule, path, value)?;
            Some(Fix::likely(replaced(meant)))
        }
        _ => None,
    }
}

/// Quotes a number or boolean where a string is expected.
fn quoted(rule: &Rule<'_>, path: &[PathStep], value: &Value) -> Option<Fix> {
    if rule.text("format") == Some("date-time") {
        return time(path, &value.to_string());
    }
    let path = path.to_vec();
    if rule.text("format") != Some("planspec-duration") {
        return Some(Fix::certain(Change::Quote { path }));
    }
    let seconds = value.as_number()?;
    let with = json!(format!("{seconds}s")).into();
    Some(Fix::likely(Change::Replace { path, with }))
}

/// A number that was written as a string.
fn number(path: &[PathStep], text: &str) -> Option<Fix> {
    let is_priority = path.last() == Some(&"priority".into());
    let path = path.to_vec();
    if is_priority && text.chars().all(char::is_alphabetic) {
        return Some(annotated("priority", text, Change::Remove { path }));
    }
    let plain = text.trim();
    let has_leading_zero = plain.len() > 1 && plain.starts_with('0');
    let word = in_digits(&plain.to_lowercase());
    let number: Value = serde_json::from_str(&word).ok()?;
    let is_one = number.is_number() && !has_leading_zero;
    let with = number.into();
    is_one.then(|| Fix::certain(Change::Replace { path, with }))
}

/// A list for a value that is not one.
fn list(path: &[PathStep], value: &Value) -> Option<Fix> {
    let replaced = |with: Value| Change::Replace {
        path: path.to_vec(),
        with: with.into(),
    };
    Some(match value {
        Value::String(text) if text.contains(',') && !text.contains(['.', ';', '(']) => {
            let items: Vec<&str> = text.split(',').map(str::trim).collect();
            Fix::likely(replaced(json!(items)))
        }
        Value::String(_) => Fix::certain(replaced(json!([value]))),
        Value::Object(fields) if path.last().is_some_and(is_parameters) => {
            Fix::likely(replaced(parameters(fields)?))
        }
        Value::Object(fields) if fields.values().all(Value::is_object) => {
            Fix::likely(replaced(by_id(fields)))
        }
        Value::Object(_) => Fix::likely(replaced(json!([value]))),
        _ => return None,
    })
}

/// A mapping for a value that is not one.
fn mapping(
    (root, instance): (&Value, &Value),
    rule: &Rule<'_>,
    path: &[PathStep],
    value: &Value,
) -> Option<Value> {
    let is_at = |field: &str| path.last() == Some(&field.into());
    match value {
        _ if path.iter().any(|step| *step == "edges".into()) => edge(value),
        Value::Array(items) if is_at("labels") => {
            let entry = |item: &Value| Some((item.as_str()?.to_owned(), json!("")));
            let entries: Option<Map<String, Value>> = items.iter().map(entry).collect();
            entries.map(Value::Object)
        }
        Value::Array(items) if is_at("inputs") || is_at("parameters") => {
            let entry = |item: &Value| given(instance, path, item);
            let entries: Option<Map<String, Value>> = items.iter().map(entry).collect();
            entries.map(Value::Object)
        }
        Value::Array(items) if items.len() == 1 => items.first().cloned(),
        Value::String(text) if is_at("targetRef") => Some(json!({"kind": "Plan", "name": text})),
        Value::String(_) if is_at("selector") => Some(json!({"capabilityRef": {"name": value}})),
        Value::String(text) if is_criterion_of_node(path) => criterion_of_task(text),
        Value::String(_) => {
            let mut fields = Map::new();
            fields.insert(only_text(root, rule.schema)?.to_owned(), value.clone());
            Some(Value::Object(fields))
        }
        _ => None,
    }
}

/// A named value from a list: `crm_export`, `{name: days, value: 90}`, `{name: backup, from: snapshot.outputs.backup}`.
fn given(instance: &Value, path: &[PathStep], item: &Value) -> Option<(String, Value)> {
    if let Some(name) = item.as_str() {
        let output = output_named(instance, path, name);
        return Some((name.to_owned(), output.unwrap_or_else(|| item.clone())));
    }
    let name = item.get("name")?.as_str()?.to_owned();
    let value = match item.get("value") {
        Some(value) => value.clone(),
        None => match item.get("from")?.as_str()?.split('.').collect::<Vec<_>>()[..] {
            [node, "outputs", output] => reference(node, output),
            [node, output] => reference(node, output),
            _ => return None,
        },
    };
    Some((name, value))
}

fn reference(node: &str, output: &str) -> Value {
    json!(format!("${{nodes.{node}.outputs.{}}}", slug(output, '_')))
}

/// A reference to the output of another node with a given name.
fn output_named(instance: &Value, path: &[PathStep], name: &str) -> Option<Value> {
    let nodes = instance.pointer("/spec/graph/nodes")?.as_array()?;
    let own = path.iter().find_map(|step| match step {
        PathStep::Index(index) => Some(*index),
        PathStep::Key(_) => None,
    })?;
    let puts_out = |node: &Value| {
        let outputs = node.get("outputs");
        let outputs = match outputs {
            Some(Value::Array(outputs)) => outputs.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let mut names = outputs
            .iter()
            .filter_map(|output| output.as_str().or_else(|| output.get("name")?.as_str()));
        names.any(|output| slug(output, '_') == slug(name, '_'))
    };
    let mut others = nodes.iter().enumerate().filter(|(index, _)| *index != own);
    let (_, node) = others.find(|(_, node)| puts_out(node))?;
    Some(reference(node.get("id")?.as_str()?, name))
}

/// Moves a criterion that cannot be run to the description of its task.
fn prose(instance: &Value, path: &[PathStep], text: &str) -> Option<Fix> {
    let (PathStep::Index(_), list) = path.split_last()? else {
        return None;
    };
    let (_, node) = list.split_last()?;
    let criteria = at(instance, list)?.as_array()?;
    let texts = criteria.iter().filter_map(Value::as_str);
    let texts: Vec<&str> = texts
        .filter(|text| criterion_of_task(text).is_none())
        .collect();
    if texts.len() < criteria.len() {
        let path = path.to_vec();
        return said_of_node(node, at(instance, node)?, text, Change::Remove { path });
    }
    // All are moved together, by the fix of the first.
    if *path.last()? != 0.into() {
        return None;
    }
    let path = list.to_vec();
    said_of_node(
        node,
        at(instance, node)?,
        &texts.join("\n"),
        Change::Remove { path },
    )
}

fn is_criterion_of_node(path: &[PathStep]) -> bool {
    matches!(path, [.., PathStep::Index(_), PathStep::Key(criteria), PathStep::Index(_)] if criteria == "acceptanceCriteria")
}

/// A criterion for a command line: `pytest passes`, `npm test -- --repeat 20`.
fn criterion_of_task(text: &str) -> Option<Value> {
    const RUNNERS: [&str; 22] = [
        "npm",
        "npx",
        "yarn",
        "pnpm",
        "node",
        "pytest",
        "python",
        "python3",
        "tox",
        "cargo",
        "go",
        "make",
        "mvn",
        "gradle",
        "bash",
        "sh",
        "terraform",
        "kubectl",
        "docker",
        "curl",
        "ctest",
        "planspec",
    ];
    let text = text.trim();
    let (command, kind) = match text
        .strip_suffix(" passes")
        .or_else(|| text.strip_suffix(" pass"))
    {
        Some(command) => (command, "test_passes"),
        None => (text, "command_succeeds"),
    };
    let program = command.split_whitespace().next()?;
    let is_command = RUNNERS.contains(&program) || program.starts_with("./");
    is_command.then(|| json!({"type": kind, "name": text, "command": command}))
}

fn is_parameters(step: &PathStep) -> bool {
    *step == "inputs".into() || *step == "outputs".into()
}

/// The parameters of a capability, from a JSON Schema or from names with types.
fn parameters(fields: &Map<String, Value>) -> Option<Value> {
    let (fields, required) = match fields.get("properties") {
        Some(Value::Object(properties)) => (properties, fields.get("required")),
        _ => (fields, None),
    };
    let is_required = |name: &str| {
        let mut names = required.and_then(Value::as_array).into_iter().flatten();
        names.any(|one| one == name)
    };
    let one = |(name, what): (&String, &Value)| {
        let mut parameter = json!({"name": name});
        match what {
            Value::String(kind) if ["url", "uri"].contains(&folded(kind).as_str()) => {
                parameter["type"] = json!("string");
                parameter["format"] = json!("uri");
            }
            Value::String(kind) => parameter["type"] = json!(kind),
            Value::Object(said) => parameter.as_object_mut()?.extend(said.clone()),
            _ => return None,
        }
        if is_required(name) {
            parameter["required"] = json!(true);
        }
        Some(parameter)
    };
    fields.iter().map(one).collect()
}

/// A mapping by names, as a list.
fn by_id(fields: &Map<String, Value>) -> Value {
    let entries = fields.iter().map(|(id, fields)| {
        let mut entry = json!({"id": id});
        if let (Some(entry), Some(fields)) = (entry.as_object_mut(), fields.as_object()) {
            entry.extend(fields.clone());
        }
        entry
    });
    entries.collect()
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The only text field of an object: `name` of a reference, `description` of a criterion.
fn only_text<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s str> {
    let required = schema.get("required").and_then(Value::as_array)?;
    let [Value::String(only)] = required.as_slice() else {
        return None;
    };
    let mut of_field = schema.get("properties")?.get(only)?;
    while let Some(reference) = of_field.get("$ref").and_then(Value::as_str) {
        of_field = follow(root, reference)?;
    }
    (of_field.get("type")? == "string").then_some(only)
}

/// An edge from `a -> b`, `[a, b]`, `a, b`.
fn edge(value: &Value) -> Option<Value> {
    let ends: Vec<String> = match value {
        Value::String(text) => {
            let signs = ["->", "=>", "→", ","];
            let sign = signs.iter().find(|sign| text.contains(**sign))?;
            text.split(sign).map(|end| end.trim().to_owned()).collect()
        }
        Value::Array(ends) => {
            let ends = ends.iter().map(|end| end.as_str().map(str::to_owned));
            ends.collect::<Option<_>>()?
        }
        _ => return None,
    };
    let [from, to] = ends.as_slice() else {
        return None;
    };
    Some(json!({"from": from, "to": to}))
}
