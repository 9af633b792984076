//! A plan by itself, what a commit changed in it, and the list of plans.

use super::html::Html;
use super::parts::{
    Row, cell, command, conditions, context, crumbs, fact, fact_code, fact_text, link, link_of,
    phase, plain, prose, section, table, time,
};
use super::{Links, commands};
use crate::api::board::{Of, PageName, PlanPage, PlansPage, RevisionPage};
use crate::api::log::RevisionList;
use crate::core::base::digest::short;
use crate::core::base::words::count;
use crate::core::plan::graph::{Graph, GraphOf};
use crate::core::resource::{Kind, Node, ObjectRef, PlanSpec};
use crate::core::review::prose::Piece;
use crate::core::review::{Class, Event, Subject};
use crate::show::graph::GraphView;
use crate::show::review::{ChangeLine, change_lines};

/// Maximum number of nodes in a list.
const ROWS: usize = 1000;

/// All plans.
pub fn plans(main: &mut Html, links: &Links<'_>, page: &PlansPage) -> String {
    crumbs(
        main,
        links,
        &[("Board", Some(PageName::Home)), ("Plans", None)],
    );
    main.raw("<h1>Plans</h1>\n");
    if page.plans.is_empty() {
        main.raw("<p class=\"lead\">There is none yet.</p>");
        command(main, "planspec new plan NAME");
    }
    let rows = page.plans.iter().map(|plan| {
        vec![
            cell(|cell| link_of(cell, links, &plan.of, &PageName::Plan(plan.of.clone()))),
            cell(|cell| plan.phase.iter().for_each(|word| phase(cell, word))),
            plain(&plan.nodes.map_or(String::new(), |nodes| nodes.to_string())),
        ]
    });
    table(
        main,
        "Plans by namespace and name",
        &["Plan", "Phase", "Nodes"],
        rows,
    );
    if page.more > 0 {
        main.element("p", &[], &format!("{} more: planspec get plans", page.more));
    }
    "Plans".to_owned()
}

/// A plan: its purpose, its graph, its nodes, its changes, and its runs.
pub fn plan(main: &mut Html, links: &Links<'_>, page: &PlanPage) -> String {
    let of = &page.of;
    crumbs(
        main,
        links,
        &[
            ("Board", Some(PageName::Home)),
            ("Plans", Some(PageName::Plans)),
            (&of.namespace, None),
            (&of.name, None),
        ],
    );
    main.raw("<h1>").text(&of.name).raw(" ");
    page.phase.iter().for_each(|word| phase(main, word));
    main.raw("</h1>\n");
    if let Some(plan) = &page.plan {
        main.raw("<div class=\"lead\">");
        prose(main, &plan.description);
        main.raw("</div>\n");
    } else {
        main.raw("<p class=\"alarm\">Its file is gone, or cannot be read.</p>");
    }
    facts(main, links, page);
    not_ready(main, page);
    if let Some(document) = &page.document {
        super::document::intent(main, document);
    }
    runs(main, links, page);
    let graph = page.plan.as_ref();
    let graph = graph.and_then(|plan| Some((Graph::build(&plan.graph).ok()?, plan)));
    if let Some((graph, plan)) = &graph {
        let of = GraphOf {
            graph,
            spec: &plan.graph,
        };
        let view = GraphView { of, nodes: None };
        section(main, "graph", "Graph");
        super::graph::graph(main, links, view, &page.critical_path);
        main.raw("</section>\n");
        nodes(main, of);
        // The context of a plan from a document is shown with the document.
        if !plan.context.is_empty() && page.document.is_none() {
            section(main, "context", "Context");
            context(main, &plan.context);
            main.raw("</section>\n");
        }
    }
    if let Some(document) = &page.document {
        super::document::document(main, document);
    }
    match &page.revisions {
        Some(list) => revisions(main, links, of, list),
        None => {
            section(main, "revisions", "Revisions");
            main.raw("<p>The commits that changed it:</p>");
            command(
                main,
                &format!("planspec log {} -n {}", of.name, of.namespace),
            );
            main.raw("</section>\n");
        }
    }
    if !page.conditions.is_empty() {
        section(main, "conditions", "Conditions");
        conditions(main, &page.conditions);
        main.raw("</section>\n");
    }
    format!("{} · {}", of.name, of.namespace)
}

