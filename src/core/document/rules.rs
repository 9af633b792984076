//! The rules about documents, level by level.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::findings::Reviewed;
use super::model::*;
use super::scope;
use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep, Place, Severity};
use crate::core::base::suggest::{Suggestions, suggestion};
use crate::core::base::words::{listed, shortened};
use crate::core::plan::graph;
use crate::core::resource::EdgeKind;
use crate::path;

/// Maximum number of suggestions that one rule searches.
const SUGGESTIONS: usize = 50;

/// Maximum number of ids of a cycle that are shown.
const LONGEST_CIRCLE: usize = 50;

/// The rules of level structure that need a readable document.
pub(super) fn structure(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    constraint_types(found, content, findings);
    extensions(found, content, findings);
    scope::check(found, &content.scope, findings);
    if content.scope.out_of_scope.is_empty() {
        let message = "nothing is out of scope";
        let path = path!["scope", "out_of_scope"];
        let finding = found.at(Code::NOTHING_EXCLUDED, path, Part::Key, message);
        findings.push(finding.help("name at least one thing that is not part of the work"));
    }
}

/// The version of the format that this program supports.
const KNOWN: (u64, u64) = (1, 2);

/// The finding about another major version; all other findings are then guesses.
pub(super) fn other_major(
    found: &Finder<'_>,
    version: Option<&str>,
    findings: &mut Vec<Diagnostic>,
) {
    let Some(version) = version.filter(|version| !version.starts_with("1.")) else {
        return;
    };
    let message = format!("version `{version}` of the format may mean something else");
    let path = path!["metadata", "schema_version"];
    let finding = found.at(Code::OTHER_MAJOR, path, Part::Value, message);
    findings.push(
        finding
            .help("this program reads version 1; write `1.2.0` if the document has that version"),
    );
}

/// An unknown field is not an error in a document of a later version than this program supports.
/// The extension of this program itself has no versions.
pub(super) fn of_a_later_version(version: Option<&str>, finding: Diagnostic) -> Diagnostic {
    let numbers =
        version.map(|version| version.split('.').map(|number| number.parse::<u64>().ok()));
    let is_later = numbers.is_some_and(|mut numbers| {
        let mut next = || numbers.next().flatten();
        next().zip(next()).is_some_and(|version| version > KNOWN)
    });
    let is_own = match &finding.place {
        Place::Entry { path, .. } => path.contains(&PathStep::from("x-planspec")),
        _ => true,
    };
    if finding.code != Code::UNKNOWN_FIELD || !is_later || is_own {
        return finding;
    }
    let help = "a later version of the format may define it; it is kept and has no effect here";
    Diagnostic {
        severity: Severity::Warning,
        ..finding.help(help)
    }
}

/// Checks that ids are unique, references exist, and steps have an order, as far as ids can be read,
/// whatever else is wrong.
pub(super) fn references(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) {
    unique_ids(found, value, findings);
    let steps = Steps::new(value);
    let mut known = Known::new(&steps);
    dependencies(found, &steps, &mut known, findings);
    for (index, id) in ids(value, "/delegation/step_overrides", "step_id") {
        let path = path!["delegation", "step_overrides", index, "step_id"];
        findings.extend(known.missing(found, path, id));
    }
    for (index, entry) in list(value, "/x-planspec/findings").iter().enumerate() {
        let of_steps = entry.get("section").and_then(Value::as_str) == Some("steps");
        let field = entry.get("field").and_then(Value::as_str);
        if let Some(id) = field.filter(|_| of_steps) {
            let path = path!["x-planspec", "findings", index, "field"];
            findings.extend(known.missing(found, path, id));
        }
    }
    checked_criteria(found, value, findings);
}

