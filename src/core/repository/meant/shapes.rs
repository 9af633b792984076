//! Plans and bindings that are drawn otherwise than ours: nodes within nodes, nodes that are plain texts, an order that is said once,
//! who does what beside what is done. Each is turned into what it says, a layer at a time.

use serde_json::{Map, Value, json};

use crate::core::base::diagnostic::{Code, Diagnostic, Finder, Part, PathStep};
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::words::folded;
use crate::core::plan::shell;
use crate::core::resource::schema::{names_provider, slug};
use crate::core::resource::{API_VERSION, Kind};
use crate::core::text::yaml::Document;
use crate::path;

/// What lists of nodes are called.
const LISTS: [&str; 7] = [
    "nodes", "steps", "tasks", "stages", "phases", "jobs", "children",
];
/// What those of a node are called that go before it.
const BEFORE: [&str; 8] = [
    "dependson",
    "needs",
    "dependencies",
    "depends",
    "requires",
    "after",
    "runafter",
    "previous",
];
/// Where it is said that one node follows the other.
const ORDER: [&str; 6] = [
    "order",
    "ordering",
    "sequence",
    "sequential",
    "execution",
    "mode",
];

/// One document of a file, with the others.
pub(super) struct Look<'a> {
    pub finder: Finder<'a>,
    pub value: &'a Value,
    pub all: &'a [Document],
}

type Shape = fn(&Look<'_>) -> Option<Diagnostic>;

/// The inner ones first: each needs what those before it make.
const SHAPES: [Shape; 10] = [
    numbered,
    as_text,
    in_order,
    nested,
    beside_the_others,
    bound_at_the_node,
    bound_at_the_execution,
    binding_by_capability,
    binding_with_one_selector,
    for_a_shell,
];

/// What is drawn otherwise in a document, each with what it says as a fix.
pub(super) fn found(look: &Look<'_>) -> Vec<Diagnostic> {
    SHAPES.iter().filter_map(|shape| shape(look)).collect()
}

impl Look<'_> {
    fn is(&self, kind: &str) -> bool {
        let given = self.value.get("kind").and_then(Value::as_str);
        given.is_some_and(|given| folded(given) == folded(kind))
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer)?.as_str()
    }

    /// Its name and its namespace, where they are some.
    fn names(&self) -> Option<(&str, &str)> {
        let name = self.text("/metadata/name").filter(|name| is_name(name))?;
        Some((name, self.text("/metadata/namespace")?))
    }

    fn nodes(&self) -> &[Value] {
        let nodes = self.value.pointer("/spec/graph/nodes");
        nodes
            .and_then(Value::as_array)
            .map_or(&[], |nodes| nodes.as_slice())
    }

    fn say(
        &self,
        code: Code,
        path: Vec<PathStep>,
        (message, help): (&str, &str),
        changes: Vec<Change>,
    ) -> Option<Diagnostic> {
        let fix = Fix {
            changes,
            is_certain: false,
        };
        let is_some = !fix.changes.is_empty();
        let finding = self.finder.at(code, path, Part::Value, message);
        is_some.then(|| finding.help(help).fix(fix))
    }
}

fn is_name(text: &str) -> bool {
    slug(text, '-') == text && !text.is_empty()
}

fn is_id(text: &str) -> bool {
    is_name(text) || slug(text, '_') == text && !text.is_empty()
}

/// The lists of nodes of a plan, also those in nodes.
fn node_lists(plan: &Value) -> Vec<Vec<PathStep>> {
    let mut open = vec![path!["spec"], path!["spec", "graph"]];
    let mut lists = Vec::new();
    while let Some(place) = open.pop() {
        let fields = at(plan, &place).and_then(Value::as_object);
        for (key, value) in fields.into_iter().flatten() {
            let Some(items) = list_of_nodes(key, value) else {
                continue;
            };
            let list = [place.as_slice(), &[key.as_str().into()]].concat();
            let inner = (0..items.len()).map(|index| [list.as_slice(), &[index.into()]].concat());
            open.extend(inner);
            lists.push(list);
        }
    }
    lists.sort();
    lists
}

