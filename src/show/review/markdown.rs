//! A review in a pull request: GitHub's Markdown, within the limit of a comment.
//!
//! Everything from files is text: its punctuation becomes entities, so that it cannot end a table,
//! a tag or a link, or mention anybody.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::graph::mermaid;
use super::{Shown, words};
use crate::core::base::diagnostic::{Code, Diagnostic, Severity};
use crate::core::base::escape;
use crate::core::base::words::shortened;
use crate::core::review::prose::Piece;
use crate::core::review::scope::Outside;
use crate::core::review::scripts::{LineChange, ScriptEvent};
use crate::core::review::{Class, Event, Shape, Subject};
use crate::show::{count, scope};

/// Finds the comment that is to be updated.
pub const MARKER: &str = "<!-- planspec review -->";

/// Maximum size of the whole, in bytes: a comment holds 65,536 characters.
const PAGE: usize = 58_000;
/// Maximum size of the list of dangers, in bytes.
const DANGERS: usize = 16_000;
/// Maximum size of the table of one resource, in bytes.
const TABLE: usize = 12_000;
/// Maximum number of rows that are not folded away.
const OPEN_ROWS: usize = 12;
/// Maximum size of one cell, in bytes.
const CELL: usize = 900;

/// A review for a pull request.
pub fn render(shown: &Shown<'_>) -> String {
    let mut page = MarkdownPage::default();
    page.push(&head(shown));
    page.push(&unreadable(shown));
    page.push(&configuration(shown));
    page.push(&dangers(shown));
    page.push(&scripts(shown));
    page.push(&findings(shown));
    page.push(&of_scope(shown));
    page.push(&runs(shown));
    let mut left_out = 0;
    let subjects = shown.review.subjects.iter();
    for subject in subjects.filter(|one| one.event != Event::Unreadable { now: true }) {
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

/// Any text, escaped for Markdown.
pub(in crate::show) fn text(raw: &str) -> String {
    let shown = escape::line(raw);
    let mut out = String::with_capacity(shown.len());
    for (at, c) in shown.char_indices() {
        let (before, behind) = (&shown[..at], &shown[at + c.len_utf8()..]);
        if is_plain(before, c, behind) {
            out.push(c)
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "&#{};", u32::from(c));
        }
        // No mentions and no links to issues: forges look for names in the whole text.
        if c == '@' || c == '#' {
            out.push_str("<!-- -->");
        }
    }
    out
}

/// Whether a character certainly has no meaning in its place; any other becomes an entity.
fn is_plain(before: &str, c: char, behind: &str) -> bool {
    let next = behind.chars().next();
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match c {
        // No address that becomes a link, no number that begins a list.
        '.' => {
            let word = before.rsplit(|c: char| !c.is_alphanumeric()).next();
            let is_number = before.trim_start().chars().all(|c| c.is_ascii_digit());
            !is_number && !word.is_some_and(|word| word.eq_ignore_ascii_case("www"))
        }
        // No address, no name of an emoji.
        ':' => {
            let is_name = |c: char| c.is_alphanumeric() || "_+-".contains(c);
            let behind_name = behind.trim_start_matches(is_name);
            !behind.starts_with('/') && !behind_name.starts_with(':')
        }
        '_' => is_word(before.chars().next_back()) && is_word(next),
        '+' => !before.trim().is_empty(),
        c => c.is_alphanumeric() || " ,-/()='%;?\"".contains(c) || !c.is_ascii(),
    }
}

/// Text as code; empty for an empty text.
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

/// Maximum number of errors that are named at the top.
const ERRORS: usize = 3;

fn head(shown: &Shown<'_>) -> String {
    let (base, head) = shown.names;
    let (errors, _) = words::findings(shown);
    let starts = words::starts(shown);
    let is_unread = !words::unreadable(shown).is_empty() || words::unread_before(shown) > 0;
    let sign = match (errors, words::all_dangers(shown)) {
        (0, 0) if is_unread => "⚠️",
        (0, 0) if !starts.is_empty() => "▶️",
        (0, 0) if words::worded_otherwise(shown) > 0 => "📝",
        (0, 0) => "✅",
        (0, _) => "⚠️",
        _ => "⛔",
    };
    let mut out = format!(
        "{MARKER}\n## {sign} Plan review: {}\n\n",
        words::verdict(shown)
    );
    let failing = shown.all.iter().filter(|finding| finding.is_error());
    for error in failing.take(ERRORS) {
        let message = text(&short(&error.message));
        out.push_str(&format!(
            "- ⛔ **{}** {message}: {}\n",
            error.code,
            place(shown, error)
        ));
    }
    for (key, sentence) in starts.iter().take(ERRORS) {
        let line = format!(
            "- ▶️ {}: {}\n",
            code(&key.to_string()),
            text(&long(sentence))
        );
        out.push_str(&line);
    }
    for (key, sentence) in shown.review.went_on.iter().take(ERRORS) {
        let line = format!("- {}: {}\n", code(&key.to_string()), text(&long(sentence)));
        out.push_str(&line);
    }
    if errors > 0 || !starts.is_empty() || !shown.review.went_on.is_empty() {
        out.push('\n');
    }
    if words::is_empty(shown) {
        out.push_str(
            "No plan, gate, binding, run or setting is different, and no file that a command names or a check looks at; what scripts call in turn was not looked for.\n\n",
        );
    }
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

/// The place of a finding, as a link if its address is known.
fn place(shown: &Shown<'_>, finding: &Diagnostic) -> String {
    let told = (shown.place)(finding);
    let rest = told.strip_prefix(finding.file.as_str()).unwrap_or_default();
    let line = rest.split(':').nth(1).filter(|line| !line.is_empty());
    let name = match line {
        Some(line) => format!("{}:{line}", finding.file),
        None => finding.file.clone(),
    };
    linked(shown, &finding.file, line, &name)
}

/// A file by its name, as a link if its address is known.
fn linked(shown: &Shown<'_>, file: &str, line: Option<&str>, name: &str) -> String {
    let Some(web) = shown.web else {
        return code(name);
    };
    let mut address = web.to_owned();
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-.~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    let line = line.map_or(String::new(), |line| format!("#L{line}"));
    format!("[{}]({address}{line})", code(name))
}

/// The unreadable files and what they held: the effect on those resources is unknown.
fn unreadable(shown: &Shown<'_>) -> String {
    let files = words::unreadable(shown);
    let lines: Vec<String> = files
        .iter()
        .map(|(file, sentence)| {
            format!(
                "- ⛔ {}: {}\n",
                linked(shown, file, None, file),
                text(&long(sentence))
            )
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let list = bounded(&lines, TABLE, "- … and {} more, in `planspec review`\n");
    format!("### Cannot be read\n\n{list}")
}

/// Maximum number of files whose lines are shown.
const SCRIPTS: usize = 5;
/// Maximum number of lines of one of them.
const LINES: usize = 120;
/// Maximum number of lines that are not folded away.
const OPEN_LINES: usize = 16;

fn scripts(shown: &Shown<'_>) -> String {
    if shown.scripts.is_empty() {
        return String::new();
    }
    let mut out = "### What commands and checks find\n".to_owned();
    for script in shown.scripts.iter().take(SCRIPTS) {
        let name = linked(shown, &script.path, None, &script.path);
        // Scripts that are run are shown above.
        if script.is_run() {
            out.push_str(&format!("\n⚠️ {name}\n"));
        } else {
            out.push_str(&format!("\n✏️ {name} {}\n", text(&long(&script.words()))));
        }
        if let ScriptEvent::Lines { lines, .. } = &script.event {
            let block = diff(lines);
            out.push('\n');
            if lines.len() > OPEN_LINES {
                out.push_str(&folded(&count(lines.len(), "line"), &block))
            } else {
                out.push_str(&block)
            }
        }
    }
    let more = shown.scripts.len().saturating_sub(SCRIPTS);
    if more > 0 {
        out.push_str(&format!(
            "\n… and {}, in `planspec review`\n",
            count(more, "further file")
        ));
    }
    out
}

/// Lines in a fence that they cannot end.
fn diff(lines: &[LineChange]) -> String {
    let mut body = String::new();
    for line in lines.iter().take(LINES) {
        let (sign, line) = match line {
            LineChange::Same(line) => (' ', line.clone()),
            LineChange::Gone(line) => ('-', line.clone()),
            LineChange::New(line) => ('+', line.clone()),
            LineChange::Skipped(lines) => ('@', format!("@ {lines} the same @@")),
        };
        body.push_str(&format!("{sign}{}\n", escape::line(&short(&line))));
    }
    if lines.len() > LINES {
        body.push_str(&format!(
            "@@ {} more @@\n",
            count(lines.len() - LINES, "line")
        ));
    }
    let ticks = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(ticks.max(2) + 1);
    format!("{fence}diff\n{body}{fence}\n")
}

/// Maximum size of the changes to the configuration, in bytes.
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
            let name = code(&danger.whose);
            let why = text(&long(&danger.why));
            let allowed = danger.allowed.as_ref().map_or_else(String::new, |reason| {
                format!(" (allowed in the file: <em>{}</em>)", text(&short(reason)))
            });
            if danger.what.is_empty() {
                format!("- {name}: **{why}**{allowed}\n")
            } else {
                format!(
                    "- {name}: **{}**: {why}{allowed}\n",
                    text(&long(&danger.what))
                )
            }
        })
        .collect();
    if lines.is_empty() {
        String::new()
    } else {
        let list = bounded(&lines, DANGERS, "- … and {} more, in `planspec review`\n");
        format!("### Needs attention\n\n{list}")
    }
}

/// Maximum number of characters of a sentence that repeats what files say.
const SENTENCE: usize = 240;

fn short(text: &str) -> String {
    shortened(text, SENTENCE)
}

/// Maximum number of characters of a sentence that deserves its room.
const LONG: usize = 600;

fn long(text: &str) -> String {
    shortened(text, LONG)
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
    // Findings about the scope have a section of their own.
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
                place(shown, finding),
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

/// Which changed files are outside the scope, what to do about them, and what only people can judge.
fn of_scope(shown: &Shown<'_>) -> String {
    let Some(scoped) = shown.scope else {
        return String::new();
    };
    // If the rule is switched off, there is no finding: then no sign and no help.
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
    // The help for changed and deleted files is the same: shown once.
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
        match subject.event {
            Event::Removed | Event::Left { .. } => code(&subject.path),
            _ => linked(shown, &subject.path, None, &subject.path),
        },
    );
    out.push_str(&facts(subject));
    out.push_str(&whole_texts(subject));
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
        out.push_str(&long_texts(&lines));
    }
    // Dangerous ones are shown above.
    let notes = subject.effects.iter();
    let notes = notes.filter(|effect| !effect.danger && !effect.is_start);
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
        // In an e-mail the drawing is plain text.
        out.push_str(&folded(&drawing.title, &fenced));
    }
    out
}

