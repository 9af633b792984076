//! The events of an execution between two of its statuses: transitions, and the records of
//! actors.

use std::collections::BTreeSet;

use crate::core::base::digest::short;
use crate::core::resource::{
    Claim, Decision, ExecutionStatus, Key, NodeExtensions, NodePhase, NodeStatus, Question,
    RetriedBy, SignedBy, Status, Time, Verification,
};
use crate::core::run::controllers::execution::RELEASED_BY;
use crate::core::run::record::{Address, RunRef};
use crate::core::run::status::StatusFile;
use crate::core::run::transition::{
    Moved, Transition, attested, evidence, is_constraint, of_resource, verdict,
};

/// An event: an act of an actor, a transition, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The node, if it is about one.
    pub node: Option<String>,
    /// The attempt of the node; 0 if there is none.
    pub attempt: u32,
    /// The act; `None` if `reconcile` caused the transition alone.
    pub act: Option<Act>,
    /// The transition, if there is one.
    pub transition: Option<Transition>,
}

/// An event, with the status commit that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Id of the status commit.
    pub commit: String,
    /// The time of the commit.
    pub made: Option<Time>,
    /// The uid of the run.
    pub uid: String,
    /// The spec commit with the plan that was pinned then, once the run had started.
    pub revision: Option<String>,
    /// The event.
    pub event: Event,
    /// The `step_id` of the node, if it was looked up.
    pub step: Option<String>,
    /// Whether this clone has verified the signature; otherwise the status only claims it.
    pub is_checked: bool,
}

/// An act of an actor, by a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Act {
    /// `claim`, `renewal`, `question`, `answer`, `release`, `report`, `verification`, `attestation`, `approve`, `reject`,
    /// `comment`, `cancel`, `retry`; `refused` for a record that was not applied.
    pub word: &'static str,
    /// The actor; `None` for a deleted file.
    pub actor: Option<String>,
    /// The record.
    pub record: Option<String>,
    /// The signer, if the configuration required signatures.
    pub signed: Option<SignedBy>,
    /// The criterion, if it is about one.
    pub criterion: Option<String>,
    /// The message, a sentence.
    pub message: String,
}

impl Event {
    /// The reason, as a sentence: the actor's message, else that of the transition.
    pub fn why(&self) -> String {
        let said = self.act.as_ref().map(|act| act.message.clone());
        let moved = || self.transition.as_ref().map(Transition::why);
        said.filter(|said| !said.is_empty())
            .or_else(moved)
            .unwrap_or_default()
    }
}

/// The events of one execution, in order: first the run, then its nodes, then refused records.
/// A status with another uid belongs to another run.
pub fn events(key: &Key, before: Option<&StatusFile>, now: &StatusFile) -> Vec<Event> {
    let Status::Execution(run) = &now.status else {
        return Vec::new();
    };
    let before = before.filter(|before| before.uid == now.uid);
    let old = before.and_then(|before| before.status.execution());
    let (of_nodes, of_run): (Vec<Transition>, Vec<Transition>) = of_resource(key, before, now)
        .into_iter()
        .partition(|transition| transition.node.is_some());
    let (phase, others): (Vec<Transition>, Vec<Transition>) = of_run
        .into_iter()
        .partition(|transition| transition.what == Moved::Phase);
    let said = attestations(old, run);
    let asked = requests(old, run);
    let mut found = if asked.is_empty() && of_nodes.is_empty() {
        // Nothing else can have moved the run.
        joined(said, phase.into_iter().next())
    } else {
        let mut found = joined(said, None);
        found.extend(joined(asked, phase.into_iter().next()));
        found
    };
    let conditions = others.into_iter();
    let conditions = conditions.filter(|moved| matches!(moved.what, Moved::Condition(_)));
    found.extend(conditions.flat_map(|moved| joined(Vec::new(), Some(moved))));
    let mut of_nodes = of_nodes.into_iter().peekable();
    for (id, node) in &run.node_statuses {
        let was = old.and_then(|old| old.node_statuses.get(id));
        let transition = of_nodes.next_if(|moved| moved.node.as_deref() == Some(id));
        let address = Address::Work {
            run: RunRef {
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                uid: now.uid.clone(),
            },
            node: id.clone(),
            attempt: was.map_or(0, |was| was.attempt),
        };
        let acts = acts(old, run, &address.to_string(), was, node);
        // A record that ended an attempt belongs to that one, although it opened the next.
        let ended = node.extensions.claim.is_none() && !acts.is_empty();
        let attempt = match was {
            Some(was) if ended && was.attempt > 0 => was.attempt,
            _ => node.attempt,
        };
        let moved_by = transition
            .as_ref()
            .and_then(|moved| mover(&acts, moved, node));
        found.extend(at_node(id, attempt, (acts, transition), moved_by));
    }
    // Nodes that another revision of the plan does not have.
    found.extend(of_nodes.map(|moved| Event {
        node: moved.node.clone(),
        attempt: moved.attempt,
        act: None,
        transition: Some(moved),
    }));
    found.extend(refused(old, run));
    found
}

