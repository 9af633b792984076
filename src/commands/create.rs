//! `planspec create`: create a namespace.

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::{Failure, Outcome};
use crate::service::namespaces;
use crate::show;

/// Create a namespace, as a commit
///
/// Create other resources with `new` or `apply`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// `namespace`, or namespace/NAME
    kind: String,
    /// Name of the namespace
    name: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let Some(own) = namespaces::is_meant(&args.kind) else {
        let message = format!(
            "only a namespace can be created this way, not `{}`",
            args.kind
        );
        let hint =
            "use `planspec new KIND NAME` for a template, or `planspec apply -f FILE` for a file";
        return Err(Failure::usage(message).hint(hint));
    };
    let Some(name) = own.or(args.name.as_deref()) else {
        return Err(
            Failure::usage("the namespace has no name").hint("planspec create namespace NAME")
        );
    };
    let made = namespaces::create(&context.open()?, name, context.now)?;
    let text = show::made::namespace(&made);
    context.show(args.output, &made, (&text, &[]))
}
