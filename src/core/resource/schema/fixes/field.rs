//! Fixes of unknown fields.

use serde_json::{Value, json};

use super::missing::criterion;
use super::text::slug;
use super::{annotated, said_of_node, text_of};
use crate::core::base::diagnostic::PathStep;
use crate::core::base::fix::{Change, Fix, at};
use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::folded;

/// Fields of other tools, with the fields that may be meant, likeliest first.
const OTHER_NAMES: [(&[&str], &[&str]); 25] = [
    (&["artifact", "file", "filename"], &["path"]),
    (&["run", "cmd", "shell", "exec"], &["command"]),
    (&["endpoint", "uri", "href", "http"], &["url"]),
    (
        &["status", "expectstatus", "statuscode"],
        &["expectedStatus"],
    ),
    (
        &[
            "needs",
            "dependencies",
            "depends",
            "requires",
            "after",
            "dependon",
            "runafter",
            "previous",
        ],
        &["dependsOn"],
    ),
    (&["steps", "tasks", "stages", "jobs", "phases"], &["nodes"]),
    (&["title", "label", "displayname"], &["name", "description"]),
    (
        &["summary", "details", "text", "goal"],
        &["description", "goalRef"],
    ),
    (&["type"], &["kind", "gateType"]),
    (
        &["capability", "capabilities", "skill", "skills"],
        &["capabilityRef", "capabilityRefs"],
    ),
    (&["approvers", "approver", "reviewer"], &["reviewers"]),
    (
        &[
            "requiredapprovals",
            "minapprovals",
            "minapprovers",
            "approvals",
            "minimumapprovals",
            "quorum",
        ],
        &["requiredApprovers"],
    ),
    (&["target"], &["targetRef", "to"]),
    (&["plan"], &["planRef"]),
    (&["binding", "bindings", "bindingrefs"], &["bindingRef"]),
    (&["gate"], &["gateRef"]),
    (
        &["acceptance", "criteria", "checks", "successcriteria"],
        &["acceptanceCriteria"],
    ),
    (
        &["params", "arguments", "variables", "vars"],
        &["parameters"],
    ),
    (
        &[
            "timeoutseconds",
            "timeoutminutes",
            "timeouthours",
            "deadline",
            "duration",
            "activedeadlineseconds",
        ],
        &["timeout"],
    ),
    (&["match"], &["selector"]),
    (
        &["retry", "maxretries", "retrycount", "attempts"],
        &["retries"],
    ),
    (&["source", "parent"], &["from"]),
    (&["destination", "child"], &["to"]),
    (&["if", "condition"], &["when"]),
    (&["with", "args", "env"], &["inputs"]),
];

/// Maximum difference in length of a mistyped name.
const LONGEST_SLIP: usize = 4;

/// A name in the spelling of our fields: `acceptance_criteria` and `AcceptanceCriteria` are `acceptanceCriteria`.
pub(in crate::core::resource::schema) fn camel_case(name: &str) -> String {
    let mut out = String::new();
    let mut begins = false;
    for c in name.chars() {
        match c {
            '_' | '-' | ' ' => begins = true,
            c if out.is_empty() => out.extend(c.to_lowercase()),
            c if std::mem::take(&mut begins) => out.extend(c.to_uppercase()),
            c => out.push(c),
        }
    }
    out
}

/// An unknown field of an object.
pub(in crate::core::resource::schema) struct Misplaced<'a> {
    /// The whole value.
    pub instance: &'a Value,
    /// The path of the object.
    pub path: &'a [PathStep],
    /// The name of the field.
    pub name: &'a str,
    /// The fields that the object could have in addition.
    pub free: &'a [&'a str],
}

