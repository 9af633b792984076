//! Reports whether a claimed node succeeded.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::held::{self, AttemptChain, Speaker, Working};
use super::permit::{Asked, claim_as};
use super::record::{RecordRequest, RecordWriter, Recorded, attempt as attempt_of};
use super::runs::{self, ObservedNode, ObservedRun};
use super::store::{Sent, Store, result_ref};
use super::{Error, ErrorKind, Result, claim};
use crate::api::record::Reported;
use crate::core::base::digest::short;
use crate::core::base::time::exact;
use crate::core::base::words::count;
use crate::core::plan::data;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{AWAITING_EXTERNAL, Key, Kind, Node, NodePhase, NodeStatus};
use crate::core::run::permit::{Objection, Refusal};
use crate::core::run::record::{Action, Received, ReportResult};
use crate::git::read;

/// A request to report a node.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// The node, and the actor.
    pub record: RecordRequest,
    /// The session or claim.
    pub working: Working,
    /// The result.
    pub result: ReportResult,
    /// The outputs.
    pub outputs: Map<String, Value>,
    /// Outputs as typed by a user: text, unless the task declares another type and the text is JSON of that type.
    pub typed: Vec<(String, String)>,
    /// A message for people.
    pub message: String,
    /// The revision that contains the work.
    pub commit: Option<String>,
    /// The attempt; `None` is the newest one that the actor holds.
    pub attempt: Option<u32>,
}

/// Reports the result of a node. If the lease of the worker has expired and nobody has claimed the node since, the
/// report is for the next attempt.
///
/// # Errors
/// The report would not count: the actor does not hold the node, or it was reported otherwise; the outputs
/// would be refused; there is no such revision.
pub fn report(store: &Store, request: &ReportRequest) -> Result<Recorded<Reported>> {
    let commit = request.commit.as_deref();
    let commit = commit.map(|rev| store.commit_anywhere(rev)).transpose()?;
    let working = held::resolve(store, &request.record, &request.working)?;
    let request = &ReportRequest {
        working,
        ..request.clone()
    };
    let speaks = (&request.record, &request.working);
    let mut to_check = Vec::new();
    let mut recorded = held::say(store, speaks, |writer, node| {
        let commit = commit.as_deref();
        let request = &ReportRequest {
            outputs: brought(writer, node, request)?,
            ..request.clone()
        };
        let reporter = Reporter {
            writer,
            node,
            request,
            commit,
        };
        to_check = reporter.to_check()?;
        reporter.report()
    })?;
    recorded.answer.notes.extend(to_check);
    let reported = &recorded.answer.what;
    let (name, number) = (reported.attempt.name(), reported.attempt.attempt);
    if let Some(before) = reported.adopts {
        recorded.answer.notes.push(format!(
            "the lease of attempt {before} of {name} had expired: this is the report of attempt {number}"
        ));
    }
    Ok(recorded)
}

/// The outputs, with typed ones converted as the task declares.
fn brought(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    request: &ReportRequest,
) -> Result<Map<String, Value>> {
    let mut outputs = request.outputs.clone();
    if request.typed.is_empty() {
        return Ok(outputs);
    }
    let plan = runs::pinned_plan(&writer.observed.stored, node.run.status);
    let of_plan = plan.as_ref().and_then(|plan| plan.node(node.id));
    let snapshot = resources_for(writer, node.run, of_plan)?;
    let capabilities = snapshot.iter().flat_map(|snapshot| {
        let refs = of_plan.into_iter().flat_map(|node| &node.capability_refs);
        let pinned = node.run.status.extensions.pinned.as_ref();
        let namespace = pinned.map_or("", |pinned| pinned.plan.namespace.as_str());
        refs.filter_map(|one| snapshot.capability(&one.key(Kind::Capability, namespace)))
    });
    let capabilities: Vec<_> = capabilities.collect();
    for (name, text) in &request.typed {
        let value = data::as_declared(of_plan, &capabilities, (name, text));
        outputs.insert(name.clone(), value);
    }
    Ok(outputs)
}

