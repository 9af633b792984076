//! CSV tables, as exported by GitHub, GitLab, Jira and spreadsheets.

use std::collections::BTreeMap;

use super::words::{hold, state};
use super::{Format, Link, Refused, Task, TaskList};

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Id,
    Title,
    Description,
    State,
    Parent,
    After,
    Before,
    Labels,
    Url,
    Assignee,
}

/// The known headers, in lower case. Of several id columns, the first is the id, but all are understood.
const HEADERS: [(&str, Column); 52] = [
    ("issue key", Column::Id),
    ("work item key", Column::Id),
    ("key", Column::Id),
    ("step", Column::Id),
    ("id", Column::Id),
    ("issue id", Column::Id),
    ("work item id", Column::Id),
    ("iid", Column::Id),
    ("number", Column::Id),
    ("task id", Column::Id),
    ("title", Column::Title),
    ("summary", Column::Title),
    ("name", Column::Title),
    ("task", Column::Title),
    ("task name", Column::Title),
    ("subject", Column::Title),
    ("description", Column::Description),
    ("body", Column::Description),
    ("notes", Column::Description),
    ("status", Column::State),
    ("state", Column::State),
    ("resolution", Column::State),
    ("parent", Column::Parent),
    ("parent id", Column::Parent),
    ("parent key", Column::Parent),
    ("parent issue", Column::Parent),
    ("parent task", Column::Parent),
    ("epic link", Column::Parent),
    ("inward issue link (blocks)", Column::After),
    ("inward work item link (blocks)", Column::After),
    ("blocked by", Column::After),
    ("depends on", Column::After),
    ("dependencies", Column::After),
    ("dependson", Column::After),
    ("predecessors", Column::After),
    ("outward issue link (blocks)", Column::Before),
    ("outward work item link (blocks)", Column::Before),
    ("blocks", Column::Before),
    ("blocking", Column::Before),
    ("successors", Column::Before),
    ("labels", Column::Labels),
    ("label", Column::Labels),
    ("tags", Column::Labels),
    ("url", Column::Url),
    ("link", Column::Url),
    ("issue url", Column::Url),
    ("web url", Column::Url),
    ("assignee", Column::Assignee),
    ("assignees", Column::Assignee),
    ("assignee username", Column::Assignee),
    ("assigned to", Column::Assignee),
    ("owner", Column::Assignee),
];
/// Separators of cells.
const SEPARATORS: [char; 3] = [',', ';', '\t'];
/// Characters at the beginning of a cell that make a spreadsheet evaluate it.
const CALCULATES: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether a text begins with the headers of a table of tasks.
pub fn is_table(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let columns = columns(
        &Rows::new(first)
            .next()
            .map(|row| row.cells)
            .unwrap_or_default(),
    );
    columns.len() > 1 && columns.iter().any(|(column, _)| *column == Column::Title)
}

/// Reads a table.
///
/// # Errors
/// There is no title column; a quoted cell is not closed.
pub fn read(text: &str) -> Result<TaskList, Refused> {
    let mut rows = Rows::new(text);
    let header = rows.next().map(|row| row.cells).unwrap_or_default();
    let columns = columns(&header);
    if !columns.iter().any(|(column, _)| *column == Column::Title) {
        return Err(Refused::at(
            1,
            "the table has no column of titles",
            "name one `title` or `summary` in the first line; `id`, `description`, `status`, `parent` and `blocked by` are read too",
        ));
    }
    let mut list = TaskList::new(Format::Csv);
    let mut others = Others::default();
    for row in rows {
        if let Some(line) = row.never_closed {
            return Err(Refused::at(
                line,
                "a cell begins with `\"` and is never closed",
                "close it with `\"`; a `\"` inside is written twice",
            ));
        }
        if row.cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if row.cells.len() > header.len() {
            let why = format!(
                "the row has {} cells, and the first line {}",
                row.cells.len(),
                header.len()
            );
            list.cannot_read(row.line, why);
        }
        task(
            &Cells {
                row: &row,
                columns: &columns,
            },
            &mut list,
            &mut others,
        );
    }
    others.resolve(&mut list);
    Ok(list)
}

