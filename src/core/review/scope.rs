//! Compares changed files with the scope of a plan.
//!
//! The scope is that of the document before the change, which must not choose its own. The document
//! itself and the Executions of its plan are not part of the work.

use std::collections::{BTreeMap, BTreeSet};

use super::document;
use crate::core::base::diagnostic::{Code, Diagnostic, Label, Part, Place};
use crate::core::base::source::ChangedFile;
use crate::core::base::words::{and_more, listed, shortened};
use crate::core::document::scope::{Bounds, Entry, Files, Verdict};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::path;

/// How a change compares with the scope of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoped {
    /// The plan.
    pub plan: Key,
    /// The side whose scope is used.
    pub by: Side,
    /// The step whose `touches` matter too, if one is given.
    pub step: Option<String>,
    /// How many changed files were compared.
    pub compared: usize,
    /// How many of them are in scope.
    pub inside: usize,
    /// Those that are outside, but that the configuration always allows.
    pub allowed: Vec<String>,
    /// The entries about files.
    pub checkable: Vec<Entry>,
    /// The entries that only people can judge.
    pub not_checkable: Vec<Entry>,
    /// The changed files that are outside, in order.
    pub outside: Vec<Outside>,
    /// Why they cannot be compared.
    pub unreadable: Option<String>,
}

/// What matters besides the scope of the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Files that may always change too: `scope.always` of the configuration before the change.
    pub always: &'a [String],
    /// The current step, by its `step_id`; its `touches` then matter too.
    pub step: Option<&'a str>,
}

/// One of the two compared revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The revision before the change.
    Base,
    /// The revision after the change, if the document did not exist before.
    Head,
}

/// A changed file that is outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Its path; of a deleted one, the former path.
    pub path: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The entry of `out_of_scope` that matches it; `None` if no entry of `in_scope` does.
    pub excluded_by: Option<Entry>,
    /// Whether the change itself adds an entry that includes it.
    pub widened: bool,
    /// The step whose `touches` do not match it, although it is in scope.
    pub beside_step: Option<String>,
}

impl Outside {
    /// Why it is outside, in words.
    pub fn why(&self) -> String {
        match (&self.excluded_by, &self.beside_step) {
            (Some(entry), _) => format!("`{}` excludes it", short(&entry.text)),
            (None, Some(step)) => format!("no entry of `touches` of step `{step}` covers it"),
            (None, None) => "no `path:` entry of in_scope covers it".to_owned(),
        }
    }
}

/// Whether a plan comes from a document, before or after: other plans have no scope.
pub fn is_scoped((old, new): (&Snapshot, &Snapshot), plan: &Key) -> bool {
    let mut definitions = old.definitions(plan).iter().chain(new.definitions(plan));
    definitions.any(|definition| definition.origin.is_some())
}

