//! PlanSpec 1.2 documents in files that a caller names.

use std::path::Path;

use super::sources;
use super::{Error, Findings, Result};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::limits::Limits;
use crate::core::document::{self, Document, Generated};
use crate::core::resource::{API_VERSION, Kind};
use crate::core::text::yaml;

/// Namespace of the resources of a document that is only shown; it is never visible.
const NAMESPACE: &str = "default";

/// A document, with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The name of the file in messages.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The document.
    pub document: Document,
}

/// Reads a document; `-` is standard input.
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
    /// The resources that it generates.
    ///
    /// # Errors
    /// The extension of a step is not valid for a node.
    pub fn resources(&self) -> Result<Generated> {
        let generated = self.document.resources(&self.file, NAMESPACE);
        generated.map_err(|found| refused(&self.bytes, found))
    }
}

/// Parses a document.
///
/// # Errors
/// Its structure is invalid.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Document> {
    document::parse(file, bytes)
        .map_err(|found| a_resource(file, bytes).unwrap_or_else(|| refused(bytes, found)))
}

/// The error for a file of resources in the place of a document.
fn a_resource(file: &str, bytes: &[u8]) -> Option<Error> {
    let (documents, _) = yaml::read(file, bytes, &Limits::default());
    let of_ours = documents
        .iter()
        .filter(|one| one.value["apiVersion"] == API_VERSION);
    let kinds = of_ours.filter_map(|one| Kind::parse(one.value["kind"].as_str()?));
    let found: Vec<Kind> = kinds.collect();
    let first = found.first()?;
    let error = Error::invalid(format!(
        "{file} holds a {first}, not a PlanSpec 1.2 document"
    ));
    let hint = format!("`planspec convert --to 1.2 {file}` converts a Plan to a document");
    Some(error.maybe_hint(found.contains(&Kind::Plan).then_some(hint)))
}

/// The error with the findings in the only file.
pub(super) fn refused(bytes: &[u8], found: Vec<Diagnostic>) -> Error {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Error::findings(Findings::new(found, &|_| Some(text.clone())))
}
