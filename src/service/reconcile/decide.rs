//! Reads what a decision needs, and lets the core decide: only about what may change if that is enough, else about
//! everything.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::inbox::{self, Inbox};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::digest::short;
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Deciding;
use crate::core::repository::definitions::Elsewhere;
use crate::core::repository::facts::Facts;
use crate::core::repository::index::{Damaged, Index, Pages};
use crate::core::repository::reach::FileChange;
use crate::core::repository::snapshot::{Snapshot, manifests_with};
use crate::core::resource::{Key, Kind, SignedBy, Time};
use crate::core::run::archive::Archived;
use crate::core::run::asked::Answers;
use crate::core::run::partial::{self, Blobs, Change, Partial, Reader};
use crate::core::run::reconcile::{self as core, Inputs, Reconciliation};
use crate::core::run::record::NOT_APPLIED;
use crate::core::run::status::{ControllerState, DECISIONS, StatusFile, StatusTree};
use crate::core::run::summary::lookup::Lookup;
use crate::git::read::{self, FoundFile, Paths, Tree};
use crate::git::{Repo, authors, signature};
use crate::service::index::{self, Trouble};
use crate::service::left;
use crate::service::runs;
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};
use crate::service::touched;
use crate::service::{Error, Result, revision};

/// Maximum number of errors in resources that are listed.
const ERRORS_SHOWN: usize = 50;

/// The input of a decision.
pub(super) struct Question<'a> {
    pub store: &'a Store,
    pub view: &'a View,
    /// The present status, if there is one.
    pub status: Option<&'a StatusReader<'a>>,
    /// The time to use as now.
    pub now: Time,
    /// The recorded answers, if a decision is repeated; otherwise this clone is asked.
    pub told: Option<&'a Told>,
}

/// The answers and records of an earlier decision.
pub struct Told {
    /// The answers.
    pub answers: Answers,
    /// The records, and the refused refs.
    pub inbox: Inbox,
}

/// A decision with its context.
pub(super) struct Decided {
    /// The decision. Its tree has only the statuses that were examined.
    pub decision: Reconciliation,
    /// The status before, as far as it was examined.
    pub old: Option<StatusTree>,
    /// How many inbox refs are left to the next reconcile.
    pub left: usize,
}

/// The parts of the present status that every decision needs.
struct Standing<'a> {
    controller: ControllerState,
    lines: Lookup<'a, StatusReader<'a>>,
}

impl<'a> Standing<'a> {
    fn of(status: &'a StatusReader<'a>) -> Result<Standing<'a>> {
        let controller = status.controller()?;
        let lines = status.lines(&controller)?;
        Ok(Standing { controller, lines })
    }
}

