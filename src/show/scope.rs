//! The changed files that are outside the scope of a plan, for people and programs.

use std::collections::BTreeSet;

use super::count;
use crate::api::findings::ScopeAnswer;
use crate::core::base::diagnostic::display_path;
use crate::core::base::escape;
use crate::core::review::scope::{Scoped, Side, short};

/// Maximum number of entries that are listed for people.
const MOST: usize = 10;

/// What was compared, and the result, in one sentence.
pub fn sentence(scoped: &Scoped) -> String {
    let plan = &scoped.plan;
    let by = match scoped.by {
        Side::Base => "as it was before the change",
        Side::Head => "which is new",
    };
    let of_step = scoped.step.as_ref();
    let of_step = of_step.map_or(String::new(), |step| format!(", step `{step}`"));
    let along = match scoped.allowed.len() {
        0 => String::new(),
        some => format!(", {some} always allowed"),
    };
    let is_prose = scoped.checkable.is_empty() && scoped.step.is_none();
    match (&scoped.unreadable, is_prose) {
        (Some(why), _) => format!("the scope of {plan} cannot be read: {why}"),
        (None, true) => {
            format!("no entry of the scope of {plan} begins with `path:`: nothing can be checked")
        }
        (None, false) => format!(
            "scope of {plan}{of_step}, {by}: {} compared, {} outside{along}",
            count(scoped.compared, "changed file"),
            scoped.outside.len()
        ),
    }
}

/// The answers for the given paths, one line each.
pub fn answers(answer: &ScopeAnswer) -> String {
    let rows = answer.items.iter().map(|one| {
        let verdict = match one.verdict.as_str() {
            "notCheckable" => "not checkable",
            verdict => verdict,
        };
        let why = one.why.as_deref().unwrap_or_default();
        [verdict, &one.path, why].map(escape::line).to_vec()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    super::table::table_keeping(&[0, 1], &["VERDICT", "PATH", "WHY"], &rows, None)
}

/// A note that the change concerns other things than the plan, if so.
pub fn beside_the_plan(scoped: &Scoped) -> Option<String> {
    scoped.is_beside_the_plan().then(|| {
        let plan = &scoped.plan;
        format!("no changed file is in the scope of {plan}")
    })
}

/// The entries that only people can judge, and how many more there are.
pub fn not_checkable(scoped: &Scoped) -> Vec<String> {
    let entries = scoped.not_checkable.iter().take(MOST);
    let mut lines: Vec<String> = entries
        .map(|entry| format!("{}: {}", display_path(&entry.path()), short(&entry.text)))
        .collect();
    if let Some(more) = scoped.not_checkable.len().checked_sub(MOST + 1) {
        lines.push(format!("{} more", more + 1));
    }
    lines
}

/// The sentence, and how many entries only people can judge. Kept short, since it is read at every commit.
pub fn lines(scoped: &Scoped) -> Vec<String> {
    let mut lines = vec![sentence(scoped)];
    lines.extend(beside_the_plan(scoped));
    let count = scoped.not_checkable.len();
    if let Some(first) = scoped.not_checkable.first() {
        let lists: BTreeSet<&str> = scoped
            .not_checkable
            .iter()
            .map(|entry| entry.list)
            .collect();
        let lists: Vec<String> = lists.iter().map(|list| format!("scope.{list}")).collect();
        lines.push(match count {
            1 => format!("not checkable: {}, for people", display_path(&first.path())),
            _ => format!(
                "not checkable: {count} entries of {}, for people",
                lists.join(" and ")
            ),
        });
    }
    lines
}
