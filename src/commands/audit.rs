//! `planspec audit`: check that the status follows from what it cites.

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::core::resource::Kind;
use crate::failure::{Failure, Outcome};
use crate::service::audit::{AuditRequest, audit};
use crate::service::names::Named;
use crate::show;

/// Check that the status follows from what it cites
///
/// Computes each commit of the status branch again from the previous status, the spec commit it observed, its evidence and
/// its time, and compares the result. Checks the signatures of the evidence. Needs only a clone, and contacts no remote.
/// Exits with 1 at the first commit that does not follow.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Check only commits that are about this execution
    #[arg(value_name = "EXECUTION")]
    execution: Option<String>,
    #[command(flatten)]
    namespace: super::NamespaceArg,
    /// Check only what comes after this status commit
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
    /// Check nothing; trust this status commit and all before it in this clone
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["execution", "since"])]
    trust: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let namespace = args.namespace.given();
    let named = |name: &String| Named::new(Kind::Execution, name, namespace.as_deref());
    let request = AuditRequest {
        execution: args.execution.as_ref().map(named),
        since: args.since.clone(),
        trust: args.trust.clone(),
    };
    let audited = audit(context.open()?, &request)?;
    let text = show::audit::text(&audited);
    context.show(args.output, &audited, (&text, &audited.notes))?;
    match audited.broken {
        Some(_) => Err(Failure::shown()),
        None => Ok(()),
    }
}
