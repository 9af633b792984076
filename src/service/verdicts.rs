//! Attestations of the criteria of a document for one commit, without a run. They refer to its `plan_id` and to the
//! commit.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::document::{self, Opened};
use super::store::{Store, View};
use super::verify::{CheckSubject, EXCERPTS, Tell, check, supported};
use super::{Caller, Error, Result, suggestion};
use crate::api::record::{self as api, DocumentAttested};
use crate::api::verify::{self, CriterionVerified, DocumentVerified};
use crate::core::base::time::exact;
use crate::core::repository::config::Deciding;
use crate::core::resource::{Contract, ContractCriterion, CriterionResult, Key};
use crate::core::run::permit::broken;
use crate::core::run::record::{
    MAX_RECORD_BYTES, RECORD_API_VERSION, RECORD_FILE, RECORD_MINOR, Signature, mask_credentials,
    verdict_ref, verdicts_on,
};
use crate::core::run::verified::{VERDICT, Verdict, Word};
use crate::core::text::yaml;
use crate::service::record::Recorded;
use crate::worker::log::shortened;
use crate::worker::signals::Stop;
use crate::worker::tool::{Errand, ErrandPart};

/// A document with its criteria.
pub struct Subject {
    /// The name of the file in messages.
    pub file: String,
    /// Its plan.
    pub key: Key,
    /// Its `plan_id`.
    pub plan_id: String,
    /// Its constraints and criteria.
    pub contract: Contract,
}

impl Subject {
    /// Reads a document.
    ///
    /// # Errors
    /// It cannot be read, or its structure is invalid.
    pub fn open(file: &Path) -> Result<Subject> {
        Subject::of(document::open(file)?)
    }

    fn of(opened: Opened) -> Result<Subject> {
        let generated = opened.resources()?;
        let plan = generated.resources.iter().find_map(|resource| {
            let contract = resource.spec.plan()?.contract.clone();
            Some((resource.key(), contract))
        });
        let (key, contract) =
            plan.ok_or_else(|| Error::invalid(format!("{} contains no plan", opened.file)))?;
        Ok(Subject {
            file: opened.file,
            key,
            plan_id: opened.document.identity.plan_id.clone(),
            contract,
        })
    }

    /// One of its criteria.
    fn criterion(&self, id: &str) -> Result<&ContractCriterion> {
        let all = &self.contract.criteria;
        all.iter().find(|one| one.id == id).ok_or_else(|| {
            let error = Error::not_found(format!("{} has no criterion `{id}`", self.file));
            error.maybe_hint(suggestion(id, all.iter().map(|one| one.id.as_str())))
        })
    }
}

/// An actor who attests a document for one commit.
struct Speaker<'a> {
    store: &'a Store,
    view: View,
    subject: &'a Subject,
    commit: String,
    actor: String,
    caller: &'a Caller,
}

impl<'a> Speaker<'a> {
    fn of(
        store: &'a Store,
        subject: &'a Subject,
        (caller, commit): (&'a Caller, Option<&str>),
    ) -> Result<Speaker<'a>> {
        Ok(Speaker {
            view: store.fresh()?,
            commit: store.commit_anywhere(commit.unwrap_or("HEAD"))?,
            actor: store.actor(caller)?,
            store,
            subject,
            caller,
        })
    }

    fn verdict(&self, criterion: &str, met: bool) -> Verdict {
        Verdict {
            api_version: RECORD_API_VERSION.to_owned(),
            kind: VERDICT.to_owned(),
            plan: self.subject.plan_id.clone(),
            commit: self.commit.clone(),
            criterion: criterion.to_owned(),
            met,
            evidence: String::new(),
            results: Vec::new(),
            actor: self.actor.clone(),
            time: exact(self.caller.now),
            nonce: Uuid::from_u128(self.store.repo.random())
                .simple()
                .to_string(),
            minor: RECORD_MINOR,
        }
    }

    /// Sends an attestation, on the inbox ref of the actor. Returns the id of the record.
    fn say(&self, verdict: &Verdict) -> Result<String> {
        let (store, now) = (self.store, self.caller.now);
        let name = verdict_ref(
            &verdict.plan,
            &verdict.commit,
            &verdict.criterion,
            &self.actor,
        );
        let (above, _) = name.rsplit_once('/').unwrap_or((&name, ""));
        let old = store.refs_below(&format!("{above}/"))?.remove(&name);
        if let Some(tip) = &old
            && let Err(why) = store.texts(tip)?
        {
            let why = format!("{name} contains something that is not a record: {why}");
            return Err(Error::conflict(why).hint(
                "everybody who can push to the repository can delete it; `git ls-remote` lists it",
            ));
        }
        let id = store.write_text(old.as_deref(), &text_of(verdict)?, now)?;
        let id = if must_be_signed(&self.view) {
            self.signed(&id)?
        } else {
            id
        };
        if store.send_text(&name, old.as_deref(), &id)? {
            return Ok(id);
        }
        Err(Error::conflict(format!("{name} has moved in the meantime"))
            .hint("check the current state, then repeat the command if it still applies"))
    }