impl Question<'_> {
    /// Decides. With `full`, everything is examined, and the result must be the same.
    ///
    /// # Errors
    /// Something cannot be read, or the two results differ.
    pub fn decide(&self, full: bool) -> Result<Decided> {
        let standing = self.status.map(Standing::of).transpose()?;
        if let Some(standing) = &standing {
            decided_by_us(&standing.controller)?;
        }
        let lines = standing.as_ref().map(|standing| &standing.lines);
        let standing = standing.as_ref();
        if let Some(Told { answers, inbox }) = self.told {
            return self.decide_knowing(standing, (inbox, answers.history_rewritten), full);
        }
        let controller = standing.map(|standing| &standing.controller);
        let inbox = inbox::read(self, controller, lines)?;
        let rewritten = match self.is_rewritten(standing)? {
            Some(rewritten) => rewritten,
            // Only a decision that deletes something needs to know.
            None => {
                let decided = self.decide_knowing(standing, (&inbox, false), full)?;
                if !deletes(&decided) {
                    return Ok(decided);
                }
                self.is_rewritten_behind(standing)?
            }
        };
        self.decide_knowing(standing, (&inbox, rewritten), full)
    }

    /// Decides, once it is known whether history was rewritten.
    fn decide_knowing(
        &self,
        standing: Option<&Standing<'_>>,
        (inbox, rewritten): (&Inbox, bool),
        full: bool,
    ) -> Result<Decided> {
        let partial = match standing {
            Some(standing) if !rewritten => self.in_part(standing, inbox)?,
            _ => None,
        };
        match partial {
            Some(partial) if !full => self.told_in_part(partial, inbox),
            partial => {
                let decided = self.in_whole(inbox, rewritten)?;
                if let Some((partial, old)) = partial.zip(decided.old.as_ref()) {
                    same(&partial, old, &decided.decision)?;
                }
                Ok(decided)
            }
        }
    }

    /// Whether the last observed commit is no longer part of the spec branch. `None` if this clone is too shallow to
    /// tell.
    fn is_rewritten(&self, standing: Option<&Standing<'_>>) -> Result<Option<bool>> {
        let (store, view) = (self.store, self.view);
        let Some(standing) = standing else {
            return Ok(Some(false));
        };
        let observed = &standing.controller.observed_commit;
        if *observed == view.spec_commit {
            return Ok(Some(false));
        }
        // It may only not be fetched yet; if the remote does not have it either, history was rewritten.
        if !store.has_or_fetches(observed) {
            return Ok(Some(true));
        }
        let is_part = store.repo.is_ancestor(observed, &view.spec_commit)?;
        if !is_part && store.repo.is_shallow() {
            return Ok(None);
        }
        Ok(Some(!is_part))
    }

    /// The same, deepening the history until it is known. If it cannot be known, history counts as rewritten, so that
    /// nothing is deleted.
    fn is_rewritten_behind(&self, standing: Option<&Standing<'_>>) -> Result<bool> {
        let Some(standing) = standing else {
            return Ok(false);
        };
        let observed = &standing.controller.observed_commit;
        let is_part = self.store.is_merged(self.view, observed);
        Ok(!is_part.unwrap_or_else(|error| {
            tracing::debug!(
                error = error.message,
                "it is unknown whether history was rewritten"
            );
            false
        }))
    }

    /// Examines everything.
    fn in_whole(&self, inbox: &Inbox, history_rewritten: bool) -> Result<Decided> {
        let (store, view) = (self.store, self.view);
        let stored = store.status(view)?;
        let files = store.files(&view.spec_commit, &view.config)?;
        // A reconcile needs only the digests of the raw specs.
        let parsed = manifests_with(&files, &view.config, |_, read| read.digest_raw_specs());
        let parsed = parsed.into_iter().map(|(read, ())| read).collect();
        let snapshot = Snapshot::assemble(&files, parsed, Elsewhere::default(), &view.config);
        let mut pinned = stored
            .as_ref()
            .map_or_else(Blobs::new, |stored| stored.pinned.clone());
        for file in &files {
            if let Content::Bytes(bytes) = &file.content {
                pinned
                    .entry(file.blob.clone())
                    .or_insert_with(|| bytes.clone());
            }
        }
        let old = stored.as_ref().map(|stored| &stored.tree);
        let left = self.left(old, |key| !snapshot.definitions(key).is_empty())?;
        let branch = SpecBranch::of(self);
        let mut decision = core::reconcile(&Inputs {
            snapshot: &snapshot,
            config: &view.config,
            commit: &view.spec_commit,
            history_rewritten,
            left: &left,
            old,
            only: None,
            authors: &|commit, path| self.authors(commit, path),
            pinned: &pinned,
            incoming: &inbox.incoming,
            refused: &inbox.refused,
            artifact: &|path, text| branch.has(path, text),
            merged: &|commit| branch.holds(commit),
            touched: &|commit| branch.touches(commit),
            listed: &|by, arrival| branch.lists(by, arrival),
            now: self.now,
        });
        branch.end()?;
        let old = stored.map(|stored| stored.tree);
        decision.notes.extend(inbox.notes.iter().cloned());
        decision
            .notes
            .extend(not_applied(old.as_ref(), &decision.tree));
        let is_said = decision.tree.controller.rewritten_at.is_some();
        if snapshot.is_empty() && !is_said {
            decision.notes.push(format!(
                "no resources found below {} at {}",
                view.config.paths.join(", "),
                short(&view.spec_commit)
            ));
        }
        let has_gate = || Ok(snapshot.keys_of(Kind::Gate).next().is_some());
        decision.notes.extend(self.no_key(has_gate)?);
        decision.notes.extend(errors_of(&snapshot, |_| true));
        Ok(Decided {
            decision,
            old,
            left: inbox.left,
        })
    }

    /// The new files of resources that are no longer found, but have only left the configured paths since the status
    /// was written.
    fn left(
        &self,
        old: Option<&StatusTree>,
        is_found: impl Fn(&Key) -> bool,
    ) -> Result<BTreeMap<Key, String>> {
        let Some(old) = old else {
            return Ok(BTreeMap::new());
        };
        let files = old.files.iter().filter(|(_, file)| file.deleted.is_none());
        let gone = files.map(|(key, _)| key).filter(|key| !is_found(key));
        self.left_of(&old.controller.observed_commit, &gone.cloned().collect())
    }

    fn left_of(&self, observed: &str, gone: &BTreeSet<Key>) -> Result<BTreeMap<Key, String>> {
        let (repo, view) = (&self.store.repo, self.view);
        if let Some(told) = self.told {
            let path = |key: &Key| told.answers.left.get(&key.to_string()).cloned();
            let left = gone
                .iter()
                .filter_map(|key| Some((key.clone(), path(key)?)));
            return Ok(left.collect());
        }
        if gone.is_empty() || observed == view.spec_commit || !repo.has_object(observed) {
            return Ok(BTreeMap::new());
        }
        let change = left::Change {
            repo,
            from: observed,
            to: Tree::Commit(&view.spec_commit),
            config: &view.config,
        };
        change.left(gone)
    }

    /// Examines only what may change; `None` if everything must be examined.
    fn in_part(&self, standing: &Standing<'_>, inbox: &Inbox) -> Result<Option<Partial>> {
        let (repo, view) = (&self.store.repo, self.view);
        let observed = &standing.controller.observed_commit;
        if !partial::may_be_partial(&standing.controller) || !repo.has_object(observed) {
            return Ok(None);
        }
        let Some(status) = self.status else {
            return Ok(None);
        };
        let is_configured_so = self.store.config_at(observed);
        if is_configured_so.ok().as_ref() != Some(&view.config) {
            return Ok(None);
        }
        if !self.has_the_same_keys(observed)? {
            return Ok(None);
        }
        let paths = revision::paths(&view.config)?;
        // This clone may lack objects of the observed commit, which is not an error.
        let Ok(before) = self.files_before(observed, &paths) else {
            return Ok(None);
        };
        index::of_commit(repo, &view.spec_commit, &view.config, |index| {
            let gone = no_longer_defined(index, &before)?;
            if !self.left_of(observed, &gone)?.is_empty() {
                return Ok(None);
            }
            let branch = SpecBranch::of(self);
            let reader = CommitReader {
                repo,
                paths: &paths,
                status,
                known: RefCell::default(),
            };
            let change = Change {
                index,
                before: &before,
                config: &view.config,
                commit: &view.spec_commit,
                old: &standing.controller,
                lines: &standing.lines,
                incoming: &inbox.incoming,
                refused: &inbox.refused,
                authors: &|commit, path| self.authors(commit, path),
                artifact: &|path, text| branch.has(path, text),
                merged: &|commit| branch.holds(commit),
                touched: &|commit| branch.touches(commit),
                listed: &|by, arrival| branch.lists(by, arrival),
                now: self.now,
            };
            let found = partial::reconcile(&change, &reader)?;
            branch.end()?;
            Ok(found)
        })
    }

    /// Whether a commit lists the same keys as the spec commit, if decisions must be signed.
    fn has_the_same_keys(&self, commit: &str) -> Result<bool> {
        let (repo, view) = (&self.store.repo, self.view);
        let approvals = &view.config.approvals;
        if approvals.require_signed.is_empty() {
            return Ok(true);
        }
        for path in [approvals.signers_file(), signature::KEYS_FOLDER] {
            let [before, now] =
                [commit, &view.spec_commit].map(|commit| read::object_at(repo, commit, path));
            if before? != now? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The files that differ in the observed commit, as they are there.
    fn files_before(&self, observed: &str, paths: &Paths) -> Result<Vec<FileChange>> {
        let (repo, view) = (&self.store.repo, self.view);
        let [now, before] = [&view.spec_commit, observed].map(|commit| read::tree_of(repo, commit));
        let differ = read::tree_changes(repo, Some(&now?), &before?, paths)?;
        let (versions, files) = index::read_changes(repo, paths, differ)?;
        let parsed = manifests_with(&files, &view.config, |file, manifest| {
            Facts::of(manifest, &file.content)
        });
        let names = files.iter().map(|file| file.path.as_str());
        let facts = names.zip(parsed.into_iter().map(|(_, facts)| facts));
        Ok(index::file_changes(versions, facts.collect()))
    }

    /// The decision after examining only what may change, with its notes.
    fn told_in_part(&self, partial: Partial, inbox: &Inbox) -> Result<Decided> {
        let Partial {
            mut decision,
            old,
            snapshot,
            judged,
        } = partial;
        decision.notes.extend(inbox.notes.iter().cloned());
        decision
            .notes
            .extend(not_applied(Some(&old), &decision.tree));
        let (repo, view) = (&self.store.repo, self.view);
        let has_gate = || {
            let gates = index::all_of(repo, &view.spec_commit, &view.config, Kind::Gate);
            gates.map(|gates| !gates.is_empty())
        };
        decision.notes.extend(self.no_key(has_gate)?);
        let is_judged = |finding: &Diagnostic| {
            finding
                .resource
                .as_ref()
                .is_some_and(|key| judged.contains(key))
        };
        decision.notes.extend(errors_of(&snapshot, is_judged));
        Ok(Decided {
            decision,
            old: Some(old),
            left: inbox.left,
        })
    }

    fn authors(&self, commit: &str, path: &str) -> std::result::Result<BTreeSet<String>, String> {
        let told = self
            .told
            .and_then(|told| told.answers.authors_of(commit, path));
        told.unwrap_or_else(|| {
            let found = authors::of_file(&self.store.repo, commit, path);
            found.map_err(|why| why.to_string())
        })
    }

    /// A note if a gate needs signed approvals, but no key could sign one.
    fn no_key(&self, has_gate: impl Fn() -> Result<bool>) -> Result<Option<String>> {
        let approvals = &self.view.config.approvals;
        let required = &approvals.require_signed;
        let Some(what) = required.iter().next() else {
            return Ok(None);
        };
        let file = approvals.signers_file();
        let commit = Tree::Commit(&self.view.spec_commit);
        // Without reviews, approvals need no keys.
        let others = required.iter().any(|what| what != Deciding::Reviews);
        if signature::lists_a_key(&self.store.repo, commit, file)? || !(others || has_gate()?) {
            return Ok(None);
        }
        let what = match what {
            Deciding::Reviews => "approvals",
            other => other.word(),
        };
        Ok(Some(format!(
            "{what} must be signed, but the spec branch lists no key: none counts until `{file}` \
             has a line, or `{}` has a file",
            signature::KEYS_FOLDER
        )))
    }
}

/// The resources that the changed files defined, and no file does now.
fn no_longer_defined<P: Pages>(
    index: &Index<P>,
    before: &[FileChange],
) -> std::result::Result<BTreeSet<Key>, Damaged> {
    let mut gone = BTreeSet::new();
    for file in before {
        let now = index.row(&file.path)?.map(|row| row.facts);
        let now: BTreeSet<Key> = now.iter().flat_map(Facts::keys).collect();
        let was = file.now.iter().flat_map(|(_, facts)| facts.keys());
        for key in was.filter(|key| !now.contains(key)) {
            let definers = index.definers_of(&key.qualified())?;
            if !definers.iter().any(|one| one.key().as_ref() == Some(&key)) {
                gone.insert(key);
            }
        }
    }
    Ok(gone)
}

/// Whether a decision deletes something.
fn deletes(decided: &Decided) -> bool {
    let now = &decided.decision.tree.files;
    let before = decided.old.iter().flat_map(|old| &old.files);
    let mut there = before.filter(|(_, file)| file.deleted.is_none());
    there.any(|(key, _)| now.get(key).is_none_or(|file| file.deleted.is_some()))
}

/// Refuses a status with decisions that this version of the program does not know.
fn decided_by_us(controller: &ControllerState) -> Result {
    let decisions = controller.decisions;
    if decisions <= DECISIONS {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the status was written by a newer planspec (version {decisions} of its decisions; this \
         program has {DECISIONS}): nothing was written"
    ))
    .hint("upgrade planspec here and in CI"))
}

