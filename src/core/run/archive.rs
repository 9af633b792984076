//! Archiving: finished executions leave the status, and stay in its history. Of each a tombstone remains (`_archived/<hh>`),
//! so that its file does not start again, and that who follows it knows how it ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::controllers::{World, gate, goal};
use super::permit::{
    Refusal, check_signature, misplaced, of_another_repository, of_another_status,
};
use super::record::{Action, Address, INBOX, Incoming, NOT_APPLIED, Received};
use super::status::{SpecSource, StatusFile, StatusTree};
use super::summary::lines::shard_of;
use crate::core::resource::{
    ExecutionPhase, ExecutionStatus, GoalPhase, GoalStatus, Key, Kind, Pin, SignedBy, Status, Time,
};

/// Folder of the tombstones in the status tree.
pub const ARCHIVE_DIR: &str = "_archived";
/// Maximum number of requests to the repository that `controller.yaml` keeps.
const REQUESTS_KEPT: usize = 20;

/// What remains of an archived execution.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tombstone {
    /// Always `Execution`.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// How often its spec had changed, from 1.
    pub generation: u64,
    /// When it was first seen.
    pub created: Time,
    /// Path of its file.
    pub path: String,
    /// The digest of its spec, as its file had it last.
    pub digest: String,
    /// The digest of the spec that ran, if it is another one.
    pub ran: Option<String>,
    /// Its last phase.
    pub phase: ExecutionPhase,
    /// When it ended.
    pub end: Time,
}

impl Tombstone {
    fn of(key: &Key, file: &StatusFile, run: &ExecutionStatus) -> Tombstone {
        let digest = &file.source.digest;
        let pinned = run.extensions.pinned.as_ref();
        let ran = pinned.map(|pinned| pinned.execution.digest.clone());
        Tombstone {
            kind: key.kind,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            uid: file.uid.clone(),
            generation: file.generation,
            created: file.created,
            path: file.source.path.clone(),
            ran: ran.filter(|ran| ran != digest),
            digest: digest.clone(),
            phase: run.phase,
            end: end_of(file, run),
        }
    }

    /// The execution.
    pub fn key(&self) -> Key {
        Key::new(self.kind, &self.namespace, &self.name)
    }

    /// Its status, as far as that is known without the history of the branch.
    pub fn status(&self) -> StatusFile {
        StatusFile {
            uid: self.uid.clone(),
            generation: self.generation,
            created: self.created,
            deleted: None,
            source: SpecSource {
                path: self.path.clone(),
                digest: self.digest.clone(),
            },
            status: Status::Execution(Box::new(ExecutionStatus {
                phase: self.phase,
                reason: "Archived".to_owned(),
                message: "archived: see `planspec log`".to_owned(),
                completion_time: Some(self.end),
                observed_generation: self.generation,
                ..ExecutionStatus::default()
            })),
        }
    }

    /// Whether a file with this spec is that of the archived execution. So is one that cannot be read.
    pub fn covers(&self, digest: Option<&str>) -> bool {
        digest.is_none_or(|digest| digest == self.digest || self.ran.as_deref() == Some(digest))
    }
}

/// When a finished execution ended.
fn end_of(file: &StatusFile, run: &ExecutionStatus) -> Time {
    run.completion_time.or(file.deleted).unwrap_or(file.created)
}

/// The tombstones, as far as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archived {
    shards: BTreeMap<String, BTreeMap<Key, Tombstone>>,
}

/// Path of a file of tombstones.
fn archive_path(shard: &str) -> String {
    format!("{ARCHIVE_DIR}/{shard}")
}

impl Archived {
    /// Path of the file with the tombstone of an execution.
    pub fn path_of(key: &Key) -> String {
        archive_path(&shard_of(key))
    }