/// Maximum number of facts about new resources that are not folded away.
const OPEN_FACTS: usize = 24;

/// The facts about a new resource.
fn facts(subject: &Subject) -> String {
    let facts = subject.facts.iter();
    let mut lines: Vec<String> = facts
        .map(|fact| format!("- **{}**: {}\n", text(&fact.about), text(&fact.says)))
        .collect();
    if subject.untold > 0 {
        lines.push(format!("- … and {} more\n", subject.untold));
    }
    if lines.is_empty() {
        return String::new();
    }
    let list = bounded(&lines, TABLE, "- … and {} more, in `planspec review`\n");
    if lines.len() > OPEN_FACTS {
        format!(
            "\n{}",
            folded(
                &format!("what is in it, {}", count(lines.len(), "line")),
                &list
            )
        )
    } else {
        format!("\n{list}")
    }
}

/// New texts that are too long for one line, folded away.
fn whole_texts(subject: &Subject) -> String {
    let mut out = String::new();
    for fact in &subject.texts {
        let lines: Vec<String> = fact
            .says
            .lines()
            .map(|line| text(line) + "<br>\n")
            .collect();
        let shown = bounded(
            &lines,
            FOLDED,
            "… and {} more lines, in `planspec review`\n",
        );
        let title = format!(
            "{}, the whole text, {}",
            text(&short(&fact.about)),
            count(lines.len(), "line")
        );
        out.push_str(&format!("\n{}", folded(&title, &shown)));
    }
    out
}

