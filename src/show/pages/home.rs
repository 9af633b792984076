//! The overview, and the list of runs.

use super::html::Html;
use super::parts::{
    cell, command, crumbs, fact, for_what, link, link_of, phase, plain, progress, section, table,
    time,
};
use super::{Links, commands};
use crate::api::board::{HomePage, Of, PageName, RunsPage};
use crate::api::overview::{FailedRun, OpenRun};
use crate::core::base::digest::short;
use crate::core::base::words::and_more_of_it;
use crate::core::resource::Key;
use crate::core::run::summary::concern::{Concern, Heading};
use crate::core::run::transition::Waiting;

/// The overview: most urgent first, each run once.
pub fn home(main: &mut Html, links: &Links<'_>, page: &HomePage) -> String {
    let overview = &page.overview;
    main.raw("<h1>Where everything stands</h1>\n");
    main.element("p", &[("class", "lead".into())], &overview.headline);
    if overview.is_overdue {
        main.raw("<p class=\"alarm\"><strong>Nobody seems to reconcile:</strong> the last deadline has passed more than an hour ago.</p>");
        command(main, "planspec reconcile");
    }
    if !overview.phases.is_empty() {
        main.raw("<ul class=\"counts\" aria-label=\"Runs by phase\">");
        for (word, count) in &overview.phases {
            main.raw("<li>").text(&count.to_string()).raw(" ");
            phase(main, word);
            main.close("li");
        }
        main.raw("</ul>\n");
    }
    if !overview.findings.is_empty() {
        section(main, "findings", "Findings");
        main.raw("<ul>");
        for finding in &overview.findings {
            main.element("li", &[], finding);
        }
        main.raw("</ul></section>\n");
    }
    failed(main, links, &overview.failed);
    for heading in [
        Heading::Stuck,
        Heading::People,
        Heading::Unclaimed,
        Heading::AtWork,
    ] {
        let open = overview.open.iter();
        let open: Vec<&OpenRun> = open.filter(|run| run.heading == heading.word()).collect();
        open_runs(main, links, heading, &open);
    }
    if overview.more > 0 {
        main.raw("<p>");
        main.text(&format!("{} more: ", overview.more));
        link(main, links, &PageName::Runs, "all runs");
        main.raw("</p>");
    }
    ended(main, links, page);
    goals(main, links, page);
    as_of(main, page);
    "Where everything stands".to_owned()
}

fn failed(main: &mut Html, links: &Links<'_>, failed: &[FailedRun]) {
    if failed.is_empty() {
        return;
    }
    section(main, "failed", Heading::Failed.title());
    let rows = failed.iter().map(|run| {
        let of = Of {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
        };
        vec![
            run_cell(links, &of),
            cell(|cell| run.end.into_iter().for_each(|end| time(cell, end))),
            plain(&run.why),
            cell(|cell| command(cell, &run.command)),
        ]
    });
    table(
        main,
        "Failed runs, newest first",
        &["Run", "Since", "Why", "Try again"],
        rows,
    );
    main.raw("</section>\n");
}

fn run_cell(links: &Links<'_>, of: &Of) -> Html {
    cell(|cell| link_of(cell, links, of, &PageName::Run(of.clone())))
}

fn heading_id(heading: Heading) -> (&'static str, &'static str) {
    match heading {
        Heading::Failed => ("failed", "Runs that failed"),
        Heading::Stuck => ("stuck", "Runs that continue once something is fixed"),
        Heading::People => ("people", "Runs that wait for people, longest first"),
        Heading::Unclaimed => ("unclaimed", "Runs with nodes that nobody has claimed"),
        Heading::AtWork => (
            "at-work",
            "Runs in progress, with work or waiting for a time",
        ),
    }
}

fn open_runs(main: &mut Html, links: &Links<'_>, heading: Heading, open: &[&OpenRun]) {
    if open.is_empty() {
        return;
    }
    let (id, caption) = heading_id(heading);
    section(main, id, heading.title());
    let rows = open.iter().map(|run| {
        let of = Of {
            namespace: run.namespace.clone(),
            name: run.name.clone(),
        };
        let since = run.waits.iter().find_map(|wait| wait.since).or(run.started);
        vec![
            run_cell(links, &of),
            cell(|cell| progress(cell, run.done, run.nodes, run.failed)),
            cell(|cell| since.into_iter().for_each(|since| time(cell, since))),
            cell(|cell| waits(cell, links, run)),
            cell(|cell| run.command.iter().for_each(|one| command(cell, one))),
        ]
    });
    table(
        main,
        caption,
        &["Run", "Done", "Since", "Waits for", "Command"],
        rows,
    );
    main.raw("</section>\n");
}

/// What a run waits for, with the node.
fn waits(main: &mut Html, links: &Links<'_>, run: &OpenRun) {
    main.raw("<ul class=\"waits\">");
    if run.failed > 0 {
        main.element("li", &[], &Concern::FailedNode.counted(run.failed));
    }
    for wait in &run.waits {
        main.open("li", &[]);
        waits_for(main, links, wait);
        main.close("li");
    }
    let more = and_more_of_it(run.more);
    if !more.is_empty() {
        main.element("li", &[], more.trim_start_matches("; "));
    }
    main.close("ul");
}

