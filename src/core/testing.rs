//! For tests of the core: resources from a few lines, and a simulated world in which time passes, files
//! change and people send records.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::base::digest::sha256_hex;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::{Content, SourceFile};
use crate::core::plan::pattern::Pattern;
use crate::core::repository::config::Config;
use crate::core::repository::facts::Facts;
use crate::core::repository::index::{Damaged, Index, MemoryPages, Row};
use crate::core::repository::manifest;
use crate::core::repository::reach::FileChange;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    BindingStatus, CONDITION_FALSE, CapabilityStatus, Condition, CriterionResult, Duration,
    ExecutionPhase, ExecutionStatus, GateStatus, GoalStatus, Key, Kind, NodePhase, NodeStatus,
    PlanRevision, PlanStatus, ReviewAction, SignedBy, Status, Time, find_condition,
};
use crate::core::run::archive::Archived;
use crate::core::run::asked::RefusedRef;
use crate::core::run::machine::{self, ExecutionEvent, NodeEvent};
use crate::core::run::partial::{self, Blobs, Change, Partial, Reader};
use crate::core::run::permit::{self, Holder, Refusal};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::reconcile::{Inputs, Reconciliation, reconcile};
use crate::core::run::record::{
    Action, Address, Incoming, RECORD_API_VERSION, RECORD_MINOR, Received, Record, ReportResult,
    RequestKind, RunRef, Signature,
};
use crate::core::run::status::{StatusFile, StatusTree};
use crate::core::run::summary::lines::{Shard, Summaries};
use crate::core::run::summary::lookup::{Lookup, Shards};
use crate::core::run::transition::Waiting;

/// The default namespace.
pub const NAMESPACE: &str = "team";

/// A resource from its spec in flow style.
pub fn resource(kind: &str, name: &str, spec: &str) -> String {
    with_metadata(kind, &format!("name: {name}, namespace: {NAMESPACE}"), spec)
}

/// A resource from its metadata and spec in flow style.
pub fn with_metadata(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n"
    )
}

/// A plan from its nodes in flow style.
pub fn plan(name: &str, nodes: &str) -> String {
    plan_with(name, "", nodes, "")
}

/// A plan from further fields of its spec, its nodes and its edges.
pub fn plan_with(name: &str, fields: &str, nodes: &str, edges: &str) -> String {
    let fields = match fields {
        "" => String::new(),
        fields => format!(", {fields}"),
    };
    let spec = format!("description: d{fields}, graph: {{nodes: [{nodes}], edges: [{edges}]}}");
    resource("Plan", name, &spec)
}

/// A task that depends on others.
pub fn task(id: &str, fields: &str) -> String {
    match fields {
        "" => format!("{{id: {id}, kind: Task}}"),
        fields => format!("{{id: {id}, kind: Task, {fields}}}"),
    }
}

/// An execution of a plan.
pub fn execution(name: &str, plan: &str, fields: &str) -> String {
    let fields = match fields {
        "" => String::new(),
        fields => format!(", {fields}"),
    };
    resource(
        "Execution",
        name,
        &format!("planRef: {{name: {plan}}}{fields}"),
    )
}

/// A gate for a plan.
pub fn gate(name: &str, plan: &str, fields: &str) -> String {
    let fields = match fields {
        "" => String::new(),
        fields => format!(", {fields}"),
    };
    let spec = format!("gateType: approval, targetRef: {{kind: Plan, name: {plan}}}{fields}");
    resource("Gate", name, &spec)
}

/// `line:column` of the last occurrence of `needle` in a text.
pub fn position(text: &str, needle: &str) -> String {
    let at = text.rfind(needle).unwrap_or_else(|| panic!("no {needle}"));
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{line}:{column}")
}

/// A source file.
pub fn source(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        blob: sha256_hex(text.as_bytes())[..40].to_owned(),
        content: Content::Bytes(Arc::from(text.as_bytes())),
    }
}

/// The snapshot of some files.
pub fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let files: Vec<SourceFile> = files
        .iter()
        .map(|(path, text)| source(path, text))
        .collect();
    Snapshot::build(&files, &Config::default())
}

/// Path of the file that [`findings`] reads.
pub const FILE: &str = "planspec/x.yaml";

/// The findings in one file, with a line for each finding, help and related place:
/// `PS302 error 3:7: message`, `help: …`, `also 1:2: …`.
pub fn findings(text: &str) -> Vec<String> {
    let snapshot = snapshot(&[(FILE, text)]);
    let place = |file: &str, place| {
        let place = snapshot.place(file, place);
        let in_file = place
            .strip_prefix(FILE)
            .and_then(|rest| rest.strip_prefix(':'));
        in_file.unwrap_or(&place).to_owned()
    };
    let mut lines = Vec::new();
    for finding in snapshot.diagnostics() {
        let at = place(&finding.file, &finding.place);
        lines.push(format!(
            "{} {} {at}: {}",
            finding.code, finding.severity, finding.message
        ));
        lines.extend(finding.help.iter().map(|help| format!("help: {help}")));
        for label in &finding.related {
            let at = place(&label.file, &label.place);
            lines.push(format!("also {at}: {}", label.message));
        }
    }
    lines
}

/// A key in the namespace of the tests.
pub fn key(kind: Kind, name: &str) -> Key {
    Key::new(kind, NAMESPACE, name)
}

/// The chain of records on one inbox ref.
#[derive(Debug, Clone)]
struct Chain {
    records: Vec<Received>,
}

