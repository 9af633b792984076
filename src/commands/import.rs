//! `planspec import`: make a plan from a task list.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::core::trackers::Format;
use crate::failure::Outcome;
use crate::service::import::{ImportRequest, import};
use crate::show;

/// Create or update a plan from a task list
///
/// Creates a plan from a task list, or updates the plan that was created from it. The ids of the list identify the tasks.
/// Everything that you added to the plan stays. Commits nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The task list: a checklist, or a file or export of a tracker; - is standard input
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// Format of the list
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: FormatArg,
    /// List to read from a Task Master file [default: master]
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Name of the plan: NAME or NAMESPACE/NAME [default: from the name of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// File for a new plan [default: its usual place]
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Leave out duplicate ids and dependencies that form a cycle, and report them
    #[arg(long)]
    lenient: bool,
    /// Remove tasks from the plan that are no longer in the list
    #[arg(long)]
    prune: bool,
    /// Print the plan instead of writing it
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// Detect the format.
    Auto,
    /// A checklist.
    Markdown,
    /// The tasks.md of spec-kit.
    SpecKit,
    /// The tasks.json of Task Master.
    TaskMaster,
    /// Issues of beads, as JSON Lines.
    Beads,
    /// The output of `gh issue list --json`.
    Github,
    /// A CSV table.
    Csv,
    /// The output of `planspec export --to json`.
    Planspec,
}

impl From<FormatArg> for Option<Format> {
    fn from(format: FormatArg) -> Option<Format> {
        Some(match format {
            FormatArg::Auto => return None,
            FormatArg::Markdown => Format::Markdown,
            FormatArg::SpecKit => Format::SpecKit,
            FormatArg::TaskMaster => Format::TaskMaster,
            FormatArg::Beads => Format::Beads,
            FormatArg::Github => Format::Github,
            FormatArg::Csv => Format::Csv,
            FormatArg::Planspec => Format::Planspec,
        })
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let request = ImportRequest {
        source: context.path(&args.source),
        shown: args.source.display().to_string(),
        format: args.format.into(),
        tag: args.tag.clone(),
        name: args.name.clone(),
        namespace: args.namespace.given(),
        file: args.file.as_ref().map(|file| context.path(file)),
        lenient: args.lenient,
        prune: args.prune,
        dry_run: args.print,
    };
    let imported = import(&context.open()?, &request)?;
    let text = if args.print {
        imported.text.clone()
    } else {
        show::import::text(&imported)
    };
    context.show(args.output, &imported, (&text, &imported.notes))?;
    if args.output.is_text() {
        for line in show::import::unread(&imported) {
            context.terminal.note(&line);
        }
    }
    context.next(args.output, &imported.next);
    Ok(())
}
