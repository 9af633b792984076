//! `planspec delete`: remove resources, as a commit.

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::failure::Outcome;
use crate::service::delete::{DeleteRequest, delete};
use crate::service::names::wanted_one;
use crate::show;

/// Remove resources and commit that; a Goal takes the Executions that it owns
///
/// What still refers to them is shown. A run whose file is removed is cancelled by the next
/// reconcile.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, or KIND/NAME
    kind: String,
    /// Names: NAME or NAMESPACE/NAME
    names: Vec<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Say what would be done, do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also a run that goes on, which is cancelled then, and a plan that runs go on with
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, first) = wanted_one("delete", &args.kind, args.names.first().map(String::as_str))?;
    let more = args.names.iter().skip(1).cloned();
    let request = DeleteRequest {
        kind,
        names: std::iter::once(first).chain(more).collect(),
        namespace: args.namespace.given(),
        message: args.message.clone(),
        dry_run: args.dry_run,
        yes: args.yes,
    };
    let deleted = delete(&context.open()?, &request)?;
    let change = &deleted.answer.change;
    let text = show::change::text(change);
    context.changed(args.output, &deleted, (&text, change))
}
