//! The resources on the spec branch with their status, kept in memory: a long-running program answers from it, and
//! turns changes into events. It is updated by reading the differences.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::merged::Resources;
use super::namespaces;
use super::store::{Store, View};
use super::{Error, ErrorKind, Result, reconcile, revision};
use crate::api::resource::Resource;
use crate::core::repository::config::Config;
use crate::core::repository::manifest;
use crate::core::resource::{Key, Time};
use crate::core::run::merged::Merged;
use crate::core::run::status::key_at;
use crate::git::read;

/// Maximum number of events that are kept for clients that reconnect.
const KEPT: usize = 8192;
/// Batch size for reading resources: all at once would need several times the memory.
const AT_ONCE: usize = 1000;
/// Digits of a commit in a version.
const DIGITS: usize = 12;

/// A resource with its status, as sent to clients.
#[derive(Debug)]
pub struct Item {
    /// Its key.
    pub key: Key,
    /// Its `resourceVersion`.
    pub version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its phase; `None` before the first reconcile.
    pub phase: Option<String>,
    /// When `reconcile` first saw it.
    pub created: Option<Time>,
    /// The resource as JSON.
    pub json: Arc<[u8]>,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It did not exist before.
    Added,
    /// It has changed.
    Modified,
    /// It was removed.
    Deleted,
}

impl EventKind {
    /// `ADDED`: the word of the published watch format.
    pub fn word(self) -> &'static str {
        match self {
            EventKind::Added => "ADDED",
            EventKind::Modified => "MODIFIED",
            EventKind::Deleted => "DELETED",
        }
    }
}

/// A change, for watchers.
#[derive(Debug)]
pub struct Event {
    /// The kind of the change.
    pub kind: EventKind,
    /// The resource; a deleted one as it was.
    pub item: Arc<Item>,
    /// The resource before.
    pub before: Option<Arc<Item>>,
    /// Where to resume: the version of the resource; a deleted one gets a new number.
    pub rev: String,
    /// The event as JSON.
    pub json: Arc<[u8]>,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveNamespace {
    /// Its name.
    pub name: String,
    /// When it was created: the time in its file, else when the first of its resources was seen.
    pub created: Option<Time>,
}

/// The current state.
#[derive(Debug, Default)]
pub struct Live {
    at: Option<At>,
    items: BTreeMap<Key, Arc<Item>>,
    /// The resources that each file defines.
    by_path: BTreeMap<String, BTreeSet<Key>>,
    paths: BTreeMap<Key, Vec<String>>,
    events: VecDeque<Arc<Event>>,
    /// How many events were dropped.
    forgotten: usize,
    /// The versions of the whole state, with the number of events until then.
    steps: VecDeque<(Arc<str>, usize)>,
    made: BTreeMap<String, Option<Time>>,
}

/// The view that it shows.
#[derive(Debug, Clone)]
struct At {
    spec: String,
    status: Option<String>,
    config: Config,
    version: Arc<str>,
    written: Time,
}

impl At {
    fn of(store: &Store, view: &View) -> Result<At> {
        let short = |id: &str| id.get(..DIGITS).unwrap_or(id).to_owned();
        let status = view.status_tip.as_deref().map_or("0".to_owned(), short);
        Ok(At {
            spec: view.spec_commit.clone(),
            status: view.status_tip.clone(),
            config: view.config.clone(),
            version: format!("s{}.{status}", short(&view.spec_commit)).into(),
            written: store.repo.commit_time(&view.spec_commit)?,
        })
    }
}

impl Live {
    /// Returns one resource.
    pub fn get(&self, key: &Key) -> Option<&Arc<Item>> {
        self.items.get(key)
    }

    /// All resources, by kind, namespace and name.
    pub fn items(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.items.values()
    }

    /// The resources from a key on, by kind, namespace and name.
    pub fn from(&self, key: &Key) -> impl Iterator<Item = &Arc<Item>> {
        self.items.range(key..).map(|(_, item)| item)
    }

