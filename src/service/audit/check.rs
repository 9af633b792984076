//! The check of one status commit.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use super::answers;
use crate::core::base::time::exact;
use crate::core::repository::config::Config;
use crate::core::resource::{Key, Kind};
use crate::core::run::asked::{Answers, INPUTS_FILE, Verdict as SignatureVerdict};
use crate::core::run::audit::{Cited, cited, differences};
use crate::core::run::board;
use crate::core::run::record::{Address, Incoming, Received, Signature};
use crate::core::run::status::{BOARD_FILE, CONTROLLER_FILE, ControllerState, DECISIONS, key_at};
use crate::core::text::yaml;
use crate::git::line::Line;
use crate::git::read;
use crate::git::status_branch::FileBody;
use crate::service::reconcile::replay::{Inbox, Replay, Told};
use crate::service::status::StatusReader;
use crate::service::status_signature::objection;
use crate::service::store::{Store, View};
use crate::service::{Fault, Result};

/// The reason for a signature that cannot be verified because no program is installed.
const NO_VERIFIER: &str = "NoVerifier";
/// Maximum number of differences that are reported for one commit.
const TOLD: usize = 5;

/// The result of checking a commit.
pub struct Checked {
    pub verdict: Verdict,
    /// What could not be checked here, in sentences.
    pub unknown: Vec<String>,
    /// How many signatures were verified.
    pub signatures: usize,
}

/// Whether a status commit follows from what it cites.
pub enum Verdict {
    Follows,
    /// It was written with earlier rules, or has no recorded answers: only its place and its evidence are checked.
    EvidenceAlone,
    /// This clone cannot tell; the text says what is missing.
    Unknown(String),
    /// It does not follow; the texts say what it claims, and what follows instead.
    Broken(Vec<String>),
}

impl Verdict {
    /// The verdict for a list of errors.
    fn of(wrong: Vec<String>) -> Verdict {
        if wrong.is_empty() {
            Verdict::Follows
        } else {
            Verdict::Broken(wrong)
        }
    }
}

/// Checks commits, in order.
pub struct Checker<'a> {
    store: &'a Store,
    /// The tip of the spec branch in this clone, and the commits behind it.
    spec_tip: String,
    planned: OnceCell<HashSet<String>>,
    /// The spec commit that the last valid commit observed.
    trusted: RefCell<Option<String>>,
    configs: RefCell<BTreeMap<String, Rc<Config>>>,
}

/// A commit with what its check needs.
struct Case<'a> {
    store: &'a Store,
    status: StatusReader<'a>,
    before: Option<StatusReader<'a>>,
    controller: ControllerState,
    config: Rc<Config>,
    /// The paths that differ from the commit before.
    changed: BTreeMap<String, Option<String>>,
}

