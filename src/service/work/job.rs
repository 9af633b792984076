//! Runs one node, from its claim to its report.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::keeper::{Keeper, not_wanted};
use super::{Progress, Worker};
use crate::api::work::{WorkEvent, WorkEventKind};
use crate::core::base::digest::sha256_hex;
use crate::core::base::words::and_more;
use crate::core::plan::graph::Graph;
use crate::core::plan::tool::Workspace;
use crate::core::repository::config::Verifier;
use crate::core::resource::{
    Artifact, ArtifactKind, CriterionResult, LOG_ARTIFACT, LOG_FILE, Node, TaskCriterion,
};
use crate::core::run::permit::{self, Holder, Objection, broken};
use crate::core::run::record::{Action, Record, ReportResult};
use crate::core::run::workspace::{conflict_of, results_before};
use crate::git::base;
use crate::git::worktree::{self, Worktree};
use crate::service::brief::brief_of;
use crate::service::environment::with_what_is_handed_on;
use crate::service::permit::Asked;
use crate::service::record::RecordWriter;
use crate::service::record::attempt;
use crate::service::runs::{self, Observed, ObservedNode};
use crate::service::store::{self, Sent, Store};
use crate::service::verify::{self, CheckSubject};
use crate::service::{Error, ErrorKind, Result, report};
use crate::worker::log::{Log, shortened};
use crate::worker::process::{self, Call, ProcessEnd, Ran};
use crate::worker::tool::{Bench, Tool, seconds};

/// Timeout of a command if neither its target nor its node sets one.
const USUAL_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// Maximum length of the message of a report.
const MAX_MESSAGE: usize = 300;
/// How many lines of the log are shown when a command has failed.
const LINES_SHOWN: usize = 10;
/// Maximum number of conflicting files that are named.
const FILES_NAMED: usize = 10;
/// How often a report is sent to an unreachable remote.
const TRIES: u32 = 6;

/// A node that this worker has claimed.
pub struct Job {
    /// The observation at the time of the claim.
    pub observed: Arc<Observed>,
    /// Uid of the execution.
    pub uid: String,
    /// The node.
    pub id: String,
    /// The attempt.
    pub attempt: u32,
    /// The tip of the claim's ref.
    pub tip: String,
}

/// A job in progress, with all that it needs.
struct JobAttempt<'a> {
    job: &'a Job,
    worker: &'a Worker<'a>,
    store: &'a Store,
    keeper: &'a Keeper,
    node: ObservedNode<'a>,
    /// The node in the plan.
    of_plan: &'a Node,
    /// The pinned spec commit.
    base: &'a str,
}

/// The result of a job.
struct JobDone {
    /// Why it failed, if it did.
    failure: Option<String>,
    outputs: Map<String, Value>,
    log: Vec<u8>,
    /// The commit with the work, if files changed.
    commit: Option<String>,
    /// The results of the criteria, if they were checked.
    results: Option<Vec<CriterionResult>>,
}

/// The course of a job before its report.
enum JobCourse {
    /// It has ended.
    Done(JobDone),
    /// This process should stop.
    Stopped,
    /// The work is no longer wanted; says why.
    NotWanted(String),
}

