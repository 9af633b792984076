//! Changes of a PlanSpec 1.2 document besides its plan: section by section, field by field.
//!
//! Steps are compared as nodes of the plan; here are only the fields that nodes do not have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::declared::Declared;
use super::fields::{self, Builder, Element, Normal, SectionEntry, put_fields};
use super::meaning::DangerWhen::{Always, GoneOrOther, Is, IsFalse, Was};
use super::meaning::{Class, DangerWhen, major, minor, patch};
use super::renames::Renames;
use crate::core::base::diagnostic::{Code, Diagnostic, Part, PathStep, Place};
use crate::core::base::limits::Limits;
use crate::core::document::{
    self, Alternative, Approach, ChangeType, Constraint, Content, Criterion, Delegation,
    Dependency, Disposition, DocumentMetadata, EscalationPolicy, Identity, Intent, Mode, Naming,
    PlanspecExtension, ReviewFinding, Revision, RevisionChange, Risk, Scope, Step, StepOverride,
    node_id,
};
use crate::core::repository::definitions::Definition;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind, TaskCriterion};
use crate::core::text::yaml;
use crate::path;

/// A document in a snapshot.
struct Read<'s> {
    definition: &'s Definition,
    content: Content,
    value: Value,
}

/// The document that a plan comes from.
fn read<'s>(snapshot: &'s Snapshot, plan: &Key) -> Option<Read<'s>> {
    let definition = snapshot.definition(plan)?;
    if plan.kind != Kind::Plan || definition.origin.is_none() {
        return None;
    }
    let text = snapshot.text(&definition.path)?;
    let (documents, _) = yaml::read(&definition.path, text.as_bytes(), &Limits::NONE);
    let mut documents = documents.into_iter();
    let value = documents
        .find(|one| one.index == definition.document)?
        .value;
    let content = document::content_of(&value)?;
    Some(Read {
        definition,
        content,
        value,
    })
}

/// The typed content of a plan's document, even if the document has errors.
pub(super) fn content_of(snapshot: &Snapshot, plan: &Key) -> Option<Content> {
    read(snapshot, plan).map(|read| read.content)
}

/// Adds the fields of a document besides its plan to the plan's normal form.
pub(super) fn add(snapshot: &Snapshot, plan: &Key, renames: &Renames, normal: &mut Normal) {
    let Some(read) = read(snapshot, plan) else {
        return;
    };
    let mut out = Builder::default();
    // Derived from the sections, which are shown one by one.
    for field in ["description", "context"] {
        normal.leaves.remove(&[field.to_owned()][..]);
    }
    out.group("document", |out| content(out, &read.content));
    for step in &read.content.approach.steps {
        let id = node_id(step, Naming::Now);
        let id = renames.get(&id).unwrap_or(&id);
        let address = vec!["nodes".to_owned(), id.clone()];
        // Fields below a node are added and removed with it.
        if !normal.elements.contains_key(&address) {
            continue;
        }
        // Derived from the delegation, which is shown as such.
        normal
            .leaves
            .remove(&[&address[..], &["provider".to_owned()]].concat());
        // Derived from the step, which is shown field by field.
        normal
            .leaves
            .remove(&[&address[..], &["context".to_owned()]].concat());
        out.group("nodes", |out| {
            out.group(id, |out| out.group("step", |out| of_step(out, step)));
        });
    }
    extensions(&mut out, &read.value);
    normal.leaves.extend(out.normal.leaves);
    normal.elements.extend(out.normal.elements);
}

const fn entry(noun: &'static str) -> SectionEntry {
    SectionEntry {
        noun,
        class: Class::Minor,
        gained: None,
        lost: None,
    }
}

fn content(out: &mut Builder, content: &Content) {
    let Content {
        identity,
        intent,
        scope,
        approach,
        constraints,
        success_criteria,
        risks,
        dependencies,
        delegation,
        revision_history,
        metadata,
        // The draft's reviews are shown with the findings.
        approval: _,
        planspec,
    } = content;
    out.group("identity", |out| of_identity(out, identity));
    out.group("intent", |out| of_intent(out, intent));
    out.group("scope", |out| of_scope(out, scope));
    out.group("approach", |out| of_approach(out, approach));
    for one in constraints {
        constraint(out, one);
    }
    let checks = planspec.as_ref().map(|own| &own.checks);
    for one in success_criteria {
        let checks = checks.and_then(|checks| checks.get(&one.criterion_id));
        criterion(out, one, checks.map_or(&[], Vec::as_slice));
    }
    for one in risks {
        risk(out, one);
    }
    for one in dependencies {
        dependency(out, one);
    }
    out.group("delegation", |out| of_delegation(out, delegation));
    for one in revision_history {
        revision(out, one);
    }
    out.group("metadata", |out| of_metadata(out, metadata));
    if let Some(own) = planspec {
        put_fields! { out, PlanspecExtension = own, elsewhere: [
                // Both identify the plan.
                namespace, name,
                // Fields of the plan.
                series, edges,
                // Shown with their criteria.
                checks,
                // Shown below, with those of drafts.
                findings,
            ];
        }
    }
    for one in content.review_findings() {
        finding(out, &one.finding);
    }
}

