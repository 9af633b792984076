//! The runs for a review. A checkout of CI does not have the status branch; then the remote is asked.

use crate::core::repository::config::Config;
use crate::git::Head;
use crate::service::Result;
use crate::service::store::{Store, View};

/// What is known of runs.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// A view with the status, if there is one.
    pub view: Option<View>,
    /// Why the runs are unknown, if they are.
    pub unknown: Option<String>,
}

impl Known {
    /// In a clone that people use, from the last fetch; otherwise, as in CI, from the shared remote.
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

    /// The same for the remote in the configuration before the change, if that is another one: a change must not choose
    /// the runs that it is compared with.
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

    /// The runs in a view.
    pub fn of(view: Option<View>) -> Known {
        Known {
            view,
            unknown: None,
        }
    }
}
