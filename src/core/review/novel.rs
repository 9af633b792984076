//! New content, shown as fully as changes: its commands, its instructions, its workers, the
//! decisions before it, and that merging it starts a run.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::graph::{Bindings, names};
use super::meaning::{Topic, scheme};
use super::{Effect, Event, Subject, document};
use crate::core::base::words::{and_more, count, shortened};
use crate::core::document::{Content, DefaultMode};
use crate::core::plan::files::{command_in, command_of};
use crate::core::plan::graph::{Graph, folded_edges};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{
    BindingSpec, CapabilitySpec, ContextItem, EdgeKind, ExecutionSpec, ExternalRef, GateSpec,
    GoalSpec, Key, Kind, Node, NodeKind, Parameter, PlanSpec, Resource, Spec, Target,
    TaskCriterion,
};
use crate::core::run::controllers::binding::{binding_of, target};

/// A fact about a new resource.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub struct Fact {
    /// The node, rule or field concerned.
    pub about: String,
    /// The fact, in words.
    pub says: String,
}

/// Maximum number of facts about one resource.
const FACTS: usize = 60;
/// Maximum number of characters of one text in a fact.
const TEXT: usize = 400;
/// Maximum number of characters of one text that is shown in full.
const WHOLE: usize = 100_000;
/// Maximum number of characters of one text in a sentence about a danger.
const IN_A_SENTENCE: usize = 160;
/// Maximum number of things that one sentence lists.
const TOLD: usize = 3;
/// Maximum number of first nodes of a run that are named.
const FIRST: usize = 6;

/// A command as a list of arguments: `[sh, -c, "make | tee log"]`.
pub fn argument_list<S: AsRef<str>>(words: &[S]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=@%+".contains(c);
    let word = |word: &S| match word.as_ref() {
        text if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        text => Value::from(text).to_string(),
    };
    let words: Vec<String> = words.iter().map(word).collect();
    format!("[{}]", words.join(", "))
}

/// Adds the facts about every new resource.
pub(super) fn describe(sides: [&Snapshot; 2], subjects: &mut [Subject]) {
    if !subjects.iter().any(|one| one.event == Event::Added) {
        return;
    }
    let new = sides[1];
    let bindings = Bindings::of(sides);
    let added = subjects.iter_mut();
    for subject in added.filter(|subject| subject.event == Event::Added) {
        let Some(resource) = new.resource(&subject.key) else {
            continue;
        };
        match &resource.spec {
            Spec::Plan(plan) => of_plan(new, &bindings, (resource, plan), subject),
            Spec::Binding(binding) => of_binding(binding, subject),
            Spec::Gate(gate) => of_gate(gate, subject),
            Spec::Capability(capability) => of_capability(capability, subject),
            Spec::Goal(goal) => of_goal(goal, subject),
            Spec::Execution(run) => of_run(new, run, subject),
        }
    }
}

impl Subject {
    fn tell(&mut self, about: impl Into<String>, says: impl Into<String>) {
        let fact = Fact {
            about: about.into(),
            says: says.into(),
        };
        match self.facts.len() {
            shown if shown < FACTS => self.facts.push(fact),
            _ => self.untold += 1,
        }
    }

    /// Keeps the full text if it is too long for a line.
    fn keep_whole(&mut self, about: &str, text: &str) {
        let text = text.trim();
        if text.chars().count() > TEXT {
            let text = shortened(text, WHOLE);
            self.texts.push(Fact {
                about: about.to_owned(),
                says: text,
            });
        }
    }

    fn look_twice(&mut self, topic: Topic, text: String) {
        self.effects.push(Effect::danger(text).about(topic));
    }
}

fn quoted(text: &str) -> String {
    format!("“{}”", shortened(text.trim(), TEXT))
}

/// The provider of a task, as far as a plan and the bindings determine it.
pub(super) struct Doer<'a> {
    provider: &'a str,
    target: Option<&'a Target>,
    binding: Option<&'a Key>,
}

impl Doer<'_> {
    pub(super) fn is_human(&self) -> bool {
        scheme(self.provider) == Some("human")
    }

    pub(super) fn words(&self) -> String {
        let by = self.binding;
        let by = by.map_or(String::new(), |key| format!(" ({})", key.name));
        let runs = command_in(self.target.and_then(|target| target.config.as_ref()));
        let runs = runs.map_or(String::new(), |words| {
            format!(", which runs {}", argument_list(&words))
        });
        format!("{}{by}{runs}", self.provider)
    }
}

