//! Requests of operators to a run: to cancel it, or to retry.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::held::{self, AttemptChain};
use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, execution};
use super::runs::{Observed, ObservedRun, is_unread, observe_target, pinned_plan};
use super::store::{Store, View};
use super::{Error, Result, index, unshared};
use crate::api::record::{ReopenedNode, Reopening, Requested};
use crate::core::base::words::listed;
use crate::core::plan::graph::Graph;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    Claim, GraphSpec, Key, Kind, Node, NodePhase, NodeStatus, Pin, Pinned, PlanRevision,
};
use crate::core::run::controllers::{binding, capability};
use crate::core::run::permit::{Refusal, nothing_to_bind};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::record::{Action, Address, RequestKind};
use crate::core::run::reopen::{self, approved_before};
use crate::git::base;

/// A request to cancel an execution.
#[derive(Debug, Clone)]
pub struct CancelRequest {
    /// The execution, and the actor.
    pub record: RecordRequest,
    /// The reason.
    pub message: String,
}

/// Cancels an execution with all unfinished nodes.
///
/// # Errors
/// The run is over.
pub fn cancel(store: &Store, request: &CancelRequest) -> Result<Recorded<Requested>> {
    request.record.send(store, |writer| {
        let run = request.record.run(writer.observed)?;
        let action = Action::Request {
            request: RequestKind::Cancel,
            node: None,
            rebind: false,
            again: false,
            plan: None,
            comment: request.message.clone(),
        };
        ask(writer, (run, None), action)
    })
}

/// A request to retry failed nodes.
#[derive(Debug, Clone)]
pub struct RetryRequest {
    /// The execution or node, and the actor.
    pub record: RecordRequest,
    /// Bind nodes that have not started again; gates before them are decided again.
    pub rebind: bool,
    /// Repeat a node that has succeeded.
    pub again: bool,
    /// Continue with the plan of the spec branch: that of this revision, or the current one
    /// if it is [`CURRENT`].
    pub plan: Option<String>,
    /// The reason.
    pub message: String,
}

/// The current plan of the spec branch.
pub const CURRENT: &str = "";

/// Retries the failed nodes of an execution, or one of them, with all that was decided
/// because of them.
///
/// # Errors
/// No node has failed.
pub fn retry(store: &Store, request: &RetryRequest) -> Result<Recorded<Requested>> {
    let mut told = Vec::new();
    let mut recorded = request.record.send(store, |writer| {
        let (run, node) = request.target(writer.observed)?;
        let next = request.next_plan(store, writer.observed, run)?;
        let nodes = opened(store, writer.observed, run, (request, node), next.as_ref())?;
        told = to_know(nodes.as_deref().unwrap_or_default());
        request.binds_something(store, writer.observed, run, nodes.as_deref())?;
        ask(writer, (run, node), request.action(node, next.as_ref()))
    })?;
    recorded.answer.notes.extend(told);
    Ok(recorded)
}

/// What [`retry`] would open; sends nothing.
///
/// # Errors
/// As [`retry`]; the pinned plan cannot be read.
pub fn reopening(store: &Store, request: &RetryRequest) -> Result<Reopening> {
    let RecordRequest {
        caller,
        target,
        namespace,
        ..
    } = &request.record;
    let observed = observe_target(store, target, namespace.as_deref())?;
    let (run, node) = request.target(&observed)?;
    let next = request.next_plan(store, &observed, run)?;
    let asked = Asked::new(&observed, run);
    let action = request.action(node, next.as_ref());
    asked.may(&action, &store.actor(caller)?)?;
    let nodes =
        opened(store, &observed, run, (request, node), next.as_ref())?.ok_or_else(|| {
            let why = "its pinned plan cannot be read";
            Error::unavailable(format!("{}: {why}", run.key.qualified()))
        })?;
    request.binds_something(store, &observed, run, Some(&nodes))?;
    let steps = observed.steps(run);
    let step = |node: &str| steps.get(node).cloned();
    let nodes = nodes.into_iter().map(|node| ReopenedNode {
        step: step(&node.node),
        ..node
    });
    let nodes: Vec<ReopenedNode> = nodes.collect();
    Ok(Reopening {
        execution: execution(run),
        node: node.map(str::to_owned),
        step: node.and_then(step),
        plan: next.map(|next| next.revision.commit),
        notes: to_know(&nodes),
        nodes,
    })
}

