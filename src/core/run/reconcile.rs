//! Reconcile as a pure function: from snapshot, old status, records and time to the new status, the
//! transitions and what waits. It is level-triggered and idempotent: the same inputs change nothing the
//! second time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::words::count;
use crate::core::repository::config::Config;
use crate::core::repository::rules;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{CancelledBy, CapabilityPhase, Key, Kind, SignedBy, Status, Time};
use crate::core::run::archive::{self, Archived};
use crate::core::run::asked::{Answers, Asking, RefusedRef};
use crate::core::run::controllers::execution::plan_of;
use crate::core::run::controllers::{self, Authors, Presence, World, judge};
use crate::core::run::published::publish;
use crate::core::run::record::{Address, Incoming};
use crate::core::run::status::{
    ControllerState, DECISIONS, FORMAT_VERSION, SpecSource, StatusFile, StatusTree,
};
use crate::core::run::summary::lines::{NewLines, Summaries};
use crate::core::run::summary::{Aside, Summary, needed_blob};
use crate::core::run::transition::{Transition, transitions};

/// Maximum number of findings in `controller.yaml`.
const FINDINGS_KEPT: usize = 50;

/// All inputs of the decision.
pub struct Inputs<'a> {
    /// The resources of the spec commit.
    pub snapshot: &'a Snapshot,
    /// The configuration of the spec commit.
    pub config: &'a Config,
    /// The spec commit.
    pub commit: &'a str,
    /// Whether the last observed commit is no longer part of history; then nothing that is missing
    /// counts as deleted.
    pub history_rewritten: bool,
    /// The new files of resources that are no longer found below the configured paths.
    pub left: &'a BTreeMap<Key, String>,
    /// The present status, if there is one.
    pub old: Option<&'a StatusTree>,
    /// The resources to examine; `None` means all. The others do not change. `old` and `snapshot` then need
    /// only what these depend on: see
    /// [`partial`](crate::core::run::partial).
    pub only: Option<&'a BTreeSet<Key>>,
    /// Returns the authors of a file, given commit and path.
    pub authors: &'a Authors<'a>,
    /// The content of pinned blobs, by object id.
    pub pinned: &'a BTreeMap<String, Arc<[u8]>>,
    /// What is new in the inbox.
    pub incoming: &'a [Incoming],
    /// Inbox refs with something else than records.
    pub refused: &'a BTreeMap<Address, RefusedRef>,
    /// Whether the spec commit has a file or folder at a path, and it contains a pattern if one is
    /// given.
    pub artifact: &'a controllers::Artifacts<'a>,
    /// Whether a commit is part of the spec branch.
    pub merged: &'a controllers::Merged<'a>,
    /// The paths that a commit changes relative to the spec branch.
    pub touched: &'a controllers::Touches<'a>,
    /// Whether the spec commit lists the key of a signature.
    pub listed: &'a controllers::Listed<'a>,
    /// The time to use as now, in whole seconds.
    pub now: Time,
}

/// The result of a reconcile.
#[derive(Debug)]
pub struct Reconciliation {
    /// The new status; equal to the old one if nothing changed.
    pub tree: StatusTree,
    /// Whether it differs from the old one, so that a commit is due.
    pub changed: bool,
    /// The transitions.
    pub transitions: Vec<Transition>,
    /// Tips of the inbox refs that were taken in: the evidence.
    pub evidence: Vec<String>,
    /// Notes for the operator that belong to no resource.
    pub notes: Vec<String>,
    /// The queries to the clone, with the answers.
    pub answers: Answers,
    /// The earliest deadline that was handled now: a long delay is a reason to
    /// doubt the clock.
    pub fired: Option<Time>,
    /// How many executions were archived.
    pub archived: usize,
    /// The refs for the whole repository that need nothing more, with their records.
    pub settled: BTreeMap<String, String>,
}

/// The decision before the summaries are updated.
pub struct Decision {
    repository_id: String,
    /// The new statuses.
    pub files: BTreeMap<Key, StatusFile>,
    nexts: Nexts,
    evidence: Vec<String>,
    notes: Vec<String>,
    answers: Answers,
    fired: Option<Time>,
    archive: archive::Outcome,
}

