//! Writes and commits an Execution of a plan.

use serde_json::{Map, Value, json};

use super::change::{Changed, Changeset};
use super::former::former_run;
use super::names::{Named, choose_among};
use super::store::Store;
use super::unshared::stands_at;
use super::{Error, Result};
use crate::api::change::Started;
use crate::core::base::digest::canonical;
use crate::core::base::suggest::{choices, did_you_mean};
use crate::core::base::words::{and_more, listed};
use crate::core::plan::parameters::Parameters;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{API_VERSION, Key, Kind, PlanSpec};
use crate::core::run::controllers::capability::remarks;
use crate::core::text::yaml;

/// Maximum number of missing things in a document that are named.
const MISSING_NAMED: usize = 5;
/// Maximum number of random names that are tried.
const NAMES_TRIED: usize = 1000;
/// Maximum length of the plan's name in a generated name.
const STEM: usize = 56;

/// A request to start a plan.
#[derive(Debug, Clone, Default)]
pub struct StartRequest {
    /// The plan: `NAME` or `NAMESPACE/NAME`.
    pub plan: String,
    /// Its namespace, if the name is ambiguous.
    pub namespace: Option<String>,
    /// Name of the execution; `None` makes one from the plan's name and a random suffix.
    pub name: Option<String>,
    /// The parameters of the plan.
    pub parameters: Map<String, Value>,
    /// Whether to refuse parameters that the plan does not mention.
    pub strict: bool,
    /// The binding; `None` is the only one of the namespace.
    pub binding: Option<String>,
    /// Commit message; `None` makes one from the names.
    pub message: Option<String>,
    /// Only report what would be done.
    pub dry_run: bool,
}

/// Writes and commits an Execution of a plan.
///
/// # Errors
/// There is no such plan, or it is invalid; the name is taken; there are several bindings; and those of
/// [`apply`](super::apply::apply).
pub fn start(store: &Store, request: &StartRequest) -> Result<Changed<Started>> {
    let mut change = Changeset::begin_alone(store, request.dry_run)?;
    change.check_begun()?;
    let named = Named::new(Kind::Plan, &request.plan, request.namespace.as_deref());
    let plan_key = change.find(&named);
    let plan_key = plan_key.map_err(|error| change.uncommitted(&named).unwrap_or(error))?;
    let snapshot = change.about(&plan_key)?;
    let plan = usable(&snapshot, &plan_key)?;
    let name = match &request.name {
        Some(name) => name.clone(),
        None => free_name(store, &change, &plan_key)?,
    };
    let key = Key::new(Kind::Execution, &plan_key.namespace, &name);
    if !change.in_head(&key)?.definitions(&key).is_empty() {
        return Err(Error::conflict(format!("{key} already exists"))
            .hint("omit --name, or choose another name"));
    }
    let mut notes = check_parameters(request, (&plan_key, plan))?;
    if request.name.is_some() {
        notes.extend(check_there(store, &key)?);
    }
    notes.extend(edited(store, &change, &plan_key)?);
    let binding = binding(request, &change, (&plan_key, &snapshot), &mut notes)?;
    notes.extend(remarks(&snapshot, &plan_key.namespace, &plan.graph));
    notes.extend(unready(&snapshot, &plan_key));
    let resource = execution(request, &key, (&plan_key, plan), binding.as_deref());
    let again = named_again(store, &key, &canonical(&resource["spec"]))?;
    notes.splice(0..0, again);
    change.place(key.clone(), &yaml::write(&resource))?;
    let message = request.message.clone();
    let message = message.unwrap_or_else(|| format!("Start {} as {name}", plan_key.name));
    let change = change.commit(Some(&message), request.dry_run)?;
    Ok(change.map(|mut change| {
        change.notes.splice(0..0, notes);
        Started {
            namespace: key.namespace,
            execution: key.name,
            plan: plan_key.name,
            binding,
            resource,
            change,
        }
    }))
}

