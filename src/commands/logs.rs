//! `planspec logs`: print the output of a node's command.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::failure::Outcome;
use crate::service::logs::{LogsRequest, logs};

/// Print the output of a node's command
///
/// `planspec work` stores the output when an attempt ends; other workers store none. Control characters are escaped on a
/// terminal, but not in a file or pipe.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Attempt [default: the last one that has a log]
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
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
