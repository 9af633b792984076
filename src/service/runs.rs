//! Observed runs: finds the run and the node that a worker or reviewer names.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::names::{Named, choose_among};
use super::status::StatusReader;
use super::store::{Store, StoredStatus, View};
use super::suggestion;
use crate::core::base::digest::short;
use crate::core::base::time::exact;
use crate::core::base::words::count;
use crate::core::document::node_ids;
use crate::core::resource::{ExecutionStatus, Key, Kind, NodeStatus, Pin, Status, TRACKER, Time};
use crate::core::run::pinned::{PinnedPlan, Pins};
use crate::core::run::record::{Address, RunRef};
use crate::core::run::status::{StatusFile, StatusTree};
use crate::core::run::transition::{Transition, Waiting, WaitingFor, node_waits_for};
use crate::git::{Repo, read};
use crate::service::reconcile::is_idle;
use crate::service::revision;
use crate::service::unshared::{self, unseen};
use crate::service::{Error, ErrorKind, Result};

/// The runs of a status, by uid.
pub fn by_uid(tree: Option<&StatusTree>) -> BTreeMap<&str, &ExecutionStatus> {
    let files = tree.into_iter().flat_map(|tree| tree.files.values());
    files
        .filter_map(|file| match &file.status {
            Status::Execution(run) => Some((file.uid.as_str(), &**run)),
            _ => None,
        })
        .collect()
}

/// Whether an inbox ref has records that the status of its run has not taken in.
pub fn is_unread(run: &ExecutionStatus, address: &Address, tip: &str) -> bool {
    let known = run.extensions.records.get(&address.to_string());
    known.map(String::as_str) != Some(tip)
}

/// The status at one time, as the basis of an action.
pub struct Observed {
    /// The branches and the inbox.
    pub view: View,
    /// The status.
    pub stored: StoredStatus,
}

/// A run in the observed status.
#[derive(Clone, Copy)]
pub struct ObservedRun<'a> {
    /// The execution.
    pub key: &'a Key,
    /// Its file on the status branch.
    pub file: &'a StatusFile,
    /// Its status.
    pub status: &'a ExecutionStatus,
}

/// A node of an observed run.
#[derive(Clone, Copy)]
pub struct ObservedNode<'a> {
    /// The run.
    pub run: ObservedRun<'a>,
    /// Id of the node.
    pub id: &'a str,
    /// Its status.
    pub status: &'a NodeStatus,
}

/// Up to so many runs are read without checking first which are open.
const FEW_RUNS: usize = 100;

/// Observes all runs now.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn observe(store: &Store) -> Result<Observed> {
    let (view, status) = status_now(store)?;
    let stored = status.whole()?;
    Ok(Observed { view, stored })
}

/// Observes one execution, `NAME` or `NAMESPACE/NAME`; without a name, the open ones of a
/// namespace or of all. Other statuses are not read.
///
/// # Errors
/// There is no such execution, or there are several; and those of [`observe`].
pub fn observe_runs(
    store: &Store,
    execution: Option<&str>,
    namespace: Option<&str>,
) -> Result<Observed> {
    observe_runs_in(store, store.fresh()?, execution, namespace)
}

/// The same for an earlier view.
///
/// # Errors
/// As [`observe_runs`].
pub fn observe_runs_in(
    store: &Store,
    view: View,
    execution: Option<&str>,
    namespace: Option<&str>,
) -> Result<Observed> {
    let (view, status) = status_in(store, view)?;
    let kind = Kind::Execution;
    let keys = match execution {
        Some(name) => {
            let named = Named::new(kind, name, namespace);
            let found = status.named(&named)?;
            match named.among(found.iter()) {
                Ok(key) => {
                    let keys = BTreeSet::from([key.clone()]);
                    unshared::check_former(store, &view, &status, &keys)?;
                    keys
                }
                Err(_) => {
                    let unseen = found.is_empty().then(|| unseen(store, &view, &named));
                    if let Some(error) = unseen.flatten() {
                        return Err(error);
                    }
                    // Look at all of the kind, to suggest one.
                    BTreeSet::from([named.among(status.keys(Some(kind), None)?.iter())?.clone()])
                }
            }
        }
        None => {
            // Reading the few runs of a namespace is cheaper than finding out which runs are open.
            let own = namespace.map(|namespace| status.keys(Some(kind), Some(namespace)));
            let few = own.transpose()?.filter(|own| own.len() <= FEW_RUNS);
            let mut keys = match few {
                Some(own) => own,
                None => status.open_runs()?,
            };
            // Records about finished runs may be new too.
            keys.extend(view.inbox.keys().filter_map(Address::execution));
            keys.retain(|key| namespace.is_none_or(|namespace| key.namespace == namespace));
            keys
        }
    };
    let stored = status.read(&keys)?;
    Ok(Observed { view, stored })
}

