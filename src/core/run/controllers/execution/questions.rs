//! Questions of workers, and the answers of people.

use super::active_run::ActiveRun;
use crate::core::resource::{AWAITING_ANSWER, Answered, OnQuestion, Question};
use crate::core::run::machine::NodeEvent;
use crate::core::run::permit::{self, Refusal, misplaced, unknown_question};
use crate::core::run::record::{Action, Address, Incoming, Received};

/// Maximum number of questions of a node that are kept, including answered ones.
const KEPT: usize = 20;
/// Reason of an attempt that failed because of a question.
const AMBIGUOUS: &str = "Ambiguous";

impl ActiveRun<'_> {
    /// What happens if a worker asks: for a plan from a document, what that says.
    fn on_question(&self) -> OnQuestion {
        let plan = self.pins.plan.spec.plan();
        plan.map_or(OnQuestion::default(), |plan| plan.contract.on_question)
    }

    /// Takes in a question of a worker.
    pub(super) fn take_question(&mut self, id: &str, received: &Received, text: &str) {
        let actor = &received.record.actor;
        self.keep_question(id, received, text);
        match self.on_question() {
            OnQuestion::Pause => self.wait_for_answers(id),
            OnQuestion::Fail => self.fail_attempt(id, AMBIGUOUS, format!("{actor} asks: {text}")),
            OnQuestion::GoOn => {
                if let Some(status) = self.status.node_statuses.get_mut(id) {
                    status.message = format!("{actor} goes on with a best guess, and asks: {text}");
                }
            }
        }
    }

    /// Keeps a question of a record's actor, or about a record.
    pub(super) fn keep_question(&mut self, id: &str, received: &Received, text: &str) {
        let now = self.now();
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            let all = &mut status.extensions.questions;
            all.push(Question {
                actor: received.record.actor.clone(),
                attempt: status.attempt,
                question: text.to_owned(),
                record: received.id.clone(),
                timestamp: now,
                answer: None,
            });
            let excess = all.len().saturating_sub(KEPT);
            all.drain(..excess);
        }
    }

    /// Makes the node wait for the answers to its questions: its holder keeps it, and need not renew the
    /// claim.
    fn wait_for_answers(&mut self, id: &str) {
        let status = self.status_of(id);
        let Some(first) = status.open_questions().next() else {
            return;
        };
        let more = match status.open_questions().count() {
            0 | 1 => String::new(),
            some => format!(" (and {} more)", some - 1),
        };
        let message = format!("{} asks: {}{more}", first.actor, first.question);
        let claim = status.extensions.claim.clone();
        self.block(id, AWAITING_ANSWER, message);
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.claim = claim.map(|claim| crate::core::resource::Claim {
                expires: None,
                ..claim
            });
        }
    }

    /// Ends the wait for answers.
    pub(super) fn wait_no_more(&mut self, id: &str) {
        if self.status_of(id).awaits_answer() {
            self.move_node(id, NodeEvent::Resume, "Claimed", String::new());
        }
    }

    /// Takes in an answer.
    pub(super) fn take_answer(
        &mut self,
        incoming: &Incoming,
        received: &Received,
    ) -> Result<(), Refusal> {
        let record = &received.record;
        let Action::Answer {
            node: id,
            attempt,
            question,
            answer,
        } = &record.action
        else {
            return Err(misplaced());
        };
        let run = record.execution.clone().ok_or_else(misplaced)?;
        let place = Address::answer(run, (id, *attempt), question, &record.actor);
        if incoming.address.first_place() != place {
            return Err(misplaced());
        }
        let permit = permit::Circumstances {
            key: received.signed().map(|by| by.key.as_str()),
            ..self.permit(Some(id))
        };
        permit::may(&record.action, &record.actor, &permit)?;
        self.turn.check_signature(received)?;
        let answered = Answered {
            actor: record.actor.clone(),
            answer: answer.clone(),
            record: received.id.clone(),
            timestamp: self.now(),
            signed: received.signed().cloned(),
        };
        let status = self.status.node_statuses.get_mut(id);
        let mut all = status
            .into_iter()
            .flat_map(|status| &mut status.extensions.questions);
        let asked = all.find(|one| one.record == *question);
        asked.ok_or_else(|| unknown_question(id, question))?.answer = Some(answered);
        self.go_on_when_answered(id, &record.actor);
        Ok(())
    }

    /// Continues the work when no question is open, with a new lease.
    fn go_on_when_answered(&mut self, id: &str, by: &str) {
        let status = self.status_of(id);
        if status.is_out_of_scope() {
            let reporter = status.extensions.report.map(|report| report.actor);
            let reporter = reporter.unwrap_or_default();
            let what =
                format!("reported by {reporter}; {by} allows the changes outside of the scope");
            return self.count_report(id, what);
        }
        if !status.awaits_answer() {
            return;
        }
        if status.open_questions().next().is_some() {
            return self.wait_for_answers(id);
        }
        let expires = self.lease_end(id, None);
        self.move_node(
            id,
            NodeEvent::Resume,
            "Answered",
            format!("answered by {by}"),
        );
        if let Some(status) = self.status.node_statuses.get_mut(id)
            && let Some(claim) = &mut status.extensions.claim
        {
            claim.expires = expires;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::core::run::transition::WaitingFor;
    use crate::core::testing::{World, execution, plan};

    const ANA: &str = "agent:ana";
    const BEN: &str = "agent:ben";
    const EVE: &str = "eve@example.com";

    /// A run with one task.
    fn run(fields: &str) -> World {
        let mut world = World::of(&[
            plan("p", &format!("{{id: a, kind: Task{fields}}}")),
            execution("run", "p", ""),
        ]);
        world.reconcile();
        world
    }

    /// A run of a document that says what happens after a question.
    fn of_document(policy: &str) -> World {
        let mut world = World::empty();
        let text = format!(
            r#"{{
  "identity": {{"plan_id": "5a1c0d2e-7b3f-4c19-9d4e-1f2a3b4c5d6e", "session_id": "s", "revision": 1,
    "parent_id": null, "created_by": "a", "created_at": "2026-02-10T09:00:00Z"}},
  "x-planspec": {{"name": "p", "namespace": "team"}},
  "intent": {{"goal_statement": "g", "motivation": "m", "success_definition": "d"}},
  "scope": {{"in_scope": ["i"], "out_of_scope": ["o"]}},
  "approach": {{"overview": "o", "rationale": "r", "steps": [
    {{"step_id": "a", "title": "A", "description": "d"}}]}},
  "success_criteria": [
    {{"criterion_id": "done", "description": "d", "verification": "manual", "weight": "primary"}}],
  "delegation": {{"default_mode": "hybrid", "escalation_policy": {{"on_ambiguity": "{policy}"}}}}
}}"#
        );
        world.write("planspec/p.planspec.json", &text);
        world.write("planspec/run.yaml", &execution("run", "p", ""));
        world.reconcile();
        world
    }

    fn asked(world: &mut World) {
        world.claim("a", ANA);
        world.ask_about("a", ANA, "which port?");
        world.reconcile();
    }

    #[test]
    fn whoever_asks_waits_for_a_person_and_goes_on_with_a_new_lease() {
        let mut world = run("");
        asked(&mut world);
        assert_eq!(world.stands("a"), "Blocked AwaitingAnswer");
        assert_eq!(world.node("a").message, "agent:ana asks: which port?");
        assert_eq!(world.phase(), "Blocked AwaitingAnswer");
        let waits = world.waits();
        assert!(
            matches!(&waits[0].what, WaitingFor::Answer { question, .. } if question == "which port?"),
            "{waits:?}"
        );
        // The lease does not expire, and nobody else gets the node.
        world.wait("48h");
        world.claim("a", BEN);
        world.renew("a", ANA);
        world.reconcile();
        assert_eq!(world.stands("a"), "Blocked AwaitingAnswer");
        world.answer("a", EVE, "8443");
        world.reconcile();
        assert_eq!(world.stands("a"), "Running Answered");
        let node = world.node("a");
        assert_eq!(node.attempt, 1);
        let answer = node.extensions.questions[0].answer.clone();
        assert_eq!(
            answer.map(|one| (one.actor, one.answer)),
            Some((EVE.to_owned(), "8443".to_owned()))
        );
        // From then on the lease has its full length.
        world.wait("29m");
        world.reconcile();
        assert_eq!(world.stands("a"), "Running Answered");
        world.wait("2m");
        world.reconcile();
        assert_eq!(world.stands("a"), "Pending Ready");
        assert_eq!(
            world.node("a").extensions.questions.len(),
            1,
            "the next one reads it too"
        );
    }

    #[test]
    fn who_may_answer() {
        let mut world = run("");
        asked(&mut world);
        world.answer("a", BEN, "80");
        world.answer("a", ANA, "81");
        world.reconcile();
        assert_eq!(world.unapplied(), ["answer NotAPerson"; 2]);
        assert_eq!(world.stands("a"), "Blocked AwaitingAnswer");
        let mut world = run("");
        world.claim("a", EVE);
        world.ask_about("a", EVE, "which port?");
        world.reconcile();
        world.answer("a", "user:eve@example.com", "82");
        world.reconcile();
        assert_eq!(world.unapplied(), ["answer OwnQuestion"]);
        world.answer("a", "mia@example.com", "83");
        world.reconcile();
        assert_eq!(world.stands("a"), "Running Answered");
    }

    #[test]
    fn an_answer_counts_once_and_for_its_question_alone() {
        let mut world = run("");
        asked(&mut world);
        let record = world.node("a").extensions.questions[0].record.clone();
        world.answer_to("a", (2, &record), EVE, "another attempt");
        world.answer_to("a", (1, &"f".repeat(40)), EVE, "another question");
        world.reconcile();
        assert_eq!(world.unapplied(), ["answer UnknownQuestion"; 2]);
        world.answer("a", EVE, "one");
        world.answer("a", "mia@example.com", "two");
        world.reconcile();
        let node = world.node("a");
        let answer = node.extensions.questions[0].answer.as_ref();
        assert_eq!(answer.map(|one| one.answer.as_str()), Some("one"));
        assert_eq!(
            world.unapplied().last().map(String::as_str),
            Some("answer Answered")
        );
    }

    #[test]
    fn a_node_waits_until_everything_is_answered() {
        let mut world = run("");
        asked(&mut world);
        let second = world.ask_about("a", ANA, "which host?");
        world.ask_about("a", ANA, "which port?");
        world.reconcile();
        assert_eq!(world.unapplied(), ["question Asked"]);
        assert_eq!(
            world.node("a").message,
            "agent:ana asks: which port? (and 1 more)"
        );
        world.answer("a", EVE, "80");
        world.reconcile();
        assert_eq!(world.node("a").message, "agent:ana asks: which host?");
        world.answer_to("a", (1, &second), EVE, "db1");
        world.reconcile();
        assert_eq!(world.stands("a"), "Running Answered");
        world.succeed("a", ANA);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
    }

    #[test]
    fn what_ends_the_attempt_closes_the_question() {
        type End = fn(&mut World);
        let table: [(&str, End, &str); 4] = [
            (
                "a report",
                |world| world.succeed("a", ANA),
                "Succeeded Reported",
            ),
            (
                "a release",
                |world| world.release("a", ANA),
                "Pending Ready",
            ),
            (
                "a cancellation",
                |world| world.cancel(EVE),
                "Cancelled Cancelled",
            ),
            (
                "the timeout, which goes on",
                |world| world.wait("1h"),
                "Failed TimedOut",
            ),
        ];
        for (name, end, expected) in table {
            let mut world = run(", timeout: 1h");
            asked(&mut world);
            end(&mut world);
            world.reconcile();
            assert_eq!(world.stands("a"), expected, "{name}");
            assert_eq!(world.node("a").open_questions().count(), 0, "{name}");
            world.answer("a", EVE, "too late");
            world.reconcile();
            assert_eq!(world.stands("a"), expected, "{name}");
            let unapplied = world.unapplied();
            let last = unapplied.last().map(String::as_str);
            assert!(
                matches!(last, Some("answer NotAsked" | "answer RunOver")),
                "{name}: {unapplied:?}"
            );
        }
    }

    #[test]
    fn who_reports_with_a_question_open_is_still_verified() {
        let criteria = ", acceptanceCriteria: [{type: test_passes, name: t, command: x}]";
        let mut world = run(criteria);
        asked(&mut world);
        world.succeed("a", ANA);
        world.reconcile();
        assert_eq!(world.stands("a"), "Blocked AwaitingVerification");
        world.verify("a", BEN, &[("t", true)]);
        world.reconcile();
        assert_eq!(world.phase(), "Succeeded Succeeded");
    }

    #[test]
    fn only_the_holder_asks() {
        let mut world = run("");
        world.ask_about("a", ANA, "may I?");
        world.reconcile();
        assert_eq!(world.unapplied(), ["question NotClaimed"]);
        let mut world = run("");
        world.claim("a", ANA);
        world.ask_about("a", BEN, "may I?");
        world.ask_about("a", ANA, " ");
        world.ask_about("a", ANA, &"why? ".repeat(1000));
        world.reconcile();
        let expected = ["WrongActor", "TextInvalid", "TextInvalid"];
        assert_eq!(
            world.unapplied(),
            expected.map(|why| format!("question {why}"))
        );
        assert_eq!(world.stands("a"), "Running Claimed");
    }

    #[test]
    fn a_document_says_what_a_question_leads_to() {
        let mut world = of_document("pause");
        asked(&mut world);
        assert_eq!(world.stands("a"), "Blocked AwaitingAnswer");
        let mut world = of_document("fail");
        asked(&mut world);
        assert_eq!(world.stands("a"), "Failed Ambiguous");
        assert_eq!(world.phase(), "Failed NodeFailed");
        let mut world = of_document("proceed_with_best_guess");
        asked(&mut world);
        assert_eq!(world.stands("a"), "Running Claimed");
        let message = "agent:ana goes on with a best guess, and asks: which port?";
        assert_eq!(world.node("a").message, message);
        world.answer("a", EVE, "80");
        world.reconcile();
        assert_eq!(world.stands("a"), "Running Claimed");
        assert!(world.node("a").extensions.questions[0].answer.is_some());
        // The lease is unchanged.
        world.wait("31m");
        world.reconcile();
        assert_eq!(world.stands("a"), "Pending Ready");
    }
}
