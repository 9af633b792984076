//! Reads the status of some resources: each file by its path, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::names::Named;
use super::store::{Store, StoredStatus, View};
use super::{Error, Fault, Result};
use crate::core::repository::snapshot::WORTH_SHARING;
use crate::core::resource::{ExecutionStatus, Key, Kind, Status, Time};
use crate::core::run::archive::{ARCHIVE_DIR, Archived};
use crate::core::run::asked::{Answers, INPUTS_FILE, read_answers};
use crate::core::run::partial::Blobs;
use crate::core::run::status::{
    CONTROLLER_FILE, ControllerState, FORMAT_VERSION, StatusFile, StatusTree, key_at, newer_layout,
    pinned_path, read_resource, status_folder, status_path,
};
use crate::core::run::summary::lines::{
    OUTLINE_FILE, SUMMARY_DIR, Shard, Summaries, read_outline, shard_path,
};
use crate::core::run::summary::lookup::{Lookup, Shards};
use crate::core::run::summary::outline::Outline;
use crate::core::run::summary::{Aside, Summary};
use crate::git::read;
use crate::git::status_branch::{self, StatusCommit};
use crate::git::{Cache, GitError, Repo};

/// Cache entry with the status commit that was checked last.
const CHECKED_NOTE: &str = "status-checked";

/// A status commit that is read on demand.
pub struct StatusReader<'r> {
    repo: &'r Repo,
    commit: StatusCommit<'r>,
}

impl<'r> StatusReader<'r> {
    /// The status in a view, if there is one.
    ///
    /// # Errors
    /// planspec did not write it, a newer one did, or it cannot be read.
    pub fn open(store: &'r Store, view: &View) -> Result<Option<StatusReader<'r>>> {
        let Some(tip) = &view.status_tip else {
            return Ok(None);
        };
        let status = StatusReader::at(&store.repo, tip)?;
        status.controller_text()?;
        Ok(Some(status))
    }

    /// The last fetched status, if there is one.
    ///
    /// # Errors
    /// A ref is damaged; planspec did not write the status, or it cannot be read.
    pub fn known(store: &'r Store) -> Result<Option<StatusReader<'r>>> {
        match store.known_if_any()? {
            Some(view) => StatusReader::open(store, &view),
            None => Ok(None),
        }
    }

    /// The id of the commit.
    pub fn id(&self) -> &str {
        self.commit.id()
    }

    /// The status at a tip.
    ///
    /// # Errors
    /// planspec did not write it, or it cannot be read.
    pub fn at(repo: &'r Repo, tip: &str) -> Result<StatusReader<'r>> {
        let commit =
            StatusCommit::open(repo, tip).map_err(|error| written_otherwise(repo, tip, error))?;
        Ok(StatusReader { repo, commit })
    }

    /// The resources that a name matches: one in each namespace that has it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn named(&self, named: &Named) -> Result<BTreeSet<Key>> {
        let (namespace, name) = named.parts()?;
        let namespaces = match namespace {
            Some(one) => vec![one.to_owned()],
            None => self.commit.namespaces()?,
        };
        let mut found = BTreeSet::new();
        for namespace in namespaces {
            let key = Key::new(named.kind, &namespace, name);
            if self.commit.file(&status_path(&key))?.is_some() {
                found.insert(key);
            }
        }
        Ok(found)
    }

    /// The resource with a name.
    ///
    /// # Errors
    /// There is none, or there are several; the status cannot be read.
    pub fn find(&self, named: &Named) -> Result<Key> {
        let found = self.named(named)?;
        if let Ok(key) = named.among(found.iter()) {
            return Ok(key.clone());
        }
        // Look at all of the kind, to suggest one.
        let all = self.keys(Some(named.kind), None)?;
        named.among(all.iter()).cloned()
    }

    /// The same, or else the archived execution with the name.
    ///
    /// # Errors
    /// As [`StatusReader::find`].
    pub fn find_ever(&self, named: &Named) -> Result<Key> {
        if self.named(named)?.is_empty()
            && let Ok(key) = named.among(self.archived_as(named)?.iter())
        {
            return Ok(key.clone());
        }
        self.find(named)
    }

    /// The resources of a kind or of all kinds, in a namespace or in all.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn keys(&self, kind: Option<Kind>, namespace: Option<&str>) -> Result<BTreeSet<Key>> {
        let namespaces = match namespace {
            Some(one) => vec![one.to_owned()],
            None => self.commit.namespaces()?,
        };
        let kinds = Kind::ALL.into_iter();
        let kinds = kinds.filter(|one| kind.is_none_or(|kind| kind == *one));
        let mut found = BTreeSet::new();
        for kind in kinds {
            for namespace in &namespaces {
                let paths = self.commit.paths(&status_folder(kind, namespace))?;
                found.extend(paths.iter().filter_map(|path| key_at(path)));
            }
        }
        Ok(found)
    }

    /// Object id of the status of a resource, if it has one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn blob(&self, key: &Key) -> Result<Option<String>> {
        Ok(self.commit.blob(&status_path(key))?)
    }

