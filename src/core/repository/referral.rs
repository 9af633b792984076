//! Who refers to what, told from the text of a resource alone: so it is known of resources whose
//! structure is broken, and the index keeps it of files that are not read.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::core::base::values;
use crate::core::repository::manifest::is_name;
use crate::core::resource::{Key, Kind};

/// Every field that refers to resources, as the last step of the way to it that is no `*`. Lists on
/// the way are no steps, `*` is any key. The last column is the kind that is meant; nothing where
/// the reference has a `kind`.
const FIELDS: [(Kind, &[&str], Option<Kind>); 13] = {
    use Kind::{Binding, Capability, Execution, Gate, Goal, Plan};
    let required = Some(Capability);
    [
        (Plan, &["spec", "goalRef"], Some(Goal)),
        (Plan, &["spec", "supersedes"], Some(Plan)),
        (Plan, &["spec", "graph", "nodes", "gateRef"], Some(Gate)),
        (
            Plan,
            &["spec", "graph", "nodes", "capabilityRefs"],
            required,
        ),
        (
            Plan,
            &["spec", "graph", "nodes", "externalRef", "resourceRef"],
            None,
        ),
        (Capability, &["spec", "requirements"], required),
        (
            Binding,
            &["spec", "rules", "selector", "capabilityRef"],
            required,
        ),
        (
            Binding,
            &["spec", "rules", "selector", "planRef"],
            Some(Plan),
        ),
        (Gate, &["spec", "targetRef"], None),
        (Execution, &["spec", "planRef"], Some(Plan)),
        (Execution, &["spec", "goalRef"], Some(Goal)),
        (Execution, &["spec", "bindingRef"], Some(Binding)),
        (Execution, &["spec", "nodeBindings", "*"], Some(Binding)),
    ]
};

/// The field of every kind that names owners, by their `kind`.
const OWNERS: [&str; 2] = ["metadata", "ownerReferences"];

/// The fields of a kind that refer to resources.
fn fields_of(
    kind: Kind,
) -> impl Iterator<Item = (&'static str, &'static [&'static str], Option<Kind>)> {
    let own = FIELDS.iter().filter(move |(by, _, _)| *by == kind);
    let own = own.map(|(_, way, to)| (*way, *to));
    let all = own.chain([(&OWNERS[..], None)]);
    all.filter_map(|(way, to)| {
        let name = way.iter().rfind(|step| **step != "*")?;
        Some((*name, way, to))
    })
}

/// That a resource of some kind refers to something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Referral {
    /// The kind of the resource that refers.
    pub by: Kind,
    /// The field in which it does, and what kind it means there; nothing of a name that stands
    /// elsewhere. That is not a reference that any rule knows, and says only what may have to be read.
    pub field: Option<(&'static str, Kind)>,
    /// `namespace/name` of what it refers to.
    pub name: String,
}

impl Referral {
    /// A reference to a resource, from a field of resources of a kind.
    pub fn to(key: &Key, (by, field): (Kind, &str)) -> Option<Referral> {
        let (field, _, _) = fields_of(by).find(|(name, _, _)| *name == field)?;
        Some(Referral {
            by,
            field: Some((field, key.kind)),
            name: key.qualified(),
        })
    }

    /// Everything that a resource may refer to, by what its file holds. This is more than there are
    /// references, and misses none.
    pub fn all_of(key: &Key, document: &Value) -> BTreeSet<Referral> {
        let by = key.kind;
        // The nodes of a plan name the same few again and again: each is looked at once.
        let (mut fields, mut known) = (HashSet::new(), HashSet::new());
        for (field, way, to) in fields_of(by) {
            for value in values_at(document, way) {
                let named = || value.get("kind").and_then(Value::as_str);
                let kind = to.or_else(|| {
                    Kind::ALL
                        .into_iter()
                        .find(|kind| named() == Some(kind.name()))
                });
                if let Some((kind, name)) = kind.zip(named_by(value, &key.namespace)) {
                    fields.insert((field, kind, name));
                    known.insert(name);
                }
            }
        }
        let fields = fields.into_iter();
        let fields = fields.map(|(field, kind, name)| (Some((field, kind)), name));
        let others = everything_below(document).filter_map(|value| named_by(value, &key.namespace));
        let others: HashSet<_> = others.filter(|name| !known.contains(name)).collect();
        let all = fields.chain(others.into_iter().map(|name| (None, name)));
        all.filter_map(|(field, (namespace, name))| {
            let is_reference = is_name(name) && is_name(namespace);
            is_reference.then(|| Referral {
                by,
                field,
                name: format!("{namespace}/{name}"),
            })
        })
        .collect()
    }

    /// `Plan.gateRef namespace/name Gate`, or `Plan namespace/name`.
    pub fn line(&self) -> String {
        match self.field {
            Some((field, kind)) => format!("{}.{field} {} {kind}", self.by, self.name),
            None => format!("{} {}", self.by, self.name),
        }
    }

    /// Read such a line.
    pub fn from_line(line: &str) -> Option<Referral> {
        let mut words = line.split(' ');
        let (by, name, to) = (words.next()?, words.next()?, words.next());
        let kind = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let (by, field) = match by.split_once('.') {
            Some((by, field)) => {
                let by = kind(by)?;
                let (field, _, _) = fields_of(by).find(|(name, _, _)| *name == field)?;
                (by, Some((field, kind(to?)?)))
            }
            None => (kind(by)?, None),
        };
        Some(Referral {
            by,
            field,
            name: name.to_owned(),
        })
    }
}

/// Namespace and name in a value that has a `name`.
fn named_by<'v>(value: &'v Value, namespace: &'v str) -> Option<(&'v str, &'v str)> {
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    Some((text("namespace").unwrap_or(namespace), text("name")?))
}