    /// The version of the whole state, which lists carry.
    pub fn version(&self) -> Arc<str> {
        let at = self.at.as_ref();
        at.map_or_else(|| Arc::from("s0.0"), |at| Arc::clone(&at.version))
    }

    /// The spec commit and the status commit that it shows.
    pub fn commits(&self) -> Option<(&str, Option<&str>)> {
        let at = self.at.as_ref()?;
        Some((&at.spec, at.status.as_deref()))
    }

    /// The namespaces: those with resources, those that were created, and `default`.
    pub fn namespaces(&self) -> Vec<LiveNamespace> {
        let mut found: BTreeMap<&str, Option<Time>> = BTreeMap::new();
        for item in self.items.values() {
            let first = found.entry(&item.key.namespace).or_default();
            *first = (*first).into_iter().chain(item.created).min();
        }
        for (name, created) in &self.made {
            let first = found.entry(name).or_default();
            *first = created.or(*first);
        }
        found.entry(namespaces::DEFAULT).or_default();
        let written = self.at.as_ref().map(|at| at.written);
        let all = found.into_iter().map(|(name, created)| LiveNamespace {
            name: name.to_owned(),
            created: created.or(written),
        });
        all.collect()
    }

    /// The events after a version: of a resource, of the whole state, or the `rev` of an event.
    ///
    /// # Errors
    /// `Conflict` if that is too long ago, or the version is unknown; then the client must list again.
    pub fn since(&self, version: &str) -> Result<Vec<Arc<Event>>> {
        let step = self
            .steps
            .iter()
            .rev()
            .find(|(known, _)| **known == *version);
        let by_step = step.and_then(|(_, count)| count.checked_sub(self.forgotten));
        let by_event = || {
            let last = self.events.iter().rposition(|event| event.rev == version);
            last.map(|last| last + 1)
        };
        // The version was current when this program started.
        let by_item = || {
            let is_whole = self.forgotten == 0;
            let has_it = |item: &Arc<Item>| item.version == version;
            let was = self.events.iter().filter_map(|event| event.before.as_ref());
            (is_whole && (self.items.values().any(has_it) || was.into_iter().any(has_it)))
                .then_some(0)
        };
        if let Some(seen) = by_step.or_else(by_event).or_else(by_item) {
            return Ok(self.events.iter().skip(seen).cloned().collect());
        }
        let why = format!("changes since `{version}` are no longer available");
        Err(Error::new(ErrorKind::Conflict, why)
            .hint("list again, and watch from the `resourceVersion` of that list"))
    }

    /// Advances to a view. Returns the events.
    ///
    /// # Errors
    /// The repository cannot be read; then the state does not change.
    pub fn advance(&mut self, store: &Store, view: &View) -> Result<Vec<Arc<Event>>> {
        let at = At::of(store, view)?;
        let is_same = self
            .at
            .as_ref()
            .is_some_and(|before| before.version == at.version);
        if is_same {
            return Ok(Vec::new());
        }
        let changed = match &self.at {
            Some(before) if before.config == at.config => self.changed(store, before, &at)?,
            _ => None,
        };
        let keys = match changed {
            Some(keys) => keys,
            None => {
                let known = self.items.keys().cloned();
                Resources::keys_at(store, view)?
                    .into_iter()
                    .chain(known)
                    .collect()
            }
        };
        self.made = namespaces::made(store, &at.spec, &at.config)?;
        let is_first = self.at.is_none();
        let mut events = Vec::new();
        let mut keys = keys.into_iter().peekable();
        while keys.peek().is_some() {
            let some = keys.by_ref().take(AT_ONCE).collect();
            let found = Resources::at(store, view, &some)?;
            for key in some {
                self.place(&key, found.paths(&key));
                let now = item_of(&found.merged(&key))?;
                let place = (&at.version, events.len());
                let event = self.put(key, now, place)?;
                events.extend(event.filter(|_| !is_first));
            }
        }
        self.events.extend(events.iter().cloned());
        let over = self.events.len().saturating_sub(KEPT);
        self.events.drain(..over);
        self.forgotten += over;
        let count = self.forgotten + self.events.len();
        self.steps.push_back((Arc::clone(&at.version), count));
        let over = self.steps.len().saturating_sub(KEPT);
        self.steps.drain(..over);
        self.at = Some(at);
        Ok(events)
    }

