//! The JSON Schemas of the six kinds, of documents and of the configuration, and what they say
//! about a value in our words.
//!
//! The files beside this one are the schemas as editors use them. Two keywords of theirs are for
//! people: `patternErrorMessage` says what a pattern (editors show it too) or a format means,
//! `errorMessage` says what a `oneOf` means. A third one is ours: `wholeNumber` refuses `1.0`, which JSON Schema
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

/// What a schema is for.
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

/// What a value breaks, without the file it came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaProblem {
    /// Where in the value.
    pub path: Vec<PathStep>,
    /// Key or value of that entry.
    pub part: Part,
    /// Which rule.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to write at the underlined text.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
    /// The same for programs.
    pub fix: Option<Fix>,
}

impl SchemaProblem {
    /// The problem as a finding in a document of a file.
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

/// Longest text that is shown of what is to be written.
const LONGEST_EXAMPLE: usize = 60;

/// What is to be written, where that is one value.
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

/// Check a value against the schema of a kind: all its problems, sorted by their place, one for
/// each cause. Metadata that only `reconcile` writes is unknown to the schemas, as is `status`.
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

/// Errors of the validator are put into words until there are so many complaints: each takes a
/// sentence, and a megabyte has room for half a million.
const MAX_COMPLAINTS: usize = 10_000;

/// What stands for errors that nothing else is said about.
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

/// How to write `value` so that it has a type that is expected: a name of JSON Schema.
pub(crate) fn how_to_write(expected: &str, value: &Value) -> Option<String> {
    words::how_to_write(expected, value)
}

/// The schema of what stands in the status of each kind, as JSON text: nobody writes it by hand, and nothing here checks it.
pub const STATUS: &str = include_str!("status.json");

/// The schema as JSON text, complete in itself.
pub fn text(kind: SchemaKind) -> &'static str {
    &schema(kind).text
}

/// Files of shapes that schemas share, by what stands before the names of theirs within each that
/// uses them. A file uses only those behind it.
const SHARED: [(&str, &str); 2] = [
    ("criterion", include_str!("criterion.json")),
    ("common", include_str!("common.json")),
];

/// A schema's text with every reference within the schema itself: editors follow no others. The
/// shapes of a shared file have its name before theirs.
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

/// Put the shared shapes that a schema uses among its own.
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

/// A schema, ready to say what is wrong.
struct Schema {
    root: Value,
    text: String,
    validator: Validator,
}

impl Schema {
    /// Complete a schema, and compile it.
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

/// `wholeNumber`: no whole number with a fraction. Other numbers are the business of `type`.
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
    /// Read and compiled for the first value that breaks it: that takes longer than to do all else
    /// with a file.
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
