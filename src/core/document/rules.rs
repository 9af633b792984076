//! What is right and wrong in a document, level by level.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::model::*;
use super::scope;
use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::suggest::{Suggestions, suggestion};
use crate::core::base::words::{listed, shortened};
use crate::core::plan::graph;
use crate::core::resource::EdgeKind;
use crate::path;

/// Most suggestions that one rule looks for.
const SUGGESTIONS: usize = 50;

/// Most ids that a circle is shown with.
const LONGEST_CIRCLE: usize = 50;

/// Ids are unique, what is referred to is there, and steps have an order.
pub(super) fn structure(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    unique_ids(found, content, findings);
    dependencies(found, content, findings);
    overridden_steps(found, content, findings);
    checked_criteria(found, content, findings);
    constraint_types(found, content, findings);
    extensions(found, content, findings);
    scope::check(found, &content.scope, findings);
    if content.scope.out_of_scope.is_empty() {
        let message = "nothing is out of scope";
        let path = path!["scope", "out_of_scope"];
        let finding = found.at(Code::NOTHING_EXCLUDED, path, Part::Key, message);
        findings.push(finding.help("say what does not belong to it: at least one entry"));
    }
    if let Some(version) = &content.metadata.schema_version
        && version.split('.').next() != Some("1")
    {
        let message = format!("version `{version}` of the format may mean something else");
        let path = path!["metadata", "schema_version"];
        let finding = found.at(Code::OTHER_MAJOR, path, Part::Value, message);
        findings.push(finding.help("this program reads version 1: write `1.2.0` if it is one"));
    }
}

fn unique_ids(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let steps = content.approach.steps.iter();
    let lists: [(Vec<PathStep>, &str, Vec<&str>); 6] = [
        (
            path!["approach", "steps"],
            "step_id",
            steps.map(|step| step.step_id.as_str()).collect(),
        ),
        (
            path!["constraints"],
            "constraint_id",
            ids(&content.constraints, |entry| &entry.constraint_id),
        ),
        (
            path!["success_criteria"],
            "criterion_id",
            ids(&content.success_criteria, |entry| &entry.criterion_id),
        ),
        (
            path!["risks"],
            "risk_id",
            ids(&content.risks, |entry| &entry.risk_id),
        ),
        (
            path!["dependencies"],
            "dependency_id",
            ids(&content.dependencies, |entry| &entry.dependency_id),
        ),
        (
            path!["delegation", "step_overrides"],
            "step_id",
            ids(&content.delegation.step_overrides, |entry| &entry.step_id),
        ),
    ];
    for (list, field, ids) in lists {
        let mut first: HashMap<&str, usize> = HashMap::with_capacity(ids.len());
        for (index, id) in ids.into_iter().enumerate() {
            let earlier = *first.entry(id).or_insert(index);
            if earlier == index {
                continue;
            }
            let at = |index: usize| [list.clone(), path![index, field]].concat();
            let message = format!("the {field} `{id}` stands twice");
            findings.push(
                found
                    .at(Code::DOCUMENT_ID_TWICE, at(index), Part::Value, message)
                    .label("again here")
                    .help("give each its own")
                    .related(found.label(at(earlier), "first here")),
            );
        }
    }
}

fn ids<T>(list: &[T], id: impl Fn(&T) -> &String) -> Vec<&str> {
    list.iter().map(|entry| id(entry).as_str()).collect()
}

/// Names of steps.
struct Known<'a> {
    steps: HashMap<&'a str, usize>,
    suggestions: Suggestions,
}

