//! Differences between this clone and the remote: forgotten pushes and pulls.

use std::collections::BTreeSet;

use super::index;
use super::names::Named;
use super::revision;
use super::status::StatusReader;
use super::store::{Store, View, usual_remotes};
use super::{Error, Result};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::time::exact;
use crate::core::resource::{Key, Kind};
use crate::core::run::reconcile::begins_anew;
use crate::git::{read, refs, remote};

/// Notes on commits that only this clone has.
pub fn notes(store: &Store, view: &View) -> Vec<String> {
    let unpushed = unpushed(store, view).map(|unpushed| unpushed.note());
    store
        .keeps_to_itself()
        .into_iter()
        .chain(unpushed)
        .collect()
}

/// Commits of the spec branch that only this clone has.
pub struct Unpushed {
    branch: String,
    remote: String,
    tip: String,
    /// Whether the remote also has commits that this clone does not have.
    has_parted: bool,
}

/// Commits of this clone's spec branch that change resources, and that the remote does not have.
pub fn unpushed(store: &Store, view: &View) -> Option<Unpushed> {
    unpushed_to(store, &view.spec_branch, &view.spec_commit)
}

/// The same, given the tip of the spec branch on the remote.
pub fn unpushed_to(store: &Store, branch: &str, there: &str) -> Option<Unpushed> {
    let remote = store.remote.clone()?;
    let repo = &store.repo;
    let tip = refs::get(repo, &format!("refs/heads/{branch}")).ok()??;
    if tip == *there || repo.is_ancestor(&tip, there).ok()? {
        return None;
    }
    let has_parted = !repo.is_ancestor(there, &tip).unwrap_or(false);
    let base = if has_parted {
        repo.merge_base(there, &tip).ok()??
    } else {
        there.to_owned()
    };
    let (before, after) = (
        read::tree_of(repo, &base).ok()?,
        read::tree_of(repo, &tip).ok()?,
    );
    let config = store
        .config_at(&tip)
        .or_else(|_| store.config_at(&base))
        .ok()?;
    let paths = revision::paths(&config).ok()?;
    let changes = read::tree_changes(repo, Some(&before), &after, &paths).ok()?;
    let is_configured_otherwise = || store.config_at(&base).ok().as_ref() != Some(&config);
    (!changes.is_empty() || is_configured_otherwise()).then_some(Unpushed {
        branch: branch.to_owned(),
        remote,
        tip,
        has_parted,
    })
}

impl Unpushed {
    /// A note about them, as a sentence.
    pub fn note(&self) -> String {
        let Unpushed { branch, remote, .. } = self;
        format!(
            "local changes of resources on `{branch}` are not on {remote}: {}",
            self.command()
        )
    }

    /// The command that pushes them.
    pub fn command(&self) -> String {
        let Unpushed { branch, remote, .. } = self;
        let push = format!("`git push {remote} {branch}`");
        if self.has_parted {
            format!("`git pull --rebase {remote} {branch}`, then {push}")
        } else {
            push
        }
    }
}

/// Why an existing execution has no status: it is not pushed, or no reconcile has seen it.
pub fn unseen(store: &Store, view: &View, named: &Named) -> Option<Error> {
    if named.kind != Kind::Execution {
        return None;
    }
    if let Some(error) = archived(store, view, named) {
        return Some(error);
    }
    if let Some(key) = stands_at(store, &view.spec_commit, named) {
        let error = Error::not_ready(format!("{key} has no status yet: no reconcile has seen it"));
        return Some(error.hint("run `planspec reconcile` first"));
    }
    only_here(store, view, named)
}

/// The error that an execution is archived, unless its file now stands for another run.
fn archived(store: &Store, view: &View, named: &Named) -> Option<Error> {
    let status = StatusReader::open(store, view).ok()??;
    let found = status.archived_as(named).ok()?;
    let key = named.among(found.iter()).ok()?;
    let known = status.archived([key]).ok()?;
    let tombstone = known.of(key)?;
    let there = index::defining(&store.repo, &view.spec_commit, &view.config, key).ok()?;
    let digest = there.resource(key).map(|resource| resource.spec_digest());
    if !tombstone.covers(digest.as_deref()) {
        return None;
    }
    let (phase, end) = (tombstone.phase, exact(tombstone.end));
    let name = key.qualified();
    let error = Error::not_found(format!("{key} is archived: it ended as {phase} at {end}"));
    Some(error.hint(format!("`planspec log execution/{name}` shows its history")))
}

/// The error that a resource is only in commits that the remote does not have.
pub fn only_here(store: &Store, view: &View, named: &Named) -> Option<Error> {
    let unpushed = unpushed(store, view)?;
    if stands_at(store, &view.spec_commit, named).is_some() {
        return None;
    }
    let key = stands_at(store, &unpushed.tip, named)?;
    let (branch, remote) = (&unpushed.branch, &unpushed.remote);
    let error = Error::not_ready(format!(
        "{key} is on the local `{branch}`, but not on {remote}"
    ));
    let command = unpushed.command();
    Some(error.hint(format!("push it: {command}, then `planspec reconcile`")))
}

/// The named resource in a commit, if there is one.
pub fn stands_at(store: &Store, commit: &str, named: &Named) -> Option<Key> {
    let config = store.config_at(commit).ok()?;
    let (_, name) = named.parts().ok()?;
    let keys = index::named(&store.repo, commit, &config, (named.kind, name)).ok()?;
    named.among(keys.iter()).ok().cloned()
}

