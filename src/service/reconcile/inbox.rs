//! What is new in the inbox.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Question;
use crate::core::base::digest::short;
use crate::core::base::words::count;
use crate::core::resource::ExecutionStatus;
use crate::core::run::asked::RefusedRef;
use crate::core::run::record::{Address, Incoming, Received};
use crate::core::run::summary::lookup::Lookup;
use crate::core::run::summary::record_mark;
use crate::git::line::Line;
use crate::service::Result;
use crate::service::runs::is_unread;
use crate::service::status::StatusReader;

/// Most refs that are named of those which are not believed: whoever may push can send thousands.
const NAMED: usize = 20;

/// What is new in the inbox.
#[derive(Default)]
pub struct Inbox {
    /// The records.
    pub incoming: Vec<Incoming>,
    /// What holds no record.
    pub refused: BTreeMap<Address, RefusedRef>,
    /// What to say about it.
    pub notes: Vec<String>,
}

impl Inbox {
    /// Something that is no record stands on a ref.
    fn refuse(&mut self, (address, tip): (&Address, &str), why: String) {
        if self.refused.len() < NAMED {
            let note = format!("refs/planspec/{address} is not believed: {why}");
            self.notes.push(note);
        }
        let tip = tip.to_owned();
        self.refused
            .insert(address.clone(), RefusedRef { tip, why });
    }

    /// That there are more of them than are named.
    fn more_refused(&self) -> Option<String> {
        let more = self.refused.len().saturating_sub(NAMED);
        (more > 0).then(|| format!("{} not believed either", are(more)))
    }
}

/// `1 inbox ref is`, `2 inbox refs are`.
fn are(refs: usize) -> String {
    let verb = if refs == 1 { "is" } else { "are" };
    format!("{} {verb}", count(refs, "inbox ref"))
}

/// Read what the status has not taken in. Of the executions those are read that may have news.
pub(super) fn read(
    question: &Question<'_>,
    lines: Option<&Lookup<'_, StatusReader<'_>>>,
) -> Result<Inbox> {
    let (store, view) = (question.store, question.view);
    let mut candidates: Vec<(&Address, &String)> = Vec::new();
    let mut keys = BTreeSet::new();
    let mut gone = 0;
    for (address, tip) in &view.inbox {
        let line = lines.map(|lines| lines.run_at(address)).transpose()?;
        let Some((line, run)) = line.flatten().and_then(|line| {
            let run = line.run.clone()?;
            Some((line, run))
        }) else {
            gone += 1;
            continue;
        };
        let mark = record_mark(&address.to_string(), tip);
        if run.phase.is_terminal() || !run.records.contains(&mark) {
            candidates.push((address, tip));
            keys.insert(line.key());
        }
    }
    let files = match question.status {
        Some(status) => status.files(&keys)?,
        None => BTreeMap::new(),
    };
    let known: BTreeMap<&str, &ExecutionStatus> = files
        .values()
        .filter_map(|file| Some((file.uid.as_str(), file.status.execution()?)))
        .collect();
    let is_new = |(address, tip): &(&Address, &String)| {
        let run = known.get(address.uid());
        run.is_some_and(|run| is_unread(run, address, tip))
    };
    let fresh: Vec<(&Address, &String)> = candidates.into_iter().filter(is_new).collect();
    let tips: Vec<String> = fresh.iter().map(|(_, tip)| (*tip).clone()).collect();
    store.fetch_records(&tips)?;
    let mut inbox = Inbox::default();
    let mut strange = StrangeStatus::default();
    let (mut line, mut unknown) = (line(question)?, 0);
    for (address, tip) in fresh {
        let run = known.get(address.uid());
        let last = run.and_then(|run| run.extensions.records.get(&address.to_string()));
        match store.records(tip, last.map(String::as_str))? {
            Ok((mut records, rewritten)) => {
                if !judged(question, &mut line, &mut records)? {
                    unknown += 1;
                    continue;
                }
                strange.look(&records);
                inbox.incoming.push(Incoming {
                    address: address.clone(),
                    tip: tip.clone(),
                    records,
                    rewritten,
                });
            }
            Err(why) => {
                inbox
                    .incoming
                    .extend(before_refused(question, &mut line, (address, tip), last)?);
                inbox.refuse((address, tip), why);
            }
        }
    }
    inbox.notes.extend(inbox.more_refused());
    inbox.notes.extend(strange.note());
    inbox.notes.extend(waiting(unknown));
    let whose = "to no execution that is known: ignored";
    match gone {
        0 => {}
        1 => inbox.notes.push(format!("1 inbox ref belongs {whose}")),
        gone => inbox
            .notes
            .push(format!("{gone} inbox refs belong {whose}")),
    }
    Ok(inbox)
}

/// That records wait for a reconcile in a clone that knows more.
fn waiting(refs: usize) -> Option<String> {
    (refs > 0).then(|| {
        format!(
            "{} cannot be told to be for this status, since this clone is shallow, and wait: run `git fetch \
             --unshallow` here",
            count(refs, "inbox ref")
        )
    })
}

/// What was said on a ref before something else was put there, as far as it is not known.
fn before_refused(
    question: &Question<'_>,
    line: &mut Option<Line<'_>>,
    (address, tip): (&Address, &str),
    last: Option<&String>,
) -> Result<Option<Incoming>> {
    let store = question.store;
    let Some(sound) = store.last_sound(tip)?.filter(|sound| last != Some(sound)) else {
        return Ok(None);
    };
    let Ok((mut records, false)) = store.records(&sound, last.map(String::as_str))? else {
        return Ok(None);
    };
    if !judged(question, line, &mut records)? {
        return Ok(None);
    }
    Ok(Some(Incoming {
        address: address.clone(),
        tip: sound,
        records,
        rewritten: false,
    }))
}

/// What was the status, up to the one that is there now.
fn line<'a>(question: &Question<'a>) -> Result<Option<Line<'a>>> {
    let store = question.store;
    let tip = question.view.status_tip.as_deref();
    let line = tip.map(|tip| Line::behind(&store.repo, store.remote.as_deref(), tip));
    Ok(line.transpose()?)
}

/// Find out what the core has to know of records: whether they were written against this status, and who signed them. False where
/// the first cannot be known here.
fn judged(
    question: &Question<'_>,
    line: &mut Option<Line<'_>>,
    records: &mut [Received],
) -> Result<bool> {
    let (store, view) = (question.store, question.view);
    for received in records {
        if let (Some(named), Some(line)) = (&received.record.status, line.as_mut()) {
            match line.holds(named)? {
                Some(is_ours) => received.is_foreign = !is_ours,
                None => return Ok(false),
            }
        }
        if !received.is_foreign {
            received.signature =
                store.signature(view, question.now, &received.id, &received.record)?;
        }
    }
    Ok(true)
}

/// Records that were written against a status commit which is not part of this status: they do not count. Perhaps the branch was
/// put back, and the ref that would show it as well.
#[derive(Default)]
struct StrangeStatus {
    records: usize,
    commit: Option<String>,
}

impl StrangeStatus {
    fn look(&mut self, records: &[Received]) {
        let foreign = records.iter().filter(|received| received.is_foreign);
        for received in foreign {
            self.records += 1;
            self.commit.clone_from(&received.record.status);
        }
    }

    fn note(self) -> Option<String> {
        let commit = self.commit?;
        Some(format!(
            "{} names a status commit that this status does not have, {}: it was given elsewhere, or the branch was put back",
            count(self.records, "record"),
            short(&commit)
        ))
    }
}