/// Maximum number of characters of a text difference in a table.
const IN_TABLE: usize = 700;
/// Maximum size of the differences of one text that are folded away, in bytes.
const FOLDED: usize = 8_000;

/// Removed text with its surroundings, and new text; `None` if that is too long for a table.
fn cells(pieces: &[Piece]) -> Option<[String; 2]> {
    let length = |piece: &Piece| match piece {
        Piece::Same(text) | Piece::Gone(text) | Piece::New(text) => text.chars().count(),
    };
    if pieces.iter().map(length).sum::<usize>() > IN_TABLE {
        return None;
    }
    let mut cells = [String::new(), String::new()];
    for piece in pieces {
        match piece {
            Piece::Same(same) => cells.iter_mut().for_each(|cell| cell.push_str(&text(same))),
            Piece::Gone(gone) => cells[0].push_str(&marked("del", gone)),
            Piece::New(new) => cells[1].push_str(&marked("ins", new)),
        }
    }
    Some(cells)
}

/// Removed or new words; spaces around them stay outside of the tag.
fn marked(tag: &str, words: &str) -> String {
    let bare = words.trim();
    let (before, behind) = words.split_once(bare).unwrap_or_default();
    if bare.is_empty() {
        return text(words);
    }
    format!(
        "{}<{tag}><b>{}</b></{tag}>{}",
        text(before),
        text(bare),
        text(behind)
    )
}

/// Differences of texts that are too long for the table, folded away.
fn long_texts(lines: &[words::Line<'_>]) -> String {
    let mut out = String::new();
    for line in lines {
        let Some(pieces) = line.prose.as_ref().filter(|pieces| cells(pieces).is_none()) else {
            continue;
        };
        let all: Vec<String> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Same(same) => text(same),
                Piece::Gone(gone) => marked("del", gone),
                Piece::New(new) => marked("ins", new),
            })
            .collect();
        let shown = bounded(
            &all,
            FOLDED,
            " … and {} more stretches, in `planspec review`",
        );
        let title = format!("{}, word by word", text(&short(&line.subject)));
        out.push_str(&format!("\n{}", folded(&title, &format!("{shown}\n"))));
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

/// The critical path now, and before if it was another.
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
    let [was, is] = match &line.prose {
        Some(pieces) => cells(pieces).unwrap_or_else(|| {
            let differ = |piece: &&Piece| !matches!(piece, Piece::Same(_));
            let places = pieces.iter().filter(differ).count();
            [
                String::new(),
                format!("{} gone or new, below", count(places, "place")),
            ]
        }),
        None => [code(&line.was), code(&line.is)],
    };
    format!(
        "| {sign} | {} | {was} | {is} | {} |\n",
        text(&short(&what(line))),
        follows.join("; "),
    )
}

/// What changes, with a word for it if the columns do not show it.
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
