//! The differences between two revisions of a document, as in `revision_history`: in the words of the
//! specification, one entry for each change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{ChangeKind, RevisionChange};
use crate::core::base::words::{listed, shortened};

/// Lists with their id fields, and the fields that describe a new entry.
const LISTS: [(&str, &str, &str); 7] = [
    ("steps", "step_id", "title"),
    ("constraints", "constraint_id", "description"),
    ("success_criteria", "criterion_id", "description"),
    ("risks", "risk_id", "title"),
    ("dependencies", "dependency_id", "description"),
    ("step_overrides", "step_id", "mode"),
    ("findings", "id", "text"),
];

/// Sections that a revision changes itself.
const OWN: [&str; 2] = ["identity", "revision_history"];

/// The changes from one document to another. Null counts as missing.
pub(crate) fn differences(old: &Value, new: &Value) -> Vec<RevisionChange> {
    let mut found = Found(Vec::new());
    for section in keys(old, new).filter(|section| !OWN.contains(section)) {
        let (was, is) = (field(old, section), field(new, section));
        match (was, is) {
            _ if LISTS.iter().any(|(list, ..)| *list == section) => found.list(section, was, is),
            (Value::Object(_) | Value::Null, Value::Object(_) | Value::Null) => {
                found.section(section, was, is);
            }
            _ => found.whole(section, None, was, is),
        }
    }
    found.0
}

fn field<'v>(value: &'v Value, field: &str) -> &'v Value {
    value.get(field).unwrap_or(&Value::Null)
}

/// The fields of two mappings, in the order of the newer one.
fn keys<'v>(old: &'v Value, new: &'v Value) -> impl Iterator<Item = &'v str> {
    let fields = |value: &'v Value| value.as_object().into_iter().flat_map(Map::keys);
    let gone = fields(old).filter(|key| new.get(key.as_str()).is_none());
    fields(new).chain(gone).map(String::as_str)
}

fn as_list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

struct Found(Vec<RevisionChange>);

impl Found {
    fn add(&mut self, kind: ChangeKind, section: &str, field: Option<&str>, summary: String) {
        self.0.push(RevisionChange {
            kind,
            section: section.to_owned(),
            field: field.map(str::to_owned),
            summary,
        });
    }

    /// A change of a value as a whole.
    fn whole(&mut self, section: &str, field: Option<&str>, was: &Value, is: &Value) {
        if was == is {
            return;
        }
        let name = field.unwrap_or(section);
        let (kind, what) = match (was, is) {
            (Value::Null, _) => (ChangeKind::Addition, "set"),
            (_, Value::Null) => (ChangeKind::Removal, "removed"),
            _ => (ChangeKind::Modification, "changed"),
        };
        self.add(kind, section, field, format!("{name} {what}"));
    }

    /// The changes in a section.
    fn section(&mut self, section: &str, old: &Value, new: &Value) {
        for name in keys(old, new) {
            let (was, is) = (field(old, name), field(new, name));
            let are_lists = |fits: fn(&Value) -> bool| {
                [was, is].iter().all(|one| one.is_array() || one.is_null())
                    && as_list(was).iter().chain(as_list(is)).all(fits)
            };
            if ["steps", "step_overrides", "findings"].contains(&name) {
                let of = if name == "steps" { name } else { section };
                self.entries(of, name, was, is);
            } else if are_lists(Value::is_string) {
                self.texts(section, name, was, is);
            } else {
                self.whole(section, Some(name), was, is);
            }
        }
    }

    fn texts(&mut self, section: &str, field: &str, was: &Value, is: &Value) {
        let (was, is) = (as_list(was), as_list(is));
        let text = |value: &Value| shortened(value.as_str().unwrap_or_default(), 100);
        let new = is.iter().filter(|one| !was.contains(one));
        let gone = was.iter().filter(|one| !is.contains(one));
        let before = self.0.len();
        for one in new {
            self.add(ChangeKind::Addition, section, Some(field), text(one));
        }
        for one in gone {
            self.add(ChangeKind::Removal, section, Some(field), text(one));
        }
        if self.0.len() == before && was != is {
            let summary = format!("{field} in another order");
            self.add(ChangeKind::Reorder, section, Some(field), summary);
        }
    }

    fn list(&mut self, section: &str, was: &Value, is: &Value) {
        self.entries(section, section, was, is);
    }

    /// The changes of a list of entries with ids.
    fn entries(&mut self, section: &str, list: &str, was: &Value, is: &Value) {
        let known = LISTS.iter().find(|(name, ..)| *name == list);
        let Some((_, id, title)) = known else { return };
        let text =
            |entry: &Value, name: &str| field(entry, name).as_str().unwrap_or_default().to_owned();
        let by_id = |list| -> BTreeMap<String, &Value> {
            as_list(list)
                .iter()
                .map(|entry| (text(entry, id), entry))
                .collect()
        };
        let (before, after) = (by_id(was), by_id(is));
        for entry in as_list(is) {
            let own = text(entry, id);
            let Some(earlier) = before.get(&own) else {
                let summary = format!("`{own}` added: {}", shortened(&text(entry, title), 100));
                self.add(ChangeKind::Addition, section, Some(&own), summary);
                continue;
            };
            let changed =
                keys(earlier, entry).filter(|name| field(earlier, name) != field(entry, name));
            let changed: Vec<&str> = changed.collect();
            if !changed.is_empty() {
                let summary = format!("`{own}`: {} changed", listed(changed));
                self.add(ChangeKind::Modification, section, Some(&own), summary);
            }
        }
        for entry in as_list(was) {
            let own = text(entry, id);
            if !after.contains_key(&own) {
                let summary = format!("`{own}` removed: {}", shortened(&text(entry, title), 100));
                self.add(ChangeKind::Removal, section, Some(&own), summary);
            }
        }
        let kept: BTreeSet<&String> = before.keys().filter(|id| after.contains_key(*id)).collect();
        let order = |list| -> Vec<String> {
            let ids = as_list(list).iter().map(|entry| text(entry, id));
            ids.filter(|id| kept.contains(id)).collect()
        };
        if order(was) != order(is) {
            let summary = format!("{list} in another order");
            self.add(ChangeKind::Reorder, section, None, summary);
        }
    }
}
