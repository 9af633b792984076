//! One node, from its claim to its report.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Event;
use super::Worker;
use super::keeper::Keeper;
use crate::api::work::WorkEventKind;
use crate::core::base::digest::sha256_hex;
use crate::core::repository::config::Verifier;
use crate::core::resource::{
    Artifact, ArtifactKind, CriterionResult, LOG_ARTIFACT, LOG_FILE, Node, NodeStatus,
    TaskCriterion,
};
use crate::core::run::permit::broken;
use crate::core::run::permit::{self, Objection, Refusal};
use crate::core::run::record::{Action, ReportResult};
use crate::git::worktree::{self, Worktree};
use crate::service::permit::Asked;
use crate::service::runs::{self, Look, Run};
use crate::service::store::{self, Sent, Store};
use crate::service::{Error, ErrorKind, Result, report, verify};
use crate::worker::log::{Log, shortened};
use crate::worker::process::{self, Call, End, Ran};
use crate::worker::tool::{Bench, Tool, seconds};

/// How long a command may take when neither its target nor its node says.
const USUAL_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// Longest message of a report.
const MAX_MESSAGE: usize = 300;
/// Lines of the log that are shown when a command failed.
const LINES_SHOWN: usize = 10;
/// How often what is done is reported to a remote that is away.
const TRIES: u32 = 6;

/// A node that this worker has claimed.
pub struct Job {
    /// What was seen when it was claimed.
    pub look: Arc<Look>,
    /// Uid of the execution.
    pub uid: String,
    /// The node.
    pub id: String,
    /// The attempt.
    pub attempt: u32,
    /// The claim.
    pub tip: String,
}

/// What is needed to do it.
struct Task<'a> {
    run: Run<'a>,
    node: &'a Node,
    status: &'a NodeStatus,
    /// The spec commit that the run is held to.
    base: &'a str,
}

/// What came of it.
struct Done {
    /// Why it failed, if it did.
    failure: Option<String>,
    outputs: Map<String, Value>,
    log: Vec<u8>,
    /// The commit with the work, when something was changed.
    commit: Option<String>,
    /// What the criteria say, when they were checked.
    results: Option<Vec<CriterionResult>>,
}

/// How a job went on its way to a report.
enum Course {
    /// It came to an end.
    Done(Done),
    /// This process is to stop.
    Stopped,
    /// Nobody wants it any more; why.
    NotWanted(String),
}

