//! The only thread that writes. It processes changing requests one after another, and answers them when the repository,
//! the status and the state in memory have the change. In between, it checks for changes by others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use tokio::sync::{broadcast, oneshot};

use super::status::{Answer, Refusal};
use crate::clock;
use crate::core::resource::{Key, Time};
use crate::git::Identity;
use crate::service::live::{Event, Item, Live, foreseen};
use crate::service::reconcile::{ReconcileRequest, reconcile_and_look};
use crate::service::store::{Author, Side, Store, View};
use crate::service::{Error, Result};

/// Maximum number of waiting requests.
const QUEUE: usize = 256;
/// Maximum number of requests before the next reconcile.
const TOGETHER: usize = 64;
/// How many steps a watcher may lag behind.
const BEHIND: usize = 1024;

/// The events of one step.
pub type Step = Arc<[Arc<Event>]>;

/// A message to the thread.
enum Message {
    /// Do the work now, and finish it when the change is visible to all.
    Job(Job),
    /// Check for changes by others.
    Look,
    /// Stop the thread.
    Stop,
}

/// The author of commits, and where they go.
#[derive(Debug, Clone, Default)]
pub struct By {
    /// The author; `None` is the one that Git would use here.
    pub identity: Option<Identity>,
    /// The prefix of the branch for review; `None` writes to the spec branch.
    pub for_review: Option<String>,
}

type Finish = Box<dyn FnOnce(&Foreseen) + Send>;

struct Job {
    by: By,
    run: Box<dyn FnOnce(Result<(&Store, Time)>) -> (BTreeSet<Key>, Finish) + Send>,
}

/// Resources as the next reconcile would leave them, if this server does not reconcile.
pub type Foreseen = BTreeMap<Key, Arc<Item>>;

/// When the thread works.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Reconcile after changes.
    pub reconcile: bool,
    /// How often to check for changes by others.
    pub interval: Duration,
}

/// A handle to the thread.
pub struct Keeper {
    queue: SyncSender<Message>,
    /// The current state.
    pub live: Arc<RwLock<Live>>,
    /// The stream of events.
    pub events: broadcast::Sender<Step>,
}

impl Keeper {
    /// Opens the repository, reads its state, and starts the thread.
    ///
    /// # Errors
    /// The repository cannot be used.
    pub fn start(dir: Option<PathBuf>, pace: Pace) -> Result<(Keeper, JoinHandle<()>)> {
        let (queue, messages) = sync_channel(QUEUE);
        let live = Arc::new(RwLock::new(Live::default()));
        let (events, _) = broadcast::channel(BEHIND);
        let keeper = Keeper {
            queue,
            live: Arc::clone(&live),
            events: events.clone(),
        };
        let (ready, is_ready) = sync_channel::<Result>(1);
        let thread = std::thread::spawn(move || {
            let opened = Working::open(dir, pace, live, events);
            match opened {
                Ok(mut working) => {
                    let _ = ready.send(Ok(()));
                    working.run(&messages);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        let died = || Error::unavailable("the thread that looks at the repository has ended");
        is_ready.recv().map_err(|_| died())??;
        Ok((keeper, thread))
    }

    /// Runs `work` in the thread that writes, and returns its result when the change is visible to all. The keys that
    /// `work` returns are the resources that changed.
    ///
    /// # Errors
    /// Too many requests wait, or the server is shutting down.
    pub async fn run<T: Send + 'static>(
        &self,
        by: By,
        work: impl FnOnce(&Store, Time) -> (BTreeSet<Key>, T) + Send + 'static,
    ) -> Answer<(T, Foreseen)> {
        let (reply, answer) = oneshot::channel();
        let run = Box::new(move |with: Result<(&Store, Time)>| {
            let (keys, value) = match with {
                Ok((store, now)) => {
                    let (keys, value) = work(store, now);
                    (keys, Ok(value))
                }
                Err(error) => (BTreeSet::new(), Err(error)),
            };
            let finish: Finish = Box::new(move |foreseen: &Foreseen| {
                // The client may be gone.
                let _ = reply.send(value.map(|value| (value, foreseen.clone())));
            });
            (keys, finish)
        });
        match self.queue.try_send(Message::Job(Job { by, run })) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let why = "too many write requests are waiting";
                let code = StatusCode::TOO_MANY_REQUESTS;
                return Err(Refusal::new(code, "TooManyRequests", why)
                    .hint("try again in a moment")
                    .header(header::RETRY_AFTER, "1"));
            }
            Err(TrySendError::Disconnected(_)) => return Err(ended().into()),
        }
        Ok(answer.await.map_err(|_| ended())??)
    }

    /// Checks for changes by others soon.
    pub fn look(&self) {
        // If the queue is full, the thread checks anyway.
        let _ = self.queue.try_send(Message::Look);
    }

    /// Stops the thread after the work in progress.
    pub fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
    }
}

fn ended() -> Error {
    Error::unavailable("the server is shutting down").hint("send it again to the next server")
}

