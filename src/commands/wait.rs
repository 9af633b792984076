//! `planspec wait`: for scripts and deployments that depend on where something stands.

use clap::Args as ClapArgs;

use super::{Context, NamedArgs, OutputArg, PaceArgs};
use crate::core::base::escape;
use crate::failure::Outcome;
use crate::service::wait::{WaitRequest, wait};

/// Wait until a resource, or a node of an execution, is where it should be
///
/// Ends with 0 when it is, with 1 when it can no longer come there (an execution that failed does
/// not succeed) or when the time is over. While nothing moves, only the status branch's ref is
/// looked at.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    resource: NamedArgs,
    /// A phase, condition=TYPE[=STATUS], node=NODE=PHASE, or delete
    #[arg(long = "for", value_name = "WHAT")]
    what: String,
    /// Only what the status says of the spec as it is now; false for what it says of whichever it saw last
    #[arg(long, value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    observed: bool,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = WaitRequest {
        named: args.resource.named("wait")?,
        expected: args.what.clone(),
        observed: args.observed,
        pace: args.pace.pace(),
    };
    // People want to know at once why nothing happens.
    let tell = |note: &str| {
        if args.output.is_text() {
            context.notes(&[note.to_owned()]);
        }
    };
    let waited = wait(&context.open()?, &request, &tell)?;
    let how = escape::line(&waited.message);
    let text = match &waited.namespace {
        Some(namespace) => format!("{} {namespace}/{}: {how}\n", waited.resource, waited.name),
        None => format!("{how}\n"),
    };
    context.show(args.output, &waited, (&text, &[]))
}
