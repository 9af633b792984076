//! `planspec verify`: check the acceptance criteria of a reported node, and say what came of it.

mod contract;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::runs::{self, Look, Run};
use super::store::{self, Store};
use super::{ActorArgs, Context, NamespaceArg, reconcile};
use crate::core::resource::{
    AWAITING_VERIFICATION, CriterionResult, NodePhase, NodeStatus, PinnedTarget, TaskCriterion,
};
use crate::core::run::controllers::execution::broken;
use crate::core::run::record::{Action, Address, Record, ref_safe};
use crate::failure::{Failure, Outcome};
use crate::git::read;
use crate::git::worktree::Worktree;
use crate::worker::criteria;
use crate::worker::log::shortened;
use crate::worker::signals::Stop;
use crate::worker::tool::{self, Bench, Errand, Part};

/// Schemes whose targets have an environment for commands.
const TOOL: &str = "tool://";
/// How long excerpts may be, from what is wished to what is needed for a record to fit.
const EXCERPTS: [usize; 4] = [1000, 300, 80, 0];

/// Check the acceptance criteria of a node that was reported done, or the success criteria of a run
///
/// Of a node: runs the commands of the plan that the run is held to on the tree of the commit that
/// the report names. Of an execution: runs the checks that its document has for success criteria, on
/// the spec branch, when all nodes have ended. In a work tree of its own. Exits with 1 when a
/// required criterion does not hold.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node, or the execution
    #[arg(value_name = "EXECUTION[/NODE]")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
}

/// What is checked.
pub(super) struct Checked<'a> {
    /// What it is for.
    pub errand: &'a Errand,
    /// What must hold.
    pub criteria: &'a [TaskCriterion],
    /// Where the work was to be done: commands run in its environment.
    pub target: Option<&'a PinnedTarget>,
    /// The commit on whose tree it is checked; it is here.
    pub commit: &'a str,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    super::work::supported()?;
    let stop = Stop::on_signals().map_err(Failure::repository)?;
    let store = Store::open(context)?;
    let actor = store.actor(args.actor.actor.as_deref())?;
    let look = runs::look(&store)?;
    if !args.target.contains('/') {
        let run = look.run(&args.target, args.namespace.namespace.as_deref())?;
        let unmet = contract::verify(context, &store, &look, run, &actor, &stop)?;
        reconcile::afterwards(context, &store, args.actor.reconcile)?;
        return unmet.map_or(Ok(()), Err);
    }
    let (run, id, status) = look.node(&args.target, args.namespace.namespace.as_deref())?;
    let name = format!("{}/{id}", run.key.qualified());
    let Some(reported) = status.extensions.report.as_ref().filter(|_| waits(status)) else {
        return Err(nothing_to_verify(&name, status));
    };
    if !look.view.config.may_verify(&actor, &reported.actor) {
        return Err(Failure::not_met(format!(
            "{actor} reported {name}, and somebody else must verify it"
        ))
        .hint("the configuration says `verification: independent`"));
    }
    let plan = runs::pinned_plan(&look.stored, run.status);
    let (Some(node), Some(pinned)) = (
        plan.as_ref().and_then(|plan| runs::node_of(plan, id)),
        &run.status.extensions.pinned,
    ) else {
        return Err(Failure::repository(format!(
            "the plan that {name} is held to cannot be read"
        )));
    };
    let commit = reported.commit.as_deref().unwrap_or(&pinned.commit);
    fetch(&store, &look, (run, id, status.attempt), commit)?;
    let errand = errand(run, id, status.attempt);
    let subject = Checked {
        errand: &errand,
        criteria: &node.acceptance_criteria,
        target: status.extensions.target.as_ref(),
        commit,
    };
    let tell = |criterion: &TaskCriterion, result: &CriterionResult| {
        context.terminal.out(&line(criterion, result));
    };
    let Some(results) = check(&store, &subject, &stop, &tell)? else {
        return Err(Failure::not_met("stopped: nothing is recorded"));
    };
    let broken = broken(&node.acceptance_criteria, &results);
    send(
        &store,
        &look,
        (run, id, status.attempt),
        &actor,
        &reported.record,
        commit,
        results,
    )?;
    context.terminal.out(&format!(
        "verified {name} attempt {} as {actor}\n",
        status.attempt
    ));
    reconcile::afterwards(context, &store, args.actor.reconcile)?;
    match broken.as_slice() {
        [] => Ok(()),
        some => Err(Failure::not_met(format!(
            "{name} is not accepted: {} of its required criteria {} not hold: {}",
            some.len(),
            if some.len() == 1 { "does" } else { "do" },
            some.join(", ")
        ))),
    }
}

/// Whether a report waits for its verification.
fn waits(status: &NodeStatus) -> bool {
    status.phase == NodePhase::Blocked && status.extensions.reason == AWAITING_VERIFICATION
}

fn nothing_to_verify(name: &str, status: &NodeStatus) -> Failure {
    let failure = Failure::not_met(format!(
        "nothing of {name} waits to be verified: it is {}",
        status.phase
    ));
    match status.phase {
        NodePhase::Running => failure.hint("when it is reported: planspec reconcile, then verify"),
        _ => failure,
    }
}

