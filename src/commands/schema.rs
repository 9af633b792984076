//! `planspec schema`: the JSON Schema of a kind or a file.

use clap::Args as ClapArgs;

use super::Context;
use super::get::parse_kind;
use crate::core::resource::schema::{self, SchemaKind};
use crate::failure::Outcome;

/// Print the JSON Schema (2020-12) of a kind, of PlanSpec 1.2 documents, or of the configuration
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A kind, document or config
    kind: String,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let kind = match args.kind.as_str() {
        "document" => SchemaKind::Document,
        "config" => SchemaKind::Config,
        kind => parse_kind(kind)?.into(),
    };
    context
        .terminal
        .out(&format!("{}\n", schema::text(kind).trim_end()));
    Ok(())
}
