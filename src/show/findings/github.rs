//! Workflow commands that GitHub Actions shows as annotations beside the changed lines.

use std::fmt::Write as _;

use super::{Located, concise, count, escape, origin};
use crate::core::base::diagnostic::{Place, Severity};

/// GitHub shows at most so many annotations of one level for a step, and silently drops the rest.
const MOST: usize = 10;
/// Maximum number of related places.
const MAX_RELATED: usize = 8;

/// An annotation for each finding that GitHub shows, and the rest in the log.
pub(super) fn render(located: &[Located<'_>]) -> String {
    let mut out = String::new();
    let mut rest = Vec::new();
    let (mut errors, mut warnings) = (0, 0);
    for finding in located {
        let number = match finding.finding.severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        *number += 1;
        if *number <= MOST {
            annotation(&mut out, finding)
        } else {
            rest.push(finding)
        }
    }
    if !rest.is_empty() {
        let more = count(rest.len(), "more finding");
        let _ = writeln!(
            out,
            "{more}; GitHub shows {MOST} annotations of each level and step"
        );
        let _ = writeln!(out, "::group::{more}");
        for finding in rest {
            out.push_str(&log_line(&concise::line(finding)));
        }
        out.push_str("::endgroup::\n");
    }
    out
}

fn annotation(out: &mut String, located: &Located<'_>) {
    let finding = located.finding;
    let _ = write!(
        out,
        "::{} file={}",
        finding.severity,
        property(&finding.file)
    );
    if let Some(at) = located.at.filter(|_| finding.place != Place::File) {
        let _ = write!(out, ",line={},endLine={}", at.line, at.end_line);
        // GitHub takes columns only within one line.
        if at.line == at.end_line {
            let _ = write!(out, ",col={},endColumn={}", at.column, at.end_column);
        }
    }
    let title = format!("{}: {}", finding.code, finding.code.title);
    let _ = write!(out, ",title={}::", property(&title));

    let mut text = vec![escape::line(&finding.message)];
    for (label, at) in located.related.iter().take(MAX_RELATED) {
        let message = escape::line(&label.message);
        text.push(format!("{}: {message}", origin(&label.file, *at)));
    }
    if let Some(help) = &finding.help {
        text.push(format!("help: {}", escape::line(help)));
    }
    out.push_str(&data(&text.join("\n")));
    out.push('\n');
}

/// The value of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(&escape::line(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// A line that GitHub does not take for a command: `::` counts at the beginning of a line, the older
/// `##[` everywhere.
fn log_line(line: &str) -> String {
    let line = line.replace("##[", "## [");
    if line.trim_start().starts_with("::") {
        format!("./{}", line.trim_start())
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::base::diagnostic::{Code, Diagnostic, Label, Span};
    use crate::show::findings::{FindingsFormat, render};

    fn at(line: usize) -> Place {
        Place::At(Span {
            line,
            column: 3,
            start: 0,
            end: 0,
        })
    }

    fn shown(findings: &[Diagnostic]) -> String {
        render(findings, &|_| None, FindingsFormat::Github, false)
    }

    #[test]
    fn one_command_for_each_finding() {
        let error = Diagnostic::new(Code::SYNTAX, "plans/a.yaml", at(7), "not YAML")
            .help("close the bracket")
            .related(Label {
                file: "b.yaml".to_owned(),
                place: at(2),
                message: "as here".to_owned(),
            });
        let warning = Diagnostic::new(Code::NO_RESOURCES, "b.yaml", Place::File, "nothing");
        assert_eq!(
            shown(&[error, warning]),
            "\
::warning file=b.yaml,title=PS007%3A no resources found::nothing
::error file=plans/a.yaml,line=7,endLine=7,col=3,endColumn=3,title=PS001%3A the text is not well-formed YAML or JSON::not YAML%0Ab.yaml:2:3: as here%0Ahelp: close the bracket
"
        );
    }

    #[test]
    fn what_means_something_to_the_runner_is_escaped() {
        let evil = "a,b:c%\r\n::error::x";
        let finding = Diagnostic::new(Code::SYNTAX, evil, Place::File, evil).help(evil);
        assert_eq!(
            shown(&[finding]),
            "::error file=a%2Cb%3Ac%25\\r\\n%3A%3Aerror%3A%3Ax,title=PS001%3A the text is not \
             well-formed YAML or JSON::a,b:c%25\\r\\n::error::x%0Ahelp: \
             a,b:c%25\\r\\n::error::x\n"
        );
    }

    #[test]
    fn ten_of_each_level_are_annotated_and_the_rest_is_in_the_log() {
        let findings: Vec<Diagnostic> = (10..22)
            .map(|line| Diagnostic::new(Code::SYNTAX, "::error::a ##[debug]", at(line), "wrong"))
            .chain([Diagnostic::new(
                Code::NO_RESOURCES,
                "b.yaml",
                Place::File,
                "nothing",
            )])
            .collect();
        let shown = shown(&findings);
        assert_eq!(shown.matches("::error file=").count(), 10);
        assert_eq!(shown.matches("::warning file=").count(), 1);
        let (_, rest) = shown.split_once("::nothing\n").unwrap_or_default();
        assert_eq!(
            rest,
            "\
2 more findings; GitHub shows 10 annotations of each level and step
::group::2 more findings
./::error::a ## [debug]:20:3: error PS001: wrong
./::error::a ## [debug]:21:3: error PS001: wrong
::endgroup::
"
        );
    }
}
