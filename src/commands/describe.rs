//! `planspec describe`: everything about one resource, for people.

use clap::Args as ClapArgs;

use super::get::parse_kind;
use super::graph::drawing;
use super::merged::Resources;
use super::store::Store;
use super::{Context, NamespaceArg};
use crate::core::resource::Kind;
use crate::failure::{Failure, Outcome};
use crate::show;

/// Describe one resource: spec, status, conditions, and the graph with its live state
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME
    kind: String,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = match (&args.name, args.kind.split_once('/')) {
        (Some(name), _) => (args.kind.as_str(), name.as_str()),
        (None, Some((kind, name))) => (kind, name),
        (None, None) => {
            return Err(Failure::usage(format!("`{}` names no resource", args.kind))
                .hint(format!("write planspec describe {} NAME", args.kind)));
        }
    };
    let kind = parse_kind(kind)?;
    let store = Store::open(context)?;
    let resources = Resources::known(&store)?;
    let merged = resources.one(kind, name, args.namespace.namespace.as_deref())?;
    let graph = match kind {
        Kind::Plan | Kind::Execution => drawing(&resources, &merged)?
            .map(|drawing| drawing.text(context.terminal.width().map(|width| width - 2))),
        _ => None,
    };
    let text = show::resource::describe(&merged.view(), graph.as_deref(), store.now);
    context.terminal.out(&text);
    Ok(())
}