    fn signed(&self, id: &str) -> Result<String> {
        let help = "`approvals.requireSigned` requires signed attestations: see docs/approvals.md \
                    for how to create and list keys; Git signs with `user.signingkey` and \
                    `gpg.format`";
        let store = self.store;
        let signed = store.sign_record(id, self.caller.now);
        let id = signed.map_err(|error| error.hint(help))?;
        match store.judge_signature(&self.view, self.caller.now, &id, &self.actor)? {
            Signature::Bad(reason, why) => {
                Err(Error::forbidden(format!("this would not count, {reason}: {why}")).hint(help))
            }
            _ => Ok(id),
        }
    }
}

fn must_be_signed(view: &View) -> bool {
    let required = &view.config.approvals.require_signed;
    required.covers(Deciding::Attestations)
}

fn text_of(verdict: &Verdict) -> Result<String> {
    let mut value = serde_json::to_value(verdict)?;
    mask_credentials(&mut value);
    Ok(yaml::write(&value))
}

/// Shortens excerpts until the record is small enough.
fn fitting(verdict: &mut Verdict, results: &[CriterionResult]) -> Result {
    for most in EXCERPTS {
        verdict.results = results.to_vec();
        for result in &mut verdict.results {
            result.excerpt = shortened(&result.excerpt, most);
        }
        if text_of(verdict)?.len() <= MAX_RECORD_BYTES {
            return Ok(());
        }
    }
    Err(Error::invalid(format!(
        "the results of `{}` cannot be recorded: they are larger than {MAX_RECORD_BYTES} bytes",
        verdict.criterion
    )))
}

/// A request to attest a criterion of a document for a commit.
#[derive(Debug, Clone)]
pub struct AttestRequest {
    /// The actor, and the time.
    pub caller: Caller,
    /// The document.
    pub file: PathBuf,
    /// Id of the criterion.
    pub criterion: String,
    /// Whether it holds.
    pub met: bool,
    /// The evidence, in words.
    pub evidence: String,
    /// The commit; `None` is HEAD.
    pub commit: Option<String>,
}

/// Attests whether a criterion of a document is met by a commit. The newest attestation of an actor counts.
///
/// # Errors
/// There is no such criterion or commit, or the actor may not decide about it.
pub fn attest(store: &Store, request: &AttestRequest) -> Result<Recorded<DocumentAttested>> {
    let subject = Subject::open(&request.file)?;
    let criterion = subject.criterion(&request.criterion)?;
    let speaker = Speaker::of(
        store,
        &subject,
        (&request.caller, request.commit.as_deref()),
    )?;
    let verdict = Verdict {
        evidence: request.evidence.clone(),
        ..speaker.verdict(&criterion.id, request.met)
    };
    let file = &subject.file;
    verdict.may_say(criterion).map_err(|why| {
        let has_checks = !criterion.checks.is_empty();
        let verify = format!(
            "run them with `planspec verify {file} --commit {}`",
            speaker.commit
        );
        Error::forbidden(format!("{file}: {why}")).maybe_hint(has_checks.then_some(verify))
    })?;
    let record = speaker.say(&verdict)?;
    let what = DocumentAttested {
        file: file.clone(),
        plan_id: subject.plan_id.clone(),
        commit: speaker.commit.clone(),
        criterion: criterion.id.clone(),
        met: request.met,
    };
    Ok(recorded(what, record, speaker.actor))
}

fn recorded<A>(what: A, record: String, actor: String) -> Recorded<A> {
    Recorded {
        answer: api::Recorded {
            what,
            record,
            actor,
            notes: Vec::new(),
            reconciled: None,
            reconcile_error: None,
        },
        is_due: false,
        reconcile_error: None,
    }
}

