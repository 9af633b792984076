//! Commits on the user's own branch, through the user's own `git`: their hooks, their signing key
//! and their identity are in force.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

mod journal;

pub use journal::interrupted;

use super::id::Id;
use super::program::{Output, Program};
use super::read::file_at;
use super::{GitError, Head, Identity, Repo, Result, unusable_file};

/// How long to wait for somebody else who holds Git's index, or a ref.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long it is said that something is waited for.
const TOLD: Duration = Duration::from_secs(1);
/// Longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long to wait for another process of this program that commits here: hooks take their time.
const TURN: Duration = Duration::from_secs(20);

/// The right to change files here and commit them, one process of this program at a time. It ends
/// with the process, whatever becomes of that.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

impl Turn {
    /// Wait for it.
    ///
    /// # Errors
    /// `Busy` when it takes too long; `Unusable` when the lock cannot be made.
    pub fn take(repo: &Repo) -> Result<Turn> {
        let (turn, was_put_back) = Turn::take_and_tell(repo)?;
        if was_put_back {
            tracing::warn!("leftovers of an interrupted command were undone");
        }
        Ok(turn)
    }

    /// The same, and whether what an interrupted command had left behind was put back.
    ///
    /// # Errors
    /// As [`Turn::take`].
    pub fn take_and_tell(repo: &Repo) -> Result<(Turn, bool)> {
        let path = super::locks::turn_of(repo);
        let failed = || unusable_file(format!("make `{}`", path.display()));
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed())?;
        let lock = File::create(&path).map_err(failed())?;
        let mut pause = Pause::of(TURN);
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    let was_put_back = journal::put_back(repo)?;
                    return Ok((Turn { _lock: lock }, was_put_back));
                }
                Err(TryLockError::WouldBlock) if pause.rest() => {
                    pause.tell("another planspec process that is committing here");
                }
                Err(TryLockError::WouldBlock) => {
                    let why = "another planspec process has been committing here for a long time";
                    return Err(
                        GitError::Busy(why.to_owned()).advise("try again when it has finished")
                    );
                }
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
            }
        }
    }
}

/// Waiting for somebody else: longer each time, and not for ever.
struct Pause {
    end: Instant,
    next: Duration,
    told_from: Option<Instant>,
}

impl Pause {
    fn of(most: Duration) -> Pause {
        let now = Instant::now();
        Pause {
            end: now + most,
            next: Duration::from_millis(20),
            told_from: Some(now + TOLD),
        }
    }

    /// Say once what is waited for, when that takes long.
    fn tell(&mut self, what: &str) {
        if self.told_from.is_some_and(|from| Instant::now() >= from) {
            self.told_from = None;
            tracing::warn!("waiting for {what}");
        }
    }

    /// Wait a little. False when there is no time left.
    fn rest(&mut self) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        std::thread::sleep(self.next.min(left));
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        !left.is_zero()
    }
}

/// Files to write (`None`: to delete), by path.
pub type Files = [(String, Option<Vec<u8>>)];

/// What a commit is to say, and who is told of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Its message.
    pub message: &'a str,
    /// A variable that hooks find in their environment.
    pub for_hooks: Option<&'static str>,
    /// Who wrote it, where that is not who commits.
    pub author: Option<&'a Identity>,
}

/// Write files into the work tree and commit exactly those. What else is staged stays staged and is
/// not committed. The id of the commit; `None` when the files are in HEAD as they should be. `base`
/// is the commit by which it was decided what to write.
///
/// # Errors
/// `Busy` when one of the files has another content in HEAD than in `base`, or somebody else holds
/// Git's index; `Unusable` in a bare repository, when a path leads out of the work tree or through a
/// link, or when git does not want the commit. What was written is then put back.
pub fn commit_files(
    repo: &Repo,
    base: Option<&str>,
    files: &Files,
    asked: &Asked<'_>,
) -> Result<Option<String>> {
    let root = repo.workdir().ok_or_else(|| {
        GitError::Unusable("nothing can be committed in a bare repository".to_owned())
            .advise("run the command in a clone")
    })?;
    if files.is_empty() {
        // Without paths, git would take every file.
        return Ok(None);
    }
    check_head(repo)?;
    let places: Vec<PathBuf> = files
        .iter()
        .map(|(path, _)| place(root, path))
        .collect::<Result<_>>()?;
    check_base(repo, base, files)?;
    let mut attempt = Attempt {
        repo,
        head: repo.head()?.commit().map(str::to_owned),
        index: entries(repo, files)?,
        staged: BTreeMap::new(),
        written: Vec::new(),
        asked: *asked,
    };
    journal::begin(&attempt, files, &places)?;
    let made = attempt.make(files, &places);
    let outcome = made.map_err(|stopped| {
        let left = attempt.put_back();
        stopped.told(&left)
    });
    journal::end(repo);
    outcome
}

