//! The JSON Schemas of the six kinds, of documents and of the configuration, and the findings of
//! their validation.
//!
//! Editors use the schema files beside this module. Two of their keywords are for
//! people: `patternErrorMessage` explains a pattern (editors show it too) or a format,
//! `errorMessage` explains a `oneOf`. A third one is a constraint: `wholeNumber` refuses `1.0`, which JSON Schema
//! takes for an integer and the types do not.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod broken;
mod compiled;
mod fixes;
#[cfg(feature = "service")]
pub mod portable;
#[cfg(test)]
mod tests;
mod words;

pub use fixes::{names_provider, person, slug};

use std::sync::LazyLock;

use jsonschema::{Keyword, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::fix::{Change, Fix};
use crate::core::resource::Kind;
use crate::core::text::{edit, yaml};

/// The object of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaKind {
    /// A resource of a kind.
    Resource(Kind),
    /// A PlanSpec 1.2 document.
    Document,
    /// `.planspec.yaml`
    Config,
}

impl From<Kind> for SchemaKind {
    fn from(kind: Kind) -> Self {
        SchemaKind::Resource(kind)
    }
}

/// An error in a value, independent of its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaProblem {
    /// The place in the value.
    pub path: Vec<PathStep>,
    /// The key or the value of that entry.
    pub part: Part,
    /// The rule.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The text beside the underlined place.
    pub label: String,
    /// How to fix it, for people.
    pub help: Option<String>,
    /// How to fix it, for programs.
    pub fix: Option<Fix>,
}

impl SchemaProblem {
    /// The error as a finding in a document of a file.
    pub fn found(self, by: &Finder<'_>) -> Diagnostic {
        let is_json = yaml::is_json(by.file);
        let example = self.fix.as_ref().and_then(|fix| example(fix, is_json));
        let finding = by.at(self.code, self.path, self.part, self.message);
        let help = if is_json {
            self.help.map(words::in_json)
        } else {
            self.help
        };
        let help = match (help, example) {
            (Some(help), Some(example))
                if !help.contains(&example) && !help.contains("write `") =>
            {
                Some(format!("write `{example}`"))
            }
            (help, _) => help,
        };
        Diagnostic {
            help,
            fix: self.fix,
            ..finding.label(self.label)
        }
    }
}

/// Maximum length of an example of the correct text.
const LONGEST_EXAMPLE: usize = 60;

/// The correct text of a fix that writes a single value.
fn example(fix: &Fix, is_json: bool) -> Option<String> {
    let [change] = fix.changes.as_slice() else {
        return None;
    };
    let text = match change {
        Change::Replace { with, .. } => edit::inline(&with.value(), is_json, 0)?,
        Change::Add { path, with } => {
            let PathStep::Key(key) = path.last()? else {
                return None;
            };
            let value = edit::inline(&with.value(), is_json, 0)?;
            if is_json {
                format!("\"{key}\": {value}")
            } else {
                format!("{key}: {value}")
            }
        }
        _ => return None,
    };
    (text.chars().count() <= LONGEST_EXAMPLE && !text.contains('`')).then_some(text)
}

/// Checks a value against the schema of a kind. Returns its errors, sorted by place, one for
/// each cause. Metadata that only `reconcile` writes is unknown to the schemas, and so is `status`.
pub fn check(kind: SchemaKind, value: &Value) -> Vec<SchemaProblem> {
    if compiled::is_valid(kind, value) {
        return Vec::new();
    }
    let schema = schema(kind);
    let mut errors = schema.validator.iter_errors(value);
    let mut complaints = Vec::new();
    while complaints.len() < MAX_COMPLAINTS
        && let Some(error) = errors.next()
    {
        complaints.extend(words::complaints(&schema.root, value, &error));
    }
    let more = errors.count();
    let mut problems = words::reduce(complaints);
    if more > 0 {
        problems.push(too_many(more));
        problems.sort();
    }
    problems
}

/// Maximum number of validation errors that are reported in words: each takes a
/// sentence, and a megabyte can contain half a million.
const MAX_COMPLAINTS: usize = 10_000;

/// The summary of further errors.
fn too_many(more: usize) -> SchemaProblem {
    SchemaProblem {
        path: Vec::new(),
        part: Part::Value,
        code: Code::LIMIT,
        message: format!("the schema is broken in {more} more places, which are not listed"),
        label: String::new(),
        help: Some("fix the others first".to_owned()),
        fix: None,
    }
}

