//! Transitions between two statuses, and what waits for whom.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::core::resource::{
    AWAITING_ANSWER, AWAITING_APPROVAL, AWAITING_EXTERNAL, AWAITING_REPOSITORY,
    AWAITING_VERIFICATION, Attested, Condition, ConditionStatus, CriterionOf, ExecutionPhase,
    ExecutionStatus, GoalPhase, Key, NodePhase, NodeStatus, OUT_OF_SCOPE, READY, RETRY_WAIT,
    Status, Time, find_condition,
};
use crate::core::run::published::ACCEPTED;
use crate::core::run::status::{StatusFile, StatusTree};

/// What has changed in a resource or a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Moved {
    /// Its phase.
    #[default]
    Phase,
    /// The attestation of a criterion, given its id: `met` or `not met`.
    Criterion(String),
    /// The attestation of a constraint, given its id.
    Constraint(String),
    /// The status of a condition, given its type.
    Condition(String),
}

/// A changed phase, condition or attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The resource.
    pub key: Key,
    /// The node of an execution, if it is about one.
    pub node: Option<String>,
    /// If the node is a step of a document, or its approval, and that was looked up: the `step_id` as written.
    pub step: Option<String>,
    /// What has changed.
    pub what: Moved,
    /// The value before; `None` for something new.
    pub from: Option<String>,
    /// The value after; `None` for something removed.
    pub to: Option<String>,
    /// The attempt of the node; 0 if there is none.
    pub attempt: u32,
    /// The reason, as a sentence.
    pub message: String,
}

impl Transition {
    /// The change in short form: `Pending → Running`; `attempt 2 opened` if only the attempt
    /// changed.
    pub fn arrow(&self) -> String {
        match &self.what {
            Moved::Phase => {}
            Moved::Criterion(_) | Moved::Constraint(_) => {
                return self.to.clone().unwrap_or_default();
            }
            Moved::Condition(kind) => {
                let is_set = self.to.as_deref() == Some("True");
                return format!("{kind} {}", if is_set { "set" } else { "cleared" });
            }
        }
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if from == to => format!("attempt {} opened", self.attempt),
            (Some(from), Some(to)) => format!("{from} → {to}"),
            (None, Some(to)) => format!("(new) → {to}"),
            (Some(from), None) => format!("{from} → (gone)"),
            (None, None) => String::new(),
        }
    }

    /// The type of the condition, if one changed.
    pub fn condition(&self) -> Option<&str> {
        match &self.what {
            Moved::Condition(kind) => Some(kind),
            _ => None,
        }
    }

    /// The part of the resource that it is about, if any: its kind and name.
    pub fn part(&self) -> Option<(&'static str, &str)> {
        match (&self.what, &self.node) {
            (Moved::Criterion(id), _) => Some(("criterion", id)),
            (Moved::Constraint(id), _) => Some(("constraint", id)),
            (_, Some(node)) => Some(("node", node)),
            (_, None) => None,
        }
    }

    /// The reason, with the attempt if that is of interest.
    pub fn why(&self) -> String {
        let attempt = match self.attempt {
            0 | 1 => String::new(),
            _ if self.from == self.to => String::new(),
            n => format!("attempt {n}"),
        };
        let parts = [attempt.as_str(), self.message.as_str()];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join("; ")
    }
}

/// The inbox refs that were taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TakenIn {
    /// How many of them were applied.
    pub applied: usize,
    /// How many were refused.
    pub refused: usize,
}

/// The number of inbox refs that were taken in between two statuses.
pub fn taken_in(old: Option<&StatusTree>, new: &StatusTree) -> TakenIn {
    let before = |key: &Key| old?.files.get(key)?.status.execution();
    let mut count = TakenIn::default();
    let runs = new.files.iter();
    let runs = runs.filter_map(|(key, file)| Some((key, file.status.execution()?)));
    for (key, run) in runs {
        let known = before(key).map(|run| &run.extensions);
        let refused = run.extensions.unapplied.iter();
        let refused: BTreeSet<&str> = refused
            .filter(|no| known.is_none_or(|known| !known.unapplied.contains(no)))
            .map(|no| no.ref_name.as_str())
            .collect();
        let records = run.extensions.records.iter();
        let new = records
            .filter(|(at, tip)| known.is_none_or(|known| known.records.get(*at) != Some(*tip)));
        count.refused += refused.len();
        count.applied += new.filter(|(at, _)| !refused.contains(at.as_str())).count();
    }
    let known = old.map(|old| old.controller.requests.as_slice());
    let known = known.unwrap_or_default();
    let requests = new.controller.requests.iter();
    count.applied += requests.filter(|one| !known.contains(one)).count();
    count
}