/// A simulated repository with its status branch, inbox and clock.
///
/// Every [`World::reconcile`] checks invariants: a second one changes nothing, the
/// order in which records arrive does not matter, the status reads back as it was written, and
/// all transitions are allowed by the state machines.
pub struct World {
    /// The configuration on the spec branch.
    pub config: Config,
    /// The status branch.
    pub tree: Option<StatusTree>,
    /// The clock.
    pub now: Time,
    /// The result of the last reconcile.
    pub last: Option<Reconciliation>,
    /// Inbox refs that contain something else than records.
    pub refused: BTreeSet<Address>,
    /// Lost blobs.
    pub lost: BTreeSet<String>,
    /// The signature of records from now on.
    pub signature: Signature,
    /// Whether records from now on are for another status.
    pub is_foreign: bool,
    /// Keys that are no longer listed.
    pub revoked: BTreeSet<String>,
    /// Whether records are signed by their actor, with a key `K-actor`, unless `signature` is set.
    pub signs: bool,
    /// The session of records from now on, if any.
    pub session: Option<String>,
    /// Other commits that are merged to the spec branch.
    pub merged: BTreeSet<String>,
    /// The paths that reported commits change; others are unknown.
    pub touched: BTreeMap<String, BTreeSet<String>>,
    /// The authors of every file, or why they are unknown.
    pub authors: Result<BTreeSet<String>, String>,
    /// The new paths of resources that left the configured paths in the last commit.
    pub left: BTreeMap<Key, String>,
    files: BTreeMap<String, SourceFile>,
    snapshot: Snapshot,
    objects: BTreeMap<String, Arc<[u8]>>,
    commits: usize,
    history: Vec<String>,
    /// The files of every commit, its configuration, and the keys that are no longer listed.
    past: BTreeMap<String, (BTreeMap<String, SourceFile>, Config, BTreeSet<String>)>,
    /// The facts about files, by path and blob.
    facts: RefCell<BTreeMap<(String, String), Facts>>,
    inbox: BTreeMap<Address, Chain>,
    records: usize,
    run: String,
}

impl Reader for World {
    type Error = Damaged;

    fn files(&self, files: &BTreeMap<String, String>) -> Result<Vec<SourceFile>, Damaged> {
        let files = files.keys().map(|path| self.files.get(path).cloned());
        files.collect::<Option<_>>().ok_or(Damaged)
    }

    fn statuses(
        &self,
        keys: &BTreeSet<Key>,
    ) -> Result<(BTreeMap<Key, StatusFile>, Blobs), Damaged> {
        let tree = self.tree.as_ref().ok_or(Damaged)?;
        let found = keys.iter().filter_map(|key| tree.files.get_key_value(key));
        let found: BTreeMap<Key, StatusFile> = found
            .map(|(key, file)| (key.clone(), file.clone()))
            .collect();
        let runs = found.values().filter_map(|file| file.status.execution());
        let pinned = runs.filter_map(|run| run.extensions.pinned.as_ref());
        let pinned = pinned.flat_map(|pinned| pinned.blobs());
        let kept = pinned.filter(|blob| tree.pinned.contains(*blob) && !self.lost.contains(*blob));
        let blobs = kept.map(|blob| (blob.to_owned(), Arc::clone(&self.objects[blob])));
        let blobs = blobs.collect();
        Ok((found, blobs))
    }

    fn archived(&self, keys: &BTreeSet<Key>) -> Result<Archived, Damaged> {
        let tree = self.tree.as_ref().ok_or(Damaged)?;
        let paths: BTreeSet<String> = keys.iter().map(Archived::path_of).collect();
        let texts = tree.archived.changed_files(&Archived::default());
        let mut found = Archived::default();
        for (path, text) in texts.map_err(|_| Damaged)? {
            if paths.contains(&path) {
                let text = text.unwrap_or_default();
                found.read(&path, text.as_bytes()).map_err(|_| Damaged)?;
            }
        }
        Ok(found)
    }
}

impl Shards for World {
    type Error = Damaged;

    fn shard(&self, name: &str) -> Result<Shard, Damaged> {
        let tree = self.tree.as_ref().ok_or(Damaged)?;
        Ok(tree.summaries.shard(name))
    }
}

/// Checks that the incremental decision is the same as the full one.
fn assert_partial_is_whole(old: &StatusTree, partial: &Partial, whole: &Reconciliation) {
    if let Some(other) = partial.differs_from(whole, old) {
        let [in_part, in_whole] = [&partial.decision, whole].map(|one| format!("{one:#?}"));
        assert_eq!(in_part, in_whole, "{other} differs");
        panic!("{other} differs");
    }
}

impl World {
    /// A repository with one file, reconciled once. The verbs are about the execution `run`.
    pub fn of(documents: &[String]) -> World {
        let mut world = World::empty();
        world.write("planspec/all.yaml", &documents.concat());
        world.reconcile();
        world
    }

    /// An empty repository.
    pub fn empty() -> World {
        World {
            config: Config::default(),
            tree: None,
            now: "2026-03-01T09:00:00Z".parse().expect("a time"),
            last: None,
            refused: BTreeSet::new(),
            lost: BTreeSet::new(),
            signature: Signature::Unchecked,
            is_foreign: false,
            signs: false,
            revoked: BTreeSet::new(),
            session: None,
            merged: BTreeSet::new(),
            touched: BTreeMap::new(),
            left: BTreeMap::new(),
            authors: Ok(BTreeSet::new()),
            files: BTreeMap::new(),
            snapshot: Snapshot::default(),
            objects: BTreeMap::new(),
            commits: 0,
            history: vec!["0".repeat(40)],
            past: BTreeMap::new(),
            facts: RefCell::default(),
            inbox: BTreeMap::new(),
            records: 0,
            run: "run".to_owned(),
        }
    }

    // ---- the spec branch

    /// Commits a file.
    pub fn write(&mut self, path: &str, text: &str) {
        let file = source(path, text);
        self.objects
            .insert(file.blob.clone(), Arc::from(text.as_bytes()));
        self.files.insert(path.to_owned(), file);
        self.commit();
    }

    /// Whether a file exists.
    pub fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// What the run waits for.
    pub fn waits(&self) -> Vec<Waiting> {
        let tree = self.tree.as_ref().expect("a status");
        tree.summaries.outline.waits().first
    }

