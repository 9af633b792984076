//! A folder to work in that is nobody's work tree: a clone of its own at one commit, in the system's temporary folder, with
//! room beside it for what does not belong to the repository.
//!
//! What works there finds no remote, and nothing of the configuration of the repository that it comes from: neither the
//! credentials that a checkout leaves in it, nor an address to push to. Its objects are shared, to be read. What it leaves is
//! taken in by a Git directory of our own, made when it has ended: no `git` runs by a configuration that it could write.
//!
//! The folder is locked as long as its process lives, so that what a dead one has left behind can
//! be told apart and removed.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::id::{ObjectFormat, parse_id};
use super::object::NewCommit;
use super::program::{Launch, Program};
use super::{Identity, Repo, Result, unusable_file};
use crate::core::base::time::exact;
use crate::core::resource::{LOG_FILE, Time};

/// How the folders are called, before a random part.
const PREFIX: &str = "planspec-";
/// How the one is called, behind that, in which commands work.
const BENCH: &str = "-work";
/// Name of the work tree in that.
const TREE: &str = "work";
/// Name of the file that is locked as long as the folders are used.
const LOCK: &str = "lock";
/// Name of the file that says which repository they belong to.
const OWNER: &str = "of";
/// Name of the index as it was before anybody worked there.
const INDEX: &str = "index";
/// Mode of a submodule, as Git lists it.
const SUBMODULE: &str = "160000 ";
/// Most bytes of a ref, or of a list of refs, that is read of a clone in which somebody worked.
const MAX_REF_BYTES: u64 = 1024 * 1024;

/// A clone to work in, that is removed when it is dropped.
#[derive(Debug)]
pub struct Worktree {
    /// It as a repository, as long as nobody has worked there.
    inner: Repo,
    /// The repository that it comes from.
    common_dir: PathBuf,
    /// What is kept from those who work there.
    own: PathBuf,
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
        have_files(repo, commit)?;
        let own = std::env::temp_dir().join(format!("{PREFIX}{}", uuid::Uuid::new_v4()));
        let bench = bench_of(&own);
        let failed = || unusable_file(format!("make the folder `{}`", bench.display()));
        for folder in [&own, &bench] {
            make_private(folder).map_err(failed())?;
        }
        let lock = File::create(own.join(LOCK)).map_err(failed())?;
        lock.lock().map_err(failed())?;
        // Who looks for what was left behind passes over it until then.
        let owner = whole_path(repo.common_dir());
        fs::write(own.join(OWNER), owner.as_os_str().as_encoded_bytes()).map_err(failed())?;
        let tree = bench.join(TREE);
        match clone_at(repo, &tree, commit) {
            Ok(inner) => {
                let worktree = Worktree {
                    inner,
                    common_dir: repo.common_dir().to_owned(),
                    own,
                    base: commit.to_owned(),
                    _lock: lock,
                };
                worktree.keep_index()?;
                Ok(worktree)
            }
            Err(error) => {
                remove(&own);
                Err(error)
            }
        }
    }

    /// The root of the work tree.
    pub fn dir(&self) -> PathBuf {
        bench_of(&self.own).join(TREE)
    }

    /// The folder around it, for what does not belong to the repository.
    pub fn folder(&self) -> PathBuf {
        bench_of(&self.own)
    }

    /// Keep the index: what is read by it need not be read again.
    fn keep_index(&self) -> Result<()> {
        let from = self.inner.git_dir().join("index");
        if !from.exists() {
            return Ok(());
        }
        let kept = fs::copy(from, self.own.join(INDEX));
        kept.map(|_| ()).map_err(unusable_file("keep the index"))
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
            self.keep_index()?;
            return Ok(Vec::new());
        }
        let files = Program::new(&self.inner, "diff")
            .apart()
            .args(["--name-only", "--diff-filter=U", "-z"])
            .run()?
            .or_cannot("see what cannot be merged")?
            .text();
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
        let taken = Taken::of(self)?;
        let tree = parse_id(&taken.tree()?)?;
        let head = match head_of(&self.dir().join(".git")) {
            Some(head) if head != self.base => head,
            _ => self.base.clone(),
        };
        let commit = if taken.repo.commit(parse_id(&head)?)?.tree == tree {
            head
        } else {
            let commit = NewCommit {
                tree,
                parents: vec![parse_id(&head)?],
                message,
                time,
                identity,
            };
            taken.repo.write_commit(&commit)?.to_string()
        };
        if commit == self.base {
            return Ok(None);
        }
        taken.hand_over(&commit)?;
        Ok(Some(commit))
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        remove(&self.own);
    }
}

