//! Folding records in: each is applied once, or listed with the reason why it cannot be.

use super::Turn;
use super::attestations::attest;
use super::run::{Run, list_unapplied};
use crate::core::plan::data;
use crate::core::repository::config::is_person;
use crate::core::resource::{
    AWAITING_APPROVAL, AWAITING_EXTERNAL, AWAITING_VERIFICATION, Artifact, CancelledBy, Claim,
    Duration, ExecutionStatus, ExternalRef, GateReview, Kind, Node, NodePhase, ObjectRef,
    ReportedBy, ReviewAction, Time, Unapplied,
};
use crate::core::run::machine::NodeEvent;
use crate::core::run::record::{
    Action, Address, Incoming, MAX_ARTIFACTS, Received, ReportResult, RequestKind, Signature,
    ref_safe,
};

/// Most artifacts to keep of one execution.
const ARTIFACTS_KEPT: usize = 200;

/// Reason and sentence: why a record cannot be applied.
pub(super) type Refusal = (&'static str, String);

/// Note that a ref has been read, and hand out its records. What was folded in before gives
/// nothing; a rewritten ref is listed once and gives nothing either.
fn receive<'a>(
    turn: &Turn<'a>,
    incoming: &'a Incoming,
    status: &mut ExecutionStatus,
) -> &'a [Received] {
    let ref_name = incoming.address.to_string();
    let records = &mut status.extensions.records;
    let last = records.insert(ref_name.clone(), incoming.tip.clone());
    if last.as_ref() == Some(&incoming.tip) {
        return &[];
    }
    // The refs of reviews go when a run is over: who decides after a retry begins anew. What was
    // counted before is known by its record, and was given for another round.
    let is_review = matches!(incoming.address, Address::Review { .. });
    let may_begin_anew = is_review && !status.extensions.retried_by.is_empty();
    if !incoming.rewritten || may_begin_anew {
        return &incoming.records;
    }
    let note = Unapplied {
        record: incoming.tip.clone(),
        ref_name,
        actor: String::new(),
        action: "rewrite".to_owned(),
        reason: "RefRewritten".to_owned(),
        message: "the ref no longer contains the record that was folded in last".to_owned(),
        seen: turn.world.now,
    };
    list_unapplied(&mut status.extensions.unapplied, note);
    &[]
}

fn note(incoming: &Incoming, received: &Received, refusal: Refusal, seen: Time) -> Unapplied {
    Unapplied {
        record: received.id.clone(),
        ref_name: incoming.address.to_string(),
        actor: received.record.actor.clone(),
        action: received.record.action.word().to_owned(),
        reason: refusal.0.to_owned(),
        message: refusal.1,
        seen,
    }
}

/// Fold in records about an execution that has not started, is over, or cannot be judged: only a
/// request to stop it can be applied, and what is attested of a run that was started.
pub(super) fn fold_without_run(
    turn: &Turn<'_>,
    uid: &str,
    status: &mut ExecutionStatus,
    incoming: &[&Incoming],
) {
    for incoming in incoming {
        for received in receive(turn, incoming, status) {
            let over = status.phase.is_terminal();
            let verdict = check_run(turn, uid, incoming, received).and_then(|()| {
                match (&incoming.address, &received.record.action) {
                    (Address::Attestation { .. }, _) if status.extensions.pinned.is_some() => {
                        attest(turn, incoming, received, status)
                    }
                    _ if over => Err(run_over()),
                    (Address::Request { .. }, Action::Request { request, .. })
                        if *request == RequestKind::Cancel =>
                    {
                        cancel(received, status);
                        Ok(())
                    }
                    (Address::Request { .. }, Action::Request { .. }) => Err(not_started()),
                    (Address::Request { .. }, _) | (_, Action::Request { .. }) => Err(misplaced()),
                    _ => Err(not_started()),
                }
            });
            if let Err(refusal) = verdict {
                let note = note(incoming, received, refusal, turn.world.now);
                list_unapplied(&mut status.extensions.unapplied, note);
            }
        }
    }
}

/// Whether a record was made for this run of this repository, and stands on a ref of this run.
fn check_run(
    turn: &Turn<'_>,
    uid: &str,
    incoming: &Incoming,
    received: &Received,
) -> Result<(), Refusal> {
    let record = &received.record;
    if record.repository != turn.world.repository_id {
        return Err((
            "OtherRepository",
            format!("it was made for repository {}", record.repository),
        ));
    }
    let run = &record.execution;
    let mine = run.namespace == turn.key.namespace && run.name == turn.key.name && run.uid == uid;
    if !mine {
        return Err((
            "OtherRun",
            format!("it was made for {}/{} {}", run.namespace, run.name, run.uid),
        ));
    }
    // The ref is the lock: the same attempt under another name is no lock.
    match &incoming.address {
        Address::Work { run: of_ref, .. }
        | Address::Verification { run: of_ref, .. }
        | Address::Attestation { run: of_ref, .. }
        | Address::Request { run: of_ref, .. }
            if of_ref != run =>
        {
            Err(misplaced())
        }
        _ => Ok(()),
    }
}

