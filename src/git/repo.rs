//! A repository on this machine: where it is, where HEAD is, what names mean, who works here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Mutex;

use git2::{Index, Repository, RepositoryOpenFlags};

use super::durable::Durable;
use super::id::{Id, ObjectFormat, parse_id};
use super::object::{Kept, ObjectKind, missing};
use super::obtain::Origin;
use super::opened::{Opened, Settings};
use super::program::{Launch, Output, Program, TIMEOUT};
use super::refs::{self, Target};
use super::reftable::Seen;
use super::world::World;
use super::{GitError, Result, unusable_file};
use crate::core::resource::Time;

/// So many commits behind another are looked through before Git is asked.
const CLOSE: usize = 128;

/// Name of the only remote of a repository that stands before it.
const BEFORE: &str = "origin";

/// An open repository.
pub struct Repo {
    pub(super) opened: Opened,
    /// How `git` is run here.
    pub(super) launch: Launch,
    /// Where objects come from that are not here.
    pub(super) origin: Origin,
    /// The folder that it was looked for from.
    pub(super) from: PathBuf,
    pub(super) kept: Mutex<Kept>,
    /// Where only `git` reads the refs: what it said last.
    pub(super) refs: Mutex<Option<Seen>>,
    /// What has to reach the disk before it counts.
    pub(super) durable: Durable,
    /// Git's configuration as it was when the repository was opened: the live one asks the system about each of its files
    /// whenever a value is read.
    settings: Option<Settings>,
    /// What surrounds it, where that is not the real world.
    pub(super) world: Option<Rc<dyn World>>,
}

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On a branch that has no commit yet; its short name.
    Unborn(String),
    /// On a branch.
    Branch {
        /// Its short name.
        name: String,
        /// Its tip.
        commit: String,
    },
    /// On a commit, as in a checkout by CI.
    Detached(String),
}

impl Head {
    /// The commit, if there is one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Head::Unborn(_) => None,
            Head::Branch { commit, .. } | Head::Detached(commit) => Some(commit),
        }
    }
}

/// The e-mail that stands in commits where Git knows none.
pub const FALLBACK_EMAIL: &str = "planspec@localhost";

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// A person's or a program's name.
    pub name: String,
    /// Its e-mail address.
    pub email: String,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repo").field(&self.git_dir()).finish()
    }
}

impl Repo {
    /// Open the repository around `dir`, as `git -C dir` finds it, or around the current folder.
    /// `GIT_DIR`, `GIT_WORK_TREE`, `GIT_INDEX_FILE` and `GIT_CEILING_DIRECTORIES` mean what they
    /// mean to git.
    ///
    /// # Errors
    /// `NotARepository`; `Unusable` when its format cannot be read, or it is somebody else's.
    pub fn open(dir: Option<&Path>) -> Result<Repo> {
        let variable = std::env::var_os;
        let from_env = RepositoryOpenFlags::FROM_ENV;
        let ceilings = variable("GIT_CEILING_DIRECTORIES").unwrap_or_default();
        let ceilings: Vec<PathBuf> = std::env::split_paths(&ceilings).collect();
        let opened = match (dir, variable("GIT_DIR")) {
            (None, _) => Repository::open_from_env(),
            (Some(dir), Some(git_dir)) => Repository::open_ext(
                dir.join(git_dir),
                from_env | RepositoryOpenFlags::NO_SEARCH,
                ceilings,
            ),
            (Some(dir), None) => Repository::open_ext(dir, from_env, ceilings),
        };
        let pointed = variable("GIT_DIR").is_some() || variable("GIT_WORK_TREE").is_some();
        let as_pointed = || Launch::as_pointed(dir.unwrap_or(Path::new(".")));
        let opened = Opened::of(opened, dir, as_pointed)?;
        let mut repo = Repo::from_opened(opened, dir, pointed);
        let index = variable("GIT_INDEX_FILE");
        repo.launch.index = index.and_then(|path| std::path::absolute(path).ok());
        Ok(repo)
    }

