//! `planspec attest`: record whether a criterion is met.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, RecordArgs};
use crate::core::base::digest::short;
use crate::failure::Outcome;
use crate::service::attest::{AttestRequest, attest};
use crate::service::verdicts;

/// Record whether a criterion is met
///
/// A goal whose criteria have ids succeeds when its newest execution has succeeded and each criterion is attested as met.
/// Your newest attestation counts. If people disagree, the criterion is not met.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("verdict").required(true))]
pub struct Args {
    /// Execution, or the file of a document
    #[arg(value_name = "EXECUTION|FILE")]
    execution: String,
    /// Id of the criterion
    criterion: String,
    #[command(flatten)]
    record: RecordArgs,
    /// The criterion is met
    #[arg(long, group = "verdict")]
    met: bool,
    /// The criterion is not met
    #[arg(long, group = "verdict")]
    unmet: bool,
    /// Evidence
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Commit that the attestation is for, as `wait --for verified` needs it [default for a document: HEAD]
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(file) = super::document(context, &args.execution) {
        return document(context, args, file);
    }
    let request = AttestRequest {
        record: args.record.about(context, &args.execution),
        criterion: args.criterion.clone(),
        met: args.met,
        evidence: args.message.clone(),
        commit: args.commit.clone(),
    };
    let recorded = attest(&context.open()?, &request)?;
    let name = recorded.answer.what.execution.name();
    let commit = recorded.answer.what.commit.as_deref();
    let line = line(args, (&name, commit), &recorded.answer.actor);
    context.recorded(args.record.output, recorded, &line)
}

fn document(context: &Context, args: &Args, file: PathBuf) -> Outcome {
    let request = verdicts::AttestRequest {
        caller: args.record.caller(context),
        file,
        criterion: args.criterion.clone(),
        met: args.met,
        evidence: args.message.clone(),
        commit: args.commit.clone(),
    };
    let recorded = verdicts::attest(&context.open()?, &request)?;
    let what = &recorded.answer.what;
    let line = line(
        args,
        (&what.file, Some(&what.commit)),
        &recorded.answer.actor,
    );
    context.recorded(args.record.output, recorded, &line)
}

fn line(args: &Args, (name, commit): (&str, Option<&str>), actor: &str) -> String {
    let verdict = if args.met { "met" } else { "not met" };
    let at = commit.map_or(String::new(), |commit| format!(" at {}", short(commit)));
    let criterion = &args.criterion;
    format!("attested that `{criterion}` of {name} is {verdict}{at}, as {actor}\n")
}