/// Compares changed files with the scope of a plan.
pub fn check(
    (old, new): (&Snapshot, &Snapshot),
    plan: &Key,
    changed: &[ChangedFile],
    beside: Beside<'_>,
) -> Scoped {
    let from = renamed_from(old, new, plan).unwrap_or(plan);
    let mut scoped = Scoped {
        plan: plan.clone(),
        by: Side::Base,
        step: beside.step.map(str::to_owned),
        compared: 0,
        inside: 0,
        allowed: Vec::new(),
        checkable: Vec::new(),
        not_checkable: Vec::new(),
        outside: Vec::new(),
        unreadable: None,
    };
    let before = bounds(old, from).ok();
    let after = bounds(new, plan);
    let bounds = match (&before, &after) {
        (Some(before), _) => before,
        (None, Ok(after)) => {
            scoped.by = Side::Head;
            after
        }
        (None, Err(why)) => {
            scoped.unreadable = Some(why.clone());
            return scoped;
        }
    };
    let (within, excluded) = bounds.checkable();
    scoped.checkable = [within, excluded].concat();
    scoped.not_checkable = bounds.not_checkable().to_vec();
    let side = match scoped.by {
        Side::Base => (old, from),
        Side::Head => (new, plan),
    };
    let of_step = match beside.step.map(|step| touches(side, step)).transpose() {
        Ok(of_step) => of_step,
        Err(why) => {
            scoped.unreadable = Some(why);
            return scoped;
        }
    };
    // An invalid entry allows nothing; the configuration has a separate finding for it.
    let always = Files::of(beside.always).unwrap_or_default();
    let contract = Contract::of((old, from), (new, plan));
    let is_inside = |bounds: &Bounds, path: &str| bounds.judge(path) == Verdict::Inside;
    let work = changed.iter().filter(|one| !contract.holds(&one.path));
    for ChangedFile { path, deleted } in work {
        scoped.compared += 1;
        let is_of_step = of_step.as_ref().is_none_or(|files| files.hold(path));
        let (excluded_by, beside_step) = match bounds.judge(path) {
            Verdict::Inside if is_of_step => {
                scoped.inside += 1;
                continue;
            }
            Verdict::Excluded(entry) => (Some(entry.clone()), None),
            Verdict::Inside | Verdict::NotCovered if always.hold(path) => {
                scoped.allowed.push(path.clone());
                continue;
            }
            Verdict::Inside => (None, scoped.step.clone()),
            Verdict::NotCovered => (None, None),
        };
        let after = after.as_ref().ok().filter(|_| beside_step.is_none());
        scoped.outside.push(Outside {
            path: path.clone(),
            deleted: *deleted,
            excluded_by,
            widened: after.is_some_and(|after| is_inside(after, path)),
            beside_step,
        });
    }
    scoped
}

/// The files that a step touches.
fn touches((snapshot, plan): (&Snapshot, &Key), step: &str) -> Result<Files, String> {
    let node = snapshot.plan(plan).and_then(|spec| spec.graph.named(step));
    let node = node.ok_or_else(|| format!("the document has no step `{step}`"))?;
    if node.extension.touches.is_empty() {
        return Err(format!(
            "step `{step}` has no `touches` in its `x-planspec`"
        ));
    }
    Files::of(&node.extension.touches)
}

/// The answers to a question about files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// One for each file, in the order of the question.
    pub answers: Vec<(String, Answer)>,
    /// The entries about files.
    pub checkable: Vec<Entry>,
    /// The entries that only people can judge.
    pub not_checkable: Vec<Entry>,
}

/// Whether a file is in the scope of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is in scope.
    In,
    /// It may always change too.
    Along,
    /// It is outside; says why.
    Out(String),
    /// Only people can tell.
    NotCheckable,
}

/// Answers whether files are in the scope of a plan.
///
/// # Errors
/// The document cannot be read, or the step touches no files; the error is a sentence.
pub fn ask(
    snapshot: &Snapshot,
    plan: &Key,
    paths: &[String],
    beside: Beside<'_>,
) -> Result<Asked, String> {
    let bounds = bounds(snapshot, plan)?;
    let of_step = beside
        .step
        .map(|step| touches((snapshot, plan), step))
        .transpose()?;
    let always = Files::of(beside.always).unwrap_or_default();
    let outside = |excluded_by: Option<Entry>, beside_step: Option<&str>, path: &str| Outside {
        path: path.to_owned(),
        deleted: false,
        excluded_by,
        widened: false,
        beside_step: beside_step.map(str::to_owned),
    };
    let answer = |path: &str| {
        let is_of_step = of_step.as_ref().is_none_or(|files| files.hold(path));
        match bounds.judge(path) {
            Verdict::Excluded(entry) => Answer::Out(outside(Some(entry.clone()), None, path).why()),
            Verdict::Inside if is_of_step && (bounds.says_files() || of_step.is_some()) => {
                Answer::In
            }
            _ if always.hold(path) => Answer::Along,
            Verdict::Inside if is_of_step => Answer::NotCheckable,
            Verdict::Inside => Answer::Out(outside(None, beside.step, path).why()),
            Verdict::NotCovered => Answer::Out(outside(None, None, path).why()),
        }
    };
    let (within, excluded) = bounds.checkable();
    Ok(Asked {
        answers: paths
            .iter()
            .map(|path| (path.clone(), answer(path)))
            .collect(),
        checkable: [within, excluded].concat(),
        not_checkable: bounds.not_checkable().to_vec(),
    })
}

