//! `planspec validate`: offline checks.

mod staged;

use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Context, folder};
use crate::core::base::diagnostic::{Code, Diagnostic, Level, Place, Severity};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::{ChangedFile, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::rules;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::review;
use crate::core::review::rules::{Policy, Sides};
use crate::core::review::scope::{self, Scoped};
use crate::failure::{Failure, Outcome};
use crate::git::signature::{self, Tree};
use crate::git::{GitError, Repo, base, files, read};
use crate::service::runs::choose_among;
use crate::show::{self, findings};

/// Check resources, offline
///
/// Without arguments: everything below the configured paths of the work tree. References are
/// resolved against all resources of the repository.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Files or folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A file; - is standard input. May be repeated
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A folder; may be repeated
    #[arg(short, long = "directory", value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// Look into the folders below as well
    #[arg(short = 'R', long)]
    recursive: bool,
    /// What is staged, and only what the commit causes or touches: for the pre-commit hook
    #[arg(long, conflicts_with_all = ["paths", "files", "directories", "rev", "base"])]
    staged: bool,
    /// A revision
    #[arg(long, value_name = "REV", conflicts_with_all = ["paths", "files", "directories"])]
    rev: Option<String>,
    /// Check the rules about change as well, against the merge base with this revision
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Check that nothing outside the scope of this plan, a PlanSpec 1.2 document, was changed since the
    /// merge base with --base; with --staged, that nothing outside is staged
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "files", "directories"])]
    scope: Option<String>,
    /// How far to look at PlanSpec 1.2 documents; with readiness, those that are not ready fail
    #[arg(long, value_name = "LEVEL", default_value = "semantics")]
    level: LevelArg,
    /// How to show findings
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: findings::Format,
}

/// How far to look at PlanSpec 1.2 documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LevelArg {
    /// Sections, fields, references, the order of steps.
    Structure,
    /// Whether it makes sense; what it is not ready for is a warning.
    Semantics,
    /// Whether it can be executed.
    Readiness,
}

impl LevelArg {
    /// Leave out what is beyond the level; what is of the level readiness fails there.
    fn apply(self, found: &mut Vec<Diagnostic>) {
        found.retain_mut(|finding| match (self, finding.code.level()) {
            (LevelArg::Structure, Level::Semantics | Level::Readiness) => false,
            (LevelArg::Readiness, Level::Readiness) => {
                finding.severity = Severity::Error;
                true
            }
            _ => true,
        });
    }
}

/// What is to be checked.
struct Subject {
    files: Vec<SourceFile>,
    config: Config,
    /// Findings in the configuration itself.
    config_findings: Vec<Diagnostic>,
    config_text: Option<String>,
    /// The configuration cannot be used: nobody knows where resources are, nor what holds for them.
    config_broken: bool,
    /// Only findings in these files are shown; all when not set.
    named: Option<BTreeSet<String>>,
    /// Files that are no part of the repository's resources.
    drafts: BTreeSet<String>,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    if args.scope.is_some() && args.base.is_none() && !args.staged {
        return Err(Failure::usage("--scope needs something to compare with")
            .hint("add --base REV, or --staged for what the next commit changes"));
    }
    if args.staged {
        return staged::run(context, args, &Repo::open(context.dir.as_deref())?);
    }
    let subject = gather(context, args)?;
    // The program ends with it: taking it apart piece by piece would be work for nobody.
    let snapshot = ManuallyDrop::new(Snapshot::build(&subject.files, &subject.config));
    let is_named = |finding: &&Diagnostic| {
        let contains = |named: &BTreeSet<String>| named.contains(&finding.file);
        subject.config_broken || subject.named.as_ref().is_none_or(contains)
    };
    let earlier = Earlier::read(context, args, &subject)?;
    let mut broken = match &earlier {
        Some(earlier) => earlier.changes(&subject, &snapshot),
        None => Vec::new(),
    };
    let scoped = match (&args.scope, &earlier) {
        (Some(plan), Some(earlier)) => Some(earlier.scope(args, plan, &snapshot)?),
        _ => None,
    };
    if let (Some(scoped), Some(earlier)) = (&scoped, &earlier) {
        broken.extend(scoped.findings((&earlier.snapshot, &snapshot)));
    }
    snapshot.settle(&mut broken, &subject.config);
    let all = subject.config_findings.iter().chain(snapshot.diagnostics());
    let all = all.chain(&broken);
    let mut found: Vec<Diagnostic> = all.filter(is_named).cloned().collect();
    soften_drafts(&subject, &mut found);
    let mut empty = emptiness(&subject, &snapshot);
    snapshot.settle(&mut empty, &subject.config);
    found.extend(empty);
    args.level.apply(&mut found);
    let text_of = |file: &str| match file == CONFIG_FILE {
        true => subject.config_text.clone(),
        false => snapshot.text(file),
    };
    let colors = context.terminal.colors_out();
    let mut text = findings::render(&found, &text_of, args.format, colors);
    if let (Some(scoped), findings::Format::Json) = (&scoped, args.format) {
        text = with_scope(&text, scoped)?;
    }
    context.terminal.out(&text);
    let errors = found.iter().filter(|finding| finding.is_error()).count();
    if args.format.is_for_people() {
        let said = match found.is_empty() {
            true => valid(&subject, &snapshot),
            false => findings::summary(&found),
        };
        context.terminal.note(&said);
        for line in scoped.iter().flat_map(show::scope::lines) {
            context
                .terminal
                .note(&crate::core::base::escape::line(&line));
        }
    }
    match errors {
        0 => Ok(()),
        _ => Err(Failure::findings()),
    }
}