/// Checks that examining only what may change gives the same result as examining everything.
fn same(partial: &Partial, old: &StatusTree, whole: &Reconciliation) -> Result {
    match partial.differs_from(whole, old) {
        None => Ok(()),
        Some(what) => Err(Error::unavailable(format!(
            "nothing was written: an incremental and a full reconcile give different results for \
             {what}, which is a bug in planspec"
        ))
        .hint(
            "please report it, with the commits of the spec branch and of the status branch if you may \
             share them",
        )),
    }
}

/// The content of the spec branch; an error is kept until the end.
struct SpecBranch<'a> {
    store: &'a Store,
    view: &'a View,
    told: Option<&'a Answers>,
    error: RefCell<Option<Error>>,
}

impl<'a> SpecBranch<'a> {
    fn of(question: &Question<'a>) -> SpecBranch<'a> {
        SpecBranch {
            store: question.store,
            view: question.view,
            told: question.told.map(|told| &told.answers),
            error: RefCell::default(),
        }
    }

    /// Whether a file exists, and contains a pattern.
    fn has(&self, path: &str, text: Option<&str>) -> bool {
        let told = self.told.and_then(|told| told.has_artifact(path, text));
        told.unwrap_or_else(|| {
            let found = read::has_artifact(&self.store.repo, &self.view.spec_commit, path, text);
            self.answer(found.map_err(Error::from))
        })
    }

    /// Whether a commit is part of the branch.
    fn holds(&self, commit: &str) -> bool {
        let told = self.told.and_then(|told| told.merged.get(commit).copied());
        told.unwrap_or_else(|| self.answer(self.store.is_merged(self.view, commit)))
    }

    /// The paths that a commit outside the branch changes.
    fn touches(&self, commit: &str) -> std::result::Result<BTreeSet<String>, String> {
        let told = self.told.and_then(|told| told.paths_of(commit));
        told.unwrap_or_else(|| touched::touched(self.store, self.view, commit))
    }

    /// Whether it lists the key of a signature that arrived at a given time.
    fn lists(&self, by: &SignedBy, arrival: Time) -> bool {
        let told = self.told.and_then(|told| told.lists_key(by, arrival));
        told.unwrap_or_else(|| {
            let listed = self.store.verifier(self.view, arrival).lists(by);
            self.answer(listed.map_err(Error::from))
        })
    }

    fn answer(&self, found: Result<bool>) -> bool {
        found.unwrap_or_else(|error| {
            self.error.replace(Some(error));
            false
        })
    }

    fn end(self) -> Result {
        match self.error.into_inner() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Reads files of one commit and statuses of another, on demand.
struct CommitReader<'a> {
    repo: &'a Repo,
    paths: &'a Paths,
    status: &'a StatusReader<'a>,
    /// The statuses that were read.
    known: RefCell<BTreeMap<Key, Option<StatusFile>>>,
}

impl Reader for CommitReader<'_> {
    type Error = Trouble;

    fn files(
        &self,
        files: &BTreeMap<String, String>,
    ) -> std::result::Result<Vec<SourceFile>, Trouble> {
        let found = files.iter();
        let found = found.filter_map(|(path, version)| FoundFile::at(path, version));
        Ok(read::read(self.repo, found, self.paths)?)
    }

    fn statuses(
        &self,
        keys: &BTreeSet<Key>,
    ) -> std::result::Result<(BTreeMap<Key, StatusFile>, Blobs), Trouble> {
        let mut known = self.known.borrow_mut();
        let unread = keys.iter().filter(|key| !known.contains_key(key));
        let unread: BTreeSet<Key> = unread.cloned().collect();
        let mut read = self.status.files(&unread)?;
        for key in unread {
            let file = read.remove(&key);
            known.insert(key, file);
        }
        let files = keys
            .iter()
            .filter_map(|key| Some((key.clone(), known.get(key)?.clone()?)));
        let files: BTreeMap<Key, StatusFile> = files.collect();
        let pinned = self.status.pinned(files.values())?;
        Ok((files, pinned))
    }

    fn archived(&self, keys: &BTreeSet<Key>) -> std::result::Result<Archived, Trouble> {
        Ok(self.status.archived(keys)?)
    }
}

/// The errors of the selected resources, one line each.
fn errors_of(snapshot: &Snapshot, is_meant: impl Fn(&Diagnostic) -> bool) -> Vec<String> {
    let errors = snapshot.diagnostics().iter().filter(|f| f.is_error());
    let errors = errors.filter(|finding| is_meant(finding));
    let mut lines: Vec<String> = errors.map(|finding| snapshot.line(finding)).collect();
    let more = lines.len().saturating_sub(ERRORS_SHOWN);
    if more > 0 {
        lines.truncate(ERRORS_SHOWN);
        lines.push(format!(
            "and {more} more errors: `planspec validate` shows them"
        ));
    }
    lines
}

/// The records that could not be applied this time, with the reasons.
pub(super) fn not_applied(before: Option<&StatusTree>, after: &StatusTree) -> Vec<String> {
    let known = runs::by_uid(before);
    let mut notes = Vec::new();
    for (uid, run) in runs::by_uid(Some(after)) {
        let old = known
            .get(uid)
            .map(|run| run.extensions.unapplied.as_slice());
        let new = run.extensions.unapplied.iter();
        for note in new.filter(|note| !old.unwrap_or_default().contains(note)) {
            notes.push(format!(
                "{NOT_APPLIED}{} by {} ({}): {}",
                note.action, note.actor, note.ref_name, note.message
            ));
        }
    }
    notes
}
