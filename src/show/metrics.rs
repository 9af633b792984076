//! The state of all runs as OpenMetrics text, for collectors that read files. Only gauges: the program starts anew
//! each time, and so would counters.

use std::fmt::Write as _;
use std::time::Duration;

use crate::api::overview::Overview;
use crate::core::resource::{ExecutionPhase, Time};
use crate::core::run::summary::concern::Concern;
use crate::core::run::transition::TakenIn;

/// When and how a reconcile ran.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// When it was.
    pub at: Time,
    /// How long it took.
    pub took: Duration,
    /// What became of the records, if it succeeded.
    pub records: Option<TakenIn>,
}

/// The text of the file.
///
/// Without an overview, the state could not be read: only that is reported, and that attention is needed.
pub fn openmetrics(overview: Option<&Overview>, look: &Look) -> String {
    let mut text = String::new();
    let needs = overview.is_none_or(|overview| overview.needs_somebody);
    let help = "Whether something needs attention from a person.";
    let needs = [(String::new(), u8::from(needs).to_string())];
    gauge(&mut text, "needs_somebody", help, needs);
    if let Some(overview) = overview {
        how_it_stands(&mut text, overview);
    }
    of_look(&mut text, look);
    text.push_str("# EOF\n");
    text
}

fn how_it_stands(text: &mut String, overview: &Overview) {
    let phases = ExecutionPhase::ALL.iter().map(|phase| {
        let count = overview.phases.get(&phase.to_string()).copied();
        (
            label("phase", &phase.to_string()),
            count.unwrap_or_default().to_string(),
        )
    });
    gauge(text, "executions", "Executions by phase.", phases);
    let wanted = |concern: &Concern| {
        let mut wanted = overview.wanted.iter();
        wanted.find(|one| one.what == concern.word())
    };
    let counts = Concern::ALL.iter().map(|concern| {
        let count = wanted(concern).map_or(0, |one| one.count);
        (label("what", concern.word()), count.to_string())
    });
    let help = "What executions wait for, by kind.";
    gauge(text, "wanted", help, counts);
    let oldest = Concern::ALL.iter().filter_map(|concern| {
        let oldest = wanted(concern)?.oldest?;
        Some((label("what", concern.word()), seconds(oldest)))
    });
    let help = "Since when the one that has waited longest has waited.";
    gauge(text, "wanted_oldest_timestamp_seconds", help, oldest);
    let deadline = overview
        .next_deadline
        .map(|at| (String::new(), seconds(at)));
    let help = "Time of the next deadline.";
    gauge(text, "next_deadline_timestamp_seconds", help, deadline);
    let findings = overview.findings.len().to_string();
    let help = "Problems that belong to no resource.";
    gauge(text, "findings", help, [(String::new(), findings)]);
}

fn of_look(text: &mut String, look: &Look) {
    let one = |value: String| [(String::new(), value)];
    let succeeded = u8::from(look.records.is_some()).to_string();
    gauge(
        text,
        "reconcile_success",
        "Whether the last reconcile succeeded.",
        one(succeeded),
    );
    let help = "Time of the last reconcile.";
    gauge(
        text,
        "reconcile_timestamp_seconds",
        help,
        one(seconds(look.at)),
    );
    let took = format!("{:.3}", look.took.as_secs_f64());
    gauge(
        text,
        "reconcile_duration_seconds",
        "Duration of the last reconcile.",
        one(took),
    );
    let records = look.records.into_iter().flat_map(|records| {
        [("applied", records.applied), ("refused", records.refused)]
            .map(|(result, count)| (label("result", result), count.to_string()))
    });
    let help = "Inbox refs that the last reconcile applied.";
    gauge(text, "reconcile_records", help, records);
}

fn gauge(
    text: &mut String,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (String, String)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    let _ = write!(
        text,
        "# TYPE planspec_{name} gauge\n# HELP planspec_{name} {help}\n"
    );
    for (labels, value) in samples {
        let _ = writeln!(text, "planspec_{name}{labels} {value}");
    }
}

/// Values are words of this program, so they need no escapes.
fn label(name: &str, value: &str) -> String {
    format!("{{{name}=\"{value}\"}}")
}

fn seconds(at: Time) -> String {
    at.timestamp().to_string()
}