/// Whether a commit here would be on a branch, and by itself.
fn check_head(repo: &Repo) -> Result<()> {
    if let Some((what, command)) = repo.under_way() {
        let why = format!("{what} is in progress here, and the commit would become part of it");
        return Err(GitError::Unusable(why).advise(format!(
            "finish it first (`git status` shows how), or undo it with `git {command} --abort`"
        )));
    }
    let Head::Detached(commit) = repo.head()? else {
        return Ok(());
    };
    let mut branches = repo.local_branches()?.into_iter();
    let here = branches.find(|(_, tip)| *tip == commit);
    let branch = here.map_or_else(|| "BRANCH".to_owned(), |(name, _)| name);
    let why = "HEAD is detached, so a commit would be on no branch";
    let hint = format!("check out the branch first: `git switch {branch}`");
    Err(GitError::Unusable(why.to_owned()).advise(hint))
}

/// Whether HEAD has the files as `base` has them.
fn check_base(repo: &Repo, base: Option<&str>, files: &Files) -> Result<()> {
    let head = repo.head()?;
    if head.commit() == base {
        return Ok(());
    }
    for (path, _) in files {
        if file_in(repo, head.commit(), path)? != file_in(repo, base, path)? {
            let path = path.escape_debug();
            let why = format!("somebody else has just committed `{path}`; nothing was written");
            return Err(GitError::Busy(why).advise("check the other commit, then try again"));
        }
    }
    Ok(())
}

fn file_in(repo: &Repo, commit: Option<&str>, path: &str) -> Result<Option<Vec<u8>>> {
    match commit {
        Some(commit) => file_at(repo, commit, path),
        None => Ok(None),
    }
}

/// What stands in the index about a file: its lines of `git ls-files --stage`, one when it is not in
/// conflict.
type Entries = BTreeMap<String, Vec<String>>;

fn entries(repo: &Repo, files: &Files) -> Result<Entries> {
    let listed = Program::new(repo, "ls-files")
        .for_user()
        .args(["--stage", "-z", "--full-name", "--"])
        .args(files.iter().map(|(path, _)| literal(path)))
        .run()?
        .or_cannot("read the index")?;
    let mut found = Entries::new();
    for line in listed.stdout.split(|byte| *byte == 0) {
        let line = String::from_utf8_lossy(line);
        if let Some((entry, path)) = line.split_once('\t') {
            let of_path = found.entry(path.to_owned()).or_default();
            of_path.push(entry.to_owned());
        }
    }
    Ok(found)
}

/// A file that this process has written, and what was there.
struct Written<'f> {
    path: &'f str,
    place: &'f Path,
    content: Option<&'f [u8]>,
    before: Option<(Vec<u8>, Option<Permissions>)>,
}

/// A commit that is being made, and what is known of how it was before.
struct Attempt<'f> {
    repo: &'f Repo,
    head: Option<String>,
    index: Entries,
    staged: Entries,
    written: Vec<Written<'f>>,
    asked: Asked<'f>,
}

/// Why there is no commit.
enum Stopped {
    /// git did not want to: what was tried, in git's words why, and whether it is somebody else's doing.
    Refused {
        tried: &'static str,
        said: String,
        is_busy: bool,
    },
    Failed(GitError),
}

impl From<GitError> for Stopped {
    fn from(error: GitError) -> Stopped {
        Stopped::Failed(error)
    }
}

impl Stopped {
    /// The error, with what is on disk now.
    fn told(self, left: &[String]) -> GitError {
        let now = match left {
            [] => "everything was restored".to_owned(),
            left => format!("not restored: {}", left.join(", ")),
        };
        match self {
            Stopped::Failed(error) => GitError::Unusable(format!("{error}; {now}")),
            Stopped::Refused {
                tried,
                said,
                is_busy: false,
            } => GitError::Unusable(format!("cannot {tried}; {now}: {said}")),
            Stopped::Refused { tried, said, .. } => {
                let why =
                    format!("cannot {tried}, because another process holds a lock; {now}: {said}");
                GitError::Busy(why).advise(
                    "try again when it has finished; if no Git process is running, remove the lock \
                     file that Git names",
                )
            }
        }
    }
}