/// Observes these executions now.
///
/// # Errors
/// As [`observe`].
pub fn observe_keys(store: &Store, keys: &BTreeSet<Key>) -> Result<Observed> {
    let (view, status) = status_now(store)?;
    let stored = status.read(keys)?;
    Ok(Observed { view, stored })
}

/// These executions as of the last fetch, without asking a remote, and without the inbox.
/// `None` if there is no status.
///
/// # Errors
/// There is no spec branch, or the status cannot be read.
pub fn observe_known(store: &Store, keys: &BTreeSet<Key>) -> Result<Option<Observed>> {
    let view = store.known()?;
    let Some(status) = StatusReader::open(store, &view)? else {
        return Ok(None);
    };
    let stored = status.read(keys)?;
    Ok(Some(Observed { view, stored }))
}

/// Observes the execution in `EXECUTION` or `EXECUTION/NODE`; if there is not exactly one, observes everything,
/// for the error message.
///
/// # Errors
/// As [`observe`].
pub fn observe_target(store: &Store, target: &str, namespace: Option<&str>) -> Result<Observed> {
    let of_node = target.rsplit_once('/').map(|(execution, _)| execution);
    let (view, status) = status_now(store)?;
    let mut keys = BTreeSet::new();
    let names = of_node.into_iter().chain([target]);
    let names: Vec<Named> = names
        .map(|name| Named::new(Kind::Execution, name, namespace))
        // Contradicting namespaces are refused where the name is used.
        .filter(|named| named.parts().is_ok())
        .collect();
    for named in &names {
        keys.extend(status.named(named)?);
    }
    if keys.is_empty() {
        let mut unseen = names.iter().map(|named| unseen(store, &view, named));
        if let Some(error) = unseen.find_map(|error| error) {
            return Err(error);
        }
    }
    if keys.len() == 1 {
        unshared::check_former(store, &view, &status, &keys)?;
    }
    let stored = match keys.len() {
        1 => status.read(&keys)?,
        _ => status.whole()?,
    };
    Ok(Observed { view, stored })
}

/// Observes the executions that may wait for a decision on `GATE` or `EXECUTION/NODE`.
///
/// # Errors
/// As [`observe`].
pub fn observe_gate(store: &Store, target: &str, namespace: Option<&str>) -> Result<Observed> {
    let (view, status) = status_now(store)?;
    let gate = target.rsplit('/').next().unwrap_or(target);
    let mut keys = status.runs_with_gate(gate)?;
    if let Some((execution, _)) = target.rsplit_once('/') {
        let named = Named::new(Kind::Execution, execution, namespace);
        if named.parts().is_ok() {
            let found = status.named(&named)?;
            if found.len() == 1 {
                unshared::check_former(store, &view, &status, &found)?;
            }
            keys.extend(found);
        }
    }
    let stored = status.read(&keys)?;
    Ok(Observed { view, stored })
}

/// Observes only the execution in `EXECUTION/NODE`.
///
/// # Errors
/// No node is given; and those of [`observe_runs`].
pub fn observe_node(store: &Store, target: &str, namespace: Option<&str>) -> Result<Observed> {
    match target.rsplit_once('/') {
        Some((execution, _)) => observe_runs(store, Some(execution), namespace),
        // `Observed::node` reports that the node is missing.
        None => observe_runs(store, Some(target), namespace).map_err(|error| match error.kind {
            ErrorKind::NotFound | ErrorKind::Ambiguous => names_no_node(target, ""),
            _ => error,
        }),
    }
}

fn names_no_node(target: &str, example: &str) -> Error {
    Error::ambiguous(format!("`{target}` names no node"))
        .hint(format!("write EXECUTION/NODE{example}"))
}

