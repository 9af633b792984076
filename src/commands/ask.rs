//! `planspec ask`: ask a person before the work continues.

use clap::Args as ClapArgs;

use super::{Context, RecordArgs, WorkingArgs};
use crate::failure::{Failure, Outcome};
use crate::service::ask::{AskRequest, ask};

/// Ask a person about a node that you hold
///
/// The node waits until a person answers.
///
/// Until then you keep the node, and its lease does not expire. `planspec status --mine` shows the answer. A document can
/// change this with `escalation_policy.on_ambiguity`: then the attempt fails, or the work goes on.
#[derive(Debug, ClapArgs)]
#[command(override_usage = "planspec ask [OPTIONS] [EXECUTION/NODE] <QUESTION>")]
pub struct Args {
    /// The node (optional if this session holds only one), and the question
    #[arg(value_names = ["EXECUTION/NODE", "QUESTION"], num_args = 1..=2, required = true)]
    words: Vec<String>,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
}

/// Whether a word looks like a node rather than a question.
fn is_node(word: &str) -> bool {
    word.contains('/') && !word.contains(char::is_whitespace)
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (target, question) = match args.words.as_slice() {
        [target, question] => (target.as_str(), question),
        [question] if is_node(question) => {
            let why = format!("`{question}` is a node, but there is no question");
            return Err(Failure::usage(why).hint("planspec ask EXECUTION/NODE QUESTION"));
        }
        [question, ..] => ("", question),
        [] => return Err(Failure::usage("there is no question")),
    };
    let request = AskRequest {
        record: args.record.about(context, target),
        working: args.working.working(),
        question: question.clone(),
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
