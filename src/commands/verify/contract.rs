//! The checks that a document has for its success criteria.

use super::{Checked, check, fitting, line};
use crate::commands::Context;
use crate::commands::runs::{self, Look, Run};
use crate::commands::store::Store;
use crate::core::resource::{ContractCriterion, CriterionResult, TaskCriterion};
use crate::core::run::controllers::execution::broken;
use crate::core::run::record::{Action, Address, ref_safe};
use crate::failure::{Failure, Outcome};
use crate::show;
use crate::worker::signals::Stop;
use crate::worker::tool::{Errand, Part};

/// Run the checks of every criterion that has some, and attest what they say. What comes back is
/// the failure that required ones are not met.
pub(super) fn verify(
    context: &Context,
    store: &Store,
    look: &Look,
    run: Run<'_>,
    actor: &str,
    stop: &Stop,
) -> Outcome<Option<Failure>> {
    let name = run.key.qualified();
    let criteria = checked(run, &name)?;
    awaited(look, run, &name, actor)?;
    // What is not merged is not done.
    let commit = look.view.spec_commit.clone();
    let mut unmet = Vec::new();
    for criterion in criteria {
        let errand = Errand {
            namespace: run.key.namespace.clone(),
            execution: run.key.name.clone(),
            part: Part::Criterion(criterion.id.clone()),
        };
        let subject = Checked {
            errand: &errand,
            criteria: &criterion.checks,
            target: None,
            commit: &commit,
        };
        let tell = |check: &TaskCriterion, result: &CriterionResult| {
            context.terminal.out(&line(check, result));
        };
        let Some(results) = check(store, &subject, stop, &tell)? else {
            return Err(Failure::not_met("stopped: nothing is recorded of the rest"));
        };
        let met = broken(&criterion.checks, &results).is_empty();
        attest(store, look, run, actor, (criterion, &commit, met), &results)?;
        let verdict = if met { "met" } else { "not met" };
        let short = show::reconcile::short(&commit);
        context.terminal.out(&format!(
            "`{}` of {name} is {verdict} at {short}, as {actor}\n",
            criterion.id
        ));
        if !met && criterion.required {
            unmet.push(criterion.id.as_str());
        }
    }
    Ok((!unmet.is_empty())
        .then(|| Failure::not_met(format!("not met of {name}: {}", unmet.join(", ")))))
}

/// The criteria that have checks.
fn checked<'a>(run: Run<'a>, name: &str) -> Outcome<Vec<&'a ContractCriterion>> {
    let criteria = run.status.extensions.criteria.iter();
    let checked: Vec<&ContractCriterion> = criteria.filter(|one| !one.checks.is_empty()).collect();
    match checked.is_empty() {
        false => Ok(checked),
        true => Err(match run.status.extensions.pinned {
            Some(_) => Failure::not_met(format!("no success criterion of {name} has checks"))
                .hint("a node is verified as EXECUTION/NODE"),
            None => Failure::not_met(format!("{name} has not started: {}", run.status.message)),
        }),
    }
}

/// Reconcile would not take it otherwise.
fn awaited(look: &Look, run: Run<'_>, name: &str, actor: &str) -> Outcome {
    let nodes = &run.status.node_statuses;
    let mut open = nodes.iter().filter(|(_, node)| !node.phase.is_terminal());
    if let Some((id, node)) = open.next() {
        let more = match open.count() {
            0 => String::new(),
            more => format!(", and {more} more have not ended"),
        };
        let why = format!("{name} is not done: {id} is {}{more}", node.phase);
        return Err(Failure::not_met(why).hint("what is checked is what all nodes have led to"));
    }
    if run.status.phase.is_terminal() {
        let why = format!(
            "{name} is {}: nothing waits to be verified",
            run.status.phase
        );
        return Err(Failure::not_met(why));
    }
    let mut workers = run.status.workers();
    match workers.any(|worker| !look.view.config.may_verify(actor, worker)) {
        false => Ok(()),
        true => Err(Failure::not_met(format!(
            "{actor} did work of {name}, and somebody else must verify it"
        ))
        .hint("the configuration says `verification: independent`")),
    }
}

fn attest(
    store: &Store,
    look: &Look,
    run: Run<'_>,
    actor: &str,
    (criterion, commit, met): (&ContractCriterion, &str, bool),
    results: &[CriterionResult],
) -> Outcome<String> {
    let record = fitting(results, &|results| {
        let action = Action::Attestation {
            criterion: criterion.id.clone(),
            met,
            evidence: String::new(),
            commit: Some(commit.to_owned()),
            results,
        };
        look.record(store, run, actor, action)
    })?;
    let address = Address::Attestation {
        run: runs::run_ref(run),
        criterion: ref_safe(&criterion.id),
        actor: ref_safe(actor),
    };
    let tip = look.view.inbox.get(&address).map(String::as_str);
    runs::send(store, &address, tip, &record)
}
