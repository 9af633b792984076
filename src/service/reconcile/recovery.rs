//! Recovers a status branch that is not where it was left. Recovery only adds: no ref is moved back, and everything
//! that was there stays reachable.

use std::collections::BTreeMap;

use super::clock::{self, Witnesses};
use super::{Idle, Place, ReconcileRequest};
use crate::api::reconcile::Reconciled;
use crate::core::base::digest::short;
use crate::core::base::time::exact;
use crate::core::resource::Time;
use crate::core::run::status::{BOARD_FILE, CONTROLLER_FILE, StatusTree};
use crate::core::run::transition::transitions;
use crate::core::run::{board, message};
use crate::core::text::yaml;
use crate::git::GitError;
use crate::git::base::merge_base;
use crate::git::status_branch::{self, FileBody, NewStatus, StatusCommit};
use crate::service::audit;
use crate::service::high_water::{Standing, course, refusal, standing};
use crate::service::status::{LOOKED_BACK, StatusReader};
use crate::service::status_signature;
use crate::service::store::{Store, StoredStatus, View};
use crate::service::{Error, Result};

/// Where the status continues with `--initialize`, for a new status or on another branch. Sets the status in the view
/// that it continues from.
///
/// # Errors
/// There is nothing to initialize.
pub(super) fn begin(store: &Store, view: &mut View) -> Result<Place> {
    let high = view.high_water.clone();
    match standing(store, view)? {
        Standing::Sound => match view.status_tip {
            None => Ok(Place::after(view)),
            Some(_) => Err(Error::conflict(
                "there is a status in the expected place, so there is nothing to initialize",
            )
            .hint("run `planspec reconcile` without --initialize")),
        },
        Standing::Gone => Ok(Place {
            parent: high,
            ..Place::default()
        }),
        Standing::Redirected { .. } => {
            let there = view.status_tip.take();
            match course(store, there.as_deref(), high.as_deref())? {
                Standing::Replaced => Err(Error::conflict(format!(
                    "branch `{}` contains something else, so the status cannot be moved there",
                    view.config.status.branch
                ))
                .hint("name another branch in `status.branch`, or delete that one first")),
                Standing::Sound => {
                    view.status_tip.clone_from(&there);
                    Ok(Place::moved(there.clone(), there))
                }
                _ => {
                    view.status_tip.clone_from(&high);
                    Ok(Place::moved(high, there))
                }
            }
        }
        Standing::OtherSpec { .. } | Standing::OtherRemote { .. } => {
            let there = view.status_tip.clone();
            match course(store, there.as_deref(), high.as_deref())? {
                Standing::Sound => Ok(Place::moved(there.clone(), there)),
                other => Err(refusal(store, view, &other)),
            }
        }
        other @ (Standing::PutBack | Standing::Replaced) => Err(refusal(store, view, &other)),
    }
}

/// Restores the status of an earlier commit, by a commit on top of all others with the tree of that one. A branch that
/// was moved back or deleted is moved forward again first.
///
/// # Errors
/// There is no such status, or the clock is in doubt.
pub(super) fn restore(
    store: &Store,
    request: &ReconcileRequest,
    revision: &str,
) -> Result<Reconciled> {
    let view = store.look()?;
    let witnesses = Witnesses {
        remote: view.remote_time,
        ..Witnesses::default()
    };
    clock::check_years(request.now, None, String::new)?;
    let doubts = witnesses.doubts(request.now);
    if !doubts.is_empty() && !request.accept_time {
        return Err(witnesses.refusal(request.now, &doubts, String::new));
    }
    let Some(high) = view.high_water.clone().or(view.status_tip.clone()) else {
        return Err(
            Error::not_ready("there is no status yet, so there is nothing to restore")
                .hint("run `planspec reconcile` first"),
        );
    };
    store.get_commit(&high)?;
    let standing = standing(store, &view)?;
    if let Standing::Redirected { .. } | Standing::OtherRemote { .. } = standing {
        return Err(refusal(store, &view, &standing));
    }
    let restoring = Restoring {
        store,
        view: &view,
        request,
        commit: store.commit_anywhere(revision)?,
        high,
    };
    restoring.check_part()?;
    audit::check_restored(store, &view, &restoring.commit)?;
    restoring.run()
}

/// The last status commit that is not later than the clock; else the present one.
pub(super) fn last_before(store: &Store, view: &View, now: Time) -> String {
    let tip = view.status_tip.clone().unwrap_or_default();
    let is_past = |commit: &StatusCommit<'_>| commit.time <= now;
    let found = status_branch::last_that(&store.repo, &tip, LOOKED_BACK, is_past);
    found.ok().flatten().unwrap_or(tip)
}

struct Restoring<'a> {
    store: &'a Store,
    view: &'a View,
    request: &'a ReconcileRequest,
    /// The commit with the wanted status.
    commit: String,
    /// The high-water commit.
    high: String,
}

