//! `planspec start`: write and commit an Execution of a plan.

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::{Context, NamespaceArg, OutputArg};
use crate::api::change::Started;
use crate::core::text::yaml;
use crate::failure::{Failure, Outcome};
use crate::service::start::{StartRequest, start};
use crate::show;

/// Write and commit an execution of a plan
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The plan: NAME or NAMESPACE/NAME
    plan: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Name of the execution [default: the plan's name and a number]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A parameter; may be repeated. true, false, numbers and JSON are taken as such
    #[arg(short, long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// Who does the tasks [default: the only binding of the namespace]
    #[arg(long, value_name = "BINDING")]
    binding: Option<String>,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Show the execution, write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArg,
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            Ok((key.to_owned(), value))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// Each parameter once: it is not guessed which value is meant.
fn once(parameters: &[(String, Value)]) -> Outcome<Map<String, Value>> {
    let mut taken = Map::new();
    for (key, value) in parameters {
        if taken.insert(key.clone(), value.clone()).is_some() {
            return Err(Failure::usage(format!("parameter `{key}` is given twice")));
        }
    }
    Ok(taken)
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = StartRequest {
        plan: args.plan.clone(),
        namespace: args.namespace.given(),
        name: args.name.clone(),
        parameters: once(&args.parameters)?,
        binding: args.binding.clone(),
        message: args.message.clone(),
        dry_run: args.dry_run,
    };
    let started = start(&context.open()?, &request)?;
    let Started {
        resource, change, ..
    } = &started.answer;
    let text = if args.dry_run {
        yaml::write(resource)
    } else {
        show::change::text(change)
    };
    context.changed(args.output, &started, (&text, change))
}