fn finding(out: &mut Builder, one: &ReviewFinding) {
    let entry = SectionEntry {
        class: Class::Patch,
        lost: Some("a reviewer's finding is removed"),
        ..entry("finding")
    };
    out.element("findings", &one.id, Element::Entry(entry), |out| {
        put_fields! { out, ReviewFinding = one, elsewhere: [id];
            section => patch("what it is about");
            field => patch("what it is about");
            reviewer => patch("who found it").danger(Always("the finding has another author"));
            severity => patch("how much it weighs")
                .danger(Was("blocking", "the finding no longer blocks"));
            text => patch("wording").danger(Always("the finding is about something else"));
            disposition = disposition.unwrap_or(Disposition::Open) => patch("what came of it")
                .danger(Was("open", "a reviewer's finding is closed"));
            answer => patch("what was said to it");
        }
    });
}

fn of_identity(out: &mut Builder, identity: &Identity) {
    let meaning = patch("which revision it is");
    put_fields! { out, Identity = identity, elsewhere: [];
        plan_id => meaning;
        session_id => meaning;
        revision => meaning;
        parent_id => meaning;
        workspace_id => meaning;
        created_by => meaning;
        created_at => meaning;
    }
}

fn of_intent(out: &mut Builder, intent: &Intent) {
    put_fields! { out, Intent = intent, elsewhere: [];
        goal_statement => major("its purpose")
            .danger(Always("the purpose changes"));
        motivation => major("its purpose");
        success_definition => major("what counts as success").danger(Always("what counts as success changes"));
        scope_context => major("its purpose");
    }
}

fn of_scope(out: &mut Builder, scope: &Scope) {
    let Scope {
        in_scope,
        out_of_scope,
        assumptions,
        open_questions,
    } = scope;
    let wider = SectionEntry {
        class: Class::Major,
        gained: Some("the scope is wider"),
        ..entry("in scope")
    };
    let narrower = SectionEntry {
        class: Class::Major,
        lost: Some("the scope is wider: this is no longer excluded"),
        ..entry("out of scope")
    };
    let lists = [
        ("in_scope", in_scope, wider),
        ("out_of_scope", out_of_scope, narrower),
        ("assumptions", assumptions, entry("assumption")),
        ("open_questions", open_questions, entry("open question")),
    ];
    for (list, texts, entry) in lists {
        for text in texts {
            out.element(list, text, Element::Entry(entry), |out| {
                out.put("text", text, patch("wording"));
            });
        }
    }
}

fn of_approach(out: &mut Builder, approach: &Approach) {
    put_fields! { out, Approach = approach, elsewhere: [alternatives_considered];
        overview => patch("wording");
        rationale => patch("wording");
        steps "order" = steps.iter().map(|step| node_id(step, Naming::Now)).collect::<Vec<_>>()
            => minor("the order in which the steps are told");
    }
    for one in &approach.alternatives_considered {
        let entry = SectionEntry {
            class: Class::Patch,
            ..entry("alternative")
        };
        let (list, element) = ("alternatives_considered", Element::Entry(entry));
        out.element(list, &one.approach, element, |out| {
            put_fields! { out, Alternative = one, elsewhere: [approach];
                rejection_reason => patch("wording");
            }
        });
    }
}

/// The fields of a step besides its node.
fn of_step(out: &mut Builder, step: &Step) {
    put_fields! { out, Step = step, elsewhere: [
            // The node's id, name, description and estimate.
            step_id, title, description, estimated_complexity,
            // Edges.
            dependencies,
            // Fields of the node.
            planspec,
        ];
        rationale => patch("wording");
        inputs => minor("what it starts from");
        outputs => minor("what it leads to");
        parallelizable => patch("a hint on the order");
        delegation => minor("who does it").danger(DangerWhen::Delegation);
        acceptance_criteria => minor("when it counts as done").danger(GoneOrOther(
            "nothing defines any more when it is done",
            "another result counts as done",
        ));
    }
}

