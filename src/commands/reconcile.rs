//! `planspec reconcile`: advance what can be advanced, and commit the status back.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::Outcome;
use crate::service::reconcile::{ReconcileRequest, reconcile};
use crate::show;

/// Advance executions and commit their status to the status branch
///
/// Works on the tip of the spec branch (the remote's, when there is one), never on what is checked
/// out. A second run over the same input writes nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Decide and show, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the resources of this revision instead of the spec branch; needs --dry-run
    #[arg(long = "ref", value_name = "REV")]
    rev: Option<String>,
    /// Go on for ever, looking every few seconds
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    loop {
        match once(&context.again()?, args) {
            // A remote that is away for a moment is no reason to stop watching.
            Err(failure) if args.watch => {
                let message = failure.error.map(|error| error.message).unwrap_or_default();
                context.terminal.note(&format!("error: {message}"));
            }
            done => done?,
        }
        if !args.watch || context.terminal.reader_is_gone() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(args.interval));
    }
}

fn once(context: &Context, args: &Args) -> Outcome {
    let request = ReconcileRequest {
        now: context.now,
        dry_run: args.dry_run,
        revision: args.rev.clone(),
    };
    let done = reconcile(&context.open()?, &request)?;
    if args.watch && done.transitions.is_empty() {
        return Ok(());
    }
    // Before the answer, whose last lines say what to do next.
    context.notes(&done.notes);
    let text = show::reconcile::text(&done, context.terminal.width());
    context.show(args.output, &done, (&text, &[]))
}
