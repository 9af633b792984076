//! `planspec init`: make this repository one that holds plans.

use clap::Args as ClapArgs;

use super::{Context, hooks};
use crate::core::base::limits::CONFIG_FILE;
use crate::failure::{Failure, Outcome};
use crate::git::{Repo, files, hooks as installed};

/// Make planspec/, .planspec.yaml, the pre-commit hook and a CI workflow in this repository
///
/// Asks nothing, overwrites nothing, commits nothing.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Leave the pre-commit hook out
    #[arg(long)]
    no_hook: bool,
    /// Leave the CI workflow out
    #[arg(long)]
    no_ci: bool,
}

const FOLDER_README: &str = include_str!("init/README.md");
const WORKFLOW_FILE: &str = ".github/workflows/planspec.yml";
const WORKFLOW: &str = include_str!("init/workflow.yml");
const CONFIG: &str = include_str!("init/planspec.yaml");

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let repo = Repo::open(context.dir.as_deref())?;
    if repo.workdir().is_none() {
        return Err(Failure::usage("a bare repository has no files to write")
            .hint("run it in a clone with a work tree"));
    }
    let mut made = Vec::new();
    let remote = only_remote(&repo)?;
    let config = match &remote {
        Some(remote) => CONFIG.replace("# REMOTE", &format!("remote: {remote}")),
        None => CONFIG.replace("  # REMOTE", "  # remote: origin"),
    };
    let mut files: Vec<(&str, &str)> = vec![
        (CONFIG_FILE, &config),
        ("planspec/README.md", FOLDER_README),
    ];
    if !args.no_ci {
        files.push((WORKFLOW_FILE, WORKFLOW));
    }
    for (path, text) in files {
        let word = match files::create(&repo, path, text.as_bytes())? {
            files::Created::Yes => {
                made.push(path.to_owned());
                "created"
            }
            files::Created::Exists => "kept as it is",
        };
        context.terminal.out(&format!("{word:<14} {path}\n"));
    }
    if !args.no_hook {
        let (line, note) = hooks::told(&repo, &installed::install(&repo)?);
        context.terminal.out(&line);
        if let Some(note) = note {
            context.terminal.note(&format!("note: {note}"));
        }
    }
    if made.iter().any(|path| path == WORKFLOW_FILE) {
        context.terminal.note(
            "the CI workflow is skipped until the repository variable PLANSPEC_REPOSITORY says where \
             the source of planspec is: see the head of the file",
        );
    }
    match &remote {
        Some(remote) => context.terminal.note(&format!(
            "status will be shared through remote `{remote}`; change `status.remote` in \
             {CONFIG_FILE} to keep it on this machine"
        )),
        None => context
            .terminal
            .note("there is no remote: nothing leaves this machine until `status.remote` is set"),
    }
    if !made.is_empty() {
        context.terminal.note(&format!(
            "next: git add {} && git commit -m \"Keep plans here\"",
            made.join(" ")
        ));
    }
    Ok(())
}

/// `origin`, or the only remote there is.
fn only_remote(repo: &Repo) -> Outcome<Option<String>> {
    let remotes = repo.remotes()?;
    let origin = remotes.iter().find(|name| *name == "origin").cloned();
    Ok(origin.or_else(|| match remotes.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }))
}
