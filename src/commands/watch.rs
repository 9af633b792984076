//! `planspec watch`: a stream of changes.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::json;

use super::get::parse_kind;
use super::store::Store;
use super::{Context, NamespaceArg};
use crate::core::resource::{Key, Kind};
use crate::core::status::{StatusFile, StatusTree};
use crate::core::transition::{Transition, transitions};
use crate::failure::Outcome;
use crate::show;

/// Show what is, then every change of the status branch as it comes
///
/// Looks at the remote, when there is one.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind; all when left out
    kind: Option<String>,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=86400))]
    interval: u64,
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
    /// Stop after the first look
    #[arg(long)]
    once: bool,
}

/// How to show changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line each.
    Text,
    /// A JSON document on a line each.
    Json,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let kind = args.kind.as_deref().map(parse_kind).transpose()?;
    let mut tip: Option<String> = None;
    let mut shown: Option<StatusTree> = None;
    loop {
        let store = Store::open(&context.again()?)?;
        let view = store.fresh()?;
        if view.status_tip != tip || shown.is_none() {
            let stored = store.status(&view)?;
            if let Some(stored) = stored {
                let changes: Vec<Transition> = transitions(shown.as_ref(), &stored.tree)
                    .into_iter()
                    .filter(|change| is_meant(args, kind, &change.key))
                    .collect();
                print(context, args, &changes, &stored.tree.files, stored.time)?;
                shown = Some(stored.tree);
            }
            tip = view.status_tip;
        }
        if args.once || context.terminal.reader_is_gone() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(args.interval));
    }
}

fn is_meant(args: &Args, kind: Option<Kind>, key: &Key) -> bool {
    let namespace = args.namespace.namespace.as_ref();
    let by_name = |name: &String| *name == key.name || *name == key.qualified();
    kind.is_none_or(|kind| key.kind == kind)
        && namespace.is_none_or(|namespace| *namespace == key.namespace)
        && args.name.as_ref().is_none_or(by_name)
}

fn print(
    context: &Context,
    args: &Args,
    changes: &[Transition],
    files: &BTreeMap<Key, StatusFile>,
    time: crate::core::resource::Time,
) -> Outcome {
    let mut text = String::new();
    for change in changes {
        text.push_str(&match args.output {
            Format::Text => show::reconcile::change_line(change, time),
            Format::Json => {
                let uid = files.get(&change.key).map(|file| &file.uid);
                let mut value = show::reconcile::transition_value(change);
                value["time"] = json!(time);
                value["uid"] = json!(uid);
                show::json_line(&value)
            }
        });
    }
    context.terminal.out(&text);
    Ok(())
}
