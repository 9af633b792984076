//! `planspec answer`: answer a question about a node.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::failure::Outcome;
use crate::service::ask::{AnswerRequest, answer};

/// Answer a question about a node
///
/// Only people can answer, and nobody can answer their own question. The first answer counts. The node goes on when all
/// of its questions are answered.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Node that the question is about
    #[arg(value_name = "EXECUTION/NODE")]
    target: String,
    /// The answer
    #[arg(value_name = "TEXT")]
    answer: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Question to answer if several are open: the first digits of its id
    #[arg(long, value_name = "ID")]
    question: Option<String>,
}

/// Runs the verb.
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
