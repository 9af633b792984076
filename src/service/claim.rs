//! Claims: take a node, keep it, give it back. Only one of several competing workers gets it.

use super::brief::{brief_of, commands};
use super::held::{self, AttemptChain, Speaker, Working};
use super::overlap::Overlaps;
use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, attempt};
use super::runs::{ObservedNode, is_unread};
use super::store::{Sent, Store};
use super::{Error, Result};
use crate::api::brief::Brief;
use crate::api::record::{Claimed, Released};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::time::exact;
use crate::core::resource::Duration;
use crate::core::run::permit::Refusal;
use crate::core::run::record::Action;

/// A request to claim a node.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The node, and the actor.
    pub record: RecordRequest,
    /// The session or claim.
    pub working: Working,
    /// How long the claim lasts unless it is renewed; the configuration sets the maximum.
    pub lease: Option<Duration>,
}

impl ClaimRequest {
    /// Expands the id of the claim that it names.
    fn resolved(&self, store: &Store) -> Result<ClaimRequest> {
        let working = held::resolve(store, &self.record, &self.working)?;
        Ok(ClaimRequest {
            working,
            ..self.clone()
        })
    }
}

/// Claims a node: creates the ref of its open attempt. If this session already holds it, renews the claim.
///
/// # Errors
/// `Taken` if somebody else holds it, `NotReady` if it cannot be claimed, `Forbidden` if it is for people and the
/// actor is not one; and errors of reading the repository.
pub fn claim(store: &Store, request: &ClaimRequest) -> Result<Recorded<Claimed>> {
    let request = &request.resolved(store)?;
    let mut told = None;
    let speaks = (&request.record, &request.working);
    let mut recorded = held::say(store, speaks, |writer, node| {
        check_lease(writer, request.lease.as_ref())?;
        let asked = Asked::new(writer.observed, node.run);
        let other = asked.permit().bound_to_another(node.status, writer.actor);
        told = other.map(|provider| {
            let (name, actor) = (node.name(), writer.actor);
            format!("{name} is bound to {provider}, not to {actor}")
        });
        if let Some(held) = held_already(writer, node, request)? {
            return renewal(writer, node, (request, &held));
        }
        let record = first(writer, node, request.lease.clone())?;
        held::remember(writer, node, &record);
        Ok((record.clone(), claimed(writer, node, (request, record))?))
    })?;
    recorded.answer.notes.extend(told);
    Ok(recorded)
}

/// Renews a claim: its lease starts again.
///
/// # Errors
/// The actor does not hold the node.
pub fn renew(store: &Store, request: &ClaimRequest) -> Result<Recorded<Claimed>> {
    let request = &request.resolved(store)?;
    held::say(
        store,
        (&request.record, &request.working),
        |writer, node| {
            check_lease(writer, request.lease.as_ref())?;
            let action = renewal_of(node, request);
            let chain = spoken_for(writer, node, (&action, &request.working))?;
            renewal(writer, node, (request, &chain))
        },
    )
}

fn renewal_of(node: ObservedNode<'_>, request: &ClaimRequest) -> Action {
    Action::Renewal {
        node: node.id.to_owned(),
        attempt: node.status.attempt,
        lease: request.lease.clone(),
        claim: request.working.claim.clone(),
    }
}

fn renewal(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (request, chain): (&ClaimRequest, &AttemptChain),
) -> Result<(String, Claimed)> {
    let action = renewal_of(node, request);
    let claim = chain.claim().id.clone();
    let address = node.address();
    let tip = writer.observed.tip(&address).unwrap_or(&claim);
    let record = writer.record(node.run, action);
    // A renewal replaces the last record. A question that no reconcile has taken in must not be lost.
    let known = &node.status.extensions.questions;
    let mut asked = chain.questions();
    let is_unheard = asked.any(|(record, _)| !known.iter().any(|one| one.record == record));
    let length = if is_unheard { 1 } else { chain.length() };
    let place = (claim.as_str(), tip, length);
    let (sent, _) = writer.store.renew(&address, place, &record, writer.now)?;
    let record = sent.or_conflict(&address)?;
    let claimed = Claimed {
        renewed: true,
        ..claimed(writer, node, (request, claim))?
    };
    Ok((record, claimed))
}

/// Checks the lease: a shorter one than requested would be a surprise.
fn check_lease(writer: &RecordWriter<'_>, asked: Option<&Duration>) -> Result {
    let longest = &writer.observed.view.config.lease;
    match asked {
        Some(asked) if asked.delta() > longest.delta() => {
            let why = format!("a lease of {asked} is longer than the maximum, {longest}");
            let branch = &writer.observed.view.spec_branch;
            Err(Error::invalid(why).hint(format!(
                "`lease` in {CONFIG_FILE} on `{branch}` sets the maximum, which is also the default without `--lease`"
            )))
        }
        _ => Ok(()),
    }
}

