//! The description of one run: the graph as a tree with its state, the checks, the outputs,
//! and the commands to run next.

use serde_json::Value;

use super::graph::style_of;
use super::reconcile::for_what;
use super::resource::{short_digest, signed};
use super::table::{self, rows, wrapped};
use super::tree::{TreeRow, tree};
use crate::core::base::digest::short;
use crate::core::base::escape::line;
use crate::core::base::time::exact as time;
use crate::core::base::time::span;
use crate::core::plan::graph::GraphOf;
use crate::core::resource::{
    Artifact, Decision, EdgeKind, ExecutionStatus, GateReview, NodePhase, NodeStatus, Time,
};
use crate::core::run::proposal::{RECONCILE, proposals};
use crate::core::run::standing::{Checked, Standing, criterion_kind};
use crate::core::run::transition::{WaitingFor, node_waits_for, verdict};

/// With more nodes than these, finished and distant ones are folded.
const FOLD_FROM: usize = 40;
/// Minimum number of lines that are folded together.
const FOLDED: usize = 3;
/// With fewer columns than these, there is no room for all columns.
const NARROW: usize = 100;
/// Maximum number of proposed commands.
const COMMANDS: usize = 10;
/// Maximum number of lines of the output of a check; the last ones are shown.
const EXCERPT: usize = 10;
/// Maximum number of references of a node that are named.
const REFERENCES: usize = 3;

/// A run to be described.
pub struct RunView<'a> {
    /// Its state.
    pub of: Standing<'a>,
    /// Whether everything is shown unfolded.
    pub all: bool,
    /// The current time.
    pub now: Time,
    /// Columns to fit into.
    pub width: Option<usize>,
}

/// The sections of the page that follow its fields.
pub fn sections(view: &RunView<'_>) -> String {
    let run = view.of.run;
    let nodes = || run.node_statuses.iter();
    let mut page = Sections {
        text: String::new(),
        width: view.width,
    };
    match &view.of.graph {
        Some(graph) => {
            page.tree(view, *graph);
            if view.all || graph.graph.len() <= FOLD_FROM {
                page.rows("Steps", &super::graph::step_rows(graph.spec));
            }
        }
        None => page.rows("Nodes", &nodes().map(node_row).collect::<Vec<_>>()),
    }
    acceptance(&mut page, view);
    contract(&mut page, view);
    let outputs = nodes().flat_map(|(id, node)| {
        let outputs = node.outputs.iter();
        outputs.map(move |(name, value)| vec![format!("{id}.{name}"), plain(value)])
    });
    page.rows("Outputs", &outputs.collect::<Vec<_>>());
    let artifacts: Vec<_> = run.artifacts.iter().map(artifact_row).collect();
    page.rows("Artifacts", &artifacts);
    let reviews = view.of.reviews();
    let is_checked = |review: &GateReview| view.of.checked.contains(&review.record);
    let reviews =
        reviews.map(|(id, decision, review)| review_row(id, decision, review, is_checked(review)));
    page.rows_keeping(&[0, 1, 2, 3], "Reviews", &reviews.collect::<Vec<_>>());
    questions(&mut page, view);
    page.rows("Retries", &retry_rows(run));
    unapplied(&mut page, run);
    moved_on(&mut page, view);
    next(&mut page, view);
    page.text
}

/// The questions of workers and the answers. They are sentences: wrapped, and never cut.
fn questions(page: &mut Sections, view: &RunView<'_>) {
    let nodes = view.of.run.node_statuses.iter();
    let all: Vec<_> = nodes
        .flat_map(|(id, node)| {
            let questions = node.extensions.questions.iter();
            questions.map(move |one| (id, node, one))
        })
        .collect();
    if all.is_empty() {
        return;
    }
    page.title("Questions");
    for (id, node, one) in all {
        let (when, record) = (time(one.timestamp), short(&one.record));
        let head = [id, &when, &format!("by {}", one.actor), record];
        page.sentence(2, &head.map(line).join("   "));
        page.sentence(4, &line(&one.question));
        let said = match &one.answer {
            Some(answer) => {
                let is_checked = view.of.checked.contains(&answer.record);
                let signed = match (&answer.signed, is_checked) {
                    (Some(by), true) => format!(", signed by {}", by.principal),
                    (Some(by), false) => format!(", signed by {} as the status says", by.principal),
                    (None, _) => String::new(),
                };
                format!("{}{signed}: {}", answer.actor, answer.answer)
            }
            None if node.open_questions().any(|open| open.record == one.record) => {
                "not answered yet".to_owned()
            }
            None => "not answered before the attempt ended".to_owned(),
        };
        page.sentence(4, &line(&said));
    }
}

