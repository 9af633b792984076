//! Reads what is new in the inbox.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Question;
use crate::core::base::digest::short;
use crate::core::base::words::count;
use crate::core::resource::ExecutionStatus;
use crate::core::run::asked::RefusedRef;
use crate::core::run::record::{Address, Incoming, Received, Signature};
use crate::core::run::status::ControllerState;
use crate::core::run::summary::lookup::Lookup;
use crate::core::run::summary::record_mark;
use crate::git::line::Line;
use crate::service::Result;
use crate::service::runs::is_unread;
use crate::service::status::StatusReader;

/// Maximum number of refused refs that are listed: anybody who may push can send thousands.
const NAMED: usize = 20;
/// Maximum number of signatures that programs verify in one reconcile: each takes some hundredths of a second, and
/// anybody who may push can send thousands.
const JUDGED_BY_PROGRAMS: usize = 256;

/// The new content of the inbox.
#[derive(Default)]
pub struct Inbox {
    /// The records.
    pub incoming: Vec<Incoming>,
    /// Refs that contain no record.
    pub refused: BTreeMap<Address, RefusedRef>,
    /// Notes for people.
    pub notes: Vec<String>,
    /// How many refs are left to the next reconcile.
    pub left: usize,
}

impl Inbox {
    /// Refuses a ref that contains something else than records.
    fn refuse(&mut self, (address, tip): (&Address, &str), why: String) {
        if self.refused.len() < NAMED {
            let note = format!("refs/planspec/{address} is ignored: {why}");
            self.notes.push(note);
        }
        let tip = tip.to_owned();
        self.refused
            .insert(address.clone(), RefusedRef { tip, why });
    }

    /// A note about refused refs beyond those that are listed.
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

/// Reads what the status has not taken in. Only executions that may have news are read.
pub(super) fn read(
    question: &Question<'_>,
    controller: Option<&ControllerState>,
    lines: Option<&Lookup<'_, StatusReader<'_>>>,
) -> Result<Inbox> {
    let (store, view) = (question.store, question.view);
    let mut candidates: Vec<(&Address, &String)> = Vec::new();
    let mut keys = BTreeSet::new();
    let mut gone = 0;
    let mut to_repository = Vec::new();
    for (address, tip) in &view.inbox {
        if matches!(address, Address::Repository { .. }) {
            let last = controller.and_then(|controller| controller.taken_in(address));
            to_repository.extend((last != Some(tip)).then_some((address, tip, last)));
            continue;
        }
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
    let tips = fresh.iter().map(|(_, tip)| (*tip).clone());
    let tips = tips.chain(to_repository.iter().map(|(_, tip, _)| (*tip).clone()));
    let tips: Vec<String> = tips.collect();
    store.fetch_records(&tips)?;
    let mut reading = Reading::of(question)?;
    for (address, tip) in fresh {
        let run = known.get(address.uid());
        let last = run.and_then(|run| run.extensions.records.get(&address.to_string()));
        reading.read((address, tip), last.map(String::as_str))?;
    }
    for (address, tip, last) in to_repository {
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

/// Reads refs, one after the other.
struct Reading<'a> {
    question: &'a Question<'a>,
    inbox: Inbox,
    strange: StrangeStatus,
    line: Option<Line<'a>>,
    /// Refs of which this clone cannot tell whether they belong to this status.
    unknown: usize,
    /// Records with signatures that only programs can verify.
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

    /// Reads a ref after its last known record.
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
                // The records before something else was put on the ref.
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

    /// Finds out what the core needs: whether records were made for this status, and who signed them.
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

    /// Lets programs verify the remaining signatures, up to the limit, in random order: nobody can get ahead of
    /// others.
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

/// A note that records wait for a reconcile in a clone with more history.
fn waiting(refs: usize) -> Option<String> {
    (refs > 0).then(|| {
        format!(
            "{} left for later, because this shallow clone cannot tell whether they belong to this \
             status: run `git fetch --unshallow` here",
            are(refs)
        )
    })
}

/// A note that records wait for the next reconcile.
fn left(refs: usize) -> Option<String> {
    (refs > 0).then(|| {
        format!(
            "{} signed with keys that only `gpg` or `ssh-keygen` can check, and left to the next \
             reconcile: at most {JUDGED_BY_PROGRAMS} such signatures are checked at a time",
            are(refs)
        )
    })
}

/// The history of the present status.
fn line<'a>(question: &Question<'a>) -> Result<Option<Line<'a>>> {
    let store = question.store;
    let tip = question.view.status_tip.as_deref();
    let line = tip.map(|tip| Line::behind(&store.repo, store.remote.as_deref(), tip));
    Ok(line.transpose()?)
}

/// Records for a status commit that is not part of this status: they do not count. The branch and its high-water ref
/// may have been moved back.
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