impl Misplaced<'_> {
    fn at(&self, name: &str) -> Vec<PathStep> {
        [self.path, &[name.into()]].concat()
    }

    fn value(&self) -> Option<&Value> {
        at(self.instance, self.path)?.get(self.name)
    }

    /// The names that may be meant by one of other tools.
    pub fn other_names(&self) -> &'static [&'static str] {
        let word = folded(self.name);
        let known = OTHER_NAMES.iter();
        let (_, others) = known
            .copied()
            .find(|(names, _)| names.contains(&word.as_str()))
            .unwrap_or_default();
        // A single word is a name, several words are a description.
        let is_prose = self
            .value()
            .and_then(Value::as_str)
            .is_some_and(|text| text.trim().contains(' '));
        match others {
            ["description", "goalRef"] if !is_prose && self.free.contains(&"goalRef") => {
                &["goalRef"]
            }
            others => others,
        }
    }

    /// The field that was probably meant.
    pub fn meant(&self) -> Option<Fix> {
        let renamed = |to: &str| Change::Rename {
            path: self.at(self.name),
            to: to.to_owned(),
        };
        let word = folded(self.name);
        let is_default = word == "if" && self.value()? == "success()";
        if is_default || self.says_nothing_new() == Some(true) {
            let path = self.at(self.name);
            return Some(Fix::likely(Change::Remove { path }));
        }
        if let Some(same) = self.free.iter().find(|other| folded(other) == word) {
            return Some(Fix::certain(renamed(same)));
        }
        if let Some(fix) = self.with_unit(&word) {
            return Some(fix);
        }
        let others = self.other_names().iter();
        let meant = others.copied().find(|other| self.free.contains(other));
        // A word is not an abbreviation of a much longer one.
        let alike = self.free.iter().copied();
        let alike = alike.filter(|free| free.len().abs_diff(self.name.len()) <= LONGEST_SLIP);
        let meant = meant.or_else(|| did_you_mean(self.name, alike));
        meant.map(|meant| Fix::likely(renamed(meant)))
    }

    /// `timeoutMinutes: 40`.
    fn with_unit(&self, word: &str) -> Option<Fix> {
        let unit = match word {
            "timeoutseconds" | "timeoutsec" | "activedeadlineseconds" => "s",
            "timeoutminutes" | "timeoutmin" => "m",
            "timeouthours" => "h",
            "timeoutdays" => "d",
            _ => return None,
        };
        let number = self
            .value()?
            .as_u64()
            .filter(|_| self.free.contains(&"timeout"))?;
        let remove = Change::Remove {
            path: self.at(self.name),
        };
        Some(Fix::certain(remove).and(Change::Add {
            path: self.at("timeout"),
            with: json!(format!("{number}{unit}")).into(),
        }))
    }

    /// Moves reviewers and other fields of a decision from the gate node to a new Gate.
    pub fn inline_gate(&self) -> Option<Fix> {
        let [
            PathStep::Key(spec),
            PathStep::Key(graph),
            PathStep::Key(nodes),
            PathStep::Index(_),
        ] = self.path
        else {
            return None;
        };
        let node = at(self.instance, self.path)?;
        if [spec, graph, nodes] != ["spec", "graph", "nodes"] || !is_gate(node) {
            return None;
        }
        let inline = node
            .as_object()?
            .iter()
            .filter(|(field, value)| says_who_decides(field, value));
        let inline: Vec<(&String, &Value)> = inline.collect();
        // Of several such fields, the first one has the fix.
        if inline.first().is_none_or(|(field, _)| *field != self.name) {
            return None;
        }
        let id = node.get("id").and_then(Value::as_str)?;
        let text = |path: &str| self.instance.pointer(path).and_then(Value::as_str);
        let name = slug(id, '-');
        let mut gate = json!({
            "apiVersion": text("/apiVersion")?,
            "kind": "Gate",
            "metadata": {"name": name, "namespace": text("/metadata/namespace")?},
            "spec": {
                "gateType": "approval",
                "targetRef": {"kind": "Plan", "name": text("/metadata/name")?, "nodeId": id},
            },
        });
        let mut changes = Vec::new();
        for (field, value) in inline {
            match value {
                Value::Object(fields) => {
                    fields
                        .iter()
                        .for_each(|(field, value)| take_in(&mut gate["spec"], field, value));
                }
                value => take_in(&mut gate["spec"], field, value),
            }
            let path = self.at(field);
            changes.push(Change::Remove { path });
        }
        if node.get("gateRef").is_none() {
            let (path, with) = (self.at("gateRef"), json!({"name": name}).into());
            changes.push(Change::Add { path, with });
        }
        changes.push(Change::Append { with: gate.into() });
        Some(Fix {
            changes,
            is_certain: false,
        })
    }

    /// Whether a field adds nothing: `external: true` of an External node, `autoApprove: no`; false if it will add
    /// nothing once its node has a kind. `None` if it does add something.
    fn says_nothing_new(&self) -> Option<bool> {
        let is_on = switch(self.value()?)?;
        let word = folded(self.name);
        let kinds = ["task", "gate", "group", "external"];
        if self.is_in_node() && is_on && kinds.contains(&word.as_str()) {
            let node = at(self.instance, self.path)?;
            let kind = node.get("kind").and_then(Value::as_str);
            let is_so = kind.is_none_or(|kind| folded(kind) == word);
            return is_so.then_some(kind.is_some());
        }
        let has_one = self.free.iter().any(|free| folded(free) == word);
        let is_in_sight = self.is_in_node() || matches!(self.path, [PathStep::Key(_)]);
        (!is_on && is_in_sight && !has_one).then_some(true)
    }

    fn is_in_node(&self) -> bool {
        matches!(self.path, [.., PathStep::Key(nodes), PathStep::Index(_)] if nodes == "nodes")
    }

    /// Keeps the content of an unknown field elsewhere.
    pub fn kept(&self) -> Option<Fix> {
        let value = self.value()?;
        let object = at(self.instance, self.path)?;
        if let [
            PathStep::Key(spec),
            PathStep::Key(criteria),
            PathStep::Index(_),
        ] = self.path
            && spec == "spec"
            && criteria == "acceptanceCriteria"
        {
            return criterion(self.path, object);
        }
        let is_node = self.is_in_node();
        let is_command =
            ["command", "cmd", "run", "runs", "script"].contains(&folded(self.name).as_str());
        let remove = Change::Remove {
            path: self.at(self.name),
        };
        if is_node && is_command && value.is_string() {
            let path = [self.at("inputs"), vec!["command".into()]].concat();
            let with = value.clone().into();
            return Some(Fix::likely(remove).and(Change::Add { path, with }));
        }
        let is_status = ["status", "phase", "state"].contains(&folded(self.name).as_str());
        if is_status && self.path == ["spec".into()] {
            // Progress is kept on the status branch.
            return Some(Fix::likely(remove));
        }
        if self.says_nothing_new().is_some() {
            return None;
        }
        let text = text_of(value)?;
        if self.path == ["spec".into()]
            && is_gate(self.instance)
            && ["conditions", "criteria", "checklist"].contains(&folded(self.name).as_str())
        {
            let text = text.replace(", ", "\n");
            return said_of_node(self.path, object, &text, remove);
        }
        // Its kind must be fixed first.
        let is_of_gate =
            is_inline_gate(self.name) && (is_gate(object) || object.get("kind").is_none());
        if is_node && (is_of_gate || names_provider(self.name, value)) {
            return None;
        }
        match self.path {
            [PathStep::Key(one)] if one == "spec" || one == "metadata" => {
                Some(annotated(self.name, &text, remove))
            }
            _ if is_node => {
                said_of_node(self.path, object, &format!("{}: {text}", self.name), remove)
            }
            _ => None,
        }
    }
}

