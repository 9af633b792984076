//! Commits, newest first, for whoever says which of their parents to follow.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::id::parse_id;
use super::object::EntryKind;
use super::read::entry_in;
use super::{Identity, Repo, Result};
use crate::core::resource::Time;

/// A commit, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit {
    /// When it was made, by the committer's clock.
    pub time: Option<Time>,
    /// Its id.
    pub id: String,
    /// The id of its tree.
    pub tree: String,
    /// Its parents.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: Identity,
    /// The first line of its message.
    pub subject: String,
}

/// A commit; `None` when it is not here, as behind the end of a shallow clone.
///
/// # Errors
/// `Unusable` when it is broken, or no commit.
pub fn commit(repo: &Repo, id: &str) -> Result<Option<Commit>> {
    let oid = parse_id(id)?;
    if repo.header(oid)?.is_none() {
        return Ok(None);
    }
    let raw = repo.commit(oid)?;
    Ok(Some(Commit {
        time: raw.time,
        id: id.to_owned(),
        tree: raw.tree.to_string(),
        parents: raw.parents.iter().map(ToString::to_string).collect(),
        author: author(&raw.author),
        subject: raw.message.lines().next().unwrap_or_default().to_owned(),
    }))
}

/// `Name <e-mail> seconds zone`
fn author(line: &str) -> Identity {
    let (name, behind) = line.split_once('<').unwrap_or((line, ""));
    let (email, _) = behind.split_once('>').unwrap_or((behind, ""));
    Identity {
        name: name.trim().to_owned(),
        email: email.trim().to_owned(),
    }
}

/// A walk back from a commit: each commit once, the newest of those that are known next.
#[derive(Debug, Default)]
pub struct CommitWalk {
    next: BinaryHeap<(Option<Time>, Reverse<usize>, Commit)>,
    seen: HashSet<String>,
}

impl CommitWalk {
    /// Go on to a commit, if the walk was not there.
    pub fn follow(&mut self, commit: Commit) {
        if self.seen.insert(commit.id.clone()) {
            // Of equal times, in the order in which they were found: never a parent first.
            let order = Reverse(self.seen.len());
            self.next.push((commit.time, order, commit));
        }
    }
}

impl Iterator for CommitWalk {
    type Item = Commit;

    fn next(&mut self) -> Option<Commit> {
        self.next.pop().map(|(_, _, commit)| commit)
    }
}

/// The id of the file at a path below a tree; `None` when there is none.
///
/// # Errors
/// `Missing` when a tree is not here; `Unusable` when one is broken.
pub fn blob_at(repo: &Repo, tree: &str, path: &str) -> Result<Option<String>> {
    let entry = entry_in(repo, parse_id(tree)?, path)?;
    let file = entry.filter(|(_, mode)| EntryKind::of(*mode) == EntryKind::File);
    Ok(file.map(|(id, _)| id.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::testing::Sandbox;

    #[test]
    fn a_walk_meets_each_commit_once_and_the_newest_first() {
        let commit = |id: &str, seconds: i64| Commit {
            time: Time::from_timestamp(seconds, 0),
            id: id.to_owned(),
            tree: String::new(),
            parents: Vec::new(),
            author: author(""),
            subject: String::new(),
        };
        let mut walk = CommitWalk::default();
        walk.follow(commit("b", 5));
        walk.follow(commit("a", 9));
        assert_eq!(walk.next().unwrap().id, "a");
        for (id, seconds) in [("c", 5), ("b", 5), ("d", 7), ("a", 9)] {
            walk.follow(commit(id, seconds));
        }
        let ids: Vec<String> = walk.map(|commit| commit.id).collect();
        assert_eq!(ids, ["d", "b", "c"]);
    }

    #[test]
    fn a_commit_is_told_with_its_author_and_its_subject() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let id = sandbox.commit(&repo, &[("a/b.yaml", "1")]);
        let told = commit(&repo, &id).unwrap().unwrap();
        assert_eq!(told.author.email, "ana@example.com");
        assert_eq!(told.author.name, "Ana");
        assert_eq!(told.subject, "x");
        assert_eq!(commit(&repo, &"1".repeat(40)).unwrap(), None);
        let at = |path: &str| blob_at(&repo, &told.tree, path).unwrap();
        assert_eq!(at("a/b.yaml"), Some(repo.blob_id(b"1")));
        for absent in ["a", "a/c.yaml", "a/b.yaml/c", "b/b.yaml"] {
            assert_eq!(at(absent), None, "{absent}");
        }
    }
}
