//! Writes resources that an API receives, all of a request or none, as a commit. A value may name the version it is
//! based on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::change::Changeset;
use super::delete::known_uid;
use super::store::Store;
use super::{Error, ErrorKind, Fault, Result};
use crate::api::change::ResourceChange;
use crate::core::base::diagnostic::{Code, Diagnostic, Place, pointer};
use crate::core::base::digest;
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::manifest;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{API_VERSION, DELETION_REQUESTED, Key, Kind, version_of_spec};
use crate::core::text::located::ResourceName;
use crate::core::text::{json as json_text, yaml};

/// How often a write is tried again after a lost race.
const TRIES: usize = 12;
/// The file name of a received value in findings.
const SENT: &str = "request.json";

/// What to do with the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Create them.
    Create(Kind),
    /// Replace an existing resource: kind and name.
    Replace(Kind, String),
    /// Change an existing resource by a JSON merge patch (RFC 7386): kind and name.
    Patch(Kind, String),
    /// Create or replace them.
    Apply,
}

/// A request to write resources.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// What to do with them.
    pub verb: Verb,
    /// Their namespace.
    pub namespace: String,
    /// The resources, or the patch.
    pub values: Vec<Value>,
    /// Commit message; `None` makes one from the changes.
    pub message: Option<String>,
    /// Only report what would be done.
    pub dry_run: bool,
}

/// The result of a write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// The resources, in the order of the request.
    pub resources: Vec<(Key, ResourceChange)>,
    /// Id of the commit; `None` if none was needed.
    pub commit: Option<String>,
    /// The branch of the commit.
    pub branch: Option<String>,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The error.
    pub error: Error,
    /// The errors of single values.
    pub causes: Vec<Cause>,
}

/// An error of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The index of the value, from 0.
    pub index: usize,
    /// Its kind, if it has one.
    pub kind: String,
    /// Its name, if it has one.
    pub name: String,
    /// The field, as a JSON pointer.
    pub field: String,
    /// The rule.
    pub code: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused {
            error: error.into(),
            causes: Vec::new(),
        }
    }
}

/// Writes resources; after a lost race, tries again.
///
/// # Errors
/// See [`Refused`]: nothing was written.
pub fn write(store: &Store, request: &WriteRequest) -> std::result::Result<Written, Refused> {
    for _ in 1..TRIES {
        match once(store, request) {
            Err(refused) if refused.error.fault == Some(Fault::Moved) => drop(store.fresh()?),
            done => return done,
        }
    }
    once(store, request)
}

/// Runs a function that writes; after a lost race, runs it again.
///
/// # Errors
/// Those of `work`.
pub fn decided_anew<T>(store: &Store, work: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        match work() {
            Err(error) if error.fault == Some(Fault::Moved) => drop(store.fresh()?),
            done => return done,
        }
    }
    work()
}

/// The errors of values, each by itself and together with the repository; writes nothing.
///
/// # Errors
/// The repository cannot be used.
pub fn check(store: &Store, values: &[Value]) -> Result<Vec<(String, String, Vec<Cause>)>> {
    let mut change = Changeset::begin(store)?;
    change.in_any_order();
    let mut told = Vec::new();
    let mut given = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let namespace = change.config.default_namespace.clone();
        match Given::read(&change.config, index, value.clone(), &namespace) {
            Ok(one) => {
                told.push((one.kind_name(), one.key.name.clone(), Vec::new()));
                given.push(one);
            }
            Err(causes) => {
                let (kind, name) = said(value);
                told.push((kind, name, causes));
            }
        }
    }
    let mut placed = BTreeSet::new();
    for one in given.iter().filter(|one| placed.insert(one.key.clone())) {
        change.put_resource(one.key.clone(), &yaml::write(&one.value))?;
    }
    let reached = change.reached()?;
    let wrong = reached.found.iter().filter(|one| one.is_error());
    for cause in causes_of(
        wrong.filter(|one| !one.code.is_not_found()),
        &change,
        &given,
    )? {
        told[cause.index].2.push(cause);
    }
    Ok(told)
}

/// A received value.
struct Given {
    index: usize,
    key: Key,
    /// Without the fields that only `reconcile` writes.
    value: Value,
    /// The version that it is based on, if given.
    version: Option<String>,
    uid: Option<String>,
}

/// The kind and name of a value, as far as it has them.
fn said(value: &Value) -> (String, String) {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").unwrap_or("Unknown").to_owned();
    let name = text("/metadata/name").unwrap_or("<unnamed>").to_owned();
    (kind, name)
}

