//! Keeps an index of the resources of a commit up to date, so that verbs find things without reading all files.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Result, names, revision};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::digest;
use crate::core::base::source::SourceFile;
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Elsewhere;
use crate::core::repository::facts::Facts;
use crate::core::repository::index::{Damaged, Index, Named, Pages, Row};
use crate::core::repository::manifest::Manifest;
use crate::core::repository::reach::{self, FileChange};
use crate::core::repository::referral::Referral;
use crate::core::repository::snapshot::{Snapshot, manifests, manifests_with};
use crate::core::resource::{Key, Kind};
use crate::git::pages::PageFile;
use crate::git::read::{self, FoundFile, Paths};
use crate::git::{Cache, GitError, Repo};

/// The name of the cache file.
pub(super) const NAME: &str = "index";

/// Why a lookup failed.
pub enum Trouble {
    /// The index is damaged; a new one will do.
    Damaged,
    /// Another error.
    Error(Error),
}

impl From<Damaged> for Trouble {
    fn from(_: Damaged) -> Trouble {
        Trouble::Damaged
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Error(error)
    }
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Trouble {
        Trouble::Error(error.into())
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Error {
        match trouble {
            Trouble::Error(error) => error,
            // Pages in memory cannot be damaged.
            Trouble::Damaged => Error::unavailable("the index cannot be read back from memory"),
        }
    }
}

/// Runs a lookup in the index of a commit. If the index is damaged, it is built again, and `look`
/// is called again.
///
/// # Errors
/// Those of `look`, or the commit cannot be read.
pub fn of_commit<T>(
    repo: &Repo,
    commit: &str,
    config: &Config,
    look: impl Fn(&Index<PageFile>) -> std::result::Result<T, Trouble>,
) -> Result<T> {
    let paths = revision::paths(config)?;
    let kept = KeptIndex {
        repo,
        config,
        paths: &paths,
    };
    kept.look(&read::tree_of(repo, commit)?, look)
}

/// Some resources of a commit, with everything that they refer to, directly or indirectly: enough for any
/// question about them. Includes files that cannot be read, since the resources might be in
/// them.
///
/// # Errors
/// The commit cannot be read.
pub fn about(repo: &Repo, commit: &str, config: &Config, keys: &BTreeSet<Key>) -> Result<Snapshot> {
    let paths = revision::paths(config)?;
    let roots: Vec<String> = keys.iter().map(Key::qualified).collect();
    of_commit(repo, commit, config, |index| {
        let around = reach::surroundings(index, &roots)?;
        let elsewhere = Elsewhere {
            keys: Vec::new(),
            referred: around.referred,
        };
        Ok(read_snapshot(
            repo,
            config,
            &paths,
            around.files,
            elsewhere,
        )?)
    })
}

/// One resource of a commit, with everything else in its files.
///
/// # Errors
/// The commit cannot be read.
pub fn defining(repo: &Repo, commit: &str, config: &Config, key: &Key) -> Result<Snapshot> {
    those(repo, commit, config, &BTreeSet::from([key.clone()]))
}

/// Up to so many resources are looked up one by one.
const FEW: usize = 64;

/// Some resources of a commit, with everything else in their files.
///
/// # Errors
/// The commit cannot be read.
pub fn those(repo: &Repo, commit: &str, config: &Config, keys: &BTreeSet<Key>) -> Result<Snapshot> {
    if keys.len() > FEW {
        return matching(repo, commit, config, |key| keys.contains(key));
    }
    let paths = revision::paths(config)?;
    of_commit(repo, commit, config, |index| {
        let mut meant = Vec::new();
        for key in keys {
            let definers = index.definers_of(&key.qualified())?.into_iter();
            let of_kind = definers.filter(|name| name.key().as_ref() == Some(key));
            meant.extend(of_kind.map(|name| name.path));
        }
        let found = versions(index, meant)?;
        let elsewhere = Elsewhere::default();
        Ok(read_snapshot(repo, config, &paths, found, elsewhere)?)
    })
}

/// The resources of a commit whose keys `wanted` selects, with everything else in
/// their files.
///
/// # Errors
/// The commit cannot be read.
pub fn matching(
    repo: &Repo,
    commit: &str,
    config: &Config,
    wanted: impl Fn(&Key) -> bool,
) -> Result<Snapshot> {
    let paths = revision::paths(config)?;
    of_commit(repo, commit, config, |index| {
        let names = index.names()?.into_iter();
        let meant = names.filter(|name| name.key().is_some_and(|key| wanted(&key)));
        let found = versions(index, meant.map(|name| name.path))?;
        let elsewhere = Elsewhere::default();
        Ok(read_snapshot(repo, config, &paths, found, elsewhere)?)
    })
}

/// The resources of a commit that refer to a resource in any field, with everything else in their files.
///
/// # Errors
/// The commit cannot be read.
pub fn referring(repo: &Repo, commit: &str, config: &Config, key: &Key) -> Result<Snapshot> {
    let paths = revision::paths(config)?;
    of_commit(repo, commit, config, |index| {
        let referrers = index.referrers_of(&key.qualified())?.into_iter();
        let found = versions(index, referrers.map(|name| name.path))?;
        let elsewhere = Elsewhere::default();
        Ok(read_snapshot(repo, config, &paths, found, elsewhere)?)
    })
}

/// The resources of a kind with a given name, in any namespace.
///
/// # Errors
/// The commit cannot be read.
pub fn named(
    repo: &Repo,
    commit: &str,
    config: &Config,
    (kind, name): (Kind, &str),
) -> Result<BTreeSet<Key>> {
    let mut keys = called(repo, commit, config, name)?;
    keys.retain(|key| key.kind == kind);
    Ok(keys)
}

/// The resources that are defined under a name, of whatever kind and in whatever namespace.
///
/// # Errors
/// The commit cannot be read.
pub fn called(repo: &Repo, commit: &str, config: &Config, name: &str) -> Result<BTreeSet<Key>> {
    of_commit(repo, commit, config, |index| {
        let definers = index.definers(name)?;
        Ok(definers.iter().filter_map(Named::key).collect())
    })
}

/// The files of a commit that define something with one of these names, in a namespace or, without one, in any; by
/// path.
///
/// # Errors
/// The commit cannot be read.
pub fn files_naming(
    repo: &Repo,
    commit: &str,
    config: &Config,
    (namespace, words): (Option<&str>, &[String]),
) -> Result<Vec<FoundFile>> {
    of_commit(repo, commit, config, |index| {
        let mut paths = Vec::new();
        for word in words {
            let definers = match namespace {
                Some(namespace) => index.definers_of(&format!("{namespace}/{word}"))?,
                None => index.definers(word)?,
            };
            paths.extend(definers.into_iter().map(|name| name.path));
        }
        let versions = versions(index, paths)?;
        let files = versions
            .iter()
            .map(|(path, version)| FoundFile::at(path, version));
        Ok(files.collect::<Option<_>>().ok_or(Damaged)?)
    })
}

/// Finds the named resource.
///
/// # Errors
/// There is none, or there are several; the commit cannot be read.
pub fn find(repo: &Repo, commit: &str, config: &Config, meant: &names::Named) -> Result<Key> {
    let (_, name) = meant.parts()?;
    let keys = named(repo, commit, config, (meant.kind, name))?;
    if let Ok(key) = meant.among(keys.iter()) {
        return Ok(key.clone());
    }
    // Look at all of the kind, to suggest one.
    let all = all_of(repo, commit, config, meant.kind)?;
    meant.among(all.iter()).cloned()
}

/// The keys of all resources of a kind.
///
/// # Errors
/// The commit cannot be read.
pub fn all_of(repo: &Repo, commit: &str, config: &Config, kind: Kind) -> Result<BTreeSet<Key>> {
    of_commit(repo, commit, config, |index| {
        let names = index.names()?;
        let keys = names.iter().filter_map(Named::key);
        Ok(keys.filter(|key| key.kind == kind).collect())
    })
}

/// Files with their versions.
fn versions<P: Pages>(
    index: &Index<P>,
    paths: impl IntoIterator<Item = String>,
) -> std::result::Result<BTreeMap<String, String>, Damaged> {
    let paths: BTreeSet<String> = paths.into_iter().collect();
    let version = |path: String| Ok((path.clone(), index.row(&path)?.ok_or(Damaged)?.version));
    paths.into_iter().map(version).collect()
}

fn read_snapshot(
    repo: &Repo,
    config: &Config,
    paths: &Paths,
    found: BTreeMap<String, String>,
    elsewhere: Elsewhere,
) -> Result<Snapshot> {
    let found = found
        .iter()
        .filter_map(|(path, version)| FoundFile::at(path, version));
    let files = read::read(repo, found, paths)?;
    let parsed = manifests(&files, config);
    Ok(Snapshot::assemble(&files, parsed, elsewhere, config))
}

/// The cached index that follows a tree.
struct KeptIndex<'a> {
    repo: &'a Repo,
    config: &'a Config,
    paths: &'a Paths,
}

