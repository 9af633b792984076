//! Changes reach what they should, and no more is read than must be.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::definitions::{Definitions, Elsewhere};
use crate::core::repository::index::MemoryPages;
use crate::core::repository::snapshot::{Snapshot, manifests};

/// Text by path.
pub(crate) type Files = BTreeMap<String, String>;

fn source(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        blob: String::new(),
        content: Content::Bytes(text.as_bytes().into()),
    }
}

/// The changes that lead from some files to others.
fn changes(old: &Files, new: &Files) -> Vec<FileChange> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| FileChange {
            path: path.clone(),
            now: new.get(path).map(|text| {
                let file = source(path, text);
                let content = file.content.clone();
                let manifest = manifests(&[file], &Config::default()).remove(0);
                (version(text), Facts::of(&manifest, &content))
            }),
        })
        .collect()
}

fn version(text: &str) -> String {
    crate::core::base::digest::sha256_hex(text.as_bytes())
}

pub(crate) fn snapshot(files: &Files, referred: Vec<Referral>) -> Snapshot {
    let files: Vec<SourceFile> = files.iter().map(|(p, t)| source(p, t)).collect();
    let config = Config::default();
    let elsewhere = Elsewhere {
        keys: Vec::new(),
        referred,
    };
    Snapshot::assemble(&files, manifests(&files, &config), elsewhere, &config)
}

/// A rule as somebody might add it.
pub(super) type Rule<'a> = &'a dyn Fn(&Definitions) -> Vec<Diagnostic>;

/// No rule beside those that there are.
fn none(_: &Definitions) -> Vec<Diagnostic> {
    Vec::new()
}

fn findings(snapshot: &Snapshot, rule: Rule<'_>) -> Vec<Diagnostic> {
    [snapshot.diagnostics(), &rule(snapshot)].concat()
}

/// An index made by reading everything.
fn whole(files: &Files) -> Index<MemoryPages> {
    whole_by(files, &none)
}

fn whole_by(files: &Files, rule: Rule<'_>) -> Index<MemoryPages> {
    let changes = changes(&Files::new(), files);
    let all = files.keys().cloned().collect();
    let found = findings(&snapshot(files, Vec::new()), rule);
    stepped(
        &Index::empty(MemoryPages::default(), 0),
        &changes,
        &all,
        &found,
    )
}

/// The files that are read of a change, and what it reaches.
fn read(index: &Index<MemoryPages>, changes: &[FileChange], new: &Files) -> (Files, Reach) {
    let reach = reach(index, changes).unwrap();
    let changed = changes.iter().filter(|change| change.now.is_some());
    let paths = changed
        .map(|change| &change.path)
        .chain(reach.unchanged.keys());
    let read = paths.map(|path| (path.clone(), new[path].clone()));
    (read.collect(), reach)
}

/// What is read of a change, as it was and as it is: what the rules about change look at.
pub(crate) fn sides((old, new): &(Files, Files)) -> (Snapshot, Snapshot) {
    let changes = changes(old, new);
    let (after, reach) = read(&whole(old), &changes, new);
    let mut before = after.clone();
    for change in &changes {
        match old.get(&change.path) {
            Some(text) => before.insert(change.path.clone(), text.clone()),
            None => before.remove(&change.path),
        };
    }
    let [before, after] = [before, after].map(|files| snapshot(&files, reach.referred.clone()));
    (before, after)
}

/// The index after a change.
fn stepped(
    index: &Index<MemoryPages>,
    changes: &[FileChange],
    affected: &BTreeSet<String>,
    findings: &[Diagnostic],
) -> Index<MemoryPages> {
    let rows = rows(index, changes, affected, findings).unwrap();
    let mut index = index.clone();
    index.update("tree", &rows).unwrap();
    index
}

/// The next index, made by reading what the change reaches; and what it reaches.
fn next(
    index: &Index<MemoryPages>,
    (old, new): (&Files, &Files),
    rule: Rule<'_>,
) -> (Index<MemoryPages>, Reach) {
    let changes = changes(old, new);
    let (read, reach) = read(index, &changes, new);
    let snapshot = snapshot(&read, reach.referred.clone());
    let found: Vec<Diagnostic> = findings(&snapshot, rule)
        .into_iter()
        .filter(|finding| reach.affected.contains(&finding.file))
        .collect();
    (stepped(index, &changes, &reach.affected, &found), reach)
}

pub(super) fn resource(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: \
         n}}\nspec: {spec}\n"
    )
}

