//! Rules as somebody might add them: those that keep to the recipe of CONTRIBUTING.md end where
//! reading everything ends, and the generator is strong enough to tell those that do not.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError, TestRunner};

use super::tests::{Files, Rule, leads_where_reading_everything_leads, resource};
use crate::core::base::diagnostic::{Code, Diagnostic, Place};
use crate::core::repository::definitions::Definitions;
use crate::core::resource::{Key, Kind, ObjectRef};

/// Cases of a property, and the most that it may take to find a wrong rule.
const CASES: u32 = 768;

/// The seed of `.ci/run`.
const SEED: u64 = 20_261_120;

// ---- few files, few names

/// The file of each resource, and its kind and name. No two of a kind have a name in common, so that
/// nothing is read for the sake of another resource.
const FILES: [(&str, Kind, &str); 14] = [
    ("goal-0.yaml", Kind::Goal, "goal-0"),
    ("goal-1.yaml", Kind::Goal, "goal-1"),
    ("plan-0.yaml", Kind::Plan, "plan-0"),
    ("plan-1.yaml", Kind::Plan, "plan-1"),
    ("plan-2.yaml", Kind::Plan, "plan-2"),
    ("cap-0.yaml", Kind::Capability, "cap-0"),
    ("cap-1.yaml", Kind::Capability, "cap-1"),
    ("bind-0.yaml", Kind::Binding, "bind-0"),
    ("bind-1.yaml", Kind::Binding, "bind-1"),
    ("gate-0.yaml", Kind::Gate, "gate-0"),
    ("gate-1.yaml", Kind::Gate, "gate-1"),
    ("run-0.yaml", Kind::Execution, "run-0"),
    ("run-1.yaml", Kind::Execution, "run-1"),
    ("run-2.yaml", Kind::Execution, "run-2"),
];

/// What is chosen of a file: whether it is there and can be read, what is only for people in it, and
/// what it refers to.
type Choice = [usize; 5];

/// The text of a file; nothing when it is not there.
fn text(file: usize, [form, prose, first, second, third]: Choice) -> Option<String> {
    let (_, kind, name) = FILES[file];
    if form < 3 {
        return None;
    }
    if form == 3 {
        let (_, _, mentioned) = FILES[(prose * 64 + first * 16 + second * 4 + third) % FILES.len()];
        return Some(format!("{mentioned}: [\n"));
    }
    let prose = format!("description: d{}", prose % 2);
    let spec = match kind {
        Kind::Goal => prose,
        Kind::Capability => match first {
            0 => prose,
            _ => format!("{prose}, outputs: [{{name: o{first}, type: string}}]"),
        },
        Kind::Plan => format!(
            "{prose}, goalRef: {{name: goal-{first}}}, graph: {{nodes: [{{id: a, kind: Gate, \
             gateRef: {{name: gate-{second}}}}}, {{id: b, kind: Task, capabilityRefs: [{{name: \
             cap-{third}}}]}}]}}"
        ),
        Kind::Binding => format!(
            "rules: [{{selector: {{capabilityRef: {{name: cap-{first}}}}}, target: {{provider: \
             \"tool://t\"}}}}]"
        ),
        Kind::Gate => {
            format!("gateType: review, targetRef: {{kind: Plan, name: plan-{first}}}")
        }
        Kind::Execution => format!("planRef: {{name: plan-{first}}}"),
    };
    Some(resource(kind.name(), name, &format!("{{{spec}}}")))
}

fn files(choices: &[Choice]) -> Files {
    let texts = choices.iter().enumerate();
    let there =
        texts.filter_map(|(file, choice)| Some((FILES[file].0.to_owned(), text(file, *choice)?)));
    there.collect()
}

/// Few files that refer to each other a lot, and the same after one or two of them have changed: one
/// reference goes elsewhere, a description is another, a file comes or goes.
pub(crate) fn dense_change() -> impl Strategy<Value = (Files, Files)> {
    let choice = (0..16_usize, 0..4_usize, 0..4_usize, 0..4_usize, 0..4_usize);
    let choice =
        choice.prop_map(|(form, prose, first, second, third)| [form, prose, first, second, third]);
    let choices = prop::collection::vec(choice, FILES.len());
    let edit = (0..FILES.len(), 0..5_usize, 0..16_usize);
    let edits = prop::collection::vec(edit, 1..3);
    (choices, edits).prop_map(|(before, edits)| {
        let mut after = before.clone();
        for (file, what, value) in edits {
            after[file][what] = if what == 0 { value } else { value % 4 };
        }
        (files(&before), files(&after))
    })
}

