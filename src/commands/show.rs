//! `planspec show`: a PlanSpec 1.2 document for people, or in one of its two forms.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Context;
use super::change::show_findings;
use crate::core::base::source::Content;
use crate::core::document::{self, Document};
use crate::failure::{Failure, Outcome};
use crate::git::files;
use crate::show;

/// Show a PlanSpec 1.2 document
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The document; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "markdown")]
    format: Format,
}

/// How to show a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For reading, in a pull request for example.
    Markdown,
    /// The canonical form.
    Json,
    /// The same as YAML.
    Yaml,
}

/// The namespace of what is shown is nobody's business.
const NAMESPACE: &str = "default";

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (file, bytes) = text_of(context, &args.file)?;
    let document = parse(context, &file, &bytes)?;
    let text = match args.format {
        Format::Markdown => {
            let generated = document
                .resources(&file, NAMESPACE)
                .map_err(|found| refuse(context, &bytes, &found))?;
            show::document::markdown(&document, &generated)
        }
        Format::Json => document.to_json(),
        Format::Yaml => document.to_yaml(),
    };
    context.terminal.out(&text);
    Ok(())
}

/// A document that the user names.
///
/// # Errors
/// It is none, or is broken; the findings are shown.
pub(super) fn parse(context: &Context, file: &str, bytes: &[u8]) -> Outcome<Document> {
    document::parse(file, bytes).map_err(|found| refuse(context, bytes, &found))
}

/// Show what is wrong.
pub(super) fn refuse(context: &Context, bytes: &[u8], found: &[document::Diagnostic]) -> Failure {
    let text = String::from_utf8_lossy(bytes).into_owned();
    show_findings(context, found, &|_| Some(text.clone()));
    Failure::findings()
}

/// Name and content of a file that the user names.
///
/// # Errors
/// It cannot be read.
pub(super) fn text_of(context: &Context, file: &std::path::Path) -> Outcome<(String, Vec<u8>)> {
    let path = match file.as_os_str() == "-" {
        true => file.to_owned(),
        false => context.dir.clone().unwrap_or_default().join(file),
    };
    let limit = crate::core::base::limits::Limits::default().file_bytes;
    let mut found = files::named(&[path], limit);
    match found.pop().map(|found| (found.path, found.content)) {
        Some((path, Content::Bytes(bytes))) => Ok((path, bytes.to_vec())),
        Some((path, Content::Refused(why))) => Err(Failure::usage(format!("{path}: {why}"))),
        None => Err(Failure::usage("there is nothing to read")),
    }
}
