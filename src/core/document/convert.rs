//! Converts resources to a document and back, and reports what is lost.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::plan::manifest_of;
use super::{Diagnostic, Document, PlanspecExtension, Scope, steps};
use crate::core::plan::graph;
use crate::core::resource::schema::slug;
use crate::core::resource::{
    BindingSpec, ContextItem, GoalSpec, HUMAN, Key, Metadata, Node, NodeKind, ObjectRef, PlanSpec,
    Resource, Rule, Selector, Spec, Strategy, Target, Time,
};

/// The result of a conversion.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted<T> {
    /// The result.
    pub result: T,
    /// What the target cannot express, one line each.
    pub lost: Vec<String>,
    /// What the target requires but the source does not have.
    pub missing: Vec<String>,
}

/// Converts a plan and its goal to a document. `now` is the time of its first revision.
///
/// If all nodes are tasks with names, the document generates a graph with the same digest as the plan's:
/// what steps cannot express is in their `x-planspec`.
pub fn from_resources(
    plan: (&Metadata, &PlanSpec),
    goal: Option<(&Metadata, &GoalSpec)>,
    now: Time,
) -> Converted<Value> {
    let (metadata, spec) = plan;
    let revision = spec.version.as_deref();
    let revision = revision.and_then(|version| version.parse::<u32>().ok());
    let revision = revision.filter(|revision| *revision > 0);
    let steps = steps::of_plan(spec);
    let extension = PlanspecExtension {
        namespace: Some(metadata.namespace.clone()),
        name: Some(metadata.name.clone()),
        series: spec.series.clone(),
        edges: steps.edges,
        checks: Default::default(),
        findings: Vec::new(),
    };
    let statement = goal.map_or(&spec.description, |(_, goal)| &goal.description);
    let scope = scope_of(&spec.context).cloned();
    let result = json!({
        "identity": {
            "plan_id": plan_id(metadata, spec),
            "session_id": spec.series.as_ref().unwrap_or(&metadata.name),
            "revision": revision.unwrap_or(1),
            "parent_id": parent_id(metadata, revision.unwrap_or(1)),
            "created_by": "agent:planspec",
            "created_at": time(now),
        },
        "intent": intent(statement, goal),
        "scope": scope.unwrap_or_else(|| json!({"in_scope": [statement], "out_of_scope": []})),
        "approach": {
            "overview": spec.description,
            "rationale": text_of(&spec.context, "rationale").unwrap_or_default(),
            "steps": steps.steps,
        },
        "success_criteria": criteria(spec, goal.map(|(_, goal)| goal)),
        "delegation": {"default_mode": "hybrid", "step_overrides": steps.overrides},
        "revision_history": [{
            "revision": revision.unwrap_or(1),
            "change_type": "major",
            "change_summary": format!("Converted from Plan {}/{}", metadata.namespace, metadata.name),
            "created_at": time(now),
        }],
        "metadata": {"schema_version": "1.2.0", "tool": "planspec"},
        "x-planspec": extension,
    });
    Converted {
        result,
        lost: [lost_of_resources(plan, goal, revision), steps.lost].concat(),
        missing: missing(spec, goal),
    }
}

/// A generated id of a node, and a plainer one for it.
struct Renamed {
    from: String,
    to: String,
    /// The id of the step as written.
    step: String,
}

/// Plainer ids for nodes, if they are not taken: `t001` for `T001`. In a document, different texts need different ids,
/// so they end in a hash; here the ids are in the file. Ids derived from one (the approval of a step, its gate) contain
/// it.
fn plain_ids(plan: &PlanSpec) -> Vec<Renamed> {
    let nodes = &plan.graph.nodes;
    let made = nodes.iter().filter_map(|node| {
        let step = node.step.as_ref().filter(|step| step.is_own)?;
        let renamed = Renamed {
            from: node.id.clone(),
            to: slug(&deunicode::deunicode(&step.id), '-'),
            step: step.id.clone(),
        };
        let hash = node.id.strip_prefix(&format!("{}-", renamed.to))?;
        hash.bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then_some(renamed)
    });
    let made: Vec<Renamed> = made.collect();
    let is_free = |plain: &str| {
        let others = made.iter().filter(|other| other.to == plain);
        others.count() == 1 && !nodes.iter().any(|node| node.id == plain)
    };
    let free: Vec<bool> = made.iter().map(|one| is_free(&one.to)).collect();
    let made = made.into_iter().zip(free);
    made.filter(|(_, is_free)| *is_free)
        .map(|(one, _)| one)
        .collect()
}