fn unique_ids(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) {
    let lists: [(Vec<PathStep>, &str, &str); 7] = [
        (path!["approach", "steps"], "/approach/steps", "step_id"),
        (path!["constraints"], "/constraints", "constraint_id"),
        (
            path!["success_criteria"],
            "/success_criteria",
            "criterion_id",
        ),
        (path!["risks"], "/risks", "risk_id"),
        (path!["dependencies"], "/dependencies", "dependency_id"),
        (
            path!["delegation", "step_overrides"],
            "/delegation/step_overrides",
            "step_id",
        ),
        (
            path!["x-planspec", "findings"],
            "/x-planspec/findings",
            "id",
        ),
    ];
    for (list, pointer, field) in lists {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (index, id) in ids(value, pointer, field) {
            let earlier = *first.entry(id).or_insert(index);
            if earlier == index {
                continue;
            }
            let at = |index: usize| [list.clone(), path![index, field]].concat();
            let message = format!("the {field} `{id}` appears twice");
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

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The readable ids of the entries of a list.
fn ids<'v>(
    value: &'v Value,
    pointer: &str,
    field: &'v str,
) -> impl Iterator<Item = (usize, &'v str)> {
    let entries = list(value, pointer).iter().enumerate();
    entries
        .filter_map(move |(index, entry)| Some((index, entry.get(field)?.as_str()?)))
        .filter(|(_, id)| !id.is_empty())
}

/// The steps, as far as they can be read.
struct Steps<'v> {
    /// Whether there is a list of steps.
    is_list: bool,
    /// The ids, by position.
    ids: Vec<Option<&'v str>>,
    /// The dependencies, each with its position.
    dependencies: Vec<Vec<(usize, &'v str)>>,
}

impl<'v> Steps<'v> {
    fn new(value: &'v Value) -> Steps<'v> {
        let steps = list(value, "/approach/steps");
        let texts = |step: &'v Value| {
            let list = list(step, "/dependencies").iter().enumerate();
            let texts = list.filter_map(|(index, one)| Some((index, one.as_str()?)));
            texts.collect()
        };
        let id = |step: &'v Value| step.get("step_id").and_then(Value::as_str);
        Steps {
            is_list: value
                .pointer("/approach/steps")
                .is_some_and(Value::is_array),
            ids: steps.iter().map(id).collect(),
            dependencies: steps.iter().map(texts).collect(),
        }
    }

    fn id(&self, step: usize) -> Option<&'v str> {
        self.ids.get(step).copied().flatten()
    }
}

/// The names of steps.
struct Known<'v> {
    steps: HashMap<&'v str, usize>,
    /// Whether some step has an unreadable id, so that any other name may be valid.
    may_be_hidden: bool,
    suggestions: Suggestions,
}

impl<'v> Known<'v> {
    fn new(steps: &Steps<'v>) -> Known<'v> {
        let mut known = HashMap::new();
        for (index, id) in steps.ids.iter().enumerate() {
            if let Some(id) = id {
                known.entry(*id).or_insert(index);
            }
        }
        Known {
            steps: known,
            may_be_hidden: !steps.is_list
                || steps.ids.iter().any(|id| id.is_none_or(str::is_empty)),
            suggestions: Suggestions(SUGGESTIONS),
        }
    }

    /// The finding about a name that no step has.
    fn missing(&mut self, found: &Finder<'_>, path: Vec<PathStep>, id: &str) -> Option<Diagnostic> {
        if self.may_be_hidden || self.steps.contains_key(id) || id.is_empty() {
            return None;
        }
        let message = format!("there is no step `{id}`");
        let otherwise = || "name a `step_id` of `approach.steps`".to_owned();
        let steps: BTreeSet<&str> = self.steps.keys().copied().collect();
        let finding = found.at(Code::STEP_NOT_FOUND, path, Part::Value, message);
        let help = self.suggestions.suggestion(id, steps, otherwise);
        Some(finding.label("no such step").help(help))
    }
}

fn dependencies<'v>(
    found: &Finder<'_>,
    steps: &Steps<'v>,
    known: &mut Known<'v>,
    findings: &mut Vec<Diagnostic>,
) {
    let mut edges = BTreeSet::new();
    for (index, before) in steps.dependencies.iter().enumerate() {
        for (position, id) in before {
            if let Some(from) = known.steps.get(id) {
                edges.insert((*from, index));
            }
            let path = path!["approach", "steps", index, "dependencies", *position];
            findings.extend(known.missing(found, path, id));
        }
    }
    for circle in graph::cycles_among(steps.ids.len(), &edges) {
        findings.extend(circle_finding(found, steps, &circle));
    }
}

