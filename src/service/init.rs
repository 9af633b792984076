//! Make a repository one that holds plans.

use std::path::Path;

use super::{Error, Result, hooks};
use crate::api::made::{Initialized, MadeFile};
use crate::core::base::limits::CONFIG_FILE;
use crate::git::{Repo, files};

/// What to leave out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InitRequest {
    /// Leave the pre-commit hook out.
    pub no_hook: bool,
    /// Leave the CI workflow out.
    pub no_ci: bool,
}

const FOLDER_README: &str = include_str!("init/README.md");
const WORKFLOW_FILE: &str = ".github/workflows/planspec.yml";
const WORKFLOW: &str = include_str!("init/workflow.yml");
const CONFIG: &str = include_str!("init/planspec.yaml");

/// Make folder, configuration, hook and CI workflow in the repository around a folder; what is there
/// is kept as it is, and nothing is committed.
///
/// # Errors
/// A bare repository; a file that cannot be written.
pub fn init(dir: Option<&Path>, request: InitRequest) -> Result<Initialized> {
    let repo = Repo::open(dir)?;
    if repo.workdir().is_none() {
        return Err(
            Error::unavailable("a bare repository has no files to write")
                .hint("run it in a clone with a work tree"),
        );
    }
    let remote = only_remote(&repo)?;
    let config = match &remote {
        Some(remote) => CONFIG.replace("# REMOTE", &format!("remote: {remote}")),
        None => CONFIG.replace("  # REMOTE", "  # remote: origin"),
    };
    let mut wanted: Vec<(&str, &str)> = vec![
        (CONFIG_FILE, &config),
        ("planspec/README.md", FOLDER_README),
    ];
    if !request.no_ci {
        wanted.push((WORKFLOW_FILE, WORKFLOW));
    }
    let mut made = Vec::new();
    for (path, text) in wanted {
        let created = files::create(&repo, path, text.as_bytes())? == files::NewFile::Yes;
        let path = path.to_owned();
        made.push(MadeFile { path, created });
    }
    let mut notes = Vec::new();
    let mut hook = None;
    if !request.no_hook {
        let put = hooks::put(&repo)?;
        notes.extend(put.notes);
        hook = Some(put.state);
    }
    notes.extend(told(&made, remote.as_deref()));
    Ok(Initialized {
        next: next(&repo, &made),
        files: made,
        hook,
        remote,
        notes,
    })
}

/// What whoever begins should know.
fn told(made: &[MadeFile], remote: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    if made
        .iter()
        .any(|file| file.created && file.path == WORKFLOW_FILE)
    {
        notes.push(
            "the CI workflow is skipped until the repository variable PLANSPEC_REPOSITORY says where \
             the source of planspec is: see the head of the file"
                .to_owned(),
        );
    }
    notes.push(match remote {
        Some(remote) => format!(
            "status will be shared through remote `{remote}`; change `status.remote` in \
             {CONFIG_FILE} to keep it on this machine"
        ),
        None => "there is no remote: nothing leaves this machine until `status.remote` is set"
            .to_owned(),
    });
    notes
}

/// The commit of what was made.
fn next(repo: &Repo, made: &[MadeFile]) -> Vec<String> {
    let created = made.iter().filter(|file| file.created);
    let paths: Vec<String> = created.map(|file| repo.from_here(&file.path)).collect();
    if paths.is_empty() {
        return Vec::new();
    }
    let paths = paths.join(" ");
    vec![format!(
        "git add {paths} && git commit -m \"Keep plans here\""
    )]
}

/// `origin`, or the only remote there is.
fn only_remote(repo: &Repo) -> Result<Option<String>> {
    let remotes = repo.remotes()?;
    let origin = remotes.iter().find(|name| *name == "origin").cloned();
    Ok(origin.or_else(|| match remotes.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }))
}