/// How to write `value` so that it has the expected JSON Schema type.
pub(crate) fn how_to_write(expected: &str, value: &Value) -> Option<String> {
    words::how_to_write(expected, value)
}

/// The schema of the status of all kinds, as JSON text. Users do not write statuses, and they are not checked against
/// it.
pub const STATUS: &str = include_str!("status.json");

/// The self-contained schema as JSON text.
pub fn text(kind: SchemaKind) -> &'static str {
    &schema(kind).text
}

/// Files of shared definitions, with the prefix of their names in each file that
/// uses them. A file uses only those after it.
const SHARED: [(&str, &str); 2] = [
    ("criterion", include_str!("criterion.json")),
    ("common", include_str!("common.json")),
];

/// A schema's text with all references within the schema itself: editors follow no others. The
/// definitions of a shared file get its prefix.
fn with_references_within(text: &str, file: Option<&str>) -> String {
    let text = match file {
        Some(file) => text.replace("\"#/$defs/", &format!("\"#/$defs/{file}-")),
        None => text.to_owned(),
    };
    SHARED.iter().fold(text, |text, (file, _)| {
        let elsewhere = format!("urn:planspec:v1alpha1:{file}#/$defs/");
        text.replace(&elsewhere, &format!("#/$defs/{file}-"))
    })
}

/// Copies the shared definitions that a schema uses into it.
fn complete(text: &str) -> Result<Value, serde_json::Error> {
    let mut all = with_references_within(text, None);
    let mut root: Value = serde_json::from_str(&all)?;
    for (file, shared) in SHARED {
        if !all.contains(&format!("#/$defs/{file}-")) {
            continue;
        }
        let shared = with_references_within(shared, Some(file));
        let mut shapes: Value = serde_json::from_str(&shared)?;
        for (name, shape) in shapes["$defs"].as_object_mut().into_iter().flatten() {
            root["$defs"][format!("{file}-{name}")] = shape.take();
        }
        all.push_str(&shared);
    }
    Ok(root)
}

/// A schema with its compiled validator.
struct Schema {
    root: Value,
    text: String,
    validator: Validator,
}

impl Schema {
    /// Completes and compiles a schema.
    fn build(text: &str) -> Schema {
        let built = || -> Result<Schema, String> {
            let root = complete(text).map_err(|error| error.to_string())?;
            let validator = jsonschema::options()
                .with_pattern_options(PatternOptions::regex())
                .with_format("planspec-duration", compiled::is_duration)
                .with_keyword("wholeNumber", compiled::whole_number)
                .should_validate_formats(true)
                .offline()
                .build(&root)
                .map_err(|error| error.to_string())?;
            let text = format!("{root:#}\n");
            Ok(Schema {
                root,
                text,
                validator,
            })
        };
        // The schemas are part of the program, and a test compiles each.
        built().unwrap_or_else(|error| unreachable!("a schema of ours: {error}"))
    }
}

/// `wholeNumber`: refuses numbers that are written with a fraction. The rest is left to `type`.
struct WholeNumber;

impl<'i> Keyword<'i> for WholeNumber {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        if Keyword::is_valid(self, value) {
            Ok(())
        } else {
            Err(ValidationError::custom("a whole number with a fraction"))
        }
    }

    fn is_valid(&self, value: &'i Value) -> bool {
        let float = value.as_f64().filter(|_| value.is_f64());
        float.is_none_or(|float| float.fract() != 0.0)
    }
}

fn schema(kind: SchemaKind) -> &'static Schema {
    /// Read and compiled only for the first invalid value: that takes longer than everything else
    /// that is done with a file.
    macro_rules! lazy {
        ($file:literal) => {{
            static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::build(include_str!($file)));
            &SCHEMA
        }};
    }
    match kind {
        SchemaKind::Resource(Kind::Goal) => lazy!("goal.json"),
        SchemaKind::Resource(Kind::Plan) => lazy!("plan.json"),
        SchemaKind::Resource(Kind::Capability) => lazy!("capability.json"),
        SchemaKind::Resource(Kind::Binding) => lazy!("binding.json"),
        SchemaKind::Resource(Kind::Gate) => lazy!("gate.json"),
        SchemaKind::Resource(Kind::Execution) => lazy!("execution.json"),
        SchemaKind::Document => lazy!("document.json"),
        SchemaKind::Config => lazy!("config.json"),
    }
}
