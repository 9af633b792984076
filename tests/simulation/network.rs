//! What surrounds each actor: a network that loses, delays, repeats and refuses, other actors who are faster, and the end of
//! the actor's process between any two steps.

use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use planspec::git::program::Output;
use planspec::git::remote::RefUpdate;
use planspec::git::world::{Question, World};
use planspec::git::{GitError, Result};

use super::{Shared, State};

/// How often something happens on the way, of a thousand questions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Storm {
    pub lost: u32,
    pub answer_lost: u32,
    pub refused: u32,
    pub late: u32,
    pub repeated: u32,
    pub old: u32,
    pub torn: u32,
    /// Somebody else acts in between.
    pub between: u32,
    /// Of a thousand actions, those in which the process of the actor ends.
    pub crash: u32,
    /// Of a thousand steps, those in which the remote puts a ref back.
    pub rewound: u32,
    /// Pushes that the remote acknowledges and forgets.
    pub lies: u32,
}

/// A push that is still on its way.
#[derive(Debug, Clone)]
pub struct Late {
    /// The step at which it arrives.
    pub due: u64,
    /// Whose clone it comes from.
    pub actor: usize,
    pub updates: Vec<RefUpdate>,
    pub atomic: bool,
}

/// So many answers of the remote are remembered, to be given once more.
const REMEMBERED: usize = 6;

/// What surrounds one actor.
pub struct Network {
    shared: Weak<Shared>,
    actor: usize,
    /// So many moments the process still lives; nothing ends it below zero.
    left: AtomicI64,
}

/// The moments that a process has when nothing ends it, and when it has ended.
const ALIVE: i64 = i64::MIN;
const ENDED: i64 = 0;

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Network({})", self.actor)
    }
}

impl Network {
    pub fn new(shared: Weak<Shared>, actor: usize) -> Rc<Network> {
        Rc::new(Network {
            shared,
            actor,
            left: AtomicI64::new(ALIVE),
        })
    }

    /// Let the process end after so many moments.
    pub fn ends_after(&self, moments: i64) {
        self.left.store(moments.max(1), Ordering::Relaxed);
    }

