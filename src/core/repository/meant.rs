//! What is probably meant by a file in which something is wrong, and what is wrong with that: the file is put right as its
//! findings say, and looked at again, until nothing is left that has a fix. So everything is told at once, and not what
//! hides the next thing alone.

mod names;
mod shapes;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::core::base::diagnostic::{Diagnostic, Finder, Part, PathStep, Place, Span};
use crate::core::base::fix::{Change, Fix};
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::{manifest, rules, switches};
use crate::core::text::allow;
use crate::core::text::edit::{self, TextEdit};
use crate::core::text::locate::{Lines, locate_all};
use crate::core::text::yaml;

/// Most times that a file is looked at: each takes a layer off.
const MOST_LOOKS: usize = 32;

/// What is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// What is certain.
    Certain,
    /// What is likely as well.
    Likely,
}

/// What is meant by a file.
#[derive(Debug, Clone)]
pub struct Meant {
    /// Its text, put right.
    pub text: String,
    /// The findings that led there, each at its place in the file as it is. Their fixes are changes to its text, as far as they can
    /// be told as such.
    pub found: Vec<Diagnostic>,
    /// The steps from the file as it is.
    steps: Vec<Step>,
}

/// One look: the text, and what was done to it.
#[derive(Debug, Clone)]
struct Step {
    before: String,
    /// In the order in which they stand.
    done: Vec<Done>,
}

/// An edit, where what it put there stands afterwards, and how far what stands behind it was moved by those before it.
#[derive(Debug, Clone)]
struct Done {
    edit: TextEdit,
    after: Range<usize>,
    moved: isize,
}

/// What is meant by a file; nothing where nothing can be put right.
pub fn of(source: &SourceFile, config: &Config, confidence: Confidence) -> Option<Meant> {
    let Content::Bytes(bytes) = &source.content else {
        return None;
    };
    let mut meant = Meant {
        text: std::str::from_utf8(bytes).ok()?.to_owned(),
        found: Vec::new(),
        steps: Vec::new(),
    };
    let is_wanted = |fix: &Fix| fix.is_certain || confidence == Confidence::Likely;
    for _ in 0..MOST_LOOKS {
        // What is drawn otherwise comes first, and alone: what it says is checked then.
        let drawn = drawn_otherwise(&source.path, &meant.text, &config.limits);
        if meant.put_right(&source.path, drawn, config, is_wanted) {
            continue;
        }
        let look = SourceFile {
            content: Content::Bytes(meant.text.clone().into_bytes().into()),
            ..source.clone()
        };
        let said = said(&look, &meant.text, config);
        if !meant.put_right(&source.path, said, config, is_wanted) {
            break;
        }
    }
    (!meant.steps.is_empty()).then_some(meant)
}

fn finder(file: &str, document: usize) -> Finder<'_> {
    Finder {
        file,
        document,
        item: None,
    }
}

fn drawn_otherwise(file: &str, text: &str, limits: &Limits) -> Vec<Diagnostic> {
    let (documents, _) = yaml::read(file, text.as_bytes(), limits);
    let drawn = documents.iter().flat_map(|document| {
        shapes::found(&shapes::Look {
            finder: finder(file, document.index),
            value: &document.value,
            all: &documents,
        })
    });
    let words = switches::found(file, text.as_bytes(), &documents);
    drawn.chain(words).collect()
}

/// What is wrong with a text, and what is called by another name in it.
fn said(look: &SourceFile, text: &str, config: &Config) -> Vec<Diagnostic> {
    let read = manifest::read(look, &config.limits, &config.default_namespace);
    let mut found: Vec<Diagnostic> = read.diagnostics.into_iter().map(from_the_root).collect();
    let (documents, _) = yaml::read(&look.path, text.as_bytes(), &config.limits);
    for document in &documents {
        let finder = finder(&look.path, document.index);
        found.extend(names::found(&finder, &document.value));
    }
    found.sort();
    found
}

/// A finding in an item of a list says its fix from the root of the item.
fn from_the_root(mut finding: Diagnostic) -> Diagnostic {
    let item = finding.place.item().map(<[PathStep]>::to_vec);
    if let Some(item) = item
        && let Some(fix) = finding.fix.take()
    {
        let changes = fix.changes.into_iter();
        finding.fix = Some(Fix {
            changes: changes.map(|change| change.below(&item)).collect(),
            ..fix
        });
    }
    finding
}

