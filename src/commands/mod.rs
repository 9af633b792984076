//! One file per verb: its `Args` and its `run`, which gathers, decides, writes and shows.

pub mod apply;
pub mod approve;
pub mod attest;
pub mod cancel;
mod change;
pub mod claim;
pub mod completions;
pub mod convert;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod edit;
pub mod explain;
mod follow;
pub mod get;
pub mod graph;
pub mod hooks;
pub mod init;
pub mod log;
pub mod logs;
mod merged;
pub mod new;
pub mod next;
pub mod reconcile;
pub mod release;
pub mod report;
pub mod retry;
pub mod review;
pub mod revise;
mod runs;
pub mod schema;
pub mod show;
pub mod start;
mod store;
pub mod validate;
pub mod verify;
pub mod wait;
pub mod watch;
pub mod work;

use std::path::{Path, PathBuf};

use crate::core::base::source::SourceFile;
use crate::core::resource::Time;
use crate::failure::{Failure, Outcome};
use crate::git::{GitError, read};
use crate::terminal::Terminal;
use crate::{clock, core};

/// What every command is given.
pub struct Context {
    /// The folder to work in; the current one when not set.
    pub dir: Option<PathBuf>,
    /// Where to write.
    pub terminal: Terminal,
    /// When the command was started.
    pub now: Time,
}

impl Context {
    /// The same, some time later.
    ///
    /// # Errors
    /// The clock cannot be read.
    pub fn again(&self) -> Outcome<Context> {
        Ok(Context {
            dir: self.dir.clone(),
            terminal: self.terminal,
            now: clock::now().map_err(Failure::usage)?,
        })
    }
}

/// Which namespace is meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NamespaceArg {
    /// Namespace; not needed where a name is unambiguous
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
}

/// Who acts, and whether to reconcile afterwards: for every verb that writes a record.
#[derive(Debug, Clone, clap::Args)]
pub struct ActorArgs {
    /// Who acts, for example agent:claude or ana@example.com [default: the e-mail of Git's user]
    #[arg(long = "as", value_name = "ACTOR", env = "PLANSPEC_ACTOR")]
    pub actor: Option<String>,
    /// Reconcile at once
    #[arg(long)]
    pub reconcile: bool,
}

/// The resources in a folder that the user names.
///
/// # Errors
/// Wrong use, when there is no such folder.
fn folder(dir: &Path, recursive: bool, max_bytes: usize) -> Outcome<Vec<SourceFile>> {
    read::from_directory(dir, recursive, max_bytes).map_err(|error| match error {
        GitError::Unusable(why) => Failure::usage(why),
        error => error.into(),
    })
}

/// The candidate that was probably meant, as a hint.
fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    core::base::diagnostic::did_you_mean(word, candidates)
        .map(|near| format!("did you mean `{near}`?"))
}
