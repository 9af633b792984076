//! `planspec watch`: show changes as they happen.

use std::ops::ControlFlow;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg, PaceArgs, TextFormat, next_document};
use crate::api::watch::{WatchChange, WatchNote, WatchState};
use crate::core::resource::LabelSelector;
use crate::failure::Outcome;
use crate::service::names::{parse_selector, wanted};
use crate::service::watch::{Changes, WatchRequest, Watched, watch};
use crate::show;

/// Show the current state, then every change
///
/// Polls the status branch of the remote, if there is one, and reads nothing while it does not change. All changes between
/// two polls are shown, each with the time of its status commit.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Kind, or KIND/NAME [default: all]
    kind: Option<String>,
    /// Name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Only resources with matching labels: a=b,c!=d,e,!f
    #[arg(short = 'l', short_alias = 's', long, value_name = "SELECTOR", value_parser = parse_selector)]
    selector: Option<LabelSelector>,
    #[command(flatten)]
    pace: PaceArgs,
    /// Show the current state and exit
    #[arg(long, conflicts_with = "timeout")]
    once: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = WatchRequest {
        wanted: match &args.kind {
            Some(kind) => Some(wanted(kind, args.name.as_deref())?),
            None => None,
        },
        namespace: args.namespace.given(),
        selector: args.selector.clone(),
        once: args.once,
        pace: args.pace.pace(),
    };
    let format = args.output.output;
    let mut failed = None;
    let mut tell = |watched: Watched<'_>| {
        let told = match (watched, format) {
            (Watched::Nothing, _) => Ok(String::new()),
            (Watched::Note(note), TextFormat::Text) => {
                context.notes(&[note]);
                Ok(String::new())
            }
            (Watched::Note(message), format) => next_document(format, &WatchNote { message }),
            (Watched::Changes(changes), TextFormat::Text) => Ok(text(&changes)),
            (Watched::Changes(changes), format) => documents(format, &changes),
        };
        match told {
            Ok(told) => context.terminal.out(&told),
            Err(error) => failed = Some(error),
        }
        if failed.is_some() || context.terminal.reader_is_gone() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    watch(&context.open()?, &request, &mut tell)?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// A line for each change.
fn text(told: &Changes<'_>) -> String {
    let at = told.stored.time;
    let lines = told.changes.iter().map(|change| {
        if told.is_state {
            show::reconcile::state_line(change, at)
        } else {
            show::reconcile::change_line(change, at)
        }
    });
    lines.collect()
}

/// A document for each change.
fn documents(format: TextFormat, told: &Changes<'_>) -> serde_json::Result<String> {
    let documents = told.events().map(|event| {
        if told.is_state {
            next_document(format, &WatchState { event })
        } else {
            next_document(format, &WatchChange { event })
        }
    });
    documents.collect()
}
