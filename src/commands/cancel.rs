//! `planspec cancel`: stop a run.

use clap::Args as ClapArgs;

use super::{ActorArgs, Context, NamespaceArg};
use crate::failure::Outcome;
use crate::service::request::{CancelRequest, cancel};

/// Stop an execution: what is unfinished is cancelled
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The execution
    execution: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    actor: ActorArgs,
    /// Why
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = CancelRequest {
        sender: args.actor.sender(context),
        execution: args.execution.clone(),
        namespace: args.namespace.namespace.clone(),
        message: args.message.clone(),
    };
    let recorded = cancel(&context.open()?, &request)?;
    let line = format!("asked {} to stop\n", recorded.what.execution.name());
    context.recorded(args.actor.output.output, recorded, &line)
}
