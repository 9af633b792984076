//! Decides whether an action on a run is allowed: before its record is sent, and again when it is taken in. Nothing
//! else decides this.

use crate::core::base::glob::may_overlap;
use crate::core::base::suggest::choices;
use crate::core::base::time::exact;
use crate::core::plan::data;
use crate::core::plan::graph::Graph;
use crate::core::repository::config::{Config, Who, Workers, is_person};
use crate::core::repository::definitions::Definitions;
use crate::core::resource::{
    AWAITING_APPROVAL, AWAITING_EXTERNAL, CapabilitySpec, Claim, ContractCriterion,
    CriterionResult, ExecutionPhase, ExecutionStatus, ExternalRef, Kind, Node, NodePhase,
    NodeStatus, ReportedBy, ReviewAction, TaskCriterion,
};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::record::{
    Action, MAX_ARTIFACTS, Received, Record, ReportResult, RequestKind, Signature,
};
use crate::core::run::reopen::Reopening;

/// The reasons why a signature does not count.
pub const OF_SIGNATURES: [&str; 12] = [
    "Unsigned",
    "SignatureInvalid",
    "SignatureUnsupported",
    "SignatureExpired",
    "UnknownKey",
    "OtherSigner",
    "KeyExpired",
    "KeyNotYetValid",
    "KeyRevoked",
    "NoSigners",
    "SignersUnreadable",
    "NoVerifier",
];

/// Why an action is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of objection.
    pub kind: Objection,
    /// One word for programs, as in a status.
    pub reason: &'static str,
    /// The message, a sentence without a full stop.
    pub message: String,
}

/// The kind of an objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The subject does not exist.
    NotFound,
    /// The content breaks a rule.
    Invalid,
    /// It is too early.
    NotReady,
    /// It is too late: the subject is over.
    Late,
    /// The actor may not do it.
    Forbidden,
    /// Somebody else has it.
    Taken,
    /// It was made for another state than the present one.
    Conflict,
}

impl Refusal {
    /// A refusal from its parts.
    pub fn new(kind: Objection, reason: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            reason,
            message: message.into(),
        }
    }
}

/// What determines whether an action on a run is allowed: the run, and its circumstances.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The current configuration.
    pub config: &'a Config,
    /// The status of the run.
    pub status: &'a ExecutionStatus,
    /// The pinned plan, if the run has started and the plan can be read.
    pub plan: Option<&'a PinnedPlan>,
    /// The current goals and capabilities; not needed if the plan has no references to them.
    pub resources: Option<&'a Definitions>,
    /// The current spec commit.
    pub commit: &'a str,
    /// The holder of the attempt in question: the status may not know it yet.
    pub holder: Option<Holder<'a>>,
    /// Digest of the actor's session, if there is one.
    pub session: Option<&'a str>,
    /// Fingerprint of the actor's key, if it is signed.
    pub key: Option<&'a str>,
    /// Held nodes that are not in the status of the run: nodes of other runs, and claims that no status has yet.
    /// Only used before a record is sent, so that no run depends on the status of another.
    pub elsewhere: &'a [Occupied],
}

/// A held node, with the paths that it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupied {
    /// The node: `namespace/execution/node`, or only its id in the same run.
    pub node: String,
    /// The holder.
    pub holder: String,
    /// The paths, as globs.
    pub touches: Vec<String>,
}

impl Occupied {
    /// Why a node that touches these paths must wait; `None` if nothing overlaps.
    pub fn objection(&self, id: &str, touches: &[String]) -> Option<String> {
        let (mine, other) = touches.iter().find_map(|mine| {
            let mut others = self.touches.iter();
            let other = others.find(|other| may_overlap(mine, other))?;
            Some((mine, other))
        })?;
        let (node, holder) = (&self.node, &self.holder);
        let too = if mine == other {
            String::new()
        } else {
            format!(" (`{other}`)")
        };
        Some(format!(
            "`{id}` touches `{mine}`, and so does `{node}`{too}, which {holder} holds"
        ))
    }
}

/// The holder of an attempt, from the claim itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The actor.
    pub actor: &'a str,
    /// Digest of the session, if it names one.
    pub session: Option<&'a str>,
    /// The record of the claim.
    pub claim: &'a str,
}

impl<'a> From<&'a Claim> for Holder<'a> {
    fn from(claim: &'a Claim) -> Holder<'a> {
        Holder {
            actor: &claim.actor,
            session: claim.session.as_deref(),
            claim: &claim.record,
        }
    }
}

impl<'a> From<&'a ReportedBy> for Holder<'a> {
    fn from(reported: &'a ReportedBy) -> Holder<'a> {
        Holder {
            actor: &reported.actor,
            session: reported.session.as_deref(),
            claim: reported.claim.as_deref().unwrap_or_default(),
        }
    }
}

