//! The summaries, in files by the hash of a name. The file of a resource has its summary
//! ([`Summary`]) and the list of executions that need it (`Needed`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Summary;
use super::outline::{Changed, Outline, ShardFacts};
use crate::core::base::digest;
use crate::core::resource::Key;

/// Folder of the summaries in the status tree.
pub const SUMMARY_DIR: &str = "_summary";
/// Path of the outline.
pub const OUTLINE_FILE: &str = "_summary/outline.json";
/// The beginning of a line with [`Needed`].
const NEEDED: &[u8] = br#"{"needed":"#;

/// The executions that need something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Needed {
    /// What they need: see [`Summary::needs`].
    needed: String,
    /// The executions, `namespace/name`.
    by: BTreeSet<String>,
}

/// The content of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shard {
    lines: BTreeMap<Key, Arc<Summary>>,
    needed: BTreeMap<String, BTreeSet<String>>,
}

/// New summaries of some resources; `None` if there is nothing to summarise.
pub type NewLines = BTreeMap<Key, Option<Arc<Summary>>>;

/// All summaries, or those of the files that were read.
#[derive(Debug, Clone, Default)]
pub struct Summaries {
    /// The outline of all of them.
    pub outline: Outline,
    shards: BTreeMap<String, Arc<Shard>>,
}

/// Name of the file with the summary of a resource.
pub fn shard_of(key: &Key) -> String {
    digest::shard(&key.qualified())
}

/// Name of the file with the executions that need something.
pub fn shard_of_needed(what: &str) -> String {
    digest::shard(what.split_once(' ').map_or(what, |(_, name)| name))
}

/// The names of all possible files.
pub fn all_shards() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(|number| format!("{number:02x}"))
}

/// Path of a file of summaries.
pub fn shard_path(shard: &str) -> String {
    format!("{SUMMARY_DIR}/{shard}")
}

impl Shard {
    /// Reads a file of summaries.
    ///
    /// # Errors
    /// A line is not as expected; the error is a sentence.
    pub fn read(path: &str, bytes: &[u8]) -> Result<Shard, String> {
        let mut shard = Shard::default();
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let wrong = |error| format!("{path}:{}: {error}", at + 1);
            if line.starts_with(NEEDED) {
                let Needed { needed, by } = serde_json::from_slice(line).map_err(wrong)?;
                shard.needed.insert(needed, by);
            } else {
                let line: Summary = serde_json::from_slice(line).map_err(wrong)?;
                shard.lines.insert(line.key(), Arc::new(line));
            }
        }
        Ok(shard)
    }

    /// The text of the file; `None` if it is empty.
    fn text(&self) -> serde_json::Result<Option<String>> {
        let mut text = String::new();
        for line in self.lines.values() {
            text.push_str(&serde_json::to_string(&**line)?);
            text.push('\n');
        }
        for (needed, by) in &self.needed {
            let (needed, by) = (needed.clone(), by.clone());
            text.push_str(&serde_json::to_string(&Needed { needed, by })?);
            text.push('\n');
        }
        Ok((!text.is_empty()).then_some(text))
    }

    fn facts(&self) -> ShardFacts {
        ShardFacts::of(self.lines())
    }

    /// The summaries of resources.
    pub fn lines(&self) -> impl Iterator<Item = &Summary> {
        self.lines.values().map(|line| &**line)
    }
}

impl Summaries {
    /// All summaries.
    pub fn whole(lines: impl IntoIterator<Item = Summary>) -> Summaries {
        let mut shards: BTreeMap<String, Shard> = BTreeMap::new();
        for line in lines {
            let key = line.key();
            for needed in line.needs() {
                let shard = shards.entry(shard_of_needed(&needed)).or_default();
                shard
                    .needed
                    .entry(needed)
                    .or_default()
                    .insert(key.qualified());
            }
            let shard = shards.entry(shard_of(&key)).or_default();
            shard.lines.insert(key, Arc::new(line));
        }
        let lines: Vec<&Summary> = shards.values().flat_map(Shard::lines).collect();
        let mut outline = Outline::of(&lines);
        for (name, shard) in &shards {
            outline.note(name, shard.facts());
        }
        let shards = shards.into_iter();
        let shards = shards.map(|(name, shard)| (name, Arc::new(shard)));
        Summaries {
            outline,
            shards: shards.collect(),
        }
    }

    /// Only the outline, without any summaries.
    pub fn unread(outline: Outline) -> Summaries {
        Summaries {
            outline,
            shards: BTreeMap::new(),
        }
    }

    /// Whether a file was read.
    pub fn has(&self, shard: &str) -> bool {
        self.shards.contains_key(shard)
    }

    /// Adds a file that was read.
    pub fn add(&mut self, name: String, shard: Shard) {
        self.shards.insert(name, Arc::new(shard));
    }

    /// A file, as far as it was read.
    pub fn shard(&self, name: &str) -> Shard {
        let shard = self.shards.get(name);
        shard.map(|shard| (**shard).clone()).unwrap_or_default()
    }

    /// The summaries that were read.
    pub fn lines(&self) -> impl Iterator<Item = &Summary> {
        self.shards.values().flat_map(|shard| shard.lines())
    }