    /// Make a bare repository whose only remote is at `url`, or take the one that was made so before. It holds nothing: what is
    /// looked at comes from there.
    ///
    /// # Errors
    /// `Unusable` when something else is in the folder, or it cannot be made.
    pub fn before_remote(dir: &Path, url: &str) -> Result<()> {
        let cannot = || format!("make a repository in `{}`", dir.display());
        if dir.join("HEAD").exists() {
            if Repo::open_sealed(dir)?.remote_url(BEFORE).as_deref() == Some(url) {
                return Ok(());
            }
            let why = format!("`{}` is a repository for another address", dir.display());
            return Err(GitError::Unusable(why));
        }
        std::fs::create_dir_all(dir).map_err(unusable_file(cannot()))?;
        let launch = Launch::new((None, dir), false);
        // Objects of another format cannot be fetched; of a remote that is empty, or away, nobody can tell.
        let format = remote_format(&launch, url).map(|format| format!("--object-format={format}"));
        let init = ["init", "--quiet", "--bare", "--template="];
        let steps = [
            [&init[..], &Vec::from_iter(format.as_deref())].concat(),
            vec!["remote", "add", BEFORE, url],
            vec!["config", "planspec.remote", BEFORE],
        ];
        for step in steps {
            let done = Program::at(&launch, step[0]).args(&step[1..]).run()?;
            done.or_cannot(cannot())?;
        }
        Ok(())
    }

    /// Open the repository at `dir` whatever the environment says.
    pub(super) fn open_sealed(dir: &Path) -> Result<Repo> {
        let none: [&Path; 0] = [];
        let opened = Repository::open_ext(dir, RepositoryOpenFlags::empty(), none);
        let opened = Opened::of(opened, Some(dir), || Launch::new((None, dir), false))?;
        Ok(Repo::from_opened(opened, Some(dir), false))
    }

    pub(super) fn from_opened(opened: Opened, dir: Option<&Path>, pointed: bool) -> Repo {
        // As Git itself does: what stands in a pack is not hashed again whenever it is read.
        git2::opts::strict_hash_verification(false);
        let work_tree = opened.work_tree();
        let found_by_itself = work_tree.is_some_and(|dir| dir.join(".git").exists());
        let explicit = pointed || !found_by_itself;
        let mut launch = Launch::new((work_tree, opened.git_dir()), explicit);
        let settings = Settings::at_this_moment(&opened, &launch).ok();
        launch.patience = settings.as_ref().and_then(|settings| settings.get(TIMEOUT));
        Repo {
            launch,
            origin: Origin::new(settings.as_ref().and_then(promisor)),
            from: dir.unwrap_or(Path::new(".")).to_owned(),
            kept: Mutex::default(),
            refs: Mutex::default(),
            durable: settings
                .as_ref()
                .map_or_else(|| Durable::of(None, false), durable),
            settings,
            world: None,
            opened,
        }
    }

    /// How long its ids are.
    pub(super) fn format(&self) -> ObjectFormat {
        self.opened.format()
    }

    /// The id that Git gives to these bytes as a blob of this repository.
    pub fn blob_id(&self, bytes: &[u8]) -> String {
        super::read::blob_id_in(self.format(), bytes)
    }

    /// The root of the work tree; `None` in a bare repository.
    pub fn workdir(&self) -> Option<&Path> {
        self.opened.work_tree()
    }

    /// The Git directory that all work trees share.
    pub fn common_dir(&self) -> &Path {
        self.opened.common_dir()
    }

    /// Whether it is where it was opened.
    pub fn is_there(&self) -> bool {
        self.opened.memory().is_some() || self.common_dir().join("HEAD").exists()
    }

    /// The Git directory of this work tree.
    pub(super) fn git_dir(&self) -> &Path {
        self.opened.git_dir()
    }

    /// Whether history ends early here: then the absence of an ancestor proves nothing.
    pub fn is_shallow(&self) -> bool {
        if self.opened.memory().is_some() {
            return false;
        }
        // libgit2 looks beside HEAD, where a linked work tree has no such file.
        std::fs::metadata(self.common_dir().join("shallow")).is_ok_and(|file| file.len() > 0)
    }

