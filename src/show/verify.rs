//! Criteria that were checked.

use crate::core::base::escape;
use crate::core::resource::{CriterionResult, TaskCriterion};

/// A criterion and what came of it, for people.
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