impl Job {
    /// The observed node.
    pub fn node(&self) -> Option<ObservedNode<'_>> {
        self.observed.by_uid(&self.uid)?.node(&self.id)
    }

    /// `namespace/execution/node`
    fn node_name(&self) -> String {
        self.node().map(ObservedNode::name).unwrap_or_default()
    }

    /// The name for people.
    pub fn name(&self) -> String {
        format!("{} attempt {}", self.node_name(), self.attempt)
    }

    /// Reports an event of the job.
    pub fn tell(&self, worker: &Worker<'_>, event: WorkEvent) {
        if let Some(node) = self.node() {
            worker.say(&self.observed, node, event);
        }
    }

    /// Runs the job, and reports the result.
    ///
    /// # Errors
    /// The result cannot be reported.
    pub fn work(&self, worker: &Worker<'_>) -> Result {
        let Some(node) = self.node() else {
            return Ok(());
        };
        let plan = runs::pinned_plan(&self.observed.stored, node.run.status);
        let of_plan = plan.as_ref().and_then(|plan| plan.node(&self.id));
        let (Some(of_plan), Some(pinned)) = (of_plan, &node.run.status.extensions.pinned) else {
            return Err(Error::unavailable(format!(
                "the pinned plan of {} cannot be read",
                self.name()
            )));
        };
        let attempt = JobAttempt {
            job: self,
            worker,
            store: &Store::open(worker.dir())?,
            keeper: &Keeper::new(&self.tip, worker.around.stop),
            node,
            of_plan,
            base: &pinned.commit,
        };
        match attempt.attend() {
            Ok(JobCourse::Done(done)) => match attempt.not_wanted()? {
                Some(why) => attempt.stop(&why),
                None => attempt.report(done),
            },
            Ok(JobCourse::Stopped) => attempt.give_back(),
            Ok(JobCourse::NotWanted(why)) => attempt.stop(&why),
            // An error of this machine is reported as a failed attempt, with the reason.
            Err(error) => attempt.report(JobDone::failed(error.message)),
        }
    }
}