fn facts(main: &mut Html, links: &Links<'_>, page: &PlanPage) {
    let plan = page.plan.as_ref();
    let name = |reference: &ObjectRef, kind| reference.key(kind, &page.of.namespace).qualified();
    main.raw("<dl class=\"facts\">\n");
    fact(main, "Goal", |main| {
        if let Some(goal) = plan.and_then(|plan| plan.goal_ref.as_ref()) {
            main.text(&name(goal, Kind::Goal));
        }
    });
    fact(main, "Version", |main| {
        let version = |plan: &PlanSpec| Some((plan.series.clone()?, plan.version.clone()?));
        if let Some((series, version)) = plan.and_then(version) {
            main.text(&format!("{version} of {series}"));
        }
    });
    fact(main, "Supersedes", |main| {
        for one in plan.into_iter().flat_map(|plan| &plan.supersedes) {
            let before = Of::key(&one.key(Kind::Plan, &page.of.namespace));
            link_of(main, links, &before, &PageName::Plan(before.clone()));
        }
    });
    fact_code(main, "File", page.source.as_deref());
    let generation = page.metadata.generation.map(|one| one.to_string());
    fact_text(main, "Generation", &generation.unwrap_or_default());
    fact(main, "Labels", |main| {
        for (name, value) in &page.metadata.labels {
            main.element(
                "span",
                &[("class", "tag".into())],
                &format!("{name}={value}"),
            )
            .raw(" ");
        }
    });
    fact(main, "Critical path", |main| {
        if !page.critical_path.is_empty() {
            main.text(&format!(
                "{}: {}",
                count(page.critical_path.len(), "node"),
                shortened(&page.critical_path)
            ));
        }
    });
    main.raw("</dl>\n");
    if plan.is_some() {
        commands(
            main,
            &[format!(
                "planspec start {} -n {}",
                page.of.name, page.of.namespace
            )],
        );
    }
}

/// A path, with the middle of a long one left out.
fn shortened(path: &[String]) -> String {
    match path {
        [first @ .., last] if path.len() > 8 => {
            format!("{} → … → {last}", first[..6].join(" → "))
        }
        _ => path.join(" → "),
    }
}

fn not_ready(main: &mut Html, page: &PlanPage) {
    if !page.not_ready.is_empty() {
        section(main, "not-ready", "It cannot be executed yet");
        main.raw("<ul>");
        for why in &page.not_ready {
            main.element("li", &[], why);
        }
        main.raw("</ul></section>\n");
    }
    for remark in &page.capabilities {
        main.element("p", &[("class", "note".into())], remark);
    }
}

fn runs(main: &mut Html, links: &Links<'_>, page: &PlanPage) {
    if page.runs.is_empty() {
        return;
    }
    section(main, "runs", "Runs");
    let rows = page.runs.iter().map(|(of, word, start)| {
        vec![
            cell(|cell| link_of(cell, links, of, &PageName::Run(of.clone()))),
            cell(|cell| phase(cell, word)),
            cell(|cell| start.iter().for_each(|at| time(cell, *at))),
        ]
    });
    table(
        main,
        "Runs of this plan, newest first",
        &["Run", "Phase", "Started"],
        rows,
    );
    if page.runs_more > 0 {
        main.element(
            "p",
            &[],
            &format!("{} more: planspec get executions", page.runs_more),
        );
    }
    main.raw("</section>\n");
}