impl<'a> Known<'a> {
    fn new(content: &'a Content) -> Known<'a> {
        let mut steps = HashMap::new();
        for (index, step) in content.approach.steps.iter().enumerate() {
            steps.entry(step.step_id.as_str()).or_insert(index);
        }
        Known {
            steps,
            suggestions: Suggestions(SUGGESTIONS),
        }
    }

    fn missing(&mut self, found: &Finder<'_>, path: Vec<PathStep>, id: &str) -> Diagnostic {
        let message = format!("there is no step `{id}`");
        let otherwise = || "name a `step_id` of `approach.steps`".to_owned();
        let steps: BTreeSet<&str> = self.steps.keys().copied().collect();
        found
            .at(Code::STEP_NOT_FOUND, path, Part::Value, message)
            .label("no such step")
            .help(self.suggestions.suggestion(id, steps, otherwise))
    }
}

fn dependencies(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let steps = &content.approach.steps;
    let mut known = Known::new(content);
    let mut edges = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        for (position, id) in step.dependencies.iter().enumerate() {
            match known.steps.get(id.as_str()) {
                Some(from) => {
                    edges.insert((*from, index));
                }
                None => {
                    let path = path!["approach", "steps", index, "dependencies", position];
                    findings.push(known.missing(found, path, id));
                }
            }
        }
    }
    for circle in graph::cycles_among(steps.len(), &edges) {
        findings.extend(circle_finding(found, steps, &circle));
    }
}

fn circle_finding(found: &Finder<'_>, steps: &[Step], circle: &[usize]) -> Option<Diagnostic> {
    let (first, last) = (*circle.first()?, *circle.last()?);
    let step = steps.get(first)?;
    let before = steps.get(last)?;
    let position = step
        .dependencies
        .iter()
        .position(|id| *id == before.step_id)?;
    let ids = circle.iter().filter_map(|index| steps.get(*index));
    let mut shown: Vec<&str> = ids.map(|step| step.step_id.as_str()).collect();
    let left_out = shown.len().saturating_sub(LONGEST_CIRCLE);
    shown.truncate(LONGEST_CIRCLE);
    let mut text = shown.join(" -> ");
    if left_out > 0 {
        text.push_str(&format!(" -> … {left_out} more …"));
    }
    text.push_str(&format!(" -> {}", step.step_id));
    let message = match circle.len() {
        1 => format!("step `{}` depends on itself", step.step_id),
        _ => format!("steps depend on each other in a circle: {text}"),
    };
    let path = path!["approach", "steps", first, "dependencies", position];
    Some(
        found
            .at(Code::STEP_CYCLE, path, Part::Value, message)
            .help("remove one of these dependencies"),
    )
}

fn overridden_steps(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let mut known = Known::new(content);
    for (index, overridden) in content.delegation.step_overrides.iter().enumerate() {
        if !known.steps.contains_key(overridden.step_id.as_str()) {
            let path = path!["delegation", "step_overrides", index, "step_id"];
            findings.push(known.missing(found, path, &overridden.step_id));
        }
    }
}

/// `x-planspec.checks`, by the ids of criteria.
fn checks(content: &Content) -> impl Iterator<Item = (&String, Vec<PathStep>)> {
    let own = content.planspec.as_ref();
    let ids = own.into_iter().flat_map(|own| own.checks.keys());
    ids.map(|id| (id, path!["x-planspec", "checks", id.as_str()]))
}

fn checked_criteria(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let ids = ids(&content.success_criteria, |one| &one.criterion_id);
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let unknown = checks(content).filter(|(id, _)| !ids.contains(id.as_str()));
    let mut suggestions = Suggestions(SUGGESTIONS);
    for (id, path) in unknown {
        let message = format!("there is no success criterion `{id}`");
        let otherwise = || "name a `criterion_id` of `success_criteria`".to_owned();
        let help = suggestions.suggestion(id, ids.iter().copied(), otherwise);
        let finding = found.at(Code::CRITERION_NOT_FOUND, path, Part::Key, message);
        findings.push(finding.label("no such criterion").help(help));
    }
}