    /// Begin a process anew.
    pub fn revive(&self) {
        self.left.store(ALIVE, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.left.load(Ordering::Relaxed) == ENDED
    }

    /// One more moment.
    fn live(&self) -> Result<()> {
        match self.left.load(Ordering::Relaxed) {
            ALIVE => return Ok(()),
            ENDED => {}
            left => {
                self.left.store(left - 1, Ordering::Relaxed);
                if left - 1 != ENDED {
                    return Ok(());
                }
            }
        }
        Err(GitError::Unusable("the process has ended".to_owned()))
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let shared = self
            .shared
            .upgrade()
            .expect("the simulation lives as long as its actors");
        let mut state = shared.state.borrow_mut();
        look(&mut state)
    }

    /// Let others act, as far as they are not in the middle of something themselves.
    fn let_others_act(&self) {
        let shared = self
            .shared
            .upgrade()
            .expect("the simulation lives as long as its actors");
        shared.act_in_between();
    }

    fn lists(&self, key: &str, deliver: &mut dyn FnMut() -> Result<Output>) -> Result<Output> {
        let now = deliver()?;
        let text = String::from_utf8_lossy(&now.stdout).into_owned();
        let told = self.with(|state| {
            let storm = state.storm();
            let before = state.listings.entry(key.to_owned()).or_default();
            let chance = &mut state.chance;
            let is_old = chance.happens(storm.old);
            let is_torn = chance.happens(storm.torn);
            let at = (is_old || is_torn).then(|| chance.below(before.len().max(1)));
            let old = at.and_then(|at| before.get(at)).cloned();
            before.push_back(text.clone());
            if before.len() > REMEMBERED {
                before.pop_front();
            }
            match old {
                Some(old) if is_old => old,
                Some(old) => torn(&old, &text, state),
                None => text,
            }
        });
        Ok(Output {
            stdout: told.into_bytes(),
            ..now
        })
    }

    fn pushes(
        &self,
        question: &Question<'_>,
        deliver: &mut dyn FnMut() -> Result<Output>,
    ) -> Result<Output> {
        let (refused, is_late, repeated, is_lie) = self.with(|state| {
            let storm = state.storm();
            let chance = &mut state.chance;
            (
                chance.happens(storm.refused),
                chance.happens(storm.late),
                chance.happens(storm.repeated),
                chance.happens(storm.lies),
            )
        });
        let Question::Push {
            atomic,
            specs,
            leases,
        } = question
        else {
            return deliver();
        };
        if refused {
            let lines = specs.iter();
            let lines = lines
                .map(|spec| format!("!\t{spec}\t[remote rejected] (pre-receive hook declined)\n"));
            return Ok(said(1, lines.collect(), "error: failed to push some refs"));
        }
        if is_lie {
            let lines = specs
                .iter()
                .map(|spec| format!("*\t{spec}\t[new reference]\n"));
            return Ok(said(0, lines.collect(), ""));
        }
        if is_late {
            let updates = specs.iter().map(|spec| self.update(spec, leases)).collect();
            self.with(|state| {
                let due = state.figures.steps + 1 + state.chance.below(25) as u64;
                let late = Late {
                    due,
                    actor: self.actor,
                    updates,
                    atomic: *atomic,
                };
                state.late.push(late);
                state.figures.faults += 1;
            });
            return Ok(hung_up());
        }
        let answer = deliver()?;
        if repeated {
            return deliver();
        }
        Ok(answer)
    }

    /// What a push that is late will change: only what is then still as it is now.
    fn update(&self, spec: &str, leases: &[String]) -> RefUpdate {
        let (new, name) = spec.split_once(':').unwrap_or_default();
        let lease = format!("--force-with-lease={name}:");
        let old = leases.iter().find_map(|one| one.strip_prefix(&lease));
        let old = match old {
            Some("") => None,
            Some(old) => Some(old.to_owned()),
            None => {
                let shared = self.shared.upgrade().expect("the simulation lives");
                shared.hub_ref(name)
            }
        };
        RefUpdate {
            name: name.to_owned(),
            old,
            new: (!new.is_empty()).then(|| new.to_owned()),
        }
    }
}

impl World for Network {
    fn carry(
        &self,
        question: &Question<'_>,
        deliver: &mut dyn FnMut() -> Result<Output>,
    ) -> Result<Output> {
        self.live()?;
        let (is_before, is_after, is_lost, is_answer_lost) = self.with(|state| {
            let storm = state.storm();
            let chance = &mut state.chance;
            (
                chance.happens(storm.between),
                chance.happens(storm.between),
                chance.happens(storm.lost),
                chance.happens(storm.answer_lost),
            )
        });
        if is_before {
            self.let_others_act();
        }
        if is_lost {
            self.with(|state| state.figures.faults += 1);
            return Ok(hung_up());
        }
        let answer = match question {
            Question::List { patterns } => self.lists(&patterns.join(" "), deliver),
            Question::Fetch { .. } => deliver(),
            Question::Push { .. } => self.pushes(question, deliver),
        }?;
        if is_after {
            self.let_others_act();
        }
        self.live()?;
        if is_answer_lost {
            self.with(|state| state.figures.faults += 1);
            return Ok(hung_up());
        }
        Ok(answer)
    }

    fn write(&self) -> Result<()> {
        self.live()
    }

    fn wait(&self, time: Duration) {
        self.with(|state| state.millis += time.as_millis() as i64);
    }

    fn random(&self) -> u128 {
        self.with(|state| {
            let [high, low] = [state.chance.number(), state.chance.number()];
            (u128::from(high) << 64) | u128::from(low)
        })
    }
}

fn said(code: i32, stdout: String, stderr: &str) -> Output {
    Output {
        code,
        stdout: stdout.into_bytes(),
        stderr: stderr.to_owned(),
    }
}

fn hung_up() -> Output {
    said(
        128,
        String::new(),
        "fatal: the remote end hung up unexpectedly",
    )
}

/// A listing in which some refs are as they were before: not every server reads all of them at the same moment.
fn torn(old: &str, new: &str, state: &mut State) -> String {
    let name = |line: &str| line.split_once('\t').map(|(_, name)| name.to_owned());
    let before: BTreeMap<_, _> = old.lines().map(|line| (name(line), line)).collect();
    let lines = new.lines().filter_map(|line| {
        let is_old = state.chance.happens(500);
        let line = if is_old && !line.starts_with("ref: ") {
            *before.get(&name(line))?
        } else {
            line
        };
        Some(format!("{line}\n"))
    });
    lines.collect()
}

/// Listings that were given, oldest first, by what was asked for.
pub type Listings = BTreeMap<String, VecDeque<String>>;
