//! `planspec schema`: the JSON Schema of a kind, a file or an answer.

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::core::resource::Kind;
use crate::core::resource::schema::{self, SchemaKind};
use crate::failure::Outcome;
use crate::service::explain::{answer, answers};
use crate::service::names::no_kind;
use crate::show;

/// Print a JSON Schema
///
/// Prints the JSON Schema (2020-12) of a kind, of PlanSpec 1.2 documents, of the configuration, of a status, or of the
/// answer that a verb prints with -o json.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Args {
    /// Kind, `document`, `config`, or `status` (the status of all kinds)
    #[arg(group = "what")]
    kind: Option<String>,
    /// Answer, by the value of its `kind`, for example Claimed
    #[arg(long, value_name = "KIND", group = "what")]
    answer: Option<String>,
    /// List the kinds of all answers
    #[arg(long, group = "what")]
    answers: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb. A schema is JSON however it is asked for.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(kind) = &args.answer {
        context.terminal.out(&show::json(&answer(kind)?));
        return Ok(());
    }
    let Some(kind) = &args.kind else {
        let answers = answers();
        let lines = answers.items.iter().map(|kind| format!("{kind}\n"));
        let text: String = lines.collect();
        return context.show(args.output, &answers, (&text, &[]));
    };
    if kind == "status" {
        context.terminal.out(schema::STATUS);
        return Ok(());
    }
    let kind = match kind.as_str() {
        "document" => SchemaKind::Document,
        "config" => SchemaKind::Config,
        kind => Kind::parse(kind)
            .ok_or_else(|| no_kind(kind, &["document", "config", "status"]))?
            .into(),
    };
    context
        .terminal
        .out(&format!("{}\n", schema::text(kind).trim_end()));
    Ok(())
}
