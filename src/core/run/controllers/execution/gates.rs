//! Gate nodes: a decision belongs to an execution, a node and a digest.

use std::collections::{BTreeMap, BTreeSet};

use super::active_run::{ActiveRun, list};
use crate::core::repository::config::{Deciding, nobody};
use crate::core::resource::{
    AUTHORS_UNKNOWN, AWAITING_APPROVAL, AWAITING_EXTERNAL, Decision, GateReview, GateSpec, Kind,
    NodePhase, Outcome, ReportedBy, ReviewAction, TargetKind, Time,
};
use crate::core::run::covered::{self, Covered};
use crate::core::run::machine::NodeEvent;
use crate::core::run::permit::{Circumstances, Objection, Refusal};

/// The version of the digest for new decisions.
const DIGEST_VERSION: u32 = 2;
/// Maximum number of reviews of one gate node that are kept, in addition to the deciding ones.
const REVIEWS_KEPT: usize = 200;

impl ActiveRun<'_> {
    /// The digest of what an approval at this gate node covers: see [`Covered`].
    pub fn gate_digest(&self, id: &str, gate: &str, decision: &Decision) -> String {
        let run = (&*self.status, &self.pinned);
        Covered::of(run, (&self.graph, &self.spec), (id, gate), decision).digest()
    }

    /// The direct predecessors of a node that a decision covers.
    fn before(&self, id: &str, version: u32) -> BTreeSet<usize> {
        covered::before((&self.graph, &self.spec), id, version)
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

    /// Pins the authors of the plan and its gates, once for the run.
    ///
    /// # Errors
    /// They are unknown.
    pub fn find_authors(&mut self) -> Result<(), Refusal> {
        if !self.turn.world.config.approvals.prevent_self_approval {
            return Ok(());
        }
        let Some(pinned) = self.status.extensions.pinned.as_mut() else {
            return Ok(());
        };
        if pinned.authors.is_some() {
            return Ok(());
        }
        let files = std::iter::once(&pinned.plan).chain(pinned.gates.values());
        let paths: BTreeSet<&String> = files.map(|pin| &pin.path).collect();
        let mut authors = BTreeSet::new();
        for path in paths {
            let of_file = (self.turn.world.authors)(&pinned.commit, path).map_err(|why| {
                let why = format!("who wrote {path}: {why}");
                Refusal::new(Objection::NotReady, AUTHORS_UNKNOWN, why)
            })?;
            authors.extend(of_file);
        }
        pinned.authors = Some(authors);
        Ok(())
    }

    /// Adds a review.
    pub fn add_review(&mut self, id: &str, review: GateReview) {
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            let decision = status.extensions.decision.get_or_insert_default();
            decision.reviews.push(review);
            forget_what_decides_nothing(&mut decision.reviews);
        }
    }

    /// Applies the decision of a gate node when its turn has come, or waits for it.
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
        if let Err(refusal) = self.find_authors() {
            return self.block(id, refusal.reason, refusal.message);
        }
        let decision = self.status_of(id).extensions.decision.unwrap_or_default();
        let mut decision = self.about_now(id, &gate, decision);
        let verdict = self.count(id, &gate, &decision);
        let outcome = verdict.outcome(spec.required_approvers as usize);
        decision.outcome = outcome;
        decision.decided = outcome.map(|_| self.now());
        decision.decided_by = outcome.map(|_| verdict.records.clone()).unwrap_or_default();
        let again = self.why_again(id, &decision);
        let again = again.map_or(String::new(), |why| format!("; {why}"));
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.decision = Some(decision);
        }
        // Every gate waits before it is decided, even if both happen at once.
        self.block(id, AWAITING_APPROVAL, verdict.progress(&spec) + &again);
        match outcome {
            Some(Outcome::Rejected) => {
                let why = format!("rejected by {}", verdict.rejected_by.unwrap_or_default());
                self.move_node(id, NodeEvent::Fail, "Rejected", why);
            }
            Some(Outcome::Approved) => {
                let who = format!("approved by {}", verdict.approvers());
                self.move_node(id, NodeEvent::Succeed, "Approved", who);
            }
            None if self.wait_due(id).is_some_and(|due| self.has_come(due)) => {
                let why = "nobody decided in time".to_owned();
                self.move_node(id, NodeEvent::Fail, "TimedOut", why);
            }
            None => {}
        }
    }

    /// The decision for the present digest: decisions for another one do not count.
    fn about_now(&self, id: &str, gate: &str, mut decision: Decision) -> Decision {
        if decision.digest.is_empty() {
            decision.digest_version = DIGEST_VERSION;
        }
        let digest = self.gate_digest(id, gate, &decision);
        if decision.digest == digest {
            return decision;
        }
        Decision {
            gate: gate.to_owned(),
            digest,
            outcome: None,
            decided: None,
            decided_by: BTreeSet::new(),
            ..decision
        }
    }

    /// The timeout of a node that waits for a decision or for something outside.
    pub fn wait_due(&self, id: &str) -> Option<Time> {
        let status = self.status.node_statuses.get(id)?;
        let waits = [AWAITING_APPROVAL, AWAITING_EXTERNAL].contains(&&*status.extensions.reason);
        let timeout = self.node(id)?.timeout.as_ref().filter(|_| waits)?;
        Some(status.start_time? + timeout.delta())
    }

    /// Counts the reviews for the current digest of those who may decide now: the newest of every
    /// reviewer, one vote per person and per key; a rejection takes precedence.
    fn count(&self, id: &str, gate: &str, decision: &Decision) -> Verdict {
        let approvals = &self.turn.world.config.approvals;
        let permit = self.permit(None);
        let work = permit.work_before(id);
        let mut newest: BTreeMap<String, &GateReview> = BTreeMap::new();
        for review in &decision.reviews {
            if review.digest == decision.digest && self.counts(gate, review, &work) {
                newest.insert(approvals.person(&review.reviewer), review);
            }
        }
        let (mut approved, rejected): (Vec<_>, Vec<_>) = newest
            .into_iter()
            .partition(|(_, review)| review.action == ReviewAction::Approve);
        let mut keys = BTreeSet::new();
        approved.retain(|(_, review)| match &review.signed {
            Some(by) => keys.insert(&by.key),
            None => true,
        });
        let deciding = if rejected.is_empty() {
            &approved
        } else {
            &rejected
        };
        Verdict {
            records: deciding.iter().map(|(_, r)| r.record.clone()).collect(),
            approved_by: approved.into_iter().map(|(person, _)| person).collect(),
            rejected_by: rejected.into_iter().map(|(person, _)| person).next(),
        }
    }

    /// Whether a review is an approval or rejection that counts, with the present configuration and keys.
    fn counts(&self, gate: &str, review: &GateReview, work: &[(String, &ReportedBy)]) -> bool {
        let (action, actor) = (review.action, &review.reviewer);
        let key = review.signed.as_ref().map(|by| by.key.as_str());
        let run = Circumstances {
            key,
            ..self.permit(None)
        };
        let is_yes = action == ReviewAction::Approve;
        action != ReviewAction::Comment
            && self.is_signed_still(review)
            && run.may_decide(gate, action, actor).is_ok()
            && (!is_yes || run.did_none_of(work, actor).is_ok())
    }

    /// Whether the key that signed a review is still listed, if signatures are required.
    fn is_signed_still(&self, review: &GateReview) -> bool {
        let world = self.turn.world;
        if !world
            .config
            .approvals
            .require_signed
            .covers(Deciding::Reviews)
        {
            return true;
        }
        let signed = review.signed.as_ref();
        signed.is_some_and(|by| (world.listed)(by, review.timestamp))
    }

    /// Why earlier approvals do not count.
    fn why_again(&self, id: &str, decision: &Decision) -> Option<String> {
        let is_yes = |review: &&GateReview| review.action == ReviewAction::Approve;
        let mut approvals = decision.reviews.iter().filter(is_yes);
        let fallen = approvals
            .clone()
            .filter(|one| one.digest != decision.digest);
        if let Some(last) = fallen.map(|one| one.timestamp).max() {
            let why = self.what_changed(id, decision, last);
            return Some(format!("{why}, earlier approvals do not count"));
        }
        let lost = approvals.find(|one| one.signed.is_some() && !self.is_signed_still(one))?;
        let whose = &lost.reviewer;
        Some(format!(
            "the spec branch does not list the key of {whose} any more, that approval does not count"
        ))
    }

    /// What has changed since the last approval. Plan and gate are pinned, so without a retry or another plan, only
    /// targets and reports can change.
    fn what_changed(&self, id: &str, decision: &Decision, last: Time) -> String {
        let retries = &self.status.extensions.retried_by;
        let was_replaced = retries
            .iter()
            .any(|retry| retry.plan.is_some() && retry.timestamp >= last);
        if was_replaced {
            return "the plan has changed".to_owned();
        }
        let before = self.before(id, decision.digest_version).into_iter();
        let names = before.map(|node| self.graph.id(node));
        let is_newer = |name: &&str| {
            let status = self.status.node_statuses.get(*name);
            let report = status.and_then(|status| status.extensions.report.as_ref());
            report.is_some_and(|report| report.timestamp.is_some_and(|time| time > last))
        };
        let newer: Vec<&str> = names.filter(is_newer).collect();
        match (newer.as_slice(), decision.round) {
            ([], 0) => "targets resolved again".to_owned(),
            ([], _) => "tried again".to_owned(),
            ([one], _) => format!("`{one}` was reported anew"),
            (several, _) => format!("{} were reported anew", list(several)),
        }
    }

    /// Checks that `targetRef` allows the gate here.
    fn check_target(&self, spec: &GateSpec, id: &str) -> Result<(), String> {
        let target = &spec.target_ref;
        let gate = self.gate_of(id).unwrap_or_default();
        let of_gate = gate.split_once('/').map_or("", |(namespace, _)| namespace);
        let namespace = target.namespace.as_deref().unwrap_or(of_gate);
        let (plan, me, goal) = (&self.pinned.plan, &self.me, &self.pinned.goal);
        let kind = match target.kind {
            TargetKind::Resource(kind) => Some(kind),
            // Any node may produce the artifact.
            TargetKind::Artifact(_) => None,
        };
        let candidate = match kind.unwrap_or(Kind::Gate) {
            Kind::Plan => Some((&plan.namespace, &plan.name, &plan.uid)),
            Kind::Execution => Some((&me.namespace, &me.name, &me.uid)),
            Kind::Goal => goal.as_ref().map(|g| (&g.namespace, &g.name, &g.uid)),
            _ => None,
        };
        let is_target = kind.is_none()
            || candidate.is_some_and(|(its_namespace, name, uid)| {
                (its_namespace.as_str(), name) == (namespace, &target.name)
                    && target.uid.as_ref().is_none_or(|wanted| wanted == uid)
            });
        let is_node = target.node_id.as_ref().is_none_or(|node| node == id);
        if is_target && is_node {
            return Ok(());
        }
        let node = target.node_id.as_ref();
        let node = node.map_or(String::new(), |node| format!(", node `{node}`"));
        Err(format!(
            "its gate may only be used for {} `{namespace}/{}`{node}",
            target.kind, target.name
        ))
    }

    /// Reopens a decided gate before open nodes if what it approved has changed: approvals hold only for
    /// what they cover.
    pub fn reopen_stale_gate(&mut self, index: usize) {
        let id = self.graph.id(index).to_owned();
        let status = self.status_of(&id);
        let (Some(decision), Some(gate)) = (&status.extensions.decision, self.gate_of(&id)) else {
            return;
        };
        if status.phase != NodePhase::Succeeded
            || decision.digest == self.gate_digest(&id, &gate, decision)
        {
            return;
        }
        let guards_something = self
            .graph
            .behind(&[index])
            .into_iter()
            .any(|below| !self.phase_of(below).is_terminal());
        if guards_something {
            let last = decision.reviews.iter().map(|review| review.timestamp).max();
            let what = last.map(|last| self.what_changed(&id, decision, last));
            let what = what.unwrap_or_else(|| "what was approved has changed".to_owned());
            let why = format!("{what}, earlier approvals do not count");
            self.move_node(&id, NodeEvent::Reopen, "ApprovalStale", why);
        }
    }
}

