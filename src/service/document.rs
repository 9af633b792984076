//! PlanSpec 1.2 documents that a caller names.

use std::path::Path;

use super::sources;
use super::{Error, Findings, Result};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::limits::Limits;
use crate::core::document::{self, Document, Generated};
use crate::core::resource::{API_VERSION, Kind};
use crate::core::text::yaml;

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
    document::parse(file, bytes)
        .map_err(|found| a_resource(file, bytes).unwrap_or_else(|| refused(bytes, found)))
}

/// Why a file of resources is not read as a document.
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

/// What is wrong with the only file that this is about.
pub(super) fn refused(bytes: &[u8], found: Vec<Diagnostic>) -> Error {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Error::findings(Findings::new(found, &|_| Some(text.clone())))
}
