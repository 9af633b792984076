//! What surrounds a clone: the way to its remote, the time that passes while it waits, chance, and the end of its process.
//!
//! A program has none of its own, and then these are the real ones. A simulation brings its own: messages get lost, time is
//! a number, chance comes from a seed, and a process ends between any two writes.

use std::rc::Rc;
use std::time::Duration;

use super::program::Output;
use super::{Repo, Result};

/// What a remote is asked.
#[derive(Debug, Clone, Copy)]
pub enum Question<'a> {
    /// Which refs it has, as `git ls-remote` lists them.
    List {
        /// Full names, or prefixes that end in `*`.
        patterns: &'a [&'a str],
    },
    /// Objects, with everything behind them.
    Fetch {
        /// One id in each line.
        wanted: &'a str,
        /// A further option of `git fetch`.
        option: Option<&'a str>,
    },
    /// To move refs, as `git push` does.
    Push {
        /// All of them, or none.
        atomic: bool,
        /// `--force-with-lease=<name>:<id>`; nothing where refs only move forward.
        leases: &'a [String],
        /// `<id>:<name>`
        specs: &'a [String],
    },
}

/// What surrounds a clone.
pub trait World: std::fmt::Debug {
    /// Bring a question to a remote, and the answer back. `deliver` asks the remote; it may be called any number of times.
    ///
    /// # Errors
    /// The process has ended.
    fn carry(
        &self,
        question: &Question<'_>,
        deliver: &mut dyn FnMut() -> Result<Output>,
    ) -> Result<Output>;

    /// Something is about to be written into the clone.
    ///
    /// # Errors
    /// The process has ended.
    fn write(&self) -> Result<()>;

    /// Let time pass.
    fn wait(&self, time: Duration);

    /// A random number.
    fn random(&self) -> u128;
}

impl Repo {
    /// The same repository in a world of its own.
    pub fn within(mut self, world: Rc<dyn World>) -> Repo {
        self.world = Some(world);
        self
    }

    /// Let time pass.
    pub fn wait(&self, time: Duration) {
        match &self.world {
            Some(world) => world.wait(time),
            None => std::thread::sleep(time),
        }
    }

    /// A number that nobody else gets.
    pub fn random(&self) -> u128 {
        match &self.world {
            Some(world) => world.random(),
            None => uuid::Uuid::new_v4().as_u128(),
        }
    }

    /// Something is about to be written here.
    ///
    /// # Errors
    /// The process has ended.
    pub(super) fn about_to_write(&self) -> Result<()> {
        self.world.as_ref().map_or(Ok(()), |world| world.write())
    }

    /// Ask a remote: `deliver` does, where nothing happens on the way.
    ///
    /// # Errors
    /// Those of `deliver`.
    pub(super) fn carry(
        &self,
        question: &Question<'_>,
        mut deliver: impl FnMut() -> Result<Output>,
    ) -> Result<Output> {
        match &self.world {
            Some(world) => world.carry(question, &mut deliver),
            None => deliver(),
        }
    }
}
