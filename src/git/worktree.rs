//! A folder to work in that is nobody's work tree: a linked, detached work tree at one commit, in
//! the system's temporary folder, with room beside it for what does not belong to the repository.
//!
//! The folder is locked as long as its process lives, so that what a dead one has left behind can
//! be told apart and removed.

use std::fs::{self, File, Permissions};
use std::path::{Path, PathBuf};

use super::id::parse_id;
use super::object::NewCommit;
use super::program::{Output, Program};
use super::{Identity, Repo, Result, unusable_file};
use crate::core::base::time::exact;
use crate::core::resource::{LOG_FILE, Time};

/// How the folders are called, before a random part.
const PREFIX: &str = "planspec-";
/// Name of the work tree in the folder.
const TREE: &str = "work";
/// Name of the file that is locked as long as the folder is used.
const LOCK: &str = "lock";

/// Tries to make a work tree, or to let git forget it, while others make and remove theirs.
const TRIES: u32 = 10;

/// A work tree that is removed when it is dropped.
#[derive(Debug)]
pub struct Worktree {
    /// The work tree as a repository.
    inner: Repo,
    /// The repository that it belongs to.
    common_dir: PathBuf,
    folder: PathBuf,
    base: String,
    /// Held until the end.
    _lock: File,
}

impl Worktree {
    /// Make one at a commit. No hook of the user's runs, no branch moves.
    ///
    /// # Errors
    /// `Missing` when the commit is not here; `Unusable` when there is no room for it.
    pub fn add(repo: &Repo, commit: &str) -> Result<Worktree> {
        repo.require(parse_id(commit)?)?;
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}", uuid::Uuid::new_v4()));
        let failed = || unusable_file(format!("make the folder `{}`", folder.display()));
        make_private(&folder).map_err(failed())?;
        let lock = File::create(folder.join(LOCK)).map_err(failed())?;
        lock.lock().map_err(failed())?;
        let tree = folder.join(TREE);
        let added = beside_others(|| {
            Program::new(repo, "worktree")
                .apart()
                .args(["add", "--quiet", "--detach", "--"])
                .args([tree.as_os_str(), commit.as_ref()])
                .run()
        });
        let opened = added
            .and_then(|added| added.or_cannot(format!("check out {commit}")))
            .and_then(|_| Repo::open_sealed(&tree));
        match opened {
            Ok(inner) => Ok(Worktree {
                inner,
                common_dir: repo.common_dir().to_owned(),
                folder,
                base: commit.to_owned(),
                _lock: lock,
            }),
            Err(error) => {
                remove(repo, &folder);
                Err(error)
            }
        }
    }

    /// The root of the work tree.
    pub fn dir(&self) -> PathBuf {
        self.folder.join(TREE)
    }

    /// The folder around it, for what does not belong to the repository.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Merge a commit into what is checked out. Returns the files in which both contradict each other;
    /// when there are any, the work tree is of no use any more.
    ///
    /// # Errors
    /// `Unusable`: they cannot be merged at all.
    pub fn merge(
        &self,
        commit: &str,
        message: &str,
        time: Time,
        identity: &Identity,
    ) -> Result<Vec<String>> {
        parse_id(commit)?;
        let mut program = Program::new(&self.inner, "merge").apart();
        for (name, value) in [
            ("GIT_AUTHOR_NAME", &identity.name),
            ("GIT_AUTHOR_EMAIL", &identity.email),
            ("GIT_COMMITTER_NAME", &identity.name),
            ("GIT_COMMITTER_EMAIL", &identity.email),
        ] {
            program = program.env(name, value);
        }
        for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            program = program.env(name, exact(time));
        }
        // As nobody's own configuration says otherwise.
        let plain = [
            "--quiet",
            "--ff",
            "--no-edit",
            "--no-gpg-sign",
            "--no-verify-signatures",
            "--no-signoff",
            "--no-stat",
            "--no-autostash",
        ];
        let merged = program.args(plain).args(["-m", message, commit]).run()?;
        if merged.success() {
            return Ok(Vec::new());
        }
        let unmerged = ["diff", "--name-only", "--diff-filter=U", "-z"];
        let files = self.git(&unmerged)?;
        let files = files.split('\0').filter(|file| !file.is_empty());
        let files: Vec<String> = files.map(str::to_owned).collect();
        if files.is_empty() {
            merged.or_cannot(format!("merge {commit}"))?;
        }
        Ok(files)
    }

    /// What was changed since, as a commit that no ref names: what was committed here meanwhile,
    /// and above it whatever git does not ignore. `None` when nothing was changed.
    ///
    /// # Errors
    /// `Unusable` when the work tree is damaged.
    pub fn commit_all(
        &self,
        message: &str,
        time: Time,
        identity: &Identity,
    ) -> Result<Option<String>> {
        self.git(&["add", "--all", "--", "."])?;
        let tree = self.git(&["write-tree"])?;
        let head = self.git(&["rev-parse", "--verify", "HEAD^{commit}"])?;
        if self.inner.commit(parse_id(&head)?)?.tree == parse_id(&tree)? {
            return Ok((head != self.base).then_some(head));
        }
        let commit = NewCommit {
            tree: parse_id(&tree)?,
            parents: vec![parse_id(&head)?],
            message,
            time,
            identity,
        };
        let id = self.inner.write_commit(&commit)?;
        Ok(Some(id.to_string()))
    }

    fn git(&self, args: &[&str]) -> Result<String> {
        let (subcommand, args) = args.split_first().map_or(("", args), |(s, a)| (*s, a));
        let ran = Program::new(&self.inner, subcommand).apart().args(args);
        Ok(ran.run()?.or_cannot("take in what was changed")?.text())
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        match Repo::open_sealed(&self.common_dir) {
            Ok(repo) => remove(&repo, &self.folder),
            Err(error) => tracing::warn!(%error, "a work tree could not be removed"),
        }
    }
}