impl Given {
    fn kind_name(&self) -> String {
        self.key.kind.name().to_owned()
    }

    /// A received value, or its errors.
    fn read(
        config: &Config,
        index: usize,
        mut value: Value,
        namespace: &str,
    ) -> std::result::Result<Given, Vec<Cause>> {
        let field = |pointer: &str| {
            let text = value.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        let (version, uid) = (field("/metadata/resourceVersion"), field("/metadata/uid"));
        let said = said(&value);
        manifest::strip_derived(&mut value);
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut)
            && metadata.get("namespace").is_none_or(Value::is_null)
        {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        let file = SourceFile {
            path: SENT.to_owned(),
            blob: String::new(),
            content: Content::Bytes(json_text::write(&value).into_bytes().into()),
        };
        let snapshot = Snapshot::build(std::slice::from_ref(&file), config);
        let wrong = snapshot.diagnostics().iter();
        let wrong = wrong.filter(|one| one.is_error() && !one.code.is_not_found());
        let causes: Vec<Cause> = wrong.map(|one| cause(index, &said, one)).collect();
        let key = snapshot.keys().next().cloned();
        match (key, causes.is_empty()) {
            (Some(key), true) => Ok(Given {
                index,
                key,
                value,
                version,
                uid,
            }),
            (None, true) => {
                let message =
                    "it is not a resource: `apiVersion`, `kind` and `metadata.name` are required";
                Err(vec![plain_cause(index, &said, message, None)])
            }
            (_, false) => Err(causes),
        }
    }

    fn cause(&self, message: impl Into<String>, code: Option<&'static str>) -> Cause {
        let said = (self.kind_name(), self.key.name.clone());
        plain_cause(self.index, &said, message, code)
    }
}

fn plain_cause(
    index: usize,
    (kind, name): &(String, String),
    message: impl Into<String>,
    code: Option<&'static str>,
) -> Cause {
    Cause {
        index,
        kind: kind.clone(),
        name: name.clone(),
        field: String::new(),
        code,
        message: message.into(),
        hint: None,
    }
}

fn cause(index: usize, said: &(String, String), finding: &Diagnostic) -> Cause {
    let field = match &finding.place {
        Place::Entry { path, .. } => pointer(path),
        _ => String::new(),
    };
    Cause {
        field,
        hint: finding.help.clone(),
        ..plain_cause(index, said, finding.message.clone(), Some(finding.code.id))
    }
}

/// The errors in the files with the values.
fn causes_of<'f>(
    found: impl Iterator<Item = &'f Diagnostic>,
    change: &Changeset<'_>,
    given: &[Given],
) -> Result<Vec<Cause>> {
    let mut by_path: BTreeMap<String, Vec<&Given>> = BTreeMap::new();
    for one in given {
        by_path
            .entry(change.path_of(&one.key)?)
            .or_default()
            .push(one);
    }
    let mut causes = Vec::new();
    for finding in found {
        let there = by_path.get(&finding.file).map_or(&[][..], Vec::as_slice);
        let meant = there
            .iter()
            .find(|one| finding.resource.as_ref() == Some(&one.key));
        if let Some(one) = meant.or(there.first()) {
            let said = (one.kind_name(), one.key.name.clone());
            causes.push(cause(one.index, &said, finding));
        }
    }
    Ok(causes)
}

fn once(store: &Store, request: &WriteRequest) -> std::result::Result<Written, Refused> {
    let mut change = Changeset::begin_alone(store, request.dry_run)?;
    change.in_any_order();
    let given = read_all(&change, request)?;
    let keys: BTreeSet<Key> = given.iter().map(|one| one.key.clone()).collect();
    change.look_up(&keys)?;
    let mut causes = Vec::new();
    let mut seen = BTreeSet::new();
    for one in &given {
        if !seen.insert(&one.key) {
            causes.push(one.cause(format!("{} appears twice", one.key), None));
        }
        causes.extend(may_stand((store, &change), request, one)?);
    }
    refuse(causes)?;
    for one in &given {
        let text = yaml::write(&with_deletion(&change, one)?);
        change.put_resource(one.key.clone(), &text)?;
    }
    let paths = given.iter().map(|one| change.path_of(&one.key));
    let paths: Vec<String> = paths.collect::<Result<_>>()?;
    let wrong = |error: Error| -> Refused {
        let found = error.findings.found.iter().filter(|one| one.is_error());
        let causes = found.filter_map(|finding| {
            let at = paths.iter().position(|path| *path == finding.file)?;
            let by_key = given
                .iter()
                .find(|one| finding.resource.as_ref() == Some(&one.key));
            let one = by_key.unwrap_or(&given[at]);
            Some(cause(
                one.index,
                &(one.kind_name(), one.key.name.clone()),
                finding,
            ))
        });
        let causes: Vec<Cause> = causes.collect();
        match refuse(causes) {
            Err(refused) => refused,
            Ok(()) => error.into(),
        }
    };
    let message = request.message.as_deref();
    let done = change
        .commit(message, request.dry_run)
        .map_err(wrong)?
        .answer;
    let became = done.resources.iter();
    let became: HashMap<&ResourceName, ResourceChange> =
        became.map(|one| (&one.resource, one.change)).collect();
    let resources = given.into_iter().map(|one| {
        let change = became.get(&ResourceName::from(&one.key)).copied();
        (one.key, change.unwrap_or(ResourceChange::Unchanged))
    });
    Ok(Written {
        resources: resources.collect(),
        commit: done.commit,
        branch: done.branch,
    })
}

