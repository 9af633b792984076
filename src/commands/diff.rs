//! `planspec diff`: review uncommitted changes.

use clap::Args as ClapArgs;

use super::reviewed::ReviewOutputArg;
use super::{Context, NamespaceArg};
use crate::failure::Outcome;
use crate::service::diff::{DiffRequest, diff};

/// Review changes that are not committed yet
///
/// Compares the work tree, or with --staged the index, with HEAD, as `review` compares two commits.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files or folders, KIND NAME, or KIND/NAME
    #[arg(value_name = "FILE|KIND NAME")]
    what: Vec<String>,
    /// File to compare; may be repeated
    #[arg(
        short,
        long = "filename",
        alias = "file",
        value_name = "FILE",
        hide = true
    )]
    files: Vec<String>,
    /// Compare with this revision
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    rev: String,
    /// Compare the index instead of the work tree
    #[arg(long)]
    staged: bool,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    output: ReviewOutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = DiffRequest {
        revision: args.rev.clone(),
        staged: args.staged,
        what: [args.what.clone(), args.files.clone()].concat(),
        namespace: args.namespace.given(),
    };
    let reviewed = diff(&context.open()?, &request)?;
    context.reviewed(&args.output, &reviewed)
}
