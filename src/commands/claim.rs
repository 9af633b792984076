//! `planspec claim`: take a node. Only one of several competing workers gets it.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs, WorkingArgs};
use crate::clock;
use crate::core::base::escape;
use crate::core::base::time::exact;
use crate::core::resource::Duration;
use crate::failure::{Failure, Outcome};
use crate::service::claim::{ClaimRequest, claim, renew};
use crate::service::claim_next::{ClaimNextRequest, Meanwhile, claim_next};
use crate::service::follow::Pace;
use crate::show;
use crate::show::brief::BriefEnd;

/// How often `--wait` checks.
const LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// Claim a node that is ready, and print its brief
///
/// If several workers claim a node at the same time, only one gets it; the others exit with 9. Claiming a node that this
/// session already holds renews the claim. Without a node, the command renews the claim that this
/// session holds, or claims the first node that `planspec next` lists.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Node: EXECUTION/NODE, or EXECUTION for the first of its nodes that `planspec next` lists
    #[arg(value_name = "EXECUTION/NODE")]
    target: Option<String>,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
    /// Renew a claim that you hold
    #[arg(long)]
    renew: bool,
    /// Without a node: only what this provider can claim, for example agent://claude-code, or a pattern with *
    #[arg(long, value_name = "PROVIDER", conflicts_with = "renew")]
    provider: Option<String>,
    /// Without a node: wait until one can be claimed, or for this long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, conflicts_with = "renew")]
    wait: Option<Option<Duration>>,
    /// How long the claim lasts unless renewed, for example 30m; the configuration sets the maximum
    #[arg(long, value_name = "DURATION")]
    lease: Option<Duration>,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ClaimRequest {
        record: args
            .record
            .about(context, args.target.as_deref().unwrap_or_default()),
        working: args.working.working(),
        lease: args.lease.clone(),
    };
    let store = context.open()?;
    let is_named = args
        .target
        .as_ref()
        .is_some_and(|target| target.contains('/'));
    let recorded = if args.renew {
        renew(&store, &request)?
    } else if is_named {
        named(args)?;
        claim(&store, &request)?
    } else {
        let meanwhile = Meanwhile {
            clock: &clock::now,
            tell: &|note| context.notes(&[note.to_owned()]),
            is_wanted: &|| true,
        };
        claim_next(&store, &next_of(args, request), &meanwhile)?
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
    let told = show::brief::of_claim(&claimed.brief, BriefEnd::Commands);
    // A caller that did not name the node may not know its brief.
    let is_told = !claimed.renewed || !(args.renew || is_named);
    let line = line + if is_told { &told } else { "" };
    context.recorded(args.record.output, recorded, &line)
}

/// Rejects options that make no sense with a named node.
fn named(args: &Args) -> Outcome {
    if args.provider.is_none() && args.wait.is_none() {
        return Ok(());
    }
    let why = "--provider and --wait cannot be used with a node";
    Err(Failure::usage(why).hint("omit them, or omit the node"))
}

fn next_of(args: &Args, claim: ClaimRequest) -> ClaimNextRequest {
    let pace = |timeout: &Option<Duration>| Pace {
        interval: LOOK,
        timeout: timeout.as_ref().map(|time| {
            let seconds = u64::try_from(time.seconds()).unwrap_or_default();
            std::time::Duration::from_secs(seconds)
        }),
    };
    ClaimNextRequest {
        claim,
        provider: args.provider.clone(),
        wait: args.wait.as_ref().map(pace),
    }
}