/// Fails if there are errors.
fn refuse(causes: Vec<Cause>) -> std::result::Result<(), Refused> {
    let Some(first) = causes.first() else {
        return Ok(());
    };
    let subject = format!("{} `{}`", first.kind, first.name);
    let field = if first.field.is_empty() {
        String::new()
    } else {
        format!(" at {}", first.field)
    };
    let more = match causes.len() {
        1 => String::new(),
        many => format!("; {} more", many - 1),
    };
    let message = format!("{subject} is invalid{field}: {}{more}", first.message);
    let error = Error::invalid(message).maybe_hint(first.hint.clone());
    Err(Refused { error, causes })
}

/// The received values, or the result of a patch.
fn read_all(
    change: &Changeset<'_>,
    request: &WriteRequest,
) -> std::result::Result<Vec<Given>, Refused> {
    let (mut given, mut causes) = (Vec::new(), Vec::new());
    for (index, value) in request.values.iter().enumerate() {
        let value = match &request.verb {
            Verb::Patch(kind, name) => {
                let key = Key::new(*kind, &request.namespace, name);
                patched(change, &key, value)?
            }
            _ => value.clone(),
        };
        match Given::read(&change.config, index, value, &request.namespace) {
            Ok(one) => {
                causes.extend(is_meant(request, &one));
                given.push(one);
            }
            Err(mut wrong) => causes.append(&mut wrong),
        }
    }
    refuse(causes)?;
    Ok(given)
}

/// Checks that a value has the kind, namespace and name of the request.
fn is_meant(request: &WriteRequest, one: &Given) -> Option<Cause> {
    let Key {
        kind,
        namespace,
        name,
    } = &one.key;
    let wanted = match &request.verb {
        Verb::Create(kind) => Some((*kind, name)),
        Verb::Replace(kind, name) | Verb::Patch(kind, name) => Some((*kind, name)),
        Verb::Apply => None,
    };
    let why = if *namespace != request.namespace {
        let meant = &request.namespace;
        format!("it sets namespace `{namespace}`, but the request is for `{meant}`")
    } else {
        match wanted {
            Some((meant, _)) if meant != *kind => {
                format!("it is a {kind}, but the request is for a {meant}")
            }
            Some((_, meant)) if meant != name => {
                format!("it is named `{name}`, but the request is for `{meant}`")
            }
            _ => return None,
        }
    };
    Some(one.cause(why, None))
}