    /// Adds a file of tombstones.
    ///
    /// # Errors
    /// A line is not as expected; the error is a sentence.
    pub fn read(&mut self, path: &str, bytes: &[u8]) -> Result<(), String> {
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let tombstone: Tombstone = serde_json::from_slice(line)
                .map_err(|error| format!("{path}:{}: {error}", at + 1))?;
            self.add(tombstone);
        }
        Ok(())
    }

    fn add(&mut self, tombstone: Tombstone) {
        let key = tombstone.key();
        let shard = self.shards.entry(shard_of(&key)).or_default();
        shard.insert(key, tombstone);
    }

    /// The tombstone of an execution, if its file was read.
    pub fn of(&self, key: &Key) -> Option<&Tombstone> {
        self.shards.get(&shard_of(key))?.get(key)
    }

    /// The tombstones that were read.
    pub fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.shards.values().flat_map(BTreeMap::values)
    }

    /// The files that differ, by path.
    ///
    /// # Errors
    /// Those of serde; a tombstone has nothing that JSON cannot hold.
    pub fn changed_files(
        &self,
        before: &Archived,
    ) -> serde_json::Result<BTreeMap<String, Option<String>>> {
        let mut files = BTreeMap::new();
        for (name, shard) in &self.shards {
            if before.shards.get(name) == Some(shard) {
                continue;
            }
            let mut text = String::new();
            for tombstone in shard.values() {
                text.push_str(&serde_json::to_string(tombstone)?);
                text.push('\n');
            }
            files.insert(archive_path(name), Some(text));
        }
        Ok(files)
    }
}

/// A request to the repository that was applied, in `controller.yaml`.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepositoryRequest {
    /// The inbox ref, without `refs/planspec/`.
    #[serde(rename = "ref")]
    pub ref_name: String,
    /// The last record there.
    pub record: String,
    /// The actor.
    pub actor: String,
    /// It archived executions that ended before this time.
    pub before: Time,
    /// Only those of this namespace.
    pub namespace: Option<String>,
    /// The comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// How many it archived.
    pub archived: usize,
    /// The signer, if requests must be signed.
    pub signed: Option<SignedBy>,
    /// When it was applied.
    pub timestamp: Time,
}

/// An execution that a request may concern.
pub struct Candidate<'a> {
    /// The execution.
    pub key: &'a Key,
    /// Its phase.
    pub phase: ExecutionPhase,
    /// When it ended.
    pub end: Option<Time>,
    /// The phase of its goal, if that still has the uid that the run is pinned to.
    pub goal: Option<GoalPhase>,
}

/// Why a finished execution stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// An open execution waits for it.
    Followed,
    /// Its goal is not at rest: other executions are open, or criteria are to be attested.
    GoalIsOpen,
}

impl Kept {
    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Kept::Followed => "an open execution waits for it",
            Kept::GoalIsOpen => "its goal is still Executing",
        }
    }
}

/// Whether a request asks for an execution: it has ended before the time, in the namespace.
pub fn is_asked_for(candidate: &Candidate<'_>, before: Time, namespace: Option<&str>) -> bool {
    candidate.phase.is_terminal()
        && candidate.end.is_some_and(|end| end < before)
        && namespace.is_none_or(|namespace| candidate.key.namespace == namespace)
}

/// Why an execution that a request asks for stays all the same. Nobody else's status may change because it leaves.
pub fn why_kept(candidate: &Candidate<'_>, followed: &BTreeSet<Key>) -> Option<Kept> {
    if followed.contains(candidate.key) {
        return Some(Kept::Followed);
    }
    (candidate.goal == Some(GoalPhase::Executing)).then_some(Kept::GoalIsOpen)
}

/// The requests and tombstones after a reconcile.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The last requests that were applied.
    pub requests: Vec<RepositoryRequest>,
    /// All tombstones.
    pub archived: Archived,
    /// The refs that need nothing more: what they ask for is done, nothing is left to do, or they are refused; with the
    /// records.
    pub settled: BTreeMap<String, String>,
    /// The records that were applied.
    pub evidence: Vec<String>,
    /// Refused requests.
    pub notes: Vec<String>,
    /// How many executions were archived.
    pub count: usize,
}

