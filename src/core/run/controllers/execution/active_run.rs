//! A started run: its pinned plan, its graph and its status.

use std::collections::BTreeSet;

use super::pins;
use super::{Turn, move_to};
use crate::core::base::digest::sha256_hex;
use crate::core::base::words::and_more;
use crate::core::plan::graph::Graph;
use crate::core::plan::parameters::FAIL_FAST;
use crate::core::resource::{
    AWAITING_ANSWER, AWAITING_APPROVAL, AWAITING_EXTERNAL, AWAITING_VERIFICATION, ExecutionStatus,
    GraphSpec, Node, NodeKind, NodePhase, NodeStatus, OUT_OF_SCOPE, Pinned, RETRY_WAIT, Time,
    Unapplied,
};
use crate::core::run::controllers::Presence;
use crate::core::run::machine::{self, ExecutionEvent, NodeEvent};
use crate::core::run::permit;
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::record::{Address, RunRef};

/// Maximum number of refused records in a status.
const UNAPPLIED_KEPT: usize = 20;
/// The wait after the first failure; doubled for each further one.
const FIRST_RETRY_SECONDS: i64 = 10;
/// Reason of a node that was skipped because a predecessor failed.
pub(super) const DEPENDENCY_FAILED: &str = "DependencyFailed";
/// Reason of a timeout.
pub(super) const TIMED_OUT: &str = "TimedOut";
/// The longest wait between two attempts.
const LONGEST_RETRY_SECONDS: i64 = 600;

/// A run that is being advanced.
pub(super) struct ActiveRun<'a> {
    pub turn: &'a Turn<'a>,
    pub me: RunRef,
    pub pins: PinnedPlan,
    pub pinned: Pinned,
    pub spec: GraphSpec,
    pub graph: Graph,
    pub status: &'a mut ExecutionStatus,
    /// The earliest deadline that was handled.
    pub fired: Option<Time>,
}