fn valid(subject: &Subject, snapshot: &Snapshot) -> String {
    let is_named = |path: &str| {
        subject
            .named
            .as_ref()
            .is_none_or(|named| named.contains(path))
    };
    let count = snapshot
        .keys()
        .flat_map(|key| snapshot.definitions(key))
        .filter(|definition| is_named(&definition.path))
        .count();
    match count {
        0 => "no resources".to_owned(),
        1 => "1 resource: valid".to_owned(),
        _ => format!("{count} resources: valid"),
    }
}

fn gather(context: &Context, args: &Args) -> Outcome<Subject> {
    let repo = match Repo::open(context.dir.as_deref()) {
        Ok(repo) => Some(repo),
        Err(GitError::NotARepository(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let is_named = !(args.paths.is_empty() && args.files.is_empty() && args.directories.is_empty());
    let mut subject = match &repo {
        Some(repo) => repository(repo, args)?,
        None if is_named => Subject::nothing(),
        None => {
            return Err(Failure::repository("this is no Git repository")
                .hint("name files or folders, or run it in a repository"));
        }
    };
    // A finding that another configuration would not make helps nobody.
    if is_named && !subject.config_broken {
        add_named(context, args, repo.as_ref(), &mut subject)?;
    }
    Ok(subject)
}

impl Subject {
    fn nothing() -> Subject {
        Subject {
            files: Vec::new(),
            config: Config::default(),
            config_findings: Vec::new(),
            config_text: None,
            config_broken: false,
            named: None,
            drafts: BTreeSet::new(),
        }
    }
}

/// Everything below the configured paths, by the configuration of the tree that is checked.
fn repository(repo: &Repo, args: &Args) -> Outcome<Subject> {
    let mut subject = Subject::nothing();
    match config_file(repo, args) {
        Ok(Some(bytes)) => {
            let (config, mut findings) = Config::read(CONFIG_FILE, &bytes);
            let tree = match &args.rev {
                Some(rev) => repo.resolve(rev)?,
                None => None,
            };
            let tree = tree.as_deref().map_or(Tree::WorkTree, Tree::Commit);
            findings.extend(unsigned(repo, config.as_ref(), tree)?);
            subject.config_broken = config.is_none();
            subject.config = config.unwrap_or_default();
            subject.config_findings = findings;
            subject.config_text = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(None) => {}
        Err(error @ GitError::Unusable(_)) => {
            let finding = Diagnostic::new(
                Code::NOT_A_FILE,
                CONFIG_FILE,
                Place::File,
                error.to_string(),
            );
            subject.config_findings.push(finding);
            subject.config_broken = true;
        }
        Err(error) => return Err(error.into()),
    }
    if subject.config_broken {
        return Ok(subject);
    }
    let resources = paths(&subject.config.paths, subject.config.limits.file_bytes)?;
    subject.files = read_tree(repo, args, &resources)?;
    Ok(subject)
}

/// Approvals that must be signed, and no key in the tree.
fn unsigned(
    repo: &Repo,
    config: Option<&Config>,
    tree: Tree<'_>,
) -> Result<Option<Diagnostic>, GitError> {
    let Some((config, finding)) = config.and_then(|config| Some((config, config.no_signers()?)))
    else {
        return Ok(None);
    };
    if signature::lists_a_key(repo, tree, config.approvals.signers_file())? {
        return Ok(None);
    }
    let mut found = vec![finding];
    rules::apply_levels(&mut found, config);
    Ok(found.pop())
}

/// The configuration in the tree that is checked.
fn config_file(repo: &Repo, args: &Args) -> Result<Option<Vec<u8>>, GitError> {
    match &args.rev {
        Some(rev) => match repo.resolve(rev)? {
            Some(commit) => read::file_at(repo, &commit, CONFIG_FILE),
            None => Ok(None),
        },
        None if repo.workdir().is_none() => Ok(None),
        None => read::file_in_worktree(repo, CONFIG_FILE),
    }
}

/// What was there at the merge base with `--base`.
struct Earlier {
    repo: Repo,
    commit: String,
    snapshot: Snapshot,
}

impl Earlier {
    fn read(context: &Context, args: &Args, subject: &Subject) -> Outcome<Option<Earlier>> {
        let Some(revision) = args.base.as_deref().filter(|_| !subject.config_broken) else {
            return Ok(None);
        };
        let repo = Repo::open(context.dir.as_deref())?;
        let commit = |revision: &str| match base::commit(&repo, None, revision) {
            Err(GitError::Missing(why)) => Err(Failure::usage(why)),
            found => Ok(found?),
        };
        let side = commit(args.rev.as_deref().unwrap_or("HEAD"))?;
        let fork = base::merge_base(&repo, None, &commit(revision)?, &side)?;
        // By its own configuration: a change that moves `paths` hides nothing of what was there.
        let own = match read::file_at(&repo, &fork, CONFIG_FILE)? {
            Some(bytes) => Config::read(CONFIG_FILE, &bytes).0,
            None => Some(Config::default()),
        };
        let config = own.as_ref().unwrap_or(&subject.config);
        let paths = paths(&config.paths, config.limits.file_bytes)?;
        let files = read::from_commit(&repo, &fork, &paths)?;
        Ok(Some(Earlier {
            snapshot: Snapshot::build(&files, config),
            commit: fork,
            repo,
        }))
    }

    /// What was done since, and must not be. Drafts are no part of it.
    fn changes(&self, subject: &Subject, snapshot: &Snapshot) -> Vec<Diagnostic> {
        let review = review::compare(&self.snapshot, snapshot);
        // Who may decide is the business of `review`.
        let policy = Policy::new(&subject.config, (String::new(), None));
        let sides = Sides {
            old: &self.snapshot,
            new: snapshot,
            policies: (&policy, &policy),
        };
        let mut found = review::rules::check(&review, &sides);
        let is_rule = |finding: &Diagnostic| finding.code != Code::LOOK_TWICE;
        found.retain(|finding| is_rule(finding) && !subject.drafts.contains(&finding.file));
        found
    }

    /// What the scope of a plan says of the files that were changed since.
    fn scope(&self, args: &Args, plan: &str, snapshot: &Snapshot) -> Outcome<Scoped> {
        let changed = match &args.rev {
            Some(revision) => {
                let commit = base::commit(&self.repo, None, revision)?;
                read::changed_paths(&self.repo, &self.commit, &commit)?
            }
            None => read::changed_since(&self.repo, &self.commit)?,
        };
        scope_of((&self.snapshot, snapshot), plan, &changed)
    }
}

/// What the scope of a plan says of changed files.
fn scope_of(sides: (&Snapshot, &Snapshot), plan: &str, changed: &[ChangedFile]) -> Outcome<Scoped> {
    let both: BTreeSet<&Key> = sides.0.keys().chain(sides.1.keys()).collect();
    let key = choose_among(both.into_iter(), Kind::Plan, plan, None)?;
    if !scope::is_scoped(sides, key) {
        let message = format!("{key} has no scope: it comes from no PlanSpec 1.2 document");
        return Err(Failure::usage(message).hint("name a plan that stands in a document"));
    }
    Ok(scope::check(sides, key, changed))
}

/// The findings for programs, with everything that a scope says.
fn with_scope(text: &str, scoped: &Scoped) -> Outcome<String> {
    let mut document: serde_json::Value = serde_json::from_str(text)?;
    document["scope"] = show::scope::value(scoped);
    Ok(show::json(&document))
}

fn paths(globs: &[String], max_bytes: usize) -> Outcome<read::Paths> {
    read::Paths::new(globs, max_bytes).map_err(Failure::not_met)
}

/// The files of a revision or of the work tree.
fn read_tree(repo: &Repo, args: &Args, paths: &read::Paths) -> Outcome<Vec<SourceFile>> {
    if let Some(rev) = &args.rev {
        let commit = repo
            .resolve(rev)?
            .ok_or_else(|| Failure::usage(format!("there is no revision `{rev}`")))?;
        return Ok(read::from_commit(repo, &commit, paths)?);
    }
    match repo.workdir() {
        Some(_) => Ok(read::from_worktree(repo, paths)?),
        None => Err(
            Failure::usage("a bare repository has no work tree to check")
                .hint("name a revision: planspec validate --rev HEAD"),
        ),
    }
}

/// Add the files that were named. What is part of the repository's resources is there already;
/// the others are drafts.
fn add_named(
    context: &Context,
    args: &Args,
    repo: Option<&Repo>,
    subject: &mut Subject,
) -> Outcome {
    let limit = subject.config.limits.file_bytes;
    let base = context.dir.clone().unwrap_or_default();
    let from_here = |path: &PathBuf| match path.as_os_str() == "-" {
        true => path.clone(),
        false => base.join(path),
    };
    let mut named: Vec<PathBuf> = args.paths.iter().map(from_here).collect();
    named.extend(args.files.iter().map(from_here));
    let mut found = files::named(&named, limit);
    for directory in &args.directories {
        found.extend(folder(&from_here(directory), args.recursive, limit)?);
    }
    let known = subject.files.iter().map(|file| file.path.clone());
    let mut known: BTreeSet<String> = known.collect();
    let mut names = BTreeSet::new();
    for mut file in found {
        let inside = repo.and_then(|repo| repo.path_inside(std::path::Path::new(&file.path)));
        if let Some(inside) = inside {
            file.path = inside;
        }
        names.insert(file.path.clone());
        if known.insert(file.path.clone()) {
            subject.drafts.insert(file.path.clone());
            subject.files.push(file);
        }
    }
    subject.named = Some(names);
    Ok(())
}

/// A draft may refer to what is not written yet, and may take the place of what is.
fn soften_drafts(subject: &Subject, found: &mut Vec<Diagnostic>) {
    found.retain_mut(|finding| {
        if !subject.drafts.contains(&finding.file) {
            return true;
        }
        if finding.code == Code::DUPLICATE_RESOURCE {
            let only_drafts = |file: &String| subject.drafts.contains(file);
            return finding.related.iter().all(|other| only_drafts(&other.file));
        }
        if finding.code.is_not_found() {
            finding.severity = Severity::Warning;
        }
        true
    });
}

/// An empty set of resources is an error for files that were named, a warning otherwise.
fn emptiness(subject: &Subject, snapshot: &Snapshot) -> Vec<Diagnostic> {
    let defining = snapshot
        .keys()
        .flat_map(|key| snapshot.definitions(key))
        .map(|definition| definition.path.as_str());
    let with_findings = snapshot.diagnostics().iter().map(|f| f.file.as_str());
    let holding: BTreeSet<&str> = defining.chain(with_findings).collect();
    let holds_something = |file: &str| holding.contains(file);
    match &subject.named {
        _ if subject.config_broken => Vec::new(),
        None if snapshot.is_empty() && snapshot.diagnostics().is_empty() => {
            let globs = subject.config.paths.join(", ");
            vec![
                Diagnostic::new(
                    Code::NO_RESOURCES,
                    ".",
                    Place::File,
                    format!("no resources found below {globs}"),
                )
                .help("write some there, or set `paths` in .planspec.yaml"),
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