/// Applies the requests to the repository: lets the executions go that they ask for. One that asks for none changes nothing.
pub fn apply(
    world: &World<'_>,
    (old, incoming): (Option<&StatusTree>, &[Incoming]),
    followed: &BTreeSet<Key>,
    files: &mut BTreeMap<Key, StatusFile>,
) -> Outcome {
    let controller = old.map(|old| &old.controller);
    let requests = controller.map(|controller| controller.requests.clone());
    let mut outcome = Outcome {
        requests: requests.unwrap_or_default(),
        archived: old.map(|old| old.archived.clone()).unwrap_or_default(),
        ..Outcome::default()
    };
    let mut asked: Vec<&Incoming> = incoming
        .iter()
        .filter(|one| is_of_repository(one))
        .collect();
    asked.sort_by(|a, b| a.address.cmp(&b.address));
    for incoming in asked {
        let ref_name = incoming.address.to_string();
        outcome
            .settled
            .insert(ref_name.clone(), incoming.tip.clone());
        let checked = incoming
            .records
            .last()
            .map(|received| check(world, received));
        match checked {
            Some(Ok(mut request)) => {
                request.ref_name = ref_name;
                if let Some(old) = old {
                    outcome.grant(world, old, followed, files, request);
                }
            }
            Some(Err(refusal)) => outcome.notes.push(format!(
                "{NOT_APPLIED}{INBOX}{ref_name}: {}: {}",
                refusal.reason, refusal.message
            )),
            None => {}
        }
    }
    outcome
}

/// Whether records are about the whole repository, and about no execution.
pub fn is_of_repository(incoming: &Incoming) -> bool {
    matches!(incoming.address, Address::Repository { .. })
}

impl Outcome {
    /// Lets the executions go that a request asks for.
    fn grant(
        &mut self,
        world: &World<'_>,
        old: &StatusTree,
        followed: &BTreeSet<Key>,
        files: &mut BTreeMap<Key, StatusFile>,
        mut request: RepositoryRequest,
    ) {
        let asked_for = (request.before, request.namespace.as_deref());
        let count = self.archive(world, old, asked_for, followed, files);
        if count == 0 {
            return;
        }
        self.count += count;
        request.archived = count;
        self.evidence.push(request.record.clone());
        // Of each ref the last one: a status cites no other record of it.
        self.requests.retain(|one| one.ref_name != request.ref_name);
        self.requests.push(request);
        let more = self.requests.len().saturating_sub(REQUESTS_KEPT);
        self.requests.drain(..more);
    }

    /// Lets executions go, and returns how many.
    fn archive(
        &mut self,
        world: &World<'_>,
        old: &StatusTree,
        (before, namespace): (Time, Option<&str>),
        followed: &BTreeSet<Key>,
        files: &mut BTreeMap<Key, StatusFile>,
    ) -> usize {
        let is_due = |key: &Key, file: &StatusFile| {
            // What ended only now is settled for everybody else with the next reconcile.
            let was = old.files.get(key).filter(|was| was.uid == file.uid);
            let was = was.and_then(|was| was.status.execution());
            let run = file.status.execution()?;
            let is_over = was.is_some_and(|was| was.phase.is_terminal());
            let candidate = Candidate {
                key,
                phase: run.phase,
                end: Some(end_of(file, run)),
                goal: goal_of(run, files).map(|(_, _, goal)| goal.phase),
            };
            let is_meant = is_over && is_asked_for(&candidate, before, namespace);
            (is_meant && why_kept(&candidate, followed).is_none()).then(|| key.clone())
        };
        let due: Vec<Key> = files
            .iter()
            .filter_map(|(key, file)| is_due(key, file))
            .collect();
        due.into_iter()
            .filter(|key| self.bury(world, key, files))
            .count()
    }

