//! Validates with the help of the index, which has the findings of a commit: reads only what differs from it, what
//! that affects, and files with findings. If that is not enough, everything is read.

use std::collections::{BTreeMap, BTreeSet};

use super::meanings::Meanings;
use super::{Checked, Earlier, Subject, ValidateRequest, count};
use crate::core::base::diagnostic::{Code, Diagnostic};
use crate::core::base::source::SourceFile;
use crate::core::repository::index::{By, Index, KnownFile, Pages};
use crate::git::checkout::{self, Committed, CommittedFile, Differences};
use crate::git::index::StagedFiles;
use crate::git::read::{self, FoundFile, Paths, Tree};
use crate::git::{Repo, read::PathChange};
use crate::service::Result;
use crate::service::index::{self, Step, Trouble, Use};
use crate::service::revision::{self, Settings};

/// The findings by way of the index; `None` if everything must be read.
pub(super) fn checked(
    request: &ValidateRequest,
    subject: &Subject,
    earlier: Option<&Earlier>,
) -> Option<Checked> {
    // A scope is about all files. Missing objects would be fetched one by one.
    let repo = subject.repo.as_ref().filter(|_| request.scope.is_none())?;
    if subject.settings.config.is_none() || repo.is_partial() {
        return None;
    }
    let looked = look(repo, subject, earlier);
    looked.unwrap_or_else(|error| {
        tracing::debug!(error = error.message, "everything is read");
        None
    })
}

fn look(repo: &Repo, subject: &Subject, earlier: Option<&Earlier>) -> Result<Option<Checked>> {
    let (base, config) = match (earlier, &subject.commit) {
        (Some(earlier), _) => (earlier.commit.clone(), Some(earlier.config.clone())),
        (None, Some(commit)) => (commit.clone(), subject.settings.config.clone()),
        (None, None) => match repo.head()?.commit() {
            Some(head) => {
                let settings = Settings::read(repo, Tree::Commit(head))?;
                (head.to_owned(), settings.config)
            }
            None => return Ok(None),
        },
    };
    // With another configuration, every file must be checked again.
    if config.as_ref() != Some(&subject.config) {
        return Ok(None);
    }
    let question = Question {
        repo,
        subject,
        earlier,
        paths: revision::paths(&subject.config)?,
    };
    index::of_commit(repo, &base, &subject.config, |index| question.ask(index))
}

struct Question<'a> {
    repo: &'a Repo,
    subject: &'a Subject,
    earlier: Option<&'a Earlier>,
    paths: Paths,
}

/// The input that was read.
struct Now {
    /// Files that differ from the index, or were deleted.
    differing: BTreeSet<String>,
    /// The versions of files that were read; `None` for deleted ones.
    versions: BTreeMap<String, Option<String>>,
    files: Vec<SourceFile>,
}