/// The former name of a document that is new under its name: a removed one of the same session.
fn renamed_from<'s>(old: &'s Snapshot, new: &Snapshot, plan: &Key) -> Option<&'s Key> {
    if !old.definitions(plan).is_empty() {
        return None;
    }
    let session = |snapshot: &Snapshot, plan: &Key| {
        document::content_of(snapshot, plan).map(|content| content.identity.session_id)
    };
    let own = session(new, plan)?;
    let mut gone = old
        .keys_of(Kind::Plan)
        .filter(|key| new.definitions(key).is_empty());
    gone.find(|key| session(old, key).as_ref() == Some(&own))
}

fn bounds(snapshot: &Snapshot, plan: &Key) -> Result<Bounds, String> {
    match document::content_of(snapshot, plan) {
        Some(content) => Bounds::of(&content.scope),
        None => Err("the document cannot be read".to_owned()),
    }
}

/// The files that contain only the document and its runs.
struct Contract<'s> {
    sides: [BTreeMap<&'s str, bool>; 2],
}

impl<'s> Contract<'s> {
    fn of(old: (&'s Snapshot, &Key), new: (&'s Snapshot, &Key)) -> Contract<'s> {
        let sides = [old, new].map(|(snapshot, plan)| files(snapshot, plan));
        Contract { sides }
    }

    /// Whether the file contains nothing else, before and after.
    fn holds(&self, path: &str) -> bool {
        let mut sides = self.sides.iter().filter_map(|files| files.get(path));
        sides.next().is_some_and(|own| *own) && sides.all(|own| *own)
    }
}

/// Every file with resources, and whether all of them are the plan's document and its Executions.
fn files<'s>(snapshot: &'s Snapshot, plan: &Key) -> BTreeMap<&'s str, bool> {
    let definitions = snapshot.definitions(plan).iter();
    let own: BTreeSet<(&str, usize)> = definitions
        .map(|definition| (definition.path.as_str(), definition.document))
        .collect();
    let runs: BTreeSet<&Key> = snapshot.executions_of(plan).map(|(key, _)| key).collect();
    let mut files = BTreeMap::new();
    for key in snapshot.keys() {
        for definition in snapshot.definitions(key) {
            let place = (definition.path.as_str(), definition.document);
            let is_own = own.contains(&place) || runs.contains(key);
            *files.entry(place.0).or_insert(true) &= is_own;
        }
    }
    files
}

/// Maximum number of files that are listed; JSON has all.
const SHOWN: usize = 1000;
/// Maximum number of entries that a sentence names.
const NAMED: usize = 5;
/// Maximum number of characters of an entry in a sentence.
const WIDTH: usize = 100;

/// An entry in a sentence.
pub fn short(text: &str) -> String {
    shortened(text, WIDTH)
}