/// Decides everything.
pub fn reconcile(inputs: &Inputs<'_>) -> Reconciliation {
    let decision = decide(inputs);
    let lines = decision.lines(inputs).into_values().flatten();
    let summaries = Summaries::whole(lines.map(Arc::unwrap_or_clone));
    decision.finish(inputs, summaries)
}

/// Decides about the resources to examine.
pub fn decide(inputs: &Inputs<'_>) -> Decision {
    let repository_id = inputs.old.map_or_else(
        || mint(&["repository", inputs.commit, &inputs.now.to_rfc3339()]),
        |old| old.controller.repository_id.clone(),
    );
    let asking = Asking::new(
        inputs.authors,
        inputs.artifact,
        inputs.merged,
        inputs.touched,
        inputs.listed,
    );
    let authors = |commit: &str, path: &str| asking.authors(commit, path);
    let artifact = |path: &str, text: Option<&str>| asking.artifact(path, text);
    let merged = |commit: &str| asking.merged(commit);
    let touched = |commit: &str| asking.touched(commit);
    let listed = |by: &SignedBy, arrival: Time| asking.listed(by, arrival);
    let none = Archived::default();
    let mut world = World {
        snapshot: inputs.snapshot,
        config: inputs.config,
        commit: inputs.commit,
        repository_id: &repository_id,
        now: inputs.now,
        authors: &authors,
        archived: inputs.old.map_or(&none, |old| &old.archived),
        pinned: controllers::execution::Pins::new(inputs.pinned),
        artifact: &artifact,
        merged: &merged,
        touched: &touched,
        listed: &listed,
        capabilities: controllers::capability::phases(
            inputs.snapshot,
            &inputs.settled_capabilities(),
        ),
        uid_mismatches: BTreeMap::new(),
    };
    let is_emptied = is_emptied(inputs);
    let mut notes = kept(inputs, is_emptied);
    let mut files = observe(inputs, &world, is_emptied);
    let uid_of = |key: &Key| {
        let file = files.get(key).filter(|file| file.deleted.is_none());
        file.map(|file| file.uid.as_str())
    };
    world.uid_mismatches = rules::uid_mismatches(inputs.snapshot, &uid_of);
    let presence = presences(inputs, is_emptied, &files);
    let presence_of_key = |key: &Key| presence.get(key).copied().unwrap_or(Presence::Deleted);

    run_foundations(&world, inputs, &mut files, &presence_of_key);
    let mut runs = Runs::new(inputs, &files);
    runs.note_strangers(&mut notes);
    let mut fired = None;
    let goals_due = loop {
        runs.turn(&world, inputs, &mut files, &presence_of_key);
        let (goals_due, of_goals) = run_projections(&world, inputs, &mut files, &presence_of_key);
        fired = earliest(fired, of_goals);
        if !runs.find_stale(&files) {
            break goals_due;
        }
    };
    let fired = earliest(fired, runs.fired);
    let asked = (inputs.old, inputs.incoming);
    let mut archive = archive::apply(&world, asked, &runs.followed(), &mut files);
    runs.evidence.append(&mut archive.evidence);
    notes.append(&mut archive.notes);
    publish_all(inputs, &mut files);
    let evidence = std::mem::take(&mut runs.evidence);
    Decision {
        repository_id,
        files,
        nexts: Nexts::of(runs, goals_due),
        evidence,
        notes,
        answers: answers(inputs, &asking),
        fired,
        archive,
    }
}

/// Whether the resources with a status are still defined.
fn presences<'i>(
    inputs: &'i Inputs<'_>,
    is_emptied: bool,
    files: &BTreeMap<Key, StatusFile>,
) -> BTreeMap<Key, Presence<'i>> {
    let all = files.iter();
    let presence = |key: &Key, file| presence_of(inputs, is_emptied, key, Some(file));
    all.map(|(key, file)| (key.clone(), presence(key, file)))
        .collect()
}

/// Sets the published conditions of each decided status.
fn publish_all(inputs: &Inputs<'_>, files: &mut BTreeMap<Key, StatusFile>) {
    for (key, file) in files.iter_mut().filter(|(key, _)| inputs.looks_at(key)) {
        let before = inputs.old.and_then(|old| old.files.get(key));
        publish(file, before, inputs.now);
    }
}