impl Question<'_> {
    fn ask<P: Pages>(&self, index: &Index<P>) -> std::result::Result<Option<Checked>, Trouble> {
        if index.count_resources() == 0 {
            return Ok(None);
        }
        let (known, now) = self.read(index)?;
        if self.is_hopeless(&known, &now) {
            return Ok(None);
        }
        let is_read = |name: &String| now.versions.contains_key(name);
        let named = self.subject.names.iter().flatten();
        if !named.clone().all(is_read) {
            // A draft, which may replace anything.
            return Ok(None);
        }
        if now.versions.is_empty() {
            return Ok(Some(Checked {
                resources: index.count_resources(),
                ..Checked::default()
            }));
        }
        let config = (&self.subject.config, &self.paths);
        let earlier = self.earlier.filter(|_| !now.differing.is_empty());
        let usage = earlier.map_or(Use::Check, |_| Use::Compare);
        let check = |files: Vec<SourceFile>| {
            let read = (now.versions.clone(), files);
            Step::of_files(self.repo, config, index, read, usage)
        };
        let mut step = check(now.files.clone())?;
        let mut meanings = Meanings::default();
        if step.findings().iter().any(|finding| finding.fix.is_some()) {
            let mut files = now.files.clone();
            meanings = Meanings::of(&mut files, &self.subject.config);
            step = check(files)?;
        }
        let findings = self.shown(&step);
        if !is_certain(index, &step, &findings, &|file| self.is_shown(file))? {
            return Ok(None);
        }
        let broken = match earlier {
            Some(earlier) => {
                let before = step.before(self.repo, config, index, &now.differing)?;
                earlier.changes(self.subject, (&before, &step.snapshot), false)?
            }
            None => Vec::new(),
        };
        Ok(Some(Checked {
            findings,
            broken,
            resources: self.count(index, &step)?,
            snapshot: step.snapshot,
            meanings,
            ..Checked::default()
        }))
    }

    fn is_shown(&self, file: &str) -> bool {
        let names = self.subject.names.as_ref();
        names.is_none_or(|names| names.contains(file))
    }

    /// Whether a known finding needs everything to be read anyway.
    fn is_hopeless(&self, known: &[KnownFile], now: &Now) -> bool {
        let shown = known.iter().filter(|file| self.is_shown(&file.path));
        let shown = shown.filter(|file| !now.differing.contains(&file.path));
        let mut lines = shown.flat_map(|file| file.findings.lines());
        lines.any(|line| {
            let code = line.split(' ').nth(1).and_then(Code::parse);
            code.is_none_or(Code::may_suggest)
        })
    }

    /// Reads files that differ from the index, and those with findings to show. Returns them with the index rows of
    /// files with findings.
    fn read<P: Pages>(
        &self,
        index: &Index<P>,
    ) -> std::result::Result<(Vec<KnownFile>, Now), Trouble> {
        match &self.subject.commit {
            Some(commit) => self.read_commit(index, commit),
            None => self.read_work_tree(index),
        }
    }

    fn read_work_tree<P: Pages>(
        &self,
        index: &Index<P>,
    ) -> std::result::Result<(Vec<KnownFile>, Now), Trouble> {
        let staged = StagedFiles::open(self.repo)?;
        let mut tally = index.tally();
        let places = staged.count(&self.paths, &mut tally, true);
        // Staged files that are as committed need not be looked up.
        let compared = index.compare(&tally, By::Size)?;
        let same = |place: &Option<u32>| place.is_some_and(|place| compared.is_same(place));
        let same: Vec<bool> = places.iter().map(same).collect();
        let others = compared.files.iter().map(|file| CommittedFile {
            path: &file.path,
            version: &file.version,
            bytes: file.bytes.filter(|_| file.findings.is_empty()),
        });
        let others: Vec<CommittedFile<'_>> = others.collect();
        let noted: BTreeSet<&str> = compared
            .files
            .iter()
            .filter(|file| !file.findings.is_empty() || file.allows)
            .map(|file| file.path.as_str())
            .collect();
        let names = &self.subject.names;
        let committed = Committed {
            same: &same,
            others: &others,
            wanted: &|path| match names {
                Some(names) => names.contains(path),
                None => noted.contains(path),
            },
        };
        let differences = checkout::differences(self.repo, &self.paths, &staged, &committed)?;
        Ok((compared.files, Now::of_work_tree(differences)))
    }

    fn read_commit<P: Pages>(
        &self,
        index: &Index<P>,
        commit: &str,
    ) -> std::result::Result<(Vec<KnownFile>, Now), Trouble> {
        let tree = read::tree_of(self.repo, commit)?;
        let changes = read::tree_changes(self.repo, Some(index.tree()), &tree, &self.paths)?;
        let differing: BTreeSet<String> = changes.iter().map(|(path, _)| path.clone()).collect();
        let mut known = Vec::new();
        match &self.subject.names {
            None => known = index.noted()?,
            Some(names) => {
                for path in names {
                    known.extend(index.file(path)?);
                }
            }
        }
        let same = (known.iter()).filter(|file| !differing.contains(&file.path));
        let same = same.filter_map(|file| FoundFile::at(&file.path, &file.version));
        let same: Vec<PathChange> = same.map(|file| (file.path.clone(), Some(file))).collect();
        let all = || changes.iter().chain(&same);
        let versions =
            all().map(|(path, file)| (path.clone(), file.as_ref().map(FoundFile::version)));
        let found = all().filter_map(|(_, file)| file.clone());
        let now = Now {
            versions: versions.collect(),
            files: read::read(self.repo, found, &self.paths)?,
            differing,
        };
        Ok((known, now))
    }

    /// The findings to show, in order.
    fn shown(&self, step: &Step) -> Vec<Diagnostic> {
        let mut found = step.findings();
        found.retain(|finding| self.is_shown(&finding.file));
        found
    }

    /// The number of resources that were checked.
    fn count<P: Pages>(
        &self,
        index: &Index<P>,
        step: &Step,
    ) -> std::result::Result<usize, Trouble> {
        if self.subject.names.is_some() {
            return Ok(count(self.subject.names.as_ref(), &step.snapshot));
        }
        let mut resources = index.count_resources();
        for change in &step.changes {
            let before = index.row(&change.path)?;
            resources -= before.map_or(0, |row| row.facts.count_resources());
            let now = change.now.as_ref();
            resources += now.map_or(0, |(_, facts)| facts.count_resources());
        }
        Ok(resources)
    }
}

