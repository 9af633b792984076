//! Takes records in: each is applied once, or listed with the reason why it cannot be.

use super::Turn;
use super::active_run::{ActiveRun, list_unapplied};
use super::attestations::attest;
use crate::core::resource::{
    AWAITING_EXTERNAL, AWAITING_VERIFICATION, Artifact, CancelledBy, Claim, Duration,
    ExecutionStatus, GateReview, NodePhase, OUT_OF_SCOPE, OnBroken, ReportedBy, ReviewAction, Time,
    Unapplied,
};
use crate::core::run::machine::NodeEvent;
use crate::core::run::permit::{self, Objection, Refusal, misplaced, not_started};
use crate::core::run::record::{Action, Address, Incoming, Received, ReportResult, RequestKind};

/// Maximum number of artifacts of one execution that are kept.
const ARTIFACTS_KEPT: usize = 200;
/// The beginning of the message of a released node.
pub const RELEASED_BY: &str = "released by";

/// Records that a ref was read, and returns its new records. A ref without new records gives none;
/// a rewritten ref is reported once, and gives none either.
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
    // Review refs are deleted when a run is over, so after a retry they begin again. Reviews that were
    // counted before are known by their records, and were for another round.
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
        message: "the ref no longer contains the record that was taken in last".to_owned(),
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
        reason: refusal.reason.to_owned(),
        message: refusal.message,
        seen,
    }
}

/// Takes in records about an execution that has not started, is over, or has no readable plan: only
/// cancellations, and attestations of a started run, can be applied.
pub(super) fn fold_without_run(
    turn: &Turn<'_>,
    uid: &str,
    status: &mut ExecutionStatus,
    incoming: &[&Incoming],
) {
    for incoming in incoming {
        for received in receive(turn, incoming, status) {
            let verdict = check_run(turn, uid, incoming, received)
                .and_then(|()| fold_one_without_run(turn, incoming, received, status));
            if let Err(refusal) = verdict {
                let note = note(incoming, received, refusal, turn.world.now);
                list_unapplied(&mut status.extensions.unapplied, note);
            }
        }
    }
}

fn fold_one_without_run(
    turn: &Turn<'_>,
    incoming: &Incoming,
    received: &Received,
    status: &mut ExecutionStatus,
) -> Result<(), Refusal> {
    let action = &received.record.action;
    let is_request = matches!(action, Action::Request { .. });
    let is_placed = match incoming.address {
        Address::Attestation { .. } => return attest(turn, incoming, received, status),
        Address::Request { .. } => is_request,
        Address::Work { .. }
        | Address::Verification { .. }
        | Address::Review { .. }
        | Address::Answer { .. } => !is_request,
        Address::Repository { .. } => false,
    };
    if !is_placed {
        return Err(misplaced());
    }
    permit::may(action, &received.record.actor, &turn.permit(status))?;
    turn.check_signature(received)?;
    match action {
        Action::Request {
            request: RequestKind::Cancel,
            ..
        } => {
            cancel(received, status, turn.world.now);
            Ok(())
        }
        // Other requests need a run that can be worked on.
        Action::Request {
            request: RequestKind::Retry,
            ..
        }
        | Action::Claim { .. }
        | Action::Renewal { .. }
        | Action::Release { .. }
        | Action::Report { .. }
        | Action::Question { .. }
        | Action::Answer { .. }
        | Action::Verification { .. }
        | Action::Review { .. }
        | Action::Attestation { .. }
        | Action::Archive { .. } => Err(not_started()),
    }
}

