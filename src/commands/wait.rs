//! `planspec wait`: for scripts and deployments that depend on where something stands.

use std::time;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg, TextFormat};
use crate::core::base::escape;
use crate::core::resource::Duration;
use crate::failure::Outcome;
use crate::service::follow::Pace;
use crate::service::names::wanted_one;
use crate::service::wait::{WaitRequest, wait};

/// Wait until a resource, or a node of an execution, is where it should be
///
/// Ends with 0 when it is, with 1 when it can no longer come there (an execution that failed does
/// not succeed) or when the time is over. While nothing moves, only the status branch's ref is
/// looked at.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// KIND/NAME, or a kind
    kind: String,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// A phase, condition=TYPE[=STATUS], node=NODE=PHASE, or delete
    #[arg(long = "for", value_name = "WHAT")]
    what: String,
    /// How long, for example 30m [default: for ever]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Duration>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = wanted_one("wait", &args.kind, args.name.as_deref())?;
    let request = WaitRequest {
        kind,
        name,
        namespace: args.namespace.namespace.clone(),
        expected: args.what.clone(),
        pace: Pace {
            interval: time::Duration::from_secs(args.interval),
            timeout: args.timeout.clone(),
        },
    };
    let format = args.output.output;
    // People want to know at once why nothing happens.
    let tell = |note: &str| {
        if format == TextFormat::Text {
            context.notes(&[note.to_owned()]);
        }
    };
    let waited = wait(&context.open()?, &request, &tell)?;
    let how = escape::line(&waited.message);
    let text = match &waited.namespace {
        Some(namespace) => format!("{} {namespace}/{}: {how}\n", waited.resource, waited.name),
        None => format!("{how}\n"),
    };
    context.show(format, &waited, (&text, &[]))
}
