//! What runs want of people and programs, in the order in which whoever looks at them should see it.

use serde::{Deserialize, Serialize};

use crate::core::resource::HUMAN;
use crate::core::run::transition::WaitingFor;

/// What a run wants, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Concern {
    /// It has failed, and somebody may try it again or leave it.
    Failed,
    /// Something is missing or wrong: it goes on once that is put right.
    Stuck,
    /// Somebody to try a node again that failed for good, while the run goes on; or to leave it.
    FailedNode,
    /// An answer to a question.
    Answer,
    /// A decision at a gate.
    Approval,
    /// A check of what was reported.
    Verification,
    /// A word about a criterion.
    Criterion,
    /// A task that is for a person.
    Person,
    /// A task that nobody has claimed.
    Unclaimed,
    /// The report of whoever is at work.
    Report,
    /// The next attempt.
    Retry,
    /// Something outside.
    External,
    /// A commit.
    Repository,
}

/// Under which heading a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heading {
    /// It has failed.
    Failed,
    /// It waits for somebody to put something right.
    Stuck,
    /// It waits for people.
    People,
    /// It waits for a worker.
    Unclaimed,
    /// Somebody is at work, or it goes on by itself.
    AtWork,
}

impl Heading {
    /// One word for a program.
    pub fn word(self) -> &'static str {
        match self {
            Heading::Failed => "failed",
            Heading::Stuck => "stuck",
            Heading::People => "people",
            Heading::Unclaimed => "unclaimed",
            Heading::AtWork => "atWork",
        }
    }

    /// As a title.
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
    /// All of them, the most urgent first.
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

    /// What waiting for this is.
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

    /// Where a run stands that wants this most.
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

    /// Whether it stays as it is until a person does something.
    pub fn needs_somebody(self) -> bool {
        self.heading() <= Heading::People
    }

    /// So many of it, in a headline: `1 approval`, `2 approvals`.
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

    /// One word for a program: a label of a metric.
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