/// Records that could not be applied. Reasons and refs are wrapped, and never cut.
fn unapplied(page: &mut Sections, run: &ExecutionStatus) {
    if run.extensions.unapplied.is_empty() {
        return;
    }
    page.title("Records that were not applied");
    for note in &run.extensions.unapplied {
        let head = [
            &time(note.seen),
            &note.action,
            &format!("by {}", note.actor),
            &note.reason,
        ];
        page.sentence(2, &head.map(|word| line(word)).join("   "));
        page.sentence(4, &line(&note.message));
        page.sentence(4, &line(&note.ref_name));
    }
}

/// Nodes that a retry with a new binding would give to another target.
fn moved_on(page: &mut Sections, view: &RunView<'_>) {
    if !view.of.moved_on.is_empty() {
        page.title("Bindings that have changed since");
    }
    for (id, how) in view.of.moved_on {
        page.sentence(2, &line(&format!("{id}: {how}")));
    }
}

/// Sections, each with a title.
struct Sections {
    text: String,
    width: Option<usize>,
}

impl Sections {
    fn title(&mut self, title: &str) {
        self.text.push_str(&format!("\n{title}:\n"));
    }

    fn rows(&mut self, title: &str, lines: &[Vec<String>]) {
        self.rows_keeping(&[0], title, lines);
    }

    fn rows_keeping(&mut self, whole: &[usize], title: &str, lines: &[Vec<String>]) {
        if !lines.is_empty() {
            self.title(title);
            self.text.push_str(&rows(whole, lines, 2, self.width));
        }
    }

    /// Rows in columns, each with notes below it, outside the columns.
    fn with_notes(&mut self, whole: &[usize], all: Vec<Noted>, indent: usize) {
        let (lines, notes): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let blocks = table::blocks(whole, &lines, indent, self.width);
        for (block, notes) in blocks.iter().zip(&notes) {
            self.text.push_str(block);
            for note in notes.iter().filter(|note| !note.is_empty()) {
                self.sentence(indent + 6, &line(note));
            }
        }
    }

    /// Text that is wrapped at spaces if there is little room.
    fn sentence(&mut self, indent: usize, text: &str) {
        let room = self.width.map(|width| width.saturating_sub(indent));
        for row in wrapped(text, room) {
            let row = format!("{:indent$}{row}", "");
            self.text.push_str(row.trim_end());
            self.text.push('\n');
        }
    }

    /// The nodes as a tree; ids are never cut.
    fn tree(&mut self, view: &RunView<'_>, of: GraphOf<'_>) {
        self.title("Graph");
        let fold = !view.all && of.graph.len() > FOLD_FROM;
        let drawn = tree(of.graph, |node| match class_of(view, of, node) {
            Some(NodePhase::Pending) => 3,
            Some(NodePhase::Succeeded) => 0,
            Some(_) => 2,
            None => 1,
        });
        let mut lines = Vec::new();
        let mut folded = 0;
        for group in drawn.chunk_by(|one, other| {
            let class = class_of(view, of, one.node);
            fold && class.is_some() && class == class_of(view, of, other.node)
        }) {
            match class_of(view, of, group[0].node).filter(|_| fold && group.len() >= FOLDED) {
                Some(class) => {
                    folded += group.len();
                    lines.push(folded_row(of, group, class));
                }
                None => lines.extend(group.iter().map(|row| tree_row(view, of, row))),
            }
        }
        let width = self.width.map(|width| width.saturating_sub(2));
        if width.is_some_and(|width| width < NARROW) {
            lines = lines.into_iter().map(narrow).collect();
        }
        for row in table::table_keeping(&[0], &[], &lines, width).lines() {
            self.text.push_str(&format!("  {row}\n"));
        }
        if folded > 0 {
            let note = format!("  {folded} nodes are folded: --all shows every one\n");
            self.text.push_str(&note);
        }
    }
}

/// The row with fewer, wider columns: state with time, details with references.
fn narrow(row: Vec<String>) -> Vec<String> {
    let mut cells = row.into_iter();
    let id = cells.next().unwrap_or_default();
    let mut pair = || {
        let both = [cells.next(), cells.next()];
        let said: Vec<String> = both
            .into_iter()
            .flatten()
            .filter(|cell| !cell.is_empty())
            .collect();
        said.join(" ")
    };
    vec![id, pair().replace(" so far", ""), pair()]
}