/// Remove the work trees of processes that have died.
///
/// # Errors
/// `Unusable` when the work trees cannot be listed.
pub fn remove_stale(repo: &Repo) -> Result<()> {
    for (folder, _lock) in abandoned(repo)? {
        tracing::debug!(folder = %folder.display(), "removed: its process has died");
        remove(repo, &folder);
    }
    Ok(())
}

/// The folders of work trees whose processes have died.
///
/// # Errors
/// `Unusable` when the work trees cannot be listed.
pub fn stale(repo: &Repo) -> Result<Vec<PathBuf>> {
    let found = abandoned(repo)?.into_iter();
    Ok(found.map(|(folder, _)| folder).collect())
}

/// The same, each locked: nobody else removes it meanwhile.
fn abandoned(repo: &Repo) -> Result<Vec<(PathBuf, File)>> {
    let listed = Program::new(repo, "worktree")
        .args(["list", "--porcelain"])
        .run()?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let trees = text
        .lines()
        .filter_map(|line| line.strip_prefix("worktree "));
    let mut found = Vec::new();
    for path in trees.map(Path::new) {
        let Some(folder) = path.parent().filter(|folder| is_ours(path, folder)) else {
            continue;
        };
        // Without a lock file another process is removing it already.
        let Ok(lock) = File::open(folder.join(LOCK)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            found.push((folder.to_owned(), lock));
        }
    }
    Ok(found)
}

fn is_ours(path: &Path, folder: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    name(path).as_deref() == Some(TREE) && name(folder).is_some_and(|n| n.starts_with(PREFIX))
}

/// Remove a folder and what git knows of the work tree in it. A part that cannot be removed is a
/// line in the log: the work is done all the same.
fn remove(repo: &Repo, folder: &Path) {
    if let Err(error) = remove_all(folder) {
        tracing::warn!(folder = %folder.display(), %error, "could not be removed");
    }
    let tree = folder.join(TREE);
    let forgotten = beside_others(|| {
        Program::new(repo, "worktree")
            .args(["remove", "--force", "--force", "--"])
            .arg(&tree)
            .run()
    });
    match forgotten {
        Ok(answer) if !answer.success() && !answer.stderr.contains("is not a working tree") => {
            tracing::debug!(tree = %tree.display(), said = answer.stderr, "not forgotten");
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "not forgotten"),
    }
}

