//! `planspec log`: the revisions of a resource, or the transitions of an execution.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg, TextFormat};
use crate::core::resource::Kind;
use crate::failure::{Failure, Outcome};
use crate::service::log::{EventsRequest, RevisionsRequest, events, kind_of, revisions};
use crate::service::names::{Named, kind_and_name, parse_kind};
use crate::show;

/// Show the history of a plan or an execution
///
/// For a plan, lists its revisions on the spec branch. For an execution, lists its transitions on the status branch. The
/// newest comes first. Name the kind if both have the name.
///
/// Reads the state of the last fetch.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// NAME or NAMESPACE/NAME, KIND NAME, or KIND/NAME
    #[arg(required = true, num_args = 1..=2)]
    name: Vec<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Show at most this many entries, the newest [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// List the revisions of a plan from this commit back [default: the spec branch]
    #[arg(long = "ref", value_name = "REV")]
    revision: Option<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: HistoryFormat,
}

/// How to show history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum HistoryFormat {
    /// One line for each entry.
    Table,
    /// One JSON document.
    Json,
}

impl From<HistoryFormat> for OutputArg {
    fn from(format: HistoryFormat) -> OutputArg {
        OutputArg::from(match format {
            HistoryFormat::Table => TextFormat::Text,
            HistoryFormat::Json => TextFormat::Json,
        })
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = match args.name.as_slice() {
        [kind, name] => (Some(parse_kind(kind)?), name.as_str()),
        [name] => kind_and_name(name),
        _ => (None, ""),
    };
    if name.is_empty() || name.ends_with('/') {
        let words = args.name.join(" ");
        return Err(Failure::usage(format!("`{words}` names no resource")));
    }
    let kind = match kind {
        Some(kind) => kind,
        // An execution has no revisions.
        None if args.revision.is_some() => Kind::Plan,
        None => kind_of(&context.open()?, name, args.namespace.given().as_deref())?,
    };
    let limit = args.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    if kind == Kind::Execution {
        if args.revision.is_some() {
            return Err(Failure::usage(
                "--ref applies to revisions, not to executions",
            ));
        }
        return of_execution(context, args, name, limit);
    }
    of_resource(context, args, (kind, name), limit)
}

fn of_execution(context: &Context, args: &Args, name: &str, limit: usize) -> Outcome {
    let request = EventsRequest {
        name: name.to_owned(),
        namespace: args.namespace.given(),
        limit,
    };
    let found = events(&context.open()?, &request)?;
    let text = show::log::events(&found.items, context.terminal.width());
    context.show(args.output.into(), &found, (&text, &found.notes))
}

fn of_resource(
    context: &Context,
    args: &Args,
    (kind, name): (Kind, &str),
    limit: usize,
) -> Outcome {
    let request = RevisionsRequest {
        named: Named {
            kind,
            name: name.to_owned(),
            namespace: args.namespace.given(),
        },
        limit,
        revision: args.revision.clone(),
    };
    let found = revisions(&context.open()?, &request)?;
    let text = show::log::revisions(&found.items, context.terminal.width());
    context.show(args.output.into(), &found, (&text, &found.notes))
}
