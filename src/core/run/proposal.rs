//! Proposes the next commands for a run, to paste.

use std::collections::BTreeSet;

use crate::core::base::digest::short;
use crate::core::base::time::{exact as time, span};
use crate::core::repository::config::actor_of;
use crate::core::resource::{
    ExecutionPhase, ExecutionStatus, ExternalRef, Key, NodePhase, NodeStatus, Time,
};
use crate::core::run::standing::Standing;
use crate::core::run::transition::{Waiting, WaitingFor, waiting_of};
use crate::core::run::workspace::in_conflict;

/// The command that continues a run when a reconcile is due.
pub const RECONCILE: &str = "planspec reconcile";

/// The commands that anybody could run now, without duplicates.
pub fn proposals(standing: &Standing<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    for waiting in waiting_of(standing.key, standing.run) {
        let taken_back = take_back(standing, &waiting.what);
        match &waiting.node {
            Some(id) => commands.extend(commands_for(standing, id, &waiting)),
            None if taken_back.is_empty() => commands.extend(command(&waiting)),
            None => commands.extend(taken_back),
        }
    }
    commands.extend(unanswered(standing));
    commands.extend(retries(standing));
    let mut known = BTreeSet::new();
    commands.retain(|command| known.insert(command.clone()));
    commands
}

/// Commands that answer open questions, including those of workers that continue without an answer.
fn unanswered(standing: &Standing<'_>) -> Vec<String> {
    let nodes = standing.run.node_statuses.iter();
    let all = nodes.flat_map(|(id, node)| {
        let several = node.open_questions().count() > 1;
        node.open_questions().map(move |one| {
            let named = several.then_some(one.record.as_str());
            answer(standing.key, id, named)
        })
    });
    all.collect()
}

/// Commands to examine and retry failures.
fn retries(standing: &Standing<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    let is_cancelled = standing.run.extensions.cancelled_by.is_some();
    if is_cancelled || !standing.run.phase.can_be_retried() {
        return commands;
    }
    let (name, namespace) = (&standing.key.name, &standing.key.namespace);
    let failed = standing.run.node_statuses.iter();
    let failed = failed.filter(|(_, node)| node.phase == NodePhase::Failed);
    // With the old target it would fail again.
    let rebind = |moved: bool| if moved { " --rebind" } else { "" };
    let mut any_moved = false;
    let mut is_worth_it = false;
    for (id, node) in failed {
        let before = in_conflict(&node.message);
        if let Some(before) = before.filter(|id| standing.run.node_statuses.contains_key(*id)) {
            // With the same work it would end in the same way.
            commands.push(format!(
                "planspec retry {name}/{before} -n {namespace} --again"
            ));
            continue;
        }
        is_worth_it = true;
        if has_log(standing.run, id) {
            commands.push(format!("planspec logs {name}/{id} -n {namespace}"));
        }
        let moved = standing.moved_on.contains_key(id);
        any_moved |= moved;
        let rebind = rebind(moved);
        commands.push(format!("planspec retry {name}/{id} -n {namespace}{rebind}"));
    }
    if standing.plan_moved_on {
        commands.push(format!("planspec retry {name} -n {namespace} --plan"));
    }
    if standing.run.phase == ExecutionPhase::Failed && is_worth_it {
        let rebind = rebind(any_moved);
        commands.push(format!("planspec retry {name} -n {namespace}{rebind}"));
    }
    commands
}

/// Whether there is a log of a node.
fn has_log(run: &ExecutionStatus, id: &str) -> bool {
    let mut artifacts = run.artifacts.iter();
    artifacts.any(|artifact| artifact.origin().node == Some(id) && artifact.is_log())
}

/// A negative attestation must be revoked by its actor: another attestation does not help. A
/// new check replaces the previous one.
fn take_back(standing: &Standing<'_>, what: &WaitingFor) -> Vec<String> {
    let WaitingFor::Criterion { criterion, .. } = what else {
        return Vec::new();
    };
    let (name, namespace) = (&standing.key.name, &standing.key.namespace);
    let said = standing.run.said_about(criterion);
    let against = said.filter(|said| !said.met && said.results.is_empty());
    against
        .map(|said| {
            let (criterion, actor) = (word(criterion), word(&said.actor));
            format!("planspec attest {name} {criterion} --met -n {namespace} --as {actor}")
        })
        .collect()
}

