//! Asks the core whether an action is allowed, before its record is sent, and turns refusals into
//! errors for the user.

use std::rc::Rc;

use super::runs::{Observed, ObservedNode, ObservedRun, provider_of};
use super::{Error, ErrorKind, Result};
use crate::core::repository::config::{actor_of, is_person};
use crate::core::repository::definitions::Definitions;
use crate::core::resource::{AWAITING_APPROVAL, Key, NodeKind, NodePhase, NodeStatus};
use crate::core::run::permit::{self, Objection, Occupied, Refusal};
use crate::core::run::pinned::PinnedPlan;
use crate::core::run::proposal;
use crate::core::run::record::Action;

/// The command with which an actor claims a node. A program must name its actor.
pub fn claim_as(run: &Key, node: &str, actor: &str) -> String {
    proposal::claim(run, node, (!is_person(actor)).then_some(actor))
}

/// The error for a node that is claimed, if the ref of its claim is gone: somebody deleted it, or restored a backup without
/// the inbox. The claim is kept as evidence, so it can be put back.
pub fn lost_claim(observed: &Observed, node: ObservedNode<'_>) -> Option<Error> {
    let claim = node.status.extensions.claim.as_ref()?;
    let address = node.address();
    let run = &node.run.status.extensions;
    let last = run.records.get(&address.to_string())?;
    if observed.tip(&address).is_some() {
        return None;
    }
    let name = address.ref_name();
    let put_back = match &observed.view.config.status.remote {
        Some(remote) => format!("put it back: `git push {remote} {last}:{name}`"),
        None => format!("put it back: make {name} point to {last}, beside the status branch"),
    };
    let why = format!(
        "{} is claimed by {}, but the ref of the claim is gone",
        node.name(),
        claim.actor
    );
    Some(Error::conflict(why).hint(put_back))
}

/// A run, with facts besides its status.
pub struct Asked<'a> {
    observed: &'a Observed,
    run: ObservedRun<'a>,
    plan: Option<Rc<PinnedPlan>>,
    /// Goals and capabilities of the spec branch, where they matter.
    pub resources: Option<&'a Definitions>,
    /// The holder of the attempt according to its ref: the status may not know it yet.
    pub holder: Option<permit::Holder<'a>>,
    /// Digest of the session of the actor.
    pub session: Option<&'a str>,
    /// The key of the actor, if known.
    pub key: Option<&'a str>,
    /// Held nodes of other runs with the paths that they touch, if needed.
    pub elsewhere: Vec<Occupied>,
}