impl Scoped {
    /// A finding for every file that is outside.
    pub fn findings(&self, (old, new): (&Snapshot, &Snapshot)) -> Vec<Diagnostic> {
        let plan = &self.plan;
        let finding = |file: &str, message: String| {
            Diagnostic::new(Code::OUT_OF_SCOPE, file, Place::File, message).about(plan)
        };
        let files = [new, old].map(|side| side.definitions(plan).first());
        let document = files.into_iter().flatten().next();
        let document = document.map_or("", |definition| definition.path.as_str());
        if let Some(why) = &self.unreadable {
            let message = format!("the scope of {plan} cannot be read: {why}");
            let help = match self.step {
                Some(_) => {
                    "correct the document, write `x-planspec.touches` in that step, or omit `--step`"
                }
                None => "correct the document; until then, no file can be checked",
            };
            return vec![finding(document, message).help(help)];
        }
        if self.checkable.is_empty() && self.step.is_none() {
            return vec![self.prose_alone(new, document)];
        }
        // An entry is pointed to only if it is unchanged.
        let now = document::content_of(new, plan);
        let entry_now = |entry: &Entry| {
            let definition = new.definition(plan)?;
            let text = now.as_ref()?.scope.out_of_scope.get(entry.index)?;
            let place = Place::Entry {
                document: definition.document,
                path: entry.path(),
                part: Part::Value,
            };
            (*text == entry.text).then(|| Label::new(&definition.path, place, "excluded here"))
        };
        let (shown, more) = self.outside.split_at(self.outside.len().min(SHOWN));
        let mut findings: Vec<Diagnostic> = shown
            .iter()
            .map(|outside| {
                let done = if outside.deleted {
                    "deleted"
                } else {
                    "changed"
                };
                let message = match &outside.excluded_by {
                    Some(entry) => format!(
                        "the file is {done}, but `{}` excludes it from the scope of {plan}",
                        short(&entry.text)
                    ),
                    None => format!("the file is {done}, but is outside the scope of {plan}"),
                };
                let mut one = finding(&outside.path, message).help(self.help(outside));
                let entry = outside.excluded_by.as_ref();
                one.related.extend(entry.and_then(entry_now));
                one
            })
            .collect();
        if !more.is_empty() {
            let number = more.len();
            let message = format!("{number} more changed files are outside the scope of {plan}");
            findings.push(finding(document, message).help("JSON output lists all of them"));
        }
        findings
    }

    /// The finding that no file can be checked.
    fn prose_alone(&self, new: &Snapshot, document: &str) -> Diagnostic {
        let plan = &self.plan;
        let place = new
            .definition(plan)
            .map_or(Place::File, |definition| Place::Entry {
                document: definition.document,
                path: path!["scope", "in_scope"],
                part: Part::Key,
            });
        let message = format!("the scope of {plan} has no paths, so no file can be checked");
        let finding = Diagnostic::new(Code::PROSE_ALONE, document, place, message).about(plan);
        finding.help("add an entry about files, such as `path:src/auth/**`")
    }

    /// Whether files were changed, but none of them is in scope.
    pub fn is_beside_the_plan(&self) -> bool {
        let says_files = self.checkable.iter().any(|entry| entry.list == "in_scope");
        self.compared > 0 && self.inside == 0 && (says_files || self.step.is_some())
    }