fn claimed(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (request, claim): (&ClaimRequest, String),
) -> Result<Claimed> {
    let config = &writer.observed.view.config;
    let lease = config.lease_of(node.status, request.lease.as_ref());
    // While a question is open, the lease does not end.
    let lease = lease.filter(|_| !node.status.awaits_answer());
    let brief = brief_of(writer.store, writer.observed, node)?;
    Ok(Claimed {
        attempt: attempt(writer.observed, node.run, node.id, node.status.attempt),
        claim,
        brief: Brief {
            commands: commands(&brief.work, writer.actor),
            ..brief
        },
        renewed: false,
        // A reconcile never uses an earlier time than that of the status.
        lease_end: lease.map(|lease| writer.now.max(writer.observed.stored.time) + lease),
    })
}

/// A request to release a node.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// The node, and the actor.
    pub record: RecordRequest,
    /// The session or claim.
    pub working: Working,
    /// The reason.
    pub message: String,
}

/// Releases a claimed node; the next attempt opens, without counting a failure.
///
/// # Errors
/// The actor does not hold the node.
pub fn release(store: &Store, request: &ReleaseRequest) -> Result<Recorded<Released>> {
    let working = held::resolve(store, &request.record, &request.working)?;
    let request = &ReleaseRequest {
        working,
        ..request.clone()
    };
    held::say(
        store,
        (&request.record, &request.working),
        |writer, node| {
            let action = Action::Release {
                node: node.id.to_owned(),
                attempt: node.status.attempt,
                claim: request.working.claim.clone(),
                message: request.message.clone(),
            };
            let chain = spoken_for(writer, node, (&action, &request.working))?;
            let released = Released {
                attempt: attempt(writer.observed, node.run, node.id, node.status.attempt),
            };
            let sent = writer.send(&node.address(), node.run, action)?;
            held::forget(store, &chain.claim().id);
            Ok((sent, released))
        },
    )
}

/// The records of the open attempt, if its holder may add this action.
pub(super) fn spoken_for(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (action, working): (&Action, &Working),
) -> Result<AttemptChain> {
    let chain = chain_of(writer, node)?;
    may_speak(writer, node, chain.as_ref(), (action, working))?;
    chain.ok_or_else(|| {
        let attempt = node.status.attempt;
        Error::conflict(format!("the claim of attempt {attempt} no longer exists"))
    })
}

/// The records of the open attempt, if they begin with a claim.
fn chain_of(writer: &RecordWriter<'_>, node: ObservedNode<'_>) -> Result<Option<AttemptChain>> {
    let Some(tip) = writer.observed.tip(&node.address()) else {
        return Ok(None);
    };
    match AttemptChain::read(writer.store, tip)? {
        Some(chain) => Ok(Some(chain)),
        None => {
            let (name, attempt) = (node.name(), node.status.attempt);
            let why = format!("the ref of {name}, attempt {attempt}, contains no claim");
            Err(Error::not_ready(why).hint("run `planspec reconcile`: it opens the next attempt"))
        }
    }
}

/// Reasons for which the holder of an earlier attempt may not act on the open one.
const NOT_HELD: [&str; 4] = ["NotClaimed", "WrongActor", "OtherSession", "OtherClaim"];

/// Checks that the holder of the open attempt may take this action, by the status and by the last record.
fn may_speak(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    chain: Option<&AttemptChain>,
    (action, working): (&Action, &Working),
) -> Result {
    let mut asked = Asked::new(writer.observed, node.run);
    asked.session = writer.session;
    asked.holder = chain.map(AttemptChain::holder);
    if let Err((refusal, error)) = asked.ask(action, writer.actor) {
        let is_gone = NOT_HELD.contains(&refusal.reason) && !node.status.phase.is_terminal();
        let speaker = Speaker::of(writer, working);
        let before =
            is_gone.then(|| held::held_before(writer.store, writer.observed, node, speaker));
        if let Some((attempt, own)) = before.transpose()?.flatten() {
            return Err(held::is_over(writer, node, (attempt, &own))?);
        }
        if let Some(said) = chain.and_then(|chain| said_instead(node, chain, &refusal)) {
            return Err(said);
        }
        return Err(error.maybe_hint(held::flag(writer, &refusal, asked.holder)));
    }
    match chain.map(|chain| &chain.last().record.action) {
        Some(Action::Release { .. }) => Err(is_given_back(node)),
        // It may be released until it is verified.
        Some(Action::Report { result, .. }) if !node.status.is_reported() => {
            let (name, word) = (node.name(), result.word());
            let why = format!("{name} was already reported as {word}");
            Err(Error::conflict(why).hint("`planspec reconcile` applies the report"))
        }
        _ => Ok(()),
    }
}

/// The error if the next attempt is not open yet.
pub fn is_given_back(node: ObservedNode<'_>) -> Error {
    let why = format!(
        "{} was released, but the next attempt is not open yet",
        node.name()
    );
    Error::not_ready(why).hint("`planspec reconcile` opens the next attempt")
}

