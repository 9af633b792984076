//! `planspec review`: review what changes in plans between two revisions.

use clap::Args as ClapArgs;

use super::reviewed::ReviewOutputArg;
use super::{Context, NamespaceArg};
use crate::failure::Outcome;
use crate::service::review::{ReviewRequest, review};

/// Review what changes in plans between two revisions
///
/// Shows what is added, removed, reordered, delegated differently or newly risky, which runs and approvals are affected, and
/// which rules are broken. Exits with 1 if a rule at error level is broken.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// BASE..HEAD compares these two; BASE...HEAD, or BASE for HEAD, starts at their merge base [default: the merge base of
    /// HEAD and the spec branch]
    #[arg(value_name = "RANGE")]
    range: Option<String>,
    /// Only this plan and what it refers to; for a document, also changed files outside its scope
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// With --plan: also check changed files against `touches` of this step
    #[arg(long, value_name = "STEP", requires = "plan")]
    step: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    output: ReviewOutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ReviewRequest {
        range: args.range.clone(),
        plan: args.plan.clone(),
        step: args.step.clone(),
        namespace: args.namespace.given(),
    };
    let reviewed = review(&context.open()?, &request)?;
    context.reviewed(&args.output, &reviewed)
}
