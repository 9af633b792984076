//! `planspec export`: a plan or a run, written for a tracker.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg, json};
use crate::api::export::Exported;
use crate::failure::Outcome;
use crate::service::export::{ExportRequest, tasks};
use crate::service::graph::GraphRequest;

/// Write a plan, or a run as it stands, for a tracker
///
/// Write a plan, or a run as it stands, for a tracker. Nothing is sent: the script for GitHub is for you to read and run.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// An execution or a plan: NAME, NAMESPACE/NAME, or KIND/NAME
    name: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// For what it is written
    #[arg(long, value_name = "FORMAT")]
    to: Target,
    /// Where the pages of `planspec board` are published: each task gets a link to its page
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArg,
}

/// What it is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    /// A script that makes issues with gh.
    Github,
    /// A table that GitLab and Jira import.
    Csv,
    /// A checklist.
    Markdown,
    /// One JSON document.
    Json,
}

/// Run the verb.
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
