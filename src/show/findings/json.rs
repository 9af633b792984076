//! One JSON document: the stable form for programs.

use super::Located;
use crate::api;
use crate::api::findings::Findings;
use crate::core::text::located::Finding;

pub(super) fn render(located: &[Located<'_>]) -> String {
    let answer = Findings::new(located.iter().map(Finding::from).collect(), None);
    api::document(&answer).map_or_else(
        |error| format!("{error}\n"),
        |value| crate::show::json(&value),
    )
}
