//! `planspec init`: set up planspec in this repository.

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::Outcome;
use crate::service::init::{Action, InitRequest, init};
use crate::show;

/// Set up planspec in this repository: files, hook, CI
///
/// Creates planspec/, .planspec.yaml, the pre-commit hook and a CI workflow.
///
/// Asks no questions, overwrites no files and commits nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Do not install the pre-commit hook
    #[arg(long)]
    no_hook: bool,
    /// Do not create the CI workflow
    #[arg(long)]
    no_ci: bool,
    /// Also write a skill for agents and a section of AGENTS.md, or update them
    #[arg(long)]
    agent: bool,
    /// GitHub action for the workflow: the repository of planspec, and a commit or tag of it [default: the release of this
    /// program]
    #[arg(long, value_name = "OWNER/NAME@COMMIT", conflicts_with = "no_ci")]
    action: Option<Action>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = InitRequest {
        no_hook: args.no_hook,
        no_ci: args.no_ci,
        agent: args.agent,
        action: args.action.clone(),
    };
    let made = init(context.dir.as_deref(), &request)?;
    let text = show::made::initialized(&made);
    context.show(args.output, &made, (&text, &made.notes))?;
    context.next(args.output, &made.next);
    Ok(())
}
