//! A JUnit report: a suite for each file, a case for each finding. A warning is a case that passes,
//! with output.

use std::fmt::Write as _;

use super::{Located, Sources, escape, text};

pub(super) fn render(located: &[Located<'_>], sources: &Sources<'_>) -> String {
    let failures =
        |located: &[Located<'_>]| located.iter().filter(|l| l.finding.is_error()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if located.is_empty() {
        // Many readers take a report without cases for a run that did not happen.
        out.push_str(
            "<testsuites name=\"planspec\" tests=\"1\" failures=\"0\">\n  <testsuite \
             name=\"planspec\" tests=\"1\" failures=\"0\">\n    <testcase classname=\"planspec\" \
             name=\"no findings\"/>\n  </testsuite>\n</testsuites>\n",
        );
        return out;
    }
    let _ = writeln!(
        out,
        "<testsuites name=\"planspec\" tests=\"{}\" failures=\"{}\">",
        located.len(),
        failures(located)
    );
    for of_file in located.chunk_by(|a, b| a.finding.file == b.finding.file) {
        let file = of_file.first().map_or("", |l| l.finding.file.as_str());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">",
            attribute(file),
            of_file.len(),
            failures(of_file)
        );
        for located in of_file {
            case(&mut out, located, sources);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, located: &Located<'_>, sources: &Sources<'_>) {
    let finding = located.finding;
    let file = attribute(&finding.file);
    let (name, line) = match located.at {
        Some(at) => (
            format!("{} at {}:{}", finding.code, at.line, at.column),
            format!(" line=\"{}\"", at.line),
        ),
        None => (finding.code.to_string(), String::new()),
    };
    let _ = writeln!(
        out,
        "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\"{line}>"
    );
    let body = content(&text::draw(located, sources, &text::renderer(false)));
    let _ = if finding.is_error() {
        writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{body}</failure>",
            finding.code,
            attribute(&finding.message)
        )
    } else {
        writeln!(out, "      <system-out>{body}</system-out>")
    };
    out.push_str("    </testcase>\n");
}

/// Text between tags. Text that is safe to print has no character that XML forbids.
fn content(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A text on one line, in double quotes.
fn attribute(text: &str) -> String {
    content(&escape::line(text)).replace('"', "&quot;")
}