/// A plan that a run can continue with.
struct NextPlan {
    revision: PlanRevision,
    spec: GraphSpec,
    /// The resources of the spec branch that the plan refers to.
    now: Snapshot,
}

impl RetryRequest {
    /// The run, and the node if one is given.
    fn target<'a>(&self, observed: &'a Observed) -> Result<(ObservedRun<'a>, Option<&'a str>)> {
        if self.record.is_node(observed) {
            let node = self.record.node(observed)?;
            return Ok((node.run, Some(node.id)));
        }
        let run = self.record.run(observed)?;
        if self.again {
            let (name, namespace) = (&run.key.name, &run.key.namespace);
            return Err(Error::ambiguous("`--again` needs one node").hint(format!(
                "name the node: `planspec retry {name}/NODE -n {namespace} --again`"
            )));
        }
        Ok((run, None))
    }

    /// Checks that a retry which only binds again has any effect.
    fn binds_something(
        &self,
        store: &Store,
        observed: &Observed,
        run: ObservedRun<'_>,
        nodes: Option<&[ReopenedNode]>,
    ) -> Result {
        let is_all = self.rebind && self.plan.is_none();
        if !is_all || nodes.is_none_or(|nodes| !nodes.is_empty()) {
            return Ok(());
        }
        let branch = &observed.view.spec_branch;
        let error = Asked::new(observed, run).error(&nothing_to_bind());
        let unpushed = unshared::unpushed(store, &observed.view);
        Err(error.hint(match unpushed {
            Some(unpushed) => unpushed.note(),
            None => format!(
                "`--rebind` uses the binding on `{branch}` of the remote: commit your change there, and push"
            ),
        }))
    }

    /// The plan that the run is to continue with, if it is another one.
    fn next_plan(
        &self,
        store: &Store,
        observed: &Observed,
        run: ObservedRun<'_>,
    ) -> Result<Option<NextPlan>> {
        let (Some(rev), Some(pinned)) = (&self.plan, &run.status.extensions.pinned) else {
            return Ok(None);
        };
        let view = &observed.view;
        let key = pinned.plan.key(Kind::Plan);
        let keys = BTreeSet::from([key.clone()]);
        let at = |commit: &str| index::about(&store.repo, commit, &view.config, &keys);
        let now = at(&view.spec_commit)?;
        let name = key.qualified();
        let resource = now.resource(&key).ok_or_else(|| {
            let branch = &view.spec_branch;
            Error::not_ready(format!("plan `{name}` cannot be read on `{branch}`"))
                .hint("`planspec validate` says what is wrong with it")
        })?;
        if let Some(error) = now.errors_of(&key).next() {
            let branch = &view.spec_branch;
            return Err(Error::not_ready(format!(
                "plan `{name}` on `{branch}` is invalid: {}",
                now.line(error)
            ))
            .hint(format!("correct it on `{branch}`, then try again")));
        }
        let digest = resource.spec_digest();
        // A local commit that is not pushed was probably meant.
        let unpushed = self.unpushed(store, view, |commit| {
            let plan = at(commit).ok()?;
            Some(plan.resource(&key)?.spec_digest() != digest)
        })?;
        let (execution, namespace) = (&run.key.name, &run.key.namespace);
        if rev != CURRENT {
            let commit = base::commit(&store.repo, store.remote.as_deref(), rev)?;
            let then = at(&commit)?;
            let then = then.resource(&key).map(|plan| plan.spec_digest());
            if then.as_ref() != Some(&digest) {
                let branch = &view.spec_branch;
                return Err(Error::conflict(format!(
                    "plan `{name}` of {rev} is not the current one on `{branch}`, and a run can only continue with that"
                ))
                .hint(unpushed.unwrap_or_else(|| {
                    let is_newer = pinned.plan.digest != digest;
                    let instead = format!(
                        ", or continue with the current one: `planspec retry {execution} -n {namespace} --plan`"
                    );
                    format!("bring it to `{branch}`{}", if is_newer { &instead } else { "" })
                })));
            }
        }
        let spec = now.plan(&key).map(|plan| plan.graph.clone());
        let next = NextPlan {
            revision: PlanRevision {
                commit: view.spec_commit.clone(),
                digest,
            },
            spec: spec.unwrap_or_default(),
            now,
        };
        let is_same = || {
            let revised = next.revised(observed, run);
            next.is_held_by(pinned) && revised.is_none_or(|(_, one)| one.changed.is_empty())
        };
        // A finished run is refused because it is over.
        if run.status.phase.can_be_retried() && is_same() {
            let mut nodes = run.status.node_statuses.values();
            let has_failed = nodes.any(|node| node.phase == NodePhase::Failed);
            let hint = || {
                format!("to retry failed nodes, run `planspec retry {execution} -n {namespace}`")
            };
            return Err(Error::not_ready(format!(
                "{} is already pinned to this revision of plan `{name}`",
                run.key.qualified()
            ))
            .maybe_hint(unpushed.or_else(|| has_failed.then(hint))));
        }
        Ok(Some(next))
    }

    /// The hint to push first, if the spec branch of this clone has a commit with another plan that the
    /// remote does not have.
    fn unpushed(
        &self,
        store: &Store,
        view: &View,
        has_other_plan: impl Fn(&str) -> Option<bool>,
    ) -> Result<Option<String>> {
        let Some(remote) = &store.remote else {
            return Ok(None);
        };
        let branch = &view.spec_branch;
        let branches = store.repo.local_branches()?;
        let tip = branches.get(branch).filter(|tip| **tip != view.spec_commit);
        let is_other = tip.is_some_and(|tip| {
            let is_ahead = store.repo.is_ancestor(&view.spec_commit, tip);
            is_ahead.unwrap_or(false) && has_other_plan(tip) == Some(true)
        });
        Ok(is_other.then(|| {
            format!("your `{branch}` has another revision of it that is not pushed: `git push {remote} {branch}`")
        }))
    }

    fn action(&self, node: Option<&str>, next: Option<&NextPlan>) -> Action {
        Action::Request {
            request: RequestKind::Retry,
            node: node.map(str::to_owned),
            rebind: self.rebind,
            again: self.again,
            plan: next.map(|next| next.revision.clone()),
            comment: self.message.clone(),
        }
    }
}

