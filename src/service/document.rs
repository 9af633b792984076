//! PlanSpec 1.2 documents that a caller names.

use std::path::Path;

use super::sources;
use super::{Error, Findings, Result};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::document::{self, Document, Generated};

/// Namespace of the resources of a document that is only shown: nothing of it is seen.
const NAMESPACE: &str = "default";

/// A document, and what it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The file, as it is called in messages.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says.
    pub document: Document,
}

/// Read a document; `-` is standard input.
///
/// # Errors
/// It cannot be read, or its structure is broken.
pub fn open(path: &Path) -> Result<Opened> {
    let (file, bytes) = sources::only(path)?;
    let document = parse(&file, &bytes)?;
    Ok(Opened {
        file,
        bytes,
        document,
    })
}

impl Opened {
    /// The resources that it stands for.
    ///
    /// # Errors
    /// What a step adds to its node makes no node.
    pub fn resources(&self) -> Result<Generated> {
        let generated = self.document.resources(&self.file, NAMESPACE);
        generated.map_err(|found| refused(&self.bytes, found))
    }
}

/// A document that was read already.
///
/// # Errors
/// Its structure is broken.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Document> {
    document::parse(file, bytes).map_err(|found| refused(bytes, found))
}

/// What is wrong with the only file that this is about.
pub(super) fn refused(bytes: &[u8], found: Vec<Diagnostic>) -> Error {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Error::findings(Findings::new(found, &|_| Some(text.clone())))
}
