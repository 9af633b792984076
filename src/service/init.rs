//! Sets up planspec in a repository.

use std::path::Path;
use std::str::FromStr;

use super::{Error, Result, hooks};
use crate::api::made::{Initialized, MadeFile};
use crate::core::base::limits::CONFIG_FILE;
use crate::git::{Repo, files};

/// A request to set up planspec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InitRequest {
    /// Do not install the pre-commit hook.
    pub no_hook: bool,
    /// Do not create the CI workflow.
    pub no_ci: bool,
    /// Also write files for agents.
    pub agent: bool,
    /// The action for the workflow, instead of that of this program's release.
    pub action: Option<Action>,
}

/// A GitHub action: `OWNER/NAME@REF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action(String);

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Action, String> {
        let is_word = |word: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !word.is_empty() && !word.starts_with('.') && word.chars().all(is_plain)
        };
        let parts = text.split_once('@').and_then(|(repository, revision)| {
            let (owner, name) = repository.split_once('/')?;
            Some((owner, name, revision))
        });
        match parts {
            Some((owner, name, revision))
                if is_word(owner) && is_word(name) && revision.split('/').all(is_word) =>
            {
                Ok(Action(text.to_owned()))
            }
            _ => Err(
                "write OWNER/NAME@COMMIT: the GitHub repository of planspec, and a commit or tag of it"
                    .to_owned(),
            ),
        }
    }
}

/// The action of the release that this program belongs to, if any.
const OWN_ACTION: Option<&str> = option_env!("PLANSPEC_ACTION");
/// The placeholder in the workflow for the action.
const NO_ACTION: &str = "OWNER/planspec@0000000000000000000000000000000000000000 # v0.0.0";

const FOLDER_README: &str = include_str!("init/README.md");
const WORKFLOW_FILE: &str = ".github/workflows/planspec.yml";
const WORKFLOW: &str = include_str!("init/workflow.yml");
/// For a program that does not know its repository.
const WORKFLOW_BY_VARIABLES: &str = include_str!("init/workflow-by-variables.yml");
/// Where several agents look for skills.
const SKILL_FILE: &str = ".agents/skills/planspec/SKILL.md";
const SKILL: &str = include_str!("init/SKILL.md");
const AGENTS_FILE: &str = "AGENTS.md";
const AGENTS: &str = include_str!("init/AGENTS.md");
const CONFIG: &str = include_str!("init/planspec.yaml");

/// Creates the folder, configuration, hook and CI workflow in the repository around a folder. Existing files
/// are kept, and nothing is committed.
///
/// # Errors
/// The repository is bare; a file cannot be written.
pub fn init(dir: Option<&Path>, request: &InitRequest) -> Result<Initialized> {
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
    let action = action(request);
    let workflow = workflow(action.as_deref());
    if !request.no_ci {
        wanted.push((WORKFLOW_FILE, &workflow));
    }
    let mut made = Vec::new();
    for (path, text) in wanted {
        let created = files::create(&repo, path, text.as_bytes())? == files::NewFile::Yes;
        let path = path.to_owned();
        made.push(MadeFile {
            path,
            created,
            updated: false,
        });
    }
    if request.agent {
        made.extend(for_agents(&repo)?);
    }
    let mut notes = Vec::new();
    let mut hook = None;
    if !request.no_hook {
        let put = hooks::put(&repo)?;
        notes.extend(put.notes);
        hook = Some(put.state);
    }
    notes.extend(told(&made, action.is_some(), remote.as_deref()));
    Ok(Initialized {
        next: next(&repo, &made),
        files: made,
        hook,
        remote,
        notes,
    })
}

/// Writes the files for agents: a skill, and a section of the repository's file for agents.
fn for_agents(repo: &Repo) -> Result<Vec<MadeFile>> {
    let mut made = Vec::new();
    for (path, text, appends) in [(SKILL_FILE, SKILL, false), (AGENTS_FILE, AGENTS, true)] {
        let put = files::put_section(repo, path, text, appends)?;
        made.push(MadeFile {
            path: path.to_owned(),
            created: put == files::Put::Created,
            updated: put == files::Put::Updated,
        });
    }
    Ok(made)
}

/// The given action, else the program's own with its version.
fn action(request: &InitRequest) -> Option<String> {
    let own = OWN_ACTION.filter(|own| own.parse::<Action>().is_ok());
    let own = own.map(|own| format!("{own} # v{}", env!("CARGO_PKG_VERSION")));
    let named = request.action.as_ref();
    named.map(|Action(named)| named.clone()).or(own)
}

fn workflow(action: Option<&str>) -> String {
    match action {
        Some(action) => WORKFLOW.replace(NO_ACTION, action),
        None => WORKFLOW_BY_VARIABLES.to_owned(),
    }
}

/// Notes for a beginner.
fn told(made: &[MadeFile], has_action: bool, remote: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    let is_workflow = |file: &MadeFile| file.created && file.path == WORKFLOW_FILE;
    if !has_action && made.iter().any(is_workflow) {
        notes.push(
            "the CI workflow is skipped until the repository variable PLANSPEC_REPOSITORY names \
             the source of planspec (see the top of the file); `planspec init --action \
             OWNER/NAME@COMMIT` writes a workflow that needs no variable"
                .to_owned(),
        );
    }
    notes.push(match remote {
        Some(remote) => format!(
            "the status will be shared through remote `{remote}`; to keep it on this machine, \
             change `status.remote` in {CONFIG_FILE}"
        ),
        None => "there is no remote: nothing leaves this machine until `status.remote` is set"
            .to_owned(),
    });
    notes
}

/// The command that commits the new files.
fn next(repo: &Repo, made: &[MadeFile]) -> Vec<String> {
    let changed = made.iter().filter(|file| file.created || file.updated);
    let paths: Vec<String> = changed.map(|file| repo.from_here(&file.path)).collect();
    if paths.is_empty() {
        return Vec::new();
    }
    let paths = paths.join(" ");
    vec![format!(
        "git add {paths} && git commit -m \"Keep plans here\""
    )]
}

/// `origin`, or the only remote.
fn only_remote(repo: &Repo) -> Result<Option<String>> {
    let remotes = repo.remotes()?;
    let origin = remotes.iter().find(|name| *name == "origin").cloned();
    Ok(origin.or_else(|| match remotes.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }))
}
