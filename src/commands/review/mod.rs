//! `planspec review`: what changes in the work between two revisions.

pub mod base;

use std::collections::BTreeSet;

use clap::Args as ClapArgs;

use super::{Context, NamespaceArg};
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::SourceFile;
use crate::core::repository::config::Config;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::review::rules::{self, Policy, Sides};
use crate::core::review::scope::{self, Scoped};
use crate::core::review::{self, Review, live};
use crate::failure::{Failure, Outcome};
use crate::git::{GitError, Repo, read};
use crate::service::runs::choose_among;
use crate::service::store::Store;
use crate::show::review::{Format, Shown};
use crate::show::{self, findings};
use base::RangeArgs;

/// Say what changes in the work between two revisions
///
/// What is added, dropped, reordered, newly delegated or newly risky; which runs and approvals it
/// touches; whether it keeps the rules. Ends with 1 when a rule at error level is broken.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    range: RangeArgs,
    /// Only this plan, and what it names; of a document also which changed files are outside its scope
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let range = base::range(&store, &args.range)?;
    let before = Side::of_commit(&store.repo, &range.base, None)?;
    let mut after = Side::of_commit(&store.repo, &range.head, Some(&before))?;
    // What is to be merged does not choose the rules that it is held to.
    if before.config_text.is_some() {
        after.config.rules = before.config.rules.clone();
    }
    let mut comparison = Comparison::new(before, after);
    if let Some(plan) = &args.plan {
        let both = comparison.old.keys().chain(comparison.new.keys());
        let unique: BTreeSet<_> = both.collect();
        let namespace = args.namespace.namespace.as_deref();
        let key = choose_among(unique.into_iter(), Kind::Plan, plan, namespace)?;
        let (old, new) = (&comparison.old, &comparison.new);
        if scope::is_scoped((old, new), key) {
            let changed = read::changed_paths(&store.repo, &range.base, &range.head)?;
            comparison.scope = Some(scope::check((old, new), key, &changed));
        }
        comparison.review = comparison.review.only(key, old, new);
        comparison.narrow();
    } else if let Some(namespace) = &args.namespace.namespace {
        let subjects = &mut comparison.review.subjects;
        subjects.retain(|subject| subject.key.namespace == *namespace);
        comparison.narrow();
    }
    let names = (short(&range.base), short(&range.head));
    comparison.show(context, &store, names, args.format)
}

fn short(commit: &str) -> String {
    crate::core::base::digest::short(commit).to_owned()
}

/// One of the two that are compared, as it is read.
pub(super) struct Side {
    config: Config,
    config_text: Option<String>,
    config_findings: Vec<Diagnostic>,
    files: Vec<SourceFile>,
    policy: Policy,
}

impl Side {
    /// The files of a commit, by its own configuration; where that cannot be used, by that of the
    /// other side.
    pub(super) fn of_commit(repo: &Repo, commit: &str, other: Option<&Side>) -> Outcome<Side> {
        Side::gather(
            &|path| read::file_at(repo, commit, path),
            &|paths| read::from_commit(repo, commit, paths),
            other,
        )
    }

    /// What `file` and `files` give.
    pub(super) fn gather(
        file: &dyn Fn(&str) -> Result<Option<Vec<u8>>, GitError>,
        files: &dyn Fn(&read::Paths) -> Result<Vec<SourceFile>, GitError>,
        other: Option<&Side>,
    ) -> Outcome<Side> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let bytes = file(CONFIG_FILE)?;
        let (config, config_findings) = match &bytes {
            Some(bytes) => Config::read(CONFIG_FILE, bytes),
            None => (Some(Config::default()), Vec::new()),
        };
        let config = match (config, other) {
            (Some(config), _) => config,
            (None, Some(other)) => other.config.clone(),
            (None, None) => Config::default(),
        };
        let paths =
            read::Paths::new(&config.paths, config.limits.file_bytes).map_err(Failure::not_met)?;
        let signers = config.approvals.signers_file().to_owned();
        let listed = match file(&signers) {
            Err(GitError::Unusable(_)) => None,
            other => other?.map(text),
        };
        Ok(Side {
            policy: Policy::new(&config, (signers, listed)),
            config_text: bytes.map(text),
            config_findings,
            files: files(&paths)?,
            config,
        })
    }
}

