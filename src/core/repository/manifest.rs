//! From the text of a file to typed resources, with everything that is wrong with it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::core::base::diagnostic::{
    Code, Diagnostic, Finder, Part, PathStep, Place, display_path, in_item,
};
use crate::core::base::fix::{Change, Fix};
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::base::suggest::did_you_mean;
use crate::core::base::words::{folded, listed};
use crate::core::document::{self, Naming, Origin};
use crate::core::repository::chain::RevisionOf;
use crate::core::repository::credentials;
use crate::core::repository::list::{self, Spot};
use crate::core::repository::referral::Referral;
use crate::core::repository::switches;
use crate::core::resource::schema::{self, SchemaKind, SchemaProblem};
use crate::core::resource::{
    API_VERSION, DERIVED_FIELDS, GraphSpec, Key, Kind, Metadata, Resource, RevisionApproval, Spec,
};
use crate::core::text::allow::{self, Allow};
use crate::core::text::yaml::{self, Document};
use crate::path;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Path of the file.
    pub path: String,
    /// Object id of its content.
    pub blob: String,
    /// The resources that could be identified, in the order of the file.
    pub entries: Vec<ManifestEntry>,
    /// What is wrong with the file and its resources, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether a resource may hide in the file: it could not be read to the end, or a document in
    /// it has no kind or no name. What is missing elsewhere is then unknown, not deleted.
    pub unidentified: bool,
    /// Comments that allow findings.
    pub allows: Vec<Allow>,
}

/// One resource of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestEntry {
    /// Its place among the documents of the file, from 0.
    pub document: usize,
    /// Where the document is a list: which of its items it is.
    pub item: Option<usize>,
    /// What identifies it.
    pub key: Key,
    /// The resource; nothing when an error makes it unusable.
    pub resource: Option<Resource>,
    /// The graph of a plan that is unusable, when nothing is wrong within it: the rules about graphs
    /// need no more.
    pub graph: Option<GraphSpec>,
    /// What it may refer to.
    pub referred: BTreeSet<Referral>,
    /// Set when it comes from a PlanSpec 1.2 document: the way from its places to those there.
    pub origin: Option<Arc<Origin>>,
    /// Of the plan of a document: its `plan_id` and its `parent_id`, as far as they are there.
    pub lineage: Vec<String>,
    /// Of the plan of a document: which revision it is.
    pub revision: Option<RevisionOf>,
}

/// Who is whose parent, as a document says it.
fn lineage(document: &Value) -> Vec<String> {
    let ids = ["/identity/plan_id", "/identity/parent_id"];
    let ids = ids
        .iter()
        .filter_map(|id| document.pointer(id)?.as_str())
        .map(str::to_owned);
    ids.collect()
}

/// Most bytes of one annotation.
const MAX_ANNOTATION: usize = 64 * 1024;

/// What Git LFS puts in the place of a file.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Read a file. What has no namespace of its own, as PlanSpec 1.2 documents may, gets `namespace`.
pub fn read(source: &SourceFile, limits: &Limits, namespace: &str) -> Manifest {
    read_as(source, limits, (namespace, RevisionApproval::Merge))
}

/// The same, where documents stand for what this approves of their revisions.
pub fn read_as(
    source: &SourceFile,
    limits: &Limits,
    documents: (&str, RevisionApproval),
) -> Manifest {
    read_by(Naming::of_file(&source.path), source, limits, documents)
}

/// The same by a rule for the names that documents are given.
pub(crate) fn read_by(
    naming: Naming,
    source: &SourceFile,
    limits: &Limits,
    (namespace, approval): (&str, RevisionApproval),
) -> Manifest {
    let mut manifest = Manifest {
        path: source.path.clone(),
        blob: source.blob.clone(),
        entries: Vec::new(),
        diagnostics: Vec::new(),
        unidentified: false,
        allows: Vec::new(),
    };
    let bytes = match &source.content {
        Content::Bytes(bytes) => bytes,
        Content::Refused(why) => {
            let finding = Diagnostic::new(
                Code::NOT_A_FILE,
                &source.path,
                Place::File,
                why.as_str(),
            )
            .help(
                "resources must be in readable regular files of at most `limits.fileBytes` bytes \
                     (see .planspec.yaml)",
            );
            manifest.diagnostics.push(finding);
            manifest.unidentified = true;
            return manifest;
        }
    };
    if bytes.starts_with(LFS_POINTER) {
        let message = "a Git LFS pointer; the file itself is not in the repository";
        let help = "resources are read from Git itself: remove the file from Git LFS (`git lfs \
                    untrack`), and add it again";
        let finding = Diagnostic::new(Code::NOT_A_FILE, &source.path, Place::File, message);
        manifest.diagnostics.push(finding.help(help));
        manifest.unidentified = true;
        return manifest;
    }
    let (documents, findings) = yaml::read(&source.path, bytes, limits);
    manifest.unidentified = findings.iter().any(Diagnostic::is_error);
    manifest.diagnostics = findings;
    if let (true, Ok(text)) = (bytes.len() <= limits.file_bytes, std::str::from_utf8(bytes)) {
        // In JSON there are no comments.
        let (allows, findings) = if yaml::is_json(&source.path) {
            Default::default()
        } else {
            allow::read(&source.path, text)
        };
        manifest.allows = allows;
        manifest.diagnostics.extend(findings);
    }
    let is_read = !manifest.unidentified && documents.is_empty();
    if is_read && document::is_document(&source.path, &Value::Null) {
        manifest.diagnostics.push(document::nothing(&source.path));
        manifest.unidentified = true;
    }
    if !yaml::is_json(&source.path) {
        let found = switches::found(&source.path, bytes, &documents);
        manifest.diagnostics.extend(found);
    }
    for document in documents {
        let index = document.index;
        match list::items_of(document.value) {
            Ok(items) => {
                for (item, value) in items.into_iter().enumerate() {
                    manifest.document(Document { index, value }, Some(item));
                }
            }
            Err(value) if document::is_document(&source.path, &value) => {
                manifest.plan_document(Document { index, value }, naming, (namespace, approval));
            }
            Err(value) => manifest.document(Document { index, value }, None),
        }
    }
    manifest
}

