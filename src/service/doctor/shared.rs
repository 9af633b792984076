//! Checks of what all clones share: the remote, the status branch, its clock, the right to push.
//! They apply the rules of `reconcile`.

use super::{Flaw, Found, Patient};
use crate::api::doctor::CheckName;
use crate::git::remote;
use crate::service::Result;
use crate::service::audit;
use crate::service::reconcile::clock_in_doubt;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};

/// What the checks have read.
pub(super) struct Shared<'p> {
    pub patient: &'p Patient<'p>,
    remote: Result<Found>,
    /// The view; or why it was not read.
    view: std::result::Result<Result<View>, &'static str>,
}

impl<'p> Shared<'p> {
    pub fn look(patient: &'p Patient<'p>, is_whole: bool) -> Shared<'p> {
        let remote = if is_whole {
            patient.remote()
        } else {
            Ok(Found::Skipped("objects are missing here".to_owned()))
        };
        let view = match &remote {
            Ok(Found::Skipped(_)) => Err("objects are missing here"),
            Err(_) => Err("the remote does not answer"),
            Ok(_) => Ok(patient.seen()),
        };
        Shared {
            patient,
            remote,
            view,
        }
    }

    pub fn remote(&self) -> Result<Found> {
        match &self.remote {
            Ok(Found::Sound(said)) => Ok(Found::Sound(said.clone())),
            Ok(Found::Skipped(said)) => Ok(Found::Skipped(said.clone())),
            Ok(Found::Flaws(flaws)) => Ok(Found::Flaws(flaws.clone())),
            Err(error) => Err(error.clone()),
        }
    }

    /// The store and the view, or why they were not read.
    pub fn seen(&self) -> std::result::Result<(&Store, &View), Found> {
        let unusable = || Found::Skipped("the status cannot be used".to_owned());
        match &self.view {
            Err(why) => Err(Found::Skipped((*why).to_owned())),
            Ok(Err(_)) => Err(unusable()),
            Ok(Ok(view)) => match self.patient.store() {
                Ok(store) => Ok((store, view)),
                Err(_) => Err(unusable()),
            },
        }
    }

    pub fn status(&self) -> Result<Found> {
        let (store, view) = match (self.seen(), &self.view) {
            (_, Ok(Err(error))) => return Err(error.clone()),
            (Err(skipped), _) => return Ok(skipped),
            (Ok(seen), _) => seen,
        };
        let branch = &view.config.status.branch;
        let Some(tip) = &view.status_tip else {
            return Ok(Found::Sound("nothing has been reconciled yet".to_owned()));
        };
        let status = StatusReader::at(&store.repo, tip)?;
        audit::news(store, view)?;
        let sequence = status.sequence();
        Ok(Found::Sound(format!(
            "`{branch}` is unchanged since planspec wrote it (sequence {sequence})"
        )))
    }

    pub fn clock(&self) -> Result<Found> {
        let (store, view) = match self.seen() {
            Ok(seen) => seen,
            Err(skipped) => return Ok(skipped),
        };
        let now = self.patient.request.now;
        let doubt = clock_in_doubt(store, view, now)?;
        let flaws: Vec<Flaw> = doubt
            .iter()
            .map(|error| Flaw {
                state: crate::api::doctor::CheckState::Error,
                ..Flaw::of(error)
            })
            .collect();
        let witness = match (&view.status_tip, view.remote_time) {
            (_, Some(_)) => "it agrees with the server and the status",
            (Some(_), None) => "it agrees with the status; the server does not send its time",
            (None, None) => "there is nothing to compare it with",
        };
        Ok(Found::of(flaws, witness))
    }

    pub fn push(&self) -> Result<Found> {
        if !self.patient.request.push {
            let how = "`planspec doctor --push` tests it without changing anything";
            return Ok(Found::Skipped(how.to_owned()));
        }
        let (store, view) = match self.seen() {
            Ok(seen) => seen,
            Err(skipped) => return Ok(skipped),
        };
        let Some(remote) = &store.remote else {
            return Ok(Found::Skipped("nothing is shared".to_owned()));
        };
        remote::try_push(&store.repo, remote, &view.spec_commit)?;
        Ok(Found::Sound(format!(
            "remote `{remote}` accepts this clone; whether it accepts a branch shows only in a push"
        )))
    }
}

impl Patient<'_> {
    /// Reads the shared state, including the whole status.
    fn seen(&self) -> Result<View> {
        let store = self.store()?;
        let view = store.fresh()?;
        store.status(&view)?;
        Ok(view)
    }

    fn remote(&self) -> Result<Found> {
        let store = self.store()?;
        let Some(remote) = &store.remote else {
            let flaw = store.keeps_to_itself().map(Flaw::warning);
            let sound = "nothing is shared: everything stays in this clone";
            return Ok(Found::of(flaw.into_iter().collect(), sound));
        };
        remote::list(&store.repo, remote, &["HEAD"])?;
        Ok(Found::Sound(format!("`{remote}` answers")))
    }
}

impl Shared<'_> {
    /// The refs that `--fix` would move aside.
    pub fn refs(&self) -> Result<Found> {
        let (store, view) = match self.seen() {
            Ok(seen) => seen,
            Err(skipped) => return Ok(skipped),
        };
        super::refs::look(store, view, CheckName::Refs)
    }
}