    /// Lets one execution go, after its goal and its gates have noted what it means for them. False if it stays because its goal
    /// cannot be read.
    fn bury(
        &mut self,
        world: &World<'_>,
        key: &Key,
        files: &mut BTreeMap<Key, StatusFile>,
    ) -> bool {
        let Some(file) = files.remove(key) else {
            return false;
        };
        let Some(run) = file.status.execution() else {
            files.insert(key.clone(), file);
            return false;
        };
        let goal = goal_of(run, files);
        // Executions of an earlier generation mean nothing for the goal any more.
        let goal = goal.filter(|(pin, generation, _)| pin.generation == *generation);
        if let Some(goal) = goal.map(|(pin, _, _)| pin.key(Kind::Goal)) {
            let spec = world.snapshot.goal(&goal);
            let status = files
                .get_mut(&goal)
                .map(|file| (file.generation, &mut file.status));
            let (Some(spec), Some((generation, Status::Goal(status)))) = (spec, status) else {
                files.insert(key.clone(), file);
                return false;
            };
            goal::remember(spec, generation, (key, run), status);
        }
        let pinned = run.extensions.pinned.as_ref();
        for gate in pinned.into_iter().flat_map(|pinned| pinned.gates.values()) {
            let gate = gate.key(Kind::Gate);
            if let Some(Status::Gate(status)) = files.get_mut(&gate).map(|file| &mut file.status) {
                gate::remember(&gate, (key, run), status);
            }
        }
        self.archived.add(Tombstone::of(key, &file, run));
        true
    }
}

/// The goal of a run, if it is still the one that the run is pinned to: the pin, and its generation and status now.
fn goal_of<'a>(
    run: &'a ExecutionStatus,
    files: &'a BTreeMap<Key, StatusFile>,
) -> Option<(&'a Pin, u64, &'a GoalStatus)> {
    let pin = run.extensions.pinned.as_ref()?.goal.as_ref()?;
    let file = files.get(&pin.key(Kind::Goal))?;
    match &file.status {
        Status::Goal(status) if file.uid == pin.uid => Some((pin, file.generation, status)),
        _ => None,
    }
}

/// The request in a record, if it is one to this repository, made for this status, and signed if that is required.
fn check(world: &World<'_>, received: &Received) -> Result<RepositoryRequest, Refusal> {
    let record = &received.record;
    if record.repository != world.repository_id {
        return Err(of_another_repository(record));
    }
    let Action::Archive {
        before,
        namespace,
        comment,
    } = &record.action
    else {
        return Err(misplaced());
    };
    if record.execution.is_some() {
        return Err(misplaced());
    }
    if received.is_foreign {
        return Err(of_another_status(record));
    }
    check_signature(world.config, received)?;
    Ok(RepositoryRequest {
        ref_name: String::new(),
        record: received.id.clone(),
        actor: record.actor.clone(),
        before: *before,
        namespace: namespace.clone(),
        comment: comment.clone(),
        archived: 0,
        signed: received.signed().cloned(),
        timestamp: world.now,
    })
}

#[cfg(test)]
mod tests {
    use crate::core::resource::{ExecutionPhase, GatePhase, GoalPhase, Kind};
    use crate::core::run::record::{Action, Address, Signature};
    use crate::core::testing::{World, execution, gate, key, plan, resource, task};

    const FILE: &str = "planspec/run.yaml";

    /// A world with a plan, a gate, and runs.
    fn world(nodes: &str, runs: &[&str]) -> World {
        world_of(&plan("p", nodes), runs)
    }

    /// The same with a plan for a goal.
    fn world_with_goal(nodes: &str, runs: &[&str]) -> World {
        let p = plan("p", nodes).replace("description: d", "description: d, goalRef: {name: g}");
        world_of(&p, runs)
    }