/// A new session begins a new history.
pub(super) fn begin_history_anew(changes: &mut [super::Change]) {
    let is_at = |change: &super::Change, address: &[&str]| {
        let own = change.address.iter().map(String::as_str);
        own.take(address.len()).eq(address.iter().copied())
    };
    let session = ["document", "identity", "session_id"];
    if changes.iter().any(|change| is_at(change, &session)) {
        let of_history =
            |change: &&mut super::Change| is_at(change, &["document", "revision_history"]);
        for change in changes.iter_mut().filter(of_history) {
            change.danger = None;
        }
    }
}

/// Whether a change is only that steps were added or removed, while those on both sides keep
/// their order.
pub(super) fn keeps_order(change: &super::Change) -> bool {
    let ends = ["document", "approach", "order"];
    if change.address.iter().map(String::as_str).ne(ends) {
        return false;
    }
    let ids = |value: &Option<Value>| -> Vec<String> {
        let items = value
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (was, is) = (ids(&change.was), ids(&change.is));
    let known: (BTreeSet<&String>, BTreeSet<&String>) = (was.iter().collect(), is.iter().collect());
    let kept = was.iter().filter(|id| known.1.contains(id));
    kept.eq(is.iter().filter(|id| known.0.contains(id)))
}

fn constraint(out: &mut Builder, one: &Constraint) {
    let entry = SectionEntry {
        lost: Some("a constraint is removed"),
        ..entry("constraint")
    };
    let element = Element::Entry(entry);
    out.element("constraints", &one.constraint_id, element, |out| {
        put_fields! { out, Constraint = one, elsewhere: [constraint_id];
            kind "type" = kind.word() => minor("of which kind it is");
            description => minor("what must hold")
                .danger(Always("a constraint changes"));
            validation_method => minor("how it is checked")
                .danger(Always("it is checked differently"));
            blocking => minor("whether it blocks")
                .danger(IsFalse("the constraint no longer blocks"));
        }
    });
}

fn criterion(out: &mut Builder, one: &Criterion, checks: &[TaskCriterion]) {
    let entry = SectionEntry {
        lost: Some("this is no longer required for success"),
        ..entry("success criterion")
    };
    let element = Element::Entry(entry);
    out.element("success_criteria", &one.criterion_id, element, |out| {
        put_fields! { out, Criterion = one, elsewhere: [criterion_id];
            description => minor("what is required for success")
                .danger(Always("the wording of what is required for success changes"));
            verification => minor("how it is checked")
                .danger(Was("automated", "no command decides any more"));
            weight => minor("how much it weighs")
                .danger(Is("secondary", "success no longer depends on it"));
        }
        fields::checks(out, "checks", checks);
    });
}

fn risk(out: &mut Builder, one: &Risk) {
    let entry = SectionEntry {
        gained: Some("a new risk"),
        lost: Some("a risk is removed"),
        ..entry("risk")
    };
    let judged = Always("the assessment of the risk changes");
    let less = GoneOrOther("it is no longer mitigated", "its mitigation changes");
    out.element("risks", &one.risk_id, Element::Entry(entry), |out| {
        put_fields! { out, Risk = one, elsewhere: [risk_id];
            title => patch("wording");
            probability => minor("how likely it is").danger(judged);
            impact => minor("how severe it is").danger(judged);
            description => patch("wording");
            mitigation => minor("its mitigation").danger(less);
            contingency => minor("what is done when it happens").danger(less);
            owner => minor("who is responsible")
                .danger(Was("human", "no longer only a person is responsible"));
        }
    });
}

fn dependency(out: &mut Builder, one: &Dependency) {
    let element = Element::Entry(entry("dependency"));
    out.element("dependencies", &one.dependency_id, element, |out| {
        put_fields! { out, Dependency = one, elsewhere: [dependency_id];
            description => patch("wording");
            kind "type" => patch("of which kind it is");
            available => minor("whether it is there");
        }
    });
}

fn of_delegation(out: &mut Builder, delegation: &Delegation) {
    let asked = minor("who is asked").danger(DangerWhen::Delegation);
    put_fields! { out, Delegation = delegation, elsewhere: [step_overrides, escalation_policy];
        default_mode => asked;
    }
    for one in &delegation.step_overrides {
        let entry = SectionEntry {
            lost: (one.mode == Mode::HumanApproval)
                .then_some("this step no longer needs an approval"),
            gained: (one.mode == Mode::AgentAutonomous).then_some("this step needs no approval"),
            ..entry("override")
        };
        let element = Element::Entry(entry);
        out.element("step_overrides", &one.step_id, element, |out| {
            put_fields! { out, StepOverride = one, elsewhere: [step_id];
                mode => asked;
                rationale => patch("wording");
            }
        });
    }
    let wrong = minor("what to do when things go wrong")
        .danger(Was("pause", "it no longer waits for a person"));
    if let Some(policy) = &delegation.escalation_policy {
        out.group("escalation_policy", |out| {
            put_fields! { out, EscalationPolicy = policy, elsewhere: [];
                on_ambiguity => wrong;
                on_constraint_violation => wrong;
                on_unexpected_scope => wrong;
            }
        });
    }
}

fn revision(out: &mut Builder, one: &Revision) {
    let entry = SectionEntry {
        class: Class::Patch,
        lost: Some("the history only grows"),
        ..entry("revision")
    };
    let key = one.revision.to_string();
    let said = patch("what the history says").danger(Always("the history only grows"));
    out.element("revision_history", &key, Element::Entry(entry), |out| {
        put_fields! { out, Revision = one, elsewhere: [revision];
            change_type => said;
            change_summary => said;
            trigger => said;
            created_at => said;
            changes = changes.iter().map(noted).collect::<Vec<Value>>() => said;
        }
    });
}

fn noted(change: &RevisionChange) -> Value {
    let RevisionChange {
        kind,
        section,
        field,
        summary,
    } = change;
    serde_json::json!({"type": kind, "section": section, "field": field, "summary": summary})
}

fn of_metadata(out: &mut Builder, metadata: &DocumentMetadata) {
    let meaning = patch("about the document");
    put_fields! { out, DocumentMetadata = metadata, elsewhere: [];
        schema_version => meaning;
        tool => meaning;
        tool_version => meaning;
        tags => meaning;
        language => meaning;
    }
}

/// Unknown content stays visible: `x-*` entries at the top.
fn extensions(out: &mut Builder, value: &Value) {
    let entries = value.as_object().into_iter().flatten();
    for (key, value) in entries.filter(|(key, _)| key.starts_with("x-") && *key != "x-planspec") {
        out.group("document", |out| {
            out.put(key, value, patch("an extension"));
        });
    }
}

/// An address below `document` in words.
pub(super) fn subject(address: &[&str]) -> String {
    match address {
        ["scope", list, text] => format!("{}: “{text}”", list.replace('_', " ")),
        ["approach", "order"] => "order of the steps".to_owned(),
        ["approach", "alternatives_considered", text, ..] => format!("alternative “{text}”"),
        ["delegation", "step_overrides", step, field @ ..] => {
            format!("delegation of {step}{}", behind(field))
        }
        ["constraints", id, field @ ..] => format!("constraint {id}{}", behind(field)),
        ["success_criteria", id, "checks", name, field @ ..] => {
            format!("check {name} of {id}{}", behind(field))
        }
        ["success_criteria", id, field @ ..] => format!("success criterion {id}{}", behind(field)),
        ["risks", id, field @ ..] => format!("risk {id}{}", behind(field)),
        ["dependencies", id, field @ ..] => format!("dependency {id}{}", behind(field)),
        ["findings", id, field @ ..] => format!("finding {id}{}", behind(field)),
        ["revision_history", id, field @ ..] => {
            format!("history of revision {id}{}", behind(field))
        }
        other => other.join("."),
    }
}

fn behind(field: &[&str]) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!(": {}", field.join("."))
    }
}

