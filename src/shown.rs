//! Shows answers of the service, for all interfaces: connects `service` with `show`.

use crate::core::base::diagnostic::Diagnostic;
use crate::core::resource::Time;
use crate::core::review::Subject;
use crate::core::review::rules::declared;
use crate::service::describe::Described;
use crate::service::review::Reviewed;
use crate::show;
use crate::show::graph::GraphView;
use crate::show::review::Shown;
use crate::show::run::RunView;

/// Shows a comparison.
pub fn of_review<T>(reviewed: &Reviewed, make: impl FnOnce(&Shown<'_>) -> T) -> T {
    let rules = reviewed.broken_rules();
    let declared = |subject: &Subject| declared(subject, &reviewed.old, &reviewed.new);
    let place = |finding: &_| {
        let Diagnostic { file, place, .. } = finding;
        reviewed.new.place(file, place)
    };
    make(&Shown {
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

/// Shows a resource with what follows from it. `all`: every node of its graph.
pub fn of_resource(described: &Described, all: bool, now: Time, width: Option<usize>) -> String {
    let mut text =
        show::resource::describe(&described.merged(), described.held_to.as_ref(), now, width);
    text.push_str(&show::resource::unready(&described.not_ready, width));
    text.push_str(&show::resource::capabilities(
        &described.capabilities,
        width,
    ));
    if let Some(of) = described.standing() {
        text.push_str(&show::run::sections(&RunView {
            of,
            all,
            now,
            width,
        }));
    } else if let Some(drawing) = &described.drawing {
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(2));
        let graph = show::graph::text(
            GraphView {
                of: drawing.of(),
                nodes: None,
            },
            room,
        );
        text.push_str(&show::resource::graph(&graph));
    }
    text
}
