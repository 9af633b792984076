//! The whole system from a seed: workers, reviewers, reconcilers and authors, each with a clone, a clock and a process of its
//! own, around one remote. What they do, and what happens to it on the way, is decided by chance from the seed, one action
//! after the other, so that the same seed gives the same story.
//!
//! A world has some hundred steps in which anything may fail, and then as many without faults as it takes until every run
//! is over. Then everything is checked, and the next world begins with the next seed.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a simulation that cannot go on says so"
)]

pub mod actors;
pub mod chance;
pub mod ledger;
pub mod network;
pub mod place;
pub mod plans;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use planspec::core::resource::Time;
use planspec::git::refs;
use planspec::git::remote;
use planspec::git::{Identity, branch};
use planspec::service::store::{Side, Store};

use actors::{Actor, Role};
use chance::Chance;
use ledger::Ledger;
use network::{Late, Listings, Storm};
use place::Hub;

/// When every world begins: 2026-01-31T12:00:00Z.
const START: i64 = 1_769_860_800_000;
/// Steps of a world in which anything may fail.
const STORMY_STEPS: u64 = 300;
/// Rounds in which every run has to end when nothing fails any more; in each, everybody acts once.
const CALM_ROUNDS: usize = 80;
/// Most executions of a world.
const MOST_RUNS: usize = 9;
/// How many actors may act in the middle of each other's actions.
const DEPTH: usize = 2;
/// How many of the last actions are told of a world that failed.
const TOLD: usize = 400;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Options {
    pub seed: u64,
    /// No world is begun after so many steps.
    pub steps: u64,
    /// A folder for real repositories; in memory without.
    pub real: Option<PathBuf>,
    /// Whether every action is told as it happens.
    pub trace: bool,
    /// Steps of a world in which anything may fail.
    pub stormy_steps: u64,
    /// Of a thousand pushes, those that the remote acknowledges and forgets: no remote may do that, and then the promises do not
    /// hold.
    pub lies: u32,
}

impl Options {
    /// As usual, in memory.
    pub fn new(seed: u64, steps: u64) -> Options {
        Options {
            seed,
            steps,
            real: None,
            trace: false,
            stormy_steps: STORMY_STEPS,
            lies: 0,
        }
    }
}

/// What was simulated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub worlds: u64,
    pub steps: u64,
    /// Actions that did what they were to do.
    pub done: u64,
    /// Messages that were lost or late.
    pub faults: u64,
    /// Processes that ended in the middle of an action.
    pub crashes: u64,
    /// Actions of somebody in the middle of somebody else's.
    pub between: u64,
    /// Refs that the remote put back or lost.
    pub rewound: u64,
    /// Records whose sender was told that they were sent.
    pub acknowledged: u64,
    /// Status commits, each of which was decided again.
    pub commits: u64,
    pub runs: u64,
    /// A digest of how every world ended.
    pub digest: u64,
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.worlds += other.worlds;
        self.steps += other.steps;
        self.done += other.done;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.between += other.between;
        self.rewound += other.rewound;
        self.acknowledged += other.acknowledged;
        self.commits += other.commits;
        self.runs += other.runs;
        self.digest = self.digest.rotate_left(7) ^ other.digest;
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} steps in {} worlds: {} actions done, {} status commits, {} runs over, {} records acknowledged; \
             {} messages lost or late, {} refs put back, {} processes ended in between, {} actions in the middle of others; \
             digest {:016x}",
            self.steps,
            self.worlds,
            self.done,
            self.commits,
            self.runs,
            self.acknowledged,
            self.faults,
            self.rewound,
            self.crashes,
            self.between,
            self.digest
        )
    }
}

/// An invariant that does not hold.
#[derive(Debug)]
pub struct Failure {
    /// The seed of the world in which that was seen: alone, it gives the same world.
    pub seed: u64,
    /// The step of that world.
    pub step: u64,
    pub what: String,
    /// The last actions.
    pub trace: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {}, step {}: {}", self.seed, self.step, self.what)
    }
}

/// Simulate worlds, until there were enough steps; `told` hears of each.
pub fn run(options: &Options, told: &mut dyn FnMut(&Figures)) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    let mut seed = options.seed;
    while figures.steps < options.steps {
        let world = world(seed, options)?;
        figures.add(&world);
        told(&figures);
        seed += 1;
    }
    Ok(figures)
}

/// Everything that the actors of a world have in common.
pub struct Shared {
    pub state: RefCell<State>,
    /// Whoever is in the middle of an action is locked.
    actors: RefCell<Vec<Rc<RefCell<Actor>>>>,
    hub: RefCell<Store>,
    /// Where it is, and those that are cloned from it.
    place: Hub,
    depth: AtomicUsize,
}

