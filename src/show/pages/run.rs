//! A run, and its history.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{MOST_DRAWN, STAGES, place_of, row_of, stage_of};
use super::html::{Html, Value};
use super::parts::{
    Row, bar, cell, command, crumbs, fact, fact_text, for_what, link, link_of, phase, plain, prose,
    section, sums, table, time, value, web,
};
use super::{Links, commands};
use crate::api::audit::{Audited, AuditedCommit};
use crate::api::board::{HistoryPage, Of, PageName, RunPage};
use crate::api::describe::{DescribedRun, Unapplied};
use crate::api::log::Event;
use crate::core::base::digest::short;
use crate::core::base::time::span;
use crate::core::base::words::count;
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{ExecutionStatus, Node, NodeKind, NodePhase, NodeStatus, Time};
use crate::core::run::proposal::command as command_of;
use crate::core::run::summary::concern::Concern;
use crate::core::run::timeline::{StretchKind, Timeline};
use crate::core::run::transition::{Waiting, node_waits_for};
use crate::show::graph::GraphView;

/// Maximum number of rows of a list of nodes.
const ROWS: usize = 200;
/// Approximate maximum number of rows of a list of nodes by stages.
const ROWS_BY_STAGE: usize = 3000;

/// A run: what it waits for, its graph, its nodes with their times, and its results.
pub fn run(main: &mut Html, links: &Links<'_>, page: &RunPage) -> String {
    let of = &page.of;
    crumbs(
        main,
        links,
        &[
            ("Board", Some(PageName::Home)),
            ("Runs", Some(PageName::Runs)),
            (&of.namespace, None),
            (&of.name, None),
        ],
    );
    head(main, links, page);
    let facts = page.description.run.as_ref();
    if let Some(facts) = facts {
        waiting(main, links, facts);
    }
    let graph = page.graph.as_ref();
    let graph = graph.and_then(|spec| Some((Graph::build(spec).ok()?, spec)));
    match (&graph, &page.status) {
        (Some((built, spec)), status) => {
            let view = GraphView {
                of: GraphOf { graph: built, spec },
                nodes: status.as_ref().map(|status| &status.node_statuses),
            };
            let critical = page.timeline.as_ref().map(|one| one.critical.as_slice());
            let critical = critical.unwrap_or_default();
            section(main, "graph", "Graph");
            super::graph::graph(main, links, view, critical);
            main.raw("</section>\n");
            let listed = Listed {
                links,
                page,
                view,
                critical: critical.iter().map(String::as_str).collect(),
            };
            nodes(main, &listed);
        }
        (None, None) => {}
        (None, Some(_)) => {
            main.raw("<p class=\"alarm\">The pinned plan of this run is not in this clone, so its graph cannot be drawn.</p>");
        }
    }
    if let (Some(status), Some(facts)) = (&page.status, facts) {
        rest(main, links, page, (status, facts));
    }
    if !page.conditions.is_empty() {
        section(main, "conditions", "Conditions");
        super::parts::conditions(main, &page.conditions);
        main.raw("</section>\n");
    }
    format!("{} · {}", of.name, of.namespace)
}

