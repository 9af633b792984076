//! `planspec release`: give a claimed node back.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs, WorkingArgs};
use crate::failure::Outcome;
use crate::service::claim::{ReleaseRequest, release};

/// Give a claimed node back
///
/// This does not count as a failure: another attempt can be claimed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Node: EXECUTION/NODE; optional if this session holds only one
    #[arg(value_name = "EXECUTION/NODE")]
    target: Option<String>,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
    /// Reason
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ReleaseRequest {
        record: args
            .record
            .about(context, args.target.as_deref().unwrap_or_default()),
        working: args.working.working(),
        message: args.message.clone(),
    };
    let recorded = release(&context.open()?, &request)?;
    let attempt = &recorded.answer.what.attempt;
    let line = format!("released {} attempt {}\n", attempt.name(), attempt.attempt);
    context.recorded(args.record.output, recorded, &line)
}