    /// Whether files may be left out of the work tree.
    pub(super) fn is_sparse(&self) -> bool {
        self.git_dir().join("info/sparse-checkout").exists()
    }

    /// Whether a program of the user's may stand between a file and its blob. That of Git LFS does not
    /// count: what it leaves in the blob is no resource.
    pub(super) fn has_filters(&self) -> bool {
        // As it is now: what is believed of a file depends on it.
        let found = self.settings_now();
        let found = found.and_then(|now| now.like(r"^filter\..*\.(clean|process)$"));
        found.map_or(true, |found| {
            let mut names = found.iter().map(|(name, _)| name);
            names.any(|name| !name.starts_with("filter.lfs."))
        })
    }

    /// Git's configuration as it is now.
    fn settings_now(&self) -> Result<Settings> {
        Settings::now(&self.opened, &self.launch)
    }

    /// Where HEAD is.
    ///
    /// # Errors
    /// `Unusable` when HEAD or the branch that it names is broken.
    pub fn head(&self) -> Result<Head> {
        let target = refs::target(self, "HEAD")?;
        let (name, commit) = match target {
            Some(Target::Symbolic(name)) => {
                let commit = refs::get(self, &name)?;
                (Some(name), commit)
            }
            Some(Target::Id(id)) => (None, Some(id)),
            None => (None, None),
        };
        let branch = name
            .as_deref()
            .and_then(|name| name.strip_prefix("refs/heads/"));
        match (branch, commit) {
            (Some(name), Some(commit)) => Ok(Head::Branch {
                name: name.to_owned(),
                commit,
            }),
            (Some(name), None) => Ok(Head::Unborn(name.to_owned())),
            (None, Some(commit)) => Ok(Head::Detached(commit)),
            (None, None) => Err(GitError::Unusable(
                "HEAD names neither a branch nor a commit: check out a branch".to_owned(),
            )),
        }
    }

    /// What has been begun in the work tree and has not ended: as Git calls it for people, and its command.
    pub(super) fn under_way(&self) -> Option<(&'static str, &'static str)> {
        let there = |name: &str| self.git_dir().join(name).exists();
        let points = |name: &str| matches!(refs::target(self, name), Ok(Some(_)));
        if there("rebase-merge") {
            Some(("a rebase", "rebase"))
        } else if there("rebase-apply/applying") {
            Some(("`git am`", "am"))
        } else if there("rebase-apply") {
            Some(("a rebase", "rebase"))
        } else if there("MERGE_HEAD") {
            Some(("a merge", "merge"))
        } else if points("REVERT_HEAD") {
            Some(("a revert", "revert"))
        } else if points("CHERRY_PICK_HEAD") {
            Some(("a cherry-pick", "cherry-pick"))
        } else {
            None
        }
    }

    /// Short names and tips of the local branches.
    ///
    /// # Errors
    /// `Unusable` when refs cannot be read.
    pub fn local_branches(&self) -> Result<BTreeMap<String, String>> {
        const PREFIX: &str = "refs/heads/";
        // Not libgit2's own list of branches: it passes over broken ones without a word, and a
        // status branch that cannot be read must not be taken for one that never was.
        let all = refs::list(self, PREFIX)?.into_iter();
        Ok(all
            .filter_map(|(name, id)| Some((name.strip_prefix(PREFIX)?.to_owned(), id)))
            .collect())
    }

    /// The commit that a revision names (a branch, a tag, an id, `HEAD~2`, …), or `None`.
    ///
    /// # Errors
    /// `Unusable` when it names something that is no commit.
    pub fn resolve(&self, revision: &str) -> Result<Option<String>> {
        if let Some(commit) = self.parse_revision(&format!("{revision}^{{commit}}"))? {
            return Ok((!revision.is_empty()).then_some(commit));
        }
        let Some(id) = self.parse_revision(revision)? else {
            return Ok(None);
        };
        let id = parse_id(&id)?;
        match self.header(id)? {
            None => Err(missing(id)),
            // A commit that `git rev-parse` did not take: reading it says what is wrong.
            Some((_, ObjectKind::Commit)) => self.commit(id).map(|_| Some(id.to_string())),
            Some(_) => Err(GitError::Unusable(format!(
                "`{}` names no commit, but something else",
                revision.escape_debug()
            ))),
        }
    }