fn nodes(main: &mut Html, of: GraphOf<'_>) {
    section(main, "nodes", "Nodes");
    let order = of.graph.order().iter().take(ROWS);
    let rows = order.filter_map(|index| Some((*index, of.spec.nodes.get(*index)?)));
    let rows = rows.map(|(index, node)| Row {
        id: Some(super::graph::row_of(&node.id)),
        class: "",
        cells: vec![
            cell(|cell| {
                cell.text(&node.id);
                for name in node.name.iter().filter(|name| **name != node.id) {
                    cell.element("div", &[("class", "name".into())], name);
                }
            }),
            plain(&node.kind.to_string()),
            plain(&after(of, index)),
            cell(|cell| about(cell, node)),
        ],
    });
    table(
        main,
        "Nodes, each after those that it waits for",
        &["Node", "Kind", "After", "What"],
        rows,
    );
    let more = of.graph.len().saturating_sub(ROWS);
    if more > 0 {
        main.element("p", &[], &format!("{more} more: planspec graph"));
    }
    main.raw("</section>\n");
}

fn after(of: GraphOf<'_>, index: usize) -> String {
    let before: Vec<&str> = of
        .graph
        .predecessors(index)
        .map(|(one, _)| of.graph.id(one))
        .collect();
    match before.len().checked_sub(6) {
        Some(more @ 1..) => format!("{} and {more} more", before[..6].join(", ")),
        _ => before.join(", "),
    }
}

/// The description of a node, folded away if it is long.
fn about(cell: &mut Html, node: &Node) {
    if let Some(when) = &node.when {
        cell.raw("<div>only when <code>")
            .text(when)
            .raw("</code></div>");
    }
    if let Some(gate) = &node.gate_ref {
        cell.raw("<div>decided at gate ");
        cell.text(&gate.name).raw("</div>");
    }
    if !node.capability_refs.is_empty() {
        let names: Vec<&str> = node
            .capability_refs
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        cell.raw("<div>needs ")
            .text(&names.join(", "))
            .raw("</div>");
    }
    if !node.children.is_empty() {
        cell.raw("<div>holds ")
            .text(&node.children.join(", "))
            .raw("</div>");
    }
    let criteria = node.acceptance_criteria.len();
    if criteria > 0 {
        let word = if criteria == 1 {
            "criterion"
        } else {
            "criteria"
        };
        cell.raw("<div>")
            .text(&format!("{criteria} acceptance {word}"))
            .raw("</div>");
    }
    if let Some(text) = &node.description {
        cell.raw("<details><summary>Instructions</summary>");
        prose(cell, text);
        cell.raw("</details>");
    }
}

fn revisions(main: &mut Html, links: &Links<'_>, of: &Of, list: &RevisionList) {
    if list.items.is_empty() {
        return;
    }
    section(main, "revisions", "Revisions");
    let rows = list.items.iter().map(|one| {
        let page = PageName::Revision(of.clone(), one.commit.clone());
        vec![
            cell(|cell| link(cell, links, &page, short(&one.commit))),
            cell(|cell| one.time.into_iter().for_each(|at| time(cell, at))),
            plain(&one.author.name),
            plain(one.class.as_deref().unwrap_or(one.change.word())),
            cell(|cell| {
                let text = if one.summary.is_empty() {
                    &one.subject
                } else {
                    &one.summary
                };
                cell.text(text);
            }),
            cell(|cell| {
                for run in &one.executions {
                    let run_of = Of {
                        namespace: run.namespace.clone(),
                        name: run.name.clone(),
                    };
                    cell.raw("<div>");
                    link_of(cell, links, &run_of, &PageName::Run(run_of.clone()));
                    cell.raw("</div>");
                }
            }),
        ]
    });
    let head = [
        "Commit",
        "When",
        "Author",
        "Class",
        "What changed",
        "Runs on it",
    ];
    table(
        main,
        "Commits that changed the plan, newest first",
        &head,
        rows,
    );
    for note in &list.notes {
        main.element("p", &[("class", "note".into())], note);
    }
    main.raw("</section>\n");
}

