//! Claims the first node that should be done, without naming it.

use super::claim::{ClaimRequest, claim};
use super::follow::{Follower, Pace};
use super::held::{Held, held_by};
use super::next::{NextRequest, next_in};
use super::record::Recorded;
use super::store::Store;
use super::{Error, ErrorKind, Result};
use crate::api::next::{NextNode, NextNodes};
use crate::api::record::Claimed;
use crate::core::repository::config::{Config, is_person};
use crate::core::resource::Time;

/// A request to claim the first node that is for the actor.
#[derive(Debug, Clone)]
pub struct ClaimNextRequest {
    /// The actor; the target is an execution, or empty for any.
    pub claim: ClaimRequest,
    /// Only nodes that this provider may take, including open ones. `None` leaves out nodes that are bound to others.
    pub provider: Option<String>,
    /// How long to wait until a node can be claimed; `None` does not wait.
    pub wait: Option<Pace>,
}

/// Callbacks while waiting.
pub struct Meanwhile<'a> {
    /// The clock.
    pub clock: &'a dyn Fn() -> std::result::Result<Time, String>,
    /// Called with notes for people.
    pub tell: &'a dyn Fn(&str),
    /// Whether anybody still waits.
    pub is_wanted: &'a dyn Fn() -> bool,
}

/// Claims the first node. If the actor already holds one in this session, renews and returns that one, so that a repeated
/// call never takes a second node. After a lost race, tries the next node.
///
/// # Errors
/// `NotReady` if nothing can be claimed, or not in time; otherwise as [`claim`].
pub fn claim_next(
    store: &Store,
    request: &ClaimNextRequest,
    meanwhile: &Meanwhile<'_>,
) -> Result<Recorded<Claimed>> {
    if let Some(held) = held(store, request)? {
        return claim(store, &held);
    }
    let Some(pace) = &request.wait else {
        return once(store, request);
    };
    let mut follower = Follower::begin(store, pace)?;
    let mut told = false;
    loop {
        let new = follower.look()?;
        new.note.iter().for_each(|note| (meanwhile.tell)(note));
        if !told || !new.commits.is_empty() {
            let mut now = request.clone();
            now.claim.record.caller.now = (meanwhile.clock)().map_err(Error::ambiguous)?;
            match once(store, &now) {
                Err(error) if error.kind == ErrorKind::NotReady => {
                    if !std::mem::replace(&mut told, true) {
                        (meanwhile.tell)(&format!("{}; waiting", error.message));
                    }
                }
                done => return done,
            }
        }
        if !follower.rest_while(meanwhile.is_wanted) {
            return Err(Error::not_ready("timed out: nothing could be claimed")
                .hint("`planspec next` shows what is waiting"));
        }
    }
}

/// The node that is already held here, as a request.
fn held(store: &Store, request: &ClaimNextRequest) -> Result<Option<ClaimRequest>> {
    let asked = &request.claim;
    let Held { observed, here, .. } = held_by(store, &asked.record.caller, &asked.working)?;
    let namespace = asked.record.namespace.as_ref();
    let is_meant = |execution: &str| {
        let of = asked.record.target.as_str();
        of.is_empty() || of == execution
    };
    let open = here.iter().filter_map(|one| {
        let node = one.node_in(&observed)?;
        let key = node.run.key;
        let is_open = node.status.attempt == one.attempt && !node.status.phase.is_terminal();
        let is_meant = namespace.is_none_or(|wanted| *wanted == key.namespace)
            && (is_meant(&key.name) || is_meant(&key.qualified()));
        (is_open && is_meant).then(|| (key.namespace.clone(), node.name()))
    });
    let first = open.min();
    Ok(first.map(|(namespace, name)| about(asked, (&namespace, &name))))
}

/// The same request for a given node.
fn about(asked: &ClaimRequest, (namespace, name): (&str, &str)) -> ClaimRequest {
    let mut claim = asked.clone();
    claim.record.target = name.to_owned();
    claim.record.namespace = Some(namespace.to_owned());
    claim
}

fn once(store: &Store, request: &ClaimNextRequest) -> Result<Recorded<Claimed>> {
    let record = &request.claim.record;
    let actor = store.actor(&record.caller)?;
    let view = store.fresh()?;
    let config = view.config.clone();
    let target = &record.target;
    let asked = NextRequest {
        execution: (!target.is_empty()).then(|| target.clone()),
        namespace: record.namespace.clone(),
        provider: request.provider.clone(),
        limit: None,
        for_programs: !is_person(&actor),
        now: record.caller.now,
    };
    let offers = next_in(store, view, &asked)?;
    for offer in &offers.items {
        if request.provider.is_none() && !is_for(offer, &config, &actor) {
            continue;
        }
        let name = format!("{}/{}", offer.execution, offer.node);
        match claim(store, &about(&request.claim, (&offer.namespace, &name))) {
            Err(error) if is_passed_over(error.kind) => {}
            done => return done,
        }
    }
    Err(nothing(&offers, &actor))
}

/// Whether a node is for an actor: bound to it, or to nobody.
pub fn is_for(offer: &NextNode, config: &Config, actor: &str) -> bool {
    let provider = offer.provider.as_ref();
    provider.is_none_or(|provider| config.is_bound(provider, actor))
}

/// Whether to try the next node: somebody else was faster, or this one is not for the actor.
fn is_passed_over(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Taken | ErrorKind::Conflict | ErrorKind::NotReady | ErrorKind::Forbidden
    )
}

fn nothing(offers: &NextNodes, actor: &str) -> Error {
    let others = match offers.items.len() {
        0 => String::new(),
        1 => "; 1 node is bound to somebody else, or was claimed".to_owned(),
        some => format!("; {some} nodes are bound to others, or were claimed"),
    };
    let message = format!("nothing can be claimed by {actor} now{others}");
    let hint = offers.notes.join("\n");
    let error = Error::not_ready(message);
    match hint.as_str() {
        "" => error.hint("`planspec next` shows what is waiting; use `--wait` to wait"),
        _ => error.hint(hint),
    }
}