/// What somebody has left in a clone, seen from a Git directory of our own.
struct Taken<'w> {
    from: &'w Worktree,
    git_dir: PathBuf,
    repo: Repo,
    launch: Launch,
}

impl Taken<'_> {
    fn of(from: &Worktree) -> Result<Taken<'_>> {
        let git_dir = from.own.join(format!("{}.git", uuid::Uuid::new_v4()));
        let failed = || unusable_file(format!("make the folder `{}`", git_dir.display()));
        make_private(&git_dir).map_err(failed())?;
        let origin = Repo::open_sealed(&from.common_dir)?;
        init(&origin, &git_dir, true)?;
        let objects = from.dir().join(".git/objects");
        let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
        let is_whole = is_folder(&from.dir().join(".git")) && is_folder(&objects);
        let more = is_whole.then_some(objects);
        share(&origin, &git_dir, more.as_deref())?;
        let kept = from.own.join(INDEX);
        if kept.exists() {
            fs::copy(kept, git_dir.join("index")).map_err(failed())?;
        }
        let tree = from.dir();
        Ok(Taken {
            from,
            repo: Repo::open_sealed(&git_dir)?,
            launch: Launch::new((Some(&tree), &git_dir), true),
            git_dir,
        })
    }

    fn git(&self, subcommand: &str, args: &[&str], stdin: &[u8]) -> Result<String> {
        let program = Program::at(&self.launch, subcommand).apart().args(args);
        let ran = program.stdin(stdin).run()?;
        Ok(ran.or_cannot("take in what was changed")?.text())
    }

    /// The tree of what is there.
    fn tree(&self) -> Result<String> {
        // Git would look into them, by their own configuration.
        let staged = self.git("ls-files", &["--stage", "-z"], &[])?;
        let lines = staged
            .split('\0')
            .filter(|line| line.starts_with(SUBMODULE));
        let paths: Vec<&str> = lines
            .filter_map(|line| Some(line.split_once('\t')?.1))
            .collect();
        if !paths.is_empty() {
            let args = ["--assume-unchanged", "-z", "--stdin"];
            self.git("update-index", &args, (paths.join("\0") + "\0").as_bytes())?;
        }
        self.git("add", &["--all", "--", "."], &[])?;
        self.git("write-tree", &[], &[])
    }

    /// Have the repository that the clone comes from hold a commit, with everything behind it that is new.
    fn hand_over(&self, commit: &str) -> Result<()> {
        let origin = Repo::open_sealed(&self.from.common_dir)?;
        let wanted = format!("{commit}\n^{}\n", self.from.base);
        let name = self.git_dir.join("taken");
        let name = name.to_string_lossy();
        let args = [
            "--quiet",
            "--revs",
            "--no-reuse-delta",
            "--no-reuse-object",
            &name,
        ];
        let packed = self.git("pack-objects", &args, wanted.as_bytes())?;
        for hash in packed.lines() {
            let pack = origin
                .common_dir()
                .join(format!("objects/pack/pack-{hash}.pack"));
            if pack.exists() {
                continue;
            }
            let copied = fs::copy(self.git_dir.join(format!("taken-{hash}.pack")), &pack);
            copied.map_err(unusable_file(format!("write `{}`", pack.display())))?;
            // The ids are told anew, by what the objects hold.
            let indexed = Program::new(&origin, "index-pack").arg(&pack).run();
            let indexed = indexed.and_then(|indexed| indexed.or_cannot("take in what was changed"));
            if indexed.is_err() {
                fs::remove_file(&pack).ok();
            }
            indexed?;
        }
        origin.require(parse_id(commit)?)
    }
}

