//! `planspec edit`: change a resource in the editor; it is saved only when it is valid.

use clap::Args as ClapArgs;

use super::{Context, NamedArgs, OutputArg};
use crate::failure::Outcome;
use crate::service::edit::{EditRequest, in_editor};
use crate::show;

/// Edit a resource in $EDITOR, validate it, and commit it
///
/// While the resource is not valid, the editor opens again with the findings at the top. To give up, save an unchanged or
/// empty file; your text is kept in a file whose name is printed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    resource: NamedArgs,
    /// Commit message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Editor to use [default: Git's editor]
    #[arg(long, value_name = "PROGRAM")]
    editor: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = EditRequest {
        named: args.resource.named("edit")?,
        message: args.message.clone(),
        editor: args.editor.clone(),
    };
    let edited = in_editor(&context.open()?, &request)?;
    let change = &edited.answer.change;
    let text = show::change::text(change);
    context.changed(args.output, &edited, (&text, change))
}
