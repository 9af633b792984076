//! `planspec convert`: convert a plan to the other format.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::failure::Outcome;
use crate::service::convert::{ConvertRequest, PlanFormat, convert};

/// Convert a plan to the other format
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Format to write
    #[arg(long, value_name = "FORMAT")]
    to: FormatArg,
    /// PlanSpec 1.2 document, or a file with a Plan and optionally its Goal; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write to this file, which must not exist; a document is YAML if the file name says so
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Namespace of the resources if the document does not set it
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    #[command(flatten)]
    output: OutputArg,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// Resources of planspec.io/v1alpha1.
    #[value(name = "v1alpha1")]
    V1Alpha1,
    /// A PlanSpec 1.2 document.
    #[value(name = "1.2")]
    Document,
}

impl From<FormatArg> for PlanFormat {
    fn from(format: FormatArg) -> PlanFormat {
        match format {
            FormatArg::V1Alpha1 => PlanFormat::V1Alpha1,
            FormatArg::Document => PlanFormat::Document,
        }
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let converted = convert(&ConvertRequest {
        file: context.path(&args.file),
        to: args.to.into(),
        namespace: args.namespace.clone(),
        out: args.out.as_ref().map(|out| context.path(out)),
        now: context.now,
    })?;
    let text = match &converted.out {
        Some(_) => "",
        None => &converted.text,
    };
    context.show(args.output, &converted, (text, &[]))?;
    if !args.output.is_text() {
        return Ok(());
    }
    let (lost, missing) = (&converted.lost, &converted.missing);
    for (title, lines) in [("not converted:", lost), ("to be filled in:", missing)] {
        if !lines.is_empty() {
            context.terminal.note(title);
        }
        for line in lines {
            context.terminal.note(&format!("  {line}"));
        }
    }
    Ok(())
}