    /// The resources that may have changed; `None` if everything must be read.
    fn changed(&self, store: &Store, before: &At, now: &At) -> Result<Option<BTreeSet<Key>>> {
        let repo = &store.repo;
        let mut keys = BTreeSet::new();
        if before.spec != now.spec {
            let paths = revision::paths(&now.config)?;
            let Ok(old) = read::tree_of(repo, &before.spec) else {
                return Ok(None);
            };
            let new = read::tree_of(repo, &now.spec)?;
            let Ok(changes) = read::tree_changes(repo, Some(&old), &new, &paths) else {
                return Ok(None);
            };
            let gone = changes
                .iter()
                .filter_map(|(path, _)| self.by_path.get(path));
            keys.extend(gone.flatten().cloned());
            let there = changes.into_iter().filter_map(|(_, file)| file);
            let (limits, namespace) = (&now.config.limits, &now.config.default_namespace);
            for file in read::read(repo, there, &paths)? {
                let entries = manifest::read(&file, limits, namespace).entries.into_iter();
                keys.extend(entries.map(|entry| entry.key));
            }
        }
        let moved = match (&before.status, &now.status) {
            (before, now) if before == now => return Ok(Some(keys)),
            (Some(before), Some(now)) => read::changed_paths(repo, before, now),
            _ => return Ok(None),
        };
        let Ok(moved) = moved else {
            return Ok(None);
        };
        keys.extend(moved.iter().filter_map(|changed| key_at(&changed.path)));
        Ok(Some(keys))
    }

    /// Records the files that define a resource.
    fn place(&mut self, key: &Key, paths: Vec<String>) {
        for path in self.paths.remove(key).into_iter().flatten() {
            if let Some(keys) = self.by_path.get_mut(&path) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_path.remove(&path);
                }
            }
        }
        for path in &paths {
            let keys = self.by_path.entry(path.clone()).or_default();
            keys.insert(key.clone());
        }
        if !paths.is_empty() {
            self.paths.insert(key.clone(), paths);
        }
    }

    /// Replaces a resource, and adds the event.
    fn put(
        &mut self,
        key: Key,
        now: Option<Item>,
        (world, number): (&Arc<str>, usize),
    ) -> Result<Option<Arc<Event>>> {
        let before = self.items.get(&key).cloned();
        let now = now.map(Arc::new);
        let (kind, item, rev) = match (&before, &now) {
            (None, None) => return Ok(None),
            (Some(before), Some(now)) if before.json == now.json => return Ok(None),
            (None, Some(now)) => (EventKind::Added, now, now.version.clone()),
            (Some(_), Some(now)) => (EventKind::Modified, now, now.version.clone()),
            (Some(before), None) => (EventKind::Deleted, before, format!("{world}.{number}")),
        };
        let event = Event {
            kind,
            json: event_json(kind, item, &rev)?,
            item: Arc::clone(item),
            before,
            rev,
        };
        match now {
            Some(now) => self.items.insert(key, now),
            None => self.items.remove(&key),
        };
        Ok(Some(Arc::new(event)))
    }
}

/// Some resources as a reconcile would leave them: the answer if no reconcile follows.
///
/// # Errors
/// The repository cannot be read.
pub fn foreseen(
    store: &Store,
    view: &View,
    keys: &BTreeSet<Key>,
    now: Time,
) -> Result<BTreeMap<Key, Arc<Item>>> {
    let found = Resources::at(store, view, keys)?;
    let statuses = reconcile::foreseen(store, view, now)?;
    let mut items = BTreeMap::new();
    for key in keys {
        let merged = found.merged(key);
        let file = statuses.get(key).or(merged.file);
        if let Some(item) = item_of(&Merged { file, ..merged })? {
            items.insert(key.clone(), Arc::new(item));
        }
    }
    Ok(items)
}