fn earliest(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    one.into_iter().chain(other).min()
}

/// The recorded answers of the clone, from all kinds of queries.
fn answers(inputs: &Inputs<'_>, asking: &Asking<'_>) -> Answers {
    let refused = inputs.refused.iter();
    Answers {
        history_rewritten: inputs.history_rewritten,
        left: inputs
            .left
            .iter()
            .map(|(key, path)| (key.to_string(), path.clone()))
            .collect(),
        refused: refused
            .map(|(address, refused)| (address.to_string(), refused.clone()))
            .collect(),
        signatures: Answers::about_signatures(inputs.incoming),
        foreign: Answers::about_statuses(inputs.incoming),
        ..asking.kept()
    }
}

impl Inputs<'_> {
    /// Whether a resource is to be examined.
    fn looks_at(&self, key: &Key) -> bool {
        self.only.is_none_or(|only| only.contains(key))
    }

    /// The phases of the capabilities that are not examined.
    fn settled_capabilities(&self) -> BTreeMap<Key, CapabilityPhase> {
        if self.only.is_none() {
            return BTreeMap::new();
        }
        let files = self.old.iter().flat_map(|old| &old.files);
        let settled = files.filter(|(key, _)| !self.looks_at(key));
        let phases = settled.filter_map(|(key, file)| match &file.status {
            Status::Capability(status) => Some((key.clone(), status.phase)),
            _ => None,
        });
        phases.collect()
    }
}

/// The next deadlines.
struct Nexts {
    runs: BTreeMap<Key, controllers::execution::Next>,
    goals_due: BTreeMap<Key, Time>,
}

impl Nexts {
    fn of(runs: Runs<'_>, goals_due: BTreeMap<Key, Time>) -> Nexts {
        let seen = runs.seen.into_iter();
        Nexts {
            runs: seen.map(|(key, (next, _))| (key, next)).collect(),
            goals_due,
        }
    }
}

/// A name-based uid.
fn mint(parts: &[&str]) -> String {
    let name = parts.join("\u{0}");
    Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("planspec.io\u{0}{name}").as_bytes(),
    )
    .to_string()
}

/// Notes on missing resources that do not count as deleted.
fn kept(inputs: &Inputs<'_>, is_emptied: bool) -> Vec<String> {
    let rewritten = inputs.history_rewritten.then(|| {
        "the history of the spec branch was rewritten: what is missing now is not taken as \
         deleted until the next commit"
            .to_owned()
    });
    let paths = inputs.config.paths.join(", ");
    let emptied = is_emptied.then(|| {
        format!("no resource is left below {paths}, where runs go on: nothing is taken as deleted")
    });
    let left = inputs.left.first_key_value().map(|(key, path)| {
        let more = match inputs.left.len() {
            1 => String::new(),
            count => format!(", and {} more", count - 1),
        };
        format!("what left {paths} is not taken as deleted: {key} is in {path} now{more}")
    });
    let left = left.filter(|_| !is_emptied);
    rewritten.into_iter().chain(emptied).chain(left).collect()
}

/// Whether no resource is found while runs are open: then the folder was probably moved, or `paths` is wrong, rather
/// than everything deleted. This lasts until a resource is found, even after these runs are over.
fn is_emptied(inputs: &Inputs<'_>) -> bool {
    let Some(old) = inputs.old else {
        return false;
    };
    let was_found_before = old.controller.rewritten_at.is_some();
    let is_kept = |file: &StatusFile| {
        let run = file.status.execution();
        let is_open = run.is_some_and(|run| !run.phase.is_terminal());
        file.deleted.is_none() && run.is_some() && (is_open || was_found_before)
    };
    inputs.only.is_none() && inputs.snapshot.is_empty() && old.files.values().any(is_kept)
}