/// The class of a node for folding: its phase, unless it needs attention now.
fn class_of(view: &RunView<'_>, of: GraphOf<'_>, node: usize) -> Option<NodePhase> {
    let Some(status) = view.of.run.node_statuses.get(of.graph.id(node)) else {
        return Some(NodePhase::Pending);
    };
    match status.phase {
        NodePhase::Pending => node_waits_for(status).is_none().then_some(status.phase),
        NodePhase::Succeeded | NodePhase::Skipped | NodePhase::Cancelled => Some(status.phase),
        NodePhase::Running | NodePhase::Blocked | NodePhase::Failed => None,
    }
}

fn folded_row(of: GraphOf<'_>, group: &[TreeRow], class: NodePhase) -> Vec<String> {
    let id = |row: Option<&TreeRow>| row.map_or("", |row| of.graph.id(row.node));
    let lead = group.iter().map(|row| row.lead.as_str());
    let lead = lead.min_by_key(|lead| lead.len()).unwrap_or_default();
    vec![
        format!("{lead}{} … {} nodes", style_of(class).glyph, group.len()),
        class.to_string(),
        String::new(),
        format!("{} … {}", id(group.first()), id(group.last())),
    ]
}

/// `├─ [>] implement   Running, attempt 2   3m so far   agent:claude, lease until …   → review`
fn tree_row(view: &RunView<'_>, of: GraphOf<'_>, row: &TreeRow) -> Vec<String> {
    let id = of.graph.id(row.node);
    let nothing = NodeStatus::default();
    let status = view.of.run.node_statuses.get(id).unwrap_or(&nothing);
    let mut state = status.phase.to_string();
    if status.attempt > 1 {
        state.push_str(&format!(", attempt {}", status.attempt));
    }
    vec![
        format!("{}{} {id}", row.lead, style_of(status.phase).glyph),
        state,
        lasted(status, view.now),
        detail(view, of, row.node, status),
        references(of, row),
    ]
}

/// How long the last attempt took, or has taken so far.
fn lasted(status: &NodeStatus, now: Time) -> String {
    match (status.start_time, status.completion_time) {
        (Some(start), Some(end)) => span(start, end),
        (Some(start), None) if !status.phase.is_terminal() => {
            format!("{} so far", span(start, now))
        }
        _ => String::new(),
    }
}

/// The holder, what blocks the node, or why it ended.
fn detail(view: &RunView<'_>, of: GraphOf<'_>, node: usize, status: &NodeStatus) -> String {
    if let Some(why) = view.of.spoken_for.get(of.graph.id(node)) {
        return line(why);
    }
    if let Some(what) = node_waits_for(status) {
        return match what {
            WaitingFor::Report {
                actor,
                expires: Some(at),
            } if at <= view.now => format!("{}, lease expired at {}", line(&actor), time(at)),
            WaitingFor::Report { actor, expires } => match expires {
                Some(at) => format!("{}, lease until {}", line(&actor), time(at)),
                None => line(&actor),
            },
            WaitingFor::External { why }
            | WaitingFor::Repository { why }
            | WaitingFor::Other { why } => line(&why),
            what => format!("waits for {}", for_what(&what)),
        };
    }
    match status.phase {
        NodePhase::Pending => match after(view, of, node) {
            after if after.is_empty() => line(&status.message),
            after => after,
        },
        NodePhase::Succeeded => {
            let report = status.extensions.report.as_ref();
            report.map_or_else(
                || line(&status.message),
                |report| {
                    let before = if report.done_before {
                        "done before, "
                    } else {
                        ""
                    };
                    format!("{before}by {}", line(&report.actor))
                },
            )
        }
        _ => line(&status.message),
    }
}

/// The nodes that it still waits for.
fn after(view: &RunView<'_>, of: GraphOf<'_>, node: usize) -> String {
    let open = |(from, kind): (usize, EdgeKind)| {
        let id = of.graph.id(from);
        let status = view.of.run.node_statuses.get(id);
        let over = status.is_some_and(|status| match kind {
            EdgeKind::Hard => status.ended_well(),
            EdgeKind::Soft => status.phase.is_terminal(),
        });
        (!over).then(|| id.to_owned())
    };
    let open: Vec<String> = of.graph.predecessors(node).filter_map(open).collect();
    if open.is_empty() {
        String::new()
    } else {
        format!("after {}", some(&open))
    }
}