impl<'a> Holder<'a> {
    /// The holder according to a claim.
    pub fn of(received: &'a Received) -> Holder<'a> {
        Holder {
            actor: &received.record.actor,
            session: received.record.session.as_deref(),
            claim: &received.id,
        }
    }

    /// Checks that an actor, in a session or naming the claim, may act for this claim: two sessions of one actor
    /// are two workers. Without a session, it is not checked.
    ///
    /// # Errors
    /// The actor may not; says why.
    pub fn is_spoken_for(
        &self,
        id: &str,
        actor: &str,
        (session, claim): (Option<&str>, Option<&str>),
    ) -> Result<(), Refusal> {
        let holder = self.actor;
        let refuse = |reason, why| Err(Refusal::new(Objection::Taken, reason, why));
        if holder != actor {
            let why = format!("`{id}` is claimed by {holder}, not by {actor}");
            return refuse("WrongActor", why);
        }
        if claim.is_some_and(|claim| claim != self.claim) {
            let why = format!(
                "`{id}` is held by claim {}, not by the one named",
                self.claim
            );
            return refuse("OtherClaim", why);
        }
        let is_other = self
            .session
            .zip(session)
            .is_some_and(|(own, other)| own != other);
        if claim.is_none() && is_other {
            let why = format!("`{id}` is claimed by {holder} in another session");
            return refuse("OtherSession", why);
        }
        Ok(())
    }
}

/// Checks that `actor` may take this action on a run.
///
/// # Errors
/// The actor may not; says why.
pub fn may(action: &Action, actor: &str, given: &Circumstances<'_>) -> Result<(), Refusal> {
    match action {
        Action::Attestation {
            criterion,
            met,
            commit,
            results,
            ..
        } => given.may_attest(actor, criterion, *met, (commit.as_deref(), results)),
        Action::Request {
            request: RequestKind::Cancel,
            ..
        } => given.is_going_on(),
        // It is about no run.
        Action::Archive { .. } => Err(misplaced()),
        // Only nodes with `always` are left, and nothing else is opened again.
        Action::Request { .. } if given.is_cancelled() => given.is_going_on().and_then(|()| {
            let why = "the execution was cancelled: nothing is opened again";
            Err(Refusal::new(Objection::Late, "RunCancelled", why))
        }),
        Action::Request {
            node,
            rebind,
            again,
            plan,
            ..
        } => {
            given.may_retry(node.as_deref(), (*rebind, *again, plan.is_some()))?;
            given.nobody_answers_to_it(node.as_deref(), *again)
        }
        Action::Claim { .. }
        | Action::Renewal { .. }
        | Action::Release { .. }
        | Action::Report { .. }
        | Action::Question { .. }
        | Action::Answer { .. }
        | Action::Verification { .. }
        | Action::Review { .. } => {
            given.is_going_on()?;
            given.has_started()?;
            given.may_work(action, actor)
        }
    }
}

impl Circumstances<'_> {
    fn is_going_on(&self) -> Result<(), Refusal> {
        let phase = self.status.phase;
        if phase.is_terminal() {
            return Err(run_over());
        }
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        self.status.extensions.cancelled_by.is_some()
    }

    fn has_started(&self) -> Result<(), Refusal> {
        if self.status.extensions.pinned.is_some() {
            return Ok(());
        }
        Err(not_started())
    }

    /// Checks actions on one node of an open run.
    fn may_work(&self, action: &Action, actor: &str) -> Result<(), Refusal> {
        match action {
            Action::Claim {
                node,
                attempt,
                adopts,
                done_before,
                ..
            } => {
                let status = self.open_attempt(node, *attempt)?;
                self.may_claim(node, status, actor)?;
                // Finished work does not get in anybody's way.
                if *done_before || adopts.is_some() {
                    return Ok(());
                }
                self.overlaps_nothing(node)
            }
            Action::Renewal { node, attempt, .. } => {
                self.open_attempt(node, *attempt)?;
                self.holds(node, actor, action.claim())
            }
            Action::Release { node, attempt, .. } => {
                let status = self.open_attempt(node, *attempt)?;
                match reported_by(status) {
                    Some(reported) => self.has_reported(node, reported, (actor, action.claim())),
                    None => self.holds(node, actor, action.claim()),
                }
            }
            Action::Report { node, attempt, .. } => {
                let status = self.open_attempt(node, *attempt)?;
                if let Some(reported) = reported_by(status) {
                    self.has_reported(node, reported, (actor, action.claim()))?;
                    points_elsewhere(node, action)?;
                } else if !self.is_reported(node, status) {
                    self.holds(node, actor, action.claim())?;
                }
                self.may_report(node, action)
            }
            Action::Question {
                node,
                attempt,
                question,
                ..
            } => {
                let status = self.open_attempt(node, *attempt)?;
                self.holds(node, actor, action.claim())?;
                is_sayable(question)?;
                may_ask(node, status, question)
            }
            Action::Answer {
                node,
                attempt,
                question,
                answer,
            } => {
                self.may_answer(node, *attempt, actor, question)?;
                is_sayable(answer)
            }
            Action::Review {
                node,
                gate,
                digest,
                decision,
                ..
            } => self.may_review(node, (gate, digest), *decision, actor),
            Action::Verification {
                node,
                attempt,
                report,
                commit,
                instead,
                results,
            } => {
                let commit = (commit.as_str(), *instead);
                self.may_say_verified(node, *attempt, actor, (report, commit, results))
            }
            Action::Attestation { .. } | Action::Request { .. } | Action::Archive { .. } => Ok(()),
        }
    }

