//! `planspec answer`: what a person says to a question.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::failure::Outcome;
use crate::service::ask::{AnswerRequest, answer};

/// Answer a question of whoever is at work on a node
///
/// People answer, and nobody their own question. The first answer counts; the node goes on when nothing is open any more.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The node
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    /// What you say
    #[arg(value_name = "TEXT")]
    answer: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Which question, where several are open: the first digits of its id
    #[arg(long, value_name = "ID")]
    question: Option<String>,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = AnswerRequest {
        record: args.record.about(context, &args.target),
        question: args.question.clone(),
        answer: args.answer.clone(),
    };
    let recorded = answer(&context.open()?, &request)?;
    let said = &recorded.answer.what;
    let line = format!(
        "answered what {} asked at {}: {}\n",
        said.asked_by,
        said.attempt.name(),
        said.answer
    );
    context.recorded(args.record.output, recorded, &line)
}
