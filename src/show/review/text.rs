//! A review in the terminal.

use super::{Shown, words};
use crate::core::base::escape;
use crate::core::review::prose::Piece;
use crate::core::review::scripts::{LineChange, ScriptEvent};
use crate::core::review::{Class, Subject};
use crate::show::scope;
use crate::show::table::{cut, display_width};

const RED: &str = "\u{1b}[1;31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// A page as it grows, line by line.
struct ReviewPage {
    out: String,
    width: usize,
    color: bool,
}

impl ReviewPage {
    /// A line behind an indentation; a long one is wrapped.
    fn line(&mut self, indent: usize, style: &str, text: &str) {
        let text = escape::line(text);
        let hang = indent
            + if text.starts_with(['!', '+', '-', '~']) {
                2
            } else {
                0
            };
        for (number, part) in wrap(&text, self.width, indent, hang).iter().enumerate() {
            let indent = if number == 0 { indent } else { hang };
            let (on, off) = if self.color && !style.is_empty() {
                (style, RESET)
            } else {
                ("", "")
            };
            self.out
                .push_str(&format!("{:indent$}{on}{part}{off}\n", ""));
        }
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }
}

/// A text in lines of at most `width` columns, broken at spaces; longer words are cut.
fn wrap(text: &str, width: usize, first: usize, others: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let indent = if lines.is_empty() { first } else { others };
        let room = width.saturating_sub(indent).max(1);
        let space = usize::from(!line.is_empty());
        if !line.is_empty() && display_width(&line) + space + display_width(word) > room {
            lines.push(std::mem::take(&mut line));
        } else if space > 0 {
            line.push(' ');
        }
        let indent = if lines.is_empty() { first } else { others };
        line.push_str(&cut(word, width.saturating_sub(indent).max(1)));
    }
    lines.push(line);
    lines
}

/// A review for the terminal, no line longer than `width`.
pub fn render(shown: &Shown<'_>, width: Option<usize>, color: bool) -> String {
    let mut page = ReviewPage {
        out: String::new(),
        width: width.unwrap_or(usize::MAX),
        color,
    };
    let (base, head) = shown.names;
    let style = match (words::findings(shown).0, words::all_dangers(shown)) {
        (0, 0) => GREEN,
        (0, _) => YELLOW,
        _ => RED,
    };
    page.line(
        0,
        style,
        &format!("{base} → {head}: {}", words::verdict(shown)),
    );
    if !shown.review.is_empty() {
        let class = match shown.review.class() {
            Class::None => String::new(),
            class => format!("; class {class}"),
        };
        page.line(0, "", &format!("{}{class}", words::counts(shown)));
    }
    for (key, sentence) in words::starts(shown) {
        page.line(0, BOLD, &format!("{key}: {sentence}"));
    }
    for (key, sentence) in &shown.review.went_on {
        page.line(0, "", &format!("{key}: {sentence}"));
    }
    for (file, sentence) in words::unreadable(shown) {
        page.line(0, RED, &format!("{file}: {sentence}"));
    }
    configuration(&mut page, shown);
    dangers(&mut page, shown);
    scripts(&mut page, shown);
    for subject in &shown.review.subjects {
        of_subject(&mut page, shown, subject);
    }
    if let Some(why) = words::runs_unknown(shown) {
        page.gap();
        page.line(0, BOLD, &why);
    }
    if !shown.touched.is_empty() {
        page.gap();
        page.line(0, BOLD, "Runs");
        for touched in shown.touched {
            page.line(2, "", &words::run(touched));
            for approval in words::approvals(touched) {
                page.line(4, "", &approval);
            }
        }
    }
    of_scope(&mut page, shown);
    if !shown.findings.is_empty() {
        page.gap();
    }
    page.out
}

/// The findings list the changed files that are outside.
fn of_scope(page: &mut ReviewPage, shown: &Shown<'_>) {
    let Some(scoped) = shown.scope else {
        return;
    };
    page.gap();
    page.line(0, BOLD, "Scope");
    page.line(2, "", &scope::sentence(scoped));
    if let Some(line) = scope::beside_the_plan(scoped) {
        page.line(2, "", &line);
    }
    let not_checkable = scope::not_checkable(scoped);
    if !not_checkable.is_empty() {
        page.line(2, "", "not checkable:");
    }
    for line in not_checkable {
        page.line(4, DIM, &line);
    }
}

fn configuration(page: &mut ReviewPage, shown: &Shown<'_>) {
    if shown.configuration.is_empty() {
        return;
    }
    page.gap();
    page.line(0, BOLD, "Configuration");
    for change in shown.configuration {
        match &change.danger {
            Some(danger) => {
                page.line(2, RED, &format!("! {}", change.words()));
                page.line(6, RED, danger);
            }
            None => page.line(2, YELLOW, &format!("~ {}", change.words())),
        }
    }
    for one in shown.concerned {
        page.line(2, "", &format!("now: {}", one.text));
    }
}

