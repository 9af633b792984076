//! Rules about changes that need the whole comparison.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::Declared;
use super::{Change, Class, Event, Review, Subject, changes, document};
use crate::core::base::diagnostic::{Code, Diagnostic, Label, Part, PathStep, Place};
use crate::core::base::limits::CONFIG_FILE;
use crate::core::base::version;
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Definition;
use crate::core::repository::facts::identity;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind, NodeKind, PlanSpec, Spec};
use crate::core::text::allow::Allow;
use crate::core::text::locate::locate_all;
use crate::path;

/// Who may decide, in one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The configuration.
    pub config: Config,
    /// The path of the file of allowed signers, and its text.
    pub signers: (String, Option<String>),
    /// The digests of the files with OpenPGP keys.
    pub key_files: BTreeMap<String, String>,
}

impl Policy {
    /// The policy of a configuration and its file of allowed signers.
    pub fn new(config: &Config, signers: (String, Option<String>)) -> Policy {
        Policy {
            config: config.clone(),
            signers,
            key_files: BTreeMap::new(),
        }
    }
}

/// Two revisions with their policies.
pub struct Sides<'a> {
    /// The resources before.
    pub old: &'a Snapshot,
    /// The resources now.
    pub new: &'a Snapshot,
    /// The policies before and after.
    pub policies: (&'a Policy, &'a Policy),
    /// Whether there were no resources before; then nothing is undermined.
    pub is_first: bool,
    /// The runs that are known to be over for good.
    pub over: &'a BTreeSet<Key>,
}

/// All findings about a change: those of [`check`] with the configured severities, and findings that
/// are new.
pub fn findings(review: &Review, sides: &Sides<'_>, config: &Config) -> Vec<Diagnostic> {
    let mut found = check(review, sides);
    sides.new.settle(&mut found, config);
    let known: BTreeSet<String> = sides.old.diagnostics().iter().map(identity).collect();
    let newer = sides.new.diagnostics().iter();
    found.extend(newer.filter(|one| !known.contains(&identity(one))).cloned());
    found
}

/// Why files allow changes that need a second look: by resource and message.
pub fn allowed(review: &Review, sides: &Sides<'_>) -> BTreeMap<(Key, String), String> {
    let mut reasons = BTreeMap::new();
    let allows = sides.new.allows();
    for subject in &review.subjects {
        let found = look_twice(subject, sides);
        let of_file = found.first().and_then(|one| allows.get(&one.file));
        let (Some(of_file), Some(text)) = (of_file, sides.new.text(&subject.path)) else {
            continue;
        };
        let places: Vec<&Place> = found.iter().map(|finding| &finding.place).collect();
        for (finding, span) in found.iter().zip(locate_all(&text, &places)) {
            let is_meant = |allow: &&Allow| {
                allow.code == finding.code && span.is_some_and(|span| span.line == allow.line)
            };
            if let Some(allow) = of_file.iter().find(is_meant) {
                let key = (subject.key.clone(), finding.message.clone());
                reasons.insert(key, allow.reason.clone());
            }
        }
    }
    reasons
}

/// All broken rules about changes, and all changes that need a second look.
pub fn check(review: &Review, sides: &Sides<'_>) -> Vec<Diagnostic> {
    let mut findings = changes::check(sides.old, sides.new, &review.renamed);
    for subject in &review.subjects {
        findings.extend(class_too_low(subject, sides));
        findings.extend(changed_in_place(subject, sides));
        findings.extend(look_twice(subject, sides));
    }
    findings.extend(chains(review, sides));
    for subject in &review.subjects {
        let before = subject.from().unwrap_or(&subject.key);
        let side = if sides.old.plan(before).is_some() {
            sides.old
        } else {
            sides.new
        };
        findings.extend(document::revisions(
            (side, before),
            (sides.new, &subject.key),
        ));
    }
    findings.extend(history_changed(sides));
    findings.extend(policy_changed(review, sides));
    findings.sort();
    findings.dedup();
    findings
}

/// A file with an earlier revision is what people agreed to at the time, so it must not change.
fn history_changed(sides: &Sides<'_>) -> Vec<Diagnostic> {
    let history = sides.new.history().filter(|one| one.key.kind == Kind::Plan);
    let changed = history.filter(|one| {
        let before = [sides.old.definitions(&one.key), sides.old.earlier(&one.key)].concat();
        let mut before = before.into_iter().filter(|old| old.path == one.path);
        before.any(|old| old.blob != one.blob)
    });
    changed
        .map(|one| {
            let number = one.revision.as_ref().map_or(0, |revision| revision.number);
            let message = format!("revision {number} is changed, but is no longer the newest");
            one.finding(Code::NOT_A_REVISION, Place::File, message)
                .help("undo the change, and make it in the next revision")
        })
        .collect()
}