    fn world_of(p: &str, runs: &[&str]) -> World {
        let mut world = World::empty();
        let goal = resource(
            "Goal",
            "g",
            "description: d, timeout: 100d, acceptanceCriteria: [{description: a}]",
        );
        world.write(
            "planspec/p.yaml",
            &(p.to_owned() + &goal + &gate("ok", "p", "")),
        );
        for run in runs {
            world.write(&format!("planspec/{run}.yaml"), &execution(run, "p", ""));
        }
        world.reconcile();
        world.wait("1m");
        world
    }

    /// The run comes to its end, some time passes, and it is archived.
    fn end_and_archive(world: &mut World, run: &str, is_good: bool) {
        end(world, run, is_good);
        archive(world);
        assert!(!world.has_run(), "{run} stays");
    }

    fn end(world: &mut World, run: &str, is_good: bool) {
        world.about(run);
        world.claim("a", "agent:x");
        world.reconcile();
        if is_good {
            world.succeed("a", "agent:x");
        } else {
            world.fail("a", "agent:x");
        }
        world.reconcile();
    }

    fn archive(world: &mut World) {
        world.wait("1m");
        world.reconcile();
        world.archive(world.now, None);
        world.reconcile();
    }

    fn tombstone(world: &World, run: &str) -> Option<super::Tombstone> {
        let archived = &world.tree.as_ref().expect("a status").archived;
        archived.of(&key(Kind::Execution, run)).cloned()
    }

    #[test]
    fn a_file_with_the_spec_of_an_archived_run_starts_nothing() {
        let mut world = world(&task("a", ""), &["run"]);
        let uid = world.file(Kind::Execution, "run").uid.clone();
        end_and_archive(&mut world, "run", true);
        let stone = tombstone(&world, "run").expect("a tombstone");
        assert_eq!((&stone.uid, stone.phase), (&uid, ExecutionPhase::Succeeded));
        assert_eq!(world.last.as_ref().map(|last| last.archived), Some(1));
        assert_eq!(world.moved(), [] as [&str; 0]);
        // Its file stays, is deleted, and comes back, also in another form or unreadable.
        assert!(!world.reconcile());
        world.remove(FILE);
        assert!(!world.reconcile(), "deleting its file is an event");
        for text in [
            execution("run", "p", ""),
            format!("{}# once more\n", execution("run", "p", "")),
            "---\napiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata: {name: run, namespace: team}\nspec: 1\n".to_owned(),
        ] {
            world.write(FILE, &text);
            world.reconcile();
            assert!(!world.has_run(), "it runs again: {text}");
        }
        // Another spec is another run.
        world.write(FILE, &execution("run", "p", "parameters: {x: 1}"));
        world.reconcile();
        assert_eq!(world.phase(), "Running WaitingForWorkers");
        let again = world.file(Kind::Execution, "run").uid.clone();
        assert_ne!(again, uid);
        end_and_archive(&mut world, "run", false);
        let stone = tombstone(&world, "run").expect("a tombstone");
        assert_eq!((&stone.uid, stone.phase), (&again, ExecutionPhase::Failed));
    }

    #[test]
    fn a_spec_that_changed_during_the_run_starts_nothing_after_it() {
        let mut world = world(&task("a", ""), &["run"]);
        world.write(FILE, &execution("run", "p", "parameters: {x: 1}"));
        world.reconcile();
        end_and_archive(&mut world, "run", true);
        for fields in ["", "parameters: {x: 1}"] {
            world.write(FILE, &execution("run", "p", fields));
            world.reconcile();
            assert!(!world.has_run(), "{fields}");
        }
    }

    #[test]
    fn reverting_the_deletion_of_a_finished_run_starts_nothing_even_if_it_is_not_archived() {
        for (is_good, phase) in [(true, "Succeeded Succeeded"), (false, "Failed NodeFailed")] {
            let mut world = world(&task("a", ""), &["run"]);
            end(&mut world, "run", is_good);
            let before = world.file(Kind::Execution, "run").clone();
            world.remove(FILE);
            world.reconcile();
            assert_eq!(world.file(Kind::Execution, "run").deleted, Some(world.now));
            world.wait("1m");
            world.write(FILE, &execution("run", "p", ""));
            world.reconcile();
            assert_eq!(world.file(Kind::Execution, "run"), &before);
            assert_eq!(world.phase(), phase);
            if !is_good {
                world.retry("user:ben", None, false);
                world.reconcile();
                assert_eq!(world.phase(), "Running WaitingForWorkers");
            }
        }
    }