impl<'a> Checker<'a> {
    pub fn new(store: &'a Store, spec_tip: &str) -> Checker<'a> {
        Checker {
            store,
            spec_tip: spec_tip.to_owned(),
            planned: OnceCell::new(),
            trusted: RefCell::default(),
            configs: RefCell::default(),
        }
    }

    /// Checks one commit.
    ///
    /// # Errors
    /// An object is damaged, or the repository cannot be read.
    pub fn check(&'a self, commit: &str) -> Result<Checked> {
        let mut checked = Checked {
            verdict: Verdict::Follows,
            unknown: Vec::new(),
            signatures: 0,
        };
        checked.verdict = match self.judge(commit, &mut checked) {
            Ok(verdict) => verdict,
            Err(error) => match error.fault {
                Some(Fault::Missing | Fault::Newer) => Verdict::Unknown(error.message),
                Some(Fault::Foreign) => Verdict::Broken(vec![error.message]),
                Some(Fault::Moved) | None => return Err(error),
            },
        };
        if matches!(checked.verdict, Verdict::Follows | Verdict::EvidenceAlone) {
            self.trust(commit);
        }
        Ok(checked)
    }

    fn judge(&'a self, commit: &str, checked: &mut Checked) -> Result<Verdict> {
        let repo = &self.store.repo;
        let status = StatusReader::at(repo, commit)?;
        let controller = status.controller()?;
        if controller.decisions > DECISIONS {
            return Ok(Verdict::Unknown(
                "it was written by a newer planspec with other decisions".to_owned(),
            ));
        }
        // A commit that is restored from may be invalid.
        let is_restored = status.commit().restores.is_some();
        let parent = status.commit().parent.clone().filter(|_| !is_restored);
        let before = parent.map(|parent| StatusReader::at(repo, &parent));
        let before = before.transpose()?;
        let observed = &status.commit().observed;
        let mut why = self.astray(&status, before.as_ref())?;
        if why.is_empty() {
            why = self.downgraded(&status, &controller, before.as_ref())?;
        }
        if why.is_empty() {
            why = self.signature(&status, before.as_ref())?;
        }
        if !why.is_empty() {
            return Ok(Verdict::Broken(why));
        }
        let config = self.config_at(observed)?;
        let changed =
            read::changed_ids(repo, before.as_ref().map(|one| one.commit().id()), commit)?;
        let case = Case {
            store: self.store,
            status,
            before,
            controller,
            config,
            changed,
        };
        if let Some(back_to) = case.status.commit().restores.clone() {
            return case.is_restored(&back_to);
        }
        let why = case.place()?;
        if !why.is_empty() {
            return Ok(Verdict::Broken(why));
        }
        case.follows(checked)
    }

    /// Errors of the signature. It must satisfy the configuration in the spec commit that it observed, and also in the one that
    /// the last valid commit observed. Otherwise, going back to a time without signers would need no key.
    fn signature(
        &self,
        status: &StatusReader<'_>,
        before: Option<&StatusReader<'_>>,
    ) -> Result<Vec<String>> {
        let trusted = self.trusted.borrow().clone();
        let before = || before.map(|one| one.commit().observed.clone());
        // The earlier configuration first: the spec commit that this one names may not exist.
        let observed = [
            trusted.or_else(before),
            Some(status.commit().observed.clone()),
        ];
        for spec_commit in observed.into_iter().flatten() {
            let config = self.config_at(&spec_commit)?;
            let (commit, time) = (status.commit().id(), status.time());
            let found = objection(self.store, (&config, &spec_commit), commit, time)?;
            if found.is_some() {
                return Ok(found.into_iter().collect());
            }
        }
        Ok(Vec::new())
    }

    /// Whether a commit is on the spec branch; `None` if this clone cannot tell.
    fn is_planned(&self, commit: &str) -> Result<Option<bool>> {
        let repo = &self.store.repo;
        let is_cut_off = repo.is_shallow() || repo.is_partial();
        if !repo.has_object(commit) || !repo.has_object(&self.spec_tip) {
            return Ok((!is_cut_off).then_some(false));
        }
        // Asked for each commit, so the history is listed once.
        let planned = match self.planned.get() {
            Some(planned) => planned,
            None => {
                let listed = repo.history(&self.spec_tip)?;
                self.planned.get_or_init(|| listed)
            }
        };
        let is_part = planned.contains(commit);
        Ok((is_part || !is_cut_off).then_some(is_part))
    }

    /// Errors of the observed spec commit: it must be on the spec branch if the one before it still is, and then it must
    /// contain it.
    fn astray(
        &self,
        status: &StatusReader<'_>,
        before: Option<&StatusReader<'_>>,
    ) -> Result<Vec<String>> {
        let trusted = self.trusted.borrow().clone();
        let was = trusted.or_else(|| before.map(|one| one.commit().observed.clone()));
        let is = &status.commit().observed;
        let Some(was) = was.filter(|was| was != is) else {
            return Ok(Vec::new());
        };
        if self.is_planned(&was)? != Some(true) {
            return Ok(Vec::new());
        }
        Ok(match self.is_planned(is)? {
            Some(false) => vec![format!(
                "it observed {is}, which is not a commit of the spec branch, while {was}, which was observed before, is one"
            )],
            Some(true) if !self.store.repo.is_ancestor(&was, is)? && before.is_some() => {
                vec![format!(
                    "it observed {is}, which does not contain {was} observed before, although the spec branch was not rewritten"
                )]
            }
            _ => Vec::new(),
        })
    }

    /// Errors if a commit claims earlier rules, or has no recorded answers, although the one before it does not.
    fn downgraded(
        &self,
        status: &StatusReader<'_>,
        controller: &ControllerState,
        before: Option<&StatusReader<'_>>,
    ) -> Result<Vec<String>> {
        let Some(before) = before else {
            return Ok(Vec::new());
        };
        let was = before.controller()?.decisions;
        let mut why = Vec::new();
        if controller.decisions < was {
            why.push(format!(
                "it was decided with version {}, but the commit before it with version {was}",
                controller.decisions
            ));
        }
        if before.answers()?.is_some() && status.answers()?.is_none() {
            why.push(format!(
                "it has no `{INPUTS_FILE}`, but the commit before it has one"
            ));
        }
        Ok(why)
    }

    /// Remembers that this status commit is valid.
    pub fn trust(&self, commit: &str) {
        if let Ok(status) = StatusReader::at(&self.store.repo, commit) {
            self.trusted.replace(Some(status.commit().observed.clone()));
        }
    }

    /// The configuration of a spec commit.
    fn config_at(&self, commit: &str) -> Result<Rc<Config>> {
        if let Some(known) = self.configs.borrow().get(commit) {
            return Ok(Rc::clone(known));
        }
        let config = Rc::new(self.store.config_at(commit)?);
        let mut configs = self.configs.borrow_mut();
        configs.insert(commit.to_owned(), Rc::clone(&config));
        Ok(config)
    }
}

impl Case<'_> {
    /// Errors of its place in the history.
    fn place(&self) -> Result<Vec<String>> {
        let mut why = Vec::new();
        let commit = self.status.commit();
        if self.controller.observed_commit != commit.observed {
            why.push(format!(
                "its message names the spec commit {}, but `{CONTROLLER_FILE}` names {}",
                commit.observed, self.controller.observed_commit
            ));
        }
        if self.controller.sequence != commit.sequence {
            why.push(format!(
                "its message has sequence {}, but `{CONTROLLER_FILE}` has {}",
                commit.sequence, self.controller.sequence
            ));
        }
        if let Some(before) = &self.before
            && before.time() > self.status.time()
        {
            why.push(format!(
                "it was written at {}, but the commit before it at {}",
                exact(self.status.time()),
                exact(before.time())
            ));
        }
        for path in self
            .changed
            .iter()
            .filter_map(|(path, id)| id.as_ref().map(|_| path))
        {
            // A path that does not belong in a status is an error.
            self.status.commit().file(path)?;
        }
        Ok(why)
    }

