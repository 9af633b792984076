//! Tests that the compiled schemas and the JSON schemas agree about all errors: each
//! keyword is broken, at each place of the largest values.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use proptest::prelude::*;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::agreement::largest;
use super::*;

/// A place of a value, and its new value; `None` removes the place.
type Change = (String, Option<Value>);

/// All places of a value, as JSON pointers, with their values.
fn places(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut todo = vec![(String::new(), value)];
    while let Some((place, value)) = todo.pop() {
        let below = |key: &str| format!("{place}/{}", escaped(key));
        match value {
            Value::Array(list) => {
                let items = list.iter().enumerate();
                todo.extend(items.map(|(index, item)| (below(&index.to_string()), item)));
            }
            Value::Object(fields) => {
                todo.extend(fields.iter().map(|(key, field)| (below(key), field)));
            }
            _ => {}
        }
        found.push((place, value));
    }
    found
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// All changes of one place of a value.
fn changes(value: &Value) -> Vec<Change> {
    let each = |(place, value): (String, &Value)| {
        let removed = (!place.is_empty()).then_some(None);
        let instead = others(value).into_iter().map(Some);
        let changes = removed.into_iter().chain(instead);
        changes
            .map(move |change| (place.clone(), change))
            .collect::<Vec<_>>()
    };
    places(value).into_iter().flat_map(each).collect()
}

/// Replacements of a value: of every type, and similar ones.
fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(1.0),
        json!(1.5),
        json!(-0.0),
        json!(100_000),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("A b"),
        json!("-"),
        json!("0s"),
        json!("\u{e9}"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": null}),
    ];
    match value {
        Value::String(text) => others.extend([
            json!(format!("{text}\n")),
            json!(format!("{text}-")),
            json!(format!(" {text}")),
            json!(text.to_uppercase()),
            json!(text.repeat(70_000_usize.div_ceil(text.len().max(1)))),
            // The maximum length of a name, and one more.
            json!("a".repeat(63)),
            json!("a".repeat(64)),
            json!("\u{e9}".repeat(512)),
            json!("\u{e9}".repeat(513)),
        ]),
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            others.extend([json!(number), json!(-number), json!(number + 0.5)]);
        }
        Value::Array(list) => {
            others.push(Value::from([list.as_slice(), list.as_slice()].concat()));
            others.extend(list.first().map(|first| json!({ "a": first })));
        }
        Value::Object(fields) => {
            others.push(json!([fields]));
            let long = format!("{}/a", "a".repeat(300));
            for key in [
                "", "a", "A b", "x-a", "$schema", "$schemas", "webhook", &long,
            ] {
                let mut fields: Map<String, Value> = fields.clone();
                let any = fields.values().next().cloned();
                fields.insert(key.to_owned(), any.unwrap_or_else(|| json!("a")));
                others.push(Value::Object(fields));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    others
}

/// Applies a change, if its place exists.
fn change(value: &mut Value, (place, to): Change) -> Option<()> {
    if let Some(to) = to {
        *value.pointer_mut(&place)? = to;
        return Some(());
    }
    let (parent, key) = place.rsplit_once('/')?;
    match value.pointer_mut(parent)? {
        Value::Array(list) => drop(list.remove(key.parse().ok()?)),
        Value::Object(fields) => {
            let key = key.replace("~1", "/").replace("~0", "~");
            fields.shift_remove(&key)?;
        }
        _ => return None,
    }
    Some(())
}

/// Checks that both agree about a value. Returns the keywords that it breaks.
fn agreed(kind: SchemaKind, value: &Value) -> Result<Vec<String>, String> {
    let validator = &schema(kind).validator;
    let is_valid = validator.is_valid(value);
    if compiled::is_valid(kind, value) != is_valid {
        return Err(format!("{kind:?}: valid is {is_valid}: {value:#}"));
    }
    let mut broken = Vec::new();
    if !is_valid {
        validator
            .iter_errors(value)
            .for_each(|error| told(&error, &mut broken));
        assert_ne!(check(kind, value), [], "{value:#}");
    }
    Ok(broken)
}

/// The keyword of an error; for the name of a property, also that of the name.
fn told(error: &ValidationError<'_>, broken: &mut Vec<String>) {
    let place = |error: &ValidationError<'_>| {
        let place = error.absolute_keyword_location();
        place.map(|place| in_its_file(place.as_str()))
    };
    broken.extend(place(error));
    if let ValidationErrorKind::PropertyNames { error: inner } = error.kind() {
        broken.extend(place(inner));
    }
}

/// The place of a keyword in its own file, which may be a shared one.
fn in_its_file(place: &str) -> String {
    let found = SHARED.iter().find_map(|(file, _)| {
        let (_, place) = place.split_once(&format!("#/$defs/{file}-"))?;
        Some(format!("urn:planspec:v1alpha1:{file}#/$defs/{place}"))
    });
    found.unwrap_or_else(|| place.to_owned())
}

/// The keywords of a schema that can be broken, by their places. Keywords within an
/// `if` or a `oneOf` have no errors of their own.
fn keywords(text: &str) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(text).unwrap();
    let id = schema["$id"].as_str().unwrap();
    let mut found = BTreeSet::new();
    let mut todo = vec![(format!("{id}#"), &schema)];
    while let Some((place, schema)) = todo.pop() {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let here = format!("{place}/{keyword}");
            match (keyword.as_str(), value) {
                ("$defs" | "properties", Value::Object(named)) => {
                    let below = |name: &str| format!("{here}/{}", escaped(name));
                    todo.extend(named.iter().map(|(name, schema)| (below(name), schema)));
                }
                ("allOf", Value::Array(list)) => {
                    let items = list.iter().enumerate();
                    todo.extend(items.map(|(index, item)| (format!("{here}/{index}"), item)));
                }
                ("items" | "then" | "additionalProperties", Value::Object(_)) => {
                    todo.push((here, value));
                }
                ("propertyNames", _) => {
                    found.insert(here.clone());
                    todo.push((here, value));
                }
                // The validator appends the index of the list.
                ("dependentRequired", _) => {
                    found.insert(format!("{here}/0"));
                }
                (
                    "$schema"
                    | "$id"
                    | "$ref"
                    | "title"
                    | "description"
                    | "examples"
                    | "deprecated"
                    | "errorMessage"
                    | "patternErrorMessage"
                    | "if"
                    | "patternProperties",
                    _,
                ) => {}
                _ => {
                    found.insert(here);
                }
            }
        }
    }
    found
}

