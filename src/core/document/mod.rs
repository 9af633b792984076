//! PlanSpec 1.2 documents: parsed, validated, and written again without loss.
//!
//! ```
//! use planspec::document::{self, Level};
//!
//! let text = r#"{
//!   "identity": {
//!     "plan_id": "6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a11", "session_id": "checkout",
//!     "revision": 1, "parent_id": null,
//!     "created_by": "human:ana", "created_at": "2026-01-31T09:00:00Z"
//!   },
//!   "intent": {
//!     "goal_statement": "Customers pay in one step",
//!     "motivation": "They leave at the second",
//!     "success_definition": "A sale takes one click"
//!   },
//!   "scope": {
//!     "in_scope": ["path:shop/**"], "out_of_scope": ["The basket"],
//!     "open_questions": ["Which cards?"]
//!   },
//!   "approach": {
//!     "overview": "Keep the card", "rationale": "It is asked for every time",
//!     "steps": [{"step_id": "s1", "title": "Vault", "description": "Store the card's token"}]
//!   },
//!   "success_criteria": [{
//!     "criterion_id": "c1", "description": "A second sale asks for nothing",
//!     "verification": "manual", "weight": "primary"
//!   }],
//!   "delegation": {"default_mode": "hybrid"},
//!   "metadata": {"schema_version": "1.2.0"},
//!   "x-anything": [1, 2]
//! }"#;
//! let document = document::parse("checkout.planspec.json", text.as_bytes())?;
//! assert_eq!(document.approach.steps[0].title, "Vault");
//!
//! // What is wrong with it, each finding with its level: here one question keeps it from starting.
//! let findings = document.validate();
//! assert_eq!(findings.len(), 1);
//! assert_eq!(findings[0].code.level(), Level::Readiness);
//!
//! // Nothing is lost, whatever this program knows of it.
//! let again = document::parse("again.planspec.json", document.to_json().as_bytes())?;
//! assert_eq!(again.value(), document.value());
//! assert_eq!(again.value()["x-anything"][1], 2);
//! # Ok::<(), Vec<planspec::document::Diagnostic>>(())
//! ```
//!
//! Findings become data with a line, a column and a JSON pointer when the text is given:
//!
//! ```
//! use planspec::document;
//!
//! let text = "{\n  \"identity\": {}\n}\n";
//! let found = document::parse("x.planspec.json", text.as_bytes()).unwrap_err();
//! let found = document::located(&found, text);
//! let missing = found.iter().find(|finding| finding.message.contains("`plan_id`")).unwrap();
//! assert_eq!((missing.at.line, missing.at.column), (Some(2), Some(3)));
//! assert_eq!(missing.at.pointer.as_deref(), Some("/identity"));
//! assert!(serde_json::to_string(&found).unwrap().contains(r#""code":"PS101""#));
//! ```
//!
//! A document is changed in its value, which is read again:
//!
//! ```
//! # let text = include_str!("../../../examples/document/planspec/greeting.planspec.json");
//! # use planspec::document;
//! let document = document::parse("greeting.planspec.json", text.as_bytes())?;
//! let mut value = document.into_value();
//! value["intent"]["motivation"] = "Because".into();
//! let document = document::from_value("greeting.planspec.json", value)?;
//! assert_eq!(document.intent.motivation, "Because");
//! # Ok::<(), Vec<planspec::document::Diagnostic>>(())
//! ```

mod convert;
mod differences;
mod edit;
mod findings;
mod lenient;
mod model;
pub(crate) mod name;
mod plan;
mod rules;
pub mod scope;
mod steps;
#[cfg(test)]
mod tests;

use crate::core::resource::RevisionApproval;
use std::ops::Deref;

use serde_json::Value;

use crate::core::base::diagnostic::{Code, Finder, Part, Place, Severity};
use crate::core::base::limits::Limits;
use crate::core::text::located::findings;
use crate::core::text::yaml;

pub use crate::core::base::diagnostic::{Diagnostic, Level};
pub use crate::core::text::located::{At, Finding, Related, ResourceName};
pub use convert::{Converted, from_resources};
pub(crate) use differences::differences;
pub use edit::edit;
pub use findings::{Reviewed, answer};
pub(crate) use lenient::content_of;
pub use model::*;
pub(crate) use name::Naming;
#[cfg(feature = "service")]
pub(crate) use name::node_ids;
pub use name::{Alphabet, name_of, plain_name};
#[cfg(feature = "service")]
pub(crate) use plan::criterion_names;
pub use plan::is_called_document;
pub use plan::{Generated, Origin, is_document};
pub(crate) use plan::{generate, generate_by, key, manifest_of, node_id, readable_name};
#[cfg(feature = "service")]
pub(crate) use plan::{name_of_revisions, name_of_stem};

/// A document with a valid structure: its typed sections, and the value that they were read
/// from, with the order of its keys and all content that the types do not have.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    content: Content,
    value: Value,
}

impl Deref for Document {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

/// Parses a document, in YAML or (by the name of the file) in JSON.
///
/// # Errors
/// The findings of level structure, at least one of which is an error: the text cannot be parsed,
/// does not contain exactly one document, or the document is invalid.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Document, Vec<Diagnostic>> {
    let (documents, findings) = yaml::read(file, bytes, &Limits::default());
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    let only = <[yaml::Document; 1]>::try_from(documents)
        .map_err(|documents| vec![not_one(file, &documents)]);
    let [document] = only?;
    from_value(file, document.value)
}