    /// As git reads it: it knows every way to write a revision, and does not hang on what is broken.
    fn parse_revision(&self, revision: &str) -> Result<Option<String>> {
        if let Some(memory) = self.opened.memory() {
            return Ok(memory.revision(revision));
        }
        let answer = Program::new(self, "rev-parse")
            .args(["--verify", "--quiet", "--end-of-options", revision])
            .run()?;
        let id = answer.text();
        // For `^main` the answer is `^` and the id, which is no commit.
        Ok((answer.success() && parse_id(&id).is_ok()).then_some(id))
    }

    /// Whether `old` is `new` or one of its ancestors. In a shallow clone `false` only means that
    /// it cannot be seen from here.
    ///
    /// # Errors
    /// `Missing` when one of them is not here.
    pub fn is_ancestor(&self, old: &str, new: &str) -> Result<bool> {
        self.require(parse_id(old)?)?;
        self.require(parse_id(new)?)?;
        if old == new {
            return Ok(true);
        }
        if self.is_close_behind(parse_id(old)?, parse_id(new)?)? {
            return Ok(true);
        }
        if let Some(memory) = self.opened.memory() {
            return Ok(memory.reaches(parse_id(new)?, parse_id(old)?));
        }
        // libgit2's walk stumbles where a shallow history was cut.
        let answer = Program::new(self, "merge-base")
            .args(["--is-ancestor", old, new])
            .run()?;
        match answer.code {
            1 => Ok(false),
            _ => {
                let found = answer.or_cannot(format!("check whether {new} contains {old}"));
                found.map(|_| true)
            }
        }
    }