/// Updates derived metadata: assigns uids, raises generations, drops what is gone.
fn observe(inputs: &Inputs<'_>, world: &World<'_>, is_emptied: bool) -> BTreeMap<Key, StatusFile> {
    let mut files = inputs.old.map(|old| old.files.clone()).unwrap_or_default();
    for key in inputs.snapshot.keys().filter(|key| inputs.looks_at(key)) {
        let definitions = inputs.snapshot.definitions(key);
        let Some(first) = definitions.first() else {
            continue;
        };
        let digest = match definitions {
            [only] => only.resource.as_ref().map(|r| r.spec_digest()),
            _ => None,
        };
        let before = files.get(key);
        let archived = world.archived.of(key).filter(|_| before.is_none());
        if archived.is_some_and(|archived| archived.covers(digest.as_deref())) {
            continue;
        }
        if before.is_none_or(|before| begins_anew(before, digest.as_deref())) {
            let name = [
                world.repository_id,
                key.kind.name(),
                &key.namespace,
                &key.name,
                inputs.commit,
            ];
            // A rewritten history may restore a commit, and with it the name of a former run.
            let former = before.map(|before| before.uid.as_str());
            let former = former.or(archived.map(|archived| archived.uid.as_str()));
            let parts: Vec<&str> = name.into_iter().chain(former).collect();
            let uid = mint(&parts);
            let file = StatusFile {
                uid,
                generation: 1,
                created: world.now,
                deleted: None,
                source: SpecSource {
                    path: first.path.clone(),
                    digest: digest.clone().unwrap_or_default(),
                },
                status: Status::initial(key.kind),
            };
            files.insert(key.clone(), file);
        }
        let Some(file) = files.get_mut(key) else {
            continue;
        };
        if definitions.len() == 1 {
            file.source.path.clone_from(&first.path);
        }
        if digest.is_some() {
            file.deleted = None;
        }
        if let Some(digest) = digest
            && file.source.digest != digest
        {
            // A spec that was unreadable when it was first seen has no digest yet.
            if !file.source.digest.is_empty() {
                file.generation += 1;
            }
            file.source.digest = digest;
        }
    }
    for (key, path) in inputs.left {
        if let Some(file) = files.get_mut(key).filter(|file| file.deleted.is_none()) {
            file.source.path.clone_from(path);
        }
    }
    files.retain(|key, file| {
        if !inputs.looks_at(key) {
            return true;
        }
        let gone = presence_of(inputs, is_emptied, key, Some(file)) == Presence::Deleted;
        if gone && key.kind == Kind::Execution && file.deleted.is_none() {
            file.deleted = Some(world.now);
        }
        !gone || key.kind == Kind::Execution
    });
    cancel_owned(inputs, &mut files);
    files
}

/// Cancels the runs whose files name a deleted goal as their owner. The files stay.
fn cancel_owned(inputs: &Inputs<'_>, files: &mut BTreeMap<Key, StatusFile>) {
    let old = inputs.old.iter().flat_map(|old| &old.files);
    let gone = old.filter(|(key, _)| key.kind == Kind::Goal && !files.contains_key(key));
    let gone: BTreeMap<&Key, &str> = gone.map(|(key, file)| (key, file.uid.as_str())).collect();
    if gone.is_empty() {
        return;
    }
    for (key, file) in files.iter_mut().filter(|(key, _)| inputs.looks_at(key)) {
        let resource = inputs.snapshot.resource(key);
        let (Status::Execution(run), Some(resource)) = (&mut file.status, resource) else {
            continue;
        };
        let owners = &resource.metadata.owner_references;
        let owner = owners.iter().find(|owner| {
            let goal = Key::new(Kind::Goal, &key.namespace, &owner.name);
            let uid = gone.get(&goal).filter(|_| owner.kind == Kind::Goal.name());
            uid.is_some_and(|uid| owner.uid.as_ref().is_none_or(|wanted| wanted == uid))
        });
        if let Some(owner) = owner.filter(|_| !run.phase.is_terminal()) {
            run.extensions
                .cancelled_by
                .get_or_insert_with(|| CancelledBy {
                    actor: None,
                    comment: Some(format!("its owner, the goal `{}`, is gone", owner.name)),
                    record: None,
                    signed: None,
                    timestamp: None,
                });
        }
    }
}

