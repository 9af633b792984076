//! `planspec retry`: open again what failed.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::failure::Outcome;
use crate::service::request::{RetryRequest, retry};

/// Try again: open the failed nodes of an execution, or one of them, and what was skipped for them
///
/// Attempts go on counting, failures are counted anew. Gates that were rejected wait for a new
/// decision. What succeeded stays as it is.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The execution, or one failed node of it
    #[arg(value_name = "EXECUTION[/NODE]")]
    target: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Resolve who does what has not begun anew; gates before it are decided again
    #[arg(long)]
    rebind: bool,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = RetryRequest {
        record: args.record.about(context, &args.target),
        rebind: args.rebind,
        message: args.message.clone(),
    };
    let recorded = retry(&context.open()?, &request)?;
    let name = recorded.answer.what.execution.name();
    let line = match &recorded.answer.what.node {
        Some(node) => format!("asked to try {name}/{node} again\n"),
        None => format!("asked to try {name} again\n"),
    };
    context.recorded(args.record.output, recorded, &line)
}