fn references(of: GraphOf<'_>, row: &TreeRow) -> String {
    let ids: Vec<String> = row
        .also
        .iter()
        .map(|&to| of.graph.id(to).to_owned())
        .collect();
    if ids.is_empty() {
        String::new()
    } else {
        format!("→ {}", some(&ids))
    }
}

fn some(ids: &[String]) -> String {
    match ids.len().checked_sub(REFERENCES) {
        Some(more @ 1..) => format!("{} +{more} more", ids[..REFERENCES].join(", ")),
        _ => ids.join(", "),
    }
}

/// The row of a node if the graph cannot be read.
fn node_row((id, node): (&String, &NodeStatus)) -> Vec<String> {
    let attempt = match node.attempt {
        0 => "-".to_owned(),
        n => format!("attempt {n}"),
    };
    let target = node.extensions.target.as_ref();
    let provider = target.map_or("-", |target| target.provider.as_deref().unwrap_or("<any>"));
    vec![
        id.clone(),
        node.phase.to_string(),
        attempt,
        provider.to_owned(),
        node.message.clone(),
    ]
}

/// The acceptance criteria of the reported work, each with its result.
fn acceptance(page: &mut Sections, view: &RunView<'_>) {
    let all = view.of.acceptance();
    if !all.is_empty() {
        page.title("Acceptance");
    }
    for one in all {
        let by = match one.by {
            Some((when, who)) => format!("{} by {who}", time(when)),
            None => "not checked yet".to_owned(),
        };
        page.text.push_str(&rows(
            &[0, 1],
            &[vec![one.id.to_owned(), by]],
            2,
            view.width,
        ));
        page.with_notes(&[0], one.checks.iter().map(check_row).collect(), 4);
    }
}

/// The criteria besides the nodes, and the attestations.
fn contract(page: &mut Sections, view: &RunView<'_>) {
    let mut lines = Vec::new();
    if !view.of.run.extensions.criteria.is_empty() {
        page.title("Contract");
    }
    for one in &view.of.run.extensions.criteria {
        let sign = match (view.of.run.is_met(&one.id), view.of.run.is_unmet(&one.id)) {
            (true, _) => "[x]",
            (_, true) => "[!]",
            _ => "[ ]",
        };
        let kind = criterion_kind(one.kind);
        let required = if one.required { "required" } else { "" };
        let row = [sign, &one.id, kind, required, &one.description];
        let said = view.of.run.said_about(&one.id).map(|said| {
            let evidence = match &said.commit {
                Some(commit) => Some(format!("on {}", short(commit))),
                None => said.evidence.clone(),
            };
            let said = [
                Some(format!("{} by {}", verdict(said), said.actor)),
                Some(time(said.timestamp)),
                evidence,
            ];
            said.into_iter().flatten().collect::<Vec<_>>().join("   ")
        });
        lines.push((row.map(str::to_owned).to_vec(), said.collect()));
    }
    page.with_notes(&[0, 1, 2, 3], lines, 2);
}

/// A row, and the notes below it.
type Noted = (Vec<String>, Vec<String>);

fn check_row(check: &Checked<'_>) -> Noted {
    let sign = match check.result.map(|result| result.holds) {
        Some(true) => "[x]",
        Some(false) => "[!]",
        None => "[ ]",
    };
    let required = match check.required {
        Some(true) => "required",
        Some(false) => "optional",
        None => "",
    };
    let mut row = vec![format!("{sign} {}", check.name), required.to_owned()];
    let mut excerpt = Vec::new();
    if let Some(result) = check.result {
        let code = result
            .code
            .map_or_else(String::new, |code| code.to_string());
        let took = format!(
            "{}.{:01}s",
            result.duration_ms / 1000,
            result.duration_ms % 1000 / 100
        );
        row.extend([result.ran.clone(), code, took]);
        let said: Vec<&str> = result.excerpt.lines().collect();
        let last = said.len().saturating_sub(EXCERPT);
        excerpt.extend((last > 0).then(|| "…".to_owned()));
        excerpt.extend(said.into_iter().skip(last).map(str::to_owned));
    }
    (row, excerpt)
}

