//! `planspec schema`: print the JSON Schema of a kind, a file or an answer.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::core::resource::Kind;
use crate::core::resource::schema::{self, SchemaKind, portable};
use crate::failure::{Failure, Outcome};
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
    /// Write all schemas to this folder as draft-07 for editors, with a catalog of the files that each one is for
    #[arg(long, value_name = "DIR", group = "what", requires = "url")]
    publish: Option<PathBuf>,
    /// With --publish: address where the folder is published, for example https://example.org/schemas
    #[arg(long, value_name = "URL", requires = "publish")]
    url: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb. A schema is JSON, whatever the output format.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(kind) = &args.answer {
        context.terminal.out(&show::json(&answer(kind)?));
        return Ok(());
    }
    if let Some(folder) = &args.publish {
        return publish(context, folder, args.url.as_deref().unwrap_or_default());
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

/// Writes the schemas as files that editors find by their addresses.
fn publish(context: &Context, folder: &Path, url: &str) -> Outcome {
    if !url.starts_with("https://") {
        let why = format!("`{url}` is no https address");
        return Err(Failure::usage(why).hint("write --url https://HOST/PATH"));
    }
    context.make_folder(folder)?;
    for file in portable::published(url) {
        let path = folder.join(&file.name);
        context.write(&path, &show::json(&file.content))?;
        context.terminal.out(&format!("{}\n", path.display()));
    }
    Ok(())
}
