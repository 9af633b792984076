//! Checks across resources: one file per group, every check with a stable code.
//!
//! Structure (what one document may look like) is the manifest's business.

mod bindings;
mod capabilities;
pub mod changes;
mod duplicates;
mod executions;
mod gates;
mod graphs;
mod inputs;
mod lineage;
mod mentions;
mod references;

pub(crate) use references::words;

use crate::core::base::diagnostic::{Code, Diagnostic, Label, Part, PathStep, Place, Severity};
use crate::core::repository::config::{Config, RuleLevel};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{Key, Kind, Resource};

pub use references::uid_mismatches;

/// Everything that is wrong between the resources of a snapshot, in order and without repeats.
pub fn check(snapshot: &Definitions, config: &Config) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    duplicates::check(snapshot, &mut findings);
    references::check(snapshot, &mut findings);
    graphs::check(snapshot, config, &mut findings);
    capabilities::check(snapshot, &mut findings);
    bindings::check(snapshot, &mut findings);
    executions::check(snapshot, &mut findings);
    gates::check(snapshot, config, &mut findings);
    lineage::check(snapshot, &mut findings);
    inputs::check(snapshot, &mut findings);
    mentions::check(snapshot, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

/// Give every finding the severity that the configuration wants; drop what is switched off. Errors
/// that leave nothing to work with stay errors: the controllers could not do without them either.
pub fn apply_levels(findings: &mut Vec<Diagnostic>, config: &Config) {
    findings.retain_mut(|finding| match config.rules.get(finding.code.id) {
        Some(RuleLevel::Off | RuleLevel::Warning) if finding.code.is_fatal() => true,
        Some(RuleLevel::Off) => false,
        Some(RuleLevel::Error) => {
            finding.severity = Severity::Error;
            true
        }
        Some(RuleLevel::Warning) => {
            finding.severity = Severity::Warning;
            true
        }
        None => true,
    });
}

/// Only so many findings of a rule get a suggestion: each compares with every name there is.
const SUGGESTIONS: usize = 50;

/// A resource that can be read, as a rule looks at it.
#[derive(Clone, Copy)]
struct Subject<'a> {
    key: &'a Key,
    definition: &'a Definition,
    resource: &'a Resource,
}

/// Every definition of a kind that can be read.
fn subjects(snapshot: &Definitions, kind: Kind) -> impl Iterator<Item = Subject<'_>> {
    snapshot.keys_of(kind).flat_map(move |key| {
        let definitions = snapshot.definitions(key).iter();
        definitions.filter_map(move |definition| {
            Some(Subject {
                key,
                definition,
                resource: definition.resource.as_ref()?,
            })
        })
    })
}

impl<'a> Subject<'a> {
    /// The only definition of a resource, when it can be read.
    fn of(snapshot: &'a Definitions, key: &'a Key) -> Option<Subject<'a>> {
        let definition = snapshot.definition(key)?;
        Some(Subject {
            key,
            definition,
            resource: definition.resource.as_ref()?,
        })
    }

    fn place(&self, path: Vec<PathStep>, part: Part) -> Place {
        self.definition.place(self.key.kind, path, part)
    }

    /// A finding at a value.
    fn finding(&self, code: Code, path: Vec<PathStep>, message: impl Into<String>) -> Diagnostic {
        let place = self.place(path, Part::Value);
        Diagnostic::new(code, &self.definition.path, place, message).about(self.key)
    }

    /// A finding at a key.
    fn at_key(&self, code: Code, path: Vec<PathStep>, message: impl Into<String>) -> Diagnostic {
        let place = self.place(path, Part::Key);
        Diagnostic::new(code, &self.definition.path, place, message).about(self.key)
    }

    /// A second place, at a value.
    fn label(&self, path: Vec<PathStep>, message: impl Into<String>) -> Label {
        Label {
            file: self.definition.path.clone(),
            place: self.place(path, Part::Value),
            message: message.into(),
        }
    }
}

/// `a`, `b`, `c` and 2 more
fn listed<'n>(names: impl IntoIterator<Item = &'n str>, more: usize) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