/// The class that the version of a plan declares; `None` for a plan without versions.
pub fn declared(subject: &Subject, old: &Snapshot, new: &Snapshot) -> Option<Declared> {
    let before = subject.from().unwrap_or(&subject.key);
    let is_whole = matches!(
        subject.event,
        Event::Added | Event::Removed | Event::Left { .. }
    );
    if subject.key.kind != Kind::Plan || is_whole {
        return None;
    }
    let side = if old.plan(before).is_some() { old } else { new };
    if let Some(declared) = document::declared((side, before), (new, &subject.key)) {
        return Some(declared);
    }
    let (was, is) = (side.plan(before)?, new.plan(&subject.key)?);
    let (was, is) = (was.version.as_deref()?, is.version.as_deref()?);
    if !version::is_numbered(was) || !version::is_numbered(is) {
        return None;
    }
    let class = match version::step(was, is) {
        None => Class::None,
        Some(0) => Class::Major,
        Some(1) => Class::Minor,
        Some(_) => Class::Patch,
    };
    let by = if was == is {
        format!("version {is} as before")
    } else {
        format!("version {was} → {is}")
    };
    Some(Declared { class, by })
}

fn at(definition: &Definition, path: Vec<PathStep>) -> Place {
    definition.place(path, Part::Value)
}

fn class_too_low(subject: &Subject, sides: &Sides<'_>) -> Option<Diagnostic> {
    let declared = declared(subject, sides.old, sides.new)?;
    let enough = match declared.class {
        // The same version in other notation is not another revision.
        Class::None => Class::Patch,
        class => class,
    };
    if subject.class <= enough {
        return None;
    }
    let definition = sides.new.definition(&subject.key)?;
    let raised = subject.raised_by.clone().unwrap_or_default();
    let message = format!(
        "the change is {} ({raised}), but the plan declares {} ({})",
        subject.class,
        match declared.class {
            Class::None => "no change".to_owned(),
            class => class.to_string(),
        },
        declared.by,
    );
    let place = at(definition, path!["spec", "version"]);
    let is_document = definition.origin.is_some();
    let help = match (is_document, subject.class) {
        (true, class) => format!(
            "`planspec revise {}` writes the next revision, with an entry of `revision_history` whose \
             `change_type` is {class}; or undo the change",
            definition.path
        ),
        (false, class) => {
            let part = usize::from(class != Class::Major);
            let before = subject.from().unwrap_or(&subject.key);
            let was = [sides.old, sides.new]
                .into_iter()
                .find_map(|side| side.plan(before));
            let next = was.and_then(|was| version::raised(was.version.as_deref()?, part));
            let set = match next {
                Some(next) => format!("set `version: \"{next}\"`"),
                None if part == 0 => "raise the first part of the version".to_owned(),
                None => "raise the second part of the version".to_owned(),
            };
            // PS404 asks for the next version too.
            if changed_in_place(subject, sides).is_some() {
                let set = set.replacen("set", "write a new plan with", 1);
                let set = set.replacen("raise", "write a new plan, and raise", 1);
                format!(
                    "{set} that `supersedes` this one, which has executions; or undo the change"
                )
            } else {
                format!("{set}, or undo the change")
            }
        }
    };
    let finding = definition.finding(Code::CLASS_TOO_LOW, place, message);
    let finding = finding.label(declared.by.clone()).help(help);
    let plan = sides.new.plan(&subject.key)?;
    let mut raising = subject
        .changes
        .iter()
        .filter(|one| one.class == subject.class);
    let label = raising.find_map(|change| {
        let place = place_of(change, plan, definition)?;
        Some(Label::new(&definition.path, place, change.words()))
    });
    Some(label.into_iter().fold(finding, Diagnostic::related))
}

