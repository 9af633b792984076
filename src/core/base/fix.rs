//! How a file is put right: changes to the entries of a document, as data.

use serde_json::Value;

use crate::core::base::diagnostic::PathStep;

/// The way out of a finding, so that a program can go it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fix {
    /// What is done, all at once.
    pub changes: Vec<Change>,
    /// Whether it is certainly what was meant; else it is likely.
    pub is_certain: bool,
}

/// A change to a document. Places are those that hold before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Write another key for an entry.
    Rename {
        /// The entry.
        path: Vec<PathStep>,
        /// Its key.
        to: String,
    },
    /// Put a value in the place of another.
    Replace {
        /// Where that is.
        path: Vec<PathStep>,
        /// The value.
        with: Json,
    },
    /// Put what stands there in quotes: text that reads as something else.
    Quote {
        /// Where that is.
        path: Vec<PathStep>,
    },
    /// Put another document behind the last one of the file.
    Append {
        /// The document.
        with: Json,
    },
    /// Put other characters in the place of a range of bytes of the file: it cannot be read as it is.
    Text {
        /// From where.
        start: usize,
        /// Up to where.
        end: usize,
        /// What is to stand there.
        with: String,
    },
    /// Take an entry out.
    Remove {
        /// The entry.
        path: Vec<PathStep>,
    },
    /// Put an entry into a mapping, which is made where it is not there.
    Add {
        /// Where it will be.
        path: Vec<PathStep>,
        /// Its value.
        with: Json,
    },
    /// Put an entry into another mapping, which is made where it is not there.
    Move {
        /// The entry.
        path: Vec<PathStep>,
        /// Where it will be.
        to: Vec<PathStep>,
    },
}

/// A value as JSON text: values have no order.
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
    /// What is certainly meant.
    pub fn certain(change: Change) -> Fix {
        Fix {
            changes: vec![change],
            is_certain: true,
        }
    }

    /// What is probably meant.
    pub fn likely(change: Change) -> Fix {
        Fix {
            is_certain: false,
            ..Fix::certain(change)
        }
    }

    /// What is done as well.
    pub fn and(mut self, change: Change) -> Fix {
        self.changes.push(change);
        self
    }
}

impl Change {
    /// The change where the document is below this place of another.
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

    /// Make the change to a value. Nothing where it does not fit.
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
            // These are of the text, or of the file.
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

/// What stands at a place of a value.
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
