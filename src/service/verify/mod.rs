//! Check acceptance criteria, and say what came of it.

mod contract;

use serde_json::{Value, json};

use super::permit::Asked;
use super::record::{Recorded, Sender, attempt};
use super::runs::{self, Look, Run};
use super::store::{self, Store};
use super::{Error, Result};
use crate::api::verify::{self as api, Verified};
use crate::core::resource::{CriterionResult, NodePhase, PinnedTarget, TaskCriterion, Time};
use crate::core::run::permit::broken;
use crate::core::run::record::{Action, Address, Record, ref_safe};
use crate::git::read;
use crate::git::worktree::Worktree;
use crate::worker::IS_SUPPORTED;
use crate::worker::criteria;
use crate::worker::log::shortened;
use crate::worker::signals::Stop;
use crate::worker::tool::{self, Bench, Errand, Part};

pub use contract::{Verdict, verify_execution};

/// Schemes whose targets have an environment for commands.
const TOOL: &str = "tool://";
/// How long excerpts may be, from what is wished to what is needed for a record to fit.
const EXCERPTS: [usize; 4] = [1000, 300, 80, 0];

/// Check the acceptance criteria of a node that was reported done, or the success criteria of a run.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// Who asks.
    pub sender: Sender,
    /// The execution, or `EXECUTION/NODE`.
    pub target: String,
    /// Namespace of the execution, where its name alone is ambiguous.
    pub namespace: Option<String>,
}

/// What is told of each criterion as soon as it was checked.
pub type Tell<'a> = &'a dyn Fn(&TaskCriterion, &CriterionResult);

/// What is checked.
pub struct Checked<'a> {
    /// What it is for.
    pub errand: &'a Errand,
    /// What must hold.
    pub criteria: &'a [TaskCriterion],
    /// Where the work was to be done: commands run in its environment.
    pub target: Option<&'a PinnedTarget>,
    /// The commit on whose tree it is checked; it is here.
    pub commit: &'a str,
}

/// Refuse to run commands where they cannot be kept together.
///
/// # Errors
/// This is no Unix.
pub fn supported() -> Result {
    if IS_SUPPORTED {
        return Ok(());
    }
    Err(Error::unsupported(
        "the commands of plans are only run on Unix: here nothing would end what they start",
    ))
}

/// Run the acceptance criteria of a node on the commit that its report names, in a work tree of its
/// own, and record what came of them.
///
/// # Errors
/// Nothing waits to be verified; the actor may not; the commit is not there; it was stopped.
pub fn verify_node(
    store: &Store,
    request: &VerifyRequest,
    stop: &Stop,
    tell: Tell<'_>,
) -> Result<Recorded<Verified>> {
    supported()?;
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let (run, id, status) = look.node(&request.target, request.namespace.as_deref())?;
    let name = format!("{}/{id}", run.key.qualified());
    let asked = Asked::new(&look, run);
    let permit = asked.permit();
    let reported = permit
        .may_verify(id, status.attempt, &actor)
        .map_err(|refusal| match status.phase {
            NodePhase::Running => asked
                .error(&refusal)
                .hint("when it is reported: planspec reconcile, then verify"),
            _ => asked.error(&refusal),
        })?;
    let (Some(node), Some(pinned)) = (
        asked.plan().and_then(|plan| plan.node(id)),
        &run.status.extensions.pinned,
    ) else {
        return Err(Error::unavailable(format!(
            "the plan that {name} is held to cannot be read"
        )));
    };
    let commit = reported.commit.as_deref().unwrap_or(&pinned.commit);
    fetch(store, &look, (run, id, status.attempt), commit)?;
    let subject = Checked {
        errand: &errand(run, id, status.attempt),
        criteria: &node.acceptance_criteria,
        target: status.extensions.target.as_ref(),
        commit,
    };
    let Some(results) = check(store, &subject, stop, tell)? else {
        return Err(Error::not_ready("stopped: nothing is recorded"));
    };
    let broken = broken(&node.acceptance_criteria, &results);
    let verified = Verified {
        attempt: attempt(run, id, status.attempt),
        commit: commit.to_owned(),
        accepted: broken.is_empty(),
        broken: broken.into_iter().map(str::to_owned).collect(),
        results: results.iter().map(api::CriterionResult::from).collect(),
    };
    let at = (run, id, status.attempt);
    let who = (actor.as_str(), request.sender.caller.now);
    let record = send(store, &look, at, who, (&reported.record, commit), results)?;
    Ok(request.sender.sent(store, (actor, record), verified))
}

/// What is checked, as commands and judges are told.
pub fn errand(run: Run<'_>, id: &str, attempt: u32) -> Errand {
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
) -> Result {
    if store.repo.has_object(commit) || store.fetch_commit(commit) {
        return Ok(());
    }
    let kept = store::result_ref(&runs::run_ref(run), id, attempt);
    if let Some(tip) = look.view.results.get(&kept) {
        store.fetch_records(std::slice::from_ref(tip))?;
    }
    match store.repo.has_object(commit) {
        true => Ok(()),
        false => Err(Error::unavailable(format!(
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
pub fn check(
    store: &Store,
    checked: &Checked<'_>,
    stop: &Stop,
    tell: Tell<'_>,
) -> Result<Option<Vec<CriterionResult>>> {
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
        .map_err(Error::unavailable)?;
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

/// Say what came of the criteria.
///
/// # Errors
/// Somebody else did so under this name at the same time, or the remote cannot be used.
pub fn send(
    store: &Store,
    look: &Look,
    (run, id, attempt): (Run<'_>, &str, u32),
    (actor, now): (&str, Time),
    (report, commit): (&str, &str),
    results: Vec<CriterionResult>,
) -> Result<String> {
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
        look.record(run, actor, now, action)
    })?;
    let tip = look.view.inbox.get(&address).map(String::as_str);
    runs::send(store, &address, tip, &record, now)
}

/// A record of results, with as much of what was printed as fits.
fn fitting(
    results: &[CriterionResult],
    record: &dyn Fn(Vec<CriterionResult>) -> Record,
) -> Result<Record> {
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
    Err(Error::invalid(format!(
        "the results cannot be recorded: {last}"
    )))
}