/// The possible providers of a task: from the plan itself, or from the bindings that select it.
pub(super) fn doers<'a>(
    new: &'a Snapshot,
    bindings: &BTreeSet<&'a Key>,
    plan: &Resource,
    node: &'a Node,
) -> Vec<Doer<'a>> {
    if let Some(provider) = &node.provider {
        return vec![Doer {
            provider,
            target: None,
            binding: None,
        }];
    }
    let targets = bindings.iter().filter_map(|binding| {
        let target = target(new, binding, plan, node)?;
        Some(Doer {
            provider: &target.provider,
            target: Some(target),
            binding: Some(binding),
        })
    });
    targets.collect()
}

fn of_plan(
    new: &Snapshot,
    bindings: &Bindings<'_>,
    (resource, plan): (&Resource, &PlanSpec),
    subject: &mut Subject,
) {
    match document::content_of(new, &subject.key) {
        Some(content) => of_document(&content, subject),
        None => {
            subject.tell("description", quoted(&plan.description));
            subject.keep_whole("description", &plan.description);
            if let Some(goal) = &plan.goal_ref {
                subject.tell("goal", goal.name.clone());
            }
            for item in &plan.context {
                subject.tell("context", context(item));
                subject.keep_whole("context", &context_text(item));
            }
        }
    }
    let by = bindings.about_plan(resource, &plan.graph);
    let guarded = super::graph::gates_before(&plan.graph);
    let mut before: HashMap<&str, Vec<(&str, EdgeKind)>> = HashMap::new();
    for ((from, to), kind) in folded_edges(&plan.graph) {
        before.entry(to).or_default().push((from, kind));
    }
    let mut told = Vec::new();
    for (index, node) in plan.graph.nodes.iter().enumerate() {
        let doers = doers(new, &by, resource, node);
        let before = before.get(node.id.as_str()).map_or(&[][..], Vec::as_slice);
        let gates = guarded.get(index).map_or(&[][..], Vec::as_slice);
        if subject.facts.len() < FACTS {
            let says = of_node(new, node, &doers, (before, gates), resource);
            subject.tell(node.id.clone(), says);
        } else {
            subject.untold += 1;
        }
        subject.keep_whole(&node.id, node.description.as_deref().unwrap_or_default());
        for item in &node.context {
            subject.keep_whole(&format!("{}, context", node.id), &context_text(item));
        }
        if let Some(text) = instructions(node).filter(|_| node.kind == NodeKind::Task)
            && !doers.iter().any(Doer::is_human)
        {
            let who = doers.first().map_or("anybody", |doer| doer.provider);
            told.push(format!("{} ({who}): {text}", node.id));
        }
    }
    tell_instructions(told, subject);
}

/// The facts about a document besides its steps.
fn of_document(content: &Content, subject: &mut Subject) {
    let Content {
        intent,
        scope,
        constraints,
        success_criteria,
        risks,
        delegation,
        ..
    } = content;
    subject.tell("goal", quoted(&intent.goal_statement));
    subject.tell("done when", quoted(&intent.success_definition));
    let lists = [
        ("in scope", &scope.in_scope),
        ("out of scope", &scope.out_of_scope),
        ("open questions", &scope.open_questions),
    ];
    for (name, texts) in lists.into_iter().filter(|(_, texts)| !texts.is_empty()) {
        subject.tell(name, shortened(&texts.join("; "), TEXT));
    }
    for one in constraints {
        let blocking = if one.blocking { "" } else { ", does not block" };
        let about = format!("constraint {}", one.constraint_id);
        subject.tell(about, format!("{}{blocking}", quoted(&one.description)));
    }
    for one in success_criteria {
        let about = format!("criterion {}", one.criterion_id);
        subject.tell(about, quoted(&one.description));
    }
    for one in risks {
        let mitigated = match &one.mitigation {
            Some(text) => format!("mitigated by {}", quoted(text)),
            None => "not mitigated".to_owned(),
        };
        let (probability, impact) = (one.probability.word(), one.impact.word());
        subject.tell(
            format!("risk {}", one.risk_id),
            format!(
                "{}; probability {probability}, impact {impact}; {mitigated}",
                quoted(&one.title)
            ),
        );
    }
    if delegation.default_mode == Some(DefaultMode::AgentAutonomous) {
        let text = "agents do the steps without approval: its default_mode is agent_autonomous";
        subject.look_twice(Topic::Decision, text.to_owned());
    }
    for one in &delegation.step_overrides {
        subject.tell(format!("delegation of {}", one.step_id), one.mode.word());
    }
}

