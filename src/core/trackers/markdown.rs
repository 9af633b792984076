//! Checklists: nested, under headings, with ids and dependencies in their text.

use std::collections::{BTreeMap, BTreeSet};

use super::links::{self, is_dotted, is_key, is_number, is_step};
use super::{Format, State, Task, TaskList, speckit};

/// The mark in the first line of an exported checklist, in which ids are code spans.
pub const MARK: &str = "<!-- planspec:";

/// Reads a checklist; if no format is given, that of spec-kit is detected by its ids and marks.
pub fn read(text: &str, wanted: Option<Format>) -> TaskList {
    let mut reader = Reader::new(text);
    reader.list.is_ours = reader.is_marked;
    for (index, line) in text.lines().enumerate() {
        reader.number = index + 1;
        reader.line(line.trim_end());
    }
    let Reader {
        mut list,
        phases,
        is_marked,
        ..
    } = reader;
    for task in &mut list.tasks {
        task.description = task.description.trim().to_owned();
        if is_marked {
            continue;
        }
        let said = links::named(&task.description);
        task.after
            .extend(said.into_iter().filter(|link| link.is_sure));
    }
    let is_speckit = wanted.map_or_else(|| phases.is_speckit(), |format| format == Format::SpecKit);
    if is_speckit && !is_marked {
        list.format = Format::SpecKit;
        phases.order(&mut list.tasks);
    }
    list
}

/// A heading above the current line.
struct Heading {
    level: usize,
    title: String,
    line: usize,
    /// Its id, once there is a task below it.
    id: Option<String>,
}

/// An open list item.
struct Open {
    indent: usize,
    task: usize,
}

struct Reader {
    list: TaskList,
    phases: speckit::Phases,
    headings: Vec<Heading>,
    open: Vec<Open>,
    taken: BTreeSet<String>,
    /// How often each name was needed again.
    counts: BTreeMap<String, usize>,
    /// Whether ids are in code spans.
    is_marked: bool,
    /// The end of the current code block.
    fence: Option<String>,
    is_comment: bool,
    is_front_matter: bool,
    /// Whether the front matter, if there is one, is closed.
    has_front_matter: bool,
    /// Whether the previous line was blank.
    was_blank: bool,
    number: usize,
}

impl Reader {
    fn new(text: &str) -> Reader {
        Reader {
            list: TaskList::new(Format::Markdown),
            phases: speckit::Phases::default(),
            headings: Vec::new(),
            open: Vec::new(),
            taken: BTreeSet::new(),
            counts: BTreeMap::new(),
            is_marked: text.trim_start().starts_with(MARK),
            fence: None,
            is_comment: false,
            is_front_matter: false,
            has_front_matter: text.lines().skip(1).any(|line| line.trim_end() == "---"),
            was_blank: true,
            number: 0,
        }
    }

    fn line(&mut self, line: &str) {
        let indent = indent_of(line);
        let said = line.trim_start();
        if self.is_outside(said, line, indent) {
            return;
        }
        if self.is_marked && (said.starts_with('>') || said.starts_with('_')) {
            self.exported(indent, said);
            return;
        }
        let without = without_comments(said, &mut self.is_comment);
        let said = without.trim();
        if said.is_empty() {
            self.was_blank = true;
            self.text(indent, "");
            return;
        }
        match Line::of(said) {
            Line::Heading(level, title) => self.heading(level, title),
            Line::Task(state, text) => self.task(indent, state, text),
            Line::Broken(why) => self.list.cannot_read(self.number, why),
            Line::Text => {
                let is_lazy = !self.was_blank && !is_item(said);
                if !is_lazy {
                    self.leave(indent);
                }
                self.text(indent, line.trim());
            }
        }
        self.was_blank = false;
    }

    /// Whether a line is in a code block, a comment or the front matter.
    fn is_outside(&mut self, said: &str, line: &str, indent: usize) -> bool {
        if self.number == 1 && said == "---" && self.has_front_matter {
            self.is_front_matter = true;
            return true;
        }
        if self.is_front_matter {
            self.is_front_matter = said != "---";
            return true;
        }
        if self.is_comment {
            return false;
        }
        if let Some(fence) = &self.fence {
            let ends = said.starts_with(fence.as_str()) && said.trim_matches(['`', '~']).is_empty();
            if ends {
                self.fence = None;
            }
            self.text(indent, line.trim_end());
            return true;
        }
        let begun = ["`", "~"].map(|mark| mark.repeat(leading(said, mark)));
        if let Some(fence) = begun.into_iter().find(|fence| fence.len() >= 3) {
            self.leave(indent);
            self.fence = Some(fence);
            self.text(indent, line.trim());
            return true;
        }
        false
    }