/// Whether an execution with this spec is a new run, and not the one that has its name in the status: the spec of a finished
/// run has changed, or the file of a run that was cancelled because it was gone has come back. Changes during the run were
/// ignored, and reverting them starts nothing; nor does reverting the deletion of a finished run's file.
pub fn begins_anew(file: &StatusFile, digest: Option<&str>) -> bool {
    let Some(run) = file.status.execution() else {
        return file.deleted.is_some();
    };
    if file.deleted.is_some() && run.was_cancelled_by_deletion() {
        return true;
    }
    let pinned = run.extensions.pinned.as_ref();
    let ran = pinned.map(|pinned| pinned.execution.digest.as_str());
    let seen = Some(file.source.digest.as_str()).filter(|seen| !seen.is_empty());
    run.phase.is_terminal() && digest.is_some() && seen.is_some() && digest != seen && digest != ran
}

/// Whether a resource is defined, deleted, or unknown.
fn presence_of<'a>(
    inputs: &Inputs<'a>,
    is_emptied: bool,
    key: &Key,
    file: Option<&StatusFile>,
) -> Presence<'a> {
    match inputs.snapshot.definitions(key) {
        [only] => Presence::Defined(only),
        [] => {
            if file.is_some_and(|file| file.deleted.is_some()) {
                Presence::Deleted
            } else if !inputs.snapshot.unidentified().is_empty() {
                Presence::Unknown("it is not found, and a file that may hold it cannot be read")
            } else if file.is_some_and(|file| !inputs.config.covers(&file.source.path)) {
                Presence::Unknown("its file is outside the configured paths")
            } else if is_emptied {
                Presence::Unknown("no resource is found below the configured paths")
            } else if nothing_is_deleted(inputs) {
                Presence::Unknown("it is not part of the rewritten history")
            } else {
                Presence::Deleted
            }
        }
        _ => Presence::Doubled,
    }
}

/// Whether history was rewritten at this commit, now or in an earlier reconcile of it.
fn nothing_is_deleted(inputs: &Inputs<'_>) -> bool {
    let found_before = inputs
        .old
        .and_then(|old| old.controller.rewritten_at.as_deref());
    inputs.history_rewritten || found_before == Some(inputs.commit)
}

/// Decides capabilities and plans, which do not depend on runs.
fn run_foundations<'a>(
    world: &World<'_>,
    inputs: &Inputs<'_>,
    files: &mut BTreeMap<Key, StatusFile>,
    presence: &dyn Fn(&Key) -> Presence<'a>,
) {
    let source_errors = source_errors(world);
    for (key, file) in files.iter_mut() {
        if file.deleted.is_some() || !inputs.looks_at(key) {
            continue;
        }
        let at_end = matches!(&file.status, Status::Execution(run) if run.phase.is_terminal());
        if at_end {
            continue;
        }
        let generation = file.generation;
        let mut presence = presence(key);
        let broken_source = match world.snapshot.definitions(key) {
            [] => source_errors.get(file.source.path.as_str()),
            _ => None,
        };
        let broken_source = broken_source.map(|finding| world.snapshot.line(finding));
        if let (Presence::Unknown(_), Some(why)) = (presence, &broken_source) {
            presence = Presence::Unknown(why);
        }
        let valid = judge(
            world,
            key,
            presence,
            file.status.conditions_mut(),
            generation,
        );
        match &mut file.status {
            Status::Capability(status) => {
                controllers::capability::reconcile(world, key, status, generation);
            }
            Status::Plan(status) => {
                controllers::plan::reconcile(world, key, status, valid, generation);
            }
            _ => {}
        }
        if valid {
            file.status.observe(generation);
        }
    }
}

/// The first error of each file that has any.
fn source_errors<'a>(world: &World<'a>) -> BTreeMap<&'a str, &'a Diagnostic> {
    let mut first = BTreeMap::new();
    let diagnostics = world.snapshot.diagnostics().iter();
    for finding in diagnostics.filter(|finding| finding.is_error()) {
        first.entry(finding.file.as_str()).or_insert(finding);
    }
    first
}

