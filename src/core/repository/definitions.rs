//! Which resources a revision has, and where each is defined.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::core::base::diagnostic::{
    Code, Diagnostic, Label, Part, PathStep, Place, Span, in_item,
};
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::Origin;
use crate::core::repository::chain::{self, RevisionOf};
use crate::core::repository::list::Spot;
use crate::core::repository::manifest::Manifest;
use crate::core::repository::referral::Referral;
use crate::core::resource::{
    BindingSpec, CapabilitySpec, ExecutionSpec, GateSpec, GoalSpec, GraphSpec, Key, Kind, PlanSpec,
    Resource,
};
use crate::core::text::allow::Allow;
use crate::core::text::locate::locate;

/// Where a resource is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Which resource.
    pub key: Key,
    /// Path of the file.
    pub path: String,
    /// Object id of the file's content.
    pub blob: String,
    /// Index of the document in the file, from 0.
    pub document: usize,
    /// Where the document is a list: which of its items it is.
    pub item: Option<usize>,
    /// The resource, unless its structure is broken.
    pub resource: Option<Resource>,
    /// The graph of a plan whose structure is broken elsewhere.
    pub graph: Option<GraphSpec>,
    /// Set when it comes from a PlanSpec 1.2 document: the way from its places to those there.
    pub origin: Option<Arc<Origin>>,
    /// Of the plan of a document: which revision it is.
    pub revision: Option<RevisionOf>,
}

impl Definition {
    /// A place in the resource, as it stands in its file.
    pub fn place(&self, path: Vec<PathStep>, part: Part) -> Place {
        let path = match &self.origin {
            Some(origin) => origin.path(self.key.kind, &path),
            None => in_item(self.item, path),
        };
        Place::Entry {
            document: self.document,
            path,
            part,
        }
    }

    /// Where it stands in its file.
    pub fn spot(&self) -> Spot {
        Spot {
            document: self.document,
            item: self.item,
        }
    }

    /// A finding about the resource.
    pub fn finding(&self, code: Code, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, &self.path, place, message).about(&self.key)
    }

    /// A finding at a value of it.
    pub fn at(&self, code: Code, path: Vec<PathStep>, message: impl Into<String>) -> Diagnostic {
        self.finding(code, self.place(path, Part::Value), message)
    }

    /// A finding at a key of it.
    pub fn at_key(
        &self,
        code: Code,
        path: Vec<PathStep>,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.finding(code, self.place(path, Part::Key), message)
    }

    /// A second place, at a value of it.
    pub fn label(&self, path: Vec<PathStep>, message: impl Into<String>) -> Label {
        Label::new(&self.path, self.place(path, Part::Value), message)
    }
}

/// The resources of one revision, with look-ups both ways; nothing is checked yet.
#[derive(Debug, Default)]
pub struct Definitions {
    by_key: BTreeMap<Key, Vec<Definition>>,
    /// Plans in files of earlier revisions.
    earlier: BTreeMap<Key, Vec<Definition>>,
    texts: BTreeMap<String, Arc<[u8]>>,
    unidentified: Vec<String>,
    /// Names of what may hide in the files that cannot be read.
    hidden: HashSet<String>,
    allows: BTreeMap<String, Vec<Allow>>,
    /// What is referred to, and by whom.
    referred: HashSet<Referral>,
}

/// What is known of files that were not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Resources that they define: their names may be what a mistyped one was meant to be.
    pub keys: Vec<Key>,
    /// What they refer to.
    pub referred: Vec<Referral>,
}

impl Definitions {
    /// Take in what a file defines.
    pub fn add(&mut self, file: &SourceFile, manifest: Manifest) {
        if let Content::Bytes(bytes) = &file.content {
            self.texts.insert(file.path.clone(), Arc::clone(bytes));
        }
        if manifest.unidentified {
            self.unidentified.push(manifest.path.clone());
            self.hidden.extend(manifest.hidden_names(&file.content));
        }
        if !manifest.allows.is_empty() {
            self.allows.insert(manifest.path.clone(), manifest.allows);
        }
        for entry in manifest.entries {
            self.referred.extend(entry.referred);
            let definition = Definition {
                key: entry.key.clone(),
                path: manifest.path.clone(),
                blob: manifest.blob.clone(),
                document: entry.document,
                item: entry.item,
                resource: entry.resource,
                graph: entry.graph,
                origin: entry.origin,
                revision: entry.revision,
            };
            let definitions = self.by_key.entry(entry.key).or_default();
            // Nearly always it is the only one, and not the first of four.
            definitions.reserve_exact(1);
            definitions.push(definition);
        }
    }

    /// Put aside what stands in files of earlier revisions: the newest one is the plan, with all that
    /// it stands for.
    pub(super) fn put_history_aside(&mut self) {
        let places = chain::earlier(self);
        if places.is_empty() {
            return;
        }
        let is_earlier = |one: &Definition| places.contains(&(one.path.clone(), one.document));
        let mut put_aside = Vec::new();
        for definitions in self.by_key.values_mut() {
            put_aside.extend(definitions.extract_if(.., |one| is_earlier(one)));
        }
        self.by_key.retain(|_, definitions| !definitions.is_empty());
        for one in put_aside {
            self.earlier.entry(one.key.clone()).or_default().push(one);
        }
    }

