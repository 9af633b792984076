//! Tables in the style of kubectl.

use crate::core::base::escape;
use crate::core::resource::Time;

/// Number of spaces between two columns.
pub(super) const GAP: usize = 3;
/// Minimum width of a column that is cut; less would not be readable.
const LEAST: usize = 8;

/// Rows under a header, in aligned columns with three spaces between them and no trailing
/// spaces. Without a header (`&[]`) there is no header line.
///
/// Cells are made safe to print. With a `width` no line is longer: the widest columns are cut,
/// with `…`, until all fit.
///
/// ```
/// use planspec::show::table::table;
/// let rows = [vec!["research".into(), "Running".into()], vec!["review".into(), "".into()]];
/// assert_eq!(
///     table(&["NODE", "PHASE"], &rows, None),
///     "NODE       PHASE\nresearch   Running\nreview\n"
/// );
/// ```
pub fn table(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    table_keeping(&[], header, rows, width)
}

/// The same as [`table`], but the columns `whole`, which identify a row, are never cut. If the others
/// would become unreadable, the cells of a row are written below each other: after their header, or
/// without one, as many on a line as fit.
pub fn table_keeping(
    whole: &[usize],
    header: &[&str],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> String {
    if header.is_empty() {
        return blocks(whole, rows, 0, width).concat();
    }
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(&header)
        .chain(rows)
        .map(|row| safe(row))
        .collect();
    match (column_widths(&lines, width, whole), width) {
        (None, Some(width)) => {
            let rows = lines.iter().skip(1);
            let rows: Vec<String> = rows
                .map(|cells| labelled(&header, cells, whole, width))
                .collect();
            rows.join("\n")
        }
        (columns, _) => {
            let columns = columns.unwrap_or_default();
            lines
                .iter()
                .map(|cells| aligned(cells, &columns, width))
                .collect()
        }
    }
}

/// Cells in columns, on one line.
fn aligned(cells: &[String], columns: &[usize], width: Option<usize>) -> String {
    let mut line = String::new();
    // Padding goes before the next cell that is not empty, so never to the end of a line.
    let mut at = 0;
    let mut column_start = 0;
    for (cell, &column) in cells.iter().zip(columns) {
        if !cell.is_empty() {
            line.extend(std::iter::repeat_n(' ', column_start - at));
            let cell = cut(cell, column);
            at = column_start + display_width(&cell);
            line.push_str(&cell);
        }
        column_start += column + GAP;
    }
    if let Some(width) = width {
        line = cut(&line, width);
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// A line for each cell, after its header.
fn labelled(header: &[String], cells: &[String], whole: &[usize], width: usize) -> String {
    let label = header.iter().map(|title| display_width(title)).max();
    let label = label.unwrap_or(0) + GAP;
    let room = width.saturating_sub(label).max(LEAST);
    let mut text = String::new();
    for (at, (title, cell)) in header.iter().zip(cells).enumerate() {
        if cell.is_empty() {
            continue;
        }
        for (number, row) in wrapped(cell, Some(room)).iter().enumerate() {
            let title = if number == 0 { title.as_str() } else { "" };
            let row = cut_unless(whole.contains(&at), row, room);
            text.push_str(&format!("{title:label$}{row}\n"));
        }
    }
    text
}

/// As many cells on a line as fit; the lines after the first are indented.
pub(super) fn flowing(cells: &[String], whole: &[usize], width: usize) -> String {
    const INDENT: usize = 4;
    let lead = cells.first().map_or("", String::as_str);
    let indent = INDENT + lead.len() - lead.trim_start_matches(' ').len();
    let mut lines = vec![String::new()];
    for (at, cell) in cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !cell.is_empty())
    {
        let last = lines.last_mut();
        let is_first = last.as_ref().is_none_or(|last| last.is_empty());
        match last {
            Some(last) if is_first => last.push_str(&cut_unless(whole.contains(&at), cell, width)),
            Some(last) if display_width(last) + GAP + display_width(cell) <= width => {
                last.push_str(&format!("{:GAP$}{cell}", ""));
            }
            _ => {
                let room = width.saturating_sub(indent).max(LEAST);
                let rows = wrapped(cell, Some(room)).into_iter();
                lines.extend(rows.map(|row| {
                    let row = cut_unless(whole.contains(&at), &row, room);
                    format!("{:indent$}{row}", "")
                }));
            }
        }
    }
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn cut_unless(whole: bool, text: &str, width: usize) -> String {
    if whole {
        text.to_owned()
    } else {
        cut(text, width)
    }
}

/// Rows without a header, each behind `indent` spaces; only the columns `whole` may make a line
/// longer than `width`.
pub fn rows(whole: &[usize], rows: &[Vec<String>], indent: usize, width: Option<usize>) -> String {
    blocks(whole, rows, indent, width).concat()
}

/// The same as [`rows`], each row separately: it may take several lines.
pub(super) fn blocks(
    whole: &[usize],
    rows: &[Vec<String>],
    indent: usize,
    width: Option<usize>,
) -> Vec<String> {
    let width = width.map(|width| width.saturating_sub(indent));
    let indented = |block: String| -> String {
        let lines = block.lines();
        lines.map(|row| format!("{:indent$}{row}\n", "")).collect()
    };
    let lines: Vec<Vec<String>> = rows.iter().map(|row| safe(row)).collect();
    let blocks = match (column_widths(&lines, width, whole), width) {
        (None, Some(width)) => lines
            .iter()
            .map(|cells| flowing(cells, whole, width))
            .collect(),
        (columns, _) => {
            let columns = columns.unwrap_or_default();
            let lines = lines.iter();
            lines
                .map(|cells| aligned(cells, &columns, width))
                .collect::<Vec<_>>()
        }
    };
    blocks.into_iter().map(indented).collect()
}

fn safe(row: &[String]) -> Vec<String> {
    row.iter().map(|cell| escape::line(cell)).collect()
}

/// The width of each column; `None` if they do not fit beside each other.
fn column_widths(
    lines: &[Vec<String>],
    width: Option<usize>,
    whole: &[usize],
) -> Option<Vec<usize>> {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let mut columns: Vec<usize> = vec![0; count];
    for cells in lines {
        for (column, cell) in columns.iter_mut().zip(cells) {
            *column = display_width(cell).max(*column);
        }
    }
    let Some(width) = width else {
        return Some(columns);
    };
    let room = width.saturating_sub(GAP * count.saturating_sub(1));
    let cut_to = |most: usize| {
        let columns = columns.iter().enumerate();
        columns.map(move |(at, &own)| {
            if whole.contains(&at) {
                own
            } else {
                own.min(most)
            }
        })
    };
    let fits = |most: usize| cut_to(most).sum::<usize>() <= room;
    let widest = columns.iter().copied().max().unwrap_or(0);
    let most = (1..=widest).rev().find(|&most| fits(most));
    match most.filter(|&most| whole.is_empty() || most == widest || most >= LEAST) {
        Some(most) => Some(cut_to(most).collect()),
        None if columns.is_empty() => Some(columns),
        None if whole.is_empty() => Some(cut_to(1).collect()),
        None => None,
    }
}

/// The lines of a text, broken at spaces if there is little room. A word is never cut.
pub(super) fn wrapped(text: &str, room: Option<usize>) -> Vec<String> {
    let room = room.unwrap_or(usize::MAX);
    if display_width(text) <= room {
        return vec![text.to_owned()];
    }
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        let Some(row) = rows.last_mut() else { break };
        let fits = display_width(row) + 1 + display_width(word) <= room;
        if row.is_empty() {
            row.push_str(word);
        } else if fits {
            row.push(' ');
            row.push_str(word);
        } else {
            rows.push(word.to_owned());
        }
    }
    rows
}

/// How long ago `from` was, in its largest unit: `45s`, `4m`, `3h`, `2d`, `1y`; `0s` if it is in
/// the future.
pub fn age(from: Time, now: Time) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    match (now - from).num_seconds().max(0) {
        seconds @ YEAR.. => format!("{}y", seconds / YEAR),
        seconds @ DAY.. => format!("{}d", seconds / DAY),
        seconds @ HOUR.. => format!("{}h", seconds / HOUR),
        seconds @ MINUTE.. => format!("{}m", seconds / MINUTE),
        seconds => format!("{seconds}s"),
    }
}

/// The number of terminal columns of a text.
pub fn display_width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char_width).sum()
}

