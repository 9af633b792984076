//! Task lists in JSON: Task Master, beads, GitHub, and our own export.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::words::{hold, state};
use super::{Format, Link, Refused, State, Task, TaskList, line_at, links};
use crate::core::text::locate::Lines;

/// A value in the text.
#[derive(Clone)]
struct Part {
    /// The key before it, if it is in an object.
    key: Option<String>,
    range: Range<usize>,
}

/// A JSON text with its lines.
struct Source<'t> {
    text: &'t str,
    lines: Lines<'t>,
}

impl<'t> Source<'t> {
    fn of(text: &'t str) -> Result<Source<'t>, Refused> {
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            return Err(Refused::at(
                error.line().max(1),
                format!("it is not JSON: {}", reason(&error)),
                "export the list again, or name another format with --format",
            ));
        }
        let lines = Lines::new(text);
        Ok(Source { text, lines })
    }

    fn line(&self, part: &Part) -> usize {
        line_at(&self.lines, part.range.start)
    }

    fn of_part(&self, part: &Part) -> &'t str {
        self.text.get(part.range.clone()).unwrap_or_default()
    }

    /// The root value.
    fn root(&self) -> Part {
        let start = self.text.len() - self.text.trim_start().len();
        Part {
            key: None,
            range: start..self.text.trim_end().len(),
        }
    }

    /// The values directly in an object or array; the text must be valid JSON.
    fn parts(&self, whole: &Part) -> Vec<Part> {
        let text = self.of_part(whole);
        let mut found = Vec::new();
        if !text.starts_with(['{', '[']) {
            return found;
        }
        let (mut depth, mut start, mut key) = (0_usize, 1, None);
        let (mut in_string, mut escaped) = (false, false);
        for (at, byte) in text.bytes().enumerate() {
            if in_string {
                (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
                continue;
            }
            let ends = depth == 1 && matches!(byte, b',' | b'}' | b']');
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b':' if depth == 1 => {
                    let written = text.get(start..at).unwrap_or_default();
                    key = serde_json::from_str::<String>(written).ok();
                    start = at + 1;
                }
                _ => {}
            }
            if ends {
                let written = text.get(start..at).unwrap_or_default();
                let begins = start + written.len() - written.trim_start().len();
                let range = begins..start + written.trim_end().len();
                if !range.is_empty() {
                    let range = whole.range.start + range.start..whole.range.start + range.end;
                    found.push(Part {
                        key: key.take(),
                        range,
                    });
                }
                start = at + 1;
            }
        }
        found
    }

    /// The value of a key of an object.
    fn member(&self, whole: &Part, key: &str) -> Option<Part> {
        let parts = self.parts(whole).into_iter();
        parts.rev().find(|part| part.key.as_deref() == Some(key))
    }

    fn is_array(&self, part: &Part) -> bool {
        self.of_part(part).starts_with('[')
    }

    /// Reads an entry of a list; an invalid one is reported.
    fn object(&self, part: &Part, list: &mut TaskList) -> Option<Entry> {
        entry(self.of_part(part), self.line(part), list)
    }
}

/// The error message without its place, which is reported relative to the file.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

/// An object of a list.
struct Entry {
    line: usize,
    value: Value,
}

/// Reads an entry, which must be an object with an id and a title.
fn entry(text: &str, line: usize, list: &mut TaskList) -> Option<Entry> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            list.cannot_read(line, format!("it cannot be read: {}", reason(&error)));
            return None;
        }
    };
    if !value.is_object() {
        list.cannot_read(line, "an entry that is not an object");
        return None;
    }
    let entry = Entry { line, value };
    let lacks = if entry.id("id").or_else(|| entry.id("number")).is_none() {
        "id"
    } else if entry.text("title").is_empty() {
        "title"
    } else {
        return Some(entry);
    };
    list.cannot_read(line, format!("an entry without {lacks}"));
    None
}

impl Entry {
    fn text(&self, field: &str) -> String {
        let text = self.value.get(field).and_then(Value::as_str);
        text.unwrap_or_default().trim().to_owned()
    }

    /// A field with an id: a string or a number.
    fn id(&self, field: &str) -> Option<String> {
        id_of(self.value.get(field)?)
    }