/// Replaces ids in a resource by plainer ones, and puts the id of the step in front of the node's name.
fn rename(resource: &mut Value, renamed: &[Renamed]) {
    let nodes = resource.pointer_mut("/spec/graph/nodes");
    for node in nodes.and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(one) = renamed.iter().find(|one| node["id"] == one.from.as_str()) else {
            continue;
        };
        let name = node["name"].as_str().unwrap_or_default();
        node["name"] = json!(format!("{} {name}", one.step).trim_end());
    }
    let mut todo = vec![resource];
    while let Some(value) = todo.pop() {
        match value {
            Value::String(text) => {
                for one in renamed {
                    if text.contains(&one.from) {
                        *text = text.replace(&one.from, &one.to);
                    }
                }
            }
            Value::Array(items) => todo.extend(items),
            Value::Object(fields) => todo.extend(fields.values_mut()),
            _ => {}
        }
    }
}

/// The `plan_id`; the same for the same plan.
fn plan_id(metadata: &Metadata, spec: &PlanSpec) -> String {
    let digest = graph::digest(&spec.graph);
    let seed = format!("{}/{} {digest}", metadata.namespace, metadata.name);
    Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes()).to_string()
}

/// The id of the previous revision, which does not exist; the same for all revisions of a plan.
fn parent_id(metadata: &Metadata, revision: u32) -> Option<String> {
    let seed = format!("{}/{} before {revision}", metadata.namespace, metadata.name);
    (revision > 1).then(|| Uuid::new_v5(&Uuid::NAMESPACE_URL, seed.as_bytes()).to_string())
}

fn intent(statement: &str, goal: Option<(&Metadata, &GoalSpec)>) -> Value {
    let context = goal.map_or(&[][..], |(_, goal)| goal.context.as_slice());
    let mut intent =
        json!({"goal_statement": statement, "motivation": "", "success_definition": ""});
    for field in OF_GOAL {
        if let Some(text) = text_of(context, field) {
            intent[field] = json!(text);
        }
    }
    intent
}

/// What a document should have and resources do not.
fn missing(spec: &PlanSpec, goal: Option<(&Metadata, &GoalSpec)>) -> Vec<String> {
    let of_goal = goal.map_or(&[][..], |(_, goal)| goal.context.as_slice());
    let texts = [
        ("intent.motivation", text_of(of_goal, "motivation")),
        (
            "intent.success_definition",
            text_of(of_goal, "success_definition"),
        ),
        ("approach.rationale", text_of(&spec.context, "rationale")),
    ];
    let empty = texts.iter().filter(|(_, text)| text.is_none());
    let mut missing: Vec<String> = empty
        .map(|(field, _)| format!("{field} is empty"))
        .collect();
    if scope_of(&spec.context).is_none() {
        missing.push("scope.out_of_scope is empty, scope.in_scope repeats the goal".to_owned());
    }
    if goal.is_none_or(|(_, goal)| goal.acceptance_criteria.is_empty()) {
        missing.push("success_criteria says only that the plan was carried out".to_owned());
    }
    missing
}

/// Texts of a document that are kept in the context of its goal.
const OF_GOAL: [&str; 3] = ["motivation", "success_definition", "scope_context"];

/// The content of the first context item with a name.
fn said<'c>(context: &'c [ContextItem], name: &str) -> Option<&'c Value> {
    let mut items = context.iter();
    let item = items.find(|item| item.name.as_deref() == Some(name))?;
    item.content.as_ref()
}

