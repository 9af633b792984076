//! Reviews the changes between two revisions.

mod range;
mod runs;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};

pub use range::{Range, range};

use self::runs::Known;
use super::index::{self, Step, Use};
use super::names::choose_among;
use super::revision::{self, Settings};
use super::status::StatusReader;
use super::store::{Store, StoredStatus, View};
use super::{Findings, Result};
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::digest::short;
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::source::SourceFile;
use crate::core::repository::config::Config;
use crate::core::repository::facts::{CHOOSE_BY_LABELS, Facts, is_local};
use crate::core::repository::forge::Project;
use crate::core::repository::index::{Damaged, Index, Pages};
use crate::core::repository::reach::FileChange;
use crate::core::repository::referral::Referral;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::review::configuration::{self, ConfigurationChange, TouchedNow};
use crate::core::review::live::Touched;
use crate::core::review::rules::{self, Policy, Sides};
use crate::core::review::scope::{self, Beside, Scoped};
use crate::core::review::scripts::Script;
use crate::core::review::{self, Event, Review, live};
use crate::core::run::status::StatusTree;
use crate::git::Repo;
use crate::git::read::{self, Tree};
use crate::service::left::Change;

/// A request for a review.
#[derive(Debug, Clone, Default)]
pub struct ReviewRequest {
    /// `BASE..HEAD`, `BASE...HEAD` or `BASE`: see [`range`].
    pub range: Option<String>,
    /// Only this plan, and what it refers to.
    pub plan: Option<String>,
    /// Also compare changed files with `touches` of this step.
    pub step: Option<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
}

/// Compares two commits.
///
/// # Errors
/// The commits or their history cannot be read; there is no such plan.
pub fn review(store: &Store, request: &ReviewRequest) -> Result<Reviewed> {
    // First, since it may fetch the spec branch, which the comparison uses.
    let known = Known::now(store)?;
    let range = range(store, request.range.as_deref())?;
    // A named plan may be unchanged.
    let differing = match &request.plan {
        None => Comparison::of_what_differs(store, &range)?,
        Some(_) => None,
    };
    let mut comparison = match differing {
        Some(comparison) => comparison,
        None => Comparison::of_everything(store, &range)?,
    };
    comparison.find_left(&store.repo, &range)?;
    comparison.scripts = scripts::changed(&store.repo, &range, (&comparison.old, &comparison.new))?;
    let namespace = request.namespace.as_deref();
    if let Some(plan) = &request.plan {
        let (old, new) = (&comparison.old, &comparison.new);
        let unique: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let key = choose_among(unique.into_iter(), Kind::Plan, plan, namespace)?;
        if scope::is_scoped((old, new), key) {
            let changed = read::changed_paths(&store.repo, &range.base, &range.head)?;
            let beside = Beside {
                always: &comparison.before.config.scope.always,
                step: request.step.as_deref(),
            };
            comparison.scope = Some(scope::check((old, new), key, &changed, beside));
        }
        comparison.review = comparison.review.only(key, old, new);
        comparison.narrow();
    } else if let Some(namespace) = namespace {
        let subjects = &mut comparison.review.subjects;
        subjects.retain(|subject| subject.key.namespace == *namespace);
        let is_meant = |key: &Key| key.namespace == *namespace;
        comparison.review.went_on.retain(|key, _| is_meant(key));
        comparison
            .scripts
            .retain(|script| script.users.iter().any(|user| is_meant(&user.key)));
        comparison.narrow();
    }
    let base = Compared {
        name: short(&range.base).to_owned(),
        commit: range.base,
    };
    let shown = range::shown(&store.repo, &base.commit, &range.head)?;
    let web = web(store, &comparison.after.config, &shown);
    let head = Compared {
        name: short(&shown).to_owned(),
        commit: Some(range.head),
    };
    let known = known.by(store, &comparison.before.config)?;
    let mut reviewed = comparison.told(store, known, base, head)?;
    reviewed.web = web;
    reviewed.notes.extend(range.doubt);
    Ok(reviewed)
}

