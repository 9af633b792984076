//! `planspec get`: resources with their status.

use clap::Args as ClapArgs;
use serde_json::Value;

use super::{Context, NamespaceArg};
use crate::api;
use crate::api::namespace::NamespaceList;
use crate::core::resource::{Kind, LabelSelector};
use crate::core::text::yaml;
use crate::failure::Outcome;
use crate::service::get::{GetRequest, Got, get};
use crate::service::names::{parse_selector, wanted};
use crate::service::namespaces;
use crate::show;

/// Show resources with their status
///
/// The spec comes from the files at HEAD, the status from the status branch.
///
/// Reads the state of the last fetch; run `git fetch` to update it.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Kind (goals, plans, capabilities, bindings, gates, executions), `namespaces`, or KIND/NAME [default: all]
    kind: Option<String>,
    /// Name, or NAMESPACE/NAME
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Show all namespaces; overrides -n, and is the default without it
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only resources with matching labels: a=b,c!=d,e,!f
    #[arg(short = 'l', short_alias = 's', long, value_name = "SELECTOR", value_parser = parse_selector)]
    selector: Option<LabelSelector>,
    /// Only plans of this series
    #[arg(long, value_name = "SERIES")]
    series: Option<String>,
    /// Only resources in these phases, for example Failed, or Running,Blocked
    #[arg(long, value_name = "PHASE", value_delimiter = ',')]
    phase: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: GetFormat,
}

/// Output formats for resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum GetFormat {
    /// A table.
    Table,
    /// A table with more columns.
    Wide,
    /// One JSON document: a resource, or a List.
    Json,
    /// One YAML document, which `apply` accepts.
    Yaml,
    /// One kind/name on each line.
    Name,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(own) = args.kind.as_deref().and_then(namespaces::is_meant) {
        let found = namespaces::list(&context.open()?, own.or(args.name.as_deref()))?;
        return show_namespaces(context, args.output, &found);
    }
    let kind = args.kind.as_ref().filter(|kind| *kind != "all");
    let wanted = match kind {
        Some(kind) => Some(wanted(kind, args.name.as_deref())?),
        None => None,
    };
    let request = GetRequest {
        kind: wanted.as_ref().map(|wanted| wanted.kind),
        name: wanted.and_then(|wanted| wanted.name),
        namespace: args.namespace.given().filter(|_| !args.all_namespaces),
        selector: args.selector.clone(),
        series: args.series.clone(),
        phases: args.phase.clone(),
    };
    let got = get(&context.open()?, &request)?;
    let text = match args.output {
        GetFormat::Name => names(&got),
        GetFormat::Json => show::json(&value(&got)?),
        GetFormat::Yaml => yaml::write(&value(&got)?),
        GetFormat::Table | GetFormat::Wide => {
            if got.items().next().is_none() {
                context.terminal.note(&nothing(&request));
            }
            let found: Vec<_> = got.items().collect();
            show::resource::tables(
                &found,
                args.output == GetFormat::Wide,
                request.kind.is_none(),
                context.now,
                context.terminal.width(),
            )
        }
    };
    context.terminal.out(&text);
    if args.output != GetFormat::Json {
        // The published list format has no field for notes.
        context.notes(&got.notes);
    }
    Ok(())
}

fn show_namespaces(context: &Context, format: GetFormat, found: &NamespaceList) -> Outcome {
    let text = match format {
        GetFormat::Json => show::json(&api::document(found)?),
        GetFormat::Yaml => yaml::write(&api::document(found)?),
        GetFormat::Name => {
            let names = found.items.iter();
            names
                .map(|one| format!("namespace/{}\n", one.name))
                .collect()
        }
        GetFormat::Table | GetFormat::Wide => show::made::namespaces(found),
    };
    context.terminal.out(&text);
    Ok(())
}

/// A single resource by itself, several as the published list.
fn value(got: &Got) -> Outcome<Value> {
    Ok(match got.one()? {
        Some(one) => serde_json::to_value(one)?,
        None => serde_json::to_value(got.list()?)?,
    })
}

fn names(got: &Got) -> String {
    let names = got.items().map(|merged| {
        let kind = merged.key.kind.name().to_lowercase();
        format!("{kind}/{}\n", merged.key.name)
    });
    names.collect()
}

fn nothing(request: &GetRequest) -> String {
    let what = request.kind.map_or("resources", Kind::plural);
    match &request.namespace {
        Some(namespace) => format!("no {what} in namespace `{namespace}`"),
        None => format!("no {what}"),
    }
}