/// Drops reviews beyond the limit, but never deciding ones: the newest approval or rejection of every
/// reviewer for every digest.
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

/// The combined result of the reviews.
struct Verdict {
    approved_by: Vec<String>,
    rejected_by: Option<String>,
    /// The records of the approvals, or of the rejections.
    records: BTreeSet<String>,
}

impl Verdict {
    fn outcome(&self, wanted: usize) -> Option<Outcome> {
        match self.rejected_by {
            Some(_) => Some(Outcome::Rejected),
            None => (self.approved_by.len() >= wanted).then_some(Outcome::Approved),
        }
    }

    fn approvers(&self) -> String {
        list(
            &self
                .approved_by
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
    }

    /// The progress of a gate: `1 of 2 approvals by ana; reviewers: ana, ben`.
    fn progress(&self, gate: &GateSpec) -> String {
        let by = match self.approved_by.as_slice() {
            [] => String::new(),
            _ => format!(" by {}", self.approvers()),
        };
        let reviewers = match gate.reviewers.as_slice() {
            [] => "any person".to_owned(),
            some if some.iter().all(|entry| nobody(entry).is_some()) => {
                format!("nobody ({} matches nobody)", some.join(", "))
            }
            some => some.join(", "),
        };
        format!(
            "{} of {} approvals{by}; reviewers: {reviewers}",
            self.approved_by.len(),
            gate.required_approvers
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::core::base::digest;
    use crate::core::resource::{Decision, Kind, PinnedTarget, SignedBy, Status};
    use crate::core::run::record::{ReportResult, Signature};
    use crate::core::testing::{World, execution, gate, key, plan};

    /// A run that waits at a gate with these fields, with these `approvals`.
    fn waiting(fields: &str, approvals: &str) -> World {
        let nodes =
            "{id: ok, kind: Gate, gateRef: {name: g}}, {id: b, kind: Task, dependsOn: [ok]}";
        let mut world = World::of(&[plan("p", nodes), gate("g", "p", fields)]);
        world.configure(&format!("approvals: {{{approvals}}}\n"));
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        world
    }

    fn by(principal: &str, key: &str) -> Signature {
        Signature::Good(SignedBy {
            principal: principal.to_owned(),
            key: key.to_owned(),
        })
    }

    const LEAD: &str = "requireSigned: true, users: {lead: [ana@x.io, ana@home.io]}";

    /// A task whose report a gate decides on, after a group with another one.
    fn judged(approvals: &str) -> World {
        let nodes = "{id: a, kind: Task}, {id: c, kind: Task}, \
            {id: g, kind: Group, children: [c]}, \
            {id: ok, kind: Gate, gateRef: {name: g}, dependsOn: [a, g]}, \
            {id: b, kind: Task, dependsOn: [ok]}";
        let mut world = World::of(&[plan("p", nodes), gate("g", "p", "")]);
        world.configure(&format!("approvals: {{{approvals}}}\n"));
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        world
    }

    #[test]
    fn a_target_that_is_swapped_in_the_status_reopens_the_gate() {
        let mut world = waiting("", "");
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
        let tree = world.tree.as_mut().expect("a status");
        let run = tree
            .files
            .get_mut(&key(Kind::Execution, "run"))
            .expect("the run");
        let Status::Execution(run) = &mut run.status else {
            panic!("a run")
        };
        let target = PinnedTarget {
            provider: Some("agent://eve".to_owned()),
            config: None,
            binding: None,
        };
        let behind = run.node_statuses.get_mut("b").expect("a node");
        behind.extensions.target = Some(target);
        // A status that was edited by hand is only found in a full reconcile.
        world.configure("lease: 20m\n");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    }

    #[test]
    fn whoever_did_the_work_does_not_approve_it() {
        let table = [
            ("user:ben", "carl@x.io", "Succeeded Approved"),
            ("ana@x.io", "carl@x.io", "Blocked AwaitingApproval"),
            ("human://ana", "carl@x.io", "Blocked AwaitingApproval"),
            (" ana@home.io ", "carl@x.io", "Blocked AwaitingApproval"),
            ("carl@x.io", "ana@x.io", "Blocked AwaitingApproval"),
        ];
        for (worker, in_group, expected) in table {
            let mut world = judged(
                &format!("preventWorkerApproval: true, {LEAD}")
                    .replace("requireSigned: true, users: {lead:", "users: {ana:"),
            );
            for (node, actor) in [("a", worker), ("c", in_group)] {
                world.claim(node, actor);
                world.reconcile();
                world.succeed(node, actor);
                world.reconcile();
            }
            let approver = if expected.starts_with("Succeeded") {
                "ana@x.io"
            } else if in_group == "ana@x.io" {
                "user:ana"
            } else {
                "ana@home.io"
            };
            world.approve("ok", approver);
            world.reconcile();
            assert_eq!(world.stands("ok"), expected, "{worker} {in_group}");
            if expected.starts_with("Blocked") {
                assert_eq!(world.unapplied(), ["approve WorkerApproval"]);
                world.reject("ok", approver);
                world.reconcile();
                assert_eq!(world.stands("ok"), "Failed Rejected");
            }
        }
    }

    #[test]
    fn one_key_is_one_worker_and_approver_however_they_are_called() {
        let mut world = judged("requireSigned: [reviews, reports], preventWorkerApproval: true");
        for node in ["a", "c"] {
            world.signature = Signature::Unchecked;
            world.claim(node, "agent:coder");
            world.reconcile();
            world.signature = by("agent:coder", "K1");
            world.succeed(node, "agent:coder");
            world.reconcile();
        }
        world.signature = by("ana", "K1");
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(world.unapplied(), ["approve WorkerApproval"]);
        world.signature = by("ana", "K2");
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
    }

    #[test]
    fn a_key_that_is_not_listed_any_more_counts_at_no_gate_that_waits_and_reopens_none() {
        let mut world = waiting("requiredApprovers: 2", "requireSigned: [reviews]");
        world.signature = by("ana", "K1");
        world.approve("ok", "ana");
        world.reconcile();
        world.signature = by("ben", "K2");
        world.revoke("K1");
        world.approve("ok", "ben");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
        let message = world.node("ok").message;
        assert!(
            message.contains("1 of 2 approvals by user:ben"),
            "{message}"
        );
        assert!(
            message.contains("does not list the key of ana any more"),
            "{message}"
        );
        world.signature = by("ana", "K3");
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
        world.revoke("K2");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
    }

    #[test]
    fn an_approval_falls_when_what_it_was_given_for_is_reported_anew() {
        for node in ["a", "c"] {
            let mut world = judged("");
            world.complete("a");
            world.complete("c");
            world.approve("ok", "ana");
            world.reconcile();
            assert_eq!(world.stands("ok"), "Succeeded Approved");
            world.wait("1m");
            world.retry_again("eve", node);
            world.reconcile();
            world.complete(node);
            assert_eq!(world.stands("ok"), "Blocked AwaitingApproval", "{node}");
            let message = world.node("ok").message;
            let why = format!("`{node}` was reported anew, earlier approvals do not count");
            assert!(message.contains(&why), "{message}");
            assert_eq!(world.stands("b"), "Pending Waiting");
        }
    }

    #[test]
    fn a_decision_counts_when_a_key_of_its_actor_signed_it() {
        let bad = |reason| Signature::Bad(reason, "a sentence".to_owned());
        let table = [
            ("ana@x.io", by("ana@x.io", "k"), None),
            ("ana@x.io", by("ana@home.io", "k"), None),
            ("user:lead", by("ANA@x.io", "k"), None),
            ("ana@x.io", by("ben@x.io", "k"), Some("OtherSigner")),
            ("ana@x.io", bad("KeyExpired"), Some("KeyExpired")),
            ("ana@x.io", Signature::Unchecked, Some("Unsigned")),
            ("eve@x.io", by("eve@x.io", "k"), Some("NotAReviewer")),
        ];
        for (actor, signature, refused) in table {
            let case = format!("{actor} {signature:?}");
            for approves in [true, false] {
                let mut world = waiting("reviewers: ['user:lead']", LEAD);
                world.signature = signature.clone();
                let (word, phase) = if approves {
                    ("approve", "Succeeded Approved")
                } else {
                    ("reject", "Failed Rejected")
                };
                if approves {
                    world.approve("ok", actor)
                } else {
                    world.reject("ok", actor)
                }
                world.reconcile();
                match refused {
                    None => assert_eq!(world.stands("ok"), phase, "{case}"),
                    Some(reason) => {
                        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval", "{case}");
                        assert_eq!(world.unapplied(), [format!("{word} {reason}")], "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn who_signed_is_kept_with_the_review_and_shown_at_the_gate() {
        let mut world = waiting("", LEAD);
        world.signature = by("ana@x.io", "SHA256:x");
        world.approve("ok", "ana@x.io");
        world.reconcile();
        let signed = Some(SignedBy {
            principal: "ana@x.io".to_owned(),
            key: "SHA256:x".to_owned(),
        });
        let decision = world.node("ok").extensions.decision.expect("decided");
        assert_eq!(decision.reviews[0].signed, signed);
        assert_eq!(world.gate("g").review_history[0].extensions.signed, signed);
    }

    #[test]
    fn a_comment_needs_no_signature_and_is_kept() {
        let mut world = waiting("", LEAD);
        world.signature = Signature::Bad("Unsigned", String::new());
        world.comment("ok", "ben@x.io");
        world.reconcile();
        let decision = world.node("ok").extensions.decision.expect("waits");
        assert_eq!(decision.reviews.len(), 1);
        assert_eq!(decision.reviews[0].signed, None);
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
    }

    #[test]
    fn one_key_is_one_voice_whatever_names_it_is_listed_for() {
        let mut world = waiting("requiredApprovers: 2", "requireSigned: true");
        for name in ["ana@x.io", "zoe@x.io"] {
            world.signature = by(name, "the same");
            world.approve("ok", name);
            world.reconcile();
        }
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
        assert!(world.node("ok").message.starts_with("1 of 2 approvals"));
        world.signature = by("ben@x.io", "another");
        world.approve("ok", "ben@x.io");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
    }

    #[test]
    fn an_approval_from_before_signatures_were_required_counts_no_longer() {
        let mut world = waiting("requiredApprovers: 2", "");
        world.approve("ok", "ana@x.io");
        world.reconcile();
        world.configure("approvals: {requireSigned: true}\n");
        world.signature = by("ben@x.io", "k");
        world.approve("ok", "ben@x.io");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
        world.signature = by("ana@x.io", "l");
        world.approve("ok", "ana@x.io");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
    }

    fn authors(mails: &[&str]) -> Result<BTreeSet<String>, String> {
        Ok(mails.iter().map(|mail| (*mail).to_owned()).collect())
    }

    const SELF: &str = "preventSelfApproval: true, users: {lead: [ana@x.io, ana@home.io]}";

    #[test]
    fn authors_cannot_approve_under_any_of_their_names_and_may_reject() {
        for name in ["ana@x.io", "Ana@Home.io", "lead", "user:lead"] {
            let mut world = World::empty();
            world.authors = authors(&["ana@home.io"]);
            let nodes = "{id: ok, kind: Gate, gateRef: {name: g}}";
            world.configure(&format!("approvals: {{{SELF}}}\n"));
            let all = [
                plan("p", nodes),
                gate("g", "p", ""),
                execution("run", "p", ""),
            ];
            world.write("planspec/all.yaml", &all.concat());
            world.reconcile();
            world.approve("ok", name);
            world.reconcile();
            assert_eq!(world.unapplied(), ["approve SelfApproval"], "{name}");
            world.reject("ok", name);
            world.reconcile();
            assert_eq!(world.stands("ok"), "Failed Rejected", "{name}");
        }
    }

    #[test]
    fn authors_are_pinned_once_and_somebody_else_decides() {
        let mut world = waiting("", SELF);
        let pinned = |world: &World| world.run().extensions.pinned.clone().expect("runs").authors;
        assert_eq!(pinned(&world), Some(BTreeSet::new()));
        world.authors = authors(&["ben@x.io"]);
        world.approve("ok", "ben@x.io");
        world.reconcile();
        assert_eq!(pinned(&world), Some(BTreeSet::new()));
        assert_eq!(world.stands("ok"), "Succeeded Approved");
    }

    #[test]
    fn a_gate_waits_until_it_is_known_who_wrote_the_plan() {
        let mut world = waiting("", "");
        world.authors = Err("history ends here".to_owned());
        world.configure(&format!("approvals: {{{SELF}}}\n"));
        world.approve("ok", "ben@x.io");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AuthorsUnknown");
        assert!(world.node("ok").message.ends_with("history ends here"));
        assert_eq!(world.unapplied(), ["approve AuthorsUnknown"]);
        world.authors = authors(&["ana@x.io"]);
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
        world.approve("ok", "ben@x.io");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Succeeded Approved");
    }

    #[test]
    fn an_approval_of_an_author_from_before_it_was_prevented_counts_no_longer() {
        let mut world = waiting("requiredApprovers: 2", "");
        world.approve("ok", "ana@x.io");
        world.reconcile();
        world.authors = authors(&["ana@home.io"]);
        world.configure(&format!("approvals: {{{SELF}}}\n"));
        world.approve("ok", "ben@x.io");
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
        assert!(world.node("ok").message.starts_with("1 of 2 approvals"));
    }

    const STEPS: &str = "{id: a, kind: Task}, {id: ok, kind: Gate, gateRef: {name: g}, dependsOn: [a]}, \
                         {id: b, kind: Task, dependsOn: [ok]}, \
                         {id: end, kind: Gate, gateRef: {name: g}, dependsOn: [a]}";

    /// A run whose first task was reported with this output, so that both gates wait.
    fn reported(output: u32) -> World {
        let mut world = World::of(&[
            plan("p", STEPS),
            gate("g", "p", ""),
            execution("run", "p", ""),
        ]);
        world.claim("a", "agent:a");
        let outputs = serde_json::json!({"n": output});
        world.report("a", 1, "agent:a", ReportResult::Succeeded, outputs);
        world.reconcile();
        world
    }

    fn decision(world: &World, id: &str) -> Decision {
        world.node(id).extensions.decision.expect("asked")
    }

    #[test]
    fn what_is_approved_covers_what_was_reported_before_it() {
        let digests = [1, 2, 1].map(|output| decision(&reported(output), "ok").digest);
        assert_ne!(digests[0], digests[1]);
        assert_eq!(digests[0], digests[2]);
    }

    #[test]
    fn a_decision_is_judged_by_the_version_of_its_digest() {
        let mut world = reported(1);
        world.approve("ok", "ana");
        world.reconcile();
        let pinned = world.run().extensions.pinned.clone().expect("started");
        let nodes = world.run().node_statuses.clone();
        let targets: BTreeMap<&String, _> = nodes
            .iter()
            .map(|(id, node)| {
                let target = node.extensions.target.as_ref();
                (id, target.map(|target| (&target.provider, &target.config)))
            })
            .collect();
        let gate = Some(&pinned.gates["team/g"].digest);
        let first = digest::canonical(&(&pinned.plan.digest, gate, targets));
        // As written by a program that knew only the first digest.
        let tree = world.tree.as_mut().expect("a status");
        let run = tree
            .files
            .get_mut(&key(Kind::Execution, "run"))
            .expect("the run");
        let Status::Execution(run) = &mut run.status else {
            panic!("a run")
        };
        for id in ["ok", "end"] {
            let node = run.node_statuses.get_mut(id).expect("a node");
            let decision = node.extensions.decision.as_mut().expect("asked");
            decision.digest_version = 0;
            decision.digest.clone_from(&first);
            for review in &mut decision.reviews {
                review.digest.clone_from(&first);
            }
        }
        world.reconcile();
        assert_eq!(world.moved(), [] as [&str; 0]);
        assert_eq!(world.stands("ok"), "Succeeded Approved");
        assert_eq!(decision(&world, "end").digest, first);
        world.approve("end", "ana");
        world.reconcile();
        assert_eq!(world.stands("end"), "Succeeded Approved");
    }
}