impl KeptIndex<'_> {
    /// Runs a lookup in the index of a tree. If the index is damaged, it is built again, and `look`
    /// is called again.
    ///
    /// # Errors
    /// Those of `look`, or an object cannot be read.
    fn look<T>(
        &self,
        tree: &str,
        look: impl Fn(&Index<PageFile>) -> std::result::Result<T, Trouble>,
    ) -> Result<T> {
        let looked = self.known(tree).and_then(|index| look(&index));
        match looked {
            Err(Trouble::Damaged) => Ok(self.whole(tree).and_then(|index| look(&index))?),
            looked => Ok(looked?),
        }
    }

    fn pages(&self) -> PageFile {
        PageFile::open(
            &Cache::new(self.repo),
            NAME,
            &digest::canonical(self.config),
        )
    }

    /// The cached index, updated to a tree by reading the differences.
    fn known(&self, tree: &str) -> std::result::Result<Index<PageFile>, Trouble> {
        let index = Index::open(self.pages())?.ok_or(Damaged)?;
        if index.tree() == tree {
            return Ok(index);
        }
        // If the last tree is gone, everything is read.
        let changes = read::tree_changes(self.repo, Some(index.tree()), tree, self.paths);
        self.brought_to(tree, index, changes.map_err(|_| Damaged)?)
    }

    /// An index that is built by reading everything.
    fn whole(&self, tree: &str) -> std::result::Result<Index<PageFile>, Trouble> {
        let changes = read::tree_changes(self.repo, None, tree, self.paths)?;
        let index = Index::empty(self.pages().anew(), changes.len());
        self.brought_to(tree, index, changes)
    }

    fn brought_to(
        &self,
        tree: &str,
        mut index: Index<PageFile>,
        changes: Vec<read::PathChange>,
    ) -> std::result::Result<Index<PageFile>, Trouble> {
        let rows = if changes.is_empty() {
            BTreeMap::new()
        } else {
            self.rows(&index, changes)?
        };
        index.update(tree, &rows)?;
        index.pages_mut().store();
        Ok(index)
    }

    /// The index rows of changed files.
    fn rows(
        &self,
        index: &Index<PageFile>,
        changes: Vec<read::PathChange>,
    ) -> std::result::Result<BTreeMap<String, Option<Row>>, Trouble> {
        let with = (self.config, self.paths);
        let step = Step::new(self.repo, with, index, changes, Use::Check)?;
        let findings = step.findings();
        Ok(reach::rows(
            index,
            &step.changes,
            &step.affected,
            &findings,
        )?)
    }
}

