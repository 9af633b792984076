//! Resources as tables and as descriptions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::log::signed_how;
use super::reconcile::for_what;
use super::table;
use crate::core::base::escape::line;
use crate::core::base::time::exact as time;
use crate::core::base::words::{and_more_of_it, shortened};
use crate::core::resource::{
    BindingSpec, Condition, ConditionStatus, ContextItem, ExecutionPhase, ExecutionSpec,
    ExecutionStatus, GateSpec, GoalSpec, Key, Kind, ObjectRef, PlanSpec, Review, ReviewAction,
    SignedBy, Spec, Status, Time,
};
use crate::core::run::controllers::plan::READY_TO_EXECUTE;
use crate::core::run::merged::Merged;
use crate::core::run::summary::concern::{Concern, Heading};
use crate::core::run::summary::why_ended;
use crate::core::run::transition::waiting_of;

/// Shown where nothing is known yet.
const NONE: &str = "<none>";

fn age(view: &Merged<'_>, now: Time) -> String {
    view.file
        .map_or_else(|| NONE.to_owned(), |file| table::age(file.created, now))
}

/// The phase; `<none>` before the first reconcile.
pub fn phase(view: &Merged<'_>) -> String {
    view.phase().unwrap_or_else(|| NONE.to_owned())
}

/// One table per kind, in the order of the kinds; with `titles`, names include their kind. Names
/// are never cut to fit `width`.
pub fn tables(
    views: &[Merged<'_>],
    wide: bool,
    titles: bool,
    now: Time,
    width: Option<usize>,
) -> String {
    let mut tables = Vec::new();
    for kind in Kind::ALL {
        let mut of_kind: Vec<&Merged<'_>> =
            views.iter().filter(|view| view.key.kind == kind).collect();
        // Most urgent first; otherwise by name.
        of_kind.sort_by_key(|view| urgency(view));
        if of_kind.is_empty() {
            continue;
        }
        let mut headers = vec!["NAMESPACE", "NAME", "PHASE"];
        headers.extend(columns(kind));
        headers.push("AGE");
        if wide {
            headers.extend(["UID", "GENERATION", "MESSAGE"]);
        }
        let rows: Vec<Vec<String>> = of_kind
            .iter()
            .map(|view| row(view, wide, titles, now))
            .collect();
        tables.push(table::table_keeping(&[1], &headers, &rows, width));
    }
    tables.join("\n")
}

/// The sort key of an execution: urgent ones first, finished ones last.
fn urgency(view: &Merged<'_>) -> (bool, Option<Heading>) {
    let Some(Status::Execution(run)) = view.file.map(|file| &file.status) else {
        return (false, None);
    };
    if run.phase == ExecutionPhase::Failed && !view.is_deleted() {
        return (false, Some(Heading::Failed));
    }
    let waits = waiting_of(view.key, run);
    let first = waits.iter().map(|wait| Concern::of(&wait.what)).min();
    let heading = first.map_or(Heading::AtWork, Concern::heading);
    (run.phase.is_terminal(), Some(heading))
}

/// What an execution waits for, or why it ended.
fn reason(key: &Key, run: &ExecutionStatus) -> String {
    if run.phase.is_terminal() {
        return line(&why_ended(run));
    }
    let mut waits = waiting_of(key, run);
    waits.sort_by_key(|wait| Concern::of(&wait.what));
    let first = waits.first().map(|wait| {
        let node = wait.node.as_deref();
        let node = node.map_or(String::new(), |node| format!("{}: ", line(node)));
        node + &for_what(&wait.what) + &and_more_of_it(waits.len() - 1)
    });
    first.unwrap_or_default()
}

fn row(view: &Merged<'_>, wide: bool, titles: bool, now: Time) -> Vec<String> {
    let name = if titles {
        format!("{}/{}", view.key.kind.name().to_lowercase(), view.key.name)
    } else {
        view.key.name.clone()
    };
    let mut row = vec![view.key.namespace.clone(), name, phase_and_blockers(view)];
    row.extend(cells(view));
    row.push(age(view, now));
    if wide {
        row.push(view.file.map_or(NONE.to_owned(), |file| file.uid.clone()));
        row.push(
            view.file
                .map_or(NONE.to_owned(), |file| file.generation.to_string()),
        );
        row.push(line(&message(view)));
    }
    row
}

/// The phase; for a plan that cannot be executed, with the number of blockers: `Ready (3 blockers)`.
fn phase_and_blockers(view: &Merged<'_>) -> String {
    let phase = phase(view);
    let Some(Status::Plan(plan)) = view.file.map(|file| &file.status) else {
        return phase;
    };
    let blocked =
        |one: &&Condition| one.kind == READY_TO_EXECUTE && one.status == ConditionStatus::False;
    let blocked = plan.conditions.iter().find(blocked);
    match blocked.and_then(|blocked| blocked.message.split(':').next()) {
        Some(number) => format!("{phase} ({number})"),
        None => phase,
    }
}

fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Goal => &["PLAN", "PRIORITY"],
        Kind::Plan => &["NODES", "GOAL", "SERIES", "VERSION"],
        Kind::Capability => &["CATEGORY"],
        Kind::Binding => &["BOUND", "STRATEGY"],
        Kind::Gate => &["TYPE", "APPROVERS"],
        Kind::Execution => &["DONE", "PLAN", "REASON"],
    }
}

