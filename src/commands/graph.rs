//! `planspec graph`: the graph of a plan, or of a run with its live state.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::{Context, NamespaceArg, get};
use crate::core::plan::graph::Graph;
use crate::core::resource::{GraphSpec, Kind, NodeStatus, Spec, Status};
use crate::failure::{Failure, Outcome};
use crate::git::files;
use crate::service::merged::{Merged, Resources};
use crate::service::runs::{self, choose_among};
use crate::service::store::Store;
use crate::show;
use crate::show::svg::Picture;

/// Draw a plan, or an execution with its live state
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// An execution or a plan: NAME, NAMESPACE/NAME, or KIND/NAME
    name: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// How to draw it
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write it to this file; how it is drawn, -f says
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How to draw a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For the terminal.
    Text,
    /// For Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// A graph with what it was drawn from.
pub struct Drawing {
    graph: Graph,
    spec: GraphSpec,
    nodes: Option<BTreeMap<String, NodeStatus>>,
}

impl Drawing {
    /// The graph with its spec.
    pub fn graph(&self) -> show::graph::GraphOf<'_> {
        show::graph::GraphOf {
            graph: &self.graph,
            spec: &self.spec,
        }
    }

    /// For the terminal.
    pub fn text(&self, width: Option<usize>) -> String {
        let width = width.unwrap_or(usize::MAX);
        show::graph::text(&self.graph, &self.spec, self.nodes.as_ref(), width)
    }
}

/// Elsewhere `-o` names a format, and whoever writes one here would find a file of that name.
///
/// # Errors
/// The file has the name of a format.
fn check_output(args: &Args) -> Outcome {
    let name = args.output.as_ref().and_then(|output| output.to_str());
    let hint = match name {
        Some(name) if Format::from_str(name, true).is_ok() => {
            format!("planspec graph {} --format {name}", args.name)
        }
        Some(name) if get::Format::from_str(name, true).is_ok() => {
            format!("planspec get plan NAME -o {name} has the graph, in `spec`")
        }
        _ => return Ok(()),
    };
    let name = name.unwrap_or_default();
    Err(
        Failure::usage(format!("-o names a file, and `{name}` is a format")).hint(format!(
            "{hint}; for a file of that name, write -o ./{name}"
        )),
    )
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    check_output(args)?;
    let store = Store::open(context.dir.as_deref())?;
    let resources = Resources::known(&store)?;
    let namespace = args.namespace.namespace.as_deref();
    let merged = find(&resources, &args.name, namespace)?;
    let drawing = drawing(&resources, &merged)?.ok_or_else(|| {
        Failure::not_met(format!("{} has no graph that can be drawn", merged.key))
            .hint("planspec validate says what is wrong with it")
    })?;
    let (graph, spec, nodes) = (&drawing.graph, &drawing.spec, drawing.nodes.as_ref());
    let text = match args.format {
        Format::Text => {
            let width = context.terminal.width().filter(|_| args.output.is_none());
            drawing.text(width)
        }
        Format::Mermaid => show::graph::mermaid(graph, spec, nodes),
        Format::Dot => show::graph::dot(graph, spec, nodes),
        Format::Svg => show::svg::svg(&Picture {
            title: &title(&merged),
            graph: drawing.graph(),
            nodes,
        }),
    };
    match &args.output {
        Some(file) => {
            let base = context.dir.clone().unwrap_or_default();
            files::write_user_file(&base.join(file), text.as_bytes())?;
        }
        None => context.terminal.out(&text),
    }
    Ok(())
}

/// `Execution default/release-1: Running`
fn title(merged: &Merged<'_>) -> String {
    match merged.key.kind {
        Kind::Execution => format!("{}: {}", merged.key, merged.view().phase()),
        _ => merged.key.to_string(),
    }
}

/// An execution of that name, else a plan; `KIND/NAME` says which.
fn find<'a>(resources: &'a Resources, name: &str, namespace: Option<&str>) -> Outcome<Merged<'a>> {
    if let Some((kind, name)) = name.split_once('/')
        && let Some(kind @ (Kind::Plan | Kind::Execution)) = Kind::parse(kind)
    {
        return Ok(resources.one(kind, name, namespace)?);
    }
    let keys = || resources.all().map(|merged| merged.key);
    match choose_among(keys(), Kind::Execution, name, namespace) {
        Ok(key) => Ok(resources.one(Kind::Execution, &key.qualified(), None)?),
        Err(_) => Ok(resources.one(Kind::Plan, name, namespace)?),
    }
}

/// The graph of a plan as it stands in the files, or of a run as it is pinned. `None` when it is
/// broken.
///
/// # Errors
/// The plan of an execution cannot be found.
pub fn drawing(resources: &Resources, merged: &Merged<'_>) -> Outcome<Option<Drawing>> {
    let (spec, nodes) = match (merged.file.map(|file| &file.status), merged.key.kind) {
        (Some(Status::Execution(run)), _) if !run.node_statuses.is_empty() => {
            let nodes = Some(run.node_statuses.clone());
            match (pinned_graph(resources, run), merged.resource) {
                (Some(spec), _) => (Some(spec), nodes),
                // What is over is no longer pinned; the files may still have the plan.
                (None, Some(_)) => (plan_graph(resources, merged), nodes),
                (None, None) => (None, nodes),
            }
        }
        (_, Kind::Execution) => (plan_graph(resources, merged), None),
        _ => match merged.resource.map(|resource| &resource.spec) {
            Some(Spec::Plan(plan)) => (Some(plan.graph.clone()), None),
            _ => (None, None),
        },
    };
    Ok(spec.and_then(|spec| {
        let graph = Graph::build(&spec).ok()?;
        Some(Drawing { graph, spec, nodes })
    }))
}

fn pinned_graph(
    resources: &Resources,
    run: &crate::core::resource::ExecutionStatus,
) -> Option<GraphSpec> {
    let stored = resources.stored.as_ref()?;
    runs::pinned_plan(stored, run)?.graph().cloned()
}

fn plan_graph(resources: &Resources, merged: &Merged<'_>) -> Option<GraphSpec> {
    let Spec::Execution(spec) = &merged.resource?.spec else {
        return None;
    };
    let key = spec.plan_ref.key(Kind::Plan, &merged.key.namespace);
    let plan = resources.all().find(|other| *other.key == key)?.resource?;
    match &plan.spec {
        Spec::Plan(plan) => Some(plan.graph.clone()),
        _ => None,
    }
}