    /// The help for a file.
    pub fn help(&self, outside: &Outside) -> String {
        let plan = &self.plan;
        if outside.widened {
            return format!(
                "the scope of {plan} after this change would cover it: merge the scope first, as a \
                 separate change"
            );
        }
        let way = match self.by {
            Side::Base => "first change the scope, as a separate change",
            Side::Head => "change the scope",
        };
        let back = if outside.deleted {
            "restore the file"
        } else {
            "undo the change to the file"
        };
        if outside.excluded_by.is_some() {
            return format!("{back}, or {way}");
        }
        if let Some(step) = &outside.beside_step {
            return format!(
                "{back}, or name it in `touches` of step `{step}`, as a separate change"
            );
        }
        let within = self.checkable.iter();
        let within: Vec<&Entry> = within.filter(|entry| entry.list == "in_scope").collect();
        let named = within.iter().take(NAMED);
        let named: Vec<String> = named.map(|one| short(&one.text)).collect();
        let named = listed(named.iter().map(String::as_str));
        let more = and_more(within.len().saturating_sub(NAMED));
        format!("{plan} covers {named}{more}: {back}, or {way}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::core::testing::{NAMESPACE, execution, gate, key, plan, snapshot, task};

    const GREETING: &str =
        include_str!("../../../examples/document/planspec/greeting.planspec.json");
    const FILE: &str = "planspec/greeting.planspec.json";

    fn document(within: &[&str], out: &[&str]) -> String {
        let mut value: Value = serde_json::from_str(GREETING).unwrap();
        value["x-planspec"] = json!({"namespace": NAMESPACE});
        value["scope"]["in_scope"] = json!(within);
        value["scope"]["out_of_scope"] = json!(out);
        value.to_string()
    }

    fn greeting() -> Key {
        key(Kind::Plan, "greeting")
    }

    fn checked(old: &[(&str, &str)], new: &[(&str, &str)], changed: &[&str]) -> Scoped {
        let changed: Vec<ChangedFile> = changed.iter().map(|path| touched(path)).collect();
        check(
            (&snapshot(old), &snapshot(new)),
            &greeting(),
            &changed,
            Beside::default(),
        )
    }

    fn outside(scoped: &Scoped) -> Vec<&str> {
        let outside = scoped.outside.iter();
        outside.map(|outside| outside.path.as_str()).collect()
    }

    #[test]
    fn the_scope_before_the_change_decides() {
        let narrow = document(&["path:src"], &["path:src/old"]);
        let wide = document(&["path:**"], &["The moon"]);
        let files = ["docs/a", "src/a", "src/old/a"];
        let scoped = checked(&[(FILE, &narrow)], &[(FILE, &wide)], &files);
        assert_eq!(scoped.by, Side::Base);
        assert_eq!(outside(&scoped), ["docs/a", "src/old/a"]);
        assert!(scoped.outside.iter().all(|outside| outside.widened));
        let found = scoped.findings((&snapshot(&[]), &snapshot(&[(FILE, &wide)])));
        for finding in &found {
            let help = finding.help.as_ref().unwrap();
            assert!(help.contains("merge the scope first"), "{help}");
            // The entry no longer exists.
            assert_eq!(finding.related, []);
        }
        // Without a scope before, or with an unreadable one, that of the change is used.
        let broken = document(&["path:src/["], &[]);
        for before in [&[][..], &[(FILE, broken.as_str())]] {
            let scoped = checked(before, &[(FILE, &narrow)], &files);
            assert_eq!(scoped.by, Side::Head);
            assert_eq!(outside(&scoped), ["docs/a", "src/old/a"]);
        }
        // Renamed, it is the same document, and both files belong to it.
        let other = FILE.replace("greeting", "renamed");
        let both = [(FILE, narrow.as_str()), (other.as_str(), wide.as_str())];
        let (old, new) = (snapshot(&both[..1]), snapshot(&both[1..]));
        let changed = [FILE, &other, "docs/a"].map(touched);
        let scoped = check(
            (&old, &new),
            &key(Kind::Plan, "renamed"),
            &changed,
            Beside::default(),
        );
        assert_eq!((scoped.by, outside(&scoped)), (Side::Base, vec!["docs/a"]));
        // A copy is not.
        let copied = snapshot(&both);
        let scoped = check(
            (&old, &copied),
            &key(Kind::Plan, "renamed"),
            &changed,
            Beside::default(),
        );
        assert_eq!((scoped.by, scoped.outside.len()), (Side::Head, 0));
        let scoped = checked(&[(FILE, &narrow)], &[], &files);
        assert_eq!((scoped.by, scoped.outside.len()), (Side::Base, 2));
        let scoped = checked(&[(FILE, &narrow)], &[(FILE, &broken)], &files);
        assert_eq!((scoped.by, scoped.outside.len()), (Side::Base, 2));
    }

    fn touched(path: &str) -> ChangedFile {
        ChangedFile {
            path: path.to_owned(),
            deleted: false,
        }
    }

    #[test]
    fn what_is_deleted_is_said_to_be() {
        let narrow = document(&["path:src"], &["The moon"]);
        let files = snapshot(&[(FILE, narrow.as_str())]);
        let gone = ChangedFile {
            path: "docs/a".to_owned(),
            deleted: true,
        };
        let scoped = check((&files, &files), &greeting(), &[gone], Beside::default());
        let found = scoped.findings((&files, &files));
        assert_eq!(
            found[0].message,
            "the file is deleted, but is outside the scope of Plan team/greeting"
        );
        let help = found[0].help.as_deref().unwrap();
        assert!(help.contains("restore the file, or first change"), "{help}");
    }

    #[test]
    fn the_contract_and_its_runs_are_not_the_work() {
        let narrow = document(&["path:src"], &["The moon"]);
        let run = execution("run", "greeting", "");
        let other = execution("other", "another", "");
        let third = execution("third", "greeting", "");
        let mixed = [third.as_str(), &gate("g", "greeting", "")].concat();
        let both = [run.as_str(), &execution("second", "greeting", "")].concat();
        let old = [(FILE, narrow.as_str()), ("planspec/gone.yaml", &run)];
        let new = [
            (FILE, narrow.as_str()),
            ("planspec/both.yaml", &both),
            ("planspec/other.yaml", &other),
            ("planspec/mixed.yaml", &mixed),
        ];
        let files = [FILE, "planspec/both.yaml", "planspec/gone.yaml"];
        let others = ["planspec/mixed.yaml", "planspec/other.yaml"];
        let scoped = checked(&old, &new, &[&files[..], &others].concat());
        assert_eq!(outside(&scoped), others);
        assert_eq!(scoped.compared, 2);
        // A file that has other content before or after is not only about runs.
        for (before, now) in [(&mixed, &third), (&third, &mixed)] {
            let old = [(FILE, narrow.as_str()), ("planspec/x.yaml", before)];
            let new = [(FILE, narrow.as_str()), ("planspec/x.yaml", now)];
            let scoped = checked(&old, &new, &["planspec/x.yaml"]);
            assert_eq!(outside(&scoped), ["planspec/x.yaml"]);
        }
    }

    #[test]
    fn a_finding_for_each_file_and_no_more_than_anybody_reads() {
        let narrow = document(&["path:src", "Fast"], &["path:src/old"]);
        let files = [(FILE, narrow.as_str())];
        let scoped = checked(&files, &files, &["docs/a", "src/old/a"]);
        let found = scoped.findings((&snapshot(&files), &snapshot(&files)));
        let told: Vec<String> = found
            .iter()
            .map(|one| {
                format!(
                    "{} {}: {} ({})",
                    one.code,
                    one.file,
                    one.message,
                    one.help.as_ref().unwrap()
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "PS409 docs/a: the file is changed, but is outside the scope of Plan team/greeting \
                 (Plan team/greeting covers `path:src`: undo the change to the file, or first \
                 change the scope, as a separate change)",
                "PS409 src/old/a: the file is changed, but `path:src/old` excludes it from the scope of Plan team/greeting (undo the change to the file, or first change the \
                 scope, as a separate change)",
            ]
        );
        assert_eq!(found[0].related, []);
        assert_eq!(found[1].related[0].file, FILE);
        let many: Vec<String> = (0..10_000).map(|n| format!("docs/{n:05}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let scoped = checked(&files, &files, &many);
        assert_eq!(scoped.outside.len(), 10_000);
        let found = scoped.findings((&snapshot(&files), &snapshot(&files)));
        assert_eq!(found.len(), SHOWN + 1);
        let last = found.last().unwrap();
        assert_eq!(last.file, FILE);
        assert!(last.message.starts_with("9000 more"), "{}", last.message);
    }

    #[test]
    fn what_has_no_scope_and_what_nobody_can_read() {
        let plans = plan("greeting", &task("a", ""));
        let resource = snapshot(&[("planspec/a.yaml", &plans)]);
        assert!(!is_scoped((&resource, &resource), &greeting()));
        let broken = document(&["path:src/["], &[]);
        let files = [(FILE, broken.as_str())];
        assert!(is_scoped((&resource, &snapshot(&files)), &greeting()));
        let scoped = checked(&files, &files, &["src/a"]);
        assert!(scoped.unreadable.is_some());
        let found = scoped.findings((&snapshot(&files), &snapshot(&files)));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].code.id), (FILE, "PS409"));
        let prose = document(&["The shop"], &["The moon"]);
        let files = [(FILE, prose.as_str())];
        let scoped = checked(&files, &files, &["src/a"]);
        assert_eq!((scoped.checkable.len(), scoped.outside.len()), (0, 0));
        assert_eq!(scoped.not_checkable.len(), 2);
    }
}