impl<'a> ActiveRun<'a> {
    /// Opens a pinned run.
    ///
    /// # Errors
    /// A pinned file cannot be read; the error is a sentence.
    pub fn open(
        turn: &'a Turn<'a>,
        uid: &str,
        status: &'a mut ExecutionStatus,
        pinned: &Pinned,
    ) -> Result<ActiveRun<'a>, String> {
        let pins = pins::find(turn.world, pinned)?;
        let spec = pins
            .graph()
            .ok_or_else(|| "the pinned plan is not a plan".to_owned())?
            .clone();
        let graph =
            Graph::build(&spec).map_err(|_| "the pinned plan has a broken graph".to_owned())?;
        Ok(ActiveRun {
            turn,
            me: RunRef {
                namespace: turn.key.namespace.clone(),
                name: turn.key.name.clone(),
                uid: uid.to_owned(),
            },
            pins,
            pinned: pinned.clone(),
            spec,
            graph,
            status,
            fired: None,
        })
    }

    /// Advances the run once: records, deadlines, nodes, phase. Returns the next deadline.
    pub fn advance(&mut self) -> Option<Time> {
        self.fold_records();
        self.leave_spoiled_attempts();
        self.judge_deadlines();
        if self.stop_if_asked() {
            return None;
        }
        let unbound = self.resolve_targets();
        self.advance_nodes();
        // Nodes with `always` may become ready when the others are stopped.
        while self.fail_fast() || self.hold_to_contract() {
            self.advance_nodes();
        }
        self.judge_bound(unbound);
        self.settle_phase();
        self.next_deadline()
    }

    pub fn now(&self) -> Time {
        self.turn.world.now
    }

    /// Whether a deadline has passed; notes that it is handled.
    pub fn has_come(&mut self, moment: Time) -> bool {
        let has_come = moment <= self.now();
        if has_come {
            self.fired = Some(self.fired.map_or(moment, |first| first.min(moment)));
        }
        has_come
    }

    /// The circumstances for deciding whether an action on an attempt is allowed.
    pub fn permit(&self, node: Option<&str>) -> permit::Circumstances<'_> {
        let status = node.and_then(|id| self.status.node_statuses.get(id));
        let claim = status.and_then(|status| status.extensions.claim.as_ref());
        permit::Circumstances {
            plan: Some(&self.pins),
            holder: claim.map(permit::Holder::from),
            ..self.turn.permit(self.status)
        }
    }

    pub fn node(&self, id: &str) -> Option<&Node> {
        self.graph.index_of(id).map(|index| &self.spec.nodes[index])
    }

    pub fn status_of(&self, id: &str) -> NodeStatus {
        self.status
            .node_statuses
            .get(id)
            .cloned()
            .unwrap_or_default()
    }

    pub fn phase_of(&self, index: usize) -> NodePhase {
        self.status
            .node_statuses
            .get(self.graph.id(index))
            .map_or(NodePhase::Pending, |status| status.phase)
    }

    /// The reason of a node's phase.
    pub fn reason_of(&self, index: usize) -> &str {
        self.status
            .node_statuses
            .get(self.graph.id(index))
            .map_or("", |status| status.extensions.reason.as_str())
    }

    /// Stops the run when a node has finally failed, if the execution requests it. Returns whether
    /// there was anything to stop.
    fn fail_fast(&mut self) -> bool {
        let wanted = self.pins.execution.parameters.get(FAIL_FAST);
        if wanted != Some(&serde_json::Value::Bool(true)) {
            return false;
        }
        let mut statuses = self.status.node_statuses.iter();
        let failed = statuses.find(|(_, status)| status.phase == NodePhase::Failed);
        let Some((id, _)) = failed else {
            return false;
        };
        let why = format!("`{id}` failed, and the execution is to fail fast");
        self.stop("FailFast", &why)
    }

    /// Cancels the open nodes of a cancelled run, except those with `always`, unless
    /// the file of the execution is gone. Returns whether nothing is left to do.
    fn stop_if_asked(&mut self) -> bool {
        if !self.is_cancelled() {
            return false;
        }
        if self.turn.presence != Presence::Deleted {
            let why = super::cancel_reason(self.status);
            self.stop("Cancelled", &why);
            let mut nodes = self.status.node_statuses.values();
            if nodes.any(|node| !node.phase.is_terminal()) {
                return false;
            }
        }
        super::stop_if_asked(self.status, self.now())
    }

    /// Whether the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.status.extensions.cancelled_by.is_some()
    }

    /// Cancels the open nodes, except those with `always`. Returns whether there were any.
    pub fn stop(&mut self, reason: &str, why: &str) -> bool {
        let kept = self.not_to_be_stopped();
        let now = self.now();
        let mut has_stopped = false;
        for (id, status) in &mut self.status.node_statuses {
            if !status.phase.is_terminal() && !kept.contains(id) {
                move_node(status, NodeEvent::Cancel, reason, why.to_owned(), now);
                has_stopped = true;
            }
        }
        has_stopped
    }

    /// The open nodes with `always`, and the groups around them.
    pub fn not_to_be_stopped(&self) -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        // Children precede their groups.
        for &index in self.graph.order() {
            let node = &self.spec.nodes[index];
            let holds_one = node.children.iter().any(|child| kept.contains(child));
            if (node.extension.always || holds_one) && !self.phase_of(index).is_terminal() {
                kept.insert(node.id.clone());
            }
        }
        kept
    }

    /// Moves a node of the run, see [`move_node`].
    pub fn move_node(&mut self, id: &str, event: NodeEvent, reason: &str, message: String) {
        let now = self.now();
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            move_node(status, event, reason, message, now);
        }
    }

    /// Ends the open attempt without a failure; the next one can be claimed at once.
    pub fn requeue(&mut self, id: &str, reason: &str, message: String) {
        self.move_node(id, NodeEvent::Requeue, reason, message);
        self.open_next_attempt(id);
    }

    /// Ends the open attempt with a failure: the next one opens after a wait, or the node fails.
    pub fn fail_attempt(&mut self, id: &str, reason: &str, message: String) {
        let retries = self.node(id).map_or(0, |node| node.retries);
        let Some(status) = self.status.node_statuses.get_mut(id) else {
            return;
        };
        status.extensions.failures += 1;
        let failures = status.extensions.failures;
        if failures > retries {
            self.move_node(id, NodeEvent::Fail, reason, message);
            return;
        }
        let seed = format!("{}/{id}/{}", self.me.uid, status.attempt);
        let wait = chrono::TimeDelta::seconds(retry_wait(failures, &seed));
        let not_before = self.now() + wait;
        self.move_node(id, NodeEvent::Requeue, RETRY_WAIT, message);
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.not_before = Some(not_before);
        }
        self.open_next_attempt(id);
    }

    pub fn open_next_attempt(&mut self, id: &str) {
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.attempt += 1;
        }
        self.skip_spoiled_attempts(id);
    }

    /// The ref is the lock: an attempt whose ref exists already can never be claimed.
    pub fn skip_spoiled_attempts(&mut self, id: &str) {
        let Some(mut attempt) = self.status.node_statuses.get(id).map(|s| s.attempt) else {
            return;
        };
        loop {
            let address = Address::Work {
                run: self.me.clone(),
                node: id.to_owned(),
                attempt,
            };
            let taken = self
                .status
                .extensions
                .records
                .contains_key(&address.to_string())
                || self.turn.refused.contains_key(&address);
            if !taken {
                break;
            }
            attempt += 1;
        }
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.attempt = attempt;
        }
    }

    /// If the ref of a held attempt has something else than its holder's records, no further records can be read there:
    /// the next attempt is opened, in which the holder can report the work.
    fn leave_spoiled_attempts(&mut self) {
        let turn = self.turn;
        let is_rewritten = |address: &Address| {
            let mut incoming = turn.incoming.iter();
            incoming.any(|one| one.address == *address && one.rewritten)
        };
        let ids: Vec<String> = self.status.node_statuses.keys().cloned().collect();
        for id in ids {
            let status = self.status_of(&id);
            let address = Address::Work {
                run: self.me.clone(),
                node: id.clone(),
                attempt: status.attempt,
            };
            let is_spoiled = turn.refused.contains_key(&address) || is_rewritten(&address);
            if !status.is_in_hands() || !is_spoiled {
                continue;
            }
            let Some(claim) = status.extensions.claim else {
                continue;
            };
            let (attempt, actor) = (status.attempt, &claim.actor);
            let message =
                format!("the ref of attempt {attempt} no longer holds the records of {actor}");
            self.requeue(&id, "RefSpoiled", message);
            if let Some(status) = self.status.node_statuses.get_mut(&id) {
                status.extensions.lapsed = Some(claim);
            }
        }
    }

    fn judge_deadlines(&mut self) {
        let ids: Vec<String> = self.status.node_statuses.keys().cloned().collect();
        for id in ids {
            let status = self.status_of(&id);
            if !status.is_in_hands() {
                continue;
            }
            let node = self.node(&id).cloned();
            let timeout = node.as_ref().and_then(|node| node.timeout.clone());
            // Only nodes with `always` are left of the group.
            let timeout = timeout.filter(|_| status.extensions.reason != TIMED_OUT);
            if let (Some(timeout), Some(started)) = (timeout, status.start_time)
                && self.has_come(started + timeout.delta())
            {
                if let Some(group) = node.filter(|node| node.kind == NodeKind::Group) {
                    self.time_out_group(&group, format!("was at work for {timeout}"));
                    continue;
                }
                let message = format!("attempt {} ran for {timeout}", status.attempt);
                self.fail_attempt(&id, TIMED_OUT, message);
                continue;
            }
            let Some(claim) = status.extensions.claim else {
                continue;
            };
            if claim.expires.is_some_and(|expires| self.has_come(expires)) {
                let message = format!("the lease of {} expired", claim.actor);
                self.requeue(&id, "LeaseExpired", message);
                if let Some(status) = self.status.node_statuses.get_mut(&id) {
                    status.extensions.lapsed = Some(claim);
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        if self.status.phase.is_terminal() {
            return None;
        }
        let mut deadlines = Vec::new();
        for (id, status) in &self.status.node_statuses {
            match status.phase {
                _ if status.is_in_hands() => {
                    deadlines.extend(status.extensions.claim.as_ref().and_then(|c| c.expires));
                    let timeout = self.node(id).and_then(|node| node.timeout.as_ref());
                    deadlines.extend(
                        timeout
                            .zip(status.start_time)
                            .map(|(timeout, start)| start + timeout.delta()),
                    );
                }
                NodePhase::Pending => deadlines.extend(status.extensions.not_before),
                NodePhase::Blocked => deadlines.extend(self.wait_due(id)),
                _ => {}
            }
        }
        deadlines.retain(|deadline| *deadline > self.now());
        deadlines.into_iter().min()
    }

    fn settle_phase(&mut self) {
        let now = self.now();
        let mut nodes = self.status.node_statuses.values();
        let is_over = nodes.all(|node| node.phase.is_terminal());
        if is_over && super::stop_if_asked(self.status, now) {
            return;
        }
        let (event, reason, message) = if is_over { self.end() } else { self.course() };
        if self.is_cancelled() {
            let why = format!("{}; then {message}", super::cancel_reason(self.status));
            return move_to(self.status, event, "CleaningUp", why, now);
        }
        move_to(self.status, event, reason, message, now);
    }

    fn in_phase(&self, phase: NodePhase) -> Vec<&str> {
        let nodes = self.status.node_statuses.iter();
        let those = nodes.filter(|(_, status)| status.phase == phase);
        those.map(|(id, _)| id.as_str()).collect()
    }

    /// How a run ends that was not cancelled.
    fn end(&self) -> (ExecutionEvent, &'static str, String) {
        // Cancelled nodes were stopped because of a failure.
        let stopped = self.in_phase(NodePhase::Cancelled);
        let mut failed = self.in_phase(NodePhase::Failed);
        if !failed.is_empty() {
            // A failed node with `always` must not hide the cause.
            failed.sort_by_key(|id| self.node(id).is_some_and(|node| node.extension.always));
            let why = format!("{} failed", list(&failed));
            return (ExecutionEvent::Fail, "NodeFailed", why);
        }
        match self.end_by_contract() {
            failed if failed.0 == ExecutionEvent::Fail => failed,
            _ if !stopped.is_empty() => {
                let why = format!("{} was cancelled", list(&stopped));
                (ExecutionEvent::Fail, "NodeCancelled", why)
            }
            by_contract => by_contract,
        }
    }

    /// The phase of an open run.
    fn course(&self) -> (ExecutionEvent, &'static str, String) {
        let nodes = &self.status.node_statuses;
        let mut running = self.in_phase(NodePhase::Running);
        // The phase of a group follows from its children.
        running.retain(|id| {
            self.node(id)
                .is_none_or(|node| node.kind != NodeKind::Group)
        });
        if !running.is_empty() {
            let why = format!("{} at work", list(&running));
            return (ExecutionEvent::Run, "Working", why);
        }
        let ready = nodes.iter().filter(|(_, status)| status.is_offered());
        let ready: Vec<&str> = ready.map(|(id, _)| id.as_str()).collect();
        if !ready.is_empty() {
            let why = format!("{} can be claimed", list(&ready));
            return (ExecutionEvent::Run, "WaitingForWorkers", why);
        }
        let blocked = nodes.iter();
        let blocked: Vec<String> = blocked
            .filter(|(_, status)| status.phase == NodePhase::Blocked)
            .map(|(id, status)| format!("{id}: {}", status.message))
            .collect();
        let why = list(&blocked.iter().map(String::as_str).collect::<Vec<_>>());
        (ExecutionEvent::Block, self.block_reason(), why)
    }

    /// The common reason of all blocked nodes, else a general one.
    fn block_reason(&self) -> &'static str {
        let mut reasons = self
            .status
            .node_statuses
            .values()
            .filter(|node| node.phase == NodePhase::Blocked)
            .map(|node| node.extensions.reason.as_str());
        let first = reasons.next().unwrap_or_default();
        let known = [
            AWAITING_ANSWER,
            AWAITING_APPROVAL,
            AWAITING_EXTERNAL,
            AWAITING_VERIFICATION,
            OUT_OF_SCOPE,
        ];
        let shared = known.into_iter().find(|known| *known == first);
        let is_shared = reasons.all(|reason| reason == first);
        shared.filter(|_| is_shared).unwrap_or("Waiting")
    }

    /// Records that a record could not be applied; the oldest entries are dropped.
    pub fn refuse(&mut self, note: Unapplied) {
        list_unapplied(&mut self.status.extensions.unapplied, note);
    }
}

/// Moves a node by the state machine, with reason and message; an event that is not allowed changes
/// nothing.
pub(super) fn move_node(
    status: &mut NodeStatus,
    event: NodeEvent,
    reason: &str,
    message: String,
    now: Time,
) {
    let Ok(next) = machine::node(status.phase, event) else {
        return;
    };
    status.phase = next;
    status.extensions.reason = reason.to_owned();
    status.message = message;
    status.completion_time = next.is_terminal().then_some(now);
    if next != NodePhase::Running {
        status.extensions.claim = None;
    }
    match event {
        NodeEvent::Claim | NodeEvent::Begin => status.start_time = Some(now),
        NodeEvent::Requeue | NodeEvent::Reopen | NodeEvent::Retry => status.start_time = None,
        NodeEvent::Block if status.start_time.is_none() => status.start_time = Some(now),
        NodeEvent::Unblock => status.start_time = None,
        _ => {}
    }
}

pub(super) fn list_unapplied(list: &mut Vec<Unapplied>, note: Unapplied) {
    list.push(note);
    let excess = list.len().saturating_sub(UNAPPLIED_KEPT);
    list.drain(..excess);
}

/// Doubled with every failure, plus up to half of that, so that nodes which failed together
/// are not retried together. Deterministic for the same attempt.
fn retry_wait(failures: u32, seed: &str) -> i64 {
    let doubled = FIRST_RETRY_SECONDS << failures.saturating_sub(1).min(16);
    let wait = doubled.min(LONGEST_RETRY_SECONDS);
    let digest = sha256_hex(seed.as_bytes());
    let jitter = digest
        .get(..8)
        .and_then(|hex| i64::from_str_radix(hex, 16).ok());
    wait + jitter.unwrap_or(0) % (wait / 2 + 1)
}

/// `a, b, c and 4 more`
pub(super) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown = &names[..names.len().min(SHOWN)];
    shown.join(", ") + &and_more(names.len() - shown.len())
}
