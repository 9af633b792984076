//! Fixes: changes to the entries of a document, as data.

use serde_json::Value;

use crate::core::base::diagnostic::PathStep;

/// The fix of a finding, which a program can apply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fix {
    /// The changes, made at once.
    pub changes: Vec<Change>,
    /// Whether it is certainly right; otherwise it is likely.
    pub is_certain: bool,
}

/// A change to a document. All places are those before the change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Renames the key of an entry.
    Rename {
        /// The entry.
        path: Vec<PathStep>,
        /// The new key.
        to: String,
    },
    /// Replaces a value.
    Replace {
        /// The place of the value.
        path: Vec<PathStep>,
        /// The new value.
        with: Json,
    },
    /// Quotes a text that reads as something else.
    Quote {
        /// The place of the text.
        path: Vec<PathStep>,
    },
    /// Appends a YAML document to the file.
    Append {
        /// The document.
        with: Json,
    },
    /// Replaces a range of bytes of a file that cannot be parsed.
    Text {
        /// The first byte.
        start: usize,
        /// The end, exclusive.
        end: usize,
        /// The replacement.
        with: String,
    },
    /// Removes an entry.
    Remove {
        /// The entry.
        path: Vec<PathStep>,
    },
    /// Adds an entry to a mapping, which is created if needed.
    Add {
        /// The place of the new entry.
        path: Vec<PathStep>,
        /// Its value.
        with: Json,
    },
    /// Moves an entry to another mapping, which is created if needed.
    Move {
        /// The entry.
        path: Vec<PathStep>,
        /// Its new place.
        to: Vec<PathStep>,
    },
}

/// A value as JSON text, which unlike a value has an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Json(String);

impl From<Value> for Json {
    fn from(value: Value) -> Json {
        Json(value.to_string())
    }
}

impl Json {
    /// The value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Fix {
    /// A fix that is certainly right.
    pub fn certain(change: Change) -> Fix {
        Fix {
            changes: vec![change],
            is_certain: true,
        }
    }

    /// A fix that is likely right.
    pub fn likely(change: Change) -> Fix {
        Fix {
            is_certain: false,
            ..Fix::certain(change)
        }
    }

    /// Adds a change.
    pub fn and(mut self, change: Change) -> Fix {
        self.changes.push(change);
        self
    }
}

impl Change {
    /// The change, in a document that contains this one at a place.
    pub fn below(mut self, place: &[PathStep]) -> Change {
        let paths = match &mut self {
            Change::Rename { path, .. }
            | Change::Replace { path, .. }
            | Change::Quote { path }
            | Change::Remove { path }
            | Change::Add { path, .. } => vec![path],
            Change::Move { path, to } => vec![path, to],
            Change::Text { .. } | Change::Append { .. } => Vec::new(),
        };
        for path in paths {
            path.splice(..0, place.iter().cloned());
        }
        self
    }

    /// Applies the change to a value. Returns `None` if it does not fit.
    pub fn apply(&self, root: &mut Value) -> Option<()> {
        match self {
            Change::Rename { path, to } => {
                let (PathStep::Key(key), parent) = path.split_last()? else {
                    return None;
                };
                let fields = at_mut(root, parent)?.as_object_mut()?;
                if fields.contains_key(to) {
                    return None;
                }
                let value = fields.shift_remove(key)?;
                fields.insert(to.clone(), value);
            }
            Change::Replace { path, with } => *at_mut(root, path)? = with.value(),
            Change::Remove { path } => drop(take(root, path)?),
            // These change the text or the file.
            Change::Quote { .. } | Change::Text { .. } | Change::Append { .. } => return None,
            Change::Add { path, with } => put(root, path, with.value())?,
            Change::Move { path, to } => {
                let value = take(root, path)?;
                put(root, to, value)?;
            }
        }
        Some(())
    }
}

fn take(root: &mut Value, path: &[PathStep]) -> Option<Value> {
    let (last, parent) = path.split_last()?;
    match (last, at_mut(root, parent)?) {
        (PathStep::Key(key), Value::Object(fields)) => fields.shift_remove(key),
        (PathStep::Index(index), Value::Array(items)) if *index < items.len() => {
            Some(items.remove(*index))
        }
        _ => None,
    }
}

fn put(root: &mut Value, path: &[PathStep], value: Value) -> Option<()> {
    let (PathStep::Key(key), parent) = path.split_last()? else {
        return None;
    };
    let mut here = root;
    for step in parent {
        if here.is_null() {
            *here = Value::Object(serde_json::Map::new());
        }
        here = match (step, here) {
            (PathStep::Key(key), Value::Object(fields)) => {
                fields.entry(key.clone()).or_insert(Value::Null)
            }
            (PathStep::Index(index), Value::Array(items)) => items.get_mut(*index)?,
            _ => return None,
        };
    }
    if here.is_null() {
        *here = Value::Object(serde_json::Map::new());
    }
    let fields = here.as_object_mut()?;
    if fields.contains_key(key) {
        return None;
    }
    fields.insert(key.clone(), value);
    Some(())
}

/// The value at a path.
pub fn at<'v>(value: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Key(key) => value.get(key),
        PathStep::Index(index) => value.get(index),
    })
}

fn at_mut<'v>(value: &'v mut Value, path: &[PathStep]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Key(key) => value.get_mut(key),
        PathStep::Index(index) => value.get_mut(index),
    })
}