fn files(list: &[(&str, String)]) -> Files {
    let owned = |(path, text): &(&str, String)| ((*path).to_owned(), text.clone());
    list.iter().map(owned).collect()
}

fn plan(goal: &str) -> String {
    let spec = format!(
        "{{description: d, goalRef: {{name: {goal}}}, graph: {{nodes: [{{id: a, kind: Task}}]}}}}"
    );
    resource("Plan", "p", &spec)
}

fn reached(old: &Files, new: &Files) -> (Vec<String>, Vec<String>) {
    let (index, reach) = next(&whole(old), (old, new), &none);
    assert_eq!(index, whole(new));
    let unchanged = reach.unchanged.into_keys().collect();
    (reach.affected.into_iter().collect(), unchanged)
}

fn paths(list: &[&str]) -> Vec<String> {
    list.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn a_change_reaches_what_refers_to_it_and_what_that_needs() {
    let goal = |text: &str| resource("Goal", "g", &format!("{{description: {text}}}"));
    let run = resource("Execution", "r", "{planRef: {name: p}, goalRef: {name: g}}");
    let other = resource("Goal", "other", "{description: d}");
    let old = files(&[
        ("g.yaml", goal("one")),
        ("o.yaml", other),
        ("p.yaml", plan("g")),
        ("r.yaml", run),
    ]);
    let with = |path: &str, text: Option<String>| {
        let mut new = old.clone();
        match text {
            Some(text) => new.insert(path.to_owned(), text),
            None => new.remove(path),
        };
        new
    };
    // What is only for people is seen by nobody else.
    let described = with("g.yaml", Some(goal("two")));
    assert_eq!(reached(&old, &described), (paths(&["g.yaml"]), paths(&[])));
    // Those that refer to what is gone are checked, with what else they refer to.
    let gone = with("g.yaml", None);
    let (affected, unchanged) = reached(&old, &gone);
    assert_eq!(affected, ["g.yaml", "p.yaml", "r.yaml"]);
    assert_eq!(unchanged, ["p.yaml", "r.yaml"]);
    assert_eq!(whole(&gone).count_findings(), 2);
    // A plan shows its nodes to its executions, which need their goal.
    let plan = with("p.yaml", Some(plan("g").replace("id: a", "id: b")));
    let (affected, unchanged) = reached(&old, &plan);
    assert_eq!(affected, ["p.yaml", "r.yaml"]);
    assert_eq!(unchanged, ["g.yaml", "r.yaml"]);
    // A second definition is the business of the first.
    let twice = with("x.yaml", Some(goal("three")));
    let (affected, _) = reached(&old, &twice);
    assert_eq!(affected, ["g.yaml", "p.yaml", "r.yaml", "x.yaml"]);
}

#[test]
fn the_plans_of_a_series_are_looked_at_together() {
    let plan = |name: &str, series: &str, version: &str| {
        let fields = format!("description: d, series: {series}, version: '{version}'");
        resource(
            "Plan",
            name,
            &format!("{{{fields}, graph: {{nodes: [{{id: a, kind: Task}}]}}}}"),
        )
    };
    let old = files(&[
        ("a.yaml", plan("a", "s", "1")),
        ("b.yaml", plan("b", "s", "2")),
        ("c.yaml", plan("c", "other", "1")),
    ]);
    let mut new = old.clone();
    new.insert("d.yaml".to_owned(), plan("d", "s", "2"));
    let (affected, unchanged) = reached(&old, &new);
    assert_eq!(affected, ["a.yaml", "b.yaml", "d.yaml"]);
    assert_eq!(unchanged, ["a.yaml", "b.yaml"]);
    let (one, two) = (whole(&old), whole(&new));
    assert_eq!((one.count_findings(), two.count_findings()), (0, 1));
}

/// What has a name that stands in a file that cannot be read may not be missing, not be the only
/// one, not be unused.
#[test]
fn a_file_that_cannot_be_read_reaches_whatever_has_a_name_in_it() {
    let old = files(&[
        ("g.yaml", resource("Goal", "g", "{description: d}")),
        ("h.yaml", resource("Goal", "h", "{description: d}")),
        ("p.yaml", plan("gone")),
        ("q.yaml", plan("h").replace("name: p", "name: q")),
    ]);
    let mut broken = old.clone();
    broken.insert("x.yaml".to_owned(), "name: g\nother: gone\na: [".to_owned());
    let comes = reached(&old, &broken).0;
    assert_eq!(comes, ["g.yaml", "p.yaml", "x.yaml"]);
    assert_eq!(reached(&broken, &old).0, comes);
    // Another word in it reaches what has that name, and no more what has the other.
    let mut other = broken.clone();
    other.insert("x.yaml".to_owned(), "name: h\nother: gone\na: [".to_owned());
    let (affected, _) = reached(&broken, &other);
    assert_eq!(affected, ["g.yaml", "h.yaml", "q.yaml", "x.yaml"]);
}

#[test]
fn findings_are_told_apart_whatever_lines_move() {
    let old = files(&[("p.yaml", plan("gone"))]);
    let new = files(&[("p.yaml", format!("# a line\n{}", plan("gone")))]);
    let (old, new) = (whole(&old), whole(&new));
    let all = BTreeSet::from(["p.yaml".to_owned()]);
    for path in &all {
        let found = |index: &Index<MemoryPages>| index.row(path).unwrap().map(|row| row.findings);
        assert_eq!(found(&old), found(&new));
    }
    assert_eq!(old.count_findings(), 1);
    let names = old.names().unwrap();
    let names: Vec<(&str, &str)> = names.iter().map(|one| (&*one.what, &*one.name)).collect();
    assert_eq!(names, [("Plan", "n/p")]);
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn any_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn any_resource() -> impl Strategy<Value = String> {
    let names = (any_name(), any_name(), any_name(), any_name());
    (0..22_usize, names).prop_map(|(shape, (name, x, y, z))| match shape {
        0 => resource("Goal", name, &format!("{{description: {x}}}")),
        1 | 2 => resource(
            "Plan",
            name,
            &format!(
                "{{description: d, goalRef: {{name: {x}}}, graph: {{nodes: [{{id: {y}, kind: \
                 Task, capabilityRefs: [{{name: {z}}}]}}, {{id: {x}, kind: Gate, gateRef: \
                 {{name: {y}}}}}]}}}}"
            ),
        ),
        3..=5 => resource(
            "Capability",
            name,
            &format!("{{description: d, requirements: [{{name: {x}}}, {{name: {y}}}]}}"),
        ),
        6 => resource(
            "Gate",
            name,
            &format!("{{gateType: review, targetRef: {{kind: Plan, name: {x}, nodeId: {y}}}}}"),
        ),
        7 => resource(
            "Execution",
            name,
            &format!("{{planRef: {{name: {x}}}, nodeBindings: {{{y}: {{name: {z}}}}}}}"),
        ),
        8 => resource(
            "Binding",
            name,
            &format!(
                "{{rules: [{{selector: {{planRef: {{name: {x}}}, nodeId: {y}}}, target: \
                 {{provider: \"tool://{z}\"}}}}]}}"
            ),
        ),
        9 => resource(
            "Goal",
            name,
            &format!("{{description: d, planSelector: {{matchLabels: {{tier: {x}}}}}}}"),
        ),
        10 | 11 => resource(
            "Plan",
            name,
            &format!(
                "{{description: d, series: {x}, version: '1', supersedes: [{{name: {y}}}], goalRef: {{name: {z}}}, \
                 graph: {{nodes: [{{id: {y}, kind: Task, capabilityRefs: [{{name: {x}}}], inputs: {{{z}: \
                 '${{parameters.p}}'}}}}, {{id: {z}, kind: Gate, gateRef: {{name: {x}}}, when: nodes.{y}.phase \
                 == 'Failed'}}]}}}}"
            ),
        ),
        12 => resource(
            "Capability",
            name,
            &format!("{{description: d, inputs: [{{name: {x}, type: number, required: true}}]}}"),
        ),
        13 => resource(
            "Execution",
            name,
            &format!("{{planRef: {{name: {x}}}, goalRef: {{name: {y}}}}}"),
        ),
        14 => document(name, x, y),
        // A revision of plan `x`, which several files may be.
        15 => document(name, z, y).replace(
            &format!("x-planspec: {{name: {name},"),
            &format!("x-planspec: {{name: {x},"),
        ),
        16 => resource(
            "Plan",
            name,
            &format!(
                "{{description: {x}, supersedes: [{{name: {y}}}], graph: {{nodes: [{{id: a, kind: Task}}]}}}}"
            ),
        ),
        17 => resource("Execution", name, &format!("{{planRef: {{name: {x}}}}}")),
        19 => resource(
            "Binding",
            name,
            &format!(
                "{{rules: [{{selector: {{capabilityRef: {{name: {x}}}}}, target: {{provider: \
                 \"agent://{y}\"}}}}]}}"
            ),
        ),
        20 => resource(
            "Binding",
            name,
            &format!(
                "{{rules: [{{selector: {{matchLabels: {{tier: {x}}}}}, target: {{provider: \
                 \"human://{y}\"}}}}]}}"
            ),
        ),
        21 => resource(
            "Plan",
            name,
            &format!(
                "{{description: {x}, graph: {{nodes: [{{id: a, kind: Task, capabilityRefs: [{{name: \
                 {y}}}]}}]}}}}"
            ),
        )
        .replace("namespace: n", &format!("namespace: n, labels: {{tier: {z}}}")),
        // Broken: it is known, and cannot be used.
        _ => resource("Capability", name, &format!("{{descripton: {x}}}")),
    })
}

/// A PlanSpec 1.2 document that follows another, perhaps.
fn document(name: &str, of: &str, goal: &str) -> String {
    let id = |name: &str| format!("6f1c1c5e-4b0e-4a57-9d0f-0f1f5c0c8a1{name}");
    let (revision, parent) = if name == of {
        (1, "null".to_owned())
    } else {
        (2, id(of))
    };
    format!(
        "identity: {{plan_id: {}, session_id: s, revision: {revision}, parent_id: {parent}, \
         created_by: \"human:ana\", created_at: \"2026-01-31T09:00:00Z\"}}\n\
         intent: {{goal_statement: {goal}, motivation: m, success_definition: d}}\n\
         scope: {{in_scope: [x], out_of_scope: [y]}}\n\
         approach: {{overview: o, rationale: r, steps: [{{step_id: {goal}, title: t, description: \
         d}}]}}\n\
         success_criteria: [{{criterion_id: c, description: {goal}, verification: manual, weight: \
         primary}}]\n\
         delegation: {{default_mode: hybrid}}\n\
         metadata: {{schema_version: \"1.2.0\"}}\n\
         x-planspec: {{name: {name}, namespace: n}}\n",
        id(name)
    )
}

fn any_text() -> impl Strategy<Value = String> {
    let text = prop::collection::vec(any_resource(), 1..3).prop_map(|all| all.join("---\n"));
    prop_oneof![9 => text, 1 => any_name().prop_map(|name| format!("{name}: [\n"))]
}

fn any_files() -> impl Strategy<Value = Files> {
    prop::collection::btree_map("[a-k]\\.yaml", any_text(), 0..12)
}

/// Files, and the same after a few of them have changed: others in their place, new ones, one
/// that is gone.
pub(crate) fn any_change() -> impl Strategy<Value = (Files, Files)> {
    // A reference that goes elsewhere, another description, or another text as a whole.
    let text = prop_oneof![1 => any_text().prop_map(Some), 2 => Just(None)];
    let names = prop_oneof![any_name(), prop::sample::select(&NAMES[..2])];
    let edit = (names.clone(), names, text);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), edit), 0..3);
    let parts = (
        any_files(),
        edits,
        any_files(),
        any::<prop::sample::Index>(),
        0..3_u8,
    );
    parts.prop_map(|(old, edits, added, gone, what)| {
        let mut new = old.clone();
        let paths: Vec<&String> = old.keys().collect();
        if !paths.is_empty() {
            for (which, (from, to, text)) in edits {
                let path = *which.get(&paths);
                let text = text.unwrap_or_else(|| {
                    let text = old[path].replace(&format!("{from}}}"), &format!("{to}}}"));
                    let [was, is] = [from, to].map(|word| format!("description: {word}"));
                    text.replace(&was, &is)
                });
                new.insert(path.clone(), text);
            }
            if what == 0 {
                new.remove(*gone.get(&paths));
            }
        }
        if what == 1 {
            new.extend(added.into_iter().take(2));
        }
        (old, new)
    })
}

pub(super) fn leads_where_reading_everything_leads(
    (old, new): &(Files, Files),
    rule: Rule<'_>,
) -> Result<(), TestCaseError> {
    let (stepped, _) = next(&whole_by(old, rule), (old, new), rule);
    prop_assert_eq!(stepped, whole_by(new, rule));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    /// However little is read, nothing is missed and nothing is made up.
    #[test]
    fn a_step_leads_where_reading_everything_leads(change in any_change()) {
        leads_where_reading_everything_leads(&change, &none)?;
    }
}
