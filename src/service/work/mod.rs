//! Runs the tasks that are bound to `tool://` targets.
//!
//! | file | what it does |
//! |---|---|
//! | `job` | one node, from its claim to its report |
//! | `keeper` | keep the claim while the command runs, and notice when the work is no longer wanted |
//! | `outside` | poll external nodes |

mod job;
mod keeper;
mod outside;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use uuid::Uuid;

use self::job::Job;
use self::outside::OutsidePolls;
use super::audit;
use super::next::in_order;
use super::overlap::Overlaps;
use super::permit::Asked;
use super::provider::Providers;
use super::reconcile::{ReconcileRequest, reconcile};
use super::record::{RecordWriter, attempt};
use super::runs::{Observed, ObservedNode, observe_node, observe_runs, provider_of};
use super::store::{Sent, Store};
use super::verify::supported;
use super::{Caller, Error, Result, claim, environment, held, nudge};
use crate::api::brief::Brief;
use crate::api::reconcile::Reconciled;
use crate::api::record::Attempt;
use crate::api::work::{WorkEvent, WorkEventKind};
use crate::core::plan::tool::TOOL;
use crate::core::repository::config::actor_of;
use crate::core::resource::{AWAITING_EXTERNAL, CriterionResult, TaskCriterion, Time};
use crate::core::run::proposal;
use crate::git::worktree;
use crate::worker::signals::Stop;

/// A request to run the tasks that are bound to `tool://` targets.
#[derive(Debug, Clone)]
pub struct WorkRequest {
    /// The actor.
    pub caller: Caller,
    /// Reconcile before each check.
    pub reconcile: bool,
    /// The folder of the repository; `None` is the current one.
    pub dir: Option<PathBuf>,
    /// Only targets of this provider or below it: `tool://NAME`, or a pattern with `*`.
    pub provider: Option<String>,
    /// Only this node: `EXECUTION/NODE`.
    pub node: Option<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Keep running when nothing is ready.
    pub watch: bool,
    /// Time between two checks.
    pub interval: Duration,
    /// Maximum number of nodes at the same time.
    pub jobs: usize,
    /// Also poll External nodes of type uri and webhook, and report those that have happened.
    pub externals: bool,
}

/// What the caller provides besides the request.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The clock.
    pub clock: &'a (dyn Fn() -> std::result::Result<Time, String> + Sync),
    /// Called with every event, from any thread.
    pub tell: &'a (dyn Fn(&Progress<'_>) + Sync),
    /// Writes the brief for the command.
    pub write: &'a (dyn Fn(&Brief) -> String + Sync),
    /// When to stop.
    pub stop: &'a Stop,
}

/// An event of a worker.
pub enum Progress<'a> {
    /// It did something, or something happened.
    Happened(WorkEvent),
    /// A criterion was checked.
    Checked {
        /// The attempt.
        attempt: Attempt,
        /// The criterion.
        criterion: &'a TaskCriterion,
        /// The result.
        result: &'a CriterionResult,
    },
    /// A reconcile before a check changed something.
    Reconciled(&'a Reconciled),
    /// An error; the action is tried again or skipped.
    Trouble(&'a Error),
}

/// The result of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Worked {
    /// Whether there was anything to do.
    pub did_something: bool,
    /// The nodes that can be done later, with the times.
    pub later: Vec<(String, Time)>,
    /// Notes for people.
    pub notes: Vec<String>,
}

/// Works until nothing is ready, or until it is stopped.
///
/// # Errors
/// The repository cannot be used; with `watch`, only at the beginning.
pub fn work(request: &WorkRequest, around: Surroundings<'_>) -> Result<Worked> {
    supported()?;
    let providers = request.provider.as_deref().map(providers).transpose()?;
    let store = Store::open(request.dir.as_deref())?;
    let actor = store.actor(&request.caller)?;
    if let Some(node) = &request.node {
        // If there is no such node, that is an error, and not just nothing to do.
        let namespace = request.namespace.as_deref();
        let observed = observe_node(&store, node, namespace)?;
        check_runs_a_command(&observed, observed.node(node, namespace)?, request)?;
    }
    // Errors in the environment are reported before anything is claimed.
    environment::with_what_is_handed_on(&store.repo, &BTreeMap::new())?;
    worktree::remove_stale(&store.repo);
    drop(store);
    let worker = Worker {
        request,
        around,
        providers,
        actor,
        session: held::digest(&held::new_session()),
    };
    worker.go()
}

