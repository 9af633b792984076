//! What happens outside: External nodes, and tasks that the repository itself does.

use std::collections::BTreeMap;

use super::active_run::ActiveRun;
use crate::core::resource::{
    AWAITING_EXTERNAL, AWAITING_REPOSITORY, CapabilityPhase, CriterionKind, CriterionResult,
    ExecutionPhase, ExternalRef, GatePhase, GoalPhase, Key, Node, NodeKind, PlanPhase, Status,
    TargetRef, Verification,
};
use crate::core::run::machine::NodeEvent;
use crate::core::run::status::StatusFile;

/// Scheme of the provider that is the repository itself.
pub const REPOSITORY: &str = "repo://";

/// How far something is that is followed.
enum Course {
    Open(String),
    Good(String),
    Bad(String),
}

/// Which resource an External follows.
pub(super) fn followed(node: &Node, namespace: &str) -> Option<Key> {
    match &node.external_ref {
        Some(ExternalRef::Resource { resource_ref }) => Some(target_key(resource_ref, namespace)),
        _ => None,
    }
}

fn target_key(target: &TargetRef, namespace: &str) -> Key {
    let namespace = target.namespace.as_deref().unwrap_or(namespace);
    Key::new(target.kind, namespace, &target.name)
}

impl ActiveRun<'_> {
    /// It is an External's turn: look at what it follows, or wait for a report.
    pub fn advance_external(&mut self, node: &Node) {
        let Some(external) = &node.external_ref else {
            return;
        };
        let id = &node.id;
        let course = match external {
            ExternalRef::Resource { resource_ref } => {
                let key = target_key(resource_ref, &self.pinned.plan.namespace);
                course_of(self.turn.others, resource_ref, &key)
            }
            ExternalRef::Uri { uri } => Course::Open(format!("waits for {uri}")),
            ExternalRef::Webhook { webhook_url } => {
                Course::Open(format!("waits for {webhook_url}"))
            }
        };
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.attempt = status.attempt.max(1);
        }
        self.skip_spoiled_attempts(id);
        match course {
            Course::Good(message) => self.move_node(id, NodeEvent::Succeed, "Followed", message),
            Course::Bad(message) => self.move_node(id, NodeEvent::Fail, "FollowedFailed", message),
            Course::Open(message) => {
                self.block(id, AWAITING_EXTERNAL, message);
                if self.wait_due(id).is_some_and(|due| due <= self.now()) {
                    let why = "it did not happen in time".to_owned();
                    self.move_node(id, NodeEvent::Fail, "TimedOut", why);
                }
            }
        }
    }

    /// It is the turn of a task that the repository does: it is done as soon as the spec branch
    /// holds what its criteria ask for.
    pub fn advance_in_repository(&mut self, node: &Node, provider: &str) {
        let id = &node.id;
        let only_files = |criteria: &[_]| -> bool {
            let mut kinds = criteria
                .iter()
                .map(|c: &crate::core::resource::TaskCriterion| c.kind);
            !criteria.is_empty() && kinds.all(|kind| kind == CriterionKind::ArtifactExists)
        };
        if !only_files(&node.acceptance_criteria) {
            let why = format!(
                "{provider} does what can be seen in the repository: give the task acceptance \
                 criteria of type artifact_exists, and no others"
            );
            return self.block(id, "NotCheckable", why);
        }
        if !node.outputs.is_empty() {
            let why = format!("{provider} reports nothing: take away the declared outputs");
            return self.block(id, "OutputsMissing", why);
        }
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.attempt = status.attempt.max(1);
        }
        let commit = self.turn.world.commit;
        let short = commit.get(..10).unwrap_or(commit);
        let results: Vec<CriterionResult> = node
            .acceptance_criteria
            .iter()
            .map(|criterion| {
                let path = criterion.path.as_deref().unwrap_or_default();
                let content = criterion.content_match.as_deref();
                let holds = (self.turn.world.artifact)(path, content);
                CriterionResult {
                    name: criterion.name.clone(),
                    holds,
                    ran: format!("{path} at {short}"),
                    code: None,
                    duration_ms: 0,
                    excerpt: String::new(),
                }
            })
            .collect();
        let required = node.acceptance_criteria.iter().map(|c| c.required);
        let missing = results
            .iter()
            .zip(required)
            .find(|(result, required)| *required && !result.holds);
        if let Some((missing, _)) = missing {
            let why = format!(
                "waits for the repository: {} ({})",
                missing.name, missing.ran
            );
            return self.block(id, AWAITING_REPOSITORY, why);
        }
        let verification = Verification {
            actor: provider.to_owned(),
            record: commit.to_owned(),
            timestamp: self.now(),
            results,
        };
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.verification = Some(verification);
        }
        let why = format!("the repository holds it at {short}");
        self.move_node(id, NodeEvent::Succeed, "Held", why);
    }

    /// The resources that unfinished Externals follow.
    pub fn follows(&self) -> Vec<Key> {
        if self.status.phase.is_terminal() {
            return Vec::new();
        }
        let nodes = self.spec.nodes.iter();
        nodes
            .filter(|node| node.kind == NodeKind::External)
            .filter(|node| !self.status_of(&node.id).phase.is_terminal())
            .filter_map(|node| followed(node, &self.pinned.plan.namespace))
            .collect()
    }
}

/// How far a resource is.
fn course_of(files: &BTreeMap<Key, StatusFile>, target: &TargetRef, key: &Key) -> Course {
    let Some(file) = files.get(key) else {
        return Course::Open(format!("{key} does not exist yet"));
    };
    if let Some(wanted) = target.uid.as_ref().filter(|wanted| **wanted != file.uid) {
        return Course::Bad(format!("{key} has uid {}, {wanted} is followed", file.uid));
    }
    let phase = file.status.phase();
    let message = format!("{key} is {phase}");
    let (good, bad) = match &file.status {
        Status::Execution(run) => (
            run.phase == ExecutionPhase::Succeeded,
            run.phase.is_terminal(),
        ),
        Status::Goal(goal) => (
            goal.phase == GoalPhase::Succeeded,
            matches!(goal.phase, GoalPhase::Failed | GoalPhase::Cancelled),
        ),
        Status::Gate(gate) => (
            gate.phase == GatePhase::Approved,
            gate.phase == GatePhase::Rejected,
        ),
        Status::Plan(plan) => (plan.phase == PlanPhase::Ready, false),
        Status::Capability(capability) => (capability.phase == CapabilityPhase::Available, false),
        Status::Binding(binding) => (
            binding.phase == crate::core::resource::BindingPhase::Ready,
            false,
        ),
    };
    match (good, bad) {
        (true, _) => Course::Good(message),
        (false, true) => Course::Bad(message),
        (false, false) => Course::Open(message),
    }
}
