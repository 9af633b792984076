//! `planspec edit`: change a resource in the editor; nothing is saved before it is valid.

use clap::Args as ClapArgs;

use super::{Context, NamedArgs, OutputArg};
use crate::failure::Outcome;
use crate::service::edit::{EditRequest, in_editor};
use crate::show;

/// Edit a resource in $EDITOR, validate it, and commit it
///
/// While it is not valid the editor opens again with the findings on top. Saving nothing new, or
/// nothing at all, gives up; what was written is kept in a file that is named.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    resource: NamedArgs,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// The editor [default: that of your Git]
    #[arg(long, value_name = "PROGRAM")]
    editor: Option<String>,
    #[command(flatten)]
    output: OutputArg,
}

/// Run the verb.
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