/// Whether a field of a node names a provider.
pub fn names_provider(field: &str, value: &Value) -> bool {
    const WORDS: [&str; 8] = [
        "provider", "runson", "agent", "assignee", "executor", "runner", "worker", "owner",
    ];
    let is_provider = value.as_str().is_some_and(|text| text.contains("://"));
    is_provider && WORDS.contains(&folded(field).as_str())
}

/// Whether a switch is on or off; `None` if it is something else.
fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is_on) => Some(*is_on),
        Value::String(word) => match folded(word).as_str() {
            "yes" | "true" | "on" => Some(true),
            "no" | "false" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a node is probably a gate.
fn is_gate(node: &Value) -> bool {
    let kind = node.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| folded(kind) == "gate")
}

fn says_who_decides(field: &str, value: &Value) -> bool {
    match value {
        Value::Object(fields) => folded(field) == "gate" && fields.get("name").is_none(),
        _ => is_inline_gate(field),
    }
}

fn is_inline_gate(field: &str) -> bool {
    let known = [
        "reviewers",
        "reviewer",
        "approvers",
        "approver",
        "type",
        "gatetype",
        "requiredapprovals",
        "requiredapprovers",
        "minapprovals",
        "minapprovers",
        "approvals",
        "environment",
    ];
    known.contains(&folded(field).as_str())
}

