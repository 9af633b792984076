//! The result of a reconcile: for people, for programs, and as the message of the status commit.

use std::collections::{BTreeMap, BTreeSet};

use super::table;
use crate::api::reconcile::Reconciled;
use crate::core::base::digest::short;
use crate::core::base::escape::line;
use crate::core::base::time::exact as time;
use crate::core::resource::{ExecutionPhase, Kind, Time};
use crate::core::run::message::subject_of;
use crate::core::run::proposal::{command, retry};
use crate::core::run::sentence::{self, Notation};
use crate::core::run::transition::{Transition, Waiting, WaitingFor};

/// The beginnings of the commands with which people decide.
const DECIDING: [&str; 4] = [
    "planspec approve ",
    "planspec reject ",
    "planspec answer ",
    "planspec attest ",
];
/// Maximum number of proposed commands.
const COMMANDS: usize = 5;
/// Maximum number of rows of what waits; `planspec next` has all.
const WAITING: usize = 20;

/// For people: a headline, transitions, and what waits for whom.
pub fn text(done: &Reconciled, width: Option<usize>) -> String {
    text_for(done, width, true)
}

/// The same for a given actor: an agent does not get the commands with which people decide.
pub fn text_for(done: &Reconciled, width: Option<usize>, is_person: bool) -> String {
    let mut text = headline(done);
    let namespaces: BTreeSet<&str> = done
        .transitions
        .iter()
        .map(|moved| moved.key.namespace.as_str())
        .collect();
    let is_mixed = namespaces.len() > 1;
    let moved = done
        .transitions
        .iter()
        .map(|moved| moved_row(moved, is_mixed));
    let moved: Vec<Vec<String>> = moved.collect();
    if !moved.is_empty() {
        text.push_str("\nMoved:\n");
        text.push_str(&table::rows(&[0, 1], &moved, 2, width));
    }
    let shown = done.waiting.iter().take(WAITING);
    let more = done.waiting_more + done.waiting.len().saturating_sub(WAITING);
    let failed = done.transitions.iter().filter_map(failed_row);
    let (waits, commands): (Vec<Vec<String>>, Vec<Option<String>>) =
        failed.chain(shown.map(waiting_row)).unzip();
    if !waits.is_empty() {
        text.push_str("\nWaiting:\n");
        text.push_str(&table::rows(&[0], &waits, 2, width));
        if more > 0 {
            text.push_str(&format!("  … and {more} more: planspec get executions\n"));
        }
    }
    let mut commands: Vec<String> = commands.into_iter().flatten().collect();
    commands.dedup();
    let decides = |command: &String| DECIDING.iter().any(|verb| command.starts_with(verb));
    commands.retain(|command| is_person || !decides(command));
    if !commands.is_empty() && !done.dry_run {
        let is_cut = more > 0 || commands.len() > COMMANDS;
        commands.truncate(COMMANDS);
        text.push_str("\nNext, for example:\n");
        for command in commands {
            text.push_str(&format!("  {command}\n"));
        }
        if is_cut {
            text.push_str("  … and more: planspec next\n");
        }
    }
    text
}

/// Several reconciles, one after the other, as one.
pub fn together(all: &[Reconciled]) -> Option<Reconciled> {
    let last = all.last()?;
    let mut moved: Vec<Transition> = Vec::new();
    let mut places = BTreeMap::new();
    for transition in all.iter().flat_map(|done| &done.transitions) {
        let what = (
            &transition.key,
            &transition.node,
            format!("{:?}", transition.what),
        );
        match places
            .get(&what)
            .and_then(|place: &usize| moved.get_mut(*place))
        {
            Some(before) => {
                let from = before.from.take();
                *before = transition.clone();
                before.from = from;
            }
            None => {
                places.insert(what, moved.len());
                moved.push(transition.clone());
            }
        }
    }
    moved.retain(|transition| transition.from != transition.to);
    let written = all.iter().rev().find_map(|done| done.status_commit.clone());
    Some(Reconciled {
        changed: all.iter().any(|done| done.changed),
        status_commit: written,
        transitions: moved,
        ..last.clone()
    })
}

