//! What every door shows of a comparison: the service compares, `show` has the words, and this brings them together.

use crate::core::base::diagnostic::Diagnostic;
use crate::core::review::Subject;
use crate::core::review::rules::declared;
use crate::service::review::Reviewed;
use crate::show::review::Shown;

/// Show a comparison.
pub fn of_review<T>(reviewed: &Reviewed, show: impl FnOnce(&Shown<'_>) -> T) -> T {
    let rules = reviewed.broken_rules();
    let declared = |subject: &Subject| declared(subject, &reviewed.old, &reviewed.new);
    let place = |finding: &_| {
        let Diagnostic { file, place, .. } = finding;
        reviewed.new.place(file, place)
    };
    show(&Shown {
        review: &reviewed.review,
        snapshots: (&reviewed.old, &reviewed.new),
        commits: (&reviewed.base.commit, reviewed.head.commit.as_deref()),
        names: (&reviewed.base.name, &reviewed.head.name),
        declared: &declared,
        touched: &reviewed.touched,
        status_known: reviewed.status_known,
        runs_unknown: reviewed.runs_unknown.as_deref(),
        settings_unread_before: reviewed.settings_unread_before,
        findings: &rules,
        all: &reviewed.findings.found,
        allowed: &reviewed.allowed,
        scripts: &reviewed.scripts,
        web: reviewed.web.as_deref(),
        scope: reviewed.scope.as_ref(),
        configuration: &reviewed.configuration,
        concerned: &reviewed.concerned,
        place: &place,
    })
}
