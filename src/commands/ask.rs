//! `planspec ask`: a question to a person, before the work goes on.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs, WorkingArgs};
use crate::failure::Outcome;
use crate::service::ask::{AskRequest, ask};

/// Ask something about a node that you hold; it waits for a person to answer
///
/// Meanwhile you keep the node, and no lease ends. `planspec status --mine` shows the answer.
/// A document may say otherwise with `escalation_policy.on_ambiguity`: the attempt fails, or the work goes on.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    /// What you have to know
    #[arg(value_name = "QUESTION")]
    question: String,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = AskRequest {
        record: args.record.about(context, &args.target),
        working: args.working.working(),
        question: args.question.clone(),
    };
    let recorded = ask(&context.open()?, &request)?;
    let asked = &recorded.answer.what;
    let word = if asked.already {
        "already asked"
    } else {
        "asked"
    };
    let line = format!("{word} at {}: {}\n", asked.attempt.name(), asked.question);
    context.recorded(args.record.output, recorded, &line)
}