    #[test]
    fn what_ended_before_the_time_in_the_namespace_goes_and_nothing_else() {
        let mut world = world(&task("a", ""), &["run", "other"]);
        world.about("run");
        world.cancel("user:ben");
        world.reconcile();
        let end = world.now;
        world.wait("1h");
        world.archive(end, None);
        world.reconcile();
        assert!(world.has_run(), "it did not end before the time");
        world.archive(end + chrono::TimeDelta::seconds(1), Some("elsewhere"));
        world.reconcile();
        assert!(world.has_run(), "it is in another namespace");
        world.archive(end + chrono::TimeDelta::seconds(1), Some("team"));
        world.reconcile();
        assert!(!world.has_run());
        assert!(world.find(Kind::Execution, "other").is_some(), "it is open");
        let requests = &world.tree.as_ref().unwrap().controller.requests;
        let counts: Vec<usize> = requests.iter().map(|one| one.archived).collect();
        assert_eq!(counts, [1]);
    }

    #[test]
    fn a_run_that_another_waits_for_stays_and_one_that_is_archived_is_known_to_its_followers() {
        let follows = "{id: e, kind: External, externalRef: {type: resource, resourceRef: {kind: Execution, name: run}}}";
        for (is_good, phase) in [
            (true, "Succeeded Followed"),
            (false, "Failed FollowedFailed"),
        ] {
            let mut world = world(&task("a", ""), &["run", "other"]);
            end_and_archive(&mut world, "run", is_good);
            world.write(
                "planspec/q.yaml",
                &plan("q", &format!("{follows}, {}", task("b", ""))),
            );
            world.write("planspec/late.yaml", &execution("late", "q", ""));
            world.reconcile();
            world.about("late");
            assert_eq!(world.stands("e"), phase);
        }
        let mut world = world(&task("a", ""), &["run"]);
        world.write(
            "planspec/q.yaml",
            &plan(
                "q",
                &format!("{}, {follows}", task("b", ""))
                    .replace("kind: External", "kind: External, dependsOn: [b]"),
            ),
        );
        world.write("planspec/late.yaml", &execution("late", "q", ""));
        world.reconcile();
        world.about("run");
        world.cancel("user:ben");
        world.reconcile();
        archive(&mut world);
        assert!(world.has_run(), "an open execution waits for it");
    }

    #[test]
    fn a_goal_and_a_gate_remember_what_archived_runs_mean_for_them() {
        let nodes =
            "{id: ok, kind: Gate, gateRef: {name: ok}}, {id: a, kind: Task, dependsOn: [ok]}";
        let mut world = world_with_goal(nodes, &["run"]);
        let approve = |world: &mut World, run: &str| {
            world.about(run);
            world.approve("ok", "ana@example.com");
            world.reconcile();
        };
        approve(&mut world, "run");
        end_and_archive(&mut world, "run", true);
        let stands = |world: &World| (world.goal("g").phase, world.gate("ok").phase);
        assert_eq!(stands(&world), (GoalPhase::Succeeded, GatePhase::Approved));
        let reviews = world.gate("ok").review_history.clone();
        assert_eq!(reviews.len(), 1);
        // Another run counts while it goes on, and after it has ended.
        world.write("planspec/two.yaml", &execution("two", "p", ""));
        world.reconcile();
        assert_eq!(stands(&world), (GoalPhase::Executing, GatePhase::Waiting));
        world.remove("planspec/two.yaml");
        world.reconcile();
        assert_eq!(stands(&world), (GoalPhase::Succeeded, GatePhase::Approved));
        assert_eq!(world.gate("ok").review_history, reviews);
        world.wait("1m");
        world.write("planspec/three.yaml", &execution("three", "p", ""));
        world.reconcile();
        approve(&mut world, "three");
        end_and_archive(&mut world, "three", false);
        assert_eq!(stands(&world), (GoalPhase::Failed, GatePhase::Approved));
        // For another goal of that name they mean nothing.
        let goal = resource("Goal", "g", "description: another");
        let all = plan("p", nodes).replace("description: d", "description: d, goalRef: {name: g}");
        world.write("planspec/p.yaml", &(all + &goal + &gate("ok", "p", "")));
        world.reconcile();
        assert_eq!(world.goal("g").phase, GoalPhase::Ready);
    }

