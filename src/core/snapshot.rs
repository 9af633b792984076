//! All resources of one revision, with look-ups both ways.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::allow::{self, Allow};
use super::config::Config;
use super::diagnostic::{Diagnostic, Level, Part, Place, Span, Step};
use super::document::Origin;
use super::locate::{locate, locate_all};
use super::manifest::{self, Manifest};
use super::resource::{
    BindingSpec, CapabilitySpec, ExecutionSpec, GateSpec, GoalSpec, GraphSpec, Key, Kind, PlanSpec,
    Resource, Spec,
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
    /// The graph of a plan whose structure is broken elsewhere.
    pub graph: Option<GraphSpec>,
    /// Set when it comes from a PlanSpec 1.2 document: the way from its places to those there.
    pub origin: Option<Arc<Origin>>,
}

impl Definition {
    /// A place in the resource, as it stands in its file.
    pub fn place(&self, kind: Kind, path: Vec<Step>, part: Part) -> Place {
        let path = match &self.origin {
            Some(origin) => origin.path(kind, &path),
            None => path,
        };
        Place::Entry {
            document: self.document,
            path,
            part,
        }
    }
}

/// Parse files, on all cores.
pub fn manifests(files: &[SourceFile], config: &Config) -> Vec<Manifest> {
    use rayon::prelude::*;
    files
        .par_iter()
        .map(|file| manifest::read(file, &config.limits, &config.default_namespace))
        .collect()
}

/// All resources of one revision, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Snapshot {
    definitions: BTreeMap<Key, Vec<Definition>>,
    texts: BTreeMap<String, Arc<[u8]>>,
    unidentified: Vec<String>,
    allows: BTreeMap<String, Vec<Allow>>,
    diagnostics: Vec<Diagnostic>,
    errors: BTreeMap<Key, Vec<usize>>,
    /// What keeps plans of documents from being executed.
    unready: BTreeMap<Key, Vec<usize>>,
    findings: BTreeMap<String, FileFindings>,
}

/// The findings of one file. Their places are looked up together, when the first is asked for.
#[derive(Debug, Default)]
struct FileFindings {
    indices: Vec<usize>,
    spans: OnceLock<BTreeMap<Place, Option<Span>>>,
}

impl Snapshot {
    /// Read `files` and check them against each other.
    pub fn build(files: &[SourceFile], config: &Config) -> Snapshot {
        Snapshot::assemble(files, manifests(files, config), [], config)
    }

