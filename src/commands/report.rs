//! `planspec report`: say how a claimed node went.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::{Context, RecordArgs, WorkingArgs};
use crate::core::run::record::ReportResult;
use crate::failure::Outcome;
use crate::service::Error;
use crate::service::report::{ReportRequest, report};
use crate::service::sources;

/// Report how a claimed node went
///
/// Without --attempt: the attempt that you hold. Where its lease has ended and nobody has taken the node since, it is
/// reported as the next one. What cannot count any more is refused; the same report twice is one.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("result").required(true))]
pub struct Args {
    /// The node: EXECUTION/NODE; not needed where you hold only one here
    #[arg(value_name = "EXECUTION/NODE")]
    target: Option<String>,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
    /// It is done
    #[arg(long, group = "result")]
    succeeded: bool,
    /// It failed
    #[arg(long, group = "result")]
    failed: bool,
    /// What it brought; may be repeated. The value is text
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_value)]
    outputs: Vec<(String, String)>,
    /// What it brought: a file with a JSON object, or - for standard input
    #[arg(long, value_name = "FILE")]
    outputs_file: Option<PathBuf>,
    /// A sentence for people
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    /// The commit that holds the work
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// Report for this attempt of those that you have held
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
}

fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let result = if args.succeeded {
        ReportResult::Succeeded
    } else {
        ReportResult::Failed
    };
    let request = ReportRequest {
        record: args
            .record
            .about(context, args.target.as_deref().unwrap_or_default()),
        working: args.working.working(),
        result,
        outputs: outputs(args)?,
        message: args.message.clone(),
        commit: args.commit.clone(),
        attempt: args.attempt,
    };
    let recorded = report(&context.open()?, &request)?;
    let reported = &recorded.answer.what;
    let (name, number) = (reported.attempt.name(), reported.attempt.attempt);
    let verb = if reported.already {
        "already reported"
    } else {
        "reported"
    };
    let line = format!("{verb} {name} attempt {number} as {}\n", result.word());
    context.recorded(args.record.output, recorded, &line)
}

fn outputs(args: &Args) -> Outcome<Map<String, Value>> {
    let mut outputs = match &args.outputs_file {
        None => Map::new(),
        Some(path) => match serde_json::from_slice(&sources::bytes(path)?) {
            Ok(Value::Object(map)) => map,
            Ok(_) => {
                let message = format!("{} holds no JSON object", path.display());
                return Err(Error::invalid(message).into());
            }
            Err(error) => {
                let message = format!("{}: {error}", path.display());
                return Err(Error::invalid(message).into());
            }
        },
    };
    for (name, value) in &args.outputs {
        outputs.insert(name.clone(), Value::String(value.clone()));
    }
    Ok(outputs)
}
