//! Corrected versions of files with certain fixes: they are checked as well, so that one run reports everything.

use std::collections::BTreeMap;

use crate::core::base::diagnostic::{self, Code, Diagnostic, Place};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::manifest::Manifest;
use crate::core::repository::meant::{self, Confidence, Meant};
use crate::core::repository::snapshot::manifests_with;

/// The corrected version and the original text of each file that is not checked as it is.
#[derive(Default)]
pub(super) struct Meanings(BTreeMap<String, (Meant, String)>);

impl Meanings {
    /// Replaces files by corrected versions, after they were parsed.
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

    /// The same for files that were not parsed yet.
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

    /// The findings in corrected versions, and those that led to the corrections, as findings of the original files.
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

    /// Whether the finding is about an `allow` comment that only the correction makes unused.
    fn is_put_right(&self, finding: &Diagnostic) -> bool {
        finding.code == Code::UNUSED_ALLOW && self.0.contains_key(&finding.file)
    }

    /// The findings in corrected versions, with their places in the original files.
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
                // Their fixes apply only to the corrected text.
                found.iter_mut().for_each(|finding| finding.fix = None);
            }
            placed.extend(found);
        }
        self.place_others(&mut placed);
        placed
    }

    /// Corrects the related places of findings in other files.
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

    /// The original text of a file.
    pub fn text(&self, file: &str) -> Option<String> {
        self.0.get(file).map(|(_, written)| written.clone())
    }
}