/// The current status, with nothing read yet.
fn status_now(store: &Store) -> Result<(View, StatusReader<'_>)> {
    status_in(store, store.fresh()?)
}

fn status_in(store: &Store, view: View) -> Result<(View, StatusReader<'_>)> {
    match StatusReader::open(store, &view)? {
        Some(status) => Ok((view, status)),
        None => Err(unshared::no_status(store, &view)),
    }
}

impl Observed {
    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = ObservedRun<'_>> {
        let files = self.stored.tree.files.iter();
        files.filter_map(|(key, file)| ObservedRun::of(key, file))
    }

    /// The run of that key.
    pub fn by_key(&self, key: &Key) -> Option<ObservedRun<'_>> {
        let (key, file) = self.stored.tree.files.get_key_value(key)?;
        ObservedRun::of(key, file)
    }

    /// The run with a uid.
    pub fn by_uid(&self, uid: &str) -> Option<ObservedRun<'_>> {
        self.runs().find(|run| run.file.uid == uid)
    }

    /// The execution with a name, `NAME` or `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn run(&self, name: &str, namespace: Option<&str>) -> Result<ObservedRun<'_>> {
        let keys = self.stored.tree.files.keys();
        let key = choose_among(keys, Kind::Execution, name, namespace)?;
        self.runs()
            .find(|run| run.key == key)
            .ok_or_else(|| Error::not_found(format!("{key} has no status")))
    }

    /// The node `EXECUTION/NODE`.
    ///
    /// # Errors
    /// There is no such execution or node.
    pub fn node(&self, target: &str, namespace: Option<&str>) -> Result<ObservedNode<'_>> {
        let Some((execution, id)) = target.rsplit_once('/') else {
            let run = self.run(target, namespace).ok();
            let named = run.and_then(|run| self.example(run));
            let example = named.map_or(String::new(), |name| format!(", for example {name}"));
            return Err(names_no_node(target, &example));
        };
        let run = self.run(execution, namespace)?;
        if let Some(node) = self.named(run, id) {
            return Ok(node);
        }
        let name = run.key.qualified();
        if run.status.node_statuses.is_empty() {
            let message = &run.status.message;
            let error = Error::not_ready(format!("{name} has not started: {message}"));
            return Err(error);
        }
        let ids = run.nodes().map(|node| node.id);
        let steps = self.steps(run);
        let names = ids.chain(steps.values().map(String::as_str));
        let error = Error::not_found(format!("{name} has no node `{id}`"));
        Err(error.maybe_hint(suggestion(id, names)))
    }

    /// The node of a run with this name: its id, the `step_id` in the document, or a former name. All verbs find nodes
    /// here.
    pub fn named<'a>(&self, run: ObservedRun<'a>, text: &str) -> Option<ObservedNode<'a>> {
        let of_plan = || {
            let plan = pinned_plan(&self.stored, run.status)?;
            run.node(&plan.graph()?.named(text)?.id)
        };
        // The pins of a finished run are gone, but the rule that makes ids from steps still holds.
        let made = || node_ids(text).iter().find_map(|id| run.node(id));
        run.node(text).or_else(of_plan).or_else(made)
    }

    /// Whether a gate node is the approval of the step with this name.
    pub fn approves(&self, run: ObservedRun<'_>, gate: &str, step: &str) -> bool {
        let approval = self.named(run, &format!("approve-{step}"));
        approval.is_some_and(|node| node.id == gate)
    }

    /// The `step_id`s of a run's nodes, by node id; empty if there is no document, or it can no longer
    /// be read.
    pub fn steps(&self, run: ObservedRun<'_>) -> BTreeMap<String, String> {
        let plan = pinned_plan(&self.stored, run.status);
        let graph = plan.as_ref().and_then(PinnedPlan::graph);
        let nodes = graph.into_iter().flat_map(|graph| &graph.nodes);
        nodes
            .filter_map(|node| Some((node.id.clone(), node.step_id()?.to_owned())))
            .collect()
    }

    /// The `step_id` of one node.
    pub fn step(&self, run: ObservedRun<'_>, node: &str) -> Option<String> {
        let plan = pinned_plan(&self.stored, run.status)?;
        plan.node(node)?.step_id().map(str::to_owned)
    }

    /// An example of a node of a run: one that can be claimed, if there is one.
    fn example(&self, run: ObservedRun<'_>) -> Option<String> {
        let mut offers = self.offers().filter(|node| node.run.key == run.key);
        let node = offers.next().or_else(|| run.nodes().next());
        node.map(ObservedNode::name)
    }

    /// Nodes that can be claimed and that nobody has claimed since the last reconcile.
    pub fn offers(&self) -> impl Iterator<Item = ObservedNode<'_>> {
        self.runs()
            .flat_map(ObservedRun::nodes)
            .filter(|node| node.status.is_claimable())
            .filter(|node| self.tip(&node.address()).is_none())
    }

    /// Nodes whose next attempt opens later, with the time.
    pub fn retries(&self) -> impl Iterator<Item = (ObservedNode<'_>, Time)> {
        let runs = self.runs().filter(|run| !run.status.phase.is_terminal());
        runs.flat_map(ObservedRun::nodes)
            .filter_map(|node| match node_waits_for(node.status)? {
                WaitingFor::Retry { at } => Some((node, at?)),
                _ => None,
            })
    }

    /// Why a reconcile is due, as far as the observation tells; empty if it is not.
    ///
    /// # Errors
    /// The spec branch cannot be read.
    pub fn due(&self, store: &Store, now: Time) -> Result<Vec<String>> {
        let tree = &self.stored.tree;
        let runs = by_uid(Some(tree));
        let is_new = |(address, tip): (&Address, &String)| {
            let run = runs.get(address.uid());
            run.is_some_and(|run| is_unread(run, address, tip))
        };
        let waiting = self.view.inbox.iter().filter(|one| is_new(*one)).count();
        let is_moved = self.has_moved(store, now)?;
        let deadline = tree.controller.next_deadline.filter(|at| *at <= now);
        let records = (waiting > 0).then(|| {
            let wait = if waiting == 1 { "waits" } else { "wait" };
            format!(
                "{} with new records {wait} in the inbox",
                count(waiting, "ref")
            )
        });
        let commit = is_moved.then(|| {
            let commit = short(&self.view.spec_commit);
            format!("the status has not seen commit {commit} of the spec branch")
        });
        let moment = deadline.map(|at| format!("a deadline was reached at {}", exact(at)));
        let reasons = records.into_iter().chain(commit).chain(moment);
        Ok(reasons
            .map(|reason| format!("a reconcile is due: {reason}"))
            .collect())
    }

    /// Whether resources of the spec branch have changed since the commit in the status. A reconcile that changes
    /// nothing writes no status, so the commit may be old.
    fn has_moved(&self, store: &Store, now: Time) -> Result<bool> {
        let (repo, spec) = (&store.repo, &self.view.spec_commit);
        let observed = &self.stored.tree.controller.observed_commit;
        if observed == spec || is_idle(store, &self.view, now) {
            return Ok(false);
        }
        let Ok(before) = read::tree_of(repo, observed) else {
            return Ok(true);
        };
        let after = read::tree_of(repo, spec)?;
        let paths = revision::paths(&self.view.config)?;
        Ok(!read::tree_changes(repo, Some(&before), &after, &paths)?.is_empty())
    }

    /// The tip of an inbox ref, if it exists.
    pub fn tip(&self, address: &Address) -> Option<&str> {
        self.view.inbox.get(address).map(String::as_str)
    }
}