    /// Whether a commit is found among the nearest behind another: then nobody else need be asked.
    fn is_close_behind(&self, old: Id, new: Id) -> Result<bool> {
        let mut open = VecDeque::from([new]);
        let mut seen = BTreeSet::from([new]);
        for _ in 0..CLOSE {
            let Some(id) = open.pop_front() else { break };
            if self.header(id)?.is_none() {
                continue;
            }
            let parents = self.commit(id)?.parents.into_iter();
            open.extend(parents.filter(|parent| seen.insert(*parent)));
            if seen.contains(&old) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The best common ancestor of two commits, if there is one in sight.
    ///
    /// # Errors
    /// `Missing` when one of them is not here.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<Option<String>> {
        self.require(parse_id(one)?)?;
        self.require(parse_id(other)?)?;
        if let Some(memory) = self.opened.memory() {
            let base = memory.merge_base(parse_id(one)?, parse_id(other)?);
            return Ok(base.map(|base| base.to_string()));
        }
        let answer = Program::new(self, "merge-base").args([one, other]).run()?;
        match answer.code {
            1 => Ok(None),
            _ => {
                let found = answer.or_cannot(format!("find the merge base of {one} and {other}"));
                found.map(|found| Some(found.text()))
            }
        }
    }

    /// A commit and all that are behind it, as far as they are here.
    ///
    /// # Errors
    /// `Unusable` when git cannot list them.
    pub fn history(&self, tip: &str) -> Result<std::collections::HashSet<String>> {
        if let Some(memory) = self.opened.memory() {
            let history = memory.history(parse_id(tip)?).into_iter();
            return Ok(history.map(|id| id.to_string()).collect());
        }
        let listed = Program::new(self, "rev-list").arg(tip).run()?;
        let listed = listed.or_cannot(format!("list the history of {tip}"))?;
        Ok(listed.text().lines().map(str::to_owned).collect())
    }

    /// Whether two commits have one in common; `None` where that cannot be told here, since one of them or what is behind
    /// it is not here.
    ///
    /// # Errors
    /// As [`Repo::merge_base`].
    pub fn are_related(&self, one: &str, other: &str) -> Result<Option<bool>> {
        if one == other {
            return Ok(Some(true));
        }
        if !self.has_object(one) || !self.has_object(other) {
            return Ok(None);
        }
        let base = self.merge_base(one, other)?;
        Ok((base.is_some() || !self.is_shallow()).then_some(base.is_some()))
    }

    /// Whether an object is here. In a partial clone `false` may mean: not yet.
    pub fn has_object(&self, id: &str) -> bool {
        parse_id(id)
            .and_then(|id| self.header(id))
            .is_ok_and(|header| header.is_some())
    }

    /// When a commit was made, by the committer's clock.
    ///
    /// # Errors
    /// `Missing` when it is not here, `Unusable` when it is no commit or its time is beyond all
    /// calendars.
    pub fn commit_time(&self, id: &str) -> Result<Time> {
        self.commit(parse_id(id)?)?
            .time
            .ok_or_else(|| GitError::Unusable(format!("commit {id} has an invalid time")))
    }

    /// A value of the git configuration, such as `planspec.specBranch`; the last one when there
    /// are several. As it was when the repository was opened.
    pub fn config(&self, key: &str) -> Option<String> {
        self.settings.as_ref()?.get(key)
    }

    /// The same as it is now: this program may just have written it.
    pub(super) fn config_now(&self, key: &str) -> Option<String> {
        self.settings_now().ok()?.get(key)
    }

    /// The same where it is yes or no, as it is now.
    pub fn config_bool(&self, key: &str) -> Option<bool> {
        self.settings_now().ok()?.get_bool(key)
    }

    /// All values of a key of git's configuration as it is now, in the order in which git reads them.
    pub fn config_all(&self, key: &str) -> Vec<String> {
        self.settings_now()
            .map_or_else(|_| Vec::new(), |now| now.all(key))
    }

    /// Whether the configuration, as it is now, has an entry whose key is like this.
    pub(super) fn has_config(&self, like: &str) -> bool {
        let found = self.settings_now().and_then(|now| now.like(like));
        found.is_ok_and(|found| !found.is_empty())
    }

    /// The address of a remote as the configuration has it. It may hold credentials.
    pub fn remote_url(&self, name: &str) -> Option<String> {
        self.config(&format!("remote.{name}.url"))
    }

    /// Who commits here: `GIT_AUTHOR_NAME` and `GIT_AUTHOR_EMAIL`, else `author.*`, else `user.*`,
    /// else `planspec <planspec@localhost>`.
    pub fn identity(&self) -> Identity {
        // What is in memory is nobody's who has an environment.
        let variable = |name: &str| match self.opened.memory() {
            Some(_) => None,
            None => std::env::var(name).ok(),
        };
        identity(variable, |key| self.config(key))
    }

    /// Names of the remotes, sorted.
    ///
    /// # Errors
    /// `Unusable` when the configuration cannot be read.
    pub fn remotes(&self) -> Result<Vec<String>> {
        let live;
        let settings = match &self.settings {
            Some(settings) => settings,
            None => {
                live = self.settings_now()?;
                &live
            }
        };
        let found = settings.like(r"^remote\..*\.(push)?url$")?;
        let names = found.iter().filter_map(|(name, _)| {
            let (name, _) = name.strip_prefix("remote.")?.rsplit_once('.')?;
            Some(name.to_owned())
        });
        let names: BTreeSet<String> = names.collect();
        Ok(names.into_iter().collect())
    }

    /// The branch that a remote's `HEAD` was last seen to point to.
    ///
    /// # Errors
    /// `Unusable` when the ref is broken.
    pub fn remote_head(&self, remote: &str) -> Result<Option<String>> {
        let name = format!("refs/remotes/{remote}/HEAD");
        if refs::get(self, &name)?.is_none() {
            return Ok(None);
        }
        let prefix = format!("refs/remotes/{remote}/");
        Ok(match refs::target(self, &name)? {
            Some(Target::Symbolic(target)) => target.strip_prefix(&prefix).map(str::to_owned),
            _ => None,
        })
    }

    /// The folder in which `git` runs.
    pub(super) fn directory(&self) -> &Path {
        &self.launch.directory
    }
}

/// What git leaves out of a work tree: what is ignored, and nothing of it is tracked.
pub(super) enum Ignored<'r> {
    /// As libgit2 finds it, path by path; the index where libgit2 can read it.
    ByLibgit2(&'r Repository, Option<Index>),
    /// As `git` lists it: files, and folders without what is in them.
    Listed(BTreeSet<String>),
}

impl Ignored<'_> {
    pub(super) fn new(repo: &Repo) -> Ignored<'_> {
        let Some(git) = repo.opened.libgit2() else {
            return Ignored::Listed(ignored(repo).unwrap_or_default());
        };
        let index = git.index().and_then(|mut index| {
            index.read(false)?;
            Ok(index)
        });
        Ignored::ByLibgit2(git, index.ok())
    }

    /// Whether git would leave the file or folder at `path` out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        match self {
            Ignored::ByLibgit2(git, index) => {
                let is_tracked = |index: &Index| {
                    index.get_path(Path::new(path), 0).is_some()
                        || index.find_prefix(format!("{path}/")).is_ok()
                };
                git.is_path_ignored(path).unwrap_or(false)
                    && !index.as_ref().is_some_and(is_tracked)
            }
            Ignored::Listed(paths) => {
                let above = path.match_indices('/').map(|(at, _)| &path[..at]);
                above.chain([path]).any(|path| paths.contains(path))
            }
        }
    }
}