fn cells(view: &Merged<'_>) -> Vec<String> {
    let spec = view.resource.map(|resource| &resource.spec);
    let status = view.file.map(|file| &file.status);
    let name = |reference: &Option<ObjectRef>| {
        reference.as_ref().map_or_else(none, |one| one.name.clone())
    };
    match view.key.kind {
        Kind::Goal => {
            let plan = match status {
                Some(Status::Goal(goal)) => name(&goal.active_plan_ref),
                _ => none(),
            };
            let priority = match spec {
                Some(Spec::Goal(goal)) => goal.priority.to_string(),
                _ => none(),
            };
            vec![plan, priority]
        }
        Kind::Plan => match spec {
            Some(Spec::Plan(plan)) => vec![
                plan.graph.nodes.len().to_string(),
                name(&plan.goal_ref),
                line(plan.series.as_deref().unwrap_or(NONE)),
                line(plan.version.as_deref().unwrap_or(NONE)),
            ],
            _ => vec![none(); 4],
        },
        Kind::Capability => match spec {
            Some(Spec::Capability(capability)) => {
                vec![line(capability.category.as_deref().unwrap_or(NONE))]
            }
            _ => vec![none()],
        },
        Kind::Binding => {
            let bound = match status {
                Some(Status::Binding(b)) => format!("{}/{}", b.bound_count, b.total_count),
                _ => none(),
            };
            let strategy = match spec {
                Some(Spec::Binding(binding)) => format!("{:?}", binding.strategy),
                _ => none(),
            };
            vec![bound, strategy]
        }
        Kind::Gate => gate_cells(spec, status),
        Kind::Execution => execution_cells(view.key, spec, status),
    }
}

fn none() -> String {
    NONE.to_owned()
}

fn gate_cells(spec: Option<&Spec>, status: Option<&Status>) -> Vec<String> {
    let (kind, wanted) = match spec {
        Some(Spec::Gate(gate)) => (word(&gate.gate_type), gate.required_approvers),
        _ => (none(), 1),
    };
    let given = match status {
        Some(Status::Gate(gate)) => approvals(&gate.review_history),
        _ => 0,
    };
    vec![kind, format!("{given}/{wanted}")]
}

fn execution_cells(key: &Key, spec: Option<&Spec>, status: Option<&Status>) -> Vec<String> {
    let run = match status {
        Some(Status::Execution(run)) => Some(run),
        _ => None,
    };
    let has_begun = run.filter(|run| !run.node_statuses.is_empty());
    let pinned = run.and_then(|run| run.extensions.pinned.as_ref());
    let plan = match (pinned, spec) {
        (Some(pinned), _) => pinned.plan.name.clone(),
        (None, Some(Spec::Execution(execution))) => execution.plan_ref.name.clone(),
        _ => none(),
    };
    let reason = run.map_or_else(none, |run| reason(key, run));
    vec![has_begun.map_or_else(none, |run| done(run)), plan, reason]
}