/// The address of the files of a commit on the web, from the remote of this clone.
fn web(store: &Store, config: &Config, commit: &str) -> Option<String> {
    let address = store
        .repo
        .remote_url(store.remote.as_deref().unwrap_or("origin"))?;
    Project::of(&address).ok()?.files_at(config.nudge, commit)
}

/// One side of a comparison.
pub struct ComparedSide {
    settings: Settings,
    config: Config,
    files: Vec<SourceFile>,
    policy: Policy,
}

impl ComparedSide {
    /// Reads a revision with its own configuration; if that is invalid, with that of the other side.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn read(
        store: &Store,
        tree: Tree<'_>,
        other: Option<&ComparedSide>,
    ) -> Result<ComparedSide> {
        let repo = &store.repo;
        let side = ComparedSide::without_files(store, tree, other)?;
        Ok(ComparedSide {
            files: revision::files(repo, tree, &side.config)?,
            ..side
        })
    }

    fn without_files(
        store: &Store,
        tree: Tree<'_>,
        other: Option<&ComparedSide>,
    ) -> Result<ComparedSide> {
        let repo = &store.repo;
        let settings = Settings::read(repo, tree)?;
        let none = Settings::none();
        let config = settings.or(other.map_or(&none, |side| &side.settings));
        Ok(ComparedSide {
            files: Vec::new(),
            policy: revision::policy(repo, tree, &config)?,
            settings,
            config,
        })
    }
}

/// Two revisions with their differences.
pub struct Comparison {
    before: ComparedSide,
    after: ComparedSide,
    /// The resources before.
    pub old: Snapshot,
    /// The resources now.
    pub new: Snapshot,
    /// The changes.
    pub review: Review,
    /// The resources whose findings are shown; `None` means all.
    wanted: Option<BTreeSet<Key>>,
    /// How the changed files compare with the scope of the named plan.
    scope: Option<Scoped>,
    /// The files whose findings are known; `None` means all.
    judged: Option<BTreeSet<String>>,
    /// Whether there were no resources before.
    is_first: bool,
    /// Findings about resources that leave the configured paths.
    left: Vec<Diagnostic>,
    /// Changed files that commands run or checks read.
    scripts: Vec<Script>,
}

/// One side of a comparison, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared<C> {
    /// Id of the commit.
    pub commit: C,
    /// Its name.
    pub name: String,
}

/// The changes, with everything that a review shows.
pub struct Reviewed {
    /// The base.
    pub base: Compared<String>,
    /// The head; without a commit for uncommitted changes.
    pub head: Compared<Option<String>>,
    /// The resources before.
    pub old: Snapshot,
    /// The resources now.
    pub new: Snapshot,
    /// The changes.
    pub review: Review,
    /// The runs that are affected.
    pub touched: Vec<Touched>,
    /// Whether anything is known about runs.
    pub status_known: bool,
    /// Why the runs are unknown, if there may be any.
    pub runs_unknown: Option<String>,
    /// Whether the configuration before the change is unreadable.
    pub settings_unread_before: bool,
    /// All rules that the change breaks, all findings that are new, and all
    /// changes that need a second look.
    pub findings: Findings,
    /// How the changed files compare with the scope of the named plan.
    pub scope: Option<Scoped>,
    /// Notes about the comparison.
    pub notes: Vec<String>,
    /// Changes to the configuration, and to the keys of signers.
    pub configuration: Vec<ConfigurationChange>,
    /// The gates and runs that this affects at present.
    pub concerned: BTreeSet<TouchedNow>,
    /// Changed files that commands run or checks read.
    pub scripts: Vec<Script>,
    /// Why files allow something that needs a second look: by resource and message.
    pub allowed: BTreeMap<(Key, String), String>,
    /// The address of the files on the web, if known.
    pub web: Option<String>,
}

impl Reviewed {
    /// Whether a changed file cannot be read.
    pub fn has_unreadable(&self) -> bool {
        let mut subjects = self.review.subjects.iter();
        subjects.any(|subject| subject.event == Event::Unreadable { now: true })
    }
}

impl Reviewed {
    /// The broken rules, without the changes that only need a second look.
    pub fn broken_rules(&self) -> Vec<Diagnostic> {
        let found = self.findings.found.iter();
        let is_rule = |finding: &&Diagnostic| finding.code != Code::LOOK_TWICE;
        found.filter(is_rule).cloned().collect()
    }
}

