//! `planspec delete`: delete resources, as a commit.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::failure::{Failure, Outcome};
use crate::service::delete::{DeleteRequest, delete};
use crate::service::names::wanted_one;
use crate::service::namespaces;
use crate::show;

/// Delete resources, and commit that
///
/// Deleting a Goal also deletes the Executions that it owns.
///
/// Shows what still refers to the resources. A resource with `finalizers` is only marked, and deleted when the last
/// finalizer is removed. The next reconcile cancels a run whose file is gone.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Kind, `namespace`, or KIND/NAME
    #[arg(required_unless_present_any = ["files", "directories"], conflicts_with_all = ["files", "directories"])]
    kind: Option<String>,
    /// Names: NAME or NAMESPACE/NAME
    names: Vec<String>,
    /// File with the resources to delete, or - for standard input; may be repeated
    #[arg(short, long = "filename", alias = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of such files; may be repeated
    #[arg(short, long = "directory", value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Include subfolders
    #[arg(short = 'R', long)]
    recursive: bool,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Commit message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Show what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Also delete runs in progress, which cancels them, and plans that they use
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(own) = args.kind.as_deref().and_then(namespaces::is_meant) {
        let name = own.or(args.names.first().map(String::as_str));
        let name = name.ok_or_else(|| Failure::usage("the namespace has no name"))?;
        let gone = namespaces::delete(&context.open()?, name)?;
        return context.show(args.output, &gone, (&show::made::namespace(&gone), &[]));
    }
    let (kind, names) = match &args.kind {
        Some(kind) => {
            let (kind, first) = wanted_one("delete", kind, args.names.first().map(String::as_str))?;
            let more = args.names.iter().skip(1).cloned();
            (Some(kind), std::iter::once(first).chain(more).collect())
        }
        None => (None, Vec::new()),
    };
    let request = DeleteRequest {
        kind,
        names,
        sources: context.sources(&args.files, &args.directories, args.recursive),
        namespace: args.namespace.given(),
        message: args.message.clone(),
        dry_run: args.dry_run,
        yes: args.yes,
        now: context.now,
    };
    let deleted = delete(&context.open()?, &request)?;
    let change = &deleted.answer.change;
    let text = show::change::text(change);
    context.changed(args.output, &deleted, (&text, change))
}
