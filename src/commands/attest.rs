//! `planspec attest`: confirm that a criterion of the goal is met, or that it is not.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::failure::Outcome;
use crate::service::attest::{AttestRequest, attest};

/// Say whether a criterion of the goal or the document of an execution is met
///
/// A goal whose criteria have ids is Succeeded when its newest execution is and each of them is
/// attested; of several people, who says that it is not met wins. Your newest word counts.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("verdict").required(true))]
pub struct Args {
    /// The execution
    execution: String,
    /// Id of the criterion
    criterion: String,
    #[command(flatten)]
    record: RecordArgs,
    /// It is met
    #[arg(long, group = "verdict")]
    met: bool,
    /// It is not met
    #[arg(long, group = "verdict")]
    unmet: bool,
    /// What shows that
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = AttestRequest {
        record: args.record.about(context, &args.execution),
        criterion: args.criterion.clone(),
        met: args.met,
        evidence: args.message.clone(),
    };
    let recorded = attest(&context.open()?, &request)?;
    let verdict = if args.met { "met" } else { "not met" };
    let line = format!(
        "attested that `{}` of {} is {verdict}, as {}\n",
        args.criterion,
        recorded.answer.what.execution.name(),
        recorded.answer.actor
    );
    context.recorded(args.record.output, recorded, &line)
}