    /// Checks that an actor may answer a question: a person, but not the one who asks.
    fn may_answer(&self, id: &str, attempt: u32, actor: &str, record: &str) -> Result<(), Refusal> {
        let status = self.status_of(id)?;
        let mut all = status.extensions.questions.iter();
        let asked = all.find(|one| one.record == record);
        let Some(asked) = asked.filter(|one| one.attempt == attempt) else {
            return Err(unknown_question(id, record));
        };
        if let Some(answered) = &asked.answer {
            let why = format!("{} has already answered that", answered.actor);
            return Err(Refusal::new(Objection::Late, "Answered", why));
        }
        if !status.open_questions().any(|one| one.record == record) {
            let why = format!(
                "attempt {attempt} of `{id}` is no longer at work: nobody waits for the answer"
            );
            return Err(Refusal::new(Objection::Late, "NotAsked", why));
        }
        if !is_person(actor) {
            let why = format!("only a person can answer, and {actor} is not one");
            return Err(Refusal::new(Objection::Forbidden, "NotAPerson", why));
        }
        let report = status.extensions.report.as_ref();
        let report = report.filter(|report| report.record == record);
        let asker = report.map_or(Who::named(&asked.actor), Who::reported);
        if self.config.approvals.are_one(self.who(actor), asker) {
            let done = if report.is_some() {
                "reported"
            } else {
                "asked"
            };
            let why = format!(
                "{} has {done} that: somebody else has to answer",
                asked.actor
            );
            return Err(Refusal::new(Objection::Forbidden, "OwnQuestion", why));
        }
        Ok(())
    }

    fn node(&self, id: &str) -> Option<&Node> {
        self.plan?.node(id)
    }

    fn status_of(&self, id: &str) -> Result<&NodeStatus, Refusal> {
        let status = self.status.node_statuses.get(id);
        status.ok_or_else(|| no_node(id))
    }

    /// The status of a node, if this is its open attempt.
    fn open_attempt(&self, id: &str, attempt: u32) -> Result<&NodeStatus, Refusal> {
        let status = self.status_of(id)?;
        let open = status.attempt;
        if attempt < open {
            let why = format!("attempt {attempt} of `{id}` is over, attempt {open} is open");
            return Err(Refusal::new(Objection::Late, "OldAttempt", why));
        }
        if status.phase.is_terminal() {
            let why = format!("`{id}` is already {}", status.phase);
            return Err(Refusal::new(Objection::Late, "NodeOver", why));
        }
        if attempt > open {
            let why = format!("attempt {attempt} of `{id}` is not open");
            return Err(Refusal::new(Objection::NotReady, "NotOpen", why));
        }
        Ok(status)
    }

