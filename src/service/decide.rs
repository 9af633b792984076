//! Reviews at a gate of one run.

use super::names::two_namespaces;
use super::record::{RecordRequest, RecordWriter, Recorded, execution};
use super::runs::{Observed, ObservedNode, observe, observe_gate};
use super::store::Store;
use super::{Error, Result, suggestion};
use crate::api::record::Decided;
use crate::core::base::suggest::choices;
use crate::core::resource::{AWAITING_APPROVAL, Decision, Key, Kind, NodePhase, ReviewAction};
use crate::core::run::record::{Action, Address};

/// A request to approve, reject or comment. A decision belongs to one run, one node and one digest over
/// plan, gate and targets.
#[derive(Debug, Clone)]
pub struct DecideRequest {
    /// The gate, or `EXECUTION/NODE`; and the actor.
    pub record: RecordRequest,
    /// The run, if several wait.
    pub execution: Option<String>,
    /// The node, if a run waits at several.
    pub node: Option<String>,
    /// The digest that the reviewer has seen, or its beginning. If the current one differs, nothing is recorded.
    pub digest: Option<String>,
    /// The kind of the review.
    pub decision: ReviewAction,
    /// The reason.
    pub message: String,
}

/// Records a review at a gate.
///
/// # Errors
/// No gate node waits, or several do; the actor may not decide; the signature would not count.
pub fn decide(store: &Store, request: &DecideRequest) -> Result<Recorded<Decided>> {
    let decision = request.decision;
    if decision == ReviewAction::Comment && request.message.trim().is_empty() {
        return Err(Error::ambiguous("a comment needs a text").hint("add -m TEXT"));
    }
    let (target, namespace) = (&request.record.target, request.record.namespace.as_deref());
    let mut observed = observe_gate(store, target, namespace)?;
    if choose(&observed, request).is_err() {
        // To say why nothing is found, everything must be observed.
        observed = observe(store)?;
    }
    request.record.send_on(store, &observed, |writer| {
        let waiting = choose(writer.observed, request)?;
        check_seen(waiting, request)?;
        let action = action(waiting, request);
        writer.may(waiting.node.run, &action)?;
        let decided = Decided {
            execution: execution(waiting.node.run),
            node: waiting.node.id.to_owned(),
            step: writer.observed.step(waiting.node.run, waiting.node.id),
            gate: waiting.decision.gate.clone(),
            decision: decision.word().to_owned(),
            digest: waiting.decision.digest.clone(),
        };
        Ok((send(writer, waiting, action)?, decided))
    })
}

/// A gate node that waits.
#[derive(Clone, Copy)]
struct WaitingGate<'a> {
    node: ObservedNode<'a>,
    decision: &'a Decision,
}

impl<'a> WaitingGate<'a> {
    /// Namespace and name of the gate.
    fn gate(self) -> (&'a str, &'a str) {
        let gate = self.decision.gate.as_str();
        gate.split_once('/').unwrap_or(("", gate))
    }
}

/// Minimum length of a digest prefix.
const SEEN: usize = 12;

/// Checks that the digest is the one that the reviewer has seen.
fn check_seen(waiting: WaitingGate<'_>, request: &DecideRequest) -> Result {
    let Some(seen) = &request.digest else {
        return Ok(());
    };
    let is = &waiting.decision.digest;
    let (seen, now) = (digits(seen), digits(is));
    if seen.len() < SEEN {
        let why = format!("`{seen}` is too short for a digest");
        return Err(Error::ambiguous(why).hint(format!("give at least {SEEN} digits of it")));
    }
    if now.starts_with(seen) {
        return Ok(());
    }
    let name = waiting.node.name();
    let why = format!("the subject of {name} has changed: its digest is now {is}");
    let key = waiting.node.run.key;
    Err(Error::conflict(why).hint(format!(
        "review it again: planspec describe execution {} -n {}",
        key.name, key.namespace
    )))
}

fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// The action to record.
fn action(waiting: WaitingGate<'_>, request: &DecideRequest) -> Action {
    let gate = &waiting.decision.gate;
    let pinned = waiting.node.run.status.extensions.pinned.as_ref();
    let generation = pinned
        .and_then(|pinned| pinned.gates.get(gate))
        .map_or(0, |pin| pin.generation);
    Action::Review {
        node: waiting.node.id.to_owned(),
        gate: gate.clone(),
        digest: waiting.decision.digest.clone(),
        decision: request.decision,
        comment: request.message.clone(),
        target_generation: generation,
    }
}

fn send(writer: &RecordWriter<'_>, waiting: WaitingGate<'_>, action: Action) -> Result<String> {
    let (namespace, gate) = waiting.gate();
    let run = waiting.node.run;
    let address = Address::review(namespace, gate, &run.file.uid, writer.actor);
    writer.say(&address, run, action)
}

