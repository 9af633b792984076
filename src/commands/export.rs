//! `planspec export`: write a plan or a run for an issue tracker.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg, json};
use crate::api::export::Exported;
use crate::failure::Outcome;
use crate::service::export::{ExportRequest, tasks};
use crate::service::graph::GraphRequest;

/// Write a plan or a run for an issue tracker
///
/// Writes a plan, or a run with its current state. Nothing is sent: read the script for GitHub, and run it yourself.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Execution or plan: NAME, NAMESPACE/NAME, or KIND/NAME
    name: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Output format
    #[arg(long, value_name = "FORMAT")]
    to: Target,
    /// Address of the published board; adds a link to each task
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArg,
}

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// A script that creates issues with gh.
    Github,
    /// A CSV table for GitLab and Jira.
    Csv,
    /// A checklist.
    Markdown,
    /// One JSON document.
    Json,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ExportRequest {
        of: GraphRequest {
            name: args.name.clone(),
            namespace: args.namespace.given(),
        },
        base_url: args.base_url.clone(),
    };
    let tasks = tasks(&context.open()?, &request)?;
    let (to, text) = match args.to {
        Target::Github => ("github", tasks.github()),
        Target::Csv => ("csv", tasks.csv()),
        Target::Markdown => ("markdown", tasks.markdown()),
        Target::Json => ("json", json(&tasks.list())?),
    };
    if let Some(out) = &args.out {
        context.write(out, &text)?;
    }
    let exported = Exported {
        resource: tasks.resource(),
        to: to.to_owned(),
        tasks: tasks.count(),
        text,
        out: args.out.as_ref().map(|out| out.display().to_string()),
        notes: Vec::new(),
    };
    let shown = match args.out {
        Some(_) => "",
        None => &exported.text,
    };
    context.show(args.output, &exported, (shown, &exported.notes))
}