/// The acts on a run, the last one with the transition.
fn joined(acts: Vec<Act>, transition: Option<Transition>) -> Vec<Event> {
    let event = |act, transition| Event {
        node: None,
        attempt: 0,
        act,
        transition,
    };
    let mut found: Vec<Event> = acts.into_iter().map(|act| event(Some(act), None)).collect();
    match found.last_mut() {
        Some(last) => last.transition = transition,
        None => found.extend(transition.map(|transition| event(None, Some(transition)))),
    }
    found
}

/// The act that caused the transition of a node, if one did: for a decision, the deciding ones;
/// renewals and comments cause none.
fn mover(acts: &[Act], moved: &Transition, node: &NodeStatus) -> Option<usize> {
    if moved.to.as_deref() == Some(NodePhase::Cancelled.to_string().as_str()) {
        return None;
    }
    let decision = node.extensions.decision.as_ref();
    let decided = |act: &Act| {
        let by = decision.map(|decision| &decision.decided_by);
        let record = act.record.as_ref();
        node.phase.is_terminal()
            && by.is_some_and(|by| record.is_some_and(|record| by.contains(record)))
    };
    acts.iter().rposition(|act| match act.word {
        "renewal" | "comment" => false,
        "answer" => {
            let to = moved.to.as_deref().unwrap_or_default();
            [NodePhase::Running, NodePhase::Succeeded]
                .iter()
                .any(|phase| to == phase.to_string())
        }
        "approve" | "reject" => decided(act),
        _ => true,
    })
}

/// The acts on a node, one of them with the transition; a transition without an act comes
/// after them.
fn at_node(
    id: &str,
    attempt: u32,
    (acts, mut transition): (Vec<Act>, Option<Transition>),
    moved_by: Option<usize>,
) -> Vec<Event> {
    let event = |act, transition| Event {
        node: Some(id.to_owned()),
        attempt,
        act,
        transition,
    };
    let acts = acts.into_iter().enumerate();
    let mut found: Vec<Event> = acts
        .map(|(at, act)| {
            let moved = (moved_by == Some(at)).then(|| transition.take()).flatten();
            event(Some(act), moved)
        })
        .collect();
    found.extend(transition.map(|moved| event(None, Some(moved))));
    found
}

/// The retries that are new.
fn new_retries<'a>(old: Option<&ExecutionStatus>, now: &'a ExecutionStatus) -> Vec<&'a RetriedBy> {
    let known = old.iter().flat_map(|old| &old.extensions.retried_by);
    let known: BTreeSet<&str> = known.map(|retry| retry.record.as_str()).collect();
    let retries = now.extensions.retried_by.iter();
    let new = retries.filter(|retry| !known.contains(retry.record.as_str()));
    new.collect()
}

