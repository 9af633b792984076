//! `planspec start`: write and commit an Execution of a plan.

use clap::Args as ClapArgs;
use serde_json::{Map, Value};

use super::{Context, NamespaceArg, OutputArg};
use crate::api::change::Started;
use crate::core::plan::values::as_written;
use crate::core::text::yaml;
use crate::failure::{Failure, Outcome};
use crate::service::start::{StartRequest, start};
use crate::show;

/// Write and commit an execution of a plan
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Plan to run: NAME or NAMESPACE/NAME
    plan: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Name of the execution [default: the plan's name and a random suffix, such as auth-7k2p]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Set a parameter; may be repeated. true, false and plain numbers (5 or 1.5, but not 1.10 or 1e5) keep their type;
    /// everything else is text
    #[arg(short, long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// Set a parameter to a JSON value; may be repeated
    #[arg(long = "param-json", value_name = "KEY=JSON", value_parser = json_parameter)]
    json_parameters: Vec<(String, Value)>,
    /// Refuse parameters that the plan does not use
    #[arg(long)]
    strict: bool,
    /// Binding that chooses providers for tasks [default: the only binding of the namespace]
    #[arg(long, value_name = "BINDING")]
    binding: Option<String>,
    /// Commit message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Show the execution without writing it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArg,
}

fn key_value(text: &str) -> Result<(&str, &str), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    parts.ok_or_else(|| "write KEY=VALUE".to_owned())
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    let (key, value) = key_value(text)?;
    Ok((key.to_owned(), as_written(value)))
}

fn json_parameter(text: &str) -> Result<(String, Value), String> {
    let (key, value) = key_value(text)?;
    let value = serde_json::from_str(value).map_err(|error| format!("not JSON: {error}"))?;
    Ok((key.to_owned(), value))
}

/// Collects the parameters; one that is given twice is an error, since either value could be meant.
fn once(args: &Args) -> Outcome<Map<String, Value>> {
    let mut taken = Map::new();
    for (key, value) in args.parameters.iter().chain(&args.json_parameters) {
        if taken.insert(key.clone(), value.clone()).is_some() {
            return Err(Failure::usage(format!("parameter `{key}` is given twice")));
        }
    }
    Ok(taken)
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = StartRequest {
        plan: args.plan.clone(),
        namespace: args.namespace.given(),
        name: args.name.clone(),
        parameters: once(args)?,
        strict: args.strict,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_kept_as_they_are_written() {
        let numbers = ["0", "7", "-3", "1.5", "-0.25", "18446744073709551615"];
        for text in numbers {
            assert!(as_written(text).is_number(), "{text}");
        }
        let texts = [
            "1.10",
            "1e5",
            "1E5",
            "007",
            "+1",
            "-0",
            "0x1F",
            "1_000",
            "123456789012345678901",
            "3.",
            ".5",
            " 7",
            "1.0e0",
            "null",
            "True",
            "yes",
            "~",
            "[1]",
            "{}",
            "\"x\"",
            "",
            "12:30",
            "NaN",
        ];
        for text in texts {
            assert_eq!(as_written(text), json!(text));
        }
        assert_eq!(as_written("true"), json!(true));
        for text in numbers.into_iter().chain(texts) {
            assert_eq!(parameter(&format!("k={text}")).expect("a value").0, "k");
            // The value is written to a file, and read from there.
            let written = crate::core::text::yaml::write(&json!({"k": as_written(text)}));
            let read: Value = serde_yaml::from_str(&written).expect("YAML");
            assert_eq!(read["k"], as_written(text), "{written}");
        }
    }
}