/// Reads changed files that exist. Returns the versions (`None` for deleted files), and the
/// files.
///
/// # Errors
/// An object cannot be read.
pub fn read_changes(
    repo: &Repo,
    paths: &Paths,
    changes: Vec<read::PathChange>,
) -> Result<(BTreeMap<String, Option<String>>, Vec<SourceFile>)> {
    let mut versions = BTreeMap::new();
    let mut found = Vec::new();
    for (path, file) in changes {
        versions.insert(path, file.as_ref().map(FoundFile::version));
        found.extend(file);
    }
    Ok((versions, read::read(repo, found, paths)?))
}

/// Changed files, with the facts of those that exist.
pub fn file_changes(
    versions: BTreeMap<String, Option<String>>,
    mut facts: BTreeMap<&str, Facts>,
) -> Vec<FileChange> {
    let changes = versions.into_iter().map(|(path, version)| FileChange {
        now: version.map(|version| {
            let facts = facts.remove(path.as_str());
            (version, facts.unwrap_or_default())
        }),
        path,
    });
    changes.collect()
}

/// What the resources of a [`Step`] are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// They are checked.
    Check,
    /// They are also compared with others.
    Compare,
}

impl Use {
    /// Drops what this use does not need.
    pub fn spare(self, manifest: &mut Manifest) {
        if self == Use::Check {
            manifest.drop_raw_specs();
        }
    }
}