fn constraint_types(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    for (index, constraint) in content.constraints.iter().enumerate() {
        let ConstraintType::Other(word) = &constraint.kind else {
            continue;
        };
        let words = ConstraintType::WORDS;
        let otherwise = || format!("the format names {}", words.join(", "));
        let message = format!("the format does not name a constraint of type `{word}`");
        let path = path!["constraints", index, "type"];
        let finding = found.at(Code::CONSTRAINT_TYPE, path, Part::Value, message);
        findings.push(finding.help(suggestion(word, words, otherwise)));
    }
}

/// What `x-planspec` of a step may say of its node. Nothing of it takes away what the step says: its order, who
/// does it, and who is asked before.
pub(super) const STEP_EXTENSION: [&str; 9] = [
    "acceptanceCriteria",
    "retries",
    "timeout",
    "inputs",
    "outputs",
    "capabilityRefs",
    "when",
    "touches",
    "always",
];

/// `x-planspec` adds to what the document says, and never puts something else in its place.
fn extensions(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let modes = content.modes();
    for (index, (step, mode)) in content.approach.steps.iter().zip(modes).enumerate() {
        let at = |field: &str| path!["approach", "steps", index, "x-planspec", field];
        let fields = step.planspec.iter().flat_map(|fields| fields.keys());
        for field in fields.filter(|field| !STEP_EXTENSION.contains(&field.as_str())) {
            let message = format!("`{field}` is nothing that `x-planspec` may say of a step");
            let finding = found.at(Code::STEP_EXTENSION, at(field), Part::Key, message);
            findings.push(finding.label("not here").help(instead_of(field)));
        }
        let is_human = step.delegation == Some(StepDelegation::Human);
        let why = match (is_human, mode) {
            (true, _) => "a person does it",
            (false, Mode::HumanApproval) => "a person approves it first",
            (false, Mode::AgentAutonomous) => continue,
        };
        let when = step.planspec.as_ref().and_then(|fields| fields.get("when"));
        if when.is_some_and(|when| !when.is_null()) {
            let message = format!("step `{}` cannot have a condition: {why}", step.step_id);
            let finding = found.at(Code::STEP_EXTENSION, at("when"), Part::Key, message);
            findings.push(finding.label("it would be left out unseen").help(
                "remove `when`, and leave the decision to that person; or put it on a step of \
                 its own",
            ));
        }
    }
    let edges = content.planspec.iter().flat_map(|own| &own.edges);
    for (index, edge) in edges
        .enumerate()
        .filter(|(_, edge)| edge.kind == EdgeKind::Hard)
    {
        let message = format!("the edge to `{}` is a hard one", edge.to);
        let path = path!["x-planspec", "edges", index];
        let finding = found.at(Code::STEP_EXTENSION, path, Part::Value, message);
        findings.push(finding.label("only soft edges stand here").help(format!(
            "name `{}` in the `dependencies` of step `{}`, or write `type: soft`: then it also \
             begins when `{}` failed",
            edge.from, edge.to, edge.from
        )));
    }
}

/// Where the document says what somebody wanted to say with a field of a node.
fn instead_of(field: &str) -> String {
    let step = |own: &str| format!("the step itself says it, in `{own}`: remove it here");
    match field {
        "dependsOn" => step("dependencies"),
        "id" => step("step_id"),
        "name" => step("title"),
        "description" => step("description"),
        "estimatedEffort" => step("estimated_complexity"),
        "context" => step("rationale"),
        "gateRef" => {
            "remove it: who is asked before a step stands in `delegation.step_overrides`".to_owned()
        }
        "kind" | "children" | "mode" | "externalRef" | "pollInterval" => {
            "remove it: a step is a Task; write the plan as a Plan for other nodes (`planspec \
             convert --to v1alpha1`)"
                .to_owned()
        }
        _ => suggestion(field, STEP_EXTENSION, || {
            format!("it may hold {}", listed(STEP_EXTENSION))
        }),
    }
}

