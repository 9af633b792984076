//! Parts that several pages share.

use serde_json::Value as Json;

use super::Links;
use super::html::{Attributes, Href, Html, Value};
use crate::api::board::{Of, PageName};
use crate::core::base::time::{exact, span};
use crate::core::resource::{Condition, ConditionStatus, ContextItem, NodePhase, Time};
use crate::core::run::sentence::{self, Notation};
use crate::core::run::timeline::Sums;
use crate::core::run::transition::WaitingFor;
use crate::show::svg::sign;

/// The breadcrumbs of a page, with its own name last.
pub fn crumbs(main: &mut Html, links: &Links<'_>, way: &[(&str, Option<PageName>)]) {
    main.raw("<nav class=\"crumbs\" aria-label=\"Where this is\"><ol>");
    for (word, page) in way {
        main.open("li", &[]);
        match page.as_ref().and_then(|page| links.to(page)) {
            Some(href) => main.element("a", &[("href", (&href).into())], word),
            None => main.text(word),
        };
        main.close("li");
    }
    main.raw("</ol></nav>\n");
}

/// A link if the page exists, else only the text.
pub fn link(main: &mut Html, links: &Links<'_>, page: &PageName, text: &str) {
    match links.to(page) {
        Some(href) => main.element("a", &[("href", (&href).into())], text),
        None => main.text(text),
    };
}

/// A link to a run, with its namespace in front.
pub fn link_of(main: &mut Html, links: &Links<'_>, of: &Of, page: &PageName) {
    main.raw("<span class=\"ref\">");
    main.open("span", &[("class", "ns".into())]);
    main.text(&of.namespace).raw("/</span>");
    link(main, links, page, &of.name);
    main.raw("</span>");
}

/// Text that is a link if it is a web address.
pub fn web(main: &mut Html, text: &str) {
    match Href::web(text) {
        Some(href) => {
            let rel = ("rel", Value::from("noopener noreferrer nofollow"));
            main.element("a", &[("href", (&href).into()), rel], text);
        }
        None => {
            main.text(text);
        }
    }
}

/// The style class of a phase.
pub fn class_of(phase: &str) -> &'static str {
    match phase {
        "Running" | "Executing" => "running",
        "Blocked" | "Waiting" | "PartiallyBound" | "Planning" => "blocked",
        "Succeeded" | "Approved" | "Ready" | "Available" => "succeeded",
        "Failed" | "Rejected" | "Invalid" => "failed",
        "Skipped" => "skipped",
        "Cancelled" => "cancelled",
        _ => "pending",
    }
}

/// The sign before the word of a phase.
fn sign_of(phase: &str) -> Option<char> {
    let found = NodePhase::ALL.iter().find(|one| one.to_string() == phase);
    found.map(|phase| sign(*phase))
}

/// A phase: its colour, its sign and its word.
pub fn phase(main: &mut Html, phase: &str) {
    let word = phase.split(' ').next().unwrap_or(phase);
    let class = match class_of(word) {
        "running" => "phase running",
        "blocked" => "phase blocked",
        "succeeded" => "phase succeeded",
        "failed" => "phase failed",
        "skipped" => "phase skipped",
        "cancelled" => "phase cancelled",
        _ => "phase pending",
    };
    main.open("span", &[("class", class.into())]);
    if let Some(sign) = sign_of(word) {
        main.raw("<span aria-hidden=\"true\">");
        main.text(&sign.to_string()).raw("</span> ");
    }
    main.text(phase).close("span");
}

/// A time.
pub fn time(main: &mut Html, at: Time) {
    main.open("time", &[("datetime", Value::from(&exact(at)))]);
    let shown = at.format("%Y-%m-%d %H:%M").to_string();
    main.text(&shown).close("time");
}

/// A duration, from seconds.
fn seconds(seconds: i64) -> String {
    let begin = Time::UNIX_EPOCH;
    span(begin, begin + chrono::TimeDelta::seconds(seconds.max(0)))
}

