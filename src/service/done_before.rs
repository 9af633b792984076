//! Reports nodes that were done before the run, for a plan that is already partly done.
//!
//! Each node gets a claim and a report in one step, when its turn has come, and only one writer can do that. So nothing is
//! skipped: a node with acceptance criteria waits to be verified, and a node after a gate waits for the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::claim::{claim_of_done, just_taken};
use super::held::{AttemptChain, Working};
use super::nudge::nudge;
use super::permit::Asked;
use super::reconcile::{ReconcileRequest, reconcile};
use super::record::{RecordRequest, RecordWriter, execution};
use super::report::{resources_for, send_at_once};
use super::runs::{Observed, ObservedNode, ObservedRun, observe_target};
use super::store::{Sent, Store};
use super::unshared;
use super::{Error, Findings, Result, import, suggestion};
use crate::api::record::{DoneBefore, DoneNode, DoneState};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::limits::Limits;
use crate::core::plan::graph::Graph;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Node, NodeKind, NodePhase};
use crate::core::run::permit::Holder;
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::proposal;
use crate::core::run::record::{Action, ReportResult};
use crate::core::text::yaml;

/// A request to report nodes that were done before the run.
#[derive(Debug, Clone)]
pub struct DoneBeforeRequest {
    /// The execution, and the actor.
    pub record: RecordRequest,
    /// The session or claim.
    pub working: Working,
    /// The nodes by id, with their results.
    pub nodes: BTreeMap<String, Done>,
}

impl DoneBeforeRequest {
    fn look(&self, store: &Store) -> Result<Observed> {
        let namespace = self.record.namespace.as_deref();
        observe_target(store, &self.record.target, namespace)
    }
}

/// The result of a node that was done before the run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Done {
    /// Its outputs.
    pub outputs: Map<String, Value>,
    /// The revision with the work.
    pub commit: Option<String>,
    /// A message for people.
    pub message: String,
    /// Whether it is from a task list, which may have more tasks than the run.
    #[serde(skip)]
    pub is_of_list: bool,
}

/// Reads a list of nodes: a YAML or JSON mapping by their ids, or a task list with finished tasks; `tag` selects one of
/// several lists.
///
/// # Errors
/// It cannot be read, or has another form.
pub fn read(name: &str, bytes: &[u8], tag: Option<&str>) -> Result<BTreeMap<String, Done>> {
    let ends = |ending: &&str| name.to_ascii_lowercase().ends_with(*ending);
    if [".md", ".csv", ".tsv", ".jsonl"].iter().any(ends) {
        return Ok(import::done(name, bytes, tag)?.into_iter().collect());
    }
    mapping(name, bytes).or_else(|error| match import::done(name, bytes, tag) {
        Ok(done) => Ok(done.into_iter().collect()),
        Err(_) => Err(error),
    })
}

/// A mapping of nodes by their ids. A node without results has no value.
fn mapping(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, Done>> {
    let (documents, findings) = yaml::read(name, bytes, &Limits::default());
    if findings.iter().any(Diagnostic::is_error) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let findings = Findings::new(findings, &|_| Some(text.clone()));
        return Err(Error::findings(findings));
    }
    let form = "write a mapping: `NODE: {commit: REV, outputs: {NAME: VALUE}, message: TEXT}`, all of it optional";
    let [document] = documents.as_slice() else {
        return Err(Error::invalid(format!("{name} contains no nodes")).hint(form));
    };
    let nodes: BTreeMap<String, Option<Done>> = serde_json::from_value(document.value.clone())
        .map_err(|error| Error::invalid(format!("{name}: {error}")).hint(form))?;
    let nodes = nodes.into_iter();
    Ok(nodes
        .map(|(id, done)| (id, done.unwrap_or_default()))
        .collect())
}

