//! Tables as kubectl prints them.

use super::escape;
use crate::core::resource::Time;

/// Between two columns.
pub(super) const GAP: usize = 3;

/// Rows under a header, in aligned columns with three spaces between them and nothing at the end
/// of a line. Without a header (`&[]`) there is no header line.
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
    table_keeping(None, header, rows, width)
}

/// The same, with one column that is never cut: what identifies a row. Where it alone is wider
/// than `width`, so are the lines.
pub fn table_keeping(
    whole: Option<usize>,
    header: &[&str],
    rows: &[Vec<String>],
    width: Option<usize>,
) -> String {
    let header = header.iter().map(|&cell| cell.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(&header)
        .chain(rows)
        .map(|row: &Vec<String>| row.iter().map(|cell| escape::line(cell)).collect())
        .collect();
    let columns = column_widths(&lines, width, whole);
    // What is left of the others is not worth cutting further.
    let least = columns.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1);
    let width = width.map(|width| width.max(whole.map_or(0, |_| least)));

    let mut out = String::new();
    for cells in lines.iter().skip(usize::from(header.is_empty())) {
        let mut line = String::new();
        // Padding goes before the next cell that is not empty, so never to the end of a line.
        let mut at = 0;
        let mut column_start = 0;
        for (cell, &column) in cells.iter().zip(&columns) {
            if !cell.is_empty() {
                line.extend(std::iter::repeat_n(' ', column_start - at));
                let cell = cut(cell, column);
                at = column_start + display_width(&cell);
                line.push_str(&cell);
            }
            column_start += column + GAP;
        }
        out.push_str(cut(&line, width.unwrap_or(usize::MAX)).trim_end());
        out.push('\n');
    }
    out
}

/// Rows without a header, each behind `indent` spaces; no line is longer than `width`.
pub fn rows(rows: &[Vec<String>], indent: usize, width: Option<usize>) -> String {
    let width = width.map(|width| width.saturating_sub(indent));
    table(&[], rows, width)
        .lines()
        .map(|row| format!("{:indent$}{row}\n", ""))
        .collect()
}

/// How wide each column is drawn.
fn column_widths(lines: &[Vec<String>], width: Option<usize>, whole: Option<usize>) -> Vec<usize> {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let mut columns: Vec<usize> = vec![0; count];
    for cells in lines {
        for (column, cell) in columns.iter_mut().zip(cells) {
            *column = display_width(cell).max(*column);
        }
    }
    let Some(width) = width else { return columns };
    let room = width.saturating_sub(GAP * count.saturating_sub(1));
    let cut_to = |most: usize| {
        let columns = columns.iter().enumerate();
        columns.map(move |(at, &own)| match Some(at) == whole {
            true => own,
            false => own.min(most),
        })
    };
    let fits = |most: usize| cut_to(most).sum::<usize>() <= room;
    let widest = columns.iter().copied().max().unwrap_or(0);
    let most = (1..=widest).rev().find(|&most| fits(most)).unwrap_or(1);
    cut_to(most).collect()
}

/// How long ago `from` was, in its largest unit: `45s`, `4m`, `3h`, `2d`, `1y`; `0s` when it is
/// still to come.
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

/// How long it was from one moment to another, in its two largest units: `45s`, `4m`, `1h20m`,
/// `2d3h`.
pub fn span(from: Time, to: Time) -> String {
    let seconds = (to - from).num_seconds().max(0);
    let units = [("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1)];
    let at = units.iter().position(|(_, unit)| *unit <= seconds);
    let Some(&(name, unit)) = at.and_then(|at| units.get(at)) else {
        return "0s".to_owned();
    };
    let smaller = at.and_then(|at| units.get(at + 1));
    match smaller.map(|(smaller, size)| (smaller, seconds % unit / size)) {
        Some((smaller, rest @ 1..)) => format!("{}{name}{rest}{smaller}", seconds / unit),
        _ => format!("{}{name}", seconds / unit),
    }
}

/// The columns of a terminal that a text takes.
pub fn display_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// The beginning of a text that fits `width` columns, with `…` at the end when something is gone.
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

/// Simple, as terminals are: marks that combine take nothing, East Asian characters and emoji two.
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
            let text = table_keeping(Some(1), &header, &rows, Some(width));
            assert!(text.contains(name), "{width}: {text}");
            let longest = text.lines().map(display_width).max().unwrap();
            assert!(longest <= width.max(8 + name.len()), "{width}: {text}");
        }
        assert_eq!(
            table_keeping(Some(1), &header, &rows, Some(44)),
            "\
NAMESP…   NAME                       MESSAGE
team-p…   release-of-the-year-2026   a long…
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
    fn a_span_is_told_in_its_two_largest_units() {
        let at = |seconds| Time::from_timestamp(seconds, 0).unwrap();
        for (seconds, expected) in [
            (-5, "0s"),
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (75, "1m15s"),
            (3600, "1h"),
            (4800, "1h20m"),
            (2 * 24 * 3600 + 3 * 3600 + 59, "2d3h"),
        ] {
            assert_eq!(span(at(1_000), at(1_000 + seconds)), expected);
        }
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
