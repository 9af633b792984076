//! Nodes that touch the same paths as a held node, anywhere in the repository: they must not be worked on at the same time.
//!
//! This is checked before a claim is sent. When a claim is taken in, only its own run is considered
//! (`core/run/permit.rs`), so that no run depends on the status of another.

use std::collections::{BTreeMap, BTreeSet};

use super::held::AttemptChain;
use super::runs::{Observed, ObservedNode, ObservedRun};
use super::status::StatusReader;
use super::store::{Store, StoredStatus, View};
use super::{Error, Result};
use crate::core::resource::{Key, Status};
use crate::core::run::permit::Occupied;
use crate::core::run::pinned::{PinnedPlan, Pins};
use crate::core::run::record::Address;

/// The overlaps of some nodes with held nodes.
pub struct Overlaps {
    /// The paths of each node that names any, by `namespace/execution/node`.
    touches: BTreeMap<String, Vec<String>>,
    held: Vec<Occupied>,
}

impl Overlaps {
    /// Reads the held nodes, if one of these nodes names paths.
    ///
    /// # Errors
    /// The status or the inbox cannot be read.
    pub fn of(store: &Store, observed: &Observed, nodes: &[ObservedNode<'_>]) -> Result<Overlaps> {
        Overlaps::at(store, (&observed.view, &observed.stored), nodes)
    }

    /// The same, for a given view.
    ///
    /// # Errors
    /// As [`Overlaps::of`].
    pub fn at(
        store: &Store,
        (view, stored): (&View, &StoredStatus),
        nodes: &[ObservedNode<'_>],
    ) -> Result<Overlaps> {
        let pins = Pins::new(&stored.pinned);
        let mut nodes = nodes.to_vec();
        nodes.sort_by_key(|node| node.run.key);
        let mut touches = BTreeMap::new();
        for group in nodes.chunk_by(|a, b| a.run.key == b.run.key) {
            let run = group.first().map(|node| node.run);
            let Some(plan) = run.and_then(|run| plan_of(&pins, run)) else {
                continue;
            };
            let all = paths(&plan);
            touches.extend(group.iter().filter_map(|node| {
                let paths = all.get(node.id)?;
                Some((node.name(), (*paths).clone()))
            }));
        }
        let held = match touches.len() {
            0 => Vec::new(),
            _ => held(store, (view, stored))?,
        };
        Ok(Overlaps { touches, held })
    }

    /// Why a node must not be claimed now; `None` if there is no overlap.
    pub fn objection(&self, node: ObservedNode<'_>) -> Option<String> {
        let name = node.name();
        let touches = self.touches.get(&name)?;
        let mut held = self.held.iter();
        held.find_map(|held| held.objection(&name, touches))
    }

    /// Adds a node that was claimed in the meantime.
    pub fn add(&mut self, node: ObservedNode<'_>, holder: &str) {
        let name = node.name();
        if let Some(touches) = self.touches.get(&name) {
            self.held.push(Occupied {
                touches: touches.clone(),
                holder: holder.to_owned(),
                node: name,
            });
        }
    }

    /// The held nodes.
    pub fn held(self) -> Vec<Occupied> {
        self.held
    }
}

/// The nodes of a plan that name paths, with these paths.
fn paths(plan: &PinnedPlan) -> BTreeMap<&str, &Vec<String>> {
    let nodes = plan.graph().into_iter().flat_map(|graph| &graph.nodes);
    let named = nodes.filter(|node| !node.extension.touches.is_empty());
    named
        .map(|node| (node.id.as_str(), &node.extension.touches))
        .collect()
}

fn plan_of(pins: &Pins<'_>, run: ObservedRun<'_>) -> Option<PinnedPlan> {
    let pinned = run.status.extensions.pinned.as_ref()?;
    pins.plan(pinned).ok()
}

/// Why nodes that the status of a run offers cannot be claimed, by id, as of a view: they were claimed since, or
/// overlap with a held node.
///
/// # Errors
/// The status or the inbox cannot be read.
pub fn spoken_for(
    store: &Store,
    look: (&View, &StoredStatus),
    run: ObservedRun<'_>,
) -> Result<BTreeMap<String, String>> {
    let offers = run.nodes().filter(|node| node.status.is_claimable());
    let found = objections(store, look, &offers.collect::<Vec<_>>())?;
    Ok(found
        .into_iter()
        .map(|(node, why)| (node.id.to_owned(), why))
        .collect())
}

/// The same of some nodes that a status offers.
fn objections<'o>(
    store: &Store,
    look: (&View, &StoredStatus),
    offers: &[ObservedNode<'o>],
) -> Result<Vec<(ObservedNode<'o>, String)>> {
    let overlaps = Overlaps::at(store, look, offers)?;
    let mut found = Vec::new();
    for node in offers {
        let why = match holder(store, look.0, *node)? {
            Some(holder) => Some(format!("claimed by {holder}, but not reconciled yet")),
            None => overlaps.objection(*node),
        };
        found.extend(why.map(|why| (*node, why)));
    }
    Ok(found)
}

/// All held nodes: every claim keeps its ref until its run is over.
fn held(store: &Store, (view, stored): (&View, &StoredStatus)) -> Result<Vec<Occupied>> {
    let work = view.inbox.keys();
    let work = work.filter(|address| matches!(address, Address::Work { .. }));
    let mut keys: BTreeSet<Key> = work.filter_map(Address::execution).collect();
    let status = StatusReader::open(store, view)?;
    let status = status.ok_or_else(|| Error::not_ready("there is no status yet"))?;
    if keys.is_empty() {
        // Without the remote, only the status is known, and no refs.
        keys = status.open_runs()?;
    }
    let known = &stored.tree.files;
    let (here, missing): (BTreeSet<Key>, BTreeSet<Key>) =
        keys.into_iter().partition(|key| known.contains_key(key));
    let mut found = held_in(store, (view, stored), &here)?;
    if !missing.is_empty() {
        let more = status.read(&missing)?;
        found.extend(held_in(store, (view, &more), &missing)?);
    }
    Ok(found)
}

fn held_in(
    store: &Store,
    (view, stored): (&View, &StoredStatus),
    keys: &BTreeSet<Key>,
) -> Result<Vec<Occupied>> {
    let pins = Pins::new(&stored.pinned);
    let mut found = Vec::new();
    for key in keys {
        let Some(file) = stored.tree.files.get(key) else {
            continue;
        };
        let Status::Execution(status) = &file.status else {
            continue;
        };
        let run = ObservedRun { key, file, status };
        let Some(plan) = plan_of(&pins, run).filter(|_| !status.phase.is_terminal()) else {
            continue;
        };
        for (id, touches) in paths(&plan) {
            let Some(node) = run.node(id) else {
                continue;
            };
            if let Some(holder) = holder(store, view, node)? {
                found.push(Occupied {
                    node: node.name(),
                    holder,
                    touches: touches.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// The holder of a node, from the status or else from its ref. A node that was ended since the last reconcile is still
/// held.
fn holder(store: &Store, view: &View, node: ObservedNode<'_>) -> Result<Option<String>> {
    if let Some(claim) = &node.status.extensions.claim {
        return Ok(Some(claim.actor.clone()));
    }
    let tip = view.inbox.get(&node.address());
    let Some(tip) = tip.filter(|_| node.status.is_claimable()) else {
        return Ok(None);
    };
    let chain = AttemptChain::read(store, tip)?;
    let holder = chain.map(|chain| chain.holder().actor.to_owned());
    Ok(Some(holder.unwrap_or_else(|| "somebody".to_owned())))
}
