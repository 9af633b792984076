//! Verifies the signatures that a status reports: until then they are only claims.

use std::collections::BTreeMap;

use super::Result;
use super::status::StatusReader;
use super::store::{Store, View};
use crate::core::repository::config::Config;
use crate::core::resource::{SignedBy, Time};
use crate::core::run::record::Signature;

impl View {
    /// A view of a spec commit by itself, for an audit.
    pub fn of_commit(spec_commit: &str, config: Config) -> View {
        View {
            spec_branch: String::new(),
            spec_commit: spec_commit.to_owned(),
            config,
            status_tip: None,
            high_water: None,
            branches: BTreeMap::new(),
            inbox: BTreeMap::new(),
            results: BTreeMap::new(),
            remote_time: None,
        }
    }
}

/// What a status says of a record's signature.
pub struct Claimed<'a> {
    /// The record.
    pub record: &'a str,
    /// The actor of the record.
    pub actor: &'a str,
    /// The signer.
    pub by: &'a SignedBy,
    /// When the record arrived.
    pub arrival: Time,
}

/// Whether this clone has the record, signed as a status commit says, with a key that the spec commit lists which the
/// status commit observed. False if that cannot be checked here.
pub fn holds(store: &Store, status_commit: &str, claimed: &Claimed<'_>) -> bool {
    store.repo.has_object(claimed.record) && found(store, status_commit, claimed).unwrap_or(false)
}

fn found(store: &Store, status_commit: &str, claimed: &Claimed<'_>) -> Result<bool> {
    let status = StatusReader::at(&store.repo, status_commit)?;
    let observed = &status.commit().observed;
    let view = View::of_commit(observed, store.config_at(observed)?);
    let Claimed {
        record,
        actor,
        by,
        arrival,
    } = claimed;
    let signature = store.judge_signature(&view, *arrival, record, actor)?;
    Ok(matches!(signature, Signature::Good(found) if found == **by))
}