/// A report of one node.
#[derive(Clone, Copy)]
struct Reporter<'a> {
    writer: &'a RecordWriter<'a>,
    node: ObservedNode<'a>,
    request: &'a ReportRequest,
    commit: Option<&'a str>,
}

impl Reporter<'_> {
    /// Notes on the commit that acceptance criteria are checked on, and on files that only the work tree has.
    fn to_check(self) -> Result<Vec<String>> {
        let run = self.node.run.status;
        let plan = runs::pinned_plan(&self.writer.observed.stored, run);
        let of_plan = plan.as_ref().and_then(|plan| plan.node(self.node.id));
        let criteria = of_plan.map_or(&[][..], |node| &node.acceptance_criteria);
        let pinned = run.extensions.pinned.as_ref();
        let commit = self.commit.or(pinned.map(|pinned| pinned.commit.as_str()));
        let (Some(commit), ReportResult::Succeeded) = (commit, self.request.result) else {
            return Ok(Vec::new());
        };
        if !criteria.iter().any(|criterion| criterion.required) {
            return Ok(Vec::new());
        }
        let named = match self.commit {
            Some(_) => String::new(),
            None => ", which the run is pinned to; use `--commit REV` to name another".to_owned(),
        };
        let mut notes = vec![format!(
            "its criteria will be checked on commit {}{named}",
            short(commit)
        )];
        let repo = &self.writer.store.repo;
        if repo.workdir().is_none() || !repo.has_object(commit) {
            return Ok(notes);
        }
        let changed = read::changed_since(repo, commit)?;
        let paths = criteria
            .iter()
            .filter_map(|criterion| criterion.path.as_deref());
        let missing = paths.filter(|path| {
            let path = path.trim_start_matches("./").trim_end_matches('/');
            let is_below = |file: &str| file == path || file.starts_with(&format!("{path}/"));
            // The current branch may be another one, without the work.
            let is_here = repo.workdir().is_some_and(|dir| dir.join(path).exists());
            let is_changed = || changed.iter().any(|file| is_below(&file.path));
            let is_new = || read::has_artifact(repo, commit, path, None).is_ok_and(|there| !there);
            is_here && (is_changed() || is_new())
        });
        let has_commands = criteria.iter().any(|criterion| criterion.command.is_some());
        if has_commands && !changed.is_empty() {
            notes.push(format!(
                "{} of your work tree {} not as in commit {}, where the commands of its criteria run",
                count(changed.len(), "file"),
                if changed.len() == 1 { "is" } else { "are" },
                short(commit)
            ));
        }
        notes.extend(missing.map(|path| {
            format!(
                "what your work tree has of {path} is not in commit {}",
                short(commit)
            )
        }));
        Ok(notes)
    }

    fn report(self) -> Result<(String, Reported)> {
        let open = self.node.status.attempt;
        if let Some(attempt) = self.request.attempt.filter(|attempt| *attempt > open) {
            return Err(no_attempt_yet(self.node, attempt));
        }
        let own = self.own_chain()?;
        // The ref may be newer than the status.
        let is_open = own.as_ref().is_some_and(|(attempt, _)| *attempt == open);
        let known = (!is_open).then(|| self.is_known()).transpose()?.flatten();
        if let Some(record) = known {
            return Ok((record, self.reported(open, true, None)));
        }
        let Some((attempt, chain)) = own else {
            return self.without_claim();
        };
        let has_succeeded = self.request.result == ReportResult::Succeeded;
        if attempt == open && has_succeeded && self.has_failed_since() {
            return Err(self.failed_since());
        }
        if let Some(record) = self.was_said(attempt, &chain)? {
            self.still_counts(attempt, &chain)?;
            return Ok((record, self.reported(attempt, true, None)));
        }
        if attempt < open {
            return self.adopt(attempt, &chain);
        }
        self.may(Some(&chain), open)?;
        let record = self.send(open)?;
        held::forget(self.writer.store, &chain.claim().id);
        Ok((record, self.reported(open, false, None)))
    }

    fn action(self, attempt: u32) -> Action {
        let request = self.request;
        Action::Report {
            node: self.node.id.to_owned(),
            attempt,
            result: request.result,
            outputs: self.outputs().clone(),
            message: request.message.clone(),
            commit: self.commit.map(str::to_owned),
            claim: request.working.claim.clone(),
            artifacts: Vec::new(),
        }
    }

    /// The outputs; the earlier ones, if only the commit changes.
    fn outputs(&self) -> &Map<String, Value> {
        let status = self.node.status;
        if status.is_reported() && self.request.outputs.is_empty() {
            return &status.outputs;
        }
        &self.request.outputs
    }

    fn reported(self, attempt: u32, already: bool, adopts: Option<u32>) -> Reported {
        Reported {
            attempt: attempt_of(self.writer.observed, self.node.run, self.node.id, attempt),
            result: self.request.result.word().to_owned(),
            commit: self.commit.map(str::to_owned),
            already,
            adopts,
        }
    }

    fn send(self, attempt: u32) -> Result<String> {
        let (writer, run) = (self.writer, self.node.run);
        let address = run.attempt_address(self.node.id, attempt);
        let old = writer.observed.tip(&address);
        let record = writer.record(run, self.action(attempt));
        let id = writer.write(old, run, &record)?;
        push(writer, self.node, (attempt, old, id), self.commit)?.or_conflict(&address)
    }

    /// Whether an earlier report of success does not count yet, so that its commit may still be replaced.
    fn may_be_pointed_elsewhere(self, before: &Before<'_>) -> bool {
        let asked = Asked::new(self.writer.observed, self.node.run);
        let node = asked.plan().and_then(|plan| plan.node(self.node.id));
        let is_checked =
            node.is_some_and(|node| node.acceptance_criteria.iter().any(|one| one.required));
        let succeeded = [before.result, self.request.result] == [ReportResult::Succeeded; 2];
        let waits = !self.node.status.phase.is_terminal();
        let is_awaited = is_checked || self.node.status.is_out_of_scope();
        is_awaited && succeeded && waits && self.commit.is_some() && self.commit != before.commit
    }

    /// The record of the same report, if the status has it; a different one by the same actor is refused.
    fn is_known(self) -> Result<Option<String>> {
        let status = self.node.status;
        let said = status.extensions.report.as_ref();
        let Some(said) = said.filter(|said| said.actor == self.writer.actor) else {
            return Ok(None);
        };
        if self.request.result == ReportResult::Succeeded && self.has_failed_since() {
            return Err(self.failed_since());
        }
        let result = match status.phase {
            NodePhase::Succeeded | NodePhase::Blocked => ReportResult::Succeeded,
            NodePhase::Failed => ReportResult::Failed,
            // The attempt of this report is over.
            _ => return Ok(None),
        };
        let before = Before {
            result,
            outputs: &status.outputs,
            commit: said.commit.as_deref(),
        };
        if self.may_be_pointed_elsewhere(&before) {
            return Ok(None);
        }
        self.compare(status.attempt, before)?;
        Ok(Some(said.record.clone()))
    }

    /// The newest attempt that the actor has claimed, with its records.
    fn own_chain(self) -> Result<Option<(u32, AttemptChain)>> {
        let wanted = self.request.attempt;
        let attempts = (1..=self.node.status.attempt).rev();
        let speaker = Speaker::of(self.writer, &self.request.working);
        for attempt in attempts.filter(|attempt| wanted.is_none_or(|wanted| wanted == *attempt)) {
            let Some(chain) = self.chain_of(attempt)? else {
                continue;
            };
            let is_own = chain.is_held_by(self.node.id, speaker).is_ok();
            if is_own || self.has_adopted(&chain, speaker)? {
                return Ok(Some((attempt, chain)));
            }
        }
        Ok(None)
    }

    /// The records of an attempt.
    fn chain_of(self, attempt: u32) -> Result<Option<AttemptChain>> {
        let address = self.node.run.attempt_address(self.node.id, attempt);
        AttemptChain::on(self.writer.store, self.writer.observed, &address)
    }

    /// Whether an attempt adopts the work of an earlier one that the speaker held.
    fn has_adopted(self, chain: &AttemptChain, speaker: Speaker<'_>) -> Result<bool> {
        let (Some(before), true) = (chain.adopts(), chain.holder().actor == speaker.actor) else {
            return Ok(false);
        };
        let before = self.chain_of(before)?;
        Ok(before.is_some_and(|one| one.is_held_by(self.node.id, speaker).is_ok()))
    }

    /// The record of the same report, if it is the last one of the attempt; a different one is refused.
    fn was_said(self, attempt: u32, chain: &AttemptChain) -> Result<Option<String>> {
        let last = chain.last();
        if let Action::Release { .. } = &last.record.action {
            let (actor, name) = (self.writer.actor, self.node.name());
            let why = format!("{actor} gave back attempt {attempt} of {name}");
            return Err(Error::conflict(why).hint(self.claim_again()));
        }
        match Before::of(last) {
            Some(before) if !self.may_be_pointed_elsewhere(&before) => {
                self.compare(attempt, before)?;
                Ok(Some(last.id.clone()))
            }
            _ => Ok(None),
        }
    }

    /// Checks that the earlier report still counts: a worker who repeats the work must not believe that it was
    /// delivered.
    fn still_counts(self, attempt: u32, chain: &AttemptChain) -> Result {
        let status = self.node.status;
        let last = chain.last();
        let has_succeeded = self.request.result == ReportResult::Succeeded;
        // A report of failure has opened the next attempt, if nobody asked for a retry.
        let report = status.extensions.report.as_ref();
        let opened_the_next = !has_succeeded && report.is_some_and(|one| one.record == last.id);
        let is_meant = attempt == status.attempt || self.request.attempt.is_some();
        if is_meant || opened_the_next {
            return Ok(());
        }
        Err(self.too_late(attempt, chain)?)
    }

    /// Whether the open attempt was reported as succeeded, but its verification failed.
    fn has_failed_since(self) -> bool {
        let status = self.node.status;
        status.phase == NodePhase::Failed && status.extensions.verification.is_some()
    }

    fn failed_since(self) -> Error {
        let (name, status) = (self.node.name(), self.node.status);
        let (attempt, message) = (status.attempt, &status.message);
        let why = format!(
            "attempt {attempt} of {name} was reported as succeeded, and failed since: {message}"
        );
        Error::conflict(why).hint(self.instead(attempt))
    }

    /// Checks that the report is the same as the earlier one.
    fn compare(self, attempt: u32, before: Before<'_>) -> Result {
        let (name, word) = (self.node.name(), before.result.word());
        let differs = if before.result != self.request.result {
            format!("{name} was already reported as {word}")
        } else if before.commit != self.commit {
            let commit = before.commit.unwrap_or("no commit");
            format!("{name} was already reported as {word}, with {commit}")
        } else if *before.outputs != self.request.outputs {
            format!("{name} was already reported as {word}, with other outputs")
        } else {
            return Ok(());
        };
        Err(Error::conflict(differs).hint(self.instead(attempt)))
    }

    /// The hint if the earlier report counts.
    fn instead(self, attempt: u32) -> String {
        let is_open = attempt == self.node.status.attempt;
        let again = match self.node.status.phase {
            NodePhase::Pending | NodePhase::Running if !is_open => return self.claim_again(),
            NodePhase::Pending | NodePhase::Running => {
                return "the first report counts, and `planspec reconcile` applies it".to_owned();
            }
            NodePhase::Succeeded => " --again",
            _ => "",
        };
        let (run, namespace) = (&self.node.run.key.name, &self.node.run.key.namespace);
        let id = self.node.id;
        let stands = if self.has_failed_since() {
            ""
        } else {
            "the first report counts; "
        };
        format!("{stands}to repeat the node, run `planspec retry {run}/{id} -n {namespace}{again}`")
    }

    fn claim_again(self) -> String {
        let status = self.node.status;
        if let Some(claim) = &status.extensions.claim {
            let (actor, attempt) = (&claim.actor, status.attempt);
            return format!("{actor} has attempt {attempt}; `planspec next` shows what is left");
        }
        let claim = claim_as(self.node.run.key, self.node.id, self.writer.actor);
        match status
            .extensions
            .not_before
            .filter(|time| *time > self.writer.now)
        {
            Some(time) => format!("claim it again after {}, then report: {claim}", exact(time)),
            None => format!("claim it again, then report: `{claim}`"),
        }
    }

    /// A report without a claim: allowed for external nodes, an error for others.
    fn without_claim(self) -> Result<(String, Reported)> {
        let open = self.node.status.attempt;
        let attempt = self.request.attempt.unwrap_or(open);
        let tip = self.writer.observed.tip(&self.node.address());
        if let Some(tip) = tip.filter(|_| is_outside(self.node.status)) {
            let said = held::records(self.writer.store, tip)?;
            let first = said
                .first()
                .and_then(|first| Some((first, Before::of(first)?)));
            if let Some((first, before)) = first {
                self.compare(open, before)?;
                return Ok((first.id.clone(), self.reported(open, true, None)));
            }
        }
        self.may(self.chain_of(open)?.as_ref(), attempt)?;
        let record = self.send(open)?;
        Ok((record, self.reported(open, false, None)))
    }

    /// The lease expired before the report: claims the next attempt and reports it, in one step that only one writer
    /// can make.
    fn adopt(self, attempt: u32, chain: &AttemptChain) -> Result<(String, Reported)> {
        let (writer, node) = (self.writer, self.node);
        let open = node.status.attempt;
        if !held::lapsed(writer.observed, node, &chain.claim().id) {
            return Err(self.too_late(attempt, chain)?);
        }
        let claim = claim::claim_of_done(node, Some(attempt));
        writer.may(node.run, &claim)?;
        self.may(Some(chain), open)?;
        let mut action = self.action(open);
        if let Action::Report { claim, .. } = &mut action {
            // It acts for the claim directly before it.
            *claim = None;
        }
        match send_at_once(writer, node, (claim, action), self.commit)? {
            Sent::Done(record) => {
                held::forget(writer.store, &chain.claim().id);
                Ok((record, self.reported(open, false, Some(attempt))))
            }
            Sent::Taken => Err(claim::just_taken(node)),
        }
    }

    /// The error that a report of an earlier attempt can no longer count.
    fn too_late(self, attempt: u32, own: &AttemptChain) -> Result<Error> {
        let (name, status) = (self.node.name(), self.node.status);
        if self.node.run.status.phase.is_terminal() || status.phase.is_terminal() {
            return Ok(match self.may(None, status.attempt) {
                Err(error) => error,
                Ok(()) => Error::conflict(format!("{name} is {}", status.phase)),
            });
        }
        held::is_over(self.writer, self.node, (attempt, own))
    }

    /// Checks that the holder according to the records may report it.
    fn may(self, chain: Option<&AttemptChain>, attempt: u32) -> Result {
        let (writer, node) = (self.writer, self.node);
        let mut asked = Asked::new(writer.observed, node.run);
        asked.session = writer.session;
        asked.holder = chain.map(AttemptChain::holder);
        let pinned = asked.plan().and_then(|plan| plan.node(node.id)).cloned();
        let snapshot = resources_for(writer, node.run, pinned.as_ref())?;
        asked.resources = snapshot.as_deref();
        let action = self.action(attempt);
        let Err((refusal, mut error)) = asked.ask(&action, writer.actor) else {
            return Ok(());
        };
        if let Some(said) = chain.and_then(|chain| claim::said_instead(node, chain, &refusal)) {
            return Err(said);
        }
        if refusal.kind == Objection::Late {
            error.kind = ErrorKind::Conflict;
        }
        let error = error.maybe_hint(outputs_hint(&refusal, pinned.as_ref(), &action));
        Err(error.maybe_hint(held::flag(writer, &refusal, asked.holder)))
    }
}

