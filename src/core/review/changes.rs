//! Changes that are not allowed to resources in files, independent of their meaning for the work.
//!
//! Status in a file needs no comparison: it is found when the file is read (PS109).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::core::base::diagnostic::{
    Code, Diagnostic, Label, Part, PathStep, Place, Severity, display_path,
};
use crate::core::base::words::shortened;
use crate::core::repository::definitions::{Definition, Definitions};
use crate::core::resource::{Key, Kind};
use crate::path;

/// The changes from `old` to `new` that are not allowed, with the severities of the codes; `renamed` are
/// the renamed resources, by their new names.
///
/// Adding and deleting Executions is allowed; references that a deletion breaks are found by
/// the rules for one revision.
pub(super) fn check(
    old: &Definitions,
    new: &Definitions,
    renamed: &BTreeMap<Key, Key>,
) -> Vec<Diagnostic> {
    let runs = old.keys_of(Kind::Execution);
    let changed = runs.filter_map(|key| changed_spec(old, new, key));
    let moved = renamed.iter().filter_map(|(to, from)| {
        let definition = new.definition(to)?;
        let (was, is) = (old.resource(from)?, definition.resource.as_ref()?);
        // Only a rename by annotation can also change the spec.
        (was.spec_digest() == is.spec_digest()).then_some((from, definition))
    });
    let moved = all_moved(moved.collect());
    let removed = old.keys().filter_map(|key| removed(old, new, key));
    changed.chain(moved).chain(removed).collect()
}

/// A resource with finalizers that is gone. If its deletion was requested, removing the last finalizer also removes
/// it, so this only needs a second look.
fn removed(old: &Definitions, new: &Definitions, key: &Key) -> Option<Diagnostic> {
    let definition = old.definition(key)?;
    let metadata = &definition.resource.as_ref()?.metadata;
    let is_gone = new.definitions(key).is_empty() && !new.may_be_hidden(&key.name);
    if metadata.finalizers.is_empty() || !is_gone {
        return None;
    }
    let names = metadata.finalizers.join(", ");
    let message = format!("{key} is removed, but still has finalizers: {names}");
    let finding = Diagnostic::new(
        Code::FINALIZERS_STAND,
        &definition.path,
        Place::File,
        message,
    );
    let finding = finding.about(key);
    if metadata.deletion_requested().is_none() {
        let kind = key.kind.name().to_lowercase();
        return Some(finding.help(format!(
            "restore the file and run: planspec delete {kind} {} -n {}",
            key.name, key.namespace
        )));
    }
    Some(Diagnostic {
        severity: Severity::Warning,
        ..finding
            .help("its deletion was requested; make sure that the work of its finalizers is done")
    })
}

/// Maximum number of differences that are pointed to.
const SHOWN: usize = 8;
/// Maximum number of characters of an old value that are shown.
const WIDTH: usize = 60;

/// The controllers pin the spec of a run as it is written, so that is compared, and not its
/// meaning.
fn changed_spec(old: &Definitions, new: &Definitions, key: &Key) -> Option<Diagnostic> {
    let (before, definition) = (old.resource(key)?, new.definition(key)?);
    let after = definition.resource.as_ref()?;
    let differences = differences(&before.raw_spec, &after.raw_spec);
    let (first, others) = differences.split_first()?;
    let message = format!("the spec of {key} has changed since it was committed");
    let help = "restore it; the spec of a run cannot change";
    let help = match after.spec.execution() {
        Some(run) => format!(
            "{help}; for another run: planspec start {}",
            run.plan_ref.name
        ),
        None => help.to_owned(),
    };
    let finding = definition
        .finding(Code::SPEC_CHANGED, first.place(definition), message)
        .label(first.label())
        .help(help);
    let others = others.iter().take(SHOWN);
    let others = others.map(|one| Label::new(&definition.path, one.place(definition), one.label()));
    Some(others.fold(finding, Diagnostic::related))
}

/// An entry that differs.
struct Difference<'a> {
    path: Vec<PathStep>,
    was: Option<&'a Value>,
    is: Option<&'a Value>,
}

impl Difference<'_> {
    /// The entry; for a removed one, the entry that contained it.
    fn place(&self, definition: &Definition) -> Place {
        match (self.is, self.path.split_last()) {
            (None, Some((_, parent))) => definition.place(parent.to_vec(), Part::Key),
            _ => definition.place(self.path.clone(), Part::Value),
        }
    }

    fn label(&self) -> String {
        let short = |value: &Value| shortened(&value.to_string(), WIDTH);
        match (self.was, self.is) {
            (Some(was), Some(_)) => format!("was `{}`", short(was)),
            (Some(was), None) => format!("`{}` was `{}`", display_path(&self.path), short(was)),
            (None, _) => "was not there".to_owned(),
        }
    }
}

