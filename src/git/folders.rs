//! The folders of a tree that is being written, as far as anything changes in them: only folders on the way to what
//! changes are read and written.

use std::collections::BTreeMap;

use super::id::Id;
use super::object::{EntryKind, FILE_MODE, Folder, TREE_MODE};
use super::pack::Sink;
use super::{GitError, Repo, Result};

/// A tree with other files in it.
pub(super) struct Folders<'r> {
    repo: &'r Repo,
    /// By path. Sorted backwards, a folder comes after all that it contains.
    open: BTreeMap<String, Folder>,
}

impl<'r> Folders<'r> {
    /// Begin with a tree, or with nothing.
    pub fn new(repo: &'r Repo, root: Option<Id>) -> Result<Folders<'r>> {
        let entries = match root {
            Some(root) => folder(repo, root)?,
            None => Folder::new(),
        };
        let open = BTreeMap::from([(String::new(), entries)]);
        Ok(Folders { repo, open })
    }

    /// Leave out what stands at the root and is not wanted.
    pub fn retain_at_root(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        let root = self.open.entry(String::new()).or_default();
        root.retain(|name, _| wanted(name));
    }

    /// Put a file at a path, with the permissions of the one that is there, or take it away.
    pub fn set(&mut self, path: &str, file: Option<Id>) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = name.as_bytes();
        let entries = self.enter(folder)?;
        let mode = entries.get(name).map(|(mode, _)| *mode);
        let mode = mode.filter(|mode| EntryKind::of(*mode) == EntryKind::File);
        match (file, mode) {
            (Some(id), _) => entries.insert(name.to_vec(), (mode.unwrap_or(FILE_MODE), id)),
            (None, Some(_)) => entries.remove(name),
            // What stands there may have become a folder.
            (None, None) => None,
        };
        Ok(())
    }

    /// A folder, read if it was not yet.
    fn enter(&mut self, path: &str) -> Result<&mut Folder> {
        let mut above = "";
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]).filter(|end| *end > 0) {
            let here = &path[..end];
            if !self.open.contains_key(here) {
                let name = here.rsplit('/').next().unwrap_or(here).as_bytes();
                let entry = self.open.get(above).and_then(|entries| entries.get(name));
                let entries = match entry {
                    Some((TREE_MODE, id)) => folder(self.repo, *id)?,
                    _ => Folder::new(),
                };
                self.open.insert(here.to_owned(), entries);
            }
            above = here;
        }
        Ok(self.open.entry(path.to_owned()).or_default())
    }

    /// Write what was entered; the id of the root.
    pub fn write(mut self, sink: &Sink<'_>) -> Result<Id> {
        while let Some((path, entries)) = self.open.pop_last() {
            if path.is_empty() {
                return sink.tree(&entries);
            }
            let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let name = name.as_bytes();
            let above = self.open.entry(above.to_owned()).or_default();
            let stands = above.get(name).map(|(mode, _)| *mode);
            match stands {
                // What is there is no folder, and nothing goes into it.
                Some(mode) if mode != TREE_MODE && entries.is_empty() => {}
                Some(mode) if mode != TREE_MODE => {
                    let why = format!("`{path}` cannot be a file and a folder");
                    return Err(GitError::Unusable(why));
                }
                _ if entries.is_empty() => drop(above.remove(name)),
                _ => {
                    let id = sink.tree(&entries)?;
                    above.insert(name.to_vec(), (TREE_MODE, id));
                }
            }
        }
        sink.tree(&Folder::new())
    }
}

/// The entries of a tree.
fn folder(repo: &Repo, tree: Id) -> Result<Folder> {
    let entries = repo.tree(tree)?.into_iter();
    Ok(entries
        .map(|entry| (entry.name, (entry.mode, entry.id)))
        .collect())
}
