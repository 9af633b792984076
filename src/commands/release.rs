//! `planspec release`: give a claimed node back.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::failure::Outcome;
use crate::service::claim::{ReleaseRequest, release};

/// Give a claimed node back; the next attempt opens without a failure
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ReleaseRequest {
        record: args.record.about(context, &args.target),
        message: args.message.clone(),
    };
    let recorded = release(&context.open()?, &request)?;
    let attempt = &recorded.answer.what.attempt;
    let line = format!("released {} attempt {}\n", attempt.name(), attempt.attempt);
    context.recorded(args.record.output, recorded, &line)
}
