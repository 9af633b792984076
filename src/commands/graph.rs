//! `planspec graph`: draw a plan, or a run with its current state.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, json};
use crate::core::resource::Kind;
use crate::failure::Outcome;
use crate::service::graph::{Drawn, GraphRequest, graph};
use crate::service::sources;
use crate::show;
use crate::show::graph::GraphView;

/// Draw a plan, or an execution with its current state
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Execution or plan: NAME, NAMESPACE/NAME, or KIND/NAME
    name: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Output format
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        alias = "format",
        short_alias = 'f'
    )]
    output: GraphFormat,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How to draw a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum GraphFormat {
    /// Text for the terminal.
    Text,
    /// Mermaid, for Markdown.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
    /// An SVG image.
    Svg,
    /// One JSON document with nodes and edges.
    Json,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = GraphRequest {
        name: args.name.clone(),
        namespace: args.namespace.given(),
    };
    let drawn = graph(&context.open()?, &request)?;
    let width = context.terminal.width().filter(|_| args.out.is_none());
    let text = text(&drawn, args.output, width)?;
    match &args.out {
        Some(file) => {
            let base = context.dir.clone().unwrap_or_default();
            sources::write(&base.join(file), &text)?;
        }
        None => context.terminal.out(&text),
    }
    Ok(())
}

fn text(drawn: &Drawn, format: GraphFormat, width: Option<usize>) -> Outcome<String> {
    let view = GraphView {
        of: drawn.drawing.of(),
        nodes: drawn.drawing.nodes.as_ref(),
    };
    Ok(match format {
        GraphFormat::Text => show::graph::text(view, width.unwrap_or(usize::MAX)),
        GraphFormat::Mermaid => show::graph::mermaid(view),
        GraphFormat::Dot => show::graph::dot(view),
        GraphFormat::Svg => show::svg::svg(view, &title(drawn)),
        GraphFormat::Json => json(&drawn.answer())?,
    })
}

/// `Execution default/release-1: Running`
fn title(drawn: &Drawn) -> String {
    match drawn.key.kind {
        Kind::Execution => {
            let phase = drawn.phase.as_deref().unwrap_or("<none>");
            format!("{}: {phase}", drawn.key)
        }
        _ => drawn.key.to_string(),
    }
}