/// The known columns, with their positions.
fn columns(header: &[String]) -> Vec<(Column, usize)> {
    let mut found: Vec<(usize, Column, usize)> = Vec::new();
    for (index, cell) in header.iter().enumerate() {
        let cell = cell.trim().to_lowercase();
        let known = HEADERS.iter().position(|(name, _)| *name == cell);
        if let Some(rank) = known
            && let Some((_, column)) = HEADERS.get(rank)
        {
            found.push((rank, *column, index));
        }
    }
    found.sort_by_key(|(rank, _, index)| (*rank, *index));
    found
        .into_iter()
        .map(|(_, column, index)| (column, index))
        .collect()
}

/// A row with its known columns.
struct Cells<'a> {
    row: &'a Row,
    columns: &'a [(Column, usize)],
}

impl Cells<'_> {
    /// The non-empty cells of a kind of column.
    fn all(&self, wanted: Column) -> Vec<&str> {
        let of_kind = self.columns.iter().filter(|(column, _)| *column == wanted);
        let cells = of_kind.filter_map(|(_, index)| self.row.cells.get(*index));
        cells
            .map(|cell| uncalculated(cell.trim()))
            .filter(|cell| !cell.is_empty())
            .collect()
    }

    fn first(&self, wanted: Column) -> &str {
        self.all(wanted).into_iter().next().unwrap_or_default()
    }

    /// The ids in a kind of column; a cell may have several.
    fn ids(&self, wanted: Column) -> Vec<String> {
        let cells = self.all(wanted).into_iter();
        // Without ids, tasks refer to each other by titles, which may contain spaces.
        let has_ids = self.columns.iter().any(|(column, _)| *column == Column::Id);
        let between = |c: char| [',', ';', '\n'].contains(&c) || (has_ids && c == ' ');
        let ids = cells.flat_map(|cell| cell.split(between));
        let ids = ids.map(|id| id.trim().trim_start_matches('#'));
        ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
    }
}

/// References between rows.
#[derive(Default)]
struct Others {
    /// The task with an id, for each of its ids.
    known: BTreeMap<String, String>,
    /// Pairs of tasks, of which the first precedes the second.
    before: Vec<(String, String)>,
}

fn task(cells: &Cells<'_>, list: &mut TaskList, others: &mut Others) {
    let line = cells.row.line;
    let title = cells.first(Column::Title);
    if title.is_empty() {
        list.cannot_read(line, "a row without a title");
        return;
    }
    let ids = cells.all(Column::Id);
    let id = ids
        .first()
        .map_or(title, |id| id.trim_start_matches('#'))
        .to_owned();
    for other in ids {
        others
            .known
            .entry(other.trim_start_matches('#').to_owned())
            .or_insert_with(|| id.clone());
    }
    let states = cells.all(Column::State).into_iter().map(state);
    let blocked = cells.ids(Column::Before).into_iter();
    others
        .before
        .extend(blocked.map(|other| (id.clone(), other)));
    let labels = cells
        .all(Column::Labels)
        .into_iter()
        .flat_map(|cell| cell.split([',', ';']));
    let url = Some(cells.first(Column::Url)).filter(|url| url.starts_with("http"));
    list.tasks.push(Task {
        line,
        title: title.to_owned(),
        description: cells.first(Column::Description).to_owned(),
        // A dropped task is marked as such in one of its columns.
        state: states.max_by_key(|state| *state as u8).unwrap_or_default(),
        hold: cells.all(Column::State).into_iter().find_map(hold),
        parent: cells.ids(Column::Parent).into_iter().next(),
        after: cells.ids(Column::After).into_iter().map(Link::to).collect(),
        labels: labels
            .map(|label| label.trim().to_owned())
            .filter(|label| !label.is_empty())
            .collect(),
        url: url.map(str::to_owned),
        assignees: cells
            .all(Column::Assignee)
            .into_iter()
            .take(1)
            .map(str::to_owned)
            .collect(),
        id,
        ..Task::default()
    });
}