/// What changes with every step.
pub struct State {
    pub chance: Chance,
    pub millis: i64,
    pub figures: Figures,
    storm: Storm,
    is_calm: bool,
    pub listings: Listings,
    pub late: Vec<Late>,
    pub ledger: Ledger,
    trace: VecDeque<String>,
    is_traced: bool,
    pub failure: Option<String>,
}

impl State {
    /// How much goes wrong now.
    pub fn storm(&self) -> Storm {
        if self.is_calm {
            Storm::default()
        } else {
            self.storm
        }
    }

    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>6} {}", self.figures.steps, line());
        if self.is_traced {
            #[allow(clippy::print_stderr)]
            {
                eprintln!("{line}");
            }
        }
        self.trace.push_back(line);
        if self.trace.len() > TOLD {
            self.trace.pop_front();
        }
    }

    pub fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
    }
}

impl Shared {
    /// Where a ref of the remote is.
    pub fn hub_ref(&self, name: &str) -> Option<String> {
        refs::get(&self.hub.borrow_mut().repo, name).unwrap()
    }

    /// Look at the remote itself.
    pub fn at_hub<T>(&self, look: impl FnOnce(&Store, &mut State) -> T) -> T {
        let hub = self.hub.borrow_mut();
        look(&hub, &mut self.state.borrow_mut())
    }