/// What `git` leaves out of the work tree.
fn ignored(repo: &Repo) -> Result<BTreeSet<String>> {
    let listed = Program::new(repo, "ls-files")
        .args(["--others", "--ignored", "--exclude-standard"])
        .args(["--directory", "-z", "--full-name"])
        .run()?
        .or_cannot("list what is ignored")?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let paths = text.split_terminator('\0');
    Ok(paths
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect())
}

/// How long the ids of a remote are, where it has any.
fn remote_format(launch: &Launch, url: &str) -> Option<ObjectFormat> {
    let listed = Program::at(launch, "ls-remote")
        .asks(url)
        .args(["--quiet", "--", url, "HEAD", "refs/heads/*"])
        .run();
    let text = listed.ok().filter(Output::success)?.text();
    let (id, _) = text.lines().next()?.split_once('\t')?;
    Some(Id::from_hex(id)?.format())
}

fn durable(settings: &Settings) -> Durable {
    let components = settings.get("core.fsync");
    let object_files = settings.get_bool("core.fsyncObjectFiles").unwrap_or(false);
    Durable::of(components.as_deref(), object_files)
}

/// The remote that a partial clone gets objects from.
fn promisor(settings: &Settings) -> Option<String> {
    let found = settings.like(r"^remote\..*\.promisor$").unwrap_or_default();
    for (name, value) in found {
        let name = name.strip_prefix("remote.")?;
        if let (Some(remote), Some("true")) = (name.strip_suffix(".promisor"), value.as_deref()) {
            return Some(remote.to_owned());
        }
    }
    // As older versions of Git wrote it.
    settings.get("extensions.partialclone")
}