    /// A line below a task of an exported list: `>` begins its description, `_` encloses its state.
    fn exported(&mut self, indent: usize, said: &str) {
        if let Some(line) = said.strip_prefix('>') {
            let line = line.strip_prefix(' ').unwrap_or(line);
            self.leave(indent);
            if let Some(task) = self
                .open
                .last()
                .and_then(|open| self.list.tasks.get_mut(open.task))
            {
                task.description.push_str(line);
                task.description.push('\n');
            }
        }
    }

    fn heading(&mut self, level: usize, title: &str) {
        self.open.clear();
        self.headings.retain(|above| above.level < level);
        if level == 1 && self.list.title.is_none() && self.list.tasks.is_empty() {
            self.list.title = Some(title.to_owned());
            return;
        }
        self.headings.push(Heading {
            level,
            title: title.to_owned(),
            line: self.number,
            id: None,
        });
    }

    fn task(&mut self, indent: usize, state: State, text: &str) {
        self.leave(indent);
        let parent = match self.open.last() {
            Some(open) => self.list.tasks.get(open.task).map(|task| task.id.clone()),
            None => self.section(),
        };
        let (id, rest) = leading_id(text, self.is_marked);
        let (marks, (title, after)) = if self.is_marked {
            (speckit::Marks::default(), links::exported(rest))
        } else {
            let (marks, rest) = speckit::marks(rest);
            (marks, links::taken(rest))
        };
        let title = if title.is_empty() {
            text.to_owned()
        } else {
            title
        };
        let is_named = id.is_some();
        let id = match id {
            Some(id) => id.to_owned(),
            None => self.unique(&title, parent.as_deref()),
        };
        self.taken.insert(id.clone());
        let sections = self.headings.iter().filter_map(|above| above.id.clone());
        let sections = if self.open.is_empty() {
            sections.collect()
        } else {
            Vec::new()
        };
        self.phases.add(&marks, is_named && is_step(&id), sections);
        self.open.push(Open {
            indent,
            task: self.list.tasks.len(),
        });
        self.list.tasks.push(Task {
            id,
            line: self.number,
            title,
            parent,
            after,
            state,
            labels: marks.labels,
            ..Task::default()
        });
    }

    /// The heading of a task: it becomes a group, with those above it.
    fn section(&mut self) -> Option<String> {
        let mut parent: Option<String> = None;
        for index in 0..self.headings.len() {
            let above = self.headings.get(index)?;
            let (title, line) = (above.title.clone(), above.line);
            let id = match above.id.clone() {
                Some(id) => id,
                None => {
                    let id =
                        self.unique(speckit::phase(&title).unwrap_or(&title), parent.as_deref());
                    self.taken.insert(id.clone());
                    self.phases.add_heading(&title);
                    self.list.tasks.push(Task {
                        id: id.clone(),
                        line,
                        title,
                        parent: parent.take(),
                        is_heading: true,
                        ..Task::default()
                    });
                    id
                }
            };
            self.headings.get_mut(index)?.id = Some(id.clone());
            parent = Some(id);
        }
        parent
    }