// ---- who refers to a resource

/// A question that only those can answer who refer to a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    /// What it is about.
    pub kind: Kind,
    /// Who would refer to it.
    pub by: (Kind, &'static str),
}

/// A gate or a capability that no plan uses, a goal that no plan has, a plan that no execution runs,
/// a capability that no binding is for.
pub(crate) const QUESTIONS: [Question; 5] = [
    Question {
        kind: Kind::Gate,
        by: (Kind::Plan, "gateRef"),
    },
    Question {
        kind: Kind::Capability,
        by: (Kind::Plan, "capabilityRefs"),
    },
    Question {
        kind: Kind::Goal,
        by: (Kind::Plan, "goalRef"),
    },
    Question {
        kind: Kind::Plan,
        by: (Kind::Execution, "planRef"),
    },
    Question {
        kind: Kind::Capability,
        by: (Kind::Binding, "capabilityRef"),
    },
];

impl Question {
    /// The resources of which the answer is no, by the recipe.
    pub(crate) fn unused(self, definitions: &Definitions) -> BTreeSet<Key> {
        let keys = definitions.keys_of(self.kind);
        let unused = keys.filter(|key| {
            !definitions.is_referred_to(key, self.by) && !definitions.may_be_hidden(&key.name)
        });
        unused.cloned().collect()
    }

    /// The same by looking at all who might refer to them, of which not all are read.
    pub(crate) fn unused_of_those_read(self, definitions: &Definitions) -> BTreeSet<Key> {
        let used = used(definitions, self.by);
        let keys = definitions.keys_of(self.kind);
        keys.filter(|key| !used.contains(key)).cloned().collect()
    }
}

/// What a field refers to in the definitions that are there.
fn used(definitions: &Definitions, (kind, field): (Kind, &str)) -> BTreeSet<Key> {
    let mut used = BTreeSet::new();
    for key in definitions.keys_of(kind) {
        let mut add = |kind, of: &ObjectRef| {
            used.insert(of.key(kind, &key.namespace));
        };
        if let Some(plan) = definitions.plan(key) {
            match field {
                "goalRef" => plan.goal_ref.iter().for_each(|of| add(Kind::Goal, of)),
                _ => plan.graph.nodes.iter().for_each(|node| match field {
                    "gateRef" => node.gate_ref.iter().for_each(|of| add(Kind::Gate, of)),
                    _ => node
                        .capability_refs
                        .iter()
                        .for_each(|of| add(Kind::Capability, of)),
                }),
            }
        } else if let Some(run) = definitions.execution(key) {
            add(Kind::Plan, &run.plan_ref);
        } else if let Some(binding) = definitions.binding(key) {
            let selectors = binding.rules.iter().map(|rule| &rule.selector);
            selectors
                .filter_map(|selector| selector.capability_ref.as_ref())
                .for_each(|of| add(Kind::Capability, of));
        }
    }
    used
}

fn found_at<'a>(
    definitions: &Definitions,
    keys: impl IntoIterator<Item = &'a Key>,
    message: &str,
) -> Vec<Diagnostic> {
    let finding = |key: &Key| {
        let path = &definitions.definition(key)?.path;
        Some(Diagnostic::new(Code::GATE_NOT_FOUND, path, Place::File, message).about(key))
    };
    keys.into_iter().filter_map(finding).collect()
}

/// All questions, as rules that keep to the recipe.
fn by_the_recipe(definitions: &Definitions) -> Vec<Diagnostic> {
    let questions = QUESTIONS.iter();
    let found = questions.flat_map(|one| {
        let unused = one.unused(definitions);
        found_at(definitions, &unused, &format!("{one:?}"))
    });
    found.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// However little is read, a rule that asks who refers to a resource gets the right answer.
    #[test]
    fn a_rule_may_ask_who_refers_to_a_resource(change in dense_change()) {
        leads_where_reading_everything_leads(&change, &by_the_recipe)?;
    }
}