fn head(main: &mut Html, links: &Links<'_>, page: &RunPage) {
    let of = &page.of;
    main.raw("<h1>").text(&of.name).raw(" ");
    match &page.description.phase {
        Some(word) => phase(main, word),
        None => phase(main, "Pending"),
    }
    main.raw("</h1>\n");
    let status = page.status.as_ref();
    if !page.message.is_empty() {
        main.element("p", &[("class", "lead".into())], &page.message);
    }
    if page.description.invalid {
        main.raw("<p class=\"alarm\">Its file could not be used at the last reconcile; this is the earlier state.</p>");
    }
    if page.description.deleted {
        main.raw("<p class=\"note\">Its file is gone; this is its status.</p>");
    }
    main.raw("<dl class=\"facts\">\n");
    fact(main, "Plan", |main| {
        if let Some(plan) = &page.plan {
            link_of(main, links, plan, &PageName::Plan(plan.clone()));
        }
    });
    let pinned = status.and_then(|status| status.extensions.pinned.as_ref());
    fact(main, "Held to", |main| {
        if let Some(pinned) = pinned {
            main.raw("commit ")
                .element("code", &[], short(&pinned.commit));
        }
    });
    fact(main, "Done", |main| {
        if let Some(status) = status {
            let nodes = status.node_statuses.values();
            let done = nodes.filter(|node| node.ended_well()).count();
            main.text(&format!("{done} of {}", status.node_statuses.len()));
        }
    });
    let (start, end) = (
        status.and_then(|status| status.start_time),
        status.and_then(|status| status.completion_time),
    );
    fact(main, "Started", |main| {
        start.into_iter().for_each(|at| time(main, at))
    });
    fact(main, "Ended", |main| {
        end.into_iter().for_each(|at| time(main, at))
    });
    fact(main, "Took", |main| {
        if let (Some(start), Some(end)) = (start, end) {
            main.text(&span(start, end));
        }
    });
    let again = status.map_or(0, |status| status.extensions.run_attempt);
    let again = match again {
        0 => String::new(),
        times => count(usize::try_from(times).unwrap_or(usize::MAX), "time"),
    };
    fact_text(main, "Opened again", &again);
    fact(main, "History", |main| {
        if links.to(&PageName::History(of.clone())).is_some() {
            link(
                main,
                links,
                &PageName::History(of.clone()),
                "what happened, and who says so",
            );
        }
    });
    main.raw("</dl>\n");
}

/// What it waits for, each with the command to continue.
fn waiting(main: &mut Html, links: &Links<'_>, facts: &DescribedRun) {
    let mut left: Vec<&String> = facts.next.iter().collect();
    if facts.waiting.is_empty() && left.is_empty() {
        return;
    }
    let title = match facts.waiting.as_slice() {
        [] => "Next steps",
        _ => "What it waits for",
    };
    section(main, "waits", title);
    // As everywhere: most urgent first, then the longest wait.
    let mut waiting: Vec<&Waiting> = facts.waiting.iter().collect();
    waiting.sort_by_key(|wait| (Concern::of(&wait.what), wait.since.is_none(), wait.since));
    let mut rows = Vec::new();
    for wait in waiting.into_iter().take(ROWS) {
        let node = wait.node.as_ref();
        let target = node.map(|node| format!("{}/{node}", wait.execution.name));
        let is_own = |command: &&String| {
            let mut words = command.split(' ');
            words.any(|word| target.as_deref() == Some(word))
        };
        let own: Vec<&String> = left.iter().filter(|one| is_own(one)).copied().collect();
        left.retain(|one| !is_own(one));
        let general = command_of(wait);
        left.retain(|one| Some(*one) != general.as_ref());
        let shown = match own.as_slice() {
            [] => general.iter().collect(),
            _ => own,
        };
        rows.push(vec![
            cell(|cell| match node {
                Some(node) => {
                    let page = PageName::Node(Of::key(&wait.execution), node.clone());
                    link(cell, links, &page, node);
                }
                None => {
                    cell.raw("the run");
                }
            }),
            plain(&for_what(&wait.what)),
            cell(|cell| wait.since.into_iter().for_each(|at| time(cell, at))),
            cell(|cell| shown.iter().for_each(|one| command(cell, one))),
        ]);
    }
    let head = ["Node", "Waits for", "Since", "Command"];
    table(
        main,
        "What the run waits for, most urgent first",
        &head,
        rows,
    );
    if facts.waiting.len() > ROWS {
        main.element(
            "p",
            &[],
            &format!("{} more: planspec next", facts.waiting.len() - ROWS),
        );
    }
    if !left.is_empty() {
        if !facts.waiting.is_empty() {
            main.raw("<p>What anybody could run besides:</p>");
        }
        let left: Vec<String> = left.into_iter().take(ROWS).cloned().collect();
        commands(main, &left);
    }
    main.raw("</section>\n");
}

/// The data of the list of nodes.
struct Listed<'a> {
    links: &'a Links<'a>,
    page: &'a RunPage,
    view: GraphView<'a>,
    critical: BTreeSet<&'a str>,
}