fn circle_finding(found: &Finder<'_>, steps: &Steps<'_>, circle: &[usize]) -> Option<Diagnostic> {
    let (first, last) = (*circle.first()?, *circle.last()?);
    let (own, before) = (steps.id(first)?, steps.id(last)?);
    let mut dependencies = steps.dependencies.get(first)?.iter();
    let (position, _) = dependencies.find(|(_, id)| *id == before)?;
    let mut shown: Vec<&str> = circle.iter().filter_map(|step| steps.id(*step)).collect();
    let left_out = shown.len().saturating_sub(LONGEST_CIRCLE);
    shown.truncate(LONGEST_CIRCLE);
    let mut text = shown.join(" -> ");
    if left_out > 0 {
        text.push_str(&format!(" -> … {left_out} more …"));
    }
    text.push_str(&format!(" -> {own}"));
    let message = match circle.len() {
        1 => format!("step `{own}` depends on itself"),
        _ => format!("steps depend on each other in a cycle: {text}"),
    };
    let path = path!["approach", "steps", first, "dependencies", *position];
    Some(
        found
            .at(Code::STEP_CYCLE, path, Part::Value, message)
            .help("remove one of these dependencies"),
    )
}

/// `x-planspec.checks`, by the ids of criteria.
fn checks(content: &Content) -> impl Iterator<Item = (&String, Vec<PathStep>)> {
    let own = content.planspec.as_ref();
    let ids = own.into_iter().flat_map(|own| own.checks.keys());
    ids.map(|id| (id, path!["x-planspec", "checks", id.as_str()]))
}