/// The node, and what it waits for.
fn waits_for(main: &mut Html, links: &Links<'_>, wait: &Waiting) {
    if let Some(node) = &wait.node {
        let page = PageName::Node(Of::key(&wait.execution), node.clone());
        main.raw("<strong>");
        link(main, links, &page, node);
        main.raw("</strong> ");
    }
    main.text(&for_what(&wait.what));
}

fn ended(main: &mut Html, links: &Links<'_>, page: &HomePage) {
    if page.ended.is_empty() {
        return;
    }
    section(main, "ended", "Ended last");
    let rows = page.ended.iter().map(|run| {
        vec![
            run_cell(links, &Of::key(&run.run)),
            cell(|cell| phase(cell, &run.phase.to_string())),
            cell(|cell| run.end.into_iter().for_each(|end| time(cell, end))),
            plain(&run.why),
        ]
    });
    table(
        main,
        "Finished runs, newest first",
        &["Run", "Phase", "Ended", "Why"],
        rows,
    );
    if page.ended_more > 0 {
        main.raw("<p>");
        main.text(&format!("{} more are over: ", page.ended_more));
        link(main, links, &PageName::Runs, "all runs");
        main.raw("</p>");
    }
    main.raw("</section>\n");
}

fn goals(main: &mut Html, links: &Links<'_>, page: &HomePage) {
    if page.goals.is_empty() {
        return;
    }
    section(main, "goals", "Goals");
    let plan = |main: &mut Html, key: &Key| {
        let of = Of::key(key);
        link_of(main, links, &of, &PageName::Plan(of.clone()));
    };
    let rows = page.goals.iter().map(|goal| {
        vec![
            plain(&goal.goal.qualified()),
            cell(|cell| phase(cell, &goal.summary.phase.to_string())),
            cell(|cell| goal.summary.plan.iter().for_each(|key| plan(cell, key))),
        ]
    });
    table(
        main,
        "Goals, and the plan that serves each",
        &["Goal", "Phase", "Plan"],
        rows,
    );
    if page.goals_more > 0 {
        main.element(
            "p",
            &[],
            &format!("{} more: planspec get goals", page.goals_more),
        );
    }
    main.raw("</section>\n");
}

/// The state that this page shows.
fn as_of(main: &mut Html, page: &HomePage) {
    let overview = &page.overview;
    main.raw("<dl class=\"facts small\">");
    fact(main, "Observed commit", |main| {
        if let Some(commit) = &overview.observed_commit {
            main.element("code", &[], short(commit));
        }
    });
    fact(main, "Status", |main| {
        if let Some(commit) = &overview.status_commit {
            main.element("code", &[], short(commit));
            main.text(&format!(", sequence {}", overview.sequence));
        }
    });
    fact(main, "As of", |main| {
        page.time.into_iter().for_each(|at| time(main, at))
    });
    fact(main, "Next deadline", |main| {
        overview
            .next_deadline
            .into_iter()
            .for_each(|at| time(main, at));
    });
    main.raw("</dl>\n");
    if page.time.is_none() {
        commands(main, &["planspec reconcile".to_owned()]);
    }
}

/// All runs.
pub fn runs(main: &mut Html, links: &Links<'_>, page: &RunsPage) -> String {
    crumbs(
        main,
        links,
        &[("Board", Some(PageName::Home)), ("Runs", None)],
    );
    main.raw("<h1>Runs</h1>\n");
    if page.runs.is_empty() {
        main.raw("<p class=\"lead\">There is none yet.</p>");
        command(main, "planspec start PLAN");
    }
    let rows = page.runs.iter().map(|(of, run)| {
        let done = run.progress.as_ref();
        vec![
            run_cell(links, of),
            cell(|cell| phase(cell, &run.phase.to_string())),
            cell(|cell| {
                if let Some(done) = done {
                    progress(cell, done.ended, done.nodes, done.failed);
                }
            }),
            cell(|cell| run.start.into_iter().for_each(|at| time(cell, at))),
            cell(|cell| run.end.into_iter().for_each(|at| time(cell, at))),
            cell(|cell| {
                let plan = run.plan.as_deref().and_then(|plan| plan.split_once('/'));
                if let Some((namespace, name)) = plan {
                    let (namespace, name) = (namespace.to_owned(), name.to_owned());
                    let plan = Of { namespace, name };
                    link_of(cell, links, &plan, &PageName::Plan(plan.clone()));
                }
            }),
        ]
    });
    let head = ["Run", "Phase", "Done", "Started", "Ended", "Plan"];
    table(
        main,
        "Runs in progress, then finished runs, newest first",
        &head,
        rows,
    );
    if page.more > 0 {
        main.element(
            "p",
            &[],
            &format!("{} more: planspec get executions", page.more),
        );
    }
    "Runs".to_owned()
}