/// Checks that the named node is bound to a command, or may be when its turn comes.
fn check_runs_a_command(
    observed: &Observed,
    node: ObservedNode<'_>,
    request: &WorkRequest,
) -> Result<()> {
    let asked = Asked::new(observed, node.run);
    if let Some(error) = asked.not_a_task(node.id) {
        return Err(error);
    }
    let name = node.name();
    if node.status.extensions.reason == AWAITING_EXTERNAL {
        let why = format!(
            "{name} waits for an external event, which `planspec work` polls with `--externals`"
        );
        return if request.externals {
            Ok(())
        } else {
            Err(Error::not_ready(why).hint("add `--externals`"))
        };
    }
    let why = match provider_of(node.status) {
        Some(provider) if provider.starts_with(TOOL) => return Ok(()),
        Some(provider) => format!("{name} is bound to {provider}"),
        // Its target is only known when its turn comes.
        None if !node.status.is_claimable() => return Ok(()),
        None => format!("{name} has no provider"),
    };
    let why = format!("{why}, but `planspec work` runs only commands of {TOOL} targets");
    let key = node.run.key;
    Err(Error::not_ready(why).hint(if node.status.is_claimable() {
        let actor = provider_of(node.status).and_then(actor_of);
        format!(
            "claim it: `{}`",
            proposal::claim(key, node.id, actor.as_deref())
        )
    } else {
        format!(
            "to see what it waits for, run `planspec describe execution {} -n {}`",
            key.name, key.namespace
        )
    }))
}

/// The selected providers: only those that run commands.
fn providers(wanted: &str) -> Result<Providers> {
    let providers = Providers::read(wanted)?;
    providers.check()?;
    if wanted.starts_with(TOOL) || wanted.starts_with('*') {
        return Ok(providers);
    }
    Err(Error::ambiguous(format!(
        "`{wanted}` is not a {TOOL} provider: other providers claim and report themselves"
    ))
    .hint("`planspec next` shows the nodes for them"))
}

/// The worker.
struct Worker<'a> {
    request: &'a WorkRequest,
    around: Surroundings<'a>,
    providers: Option<Providers>,
    actor: String,
    /// Digest of a separate session: its nodes are not for other workers of the actor.
    session: String,
}

/// The result of one check.
struct Seen {
    /// The claimed nodes.
    jobs: Vec<Job>,
    /// Whether anything has happened outside.
    happened: bool,
    /// The nodes that can be done later, with the times.
    later: Vec<(String, Time)>,
    /// A note that nothing is bound to the selected providers.
    unknown: Option<String>,
}

