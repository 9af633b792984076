//! Checks across resources: one file per group, every check with a stable code.
//!
//! Structure (what one document may look like) is the manifest's business.

mod bindings;
mod capabilities;
mod commands;
mod duplicates;
mod executions;
mod gates;
mod graphs;
mod inputs;
mod lineage;
mod mentions;
mod names;
mod references;

use std::collections::BTreeMap;

use crate::core::base::diagnostic::{Code, Diagnostic, Severity};
use crate::core::base::suggest::Suggestions;
use crate::core::base::words::listed;
use crate::core::plan::graph;
use crate::core::repository::chain;
use crate::core::repository::config::{Config, RuleLevel};
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{Key, Kind, Spec};

#[cfg(test)]
pub(crate) use references::each_target;
pub use references::uid_mismatches;

/// Everything that is wrong between the resources of a snapshot, in order and without repeats.
pub fn check(snapshot: &Definitions, config: &Config) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    duplicates::check(snapshot, &mut findings);
    chain::check(snapshot, &mut findings);
    references::check(snapshot, &mut findings);
    graphs::check(snapshot, config, &mut findings);
    capabilities::check(snapshot, &mut findings);
    bindings::check(snapshot, &mut findings);
    commands::check(snapshot, &mut findings);
    executions::check(snapshot, &mut findings);
    gates::check(snapshot, config, &mut findings);
    lineage::check(snapshot, &mut findings);
    inputs::check(snapshot, &mut findings);
    mentions::check(snapshot, &mut findings);
    names::check(snapshot, &mut findings);
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

/// Most suggestions that one rule looks for.
const SUGGESTIONS: usize = 50;

/// Suggestions of one rule for all resources together: what one finding gets depends on the others
/// ([`Code::may_suggest`]).
struct SharedSuggestions(Suggestions);

impl SharedSuggestions {
    fn new() -> SharedSuggestions {
        SharedSuggestions(Suggestions(SUGGESTIONS))
    }

    /// Whether none is left.
    fn are_spent(&self) -> bool {
        self.0.0 == 0
    }

    /// As [`Suggestions::near`], for a finding with this code.
    fn near<'a>(
        &mut self,
        code: Code,
        word: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        debug_assert!(code.may_suggest(), "{code} is not in `may_suggest`");
        self.0.near(word, names)
    }

    /// As [`Suggestions::suggestion`], for a finding with this code.
    fn suggestion<'a>(
        &mut self,
        code: Code,
        word: &str,
        names: impl IntoIterator<Item = &'a str>,
        otherwise: impl FnOnce() -> String,
    ) -> String {
        self.near(code, word, names)
            .map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
    }
}

/// Most names in one message.
const NAMES: usize = 5;

/// The first of some names. Whoever looks for them need not look for more than one behind these.
fn first_names(names: &[&str]) -> String {
    let more = if names.len() > NAMES { " and more" } else { "" };
    listed(names.iter().take(NAMES).copied()) + more
}

/// Cycles of resources that refer to each other, by their places among `keys`.
fn cycles_among(
    keys: &[&Key],
    references: impl IntoIterator<Item = (usize, Key)>,
) -> Vec<Vec<usize>> {
    let numbered = keys.iter().enumerate();
    let index: BTreeMap<&Key, usize> = numbered.map(|(at, key)| (*key, at)).collect();
    let edges = references.into_iter();
    let edges = edges.filter_map(|(from, to)| Some((from, *index.get(&to)?)));
    graph::cycles_among(keys.len(), &edges.collect())
}

/// Every definition of a kind that can be read, with its spec.
fn each<'a, S: 'a>(
    snapshot: &'a Definitions,
    kind: Kind,
    spec_of: fn(&'a Spec) -> Option<&'a S>,
) -> impl Iterator<Item = (&'a Definition, &'a S)> {
    let keys = snapshot.keys_of(kind);
    let definitions = keys.flat_map(|key| snapshot.definitions(key));
    definitions.filter_map(move |one| Some((one, spec_of(&one.resource.as_ref()?.spec)?)))
}