fn document(finding: &Diagnostic) -> usize {
    match finding.place {
        Place::Entry { document, .. } => document,
        Place::File | Place::At(_) => 0,
    }
}

impl Meant {
    /// Do what findings say that are not switched off; whether there was anything.
    fn put_right(
        &mut self,
        file: &str,
        mut found: Vec<Diagnostic>,
        config: &Config,
        is_wanted: impl Fn(&Fix) -> bool,
    ) -> bool {
        let (allows, _) = allow::read(file, &self.text);
        let allows = BTreeMap::from([(file.to_owned(), allows)]);
        allow::apply(&mut found, &allows, |_| Some(self.text.clone()));
        rules::apply_levels(&mut found, config);
        let wanted = found.iter().filter_map(|one| {
            let fix = one.fix.as_ref().filter(|fix| is_wanted(fix))?;
            Some((one, (document(one), fix)))
        });
        let (findings, fixes): (Vec<&Diagnostic>, Vec<(usize, &Fix)>) = wanted.unzip();
        let edits = edit::fixes(file, &self.text, &fixes);
        let made = findings.into_iter().zip(edits);
        let made: Vec<(&Diagnostic, Vec<TextEdit>)> = made
            .filter_map(|(finding, edits)| Some((finding, edits?)))
            .collect();
        let done: Vec<TextEdit> = made.iter().flat_map(|(_, edits)| edits.clone()).collect();
        self.note(made);
        if done.is_empty() {
            return false;
        }
        let after = edit::edited(&self.text, &done);
        let before = std::mem::replace(&mut self.text, after);
        self.steps.push(Step::new(before, done));
        true
    }

    /// Keep findings that are put right.
    fn note(&mut self, made: Vec<(&Diagnostic, Vec<TextEdit>)>) {
        let findings: Vec<Diagnostic> =
            made.iter().map(|(finding, _)| (*finding).clone()).collect();
        let placed = self.placed(findings).into_iter().zip(made);
        let noted: Vec<Diagnostic> = placed
            .map(|(finding, (_, edits))| {
                let exactly = |edit: TextEdit| {
                    let range = self.exactly(edit.range.clone())?;
                    Some(Change::Text {
                        start: range.start,
                        end: range.end,
                        with: edit.with,
                    })
                };
                let changes = edits.into_iter().map(exactly).collect::<Option<_>>();
                let is_certain = finding.fix.as_ref().is_some_and(|fix| fix.is_certain);
                let fix = changes.map(|changes| Fix {
                    changes,
                    is_certain,
                });
                Diagnostic { fix, ..finding }
            })
            .collect();
        self.found.extend(noted);
    }

    /// Findings of the text that is meant, at their places in the file as it is. All at once: to locate something is to read a text.
    pub fn placed(&self, mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut places: Vec<Place> = Vec::new();
        for finding in &findings {
            let own = finding
                .related
                .iter()
                .filter(|label| label.file == finding.file);
            places.push(finding.place.clone());
            places.extend(own.map(|label| label.place.clone()));
        }
        let mut places = self.places(&places).into_iter();
        for finding in &mut findings {
            finding.place = places.next().unwrap_or(Place::File);
            let own = finding
                .related
                .iter_mut()
                .filter(|label| label.file == finding.file);
            for (label, place) in own.zip(places.by_ref()) {
                label.place = place;
            }
        }
        findings
    }

    /// Where something of the text that is meant stands in the file as it is, or what it came from.
    pub fn places(&self, places: &[Place]) -> Vec<Place> {
        let Some(first) = self.steps.first() else {
            return places.to_vec();
        };
        let asked: Vec<&Place> = places.iter().collect();
        let now = locate_all(&self.text, &asked);
        let there = locate_all(&first.before, &asked);
        let lines = Lines::new(&first.before);
        let all = places.iter().zip(now.into_iter().zip(there));
        let place = |(place, (now, there)): (&Place, (Option<Span>, Option<Span>))| {
            let Some(now) = now else {
                return place.clone();
            };
            let whole = &first.before;
            let at = self.origin(now.start);
            let end = self.origin(now.end.max(now.start));
            let line = whole.get(at..).and_then(|rest| rest.find('\n'));
            let line_end = line.map_or(whole.len(), |length| at + length);
            let span = lines.span(at..end.clamp(at, line_end.max(at)));
            // What a program looks for by its path is found there, where it has not moved.
            let is_there = there.is_some_and(|there| there.start == span.start);
            match place {
                Place::Entry {
                    part: Part::Key | Part::Value,
                    ..
                } if is_there => place.clone(),
                _ => Place::At(span),
            }
        };
        all.map(place).collect()
    }