fn text_of<'c>(context: &'c [ContextItem], name: &str) -> Option<&'c str> {
    said(context, name)?.as_str()
}

/// The scope of a document, from the context of its plan.
fn scope_of(context: &[ContextItem]) -> Option<&Value> {
    let scope = said(context, "scope")?;
    let is_one = Scope::deserialize(scope).is_ok_and(|scope| !scope.in_scope.is_empty());
    is_one.then_some(scope)
}

/// The context items that a document cannot contain; those named in `taken` are handled elsewhere.
fn not_taken(whose: &str, context: &[ContextItem], taken: &[&str]) -> Option<String> {
    let mut taken = taken.to_vec();
    let mut names = Vec::new();
    for item in context {
        let name = item.name.as_deref().unwrap_or("an item without a name");
        match taken.iter().position(|one| *one == name) {
            Some(at) => {
                taken.swap_remove(at);
            }
            None => names.push(name),
        }
    }
    (!names.is_empty()).then(|| format!("spec.context of {whose}: {}", names.join(", ")))
}

/// A time in the form of `created_at`.
fn time(time: Time) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn criteria(spec: &PlanSpec, goal: Option<&GoalSpec>) -> Vec<Value> {
    let criterion = |id: &str, description: &str| {
        json!({
            "criterion_id": id,
            "description": description,
            "verification": "manual",
            "weight": "primary",
        })
    };
    let of_goal = goal.map_or(&[][..], |goal| goal.acceptance_criteria.as_slice());
    if of_goal.is_empty() {
        let description = format!("Carried out: {}", spec.description);
        return vec![criterion("carried-out", &description)];
    }
    let numbered = of_goal.iter().enumerate();
    numbered
        .map(|(index, one)| {
            let id = one.id.clone();
            let id = id.unwrap_or_else(|| format!("criterion-{}", index + 1));
            criterion(&id, &one.description)
        })
        .collect()
}

fn lost_of_resources(
    (metadata, plan): (&Metadata, &PlanSpec),
    goal: Option<(&Metadata, &GoalSpec)>,
    revision: Option<u32>,
) -> Vec<String> {
    let mut lost = Vec::new();
    let mut say = |is_there: bool, what: &str| {
        if is_there {
            lost.push(what.to_owned());
        }
    };
    of_metadata("the plan", metadata, &mut say);
    say(!plan.supersedes.is_empty(), "spec.supersedes of the plan");
    let taken = [
        ("rationale", text_of(&plan.context, "rationale").is_some()),
        ("scope", scope_of(&plan.context).is_some()),
    ];
    let taken = taken.iter().filter(|(_, is_taken)| *is_taken);
    let taken: Vec<&str> = taken.map(|(name, _)| *name).collect();
    if let Some(what) = not_taken("the plan", &plan.context, &taken) {
        say(true, &what);
    }
    say(
        plan.version.is_some() && revision.is_none(),
        "spec.version of the plan: it is not a number, as a revision must be",
    );
    if let Some((metadata, goal)) = goal {
        of_metadata("the goal", metadata, &mut say);
        say(!goal.constraints.is_empty(), "spec.constraints of the goal");
        say(
            goal.plan_selector.is_some(),
            "spec.planSelector of the goal",
        );
        say(goal.timeout.is_some(), "spec.timeout of the goal");
        say(goal.priority != 0, "spec.priority of the goal");
        let taken = OF_GOAL.iter().copied();
        let taken = taken.filter(|name| text_of(&goal.context, name).is_some());
        let taken: Vec<&str> = taken.collect();
        if let Some(what) = not_taken("the goal", &goal.context, &taken) {
            say(true, &what);
        }
    }
    if let Some((goal, _)) = goal.filter(|(goal, _)| goal.name != metadata.name) {
        let what = format!(
            "the name of the goal, `{}`: the goal of a document has the name of the plan",
            goal.name
        );
        say(true, &what);
    }
    lost
}

