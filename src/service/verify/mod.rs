//! Checks acceptance criteria, and records the results.

mod contract;

use serde_json::{Value, json};

use super::environment::{self, with_what_is_handed_on};
use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, attempt};
use super::runs::{ObservedNode, ObservedRun, is_unread, observe};
use super::store::{self, Store};
use super::{Error, Result};
use crate::api::verify::{self as api, Verified};
use crate::core::base::digest::short;
use crate::core::plan::tool::TOOL;
use crate::core::resource::{CriterionResult, NodePhase, PinnedTarget, ReportedBy, TaskCriterion};
use crate::core::run::permit::broken;
use crate::core::run::proposal::word;
use crate::core::run::record::{Action, Address};
use crate::git::read;
use crate::git::worktree::Worktree;
use crate::worker::IS_SUPPORTED;
use crate::worker::criteria;
use crate::worker::log::shortened;
use crate::worker::signals::Stop;
use crate::worker::tool::{self, Bench, Errand, ErrandPart};

pub use contract::{CriterionVerdict, verify_execution};

/// Lengths of excerpts, from the preferred one down to what makes the record small enough.
pub(super) const EXCERPTS: [usize; 4] = [1000, 300, 80, 0];

/// Called with the result of each criterion.
pub type Tell<'a> = &'a dyn Fn(&TaskCriterion, &CriterionResult);

/// The input of a check.
pub struct CheckSubject<'a> {
    /// The purpose, for the environment.
    pub errand: &'a Errand,
    /// The criteria.
    pub criteria: &'a [TaskCriterion],
    /// The target of the work: commands run in its environment.
    pub target: Option<&'a PinnedTarget>,
    /// The commit to check, which is in this clone.
    pub commit: &'a str,
}

/// Fails if process groups are not supported.
///
/// # Errors
/// This is not Unix.
pub fn supported() -> Result {
    if IS_SUPPORTED {
        return Ok(());
    }
    Err(Error::unsupported(
        "commands of plans run only on Unix, because processes that they start cannot be stopped here",
    ))
}

/// Whether there are records about a node that no reconcile has taken in.
fn is_said(writer: &RecordWriter<'_>, node: ObservedNode<'_>) -> bool {
    let address = node.address();
    let tip = writer.observed.tip(&address);
    tip.is_some_and(|tip| is_unread(node.run.status, &address, tip))
}

/// The error that there is nothing to verify, with a hint.
fn not_awaited(writer: &RecordWriter<'_>, node: ObservedNode<'_>, error: Error) -> Error {
    if is_said(writer, node) {
        return error.hint(
            "what was said of it since is not taken in yet: `planspec reconcile`, then verify it",
        );
    }
    if node.status.phase != NodePhase::Running {
        return error;
    }
    let (run, namespace) = (&node.run.key.name, &node.run.key.namespace);
    error.hint(format!(
        "it can be checked when its report is reconciled; to see who holds it, run \
                         `planspec describe {run}/{} -n {namespace}`",
        node.id
    ))
}

/// Runs the acceptance criteria of a node on the reported commit, in a separate work tree, and
/// records the results.
///
/// # Errors
/// The node does not wait for verification; the actor may not verify it; the commit does not exist; it was stopped.
pub fn verify_node(
    store: &Store,
    (request, instead): (&RecordRequest, Option<&str>),
    stop: &Stop,
    tell: Tell<'_>,
) -> Result<Recorded<Verified>> {
    supported()?;
    let named = instead;
    let instead = instead.map(|rev| store.commit_anywhere(rev)).transpose()?;
    let mut notes = Vec::new();
    let mut recorded = request.send(store, |writer| {
        let node = request.node(writer.observed)?;
        let asked = Asked::new(writer.observed, node.run);
        let permit = asked.permit();
        nothing_is_new(writer, node)?;
        let reported = permit
            .may_verify(node.id, node.status.attempt, writer.actor)
            .map_err(|refusal| not_awaited(writer, node, asked.error(&refusal)))?;
        let plan = asked.plan().and_then(|plan| plan.node(node.id));
        let (Some(of_plan), Some(pinned)) = (plan, &node.run.status.extensions.pinned) else {
            return Err(Error::unavailable(format!(
                "the pinned plan of {} cannot be read",
                node.name()
            )));
        };
        let commit = match &instead {
            Some(commit) => {
                is_merged(writer, commit)?;
                commit
            }
            None => {
                let commit = reported.commit.as_deref().unwrap_or(&pinned.commit);
                fetch(writer, node, reported, commit)?;
                commit
            }
        };
        let subject = CheckSubject {
            errand: &errand(node),
            criteria: &of_plan.acceptance_criteria,
            target: node.status.extensions.target.as_ref(),
            commit,
        };
        let Some(results) = check(store, &subject, stop, tell)? else {
            return Err(Error::not_ready("stopped: nothing is recorded"));
        };
        let broken = broken(&of_plan.acceptance_criteria, &results);
        notes = only_here(store, commit, &of_plan.acceptance_criteria, &results);
        if let (Some(commit), [_, ..]) = (&instead, broken.as_slice()) {
            let (name, which) = (node.name(), broken.join(", "));
            let why = format!("{name} is not accepted at {}: {which}", short(commit));
            let hint = "nothing is recorded; the reported commit still has to be verified";
            let behind = is_behind(writer, node, named, commit);
            return Err(Error::not_ready(why).hint(behind.unwrap_or_else(|| hint.to_owned())));
        }
        let verified = Verified {
            attempt: attempt(writer.observed, node.run, node.id, node.status.attempt),
            commit: commit.to_owned(),
            accepted: broken.is_empty(),
            broken: broken.into_iter().map(str::to_owned).collect(),
            results: results.iter().map(api::CriterionResult::from).collect(),
        };
        Ok((
            send(
                writer,
                node,
                (&reported.record, commit, instead.is_some()),
                &results,
            )?,
            verified,
        ))
    })?;
    recorded.answer.notes.extend(notes);
    Ok(recorded)
}

