//! `planspec show FILE`: a former name of `planspec describe FILE`, which other implementations use.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, DocumentFormat};
use crate::failure::Outcome;

/// Show a PlanSpec 1.2 document, as `describe FILE` does
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Document, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Output format
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

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    context.document(&context.path(&args.file), args.output)
}