/// The requests of operators that are new.
fn requests(old: Option<&ExecutionStatus>, now: &ExecutionStatus) -> Vec<Act> {
    let extensions = &now.extensions;
    let retries = new_retries(old, now).into_iter().map(|retry| {
        let of = retry.node.as_ref().map(|node| format!("node {node}"));
        let again = retry.again.then(|| "done once more".to_owned());
        let rebind = retry.rebind.then(|| "targets resolved again".to_owned());
        let plan = retry.plan.as_ref().map(|plan| {
            let commit = short(&plan.commit);
            format!("goes on with the plan of {commit}")
        });
        let parts = [of, again, plan, rebind, retry.comment.clone()];
        Act {
            word: "retry",
            actor: Some(retry.actor.clone()),
            record: Some(retry.record.clone()),
            signed: retry.signed.clone(),
            message: parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
            ..Act::default()
        }
    });
    let was_cancelled = old.is_some_and(|old| old.extensions.cancelled_by.is_some());
    let cancel = extensions.cancelled_by.as_ref().filter(|_| !was_cancelled);
    let cancel = cancel.map(|cancel| Act {
        word: "cancel",
        actor: cancel.actor.clone(),
        record: cancel.record.clone(),
        signed: cancel.signed.clone(),
        message: cancel.comment.clone().unwrap_or_default(),
        ..Act::default()
    });
    retries.chain(cancel).collect()
}

/// The attestations and checks that are new.
fn attestations(old: Option<&ExecutionStatus>, now: &ExecutionStatus) -> Vec<Act> {
    let new = attested(old, now).into_iter();
    new.map(|said| {
        let what = if is_constraint(now, &said.criterion) {
            "constraint"
        } else {
            "criterion"
        };
        let evidence = evidence(said);
        let colon = if evidence.is_empty() { "" } else { ": " };
        Act {
            word: if said.results.is_empty() {
                "attestation"
            } else {
                "verification"
            },
            actor: Some(said.actor.clone()),
            record: Some(said.record.clone()),
            signed: said.signed.clone(),
            criterion: Some(said.criterion.clone()),
            message: format!(
                "{what} {} is {}{colon}{evidence}",
                said.criterion,
                verdict(said)
            ),
        }
    })
    .collect()
}

/// The acts of workers and reviewers on one node; `work` is the inbox ref of the attempt before.
fn acts(
    old: Option<&ExecutionStatus>,
    run: &ExecutionStatus,
    work: &str,
    was: Option<&NodeStatus>,
    now: &NodeStatus,
) -> Vec<Act> {
    let act = |word, actor: &str, record: &str, message: String| Act {
        word,
        actor: Some(actor.to_owned()),
        record: Some(record.to_owned()),
        message,
        ..Act::default()
    };
    let before = was.map(|was| &was.extensions);
    let (held, claim) = (
        before.and_then(|before| before.claim.as_ref()),
        now.extensions.claim.as_ref(),
    );
    let reported = before.and_then(|before| before.report.as_ref());
    let report = now.extensions.report.as_ref();
    let report = report.filter(|report| reported.map(|old| &old.record) != Some(&report.record));
    let same_attempt = was.map(|was| was.attempt) == Some(now.attempt);
    let is_kept =
        |held: &&Claim| same_attempt && claim.is_some_and(|claim| claim.actor == held.actor);
    let mut found = Vec::new();
    match (held, claim) {
        (Some(held), Some(claim)) if held.record == claim.record => {}
        (Some(held), Some(claim)) if is_kept(&held) => {
            found.push(act("renewal", &claim.actor, &claim.record, String::new()));
        }
        (Some(held), _) if report.is_none() => {
            let tip = released(old, run, work, held);
            let asked = &now.extensions.questions;
            let tip = tip.filter(|tip| !asked.iter().any(|one| one.record == *tip));
            // A retry ends this attempt, whatever its holder did last.
            let is_taken = !new_retries(old, run).is_empty();
            let tip = tip.filter(|_| !is_taken || now.message.contains(RELEASED_BY));
            found.extend(tip.map(|tip| act("release", &held.actor, tip, now.message.clone())));
        }
        _ => {}
    }
    let taken = claim.filter(|_| held.filter(is_kept).is_none());
    found.extend(taken.map(|claim| act("claim", &claim.actor, &claim.record, String::new())));
    found.extend(questions(before, &now.extensions));
    found.extend(report.map(|one| Act {
        signed: one.signed.clone(),
        ..act("report", &one.actor, &one.record, String::new())
    }));
    let verified = before.and_then(|before| before.verification.as_ref());
    let verification = now.extensions.verification.as_ref();
    let is_new = |one: &&Verification| verified.map(|old| &old.record) != Some(&one.record);
    found.extend(verification.filter(is_new).map(|one| {
        let holding = one.results.iter().filter(|result| result.holds).count();
        let message = format!("{holding} of {} criteria hold", one.results.len());
        Act {
            signed: one.signed.clone(),
            ..act("verification", &one.actor, &one.record, message)
        }
    }));
    let decided = before.and_then(|before| before.decision.as_ref());
    found.extend(reviews(decided, now.extensions.decision.as_ref()));
    found
}

