//! Change one resource as text. The editor is somebody else's: [`open`] gives the text out,
//! [`save`] takes it back and says what is wrong with it.

use super::change::{Change, Committed};
use super::runs::choose_among;
use super::store::Store;
use super::{Findings, Result};
use crate::api::change::Edited as Answer;
use crate::core::base::diagnostic::Diagnostic;
use crate::core::resource::{Key, Kind};

/// Edit one resource.
#[derive(Debug, Clone)]
pub struct EditRequest {
    /// Its kind.
    pub kind: Kind,
    /// `NAME` or `NAMESPACE/NAME`.
    pub name: String,
    /// Its namespace, where its name alone is ambiguous.
    pub namespace: Option<String>,
    /// Message of the commit; made of what changes when not set.
    pub message: Option<String>,
}

/// A resource that is being edited.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Which resource.
    pub key: Key,
    /// Its text as HEAD has it.
    pub text: String,
}

/// What came of a text that was saved.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is committed.
    Done(Edited),
    /// It is not valid, and nothing was written.
    Wrong(Findings),
}

/// A resource was edited.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edited {
    /// What became of it.
    pub change: Committed,
}

impl Edited {
    /// The answer as data.
    pub fn answer(&self) -> Answer {
        Answer {
            change: self.change.answer(),
        }
    }
}

/// The text to edit.
///
/// # Errors
/// There is no such resource, or several; its file has changes that are not committed.
pub fn open(store: &Store, request: &EditRequest) -> Result<Draft> {
    let change = Change::begin(store)?;
    let namespace = request.namespace.as_deref();
    let keys = change.before().keys();
    let key = choose_among(keys, request.kind, &request.name, namespace)?.clone();
    change.check_clean(&key)?;
    let text = change.document_of(&key)?;
    Ok(Draft { key, text })
}

/// Commit another text for a resource, unless something is wrong with it.
///
/// # Errors
/// Its file has changes that are not committed; git does not want the commit.
pub fn save(store: &Store, request: &EditRequest, (key, text): (&Key, &str)) -> Result<Saved> {
    let mut change = Change::begin(store)?;
    let found = change.check_text(key, text)?;
    if found.iter().any(Diagnostic::is_error) {
        let findings = Findings::new(found, &|_| Some(text.to_owned()));
        return Ok(Saved::Wrong(findings));
    }
    change.place(key.clone(), text)?;
    let (found, after) = change.findings();
    if found.iter().any(Diagnostic::is_error) {
        let findings = Findings::new(found, &|file| after.text(file));
        return Ok(Saved::Wrong(findings));
    }
    let change = change.commit(request.message.as_deref(), false)?;
    Ok(Saved::Done(Edited { change }))
}