    fn may_claim(&self, id: &str, status: &NodeStatus, actor: &str) -> Result<(), Refusal> {
        if let Some(holder) = self.holder {
            let why = format!("`{id}` is claimed by {}", holder.actor);
            return Err(Refusal::new(Objection::Taken, "Claimed", why));
        }
        if !status.is_claimable() {
            return Err(not_claimable(id, status));
        }
        if status.is_for_people() && !is_person(actor) {
            let why = format!("`{id}` is for a person, and {actor} is not one");
            return Err(Refusal::new(Objection::Forbidden, "NotAPerson", why));
        }
        match self.bound_to_another(status, actor) {
            Some(provider) if self.config.workers == Workers::Strict => {
                let why = format!("`{id}` is bound to {provider}, not to {actor}");
                Err(Refusal::new(Objection::Forbidden, "NotBound", why))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the node touches no paths of a held node.
    fn overlaps_nothing(&self, id: &str) -> Result<(), Refusal> {
        let touches = self.node(id).map(|node| &node.extension.touches);
        let Some(touches) = touches.filter(|touches| !touches.is_empty()) else {
            return Ok(());
        };
        let nodes = self.status.node_statuses.iter();
        let held = nodes.filter_map(|(other, status)| {
            let claim = status.extensions.claim.as_ref()?;
            Some(Occupied {
                node: other.clone(),
                holder: claim.actor.clone(),
                touches: self.node(other)?.extension.touches.clone(),
            })
        });
        let here = held.collect::<Vec<_>>();
        let mut all = here.iter().chain(self.elsewhere);
        match all.find_map(|held| held.objection(id, touches)) {
            Some(why) => Err(Refusal::new(Objection::Taken, "Overlaps", why)),
            None => Ok(()),
        }
    }

    /// The provider that a node is bound to, if it is not the actor.
    pub fn bound_to_another<'s>(&self, status: &'s NodeStatus, actor: &str) -> Option<&'s str> {
        let target = status.extensions.target.as_ref()?;
        let provider = target.provider.as_deref()?;
        (!self.config.is_bound(provider, actor)).then_some(provider)
    }

    fn holds(&self, id: &str, actor: &str, claim: Option<&str>) -> Result<(), Refusal> {
        let Some(holder) = self.holder else {
            let lapsed = self.status_of(id)?.extensions.lapsed.as_ref();
            if lapsed.is_some_and(|lapsed| lapsed.actor == actor) {
                let why =
                    format!("the lease of {actor} on `{id}` has ended: nobody holds the node now");
                return Err(Refusal::new(Objection::NotReady, "LeaseEnded", why));
            }
            let why = format!("nobody has claimed `{id}`");
            return Err(Refusal::new(Objection::NotReady, "NotClaimed", why));
        };
        holder.is_spoken_for(id, actor, (self.session, claim))
    }

    /// Checks that the actor made the report: until it is verified, it belongs to the claim that it was made for.
    fn has_reported(
        &self,
        id: &str,
        reported: &ReportedBy,
        (actor, claim): (&str, Option<&str>),
    ) -> Result<(), Refusal> {
        if reported.actor != actor {
            let why = format!("`{id}` was reported by {}, not by {actor}", reported.actor);
            return Err(Refusal::new(Objection::Taken, "WrongActor", why));
        }
        // A report without a claim has none to name.
        let claim = claim.filter(|_| reported.claim.is_some());
        Holder::from(reported).is_spoken_for(id, actor, (self.session, claim))
    }

    /// Whether a node waits for something outside that nobody can claim, and anybody can
    /// report.
    pub fn is_reported(&self, id: &str, status: &NodeStatus) -> bool {
        let is_reported = |node: &Node| {
            let followed = matches!(node.external_ref, None | Some(ExternalRef::Resource { .. }));
            !followed
        };
        status.phase == NodePhase::Blocked
            && status.extensions.reason == AWAITING_EXTERNAL
            && self.node(id).is_some_and(is_reported)
    }

    /// Checks that a report has the outputs that the plan requires.
    ///
    /// # Errors
    /// An output is missing, or of another type.
    pub fn may_report(&self, id: &str, action: &Action) -> Result<(), Refusal> {
        let Action::Report {
            result,
            outputs,
            artifacts,
            ..
        } = action
        else {
            return Ok(());
        };
        if artifacts.len() > MAX_ARTIFACTS {
            let why = format!("{} artifacts, {MAX_ARTIFACTS} are allowed", artifacts.len());
            return Err(Refusal::new(Objection::Invalid, "TooManyArtifacts", why));
        }
        if let Some(why) = data::credential_in(outputs) {
            return Err(Refusal::new(Objection::Invalid, "OutputsInvalid", why));
        }
        let Some(node) = self.node(id).filter(|_| *result == ReportResult::Succeeded) else {
            return Ok(());
        };
        data::check_outputs(node, &self.capabilities_of(node), outputs)
            .map_err(|(reason, why)| Refusal::new(Objection::Invalid, reason, why))
    }

    fn capabilities_of(&self, node: &Node) -> Vec<&CapabilitySpec> {
        let pinned = self.status.extensions.pinned.as_ref();
        let namespace = pinned.map_or("", |pinned| pinned.plan.namespace.as_str());
        let keys = node.capability_refs.iter();
        keys.filter_map(|one| {
            let key = one.key(Kind::Capability, namespace);
            self.resources?.capability(&key)
        })
        .collect()
    }

    fn may_review(
        &self,
        id: &str,
        (gate, digest): (&str, &str),
        decision: ReviewAction,
        actor: &str,
    ) -> Result<(), Refusal> {
        let namespace = self.status.extensions.pinned.as_ref();
        let namespace = namespace.map_or("", |pinned| pinned.plan.namespace.as_str());
        let of_node = self.node(id).and_then(|node| node.gate_ref.as_ref());
        let of_node = of_node.map(|of| of.key(Kind::Gate, namespace).qualified());
        if of_node.as_deref() != Some(gate) {
            let why = format!("the plan has no node `{id}` with gate `{gate}`");
            return Err(Refusal::new(Objection::NotFound, "UnknownNode", why));
        }
        let status = self.status_of(id)?;
        if status.phase.is_terminal() {
            let why = format!("`{id}` is {}", status.phase);
            return Err(Refusal::new(Objection::Late, "Decided", why));
        }
        let waits =
            status.phase == NodePhase::Blocked && status.extensions.reason == AWAITING_APPROVAL;
        let current = status.extensions.decision.as_ref();
        let Some(current) = current.filter(|_| waits) else {
            let why = format!("`{id}` does not wait for a decision yet");
            return Err(Refusal::new(Objection::NotReady, "NotWaiting", why));
        };
        if current.digest != digest {
            let why = format!(
                "it was given for another plan, gate or targets ({digest}) than those that would \
                 run ({})",
                current.digest
            );
            return Err(Refusal::new(Objection::Conflict, "OtherDigest", why));
        }
        if decision == ReviewAction::Comment {
            return Ok(());
        }
        self.may_decide(gate, decision, actor)?;
        if decision == ReviewAction::Approve {
            self.did_none_of(&self.work_before(id), actor)?;
        }
        Ok(())
    }

    /// Checks that an actor may decide at a gate: any person unless reviewers are named; and not
    /// about their own work, if the configuration says so.
    ///
    /// # Errors
    /// The actor may not; says why.
    pub fn may_decide(
        &self,
        gate: &str,
        decision: ReviewAction,
        actor: &str,
    ) -> Result<(), Refusal> {
        let approvals = &self.config.approvals;
        let spec = self.plan.and_then(|plan| plan.gate(gate));
        let reviewers = spec.map_or(&[][..], |(spec, _)| spec.reviewers.as_slice());
        if spec.is_none() || !approvals.may_decide(reviewers, actor) {
            let why = match reviewers {
                [] => format!("{actor} is not a person, and only people decide at {gate}"),
                some => format!(
                    "{actor} is not among the reviewers of {gate}: {}",
                    choices(actor, some.iter().map(String::as_str), str::to_owned)
                ),
            };
            return Err(Refusal::new(Objection::Forbidden, "NotAReviewer", why));
        }
        let pinned = self.status.extensions.pinned.as_ref();
        let is_author = pinned.is_some_and(|pinned| approvals.is_author(pinned, actor));
        if approvals.prevent_self_approval && decision == ReviewAction::Approve && is_author {
            let why =
                format!("{actor} wrote what {gate} is to approve; somebody else has to decide");
            return Err(Refusal::new(Objection::Forbidden, "SelfApproval", why));
        }
        Ok(())
    }

    /// The reports of the nodes before a gate node, whose actors may not approve them.
    pub fn work_before(&self, id: &str) -> Vec<(String, &ReportedBy)> {
        if !self.config.approvals.prevent_worker_approval {
            return Vec::new();
        }
        let nodes = self
            .plan
            .map(|plan| plan.all_before(id))
            .unwrap_or_default();
        let reports = nodes.into_iter().filter_map(|before| {
            let status = self.status.node_statuses.get(&before)?;
            Some((before, status.extensions.report.as_ref()?))
        });
        reports.collect()
    }

    /// Checks that an actor has done none of some work, so that they may approve it.
    ///
    /// # Errors
    /// Names the work that the actor has done.
    pub fn did_none_of(&self, work: &[(String, &ReportedBy)], actor: &str) -> Result<(), Refusal> {
        let speaker = self.who(actor);
        let approvals = &self.config.approvals;
        let mut own = work.iter();
        match own.find(|(_, report)| approvals.are_one(speaker, Who::reported(report))) {
            Some((node, report)) => {
                let by = &report.actor;
                let why = format!("`{node}` was reported by {by}: somebody else has to approve it");
                Err(Refusal::new(Objection::Forbidden, "WorkerApproval", why))
            }
            None => Ok(()),
        }
    }

    /// The actor with the key.
    fn who<'s>(&'s self, actor: &'s str) -> Who<'s> {
        Who {
            actor,
            key: self.key,
        }
    }

    /// Checks that an actor may verify a node, and returns the report. Called
    /// before any check is run.
    ///
    /// # Errors
    /// No report waits for verification, or another actor must do it.
    pub fn may_verify(&self, id: &str, attempt: u32, actor: &str) -> Result<&ReportedBy, Refusal> {
        let status = self.status_of(id)?;
        let open = status.attempt;
        if attempt != open {
            let why = format!("attempt {attempt} of `{id}` is not attempt {open}, the last one");
            return Err(Refusal::new(Objection::Late, "OldAttempt", why));
        }
        let waits = status.awaits_verification();
        // If no criterion is required, the results are only for people.
        let is_for_people = |node: &Node| {
            let criteria = &node.acceptance_criteria;
            !criteria.is_empty() && criteria.iter().all(|one| !one.required)
        };
        let is_told = status.phase == NodePhase::Succeeded
            && status.extensions.verification.is_none()
            && self.node(id).is_some_and(is_for_people);
        let report = status.extensions.report.as_ref();
        let Some(reported) = report.filter(|_| waits || is_told) else {
            let why = format!(
                "nothing of `{id}` waits to be verified: it is {}",
                status.phase
            );
            return Err(Refusal::new(Objection::NotReady, "NotAwaited", why));
        };
        if !self
            .config
            .may_verify(self.who(actor), Who::reported(reported))
        {
            return Err(not_independent(actor));
        }
        Ok(reported)
    }

    fn may_say_verified(
        &self,
        id: &str,
        attempt: u32,
        actor: &str,
        (report, (commit, instead), results): (&str, (&str, bool), &[CriterionResult]),
    ) -> Result<(), Refusal> {
        let node = self.node(id).ok_or_else(|| no_node(id))?;
        let reported = self.may_verify(id, attempt, actor)?;
        let pinned = self.status.extensions.pinned.as_ref();
        let worked_on = reported.commit.as_ref();
        let worked_on = worked_on.or(pinned.map(|pinned| &pinned.commit));
        let is_meant = instead || Some(commit) == worked_on.map(String::as_str);
        if report != reported.record || !is_meant {
            let why = "it is about another report or commit than the one to be verified";
            return Err(Refusal::new(Objection::Conflict, "OtherReport", why));
        }
        are_for(&node.acceptance_criteria, results)?;
        if instead && !broken(&node.acceptance_criteria, results).is_empty() {
            let why = format!(
                "a commit that replaces the reported one of `{id}` must meet all required criteria"
            );
            return Err(Refusal::new(Objection::Invalid, "OtherVerdict", why));
        }
        Ok(())
    }

    /// Checks an attestation. If a criterion has checks, only their results can say that it is
    /// met; if it is manual, only people; anybody may say that it is not met.
    fn may_attest(
        &self,
        actor: &str,
        id: &str,
        met: bool,
        (commit, results): (Option<&str>, &[CriterionResult]),
    ) -> Result<(), Refusal> {
        self.has_started()?;
        // A run that failed because of an attestation can be retried when that is revoked.
        if self.status.phase == ExecutionPhase::Cancelled {
            let why = format!("the execution is {}", self.status.phase);
            return Err(Refusal::new(Objection::Late, "RunOver", why));
        }
        let mut of_document = self.status.extensions.criteria.iter();
        let Some(criterion) = of_document.find(|one| one.id == id) else {
            return self.is_of_goal(id, results);
        };
        if met && criterion.manual && !is_person(actor) {
            let why = format!("only a person can say that `{id}` is met, and {actor} is not one");
            return Err(Refusal::new(Objection::Forbidden, "NotAPerson", why));
        }
        if met && criterion.manual {
            self.has_done_nothing(actor)?;
        }
        if results.is_empty() {
            if met && !criterion.checks.is_empty() {
                let why = format!("`{id}` has checks, which decide");
                return Err(Refusal::new(Objection::Forbidden, "ChecksDecide", why));
            }
            return Ok(());
        }
        self.may_check(actor)?;
        self.follows(criterion, met, (commit, results))
    }

    fn is_of_goal(&self, id: &str, results: &[CriterionResult]) -> Result<(), Refusal> {
        if results.is_empty() && self.goal_criteria().contains(&id) {
            return Ok(());
        }
        let why = match results {
            [] => format!("neither the goal nor the document has a criterion `{id}`"),
            _ => format!("the document has no criterion `{id}` with checks"),
        };
        Err(Refusal::new(Objection::NotFound, "UnknownCriterion", why))
    }

    /// The ids of the current criteria of the run's goal.
    pub fn goal_criteria(&self) -> Vec<&str> {
        let pinned = self.status.extensions.pinned.as_ref();
        let goal = pinned.and_then(|pinned| pinned.goal.as_ref());
        let (Some(goal), Some(resources)) = (goal, self.resources) else {
            return Vec::new();
        };
        let goal = resources.goal(&goal.key(Kind::Goal));
        let criteria = goal.into_iter().flat_map(|goal| &goal.acceptance_criteria);
        criteria
            .filter_map(|criterion| criterion.id.as_deref())
            .collect()
    }

    /// Checks that an actor may run the checks of a run's criteria. Called before any check is run.
    ///
    /// # Errors
    /// The work is not done, or another actor must do it.
    pub fn may_check(&self, actor: &str) -> Result<(), Refusal> {
        let phase = self.status.phase;
        // A succeeded run may be checked again, with its present state.
        if phase.is_terminal() && phase != ExecutionPhase::Succeeded {
            let why = format!("it is {phase}: nothing waits to be verified");
            return Err(Refusal::new(Objection::Late, "NotAwaited", why));
        }
        let nodes = self.status.node_statuses.iter();
        let mut open = nodes.filter(|(_, node)| !node.phase.is_terminal());
        if let Some((id, node)) = open.next() {
            let more = match open.count() {
                0 => String::new(),
                more => format!(", and {more} more have not ended"),
            };
            let why = format!("the work is not done: `{id}` is {}{more}", node.phase);
            return Err(Refusal::new(Objection::NotReady, "NotAwaited", why));
        }
        self.has_done_nothing(actor)
    }

    /// If the configuration says so, an actor may not judge their own work.
    fn has_done_nothing(&self, actor: &str) -> Result<(), Refusal> {
        let speaker = self.who(actor);
        let mut reports = self.status.reports();
        if reports.all(|report| self.config.may_verify(speaker, Who::reported(report))) {
            return Ok(());
        }
        Err(not_independent(actor))
    }

    /// Checks that an attestation follows from the results of checks, on the newest commit.
    fn follows(
        &self,
        criterion: &ContractCriterion,
        met: bool,
        (commit, results): (Option<&str>, &[CriterionResult]),
    ) -> Result<(), Refusal> {
        let id = &criterion.id;
        let Some(commit) = commit else {
            return Err(misplaced());
        };
        // Of two that arrive together, the one about the present state is newer.
        let mut said = self.status.said_about(id);
        let is_current = |commit: &str| commit == self.commit;
        if !is_current(commit) && said.any(|one| one.commit.as_deref().is_some_and(is_current)) {
            let why = format!("`{id}` was checked on a newer commit meanwhile");
            return Err(Refusal::new(Objection::Conflict, "OldCheck", why));
        }
        are_for(&criterion.checks, results)?;
        if met != broken(&criterion.checks, results).is_empty() {
            let why = format!("what it says of `{id}` does not follow from its results");
            return Err(Refusal::new(Objection::Invalid, "OtherVerdict", why));
        }
        Ok(())
    }

    /// Checks a retry. Nodes that the run itself cancelled count as failed.
    fn may_retry(
        &self,
        node: Option<&str>,
        (rebind, again, replan): (bool, bool, bool),
    ) -> Result<(), Refusal> {
        let phase = self.status.phase;
        if phase == ExecutionPhase::Pending {
            return Err(not_started());
        }
        if !phase.can_be_retried() {
            let why = format!("the execution is {phase}");
            return Err(Refusal::new(Objection::Late, "RunOver", why));
        }
        if replan && (node.is_some() || again) {
            let why = "only a whole run can continue with another plan, not one node";
            return Err(Refusal::new(Objection::Invalid, "WholeRun", why));
        }
        let has_failed =
            |node: &NodeStatus| matches!(node.phase, NodePhase::Failed | NodePhase::Cancelled);
        let Some(id) = node else {
            if again {
                let why = "only one node can be done again, not the whole run";
                return Err(Refusal::new(Objection::Invalid, "NoNode", why));
            }
            if rebind || replan || self.status.node_statuses.values().any(has_failed) {
                return Ok(());
            }
            let why = "no node has failed: there is nothing to try again";
            return Err(Refusal::new(Objection::NotReady, "NothingFailed", why));
        };
        let status = self.status_of(id)?;
        let is_done = status.phase == NodePhase::Succeeded;
        if has_failed(status) || (again && is_done) || status.is_reported() {
            return Ok(());
        }
        let why = match status.phase {
            phase if again => {
                format!(
                    "`{id}` is {phase}: only a node that has succeeded or failed can be done again"
                )
            }
            phase => format!("`{id}` is {phase}, it has not failed"),
        };
        Err(Refusal::new(Objection::NotReady, "NotFailed", why))
    }
}

impl Circumstances<'_> {
    /// Checks that nobody is handling the failure (rolling back, notifying): the next
    /// attempt must not overtake that.
    fn nobody_answers_to_it(&self, node: Option<&str>, again: bool) -> Result<(), Refusal> {
        let graph = self.plan.and_then(|plan| plan.graph());
        let Some((spec, Ok(graph))) = graph.map(|spec| (spec, Graph::build(spec))) else {
            return Ok(());
        };
        if again {
            return Ok(());
        }
        let statuses = &self.status.node_statuses;
        let opened = Reopening::of((&graph, spec), statuses, node, false);
        let behind = opened.behind.iter().map(|index| graph.id(*index));
        let mut held = behind.filter_map(|id| {
            let claim = statuses.get(id)?.extensions.claim.as_ref()?;
            Some((id, &claim.actor))
        });
        match held.next() {
            Some((id, actor)) => {
                let why = format!(
                    "{actor} is at work on `{id}`, which began because of the failure: try again when that is over"
                );
                Err(Refusal::new(Objection::NotReady, "AtWork", why))
            }
            None => Ok(()),
        }
    }
}