    /// Where in the file as it is something of the text stands, or what it came from.
    fn origin(&self, at: usize) -> usize {
        self.steps.iter().rev().fold(at, |at, step| step.origin(at))
    }

    /// A range of the file as it is, where no step has changed anything there.
    fn exactly(&self, range: Range<usize>) -> Option<Range<usize>> {
        self.steps
            .iter()
            .rev()
            .try_fold(range, |range, step| step.exactly(range))
    }
}

impl Step {
    fn new(before: String, mut edits: Vec<TextEdit>) -> Step {
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut moved: isize = 0;
        let done = edits.into_iter().map(|edit| {
            let start = edit.range.start.saturating_add_signed(-moved);
            let done = Done {
                after: start..start + edit.with.len(),
                moved,
                edit,
            };
            moved = done.moved_behind();
            done
        });
        let done = done.collect();
        Step { before, done }
    }

    fn origin(&self, at: usize) -> usize {
        let behind = self.done.partition_point(|done| done.after.start <= at);
        let Some(last) = behind.checked_sub(1).and_then(|index| self.done.get(index)) else {
            return at.min(self.before.len());
        };
        if last.after.contains(&at) {
            return self.same_line(&last.edit, at - last.after.start);
        }
        at.saturating_add_signed(last.moved_behind())
            .min(self.before.len())
    }

    /// Within what was put there: the line of what was there before that says the same.
    fn same_line(&self, edit: &TextEdit, at: usize) -> usize {
        let start = edit
            .with
            .get(..at)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let rest = edit.with.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let indent = |line: &str| line.len() - line.trim_start().len();
        let said_before = edit.with.get(..start).unwrap_or_default().lines();
        let nth = said_before
            .filter(|other| other.trim() == line.trim())
            .count();
        let mut offset = edit.range.start;
        let mut seen = 0;
        let was = self.before.get(edit.range.clone()).unwrap_or_default();
        for other in was.split_inclusive('\n') {
            if other.trim() == line.trim() && !line.trim().is_empty() {
                if seen == nth {
                    let column =
                        (at - start).saturating_sub(indent(line)) + indent(other.trim_end());
                    return (offset + column).min(self.before.len());
                }
                seen += 1;
            }
            offset += other.len();
        }
        edit.range.start
    }

    fn exactly(&self, range: Range<usize>) -> Option<Range<usize>> {
        let first = self
            .done
            .partition_point(|done| done.after.end < range.start);
        let before = first.checked_sub(1).and_then(|index| self.done.get(index));
        let mut moved = before.map_or(0, Done::moved_behind);
        for done in self.done.get(first..)? {
            let after = &done.after;
            if range.end < after.start || range.end == after.start && !after.is_empty() {
                break;
            }
            if range.start < after.end || range == *after {
                return None;
            }
            moved = done.moved_behind();
        }
        Some(range.start.saturating_add_signed(moved)..range.end.saturating_add_signed(moved))
    }
}

