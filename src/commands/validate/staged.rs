//! `planspec validate --staged`: what the next commit does to the resources.
//!
//! Only what the commit reaches is read. Where HEAD stands is known from the last time, by a
//! catalog in the cache; without it everything is read once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Args, paths, scope_of, unsigned, with_scope};
use crate::commands::Context;
use crate::core::base::diagnostic::{Code, Diagnostic, Place};
use crate::core::base::digest;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::SourceFile;
use crate::core::repository::catalog::{Catalog, Change, Facts, identity, is_local};
use crate::core::repository::config::Config;
use crate::core::repository::rules::changes;
use crate::core::repository::snapshot::{Snapshot, manifests};
use crate::core::review::scope::Scoped;
use crate::failure::{Failure, Outcome};
use crate::git::index::StagedFiles;
use crate::git::read::{self, Found, Paths};
use crate::git::signature::Tree;
use crate::git::{Cache, GitError, Repo};
use crate::show::{self, findings};

/// Run `validate --staged`.
pub(super) fn run(context: &Context, args: &Args, repo: &Repo) -> Outcome {
    if repo.workdir().is_none() {
        return Err(Failure::usage("a bare repository has no index to check")
            .hint("name a revision: planspec validate --rev HEAD"));
    }
    let head = repo.head()?.commit().map(str::to_owned);
    let staged = StagedFiles::open(repo)?;
    let mut before = match &head {
        Some(commit) => Settings::read(read::file_at(repo, commit, CONFIG_FILE))?,
        None => Settings::read(Ok(None))?,
    };
    let mut after = Settings::read(staged.file(repo, CONFIG_FILE))?;
    if let Some(commit) = &head {
        let unsigned = unsigned(repo, before.config.as_ref(), Tree::Commit(commit))?;
        before.findings.extend(unsigned);
    }
    let unsigned = unsigned(repo, after.config.as_ref(), Tree::Index)?;
    after.findings.extend(unsigned);
    let mut verdict = Verdict::default();
    verdict.judge_settings(&before, &after);
    if after.config.is_some() {
        verdict.judge_files(repo, head.as_deref(), &staged, &before, &after)?;
    }
    if let (Some(plan), Some(_)) = (&args.scope, &after.config) {
        verdict.judge_scope(repo, plan, head.as_deref(), &staged, [&before, &after])?;
    }
    verdict.show(context, args, &after)
}

/// A configuration file as it stands somewhere.
#[derive(Default)]
struct Settings {
    text: Option<String>,
    /// Nothing when it cannot be used.
    config: Option<Config>,
    findings: Vec<Diagnostic>,
}

