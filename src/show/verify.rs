//! Checked criteria.

use super::table;
use crate::api::wait::CommitVerified;
use crate::core::base::digest::short;
use crate::core::base::escape;
use crate::core::resource::{CriterionResult, TaskCriterion};

/// A criterion and its result, for people.
pub fn line(criterion: &TaskCriterion, result: &CriterionResult) -> String {
    let word = match (result.holds, criterion.required) {
        (true, _) => "holds",
        (false, true) => "does not hold",
        (false, false) => "does not hold (optional)",
    };
    let millis = result.duration_ms;
    let mut line = format!(
        "{word}: {} ({}, {}.{:01} s)",
        result.name,
        result.ran,
        millis / 1000,
        millis % 1000 / 100
    );
    if !result.holds {
        let said: Vec<&str> = result.excerpt.lines().collect();
        line.push_str(&format!(": {}", said.join(" | ")));
    }
    format!("{}\n", escape::line(&line))
}

/// The results for a commit, one line each.
pub fn at_commit(answer: &CommitVerified) -> String {
    let word = if answer.verified {
        "verified"
    } else {
        "not verified"
    };
    let by = answer.execution.as_ref().filter(|run| **run != answer.name);
    let by = by.map_or(String::new(), |run| format!(", by {run}"));
    let mut text = format!(
        "{}: {word} at {}{by}\n",
        escape::line(&answer.name),
        short(&answer.commit)
    );
    let rows = answer.criteria.iter().map(|one| {
        let why = match one.state.as_str() {
            "met" => format!("says {}", one.by.join(", ")),
            "later" => "can be seen after the deployment: --after-deployment".to_owned(),
            _ => one.why.clone(),
        };
        [one.state.as_str(), &one.criterion, &why]
            .map(escape::line)
            .to_vec()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    text.push_str(&table::rows(&[0, 1, 2], &rows, 2, None));
    for missing in &answer.missing {
        text.push_str(&format!("  {}\n", escape::line(missing)));
    }
    text
}