/// `build   attempt 2   log   log.txt at 0123456789   12 bytes   sha256:…`
fn artifact_row(artifact: &Artifact) -> Vec<String> {
    let origin = artifact.origin();
    let commit = origin.commit.map(|commit| format!(" at {}", short(commit)));
    let place = artifact.path.as_ref().or(artifact.url.as_ref());
    vec![
        origin.node.unwrap_or_default().to_owned(),
        origin
            .attempt
            .map_or_else(String::new, |attempt| format!("attempt {attempt}")),
        artifact.name.clone(),
        place.cloned().unwrap_or_default() + &commit.unwrap_or_default(),
        artifact
            .size
            .map_or_else(String::new, |size| format!("{size} bytes")),
        artifact.checksum.clone().unwrap_or_default(),
    ]
}

fn review_row(id: &str, decision: &Decision, review: &GateReview, is_checked: bool) -> Vec<String> {
    let mut stale = String::new();
    if review.digest != decision.digest {
        stale = format!(
            "stale: given for {}, what would run now is {}",
            short_digest(&review.digest),
            short_digest(&decision.digest)
        );
    }
    vec![
        id.to_owned(),
        time(review.timestamp),
        review.action.to_string(),
        format!(
            "{}{}",
            review.reviewer,
            signed(review.signed.as_ref(), is_checked)
        ),
        review.comment.clone().unwrap_or_default(),
        stale,
    ]
}