fn tell_instructions(told: Vec<String>, subject: &mut Subject) {
    if told.is_empty() {
        return;
    }
    let text = format!(
        "work without a person gets new instructions: {}{}",
        told[..told.len().min(TOLD)].join("; "),
        and_more(told.len().saturating_sub(TOLD)),
    );
    subject.look_twice(Topic::Delegation, text);
}

/// The instructions of a node besides its name.
pub(super) fn instructions(node: &Node) -> Option<String> {
    let mut parts = Vec::new();
    let text = |text: &str| format!("“{}”", shortened(text.trim(), IN_A_SENTENCE));
    parts.extend(node.description.as_deref().map(text));
    parts.extend(given(&node.inputs, IN_A_SENTENCE));
    let context = node.context.iter();
    let context = context.filter(|item| !item.is_tracker_id_alone());
    parts.extend(context.map(|item| shortened(&context_text(item), IN_A_SENTENCE)));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn given(inputs: &Map<String, Value>, most: usize) -> Option<String> {
    let given: Vec<String> = inputs
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}=“{text}”"),
            other => format!("{name}={other}"),
        })
        .collect();
    (!given.is_empty()).then(|| format!("given {}", shortened(&given.join(", "), most)))
}

fn context(item: &ContextItem) -> String {
    shortened(&context_text(item), TEXT)
}

fn context_text(item: &ContextItem) -> String {
    let name = item.name.as_ref();
    let name = name.map_or(String::new(), |name| format!("{name}: "));
    let text = match &item.content {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => item.uris.join(", "),
    };
    format!("{name}“{}”", text.trim())
}