impl Restoring<'_> {
    fn run(&self) -> Result<Reconciled> {
        let stored = StatusReader::at(&self.store.repo, &self.commit)?.whole()?;
        let there = self.view.status_tip.as_deref();
        let course = course(self.store, there, Some(&self.high))?;
        let is_behind = matches!(course, Standing::Gone | Standing::PutBack);
        if self.commit == self.high && is_behind {
            return self.forward(&stored);
        }
        let is_there = there == Some(self.commit.as_str()) && course == Standing::Sound;
        if is_there && stored.time <= self.request.now {
            let note = format!(
                "the status is already that of {}: nothing to restore",
                short(&self.commit)
            );
            return Ok(self.told(&stored.tree, None, note));
        }
        self.write(stored)
    }

    /// Moves the branch forward to the high-water commit.
    fn forward(&self, stored: &StoredStatus) -> Result<Reconciled> {
        self.publish(&self.commit)?;
        let branch = &self.view.config.status.branch;
        let note = format!("`{branch}` was restored to its last commit; nothing is lost");
        Ok(self.told(&stored.tree, Some(self.commit.clone()), note))
    }

    fn write(&self, stored: StoredStatus) -> Result<Reconciled> {
        let (store, view) = (self.store, self.view);
        let parent = self.parent()?;
        let before = StatusReader::at(&store.repo, &parent);
        let before = before.and_then(StatusReader::whole).ok();
        let mut tree = stored.tree;
        let there = view.status_tip.as_deref();
        let numbers = [Some(self.commit.as_str()), Some(&parent), there];
        let numbers = numbers.into_iter().flatten().filter_map(|commit| {
            let status = StatusReader::at(&store.repo, commit).ok()?;
            Some(status.sequence())
        });
        tree.controller.sequence = numbers.max().unwrap_or_default() + 1;
        tree.controller.status_branch = Some(view.config.status.branch.clone());
        tree.controller.spec_branch = Some(view.spec_branch.clone());
        let remote = &mut tree.controller.status_remote;
        remote.clone_from(&view.config.status.remote);
        let moved = transitions(before.as_ref().map(|before| &before.tree), &tree);
        // Other commits on the branch stay reachable, as evidence does.
        let aside = there.filter(|tip| *tip != parent);
        let aside = match aside {
            Some(tip) if !self.is_behind(tip, &parent)? => vec![tip.to_owned()],
            _ => Vec::new(),
        };
        let controller = yaml::write(&serde_json::to_value(&tree.controller)?);
        let files = [
            (CONTROLLER_FILE, controller),
            (BOARD_FILE, board::board(&tree)),
        ];
        let files: BTreeMap<String, Option<FileBody>> = files
            .map(|(path, text)| (path.to_owned(), Some(FileBody::Text(text))))
            .into();
        let new = NewStatus {
            parent: Some(parent),
            base: Some(self.commit.clone()),
            files,
            message: message::restored(&self.commit, &tree, &moved),
            evidence: aside,
            time: self.request.now,
            identity: store.identity(),
        };
        let written = status_branch::write(&store.repo, &new)?;
        let written = written.ok_or_else(|| Error::conflict("the status is already that one"))?;
        let written = status_signature::signed(store, view, written, self.request.now)?;
        self.publish(&written)?;
        let note = format!(
            "the status is again that of {}, from {}: `planspec reconcile` continues from there",
            short(&self.commit),
            exact(stored.time)
        );
        Ok(Reconciled {
            transitions: moved,
            ..self.told(&tree, Some(written), note)
        })
    }

    /// The parent of the new commit: the present tip, if it descends from the high-water commit and is valid; else that
    /// commit.
    fn parent(&self) -> Result<String> {
        let Some(tip) = self.view.status_tip.clone() else {
            return Ok(self.high.clone());
        };
        let course = course(self.store, Some(&tip), Some(&self.high))?;
        let is_ours = || {
            let status = StatusReader::at(&self.store.repo, &tip);
            status.and_then(StatusReader::whole).is_ok()
        };
        if course == Standing::Sound && is_ours() {
            return Ok(tip);
        }
        Ok(self.high.clone())
    }

    /// Checks that the commit is part of the status history.
    fn check_part(&self) -> Result {
        for tip in [Some(&self.high), self.view.status_tip.as_ref()] {
            if let Some(tip) = tip
                && self.is_behind(&self.commit, tip)?
            {
                return Ok(());
            }
        }
        Err(Error::invalid(format!(
            "{} is not a commit of the status branch",
            self.commit
        ))
        .hint(format!("`git log --first-parent {}` lists them", self.high)))
    }

    fn is_behind(&self, commit: &str, tip: &str) -> Result<bool> {
        let remote = self.store.remote.as_deref();
        match merge_base(&self.store.repo, remote, commit, tip) {
            Ok(base) => Ok(base == commit),
            Err(GitError::Unusable(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn publish(&self, commit: &str) -> Result {
        let old = self.view.status_tip.as_deref();
        if self.store.publish(self.view, old, commit)? {
            return Ok(());
        }
        Err(
            Error::conflict("somebody else wrote the status branch in the meantime")
                .hint("see its current state with `planspec reconcile`"),
        )
    }

    fn told(&self, tree: &StatusTree, written: Option<String>, note: String) -> Reconciled {
        let idle = Idle::of(String::new(), None, tree);
        Reconciled {
            changed: written.is_some(),
            status_commit: written,
            notes: vec![note],
            ..idle.reconciled(self.view, self.request)
        }
    }
}
