//! Questions of workers, and the answers of people.

use super::claim::spoken_for;
use super::held::{self, Working};
use super::permit::Asked;
use super::record::{RecordRequest, RecordWriter, Recorded, attempt};
use super::runs::{ObservedNode, is_unread};
use super::store::Store;
use super::{Error, Result};
use crate::api::record::{Answered, AskedQuestion};
use crate::core::base::digest::short;
use crate::core::resource::Question;
use crate::core::run::proposal;
use crate::core::run::record::{Action, Address};

/// A request to ask a question before the work continues.
#[derive(Debug, Clone)]
pub struct AskRequest {
    /// The node, and the actor.
    pub record: RecordRequest,
    /// The session or claim.
    pub working: Working,
    /// The question.
    pub question: String,
}

/// Asks a question: the node waits until a person answers, unless its document says otherwise. A question that is already
/// open is not asked again.
///
/// # Errors
/// The actor does not hold the node.
pub fn ask(store: &Store, request: &AskRequest) -> Result<Recorded<AskedQuestion>> {
    let working = held::resolve(store, &request.record, &request.working)?;
    let speaks = (&request.record, &working);
    held::say(store, speaks, |writer, node| {
        let action = Action::Question {
            node: node.id.to_owned(),
            attempt: node.status.attempt,
            question: request.question.clone(),
            claim: working.claim.clone(),
        };
        let asked = |already| AskedQuestion {
            attempt: attempt(writer.observed, node.run, node.id, node.status.attempt),
            question: request.question.clone(),
            already,
        };
        let mut open = node.status.open_questions();
        if let Some(before) = open.find(|one| one.question == request.question) {
            return Ok((before.record.clone(), asked(true)));
        }
        let chain = spoken_for(writer, node, (&action, &working))?;
        let known = &node.status.extensions.questions;
        let mut unheard = chain
            .questions()
            .filter(|(record, _)| !known.iter().any(|one| one.record == *record));
        if let Some((record, _)) = unheard.find(|(_, text)| *text == request.question) {
            return Ok((record.to_owned(), asked(true)));
        }
        Ok((
            writer.send(&node.address(), node.run, action)?,
            asked(false),
        ))
    })
}

/// A request to answer a question.
#[derive(Debug, Clone)]
pub struct AnswerRequest {
    /// The node, and the actor.
    pub record: RecordRequest,
    /// The first digits of the record of the question, if several are open.
    pub question: Option<String>,
    /// The answer.
    pub answer: String,
}

/// Answers a question. The first answer counts.
///
/// # Errors
/// There is no open question, or several are; the actor is not a person, or is the one who asks.
pub fn answer(store: &Store, request: &AnswerRequest) -> Result<Recorded<Answered>> {
    request.record.send(store, |writer| {
        let node = request.record.node(writer.observed)?;
        let question = meant(writer, node, request.question.as_deref())?;
        let action = Action::Answer {
            node: node.id.to_owned(),
            attempt: question.attempt,
            question: question.record.clone(),
            answer: request.answer.clone(),
        };
        Asked::new(writer.observed, node.run).may(&action, writer.actor)?;
        let address = Address::answer(
            node.run.reference(),
            (node.id, question.attempt),
            &question.record,
            writer.actor,
        );
        let answered = Answered {
            attempt: attempt(writer.observed, node.run, node.id, question.attempt),
            question: question.question.clone(),
            asked_by: question.actor.clone(),
            answer: request.answer.clone(),
        };
        Ok((writer.say(&address, node.run, action)?, answered))
    })
}

/// The named question, or the only open one.
fn meant<'a>(
    writer: &RecordWriter<'_>,
    node: ObservedNode<'a>,
    named: Option<&str>,
) -> Result<&'a Question> {
    let name = node.name();
    if let Some(named) = named {
        let all = node.status.extensions.questions.iter();
        let mut those = all.filter(|one| one.record.starts_with(named) && named.len() >= 4);
        return match (those.next(), those.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(Error::not_found(format!(
                "no question of {name} has an id that starts with `{named}`"
            ))
            .hint(questions_of(node))),
        };
    }
    let open: Vec<&Question> = node.status.open_questions().collect();
    match open.as_slice() {
        [one] => Ok(one),
        [] => {
            let tip = writer.observed.tip(&node.address());
            let is_new = tip.is_some_and(|tip| is_unread(node.run.status, &node.address(), tip));
            Err(Error::not_ready(format!("{name} has no open question")).hint(if is_new {
                "newer records about it are not reconciled yet: `planspec reconcile`, then answer"
                    .to_owned()
            } else {
                questions_of(node)
            }))
        }
        several => {
            let lines = several.iter().map(|one| {
                let command = proposal::answer(node.run.key, node.id, Some(&one.record));
                format!("{} ({})\n  {command}", one.question, short(&one.record))
            });
            let lines: Vec<String> = lines.collect();
            Err(
                Error::ambiguous(format!("{name} has {} open questions", several.len()))
                    .hint(format!("name one of them:\n{}", lines.join("\n"))),
            )
        }
    }
}

fn questions_of(node: ObservedNode<'_>) -> String {
    let (name, namespace) = (&node.run.key.name, &node.run.key.namespace);
    format!(
        "to see questions and answers, run `planspec describe {name}/{} -n {namespace}`",
        node.id
    )
}