/// The executions during a reconcile.
struct Runs<'a> {
    by_uid: BTreeMap<&'a str, Vec<&'a Incoming>>,
    /// Records about unknown executions.
    strangers: BTreeMap<&'a str, Vec<&'a Incoming>>,
    /// The executions to examine next.
    todo: Vec<Key>,
    /// For each examined one: its next deadlines, and the phases of the resources that it follows.
    seen: BTreeMap<Key, (controllers::execution::Next, Vec<Option<String>>)>,
    /// Tips of the inbox refs that were folded in.
    evidence: Vec<String>,
    /// The earliest deadline that was handled.
    fired: Option<Time>,
    /// The remaining turns, so that a cycle of followers ends.
    turns: usize,
}

impl<'a> Runs<'a> {
    fn new(inputs: &Inputs<'a>, files: &BTreeMap<Key, StatusFile>) -> Runs<'a> {
        let about_runs = |one: &&Incoming| !archive::is_of_repository(one);
        let mut ordered: Vec<&Incoming> = inputs.incoming.iter().filter(about_runs).collect();
        ordered.sort_by(|a, b| a.address.cmp(&b.address));
        let mut by_uid: BTreeMap<&str, Vec<&Incoming>> = BTreeMap::new();
        for incoming in ordered {
            by_uid
                .entry(incoming.address.uid())
                .or_default()
                .push(incoming);
        }
        let todo: Vec<Key> = files
            .keys()
            .filter(|key| key.kind == Kind::Execution && inputs.looks_at(key))
            .cloned()
            .collect();
        let known: BTreeSet<&str> = todo
            .iter()
            .filter_map(|key| Some(files.get(key)?.uid.as_str()))
            .collect();
        let (mine, strangers): (BTreeMap<_, _>, BTreeMap<_, _>) =
            by_uid.into_iter().partition(|(uid, _)| known.contains(uid));
        Runs {
            turns: todo.len() + 1,
            by_uid: mine,
            todo,
            seen: BTreeMap::new(),
            evidence: Vec::new(),
            fired: None,
            strangers,
        }
    }

    /// The executions that open ones wait for.
    fn followed(&self) -> BTreeSet<Key> {
        let follows = self.seen.values().flat_map(|(next, _)| &next.follows);
        follows
            .filter(|key| key.kind == Kind::Execution)
            .cloned()
            .collect()
    }

    fn note_strangers(&self, notes: &mut Vec<String>) {
        notes.extend(self.strangers.iter().map(|(uid, incoming)| {
            format!(
                "{} on an execution that is not there (uid {uid}): ignored",
                count(incoming.len(), "inbox ref"),
            )
        }));
    }

    /// Examines all executions in `todo`, each with its records.
    fn turn<'p>(
        &mut self,
        world: &World<'_>,
        inputs: &Inputs<'_>,
        files: &mut BTreeMap<Key, StatusFile>,
        presence: &dyn Fn(&Key) -> Presence<'p>,
    ) {
        for key in std::mem::take(&mut self.todo) {
            let Some(mut file) = files.remove(&key) else {
                continue;
            };
            // Records are taken in only the first time.
            let incoming = self.by_uid.remove(file.uid.as_str()).unwrap_or_default();
            let turn = controllers::execution::Turn {
                world,
                key: &key,
                presence: presence(&key),
                incoming: &incoming,
                refused: inputs.refused,
                others: files,
            };
            let next = controllers::execution::reconcile(&turn, &mut file);
            self.fired = earliest(self.fired, next.fired);
            if let Status::Execution(status) = &file.status {
                let folded_in = incoming.iter().filter(|incoming| {
                    let ref_name = incoming.address.to_string();
                    status.extensions.records.get(&ref_name) == Some(&incoming.tip)
                });
                let tips = folded_in.map(|incoming| incoming.tip.clone());
                self.evidence.extend(tips);
            }
            files.insert(key.clone(), file);
            let phases = phases_of(&next.follows, files);
            self.seen.insert(key, (next, phases));
        }
    }