    /// The time of the status.
    pub fn time(&self) -> Time {
        self.commit.time
    }

    /// The commit itself.
    pub fn commit(&self) -> &StatusCommit<'r> {
        &self.commit
    }

    /// Its sequence number.
    pub fn sequence(&self) -> u64 {
        self.commit.sequence
    }

    /// Checks what is new since the last check of this clone: the files that differ can be read, and are in their
    /// proper places. Without an earlier check, all places are checked.
    ///
    /// # Errors
    /// Somebody else wrote to it, or it cannot be read.
    pub fn check_news(&self) -> Result {
        let cache = Cache::new(self.repo);
        let tip = self.commit.id();
        let known = cache.load(CHECKED_NOTE);
        let known = known.and_then(|known| String::from_utf8(known).ok());
        if known.as_deref() == Some(tip) {
            return Ok(());
        }
        let changed = known.and_then(|known| read::changed_paths(self.repo, &known, tip).ok());
        let Some(changed) = changed else {
            let checked = self.commit.check_places();
            checked.map_err(|error| written_otherwise(self.repo, tip, error))?;
            remember(self.repo, tip);
            return Ok(());
        };
        for changed in changed.iter().filter(|changed| !changed.deleted) {
            let bytes = self.commit.file(&changed.path);
            let bytes = bytes.map_err(|error| written_otherwise(self.repo, tip, error))?;
            if key_at(&changed.path).is_some() {
                let bytes = bytes.unwrap_or_default();
                let read = read_resource(&changed.path, &bytes);
                read.map_err(|why| foreign(why).maybe_hint(way_back(self.repo, tip)))?;
            }
        }
        remember(self.repo, tip);
        Ok(())
    }

    /// The state of the controller.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn controller(&self) -> Result<ControllerState> {
        let controller = self.controller_text()?.into_iter();
        let controller = controller.map(|bytes| (CONTROLLER_FILE.to_owned(), bytes));
        Ok(tree_of(&controller.collect(), BTreeSet::new())?.controller)
    }

    /// The text of `controller.yaml`, if there is one and this program knows the layout.
    fn controller_text(&self) -> Result<Option<Vec<u8>>> {
        let text = self.commit.file(CONTROLLER_FILE)?;
        match text.as_deref().and_then(newer_layout) {
            Some(version) => Err(written_by_newer(self.commit.id(), version)),
            None => Ok(text),
        }
    }

    /// The summaries of executions.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn lines(&self, controller: &ControllerState) -> Result<Lookup<'_, Self>> {
        let known = if controller.has_summaries() {
            Summaries::unread(self.stored_outline()?)
        } else {
            self.lines_of_files()?
        };
        Ok(Lookup::new(known, self))
    }

    fn stored_outline(&self) -> Result<Outline> {
        let outline = self.commit.file(OUTLINE_FILE)?;
        let outline = outline.map(|bytes| read_outline(&bytes)).transpose();
        Ok(outline.map_err(foreign)?.unwrap_or_default())
    }

    /// Computes the summaries for a status that has none, or older ones, from its files.
    fn lines_of_files(&self) -> Result<Summaries> {
        let files = self.files(&self.keys(None, None)?)?;
        let lines = files.iter();
        let lines = lines.filter_map(|(key, file)| Summary::of(key, file, Aside::default()));
        Ok(Summaries::whole(lines))
    }

    /// The outline of all executions: what they need, and their progress.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn outline(&self, controller: &ControllerState) -> Result<Outline> {
        if controller.says_what_is_wanted() {
            self.stored_outline()
        } else {
            Ok(self.lines_of_files()?.outline)
        }
    }

    /// The recorded answers of the clone that decided; `None` in older statuses.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn answers(&self) -> Result<Option<Answers>> {
        let Some(bytes) = self.commit.file(INPUTS_FILE)? else {
            return Ok(None);
        };
        read_answers(&bytes).map(Some).map_err(foreign)
    }

    /// The open executions.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_runs(&self) -> Result<BTreeSet<Key>> {
        let lines = self.lines(&self.controller()?)?;
        let lines = lines.lines_where(|facts| facts.has_open)?;
        let open = lines.iter().filter(|line| line.open_run().is_some());
        Ok(open.map(|line| line.key()).collect())
    }

    /// The executions, open or finished, that are pinned to these plans, gates and goals.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn runs_pinned_to(&self, keys: &BTreeSet<Key>) -> Result<BTreeSet<Key>> {
        let lines = self.lines(&self.controller()?)?;
        let mut found = BTreeSet::new();
        for key in keys {
            let name = key.qualified();
            let users = lines.users(key)?.into_iter().filter(|line| {
                let run = line.run.as_ref();
                run.is_some_and(|run| match key.kind {
                    Kind::Plan => run.plan.as_ref() == Some(&name),
                    Kind::Gate => run.gates.contains(&name),
                    Kind::Goal => run.goal.as_ref().is_some_and(|goal| goal.name == name),
                    Kind::Execution | Kind::Capability | Kind::Binding => false,
                })
            });
            found.extend(users.map(|line| line.key()));
        }
        Ok(found)
    }

    /// The executions with a gate of this name, in any namespace.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn runs_with_gate(&self, name: &str) -> Result<BTreeSet<Key>> {
        let gates = self.commit.namespaces()?.into_iter();
        let gates = gates.map(|namespace| Key::new(Kind::Gate, namespace, name));
        self.runs_pinned_to(&gates.collect())
    }

    /// The status files of these resources, if they exist.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn files(&self, keys: &BTreeSet<Key>) -> Result<BTreeMap<Key, StatusFile>> {
        let mut texts = Vec::new();
        let paths: Vec<String> = keys.iter().map(status_path).collect();
        self.commit.have(&paths)?;
        for path in paths {
            if let Some(bytes) = self.commit.file(&path)? {
                texts.push((path, bytes));
            }
        }
        let read = |(path, bytes): &(String, Vec<u8>)| read_resource(path, bytes).map_err(foreign);
        if texts.len() < WORTH_SHARING {
            texts.iter().map(read).collect()
        } else {
            texts.par_iter().map(read).collect()
        }
    }

    /// What remains of these executions, if they are archived.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn archived<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Result<Archived> {
        let paths: BTreeSet<String> = keys.into_iter().map(Archived::path_of).collect();
        self.archived_at(paths)
    }

    /// The archived executions with a name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn archived_as(&self, named: &Named) -> Result<BTreeSet<Key>> {
        let (namespace, name) = named.parts()?;
        if named.kind != Kind::Execution {
            return Ok(BTreeSet::new());
        }
        let archived = match namespace {
            Some(namespace) => self.archived([&Key::new(Kind::Execution, namespace, name)])?,
            None => self.archived_at(self.commit.paths(ARCHIVE_DIR)?)?,
        };
        let keys = archived.iter().map(|one| one.key());
        let is_it = |key: &Key| {
            key.name == name && namespace.is_none_or(|namespace| key.namespace == namespace)
        };
        Ok(keys.filter(is_it).collect())
    }

    fn archived_at(&self, paths: impl IntoIterator<Item = String>) -> Result<Archived> {
        let paths: Vec<String> = paths.into_iter().collect();
        self.commit.have(&paths)?;
        let mut archived = Archived::default();
        for path in paths {
            let bytes = self.commit.file(&path)?.unwrap_or_default();
            archived.read(&path, &bytes).map_err(foreign)?;
        }
        Ok(archived)
    }

    /// The pinned blobs of runs, as far as they are kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn pinned<'f>(&self, files: impl IntoIterator<Item = &'f StatusFile>) -> Result<Blobs> {
        let mut pinned = Blobs::new();
        let ids: Vec<&str> = files
            .into_iter()
            .flat_map(|file| pins(&file.status))
            .collect();
        let paths: Vec<String> = ids.iter().map(|id| pinned_path(id)).collect();
        self.commit.have(&paths)?;
        for id in ids {
            if !pinned.contains_key(id)
                && let Some(bytes) = self.commit.file(&pinned_path(id))?
            {
                pinned.insert(id.to_owned(), Arc::from(bytes));
            }
        }
        Ok(pinned)
    }

    /// The status of these resources, with the pinned blobs of their runs.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, keys: &BTreeSet<Key>) -> Result<StoredStatus> {
        let files = self.files(keys)?;
        let pinned = self.pinned(files.values())?;
        Ok(StoredStatus {
            tree: StatusTree {
                controller: self.controller()?,
                files,
                pinned: pinned.keys().cloned().collect(),
                summaries: Summaries::default(),
                archived: Archived::default(),
            },
            pinned,
            time: self.commit.time,
        })
    }

    /// The status of these resources, with the outline of all.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn with_outline(&self, keys: &BTreeSet<Key>) -> Result<StatusTree> {
        Ok(StatusTree {
            controller: self.controller()?,
            files: self.files(keys)?,
            pinned: BTreeSet::new(),
            summaries: Summaries::unread(self.stored_outline()?),
            archived: Archived::default(),
        })
    }

    /// The whole status.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn whole(self) -> Result<StoredStatus> {
        self.controller_text()?;
        let branch = self.commit.whole()?;
        let ids: BTreeSet<String> = branch.pinned.into_values().collect();
        let mut pinned = BTreeMap::new();
        for id in &ids {
            pinned.insert(id.clone(), Arc::from(read::blob(self.repo, id)?));
        }
        Ok(StoredStatus {
            tree: tree_of(&branch.files, ids)?,
            pinned,
            time: branch.time,
        })
    }
}