/// How long Kubernetes waits before it deletes; here that is a commit.
const GRACE_PERIOD: &str = "deletionGracePeriodSeconds";

/// Drop `status` and the metadata that only `reconcile` writes, so that what `get -o yaml` shows
/// can be applied. Returns what was dropped.
pub fn strip_derived(value: &mut Value) -> Vec<&'static str> {
    let mut dropped = Vec::new();
    if let Some(document) = value.as_object_mut()
        && document.shift_remove("status").is_some()
    {
        dropped.push("status");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        // The last is of another system, whose exports are applied here.
        for field in DERIVED_FIELDS.into_iter().chain([GRACE_PERIOD]) {
            if metadata.shift_remove(field).is_some() {
                dropped.push(field);
            }
        }
    }
    dropped
}

/// The same of a document, which may be a list.
pub fn strip_derived_of_all(value: &mut Value) -> Vec<&'static str> {
    match list::items_of(value.take()) {
        Ok(mut items) => {
            let dropped = items.iter_mut().flat_map(strip_derived).collect();
            *value = serde_json::json!({"apiVersion": API_VERSION, "kind": "List", "items": items});
            dropped
        }
        Err(mut same) => {
            let dropped = strip_derived(&mut same);
            *value = same;
            dropped
        }
    }
}

impl ManifestEntry {
    /// Where it stands in its file.
    pub fn spot(&self) -> Spot {
        Spot {
            document: self.document,
            item: self.item,
        }
    }
}

impl Manifest {
    /// The names of what may hide in the file, whose content is given as well: every word of a file
    /// that cannot be read. What has such a name may be defined there, and may be referred to.
    pub fn hidden_names(&self, content: &Content) -> BTreeSet<String> {
        let (true, Content::Bytes(bytes)) = (self.unidentified, content) else {
            return BTreeSet::new();
        };
        let text = String::from_utf8_lossy(bytes);
        let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '-';
        let words = text.split(is_separator).filter(|word| is_name(word));
        words.map(str::to_owned).collect()
    }

    /// Give up what only a comparison of two revisions looks at, which is more than half of what is
    /// held of a file: rules go by what has types.
    pub fn drop_raw_specs(&mut self) {
        let resources = self.entries.iter_mut();
        for resource in resources.filter_map(|entry| entry.resource.as_mut()) {
            resource.raw_spec = Value::Null;
        }
    }

    /// The same, but for what tells one spec from another.
    pub fn digest_raw_specs(&mut self) {
        let resources = self.entries.iter_mut();
        for resource in resources.filter_map(|entry| entry.resource.as_mut()) {
            resource.digest = Some(resource.spec_digest());
            resource.raw_spec = Value::Null;
        }
    }

    fn document(&mut self, mut document: Document, item: Option<usize>) {
        let found = Finder {
            file: &self.path,
            document: document.index,
            item,
        };
        if !document.value.is_object() {
            let message =
                "a resource is a mapping with `apiVersion`, `kind`, `metadata` and `spec`";
            let finding = found.at(Code::WRONG_TYPE, Vec::new(), Part::Value, message);
            self.diagnostics.push(finding);
            self.unidentified = true;
            return;
        }
        let mut findings = Vec::new();
        let kind = kind_of(&found, &document.value, &mut findings);
        let key = kind.and_then(|kind| {
            let problems = check(&found, kind, &document.value, &mut findings);
            key(kind, &document.value, &problems)
        });
        let Some(key) = key else {
            self.diagnostics.extend(findings);
            self.unidentified = true;
            return;
        };
        let usable = !findings.iter().any(Diagnostic::is_error);
        findings.extend(credentials::check(&found, &document.value));
        let referred = Referral::all_of(&key, &document.value);
        let resource = usable
            .then(|| typed(&found, key.kind, &mut document.value, &mut findings))
            .flatten();
        let graph = match (&resource, key.kind) {
            (None, Kind::Plan) => sound_graph(&found, &document.value, &findings),
            _ => None,
        };
        let findings = findings.into_iter().map(|finding| finding.about(&key));
        self.diagnostics.extend(findings);
        self.entries.push(ManifestEntry {
            document: document.index,
            item,
            key,
            resource,
            graph,
            referred,
            origin: None,
            lineage: Vec::new(),
            revision: None,
        });
    }

