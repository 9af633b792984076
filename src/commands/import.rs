//! `planspec import`: a task list becomes a plan.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg, OutputArg};
use crate::core::trackers::Format;
use crate::failure::Outcome;
use crate::service::import::{ImportRequest, import};
use crate::show;

/// Make a plan of a task list, or bring it up to date
///
/// Make a plan of a task list, or bring the plan up to date that was made of it: tasks are known by their ids in the list.
/// What people wrote into the plan stays. Commits nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A checklist, a file of a tracker or what one exports; - is standard input
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: FormatArg,
    /// Which list of a file of Task Master; master when not set
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Name of the plan: NAME or NAMESPACE/NAME; made of the name of the file when not set
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Where to write a new plan; at its place when not set
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Leave out ids that stand twice and dependencies that go round in a circle, and say so
    #[arg(long)]
    lenient: bool,
    /// Take out of the plan what the list has no more
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
    /// What the file looks like.
    Auto,
    /// A checklist.
    Markdown,
    /// The tasks.md of spec-kit.
    SpecKit,
    /// The tasks.json of Task Master.
    TaskMaster,
    /// The issues of beads, one a line.
    Beads,
    /// What `gh issue list --json` prints.
    Github,
    /// A table.
    Csv,
    /// What `planspec export --to json` prints.
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

/// Run the verb.
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
