//! `planspec revise`: turn a changed document into its next revision.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::core::base::escape::line;
use crate::core::document::Trigger;
use crate::failure::Outcome;
use crate::service::revise::{ReviseRequest, revise};

/// Turn a changed document into its next revision
///
/// The last committed version is the previous revision. The new revision gets an id, a parent, a number, a time and an entry
/// in the history. Nothing is committed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Changed document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What has changed, in one sentence
    #[arg(short = 'm', long, value_name = "TEXT")]
    summary: String,
    /// Reason for the revision
    #[arg(long, value_name = "WHY")]
    trigger: Option<TriggerArg>,
    /// Start a new session, in which intent and scope may differ [default id: a new one]
    #[arg(long, value_name = "ID", num_args = 0..=1)]
    new_session: Option<Option<String>>,
    /// Author of the revision, `human:NAME` or `agent:NAME` [default: the author of the previous one]
    #[arg(long, value_name = "WHO", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    created_by: Option<String>,
    /// Id of a reviewer's finding that the revision answers; may be repeated
    #[arg(long, value_name = "ID")]
    answers: Vec<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Why there is a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum TriggerArg {
    /// A person asked for it.
    UserFeedback,
    /// An agent asked for it.
    AgentSuggestion,
    /// A question was answered.
    Clarification,
    /// Something was wrong.
    ErrorCorrection,
}

impl From<TriggerArg> for Trigger {
    fn from(trigger: TriggerArg) -> Trigger {
        match trigger {
            TriggerArg::UserFeedback => Trigger::UserFeedback,
            TriggerArg::AgentSuggestion => Trigger::AgentSuggestion,
            TriggerArg::Clarification => Trigger::Clarification,
            TriggerArg::ErrorCorrection => Trigger::ErrorCorrection,
        }
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ReviseRequest {
        file: context.path(&args.file),
        summary: args.summary.clone(),
        trigger: args.trigger.map(Trigger::from),
        session: args.new_session.clone(),
        created_by: args.created_by.clone(),
        answers: args.answers.clone(),
        now: context.now,
    };
    let revised = revise(&context.open()?, &request)?;
    let (path, number, class) = (&revised.path, revised.revision, &revised.change_type);
    let mut text = format!("{path}: revision {number} ({class})\n");
    for change in &revised.changes {
        text.push_str(&format!("  {}\n", line(change)));
    }
    context.show(args.output, &revised, (&text, &revised.notes))?;
    context.next(args.output, &revised.next);
    Ok(())
}