    /// Whether it restores the status of an earlier commit, and changes nothing else.
    fn is_restored(&self, back_to: &str) -> Result<Verdict> {
        let repo = &self.store.repo;
        let stored = StatusReader::at(repo, back_to)?.whole()?;
        let mut tree = stored.tree;
        tree.controller.sequence = self.status.sequence();
        tree.controller.status_branch = self.controller.status_branch.clone();
        tree.controller.spec_branch = self.controller.spec_branch.clone();
        let remote = &mut tree.controller.status_remote;
        remote.clone_from(&self.controller.status_remote);
        let controller = yaml::write(&serde_json::to_value(&tree.controller)?);
        let expected: BTreeMap<String, Option<FileBody>> = [
            (CONTROLLER_FILE.to_owned(), Some(FileBody::Text(controller))),
            (
                BOARD_FILE.to_owned(),
                Some(FileBody::Text(board::board(&tree))),
            ),
        ]
        .into();
        let changed = read::changed_ids(repo, Some(back_to), self.status.commit().id())?;
        let from = StatusReader::at(repo, back_to)?;
        let why = self.compare(&expected, &changed, Some(&from))?;
        Ok(Verdict::of(why))
    }

    fn follows(&self, checked: &mut Checked) -> Result<Verdict> {
        let mut why = Vec::new();
        let cited = match self.cited()? {
            Ok(cited) => cited,
            Err(name) => {
                let why = format!("it cites `{name}`, which cannot hold a record");
                return Ok(Verdict::Broken(vec![why]));
            }
        };
        let evidence = self.status.commit().evidence()?;
        let mine = |one: &&Cited| !evidence.contains(&one.tip);
        why.extend(cited.iter().filter(mine).take(TOLD).map(|one| {
            format!(
                "it cites {} on {}, which its evidence does not contain",
                one.tip, one.address
            )
        }));
        let tips: BTreeSet<&String> = cited.iter().map(|one| &one.tip).collect();
        let loose = evidence.iter().filter(|tip| !tips.contains(tip));
        why.extend(
            loose
                .take(TOLD)
                .map(|tip| format!("its evidence contains {tip}, which it does not cite")),
        );
        if !why.is_empty() {
            return Ok(Verdict::Broken(why));
        }
        let answers = self.status.answers()?;
        let is_known = self.controller.decisions == DECISIONS;
        let (Some(answers), true) = (answers, is_known) else {
            return self.evidence_alone(&cited, checked);
        };
        let view = self.view();
        let incoming = match self.records(&view, &cited, Some(&answers), checked)? {
            Ok(incoming) => incoming,
            Err(verdict) => return Ok(verdict),
        };
        let about = answers::About {
            store: self.store,
            view: &view,
            before: self.before.as_ref(),
            answers: &answers,
        };
        let found = about.check()?;
        checked.unknown.extend(found.unknown);
        if !found.wrong.is_empty() {
            return Ok(Verdict::Broken(found.wrong));
        }
        self.replay(&view, answers, incoming)
    }