/// The time at work and the time of waiting, if any: `18m at work`, `9m waiting`.
pub fn sums(sums: Sums) -> Vec<String> {
    let parts = [
        (sums.working, "at work"),
        (sums.waiting, "waiting"),
        (sums.earlier, "in earlier attempts"),
    ];
    let told = parts.into_iter().filter(|(long, _)| *long > 0);
    told.map(|(long, what)| format!("{} {what}", seconds(long)))
        .collect()
}

/// A command to copy.
pub fn command(main: &mut Html, text: &str) {
    main.raw("<div class=\"command\"><code>");
    // Lines break between words, and not after the first character of `-n`.
    for (number, word) in text.split(' ').enumerate() {
        if number > 0 {
            main.raw(" ");
        }
        main.element("span", &[], word);
    }
    let label = format!("Copy: {text}");
    main.raw("</code>").open(
        "button",
        &[
            ("type", "button".into()),
            ("class", "copy".into()),
            ("aria-label", Value::from(&label)),
            ("hidden", Value::Set),
        ],
    );
    main.raw("Copy</button></div>");
}

/// What is waited for, in a sentence; not yet escaped.
pub fn for_what(what: &WaitingFor) -> String {
    const PLAIN: Notation = Notation {
        word: str::to_owned,
        gate: |gate| {
            gate.split_once('/')
                .map_or(gate, |(_, name)| name)
                .to_owned()
        },
        time: |at| at.format("%Y-%m-%d %H:%M UTC").to_string(),
    };
    sentence::for_what(what, &PLAIN)
}

/// Opens a section with a title.
pub fn section(main: &mut Html, id: &'static str, title: &str) {
    main.open("section", &[("aria-labelledby", id.into())]);
    main.element("h2", &[("id", id.into())], title).raw("\n");
}

/// A name and its value in a list of facts, unless the value is empty.
pub fn fact(main: &mut Html, name: &'static str, value: impl FnOnce(&mut Html)) {
    let mut shown = Html::default();
    value(&mut shown);
    if !shown.is_empty() {
        main.raw("<div><dt>").text(name).raw("</dt><dd>");
        main.html(&shown).raw("</dd></div>\n");
    }
}

/// The same for a text, unless it is empty.
pub fn fact_text(main: &mut Html, name: &'static str, text: &str) {
    fact(main, name, |main| {
        main.text(text);
    });
}

/// The same for a time.
pub fn fact_time(main: &mut Html, name: &'static str, at: Option<Time>) {
    fact(main, name, |main| {
        if let Some(at) = at {
            time(main, at);
        }
    });
}

/// The same for an identifier.
pub fn fact_code(main: &mut Html, name: &'static str, text: Option<&str>) {
    fact(main, name, |main| {
        if let Some(text) = text {
            main.element("code", &[], text);
        }
    });
}

/// A cell of a table.
pub fn cell(value: impl FnOnce(&mut Html)) -> Html {
    let mut shown = Html::default();
    value(&mut shown);
    shown
}

/// A cell of text.
pub fn plain(text: &str) -> Html {
    cell(|cell| {
        cell.text(text);
    })
}

/// A row of a table.
pub struct Row {
    /// Its id, if something links to it.
    pub id: Option<String>,
    /// Its class in the style sheet.
    pub class: &'static str,
    /// Its cells; the first identifies the row.
    pub cells: Vec<Html>,
}

impl From<Vec<Html>> for Row {
    fn from(cells: Vec<Html>) -> Row {
        Row {
            id: None,
            class: "",
            cells,
        }
    }
}

