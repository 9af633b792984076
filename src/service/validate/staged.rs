//! Validates the next commit.
//!
//! Only what the commit affects is read: for HEAD, the index has the findings.

use std::collections::{BTreeMap, BTreeSet};

use super::meanings::Meanings;
use super::{Coverage, ValidateRequest, Validated, apply_level, scope_of};
use crate::core::base::diagnostic::{Code, Diagnostic, Level, Severity};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Definition;
use crate::core::repository::facts::{identity, is_local};
use crate::core::repository::index::{By, Index, MemoryPages, Pages, Row};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{ExecutionPhase, Kind};
use crate::core::review;
use crate::core::review::rules::{Policy, Sides};
use crate::core::review::scope::{Beside, Scoped};
use crate::git::Repo;
use crate::git::index::StagedFiles;
use crate::git::read::{self, PathChange, Paths, Tree};
use crate::path;
use crate::service::former::former_run;
use crate::service::index::{self, Step, Trouble, Use};
use crate::service::left::Change;
use crate::service::revision::{self, Settings};
use crate::service::store::Store;
use crate::service::{Error, Findings, Result};

/// Validates staged changes, and reports only what the commit causes or touches. Uses `scope` and
/// `level` of the request.
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
        verdict.judge_scope(&commit, (plan, request.step.as_deref()))?;
    }
    if request.may_come {
        let changed = read::changed_in_index(&repo, head.as_deref())?;
        let changed: BTreeSet<String> = changed.into_iter().map(|file| file.path).collect();
        verdict.soften_missing(&changed);
    }
    Ok(verdict.validated(request.level, &after))
}

/// The commit that is about to be made.
struct NextCommit<'a> {
    repo: &'a Repo,
    /// Its parent.
    head: Option<&'a str>,
    staged: &'a StagedFiles,
    /// The configuration of HEAD.
    before: &'a Settings,
    /// The staged configuration.
    after: &'a Settings,
}

impl NextCommit<'_> {
    /// The staged configuration; but revisions are approved as in HEAD, so that documents generate the same resources.
    fn config(&self) -> Config {
        let mut config = self.after.config.clone().unwrap_or_default();
        config.approvals.revisions = self.before.or(self.after).approvals.revisions;
        config
    }

    /// The approval policies before and after the commit.
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

/// The result for a commit.
#[derive(Default)]
struct StagedVerdict {
    /// Findings that the commit causes or touches.
    found: Vec<Diagnostic>,
    /// How many findings it neither causes nor touches.
    older: usize,
    /// How many files it changes.
    changed: usize,
    /// The files that were read.
    snapshot: Snapshot,
    /// The corrected versions of files.
    meanings: Meanings,
    /// How all staged changes compare with the scope of a plan, with all staged resources.
    scoped: Option<(Scoped, Snapshot)>,
}

impl StagedVerdict {
    /// New references to missing resources become warnings.
    fn soften_missing(&mut self, changed: &BTreeSet<String>) {
        let missing = self.found.iter_mut().filter(|one| one.code.is_not_found());
        for finding in missing.filter(|one| changed.contains(&one.file)) {
            finding.severity = Severity::Warning;
        }
    }

    fn judge_settings(&mut self, before: &Settings, after: &Settings) {
        if before.text == after.text && before.findings == after.findings {
            self.older += after.findings.len();
        } else {
            self.found.extend(after.findings.iter().cloned());
        }
    }

    fn judge_files(&mut self, commit: &NextCommit<'_>) -> Result {
        // If HEAD's configuration is invalid, use the staged one for HEAD as well.
        let rules = commit.before.or(commit.after);
        let judged = match commit.head {
            Some(head) => {
                index::of_commit(commit.repo, head, &rules, |old| judged(commit, old, &rules))?
            }
            None => {
                let old = Index::empty(MemoryPages::default(), 0);
                judged(commit, &old, &rules).map_err(Error::from)?
            }
        };
        self.found.extend(judged.found);
        self.older += judged.older;
        self.changed = judged.changed;
        self.snapshot = judged.snapshot;
        self.meanings = judged.meanings;
        Ok(())
    }

