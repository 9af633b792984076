//! Generates resources from a document: a Goal, a Plan and its Gates (docs/spec/documents.md).

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::model::*;
use super::name::{Alphabet, Naming, name_of, plain_name};
use super::scope;
use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::words::ends_with;
use crate::core::resource::schema::{self, SchemaKind};
use crate::core::resource::{
    API_VERSION, ContextFormat, ContextItem, Contract, ContractCriterion, CriterionOf, Edge,
    Effort, GateSpec, GateTarget, GateType, GoalCriterion, GoalSpec, GraphSpec, HUMAN, Key, Kind,
    Node, NodeKind, ObjectRef, OnBroken, OnQuestion, PlanSpec, Resource, RevisionApproval, Spec,
    StepName, TargetKind,
};
use crate::path;

/// The endings of files with documents.
const ENDINGS: [&str; 3] = [".planspec.yaml", ".planspec.yml", ".planspec.json"];

/// The extension of a document, a step or a node for this program.
pub(super) const EXTENSION: &str = "x-planspec";
/// Fields of a step's extension that nodes have in theirs; the others are fields of the node itself.
pub(super) const OF_EXTENSION: [&str; 2] = ["always", "touches"];

/// Whether a value is a PlanSpec 1.2 document. Resources may be in any file.
pub fn is_document(file: &str, value: &Value) -> bool {
    let named = ENDINGS.iter().any(|ending| ends_with(file, ending));
    let has = |field| value.get(field).is_some();
    !has("kind") && (named || (has("identity") && has("intent")))
}

/// Whether the name of a file is that of a document.
pub fn is_called_document(file: &str) -> bool {
    ENDINGS.iter().any(|ending| file.ends_with(ending))
}

/// The key of a document's Plan: from its extension, else from the name of the file, in
/// `namespace`. `None` if the given name is not valid.
pub(crate) fn key(file: &str, value: &Value, namespace: &str) -> Option<Key> {
    let own = |field: &str| match value.get("x-planspec").and_then(|own| own.get(field)) {
        None => Ok(None),
        Some(Value::String(name)) if Naming::Now.name_of(name, Alphabet::Name) == *name => {
            Ok(Some(name))
        }
        Some(_) => Err(()),
    };
    let name = match own("name").ok()? {
        Some(name) => name.clone(),
        None => {
            let revision = value.pointer("/identity/revision").and_then(Value::as_u64);
            // Executions and statuses refer to it, so the former rule is kept.
            Naming::Former.name_of(without_revision(stem(file), revision), Alphabet::Name)
        }
    };
    let namespace = own("namespace").ok()?.map_or(namespace, String::as_str);
    Some(Key::new(Kind::Plan, namespace, name))
}

/// A better name for the plan than `name`, which comes from the name of its file and is unreadable: transliterated and
/// without a hash. `None` if it is readable, or given in the document.
pub(crate) fn readable_name(file: &str, revision: Option<u64>, name: &str) -> Option<String> {
    let stem = without_revision(stem(file), revision);
    let former = Naming::Former.name_of(stem, Alphabet::Name);
    let is_unreadable = name == former && former != name_of(stem, Alphabet::Name);
    plain_name(stem).filter(|_| is_unreadable)
}

/// The name of the plan of a file with this stem, without a name in the document: what users of the files type.
#[cfg(feature = "service")]
pub(crate) fn name_of_stem(stem: &str) -> String {
    Naming::Former.name_of(stem, Alphabet::Name)
}

/// The common name of revisions in separate files, given the stem of one of them: `checkout` of
/// `checkout-v3`.
#[cfg(feature = "service")]
pub(crate) fn name_of_revisions(stem: &str) -> Option<&str> {
    let digits = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let revision = stem.get(digits.len()..)?.parse().ok();
    Some(without_revision(stem, revision)).filter(|name| *name != stem)
}

/// The name of a plan with revisions in separate files: `checkout` of `checkout-v3`, for revision 3.
fn without_revision(stem: &str, revision: Option<u64>) -> &str {
    let Some(revision) = revision else {
        return stem;
    };
    let name = stem.strip_suffix(&revision.to_string());
    let name = name.and_then(|name| name.strip_suffix(['v', 'V'])?.strip_suffix(['-', '.', '_']));
    name.filter(|name| !name.is_empty()).unwrap_or(stem)
}

