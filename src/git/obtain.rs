//! What should be here and is not, got from where it comes.
//!
//! In a partial clone that is as it should be: Git gets such an object when it is asked for. Anywhere else a fetch was cut
//! off, or a disk was full for a moment: a commit is here, and what it holds is not. Git takes what a ref leads to for
//! whole, so it would never get that again by itself.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::id::{Id, parse_id};
use super::program::{Launch, Program};
use super::remote;
use super::{GitError, Repo, Result};

/// Where objects come from that are not here, for several threads at once.
pub(super) struct Origin {
    /// The remote that a partial clone gets objects from.
    promisor: Option<String>,
    fetched: Mutex<Fetched>,
}

/// What this process relies on.
#[derive(Default)]
struct Fetched {
    remote: String,
    ids: BTreeSet<String>,
    /// Whether all of it was got once more.
    again: bool,
}

impl Repo {
    /// These objects of a remote are taken for whole from here on: what turns out to be missing behind them is got again.
    pub fn rely_on(&self, remote: &str, ids: impl IntoIterator<Item = impl Into<String>>) {
        let Ok(mut fetched) = self.origin.fetched.lock() else {
            return;
        };
        if fetched.remote != remote {
            fetched.ids.clear();
            remote.clone_into(&mut fetched.remote);
        }
        fetched.ids.extend(ids.into_iter().map(Into::into));
    }

    /// Whether objects may be left on the remote until they are asked for.
    pub fn is_partial(&self) -> bool {
        self.origin.promisor.is_some()
    }

    /// Get what a partial clone lacks of these objects, by one call.
    ///
    /// # Errors
    /// As [`get_promised`].
    pub(super) fn have_all(&self, ids: &BTreeSet<Id>) -> Result<()> {
        let Some(promisor) = &self.origin.promisor else {
            return Ok(());
        };
        let mut absent = Vec::new();
        for &id in ids {
            if self.header(id)?.is_none() {
                absent.push(id);
            }
        }
        if absent.is_empty() {
            return Ok(());
        }
        get_promised(&self.launch, promisor, &absent)
    }

    /// Whether all is here that an object leads to, or that some ref leads to, of which Git has seen that.
    pub(super) fn is_whole(&self, id: &str) -> bool {
        // In memory nothing comes before what it holds.
        self.opened.memory().is_some() || is_whole(&self.launch, &format!("{id}\n--not\n--all\n"))
    }
}

/// So many commits behind a ref are looked through for what is missing: what a fetch that was cut off has brought as files
/// is less.
const LOOKED_THROUGH: &str = "--max-count=10000";

impl Repo {
    /// Of these objects, those of which something is missing that they lead to.
    ///
    /// # Errors
    /// `Unusable` when there is no `git`.
    pub fn not_whole<'i>(&self, ids: &[&'i str]) -> Result<Vec<&'i str>> {
        if ids.is_empty() || self.leads_on(ids)? {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for id in ids {
            if !self.leads_on(&[id])? {
                found.push(*id);
            }
        }
        Ok(found)
    }

    /// Unlike [`Repo::is_whole`], also behind what other refs lead to.
    fn leads_on(&self, ids: &[&str]) -> Result<bool> {
        let walked = Program::new(self, "rev-list")
            .args(["--objects", "--quiet", LOOKED_THROUGH])
            .args(["--exclude-promisor-objects", "--stdin"])
            .stdin(ids.iter().map(|id| format!("{id}\n")).collect::<String>())
            .run()?;
        Ok(walked.success())
    }

    /// The files of objects that are empty, as a machine leaves them that stopped before its disk had them: Git takes them for
    /// damaged, and fetches nothing in their place.
    pub fn empty_objects(&self) -> Vec<std::path::PathBuf> {
        let objects = self.common_dir().join("objects");
        let files = walkdir::WalkDir::new(objects).min_depth(2).max_depth(2);
        let files = files.into_iter().filter_map(std::result::Result::ok);
        let is_loose = |entry: &walkdir::DirEntry| {
            let folder = entry.path().parent().and_then(|folder| folder.file_name());
            entry.file_type().is_file() && folder.is_some_and(|folder| folder.len() == 2)
        };
        let is_empty =
            |entry: &walkdir::DirEntry| entry.metadata().is_ok_and(|file| file.len() == 0);
        let empty = files.filter(|entry| is_loose(entry) && is_empty(entry));
        empty.map(walkdir::DirEntry::into_path).collect()
    }

    /// Fetch everything behind an object, whatever of it is here.
    ///
    /// # Errors
    /// `Remote` when it cannot be reached, or does not have it.
    pub fn fetch_again(&self, remote: &str, id: &str) -> Result<()> {
        parse_id(id)?;
        remote::fetch_again(&self.launch, remote, id)
    }
}

/// Whether nothing is missing on the way from the one revisions to the others, each a line.
fn is_whole(launch: &Launch, revisions: &str) -> bool {
    let walked = Program::at(launch, "rev-list")
        .args([
            "--objects",
            "--quiet",
            "--exclude-promisor-objects",
            "--stdin",
        ])
        .stdin(revisions)
        .run();
    walked.is_ok_and(|walked| walked.success())
}

impl Origin {
    /// Of a repository that gets objects from this remote, if it is a partial clone.
    pub fn new(promisor: Option<String>) -> Origin {
        Origin {
            promisor,
            fetched: Mutex::default(),
        }
    }

    /// Get an object that should be here. False when there is no way to.
    ///
    /// # Errors
    /// The remote that has it cannot be reached, or does not have it.
    pub fn get(&self, launch: &Launch, id: Id) -> Result<bool> {
        match &self.promisor {
            Some(promisor) => get_promised(launch, promisor, &[id]).map(|()| true),
            None => self.get_again(launch),
        }
    }

    /// Get everything once more that this process relies on, where something of it is missing.
    fn get_again(&self, launch: &Launch) -> Result<bool> {
        let Ok(mut fetched) = self.fetched.lock() else {
            return Ok(false);
        };
        if fetched.again || fetched.ids.is_empty() {
            // What another thread got is here now.
            return Ok(fetched.again);
        }
        fetched.again = true;
        let remote = &fetched.remote;
        for id in &fetched.ids {
            if is_whole(launch, id) {
                continue;
            }
            tracing::warn!(
                "objects of {id} are missing here, and are fetched again from `{remote}`"
            );
            if let Err(error) = remote::fetch_again(launch, remote, id) {
                tracing::warn!("{error}");
            }
        }
        Ok(true)
    }
}

/// Have a partial clone hold these objects: all of them by one call.
///
/// # Errors
/// `Remote` when it cannot be reached or does not have them.
pub(super) fn get_promised(launch: &Launch, promisor: &str, ids: &[Id]) -> Result<()> {
    let wanted: String = ids.iter().map(|id| format!("{id}\n")).collect();
    // As Git itself does it: no history is compared, and of what a folder leads to, files are left out.
    let got = Program::at(launch, "fetch")
        .asks(promisor)
        .before("-c", "fetch.negotiationAlgorithm=noop")
        .args(remote::ALONE)
        .args(["--filter=blob:none", "--stdin", "--", promisor])
        .stdin(wanted)
        .run()?;
    if got.success() {
        return Ok(());
    }
    let some = ids.first().map(Id::to_string).unwrap_or_default();
    Err(GitError::Remote(format!(
        "cannot fetch object {some}, which this partial clone left on remote `{promisor}`: {}",
        got.complaint()
    )))
}