/// The questions and answers of a node that are new.
fn questions(before: Option<&NodeExtensions>, now: &NodeExtensions) -> Vec<Act> {
    let known = before.map_or(&[] as &[Question], |before| &before.questions);
    let mut found = Vec::new();
    // A question about a report is shown with the report.
    let report = now.report.as_ref();
    let is_asked = |one: &&Question| report.is_none_or(|report| report.record != one.record);
    for one in now.questions.iter() {
        let was = known.iter().find(|old| old.record == one.record);
        if was.is_none() && is_asked(&one) {
            found.push(Act {
                word: "question",
                actor: Some(one.actor.clone()),
                record: Some(one.record.clone()),
                message: one.question.clone(),
                ..Act::default()
            });
        }
        let answer = one.answer.as_ref();
        let is_new = was.is_none_or(|was| was.answer.is_none());
        found.extend(answer.filter(|_| is_new).map(|answer| Act {
            word: "answer",
            actor: Some(answer.actor.clone()),
            record: Some(answer.record.clone()),
            signed: answer.signed.clone(),
            message: answer.answer.clone(),
            ..Act::default()
        }));
    }
    found
}

/// The record of a release, which is on the ref of the claim.
fn released<'a>(
    old: Option<&ExecutionStatus>,
    run: &'a ExecutionStatus,
    work: &str,
    held: &Claim,
) -> Option<&'a str> {
    let tip = run.extensions.records.get(work)?;
    let known = old.and_then(|old| old.extensions.records.get(work));
    let was_refused = run.extensions.unapplied.iter().any(|no| no.record == *tip);
    let is_new = Some(tip) != known && *tip != held.record;
    (is_new && !was_refused).then_some(tip)
}

/// The reviews that are new.
fn reviews(before: Option<&Decision>, now: Option<&Decision>) -> Vec<Act> {
    let old = before.into_iter().flat_map(|decision| &decision.reviews);
    let known: BTreeSet<&str> = old.map(|review| review.record.as_str()).collect();
    let new = now.into_iter().flat_map(|decision| &decision.reviews);
    new.filter(|review| !known.contains(review.record.as_str()))
        .map(|review| Act {
            word: review.action.word(),
            actor: Some(review.reviewer.clone()),
            record: Some(review.record.clone()),
            signed: review.signed.clone(),
            message: review.comment.clone().unwrap_or_default(),
            ..Act::default()
        })
        .collect()
}

