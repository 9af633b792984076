//! Expectations of a wait: met, still possible, or out of reach.

use crate::core::base::suggest::did_you_mean;
use crate::core::resource::{
    BindingPhase, CapabilityPhase, ConditionStatus, ExecutionPhase, GatePhase, GoalPhase, Kind,
    NodePhase, PlanPhase, Status, find_condition,
};
use crate::core::run::status::StatusFile;

/// An expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// The resource is in a phase.
    Phase(String),
    /// A condition of the resource has a status.
    Condition {
        /// The type of the condition.
        kind: String,
        /// `True`, `False` or `Unknown`.
        status: ConditionStatus,
    },
    /// A node of an execution is in a phase.
    Node {
        /// The node.
        id: String,
        /// Its phase.
        phase: NodePhase,
    },
    /// The resource is deleted.
    Deleted,
}

/// The state of an expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// It is met; the text is the state in a few words.
    Met(String),
    /// It is not met yet; the text is the state in a few words.
    NotYet(String),
    /// It can no longer be met; the text is the reason, in a sentence.
    Never(String),
}

impl Expectation {
    /// Parses `PHASE`, `condition=TYPE[=STATUS]`, `node=NODE=PHASE` or `delete`.
    ///
    /// # Errors
    /// What is wrong, with suggestions.
    pub fn parse(kind: Kind, text: &str) -> Result<Expectation, String> {
        if text.eq_ignore_ascii_case("delete") {
            return Ok(Expectation::Deleted);
        }
        match text.split_once('=') {
            None => phase_of_kind(kind, text).map(Expectation::Phase),
            Some(("condition", rest)) => {
                let (kind, status) = rest.split_once('=').unwrap_or((rest, "True"));
                let status = match status.to_ascii_lowercase().as_str() {
                    "true" => ConditionStatus::True,
                    "false" => ConditionStatus::False,
                    "unknown" => ConditionStatus::Unknown,
                    _ => return Err(format!("`{status}` is not True, False or Unknown")),
                };
                match kind {
                    "" => Err("`condition=` names no condition".to_owned()),
                    _ => Ok(Expectation::Condition {
                        kind: kind.to_owned(),
                        status,
                    }),
                }
            }
            Some(("node", rest)) if kind == Kind::Execution => {
                let Some((id, phase)) = rest.split_once('=').filter(|(id, _)| !id.is_empty())
                else {
                    return Err("write node=NODE=PHASE".to_owned());
                };
                let phase = phase_of(&names(NodePhase::ALL), phase, "node")?;
                let found = NodePhase::ALL
                    .iter()
                    .find(|known| known.to_string() == phase);
                Ok(Expectation::Node {
                    id: id.to_owned(),
                    phase: found.copied().unwrap_or_default(),
                })
            }
            Some(("node", _)) => Err("only executions have nodes".to_owned()),
            Some((word, _)) => Err(format!(
                "`{word}=` is unknown: write a phase, condition=TYPE[=STATUS], node=NODE=PHASE or \
                 delete"
            )),
        }
    }

    /// Judges a resource by its status file; `None` if it has none.
    pub fn judge(&self, file: Option<&StatusFile>) -> Outlook {
        let Some(file) = file else {
            return match self {
                Expectation::Deleted => Outlook::Met("there is no such resource".to_owned()),
                _ => Outlook::NotYet("it has no status yet".to_owned()),
            };
        };
        let phase = file.status.phase();
        let state = match file.status.conditions() {
            [] => phase.clone(),
            _ => phase_and_why(&file.status, &phase),
        };
        match self {
            Expectation::Deleted if file.deleted.is_some() => Outlook::Met("deleted".to_owned()),
            Expectation::Deleted => Outlook::NotYet(state),
            Expectation::Phase(wanted) if *wanted == phase => Outlook::Met(state),
            Expectation::Phase(_) if is_over(&file.status) => {
                Outlook::Never(format!("it ended as {state}"))
            }
            Expectation::Condition { kind, status } => {
                match find_condition(file.status.conditions(), kind) {
                    Some(found) if found.status == *status => {
                        Outlook::Met(format!("{kind} is {status:?}: {}", found.reason))
                    }
                    _ if matches!(&file.status, Status::Execution(_)) && is_over(&file.status) => {
                        Outlook::Never(format!("it ended as {state}"))
                    }
                    _ => or_deleted(file, state),
                }
            }
            Expectation::Node { id, phase } => judge_node(file, id, *phase, state),
            Expectation::Phase(_) => or_deleted(file, state),
        }
    }
}