impl Shards for StatusReader<'_> {
    type Error = Error;

    fn shard(&self, name: &str) -> Result<Shard> {
        let path = shard_path(name);
        // When one is needed, the others usually are too.
        self.commit.have_below(SUMMARY_DIR)?;
        let bytes = self.commit.file(&path)?.unwrap_or_default();
        Shard::read(&path, &bytes).map_err(foreign)
    }
}

/// Records that this clone knows a status commit to be valid.
pub fn remember(repo: &Repo, tip: &str) {
    Cache::new(repo).store(CHECKED_NOTE, tip.as_bytes());
}

/// Maximum number of status commits that are searched for a valid one.
pub const LOOKED_BACK: usize = 1000;

/// The error for a tip that is not as this program writes it.
fn written_otherwise(repo: &Repo, tip: &str, error: GitError) -> Error {
    if !matches!(error, GitError::Foreign(_)) {
        return error.into();
    }
    let controller = read::file_at(repo, tip, CONTROLLER_FILE);
    match controller
        .ok()
        .flatten()
        .and_then(|text| newer_layout(&text))
    {
        Some(version) => written_by_newer(tip, version),
        None => Error::from(error).maybe_hint(way_back(repo, tip)),
    }
}

fn written_by_newer(tip: &str, version: u64) -> Error {
    let error = Error::unsupported(format!(
        "the status was written by a newer planspec (version {version} of its layout; this program \
         knows versions up to {FORMAT_VERSION})"
    ));
    Error {
        fault: Some(Fault::Newer),
        ..error.hint(format!(
            "upgrade planspec here and in CI; `git log -1 {tip}` shows who wrote the status"
        ))
    }
}

