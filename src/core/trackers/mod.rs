//! Task lists as people and tools keep them, and plans: each becomes the other.
//!
//! Every reader fills a [`TaskList`]; [`settled`] sees that it makes a graph, [`plan`] makes a plan of it, or brings one up to
//! date. The other way round, [`export`] makes a list of a plan, or of a run as it stands, and writes that for a tracker.

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

/// How a task list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A checklist.
    Markdown,
    /// The `tasks.md` of spec-kit: a checklist with ids, phases, and marks for what can be done side by side.
    SpecKit,
    /// The `tasks.json` of Task Master.
    TaskMaster,
    /// The issues of beads, one a line.
    Beads,
    /// What `gh issue list --json` prints.
    Github,
    /// A table.
    Csv,
    /// What `planspec export --to json` prints.
    Planspec,
}

impl Format {
    /// What it is called on the command line.
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

/// Tasks, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskList {
    /// How it was written.
    pub format: Format,
    /// What the list is called.
    pub title: Option<String>,
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Whether this program wrote it: what it does not say of a node is no reason to take that away.
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
    /// What the list calls it.
    pub id: String,
    /// The line that it begins on, from 1.
    pub line: usize,
    /// What it is about, on one line.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// Further texts, by what they are.
    pub notes: Vec<(&'static str, String)>,
    /// What it is a part of.
    pub parent: Option<String>,
    /// What it waits for.
    pub after: Vec<Link>,
    /// How it stands.
    pub state: State,
    /// Why it is not to be begun now, as the list says.
    pub hold: Option<Hold>,
    /// Whether it is a heading: it is there for its parts alone.
    pub is_heading: bool,
    /// Where it is kept.
    pub url: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Who is to do it.
    pub assignees: Vec<String>,
}

/// How a task stands in its list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// To be done.
    #[default]
    Open,
    /// Done.
    Done,
    /// Given up.
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

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// What the list calls that.
    pub id: String,
    /// Whether it only has to be over.
    pub is_soft: bool,
    /// Whether the words can mean nothing but a task.
    pub is_sure: bool,
}

impl Link {
    /// It has to succeed first.
    fn to(id: impl Into<String>) -> Link {
        Link {
            id: id.into(),
            is_soft: false,
            is_sure: true,
        }
    }
}

/// What could not be read, or was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The line, from 1.
    pub line: usize,
    /// What, and why.
    pub what: String,
}

/// Why a list cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line, from 1, where it is one.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
    /// The way out.
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
    /// How it is written; found out when not set.
    pub format: Option<Format>,
    /// Which of several lists in one file.
    pub tag: Option<&'a str>,
}

/// Read a task list as it stands.
///
/// # Errors
/// It is no text, or not of that format; it holds no task.
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
                format!("there is no task in it that can be read: {}", first.what),
            ),
            None => (None, "there is no task in it".to_owned()),
        };
        let help = "a checklist has lines such as `- [ ] Write the tests`; other formats are named with --format";
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
        return Err(Refused::at(1, "it is UTF-16, and not UTF-8", help));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Refused::at(line, "it is not UTF-8 text", help)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The format that a file is probably written in.
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
        // One object a line.
        Some('{') => Format::Beads,
        _ if ends(".csv") || ends(".tsv") || (!ends(".md") && csv::is_table(text)) => Format::Csv,
        _ => Format::Markdown,
    }
}

/// The line of a place, from 1.
fn line_at(lines: &Lines<'_>, offset: usize) -> usize {
    lines.position(offset).0
}