/// Records that could not be applied, with the reasons.
fn refused(old: Option<&ExecutionStatus>, now: &ExecutionStatus) -> Vec<Event> {
    let known: BTreeSet<(&str, &str)> = old
        .iter()
        .flat_map(|old| &old.extensions.unapplied)
        .map(|no| (no.record.as_str(), no.ref_name.as_str()))
        .collect();
    let new = now.extensions.unapplied.iter();
    let new = new.filter(|no| !known.contains(&(no.record.as_str(), no.ref_name.as_str())));
    new.map(|no| {
        let (node, attempt) = match Address::parse(&no.ref_name) {
            Some(
                Address::Work { node, attempt, .. }
                | Address::Verification { node, attempt, .. }
                | Address::Answer { node, attempt, .. },
            ) => (Some(node), attempt),
            Some(
                Address::Review { .. }
                | Address::Attestation { .. }
                | Address::Request { .. }
                | Address::Repository { .. },
            )
            | None => (None, 0),
        };
        Event {
            node,
            attempt,
            act: Some(Act {
                word: "refused",
                actor: Some(no.actor.clone()).filter(|actor| !actor.is_empty()),
                record: Some(no.record.clone()),
                message: format!("{}: {}: {}", no.action, no.reason, no.message),
                ..Act::default()
            }),
            transition: None,
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::core::resource::{Kind, Time};
    use crate::core::run::status::SpecSource;

    fn file(uid: &str, phase: &str, nodes: Value, extensions: Value) -> StatusFile {
        let status = json!({"phase": phase, "nodeStatuses": nodes, "extensions": extensions});
        StatusFile {
            uid: uid.to_owned(),
            generation: 1,
            created: Time::from_timestamp(0, 0).unwrap(),
            deleted: None,
            source: SpecSource {
                path: "planspec/run.yaml".to_owned(),
                digest: String::new(),
            },
            status: Status::from_value(Kind::Execution, status).unwrap(),
        }
    }

    fn one(phase: &str, attempt: u32, extensions: Value) -> Value {
        json!({"n": {"phase": phase, "attempt": attempt, "message": "so it is",
                     "extensions": extensions}})
    }

    /// `node: word by actor (record), Pending → Running: why`
    fn told(before: Option<&StatusFile>, now: &StatusFile) -> Vec<String> {
        let key = Key::new(Kind::Execution, "default", "run");
        let events = events(&key, before, now).into_iter();
        events
            .map(|event| {
                let act = event.act.as_ref().map(|act| {
                    let text = |text: &Option<String>| text.clone().unwrap_or_default();
                    format!(
                        "{} by {} ({})",
                        act.word,
                        text(&act.actor),
                        text(&act.record)
                    )
                });
                let moved = event.transition.as_ref().map(Transition::arrow);
                let node = event.node.clone().unwrap_or_else(|| "run".to_owned());
                let parts: Vec<String> = [act, moved].into_iter().flatten().collect();
                format!("{node}: {}: {}", parts.join(", "), event.why())
            })
            .collect()
    }

    #[test]
    fn each_record_is_told_with_what_it_moved() {
        let claim = |record: &str, actor: &str| json!({"actor": actor, "record": record});
        let held = one("Running", 1, json!({"claim": claim("c1", "agent:a")}));
        let work = "work/default/run/u/n/1";
        let review = |record: &str, action: &str| {
            json!({"reviewer": "ana", "action": action, "timestamp": "2026-01-31T12:00:00Z",
                   "comment": "well", "record": record, "digest": "d"})
        };
        let waiting = |reviews: Value| json!({"decision": {"gate": "default/g", "digest": "d", "reviews": reviews}});
        let verified = json!({"verification": {"actor": "agent:v", "record": "v1",
            "timestamp": "2026-01-31T12:00:00Z", "results": [
                {"name": "x", "holds": true, "ran": "x"}, {"name": "y", "holds": false, "ran": "y"}]}});
        let retry = json!({"actor": "user:ben", "record": "q1", "node": "n",
                           "timestamp": "2026-01-31T12:00:00Z"});
        let attested = |record: &str, criterion: &str, met: bool| {
            json!({"criterion": criterion, "actor": "ana", "met": met, "evidence": "seen",
                   "record": record, "timestamp": "2026-01-31T12:00:00Z"})
        };
        let checked = json!({"criterion": "fast", "actor": "agent:ci", "met": false,
            "commit": "c0ffee", "record": "a3", "timestamp": "2026-01-31T12:00:00Z", "results": [
                {"name": "x", "holds": true, "ran": "x"}, {"name": "y", "holds": false, "ran": "y"}]});
        let no = json!({"record": "x1", "ref": work, "actor": "agent:b", "action": "claim",
                        "reason": "Claimed", "message": "agent:a holds it",
                        "seen": "2026-01-31T12:00:00Z"});
        let table = [
            (
                "a claim",
                (one("Pending", 1, json!({})), json!({})),
                (held.clone(), json!({})),
                vec!["n: claim by agent:a (c1), Pending → Running: so it is"],
            ),
            (
                "a renewal",
                (held.clone(), json!({})),
                (
                    one("Running", 1, json!({"claim": claim("c2", "agent:a")})),
                    json!({}),
                ),
                vec!["n: renewal by agent:a (c2): "],
            ),
            (
                "a lease that ended, and nobody else",
                (held.clone(), json!({})),
                (one("Pending", 2, json!({})), json!({})),
                vec!["n: Running → Pending: attempt 2; so it is"],
            ),
            (
                "a lease that ended, and somebody else at once",
                (held.clone(), json!({})),
                (
                    one("Running", 2, json!({"claim": claim("c9", "agent:a")})),
                    json!({}),
                ),
                vec!["n: claim by agent:a (c9), attempt 2 opened: so it is"],
            ),
            (
                "a release",
                (held.clone(), json!({"records": {work: "c1"}})),
                (
                    one("Pending", 2, json!({})),
                    json!({"records": {work: "r1"}}),
                ),
                vec!["n: release by agent:a (r1), Running → Pending: so it is"],
            ),
            (
                "a renewal that came with a retry, which releases nothing",
                (held.clone(), json!({"records": {work: "c1"}})),
                (
                    one("Pending", 2, json!({})),
                    json!({"records": {work: "c2"}, "retriedBy": [{"actor": "ana", "record": "q1", "again": true, "timestamp": "2026-03-01T09:00:00Z"}]}),
                ),
                vec![
                    "run: retry by ana (q1): done once more",
                    "n: Running → Pending: attempt 2; so it is",
                ],
            ),
            (
                "what was refused, which releases nothing",
                (held.clone(), json!({"records": {work: "c1"}})),
                (
                    one("Pending", 2, json!({})),
                    json!({"records": {work: "x1"}, "unapplied": [no]}),
                ),
                vec![
                    "n: Running → Pending: attempt 2; so it is",
                    "n: refused by agent:b (x1): claim: Claimed: agent:a holds it",
                ],
            ),
            (
                "a report",
                (held.clone(), json!({})),
                (
                    one(
                        "Succeeded",
                        1,
                        json!({"report": {"actor": "agent:a", "record": "r1"}}),
                    ),
                    json!({}),
                ),
                vec!["n: report by agent:a (r1), Running → Succeeded: so it is"],
            ),
            (
                "a verification",
                (one("Blocked", 1, json!({})), json!({})),
                (one("Failed", 1, verified), json!({})),
                vec!["n: verification by agent:v (v1), Blocked → Failed: 1 of 2 criteria hold"],
            ),
            (
                "reviews, the last of which decides",
                (
                    one("Blocked", 1, waiting(json!([review("1", "comment")]))),
                    json!({}),
                ),
                (
                    one(
                        "Succeeded",
                        1,
                        json!({"decision": {"gate": "default/g", "digest": "d",
                            "decidedBy": ["2", "3"], "reviews": [
                                review("1", "comment"), review("2", "approve"),
                                review("3", "approve")]}}),
                    ),
                    json!({}),
                ),
                vec![
                    "n: approve by ana (2): well",
                    "n: approve by ana (3), Blocked → Succeeded: well",
                ],
            ),
            (
                "a gate that one approves, and another only speaks of",
                (one("Blocked", 1, waiting(json!([]))), json!({})),
                (
                    one(
                        "Succeeded",
                        1,
                        json!({"decision": {"gate": "default/g", "digest": "d",
                            "decidedBy": ["1"], "reviews": [
                                review("1", "approve"), review("2", "comment"),
                                review("3", "reject")]}}),
                    ),
                    json!({}),
                ),
                vec![
                    "n: approve by ana (1), Blocked → Succeeded: well",
                    "n: comment by ana (2): well",
                    "n: reject by ana (3): well",
                ],
            ),
            (
                "a gate that nobody decided in time, though somebody spoke",
                (one("Blocked", 1, waiting(json!([]))), json!({})),
                (
                    one("Failed", 1, waiting(json!([review("1", "comment")]))),
                    json!({}),
                ),
                vec![
                    "n: comment by ana (1): well",
                    "n: Blocked → Failed: so it is",
                ],
            ),
            (
                "a renewal, and a run that was cancelled",
                (held.clone(), json!({})),
                (
                    one("Cancelled", 1, json!({"claim": claim("c2", "agent:a")})),
                    json!({}),
                ),
                vec![
                    "n: renewal by agent:a (c2): ",
                    "n: Running → Cancelled: so it is",
                ],
            ),
            (
                "a retry",
                (one("Failed", 1, json!({})), json!({})),
                (one("Pending", 2, json!({})), json!({"retriedBy": [retry]})),
                vec![
                    "run: retry by user:ben (q1): node n",
                    "n: Failed → Pending: attempt 2; so it is",
                ],
            ),
            (
                "an attestation that decides",
                (json!({}), json!({})),
                (
                    json!({}),
                    json!({"attestations": [attested("a1", "fast", true)]}),
                ),
                vec!["run: attestation by ana (a1): criterion fast is met: seen"],
            ),
            (
                "a constraint that is broken, and the check of a criterion",
                (
                    json!({}),
                    json!({"attestations": [attested("a1", "fast", true)]}),
                ),
                (
                    json!({}),
                    json!({"attestations": [attested("a2", "safe", false), checked],
                           "criteria": [{"id": "safe", "description": "d",
                                         "kind": "Constraint"}]}),
                ),
                vec![
                    "run: attestation by ana (a2): constraint safe is not met: seen",
                    "run: verification by agent:ci (a3): criterion fast is not met: \
                     1 of 2 checks hold, not `y`",
                ],
            ),
            (
                "a cancellation",
                (held, json!({})),
                (
                    one("Cancelled", 1, json!({})),
                    json!({"cancelledBy": {"actor": "user:ben", "comment": "enough",
                                           "record": "q1"}}),
                ),
                vec![
                    "run: cancel by user:ben (q1): enough",
                    "n: Running → Cancelled: so it is",
                ],
            ),
        ];
        for (name, before, now, expected) in table {
            let [before, now] =
                [before, now].map(|(nodes, extensions)| file("u", "Running", nodes, extensions));
            assert_eq!(told(Some(&before), &now), expected, "{name}");
            assert_eq!(told(Some(&now), &now), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn what_was_said_moves_the_run_where_nothing_else_did() {
        let said = json!({"attestations": [{"criterion": "fast", "actor": "ana", "met": true,
            "record": "a1", "timestamp": "2026-01-31T12:00:00Z"}]});
        let done = || one("Succeeded", 1, json!({}));
        let before = file("u", "Blocked", done(), json!({}));
        let now = file("u", "Succeeded", done(), said.clone());
        assert_eq!(
            told(Some(&before), &now),
            ["run: attestation by ana (a1), Blocked → Succeeded: criterion fast is met"]
        );
        let before = file("u", "Running", one("Running", 1, json!({})), json!({}));
        assert_eq!(
            told(Some(&before), &now),
            [
                "run: attestation by ana (a1): criterion fast is met",
                "run: Running → Succeeded: every node ended well",
                "n: Running → Succeeded: so it is",
            ]
        );
    }

    #[test]
    fn another_uid_is_another_run() {
        let before = file("a", "Failed", json!({}), json!({}));
        let now = file("b", "Pending", json!({}), json!({}));
        assert_eq!(told(Some(&before), &now), ["run: (new) → Pending: "]);
        assert_eq!(told(None, &now), ["run: (new) → Pending: "]);
    }
}