impl<'a> ObservedRun<'a> {
    /// Nothing where it is no execution.
    fn of(key: &'a Key, file: &'a StatusFile) -> Option<ObservedRun<'a>> {
        let Status::Execution(status) = &file.status else {
            return None;
        };
        Some(ObservedRun { key, file, status })
    }

    /// The nodes with a status.
    pub fn nodes(self) -> impl Iterator<Item = ObservedNode<'a>> {
        let nodes = self.status.node_statuses.iter();
        nodes.map(move |(id, status)| ObservedNode {
            run: self,
            id,
            status,
        })
    }

    /// The node with this id, if it has a status.
    pub fn node(self, id: &str) -> Option<ObservedNode<'a>> {
        let (id, status) = self.status.node_statuses.get_key_value(id)?;
        Some(ObservedNode {
            run: self,
            id,
            status,
        })
    }

    /// The run, as named in records.
    pub fn reference(self) -> RunRef {
        RunRef {
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            uid: self.file.uid.clone(),
        }
    }

    /// The inbox ref of an attempt.
    pub fn attempt_address(self, node: &str, attempt: u32) -> Address {
        Address::Work {
            run: self.reference(),
            node: node.to_owned(),
            attempt,
        }
    }
}

impl<'a> ObservedNode<'a> {
    /// `namespace/execution/node`
    pub fn name(self) -> String {
        format!("{}/{}", self.run.key.qualified(), self.id)
    }