/// The only gate node that matches the request.
fn choose<'a>(observed: &'a Observed, request: &DecideRequest) -> Result<WaitingGate<'a>> {
    let (meant, namespace) = (&request.record.target, request.record.namespace.as_deref());
    let by_gate = |waiting: &WaitingGate<'_>| {
        let (own, name) = waiting.gate();
        match meant.split_once('/') {
            Some((ns, gate)) => (ns, gate) == (own, name),
            None => meant == name,
        }
    };
    let in_namespace = |waiting: &WaitingGate<'_>| {
        let (own, _) = waiting.gate();
        namespace.is_none_or(|ns| ns == own)
    };
    // The gate node, or the step that it approves.
    let is_node = |waiting: &WaitingGate<'_>, text: &str| {
        let WaitingGate { node, .. } = waiting;
        let named = observed.named(node.run, text);
        named.is_some_and(|named| named.id == node.id) || observed.approves(node.run, node.id, text)
    };
    let by_node = |waiting: &WaitingGate<'_>| {
        let key = waiting.node.run.key;
        let in_namespace = namespace.is_none_or(|ns| ns == key.namespace);
        let Some((execution, node)) = meant.rsplit_once('/') else {
            return false;
        };
        let is_run = (execution == key.name && in_namespace) || execution == key.qualified();
        is_run && is_node(waiting, node)
    };
    let is_asked_for = |waiting: &WaitingGate<'_>| {
        let key = waiting.node.run.key;
        let of_run = |name: &String| *name == key.name || *name == key.qualified();
        request.execution.as_ref().is_none_or(of_run)
            && request
                .node
                .as_ref()
                .is_none_or(|node| is_node(waiting, node))
    };
    let all = observed.runs().flat_map(|run| run.nodes());
    let found: Vec<WaitingGate<'a>> = all
        .filter_map(waiting)
        .filter(|waiting| (by_gate(waiting) && in_namespace(waiting)) || by_node(waiting))
        .filter(is_asked_for)
        .collect();
    if let ([], Some(name)) = (found.as_slice(), &request.execution) {
        // Reports an execution that does not exist.
        observed.run(name, namespace)?;
    }
    let elsewhere = || {
        let mut all = observed
            .runs()
            .flat_map(|run| run.nodes())
            .filter_map(waiting);
        all.any(|waiting| by_gate(&waiting) && !in_namespace(&waiting))
    };
    if let ([], Some(namespace), Some(said)) = (found.as_slice(), namespace, meant.split_once('/'))
        && elsewhere()
    {
        return Err(two_namespaces(said, namespace));
    }
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(nothing_waits(observed, meant, namespace)),
        several => {
            let names: Vec<String> = found.iter().map(|one| one.node.name()).collect();
            let names = choices(meant, names.iter().map(String::as_str), str::to_owned);
            let each = several.iter().map(|one| {
                let (run, node) = (one.node.run.key.qualified(), one.node.id);
                format!("`--execution {run} --node {node}`")
            });
            let each: Vec<String> = each.collect();
            let each = choices(meant, each.iter().map(String::as_str), str::to_owned);
            Err(
                Error::ambiguous(format!("several nodes wait for `{meant}`: {names}"))
                    .hint(format!("choose one: {each}")),
            )
        }
    }
}

/// The node, if it waits for a decision.
fn waiting(node: ObservedNode<'_>) -> Option<WaitingGate<'_>> {
    let extensions = &node.status.extensions;
    let waits = node.status.phase == NodePhase::Blocked && extensions.reason == AWAITING_APPROVAL;
    let decision = extensions.decision.as_ref().filter(|_| waits)?;
    Some(WaitingGate { node, decision })
}

fn nothing_waits(observed: &Observed, meant: &str, namespace: Option<&str>) -> Error {
    let keys = observed.stored.tree.files.keys();
    let gates: Vec<&Key> = keys.filter(|key| key.kind == Kind::Gate).collect();
    let name = meant.rsplit('/').next().unwrap_or(meant);
    let message = format!("no run waits for a decision on `{meant}`");
    let is_meant = |key: &&&Key| key.name == name && namespace.is_none_or(|ns| key.namespace == ns);
    if let Some(gate) = gates.iter().find(is_meant) {
        return Error::not_ready(message).hint(format!(
            "a gate cannot be approved in advance or twice: `planspec describe gate {name} -n {}`",
            gate.namespace
        ));
    }
    // If the node exists, its turn has not come, or is over.
    if let Some(node) = meant.contains('/').then(|| observed.node(meant, namespace)) {
        return match node {
            Ok(node) => {
                let (phase, of) = (node.status.phase, node.name());
                Error::not_ready(message).hint(format!("{of} is {phase}"))
            }
            Err(error) => error,
        };
    }
    Error::not_found(message)
        .hint("`planspec get gates` lists the gates; write GATE or EXECUTION/NODE")
        .maybe_hint(suggestion(name, gates.iter().map(|key| key.name.as_str())))
}
