//! A review in a pull request: GitHub's Markdown, below what a comment may hold.
//!
//! Whatever comes from files is text, wherever it stands: punctuation becomes entities, so that
//! it ends no table, no tag, no link and no mention.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::graph::mermaid;
use super::{Shown, words};
use crate::core::base::diagnostic::{Code, Diagnostic, Severity};
use crate::core::base::escape;
use crate::core::review::scope::Outside;
use crate::core::review::{Class, Event, Shape, Subject};
use crate::show::{count, scope};

/// What finds the comment again that is to be kept up to date.
pub const MARKER: &str = "<!-- planspec review -->";

/// Most bytes of the whole: a comment holds 65,536 characters.
const PAGE: usize = 58_000;
/// Most bytes of what is dangerous.
const DANGERS: usize = 16_000;
/// Most bytes of the table of one resource.
const TABLE: usize = 12_000;
/// Most rows that are not folded away.
const OPEN_ROWS: usize = 12;
/// Most bytes of one cell.
const CELL: usize = 900;

/// A review for a pull request.
pub fn render(shown: &Shown<'_>) -> String {
    let mut page = MarkdownPage::default();
    page.push(&head(shown));
    page.push(&configuration(shown));
    page.push(&dangers(shown));
    page.push(&findings(shown));
    page.push(&of_scope(shown));
    page.push(&runs(shown));
    let mut left_out = 0;
    for subject in &shown.review.subjects {
        let section = of_subject(shown, subject, true);
        if page.fits(&section) {
            page.push(&section);
            continue;
        }
        // Try it without its graph, then in one line, else leave it out.
        let shorter = [of_subject(shown, subject, false), one_line(shown, subject)];
        match shorter.iter().find(|section| page.fits(section)) {
            Some(section) => page.push(section),
            None => left_out += 1,
        }
    }
    if left_out > 0 {
        let what = count(left_out, "further resource");
        page.out.push_str(&format!(
            "\n> {what} changed and found no room here: run `planspec review` for all of it.\n"
        ));
    }
    page.out
}

#[derive(Default)]
struct MarkdownPage {
    out: String,
}

impl MarkdownPage {
    fn fits(&self, section: &str) -> bool {
        self.out.len() + section.len() <= PAGE
    }

    fn push(&mut self, section: &str) {
        if section.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(section);
    }
}

/// Text from anywhere, as text in Markdown.
pub(in crate::show) fn text(raw: &str) -> String {
    let shown = escape::line(raw);
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        // What is known to mean nothing: everything else becomes an entity.
        let is_plain = c.is_alphanumeric() || " ,-/()='%".contains(c) || !c.is_ascii();
        if is_plain {
            out.push(c)
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "&#{};", u32::from(c));
        }
        // No mention of anybody, no link to an issue: names are looked for in whole texts.
        if c == '@' || c == '#' {
            out.push_str("<!-- -->");
        }
    }
    // A hash or a reference is looked for between spaces.
    out
}

/// Text as code; nothing for no text.
pub(in crate::show) fn code(raw: &str) -> String {
    if raw.is_empty() {
        return String::new();
    }
    let mut out = text(raw);
    if out.len() > CELL {
        let short: String = raw.chars().take(CELL / 8).collect();
        out = format!("{}…", text(&short));
    }
    format!("<code>{out}</code>")
}

fn head(shown: &Shown<'_>) -> String {
    let (base, head) = shown.names;
    let (errors, _) = words::findings(shown);
    let sign = match (errors, words::all_dangers(shown)) {
        (0, 0) => "✅",
        (0, _) => "⚠️",
        _ => "⛔",
    };
    let mut out = format!(
        "{MARKER}\n## {sign} Plan review: {}\n\n",
        words::verdict(shown)
    );
    if !shown.review.is_empty() {
        let class = match shown.review.class() {
            Class::None => String::new(),
            class => format!(", class **{class}**"),
        };
        out.push_str(&format!("{}{class}. ", words::counts(shown)));
    }
    out.push_str(&format!("<sub>{} → {}</sub>\n", code(base), code(head)));
    out
}

