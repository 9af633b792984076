//! Commits on the user's own branch, through the user's own `git`: their hooks, their signing key
//! and their identity are in force.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::program::Program;
use super::{GitError, Repo, Result, unusable_file};

/// Write files into the work tree (`None`: delete them) and commit exactly those. What else is
/// staged stays staged and is not committed. The id of the commit; `None` when the files are in
/// HEAD as they should be.
///
/// # Errors
/// `Unusable` in a bare repository, when a path leads out of the work tree or through a link
/// (then nothing is written), or when git does not want the commit (then everything is put back).
pub fn commit_files(
    repo: &Repo,
    files: &[(String, Option<Vec<u8>>)],
    message: &str,
) -> Result<Option<String>> {
    let root = repo.workdir().ok_or_else(|| {
        GitError::Unusable(
            "this is a bare repository, in which nothing can be committed: do it in a clone"
                .to_owned(),
        )
    })?;
    if files.is_empty() {
        // Without paths, git would take every file.
        return Ok(None);
    }
    let places: Vec<PathBuf> = files
        .iter()
        .map(|(path, _)| place(root, path))
        .collect::<Result<_>>()?;
    let before: Vec<Option<Vec<u8>>> = places.iter().map(|place| fs::read(place).ok()).collect();
    for ((path, content), place) in files.iter().zip(&places) {
        let written = match content {
            Some(bytes) => write_file(place, bytes),
            None => remove_file(place),
        };
        written.map_err(unusable_file(format!("write `{path}`")))?;
    }
    let paths: Vec<String> = files.iter().map(|(path, _)| literal(path)).collect();
    let changed = stage(repo, &paths)?;
    if changed.is_empty() {
        return Ok(None);
    }
    let committed = Program::new(repo, "commit")
        .for_user()
        .args(["--quiet", "--only", "--cleanup=whitespace", "--file=-"])
        .arg("--")
        .args(&changed)
        .stdin(format!("{}\n", message.trim_end()))
        .run()?;
    if let Err(refused) = committed.or_cannot("commit; everything is as it was") {
        put_back(repo, &places, &before, &changed);
        return Err(refused);
    }
    match repo.head()?.commit() {
        Some(commit) => Ok(Some(commit.to_owned())),
        None => Err(GitError::Unusable(
            "git made a commit, and HEAD does not name it".to_owned(),
        )),
    }
}

/// Git did not want the commit: the files and what is staged of them become what they were.
fn put_back(repo: &Repo, places: &[PathBuf], before: &[Option<Vec<u8>>], staged: &[String]) {
    for (place, bytes) in places.iter().zip(before) {
        let restored = match bytes {
            Some(bytes) => write_file(place, bytes),
            None => remove_file(place),
        };
        if let Err(error) = restored {
            tracing::warn!(place = %place.display(), %error, "a file could not be put back");
        }
    }
    let unstaged = Program::new(repo, "reset")
        .for_user()
        .args(["--quiet", "--"])
        .args(staged)
        .run();
    if let Err(error) = unstaged {
        tracing::warn!(%error, "what was staged could not be put back");
    }
}

/// Stage these files as they lie in the work tree; which of them differ from HEAD.
fn stage(repo: &Repo, paths: &[String]) -> Result<Vec<String>> {
    let git = |subcommand: &str| Program::new(repo, subcommand).for_user();
    // git refuses paths that are neither in the work tree nor known to it.
    let known = git("ls-files")
        .args(["-z", "--cached", "--others", "--"])
        .args(paths)
        .run()?
        .or_cannot("list the files")?;
    let known = between_nul(&known.stdout);
    if !known.is_empty() {
        let add = git("add").args(["--all", "--"]).args(&known);
        add.run()?.or_cannot("stage the files")?;
    }
    let changed = git("diff-index")
        .args(["--cached", "--name-only", "--no-renames", "-z"])
        .args([&head_or_empty(repo)?, "--"])
        .args(paths)
        .run()?
        .or_cannot("compare the files with HEAD")?;
    Ok(between_nul(&changed.stdout))
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
                return refuse("it lies in Git's own folder");
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
            return refuse("a symbolic link lies on the way");
        }
    }
    if place == root {
        return refuse("it is not a path from the repository's root");
    }
    match last {
        Some(kind) if !kind.is_file() => refuse("something else than a file is there"),
        _ => Ok(place),
    }
}

/// Whole or not at all, with the permissions of the file that was there.
fn write_file(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}.tmp", std::process::id()));
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
    use crate::git::read::file_at;
    use crate::git::testing::Sandbox;

    fn file(path: &str, text: &str) -> (String, Option<Vec<u8>>) {
        (path.to_owned(), Some(text.as_bytes().to_vec()))
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
    fn on_a_detached_head_the_commit_is_on_it() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let first = sandbox.commit(&repo, &[("a.yaml", "a")]);
        sandbox.git(&repo, &["checkout", "-q", "--detach"]);
        let made = commit_files(&repo, &[file("a.yaml", "b")], "x").unwrap();
        assert_eq!(repo.head().unwrap().commit(), made.as_deref());
        assert_eq!(repo.local_branches().unwrap()["main"], first);
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
            ("folder", "else than a file"),
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
        assert_eq!(left, "", "everything is as it was");
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