/// The differences between two specs, in the order of the new one; at most one more than is shown. Lists of
/// different lengths differ as a whole.
fn differences<'a>(old: &'a Value, new: &'a Value) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    let mut open = vec![(path!["spec"], Some(old), Some(new))];
    while let Some((path, was, is)) = open.pop() {
        if found.len() > SHOWN {
            break;
        }
        let below = open.len();
        match (was, is) {
            (Some(Value::Object(was)), Some(Value::Object(is))) => {
                let gone = was.keys().filter(|key| !is.contains_key(*key));
                for key in is.keys().chain(gone) {
                    let path = [path.as_slice(), &[PathStep::from(key.as_str())]].concat();
                    open.push((path, was.get(key), is.get(key)));
                }
            }
            (Some(Value::Array(was)), Some(Value::Array(is))) if was.len() == is.len() => {
                for (index, (was, is)) in was.iter().zip(is).enumerate() {
                    let path = [path.as_slice(), &[PathStep::from(index)]].concat();
                    open.push((path, Some(was), Some(is)));
                }
            }
            (was, is) if was == is => {}
            (was, is) => found.push(Difference { path, was, is }),
        }
        // The stack would return the last one first.
        open[below..].reverse();
    }
    found
}

/// Minimum number of resources that make a renamed namespace.
const NAMESPACE: usize = 2;