    /// The inbox ref of its open attempt.
    pub fn address(self) -> Address {
        self.run.attempt_address(self.id, self.status.attempt)
    }

    /// The provider, if the node is bound.
    pub fn provider(self) -> Option<&'a str> {
        provider_of(self.status)
    }
}

/// The pinned plan of a run, if it can be read.
pub fn pinned_plan(stored: &StoredStatus, run: &ExecutionStatus) -> Option<PinnedPlan> {
    let pinned = run.extensions.pinned.as_ref()?;
    PinnedPlan::read(&stored.pinned, pinned).ok()
}

/// The plan that was pinned for a finished run, if the history in this clone still has it: the status keeps
/// it only while the run is open.
pub fn plan_once(store: &Store, run: &ExecutionStatus) -> Option<PinnedPlan> {
    let pinned = run.extensions.pinned.as_ref()?;
    let blobs = pinned.blobs().filter_map(|blob| {
        let bytes = read::blob(&store.repo, blob).ok()?;
        Some((blob.to_owned(), Arc::from(bytes)))
    });
    PinnedPlan::read(&blobs.collect(), pinned).ok()
}

/// The `step_id`s of nodes, read once from each pinned plan.
pub struct StepNames<'a> {
    repo: &'a Repo,
    known: RefCell<BTreeMap<(String, String), BTreeMap<String, String>>>,
}

impl<'a> StepNames<'a> {
    /// Reads nothing yet.
    pub fn new(repo: &'a Repo) -> StepNames<'a> {
        StepNames {
            repo,
            known: RefCell::default(),
        }
    }

    /// The `step_id` of a node; `None` if there is no document, or it can no longer be read.
    pub fn of(&self, run: &ExecutionStatus, node: &str) -> Option<String> {
        let pin = &run.extensions.pinned.as_ref()?.plan;
        let place = (pin.path.clone(), pin.blob.clone());
        let mut known = self.known.borrow_mut();
        let names = known
            .entry(place)
            .or_insert_with(|| self.read(pin).unwrap_or_default());
        names.get(node).cloned()
    }

    fn read(&self, pin: &Pin) -> Option<BTreeMap<String, String>> {
        const FIELDS: [&[u8]; 2] = [b"step_id", TRACKER.as_bytes()];
        let bytes = read::blob(self.repo, &pin.blob).ok()?;
        // Most plans come from no document or tracker, and need not be parsed for this.
        let has = |field: &[u8]| bytes.windows(field.len()).any(|part| part == field);
        let has_steps = FIELDS.into_iter().any(has);
        let blobs = has_steps.then(|| BTreeMap::from([(pin.blob.clone(), Arc::from(bytes))]))?;
        let plan = Pins::new(&blobs).read(Kind::Plan, pin).ok()?;
        let nodes = plan.spec.plan()?.graph.nodes.iter();
        let named = nodes.filter_map(|node| Some((node.id.clone(), node.step_id()?.to_owned())));
        Some(named.collect())
    }

    /// Adds the `step_id`s to transitions of nodes of these runs.
    pub fn tell(&self, moved: &mut [Transition], tree: &StatusTree) {
        for one in moved {
            let run = tree
                .files
                .get(&one.key)
                .and_then(|file| file.status.execution());
            let named = run.zip(one.node.as_deref());
            one.step = named.and_then(|(run, node)| self.of(run, node));
        }
    }

    /// Adds the `step_id`s to what is waited for.
    pub fn tell_waiting(&self, waiting: &mut [Waiting], tree: &StatusTree) {
        for one in waiting {
            let file = tree.files.get(&one.execution);
            let run = file.and_then(|file| file.status.execution());
            let named = run.zip(one.node.as_deref());
            one.step = named.and_then(|(run, node)| self.of(run, node));
        }
    }
}

/// The provider of a node, if it is bound.
pub fn provider_of(node: &NodeStatus) -> Option<&str> {
    node.extensions.target.as_ref()?.provider.as_deref()
}