fn identity(
    variable: impl Fn(&str) -> Option<String>,
    config: impl Fn(&str) -> Option<String>,
) -> Identity {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let first = |name: &str, field: &str, fallback: &str| {
        filled(variable(name))
            .or_else(|| filled(config(&format!("author.{field}"))))
            .or_else(|| filled(config(&format!("user.{field}"))))
            .unwrap_or_else(|| fallback.to_owned())
    };
    Identity {
        name: first("GIT_AUTHOR_NAME", "name", "planspec"),
        email: first("GIT_AUTHOR_EMAIL", "email", FALLBACK_EMAIL),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::{self, Sandbox, on_disk_and_in_memory};

    #[test]
    fn a_folder_without_a_repository_is_named() {
        let sandbox = Sandbox::new();
        let nowhere = sandbox.path("nowhere");
        let error = Repo::open_sealed(&nowhere).unwrap_err();
        assert!(matches!(error, GitError::NoFile(_)), "{error:?}");
        std::fs::create_dir(&nowhere).unwrap();
        let error = Repo::open_sealed(&nowhere).unwrap_err();
        assert!(matches!(error, GitError::NotARepository(_)), "{error:?}");
        assert!(error.to_string().contains("nowhere"), "{error}");
    }

    #[test]
    fn head_is_unborn_on_a_branch_or_detached() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.repo("one");
            assert_eq!(repo.head().unwrap(), Head::Unborn("main".to_owned()));
            assert_eq!(repo.resolve("HEAD").unwrap(), None);
            let commit = sandbox.commit(&repo, &[("a", "1")]);
            let branch = Head::Branch {
                name: "main".to_owned(),
                commit: commit.clone(),
            };
            assert_eq!(repo.head().unwrap(), branch);
            sandbox.git(&repo, &["checkout", "-q", "--detach"]);
            assert_eq!(repo.head().unwrap(), Head::Detached(commit));
        });
    }

    #[test]
    fn where_two_commits_part() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.repo("one");
            let fork = sandbox.commit(&repo, &[("a", "1")]);
            let main = sandbox.commit(&repo, &[("a", "2")]);
            sandbox.git(&repo, &["checkout", "-q", "-b", "side", &fork]);
            let side = sandbox.commit(&repo, &[("a", "3")]);
            assert_eq!(repo.merge_base(&main, &side).unwrap(), Some(fork.clone()));
            assert_eq!(repo.merge_base(&fork, &side).unwrap(), Some(fork));
            sandbox.git(&repo, &["checkout", "-q", "--orphan", "alone"]);
            let alone = sandbox.commit(&repo, &[("a", "4")]);
            assert_eq!(repo.merge_base(&alone, &side).unwrap(), None);
            let gone = repo.merge_base(&"1".repeat(40), &side).unwrap_err();
            assert!(matches!(gone, GitError::Missing(_)), "{gone:?}");
        });
    }

    #[test]
    fn a_linked_work_tree_has_its_own_head_and_shares_the_common_folder() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1")]);
        let linked = sandbox.path("linked");
        sandbox.git(
            &repo,
            &[
                "worktree",
                "add",
                "-q",
                "-b",
                "side",
                linked.to_str().unwrap(),
            ],
        );
        let linked = Repo::open_sealed(&linked).unwrap();
        assert_eq!(linked.head().unwrap().commit(), Some(commit.as_str()));
        assert!(matches!(linked.head().unwrap(), Head::Branch { name, .. } if name == "side"));
        assert_eq!(
            linked.common_dir().canonicalize().unwrap(),
            repo.common_dir().canonicalize().unwrap()
        );
        let expected = BTreeMap::from([
            ("main".to_owned(), commit.clone()),
            ("side".to_owned(), commit),
        ]);
        assert_eq!(linked.local_branches().unwrap(), expected);
    }

    #[test]
    fn revisions_are_peeled_to_commits() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let second = sandbox.commit(&repo, &[("a", "2")]);
        sandbox.git(&repo, &["tag", "-a", "-m", "x", "v1", &first]);
        let table = [
            ("HEAD", Some(&second)),
            ("main", Some(&second)),
            ("main~1", Some(&first)),
            ("v1", Some(&first)),
            (&first[..10], Some(&first)),
            ("nothing", None),
            ("", None),
            ("a b", None),
            ("refs/heads/", None),
            ("^main", None),
            ("main..main", None),
            ("--all", None),
        ];
        for (revision, expected) in table {
            assert_eq!(
                repo.resolve(revision).unwrap().as_ref(),
                expected,
                "{revision}"
            );
        }
        let error = repo.resolve("HEAD:a").unwrap_err().to_string();
        assert!(error.contains("no commit"), "{error}");
    }

    #[test]
    fn ancestors() {
        on_disk_and_in_memory(|sandbox| {
            let repo = sandbox.repo("one");
            let first = sandbox.commit(&repo, &[("a", "1")]);
            let second = sandbox.commit(&repo, &[("a", "2")]);
            assert!(repo.is_ancestor(&first, &second).unwrap());
            assert!(repo.is_ancestor(&second, &second).unwrap());
            assert!(!repo.is_ancestor(&second, &first).unwrap());
            let absent = "1".repeat(40);
            let error = repo.is_ancestor(&absent, &first).unwrap_err();
            assert!(matches!(error, GitError::Missing(_)), "{error:?}");
            assert!(!repo.has_object(&absent) && repo.has_object(&first));
            assert_eq!(repo.commit_time(&first).unwrap(), testing::time(0));
        });
    }

    #[test]
    fn a_shallow_clone_sees_no_ancestor_behind_its_edge() {
        let sandbox = Sandbox::new();
        let origin = sandbox.repo("origin");
        let commits: Vec<String> = ["1", "2", "3"]
            .iter()
            .map(|text| sandbox.commit(&origin, &[("a", text)]))
            .collect();
        let shallow = sandbox.clone_of("origin", "shallow", &["--depth=2"]);
        assert!(shallow.is_shallow() && !origin.is_shallow());
        assert!(shallow.is_ancestor(&commits[1], &commits[2]).unwrap());
        assert!(!shallow.is_ancestor(&commits[2], &commits[1]).unwrap());
        let error = shallow.is_ancestor(&commits[0], &commits[2]).unwrap_err();
        assert!(matches!(error, GitError::Missing(_)), "{error:?}");
        let linked = sandbox.path("linked");
        sandbox.git(
            &shallow,
            &[
                "worktree",
                "add",
                "-q",
                "--detach",
                linked.to_str().unwrap(),
            ],
        );
        let linked = Repo::open_sealed(&linked).unwrap();
        assert!(linked.is_shallow());
        assert!(linked.is_ancestor(&commits[1], &commits[2]).unwrap());
    }

    #[test]
    fn a_bare_repository_has_no_work_tree_and_git_runs_in_it() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("bare");
        assert_eq!(repo.workdir(), None);
        assert_eq!(repo.head().unwrap(), Head::Unborn("main".to_owned()));
        let answer = Program::new(&repo, "rev-parse")
            .arg("--is-bare-repository")
            .run()
            .unwrap();
        assert_eq!(answer.stdout, b"true\n");
    }

    #[test]
    fn a_repository_before_a_remote_has_the_format_of_the_remote() {
        for (objects, refs) in testing::formats() {
            let sandbox = Sandbox::of(objects, refs);
            let origin = sandbox.repo("origin");
            sandbox.commit(&origin, &[("a", "1")]);
            let url = format!("file://{}", sandbox.path("origin").display());
            let dir = sandbox.path("before");
            Repo::before_remote(&dir, &url).unwrap();
            let before = Repo::open_sealed(&dir).unwrap();
            assert_eq!(before.format(), origin.format());
            assert_eq!(before.workdir(), None);
            assert_eq!(before.remotes().unwrap(), [BEFORE]);
            assert_eq!(before.config("planspec.remote").as_deref(), Some(BEFORE));
            Repo::before_remote(&dir, &url).unwrap();
            let other = Repo::before_remote(&dir, "file:///elsewhere").unwrap_err();
            assert!(other.to_string().contains("another address"), "{other}");
        }
    }

    #[test]
    #[allow(clippy::type_complexity)]
    fn identity_as_git_takes_it() {
        let table: [(&[(&str, &str)], &[(&str, &str)], &str, &str); 5] = [
            (&[], &[], "planspec", "planspec@localhost"),
            (
                &[],
                &[("user.name", "Ana"), ("user.email", "a@x")],
                "Ana",
                "a@x",
            ),
            (
                &[("GIT_AUTHOR_NAME", "Ben")],
                &[("user.name", "Ana"), ("user.email", "a@x")],
                "Ben",
                "a@x",
            ),
            (
                &[],
                &[
                    ("author.email", "w@x"),
                    ("user.name", "Ana"),
                    ("user.email", "a@x"),
                ],
                "Ana",
                "w@x",
            ),
            (
                &[("GIT_AUTHOR_EMAIL", " ")],
                &[("user.email", "a@x")],
                "planspec",
                "a@x",
            ),
        ];
        let look_up = |pairs: &[(&str, &str)], name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        for (variables, config, name, email) in table {
            let found = identity(|n| look_up(variables, n), |k| look_up(config, k));
            assert_eq!((found.name.as_str(), found.email.as_str()), (name, email));
        }
    }
}
