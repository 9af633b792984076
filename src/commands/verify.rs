//! `planspec verify`: check the acceptance criteria of a reported node, and record the results.

use std::path::Path;

use clap::Args as ClapArgs;

use super::{Context, OutputArg, RecordArgs};
use crate::core::base::digest::short;
use crate::core::resource::{CriterionResult, TaskCriterion};
use crate::failure::{Failure, Outcome};
use crate::service::record::RecordRequest;
use crate::service::verify::{CriterionVerdict, verify_execution, verify_node};
use crate::service::{Error, verdicts, verify};
use crate::show;
use crate::worker::signals::Stop;

/// Check the criteria of a node, a run or a document
///
/// For a node that was reported as succeeded, runs the commands of the pinned plan on the reported commit. For an execution
/// whose nodes have all ended, runs the checks of its document's success criteria on the spec branch. For a document, runs
/// its checks without a run.
///
/// The commands run in their own work tree. Exits with 1 if a required criterion is not met.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Node, execution, or the file of a document
    #[arg(value_name = "EXECUTION[/NODE]|FILE")]
    target: String,
    #[command(flatten)]
    record: RecordArgs,
    /// Commit to check. For a node, a commit of the spec branch instead of the reported one, for example its merge; recorded
    /// only if all required criteria are met. For an execution, a commit of the spec branch instead of its tip. For a
    /// document, any commit [default: HEAD]
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    verify::supported()?;
    let stop = Stop::on_signals().map_err(Error::unavailable)?;
    if let Some(file) = super::document(context, &args.target) {
        return document(context, args, &file, &stop);
    }
    let request = args.record.about(context, &args.target);
    if verify::is_about_node(&context.open()?, &request)? {
        node(context, args, &request, &stop)
    } else {
        execution(context, args, &request, &stop)
    }
}

fn node(context: &Context, args: &Args, request: &RecordRequest, stop: &Stop) -> Outcome {
    let output = args.record.output;
    let tell = teller(context, output);
    let recorded = verify_node(
        &context.open()?,
        (request, args.commit.as_deref()),
        stop,
        &tell,
    )?;
    let (attempt, actor) = (&recorded.answer.what.attempt, &recorded.answer.actor);
    let name = attempt.name();
    let verb = match recorded.answer.what.broken.as_slice() {
        [] => "verified",
        _ => "checked",
    };
    let line = format!("{verb} {name} attempt {} as {actor}\n", attempt.attempt);
    let broken = recorded.answer.what.broken.clone();
    context.recorded(output, recorded, &line)?;
    match broken.as_slice() {
        [] => Ok(()),
        some => Err(Failure::unmet(format!(
            "{name} is not accepted: {} of its required criteria {} not hold: {}",
            some.len(),
            if some.len() == 1 { "does" } else { "do" },
            some.join(", ")
        ))),
    }
}

fn execution(context: &Context, args: &Args, request: &RecordRequest, stop: &Stop) -> Outcome {
    let output = args.record.output;
    let tell = teller(context, output);
    let told = |verdict: &CriterionVerdict<'_>| {
        if output.is_text() {
            context.terminal.out(&format!(
                "`{}` of {} is {} at {}, as {}\n",
                verdict.criterion.criterion,
                verdict.execution,
                if verdict.criterion.met {
                    "met"
                } else {
                    "not met"
                },
                short(verdict.commit),
                verdict.actor
            ));
        }
    };
    let about = (request, args.commit.as_deref());
    let recorded = verify_execution(&context.open()?, about, stop, (&tell, &told))?;
    let name = recorded.answer.what.execution.name();
    let unmet = recorded.answer.what.unmet().join(", ");
    context.recorded(output, recorded, "")?;
    if unmet.is_empty() {
        return Ok(());
    }
    Err(Failure::unmet(format!("not met of {name}: {unmet}")))
}

fn document(context: &Context, args: &Args, file: &Path, stop: &Stop) -> Outcome {
    let output = args.record.output;
    let tell = teller(context, output);
    let caller = args.record.caller(context);
    let about = (&caller, file, args.commit.as_deref());
    let recorded = verdicts::verify(&context.open()?, about, stop, &tell)?;
    let what = &recorded.answer.what;
    let at = short(&what.commit).to_owned();
    let lines = what.criteria.iter().map(|one| {
        let word = if one.met { "met" } else { "not met" };
        let (file, actor) = (&what.file, &recorded.answer.actor);
        format!(
            "`{}` of {file} is {word} at {at}, as {actor}\n",
            one.criterion
        )
    });
    let lines: String = lines.collect();
    let (name, unmet) = (what.file.clone(), what.unmet().join(", "));
    context.recorded(output, recorded, &lines)?;
    if unmet.is_empty() {
        return Ok(());
    }
    Err(Failure::unmet(format!(
        "not met of {name} at {at}: {unmet}"
    )))
}

/// Returns a function that prints each result at once; those of a document are printed together.
fn teller(context: &Context, output: OutputArg) -> impl Fn(&TaskCriterion, &CriterionResult) {
    let terminal = context.terminal;
    move |criterion: &TaskCriterion, result: &CriterionResult| {
        if output.is_text() {
            terminal.out(&show::verify::line(criterion, result));
        }
    }
}