/// The place of a change in the new file, as precisely as possible.
fn place_of(change: &Change, plan: &PlanSpec, definition: &Definition) -> Option<Place> {
    let address: Vec<&str> = change.address.iter().map(String::as_str).collect();
    let Some(origin) = &definition.origin else {
        return path_of(change, plan).map(|path| at(definition, path));
    };
    let section = |path: Vec<PathStep>, part| Place::Entry {
        document: definition.document,
        path,
        part,
    };
    let field = match address.as_slice() {
        // Fields of documents have the same names as there.
        [
            "document",
            name @ ("identity" | "intent" | "approach" | "delegation" | "metadata"),
            field,
        ] if change.is.is_some() => {
            return Some(section(path![*name, *field], Part::Value));
        }
        ["document", "scope", list, ..] => return Some(section(path!["scope", *list], Part::Key)),
        ["document", name, ..] => return Some(section(path![*name], Part::Key)),
        ["nodes", _, "step", field] if change.is.is_some() => *field,
        ["nodes", _, "description"] => "description",
        ["nodes", _, "name"] => "title",
        _ => return path_of(change, plan).map(|path| at(definition, path)),
    };
    let id = change.node()?;
    let node = plan.graph.nodes.iter().position(|node| node.id == id)?;
    let node = path!["spec", "graph", "nodes", node];
    let mut step = origin.path(Kind::Plan, &node);
    step.push(PathStep::from(field));
    Some(section(step, Part::Value))
}

/// The same for a plan that is a resource.
fn path_of(change: &Change, plan: &PlanSpec) -> Option<Vec<PathStep>> {
    let node = |id: &str| {
        let index = plan.graph.nodes.iter().position(|node| node.id == id)?;
        Some((index, path!["spec", "graph", "nodes", index]))
    };
    if let Some((_, to)) = change.edge() {
        return node(to).map(|(_, path)| path);
    }
    let Some(id) = change.node() else {
        let field = change.address.first()?;
        return Some(path!["spec", field.as_str()]);
    };
    let (index, mut path) = node(id)?;
    match &change.address[2..] {
        [] => path.push(PathStep::from("id")),
        [list, name, field @ ..] if list == "acceptanceCriteria" => {
            let criteria = &plan.graph.nodes[index].acceptance_criteria;
            path.push(PathStep::from("acceptanceCriteria"));
            if let Some(criterion) = criteria.iter().position(|one| one.name == *name) {
                path.push(PathStep::from(criterion));
                let written = field.first().filter(|_| change.is.is_some());
                path.extend(written.map(|field| PathStep::from(field.as_str())));
            }
        }
        [field, ..] if change.is.is_some() => path.push(PathStep::from(field.as_str())),
        _ => {}
    }
    Some(path)
}

/// The same for a resource that is not a plan.
fn path_in(change: &Change, definition: &Definition) -> Option<Vec<PathStep>> {
    let steps: Vec<&str> = change.address.iter().map(String::as_str).collect();
    let resource = definition.resource.as_ref()?;
    let named = |way: &[&str], rest: &[&str]| -> Vec<PathStep> {
        let rest = rest.iter().filter(|_| change.is.is_some());
        way.iter()
            .chain(rest)
            .map(|step| PathStep::from(*step))
            .collect()
    };
    let item = |list: &'static str, index: Option<usize>, rest: &[&str]| {
        let mut path = path!["spec", list, index?];
        let rest = rest.iter().filter(|_| change.is.is_some());
        path.extend(rest.map(|step| PathStep::from(*step)));
        Some(path)
    };
    match (&resource.spec, steps.as_slice()) {
        (_, ["labels" | "annotations", ..]) => Some(named(&["metadata"], &steps)),
        (Spec::Binding(binding), ["rules", selector, rest @ ..]) => {
            let namespace = &resource.metadata.namespace;
            let mut rules = binding.rules.iter();
            let index = rules.position(|rule| {
                super::fields::selector_words(&rule.selector, namespace) == *selector
            });
            let rest: Vec<&str> = match rest {
                ["provider" | "config", ..] => [&["target"], rest].concat(),
                other => other.to_vec(),
            };
            item("rules", index, &rest)
        }
        (Spec::Goal(goal), ["acceptanceCriteria", id, rest @ ..]) => {
            let mut criteria = goal.acceptance_criteria.iter();
            let index = criteria.position(|one| one.id.as_deref() == Some(*id));
            item("acceptanceCriteria", index, rest)
        }
        (Spec::Capability(spec), [list @ ("inputs" | "outputs"), name, rest @ ..]) => {
            let (list, parameters) = match *list {
                "inputs" => ("inputs", &spec.inputs),
                _ => ("outputs", &spec.outputs),
            };
            item(
                list,
                parameters.iter().position(|one| one.name == *name),
                rest,
            )
        }
        (Spec::Gate(_) | Spec::Execution(_) | Spec::Goal(_), all) => Some(named(&["spec"], all)),
        _ => None,
    }
}

