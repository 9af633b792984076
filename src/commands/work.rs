//! `planspec work`: do the tasks that are bound to `tool://` targets.
//!
//! | file | what it does |
//! |---|---|
//! | `job` | one node, from its claim to its report |
//! | `keeper` | keep the claim while the command runs, and notice that nobody wants it any more |
//! | `outside` | ask for what happens outside |

mod job;
mod keeper;
mod outside;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::Args as ClapArgs;
use globset::GlobMatcher;
use uuid::Uuid;

use self::job::Job;
use self::outside::Outside;
use super::claim;
use super::runs::{self, Look, Run};
use super::store::{Sent, Store};
use super::{ActorArgs, Context, NamespaceArg, reconcile};
use crate::core::plan::tool::TOOL;
use crate::core::resource::NodeStatus;
use crate::failure::{Failure, Outcome};
use crate::git::worktree;
use crate::worker::IS_SUPPORTED;
use crate::worker::signals::Stop;

/// Do the tasks that are bound to tool:// targets
///
/// Claims what is ready, runs the target's `config.command` in a work tree of its own, checks the
/// acceptance criteria and reports. The commands come from the spec branch: whoever decides there
/// makes this machine run them.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Only targets of this provider: tool://NAME, what lies below it, or a pattern with *
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Only this node: EXECUTION/NODE
    #[arg(long, value_name = "EXECUTION/NODE")]
    node: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Until nothing is ready; this is the default
    #[arg(long, conflicts_with = "watch")]
    once: bool,
    /// Go on for ever, looking every few seconds
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    /// How many nodes at once
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Ask for External nodes of type uri and webhook too, and report those that have happened
    #[arg(long)]
    externals: bool,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Refuse to run commands where they cannot be kept together.
///
/// # Errors
/// This is no Unix.
pub(super) fn supported() -> Outcome {
    match IS_SUPPORTED {
        true => Ok(()),
        false => Err(Failure::usage(
            "the commands of plans are only run on Unix: here nothing would end what they start",
        )),
    }
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    supported()?;
    let pattern = args.provider.as_deref().map(pattern).transpose()?;
    let stop = Stop::on_signals().map_err(Failure::repository)?;
    let store = Store::open(context)?;
    let worker = Worker {
        context,
        args,
        pattern,
        actor: store.actor(args.actor.actor.as_deref())?,
        stop,
    };
    if let Some(node) = &args.node {
        // A mistyped name is no idle worker.
        runs::look(&store)?.node(node, args.namespace.namespace.as_deref())?;
    }
    worktree::remove_stale(&store.repo)?;
    drop(store);
    let (did_something, later) = worker.go()?;
    if !did_something {
        context.terminal.note("nothing is ready");
    }
    for when in later {
        context.terminal.note(&format!("note: {when}"));
    }
    if did_something && !args.actor.reconcile {
        context.terminal.note("next: planspec reconcile");
    }
    Ok(())
}

/// Which providers are meant: one and what lies below it, or whatever a pattern with `*` matches.
fn pattern(provider: &str) -> Outcome<(String, GlobMatcher)> {
    if !provider.starts_with(TOOL) && !provider.starts_with('*') {
        return Err(Failure::usage(format!(
            "`{provider}` is no {TOOL} provider: others claim and report by themselves"
        ))
        .hint("planspec next shows what waits for them"));
    }
    let glob = globset::Glob::new(provider)
        .map_err(|error| Failure::usage(format!("--provider: {error}")))?;
    Ok((provider.to_owned(), glob.compile_matcher()))
}

/// One call of the verb.
struct Worker<'a> {
    context: &'a Context,
    args: &'a Args,
    pattern: Option<(String, GlobMatcher)>,
    actor: String,
    stop: Stop,
}

/// What one look brought.
struct Seen {
    /// What was claimed.
    jobs: Vec<Job>,
    /// Whether anything has happened outside.
    happened: bool,
    /// Which nodes can be done later, and when.
    later: Vec<String>,
}

