//! Finds problems of a clone and of what it shares, and how to repair them. Checks change nothing that
//! `git fetch` would not change; each repair is requested by its name, and reports what it did.

mod caches;
mod local;
mod refs;
mod shared;

use std::cell::OnceCell;
use std::fmt::Display;
use std::path::Path;

use super::store::Store;
use super::{Error, ErrorKind, Result};
use crate::api::doctor::{Check, CheckName, CheckState, Checkup, Mended};
use crate::core::base::words::count;
use crate::core::resource::Time;
use crate::git::Repo;

/// Maximum number of problems of one kind that are listed.
const TOLD: usize = 20;

/// A request to check.
#[derive(Debug, Clone)]
pub struct CheckupRequest {
    /// The current time.
    pub now: Time,
    /// Whether to test if this clone may push.
    pub push: bool,
    /// The repairs to make first.
    pub fix: Vec<CheckName>,
}

/// Makes the requested repairs, then runs all checks.
///
/// # Errors
/// There is no repository, or a repair fails.
pub fn checkup(dir: Option<&Path>, request: &CheckupRequest) -> Result<Checkup> {
    let repo = Repo::open(dir)?;
    let patient = || Patient {
        dir,
        repo: &repo,
        store: OnceCell::new(),
        request,
    };
    let mut mended = Vec::new();
    let mut notes = Vec::new();
    for fix in &request.fix {
        let done = patient().mend(*fix)?;
        if done.is_empty() {
            notes.push(format!("{}: nothing to repair", fix.word()));
        }
        mended.extend(done);
    }
    let checks = patient().look();
    let is_wrong = |check: &Check| matches!(check.state, CheckState::Warning | CheckState::Error);
    Ok(Checkup {
        sound: !checks.iter().any(is_wrong),
        checks,
        mended,
        notes,
    })
}

/// The clone that is checked.
struct Patient<'a> {
    dir: Option<&'a Path>,
    repo: &'a Repo,
    /// Opened on demand, since opening reads objects, and fetches missing ones.
    store: OnceCell<Result<Store>>,
    request: &'a CheckupRequest,
}

impl Patient<'_> {
    fn look(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut of = |name, found| checks.extend(told(name, found));
        let objects = self.objects();
        // Reading the status fetches missing objects, which would be a repair.
        let is_whole = matches!(objects, Ok(Found::Sound(_)));
        of(CheckName::Objects, objects);
        of(CheckName::Locks, self.locks());
        let index = self.index();
        let is_readable = !matches!(index, Ok(Found::Flaws(_)));
        of(CheckName::Index, index);
        of(CheckName::Interrupted, self.interrupted(is_readable));
        of(CheckName::Cache, self.cache());
        of(CheckName::Hook, self.hook());
        let shared = shared::Shared::look(self, is_whole);
        of(CheckName::Remote, shared.remote());
        of(CheckName::Status, shared.status());
        of(CheckName::Clock, shared.clock());
        of(CheckName::Refs, shared.refs());
        of(CheckName::Push, shared.push());
        checks
    }

    fn mend(&self, fix: CheckName) -> Result<Vec<Mended>> {
        match fix {
            CheckName::Objects => self.mend_objects(),
            CheckName::Locks => self.mend_locks(),
            CheckName::Interrupted => self.mend_interrupted(),
            CheckName::Index => self.mend_index(),
            CheckName::Cache => self.mend_cache(),
            CheckName::Hook => self.mend_hook(),
            CheckName::Refs => self.mend_refs(),
            CheckName::Remote | CheckName::Status | CheckName::Clock | CheckName::Push => {
                let why = format!("`--fix` cannot repair {}", fix.word());
                Err(Error::ambiguous(why).hint("`planspec doctor` names the command that does"))
            }
        }
    }

    /// The store; an error if it cannot be opened, for example if the configuration names an unknown remote.
    fn store(&self) -> Result<&Store> {
        let opened = self.store.get_or_init(|| Store::open(self.dir));
        opened.as_ref().map_err(Error::clone)
    }
}

/// The result of a check.
enum Found {
    Sound(String),
    Skipped(String),
    Flaws(Vec<Flaw>),
}

/// A problem.
#[derive(Clone)]
struct Flaw {
    state: CheckState,
    message: String,
    hint: Option<String>,
    is_mended: bool,
}

impl Flaw {
    fn error(message: impl Into<String>) -> Flaw {
        Flaw {
            state: CheckState::Error,
            message: message.into(),
            hint: None,
            is_mended: false,
        }
    }

    fn warning(message: impl Into<String>) -> Flaw {
        Flaw {
            state: CheckState::Warning,
            ..Flaw::error(message)
        }
    }

    /// The problem with the message of an error.
    fn of(error: &Error) -> Flaw {
        let flaw = match error.kind {
            ErrorKind::NotReady => Flaw::warning(&error.message),
            _ => Flaw::error(&error.message),
        };
        Flaw {
            hint: error.hint.clone(),
            ..flaw
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Flaw {
        self.hint = Some(hint.into());
        self
    }

    /// Adds that `--fix` repairs it, and how.
    fn mended(mut self, name: CheckName, does: impl Display) -> Flaw {
        self.is_mended = true;
        self.hint(format!("`planspec doctor --fix {}` {does}", name.word()))
    }
}

impl Found {
    /// The problems; without any, this sentence.
    fn of(flaws: Vec<Flaw>, sound: impl Into<String>) -> Found {
        if flaws.is_empty() {
            return Found::Sound(sound.into());
        }
        Found::Flaws(flaws)
    }
}

/// The problems of a check, or a line that there are none.
fn told(name: CheckName, found: Result<Found>) -> Vec<Check> {
    let line = |state, message| Check {
        name,
        state,
        message,
        hint: None,
        fix: None,
    };
    let flaws = match found {
        Ok(Found::Sound(message)) => return vec![line(CheckState::Ok, message)],
        Ok(Found::Skipped(message)) => return vec![line(CheckState::Skipped, message)],
        Ok(Found::Flaws(flaws)) => flaws,
        Err(error) => vec![Flaw::of(&error)],
    };
    let more = flaws.len().saturating_sub(TOLD);
    let state = flaws.first().map_or(CheckState::Error, |flaw| flaw.state);
    let checks = flaws.into_iter().take(TOLD).map(|flaw| Check {
        name,
        state: flaw.state,
        message: flaw.message,
        hint: flaw.hint,
        fix: flaw.is_mended.then_some(name),
    });
    let rest = (more > 0).then(|| line(state, format!("{more} more of the kind")));
    checks.chain(rest).collect()
}

/// A file, as shown to people.
fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// Files that were moved aside.
fn put_aside(
    fix: CheckName,
    files: &[std::path::PathBuf],
    moved: &[std::path::PathBuf],
) -> Vec<Mended> {
    let pairs = files.iter().zip(moved);
    let mended = pairs.map(|(from, to)| Mended {
        fix,
        message: format!("{} is moved to {}", shown(from), shown(to)),
        undo: Some(format!("mv '{}' '{}'", to.display(), from.display())),
    });
    mended.collect()
}

/// `1 file is`, `2 files are`.
fn are(number: usize, noun: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number, noun))
}