/// The document that a new one names as its parent.
pub(super) fn parent(old: &Snapshot, new: &Snapshot, key: &Key) -> Option<Key> {
    let parent = read(new, key)?.content.identity.parent_id?;
    let is_parent = |snapshot: &Snapshot, other: &&Key| {
        let read = read(snapshot, other);
        read.is_some_and(|read| read.content.identity.plan_id == parent)
    };
    let found = old.keys_of(Kind::Plan).find(|other| is_parent(old, other));
    let found = found.or_else(|| new.keys_of(Kind::Plan).find(|other| is_parent(new, other)));
    found.filter(|found| *found != key).cloned()
}

/// The class that a document declares: the largest of its new history entries.
pub(super) fn declared(
    (old, before): (&Snapshot, &Key),
    (new, after): (&Snapshot, &Key),
) -> Option<Declared> {
    let (was, is) = (read(old, before)?.content, read(new, after)?.content);
    let number = is.identity.revision;
    let entries = is.revision_history.iter();
    let same_session = was.identity.session_id == is.identity.session_id;
    let newer = entries.filter(|entry| !same_session || entry.revision > was.identity.revision);
    let Some(largest) = newer.map(|entry| entry.change_type).max() else {
        let by = if same_session && number == was.identity.revision {
            format!("revision {number} as before")
        } else {
            format!("revision {number} without an entry in revision_history")
        };
        return Some(Declared {
            class: Class::None,
            by,
        });
    };
    let class = match largest {
        ChangeType::Patch => Class::Patch,
        ChangeType::Minor => Class::Minor,
        ChangeType::Major => Class::Major,
    };
    Some(Declared {
        class,
        by: format!("change_type of revision {number}"),
    })
}

