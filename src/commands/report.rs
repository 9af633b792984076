//! `planspec report`: say how a claimed node went.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::store::Store;
use super::{ActorArgs, Context, NamespaceArg, claim, reconcile, runs};
use crate::core::plan::data;
use crate::core::resource::{AWAITING_EXTERNAL, CapabilitySpec, Kind, Node, NodePhase, NodeStatus};
use crate::core::run::record::{Action, ReportResult};
use crate::failure::{Failure, Outcome};

/// Report how a claimed node went
///
/// Without --attempt: the attempt that you hold. A report that comes late is kept as evidence and
/// not applied.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("result").required(true))]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// It is done
    #[arg(long, group = "result")]
    succeeded: bool,
    /// It failed
    #[arg(long, group = "result")]
    failed: bool,
    /// What it brought; may be repeated. The value is text
    #[arg(long = "output", value_name = "NAME=VALUE", value_parser = name_value)]
    outputs: Vec<(String, String)>,
    /// What it brought: a file with a JSON object, or - for standard input
    #[arg(long, value_name = "FILE")]
    outputs_file: Option<PathBuf>,
    /// A sentence for people
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    /// The commit that holds the work
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// Report for this attempt, whoever holds it: recorded, and applied only if it can be
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
}

fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let outputs = outputs(args)?;
    let commit = match &args.commit {
        None => None,
        Some(rev) => Some(
            store
                .repo
                .resolve(rev)?
                .ok_or_else(|| Failure::usage(format!("there is no revision `{rev}`")))?,
        ),
    };
    let look = runs::look(&store)?;
    let (run, id, node) = look.node(&args.target, args.namespace.namespace.as_deref())?;
    if args.succeeded && args.attempt.is_none() {
        refuse_unfit(&store, &look, run, id, &outputs)?;
    }
    let (attempt, tip) = match args.attempt {
        Some(attempt) => (attempt, look.work_tip(run, id, attempt).cloned()),
        // Nobody claims what happens outside; whoever knows of it reports it.
        None if is_outside(node) => (node.attempt, look.work_tip(run, id, node.attempt).cloned()),
        None => {
            let (attempt, tip) = held_attempt(&store, &look, (run, id), node.attempt, &actor)?;
            (attempt, Some(tip))
        }
    };
    let is_late = attempt != node.attempt || node.phase.is_terminal();
    if is_late {
        context.terminal.note(&format!(
            "warning: attempt {attempt} of {}/{id} is over: the report is kept and not applied",
            run.key.qualified()
        ));
    }
    let result = match args.succeeded {
        true => ReportResult::Succeeded,
        false => ReportResult::Failed,
    };
    let action = Action::Report {
        node: id.to_owned(),
        attempt,
        result,
        outputs,
        message: args.message.clone(),
        commit,
        artifacts: Vec::new(),
    };
    let address = runs::work_address(run, id, attempt);
    let record = look.record(&store, run, &actor, action);
    runs::send(&store, &address, tip.as_deref(), &record)?;
    let word = match result {
        ReportResult::Succeeded => "succeeded",
        ReportResult::Failed => "failed",
    };
    context.terminal.out(&format!(
        "reported {}/{id} attempt {attempt} as {word}\n",
        run.key.qualified()
    ));
    reconcile::afterwards(context, &store, args.actor.reconcile)
}

/// Whether a node waits for something outside.
pub(super) fn is_outside(node: &NodeStatus) -> bool {
    node.phase == NodePhase::Blocked && node.extensions.reason == AWAITING_EXTERNAL
}

/// Whether reconcile would take these outputs: the declared ones are there, and all have the types
/// that the task and its capabilities say.
///
/// # Errors
/// The spec branch cannot be read.
pub(super) fn fits(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    node: &Node,
    outputs: &Map<String, Value>,
) -> Outcome<Result<(), String>> {
    let snapshot = match node.capability_refs.is_empty() {
        true => None,
        false => Some(store.snapshot(&look.view.spec_commit, &look.view.config)?),
    };
    let pinned = run.status.extensions.pinned.as_ref();
    let namespace = pinned.map_or("", |pinned| pinned.plan.namespace.as_str());
    let capabilities: Vec<&CapabilitySpec> = snapshot
        .iter()
        .flat_map(|snapshot| {
            let keys = node.capability_refs.iter();
            keys.filter_map(|one| snapshot.capability(&one.key(Kind::Capability, namespace)))
        })
        .collect();
    Ok(data::check_outputs(node, &capabilities, outputs).map_err(|(_, why)| why))
}

/// Reconcile would not take a success with such outputs.
fn refuse_unfit(
    store: &Store,
    look: &runs::Look,
    run: runs::Run<'_>,
    id: &str,
    outputs: &Map<String, Value>,
) -> Outcome {
    let plan = runs::pinned_plan(&look.stored, run.status);
    let Some(node) = plan.as_ref().and_then(|plan| runs::node_of(plan, id)) else {
        return Ok(());
    };
    let missing: Vec<String> = node
        .outputs
        .iter()
        .filter(|output| !outputs.contains_key(&output.name))
        .map(|output| format!("--output {}=…", output.name))
        .collect();
    if !missing.is_empty() {
        return Err(
            Failure::not_met(format!("`{id}` declares outputs that are missing"))
                .hint(format!("add {}", missing.join(" "))),
        );
    }
    fits(store, look, run, node, outputs)?.map_err(|why| {
        Failure::not_met(format!("the outputs of `{id}` cannot be taken: {why}"))
            .hint("--outputs-file takes values of every type, as JSON")
    })
}

/// The newest attempt that the actor has claimed: the open one, else an older one, for a report
/// that comes late.
fn held_attempt(
    store: &Store,
    look: &runs::Look,
    (run, id): (runs::Run<'_>, &str),
    open: u32,
    actor: &str,
) -> Outcome<(u32, String)> {
    let nobody_is_at_work = look.work_tip(run, id, open).is_none();
    for attempt in (1..open).rev().filter(|_| nobody_is_at_work) {
        if let Some(tip) = look.work_tip(run, id, attempt)
            && claim::holder(store, tip)?.as_deref() == Some(actor)
        {
            return Ok((attempt, tip.clone()));
        }
    }
    Ok((open, claim::held(store, look, (run, id), open, actor)?))
}

fn outputs(args: &Args) -> Outcome<Map<String, Value>> {
    let mut outputs = match &args.outputs_file {
        None => Map::new(),
        Some(path) => {
            let bytes = crate::git::files::user_file(path)?;
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(map)) => map,
                Ok(_) => {
                    return Err(Failure::usage(format!(
                        "{} holds no JSON object",
                        path.display()
                    )));
                }
                Err(error) => {
                    return Err(Failure::usage(format!("{}: {error}", path.display())));
                }
            }
        }
    };
    for (name, value) in &args.outputs {
        outputs.insert(name.clone(), Value::String(value.clone()));
    }
    Ok(outputs)
}
