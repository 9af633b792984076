//! Nodes that were done before a run, for people.

use crate::api::record::{DoneBefore, DoneState};
use crate::core::base::escape::line;

/// A line for each.
pub fn text(answer: &DoneBefore) -> String {
    let run = answer.execution.name();
    let lines = answer.nodes.iter().map(|node| {
        let (word, id) = (node.state.word(), &node.node);
        let what = match node.state {
            DoneState::Reported => format!(" attempt {} as done before", node.attempt),
            _ if node.message.is_empty() => String::new(),
            _ => format!(": {}", line(&node.message)),
        };
        format!("{word} {run}/{id}{what}\n")
    });
    lines.collect()
}
