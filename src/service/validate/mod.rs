//! Validates resources, offline.

pub mod fix;
pub mod framework;
pub mod inside;
mod known;
mod meanings;
mod readiness;
mod staged;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::index::Use;
use super::left::Change;
use super::names::choose_among;
use super::revision::{self, Settings};
use super::sources::{self, Source};
use super::store::{commit_of, no_revision};
use super::{Error, Findings, Result};
use crate::api::findings::Readiness;
use crate::core::base::diagnostic::{Code, Diagnostic, Level, Place, Severity};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::{ChangedFile, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Elsewhere;
use crate::core::repository::manifest::Manifest;
use crate::core::repository::snapshot::{Snapshot, manifests_with};
use crate::core::resource::{Key, Kind};
use crate::core::review;
use crate::core::review::rules::Sides;
use crate::core::review::scope::{self, Beside, Scoped};
use crate::git::read::{self, Tree};
use crate::git::{GitError, Repo, base};

use self::meanings::Meanings;
pub use staged::validate_staged;

/// A request to validate.
#[derive(Debug, Clone)]
pub struct ValidateRequest {
    /// The folder of the repository; `None` is the current one.
    pub dir: Option<PathBuf>,
    /// What to check; empty means everything below the configured paths.
    pub named: Vec<Source>,
    /// The revision to check; `None` is the work tree.
    pub revision: Option<String>,
    /// Also check the rules about changes, against the merge base with this revision.
    pub base: Option<String>,
    /// Check that no files outside the scope of this plan have changed since.
    pub scope: Option<String>,
    /// Only warn about missing resources in changed files: `apply` is committing, and they may come later.
    pub may_come: bool,
    /// With `scope`: also compare with `touches` of this step.
    pub step: Option<String>,
    /// How far to check PlanSpec 1.2 documents; those that are not ready fail at
    /// [`Level::Readiness`].
    pub level: Level,
}

/// The result of a validation.
pub struct Validated {
    /// What is wrong.
    pub findings: Findings,
    /// What was checked.
    pub checked: Coverage,
    /// How the changed files compare with the scope, if requested.
    pub scope: Option<Scoped>,
    /// At [`Level::Readiness`]: whether the named documents may be executed.
    pub readiness: Vec<Readiness>,
    /// The resources that were read. Dropping them takes time, which a program that ends can
    /// save.
    pub snapshot: Snapshot,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// A number of resources.
    Resources(usize),
    /// A number of staged files.
    Staged {
        /// How many files the next commit changes.
        files: usize,
        /// How many findings the next commit neither causes nor touches.
        older: usize,
        /// Whether the configuration is valid.
        usable: bool,
    },
}

/// Drops findings beyond a level; at the level readiness, its findings become errors.
fn apply_level(level: Level, found: &mut Vec<Diagnostic>) {
    found.retain_mut(|finding| match (level, finding.code.level()) {
        (Level::Structure, Level::Semantics | Level::Readiness) => false,
        (Level::Readiness, Level::Readiness) => {
            finding.severity = Severity::Error;
            true
        }
        _ => true,
    });
}

/// What is to be checked.
struct Subject {
    repo: Option<Repo>,
    /// The commit; `None` is the work tree.
    commit: Option<String>,
    settings: Settings,
    /// The configuration to use; the defaults without a file.
    config: Config,
    /// The named files; those in the repository have paths relative to its root.
    named: Vec<SourceFile>,
    /// Only findings in these files are shown; `None` means all.
    names: Option<BTreeSet<String>>,
}

/// The result of a check.
#[derive(Default)]
struct Checked {
    /// What was read.
    snapshot: Snapshot,
    /// Findings in the resources.
    findings: Vec<Diagnostic>,
    /// Findings about changes that are not allowed.
    broken: Vec<Diagnostic>,
    scoped: Option<Scoped>,
    /// Files that are not among the repository's resources.
    drafts: BTreeSet<String>,
    /// The number of resources that were checked.
    resources: usize,
    /// The corrected versions of files.
    meanings: Meanings,
}

/// Validates files, a revision, or everything below the configured paths of the work tree. References
/// are resolved against all resources of the repository.
///
/// # Errors
/// The repository cannot be used; something that is named does not exist.
pub fn validate(request: &ValidateRequest) -> Result<Validated> {
    if request.scope.is_some() && request.base.is_none() {
        return Err(Error::ambiguous("--scope needs a revision to compare with")
            .hint("add --base REV, or --staged for the next commit"));
    }
    let subject = Subject::read(request)?;
    let earlier = Earlier::find(request, &subject)?;
    let checked = match known::checked(request, &subject, earlier.as_ref()) {
        Some(checked) => checked,
        None => everything(request, &subject, earlier.as_ref())?,
    };
    Ok(subject.validated(request.level, checked))
}

/// Reads and checks everything.
fn everything(
    request: &ValidateRequest,
    subject: &Subject,
    earlier: Option<&Earlier>,
) -> Result<Checked> {
    let config = &subject.config;
    let mut files = match (&subject.repo, &subject.settings.config) {
        (Some(repo), Some(_)) => revision::files(repo, subject.tree(), config)?,
        _ => Vec::new(),
    };
    let known: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
    let drafts = subject.named.iter();
    let mut drafts: Vec<SourceFile> = drafts
        .filter(|file| !known.contains(&file.path))
        .cloned()
        .collect();
    let mut seen = BTreeSet::new();
    drafts.retain(|file| seen.insert(file.path.clone()));
    files.extend(drafts);
    let usage = earlier.map_or(Use::Check, |_| Use::Compare);
    let parsed = manifests_with(&files, config, |_, manifest| usage.spare(manifest));
    let mut parsed: Vec<Manifest> = parsed.into_iter().map(|(manifest, ())| manifest).collect();
    let meanings = Meanings::of_read(&mut files, &mut parsed, config);
    let mut checked = Checked {
        meanings,
        snapshot: Snapshot::assemble(&files, parsed, Elsewhere::default(), config),
        drafts: seen,
        ..Checked::default()
    };
    let snapshot = &checked.snapshot;
    if let Some(earlier) = earlier {
        let old = earlier.snapshot()?;
        checked.broken = earlier.changes(subject, (&old, snapshot), old.is_empty())?;
        let is_draft = |finding: &Diagnostic| checked.drafts.contains(&finding.file);
        checked.broken.retain(|finding| !is_draft(finding));
        if let Some(plan) = &request.scope {
            let scoped = earlier.scope(request, plan, (&old, snapshot))?;
            let mut outside = scoped.findings((&old, snapshot));
            snapshot.settle(&mut outside, &earlier.settings.judging(config));
            checked.broken.extend(outside);
            checked.scoped = Some(scoped);
        }
    }
    checked.findings = snapshot.diagnostics().to_vec();
    checked.resources = count(subject.names.as_ref(), snapshot);
    Ok(checked)
}

/// The number of resources that were checked.
fn count(names: Option<&BTreeSet<String>>, snapshot: &Snapshot) -> usize {
    let is_named = |path: &str| names.is_none_or(|names| names.contains(path));
    let definitions = snapshot.keys().flat_map(|key| snapshot.definitions(key));
    let definitions = definitions.chain(snapshot.history());
    definitions.filter(|one| is_named(&one.path)).count()
}

impl Subject {
    fn read(request: &ValidateRequest) -> Result<Subject> {
        let repo = match Repo::open(request.dir.as_deref()) {
            Ok(repo) => Some(repo),
            Err(GitError::NotARepository(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let mut subject = match repo {
            Some(repo) => Subject::of_repository(repo, request)?,
            None if !request.named.is_empty() => Subject {
                repo: None,
                commit: None,
                settings: Settings::none(),
                config: Config::default(),
                named: Vec::new(),
                names: None,
            },
            None => {
                return Err(Error::unavailable("this is not a Git repository")
                    .hint("name files or folders, or run it in a repository"));
            }
        };
        // With an invalid configuration, findings in the named files might all be wrong.
        if !request.named.is_empty() && subject.settings.config.is_some() {
            subject.read_named(request)?;
        }
        Ok(subject)
    }

    /// A subject with the configuration of the tree that is checked.
    fn of_repository(repo: Repo, request: &ValidateRequest) -> Result<Subject> {
        let revision = request.revision.as_deref();
        let commit = revision.map(|rev| commit_of(&repo, rev)).transpose()?;
        let tree = commit.as_deref().map_or(Tree::WorkTree, Tree::Commit);
        if commit.is_none() && repo.workdir().is_none() {
            return Err(
                Error::unavailable("a bare repository has no work tree to check")
                    .hint("name a revision: planspec validate --rev HEAD"),
            );
        }
        let mut settings = Settings::read(&repo, tree)?;
        settings.check_keys(&repo, tree)?;
        Ok(Subject {
            config: settings.config.clone().unwrap_or_default(),
            repo: Some(repo),
            commit,
            settings,
            named: Vec::new(),
            names: None,
        })
    }

    /// Reads the named files: those among the repository's resources are known already, the
    /// others are drafts.
    fn read_named(&mut self, request: &ValidateRequest) -> Result {
        let limit = self.config.limits.file_bytes;
        let named = self.sources(request)?;
        self.named = sources::files(&named, limit)?;
        for file in &mut self.named {
            let repo = self.repo.as_ref();
            let inside = repo.and_then(|repo| repo.path_inside(Path::new(&file.path)));
            if let Some(inside) = inside {
                file.path = inside;
            }
        }
        let paths = self.named.iter().map(|file| file.path.clone());
        self.names = Some(paths.collect());
        Ok(())
    }

    /// The sources to read. If a file does not exist, the name may be that of a plan, whose file is read.
    fn sources(&self, request: &ValidateRequest) -> Result<Vec<Source>> {
        let mut named = Vec::with_capacity(request.named.len());
        let mut plans = None;
        for source in &request.named {
            let name = match source {
                Source::File(path) if !path.exists() => plan_name(request, path),
                _ => None,
            };
            let (Some(name), Some(repo)) = (name, &self.repo) else {
                named.push(source.clone());
                continue;
            };
            let snapshot = match &mut plans {
                Some(snapshot) => snapshot,
                None => plans.insert(revision::snapshot(repo, self.tree(), &self.config)?),
            };
            let key = choose_among(snapshot.keys(), Kind::Plan, &name, None);
            let definitions = key.map_or(&[][..], |key| snapshot.definitions(key));
            let root = repo.workdir().unwrap_or_else(|| Path::new(""));
            let files = definitions.iter().map(|one| root.join(&one.path));
            let before = named.len();
            named.extend(files.map(Source::File));
            if named.len() == before {
                // Then the error is that the file does not exist.
                named.push(source.clone());
            }
        }
        Ok(named)
    }

    fn tree(&self) -> Tree<'_> {
        self.commit.as_deref().map_or(Tree::WorkTree, Tree::Commit)
    }

    /// The result to show.
    fn validated(&self, level: Level, checked: Checked) -> Validated {
        let snapshot = checked.snapshot;
        let is_named = |finding: &&Diagnostic| {
            let contains = |names: &BTreeSet<String>| names.contains(&finding.file);
            self.settings.config.is_none() || self.names.as_ref().is_none_or(contains)
        };
        let mut empty = Vec::new();
        if self.settings.config.is_some() {
            let is_empty = checked.resources == 0 && checked.findings.is_empty();
            empty = emptiness(self, &snapshot, is_empty);
            snapshot.settle(&mut empty, &self.config);
        }
        let found = [checked.findings, checked.broken].concat();
        let told = checked.meanings.told(found);
        let all = self.settings.findings.iter().chain(&told);
        let mut found: Vec<Diagnostic> = all.filter(is_named).cloned().collect();
        soften_drafts(&checked.drafts, &mut found);
        found.extend(empty);
        apply_level(level, &mut found);
        let text_of = |file: &str| match file {
            CONFIG_FILE => self.settings.text.clone(),
            _ => checked.meanings.text(file).or_else(|| snapshot.text(file)),
        };
        let findings = Findings::new(found, &text_of);
        let named = self.names.as_ref().filter(|_| level == Level::Readiness);
        Validated {
            readiness: named.map_or(Vec::new(), |names| {
                let inputs = readiness::Inputs {
                    snapshot: &snapshot,
                    config: self.settings.text.as_deref(),
                    findings: &findings.values(),
                };
                readiness::of(&inputs, names)
            }),
            findings,
            checked: Coverage::Resources(checked.resources),
            scope: checked.scoped,
            snapshot,
        }
    }
}

/// A path that could be the name of a plan: `NAME` or `NAMESPACE/NAME`, relative to the current folder.
fn plan_name(request: &ValidateRequest, path: &Path) -> Option<String> {
    let from = request.dir.as_deref().unwrap_or(Path::new(""));
    let name = path.strip_prefix(from).unwrap_or(path).to_str()?;
    let is_name = name.split('/').count() <= 2 && !name.contains('.');
    is_name.then(|| name.to_owned())
}

/// The state at the merge base with `base`.
struct Earlier {
    repo: Repo,
    commit: String,
    /// The commit that is compared with it; `None` is the work tree.
    head: Option<String>,
    settings: Settings,
    config: Config,
}

impl Earlier {
    fn find(request: &ValidateRequest, subject: &Subject) -> Result<Option<Earlier>> {
        let usable = subject.settings.config.is_some();
        let Some(revision) = request.base.as_deref().filter(|_| usable) else {
            return Ok(None);
        };
        let repo = Repo::open(request.dir.as_deref())?;
        let commit = |revision: &str| match base::commit(&repo, None, revision) {
            Err(GitError::Missing(why)) => Err(no_revision(&repo, why)?),
            found => Ok(found?),
        };
        let side = commit(request.revision.as_deref().unwrap_or("HEAD"))?;
        let fork = base::merge_base(&repo, None, &commit(revision)?, &side)?;
        // With the configuration of that commit: a change of `paths` must not hide earlier resources.
        let settings = Settings::read(&repo, Tree::Commit(&fork))?;
        let mut config = settings.or(&subject.settings);
        // The approval of revisions must not make documents differ.
        config.approvals.revisions = subject.config.approvals.revisions;
        Ok(Some(Earlier {
            head: request.revision.is_some().then_some(side),
            commit: fork,
            settings,
            config,
            repo,
        }))
    }

    /// All resources at the merge base.
    fn snapshot(&self) -> Result<Snapshot> {
        revision::snapshot(&self.repo, Tree::Commit(&self.commit), &self.config)
    }

    /// Findings about changes that are not allowed, with the severities at the merge base. `is_first` if
    /// there were no resources.
    fn changes(
        &self,
        subject: &Subject,
        (old, new): (&Snapshot, &Snapshot),
        is_first: bool,
    ) -> Result<Vec<Diagnostic>> {
        let review = review::compare(old, new);
        let tree = self.head.as_deref().map_or(Tree::WorkTree, Tree::Commit);
        let policies = (
            revision::policy(&self.repo, Tree::Commit(&self.commit), &self.config)?,
            revision::policy(&self.repo, tree, &subject.config)?,
        );
        let sides = Sides {
            over: &BTreeSet::new(),
            old,
            new,
            policies: (&policies.0, &policies.1),
            is_first,
        };
        let mut found = review::rules::check(&review, &sides);
        found.retain(|finding| finding.code != Code::LOOK_TWICE);
        let change = Change {
            repo: &self.repo,
            from: &self.commit,
            to: tree,
            config: &subject.config,
        };
        found.extend(change.findings((old, new))?);
        new.settle(&mut found, &self.settings.judging(&subject.config));
        Ok(found)
    }

    /// How the files that have changed since compare with the scope of a plan.
    fn scope(
        &self,
        request: &ValidateRequest,
        plan: &str,
        sides: (&Snapshot, &Snapshot),
    ) -> Result<Scoped> {
        let changed = match &request.revision {
            Some(revision) => {
                let commit = base::commit(&self.repo, None, revision)?;
                read::changed_paths(&self.repo, &self.commit, &commit)?
            }
            None => read::changed_since(&self.repo, &self.commit)?,
        };
        let beside = Beside {
            always: &self.config.scope.always,
            step: request.step.as_deref(),
        };
        scope_of(sides, (plan, beside), &changed)
    }
}

/// How changed files compare with the scope of a plan.
fn scope_of(
    sides: (&Snapshot, &Snapshot),
    (plan, beside): (&str, Beside<'_>),
    changed: &[ChangedFile],
) -> Result<Scoped> {
    let both: BTreeSet<&Key> = sides.0.keys().chain(sides.1.keys()).collect();
    let key = choose_among(both.into_iter(), Kind::Plan, plan, None)?;
    if !scope::is_scoped(sides, key) {
        let message =
            format!("{key} has no scope, because it does not come from a PlanSpec 1.2 document");
        return Err(Error::ambiguous(message).hint("name a plan from a document"));
    }
    Ok(scope::check(sides, key, changed, beside))
}

/// A draft may refer to resources that do not exist yet, and may replace others.
fn soften_drafts(drafts: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    found.retain_mut(|finding| {
        if !drafts.contains(&finding.file) {
            return true;
        }
        if finding.code == Code::DUPLICATE_RESOURCE {
            let only_drafts = |file: &String| drafts.contains(file);
            return finding.related.iter().all(|other| only_drafts(&other.file));
        }
        if finding.code.is_not_found() {
            finding.severity = Severity::Warning;
        }
        true
    });
}

/// No resources are an error for named files, and a warning otherwise.
fn emptiness(subject: &Subject, snapshot: &Snapshot, is_empty: bool) -> Vec<Diagnostic> {
    let defining = snapshot
        .keys()
        .flat_map(|key| snapshot.definitions(key))
        .chain(snapshot.history())
        .map(|definition| definition.path.as_str());
    let with_findings = snapshot.diagnostics().iter().map(|f| f.file.as_str());
    let holding: BTreeSet<&str> = defining.chain(with_findings).collect();
    let holds_something = |file: &str| holding.contains(file);
    match &subject.names {
        None if is_empty => {
            let globs = subject.config.paths.join(", ");
            vec![
                Diagnostic::new(
                    Code::NO_RESOURCES,
                    ".",
                    Place::File,
                    format!("no resources found below {globs}"),
                )
                .help("create resources there, or set `paths` in .planspec.yaml"),
            ]
        }
        None => Vec::new(),
        Some(named) => named
            .iter()
            .filter(|file| !holds_something(file))
            .map(|file| {
                let mut finding = Diagnostic::new(
                    Code::NO_RESOURCES,
                    file,
                    Place::File,
                    "no resources in this file",
                )
                .help("a resource has `apiVersion: planspec.io/v1alpha1` and a `kind`");
                finding.severity = Severity::Error;
                finding
            })
            .collect(),
    }
}