impl NextPlan {
    /// The digest of a gate at present, by `namespace/name`.
    fn gate(&self, name: &str) -> Option<String> {
        let (namespace, name) = name.split_once('/')?;
        let gate = self.now.resource(&Key::new(Kind::Gate, namespace, name))?;
        Some(gate.spec_digest())
    }

    /// Whether a run is pinned to exactly this.
    fn is_held_by(&self, pinned: &Pinned) -> bool {
        let is_same = |(name, pin): (&String, &Pin)| {
            let now = self.gate(name);
            now.is_none_or(|now| now == pin.digest)
        };
        self.revision.digest == pinned.plan.digest && pinned.gates.iter().all(is_same)
    }

    /// The effect on a run, by its graph; `None` if the pinned plan cannot be read.
    fn revised(
        &self,
        observed: &Observed,
        run: ObservedRun<'_>,
    ) -> Option<(Graph, reopen::Revised)> {
        let pinned = run.status.extensions.pinned.as_ref()?;
        let plan = pinned_plan(&observed.stored, run.status)?;
        let spec = plan.graph()?;
        let old = Graph::build(spec).ok()?;
        let graph = Graph::build(&self.spec).ok()?;
        let statuses = &run.status.node_statuses;
        let around = reopen::Around {
            pinned,
            gate_now: &|name| self.gate(name),
            parameters: &plan.execution.parameters,
            capabilities: &|node| {
                let refs = node.capability_refs.iter();
                let keys = refs.map(|one| one.key(Kind::Capability, &pinned.plan.namespace));
                keys.filter_map(|key| self.now.capability(&key)).collect()
            },
        };
        let revised = reopen::Revised::of((&old, spec), (&graph, &self.spec), statuses, &around);
        Some((graph, revised))
    }
}