/// How many reviewers approved last; comments do not count.
fn approvals(history: &[Review]) -> usize {
    let mut newest = BTreeMap::new();
    for review in history.iter().filter(|r| r.action != ReviewAction::Comment) {
        newest.insert(&review.reviewer, review.action);
    }
    let said_yes = |action: &&ReviewAction| **action == ReviewAction::Approve;
    newest.values().filter(said_yes).count()
}

/// A unit variant as it is written in files.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => NONE.to_owned(),
    }
}

/// How many nodes succeeded, of all.
fn done(run: &ExecutionStatus) -> String {
    let nodes = run.node_statuses.values();
    let well = nodes.filter(|node| node.ended_well()).count();
    format!("{well}/{}", run.node_statuses.len())
}

/// The most informative message about a resource.
pub fn message(view: &Merged<'_>) -> String {
    let Some(file) = view.file else {
        return String::new();
    };
    if let Status::Execution(run) = &file.status
        && !run.message.is_empty()
    {
        return run.message.clone();
    }
    let conditions = file.status.conditions();
    let broken = conditions
        .iter()
        .find(|condition| condition.kind == "Valid" && condition.status == ConditionStatus::False);
    broken
        .or_else(|| conditions.iter().find(|c| !c.message.is_empty()))
        .map(|condition| condition.message.clone())
        .unwrap_or_default()
}

/// Maximum number of missing things that are listed.
const MISSING: usize = 20;

/// What a document lacks before it can be executed; empty if it is ready.
pub fn unready(missing: &[String], width: Option<usize>) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let mut page = DescribedPage {
        text: String::new(),
        width,
    };
    page.section("Not ready, an execution waits for");
    for why in missing.iter().take(MISSING) {
        let rows = table::wrapped(&line(why), width.map(|width| width.saturating_sub(4)));
        for (at, row) in rows.iter().enumerate() {
            let sign = if at == 0 { "-" } else { " " };
            page.text.push_str(&format!("  {sign} {row}\n"));
        }
    }
    if let Some(more @ 1..) = missing.len().checked_sub(MISSING) {
        let rest = format!("  … and {more} more: planspec validate --level readiness\n");
        page.text.push_str(&rest);
    }
    page.text
}

/// A description for people, without the drawing of the graph and [`super::run::sections`].
/// For a run that has begun, it shows what is pinned, and where its file differs now.
pub fn describe(
    view: &Merged<'_>,
    held_to: Option<&ExecutionSpec>,
    now: Time,
    width: Option<usize>,
) -> String {
    let mut page = DescribedPage {
        text: String::new(),
        width,
    };
    page.field("Name", &view.key.name);
    page.field("Namespace", &view.key.namespace);
    page.field("Kind", view.key.kind.name());
    if let Some(resource) = view.resource {
        for (key, value) in &resource.metadata.labels {
            page.field("Label", &format!("{key}={value}"));
        }
        for (key, value) in &resource.metadata.annotations {
            page.field("Annotation", &format!("{key}: {value}"));
        }
    }
    match view.file {
        Some(file) => {
            page.field("Uid", &file.uid);
            page.field("Generation", &file.generation.to_string());
            let created = format!(
                "{} ({} ago)",
                time(file.created),
                table::age(file.created, now)
            );
            page.field("Created", &created);
            if let Some(deleted) = file.deleted {
                page.field("Deleted", &time(deleted));
            }
            page.field("Source", &file.source.path);
        }
        None => page.field("Status", "not reconciled yet"),
    }
    page.field("Phase", &phase(view));
    match view.resource.map(|resource| &resource.spec) {
        Some(Spec::Goal(spec)) => goal(&mut page, spec),
        Some(Spec::Plan(spec)) => plan(&mut page, spec),
        Some(Spec::Binding(spec)) => binding(&mut page, spec),
        Some(Spec::Gate(spec)) => gate(&mut page, spec),
        Some(Spec::Capability(spec)) => page.block("Description", &spec.description),
        Some(Spec::Execution(spec)) => {
            execution_spec(&mut page, held_to.unwrap_or(spec), Some(spec));
        }
        None => {
            if let Some(held_to) = held_to {
                execution_spec(&mut page, held_to, None);
            }
        }
    }
    if let Some(file) = view.file {
        status(&mut page, &file.status);
    }
    page.text
}

