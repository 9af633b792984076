//! `planspec next`: list the nodes that can be claimed, with all that a worker has to know.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, json};
use crate::api::next::NextNode;
use crate::core::run::transition::{Waiting, WaitingFor};
use crate::failure::Outcome;
use crate::service::next::{NextRequest, next};
use crate::show;

/// Maximum number of waiting nodes that are listed.
const MAX_WAITING: usize = 10;

/// List the nodes that can be claimed now
///
/// The order is: higher priority of the goal, then more work that depends on the node, then longer ready. Nodes with a
/// claim that is not reconciled yet are left out. Exits with 0 even if there is nothing to do.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Only nodes of this execution
    execution: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Only nodes that this provider or one below it can claim, for example agent://claude-code, or a pattern with *;
    /// includes nodes that any provider can claim
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// List at most this many nodes
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: NextFormat,
}

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum NextFormat {
    /// A table.
    Table,
    /// One JSON document with inputs, context and all else.
    Json,
    /// One EXECUTION/NODE on each line.
    Name,
    /// A matrix for a GitHub Actions job, on one line.
    GithubMatrix,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = NextRequest {
        execution: args.execution.clone(),
        namespace: args.namespace.given(),
        provider: args.provider.clone(),
        limit: args.limit,
        for_programs: args.output == NextFormat::GithubMatrix,
        now: context.now,
    };
    let found = next(&context.open()?, &request)?;
    let text = match args.output {
        NextFormat::Name => names(&found.items),
        NextFormat::Table => {
            if found.items.is_empty() {
                context.terminal.note("nothing can be claimed now");
            }
            context.notes(&found.notes);
            context.notes(&waits(&found.waiting));
            table(&found.items, context.terminal.width())
        }
        NextFormat::GithubMatrix => {
            let (matrix, left_out) = found.matrix();
            context.notes(left_out.as_slice());
            show::json_line(&serde_json::to_value(matrix)?)
        }
        NextFormat::Json => json(&found)?,
    };
    context.terminal.out(&text);
    Ok(())
}

/// What waits for whom; retries and verifications are in the notes.
fn waits(waiting: &[Waiting]) -> Vec<String> {
    let is_told = |waiting: &&Waiting| {
        matches!(
            waiting.what,
            WaitingFor::Retry { .. } | WaitingFor::Verification { .. }
        )
    };
    let mut lines = waiting.iter().filter(|waiting| !is_told(waiting));
    let first = lines
        .by_ref()
        .take(MAX_WAITING)
        .map(show::reconcile::waiting_line);
    let mut told: Vec<String> = first.collect();
    let more = lines.count();
    if more > 0 {
        told.push(format!("{more} more wait: planspec get executions"));
    }
    told
}

fn names(items: &[NextNode]) -> String {
    let names = items.iter().map(|next| format!("{}\n", next.qualified()));
    names.collect()
}

fn table(items: &[NextNode], width: Option<usize>) -> String {
    let rows = items.iter().map(|next| {
        vec![
            next.namespace.clone(),
            format!("{}/{}", next.execution, next.node),
            next.provider.as_deref().unwrap_or("<any>").to_owned(),
            next.attempt.to_string(),
            next.title(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let headers = ["NAMESPACE", "NODE", "PROVIDER", "ATTEMPT", "WHAT"];
    show::table::table_keeping(&[0, 1], &headers, &rows, width)
}
