//! `planspec review`: what changes in the work between two revisions.

use clap::Args as ClapArgs;

use super::reviewed::ReviewOutputArg;
use super::{Context, NamespaceArg};
use crate::failure::Outcome;
use crate::service::review::{ReviewRequest, review};

/// Show what changes in the work between two revisions
///
/// Say what changes in the work between two revisions.
///
/// What is added, dropped, reordered, newly delegated or newly risky; which runs and approvals it
/// touches; whether it keeps the rules. Ends with 1 when a rule at error level is broken.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// BASE..HEAD: these two; BASE...HEAD, or BASE alone for HEAD: from where the two part
    /// [default: from where HEAD left the spec branch]
    #[arg(value_name = "RANGE")]
    range: Option<String>,
    /// Only this plan, and what it names; of a document also which changed files are outside its scope
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// With --plan: hold changed files against `touches` of this step as well
    #[arg(long, value_name = "STEP", requires = "plan")]
    step: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    #[command(flatten)]
    output: ReviewOutputArg,
}

/// Run the verb.
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
