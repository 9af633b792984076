//! `planspec retry`: open failed nodes again.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::api::record::Reopening;
use crate::failure::Outcome;
use crate::service::request::{CURRENT, RetryRequest, reopening, retry};

/// Retry failed nodes of an execution
///
/// Opens all failed nodes of an execution, or one of them.
///
/// Nodes that depend on them, over edges of any kind, are decided again: those that were skipped, and those that ran because
/// of the failure. If such a task has already done its work, it is named. All other nodes keep their results. Attempt
/// numbers continue; failures are counted from zero. Gates wait for a new decision.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Execution, or one of its nodes
    #[arg(value_name = "EXECUTION[/NODE]")]
    target: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Choose providers again for tasks that have not started; gates before them are decided again
    #[arg(long)]
    rebind: bool,
    /// Repeat a node that has succeeded
    #[arg(long)]
    again: bool,
    /// Continue with the current plan of the spec branch; unchanged nodes keep their results. With a revision, only if the
    /// plan is still the same as there
    #[arg(long, value_name = "REV", num_args = 0..=1, default_missing_value = CURRENT, conflicts_with = "again")]
    plan: Option<String>,
    /// Show what would be opened, without opening it
    #[arg(long, conflicts_with = "reconcile")]
    dry_run: bool,
    /// Reason
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = RetryRequest {
        record: args.record.about(context, &args.target),
        rebind: args.rebind,
        again: args.again,
        plan: args.plan.clone(),
        message: args.message.clone(),
    };
    if args.dry_run {
        let answer = reopening(&context.open()?, &request)?;
        return context.show(args.record.output, &answer, (&text(&answer), &answer.notes));
    }
    let recorded = retry(&context.open()?, &request)?;
    let name = recorded.answer.what.execution.name();
    let asked = recorded.answer.what.asked();
    let line = match &recorded.answer.what.node {
        Some(node) => format!("{asked} to try {name}/{node} again\n"),
        None if args.plan.is_some() => {
            format!("{asked} {name} to continue with its current plan\n")
        }
        None => format!("{asked} to try {name} again\n"),
    };
    context.recorded(args.record.output, recorded, &line)
}

/// The nodes that would be opened, one line each.
fn text(answer: &Reopening) -> String {
    let name = answer.execution.name();
    let lines = answer.nodes.iter().map(|node| {
        let how = match (node.change.as_deref(), node.retried, node.done_again) {
            (Some("added"), ..) => "added",
            (Some("removed"), ..) => "removed",
            (Some("rebound"), ..) => "bind again",
            (Some("asked"), ..) => "ask again: what was approved changes",
            (Some(_), _, true) => "changed: do again",
            (Some(_), ..) => "changed",
            (None, true, _) => "try again",
            (None, false, true) => "repeat (depends on that)",
            (None, false, false) => "decide again (depends on that)",
        };
        format!("{name}/{}: {} → {how}\n", node.node, node.phase)
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return "no node is opened\n".to_owned();
    }
    lines
}