impl Settings {
    fn read(file: Result<Option<Vec<u8>>, GitError>) -> Outcome<Settings> {
        match file {
            Ok(None) => Ok(Settings {
                config: Some(Config::default()),
                ..Settings::default()
            }),
            Ok(Some(bytes)) => {
                let (config, findings) = Config::read(CONFIG_FILE, &bytes);
                Ok(Settings {
                    text: Some(String::from_utf8_lossy(&bytes).into_owned()),
                    config,
                    findings,
                })
            }
            Err(error @ GitError::Unusable(_)) => Ok(Settings {
                findings: vec![Diagnostic::new(
                    Code::NOT_A_FILE,
                    CONFIG_FILE,
                    Place::File,
                    error.to_string(),
                )],
                ..Settings::default()
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is to be said about a commit.
#[derive(Default)]
struct Verdict {
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

impl Verdict {
    fn judge_settings(&mut self, before: &Settings, after: &Settings) {
        match before.text == after.text && before.findings == after.findings {
            true => self.older += after.findings.len(),
            false => self.found.extend(after.findings.iter().cloned()),
        }
    }

    fn judge_files(
        &mut self,
        repo: &Repo,
        head: Option<&str>,
        staged: &StagedFiles,
        before: &Settings,
        after: &Settings,
    ) -> Outcome {
        let config = after.config.clone().unwrap_or_default();
        let paths = paths(&config.paths, config.limits.file_bytes)?;
        // Where HEAD's cannot be used, nobody knows what it held by its own rules.
        let rules = before.config.as_ref().unwrap_or(&config);
        let same_rules = *rules == config;
        let old = match head {
            Some(commit) => catalog(repo, commit, rules)?,
            None => Catalog::default(),
        };
        let versions: Vec<(&str, &str)> = old.files().collect();
        let changes = staged.changes(&versions, &paths);
        let changed: BTreeSet<String> = changes.iter().map(|(path, _)| path.clone()).collect();
        self.changed = changed.len();
        if changes.is_empty() && same_rules {
            return Ok(());
        }
        // Under other rules every file is to be looked at again.
        let (base, changes) = match same_rules {
            true => (old.clone(), changes),
            false => (Catalog::default(), staged.changes(&[], &paths)),
        };
        let mut step = Step::new(repo, &config, &paths, &base, changes)?;
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
        let mut broken = step.broken_rules(repo, &config, &paths, &old, &changed)?;
        step.snapshot.settle(&mut broken, &config);
        self.found.extend(broken);
        self.snapshot = step.snapshot;
        Ok(())
    }

    /// Everything that is staged against the scope that a document has in HEAD.
    fn judge_scope(
        &mut self,
        repo: &Repo,
        plan: &str,
        head: Option<&str>,
        staged: &StagedFiles,
        [before, after]: [&Settings; 2],
    ) -> Outcome {
        let config = after.config.clone().unwrap_or_default();
        // By its own configuration: a change that moves `paths` hides nothing of what was there.
        let rules = before.config.as_ref().unwrap_or(&config);
        let old = match head {
            Some(commit) => {
                let paths = paths(&rules.paths, rules.limits.file_bytes)?;
                read::from_commit(repo, commit, &paths)?
            }
            None => Vec::new(),
        };
        let old = Snapshot::build(&old, rules);
        let paths = paths(&config.paths, config.limits.file_bytes)?;
        let files = staged.changes(&[], &paths).into_iter();
        let files = read::read(repo, files.filter_map(|(_, file)| file), &paths)?;
        let new = Snapshot::build(&files, &config);
        let changed = read::changed_in_index(repo, head)?;
        let scoped = scope_of((&old, &new), plan, &changed)?;
        let mut outside = scoped.findings((&old, &new));
        new.settle(&mut outside, &config);
        self.found.extend(outside);
        self.scoped = Some((scoped, new));
        Ok(())
    }

    fn show(mut self, context: &Context, args: &Args, settings: &Settings) -> Outcome {
        args.level.apply(&mut self.found);
        let text_of = |file: &str| match file == CONFIG_FILE {
            true => settings.text.clone(),
            false => self.snapshot.text(file).or_else(|| {
                let (_, staged) = self.scoped.as_ref()?;
                staged.text(file)
            }),
        };
        let colors = context.terminal.colors_out();
        let mut text = findings::render(&self.found, &text_of, args.format, colors);
        let scoped = self.scoped.as_ref().map(|(scoped, _)| scoped);
        if let (Some(scoped), findings::Format::Json) = (scoped, args.format) {
            text = with_scope(&text, scoped)?;
        }
        context.terminal.out(&text);
        if args.format.is_for_people() {
            for line in self.summary(settings) {
                context.terminal.note(&line);
            }
            for line in scoped.into_iter().flat_map(show::scope::lines) {
                context
                    .terminal
                    .note(&crate::core::base::escape::line(&line));
            }
        }
        match self.found.iter().any(Diagnostic::is_error) {
            false => Ok(()),
            true => Err(Failure::findings()),
        }
    }

    /// Nothing at all about a commit that has nothing to do with resources.
    fn summary(&self, settings: &Settings) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.found.is_empty() {
            lines.push(findings::summary(&self.found));
        } else if settings.config.is_none() {
            lines.push(format!(
                "nothing was checked: {CONFIG_FILE} cannot be used: planspec validate"
            ));
        } else if self.changed > 0 {
            let plural = if self.changed == 1 { "" } else { "s" };
            lines.push(format!("{} staged file{plural}: valid", self.changed));
        }
        if self.older > 0 && !lines.is_empty() && settings.config.is_some() {
            let plural = if self.older == 1 { "" } else { "s" };
            lines.push(format!(
                "{} older finding{plural}, not of this commit: planspec validate",
                self.older
            ));
        }
        lines
    }
}

/// From one catalog to the next, by reading what a change reaches.
struct Step {
    changes: Vec<Change>,
    /// Files whose findings may have changed.
    affected: BTreeSet<String>,
    /// What was read: the changed files and what they reach.
    files: Vec<SourceFile>,
    snapshot: Snapshot,
}

impl Step {
    fn new(
        repo: &Repo,
        config: &Config,
        paths: &Paths,
        base: &Catalog,
        changes: Vec<read::Change>,
    ) -> Outcome<Step> {
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
        let changes: Vec<Change> = now
            .into_iter()
            .map(|(path, now)| Change { path, now })
            .collect();
        let reach = base.reach(&changes);
        let unchanged = reach.unchanged.iter();
        let unchanged = unchanged.filter_map(|(path, version)| Found::at(path, version));
        let others = read::read(repo, unchanged, paths)?;
        parsed.extend(manifests(&others, config));
        files.extend(others);
        Ok(Step {
            snapshot: Snapshot::assemble(&files, parsed, [], config),
            affected: reach.affected,
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
        let elsewhere = base.keys(|path| !known.contains(path));
        let parsed = manifests(&self.files, config);
        self.snapshot = Snapshot::assemble(&self.files, parsed, elsewhere, config);
    }

    /// What the change does and must not. The same files as they were before are compared with.
    fn broken_rules(
        &self,
        repo: &Repo,
        config: &Config,
        paths: &Paths,
        old: &Catalog,
        changed: &BTreeSet<String>,
    ) -> Outcome<Vec<Diagnostic>> {
        let versions = old.versions(changed);
        if versions.is_empty() {
            return Ok(Vec::new());
        }
        let found = versions
            .iter()
            .filter_map(|(path, version)| Found::at(path, version));
        let mut files = read::read(repo, found, paths)?;
        let unchanged = self
            .files
            .iter()
            .filter(|file| !changed.contains(&file.path));
        files.extend(unchanged.cloned());
        let before = Snapshot::build(&files, config);
        Ok(changes::check(&before, &self.snapshot))
    }
}

/// What is known about a commit under a configuration.
fn catalog(repo: &Repo, commit: &str, config: &Config) -> Outcome<Catalog> {
    const NAME: &str = "catalog";
    let paths = paths(&config.paths, config.limits.file_bytes)?;
    let tree = read::tree_of(repo, commit)?;
    let cache = Cache::new(repo);
    let key = digest::canonical(config);
    let stored = cache.load_for(NAME, &key);
    let stored = stored.as_deref().and_then(|text| text.split_once('\n'));
    if let Some((_, rows)) = stored.filter(|(known, _)| *known == tree) {
        return Ok(Catalog::from_text(rows.to_owned()));
    }
    let since = stored.and_then(|(known, rows)| {
        // The commit of the last time may be gone.
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
    let catalog = match changes.is_empty() {
        true => base,
        false => Step::new(repo, config, &paths, &base, changes)?.catalog(&base),
    };
    cache.store_for(NAME, &key, &format!("{tree}\n{}", catalog.text()));
    Ok(catalog)
}