/// Fields of the draft-07 schema file that the written specification does not have.
const DRAFT_FIELDS: [(&[&str], &str); 11] = [
    (&[], "approval"),
    (&["identity"], "lifecycle_state"),
    (&["identity"], "change_type"),
    (&["approach", "steps"], "dependency_rationale"),
    (&["approach", "steps"], "intended_outcome"),
    (&["revision_history"], "author"),
    (&["revision_history"], "timestamp"),
    (&["revision_history"], "summary"),
    (&["metadata"], "generator"),
    (&["metadata"], "source_session_id"),
    (&["approach", "steps"], "delegation"),
];

/// What an older draft had. Said once for each field, however often it stands there.
pub(super) fn drafts(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) {
    for (section, field) in DRAFT_FIELDS {
        let mut places = draft_places(value, section, field);
        let Some(path) = places.next() else { continue };
        let more = places.count();
        let what = match field {
            "delegation" => "this word for `delegation`".to_owned(),
            _ => format!("`{field}`"),
        };
        let times = match more {
            0 => String::new(),
            more => format!(" ({more} more below)"),
        };
        let message = format!("{what} is of an older draft of the format{times}");
        let help = match field {
            "delegation" => {
                "write `human`, `agent` or `either`, and who is asked in \
                 `delegation.step_overrides`"
            }
            _ => "it is kept and means nothing: leave it out, or write it as `x-…`",
        };
        let part = match field {
            "delegation" => Part::Value,
            _ => Part::Key,
        };
        findings.push(found.at(Code::DRAFT_FIELD, path, part, message).help(help));
    }
}

/// Where a field of a draft stands: in a section, or in each entry of one that is a list.
fn draft_places<'v>(
    value: &'v Value,
    section: &'static [&'static str],
    field: &'static str,
) -> impl Iterator<Item = Vec<PathStep>> + 'v {
    let path: Vec<PathStep> = section.iter().map(|key| PathStep::from(*key)).collect();
    let holder = section
        .iter()
        .try_fold(value, |value, key| value.get(*key))
        .unwrap_or(&Value::Null);
    let stands = move |entry: &Value| match (field, entry.get(field)) {
        (_, None) => false,
        ("delegation", Some(word)) => {
            let drafts = [
                StepDelegation::HumanApproval,
                StepDelegation::AgentAutonomous,
            ];
            drafts.iter().any(|draft| *word == draft.word())
        }
        _ => true,
    };
    let own = stands(holder).then(|| [path.clone(), path![field]].concat());
    let entries = holder.as_array().into_iter().flatten().enumerate();
    let of_entries = entries
        .filter(move |(_, entry)| stands(entry))
        .map(move |(index, _)| [path.clone(), path![index, field]].concat());
    own.into_iter().chain(of_entries)
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