/// What is pinned for a run, and where its file differs.
fn execution_spec(
    page: &mut DescribedPage,
    held_to: &ExecutionSpec,
    written: Option<&ExecutionSpec>,
) {
    page.field("Plan", &held_to.plan_ref.name);
    for (name, reference) in [
        ("Goal", &held_to.goal_ref),
        ("Binding", &held_to.binding_ref),
    ] {
        if let Some(reference) = reference {
            page.field(name, &reference.name);
        }
    }
    for (name, value) in &held_to.parameters {
        page.field("Parameter", &format!("{name}={value}"));
    }
    context(page, &held_to.context);
    let Some(written) = written else {
        return;
    };
    let names = held_to.parameters.keys().chain(written.parameters.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let [began, now] = [held_to, written].map(|spec| spec.parameters.get(name));
        if began != now {
            let now = now.map_or("nothing".to_owned(), ToString::to_string);
            let text = format!("{name}: the file says {now} now, which is not what runs");
            page.field("Changed", &text);
        }
    }
}

/// Remarks on the capabilities that a plan needs.
pub fn capabilities(remarks: &[String], width: Option<usize>) -> String {
    let mut text = String::new();
    for remark in remarks {
        let rows = table::wrapped(&line(remark), width.map(|width| width.saturating_sub(4)));
        for (index, row) in rows.iter().enumerate() {
            let indent = if index == 0 { 2 } else { 4 };
            text.push_str(&format!("{:indent$}{row}\n", ""));
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("\nCapabilities:\n{text}")
    }
}

/// The drawing of a graph as a section.
pub fn graph(drawing: &str) -> String {
    let mut text = "\nGraph:\n".to_owned();
    for row in drawing.lines() {
        text.push_str(format!("  {row}").trim_end());
        text.push('\n');
    }
    text
}

fn goal(page: &mut DescribedPage, spec: &GoalSpec) {
    page.block("Description", &spec.description);
    page.field("Priority", &spec.priority.to_string());
    if let Some(timeout) = &spec.timeout {
        page.field("Timeout", &timeout.to_string());
    }
    for (name, value) in &spec.constraints {
        page.field("Constraint", &format!("{name}: {value}"));
    }
    for criterion in &spec.acceptance_criteria {
        let id = criterion.id.as_deref().map(|id| format!("[{id}] "));
        let text = format!("{}{}", id.unwrap_or_default(), criterion.description);
        page.field("Criterion", &text);
    }
    context(page, &spec.context);
}

/// Maximum number of lines of one context item.
const CONTEXT_LINES: usize = 10;
/// Maximum number of characters of such a line.
const CONTEXT_WIDTH: usize = 200;

/// The context for workers and reviewers, each item with its name; long ones are cut, and `-o json` has all.
fn context(page: &mut DescribedPage, items: &[ContextItem]) {
    for item in items {
        let text = match &item.content {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => item.uris.join("\n"),
        };
        said(page, item.name.as_deref(), &text);
    }
}

/// A context text with its name.
fn said(page: &mut DescribedPage, name: Option<&str>, text: &str) {
    let lines = text.trim_end().lines();
    let more = lines.clone().count().saturating_sub(CONTEXT_LINES);
    let shown = lines.take(CONTEXT_LINES);
    let mut shown: Vec<String> = shown.map(|line| shortened(line, CONTEXT_WIDTH)).collect();
    if let (Some(name), Some(first)) = (name, shown.first_mut()) {
        *first = format!("{name}: {first}");
    }
    if more > 0 {
        shown.push(format!("… {more} more lines"));
    }
    page.block("Context", &shown.join("\n"));
}

fn plan(page: &mut DescribedPage, spec: &PlanSpec) {
    page.block("Description", &spec.description);
    if let Some(goal) = &spec.goal_ref {
        page.field("Goal", &goal.name);
    }
    if let (Some(series), Some(version)) = (&spec.series, &spec.version) {
        page.field("Revision", &format!("{series} {version}"));
    }
    for old in &spec.supersedes {
        page.field("Supersedes", &old.name);
    }
    context(page, &spec.context);
}

fn binding(page: &mut DescribedPage, spec: &BindingSpec) {
    page.field("Strategy", &format!("{:?}", spec.strategy));
    for rule in &spec.rules {
        let selector = serde_json::to_string(&rule.selector).unwrap_or_default();
        page.field(
            "Rule",
            &format!(
                "{} → {} (priority {})",
                selector, rule.target.provider, rule.priority
            ),
        );
    }
}

fn gate(page: &mut DescribedPage, spec: &GateSpec) {
    if let Some(description) = &spec.description {
        page.block("Description", description);
    }
    page.field("Type", &word(&spec.gate_type));
    let target = &spec.target_ref;
    let node = target.node_id.as_ref().map(|node| format!(", node {node}"));
    page.field(
        "For",
        &format!(
            "{} {}{}",
            target.kind,
            target.name,
            node.unwrap_or_default()
        ),
    );
    page.field("Approvers", &spec.required_approvers.to_string());
    let reviewers = if spec.reviewers.is_empty() {
        "any person".to_owned()
    } else {
        spec.reviewers.join(", ")
    };
    page.field("Reviewers", &reviewers);
    match &spec.context {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => said(page, None, text),
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                said(page, Some(name), &text);
            }
        }
        Some(value) => said(page, None, &value.to_string()),
    }
}