/// Most bytes of what changes in the configuration.
const CONFIGURATION: usize = 12_000;

fn configuration(shown: &Shown<'_>) -> String {
    if shown.configuration.is_empty() {
        return String::new();
    }
    let changes = shown.configuration.iter().map(|change| {
        let what = code(&change.words());
        match &change.danger {
            Some(danger) => format!("- ⚠️ {what}: **{}**\n", text(&short(danger))),
            None => format!("- {what}\n"),
        }
    });
    let now = shown.concerned.iter();
    let now = now.map(|one| format!("- now: {}\n", text(&one.text)));
    let lines: Vec<String> = changes.chain(now).collect();
    let list = bounded(
        &lines,
        CONFIGURATION,
        "- … and {} more, in `planspec review`\n",
    );
    format!("### Configuration\n\n{list}")
}

fn dangers(shown: &Shown<'_>) -> String {
    let lines: Vec<String> = words::dangers(shown)
        .iter()
        .map(|danger| {
            let name = code(&danger.key.to_string());
            let why = text(&short(&danger.why));
            if danger.what.is_empty() {
                format!("- {name}: **{why}**\n")
            } else {
                format!("- {name}: **{}**: {why}\n", text(&danger.what))
            }
        })
        .collect();
    if lines.is_empty() {
        String::new()
    } else {
        let list = bounded(&lines, DANGERS, "- … and {} more, in `planspec review`\n");
        format!("### To look at twice\n\n{list}")
    }
}

/// Most characters of a sentence that repeats what files say.
const SENTENCE: usize = 240;

fn short(text: &str) -> String {
    if text.chars().count() > SENTENCE {
        format!("{}…", text.chars().take(SENTENCE).collect::<String>())
    } else {
        text.to_owned()
    }
}

/// As many lines as fit, and how many more there are.
fn bounded(lines: &[String], most: usize, more: &str) -> String {
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        if out.len() + line.len() > most {
            out.push_str(&more.replace("{}", &(lines.len() - number).to_string()));
            break;
        }
        out.push_str(line);
    }
    out
}

fn findings(shown: &Shown<'_>) -> String {
    // What is outside the scope has a section of its own.
    let found = shown.findings.iter();
    let mut found: Vec<_> = found.filter(|finding| !is_about_scope(finding)).collect();
    if found.is_empty() {
        return String::new();
    }
    found.sort_by_key(|finding| (!finding.is_error(), (*finding).clone()));
    let rows: Vec<String> = found
        .iter()
        .map(|finding| {
            let sign = sign(finding);
            let help = finding.help.as_deref().map_or_else(String::new, |help| {
                format!("<br/><em>{}</em>", text(&short(help)))
            });
            format!(
                "| {sign} | {} | {}{help} | {} |\n",
                finding.code,
                text(&short(&finding.message)),
                code(&(shown.place)(finding)),
            )
        })
        .collect();
    let rows = bounded(
        &rows,
        TABLE,
        "| | | … and {} more, in `planspec review` | |\n",
    );
    format!("### Rules\n\n| | rule | what is wrong | where |\n|---|---|---|---|\n{rows}")
}

fn is_about_scope(finding: &Diagnostic) -> bool {
    finding.code == Code::OUT_OF_SCOPE
}

fn sign(finding: &Diagnostic) -> &'static str {
    match finding.severity {
        Severity::Error => "⛔",
        Severity::Warning => "⚠️",
    }
}

