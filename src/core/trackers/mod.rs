//! Converts between plans and task lists of people and tools.
//!
//! Every reader fills a [`TaskList`]; [`settled`] makes sure that it forms a graph; [`plan`] makes a plan of it, or
//! updates one. In the other direction, [`export`] makes a list from a plan or from the current state of a run, for a
//! tracker.

pub mod csv;
pub mod export;
pub mod github;
mod json;
mod links;
mod markdown;
pub mod plan;
mod settle;
mod speckit;
#[cfg(test)]
mod tests;
mod words;

pub use settle::{Settling, settled};

use crate::core::text::locate::Lines;

/// The format of a task list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A checklist.
    Markdown,
    /// The `tasks.md` of spec-kit: a checklist with ids, phases, and marks for parallel tasks.
    SpecKit,
    /// The `tasks.json` of Task Master.
    TaskMaster,
    /// The issues of beads, one per line.
    Beads,
    /// The output of `gh issue list --json`.
    Github,
    /// A table.
    Csv,
    /// The output of `planspec export --to json`.
    Planspec,
}

impl Format {
    /// The name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Format::Markdown => "markdown",
            Format::SpecKit => "spec-kit",
            Format::TaskMaster => "task-master",
            Format::Beads => "beads",
            Format::Github => "github",
            Format::Csv => "csv",
            Format::Planspec => "planspec",
        }
    }
}

/// A task list, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskList {
    /// Its format.
    pub format: Format,
    /// Its title.
    pub title: Option<String>,
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Errors that were skipped.
    pub unread: Vec<Unread>,
    /// Whether this program wrote it; then a missing field does not mean that it was removed.
    pub is_ours: bool,
}

impl TaskList {
    fn new(format: Format) -> TaskList {
        TaskList {
            format,
            title: None,
            tasks: Vec::new(),
            unread: Vec::new(),
            is_ours: format == Format::Planspec,
        }
    }

    fn cannot_read(&mut self, line: usize, what: impl Into<String>) {
        let what = what.into();
        self.unread.push(Unread { line, what });
    }
}

/// A task of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// Its id in the list.
    pub id: String,
    /// The line where it begins, from 1.
    pub line: usize,
    /// The title, on one line.
    pub title: String,
    /// The description.
    pub description: String,
    /// Further texts, by kind.
    pub notes: Vec<(&'static str, String)>,
    /// The task that it is a part of.
    pub parent: Option<String>,
    /// The tasks that it depends on.
    pub after: Vec<Link>,
    /// The state.
    pub state: State,
    /// Why it is not to be begun now, as the list says.
    pub hold: Option<Hold>,
    /// Whether it is a heading, which only groups other tasks.
    pub is_heading: bool,
    /// Its URL.
    pub url: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// The assignees.
    pub assignees: Vec<String>,
}

/// The state of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Open.
    #[default]
    Open,
    /// Done.
    Done,
    /// Dropped.
    Dropped,
}

/// Why a task that is to be done is not to be begun now. A plan has no such state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Something is in its way.
    Blocked,
    /// It is put off.
    Deferred,
}

/// A dependency of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The id of the other task in the list.
    pub id: String,
    /// Whether the other task only has to end.
    pub is_soft: bool,
    /// Whether the text certainly means a task.
    pub is_sure: bool,
}

impl Link {
    /// A hard dependency.
    fn to(id: impl Into<String>) -> Link {
        Link {
            id: id.into(),
            is_soft: false,
            is_sure: true,
        }
    }
}

/// Something that could not be read, or was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The line, from 1.
    pub line: usize,
    /// What it is, and why.
    pub what: String,
}

/// The error of a list that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line, from 1, if there is one.
    pub line: Option<usize>,
    /// The message.
    pub why: String,
    /// How to fix it.
    pub help: String,
}

impl Refused {
    fn at(line: usize, why: impl Into<String>, help: impl Into<String>) -> Refused {
        Refused {
            line: Some(line),
            ..Refused::whole(why, help)
        }
    }

    fn whole(why: impl Into<String>, help: impl Into<String>) -> Refused {
        Refused {
            line: None,
            why: why.into(),
            help: help.into(),
        }
    }
}

/// How to read a list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading<'a> {
    /// The name of the file.
    pub name: &'a str,
    /// The format; `None` detects it.
    pub format: Option<Format>,
    /// The tag of one of several lists.
    pub tag: Option<&'a str>,
}

/// Reads a task list, without further checks.
///
/// # Errors
/// It is not text, or not in this format; it has no tasks.
pub fn read(bytes: &[u8], how: Reading<'_>) -> Result<TaskList, Refused> {
    let text = text_of(bytes)?;
    let list = match how.format.unwrap_or_else(|| detected(how.name, text)) {
        format @ (Format::Markdown | Format::SpecKit) => {
            let wanted = how.format.map(|_| format);
            markdown::read(text, wanted)
        }
        Format::Csv => csv::read(text)?,
        Format::Beads => json::beads(text)?,
        Format::Github => json::github(text)?,
        Format::TaskMaster => json::task_master(text, how.tag)?,
        Format::Planspec => json::planspec(text)?,
    };
    if list.tasks.is_empty() {
        let (line, why) = match list.unread.first() {
            Some(first) => (
                Some(first.line),
                format!("none of its tasks can be read: {}", first.what),
            ),
            None => (None, "it has no tasks".to_owned()),
        };
        let help = "a checklist has lines such as `- [ ] Write the tests`; name another format with --format";
        return Err(Refused {
            line,
            why,
            help: help.to_owned(),
        });
    }
    Ok(list)
}

fn text_of(bytes: &[u8]) -> Result<&str, Refused> {
    let help = "save it as UTF-8, for example with `iconv -t UTF-8`";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Refused::at(1, "it is UTF-16, not UTF-8", help));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Refused::at(line, "it is not UTF-8 text", help)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Detects the format of a file.
fn detected(name: &str, text: &str) -> Format {
    let name = name.to_ascii_lowercase();
    let ends = |ending: &str| name.ends_with(ending);
    if ends(".jsonl") || ends(".ndjson") {
        return Format::Beads;
    }
    let first = text.trim_start().chars().next();
    let is_json = ends(".json") || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match first {
        Some('[' | '{') if is_json => json::detected(text),
        // One object per line.
        Some('{') => Format::Beads,
        _ if ends(".csv") || ends(".tsv") || (!ends(".md") && csv::is_table(text)) => Format::Csv,
        _ => Format::Markdown,
    }
}

/// The line of an offset, from 1.
fn line_at(lines: &Lines<'_>, offset: usize) -> usize {
    lines.position(offset).0
}