/// The name of a file without folder and ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    let known = ENDINGS.iter().chain(&[".yaml", ".yml", ".json"]);
    known
        .filter(|ending| ends_with(name, ending))
        .filter_map(|ending| name.get(..name.len() - ending.len()))
        .next()
        .unwrap_or(name)
}

/// The generated resources of a document: the Goal, the Plan, then the Gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The resources.
    pub resources: Vec<Resource>,
    /// Their places in the document.
    pub origin: Origin,
}

/// Maps places in generated resources to places in their document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The step of each node of the plan.
    steps: Vec<usize>,
}

impl Origin {
    /// The place in the document for an entry of a resource.
    pub fn path(&self, kind: Kind, path: &[PathStep]) -> Vec<PathStep> {
        let keys: Vec<&str> = path
            .iter()
            .map_while(|step| match step {
                PathStep::Key(key) => Some(key.as_str()),
                PathStep::Index(_) => None,
            })
            .collect();
        let index = match path.get(keys.len()) {
            Some(PathStep::Index(index)) => Some(*index),
            _ => None,
        };
        let rest = path.get(keys.len() + 1..).unwrap_or_default();
        match (kind, keys.as_slice(), index) {
            (_, ["metadata", ..], _) => path!["x-planspec", "name"],
            (Kind::Plan, ["spec", "graph", "nodes"], Some(node)) => {
                let Some(step) = self.steps.get(node) else {
                    return path!["approach", "steps"];
                };
                let step = path!["approach", "steps", *step];
                match rest {
                    [] => step,
                    [PathStep::Key(field), rest @ ..] if field == "dependsOn" => {
                        [&step, &path!["dependencies"][..], rest].concat()
                    }
                    [PathStep::Key(field), ..] if field == "x-planspec" => [&step, rest].concat(),
                    rest => [&step, &path!["x-planspec"][..], rest].concat(),
                }
            }
            (Kind::Plan, ["spec", "graph", "edges"], _) => {
                let rest = path.get(3..).unwrap_or_default();
                [&path!["x-planspec", "edges"][..], rest].concat()
            }
            (Kind::Plan, ["spec", "graph", ..], _) => path!["approach", "steps"],
            (Kind::Plan, ["spec", "series"], _) => path!["x-planspec", "series"],
            (Kind::Plan, ["spec", "version"], _) => path!["identity", "revision"],
            (Kind::Goal, ["spec", "acceptanceCriteria"], Some(index)) => {
                path!["success_criteria", index]
            }
            (Kind::Goal, ..) => path!["intent", "goal_statement"],
            (Kind::Gate, ..) => path!["delegation"],
            _ => path!["approach"],
        }
    }
}

/// The resources that a valid document generates under a key; or findings if extensions of steps are invalid.
pub(crate) fn generate(
    found: &Finder<'_>,
    content: &Content,
    (key, approval): (&Key, RevisionApproval),
    findings: &mut Vec<Diagnostic>,
) -> Option<Generated> {
    generate_by(Naming::Now, found, content, (key, approval), findings)
}

/// The same with a given rule for names.
pub(crate) fn generate_by(
    naming: Naming,
    found: &Finder<'_>,
    content: &Content,
    (key, approval): (&Key, RevisionApproval),
    findings: &mut Vec<Diagnostic>,
) -> Option<Generated> {
    let before = findings.len();
    let mut nodes = Nodes::new(naming, content, key);
    nodes.add_steps(content);
    nodes.merge_extensions(found, content, findings);
    if is_asked(content, approval) {
        nodes.ask_first(content);
    }
    nodes.check_ids(found, findings);
    if findings.len() > before {
        return None;
    }
    let edges = nodes.edges(content);
    let plan = plan_spec(
        content,
        key,
        GraphSpec {
            nodes: nodes.nodes,
            edges,
        },
    );
    let mut resources = vec![
        Resource::new(key, Spec::Goal(goal_spec(content))),
        Resource::new(key, Spec::Plan(plan)),
    ];
    resources.extend(nodes.gates.into_iter().map(|(name, gate)| {
        let key = Key::new(Kind::Gate, &key.namespace, name);
        Resource::new(&key, Spec::Gate(gate))
    }));
    let origin = Origin { steps: nodes.steps };
    Some(Generated { resources, origin })
}

/// Whether a person must approve a revision before it runs. A revision without a change type counts as more than a
/// patch.
fn is_asked(content: &Content, approval: RevisionApproval) -> bool {
    let entry = entry_of(content).map(|entry| entry.change_type);
    match approval {
        RevisionApproval::Merge | RevisionApproval::Either => false,
        RevisionApproval::Human => entry != Some(ChangeType::Patch),
        RevisionApproval::Hybrid => !matches!(entry, Some(ChangeType::Patch | ChangeType::Minor)),
    }
}

