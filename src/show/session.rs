//! What an agent has to know at the start of a session, in a few lines.

use super::reconcile::for_what;
use crate::api::session::{SessionNode, SessionStart};
use crate::core::base::escape::line;
use crate::core::base::time::exact;
use crate::core::base::words::shortened;

/// Maximum length of a title, in characters.
const MAX_TITLE: usize = 100;
/// Maximum number of held nodes that are shown.
const MAX_HELD: usize = 5;

/// How the agent calls the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calls {
    Commands,
    Tools,
}

/// What the agent holds, what it may take, and the rules, for an agent that runs commands.
pub fn text(start: &SessionStart) -> String {
    told(start, Calls::Commands)
}

/// The same for an agent that calls tools.
pub fn of_tools(start: &SessionStart) -> String {
    told(start, Calls::Tools)
}

fn told(start: &SessionStart, calls: Calls) -> String {
    let actor = line(&start.actor);
    let mut text = format!("You are {actor}.\n");
    held(&mut text, start, calls);
    next(&mut text, start, calls);
    waiting(&mut text, start);
    text.push_str("\nRules of this repository:\n");
    text.extend(start.rules.iter().map(|rule| format!("- {rule}\n")));
    text
}

fn held(text: &mut String, start: &SessionStart, calls: Calls) {
    if start.held.is_empty() {
        text.push_str("You hold nothing in this session.\n");
        return;
    }
    let brief = match calls {
        Calls::Commands => "planspec status --mine",
        Calls::Tools => "describe",
    };
    text.push_str(&format!("\nYou hold (`{brief}` shows the briefs):\n"));
    for one in start.held.iter().take(MAX_HELD) {
        let lease = one.claim.as_ref().and_then(|claim| claim.lease_end);
        let lease = lease.map(|end| format!(", until {}", exact(end)));
        let lease = lease.unwrap_or_default();
        let (name, attempt, title) = (name(&one.node), one.node.attempt, title(&one.node.title));
        text.push_str(&format!("- {name} attempt {attempt}{lease}{title}\n"));
        if calls == Calls::Commands {
            let commands = one.commands.iter();
            text.extend(commands.map(|command| format!("    {command}\n")));
        }
    }
    more(
        text,
        start.held.len().saturating_sub(MAX_HELD),
        "planspec status --mine",
    );
}

fn next(text: &mut String, start: &SessionStart, calls: Calls) {
    if start.next.is_empty() {
        let wait = match calls {
            Calls::Commands => "planspec claim --wait",
            Calls::Tools => "claim` with `wait",
        };
        text.push_str(&format!("\nNothing can be claimed now; `{wait}` waits.\n"));
        return;
    }
    let claim = match calls {
        Calls::Commands => "planspec claim",
        Calls::Tools => "claim",
    };
    text.push_str(&format!("\nYou can claim (`{claim}` claims the first):\n"));
    for one in &start.next {
        let (name, title) = (name(one), title(&one.title));
        text.push_str(&format!("- {name}{title}\n"));
    }
    more(text, start.more_next, "planspec next");
}

fn waiting(text: &mut String, start: &SessionStart) {
    if start.waiting.is_empty() {
        return;
    }
    text.push_str("\nRuns wait for:\n");
    for one in &start.waiting {
        let of = &one.execution;
        let node = one.node.as_deref().map(|node| format!("/{}", line(node)));
        let name = format!("{}/{}{}", of.namespace, of.name, node.unwrap_or_default());
        text.push_str(&format!("- {name}: {}\n", for_what(&one.what)));
    }
    more(text, start.more_waiting, "planspec status");
}

fn name(node: &SessionNode) -> String {
    line(&format!(
        "{}/{}/{}",
        node.namespace, node.execution, node.node
    ))
}

fn title(title: &str) -> String {
    match title {
        "" => String::new(),
        title => format!(": {}", line(&shortened(title, MAX_TITLE))),
    }
}

fn more(text: &mut String, left_out: usize, command: &str) {
    if left_out > 0 {
        text.push_str(&format!("- … and {left_out} more: `{command}`\n"));
    }
}
