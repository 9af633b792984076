//! What a reviewer says at a gate of one run.

use super::permit::Asked;
use super::record::{Recorded, Sender, execution};
use super::runs::{self, Look, Run};
use super::store::Store;
use super::{Error, Result, suggestion};
use crate::api::record::Decided;
use crate::core::resource::{AWAITING_APPROVAL, Decision, Kind, NodePhase, ReviewAction, Time};
use crate::core::run::record::{Action, Address, Record, Signature, ref_safe};

/// Approve, reject or comment. A decision belongs to one run, one node and one digest over plan,
/// gate and targets.
#[derive(Debug, Clone)]
pub struct DecideRequest {
    /// Who asks.
    pub sender: Sender,
    /// The gate, or `EXECUTION/NODE`.
    pub gate: String,
    /// Namespace of the gate or the execution, where the name alone is ambiguous.
    pub namespace: Option<String>,
    /// Which run, when several wait.
    pub execution: Option<String>,
    /// Which node, when a run waits at several.
    pub node: Option<String>,
    /// What is said.
    pub decision: ReviewAction,
    /// Why.
    pub message: String,
}

/// Decide, or comment, at a gate.
///
/// # Errors
/// Nothing waits there, or at several places; the actor may not decide; the signature would not
/// count.
pub fn decide(store: &Store, request: &DecideRequest) -> Result<Recorded<Decided>> {
    let decision = request.decision;
    if decision == ReviewAction::Comment && request.message.trim().is_empty() {
        return Err(Error::ambiguous("a comment without a text says nothing").hint("add -m TEXT"));
    }
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let waiting = choose(&look, request)?;
    let action = action(&waiting, request);
    Asked::new(&look, waiting.run).may(&action, &actor)?;
    let record = send(store, &look, &waiting, (request, action), &actor)?;
    let decided = Decided {
        execution: execution(waiting.run),
        node: waiting.node.to_owned(),
        gate: waiting.decision.gate.clone(),
        decision: decision.word().to_owned(),
        digest: waiting.decision.digest.clone(),
    };
    Ok(request.sender.sent(store, (actor, record), decided))
}

/// What is said of what waits.
fn action(waiting: &Waiting<'_>, request: &DecideRequest) -> Action {
    let gate = &waiting.decision.gate;
    let pinned = waiting.run.status.extensions.pinned.as_ref();
    let generation = pinned
        .and_then(|pinned| pinned.gates.get(gate))
        .map_or(0, |pin| pin.generation);
    Action::Review {
        node: waiting.node.to_owned(),
        gate: gate.clone(),
        digest: waiting.decision.digest.clone(),
        decision: request.decision,
        comment: request.message.clone(),
        target_generation: generation,
    }
}

fn send(
    store: &Store,
    look: &Look,
    waiting: &Waiting<'_>,
    (request, action): (&DecideRequest, Action),
    actor: &str,
) -> Result<String> {
    let gate = &waiting.decision.gate;
    let (namespace, name) = gate.split_once('/').unwrap_or(("", gate));
    let address = Address::Review {
        namespace: namespace.to_owned(),
        gate: name.to_owned(),
        uid: waiting.run.file.uid.clone(),
        reviewer: ref_safe(actor),
    };
    let now = request.sender.caller.now;
    let record = look.record(waiting.run, actor, now, action);
    let old = look.view.inbox.get(&address).map(String::as_str);
    if let Some(old) = old {
        store.fetch_records(&[old.to_owned()])?;
    }
    let mut id = store.write_record(old, &record, now)?;
    if look.view.config.approvals.require_signed {
        id = match signed(store, look, id.clone(), &record, now) {
            // Comments decide nothing, and are kept without a signature too.
            Err(_) if request.decision == ReviewAction::Comment => id,
            signed => signed?,
        };
    }
    let sent = store.send_written(&address, old, id, record.action.word())?;
    runs::sent(&address, sent)
}

/// A gate node that waits.
struct Waiting<'a> {
    run: Run<'a>,
    node: &'a str,
    decision: &'a Decision,
}

