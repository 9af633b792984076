//! `planspec approve`, `planspec reject` and `planspec comment`: review a gate of one run.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::core::resource::ReviewAction;
use crate::failure::Outcome;
use crate::service::decide::{DecideRequest, decide};

/// A decision belongs to one run, one node and one digest over plan, gate and targets
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Gate, or EXECUTION/NODE
    #[arg(value_name = "GATE")]
    gate: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Reason
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Execution to decide on if several are waiting
    #[arg(long, value_name = "EXECUTION")]
    execution: Option<String>,
    /// Node to decide on if the run is waiting at several
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Decide only if this is the current digest
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

/// Runs the verb with the given decision.
pub fn run(context: &Context, args: &Args, decision: ReviewAction) -> Outcome {
    let request = DecideRequest {
        record: args.record.about(context, &args.gate),
        execution: args.execution.clone(),
        node: args.node.clone(),
        digest: args.digest.clone(),
        decision,
        message: args.message.clone(),
    };
    let recorded = decide(&context.open()?, &request)?;
    let word = match decision {
        ReviewAction::Approve => "approved",
        ReviewAction::Reject => "rejected",
        ReviewAction::Comment => "commented on",
    };
    let decided = &recorded.answer.what;
    let line = format!(
        "{word} {} for {}/{} as {}\n",
        decided.gate,
        decided.execution.name(),
        decided.node,
        recorded.answer.actor
    );
    context.recorded(args.record.output, recorded, &line)
}