/// All transitions, by resource, nodes after their execution.
pub fn transitions(old: Option<&StatusTree>, new: &StatusTree) -> Vec<Transition> {
    let empty = BTreeMap::new();
    let old_files = old.map_or(&empty, |old| &old.files);
    let mut found = Vec::new();
    for (key, file) in &new.files {
        found.extend(of_resource(key, old_files.get(key), file));
    }
    for (key, file) in old_files {
        let archived = new.archived.of(key);
        let is_archived = archived.is_some_and(|archived| archived.uid == file.uid);
        if !new.files.contains_key(key) && !is_archived {
            found.push(Transition {
                key: key.clone(),
                node: None,
                step: None,
                what: Moved::Phase,
                from: Some(file.status.phase()),
                to: None,
                attempt: 0,
                message: "no longer in the files".to_owned(),
            });
        }
    }
    found
}

/// The transitions of one resource. A status with another uid belongs to another resource.
pub fn of_resource(key: &Key, before: Option<&StatusFile>, now: &StatusFile) -> Vec<Transition> {
    let mut found = Vec::new();
    let before = before.filter(|before| before.uid == now.uid);
    let from = before.map(|before| before.status.phase());
    let to = now.status.phase();
    if from.as_ref() != Some(&to) {
        found.push(Transition {
            key: key.clone(),
            node: None,
            step: None,
            what: Moved::Phase,
            from,
            to: Some(to),
            attempt: 0,
            message: why(&now.status),
        });
    }
    if let Status::Execution(run) = &now.status {
        let before = before.and_then(|before| before.status.execution());
        if let Some(before) = before {
            found.extend(conditions(key, before, run));
            found.extend(words(key, before, run));
        }
        node_transitions(key, before, run, &mut found);
    }
    found
}

/// The changed conditions of a run since its start.
fn conditions(key: &Key, before: &ExecutionStatus, now: &ExecutionStatus) -> Vec<Transition> {
    if before.start_time.is_none() {
        return Vec::new();
    }
    let holds = |condition: &&Condition| condition.status == ConditionStatus::True;
    let is_among =
        |all: &[Condition], kind: &str| find_condition(all, kind).filter(holds).is_some();
    let moved = |condition: &Condition, to: ConditionStatus, message: &str| Transition {
        key: key.clone(),
        node: None,
        step: None,
        what: Moved::Condition(condition.kind.clone()),
        from: find_condition(&before.conditions, &condition.kind)
            .map(|old| format!("{:?}", old.status)),
        to: Some(format!("{to:?}")),
        attempt: 0,
        message: message.to_owned(),
    };
    let set = now.conditions.iter().filter(holds);
    // A condition that older programs did not set is not a change.
    let set = set.filter(|condition| condition.kind != ACCEPTED);
    let set = set.filter(|condition| !is_among(&before.conditions, &condition.kind));
    let set = set.map(|condition| moved(condition, ConditionStatus::True, &condition.message));
    let cleared = before.conditions.iter().filter(holds);
    let cleared = cleared.filter(|condition| !is_among(&now.conditions, &condition.kind));
    let cleared = cleared.map(|condition| {
        let left = find_condition(&now.conditions, &condition.kind);
        let why = left.map_or("", |left| left.message.as_str());
        moved(condition, ConditionStatus::False, why)
    });
    set.chain(cleared).collect()
}

/// The new attestations of a run.
pub fn attested<'a>(
    before: Option<&ExecutionStatus>,
    now: &'a ExecutionStatus,
) -> Vec<&'a Attested> {
    let known: BTreeSet<&str> = before
        .iter()
        .flat_map(|before| &before.extensions.attestations)
        .map(|said| said.record.as_str())
        .collect();
    let all = now.extensions.attestations.iter();
    all.filter(|said| !known.contains(said.record.as_str()))
        .collect()
}

