//! The one thread that writes: requests that change something come here one after another, and are answered when the
//! repository, the status and what stands in memory have them. Between them it looks what others have done.

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

/// Most requests that wait for their turn.
const QUEUE: usize = 256;
/// So many are written before one reconcile follows them all.
const TOGETHER: usize = 64;
/// Most steps that a watcher may be behind.
const BEHIND: usize = 1024;

/// What one step brought.
pub type Step = Arc<[Arc<Event>]>;

/// What is asked of the thread.
enum Message {
    /// Do something, and get what is to be done once everybody can see it.
    Job(Job),
    /// Look now.
    Look,
    /// End.
    Stop,
}

/// By whom what is committed is, and where it goes.
#[derive(Debug, Clone, Default)]
pub struct By {
    /// Its author; whoever the repository's git names when not set.
    pub identity: Option<Identity>,
    /// What the name of a branch of its own begins with, where it is to be reviewed first.
    pub for_review: Option<String>,
}

type Finish = Box<dyn FnOnce(&Foreseen) + Send>;

struct Job {
    by: By,
    run: Box<dyn FnOnce(Result<(&Store, Time)>) -> (BTreeSet<Key>, Finish) + Send>,
}

/// Resources as a reconcile would leave them, where none follows.
pub type Foreseen = BTreeMap<Key, Arc<Item>>;

/// How it goes on.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Reconcile after what changes.
    pub reconcile: bool,
    /// Look so often what others have done.
    pub interval: Duration,
}

/// What others know of the thread.
pub struct Keeper {
    queue: SyncSender<Message>,
    /// What stands.
    pub live: Arc<RwLock<Live>>,
    /// What happens.
    pub events: broadcast::Sender<Step>,
}

impl Keeper {
    /// Open the repository, look at it, and go on from there in a thread.
    ///
    /// # Errors
    /// It cannot be used.
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

    /// Do something in the thread that writes; answered when everybody can see it. `keys` of the answer are the resources
    /// that it is about.
    ///
    /// # Errors
    /// Too many wait, or the server is shutting down.
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
                // Whoever asked may have gone away.
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

    /// Look soon what others have done.
    pub fn look(&self) {
        // Where the queue is full, it looks anyway.
        let _ = self.queue.try_send(Message::Look);
    }

    /// End once what is under way is done.
    pub fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
    }
}

fn ended() -> Error {
    Error::unavailable("the server is shutting down").hint("send it again to the next server")
}

/// What the thread has.
struct Working {
    dir: Option<PathBuf>,
    store: Store,
    pace: Pace,
    live: Arc<RwLock<Live>>,
    events: broadcast::Sender<Step>,
    /// Whether the last look failed.
    away: bool,
    /// Why the last reconcile wrote nothing: it is said once.
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

    /// Do what is asked, then one look for all of it. True when it is to end.
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

    /// Look; a repository that is away for a moment is no reason to end: it is said once.
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

    /// What was opened may have been replaced by another of the same place.
    fn open_again(&mut self) {
        if let Ok(store) = Store::open(self.dir.as_deref()) {
            let side = std::mem::take(&mut self.store.side);
            self.store = Store { side, ..store };
        }
    }

    /// Reconcile where that is wanted, and go on to what there is.
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
            // Nobody may be listening.
            let _ = self.events.send(events.into());
        }
        Ok(view)
    }
}
