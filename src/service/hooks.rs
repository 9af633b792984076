//! Installs, removes and shows the pre-commit hook that checks staged changes.

use std::path::Path;

use super::{Error, Result};
use crate::api::made::{Hook, HookMeans, HookState};
use crate::git::Repo;
use crate::git::hooks::{self, HookDone, HookStanding, LINE, Means, Merges};

/// Installs the hook in the repository around a folder.
///
/// # Errors
/// There is another hook in its place; nothing is overwritten.
pub fn install(dir: Option<&Path>) -> Result<Hook> {
    let hook = put(&Repo::open(dir)?)?;
    if hook.state.installed {
        return Ok(hook);
    }
    let place = &hook.state.place;
    let message = format!("{place} was not changed: the hook is not installed");
    Err(Error::not_ready(message).maybe_hint(hook.notes.into_iter().next()))
}

/// As [`install`], for `init`: another hook in its place stays, and the notes say
/// so.
pub(super) fn put(repo: &Repo) -> Result<Hook> {
    let mut hook = match hooks::install(repo)? {
        HookDone::Changed(means) => Hook {
            state: state(repo, &means, (true, true)),
            notes: Vec::new(),
        },
        HookDone::Nothing(standing) => standing_as(repo, &standing),
    };
    if hook.state.installed {
        let merges = hooks::install_for_merges(repo)?;
        hook.notes.extend(of_merges(repo, merges));
    }
    Ok(hook)
}

/// A note about merges, which Git's pre-commit hook does not check.
fn of_merges(repo: &Repo, merges: Merges) -> Option<String> {
    match merges {
        Merges::Checked => None,
        Merges::Unchecked => {
            Some("merges are not checked: `planspec hooks install` adds that".to_owned())
        }
        Merges::Taken(path) => Some(format!(
            "merges are not checked: {} is another hook, or not executable; to check plans in it, add this line: `{LINE}`",
            place(repo, &Means::Script(path))
        )),
    }
}

/// Removes the hook.
///
/// # Errors
/// It was changed after it was installed.
pub fn uninstall(dir: Option<&Path>) -> Result<Hook> {
    let repo = &Repo::open(dir)?;
    match hooks::uninstall(repo)? {
        HookDone::Changed(means) => Ok(Hook {
            state: state(repo, &means, (false, true)),
            notes: Vec::new(),
        }),
        HookDone::Nothing(HookStanding::Installed(means) | HookStanding::Idle(means, _)) => {
            let place = place(repo, &means);
            Err(Error::not_ready(format!(
                "{place} was changed since it was installed; it is kept"
            ))
            .hint("remove the line `planspec validate --staged` from it"))
        }
        HookDone::Nothing(standing) => {
            let mut hook = standing_as(repo, &standing);
            hook.notes = vec!["there is no hook of planspec here".to_owned()];
            Ok(hook)
        }
    }
}

/// Whether Git runs the hook, and if not, why.
///
/// # Errors
/// Git's configuration cannot be read.
pub fn status(dir: Option<&Path>) -> Result<Hook> {
    let repo = &Repo::open(dir)?;
    let standing = hooks::standing(repo)?;
    let mut hook = standing_as(repo, &standing);
    if matches!(standing, HookStanding::Missing(_)) {
        hook.notes
            .push("install it with `planspec hooks install`".to_owned());
    }
    if hook.state.installed {
        hook.notes.extend(of_merges(repo, hooks::merges(repo)?));
    }
    Ok(hook)
}

/// The hook's state, without a change.
fn standing_as(repo: &Repo, standing: &HookStanding) -> Hook {
    let means = match standing {
        HookStanding::Installed(means)
        | HookStanding::Idle(means, _)
        | HookStanding::Taken(means)
        | HookStanding::Missing(means) => means.clone(),
        HookStanding::Shared(path) => Means::Script(path.clone()),
    };
    let installed = matches!(standing, HookStanding::Installed(_));
    Hook {
        state: state(repo, &means, (installed, false)),
        notes: explain(repo, standing).into_iter().collect(),
    }
}

fn state(repo: &Repo, means: &Means, (installed, changed): (bool, bool)) -> HookState {
    HookState {
        installed,
        changed,
        means: match means {
            Means::Configuration => HookMeans::Configuration,
            Means::Script(_) => HookMeans::Script,
        },
        place: place(repo, means),
    }
}

/// Why it is not installed, and what to do.
pub(super) fn explain(repo: &Repo, standing: &HookStanding) -> Option<String> {
    match standing {
        HookStanding::Installed(_) | HookStanding::Missing(_) => None,
        HookStanding::Idle(means, why) => {
            Some(format!("Git does not run {}: {why}", place(repo, means)))
        }
        HookStanding::Taken(Means::Script(_)) => Some(format!(
            "there is another pre-commit hook; to check plans in it, add this line: `{LINE}`"
        )),
        HookStanding::Taken(Means::Configuration) => Some(
            "hook.planspec is configured with another command; to check plans there, make it run \
             `planspec validate --staged`"
                .to_owned(),
        ),
        HookStanding::Shared(path) => Some(format!(
            "core.hooksPath is outside this repository; to check plans in all repositories that \
             use it, add this line to {}: `{LINE}`",
            path.display()
        )),
    }
}

pub(super) fn place(repo: &Repo, means: &Means) -> String {
    match means {
        Means::Configuration => "hook.planspec in Git's configuration".to_owned(),
        Means::Script(path) => {
            let inside = repo.workdir().and_then(|root| path.strip_prefix(root).ok());
            inside.unwrap_or(path).display().to_string()
        }
    }
}