/// Sign a record, and see that reconcile will count the signature.
fn signed(store: &Store, look: &Look, id: String, record: &Record, now: Time) -> Result<String> {
    let help = "`approvals.requireSigned` is on: docs/approvals.md says how keys are made and listed; \
                git signs with `user.signingkey` and `gpg.format`";
    let id = store
        .sign_record(&id, now)
        .map_err(|error| error.hint(help))?;
    let arrival = look.stored.time.max(now);
    match store.signature(&look.view, arrival, &id, record)? {
        Signature::Bad(reason, why) => {
            Err(Error::forbidden(format!("this would not count, {reason}: {why}")).hint(help))
        }
        Signature::Good(_) | Signature::Unchecked => Ok(id),
    }
}

/// The one gate node that is meant.
fn choose<'a>(look: &'a Look, request: &'a DecideRequest) -> Result<Waiting<'a>> {
    let namespace = request.namespace.as_deref();
    let all: Vec<Waiting<'a>> = look.runs().flat_map(waiting_nodes).collect();
    let by_gate = |waiting: &Waiting<'_>| {
        let gate = &waiting.decision.gate;
        let (own, name) = gate.split_once('/').unwrap_or(("", gate));
        match request.gate.split_once('/') {
            Some((ns, gate)) => (ns, gate) == (own, name),
            None => request.gate == name && namespace.is_none_or(|ns| ns == own),
        }
    };
    let by_node = |waiting: &Waiting<'_>| {
        let key = waiting.run.key;
        let short = format!("{}/{}", key.name, waiting.node);
        let in_namespace = namespace.is_none_or(|ns| ns == key.namespace);
        (request.gate == short && in_namespace)
            || request.gate == format!("{}/{short}", key.namespace)
    };
    let of_run = |waiting: &Waiting<'_>| {
        let key = waiting.run.key;
        request
            .execution
            .as_ref()
            .is_none_or(|name| *name == key.name || *name == key.qualified())
    };
    let of_node = |waiting: &Waiting<'_>| request.node.as_ref().is_none_or(|n| n == waiting.node);
    let mut meant: Vec<Waiting<'a>> = all
        .into_iter()
        .filter(|waiting| by_gate(waiting) || by_node(waiting))
        .filter(|waiting| of_run(waiting) && of_node(waiting))
        .collect();
    if let (true, Some(name)) = (meant.is_empty(), &request.execution) {
        // A mistyped name deserves to be told.
        look.run(name, namespace)?;
    }
    match meant.len() {
        1 => Ok(meant.remove(0)),
        0 => Err(nothing_waits(look, request)),
        _ => {
            let runs: Vec<String> = meant
                .iter()
                .map(|waiting| format!("{}/{}", waiting.run.key.qualified(), waiting.node))
                .collect();
            Err(Error::ambiguous(format!(
                "`{}` is waited for at several places: {}",
                request.gate,
                runs.join(", ")
            ))
            .hint(format!(
                "choose one: --execution {} --node {}",
                meant[0].run.key.name, meant[0].node
            )))
        }
    }
}

fn waiting_nodes(run: Run<'_>) -> impl Iterator<Item = Waiting<'_>> {
    run.status
        .node_statuses
        .iter()
        .filter(|(_, node)| {
            node.phase == NodePhase::Blocked && node.extensions.reason == AWAITING_APPROVAL
        })
        .filter_map(move |(id, node)| {
            Some(Waiting {
                run,
                node: id,
                decision: node.extensions.decision.as_ref()?,
            })
        })
}

fn nothing_waits(look: &Look, request: &DecideRequest) -> Error {
    let gates: Vec<&str> = look
        .stored
        .tree
        .files
        .keys()
        .filter(|key| key.kind == Kind::Gate)
        .map(|key| key.name.as_str())
        .collect();
    let name = request.gate.rsplit('/').next().unwrap_or(&request.gate);
    let failure = Error::not_ready(format!(
        "nothing waits for a decision on `{}`",
        request.gate
    ));
    if gates.contains(&name) {
        return failure.hint(format!(
            "a gate cannot be approved ahead, nor twice: planspec describe gate {name}"
        ));
    }
    match suggestion(name, gates.iter().copied()) {
        Some(hint) => failure.hint(hint),
        None => failure.hint("planspec get gates lists the gates; write GATE or EXECUTION/NODE"),
    }
}
