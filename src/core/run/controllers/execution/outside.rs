//! External nodes, and tasks of the repository itself.

use std::collections::BTreeMap;

use super::active_run::ActiveRun;
use crate::core::base::digest::short;
use crate::core::base::secrets::masked;
use crate::core::plan::pattern::Pattern;
use crate::core::resource::{
    AWAITING_EXTERNAL, AWAITING_REPOSITORY, BindingPhase, CapabilityPhase, CriterionKind,
    CriterionResult, ExecutionPhase, ExternalRef, GatePhase, GoalPhase, Key, Node, NodeKind,
    PlanPhase, Status, TargetRef, TaskCriterion, Verification,
};
use crate::core::run::archive::Tombstone;
use crate::core::run::machine::NodeEvent;
use crate::core::run::status::StatusFile;

/// The scheme of the provider for the repository itself.
pub const REPOSITORY: &str = "repo://";

/// The state of a followed resource.
enum Course {
    Open(String),
    Good(String),
    Bad(String),
}

/// The resource that an External follows.
pub(super) fn followed(node: &Node, namespace: &str) -> Option<Key> {
    match &node.external_ref {
        Some(ExternalRef::Resource { resource_ref }) => Some(resource_ref.key(namespace)),
        _ => None,
    }
}

impl ActiveRun<'_> {
    /// Updates an External whose turn has come: by the followed resource, or by a report.
    pub fn advance_external(&mut self, node: &Node) {
        let Some(external) = &node.external_ref else {
            return;
        };
        let id = &node.id;
        let course = match external {
            ExternalRef::Resource { resource_ref } => {
                let key = resource_ref.key(&self.pinned.plan.namespace);
                let archived = self.turn.world.archived.of(&key);
                course_of((self.turn.others, archived), resource_ref, &key)
            }
            ExternalRef::Uri { uri } => Course::Open(format!("waits for {}", masked(uri))),
            ExternalRef::Webhook { webhook_url } => {
                Course::Open(format!("waits for {}", masked(webhook_url)))
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
                if self.wait_due(id).is_some_and(|due| self.has_come(due)) {
                    let why = "it did not happen in time".to_owned();
                    self.move_node(id, NodeEvent::Fail, "TimedOut", why);
                }
            }
        }
    }

    /// Updates a task of the repository whose turn has come: it succeeds when the spec branch
    /// meets its criteria.
    pub fn advance_in_repository(&mut self, node: &Node, provider: &str) {
        let id = &node.id;
        let criteria = &node.acceptance_criteria;
        let mut kinds = criteria.iter().map(|criterion| criterion.kind);
        if criteria.is_empty() || kinds.any(|kind| kind != CriterionKind::ArtifactExists) {
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
        let patterns = criteria.iter().flat_map(TaskCriterion::patterns);
        if let Some((_, bad)) = patterns
            .into_iter()
            .find(|(_, one)| Pattern::new(one).is_err())
        {
            let why = format!("`{bad}` in its criteria is no regular expression");
            return self.block(id, "NotCheckable", why);
        }
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.attempt = status.attempt.max(1);
        }
        let results = self.found_in_repository(criteria);
        let missing = criteria.iter().zip(&results);
        let missing = missing.filter(|(criterion, result)| criterion.required && !result.holds);
        if let Some((_, missing)) = missing.into_iter().next() {
            let why = format!(
                "waits for the repository: {} ({})",
                missing.name, missing.ran
            );
            return self.block(id, AWAITING_REPOSITORY, why);
        }
        let commit = self.turn.world.commit;
        let verification = Verification {
            actor: provider.to_owned(),
            record: commit.to_owned(),
            timestamp: self.now(),
            results,
            signed: None,
        };
        if let Some(status) = self.status.node_statuses.get_mut(id) {
            status.extensions.verification = Some(verification);
        }
        let why = format!("the repository holds it at {}", short(commit));
        self.move_node(id, NodeEvent::Succeed, "Held", why);
    }

    /// The results of the criteria on the spec branch.
    fn found_in_repository(&self, criteria: &[TaskCriterion]) -> Vec<CriterionResult> {
        let commit = short(self.turn.world.commit);
        let result = |criterion: &TaskCriterion| {
            let path = criterion.path.as_deref().unwrap_or_default();
            let content = criterion.content_match.as_deref();
            CriterionResult {
                name: criterion.name.clone(),
                holds: (self.turn.world.artifact)(path, content),
                ran: format!("{path} at {commit}"),
                code: None,
                duration_ms: 0,
                excerpt: String::new(),
            }
        };
        criteria.iter().map(result).collect()
    }

    /// The resources that open Externals follow.
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

/// The state of a resource.
fn course_of(
    (files, archived): (&BTreeMap<Key, StatusFile>, Option<&Tombstone>),
    target: &TargetRef,
    key: &Key,
) -> Course {
    let is_wanted = |uid: &str| match &target.uid {
        Some(wanted) if wanted != uid => Err(Course::Bad(format!(
            "{key} has uid {uid}, the reference wants {wanted}"
        ))),
        _ => Ok(()),
    };
    let Some(file) = files.get(key) else {
        let Some(archived) = archived else {
            return Course::Open(format!("{key} does not exist yet"));
        };
        let phase = archived.phase;
        return match is_wanted(&archived.uid) {
            Err(course) => course,
            Ok(()) if phase == ExecutionPhase::Succeeded => {
                Course::Good(format!("{key} is {phase}"))
            }
            Ok(()) => Course::Bad(format!("{key} is {phase}")),
        };
    };
    if let Err(course) = is_wanted(&file.uid) {
        return course;
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
        Status::Binding(binding) => (binding.phase == BindingPhase::Ready, false),
    };
    match (good, bad) {
        (true, _) => Course::Good(message),
        (false, true) => Course::Bad(message),
        (false, false) => Course::Open(message),
    }
}