fn status(page: &mut DescribedPage, status: &Status) {
    match status {
        Status::Goal(goal) => {
            if let Some(plan) = &goal.active_plan_ref {
                page.field("Active plan", &plan.name);
            }
        }
        Status::Plan(plan) => page.field("Nodes", &plan.node_count.to_string()),
        Status::Capability(capability) => {
            if let Some(message) = &capability.deprecation_message {
                page.field("Deprecated", message);
            }
            if let Some(replacement) = &capability.replacement {
                page.field("Use instead", &replacement.name);
            }
        }
        Status::Binding(binding) => {
            page.field(
                "Bound",
                &format!("{} of {}", binding.bound_count, binding.total_count),
            );
            for unbound in &binding.unbound_capabilities {
                let node = unbound.node_id.as_deref().unwrap_or("-");
                let name = &unbound.capability_ref.name;
                page.field("Unbound", &format!("{name} ({node}): {}", unbound.message));
            }
        }
        Status::Gate(gate) => {
            for review in &gate.review_history {
                let comment = review.comment.as_deref().map(|c| format!(": {c}"));
                page.field(
                    "Review",
                    &format!(
                        "{} {} by {}{}{}",
                        time(review.timestamp),
                        review.action,
                        review.reviewer,
                        signed(review.extensions.signed.as_ref(), false),
                        comment.unwrap_or_default()
                    ),
                );
            }
        }
        Status::Execution(run) => execution(page, run),
    }
    conditions(page, status);
}

fn conditions(page: &mut DescribedPage, status: &Status) {
    if !status.conditions().is_empty() {
        page.section("Conditions");
        let rows: Vec<Vec<String>> = status
            .conditions()
            .iter()
            .map(|condition| {
                vec![
                    condition.kind.clone(),
                    format!("{:?}", condition.status),
                    condition.reason.clone(),
                    time(condition.last_transition_time),
                    line(&condition.message),
                ]
            })
            .collect();
        page.text
            .push_str(&table::rows(&[0, 1, 2, 3], &rows, 2, page.width));
    }
}