fn commands_for(standing: &Standing<'_>, id: &str, waiting: &Waiting) -> Vec<String> {
    let target = format!("{}/{id} -n {}", standing.key.name, standing.key.namespace);
    match &waiting.what {
        WaitingFor::Worker { .. } if standing.spoken_for.contains_key(id) => Vec::new(),
        WaitingFor::Worker {
            provider: Some(provider),
            ..
        } if provider.starts_with("tool://") => {
            vec![format!(
                "planspec work --provider {} --once",
                word(provider)
            )]
        }
        WaitingFor::Report { actor, .. } => {
            let claim = foreign_claim(standing, id);
            let claim = claim.map_or(String::new(), |claim| format!(" --claim {claim}"));
            let actor = word(actor);
            vec![format!(
                "planspec report {target} --as {actor}{claim} --succeeded"
            )]
        }
        // To reject the changes, the node must be repeated.
        WaitingFor::Answer { .. } => {
            let status = standing.run.node_statuses.get(id);
            let is_reported = status.is_some_and(NodeStatus::is_reported);
            let again = is_reported.then(|| format!("planspec retry {target}"));
            command(waiting).into_iter().chain(again).collect()
        }
        WaitingFor::External { .. } => {
            let node = standing.graph.and_then(|of| of.node(id));
            let outside = node.and_then(|node| node.external_ref.as_ref());
            match outside {
                Some(ExternalRef::Resource { resource_ref }) => vec![format!(
                    "planspec describe {} {} -n {}",
                    resource_ref.kind.name().to_lowercase(),
                    resource_ref.name,
                    resource_ref
                        .namespace
                        .as_ref()
                        .unwrap_or(&standing.key.namespace)
                )],
                _ => vec![format!("planspec report {target} --succeeded")],
            }
        }
        WaitingFor::Approval { gate, .. } => {
            let approve = command(waiting);
            match standing.reviewers.get(gate) {
                None => approve.into_iter().collect(),
                Some(who) => approve
                    .iter()
                    .flat_map(|approve| {
                        // A team that is not configured has no members.
                        who.iter()
                            .filter(|who| !who.starts_with("team:"))
                            .map(move |who| format!("{approve} --as {}", word(who)))
                    })
                    .collect(),
            }
        }
        _ => command(waiting).into_iter().collect(),
    }
}

/// The claim of a node, if it was made in another session and must be named.
fn foreign_claim<'a>(standing: &Standing<'a>, id: &str) -> Option<&'a str> {
    let claim = standing
        .run
        .node_statuses
        .get(id)?
        .extensions
        .claim
        .as_ref()?;
    let is_foreign = claim.session.is_some() && claim.session.as_deref() != standing.session;
    is_foreign.then_some(claim.record.as_str())
}

/// The command that claims a node, as an actor if one is given.
pub fn claim(key: &Key, node: &str, actor: Option<&str>) -> String {
    let (name, namespace) = (&key.name, &key.namespace);
    let actor = actor.map_or(String::new(), |actor| format!(" --as {}", word(actor)));
    format!("planspec claim {name}/{node} -n {namespace}{actor}")
}

/// The command that releases a node of a holder.
pub fn release(key: &Key, node: &str, actor: &str) -> String {
    let (name, namespace) = (&key.name, &key.namespace);
    format!(
        "planspec release {name}/{node} -n {namespace} --as {}",
        word(actor)
    )
}

/// The command that answers a question of a node, naming it if there are several.
pub fn answer(key: &Key, node: &str, question: Option<&str>) -> String {
    let (name, namespace) = (&key.name, &key.namespace);
    let question = question.map_or(String::new(), |record| {
        format!(" --question {}", short(record))
    });
    format!("planspec answer {name}/{node} -n {namespace}{question} 'YOUR ANSWER'")
}

/// The command that retries a run, or one of its nodes.
pub fn retry(key: &Key, node: Option<&str>) -> String {
    let (name, namespace) = (&key.name, &key.namespace);
    let node = node.map_or(String::new(), |node| format!("/{node}"));
    format!("planspec retry {name}{node} -n {namespace}")
}

/// A word, quoted for a shell if needed.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// `default/run/build waits for the next attempt at 2026-01-31T12:00:40Z (in 40s)`. `now` only affects the
/// message: a reconcile offers the node.
pub fn retry_note(node: &str, at: Time, now: Time) -> String {
    if at <= now {
        return format!(
            "{node} can be tried again since {}: planspec reconcile",
            time(at)
        );
    }
    format!(
        "{node} waits for the next attempt at {} (in {})",
        time(at),
        span(now, at)
    )
}

/// The command that ends a wait, to paste.
pub fn command(waiting: &Waiting) -> Option<String> {
    let key = &waiting.execution;
    let (name, namespace) = (&key.name, &key.namespace);
    let Some(node) = &waiting.node else {
        return match &waiting.what {
            WaitingFor::Criterion {
                has_checks: true, ..
            } => Some(format!("planspec verify {name} -n {namespace}")),
            // Its actor must revoke it; the description names them.
            WaitingFor::Criterion { unmet: true, .. } => {
                Some(format!("planspec describe execution {name} -n {namespace}"))
            }
            WaitingFor::Criterion { criterion, .. } => Some(format!(
                "planspec attest {name} {criterion} --met -n {namespace}"
            )),
            _ => None,
        };
    };
    let target = format!("{}/{node} -n {}", key.name, key.namespace);
    match &waiting.what {
        WaitingFor::Worker { provider, .. } => Some(match provider.as_deref() {
            Some(provider) if provider.starts_with("tool://") => {
                format!("planspec work --node {target} --once")
            }
            provider => claim(key, node, provider.and_then(actor_of).as_deref()),
        }),
        WaitingFor::Verification { .. } => Some(format!("planspec verify {target}")),
        WaitingFor::Approval { .. } => Some(format!("planspec approve {target}")),
        WaitingFor::Answer { more: 0, .. } => Some(answer(key, node, None)),
        WaitingFor::Answer { record, .. } => Some(answer(key, node, Some(record))),
        // Only the plan tells whether an external can be reported.
        WaitingFor::External { .. }
        | WaitingFor::Report { .. }
        | WaitingFor::Repository { .. }
        | WaitingFor::Criterion { .. }
        | WaitingFor::Retry { .. }
        | WaitingFor::Other { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_shell() {
        for (text, expected) in [
            ("agent:claude", "agent:claude"),
            ("ana@example.com", "ana@example.com"),
            ("ana x", "'ana x'"),
            ("it's; rm", "'it'\\''s; rm'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
