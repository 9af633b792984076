//! `planspec watch`: a stream of changes.

use clap::Args as ClapArgs;
use serde_json::json;

use super::follow::Follower;
use super::get::{Wanted, wanted};
use super::{Context, NamespaceArg};
use crate::core::resource::{Duration, Key};
use crate::core::run::status::StatusTree;
use crate::core::run::transition::{Transition, transitions};
use crate::failure::Outcome;
use crate::service::store::Stored;
use crate::show;

/// Show what is, then every change of the status branch as it comes
///
/// Looks at the remote, when there is one, and reads nothing while its status branch stands still.
/// Changes between two looks are all shown, each with the time of its status commit.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME; all when left out
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
    #[arg(long, conflicts_with = "timeout")]
    once: bool,
    /// Stop after this time, for example 10m
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Duration>,
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
    let wanted = match &args.kind {
        Some(kind) => Some(wanted(kind, args.name.as_deref())?),
        None => None,
    };
    let mut follower = Follower::begin(context, args.timeout.as_ref())?;
    let mut shown: Option<StatusTree> = None;
    loop {
        for commit in follower.look(context)? {
            let stored = follower.read(&commit)?;
            let changes: Vec<Transition> = transitions(shown.as_ref(), &stored.tree)
                .into_iter()
                .filter(|change| is_meant(args, wanted.as_ref(), &change.key))
                .collect();
            let is_state = shown.is_none();
            context
                .terminal
                .out(&text(args.output, &changes, is_state, &commit, &stored));
            shown = Some(stored.tree);
        }
        if args.once || !follower.rest(context, args.interval) {
            return Ok(());
        }
    }
}

fn is_meant(args: &Args, wanted: Option<&Wanted>, key: &Key) -> bool {
    let namespace = args.namespace.namespace.as_ref();
    let by_name = |name: &String| *name == key.name || *name == key.qualified();
    namespace.is_none_or(|namespace| *namespace == key.namespace)
        && wanted.is_none_or(|wanted| {
            key.kind == wanted.kind && wanted.name.as_ref().is_none_or(by_name)
        })
}

fn text(
    format: Format,
    changes: &[Transition],
    is_state: bool,
    commit: &str,
    stored: &Stored,
) -> String {
    let lines = changes.iter().map(|change| match (format, is_state) {
        (Format::Text, true) => show::reconcile::state_line(change, stored.time),
        (Format::Text, false) => show::reconcile::change_line(change, stored.time),
        (Format::Json, _) => {
            let resource = serde_json::to_value(crate::api::reconcile::Transition::from(change))
                .unwrap_or_default();
            let file = stored.tree.files.get(&change.key);
            let mut value = json!({
                "apiVersion": show::CLI_API_VERSION,
                "kind": if is_state { "State" } else { "Transition" },
                "time": stored.time,
                "commit": commit,
                "sequence": stored.tree.controller.sequence,
                "uid": file.map(|file| &file.uid),
                "resource": change.key.kind.name(),
            });
            for field in [
                "namespace",
                "name",
                "node",
                "criterion",
                "condition",
                "from",
                "to",
                "attempt",
                "message",
            ] {
                value[field] = resource[field].clone();
            }
            show::json_line(&value)
        }
    });
    lines.collect()
}