/// Checks that a record is for this run of this repository, and on one of its refs.
fn check_run(
    turn: &Turn<'_>,
    uid: &str,
    incoming: &Incoming,
    received: &Received,
) -> Result<(), Refusal> {
    let record = &received.record;
    if record.repository != turn.world.repository_id {
        return Err(permit::of_another_repository(record));
    }
    let Some(run) = &record.execution else {
        return Err(misplaced());
    };
    let mine = run.namespace == turn.key.namespace && run.name == turn.key.name && run.uid == uid;
    if !mine {
        let why = format!("it was made for {}/{} {}", run.namespace, run.name, run.uid);
        return Err(Refusal::new(Objection::Conflict, "OtherRun", why));
    }
    // The ref is the lock: the same attempt under another name is not locked.
    let is_placed = match &incoming.address {
        Address::Work { run: of_ref, .. }
        | Address::Verification { run: of_ref, .. }
        | Address::Attestation { run: of_ref, .. }
        | Address::Answer { run: of_ref, .. }
        | Address::Request { run: of_ref, .. } => of_ref == run,
        Address::Review { uid, .. } => *uid == run.uid,
        Address::Repository { .. } => false,
    };
    if !is_placed {
        return Err(misplaced());
    }
    if received.is_foreign {
        return Err(permit::of_another_status(record));
    }
    Ok(())
}

fn cancel(received: &Received, status: &mut ExecutionStatus, now: Time) {
    let comment = match &received.record.action {
        Action::Request { comment, .. } if !comment.is_empty() => Some(comment.clone()),
        _ => None,
    };
    // A second request changes nothing.
    let by = &mut status.extensions.cancelled_by;
    by.get_or_insert_with(|| CancelledBy {
        actor: Some(received.record.actor.clone()),
        comment,
        record: Some(received.id.clone()),
        signed: received.signed().cloned(),
        timestamp: Some(now),
    });
}

/// Whether a new record requests a retry of a failed run.
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