impl Others {
    /// Replaces each reference by the first id of its task.
    fn resolve(self, list: &mut TaskList) {
        let of = |id: &String| self.known.get(id).unwrap_or(id).clone();
        let mut after: BTreeMap<String, Vec<Link>> = BTreeMap::new();
        for (first, then) in &self.before {
            after
                .entry(of(then))
                .or_default()
                .push(Link::to(first.clone()));
        }
        for task in &mut list.tasks {
            task.parent = task.parent.as_ref().map(of);
            for link in &mut task.after {
                link.id = of(&link.id);
            }
            task.after
                .extend(after.remove(&task.id).unwrap_or_default());
        }
    }
}

/// A cell that spreadsheets do not evaluate: the beginning of a formula becomes text.
pub fn uncalculating(cell: &str) -> String {
    if cell.starts_with(CALCULATES) {
        return format!("'{cell}");
    }
    cell.to_owned()
}

/// The original text of such a cell.
fn uncalculated(cell: &str) -> &str {
    let bare = cell.strip_prefix('\'');
    bare.filter(|bare| bare.starts_with(CALCULATES))
        .unwrap_or(cell)
}

/// A line of a table, in the format of RFC 4180.
pub fn line(cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| {
        let cell = uncalculating(cell);
        if cell.contains([',', '"', '\n', '\r', ';', '\t']) || cell.trim().len() < cell.len() {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A row of a table.
struct Row {
    /// The line where it begins.
    line: usize,
    cells: Vec<String>,
    /// The beginning of a cell that is not closed.
    never_closed: Option<usize>,
}

/// The rows of a table; quoted cells may contain line breaks.
struct Rows<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    separator: char,
    line: usize,
}

impl<'t> Rows<'t> {
    fn new(text: &'t str) -> Rows<'t> {
        let first = text.lines().next().unwrap_or_default();
        let separator = SEPARATORS
            .into_iter()
            .max_by_key(|one| (first.matches(*one).count(), *one == ','));
        Rows {
            rest: text.chars().peekable(),
            separator: separator.unwrap_or(','),
            line: 1,
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.rest.peek()?;
        let mut row = Row {
            line: self.line,
            cells: Vec::new(),
            never_closed: None,
        };
        let (mut cell, mut opened) = (String::new(), None);
        while let Some(c) = self.rest.next() {
            self.line += usize::from(c == '\n');
            match (c, opened) {
                ('"', Some(_)) if self.rest.peek() == Some(&'"') => {
                    self.rest.next();
                    cell.push('"');
                }
                ('"', Some(_)) => opened = None,
                ('"', None) if cell.trim().is_empty() => {
                    cell.clear();
                    opened = Some(self.line);
                }
                (_, Some(_)) => cell.push(c),
                ('\n', None) => {
                    row.cells.push(cell.trim_end_matches('\r').to_owned());
                    return Some(row);
                }
                (c, None) if c == self.separator => row.cells.push(std::mem::take(&mut cell)),
                (c, None) => cell.push(c),
            }
        }
        row.never_closed = opened;
        row.cells.push(cell);
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_a_text_and_comes_back() {
        for cell in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2",
            "@SUM(A1)",
            "\t=1",
            "plain",
            "it's",
        ] {
            let written = line(&[cell.to_owned(), "x".to_owned()]);
            let first = written.trim_start_matches('"').chars().next();
            assert!(
                !first.is_some_and(|c| CALCULATES.contains(&c)),
                "{written:?}"
            );
            let row = Rows::new(&written)
                .next()
                .map(|row| row.cells)
                .unwrap_or_default();
            assert_eq!(row.first().map(|cell| uncalculated(cell)), Some(cell));
        }
    }

    #[test]
    fn rows_know_their_lines_and_quotes_their_breaks() {
        let text = "title;id\r\n\"two\nlines; \"\"quoted\"\"\";7\n\nlast;8";
        let rows: Vec<(usize, Vec<String>)> =
            Rows::new(text).map(|row| (row.line, row.cells)).collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(
            rows.get(1),
            Some(&(2, vec!["two\nlines; \"quoted\"".to_owned(), "7".to_owned()]))
        );
        assert_eq!(
            rows.get(3),
            Some(&(5, vec!["last".to_owned(), "8".to_owned()]))
        );
        assert_eq!(
            read("title,id\n\"never").map_err(|refused| refused.line),
            Err(Some(2))
        );
    }
}
