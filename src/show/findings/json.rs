//! One JSON document: the stable form for programs.

use super::Located;
use crate::api;
use crate::api::findings::{Findings, Summary};
use crate::core::text::located::Finding;

pub(super) fn render(located: &[Located<'_>]) -> String {
    let errors = located.iter().filter(|l| l.finding.is_error()).count();
    let answer = Findings {
        findings: located.iter().map(Finding::from).collect(),
        summary: Summary {
            errors,
            warnings: located.len() - errors,
        },
        scope: None,
    };
    api::document(&answer).map_or_else(
        |error| format!("{error}\n"),
        |value| crate::show::json(&value),
    )
}