    /// Finds the executions that follow a resource which changed since; false if there are none.
    fn find_stale(&mut self, files: &BTreeMap<Key, StatusFile>) -> bool {
        let stale = |(_, (next, phases)): &(&Key, &(controllers::execution::Next, Vec<_>))| {
            !next.follows.is_empty() && phases_of(&next.follows, files) != *phases
        };
        let stale: Vec<Key> = self
            .seen
            .iter()
            .filter(stale)
            .map(|(key, _)| key.clone())
            .collect();
        self.todo = stale;
        self.turns = self.turns.saturating_sub(1);
        !self.todo.is_empty() && self.turns > 0
    }
}

fn phases_of(keys: &[Key], files: &BTreeMap<Key, StatusFile>) -> Vec<Option<String>> {
    let phase = |key: &Key| files.get(key).map(|file| file.status.phase());
    keys.iter().map(phase).collect()
}

/// Decides bindings, gates and goals from the runs. Returns when the timeouts of goals end, and
/// the end of the first one that failed a goal now.
fn run_projections<'a>(
    world: &World<'_>,
    inputs: &Inputs<'_>,
    files: &mut BTreeMap<Key, StatusFile>,
    presence: &dyn Fn(&Key) -> Presence<'a>,
) -> (BTreeMap<Key, Time>, Option<Time>) {
    let mut deadlines = BTreeMap::new();
    let mut fired = None;
    let unfinished: Vec<Key> = files
        .iter()
        .filter(
            |(_, file)| matches!(&file.status, Status::Execution(run) if !run.phase.is_terminal()),
        )
        .map(|(key, _)| key.clone())
        .collect();
    let needs: Vec<controllers::binding::Need<'_>> = unfinished
        .iter()
        .filter_map(|key| Some((key, plan_of(world.snapshot, key)?)))
        .flat_map(|(key, (execution, plan, spec))| {
            let nodes = spec.graph.nodes.iter();
            nodes.map(move |node| controllers::binding::Need {
                execution: (key, execution),
                plan,
                node,
            })
        })
        .collect();
    let keys: Vec<Key> = files
        .keys()
        .filter(|key| matches!(key.kind, Kind::Binding | Kind::Gate | Kind::Goal))
        .filter(|key| inputs.looks_at(key))
        .filter(|key| matches!(presence(key), Presence::Defined(_)))
        .cloned()
        .collect();
    let service = controllers::goal::Service::new(world.snapshot, files);
    for key in keys {
        let Some(mut file) = files.remove(&key) else {
            continue;
        };
        let (uid, generation) = (file.uid.clone(), file.generation);
        match &mut file.status {
            Status::Binding(status) => {
                if let Some(spec) = world.snapshot.binding(&key) {
                    controllers::binding::reconcile(world, &key, spec, &needs, status);
                }
            }
            Status::Gate(status) => {
                controllers::gate::reconcile(world, &key, files, status, generation);
            }
            Status::Goal(status) => {
                if let Some(spec) = world.snapshot.goal(&key) {
                    let of = (uid.as_str(), generation, file.created);
                    let moments = controllers::goal::reconcile(
                        world, &key, spec, &service, files, of, status,
                    );
                    let deadline = moments.deadline;
                    deadlines.extend(deadline.map(|deadline| (key.clone(), deadline)));
                    fired = earliest(fired, moments.fired);
                }
            }
            _ => {}
        }
        files.insert(key, file);
    }
    (deadlines, fired)
}