impl Comparison {
    /// Compares two revisions. The second is checked with the severities of the first.
    pub fn new(before: ComparedSide, mut after: ComparedSide) -> Comparison {
        after.config = before.settings.judging(&after.config);
        let (old, new) = rayon::join(
            || Snapshot::build(&before.files, &before.config),
            || Snapshot::build(&after.files, &after.config),
        );
        Comparison {
            review: review::compare(&old, &new),
            is_first: old.is_empty(),
            before,
            after,
            old,
            new,
            wanted: None,
            scope: None,
            judged: None,
            left: Vec::new(),
            scripts: Vec::new(),
        }
    }

    fn of_everything(store: &Store, range: &Range) -> Result<Comparison> {
        let before = ComparedSide::read(store, Tree::Commit(&range.base), None)?;
        let after = ComparedSide::read(store, Tree::Commit(&range.head), Some(&before))?;
        Ok(Comparison::new(before, after))
    }

    /// Compares two commits by reading only the differences and what they affect. `None` if everything must
    /// be read.
    fn of_what_differs(store: &Store, range: &Range) -> Result<Option<Comparison>> {
        let before = ComparedSide::without_files(store, Tree::Commit(&range.base), None)?;
        let head = Tree::Commit(&range.head);
        let mut after = ComparedSide::without_files(store, head, Some(&before))?;
        // With another configuration, every file must be checked again.
        if before.config != after.config || store.repo.is_partial() {
            return Ok(None);
        }
        after.config = before.settings.judging(&after.config);
        let (repo, config) = (&store.repo, &before.config);
        let paths = revision::paths(config)?;
        let [base, head] = [&range.base, &range.head].map(|commit| read::tree_of(repo, commit));
        let changes = read::tree_changes(repo, Some(&base?), &head?, &paths)?;
        let differing = read::changed_paths(repo, &range.base, &range.head)?;
        if differing.len() > scripts::MOST {
            return Ok(None);
        }
        let compared = index::of_commit(repo, &range.base, config, |index| {
            if index.count_resources() == 0 {
                return Ok(None);
            }
            let changed = changes.iter().map(|(path, _)| path.clone()).collect();
            let places = (config, &paths);
            let more = |changes: &[FileChange]| {
                let mut more = bindings_of_plans(index, changes)?;
                more.extend(scripts::users(index, &differing)?);
                Ok(more)
            };
            let usage = Use::Compare;
            let mut step = Step::with_more(repo, places, index, changes.clone(), usage, more)?;
            // A binding may affect tasks of any plan.
            if defines(index, &step, Kind::Binding)? {
                return Ok(None);
            }
            step.suggest(index, config)?;
            let old = step.before(repo, places, index, &changed)?;
            Ok(Some((old, step)))
        })?;
        // Whether an `allow` comment is unused depends on all files together.
        let told = |step: &Step| step.findings().iter().all(is_local);
        let Some((old, step)) = compared.filter(|(_, step)| told(step)) else {
            return Ok(None);
        };
        Ok(Some(Comparison {
            review: review::compare(&old, &step.snapshot),
            is_first: false,
            before,
            after,
            old,
            new: step.snapshot,
            wanted: None,
            scope: None,
            judged: Some(step.affected),
            left: Vec::new(),
            scripts: Vec::new(),
        }))
    }

    /// Finds the resources that leave the configured paths.
    fn find_left(&mut self, repo: &Repo, range: &Range) -> Result {
        let change = Change {
            repo,
            from: &range.base,
            to: Tree::Commit(&range.head),
            config: &self.after.config,
        };
        let leaving = change.leaving((&self.old, &self.new))?;
        self.review.leave(&leaving.keys);
        self.left = leaving.findings;
        self.new.settle(&mut self.left, &self.after.config);
        Ok(())
    }

    /// Drops the findings of resources that are no longer part of the review.
    pub fn narrow(&mut self) {
        let subjects = self.review.subjects.iter();
        self.wanted = Some(subjects.map(|subject| subject.key.clone()).collect());
    }

