//! What the next commit does to the resources.
//!
//! Only what the commit reaches is read. Where HEAD stands is known from the last time, by a
//! catalog in the cache; without it everything is read once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Coverage, ValidateRequest, Validated, apply_level, scope_of};
use crate::core::base::diagnostic::{Code, Diagnostic, Level};
use crate::core::base::digest;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::SourceFile;
use crate::core::repository::catalog::{Catalog, Facts, FileChange, identity, is_local};
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Elsewhere;
use crate::core::repository::snapshot::{Snapshot, manifests};
use crate::core::resource::Kind;
use crate::core::review;
use crate::core::review::rules::{Policy, Sides};
use crate::core::review::scope::Scoped;
use crate::git::index::StagedFiles;
use crate::git::read::{self, FoundFile, Paths, Tree};
use crate::git::{Cache, Repo};
use crate::service::revision::{self, Settings};
use crate::service::{Error, Findings, Result};

/// Check what is staged, and only what the commit causes or touches. Of the request, `scope` and
/// `level` count.
///
/// # Errors
/// The repository cannot be used, or has no index.
pub fn validate_staged(request: &ValidateRequest) -> Result<Validated> {
    let repo = Repo::open(request.dir.as_deref())?;
    if repo.workdir().is_none() {
        return Err(
            Error::unavailable("a bare repository has no index to check")
                .hint("name a revision: planspec validate --rev HEAD"),
        );
    }
    let head = repo.head()?.commit().map(str::to_owned);
    let staged = StagedFiles::open(&repo)?;
    let mut before = Settings::none();
    if let Some(commit) = &head {
        before = Settings::read(&repo, Tree::Commit(commit))?;
        before.check_keys(&repo, Tree::Commit(commit))?;
    }
    let mut after = Settings::read(&repo, Tree::Index(&staged))?;
    after.check_keys(&repo, Tree::Index(&staged))?;
    let commit = NextCommit {
        repo: &repo,
        head: head.as_deref(),
        staged: &staged,
        before: &before,
        after: &after,
    };
    let mut verdict = StagedVerdict::default();
    verdict.judge_settings(&before, &after);
    if after.config.is_some() {
        verdict.judge_files(&commit)?;
    }
    if let (Some(plan), Some(_)) = (&request.scope, &after.config) {
        verdict.judge_scope(&commit, plan)?;
    }
    Ok(verdict.validated(request.level, &after))
}

/// The commit that is about to be made.
struct NextCommit<'a> {
    repo: &'a Repo,
    /// What it is made on.
    head: Option<&'a str>,
    staged: &'a StagedFiles,
    /// The configuration of HEAD.
    before: &'a Settings,
    /// The configuration as it is staged.
    after: &'a Settings,
}

impl NextCommit<'_> {
    fn config(&self) -> Config {
        self.after.config.clone().unwrap_or_default()
    }

    /// Who may decide, before and after it.
    fn policies(&self) -> Result<(Policy, Policy)> {
        let after = revision::policy(self.repo, Tree::Index(self.staged), &self.config())?;
        let before = match self.head {
            Some(head) => {
                let config = self.before.or(self.after);
                revision::policy(self.repo, Tree::Commit(head), &config)?
            }
            None => after.clone(),
        };
        Ok((before, after))
    }
}

/// What is to be said about a commit.
#[derive(Default)]
struct StagedVerdict {
    /// What the commit causes or touches.
    found: Vec<Diagnostic>,
    /// How many findings there are that it neither causes nor touches.
    older: usize,
    /// How many files it changes.
    changed: usize,
    /// The files that were read.
    snapshot: Snapshot,
    /// What the scope of a plan says of everything that is staged, and all resources as they are staged.
    scoped: Option<(Scoped, Snapshot)>,
}

impl StagedVerdict {
    fn judge_settings(&mut self, before: &Settings, after: &Settings) {
        if before.text == after.text && before.findings == after.findings {
            self.older += after.findings.len();
        } else {
            self.found.extend(after.findings.iter().cloned());
        }
    }

