//! `planspec start`: write and commit an Execution of a plan.

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::change::Change;
use super::{Context, NamespaceArg};
use crate::core::base::escape;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{API_VERSION, Key, Kind, PlanSpec};
use crate::core::run::controllers::capability::remarks;
use crate::core::text::yaml;
use crate::failure::{Failure, Outcome};
use crate::service::runs::choose_among;
use crate::service::store::Store;

/// Most of what a document lacks that is named.
const MISSING_NAMED: usize = 5;

/// Write and commit an execution of a plan
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The plan: NAME or NAMESPACE/NAME
    plan: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// Name of the execution [default: the plan's name and a number]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A parameter; may be repeated. true, false, numbers and JSON are taken as such
    #[arg(short, long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// Who does the tasks [default: the only binding of the namespace]
    #[arg(long, value_name = "BINDING")]
    binding: Option<String>,
    /// Message of the commit
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Show the execution, write nothing
    #[arg(long)]
    dry_run: bool,
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            Ok((key.to_owned(), value))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let store = Store::open(context.dir.as_deref())?;
    let mut change = Change::begin(&store)?;
    let snapshot = change.before();
    let namespace = args.namespace.namespace.as_deref();
    let plan_key = choose_among(snapshot.keys(), Kind::Plan, &args.plan, namespace)?.clone();
    let plan = snapshot.plan(&plan_key).ok_or_else(|| {
        Failure::not_met(format!("{plan_key} cannot be used"))
            .hint("planspec validate says what is wrong with it")
    })?;
    if let Some(error) = snapshot.errors_of(&plan_key).next() {
        return Err(
            Failure::not_met(format!("{plan_key} is not valid: {}", snapshot.line(error)))
                .hint("planspec validate shows everything that is wrong with it"),
        );
    }
    let name = match &args.name {
        Some(name) => name.clone(),
        None => free_name(&store, snapshot, &plan_key)?,
    };
    let key = Key::new(Kind::Execution, &plan_key.namespace, &name);
    if !snapshot.definitions(&key).is_empty() {
        return Err(Failure::not_met(format!("{key} exists already"))
            .hint("leave --name out, or choose another"));
    }
    let mut spec = Map::new();
    spec.insert("planRef".to_owned(), json!({"name": plan_key.name}));
    if let Some(goal) = &plan.goal_ref {
        spec.insert("goalRef".to_owned(), json!(goal));
    }
    if let Some(binding) = binding(context, args, snapshot, &plan_key, plan)? {
        spec.insert("bindingRef".to_owned(), json!({"name": binding}));
    }
    for remark in remarks(snapshot, &plan_key.namespace, &plan.graph) {
        context.terminal.note(&format!("note: {remark}"));
    }
    let missing: Vec<&str> = snapshot
        .unready(&plan_key)
        .map(|finding| finding.message.as_str())
        .collect();
    if !missing.is_empty() {
        let more = match missing.len().saturating_sub(MISSING_NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let named: Vec<&str> = missing.into_iter().take(MISSING_NAMED).collect();
        context.terminal.note(&escape::line(&format!(
            "note: {plan_key} is not ready, the execution will wait for it: {}{more}",
            named.join("; ")
        )));
    }
    if !args.parameters.is_empty() {
        let parameters: Map<String, Value> = args.parameters.iter().cloned().collect();
        spec.insert("parameters".to_owned(), Value::Object(parameters));
    }
    let text = yaml::write(&json!({
        "apiVersion": API_VERSION,
        "kind": "Execution",
        "metadata": {"name": name, "namespace": key.namespace},
        "spec": spec,
    }));
    if args.dry_run {
        context.terminal.out(&text);
        return Ok(());
    }
    change.place(key, &text)?;
    let message = args.message.clone();
    let message = message.unwrap_or_else(|| format!("Start {} as {name}", plan_key.name));
    change.commit(context, Some(&message), false)
}

/// The plan's name and the smallest number that no execution, past or present, has.
fn free_name(store: &Store, snapshot: &Snapshot, plan: &Key) -> Outcome<String> {
    let stored = match store.known_if_any()? {
        Some(view) => store.status(&view)?,
        None => None,
    };
    let stem: String = plan.name.chars().take(56).collect();
    let stem = stem.trim_end_matches('-');
    let is_taken = |name: &String| {
        let key = Key::new(Kind::Execution, &plan.namespace, name);
        let has_status =
            |stored: &crate::service::store::Stored| stored.tree.files.contains_key(&key);
        !snapshot.definitions(&key).is_empty() || stored.as_ref().is_some_and(has_status)
    };
    (1..1_000_000u32)
        .map(|number| format!("{stem}-{number}"))
        .find(|name| !is_taken(name))
        .ok_or_else(|| Failure::not_met("every name is taken").hint("choose one with --name"))
}

/// The binding that was named, else the only one there is, when the plan needs one.
fn binding(
    context: &Context,
    args: &Args,
    snapshot: &Snapshot,
    plan_key: &Key,
    plan: &PlanSpec,
) -> Outcome<Option<String>> {
    let all: Vec<&Key> = snapshot
        .keys_of(Kind::Binding)
        .filter(|key| key.namespace == plan_key.namespace)
        .collect();
    if let Some(name) = &args.binding {
        let key = choose_among(
            all.iter().copied(),
            Kind::Binding,
            name,
            Some(&plan_key.namespace),
        )?;
        return Ok(Some(key.name.clone()));
    }
    let needs_one = plan
        .graph
        .nodes
        .iter()
        .any(|node| !node.capability_refs.is_empty());
    match all.as_slice() {
        _ if !needs_one => Ok(None),
        [] => {
            context.terminal.note(
                "note: tasks of this plan need capabilities, and there is no binding: they will wait",
            );
            Ok(None)
        }
        [only] => {
            context
                .terminal
                .note(&format!("note: tasks are bound by `{}`", only.name));
            Ok(Some(only.name.clone()))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|key| key.name.as_str()).collect();
            Err(
                Failure::usage(format!("there are several bindings: {}", names.join(", ")))
                    .hint(format!("choose one: --binding {}", names[0])),
            )
        }
    }
}
