//! `planspec logs`: what the command of a node printed.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::failure::Outcome;
use crate::service::logs::{LogsRequest, logs};

/// Print what the command of a node printed
///
/// `planspec work` keeps it when an attempt ends. On a terminal it is made safe to print; into a file
/// or a pipe it goes as it is. Who does a node otherwise keeps no log here.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Which attempt; the last one that has a log when left out
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = LogsRequest {
        target: args.target.clone(),
        namespace: args.namespace.given(),
        attempt: args.attempt,
    };
    let logs = logs(&context.open()?, &request)?;
    if !args.output.is_text() {
        return context.show(args.output, &logs, ("", &[]));
    }
    context.notes(&logs.notes);
    context.terminal.out_as_it_is(&logs.log);
    Ok(())
}
