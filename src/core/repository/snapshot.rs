//! All resources of one revision, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::core::base::diagnostic::{Diagnostic, Level, Place, Span};
use crate::core::base::source::SourceFile;
use crate::core::repository::config::Config;
use crate::core::repository::definitions::{Definitions, Elsewhere, told};
use crate::core::repository::manifest::{self, Manifest};
use crate::core::repository::rules;
use crate::core::resource::Key;
use crate::core::text::allow;
use crate::core::text::locate::locate_all;

/// Parse files, on all cores.
pub fn manifests(files: &[SourceFile], config: &Config) -> Vec<Manifest> {
    let parsed = manifests_with(files, config, |_, _| ()).into_iter();
    parsed.map(|(manifest, ())| manifest).collect()
}

/// Parse files, on all cores, and do something with each where it is parsed.
pub fn manifests_with<T: Send>(
    files: &[SourceFile],
    config: &Config,
    with: impl Fn(&SourceFile, &mut Manifest) -> T + Sync,
) -> Vec<(Manifest, T)> {
    use rayon::prelude::*;
    #[cfg(test)]
    parsed::note(files);
    let parse = |file: &SourceFile| {
        let documents = (
            config.default_namespace.as_str(),
            config.approvals.revisions,
        );
        let mut manifest = manifest::read_as(file, &config.limits, documents);
        let with = with(file, &mut manifest);
        (manifest, with)
    };
    if files.len() < WORTH_SHARING {
        return files.iter().map(parse).collect();
    }
    files.par_iter().map(parse).collect()
}

/// So many files are shared among all cores; to start threads for fewer takes longer than to parse
/// them.
pub const WORTH_SHARING: usize = 24;

/// Which files this thread has parsed: what a test counts.
#[cfg(test)]
pub(crate) mod parsed {
    use std::cell::RefCell;

    use super::SourceFile;

    thread_local! {
        static PATHS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(files: &[SourceFile]) {
        let paths = files.iter().map(|file| file.path.clone());
        PATHS.with_borrow_mut(|known| known.extend(paths));
    }

    /// Since the last time, in order.
    #[cfg(feature = "service")]
    pub(crate) fn taken() -> Vec<String> {
        PATHS.take()
    }
}

/// All resources of one revision, and what is wrong with them.
///
/// Made of [`Definitions`], whose look-ups it has, and of the findings of all rules about them.
#[derive(Debug, Default)]
pub struct Snapshot {
    definitions: Definitions,
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

impl std::ops::Deref for Snapshot {
    type Target = Definitions;

    fn deref(&self) -> &Definitions {
        &self.definitions
    }
}

impl Snapshot {
    /// Read `files` and check them against each other.
    pub fn build(files: &[SourceFile], config: &Config) -> Snapshot {
        let manifests = manifests(files, config);
        Snapshot::assemble(files, manifests, Elsewhere::default(), config)
    }

    /// Check files that have been parsed against each other. `elsewhere` is what is known of files
    /// that were not read.
    pub fn assemble(
        files: &[SourceFile],
        manifests: Vec<Manifest>,
        elsewhere: Elsewhere,
        config: &Config,
    ) -> Snapshot {
        let mut definitions = Definitions::default();
        let mut findings = Vec::new();
        for (file, mut manifest) in files.iter().zip(manifests) {
            findings.append(&mut manifest.diagnostics);
            definitions.add(file, manifest);
        }
        // Before names of files that were not read are added: those have no definitions here.
        definitions.put_history_aside();
        definitions.add_elsewhere(elsewhere);
        let history: BTreeSet<&str> = definitions.history().map(|one| one.path.as_str()).collect();
        // An earlier revision has been judged in its time, and is not executed.
        findings.retain(|finding| {
            !history.contains(finding.file.as_str()) || finding.code.level() == Level::Structure
        });
        findings.extend(rules::check(&definitions, config));
        let text = |file: &str| definitions.text(file);
        let unused = allow::apply(&mut findings, definitions.allows(), text);
        // Where something cannot be read, not every rule was asked.
        if !findings.iter().any(|finding| finding.code.is_fatal()) {
            let unused = unused.into_iter();
            let judged = unused.filter(|(_, allow)| !allow.code.is_about_change());
            findings.extend(judged.map(|(file, allow)| allow::unused(file, allow)));
        }
        rules::apply_levels(&mut findings, config);
        let mut snapshot = Snapshot {
            definitions,
            diagnostics: findings,
            ..Snapshot::default()
        };
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

    /// Bring findings about this snapshot that were made elsewhere, for example by comparison with
    /// another, under the same rules as its own: what a comment allows is taken away, then the
    /// configuration has its say.
    pub fn settle(&self, findings: &mut Vec<Diagnostic>, config: &Config) {
        allow::apply(findings, self.allows(), |file| self.text(file));
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

    /// `file:line:column` of a finding.
    pub fn place(&self, file: &str, place: &Place) -> String {
        let known = self.findings.get(file).and_then(|of_file| {
            let spans = of_file.spans.get_or_init(|| self.locate(file, of_file));
            spans.get(place).copied()
        });
        match known {
            Some(found) => told(file, place, found),
            None => self.definitions.place(file, place),
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
    use crate::core::resource::Kind;
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