fn of_metadata(whose: &str, metadata: &Metadata, say: &mut impl FnMut(bool, &str)) {
    say(!metadata.labels.is_empty(), &format!("labels of {whose}"));
    let notes = &metadata.annotations;
    say(!notes.is_empty(), &format!("annotations of {whose}"));
    let owners = &metadata.owner_references;
    say(!owners.is_empty(), &format!("ownerReferences of {whose}"));
    let finalizers = &metadata.finalizers;
    say(!finalizers.is_empty(), &format!("finalizers of {whose}"));
}

impl Document {
    /// Converts the document to resources as in files: the Goal, the Plan, the Gates, and a Binding if a person
    /// does some steps. `file` and `namespace` give the name and namespace if the document has
    /// none.
    ///
    /// # Errors
    /// The extension of a step is not valid for a node.
    pub fn to_resources(
        &self,
        file: &str,
        namespace: &str,
    ) -> Result<Converted<Vec<Value>>, Vec<Diagnostic>> {
        let generated = self.resources(file, namespace)?;
        let mut result: Vec<Value> = generated.resources.iter().map(manifest_of).collect();
        let mut resources = generated.resources.iter();
        let plan = resources.find_map(|one| Some((one.key(), one.spec.plan()?)));
        result.extend(plan.as_ref().and_then(|(key, plan)| binding(key, plan)));
        let renamed = plan.map_or(Vec::new(), |(_, plan)| plain_ids(plan));
        for resource in &mut result {
            rename(resource, &renamed);
        }
        Ok(Converted {
            result,
            lost: self.lost(),
            missing: Vec::new(),
        })
    }

    /// What resources cannot express.
    fn lost(&self) -> Vec<String> {
        let mut lost = vec![
            "identity: plan_id, session_id, parent_id, created_by and created_at".to_owned(),
            "delegation: its effect is in the Gates and the Binding".to_owned(),
            "metadata".to_owned(),
        ];
        let content = &self.content;
        let counted = [
            (
                "approach.alternatives_considered",
                content.approach.alternatives_considered.len(),
            ),
            ("risks", content.risks.len()),
            ("dependencies", content.dependencies.len()),
            (
                "scope.open_questions, which prevent a document from starting",
                content.scope.open_questions.len(),
            ),
            ("revision_history", content.revision_history.len()),
        ];
        let counted = counted.iter().filter(|(_, count)| *count > 0);
        lost.extend(counted.map(|(what, count)| format!("{what} ({count})")));
        if !content.constraints.is_empty() {
            lost.push(
                "constraints, and which success criteria are primary: both are in the plan's \
                 context, where nothing checks them"
                    .to_owned(),
            );
        }
        let own = content.planspec.as_ref();
        if own.is_some_and(|own| !own.checks.is_empty()) {
            lost.push("x-planspec.checks, which are in the plan's context as well".to_owned());
        }
        let fields = self.value.as_object().into_iter().flatten();
        let unknown = fields.filter(|(field, _)| {
            (field.starts_with("x-") && *field != "x-planspec") || field.starts_with('$')
        });
        lost.extend(unknown.map(|(field, _)| field.clone()));
        lost
    }
}

/// A Binding for the tasks of people.
fn binding(key: &Key, plan: &PlanSpec) -> Option<Value> {
    let rule = |node: &Node| Rule {
        priority: 0,
        selector: Selector {
            plan_ref: Some(ObjectRef::named(&key.name)),
            node_id: Some(node.id.clone()),
            ..Selector::default()
        },
        target: Target {
            provider: HUMAN.to_owned(),
            config: None,
        },
    };
    let nodes = plan.graph.nodes.iter();
    let tasks = nodes.filter(|node| node.kind == NodeKind::Task && node.provider.is_some());
    let rules: Vec<Rule> = tasks.map(rule).collect();
    if rules.is_empty() {
        return None;
    }
    let spec = BindingSpec {
        strategy: Strategy::FirstMatch,
        rules,
    };
    Some(manifest_of(&Resource::new(key, Spec::Binding(spec))))
}