/// The nodes that a retry opens, by the present status; `None` if the plan cannot be read.
fn opened(
    store: &Store,
    observed: &Observed,
    run: ObservedRun<'_>,
    (request, node): (&RetryRequest, Option<&str>),
    next: Option<&NextPlan>,
) -> Result<Option<Vec<ReopenedNode>>> {
    if let Some(next) = next {
        return Ok(opened_by(next, observed, run));
    }
    let Some(plan) = pinned_plan(&observed.stored, run.status) else {
        return Ok(None);
    };
    let graph = plan.graph().map(|spec| (spec, Graph::build(spec)));
    let Some((spec, Ok(graph))) = graph else {
        return Ok(None);
    };
    let statuses = &run.status.node_statuses;
    let opened = reopen::Reopening::of((&graph, spec), statuses, node, request.again);
    let mut nodes: Vec<ReopenedNode> = nodes_of(&opened, &graph, spec, statuses).collect();
    if request.rebind {
        let given = (&graph, spec);
        let rebound = rebound(store, observed, (run, &plan), given, &opened)?;
        let is_opened: BTreeSet<usize> = opened.all().collect();
        let moved = rebound.moved.difference(&is_opened);
        let moved = moved.map(|index| told(statuses, graph.id(*index), "rebound"));
        nodes.extend(moved);
        let gates = rebound.gates.iter();
        nodes.extend(gates.map(|index| told(statuses, graph.id(*index), "asked")));
    }
    Ok(Some(nodes))
}

/// The effect of binding again, by the present spec branch.
fn rebound(
    store: &Store,
    observed: &Observed,
    (run, plan): (ObservedRun<'_>, &PinnedPlan),
    (graph, spec): (&Graph, &GraphSpec),
    opened: &reopen::Reopening,
) -> Result<reopen::Rebound> {
    let execution = (run.key, &plan.execution);
    let nodes = spec.nodes.iter();
    let needed = nodes.flat_map(|node| binding::needed(execution, &plan.plan, node));
    let view = &observed.view;
    let needed = needed.collect();
    let snapshot = index::about(&store.repo, &view.spec_commit, &view.config, &needed)?;
    let offer = binding::Offer {
        snapshot: &snapshot,
        capabilities: &capability::phases(&snapshot, &BTreeMap::new()),
    };
    let target_now = |node: &Node| binding::resolve(offer, execution, &plan.plan, node).ok();
    let statuses = &run.status.node_statuses;
    Ok(reopen::Rebound::of(
        (graph, spec),
        statuses,
        opened,
        &target_now,
    ))
}

/// A node that is not opened, with what happens to it.
fn told(statuses: &BTreeMap<String, NodeStatus>, id: &str, change: &str) -> ReopenedNode {
    let phase = statuses.get(id).map(|node| node.phase.to_string());
    ReopenedNode {
        node: id.to_owned(),
        step: None,
        phase: phase.unwrap_or_default(),
        retried: false,
        done_again: false,
        stops: None,
        change: Some(change.to_owned()),
    }
}

fn nodes_of<'a>(
    opened: &'a reopen::Reopening,
    graph: &'a Graph,
    spec: &'a GraphSpec,
    statuses: &'a BTreeMap<String, NodeStatus>,
) -> impl Iterator<Item = ReopenedNode> + 'a {
    let done_again: BTreeSet<&str> = opened.done_again(spec, statuses).collect();
    opened.all().filter_map(move |index| {
        let id = graph.id(index);
        Some(ReopenedNode {
            node: id.to_owned(),
            step: None,
            phase: statuses.get(id)?.phase.to_string(),
            retried: opened.retried.binary_search(&index).is_ok(),
            done_again: done_again.contains(id),
            stops: at_work(statuses, id),
            change: None,
        })
    })
}

