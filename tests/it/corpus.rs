//! Files as people and language models write them, with their intended content (tests/corpus): how many have exactly
//! that content once everything that one look reports is applied.

use std::path::{Path, PathBuf};

use planspec::core::base::limits::Limits;
use planspec::core::base::source::{Content, SourceFile};
use planspec::core::repository::config::Config;
use planspec::core::repository::meant::{self, Confidence};
use planspec::core::text::yaml;
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(name)
}

fn documents(text: &str) -> Vec<Value> {
    let (documents, _) = yaml::read("corpus.yaml", text.as_bytes(), &Limits::default());
    let values = documents.into_iter().flat_map(|document| {
        // In JSON, several resources form a list.
        match document.value {
            Value::Object(mut list) if list.get("kind") == Some(&"List".into()) => {
                let items = list.get_mut("items").map(Value::take);
                items
                    .and_then(|items| items.as_array().cloned())
                    .unwrap_or_default()
            }
            value => vec![value],
        }
    });
    let mut values: Vec<Value> = values.collect();
    // The order says nothing.
    values.sort_by_key(|value| [&value["kind"], &value["metadata"]["name"]].map(Value::to_string));
    values
}

/// The first place where a value differs from the intended one.
fn difference(place: &str, found: &Value, meant: &Value) -> Option<String> {
    match (found, meant) {
        (Value::Null, _) => Some(format!("{place}: missing")),
        (_, Value::String(any)) if any == "<any>" => None,
        // The two forms of an output.
        (Value::String(name), Value::Object(meant)) if place.contains("/outputs/") => {
            (meant.len() != 1 || meant.get("name") != Some(found))
                .then(|| format!("{place}: {name}, meant {meant:?}"))
        }
        (Value::Object(found), Value::Object(meant)) if place.ends_with("/annotations") => {
            let lower = |fields: &serde_json::Map<String, Value>| -> Vec<String> {
                let mut keys: Vec<String> = fields.keys().map(|key| key.to_lowercase()).collect();
                keys.sort();
                keys
            };
            (lower(found) != lower(meant)).then(|| format!("{place}: {found:?}, meant {meant:?}"))
        }
        (Value::Object(found), Value::Object(meant)) => {
            let is_free = |key: &str| key == "name" && found.contains_key("id");
            let more = found
                .keys()
                .find(|key| !meant.contains_key(*key) && !is_free(key));
            let more = more.map(|key| format!("{place}/{key}: not meant"));
            let fields = meant.iter().filter(|(key, _)| !is_free(key));
            more.or_else(|| {
                let mut differences = fields.map(|(key, value)| {
                    let found = found.get(key).unwrap_or(&Value::Null);
                    difference(&format!("{place}/{key}"), found, value)
                });
                differences.find_map(|difference| difference)
            })
        }
        (Value::Array(found), Value::Array(meant)) if found.len() == meant.len() => {
            let mut pairs = found.iter().zip(meant).enumerate();
            pairs.find_map(|(index, (found, meant))| {
                difference(&format!("{place}/{index}"), found, meant)
            })
        }
        (Value::Array(found), Value::Array(meant)) => {
            let mut pairs = found.iter().zip(meant).enumerate();
            let first = pairs.find_map(|(index, (found, meant))| {
                difference(&format!("{place}/{index}"), found, meant)
            });
            first.or_else(|| {
                Some(format!(
                    "{place}: {} entries, meant {}",
                    found.len(),
                    meant.len()
                ))
            })
        }
        _ => (found != meant).then(|| format!("{place}: {found:.80}, meant {meant:.80}")),
    }
}

#[test]
#[allow(clippy::print_stderr)]
fn one_look_says_everything() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder("written"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (mut all, mut right) = (0, 0);
    for path in files {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let Ok(intended) = std::fs::read_to_string(folder("intended").join(format!("{stem}.yaml")))
        else {
            continue;
        };
        all += 1;
        let written = std::fs::read_to_string(&path).unwrap();
        let source = SourceFile {
            path: format!("planspec/{}", path.file_name().unwrap().to_str().unwrap()),
            blob: String::new(),
            content: Content::Bytes(written.clone().into_bytes().into()),
        };
        let meant = meant::of(&source, &Config::default(), Confidence::Likely);
        let text = meant.map_or(written, |meant| meant.text);
        let (found, intended) = (documents(&text), documents(&intended));
        let difference = difference("", &Value::from(found), &Value::from(intended));
        match difference {
            None => right += 1,
            Some(difference) => eprintln!(
                "{stem}: {}",
                difference.chars().take(200).collect::<String>()
            ),
        }
        if std::env::var("PLANSPEC_CORPUS").is_ok_and(|wanted| stem.starts_with(&wanted)) {
            eprintln!("{text}");
        }
    }
    eprintln!("{right} of {all}");
    // docs/cli.md states this number.
    assert_eq!((right, all), (41, 45));
}
