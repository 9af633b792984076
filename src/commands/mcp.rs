//! `planspec mcp`: serve tools for agents on standard input and output.

use clap::Args as ClapArgs;

use super::{Context, actor};
use crate::failure::Outcome;
use crate::mcp::{Options, serve};

/// Serve tools for agents over MCP, on standard input
///
/// A client starts this program and calls its tools: next, claim, report, release, ask, list, describe, log, validate, start.
/// No tool approves, rejects, comments, attests or answers. The program ends when standard input is closed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Agent to record, for example agent:claude; never a person [default: agent:mcp]
    #[arg(long = "as", value_name = "ACTOR", env = "PLANSPEC_ACTOR", value_parser = actor)]
    actor: Option<String>,
    /// Session that holds nodes [default: one for each work tree]
    #[arg(long, value_name = "SESSION", env = "PLANSPEC_SESSION")]
    session: Option<String>,
    /// Reconcile after each record
    #[arg(long)]
    reconcile: bool,
    /// Offer only tools that change nothing
    #[arg(long)]
    read_only: bool,
    /// Offer only these tools, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    tools: Vec<String>,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    serve(&Options {
        dir: context.dir.clone(),
        actor: set(&args.actor),
        session: set(&args.session),
        reconcile: args.reconcile,
        read_only: args.read_only,
        tools: args.tools.clone(),
    })?;
    Ok(())
}
