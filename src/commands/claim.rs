//! `planspec claim`: take a node. Exactly one of many racing workers wins.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs, WorkingArgs};
use crate::core::base::escape;
use crate::core::base::time::exact;
use crate::core::resource::Duration;
use crate::failure::Outcome;
use crate::service::claim::{ClaimRequest, claim, renew};
use crate::show;

/// Take a node that is ready
///
/// The claim is a ref that only one of many racing workers can create. The others exit with 9. Who holds the node
/// already, in the same session, renews the claim.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node: EXECUTION/NODE; with --renew not needed where you hold only one here
    #[arg(value_name = "EXECUTION/NODE", required_unless_present = "renew")]
    target: Option<String>,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
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
        record: args
            .record
            .about(context, args.target.as_deref().unwrap_or_default()),
        working: args.working.working(),
        lease: args.lease.clone(),
    };
    let store = context.open()?;
    let recorded = if args.renew {
        renew(&store, &request)?
    } else {
        claim(&store, &request)?
    };
    let (claimed, actor) = (&recorded.answer.what, &recorded.answer.actor);
    let verb = if claimed.renewed {
        "renewed"
    } else {
        "claimed"
    };
    let (name, number) = (claimed.attempt.name(), claimed.attempt.attempt);
    let mut line = format!(
        "{verb} {name} attempt {number} as {}\nclaim {}\n",
        escape::line(actor),
        claimed.claim
    );
    if let Some(end) = claimed.lease_end {
        line.push_str(&format!("lease until {}\n", exact(end)));
    }
    let told = show::brief::of_claim(&claimed.brief);
    let line = line + if claimed.renewed { "" } else { &told };
    context.recorded(args.record.output, recorded, &line)
}
