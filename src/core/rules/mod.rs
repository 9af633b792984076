//! Checks across resources: one file per group, every check with a stable code.
//!
//! Structure (what one document may look like) is the manifest's business.

mod capabilities;
pub mod changes;
mod duplicates;
mod graphs;
mod references;

pub(crate) use references::words;

use super::config::{Config, RuleLevel};
use super::diagnostic::{Diagnostic, Severity};
use super::snapshot::Snapshot;

/// Everything that is wrong between the resources of a snapshot, in order and without repeats.
pub fn check(snapshot: &Snapshot, config: &Config) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    duplicates::check(snapshot, &mut findings);
    references::check(snapshot, &mut findings);
    graphs::check(snapshot, config, &mut findings);
    capabilities::check(snapshot, &mut findings);
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
