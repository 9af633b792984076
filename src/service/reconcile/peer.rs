//! A lost race: the faster reconcile may have taken in everything that this one had begun with. Then there is nothing
//! left to do, so with many concurrent reconciles, none loses again and again.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::not_applied;
use super::{Idle, ReconcileRequest};
use crate::api::reconcile::Reconciled;
use crate::core::base::digest::short;
use crate::core::resource::{ExecutionStatus, Key};
use crate::core::run::record::Address;
use crate::core::run::summary::record_mark;
use crate::core::run::transition::transitions;
use crate::service::Result;
use crate::service::runs::is_unread;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};

/// What the first view would have read: the runs, and the tips of their refs.
fn news<'v>(before: &StatusReader<'_>, first: &'v View) -> Result<(BTreeSet<Key>, Tips<'v>)> {
    let lines = before.lines(&before.controller()?)?;
    let mut keys = BTreeSet::new();
    let mut news = Vec::new();
    for (address, tip) in &first.inbox {
        let Some(line) = lines.run_at(address)? else {
            continue;
        };
        let run = line.run.as_ref();
        let mark = record_mark(&address.to_string(), tip);
        if run.is_some_and(|run| run.phase.is_terminal() || !run.records.contains(&mark)) {
            keys.insert(line.key());
            news.push((address, tip));
        }
    }
    Ok((keys, news))
}

type Tips<'v> = Vec<(&'v Address, &'v String)>;

/// The result for everything in the first view, if another reconcile has taken it in; `None` if something is
/// left to do.
///
/// # Errors
/// Something cannot be read.
pub(super) fn took_in(
    store: &Store,
    request: &ReconcileRequest,
    first: &View,
) -> Result<Option<Reconciled>> {
    if request.initialize || request.dry_run || request.full {
        return Ok(None);
    }
    let view = store.fresh()?;
    let (Some(before), Some(status)) = (
        StatusReader::open(store, first)?,
        StatusReader::open(store, &view)?,
    ) else {
        return Ok(None);
    };
    let controller = status.controller()?;
    let observed = &controller.observed_commit;
    let has_spec = *observed == first.spec_commit
        || store.repo.has_object(observed)
            && store.repo.is_ancestor(&first.spec_commit, observed)?;
    let now = request.now.max(status.time());
    let is_due = controller.next_deadline.is_some_and(|due| due <= now);
    if !has_spec || is_due || view.config != first.config {
        return Ok(None);
    }
    let (keys, news) = news(&before, first)?;
    let after = status.with_outline(&keys)?;
    let runs: BTreeMap<&str, &ExecutionStatus> = after
        .files
        .values()
        .filter_map(|file| Some((file.uid.as_str(), file.status.execution()?)))
        .collect();
    let is_left = |(address, tip): &(&Address, &String)| {
        let tips = [Some(*tip), view.inbox.get(*address)];
        let run = runs.get(address.uid());
        run.is_some_and(|run| {
            let mut tips = tips.into_iter().flatten();
            tips.all(|tip| is_unread(run, address, tip))
        })
    };
    if news.iter().any(is_left) {
        return Ok(None);
    }
    let old = before.with_outline(&keys)?;
    let tip = view.status_tip.clone().unwrap_or_default();
    let mut notes = not_applied(Some(&old), &after);
    notes.push(format!(
        "somebody else reconciled at the same time, and applied it with {}",
        short(&tip)
    ));
    Ok(Some(Reconciled {
        transitions: transitions(Some(&old), &after),
        changed: true,
        written_by_another: true,
        status_commit: Some(tip),
        notes,
        ..Idle::of(String::new(), None, &after).reconciled(&view, request)
    }))
}
