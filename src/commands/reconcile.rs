//! `planspec reconcile`: advance what can be advanced, and commit the status back.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::{Context, OutputArg, next_document};
use crate::api::reconcile::Reconciled;
use crate::api::refusal::Refusal;
use crate::failure::Outcome;
use crate::service::reconcile::{ReconcileRequest, reconcile};
use crate::service::store::Store;
use crate::service::{Error, Result};
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
    /// Look at everything, not only at what may move, and check that both come to the same
    #[arg(long, conflicts_with = "watch")]
    full: bool,
    /// Write even if the clock of this machine is in doubt: it is right
    #[arg(long, conflicts_with_all = ["dry_run", "watch"])]
    accept_time: bool,
    /// Begin the status anew where its branch is gone, or go on with it where the configuration names another branch or remote
    #[arg(long, conflicts_with = "watch")]
    initialize: bool,
    /// Go back to the status of this commit, by a commit on top of all there is; decides nothing
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["dry_run", "watch", "rev", "full", "initialize"])]
    restore: Option<String>,
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
    if !args.watch {
        return show(context, args.output, &once(context, args)?);
    }
    let mut has_begun = false;
    loop {
        let context = context.again()?;
        match once(&context, args) {
            Ok(done) if done.transitions.is_empty() => has_begun = true,
            Ok(done) => {
                has_begun = true;
                tell(&context, args.output, &done)?;
            }
            // A remote that is away for a moment is no reason to stop watching.
            Err(error) if has_begun => complain(&context, args.output, &error)?,
            Err(error) => return Err(error.into()),
        }
        if context.terminal.reader_is_gone() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(args.interval));
    }
}

fn once(context: &Context, args: &Args) -> Result<Reconciled> {
    let request = ReconcileRequest {
        now: context.now,
        dry_run: args.dry_run,
        revision: args.rev.clone(),
        full: args.full,
        accept_time: args.accept_time,
        initialize: args.initialize,
        restore: args.restore.clone(),
    };
    let store = Store::open(context.dir.as_deref())?;
    let mut done = reconcile(&store, &request)?;
    done.notes.extend(store.keeps_to_itself());
    if let Some(commit) = done
        .status_commit
        .as_ref()
        .filter(|_| done.changed && !done.dry_run)
    {
        context.terminal.stands(format!("status commit {commit}"));
    }
    Ok(done)
}

fn show(context: &Context, output: OutputArg, done: &Reconciled) -> Outcome {
    if output.is_text() {
        // Before the answer, whose last lines say what to do next.
        context.notes(&done.notes);
    }
    let text = show::reconcile::text(done, context.terminal.width());
    context.show(output, done, (&text, &[]))
}

/// One of many answers.
fn tell(context: &Context, output: OutputArg, done: &Reconciled) -> Outcome {
    if output.is_text() {
        return show(context, output, done);
    }
    context.terminal.out(&next_document(output.output, done)?);
    Ok(())
}

/// Something did not work, and is tried again.
fn complain(context: &Context, output: OutputArg, error: &Error) -> Outcome {
    let error = error.refused();
    if output.is_text() {
        context.terminal.note(&format!("error: {}", error.message));
        return Ok(());
    }
    let document = next_document(output.output, &Refusal { error })?;
    context.terminal.out(&document);
    Ok(())
}