impl ActiveRun<'_> {
    /// Takes in all new records, in order.
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

    /// Whether a review was counted or listed before: after a retry, reviews are read again.
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
        let (action, actor) = (&received.record.action, &received.record.actor);
        match &incoming.address {
            Address::Work { node, attempt, .. } => {
                let is_placed = action.work() == Some((node, *attempt));
                if is_placed {
                    self.work(node, received)
                } else {
                    Err(misplaced())
                }
            }
            Address::Verification { run, .. } => {
                let (node, attempt) = action.verified().ok_or_else(misplaced)?;
                if incoming.address.first_place()
                    != Address::verification(run.clone(), node, attempt, actor)
                {
                    return Err(misplaced());
                }
                let permit = permit::Circumstances {
                    key: received.signed().map(|by| by.key.as_str()),
                    ..self.permit(Some(node))
                };
                permit::may(action, actor, &permit)?;
                self.turn.check_signature(received)?;
                self.verify(node, received)
            }
            Address::Review { .. } => self.review(incoming, received),
            Address::Answer { .. } => self.take_answer(incoming, received),
            Address::Attestation { .. } => attest(self.turn, incoming, received, self.status),
            Address::Repository { .. } => Err(misplaced()),
            Address::Request { .. } => {
                let Action::Request { request, .. } = action else {
                    return Err(misplaced());
                };
                permit::may(action, actor, &self.permit(None))?;
                self.turn.check_signature(received)?;
                match request {
                    RequestKind::Retry => self.retry(received),
                    RequestKind::Cancel => {
                        cancel(received, self.status, self.turn.world.now);
                        Ok(())
                    }
                }
            }
        }
    }

    fn work(&mut self, id: &str, received: &Received) -> Result<(), Refusal> {
        let (action, actor) = (&received.record.action, &received.record.actor);
        let permit = permit::Circumstances {
            session: received.record.session.as_deref(),
            ..self.permit(Some(id))
        };
        if let Err(refusal) = permit::may(action, actor, &permit) {
            if matches!(refusal.reason, "NotAPerson" | "NotBound" | "Overlaps") {
                // The ref of this attempt exists, and must not lock anything.
                self.open_next_attempt(id);
            }
            return Err(refusal);
        }
        if let Err(refusal) = self.turn.check_signature(received) {
            self.leave_forged_attempt(id, actor);
            return Err(refusal);
        }
        match action {
            Action::Claim {
                lease,
                adopts,
                done_before,
                ..
            } => {
                self.claim(id, received, (lease.as_ref(), *adopts, *done_before));
            }
            // While a question is open, renewals have no effect.
            Action::Renewal { .. } if self.status_of(id).awaits_answer() => {}
            Action::Renewal { lease, .. } => {
                let expires = self.lease_end(id, lease.as_ref());
                if let Some(claim) = self.claim_of(id) {
                    claim.expires = expires;
                }
            }
            Action::Release { message, .. } => {
                let why = match message.as_str() {
                    "" => format!("{RELEASED_BY} {actor}"),
                    message => format!("{RELEASED_BY} {actor}: {message}"),
                };
                self.requeue(id, "Released", why);
                if let Some(status) = self.status.node_statuses.get_mut(id) {
                    // It may have been reported, but not verified yet.
                    status.outputs.clear();
                    status.extensions.report = None;
                    status.extensions.verification = None;
                }
            }
            Action::Report { .. } => {
                self.wait_no_more(id);
                self.report(id, received);
            }
            Action::Question { question, .. } => self.take_question(id, received, question),
            // Records about something else than work have other refs.
            Action::Verification { .. }
            | Action::Answer { .. }
            | Action::Review { .. }
            | Action::Attestation { .. }
            | Action::Request { .. }
            | Action::Archive { .. } => return Err(misplaced()),
        }
        Ok(())
    }

    /// If another actor has put a forged record on the ref of a held attempt, no further records are read there: the
    /// next attempt is opened, in which the holder can report the work.
    fn leave_forged_attempt(&mut self, id: &str, actor: &str) {
        let status = self.status_of(id);
        let attempt = status.attempt;
        let message =
            format!("the ref of attempt {attempt} has something that {actor} did not sign");
        let is_in_hands = status.is_in_hands();
        match (status.phase, status.extensions.claim) {
            (_, claim) if is_in_hands => {
                self.requeue(id, "RefSpoiled", message);
                if let Some(status) = self.status.node_statuses.get_mut(id) {
                    status.extensions.lapsed = claim;
                }
            }
            (NodePhase::Blocked, _) if status.extensions.reason == AWAITING_EXTERNAL => {
                self.open_next_attempt(id);
            }
            _ => {}
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

    fn claim(
        &mut self,
        id: &str,
        received: &Received,
        (lease, adopts, done_before): (Option<&Duration>, Option<u32>, bool),
    ) {
        let actor = received.record.actor.clone();
        let expires = self.lease_end(id, lease);
        let message = match adopts {
            None if done_before => format!("claimed by {actor}, for what was done before"),
            None => format!("claimed by {actor}"),
            Some(before) => format!("claimed by {actor}, for what was done in attempt {before}"),
        };
        self.move_node(id, NodeEvent::Claim, "Claimed", message);
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.not_before = None;
            status.extensions.lapsed = None;
            status.extensions.stopped = None;
            status.extensions.claim = Some(Claim {
                actor,
                record: received.id.clone(),
                session: received.record.session.clone(),
                expires,
                done_before,
            });
        }
    }

    /// When a lease that is first seen now ends: people have none, and the configuration sets the
    /// maximum.
    pub(super) fn lease_end(&self, id: &str, asked: Option<&Duration>) -> Option<Time> {
        let node = self.status.node_statuses.get(id)?;
        let lease = self.turn.world.config.lease_of(node, asked)?;
        Some(self.now() + lease)
    }

    fn report(&mut self, id: &str, received: &Received) {
        let Action::Report {
            result,
            outputs,
            message,
            commit,
            artifacts,
            ..
        } = &received.record.action
        else {
            return;
        };
        let actor = &received.record.actor;
        let was = self.status_of(id);
        let is_repeated = was.is_reported();
        let mut spoken = was.extensions;
        self.keep_artifacts(id, artifacts);
        let done_before = self.was_done_before(id);
        let before = if done_before { "done before, " } else { "" };
        let what = match message.as_str() {
            "" => format!("{before}reported by {actor}"),
            message => format!("{before}reported by {actor}: {message}"),
        };
        match result {
            ReportResult::Succeeded => self.settle_report(id, received, commit.as_deref(), what),
            ReportResult::Failed => self.fail_attempt(id, "Reported", what),
        }
        let is_awaited = self.status_of(id).is_reported();
        let Some(status) = self.status.node_statuses.get_mut(id) else {
            return;
        };
        // The holder may still replace the commit, or release the node.
        let (session, claim) = match (spoken.claim.take(), spoken.report.take()) {
            // Work from before the run had no holder.
            _ if done_before || !is_awaited => (None, None),
            (Some(claim), _) => (claim.session, Some(claim.record)),
            (None, Some(before)) if is_repeated => (before.session, before.claim),
            (None, _) => (received.record.session.clone(), None),
        };
        status.outputs = outputs.clone();
        status.extensions.verification = None;
        status.extensions.report = Some(ReportedBy {
            actor: actor.clone(),
            record: received.id.clone(),
            commit: commit.clone(),
            session,
            claim,
            done_before,
            signed: received.signed().cloned(),
            timestamp: Some(self.turn.world.now),
        });
    }

    /// Applies a report of success: it may be out of scope, or need verification.
    fn settle_report(&mut self, id: &str, received: &Received, commit: Option<&str>, what: String) {
        match self.excess_of(commit) {
            None => self.count_report(id, what),
            Some((OnBroken::Notify, why)) => self.count_report(id, format!("{what}; {why}")),
            Some((OnBroken::Fail, why)) => {
                self.fail_attempt(id, OUT_OF_SCOPE, format!("{what}; {why}"));
            }
            Some((OnBroken::Pause, why)) => {
                self.keep_question(id, received, &format!("{why}: is that meant?"));
                self.block(id, OUT_OF_SCOPE, format!("{what}; {why}"));
            }
        }
    }

    /// Completes a reported task, once its acceptance criteria are verified.
    pub(super) fn count_report(&mut self, id: &str, what: String) {
        if self.must_be_verified(id) {
            let what = format!("{what}; its acceptance criteria are not checked yet");
            self.block(id, AWAITING_VERIFICATION, what);
        } else {
            self.move_node(id, NodeEvent::Succeed, "Reported", what);
        }
    }

    /// Whether the work was done before the run, according to the claim or to the report that is replaced.
    fn was_done_before(&self, id: &str) -> bool {
        let Some(status) = self.status.node_statuses.get(id) else {
            return false;
        };
        let report = status.extensions.report.as_ref();
        let report = report.filter(|_| status.is_reported());
        match &status.extensions.claim {
            Some(claim) => claim.done_before,
            None => report.is_some_and(|report| report.done_before),
        }
    }

    /// Keeps the artifacts of a report, with their attempt; the oldest are dropped.
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
        let (namespace, name) = gate.split_once('/').ok_or_else(misplaced)?;
        if incoming.address.first_place()
            != Address::review(namespace, name, incoming.address.uid(), actor)
        {
            return Err(misplaced());
        }
        if *action == ReviewAction::Approve {
            self.find_authors()?;
        }
        let permit = permit::Circumstances {
            key: received.signed().map(|by| by.key.as_str()),
            ..self.permit(Some(id))
        };
        permit::may(&received.record.action, actor, &permit)?;
        self.turn.check_signature(received)?;
        let review = GateReview {
            reviewer: actor.clone(),
            action: *action,
            timestamp: self.now(),
            comment: (!comment.is_empty()).then(|| comment.clone()),
            record: received.id.clone(),
            digest: digest.clone(),
            signed: received.signed().cloned(),
        };
        self.add_review(id, review);
        Ok(())
    }
}