    /// A PlanSpec 1.2 document: the resources that it stands for, or when it is broken, the plan
    /// that cannot be used.
    fn plan_document(
        &mut self,
        document: Document,
        naming: Naming,
        (namespace, approval): (&str, RevisionApproval),
    ) {
        let found = Finder {
            file: &self.path,
            document: document.index,
            item: None,
        };
        let mut findings = Vec::new();
        let key = document::key(&self.path, &document.value, namespace);
        let content = document::read(&found, &document.value, &mut findings);
        if let Some(content) = &content {
            document::judge(&found, content, &mut findings);
        }
        findings.extend(credentials::check(&found, &document.value));
        let generated = key.as_ref().zip(content).and_then(|(key, content)| {
            document::generate_by(naming, &found, &content, (key, approval), &mut findings)
        });
        let about = |finding: Diagnostic| match &key {
            Some(key) => finding.about(key),
            None => finding,
        };
        self.diagnostics.extend(findings.into_iter().map(about));
        // Which gates a broken document stands for is unknown.
        self.unidentified |= generated.is_none();
        match (generated, key) {
            (Some(generated), _) => {
                let origin = Arc::new(generated.origin);
                let lineage = lineage(&document.value);
                let revision = RevisionOf::read(&document.value);
                let entry = |resource: Resource| ManifestEntry {
                    lineage: match resource.key().kind {
                        Kind::Plan => lineage.clone(),
                        _ => Vec::new(),
                    },
                    revision: revision
                        .clone()
                        .filter(|_| resource.key().kind == Kind::Plan),
                    document: document.index,
                    item: None,
                    key: resource.key(),
                    referred: Referral::all_of(&resource.key(), &document::manifest_of(&resource)),
                    resource: Some(resource),
                    graph: None,
                    origin: Some(Arc::clone(&origin)),
                };
                self.entries
                    .extend(generated.resources.into_iter().map(entry));
            }
            (None, Some(key)) => self.entries.push(ManifestEntry {
                document: document.index,
                item: None,
                referred: Referral::all_of(&key, &document.value),
                key,
                resource: None,
                graph: None,
                lineage: lineage(&document.value),
                revision: RevisionOf::read(&document.value),
                origin: Some(Arc::default()),
            }),
            (None, None) => {}
        }
    }
}

/// The kind of a document, when it is one of ours; and what is wrong with its first two fields.
fn kind_of(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) -> Option<Kind> {
    if mistyped_headers(found, value, findings) {
        return None;
    }
    if value.get("apiVersion").is_none() && value.get("kind").is_none() {
        let message = "this is not a resource: `apiVersion` and `kind` are missing";
        let finding = found.at(Code::MISSING_FIELD, Vec::new(), Part::Value, message);
        findings.push(finding.help(format!(
            "start it with `apiVersion: {API_VERSION}` and a `kind`, or move it outside the \
             configured `paths`"
        )));
        return None;
    }
    let is_foreign = api_version(found, value, findings);
    kind(found, value, is_foreign, findings)
}

/// Whether a document has what every resource begins with under names like the right ones.
fn mistyped_headers(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) -> bool {
    let fields = value.as_object().into_iter().flatten();
    let before = findings.len();
    let mut absent = vec!["apiVersion", "kind", "metadata", "spec"];
    absent.retain(|field| value.get(*field).is_none());
    if absent.is_empty() {
        return false;
    }
    for (key, _) in fields {
        let meant = absent.iter().find(|meant| folded(meant) == folded(key));
        if let Some(&meant) = meant {
            let message = format!("there is no field `{key}` in the document");
            let finding = found.at(Code::UNKNOWN_FIELD, path![key.as_str()], Part::Key, message);
            let change = Change::Rename {
                path: path![key.as_str()],
                to: meant.to_owned(),
            };
            let finding = finding.label("no such field").fix(Fix::certain(change));
            findings.push(finding.help(format!("did you mean `{meant}`?")));
        }
    }
    findings.len() > before
}

/// Whether the document is of another API.
fn api_version(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) -> bool {
    if value.get("apiVersion").and_then(Value::as_str) == Some(API_VERSION) {
        return false;
    }
    let expected = format!("`{API_VERSION}`");
    let given = header(found, value, "apiVersion", &expected, findings);
    let Some(given) = given.filter(|given| *given != API_VERSION) else {
        return false;
    };
    let message = format!("the apiVersion `{given}` is not known");
    // Also in typographic quotes.
    let is_ours = folded(given).starts_with("planspec");
    let fix = Fix::likely(Change::Replace {
        path: path!["apiVersion"],
        with: Value::from(API_VERSION).into(),
    });
    findings.push(Diagnostic {
        fix: is_ours.then_some(fix),
        ..found
            .at(
                Code::UNKNOWN_KIND,
                path!["apiVersion"],
                Part::Value,
                message,
            )
            .label("not known")
            .help(format!("write {expected}"))
    });
    true
}

fn kind(
    found: &Finder<'_>,
    value: &Value,
    is_foreign: bool,
    findings: &mut Vec<Diagnostic>,
) -> Option<Kind> {
    let names = Kind::ALL.map(Kind::name);
    let given = value.get("kind").and_then(Value::as_str);
    let known = Kind::ALL
        .into_iter()
        .find(|kind| given == Some(kind.name()));
    if known.is_some() {
        return known;
    }
    let all = listed(names);
    let given = header(found, value, "kind", &format!("one of {all}"), findings)?;
    let near = did_you_mean(given, names);
    // What another API calls a kind is nothing that we know; its apiVersion is the finding.
    if !(is_foreign && near.is_none()) {
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the kinds are {all}"),
        };
        let message = format!("the kind `{given}` is not known");
        let fix = near.map(|near| {
            let change = Change::Replace {
                path: path!["kind"],
                with: Value::from(near).into(),
            };
            Fix {
                is_certain: folded(near) == folded(given),
                ..Fix::likely(change)
            }
        });
        let finding = found.at(Code::UNKNOWN_KIND, path!["kind"], Part::Value, message);
        findings.push(Diagnostic {
            fix,
            ..finding.label("not a kind").help(help)
        });
    }
    None
}