/// Findings in a document as data, each with its line, column and JSON pointer in `text`.
pub fn located(found: &[Diagnostic], text: &str) -> Vec<Finding> {
    findings(found, &|_| Some(text.to_owned()))
}

/// The finding that a file must contain exactly one document.
fn not_one(file: &str, documents: &[yaml::Document]) -> Diagnostic {
    let Some(second) = documents.get(1) else {
        return nothing(file);
    };
    let found = Finder {
        file,
        document: second.index,
        item: None,
    };
    let message = format!(
        "one document is expected, but there are {}",
        documents.len()
    );
    let finding = found.at(Code::NO_RESOURCES, Vec::new(), Part::Value, message);
    Diagnostic {
        severity: Severity::Error,
        ..finding
            .label("the second one")
            .help("put each document into its own file")
    }
}

/// The finding about a document file without a document.
pub(crate) fn nothing(file: &str) -> Diagnostic {
    let message = "there is no document in this file";
    let finding = Diagnostic::new(Code::NO_RESOURCES, file, Place::File, message);
    Diagnostic {
        severity: Severity::Error,
        ..finding.help("write one; `planspec new document NAME` creates a template")
    }
}

/// Reads a document from a value. `file` is the file name in findings.
///
/// # Errors
/// As for [`parse`].
pub fn from_value(file: &str, value: Value) -> Result<Document, Vec<Diagnostic>> {
    let found = Finder {
        file,
        document: 0,
        item: None,
    };
    let mut findings = Vec::new();
    match read(&found, &value, &mut findings) {
        Some(content) => Ok(Document { content, value }),
        None => Err(findings),
    }
}

impl Document {
    /// The value that the document was read from.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value that the document was read from, to be changed.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Validates the document, on all levels.
    pub fn validate(&self) -> Vec<Diagnostic> {
        let found = Finder {
            file: "",
            document: 0,
            item: None,
        };
        let mut findings = Vec::new();
        read(&found, &self.value, &mut findings);
        judge(&found, &self.content, &mut findings);
        findings
    }

    /// The resources that the document generates. `file` and `namespace` give the name and the namespace
    /// if the document has none.
    ///
    /// # Errors
    /// The extension of a step is not valid for a node.
    pub fn resources(&self, file: &str, namespace: &str) -> Result<Generated, Vec<Diagnostic>> {
        let found = Finder {
            file,
            document: 0,
            item: None,
        };
        let mut findings = Vec::new();
        let key = key(file, &self.value, namespace);
        let approval = RevisionApproval::default();
        key.and_then(|key| generate(&found, &self.content, (&key, approval), &mut findings))
            .ok_or(findings)
    }

    /// The document as JSON, the canonical form.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.value)
    }

    /// The document as YAML.
    pub fn to_yaml(&self) -> String {
        yaml::write(&self.value)
    }
}

/// The findings of level structure, and the content if none of them is an error. Otherwise, findings
/// of semantics are included as far as possible.
pub(crate) fn read(
    found: &Finder<'_>,
    value: &Value,
    findings: &mut Vec<Diagnostic>,
) -> Option<Content> {
    if let Some(finding) = wrapped(found, value) {
        findings.push(finding);
        return None;
    }
    let before = findings.len();
    let version = lenient::version(value);
    rules::other_major(found, version, findings);
    let meant = lenient::meant(found, value, findings);
    let problems = crate::core::resource::schema::check(
        crate::core::resource::schema::SchemaKind::Document,
        &meant,
    );
    let is_valid = problems.is_empty();
    let problems = problems.into_iter().map(|problem| problem.found(found));
    findings.extend(problems.map(|finding| rules::of_a_later_version(version, finding)));
    rules::references(found, &meant, findings);
    let content = serde::Deserialize::deserialize(&*meant);
    match &content {
        Ok(content) => rules::structure(found, content, findings),
        // The schema is as strict as the types; this is for cases that no test covers.
        Err(error) if is_valid => {
            let message = format!("the document cannot be read: {error}");
            findings.push(found.at(Code::WRONG_TYPE, Vec::new(), Part::Value, message));
        }
        Err(_) => {}
    }
    rules::drafts(found, value, findings);
    let is_sound = !findings.iter().skip(before).any(Diagnostic::is_error);
    // Show the next findings together with errors in the structure.
    if let Some(content) = content.as_ref().ok().filter(|_| !is_sound) {
        rules::semantics(found, content, findings);
    }
    content.ok().filter(|_| is_sound)
}

/// The only finding about a document that is the single field of a mapping.
fn wrapped(found: &Finder<'_>, value: &Value) -> Option<Diagnostic> {
    let has = |value: &Value, field: &str| value.get(field).is_some();
    let fields = value.as_object()?;
    let (key, inner) = fields.iter().next().filter(|_| fields.len() == 1)?;
    if !has(inner, "identity") || !has(inner, "intent") {
        return None;
    }
    let path = crate::path![key.as_str()];
    let message = format!("the document is inside a field `{key}`, one level too deep");
    let finding = found.at(Code::UNKNOWN_FIELD, path, Part::Key, message);
    Some(finding.label("not a section of a document").help(format!(
        "delete `{key}`: `identity`, `intent` and the others belong at the top level"
    )))
}

/// Adds the findings of the levels semantics and readiness, and those about the revision.
pub(crate) fn judge(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    rules::revision(found, content, findings);
    rules::semantics(found, content, findings);
    rules::readiness(found, content, findings);
}
