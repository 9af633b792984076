//! The result of a reconcile for the summary page of a CI job: tables in GitHub's Markdown, failures first.

use std::fmt::Write as _;

use super::reconcile::for_what;
use super::review::markdown::{code, text};
use crate::api::overview::FailedRun;
use crate::api::reconcile::Reconciled;
use crate::core::base::digest::short;
use crate::core::base::time::exact as time;
use crate::core::resource::{Key, Kind};
use crate::core::run::message::subject_of;
use crate::core::run::proposal::command;
use crate::core::run::status::status_path;
use crate::core::run::transition::{Transition, Waiting};

/// Maximum number of rows of what waits.
const WAITING: usize = 50;
/// Maximum number of rows of transitions.
const MOVED: usize = 100;
/// Maximum number of characters of a sentence in a cell.
const CELL: usize = 300;

/// The page. `web` is the address of the repository on the forge, for links.
pub fn markdown(done: &Reconciled, web: Option<&str>) -> String {
    let page = Page { done, web };
    let sections = [
        page.headline(),
        page.failed(),
        page.waiting(),
        page.moved(),
        page.notes(),
    ];
    let sections: Vec<String> = sections.into_iter().filter(|one| !one.is_empty()).collect();
    sections.join("\n")
}

struct Page<'a> {
    done: &'a Reconciled,
    web: Option<&'a str>,
}

impl Page<'_> {
    fn headline(&self) -> String {
        let done = self.done;
        let at = format!(
            "{} at {}",
            code(&done.spec_branch),
            self.commit(&done.spec_commit)
        );
        let what = match (done.changed, &done.status_commit) {
            (false, _) => format!("{at}: nothing to do"),
            (true, None) => format!("{at}: would change the status (nothing written)"),
            (true, Some(status)) => format!(
                "{at} → {} at {} (sequence {})",
                self.board(),
                self.commit(status),
                done.sequence
            ),
        };
        let next = done.next_deadline.map_or_else(String::new, |at| {
            format!("; the next deadline is at {}", time(at))
        });
        let counts = [
            (done.failed.len(), "failed"),
            (done.waiting.len() + done.waiting_more, "waiting"),
            (done.transitions.len(), "moved"),
        ];
        let counts = counts.map(|(number, what)| format!("{number} {what}"));
        format!(
            "### planspec reconcile: {}\n\n{what}{next}\n",
            counts.join(", ")
        )
    }

    fn failed(&self) -> String {
        let rows = self.done.failed.iter().map(|run| {
            let FailedRun {
                namespace,
                name,
                end,
                why,
                command,
            } = run;
            let key = Key::new(Kind::Execution, namespace, name);
            [
                self.run(&key),
                end.map(time).unwrap_or_default(),
                sentence(why),
                code(command),
            ]
        });
        let head = ["run", "ended", "why", "to try again"];
        table("❌ Failed", head, rows.collect(), 0)
    }

    fn waiting(&self) -> String {
        let done = self.done;
        let shown = done.waiting.iter().take(WAITING);
        let rows = shown.map(|waiting| {
            let Waiting {
                execution, node, ..
            } = waiting;
            [
                self.run(execution),
                node.as_deref().map(code).unwrap_or_default(),
                sentence(&for_what(&waiting.what)),
                command(waiting).map(|what| code(&what)).unwrap_or_default(),
            ]
        });
        let more = done.waiting_more + done.waiting.len().saturating_sub(WAITING);
        let head = ["run", "node", "waits for", "what ends it"];
        table("⏳ Waiting", head, rows.collect(), more)
    }

    fn moved(&self) -> String {
        let all = &self.done.transitions;
        let rows = all.iter().take(MOVED).map(|moved: &Transition| {
            [
                text(&subject_of(moved)),
                text(&moved.arrow()),
                sentence(&moved.why()),
            ]
        });
        let more = all.len().saturating_sub(MOVED);
        table("Moved", ["what", "", "why"], rows.collect(), more)
    }

    fn notes(&self) -> String {
        let notes = self.done.notes.iter();
        notes
            .map(|note| format!("> note: {}\n", text(note)))
            .collect()
    }

    fn commit(&self, id: &str) -> String {
        self.link(&code(short(id)), &format!("commit/{id}"))
    }

    fn board(&self) -> String {
        let branch = &self.done.status_branch;
        self.link(&code(branch), &format!("tree/{branch}"))
    }

    /// A run, linked to its file in this status.
    fn run(&self, key: &Key) -> String {
        let done = self.done;
        let written = done.status_commit.as_deref().filter(|_| !done.dry_run);
        let at = written.unwrap_or(&done.status_branch);
        let path = format!("blob/{at}/{}", status_path(key));
        self.link(&text(&key.qualified()), &path)
    }

    fn link(&self, shown: &str, path: &str) -> String {
        match self.web {
            Some(web) => format!("[{shown}]({}/{})", web.trim_end_matches('/'), encoded(path)),
            None => shown.to_owned(),
        }
    }
}

/// A path, percent-encoded for a URL.
fn encoded(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn sentence(raw: &str) -> String {
    if raw.chars().count() > CELL {
        let short: String = raw.chars().take(CELL).collect();
        return format!("{}…", text(&short));
    }
    text(raw)
}

fn table<const N: usize>(
    title: &str,
    head: [&str; N],
    rows: Vec<[String; N]>,
    more: usize,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "#### {title}\n\n| {} |\n|{}\n",
        head.join(" | "),
        "---|".repeat(N)
    );
    for row in rows {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    if more > 0 {
        out.push_str(&format!("\n… and {more} more: `planspec get executions`\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_ends_no_link_and_no_cell() {
        assert_eq!(
            encoded("blob/a b/x)|<y>%.yaml"),
            "blob/a%20b/x%29%7C%3Cy%3E%25.yaml"
        );
        let row = ["a".to_owned(), sentence("x | y\n# z <b> @ana")];
        let page = table("T", ["one", "two"], vec![row], 3);
        assert_eq!(page.lines().count(), 7, "{page}");
        let cells = page.lines().nth(4).unwrap_or_default();
        assert_eq!(cells.matches('|').count(), 3, "{cells}");
        assert!(!cells.contains("@ana") && !cells.contains("<b>"), "{cells}");
        assert!(sentence(&"é".repeat(1000)).chars().count() <= CELL + 1);
    }
}