/// The nodes: by group, or by stage if there are many.
fn nodes(main: &mut Html, listed: &Listed<'_>) {
    section(main, "nodes", "Nodes");
    main.raw("<p class=\"filter\"><input type=\"checkbox\" id=\"open-only\"><label for=\"open-only\">Only what is not done</label></p>\n");
    if let Some(timeline) = &listed.page.timeline {
        axis(main, timeline);
    }
    let graph = listed.view.of.graph;
    if graph.len() > MOST_DRAWN {
        by_stage(main, listed);
    } else {
        by_group(main, listed, graph.order());
    }
    main.raw("</section>\n");
}

/// The legend of the bars.
fn axis(main: &mut Html, timeline: &Timeline) {
    main.raw("<p class=\"note axis\">Bars go from ");
    time(main, timeline.start);
    main.raw(" to ");
    time(main, timeline.end);
    main.raw(" (")
        .text(&span(timeline.start, timeline.end))
        .raw("): ");
    main.raw("<span class=\"swatch work\"></span> at work, <span class=\"swatch wait\"></span> waiting, <span class=\"swatch earlier\"></span> earlier attempts.");
    if !timeline.critical.is_empty() {
        main.raw(" <span class=\"tag\">critical</span> nodes decided how long it took.");
    }
    main.raw("</p>\n");
}

fn by_group(main: &mut Html, listed: &Listed<'_>, order: &[usize]) {
    let GraphOf { graph, spec } = listed.view.of;
    let mut group_of = BTreeMap::new();
    for (group, node) in spec.nodes.iter().enumerate() {
        for child in node
            .children
            .iter()
            .filter_map(|child| graph.index_of(child))
        {
            group_of.entry(child).or_insert(group);
        }
    }
    let alone: Vec<usize> = order
        .iter()
        .filter(|node| !group_of.contains_key(node))
        .copied()
        .collect();
    let caption = "Nodes, each after those that it waits for";
    list(main, listed, caption, (&alone, MOST_DRAWN));
    let groups: BTreeSet<usize> = group_of.values().copied().collect();
    for group in order.iter().filter(|node| groups.contains(node)) {
        let children: Vec<usize> = order
            .iter()
            .filter(|node| group_of.get(node) == Some(group))
            .copied()
            .collect();
        let Some(node) = spec.nodes.get(*group) else {
            continue;
        };
        let title = format!("Group {}", node.id);
        fold(main, listed, (&title, None), (&children, MOST_DRAWN), true);
    }
}

fn by_stage(main: &mut Html, listed: &Listed<'_>) {
    let levels = listed.view.of.graph.levels();
    let most = (ROWS_BY_STAGE / levels.len().clamp(1, STAGES)).clamp(1, MOST_DRAWN);
    for (number, level) in levels.iter().enumerate().take(STAGES) {
        let title = format!("Stage {}", number + 1);
        let statuses = level.iter().filter_map(|node| listed.status(*node));
        // Nodes that need attention are not folded away.
        let is_open = statuses
            .into_iter()
            .any(|status| status.phase == NodePhase::Failed || node_waits_for(status).is_some());
        fold(
            main,
            listed,
            (&title, Some(stage_of(number))),
            (level, most),
            is_open,
        );
    }
    if levels.len() > STAGES {
        main.element(
            "p",
            &[],
            &format!(
                "{} more stages: planspec describe --all",
                levels.len() - STAGES
            ),
        );
    }
}

/// Nodes folded away behind a line.
fn fold(
    main: &mut Html,
    listed: &Listed<'_>,
    (title, id): (&str, Option<String>),
    (nodes, most): (&[usize], usize),
    is_open: bool,
) {
    let done = nodes.iter().filter(|node| listed.is_done(**node)).count();
    let class = if done == nodes.len() {
        "fold done"
    } else {
        "fold"
    };
    let mut attributes = vec![("class", Value::from(class))];
    attributes.extend(id.as_ref().map(|id| ("id", Value::from(id))));
    attributes.extend((is_open && done < nodes.len()).then_some(("open", Value::Set)));
    main.open("details", &attributes).raw("<summary>");
    main.text(&format!("{title}: {done} of {} done", nodes.len()))
        .raw("</summary>\n");
    list(main, listed, title, (nodes, most));
    main.raw("</details>\n");
}