/// The beginning of a text that fits `width` columns, with `…` at the end if it was cut.
pub fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut out: String = text
        .chars()
        .take_while(|&c| {
            let fits = char_width(c) <= room;
            room = room.saturating_sub(char_width(c));
            fits
        })
        .collect();
    if width > 0 {
        out.push('…');
    }
    out
}

/// A simple rule: combining marks take no column, East Asian characters and emoji two.
fn char_width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.iter().map(|&cell| cell.to_owned()).collect())
            .collect()
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        let rows = rows(&[
            &["team-platform", "sso-exec-001", "Running", "4m"],
            &["web", "日本", "", "3h"],
            &["a", "e\u{301}", "Blocked", ""],
        ]);
        assert_eq!(
            table(&["NAMESPACE", "NAME", "PHASE", "AGE"], &rows, None),
            "\
NAMESPACE       NAME           PHASE     AGE
team-platform   sso-exec-001   Running   4m
web             日本                     3h
a               e\u{301}              Blocked
"
        );
    }

    #[test]
    fn without_a_header_or_rows_there_is_nothing_to_align_to() {
        assert_eq!(table(&[], &rows(&[&["a", "b"]]), None), "a   b\n");
        assert_eq!(table(&["NAME"], &[], None), "NAME\n");
        assert_eq!(table(&[], &[], Some(10)), "");
    }

    #[test]
    fn only_a_width_cuts_and_it_cuts_the_widest_column() {
        let rows = rows(&[
            &["n1", "a message that is too long", "4m"],
            &["n2", "short", "3h"],
        ]);
        let header = ["NODE", "MESSAGE", "AGE"];
        assert_eq!(
            table(&header, &rows, Some(30)),
            "\
NODE   MESSAGE             AGE
n1     a message that i…   4m
n2     short               3h
"
        );
    }

    #[test]
    fn no_line_is_longer_than_the_width() {
        let rows = rows(&[
            &["日本日本日本", "👍👍👍 👍", "x"],
            &["abc", "d", "long long long"],
        ]);
        for width in 0..60 {
            for line in table(&["A", "BB", "CCC"], &rows, Some(width)).lines() {
                assert!(display_width(line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn what_identifies_a_row_is_never_cut() {
        let rows = rows(&[&[
            "team-platform",
            "release-of-the-year-2026",
            "a long message",
        ]]);
        let header = ["NAMESPACE", "NAME", "MESSAGE"];
        let name = "release-of-the-year-2026";
        for width in 0..80 {
            for header in [&header[..], &[]] {
                let text = table_keeping(&[1], header, &rows, Some(width));
                assert!(text.contains(name), "{width}: {text}");
                let longest = text.lines().map(display_width).max().unwrap();
                assert!(longest <= width.max(12 + name.len()), "{width}: {text}");
            }
        }
        assert_eq!(
            table_keeping(&[1], &header, &rows, Some(46)),
            "\
NAMESPA…   NAME                       MESSAGE
team-pl…   release-of-the-year-2026   a long …
"
        );
    }

    #[test]
    fn where_nothing_could_be_read_cells_stand_below_each_other() {
        let rows = rows(&[
            &[
                "research",
                "Succeeded",
                "12m",
                "by agent:claude, who was quick",
            ],
            &["  build", "", "", "soon"],
        ]);
        let header = ["NODE", "PHASE", "AGE", "MESSAGE"];
        assert_eq!(
            table_keeping(&[0], &header, &rows, Some(30)),
            "\
NODE      research
PHASE     Succeeded
AGE       12m
MESSAGE   by agent:claude, who
          was quick

NODE        build
MESSAGE   soon
"
        );
        assert_eq!(
            table_keeping(&[0], &[], &rows, Some(30)),
            "\
research   Succeeded   12m
    by agent:claude, who was
    quick
  build   soon
"
        );
    }

    #[test]
    fn cells_cannot_break_the_table() {
        let rows = rows(&[&["a\nb", "\u{1b}[31mred"]]);
        assert_eq!(
            table(&["NAME", "TEXT"], &rows, None),
            "NAME   TEXT\na\\nb   \\u{1b}[31mred\n"
        );
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let at = |seconds| Time::from_timestamp(seconds, 0).unwrap();
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (4 * 60 + 59, "4m"),
            (3599, "59m"),
            (3 * 3600, "3h"),
            (24 * 3600 - 1, "23h"),
            (2 * 24 * 3600 + 5, "2d"),
            (364 * 24 * 3600, "364d"),
            (800 * 24 * 3600, "2y"),
            (-30, "0s"),
        ] {
            assert_eq!(age(at(1_000), at(1_000 + seconds)), expected);
        }
    }
}