fn words(key: &Key, before: &ExecutionStatus, now: &ExecutionStatus) -> Vec<Transition> {
    let verdict = |said: &Attested| verdict(said).to_owned();
    let new = attested(Some(before), now).into_iter();
    new.map(|said| {
        let mut was = before.said_about(&said.criterion);
        let evidence = evidence(said);
        let colon = if evidence.is_empty() { "" } else { ": " };
        Transition {
            key: key.clone(),
            node: None,
            step: None,
            what: if is_constraint(now, &said.criterion) {
                Moved::Constraint(said.criterion.clone())
            } else {
                Moved::Criterion(said.criterion.clone())
            },
            from: was.find(|old| old.actor == said.actor).map(verdict),
            to: Some(verdict(said)),
            attempt: 0,
            message: format!("says {}{colon}{evidence}", said.actor),
        }
    })
    .collect()
}

/// Whether the criterion is a constraint of the pinned document.
pub fn is_constraint(run: &ExecutionStatus, criterion: &str) -> bool {
    let mut criteria = run.extensions.criteria.iter();
    criteria.any(|one| one.id == criterion && one.kind == CriterionOf::Constraint)
}

/// `met` or `not met`.
pub fn verdict(said: &Attested) -> &'static str {
    if said.met { "met" } else { "not met" }
}

