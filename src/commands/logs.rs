//! `planspec logs`: what the command of a node printed.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg};
use crate::core::resource::{LOG_FILE, NodePhase, NodeStatus};
use crate::failure::{Failure, Outcome};
use crate::git::read;
use crate::service::runs::{self, Look, Run};
use crate::service::store::{Store, attempt_of_result};

/// Print what the command of a node printed
///
/// `planspec work` keeps it when an attempt ends. On a terminal it is made safe to print; into a file
/// or a pipe it goes as it is. Who does a node otherwise keeps no log here.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Which attempt; the last one that has a log when left out
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let look = runs::look(&store)?;
    let (run, id, node) = look.node(&args.target, args.namespace.namespace.as_deref())?;
    let name = format!("{}/{id}", run.key.qualified());
    let kept = kept(&look, run, id);
    let attempt = match (args.attempt, kept.keys().next_back()) {
        (Some(attempt), _) => attempt,
        (None, Some(&last)) => last,
        (None, None) => node.attempt,
    };
    let Some(commit) = kept.get(&attempt) else {
        return Err(nothing_kept(&name, node, attempt, &kept));
    };
    if !store.repo.has_object(commit) && !store.fetch_commit(commit) {
        return Err(Failure::not_met(format!(
            "the log of {name}, attempt {attempt}, is gone: commit {commit} is neither here nor on \
             the remote"
        ))
        .hint("logs are kept for thirty days after an execution is over"));
    }
    let log = read::file_at(&store.repo, commit, LOG_FILE)?.ok_or_else(|| {
        Failure::not_met(format!(
            "commit {commit}, which is said to hold the log of {name}, has no {LOG_FILE}"
        ))
    })?;
    if args.attempt.is_none() && attempt < node.attempt {
        context.terminal.note(&format!(
            "note: this is the log of attempt {attempt}; attempt {} has none yet",
            node.attempt
        ));
    }
    context.terminal.out_as_it_is(&log);
    Ok(())
}

/// The commits that hold logs of a node, by attempt: what was reported, and what is not folded in
/// yet.
fn kept<'a>(look: &'a Look, run: Run<'a>, id: &str) -> BTreeMap<u32, &'a str> {
    let name = runs::run_ref(run);
    let refs = look.view.results.iter();
    let refs = refs.filter_map(|(result, commit)| {
        Some((attempt_of_result(result, &name, id)?, commit.as_str()))
    });
    let artifacts = run.status.artifacts.iter();
    let artifacts = artifacts.filter(|artifact| artifact.is_log());
    let reported = artifacts
        .map(|artifact| artifact.origin())
        .filter(|origin| origin.node == Some(id))
        .filter_map(|origin| Some((origin.attempt?, origin.commit?)));
    refs.chain(reported).collect()
}

fn nothing_kept(
    name: &str,
    node: &NodeStatus,
    attempt: u32,
    kept: &BTreeMap<u32, &str>,
) -> Failure {
    if attempt > node.attempt {
        let so_far = node.attempt;
        return Failure::not_met(format!(
            "{name} has no attempt {attempt}; there are {so_far} so far"
        ));
    }
    if attempt == node.attempt && node.phase == NodePhase::Running {
        return Failure::not_met(format!("attempt {attempt} of {name} is not over"))
            .hint("its log is kept when it ends, if `planspec work` does it");
    }
    let failure = Failure::not_met(match attempt {
        0 => format!("{name} has not begun: there is no log"),
        _ => format!("no log of {name}, attempt {attempt}, is kept"),
    });
    let others: Vec<String> = kept.keys().map(u32::to_string).collect();
    match others.is_empty() {
        true => failure.hint("only `planspec work` keeps logs: of what is bound to tool://"),
        false => failure.hint(format!("there are logs of attempts {}", others.join(", "))),
    }
}