    /// What stands in files of earlier revisions of a plan, and of what it stood for.
    pub fn earlier(&self, key: &Key) -> &[Definition] {
        self.earlier.get(key).map_or(&[], Vec::as_slice)
    }

    /// All that stands in files of earlier revisions.
    pub fn history(&self) -> impl Iterator<Item = &Definition> {
        self.earlier.values().flatten()
    }

    /// Take in what is known of files that were not read.
    pub fn add_elsewhere(&mut self, elsewhere: Elsewhere) {
        for key in elsewhere.keys {
            self.by_key.entry(key).or_default();
        }
        self.referred.extend(elsewhere.referred);
    }

    /// Whether a field of the resources of a kind refers to this one, such as `(Kind::Plan,
    /// "gateRef")`. The one way for a rule to ask who refers to a resource: where only what a change
    /// reaches is read, the others are known by this alone, and only what they refer to of the
    /// resources that are read.
    ///
    /// What cannot be read refers to nothing: see [`Definitions::may_be_hidden`].
    pub fn is_referred_to(&self, key: &Key, by: (Kind, &str)) -> bool {
        let referral = Referral::to(key, by);
        debug_assert!(referral.is_some(), "{by:?} is in no line of `FIELDS`");
        referral.is_some_and(|referral| self.referred.contains(&referral))
    }

    /// Whether a name stands in a file that cannot be read. A resource of this name may be defined
    /// there, or referred to: it is not missing, nor unused. The file has its own finding.
    pub fn may_be_hidden(&self, name: &str) -> bool {
        self.hidden.contains(name)
    }

    /// What comments allow, by file.
    pub fn allows(&self) -> &BTreeMap<String, Vec<Allow>> {
        &self.allows
    }

    /// Every resource that is named anywhere, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.by_key.keys()
    }

    /// The keys of one kind.
    pub fn keys_of(&self, kind: Kind) -> impl Iterator<Item = &Key> {
        // Keys are ordered by kind first.
        self.by_key
            .range(Key::new(kind, "", "")..)
            .map(|(key, _)| key)
            .take_while(move |key| key.kind == kind)
    }

    /// All places where a resource is defined: more than one is an error.
    pub fn definitions(&self, key: &Key) -> &[Definition] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// The only definition of a resource.
    pub fn definition(&self, key: &Key) -> Option<&Definition> {
        match self.definitions(key) {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The resource, if it is defined once and its structure is sound.
    pub fn resource(&self, key: &Key) -> Option<&Resource> {
        self.definition(key)?.resource.as_ref()
    }

    /// The goal of that name.
    pub fn goal(&self, key: &Key) -> Option<&GoalSpec> {
        self.resource(key)?.spec.goal()
    }

    /// The plan of that name.
    pub fn plan(&self, key: &Key) -> Option<&PlanSpec> {
        self.resource(key)?.spec.plan()
    }

    /// The capability of that name.
    pub fn capability(&self, key: &Key) -> Option<&CapabilitySpec> {
        self.resource(key)?.spec.capability()
    }

    /// The binding of that name.
    pub fn binding(&self, key: &Key) -> Option<&BindingSpec> {
        self.resource(key)?.spec.binding()
    }

    /// The gate of that name.
    pub fn gate(&self, key: &Key) -> Option<&GateSpec> {
        self.resource(key)?.spec.gate()
    }

    /// The execution of that name.
    pub fn execution(&self, key: &Key) -> Option<&ExecutionSpec> {
        self.resource(key)?.spec.execution()
    }

    /// The executions of a plan, with their specs. One that is defined twice counts if either
    /// definition names the plan: it may be the one that runs, and the other may stand in a file
    /// that was not read.
    pub fn executions_of(&self, plan: &Key) -> impl Iterator<Item = (&Key, &ExecutionSpec)> {
        let all = self.keys_of(Kind::Execution);
        let defined = all.flat_map(|key| self.definitions(key));
        let readable = defined.filter_map(|one| Some((&one.key, one.resource.as_ref()?)));
        let runs = readable.filter_map(|(key, resource)| Some((key, resource.spec.execution()?)));
        runs.filter(|(key, run)| run.plan_ref.is_to(plan, &key.namespace))
    }

    /// Whether nothing at all is defined.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Files in which resources may hide because they, or a document of them, cannot be read.
    pub fn unidentified(&self) -> &[String] {
        &self.unidentified
    }

    /// Text of a file, for showing findings.
    pub fn text(&self, path: &str) -> Option<String> {
        self.texts
            .get(path)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// `file:line:column` of a place, or the file alone where the place cannot be found.
    pub fn place(&self, file: &str, place: &Place) -> String {
        let found = self.text(file).and_then(|text| locate(&text, place));
        told(file, place, found)
    }
}

/// `file:line:column`, as far as it is known.
pub(super) fn told(file: &str, place: &Place, found: Option<Span>) -> String {
    let given = match place {
        Place::At(span) => Some(*span),
        _ => None,
    };
    match found.or(given) {
        Some(span) => format!("{file}:{}:{}", span.line, span.column),
        None => file.to_owned(),
    }
}