fn list(main: &mut Html, listed: &Listed<'_>, caption: &str, (nodes, most): (&[usize], usize)) {
    let shown = nodes.iter().take(most).filter_map(|node| listed.row(*node));
    table(
        main,
        caption,
        &["Node", "State", "Who", "Time", "Timeline"],
        shown,
    );
    let more = nodes.len().saturating_sub(most);
    if more > 0 {
        main.element("p", &[], &format!("{more} more: planspec describe --all"));
    }
}

impl Listed<'_> {
    fn status(&self, node: usize) -> Option<&NodeStatus> {
        self.view.status(self.view.of.spec.nodes.get(node)?)
    }

    fn is_done(&self, node: usize) -> bool {
        self.status(node).is_some_and(|status| status.ended_well())
    }

    fn row(&self, index: usize) -> Option<Row> {
        let node = self.view.of.spec.nodes.get(index)?;
        let nothing = NodeStatus::default();
        let status = self.status(index).unwrap_or(&nothing);
        let is_critical = self.critical.contains(node.id.as_str());
        Some(Row {
            id: Some(row_of(&node.id)),
            class: if self.is_done(index) { "done" } else { "open" },
            cells: vec![
                cell(|cell| self.name(cell, node, is_critical)),
                cell(|cell| state(cell, status)),
                cell(|cell| who(cell, status)),
                cell(|cell| self.took(cell, node)),
                cell(|cell| self.bars(cell, node)),
            ],
        })
    }

    fn name(&self, cell: &mut Html, node: &Node, is_critical: bool) {
        let page = PageName::Node(self.page.of.clone(), node.id.clone());
        link(cell, self.links, &page, &node.id);
        if node.kind != NodeKind::Task {
            cell.raw(" ").element(
                "span",
                &[("class", "tag".into())],
                &node.kind.to_string().to_lowercase(),
            );
        }
        if is_critical {
            cell.raw(" <span class=\"tag\">critical</span>");
        }
        if self.view.of.graph.len() <= MOST_DRAWN {
            let here = self.links.here(&place_of(&node.id));
            let label = format!("{} in the graph", node.id);
            cell.raw(" ").open(
                "a",
                &[
                    ("class", "jump".into()),
                    ("href", (&here).into()),
                    ("aria-label", Value::from(&label)),
                ],
            );
            cell.raw("graph</a>");
        }
        if let Some(name) = &node.name {
            cell.element("div", &[("class", "name".into())], name);
        }
    }

    /// How long it waited, and how long it was worked on.
    fn took(&self, cell: &mut Html, node: &Node) {
        let Some(timeline) = &self.page.timeline else {
            return;
        };
        for text in timeline.sums(&node.id).into_iter().flat_map(sums) {
            cell.element("div", &[], &text);
        }
    }

    fn bars(&self, cell: &mut Html, node: &Node) {
        let Some(timeline) = &self.page.timeline else {
            return;
        };
        let Some(stretches) = timeline.nodes.get(&node.id) else {
            return;
        };
        let whole = (timeline.end - timeline.start).num_seconds().max(1);
        let at = |moment: Time| {
            let seconds = (moment - timeline.start).num_seconds();
            (seconds.clamp(0, whole) * 1000) / whole
        };
        cell.raw("<svg class=\"bars\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
        bar(cell, "track", (0, 1000), 10);
        for stretch in stretches {
            let class = match stretch.kind {
                StretchKind::Waiting => "wait",
                StretchKind::Earlier => "earlier",
                StretchKind::Working => "work",
            };
            let (from, to) = (at(stretch.from), at(stretch.to.unwrap_or(timeline.end)));
            // Short times must be visible too.
            let from = from.min(996);
            bar(cell, class, (from, (to - from).max(4)), 10);
        }
        cell.raw("</svg>");
    }
}

