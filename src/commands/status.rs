//! `planspec status`: where everything stands, and what somebody holds.

use clap::Args as ClapArgs;

use super::{Context, OutputArg, WorkingArgs};
use crate::failure::{Failure, Outcome};
use crate::service::Caller;
use crate::service::brief::mine;
use crate::service::overview::overview;
use crate::service::session::{SessionRequest, session_start};
use crate::show;

/// Show what failed, what waits for whom, who is at work
///
/// Where everything stands: what has failed, what waits for whom and since when, who is at work.
///
/// Reads what the last fetch brought; `git fetch` brings more. With --mine what you hold: inputs, instructions, criteria,
/// lease and last commit of each node, enough for an agent that has forgotten everything.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What you hold in this session
    #[arg(long)]
    mine: bool,
    /// What an agent has to know when it begins: what it holds, what it may take, the rules of this repository
    #[arg(long, conflicts_with = "mine")]
    agent: bool,
    /// Exit with 1 if anything stays as it is until a person does something: a run has failed or cannot go on, people are
    /// waited for, a file cannot be read, or nobody reconciles
    #[arg(long, conflicts_with_all = ["mine", "agent"])]
    exit_code: bool,
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
