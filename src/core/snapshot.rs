//! All resources of one revision, with look-ups both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::Config;
use super::diagnostic::{Diagnostic, Place};
use super::locate::locate;
use super::manifest::{self, Manifest};
use super::resource::{
    BindingSpec, CapabilitySpec, ExecutionSpec, GateSpec, GoalSpec, Key, Kind, PlanSpec, Resource,
    Spec,
};
use super::rules;
use super::source::{Content, SourceFile};

/// Where a resource is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Path of the file.
    pub path: String,
    /// Object id of the file's content.
    pub blob: String,
    /// Index of the document in the file, from 0.
    pub document: usize,
    /// The resource, unless its structure is broken.
    pub resource: Option<Resource>,
}

/// All resources of one revision, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Snapshot {
    definitions: BTreeMap<Key, Vec<Definition>>,
    texts: BTreeMap<String, Arc<[u8]>>,
    unidentified: Vec<String>,
    diagnostics: Vec<Diagnostic>,
    errors: BTreeMap<Key, Vec<usize>>,
}

impl Snapshot {
    /// Read `files` and check them against each other.
    pub fn build(files: &[SourceFile], config: &Config) -> Snapshot {
        use rayon::prelude::*;
        let manifests: Vec<Manifest> = files
            .par_iter()
            .map(|file| manifest::read(file, &config.limits))
            .collect();
        let mut snapshot = Snapshot::default();
        for (file, manifest) in files.iter().zip(manifests) {
            snapshot.add(file, manifest);
        }
        let mut findings = rules::check(&snapshot, config);
        snapshot.diagnostics.append(&mut findings);
        rules::apply_levels(&mut snapshot.diagnostics, config);
        for (index, finding) in snapshot.diagnostics.iter().enumerate() {
            if let (true, Some(key)) = (finding.is_error(), &finding.resource) {
                snapshot.errors.entry(key.clone()).or_default().push(index);
            }
        }
        snapshot
    }

    fn add(&mut self, file: &SourceFile, manifest: Manifest) {
        if let Content::Bytes(bytes) = &file.content {
            self.texts.insert(file.path.clone(), Arc::clone(bytes));
        }
        if manifest.unidentified {
            self.unidentified.push(manifest.path.clone());
        }
        for entry in manifest.entries {
            let definition = Definition {
                path: manifest.path.clone(),
                blob: manifest.blob.clone(),
                document: entry.document,
                resource: entry.resource,
            };
            self.definitions
                .entry(entry.key)
                .or_default()
                .push(definition);
        }
        self.diagnostics.extend(manifest.diagnostics);
    }

    /// Every resource that is named anywhere, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.definitions.keys()
    }

    /// The keys of one kind.
    pub fn keys_of(&self, kind: Kind) -> impl Iterator<Item = &Key> {
        // Keys are ordered by kind first.
        self.definitions
            .range(Key::new(kind, "", "")..)
            .map(|(key, _)| key)
            .take_while(move |key| key.kind == kind)
    }

    /// All places where a resource is defined: more than one is an error.
    pub fn definitions(&self, key: &Key) -> &[Definition] {
        self.definitions.get(key).map_or(&[], Vec::as_slice)
    }

    /// The only definition of a resource.
    pub fn definition(&self, key: &Key) -> Option<&Definition> {
        match self.definitions(key) {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The resource, if it is defined once and its structure is sound.
    pub fn resource(&self, key: &Key) -> Option<&Resource> {
        self.definition(key)?.resource.as_ref()
    }

    /// The goal of that name.
    pub fn goal(&self, key: &Key) -> Option<&GoalSpec> {
        match &self.resource(key)?.spec {
            Spec::Goal(spec) => Some(spec),
            _ => None,
        }
    }

    /// The plan of that name.
    pub fn plan(&self, key: &Key) -> Option<&PlanSpec> {
        match &self.resource(key)?.spec {
            Spec::Plan(spec) => Some(spec),
            _ => None,
        }
    }

    /// The capability of that name.
    pub fn capability(&self, key: &Key) -> Option<&CapabilitySpec> {
        match &self.resource(key)?.spec {
            Spec::Capability(spec) => Some(spec),
            _ => None,
        }
    }

    /// The binding of that name.
    pub fn binding(&self, key: &Key) -> Option<&BindingSpec> {
        match &self.resource(key)?.spec {
            Spec::Binding(spec) => Some(spec),
            _ => None,
        }
    }

    /// The gate of that name.
    pub fn gate(&self, key: &Key) -> Option<&GateSpec> {
        match &self.resource(key)?.spec {
            Spec::Gate(spec) => Some(spec),
            _ => None,
        }
    }

    /// The execution of that name.
    pub fn execution(&self, key: &Key) -> Option<&ExecutionSpec> {
        match &self.resource(key)?.spec {
            Spec::Execution(spec) => Some(spec),
            _ => None,
        }
    }

    /// Whether nothing at all is defined.
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// Files in which resources may hide because they, or a document of them, cannot be read.
    pub fn unidentified(&self) -> &[String] {
        &self.unidentified
    }

    /// Every finding.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The errors that break a resource.
    pub fn errors_of(&self, key: &Key) -> impl Iterator<Item = &Diagnostic> {
        let found = self.errors.get(key).map_or(&[][..], Vec::as_slice);
        found.iter().map(|index| &self.diagnostics[*index])
    }

    /// Text of a file, for showing findings.
    pub fn text(&self, path: &str) -> Option<String> {
        self.texts
            .get(path)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// `file:line:column` of a finding.
    pub fn place(&self, file: &str, place: &Place) -> String {
        match self.text(file).and_then(|text| locate(&text, place)) {
            Some(span) => format!("{file}:{}:{}", span.line, span.column),
            None => match place {
                Place::At(span) => format!("{file}:{}:{}", span.line, span.column),
                _ => file.to_owned(),
            },
        }
    }

    /// A finding on one line: `file:line:column: PS304 message`.
    pub fn line(&self, finding: &Diagnostic) -> String {
        format!(
            "{}: {} {}",
            self.place(&finding.file, &finding.place),
            finding.code,
            finding.message
        )
    }
}