impl<'f> Attempt<'f> {
    fn make(
        &mut self,
        files: &'f Files,
        places: &'f [PathBuf],
    ) -> std::result::Result<Option<String>, Stopped> {
        for ((path, content), place) in files.iter().zip(places) {
            let cannot = || unusable_file(format!("write `{path}`"));
            let before = match (fs::read(place), fs::metadata(place)) {
                (Ok(bytes), Ok(found)) => Some((bytes, Some(found.permissions()))),
                _ => None,
            };
            let written = match content {
                Some(bytes) => write_file(place, bytes),
                None => remove_file(place),
            };
            written.map_err(cannot())?;
            self.written.push(Written {
                path,
                place,
                content: content.as_deref(),
                before,
            });
        }
        let paths: Vec<String> = files.iter().map(|(path, _)| literal(path)).collect();
        let changed = self.stage(&paths, files)?;
        if changed.is_empty() {
            return Ok(None);
        }
        self.git("commit", || {
            let git = Program::new(self.repo, "commit").for_user();
            let git = match self.asked.for_hooks {
                Some(variable) => git.env(variable, "1"),
                None => git,
            };
            let author = self.asked.author;
            let author = author.map(|by| format!("--author={} <{}>", by.name, by.email));
            git.args(["--quiet", "--only", "--cleanup=whitespace", "--file=-"])
                .args(author)
                .arg("--")
                .args(&changed)
                .stdin(format!("{}\n", self.asked.message.trim_end()))
        })?;
        match self.repo.head()?.commit() {
            Some(commit) => Ok(Some(commit.to_owned())),
            None => Err(Stopped::Failed(GitError::Unusable(
                "git made a commit, but HEAD does not point to it".to_owned(),
            ))),
        }
    }

