//! What a review knows of runs. They stand on the status branch, which a checkout of CI does not have: there it is asked for.

use crate::core::repository::config::Config;
use crate::git::Head;
use crate::service::Result;
use crate::service::store::{Store, View};

/// What is known of runs.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Where the status is, if there is any.
    pub view: Option<View>,
    /// Why that cannot be told, where it cannot.
    pub unknown: Option<String>,
}

impl Known {
    /// By what the last fetch brought, in a clone that people keep; else, as in CI, by what the shared remote has now.
    ///
    /// # Errors
    /// A ref is damaged.
    pub fn now(store: &Store) -> Result<Known> {
        let known = store.known_if_any()?;
        let has_status = known.as_ref().is_some_and(|view| view.status_tip.is_some());
        let is_kept = matches!(store.repo.head()?, Head::Branch { .. }) && !store.repo.is_shallow();
        if store.remote.is_none() || is_kept && has_status {
            return Ok(Known::of(known));
        }
        Ok(match store.fresh() {
            Ok(view) => Known::of(Some(view)),
            Err(error) => Known {
                view: None,
                unknown: Some(error.message),
            },
        })
    }

    /// The same on the remote that the configuration before the change names, where that is another one: what is to be merged
    /// does not choose which runs it is held against.
    ///
    /// # Errors
    /// As [`Known::now`].
    pub fn by(self, store: &Store, before: &Config) -> Result<Known> {
        let shared = &before.status.remote;
        let is_own_choice = store.repo.config("planspec.remote").is_some();
        if shared.is_none() || *shared == store.remote || is_own_choice {
            return Ok(self);
        }
        match store.on_remote(shared.clone())? {
            Some(other) => Known::now(&other),
            None => Ok(self),
        }
    }

    /// Nothing is in doubt.
    pub fn of(view: Option<View>) -> Known {
        Known {
            view,
            unknown: None,
        }
    }
}