/// The nodes that continuing with another plan opens, adds and removes.
fn opened_by(
    next: &NextPlan,
    observed: &Observed,
    run: ObservedRun<'_>,
) -> Option<Vec<ReopenedNode>> {
    let (graph, revised) = next.revised(observed, run)?;
    let statuses = &run.status.node_statuses;
    let change = |id: &str| {
        let index = graph.index_of(id);
        let is_changed = index.is_some_and(|index| revised.changed.contains(&index));
        is_changed.then(|| "changed".to_owned())
    };
    let nodes = nodes_of(&revised.opened, &graph, &next.spec, statuses);
    let mut nodes: Vec<ReopenedNode> = nodes
        .map(|node| ReopenedNode {
            change: change(&node.node),
            ..node
        })
        .collect();
    let told = |id: &str, phase: String, change: &str| ReopenedNode {
        phase,
        stops: at_work(statuses, id),
        ..told(statuses, id, change)
    };
    let pending = revised.changed.iter().map(|index| graph.id(*index));
    let opened: BTreeSet<String> = nodes.iter().map(|node| node.node.clone()).collect();
    let pending = pending.filter(|id| !opened.contains(*id));
    let phase = |id: &str| {
        statuses
            .get(id)
            .map_or_else(String::new, |node| node.phase.to_string())
    };
    let pending = pending.map(|id| told(id, phase(id), "changed"));
    let added = revised.added.iter();
    let added = added.map(|index| told(graph.id(*index), NodePhase::Pending.to_string(), "added"));
    let removed = revised.removed.iter();
    let removed = removed.map(|id| told(id, phase(id), "removed"));
    // For every gate, the plan has changed.
    let gates = approved_before((&graph, &next.spec), statuses, &revised.opened, |_, _| true);
    let gates = gates.iter().map(|index| graph.id(*index));
    let gates = gates.filter(|id| {
        !opened.contains(*id) && !revised.changed.iter().any(|index| graph.id(*index) == *id)
    });
    let gates = gates.map(|id| told(id, phase(id), "asked"));
    nodes.extend(pending.chain(added).chain(removed).chain(gates));
    Some(nodes)
}

/// The holder of a node.
fn at_work(statuses: &BTreeMap<String, NodeStatus>, id: &str) -> Option<String> {
    let claim = statuses.get(id)?.extensions.claim.as_ref()?;
    Some(claim.actor.clone())
}

/// Notes on nodes that succeeded and are repeated, and on workers that are stopped.
fn to_know(nodes: &[ReopenedNode]) -> Vec<String> {
    let again = nodes.iter().filter(|node| node.done_again);
    let again: Vec<&str> = again.map(|node| node.node.as_str()).collect();
    let again = (!again.is_empty()).then(|| {
        format!(
            "these have already succeeded and will be repeated: {}",
            listed(again)
        )
    });
    let stopped = nodes.iter().filter_map(|node| {
        let (who, node) = (node.stops.as_ref()?, &node.node);
        Some(format!("this stops {who}, who holds `{node}`"))
    });
    again.into_iter().chain(stopped).collect()
}