/// Run git until it can tell which work trees there are: it cannot while another process is half
/// way through making or removing one, and names a file of that.
fn beside_others(run: impl Fn() -> Result<Output>) -> Result<Output> {
    for _ in 1..TRIES {
        let ran = run()?;
        if ran.success() || !ran.stderr.contains("worktrees/") {
            return Ok(ran);
        }
        tracing::debug!(said = ran.stderr, "another process is at its work tree");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    run()
}

/// Remove a folder with everything in it, also folders that a program has made read-only.
fn remove_all(folder: &Path) -> std::io::Result<()> {
    if fs::remove_dir_all(folder).is_ok() {
        return Ok(());
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        open_up(&folder);
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inner.map(|entry| entry.path()));
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    fs::create_dir(folder)
}

#[cfg(unix)]
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).ok();
}

#[cfg(not(unix))]
fn open_up(folder: &Path) {
    if let Ok(found) = fs::metadata(folder) {
        let mut permissions: Permissions = found.permissions();
        permissions.set_readonly(false);
        fs::set_permissions(folder, permissions).ok();
    }
}

/// Write a commit that holds a log, above the commit that the work led to, if there is one. Moves
/// no ref.
///
/// # Errors
/// `Missing` when `parent` is not here.
pub fn write_log(
    repo: &Repo,
    parent: Option<&str>,
    log: &[u8],
    time: Time,
    identity: &Identity,
) -> Result<String> {
    let parents = parent.as_slice();
    repo.write_file_commit((LOG_FILE, log), parents, "planspec log", (time, identity))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::{self, Sandbox};

    fn commit_all(tree: &Worktree) -> Option<String> {
        tree.commit_all("work", testing::time(0), &testing::identity())
            .unwrap()
    }

    #[test]
    fn many_make_and_remove_theirs_at_once() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1"), ("b", "2")]);
        let dir = repo.workdir().unwrap().to_owned();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let repo = Repo::open_sealed(&dir).unwrap();
                    for _ in 0..12 {
                        let tree = Worktree::add(&repo, &commit).unwrap();
                        assert!(tree.dir().join("b").exists());
                    }
                });
            }
        });
        assert_eq!(known(&sandbox, &repo), 1);
    }

    fn known(sandbox: &Sandbox, repo: &Repo) -> usize {
        sandbox
            .git(repo, &["worktree", "list", "--porcelain"])
            .lines()
            .filter(|line| line.starts_with("worktree "))
            .count()
    }

    #[test]
    fn a_work_tree_stands_at_its_commit_and_leaves_nothing_behind() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        sandbox.commit(&repo, &[("a", "2")]);
        sandbox.write(&repo, "a", "being edited");
        let tree = Worktree::add(&repo, &first).unwrap();
        assert_eq!(fs::read_to_string(tree.dir().join("a")).unwrap(), "1");
        assert_eq!(commit_all(&tree), None, "nothing was changed");
        let folder = tree.folder().to_owned();
        // As Go leaves its module cache.
        let closed = folder.join("home/closed");
        fs::create_dir_all(closed.join("in")).unwrap();
        fs::write(closed.join("in/file"), "x").unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(closed.join("in"), Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
        drop(tree);
        assert!(!folder.exists());
        assert_eq!(known(&sandbox, &repo), 1);
        let status = sandbox.git(&repo, &["status", "--porcelain"]);
        assert_eq!(status, " M a", "untouched");
    }

    #[test]
    fn what_was_changed_is_one_commit_above_what_was_committed_and_ignored_files_stay_out() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1"), (".gitignore", "target\n")]);
        let tree = Worktree::add(&repo, &first).unwrap();
        fs::write(tree.dir().join("new"), "x").unwrap();
        fs::remove_file(tree.dir().join("a")).unwrap();
        fs::write(tree.dir().join("target"), "x").unwrap();
        let made = commit_all(&tree).unwrap();
        let inner = Repo::open_sealed(&tree.dir()).unwrap();
        let files = sandbox.git(&inner, &["ls-tree", "-r", "--name-only", &made]);
        assert_eq!(files, ".gitignore\nnew");
        assert_eq!(
            sandbox.git(&inner, &["rev-parse", &format!("{made}^")]),
            first
        );

        let own = sandbox.commit(&inner, &[("b", "2")]);
        assert_eq!(commit_all(&tree), Some(own.clone()), "nothing to add to it");
        fs::write(tree.dir().join("c"), "x").unwrap();
        let made = commit_all(&tree).unwrap();
        assert_eq!(
            sandbox.git(&inner, &["rev-parse", &format!("{made}^")]),
            own
        );
    }

    #[test]
    fn a_bare_repository_has_room_for_work_as_well() {
        let sandbox = Sandbox::new();
        let bare = sandbox.bare("hub");
        let clone = sandbox.clone_of("hub", "clone", &[]);
        let first = sandbox.commit(&clone, &[("a", "1")]);
        sandbox.git(&clone, &["push", "-q", "origin", "HEAD:main"]);
        let tree = Worktree::add(&bare, &first).unwrap();
        let folder = tree.folder().to_owned();
        fs::write(tree.dir().join("new"), "x").unwrap();
        let made = commit_all(&tree).unwrap();
        assert_eq!(sandbox.git(&bare, &["show", &format!("{made}:new")]), "x");
        drop(tree);
        assert!(!folder.exists());
        assert_eq!(known(&sandbox, &bare), 1);
    }

    #[test]
    fn no_hook_of_the_user_runs() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let mark = sandbox.path("mark");
        for hook in [
            "post-checkout",
            "post-index-change",
            "reference-transaction",
        ] {
            let path = repo.common_dir().join("hooks").join(hook);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
            open_up(&path);
        }
        let tree = Worktree::add(&repo, &first).unwrap();
        fs::write(tree.dir().join("new"), "x").unwrap();
        assert!(commit_all(&tree).is_some());
        assert!(!mark.exists());
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_uses_is_not() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let living = Worktree::add(&repo, &first).unwrap();
        let dead = Worktree::add(&repo, &first).unwrap();
        let folder = dead.folder().to_owned();
        // A process that dies removes nothing, and gives its locks back.
        dead._lock.unlock().unwrap();
        std::mem::forget(dead);
        let own = sandbox.path("planspec-mine");
        sandbox.git(&repo, &["worktree", "add", "-q", own.to_str().unwrap()]);
        assert_eq!(known(&sandbox, &repo), 4);
        remove_stale(&repo).unwrap();
        assert!(!folder.exists());
        assert!(living.dir().join("a").exists());
        assert!(own.exists());
        assert_eq!(known(&sandbox, &repo), 3);
    }

    #[test]
    fn a_commit_that_is_not_here_is_missing() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("a", "1")]);
        let error = Worktree::add(&repo, &"1".repeat(40)).unwrap_err();
        assert!(
            matches!(error, crate::git::GitError::Missing(_)),
            "{error:?}"
        );
    }

    #[test]
    fn a_log_is_one_file_above_the_work() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("one");
        let tree = repo.write_empty_tree().unwrap();
        let work = sandbox.git(&repo, &["commit-tree", "-m", "x", &tree.to_string()]);
        let (time, who) = (testing::time(0), testing::identity());
        let id = write_log(&repo, Some(&work), b"hello\n", time, &who).unwrap();
        assert_eq!(
            sandbox.git(&repo, &["show", &format!("{id}:log.txt")]),
            "hello"
        );
        assert_eq!(sandbox.git(&repo, &["rev-parse", &format!("{id}^")]), work);
    }
}