    /// Run git, again for a while as long as somebody else holds what it needs.
    fn git<'p>(
        &self,
        tried: &'static str,
        program: impl Fn() -> Program<'p>,
    ) -> std::result::Result<Output, Stopped> {
        let mut pause = Pause::of(PATIENCE);
        loop {
            let output = program().run()?;
            if output.success() {
                return Ok(output);
            }
            let is_held = is_held(self.repo, &output);
            if is_held && pause.rest() {
                pause.tell("another process that holds a lock of Git");
                continue;
            }
            let has_moved = self.repo.head()?.commit() != self.head.as_deref();
            return Err(Stopped::Refused {
                tried,
                said: output.complaint(),
                is_busy: is_held || has_moved,
            });
        }
    }

    /// Stage these files as they lie in the work tree; which of them differ from HEAD.
    fn stage(
        &mut self,
        paths: &[String],
        files: &Files,
    ) -> std::result::Result<Vec<String>, Stopped> {
        let git = |subcommand: &str| Program::new(self.repo, subcommand).for_user();
        // git refuses paths that are neither in the work tree nor known to it.
        let known = self.git("list the files", || {
            let list = git("ls-files").args(["-z", "--cached", "--others", "--"]);
            list.args(paths)
        })?;
        let known = between_nul(&known.stdout);
        if !known.is_empty() {
            self.git("stage the files", || {
                let sparse = self.repo.is_sparse().then_some("--sparse");
                git("add").arg("--all").args(sparse).arg("--").args(&known)
            })?;
        }
        let head = head_or_empty(self.repo)?;
        let changed = self.git("compare the files with HEAD", || {
            git("diff-index")
                .args(["--cached", "--name-only", "--no-renames", "-z"])
                .args([&head, "--"])
                .args(paths)
        })?;
        self.staged = entries(self.repo, files)?;
        Ok(between_nul(&changed.stdout))
    }

    /// What this process wrote and staged becomes what it was; what somebody else has written since,
    /// or has committed, stays. What could not be put back.
    fn put_back(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut lines = String::new();
        for written in self.written.iter().rev() {
            let path = written.path;
            match self.put_back_file(written) {
                Ok(Some(index)) => lines.push_str(&index),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(path, %error, "a file could not be restored");
                    left.push(format!("`{}`", path.escape_debug()));
                }
            }
        }
        if lines.is_empty() {
            return left;
        }
        let restored = self.git("put back what was staged", || {
            let update = Program::new(self.repo, "update-index").for_user();
            update.args(["-z", "--index-info"]).stdin(lines.clone())
        });
        if restored.is_err() {
            left.push("what is staged".to_owned());
        }
        left
    }

    /// Put back one file; what its place in the index is to become, when that is still as this
    /// process left it.
    fn put_back_file(&self, written: &Written<'_>) -> Result<Option<String>> {
        let path = written.path;
        let head = self.repo.head()?;
        let committed = file_in(self.repo, head.commit(), path)?;
        let is_mine = fs::read(written.place).ok().as_deref() == written.content;
        let was = file_in(self.repo, self.head.as_deref(), path)?;
        let (before, staged) = (self.index.get(path), self.staged.get(path));
        let now = entries(self.repo, &[(path.to_owned(), None)])?;
        let is_mine_staged = staged != before && now.get(path) == staged;
        let gone = format!("0 {}\t{path}\0", Id::none(self.repo.format()));
        if committed != was {
            // Somebody else has committed it: theirs stays, and mine gives way to it.
            if committed.as_deref() == written.content {
                return Ok(None);
            }
            if is_mine {
                restore(
                    written.place,
                    committed.as_deref().map(|bytes| (bytes, None)),
                )?;
            }
            let listed = Program::new(self.repo, "ls-tree")
                .args(["-z", "--full-tree", "HEAD", "--"])
                .arg(path)
                .run()?;
            let theirs = String::from_utf8_lossy(&listed.stdout).into_owned();
            return Ok(is_mine_staged.then(|| gone + &theirs));
        }
        if is_mine {
            let before = written.before.as_ref();
            let before = before.map(|(bytes, mode)| (bytes.as_slice(), mode.as_ref()));
            restore(written.place, before)?;
        }
        if !is_mine_staged {
            return Ok(None);
        }
        let lines = before.into_iter().flatten();
        let lines = lines.map(|entry| format!("{entry}\t{path}\0"));
        Ok(Some([gone].into_iter().chain(lines).collect()))
    }
}

/// The lock that git takes before it changes the index.
fn index_lock(repo: &Repo) -> PathBuf {
    let index = repo.launch.index.clone();
    let index = index.unwrap_or_else(|| repo.git_dir().join("index"));
    PathBuf::from(format!("{}.lock", index.display()))
}

/// Whether git did not go on because somebody else holds a lock, or has moved a ref that it wanted
/// to move.
fn is_held(repo: &Repo, output: &Output) -> bool {
    let said = &output.stderr;
    let names_lock = said.contains(".lock'") || said.contains(".lock\"");
    (names_lock && (said.contains("File exists") || index_lock(repo).exists()))
        || said.contains("cannot lock ref")
}

fn restore(place: &Path, before: Option<(&[u8], Option<&Permissions>)>) -> Result<()> {
    let restored = match before {
        Some((bytes, mode)) => write_file(place, bytes).and_then(|()| match mode {
            Some(mode) => fs::set_permissions(place, mode.clone()),
            None => Ok(()),
        }),
        None => remove_file(place),
    };
    restored.map_err(unusable_file(format!("write `{}`", place.display())))
}

/// A path as a pathspec that matches nothing else. Not by an option of git, which would reach
/// the user's hooks.
fn literal(path: &str) -> String {
    format!(":(literal){path}")
}

/// What the index is compared with.
fn head_or_empty(repo: &Repo) -> Result<String> {
    match repo.head()?.commit() {
        Some(commit) => Ok(commit.to_owned()),
        None => repo.write_empty_tree().map(|tree| tree.to_string()),
    }
}

/// Paths between NUL bytes, as pathspecs.
fn between_nul(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
        .map(|part| literal(&String::from_utf8_lossy(part)))
        .collect()
}