impl Job {
    /// The run, as it was seen.
    pub fn run(&self) -> Option<Run<'_>> {
        self.look.by_uid(&self.uid)
    }

    /// `namespace/execution/node`
    fn node_name(&self) -> String {
        let name = self.run().map(|run| run.key.qualified());
        format!("{}/{}", name.unwrap_or_default(), self.id)
    }

    /// Tell of something that happened to it.
    pub fn tell(&self, worker: &Worker<'_>, kind: WorkEventKind, message: String) {
        (worker.around.tell)(&Event::Happened {
            kind,
            node: Some(self.node_name()),
            attempt: Some(self.attempt),
            message,
        });
    }

    /// For people.
    pub fn name(&self) -> String {
        format!("{} attempt {}", self.node_name(), self.attempt)
    }

    /// Do it, and report how it went.
    ///
    /// # Errors
    /// It could not be reported.
    pub fn work(&self, worker: &Worker<'_>) -> Result {
        let store = Store::open(worker.dir())?;
        let Some(run) = self.run() else {
            return Ok(());
        };
        let keeper = Keeper::new(&self.tip, worker.around.stop);
        let plan = runs::pinned_plan(&self.look.stored, run.status);
        let task = plan.as_ref().and_then(|plan| {
            Some(Task {
                run,
                node: runs::node_of(plan, &self.id)?,
                status: run.status.node_statuses.get(&self.id)?,
                base: &run.status.extensions.pinned.as_ref()?.commit,
            })
        });
        let Some(task) = task else {
            return Err(Error::unavailable(format!(
                "the plan that {} is held to cannot be read",
                self.name()
            )));
        };
        let course = match self.attend(worker, &store, &task, &keeper) {
            Ok(course) => course,
            // What this machine cannot do is a failed attempt, with its reason.
            Err(error) => Course::Done(Done::failed(error.message)),
        };
        match course {
            Course::Done(done) => self.report(worker, &store, &task, &keeper, done),
            Course::Stopped => self.give_back(worker, &store, &task, &keeper),
            Course::NotWanted(why) => {
                self.tell(
                    worker,
                    WorkEventKind::Stopped,
                    format!("stopped {}: {why}", self.name()),
                );
                Ok(())
            }
        }
    }

    /// Do it, while somebody else looks after the claim.
    fn attend(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        keeper: &Keeper,
    ) -> Result<Course> {
        std::thread::scope(|scope| {
            // Ends when it is dropped, whatever happens.
            let (_working, done) = mpsc::channel();
            scope.spawn(move || keeper.keep(worker, self, &done));
            self.run_command(worker, store, task, keeper)
        })
    }

    fn run_command(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        keeper: &Keeper,
    ) -> Result<Course> {
        let target = task.status.extensions.target.as_ref();
        let tool = match Tool::read(target.and_then(|target| target.config.as_ref())) {
            Ok(tool) => tool,
            Err(why) => return Ok(Course::Done(Done::failed(why))),
        };
        if !store.repo.has_object(task.base) && !store.fetch_commit(task.base) {
            let why = format!("commit {}, at which the run began, is gone", task.base);
            return Ok(Course::Done(Done::failed(why)));
        }
        let worktree = Worktree::add(&store.repo, task.base)?;
        let errand = verify::errand(task.run, &self.id, self.attempt);
        let mut bench = Bench::new(&worktree.dir(), worktree.folder(), &tool.env, &errand)
            .map_err(Error::unavailable)?;
        bench
            .lay_out(task.status.inputs(task.node))
            .map_err(Error::unavailable)?;
        let dir = match bench.directory(tool.working_directory.as_deref()) {
            Ok(dir) => dir,
            Err(why) => return Ok(Course::Done(Done::failed(why))),
        };
        let limits = [&tool.timeout, &task.node.timeout];
        let call = Call {
            words: &tool.command,
            dir: &dir,
            environment: bench.environment(),
            timeout: limits
                .into_iter()
                .flatten()
                .map(seconds)
                .min()
                .unwrap_or(USUAL_TIMEOUT),
        };
        let ran = process::run(&call, Log::default(), &|| keeper.stop().is_wished());
        if ran.end == End::Stopped {
            return Ok(stopped(keeper));
        }
        let mut done = Done {
            failure: failure_of(&ran, call.timeout),
            outputs: Map::new(),
            log: ran.log.bytes(),
            commit: None,
            results: None,
        };
        if done.failure.is_some() {
            self.show_log(worker, &ran);
            return Ok(Course::Done(done));
        }
        match bench.take_outputs() {
            Ok(outputs) => done.outputs = outputs,
            Err(why) => done.failure = Some(why),
        }
        if done.failure.is_none() {
            done.failure = self.unfit(worker, store, task, &done)?;
        }
        if done.failure.is_none() {
            let message = format!("{}\n\nDone by `planspec work`.", self.name());
            done.commit = worktree.commit_all(&message, worker.now()?, &store.identity())?;
            // Its room is needed no more; the criteria get a tree of their own.
            drop(worktree);
            return self.check(worker, store, task, keeper, done);
        }
        Ok(Course::Done(done))
    }

    /// Why what was done could not be taken, if so: outputs are missing or of another type.
    fn unfit(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        done: &Done,
    ) -> Result<Option<String>> {
        let snapshot = report::resources_for(store, &self.look, Some(task.node))?;
        let mut asked = Asked::new(&self.look, task.run);
        asked.resources = snapshot.as_deref();
        asked.holder = Some(worker.actor.clone());
        let action = self.action(done, Vec::new());
        let refused = permit::may(&action, &worker.actor, &asked.permit()).err();
        let is_about_outputs = |refusal: &Refusal| refusal.kind == Objection::Invalid;
        Ok(refused
            .filter(is_about_outputs)
            .map(|refusal| refusal.message))
    }

    /// What is reported.
    fn action(&self, done: &Done, artifacts: Vec<Artifact>) -> Action {
        Action::Report {
            node: self.id.clone(),
            attempt: self.attempt,
            result: match done.failure {
                None => ReportResult::Succeeded,
                Some(_) => ReportResult::Failed,
            },
            outputs: done.outputs.clone(),
            message: shortened(done.failure.as_deref().unwrap_or_default(), MAX_MESSAGE),
            commit: done.commit.clone(),
            artifacts,
        }
    }

    /// Check the acceptance criteria on what was done, unless that is somebody else's to do.
    fn check(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        keeper: &Keeper,
        mut done: Done,
    ) -> Result<Course> {
        if task.node.acceptance_criteria.is_empty()
            || self.look.view.config.verification == Verifier::Independent
        {
            return Ok(Course::Done(done));
        }
        let errand = verify::errand(task.run, &self.id, self.attempt);
        let checked = verify::Checked {
            errand: &errand,
            criteria: &task.node.acceptance_criteria,
            target: task.status.extensions.target.as_ref(),
            commit: done.commit.as_deref().unwrap_or(task.base),
        };
        let tell = |criterion: &TaskCriterion, result: &CriterionResult| {
            (worker.around.tell)(&Event::Checked {
                node: self.node_name(),
                attempt: self.attempt,
                criterion,
                result,
            });
        };
        Ok(
            match verify::check(store, &checked, keeper.stop(), &tell)? {
                Some(results) => {
                    done.results = Some(results);
                    Course::Done(done)
                }
                None => stopped(keeper),
            },
        )
    }

    fn show_log(&self, worker: &Worker<'_>, ran: &Ran) {
        let end = ran.log.excerpt(4000);
        let lines: Vec<&str> = end.lines().collect();
        for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
            self.tell(worker, WorkEventKind::Log, (*line).to_owned());
        }
    }

    /// Say how it went: keep log and work where everybody can get them, then the report, then what
    /// the criteria say.
    fn report(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        keeper: &Keeper,
        mut done: Done,
    ) -> Result {
        let artifacts = match patiently(worker, || self.keep(worker, store, task, &done)) {
            Ok(artifact) => vec![artifact],
            Err(error) if done.commit.is_none() => {
                // The report matters more than its log.
                worker.complain(&error);
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let now = worker.now()?;
        let record = |done: &Done| {
            let action = self.action(done, artifacts.clone());
            self.look.record(task.run, &worker.actor, now, action)
        };
        if let Err(why) = store::fits(&record(&done)) {
            let why = format!("its outputs cannot be reported: {why}");
            done = Done {
                commit: done.commit,
                ..Done::failed(why)
            };
        }
        let record = record(&done);
        let address = runs::work_address(task.run, &self.id, self.attempt);
        let report = patiently(worker, || {
            runs::send(store, &address, Some(&keeper.tip()), &record, now)
        })?;
        let name = self.name();
        let message = match &done.failure {
            None => format!("reported {name} as succeeded"),
            Some(why) => format!("reported {name} as failed: {}", shortened(why, MAX_MESSAGE)),
        };
        self.tell(worker, WorkEventKind::Reported, message);
        let Some(results) = done.results else {
            return Ok(());
        };
        let commit = done.commit.as_deref().unwrap_or(task.base);
        let at = (task.run, self.id.as_str(), self.attempt);
        let broken = broken(&task.node.acceptance_criteria, &results);
        patiently(worker, || {
            let (look, results) = (&self.look, results.clone());
            verify::send(
                store,
                look,
                at,
                (&worker.actor, now),
                (&report, commit),
                results,
            )
        })?;
        if !broken.is_empty() {
            let which = broken.join(", ");
            let message = format!("{} is not accepted: {which}", self.name());
            self.tell(worker, WorkEventKind::NotAccepted, message);
        }
        Ok(())
    }

    /// Keep the log, and below it the work, under a ref of this attempt's own.
    fn keep(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        done: &Done,
    ) -> Result<Artifact> {
        let parent = done.commit.as_deref().unwrap_or(task.base);
        let parent = match store.repo.has_object(parent) {
            true => Some(parent),
            false => None,
        };
        let commit = worktree::write_log(
            &store.repo,
            parent,
            &done.log,
            worker.now()?,
            &store.identity(),
        )?;
        let run = runs::run_ref(task.run);
        store.keep(&store::result_ref(&run, &self.id, self.attempt), &commit)?;
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

    /// This process is to stop: somebody else may do it.
    fn give_back(
        &self,
        worker: &Worker<'_>,
        store: &Store,
        task: &Task<'_>,
        keeper: &Keeper,
    ) -> Result {
        let action = Action::Release {
            node: self.id.clone(),
            attempt: self.attempt,
            message: "the worker was stopped".to_owned(),
        };
        let now = worker.now()?;
        let record = self.look.record(task.run, &worker.actor, now, action);
        let address = runs::work_address(task.run, &self.id, self.attempt);
        // A signal reaches the `git` that is running as well: once more is enough.
        let tip = keeper.tip();
        let send = || store.send(&address, Some(&tip), &record, now);
        let message = match send().or_else(|_| send())? {
            Sent::Done(_) => format!("gave back {}", self.name()),
            Sent::Taken => format!("stopped {}: its claim is gone", self.name()),
        };
        self.tell(worker, WorkEventKind::Stopped, message);
        Ok(())
    }
}

impl Done {
    fn failed(why: String) -> Done {
        Done {
            log: format!("{why}\n").into_bytes(),
            failure: Some(why),
            outputs: Map::new(),
            commit: None,
            results: None,
        }
    }
}

/// Why a job came to no end.
fn stopped(keeper: &Keeper) -> Course {
    keeper.over().map_or(Course::Stopped, Course::NotWanted)
}

/// Why a command failed, if it did.
fn failure_of(ran: &Ran, timeout: Duration) -> Option<String> {
    let why = match &ran.end {
        End::Code(0) => return None,
        End::TimedOut => format!("timed out after {} s", timeout.as_secs()),
        end => end.to_string(),
    };
    Some(match ran.log.last_line(MAX_MESSAGE) {
        last if last.is_empty() => why,
        last => format!("{why}: {last}"),
    })
}

/// Try again and again while the remote is away: what was done is worth waiting for.
fn patiently<T>(worker: &Worker<'_>, send: impl Fn() -> Result<T>) -> Result<T> {
    let mut pause = Duration::from_secs(1);
    for _ in 1..TRIES {
        match send() {
            Err(error) if error.kind == ErrorKind::Unavailable => {
                worker.complain(&error);
                worker.around.stop.wait(pause);
                pause *= 2;
            }
            sent => return sent,
        }
    }
    send()
}