/// The values at the end of a way.
fn values_at<'v>(document: &'v Value, way: &[&str]) -> Vec<&'v Value> {
    let mut values = vec![document];
    for step in way {
        let steps = values.into_iter().flat_map(|value| match (value, *step) {
            (Value::Object(fields), "*") => fields.values().collect(),
            (value, step) => Vec::from_iter(value.get(step)),
        });
        values = steps
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect(),
                value => vec![value],
            })
            .collect();
    }
    values
}

/// Every value of a spec and of the owners.
fn everything_below(document: &Value) -> impl Iterator<Item = &Value> {
    let spec = document.get("spec").into_iter();
    values::all(spec.chain(values_at(document, &OWNERS)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::core::repository::config::Config;
    use crate::core::repository::rules::each_target;
    use crate::core::repository::snapshot::manifests;
    use crate::core::testing::{
        FILE, gate, key, plan_with, resource, snapshot, source, with_metadata,
    };

    /// Every field that refers to something, once.
    fn every_field() -> String {
        let nodes = "{id: a, kind: Gate, gateRef: {name: gate}}, {id: b, kind: Task, capabilityRefs: \
                     [{name: cap, namespace: lib}]}, {id: c, kind: External, externalRef: {type: resource, \
                     resourceRef: {kind: Execution, name: other}}}";
        let run = "planRef: {name: plan}, goalRef: {name: goal}, bindingRef: {name: bind}, nodeBindings: \
                   {gateRef: {name: node-bind}}";
        let rule = "selector: {capabilityRef: {name: cap}, planRef: {name: plan}}, target: {provider: 'tool://t'}";
        let owner = "apiVersion: planspec.io/v1alpha1, kind: Goal, name: owner";
        [
            plan_with(
                "p",
                "goalRef: {name: goal}, supersedes: [{name: older}]",
                nodes,
                "",
            ),
            resource(
                "Capability",
                "c",
                "description: d, requirements: [{name: cap}]",
            ),
            resource("Binding", "b", &format!("rules: [{{{rule}}}]")),
            gate("g", "plan", ""),
            resource("Execution", "e", run),
            with_metadata(
                "Goal",
                &format!("name: o, namespace: team, ownerReferences: [{{{owner}}}]"),
                "description: d",
            ),
        ]
        .concat()
    }

    /// What the index knows by field is what the rules take for references.
    #[test]
    fn every_reference_is_known_by_its_field() {
        let text = every_field();
        let files = [source(FILE, &text)];
        let manifest = manifests(&files, &Config::default()).remove(0);
        assert_eq!(manifest.diagnostics, []);
        let told = manifest.entries.iter().flat_map(|entry| &entry.referred);
        let told: BTreeSet<Referral> = told.cloned().collect();
        let told = told.into_iter().filter(|one| one.field.is_some());
        let told: BTreeSet<(Kind, String)> = told
            .filter_map(|one| Some((one.field?.1, one.name)))
            .collect();
        let mut known = BTreeSet::new();
        each_target(&snapshot(&[(FILE, &text)]), &mut |key| {
            known.insert((key.kind, key.qualified()));
        });
        assert_eq!(told, known);
        // Every field of the table, and the owners, stand in the text.
        let fields: BTreeSet<(Kind, &str)> = (manifest.entries.iter())
            .flat_map(|entry| &entry.referred)
            .filter_map(|one| Some((one.by, one.field?.0)))
            .collect();
        assert_eq!(fields.len(), FIELDS.len() + 1, "{fields:?}");
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let text = every_field();
        let manifest = manifests(&[source(FILE, &text)], &Config::default()).remove(0);
        for one in manifest.entries.iter().flat_map(|entry| &entry.referred) {
            assert_eq!(Referral::from_line(&one.line()).as_ref(), Some(one));
        }
        let table = [
            "",
            "Plan",
            "Plan.gateRef team/g",
            "Plan.gateRef team/g Nothing",
            "Plan.planRef team/g Plan",
            "Nothing team/g",
        ];
        for line in table {
            assert_eq!(Referral::from_line(line), None, "{line}");
        }
    }

    /// A field, the kind that it is a field of, and the kind that is meant count.
    #[test]
    fn who_refers_is_asked_by_field() {
        let text = resource(
            "Execution",
            "e",
            "planRef: {name: x}, nodeBindings: {gateRef: {name: y}}, parameters: {gateRef: {name: z}}",
        ) + &plan_with("p", "", "{id: a, kind: Gate, gateRef: {name: g}}", "")
            + &gate("g", "p", "")
            + &plan_with(
                "broken",
                "surprise: 1",
                "{id: a, kind: Gate, gateRef: {name: h}}",
                "",
            );
        let snapshot = snapshot(&[(FILE, &text)]);
        let table = [
            (Kind::Plan, "x", (Kind::Execution, "planRef"), true),
            (Kind::Goal, "x", (Kind::Execution, "planRef"), false),
            (Kind::Plan, "x", (Kind::Binding, "planRef"), false),
            (Kind::Plan, "x", (Kind::Execution, "goalRef"), false),
            (Kind::Binding, "y", (Kind::Execution, "nodeBindings"), true),
            (Kind::Gate, "y", (Kind::Plan, "gateRef"), false),
            (Kind::Gate, "z", (Kind::Plan, "gateRef"), false),
            (Kind::Gate, "g", (Kind::Plan, "gateRef"), true),
            (Kind::Plan, "p", (Kind::Gate, "targetRef"), true),
            (Kind::Gate, "p", (Kind::Gate, "targetRef"), false),
            // What is written in a plan that is broken elsewhere is written all the same.
            (Kind::Gate, "h", (Kind::Plan, "gateRef"), true),
        ];
        for (kind, name, by, expected) in table {
            let key = key(kind, name);
            assert_eq!(snapshot.is_referred_to(&key, by), expected, "{key} {by:?}");
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "FIELDS")]
    fn a_field_that_refers_to_nothing_cannot_be_asked_for() {
        snapshot(&[]).is_referred_to(&key(Kind::Gate, "g"), (Kind::Plan, "gateref"));
    }
}