fn execution(page: &mut DescribedPage, run: &ExecutionStatus) {
    if !run.message.is_empty() {
        page.field("Message", &run.message);
    }
    let moments = [
        ("Queued", run.queued_time),
        ("Started", run.start_time),
        ("Completed", run.completion_time),
    ];
    for (name, at) in moments {
        if let Some(at) = at {
            page.field(name, &time(at));
        }
    }
    if let Some(authors) = run
        .extensions
        .pinned
        .as_ref()
        .and_then(|p| p.authors.as_ref())
    {
        let authors: Vec<&str> = authors.iter().map(String::as_str).collect();
        page.field("Written by", &authors.join(", "));
    }
    if let Some(pinned) = &run.extensions.pinned {
        page.field(
            "Pinned",
            &format!(
                "{} at commit {}",
                pinned.plan.path,
                crate::core::base::digest::short(&pinned.commit)
            ),
        );
    }
    if run.extensions.run_attempt > 0 {
        page.field("Opened again", &times(run.extensions.run_attempt));
    }
    if !run.node_statuses.is_empty() {
        page.field("Done", &format!("{} nodes", done(run)));
    }
}

/// Who signed a review, and with which key.
pub(super) fn signed(by: Option<&SignedBy>, is_checked: bool) -> String {
    let how = signed_how(is_checked);
    match by {
        Some(by) => format!(", {how} by {} with {}", by.principal, by.key),
        None => String::new(),
    }
}

/// The beginning of `sha256:…`.
pub(super) fn short_digest(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.chars().take(10).collect()
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// A page of `Name: value` lines and sections.
struct DescribedPage {
    text: String,
    width: Option<usize>,
}

/// The column where values begin.
const LABEL: usize = 14;

impl DescribedPage {
    fn field(&mut self, name: &str, value: &str) {
        let label = format!("{name}:");
        let mut rows = self.wrapped(&line(value)).into_iter();
        let first = rows.next().unwrap_or_default();
        self.text.push_str(&format!("{label:<LABEL$}{first}\n"));
        for row in rows {
            self.text.push_str(&format!("{:LABEL$}{row}\n", ""));
        }
    }

    /// Text of several lines.
    fn block(&mut self, name: &str, value: &str) {
        let mut rows = value.trim_end().lines();
        self.field(name, rows.next().unwrap_or_default());
        for row in rows {
            for row in self.wrapped(&line(row)) {
                let row = format!("{:LABEL$}{row}", "");
                self.text.push_str(row.trim_end());
                self.text.push('\n');
            }
        }
    }

    fn wrapped(&self, value: &str) -> Vec<String> {
        table::wrapped(value, self.width.map(|width| width.saturating_sub(LABEL)))
    }

    fn section(&mut self, name: &str) {
        self.text.push_str(&format!("\n{name}:\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::resource::{CONDITION_FALSE, NodePhase, NodeStatus};

    #[test]
    fn long_values_are_broken_at_spaces_and_words_stay_whole() {
        let table: [(&str, Option<usize>, &[&str]); 5] = [
            ("one two three", None, &["one two three"]),
            ("  two   spaces", Some(14), &["  two   spaces"]),
            ("one two three", Some(8), &["one two", "three"]),
            (
                "a-word-that-is-too-long to cut",
                Some(6),
                &["a-word-that-is-too-long", "to cut"],
            ),
            ("", Some(0), &[""]),
        ];
        for (text, room, expected) in table {
            assert_eq!(table::wrapped(text, room), expected, "{text:?} in {room:?}");
        }
    }

    #[test]
    fn done_is_what_ended_well() {
        let node = |phase: NodePhase, reason: &str| {
            let mut node = NodeStatus {
                phase,
                ..NodeStatus::default()
            };
            node.extensions.reason = reason.to_owned();
            node
        };
        let nodes = [
            node(NodePhase::Succeeded, "Reported"),
            node(NodePhase::Skipped, CONDITION_FALSE),
            node(NodePhase::Skipped, "DependencyFailed"),
            node(NodePhase::Cancelled, "Cancelled"),
            node(NodePhase::Failed, "TimedOut"),
            node(NodePhase::Running, "Claimed"),
        ];
        let nodes = nodes.into_iter().enumerate();
        let run = ExecutionStatus {
            node_statuses: nodes.map(|(i, node)| (format!("n{i}"), node)).collect(),
            ..ExecutionStatus::default()
        };
        assert_eq!(done(&run), "2/6");
    }
}