fn cancel(received: &Received, status: &mut ExecutionStatus) {
    let comment = match &received.record.action {
        Action::Request { comment, .. } if !comment.is_empty() => Some(comment.clone()),
        _ => None,
    };
    // A second request changes nothing: the first one is on record.
    let by = &mut status.extensions.cancelled_by;
    by.get_or_insert_with(|| CancelledBy {
        actor: Some(received.record.actor.clone()),
        comment,
        record: Some(received.id.clone()),
    });
}

/// Whether somebody asks to open a run again that has failed.
pub(super) fn asks_for_retry(turn: &Turn<'_>, status: &ExecutionStatus) -> bool {
    let folded_in = &status.extensions.records;
    let is_new =
        |incoming: &&&Incoming| folded_in.get(&incoming.address.to_string()) != Some(&incoming.tip);
    let records = turn.incoming.iter().filter(is_new).flat_map(|i| &i.records);
    let mut actions = records.map(|received| &received.record.action);
    actions.any(|action| match action {
        Action::Request { request, .. } => *request == RequestKind::Retry,
        _ => false,
    })
}

impl Run<'_> {
    /// Fold in everything that is new, in order.
    pub fn fold_records(&mut self) {
        let turn = self.turn;
        for incoming in turn.incoming {
            for received in receive(turn, incoming, self.status) {
                if self.knows(incoming, received) {
                    continue;
                }
                if let Err(refusal) = self.apply(incoming, received) {
                    let note = note(incoming, received, refusal, turn.world.now);
                    self.refuse(note);
                }
            }
        }
    }

    /// Whether a review was counted or listed before: after a retry they are read again.
    fn knows(&self, incoming: &Incoming, received: &Received) -> bool {
        let is_review = matches!(received.record.action, Action::Review { .. });
        if !is_review || self.status.extensions.retried_by.is_empty() {
            return false;
        }
        let ref_name = incoming.address.to_string();
        let decisions = self.status.node_statuses.values();
        let decisions = decisions.filter_map(|node| node.extensions.decision.as_ref());
        let mut reviews = decisions.flat_map(|decision| &decision.reviews);
        let mut listed = self.status.extensions.unapplied.iter();
        reviews.any(|review| review.record == received.id)
            || listed.any(|note| (&note.record, &note.ref_name) == (&received.id, &ref_name))
    }

    fn apply(&mut self, incoming: &Incoming, received: &Received) -> Result<(), Refusal> {
        check_run(self.turn, &self.me.uid, incoming, received)?;
        let action = &received.record.action;
        if let (Address::Request { .. }, Action::Request { request, .. }) =
            (&incoming.address, action)
        {
            return match request {
                _ if self.status.extensions.cancelled_by.is_some() => Err(run_over()),
                RequestKind::Retry => self.retry(received),
                RequestKind::Cancel if self.status.phase.is_terminal() => Err(run_over()),
                RequestKind::Cancel => {
                    cancel(received, self.status);
                    Ok(())
                }
            };
        }
        if let Address::Attestation { .. } = &incoming.address {
            return attest(self.turn, incoming, received, self.status);
        }
        if self.status.phase.is_terminal() {
            return Err(run_over());
        }
        match (&incoming.address, action) {
            (
                Address::Verification {
                    node,
                    attempt,
                    actor,
                    ..
                },
                Action::Verification {
                    node: said_node,
                    attempt: said_attempt,
                    ..
                },
            ) => {
                let is_theirs = ref_safe(&received.record.actor) == *actor;
                match (node, attempt) == (said_node, said_attempt) && is_theirs {
                    true => self.verify(node, *attempt, received),
                    false => Err(misplaced()),
                }
            }
            (Address::Review { .. }, Action::Review { .. }) => self.review(incoming, received),
            (Address::Work { node, attempt, .. }, action) => {
                let (said_node, said_attempt) = match action {
                    Action::Claim { node, attempt, .. }
                    | Action::Renewal { node, attempt, .. }
                    | Action::Release { node, attempt, .. }
                    | Action::Report { node, attempt, .. } => (node, attempt),
                    _ => return Err(misplaced()),
                };
                if (node, attempt) != (said_node, said_attempt) {
                    return Err(misplaced());
                }
                self.work(node, *attempt, received)
            }
            _ => Err(misplaced()),
        }
    }

    fn work(&mut self, id: &str, attempt: u32, received: &Received) -> Result<(), Refusal> {
        let Some(status) = self.status.node_statuses.get(id) else {
            return Err(("UnknownNode", format!("the plan has no node `{id}`")));
        };
        if attempt < status.attempt {
            return Err((
                "OldAttempt",
                format!(
                    "attempt {attempt} is over, attempt {} is open",
                    status.attempt
                ),
            ));
        }
        if status.phase.is_terminal() {
            return Err(("NodeOver", format!("`{id}` is {}", status.phase)));
        }
        if attempt > status.attempt {
            return Err(("NotOpen", format!("attempt {attempt} is not open")));
        }
        let actor = &received.record.actor;
        let action = &received.record.action;
        // What happens outside is nobody's to claim, and anybody's to report.
        let is_outside = status.phase == NodePhase::Blocked
            && status.extensions.reason == AWAITING_EXTERNAL
            && self.node(id).is_some_and(is_reported);
        if is_outside && matches!(action, Action::Report { .. }) {
            return self.report(id, received);
        }
        if let Action::Claim { lease, .. } = action {
            if let Some(claim) = &status.extensions.claim {
                return Err(("Claimed", format!("`{id}` is claimed by {}", claim.actor)));
            }
            if !status.is_claimable() {
                return Err(("NotReady", format!("`{id}` cannot be claimed yet")));
            }
            if status.is_for_people() && !is_person(actor) {
                // The ref of this attempt is taken, and must be nobody's lock.
                self.open_next_attempt(id);
                return Err((
                    "NotAPerson",
                    format!("`{id}` is for a person, {actor} is none"),
                ));
            }
            self.claim(id, received, lease.as_ref());
            return Ok(());
        }
        match &status.extensions.claim {
            None => return Err(("NotClaimed", format!("nobody has claimed `{id}`"))),
            Some(claim) if claim.actor != *actor => {
                return Err((
                    "WrongActor",
                    format!("`{id}` is claimed by {}", claim.actor),
                ));
            }
            Some(_) => {}
        }
        match action {
            Action::Renewal { lease, .. } => {
                let expires = self.lease_end(id, lease.as_ref());
                if let Some(claim) = self.claim_of(id) {
                    claim.expires = expires;
                }
                Ok(())
            }
            Action::Release { message, .. } => {
                let why = match message.as_str() {
                    "" => format!("released by {actor}"),
                    message => format!("released by {actor}: {message}"),
                };
                self.requeue(id, "Released", why);
                Ok(())
            }
            _ => self.report(id, received),
        }
    }

    fn claim_of(&mut self, id: &str) -> Option<&mut Claim> {
        self.status
            .node_statuses
            .get_mut(id)?
            .extensions
            .claim
            .as_mut()
    }

    fn claim(&mut self, id: &str, received: &Received, lease: Option<&Duration>) {
        let actor = received.record.actor.clone();
        let expires = self.lease_end(id, lease);
        let message = format!("claimed by {actor}");
        self.move_node(id, NodeEvent::Claim, "Claimed", message);
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.not_before = None;
            status.extensions.claim = Some(Claim {
                actor,
                record: received.id.clone(),
                expires,
            });
        }
    }

    /// When a lease that is first seen now ends: people have none; nobody has more than the
    /// configuration allows.
    fn lease_end(&self, id: &str, asked: Option<&Duration>) -> Option<Time> {
        if self.status.node_statuses.get(id)?.is_for_people() {
            return None;
        }
        let longest = self.turn.world.config.lease.delta();
        let lease = asked.map_or(longest, |asked| asked.delta().min(longest));
        Some(self.now() + lease)
    }

    fn report(&mut self, id: &str, received: &Received) -> Result<(), Refusal> {
        let Action::Report {
            result,
            outputs,
            message,
            commit,
            artifacts,
            ..
        } = &received.record.action
        else {
            return Err(misplaced());
        };
        let actor = &received.record.actor;
        if artifacts.len() > MAX_ARTIFACTS {
            let why = format!("{} artifacts, {MAX_ARTIFACTS} are allowed", artifacts.len());
            return Err(("TooManyArtifacts", why));
        }
        if *result == ReportResult::Succeeded
            && let Some(node) = self.node(id)
        {
            data::check_outputs(node, &self.capabilities_of(node), outputs)?;
        }
        self.keep_artifacts(id, artifacts);
        let what = match message.as_str() {
            "" => format!("reported by {actor}"),
            message => format!("reported by {actor}: {message}"),
        };
        match result {
            ReportResult::Succeeded if self.must_be_verified(id) => {
                let what = format!("{what}; its acceptance criteria are not checked yet");
                self.block(id, AWAITING_VERIFICATION, what);
            }
            ReportResult::Succeeded => {
                self.move_node(id, NodeEvent::Succeed, "Reported", what);
            }
            ReportResult::Failed => self.fail_attempt(id, "Reported", what),
        }
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.outputs = outputs.clone();
            status.extensions.verification = None;
            status.extensions.report = Some(ReportedBy {
                actor: actor.clone(),
                record: received.id.clone(),
                commit: commit.clone(),
            });
        }
        Ok(())
    }

    /// Keep what a report left, with the attempt that it is from; the oldest make room.
    fn keep_artifacts(&mut self, id: &str, artifacts: &[Artifact]) {
        let attempt = self.status_of(id).attempt;
        let kept = &mut self.status.artifacts;
        kept.extend(artifacts.iter().cloned().map(|mut artifact| {
            artifact.metadata.insert("node".to_owned(), id.into());
            artifact
                .metadata
                .insert("attempt".to_owned(), attempt.into());
            artifact
        }));
        let excess = kept.len().saturating_sub(ARTIFACTS_KEPT);
        kept.drain(..excess);
    }

    fn review(&mut self, incoming: &Incoming, received: &Received) -> Result<(), Refusal> {
        let Address::Review {
            namespace,
            gate: gate_name,
            reviewer: reviewer_part,
            ..
        } = &incoming.address
        else {
            return Err(misplaced());
        };
        let Action::Review {
            node: id,
            gate,
            digest,
            decision: action,
            comment,
            ..
        } = &received.record.action
        else {
            return Err(misplaced());
        };
        let actor = &received.record.actor;
        if ref_safe(actor) != *reviewer_part || *gate != format!("{namespace}/{gate_name}") {
            return Err(misplaced());
        }
        let of_node = |reference: &ObjectRef| {
            reference
                .key(Kind::Gate, &self.pinned.plan.namespace)
                .qualified()
        };
        let node_gate = self
            .node(id)
            .and_then(|node| node.gate_ref.as_ref())
            .map(of_node);
        if node_gate.as_ref() != Some(gate) {
            return Err((
                "UnknownNode",
                format!("the plan has no node `{id}` with gate `{gate}`"),
            ));
        }
        let Some(status) = self.status.node_statuses.get(id) else {
            return Err(("UnknownNode", format!("the plan has no node `{id}`")));
        };
        if status.phase.is_terminal() {
            return Err(("Decided", format!("`{id}` is {}", status.phase)));
        }
        let waits =
            status.phase == NodePhase::Blocked && status.extensions.reason == AWAITING_APPROVAL;
        let current = status.extensions.decision.as_ref().map(|d| &d.digest);
        match current {
            Some(current) if waits && current == digest => {}
            Some(current) if waits => {
                return Err((
                    "OtherDigest",
                    format!(
                        "it was given for another plan, gate or targets ({digest}) than those that \
                         would run ({current})"
                    ),
                ));
            }
            _ => {
                return Err((
                    "NotWaiting",
                    format!("`{id}` does not wait for a decision yet"),
                ));
            }
        }
        if *action != ReviewAction::Comment && !self.may_review(gate, actor) {
            return Err((
                "NotAReviewer",
                match is_person(actor) {
                    true => format!("{actor} is not among the reviewers of gate `{gate}`"),
                    false => format!(
                        "{actor} is no person, and not named as a reviewer of gate `{gate}`"
                    ),
                },
            ));
        }
        if *action != ReviewAction::Comment {
            self.check_decision(actor, *action, &received.signature)?;
        }
        let review = GateReview {
            reviewer: actor.clone(),
            action: *action,
            timestamp: self.now(),
            comment: (!comment.is_empty()).then(|| comment.clone()),
            record: received.id.clone(),
            digest: digest.clone(),
            signed: match &received.signature {
                Signature::Good(by) => Some(by.clone()),
                _ => None,
            },
        };
        self.add_review(id, review);
        Ok(())
    }
}

/// Whether an External is reported, and not followed.
fn is_reported(node: &Node) -> bool {
    !matches!(node.external_ref, None | Some(ExternalRef::Resource { .. }))
}

fn not_started() -> Refusal {
    ("NotStarted", "the execution has not started yet".to_owned())
}

fn run_over() -> Refusal {
    ("RunOver", "the execution is over".to_owned())
}

pub(super) fn misplaced() -> Refusal {
    (
        "Misplaced",
        "what it says does not belong to the ref it stands on".to_owned(),
    )
}
