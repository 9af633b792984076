//! Runs the checks of a document's success criteria.

use super::{CheckSubject, Tell, check, fitting, is_merged, supported};
use crate::api::verify::{self as api, CriterionVerified, ExecutionVerified};
use crate::core::resource::{ContractCriterion, CriterionResult};
use crate::core::run::permit::broken;
use crate::core::run::record::Action;
use crate::service::permit::Asked;
use crate::service::record::{RecordRequest, RecordWriter, Recorded, execution};
use crate::service::runs::ObservedRun;
use crate::service::store::Store;
use crate::service::{Error, Result, attest};
use crate::worker::signals::Stop;
use crate::worker::tool::{Errand, ErrandPart};

/// The result of one criterion, as soon as it is recorded.
pub struct CriterionVerdict<'a> {
    /// The run: `namespace/name`.
    pub execution: &'a str,
    /// The criterion with its result.
    pub criterion: &'a CriterionVerified,
    /// The commit on which the checks were run.
    pub commit: &'a str,
    /// The actor.
    pub actor: &'a str,
}

/// Runs the checks of all criteria of a run that have any, on a commit of the spec branch (by default its tip), and
/// attests the results. `tell` gets each check, `told` each criterion.
///
/// # Errors
/// Some nodes are not over; the actor may not attest; it was stopped.
pub fn verify_execution(
    store: &Store,
    (request, commit): (&RecordRequest, Option<&str>),
    stop: &Stop,
    (tell, told): (Tell<'_>, &dyn Fn(&CriterionVerdict<'_>)),
) -> Result<Recorded<ExecutionVerified>> {
    supported()?;
    let named = commit.map(|rev| store.commit_anywhere(rev)).transpose()?;
    request.send(store, |writer| {
        let run = request.run(writer.observed)?;
        let name = run.key.qualified();
        let criteria = with_checks(run, &name)?;
        let asked = Asked::new(writer.observed, run);
        let permit = asked.permit();
        let may_check = permit.may_check(writer.actor);
        may_check.map_err(|refusal| asked.error(&refusal))?;
        // Checked on the spec branch: unmerged work does not count.
        let commit = match &named {
            Some(commit) => {
                is_merged(writer, commit)?;
                commit
            }
            None => &writer.observed.view.spec_commit,
        };
        let (mut verified, mut record) = (Vec::new(), String::new());
        for criterion in criteria {
            let subject = CheckSubject {
                errand: &Errand {
                    namespace: run.key.namespace.clone(),
                    execution: run.key.name.clone(),
                    part: ErrandPart::Criterion(criterion.id.clone()),
                },
                criteria: &criterion.checks,
                target: None,
                commit,
            };
            let Some(results) = check(store, &subject, stop, tell)? else {
                return Err(Error::not_ready(
                    "stopped: the other results are not recorded",
                ));
            };
            let one = CriterionVerified {
                criterion: criterion.id.clone(),
                required: criterion.required,
                met: broken(&criterion.checks, &results).is_empty(),
                results: results.iter().map(api::CriterionResult::from).collect(),
            };
            record = send(writer, run, (&one, commit), &results)?;
            told(&CriterionVerdict {
                execution: &name,
                criterion: &one,
                commit,
                actor: writer.actor,
            });
            verified.push(one);
        }
        let answer = ExecutionVerified {
            execution: execution(run),
            commit: commit.clone(),
            criteria: verified,
        };
        Ok((record, answer))
    })
}

/// The criteria with checks.
fn with_checks<'a>(run: ObservedRun<'a>, name: &str) -> Result<Vec<&'a ContractCriterion>> {
    let criteria = run.status.extensions.criteria.iter();
    let checked: Vec<&ContractCriterion> = criteria.filter(|one| !one.checks.is_empty()).collect();
    if !checked.is_empty() {
        return Ok(checked);
    }
    Err(match run.status.extensions.pinned {
        Some(_) => Error::not_ready(format!("no success criterion of {name} has checks"))
            .hint("a node is verified as EXECUTION/NODE"),
        None => Error::not_ready(format!("{name} has not started: {}", run.status.message)),
    })
}

fn send(
    writer: &RecordWriter<'_>,
    run: ObservedRun<'_>,
    (verified, commit): (&CriterionVerified, &str),
    results: &[CriterionResult],
) -> Result<String> {
    let criterion = &verified.criterion;
    let action = fitting(writer, run, results, &|results| Action::Attestation {
        criterion: criterion.clone(),
        met: verified.met,
        evidence: String::new(),
        commit: Some(commit.to_owned()),
        results,
    })?;
    attest::send(writer, run, criterion, action)
}