    /// Check files that have been parsed against each other. `elsewhere` are resources that
    /// nothing in these files refers to: their names may be what a mistyped one was meant to be.
    pub fn assemble(
        files: &[SourceFile],
        manifests: Vec<Manifest>,
        elsewhere: impl IntoIterator<Item = Key>,
        config: &Config,
    ) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (file, manifest) in files.iter().zip(manifests) {
            snapshot.add(file, manifest);
        }
        for key in elsewhere {
            snapshot.definitions.entry(key).or_default();
        }
        let mut findings = std::mem::take(&mut snapshot.diagnostics);
        findings.extend(rules::check(&snapshot, config));
        let unused = allow::apply(&mut findings, &snapshot.allows, |file| snapshot.text(file));
        // Where something cannot be read, not every rule was asked.
        if !findings.iter().any(|finding| finding.code.is_fatal()) {
            let unused = unused.into_iter();
            let judged = unused.filter(|(_, allow)| !allow.code.is_about_change());
            findings.extend(judged.map(|(file, allow)| allow::unused(file, allow)));
        }
        rules::apply_levels(&mut findings, config);
        snapshot.diagnostics = findings;
        for (index, finding) in snapshot.diagnostics.iter().enumerate() {
            if let (true, Some(key)) = (finding.is_error(), &finding.resource) {
                snapshot.errors.entry(key.clone()).or_default().push(index);
            }
            if let (Level::Readiness, Some(key)) = (finding.code.level(), &finding.resource) {
                snapshot.unready.entry(key.clone()).or_default().push(index);
            }
            let of_file = snapshot.findings.entry(finding.file.clone()).or_default();
            of_file.indices.push(index);
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
        if !manifest.allows.is_empty() {
            self.allows.insert(manifest.path.clone(), manifest.allows);
        }
        for entry in manifest.entries {
            let definition = Definition {
                path: manifest.path.clone(),
                blob: manifest.blob.clone(),
                document: entry.document,
                resource: entry.resource,
                graph: entry.graph,
                origin: entry.origin,
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

    /// Bring findings about this snapshot that were made elsewhere, for example by comparison with
    /// another, under the same rules as its own: what a comment allows is taken away, then the
    /// configuration has its say.
    pub fn settle(&self, findings: &mut Vec<Diagnostic>, config: &Config) {
        allow::apply(findings, &self.allows, |file| self.text(file));
        rules::apply_levels(findings, config);
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

    /// What keeps the plan of a document from being executed.
    pub fn unready(&self, plan: &Key) -> impl Iterator<Item = &Diagnostic> {
        let found = self.unready.get(plan).map_or(&[][..], Vec::as_slice);
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
        let known = self.findings.get(file).and_then(|of_file| {
            let spans = of_file.spans.get_or_init(|| self.locate(file, of_file));
            spans.get(place).copied()
        });
        let found = known.unwrap_or_else(|| self.text(file).and_then(|text| locate(&text, place)));
        let given = match place {
            Place::At(span) => Some(*span),
            _ => None,
        };
        match found.or(given) {
            Some(span) => format!("{file}:{}:{}", span.line, span.column),
            None => file.to_owned(),
        }
    }

    fn locate(&self, file: &str, of_file: &FileFindings) -> BTreeMap<Place, Option<Span>> {
        let Some(text) = self.text(file) else {
            return BTreeMap::new();
        };
        let findings = of_file
            .indices
            .iter()
            .map(|index| &self.diagnostics[*index]);
        let places: Vec<&Place> = findings.map(|finding| &finding.place).collect();
        let spans = locate_all(&text, &places);
        places.into_iter().cloned().zip(spans).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{execution, gate, key, plan, position, resource, snapshot, task};

    #[test]
    fn look_ups_by_kind_and_name() {
        let text = [
            resource("Goal", "g", "description: d"),
            plan("p", &task("a", "")),
            gate("g", "p", ""),
            execution("e", "p", ""),
        ]
        .concat();
        let snapshot = snapshot(&[("planspec/x.yaml", &text)]);
        let goal = key(Kind::Goal, "g");
        assert!(snapshot.goal(&goal).is_some());
        assert!(snapshot.gate(&key(Kind::Gate, "g")).is_some());
        assert!(snapshot.plan(&key(Kind::Plan, "p")).is_some());
        assert!(snapshot.execution(&key(Kind::Execution, "e")).is_some());
        assert!(snapshot.plan(&goal).is_none());
        assert!(snapshot.binding(&key(Kind::Binding, "g")).is_none());
        assert!(snapshot.capability(&key(Kind::Capability, "g")).is_none());
        let plans: Vec<&Key> = snapshot.keys_of(Kind::Plan).collect();
        assert_eq!(plans, [&key(Kind::Plan, "p")]);
        assert_eq!(snapshot.keys().count(), 4);
        let definition = snapshot.definition(&key(Kind::Gate, "g"));
        assert_eq!(definition.map(|definition| definition.document), Some(2));
    }

    #[test]
    fn a_finding_on_one_line_says_where_and_what() {
        let text = plan("p", &task("a", "dependsOn: [x, y]"));
        let snapshot = snapshot(&[("planspec/x.yaml", &text), ("planspec/y.yaml", "a: [")]);
        let lines: Vec<String> = snapshot
            .diagnostics()
            .iter()
            .map(|finding| snapshot.line(finding))
            .collect();
        let (x, y) = (position(&text, "x, y"), position(&text, "y]"));
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("planspec/y.yaml:"), "{lines:?}");
        assert!(
            lines[1].starts_with(&format!("planspec/x.yaml:{x}: PS302 ")),
            "{lines:?}"
        );
        assert!(
            lines[2].starts_with(&format!("planspec/x.yaml:{y}: PS302 ")),
            "{lines:?}"
        );
        assert_eq!(snapshot.unidentified(), ["planspec/y.yaml"]);
    }

    #[test]
    fn a_rule_has_the_level_that_the_configuration_gives_it() {
        let text = plan(
            "p",
            &task("a", "dependsOn: [x], capabilityRefs: [{name: c}]"),
        );
        let files = [crate::core::testing::source("planspec/x.yaml", &text)];
        let found = |rules: &str| {
            let yaml = format!("rules: {{{rules}}}");
            let (config, _) = Config::read("c", yaml.as_bytes());
            let snapshot = Snapshot::build(&files, &config.expect("a configuration"));
            let errors = snapshot.errors_of(&key(Kind::Plan, "p")).count();
            (snapshot.diagnostics().len(), errors)
        };
        assert_eq!(found(""), (2, 1));
        assert_eq!(found("PS204: error"), (2, 2));
        assert_eq!(found("ps204: off"), (1, 1));
        // What leaves nothing to work with stays an error.
        assert_eq!(found("PS302: warning"), (2, 1));
        assert_eq!(found("PS302: off"), (2, 1));
    }
}