/// The nodes in a field, if it holds some: `children` may be their ids.
fn list_of_nodes<'v>(key: &str, value: &'v Value) -> Option<&'v Vec<Value>> {
    let items = value.as_array().filter(|items| !items.is_empty())?;
    let is_list = LISTS.contains(&folded(key).as_str());
    let is_ids = key == "children" && !items.iter().any(Value::is_object);
    (is_list && !is_ids).then_some(items)
}

fn before(node: &Value) -> Option<(&String, &Value)> {
    let mut fields = node.as_object()?.iter();
    fields.find(|(key, _)| BEFORE.contains(&folded(key).as_str()))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// `id: 1.1` is a number, and `1.10` the same one.
fn numbered(look: &Look<'_>) -> Option<Diagnostic> {
    let mut numbers = Vec::new();
    for list in node_lists(look.value) {
        let nodes = at(look.value, &list).and_then(Value::as_array);
        for (index, node) in nodes.into_iter().flatten().enumerate() {
            let place = [list.as_slice(), &[index.into()]].concat();
            if node.get("id").is_some_and(Value::is_number) {
                numbers.push([place.as_slice(), &["id".into()]].concat());
            }
            let Some((key, others)) = before(node) else {
                continue;
            };
            for (index, other) in others.as_array().into_iter().flatten().enumerate() {
                if other.is_number() {
                    numbers.push([place.as_slice(), &[key.as_str().into(), index.into()]].concat());
                }
            }
        }
    }
    let first = numbers.first()?.clone();
    let changes = numbers.into_iter().map(|path| Change::Quote { path });
    let words = (
        "an id must be a string, but this is a number",
        "write it in quotes",
    );
    look.say(Code::WRONG_TYPE, first, words, changes.collect())
}

/// `- Build it` or `- build: Build it` for a node.
fn as_text(look: &Look<'_>) -> Option<Diagnostic> {
    let mut changes = Vec::new();
    let mut first = None;
    for list in node_lists(look.value)
        .into_iter()
        .filter(|_| look.is("Plan"))
    {
        let nodes = at(look.value, &list).and_then(Value::as_array);
        for (index, node) in nodes.into_iter().flatten().enumerate() {
            if let Some(said) = said_as_text(node) {
                let path = [list.as_slice(), &[index.into()]].concat();
                first.get_or_insert_with(|| path.clone());
                let with = said.into();
                changes.push(Change::Replace { path, with });
            }
        }
    }
    let words = (
        "a node is a mapping",
        "write it as a mapping: `{id: …, kind: Task, name: …}`",
    );
    look.say(Code::WRONG_TYPE, first?, words, changes)
}

fn said_as_text(node: &Value) -> Option<Value> {
    const NAMES: [&str; 2] = ["task", "step"];
    const FIELDS: [&str; 7] = [
        "id",
        "name",
        "kind",
        "description",
        "title",
        "type",
        "label",
    ];
    match node {
        Value::String(text) => Some(json!({"name": without_mark(text)})),
        Value::Object(fields) if fields.len() == 1 => {
            let (key, text) = fields.iter().next()?;
            let name = without_mark(text.as_str()?);
            match folded(key).as_str() {
                word if FIELDS.contains(&word) || LISTS.contains(&word) => None,
                word if NAMES.contains(&word) => Some(json!({"name": name})),
                _ => Some(json!({"id": key, "name": name})),
            }
        }
        _ => None,
    }
}

/// Without the box or the bullet that stands before it.
fn without_mark(text: &str) -> &str {
    let text = text.trim();
    let boxes = ["[ ]", "[x]", "[X]"];
    let text = boxes
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .unwrap_or(text);
    text.trim_start_matches(|c: char| !c.is_alphanumeric() && !"\"'`([{$€£<".contains(c))
}

/// An order that is said once for all: `order: sequential`, or phases, which follow each other.
fn in_order(look: &Look<'_>) -> Option<Diagnostic> {
    let spec = look.value.get("spec").and_then(Value::as_object)?;
    let lists = node_lists(look.value);
    let list = lists
        .iter()
        .find(|list| !list.iter().any(|step| matches!(step, PathStep::Index(_))))?;
    let nodes = at(look.value, list)?.as_array()?;
    let has_edges = ["/spec/edges", "/spec/graph/edges"];
    let is_said = has_edges
        .iter()
        .any(|edges| look.value.pointer(edges).is_some())
        || nodes.iter().any(|node| before(node).is_some());
    let order = spec.iter().find(|(key, value)| is_order(key, value));
    let is_phases = *list.last()? == "phases".into();
    if !look.is("Plan") || is_said || !(is_phases || order.is_some()) {
        return None;
    }
    let name = |node: &Value| {
        let names = ["id", "name", "title"].iter();
        let mut names = names.filter_map(|field| Some(node.get(*field)?.as_str()?.to_owned()));
        names.next()
    };
    let names: Vec<String> = nodes.iter().map(name).collect::<Option<_>>()?;
    let mut changes: Vec<Change> = (1..nodes.len())
        .zip(names)
        .map(|(index, previous)| Change::Add {
            path: [list.as_slice(), &[index.into(), "dependsOn".into()]].concat(),
            with: json!([previous]).into(),
        })
        .collect();
    changes.extend(order.map(|(key, _)| Change::Remove {
        path: path!["spec", key.as_str()],
    }));
    let place = order.map_or(list.clone(), |(key, _)| path!["spec", key.as_str()]);
    let words = ("the order of nodes is set at each node", "use `dependsOn`");
    look.say(Code::UNKNOWN_FIELD, place, words, changes)
}

fn is_order(key: &str, value: &Value) -> bool {
    const WORDS: [&str; 6] = ["sequential", "sequence", "serial", "inorder", "yes", "true"];
    let word = match value {
        Value::String(word) => folded(word),
        Value::Bool(true) => "true".to_owned(),
        _ => return false,
    };
    let is_switch = matches!(word.as_str(), "yes" | "true");
    let key = folded(key);
    ORDER.contains(&key.as_str())
        && WORDS.contains(&word.as_str())
        && (!is_switch || key == "sequential")
}

/// Nodes within a node: it is a group, and they stand beside it.
fn nested(look: &Look<'_>) -> Option<Diagnostic> {
    let mut flat: Vec<Value> = Vec::new();
    let mut first = None;
    for (index, node) in look.nodes().iter().enumerate() {
        let fields = node.as_object()?;
        let inner = fields
            .iter()
            .find_map(|(key, value)| Some((key, list_of_nodes(key, value)?)));
        let Some((key, inner)) = inner else {
            flat.push(node.clone());
            continue;
        };
        first.get_or_insert_with(|| path!["spec", "graph", "nodes", index, key.as_str()]);
        let inner: Vec<Map<String, Value>> = inner.iter().map(inner_node).collect::<Option<_>>()?;
        let ids: Vec<Value> = inner.iter().map(|node| node["id"].clone()).collect();
        let group = fields.iter().filter(|(other, _)| *other != key);
        let mut group: Map<String, Value> = group
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let before = before(node).map(|(_, before)| before.clone());
        if group.get("parallel") == Some(&json!(true)) {
            group.remove("parallel");
            group.insert("mode".to_owned(), json!("parallel"));
        }
        group.insert("kind".to_owned(), json!("Group"));
        group.insert("children".to_owned(), Value::Array(ids.clone()));
        flat.push(Value::Object(group));
        let inner = inner.into_iter();
        flat.extend(inner.map(|node| after(node, &ids, before.as_ref())));
    }
    let path = path!["spec", "graph", "nodes"];
    let with = Value::Array(flat).into();
    let words = (
        "nodes cannot be nested",
        "list the ids of a Group's nodes in its `children`",
    );
    let changes = vec![Change::Replace { path, with }];
    look.say(Code::UNKNOWN_FIELD, first?, words, changes)
}

/// A node with an id.
fn inner_node(node: &Value) -> Option<Map<String, Value>> {
    let mut node = node.as_object()?.clone();
    if !node.contains_key("id") {
        let mut names = ["name", "title"].iter();
        let name = names.find_map(|field| node.get(*field)?.as_str())?;
        node.insert("id".to_owned(), json!(slug(name, '-')));
    }
    node["id"].is_string().then_some(node)
}

/// A group holds back no child: what waits for none of its siblings waits for what the group waits for.
fn after(mut node: Map<String, Value>, siblings: &[Value], group: Option<&Value>) -> Value {
    let own = node
        .iter()
        .find(|(key, _)| BEFORE.contains(&folded(key).as_str()));
    let own = own.map(|(key, value)| (key.clone(), value.clone()));
    let waits = own.as_ref().map_or(Vec::new(), |(_, own)| texts(own));
    let is_sibling = |name: &&str| siblings.iter().any(|id| id.as_str() == Some(*name));
    if let Some(group) = group
        && !waits.iter().any(is_sibling)
    {
        let all: Vec<&str> = waits.iter().copied().chain(texts(group)).collect();
        let key = own
            .as_ref()
            .map_or("dependsOn".to_owned(), |(key, _)| key.clone());
        node.insert(key, json!(all));
    }
    Value::Object(node)
}

/// What the other documents of a file say, and this one leaves out.
fn beside_the_others(look: &Look<'_>) -> Option<Diagnostic> {
    let ours = Kind::ALL.iter().any(|kind| look.is(kind.name()));
    let fields = look.value.as_object().filter(|_| ours)?;
    let has = |name: &str| fields.keys().any(|key| folded(key) == folded(name));
    if !has("apiVersion") && has("spec") {
        let path = path!["apiVersion"];
        let with = json!(API_VERSION).into();
        let words = (
            "`apiVersion` is missing",
            "add `apiVersion: planspec.io/v1alpha1`",
        );
        let changes = vec![Change::Add { path, with }];
        return look.say(Code::MISSING_FIELD, Vec::new(), words, changes);
    }
    let metadata = fields.get("metadata")?.as_object()?;
    if has("namespace") || metadata.keys().any(|key| folded(key) == "namespace") {
        return None;
    }
    let others = look.all.iter().map(|other| &other.value);
    let mut namespaces: Vec<&str> = others
        .filter_map(|other| other.pointer("/metadata/namespace")?.as_str())
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let [namespace] = namespaces.as_slice() else {
        return None;
    };
    let path = path!["metadata", "namespace"];
    let with = json!(namespace).into();
    let words = (
        "metadata needs `namespace`",
        "the other resources of the file have one",
    );
    let changes = vec![Change::Add { path, with }];
    look.say(Code::MISSING_FIELD, path!["metadata"], words, changes)
}

/// A binding, as a document.
fn binding((name, namespace): (&str, &str), rules: Vec<Value>) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "Binding",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"rules": rules},
    })
}