    fn judge_files(&mut self, commit: &NextCommit<'_>) -> Result {
        let repo = commit.repo;
        let config = commit.config();
        let paths = revision::paths(&config)?;
        // If HEAD's configuration cannot be used, take the staged one for HEAD as well.
        let rules = commit.before.or(commit.after);
        let same_rules = rules == config;
        let old = match commit.head {
            Some(head) => catalog(repo, head, &rules)?,
            None => Catalog::default(),
        };
        let versions: Vec<(&str, &str)> = old.files().collect();
        let changes = commit.staged.changes(&versions, &paths);
        let changed: BTreeSet<String> = changes.iter().map(|(path, _)| path.clone()).collect();
        self.changed = changed.len();
        if changes.is_empty() && same_rules {
            return Ok(());
        }
        // Under other rules every file is to be looked at again.
        let (base, changes) = if same_rules {
            (old.clone(), changes)
        } else {
            (Catalog::default(), commit.staged.changes(&[], &paths))
        };
        let mut step = CatalogStep::new(repo, &config, &paths, &base, changes)?;
        step.suggest(&base, &config);
        let known = old.findings_of(&step.affected);
        let (old_ones, new_ones): (Vec<Diagnostic>, Vec<Diagnostic>) =
            step.findings().into_iter().partition(|finding| {
                let known = known.get(finding.file.as_str());
                let known = known.is_some_and(|all| all.contains(identity(finding).as_str()));
                !changed.contains(&finding.file) && (known || !is_local(finding))
            });
        let outside = |path: &str| !step.affected.contains(path);
        self.older += base.count_findings(outside);
        self.older += old_ones.iter().filter(|finding| is_local(finding)).count();
        self.found.extend(new_ones);
        let mut broken = step.broken_rules(commit, &paths, &old, &changed)?;
        let judging = commit.before.judging(&config);
        step.snapshot.settle(&mut broken, &judging);
        self.found.extend(broken);
        self.snapshot = step.snapshot;
        Ok(())
    }

    /// Everything that is staged against the scope that a document has in HEAD.
    fn judge_scope(&mut self, commit: &NextCommit<'_>, plan: &str) -> Result {
        let (repo, config) = (commit.repo, commit.config());
        // By HEAD's configuration: a change of `paths` must not hide what was there.
        let old = match commit.head {
            Some(head) => {
                let rules = commit.before.or(commit.after);
                revision::snapshot(repo, Tree::Commit(head), &rules)?
            }
            None => Snapshot::default(),
        };
        let new = revision::snapshot(repo, Tree::Index(commit.staged), &config)?;
        let changed = read::changed_in_index(repo, commit.head)?;
        let scoped = scope_of((&old, &new), plan, &changed)?;
        let mut outside = scoped.findings((&old, &new));
        new.settle(&mut outside, &commit.before.judging(&config));
        self.found.extend(outside);
        self.scoped = Some((scoped, new));
        Ok(())
    }

    fn validated(mut self, level: Level, settings: &Settings) -> Validated {
        apply_level(level, &mut self.found);
        let text_of = |file: &str| match file {
            CONFIG_FILE => settings.text.clone(),
            _ => self.snapshot.text(file).or_else(|| {
                let (_, staged) = self.scoped.as_ref()?;
                staged.text(file)
            }),
        };
        Validated {
            findings: Findings::new(self.found, &text_of),
            checked: Coverage::Staged {
                files: self.changed,
                older: self.older,
                usable: settings.config.is_some(),
            },
            scope: self.scoped.map(|(scoped, _)| scoped),
            snapshot: self.snapshot,
        }
    }
}

/// From one catalog to the next, by reading what a change reaches.
struct CatalogStep {
    changes: Vec<FileChange>,
    /// Files whose findings may have changed.
    affected: BTreeSet<String>,
    /// What was read: the changed files and what they reach.
    files: Vec<SourceFile>,
    /// What the other files refer to.
    referred: Vec<(Kind, String)>,
    snapshot: Snapshot,
}

