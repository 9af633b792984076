//! What was said since the status was written: a node that somebody has claimed waits for nobody, whatever the status says.

use std::collections::BTreeSet;

use super::Result;
use super::held::{AttemptChain, kept_here};
use super::overlap::Overlaps;
use super::runs::{Observed, ObservedNode, is_unread};
use super::status::StatusReader;
use super::store::Store;
use crate::core::resource::Key;
use crate::core::run::record::{Action, Address};
use crate::core::run::transition::{Waiting, WaitingFor};

/// What was said about a node that no reconcile has taken in.
///
/// # Errors
/// The remote cannot be used.
pub fn news_of(
    store: &Store,
    observed: &Observed,
    node: ObservedNode<'_>,
) -> Result<Option<WaitingFor>> {
    let not_taken_in = |what: String| {
        Some(WaitingFor::Other {
            why: format!("{what}, but that is not reconciled yet"),
        })
    };
    let open = node.address();
    let unread = |address: &Address| {
        let tip = observed.tip(address)?;
        is_unread(node.run.status, address, tip).then_some(tip)
    };
    if let Some(tip) = unread(&open) {
        let Some(chain) = AttemptChain::read(store, tip)? else {
            return Ok(None);
        };
        let actor = chain.holder().actor.to_owned();
        return Ok(match &chain.last().record.action {
            Action::Report { result, .. } => {
                not_taken_in(format!("{actor} has reported it as {}", result.word()))
            }
            Action::Release { .. } => not_taken_in(format!("{actor} has given it back")),
            _ if node.status.is_claimable() => Some(WaitingFor::Report {
                actor,
                expires: None,
            }),
            _ => None,
        });
    }
    let said = |address: &&Address| match address {
        Address::Verification { .. } => {
            address.is_verification_of(node.run.reference(), node.id, node.status.attempt)
        }
        Address::Review {
            namespace,
            gate,
            uid,
            ..
        } => {
            let decision = node.status.extensions.decision.as_ref();
            let gate = format!("{namespace}/{gate}");
            *uid == node.run.file.uid && decision.is_some_and(|decision| decision.gate == gate)
        }
        _ => false,
    };
    let mut inbox = observed.view.inbox.keys();
    let news = inbox.find(|address| said(address) && unread(address).is_some());
    Ok(news.and_then(|address| {
        not_taken_in(match address {
            Address::Review { .. } => "somebody has reviewed it".to_owned(),
            _ => "somebody has checked it".to_owned(),
        })
    }))
}

/// Say of what waits by the status what it waits for now, as far as is known without asking the remote. Of a node that
/// cannot be claimed because of what is held, say why. What each of those that changed waited for before is handed back.
///
/// # Errors
/// The status cannot be read.
pub fn tell<'w>(
    store: &Store,
    waiting: impl IntoIterator<Item = &'w mut Waiting>,
) -> Result<Vec<(WaitingFor, &'w Waiting)>> {
    let view = store.known()?;
    let inbox = view.inbox.keys().filter_map(Address::execution);
    let said_of: BTreeSet<Key> = inbox.collect();
    let is_offer = |one: &Waiting| matches!(one.what, WaitingFor::Worker { .. });
    let is_claim = |address: &Address| matches!(address, Address::Work { .. });
    let may_be_held = store.remote.is_some() || view.inbox.keys().any(is_claim);
    // Of the others, nothing can have been said, and nothing is in their way.
    let waiting = waiting
        .into_iter()
        .filter(|one| (may_be_held && is_offer(one)) || said_of.contains(&one.execution));
    let waiting: Vec<&mut Waiting> = waiting.collect();
    let keys: BTreeSet<Key> = waiting.iter().map(|one| one.execution.clone()).collect();
    let mut changed = Vec::new();
    let status = StatusReader::open(store, &view)?.filter(|_| !keys.is_empty());
    let Some(status) = status else {
        return Ok(changed);
    };
    let stored = status.read(&keys)?;
    let observed = Observed { view, stored };
    let node_of = |one: &Waiting| {
        let run = observed.by_key(&one.execution)?;
        run.node(one.node.as_deref()?)
    };
    let offers = waiting.iter().filter(|one| is_offer(one));
    let offers: Vec<ObservedNode<'_>> = offers.filter_map(|one| node_of(one)).collect();
    let overlaps = Overlaps::of(store, &observed, &offers)?;
    for one in waiting {
        let Some(node) = node_of(one) else {
            continue;
        };
        let mut what = news_of(store, &observed, node)?;
        if what.is_none() && is_offer(one) {
            let why = overlaps.objection(node);
            what = claimed_here(store, node).or(why.map(|why| WaitingFor::Other { why }));
        }
        if let Some(what) = what {
            let before = std::mem::replace(&mut one.what, what);
            changed.push((before, &*one));
        }
    }
    Ok(changed)
}

/// The refs of a remote are not known without asking it, but what was claimed in this work tree is.
fn claimed_here(store: &Store, node: ObservedNode<'_>) -> Option<WaitingFor> {
    let mut kept = kept_here(store);
    let own = kept.find(|kept| {
        let is_attempt = kept.attempt == node.status.attempt;
        kept.uid == node.run.file.uid && kept.node == node.id && is_attempt
    });
    own.map(|own| WaitingFor::Report {
        actor: own.actor,
        expires: None,
    })
}