/// Phase, attempt, and reason.
fn state(cell: &mut Html, status: &NodeStatus) {
    phase(cell, &status.phase.to_string());
    if status.attempt > 1 {
        cell.text(&format!(" attempt {}", status.attempt));
    }
    let why = match node_waits_for(status) {
        Some(what) => for_what(&what),
        None => status.message.clone(),
    };
    if !why.is_empty() {
        cell.element("div", &[("class", "why".into())], &why);
    }
}

/// The holder, the reporter, or the provider.
fn who(cell: &mut Html, status: &NodeStatus) {
    let extensions = &status.extensions;
    let claim = extensions.claim.as_ref().map(|claim| claim.actor.as_str());
    let report = extensions
        .report
        .as_ref()
        .map(|report| report.actor.as_str());
    let target = extensions
        .target
        .as_ref()
        .and_then(|target| target.provider.as_deref());
    if let Some(who) = claim.or(report).or(target) {
        cell.element("span", &[("class", "who".into())], who);
    }
}

/// Criteria, parameters, results, and what people did.
fn rest(
    main: &mut Html,
    links: &Links<'_>,
    page: &RunPage,
    (status, facts): (&ExecutionStatus, &DescribedRun),
) {
    contract(main, facts);
    parameters(main, facts);
    outputs(main, links, page, status);
    artifacts(main, status);
    reviews(main, links, page, facts);
    retries(main, status);
    unapplied(main, &facts.unapplied);
}

/// The criteria besides the nodes, and the attestations.
fn contract(main: &mut Html, facts: &DescribedRun) {
    if facts.contract.is_empty() {
        return;
    }
    section(main, "contract", "Contract");
    let rows = facts.contract.iter().map(|one| {
        vec![
            plain(&one.id),
            plain(match (one.met, one.required) {
                (Some(true), _) => "met",
                (Some(false), _) => "not met",
                (None, true) => "open, required",
                (None, false) => "open",
            }),
            plain(&one.kind),
            cell(|cell| prose(cell, &one.description)),
            cell(|cell| {
                for said in &one.said {
                    let met = if said.met { "met" } else { "not met" };
                    cell.raw("<div>")
                        .text(&format!("{met}, says {}, ", said.actor));
                    time(cell, said.time);
                    if let Some(evidence) = &said.evidence {
                        cell.raw(": ").text(evidence);
                    }
                    cell.raw("</div>");
                }
            }),
        ]
    });
    table(
        main,
        "What the document demands",
        &["Criterion", "State", "Kind", "What", "Who says so"],
        rows,
    );
    main.raw("</section>\n");
}

fn parameters(main: &mut Html, facts: &DescribedRun) {
    let held: Vec<_> = facts.held_to.iter().flatten().collect();
    if held.is_empty() {
        return;
    }
    section(main, "parameters", "Parameters");
    let rows = held
        .iter()
        .map(|(name, given)| vec![plain(name), cell(|cell| value(cell, given))]);
    table(
        main,
        "Parameters that the run was started with",
        &["Parameter", "Value"],
        rows,
    );
    main.raw("</section>\n");
}

fn outputs(main: &mut Html, links: &Links<'_>, page: &RunPage, status: &ExecutionStatus) {
    let nodes = status.node_statuses.iter();
    let all: Vec<_> = nodes
        .flat_map(|(id, node)| {
            node.outputs
                .iter()
                .map(move |(name, value)| (id, name, value))
        })
        .take(ROWS)
        .collect();
    if all.is_empty() {
        return;
    }
    section(main, "outputs", "Outputs");
    let rows = all.iter().map(|(id, name, given)| {
        let node = PageName::Node(page.of.clone(), (*id).clone());
        vec![
            cell(|cell| link(cell, links, &node, id)),
            plain(name),
            cell(|cell| value(cell, given)),
        ]
    });
    table(main, "Outputs of nodes", &["Node", "Output", "Value"], rows);
    main.raw("</section>\n");
}