/// The report of a node that does not count yet.
fn reported_by(status: &NodeStatus) -> Option<&ReportedBy> {
    let report = status.extensions.report.as_ref();
    report.filter(|_| status.is_reported())
}

/// A second report before verification may only name another commit.
fn points_elsewhere(id: &str, action: &Action) -> Result<(), Refusal> {
    let succeeded = ReportResult::Succeeded;
    match action {
        Action::Report {
            result,
            commit: Some(_),
            ..
        } if *result == succeeded => Ok(()),
        _ => {
            let why = format!("`{id}` was reported as succeeded, and waits to be verified");
            Err(Refusal::new(Objection::Conflict, "Reported", why))
        }
    }
}

/// Why a node cannot be claimed now.
fn not_claimable(id: &str, status: &NodeStatus) -> Refusal {
    let why = match (status.phase, status.message.as_str()) {
        (NodePhase::Pending, "") => "it is not ready".to_owned(),
        (NodePhase::Pending, message) => message.to_owned(),
        _ => format!("it is {}", status.standing()),
    };
    let not_before = status.extensions.not_before;
    let not_before = not_before.map(|time| format!(" (not before {})", exact(time)));
    let why = format!(
        "`{id}` cannot be claimed: {why}{}",
        not_before.unwrap_or_default()
    );
    Refusal::new(Objection::NotReady, "NotReady", why)
}