/// Paths that are missing in the commit, but are in the work tree.
fn only_here(
    store: &Store,
    commit: &str,
    criteria: &[TaskCriterion],
    results: &[CriterionResult],
) -> Vec<String> {
    let broken = criteria
        .iter()
        .zip(results)
        .filter(|(_, result)| !result.holds);
    let paths = broken.filter_map(|(criterion, _)| criterion.path.as_deref());
    let here = paths.filter(|path| {
        let is_here = store
            .repo
            .workdir()
            .is_some_and(|dir| dir.join(path).exists());
        is_here && read::has_artifact(&store.repo, commit, path, None).is_ok_and(|there| !there)
    });
    here.map(|path| {
        let commit = short(commit);
        format!(
            "{path} is not in {commit}, which was checked; your work tree has it: commit it, and report that commit with \
             `--commit`"
        )
    })
    .collect()
}

/// The purpose of a check, for commands and judges.
pub fn errand(node: ObservedNode<'_>) -> Errand {
    Errand {
        namespace: node.run.key.namespace.clone(),
        execution: node.run.key.name.clone(),
        part: ErrandPart::Attempt {
            node: node.id.to_owned(),
            attempt: node.status.attempt,
        },
    }
}

/// Fetches a missing commit: by its id, or with the log of the attempt.
fn fetch(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    reported: &ReportedBy,
    commit: &str,
) -> Result {
    let RecordWriter {
        store, observed, ..
    } = *writer;
    if store.has_or_fetches(commit) {
        return Ok(());
    }
    let kept = store::result_ref(&node.run.reference(), node.id, node.status.attempt);
    if let Some(tip) = observed.view.results.get(&kept) {
        store.fetch_records(std::slice::from_ref(tip))?;
    }
    if store.repo.has_object(commit) {
        return Ok(());
    }
    let why = format!("the reported commit {commit} is neither here nor on the remote");
    let (run, namespace) = (&node.run.key.name, &node.run.key.namespace);
    let target = format!("{run}/{} -n {namespace}", node.id);
    let by = &reported.actor;
    let who = word(by);
    let claim = reported.claim.as_ref();
    let claim = claim.map_or(String::new(), |claim| format!(" --claim {claim}"));
    Err(Error::unavailable(why).hint(format!(
        "{by} can report another commit: `planspec report {target} --as {who}{claim} --succeeded --commit REV`\n\
         or, if it was merged as another commit: `planspec verify {target} --commit REV`\n\
         or repeat the node: `planspec retry {target}`"
    )))
}

/// Checks that a commit which replaces the reported one is on the spec branch. This is checked again when
/// the record is taken in.
fn is_merged(writer: &RecordWriter<'_>, commit: &str) -> Result {
    let view = &writer.observed.view;
    if writer.store.is_merged(view, commit)? {
        return Ok(());
    }
    let (short, branch) = (short(commit), &view.spec_branch);
    let why = format!("commit {short} is not on the spec branch `{branch}`");
    let store = writer.store;
    let tip = store.repo.local_branches()?.get(branch).cloned();
    let tip =
        tip.filter(|tip| tip == commit || store.repo.is_ancestor(commit, tip).unwrap_or(false));
    if let (Some(tip), Some(remote)) = (tip, &store.remote) {
        let has_parted = !store
            .repo
            .is_ancestor(&view.spec_commit, &tip)
            .unwrap_or(false);
        let push = format!("`git push {remote} {branch}`");
        let share = if has_parted {
            format!(
                "`git pull --rebase {remote} {branch}`, which creates a new commit, then {push}"
            )
        } else {
            push
        };
        let why = format!("commit {short} is on the local `{branch}`, but not on {remote}");
        return Err(Error::not_ready(why).hint(format!("push it: {share}, then verify")));
    }
    let hint = "merge it first, or report another commit with `report --commit`";
    Err(Error::not_ready(why).hint(hint))
}

