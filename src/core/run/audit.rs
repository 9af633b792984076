//! Compares the claims of a status commit with what follows from what it cites.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::core::resource::Status;
use crate::core::run::record::Address;
use crate::core::run::status::{ControllerState, StatusFile};

/// Maximum number of differences in one file that are reported.
const TOLD: usize = 50;
/// Maximum number of characters of a value in a message.
const VALUE_SHOWN: usize = 60;

/// Records that a status cites, but the one before it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cited {
    /// Their inbox ref.
    pub address: Address,
    /// The last of them.
    pub tip: String,
    /// The last record taken in there before.
    pub known: Option<String>,
}

/// The records that an execution's status newly cites.
///
/// # Errors
/// The name of a ref that cannot hold records.
pub fn cited(before: Option<&StatusFile>, now: &StatusFile) -> Result<Vec<Cited>, String> {
    let records = |file: &StatusFile| match &file.status {
        Status::Execution(run) => run.extensions.records.clone(),
        _ => BTreeMap::new(),
    };
    let known = before
        .filter(|before| before.uid == now.uid)
        .map(records)
        .unwrap_or_default();
    let mut found = Vec::new();
    for (name, tip) in records(now) {
        let before = known.get(&name);
        if before != Some(&tip) {
            let address = Address::parse(&name).ok_or_else(|| name.clone())?;
            found.push(Cited {
                address,
                tip,
                known: before.cloned(),
            });
        }
    }
    Ok(found)
}

/// The requests to the repository that a status newly cites.
///
/// # Errors
/// The name of a ref that cannot hold records.
pub fn cited_by_controller(
    before: Option<&ControllerState>,
    now: &ControllerState,
) -> Result<Vec<Cited>, String> {
    let mut found = Vec::new();
    for request in &now.requests {
        let address = Address::parse(&request.ref_name);
        let address = address.ok_or_else(|| request.ref_name.clone())?;
        let known = before.and_then(|before| before.taken_in(&address));
        if known != Some(&request.record) {
            found.push(Cited {
                known: known.cloned(),
                tip: request.record.clone(),
                address,
            });
        }
    }
    Ok(found)
}

/// The differences between two values, in sentences: the first few, such as `status.phase is Succeeded, and Running
/// follows`.
pub fn differences(claimed: &Value, follows: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let mut open = vec![(String::new(), Some(claimed), Some(follows))];
    while let Some((path, claimed, follows)) = open.pop() {
        if claimed == follows || told.len() == TOLD {
            continue;
        }
        let (Some(Value::Object(one)), Some(Value::Object(other))) = (claimed, follows) else {
            let at = if path.is_empty() { "it" } else { &path };
            told.push(format!(
                "{at} is {}, and {} follows",
                shown(claimed),
                shown(follows)
            ));
            continue;
        };
        let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for name in names.into_iter().rev() {
            let path = match path.as_str() {
                "" => name.clone(),
                above => format!("{above}.{name}"),
            };
            open.push((path, one.get(name), other.get(name)));
        }
    }
    told
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(VALUE_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_differences_are_told_with_their_places() {
        let claimed =
            json!({"status": {"phase": "Succeeded", "nodes": {"a": 1, "b": 2}}, "x": [1]});
        let follows = json!({"status": {"phase": "Running", "nodes": {"a": 1}}, "x": [1]});
        let told = differences(&claimed, &follows);
        assert_eq!(
            told,
            [
                "status.nodes.b is 2, and nothing follows",
                "status.phase is Succeeded, and Running follows"
            ]
        );
        assert!(differences(&claimed, &claimed).is_empty());
        let long = json!("é".repeat(100));
        let told = differences(&long, &json!(null));
        assert_eq!(
            told,
            [format!("it is {}…, and null follows", "é".repeat(60))]
        );
    }
}