/// Selects more files to read, for some changes.
type More<'a> = dyn Fn(&[FileChange]) -> std::result::Result<BTreeSet<String>, Trouble> + 'a;

/// A step from the files of an index to others, which reads only what the change affects.
pub struct Step {
    /// The differences.
    pub changes: Vec<FileChange>,
    /// Files whose findings may have changed.
    pub affected: BTreeSet<String>,
    /// The files that were read: the changed ones and those that they affect.
    pub files: Vec<SourceFile>,
    /// References from other files.
    referred: Vec<Referral>,
    /// The resources in these files.
    pub snapshot: Snapshot,
}

impl Step {
    /// Reads what a change to the files of `base` affects.
    ///
    /// # Errors
    /// The index is damaged, or an object cannot be read.
    pub fn new<P: Pages>(
        repo: &Repo,
        (config, paths): (&Config, &Paths),
        base: &Index<P>,
        changes: Vec<read::PathChange>,
        usage: Use,
    ) -> std::result::Result<Step, Trouble> {
        Step::with_more(repo, (config, paths), base, changes, usage, |_| {
            Ok(BTreeSet::new())
        })
    }

    /// The same, with more files of `base` that `more` selects: they are read as well, but affect nothing.
    ///
    /// # Errors
    /// As [`Step::new`], and those of `more`.
    pub fn with_more<P: Pages>(
        repo: &Repo,
        (config, paths): (&Config, &Paths),
        base: &Index<P>,
        changes: Vec<read::PathChange>,
        usage: Use,
        more: impl Fn(&[FileChange]) -> std::result::Result<BTreeSet<String>, Trouble>,
    ) -> std::result::Result<Step, Trouble> {
        let read = read_changes(repo, paths, changes)?;
        Step::of_files_with(repo, (config, paths), base, read, (usage, &more))
    }

    /// Reads what a change to the files of `base` affects. Changes have versions (`None` for deleted
    /// files), and the files that exist.
    ///
    /// # Errors
    /// The index is damaged, or an object cannot be read.
    pub fn of_files<P: Pages>(
        repo: &Repo,
        (config, paths): (&Config, &Paths),
        base: &Index<P>,
        read: (BTreeMap<String, Option<String>>, Vec<SourceFile>),
        usage: Use,
    ) -> std::result::Result<Step, Trouble> {
        let nothing = |_: &[FileChange]| Ok(BTreeSet::new());
        Step::of_files_with(repo, (config, paths), base, read, (usage, &nothing))
    }

