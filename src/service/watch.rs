//! Watches the status branch for changes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::follow::{Follower, Pace};
use super::index;
use super::names::{Named, Wanted};
use super::runs::StepNames;
use super::store::{Store, StoredStatus};
use super::{Error, Result};
use crate::api::watch::{ToldBy, WatchEvent};
use crate::core::resource::{Key, LabelSelector};
use crate::core::run::status::StatusTree;
use crate::core::run::transition::{Transition, transitions};

/// A request to watch.
#[derive(Debug, Clone)]
pub struct WatchRequest {
    /// A kind, or one resource; `None` means all.
    pub wanted: Option<Wanted>,
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only with these labels, in the spec commit of each status.
    pub selector: Option<LabelSelector>,
    /// Stop after the first check.
    pub once: bool,
    /// How often to check, and for how long.
    pub pace: Pace,
}

/// A message for the watcher.
pub enum Watched<'a> {
    /// The changes of one status commit; at first, the present state.
    Changes(Changes<'a>),
    /// A note for people.
    Note(String),
    /// Nothing for now: a chance to stop if nobody reads.
    Nothing,
}

/// The changes of one status commit.
pub struct Changes<'a> {
    /// The present state or the transitions, as far as selected.
    pub changes: Vec<Transition>,
    /// Whether this is the present state.
    pub is_state: bool,
    /// The id of the commit.
    pub commit: &'a str,
    /// The status in it.
    pub stored: &'a StoredStatus,
}

impl Changes<'_> {
    /// The changes as answers.
    pub fn events(&self) -> impl Iterator<Item = WatchEvent> {
        let tree = &self.stored.tree;
        let by = ToldBy {
            time: self.stored.time,
            commit: self.commit,
            sequence: tree.controller.sequence,
        };
        self.changes.iter().map(move |change| {
            let file = tree.files.get(&change.key);
            WatchEvent::of(change, file.map(|file| file.uid.as_str()), by)
        })
    }
}

/// Reports the present state, then every change, until the timeout or until `tell` stops it.
///
/// # Errors
/// The repository or the remote cannot be used, or planspec did not write the status branch.
pub fn watch(
    store: &Store,
    request: &WatchRequest,
    tell: &mut dyn FnMut(Watched<'_>) -> ControlFlow<()>,
) -> Result {
    let named = request.named();
    if let Some(named) = &named {
        named.parts()?;
    }
    let mut follower = Follower::begin(store, &request.pace)?;
    let mut shown: Option<StatusTree> = None;
    loop {
        let new = follower.look()?;
        if let Some(note) = new.note
            && tell(Watched::Note(note)).is_break()
        {
            return Ok(());
        }
        for commit in new.commits {
            let stored = follower.read(&commit)?;
            let mut changes = transitions(shown.as_ref(), &stored.tree);
            StepNames::new(&store.repo).tell(&mut changes, &stored.tree);
            changes.retain(|change| request.means(named.as_ref(), &change.key));
            if let Some(selector) = &request.selector {
                let keys = changes.iter().map(|change| change.key.clone()).collect();
                let labelled = labelled(store, &stored, keys, selector)?;
                changes.retain(|change| labelled.contains(&change.key));
            }
            let told = tell(Watched::Changes(Changes {
                changes,
                is_state: shown.is_none(),
                commit: &commit,
                stored: &stored,
            }));
            if told.is_break() {
                return Ok(());
            }
            shown = Some(stored.tree);
        }
        if request.once {
            return named.map_or(Ok(()), |named| stands(store, &named, shown.as_ref()));
        }
        if !follower.rest() || tell(Watched::Nothing).is_break() {
            return Ok(());
        }
    }
}

/// The resources that a selector matches, in the spec commit of a status.
fn labelled(
    store: &Store,
    stored: &StoredStatus,
    keys: BTreeSet<Key>,
    selector: &LabelSelector,
) -> Result<BTreeSet<Key>> {
    let commit = &stored.tree.controller.observed_commit;
    let config = store.config_at(commit)?;
    let snapshot = index::matching(&store.repo, commit, &config, |key| keys.contains(key))?;
    let is_chosen = |key: &Key| {
        let resource = snapshot.resource(key);
        resource.is_some_and(|resource| selector.matches(&resource.metadata.labels))
    };
    Ok(keys.into_iter().filter(is_chosen).collect())
}

impl WatchRequest {
    /// The resource, if a single one is watched.
    fn named(&self) -> Option<Named> {
        let wanted = self.wanted.as_ref()?;
        let name = wanted.name.as_deref()?;
        Some(Named::new(wanted.kind, name, self.namespace.as_deref()))
    }

    /// Whether a resource is watched.
    fn means(&self, named: Option<&Named>, key: &Key) -> bool {
        if let Some(named) = named {
            return named.is(key);
        }
        let (namespace, wanted) = (self.namespace.as_ref(), self.wanted.as_ref());
        namespace.is_none_or(|namespace| *namespace == key.namespace)
            && wanted.is_none_or(|wanted| wanted.kind == key.kind)
    }
}

/// Checks that the single resource has a status: with `once`, later changes would never be
/// shown.
fn stands(store: &Store, named: &Named, shown: Option<&StatusTree>) -> Result {
    let keys = shown.into_iter().flat_map(|tree| tree.files.keys());
    if keys.into_iter().any(|key| named.is(key)) {
        return Ok(());
    }
    let view = store.fresh()?;
    let key = index::find(&store.repo, &view.spec_commit, &view.config, named)?;
    Err(Error::not_ready(format!("{key} has no status yet")).hint("run `planspec reconcile` first"))
}