    /// What the next reconcile would examine; it must not examine everything.
    pub fn looked_at(&self) -> Vec<Key> {
        let partial = self.decide_in_part(&self.incoming());
        partial.expect("in part").judged.into_iter().collect()
    }

    /// Commits the removal of a file.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path).expect("a file");
        self.commit();
    }

    /// Moves a file outside the configured paths.
    pub fn move_out(&mut self, path: &str, to: &str) {
        let file = self.files.remove(path).expect("a file");
        let (limits, namespace) = (&self.config.limits, &self.config.default_namespace);
        let read = manifest::read(&file, limits, namespace);
        let keys = read.entries.into_iter().map(|entry| entry.key);
        let left = keys.map(|key| (key, to.to_owned()));
        let left = left.collect();
        self.commit();
        self.left = left;
    }

    /// Commits a change of the configuration.
    pub fn configure(&mut self, yaml: &str) {
        let (config, findings) = Config::read(CONFIG_FILE, yaml.as_bytes());
        self.config = config.unwrap_or_else(|| panic!("{findings:?}"));
        self.facts.borrow_mut().clear();
        self.commit();
    }

    /// Commits that a key is no longer listed.
    pub fn revoke(&mut self, key: &str) {
        self.revoked.insert(key.to_owned());
        self.commit();
    }

    /// Simulates an update of the program: files are parsed again. Then makes an empty commit.
    pub fn read_anew(&mut self) {
        self.facts.borrow_mut().clear();
        self.commit();
    }

    /// Commits without changes below the configured paths.
    pub fn commit(&mut self) {
        self.left.clear();
        self.commits += 1;
        self.history
            .push(sha256_hex(format!("commit {}", self.commits).as_bytes())[..40].to_owned());
        let now = (
            self.files.clone(),
            self.config.clone(),
            self.revoked.clone(),
        );
        self.past.insert(self.head().to_owned(), now);
        let files: Vec<SourceFile> = self.files.values().cloned().collect();
        self.snapshot = Snapshot::build(&files, &self.config);
    }

    /// Drops all commits before the next one.
    pub fn rewrite_history(&mut self) {
        self.history.clear();
        self.commit();
    }

    /// Goes back by some commits; the caller gives the files, and no commit is made.
    pub fn reset(&mut self, commits: usize, files: &[(&str, &str)]) {
        self.history.truncate(self.history.len() - commits);
        self.files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), source(path, text)))
            .collect();
        let files: Vec<SourceFile> = self.files.values().cloned().collect();
        self.snapshot = Snapshot::build(&files, &self.config);
    }

    /// The paths that a commit changes.
    fn paths_of(&self, commit: &str) -> Result<BTreeSet<String>, String> {
        let known = self.touched.get(commit).cloned();
        known.ok_or_else(|| "it is not here".to_owned())
    }

    fn is_merged(&self, commit: &str) -> bool {
        self.merged.contains(commit) || self.history.iter().any(|held| held == commit)
    }

    fn head(&self) -> &str {
        self.history.last().expect("a commit")
    }

    // ---- time

    /// Lets time pass.
    pub fn wait(&mut self, duration: &str) {
        self.now += duration.parse::<Duration>().expect("a duration").delta();
    }

    /// A time as seconds since the start.
    pub fn since_start(&self, time: Time) -> i64 {
        (time - World::empty().now).num_seconds()
    }

    // ---- records

    /// Makes the following verbs apply to another execution.
    pub fn about(&mut self, run: &str) -> &mut World {
        run.clone_into(&mut self.run);
        self
    }

    /// The run that the verbs apply to.
    pub fn run_ref(&self) -> RunRef {
        let file = self.file(Kind::Execution, &self.run);
        RunRef {
            namespace: NAMESPACE.to_owned(),
            name: self.run.clone(),
            uid: file.uid.clone(),
        }
    }

    /// The inbox ref of an attempt.
    pub fn work_ref(&self, node: &str, attempt: u32) -> Address {
        Address::Work {
            run: self.run_ref(),
            node: node.to_owned(),
            attempt,
        }
    }

    /// A record about the run.
    pub fn record(&mut self, actor: &str, action: Action) -> Received {
        self.records += 1;
        let repository = self
            .tree
            .as_ref()
            .map_or(String::new(), |tree| tree.controller.repository_id.clone());
        Received {
            id: format!("{:040x}", self.records),
            record: Record {
                api_version: RECORD_API_VERSION.to_owned(),
                action,
                repository,
                execution: self.has_run().then(|| self.run_ref()),
                actor: actor.to_owned(),
                // The time of an actor's clock decides nothing.
                time: "1970-01-01T00:00:00Z".to_owned(),
                nonce: self.records.to_string(),
                minor: RECORD_MINOR,
                status: None,
                session: self.session.clone(),
            },
            signature: match &self.signature {
                Signature::Unchecked if self.signs => Signature::Good(SignedBy {
                    principal: actor.to_owned(),
                    key: format!("K-{actor}"),
                }),
                signature => signature.clone(),
            },
            is_foreign: self.is_foreign,
        }
    }

    /// Whether the run has a status.
    pub fn has_run(&self) -> bool {
        self.find(Kind::Execution, &self.run).is_some()
    }

    /// Whether an actor may take an action, as checked before a record is sent.
    pub fn may(&self, actor: &str, action: &Action) -> Result<(), Refusal> {
        let claim = action
            .work()
            .and_then(|(node, _)| self.run().node_statuses.get(node)?.extensions.claim.clone());
        self.may_if(claim.as_ref().map(Holder::from), actor, action)
    }

    /// The same, with a holder according to the ref of the attempt.
    pub fn may_as(
        &self,
        holder: Option<&str>,
        actor: &str,
        action: &Action,
    ) -> Result<(), Refusal> {
        let holder = holder.map(|actor| Holder {
            actor,
            session: None,
            claim: "",
        });
        self.may_if(holder, actor, action)
    }

    fn may_if(
        &self,
        holder: Option<Holder<'_>>,
        actor: &str,
        action: &Action,
    ) -> Result<(), Refusal> {
        let status = self.run();
        let blobs = self.objects.clone();
        let pinned = status.extensions.pinned.as_ref();
        let plan = pinned.and_then(|pinned| PinnedPlan::read(&blobs, pinned).ok());
        let run = permit::Circumstances {
            config: &self.config,
            status,
            plan: plan.as_ref(),
            resources: Some(&self.snapshot),
            commit: self.head(),
            holder,
            session: self.session.as_deref(),
            key: None,
            elsewhere: &[],
        };
        permit::may(action, actor, &run)
    }

    /// Adds a record to a ref.
    pub fn push(&mut self, address: &Address, received: Received) {
        let chain = self.inbox.entry(address.clone()).or_insert(Chain {
            records: Vec::new(),
        });
        chain.records.push(received);
    }

    /// Replaces all records on a ref by one.
    pub fn overwrite(&mut self, address: &Address, received: Received) {
        let records = vec![received];
        self.inbox.insert(address.clone(), Chain { records });
    }

    /// Copies all records on one ref to another.
    pub fn copy(&mut self, from: &Address, to: &Address) {
        if let Some(chain) = self.inbox.get(from).cloned() {
            self.inbox.insert(to.clone(), chain);
        }
    }

    /// Replaces the records on the ref of an attempt by a claim of another actor.
    pub fn forge(&mut self, address: &Address, actor: &str) {
        if let Address::Work { node, attempt, .. } = address {
            let action = Action::Claim {
                node: node.clone(),
                attempt: *attempt,
                lease: None,
                adopts: None,
                done_before: false,
            };
            let received = self.record(actor, action);
            self.overwrite(address, received);
        }
    }

    /// Claims the open attempt of a node.
    pub fn claim(&mut self, node: &str, actor: &str) {
        let attempt = self.node(node).attempt.max(1);
        self.claim_for(node, attempt, actor, None);
    }

    /// Claims an attempt of a node with a lease.
    pub fn claim_for(&mut self, node: &str, attempt: u32, actor: &str, lease: Option<&str>) {
        let action = Action::Claim {
            node: node.to_owned(),
            attempt,
            lease: lease.map(|lease| lease.parse().expect("a duration")),
            adopts: None,
            done_before: false,
        };
        self.work(node, attempt, actor, action);
    }

    /// Reports a node for its last holder, whose lease has expired, as the next attempt, if that is possible.
    pub fn adopt(&mut self, node: &str, result: ReportResult) -> bool {
        let status = self.node(node);
        let attempt = status.attempt;
        let address = self.work_ref(node, attempt);
        let Some(lapsed) = status.extensions.lapsed else {
            return false;
        };
        if self.inbox.contains_key(&address) || self.refused.contains(&address) {
            return false;
        }
        let claim = Action::Claim {
            node: node.to_owned(),
            attempt,
            lease: None,
            adopts: Some(attempt - 1),
            done_before: false,
        };
        self.work(node, attempt, &lapsed.actor, claim);
        self.report(node, attempt, &lapsed.actor, result, json!({}));
        true
    }

    /// Reports a node as done before the run: its claim and its report.
    pub fn done_before(&mut self, node: &str, actor: &str) {
        let attempt = self.node(node).attempt.max(1);
        let claim = Action::Claim {
            node: node.to_owned(),
            attempt,
            lease: None,
            adopts: None,
            done_before: true,
        };
        self.work(node, attempt, actor, claim);
        self.report(node, attempt, actor, ReportResult::Succeeded, json!({}));
    }

    /// Renews the claim of the open attempt.
    pub fn renew(&mut self, node: &str, actor: &str) {
        let attempt = self.node(node).attempt.max(1);
        let action = Action::Renewal {
            node: node.to_owned(),
            attempt,
            lease: None,
            claim: None,
        };
        self.work(node, attempt, actor, action);
    }

    /// Asks a question about the open attempt. Returns its record.
    pub fn ask_about(&mut self, node: &str, actor: &str, question: &str) -> String {
        let attempt = self.node(node).attempt.max(1);
        let action = Action::Question {
            node: node.to_owned(),
            attempt,
            question: question.to_owned(),
            claim: None,
        };
        let received = self.record(actor, action);
        let record = received.id.clone();
        self.push(&self.work_ref(node, attempt), received);
        record
    }

    /// Answers the first question of a node.
    pub fn answer(&mut self, node: &str, actor: &str, answer: &str) {
        let questions = self.node(node).extensions.questions;
        let first = questions.first().expect("a question");
        self.answer_to(node, (first.attempt, &first.record), actor, answer);
    }

    /// Answers a question of an attempt.
    pub fn answer_to(
        &mut self,
        node: &str,
        (attempt, question): (u32, &str),
        actor: &str,
        answer: &str,
    ) {
        let action = Action::Answer {
            node: node.to_owned(),
            attempt,
            question: question.to_owned(),
            answer: answer.to_owned(),
        };
        let received = self.record(actor, action);
        let address = Address::answer(self.run_ref(), (node, attempt), question, actor);
        self.push(&address, received);
    }

    /// Releases the open attempt.
    pub fn release(&mut self, node: &str, actor: &str) {
        let attempt = self.node(node).attempt.max(1);
        let action = Action::Release {
            node: node.to_owned(),
            attempt,
            claim: None,
            message: String::new(),
        };
        self.work(node, attempt, actor, action);
    }

    /// Reports that the open attempt succeeded.
    pub fn succeed(&mut self, node: &str, actor: &str) {
        let attempt = self.node(node).attempt.max(1);
        self.report(node, attempt, actor, ReportResult::Succeeded, json!({}));
    }

    /// Reports that the open attempt failed.
    pub fn fail(&mut self, node: &str, actor: &str) {
        let attempt = self.node(node).attempt.max(1);
        self.report(node, attempt, actor, ReportResult::Failed, json!({}));
    }

    /// Reports an attempt.
    pub fn report(
        &mut self,
        node: &str,
        attempt: u32,
        actor: &str,
        result: ReportResult,
        outputs: Value,
    ) {
        let action = Action::Report {
            node: node.to_owned(),
            attempt,
            result,
            outputs: outputs.as_object().cloned().unwrap_or_default(),
            message: String::new(),
            commit: None,
            claim: None,
            artifacts: Vec::new(),
        };
        self.work(node, attempt, actor, action);
    }

    /// Reports that the open attempt succeeded, with a commit: the first time, or again.
    pub fn succeed_at(&mut self, node: &str, actor: &str, commit: &str) {
        let attempt = self.node(node).attempt.max(1);
        let action = Action::Report {
            node: node.to_owned(),
            attempt,
            result: ReportResult::Succeeded,
            outputs: Default::default(),
            message: String::new(),
            commit: Some(commit.to_owned()),
            claim: None,
            artifacts: Vec::new(),
        };
        self.work(node, attempt, actor, action);
    }

    fn work(&mut self, node: &str, attempt: u32, actor: &str, action: Action) {
        let received = self.record(actor, action);
        self.push(&self.work_ref(node, attempt), received);
    }

    /// Claims a node and reports success, with a reconcile after each.
    pub fn complete(&mut self, node: &str) {
        self.claim(node, "agent:worker");
        self.reconcile();
        self.succeed(node, "agent:worker");
        self.reconcile();
    }

    /// Approves at a gate node.
    pub fn approve(&mut self, node: &str, reviewer: &str) {
        self.review(node, reviewer, ReviewAction::Approve);
    }

    /// Rejects at a gate node.
    pub fn reject(&mut self, node: &str, reviewer: &str) {
        self.review(node, reviewer, ReviewAction::Reject);
    }

    /// Comments at a gate node.
    pub fn comment(&mut self, node: &str, reviewer: &str) {
        self.review(node, reviewer, ReviewAction::Comment);
    }

    fn review(&mut self, node: &str, reviewer: &str, decision: ReviewAction) {
        let waiting = self.node(node).extensions.decision.unwrap_or_default();
        self.review_of(node, &waiting.gate, &waiting.digest, reviewer, decision);
    }

    /// Reviews a digest at a gate node.
    pub fn review_of(
        &mut self,
        node: &str,
        gate: &str,
        digest: &str,
        reviewer: &str,
        decision: ReviewAction,
    ) {
        let action = Action::Review {
            node: node.to_owned(),
            gate: gate.to_owned(),
            digest: digest.to_owned(),
            decision,
            comment: format!("{decision} by {reviewer}"),
            target_generation: 0,
        };
        let (namespace, name) = gate.split_once('/').unwrap_or((NAMESPACE, gate));
        let address = Address::review(namespace, name, &self.run_ref().uid, reviewer);
        let received = self.record(reviewer, action);
        self.push(&address, received);
    }

    /// Records the results of the acceptance criteria of a reported node.
    pub fn verify(&mut self, node: &str, actor: &str, holds: &[(&str, bool)]) {
        self.verify_at(node, actor, None, holds);
    }

    /// The same for another commit than the reported one.
    pub fn verify_at(
        &mut self,
        node: &str,
        actor: &str,
        instead: Option<&str>,
        holds: &[(&str, bool)],
    ) {
        let status = self.node(node);
        let pinned = self.run().extensions.pinned.as_ref();
        let attempt = status.attempt;
        let report = status.extensions.report.as_ref();
        let of_report = report.and_then(|report| report.commit.clone());
        let action = Action::Verification {
            node: node.to_owned(),
            attempt,
            report: report
                .map(|report| report.record.clone())
                .unwrap_or_default(),
            commit: instead
                .map(str::to_owned)
                .or(of_report)
                .or(pinned.map(|pinned| pinned.commit.clone()))
                .unwrap_or_default(),
            instead: instead.is_some(),
            results: holds.iter().map(result).collect(),
        };
        let received = self.record(actor, action);
        let address = Address::verification(self.run_ref(), node, attempt, actor);
        self.push(&address, received);
    }

    /// Attests whether a criterion of the goal is met.
    pub fn attest(&mut self, criterion: &str, actor: &str, met: bool) {
        self.check(criterion, actor, met, &[]);
    }

    /// Records the results of the checks of a criterion.
    pub fn check(&mut self, criterion: &str, actor: &str, met: bool, results: &[(&str, bool)]) {
        let action = Action::Attestation {
            criterion: criterion.to_owned(),
            met,
            evidence: String::new(),
            commit: (!results.is_empty()).then(|| "c0ffee".to_owned()),
            results: results.iter().map(result).collect(),
        };
        let received = self.record(actor, action);
        let address = Address::attestation(self.run_ref(), criterion, actor);
        self.push(&address, received);
    }

    /// Cancels the run.
    pub fn cancel(&mut self, actor: &str) {
        self.request(RequestKind::Cancel, actor, None, (false, false));
    }

    /// Retries the run, or one node.
    pub fn retry(&mut self, actor: &str, node: Option<&str>, rebind: bool) {
        self.request(RequestKind::Retry, actor, node, (rebind, false));
    }

    /// Repeats a node.
    pub fn retry_again(&mut self, actor: &str, node: &str) {
        self.request(RequestKind::Retry, actor, Some(node), (false, true));
    }

    /// Continues the run with its current plan.
    pub fn go_on_with_plan(&mut self, actor: &str) {
        let plan = self.plan_now();
        self.ask(RequestKind::Retry, actor, None, (false, false), plan);
    }

    /// The current plan of the run on the spec branch.
    pub fn plan_now(&self) -> Option<PlanRevision> {
        let pinned = self.run().extensions.pinned.as_ref()?;
        let plan = self.snapshot.resource(&pinned.plan.key(Kind::Plan));
        Some(PlanRevision {
            commit: self.head().to_owned(),
            digest: plan.map(|plan| plan.spec_digest()).unwrap_or_default(),
        })
    }

    fn request(
        &mut self,
        request: RequestKind,
        actor: &str,
        node: Option<&str>,
        how: (bool, bool),
    ) {
        self.ask(request, actor, node, how, None);
    }

    /// Sends an operator's request.
    pub fn ask(
        &mut self,
        request: RequestKind,
        actor: &str,
        node: Option<&str>,
        (rebind, again): (bool, bool),
        plan: Option<PlanRevision>,
    ) {
        let action = Action::Request {
            request,
            node: node.map(str::to_owned),
            rebind,
            again,
            plan,
            comment: String::new(),
        };
        let received = self.record(actor, action);
        let address = Address::Request {
            run: self.run_ref(),
            id: received.record.nonce.clone(),
        };
        self.push(&address, received);
    }

    /// Asks to archive what ended before a time, in a namespace or in all.
    pub fn archive(&mut self, before: Time, namespace: Option<&str>) {
        let action = Action::Archive {
            before,
            namespace: namespace.map(str::to_owned),
            comment: String::new(),
        };
        let mut received = self.record("ops@example.com", action);
        received.record.execution = None;
        let id = received.record.nonce.clone();
        self.push(&Address::Repository { id }, received);
    }

    // ---- reconcile

    /// The new content of the inbox.
    fn incoming(&self) -> Vec<Incoming> {
        let known = |address: &Address| {
            if matches!(address, Address::Repository { .. }) {
                return self.tree.as_ref()?.controller.taken_in(address);
            }
            let mut files = self.tree.as_ref()?.files.values();
            let run = files.rfind(|file| file.uid == address.uid())?;
            match &run.status {
                Status::Execution(run) => run.extensions.records.get(&address.to_string()),
                _ => None,
            }
        };
        let mut incoming = Vec::new();
        for (address, chain) in &self.inbox {
            let Some(tip) = chain.records.last().map(|received| received.id.clone()) else {
                continue;
            };
            let known = known(address);
            if known == Some(&tip) || self.refused.contains(address) {
                continue;
            }
            let behind = known.map(|known| chain.records.iter().position(|r| r.id == *known));
            incoming.push(Incoming {
                address: address.clone(),
                tip,
                rewritten: behind == Some(None),
                records: chain.records[behind.flatten().map_or(0, |at| at + 1)..].to_vec(),
            });
        }
        incoming
    }

    fn refusals(&self) -> BTreeMap<Address, RefusedRef> {
        let refused = self.refused.iter().map(|address| {
            let why = RefusedRef {
                tip: "0".repeat(40),
                why: "it holds no record".to_owned(),
            };
            (address.clone(), why)
        });
        refused.collect()
    }

    /// Decides incrementally.
    fn decide_in_part(&self, incoming: &[Incoming]) -> Option<Partial> {
        let tree = self.tree.as_ref()?;
        let (files, config, revoked) = self.past.get(&tree.controller.observed_commit)?;
        let is_there = self.history.contains(&tree.controller.observed_commit);
        // A lost blob is not noticed while nothing reads it.
        let is_configured_so = *config == self.config && *revoked == self.revoked;
        if !is_there || !self.lost.is_empty() || !is_configured_so || !self.left.is_empty() {
            return None;
        }
        let now: Vec<&SourceFile> = self.files.values().collect();
        let index = self.index_of(&now);
        let paths: BTreeSet<&String> = files.keys().chain(self.files.keys()).collect();
        let is_other = |path: &&&String| {
            let blob = |files: &BTreeMap<String, SourceFile>| Some(files.get(**path)?.blob.clone());
            blob(files) != blob(&self.files)
        };
        let before: Vec<FileChange> = paths
            .iter()
            .filter(is_other)
            .map(|path| FileChange {
                path: (*path).clone(),
                now: files.get(*path).map(|file| self.facts_of(file)),
            })
            .collect();
        let lines = Lookup::new(Summaries::unread(tree.summaries.outline.clone()), self);
        let artifact = |path: &str, text: Option<&str>| self.holds(path, text);
        let change = Change {
            index: &index,
            before: &before,
            config,
            commit: self.head(),
            old: &tree.controller,
            lines: &lines,
            incoming,
            refused: &self.refusals(),
            authors: &|_, _| self.authors.clone(),
            artifact: &artifact,
            merged: &|commit| self.is_merged(commit),
            touched: &|commit| self.paths_of(commit),
            listed: &|by, _| !self.revoked.contains(&by.key),
            now: self.now,
        };
        partial::reconcile(&change, self).expect("an index in memory")
    }

    fn facts_of(&self, file: &SourceFile) -> (String, Facts) {
        let revisions = self.config.approvals.revisions;
        let mut known = self.facts.borrow_mut();
        let facts = known
            .entry((format!("{} {revisions:?}", file.path), file.blob.clone()))
            .or_insert_with(|| {
                let documents = (self.config.default_namespace.as_str(), revisions);
                let read = manifest::read_as(file, &self.config.limits, documents);
                Facts::of(&read, &file.content)
            });
        (file.blob.clone(), facts.clone())
    }

    fn index_of(&self, files: &[&SourceFile]) -> Index<MemoryPages> {
        let mut index = Index::empty(MemoryPages::default(), files.len());
        let rows = files.iter().map(|file| {
            let (version, facts) = self.facts_of(file);
            let row = Row {
                version,
                findings: String::new(),
                facts,
            };
            (file.path.clone(), Some(row))
        });
        index
            .update("now", &rows.collect())
            .expect("pages in memory");
        index
    }

    fn holds(&self, path: &str, text: Option<&str>) -> bool {
        let below = format!("{path}/");
        let mut files = self.files.values();
        files.any(|file| match &file.content {
            Content::Bytes(bytes) if file.path == path => {
                text.is_none_or(|text| Pattern::new(text).is_ok_and(|text| text.is_in(bytes)))
            }
            _ => text.is_none() && file.path.starts_with(&below),
        })
    }

    fn decide(&self, incoming: &[Incoming]) -> Reconciliation {
        let current = self.files.values().map(|file| &file.blob);
        let pinned = self.tree.iter().flat_map(|tree| &tree.pinned);
        let blobs = current
            .chain(pinned)
            .filter(|blob| !self.lost.contains(*blob))
            .map(|blob| (blob.clone(), Arc::clone(&self.objects[blob])))
            .collect();
        let observed = |tree: &StatusTree| self.history.contains(&tree.controller.observed_commit);
        let artifact = |path: &str, text: Option<&str>| self.holds(path, text);
        reconcile(&Inputs {
            snapshot: &self.snapshot,
            config: &self.config,
            commit: self.head(),
            history_rewritten: self.tree.as_ref().is_some_and(|tree| !observed(tree)),
            left: &self.left,
            old: self.tree.as_ref(),
            only: None,
            authors: &|_, _| self.authors.clone(),
            pinned: &blobs,
            incoming,
            refused: &self.refusals(),
            artifact: &artifact,
            merged: &|commit| self.is_merged(commit),
            touched: &|commit| self.paths_of(commit),
            listed: &|by, _| !self.revoked.contains(&by.key),
            now: self.now,
        })
    }

    /// Reconciles with records that were taken in before.
    pub fn again(&mut self, incoming: Incoming) {
        let outcome = self.decide(&[incoming]);
        assert!(!outcome.changed, "what was folded in changes something");
    }

    /// Reconciles once, and checks the invariants. Returns whether anything
    /// changed.
    pub fn reconcile(&mut self) -> bool {
        let mut incoming = self.incoming();
        let outcome = self.decide(&incoming);
        if let Some(old) = &self.tree
            && let Some(partial) = self.decide_in_part(&incoming)
        {
            assert_partial_is_whole(old, &partial, &outcome);
        }
        incoming.reverse();
        let shuffled = self.decide(&incoming);
        assert_same(
            &outcome.tree,
            &shuffled.tree,
            "the order of records matters",
        );
        assert_eq!(outcome.evidence, shuffled.evidence);

        assert_legal(self.tree.as_ref(), &outcome.tree);
        assert_reads_back(&outcome.tree);
        let changed = outcome.changed;
        if changed {
            self.tree = Some(outcome.tree.clone());
        } else if let Some(tree) = &self.tree {
            assert_same(tree, &outcome.tree, "no change, and yet another tree");
        }
        self.last = Some(outcome);

        let again = self.decide(&self.incoming());
        if let Some(tree) = &self.tree {
            assert_same(tree, &again.tree, "a second reconcile changes something");
        }
        assert!(!again.changed, "a second reconcile changes something");
        assert_eq!(again.transitions, [], "a second reconcile moves something");
        changed
    }

    // ---- results

    /// The status file of a resource.
    pub fn file(&self, kind: Kind, name: &str) -> &StatusFile {
        self.find(kind, name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// The status file of a resource, if there is one.
    pub fn find(&self, kind: Kind, name: &str) -> Option<&StatusFile> {
        self.tree.as_ref()?.files.get(&key(kind, name))
    }

    /// The status of the run.
    pub fn run(&self) -> &ExecutionStatus {
        match &self.file(Kind::Execution, &self.run).status {
            Status::Execution(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The phase and reason of the run: `Blocked AwaitingApproval`.
    pub fn phase(&self) -> String {
        format!("{} {}", self.run().phase, self.run().reason)
    }

    /// The status of a node of the run.
    pub fn node(&self, id: &str) -> NodeStatus {
        self.run()
            .node_statuses
            .get(id)
            .cloned()
            .unwrap_or_default()
    }

    /// The phase and reason of a node: `Pending Ready`.
    pub fn stands(&self, id: &str) -> String {
        let node = self.node(id);
        format!("{} {}", node.phase, node.extensions.reason)
    }

    /// The phases of all nodes: `build Succeeded, test Pending`.
    pub fn nodes(&self) -> String {
        let nodes = self.run().node_statuses.iter();
        let nodes: Vec<String> = nodes
            .map(|(id, node)| format!("{id} {}", node.phase))
            .collect();
        nodes.join(", ")
    }

    /// The records that could not be applied: `claim NotReady`.
    pub fn unapplied(&self) -> Vec<String> {
        let unapplied = self.run().extensions.unapplied.iter();
        unapplied
            .map(|note| format!("{} {}", note.action, note.reason))
            .collect()
    }

    /// The status of a gate.
    pub fn gate(&self, name: &str) -> &GateStatus {
        match &self.file(Kind::Gate, name).status {
            Status::Gate(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The status of a goal.
    pub fn goal(&self, name: &str) -> &GoalStatus {
        match &self.file(Kind::Goal, name).status {
            Status::Goal(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The status of a plan.
    pub fn plan(&self, name: &str) -> &PlanStatus {
        match &self.file(Kind::Plan, name).status {
            Status::Plan(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The status of a binding.
    pub fn binding(&self, name: &str) -> &BindingStatus {
        match &self.file(Kind::Binding, name).status {
            Status::Binding(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The status of a capability.
    pub fn capability(&self, name: &str) -> &CapabilityStatus {
        match &self.file(Kind::Capability, name).status {
            Status::Capability(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// A condition of a resource.
    pub fn condition(&self, kind: Kind, name: &str, condition: &str) -> Option<&Condition> {
        find_condition(self.file(kind, name).status.conditions(), condition)
    }

    /// A condition of a resource in short form: `False ValidationFailed`.
    pub fn says(&self, kind: Kind, name: &str, condition: &str) -> String {
        match self.condition(kind, name, condition) {
            Some(found) => format!("{:?} {}", found.status, found.reason),
            None => "-".to_owned(),
        }
    }

    /// The transitions of the last reconcile: `run Pending → Running`, `run/build …`.
    pub fn moved(&self) -> Vec<String> {
        let last = self.last.as_ref().expect("a reconcile");
        let word = |phase: &Option<String>| phase.clone().unwrap_or_else(|| "-".to_owned());
        let moved = last.transitions.iter().map(|t| {
            let node = t
                .node
                .as_ref()
                .map_or(String::new(), |node| format!("/{node}"));
            format!("{}{node} {} → {}", t.key.name, word(&t.from), word(&t.to))
        });
        moved.collect()
    }
}

/// The phases that a node can reach from another by some events.
fn reachable<P: Copy + PartialEq, E: Copy>(
    from: P,
    events: &[E],
    step: impl Fn(P, E) -> Option<P>,
) -> Vec<P> {
    let mut found = vec![from];
    let mut at = 0;
    while let Some(&phase) = found.get(at) {
        at += 1;
        for next in events.iter().filter_map(|event| step(phase, *event)) {
            if !found.contains(&next) {
                found.push(next);
            }
        }
    }
    found
}

/// Checks that all transitions are allowed, and that fields which only grow have not shrunk.
fn assert_legal(old: Option<&StatusTree>, new: &StatusTree) {
    use ExecutionEvent as E;
    use NodeEvent as N;
    let no_files = BTreeMap::new();
    let old_files = old.map_or(&no_files, |old| &old.files);
    for (key, file) in &new.files {
        let before = old_files.get(key).filter(|before| before.uid == file.uid);
        let (Some(Status::Execution(before)), Status::Execution(after)) =
            (before.map(|before| &before.status), &file.status)
        else {
            continue;
        };
        let retried = before.extensions.retried_by != after.extensions.retried_by;
        let events = [
            E::Start,
            E::Run,
            E::Block,
            E::Succeed,
            E::Fail,
            E::Cancel,
            E::Retry,
        ];
        let events = &events[..if retried { 7 } else { 6 }];
        let allowed = reachable(before.phase, events, |p, e| machine::execution(p, e).ok());
        assert!(
            allowed.contains(&after.phase),
            "{key}: {} → {}",
            before.phase,
            after.phase
        );
        if before.phase.is_terminal() && !retried {
            assert_eq!(before.node_statuses, after.node_statuses, "{key} was over");
        }
        for (id, was) in &before.node_statuses {
            let Some(is) = after.node_statuses.get(id) else {
                // Another revision of the plan may not have it.
                let mut by = after.extensions.retried_by.iter();
                assert!(by.any(|by| by.plan.is_some()), "{key}/{id} is gone");
                continue;
            };
            let events = [
                N::Claim,
                N::Succeed,
                N::Fail,
                N::Requeue,
                N::Block,
                N::Unblock,
                N::Skip,
                N::Cancel,
                N::Begin,
                N::Resume,
                N::Reopen,
                N::Retry,
            ];
            // Only a decided gate can be reopened, unless an operator requests it.
            let may_reopen = was.extensions.decision.is_some();
            let last = match (retried, may_reopen) {
                (true, _) => 12,
                (false, true) => 11,
                (false, false) => 10,
            };
            let events = &events[..last];
            let allowed = reachable(was.phase, events, |p, e| machine::node(p, e).ok());
            assert!(
                allowed.contains(&is.phase),
                "{key}/{id}: {} → {}",
                was.phase,
                is.phase
            );
            assert!(was.attempt <= is.attempt, "{key}/{id}: attempts go back");
            assert!(
                retried || was.extensions.failures <= is.extensions.failures,
                "{key}/{id}: failures are forgotten"
            );
        }
        assert_consistent(key, after);
    }
}

fn assert_consistent(key: &Key, run: &ExecutionStatus) {
    let over = run.phase.is_terminal();
    assert_eq!(run.completion_time.is_some(), over, "{key}");
    assert!(run.extensions.unapplied.len() <= 20, "{key}");
    for (id, node) in &run.node_statuses {
        let ended = node.completion_time.is_some();
        assert_eq!(ended, node.phase.is_terminal(), "{key}/{id}");
        let claimed = node.extensions.claim.is_some();
        let is_group = ["Working", "TimedOut"].contains(&node.extensions.reason.as_str());
        let at_work = node.is_in_hands() && !is_group;
        assert_eq!(claimed, at_work, "{key}/{id}: {node:?}");
        if over {
            assert!(node.phase.is_terminal(), "{key}/{id}");
        }
    }
    if run.phase == ExecutionPhase::Succeeded {
        let nodes = run.node_statuses.values();
        assert!(
            nodes
                .into_iter()
                .all(|node| node.phase == NodePhase::Succeeded
                    || node.extensions.reason == CONDITION_FALSE)
        );
    }
}

/// Checks that two trees are equal; if not, shows the first file that differs.
fn assert_same(a: &StatusTree, b: &StatusTree, what: &str) {
    if a == b {
        return;
    }
    let (a, b) = (a.to_files().expect("JSON"), b.to_files().expect("JSON"));
    let differs = a.iter().find(|(path, text)| b.get(*path) != Some(text));
    let (path, text) = differs.unwrap_or_else(|| panic!("{what}: there are more files"));
    let other = b.get(path).map_or("", String::as_str);
    panic!("{what}: {path}\n{text}---\n{other}");
}

fn assert_reads_back(tree: &StatusTree) {
    let files = tree.to_files().expect("JSON");
    let bytes = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_bytes()));
    let back = StatusTree::from_files(bytes, tree.pinned.clone());
    assert_eq!(back.as_ref(), Ok(tree), "the status does not read back");
}

/// The result of a check.
fn result((name, holds): &(&str, bool)) -> CriterionResult {
    CriterionResult {
        name: (*name).to_owned(),
        holds: *holds,
        ran: "make check".to_owned(),
        code: Some(i64::from(!*holds)),
        duration_ms: 12,
        excerpt: String::new(),
    }
}