    fn of_files_with<P: Pages>(
        repo: &Repo,
        (config, paths): (&Config, &Paths),
        base: &Index<P>,
        (now, files): (BTreeMap<String, Option<String>>, Vec<SourceFile>),
        (usage, more): (Use, &More<'_>),
    ) -> std::result::Result<Step, Trouble> {
        let parsed = manifests_with(&files, config, |file, manifest| {
            let facts = Facts::of(manifest, &file.content);
            usage.spare(manifest);
            facts
        });
        let (parsed, facts): (Vec<Manifest>, Vec<Facts>) = parsed.into_iter().unzip();
        let paths_of_files = files.iter().map(|file| file.path.as_str());
        let changes = file_changes(now, paths_of_files.zip(facts).collect());
        let reach = reach::reach(base, &changes)?;
        let mut unchanged = reach.unchanged;
        let mut more = more(&changes)?;
        more.retain(|path| !unchanged.contains_key(path));
        for change in &changes {
            more.remove(&change.path);
        }
        unchanged.extend(versions(base, more)?);
        let unchanged = unchanged.iter();
        let unchanged = unchanged.filter_map(|(path, version)| FoundFile::at(path, version));
        let others = read::read(repo, unchanged, paths)?;
        let others_parsed = manifests_with(&others, config, |_, manifest| usage.spare(manifest));
        let mut both: Vec<(SourceFile, Manifest)> = files.into_iter().zip(parsed).collect();
        both.extend(
            others
                .into_iter()
                .zip(others_parsed.into_iter().map(|(parsed, ())| parsed)),
        );
        // Findings come in the order in which everything would be read.
        both.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (files, parsed): (Vec<SourceFile>, Vec<Manifest>) = both.into_iter().unzip();
        let elsewhere = Elsewhere {
            keys: Vec::new(),
            referred: reach.referred.clone(),
        };
        Ok(Step {
            snapshot: Snapshot::assemble(&files, parsed, elsewhere, config),
            affected: reach.affected,
            referred: reach.referred,
            changes,
            files,
        })
    }

    /// The findings in the affected files; for the other files, not everything was read that a check
    /// needs.
    pub fn findings(&self) -> Vec<Diagnostic> {
        let all = self.snapshot.diagnostics().iter();
        let affected = all.filter(|finding| self.affected.contains(&finding.file));
        affected.cloned().collect()
    }

    fn with_what_is_elsewhere(&self, files: &[SourceFile], config: &Config) -> Snapshot {
        let elsewhere = self.elsewhere(Vec::new());
        Snapshot::assemble(files, manifests(files, config), elsewhere, config)
    }

    /// The same files as they were in `base`, checked with its configuration, for comparison. Only the
    /// `changed` ones differ.
    ///
    /// # Errors
    /// The index is damaged, or an object cannot be read.
    pub fn before<P: Pages>(
        &self,
        repo: &Repo,
        (config, paths): (&Config, &Paths),
        base: &Index<P>,
        changed: &BTreeSet<String>,
    ) -> std::result::Result<Snapshot, Trouble> {
        let mut found = Vec::new();
        for path in changed {
            let row = base.row(path)?;
            found.extend(row.and_then(|row| FoundFile::at(path, &row.version)));
        }
        let mut files = read::read(repo, found, paths)?;
        let unchanged = self.files.iter();
        let unchanged = unchanged.filter(|file| !changed.contains(&file.path));
        files.extend(unchanged.cloned());
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.with_what_is_elsewhere(&files, config))
    }

    /// What the index knows of files that were not read, with the names of some resources in them.
    fn elsewhere(&self, keys: Vec<Key>) -> Elsewhere {
        Elsewhere {
            keys,
            referred: self.referred.clone(),
        }
    }

