//! A review for programs.

use serde_json::{Value, json};

use super::{Shown, words};
use crate::core::resource::Key;
use crate::core::review::live::How;
use crate::core::review::{Change, Element, Event, Shape, Subject, What};
use crate::show::{CLI_API_VERSION, scope};

/// The review as one document; `findings` is what the findings' own JSON says.
pub fn value(shown: &Shown<'_>, findings: &Value) -> Value {
    let review = shown.review;
    let (base, head) = shown.names;
    let mut value = json!({
        "apiVersion": CLI_API_VERSION,
        "kind": "Review",
        "base": base,
        "head": head,
        "class": review.class().to_string(),
        "verdict": words::verdict(shown),
        "dangers": review.dangers(),
        "subjects": review.subjects.iter().map(|one| subject(shown, one)).collect::<Vec<Value>>(),
        "runs": shown.touched.iter().map(run).collect::<Vec<Value>>(),
        "statusKnown": shown.status_known,
        "findings": findings["findings"],
        "summary": findings["summary"],
    });
    if let Some(scoped) = shown.scope {
        value["scope"] = scope::value(scoped);
    }
    value
}

fn key(key: &Key) -> Value {
    json!({"kind": key.kind.name(), "namespace": key.namespace, "name": key.name})
}

fn subject(shown: &Shown<'_>, subject: &Subject) -> Value {
    let event = match &subject.event {
        Event::Added => "added",
        Event::Removed => "removed",
        Event::Changed => "changed",
        Event::Renamed { .. } => "renamed",
        Event::Version { .. } => "version",
        Event::Unreadable { .. } => "unreadable",
    };
    let declared = (shown.declared)(subject);
    let declared = declared.map(|one| json!({"class": one.class.to_string(), "by": one.by}));
    let (before, after) = match &subject.shape {
        Some((before, after)) => (before.as_ref(), after.as_ref()),
        None => (None, None),
    };
    json!({
        "resource": key(&subject.key),
        "path": subject.path,
        "event": event,
        "from": subject.from().map(key),
        "class": subject.class.to_string(),
        "raisedBy": subject.raised_by,
        "declared": declared,
        "changes": subject.changes.iter().map(change).collect::<Vec<Value>>(),
        "effects": subject.effects.iter().map(|effect| {
            json!({"text": effect.text, "danger": effect.danger})
        }).collect::<Vec<Value>>(),
        "before": before.map(shape),
        "after": after.map(shape),
    })
}

fn change(change: &Change) -> Value {
    let (what, element) = match &change.what {
        What::Added(element) => ("added", Some(name(*element))),
        What::Removed(element) => ("removed", Some(name(*element))),
        What::Field(_) => ("changed", None),
        What::NodeRenamed { .. } => ("renamed", Some("node")),
    };
    let label = match &change.what {
        What::Field(label) => Some(*label),
        _ => None,
    };
    json!({
        "address": change.address,
        "what": what,
        "element": element,
        "label": label,
        "was": change.was,
        "is": change.is,
        "class": change.class.to_string(),
        "danger": change.danger,
        "effect": change.effect,
        "words": change.words(),
    })
}

fn name(element: Element) -> &'static str {
    match element {
        Element::Node(_) => "node",
        Element::Edge(_) => "edge",
        Element::Check { .. } => "check",
        Element::Output => "output",
        Element::GoalCriterion => "criterion",
        Element::Rule => "rule",
        Element::Parameter => "parameter",
        Element::Requirement => "requirement",
        Element::Owner => "owner",
        Element::Entry(entry) => entry.noun,
    }
}

fn shape(shape: &Shape) -> Value {
    json!({
        "nodes": shape.nodes,
        "gates": shape.gates,
        "edges": shape.edges,
        "criticalPath": shape.critical_path,
        "length": shape.length,
        "estimated": shape.estimated,
        "width": shape.width,
    })
}

fn run(touched: &crate::core::review::live::Touched) -> Value {
    let (how, about) = match &touched.how {
        How::Pinned { changed, .. } => ("pinned", changed.iter().map(key).collect()),
        How::NotStarted { plan } => ("notStarted", vec![key(plan)]),
        How::Deleted => ("deleted", Vec::new()),
        How::OtherGoal { goal } => ("otherGoal", vec![key(goal)]),
    };
    let commit = match &touched.how {
        How::Pinned { commit, .. } => Some(commit),
        _ => None,
    };
    json!({
        "execution": key(&touched.execution),
        "phase": touched.phase.to_string(),
        "how": how,
        "changed": about,
        "pinnedTo": commit,
        "approvals": touched.approvals,
        "attestations": touched.attestations,
        "text": words::run(touched),
    })
}