/// What is checked, as commands and judges are told.
pub(super) fn errand(run: Run<'_>, id: &str, attempt: u32) -> Errand {
    Errand {
        namespace: run.key.namespace.clone(),
        execution: run.key.name.clone(),
        part: Part::Attempt {
            node: id.to_owned(),
            attempt,
        },
    }
}

/// Get a commit that is not here: by its id, or behind the log of the attempt.
fn fetch(
    store: &Store,
    look: &Look,
    (run, id, attempt): (Run<'_>, &str, u32),
    commit: &str,
) -> Outcome {
    if store.repo.has_object(commit) || store.fetch_commit(commit) {
        return Ok(());
    }
    let kept = store::result_ref(&runs::run_ref(run), id, attempt);
    if let Some(tip) = look.view.results.get(&kept) {
        store.fetch_records(std::slice::from_ref(tip))?;
    }
    match store.repo.has_object(commit) {
        true => Ok(()),
        false => Err(Failure::repository(format!(
            "commit {commit}, which the report names, is neither here nor on the remote"
        ))
        .hint("whoever did the work has to push it")),
    }
}

/// Check all criteria, in a work tree of its own. Nothing when it was to stop before the
/// end: then nothing can be said.
///
/// # Errors
/// There is no room for a work tree.
pub(super) fn check(
    store: &Store,
    checked: &Checked<'_>,
    stop: &Stop,
    tell: &dyn Fn(&TaskCriterion, &CriterionResult),
) -> Outcome<Option<Vec<CriterionResult>>> {
    let worktree = Worktree::add(&store.repo, checked.commit)?;
    let config = checked
        .target
        .filter(|target| {
            target
                .provider
                .as_deref()
                .is_some_and(|p| p.starts_with(TOOL))
        })
        .and_then(|target| target.config.as_ref());
    // What is wrong with it is the worker's to say; a check only does without.
    let env = tool::environment_of(config.and_then(|config| config.get("env"))).unwrap_or_default();
    let bench = Bench::new(&worktree.dir(), worktree.folder(), &env, checked.errand)
        .map_err(Failure::repository)?;
    let has = |path: &str, text: Option<&str>| {
        read::has_artifact(&store.repo, checked.commit, path, text)
            .map_err(|error| error.to_string())
    };
    let mut results = Vec::new();
    for criterion in checked.criteria {
        let about = about(checked, criterion);
        let subject = criteria::Subject {
            bench: &bench,
            has: &has,
            about: &about,
            stop,
        };
        let result = criteria::check(criterion, &subject);
        if stop.is_wished() {
            return Ok(None);
        }
        tell(criterion, &result);
        results.push(result);
    }
    Ok(Some(results))
}

/// What somebody who judges is told.
fn about(checked: &Checked<'_>, criterion: &TaskCriterion) -> Value {
    let mut about = checked.errand.to_value();
    about["criterion"] = json!(criterion.name);
    about["commit"] = json!(checked.commit);
    about
}

/// A criterion and what came of it, for people.
pub(super) fn line(criterion: &TaskCriterion, result: &CriterionResult) -> String {
    let word = match (result.holds, criterion.required) {
        (true, _) => "holds",
        (false, true) => "does not hold",
        (false, false) => "does not hold (optional)",
    };
    let millis = result.duration_ms;
    let mut line = format!(
        "{word}: {} ({}, {}.{:01} s)",
        result.name,
        result.ran,
        millis / 1000,
        millis % 1000 / 100
    );
    if !result.holds {
        let said: Vec<&str> = result.excerpt.lines().collect();
        line.push_str(&format!(": {}", said.join(" | ")));
    }
    format!("{}\n", crate::show::escape::line(&line))
}

/// Say what came of the criteria.
///
/// # Errors
/// Somebody else did so under this name at the same time, or the remote cannot be used.
pub(super) fn send(
    store: &Store,
    look: &Look,
    (run, id, attempt): (Run<'_>, &str, u32),
    actor: &str,
    report: &str,
    commit: &str,
    results: Vec<CriterionResult>,
) -> Outcome<String> {
    let address = Address::Verification {
        run: runs::run_ref(run),
        node: id.to_owned(),
        attempt,
        actor: ref_safe(actor),
    };
    let record = fitting(&results, &|results| {
        let action = Action::Verification {
            node: id.to_owned(),
            attempt,
            report: report.to_owned(),
            commit: commit.to_owned(),
            results,
        };
        look.record(store, run, actor, action)
    })?;
    let tip = look.view.inbox.get(&address).map(String::as_str);
    runs::send(store, &address, tip, &record)
}

/// A record of results, with as much of what was printed as fits.
fn fitting(
    results: &[CriterionResult],
    record: &dyn Fn(Vec<CriterionResult>) -> Record,
) -> Outcome<Record> {
    let mut last = String::new();
    for most in EXCERPTS {
        let results = results.iter().cloned().map(|mut result| {
            result.excerpt = shortened(&result.excerpt, most);
            result
        });
        let record = record(results.collect());
        match store::fits(&record) {
            Ok(()) => return Ok(record),
            Err(why) => last = why,
        }
    }
    Err(Failure::not_met(format!(
        "the results cannot be recorded: {last}"
    )))
}