impl<'a> Asked<'a> {
    /// An observed run without a holder.
    pub fn new(observed: &'a Observed, run: ObservedRun<'a>) -> Asked<'a> {
        let plan = super::runs::pinned_plan(&observed.stored, run.status);
        Asked::of_plan(observed, run, plan.map(Rc::new))
    }

    /// The same, by whoever asks about many nodes and has read the plan.
    pub fn of_plan(
        observed: &'a Observed,
        run: ObservedRun<'a>,
        plan: Option<Rc<PinnedPlan>>,
    ) -> Asked<'a> {
        Asked {
            observed,
            run,
            plan,
            resources: None,
            holder: None,
            session: None,
            key: None,
            elsewhere: Vec::new(),
        }
    }

    /// The pinned plan.
    pub fn plan(&self) -> Option<&PinnedPlan> {
        self.plan.as_deref()
    }

    /// The same in the form of the core.
    pub fn permit(&self) -> permit::Circumstances<'_> {
        permit::Circumstances {
            config: &self.observed.view.config,
            status: self.run.status,
            plan: self.plan.as_deref(),
            resources: self.resources,
            commit: &self.observed.view.spec_commit,
            holder: self.holder,
            session: self.session,
            key: self.key,
            elsewhere: &self.elsewhere,
        }
    }

    /// Checks that `actor` may take an action.
    ///
    /// # Errors
    /// The refusal, with a hint.
    pub fn may(&self, action: &Action, actor: &str) -> Result {
        self.ask(action, actor).map_err(|(_, error)| error)
    }

    /// The same, also with the refusal of the core.
    ///
    /// # Errors
    /// The refusal, with a hint.
    pub fn ask(&self, action: &Action, actor: &str) -> std::result::Result<(), (Refusal, Error)> {
        permit::may(action, actor, &self.permit()).map_err(|refusal| {
            let node = action.node();
            let is_unclaimed = matches!(refusal.reason, "NotReady" | "NotClaimed");
            let node_that_is_none = node.filter(|_| is_unclaimed);
            if let Some(error) = node_that_is_none.and_then(|node| self.not_a_task(node)) {
                return (refusal, error);
            }
            let unclaimed = node.filter(|_| refusal.reason == "NotClaimed");
            let node_at = unclaimed.and_then(|id| self.run.node(id));
            if let Some(error) = node_at.and_then(|node| lost_claim(self.observed, node)) {
                return (refusal, error);
            }
            let error = self.error(&refusal);
            let hint = node.and_then(|node| self.hint_at(refusal.reason, action, (node, actor)));
            (refusal, error.maybe_hint(hint))
        })
    }

    /// The error for a node that is never claimed.
    pub fn not_a_task(&self, id: &str) -> Option<Error> {
        let graph = self.plan.as_ref()?.graph()?;
        let node = graph.nodes.iter().find(|node| node.id == id)?;
        let statuses = &self.run.status.node_statuses;
        let (name, namespace) = (&self.run.key.name, &self.run.key.namespace);
        let whole = format!("{}/{id}", self.run.key.qualified());
        match node.kind {
            NodeKind::Gate => {
                let status = statuses.get(id)?;
                let why = format!(
                    "{whole} is a gate and cannot be claimed: {}",
                    status.standing()
                );
                let hint = match status.extensions.reason.as_str() {
                    AWAITING_APPROVAL => {
                        format!(
                            "people decide it, and agents leave it to them: `planspec describe execution \
                             {name} -n {namespace}` names them"
                        )
                    }
                    _ => format!(
                        "to see what it waits for, run `planspec describe execution {name} -n {namespace}`"
                    ),
                };
                Some(Error::not_ready(why).hint(hint))
            }
            NodeKind::Group => {
                let children = node.children.iter().filter_map(|child| statuses.get(child));
                let over = children.filter(|child| child.phase.is_terminal()).count();
                let why = format!(
                    "{whole} is a group and cannot be claimed; {over} of {} children have finished",
                    node.children.len()
                );
                let ready = node
                    .children
                    .iter()
                    .find(|child| statuses.get(*child).is_some_and(NodeStatus::is_claimable));
                let hint = match ready {
                    Some(child) => format!(
                        "claim a child that is ready: `planspec claim {name}/{child} -n {namespace}`"
                    ),
                    None => format!(
                        "to see its children, run `planspec describe execution {name} -n {namespace}`"
                    ),
                };
                Some(Error::not_ready(why).hint(hint))
            }
            NodeKind::Task | NodeKind::External => None,
        }
    }

    /// A refusal of the core as an error for the user.
    pub fn error(&self, refusal: &Refusal) -> Error {
        let kind = match refusal.kind {
            Objection::NotFound => ErrorKind::NotFound,
            Objection::Invalid => ErrorKind::Invalid,
            Objection::NotReady | Objection::Late => ErrorKind::NotReady,
            Objection::Forbidden => ErrorKind::Forbidden,
            Objection::Taken => ErrorKind::Taken,
            Objection::Conflict => ErrorKind::Conflict,
        };
        let name = self.run.key.qualified();
        let status = self.run.status;
        let message = match refusal.reason {
            "NotStarted" => format!("{name} has not started: {}", status.message),
            "RunOver" => format!("{name} is already {}", status.phase),
            _ => format!("{name}: {}", refusal.message),
        };
        Error::new(kind, message).maybe_hint(self.hint(refusal.reason))
    }

    /// The hint for a refusal at a node.
    fn hint_at(
        &self,
        reason: &str,
        action: &Action,
        (node, actor): (&str, &str),
    ) -> Option<String> {
        let (name, namespace) = (&self.run.key.name, &self.run.key.namespace);
        let claim = || claim_as(self.run.key, node, actor);
        match reason {
            "NotClaimed" => {
                let status = self.run.status.node_statuses.get(node)?;
                Some(if status.is_claimable() {
                    format!("claim it first: `{}`", claim())
                } else {
                    format!("it cannot be claimed yet: {}", status.message)
                })
            }
            "LeaseEnded" => Some(self.after_the_lease(action, node, &claim())),
            "NotBound" => {
                let status = self.run.status.node_statuses.get(node)?;
                let who = provider_of(status).and_then(actor_of)?;
                let claim = proposal::claim(self.run.key, node, Some(&who));
                Some(format!(
                    "with `workers: strict`, only the bound actor can claim it: `{claim}`"
                ))
            }
            "OtherSession" | "OtherClaim" => {
                let claim = self.holder?.claim;
                Some(format!(
                    "continue in the session that claimed it, or act for its claim: add `--claim {claim}`"
                ))
            }
            "NotFailed" => {
                let status = self.run.status.node_statuses.get(node)?;
                (status.phase == NodePhase::Succeeded).then(|| {
                    format!(
                        "to repeat it and the nodes that depend on it, run `planspec retry {name}/{node} -n {namespace} --again`"
                    )
                })
            }
            _ => None,
        }
    }

    /// The hint after an expired lease: the report would have counted only in the session that held it.
    fn after_the_lease(&self, action: &Action, node: &str, claim: &str) -> String {
        let statuses = &self.run.status.node_statuses;
        let lapsed = statuses
            .get(node)
            .and_then(|node| node.extensions.lapsed.as_ref());
        match (action, lapsed) {
            (Action::Report { .. }, Some(lapsed)) => format!(
                "to report for the session that held it, add `--claim {}`; otherwise claim it again: `{claim}`",
                lapsed.record
            ),
            (Action::Release { .. }, _) => format!(
                "there is nothing to give back; if it is done, report it, otherwise claim it again: `{claim}`"
            ),
            _ => format!("if it is done, report it, otherwise claim it again: `{claim}`"),
        }
    }

    fn hint(&self, reason: &str) -> Option<String> {
        let (name, namespace) = (&self.run.key.name, &self.run.key.namespace);
        let hint = match reason {
            "Claimed" | "NotAPerson" | "NotReady" => {
                "`planspec next` shows what can be claimed".to_owned()
            }
            "Overlaps" => {
                "`planspec next` shows what can be claimed meanwhile; `planspec reconcile` applies \
                           what has finished"
                    .to_owned()
            }
            "NotBound" => "with `workers: strict`, claim as the bound actor with `--as`".to_owned(),
            "NotAReviewer" => {
                "`user:` and `team:` are explained in .planspec.yaml on the spec branch".to_owned()
            }
            "SelfApproval" => {
                "`approvals.preventSelfApproval` is on; authors may reject and comment".to_owned()
            }
            "NotIndependent" => "the configuration says `verification: independent`".to_owned(),
            "ChecksDecide" => format!("run them with `planspec verify {name} -n {namespace}`"),
            "NotStarted" => "it starts automatically when it can".to_owned(),
            "WrongActor" => "`planspec next` shows what is left".to_owned(),
            "AtWork" => format!(
                "to see who holds it, run `planspec describe execution {name} -n {namespace}`; a \
                 lease that is not renewed expires"
            ),
            "RunOver" if self.run.status.phase.can_be_retried() => {
                format!("to retry failed nodes, run `planspec retry {name} -n {namespace}`")
            }
            "RunOver" | "RunCancelled" => {
                let pinned = self.run.status.extensions.pinned.as_ref();
                let plan = &pinned?.plan;
                let (name, namespace) = (&plan.name, &plan.namespace);
                format!("to run the plan again, run `planspec start {name} -n {namespace}`")
            }
            _ => return None,
        };
        Some(hint)
    }
}
