//! The checks that a document has for its success criteria.

use super::{Checked, Tell, VerifyRequest, check, fitting, supported};
use crate::api::verify::{self as api, CriterionVerified, ExecutionVerified};
use crate::core::resource::{ContractCriterion, CriterionResult, Time};
use crate::core::run::permit::broken;
use crate::core::run::record::{Action, Address, ref_safe};
use crate::service::permit::Asked;
use crate::service::record::{Recorded, execution};
use crate::service::runs::{self, Look, Run};
use crate::service::store::Store;
use crate::service::{Error, Result};
use crate::worker::signals::Stop;
use crate::worker::tool::{Errand, Part};

/// What the checks of one criterion say, as soon as it was recorded.
pub struct Verdict<'a> {
    /// The run: `namespace/name`.
    pub execution: &'a str,
    /// The criterion, and what came of its checks.
    pub criterion: &'a CriterionVerified,
    /// The commit on whose tree they were run.
    pub commit: &'a str,
    /// Who ran them.
    pub actor: &'a str,
}

/// Run the checks of every criterion of a run that has some, on the spec branch, and attest what
/// they say. `tell` is told of each check, `told` of each criterion.
///
/// # Errors
/// Nodes have not ended; the actor may not; it was stopped.
pub fn verify_execution(
    store: &Store,
    request: &VerifyRequest,
    stop: &Stop,
    (tell, told): (Tell<'_>, &dyn Fn(&Verdict<'_>)),
) -> Result<Recorded<ExecutionVerified>> {
    supported()?;
    let actor = store.actor(&request.sender.caller)?;
    let look = runs::look(store)?;
    let run = look.run(&request.target, request.namespace.as_deref())?;
    let name = run.key.qualified();
    let criteria = checked(run, &name)?;
    let asked = Asked::new(&look, run);
    asked
        .permit()
        .may_check(&actor)
        .map_err(|refusal| asked.error(&refusal))?;
    // What is not merged is not done.
    let commit = look.view.spec_commit.clone();
    let who = (actor.as_str(), request.sender.caller.now);
    let (mut verified, mut record) = (Vec::new(), String::new());
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
        let Some(results) = check(store, &subject, stop, tell)? else {
            return Err(Error::not_ready("stopped: nothing is recorded of the rest"));
        };
        let met = broken(&criterion.checks, &results).is_empty();
        record = attest(store, &look, run, who, (criterion, &commit, met), &results)?;
        let one = CriterionVerified {
            criterion: criterion.id.clone(),
            required: criterion.required,
            met,
            results: results.iter().map(api::CriterionResult::from).collect(),
        };
        told(&Verdict {
            execution: &name,
            criterion: &one,
            commit: &commit,
            actor: &actor,
        });
        verified.push(one);
    }
    let answer = ExecutionVerified {
        execution: execution(run),
        commit,
        criteria: verified,
    };
    Ok(request.sender.sent(store, (actor, record), answer))
}

/// The criteria that have checks.
fn checked<'a>(run: Run<'a>, name: &str) -> Result<Vec<&'a ContractCriterion>> {
    let criteria = run.status.extensions.criteria.iter();
    let checked: Vec<&ContractCriterion> = criteria.filter(|one| !one.checks.is_empty()).collect();
    match checked.is_empty() {
        false => Ok(checked),
        true => Err(match run.status.extensions.pinned {
            Some(_) => Error::not_ready(format!("no success criterion of {name} has checks"))
                .hint("a node is verified as EXECUTION/NODE"),
            None => Error::not_ready(format!("{name} has not started: {}", run.status.message)),
        }),
    }
}

fn attest(
    store: &Store,
    look: &Look,
    run: Run<'_>,
    (actor, now): (&str, Time),
    (criterion, commit, met): (&ContractCriterion, &str, bool),
    results: &[CriterionResult],
) -> Result<String> {
    let record = fitting(results, &|results| {
        let action = Action::Attestation {
            criterion: criterion.id.clone(),
            met,
            evidence: String::new(),
            commit: Some(commit.to_owned()),
            results,
        };
        look.record(run, actor, now, action)
    })?;
    let address = Address::Attestation {
        run: runs::run_ref(run),
        criterion: ref_safe(&criterion.id),
        actor: ref_safe(actor),
    };
    let tip = look.view.inbox.get(&address).map(String::as_str);
    runs::send(store, &address, tip, &record, now)
}
