//! One line for each finding, for editors and for `grep`.

use std::fmt::Write as _;

use super::{Located, escape, origin};

pub(super) fn render(located: &[Located<'_>]) -> String {
    located.iter().map(line).collect()
}

/// `file:line:column: error PS104: message (help)`
pub(super) fn line(located: &Located<'_>) -> String {
    let finding = located.finding;
    let mut line = format!(
        "{}: {} {}: {}",
        origin(&finding.file, located.at),
        finding.severity,
        finding.code,
        escape::line(&finding.message)
    );
    if let Some(help) = &finding.help {
        let _ = write!(line, " ({})", escape::line(help));
    }
    line.push('\n');
    line
}
