//! `dryRun: no` where anything may stand: text to YAML 1.2, and to us; a boolean to YAML 1.1, and to most who write it. What inputs
//! of nodes are to be, their capabilities say.

use serde_json::Value;

use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep, Place};
use crate::core::base::fix::{Change, Fix};
use crate::core::base::words::folded;
use crate::core::text::locate::locate_all;
use crate::core::text::yaml::Document;
use crate::path;

/// What maps of a spec are called whose values may be anything, ours and those that are written in their place.
const FREE: [&str; 5] = ["parameters", "params", "arguments", "vars", "constraints"];

/// The words without quotes in the maps of a file whose values may be anything.
pub(super) fn found(file: &str, bytes: &[u8], documents: &[Document]) -> Vec<Diagnostic> {
    let mut words: Vec<(Diagnostic, String)> = Vec::new();
    for document in documents {
        let finder = Finder {
            file,
            document: document.index,
            item: None,
        };
        for (path, word, meant) in words_of(&document.value) {
            let message =
                format!("`{word}` is text here, but other YAML readers take it for a boolean");
            let with = Value::from(meant).into();
            let fix = Fix::likely(Change::Replace {
                path: path.clone(),
                with,
            });
            let help = format!("write `{meant}`, or put it in quotes");
            let finding = finder.at(Code::SWITCH_WORD, path, Part::Value, message);
            words.push((finding.help(help).fix(fix), word.to_owned()));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Vec::new();
    };
    if words.is_empty() {
        return Vec::new();
    }
    let places: Vec<&Place> = words.iter().map(|(finding, _)| &finding.place).collect();
    let written = locate_all(text, &places);
    let words = words.iter().zip(written);
    let bare = words.filter_map(|((finding, word), span)| {
        let span = span?;
        let is_bare = text.get(span.start..span.end) == Some(word.as_str());
        is_bare.then(|| finding.clone())
    });
    bare.collect()
}

/// The words in maps whose values may be anything, and what they mean.
fn words_of(value: &Value) -> Vec<(Vec<PathStep>, &str, bool)> {
    let spec = value.get("spec").and_then(Value::as_object);
    let mut maps = Vec::new();
    for (field, map) in spec.into_iter().flatten() {
        if FREE.contains(&folded(field).as_str()) {
            maps.push((path!["spec", field.as_str()], map));
        }
    }
    let mut found = Vec::new();
    for (path, map) in maps {
        let items = map.as_array();
        for (index, item) in items.into_iter().flatten().enumerate() {
            let word = item.get("value").and_then(Value::as_str);
            if let Some((word, meant)) = word.and_then(|word| Some((word, boolean(word)?))) {
                let item = [index.into(), "value".into()];
                found.push(([path.as_slice(), &item].concat(), word, meant));
            }
        }
        let fields = map.as_object();
        for (key, value) in fields.into_iter().flatten() {
            let word = value.as_str().unwrap_or_default();
            if let Some(meant) = boolean(word) {
                found.push((
                    [path.as_slice(), &[key.as_str().into()]].concat(),
                    word,
                    meant,
                ));
            }
        }
    }
    found
}

fn boolean(word: &str) -> Option<bool> {
    match word {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}
