//! `planspec status`: show the state of all runs, and what an actor holds.

use clap::Args as ClapArgs;

use super::{Context, OutputArg, WorkingArgs, actor};
use crate::failure::{Failure, Outcome};
use crate::service::Caller;
use crate::service::brief::mine;
use crate::service::overview::overview;
use crate::service::session::{SessionRequest, session_start};
use crate::show;

/// Show what failed, what is waiting, and who is working
///
/// Also shows how long each run has waited, and for whom.
///
/// Reads the state of the last fetch; run `git fetch` to update it. With --mine, shows the nodes that you hold, with inputs,
/// instructions, criteria, lease and last commit: everything an agent without memory needs to go on.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Show the nodes that you hold in this session
    #[arg(long)]
    mine: bool,
    /// Show what an agent needs at the start: nodes that it holds, nodes that it can claim, and the rules here
    #[arg(long, conflicts_with = "mine")]
    agent: bool,
    /// Exit with 1 if something needs attention: a run has failed, cannot go on or waits for people, a file cannot be read,
    /// or nobody reconciles
    #[arg(long, conflicts_with_all = ["mine", "agent"])]
    exit_code: bool,
    /// Your actor, for example agent:claude [default: the e-mail of Git's user]
    #[arg(long = "as", value_name = "ACTOR", env = "PLANSPEC_ACTOR", value_parser = actor)]
    actor: Option<String>,
    #[command(flatten)]
    working: WorkingArgs,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.mine {
        return held(context, args);
    }
    if args.agent {
        let request = SessionRequest {
            caller: caller(context, args),
            working: args.working.working(),
            execution: None,
            namespace: None,
        };
        let start = session_start(&context.open()?, &request)?;
        return context.show(
            args.output,
            &start,
            (&show::session::text(&start), &start.notes),
        );
    }
    let overview = overview(&context.open()?, context.now)?;
    let text = show::overview::text(&overview, context.now, context.terminal.width());
    context.show(args.output, &overview, (&text, &[]))?;
    if args.exit_code && overview.needs_somebody {
        return Err(Failure::shown());
    }
    Ok(())
}

fn caller(context: &Context, args: &Args) -> Caller {
    Caller {
        actor: args.actor.clone(),
        now: context.now,
    }
}

fn held(context: &Context, args: &Args) -> Outcome {
    let caller = caller(context, args);
    let held = mine(&context.open()?, &caller, &args.working.working())?;
    let mut text: String = held.items.iter().map(show::brief::text).collect();
    if held.items.is_empty() {
        text = format!("{} holds nothing in this session\n", held.actor);
    }
    context.show(args.output, &held, (&text, &held.notes))
}
