//! Deletes inbox refs that are no longer needed: once a run is over in the published status, its locks are not needed,
//! and its records are kept as evidence. Logs and work are kept longer. A ref of a run that this status does not know
//! may belong to another status: it stays. The refs of an archived run are not needed either.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::resource::{ExecutionStatus, Key, Kind, Time};
use crate::core::run::reconcile::Reconciliation;
use crate::core::run::record::{Address, RunRef};
use crate::core::run::status::StatusFile;
use crate::core::run::summary::lookup::Lookup;
use crate::service::Result;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View, run_of_result};

/// With at least so many refs, they are deleted even if there is other work. Otherwise deletion waits until there is
/// none, so that workers do not wait for it, and no race is lost because of it.
const MANY: usize = 20_000;
/// Maximum number of refs that one reconcile deletes, in one push.
const MOST: usize = 2_000;
/// `git push` compares each ref to delete with each ref of the remote: a microsecond or two per pair. With so
/// many pairs, a push takes about ten seconds.
const PAIRS: usize = 10_000_000;
/// How long the logs and the work of a finished run are kept.
const RESULT_DAYS: i64 = 30;
/// Maximum number of such refs that one reconcile deletes.
const RESULTS_AT_ONCE: usize = 200;

/// A clean-up after a reconcile, which has written what it had to write.
pub(super) struct CleanUp<'a> {
    pub store: &'a Store,
    pub view: &'a View,
    /// The published status.
    pub status: &'a StatusReader<'a>,
    pub decision: &'a Reconciliation,
    pub now: Time,
    /// The status commit that was written.
    pub written: Option<&'a str>,
}

impl CleanUp<'_> {
    /// Deletes the refs that may go, if it is time for that. Returns the view afterwards; `None` if there is more to
    /// delete.
    ///
    /// # Errors
    /// Something cannot be read, or the remote refuses.
    pub fn run(&self) -> Result<Option<View>> {
        // Summaries that were not read have not changed.
        let lines = Lookup::new(self.decision.tree.summaries.clone(), self.status);
        let mut refs = self.settled(&lines)?;
        for (name, tip) in self.results(&lines)? {
            refs.insert(name, tip);
        }
        let count = refs.len();
        if count == 0 || !self.is_time_for(count)? {
            return Ok(Some(self.view.clone()));
        }
        let there = self.view.inbox.len() + self.view.results.len() + self.view.branches.len();
        let most = MOST.min(PAIRS / there.max(1)).max(1);
        let refs: Vec<(String, String)> = refs.into_iter().take(most).collect();
        self.store.forget(&refs)?;
        if refs.len() < count {
            return Ok(None);
        }
        let gone: BTreeSet<String> = refs.into_iter().map(|(name, _)| name).collect();
        let mut left = self.view.clone();
        left.inbox
            .retain(|address, _| !gone.contains(&address.ref_name()));
        Ok(Some(left))
    }

    /// Whether the deletion delays nobody: nothing was written, or there is much to delete and nobody else has written
    /// since.
    fn is_time_for(&self, count: usize) -> Result<bool> {
        match self.written {
            None => Ok(true),
            Some(_) if count < MANY => Ok(false),
            Some(commit) => self.store.is_status(self.view, commit),
        }
    }

    /// The refs of finished runs whose records have all been taken in, or refused.
    fn settled(&self, lines: &Lookup<'_, StatusReader<'_>>) -> Result<BTreeMap<String, String>> {
        let tree = &self.decision.tree;
        let mut over = BTreeSet::new();
        let mut unknown = BTreeSet::new();
        for address in self.view.inbox.keys() {
            match lines.run_at(address)? {
                Some(line) => over.extend(line.open_run().is_none().then(|| line.key())),
                None => unknown.extend(address.execution()),
            }
        }
        let archived = self.status.archived(&unknown)?;
        let unread = over.iter().filter(|key| !tree.files.contains_key(key));
        let mut files = self.status.files(&unread.cloned().collect())?;
        let read = tree.files.iter().filter(|(key, _)| over.contains(key));
        files.extend(read.map(|(key, file)| (key.clone(), file.clone())));
        let files = files.into_values();
        let files: BTreeMap<String, StatusFile> =
            files.map(|file| (file.uid.clone(), file)).collect();
        let (refused, settled) = (&self.decision.answers.refused, &self.decision.settled);
        let done = self.view.inbox.iter().filter(|(address, tip)| {
            let name = address.to_string();
            let file = files.get(address.uid());
            let run = file.and_then(|file| file.status.execution());
            let is_settled = match address {
                Address::Work { .. }
                | Address::Verification { .. }
                | Address::Review { .. }
                | Address::Answer { .. }
                | Address::Request { .. } => true,
                // Criteria may be attested again after the run is over.
                Address::Attestation { .. } => false,
                Address::Repository { .. } => {
                    let is_refused = refused.get(&name).is_some_and(|one| one.tip == **tip);
                    let is_listed = tree.controller.taken_in(address) == Some(*tip);
                    return is_refused || is_listed || settled.get(&name) == Some(*tip);
                }
            };
            let tombstone = address.execution();
            let tombstone = tombstone.and_then(|key| archived.of(&key));
            if tombstone.is_some_and(|one| one.uid == address.uid()) {
                return true;
            }
            let is_read = |run: &ExecutionStatus| {
                let is_refused = refused
                    .get(&name)
                    .is_some_and(|refused| refused.tip == **tip);
                is_refused || run.extensions.records.get(&name) == Some(*tip)
            };
            is_settled && run.is_some_and(is_read)
        });
        Ok(done
            .map(|(address, tip)| (address.ref_name(), tip.clone()))
            .collect())
    }

    /// The refs with the logs and work of runs that were over long ago.
    fn results(&self, lines: &Lookup<'_, StatusReader<'_>>) -> Result<Vec<(String, String)>> {
        let mut old = Vec::new();
        for (name, tip) in &self.view.results {
            if old.len() < RESULTS_AT_ONCE && is_over_for_long(self.status, lines, name, self.now)?
            {
                old.push((name.clone(), tip.clone()));
            }
        }
        Ok(old)
    }
}

/// Whether the run with a result ref was over long ago, and cannot be retried. False for runs that this status does not
/// know: another status may.
fn is_over_for_long(
    status: &StatusReader<'_>,
    lines: &Lookup<'_, StatusReader<'_>>,
    name: &str,
    now: Time,
) -> Result<bool> {
    let Some(RunRef {
        namespace,
        name,
        uid,
    }) = run_of_result(name)
    else {
        return Ok(false);
    };
    let key = Key::new(Kind::Execution, namespace, name);
    let kept = |end: Time| end + chrono::TimeDelta::days(RESULT_DAYS);
    let line = lines.line(&key)?.filter(|line| line.uid == uid);
    if let Some(run) = line.as_ref().and_then(|line| line.run.as_ref()) {
        let is_over = run.phase.is_terminal() && !run.phase.can_be_retried();
        return Ok(is_over && run.end.is_some_and(|end| kept(end) <= now));
    }
    let archived = status.archived([&key])?;
    let archived = archived.of(&key).filter(|one| one.uid == uid);
    Ok(archived.is_some_and(|archived| kept(archived.end) <= now))
}
