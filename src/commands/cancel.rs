//! `planspec cancel`: stop a run.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::failure::Outcome;
use crate::service::request::{CancelRequest, cancel};

/// Cancel an execution
///
/// Cancels all nodes that have not finished.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Execution to cancel
    execution: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Reason
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = CancelRequest {
        record: args.record.about(context, &args.execution),
        message: args.message.clone(),
    };
    let recorded = cancel(&context.open()?, &request)?;
    let asked = recorded.answer.what.asked();
    let line = format!(
        "{asked} {} to stop\n",
        recorded.answer.what.execution.name()
    );
    context.recorded(args.record.output, recorded, &line)
}