fn checked_criteria(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) {
    let criteria = value.pointer("/success_criteria").and_then(Value::as_array);
    let is_named = |one: &Value| one.get("criterion_id").is_some_and(Value::is_string);
    if !criteria.is_some_and(|criteria| criteria.iter().all(is_named)) {
        // A criterion with an unreadable id may be meant.
        return;
    }
    let ids = ids(value, "/success_criteria", "criterion_id");
    let ids: BTreeSet<&str> = ids.map(|(_, id)| id).collect();
    let checks = value
        .pointer("/x-planspec/checks")
        .and_then(Value::as_object);
    let checked = checks.into_iter().flat_map(|checks| checks.keys());
    let mut suggestions = Suggestions(SUGGESTIONS);
    for id in checked.filter(|id| !ids.contains(id.as_str())) {
        let message = format!("there is no success criterion `{id}`");
        let otherwise = || "name a `criterion_id` of `success_criteria`".to_owned();
        let help = suggestions.suggestion(id, ids.iter().copied(), otherwise);
        let path = path!["x-planspec", "checks", id.as_str()];
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

/// The permitted fields of `x-planspec` of a step. None of them can override the step: its order, who
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

/// An override changes who is asked before a step, and not who does it.
fn stays_with_person(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let steps = content.approach.steps.iter();
    let of_people: BTreeSet<&str> = steps
        .filter(|step| step.delegation == Some(StepDelegation::Human))
        .map(|step| step.step_id.as_str())
        .collect();
    for (index, other) in content.delegation.step_overrides.iter().enumerate() {
        let id = other.step_id.as_str();
        if other.mode != Mode::AgentAutonomous || !of_people.contains(id) {
            continue;
        }
        let message = format!("a person does step `{id}` in spite of this override");
        let path = path!["delegation", "step_overrides", index, "mode"];
        let finding = found.at(Code::STAYS_WITH_PERSON, path, Part::Value, message);
        findings.push(finding.label("the override only removes the approval before it").help(
            "for an agent, write `delegation: agent` or `either` in the step; for a person, remove \
             the override",
        ));
    }
}

/// `x-planspec` adds to a document, and never overrides it.
fn extensions(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let modes = content.modes();
    for (index, (step, mode)) in content.approach.steps.iter().zip(modes).enumerate() {
        let at = |field: &str| path!["approach", "steps", index, "x-planspec", field];
        let fields = step.planspec.iter().flat_map(|fields| fields.keys());
        for field in fields.filter(|field| !STEP_EXTENSION.contains(&field.as_str())) {
            let message = format!("`{field}` is not allowed in `x-planspec` of a step");
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
            findings.push(finding.label("a person's step could be skipped unnoticed").help(
                "remove `when` and leave the decision to that person, or move it to a separate \
                 step",
            ));
        }
    }
    let edges = content.planspec.iter().flat_map(|own| &own.edges);
    for (index, edge) in edges
        .enumerate()
        .filter(|(_, edge)| edge.kind == EdgeKind::Hard)
    {
        let message = format!("the edge to `{}` is a hard edge", edge.to);
        let path = path!["x-planspec", "edges", index];
        let finding = found.at(Code::STEP_EXTENSION, path, Part::Value, message);
        findings.push(finding.label("only soft edges are allowed here").help(format!(
            "list `{}` in the `dependencies` of step `{}`, or write `type: soft` to start it even \
             if `{}` fails",
            edge.from, edge.to, edge.from
        )));
    }
}

/// Where a document says what a field of a node would say.
fn instead_of(field: &str) -> String {
    let step = |own: &str| format!("remove it here; the step sets it in `{own}`");
    match field {
        "dependsOn" => step("dependencies"),
        "id" => step("step_id"),
        "name" => step("title"),
        "description" => step("description"),
        "estimatedEffort" => step("estimated_complexity"),
        "context" => step("rationale"),
        "gateRef" => {
            "remove it; set approvals before a step in `delegation.step_overrides`".to_owned()
        }
        "kind" | "children" | "mode" | "externalRef" | "pollInterval" => {
            "remove it; a step is a Task. For other nodes, write a Plan (`planspec convert --to \
             v1alpha1`)"
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

/// Reports fields of an older draft, once for each field.
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
        let message = format!("{what} belongs to an older draft of the format{times}");
        let help = match field {
            "delegation" => {
                "write `human`, `agent` or `either`, and set approvals in \
                 `delegation.step_overrides`"
            }
            _ => "it is kept but has no effect; remove it, or write it as `x-…`",
        };
        let part = match field {
            "delegation" => Part::Value,
            _ => Part::Key,
        };
        findings.push(found.at(Code::DRAFT_FIELD, path, part, message).help(help));
    }
}

/// The places of a draft's field: in a section, or in each entry of a list section.
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

/// The rules of level semantics.
pub(super) fn semantics(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    if is_blank(Some(&content.intent.goal_statement)) {
        let message = "the document has no goal: `goal_statement` is empty";
        let path = path!["intent", "goal_statement"];
        let finding = found.at(Code::EMPTY_GOAL, path, Part::Value, message);
        findings.push(finding.help("write one sentence that says what is to be achieved"));
    }
    if content.scope.in_scope.is_empty() {
        let path = path!["scope", "in_scope"];
        let finding = found.at(
            Code::NOTHING_IN_SCOPE,
            path,
            Part::Key,
            "nothing is in scope",
        );
        findings.push(finding.help("name at least one thing that is part of the work"));
    }
    if content.approach.steps.is_empty() {
        let message = "there are no steps, so nothing would be done";
        let path = path!["approach", "steps"];
        let finding = found.at(Code::NO_STEPS, path, Part::Key, message);
        findings.push(finding.help("write at least one step"));
    }
    let criteria = &content.success_criteria;
    let has_primary = criteria.iter().any(|one| one.weight == Weight::Primary);
    if !has_primary {
        let message = if criteria.is_empty() {
            "there is no success criterion, so nothing decides whether the plan succeeded"
        } else {
            "no success criterion is primary, so nothing decides whether the plan succeeded"
        };
        let path = path!["success_criteria"];
        let finding = found.at(Code::NO_PRIMARY_CRITERION, path, Part::Key, message);
        findings.push(finding.help("set `weight: primary` for at least one"));
    }
    let manual = criteria
        .iter()
        .filter(|one| one.verification != Verification::Automated);
    let manual: BTreeSet<&str> = manual.map(|one| one.criterion_id.as_str()).collect();
    for (id, path) in checks(content).filter(|(id, _)| manual.contains(id.as_str())) {
        let message = format!("criterion `{id}` has checks but is not automated");
        let finding = found.at(Code::NOT_AUTOMATED, path, Part::Key, message);
        findings.push(finding.help("write `verification: automated` there, or remove the checks"));
    }
    stays_with_person(found, content, findings);
    let overrides = content.delegation.step_overrides.iter();
    let overridden: BTreeSet<&str> = overrides.map(|other| other.step_id.as_str()).collect();
    for (index, step) in content.approach.steps.iter().enumerate() {
        let conflict = match (content.delegation.default_mode, step.delegation) {
            (Some(DefaultMode::HumanApproval), Some(StepDelegation::Agent)) => {
                Some("an agent does it, but `default_mode` requires a person to approve each step")
            }
            (Some(DefaultMode::AgentAutonomous), Some(StepDelegation::Human)) => {
                Some("a person does it, but `default_mode` gives every step to agents")
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
                "set the mode of this step in `delegation.step_overrides`, or set `default_mode: \
                 hybrid`",
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
            findings.push(finding.help("describe how to tell that the step is done"));
        }
    }
}

/// Checks that the document can be the revision that it says, independent of others.
pub(super) fn revision(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    let identity = &content.identity;
    let at = path!["identity", "parent_id"];
    let (number, parent) = (identity.revision, identity.parent_id.as_ref());
    let said = match (number, parent) {
        (_, Some(parent)) if parent.eq_ignore_ascii_case(&identity.plan_id) => Some((
            "the document is its own parent".to_owned(),
            "write the `plan_id` of the previous revision",
        )),
        (1, Some(_)) => Some((
            "revision 1 has a parent, but is the first revision".to_owned(),
            "write `null`, or set `revision` to the parent's number plus one",
        )),
        (2.., None) => Some((
            format!("revision {number} has no parent"),
            "write the `plan_id` of the previous revision; the first one has `revision: 1`",
        )),
        _ => None,
    };
    if let Some((message, help)) = said {
        let finding = found.at(Code::BAD_REVISION, at, Part::Value, message);
        findings.push(finding.help(help));
    }
    let history = content.revision_history.iter().map(|one| one.revision);
    let pairs = history.clone().zip(history.skip(1)).enumerate();
    for (index, (earlier, later)) in pairs.filter(|(_, (earlier, later))| later <= earlier) {
        let message = format!("revision {later} comes after revision {earlier} in the history");
        let path = path!["revision_history", index + 1, "revision"];
        let finding = found.at(Code::BAD_REVISION, path, Part::Value, message);
        findings.push(finding.help("put the newest entry last; the history only grows"));
    }
}

impl Content {
    /// What prevents its execution, one sentence each.
    pub fn unready(&self) -> Vec<String> {
        let found = Finder {
            file: "",
            document: 0,
            item: None,
        };
        let mut findings = Vec::new();
        readiness(&found, self, &mut findings);
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }
}

/// The rules of level readiness.
pub(super) fn readiness(found: &Finder<'_>, content: &Content, findings: &mut Vec<Diagnostic>) {
    for (index, question) in content.scope.open_questions.iter().enumerate() {
        let message = format!("a question is open: {}", short(question));
        let path = path!["scope", "open_questions", index];
        let finding = found.at(Code::OPEN_QUESTION, path, Part::Value, message);
        findings.push(finding.help("answer it in the document, then remove it here"));
    }
    for (index, risk) in content.risks.iter().enumerate() {
        if risk.probability == Degree::High && is_blank(risk.mitigation.as_ref()) {
            let message = format!(
                "risk `{}` is likely and has no mitigation: {}",
                risk.risk_id,
                short(&risk.title)
            );
            let path = path!["risks", index, "probability"];
            let finding = found.at(Code::RISK_NOT_MITIGATED, path, Part::Value, message);
            findings.push(finding.help("describe the countermeasure in `mitigation`"));
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
            findings.push(finding.help("set `available: true` when it is available"));
        }
    }
    for Reviewed {
        finding,
        path,
        is_disposed,
    } in content.review_findings()
    {
        if finding.is_blocking() {
            let message = format!(
                "finding `{}` of {} on {} is open: {}",
                finding.id,
                finding.reviewer,
                finding.section,
                short(&finding.text)
            );
            let field = if is_disposed {
                "disposition"
            } else {
                "severity"
            };
            let path = [path, path![field]].concat();
            let open = found.at(Code::OPEN_FINDING, path, Part::Value, message);
            findings.push(open.help(format!(
                "answer it in the document, then run `planspec revise FILE --answers {}`; or write \
                 `disposition: rejected`, and the reason in `answer`",
                finding.id
            )));
        }
    }
    if content.delegation.default_mode.is_none() {
        let message = "`default_mode` is not set, so it is unknown who approves steps";
        let path = path!["delegation"];
        let finding = found.at(Code::NO_DEFAULT_MODE, path, Part::Key, message);
        let words = listed(DefaultMode::ALL.iter().map(|mode| mode.word()));
        findings.push(finding.help(format!("write one of {words}")));
    }
}

/// A text in a message: its first line, shortened.
fn short(text: &str) -> String {
    shortened(text.trim().lines().next().unwrap_or_default(), 100)
}