fn artifacts(main: &mut Html, status: &ExecutionStatus) {
    if status.artifacts.is_empty() {
        return;
    }
    section(main, "artifacts", "Artifacts");
    let rows = status.artifacts.iter().take(ROWS).map(|artifact| {
        let origin = artifact.origin();
        vec![
            plain(&artifact.name),
            plain(origin.node.unwrap_or_default()),
            cell(|cell| {
                artifact
                    .path
                    .iter()
                    .chain(&artifact.url)
                    .for_each(|place| web(cell, place))
            }),
            cell(|cell| {
                if let Some(commit) = origin.commit {
                    cell.element("code", &[], short(commit));
                }
            }),
            plain(
                &artifact
                    .size
                    .map_or(String::new(), |size| format!("{size} bytes")),
            ),
        ]
    });
    table(
        main,
        "Files, folders and addresses",
        &["Artifact", "Node", "Where", "Commit", "Size"],
        rows,
    );
    main.raw("</section>\n");
}

fn reviews(main: &mut Html, links: &Links<'_>, page: &RunPage, facts: &DescribedRun) {
    if facts.reviews.is_empty() {
        return;
    }
    section(main, "reviews", "Reviews");
    let rows = facts.reviews.iter().map(|one| {
        let node = PageName::Node(page.of.clone(), one.node.clone());
        let stale = if one.stale {
            " (for something else than what would run now)"
        } else {
            ""
        };
        vec![
            cell(|cell| link(cell, links, &node, &one.node)),
            plain(&format!("{}{stale}", one.action)),
            plain(&one.reviewer),
            cell(|cell| time(cell, one.time)),
            plain(one.comment.as_deref().unwrap_or_default()),
        ]
    });
    table(
        main,
        "What reviewers did",
        &["Gate", "What", "Who", "When", "Why"],
        rows,
    );
    main.raw("</section>\n");
}

fn retries(main: &mut Html, status: &ExecutionStatus) {
    if status.extensions.retried_by.is_empty() {
        return;
    }
    section(main, "retries", "Retries");
    let rows = status.extensions.retried_by.iter().map(|retry| {
        vec![
            plain(retry.node.as_deref().unwrap_or("the run")),
            plain(&retry.actor),
            cell(|cell| time(cell, retry.timestamp)),
            plain(if retry.rebind { "bound again" } else { "" }),
            plain(retry.comment.as_deref().unwrap_or_default()),
        ]
    });
    table(
        main,
        "Who asked to try again",
        &["What", "Who", "When", "How", "Why"],
        rows,
    );
    main.raw("</section>\n");
}

fn unapplied(main: &mut Html, unapplied: &[Unapplied]) {
    if unapplied.is_empty() {
        return;
    }
    section(main, "unapplied", "Records that were not applied");
    let rows = unapplied.iter().map(|one| {
        vec![
            plain(&one.action),
            plain(&one.actor),
            cell(|cell| time(cell, one.time)),
            plain(&one.reason),
            plain(&one.message),
        ]
    });
    table(
        main,
        "Records that could not be applied",
        &["What", "Who", "When", "Reason", "Why"],
        rows,
    );
    main.raw("</section>\n");
}