impl Now {
    fn of_work_tree(differences: Differences) -> Now {
        let Differences {
            files,
            unchanged,
            gone,
        } = differences;
        let other = files.iter().map(|file| &file.path);
        let other = other.filter(|path| !unchanged.contains_key(*path));
        let differing: BTreeSet<String> = gone.iter().chain(other).cloned().collect();
        let versions = files.iter().map(|file| {
            let version = unchanged.get(&file.path).unwrap_or(&file.blob);
            (file.path.clone(), Some(version.clone()))
        });
        let gone = gone.iter().map(|path| (path.clone(), None));
        Now {
            versions: versions.chain(gone).collect(),
            differing,
            files,
        }
    }
}

/// Whether the findings are complete, and the same as after reading everything.
fn is_certain<P: Pages>(
    index: &Index<P>,
    step: &Step,
    findings: &[Diagnostic],
    is_shown: &dyn Fn(&str) -> bool,
) -> std::result::Result<bool, Trouble> {
    if findings.iter().any(|finding| finding.code.may_suggest()) {
        return Ok(false);
    }
    // Unused `allow` comments are not reported while any file is unreadable.
    if !step.snapshot.allows().keys().any(|file| is_shown(file)) {
        return Ok(true);
    }
    let mut elsewhere = index.count_findings();
    for path in &step.affected {
        elsewhere -= index.row(path)?.map_or(0, |row| row.count_findings());
    }
    let mut all = step.snapshot.diagnostics().iter();
    Ok(elsewhere == 0 && !all.any(|finding| finding.code.is_fatal()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::PathBuf;
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::super::{Validated, everything};
    use super::*;
    use crate::core::base::diagnostic::Level;
    use crate::core::repository::reach::properties::dense_change;
    use crate::core::repository::reach::tests::{Files, any_change};
    use crate::core::repository::snapshot::parsed;
    use crate::git::testing::Sandbox;
    use crate::service::sources::Source;

    /// Gives the work tree exactly these files. Unchanged files are not written; written files are
    /// older than the next commit.
    fn lay_out(repo: &Repo, old: &Files, new: &Files) {
        let root = repo.workdir().unwrap().join("planspec");
        fs::create_dir_all(&root).unwrap();
        for path in old.keys().filter(|path| !new.contains_key(*path)) {
            fs::remove_file(root.join(path)).unwrap();
        }
        for (path, text) in new
            .iter()
            .filter(|(path, text)| old.get(*path) != Some(text))
        {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
            // A different time for each, so that a changed file has another `lstat`.
            let age = Duration::from_secs(1_000_000_000 + text.len() as u64);
            let file = fs::File::options()
                .write(true)
                .open(root.join(path))
                .unwrap();
            file.set_modified(UNIX_EPOCH + age).unwrap();
        }
    }

    fn commit(sandbox: &Sandbox, repo: &Repo) {
        sandbox.git(repo, &["add", "-A"]);
        sandbox.git(repo, &["commit", "-q", "--allow-empty", "-m", "x"]);
    }

    fn request(dir: PathBuf) -> ValidateRequest {
        ValidateRequest {
            dir: Some(dir),
            named: Vec::new(),
            revision: None,
            base: None,
            scope: None,
            may_come: false,
            step: None,
            level: Level::Semantics,
        }
    }

    fn told(validated: &Validated) -> String {
        let (found, texts) = (&validated.findings.found, &validated.findings.texts);
        format!("{found:#?}\n{texts:#?}\n{:?}", validated.checked)
    }

    /// Whether the index was used; if so, checks that the result is the same as after reading everything.
    fn serves(request: &ValidateRequest) -> bool {
        let subject = Subject::read(request).unwrap();
        let earlier = Earlier::find(request, &subject).unwrap();
        let Some(found) = checked(request, &subject, earlier.as_ref()) else {
            return false;
        };
        let all = everything(request, &subject, earlier.as_ref()).unwrap();
        let [found, all] =
            [found, all].map(|checked| told(&subject.validated(request.level, checked)));
        assert_eq!(found, all, "{request:?}");
        true
    }

    /// The kinds of requests, for a work tree with these files.
    fn requests(dir: &std::path::Path, files: &Files) -> Vec<ValidateRequest> {
        let plain = || request(dir.to_owned());
        let rev = |rev: &str| Some(rev.to_owned());
        let mut all = vec![
            plain(),
            ValidateRequest {
                level: Level::Readiness,
                ..plain()
            },
            ValidateRequest {
                revision: rev("HEAD"),
                ..plain()
            },
            ValidateRequest {
                base: rev("HEAD~1"),
                ..plain()
            },
            ValidateRequest {
                revision: rev("HEAD"),
                base: rev("HEAD~1"),
                ..plain()
            },
        ];
        all.extend(files.keys().map(|path| ValidateRequest {
            named: vec![Source::File(dir.join("planspec").join(path))],
            ..plain()
        }));
        all
    }

    /// With the index, all kinds of requests give the same findings as without it, also about
    /// uncommitted changes.
    #[test]
    fn findings_with_the_index_are_findings_without() {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 32,
            max_shrink_iters: 0,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let comments = prop::collection::vec(any::<prop::sample::Index>(), 0..2);
        let changes = (prop_oneof![any_change(), dense_change()], comments);
        let (served, asked) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let ran = runner.run(&changes, |((mut old, mut new), commented)| {
            let sandbox = Sandbox::new();
            let repo = sandbox.repo("one");
            let paths: Vec<String> = old.keys().cloned().collect();
            for which in commented.iter().filter(|_| !paths.is_empty()) {
                let path = which.get(&paths);
                for text in [old.get_mut(path), new.get_mut(path)].into_iter().flatten() {
                    *text = format!("# planspec: allow PS216 for now\n{text}");
                }
            }
            lay_out(&repo, &Files::new(), &old);
            commit(&sandbox, &repo);
            lay_out(&repo, &old, &new);
            let dir = sandbox.path("one");
            let ask = |requests: Vec<ValidateRequest>| {
                for request in requests {
                    asked.set(asked.get() + 1);
                    served.set(served.get() + usize::from(serves(&request)));
                }
            };
            let plain = requests(&dir, &new).into_iter();
            ask(plain.filter(|request| request.base.is_none()).collect());
            commit(&sandbox, &repo);
            ask(requests(&dir, &new));
            Ok(())
        });
        ran.unwrap();
        let (served, asked) = (served.get(), asked.get());
        assert!(served * 4 > asked, "only {served} of {asked}");
    }

    fn goal(name: &str, text: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Goal\nmetadata: {{name: {name}, namespace: \
             n}}\nspec: {{description: {text}}}\n"
        )
    }

    fn plan(name: &str, goal: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: {name}, namespace: \
             n}}\nspec: {{description: d, goalRef: {{name: {goal}}}, graph: {{nodes: [{{id: a, kind: \
             Task, description: d}}]}}}}\n"
        )
    }

    /// Unused comments are not reported while any file is unreadable, even one that need not be
    /// read otherwise.
    #[test]
    fn unused_comments_are_told_when_everything_can_be_read() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let dir = sandbox.path("one");
        let mut files = Files::from([
            (
                "a.yaml".to_owned(),
                format!("# planspec: allow PS216 for now\n{}", goal("a", "d")),
            ),
            ("b.yaml".to_owned(), goal("b", "d")),
            ("c.yaml".to_owned(), goal("b", "d")),
            ("d.yaml".to_owned(), goal("d", "d")),
        ]);
        lay_out(&repo, &Files::new(), &files);
        commit(&sandbox, &repo);
        let served = |files: &Files| -> Vec<bool> {
            let requests = requests(&dir, files).into_iter();
            let plain = requests.filter(|request| request.base.is_none());
            plain.map(|request| serves(&request)).collect()
        };
        // Two files define one goal: everything, at two levels and in two ways; then each file.
        assert_eq!(
            served(&files),
            [false, false, false, false, true, true, true]
        );
        let old = files.clone();
        files.insert("c.yaml".to_owned(), goal("c", "d"));
        lay_out(&repo, &old, &files);
        // HEAD is unchanged, and so is the index row of `b.yaml`, which is read for `c.yaml`.
        assert_eq!(served(&files), [true, true, false, true, true, true, true]);
    }

    /// A thousand plans, ten for each goal.
    fn thousand() -> (Sandbox, Repo, Files) {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let mut files = Files::new();
        for number in 0..1000 {
            let of = number / 10;
            files.insert(
                format!("p{number}.yaml"),
                plan(&format!("p{number}"), &format!("g{of}")),
            );
            files.insert(format!("g{of}.yaml"), goal(&format!("g{of}"), "d"));
        }
        lay_out(&repo, &Files::new(), &files);
        commit(&sandbox, &repo);
        (sandbox, repo, files)
    }

    /// The number of resources, and the files that were parsed for it.
    fn parsed_by(request: &ValidateRequest) -> (usize, Vec<String>) {
        parsed::taken();
        let subject = Subject::read(request).unwrap();
        let earlier = Earlier::find(request, &subject).unwrap();
        let found = checked(request, &subject, earlier.as_ref()).unwrap();
        let paths = parsed::taken();
        assert_eq!(found.findings, [], "{request:?}");
        let names = paths.iter().map(|path| path.replace("planspec/", ""));
        (found.resources, names.collect())
    }

    #[test]
    fn one_change_among_a_thousand_parses_what_it_reaches() {
        let (sandbox, repo, files) = thousand();
        let dir = sandbox.path("one");
        let plain = || request(dir.clone());
        assert_eq!(parsed_by(&plain()).0, 1100, "the index is made");
        let nothing = || (1100, Vec::new());
        assert_eq!(parsed_by(&plain()), nothing());
        let revision = Some("HEAD".to_owned());
        let of_head = ValidateRequest {
            revision,
            ..plain()
        };
        assert_eq!(parsed_by(&of_head), nothing());
        let one = ValidateRequest {
            named: vec![Source::File(dir.join("planspec/p17.yaml"))],
            ..plain()
        };
        let reached = || vec!["p17.yaml".to_owned(), "g1.yaml".to_owned()];
        assert_eq!(parsed_by(&one), (1, reached()));
        let mut changed = files.clone();
        changed.insert("p17.yaml".to_owned(), plan("p17", "g1").replace("a,", "b,"));
        lay_out(&repo, &files, &changed);
        assert_eq!(parsed_by(&plain()), (1100, reached()));
        changed.insert("new.yaml".to_owned(), goal("new", "d"));
        changed.remove("p18.yaml");
        lay_out(&repo, &files, &changed);
        let (resources, mut paths) = parsed_by(&plain());
        paths.sort();
        assert_eq!((resources, paths.len()), (1100, 3), "{paths:?}");
        let base = Some("HEAD".to_owned());
        let since = ValidateRequest { base, ..plain() };
        let (_, mut paths) = parsed_by(&since);
        paths.sort();
        paths.dedup();
        assert_eq!(paths, ["g1.yaml", "new.yaml", "p17.yaml", "p18.yaml"]);
    }
}
