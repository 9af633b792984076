//! What has reached the disk before it counts: as `core.fsync` of the repository says it, for what is written here. (What
//! `git` writes, it looks after itself.)
//!
//! `core.fsyncMethod` says how. The way of `fsync` is as safe as all others, so what is to be hardened is hardened that way,
//! whatever it says.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Result, unusable_file};

/// A part of a repository that can be hardened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    LooseObject,
    Pack,
    PackMetadata,
    CommitGraph,
    Index,
    Reference,
}

use Part::{CommitGraph, Index, LooseObject, Pack, PackMetadata, Reference};

/// What Git hardens where nobody says anything.
const DEFAULT: &[Part] = &[Pack, PackMetadata, CommitGraph];

/// What a word of `core.fsync` means.
fn named(word: &str) -> Option<&'static [Part]> {
    Some(match word {
        "loose-object" => &[LooseObject],
        "pack" => &[Pack],
        "pack-metadata" => &[PackMetadata],
        "commit-graph" => &[CommitGraph],
        "index" => &[Index],
        "reference" => &[Reference],
        "objects" => &[LooseObject, Pack],
        "derived-metadata" => &[PackMetadata, CommitGraph],
        "committed" => &[LooseObject, Pack, Reference],
        "added" => &[LooseObject, Pack, Reference, Index],
        "all" => &[
            LooseObject,
            Pack,
            PackMetadata,
            CommitGraph,
            Index,
            Reference,
        ],
        _ => return None,
    })
}

/// The parts that are hardened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Durable {
    parts: Vec<Part>,
}

impl Durable {
    /// As `core.fsync` and the older `core.fsyncObjectFiles` say it.
    pub fn of(components: Option<&str>, object_files: bool) -> Durable {
        let words = components.unwrap_or_default().split(',').map(str::trim);
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let mut parts = if words.contains(&"none") {
            Vec::new()
        } else {
            DEFAULT.to_vec()
        };
        for word in &words {
            if let Some(without) = word.strip_prefix('-').and_then(named) {
                parts.retain(|part| !without.contains(part));
            }
        }
        // What is named is hardened, whatever is taken away.
        parts.extend(words.iter().filter_map(|word| named(word)).flatten());
        parts.extend(object_files.then_some(LooseObject));
        parts.sort_unstable();
        parts.dedup();
        Durable { parts }
    }

    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Have a file, and its name in its folder, reach the disk, where this part is to be hardened. A file that is not there
    /// needs no more than its folder.
    ///
    /// # Errors
    /// The disk does not take it: then nobody may rely on it.
    pub fn harden(&self, part: Part, path: &Path) -> Result<()> {
        if !self.has(part) {
            return Ok(());
        }
        let failed = || unusable_file(format!("have `{}` reach the disk", path.display()));
        if path.exists() {
            File::open(path)
                .and_then(|file| file.sync_all())
                .map_err(failed())?;
            #[cfg(test)]
            tests::HARDENED.with_borrow_mut(|hardened| hardened.push(path.to_owned()));
        }
        harden_folder(path).map_err(failed())
    }
}

/// The names in a folder; only some systems can, and need to.
#[cfg(unix)]
fn harden_folder(path: &Path) -> std::io::Result<()> {
    let folders: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
    match folders.iter().find(|folder| folder.exists()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn harden_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;

    use super::*;
    use crate::git::object::{FILE_MODE, Folder};
    use crate::git::pack::Sink;
    use crate::git::refs;
    use crate::git::testing::{Sandbox, formats};

    thread_local! {
        pub static HARDENED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn the_words_mean_what_they_mean_to_git() {
        let committed = [LooseObject, Pack, PackMetadata, CommitGraph, Reference];
        let all = [
            LooseObject,
            Pack,
            PackMetadata,
            CommitGraph,
            Index,
            Reference,
        ];
        let table: [(Option<&str>, bool, &[Part]); 12] = [
            (None, false, DEFAULT),
            (Some(""), false, DEFAULT),
            (None, true, &[LooseObject, Pack, PackMetadata, CommitGraph]),
            (Some("none"), false, &[]),
            (Some("none"), true, &[LooseObject]),
            (Some("none,reference"), false, &[Reference]),
            (Some("reference, none"), false, &[Reference]),
            (Some("committed"), false, &committed),
            (Some("committed,-loose-object"), false, &committed),
            (Some("-derived-metadata"), false, &[Pack]),
            (Some("all"), false, &all),
            (Some("nonsense,-what"), false, DEFAULT),
        ];
        for (components, object_files, parts) in table {
            assert_eq!(
                Durable::of(components, object_files).parts,
                parts,
                "{components:?}"
            );
        }
    }

    /// What is hardened while a file, a pack and a ref are written.
    fn hardened(setting: Option<&str>) -> Vec<String> {
        hardened_in(&Sandbox::of("sha1", "files"), setting)
    }

    fn hardened_in(sandbox: &Sandbox, setting: Option<&str>) -> Vec<String> {
        let repo = sandbox.repo("one");
        let commit = sandbox.commit(&repo, &[("a", "1")]);
        if let Some(setting) = setting {
            sandbox.git(&repo, &["config", "core.fsync", setting]);
        }
        let repo = sandbox.open("one");
        HARDENED.take();
        repo.write_blob(b"alone").unwrap();
        let sink = Sink::new(&repo);
        let mut folder = Folder::new();
        for n in 0..200 {
            let blob = sink.blob(format!("{n}").as_bytes()).unwrap();
            folder.insert(format!("f{n}").into_bytes(), (FILE_MODE, blob));
        }
        sink.tree(&folder).unwrap();
        sink.end().unwrap();
        refs::compare_and_swap(&repo, "refs/planspec/x", None, &commit, "x").unwrap();
        let kind = |path: PathBuf| {
            let ending = path
                .extension()
                .map(|ending| ending.to_string_lossy().into_owned());
            let is_ref = path.ends_with("refs/planspec/x");
            ending.unwrap_or_else(|| if is_ref { "ref" } else { "loose" }.to_owned())
        };
        let mut kinds: Vec<String> = HARDENED.take().into_iter().map(kind).collect();
        kinds.sort();
        kinds
    }

    #[test]
    fn what_is_to_reach_the_disk_does_so_before_it_counts() {
        assert_eq!(hardened(None), ["idx", "pack"]);
        assert_eq!(hardened(Some("none")), [""; 0]);
        assert_eq!(hardened(Some("none,reference")), ["ref"]);
        assert_eq!(hardened(Some("committed")), ["idx", "loose", "pack", "ref"]);
        // What `git` writes it hardens itself.
        for (objects, refs) in formats() {
            let expected: &[&str] = match refs {
                "files" => &["idx", "loose", "pack", "ref"],
                _ => &["loose"],
            };
            let found = hardened_in(&Sandbox::of(objects, refs), Some("committed"));
            assert_eq!(found, expected, "{objects} {refs}");
        }
    }
}
