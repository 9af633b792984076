//! `planspec status`: what somebody holds.

use clap::Args as ClapArgs;

use super::{Context, OutputArg, WorkingArgs};
use crate::failure::Outcome;
use crate::service::Caller;
use crate::service::brief::mine;
use crate::show;

/// What you hold: inputs, instructions, criteria, lease and last commit of each node
///
/// Enough for an agent that has forgotten everything.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What you hold in this session
    #[arg(long, required = true)]
    mine: bool,
    /// Who you are, for example agent:claude [default: the e-mail of Git's user]
    #[arg(long = "as", value_name = "ACTOR", env = "PLANSPEC_ACTOR")]
    actor: Option<String>,
    #[command(flatten)]
    working: WorkingArgs,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let caller = Caller {
        actor: args.actor.clone(),
        now: context.now,
    };
    let held = mine(&context.open()?, &caller, &args.working.working())?;
    let mut text: String = held.items.iter().map(show::brief::text).collect();
    if held.items.is_empty() {
        text = format!("{} holds nothing in this session\n", held.actor);
    }
    context.show(args.output, &held, (&text, &held.notes))
}
