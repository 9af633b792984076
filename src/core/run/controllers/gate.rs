//! Gate: its status is derived from the runs that use it, which have the decisions.

use std::collections::BTreeMap;

use super::World;
use crate::core::resource::{
    AWAITING_APPROVAL, ArchivedDecision, Decision, ExecutionStatus, GatePhase, GateStatus, Key,
    Kind, NodePhase, Outcome, Resolution, Review, ReviewExtensions, Time, set_condition,
};
use crate::core::run::status::StatusFile;

/// Updates the status of one gate: from the oldest run that waits, else from the one decided last.
pub fn reconcile(
    world: &World<'_>,
    key: &Key,
    files: &BTreeMap<Key, StatusFile>,
    status: &mut GateStatus,
    generation: u64,
) {
    let gate = key.qualified();
    let runs = files.iter();
    let runs = runs.filter_map(|(key, file)| Some((key, file.status.execution()?)));
    let archived = status.extensions.archived.clone();
    let archived = archived.map(|archived| (run_of(&archived), archived));
    let uses: Vec<Use<'_>> = runs
        .flat_map(|(key, run)| uses_of(&gate, key, run))
        .chain(archived.iter().map(|(run, one)| Use::archived(run, one)))
        .collect();
    let waiting = uses.iter().filter(|usage| usage.waits);
    let waiting = waiting.min_by_key(|usage| (usage.since, usage.run, usage.node));
    let decided = uses.iter().filter(|usage| usage.decision.outcome.is_some());
    let decided = decided.max_by_key(|usage| (usage.decision.decided, usage.run, usage.node));
    let usage = waiting.or(decided);
    let outcome = usage.and_then(|usage| usage.decision.outcome);
    let outcome = outcome.filter(|_| waiting.is_none());
    status.phase = match outcome {
        Some(Outcome::Approved) => GatePhase::Approved,
        Some(Outcome::Rejected) => GatePhase::Rejected,
        None if usage.is_some() => GatePhase::Waiting,
        None => GatePhase::Pending,
    };
    status.review_history = usage.map(Use::reviews).unwrap_or_default();
    let resolved = usage.zip(outcome);
    status.resolution = resolved.map(|(usage, outcome)| usage.resolution(outcome, world.now));
    status.decided_generation = resolved.map(|(usage, _)| usage.generation);
    let phase = status.phase.to_string();
    let (reason, message) = match usage.map(|usage| (usage.run.qualified(), usage.node)) {
        None => ("NotReached", String::new()),
        Some((run, node)) if outcome.is_none() => (&*phase, format!("{run} waits at `{node}`")),
        Some((run, node)) => (&*phase, format!("for {run} at `{node}`")),
    };
    let at = (generation, world.now);
    let conditions = &mut status.conditions;
    set_condition(
        conditions,
        "Decided",
        outcome.is_some(),
        reason,
        message,
        at,
    );
}

/// A gate node of a run that uses the gate.
struct Use<'a> {
    run: &'a Key,
    node: &'a str,
    decision: &'a Decision,
    generation: u64,
    since: Option<Time>,
    waits: bool,
}

/// Notes in the status of a gate what a finished run decided there, which is then archived.
pub fn remember(key: &Key, (run, of_run): (&Key, &ExecutionStatus), status: &mut GateStatus) {
    let gate = key.qualified();
    let leaving = uses_of(&gate, run, of_run).filter(|usage| usage.decision.outcome.is_some());
    let leaving = leaving.map(|usage| ArchivedDecision {
        execution: run.qualified(),
        node: usage.node.to_owned(),
        generation: usage.generation,
        decision: usage.decision.clone(),
    });
    let before = status.extensions.archived.take();
    let rank = |one: &ArchivedDecision| (one.decision.decided, run_of(one), one.node.clone());
    status.extensions.archived = before.into_iter().chain(leaving).max_by_key(rank);
}