/// Adds a field of a node to its gate.
fn take_in(spec: &mut Value, field: &str, value: &Value) {
    match folded(field).as_str() {
        "type" | "gatetype" => {
            let allowed = ["approval", "review", "sign-off"];
            let given = value.as_str().unwrap_or_default();
            match allowed.iter().find(|one| folded(one) == folded(given)) {
                Some(same) => spec["gateType"] = json!(same),
                None => describe(spec, field, value),
            }
        }
        "reviewers" | "reviewer" | "approvers" | "approver" => {
            let several = match value {
                Value::Array(several) => several.as_slice(),
                one => std::slice::from_ref(one),
            };
            let named = several.iter().filter_map(|one| one.get("name")?.as_str());
            let named: Vec<&str> = named.collect();
            if !named.is_empty() {
                add_line(spec, named.join(", "));
            }
            match several {
                [Value::String(all)]
                    if ["all", "everyone", "everybody"].contains(&all.as_str()) =>
                {
                    describe(spec, field, value);
                }
                several => spec["reviewers"] = several.iter().map(reviewer).collect(),
            }
        }
        "environment" => spec["context"] = json!({"environment": value}),
        word => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            match number.filter(|_| is_inline_gate(word)) {
                Some(number) => spec["requiredApprovers"] = json!(number),
                None => describe(spec, field, value),
            }
        }
    }
}

/// Adds a field that gates do not have to the description: another number is not that of approvers.
fn describe(spec: &mut Value, field: &str, value: &Value) {
    let text = text_of(value).unwrap_or_else(|| value.to_string());
    add_line(spec, format!("{field}: {text}"));
}

fn add_line(spec: &mut Value, line: String) {
    let before = spec.get("description").and_then(Value::as_str);
    let text = before.map_or(line.clone(), |before| format!("{before}\n{line}"));
    spec["description"] = json!(text);
}

/// `legal@paper.example` of `{name: Legal desk, email: legal@paper.example}`.
fn reviewer(value: &Value) -> Value {
    let text = value.as_str().or_else(|| value.get("email")?.as_str());
    match text {
        Some(text) => json!(person(text).unwrap_or_else(|| match text {
            text if text.contains(' ') => slug(text, '-'),
            text => text.to_owned(),
        })),
        None => value.clone(),
    }
}

/// The reviewer for `@ana` or `human://ana`, as other tools write it.
pub fn person(text: &str) -> Option<String> {
    let name = text
        .strip_prefix('@')
        .or_else(|| text.strip_prefix("human://"))?;
    let of = if name.ends_with("-team") {
        "team"
    } else {
        "user"
    };
    Some(format!("{of}:{name}"))
}