fn changed_in_place(subject: &Subject, sides: &Sides<'_>) -> Option<Diagnostic> {
    let is_plan = subject.key.kind == Kind::Plan;
    if !is_plan || subject.event != Event::Changed || subject.class < Class::Minor {
        return None;
    }
    // A change does not affect finished runs.
    let runs = sides.old.executions_of(&subject.key);
    let runs = runs.filter(|(key, _)| !sides.over.contains(key));
    let mut runs: Vec<&str> = runs.map(|(key, _)| key.name.as_str()).collect();
    runs.dedup();
    if runs.is_empty() {
        return None;
    }
    let definition = sides.new.definition(&subject.key)?;
    // A document is revised in place.
    if declared(subject, sides.old, sides.new)
        .is_some_and(|declared| definition.origin.is_some() && declared.class != Class::None)
    {
        return None;
    }
    let message = format!(
        "{} has executions ({}) and is changed in place",
        subject.key,
        super::graph::names(&runs)
    );
    let help = if definition.origin.is_some() {
        "runs that have started keep their revision; make this the next one: planspec revise"
    } else {
        "runs that have started keep their revision; to keep it visible, write a new plan with the \
              next `version` that `supersedes` this one"
    };
    let path = path!["metadata", "name"];
    let finding = definition.at(Code::CHANGED_IN_PLACE, path, message);
    Some(finding.help(help))
}

/// Maximum number of findings of this kind for one resource, which are shown one by one.
const SHOWN: usize = 50;

fn look_twice(subject: &Subject, sides: &Sides<'_>) -> Vec<Diagnostic> {
    let snapshot = match subject.event {
        Event::Removed | Event::Left { .. } => return Vec::new(),
        _ => sides.new,
    };
    let Some(definition) = snapshot.definition(&subject.key) else {
        return Vec::new();
    };
    let plan = snapshot.plan(&subject.key);
    let finding = |place: Place, message: String| {
        definition
            .finding(Code::LOOK_TWICE, place, message)
            .help("explain in the pull request why this is right; nothing else is required")
    };
    let of_changes = subject.changes.iter().filter_map(|change| {
        let danger = change.danger.as_ref()?;
        let place = match plan {
            Some(plan) => place_of(change, plan, definition),
            None => path_in(change, definition).map(|path| at(definition, path)),
        };
        let place = place.unwrap_or_else(|| match change.node() {
            // Its place in the document is gone.
            Some(_) if definition.origin.is_none() => {
                definition.place(path!["spec", "graph", "nodes"], Part::Key)
            }
            _ => at(definition, path!["spec"]),
        });
        Some(finding(place, format!("{}: {danger}", change.words())))
    });
    let of_effects = subject.effects.iter().filter(|effect| effect.danger);
    let of_effects = of_effects.map(|effect| {
        let node = plan.zip(effect.node.as_deref()).and_then(|(plan, node)| {
            let mut nodes = plan.graph.nodes.iter();
            let index = nodes.position(|one| one.id == node)?;
            Some(at(definition, path!["spec", "graph", "nodes", index, "id"]))
        });
        let place = node.unwrap_or_else(|| at(definition, path!["metadata", "name"]));
        finding(place, effect.text.clone())
    });
    of_changes.chain(of_effects).take(SHOWN).collect()
}

/// Findings about plans that change what they supersede, supersede the same plan as another one, or leave the
/// chain of their series.
fn chains(review: &Review, sides: &Sides<'_>) -> Vec<Diagnostic> {
    let mut followers: BTreeMap<Key, Vec<&Key>> = BTreeMap::new();
    for key in sides.new.keys_of(Kind::Plan) {
        for of in superseded(sides.new, key) {
            followers.entry(of).or_default().push(key);
        }
    }
    let subjects = review.subjects.iter().map(|subject| &subject.key);
    let found = subjects.filter_map(|key| {
        let definition = sides.new.definition(key)?;
        sides.new.plan(key)?;
        let say = |(field, message, help): (&str, String, &str)| {
            let finding = definition.at(Code::CHAIN_BROKEN, path!["spec", field], message);
            finding.help(help)
        };
        let broken = [other_origin(sides, key), outside_of_series(sides, key)];
        let broken = broken.into_iter().flatten();
        let forks = forks(sides, key, &followers);
        Some(broken.chain(forks).map(say).collect::<Vec<_>>())
    });
    found.flatten().collect()
}