// ---- the generator tells what is wrong

/// Whether a property is found to be wrong in no more cases than it is tried in.
pub(crate) fn is_caught(property: impl Fn(&(Files, Files)) -> Result<(), TestCaseError>) -> bool {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(SEED),
        max_shrink_iters: 0,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&dense_change(), |change| property(&change))
        .is_err()
}

fn is_rule_caught(rule: Rule<'_>) -> bool {
    is_caught(|change| leads_where_reading_everything_leads(change, rule))
}

#[test]
fn a_rule_that_looks_at_all_who_refer_is_caught() {
    for question in QUESTIONS {
        let wrong = |definitions: &Definitions| {
            found_at(
                definitions,
                &question.unused_of_those_read(definitions),
                "unused",
            )
        };
        assert!(is_rule_caught(&wrong), "{question:?}");
    }
}

/// Resources of a kind for which something holds.
fn those<'a>(
    definitions: &'a Definitions,
    kind: Kind,
    holds: impl Fn(&Key) -> bool + 'a,
) -> impl Iterator<Item = &'a Key> {
    definitions.keys_of(kind).filter(move |key| holds(key))
}

/// The capability of a binding is not its own: who refers to that changes without the binding.
fn bindings_for_unused_capabilities(definitions: &Definitions) -> Vec<Diagnostic> {
    let keys = those(definitions, Kind::Binding, |key| {
        let rules = definitions.binding(key).map(|spec| &spec.rules);
        let selectors = rules.into_iter().flatten().map(|rule| &rule.selector);
        let mut wanted = selectors.filter_map(|selector| selector.capability_ref.as_ref());
        wanted.any(|of| {
            let of = of.key(Kind::Capability, &key.namespace);
            !definitions.is_referred_to(&of, (Kind::Plan, "capabilityRefs"))
        })
    });
    found_at(definitions, keys, "for nothing")
}

fn goal_of<'a>(definitions: &'a Definitions, plan: &Key) -> Option<&'a str> {
    let goal = definitions.plan(plan)?.goal_ref.as_ref()?;
    let goal = definitions.goal(&goal.key(Kind::Goal, &plan.namespace))?;
    Some(&goal.description)
}

/// A plan looks at its goal, an execution at its plan: not at what that refers to.
fn runs_for_no_goal(definitions: &Definitions) -> Vec<Diagnostic> {
    let keys = those(definitions, Kind::Execution, |key| {
        let run = definitions.execution(key);
        let plan = run.map(|run| run.plan_ref.key(Kind::Plan, &key.namespace));
        plan.is_some_and(|plan| goal_of(definitions, &plan).is_none())
    });
    found_at(definitions, keys, "for no goal")
}

/// What is for people does not belong to the face of a goal.
fn plans_by_the_words_of_their_goal(definitions: &Definitions) -> Vec<Diagnostic> {
    let keys = those(definitions, Kind::Plan, |key| {
        goal_of(definitions, key) == Some("d1")
    });
    found_at(definitions, keys, "for d1")
}

/// Plans that serve one goal are no kin.
fn plans_for_one_goal(definitions: &Definitions) -> Vec<Diagnostic> {
    let goal = |key: &Key| Some(definitions.plan(key)?.goal_ref.as_ref()?.name.as_str());
    let keys = those(definitions, Kind::Plan, |key| {
        let mut others = definitions
            .keys_of(Kind::Plan)
            .filter(|other| *other != key);
        others.any(|other| goal(other).is_some() && goal(other) == goal(key))
    });
    found_at(definitions, keys, "the same goal")
}

#[test]
fn a_rule_that_looks_further_than_the_recipe_allows_is_caught() {
    let wrong: [(&str, Rule<'_>); 4] = [
        ("not its own", &bindings_for_unused_capabilities),
        ("two references away", &runs_for_no_goal),
        ("for people", &plans_by_the_words_of_their_goal),
        ("no kinship", &plans_for_one_goal),
    ];
    for (what, rule) in wrong {
        assert!(is_rule_caught(rule), "{what}");
    }
}
