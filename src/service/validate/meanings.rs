//! What is meant by files in which something is wrong: they are checked as such, so that one look says everything.

use std::collections::BTreeMap;

use crate::core::base::diagnostic::{self, Code, Diagnostic, Place};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::manifest::Manifest;
use crate::core::repository::meant::{self, Confidence, Meant};
use crate::core::repository::snapshot::manifests_with;

/// What is meant by each file that is not checked as it is.
#[derive(Default)]
pub(super) struct Meanings(BTreeMap<String, (Meant, String)>);

impl Meanings {
    /// Put what is meant in the place of what is there, in files that were read already.
    pub fn of_read(files: &mut [SourceFile], parsed: &mut [Manifest], config: &Config) -> Meanings {
        let mut meanings = Meanings::default();
        for (file, manifest) in files.iter_mut().zip(parsed) {
            let mut found = manifest.diagnostics.iter();
            if found.any(|finding| finding.fix.is_some())
                && meanings.take(file, config)
                && let Some((again, ())) =
                    manifests_with(std::slice::from_ref(file), config, |_, _| ()).pop()
            {
                *manifest = again;
            }
        }
        meanings
    }

    /// The same in files that were not read yet.
    pub fn of(files: &mut [SourceFile], config: &Config) -> Meanings {
        let parsed = manifests_with(files, config, |_, _| ());
        let mut meanings = Meanings::default();
        for (file, (manifest, ())) in files.iter_mut().zip(parsed) {
            let mut found = manifest.diagnostics.iter();
            if found.any(|finding| finding.fix.is_some()) {
                meanings.take(file, config);
            }
        }
        meanings
    }

    fn take(&mut self, file: &mut SourceFile, config: &Config) -> bool {
        let Content::Bytes(bytes) = &file.content else {
            return false;
        };
        let written = String::from_utf8_lossy(bytes).into_owned();
        let Some(meant) = meant::of(file, config, Confidence::Likely) else {
            return false;
        };
        file.content = Content::Bytes(meant.text.clone().into_bytes().into());
        self.0.insert(file.path.clone(), (meant, written));
        true
    }

    /// What was found in what is meant, with what led there, as findings of the files as they are.
    pub fn told(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        if self.0.is_empty() {
            return found;
        }
        let found = found.into_iter().filter(|one| !self.is_put_right(one));
        let mut told = self.placed(found.collect());
        told.extend(
            self.0
                .values()
                .flat_map(|(meant, _)| meant.found.iter().cloned()),
        );
        diagnostic::sort(&mut told);
        told
    }

    /// Whether a comment allows nothing in what is meant alone.
    fn is_put_right(&self, finding: &Diagnostic) -> bool {
        finding.code == Code::UNUSED_ALLOW && self.0.contains_key(&finding.file)
    }

    /// Findings of what is meant, at their places in the files as they are.
    fn placed(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut of_files: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for finding in found {
            of_files
                .entry(finding.file.clone())
                .or_default()
                .push(finding);
        }
        let mut placed = Vec::new();
        for (file, mut found) in of_files {
            if let Some((meant, _)) = self.0.get(&file) {
                found = meant.placed(found);
                // What they say is of the text that is meant.
                found.iter_mut().for_each(|finding| finding.fix = None);
            }
            placed.extend(found);
        }
        self.place_others(&mut placed);
        placed
    }

    /// What findings point at in other files.
    fn place_others(&self, found: &mut [Diagnostic]) {
        for (file, (meant, _)) in &self.0 {
            let others = found.iter_mut().filter(|finding| finding.file != *file);
            let labels = others.flat_map(|finding| finding.related.iter_mut());
            let mut labels: Vec<_> = labels.filter(|label| label.file == *file).collect();
            let places: Vec<Place> = labels.iter().map(|label| label.place.clone()).collect();
            for (label, place) in labels.iter_mut().zip(meant.places(&places)) {
                label.place = place;
            }
        }
    }

    /// The text of a file as it is.
    pub fn text(&self, file: &str) -> Option<String> {
        self.0.get(file).map(|(_, written)| written.clone())
    }
}
