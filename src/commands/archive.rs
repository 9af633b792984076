//! `planspec archive`: finished executions leave the status.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::core::base::time::exact;
use crate::core::resource::{Duration, Time};
use crate::failure::Outcome;
use crate::service::archive::{ArchiveRequest, archive, preview};
use crate::show;

/// Archive finished executions
///
/// They leave the status branch, and stay in its history: `log` and `audit` still find them. Their files may be deleted
/// without any effect. If a file stays, or comes back, it does not run again unless its spec changes.
///
/// Sends a request; the next reconcile applies it. An execution stays as long as an open one waits for it, or its goal is
/// Executing. With a namespace, only its executions are archived.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Executions that ended before this date, this time or this long ago: 2026-01-31, 2026-01-31T12:00:00Z, 90d
    #[arg(long, value_name = "WHEN", value_parser = when)]
    before: When,
    /// Show what would be archived, without asking for it
    #[arg(long)]
    dry_run: bool,
    /// Reason
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    #[command(flatten)]
    record: RecordArgs,
}

/// A time, or how long ago it was.
#[derive(Debug, Clone)]
enum When {
    At(Time),
    Ago(Duration),
}

fn when(text: &str) -> Result<When, String> {
    let day = || format!("{text}T00:00:00Z").parse::<Time>();
    let at = text.parse::<Time>().or_else(|_| day());
    let ago = || text.parse().map(When::Ago);
    at.map(When::At).or_else(|_| ago()).map_err(|_| {
        "write a date, a time or a duration: 2026-01-31, 2026-01-31T12:00:00Z, 90d".to_owned()
    })
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let before = match &args.before {
        When::At(time) => *time,
        When::Ago(age) => context.now - age.delta(),
    };
    let request = ArchiveRequest {
        record: args.record.about(context, ""),
        before,
        message: args.message.clone(),
    };
    let store = context.open()?;
    let nothing = if args.dry_run {
        preview(&store, &request)?
    } else {
        match archive(&store, &request)? {
            Ok(recorded) => {
                let asked = &recorded.answer.what;
                let count = show::count(asked.count, "execution");
                let line = format!(
                    "asked to archive {count} that ended before {}\n",
                    exact(before)
                );
                return context.recorded(args.record.output, recorded, &line);
            }
            Err(nothing) => nothing,
        }
    };
    let text = show::archive::text(&nothing, context.terminal.width());
    context.show(args.record.output, &nothing, (&text, &[]))
}
