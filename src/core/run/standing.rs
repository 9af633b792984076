//! Where a run stands, as whoever describes it wants to know: what was checked, who may decide,
//! what would be another now.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::plan::graph::GraphOf;
use crate::core::resource::{
    CriterionOf, CriterionResult, Decision, ExecutionStatus, GateReview, Key, TaskCriterion, Time,
};
use crate::core::run::transition::{WaitingFor, node_waits_for};

/// A run, and what its status alone does not tell.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Which execution.
    pub key: &'a Key,
    /// Its status.
    pub run: &'a ExecutionStatus,
    /// The graph that it runs, where it is known.
    pub graph: Option<GraphOf<'a>>,
    /// Who may still decide, by `namespace/name` of the gate; a gate that is not here is open to
    /// anybody.
    pub reviewers: &'a BTreeMap<String, Vec<String>>,
    /// What bindings say now, by node, where that is not what the run is held to.
    pub moved_on: &'a BTreeMap<String, String>,
    /// Whether the spec branch holds another revision of the plan than the run is held to.
    pub plan_moved_on: bool,
    /// Why a node cannot be claimed that the status offers, by its id: it was claimed since, or is in the way of what is
    /// held.
    pub spoken_for: &'a BTreeMap<String, String>,
    /// The records of decisions whose signatures were found to be as the status says.
    pub checked: &'a BTreeSet<String>,
    /// Digest of the session of whoever asks, where there is one.
    pub session: Option<&'a str>,
    /// Whether a reconcile would find something to do.
    pub due: bool,
}

/// The acceptance criteria of a node that was reported, or the checks of a success criterion.
#[derive(Debug, Clone)]
pub struct Acceptance<'a> {
    /// Id of the node, or of the criterion.
    pub id: &'a str,
    /// When they were checked, and by whom; nothing when they were not.
    pub by: Option<(Time, &'a str)>,
    /// One for each criterion, in the order of the plan.
    pub checks: Vec<Checked<'a>>,
}

/// One criterion, and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// Name of the criterion.
    pub name: &'a str,
    /// Whether it is required; nothing for what the plan does not have.
    pub required: Option<bool>,
    /// What came of it, when it was checked.
    pub result: Option<&'a CriterionResult>,
}

impl<'a> Standing<'a> {
    /// The acceptance criteria of what was reported, each with what came of it.
    pub fn acceptance(&self) -> Vec<Acceptance<'a>> {
        let mut all = Vec::new();
        for (id, status) in &self.run.node_statuses {
            let node = self.graph.and_then(|of| of.node(id));
            let waits = node_waits_for(status);
            let is_checked = matches!(waits, Some(WaitingFor::Verification { .. }));
            let verification = status.extensions.verification.as_ref();
            if verification.is_none() && !is_checked {
                continue;
            }
            let results = verification.map_or(&[] as &[_], |verification| &verification.results);
            let criteria = node.map_or(&[] as &[_], |node| &node.acceptance_criteria);
            all.push(Acceptance {
                id,
                by: verification.map(|one| (one.timestamp, one.actor.as_str())),
                checks: checks(criteria, results),
            });
        }
        let contract = self.run.extensions.criteria.iter();
        for one in contract.filter(|one| !one.checks.is_empty()) {
            let mut said = self.run.said_about(&one.id);
            let check = said.find(|said| !said.results.is_empty());
            let results = check.map_or(&[] as &[_], |check| &check.results);
            all.push(Acceptance {
                id: &one.id,
                by: check.map(|check| (check.timestamp, check.actor.as_str())),
                checks: checks(&one.checks, results),
            });
        }
        all
    }

    /// What reviewers did, by node and oldest first, each with the decision that it is about.
    pub fn reviews(&self) -> impl Iterator<Item = (&'a str, &'a Decision, &'a GateReview)> {
        let nodes = self.run.node_statuses.iter();
        let decisions =
            nodes.filter_map(|(id, node)| Some((id.as_str(), node.extensions.decision.as_ref()?)));
        decisions.flat_map(|(id, decision)| {
            let reviews = decision.reviews.iter();
            reviews.map(move |review| (id, decision, review))
        })
    }
}

/// `constraint` or `success criterion`.
pub fn criterion_kind(kind: CriterionOf) -> &'static str {
    match kind {
        CriterionOf::Constraint => "constraint",
        CriterionOf::SuccessCriterion => "success criterion",
    }
}

/// What was checked stands behind its criterion; what no criterion asks for, at the end.
fn checks<'a>(criteria: &'a [TaskCriterion], results: &'a [CriterionResult]) -> Vec<Checked<'a>> {
    let mut unnamed: Vec<&CriterionResult> = results.iter().collect();
    let mut checks = Vec::new();
    for criterion in criteria {
        let at = unnamed
            .iter()
            .position(|result| result.name == criterion.name);
        checks.push(Checked {
            name: &criterion.name,
            required: Some(criterion.required),
            result: at.map(|at| unnamed.remove(at)),
        });
    }
    checks.extend(unnamed.into_iter().map(|result| Checked {
        name: &result.name,
        required: None,
        result: Some(result),
    }));
    checks
}
