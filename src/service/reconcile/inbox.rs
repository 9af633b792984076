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
use crate::service::Result;
use crate::service::runs::is_unread;
use crate::service::status::StatusReader;

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
    for (address, tip) in fresh {
        let run = known.get(address.uid());
        let last = run.and_then(|run| run.extensions.records.get(&address.to_string()));
        match store.records(tip, last.map(String::as_str))? {
            Ok((mut records, rewritten)) => {
                for received in &mut records {
                    strange.look(question, received);
                    received.signature =
                        store.signature(view, question.now, &received.id, &received.record)?;
                }
                inbox.incoming.push(Incoming {
                    address: address.clone(),
                    tip: tip.clone(),
                    records,
                    rewritten,
                });
            }
            Err(why) => {
                let note = format!("refs/planspec/{address} is not believed: {why}");
                inbox.notes.push(note);
                inbox
                    .incoming
                    .extend(before_refused(question, (address, tip), last)?);
                let tip = tip.clone();
                inbox
                    .refused
                    .insert(address.clone(), RefusedRef { tip, why });
            }
        }
    }
    inbox.notes.extend(strange.note());
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

/// What was said on a ref before something else was put there, as far as it is not known.
fn before_refused(
    question: &Question<'_>,
    (address, tip): (&Address, &str),
    last: Option<&String>,
) -> Result<Option<Incoming>> {
    let (store, view) = (question.store, question.view);
    let Some(sound) = store.last_sound(tip)?.filter(|sound| last != Some(sound)) else {
        return Ok(None);
    };
    let Ok((mut records, false)) = store.records(&sound, last.map(String::as_str))? else {
        return Ok(None);
    };
    for received in &mut records {
        received.signature = store.signature(view, question.now, &received.id, &received.record)?;
    }
    Ok(Some(Incoming {
        address: address.clone(),
        tip: sound,
        records,
        rewritten: false,
    }))
}

/// Records that were written against a status commit which is not part of this status. They are untrusted, and so that is only
/// told: perhaps the branch was put back, and the ref that would show it as well.
#[derive(Default)]
struct StrangeStatus {
    records: usize,
    commit: Option<String>,
}

impl StrangeStatus {
    fn look(&mut self, question: &Question<'_>, received: &Received) {
        let repo = &question.store.repo;
        let named = received.record.status.as_ref();
        let (Some(named), Some(tip)) = (named, question.view.status_tip.as_ref()) else {
            return;
        };
        if named == tip || self.commit.as_ref() == Some(named) {
            self.records += usize::from(named != tip);
            return;
        }
        // Of a shallow clone what is absent proves nothing.
        let is_part = || repo.has_object(named) && repo.is_ancestor(named, tip).unwrap_or(false);
        if !repo.is_shallow() && !is_part() {
            self.records += 1;
            self.commit = Some(named.clone());
        }
    }

    fn note(self) -> Option<String> {
        let commit = self.commit?;
        Some(format!(
            "{} names a status commit that this status does not have, {}: perhaps the branch was put back",
            count(self.records, "record"),
            short(&commit)
        ))
    }
}