fn way_back(repo: &Repo, tip: &str) -> Option<String> {
    let is_whole = |commit: &StatusCommit<'_>| {
        let status =
            StatusCommit::open(repo, commit.id()).map(|commit| StatusReader { repo, commit });
        status.is_ok_and(|status| status.whole().is_ok())
    };
    let last = status_branch::last_that(repo, tip, LOOKED_BACK, is_whole);
    let last = last.ok().flatten()?;
    Some(format!(
        "`git log {tip}` shows who wrote it; go back to the last commit that planspec wrote with \
         `planspec reconcile --restore {last}`"
    ))
}

fn foreign(why: String) -> Error {
    let error = Error::unavailable(format!("the status branch cannot be read: {why}"));
    Error {
        fault: Some(Fault::Foreign),
        ..error.hint("something else wrote to it; inspect it with `git log` and `git show`")
    }
}

fn tree_of(files: &BTreeMap<String, Vec<u8>>, pinned: BTreeSet<String>) -> Result<StatusTree> {
    let files = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    StatusTree::from_files(files, pinned).map_err(foreign)
}

/// The ids of the pinned blobs of a run.
fn pins(status: &Status) -> impl Iterator<Item = &str> {
    let run: Option<&ExecutionStatus> = match status {
        Status::Execution(run) => Some(run),
        _ => None,
    };
    let pinned = run.and_then(|run| run.extensions.pinned.as_ref());
    pinned.into_iter().flat_map(|pinned| pinned.blobs())
}
