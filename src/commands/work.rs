//! `planspec work`: run the tasks that are bound to `tool://` targets.

use std::time::Duration;

use clap::Args as ClapArgs;

use super::{Context, RecordArgs, TextFormat, next_document};
use crate::api::work::{WorkEvent, WorkEventKind};
use crate::clock;
use crate::core::base::escape::line;
use crate::core::run::proposal::retry_note;
use crate::failure::Outcome;
use crate::service::work::{Progress, Surroundings, WorkRequest, work};
use crate::service::{Error, verify};
use crate::show;
use crate::show::brief::BriefEnd;
use crate::worker::signals::Stop;

/// Run the tasks that are bound to tool:// targets
///
/// Claims nodes that are ready, runs `config.command` of their targets in a separate work tree, checks the acceptance
/// criteria and reports. The commands come from the spec branch: people who can change it decide what this machine runs.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Only targets of this provider or below it: tool://NAME, or a pattern with *
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Only this node: EXECUTION/NODE
    #[arg(long, value_name = "EXECUTION/NODE")]
    node: Option<String>,
    /// Stop when nothing is ready (the default)
    #[arg(long, conflicts_with = "watch")]
    once: bool,
    /// Keep running, and check every few seconds
    #[arg(long)]
    watch: bool,
    /// Seconds between checks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    /// Number of nodes to run at the same time
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Also poll External nodes of type uri and webhook, and report those that have happened
    #[arg(long)]
    externals: bool,
    #[command(flatten)]
    record: RecordArgs,
}

/// Runs the verb. With `-o json`, prints one document per line as things happen.
pub fn run(context: &Context, args: &Args) -> Outcome {
    verify::supported()?;
    let stop = Stop::on_signals().map_err(Error::unavailable)?;
    let request = WorkRequest {
        caller: args.record.caller(context),
        reconcile: args.record.reconcile,
        dir: context.dir.clone(),
        provider: args.provider.clone(),
        node: args.node.clone(),
        namespace: args.record.namespace.given(),
        watch: args.watch,
        interval: Duration::from_secs(args.interval),
        jobs: usize::from(args.jobs),
        externals: args.externals,
    };
    let format = args.record.output.output;
    let tell = |event: &Progress<'_>| match format {
        TextFormat::Text => text(context, event),
        format => document(context, format, told(event)),
    };
    let around = Surroundings {
        clock: &clock::now,
        tell: &tell,
        write: &|brief| show::brief::document(brief, BriefEnd::ExitCode),
        stop: &stop,
    };
    let worked = work(&request, around)?;
    let now = context.again()?.now;
    let mut notes = Vec::new();
    if !worked.did_something {
        notes.push(("", "nothing is ready".to_owned()));
    }
    notes.extend(worked.notes.into_iter().map(|note| ("note: ", note)));
    for (node, at) in &worked.later {
        notes.push(("note: ", retry_note(node, *at, now)));
    }
    if worked.did_something && !args.record.reconcile {
        notes.push(("next: ", "planspec reconcile".to_owned()));
    }
    for (what, message) in notes {
        match format {
            TextFormat::Text => context.terminal.note(&format!("{what}{message}")),
            format => {
                let idle = WorkEvent::new(WorkEventKind::Idle, message);
                document(context, format, idle);
            }
        }
    }
    Ok(())
}

fn text(context: &Context, event: &Progress<'_>) {
    let terminal = context.terminal;
    match event {
        Progress::Happened(WorkEvent {
            event: WorkEventKind::Log,
            message,
            ..
        }) => terminal.note(&format!("  | {message}")),
        Progress::Happened(event) => terminal.out(&format!("{}\n", line(&event.message))),
        Progress::Checked {
            attempt,
            criterion,
            result,
        } => {
            let said = show::verify::line(criterion, result);
            let (name, number) = (attempt.name(), attempt.attempt);
            terminal.out(&format!("{} attempt {number}: {said}", line(&name)));
        }
        Progress::Reconciled(done) => {
            terminal.out(&context.moved(done, true));
        }
        Progress::Trouble(error) => terminal.note(&format!("error: {}", error.message)),
    }
}

/// An event as data.
fn told(event: &Progress<'_>) -> WorkEvent {
    match event {
        Progress::Happened(event) => event.clone(),
        Progress::Checked {
            attempt,
            criterion,
            result,
        } => {
            let verdict = if result.holds { "holds" } else { "broken" };
            let said = show::verify::line(criterion, result);
            WorkEvent {
                criterion: Some(result.name.clone()),
                result: Some(verdict.to_owned()),
                ..WorkEvent::new(WorkEventKind::Checked, said).at(attempt.clone())
            }
        }
        Progress::Reconciled(done) => {
            let moved = show::count(done.transitions.len(), "transition");
            WorkEvent {
                commit: done.status_commit.clone(),
                ..WorkEvent::new(WorkEventKind::Reconciled, moved)
            }
        }
        Progress::Trouble(error) => {
            let refused = error.refused();
            WorkEvent {
                notes: refused.hint.into_iter().collect(),
                ..WorkEvent::new(WorkEventKind::Trouble, refused.message)
            }
        }
    }
}

/// Prints an event as a document; its message is one line, and the other lines are notes.
fn document(context: &Context, format: TextFormat, event: WorkEvent) {
    let mut lines = event.message.lines().map(str::trim_end);
    let message = lines.next().unwrap_or_default().to_owned();
    let notes = lines.map(str::to_owned).chain(event.notes).collect();
    let event = WorkEvent {
        message,
        notes,
        ..event
    };
    if let Ok(document) = next_document(format, &event) {
        context.terminal.out(&document);
    }
}