    /// The complete review, with the runs of the last fetch.
    ///
    /// # Errors
    /// The status branch exists, but cannot be read.
    pub fn reviewed(
        self,
        store: &Store,
        base: Compared<String>,
        head: Compared<Option<String>>,
    ) -> Result<Reviewed> {
        let known = Known::of(store.known_if_any()?);
        self.told(store, known, base, head)
    }

    fn told(
        self,
        store: &Store,
        known: Known,
        base: Compared<String>,
        head: Compared<Option<String>>,
    ) -> Result<Reviewed> {
        let status = match &known.view {
            Some(view) => self.status(store, view)?,
            None => None,
        };
        let over = status
            .as_ref()
            .map(|status| over(&status.tree))
            .unwrap_or_default();
        let found = self.findings(&over);
        let allowed = rules::allowed(&self.review, &self.sides(&over));
        let touched = match &status {
            Some(status) => live::touched(&self.review, &self.old, &status.tree),
            None => Vec::new(),
        };
        let configuration = self.configuration();
        let reviewers = |gate: &Key| Some(self.old.gate(gate)?.reviewers.clone());
        let concerned = status
            .as_ref()
            .map(|status| configuration::touched(&configuration, &status.tree, &reviewers));
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
            runs_unknown: known.unknown,
            settings_unread_before: self.before.settings.text.is_some()
                && self.before.settings.config.is_none(),
            findings,
            scope: self.scope,
            notes: Vec::new(),
            configuration,
            concerned: concerned.unwrap_or_default(),
            scripts: self.scripts,
            allowed,
            web: None,
        })
    }

    /// The status of everything that the change may affect.
    fn status(&self, store: &Store, view: &View) -> Result<Option<StoredStatus>> {
        let Some(status) = StatusReader::open(store, view)? else {
            return Ok(None);
        };
        let subjects = self.review.subjects.iter();
        let subjects = subjects.flat_map(|one| [Some(&one.key), one.from()]);
        let changed = subjects.flatten().chain(&self.review.told);
        let mut keys: BTreeSet<Key> = changed.cloned().collect();
        let runs = status.runs_pinned_to(&keys)?;
        keys.extend(runs);
        // Runs that have not begun have no pins.
        keys.extend(self.old.keys_of(Kind::Execution).cloned());
        if !self.configuration().is_empty() {
            keys.extend(status.open_runs()?);
        }
        status.read(&keys).map(Some)
    }

    /// Changes to the configuration, and to the keys of signers. None if there was no configuration before.
    fn configuration(&self) -> Vec<ConfigurationChange> {
        if self.is_first && self.before.settings.text.is_none() {
            return Vec::new();
        }
        configuration::changes(&self.before.policy, &self.after.policy)
    }

    fn sides<'a>(&'a self, over: &'a BTreeSet<Key>) -> Sides<'a> {
        Sides {
            old: &self.old,
            new: &self.new,
            policies: (&self.before.policy, &self.after.policy),
            is_first: self.is_first,
            over,
        }
    }

    /// All rules that the change breaks, and all findings that are new.
    fn findings(&self, over: &BTreeSet<Key>) -> Vec<Diagnostic> {
        let sides = self.sides(over);
        let mut found = rules::findings(&self.review, &sides, &self.after.config);
        found.extend(self.left.iter().cloned());
        if let Some(judged) = &self.judged {
            // Of the other files, not everything was read that a check needs.
            let is_judged = |file: &String| judged.contains(file) || self.new.text(file).is_none();
            found.retain(|finding| is_judged(&finding.file));
        }
        let known = &self.before.settings.findings;
        let newer = self.after.settings.findings.iter();
        found.extend(newer.filter(|one| !known.contains(one)).cloned());
        found.retain(|finding| match (&self.wanted, &finding.resource) {
            (Some(wanted), Some(key)) => wanted.contains(key),
            _ => true,
        });
        let changed = self.configuration();
        let mut marked: Vec<Diagnostic> = changed
            .iter()
            .filter_map(ConfigurationChange::finding)
            .collect();
        marked.extend(self.scripts.iter().filter_map(Script::finding));
        self.new.settle(&mut marked, &self.after.config);
        found.extend(marked);
        let scope = self.scope.iter();
        let mut outside: Vec<Diagnostic> = scope
            .flat_map(|scope| scope.findings((&self.old, &self.new)))
            .collect();
        self.new.settle(&mut outside, &self.after.config);
        found.extend(outside);
        found
    }
}