/// Which changed files are outside, the ways out, and what only people can judge.
fn of_scope(shown: &Shown<'_>) -> String {
    let Some(scoped) = shown.scope else {
        return String::new();
    };
    // There is none where the rule is switched off: then no sign and no way out.
    let finding = shown.findings.iter().find(|one| is_about_scope(one));
    let sign = finding.map_or(String::new(), |one| format!("{} ", sign(one)));
    let sentence = text(&short(&scope::sentence(scoped)));
    let mut out = match scoped.unreadable {
        Some(_) => format!("### Scope\n\n{sign}{sentence}\n"),
        None => format!("### Scope\n\n{sentence}\n"),
    };
    if let Some(line) = scope::beside_the_plan(scoped) {
        out.push_str(&format!("\n{}\n", text(&line)));
    }
    let outside = scoped.outside.iter();
    let files: Vec<String> = outside
        .clone()
        .map(|one| {
            format!(
                "- {sign}{}: {}\n",
                code(&one.path),
                text(&short(&one.why()))
            )
        })
        .collect();
    // The same help for changed and deleted files: told once.
    let way = |one: &Outside| Outside {
        deleted: false,
        ..one.clone()
    };
    let all: BTreeSet<String> = outside.map(|one| scoped.help(&way(one))).collect();
    let ways = all.iter().filter(|_| finding.is_some());
    let ways: Vec<String> = ways
        .filter(|way| !all.iter().any(|other| other.ends_with(&format!(": {way}"))))
        .map(|way| format!("- <em>{}</em>\n", text(way)))
        .collect();
    let not_checkable = scope::not_checkable(scoped).into_iter();
    let not_checkable: Vec<String> = not_checkable
        .map(|line| format!("- {}\n", text(&line)))
        .collect();
    let more = "- … and {} more, in `planspec review`\n";
    let parts = [
        ("", files),
        ("Ways out:\n\n", ways),
        ("Not checkable:\n\n", not_checkable),
    ];
    for (title, lines) in parts.iter().filter(|(_, lines)| !lines.is_empty()) {
        out.push_str(&format!("\n{title}{}", bounded(lines, TABLE / 2, more)));
    }
    out
}

fn runs(shown: &Shown<'_>) -> String {
    if let Some(why) = words::runs_unknown(shown) {
        return format!("### Runs\n\n⚠️ {}\n", text(&short(&why)));
    }
    let mut lines = Vec::new();
    for touched in shown.touched {
        lines.push(format!("- {}\n", text(&words::run(touched))));
        for approval in words::approvals(touched) {
            lines.push(format!("  - {}\n", text(&short(&approval))));
        }
    }
    if lines.is_empty() {
        String::new()
    } else {
        let list = bounded(&lines, TABLE, "- … and {} more, in `planspec review`\n");
        format!("### Runs\n\n{list}")
    }
}

fn one_line(shown: &Shown<'_>, subject: &Subject) -> String {
    format!(
        "### {}\n\n{}; {}: run `planspec review` for the details.\n",
        text(&subject.key.to_string()),
        text(&words::event(shown, subject)),
        count(subject.changes.len(), "change"),
    )
}

fn of_subject(shown: &Shown<'_>, subject: &Subject, with_graph: bool) -> String {
    let mut out = format!(
        "### {}\n\n{} <sub>{}</sub>\n",
        text(&subject.key.to_string()),
        text(&words::event(shown, subject)),
        code(&subject.path),
    );
    if let Some((before, after)) = &subject.shape {
        out.push_str(&shape(subject, before.as_ref(), after.as_ref()));
    }
    let lines = words::lines(subject);
    if !lines.is_empty() {
        let rows: Vec<String> = lines.iter().map(row).collect();
        let header = "| | what | before | now | what follows |\n|---|---|---|---|---|\n";
        let more = "| | … and {} more, in `planspec review` | | | |\n";
        let table = format!("{header}{}", bounded(&rows, TABLE, more));
        out.push('\n');
        if rows.len() <= OPEN_ROWS {
            out.push_str(&table)
        } else {
            let all = count(rows.len(), "change");
            out.push_str(&folded(&all, &table));
        }
    }
    // Those that are dangerous stand above.
    let notes = subject.effects.iter().filter(|effect| !effect.danger);
    let notes: Vec<String> = notes
        .map(|effect| format!("- {}\n", text(&short(&effect.text))))
        .collect();
    if !notes.is_empty() {
        let more = "- … and {} more, in `planspec review`\n";
        out.push('\n');
        out.push_str(&bounded(&notes, TABLE / 2, more));
    }
    if with_graph && let Some(drawing) = mermaid(shown, subject) {
        out.push('\n');
        let fenced = format!("```mermaid\n{}```\n", drawing.text);
        if drawing.is_large {
            out.push_str(&folded(&drawing.title, &fenced))
        } else {
            out.push_str(&fenced);
            let _ = writeln!(out, "\n<sub>{}</sub>", drawing.title);
        }
    }
    out
}