/// The evidence of an attestation: its text, or the results of checks.
pub fn evidence(said: &Attested) -> String {
    let checks = (!said.results.is_empty()).then(|| {
        let holding = said.results.iter().filter(|result| result.holds).count();
        let broken = said.results.iter().find(|result| !result.holds);
        let broken = broken.map_or(String::new(), |result| format!(", not `{}`", result.name));
        format!("{holding} of {} checks hold{broken}", said.results.len())
    });
    let parts = [checks, said.evidence.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn node_transitions(
    key: &Key,
    before: Option<&ExecutionStatus>,
    now: &ExecutionStatus,
    found: &mut Vec<Transition>,
) {
    for (id, node) in &now.node_statuses {
        let old = before.and_then(|run| run.node_statuses.get(id));
        let was_there = old.map_or(NodePhase::Pending, |old| old.phase);
        let next_attempt = old.is_some_and(|old| old.attempt != node.attempt && old.attempt > 0);
        if was_there == node.phase && !next_attempt {
            continue;
        }
        found.push(Transition {
            key: key.clone(),
            node: Some(id.clone()),
            step: None,
            what: Moved::Phase,
            from: Some(was_there.to_string()),
            to: Some(node.phase.to_string()),
            attempt: node.attempt,
            message: node.message.clone(),
        });
    }
    let was_there = before.iter().flat_map(|run| &run.node_statuses);
    for (id, node) in was_there.filter(|(id, _)| !now.node_statuses.contains_key(*id)) {
        found.push(Transition {
            key: key.clone(),
            node: Some(id.clone()),
            step: None,
            what: Moved::Phase,
            from: Some(node.phase.to_string()),
            to: None,
            attempt: node.attempt,
            message: "the plan no longer contains it".to_owned(),
        });
    }
}

/// The reason for the phase of a resource.
fn why(status: &Status) -> String {
    match status {
        Status::Execution(run) => match (run.phase, run.message.as_str()) {
            (ExecutionPhase::Succeeded, "") => why_done(run),
            (_, message) => message.to_owned(),
        },
        status => {
            let message = |kind: &str| {
                let condition = find_condition(status.conditions(), kind)?;
                Some(condition.message.clone()).filter(|message| !message.is_empty())
            };
            let telling = match status {
                Status::Goal(goal) if goal.phase == GoalPhase::Ready => "PlanResolved",
                Status::Goal(_) => "Reached",
                Status::Capability(_) => "RequirementsMet",
                Status::Gate(_) => "Decided",
                _ => "Valid",
            };
            message("Valid")
                .or_else(|| message(telling))
                .unwrap_or_default()
        }
    }
}

fn why_done(run: &ExecutionStatus) -> String {
    let mut required = run.extensions.criteria.iter().filter(|one| one.required);
    match required.next() {
        Some(_) => "every node ended well, and what is required is met".to_owned(),
        None => "every node ended well".to_owned(),
    }
}

/// Something that an execution waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub struct Waiting {
    /// The execution.
    #[serde(flatten)]
    pub execution: Key,
    /// The node; null if the whole execution waits.
    pub node: Option<String>,
    /// If the node is a step of a document, or its approval, and that is known here: the `step_id` as written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "service", schemars(skip))]
    pub step: Option<String>,
    /// Since when, if known.
    #[serde(default)]
    pub since: Option<Time>,
    /// What it waits for.
    #[serde(flatten)]
    pub what: WaitingFor,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
#[serde(tag = "for", content = "details", rename_all_fields = "camelCase")]
pub enum WaitingFor {
    /// A worker that claims the open attempt.
    Worker {
        /// The provider that the node is bound to; null means anybody.
        provider: Option<String>,
        /// The open attempt.
        attempt: u32,
    },
    /// The report of a worker.
    Report {
        /// The worker.
        actor: String,
        /// When the lease ends.
        expires: Option<Time>,
    },
    /// The answer of a person to a question of the worker.
    Answer {
        /// The actor who asks.
        asked_by: String,
        /// The question.
        question: String,
        /// The record of the question.
        record: String,
        /// How many other questions are open.
        more: usize,
    },
    /// A decision on a gate (`namespace/name`).
    Approval {
        /// The gate.
        gate: String,
        /// The progress, in words.
        progress: String,
    },
    /// A check of the acceptance criteria of a report.
    Verification {
        /// Who reported.
        reported_by: String,
        /// The commit that holds the work.
        commit: Option<String>,
    },
    /// A criterion of the document; all nodes are over.
    Criterion {
        /// Its id.
        criterion: String,
        /// What must be true.
        description: String,
        /// Whether checks decide it; otherwise people do.
        has_checks: bool,
        /// Whether somebody says that it is not met.
        unmet: bool,
    },
    /// Something outside: another run, a URI, a call.
    External {
        /// What it waits for, as a sentence.
        #[serde(rename = "message")]
        why: String,
    },
    /// A commit on the spec branch with what the task asks for.
    Repository {
        /// What it waits for, as a sentence.
        #[serde(rename = "message")]
        why: String,
    },
    /// The next attempt after a failure.
    Retry {
        /// The time.
        at: Option<Time>,
    },
    /// Something that is missing or not supported.
    Other {
        /// What it waits for, as a sentence.
        #[serde(rename = "message")]
        why: String,
    },
}

/// What one execution waits for, in order; empty if it is over.
pub fn waiting_of(key: &Key, run: &ExecutionStatus) -> Vec<Waiting> {
    if run.phase.is_terminal() {
        return Vec::new();
    }
    let waiting = |what, since| Waiting {
        execution: key.clone(),
        node: None,
        step: None,
        since,
        what,
    };
    let begin = (run.phase == ExecutionPhase::Pending).then(|| {
        let why = run.message.clone();
        waiting(WaitingFor::Other { why }, run.last_phase_transition_time)
    });
    let ends = run.node_statuses.values().map(|node| node.completion_time);
    let end = ends.max().flatten();
    let criteria = open_criteria(run).map(|what| waiting(what, end));
    let nodes = run.node_statuses.iter().filter_map(|(id, node)| {
        let of_node = waiting(node_waits_for(node)?, node.waits_since());
        Some(Waiting {
            node: Some(id.clone()),
            ..of_node
        })
    });
    begin.into_iter().chain(criteria).chain(nodes).collect()
}

/// What a run waits for when all its nodes have ended.
pub fn open_criteria(run: &ExecutionStatus) -> impl Iterator<Item = WaitingFor> {
    let mut nodes = run.node_statuses.values();
    let is_done = !run.phase.is_terminal() && nodes.all(|node| node.phase.is_terminal());
    let criteria = run.extensions.criteria.iter();
    let open = criteria.filter(move |one| is_done && one.required && !run.is_met(&one.id));
    open.map(|one| WaitingFor::Criterion {
        criterion: one.id.clone(),
        description: one.description.clone(),
        has_checks: !one.checks.is_empty(),
        unmet: run.is_unmet(&one.id),
    })
}

/// What a node waits for, unless it is over or its turn has not come.
pub fn node_waits_for(node: &NodeStatus) -> Option<WaitingFor> {
    let extensions = &node.extensions;
    let why = || node.message.clone();
    Some(match (node.phase, extensions.reason.as_str()) {
        (NodePhase::Pending, READY) => WaitingFor::Worker {
            provider: extensions
                .target
                .as_ref()
                .and_then(|target| target.provider.clone()),
            attempt: node.attempt,
        },
        (NodePhase::Pending, RETRY_WAIT) => WaitingFor::Retry {
            at: extensions.not_before,
        },
        (NodePhase::Running, _) => {
            // A running group has no holder.
            let claim = extensions.claim.as_ref()?;
            WaitingFor::Report {
                actor: claim.actor.clone(),
                expires: claim.expires,
            }
        }
        (NodePhase::Blocked, AWAITING_ANSWER | OUT_OF_SCOPE) => {
            let first = node.open_questions().next()?;
            WaitingFor::Answer {
                asked_by: first.actor.clone(),
                question: first.question.clone(),
                record: first.record.clone(),
                more: node.open_questions().count() - 1,
            }
        }
        (NodePhase::Blocked, AWAITING_APPROVAL) => WaitingFor::Approval {
            gate: extensions
                .decision
                .as_ref()
                .map(|decision| decision.gate.clone())
                .unwrap_or_default(),
            progress: why(),
        },
        (NodePhase::Blocked, AWAITING_VERIFICATION) => {
            let report = extensions.report.as_ref();
            WaitingFor::Verification {
                reported_by: report
                    .map(|report| report.actor.clone())
                    .unwrap_or_default(),
                commit: report.and_then(|report| report.commit.clone()),
            }
        }
        (NodePhase::Blocked, AWAITING_EXTERNAL) => WaitingFor::External { why: why() },
        (NodePhase::Blocked, AWAITING_REPOSITORY) => WaitingFor::Repository { why: why() },
        (NodePhase::Blocked, _) => WaitingFor::Other { why: why() },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::core::resource::Kind;

    fn node(phase: &str, extensions: Value) -> NodeStatus {
        let status = json!({"phase": phase, "attempt": 1, "message": "so it is",
                            "extensions": extensions});
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn what_a_node_waits_for() {
        let why = || "so it is".to_owned();
        let report = json!({"actor": "agent:a", "record": "r", "commit": "c0ffee"});
        let claim = json!({"actor": "agent:a", "record": "r"});
        let target = json!({"provider": "agent://a"});
        let table = [
            (
                "somebody to claim it",
                node("Pending", json!({"reason": "Ready", "target": target})),
                Some(WaitingFor::Worker {
                    provider: Some("agent://a".to_owned()),
                    attempt: 1,
                }),
            ),
            (
                "its turn",
                node("Pending", json!({"reason": "Waiting"})),
                None,
            ),
            (
                "the next attempt",
                node("Pending", json!({"reason": "RetryWait"})),
                Some(WaitingFor::Retry { at: None }),
            ),
            (
                "a report",
                node("Running", json!({"reason": "Claimed", "claim": claim})),
                Some(WaitingFor::Report {
                    actor: "agent:a".to_owned(),
                    expires: None,
                }),
            ),
            (
                "the children of a group",
                node("Running", json!({"reason": "Working"})),
                None,
            ),
            (
                "a check",
                node(
                    "Blocked",
                    json!({"reason": "AwaitingVerification", "report": report}),
                ),
                Some(WaitingFor::Verification {
                    reported_by: "agent:a".to_owned(),
                    commit: Some("c0ffee".to_owned()),
                }),
            ),
            (
                "what is outside",
                node("Blocked", json!({"reason": "AwaitingExternal"})),
                Some(WaitingFor::External { why: why() }),
            ),
            (
                "the repository",
                node("Blocked", json!({"reason": "AwaitingRepository"})),
                Some(WaitingFor::Repository { why: why() }),
            ),
            (
                "what is missing",
                node("Blocked", json!({"reason": "Unbound"})),
                Some(WaitingFor::Other { why: why() }),
            ),
            (
                "nothing",
                node("Succeeded", json!({"reason": "Reported"})),
                None,
            ),
        ];
        for (name, status, expected) in table {
            assert_eq!(node_waits_for(&status), expected, "{name}");
        }
    }

    #[test]
    fn what_happened_in_few_words() {
        let moved = |from: Option<&str>, to: Option<&str>, attempt: u32| Transition {
            key: Key::new(Kind::Execution, "default", "run"),
            node: Some("build".to_owned()),
            step: None,
            what: Moved::Phase,
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            attempt,
            message: "so it is".to_owned(),
        };
        let table = [
            (
                moved(Some("Pending"), Some("Running"), 1),
                "Pending → Running",
                "so it is",
            ),
            (
                moved(Some("Running"), Some("Pending"), 2),
                "Running → Pending",
                "attempt 2; so it is",
            ),
            (
                moved(Some("Pending"), Some("Pending"), 2),
                "attempt 2 opened",
                "so it is",
            ),
            (moved(None, Some("Ready"), 0), "(new) → Ready", "so it is"),
            (moved(Some("Ready"), None, 0), "Ready → (gone)", "so it is"),
        ];
        for (transition, arrow, why) in table {
            assert_eq!(transition.arrow(), arrow);
            assert_eq!(transition.why(), why);
        }
    }
}