    /// The summaries of a file that was read.
    pub fn lines_of(&self, shard: &str) -> impl Iterator<Item = &Arc<Summary>> {
        let shard = self.shards.get(shard).into_iter();
        shard.flat_map(|shard| shard.lines.values())
    }

    /// The summary of a resource, if its file was read.
    pub fn line(&self, key: &Key) -> Option<&Arc<Summary>> {
        self.shards.get(&shard_of(key))?.lines.get(key)
    }

    /// The executions that need something, `namespace/name`, if its file was read.
    pub fn users(&self, needed: &str) -> impl Iterator<Item = &str> {
        let shard = self.shards.get(&shard_of_needed(needed));
        let users = shard.and_then(|shard| shard.needed.get(needed));
        users.into_iter().flatten().map(String::as_str)
    }

    /// The files that are needed to insert new summaries.
    pub fn shards_for(&self, new: &NewLines) -> BTreeSet<String> {
        let mut shards = BTreeSet::new();
        for (key, line) in new {
            let both = [self.line(key), line.as_ref()];
            let needed = both.into_iter().flatten().flat_map(|line| line.needs());
            shards.extend(needed.map(|needed| shard_of_needed(&needed)));
            shards.insert(shard_of(key));
        }
        shards
    }

    /// The same with new summaries; `None` if that needs all of them. The files [for it](Self::shards_for)
    /// must have been read.
    pub fn with(&self, new: &NewLines) -> Option<Summaries> {
        let changes: Vec<Changed<'_>> = new
            .iter()
            .map(|(key, line)| (self.line(key).map(|line| &**line), line.as_deref()))
            .filter(|(before, now)| before != now)
            .collect();
        let mut after = Summaries {
            outline: self.outline.after(&changes)?,
            shards: self.shards.clone(),
        };
        let mut touched = BTreeSet::new();
        for (before, now) in changes {
            let Some(key) = before.or(now).map(Summary::key) else {
                continue;
            };
            let user = key.qualified();
            let [old, new] = [before, now].map(|line| line.map(Summary::needs).unwrap_or_default());
            for needed in old.symmetric_difference(&new) {
                let shard = after.shard_mut(shard_of_needed(needed));
                let users = shard.needed.entry(needed.clone()).or_default();
                if new.contains(needed) {
                    users.insert(user.clone());
                } else {
                    users.remove(&user);
                }
                shard.needed.retain(|_, users| !users.is_empty());
            }
            let shard = after.shard_mut(shard_of(&key));
            match now {
                Some(line) => shard.lines.insert(key.clone(), Arc::new(line.clone())),
                None => shard.lines.remove(&key),
            };
            touched.insert(shard_of(&key));
        }
        for name in touched {
            let facts = after.shards.get(&name).map(|shard| shard.facts());
            after.outline.note(&name, facts.unwrap_or_default());
        }
        Some(after)
    }

    fn shard_mut(&mut self, name: String) -> &mut Shard {
        Arc::make_mut(self.shards.entry(name).or_default())
    }

    /// The files that have changed, by path; `None` for removed ones. Files that were not
    /// read are unchanged.
    ///
    /// # Errors
    /// Those of serde; a summary has nothing that JSON cannot hold.
    pub fn changed_files(
        &self,
        before: &Summaries,
    ) -> serde_json::Result<BTreeMap<String, Option<String>>> {
        let names: BTreeSet<&String> = self.shards.keys().chain(before.shards.keys()).collect();
        let mut files = BTreeMap::new();
        for name in names {
            if !self.has_same(name, before) {
                files.insert(shard_path(name), self.shard(name).text()?);
            }
        }
        if self.outline != before.outline {
            let is_empty = self.outline == Outline::default();
            let text = serde_json::to_string(&self.outline)? + "\n";
            files.insert(OUTLINE_FILE.to_owned(), (!is_empty).then_some(text));
        }
        Ok(files)
    }

    /// Whether a file is the same; a missing one counts as empty.
    fn has_same(&self, name: &str, other: &Summaries) -> bool {
        let [own, other] = [self, other].map(|one| one.shards.get(name));
        match (own, other) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other) || own == other,
            (one, other) => one
                .or(other)
                .is_none_or(|shard| **shard == Shard::default()),
        }
    }

    /// Whether incomplete summaries agree with complete ones, where those that were not read are as
    /// in `before`.
    pub fn is_part_of(&self, whole: &Summaries, before: &Summaries) -> bool {
        let is_as_in_whole = |name: String| {
            let part = if self.has(&name) { self } else { before };
            part.has_same(&name, whole)
        };
        self.outline == whole.outline && all_shards().all(is_as_in_whole)
    }
}

impl PartialEq for Summaries {
    fn eq(&self, other: &Summaries) -> bool {
        self.outline == other.outline && all_shards().all(|name| self.has_same(&name, other))
    }
}

/// Reads the outline.
///
/// # Errors
/// Something is not as expected; the error is a sentence.
pub fn read_outline(bytes: &[u8]) -> Result<Outline, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{OUTLINE_FILE}: {error}"))
}