/// A field with message and help.
type Broken = (&'static str, String, &'static str);

/// The plans that a plan supersedes.
fn superseded(snapshot: &Snapshot, key: &Key) -> Vec<Key> {
    let plan = snapshot.plan(key).into_iter();
    let all = plan.flat_map(|plan| &plan.supersedes);
    all.map(|one| one.key(Kind::Plan, &key.namespace)).collect()
}

/// The predecessor of a revision must not change.
fn other_origin(sides: &Sides<'_>, key: &Key) -> Option<Broken> {
    let before = sides.old.plan(key)?;
    if superseded(sides.old, key) == superseded(sides.new, key) {
        return None;
    }
    let was: Vec<&str> = before
        .supersedes
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let message = if was.is_empty() {
        format!("{key} now supersedes another plan")
    } else {
        format!("{key} superseded {}, and no longer does", was.join(", "))
    };
    let help = "restore it; the predecessor of a revision cannot change";
    Some(("supersedes", message, help))
}

/// A chain must not fork.
fn forks<'a>(
    sides: &Sides<'_>,
    key: &'a Key,
    followers: &'a BTreeMap<Key, Vec<&Key>>,
) -> impl Iterator<Item = Broken> {
    let all = superseded(sides.new, key).into_iter();
    all.filter_map(move |of| {
        let mut others = followers.get(&of)?.iter();
        let other = others.find(|other| **other != key)?;
        let message = format!("{} is also superseded by {}", of.name, other.name);
        let help = "a chain has one end: make the later of the two supersede the earlier";
        Some(("supersedes", message, help))
    })
}

/// A new plan supersedes none, although the plans of its series supersede each other.
fn outside_of_series(sides: &Sides<'_>, key: &Key) -> Option<Broken> {
    let plan = sides.new.plan(key)?;
    if sides.old.plan(key).is_some() || !plan.supersedes.is_empty() {
        return None;
    }
    let series = plan.series.as_ref()?;
    let is_chained = |other: &&Key| {
        let plan = sides.new.plan(other);
        let is_chained = plan.is_some_and(|plan| {
            plan.series.as_ref() == Some(series) && !plan.supersedes.is_empty()
        });
        *other != key && other.namespace == key.namespace && is_chained
    };
    let other = sides.new.keys_of(Kind::Plan).find(is_chained)?;
    let message = format!(
        "{key} supersedes nothing, but other plans of its series do ({})",
        other.name
    );
    let help = "name the previous version in `supersedes`";
    Some(("series", message, help))
}

/// Who may approve must not change together with what is approved.
fn policy_changed(review: &Review, sides: &Sides<'_>) -> Vec<Diagnostic> {
    let (was, is) = sides.policies;
    let depends = |subject: &&Subject| match subject.key.kind {
        Kind::Gate => true,
        Kind::Plan => [sides.old, sides.new].iter().any(|snapshot| {
            let plan = snapshot.plan(&subject.key);
            let nodes = plan.into_iter().flat_map(|plan| &plan.graph.nodes);
            nodes.into_iter().any(|node| node.kind == NodeKind::Gate)
        }),
        _ => false,
    };
    if sides.is_first {
        return Vec::new();
    }
    let names: Vec<String> = review
        .subjects
        .iter()
        .filter(depends)
        .map(|subject| subject.key.to_string())
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let with = super::graph::names(&names);
    let help = "change the approvers first, in a separate pull request";
    let mut findings = Vec::new();
    let changed = [
        ("approvals", was.config.approvals != is.config.approvals),
        (
            "verification",
            was.config.verification != is.config.verification,
        ),
        ("workers", was.config.workers != is.config.workers),
    ];
    if let Some((what, _)) = changed.into_iter().find(|(_, changed)| *changed) {
        let message = format!("`{what}` changes together with {with}");
        let place = Place::Entry {
            document: 0,
            path: path![what],
            part: Part::Value,
        };
        let finding = Diagnostic::new(Code::POLICY_CHANGED, CONFIG_FILE, place, message);
        findings.push(finding.help(help));
    }
    if was.signers != is.signers || was.key_files != is.key_files {
        let message = format!("the accepted keys change together with {with}");
        let file = &is.signers.0;
        let finding = Diagnostic::new(Code::POLICY_CHANGED, file, Place::File, message);
        findings.push(finding.help(help));
    }
    findings
}
