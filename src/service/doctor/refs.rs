//! Inbox refs that belong to no run of the status. `reconcile` leaves them alone: after a status was restored, they are all
//! that is left of later runs.

use std::collections::BTreeMap;

use super::{Flaw, Found, Patient};
use crate::api::doctor::{CheckName, Mended};
use crate::core::base::words::count;
use crate::core::resource::{Key, Kind};
use crate::core::run::record::{INBOX, RunRef};
use crate::git::refs;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View, run_of_result};
use crate::service::{Error, Result};

/// Where this clone keeps them after they were removed from the inbox.
const ASIDE: &str = "refs/planspec-aside/";

/// The refs without a run, and their tips; `None` if there is no status to compare with.
fn of_nobody(store: &Store, view: &View) -> Result<Option<BTreeMap<String, String>>> {
    let Some(status) = StatusReader::open(store, view)? else {
        return Ok(None);
    };
    let lines = status.lines(&status.controller()?)?;
    let mut found = BTreeMap::new();
    for (address, tip) in &view.inbox {
        if lines.run_at(address)?.is_none() {
            found.insert(address.ref_name(), tip.clone());
        }
    }
    for (name, tip) in &view.results {
        let Some(RunRef {
            namespace,
            name: run,
            uid,
        }) = run_of_result(name)
        else {
            continue;
        };
        let line = lines.line(&Key::new(Kind::Execution, namespace, run))?;
        if line.is_none_or(|line| line.uid != uid) {
            found.insert(name.clone(), tip.clone());
        }
    }
    Ok(Some(found))
}

pub(super) fn look(store: &Store, view: &View, fix: CheckName) -> Result<Found> {
    let Some(found) = of_nobody(store, view)? else {
        return Ok(Found::Skipped(
            "there is no status to compare them with".to_owned(),
        ));
    };
    let flaw = found.first_key_value().map(|(first, _)| {
        let some = match found.len() {
            1 => format!("`{first}` belongs"),
            more => format!("{more} refs, of which the first is `{first}`, belong"),
        };
        let flaw = Flaw::warning(format!("{some} to no run of this status"));
        flaw.mended(
            fix,
            format!("moves refs that belong to no run to `{ASIDE}` of this clone"),
        )
    });
    let all = view.inbox.len() + view.results.len();
    let sound = match all {
        0 => "the inbox is empty".to_owned(),
        all => format!("{} in the inbox, all for known runs", count(all, "ref")),
    };
    Ok(Found::of(flaw.into_iter().collect(), sound))
}

impl Patient<'_> {
    pub(super) fn mend_refs(&self) -> Result<Vec<Mended>> {
        let store = self.store()?;
        let view = store.fresh()?;
        let Some(found) = of_nobody(store, &view)? else {
            return Err(Error::not_ready("there is no status to compare refs with"));
        };
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let tips: Vec<String> = found.values().cloned().collect();
        store.fetch_records(&tips)?;
        for (name, tip) in &found {
            let kept = format!("{ASIDE}{}", name.strip_prefix(INBOX).unwrap_or(name));
            let old = refs::get(&store.repo, &kept)?;
            refs::compare_and_swap(&store.repo, &kept, old.as_deref(), tip, "planspec: doctor")?;
        }
        let count = found.len();
        store.forget_all(&found.into_iter().collect::<Vec<_>>())?;
        let to = store.remote.as_deref().unwrap_or(".");
        Ok(vec![Mended {
            fix: CheckName::Refs,
            message: format!(
                "{} of no run moved to `{ASIDE}` of this clone",
                super::are(count, "ref")
            ),
            undo: Some(format!("git push {to} '{ASIDE}*:{INBOX}*'")),
        }])
    }
}