/// Whether it makes sense.
pub(super) fn semantics(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    if is_blank(Some(&content.intent.goal_statement)) {
        let message = "the document has no goal: `goal_statement` is empty";
        let path = path!["intent", "goal_statement"];
        let finding = found.at(Code::EMPTY_GOAL, path, Part::Value, message);
        findings.push(finding.help("say in one sentence what is to be reached"));
    }
    let criteria = &content.success_criteria;
    let has_primary = criteria.iter().any(|one| one.weight == Weight::Primary);
    if !has_primary && !criteria.is_empty() {
        let message = "no success criterion is primary: nothing decides about success";
        let path = path!["success_criteria"];
        let finding = found.at(Code::NO_PRIMARY_CRITERION, path, Part::Key, message);
        findings.push(finding.help("give at least one `weight: primary`"));
    }
    let manual = criteria
        .iter()
        .filter(|one| one.verification != Verification::Automated);
    let manual: BTreeSet<&str> = manual.map(|one| one.criterion_id.as_str()).collect();
    for (id, path) in checks(content).filter(|(id, _)| manual.contains(id.as_str())) {
        let message = format!("criterion `{id}` has checks and is not automated");
        let finding = found.at(Code::NOT_AUTOMATED, path, Part::Key, message);
        findings.push(finding.help("write `verification: automated` there, or remove the checks"));
    }
    let overrides = content.delegation.step_overrides.iter();
    let overridden: BTreeSet<&str> = overrides.map(|other| other.step_id.as_str()).collect();
    for (index, step) in content.approach.steps.iter().enumerate() {
        let conflict = match (content.delegation.default_mode, step.delegation) {
            (Some(DefaultMode::HumanApproval), Some(StepDelegation::Agent)) => {
                Some("an agent does it, and `default_mode` wants a person to approve each step")
            }
            (Some(DefaultMode::AgentAutonomous), Some(StepDelegation::Human)) => {
                Some("a person does it, and `default_mode` leaves every step to agents")
            }
            _ => None,
        };
        if let Some(why) = conflict
            && !overridden.contains(step.step_id.as_str())
        {
            let message = format!("step `{}`: {why}", step.step_id);
            let path = path!["approach", "steps", index, "delegation"];
            let finding = found.at(Code::DELEGATION_CONFLICT, path, Part::Value, message);
            findings.push(finding.help(
                "say what holds for this step in `delegation.step_overrides`, or set \
                 `default_mode: hybrid`",
            ));
        }
        if step.delegation == Some(StepDelegation::Agent)
            && is_blank(step.acceptance_criteria.as_ref())
        {
            let message = format!(
                "step `{}` is for an agent and has no `acceptance_criteria`",
                step.step_id
            );
            let path = path!["approach", "steps", index, "delegation"];
            let finding = found.at(Code::NO_STEP_CRITERIA, path, Part::Value, message);
            findings.push(finding.help("say how one sees that it is done"));
        }
    }
}

impl Content {
    /// What keeps it from being executed, a sentence each.
    pub fn unready(&self) -> Vec<String> {
        let found = Finder {
            file: "",
            document: 0,
        };
        let mut findings = Vec::new();
        readiness(&found, self, &mut findings);
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }
}

/// Whether it can be executed.
pub(super) fn readiness(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    for (index, question) in content.scope.open_questions.iter().enumerate() {
        let message = format!("a question is open: {}", short(question));
        let path = path!["scope", "open_questions", index];
        let finding = found.at(Code::OPEN_QUESTION, path, Part::Value, message);
        findings.push(finding.help("answer it in the document, and remove it here"));
    }
    for (index, risk) in content.risks.iter().enumerate() {
        if risk.probability == Degree::High && is_blank(risk.mitigation.as_ref()) {
            let message = format!(
                "risk `{}` is likely and nothing is done against it: {}",
                risk.risk_id,
                short(&risk.title)
            );
            let path = path!["risks", index, "probability"];
            let finding = found.at(Code::RISK_NOT_MITIGATED, path, Part::Value, message);
            findings.push(finding.help("say what is done against it in `mitigation`"));
        }
    }
    for (index, dependency) in content.dependencies.iter().enumerate() {
        if !dependency.available {
            let message = format!(
                "dependency `{}` is not available: {}",
                dependency.dependency_id,
                short(&dependency.description)
            );
            let path = path!["dependencies", index, "available"];
            let finding = found.at(Code::DEPENDENCY_NOT_AVAILABLE, path, Part::Value, message);
            findings.push(finding.help("set `available: true` once it is there"));
        }
    }
    if content.delegation.default_mode.is_none() {
        let message = "`default_mode` is not set: nobody says who is asked before a step";
        let path = path!["delegation"];
        let finding = found.at(Code::NO_DEFAULT_MODE, path, Part::Key, message);
        let words = listed(DefaultMode::ALL.iter().map(|mode| mode.word()));
        findings.push(finding.help(format!("write one of {words}")));
    }
}

/// A text in a message: its first line, not too long.
fn short(text: &str) -> String {
    shortened(text.trim().lines().next().unwrap_or_default(), 100)
}