/// A table without its empty columns. On a narrow screen each row is a block of labelled cells; the roles keep it a
/// table for screen readers.
pub fn table(
    main: &mut Html,
    caption: &str,
    head: &[&'static str],
    rows: impl IntoIterator<Item = impl Into<Row>>,
) {
    let rows: Vec<Row> = rows.into_iter().map(Into::into).collect();
    if rows.is_empty() {
        return;
    }
    let is_used = |column: usize| {
        let cell = |row: &Row| row.cells.get(column).is_some_and(|cell| !cell.is_empty());
        rows.iter().any(cell)
    };
    let used: Vec<usize> = (0..head.len()).filter(|column| is_used(*column)).collect();
    main.raw("<table class=\"stack\" role=\"table\"><caption>");
    main.text(caption);
    main.raw("</caption><thead role=\"rowgroup\"><tr role=\"row\">");
    for column in &used {
        main.raw("<th scope=\"col\" role=\"columnheader\">");
        main.text(head.get(*column).copied().unwrap_or_default());
        main.close("th");
    }
    main.raw("</tr></thead><tbody role=\"rowgroup\">\n");
    for row in &rows {
        let mut attributes = vec![("role", Value::from("row"))];
        attributes.extend(row.id.as_ref().map(|id| ("id", Value::from(id))));
        if !row.class.is_empty() {
            attributes.push(("class", row.class.into()));
        }
        main.open("tr", &attributes);
        for column in &used {
            put_cell(main, *column, head, row);
        }
        main.raw("</tr>\n");
    }
    main.raw("</tbody></table>\n");
}

fn put_cell(main: &mut Html, column: usize, head: &[&'static str], row: &Row) {
    let label = (
        "data-label",
        Value::from(head.get(column).copied().unwrap_or_default()),
    );
    let head: &Attributes<'_> = &[("scope", "row".into()), ("role", "rowheader".into())];
    let (tag, own) = match column {
        0 => ("th", head),
        _ => (
            "td",
            &[("role", Value::from("cell")), label] as &Attributes<'_>,
        ),
    };
    main.open(tag, own);
    if let Some(cell) = row.cells.get(column) {
        main.html(cell);
    }
    main.close(tag);
}

/// A JSON value: a string as text, everything else as JSON.
pub fn value(main: &mut Html, value: &Json) {
    match value {
        Json::String(text) if text.contains('\n') => prose(main, text),
        Json::String(text) => web(main, text),
        Json::Object(_) | Json::Array(_) => {
            let text = crate::core::text::json::write(value);
            main.raw("<pre tabindex=\"0\">")
                .lines(text.trim_end())
                .close("pre");
        }
        other => {
            main.element("code", &[], &other.to_string());
        }
    }
}

/// Text of several lines.
pub fn prose(main: &mut Html, text: &str) {
    if !text.trim().is_empty() {
        main.raw("<div class=\"prose\">")
            .lines(text.trim())
            .close("div");
    }
}

/// The context for workers.
pub fn context(main: &mut Html, items: &[ContextItem]) {
    for item in items {
        if let Some(name) = &item.name {
            main.element("h3", &[], name);
        }
        match &item.content {
            Some(Json::String(text)) => prose(main, text),
            Some(other) => value(main, other),
            None => {}
        }
        if !item.uris.is_empty() {
            main.raw("<ul>");
            for uri in &item.uris {
                main.raw("<li>");
                web(main, uri);
                main.close("li");
            }
            main.close("ul");
        }
    }
}

/// The conditions of a resource that report a problem, or that all is well.
pub fn conditions(main: &mut Html, all: &[Condition]) {
    let rows = all.iter().map(|one| {
        let status = match one.status {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        };
        vec![
            plain(&one.kind),
            plain(status),
            plain(&one.reason),
            plain(&one.message),
        ]
    });
    table(
        main,
        "Conditions and their reasons",
        &["Condition", "Status", "Reason", "Message"],
        rows,
    );
}

/// `done` of `of`, as a bar and in words.
pub fn progress(main: &mut Html, done: usize, of: usize, failed: usize) {
    if of == 0 {
        return;
    }
    main.text(&format!("{done} of {of}"));
    let part = |count: usize| i64::try_from(count * 1000 / of).unwrap_or(0).clamp(0, 1000);
    main.raw("<svg class=\"meter\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    bar(main, "track", (0, 1000), 10);
    bar(main, "good", (0, part(done)), 10);
    bar(main, "bad", (part(done), part(failed)), 10);
    main.raw("</svg>");
}

/// A part of a bar.
pub fn bar(main: &mut Html, class: &'static str, (x, width): (i64, i64), height: i64) {
    if width > 0 {
        main.open(
            "rect",
            &[
                ("class", class.into()),
                ("x", x.into()),
                ("y", 0.into()),
                ("width", width.into()),
                ("height", height.into()),
            ],
        );
        main.close("rect");
    }
}