/// Runs that are over for good: no change affects them.
fn over(status: &StatusTree) -> BTreeSet<Key> {
    let runs = status.files.iter();
    let over = runs.filter(|(_, file)| {
        let run = file.status.execution();
        run.is_some_and(|run| run.phase.is_terminal() && !run.phase.can_be_retried())
    });
    over.map(|(key, _)| key.clone()).collect()
}

/// Whether a changed file defines a resource of a kind, before or after.
fn defines<P: Pages>(
    index: &Index<P>,
    step: &Step,
    kind: Kind,
) -> std::result::Result<bool, Damaged> {
    for change in &step.changes {
        if facts_of(index, change)?
            .iter()
            .any(|facts| has_kind(facts, kind))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The facts of a changed file, before and after.
fn facts_of<P: Pages>(
    index: &Index<P>,
    change: &FileChange,
) -> std::result::Result<Vec<Facts>, Damaged> {
    let before = index.row(&change.path)?.map(|row| row.facts);
    let now = change.now.as_ref().map(|(_, facts)| facts.clone());
    Ok(before.into_iter().chain(now).collect())
}

fn has_kind(facts: &Facts, kind: Kind) -> bool {
    facts.defined().any(|(one, _)| one == kind.name())
}

/// The files with bindings that may choose providers for the changed plans: those that name
/// one of the plans or of their capabilities, and those that select by labels.
fn bindings_of_plans<P: Pages>(
    index: &Index<P>,
    changes: &[FileChange],
) -> std::result::Result<BTreeSet<String>, Damaged> {
    let mut names = BTreeSet::new();
    for change in changes {
        let facts = facts_of(index, change)?;
        for facts in facts.iter().filter(|facts| has_kind(facts, Kind::Plan)) {
            let named = facts.defined().chain(facts.referred());
            names.extend(named.map(|(_, name)| name.to_owned()));
        }
    }
    let mut found = BTreeSet::new();
    for name in &names {
        let referrers = index.referrers_of(name)?.into_iter();
        let referrals = referrers.filter_map(|by| Some((Referral::from_line(&by.what)?, by.path)));
        let bindings = referrals.filter(|(referral, _)| referral.by == Kind::Binding);
        found.extend(bindings.map(|(_, path)| path));
    }
    if !names.is_empty() {
        let by_labels = index.definers_of(CHOOSE_BY_LABELS)?.into_iter();
        found.extend(by_labels.map(|binding| binding.path));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::service::store::Side;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::core::repository::reach::properties::dense_change;
    use crate::core::repository::reach::tests::any_change;
    use crate::core::repository::snapshot::parsed;
    use crate::git::testing::Sandbox;
    use crate::service::index::tests::commit;

    /// The content of a comparison, with the places of its findings.
    fn said(comparison: &Comparison) -> (&Review, Vec<String>) {
        let line = |finding: &Diagnostic| {
            let side = if comparison.new.text(&finding.file).is_some() {
                &comparison.new
            } else {
                &comparison.old
            };
            format!("{} {}", finding.severity, side.line(finding))
        };
        (
            &comparison.review,
            comparison
                .findings(&BTreeSet::new())
                .iter()
                .map(line)
                .collect(),
        )
    }

    #[test]
    fn a_script_that_changes_has_its_users_read_and_nothing_else() {
        let sandbox = Sandbox::new();
        let store = Store {
            repo: sandbox.repo("one"),
            remote: None,
            side: Side::default(),
        };
        let head = "apiVersion: planspec.io/v1alpha1\n";
        let plan = |name: &str| {
            format!(
                "{head}kind: Plan\nmetadata: {{name: {name}, namespace: n}}\nspec: {{description: d, graph: {{nodes: \
                 [{{id: a, kind: Task}}]}}}}\n"
            )
        };
        let binding = format!(
            "{head}kind: Binding\nmetadata: {{name: b, namespace: n}}\nspec: {{rules: [{{selector: {{planRef: {{name: \
             p7}}}}, target: {{provider: \"tool://t\", config: {{command: [tools/t.sh]}}}}}}]}}\n"
        );
        let plans: Vec<(String, String)> = (0..40)
            .map(|at| (format!("planspec/p{at}.yaml"), plan(&format!("p{at}"))))
            .collect();
        let mut files: Vec<(&str, &str)> = plans
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        files.push(("planspec/b.yaml", &binding));
        files.push(("tools/t.sh", "one\n"));
        let base = sandbox.commit(&store.repo, &files);
        let head = sandbox.commit(&store.repo, &[("tools/t.sh", "two\n")]);
        let range = Range {
            base,
            head,
            doubt: None,
        };
        let some = Comparison::of_what_differs(&store, &range)
            .unwrap()
            .unwrap();
        let read: Vec<&Key> = some.new.keys().collect();
        assert_eq!(read.len(), 1, "{read:?}");
        let found = scripts::changed(&store.repo, &range, (&some.old, &some.new)).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_run(), "{found:?}");
    }

    #[test]
    fn what_changes_is_parsed_once_on_each_side_and_what_it_asks_for_beside_it() {
        let sandbox = Sandbox::new();
        let store = Store {
            repo: sandbox.repo("one"),
            remote: None,
            side: Side::default(),
        };
        let head = "apiVersion: planspec.io/v1alpha1\n";
        let plan = |at: usize, text: &str| {
            let plan = format!(
                "{head}kind: Plan\nmetadata: {{name: p{at}, namespace: n}}\nspec: {{description: {text}, graph: {{nodes: \
                 [{{id: a, kind: Task}}]}}}}\n"
            );
            (format!("planspec/p{at}.yaml"), plan)
        };
        let binding = format!(
            "{head}kind: Binding\nmetadata: {{name: b, namespace: n}}\nspec: {{rules: [{{selector: {{planRef: {{name: \
             p7}}}}, target: {{provider: \"agent://a\"}}}}]}}\n"
        );
        let commit = |files: &[(String, String)]| {
            let files = files.iter().map(|(path, text)| (&**path, &**text));
            sandbox.commit(&store.repo, &files.collect::<Vec<_>>())
        };
        let mut all: Vec<_> = (0..100).map(|at| plan(at, "one")).collect();
        all.push(("planspec/b.yaml".to_owned(), binding));
        let base = commit(&all);
        let changed: Vec<_> = (0..20).map(|at| plan(at, "two")).collect();
        let range = Range {
            base,
            head: commit(&changed),
            doubt: None,
        };
        // This builds the index.
        Comparison::of_what_differs(&store, &range).unwrap();
        parsed::taken();
        let found = Comparison::of_what_differs(&store, &range).unwrap();
        assert_eq!(found.unwrap().review.subjects.len(), 20);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for path in parsed::taken() {
            *times.entry(path).or_default() += 1;
        }
        assert_eq!(times.len(), 21, "{times:?}");
        assert!(times.contains_key("planspec/b.yaml"), "{times:?}");
        assert!(times.values().all(|times| *times <= 2), "{times:?}");
    }

    #[test]
    fn a_review_of_what_differs_says_what_a_review_of_everything_says() {
        let sandbox = Sandbox::new();
        let store = Store {
            repo: sandbox.repo("one"),
            remote: None,
            side: Side::default(),
        };
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 48,
            max_shrink_iters: 0,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let by_index = std::cell::Cell::new(0);
        let ran = runner.run(&prop_oneof![any_change(), dense_change()], |(old, new)| {
            let [base, head] = [&old, &new].map(|files| commit(&sandbox, &store.repo, files));
            let range = Range {
                base,
                head,
                doubt: None,
            };
            let whole = Comparison::of_everything(&store, &range).unwrap();
            if let Some(some) = Comparison::of_what_differs(&store, &range).unwrap() {
                prop_assert_eq!(said(&some), said(&whole));
                by_index.set(by_index.get() + 1);
            }
            Ok(())
        });
        ran.unwrap();
        assert!(
            by_index.get() > 30,
            "of 48, {} were compared",
            by_index.get()
        );
    }
}