/// A note if the local spec branch was checked, but the remote is ahead.
fn is_behind(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    named: Option<&str>,
    commit: &str,
) -> Option<String> {
    let view = &writer.observed.view;
    let (branch, newest) = (&view.spec_branch, &view.spec_commit);
    if named != Some(branch.as_str()) || commit == newest {
        return None;
    }
    let (run, namespace, id) = (&node.run.key.name, &node.run.key.namespace, node.id);
    Some(format!(
        "nothing is recorded; the local `{branch}` is behind the remote. To check its newest \
         commit, run `planspec verify {run}/{id} -n {namespace} --commit {newest}`"
    ))
}

/// Refuses if records since the last reconcile may change or release the report.
fn nothing_is_new(writer: &RecordWriter<'_>, node: ObservedNode<'_>) -> Result {
    if !is_said(writer, node) || !node.status.awaits_verification() {
        return Ok(());
    }
    let why = format!("newer records about {} are not reconciled yet", node.name());
    Err(Error::not_ready(why).hint("run `planspec reconcile`, then verify again"))
}

/// Whether the target of a request is a node rather than a run.
///
/// # Errors
/// Nothing has been reconciled yet, or the repository cannot be used.
pub fn is_about_node(store: &Store, request: &RecordRequest) -> Result<bool> {
    Ok(match request.target.matches('/').count() {
        0 => false,
        1 => request.is_node(&observe(store)?),
        _ => true,
    })
}

/// Checks all criteria, in a separate work tree. `None` if it was stopped before the
/// end, so that there is no result.
///
/// # Errors
/// The work tree cannot be created.
pub fn check(
    store: &Store,
    checked: &CheckSubject<'_>,
    stop: &Stop,
    tell: Tell<'_>,
) -> Result<Option<Vec<CriterionResult>>> {
    let worktree = Worktree::add(&store.repo, checked.commit)?;
    let is_tool = |target: &&PinnedTarget| {
        let provider = target.provider.as_deref();
        provider.is_some_and(|provider| provider.starts_with(TOOL))
    };
    let tool = checked.target.filter(is_tool);
    let config = tool.and_then(|target| target.config.as_ref());
    // The worker reports an invalid environment; checks run without it.
    let env = tool::environment_of(config.and_then(|config| config.get("env"))).unwrap_or_default();
    let env = with_what_is_handed_on(&store.repo, &env)?;
    let bench = Bench::new(&worktree.dir(), &worktree.folder(), &env, checked.errand)
        .map_err(Error::unavailable)?;
    let has = |path: &str, text: Option<&str>| {
        read::has_artifact(&store.repo, checked.commit, path, text)
            .map_err(|error| error.to_string())
    };
    let reach = environment::reach(&store.repo);
    let mut results = Vec::new();
    for criterion in checked.criteria {
        let about = about(checked, criterion);
        let subject = criteria::CriterionSubject {
            bench: &bench,
            has: &has,
            about: &about,
            reach: &reach,
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

/// The data for a service that judges.
fn about(checked: &CheckSubject<'_>, criterion: &TaskCriterion) -> Value {
    let mut about = checked.errand.to_value();
    about["criterion"] = json!(criterion.name);
    about["commit"] = json!(checked.commit);
    about
}

/// Records the results of the criteria.
///
/// # Errors
/// The same actor did so at the same time, or the remote cannot be used.
pub fn send(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (report, commit, instead): (&str, &str, bool),
    results: &[CriterionResult],
) -> Result<String> {
    let run = node.run.reference();
    let address = Address::verification(run, node.id, node.status.attempt, writer.actor);
    let action = fitting(writer, node.run, results, &|results| Action::Verification {
        node: node.id.to_owned(),
        attempt: node.status.attempt,
        report: report.to_owned(),
        commit: commit.to_owned(),
        instead,
        results,
    })?;
    writer.say(&address, node.run, action)
}

/// The results to record, with excerpts short enough for a record.
fn fitting(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    results: &[CriterionResult],
    action: &dyn Fn(Vec<CriterionResult>) -> Action,
) -> Result<Action> {
    let mut last = String::new();
    for most in EXCERPTS {
        let results = results.iter().cloned().map(|mut result| {
            result.excerpt = shortened(&result.excerpt, most);
            result
        });
        let record = writer.record(run, action(results.collect()));
        match store::fits(&record) {
            Ok(()) => return Ok(record.action),
            Err(why) => last = why,
        }
    }
    Err(Error::invalid(format!(
        "the results cannot be recorded: {last}"
    )))
}