/// The archived execution that decided.
fn run_of(archived: &ArchivedDecision) -> Key {
    let name = archived.execution.split_once('/');
    let (namespace, name) = name.unwrap_or(("", &archived.execution));
    Key::new(Kind::Execution, namespace, name)
}

fn uses_of<'a>(
    gate: &'a str,
    run: &'a Key,
    status: &'a ExecutionStatus,
) -> impl Iterator<Item = Use<'a>> {
    let generation = status
        .extensions
        .pinned
        .as_ref()
        .and_then(|pinned| pinned.gates.get(gate))
        .map_or(0, |pin| pin.generation);
    let running = !status.phase.is_terminal();
    status
        .node_statuses
        .iter()
        .filter_map(move |(node, of_node)| {
            let decision = of_node.extensions.decision.as_ref()?;
            (decision.gate == gate).then_some(Use {
                run,
                node,
                decision,
                generation,
                since: of_node.start_time,
                waits: running
                    && of_node.phase == NodePhase::Blocked
                    && of_node.extensions.reason == AWAITING_APPROVAL,
            })
        })
}

impl<'a> Use<'a> {
    fn archived(run: &'a Key, archived: &'a ArchivedDecision) -> Use<'a> {
        Use {
            run,
            node: &archived.node,
            decision: &archived.decision,
            generation: archived.generation,
            since: None,
            waits: false,
        }
    }
}