fn bound(plan: &str, node: &str, provider: &str) -> Value {
    json!({
        "selector": {"planRef": {"name": plan}, "nodeId": node},
        "target": {"provider": provider},
    })
}

/// Who does a node, said at the node.
fn bound_at_the_node(look: &Look<'_>) -> Option<Diagnostic> {
    let (plan, namespace) = look.names().filter(|_| look.is("Plan"))?;
    let mut rules = Vec::new();
    let mut changes = Vec::new();
    let mut first = None;
    for (index, node) in look.nodes().iter().enumerate() {
        for (key, value) in node.as_object().into_iter().flatten() {
            let Some(provider) = value.as_str().filter(|_| names_provider(key, value)) else {
                continue;
            };
            let id = node.get("id").and_then(Value::as_str);
            rules.push(bound(plan, id.filter(|id| is_id(id))?, provider));
            let path = path!["spec", "graph", "nodes", index, key.as_str()];
            first.get_or_insert_with(|| path.clone());
            changes.push(Change::Remove { path });
        }
    }
    let with = binding((plan, namespace), rules).into();
    changes.push(Change::Append { with });
    let words = (
        "the provider of a node is set in a Binding",
        "select the node in a rule of a Binding, and name the provider there",
    );
    look.say(Code::UNKNOWN_FIELD, first?, words, changes)
}