fn judge_node(file: &StatusFile, id: &str, wanted: NodePhase, state: String) -> Outlook {
    let Status::Execution(run) = &file.status else {
        return Outlook::Never("only executions have nodes".to_owned());
    };
    match run.node_statuses.get(id) {
        Some(node) if node.phase == wanted => Outlook::Met(format!("node `{id}` is {wanted}")),
        Some(node) if node.phase.is_terminal() => Outlook::Never(format!(
            "node `{id}` ended as {}{}",
            node.phase,
            because(&node.message)
        )),
        Some(node) => Outlook::NotYet(format!(
            "node `{id}` is {}{}",
            node.phase,
            because(&node.message)
        )),
        None if !run.node_statuses.is_empty() => {
            let near = did_you_mean(id, run.node_statuses.keys().map(String::as_str));
            let near = near.map(|near| format!(": did you mean `{near}`?"));
            Outlook::Never(format!("it has no node `{id}`{}", near.unwrap_or_default()))
        }
        None if run.phase.is_terminal() => Outlook::Never(format!("it ended as {state}")),
        None => Outlook::NotYet(state),
    }
}

fn or_deleted(file: &StatusFile, state: String) -> Outlook {
    match file.deleted {
        Some(_) => Outlook::Never("its file was deleted".to_owned()),
        None => Outlook::NotYet(state),
    }
}

/// Whether the phase is final.
fn is_over(status: &Status) -> bool {
    match status {
        Status::Execution(run) => run.phase.is_terminal(),
        Status::Goal(goal) => matches!(
            goal.phase,
            GoalPhase::Succeeded | GoalPhase::Failed | GoalPhase::Cancelled
        ),
        _ => false,
    }
}

fn phase_and_why(status: &Status, phase: &str) -> String {
    let message = match status {
        Status::Execution(run) => run.message.as_str(),
        _ => find_condition(status.conditions(), "Valid")
            .filter(|valid| valid.status == ConditionStatus::False)
            .map_or("", |valid| valid.message.as_str()),
    };
    format!("{phase}{}", because(message))
}

fn because(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({message})")
    }
}

/// The phase of a kind, in its proper spelling.
///
/// # Errors
/// There is no such phase; the error is a sentence that lists the phases.
pub fn phase_of_kind(kind: Kind, text: &str) -> Result<String, String> {
    phase_of(&phases(kind), text, kind.name())
}

fn phase_of(known: &[String], text: &str, of: &str) -> Result<String, String> {
    let same = |phase: &&String| phase.eq_ignore_ascii_case(text);
    known.iter().find(same).cloned().ok_or_else(|| {
        let near = did_you_mean(text, known.iter().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the phases are {}", known.join(", ")),
        };
        format!(
            "there is no phase `{text}` of {} {}: {hint}",
            if of.starts_with(['E', 'A']) {
                "an"
            } else {
                "a"
            },
            of.to_lowercase()
        )
    })
}

fn phases(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Goal => names(GoalPhase::ALL),
        Kind::Plan => names(PlanPhase::ALL),
        Kind::Capability => names(CapabilityPhase::ALL),
        Kind::Binding => names(BindingPhase::ALL),
        Kind::Gate => names(GatePhase::ALL),
        Kind::Execution => names(ExecutionPhase::ALL),
    }
}