impl Use<'_> {
    /// The reviews of the present digest; others are kept in the
    /// status of the run.
    fn reviews(&self) -> Vec<Review> {
        self.decision
            .reviews
            .iter()
            .filter(|review| review.digest == self.decision.digest)
            .map(|review| Review {
                reviewer: review.reviewer.clone(),
                action: review.action,
                timestamp: review.timestamp,
                comment: review.comment.clone(),
                target_generation: Some(self.generation),
                extensions: ReviewExtensions {
                    signed: review.signed.clone(),
                },
            })
            .collect()
    }

    fn resolution(&self, outcome: Outcome, now: Time) -> Resolution {
        let decided_by = &self.decision.decided_by;
        let deciding = || {
            let reviews = self.decision.reviews.iter();
            reviews.filter(|review| decided_by.contains(&review.record))
        };
        let mut actors: Vec<String> = deciding().map(|review| review.reviewer.clone()).collect();
        actors.sort();
        actors.dedup();
        Resolution {
            outcome,
            actors,
            timestamp: self.decision.decided.unwrap_or(now),
            comment: deciding()
                .filter_map(|review| review.comment.clone())
                .next_back(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::core::resource::{GatePhase, Kind, Outcome, ReviewAction};
    use crate::core::testing::{World, execution, gate, plan, resource, task};

    const NODES: &str = "{id: ok, kind: Gate, gateRef: {name: g}}, \
                         {id: b, kind: Task, dependsOn: [ok]}";

    const PEOPLE: &str = "approvals:
  users: {tech-lead: [ana@example.com, ana@home.example], Boss: [bo@example.com]}
  teams: {security: [ana@example.com, ben@example.com, 'user:carl'], robots: ['agent:critic']}
";

    /// A run that waits at a gate with these fields.
    fn waiting(fields: &str) -> World {
        let mut world = World::empty();
        world.configure(PEOPLE);
        let documents = [
            plan("p", NODES),
            gate("g", "p", fields),
            execution("run", "p", ""),
        ];
        world.write("planspec/all.yaml", &documents.concat());
        world.reconcile();
        assert_eq!(world.stands("ok"), "Blocked AwaitingApproval");
        world
    }

    /// The node after these reviews, with a reconcile after each.
    fn after(fields: &str, acts: &[(&str, &str)]) -> String {
        let mut world = waiting(fields);
        for (act, reviewer) in acts {
            match *act {
                "approve" => world.approve("ok", reviewer),
                "reject" => world.reject("ok", reviewer),
                _ => world.comment("ok", reviewer),
            }
            world.reconcile();
        }
        let gate = world.gate("g");
        assert_eq!(gate.resolution.is_some(), gate.decided_generation.is_some());
        let decided = matches!(gate.phase, GatePhase::Approved | GatePhase::Rejected);
        assert_eq!(gate.resolution.is_some(), decided);
        world.stands("ok")
    }

    const YES: &str = "Succeeded Approved";
    const NO: &str = "Failed Rejected";
    const WAITS: &str = "Blocked AwaitingApproval";

    #[test]
    fn who_may_decide() {
        let table = [
            ("", "anybody@example.com", YES),
            ("", "anybody", YES),
            // Programs may decide if they are named.
            ("", "agent:builder", WAITS),
            ("", "Agent://builder", WAITS),
            ("", "service://ci", WAITS),
            ("reviewers: ['team:robots']", "agent:critic", YES),
            ("reviewers: ['team:robots']", "agent:builder", WAITS),
            ("reviewers: ['user:tech-lead']", "ana@example.com", YES),
            ("reviewers: ['user:tech-lead']", "ana@home.example", YES),
            ("reviewers: ['user:tech-lead']", "user:tech-lead", YES),
            ("reviewers: ['user:tech-lead']", "ben@example.com", WAITS),
            ("reviewers: ['user:Boss']", "bo@example.com", YES),
            ("reviewers: ['team:security']", "ben@example.com", YES),
            ("reviewers: ['team:security']", "ana@home.example", YES),
            ("reviewers: ['team:security']", "carl", YES),
            ("reviewers: ['team:security']", "bo@example.com", WAITS),
            ("reviewers: ['team:nobody']", "ana@example.com", WAITS),
            ("reviewers: [eve@example.com]", "Eve@Example.com", YES),
            ("reviewers: [eve@example.com]", "eve@example.org", WAITS),
            ("reviewers: [carl]", "carl", YES),
            ("reviewers: [carl]", "user:carl", YES),
            ("reviewers: [carl]", "carla", WAITS),
            ("reviewers: [carl, 'team:security']", "ben@example.com", YES),
        ];
        for (fields, reviewer, expected) in table {
            assert_eq!(
                after(fields, &[("approve", reviewer)]),
                expected,
                "{fields} {reviewer}"
            );
        }
    }

    #[test]
    fn how_a_decision_comes_about() {
        let two = "requiredApprovers: 2";
        let table: [(&str, &[(&str, &str)], &str); 13] = [
            ("", &[], WAITS),
            ("", &[("comment", "ana")], WAITS),
            ("", &[("reject", "ana")], NO),
            (two, &[("approve", "ana")], WAITS),
            (two, &[("approve", "ana"), ("approve", "ben")], YES),
            (two, &[("approve", "ana"), ("approve", "ana")], WAITS),
            // One person with two e-mail addresses has one vote.
            (
                two,
                &[
                    ("approve", "ana@example.com"),
                    ("approve", "ana@home.example"),
                ],
                WAITS,
            ),
            (
                two,
                &[
                    ("approve", "ana@example.com"),
                    ("approve", "user:tech-lead"),
                ],
                WAITS,
            ),
            (two, &[("approve", "ana"), ("approve", "Ana")], WAITS),
            (two, &[("approve", "ana"), ("reject", "ben")], NO),
            (two, &[("approve", "ana"), ("reject", "ana")], NO),
            // A comment revokes nothing.
            (
                two,
                &[("approve", "ana"), ("comment", "ana"), ("approve", "ben")],
                YES,
            ),
            (
                "requiredApprovers: 3",
                &[("approve", "a"), ("approve", "b"), ("approve", "c")],
                YES,
            ),
        ];
        for (fields, acts, expected) in table {
            assert_eq!(after(fields, acts), expected, "{fields} {acts:?}");
        }
    }

    #[test]
    fn the_newest_word_of_a_person_decides_under_whatever_name() {
        // Both are read in one reconcile, in the order of their refs.
        let table = [
            (
                ("reject", "ana@example.com"),
                ("approve", "ana@home.example"),
                YES,
            ),
            (
                ("approve", "ana@example.com"),
                ("reject", "ana@home.example"),
                NO,
            ),
            (
                ("reject", "ana@example.com"),
                ("approve", "ben@example.com"),
                NO,
            ),
        ];
        for (first, second, expected) in table {
            let mut world = waiting("");
            for (act, reviewer) in [first, second] {
                match act {
                    "approve" => world.approve("ok", reviewer),
                    _ => world.reject("ok", reviewer),
                }
            }
            world.reconcile();
            assert_eq!(world.stands("ok"), expected, "{first:?} {second:?}");
        }
    }

    #[test]
    fn the_newest_word_of_a_reviewer_decides() {
        let mut world = waiting("requiredApprovers: 2");
        world.reject("ok", "ana");
        world.approve("ok", "ana");
        world.approve("ok", "ben");
        world.reconcile();
        assert_eq!(world.stands("ok"), YES);
    }

    #[test]
    fn who_is_no_longer_a_reviewer_no_longer_counts() {
        let mut world = waiting("requiredApprovers: 2, reviewers: ['team:security']");
        world.approve("ok", "ben@example.com");
        world.reconcile();
        world.configure(&PEOPLE.replace(", ben@example.com", ""));
        world.approve("ok", "ana@example.com");
        world.reconcile();
        assert_eq!(world.stands("ok"), WAITS);
        assert_eq!(
            world.node("ok").message,
            "1 of 2 approvals by user:tech-lead; reviewers: team:security"
        );
    }

    #[test]
    fn remarks_do_not_push_decisions_out() {
        let mut world = waiting("requiredApprovers: 2");
        world.approve("ok", "ana");
        world.reconcile();
        for _ in 0..250 {
            world.comment("ok", "eve");
        }
        world.reconcile();
        let reviews = world.node("ok").extensions.decision.expect("waits").reviews;
        assert_eq!(reviews.len(), 200);
        assert_eq!(reviews[0].reviewer, "ana");
        world.approve("ok", "ben");
        world.reconcile();
        assert_eq!(world.stands("ok"), YES);

        let mut world = waiting("");
        world.reject("ok", "ana");
        for _ in 0..250 {
            world.comment("ok", "eve");
        }
        world.reconcile();
        assert_eq!(world.stands("ok"), NO);
    }

    #[test]
    fn target_ref_restricts_where_a_gate_may_be_used() {
        let goal = resource("Goal", "goal", "description: d");
        let table = [
            ("{kind: Plan, name: p}", true),
            ("{kind: Plan, name: p, namespace: team}", true),
            ("{kind: Plan, name: p, nodeId: ok}", true),
            ("{kind: Execution, name: run}", true),
            ("{kind: Goal, name: goal}", true),
            ("{kind: Plan, name: q}", false),
            ("{kind: Plan, name: p, namespace: other}", false),
            ("{kind: Plan, name: p, nodeId: b}", false),
            ("{kind: Plan, name: p, uid: another}", false),
            ("{kind: Execution, name: other}", false),
            ("{kind: Execution, name: run, uid: another}", false),
            ("{kind: Goal, name: other}", false),
            ("{kind: Goal, name: goal, uid: another}", false),
            ("{kind: Binding, name: p}", false),
        ];
        for (target, fits) in table {
            let spec = format!("gateType: approval, targetRef: {target}");
            let world = World::of(&[
                goal.clone(),
                plan("p", NODES),
                resource("Gate", "g", &spec),
                execution("run", "p", "goalRef: {name: goal}"),
            ]);
            let expected = if fits {
                WAITS
            } else {
                "Blocked GateTargetMismatch"
            };
            assert_eq!(world.stands("ok"), expected, "{target}");
        }
    }

    #[test]
    fn the_status_shows_the_decision() {
        let mut world = waiting("requiredApprovers: 2");
        assert_eq!(world.gate("g").phase, GatePhase::Waiting);
        assert_eq!(world.says(Kind::Gate, "g", "Decided"), "False Waiting");
        world.approve("ok", "ana");
        world.comment("ok", "eve");
        world.reconcile();
        let status = world.gate("g");
        assert_eq!(
            (status.phase, &status.resolution),
            (GatePhase::Waiting, &None)
        );
        let history: Vec<(&str, ReviewAction)> = status
            .review_history
            .iter()
            .map(|review| (review.reviewer.as_str(), review.action))
            .collect();
        assert_eq!(
            history,
            [
                ("ana", ReviewAction::Approve),
                ("eve", ReviewAction::Comment)
            ]
        );
        world.wait("1m");
        world.approve("ok", "ben");
        world.reconcile();
        let status = world.gate("g");
        assert_eq!(status.phase, GatePhase::Approved);
        assert_eq!(status.decided_generation, Some(1));
        let resolution = status.resolution.as_ref().expect("decided");
        assert_eq!(resolution.outcome, Outcome::Approved);
        assert_eq!(resolution.actors, ["ana", "ben"]);
        assert_eq!(resolution.timestamp, world.now);
        assert_eq!(resolution.comment.as_deref(), Some("approve by ben"));
        assert_eq!(world.says(Kind::Gate, "g", "Decided"), "True Approved");
        world.complete("b");
        assert_eq!(world.gate("g").phase, GatePhase::Approved, "it stays");
    }

    #[test]
    fn before_any_run_a_gate_is_pending() {
        let world = World::of(&[plan("p", NODES), gate("g", "p", "")]);
        assert_eq!(world.gate("g").phase, GatePhase::Pending);
        assert_eq!(world.says(Kind::Gate, "g", "Decided"), "False NotReached");
    }

    #[test]
    fn of_two_runs_the_oldest_that_waits_is_shown_else_the_one_decided_last() {
        let mut world = World::of(&[
            plan("p", NODES),
            gate("g", "p", ""),
            execution("run", "p", ""),
        ]);
        world.wait("1m");
        world.write("planspec/a.yaml", &execution("a-second", "p", ""));
        world.reconcile();
        let shown = |world: &World| {
            let condition = world.condition(Kind::Gate, "g", "Decided").expect("judged");
            (world.gate("g").phase, condition.message.clone())
        };
        let expect = |phase, message: &str| (phase, message.to_owned());
        assert_eq!(
            shown(&world),
            expect(GatePhase::Waiting, "team/run waits at `ok`")
        );
        world.wait("1m");
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(
            world.about("a-second").stands("ok"),
            WAITS,
            "one approval for one run"
        );
        assert_eq!(
            shown(&world),
            expect(GatePhase::Waiting, "team/a-second waits at `ok`")
        );
        assert_eq!(world.gate("g").resolution, None);
        world.wait("1m");
        world.reject("ok", "ben");
        world.reconcile();
        assert_eq!(
            shown(&world),
            expect(GatePhase::Rejected, "for team/a-second at `ok`")
        );
    }

    #[test]
    fn an_approval_given_for_one_run_does_nothing_for_another() {
        let mut world = World::of(&[
            plan("p", NODES),
            gate("g", "p", ""),
            execution("run", "p", ""),
            execution("other", "p", ""),
        ]);
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(world.stands("ok"), YES);
        assert_eq!(world.about("other").stands("ok"), WAITS);
    }

    #[test]
    fn a_change_of_the_files_does_not_touch_what_a_pinned_run_was_approved_for() {
        let mut world = waiting("requiredApprovers: 2");
        world.approve("ok", "ana");
        world.reconcile();
        let documents = [
            plan("p", &format!("{NODES}, {}", task("c", ""))),
            gate("g", "p", "reviewers: [nobody]"),
            execution("run", "p", ""),
        ];
        world.write("planspec/all.yaml", &documents.concat());
        world.approve("ok", "ben");
        world.reconcile();
        assert_eq!(world.stands("ok"), YES);
        assert_eq!(
            world.gate("g").decided_generation,
            Some(1),
            "as it was pinned"
        );
        assert_eq!(world.file(Kind::Gate, "g").generation, 2);
    }

    #[test]
    fn an_approval_does_nothing_after_a_target_has_come_in() {
        // The binding is missing at first, so the target of `b` is not covered by the approval.
        let node = "{id: ok, kind: Gate, gateRef: {name: g}}, \
                    {id: b, kind: Task, dependsOn: [ok], capabilityRefs: [{name: cap}]}";
        let binding = resource(
            "Binding",
            "bind",
            "rules: [{selector: {capabilityRef: {name: cap}}, target: {provider: x}}]",
        );
        let mut world = World::of(&[
            plan("p", node),
            gate("g", "p", ""),
            resource("Capability", "cap", "description: d"),
            execution("run", "p", "bindingRef: {name: bind}"),
        ]);
        let before = world.node("ok").extensions.decision.expect("waits").digest;
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(world.stands("ok"), YES);
        assert_eq!(world.stands("b"), "Blocked BindingNotFound");
        world.write("planspec/bind.yaml", &binding);
        world.reconcile();
        assert_eq!(world.stands("ok"), WAITS, "it is decided again");
        assert_eq!(world.stands("b"), "Pending Waiting");
        assert_eq!(world.gate("g").phase, GatePhase::Waiting);
        assert_eq!(world.gate("g").review_history, []);
        world.review_of("ok", "team/g", &before, "ben", ReviewAction::Approve);
        world.reconcile();
        assert_eq!(world.unapplied(), ["approve OtherDigest"]);
        world.approve("ok", "ben");
        world.reconcile();
        assert_eq!(world.stands("b"), "Pending Ready");
        world.complete("b");
        assert_eq!(world.phase(), "Succeeded Succeeded");
    }

    #[test]
    fn an_approval_of_what_is_over_is_not_asked_again() {
        let nodes = "{id: ok, kind: Gate, gateRef: {name: g}}, \
                     {id: b, kind: Task, dependsOn: [ok]}, \
                     {id: c, kind: Task, capabilityRefs: [{name: cap}]}";
        let mut world = World::of(&[
            plan("p", nodes),
            gate("g", "p", ""),
            execution("run", "p", "nodeBindings: {c: {name: bind}}"),
        ]);
        world.approve("ok", "ana");
        world.reconcile();
        world.complete("b");
        world.write(
            "planspec/cap.yaml",
            &resource("Capability", "cap", "description: d"),
        );
        world.write(
            "planspec/bind.yaml",
            &resource(
                "Binding",
                "bind",
                "rules: [{selector: {capabilityRef: {name: cap}}, target: {provider: x}}]",
            ),
        );
        world.reconcile();
        assert_eq!(world.stands("c"), "Pending Ready");
        assert_eq!(world.stands("ok"), YES);
    }

    #[test]
    fn a_gate_that_breaks_keeps_its_phase() {
        let mut world = World::empty();
        world.write(
            "planspec/p.yaml",
            &format!("{}{}", plan("p", NODES), execution("run", "p", "")),
        );
        world.write("planspec/g.yaml", &gate("g", "p", ""));
        world.reconcile();
        world.write("planspec/g.yaml", &gate("g", "p", "surprise: 1"));
        world.reconcile();
        assert_eq!(world.gate("g").phase, GatePhase::Waiting);
        assert_eq!(
            world.says(Kind::Gate, "g", "Valid"),
            "False ValidationFailed"
        );
        world.approve("ok", "ana");
        world.reconcile();
        assert_eq!(
            world.stands("ok"),
            YES,
            "the run is held to the gate as it was"
        );
    }
}
