//! Inbox refs that are no longer needed: where a run is over in the status that everybody has, the lock is no longer
//! needed, and what was said is kept as evidence. Logs and work stay longer. A ref of a run that this status does not know
//! may be another status's: it stays.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::resource::{ExecutionStatus, Key, Kind, Time};
use crate::core::run::reconcile::Reconciliation;
use crate::core::run::record::{Address, RunRef};
use crate::core::run::status::StatusFile;
use crate::core::run::summary::lookup::Lookup;
use crate::service::Result;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View, run_of_result};

/// So many refs are worth a push while there is something else to do. Else they are deleted when there is not: whoever is at
/// work must not wait for it, and lose the next race by it.
const MANY: usize = 20_000;
/// Most refs that one reconcile deletes, in one push.
const MOST: usize = 2_000;
/// `git push` compares each ref that is to be deleted with each that the remote has: a microsecond or two for each pair. So
/// many pairs keep a push below some ten seconds.
const PAIRS: usize = 10_000_000;
/// How long the logs and the work of a run that is over are kept.
const RESULT_DAYS: i64 = 30;
/// Most refs of them that one reconcile deletes.
const RESULTS_AT_ONCE: usize = 200;

/// What is known after a reconcile has decided, and has written what there was to write.
pub(super) struct CleanUp<'a> {
    pub store: &'a Store,
    pub view: &'a View,
    /// The status that everybody has.
    pub status: &'a StatusReader<'a>,
    pub decision: &'a Reconciliation,
    pub now: Time,
    /// The status commit that was written.
    pub written: Option<&'a str>,
}

impl CleanUp<'_> {
    /// Delete what may go, if this is the time for it. What there is then; nothing when there is more to delete.
    ///
    /// # Errors
    /// Something cannot be read, or the remote does not want it.
    pub fn run(&self) -> Result<Option<View>> {
        // What was not read of the lines is as it was.
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

    /// Whether nobody is kept from work by it: nothing was to be written, or there is much to delete and nobody else has
    /// written since.
    fn is_time_for(&self, count: usize) -> Result<bool> {
        match self.written {
            None => Ok(true),
            Some(_) if count < MANY => Ok(false),
            Some(commit) => self.store.is_status(self.view, commit),
        }
    }

    /// Refs of runs that are over, with all that stands on them read, or refused.
    fn settled(&self, lines: &Lookup<'_, StatusReader<'_>>) -> Result<BTreeMap<String, String>> {
        let tree = &self.decision.tree;
        let mut over = BTreeSet::new();
        for address in self.view.inbox.keys() {
            let line = lines.run_at(address)?;
            over.extend(
                line.filter(|line| line.open_run().is_none())
                    .map(|line| line.key()),
            );
        }
        let unread = over.iter().filter(|key| !tree.files.contains_key(key));
        let mut files = self.status.files(&unread.cloned().collect())?;
        let read = tree.files.iter().filter(|(key, _)| over.contains(key));
        files.extend(read.map(|(key, file)| (key.clone(), file.clone())));
        let files = files.into_values();
        let files: BTreeMap<String, StatusFile> =
            files.map(|file| (file.uid.clone(), file)).collect();
        let refused = &self.decision.answers.refused;
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
                // Criteria may be attested anew after the run is over.
                Address::Attestation { .. } => false,
            };
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

    /// Refs that keep logs and work of runs which were over long ago.
    fn results(&self, lines: &Lookup<'_, StatusReader<'_>>) -> Result<Vec<(String, String)>> {
        let mut old = Vec::new();
        for (name, tip) in &self.view.results {
            if old.len() < RESULTS_AT_ONCE && is_over_for_long(lines, name, self.now)? {
                old.push((name.clone(), tip.clone()));
            }
        }
        Ok(old)
    }
}

/// Whether the run whose result a ref keeps was over long ago, and cannot be retried. Of runs that this status does not know
/// nothing is known: another one may.
fn is_over_for_long(lines: &Lookup<'_, StatusReader<'_>>, name: &str, now: Time) -> Result<bool> {
    let Some(RunRef {
        namespace,
        name,
        uid,
    }) = run_of_result(name)
    else {
        return Ok(false);
    };
    let line = lines.line(&Key::new(Kind::Execution, namespace, name))?;
    let run = line.filter(|line| line.uid == uid);
    let run = run.as_ref().and_then(|line| line.run.as_ref());
    let kept = |end: Time| end + chrono::TimeDelta::days(RESULT_DAYS);
    Ok(run.is_some_and(|run| {
        let is_over = run.phase.is_terminal() && !run.phase.can_be_retried();
        is_over && run.end.is_some_and(|end| kept(end) <= now)
    }))
}