fn retry_rows(run: &ExecutionStatus) -> Vec<Vec<String>> {
    let asked = run.extensions.retried_by.iter().map(|retry| {
        vec![
            retry.node.clone().unwrap_or_else(|| "the run".to_owned()),
            format!("asked for by {} at {}", retry.actor, time(retry.timestamp)),
            if retry.rebind { "bound again" } else { "" }.to_owned(),
            retry.comment.clone().unwrap_or_default(),
        ]
    });
    let failed = run.node_statuses.iter().filter_map(|(id, node)| {
        let times = match node.extensions.failures {
            0 => return None,
            1 => "1 attempt failed".to_owned(),
            n => format!("{n} attempts failed"),
        };
        Some(vec![id.clone(), times])
    });
    failed.chain(asked).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The next commands, to paste.
fn next(page: &mut Sections, view: &RunView<'_>) {
    let mut commands = proposals(&view.of);
    let (name, namespace) = (&view.of.key.name, &view.of.key.namespace);
    if let Some(more @ 1..) = commands.len().checked_sub(COMMANDS) {
        commands.truncate(COMMANDS);
        commands.push(format!("planspec next {name} -n {namespace}"));
        commands.push(format!("… and {more} more"));
    }
    if view.of.due {
        commands.push(RECONCILE.to_owned());
    }
    if !commands.is_empty() {
        page.title("Next");
        for command in commands {
            page.text.push_str(&format!("  {}\n", line(&command)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::core::plan::graph::Graph;
    use crate::core::resource::{GraphSpec, Key, Kind};

    struct Case {
        spec: GraphSpec,
        run: ExecutionStatus,
    }

    impl Case {
        fn new(spec: Value, status: Value) -> Case {
            Case {
                spec: serde_json::from_value(spec).unwrap(),
                run: serde_json::from_value(status).unwrap(),
            }
        }

        fn shown(&self, change: impl FnOnce(&mut RunView<'_>)) -> String {
            let graph = Graph::build(&self.spec).unwrap();
            let key = Key::new(Kind::Execution, "team", "run");
            let reviewers = BTreeMap::from([("team/sign".to_owned(), vec!["user:ana".to_owned()])]);
            let mut view = RunView {
                of: Standing {
                    key: &key,
                    run: &self.run,
                    graph: Some(GraphOf {
                        graph: &graph,
                        spec: &self.spec,
                    }),
                    reviewers: &reviewers,
                    moved_on: &BTreeMap::new(),
                    plan_moved_on: false,
                    spoken_for: &BTreeMap::new(),
                    checked: &std::collections::BTreeSet::new(),
                    session: None,
                    due: false,
                },
                all: false,
                now: "2026-03-01T10:00:00Z".parse().unwrap(),
                width: None,
            };
            change(&mut view);
            sections(&view)
        }
    }

    fn digest(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    /// A run with something in every section.
    fn release() -> Case {
        let criteria = json!([
            {"type": "command_succeeds", "name": "unit", "command": "make"},
            {"type": "command_succeeds", "name": "style", "command": "fmt", "required": false},
        ]);
        let review = |who: &str, digest: String| {
            json!({"reviewer": who, "action": "approve", "timestamp": "2026-03-01T09:30:00Z",
                   "record": "r", "digest": digest})
        };
        let spec = json!({
            "nodes": [
                {"id": "research", "kind": "Task"},
                {"id": "build", "kind": "Task", "dependsOn": ["research"],
                 "acceptanceCriteria": criteria},
                {"id": "docs", "kind": "Task", "dependsOn": ["research"]},
                {"id": "lint", "kind": "Task", "dependsOn": ["research"]},
                {"id": "ci", "kind": "External", "externalRef": {"type": "uri", "uri": "u"}},
                {"id": "early", "kind": "Gate", "gateRef": {"name": "sign"}},
                {"id": "publish", "kind": "Task", "dependsOn": ["build", "docs"]},
                {"id": "pack", "kind": "Task", "dependsOn": ["research"]},
            ],
        });
        let status = json!({
            "phase": "Running",
            "artifacts": [{"name": "log", "type": "file", "path": "out/log", "size": 12}],
            "extensions": {
                "runAttempt": 1,
                "retriedBy": [{"actor": "ben", "record": "r", "timestamp": "2026-03-01T09:10:00Z",
                               "node": "build", "rebind": true}],
            },
            "nodeStatuses": {
                "research": {"phase": "Succeeded", "attempt": 1,
                    "startTime": "2026-03-01T08:00:00Z", "completionTime": "2026-03-01T08:12:00Z",
                    "outputs": {"summary": "done"},
                    "extensions": {"report": {"actor": "agent:a", "record": "r"}}},
                "build": {"phase": "Blocked", "attempt": 2, "startTime": "2026-03-01T09:00:00Z",
                    "extensions": {"reason": "AwaitingVerification", "failures": 1,
                        "report": {"actor": "agent:a", "record": "r", "commit": "0123456789abcdef"},
                        "verification": {"actor": "ben", "record": "v",
                            "timestamp": "2026-03-01T09:20:00Z",
                            "results": [{"name": "unit", "holds": false, "ran": "make", "code": 2,
                                         "durationMs": 1540, "excerpt": "no rule\nstop"}]}}},
                "docs": {"phase": "Running", "attempt": 1, "startTime": "2026-03-01T09:00:00Z",
                    "extensions": {"claim": {"actor": "ana x", "record": "r",
                                             "expires": "2026-03-01T10:30:00Z"}}},
                "lint": {"phase": "Running", "attempt": 1, "startTime": "2026-03-01T09:59:15Z",
                    "extensions": {"claim": {"actor": "agent:b", "record": "r",
                                             "expires": "2026-03-01T09:59:30Z"}}},
                "ci": {"phase": "Blocked", "message": "not answered yet",
                    "extensions": {"reason": "AwaitingExternal"}},
                "early": {"phase": "Blocked", "message": "0 of 1 approvals",
                    "extensions": {"reason": "AwaitingApproval", "decision": {
                        "gate": "team/sign", "digest": digest("b"),
                        "reviews": [review("ana", digest("a"))]}}},
                "publish": {"phase": "Pending"},
                "pack": {"phase": "Pending", "attempt": 1, "extensions": {"reason": "Ready",
                    "target": {"provider": "tool://pack"}}},
            },
        });
        Case::new(spec, status)
    }

    #[test]
    fn everything_about_a_run_is_told() {
        let expected = "
Graph:
  ├─ [?] ci        Blocked                            not answered yet
  ├─ [?] early     Blocked                            waits for sign: 0 of 1 approvals
  [x] research     Succeeded            12m           by agent:a
  ├─ [?] build     Blocked, attempt 2   1h so far     waits for a check of what agent:a reported at 0123456789   → publish
  ├─ [>] docs      Running              1h so far     ana x, lease until 2026-03-01T10:30:00Z
  │  [ ] publish   Pending                            after build, docs
  ├─ [>] lint      Running              45s so far    agent:b, lease expired at 2026-03-01T09:59:30Z
  └─ [ ] pack      Pending                            waits for tool://pack to claim it

Acceptance:
  build   2026-03-01T09:20:00Z by ben
    [!] unit    required   make   2   1.5s
          no rule
          stop
    [ ] style   optional

Outputs:
  research.summary   done

Artifacts:
  log   out/log   12 bytes

Reviews:
  early   2026-03-01T09:30:00Z   approve   ana   stale: given for aaaaaaaaaa, what would run now is bbbbbbbbbb

Retries:
  build   1 attempt failed
  build   asked for by ben at 2026-03-01T09:10:00Z   bound again

Next:
  planspec verify run/build -n team
  planspec report run/ci -n team --succeeded
  planspec report run/docs -n team --as 'ana x' --succeeded
  planspec approve run/early -n team --as user:ana
  planspec report run/lint -n team --as agent:b --succeeded
  planspec work --provider tool://pack --once
  planspec reconcile
";
        let shown = release().shown(|view| view.of.due = true);
        let squeezed = |text: &str| -> Vec<Vec<String>> {
            text.lines()
                .map(|row| {
                    let cells = row.split("  ").map(str::trim);
                    cells
                        .filter(|cell| !cell.is_empty())
                        .map(str::to_owned)
                        .collect()
                })
                .collect()
        };
        assert_eq!(squeezed(&shown), squeezed(expected), "{shown}");
    }

    #[test]
    fn a_run_that_failed_can_be_retried_and_one_that_ended_well_needs_nothing() {
        let spec = json!({"nodes": [{"id": "a", "kind": "Task"}, {"id": "b", "kind": "Task"}]});
        let run = |phase: &str| {
            Case::new(
                spec.clone(),
                json!({"phase": phase, "nodeStatuses": {
                    "a": {"phase": phase}, "b": {"phase": "Succeeded"}}}),
            )
        };
        let failed = run("Failed").shown(|_| ());
        let next = "\nNext:\n  planspec retry run/a -n team\n  planspec retry run -n team\n";
        assert!(failed.ends_with(next), "{failed}");
        assert!(!run("Succeeded").shown(|_| ()).contains("Next:"));
    }

    #[test]
    fn a_large_run_is_folded_and_no_line_is_longer_than_the_terminal() {
        let nodes: Vec<Value> = (0..300)
            .map(|i| match i {
                0 => json!({"id": "n0", "kind": "Task"}),
                i => json!({"id": format!("n{i}"), "kind": "Task", "dependsOn": [format!("n{}", i - 1)]}),
            })
            .collect();
        let status = |i: usize| match i {
            0..100 => {
                json!({"phase": "Succeeded", "attempt": 1, "message": "a long story ".repeat(20)})
            }
            100 => json!({"phase": "Failed", "attempt": 1, "message": "a long story ".repeat(20)}),
            _ => json!({"phase": "Skipped", "extensions": {"reason": "DependencyFailed"}}),
        };
        let statuses: serde_json::Map<String, Value> =
            (0..300).map(|i| (format!("n{i}"), status(i))).collect();
        let case = Case::new(
            json!({"nodes": nodes}),
            json!({"phase": "Failed", "nodeStatuses": statuses}),
        );
        let shown = case.shown(|_| ());
        let graph: Vec<&str> = shown.lines().skip(2).take(4).collect();
        let graph: Vec<String> = graph
            .iter()
            .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(graph[0], "[x] … 100 nodes Succeeded n0 … n99");
        assert!(graph[1].starts_with("[!] n100 Failed a long story"));
        assert_eq!(graph[2], "[-] … 199 nodes Skipped n101 … n299");
        assert_eq!(graph[3], "299 nodes are folded: --all shows every one");
        let all = case.shown(|view| view.all = true);
        assert_eq!(all.lines().filter(|row| row.contains("] n")).count(), 300);
        for width in [40, 80, 120] {
            let narrow = case.shown(|view| (view.width, view.all) = (Some(width), true));
            let (graph, _) = narrow.split_once("\nNext:").unwrap();
            for row in graph.lines() {
                assert!(table::display_width(row) <= width, "{width}: {row}");
            }
        }
    }

    #[test]
    fn what_was_not_applied_is_told_in_whole_words_on_any_terminal() {
        let message = "the digest of the plan that was approved is not that of the plan that would \
                       run now";
        let name = "reviews/team/sign/0b6f7c2e-8a51-5c0e-9f0d-2f4f5b1c7a90/ana@example.com";
        let note = json!({"record": "r", "ref": name, "actor": "ana", "action": "review",
                          "reason": "OtherDigest", "message": message,
                          "seen": "2026-03-01T09:00:00Z"});
        let case = Case::new(
            json!({"nodes": [{"id": "a", "kind": "Task"}]}),
            json!({"phase": "Running", "extensions": {"unapplied": [note]},
                   "nodeStatuses": {"a": {"phase": "Pending"}}}),
        );
        let section = |width: Option<usize>| {
            let shown = case.shown(|view| view.width = width);
            let (_, section) = shown
                .split_once("Records that were not applied:\n")
                .unwrap();
            section.to_owned()
        };
        assert_eq!(
            section(None),
            format!(
                "  2026-03-01T09:00:00Z   review   by ana   OtherDigest\n    {message}\n    {name}\n"
            )
        );
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for width in [40, 60, 80] {
            let narrow = section(Some(width));
            assert_eq!(words(&narrow), words(&section(None)), "{width}");
            for row in narrow.lines().filter(|row| !row.contains(name)) {
                assert!(table::display_width(row) <= width, "{width}: {row}");
            }
        }
    }

    #[test]
    fn who_says_no_takes_it_back_and_names_stay_whole_on_any_terminal() {
        let said = |actor: &str, met: bool| {
            json!({"criterion": "understood-by-everybody", "actor": actor, "met": met,
                   "evidence": "asked ten", "record": actor,
                   "timestamp": "2026-03-01T09:00:00Z"})
        };
        let criteria = json!([
            {"id": "understood-by-everybody", "description": "Visitors understand the greeting",
             "kind": "SuccessCriterion", "required": true},
            {"id": "safe", "description": "No tracking", "kind": "Constraint"}]);
        let case = Case::new(
            json!({"nodes": [{"id": "a", "kind": "Task"}]}),
            json!({"phase": "Blocked", "nodeStatuses": {"a": {"phase": "Succeeded"}},
                   "extensions": {"criteria": criteria,
                        "attestations": [said("ben x", false), said("ana", true)]}}),
        );
        let shown = case.shown(|_| ());
        let contract = "
Contract:
  [!]   understood-by-everybody   success criterion   required   Visitors understand the greeting
        not met by ben x   2026-03-01T09:00:00Z   asked ten
        met by ana   2026-03-01T09:00:00Z   asked ten
  [ ]   safe                      constraint                     No tracking
";
        assert!(shown.contains(contract), "{shown}");
        let next =
            "\nNext:\n  planspec attest run understood-by-everybody --met -n team --as 'ben x'\n";
        assert!(shown.ends_with(next), "{shown}");
        for width in [40, 60, 80] {
            let shown = case.shown(|view| view.width = Some(width));
            let (page, _) = shown.split_once("\nNext:").unwrap();
            assert!(page.contains("understood-by-everybody"), "{shown}");
            for row in page.lines() {
                assert!(table::display_width(row) <= width, "{width}: {row}");
            }
        }
    }

    #[test]
    fn an_artifact_says_where_it_is_from() {
        let artifact = json!({"name": "log", "type": "file", "path": "log.txt", "size": 12,
            "metadata": {"node": "a", "attempt": 2, "commit": "0123456789abcdef"}});
        let case = Case::new(
            json!({"nodes": [{"id": "a", "kind": "Task"}, {"id": "b", "kind": "Task"}]}),
            json!({"phase": "Failed", "artifacts": [artifact],
                   "nodeStatuses": {"a": {"phase": "Failed"}, "b": {"phase": "Failed"}}}),
        );
        let shown = case.shown(|_| ());
        let row = "\n  a   attempt 2   log   log.txt at 0123456789   12 bytes\n";
        assert!(shown.contains(row), "{shown}");
        let next = "\nNext:
  planspec logs run/a -n team
  planspec retry run/a -n team
  planspec retry run/b -n team
  planspec retry run -n team
";
        assert!(shown.ends_with(next), "{shown}");
        // If the binding has changed, a plain retry leads to the same failure.
        let moved = BTreeMap::from([("b".to_owned(), "held to x".to_owned())]);
        let key = Key::new(Kind::Execution, "team", "run");
        let view = RunView {
            of: Standing {
                key: &key,
                run: &case.run,
                graph: None,
                reviewers: &BTreeMap::new(),
                moved_on: &moved,
                plan_moved_on: false,
                spoken_for: &BTreeMap::new(),
                checked: &std::collections::BTreeSet::new(),
                session: None,
                due: false,
            },
            all: false,
            now: "2026-03-01T10:00:00Z".parse().unwrap(),
            width: None,
        };
        let shown = sections(&view);
        let moved = "\nBindings that have changed since:\n  b: held to x\n";
        assert!(shown.contains(moved), "{shown}");
        let next = "
  planspec retry run/a -n team
  planspec retry run/b -n team --rebind
  planspec retry run -n team --rebind
";
        assert!(shown.ends_with(next), "{shown}");
    }
}
