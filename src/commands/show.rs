//! `planspec show`: a PlanSpec 1.2 document for people, or in one of its two forms.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Context;
use crate::failure::Outcome;
use crate::service::document::open;
use crate::show;

/// Show a PlanSpec 1.2 document
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The document; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to show it
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "markdown",
        alias = "format",
        short_alias = 'f'
    )]
    output: DocumentFormat,
}

/// How to show a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DocumentFormat {
    /// For reading, in a pull request for example.
    Markdown,
    /// The canonical form.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let opened = open(&context.path(&args.file))?;
    let text = match args.output {
        DocumentFormat::Markdown => {
            show::document::markdown(&opened.document, &opened.resources()?)
        }
        DocumentFormat::Json => opened.document.to_json(),
        DocumentFormat::Yaml => opened.document.to_yaml(),
    };
    context.terminal.out(&text);
    Ok(())
}