/// Names and their providers.
fn providers<'v>(value: &'v Value) -> Option<Vec<(&'v str, &'v str)>> {
    let fields = value.as_object().filter(|fields| !fields.is_empty())?;
    let one = |(name, provider): (&'v String, &'v Value)| {
        let provider = provider.as_str().filter(|text| text.contains("://"))?;
        Some((name.as_str(), provider))
    };
    fields.iter().map(one).collect()
}

/// Who does the nodes of a run, said at the run.
fn bound_at_the_execution(look: &Look<'_>) -> Option<Diagnostic> {
    let (name, namespace) = look.names().filter(|_| look.is("Execution"))?;
    let plan = look
        .text("/spec/planRef/name")
        .filter(|plan| is_name(plan))?;
    let spec = look.value.get("spec")?.as_object()?;
    let (key, who) = spec.iter().find_map(|(key, value)| {
        let is_binding = matches!(folded(key).as_str(), "bindings" | "binding" | "bindingref");
        Some((key, providers(value).filter(|_| is_binding)?))
    })?;
    let rules = who
        .into_iter()
        .map(|(node, provider)| bound(plan, node, provider));
    let mut changes = vec![Change::Append {
        with: binding((name, namespace), rules.collect()).into(),
    }];
    let path = path!["spec", key.as_str()];
    let with = json!({"name": name}).into();
    if key == "bindingRef" {
        let path = path.clone();
        changes.push(Change::Replace { path, with });
    } else {
        let path = path.clone();
        changes.push(Change::Remove { path });
        let path = path!["spec", "bindingRef"];
        changes.push(Change::Add { path, with });
    }
    let words = (
        "the provider of a node is set in a Binding",
        "refer to it with `bindingRef`",
    );
    look.say(Code::UNKNOWN_FIELD, path, words, changes)
}