    #[test]
    fn a_run_stays_while_its_goal_waits_for_an_attestation() {
        let mut world = World::empty();
        let goal = "description: d, acceptanceCriteria: [{id: fast, description: it is}]";
        world.write("planspec/g.yaml", &resource("Goal", "g", goal));
        world.write("planspec/p.yaml", &plan("p", &task("a", "")));
        world.write(FILE, &execution("run", "p", "goalRef: {name: g}"));
        world.reconcile();
        world.complete("a");
        archive(&mut world);
        assert!(world.has_run());
        world.attest("fast", "ana@example.com", true);
        world.reconcile();
        archive(&mut world);
        assert!(!world.has_run());
        assert_eq!(world.goal("g").phase, GoalPhase::Succeeded);
    }

    #[test]
    fn a_request_that_does_not_count_changes_nothing_and_is_told() {
        let mut world = world(&task("a", ""), &["run"]);
        world.about("run");
        world.cancel("user:ben");
        world.reconcile();
        world.wait("1h");
        world.is_foreign = true;
        world.archive(world.now, None);
        world.reconcile();
        world.is_foreign = false;
        world.configure("approvals: {requireSigned: [requests]}\n");
        world.signature = Signature::Bad("UnknownKey", "nobody knows it".to_owned());
        world.archive(world.now, None);
        world.reconcile();
        assert!(world.has_run());
        let notes = &world.last.as_ref().unwrap().notes;
        let told = notes.iter().map(|note| note.split(": ").nth(2));
        let told: Vec<&str> = told.flatten().collect();
        assert_eq!(told, ["OtherStatus", "UnknownKey"]);
        assert!(world.tree.as_ref().unwrap().controller.requests.is_empty());
    }

    #[test]
    fn the_last_requests_are_kept() {
        let names: Vec<String> = (0..super::REQUESTS_KEPT + 3)
            .map(|at| format!("run-{at}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut world = world(&task("a", ""), &names);
        for name in &names {
            world.about(name);
            world.cancel("user:ben");
            world.reconcile();
            archive(&mut world);
        }
        let tree = world.tree.as_ref().unwrap();
        assert_eq!(tree.controller.requests.len(), super::REQUESTS_KEPT);
        assert_eq!(tree.archived.iter().count(), names.len());
    }
    /// As somebody may write them who does not use this program.
    #[test]
    fn of_two_requests_on_one_ref_the_last_one_is_cited() {
        let mut world = world(&task("a", ""), &["run", "two"]);
        let address = Address::Repository {
            id: "both".to_owned(),
        };
        for run in ["run", "two"] {
            end(&mut world, run, true);
            world.wait("1m");
            world.reconcile();
            let mut received = world.record(
                "user:ben",
                Action::Archive {
                    before: world.now,
                    namespace: None,
                    comment: String::new(),
                },
            );
            received.record.execution = None;
            let id = received.id.clone();
            world.push(&address, received);
            world.reconcile();
            let controller = &world.tree.as_ref().unwrap().controller;
            assert_eq!(controller.requests.len(), 1, "{run}");
            assert_eq!(controller.taken_in(&address), Some(&id));
        }
    }
}
