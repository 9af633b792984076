//! A review for programs.

use std::collections::BTreeSet;

use super::{Shown, words};
use crate::api::findings::{Scope, Summary};
use crate::api::review as api;
use crate::core::base::key::Key;
use crate::core::review::configuration::{ConfigurationChange, TouchedNow};
use crate::core::review::live::{How, Touched};
use crate::core::review::scripts::{LineChange, Script, ScriptEvent};
use crate::core::review::{Change, Element, Event, Subject, What};
use crate::core::text::located::{Finding, ResourceName};

/// The review as data, with its findings.
pub fn answer(shown: &Shown<'_>, findings: Vec<Finding>) -> api::Review {
    let review = shown.review;
    let (base_name, head_name) = shown.names;
    let (base, head) = shown.commits;
    api::Review {
        base: base.to_owned(),
        base_name: base_name.to_owned(),
        head: head.map(str::to_owned),
        head_name: head_name.to_owned(),
        class: review.class().to_string(),
        verdict: words::verdict(shown),
        dangers: words::all_dangers(shown),
        subjects: review
            .subjects
            .iter()
            .map(|one| subject(shown, one))
            .collect(),
        runs: shown.touched.iter().map(run).collect(),
        status_known: shown.status_known,
        runs_unknown: shown.runs_unknown.map(str::to_owned),
        summary: Summary::of(&findings),
        findings,
        scope: shown.scope.map(Scope::from),
        configuration: shown.configuration.iter().map(configuration).collect(),
        concerned: shown.concerned.iter().map(concerned).collect(),
        starts: words::starts(shown)
            .into_iter()
            .map(|(key, text)| api::Starts {
                execution: ResourceName::from(key),
                text: text.to_owned(),
            })
            .collect(),
        scripts: shown.scripts.iter().map(script).collect(),
        allowed: shown
            .allowed
            .iter()
            .map(|((key, message), reason)| api::AllowedHere {
                resource: ResourceName::from(key),
                message: message.clone(),
                reason: reason.clone(),
            })
            .collect(),
    }
}

fn script(script: &Script) -> api::Script {
    let keys: BTreeSet<&Key> = script.users.iter().map(|user| &user.key).collect();
    let line = |line: &LineChange| match line {
        LineChange::Same(text) => format!(" {text}"),
        LineChange::Gone(text) => format!("-{text}"),
        LineChange::New(text) => format!("+{text}"),
        LineChange::Skipped(lines) => format!("@{lines}"),
    };
    api::Script {
        path: script.path.clone(),
        is_run: script.is_run(),
        users: keys.into_iter().map(ResourceName::from).collect(),
        words: script.words(),
        lines: match &script.event {
            ScriptEvent::Lines { lines, .. } => Some(lines.iter().map(line).collect()),
            _ => None,
        },
    }
}

fn configuration(change: &ConfigurationChange) -> api::ConfigurationChange {
    api::ConfigurationChange {
        file: change.file.clone(),
        field: change.field.clone(),
        was: change.was.clone(),
        is: change.is.clone(),
        danger: change.danger.clone(),
        words: change.words(),
    }
}

fn concerned(one: &TouchedNow) -> api::Concerned {
    api::Concerned {
        execution: ResourceName::from(&one.execution),
        node: one.node.clone(),
        gate: one.gate.clone(),
        text: one.text.clone(),
    }
}

fn subject(shown: &Shown<'_>, subject: &Subject) -> api::Subject {
    let event = match &subject.event {
        Event::Added => "added",
        Event::Removed => "removed",
        Event::Left { .. } => "left",
        Event::Changed => "changed",
        Event::Renamed { .. } => "renamed",
        Event::Version { .. } => "version",
        Event::Unreadable { .. } => "unreadable",
    };
    let (before, after) = match &subject.shape {
        Some((before, after)) => (before.as_ref(), after.as_ref()),
        None => (None, None),
    };
    api::Subject {
        resource: ResourceName::from(&subject.key),
        path: subject.path.clone(),
        event: event.to_owned(),
        from: subject.from().map(ResourceName::from),
        class: subject.class.to_string(),
        raised_by: subject.raised_by.clone(),
        declared: (shown.declared)(subject),
        changes: subject.changes.iter().map(change).collect(),
        effects: subject.effects.clone(),
        went_on: shown.review.went_on.get(&subject.key).cloned(),
        facts: subject.facts.clone(),
        texts: subject.texts.clone(),
        before: before.cloned(),
        after: after.cloned(),
    }
}

fn change(change: &Change) -> api::Change {
    let (what, element) = match &change.what {
        What::Added(element) => ("added", Some(name(*element))),
        What::Removed(element) => ("removed", Some(name(*element))),
        What::Field(_) => ("changed", None),
        What::NodeRenamed { .. } => ("renamed", Some("node")),
    };
    let label = match &change.what {
        What::Field(label) => Some((*label).to_owned()),
        _ => None,
    };
    api::Change {
        address: change.address.clone(),
        what: what.to_owned(),
        element: element.map(str::to_owned),
        label,
        was: change.was.clone(),
        is: change.is.clone(),
        class: change.class.to_string(),
        danger: change.danger.clone(),
        effect: change.effect.clone(),
        words: change.words(),
    }
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

fn run(touched: &Touched) -> api::TouchedRun {
    let names = |keys: &[Key]| keys.iter().map(ResourceName::from).collect();
    let (how, changed) = match &touched.how {
        How::Pinned { changed, .. } => ("pinned", changed.iter().map(ResourceName::from).collect()),
        How::NotStarted { plan } => ("notStarted", names(std::slice::from_ref(plan))),
        How::Deleted => ("deleted", Vec::new()),
        How::Left => ("left", Vec::new()),
        How::OtherGoal { goal } => ("otherGoal", names(std::slice::from_ref(goal))),
    };
    let pinned_to = match &touched.how {
        How::Pinned { commit, .. } => Some(commit.clone()),
        _ => None,
    };
    let may_go_on = matches!(
        &touched.how,
        How::Pinned {
            may_go_on: true,
            ..
        }
    );
    api::TouchedRun {
        may_go_on,
        execution: ResourceName::from(&touched.execution),
        phase: touched.phase.to_string(),
        how: how.to_owned(),
        changed,
        pinned_to,
        approvals: touched.approvals.clone(),
        attestations: touched.attestations.clone(),
        text: words::run(touched),
    }
}
