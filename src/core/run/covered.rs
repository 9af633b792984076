//! What an approval at a gate covers: the only definition, for the digest and for display.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::core::base::digest;
use crate::core::plan::graph::Graph;
use crate::core::resource::{Decision, ExecutionStatus, GraphSpec, Pin, Pinned, ReportedBy};
use crate::core::run::reopen::with_children;

/// The provider of a node, and its configuration.
pub type CoveredTarget<'a> = Option<(&'a Option<String>, &'a Option<Value>)>;

/// The pinned plan, the gate, the resolved targets of the nodes after the gate, and the reports of the nodes directly
/// before it.
#[derive(Debug, Clone)]
pub struct Covered<'a> {
    /// The pinned plan.
    pub plan: &'a Pin,
    /// The gate.
    pub gate: Option<&'a Pin>,
    /// The targets of the nodes after the gate, by their ids.
    pub targets: BTreeMap<&'a String, CoveredTarget<'a>>,
    /// The reports of the nodes directly before the gate, with their outputs.
    pub reports: BTreeMap<&'a str, (&'a ReportedBy, &'a Map<String, Value>)>,
    version: u32,
    round: u32,
}

impl<'a> Covered<'a> {
    /// What a decision at the gate node `id` covers, by the version of its digest.
    pub fn of(
        (status, pinned): (&'a ExecutionStatus, &'a Pinned),
        (graph, spec): (&Graph, &GraphSpec),
        (id, gate): (&str, &str),
        decision: &Decision,
    ) -> Covered<'a> {
        let version = decision.digest_version;
        let index = graph.index_of(id);
        let behind = graph.behind(index.as_slice());
        // The first version covers the targets of all nodes.
        let is_covered = |id: &str| {
            let index = graph.index_of(id);
            version == 0 || index.is_some_and(|index| behind.contains(&index))
        };
        let nodes = status.node_statuses.iter();
        let targets = nodes.filter(|(id, _)| is_covered(id)).map(|(id, status)| {
            let target = status.extensions.target.as_ref();
            (id, target.map(|t| (&t.provider, &t.config)))
        });
        let reports = before((graph, spec), id, version).into_iter();
        let reports = reports.filter_map(|before| {
            let (id, status) = status.node_statuses.get_key_value(graph.id(before))?;
            let report = status.extensions.report.as_ref()?;
            Some((id.as_str(), (report, &status.outputs)))
        });
        Covered {
            plan: &pinned.plan,
            gate: pinned.gates.get(gate),
            targets: targets.collect(),
            reports: reports.collect(),
            version,
            round: decision.round,
        }
    }

    /// The digest of all of it: an approval holds for nothing else.
    pub fn digest(&self) -> String {
        let gate = self.gate.map(|pin| &pin.digest);
        let subject = (&self.plan.digest, gate, &self.targets);
        let again = Some(self.round).filter(|round| *round > 0);
        match (self.version, again) {
            (0, None) => digest::canonical(&subject),
            (0, Some(again)) => digest::canonical(&(subject, again)),
            _ => {
                let reports = self.reports.iter();
                let reports: BTreeMap<&str, _> = reports
                    .map(|(id, (report, outputs))| (*id, (&report.record, &report.commit, outputs)))
                    .collect();
                digest::canonical(&(subject, reports, again))
            }
        }
    }
}

/// The direct predecessors of a node; since the second version of the digest, with the children of groups among them.
pub fn before((graph, spec): (&Graph, &GraphSpec), id: &str, version: u32) -> BTreeSet<usize> {
    let index = graph.index_of(id).into_iter();
    let before = index.flat_map(|index| graph.predecessors(index));
    let before: BTreeSet<usize> = before.map(|(before, _)| before).collect();
    if version < 2 {
        return before;
    }
    let all = before.into_iter();
    all.flat_map(|node| with_children(graph, spec, node))
        .collect()
}