    /// If some findings can suggest a name, checks again with all names known.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn suggest<P: Pages>(
        &mut self,
        base: &Index<P>,
        config: &Config,
    ) -> std::result::Result<(), Damaged> {
        if !self.findings().iter().any(|one| one.code.may_suggest()) {
            return Ok(());
        }
        let read = self.files.iter().map(|file| file.path.as_str());
        let changed = self.changes.iter().map(|change| change.path.as_str());
        let known: BTreeSet<&str> = read.chain(changed).collect();
        let names = base.names()?.into_iter();
        let unread = names.filter(|name| !known.contains(name.path.as_str()));
        let elsewhere = self.elsewhere(unread.filter_map(|name| name.key()).collect());
        let parsed = manifests(&self.files, config);
        self.snapshot = Snapshot::assemble(&self.files, parsed, elsewhere, config);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::core::repository::reach::properties::dense_change;
    use crate::core::repository::reach::tests::{Files, any_change};
    use crate::git::read::Tree;
    use crate::git::testing::Sandbox;

    /// Commits exactly these files.
    pub(crate) fn commit(sandbox: &Sandbox, repo: &Repo, files: &Files) -> String {
        sandbox.git(repo, &["rm", "-rqf", "--ignore-unmatch", "."]);
        let paths = files.keys().map(|path| format!("planspec/{path}"));
        let texts = files.values().map(String::as_str);
        let files: Vec<(String, &str)> = paths.zip(texts).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, *text)).collect();
        sandbox.commit(repo, &files)
    }

    /// The answers to questions about a resource, from a snapshot.
    fn answers(snapshot: &Snapshot, key: &Key) -> String {
        let unready: Vec<&str> = snapshot
            .unready(key)
            .map(|one| one.message.as_str())
            .collect();
        let errors: Vec<String> = snapshot
            .errors_of(key)
            .map(|one| snapshot.line(one))
            .collect();
        format!("{:?} {unready:?} {errors:?}", snapshot.definitions(key))
    }

    /// Checks that every answer is the same as after reading everything.
    fn answers_are_right(repo: &Repo, commit: &str) {
        let config = Config::default();
        let whole = revision::snapshot(repo, Tree::Commit(commit), &config).unwrap();
        for key in whole.keys() {
            let found = named(repo, commit, &config, (key.kind, &key.name)).unwrap();
            assert_eq!(
                found,
                BTreeSet::from([key.clone()]),
                "all are in one namespace"
            );
            let alone = defining(repo, commit, &config, key).unwrap();
            assert_eq!(alone.definitions(key), whole.definitions(key));
            let some = about(repo, commit, &config, &found).unwrap();
            assert_eq!(answers(&some, key), answers(&whole, key));
            let all = all_of(repo, commit, &config, key.kind).unwrap();
            assert_eq!(all, whole.keys_of(key.kind).cloned().collect());
        }
        let goals = matching(repo, commit, &config, |key| key.kind == Kind::Goal).unwrap();
        for key in whole.keys_of(Kind::Goal) {
            assert_eq!(goals.definitions(key), whole.definitions(key));
        }
        let nothing = named(repo, commit, &config, (Kind::Goal, "no-such")).unwrap();
        assert_eq!(nothing, BTreeSet::new());
    }

    /// The index is updated from commit to commit, and all answers are the same as without it.
    #[test]
    fn answers_with_the_index_are_answers_without() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 24,
            max_shrink_iters: 0,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let changes = prop_oneof![any_change(), dense_change()];
        let ran = runner.run(&changes, |(old, new)| {
            for files in [&old, &new] {
                answers_are_right(&repo, &commit(&sandbox, &repo, files));
            }
            Ok(())
        });
        ran.unwrap();
    }

    /// The cache shows how often everything was read: an index that did not change was not
    /// written.
    #[test]
    fn an_index_is_brought_up_to_date_and_not_made_anew() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let goal = |name: &str| {
            format!(
                "apiVersion: planspec.io/v1alpha1\nkind: Goal\nmetadata: {{name: {name}, namespace: \
                 n}}\nspec: {{description: d}}\n"
            )
        };
        let config = Config::default();
        let files = Files::from([("a.yaml".to_owned(), goal("a"))]);
        let first = commit(&sandbox, &repo, &files);
        let is_there = |commit: &str, name: &str| {
            let found = named(&repo, commit, &config, (Kind::Goal, name)).unwrap();
            !found.is_empty()
        };
        assert!(is_there(&first, "a"));
        let more = Files::from([
            ("a.yaml".to_owned(), goal("a")),
            ("b.yaml".to_owned(), goal("b")),
        ]);
        let second = commit(&sandbox, &repo, &more);
        // The unchanged file is not read again: its blob no longer exists.
        let blob = sandbox.git(&repo, &["rev-parse", &format!("{second}:planspec/a.yaml")]);
        let (folder, name) = blob.split_at(2);
        let object = repo.common_dir().join("objects").join(folder).join(name);
        let aside = object.with_extension("aside");
        std::process::Command::new("mv")
            .args([&object, &aside])
            .status()
            .unwrap();
        assert!(is_there(&second, "a") && is_there(&second, "b"));
        assert!(!is_there(&first, "b"));
        std::process::Command::new("mv")
            .args([&aside, &object])
            .status()
            .unwrap();
        answers_are_right(&repo, &second);
    }
}