/// The commit that is checked out in a clone in which somebody worked, read as what it is: a few small files.
fn head_of(git_dir: &Path) -> Option<String> {
    if !git_dir.symlink_metadata().ok()?.is_dir() {
        return None;
    }
    let head = small_file(&git_dir.join("HEAD"))?;
    let Some(name) = head.trim_end().strip_prefix("ref: ") else {
        return is_id(head.trim_end());
    };
    let is_plain =
        name.starts_with("refs/") && !name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if !is_plain {
        return None;
    }
    if let Some(id) = small_file(&git_dir.join(name)) {
        return is_id(id.trim_end());
    }
    let packed = small_file(&git_dir.join("packed-refs"))?;
    let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
    lines
        .find(|(_, packed)| *packed == name)
        .and_then(|(id, _)| is_id(id))
}

fn is_id(text: &str) -> Option<String> {
    parse_id(text).ok().map(|id| id.to_string())
}

fn small_file(path: &Path) -> Option<String> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(MAX_REF_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A clone that shares the objects of a repository and nothing else, at a commit.
fn clone_at(repo: &Repo, tree: &Path, commit: &str) -> Result<Repo> {
    fs::create_dir(tree).map_err(unusable_file(format!("make `{}`", tree.display())))?;
    init(repo, tree, false)?;
    share(repo, &tree.join(".git"), None)?;
    let inner = Repo::open_sealed(tree)?;
    // Whoever commits there is who works here.
    let Identity { name, email } = repo.identity();
    for (key, value) in [("user.name", &name), ("user.email", &email)] {
        let set = Program::new(&inner, "config").args([key, value]).run()?;
        set.or_cannot(format!("set `{key}`"))?;
    }
    let checked_out = Program::new(&inner, "checkout")
        .apart()
        .args(["--quiet", "--detach", commit, "--"])
        .run()?;
    checked_out.or_cannot(format!("check out {commit}"))?;
    Ok(inner)
}

/// Make a repository without hooks, with ids as long as those of another.
fn init(like: &Repo, folder: &Path, is_bare: bool) -> Result<()> {
    // Of the older one earlier versions of Git need not be told.
    let format = Some(like.format()).filter(|format| *format != ObjectFormat::Sha1);
    let format = format.map(|format| format!("--object-format={format}"));
    let launch = Launch::new((None, folder), false);
    // What is left there is read as files, whatever the user's own repositories are.
    let made = Program::at(&launch, "init")
        .env("GIT_DEFAULT_REF_FORMAT", "files")
        .args(["--quiet", "--template="])
        .args(is_bare.then_some("--bare"))
        .args(format)
        .run()?;
    made.or_cannot(format!("make a repository in `{}`", folder.display()))?;
    Ok(())
}

/// Have a repository read the objects of another, and perhaps of one more; and know where history is cut off.
fn share(from: &Repo, git_dir: &Path, more: Option<&Path>) -> Result<()> {
    let failed = || unusable_file("share the objects of the repository".to_owned());
    let mut lines = Vec::new();
    let objects = whole_path(&from.common_dir().join("objects"));
    for folder in std::iter::once(objects).chain(more.map(whole_path)) {
        lines.extend_from_slice(folder.as_os_str().as_encoded_bytes());
        lines.push(b'\n');
    }
    let info = git_dir.join("objects/info");
    fs::create_dir_all(&info).map_err(failed())?;
    fs::write(info.join("alternates"), lines).map_err(failed())?;
    let shallow = from.common_dir().join("shallow");
    if from.is_shallow() {
        fs::copy(shallow, git_dir.join("shallow")).map_err(failed())?;
    }
    Ok(())
}

fn whole_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Have a partial clone hold the files of a commit: who works at it cannot get them.
fn have_files(repo: &Repo, commit: &str) -> Result<()> {
    if !repo.is_partial() {
        return Ok(());
    }
    let listed = Program::new(repo, "ls-tree")
        .args(["-r", "-z", "--full-tree", commit])
        .run()?
        .or_cannot(format!("list the files of {commit}"))?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let blobs = text.split('\0').filter_map(|line| {
        let mut words = line.split(['\t', ' ']).skip(1);
        (words.next() == Some("blob"))
            .then(|| words.next())
            .flatten()
    });
    let blobs: BTreeSet<_> = blobs.map(parse_id).collect::<Result<_>>()?;
    repo.have_all(&blobs)
}

fn bench_of(own: &Path) -> PathBuf {
    let mut name = own.as_os_str().to_owned();
    name.push(BENCH);
    name.into()
}

/// Remove the folders of processes that have died.
pub fn remove_stale(repo: &Repo) {
    for (own, _lock) in abandoned(repo) {
        tracing::debug!(folder = %own.display(), "removed: its process has died");
        remove(&own);
    }
}

/// The folders to work in of processes that have died.
pub fn stale(repo: &Repo) -> Vec<PathBuf> {
    let found = abandoned(repo).into_iter();
    found.map(|(own, _)| bench_of(&own)).collect()
}

/// What processes have left that died, each locked: nobody else removes it meanwhile.
fn abandoned(repo: &Repo) -> Vec<(PathBuf, File)> {
    let owner = whole_path(repo.common_dir());
    let entries = fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    let folders = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    let folders = folders.map(|entry| entry.path());
    let ours = folders.filter(|own| {
        let of = fs::read(own.join(OWNER));
        of.is_ok_and(|of| of == owner.as_os_str().as_encoded_bytes())
    });
    let locked = ours.filter_map(|own| {
        // Without a lock file another process is removing it already.
        let lock = File::open(own.join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        Some((own, lock))
    });
    locked.collect()
}

/// Remove what belongs to a folder to work in. A part that cannot be removed is a line in the log: the work is done all the
/// same.
fn remove(own: &Path) {
    for folder in [bench_of(own), own.to_owned()] {
        if let Err(error) = remove_all(&folder) {
            tracing::warn!(folder = %folder.display(), %error, "could not be removed");
        }
    }
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
        assert_eq!(stale(&repo), [""; 0].map(PathBuf::from));
        sandbox.git(&repo, &["fsck", "--strict"]);
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
        let files = sandbox.git(&repo, &["ls-tree", "-r", "--name-only", &made]);
        assert_eq!(files, ".gitignore\nnew");
        let parent = |commit: &str| sandbox.git(&repo, &["rev-parse", &format!("{commit}^")]);
        assert_eq!(parent(&made), first);

        let inner = Repo::open_sealed(&tree.dir()).unwrap();
        let own = sandbox.commit(&inner, &[("b", "2")]);
        assert_eq!(commit_all(&tree), Some(own.clone()), "nothing to add to it");
        assert_eq!(sandbox.git(&repo, &["show", &format!("{own}:b")]), "2");
        // On a branch of its own, packed.
        sandbox.git(&inner, &["switch", "-q", "-c", "mine"]);
        sandbox.git(&inner, &["pack-refs", "--all"]);
        fs::write(tree.dir().join("c"), "x").unwrap();
        let made = commit_all(&tree).unwrap();
        assert_eq!(parent(&made), own);
        sandbox.git(&repo, &["fsck", "--strict"]);
    }

    #[test]
    fn what_works_there_finds_neither_remotes_nor_the_configuration() {
        let sandbox = Sandbox::new();
        let hub = sandbox.bare("hub");
        let repo = sandbox.clone_of("hub", "clone", &[]);
        let first = sandbox.commit(&repo, &[("a", "1")]);
        let secret = "http.https://forge.example/.extraheader";
        sandbox.git(&repo, &["config", secret, "AUTHORIZATION: basic c2VjcmV0"]);
        let tree = Worktree::add(&repo, &first).unwrap();
        let inner = Repo::open_sealed(&tree.dir()).unwrap();
        let listed = sandbox.git(&inner, &["config", "--local", "--list"]);
        assert!(
            !listed.contains("remote.") && !listed.contains("extraheader"),
            "{listed}"
        );
        assert!(
            sandbox
                .git(&repo, &["config", "--local", "--list"])
                .contains("extraheader")
        );
        assert_eq!(sandbox.git(&inner, &["remote"]), "");
        assert_eq!(
            sandbox.git(&inner, &["rev-parse", "--git-common-dir"]),
            ".git"
        );
        drop(hub);
    }

    #[test]
    fn no_program_runs_that_a_command_has_configured() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let library = sandbox.repo("library");
        let at = sandbox.commit(&library, &[("x", "1")]);
        sandbox.commit(&repo, &[("a", "1")]);
        let entry = format!("160000,{at},sub");
        sandbox.git(&repo, &["update-index", "--add", "--cacheinfo", &entry]);
        sandbox.git(&repo, &["commit", "-q", "-m", "sub"]);
        let first = sandbox.git(&repo, &["rev-parse", "HEAD"]);
        let mark = sandbox.path("mark");
        let program = format!("touch {}; cat", mark.display());
        let tree = Worktree::add(&repo, &first).unwrap();
        let evil = |dir: &Path| {
            let inner = Repo::open_sealed(dir).unwrap();
            for key in [
                "filter.evil.clean",
                "filter.evil.process",
                "core.fsmonitor",
                "core.hooksPath",
            ] {
                sandbox.git(&inner, &["config", key, &program]);
            }
        };
        evil(&tree.dir());
        let sub = tree.dir().join("sub");
        fs::remove_dir_all(&sub).ok();
        let url = sandbox.path("library");
        sandbox.git(
            &repo,
            &["clone", "-q", url.to_str().unwrap(), sub.to_str().unwrap()],
        );
        evil(&sub);
        fs::write(sub.join("x"), "changed").unwrap();
        fs::write(tree.dir().join(".gitattributes"), "* filter=evil\n").unwrap();
        fs::write(tree.dir().join("a"), "2").unwrap();
        let made = commit_all(&tree).unwrap();
        assert_eq!(sandbox.git(&repo, &["show", &format!("{made}:a")]), "2");
        assert_eq!(
            sandbox.git(&repo, &["rev-parse", &format!("{made}:sub")]),
            at
        );
        assert!(!mark.exists());
        // What it has made of the Git directory is not followed.
        fs::remove_dir_all(tree.dir().join(".git")).unwrap();
        std::os::unix::fs::symlink(repo.common_dir(), tree.dir().join(".git")).unwrap();
        fs::write(tree.dir().join("a"), "3").unwrap();
        let made = commit_all(&tree).unwrap();
        assert_eq!(sandbox.git(&repo, &["show", &format!("{made}:a")]), "3");
        assert_eq!(
            sandbox.git(&repo, &["rev-parse", &format!("{made}^")]),
            first
        );
    }

    #[test]
    fn a_shallow_or_partial_clone_has_room_for_work_as_well() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("origin");
        for option in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
            sandbox.git(&repo, &["config", option, "true"]);
        }
        sandbox.commit(&repo, &[("a", "1")]);
        let last = sandbox.commit(&repo, &[("a", "2"), ("b/c", "3")]);
        for (name, option) in [
            ("shallow", "--depth=1"),
            ("partial", "--filter=blob:none"),
            ("treeless", "--filter=tree:0"),
        ] {
            let clone = sandbox.clone_of("origin", name, &["--no-checkout", option]);
            let tree = Worktree::add(&clone, &last).unwrap();
            assert_eq!(
                fs::read_to_string(tree.dir().join("b/c")).unwrap(),
                "3",
                "{name}"
            );
            fs::write(tree.dir().join("b/c"), "4").unwrap();
            let made = commit_all(&tree).unwrap();
            assert_eq!(
                sandbox.git(&clone, &["show", &format!("{made}:b/c")]),
                "4",
                "{name}"
            );
        }
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
        let other = sandbox.repo("other");
        assert_eq!(
            stale(&other),
            [""; 0].map(PathBuf::from),
            "it is none of theirs"
        );
        remove_stale(&other);
        assert_eq!(stale(&repo), std::slice::from_ref(&folder));
        remove_stale(&repo);
        assert!(!folder.exists());
        assert!(living.dir().join("a").exists());
        assert_eq!(stale(&repo), [""; 0].map(PathBuf::from));
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