/// Two revisions and what lies between them.
pub(super) struct Comparison {
    before: Side,
    after: Side,
    /// The resources before.
    pub(super) old: Snapshot,
    /// The resources now.
    pub(super) new: Snapshot,
    /// What changes.
    pub(super) review: Review,
    /// The resources that findings are shown of; all when not set.
    wanted: Option<BTreeSet<Key>>,
    /// What the scope of the plan that is asked about says of the changed files.
    scope: Option<Scoped>,
}

impl Comparison {
    /// Compare by the rules of the configuration now.
    pub(super) fn new(before: Side, after: Side) -> Comparison {
        let (old, new) = rayon::join(
            || Snapshot::build(&before.files, &before.config),
            || Snapshot::build(&after.files, &after.config),
        );
        let review = review::compare(&old, &new);
        Comparison {
            before,
            after,
            old,
            new,
            review,
            wanted: None,
            scope: None,
        }
    }

    /// Show no findings of resources that the review no longer speaks of.
    pub(super) fn narrow(&mut self) {
        let subjects = self.review.subjects.iter();
        self.wanted = Some(subjects.map(|subject| subject.key.clone()).collect());
    }

    /// Every rule that the change breaks, and every finding that was not there before.
    fn findings(&self) -> Vec<Diagnostic> {
        let sides = Sides {
            old: &self.old,
            new: &self.new,
            policies: (&self.before.policy, &self.after.policy),
        };
        let mut found = rules::findings(&self.review, &sides, &self.after.config);
        let known = &self.before.config_findings;
        let newer = self.after.config_findings.iter();
        found.extend(newer.filter(|one| !known.contains(one)).cloned());
        found.retain(|finding| match (&self.wanted, &finding.resource) {
            (Some(wanted), Some(key)) => wanted.contains(key),
            _ => true,
        });
        let scope = self.scope.iter();
        let mut outside: Vec<Diagnostic> = scope
            .flat_map(|scope| scope.findings((&self.old, &self.new)))
            .collect();
        self.new.settle(&mut outside, &self.after.config);
        found.extend(outside);
        found
    }

    /// Print what changes.
    pub(super) fn show(
        &self,
        context: &Context,
        store: &Store,
        (base, head): (String, String),
        format: Format,
    ) -> Outcome {
        let found = self.findings();
        let view = store.known_if_any()?;
        let status = match &view {
            Some(view) => store.status(view)?,
            None => None,
        };
        let touched = match &status {
            Some(status) => live::touched(&self.review, &self.old, &status.tree),
            None => Vec::new(),
        };
        let declared = |subject: &review::Subject| rules::declared(subject, &self.old, &self.new);
        let texts = |file: &str| match file {
            CONFIG_FILE => self.after.config_text.clone(),
            _ => self.new.text(file),
        };
        let rules: Vec<Diagnostic> = found
            .iter()
            .filter(|finding| finding.code != Code::LOOK_TWICE)
            .cloned()
            .collect();
        let shown = Shown {
            review: &self.review,
            snapshots: (&self.old, &self.new),
            names: (&base, &head),
            declared: &declared,
            touched: &touched,
            status_known: status.is_some(),
            findings: &rules,
            scope: self.scope.as_ref(),
            place: &|finding| self.new.place(&finding.file, &finding.place),
        };
        let colors = context.terminal.colors_out();
        let text = match format {
            Format::Text => {
                let width = context.terminal.width();
                let mut text = show::review::text::render(&shown, width, colors);
                let format = findings::Format::Text;
                text.push_str(&findings::render(&rules, &texts, format, colors));
                text
            }
            Format::Markdown => show::review::markdown::render(&shown),
            Format::Json => {
                let format = findings::Format::Json;
                let of_rules = findings::render(&found, &texts, format, false);
                show::json(&show::review::json::value(
                    &shown,
                    &serde_json::from_str(&of_rules)?,
                ))
            }
            Format::Github => findings::render(&found, &texts, findings::Format::Github, colors),
            Format::Sarif => findings::render(&found, &texts, findings::Format::Sarif, colors),
        };
        context.terminal.out(&text);
        match found.iter().any(Diagnostic::is_error) {
            false => Ok(()),
            true => Err(Failure::findings()),
        }
    }
}