    fn list(&self, field: &str) -> &[Value] {
        // `gh` wraps lists in an object that also has their length.
        let value = self.value.get(field);
        let nodes = value.and_then(|value| value.get("nodes"));
        let list = nodes.or(value).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    }

    /// The strings of a list, or those that its entries have under a key.
    fn texts(&self, field: &str, key: &str) -> Vec<String> {
        let entries = self.list(field).iter();
        let texts = entries.filter_map(|one| one.as_str().or_else(|| one.get(key)?.as_str()));
        texts.map(str::to_owned).collect()
    }

    /// The numbers of the issues in a list.
    fn numbers(&self, field: &str) -> impl Iterator<Item = String> {
        let issues = self.list(field).iter();
        issues.filter_map(|one| id_of(one.get("number")?))
    }

    fn url(&self, field: &str) -> Option<String> {
        let url = self.text(field);
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        (is_web && !url.contains(char::is_whitespace)).then_some(url)
    }

    fn notes(&self, fields: &[(&str, &'static str)]) -> Vec<(&'static str, String)> {
        let notes = fields.iter().map(|(field, name)| (*name, self.text(field)));
        notes.filter(|(_, text)| !text.is_empty()).collect()
    }

    /// The task, with the fields that all trackers have in common.
    fn task(&self, id: String) -> Task {
        Task {
            id,
            line: self.line,
            title: self.text("title"),
            description: self.text("description"),
            state: state(&self.text("status")),
            hold: hold(&self.text("status")),
            labels: self.texts("labels", "name"),
            url: self.url("url"),
            ..Task::default()
        }
    }
}

fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Detects the format of a JSON text.
pub fn detected(text: &str) -> Format {
    let Ok(source) = Source::of(text) else {
        return Format::TaskMaster;
    };
    let root = source.root();
    if source.is_array(&root) {
        let first = source.parts(&root).into_iter().next();
        let number = first.and_then(|first| source.member(&first, "number"));
        return if number.is_some() {
            Format::Github
        } else {
            Format::Beads
        };
    }
    let kind = source.member(&root, "kind");
    if kind.is_some_and(|kind| source.of_part(&kind) == "\"TaskList\"") {
        return Format::Planspec;
    }
    // A single line of beads.
    let of_beads = ["id", "title"].map(|key| source.member(&root, key).is_some());
    if of_beads == [true, true] {
        return Format::Beads;
    }
    Format::TaskMaster
}

/// Reads the `tasks.json` of Task Master: a list of tasks, or several under tags.
pub fn task_master(text: &str, tag: Option<&str>) -> Result<TaskList, Refused> {
    let source = Source::of(text)?;
    let mut list = TaskList::new(Format::TaskMaster);
    let tasks = chosen(&source, tag, &mut list)?;
    for part in source.parts(&tasks) {
        let Some(entry) = source.object(&part, &mut list) else {
            continue;
        };
        let Some(id) = entry.id("id") else {
            continue;
        };
        let mut task = of_task_master(&entry, id.clone());
        let after = entry.list("dependencies").iter().filter_map(id_of);
        task.after = after.map(Link::to).collect();
        list.tasks.push(task);
        if let Some(subtasks) = source.member(&part, "subtasks") {
            parts_of(&source, &subtasks, &id, &mut list);
        }
    }
    Ok(list)
}

/// The subtasks of a task: their full ids include its id, but they refer to each other by their own ids alone.
fn parts_of(source: &Source<'_>, subtasks: &Part, id: &str, list: &mut TaskList) {
    let mut parts = Vec::new();
    for part in source.parts(subtasks) {
        parts.extend(source.object(&part, list));
    }
    let siblings: BTreeSet<String> = parts.iter().filter_map(|entry| entry.id("id")).collect();
    let whole = |one: String| {
        if siblings.contains(&one) && !one.starts_with(&format!("{id}.")) {
            format!("{id}.{one}")
        } else {
            one
        }
    };
    for entry in &parts {
        let Some(own) = entry.id("id") else { continue };
        let mut task = of_task_master(entry, whole(own));
        let after = entry.list("dependencies").iter().filter_map(id_of);
        task.after = after.map(whole).map(Link::to).collect();
        task.parent = Some(id.to_owned());
        list.tasks.push(task);
    }
}

/// A Task Master task or subtask.
fn of_task_master(entry: &Entry, id: String) -> Task {
    let priority = entry.text("priority");
    let labels = Some(priority).filter(|priority| !priority.is_empty());
    Task {
        notes: entry.notes(&[
            ("details", "details"),
            ("testStrategy", "test strategy"),
            ("acceptanceCriteria", "acceptance criteria"),
        ]),
        labels: labels
            .into_iter()
            .map(|priority| format!("priority: {priority}"))
            .collect(),
        ..entry.task(id)
    }
}

/// The selected list: the only one, that of `tag`, or `master`.
fn chosen(source: &Source<'_>, tag: Option<&str>, list: &mut TaskList) -> Result<Part, Refused> {
    let root = source.root();
    let tasks = |of: &Part| {
        source
            .member(of, "tasks")
            .filter(|tasks| source.is_array(tasks))
    };
    if let (Some(tasks), None) = (tasks(&root), tag) {
        return Ok(tasks);
    }
    let parts = source.parts(&root).into_iter();
    let mut tagged: Vec<(String, Part, usize)> = parts
        .filter_map(|part| {
            let line = source.line(&part);
            let tasks = tasks(&part)?;
            Some((part.key?, tasks, line))
        })
        .collect();
    let wanted = tag.unwrap_or("master");
    let found = tagged.iter().position(|(name, ..)| name == wanted);
    let found = found.or((tag.is_none() && tagged.len() == 1).then_some(0));
    let names: Vec<String> = tagged
        .iter()
        .map(|(name, ..)| format!("`{name}`"))
        .collect();
    let Some(found) = found else {
        if names.is_empty() {
            let why = "it has no list `tasks` as in Task Master";
            return Err(Refused::whole(why, "name another format with --format"));
        }
        let help = format!("name one with --tag: {}", names.join(", "));
        return Err(Refused::whole(format!("it has no tag `{wanted}`"), help));
    };
    let (_, tasks, _) = tagged.remove(found);
    for (name, other, line) in tagged {
        let count = source.parts(&other).len();
        if count > 0 && tag.is_none() {
            list.cannot_read(
                line,
                format!("tag `{name}` with {count} tasks: `--tag {name}` imports it"),
            );
        }
    }
    Ok(tasks)
}

/// Reads the issues of beads: one per line, or a list.
pub fn beads(text: &str) -> Result<TaskList, Refused> {
    let mut list = TaskList::new(Format::Beads);
    let mut entries = Vec::new();
    if text.trim_start().starts_with('[') {
        let source = Source::of(text)?;
        for part in source.parts(&source.root()) {
            entries.extend(source.object(&part, &mut list));
        }
    } else if let Ok(source) = Source::of(text) {
        entries.extend(source.object(&source.root(), &mut list));
    } else {
        for (index, line) in text.lines().enumerate() {
            if !line.trim().is_empty() {
                entries.extend(entry(line, index + 1, &mut list));
            }
        }
    }
    for entry in entries {
        let Some(id) = entry.id("id") else { continue };
        let mut task = Task {
            notes: entry.notes(&[
                ("design", "design"),
                ("acceptance_criteria", "acceptance criteria"),
                ("notes", "notes"),
            ]),
            assignees: Some(entry.text("assignee"))
                .filter(|who| !who.is_empty())
                .into_iter()
                .collect(),
            ..entry.task(id)
        };
        for dependency in entry.list("dependencies") {
            let field = |name: &str| dependency.get(name).and_then(id_of);
            // The file and the output of the command use different fields.
            let Some(other) = field("depends_on_id").or_else(|| field("id")) else {
                continue;
            };
            let kind = field("type").or_else(|| field("dependency_type"));
            match kind.as_deref() {
                Some("parent-child") => task.parent = Some(other),
                None | Some("blocks") => task.after.push(Link::to(other)),
                // Other relations do not block.
                Some(_) => {}
            }
        }
        list.tasks.push(task);
    }
    Ok(list)
}

/// Reads the output of `gh issue list --json number,title,body,state,…`.
pub fn github(text: &str) -> Result<TaskList, Refused> {
    let source = Source::of(text)?;
    let mut list = TaskList::new(Format::Github);
    let root = source.root();
    if !source.is_array(&root) {
        return Err(Refused::at(
            1,
            "it is not a list of issues",
            "write it with `gh issue list --state all --json number,title,body,state,labels,assignees,url`",
        ));
    }
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    for part in source.parts(&root) {
        let Some(entry) = source.object(&part, &mut list) else {
            continue;
        };
        let Some(number) = entry.id("number") else {
            list.cannot_read(entry.line, "an entry without a number");
            continue;
        };
        if entry
            .value
            .get("pull_request")
            .is_some_and(|value| !value.is_null())
        {
            list.cannot_read(entry.line, format!("#{number} is a pull request"));
            continue;
        }
        let task = issue(&entry, number.clone());
        let children = entry.numbers("subIssues").chain(tracked(&task.description));
        parents.extend(children.map(|child| (child, number.clone())));
        list.tasks.push(task);
    }
    for task in &mut list.tasks {
        if task.parent.is_none() {
            task.parent = parents.get(&task.id).cloned();
        }
    }
    Ok(list)
}

/// A GitHub issue.
fn issue(entry: &Entry, number: String) -> Task {
    let body = entry.text("body").replace("\r\n", "\n");
    let said = links::announced(&body);
    let blockers = entry.numbers("blockedBy").map(Link::to);
    let parent = entry.value.get("parent");
    let task = entry.task(number);
    Task {
        state: state_of_issue(entry),
        assignees: entry.texts("assignees", "login"),
        url: task.url.clone().or_else(|| entry.url("html_url")),
        after: blockers.chain(said).collect(),
        parent: parent.and_then(|parent| id_of(parent.get("number")?)),
        description: body,
        ..task
    }
}

/// `gh` prints reasons in capitals, the API does not.
fn state_of_issue(entry: &Entry) -> State {
    let is_open = state(&entry.text("state")) != State::Done;
    let reason = [entry.text("stateReason"), entry.text("state_reason")].concat();
    match (is_open, state(&reason)) {
        (true, _) => State::Open,
        (false, State::Dropped) => State::Dropped,
        (false, _) => State::Done,
    }
}

/// The issues in the checklist of a body: `- [ ] #12`.
fn tracked(body: &str) -> Vec<String> {
    let lines = body.lines().map(str::trim);
    let items = lines.filter_map(|line| {
        line.strip_prefix("- [")
            .or_else(|| line.strip_prefix("* ["))
    });
    let issues = items.filter_map(|item| item.get(1..)?.strip_prefix("] #"));
    let numbers = issues.map(|rest| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default()
    });
    numbers
        .filter(|number| links::is_number(number))
        .map(str::to_owned)
        .collect()
}

/// Reads the output of `planspec export --to json`.
pub fn planspec(text: &str) -> Result<TaskList, Refused> {
    let source = Source::of(text)?;
    let mut list = TaskList::new(Format::Planspec);
    let root = source.root();
    let Some(tasks) = source
        .member(&root, "tasks")
        .filter(|tasks| source.is_array(tasks))
    else {
        return Err(Refused::at(
            1,
            "it has no list `tasks`",
            "write it with `planspec export PLAN --to json`",
        ));
    };
    list.title = source
        .member(&root, "description")
        .and_then(|part| serde_json::from_str(source.of_part(&part)).ok());
    for part in source.parts(&tasks) {
        let Some(entry) = source.object(&part, &mut list) else {
            continue;
        };
        let Some(id) = entry.id("id") else { continue };
        let hard = entry
            .list("dependsOn")
            .iter()
            .filter_map(id_of)
            .map(Link::to);
        let soft = entry.list("softlyOn").iter().filter_map(id_of);
        let soft = soft.map(|id| Link {
            is_soft: true,
            ..Link::to(id)
        });
        let mut task = entry.task(id);
        task.state = match entry.value.get("done") {
            Some(Value::Bool(true)) => State::Done,
            _ => State::Open,
        };
        // How far a run is holds nothing back in another one.
        task.hold = None;
        task.after = hard.chain(soft).collect();
        task.parent = entry.id("parent");
        task.is_heading = entry.text("kind") == "Group";
        list.tasks.push(task);
    }
    Ok(list)
}
