//! `planspec describe`: show one resource in full, for people.

use clap::Args as ClapArgs;

use super::args::document;
use super::{Context, DocumentFormat, NamedArgs, OutputArg, TextFormat, answer_document};
use crate::failure::Outcome;
use crate::service::brief::brief;
use crate::service::describe::{DescribeRequest, describe};
use crate::show;
use crate::shown;

/// Show one resource, run, node or document in full
///
/// For a resource, shows its spec, status and conditions; for a plan, also the graph. For an execution, shows the graph as a
/// tree, who holds which node, what blocks it, what was checked, and what can be done next.
///
/// For EXECUTION/NODE, prints the brief: everything needed to do the node. For a FILE with a PlanSpec 1.2 document (- is
/// standard input), prints a page to read, or with -o json and -o yaml the document itself.
#[derive(Debug, ClapArgs)]
#[command(
    override_usage = "planspec describe [OPTIONS] <KIND> <NAME>\n       planspec describe [OPTIONS] <EXECUTION/NODE>\n       planspec describe [OPTIONS] <FILE>"
)]
pub struct Args {
    #[command(flatten)]
    resource: NamedArgs,
    /// Show every node of a large graph, also those that are finished or far away
    #[arg(long)]
    all: bool,
    /// Session to propose commands for
    #[arg(long, value_name = "SESSION", env = "PLANSPEC_SESSION", hide = true)]
    session: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (first, name, _) = args.resource.words();
    let is_file = [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| first.ends_with(end));
    let file = document(context, first).or_else(|| is_file.then(|| context.path(first.as_ref())));
    let file = file.filter(|_| name.is_none());
    if let Some(path) = file.or_else(|| (first == "-").then(|| first.into())) {
        let format = match args.output.output {
            TextFormat::Text => DocumentFormat::Markdown,
            TextFormat::Json => DocumentFormat::Json,
            TextFormat::Yaml => DocumentFormat::Yaml,
        };
        return context.document(&path, format);
    }
    if let Some((target, namespace)) = args.resource.node() {
        let store = context.open()?;
        let brief = brief(&store, target, namespace)?;
        return context.show(args.output, &brief, (&show::brief::text(&brief), &[]));
    }
    let request = DescribeRequest {
        named: args.resource.named("describe")?,
        session: args.session.clone().filter(|session| !session.is_empty()),
        now: context.now,
    };
    let described = describe(&context.open()?, &request)?;
    let out = if args.output.is_text() {
        let width = context.terminal.width();
        shown::of_resource(&described, args.all, context.now, width)
    } else {
        answer_document(args.output, &described.answer()?)?
    };
    context.terminal.out(&out);
    Ok(())
}