/// The entry of the history about the present revision.
fn entry_of(content: &Content) -> Option<&Revision> {
    let revision = content.identity.revision;
    let mut entries = content.revision_history.iter().rev();
    entries.find(|entry| entry.revision == revision)
}

/// A generated resource in the form of a file.
pub(crate) fn manifest_of(resource: &Resource) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": resource.spec.kind(),
        "metadata": resource.metadata,
        "spec": resource.raw_spec,
    })
}

fn goal_spec(content: &Content) -> GoalSpec {
    let criteria = content.success_criteria.iter();
    let intent = &content.intent;
    let context = [
        ("motivation", Some(&intent.motivation)),
        ("success_definition", Some(&intent.success_definition)),
        ("scope_context", intent.scope_context.as_ref()),
    ];
    GoalSpec {
        description: intent.goal_statement.clone(),
        constraints: Default::default(),
        acceptance_criteria: criteria
            .map(|criterion| GoalCriterion {
                // Secondary criteria decide nothing.
                id: (criterion.weight == Weight::Primary)
                    .then(|| criterion_name(&criterion.criterion_id)),
                description: criterion.description.clone(),
            })
            .collect(),
        plan_selector: None,
        timeout: None,
        priority: 0,
        context: texts(context),
    }
}

/// The Plan, with the context for workers and for an approval of the plan.
fn plan_spec(content: &Content, key: &Key, graph: GraphSpec) -> PlanSpec {
    let extension = content.planspec.clone().unwrap_or_default();
    let checks = (!extension.checks.is_empty()).then_some(&extension.checks);
    let mut context = texts([("rationale", Some(&content.approach.rationale))]);
    let sections = [
        ("scope", serde_json::to_value(&content.scope)),
        ("constraints", serde_json::to_value(&content.constraints)),
        (
            "success_criteria",
            serde_json::to_value(&content.success_criteria),
        ),
        ("checks", serde_json::to_value(checks)),
        (
            "escalation_policy",
            serde_json::to_value(&content.delegation.escalation_policy),
        ),
    ];
    for (name, section) in sections {
        let is_there = |section: &Value| !section.is_null() && *section != json!([]);
        if let Some(section) = section.ok().filter(is_there) {
            context.push(item(name, ContextFormat::Json, section));
        }
    }
    let version = content.identity.revision.to_string();
    PlanSpec {
        description: content.approach.overview.clone(),
        goal_ref: Some(ObjectRef::named(&key.name)),
        version: extension.series.as_ref().map(|_| version),
        series: extension.series,
        supersedes: Vec::new(),
        graph_digest: None,
        context,
        graph,
        contract: contract(content),
    }
}

/// The constraints and criteria of a run: all can be attested, the blocking and primary ones
/// must be.
fn contract(content: &Content) -> Contract {
    let checks = |id: &str| {
        let own = content.planspec.as_ref();
        own.and_then(|own| own.checks.get(id)).cloned()
    };
    let criteria = content.success_criteria.iter();
    let mut all: Vec<ContractCriterion> = criteria
        .map(|one| ContractCriterion {
            id: criterion_name(&one.criterion_id),
            description: one.description.clone(),
            kind: CriterionOf::SuccessCriterion,
            required: one.weight == Weight::Primary,
            manual: one.verification == Verification::Manual,
            checks: checks(&one.criterion_id).unwrap_or_default(),
        })
        .collect();
    let taken: HashSet<String> = all.iter().map(|one| one.id.clone()).collect();
    let constraints = content.constraints.iter();
    all.extend(constraints.map(|one| {
        let id = criterion_name(&one.constraint_id);
        ContractCriterion {
            id: if taken.contains(&id) {
                criterion_name(&format!("constraint-{id}"))
            } else {
                id
            },
            description: one.description.clone(),
            kind: CriterionOf::Constraint,
            required: one.blocking,
            manual: false,
            checks: Vec::new(),
        }
    }));
    let observable = content.success_criteria.iter();
    let observable = observable
        .filter(|one| one.verification == Verification::Observable)
        .map(|one| name_of(&one.criterion_id, Alphabet::Name))
        .collect();
    let policy = content.delegation.escalation_policy.as_ref();
    let on_unexpected_scope = policy.and_then(|policy| policy.on_unexpected_scope);
    Contract {
        criteria: all,
        on_violation: policy
            .and_then(|policy| policy.on_constraint_violation)
            .map_or(OnBroken::Pause, on_broken),
        on_question: match policy.and_then(|policy| policy.on_ambiguity) {
            Some(OnAmbiguity::Fail) => OnQuestion::Fail,
            Some(OnAmbiguity::Guess) => OnQuestion::GoOn,
            Some(OnAmbiguity::Pause) | None => OnQuestion::Pause,
        },
        observable,
        on_unexpected_scope: on_unexpected_scope.map(on_broken),
        scope: match on_unexpected_scope {
            Some(_) => scope::about_files(&content.scope),
            None => Default::default(),
        },
    }
}

