//! A commit for a branch that nobody has checked out here: no index, no work tree, no hooks. It moves no ref.

use super::commit::Files;
use super::folders::Folders;
use super::id::parse_id;
use super::object::{EntryKind, NewCommit};
use super::pack::Sink;
use super::read::entry_at;
use super::{GitError, Identity, Repo, Result};
use crate::core::resource::Time;

/// A commit that has other files than its parent, or without one, the first. Author and committer are `by`; the same values give the same id.
///
/// # Errors
/// `Unusable` when a path is none, or something else than a file stands there.
pub fn commit_on(
    repo: &Repo,
    parent: Option<&str>,
    files: &Files,
    message: &str,
    (time, by): (Time, &Identity),
) -> Result<String> {
    let parent_id = parent.map(parse_id).transpose()?;
    let before = parent_id.map(|id| repo.commit(id)).transpose()?;
    let sink = Sink::new(repo);
    let mut folders = Folders::new(repo, before.map(|before| before.tree))?;
    for (path, content) in files {
        check(repo, parent, path)?;
        let blob = content.as_deref().map(|bytes| sink.blob(bytes));
        folders.set(path, blob.transpose()?)?;
    }
    let tree = folders.write(&sink)?;
    sink.end()?;
    let commit = NewCommit {
        tree,
        parents: parent_id.into_iter().collect(),
        message,
        time,
        identity: by,
    };
    repo.write_commit(&commit).map(|id| id.to_string())
}

/// Whether a file can stand at a path: every checkout can bear it, and nothing else is there.
fn check(repo: &Repo, parent: Option<&str>, path: &str) -> Result<()> {
    let refuse = |why: &str| {
        let path = path.escape_debug();
        Err(GitError::Unusable(format!(
            "`{path}` cannot be written: {why}"
        )))
    };
    let is_plain = |part: &str| {
        !["", ".", ".."].contains(&part)
            && !part.eq_ignore_ascii_case(".git")
            && !part.contains(['\\', ':'])
            && !part.contains(char::is_control)
    };
    if !path.split('/').all(is_plain) {
        return refuse("it is not a path from the repository's root");
    }
    let there = parent.map(|parent| entry_at(repo, parent, path));
    match there.transpose()?.flatten() {
        Some((_, mode)) if EntryKind::of(mode) != EntryKind::File => {
            refuse("something other than a file is there")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::Sandbox;
    use super::*;

    fn by() -> Identity {
        Identity {
            name: "Ana".to_owned(),
            email: "ana@example.com".to_owned(),
        }
    }

    fn files(changes: &[(&str, Option<&str>)]) -> Vec<(String, Option<Vec<u8>>)> {
        let owned = |(path, text): &(&str, Option<&str>)| {
            ((*path).to_owned(), text.map(|text| text.into()))
        };
        changes.iter().map(owned).collect()
    }

    fn at(time: &str) -> Time {
        time.parse().unwrap()
    }

    #[test]
    fn the_tree_has_the_files_and_everything_else_as_it_was() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let parent = sandbox.commit(
            &repo,
            &[("a/b/one.yaml", "1"), ("a/two.yaml", "2"), ("x", "x")],
        );
        sandbox.git(&repo, &["update-index", "--chmod=+x", "x"]);
        sandbox.git(&repo, &["commit", "-qm", "x is a program"]);
        let parent_now = sandbox.git(&repo, &["rev-parse", "HEAD"]);
        assert_ne!(parent, parent_now);
        let changes = files(&[
            ("a/b/one.yaml", None),
            ("new/deep/three.yaml", Some("3")),
            ("x", Some("y")),
            ("a/nothing.yaml", None),
        ]);
        let now = at("2026-03-01T09:00:00Z");
        let id = commit_on(&repo, Some(&parent_now), &changes, "Three", (now, &by())).unwrap();
        let listed = sandbox.git(
            &repo,
            &["ls-tree", "-r", "--format=%(objectmode) %(path)", &id],
        );
        assert_eq!(
            listed,
            "100644 a/two.yaml\n100644 new/deep/three.yaml\n100755 x"
        );
        let shown = sandbox.git(&repo, &["log", "-1", "--format=%an <%ae> %s %P %at", &id]);
        assert_eq!(
            shown,
            format!("Ana <ana@example.com> Three {parent_now} 1772355600")
        );
        sandbox.git(&repo, &["fsck", "--strict"]);
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        std::os::unix::fs::symlink("/etc", sandbox.path("one").join("link")).unwrap();
        sandbox.git(&repo, &["add", "link"]);
        let parent = sandbox.commit(&repo, &[("a/b", "1")]);
        let now = at("2026-03-01T09:00:00Z");
        for path in [
            "../x",
            "/x",
            "a//b",
            ".git/config",
            "a/.GIT/x",
            "a\\b",
            "link",
            "link/x",
            "a",
            "a/b/c",
            "a\nb",
        ] {
            let changes = files(&[(path, Some("x"))]);
            let made = commit_on(&repo, Some(&parent), &changes, "no", (now, &by()));
            assert!(
                matches!(made, Err(GitError::Unusable(_))),
                "{path:?}: {made:?}"
            );
        }
    }
}