    /// An older status is checked only for this: the records that it cites are records.
    fn evidence_alone(&self, cited: &[Cited], checked: &mut Checked) -> Result<Verdict> {
        let view = self.view();
        Ok(match self.records(&view, cited, None, checked)? {
            Ok(_) => Verdict::EvidenceAlone,
            Err(verdict) => verdict,
        })
    }

    /// The records that it cites, for each execution that it changes.
    fn cited(&self) -> Result<std::result::Result<Vec<Cited>, String>> {
        let keys = self.changed.keys().filter_map(|path| key_at(path));
        let keys: BTreeSet<Key> = keys.filter(|key| key.kind == Kind::Execution).collect();
        let now = self.status.files(&keys)?;
        let before = match &self.before {
            Some(before) => before.files(&keys)?,
            None => BTreeMap::new(),
        };
        let mut found = Vec::new();
        for (key, file) in &now {
            match cited(before.get(key), file) {
                Ok(cited) => found.extend(cited),
                Err(name) => return Ok(Err(name)),
            }
        }
        Ok(Ok(found))
    }

    /// The view that the decision was based on, as far as it matters.
    fn view(&self) -> View {
        View {
            spec_branch: self.controller.spec_branch.clone().unwrap_or_default(),
            status_tip: self.base().map(|before| before.commit().id().to_owned()),
            ..View::of_commit(&self.status.commit().observed, (*self.config).clone())
        }
    }

    /// The status that it was based on; `None` if it was started anew.
    fn base(&self) -> Option<&StatusReader<'_>> {
        let before = self.before.as_ref()?;
        let known = before.controller().ok()?.repository_id;
        (known == self.controller.repository_id).then_some(before)
    }

    fn replay(&self, view: &View, answers: Answers, incoming: Vec<Incoming>) -> Result<Verdict> {
        let refused = answers.refused.iter();
        let refused = refused.filter_map(|(name, refused)| {
            let address = Address::parse(name)?;
            Some((address, refused.clone()))
        });
        let base = self.base();
        let inbox = Inbox {
            incoming,
            refused: refused.collect(),
            ..Inbox::default()
        };
        let begun_on = match (base, &self.before) {
            (None, Some(before)) => Some(before.sequence()),
            _ => None,
        };
        let replay = Replay {
            store: self.store,
            view,
            status: base,
            begun_on,
            told: &Told { answers, inbox },
            now: self.status.time(),
        };
        let expected = replay.files()?;
        let changed = match begun_on {
            None => self.changed.clone(),
            Some(_) => read::changed_ids(&self.store.repo, None, self.status.commit().id())?,
        };
        let why = self.compare(&expected, &changed, base)?;
        Ok(Verdict::of(why))
    }
}

