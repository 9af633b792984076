//! `planspec describe`: everything about one resource, for people.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg, TextFormat};
use crate::failure::Outcome;
use crate::service::describe::{DescribeRequest, Described, describe};
use crate::service::names::wanted_one;
use crate::show;
use crate::show::run::RunView;

/// Describe one resource: spec, status, conditions; of a plan the graph; of an execution the graph
/// as a tree, who holds what, what blocks, what was checked, and what anybody could do next
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME
    kind: String,
    /// A name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Show every node, also where a large graph has many that are finished or far away
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = wanted_one("describe", &args.kind, args.name.as_deref())?;
    let request = DescribeRequest {
        kind,
        name,
        namespace: args.namespace.namespace.clone(),
        now: context.now,
    };
    let described = describe(&context.open()?, &request)?;
    match args.output.output {
        TextFormat::Text => context.terminal.out(&text(context, args, &described)),
        format @ TextFormat::Json => context.show(format, &described.answer()?, ("", &[]))?,
    }
    Ok(())
}

fn text(context: &Context, args: &Args, described: &Described) -> String {
    let width = context.terminal.width();
    let mut text = show::resource::describe(&described.merged(), context.now, width);
    text.push_str(&show::resource::unready(&described.not_ready, width));
    text.push_str(&show::resource::capabilities(
        &described.capabilities,
        width,
    ));
    if let Some(of) = described.standing() {
        text.push_str(&show::run::sections(&RunView {
            of,
            all: args.all,
            now: context.now,
            width,
        }));
    } else if let Some(drawing) = &described.drawing {
        let of = drawing.of();
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(2));
        let graph = show::graph::text(of.graph, of.spec, None, room);
        text.push_str(&show::resource::graph(&graph));
    }
    text
}
