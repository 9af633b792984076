//! What is new in the inbox.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Question;
use crate::core::base::digest::short;
use crate::core::base::words::count;
use crate::core::resource::ExecutionStatus;
use crate::core::run::asked::RefusedRef;
use crate::core::run::record::{Address, Incoming, Received, Signature};
use crate::core::run::summary::lookup::Lookup;
use crate::core::run::summary::record_mark;
use crate::git::line::Line;
use crate::service::Result;
use crate::service::runs::is_unread;
use crate::service::status::StatusReader;

/// Most refs that are named of those which are not believed: whoever may push can send thousands.
const NAMED: usize = 20;
/// Most signatures that programs judge in one reconcile: each takes some hundredths of a second, and whoever may push can send
/// thousands.
const JUDGED_BY_PROGRAMS: usize = 256;

/// What is new in the inbox.
#[derive(Default)]
pub struct Inbox {
    /// The records.
    pub incoming: Vec<Incoming>,
    /// What holds no record.
    pub refused: BTreeMap<Address, RefusedRef>,
    /// What to say about it.
    pub notes: Vec<String>,
    /// Refs that are left to the next reconcile.
    pub left: usize,
}

impl Inbox {
    /// Something that is no record stands on a ref.
    fn refuse(&mut self, (address, tip): (&Address, &str), why: String) {
        if self.refused.len() < NAMED {
            let note = format!("refs/planspec/{address} is ignored: {why}");
            self.notes.push(note);
        }
        let tip = tip.to_owned();
        self.refused
            .insert(address.clone(), RefusedRef { tip, why });
    }

    /// That there are more of them than are named.
    fn more_refused(&self) -> Option<String> {
        let more = self.refused.len().saturating_sub(NAMED);
        (more > 0).then(|| format!("{} also ignored", are(more)))
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
    let mut reading = Reading::of(question)?;
    for (address, tip) in fresh {
        let run = known.get(address.uid());
        let last = run.and_then(|run| run.extensions.records.get(&address.to_string()));
        reading.read((address, tip), last.map(String::as_str))?;
    }
    reading.judge_by_programs()?;
    let mut inbox = reading.end();
    let whose = "to no known execution: ignored";
    match gone {
        0 => {}
        1 => inbox.notes.push(format!("1 inbox ref belongs {whose}")),
        gone => inbox
            .notes
            .push(format!("{gone} inbox refs belong {whose}")),
    }
    Ok(inbox)
}

/// The refs that are read, one after the other.
struct Reading<'a> {
    question: &'a Question<'a>,
    inbox: Inbox,
    strange: StrangeStatus,
    line: Option<Line<'a>>,
    /// Refs of which nobody can tell here whether they are for this status.
    unknown: usize,
    /// What only programs can judge.
    costly: Vec<Incoming>,
}

impl<'a> Reading<'a> {
    fn of(question: &'a Question<'a>) -> Result<Reading<'a>> {
        Ok(Reading {
            question,
            inbox: Inbox::default(),
            strange: StrangeStatus::default(),
            line: line(question)?,
            unknown: 0,
            costly: Vec::new(),
        })
    }

    /// Read a ref behind the record that is known.
    fn read(&mut self, (address, tip): (&Address, &str), last: Option<&str>) -> Result<()> {
        let store = self.question.store;
        match store.records(tip, last)? {
            Ok((records, rewritten)) => self.take(Incoming {
                address: address.clone(),
                tip: tip.to_owned(),
                records,
                rewritten,
            }),
            Err(why) => {
                // What was said there before something else was put on it.
                let sound = store.last_sound(tip)?;
                if let Some(sound) = sound.filter(|sound| last != Some(sound))
                    && let Ok((records, false)) = store.records(&sound, last)?
                {
                    self.take(Incoming {
                        address: address.clone(),
                        tip: sound,
                        records,
                        rewritten: false,
                    })?;
                }
                self.inbox.refuse((address, tip), why);
                Ok(())
            }
        }
    }

    /// Find out what the core has to know of records: whether they were written against this status, and who signed them.
    fn take(&mut self, mut incoming: Incoming) -> Result<()> {
        let (store, view) = (self.question.store, self.question.view);
        let mut is_costly = false;
        for received in &mut incoming.records {
            if let (Some(named), Some(line)) = (&received.record.status, self.line.as_mut()) {
                match line.holds(named)? {
                    Some(is_ours) => received.is_foreign = !is_ours,
                    None => {
                        self.unknown += 1;
                        return Ok(());
                    }
                }
            }
            if received.is_foreign {
                continue;
            }
            let (id, record) = (&received.id, &received.record);
            match store.signature_without_programs(view, self.question.now, id, record)? {
                Some(signature) => received.signature = signature,
                None => is_costly = true,
            }
        }
        if is_costly {
            self.costly.push(incoming);
        } else {
            self.strange.look(&incoming.records);
            self.inbox.incoming.push(incoming);
        }
        Ok(())
    }

    /// Have programs judge what they alone can, as much as is allowed for, whichever comes first: nobody can choose a place
    /// in front of others.
    fn judge_by_programs(&mut self) -> Result<()> {
        let Question {
            store, view, now, ..
        } = self.question;
        let mut costly = std::mem::take(&mut self.costly);
        costly.sort_by_cached_key(|_| uuid::Uuid::new_v4());
        let mut judged = 0;
        for mut incoming in costly {
            if judged >= JUDGED_BY_PROGRAMS {
                self.inbox.left += 1;
                continue;
            }
            for received in &mut incoming.records {
                let is_open = received.signature == Signature::Unchecked;
                if is_open && !received.is_foreign {
                    received.signature =
                        store.signature(view, *now, &received.id, &received.record)?;
                    judged += usize::from(received.signature != Signature::Unchecked);
                }
            }
            self.strange.look(&incoming.records);
            self.inbox.incoming.push(incoming);
        }
        Ok(())
    }

    fn end(self) -> Inbox {
        let mut inbox = self.inbox;
        let said = [
            inbox.more_refused(),
            self.strange.note(),
            waiting(self.unknown),
            left(inbox.left),
        ];
        inbox.notes.extend(said.into_iter().flatten());
        inbox
    }
}

/// That records wait for a reconcile in a clone that knows more.
fn waiting(refs: usize) -> Option<String> {
    (refs > 0).then(|| {
        format!(
            "{} left for later, because this shallow clone cannot tell whether they belong to this \
             status: run `git fetch --unshallow` here",
            are(refs)
        )
    })
}

/// That records wait for the next reconcile.
fn left(refs: usize) -> Option<String> {
    (refs > 0).then(|| {
        format!(
            "{} signed with keys that only `gpg` or `ssh-keygen` can check, and left to the next \
             reconcile: at most {JUDGED_BY_PROGRAMS} such signatures are checked at a time",
            are(refs)
        )
    })
}

/// What was the status, up to the one that is there now.
fn line<'a>(question: &Question<'a>) -> Result<Option<Line<'a>>> {
    let store = question.store;
    let tip = question.view.status_tip.as_deref();
    let line = tip.map(|tip| Line::behind(&store.repo, store.remote.as_deref(), tip));
    Ok(line.transpose()?)
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
            "{} names a status commit that this status does not have, {}: it was made for another status, or the branch was put back",
            count(self.records, "record"),
            short(&commit)
        ))
    }
}