impl Done {
    /// How far what stands behind it was moved.
    fn moved_behind(&self) -> isize {
        self.moved + self.edit.range.len() as isize - self.edit.with.len() as isize
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const RIGHT: &str = "\
# Why this plan is there.
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata:
  name: checkout
  namespace: shop # of the shop
spec:
  description: One step
  graph:
    # In this order.
    nodes:
      - id: build
        kind: Task
        timeout: 2h # on a good day
        retries: 3
        capabilityRefs:
          - name: build
      - id: test
        kind: Task
        dependsOn: [build]
        # The hard part.
        acceptanceCriteria:
          - type: test_passes
            name: tests
            command: npm test
            required: false
";

    /// What people write in the place of something, and it is certain what they mean.
    const SLIPS: [(&str, &str); 14] = [
        ("apiVersion:", "api_version:"),
        ("kind: Plan", "Kind: plan"),
        ("\nmetadata:", "\nMetadata:"),
        (
            "  graph:\n    # In this order.\n    nodes:",
            "  graph:\n    # In this order.\n    Nodes:",
        ),
        ("timeout: 2h", "timeout: 2 hours"),
        ("retries: 3", "retries: \"3\""),
        ("capabilityRefs:", "capability_refs:"),
        ("dependsOn: [build]", "depends_on: build"),
        ("acceptanceCriteria:", "AcceptanceCriteria:"),
        ("test_passes", "testPasses"),
        ("required: false", "required: no"),
        ("\nspec:", "\nstatus: {phase: Ready}\nspec:"),
        ("  namespace: shop", "  uid: 0f0e\n  namespace: shop"),
        (
            "      - id: test\n        kind: Task",
            "      - id: test\n        kind: task",
        ),
    ];

    fn source(text: &str) -> SourceFile {
        SourceFile {
            path: "planspec/checkout.yaml".to_owned(),
            blob: String::new(),
            content: Content::Bytes(text.as_bytes().into()),
        }
    }

    fn value(text: &str) -> Value {
        let (mut documents, findings) = yaml::read("a.yaml", text.as_bytes(), &Limits::default());
        assert_eq!(findings, []);
        documents.remove(0).value
    }

    fn comments(text: &str) -> Vec<&str> {
        text.lines()
            .filter_map(|line| Some(line.split_once('#')?.1))
            .collect()
    }

    fn meant(text: &str, confidence: Confidence) -> Option<Meant> {
        of(&source(text), &Config::default(), confidence)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_certain_is_put_right_and_nothing_else_changes(
            slips in prop::sample::subsequence(SLIPS.to_vec(), 0..=SLIPS.len()),
        ) {
            let written = slips.iter().fold(RIGHT.to_owned(), |text, (right, wrong)| {
                assert!(text.contains(right), "{right}");
                text.replace(right, wrong)
            });
            let meant = meant(&written, Confidence::Certain);
            prop_assert_eq!(meant.is_none(), slips.is_empty());
            if let Some(meant) = meant {
                prop_assert_eq!(value(&meant.text), value(RIGHT), "{}", meant.text);
                prop_assert_eq!(comments(&meant.text), comments(RIGHT));
                // Each is told at a place of the file as it is, with the edits that put it right.
                prop_assert!(meant.found.len() >= slips.len(), "{:?}", meant.found);
                for finding in &meant.found {
                    let span = locate_all(&written, &[&finding.place]).remove(0);
                    prop_assert!(span.is_some(), "{:?}", finding);
                }
            }
        }

        #[test]
        fn whatever_is_written_something_is_said_and_what_is_written_then_can_be_read(
            text in "(apiVersion|kind|metadata|spec|nodes|- id|[a-z]{1,3}|[:\\-\\[\\]{}\"'#`\t\n ]){0,40}",
        ) {
            if let Some(meant) = meant(&text, Confidence::Likely) {
                prop_assert!(!meant.found.is_empty());
            }
        }
    }

    #[test]
    fn an_item_of_a_list_is_put_right_where_it_is() {
        let written = "apiVersion: planspec.io/v1alpha1\nkind: List\nitems:\n  - apiVersion: planspec.io/v1alpha1\n    kind: goal # which\n    \
                       metadata: {name: a, namespace: b}\n    spec:\n      description: x\n      timeout: 2 days\n    status: {}\n";
        let meant = meant(written, Confidence::Certain).unwrap();
        let right = written
            .replace("kind: goal", "kind: Goal")
            .replace("2 days", "2d")
            .replace("    status: {}\n", "");
        assert_eq!(meant.text, right);
    }

    #[test]
    fn what_hides_behind_something_wrong_is_told_at_its_place() {
        let written = "Here you are:\n```yaml\napiVersion: planspec.io/v1\nkind: plan\nmetadata: {name: P1, namespace: a}\nspec:\n  \
                       description: x\n  steps:\n    - id: T001\n      depends_on: T002\n```\n";
        let meant = meant(written, Confidence::Likely).unwrap();
        let lines: Vec<(&str, usize)> = meant
            .found
            .iter()
            .map(|finding| {
                let span = locate_all(written, &[&finding.place]).remove(0).unwrap();
                (finding.code.id, span.line)
            })
            .collect();
        for expected in [
            ("PS001", 2),
            ("PS108", 3),
            ("PS108", 4),
            ("PS105", 5),
            ("PS102", 8),
            ("PS105", 9),
            ("PS102", 10),
        ] {
            assert!(lines.contains(&expected), "{expected:?} of {lines:?}");
        }
    }
}