/// What a commit changed in a plan.
pub fn revision(main: &mut Html, links: &Links<'_>, page: &RevisionPage) -> String {
    let of = &page.of;
    let name = short(&page.commit);
    crumbs(
        main,
        links,
        &[
            ("Board", Some(PageName::Home)),
            ("Plans", Some(PageName::Plans)),
            (&of.namespace, None),
            (&of.name, Some(PageName::Plan(of.clone()))),
            (name, None),
        ],
    );
    main.raw("<h1>What ")
        .text(name)
        .raw(" changed in ")
        .text(&of.name)
        .raw("</h1>\n");
    let class = match page.review.class() {
        Class::None => "Nothing changed in the work.".to_owned(),
        class => format!(
            "Class {class}; changes that need attention: {}.",
            page.review.dangers()
        ),
    };
    main.element("p", &[("class", "lead".into())], &class);
    for subject in &page.review.subjects {
        of_subject(main, subject);
    }
    main.raw("<p>All that a review says, with the runs that it touches and the rules:</p>");
    let base = page
        .before
        .as_deref()
        .map_or(String::new(), |base| format!("{}..", short(base)));
    commands(
        main,
        &[format!(
            "planspec review {base}{name} --plan {} -n {}",
            of.name, of.namespace
        )],
    );
    format!("{name} · {}", of.name)
}

fn of_subject(main: &mut Html, subject: &Subject) {
    main.raw("<section><h2>")
        .text(&subject.key.to_string())
        .raw("</h2>\n");
    let event = match &subject.event {
        Event::Added => "It was added.".to_owned(),
        Event::Removed => "It was removed.".to_owned(),
        Event::Left { .. } => "Its file is outside the configured paths.".to_owned(),
        Event::Changed => String::new(),
        Event::Renamed { from } => format!("Its name was {}.", from.qualified()),
        Event::Version { of } => format!(
            "It is compared with the version before, {}.",
            of.qualified()
        ),
        Event::Unreadable { now } => match now {
            true => "It cannot be read now.".to_owned(),
            false => "It could not be read before.".to_owned(),
        },
    };
    if !event.is_empty() {
        main.element("p", &[], &event);
    }
    let rows = change_lines(subject).into_iter().map(|line| {
        let is_danger = line.danger.is_some();
        Row {
            id: None,
            class: if is_danger { "danger" } else { "" },
            cells: vec![
                cell(|cell| {
                    cell.text(&line.subject);
                    if let Some(why) = &line.danger {
                        let why = format!("needs attention: {why}");
                        cell.element("div", &[("class", "why".into())], &why);
                    }
                }),
                cell(|cell| side(cell, &line, false)),
                cell(|cell| side(cell, &line, true)),
                plain(&line.effect),
            ],
        }
    });
    table(
        main,
        "What changes; what needs attention comes first",
        &["What", "Was", "Is", "So that"],
        rows,
    );
    let effects = subject.effects.iter();
    let effects: Vec<&str> = effects.map(|effect| effect.text.as_str()).collect();
    if !effects.is_empty() {
        main.raw("<ul>");
        for effect in effects {
            main.element("li", &[], effect);
        }
        main.raw("</ul>");
    }
    main.raw("</section>\n");
}

/// The value before or after; in long texts, only what this side alone has is marked.
fn side(cell: &mut Html, line: &ChangeLine, is_now: bool) {
    let (own, other) = if is_now {
        (&line.is, &line.was)
    } else {
        (&line.was, &line.is)
    };
    let Some(pieces) = &line.pieces else {
        if own.is_empty() && !other.is_empty() {
            cell.raw("<span class=\"why\">nothing</span>");
        }
        return prose(cell, own);
    };
    cell.raw("<div class=\"prose\">");
    for piece in pieces {
        match piece {
            Piece::Same(text) => cell.lines(text),
            Piece::New(text) if is_now => cell.raw("<ins>").lines(text).raw("</ins>"),
            Piece::Gone(text) if !is_now => cell.raw("<del>").lines(text).raw("</del>"),
            Piece::New(_) | Piece::Gone(_) => cell,
        };
    }
    cell.raw("</div>");
}