fn folded(title: &str, content: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{content}\n</details>\n")
}

fn shape(subject: &Subject, before: Option<&Shape>, after: Option<&Shape>) -> String {
    let rows = words::shape(before, after);
    let one_side = rows
        .iter()
        .all(|[_, was, is]| was == is || was.is_empty() || is.is_empty());
    if one_side {
        let shape = after.or(before);
        let numbers = rows
            .iter()
            .map(|[name, was, is]| format!("{name} {}", if is.is_empty() { was } else { is }));
        let numbers = numbers.collect::<Vec<String>>().join(", ");
        return match shape {
            Some(shape) => format!("\n{numbers}\n{}", critical(None, Some(shape))),
            None => String::new(),
        };
    }
    let cells = |cell: &dyn Fn(&[String; 3]) -> String| -> String {
        let cells: Vec<String> = rows.iter().map(cell).collect();
        format!(" {} |\n", cells.join(" | "))
    };
    let mut out = format!("\n| |{}", cells(&|[name, ..]| name.clone()));
    out.push_str(&format!("|---|{}\n", "---|".repeat(rows.len())));
    let is_new = matches!(subject.event, Event::Added);
    if before.is_some() {
        out.push_str(&format!("| before |{}", cells(&|[_, was, _]| text(was))));
    }
    if after.is_some() {
        let changed = |[_, was, is]: &[String; 3]| {
            if was == is || is_new {
                text(is)
            } else {
                format!("**{}**", text(is))
            }
        };
        out.push_str(&format!("| now |{}", cells(&changed)));
    }
    out.push_str(&critical(before, after));
    out
}

/// The critical path now, and what it was when that was another.
fn critical(before: Option<&Shape>, after: Option<&Shape>) -> String {
    let path = |shape: Option<&Shape>| {
        let shape = shape.filter(|shape| shape.nodes > 1);
        shape.map(|shape| text(&words::path(shape)))
    };
    match (path(before), path(after)) {
        (Some(was), Some(is)) if was != is => {
            format!("\n<sub>Critical path: {is}</sub>\n\n<sub>It was: {was}</sub>\n")
        }
        (_, Some(is)) => format!("\n<sub>Critical path: {is}</sub>\n"),
        _ => String::new(),
    }
}

fn row(line: &words::Line<'_>) -> String {
    let sign = match (line.change.danger.is_some(), words::sign(line.change)) {
        (true, _) => "⚠️",
        (false, '+') => "➕",
        (false, '-') => "➖",
        _ => "✏️",
    };
    let danger = line
        .change
        .danger
        .iter()
        .map(|danger| format!("**{}**", text(&short(danger))));
    let effect = Some(&line.effect).filter(|effect| !effect.is_empty());
    let follows: Vec<String> = danger.chain(effect.map(|effect| text(effect))).collect();
    format!(
        "| {sign} | {} | {} | {} | {} |\n",
        text(&short(&what(line))),
        code(&line.was),
        code(&line.is),
        follows.join("; "),
    )
}

/// What changes, with the word for it where the columns do not say it.
fn what(line: &words::Line<'_>) -> String {
    let is_bare = line.was.is_empty() && line.is.is_empty();
    match words::sign(line.change) {
        '+' if is_bare => format!("{} added", line.subject),
        '-' if is_bare => format!("{} removed", line.subject),
        '+' => format!("{} added", line.subject),
        '-' => format!("{} removed", line.subject),
        _ => line.subject.clone(),
    }
}