impl Worker<'_> {
    /// Claims ready nodes and starts their commands, waits for them to end, and checks again.
    fn go(&self) -> Result<Worked> {
        let (sender, finished) = mpsc::channel();
        let mut later = Vec::new();
        let mut unknown = None;
        let mut running = 0;
        let mut did_something = false;
        let mut outside = OutsidePolls::default();
        let mut trouble = None;
        std::thread::scope(|scope| {
            loop {
                let mut moved = false;
                if !self.around.stop.is_wished() && trouble.is_none() {
                    let free = self.request.jobs - running;
                    match self.look_around(free, &mut outside) {
                        Ok(seen) => {
                            moved = seen.happened || !seen.jobs.is_empty();
                            later = seen.later;
                            if self.request.watch && unknown != seen.unknown {
                                self.idle(seen.unknown.as_deref());
                            }
                            unknown = seen.unknown;
                            for job in seen.jobs {
                                running += 1;
                                let sender = sender.clone();
                                scope.spawn(move || {
                                    self.finish(job);
                                    // The receiver outlives every job.
                                    sender.send(()).ok();
                                });
                            }
                        }
                        // A temporarily unreachable remote does not stop the watch.
                        Err(error) if self.request.watch => self.complain(&error),
                        Err(error) => trouble = Some(error),
                    }
                }
                did_something |= moved;
                if running > 0 {
                    let is_full = running == self.request.jobs;
                    running -= self.wait(&finished, is_full && !self.request.externals);
                } else if self.around.stop.is_wished() || trouble.is_some() {
                    break;
                } else if !moved && outside.is_asking() {
                    outside.wait(self.request.interval, self.around.stop);
                } else if !moved {
                    if !self.request.watch {
                        break;
                    }
                    self.around.stop.wait(self.request.interval);
                }
            }
        });
        match trouble {
            Some(error) => Err(error),
            None => Ok(Worked {
                did_something,
                later,
                notes: unknown.into_iter().collect(),
            }),
        }
    }

    /// Reports why there is nothing to do.
    fn idle(&self, why: Option<&str>) {
        if let Some(why) = why {
            let event = WorkEvent::new(WorkEventKind::Idle, why.to_owned());
            (self.around.tell)(&Progress::Happened(event));
        }
    }

    /// Waits for jobs to end, and returns how many did. Waits only briefly while there may be other events.
    fn wait(&self, finished: &Receiver<()>, only_for_jobs: bool) -> usize {
        let first = if only_for_jobs {
            finished.recv().is_ok()
        } else {
            finished.recv_timeout(self.request.interval).is_ok()
        };
        usize::from(first) + finished.try_iter().count()
    }

    /// Checks once, after a reconcile if requested: claims ready nodes, and polls
    /// external ones.
    fn look_around(&self, free: usize, outside: &mut OutsidePolls) -> Result<Seen> {
        let store = Store::open(self.dir())?;
        if self.request.reconcile {
            let reconciled = reconcile(&store, &ReconcileRequest::at(self.now()?))?;
            if !reconciled.transitions.is_empty() {
                (self.around.tell)(&Progress::Reconciled(&reconciled));
            }
        }
        let observed = Arc::new(observe_runs(&store, None, None)?);
        // Nothing is run on a status that fails its audit.
        audit::news(&store, &observed.view)?;
        let happened = self.request.externals && outside.look(self, &store, &observed)?;
        if happened {
            self.nudge(&observed);
        }
        let jobs = self.take(&store, &observed, free)?;
        let later = observed
            .retries()
            .filter(|(node, _)| self.is_for_here(*node));
        let later = later.map(|(node, at)| (node.name(), at)).collect();
        let is_asked = |provider: &str| provider.starts_with(TOOL);
        let providers = self.providers.as_ref();
        let unknown = providers.map(|providers| providers.unknown(&observed, is_asked));
        Ok(Seen {
            jobs,
            happened,
            later,
            unknown: unknown.transpose()?.flatten(),
        })
    }

    /// Claims up to so many of the ready nodes.
    fn take(&self, store: &Store, observed: &Arc<Observed>, free: usize) -> Result<Vec<Job>> {
        let offers = observed.offers().filter(|node| self.is_for_here(*node));
        let mut offers = in_order(observed, offers.collect());
        let mut overlaps = Overlaps::of(store, observed, &offers)?;
        // `pop` takes from the end.
        offers.reverse();
        let mut jobs = Vec::new();
        while jobs.len() < free && !self.around.stop.is_wished() {
            let Some(node) = offers.pop() else {
                break;
            };
            if overlaps.objection(node).is_some() {
                continue;
            }
            let writer = self.writer(store, observed)?;
            let sent = match claim::take(&writer, node, claim::claim_of(node, None)) {
                // Run the nodes that were claimed before the error.
                Err(error) if !jobs.is_empty() => {
                    self.complain(&error);
                    break;
                }
                sent => sent?,
            };
            match sent {
                Sent::Done(tip) => {
                    overlaps.add(node, &self.actor);
                    let job = Job {
                        observed: Arc::clone(observed),
                        uid: node.run.file.uid.clone(),
                        id: node.id.to_owned(),
                        attempt: node.status.attempt,
                        tip,
                    };
                    let message = format!("claimed {} as {}", job.name(), self.actor);
                    let mut claimed = WorkEvent::new(WorkEventKind::Claimed, message);
                    claimed.record = Some(job.tip.clone());
                    job.tell(self, claimed);
                    jobs.push(job);
                }
                // Another worker was faster: continue at a random node, to avoid further collisions.
                Sent::Taken if !offers.is_empty() => {
                    let nonce = Uuid::new_v4().as_u128() % offers.len() as u128;
                    offers.rotate_left(usize::try_from(nonce).unwrap_or(0));
                }
                Sent::Taken => {}
            }
        }
        Ok(jobs)
    }

    /// The writer of this worker's records.
    fn writer<'w>(&'w self, store: &'w Store, observed: &'w Observed) -> Result<RecordWriter<'w>> {
        Ok(RecordWriter {
            store,
            observed,
            actor: &self.actor,
            is_named: true,
            session: Some(&self.session),
            now: self.now()?,
            told: None,
        })
    }

    /// Whether a node is selected, and bound to a target whose commands run here.
    fn is_for_here(&self, node: ObservedNode<'_>) -> bool {
        self.is_meant(node) && self.is_mine(node)
    }

    /// Whether a node is selected.
    fn is_meant(&self, node: ObservedNode<'_>) -> bool {
        let key = node.run.key;
        let namespace = self.request.namespace.as_deref();
        if namespace.is_some_and(|namespace| key.namespace != namespace) {
            return false;
        }
        let Some(wanted) = &self.request.node else {
            return true;
        };
        [format!("{}/{}", key.name, node.id), node.name()].contains(wanted)
    }

    /// Whether a node is bound to a target whose commands run here.
    fn is_mine(&self, node: ObservedNode<'_>) -> bool {
        let Some(provider) = node.provider().filter(|p| p.starts_with(TOOL)) else {
            return false;
        };
        let providers = self.providers.as_ref();
        providers.is_none_or(|providers| providers.has(provider))
    }

    fn finish(&self, job: Job) {
        let observed = Arc::clone(&job.observed);
        if let Err(error) = job.work(self) {
            self.complain(&error);
        }
        self.nudge(&observed);
    }

    /// Nudges the reconciler after a record.
    fn nudge(&self, observed: &Observed) {
        if self.request.reconcile {
            return;
        }
        let store = Store::open(self.dir());
        let note = store.map(|store| nudge::nudge(&store, &observed.view));
        if let Ok(Some(note)) = note {
            self.complain(&Error::unavailable(note));
        }
    }

    fn dir(&self) -> Option<&Path> {
        self.request.dir.as_deref()
    }

    fn now(&self) -> Result<Time> {
        (self.around.clock)().map_err(Error::ambiguous)
    }

    fn complain(&self, error: &Error) {
        (self.around.tell)(&Progress::Trouble(error));
    }

    /// Reports an event of the open attempt of a node.
    fn say(&self, observed: &Observed, node: ObservedNode<'_>, event: WorkEvent) {
        let attempt = attempt(observed, node.run, node.id, node.status.attempt);
        (self.around.tell)(&Progress::Happened(event.at(attempt)));
    }
}