/// A string that every document starts with.
fn header<'v>(
    found: &Finder<'_>,
    value: &'v Value,
    field: &str,
    expected: &str,
    findings: &mut Vec<Diagnostic>,
) -> Option<&'v str> {
    let (code, path, message) = match value.get(field) {
        Some(Value::String(text)) => return Some(text),
        Some(_) => {
            let message = format!("`{field}`: a string is expected");
            (Code::WRONG_TYPE, path![field], message)
        }
        None => {
            let message = format!("`{field}` is missing");
            (Code::MISSING_FIELD, Vec::new(), message)
        }
    };
    let finding = found.at(code, path, Part::Value, message);
    let add = |with: &str| {
        Fix::likely(Change::Add {
            path: path![field],
            with: Value::from(with).into(),
        })
    };
    let fix = match (field, value.get(field)) {
        ("apiVersion", None) => Some(add(API_VERSION)),
        ("kind", None) => likely_kind(value).map(|kind| add(kind.name())),
        _ => None,
    };
    findings.push(Diagnostic {
        fix,
        ..finding.help(format!("write {expected}"))
    });
    None
}

/// The kind of a resource that does not say it, by what its spec has.
fn likely_kind(value: &Value) -> Option<Kind> {
    let spec = value.get("spec")?;
    let has = |fields: &[&str]| fields.iter().any(|field| spec.get(*field).is_some());
    if has(&["graph", "nodes", "steps", "tasks"]) {
        Some(Kind::Plan)
    } else if has(&["rules"]) {
        Some(Kind::Binding)
    } else if has(&["gateType", "reviewers"]) {
        Some(Kind::Gate)
    } else if has(&["planRef"]) {
        Some(Kind::Execution)
    } else {
        None
    }
}

/// Everything that is wrong with a document of a kind, as findings; and what its schema says.
fn check(
    found: &Finder<'_>,
    kind: Kind,
    value: &Value,
    findings: &mut Vec<Diagnostic>,
) -> Vec<SchemaProblem> {
    derived(found, value, findings);
    let mut document = Cow::Borrowed(value);
    if !findings.is_empty() {
        // What has its finding already is kept from the schema, so that nothing is said twice.
        let document = document.to_mut();
        strip_derived(document);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Value::from(API_VERSION));
        }
    }
    let problems = schema::check(SchemaKind::from(kind), &document);
    findings.extend(problems.iter().cloned().map(|problem| problem.found(found)));
    large_annotations(found, value, findings);
    repeated_names(found, kind, value, findings);
    problems
}

/// Status and metadata that only `reconcile` writes.
fn derived(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) {
    if value.get("status").is_some() {
        let message = "status does not belong in a file";
        findings.push(
            found
                .at(Code::STATUS_IN_FILE, path!["status"], Part::Key, message)
                .label("not here")
                .fix(Fix::certain(Change::Remove {
                    path: path!["status"],
                }))
                .help("remove it; `planspec reconcile` writes the status to the status branch"),
        );
    }
    let metadata = value.get("metadata");
    for field in DERIVED_FIELDS {
        if metadata.is_some_and(|metadata| metadata.get(field).is_some()) {
            let message = format!("`{field}` does not belong in a file");
            let path = path!["metadata", field];
            let fix = Fix::certain(Change::Remove { path: path.clone() });
            findings.push(
                found
                    .at(Code::DERIVED_METADATA, path, Part::Key, message)
                    .label("not here")
                    .fix(fix)
                    .help("remove it; `planspec reconcile` keeps it on the status branch"),
            );
        }
    }
}

/// The schema counts characters; the format counts bytes.
fn large_annotations(found: &Finder<'_>, value: &Value, findings: &mut Vec<Diagnostic>) {
    let annotations = value
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    for (name, text) in annotations.into_iter().flatten() {
        let Some(text) = text.as_str() else { continue };
        if text.len() > MAX_ANNOTATION && text.chars().count() <= MAX_ANNOTATION {
            let message = format!(
                "`{name}` has {} bytes; at most {MAX_ANNOTATION} are allowed",
                text.len()
            );
            let path = path!["metadata", "annotations", name.as_str()];
            findings.push(found.at(Code::OUT_OF_RANGE, path, Part::Value, message));
        }
    }
}

/// Lists whose entries are told apart by a name.
fn repeated_names(found: &Finder<'_>, kind: Kind, value: &Value, findings: &mut Vec<Diagnostic>) {
    match kind {
        Kind::Goal => {
            let list = path!["spec", "acceptanceCriteria"];
            repeated(
                found,
                value.pointer("/spec/acceptanceCriteria"),
                list,
                "id",
                findings,
            );
        }
        Kind::Capability => {
            for field in ["inputs", "outputs"] {
                let parameters = value.get("spec").and_then(|spec| spec.get(field));
                repeated(found, parameters, path!["spec", field], "name", findings);
            }
        }
        Kind::Plan => {
            let nodes = value.pointer("/spec/graph/nodes").and_then(Value::as_array);
            for (index, node) in nodes.into_iter().flatten().enumerate() {
                let list = path!["spec", "graph", "nodes", index, "outputs"];
                repeated(found, node.get("outputs"), list, "name", findings);
            }
        }
        Kind::Binding | Kind::Gate | Kind::Execution => {}
    }
}