/// Findings about moved resources: one each, or one for all that moved from one namespace to another. A moved run is
/// cancelled, and gets a separate finding.
fn all_moved(moves: Vec<(&Key, &Definition)>) -> Vec<Diagnostic> {
    let mut together: BTreeMap<(&str, &str), Vec<(&Key, &Definition)>> = BTreeMap::new();
    let mut found = Vec::new();
    for (from, definition) in moves {
        let to = &definition.key;
        if from.kind == Kind::Execution || from.name != to.name {
            found.push(moved(from, definition));
            continue;
        }
        let way = (from.namespace.as_str(), to.namespace.as_str());
        together.entry(way).or_default().push((from, definition));
    }
    for ((was, is), moves) in together {
        if moves.len() < NAMESPACE {
            found.extend(
                moves
                    .iter()
                    .map(|(from, definition)| moved(from, definition)),
            );
            continue;
        }
        let names: Vec<String> = moves.iter().map(|(from, _)| from.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!(
            "namespace {was} was renamed to {is}: {}",
            super::graph::names(&names)
        );
        let (_, first) = moves[0];
        found.push(Diagnostic {
            severity: Severity::Warning,
            ..first
                .at(Code::MOVED, path!["metadata", "namespace"], message)
                .label(format!("was `{was}`"))
                .help(
                    "references to it and its status do not follow the new name: keep the name, or change both",
                )
        });
    }
    found
}

/// The finding about a removed resource whose spec appears under another name: references, its
/// status and its runs do not follow.
fn moved(from: &Key, definition: &Definition) -> Diagnostic {
    let to = &definition.key;
    let (field, was) = if from.name == to.name {
        ("namespace", &from.namespace)
    } else {
        ("name", &from.name)
    };
    let message = format!("{from} has moved to {}", to.qualified());
    let finding = definition
        .at(Code::MOVED, path!["metadata", field], message)
        .label(format!("was `{was}`"));
    if from.kind == Kind::Execution {
        return finding.help(format!(
            "keep the {field}: with another one, the run is cancelled and starts from the beginning"
        ));
    }
    let help =
        "references to it and its status do not follow the new name: keep the name, or change both";
    Diagnostic {
        severity: Severity::Warning,
        ..finding.help(help)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::core::base::diagnostic::sort;
    use crate::core::base::source::{Content, SourceFile};
    use crate::core::repository::config::Config;
    use crate::core::repository::snapshot::Snapshot;
    use crate::core::review::renames::resources;

    fn snapshot(files: &[(&str, String)]) -> Snapshot {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile {
                path: (*path).to_owned(),
                blob: String::new(),
                content: Content::Bytes(text.as_bytes().into()),
            })
            .collect();
        Snapshot::build(&files, &Config::default())
    }

    fn resource(kind: &str, name: &str, spec: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  \
             namespace: team\nspec: {spec}\n"
        )
    }

    fn run(name: &str, spec: &str) -> String {
        resource("Execution", name, spec)
    }

    /// `file:line:column: severity code message [label] (help)` of each finding.
    fn told(old: &[(&str, String)], new: &[(&str, String)]) -> Vec<String> {
        let new = snapshot(new);
        let old = snapshot(old);
        let mut found = check(&old, &new, &resources(&old, &new));
        sort(&mut found);
        found
            .iter()
            .map(|f| format!("{} {} [{}]", f.severity, new.line(f), f.label))
            .collect()
    }

    #[test]
    fn the_spec_of_an_execution_stays_as_it_was_committed() {
        let old = run(
            "r",
            "{planRef: {name: p}, parameters: {env: staging, n: [1, 2]}}",
        );
        let table = [
            // The order of keys, comments and quotes do not belong to the spec.
            (
                "{parameters: {n: [1, 2], 'env': \"staging\"}, planRef: {name: p}} # same",
                "",
            ),
            (
                "{planRef: {name: q}, parameters: {env: staging, n: [1, 2]}}",
                "r.yaml:6:24: PS401 the spec of Execution team/r has changed since it was \
                 committed [was `\"p\"`]",
            ),
            (
                "{planRef: {name: p}, parameters: {env: staging, n: [1, 3]}}",
                "r.yaml:6:62: PS401 the spec of Execution team/r has changed since it was \
                 committed [was `2`]",
            ),
            (
                "{planRef: {name: p}, parameters: {env: staging, n: [1]}}",
                "r.yaml:6:58: PS401 the spec of Execution team/r has changed since it was \
                 committed [was `[1,2]`]",
            ),
            (
                "{planRef: {name: p}, parameters: {n: [1, 2]}}",
                "r.yaml:6:28: PS401 the spec of Execution team/r has changed since it was \
                 committed [`spec.parameters.env` was `\"staging\"`]",
            ),
            (
                "{planRef: {name: p}, parameters: {env: staging, n: [1, 2]}, goalRef: {name: g}}",
                "r.yaml:6:76: PS401 the spec of Execution team/r has changed since it was \
                 committed [was not there]",
            ),
        ];
        for (spec, expected) in table {
            let found = told(&[("r.yaml", old.clone())], &[("r.yaml", run("r", spec))]);
            let expected: Vec<String> = [expected]
                .iter()
                .filter(|line| !line.is_empty())
                .map(|line| format!("error {line}"))
                .collect();
            assert_eq!(found, expected, "{spec}");
        }
    }

    #[test]
    fn every_difference_is_pointed_to() {
        let old = snapshot(&[(
            "r.yaml",
            run("r", "{planRef: {name: p}, parameters: {a: 1, b: 2}}"),
        )]);
        let new = snapshot(&[(
            "r.yaml",
            run("r", "{planRef: {name: q}, parameters: {a: 1, b: 3}}"),
        )]);
        let found = check(&old, &new, &BTreeMap::new());
        assert_eq!(found.len(), 1);
        let others: Vec<&str> = found[0]
            .related
            .iter()
            .map(|l| l.message.as_str())
            .collect();
        assert_eq!(others, ["was `2`"]);
        assert!(found[0].help.as_ref().unwrap().contains("planspec start q"));
    }

    #[test]
    fn coming_going_and_other_kinds_are_free() {
        let p = "{description: d, graph: {nodes: [{id: a, kind: Task}]}}";
        let q = "{description: e, graph: {nodes: [{id: b, kind: Task}]}}";
        let r = "{planRef: {name: p}}";
        let table = [
            // A new one.
            (vec![], vec![("r.yaml", run("r", r))]),
            // A deleted one.
            (vec![("r.yaml", run("r", r))], vec![]),
            // Another file is not another name.
            (vec![("r.yaml", run("r", r))], vec![("s.yaml", run("r", r))]),
            // A plan may change.
            (
                vec![("p.yaml", resource("Plan", "p", p))],
                vec![("p.yaml", resource("Plan", "p", q))],
            ),
            // A copy is not a move.
            (
                vec![("r.yaml", run("r", r))],
                vec![("r.yaml", run("r", r)), ("s.yaml", run("s", r))],
            ),
            // An unreadable one was never started.
            (
                vec![("r.yaml", run("r", "{planRef: p}"))],
                vec![("r.yaml", run("r", r))],
            ),
        ];
        for (old, new) in table {
            assert_eq!(told(&old, &new), Vec::<String>::new(), "{old:?} {new:?}");
        }
    }

    #[test]
    fn names_and_namespaces_do_not_move() {
        let r = "{planRef: {name: p}}";
        let goal = "{description: d}";
        let table = [
            (
                run("a", r),
                run("b", r),
                "error x.yaml:4:9: PS402 Execution team/a has moved to team/b [was `a`]",
            ),
            (
                run("a", r),
                run("a", r).replace("namespace: team", "namespace: other"),
                "error x.yaml:5:14: PS402 Execution team/a has moved to other/a [was `team`]",
            ),
            (
                resource("Goal", "a", goal),
                resource("Goal", "b", goal),
                "warning x.yaml:4:9: PS402 Goal team/a has moved to team/b [was `a`]",
            ),
        ];
        for (old, new, expected) in table {
            let moved_file = told(&[("w.yaml", old.clone())], &[("x.yaml", new.clone())]);
            assert_eq!(moved_file, [expected]);
            assert_eq!(told(&[("x.yaml", old)], &[("x.yaml", new)]), [expected]);
        }
    }

    #[test]
    fn one_that_is_gone_moved_to_one_place_in_its_own_file_first() {
        let r = "{planRef: {name: p}}";
        let old = [("a.yaml", run("a", r)), ("b.yaml", run("b", r))];
        let new = [
            ("b.yaml", run("c", r)),
            ("a.yaml", run("d", r)),
            ("e.yaml", run("e", r)),
        ];
        let found = told(&old, &new);
        assert_eq!(
            found,
            [
                "error a.yaml:4:9: PS402 Execution team/a has moved to team/d [was `a`]",
                "error b.yaml:4:9: PS402 Execution team/b has moved to team/c [was `b`]",
            ]
        );
    }
}