impl JobAttempt<'_> {
    fn tell(&self, event: WorkEvent) {
        self.job.tell(self.worker, event);
    }

    /// Why a report would no longer count, if so: the machine slept or was offline when the lease expired.
    fn not_wanted(&self) -> Result<Option<String>> {
        self.patiently(|| {
            let mut known = self.job.observed.view.status_tip.clone();
            not_wanted(self.store, self.job, &mut known)
        })
    }

    fn stop(&self, why: &str) -> Result {
        let message = format!("stopped {}: {why}", self.job.name());
        self.tell(WorkEvent::new(WorkEventKind::Stopped, message));
        Ok(())
    }

    fn writer(&self) -> Result<RecordWriter<'_>> {
        self.worker.writer(self.store, &self.job.observed)
    }

    /// Runs the job, while another thread keeps the claim.
    ///
    /// # Errors
    /// It cannot be run here.
    fn attend(&self) -> Result<JobCourse> {
        std::thread::scope(|scope| {
            // The thread ends when this is dropped.
            let (_working, done) = mpsc::channel();
            let (keeper, worker, job) = (self.keeper, self.worker, self.job);
            scope.spawn(move || keeper.keep(worker, job, &done));
            self.run_command()
        })
    }

    fn run_command(&self) -> Result<JobCourse> {
        let target = self.node.status.extensions.target.as_ref();
        let config = target.and_then(|target| target.config.as_ref());
        let tool = Tool::read(config).map_err(Error::unavailable)?;
        if !self.store.has_or_fetches(self.base) {
            let why = format!("commit {}, at which the run started, is gone", self.base);
            return Err(Error::unavailable(why));
        }
        let worktree = Worktree::add(&self.store.repo, self.base)?;
        if tool.workspace == Workspace::Predecessors {
            self.bring_in(&worktree)?;
        }
        let errand = verify::errand(self.node);
        let env = with_what_is_handed_on(&self.store.repo, &tool.env)?;
        let mut bench = Bench::new(&worktree.dir(), &worktree.folder(), &env, &errand)
            .map_err(Error::unavailable)?;
        bench
            .lay_out(self.node.status.inputs(self.of_plan))
            .map_err(Error::unavailable)?;
        let brief = brief_of(self.store, &self.job.observed, self.node)?;
        bench
            .hand_over(&(self.worker.around.write)(&brief))
            .map_err(Error::unavailable)?;
        let dir = bench.directory(tool.working_directory.as_deref());
        let limits = [&tool.timeout, &self.of_plan.timeout];
        let limits = limits.into_iter().flatten().map(seconds);
        let call = Call {
            words: &tool.command,
            dir: &dir.map_err(Error::unavailable)?,
            environment: bench.environment(),
            timeout: limits.min().unwrap_or(USUAL_TIMEOUT),
        };
        let ran = process::run(&call, Log::default(), &|| self.keeper.stop().is_wished());
        if ran.end == ProcessEnd::Stopped {
            return Ok(self.stopped());
        }
        let mut done = self.outcome(&ran, call.timeout, &bench)?;
        if done.failure.is_some() {
            return Ok(JobCourse::Done(done));
        }
        let message = format!("{}\n\nDone by `planspec work`.", self.job.name());
        done.commit = worktree.commit_all(&message, self.worker.now()?, &self.store.identity())?;
        // No longer needed: the criteria are checked in a separate work tree.
        drop(worktree);
        self.check(done)
    }

    /// Merges the work of the nodes before this one into its work tree.
    ///
    /// # Errors
    /// A commit cannot be fetched, or there are conflicts: the error names the files.
    fn bring_in(&self, worktree: &Worktree) -> Result {
        let gone = || Error::unavailable("the plan cannot be read");
        let plan = runs::pinned_plan(&self.job.observed.stored, self.node.run.status);
        let plan = plan.ok_or_else(gone)?;
        let spec = plan.graph().ok_or_else(gone)?;
        let graph = Graph::build(spec).map_err(|_| gone())?;
        let statuses = &self.node.run.status.node_statuses;
        let (repo, now, identity) = (&self.store.repo, self.worker.now()?, self.store.identity());
        let mut merged: Vec<String> = Vec::new();
        for (node, commit) in results_before((&graph, spec), statuses, &self.job.id) {
            if !self.store.has_or_fetches(commit) {
                let why = format!("commit {commit}, which `{node}` reported, is gone");
                return Err(Error::unavailable(why));
            }
            // In a shallow clone, this fetches the history that the merge needs.
            base::merge_base(repo, self.store.remote.as_deref(), self.base, commit)?;
            let message = format!("The work of {node}, for {}", self.job.name());
            let conflicts = worktree.merge(commit, &message, now, &identity)?;
            if !conflicts.is_empty() {
                let with = match merged.as_slice() {
                    [] => "spec commit".to_owned(),
                    some => format!("work of {}", some.join(", ")),
                };
                let why = conflict_of(node, &with, &names(&conflicts));
                return Err(Error::conflict(why));
            }
            merged.push(format!("`{node}`"));
        }
        Ok(())
    }

    /// The result of a finished command: whether it failed, and whether its outputs are valid.
    fn outcome(&self, ran: &Ran, timeout: Duration, bench: &Bench) -> Result<JobDone> {
        let mut done = JobDone {
            failure: failure_of(ran, timeout),
            outputs: Map::new(),
            log: ran.log.bytes(),
            commit: None,
            results: None,
        };
        if done.failure.is_some() {
            self.show_log(ran);
            return Ok(done);
        }
        match bench.take_outputs() {
            Ok(outputs) => {
                done.outputs = outputs;
                done.failure = self.unfit(&done)?;
                if done.failure.is_some() {
                    // Otherwise the report of the failure would be refused for the same reason.
                    done.outputs.clear();
                }
            }
            Err(why) => done.failure = Some(why),
        }
        Ok(done)
    }

    /// Why the outputs are not accepted, if so: they are missing or of another type.
    fn unfit(&self, done: &JobDone) -> Result<Option<String>> {
        let snapshot = report::resources_for(&self.writer()?, self.node.run, Some(self.of_plan))?;
        let mut asked = Asked::new(&self.job.observed, self.node.run);
        asked.resources = snapshot.as_deref();
        asked.holder = Some(Holder {
            actor: &self.worker.actor,
            session: None,
            claim: &self.job.tip,
        });
        let action = self.report_of(done, Vec::new());
        let refused = permit::may(&action, &self.worker.actor, &asked.permit()).err();
        let refused = refused.filter(|refusal| refusal.kind == Objection::Invalid);
        Ok(refused.map(|refusal| refusal.message))
    }

    fn report_of(&self, done: &JobDone, artifacts: Vec<Artifact>) -> Action {
        Action::Report {
            node: self.job.id.clone(),
            attempt: self.job.attempt,
            result: match done.failure {
                None => ReportResult::Succeeded,
                Some(_) => ReportResult::Failed,
            },
            outputs: done.outputs.clone(),
            message: shortened(done.failure.as_deref().unwrap_or_default(), MAX_MESSAGE),
            commit: done.commit.clone(),
            claim: None,
            artifacts,
        }
    }

    /// Checks the acceptance criteria, unless another actor must do that.
    fn check(&self, mut done: JobDone) -> Result<JobCourse> {
        let is_for_others = self.job.observed.view.config.verification == Verifier::Independent;
        if self.of_plan.acceptance_criteria.is_empty() || is_for_others {
            return Ok(JobCourse::Done(done));
        }
        let subject = CheckSubject {
            errand: &verify::errand(self.node),
            criteria: &self.of_plan.acceptance_criteria,
            target: self.node.status.extensions.target.as_ref(),
            commit: done.commit.as_deref().unwrap_or(self.base),
        };
        let tell = |criterion: &TaskCriterion, result: &CriterionResult| {
            (self.worker.around.tell)(&Progress::Checked {
                attempt: attempt(
                    &self.job.observed,
                    self.node.run,
                    self.node.id,
                    self.job.attempt,
                ),
                criterion,
                result,
            });
        };
        let results = verify::check(self.store, &subject, self.keeper.stop(), &tell)?;
        if results.is_none() {
            return Ok(self.stopped());
        }
        done.results = results;
        Ok(JobCourse::Done(done))
    }

    fn show_log(&self, ran: &Ran) {
        let end = ran.log.excerpt(4000);
        let lines: Vec<&str> = end.lines().collect();
        for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
            self.tell(WorkEvent::new(WorkEventKind::Log, *line));
        }
    }

    /// Reports the result: first pushes log and work, then the report, then the results of
    /// the criteria.
    fn report(&self, done: JobDone) -> Result {
        let artifacts = match self.patiently(|| self.keep(&done)) {
            Ok(artifact) => vec![artifact],
            Err(error) if done.commit.is_none() => {
                // Without work to keep, only the log is missing: report anyway.
                self.worker.complain(&error);
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let writer = self.writer()?;
        let (done, record) = self.fitting(writer, done, artifacts);
        let address = self.node.address();
        let report = self.patiently(|| {
            let tip = self.keeper.tip();
            let sent = writer.send_record(&address, Some(&tip), self.node.run, &record)?;
            sent.or_conflict(&address)
        })?;
        let name = self.job.name();
        let message = match &done.failure {
            None => format!("reported {name} as succeeded"),
            Some(why) => format!("reported {name} as failed: {}", shortened(why, MAX_MESSAGE)),
        };
        let result = match &done.failure {
            None => ReportResult::Succeeded,
            Some(_) => ReportResult::Failed,
        };
        let mut reported = WorkEvent::new(WorkEventKind::Reported, message);
        reported.result = Some(result.word().to_owned());
        reported.record = Some(report.clone());
        reported.commit.clone_from(&done.commit);
        self.tell(reported);
        let Some(results) = done.results else {
            return Ok(());
        };
        let commit = done.commit.as_deref().unwrap_or(self.base);
        let checked = self
            .patiently(|| verify::send(&writer, self.node, (&report, commit, false), &results))?;
        let broken = broken(&self.of_plan.acceptance_criteria, &results);
        if !broken.is_empty() {
            let which = broken.join(", ");
            let message = format!("{name} is not accepted: {which}");
            let mut refused = WorkEvent::new(WorkEventKind::NotAccepted, message);
            refused.record = Some(checked);
            refused.commit = Some(commit.to_owned());
            self.tell(refused);
        }
        Ok(())
    }

    /// The report as a record; a failure, if its outputs are too large.
    fn fitting(
        &self,
        writer: RecordWriter<'_>,
        mut done: JobDone,
        artifacts: Vec<Artifact>,
    ) -> (JobDone, Record) {
        let record = |done: &JobDone, artifacts| {
            writer.record(self.node.run, self.report_of(done, artifacts))
        };
        let mut report = record(&done, artifacts.clone());
        if let Err(why) = store::fits(&report) {
            let why = format!("its outputs cannot be reported: {why}");
            done = JobDone {
                commit: done.commit,
                ..JobDone::failed(why)
            };
            report = record(&done, artifacts);
        }
        (done, report)
    }

    /// Pushes the log, on top of the work, to a ref of this attempt.
    fn keep(&self, done: &JobDone) -> Result<Artifact> {
        let repo = &self.store.repo;
        let parent = done.commit.as_deref().unwrap_or(self.base);
        let parent = Some(parent).filter(|parent| repo.has_object(parent));
        let (now, identity) = (self.worker.now()?, self.store.identity());
        let commit = worktree::write_log(repo, parent, &done.log, now, &identity)?;
        let run = self.node.run.reference();
        let name = store::result_ref(&run, &self.job.id, self.job.attempt);
        self.store.keep(&name, &commit)?;
        Ok(Artifact {
            name: LOG_ARTIFACT.to_owned(),
            kind: ArtifactKind::File,
            path: Some(LOG_FILE.to_owned()),
            url: None,
            checksum: Some(format!("sha256:{}", sha256_hex(&done.log))),
            size: Some(done.log.len() as u64),
            media_type: Some("text/plain".to_owned()),
            metadata: Map::from_iter([("commit".to_owned(), Value::String(commit))]),
        })
    }

    /// Releases the node when this process should stop.
    fn give_back(&self) -> Result {
        let action = Action::Release {
            node: self.job.id.clone(),
            attempt: self.job.attempt,
            claim: None,
            message: "the worker was stopped".to_owned(),
        };
        let writer = self.writer()?;
        let (address, tip) = (self.node.address(), self.keeper.tip());
        let send = || writer.try_send(&address, Some(&tip), self.node.run, action.clone());
        // The signal that stops this process may have killed its `git` too: try once more.
        let (message, record) = match send().or_else(|_| send())? {
            Sent::Done(record) => (format!("gave back {}", self.job.name()), Some(record)),
            Sent::Taken => {
                let message = format!("stopped {}: its claim was lost", self.job.name());
                (message, None)
            }
        };
        let mut stopped = WorkEvent::new(WorkEventKind::Stopped, message);
        stopped.record = record;
        self.tell(stopped);
        Ok(())
    }

    /// Why the job was stopped.
    fn stopped(&self) -> JobCourse {
        self.keeper
            .over()
            .map_or(JobCourse::Stopped, JobCourse::NotWanted)
    }

    /// Retries while the remote is unreachable, so that the work is not lost.
    fn patiently<T>(&self, send: impl Fn() -> Result<T>) -> Result<T> {
        let mut pause = Duration::from_secs(1);
        for _ in 1..TRIES {
            match send() {
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    self.worker.complain(&error);
                    self.worker.around.stop.wait(pause);
                    pause *= 2;
                }
                sent => return sent,
            }
        }
        send()
    }
}

impl JobDone {
    fn failed(why: String) -> JobDone {
        JobDone {
            log: format!("{why}\n").into_bytes(),
            failure: Some(why),
            outputs: Map::new(),
            commit: None,
            results: None,
        }
    }
}

/// `a, b and 4 more`
fn names(files: &[String]) -> String {
    let shown = &files[..files.len().min(FILES_NAMED)];
    shown.join(", ") + &and_more(files.len() - shown.len())
}

/// Why a command failed, if it did.
fn failure_of(ran: &Ran, timeout: Duration) -> Option<String> {
    let why = match &ran.end {
        ProcessEnd::Code(0) => return None,
        ProcessEnd::TimedOut => format!("timed out after {} s", timeout.as_secs()),
        end => end.to_string(),
    };
    Some(match ran.log.last_line(MAX_MESSAGE) {
        last if last.is_empty() => why,
        last => format!("{why}: {last}"),
    })
}