/// The claim that the actor already holds in this session, if it is still open.
fn held_already(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    request: &ClaimRequest,
) -> Result<Option<AttemptChain>> {
    let chain = AttemptChain::on(writer.store, writer.observed, &node.address())?;
    let speaker = Speaker::of(writer, &request.working);
    let is_mine =
        |chain: &AttemptChain| chain.is_open() && chain.is_held_by(node.id, speaker).is_ok();
    let chain = chain.filter(is_mine);
    if let Some(chain) = &chain {
        let action = renewal_of(node, request);
        may_speak(writer, node, Some(chain), (&action, &request.working))?;
    }
    Ok(chain)
}

/// Sends the first record of an attempt. Returns its id.
fn first(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    lease: Option<Duration>,
) -> Result<String> {
    let action = claim_of(node, lease);
    let is_over = node.status.phase.is_terminal() || node.run.status.phase.is_terminal();
    match writer.observed.tip(&node.address()) {
        // Nobody holds a finished node, whoever has done it.
        Some(tip) if !is_over => return Err(taken(writer, node, tip)?),
        _ => {
            let mut asked = Asked::new(writer.observed, node.run);
            asked.elsewhere = Overlaps::of(writer.store, writer.observed, &[node])?.held();
            asked.may(&action, writer.actor)?;
        }
    }
    match take(writer, node, action)? {
        Sent::Done(record) => Ok(record),
        Sent::Taken => Err(just_taken(node)),
    }
}

/// The error if somebody else was faster.
pub fn just_taken(node: ObservedNode<'_>) -> Error {
    Error::taken(format!("somebody else has just claimed {}", node.name()))
        .hint("`planspec next` shows what is left")
}

/// The claim of the open attempt.
pub fn claim_of(node: ObservedNode<'_>, lease: Option<Duration>) -> Action {
    Action::Claim {
        node: node.id.to_owned(),
        attempt: node.status.attempt,
        lease,
        adopts: None,
        done_before: false,
    }
}

/// The claim of the open attempt for finished work: of an earlier attempt whose lease has expired, or from before the run.
pub fn claim_of_done(node: ObservedNode<'_>, adopts: Option<u32>) -> Action {
    Action::Claim {
        node: node.id.to_owned(),
        attempt: node.status.attempt,
        lease: None,
        adopts,
        done_before: adopts.is_none(),
    }
}

/// Creates the claim of the open attempt: only one of several competitors gets it.
///
/// # Errors
/// The remote cannot be used.
pub fn take(writer: &RecordWriter<'_>, node: ObservedNode<'_>, claim: Action) -> Result<Sent> {
    writer.try_send(&node.address(), None, node.run, claim)
}

/// The error if the holder has reported or released the attempt, and no reconcile has taken that in.
fn was_said_last(node: ObservedNode<'_>, chain: &AttemptChain) -> Option<Error> {
    match &chain.last().record.action {
        Action::Release { .. } => Some(is_given_back(node)),
        Action::Report { result, .. } => {
            let (name, word, actor) = (node.name(), result.word(), chain.holder().actor);
            let why = format!("{actor} has already reported {name} as {word}");
            Some(Error::taken(why).hint("`planspec reconcile` applies the report"))
        }
        _ => None,
    }
}

/// The same, instead of a refusal that another actor holds the node.
pub fn said_instead(
    node: ObservedNode<'_>,
    chain: &AttemptChain,
    refusal: &Refusal,
) -> Option<Error> {
    let is_refused = refusal.reason == "WrongActor" && !node.status.is_reported();
    was_said_last(node, chain).filter(|_| is_refused)
}

/// The error with the actor who was first, from the claim itself: the status may not know it yet.
fn taken(writer: &RecordWriter<'_>, node: ObservedNode<'_>, tip: &str) -> Result<Error> {
    let name = node.name();
    let Some(chain) = AttemptChain::read(writer.store, tip)? else {
        return Ok(
            Error::taken(format!("somebody else has already claimed {name}"))
                .hint("`planspec next` shows what is left"),
        );
    };
    if let Some(said) = was_said_last(node, &chain) {
        return Ok(said);
    }
    let holder = chain.holder();
    let claim = node.status.extensions.claim.as_ref();
    let is_read = !is_unread(node.run.status, &node.address(), tip);
    let now = writer.now.max(writer.observed.stored.time);
    let end = claim.and_then(|claim| claim.expires);
    if let Some(end) = end.filter(|end| is_read && *end <= now) {
        let (actor, end) = (holder.actor, exact(end));
        let why = format!("{actor} has already claimed {name}, and the lease expired at {end}");
        return Ok(
            Error::taken(why).hint("`planspec reconcile` opens the next attempt: then claim it")
        );
    }
    Ok(match holder.actor {
        actor if actor == writer.actor => {
            let claim = holder.claim;
            let why = format!(
                "you ({}) have already claimed {name} in another session",
                holder.actor
            );
            Error::taken(why).hint(format!(
                "continue in the session that claimed it, or act for its claim: add `--claim {claim}`"
            ))
        }
        _ => Error::taken(format!("{} has already claimed {name}", holder.actor))
            .hint("`planspec next` shows what is left"),
    })
}
