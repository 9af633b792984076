//! One file per verb: its `Args` and its `run`, which sends a request to the service and shows the answer. Code that
//! several verbs share is in files that are not verbs; verbs do not use each other.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | arguments that several verbs have |
//! | `context` | what every verb gets, and how answers are shown |
//! | `reviewed` | how a comparison of two states of the repository is shown |

// Doc comments of arguments are their help texts, read in a terminal.
#![allow(rustdoc::bare_urls)]

pub mod answer;
pub mod apply;
pub mod approve;
pub mod archive;
mod args;
pub mod ask;
pub mod attest;
pub mod audit;
pub mod board;
pub mod cancel;
pub mod claim;
pub mod completions;
mod context;
pub mod convert;
pub mod create;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod edit;
pub mod explain;
pub mod export;
pub mod get;
pub mod graph;
pub mod hooks;
pub mod import;
pub mod init;
pub mod log;
pub mod logs;
#[cfg(feature = "mcp")]
pub mod mcp;
pub mod new;
pub mod next;
pub mod reconcile;
pub mod release;
pub mod report;
pub mod retry;
pub mod review;
mod reviewed;
pub mod revise;
pub mod schema;
#[cfg(feature = "serve")]
pub mod serve;
pub mod show;
pub mod start;
pub mod status;
pub mod validate;
pub mod verify;
pub mod wait;
pub mod watch;
pub mod work;

use args::{
    DocumentFormat, NamedArgs, NamespaceArg, OutFile, OutputArg, PaceArgs, RecordArgs, TextFormat,
    WorkingArgs, actor, document, out_file,
};
pub use context::{Context, show_findings};
use context::{answer_document, json, next_document};