/// Where `path` lies: below the root, not in `.git`, not behind a link, and not a folder.
fn place(root: &Path, path: &str) -> Result<PathBuf> {
    let refuse = |why: &str| {
        Err(GitError::Unusable(format!(
            "`{}` cannot be written: {why}",
            path.escape_debug()
        )))
    };
    let mut place = root.to_owned();
    let mut last = None;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) if name.eq_ignore_ascii_case(".git") => {
                return refuse("it is inside Git's own folder");
            }
            Component::Normal(name) => place.push(name),
            _ => return refuse("it is not a path from the repository's root"),
        }
        last = match place.symlink_metadata() {
            Ok(found) => Some(found.file_type()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return refuse(&error.to_string()),
        };
        if last.is_some_and(|kind| kind.is_symlink()) {
            return refuse("a symbolic link is on the path");
        }
    }
    if place == root {
        return refuse("it is not a path from the repository's root");
    }
    match last {
        Some(kind) if !kind.is_file() => refuse("something other than a file is there"),
        _ => Ok(place),
    }
}

/// Where a process writes a file before it has that name.
fn draft_of(place: &Path, process: u32) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.{process}.tmp"))
}

/// Whole or not at all, with the permissions of the file that was there.
pub(super) fn write_file(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)?;
    let draft = draft_of(place, std::process::id());
    let written = fs::write(&draft, bytes)
        .and_then(|()| match fs::metadata(place) {
            Ok(found) => fs::set_permissions(&draft, found.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&draft, place));
    if written.is_err() {
        fs::remove_file(&draft).ok();
    }
    written
}