/// Runs the checks of all criteria of a document that have any, on a commit, and records the results. `tell` gets each
/// result.
///
/// # Errors
/// No criterion has checks; the commit does not exist; the check was stopped.
pub fn verify(
    store: &Store,
    (caller, file, commit): (&Caller, &Path, Option<&str>),
    stop: &Stop,
    tell: Tell<'_>,
) -> Result<Recorded<DocumentVerified>> {
    supported()?;
    let subject = Subject::open(file)?;
    let criteria = subject.contract.criteria.iter();
    let criteria: Vec<&ContractCriterion> = criteria.filter(|one| !one.checks.is_empty()).collect();
    if criteria.is_empty() {
        let why = format!("no success criterion of {} has checks", subject.file);
        return Err(Error::not_ready(why).hint(
            "`x-planspec.checks` defines checks for `automated` criteria; people attest the others with `planspec attest`",
        ));
    }
    let speaker = Speaker::of(store, &subject, (caller, commit))?;
    let (mut verified, mut record) = (Vec::new(), String::new());
    for criterion in criteria {
        let checked = CheckSubject {
            errand: &Errand {
                namespace: subject.key.namespace.clone(),
                execution: subject.key.name.clone(),
                part: ErrandPart::Criterion(criterion.id.clone()),
            },
            criteria: &criterion.checks,
            target: None,
            commit: &speaker.commit,
        };
        let Some(results) = check(store, &checked, stop, tell)? else {
            return Err(Error::not_ready(
                "stopped: the other results are not recorded",
            ));
        };
        let met = broken(&criterion.checks, &results).is_empty();
        let mut verdict = speaker.verdict(&criterion.id, met);
        fitting(&mut verdict, &results)?;
        record = speaker.say(&verdict)?;
        verified.push(CriterionVerified {
            criterion: criterion.id.clone(),
            required: criterion.required,
            met,
            results: results.iter().map(verify::CriterionResult::from).collect(),
        });
    }
    let what = DocumentVerified {
        file: subject.file.clone(),
        plan_id: subject.plan_id.clone(),
        commit: speaker.commit.clone(),
        criteria: verified,
    };
    Ok(recorded(what, record, speaker.actor))
}

/// The last attestation of each actor for a document and a commit; and, in sentences, what does not count.
///
/// # Errors
/// The remote cannot be used.
pub fn words(
    store: &Store,
    view: &View,
    (subject, commit): (&Subject, &str),
    now: crate::core::resource::Time,
) -> Result<(Vec<Word>, Vec<String>)> {
    let refs = store.refs_below(&verdicts_on(&subject.plan_id, commit))?;
    let tips: Vec<String> = refs.values().cloned().collect();
    store.fetch_records(&tips)?;
    let (mut words, mut notes) = (Vec::new(), Vec::new());
    for (name, tip) in refs {
        let said = store.texts(&tip)?.and_then(|mut texts| {
            let (id, bytes) = texts.pop().ok_or("it holds nothing")?;
            Ok((id, read(&bytes)?))
        });
        let checked = said.and_then(|(id, verdict)| {
            verdict.check(
                (&name, &subject.plan_id, commit),
                &subject.contract.criteria,
            )?;
            Ok((id, verdict))
        });
        match checked {
            Ok((id, verdict)) => match unsigned(store, view, (&id, &verdict.actor), now)? {
                None => words.push(Word::from(&verdict)),
                Some(why) => notes.push(format!("{name} does not count: {why}")),
            },
            Err(why) => notes.push(format!("{name} does not count: {why}")),
        }
    }
    Ok((words, notes))
}

/// Why the signature of a record does not count, if one is required.
fn unsigned(
    store: &Store,
    view: &View,
    (id, actor): (&str, &str),
    now: crate::core::resource::Time,
) -> Result<Option<String>> {
    if !must_be_signed(view) {
        return Ok(None);
    }
    let approvals = &view.config.approvals;
    Ok(match store.judge_signature(view, now, id, actor)? {
        Signature::Good(by) if approvals.person(&by.principal) == approvals.person(actor) => None,
        Signature::Good(by) => Some(format!("{} signed it, but it names {actor}", by.principal)),
        Signature::Bad(reason, why) => Some(format!("{reason}: {why}")),
        Signature::Unchecked => Some("its signature was not checked".to_owned()),
    })
}

fn read(bytes: &[u8]) -> std::result::Result<Verdict, String> {
    let (mut documents, findings) = yaml::read(RECORD_FILE, bytes, &Default::default());
    if let Some(finding) = findings.first() {
        return Err(finding.message.clone());
    }
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => {
            serde_json::from_value(document.value).map_err(|error| error.to_string())
        }
        _ => Err("exactly one document is expected".to_owned()),
    }
}