/// `coding: agent://coder` in a binding.
fn binding_by_capability(look: &Look<'_>) -> Option<Diagnostic> {
    let spec = look.value.get("spec").filter(|_| look.is("Binding"))?;
    let rules = providers(spec)?.into_iter().map(|(capability, provider)| {
        json!({
            "selector": {"capabilityRef": {"name": capability}},
            "target": {"provider": provider},
        })
    });
    let with = json!({"rules": rules.collect::<Vec<Value>>()}).into();
    let path = path!["spec"];
    let words = (
        "a Binding has rules",
        "each rule has a `selector` and a `target`",
    );
    let changes = vec![Change::Replace { path, with }];
    look.say(Code::MISSING_FIELD, path!["spec"], words, changes)
}

/// One selector for all rules, or one for several capabilities.
fn binding_with_one_selector(look: &Look<'_>) -> Option<Diagnostic> {
    let spec = look.value.get("spec").filter(|_| look.is("Binding"))?;
    let rules = spec.get("rules")?.as_array()?;
    let of_all = match spec.get("selector") {
        None => Map::new(),
        Some(selector) => {
            let plan = selector.pointer("/matchLabels/plan").or_else(|| {
                let plan = selector.get("planRef")?;
                plan.get("name").or(Some(plan))
            });
            let mut fields = Map::new();
            fields.insert("planRef".to_owned(), json!({"name": plan?.as_str()?}));
            fields
        }
    };
    let has_several = |rule: &Value| rule.pointer("/selector/matchExpressions").is_some();
    if of_all.is_empty() && !rules.iter().any(has_several) {
        return None;
    }
    let rules: Vec<Vec<Value>> = rules
        .iter()
        .map(|rule| for_each_capability(rule, &of_all))
        .collect::<Option<_>>()?;
    let with = Value::Array(rules.concat()).into();
    let path = path!["spec", "rules"];
    let mut changes = vec![Change::Replace { path, with }];
    if spec.get("selector").is_some() {
        let path = path!["spec", "selector"];
        changes.push(Change::Remove { path });
    }
    let words = (
        "each rule of a Binding has its own selector, for one capability",
        "write one rule for each",
    );
    look.say(Code::BAD_FORMAT, path!["spec", "rules"], words, changes)
}