/// Maximum length of a question or an answer, in characters.
pub const MAX_SAID: usize = 4000;
/// Maximum number of questions of one attempt.
const MAX_QUESTIONS: usize = 20;

/// Checks the text of a question or an answer.
fn is_sayable(text: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    let why = match length {
        _ if text.trim().is_empty() => "it says nothing".to_owned(),
        _ if length > MAX_SAID => {
            format!(
                "it has {length} characters, {MAX_SAID} are allowed: name a file that says the rest"
            )
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(Objection::Invalid, "TextInvalid", why))
}

/// Checks that the holder of a node may ask another question.
fn may_ask(id: &str, status: &NodeStatus, question: &str) -> Result<(), Refusal> {
    if status.open_questions().any(|one| one.question == question) {
        let why = format!("that was already asked of `{id}`, and not answered yet");
        return Err(Refusal::new(Objection::Late, "Asked", why));
    }
    let asked = status.extensions.questions.iter();
    if asked.filter(|one| one.attempt == status.attempt).count() >= MAX_QUESTIONS {
        let why = format!(
            "attempt {} of `{id}` has asked {MAX_QUESTIONS} times",
            status.attempt
        );
        return Err(Refusal::new(Objection::Invalid, "TooMany", why));
    }
    Ok(())
}

/// The refusal that there is no such question.
pub fn unknown_question(id: &str, record: &str) -> Refusal {
    let why = format!("nobody has asked question {record} at `{id}`");
    Refusal::new(Objection::NotFound, "UnknownQuestion", why)
}

fn no_node(id: &str) -> Refusal {
    let why = format!("the plan has no node `{id}`");
    Refusal::new(Objection::NotFound, "UnknownNode", why)
}

/// The refusal that the run has not started.
pub fn not_started() -> Refusal {
    let why = "the execution has not started yet";
    Refusal::new(Objection::NotReady, "NotStarted", why)
}

/// Checks that a record is signed by its actor, if the configuration requires that.
///
/// # Errors
/// Why it does not count.
pub fn check_signature(config: &Config, received: &Received) -> Result<(), Refusal> {
    let approvals = &config.approvals;
    let record = &received.record;
    let decides = record.action.decides();
    let is_required = decides.is_some_and(|what| approvals.require_signed.covers(what));
    if !is_required || record.action.is_comment() {
        return Ok(());
    }
    let actor = &record.actor;
    let (reason, why) = match &received.signature {
        Signature::Good(by) if approvals.person(&by.principal) == approvals.person(actor) => {
            return Ok(());
        }
        Signature::Good(by) => (
            "OtherSigner",
            format!("{} signed it, and it says {actor}", by.principal),
        ),
        Signature::Bad(reason, why) => (*reason, why.clone()),
        Signature::Unchecked => ("Unsigned", "its signature was not checked".to_owned()),
    };
    Err(Refusal::new(Objection::Forbidden, reason, why))
}

/// The refusal that a record was made for another repository.
pub fn of_another_repository(record: &Record) -> Refusal {
    let why = format!("it was made for repository {}", record.repository);
    Refusal::new(Objection::Conflict, "OtherRepository", why)
}

/// The refusal that a record was made for another status.
pub fn of_another_status(record: &Record) -> Refusal {
    let named = record.status.as_deref().unwrap_or_default();
    let why = format!(
        "it was written against status commit {named}, which is no part of this status: look again, \
         then say it again"
    );
    Refusal::new(Objection::Conflict, "OtherStatus", why)
}

/// The refusal that binding again would change nothing.
pub fn nothing_to_bind() -> Refusal {
    let why = "nothing failed, and nodes that have not begun would get the same targets";
    Refusal::new(Objection::NotReady, "NothingToBind", why)
}

fn run_over() -> Refusal {
    Refusal::new(Objection::Late, "RunOver", "the execution is over")
}

/// The refusal that a record is on the wrong ref.
pub fn misplaced() -> Refusal {
    let why = "its content does not belong to its ref";
    Refusal::new(Objection::Invalid, "Misplaced", why)
}

fn not_independent(actor: &str) -> Refusal {
    let why = format!("{actor} did the work; somebody else must check it");
    Refusal::new(Objection::Forbidden, "NotIndependent", why)
}

/// The required criteria that do not hold.
pub fn broken<'a>(criteria: &'a [TaskCriterion], results: &[CriterionResult]) -> Vec<&'a str> {
    let pairs = criteria.iter().zip(results);
    pairs
        .filter(|(criterion, result)| criterion.required && !result.holds)
        .map(|(criterion, _)| criterion.name.as_str())
        .collect()
}