fn headline(done: &Reconciled) -> String {
    let commit = short(&done.spec_commit);
    let what = match &done.revision {
        Some(revision) => format!("{} at {commit}", line(revision)),
        None => format!("{} at {commit}", line(&done.spec_branch)),
    };
    match (done.changed, &done.status_commit) {
        (false, _) => format!("{what}: nothing to do\n"),
        (true, None) => format!("{what}: would change the status (nothing written)\n"),
        (true, Some(status)) => format!(
            "{what} → {} at {} (sequence {})\n",
            line(&done.status_branch),
            short(status),
            done.sequence
        ),
    }
}

/// A row below the name of the run; with several namespaces, that name includes the namespace.
fn moved_row(transition: &Transition, is_mixed: bool) -> Vec<String> {
    let key = &transition.key;
    let (kind, name) = match transition.part() {
        Some((word, part)) => {
            let run = if is_mixed {
                key.qualified()
            } else {
                key.name.clone()
            };
            (format!("  {word}"), format!("{run}/{}", line(part)))
        }
        None => (key.kind.to_string(), key.qualified()),
    };
    vec![kind, name, transition.arrow(), line(&transition.why())]
}

/// The row of a run that has just failed, and the command that tries again. Unlike a run that waits, it stays as it
/// is unless somebody acts.
fn failed_row(transition: &Transition) -> Option<(Vec<String>, Option<String>)> {
    let key = &transition.key;
    let is_run = key.kind == Kind::Execution && transition.part().is_none();
    let failed = ExecutionPhase::Failed.to_string();
    (is_run && transition.to.as_ref() == Some(&failed)).then(|| {
        let row = vec![
            key.qualified(),
            "somebody to try again what failed, or to leave it".to_owned(),
        ];
        (row, Some(retry(key, None)))
    })
}

/// The row, and the command to run next.
fn waiting_row(waiting: &Waiting) -> (Vec<String>, Option<String>) {
    let key = &waiting.execution;
    let name = match &waiting.node {
        Some(node) => format!("{}/{node}", key.qualified()),
        None => key.qualified(),
    };
    (vec![name, for_what(&waiting.what)], command(waiting))
}

/// What waits, and for what, in a sentence.
pub fn waiting_line(waiting: &Waiting) -> String {
    let node = waiting.node.as_ref();
    let node = node.map_or(String::new(), |node| format!("/{node}"));
    let name = format!("{}{node}", waiting.execution.qualified());
    let what = for_what(&waiting.what);
    match waiting.what {
        // These are sentences already.
        WaitingFor::External { .. } | WaitingFor::Repository { .. } | WaitingFor::Other { .. } => {
            format!("{name}: {what}")
        }
        _ => format!("{name} waits for {what}"),
    }
}

/// What is waited for, in a few words.
pub fn for_what(what: &WaitingFor) -> String {
    sentence::for_what(what, &PLAIN)
}

const PLAIN: Notation = Notation {
    word: line,
    gate: |gate| line(gate.split_once('/').map_or(gate, |(_, name)| name)),
    time,
};

/// One transition on a line, with the time at which it was written.
pub fn change_line(transition: &Transition, at: Time) -> String {
    told_line(transition, &transition.arrow(), at)
}

/// The initial state on a line, in the form of the changes that follow.
pub fn state_line(state: &Transition, at: Time) -> String {
    told_line(state, state.to.as_deref().unwrap_or_default(), at)
}

fn told_line(transition: &Transition, what: &str, at: Time) -> String {
    let why = match transition.why() {
        why if why.is_empty() => why,
        why => format!("  {}", line(&why)),
    };
    format!("{}  {}  {what}{why}\n", time(at), subject_of(transition))
}