    /// Compares all staged changes with the scope of a document in HEAD.
    fn judge_scope(
        &mut self,
        commit: &NextCommit<'_>,
        (plan, step): (&str, Option<&str>),
    ) -> Result {
        let (repo, config) = (commit.repo, commit.config());
        // With HEAD's configuration: a change of `paths` must not hide earlier resources.
        let old = match commit.head {
            Some(head) => {
                let rules = commit.before.or(commit.after);
                revision::snapshot(repo, Tree::Commit(head), &rules)?
            }
            None => Snapshot::default(),
        };
        let new = revision::snapshot(repo, Tree::Index(commit.staged), &config)?;
        let changed = read::changed_in_index(repo, commit.head)?;
        let before = commit.before.or(commit.after);
        let beside = Beside {
            always: &before.scope.always,
            step,
        };
        let scoped = scope_of((&old, &new), (plan, beside), &changed)?;
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
            _ => self
                .meanings
                .text(file)
                .or_else(|| self.snapshot.text(file))
                .or_else(|| {
                    let (_, staged) = self.scoped.as_ref()?;
                    staged.text(file)
                }),
        };
        Validated {
            readiness: Vec::new(),
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

/// The result for the files of a commit.
#[derive(Default)]
struct Judged {
    found: Vec<Diagnostic>,
    meanings: Meanings,
    older: usize,
    changed: usize,
    snapshot: Snapshot,
}

/// Checks what the commit changes and affects. `old` is the index of HEAD under its
/// `rules`.
fn judged<P: Pages>(
    commit: &NextCommit<'_>,
    old: &Index<P>,
    rules: &Config,
) -> std::result::Result<Judged, Trouble> {
    let repo = commit.repo;
    let config = commit.config();
    let paths = revision::paths(&config)?;
    let changed = |changes: &[PathChange]| -> BTreeSet<String> {
        changes.iter().map(|(path, _)| path.clone()).collect()
    };
    if *rules != config {
        let known = committed(repo, old.tree(), rules)?;
        let known: Vec<(&str, &str)> = known.iter().map(|(path, v)| (&**path, &**v)).collect();
        let changed = changed(&commit.staged.changes(&known, &paths));
        // Under other rules, every file must be checked again.
        let base = Index::empty(MemoryPages::default(), 0);
        let changes = commit.staged.changes(&[], &paths);
        let looked = commit.step((&config, &paths), &base, changes)?;
        return commit.judge(looked, (old, &paths), &changed, 0);
    }
    let changes = staged_changes(commit.staged, old, &paths)?;
    if changes.is_empty() {
        return Ok(Judged::default());
    }
    let changed = changed(&changes);
    let (mut step, meanings) = commit.step((&config, &paths), old, changes)?;
    step.suggest(old, &config)?;
    let mut outside = old.count_findings();
    for path in &step.affected {
        let row = old.row(path)?;
        outside -= row.map_or(0, |row| row.count_findings());
    }
    commit.judge((step, meanings), (old, &paths), &changed, outside)
}

/// The staged files that differ from HEAD. If the index lists the same files in the same versions, none of them is
/// looked up.
/// looked up.
fn staged_changes<P: Pages>(
    staged: &StagedFiles,
    old: &Index<P>,
    paths: &Paths,
) -> std::result::Result<Vec<PathChange>, Trouble> {
    let mut tally = old.tally();
    let places = staged.count(paths, &mut tally, false);
    let compared = old.compare(&tally, By::Version)?;
    let known = compared.files.iter();
    let known: Vec<(&str, &str)> = known.map(|file| (&*file.path, &*file.version)).collect();
    let is_other = |place: usize| {
        let place = places.get(place).copied().flatten();
        place.is_some_and(|place| !compared.is_same(place))
    };
    Ok(staged.changes_among(&known, paths, &is_other))
}

/// The paths and versions of the files of a tree that may contain resources, by path.
fn committed(repo: &Repo, tree: &str, rules: &Config) -> Result<Vec<(String, String)>> {
    if tree.is_empty() {
        return Ok(Vec::new());
    }
    let files = read::tree_changes(repo, None, tree, &revision::paths(rules)?)?.into_iter();
    let versions = files.filter_map(|(path, file)| Some((path, file?.version())));
    let mut versions: Vec<(String, String)> = versions.collect();
    versions.sort_unstable();
    Ok(versions)
}

impl NextCommit<'_> {
    /// What the changes affect. Files with certain fixes are replaced by corrected versions.
    fn step<P: Pages>(
        &self,
        (config, paths): (&Config, &Paths),
        base: &Index<P>,
        changes: Vec<PathChange>,
    ) -> std::result::Result<(Step, Meanings), Trouble> {
        let around = (config, paths);
        let step = Step::new(self.repo, around, base, changes.clone(), Use::Compare)?;
        if !step.findings().iter().any(|finding| finding.fix.is_some()) {
            return Ok((step, Meanings::default()));
        }
        let (now, mut files) = index::read_changes(self.repo, paths, changes)?;
        let meanings = Meanings::of(&mut files, config);
        let step = Step::of_files(self.repo, around, base, (now, files), Use::Compare)?;
        Ok((step, meanings))
    }

    /// Separates the findings of the commit from older ones; `outside` is the number of
    /// findings in files that it does not affect.
    fn judge<P: Pages>(
        &self,
        (step, meanings): (Step, Meanings),
        (old, paths): (&Index<P>, &Paths),
        changed: &BTreeSet<String>,
        outside: usize,
    ) -> std::result::Result<Judged, Trouble> {
        let mut known: BTreeMap<&str, Row> = BTreeMap::new();
        for path in &step.affected {
            if let Some(row) = old.row(path)? {
                known.insert(path, row);
            }
        }
        let (old_ones, mut found): (Vec<Diagnostic>, Vec<Diagnostic>) =
            step.findings().into_iter().partition(|finding| {
                let known = known.get(finding.file.as_str());
                let known = known.is_some_and(|row| row.has_finding(&identity(finding)));
                !changed.contains(&finding.file) && (known || !is_local(finding))
            });
        let old_ones = old_ones.iter().filter(|finding| is_local(finding)).count();
        let mut broken = self.broken_rules(&step, paths, old, changed)?;
        step.snapshot
            .settle(&mut broken, &self.before.judging(&self.config()));
        found.extend(broken);
        Ok(Judged {
            found: meanings.told(found),
            meanings,
            older: outside + old_ones,
            changed: changed.len(),
            snapshot: step.snapshot,
        })
    }

    /// Findings about changes that are not allowed. Compares with the same files before the commit.
    fn broken_rules<P: Pages>(
        &self,
        step: &Step,
        paths: &Paths,
        old: &Index<P>,
        changed: &BTreeSet<String>,
    ) -> std::result::Result<Vec<Diagnostic>, Trouble> {
        if old.is_empty() {
            return Ok(Vec::new());
        }
        let rules = self.before.or(self.after);
        let before = step.before(self.repo, (&rules, paths), old, changed)?;
        let policies = self.policies()?;
        let sides = Sides {
            over: &BTreeSet::new(),
            old: &before,
            new: &step.snapshot,
            policies: (&policies.0, &policies.1),
            is_first: false,
        };
        let mut broken = review::rules::check(&review::compare(&before, &step.snapshot), &sides);
        broken.retain(|finding| finding.code != Code::LOOK_TWICE);
        broken.extend(self.names_used_again(&before, &step.snapshot));
        broken.extend(self.left((&before, &step.snapshot))?);
        Ok(broken)
    }

    /// Findings about resources that leave the configured paths.
    fn left(&self, sides: (&Snapshot, &Snapshot)) -> Result<Vec<Diagnostic>> {
        let Some(from) = self.head else {
            return Ok(Vec::new());
        };
        let change = Change {
            repo: self.repo,
            from,
            to: Tree::Index(self.staged),
            config: &self.config(),
        };
        change.findings(sides)
    }

    /// Findings about new executions with the name and another spec of a run in the status: their file was removed in
    /// an earlier commit that no reconcile has seen.
    fn names_used_again(&self, before: &Snapshot, after: &Snapshot) -> Vec<Diagnostic> {
        let mut added = after
            .keys_of(Kind::Execution)
            .filter(|key| before.definitions(key).is_empty())
            .peekable();
        // A clone without a status has no former runs.
        let store = added
            .peek()
            .and_then(|_| Store::open(self.repo.workdir()).ok());
        let Some(store) = store else {
            return Vec::new();
        };
        let used = added.filter_map(|key| {
            let former = former_run(&store, key).ok().flatten()?;
            let definition = after.definition(key)?;
            let digest = definition.resource.as_ref()?.spec_digest();
            let phase = former.phase().filter(|_| former.keeps_name_from(&digest))?;
            Some(name_used(definition, phase))
        });
        used.collect()
    }
}

fn name_used(definition: &Definition, phase: ExecutionPhase) -> Diagnostic {
    let message = format!(
        "{} is already a run ({phase}) with another spec",
        definition.key
    );
    let help = "choose another name, or wait until the deletion of the earlier one is reconciled";
    let path = path!["metadata", "name"];
    definition.at(Code::SPEC_CHANGED, path, message).help(help)
}