/// The history of a run, with its evidence.
pub fn history(main: &mut Html, links: &Links<'_>, page: &HistoryPage) -> String {
    let of = &page.of;
    let run = PageName::Run(of.clone());
    crumbs(
        main,
        links,
        &[
            ("Board", Some(PageName::Home)),
            ("Runs", Some(PageName::Runs)),
            (&of.namespace, None),
            (&of.name, Some(run)),
            ("History", None),
        ],
    );
    main.raw("<h1>History of ").text(&of.name).raw("</h1>\n");
    main.raw("<p class=\"lead\">What happened, the newest first: each row is part of a commit of the status branch, and names the record that it follows from.</p>\n");
    let rows = page.events.items.iter().map(|happened| {
        let event = Event::from(happened);
        let moved = happened
            .event
            .transition
            .as_ref()
            .map(|moved| moved.arrow());
        vec![
            cell(|cell| event.time.into_iter().for_each(|at| time(cell, at))),
            cell(|cell| {
                if let Some(id) = &event.node {
                    link(cell, links, &PageName::Node(of.clone(), id.clone()), id);
                }
            }),
            plain(moved.as_deref().unwrap_or_default()),
            cell(|cell| act(cell, &event)),
            plain(&event.message),
            cell(|cell| {
                cell.element(
                    "code",
                    &[("title", Value::from(&event.commit))],
                    short(&event.commit),
                );
            }),
        ]
    });
    table(
        main,
        "Events",
        &[
            "When",
            "Node",
            "What changed",
            "Who",
            "Why",
            "Status commit",
        ],
        rows,
    );
    if page.events.items.len() >= page.limit {
        main.element(
            "p",
            &[],
            &format!("These are the newest {}; the rest:", page.limit),
        );
        command(
            main,
            &format!("planspec log execution {} -n {}", of.name, of.namespace),
        );
    }
    for note in &page.events.notes {
        main.element("p", &[("class", "note".into())], note);
    }
    audit(main, page);
    format!("History of {} · {}", of.name, of.namespace)
}

/// The actor of an event, and the record.
fn act(cell: &mut Html, event: &Event) {
    if let Some(action) = &event.action {
        cell.text(action);
    }
    if let Some(actor) = &event.actor {
        cell.raw(" by ")
            .element("span", &[("class", "who".into())], actor);
    }
    if let Some(signed) = &event.signed {
        let by = if signed.checked {
            "signed by"
        } else {
            "signed, as the status says, by"
        };
        cell.raw("<div class=\"why\">")
            .text(&format!("{by} {}", signed.principal))
            .raw("</div>");
    }
    if let Some(record) = &event.record {
        cell.raw("<div class=\"why\">record ");
        cell.element("code", &[("title", record.into())], short(record))
            .raw("</div>");
    }
}

/// The result of the audit, and the command to repeat it.
fn audit(main: &mut Html, page: &HistoryPage) {
    section(main, "audit", "Audit");
    match &page.audited {
        Some(Ok(audited)) => verdict(main, audited),
        Some(Err(why)) => {
            main.raw("<p class=\"alarm\">It could not be audited: ");
            main.text(why).raw("</p>");
        }
        None => {}
    }
    main.raw("<p>The status is a function of the commits of the spec branch, of the records and of the time. This decides each status commit of the run once more, in any clone, and checks the signatures:</p>");
    let of = &page.of;
    command(
        main,
        &format!("planspec audit {} -n {}", of.name, of.namespace),
    );
    main.raw("</section>\n");
}

fn verdict(main: &mut Html, audited: &Audited) {
    let commits = count(audited.commits, "status commit");
    let told = |main: &mut Html, commit: &AuditedCommit| {
        main.raw("<li>").element("code", &[], short(&commit.commit));
        main.raw(": ").text(&commit.why.join("; ")).raw("</li>");
    };
    match &audited.broken {
        Some(broken) => {
            main.raw(
                "<p class=\"alarm\">A status commit does not follow from what it cites:</p><ul>",
            );
            told(main, broken);
            main.raw("</ul>\n");
        }
        None => {
            let mut parts = vec![format!(
                "{} of {commits} that say something of this run follow from what they cite",
                audited.follow
            )];
            if audited.evidence_alone > 0 {
                parts.push(format!(
                    "{} of earlier decisions were checked only against their evidence",
                    audited.evidence_alone
                ));
            }
            if audited.signatures > 0 {
                parts.push(format!(
                    "{} checked",
                    count(audited.signatures, "signature")
                ));
            }
            main.raw("<p><strong>Audited:</strong> ")
                .text(&parts.join(", "))
                .raw(".</p>\n");
        }
    }
    if !audited.unknown.is_empty() {
        main.raw("<p>What cannot be checked in this clone:</p><ul>");
        audited.unknown.iter().for_each(|commit| told(main, commit));
        main.raw("</ul>\n");
    }
    if audited.unknown_more > 0 {
        main.element(
            "p",
            &[],
            &format!("{} more.", count(audited.unknown_more, "commit")),
        );
    }
}