/// Entries of a list whose `field` is that of an earlier one. An entry may be the name alone.
fn repeated(
    found: &Finder<'_>,
    list: Option<&Value>,
    path: Vec<PathStep>,
    field: &str,
    findings: &mut Vec<Diagnostic>,
) {
    let mut first: HashMap<&str, Vec<PathStep>> = HashMap::new();
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    for (index, entry) in entries.enumerate() {
        let mapped = entry.get(field).map(|name| (name, path![index, field]));
        let (name, steps) = mapped.unwrap_or_else(|| (entry, path![index]));
        let Some(name) = name.as_str() else {
            continue;
        };
        let at = [path.clone(), steps].concat();
        let Some(earlier) = first.get(name) else {
            first.insert(name, at);
            continue;
        };
        let message = format!("`{name}` appears twice in `{}`", display_path(&path));
        findings.push(
            found
                .at(Code::DUPLICATE_ITEM, at, Part::Value, message)
                .label("again here")
                .help("give each its own")
                .related(found.label(earlier.clone(), "first here")),
        );
    }
}

/// What identifies a resource, unless its schema has something to say about it: a name with `/`
/// must never become part of a path.
fn key(kind: Kind, value: &Value, problems: &[SchemaProblem]) -> Option<Key> {
    let field = |name: &str| {
        let path = path!["metadata", name];
        let sound = problems.iter().all(|problem| problem.path != path);
        let text = value.get("metadata")?.get(name)?.as_str()?;
        // The schema says the same, as long as there is not too much else to be said.
        (sound && is_name(text)).then(|| text.to_owned())
    };
    Some(Key::new(kind, field("namespace")?, field("name")?))
}

/// Whether nothing stands in a text that does not belong into a name.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(fits)
}

/// The typed resource of a document without errors.
fn typed(
    found: &Finder<'_>,
    kind: Kind,
    value: &mut Value,
    findings: &mut Vec<Diagnostic>,
) -> Option<Resource> {
    let part = |field: &str| value.get(field).unwrap_or(&Value::Null);
    let metadata = Metadata::deserialize(part("metadata"));
    let spec = Spec::from_value(kind, part("spec"));
    let (field, error) = match (metadata, spec) {
        (Ok(metadata), Ok(spec)) => {
            let raw_spec = value.get_mut("spec").map(Value::take);
            return Some(Resource {
                metadata,
                spec,
                raw_spec: raw_spec.unwrap_or_default(),
                digest: None,
            });
        }
        (Err(error), _) => ("metadata", error),
        (_, Err(error)) => ("spec", error),
    };
    // The schemas are as strict as the types; this is for what a test did not think of.
    let message = format!("`{field}`: {error}");
    findings.push(found.at(Code::WRONG_TYPE, path![field], Part::Key, message));
    None
}

