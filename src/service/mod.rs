//! What the program can do, for all interfaces: a typed request in, a typed answer or an [`Error`] out.
//!
//! An interface (a verb of the command line, an HTTP route, a tool of an agent) turns its input into a request, calls
//! one function here and shows the answer. Nothing below this module knows arguments, terminals,
//! exit codes or HTTP: notes and warnings are part of the answer; the time and the actor are part of
//! the request. A [`store::Store`] belongs to one thread; open one for each.

pub mod apply;
pub mod archive;
pub mod around;
pub mod ask;
pub mod attest;
pub mod audit;
pub mod board;
pub mod brief;
pub mod carry;
pub mod change;
pub mod claim;
pub mod claim_next;
pub mod complete;
pub mod convert;
pub mod decide;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod document;
pub mod done_before;
pub mod edit;
pub mod environment;
pub mod error;
pub mod explain;
pub mod export;
pub mod follow;
pub mod former;
pub mod get;
pub mod graph;
pub mod held;
pub mod high_water;
pub mod hooks;
pub mod import;
pub mod index;
pub mod init;
pub mod left;
pub mod live;
pub mod log;
pub mod logs;
pub mod merged;
pub mod names;
pub mod namespaces;
pub mod new;
pub mod next;
pub mod nudge;
pub mod overlap;
pub mod overview;
pub mod permit;
pub mod proof;
pub mod provider;
pub mod reconcile;
pub mod record;
pub mod report;
pub mod request;
pub mod review;
pub mod revise;
pub mod revision;
pub mod runs;
pub mod session;
pub mod since;
pub mod sources;
pub mod start;
pub mod status;
pub mod status_signature;
pub mod store;
pub mod touched;
pub mod unshared;
pub mod validate;
pub mod verdicts;
pub mod verified;
pub mod verify;
pub mod wait;
pub mod watch;
pub mod work;
pub mod write;

pub use error::{Error, ErrorKind, Fault, Findings, Result};

use std::collections::BTreeSet;

use crate::core::base::suggest::{choices, did_you_mean};
use crate::core::resource::Time;

/// The actor of a request, and the time.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The actor, for example `agent:claude` or `ana@example.com`; `None` is the e-mail that Git commits
    /// with.
    pub actor: Option<String>,
    /// The current time.
    pub now: Time,
}

/// A hint with the candidate that was probably meant, else with the candidates, or the nearest of many.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut seen = BTreeSet::new();
    let candidates = candidates.into_iter().filter(|name| seen.insert(*name));
    let candidates: Vec<&str> = candidates.collect();
    if let Some(near) = did_you_mean(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let verb = match candidates.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let names = choices(word, candidates, |name| format!("`{name}`"));
    Some(format!("there {verb} {names}"))
}