fn event_json(kind: EventKind, item: &Item, rev: &str) -> Result<Arc<[u8]>> {
    let head = format!("{{\"type\":\"{}\",\"object\":", kind.word());
    let tail = format!(",\"rev\":{}}}", serde_json::to_string(rev)?);
    Ok([head.as_bytes(), &item.json, tail.as_bytes()]
        .concat()
        .into())
}

/// A resource as sent to clients; `None` if its file is gone.
fn item_of(merged: &Merged<'_>) -> Result<Option<Item>> {
    let is_nothing = merged.resource.is_none() && merged.file.is_none();
    if is_nothing || merged.is_deleted() {
        return Ok(None);
    }
    let mut value = serde_json::to_value(Resource::of(merged)?)?;
    let metadata = &mut value["metadata"];
    if metadata["resourceVersion"].is_null() {
        // Its file is invalid: only its status has a version.
        let status = merged
            .status_blob
            .map_or("0", |id| id.get(..DIGITS).unwrap_or(id));
        metadata["resourceVersion"] = json!(format!("0-{status}"));
    }
    let version = metadata["resourceVersion"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let phase = value.pointer("/status/phase").and_then(Value::as_str);
    Ok(Some(Item {
        key: merged.key.clone(),
        version,
        labels: merged.labels(),
        phase: phase.map(str::to_owned),
        created: merged.file.map(|file| file.created),
        json: serde_json::to_vec(&value)?.into(),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::RefCell;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::core::repository::reach::properties::dense_change;
    use crate::core::repository::reach::tests::any_change;
    use crate::git::testing::Sandbox;
    use crate::service::index::tests::commit;
    use crate::service::reconcile::{ReconcileRequest, reconcile};

    fn shown(live: &Live) -> BTreeMap<Key, String> {
        let text = |item: &Item| String::from_utf8(item.json.to_vec()).unwrap();
        live.items()
            .map(|item| (item.key.clone(), text(item)))
            .collect()
    }

    /// After each step, the state is the same as after reading everything, and the events are the difference.
    #[test]
    fn going_on_comes_to_the_same_as_looking_at_everything() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let store = Store::open(Some(&sandbox.path("one"))).unwrap();
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let live = RefCell::new(Live::default());
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 24,
            max_shrink_iters: 0,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let changes = (prop_oneof![any_change(), dense_change()], any::<bool>());
        let ran = runner.run(&changes, |((old, new), reconciles)| {
            let live = &mut *live.borrow_mut();
            for files in [&old, &new] {
                commit(&sandbox, &repo, files);
                if reconciles {
                    reconcile(&store, &ReconcileRequest::at(now)).unwrap();
                }
                let view = store.fresh().unwrap();
                let (before, version) = (shown(live), live.version());
                let events = live.advance(&store, &view).unwrap();
                let mut whole = Live::default();
                whole.advance(&store, &view).unwrap();
                prop_assert_eq!(shown(live), shown(&whole));
                prop_assert_eq!(live.namespaces(), whole.namespaces());
                let mut told = before;
                for event in &events {
                    let text = String::from_utf8(event.item.json.to_vec()).unwrap();
                    let was = match event.kind {
                        EventKind::Deleted => told.remove(&event.item.key),
                        _ => told.insert(event.item.key.clone(), text),
                    };
                    prop_assert_eq!(was.is_none(), event.kind == EventKind::Added);
                }
                if *version != *"s0.0" {
                    prop_assert_eq!(told, shown(live));
                    let since = live.since(&version).unwrap();
                    prop_assert_eq!(since.len(), events.len());
                }
            }
            Ok(())
        });
        ran.unwrap();
        assert!(live.borrow().since("never").is_err());
    }
}