impl CatalogStep {
    fn new(
        repo: &Repo,
        config: &Config,
        paths: &Paths,
        base: &Catalog,
        changes: Vec<read::PathChange>,
    ) -> Result<CatalogStep> {
        let mut now: BTreeMap<String, Option<(String, Facts)>> = BTreeMap::new();
        let mut found = Vec::new();
        for (path, file) in changes {
            let version = file.as_ref().map(|file| (file.version(), Facts::default()));
            now.insert(path, version);
            found.extend(file);
        }
        let mut files = read::read(repo, found, paths)?;
        let mut parsed = manifests(&files, config);
        for (file, manifest) in files.iter().zip(&parsed) {
            if let Some(Some((_, facts))) = now.get_mut(&file.path) {
                *facts = Facts::of(manifest, &file.content);
            }
        }
        let changes: Vec<FileChange> = now
            .into_iter()
            .map(|(path, now)| FileChange { path, now })
            .collect();
        let reach = base.reach(&changes);
        let unchanged = reach.unchanged.iter();
        let unchanged = unchanged.filter_map(|(path, version)| FoundFile::at(path, version));
        let others = read::read(repo, unchanged, paths)?;
        parsed.extend(manifests(&others, config));
        files.extend(others);
        let elsewhere = Elsewhere {
            keys: Vec::new(),
            referred: reach.referred.clone(),
        };
        Ok(CatalogStep {
            snapshot: Snapshot::assemble(&files, parsed, elsewhere, config),
            affected: reach.affected,
            referred: reach.referred,
            changes,
            files,
        })
    }

    /// What is wrong in the affected files; of the others not everything was read that it takes to
    /// judge them.
    fn findings(&self) -> Vec<Diagnostic> {
        let all = self.snapshot.diagnostics().iter();
        let affected = all.filter(|finding| self.affected.contains(&finding.file));
        affected.cloned().collect()
    }

    fn catalog(&self, base: &Catalog) -> Catalog {
        base.after(&self.changes, &self.affected, &self.findings())
    }

    /// Where there are findings, look again with all names in sight: they may suggest one.
    fn suggest(&mut self, base: &Catalog, config: &Config) {
        if self.findings().is_empty() {
            return;
        }
        let read: BTreeSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        let changed = self.changes.iter().map(|change| change.path.as_str());
        let known: BTreeSet<&str> = read.into_iter().chain(changed).collect();
        let elsewhere = Elsewhere {
            keys: base.keys(|path| !known.contains(path)),
            referred: self.referred.clone(),
        };
        let parsed = manifests(&self.files, config);
        self.snapshot = Snapshot::assemble(&self.files, parsed, elsewhere, config);
    }

    /// What the change does and must not. The same files as they were before are compared with.
    fn broken_rules(
        &self,
        commit: &NextCommit<'_>,
        paths: &Paths,
        old: &Catalog,
        changed: &BTreeSet<String>,
    ) -> Result<Vec<Diagnostic>> {
        if old.is_empty() {
            return Ok(Vec::new());
        }
        let versions = old.versions(changed);
        let found = versions
            .iter()
            .filter_map(|(path, version)| FoundFile::at(path, version));
        let mut files = read::read(commit.repo, found, paths)?;
        let unchanged = self
            .files
            .iter()
            .filter(|file| !changed.contains(&file.path));
        files.extend(unchanged.cloned());
        let before = Snapshot::build(&files, &commit.before.or(commit.after));
        let policies = commit.policies()?;
        let sides = Sides {
            old: &before,
            new: &self.snapshot,
            policies: (&policies.0, &policies.1),
            is_first: false,
        };
        let mut broken = review::rules::check(&review::compare(&before, &self.snapshot), &sides);
        broken.retain(|finding| finding.code != Code::LOOK_TWICE);
        Ok(broken)
    }
}

/// What is known about a commit under a configuration.
fn catalog(repo: &Repo, commit: &str, config: &Config) -> Result<Catalog> {
    const NAME: &str = "catalog";
    let paths = revision::paths(config)?;
    let tree = read::tree_of(repo, commit)?;
    let cache = Cache::new(repo);
    let key = digest::canonical(config);
    let stored = cache.load_for(NAME, &key);
    let stored = stored.as_deref().and_then(|text| text.split_once('\n'));
    if let Some((_, rows)) = stored.filter(|(known, _)| *known == tree) {
        return Ok(Catalog::from_text(rows.to_owned()));
    }
    let since = stored.and_then(|(known, rows)| {
        // The tree of the last time may be gone: then everything is read.
        let changes = read::tree_changes(repo, Some(known), &tree, &paths).ok()?;
        Some((Catalog::from_text(rows.to_owned()), changes))
    });
    let (base, changes) = match since {
        Some(since) => since,
        None => (
            Catalog::default(),
            read::tree_changes(repo, None, &tree, &paths)?,
        ),
    };
    let catalog = if changes.is_empty() {
        base
    } else {
        CatalogStep::new(repo, config, &paths, &base, changes)?.catalog(&base)
    };
    cache.store_for(NAME, &key, &format!("{tree}\n{}", catalog.text()));
    Ok(catalog)
}
