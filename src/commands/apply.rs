//! `planspec apply`: validate, put at the place, commit exactly that.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::Outcome;
use crate::service::apply::{ApplyRequest, apply};
use crate::show;

/// Validate resources, put them in place, and commit them
///
/// They stand at their place in the repository, and exactly those files are committed.
///
/// A file that is part of the repository stays where it is. Anything else goes where the resource
/// stands already, else to planspec/NAMESPACE/KIND/NAME.yaml. Other staged changes stay staged.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true))]
pub struct Args {
    /// A file; - is standard input. May be repeated
    #[arg(
        short,
        long = "filename",
        alias = "file",
        value_name = "FILE",
        group = "input"
    )]
    files: Vec<PathBuf>,
    /// A folder; may be repeated
    #[arg(short, long = "directory", value_name = "DIR", group = "input")]
    directories: Vec<PathBuf>,
    /// Look into the folders below as well
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Namespace of the resources that say none (or PLANSPEC_NAMESPACE); one of another is an error
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Say what would be done, do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also what cancels runs that go on, since a file holds them no longer
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
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