/// Reports what can be reported now; with `reconcile`, repeats that until nothing changes any more.
///
/// # Errors
/// There is no such run, it has no such task, or an output is missing; then nothing is sent. Or every node is refused.
pub fn done_before(
    store: &Store,
    request: &DoneBeforeRequest,
) -> Result<(DoneBefore, Option<Error>)> {
    let actor = store.actor(&request.record.caller)?;
    let session = request.working.digest(store);
    let commits = commits(store, request)?;
    let now = request.record.caller.now;
    let mut said = Said::default();
    let mut reconciled = Vec::new();
    let mut trouble = None;
    let mut left_out = None;
    if request.record.reconcile {
        // The run may not have begun yet.
        reconciled.push(reconcile(store, &ReconcileRequest::at(now))?);
    }
    let mut besides;
    let of_run = loop {
        let observed = request.look(store)?;
        besides = unshared::notes(store, &observed.view);
        let run = request.record.run(&observed)?;
        let writer = RecordWriter {
            store,
            observed: &observed,
            actor: &actor,
            is_named: request.record.caller.actor.is_some(),
            session: session.as_deref(),
            now,
            told: None,
        };
        let is_first = said.nodes.is_empty();
        if !is_first && run.status.phase.is_terminal() {
            break execution(run);
        }
        let round = Round::of(&writer, run, (request, &commits))?;
        if is_first {
            round.check()?;
            left_out = round.left_out_note();
        }
        let sent = round.go(&mut said)?;
        if !request.record.reconcile || sent == 0 {
            if !request.record.reconcile && sent > 0 {
                besides.extend(nudge(store, &observed.view));
            }
            break execution(run);
        }
        match reconcile(store, &ReconcileRequest::at(now)) {
            Ok(done) => reconciled.push(done),
            Err(error) => {
                trouble = Some(error);
                break execution(run);
            }
        }
    };
    if let Some(refused) = said.first_refusal.take().filter(|_| said.is_all_refused()) {
        return Err(refused);
    }
    let mut notes = said.notes(request.record.reconcile);
    notes.extend(left_out);
    notes.extend(besides);
    let answer = DoneBefore {
        execution: of_run,
        actor,
        nodes: said.nodes.into_values().collect(),
        notes,
        reconciled,
        reconcile_error: trouble.as_ref().map(Error::refused),
    };
    Ok((answer, trouble))
}

/// The commits of the named revisions.
fn commits(store: &Store, request: &DoneBeforeRequest) -> Result<BTreeMap<String, String>> {
    let named = request
        .nodes
        .values()
        .filter_map(|done| done.commit.clone());
    let named: BTreeSet<String> = named.collect();
    named
        .into_iter()
        .map(|revision| {
            let commit = store.commit_anywhere(&revision)?;
            Ok((revision, commit))
        })
        .collect()
}

/// The result for each node, in the order of the plan.
#[derive(Default)]
struct Said {
    nodes: BTreeMap<usize, DoneNode>,
    first_refusal: Option<Error>,
}

impl Said {
    fn is_all_refused(&self) -> bool {
        let mut nodes = self.nodes.values();
        nodes.all(|node| node.state == DoneState::Refused)
    }

    fn notes(&self, is_reconciled: bool) -> Vec<String> {
        let later = self.nodes.values();
        let later = later.filter(|node| node.state == DoneState::Later).count();
        let what = match later {
            0 => return Vec::new(),
            1 => "1 node is reported when its turn comes".to_owned(),
            many => format!("{many} nodes are reported when their turn comes"),
        };
        let how = if is_reconciled {
            "repeat this command"
        } else {
            "`planspec reconcile`, then repeat this command (`--reconcile` does both)"
        };
        vec![format!("{what}: {how}")]
    }
}

/// One pass over the run.
struct Round<'a> {
    writer: &'a RecordWriter<'a>,
    run: ObservedRun<'a>,
    /// The finished nodes, by their ids.
    done: BTreeMap<String, &'a Done>,
    commits: &'a BTreeMap<String, String>,
    /// The plan; what is over is not held to one any more.
    plan: Option<Rc<PinnedPlan>>,
    /// Ids of the plan's nodes, those that come before others first.
    order: Vec<String>,
    /// Tasks of the list that the run does not have.
    left_out: Vec<String>,
}