/// Checks that the run in the status is not a former one with the same name, so that the new execution has no status
/// yet.
///
/// # Errors
/// The status cannot be read.
pub fn check_former(
    store: &Store,
    view: &View,
    status: &StatusReader<'_>,
    keys: &BTreeSet<Key>,
) -> Result {
    for (key, file) in status.files(keys)? {
        let Some(run) = file.status.execution() else {
            continue;
        };
        let is_gone = file.deleted.is_some();
        let named = Named::new(Kind::Execution, &key.qualified(), None);
        let is_new = match stands_at(store, &view.spec_commit, &named) {
            Some(_) if is_gone || run.phase.is_terminal() => {
                let there = index::defining(&store.repo, &view.spec_commit, &view.config, &key)?;
                let digest = there.resource(&key).map(|resource| resource.spec_digest());
                digest.is_some_and(|digest| begins_anew(&file, Some(&digest)))
            }
            _ => false,
        };
        if is_new {
            let (branch, phase) = (&view.spec_branch, run.phase);
            return Err(Error::not_ready(format!(
                "`{branch}` has a new run {} that no reconcile has seen; the previous one is {phase}",
                key.qualified()
            ))
            .hint("run `planspec reconcile` first"));
        }
        if is_gone && let Some(error) = only_here(store, view, &named) {
            return Err(error);
        }
    }
    Ok(())
}

/// The error if another remote than the configured one has a status branch, which a new status would compete with. Asks
/// the remotes.
pub fn status_elsewhere(store: &Store, view: &View) -> Option<Error> {
    if store.repo.config("planspec.remote").is_some() {
        return None;
    }
    let branch = &view.config.status.branch;
    if let Some(current) = &store.remote {
        let mut others = store.repo.remotes().ok()?;
        others.retain(|remote| remote != current);
        let others = with_status(store, view, others).ok()?;
        let other = others.first()?;
        let error = Error::not_ready(format!(
            "remote `{other}` has a status branch `{branch}`, but `status.remote` names \
             `{current}`, which has none: every run would start again there"
        ));
        return Some(error.hint(format!(
            "name `{other}` again in {CONFIG_FILE} of `{}`; to start a new status on `{current}`, \
             run `planspec reconcile --initialize`",
            view.spec_branch
        )));
    }
    let remotes = with_status(store, view, usual_remotes(&store.repo).ok()?).ok()?;
    let remote = remotes.first()?;
    let others: Vec<String> = remotes[1..]
        .iter()
        .map(|other| format!("`{other}`"))
        .collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!(" (and so has {})", others.join(", ")),
    };
    let error = Error::not_ready(format!(
        "remote `{remote}` has a status branch `{branch}`{others}, but the configuration here \
         names no `status.remote`: this clone is older than that setting, or the setting was \
         removed"
    ));
    let begin = "to start a separate status here, run `git config planspec.remote \"\"`";
    Some(error.hint(if is_known_related(store, view, remote) {
        format!(
            "`git pull` gets the configuration of {remote}; if that names none either, write `status: {{remote: {remote}}}` to \
             {CONFIG_FILE} and commit it (of this clone alone: `git config planspec.remote {remote}`); {begin}"
        )
    } else {
        format!(
            "if {remote} is this project: `git config planspec.remote {remote}`; {begin}"
        )
    }))
}

/// The remotes that have a status branch, except those of certainly unrelated projects.
fn with_status(store: &Store, view: &View, remotes: Vec<String>) -> Result<Vec<String>> {
    let status = format!("refs/heads/{}", view.config.status.branch);
    let spec = format!("refs/heads/{}", view.spec_branch);
    let mut found = Vec::new();
    for remote in remotes {
        // Unreachable remotes are ignored.
        let Ok(listing) = remote::list(&store.repo, &remote, &[&status, &spec]) else {
            continue;
        };
        let tip = listing.refs.get(&spec);
        let is_other = tip.map(|tip| store.repo.are_related(&view.spec_commit, tip));
        let is_other = matches!(is_other, Some(Ok(Some(false))));
        if listing.refs.contains_key(&status) && !is_other {
            found.push(remote);
        }
    }
    // Remotes that certainly belong to this project first.
    found.sort_by_key(|remote| !is_known_related(store, view, remote));
    Ok(found)
}

/// Whether the local spec branch and the last fetched one of a remote have a common commit.
fn is_known_related(store: &Store, view: &View, remote: &str) -> bool {
    let name = format!("refs/remotes/{remote}/{}", view.spec_branch);
    let tracked = refs::get(&store.repo, &name).ok().flatten();
    let is_related = |tip: String| store.repo.are_related(&view.spec_commit, &tip).ok()?;
    tracked.and_then(is_related) == Some(true)
}

/// Checks that a first status may be written.
///
/// # Errors
/// The remote has one already: see [`status_elsewhere`].
pub fn check_first_status(store: &Store, view: &View) -> Result {
    if view.status_tip.is_some() {
        return Ok(());
    }
    status_elsewhere(store, view).map_or(Ok(()), Err)
}

/// The error that there is no status, with what to do first.
pub fn no_status(store: &Store, view: &View) -> Error {
    if let Some(error) = status_elsewhere(store, view) {
        return error;
    }
    let branch = &view.config.status.branch;
    let message = format!("there is no status yet: branch `{branch}` does not exist");
    Error::not_ready(message).hint(match unpushed(store, view) {
        None => "run `planspec reconcile` first".to_owned(),
        Some(unpushed) => format!(
            "push local changes: {}, then `planspec reconcile`",
            unpushed.command()
        ),
    })
}