    /// One or a few others act while somebody is in the middle of an action.
    pub fn act_in_between(&self) {
        if self.depth.load(Ordering::Relaxed) >= DEPTH {
            return;
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        let count = self.state.borrow_mut().chance.below(3);
        for _ in 0..=count {
            let actors = self.actors.borrow_mut().clone();
            let at = self.state.borrow_mut().chance.below(actors.len());
            if let Ok(mut actor) = actors[at].try_borrow_mut() {
                self.state.borrow_mut().figures.between += 1;
                self.step(&mut actor);
            }
        }
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }

    /// One action of one actor, and a look at what has become of it.
    fn step(&self, actor: &mut Actor) {
        {
            let mut state = self.state.borrow_mut();
            if state.failure.is_some() {
                return;
            }
            state.figures.steps += 1;
            state.millis += state.chance.between(200, 60_000);
        }
        actor.act(self);
        self.at_hub(|hub, state| {
            if let Err(what) = ledger::look(hub, state) {
                state.fail(what);
            }
        });
    }

    fn actors(&self) -> Vec<Rc<RefCell<Actor>>> {
        self.actors.borrow_mut().clone()
    }

    /// Pushes that arrive now.
    fn deliver_late(&self) {
        let due: Vec<Late> = {
            let mut state = self.state.borrow_mut();
            let now = state.figures.steps;
            let (due, later) = state.late.drain(..).partition(|late| late.due <= now);
            state.late = later;
            due
        };
        for late in due {
            let actor = Rc::clone(&self.actors()[late.actor]);
            let Ok(actor) = actor.try_borrow_mut() else {
                continue;
            };
            let clone = actor.place().open();
            // Whatever comes of it: nobody waits for the answer any more.
            let sent = if late.atomic {
                remote::push_together(&clone, "origin", &late.updates).map(|_| ())
            } else {
                remote::push(&clone, "origin", &late.updates).map(|_| ())
            };
            let mut state = self.state.borrow_mut();
            state.tell(|| format!("late push of {}: {sent:?}", actor.name));
        }
    }

    /// The remote puts a ref back to where it was, or loses it.
    fn rewind(&self) {
        self.at_hub(|hub, state| {
            let storm = state.storm();
            if state.chance.happens(storm.rewound) {
                ledger::rewind(&hub.repo, state);
            }
        });
    }
}

/// The seed of the world that is simulated now.
pub static SEED: AtomicU64 = AtomicU64::new(0);

/// One world.
fn world(seed: u64, options: &Options) -> Result<Figures, Failure> {
    SEED.store(seed, Ordering::Relaxed);
    let shared = begin(seed, options);
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut step = 0;
    while step < options.stormy_steps && !has_failed(&shared) && !is_done(&shared) {
        let actors = shared.actors();
        let actor = &actors[chance.below(actors.len())];
        shared.step(&mut actor.borrow_mut());
        shared.deliver_late();
        shared.rewind();
        step += 1;
    }
    calm_down(&shared);
    let figures = {
        let mut state = shared.state.borrow_mut();
        state.figures.worlds = 1;
        state.figures.runs = state.ledger.runs() as u64;
        state.figures.commits = state.ledger.commits();
        state.figures
    };
    let mut state = shared.state.borrow_mut();
    match state.failure.take() {
        None => Ok(figures),
        Some(what) => Err(Failure {
            seed,
            step: figures.steps,
            what,
            trace: state.trace.drain(..).collect(),
        }),
    }
}

/// Whether every run that was to be started is over.
fn is_done(shared: &Shared) -> bool {
    let ledger = &shared.state.borrow().ledger;
    ledger.started >= ledger.wanted && ledger.is_over()
}

fn has_failed(shared: &Shared) -> bool {
    shared.state.borrow_mut().failure.is_some()
}

/// Nothing fails any more: every run has to end, and everything has to be right.
fn calm_down(shared: &Rc<Shared>) {
    shared.state.borrow_mut().is_calm = true;
    shared.state.borrow_mut().late.clear();
    for round in 0..CALM_ROUNDS {
        if has_failed(shared) {
            return;
        }
        shared.state.borrow_mut().millis += 600_000;
        for actor in shared.actors() {
            shared.step(&mut actor.borrow_mut());
        }
        let is_over = shared.state.borrow_mut().ledger.is_over();
        if is_over && round > 1 {
            break;
        }
    }
    if has_failed(shared) {
        return;
    }
    let open = shared.state.borrow_mut().ledger.open();
    if !open.is_empty() {
        let mut state = shared.state.borrow_mut();
        state.fail(format!(
            "not over {CALM_ROUNDS} rounds after the last fault: {}",
            open.join(", ")
        ));
        return;
    }
    if let Err(what) = actors::check_end(shared) {
        shared.state.borrow_mut().fail(what);
    }
}

/// A remote with plans, and everybody around it.
fn begin(seed: u64, options: &Options) -> Rc<Shared> {
    let mut chance = Chance::new(seed);
    let hub = Hub::new(options.real.as_deref());
    let repo = hub.place.open();
    let by = Identity {
        name: "Author".to_owned(),
        email: "author@example.com".to_owned(),
    };
    let time = Time::from_timestamp(START / 1000, 0).unwrap();
    let commit = branch::commit_on(&repo, None, &plans::files(), "Begin", (time, &by)).unwrap();
    refs::compare_and_swap(&repo, "refs/heads/main", None, &commit, "begin").unwrap();
    let storm = Storm {
        lies: options.lies,
        ..storm(&mut chance)
    };
    let wanted = chance.below(MOST_RUNS) + 1;
    let shared = Rc::new(Shared {
        state: RefCell::new(State {
            ledger: Ledger::new(wanted),
            storm,
            chance,
            millis: START,
            figures: Figures::default(),
            is_calm: false,
            listings: Listings::new(),
            late: Vec::new(),
            trace: VecDeque::new(),
            is_traced: options.trace,
            failure: None,
        }),
        actors: RefCell::default(),
        hub: RefCell::new(Store {
            repo,
            remote: None,
            side: Side::Checkout,
        }),
        place: hub,
        depth: AtomicUsize::new(0),
    });
    let all = [
        (Role::Reconciler, "reconciler-1"),
        (Role::Reconciler, "reconciler-2"),
        (Role::Worker, "agent:a"),
        (Role::Worker, "agent:a"),
        (Role::Worker, "agent:b"),
        (Role::Worker, "agent:c"),
        (Role::Person, plans::REVIEWERS[0]),
        (Role::Person, plans::REVIEWERS[1]),
        (Role::Author, "author@example.com"),
    ];
    let reconciles = shared.state.borrow_mut().chance.below(2);
    let more = [(Role::Reconciler, "reconciler-3")];
    let all = all.into_iter().chain(more.into_iter().take(reconciles));
    for (number, (role, name)) in all.enumerate() {
        let place = shared.place.clone_for(number);
        let actor = Actor::new((number, role, name), place, &shared);
        shared
            .actors
            .borrow_mut()
            .push(Rc::new(RefCell::new(actor)));
    }
    shared
}

/// How much goes wrong in a world: nothing, a little, or a lot, of each kind.
fn storm(chance: &mut Chance) -> Storm {
    let mut some = |most: i64| match chance.below(4) {
        0 => 0,
        1 => chance.between(0, most / 4 + 1) as u32,
        _ => chance.between(0, most + 1) as u32,
    };
    Storm {
        lost: some(80),
        answer_lost: some(80),
        refused: some(40),
        late: some(60),
        repeated: some(60),
        old: some(60),
        torn: some(40),
        between: some(60),
        crash: some(80),
        rewound: some(12),
        lies: 0,
    }
}
