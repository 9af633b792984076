//! Gate nodes: a decision belongs to an execution, a node and a digest.

use std::collections::{BTreeMap, BTreeSet};

use super::run::{Run, list};
use crate::core::digest;
use crate::core::machine::NodeEvent;
use crate::core::resource::{
    AWAITING_APPROVAL, Decision, GateReview, GateSpec, Kind, NodePhase, Outcome, ReviewAction, Time,
};

/// Most reviews to keep of one gate node, beside those that decide.
const REVIEWS_KEPT: usize = 200;

impl Run<'_> {
    /// What an approval of this gate node is about: the pinned plan, the gate and the resolved
    /// targets. Approve one thing, and nothing else can run on it.
    pub fn gate_digest(&self, gate: &str) -> String {
        let targets: BTreeMap<&String, _> = self
            .status
            .node_statuses
            .iter()
            .map(|(id, status)| {
                let target = status.extensions.target.as_ref();
                (id, target.map(|t| (&t.provider, &t.config)))
            })
            .collect();
        let gate = self.pinned.gates.get(gate).map(|pin| &pin.digest);
        digest::canonical(&(&self.pinned.plan.digest, gate, targets))
    }

    /// `namespace/name` of the gate of a node.
    pub fn gate_of(&self, id: &str) -> Option<String> {
        let reference = self.node(id)?.gate_ref.as_ref()?;
        Some(
            reference
                .key(Kind::Gate, &self.pinned.plan.namespace)
                .qualified(),
        )
    }

    /// Whether an actor may decide: anybody, unless reviewers are named.
    pub fn may_review(&self, gate: &str, actor: &str) -> bool {
        let approvals = &self.turn.world.config.approvals;
        self.pins.gate(gate).is_some_and(|(spec, _)| {
            spec.reviewers.is_empty()
                || spec
                    .reviewers
                    .iter()
                    .any(|entry| approvals.is_reviewer(entry, actor))
        })
    }

    /// Add what a reviewer did.
    pub fn add_review(&mut self, id: &str, review: GateReview) {
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            let decision = status.extensions.decision.get_or_insert_default();
            decision.reviews.push(review);
            forget_what_decides_nothing(&mut decision.reviews);
        }
    }

    /// It is a gate node's turn: wait for the decision, or take it.
    pub fn advance_gate(&mut self, id: &str) {
        let Some(gate) = self.gate_of(id) else {
            return;
        };
        let Some((spec, _)) = self.pins.gate(&gate) else {
            let why = format!("gate `{gate}` is not pinned");
            return self.block(id, "GateNotFound", why);
        };
        let spec = spec.clone();
        if let Err(why) = self.check_target(&spec, id) {
            return self.block(id, "GateTargetMismatch", why);
        }
        let digest = self.gate_digest(&gate);
        let mut decision = self.status_of(id).extensions.decision.unwrap_or_default();
        if decision.digest != digest {
            decision = Decision {
                gate: gate.clone(),
                digest,
                outcome: None,
                decided: None,
                reviews: decision.reviews,
            };
        }
        let verdict = self.count(&gate, &decision);
        let wanted = spec.required_approvers as usize;
        let outcome = if verdict.rejected_by.is_some() {
            Some(Outcome::Rejected)
        } else if verdict.approved_by.len() >= wanted {
            Some(Outcome::Approved)
        } else {
            None
        };
        decision.outcome = outcome;
        decision.decided = outcome.map(|_| self.now());
        self.set_decision(id, decision);
        let approvers: Vec<&str> = verdict.approved_by.iter().map(String::as_str).collect();
        // Every gate waits before it is decided, also when both happen in one turn.
        let reviewers = match spec.reviewers.is_empty() {
            true => "anybody".to_owned(),
            false => spec.reviewers.join(", "),
        };
        let by = match approvers.as_slice() {
            [] => String::new(),
            some => format!(" by {}", list(some)),
        };
        let message = format!(
            "{} of {wanted} approvals{by}; reviewers: {reviewers}",
            approvers.len()
        );
        self.block(id, AWAITING_APPROVAL, message);
        match outcome {
            Some(Outcome::Rejected) => {
                let who = verdict.rejected_by.unwrap_or_default();
                self.move_node(
                    id,
                    NodeEvent::Fail,
                    "Rejected",
                    format!("rejected by {who}"),
                );
            }
            Some(Outcome::Approved) => {
                let who = format!("approved by {}", list(&approvers));
                self.move_node(id, NodeEvent::Succeed, "Approved", who);
            }
            None if self.decision_due(id).is_some_and(|due| due <= self.now()) => {
                let why = "nobody decided in time".to_owned();
                self.move_node(id, NodeEvent::Fail, "TimedOut", why);
            }
            None => {}
        }
    }

    /// When a gate node that waits has waited for too long.
    pub fn decision_due(&self, id: &str) -> Option<Time> {
        let status = self.status.node_statuses.get(id)?;
        let waits = status.extensions.reason == AWAITING_APPROVAL;
        let timeout = self.node(id)?.timeout.as_ref().filter(|_| waits)?;
        Some(status.start_time? + timeout.delta())
    }

    fn set_decision(&mut self, id: &str, decision: Decision) {
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.decision = Some(decision);
        }
    }

    /// Count the decisions that were given for the current digest by those who may decide now: the
    /// newest of every reviewer, one voice per person, and a no wins.
    fn count(&self, gate: &str, decision: &Decision) -> Verdict {
        let approvals = &self.turn.world.config.approvals;
        let mut newest: BTreeMap<String, ReviewAction> = BTreeMap::new();
        for review in &decision.reviews {
            let counts = review.digest == decision.digest
                && review.action != ReviewAction::Comment
                && self.may_review(gate, &review.reviewer);
            if counts {
                newest.insert(approvals.person(&review.reviewer), review.action);
            }
        }
        let (approved, rejected): (Vec<_>, Vec<_>) = newest
            .into_iter()
            .partition(|(_, action)| *action == ReviewAction::Approve);
        Verdict {
            approved_by: approved.into_iter().map(|(person, _)| person).collect(),
            rejected_by: rejected.into_iter().map(|(person, _)| person).next(),
        }
    }

    /// `targetRef` restricts where a gate may be used.
    fn check_target(&self, spec: &GateSpec, id: &str) -> Result<(), String> {
        let target = &spec.target_ref;
        let gate_namespace = self
            .gate_of(id)
            .and_then(|gate| gate.split_once('/').map(|(ns, _)| ns.to_owned()))
            .unwrap_or_default();
        let namespace = target.namespace.clone().unwrap_or(gate_namespace);
        let (plan, me, goal) = (&self.pinned.plan, &self.me, &self.pinned.goal);
        let candidate = match target.kind {
            Kind::Plan => Some((&plan.namespace, &plan.name, &plan.uid)),
            Kind::Execution => Some((&me.namespace, &me.name, &me.uid)),
            Kind::Goal => goal.as_ref().map(|g| (&g.namespace, &g.name, &g.uid)),
            _ => None,
        };
        let is_target = candidate.is_some_and(|(its_namespace, name, uid)| {
            (its_namespace, name) == (&namespace, &target.name)
                && target.uid.as_ref().is_none_or(|wanted| wanted == uid)
        });
        let is_node = target.node_id.as_ref().is_none_or(|node| node == id);
        if is_target && is_node {
            return Ok(());
        }
        let node = target
            .node_id
            .as_ref()
            .map(|node| format!(", node `{node}`"))
            .unwrap_or_default();
        Err(format!(
            "its gate may only be used for {} `{namespace}/{}`{node}",
            target.kind, target.name
        ))
    }

    /// Approvals that were given for something else do not hold: a gate that stands before
    /// unfinished nodes is decided again when what it approved has changed.
    pub fn reopen_stale_gate(&mut self, index: usize) {
        let id = self.graph.id(index).to_owned();
        let status = self.status_of(&id);
        let (Some(decision), Some(gate)) = (&status.extensions.decision, self.gate_of(&id)) else {
            return;
        };
        if status.phase != NodePhase::Succeeded || decision.digest == self.gate_digest(&gate) {
            return;
        }
        let guards_something = self
            .graph
            .descendants(index)
            .into_iter()
            .any(|below| !self.phase_of(below).is_terminal());
        if guards_something {
            let why = "what was approved has changed".to_owned();
            self.move_node(&id, NodeEvent::Reopen, "ApprovalStale", why);
        }
    }
}

/// Make room: what decides is kept, which is the newest yes or no of every reviewer on every
/// digest.
fn forget_what_decides_nothing(reviews: &mut Vec<GateReview>) {
    let mut excess = reviews.len().saturating_sub(REVIEWS_KEPT);
    if excess == 0 {
        return;
    }
    let mut decided = BTreeSet::new();
    let decides: Vec<bool> = reviews
        .iter()
        .rev()
        .map(|review| {
            review.action != ReviewAction::Comment
                && decided.insert((review.reviewer.clone(), review.digest.clone()))
        })
        .collect();
    let mut decides = decides.into_iter().rev();
    reviews.retain(|_| {
        let keep = decides.next().unwrap_or(true) || excess == 0;
        excess -= usize::from(!keep);
        keep
    });
}

/// What the reviewers say together.
struct Verdict {
    approved_by: Vec<String>,
    rejected_by: Option<String>,
}
