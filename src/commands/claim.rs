//! `planspec claim`: take a node. Exactly one of many racing workers wins.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::core::resource::Duration;
use crate::failure::Outcome;
use crate::service::claim::{ClaimRequest, claim, renew};

/// Take a node that is ready
///
/// The claim is a ref that only one of many racing workers can create. The others exit with 9.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Renew a claim that you hold
    #[arg(long)]
    renew: bool,
    /// How long you may be silent, for example 30m; the configuration sets the longest
    #[arg(long, value_name = "DURATION")]
    lease: Option<Duration>,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ClaimRequest {
        record: args.record.about(context, &args.target),
        lease: args.lease.clone(),
    };
    let store = context.open()?;
    let (verb, recorded) = if args.renew {
        ("renewed", renew(&store, &request)?)
    } else {
        ("claimed", claim(&store, &request)?)
    };
    let (attempt, actor) = (&recorded.answer.what.attempt, &recorded.answer.actor);
    let line = format!(
        "{verb} {} attempt {} as {actor}\n",
        attempt.name(),
        attempt.attempt
    );
    context.recorded(args.record.output, recorded, &line)
}
