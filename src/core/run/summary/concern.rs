//! What runs need from people and programs, most urgent first.

use serde::{Deserialize, Serialize};

use crate::core::resource::HUMAN;
use crate::core::run::transition::WaitingFor;

/// What a run needs, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Concern {
    /// It has failed; somebody may retry it, or leave it.
    Failed,
    /// Something is missing or wrong, and must be corrected first.
    Stuck,
    /// A node has finally failed while the run is open; somebody may retry it, or leave it.
    FailedNode,
    /// An answer to a question.
    Answer,
    /// A decision at a gate.
    Approval,
    /// A verification of a report.
    Verification,
    /// An attestation of a criterion.
    Criterion,
    /// A task for a person.
    Person,
    /// A task that nobody has claimed.
    Unclaimed,
    /// The report of a worker.
    Report,
    /// The next attempt.
    Retry,
    /// Something outside.
    External,
    /// A commit.
    Repository,
}

/// The heading under which a run is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heading {
    /// It has failed.
    Failed,
    /// Something must be corrected.
    Stuck,
    /// It waits for people.
    People,
    /// It waits for a worker.
    Unclaimed,
    /// Somebody works on it, or it continues by itself.
    AtWork,
}

impl Heading {
    /// One word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Heading::Failed => "failed",
            Heading::Stuck => "stuck",
            Heading::People => "people",
            Heading::Unclaimed => "unclaimed",
            Heading::AtWork => "atWork",
        }
    }

    /// The title.
    pub fn title(self) -> &'static str {
        match self {
            Heading::Failed => "Failed",
            Heading::Stuck => "Cannot go on",
            Heading::People => "Waiting for people",
            Heading::Unclaimed => "Unclaimed",
            Heading::AtWork => "At work",
        }
    }
}

impl Concern {
    /// All concerns, most urgent first.
    pub const ALL: [Concern; 13] = [
        Concern::Failed,
        Concern::Stuck,
        Concern::FailedNode,
        Concern::Answer,
        Concern::Approval,
        Concern::Verification,
        Concern::Criterion,
        Concern::Person,
        Concern::Unclaimed,
        Concern::Report,
        Concern::Retry,
        Concern::External,
        Concern::Repository,
    ];

    /// The concern of a wait.
    pub fn of(what: &WaitingFor) -> Concern {
        match what {
            WaitingFor::Worker {
                provider: Some(provider),
                ..
            } if provider.starts_with(HUMAN) => Concern::Person,
            WaitingFor::Worker { .. } => Concern::Unclaimed,
            WaitingFor::Report { .. } => Concern::Report,
            WaitingFor::Answer { .. } => Concern::Answer,
            WaitingFor::Approval { .. } => Concern::Approval,
            WaitingFor::Verification { .. } => Concern::Verification,
            WaitingFor::Criterion { .. } => Concern::Criterion,
            WaitingFor::External { .. } => Concern::External,
            WaitingFor::Repository { .. } => Concern::Repository,
            WaitingFor::Retry { .. } => Concern::Retry,
            WaitingFor::Other { .. } => Concern::Stuck,
        }
    }

    /// The heading of a run whose most urgent concern this is.
    pub fn heading(self) -> Heading {
        match self {
            Concern::Failed => Heading::Failed,
            Concern::Stuck => Heading::Stuck,
            Concern::FailedNode
            | Concern::Answer
            | Concern::Approval
            | Concern::Verification
            | Concern::Criterion
            | Concern::Person => Heading::People,
            Concern::Unclaimed => Heading::Unclaimed,
            Concern::Report | Concern::Retry | Concern::External | Concern::Repository => {
                Heading::AtWork
            }
        }
    }

    /// Whether it lasts until a person acts.
    pub fn needs_somebody(self) -> bool {
        self.heading() <= Heading::People
    }

    /// A number of them, for a headline: `1 approval`, `2 approvals`.
    pub fn counted(self, count: usize) -> String {
        let (one, several) = match self {
            Concern::Failed => ("failed", "failed"),
            Concern::Stuck => ("cannot go on", "cannot go on"),
            Concern::FailedNode => ("node failed", "nodes failed"),
            Concern::Answer => ("question", "questions"),
            Concern::Approval => ("needs an approval", "need an approval"),
            Concern::Verification => ("to be verified", "to be verified"),
            Concern::Criterion => ("criterion open", "criteria open"),
            Concern::Person => ("task for a person", "tasks for people"),
            Concern::Unclaimed => ("unclaimed", "unclaimed"),
            Concern::Report => ("at work", "at work"),
            Concern::Retry => ("waits to be tried again", "wait to be tried again"),
            Concern::External => ("waits for something outside", "wait for something outside"),
            Concern::Repository => ("waits for a commit", "wait for a commit"),
        };
        format!("{count} {}", if count == 1 { one } else { several })
    }

    /// One word for programs, as a label of a metric.
    pub fn word(self) -> &'static str {
        match self {
            Concern::Failed => "failed",
            Concern::Stuck => "stuck",
            Concern::FailedNode => "failedNode",
            Concern::Answer => "answer",
            Concern::Approval => "approval",
            Concern::Verification => "verification",
            Concern::Criterion => "criterion",
            Concern::Person => "person",
            Concern::Unclaimed => "unclaimed",
            Concern::Report => "report",
            Concern::Retry => "retry",
            Concern::External => "external",
            Concern::Repository => "repository",
        }
    }
}