/// Claims the open attempt of a node and reports it, in one step that only one writer can make. Returns the record of
/// the report.
///
/// # Errors
/// The remote cannot be used, or does not store the commit.
pub fn send_at_once(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (claim, report): (Action, Action),
    commit: Option<&str>,
) -> Result<Sent> {
    let run = node.run;
    let claim = writer.write(None, run, &writer.record(run, claim))?;
    let report = writer.write(Some(&claim), run, &writer.record(run, report))?;
    push(writer, node, (node.status.attempt, None, report), commit)
}

/// Sends a report that was written on top of `old`, together with its commit.
fn push(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'_>,
    (attempt, old, id): (u32, Option<&str>, String),
    commit: Option<&str>,
) -> Result<Sent> {
    let run = node.run;
    let address = run.attempt_address(node.id, attempt);
    let Some(commit) = commit else {
        return writer.store.send_written(&address, old, id, "report");
    };
    let name = result_ref(&run.reference(), node.id, attempt);
    let keeper = writer.observed.view.results.get(&name);
    let kept = (name.as_str(), keeper.map(String::as_str), commit);
    let sent = writer
        .store
        .send_with_result((&address, old, id), kept, writer.now);
    sent.map_err(|error| match error.kind {
        ErrorKind::Unavailable => {
            let why = format!(
                "nothing is reported: commit {} cannot be shared",
                short(commit)
            );
            let hint = [Some(error.message), error.hint].into_iter().flatten();
            let hint: Vec<String> = hint.collect();
            Error::unavailable(why).hint(hint.join("\n"))
        }
        _ => error,
    })
}