fn names<T: ToString>(phases: &[T]) -> Vec<String> {
    phases.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn file(kind: Kind, status: serde_json::Value) -> StatusFile {
        let mut file: StatusFile = StatusFile {
            uid: "u".to_owned(),
            generation: 1,
            created: "2026-03-01T08:00:00Z".parse().unwrap(),
            deleted: None,
            source: crate::core::run::status::SpecSource {
                path: "x.yaml".to_owned(),
                digest: "sha256:0".to_owned(),
            },
            status: Status::initial(kind),
        };
        file.status = Status::from_value(kind, status).unwrap();
        file
    }

    #[test]
    fn what_is_waited_for_is_read_in_any_case_and_typos_are_told() {
        let node = |id: &str, phase| Expectation::Node {
            id: id.to_owned(),
            phase,
        };
        let condition = |kind: &str, status| Expectation::Condition {
            kind: kind.to_owned(),
            status,
        };
        let good = [
            ("succeeded", Expectation::Phase("Succeeded".to_owned())),
            ("delete", Expectation::Deleted),
            (
                "condition=PlanDrifted",
                condition("PlanDrifted", ConditionStatus::True),
            ),
            (
                "condition=Valid=false",
                condition("Valid", ConditionStatus::False),
            ),
            ("node=build=Succeeded", node("build", NodePhase::Succeeded)),
        ];
        for (text, expected) in good {
            assert_eq!(
                Expectation::parse(Kind::Execution, text),
                Ok(expected),
                "{text}"
            );
        }
        let bad = [
            (Kind::Execution, "Suceeded", "did you mean `Succeeded`?"),
            (Kind::Gate, "Running", "the phases are Pending, Waiting"),
            (Kind::Execution, "condition=", "names no condition"),
            (
                Kind::Execution,
                "condition=Valid=maybe",
                "`maybe` is not True",
            ),
            (Kind::Execution, "node=build", "node=NODE=PHASE"),
            (Kind::Goal, "node=build=Failed", "only executions"),
            (Kind::Goal, "phase=Ready", "`phase=` is unknown"),
        ];
        for (kind, text, expected) in bad {
            let why = Expectation::parse(kind, text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }

    #[test]
    fn what_is_over_does_not_become_something_else() {
        let running = json!({"phase": "Running", "nodeStatuses": {
            "build": {"phase": "Succeeded"}, "test": {"phase": "Pending"},
            "docs": {"phase": "Failed", "message": "no words"},
        }});
        let failed = json!({"phase": "Failed", "message": "`docs` failed"});
        let run = |status: &serde_json::Value| file(Kind::Execution, status.clone());
        let met = |verdict: &Outlook| matches!(verdict, Outlook::Met(_));
        let not_yet = |verdict: &Outlook| matches!(verdict, Outlook::NotYet(_));
        let never = |verdict: &Outlook| matches!(verdict, Outlook::Never(_));
        type Check<'a> = &'a dyn Fn(&Outlook) -> bool;
        let table: [(&str, StatusFile, Check<'_>); 10] = [
            ("Running", run(&running), &met),
            ("Succeeded", run(&running), &not_yet),
            ("Succeeded", run(&failed), &never),
            ("Failed", run(&failed), &met),
            ("node=build=Succeeded", run(&running), &met),
            ("node=test=Succeeded", run(&running), &not_yet),
            ("node=docs=Succeeded", run(&running), &never),
            ("node=tests=Succeeded", run(&running), &never),
            ("condition=PlanDrifted", run(&running), &not_yet),
            ("condition=PlanDrifted", run(&failed), &never),
        ];
        for (text, file, expected) in table {
            let wanted = Expectation::parse(Kind::Execution, text).unwrap();
            let verdict = wanted.judge(Some(&file));
            assert!(expected(&verdict), "{text}: {verdict:?}");
        }
        let ready = Expectation::Phase("Ready".to_owned());
        let mut plan = file(Kind::Plan, json!({"phase": "Invalid"}));
        assert!(not_yet(&ready.judge(Some(&plan))));
        assert!(not_yet(&ready.judge(None)));
        assert!(not_yet(&Expectation::Deleted.judge(Some(&plan))));
        plan.deleted = Some("2026-03-01T09:00:00Z".parse().unwrap());
        assert!(never(&ready.judge(Some(&plan))));
        assert!(met(&Expectation::Deleted.judge(Some(&plan))));
        assert!(met(&Expectation::Deleted.judge(None)));
    }
}