/// Checks the parameters that the plan mentions. One that nothing mentions may be for its workers: it only gets a
/// note.
fn check_parameters(request: &StartRequest, (key, plan): (&Key, &PlanSpec)) -> Result<Vec<String>> {
    let spoken_of = Parameters::of(&plan.graph);
    let given = &request.parameters;
    let needed = spoken_of.needed.iter().map(String::as_str);
    let missing: Vec<&str> = needed.filter(|name| !given.contains_key(*name)).collect();
    let extra = given.keys().map(String::as_str);
    let extra: Vec<&str> = extra.filter(|name| !spoken_of.mentions(name)).collect();
    let named = |names: &[&str]| {
        let (few, rest) = names.split_at(names.len().min(MISSING_NAMED));
        listed(few.iter().copied()) + &and_more(rest.len())
    };
    if let Some(first) = missing.first() {
        let message = format!("{key} uses {}, which is not set", named(&missing));
        let hint = match did_you_mean(first, extra.iter().copied()) {
            Some(near) => {
                format!("is `{near}` meant to be `{first}`? parameters are set by name")
            }
            None => format!("set it: `-p {first}=VALUE`"),
        };
        return Err(Error::invalid(message).hint(hint));
    }
    let mut notes = Vec::new();
    if !extra.is_empty() {
        let known = spoken_of.needed.iter().chain(&spoken_of.optional);
        let meant = did_you_mean(extra[0], known.map(String::as_str));
        let meant = meant.map(|near| format!("did you mean `{near}`?"));
        let message = format!("{key} does not use {}", named(&extra));
        if request.strict {
            return Err(Error::invalid(message)
                .hint(meant.unwrap_or_else(|| "omit it, or omit `--strict`".to_owned())));
        }
        notes.push(
            [Some(message), meant]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
        );
    }
    let texts = given
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?)));
    let json = texts.filter(|(_, text)| text.starts_with(['[', '{', '"']));
    notes.extend(json.map(|(name, _)| {
        format!("parameter `{name}` is taken as text; pass JSON with `--param-json {name}=…`")
    }));
    Ok(notes)
}

/// Checks that the chosen name is free on the spec branch of the remote too. If the remote is not reachable, the last
/// fetch decides.
fn check_there(store: &Store, key: &Key) -> Result<Option<String>> {
    let Some(remote) = &store.remote else {
        return Ok(None);
    };
    let mut note = None;
    let known = match store.fresh() {
        Ok(view) => Some(view),
        Err(error) => {
            note = Some(format!(
                "cannot tell whether {remote} has a run of this name: {}",
                error.message
            ));
            store.known_if_any()?
        }
    };
    let (Some(view), Some(head)) = (known, store.here()?) else {
        return Ok(note);
    };
    let named = Named::new(key.kind, &key.qualified(), None);
    if stands_at(store, &view.spec_commit, &named).is_none() {
        return Ok(note);
    }
    // The execution was deleted in this clone.
    let base = store.repo.merge_base(&view.spec_commit, &head)?;
    if base.is_some_and(|base| stands_at(store, &base, &named).is_some()) {
        return Ok(note);
    }
    let branch = &view.spec_branch;
    let message = format!("{key} is already on `{branch}` of {remote}, but not in this clone");
    Err(Error::conflict(message)
        .hint("`git pull` gets it; for another run, omit --name or choose another name"))
}

/// A note if an execution with another spec had the name before: the former run keeps it until a reconcile has seen its
/// end, and one that ended does not run again because its file comes back.
fn named_again(store: &Store, key: &Key, digest: &str) -> Result<Option<String>> {
    let Some(former) = former_run(store, key)? else {
        return Ok(None);
    };
    let Some(phase) = former.phase() else {
        return Ok(None);
    };
    let how = if phase.is_terminal() {
        "has ended as"
    } else {
        "is"
    };
    let what = format!("a run named {} {how} {phase}", key.qualified());
    if former.is_gone() {
        return if former.begins_anew(digest) {
            Ok(Some(format!("{what}; this is another one")))
        } else {
            let why = "the same spec does not run again under that name";
            Err(Error::conflict(format!("{what}, and {why}"))
                .hint("omit --name, or choose another name"))
        };
    }
    let message = format!("{what}, and no reconcile has yet seen that its file is gone");
    Err(Error::conflict(message).hint(
        "omit --name, or choose another name; this one is free when the deletion is on the spec \
         branch and reconciled",
    ))
}

/// A note that the run will not include uncommitted changes.
fn edited(store: &Store, change: &Changeset<'_>, plan: &Key) -> Result<Option<String>> {
    let path = change.path_of(plan)?;
    let here = store.repo.from_here(&path);
    Ok(change
        .is_dirty(&path)?
        .then(|| format!("{here} has uncommitted changes: the run starts with the committed plan")))
}

/// The plan, if it can be started.
fn usable<'s>(snapshot: &'s Snapshot, key: &Key) -> Result<&'s PlanSpec> {
    let plan = snapshot.plan(key).ok_or_else(|| {
        Error::invalid(format!("{key} cannot be used"))
            .hint("`planspec validate` says what is wrong with it")
    })?;
    match snapshot.errors_of(key).next() {
        None => Ok(plan),
        Some(error) => Err(
            Error::invalid(format!("{key} is not valid: {}", snapshot.line(error)))
                .hint("`planspec validate` shows everything that is wrong with it"),
        ),
    }
}