impl<'a> Round<'a> {
    fn of(
        writer: &'a RecordWriter<'a>,
        run: ObservedRun<'a>,
        (request, commits): (&'a DoneBeforeRequest, &'a BTreeMap<String, String>),
    ) -> Result<Round<'a>> {
        let name = run.key.qualified();
        let plan = super::runs::pinned_plan(&writer.observed.stored, run.status);
        if plan.is_none() && !run.status.phase.is_terminal() {
            let message = &run.status.message;
            let why = format!("{name} has not started: {message}");
            return Err(Error::not_ready(why).hint("`--reconcile` starts it if it can start"));
        }
        let spec = plan.as_ref().and_then(PinnedPlan::graph);
        let order = match spec.map(Graph::build) {
            Some(Ok(graph)) => {
                let order = graph.order().iter();
                order.map(|index| graph.id(*index).to_owned()).collect()
            }
            _ => run.nodes().map(|node| node.id.to_owned()).collect(),
        };
        let mut done = BTreeMap::new();
        let mut left_out = Vec::new();
        for (text, one) in &request.nodes {
            let by_id = run.node(text).map(|node| node.id);
            let named = by_id.or_else(|| match spec {
                // Uses the plan that was already read: the observed run would read it again for each node.
                Some(spec) => spec.named(text).map(|node| node.id.as_str()),
                None => writer.observed.named(run, text).map(|node| node.id),
            });
            if named.is_none() && one.is_of_list {
                left_out.push(text.clone());
                continue;
            }
            let id = named.unwrap_or(text);
            if done.insert(id.to_owned(), one).is_some() {
                let why = format!("node `{id}` is named twice, once as `{text}`");
                return Err(Error::ambiguous(why).hint("list it once, with all its outputs"));
            }
        }
        Ok(Round {
            writer,
            run,
            done,
            commits,
            plan: plan.map(Rc::new),
            order,
            left_out,
        })
    }

    /// A note that the list has tasks which the run does not have.
    fn left_out_note(&self) -> Option<String> {
        let first = self.left_out.first()?;
        let run = self.run.key.qualified();
        Some(match self.left_out.len() {
            1 => format!("`{first}` is done in the list, and {run} does not have it"),
            some => format!(
                "`{first}` and {} more are done in the list, and {run} does not have them",
                some - 1
            ),
        })
    }

    /// Checks that all named nodes are tasks of the plan, with the required outputs.
    fn check(&self) -> Result {
        let run = self.run.key.qualified();
        for (id, done) in &self.done {
            if self.plan.is_none() && self.order.contains(id) {
                continue;
            }
            let Some(node) = self.node(id) else {
                let ids = self.order.iter().map(String::as_str);
                let why = format!("{run} has no node `{id}`");
                return Err(Error::not_found(why).maybe_hint(suggestion(id, ids)));
            };
            if node.kind != NodeKind::Task {
                let why = format!(
                    "{run}/{id} is a {}; only tasks can be reported as done before",
                    node.kind
                );
                let instead = match node.kind {
                    NodeKind::Gate => "leave it out; approvers decide it with `planspec approve`",
                    NodeKind::External => {
                        "leave it out; report it separately with `planspec report`"
                    }
                    _ => "leave it out, and name its tasks",
                };
                return Err(Error::invalid(why).hint(instead));
            }
            let snapshot = self.resources(node)?;
            let mut asked = self.asked();
            asked.resources = snapshot.as_deref();
            if let Err(refusal) = asked.permit().may_report(id, &self.report(id, 1, done)) {
                let hint = "add its outputs: `outputs: {NAME: VALUE}`, or `--set NAME=VALUE`";
                let why = format!("{run}/{id}: {}", refusal.message);
                return Err(Error::invalid(why).hint(hint));
            }
        }
        Ok(())
    }

    /// As the core is asked about a node; the plan is read once for all of them.
    fn asked(&self) -> Asked<'a> {
        Asked::of_plan(self.writer.observed, self.run, self.plan.clone())
    }

    fn node(&self, id: &str) -> Option<&Node> {
        self.plan.as_ref()?.node(id)
    }

    fn resources(&self, node: &Node) -> Result<Option<Snapshot>> {
        resources_for(self.writer, self.run, Some(node))
    }

    /// Reports what can be reported now. Returns how many nodes that were.
    fn go(&self, said: &mut Said) -> Result<usize> {
        let mut sent = 0;
        for (place, id) in self.order.iter().enumerate() {
            let Some(done) = self.done.get(id) else {
                continue;
            };
            let is_settled = |node: &DoneNode| node.state != DoneState::Later;
            let Some(node) = self
                .run
                .node(id)
                .filter(|_| !said.nodes.get(&place).is_some_and(is_settled))
            else {
                continue;
            };
            let told = match self.one(node, done) {
                Ok(told) => told,
                // The other nodes are not affected.
                Err(error) if error.is_refusal() => {
                    let told = self.told(node, (DoneState::Refused, None), error.message.clone());
                    said.first_refusal.get_or_insert(error);
                    told
                }
                Err(error) => return Err(error),
            };
            sent += usize::from(told.state == DoneState::Reported);
            said.nodes.insert(place, told);
        }
        Ok(sent)
    }

    fn told(
        &self,
        node: ObservedNode<'_>,
        (state, record): (DoneState, Option<String>),
        message: String,
    ) -> DoneNode {
        DoneNode {
            node: node.id.to_owned(),
            step: self
                .node(node.id)
                .and_then(Node::step_id)
                .map(str::to_owned),
            attempt: node.status.attempt,
            state,
            record,
            commit: self.commit(node.id).map(str::to_owned),
            message,
        }
    }

    fn commit(&self, id: &str) -> Option<&str> {
        let revision = self.done.get(id)?.commit.as_ref()?;
        self.commits.get(revision).map(String::as_str)
    }

    fn one(&self, node: ObservedNode<'_>, done: &Done) -> Result<DoneNode> {
        let (name, status) = (node.name(), node.status);
        let report = status.extensions.report.as_ref();
        let is_done = status.phase == NodePhase::Succeeded || status.is_reported();
        if is_done {
            let record = report.map(|report| report.record.clone());
            return Ok(self.told(node, (DoneState::Already, record), status.message.clone()));
        }
        if status.phase.is_terminal() {
            let why = format!("{name} is already {}", status.phase);
            return Err(Error::conflict(why).hint(format!(
                "open it again first with `planspec retry {}/{} -n {}`",
                node.run.key.name, node.id, node.run.key.namespace
            )));
        }
        if let Some(tip) = self.writer.observed.tip(&node.address()) {
            return self.spoken_for(node, tip);
        }
        if !status.is_claimable() {
            let why = status.message.clone();
            return Ok(self.told(node, (DoneState::Later, None), why));
        }
        self.may(node, done)?;
        let claim = claim_of_done(node, None);
        let report = self.report(node.id, status.attempt, done);
        match send_at_once(self.writer, node, (claim, report), self.commit(node.id))? {
            Sent::Done(record) => {
                let message = done.message.clone();
                Ok(self.told(node, (DoneState::Reported, Some(record)), message))
            }
            Sent::Taken => Err(just_taken(node)),
        }
    }

    /// The result for a node that was claimed: by this actor now or a moment ago, or by another.
    fn spoken_for(&self, node: ObservedNode<'_>, tip: &str) -> Result<DoneNode> {
        let name = node.name();
        let chain = AttemptChain::read(self.writer.store, tip)?;
        let Some(chain) = chain else {
            return Err(just_taken(node));
        };
        let last = chain.last();
        let holder = chain.holder().actor;
        if let Action::Report { result, .. } = &last.record.action
            && *result == ReportResult::Succeeded
        {
            let record = Some(last.id.clone());
            let message = format!("reported by {holder}, but not reconciled yet");
            return Ok(self.told(node, (DoneState::Already, record), message));
        }
        let why = format!("{name} is claimed by {holder}");
        let release = proposal::release(node.run.key, node.id, holder);
        Err(Error::taken(why).hint(format!(
            "its holder must report it, or give it back: `{release}`"
        )))
    }

    fn report(&self, id: &str, attempt: u32, done: &Done) -> Action {
        Action::Report {
            node: id.to_owned(),
            attempt,
            result: ReportResult::Succeeded,
            outputs: done.outputs.clone(),
            message: done.message.clone(),
            commit: self.commit(id).map(str::to_owned),
            claim: None,
            artifacts: Vec::new(),
        }
    }

    /// Checks that the node may be claimed and reported.
    fn may(&self, node: ObservedNode<'_>, done: &Done) -> Result {
        let (writer, actor) = (self.writer, self.writer.actor);
        let snapshot = match self.node(node.id) {
            Some(spec) => self.resources(spec)?,
            None => None,
        };
        let mut asked = self.asked();
        asked.resources = snapshot.as_deref();
        asked.may(&claim_of_done(node, None), actor)?;
        asked.holder = Some(Holder {
            actor,
            session: writer.session,
            claim: "",
        });
        asked.session = writer.session;
        asked.may(&self.report(node.id, node.status.attempt, done), actor)
    }
}