#[test]
fn the_schemas_as_code_refuse_what_the_schemas_as_data_refuse() {
    let broken = largest().into_par_iter().map(|(kind, value)| {
        assert_eq!(agreed(kind, &value), Ok(Vec::new()));
        let changes = changes(&value).into_par_iter();
        let broken = changes.flat_map_iter(|one| {
            let mut value = value.clone();
            change(&mut value, one).unwrap();
            agreed(kind, &value).unwrap()
        });
        broken.collect::<BTreeSet<String>>()
    });
    let broken: BTreeSet<String> = broken.flatten_iter().collect();
    let texts = [
        include_str!("common.json"),
        include_str!("criterion.json"),
        include_str!("goal.json"),
        include_str!("plan.json"),
        include_str!("capability.json"),
        include_str!("binding.json"),
        include_str!("gate.json"),
        include_str!("execution.json"),
        include_str!("document.json"),
        include_str!("config.json"),
    ];
    let all: BTreeSet<String> = texts.into_iter().flat_map(keywords).collect();
    let never: Vec<_> = all.difference(&broken).collect();
    assert_eq!(never, Vec::<&String>::new());
}

proptest! {
    #[test]
    fn they_agree_about_whatever_is_wrong_in_several_places(
        which in any::<prop::sample::Index>(),
        picked in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let (kind, mut value) = which.get(&largest()).clone();
        for pick in picked {
            // The places that remain.
            let changes = changes(&value);
            change(&mut value, pick.get(&changes).clone()).unwrap();
        }
        prop_assert_eq!(agreed(kind, &value).err(), None);
    }
}