fn remove_file(place: &Path) -> std::io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::git::testing::Sandbox;

    fn file(path: &str, text: &str) -> (String, Option<Vec<u8>>) {
        (path.to_owned(), Some(text.as_bytes().to_vec()))
    }

    /// Decided by what HEAD has now.
    fn saying(message: &str) -> Asked<'_> {
        Asked {
            message,
            ..Asked::default()
        }
    }

    fn commit_files(repo: &Repo, files: &Files, message: &str) -> Result<Option<String>> {
        let head = repo.head()?;
        super::commit_files(repo, head.commit(), files, &saying(message))
    }

    fn gone(path: &str) -> (String, Option<Vec<u8>>) {
        (path.to_owned(), None)
    }

    #[test]
    fn exactly_the_named_files_are_committed() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("other", "1"), ("planspec/old.yaml", "old")]);
        sandbox.write(&repo, "other", "staged");
        sandbox.git(&repo, &["add", "other"]);
        sandbox.write(&repo, "untracked", "x");
        let files = [
            file("planspec/goals/a.yaml", "a"),
            file("planspec/*.yaml", "a name, not a pattern"),
            gone("planspec/old.yaml"),
            gone("planspec/never.yaml"),
        ];
        let made = commit_files(&repo, &files, "Add a goal\n\n# not a comment\n").unwrap();
        let made = made.unwrap();
        assert_eq!(repo.head().unwrap().commit(), Some(made.as_str()));
        let log = sandbox.git(&repo, &["log", "-1", "--format=%P|%an|%B"]);
        assert_eq!(log, format!("{first}|Ana|Add a goal\n\n# not a comment"));
        let changed = sandbox.git(&repo, &["show", "--format=", "--name-status", "HEAD"]);
        assert_eq!(
            changed,
            "A\tplanspec/*.yaml\nA\tplanspec/goals/a.yaml\nD\tplanspec/old.yaml"
        );
        let left = sandbox.git(&repo, &["status", "--porcelain"]);
        assert_eq!(left, "M  other\n?? untracked");
        let content = file_at(&repo, &made, "planspec/goals/a.yaml").unwrap();
        assert_eq!(content, Some(b"a".to_vec()));
    }

    /// What a process leaves that is killed: the journal, and as much as it had done.
    #[test]
    fn what_an_interrupted_commit_leaves_is_put_back_by_the_next() {
        for (staged, committed) in [(false, false), (true, false), (true, true)] {
            let sandbox = Sandbox::new();
            let repo = sandbox.repo("one");
            sandbox.commit(
                &repo,
                &[("a.yaml", "old"), ("gone.yaml", "here"), ("other", "1")],
            );
            sandbox.write(&repo, "other", "mine");
            let files = [
                file("a.yaml", "new"),
                file("b/new.yaml", "x"),
                gone("gone.yaml"),
            ];
            let root = repo.workdir().unwrap();
            let places: Vec<PathBuf> = files
                .iter()
                .map(|(path, _)| place(root, path).unwrap())
                .collect();
            let attempt = Attempt {
                repo: &repo,
                head: repo.head().unwrap().commit().map(str::to_owned),
                index: entries(&repo, &files).unwrap(),
                staged: BTreeMap::new(),
                written: Vec::new(),
                asked: Asked::default(),
            };
            journal::begin(&attempt, &files, &places).unwrap();
            write_file(&places[0], b"new").unwrap();
            write_file(&places[1], b"x").unwrap();
            remove_file(&places[2]).unwrap();
            fs::write(draft_of(&places[1], std::process::id()), "half").unwrap();
            if staged {
                sandbox.git(&repo, &["add", "-A", "a.yaml", "b/new.yaml", "gone.yaml"]);
            }
            if committed {
                sandbox.git(
                    &repo,
                    &[
                        "commit",
                        "-q",
                        "-m",
                        "made",
                        "a.yaml",
                        "b/new.yaml",
                        "gone.yaml",
                    ],
                );
            }
            Turn::take(&repo).unwrap();
            assert_eq!(
                sandbox.git(&repo, &["status", "--porcelain"]),
                " M other",
                "{staged} {committed}"
            );
            let now = fs::read_to_string(&places[0]).unwrap();
            assert_eq!(now, if committed { "new" } else { "old" });
            // Once is enough.
            sandbox.write(&repo, "a.yaml", "new");
            Turn::take(&repo).unwrap();
            assert_eq!(fs::read_to_string(&places[0]).unwrap(), "new");
        }
    }

    #[test]
    fn the_first_commit_of_a_repository() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let made = commit_files(&repo, &[file("planspec/a.yaml", "a")], "x").unwrap();
        assert_eq!(repo.head().unwrap().commit(), made.as_deref());
    }

    #[test]
    fn files_that_are_as_they_should_be_make_no_commit() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a.yaml", "a")]);
        sandbox.write(&repo, "other", "staged");
        sandbox.write(&repo, "b.yaml", "staged and not wanted after all");
        sandbox.git(&repo, &["add", "-A"]);
        for files in [vec![file("a.yaml", "a")], vec![gone("b.yaml")], vec![]] {
            assert_eq!(commit_files(&repo, &files, "x").unwrap(), None, "{files:?}");
        }
        assert_eq!(repo.head().unwrap().commit(), Some(first.as_str()));
    }

    #[test]
    fn on_no_branch_nothing_is_committed() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a.yaml", "a")]);
        sandbox.git(&repo, &["checkout", "-q", "--detach"]);
        let error = commit_files(&repo, &[file("a.yaml", "b")], "x").unwrap_err();
        assert!(error.to_string().contains("HEAD is detached"), "{error}");
        assert_eq!(repo.head().unwrap(), Head::Detached(first));
        assert_eq!(sandbox.git(&repo, &["status", "--porcelain"]), "");
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused_before_anything_is_written() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("folder/x", "x")]);
        let root = repo.workdir().unwrap();
        let outside = sandbox.path("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, root.join("link")).unwrap();
        symlink("folder/x", root.join("file")).unwrap();
        let table = [
            ("link/a.yaml", "symbolic link"),
            ("file", "symbolic link"),
            ("../a.yaml", "not a path"),
            ("/tmp/a.yaml", "not a path"),
            ("", "not a path"),
            (".", "not a path"),
            (".git/hooks/a", "Git's own"),
            ("sub/.GIT/config", "Git's own"),
            ("folder", "other than a file"),
        ];
        for (path, expected) in table {
            let files = [file("fine.yaml", "x"), file(path, "x")];
            let error = commit_files(&repo, &files, "x").unwrap_err().to_string();
            assert!(error.contains(expected), "{path}: {error}");
        }
        assert!(!root.join("fine.yaml").exists());
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }

    #[test]
    fn a_bare_repository_takes_no_commits() {
        let sandbox = Sandbox::new();
        let repo = sandbox.bare("one");
        let error = commit_files(&repo, &[file("a", "a")], "x").unwrap_err();
        assert!(error.to_string().contains("bare repository"), "{error}");
    }

    #[test]
    fn a_hook_of_the_users_has_the_last_word() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let hook = repo.common_dir().join("hooks/pre-commit");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, "#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        let error = commit_files(&repo, &[file("a.yaml", "a")], "x").unwrap_err();
        assert!(error.to_string().contains("not on a Friday"), "{error}");
        assert_eq!(repo.head().unwrap().commit(), None);
        let left = sandbox.git(&repo, &["status", "--porcelain"]);
        assert_eq!(left, "", "everything was restored");
    }

    /// What happens between the staging and the commit.
    fn in_between(repo: &Repo, script: &str) {
        let hook = repo.common_dir().join("hooks/pre-commit");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[test]
    fn what_somebody_else_writes_in_between_stays_and_so_does_what_was_staged() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("mine.yaml", "mine"), ("both.yaml", "old")]);
        in_between(
            &repo,
            "echo theirs >theirs.yaml; echo theirs >both.yaml; exit 1",
        );
        sandbox.write(&repo, "mine.yaml", "staged before");
        sandbox.git(&repo, &["add", "mine.yaml"]);
        sandbox.write(&repo, "mine.yaml", "and changed again");
        let paths = ["mine.yaml", "both.yaml", "theirs.yaml", "sub/new.yaml"];
        let error = commit_files(&repo, &paths.map(|path| file(path, "ours")), "x").unwrap_err();
        assert!(matches!(error, GitError::Unusable(_)), "{error:?}");
        let root = repo.workdir().unwrap();
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        assert_eq!(read("theirs.yaml").as_deref(), Some("theirs\n"));
        assert_eq!(read("both.yaml").as_deref(), Some("theirs\n"));
        assert_eq!(read("mine.yaml").as_deref(), Some("and changed again"));
        assert_eq!(read("sub/new.yaml"), None);
        assert_eq!(sandbox.git(&repo, &["show", ":mine.yaml"]), "staged before");
        let left = sandbox.git(&repo, &["status", "--porcelain"]);
        assert_eq!(left, " M both.yaml\nMM mine.yaml\n?? theirs.yaml");
    }

    #[test]
    fn what_somebody_else_commits_in_between_stays() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.commit(&repo, &[("other.yaml", "mine")]);
        let script = "git cat-file -e HEAD:theirs.yaml 2>/dev/null && exit 1\n\
            blob=$(echo theirs | git hash-object -w --stdin)\n\
            tree=$( (git ls-tree HEAD; printf '100644 blob %s\\ttheirs.yaml\\n' $blob) | git mktree)\n\
            git update-ref HEAD $(git commit-tree -p HEAD -m theirs $tree)";
        in_between(&repo, script);
        let files = [file("theirs.yaml", "ours"), file("new.yaml", "ours")];
        let error = commit_files(&repo, &files, "x").unwrap_err();
        assert!(
            error.to_string().contains("another process holds a lock"),
            "{error}"
        );
        let text = fs::read_to_string(repo.workdir().unwrap().join("theirs.yaml"));
        assert_eq!(text.unwrap(), "theirs\n");
        assert_eq!(sandbox.git(&repo, &["status", "--porcelain"]), "");
    }

    #[test]
    fn what_was_decided_by_an_older_commit_is_refused_where_that_has_changed() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a.yaml", "1")]);
        sandbox.commit(&repo, &[("a.yaml", "2"), ("b.yaml", "2")]);
        let commit =
            |path: &str| super::commit_files(&repo, Some(&first), &[file(path, "3")], &saying("x"));
        for path in ["a.yaml", "b.yaml"] {
            let error = commit(path).unwrap_err().to_string();
            assert!(
                error.contains(path) && error.contains("somebody else"),
                "{error}"
            );
        }
        assert_eq!(sandbox.git(&repo, &["status", "--porcelain"]), "");
        assert!(commit("c.yaml").unwrap().is_some(), "nobody has touched it");
    }

    #[test]
    fn permissions_stay_and_no_draft_is_left() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        sandbox.write(&repo, "a.yaml", "a");
        let path = repo.workdir().unwrap().join("a.yaml");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        commit_files(&repo, &[file("a.yaml", "b")], "x").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(sandbox.git(&repo, &["status", "--porcelain"]), "");
    }

    #[test]
    fn in_a_linked_work_tree_the_commit_is_on_its_branch() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a.yaml", "a")]);
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
        let made = commit_files(&linked, &[file("b.yaml", "b")], "x").unwrap();
        let branches = repo.local_branches().unwrap();
        assert_eq!(branches.get("side"), made.as_ref());
        assert_eq!(branches["main"], first);
    }
}