/// An earlier report.
struct Before<'a> {
    result: ReportResult,
    outputs: &'a Map<String, Value>,
    commit: Option<&'a str>,
}

impl<'a> Before<'a> {
    /// The report in a record, if it is one.
    fn of(received: &'a Received) -> Option<Before<'a>> {
        match &received.record.action {
            Action::Report {
                result,
                outputs,
                commit,
                ..
            } => Some(Before {
                result: *result,
                outputs,
                commit: commit.as_deref(),
            }),
            _ => None,
        }
    }
}

/// The error that an attempt has never been open.
pub fn no_attempt_yet(node: ObservedNode<'_>, attempt: u32) -> Error {
    let (name, open) = (node.name(), node.status.attempt);
    Error::not_found(format!(
        "{name} has no attempt {attempt} yet; the current one is {open}"
    ))
}

/// Whether a node is external.
pub fn is_outside(node: &NodeStatus) -> bool {
    node.phase == NodePhase::Blocked && node.extensions.reason == AWAITING_EXTERNAL
}

/// The capabilities that a node of a run refers to, from the spec branch; `None` if there are
/// none.
///
/// # Errors
/// The spec branch cannot be read.
pub fn resources_for(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    node: Option<&Node>,
) -> Result<Option<Snapshot>> {
    let Some(pinned) = &run.status.extensions.pinned else {
        return Ok(None);
    };
    let named = node.into_iter().flat_map(|node| &node.capability_refs);
    let namespace = &pinned.plan.namespace;
    let keys: BTreeSet<Key> = named
        .map(|reference| reference.key(Kind::Capability, namespace))
        .collect();
    let is_named = !keys.is_empty();
    is_named.then(|| writer.spec_about(&keys)).transpose()
}

/// The hint if outputs are missing or of another type.
fn outputs_hint(refusal: &Refusal, node: Option<&Node>, action: &Action) -> Option<String> {
    let Action::Report { outputs, .. } = action else {
        return None;
    };
    if refusal.kind != Objection::Invalid {
        return None;
    }
    let declared = node.into_iter().flat_map(|node| &node.outputs);
    let missing = declared.filter(|output| !outputs.contains_key(&output.name));
    let missing: Vec<String> = missing
        .map(|output| format!("--set {}=…", output.name))
        .collect();
    Some(match missing.as_slice() {
        [] => "--outputs-file takes values of every type, as JSON".to_owned(),
        some => format!("add {}", some.join(" ")),
    })
}