/// The graph of a plan whose errors are all elsewhere.
fn sound_graph(found: &Finder<'_>, value: &Value, findings: &[Diagnostic]) -> Option<GraphSpec> {
    let graph = in_item(found.item, path!["spec", "graph"]);
    let touches = |finding: &Diagnostic| match &finding.place {
        // Where not everything is said, more may be wrong.
        _ if finding.code == Code::LIMIT => true,
        Place::Entry { path, .. } => path.starts_with(&graph),
        _ => true,
    };
    if findings.iter().any(touches) {
        None
    } else {
        GraphSpec::deserialize(value.pointer("/spec/graph")?).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const GOAL: &str = "apiVersion: planspec.io/v1alpha1
kind: Goal
metadata:
  name: a
  namespace: b
spec:
  description: d
";

    fn source(path: &str, bytes: &[u8]) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            blob: "0".repeat(40),
            content: Content::Bytes(bytes.into()),
        }
    }

    fn manifest(text: &str) -> Manifest {
        read(
            &source("a.yaml", text.as_bytes()),
            &Limits::default(),
            "default",
        )
    }

    /// Code, path and part of each finding.
    fn places(manifest: &Manifest) -> Vec<(&'static str, String, Part)> {
        manifest
            .diagnostics
            .iter()
            .map(|finding| match &finding.place {
                Place::Entry { path, part, .. } => (finding.code.id, display_path(path), *part),
                _ => (finding.code.id, String::new(), Part::Value),
            })
            .collect()
    }

    #[test]
    fn several_documents_in_one_file() {
        let text = format!(
            "# plans\n---\n{GOAL}---\n# nothing\n---\n{}",
            GOAL.replace("name: a", "name: c").replace('\n', "\r\n")
        );
        let manifest = manifest(&text);
        assert_eq!(manifest.diagnostics, []);
        assert!(!manifest.unidentified);
        let found: Vec<(usize, String, bool)> = manifest
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.document,
                    entry.key.to_string(),
                    entry.resource.is_some(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (0, "Goal b/a".to_owned(), true),
                (2, "Goal b/c".to_owned(), true)
            ]
        );
        let resource = manifest.entries[0].resource.as_ref().unwrap();
        assert_eq!(resource.key(), manifest.entries[0].key);
        assert_eq!(resource.raw_spec, json!({"description": "d"}));
    }

    #[test]
    fn json_resources() {
        let text = json!({
            "apiVersion": API_VERSION,
            "kind": "Execution",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"planRef": {"name": "p"}},
        });
        let manifest = read(
            &source("a.json", text.to_string().as_bytes()),
            &Limits::default(),
            "default",
        );
        assert_eq!(manifest.diagnostics, []);
        assert_eq!(manifest.entries[0].key.kind, Kind::Execution);
    }

    #[test]
    fn a_file_without_resources_is_fine() {
        for text in ["", "# nothing\n", "---\n---\n"] {
            let manifest = manifest(text);
            assert_eq!((manifest.entries.len(), manifest.diagnostics.len()), (0, 0));
            assert!(!manifest.unidentified);
        }
    }

    #[test]
    fn a_resource_with_an_error_is_known_and_not_usable() {
        let table = [
            (
                GOAL.replace("v1alpha1", "v1beta1"),
                ("PS108", "apiVersion", Part::Value),
            ),
            (
                GOAL.replace("apiVersion: planspec.io/v1alpha1", "x: y"),
                ("PS101", "", Part::Value),
            ),
            (
                GOAL.replace("description: d", "descripton: d"),
                ("PS102", "spec.descripton", Part::Key),
            ),
            (
                format!("{GOAL}status: {{phase: Ready}}\n"),
                ("PS109", "status", Part::Key),
            ),
            (
                GOAL.replace("  name: a\n", "  name: a\n  generation: 3\n"),
                ("PS110", "metadata.generation", Part::Key),
            ),
            (
                GOAL.replace("  name: a\n", "  name: a\n  uid: x\n"),
                ("PS110", "metadata.uid", Part::Key),
            ),
            (
                format!("{GOAL}  priority: 1.0\n"),
                ("PS103", "spec.priority", Part::Value),
            ),
            (
                format!(
                    "{GOAL}  acceptanceCriteria: [{{id: x, description: d}}, {{id: x, description: e}}]\n"
                ),
                ("PS310", "spec.acceptanceCriteria[1].id", Part::Value),
            ),
        ];
        for (text, (code, path, part)) in table {
            let manifest = manifest(&text);
            let found = places(&manifest);
            assert!(
                found.contains(&(code, path.to_owned(), part)),
                "{text} {found:?}"
            );
            assert_eq!(manifest.entries.len(), 1, "{text}");
            assert_eq!(manifest.entries[0].resource, None, "{text}");
            assert!(!manifest.unidentified, "{text}");
            for finding in &manifest.diagnostics {
                assert_eq!(finding.resource.as_ref(), Some(&manifest.entries[0].key));
            }
        }
    }

    #[test]
    fn what_cannot_be_identified_may_hide_a_resource() {
        let table = [
            ("a: [\n".to_owned(), "PS001"),
            ("a: 1\na: 2\n".to_owned(), "PS004"),
            ("- a\n".to_owned(), "PS103"),
            ("just text\n".to_owned(), "PS103"),
            (GOAL.replace("kind: Goal\n", ""), "PS101"),
            (GOAL.replace("Goal", "Gaol"), "PS108"),
            (GOAL.replace("Goal", "5"), "PS103"),
            (GOAL.replace("  name: a\n", ""), "PS101"),
            (GOAL.replace("  namespace: b\n", ""), "PS101"),
            (GOAL.replace("name: a\n", "name: ../a\n"), "PS105"),
            (GOAL.replace("namespace: b\n", "namespace: B\n"), "PS105"),
            (GOAL.replace("name: a\n", "name: 5\n"), "PS103"),
            (
                GOAL.replace("metadata:\n  name: a\n  namespace: b\n", ""),
                "PS101",
            ),
            (
                GOAL.replace("metadata:\n  name: a\n  namespace: b\n", "metadata: x\n"),
                "PS103",
            ),
        ];
        for (text, code) in table {
            let manifest = manifest(&text);
            let codes: Vec<_> = places(&manifest).into_iter().map(|place| place.0).collect();
            assert_eq!(codes, [code], "{text}");
            assert_eq!(manifest.entries, [], "{text}");
            assert!(manifest.unidentified, "{text}");
        }
    }

    #[test]
    fn a_mistyped_kind_gets_a_suggestion() {
        let manifest = manifest(&GOAL.replace("Goal", "Gaol"));
        assert_eq!(
            manifest.diagnostics[0].help.as_deref(),
            Some("did you mean `Goal`?")
        );
    }

    #[test]
    fn a_refused_file_may_hide_a_resource() {
        let mut file = source("a.yaml", b"");
        file.content = Content::Refused("it is a symlink".to_owned());
        let manifest = read(&file, &Limits::default(), "default");
        assert_eq!(manifest.diagnostics[0].code, Code::NOT_A_FILE);
        assert_eq!(manifest.diagnostics[0].message, "it is a symlink");
        assert!(manifest.unidentified);
    }

    #[test]
    fn a_pointer_of_git_lfs_may_hide_a_resource() {
        let manifest =
            manifest("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n");
        assert_eq!(places(&manifest), [("PS008", String::new(), Part::Value)]);
        let help = manifest.diagnostics[0].help.as_deref().unwrap_or_default();
        assert!(help.contains("git lfs untrack"), "{help}");
        assert!(manifest.unidentified);
    }

    /// A plan with 20,000 nodes that are none.
    fn much_is_wrong(name: &str) -> Manifest {
        let nodes = "1, ".repeat(20_000);
        manifest(&format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: \"{name}\", namespace: \
             b}}\nspec: {{description: d, graph: {{nodes: [{nodes}]}}}}\n"
        ))
    }

    #[test]
    fn of_very_many_errors_the_last_ones_are_counted() {
        let manifest = much_is_wrong("a");
        assert_eq!(manifest.entries.len(), 1);
        assert_eq!(manifest.diagnostics.len(), 10_001);
        let limit = |finding: &&Diagnostic| finding.code == Code::LIMIT;
        let said: Vec<&str> = manifest
            .diagnostics
            .iter()
            .filter(limit)
            .map(|finding| finding.message.as_str())
            .collect();
        let expected = "the schema is broken in 10000 more places, which are not listed";
        assert_eq!(said, [expected]);
    }

    #[test]
    fn a_name_is_checked_however_much_else_is_wrong() {
        for name in ["a/b", "../a", "A", ""] {
            let manifest = much_is_wrong(name);
            assert_eq!(manifest.entries, [], "{name}");
            assert!(manifest.unidentified, "{name}");
        }
    }

    #[test]
    fn a_broken_document_leaves_the_others_alone() {
        let text = format!(
            "{GOAL}---\na: 1\na: 2\n---\n{}",
            GOAL.replace("name: a", "name: c")
        );
        let manifest = manifest(&text);
        let names: Vec<&str> = manifest
            .entries
            .iter()
            .map(|e| e.key.name.as_str())
            .collect();
        assert_eq!(names, ["a", "c"]);
        assert!(
            manifest
                .entries
                .iter()
                .all(|entry| entry.resource.is_some())
        );
        assert!(manifest.unidentified);
    }

    /// A document that stands for a goal, a plan and a gate.
    const DOCUMENT: &str =
        include_str!("../../../examples/document/planspec/greeting.planspec.json");

    #[test]
    fn plan_documents_are_recognised() {
        let table = [
            ("a.yaml", "identity: {}\nintent: {}\n"),
            ("a.planspec.yaml", "identity: {}\n"),
            ("a.planspec.yml", "x: 1\n"),
            ("a.planspec.json", "{\"identity\": {}, \"intent\": {}}"),
        ];
        for (path, text) in table {
            let manifest = read(
                &source(path, text.as_bytes()),
                &Limits::default(),
                "default",
            );
            let finding = &manifest.diagnostics[0];
            assert_eq!(finding.code, Code::MISSING_FIELD, "{path}");
            assert_eq!(
                finding.resource,
                Some(Key::new(Kind::Plan, "default", "a")),
                "{path}"
            );
            let known: Vec<&Key> = manifest.entries.iter().map(|entry| &entry.key).collect();
            assert_eq!(known, [&Key::new(Kind::Plan, "default", "a")], "{path}");
            assert!(
                manifest.unidentified,
                "the gates of {path} are not known to be gone"
            );
        }
        let manifest = read(
            &source("a.planspec.yaml", GOAL.as_bytes()),
            &Limits::default(),
            "default",
        );
        assert_eq!(manifest.entries[0].key.kind, Kind::Goal);
    }

    #[test]
    fn a_document_is_a_goal_a_plan_and_gates_of_one_place() {
        let keys = |path: &str, text: &str, namespace: &str| {
            let manifest = read(
                &source(path, text.as_bytes()),
                &Limits::default(),
                namespace,
            );
            assert_eq!(manifest.diagnostics, []);
            let entries = manifest.entries.iter();
            entries
                .map(|entry| format!("{} {}", entry.document, entry.key))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            keys("plans/greeting.planspec.json", DOCUMENT, "team"),
            [
                "0 Goal team/greeting",
                "0 Plan team/greeting",
                "0 Gate team/greeting-approve-release"
            ]
        );
        let named = DOCUMENT.replacen(
            "\"x-planspec\": {",
            "\"x-planspec\": {\"name\": \"hello\", \"namespace\": \"web\",",
            1,
        );
        assert_eq!(
            keys("plans/greeting.json", &named, "team")[1],
            "0 Plan web/hello"
        );
    }

    #[test]
    fn what_a_document_stands_for_is_sound() {
        let manifest = read(
            &source("greeting.planspec.json", DOCUMENT.as_bytes()),
            &Limits::default(),
            "team",
        );
        for entry in &manifest.entries {
            let resource = entry.resource.as_ref().unwrap();
            let value = document::manifest_of(resource);
            assert_eq!(
                schema::check(entry.key.kind.into(), &value),
                [],
                "{}",
                entry.key
            );
            assert_eq!(resource.key(), entry.key);
        }
    }

    #[test]
    fn entries_of_a_list_with_one_name_are_shown_with_both_places() {
        let plan = "apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: a, namespace: b}
spec:
  description: d
  graph:
    nodes:
      - id: n
        kind: Task
        outputs: [{name: x}, {name: y}, {name: x}]
";
        let capability = "apiVersion: planspec.io/v1alpha1
kind: Capability
metadata: {name: a, namespace: b}
spec:
  description: d
  inputs: [{name: x, type: string}, {name: x, type: number}]
  outputs: [{name: x, type: string}]
";
        let names = plan.replace("{name: y}, {name: x}", "y, x");
        let table = [
            (
                plan,
                "spec.graph.nodes[0].outputs[2].name",
                "spec.graph.nodes[0].outputs[0].name",
            ),
            (capability, "spec.inputs[1].name", "spec.inputs[0].name"),
            (
                &names,
                "spec.graph.nodes[0].outputs[2]",
                "spec.graph.nodes[0].outputs[0].name",
            ),
        ];
        for (text, second, first) in table {
            let manifest = manifest(text);
            assert_eq!(
                places(&manifest),
                [("PS310", second.to_owned(), Part::Value)]
            );
            let Place::Entry { path, .. } = &manifest.diagnostics[0].related[0].place else {
                panic!("{manifest:?}");
            };
            assert_eq!(display_path(path), first);
        }
    }

    #[test]
    fn annotations_are_counted_in_bytes() {
        let text = |note: String| {
            GOAL.replace(
                "  name: a\n",
                &format!("  name: a\n  annotations: {{x: {note}}}\n"),
            )
        };
        assert_eq!(manifest(&text("é".repeat(32 * 1024))).diagnostics, []);
        for note in ["é".repeat(32 * 1024 + 1), "e".repeat(64 * 1024 + 1)] {
            let found = places(&manifest(&text(note)));
            assert_eq!(
                found,
                [("PS106", "metadata.annotations.x".to_owned(), Part::Value)]
            );
        }
    }

    #[test]
    fn derived_fields_are_dropped_and_named() {
        let mut value = json!({
            "apiVersion": API_VERSION,
            "kind": "Goal",
            "metadata": {"name": "a", "namespace": "b", "uid": "u", "generation": 1,
                "resourceVersion": "r", "creationTimestamp": "t", "deletionTimestamp": null},
            "spec": {},
            "status": {"phase": "Ready"},
        });
        let dropped = strip_derived(&mut value);
        assert_eq!(
            dropped,
            [
                "status",
                "uid",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "deletionTimestamp"
            ]
        );
        assert_eq!(value["metadata"], json!({"name": "a", "namespace": "b"}));
        assert_eq!(value.get("status"), None);
        assert_eq!(strip_derived(&mut value), Vec::<&str>::new());
        assert_eq!(strip_derived(&mut json!([1])), Vec::<&str>::new());
    }

    /// Whatever is read: places lie in the file, and no entry has a name that is not a name.
    fn is_sound(file: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
        let manifest = read(&source(file, bytes), &Limits::default(), "default");
        for finding in &manifest.diagnostics {
            let related = finding.related.iter().map(|label| &label.place);
            for place in std::iter::once(&finding.place).chain(related) {
                let Place::At(span) = place else { continue };
                prop_assert!(
                    span.start <= span.end && span.end <= bytes.len(),
                    "{finding:?}"
                );
                prop_assert!(span.line >= 1 && span.column >= 1, "{finding:?}");
                if let Ok(text) = std::str::from_utf8(bytes) {
                    prop_assert!(text.get(span.start..span.end).is_some(), "{finding:?}");
                }
            }
        }
        for entry in &manifest.entries {
            for name in [&entry.key.name, &entry.key.namespace] {
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                prop_assert!(!name.is_empty() && name.len() <= 63 && name.chars().all(fits));
            }
            let broken = manifest
                .diagnostics
                .iter()
                .any(|f| f.is_error() && f.resource.as_ref() == Some(&entry.key));
            prop_assert!(entry.resource.is_some() || broken);
        }
        let errors = manifest.diagnostics.iter().any(Diagnostic::is_error);
        prop_assert!(errors || !manifest.unidentified);
        Ok(())
    }

    /// A valid file of two documents that uses most of YAML.
    const MIXED: &str = "# two documents
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: a, namespace: b, labels: &l {x: \"1\", 'y': z}}
spec:
  description: |
    some ünïcode
      text
  series: s
  version: \"1\"
  graph:
    nodes:
      - id: n
        kind: Task
        retries: 2
        timeout: 1h30m
        inputs: *l
        outputs: [{name: x}, {name: y}]
        acceptanceCriteria:
          - {type: custom, name: c, webhook: u, payload: [1, 2.5, null, true]}
      - {id: g, kind: Gate, gateRef: {name: r}}
    edges: [{from: n, to: g, type: soft}]
---
apiVersion: planspec.io/v1alpha1
kind: Goal
metadata:
  name: a
  namespace: b
spec:
  description: >-
    folded
    text
";

    #[test]
    fn the_file_that_is_mutated_below_is_valid() {
        let manifest = manifest(MIXED);
        assert_eq!(manifest.diagnostics, []);
        assert!(
            manifest
                .entries
                .iter()
                .all(|entry| entry.resource.is_some())
        );
        assert_eq!(manifest.entries.len(), 2);
    }

    /// Pieces that mean something to a parser.
    const PIECES: [&str; 34] = [
        "\n", "\r\n", "\r", "\t", "  ", ": ", "- ", "? ", "[", "]", "{", "}", ",", "&l ", "*l",
        "!x ", "!!str ", "<<: ", "\"", "'", "|\n", ">", "#", "%", "---\n", "...\n", "null", "5",
        "1e999", "é", "\u{feff}", "\u{2028}", "\u{1}", "a: 1\n",
    ];

    proptest! {
        #[test]
        fn any_bytes_end_in_findings_or_resources(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            is_sound("a.yaml", &bytes)?;
            is_sound("a.json", &bytes)?;
        }

        #[test]
        fn any_pieces_end_in_findings_or_resources(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
            is_sound("a.yaml", pieces.concat().as_bytes())?;
            is_sound("a.json", pieces.concat().as_bytes())?;
        }

        #[test]
        fn any_mutation_ends_in_findings_or_resources(
            changes in prop::collection::vec(
                (any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(&PIECES[..])),
                1..4,
            )
        ) {
            let mut bytes = MIXED.as_bytes().to_vec();
            for (index, removed, piece) in changes {
                let start = index.index(bytes.len());
                let end = (start + removed).min(bytes.len());
                bytes.splice(start..end, piece.bytes());
            }
            is_sound("a.yaml", &bytes)?;
        }
    }
}
