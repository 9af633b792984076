//! The state machines: one function each, from a state and an event to the next state.
//!
//! Controllers change phases only through these, so other transitions are impossible.

use crate::core::resource::{ExecutionPhase, NodePhase};

/// An event of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeEvent {
    /// It was claimed.
    Claim,
    /// It succeeded: a report, an approval.
    Succeed,
    /// It finally failed: no retries left, a rejection.
    Fail,
    /// The attempt is over, and another one opens: retry, release, expired lease.
    Requeue,
    /// Its turn has come, and it waits for a decision or for something missing.
    Block,
    /// The wait is over, or it is no longer its turn.
    Unblock,
    /// A predecessor finally failed.
    Skip,
    /// The run was cancelled.
    Cancel,
    /// What a gate approved has changed, so it must be decided again.
    Reopen,
    /// An operator opened it again, or a node that it was decided on.
    Retry,
    /// The first child of a group has begun.
    Begin,
    /// A question is answered, and its holder continues.
    Resume,
}

/// An event that is not allowed in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible for what is {phase}")]
pub struct IllegalTransition<P: std::fmt::Display + std::fmt::Debug, E: std::fmt::Debug> {
    /// The state.
    pub phase: P,
    /// The event.
    pub event: E,
}

/// The next phase of a node.
///
/// # Errors
/// The phase does not allow the event.
pub fn node(
    phase: NodePhase,
    event: NodeEvent,
) -> Result<NodePhase, IllegalTransition<NodePhase, NodeEvent>> {
    use NodeEvent as E;
    use NodePhase as P;
    Ok(match (phase, event) {
        (P::Pending, E::Claim) => P::Running,
        (P::Pending | P::Running | P::Blocked, E::Succeed) => P::Succeeded,
        (P::Pending | P::Running | P::Blocked, E::Fail) => P::Failed,
        (P::Running | P::Blocked, E::Requeue) => P::Pending,
        (P::Pending | P::Running, E::Block) => P::Blocked,
        (P::Blocked, E::Unblock) => P::Pending,
        (P::Pending | P::Running | P::Blocked, E::Skip) => P::Skipped,
        (P::Pending | P::Running | P::Blocked, E::Cancel) => P::Cancelled,
        (P::Succeeded, E::Reopen) => P::Pending,
        (phase, E::Retry) if phase != P::Pending => P::Pending,
        (P::Pending | P::Blocked, E::Begin) => P::Running,
        (P::Blocked, E::Resume) => P::Running,
        _ => return Err(IllegalTransition { phase, event }),
    })
}

/// An event of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionEvent {
    /// Everything that it needs is there.
    Start,
    /// A node is running or can be claimed.
    Run,
    /// It waits only for decisions and missing things.
    Block,
    /// All nodes succeeded.
    Succeed,
    /// All nodes are over, and one failed.
    Fail,
    /// It was cancelled.
    Cancel,
    /// An operator opened it again.
    Retry,
}

/// The next phase of an execution.
///
/// # Errors
/// The phase does not allow the event.
pub fn execution(
    phase: ExecutionPhase,
    event: ExecutionEvent,
) -> Result<ExecutionPhase, IllegalTransition<ExecutionPhase, ExecutionEvent>> {
    use ExecutionEvent as E;
    use ExecutionPhase as P;
    Ok(match (phase, event) {
        (P::Pending, E::Start) => P::Running,
        (P::Running | P::Blocked, E::Run) => P::Running,
        (P::Running | P::Blocked, E::Block) => P::Blocked,
        (P::Running | P::Blocked, E::Succeed) => P::Succeeded,
        (P::Running | P::Blocked, E::Fail) => P::Failed,
        (P::Pending | P::Running | P::Blocked, E::Cancel) => P::Cancelled,
        (P::Failed | P::Running | P::Blocked, E::Retry) => P::Running,
        _ => return Err(IllegalTransition { phase, event }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeEvent::*;

    const NODE_EVENTS: [NodeEvent; 12] = [
        Claim, Succeed, Fail, Requeue, Block, Unblock, Skip, Cancel, Reopen, Retry, Begin, Resume,
    ];

    #[test]
    fn node_table() {
        use NodePhase as P;
        let allowed = [
            (P::Pending, Claim, P::Running),
            (P::Pending, Succeed, P::Succeeded),
            (P::Pending, Fail, P::Failed),
            (P::Pending, Block, P::Blocked),
            (P::Pending, Skip, P::Skipped),
            (P::Pending, Cancel, P::Cancelled),
            (P::Running, Succeed, P::Succeeded),
            (P::Running, Fail, P::Failed),
            (P::Running, Requeue, P::Pending),
            (P::Running, Block, P::Blocked),
            (P::Running, Skip, P::Skipped),
            (P::Running, Cancel, P::Cancelled),
            (P::Blocked, Succeed, P::Succeeded),
            (P::Blocked, Fail, P::Failed),
            (P::Blocked, Unblock, P::Pending),
            (P::Blocked, Requeue, P::Pending),
            (P::Blocked, Skip, P::Skipped),
            (P::Blocked, Cancel, P::Cancelled),
            (P::Succeeded, Reopen, P::Pending),
            (P::Failed, Retry, P::Pending),
            (P::Skipped, Retry, P::Pending),
            (P::Cancelled, Retry, P::Pending),
            (P::Succeeded, Retry, P::Pending),
            (P::Running, Retry, P::Pending),
            (P::Blocked, Retry, P::Pending),
            (P::Pending, Begin, P::Running),
            (P::Blocked, Begin, P::Running),
            (P::Blocked, Resume, P::Running),
        ];
        for &phase in NodePhase::ALL {
            for event in NODE_EVENTS {
                let expected = allowed
                    .iter()
                    .find(|(from, by, _)| *from == phase && *by == event)
                    .map(|(_, _, to)| *to);
                assert_eq!(node(phase, event).ok(), expected, "{phase} {event:?}");
            }
        }
    }

    #[test]
    fn a_terminal_execution_stays_terminal() {
        use ExecutionEvent as E;
        for &phase in ExecutionPhase::ALL {
            for event in [E::Start, E::Run, E::Block, E::Succeed, E::Fail, E::Cancel] {
                if phase.is_terminal() {
                    assert!(execution(phase, event).is_err(), "{phase} {event:?}");
                }
            }
        }
        assert!(execution(ExecutionPhase::Pending, E::Succeed).is_err());
        assert!(execution(ExecutionPhase::Running, E::Start).is_err());
    }
}
