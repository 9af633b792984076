//! `planspec board`: write the state of all runs as pages.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, OutputArg};
use crate::api::board::{BoardWritten, PageName};
use crate::failure::{Failure, Outcome};
use crate::service::board::{Board, BoardFolder, WriteRequest};
use crate::show;
use crate::show::pages::{Href, Links, SCRIPT, SCRIPT_FILE, STYLE, STYLE_FILE};

/// Write the state of all runs as web pages
///
/// Writes pages of runs, nodes, gates and plans, for any web server.
///
/// Reads the state of the last fetch. The same repository gives the same files: only changed files are written, and files
/// that are no longer needed are removed.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Folder to write to: an empty one, or one that this command has written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Address where the pages are published, such as https://example.com/plans/; each page then names its own
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Number of finished runs that get pages, newest first
    #[arg(long, value_name = "N", default_value_t = 100)]
    ended: usize,
    /// Audit the status commits of each run, and show the result in its history
    #[arg(long)]
    audit: bool,
    #[command(flatten)]
    output: OutputArg,
}

/// Runs the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if let Some(url) = &args.base_url
        && Href::web(url).is_none()
    {
        let message = format!("--base-url `{url}` is not a web address");
        return Err(Failure::usage(message).hint("write it like https://example.com/plans/"));
    }
    let store = context.open()?;
    let board = Board::new(&store, None);
    let board = if args.audit { board.auditing() } else { board };
    let known = board.pages(args.ended)?;
    let paths = known.iter().map(PageName::to_string);
    let request = WriteRequest {
        out: context.path(&args.out),
        paths: paths
            .chain([STYLE_FILE, SCRIPT_FILE].map(str::to_owned))
            .collect(),
    };
    let mut folder = BoardFolder::open(&store, request)?;
    folder.put(STYLE_FILE, STYLE)?;
    folder.put(SCRIPT_FILE, SCRIPT)?;
    // Sorted by path, so that the pages of one run, and of one plan, are written together.
    let mut names: Vec<&PageName> = known.iter().collect();
    names.sort_by_cached_key(|name| name.to_string());
    for name in names {
        let links = Links {
            at: name,
            known: Some(&known),
            place: None,
            base_url: args.base_url.as_deref(),
            is_live: false,
            decides_as: None,
        };
        let shown = board.page_or_why(name);
        folder.put(&name.to_string(), &show::pages::html(&shown, &links))?;
    }
    let written = folder.finish()?;
    context.show(args.output, &written, (&text(&written), &written.notes))
}

/// `wrote 12 of 48 files to site, removed 1`
fn text(written: &BoardWritten) -> String {
    let removed = match written.removed.len() {
        0 => String::new(),
        removed => format!(", removed {removed}"),
    };
    format!(
        "wrote {} of {} files to {}{removed}\n",
        written.written.len(),
        written.files,
        written.out
    )
}