/// Sends an operator's request, on a new ref.
fn ask(
    writer: &RecordWriter<'_>,
    (run, node): (ObservedRun<'_>, Option<&str>),
    action: Action,
) -> Result<(String, Requested)> {
    let word = action.word();
    let asked = Requested {
        execution: execution(run),
        node: node.map(str::to_owned),
        step: node.and_then(|node| writer.observed.step(run, node)),
        request: word.to_owned(),
        already: false,
    };
    if let Some(record) = asked_before(writer, run, &action)? {
        return Ok((
            record,
            Requested {
                already: true,
                ..asked
            },
        ));
    }
    if let Err((refusal, error)) = Asked::new(writer.observed, run).ask(&action, writer.actor) {
        return Err(error.maybe_hint(when_taken_in(writer, run, &refusal)));
    }
    nobody_has_begun_since(writer, run, &action)?;
    let address = Address::Request {
        run: run.reference(),
        id: format!(
            "{word}-{}",
            Uuid::from_u128(writer.store.repo.random()).simple()
        ),
    };
    Ok((writer.send(&address, run, action)?, asked))
}

/// The record of the same request, if no reconcile has taken it in yet.
fn asked_before(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    action: &Action,
) -> Result<Option<String>> {
    let told = |action: &Action| match action {
        Action::Request {
            request,
            node,
            rebind,
            again,
            plan,
            ..
        } => Some((*request, node.clone(), (*rebind, *again), plan.clone())),
        _ => None,
    };
    let inbox = writer.observed.view.inbox.iter();
    let requests = inbox.filter(|(address, tip)| {
        let is_request = matches!(address, Address::Request { .. });
        is_request && address.uid() == run.file.uid && is_unread(run.status, address, tip)
    });
    for (_, tip) in requests {
        for received in held::records(writer.store, tip)? {
            if told(&received.record.action) == told(action) {
                return Ok(Some(received.id));
            }
        }
    }
    Ok(None)
}

/// Whether the inbox has records of workers for a run since the last reconcile.
fn has_news_of_work(observed: &Observed, run: ObservedRun<'_>) -> bool {
    let mut inbox = observed.view.inbox.iter();
    inbox.any(|(address, tip)| {
        let is_work = matches!(address, Address::Work { .. });
        is_work && address.uid() == run.file.uid && is_unread(run.status, address, tip)
    })
}

/// The hint if a worker may have finished since the last reconcile.
fn when_taken_in(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    refusal: &Refusal,
) -> Option<String> {
    let is_news = refusal.reason == "AtWork" && has_news_of_work(writer.observed, run);
    is_news.then(|| {
        "newer records about it are not reconciled yet: `planspec reconcile`, then try again"
            .to_owned()
    })
}

/// Checks that the retry is also allowed after the claims since the last reconcile, which are taken in first.
fn nobody_has_begun_since(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    action: &Action,
) -> Result {
    if !has_news_of_work(writer.observed, run) {
        return Ok(());
    }
    let mut status = run.status.clone();
    for node in run.nodes().filter(|node| node.status.is_claimable()) {
        let address = node.address();
        let chain = AttemptChain::on(writer.store, writer.observed, &address)?;
        let Some(chain) = chain.filter(AttemptChain::is_open) else {
            continue;
        };
        let holder = chain.holder();
        if let Some(node) = status.node_statuses.get_mut(node.id) {
            node.phase = NodePhase::Running;
            node.extensions.claim = Some(Claim {
                actor: holder.actor.to_owned(),
                record: holder.claim.to_owned(),
                session: holder.session.map(str::to_owned),
                expires: None,
                done_before: false,
            });
        }
    }
    let run = ObservedRun {
        status: &status,
        ..run
    };
    let asked = Asked::new(writer.observed, run);
    match asked.ask(action, writer.actor) {
        Err((refusal, error)) if refusal.reason == "AtWork" => Err(error),
        _ => Ok(()),
    }
}