impl Case<'_> {
    /// The cited records with their signatures, or the verdict that it does not follow from them.
    fn records(
        &self,
        view: &View,
        cited: &[Cited],
        answers: Option<&Answers>,
        checked: &mut Checked,
    ) -> Result<std::result::Result<Vec<Incoming>, Verdict>> {
        let mut found = Vec::new();
        for Cited {
            address,
            tip,
            known,
        } in cited
        {
            let (mut records, rewritten) = match self.store.records(tip, known.as_deref())? {
                Ok(read) => read,
                Err(why) => {
                    let why = format!(
                        "it cites {tip} on {address}, which is not a chain of records: {why}"
                    );
                    return Ok(Err(Verdict::Broken(vec![why])));
                }
            };
            // Without answers, there is nothing to compare with.
            let judged = records
                .iter_mut()
                .filter_map(|received| Some((received, answers?)));
            for (received, answers) in judged {
                if let Err(verdict) = self.judge(view, received, answers, checked)? {
                    return Ok(Err(verdict));
                }
            }
            found.push(Incoming {
                address: address.clone(),
                tip: tip.clone(),
                records,
                rewritten,
            });
        }
        Ok(Ok(found))
    }

    /// Compares what the status says of a record with this clone: whether it was made for this status, and who signed it.
    fn judge(
        &self,
        view: &View,
        received: &mut Received,
        answers: &Answers,
        checked: &mut Checked,
    ) -> Result<std::result::Result<(), Verdict>> {
        let id = received.id.clone();
        if let Some(named) = &received.record.status {
            received.is_foreign = answers.foreign.contains(named);
            let line = view.status_tip.as_deref();
            let line = line.map(|tip| Line::behind(&self.store.repo, None, tip));
            let is_ours = match line.transpose()? {
                Some(mut line) => line.holds(named)?,
                None => Some(true),
            };
            if is_ours == Some(received.is_foreign) {
                let not = if received.is_foreign { "" } else { "not " };
                return Ok(Err(Verdict::Broken(vec![format!(
                    "{id} names status commit {named}, which does {not}belong to the history of this status"
                )])));
            }
            if is_ours.is_none() {
                checked.unknown.push(format!(
                    "cannot tell whether {named}, which {id} names, belongs to the history of this status: objects are missing here"
                ));
            }
        }
        if received.is_foreign {
            return Ok(Ok(()));
        }
        let own = self
            .store
            .signature(view, self.status.time(), &id, &received.record)?;
        checked.signatures += usize::from(own != Signature::Unchecked);
        match agreed(received, own, answers.signatures.get(&id)) {
            Ok(signature) => received.signature = signature,
            Err(verdict) => return Ok(Err(verdict)),
        }
        Ok(Ok(()))
    }

    /// The differences between what it claims and what follows, in sentences.
    fn compare(
        &self,
        expected: &BTreeMap<String, Option<FileBody>>,
        changed: &BTreeMap<String, Option<String>>,
        base: Option<&StatusReader<'_>>,
    ) -> Result<Vec<String>> {
        let repo = &self.store.repo;
        let commit = self.status.commit();
        let mut why = Vec::new();
        for (path, body) in expected {
            let follows = match body {
                None => None,
                Some(FileBody::Blob(id)) => Some(id.clone()),
                Some(FileBody::Text(text)) => Some(repo.blob_id(text.as_bytes())),
            };
            let claimed = match changed.get(path) {
                Some(claimed) => claimed.clone(),
                None => read::id_at(repo, commit.id(), path)?,
            };
            if claimed != follows {
                let follows = match body {
                    Some(FileBody::Text(text)) => Some(text.as_bytes().to_vec()),
                    _ => None,
                };
                why.extend(difference(path, commit.file(path)?, follows));
            }
        }
        let is_derived = |path: &str, id: &Option<String>| id.is_none() && path.starts_with('_');
        for (path, id) in changed {
            if expected.contains_key(path) || path == INPUTS_FILE || is_derived(path, id) {
                continue;
            }
            let before = base.map(|base| base.commit().file(path)).transpose()?;
            why.extend(difference(path, commit.file(path)?, before.flatten()));
        }
        // Most important first: phases, then the rest of resources, then what is derived from them.
        why.sort_by_key(
            |one| match (one.contains("phase is "), one.starts_with('`')) {
                (true, false) => 0,
                (false, false) => 1,
                _ => 2,
            },
        );
        let more = why.len().saturating_sub(TOLD);
        if more > 0 {
            why.truncate(TOLD);
            why.push(format!("and {more} more differences"));
        }
        Ok(why)
    }
}