/// The state of the thread.
struct Working {
    dir: Option<PathBuf>,
    store: Store,
    pace: Pace,
    live: Arc<RwLock<Live>>,
    events: broadcast::Sender<Step>,
    /// Whether the last check failed.
    away: bool,
    /// Why the last reconcile wrote nothing; logged once.
    trouble: Option<String>,
}

impl Working {
    fn open(
        dir: Option<PathBuf>,
        pace: Pace,
        live: Arc<RwLock<Live>>,
        events: broadcast::Sender<Step>,
    ) -> Result<Working> {
        let now = clock::now().map_err(Error::ambiguous)?;
        let mut store = Store::open(dir.as_deref())?;
        let identity = store.identity();
        store.side = Side::SpecBranch(Author {
            identity,
            now,
            for_review: None,
        });
        let mut working = Working {
            dir,
            store,
            pace,
            live,
            events,
            away: false,
            trouble: None,
        };
        working.look(now)?;
        Ok(working)
    }

    fn run(&mut self, messages: &Receiver<Message>) {
        let mut next = Instant::now() + self.pace.interval;
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            let first = match messages.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let is_over = self.take(first.into_iter().chain(messages.try_iter()));
            if is_over {
                return;
            }
            next = Instant::now() + self.pace.interval;
        }
    }

    /// Processes messages, then checks once for all of them. Returns whether to stop.
    fn take(&mut self, messages: impl Iterator<Item = Message>) -> bool {
        let mut is_over = false;
        let mut finishes = Vec::new();
        let mut keys = BTreeSet::new();
        let now = match clock::now() {
            Ok(now) => now,
            Err(why) => {
                tracing::error!("{why}");
                return false;
            }
        };
        for message in messages.take(TOGETHER) {
            match message {
                Message::Look => {}
                Message::Stop => is_over = true,
                Message::Job(job) => {
                    let identity = job.by.identity.unwrap_or_else(|| self.store.identity());
                    self.store.side = Side::SpecBranch(Author {
                        identity,
                        now,
                        for_review: job.by.for_review,
                    });
                    let with = if self.store.repo.is_there() {
                        Ok((&self.store, now))
                    } else {
                        Err(Error::unavailable("the repository is not there"))
                    };
                    let (about, finish) = (job.run)(with);
                    keys.extend(about);
                    finishes.push(finish);
                }
            }
        }
        let view = self.look_and_tell(now);
        let foreseen = match view {
            Some(view) if !self.pace.reconcile && !keys.is_empty() => {
                self.foresee(&view, &keys, now)
            }
            _ => Foreseen::new(),
        };
        for finish in finishes {
            finish(&foreseen);
        }
        is_over
    }

    fn foresee(&self, view: &View, keys: &BTreeSet<Key>, now: Time) -> Foreseen {
        foreseen(&self.store, view, keys, now).unwrap_or_else(|error| {
            tracing::warn!(
                "cannot tell what a reconcile would write: {}",
                error.message
            );
            Foreseen::new()
        })
    }

    /// Checks for changes. A repository that is temporarily unavailable is logged once, and does not stop the thread.
    fn look_and_tell(&mut self, now: Time) -> Option<View> {
        match self.look(now) {
            Ok(view) => {
                if std::mem::take(&mut self.away) {
                    tracing::info!("the repository can be used again");
                }
                Some(view)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.away, true) {
                    tracing::warn!("the repository cannot be used: {}", error.message);
                }
                self.open_again();
                None
            }
        }
    }

    /// Another repository may now be at the same path.
    fn open_again(&mut self) {
        if let Ok(store) = Store::open(self.dir.as_deref()) {
            let side = std::mem::take(&mut self.store.side);
            self.store = Store { side, ..store };
        }
    }

    /// Reconciles if so configured, and advances to the current state.
    fn look(&mut self, now: Time) -> Result<View> {
        if !self.store.repo.is_there() {
            return Err(Error::unavailable("the repository is not there"));
        }
        let mut view = None;
        if self.pace.reconcile {
            match reconcile_and_look(&self.store, &ReconcileRequest::at(now)) {
                Ok((done, looked)) => {
                    for moved in &done.transitions {
                        tracing::debug!(resource = %moved.key, "moved");
                    }
                    view = looked;
                    self.trouble = None;
                }
                Err(error) if self.trouble.as_ref() == Some(&error.message) => {}
                Err(error) => {
                    tracing::warn!("reconcile: {}", error.message);
                    self.trouble = Some(error.message);
                }
            }
        }
        let view = match view {
            Some(view) => view,
            None => self.store.fresh()?,
        };
        let Ok(mut live) = self.live.write() else {
            return Err(Error::unavailable("the state in memory is broken"));
        };
        let events = live.advance(&self.store, &view)?;
        if !events.is_empty() {
            // There may be no subscriber.
            let _ = self.events.send(events.into());
        }
        Ok(view)
    }
}