/// A rule for each capability of its selector, with what is said for all.
fn for_each_capability(rule: &Value, of_all: &Map<String, Value>) -> Option<Vec<Value>> {
    let empty = json!({});
    let own = rule.get("selector").unwrap_or(&empty).as_object()?;
    let capabilities = match own.get("matchExpressions") {
        None => {
            let named = own.get("capability").or_else(|| own.get("capabilityRef"));
            named.map(|one| vec![one.get("name").unwrap_or(one).clone()])
        }
        Some(expressions) => {
            let [one] = expressions.as_array()?.as_slice() else {
                return None;
            };
            let is_any = one.get("operator")? == "In" && one.get("key")? == "capability";
            Some(one.get("values").filter(|_| is_any)?.as_array()?.clone())
        }
    };
    let with = |capability: Option<&Value>| {
        let mut selector = of_all.clone();
        if let Some(capability) = capability {
            selector.insert("capabilityRef".to_owned(), json!({"name": capability}));
        }
        let mut rule = rule.as_object()?.clone();
        rule.insert("selector".to_owned(), Value::Object(selector));
        Some(Value::Object(rule))
    };
    match capabilities {
        None => Some(vec![with(None)?]),
        Some(several) => several.iter().map(|one| with(Some(one))).collect(),
    }
}

