//! Stores records that another client has made and signed. They are not
//! changed.

use super::store::{Sent, Store, must_be_signed};
use super::{Error, Result};
use crate::core::repository::config::Deciding;
use crate::core::run::record::{Address, INBOX, Record};
use crate::git::{GitError, inbox};

/// A request to store a record.
#[derive(Debug, Clone)]
pub struct CarryRequest {
    /// The inbox ref: `refs/planspec/reviews/…`
    pub name: String,
    /// The commit, as Git stores it: `git cat-file commit ID` prints it.
    pub commit: Vec<u8>,
    /// The text of its `record.yaml`.
    pub record: String,
}

/// A record that can be stored.
#[derive(Debug)]
pub struct Carried {
    /// Its inbox ref.
    pub address: Address,
    /// The record.
    pub record: Record,
    /// What the record decides, if the repository requires no signature for that: the sender is then trusted to be its actor.
    pub decides: Option<Deciding>,
    id: String,
    old: Option<String>,
}

/// Stores the objects of a record; no ref points to it yet.
///
/// # Errors
/// The ref is not an inbox ref; the commit holds no record, or does not follow the tip of the ref.
pub fn take(store: &Store, request: &CarryRequest) -> Result<Carried> {
    let address = request.name.strip_prefix(INBOX).and_then(Address::parse);
    let address = address.ok_or_else(|| {
        Error::ambiguous(format!("`{}` is not a ref for records", request.name))
            .hint("write it as in refs/planspec/reviews/NAMESPACE/GATE/UID/REVIEWER: see docs/status-branch.md")
    })?;
    let view = store.look()?;
    let old = view.inbox.get(&address).cloned();
    let behind: Vec<String> = old.iter().cloned().collect();
    store.fetch_records(&behind)?;
    let wrong = |why: String| Error::invalid(format!("what was sent is not a record: {why}"));
    let taken = inbox::take(&store.repo, &request.commit, &request.record);
    let id = taken.map_err(|error| match error {
        GitError::Unusable(why) => wrong(why),
        error => error.into(),
    })?;
    let records = store.standing_records(&id)?.map_err(wrong)?;
    let follows = match &old {
        None => records.len() == 1,
        Some(old) => records.iter().any(|one| one.id == *old),
    };
    let last = records.into_iter().next_back().filter(|last| last.id == id);
    let Some(record) = last.filter(|_| follows).map(|last| last.record) else {
        let now = old.as_deref().unwrap_or("nothing");
        return Err(Error::conflict(format!(
            "the record does not follow the last record on its ref: {now}"
        ))
        .hint("write it again after that one, and send it again"));
    };
    let decides = record
        .action
        .decides()
        .filter(|_| !must_be_signed(&view, &record));
    Ok(Carried {
        address,
        record,
        decides,
        id,
        old,
    })
}

impl Carried {
    /// Moves the ref to the record. Returns the id of its commit.
    ///
    /// # Errors
    /// Somebody else was first; the remote cannot be reached, or refuses.
    pub fn send(&self, store: &Store) -> Result<String> {
        let word = self.record.action.word();
        match store.send_written(&self.address, self.old.as_deref(), self.id.clone(), word)? {
            Sent::Done(id) => Ok(id),
            Sent::Taken => Err(Error::conflict("somebody else was first on this ref")
                .hint("fetch the ref, and send the record again after the last one there")),
        }
    }
}