impl Decision {
    /// Assembles the tree with all summaries; it counts as changed only if something
    /// besides the observed commit is.
    pub fn finish(self, inputs: &Inputs<'_>, summaries: Summaries) -> Reconciliation {
        let files = self.files;
        let errors = inputs.snapshot.diagnostics().iter();
        let loose = errors.filter(|finding| finding.is_error() && finding.resource.is_none());
        let findings: Vec<String> = loose
            .take(FINDINGS_KEPT)
            .map(|finding| inputs.snapshot.line(finding))
            .collect();
        let before = inputs.old.map(|old| &old.controller);
        let observed_commit = before.map_or(inputs.commit, |before| &before.observed_commit);
        let is_missing = |(key, file): (&Key, &StatusFile)| {
            file.deleted.is_none() && inputs.snapshot.definitions(key).is_empty()
        };
        let rewritten_at = (nothing_is_deleted(inputs) && files.iter().any(is_missing))
            .then(|| inputs.commit.to_owned());
        // Everything is examined once there are resources again.
        let emptied_at = is_emptied(inputs).then(|| {
            let known = before.and_then(|before| before.rewritten_at.clone());
            known.unwrap_or_else(|| inputs.commit.to_owned())
        });
        let mut tree = StatusTree {
            controller: ControllerState {
                format_version: FORMAT_VERSION,
                decisions: DECISIONS,
                repository_id: self.repository_id,
                observed_commit: observed_commit.to_owned(),
                sequence: before.map_or(0, |before| before.sequence),
                // The writer of the commit sets them.
                status_branch: before.and_then(|before| before.status_branch.clone()),
                spec_branch: before.and_then(|before| before.spec_branch.clone()),
                status_remote: before.and_then(|before| before.status_remote.clone()),
                rewritten_at: rewritten_at.or(emptied_at),
                next_deadline: summaries.outline.next_deadline(),
                requests: self.archive.requests,
                findings,
            },
            pinned: pinned_by(inputs, &files, &summaries),
            files,
            summaries,
            archived: self.archive.archived,
        };
        let nothing_yet = inputs.old.is_none() && tree.files.is_empty();
        let changed = !nothing_yet && inputs.old.is_none_or(|old| !is_same(old, &tree));
        if changed {
            tree.controller.observed_commit = inputs.commit.to_owned();
            tree.controller.sequence += 1;
        }
        let transitions = transitions(inputs.old, &tree);
        Reconciliation {
            tree,
            changed,
            transitions,
            evidence: self.evidence,
            notes: self.notes,
            answers: self.answers,
            fired: self.fired,
            archived: self.archive.count,
            settled: self.archive.settled,
        }
    }

    /// The summaries of the examined resources.
    pub fn lines(&self, inputs: &Inputs<'_>) -> NewLines {
        let gone = inputs.only.into_iter().flatten();
        let mut lines: NewLines = gone.map(|key| (key.clone(), None)).collect();
        let looked_at = self.files.iter().filter(|(key, _)| inputs.looks_at(key));
        for (key, file) in looked_at {
            let next = self.nexts.runs.get(key);
            let goal = inputs.snapshot.goal(key);
            let selector = goal.and_then(|goal| goal.plan_selector.as_ref());
            let aside = Aside {
                due: next
                    .and_then(|next| next.deadline)
                    .or(self.nexts.goals_due.get(key).copied()),
                follows: next
                    .iter()
                    .flat_map(|next| &next.follows)
                    .cloned()
                    .collect(),
                selects: selector.is_some_and(|selector| !selector.is_empty()),
                has_errors: inputs.snapshot.errors_of(key).next().is_some(),
            };
            let line = Summary::of(key, file, aside);
            lines.insert(key.clone(), line.map(Arc::new));
        }
        lines
    }
}

/// Whether a status has the same content as an earlier one. A difference only in layout or version of the decisions
/// does not count.
fn is_same(old: &StatusTree, new: &StatusTree) -> bool {
    let mut controller = new.controller.clone();
    controller.format_version = old.controller.format_version;
    controller.decisions = old.controller.decisions;
    let has_same_lines = !old.controller.has_summaries() || old.summaries == new.summaries;
    has_same_lines
        && (&old.controller, &old.files, &old.pinned, &old.archived)
            == (&controller, &new.files, &new.pinned, &new.archived)
}

/// The blobs that runs need, including failed ones, which may be retried.
fn pinned_by(
    inputs: &Inputs<'_>,
    files: &BTreeMap<Key, StatusFile>,
    summaries: &Summaries,
) -> BTreeSet<String> {
    let runs = files.values().filter_map(|file| file.status.execution());
    let pinned = runs.filter_map(|run| run.extensions.pinned.as_ref());
    let new = pinned.flat_map(|pinned| pinned.blobs().map(str::to_owned));
    let before = inputs.old.iter().flat_map(|old| old.pinned.iter().cloned());
    let all: BTreeSet<String> = before.chain(new).collect();
    let is_needed = |blob: &String| summaries.users(&needed_blob(blob)).next().is_some();
    all.into_iter().filter(is_needed).collect()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
