//! The state of a run for its description: results of checks, who may decide,
//! what has changed since.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::plan::graph::GraphOf;
use crate::core::resource::{
    CriterionOf, CriterionResult, Decision, ExecutionStatus, GateReview, Key, TaskCriterion, Time,
};
use crate::core::run::transition::{WaitingFor, node_waits_for};

/// A run, with facts that its status alone does not have.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The execution.
    pub key: &'a Key,
    /// Its status.
    pub run: &'a ExecutionStatus,
    /// Its graph, if known.
    pub graph: Option<GraphOf<'a>>,
    /// Who may still decide, by `namespace/name` of the gate; other gates are open to
    /// anybody.
    pub reviewers: &'a BTreeMap<String, Vec<String>>,
    /// The current targets of nodes, by node, if they differ from the pinned ones.
    pub moved_on: &'a BTreeMap<String, String>,
    /// Whether the spec branch has another revision of the plan than the pinned one.
    pub plan_moved_on: bool,
    /// Why a node cannot be claimed although the status offers it, by id: it was claimed since, or overlaps with a held
    /// one.
    pub spoken_for: &'a BTreeMap<String, String>,
    /// The decision records whose signatures were verified.
    pub checked: &'a BTreeSet<String>,
    /// Digest of the caller's session, if there is one.
    pub session: Option<&'a str>,
    /// Whether a reconcile has something to do.
    pub due: bool,
}

/// The results of a reported node's acceptance criteria, or of a success criterion's checks.
#[derive(Debug, Clone)]
pub struct Acceptance<'a> {
    /// Id of the node, or of the criterion.
    pub id: &'a str,
    /// When they were checked, and by whom; `None` if they were not.
    pub by: Option<(Time, &'a str)>,
    /// One for each criterion, in the order of the plan.
    pub checks: Vec<Checked<'a>>,
}

/// A criterion with its result.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// Name of the criterion.
    pub name: &'a str,
    /// Whether it is required; `None` if the plan does not have it.
    pub required: Option<bool>,
    /// The result, if it was checked.
    pub result: Option<&'a CriterionResult>,
}

impl<'a> Standing<'a> {
    /// The acceptance criteria of reported work, each with its result.
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

    /// The reviews, by node and oldest first, each with its decision.
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

/// The criteria with their results; results without a criterion come last.
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