fn dangers(page: &mut ReviewPage, shown: &Shown<'_>) {
    let dangers = words::dangers(shown);
    if dangers.is_empty() {
        return;
    }
    page.gap();
    page.line(0, BOLD, "Needs attention");
    for danger in dangers {
        let what = if danger.what.is_empty() {
            String::new()
        } else {
            format!("{}: ", danger.what)
        };
        let allowed = danger.allowed.as_ref();
        let allowed = allowed.map_or(String::new(), |why| {
            format!(" (allowed in the file: {why})")
        });
        let text = format!("! {}: {what}{}{allowed}", danger.whose, danger.why);
        page.line(2, RED, &text);
    }
}

/// Maximum number of lines of a file that is run.
const LINES: usize = 120;

fn scripts(page: &mut ReviewPage, shown: &Shown<'_>) {
    for script in shown.scripts {
        page.gap();
        page.line(0, BOLD, &format!("{} {}", script.path, script.words()));
        let ScriptEvent::Lines { lines, .. } = &script.event else {
            continue;
        };
        for line in lines.iter().take(LINES) {
            match line {
                LineChange::Same(text) => page.line(2, DIM, &format!("  {text}")),
                LineChange::Gone(text) => page.line(2, RED, &format!("- {text}")),
                LineChange::New(text) => page.line(2, GREEN, &format!("+ {text}")),
                LineChange::Skipped(lines) => page.line(2, DIM, &format!("  … {lines} the same")),
            }
        }
        if lines.len() > LINES {
            page.line(2, DIM, &format!("  … {} more", lines.len() - LINES));
        }
    }
}

fn of_subject(page: &mut ReviewPage, shown: &Shown<'_>, subject: &Subject) {
    page.gap();
    page.line(
        0,
        BOLD,
        &format!("{}, {}", subject.key, words::event(shown, subject)),
    );
    page.line(2, DIM, &subject.path);
    for fact in &subject.facts {
        page.line(2, "", &format!("{}: {}", fact.about, fact.says));
    }
    for fact in &subject.texts {
        page.line(2, "", &format!("{}, the whole text:", fact.about));
        for line in fact.says.lines() {
            page.line(4, "", line);
        }
    }
    if subject.untold > 0 {
        page.line(2, DIM, &format!("… and {} more", subject.untold));
    }
    if let Some((before, after)) = &subject.shape {
        let rows = words::shape(before.as_ref(), after.as_ref());
        let mut same = Vec::new();
        for [name, was, is] in &rows {
            if was != is && !was.is_empty() && !is.is_empty() {
                page.line(2, "", &format!("{name}: {was} → {is}"))
            } else {
                same.push(format!("{name} {}", if is.is_empty() { was } else { is }))
            }
        }
        if before.is_some() || after.is_some() {
            page.line(2, "", &same.join(", "));
        }
        let path = after.as_ref().or(before.as_ref()).map(words::path);
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            page.line(4, DIM, &path);
        }
    }
    for line in words::lines(subject) {
        let sign = words::sign(line.change);
        let mut text = format!("{sign} {}", line.subject);
        match (line.was.is_empty(), line.is.is_empty()) {
            _ if line.prose.is_some() => {
                let pieces = line.prose.iter().flatten().map(|piece| match piece {
                    Piece::Same(text) => text.clone(),
                    Piece::Gone(text) => format!("[-{}-] ", text.trim()),
                    Piece::New(text) => format!("{{+{}+}} ", text.trim()),
                });
                text.push_str(": ");
                text.extend(pieces);
            }
            (true, true) => {}
            (true, false) if sign == '~' => text.push_str(&format!(": set to {}", line.is)),
            (false, true) if sign == '~' => text.push_str(&format!(": no longer {}", line.was)),
            (true, false) => text.push_str(&format!(": {}", line.is)),
            (false, true) => text.push_str(&format!(": {}", line.was)),
            (false, false) => text.push_str(&format!(": {} → {}", line.was, line.is)),
        }
        let style = match (&line.change.danger, sign) {
            (Some(_), _) => RED,
            (None, '+') => GREEN,
            (None, '-') => RED,
            _ => YELLOW,
        };
        page.line(2, style, &text);
        if let Some(danger) = &line.change.danger {
            page.line(6, RED, danger);
        }
        if !line.effect.is_empty() {
            page.line(6, DIM, &line.effect);
        }
    }
    // Dangerous ones are shown above.
    let notes = subject.effects.iter();
    for effect in notes.filter(|effect| !effect.danger && !effect.is_start) {
        page.line(2, "", &effect.text);
    }
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn no_line_is_longer_than_the_page() {
        assert_eq!(wrap("one two three", 9, 2, 4), ["one two", "three"]);
        assert_eq!(wrap("immeasurable x", 8, 0, 2), ["immeasu…", "x"]);
        assert_eq!(wrap("", 8, 0, 2), [""]);
    }
}