/// The differences in one file; if it is not of a resource, only its path.
fn difference(path: &str, claimed: Option<Vec<u8>>, follows: Option<Vec<u8>>) -> Vec<String> {
    let name = key_at(path).map_or_else(|| format!("`{path}`"), |key| key.to_string());
    let (claimed, follows) = match (claimed, follows) {
        (Some(claimed), Some(follows)) => (claimed, follows),
        (Some(_), None) => return vec![format!("{name} exists, but does not follow")],
        (None, Some(_)) => return vec![format!("{name} follows, but is missing")],
        (None, None) => return vec![format!("{name} differs from the one that follows")],
    };
    let value = |bytes: &[u8]| serde_yaml::from_slice::<serde_json::Value>(bytes).ok();
    let told = match (value(&claimed), value(&follows)) {
        (Some(claimed), Some(follows)) if path.ends_with(".yaml") => {
            differences(&claimed, &follows)
        }
        _ => Vec::new(),
    };
    match told.as_slice() {
        [] => vec![format!("{name} differs from what follows")],
        told => told.iter().map(|one| format!("{name}: {one}")).collect(),
    }
}

/// The signature of a record, if the status and this clone agree.
fn agreed(
    received: &Received,
    own: Signature,
    said: Option<&SignatureVerdict>,
) -> std::result::Result<Signature, Verdict> {
    let id = &received.id;
    // If no program could verify it then, it did not count, whatever this clone finds.
    if let Some(SignatureVerdict {
        bad: Some((reason, why)),
        ..
    }) = said
        && reason == NO_VERIFIER
    {
        return Ok(Signature::Bad(NO_VERIFIER, why.clone()));
    }
    let by = |principal: &str, key: &str| format!("signed by {principal} with {key}");
    let found = match &own {
        Signature::Unchecked => "not asked for".to_owned(),
        Signature::Good(good) => by(&good.principal, &good.key),
        // No program can verify it here.
        Signature::Bad(NO_VERIFIER, why) => {
            let why = format!("the signature of {id} cannot be checked: {why}");
            return Err(Verdict::Unknown(why));
        }
        Signature::Bad(reason, _) => format!("not good ({reason})"),
    };
    let claimed = match said {
        None => "not asked for".to_owned(),
        Some(SignatureVerdict {
            bad: Some((reason, _)),
            ..
        }) => format!("not good ({reason})"),
        Some(SignatureVerdict { principal, key, .. }) => by(
            principal.as_deref().unwrap_or_default(),
            key.as_deref().unwrap_or_default(),
        ),
    };
    if claimed != found {
        return Err(Verdict::Broken(vec![format!(
            "the signature of {id} by {} is recorded as {claimed}, but is {found}",
            received.record.actor
        )]));
    }
    let words = said.and_then(|said| said.bad.clone());
    Ok(match (own, words) {
        // The message of the program that verified it then.
        (Signature::Bad(reason, _), Some((_, why))) => Signature::Bad(reason, why),
        (own, _) => own,
    })
}
