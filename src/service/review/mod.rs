//! What changes in the work between two revisions.

mod range;

use std::collections::BTreeSet;

pub use range::range;

use super::names::choose_among;
use super::revision::{self, Settings};
use super::store::Store;
use super::{Findings, Result};
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::digest::short;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::SourceFile;
use crate::core::repository::config::Config;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::review::live::Touched;
use crate::core::review::rules::{self, Policy, Sides};
use crate::core::review::scope::{self, Scoped};
use crate::core::review::{self, Review, live};
use crate::git::read::{self, Tree};

/// What changes between two revisions.
#[derive(Debug, Clone, Default)]
pub struct ReviewRequest {
    /// `BASE..HEAD`, `BASE...HEAD` or `BASE`: see [`range`].
    pub range: Option<String>,
    /// Only this plan, and what it names.
    pub plan: Option<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
}

/// Compare two commits.
///
/// # Errors
/// They, or what lies between them, are not there; there is no such plan.
pub fn review(store: &Store, request: &ReviewRequest) -> Result<Reviewed> {
    let range = range(store, request.range.as_deref())?;
    let before = ComparedSide::read(store, Tree::Commit(&range.base), None)?;
    let after = ComparedSide::read(store, Tree::Commit(&range.head), Some(&before))?;
    let mut comparison = Comparison::new(before, after);
    let namespace = request.namespace.as_deref();
    if let Some(plan) = &request.plan {
        let (old, new) = (&comparison.old, &comparison.new);
        let unique: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let key = choose_among(unique.into_iter(), Kind::Plan, plan, namespace)?;
        if scope::is_scoped((old, new), key) {
            let changed = read::changed_paths(&store.repo, &range.base, &range.head)?;
            comparison.scope = Some(scope::check((old, new), key, &changed));
        }
        comparison.review = comparison.review.only(key, old, new);
        comparison.narrow();
    } else if let Some(namespace) = namespace {
        let subjects = &mut comparison.review.subjects;
        subjects.retain(|subject| subject.key.namespace == *namespace);
        comparison.narrow();
    }
    let base = Compared {
        name: short(&range.base).to_owned(),
        commit: range.base,
    };
    let head = Compared {
        name: short(&range.head).to_owned(),
        commit: Some(range.head),
    };
    comparison.reviewed(store, base, head)
}

/// One of the two that are compared, as it is read.
pub struct ComparedSide {
    settings: Settings,
    config: Config,
    files: Vec<SourceFile>,
    policy: Policy,
}

impl ComparedSide {
    /// A revision, by its own configuration; where that cannot be used, by that of the other side.
    ///
    /// # Errors
    /// The repository cannot be used.
    pub fn read(
        store: &Store,
        tree: Tree<'_>,
        other: Option<&ComparedSide>,
    ) -> Result<ComparedSide> {
        let repo = &store.repo;
        let settings = Settings::read(repo, tree)?;
        let none = Settings::none();
        let config = settings.or(other.map_or(&none, |side| &side.settings));
        Ok(ComparedSide {
            files: revision::files(repo, tree, &config)?,
            policy: revision::policy(repo, tree, &config)?,
            settings,
            config,
        })
    }
}

/// Two revisions and what lies between them.
pub struct Comparison {
    before: ComparedSide,
    after: ComparedSide,
    /// The resources before.
    pub old: Snapshot,
    /// The resources now.
    pub new: Snapshot,
    /// What changes.
    pub review: Review,
    /// The resources that findings are shown of; all when not set.
    wanted: Option<BTreeSet<Key>>,
    /// What the scope of the plan that is asked about says of the changed files.
    scope: Option<Scoped>,
}

/// One of the two that are compared, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared<C> {
    /// Id of the commit.
    pub commit: C,
    /// What it is called.
    pub name: String,
}

/// What changes, with everything that is to be said about it.
pub struct Reviewed {
    /// What is compared with.
    pub base: Compared<String>,
    /// What is compared; no commit, when it is not committed.
    pub head: Compared<Option<String>>,
    /// The resources before.
    pub old: Snapshot,
    /// The resources now.
    pub new: Snapshot,
    /// What changes.
    pub review: Review,
    /// The runs that are touched.
    pub touched: Vec<Touched>,
    /// Whether anything is known about runs.
    pub status_known: bool,
    /// Every rule that the change breaks, every finding that was not there before, and every
    /// change to look at twice.
    pub findings: Findings,
    /// What the scope of the plan that is asked about says of the changed files.
    pub scope: Option<Scoped>,
}

impl Reviewed {
    /// The rules that are broken, without what is only to be looked at twice.
    pub fn broken_rules(&self) -> Vec<Diagnostic> {
        let found = self.findings.found.iter();
        let is_rule = |finding: &&Diagnostic| finding.code != Code::LOOK_TWICE;
        found.filter(is_rule).cloned().collect()
    }
}

impl Comparison {
    /// Compare two revisions. The second is judged by the rule levels of the first.
    pub fn new(before: ComparedSide, mut after: ComparedSide) -> Comparison {
        after.config = before.settings.judging(&after.config);
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
    pub fn narrow(&mut self) {
        let subjects = self.review.subjects.iter();
        self.wanted = Some(subjects.map(|subject| subject.key.clone()).collect());
    }

    /// Everything that is to be said about it.
    ///
    /// # Errors
    /// The status branch is there and cannot be read.
    pub fn reviewed(
        self,
        store: &Store,
        base: Compared<String>,
        head: Compared<Option<String>>,
    ) -> Result<Reviewed> {
        let found = self.findings();
        let status = match store.known_if_any()? {
            Some(view) => store.status(&view)?,
            None => None,
        };
        let touched = match &status {
            Some(status) => live::touched(&self.review, &self.old, &status.tree),
            None => Vec::new(),
        };
        let text_of = |file: &str| match file {
            CONFIG_FILE => self.after.settings.text.clone(),
            _ => self.new.text(file),
        };
        let findings = Findings::new(found, &text_of);
        Ok(Reviewed {
            base,
            head,
            old: self.old,
            new: self.new,
            review: self.review,
            touched,
            status_known: status.is_some(),
            findings,
            scope: self.scope,
        })
    }

    /// Every rule that the change breaks, and every finding that was not there before.
    fn findings(&self) -> Vec<Diagnostic> {
        let sides = Sides {
            old: &self.old,
            new: &self.new,
            policies: (&self.before.policy, &self.after.policy),
            is_first: self.old.is_empty(),
        };
        let mut found = rules::findings(&self.review, &sides, &self.after.config);
        let known = &self.before.settings.findings;
        let newer = self.after.settings.findings.iter();
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
}