/// Checks that there is one result for each criterion, in the order of the plan.
///
/// # Errors
/// The results are for other criteria.
pub fn are_for(criteria: &[TaskCriterion], results: &[CriterionResult]) -> Result<(), Refusal> {
    let wanted: Vec<&str> = criteria.iter().map(|one| one.name.as_str()).collect();
    let given: Vec<&str> = results.iter().map(|result| result.name.as_str()).collect();
    if wanted == given {
        return Ok(());
    }
    let why = format!(
        "the criteria are {}, the results are for {}",
        wanted.join(", "),
        given.join(", ")
    );
    Err(Refusal::new(Objection::Invalid, "OtherCriteria", why))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::run::record::Address;
    use crate::core::testing::{World, execution, gate, plan, task};

    /// A task, and another one after a gate.
    fn world() -> World {
        let nodes = [
            task("a", ""),
            "{id: ok, kind: Gate, gateRef: {name: g}}".to_owned(),
            task("b", "dependsOn: [ok]"),
        ];
        let mut world = World::of(&[
            plan("p", &nodes.join(", ")),
            gate("g", "p", "reviewers: [ana]"),
            execution("run", "p", ""),
        ]);
        world.reconcile();
        world.reconcile();
        world
    }

    fn claim(node: &str, attempt: u32) -> Action {
        Action::Claim {
            node: node.to_owned(),
            attempt,
            lease: None,
            adopts: None,
            done_before: false,
        }
    }

    fn report(node: &str, attempt: u32) -> Action {
        Action::Report {
            node: node.to_owned(),
            attempt,
            result: ReportResult::Succeeded,
            outputs: Default::default(),
            message: String::new(),
            commit: None,
            claim: None,
            artifacts: Vec::new(),
        }
    }

    fn request(request: RequestKind, node: Option<&str>) -> Action {
        Action::Request {
            request,
            node: node.map(str::to_owned),
            rebind: false,
            again: false,
            plan: None,
            comment: String::new(),
        }
    }

    /// The answer before a record is sent is the result when it is taken in.
    #[test]
    fn who_asks_is_told_what_will_come_of_it() {
        let table: [(&str, Action, &str); 11] = [
            ("x", claim("a", 1), ""),
            ("x", claim("b", 1), "NotOpen"),
            ("x", claim("nowhere", 1), "UnknownNode"),
            ("x", claim("a", 2), "NotOpen"),
            ("x", report("a", 1), "NotClaimed"),
            ("x", report("ok", 1), "NotOpen"),
            ("x", request(RequestKind::Retry, None), "NothingFailed"),
            ("x", request(RequestKind::Retry, Some("a")), "NotFailed"),
            ("x", request(RequestKind::Retry, Some("no")), "UnknownNode"),
            ("x", request(RequestKind::Cancel, None), ""),
            ("x", claim("ok", 1), "NotOpen"),
        ];
        for (actor, action, expected) in table {
            let mut world = world();
            let told = world.may(actor, &action);
            let told = told.map_err(|refusal| refusal.reason).err();
            assert_eq!(told.unwrap_or_default(), expected, "{action:?}");
            let address = match action.work() {
                Some((node, attempt)) => world.work_ref(node, attempt),
                None => Address::Request {
                    run: world.run_ref(),
                    id: "one".to_owned(),
                },
            };
            let received = world.record(actor, action.clone());
            world.push(&address, received);
            world.reconcile();
            let listed = world.run().extensions.unapplied.iter();
            let listed: Vec<&str> = listed.map(|one| one.reason.as_str()).collect();
            assert_eq!(listed.concat(), expected, "{action:?}");
        }
    }

    #[test]
    fn who_holds_an_attempt_is_known_by_its_ref_before_the_status_knows() {
        let mut world = world();
        let status = world.run().clone();
        let ask = |world: &mut World, holder, action: &Action, actor| {
            world
                .may_as(holder, actor, action)
                .map_err(|refusal| refusal.kind)
        };
        assert_eq!(status.node_statuses["a"].extensions.claim, None);
        assert_eq!(ask(&mut world, Some("x"), &report("a", 1), "x"), Ok(()));
        assert_eq!(
            ask(&mut world, Some("x"), &report("a", 1), "y"),
            Err(Objection::Taken)
        );
        assert_eq!(
            ask(&mut world, Some("x"), &claim("a", 1), "y"),
            Err(Objection::Taken)
        );
    }
}