    /// A name for a task without an id: its title; for a duplicate, with its parents or a number.
    fn unique(&mut self, title: &str, parent: Option<&str>) -> String {
        let base = match parent {
            _ if !self.taken.contains(title) => return title.to_owned(),
            Some(parent) => format!("{parent} / {title}"),
            None => title.to_owned(),
        };
        if !self.taken.contains(&base) {
            return base;
        }
        // Continue the count: a list may have the same title a thousand times.
        let count = self.counts.entry(base.clone()).or_insert(1);
        loop {
            *count += 1;
            let name = format!("{base} ({count})");
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }

    /// Closes the items that this indentation is outside of.
    fn leave(&mut self, indent: usize) {
        while self.open.last().is_some_and(|open| open.indent >= indent) {
            self.open.pop();
        }
    }

    /// A line of text below a task.
    fn text(&mut self, indent: usize, line: &str) {
        let Some(open) = self.open.last() else {
            return;
        };
        let deeper = " ".repeat(indent.saturating_sub(open.indent + 2).min(40));
        if let Some(task) = self.list.tasks.get_mut(open.task) {
            if !line.is_empty() {
                task.description.push_str(&deeper);
                task.description.push_str(line.trim_start());
            }
            task.description.push('\n');
        }
    }
}

/// The kind of a line.
enum Line<'t> {
    Heading(usize, &'t str),
    Task(State, &'t str),
    /// It looks like a task, but is not one.
    Broken(String),
    Text,
}

impl<'t> Line<'t> {
    fn of(said: &'t str) -> Line<'t> {
        let level = leading(said, "#");
        let title = said.get(level..).unwrap_or_default();
        if (1..=6).contains(&level) && title.starts_with(' ') {
            return Line::Heading(level, title.trim().trim_end_matches('#').trim_end());
        }
        let Some(behind) = behind_bullet(said) else {
            return Line::Text;
        };
        let Some((mark, rest)) = behind
            .trim_start()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        else {
            return Line::Text;
        };
        if mark.chars().count() > 1 || rest.starts_with(['(', '[', ':']) {
            return Line::Text;
        }
        if mark == "P" && is_explained(rest) {
            return Line::Text;
        }
        // An optional task in Kiro's notation.
        let rest = rest.strip_prefix('*').unwrap_or(rest);
        let state = match mark {
            " " | "/" | ">" => State::Open,
            "x" | "X" => State::Done,
            "-" | "~" => State::Dropped,
            "" => {
                return Line::Broken(
                    "a task begins with `- [ ]`, with a space between the brackets".to_owned(),
                );
            }
            mark => {
                return Line::Broken(format!(
                    "`[{mark}]` is neither open (`[ ]`), done (`[x]`) nor cancelled (`[-]`)"
                ));
            }
        };
        if !behind.starts_with(' ') || !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            return Line::Broken(
                "a task is written `- [ ] text`, with spaces around the brackets".to_owned(),
            );
        }
        match rest.trim() {
            "" => Line::Broken("a task without text".to_owned()),
            text => Line::Task(state, text),
        }
    }
}

/// Whether a text says what the mark before it means, as the template of spec-kit does: `[P] tasks = …`.
fn is_explained(rest: &str) -> bool {
    let mut words = rest.split_whitespace().take(2);
    words.any(|word| matches!(word, "=" | "means"))
}

/// The text after `-`, `*`, `+`, `1.` or `1)`.
fn behind_bullet(said: &str) -> Option<&str> {
    if let Some(rest) = said.strip_prefix(['-', '*', '+']) {
        return Some(rest);
    }
    let digits = said.bytes().take_while(u8::is_ascii_digit).count();
    (1..=9).contains(&digits).then_some(())?;
    said.get(digits..)?.strip_prefix(['.', ')'])
}

fn is_item(said: &str) -> bool {
    behind_bullet(said).is_some_and(|rest| rest.starts_with(' '))
}

/// How often a mark of one byte is repeated at the beginning of a text.
fn leading(text: &str, mark: &str) -> usize {
    text.len() - text.trim_start_matches(mark).len()
}

fn indent_of(line: &str) -> usize {
    let blank = line.chars().take_while(|c| c.is_whitespace());
    blank.fold(0, |at, c| if c == '\t' { at / 4 * 4 + 4 } else { at + 1 })
}

/// A line without comments; `is_comment` says whether one continues.
fn without_comments(said: &str, is_comment: &mut bool) -> String {
    let (mut kept, mut rest) = (String::new(), said);
    loop {
        if *is_comment {
            let Some((_, behind)) = rest.split_once("-->") else {
                return kept;
            };
            (*is_comment, rest) = (false, behind);
        }
        let Some((before, behind)) = rest.split_once("<!--") else {
            kept.push_str(rest);
            return kept;
        };
        kept.push_str(before);
        (*is_comment, rest) = (true, behind);
    }
}

/// The id at the beginning of a task, and the text.
fn leading_id(text: &str, is_marked: bool) -> (Option<&str>, &str) {
    if is_marked {
        let span = text.strip_prefix('`').and_then(|rest| rest.split_once('`'));
        return match span {
            Some((id, rest)) if !id.is_empty() => (Some(id), rest.trim_start()),
            _ => (None, text),
        };
    }
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let bare = word.trim_matches(['*', '[', ']', '`', ':', '.', ')']);
    let has_marks = bare.len() < word.len();
    let is_id = match bare.strip_prefix('#') {
        Some(number) => is_number(number),
        None => {
            is_step(bare) || is_dotted(bare) || (has_marks && (is_key(bare) || is_number(bare)))
        }
    };
    let rest = rest
        .trim_start()
        .trim_start_matches(['-', '–', ':'])
        .trim_start();
    if is_id && !rest.is_empty() {
        return (Some(bare.trim_start_matches('#')), rest);
    }
    (None, text)
}
