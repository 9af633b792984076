//! The status of some resources: each file is read by its path, and none that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::index::{KeptIndex, Trouble};
use super::names::Named;
use super::store::{Store, StoredStatus, View};
use super::{Error, Result};
use crate::core::repository::facts::Facts;
use crate::core::repository::index::Row;
use crate::core::resource::{ExecutionStatus, Key, Kind, Status};
use crate::core::run::status::{
    CONTROLLER_FILE, FORMAT_VERSION, StatusTree, key_at, pinned_path, read_resource, status_folder,
    status_path,
};
use crate::git::Repo;
use crate::git::read::{self, PathChange, Paths};
use crate::git::status_branch::StatusCommit;

/// A status commit, of which only what is asked for is read.
pub struct StatusReader<'r> {
    repo: &'r Repo,
    commit: StatusCommit<'r>,
}

impl<'r> StatusReader<'r> {
    /// The status that a view points to, if there is one.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn open(store: &'r Store, view: &View) -> Result<Option<StatusReader<'r>>> {
        let tip = view.status_tip.as_deref();
        tip.map(|tip| StatusReader::at(&store.repo, tip))
            .transpose()
    }

    /// The status at a tip.
    ///
    /// # Errors
    /// It is not ours, or it cannot be read.
    pub fn at(repo: &'r Repo, tip: &str) -> Result<StatusReader<'r>> {
        let commit = StatusCommit::open(repo, tip)?;
        Ok(StatusReader { repo, commit })
    }

    /// The resources that a name may mean: one in each namespace that has it.
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

    /// The resources of a kind, of all kinds when none is given, in a namespace or in all.
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

    /// The executions that are not over.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_runs(&self) -> Result<BTreeSet<Key>> {
        self.runs_with(OPEN, |line| line == open_line())
    }

    /// The executions that began on these plans, gates and goals, also those that are over.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn runs_pinned_to<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<BTreeSet<Key>> {
        let mut found = BTreeSet::new();
        for key in keys {
            let line = pinned_line(key);
            found.extend(self.runs_with(&key.name, |what| what == line)?);
        }
        Ok(found)
    }

    /// The executions that began with a gate of this name, in whatever namespace it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn runs_with_gate(&self, name: &str) -> Result<BTreeSet<Key>> {
        let ending = format!(" {}", Kind::Gate);
        self.runs_with(name, |line| line.ends_with(&ending))
    }

    /// The executions of which the index of the status has such a line.
    fn runs_with(&self, word: &str, is_meant: impl Fn(&str) -> bool) -> Result<BTreeSet<Key>> {
        let paths = Paths::new(["*/executions/*/*.yaml"], usize::MAX);
        let paths = paths.map_err(Error::unavailable)?;
        let kept = KeptIndex {
            repo: self.repo,
            name: "status-index",
            key: FORMAT_VERSION.to_string(),
            paths: &paths,
            rows: &|_, changes| self.rows(changes),
        };
        kept.look(&self.commit.tree(), |index| {
            let referrers = index.referrers(word)?.into_iter();
            let meant = referrers.filter(|by| is_meant(&by.what));
            Ok(meant.filter_map(|by| key_at(&by.path)).collect())
        })
    }

    /// What the index of the status knows of changed files.
    fn rows(
        &self,
        changes: Vec<PathChange>,
    ) -> std::result::Result<BTreeMap<String, Option<Row>>, Trouble> {
        let mut rows = BTreeMap::new();
        for (path, found) in changes {
            let row = match found {
                None => None,
                Some(found) => {
                    let bytes = read::blob(self.repo, &found.blob())?;
                    let (_, file) = read_resource(&path, &bytes).map_err(foreign)?;
                    Some(Row {
                        version: found.version(),
                        findings: String::new(),
                        facts: Facts::stored("", &facts_of(&file.status), ""),
                    })
                }
            };
            rows.insert(path, row);
        }
        Ok(rows)
    }

    /// The status of these resources, and what their runs are pinned to.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, keys: &BTreeSet<Key>) -> Result<StoredStatus> {
        let paths = keys.iter().map(status_path);
        let mut files = BTreeMap::new();
        for path in paths.chain([CONTROLLER_FILE.to_owned()]) {
            if let Some(bytes) = self.commit.file(&path)? {
                files.insert(path, bytes);
            }
        }
        let mut tree = tree_of(&files, BTreeSet::new())?;
        let mut pinned = BTreeMap::new();
        for id in tree.files.values().flat_map(|file| pins(&file.status)) {
            if let Some(bytes) = self.commit.file(&pinned_path(id))? {
                pinned.insert(id.to_owned(), Arc::from(bytes));
            }
        }
        tree.pinned = pinned.keys().cloned().collect();
        Ok(StoredStatus {
            tree,
            pinned,
            time: self.commit.time,
        })
    }

    /// The whole status.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn whole(self) -> Result<StoredStatus> {
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

/// The name under which the index of the status has every execution that is not over.
const OPEN: &str = "open";

/// What the index of the status knows of an execution, a line each.
fn facts_of(status: &Status) -> String {
    let Some(run) = status.execution() else {
        return String::new();
    };
    let is_open = !run.phase.is_terminal();
    let mut lines: Vec<String> = is_open.then(open_line).into_iter().collect();
    if let Some(pinned) = &run.extensions.pinned {
        lines.push(pinned_line(&pinned.plan.key(Kind::Plan)));
        let gates = pinned.gates.values().map(|pin| pin.key(Kind::Gate));
        lines.extend(gates.map(|gate| pinned_line(&gate)));
        let goal = pinned.goal.iter().map(|pin| pin.key(Kind::Goal));
        lines.extend(goal.map(|goal| pinned_line(&goal)));
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

fn open_line() -> String {
    format!("run {OPEN}")
}

fn pinned_line(key: &Key) -> String {
    format!("run {} {}", key.qualified(), key.kind)
}

fn foreign(why: String) -> Error {
    Error::unavailable(format!("the status branch cannot be read: {why}"))
        .hint("somebody else wrote to it; look at it with `git log` and `git show`")
}

fn tree_of(files: &BTreeMap<String, Vec<u8>>, pinned: BTreeSet<String>) -> Result<StatusTree> {
    let files = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    StatusTree::from_files(files, pinned).map_err(foreign)
}

/// Ids of the blobs that a run is pinned to.
fn pins(status: &Status) -> impl Iterator<Item = &str> {
    let run: Option<&ExecutionStatus> = match status {
        Status::Execution(run) => Some(run),
        _ => None,
    };
    let pinned = run.and_then(|run| run.extensions.pinned.as_ref());
    pinned.into_iter().flat_map(|pinned| pinned.blobs())
}