/// Findings about revisions that do not follow from the previous one: identity, history, intent and scope.
pub(super) fn revisions(
    (old, before): (&Snapshot, &Key),
    (new, after): (&Snapshot, &Key),
) -> Vec<Diagnostic> {
    let (Some(was), Some(is)) = (read(old, before), read(new, after)) else {
        return Vec::new();
    };
    let (from, to) = (&was.content.identity, &is.content.identity);
    let mut objections = Vec::new();
    if from.session_id == to.session_id {
        objections.extend(within_session(&was.content, &is.content));
        if (from.revision, &from.plan_id) != (to.revision, &to.plan_id) {
            objections.extend(not_the_next(from, &is.content));
        }
    }
    let findings = objections.into_iter().map(|(path, message, help)| {
        let place = Place::Entry {
            document: is.definition.document,
            path,
            part: Part::Value,
        };
        let finding = is.definition.finding(Code::NOT_A_REVISION, place, message);
        finding.help(help)
    });
    findings.collect()
}

/// A place in a document, with message and help.
type Objection = (Vec<PathStep>, String, String);

/// Fields that must not change within a session: intent, scope, and existing history.
fn within_session(was: &Content, is: &Content) -> Vec<Objection> {
    let fixed = fixed_sections(was, is).into_iter().map(|section| {
        let message = format!("`{section}` changes within one session");
        let help = format!("a different {section} needs a new session: set a new `session_id`");
        (path![section], message, help)
    });
    let known = is.revision_history.iter().map(|one| (one.revision, one));
    let known: BTreeMap<u32, &Revision> = known.collect();
    let lost = |one: &&Revision| known.get(&one.revision) != Some(one);
    let lost = was.revision_history.iter().find(lost).map(|lost| {
        let message = format!("the history of revision {} has changed", lost.revision);
        let help = "restore it; the history only grows".to_owned();
        (path!["revision_history"], message, help)
    });
    fixed.chain(lost).collect()
}

/// The sections that are fixed within a session and differ. Assumptions may be added and questions may be
/// answered.
pub(super) fn fixed_sections(was: &Content, is: &Content) -> Vec<&'static str> {
    let bounds = |scope: &Scope| (scope.in_scope.clone(), scope.out_of_scope.clone());
    let sections = [
        ("intent", was.intent != is.intent),
        ("scope", bounds(&was.scope) != bounds(&is.scope)),
    ];
    let sections = sections.into_iter().filter(|(_, differs)| *differs);
    sections.map(|(section, _)| section).collect()
}

/// Why a revision is not the next one of its session.
fn not_the_next(from: &Identity, is: &Content) -> Vec<Objection> {
    let to = &is.identity;
    let mut objections = Vec::new();
    let mut object = |field: &str, message: String, help: &str| {
        objections.push((path!["identity", field], message, help.to_owned()));
    };
    // Only the history knows the revisions between the two.
    let known: BTreeSet<u32> = is.revision_history.iter().map(|one| one.revision).collect();
    let next = from.revision.saturating_add(1);
    let steps = to.revision.saturating_sub(from.revision) as usize;
    let mut between = next..=to.revision;
    let is_chain = to.revision > next
        && steps <= known.len()
        && between.all(|revision| known.contains(&revision));
    if to.revision != next && !is_chain {
        let message = format!(
            "revision {} follows revision {}",
            to.revision, from.revision
        );
        let help =
            "increase the revision by one, with an entry in `revision_history`: planspec revise";
        object("revision", message, help);
    }
    if to.plan_id == from.plan_id {
        let message = "a new revision has the `plan_id` of the one before".to_owned();
        object("plan_id", message, "every revision has its own `plan_id`");
    }
    if !is_chain && to.parent_id.as_deref() != Some(&from.plan_id) {
        let message = "`parent_id` is not the `plan_id` of the revision before".to_owned();
        object("parent_id", message, &format!("write {}", from.plan_id));
    }
    objections
}