/// The execution as YAML.
fn execution(
    request: &StartRequest,
    key: &Key,
    (plan_key, plan): (&Key, &PlanSpec),
    binding: Option<&str>,
) -> Value {
    let mut spec = Map::new();
    spec.insert("planRef".to_owned(), json!({"name": plan_key.name}));
    if let Some(goal) = &plan.goal_ref {
        spec.insert("goalRef".to_owned(), json!(goal));
    }
    if let Some(binding) = binding {
        spec.insert("bindingRef".to_owned(), json!({"name": binding}));
    }
    if !request.parameters.is_empty() {
        let parameters = request.parameters.clone();
        spec.insert("parameters".to_owned(), Value::Object(parameters));
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": Kind::Execution.name(),
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": spec,
    })
}

/// What the document of a plan lacks before its run can begin.
fn unready(snapshot: &Snapshot, plan: &Key) -> Option<String> {
    let missing: Vec<&str> = snapshot
        .unready(plan)
        .map(|finding| finding.message.as_str())
        .collect();
    if missing.is_empty() {
        return None;
    }
    let more = match missing.len().saturating_sub(MISSING_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let named: Vec<&str> = missing.into_iter().take(MISSING_NAMED).collect();
    Some(format!(
        "{plan} is not ready; the execution will wait: {}{more}",
        named.join("; ")
    ))
}

/// The plan's name with a short random suffix, so that starts in other clones get other names. No execution has or
/// had it.
fn free_name(store: &Store, change: &Changeset<'_>, plan: &Key) -> Result<String> {
    let stem: String = plan.name.chars().take(STEM).collect();
    let stem = stem.trim_end_matches('-');
    for _ in 0..NAMES_TRIED {
        let name = format!("{stem}-{}", random_part(store.repo.random()));
        let key = Key::new(Kind::Execution, &plan.namespace, &name);
        let is_taken = !change.in_head(&key)?.definitions(&key).is_empty();
        if !is_taken && former_run(store, &key)?.is_none() {
            return Ok(name);
        }
    }
    Err(Error::not_ready("every generated name is taken").hint("choose one with --name"))
}

/// Four letters and digits that are hard to confuse: `7k2p`.
fn random_part(random: u128) -> String {
    const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let letters = random.to_le_bytes().into_iter().take(4);
    letters
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

/// The given binding, else the only one, if the plan needs one.
fn binding(
    request: &StartRequest,
    change: &Changeset<'_>,
    (plan_key, around): (&Key, &Snapshot),
    notes: &mut Vec<String>,
) -> Result<Option<String>> {
    let is_there = |key: &Key| key.kind == Kind::Binding && key.namespace == plan_key.namespace;
    let snapshot = change.matching(is_there)?;
    let all: Vec<&Key> = snapshot.keys().filter(|key| is_there(key)).collect();
    if let Some(name) = &request.binding {
        let key = choose_among(all.iter().copied(), Kind::Binding, name, None)?;
        return Ok(Some(key.name.clone()));
    }
    let nodes = around.plan(plan_key).map(|plan| plan.graph.nodes.iter());
    let mut nodes = nodes.into_iter().flatten();
    let needs_capabilities = nodes.any(|node| !node.capability_refs.is_empty());
    // Without capabilities, a binding matters for the tasks whose plan it names or selects.
    let is_about =
        |key: &&Key| needs_capabilities || speaks_of((&snapshot, key), (around, plan_key));
    let all: Vec<&Key> = all.into_iter().filter(is_about).collect();
    if !needs_capabilities && all.is_empty() {
        return Ok(None);
    }
    match all.as_slice() {
        [] => {
            notes.push(
                "tasks of this plan need capabilities, but there is no binding: they will wait"
                    .to_owned(),
            );
            Ok(None)
        }
        [only] => {
            notes.push(format!("tasks are bound by `{}`", only.name));
            Ok(Some(only.name.clone()))
        }
        several => {
            let names = || several.iter().map(|key| key.name.as_str());
            let all = choices(&plan_key.name, names(), str::to_owned);
            let each = choices(&plan_key.name, names(), |name| {
                format!("`--binding {name}`")
            });
            Err(
                Error::ambiguous(format!("there are several bindings: {all}"))
                    .hint(format!("choose one: {each}")),
            )
        }
    }
}

/// Whether a rule of a binding names a plan, or selects it by labels.
fn speaks_of((snapshot, binding): (&Snapshot, &Key), (around, plan): (&Snapshot, &Key)) -> bool {
    let labels = around.resource(plan).map(|plan| &plan.metadata.labels);
    let rules = snapshot
        .binding(binding)
        .into_iter()
        .flat_map(|spec| &spec.rules);
    let mut selectors = rules.map(|rule| &rule.selector);
    selectors.any(|selector| {
        let named = selector.plan_ref.as_ref();
        let named = named.is_some_and(|named| named.key(Kind::Plan, &binding.namespace) == *plan);
        let mut wanted = selector.match_labels.iter();
        let is_chosen = !selector.match_labels.is_empty()
            && wanted
                .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value));
        named || selector.plan_ref.is_none() && is_chosen
    })
}