impl Worker<'_> {
    /// Work until nothing is ready, or until it is to stop. Whether there was anything to do, and
    /// what can be done later.
    fn go(&self) -> Outcome<(bool, Vec<String>)> {
        let (sender, finished) = mpsc::channel();
        let mut later = Vec::new();
        let mut running = 0;
        let mut did_something = false;
        let mut outside = Outside::default();
        let mut trouble = None;
        std::thread::scope(|scope| {
            loop {
                let mut moved = false;
                if !self.stop.is_wished() && trouble.is_none() {
                    let free = usize::from(self.args.jobs) - running;
                    match self.look_around(free, &mut outside) {
                        Ok(seen) => {
                            moved = seen.happened || !seen.jobs.is_empty();
                            later = seen.later;
                            for job in seen.jobs {
                                running += 1;
                                let sender = sender.clone();
                                scope.spawn(move || {
                                    self.finish(job);
                                    // Somebody waits as long as a job runs.
                                    sender.send(()).ok();
                                });
                            }
                        }
                        // A remote that is away for a moment is no reason to stop watching.
                        Err(failure) if self.args.watch => self.complain(&failure),
                        Err(failure) => trouble = Some(failure),
                    }
                }
                did_something |= moved;
                if running > 0 {
                    let is_full = running == usize::from(self.args.jobs);
                    running -= self.wait(&finished, is_full && !self.args.externals);
                } else if self.stop.is_wished() || trouble.is_some() {
                    break;
                } else if !moved {
                    if !self.args.watch {
                        break;
                    }
                    self.stop.wait(self.interval());
                }
            }
        });
        match trouble {
            Some(failure) => Err(failure),
            None => Ok((did_something, later)),
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.args.interval)
    }

    /// Wait for a job to end; how many have. While there is something else to look for, not for long.
    fn wait(&self, finished: &Receiver<()>, only_for_jobs: bool) -> usize {
        let first = match only_for_jobs {
            true => finished.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => finished.recv_timeout(self.interval()),
        };
        usize::from(first.is_ok()) + finished.try_iter().count()
    }

    /// Look once, reconciling before where that is asked for: claim what is ready, ask for what
    /// happens outside.
    fn look_around(&self, free: usize, outside: &mut Outside) -> Outcome<Seen> {
        let store = Store::open(&self.context.again()?)?;
        if self.args.actor.reconcile {
            reconcile::in_between(self.context, &store)?;
        }
        let look = Arc::new(runs::look(&store)?);
        let happened = self.args.externals && outside.ask(self, &store, &look)?;
        let jobs = self.take(&store, &look, free)?;
        let later = runs::retries(&look)
            .filter(|(run, id, node, _)| self.is_meant(*run, id) && self.is_mine(node))
            .map(|(run, id, _, at)| runs::retry_note((run, id), at, store.now))
            .collect();
        Ok(Seen {
            jobs,
            happened,
            later,
        })
    }

    /// Claim up to so many of the nodes that are ready.
    fn take(&self, store: &Store, look: &Arc<Look>, free: usize) -> Outcome<Vec<Job>> {
        let mut offers: Vec<(Run<'_>, &str, &NodeStatus)> = runs::offers(look)
            .filter(|(run, id, node)| self.is_meant(*run, id) && self.is_mine(node))
            .collect();
        // Taken from the end.
        offers.reverse();
        let mut jobs = Vec::new();
        while jobs.len() < free && !self.stop.is_wished() {
            let Some((run, id, node)) = offers.pop() else {
                break;
            };
            let sent = match claim::take(store, look, (run, id, node), &self.actor, None) {
                // What is claimed already is to be done.
                Err(failure) if !jobs.is_empty() => {
                    self.complain(&failure);
                    break;
                }
                sent => sent?,
            };
            match sent {
                Sent::Done(tip) => {
                    let job = Job {
                        look: Arc::clone(look),
                        uid: run.file.uid.clone(),
                        id: id.to_owned(),
                        attempt: node.attempt,
                        tip,
                    };
                    self.say(&format!("claimed {} as {}", job.name(), self.actor));
                    jobs.push(job);
                }
                // Others are at work: go on somewhere else than they do.
                Sent::Taken if !offers.is_empty() => {
                    let nonce = Uuid::new_v4().as_u128() % offers.len() as u128;
                    offers.rotate_left(usize::try_from(nonce).unwrap_or(0));
                }
                Sent::Taken => {}
            }
        }
        Ok(jobs)
    }

    /// Whether a node is one of those that were asked for.
    fn is_meant(&self, run: Run<'_>, id: &str) -> bool {
        let namespace = self.args.namespace.namespace.as_deref();
        if namespace.is_some_and(|namespace| run.key.namespace != namespace) {
            return false;
        }
        let Some(wanted) = &self.args.node else {
            return true;
        };
        let names = [
            format!("{}/{id}", run.key.name),
            format!("{}/{id}", run.key.qualified()),
        ];
        names.contains(wanted)
    }

    /// Whether a node is bound to a target whose commands are run here.
    fn is_mine(&self, node: &NodeStatus) -> bool {
        let Some(provider) = runs::provider_of(node).filter(|p| p.starts_with(TOOL)) else {
            return false;
        };
        let Some((wanted, glob)) = &self.pattern else {
            return true;
        };
        let is_below = provider
            .strip_prefix(wanted.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || wanted.ends_with('/'));
        is_below || glob.is_match(provider)
    }

    fn finish(&self, job: Job) {
        if let Err(failure) = job.work(self) {
            self.complain(&failure);
        }
    }

    fn say(&self, text: &str) {
        let line = crate::show::escape::line(text);
        self.context.terminal.out(&format!("{line}\n"));
    }

    fn complain(&self, failure: &Failure) {
        let message = failure.message.as_deref().unwrap_or_default();
        self.context.terminal.note(&format!("error: {message}"));
    }
}