/// Checks that a value may replace the existing resource.
fn may_stand(
    (store, change): (&Store, &Changeset<'_>),
    request: &WriteRequest,
    one: &Given,
) -> std::result::Result<Option<Cause>, Refused> {
    let key = &one.key;
    let there = change.in_head(key)?;
    let definition = there.definition(key);
    if let Some(definition) = definition.filter(|one| one.origin.is_some()) {
        let why = format!("{key} is part of the document {}", definition.path);
        let error = Error::not_ready(why)
            .hint("change the document; its goal, plan and gates follow from it");
        return Err(error.into());
    }
    let current = there.resource(key);
    match (&request.verb, definition) {
        (Verb::Create(_), Some(_)) => {
            let why = format!(
                "{} '{}' already exists in namespace '{}'",
                key.kind, key.name, key.namespace
            );
            return Err(Error::taken(why)
                .hint("replace it with PUT, or use apply")
                .into());
        }
        (Verb::Replace(..), None) => return Err(missing(key).into()),
        (Verb::Replace(..), Some(_)) if one.version.is_none() => {
            let why = "`metadata.resourceVersion` is missing, so it is unknown which version this replaces";
            let cause = one.cause(why, None);
            let hint = "get the resource, change it, and send the whole resource back";
            return Ok(Some(Cause {
                field: "/metadata/resourceVersion".to_owned(),
                hint: Some(hint.to_owned()),
                ..cause
            }));
        }
        _ => {}
    }
    let Some(current) = current else {
        return Ok(None);
    };
    if !matches!(request.verb, Verb::Create(_)) {
        check_current(&current.version(), one)?;
        check_same(store, one)?;
    }
    let is_other = || digest::canonical(&one.value["spec"]) != current.spec_digest();
    if key.kind == Kind::Execution && is_other() {
        let why = "the spec of an Execution is immutable once it is committed";
        return Ok(Some(Cause {
            field: "/spec".to_owned(),
            hint: Some("create an Execution with another name".to_owned()),
            ..one.cause(why, Some(Code::SPEC_CHANGED.id))
        }));
    }
    Ok(None)
}

/// Checks that a value is based on the existing version. The status is ignored: no client writes it.
fn check_current(now: &str, one: &Given) -> Result {
    let Some(given) = &one.version else {
        return Ok(());
    };
    if version_of_spec(given) == Some(now) {
        return Ok(());
    }
    let why = format!("Conflict: resourceVersion mismatch (expected {given}, got {now}-…)");
    Err(Error::conflict(why).hint("get it again and repeat the change; nothing was written"))
}

/// Checks that a value is based on the existing resource, and not on a former one of the same name.
fn check_same(store: &Store, one: &Given) -> Result {
    let Some(given) = &one.uid else {
        return Ok(());
    };
    match known_uid(store, &one.key)? {
        Some(uid) if uid != *given => {
            let why = format!(
                "{} has uid {uid}, but this was made from an earlier one with uid {given}",
                one.key
            );
            Err(Error::conflict(why)
                .hint("get it again and repeat the change; nothing was written"))
        }
        _ => Ok(()),
    }
}

/// Keeps a requested deletion: leaving the annotation out does not revoke it.
fn with_deletion(change: &Changeset<'_>, one: &Given) -> Result<Value> {
    let mut value = one.value.clone();
    let there = change.in_head(&one.key)?;
    let asked = there.resource(&one.key);
    let asked = asked.and_then(|current| current.metadata.annotations.get(DELETION_REQUESTED));
    if let (Some(asked), Some(metadata)) = (asked, value.get_mut("metadata")) {
        if !metadata["annotations"].is_object() {
            metadata["annotations"] = json!({});
        }
        metadata["annotations"][DELETION_REQUESTED] = json!(asked);
    }
    Ok(value)
}

fn missing(key: &Key) -> Error {
    let Key {
        kind,
        namespace,
        name,
    } = key;
    Error::new(
        ErrorKind::NotFound,
        format!("{kind} '{name}' not found in namespace '{namespace}'"),
    )
}

/// The existing resource after a JSON merge patch (RFC 7386).
fn patched(
    change: &Changeset<'_>,
    key: &Key,
    patch: &Value,
) -> std::result::Result<Value, Refused> {
    let there = change.in_head(key)?;
    let Some(current) = there.resource(key) else {
        return Err(missing(key).into());
    };
    let mut value = json!({
        "apiVersion": API_VERSION,
        "kind": key.kind.name(),
        "metadata": serde_json::to_value(&current.metadata)?,
        "spec": current.raw_spec,
    });
    merge(&mut value, patch);
    Ok(value)
}

/// RFC 7386, without recursion.
fn merge(target: &mut Value, patch: &Value) {
    let mut open: Vec<(String, &Value)> = vec![(String::new(), patch)];
    while let Some((place, patch)) = open.pop() {
        let Some(target) = target.pointer_mut(&place) else {
            continue;
        };
        let Some(fields) = patch.as_object() else {
            *target = patch.clone();
            continue;
        };
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        let Some(target) = target.as_object_mut() else {
            continue;
        };
        for (name, value) in fields {
            if value.is_null() {
                target.shift_remove(name);
                continue;
            }
            target.entry(name.clone()).or_insert(Value::Null);
            let step = name.replace('~', "~0").replace('/', "~1");
            open.push((format!("{place}/{step}"), value));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_merge_patch_is_as_the_standard_has_it() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
            (
                json!({"a/b~": 1}),
                json!({"a/b~": {"c": 2}}),
                json!({"a/b~": {"c": 2}}),
            ),
        ] {
            let mut value = target.clone();
            merge(&mut value, &patch);
            assert_eq!(value, expected, "{target} {patch}");
        }
    }
}
