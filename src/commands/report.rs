//! `planspec report`: report whether a claimed node succeeded.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::{Context, RecordArgs, WorkingArgs};
use crate::api::record::DoneState;
use crate::core::run::record::ReportResult;
use crate::failure::{Failure, Outcome};
use crate::service::Error;
use crate::service::done_before::{self, Done, DoneBeforeRequest};
use crate::service::report::{ReportRequest, report};
use crate::service::sources;
use crate::show;

/// Report whether a claimed node succeeded or failed
///
/// Without --attempt, the report is for the attempt that you hold. If its lease has expired and nobody has claimed the node
/// since, the report is for the next attempt. A report that can no longer count is refused; repeating a report has no
/// effect.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("result").required(true))]
pub struct Args {
    /// Node: EXECUTION/NODE; optional if this session holds only one. With --from: the execution
    #[arg(value_name = "EXECUTION/NODE")]
    target: Option<String>,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    working: WorkingArgs,
    /// The node succeeded
    #[arg(long, group = "result")]
    succeeded: bool,
    /// The node failed
    #[arg(long, group = "result")]
    failed: bool,
    /// The work was done before the run; needs no claim, and acceptance criteria are still checked
    #[arg(long, group = "result", requires = "target")]
    done_before: bool,
    /// With --done-before: file with the nodes, or - for standard input, as YAML or JSON: `NODE: {commit: REV,
    /// outputs: {NAME: VALUE}, message: TEXT}`; or a task list, as `planspec import` reads it
    #[arg(long, value_name = "FILE", requires = "done_before",
          conflicts_with_all = ["outputs", "outputs_file", "commit", "message", "attempt", "claim"])]
    from: Option<PathBuf>,
    /// With --from: the list to read, of a Task Master file
    #[arg(long, value_name = "TAG", requires = "from")]
    tag: Option<String>,
    /// Set an output; may be repeated. The value is text, unless the task declares another type: then it is JSON
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_value)]
    outputs: Vec<(String, String)>,
    /// File with the outputs as a JSON object, or - for standard input
    #[arg(long, value_name = "FILE")]
    outputs_file: Option<PathBuf>,
    /// Message for people
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Commit that contains the work
    #[arg(long, value_name = "REV")]
    commit: Option<String>,
    /// Attempt to report; one that you have held
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
}

fn name_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.done_before {
        return were_done(context, args);
    }
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
        outputs: outputs_of_file(args)?,
        typed: args.outputs.clone(),
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

/// Reports nodes that were done before the run.
fn were_done(context: &Context, args: &Args) -> Outcome {
    let target = args.target.as_deref().unwrap_or_default();
    let (target, nodes) = match (&args.from, target.rsplit_once('/')) {
        (Some(path), _) => {
            let name = path.display().to_string();
            let bytes = sources::bytes(&context.path(path))?;
            let nodes = done_before::read(&name, &bytes, args.tag.as_deref())?;
            (target, nodes)
        }
        (None, Some((execution, node))) => {
            let done = Done {
                outputs: outputs(args)?,
                commit: args.commit.clone(),
                message: args.message.clone(),
                is_of_list: false,
            };
            (execution, BTreeMap::from([(node.to_owned(), done)]))
        }
        (None, None) => {
            let why = format!("`{target}` names no node");
            let hint = "write EXECUTION/NODE, or name many in a file: `--from FILE`";
            return Err(Error::ambiguous(why).hint(hint).into());
        }
    };
    let request = DoneBeforeRequest {
        record: args.record.about(context, target),
        working: args.working.working(),
        nodes,
    };
    let (answer, trouble) = done_before::done_before(&context.open()?, &request)?;
    let refused = answer.nodes.iter();
    let refused = refused.filter(|node| node.state == DoneState::Refused);
    let refused = refused.count();
    let mut text = show::done::text(&answer);
    let moved = show::reconcile::together(&answer.reconciled);
    if let Some(done) = moved.filter(|_| args.record.output.is_text()) {
        text.push_str(&context.moved(&done, true));
    }
    context.show(args.record.output, &answer, (&text, &answer.notes))?;
    if let Some(error) = trouble {
        return Err(Failure::waiting(error));
    }
    if answer.reconciled.is_empty() {
        context.next(args.record.output, &["planspec reconcile".to_owned()]);
    }
    match refused {
        0 => Ok(()),
        some => Err(Failure::unmet(format!("{some} of them cannot be reported"))),
    }
}

fn outputs(args: &Args) -> Outcome<Map<String, Value>> {
    let mut outputs = outputs_of_file(args)?;
    for (name, value) in &args.outputs {
        outputs.insert(name.clone(), Value::String(value.clone()));
    }
    Ok(outputs)
}

fn outputs_of_file(args: &Args) -> Outcome<Map<String, Value>> {
    Ok(match &args.outputs_file {
        None => Map::new(),
        Some(path) => match serde_json::from_slice(&sources::bytes(path)?) {
            Ok(Value::Object(map)) => map,
            Ok(_) => {
                let message = format!("{} does not contain a JSON object", path.display());
                return Err(Error::invalid(message).into());
            }
            Err(error) => {
                let message = format!("{}: {error}", path.display());
                return Err(Error::invalid(message).into());
            }
        },
    })
}