fn on_broken(word: OnViolation) -> OnBroken {
    match word {
        OnViolation::Fail => OnBroken::Fail,
        OnViolation::Notify => OnBroken::Notify,
        OnViolation::Pause => OnBroken::Pause,
    }
}

fn item(name: &str, format: ContextFormat, content: Value) -> ContextItem {
    ContextItem {
        name: Some(name.to_owned()),
        format,
        content: Some(content),
        uris: Vec::new(),
    }
}

fn texts<'a>(texts: impl IntoIterator<Item = (&'a str, Option<&'a String>)>) -> Vec<ContextItem> {
    texts
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(name, text)| item(name, ContextFormat::Text, Value::from(text.as_str())))
        .collect()
}

/// The nodes of a plan as they are made.
struct Nodes<'a> {
    naming: Naming,
    key: &'a Key,
    modes: Vec<Mode>,
    /// The id of the node of each step.
    ids: HashMap<&'a str, String>,
    nodes: Vec<Node>,
    /// The step of each node, in the order of the nodes.
    steps: Vec<usize>,
    gates: Vec<(String, GateSpec)>,
}

impl<'a> Nodes<'a> {
    fn new(naming: Naming, content: &'a Content, key: &'a Key) -> Nodes<'a> {
        let steps = content.approach.steps.iter();
        Nodes {
            naming,
            key,
            modes: content.modes(),
            ids: steps
                .map(|step| {
                    let id = naming.name_of(&step.step_id, Alphabet::NodeId);
                    (step.step_id.as_str(), id)
                })
                .collect(),
            nodes: Vec::new(),
            steps: Vec::new(),
            gates: Vec::new(),
        }
    }

    fn add_steps(&mut self, content: &Content) {
        let overrides = content.delegation.step_overrides.iter();
        let reasons: HashMap<&str, &str> = overrides
            .filter_map(|other| Some((other.step_id.as_str(), other.rationale.as_deref()?)))
            .collect();
        for (index, step) in content.approach.steps.iter().enumerate() {
            let mut node = task(step, self.naming);
            let before = step.dependencies.iter();
            node.depends_on = before
                .filter_map(|id| self.ids.get(id.as_str()).cloned())
                .collect();
            if self.modes.get(index) == Some(&Mode::HumanApproval) {
                let reason = reasons.get(step.step_id.as_str()).copied();
                let gate = self.approval(step, &node, reason);
                node.depends_on.push(gate.id.clone());
                self.nodes.push(gate);
                self.steps.push(index);
            }
            self.nodes.push(node);
            self.steps.push(index);
        }
    }

    /// The gate before a step, which is reached when the step could begin.
    fn approval(&mut self, step: &Step, task: &Node, reason: Option<&str>) -> Node {
        let name = format!("{}-approve-{}", self.key.name, task.id);
        let name = self.naming.name_of(&name, Alphabet::Name);
        let id = approval_id(&task.id, self.naming);
        let former = approval_id(&node_id(step, Naming::Former), Naming::Former);
        let gate = self.gate(&id, reason.unwrap_or(&step.description).to_owned());
        self.gates.push((name.clone(), gate));
        Node {
            name: Some(format!("Approve: {}", step.title)),
            depends_on: task.depends_on.clone(),
            gate_ref: Some(ObjectRef::named(name)),
            step: Some(StepName {
                id: step.step_id.clone(),
                is_own: false,
                former: (former != id).then_some(former),
            }),
            id,
            kind: NodeKind::Gate,
            ..Node::default()
        }
    }

    /// Adds a gate before all nodes, at which a person approves the revision.
    fn ask_first(&mut self, content: &Content) {
        let taken: HashSet<&str> = self.nodes.iter().map(|node| node.id.as_str()).collect();
        // A step may have this name; names from free text end in a hash.
        let free = ["approve-revision", "approve the revision"]
            .map(|text| name_of(text, Alphabet::NodeId));
        let id = free.into_iter().find(|id| !taken.contains(id.as_str()));
        let id = id.unwrap_or_default();
        let name = name_of(&format!("{}-{id}", self.key.name), Alphabet::Name);
        let number = content.identity.revision;
        let entry = entry_of(content);
        let description = match entry {
            Some(entry) => {
                let (kind, summary) = (entry.change_type.word(), &entry.change_summary);
                format!("Revision {number} ({kind}): {summary}")
            }
            None => format!("Revision {number}: {}", content.approach.overview),
        };
        let gate = self.gate(&id, description);
        self.gates.insert(0, (name.clone(), gate));
        for node in self
            .nodes
            .iter_mut()
            .filter(|node| node.depends_on.is_empty())
        {
            node.depends_on.push(id.clone());
        }
        let node = Node {
            name: Some(format!("Approve revision {number}")),
            gate_ref: Some(ObjectRef::named(name)),
            id,
            kind: NodeKind::Gate,
            ..Node::default()
        };
        self.nodes.insert(0, node);
        self.steps.insert(0, 0);
    }

    /// A gate of the plan at a node, where any person may decide.
    fn gate(&self, node: &str, description: String) -> GateSpec {
        GateSpec {
            gate_type: GateType::Approval,
            target_ref: GateTarget {
                kind: TargetKind::Resource(Kind::Plan),
                name: self.key.name.clone(),
                namespace: None,
                uid: None,
                node_id: Some(node.to_owned()),
                api_version: None,
            },
            description: Some(description),
            reviewers: Vec::new(),
            required_approvers: 1,
            context: None,
        }
    }

    /// Merges the `x-planspec` of steps into their nodes. The permitted fields are checked by
    /// `rules::extensions`.
    fn merge_extensions(
        &mut self,
        found: &Finder<'_>,
        content: &Content,
        findings: &mut Vec<Diagnostic>,
    ) {
        let merged: Vec<(usize, Value)> = self.merged(content).collect();
        if merged.is_empty() {
            return;
        }
        let nodes: Vec<&Value> = merged.iter().map(|(_, value)| value).collect();
        let plan = json!({
            "apiVersion": API_VERSION,
            "kind": "Plan",
            "metadata": {"name": "a", "namespace": "a"},
            "spec": {"description": "d", "graph": {"nodes": nodes}},
        });
        let before = findings.len();
        for problem in schema::check(SchemaKind::from(Kind::Plan), &plan) {
            let node = match problem.path.get(3) {
                Some(PathStep::Index(index)) => merged.get(*index),
                _ => None,
            };
            let Some((node, _)) = node else { continue };
            let rest = problem.path.get(4..).unwrap_or_default();
            let rest = match rest {
                [PathStep::Key(own), rest @ ..] if own == EXTENSION => rest,
                rest => rest,
            };
            let path = [self.extension_of(*node), rest.to_vec()].concat();
            let finding = found.at(Code::STEP_EXTENSION, path, problem.part, problem.message);
            let help = problem.help.unwrap_or_else(|| {
                "this becomes part of a node; see `planspec schema plan`".to_owned()
            });
            findings.push(finding.label(problem.label).help(help));
        }
        if findings.len() > before {
            return;
        }
        for (index, value) in merged {
            match Node::deserialize(&value) {
                Ok(node) => {
                    let said = &mut self.nodes[index];
                    let (provider, step) = (said.provider.take(), said.step.take());
                    self.nodes[index] = Node {
                        provider,
                        step,
                        ..node
                    };
                }
                // The schema is as strict as the types; this is for cases that no test covers.
                Err(error) => findings.push(found.at(
                    Code::STEP_EXTENSION,
                    self.extension_of(index),
                    Part::Value,
                    error.to_string(),
                )),
            }
        }
    }

    /// The nodes of steps with an extension, after merging it.
    fn merged(&self, content: &Content) -> impl Iterator<Item = (usize, Value)> {
        let nodes = self.nodes.iter().zip(&self.steps).enumerate();
        nodes.filter_map(|(index, (node, step))| {
            let step = content.approach.steps.get(*step)?;
            let fields = step.planspec.as_ref()?;
            // The other node is its approval.
            node.own_step()?;
            // Values from JSON can be written as JSON.
            let mut merged = serde_json::to_value(node).unwrap_or_default();
            for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let node = merged.as_object_mut()?;
                if OF_EXTENSION.contains(&field.as_str()) {
                    let own = node.entry(EXTENSION).or_insert_with(|| json!({}));
                    own.as_object_mut()?.insert(field.clone(), value.clone());
                } else {
                    node.insert(field.clone(), value.clone());
                }
            }
            Some((index, merged))
        })
    }

    /// The edges of `x-planspec`, between nodes; a step may be named by its `step_id`.
    fn edges(&self, content: &Content) -> Vec<Edge> {
        let node = |end: &String| self.ids.get(end.as_str()).unwrap_or(end).clone();
        let own = content.planspec.as_ref();
        let edges = own.into_iter().flat_map(|own| &own.edges);
        edges
            .map(|edge| Edge {
                from: node(&edge.from),
                to: node(&edge.to),
                kind: edge.kind,
            })
            .collect()
    }

    /// The path of the extension of a node.
    fn extension_of(&self, node: usize) -> Vec<PathStep> {
        path!["approach", "steps", self.steps[node], "x-planspec"]
    }

    /// Reports ids of nodes that became equal when they were made from step ids.
    fn check_ids(&self, found: &Finder<'_>, findings: &mut Vec<Diagnostic>) {
        let mut first: HashMap<&str, usize> = HashMap::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let earlier = *first.entry(&node.id).or_insert(index);
            if earlier == index {
                continue;
            }
            let at = |node: usize| path!["approach", "steps", self.steps[node], "step_id"];
            let message = format!(
                "two steps, or a step and an approval, become node `{}`",
                node.id
            );
            findings.push(
                found
                    .at(Code::DOCUMENT_ID_TWICE, at(index), Part::Value, message)
                    .help("give one of them another `step_id`")
                    .related(found.label(at(earlier), "first here")),
            );
        }
    }
}