/// A command that only a shell understands.
fn for_a_shell(look: &Look<'_>) -> Option<Diagnostic> {
    let mut nodes = look.nodes().iter().enumerate();
    nodes.find_map(|(index, node)| {
        let criteria = node.get("acceptanceCriteria")?.as_array()?;
        let mut criteria = criteria.iter().enumerate();
        criteria.find_map(|(number, criterion)| {
            let command = criterion.get("command")?.as_str()?;
            let is_whole = criterion.get("args").is_none();
            let piece = shell::in_text(command).filter(|_| is_whole)?;
            let of = |field: &str| {
                let node = path!["spec", "graph", "nodes", index];
                [node, path!["acceptanceCriteria", number, field]].concat()
            };
            let (path, with) = (of("command"), json!("sh").into());
            let replace = Change::Replace { path, with };
            let (path, with) = (of("args"), json!(["-c", command]).into());
            let changes = vec![replace, Change::Add { path, with }];
            let words = (piece.told(), shell::help(command));
            let words = (words.0.as_str(), words.1.as_str());
            look.say(Code::SHELL_SYNTAX, of("command"), words, changes)
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::core::base::source::{Content, SourceFile};
    use crate::core::repository::config::Config;
    use crate::core::repository::meant::{self, Confidence};

    fn meant_by(path: &str, text: &str) -> String {
        let source = SourceFile {
            path: format!("planspec/{path}"),
            blob: String::new(),
            content: Content::Bytes(text.as_bytes().into()),
        };
        let meant = meant::of(&source, &Config::default(), Confidence::Likely).unwrap();
        for finding in &meant.found {
            assert!(finding.help.is_some(), "{finding:?}");
        }
        meant.text
    }

    /// A plan with so many lines of its spec.
    fn plan(spec: &str) -> String {
        let head = "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata:\n  name: bake\n  namespace: kitchen\nspec:\n  description: A loaf of bread\n";
        format!("{head}{spec}")
    }

    #[test]
    fn nodes_within_nodes_stand_beside_their_group() {
        let written = plan(
            "  # In the morning.\n  graph:\n    nodes:\n      - id: buy\n        kind: Task\n      - id: dough\n        kind: Group\n        \
             dependsOn: [buy]\n        tasks:\n          - id: 1.10\n            kind: Task\n          - name: Let it rise\n            \
             dependsOn: [1.10]\n",
        );
        let meant = plan(
            "  # In the morning.\n  graph:\n    nodes:\n      - id: buy\n        kind: Task\n      - id: dough\n        kind: Group\n        \
             dependsOn:\n          - buy\n        children:\n          - \"1-10\"\n          - let-it-rise\n      - id: \"1-10\"\n        kind: Task\n        \
             dependsOn:\n          - buy\n      - name: Let it rise\n        kind: Task\n        dependsOn:\n          - \"1-10\"\n        id: let-it-rise",
        );
        assert_eq!(meant_by("a.yaml", &written).trim_end(), meant);
    }

    #[test]
    fn texts_are_nodes_and_an_order_that_is_said_once_is_one_between_them() {
        let written = plan(
            "  order: sequential # one cook\n  steps:\n    - \"[x] Mix it\"\n    - bake: In the oven\n    - Eat\n",
        );
        let meant = plan(
            "  graph:\n    nodes:\n      - {name: Mix it, kind: Task, id: mix-it}\n      - {id: bake, dependsOn: [mix-it], kind: Task, name: In the oven}\n      \
             - {name: Eat, dependsOn: [bake], kind: Task, id: eat}\n",
        );
        let found = meant_by("a.yaml", &written);
        let sorted = |text: &str| {
            let (documents, _) = crate::core::text::yaml::read(
                "a.yaml",
                text.as_bytes(),
                &crate::core::base::limits::Limits::default(),
            );
            documents
                .into_iter()
                .map(|one| one.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(sorted(&found), sorted(&meant), "{found}");
    }

    #[test]
    fn who_does_a_node_is_said_in_a_binding() {
        let written = plan(
            "  graph:\n    nodes:\n      - id: mix\n        kind: Task # by hand\n        provider: human://eva\n",
        );
        let binding = "---\napiVersion: planspec.io/v1alpha1\nkind: Binding\nmetadata:\n  name: bake\n  namespace: kitchen\nspec:\n  rules:\n    \
                       - selector:\n        planRef:\n          name: bake\n        nodeId: mix\n      target:\n        provider: human://eva\n";
        let meant =
            plan("  graph:\n    nodes:\n      - id: mix\n        kind: Task # by hand\n") + binding;
        assert_eq!(
            meant_by("a.yaml", &written).replace("\n\n---", "\n---"),
            meant
        );

        let run = "apiVersion: planspec.io/v1alpha1\nkind: Execution\nmetadata:\n  name: today\n  namespace: kitchen\nspec:\n  planRef: {name: bake}\n";
        let found = meant_by(
            "b.yaml",
            &format!("{run}  bindings:\n    mix: human://eva\n"),
        );
        let meant = format!("{run}  bindingRef: {{name: today}}\n{binding}");
        assert_eq!(
            found,
            meant.replace("name: bake\n  namespace", "name: today\n  namespace")
        );
    }

    #[test]
    fn a_binding_has_a_rule_for_each_capability() {
        let head = "apiVersion: planspec.io/v1alpha1\nkind: Binding\nmetadata:\n  name: cooks\n  namespace: kitchen\nspec:\n";
        let rule = |capability: &str, provider: &str| {
            format!(
                "    - selector:\n        capabilityRef:\n          name: {capability}\n      target:\n        provider: {provider}\n"
            )
        };
        let meant = format!(
            "{head}  rules:\n{}{}",
            rule("mixing", "human://eva"),
            rule("baking", "agent://oven")
        );
        let written = format!("{head}  mixing: human://eva\n  baking: agent://oven\n");
        assert_eq!(meant_by("a.yaml", &written).trim_end(), meant.trim_end());

        let several = "  rules:\n    - selector:\n        matchExpressions:\n          - {key: capability, operator: In, values: [mixing, baking]}\n      provider: \
                       {type: human, name: eva}\n";
        let found = meant_by("a.yaml", &format!("{head}{several}"));
        let meant = format!(
            "{head}  rules:\n{}{}",
            rule("mixing", "human://eva"),
            rule("baking", "human://eva")
        );
        assert_eq!(found.trim_end(), meant.trim_end());
    }

    #[test]
    fn a_gate_beside_a_plan_in_json_is_an_item_of_a_list() {
        let written = r#"{"apiVersion": "planspec.io/v1alpha1", "kind": "Plan", "metadata": {"name": "bake", "namespace": "kitchen"},
 "spec": {"description": "A loaf", "graph": {"nodes": [{"id": "taste", "kind": "Gate", "reviewers": ["@eva", "@ben"]}]}}}"#;
        let found: serde_json::Value = serde_json::from_str(&meant_by("a.json", written)).unwrap();
        let reviewers = serde_json::json!(["user:eva", "user:ben"]);
        assert_eq!(found["kind"], "List");
        assert_eq!(
            found["items"][0]["spec"]["graph"]["nodes"][0]["gateRef"]["name"],
            "taste"
        );
        assert_eq!(found["items"][1]["spec"]["reviewers"], reviewers);
    }

    #[test]
    fn the_second_document_has_the_namespace_of_the_first() {
        let written = plan("  graph:\n    nodes:\n      - {id: mix, kind: Task}\n")
            + "---\nkind: Goal\nmetadata:\n  name: bread\nspec:\n  description: There is bread\n";
        let meant = written
            .replace(
                "kind: Goal\n",
                "kind: Goal\napiVersion: planspec.io/v1alpha1\n",
            )
            .replace("name: bread\n", "name: bread\n  namespace: kitchen\n");
        assert_eq!(meant_by("a.yaml", &written), meant);
    }

    #[test]
    fn what_only_a_shell_understands_is_given_to_one() {
        let written = plan(
            "  graph:\n    nodes:\n      - id: mix\n        kind: task\n        acceptanceCriteria:\n          - type: command_succeeds\n            \
             name: warm\n            command: thermometer | grep -q 30\n",
        );
        let found = meant_by("a.yaml", &written);
        assert!(found.contains("command: sh\n"), "{found}");
        assert!(
            found.contains("args: [\"-c\", \"thermometer | grep -q 30\"]"),
            "{found}"
        );
    }

    #[test]
    fn quotes_of_a_word_processor_and_other_words_for_a_description_are_read() {
        let written = "apiVersion: “planspec.io/v1alpha1”\nkind: Goal\nmetadata: {name: ‘bread’, namespace: kitchen}\nspec:\n  description: x\n  \
                       acceptanceCriteria:\n    - {id: c1, text: tasty}\n";
        let meant = written
            .replace(['“', '”', '‘', '’'], "")
            .replace("text: tasty", "description: tasty");
        assert_eq!(meant_by("a.yaml", written), meant);
    }

    #[test]
    fn what_no_field_holds_is_said_in_a_description() {
        let written = plan(
            "  graph:\n    nodes:\n      - id: taste\n        kind: Gate\n        gate: {timeout: 5, quorum: most, reviewers: [eva], type: solemn}\n      \
             - id: dough\n        parallel: 4\n        tasks: [Mix]\n",
        );
        let found = meant_by("a.yaml", &written);
        for said in [
            "timeout: 5",
            "quorum: most",
            "type: solemn",
            "parallel: 4",
            "- eva",
        ] {
            assert!(found.contains(said), "{said}: {found}");
        }
        assert!(!found.contains("requiredApprovers"), "{found}");
    }

    #[test]
    fn comments_are_not_lost_for_it() {
        let written = plan(
            "  graph:\n    nodes:\n      - id: dough\n        kind: group\n        tasks:\n          # By hand.\n          - {id: mix, kind: Task}\n",
        );
        let found = meant_by("a.yaml", &written);
        assert_eq!(found, written.replace("kind: group", "kind: Group"));
    }
}