fn of_node(
    new: &Snapshot,
    node: &Node,
    doers: &[Doer<'_>],
    (before, gates): (&[(&str, EdgeKind)], &[&str]),
    plan: &Resource,
) -> String {
    let name = node.name.as_deref();
    let name = name.map_or(String::new(), |name| format!(" {}", quoted(name)));
    let mut parts = vec![format!("{}{name}", node.kind)];
    match node.kind {
        NodeKind::Task => parts.push(by_whom(node, doers)),
        NodeKind::Gate => parts.extend(decided(new, node, plan)),
        NodeKind::External => parts.extend(node.external_ref.as_ref().map(awaited)),
        NodeKind::Group => {
            let children: Vec<&str> = node.children.iter().map(String::as_str).collect();
            parts.push(format!("of {}", names(&children)));
        }
    }
    parts.extend(order(before, gates));
    let when = node.when.as_ref();
    parts.extend(when.map(|when| format!("only when {}", shortened(when, TEXT))));
    if node.extension.always {
        parts.push("also when what comes before it failed".to_owned());
    }
    let told = node.description.as_deref();
    parts.extend(told.map(|text| format!("told {}", quoted(text))));
    parts.extend(given(&node.inputs, TEXT));
    let items = node.context.iter();
    parts.extend(items.map(|item| format!("context {}", context(item))));
    let checks = node.acceptance_criteria.iter();
    parts.extend(checks.map(|check| format!("checked: {}", self::check(check))));
    parts.join("; ")
}

fn by_whom(node: &Node, doers: &[Doer<'_>]) -> String {
    let words: Vec<String> = doers.iter().map(Doer::words).collect();
    match words.as_slice() {
        [] if node.capability_refs.is_empty() => "by anybody".to_owned(),
        [] => {
            let needs: Vec<&str> = node
                .capability_refs
                .iter()
                .map(|of| of.name.as_str())
                .collect();
            format!("no provider yet: no binding covers {}", names(&needs))
        }
        all => format!(
            "by {}{}",
            all[..all.len().min(TOLD)].join(", or by "),
            and_more(all.len().saturating_sub(TOLD))
        ),
    }
}

fn decided(new: &Snapshot, node: &Node, plan: &Resource) -> Option<String> {
    let key = node
        .gate_ref
        .as_ref()?
        .key(Kind::Gate, &plan.metadata.namespace);
    Some(match new.gate(&key) {
        Some(gate) => format!("decided at {}: {}", key.name, deciders(gate)),
        None => format!("decided at {}", key.name),
    })
}

fn deciders(gate: &GateSpec) -> String {
    let reviewers: Vec<&str> = gate.reviewers.iter().map(String::as_str).collect();
    match reviewers.as_slice() {
        [] => format!("{} of anybody", gate.required_approvers),
        some => format!("{} of {}", gate.required_approvers, names(some)),
    }
}

fn awaited(external: &ExternalRef) -> String {
    match external {
        ExternalRef::Uri { uri } => format!("waits for {uri}"),
        ExternalRef::Webhook { webhook_url } => format!("calls {webhook_url}"),
        ExternalRef::Resource { resource_ref } => {
            format!("waits for {} {}", resource_ref.kind, resource_ref.name)
        }
    }
}

fn order(before: &[(&str, EdgeKind)], gates: &[&str]) -> Vec<String> {
    let of = |wanted: EdgeKind| -> Vec<&str> {
        let some = before.iter().filter(|(_, kind)| *kind == wanted);
        some.map(|(from, _)| *from).collect()
    };
    let (hard, soft) = (of(EdgeKind::Hard), of(EdgeKind::Soft));
    let mut parts = Vec::new();
    if !hard.is_empty() {
        parts.push(format!("after {}", names(&hard)));
    }
    if !soft.is_empty() {
        parts.push(format!("after {}, whatever comes of it", names(&soft)));
    }
    let others: Vec<&str> = gates
        .iter()
        .filter(|gate| !hard.contains(*gate))
        .copied()
        .collect();
    let (named, more) = others.split_at(others.len().min(super::graph::GATES - 1));
    if !named.is_empty() {
        let more = if more.is_empty() { "" } else { " and more" };
        parts.push(format!("after the decision at {}{more}", named.join(", ")));
    }
    parts
}

/// The subject of a check, in words.
fn check(criterion: &TaskCriterion) -> String {
    let optional = if criterion.required {
        ""
    } else {
        " (does not decide)"
    };
    let what = if let Some(words) = command_of(criterion) {
        argument_list(&words)
    } else if let Some(path) = &criterion.path {
        format!("{path} is there")
    } else if let Some(url) = criterion.url.as_ref().or(criterion.webhook_url.as_ref()) {
        url.clone()
    } else {
        criterion.name.clone()
    };
    format!("{what}{optional}")
}

fn of_binding(binding: &BindingSpec, subject: &mut Subject) {
    let mut commands = Vec::new();
    for rule in &binding.rules {
        let about = super::fields::selector_words(&rule.selector, &subject.key.namespace);
        let config = rule.target.config.as_ref();
        let command = command_in(config);
        let mut says = vec![format!("goes to {}", rule.target.provider)];
        if let Some(words) = &command {
            let list = argument_list(words);
            says.push(format!("which runs {list}"));
            commands.push(list);
        }
        let settings = config.and_then(Value::as_object).into_iter().flatten();
        let settings = settings.filter(|(name, _)| *name != "command");
        says.extend(settings.map(|(name, value)| match value {
            Value::String(text) => format!("{name} {}", shortened(text, TEXT)),
            other => format!("{name} {}", shortened(&other.to_string(), TEXT)),
        }));
        if rule.priority > 0 {
            says.push(format!("priority {}", rule.priority));
        }
        subject.tell(about, says.join(", "));
    }
    if !commands.is_empty() {
        let text = format!(
            "new commands are run: {}{}",
            commands[..commands.len().min(TOLD)].join(", "),
            and_more(commands.len().saturating_sub(TOLD)),
        );
        subject.look_twice(Topic::Command, text);
    }
}

fn of_gate(gate: &GateSpec, subject: &mut Subject) {
    let target = &gate.target_ref;
    subject.tell("for", format!("{} {}", target.kind, target.name));
    subject.tell("decides", deciders(gate));
    let about = gate.description.as_deref();
    if let Some(text) = about {
        subject.tell("description", quoted(text));
    }
}

fn of_capability(capability: &CapabilitySpec, subject: &mut Subject) {
    subject.tell("description", quoted(&capability.description));
    for (list, parameters) in [
        ("inputs", &capability.inputs),
        ("outputs", &capability.outputs),
    ] {
        let words = |one: &Parameter| {
            let required = if one.required { ", required" } else { "" };
            let type_name = crate::core::plan::values::type_name(one.value_type);
            format!("{} ({type_name}{required})", one.name)
        };
        let words: Vec<String> = parameters.iter().map(words).collect();
        if !words.is_empty() {
            subject.tell(list, shortened(&words.join(", "), TEXT));
        }
    }
    let needs: Vec<&str> = capability
        .requirements
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    if !needs.is_empty() {
        subject.tell("requirements", names(&needs));
    }
}

fn of_goal(goal: &GoalSpec, subject: &mut Subject) {
    subject.tell("description", quoted(&goal.description));
    for (name, value) in &goal.constraints {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        subject.tell(format!("constraint {name}"), shortened(&value, TEXT));
    }
    for criterion in &goal.acceptance_criteria {
        let id = criterion.id.as_deref().unwrap_or("without an id");
        subject.tell(format!("criterion {id}"), quoted(&criterion.description));
    }
}

/// Merging an Execution starts a run.
fn of_run(new: &Snapshot, run: &ExecutionSpec, subject: &mut Subject) {
    let key = run.plan_ref.key(Kind::Plan, &subject.key.namespace);
    if let Some(goal) = &run.goal_ref {
        subject.tell("goal", goal.name.clone());
    }
    if let Some(binding) = &run.binding_ref {
        subject.tell("binding", binding.name.clone());
    }
    for (name, value) in &run.parameters {
        subject.tell(
            format!("parameter {name}"),
            shortened(&value.to_string(), TEXT),
        );
    }
    let started = new
        .resource(&key)
        .and_then(|resource| Some((resource, resource.spec.plan()?)))
        .and_then(|(resource, plan)| Some((resource, plan, Graph::build(&plan.graph).ok()?)));
    let Some((resource, plan, graph)) = started else {
        let text = format!("merging starts a run of {key}, which is not there or cannot be read");
        subject
            .effects
            .push(Effect::danger(text).about(Topic::Decision).starts());
        return;
    };
    let nodes = &plan.graph.nodes;
    let gates = nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Gate)
        .count();
    let first = first_ready(&graph, nodes, |node| {
        run_by(new, (&subject.key, run), resource, node)
    });
    let parameters: Vec<String> = run
        .parameters
        .iter()
        .map(|(name, value)| shortened(&format!("{name}={value}"), IN_A_SENTENCE))
        .collect();
    let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let parameters = match parameters.as_slice() {
        [] => "no parameters".to_owned(),
        some => format!("parameters {}", names(some)),
    };
    let asked = match gates {
        0 => ", no gate: no decision is required".to_owned(),
        some => format!(", {}", count(some, "gate")),
    };
    let text = format!(
        "merging starts a run of {key}: {}{asked}; first ready: {first}; {parameters}",
        count(nodes.len(), "node"),
    );
    let effect = match gates {
        0 => Effect::danger(text).about(Topic::Decision),
        _ => Effect::note(text),
    };
    subject.effects.push(effect.starts());
    before_any_gate(new, run, (resource, plan), subject);
    for item in &run.context {
        subject.tell("context", context(item));
    }
}

/// The nodes without dependencies, with their providers.
fn first_ready(graph: &Graph, nodes: &[Node], who: impl Fn(&Node) -> String) -> String {
    let levels = graph.levels();
    let first = levels.first().into_iter().flatten();
    let first = first.filter_map(|index| nodes.get(*index));
    let first: Vec<&Node> = first.filter(|node| node.kind != NodeKind::Group).collect();
    let named = first.iter().take(FIRST);
    let named: Vec<String> = named
        .map(|node| format!("{}{}", node.id, who(node)))
        .collect();
    let more = and_more(first.len().saturating_sub(FIRST));
    match (named.split_last(), more.as_str()) {
        (Some((last, others)), "") if !others.is_empty() => {
            format!("{} and {last}", others.join(", "))
        }
        _ => format!("{}{more}", named.join(", ")),
    }
}

/// The commands that run before any decision, if there is one.
fn before_any_gate(
    new: &Snapshot,
    run: &ExecutionSpec,
    (resource, plan): (&Resource, &PlanSpec),
    subject: &mut Subject,
) {
    let guarded = super::graph::gates_before(&plan.graph);
    let tasks = plan.graph.nodes.iter().enumerate();
    let unguarded = tasks.filter(|(index, node)| {
        node.kind == NodeKind::Task && guarded.get(*index).is_some_and(Vec::is_empty)
    });
    let commands = unguarded.filter_map(|(_, node)| {
        let binding = binding_of((&subject.key, run), node)?;
        let config = target(new, &binding, resource, node)?.config.as_ref();
        Some(format!(
            "{} runs {}",
            node.id,
            argument_list(&command_in(config)?)
        ))
    });
    let commands: Vec<String> = commands.collect();
    if !commands.is_empty() {
        let text = format!(
            "commands run before any approval: {}{}",
            commands[..commands.len().min(TOLD)].join(", "),
            and_more(commands.len().saturating_sub(TOLD)),
        );
        subject.look_twice(Topic::Command, text);
    }
}

fn run_by(new: &Snapshot, run: (&Key, &ExecutionSpec), plan: &Resource, node: &Node) -> String {
    if node.kind != NodeKind::Task {
        return String::new();
    }
    if let Some(provider) = &node.provider {
        return format!(" ({provider})");
    }
    let target = binding_of(run, node).and_then(|binding| target(new, &binding, plan, node));
    match target {
        Some(target) => format!(" ({})", target.provider),
        None if node.capability_refs.is_empty() => " (anybody)".to_owned(),
        None => " (no provider)".to_owned(),
    }
}