/// The id of the node of a step.
pub(crate) fn node_id(step: &Step, naming: Naming) -> String {
    naming.name_of(&step.step_id, Alphabet::NodeId)
}

/// The id of the approval gate of a step.
fn approval_id(task: &str, naming: Naming) -> String {
    naming.name_of(&format!("approve-{task}"), Alphabet::NodeId)
}

/// The name of a criterion or constraint. Attestations refer to it, and outlive runs, so the former
/// rule is kept.
fn criterion_name(id: &str) -> String {
    Naming::Former.name_of(id, Alphabet::Name)
}

/// The possible ids of a criterion with this name; for a constraint the second, if a criterion has the first.
#[cfg(feature = "service")]
pub(crate) fn criterion_names(text: &str) -> [String; 2] {
    let id = criterion_name(text);
    let of_constraint = criterion_name(&format!("constraint-{id}"));
    [id, of_constraint]
}

/// The texts of a step that are in the context of its node.
pub(super) const OF_CONTEXT: [&str; 4] = ["rationale", "inputs", "outputs", "acceptance_criteria"];

fn task(step: &Step, naming: Naming) -> Node {
    let texts_of_step = [
        step.rationale.as_ref(),
        step.inputs.as_ref(),
        step.outputs.as_ref(),
        step.acceptance_criteria.as_ref(),
    ];
    let context = OF_CONTEXT.into_iter().zip(texts_of_step);
    let is_human = step.delegation == Some(StepDelegation::Human);
    let effort = step.estimated_complexity.map(effort);
    let (id, former) = (node_id(step, naming), node_id(step, Naming::Former));
    Node {
        context: texts(context),
        provider: is_human.then(|| HUMAN.to_owned()),
        step: Some(StepName {
            id: step.step_id.clone(),
            is_own: true,
            former: (former != id).then_some(former),
        }),
        ..bare_task(&id, &step.title, &step.description, effort)
    }
}

/// The task of a step, without any extension.
pub(super) fn bare_task(
    id: &str,
    title: &str,
    description: &str,
    estimated_effort: Option<Effort>,
) -> Node {
    Node {
        name: said(title),
        description: said(description),
        estimated_effort,
        id: id.to_owned(),
        ..Node::default()
    }
}

/// Resources have no empty texts.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn effort(complexity: Complexity) -> Effort {
    match complexity {
        Complexity::Xs | Complexity::S => Effort::Small,
        Complexity::M => Effort::Medium,
        Complexity::L => Effort::Large,
        Complexity::Xl => Effort::Xlarge,
    }
}
