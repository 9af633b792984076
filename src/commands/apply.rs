//! `planspec apply`: validate resources, put them in place, and commit exactly those.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::Outcome;
use crate::service::apply::{ApplyRequest, apply};
use crate::show;

/// Validate resources, put them in place, and commit them
///
/// Only the files of these resources are committed; other staged changes stay staged.
///
/// A file that is already part of the repository stays where it is. Any other resource replaces its previous version, or
/// is written to planspec/NAMESPACE/KIND/NAME.yaml if it is new.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true))]
pub struct Args {
    /// File to read, or - for standard input; may be repeated
    #[arg(
        short,
        long = "filename",
        alias = "file",
        value_name = "FILE",
        group = "input"
    )]
    files: Vec<PathBuf>,
    /// Folder to read; may be repeated
    #[arg(short, long = "directory", value_name = "DIR", group = "input")]
    directories: Vec<PathBuf>,
    /// Include subfolders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Namespace for resources that set none (or PLANSPEC_NAMESPACE); a resource of another namespace is an error
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Commit message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Show what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Apply even if that cancels runs in progress, because a file no longer contains them
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ApplyRequest {
        sources: context.sources(&args.files, &args.directories, args.recursive),
        namespace: args.namespace.clone(),
        default_namespace: std::env::var("PLANSPEC_NAMESPACE")
            .ok()
            .filter(|name| !name.is_empty()),
        message: args.message.clone(),
        dry_run: args.dry_run,
        yes: args.yes,
    };
    let applied = apply(&context.open()?, &request)?;
    let change = &applied.answer.change;
    let text = show::change::text(change);
    context.changed(args.output, &applied, (&text, change))
}
