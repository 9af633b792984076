//! Changes to the resources of the repository: put in place, validated together, and committed
//! exactly. [`super::apply`], [`super::start`], [`super::edit`] and [`super::delete`] share this.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use super::index::{self, Step, Trouble, Use};
use super::names::Named;
use super::store::{Side, Store, View};
use super::{Error, ErrorKind, Findings, Result, revision};
use crate::api::change::{ChangedResource, Committed, ResourceChange};
use crate::core::base::diagnostic::{Code, Diagnostic, Place, Severity};
use crate::core::base::limits::{CONFIG_FILE, Limits};
use crate::core::base::source::{Content, SourceFile};
use crate::core::base::time;
use crate::core::repository::config::Config;
use crate::core::repository::definitions::Definition;
use crate::core::repository::facts::{identity, is_local};
use crate::core::repository::index::{Index, MemoryPages, Pages};
use crate::core::repository::list::{self, Spot};
use crate::core::repository::manifest;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{DELETION_REQUESTED, Key, Kind, Resource, Time, version_of_spec};
use crate::core::text::located::ResourceName;
use crate::core::text::{json, yaml};
use crate::git::commit::{self, Turn};
use crate::git::hooks::{self, HookStanding};
use crate::git::read::{FoundFile, Tree};
use crate::git::{GitError, Head, read};

/// The folder to which `planspec new` writes schemas for editors.
pub const SCHEMAS: &str = ".planspec/schemas/";

/// Set for our hook while `apply` commits: references may then be to resources that come later.
pub const APPLIES: &str = "PLANSPEC_APPLIES";

/// A change on top of HEAD, or of the spec branch ([`Side`]). Only what is asked for, and what the change affects, is
/// read from there.
pub struct Changeset<'a> {
    store: &'a Store,
    /// The configuration at the base.
    pub config: Config,
    /// The commit at the base: HEAD, or the tip of the spec branch.
    base: Option<String>,
    /// The spec branch, if the change goes there and not to HEAD.
    onto: Option<View>,
    /// Held if the change is to be committed.
    _turn: Option<Turn>,
    /// Resources that were looked up at the base.
    looked_up: RefCell<BTreeMap<Key, Rc<Snapshot>>>,
    /// New text by path; `None` removes the file.
    changed: BTreeMap<String, Option<String>>,
    /// Other files that are committed with them, by path.
    beside: BTreeMap<String, Vec<u8>>,
    /// The resources that the request names, and their files.
    touched: Vec<(Key, String)>,
    /// Notes for the user.
    notes: Vec<String>,
    /// Whether references to missing resources are allowed.
    may_come: bool,
}

/// An error of a commit that Git, or a hook of the user, refuses: the repository itself is usable.
fn refused(error: GitError) -> Error {
    let mut error = Error::from(error);
    if error.kind == ErrorKind::Unavailable {
        error.kind = ErrorKind::NotReady;
    }
    error
}

impl<'a> Changeset<'a> {
    /// Begins a change that is not committed. Other changes may happen at the same time.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn begin(store: &'a Store) -> Result<Changeset<'a>> {
        let onto = match &store.side {
            Side::SpecBranch(_) if !store.has_spec_branch_checked_out()? => Some(store.known()?),
            _ => None,
        };
        let base = match &onto {
            Some(view) => Some(view.spec_commit.clone()),
            None => store.repo.head()?.commit().map(str::to_owned),
        };
        let config = match &base {
            Some(commit) => store.config_at(commit)?,
            None => Config::default(),
        };
        Ok(Changeset {
            store,
            config,
            base,
            onto,
            _turn: None,
            looked_up: RefCell::default(),
            changed: BTreeMap::new(),
            beside: BTreeMap::new(),
            touched: Vec::new(),
            notes: Vec::new(),
            may_come: false,
        })
    }

    /// Begins a change that is to be committed. Such changes are made one at a time, so that each sees the
    /// commits before it. A dry run does not wait.
    ///
    /// # Errors
    /// HEAD cannot be read; another change takes too long.
    pub fn begin_alone(store: &'a Store, dry_run: bool) -> Result<Changeset<'a>> {
        let turn = match store.repo.workdir() {
            Some(_) if !dry_run => Some(Turn::take(&store.repo)?),
            _ => None,
        };
        let change = Changeset::begin(store)?;
        Ok(Changeset {
            _turn: turn,
            notes: change.config_elsewhere()?.into_iter().collect(),
            ..change
        })
    }

    /// That the work tree has another configuration than the one that counts.
    ///
    /// # Errors
    /// The file or the commit cannot be read.
    pub(super) fn config_elsewhere(&self) -> Result<Option<String>> {
        let lies_there = self.lies_there(CONFIG_FILE)?;
        let committed = match &self.base {
            Some(commit) => read::file_at(&self.store.repo, commit, CONFIG_FILE)?,
            None => None,
        };
        Ok(lies_there
            .filter(|text| Some(text) != committed.as_ref())
            .map(|_| {
                let counts = match committed {
                    Some(_) => "the committed one counts",
                    None => "the defaults count",
                };
                format!("{CONFIG_FILE} has uncommitted changes: {counts}")
            }))
    }

    /// Checks that HEAD has a commit.
    ///
    /// # Errors
    /// There are no commits yet.
    pub fn check_begun(&self) -> Result {
        match self.base {
            Some(_) => Ok(()),
            None => Err(Error::no_commits()),
        }
    }

    /// The commit at the base; `None` if there is none yet.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// A resource at the base, with everything else in its files.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn in_head(&self, key: &Key) -> Result<Rc<Snapshot>> {
        if let Some(known) = self.looked_up.borrow().get(key) {
            return Ok(Rc::clone(known));
        }
        let found = match &self.base {
            Some(commit) => index::defining(&self.store.repo, commit, &self.config, key)?,
            None => Snapshot::default(),
        };
        let found = Rc::new(found);
        let mut looked_up = self.looked_up.borrow_mut();
        looked_up.insert(key.clone(), Rc::clone(&found));
        Ok(found)
    }

    /// Looks up many resources at once: each lookup reads the index.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn look_up(&self, keys: &BTreeSet<Key>) -> Result {
        let found = Rc::new(self.matching(|key| keys.contains(key))?);
        let mut looked_up = self.looked_up.borrow_mut();
        looked_up.extend(keys.iter().map(|key| (key.clone(), Rc::clone(&found))));
        Ok(())
    }

    /// The resources that the change removes although the request does not name them: they are in the old texts of changed
    /// files, but not in the new ones.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn lost(&self) -> Result<Vec<Key>> {
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        for (path, text) in &self.changed {
            let in_head = self.text_of(path);
            if in_head != *text {
                before.extend(in_head.iter().flat_map(|text| self.keys_in(path, text)));
                after.extend(text.iter().flat_map(|text| self.keys_in(path, text)));
            }
        }
        let touched = self.touched.iter().map(|(key, _)| key);
        after.extend(touched.cloned());
        Ok(before.difference(&after).cloned().collect())
    }

    fn keys_in(&self, path: &str, text: &str) -> Vec<Key> {
        let namespace = &self.config.default_namespace;
        let manifest = manifest::read(&source_file(path, text), &self.config.limits, namespace);
        manifest
            .entries
            .into_iter()
            .map(|entry| entry.key)
            .collect()
    }

    /// Finds the named resource.
    ///
    /// # Errors
    /// There is none, or there are several; HEAD cannot be read.
    pub fn find(&self, named: &Named) -> Result<Key> {
        match &self.base {
            Some(commit) => index::find(&self.store.repo, commit, &self.config, named),
            None => named.among(std::iter::empty()).cloned(),
        }
    }

    /// A resource at the base, with everything that it refers to.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn about(&self, key: &Key) -> Result<Snapshot> {
        let keys = BTreeSet::from([key.clone()]);
        match &self.base {
            Some(commit) => index::about(&self.store.repo, commit, &self.config, &keys),
            None => Ok(Snapshot::default()),
        }
    }

    /// The resources at the base that `wanted` selects, with everything else in their files.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn matching(&self, wanted: impl Fn(&Key) -> bool) -> Result<Snapshot> {
        match &self.base {
            Some(commit) => index::matching(&self.store.repo, commit, &self.config, wanted),
            None => Ok(Snapshot::default()),
        }
    }

    /// The resources at the base that refer to a resource, with everything else in their files.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn referring_to(&self, key: &Key) -> Result<Snapshot> {
        match &self.base {
            Some(commit) => index::referring(&self.store.repo, commit, &self.config, key),
            None => Ok(Snapshot::default()),
        }
    }

    /// Adds a file: as a whole if it is part of the repository, else resource by resource.
    ///
    /// # Errors
    /// It contains nothing that can be put in place.
    pub fn put(&mut self, file: &SourceFile, text: &str) -> Result {
        self.check_current(file)?;
        let manifest = manifest::read(file, &self.config.limits, &self.config.default_namespace);
        let stripped = strip(file, text, &self.config);
        if let Some((_, dropped)) = &stripped {
            self.notes.push(format!(
                "{}: {} is not kept: only reconcile writes it",
                file.path,
                dropped.join(", ")
            ));
        }
        let text = stripped.map_or_else(|| text.to_owned(), |(text, _)| text);
        let keys: Vec<(Spot, Key)> = manifest
            .entries
            .iter()
            .map(|entry| (entry.spot(), entry.key.clone()))
            .collect();
        if keys.is_empty() {
            return Err(nothing_in(file, &text, manifest.diagnostics));
        }
        let inside = self.store.repo.path_inside(Path::new(&file.path));
        let inside = inside.filter(|path| self.config.covers(path));
        if inside
            .as_ref()
            .is_some_and(|path| self.changed.contains_key(path))
        {
            // The file was given twice.
            return Ok(());
        }
        self.check_once(&keys, &file.path)?;
        if let Some(path) = inside {
            self.touched
                .extend(keys.into_iter().map(|(_, key)| (key, path.clone())));
            self.take_schema(&path, &text)?;
            self.changed.insert(path, Some(text));
            return Ok(());
        }
        for (spot, key) in keys {
            let is_document = manifest
                .entries
                .iter()
                .any(|entry| entry.spot() == spot && entry.origin.is_some());
            if is_document && key.kind != Kind::Plan {
                // The goal and gates of a document belong to the file of its plan.
                continue;
            }
            let part = part_of(&file.path, &text, spot);
            if is_document {
                self.place_document(key, &file.path, &part)?;
                continue;
            }
            let path = self.path_of(&key)?;
            let part = in_form_of(&path, &file.path, part);
            if self.is_unchanged(&key, &path, &part)? {
                self.touched.push((key, path));
            } else {
                self.place(key, &part)?;
            }
        }
        Ok(())
    }

    /// Puts a resource, given as YAML, in the place of its previous version, else at its canonical path. If it is unchanged, so
    /// is its file.
    ///
    /// # Errors
    /// As [`Changeset::place`].
    pub fn put_resource(&mut self, key: Key, text: &str) -> Result {
        let path = self.path_of(&key)?;
        let text = in_form_of(&path, "resource.yaml", text.to_owned());
        if self.is_unchanged(&key, &path, &text)? {
            self.touched.push((key, path));
            return Ok(());
        }
        self.place(key, &text)
    }

    /// Checks that no resource is given twice, since either could be meant.
    fn check_once(&self, keys: &[(Spot, Key)], file: &str) -> Result {
        let mut known: BTreeSet<&Key> = self.touched.iter().map(|(key, _)| key).collect();
        for (_, key) in keys {
            if !known.insert(key) {
                let why = format!("{key} appears twice, the second time in {file}");
                return Err(Error::invalid(why).hint("apply one of them; nothing was written"));
            }
        }
        Ok(())
    }

    /// Checks that the given version is based on the one in HEAD, if it has a `resourceVersion`.
    fn check_current(&self, file: &SourceFile) -> Result {
        let Content::Bytes(bytes) = &file.content else {
            return Ok(());
        };
        let (documents, _) = yaml::read(&file.path, bytes, &self.config.limits);
        let resources = documents.into_iter().flat_map(|document| {
            list::items_of(document.value).unwrap_or_else(|value| vec![value])
        });
        for value in resources {
            let field = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
            let kind = field("/kind").and_then(Kind::parse);
            let names = (field("/metadata/namespace"), field("/metadata/name"));
            let given = field("/metadata/resourceVersion");
            let given = given.and_then(|given| Some((given, version_of_spec(given)?)));
            let (Some(kind), (Some(namespace), Some(name)), Some((given, made_from))) =
                (kind, names, given)
            else {
                continue;
            };
            let key = Key::new(kind, namespace, name);
            let now = self.in_head(&key)?.resource(&key).map(Resource::version);
            if let Some(now) = now.filter(|now| now != made_from) {
                let why = format!(
                    "{key} has changed in the meantime: this has resourceVersion {given}, but HEAD has {now}"
                );
                return Err(Error::conflict(why).hint(format!(
                    "repeat the change on the output of `planspec get {key} -o yaml`, or remove `resourceVersion`; nothing was written"
                )));
            }
        }
        Ok(())
    }

    /// Adds the schema that the file names for editors and that `planspec new` wrote, since other people's editors need it.
    fn take_schema(&mut self, path: &str, text: &str) -> Result {
        let Some(schema) = named_schema(path, text) else {
            return Ok(());
        };
        let lies_there = self.lies_there(&schema)?;
        let committed = match &self.base {
            Some(commit) => read::file_at(&self.store.repo, commit, &schema)?,
            None => None,
        };
        if let (Some(text), None) = (lies_there, committed) {
            self.beside.insert(schema, text);
        }
        Ok(())
    }

    /// Assumes that a file had this text, whatever it has now. For changes that are not committed.
    pub fn suppose(&mut self, path: &str, text: &str) {
        self.changed.insert(path.to_owned(), Some(text.to_owned()));
    }

    /// Allows references to missing resources: they are reported, but not refused.
    pub fn in_any_order(&mut self) {
        self.may_come = true;
    }

    /// Puts the text of one resource in the place of its previous version, else at its canonical path.
    ///
    /// # Errors
    /// It is defined twice, there is no place for it, or its file has uncommitted changes.
    pub fn place(&mut self, key: Key, text: &str) -> Result {
        let path = self.path_of(&key)?;
        self.place_at(key, path, text)
    }

    /// The path for a new PlanSpec 1.2 document.
    ///
    /// # Errors
    /// The configured paths do not include one for it.
    pub fn document_path(&self, key: &Key) -> Result<String> {
        let file = format!("{}/{}.planspec.yaml", key.namespace, key.name);
        self.below_a_folder(key, &file)
    }

    /// Puts a PlanSpec 1.2 document in the place of the one with its plan, else at its canonical path, in
    /// the file format there. `from` is the file that it comes from.
    fn place_document(&mut self, key: Key, from: &str, text: &str) -> Result {
        let path = match self.only_definition(&key)? {
            Some((path, _)) => path,
            None => {
                let form = if yaml::is_json(from) { "json" } else { "yaml" };
                self.below_a_folder(
                    &key,
                    &format!("{}/{}.planspec.{form}", key.namespace, key.name),
                )?
            }
        };
        let text = in_form_of(&path, from, text.to_owned());
        self.place_at(key, path, &text)
    }

    fn place_at(&mut self, key: Key, path: String, text: &str) -> Result {
        let spot = self.only_definition(&key)?.map(|(_, spot)| spot);
        let text = match (spot, self.current(&path)) {
            (Some(spot), Some(current)) => replaced(&path, &current, spot, Some(text)),
            _ => text.to_owned(),
        };
        let text = ensure_newline(text);
        self.check_free(&path, Some(&text))?;
        self.changed.insert(path.clone(), Some(text));
        self.touched.push((key, path));
        Ok(())
    }

    /// The findings in the text of one resource by itself.
    ///
    /// # Errors
    /// There is no place for the resource.
    pub fn check_text(&self, key: &Key, text: &str) -> Result<Vec<Diagnostic>> {
        let path = self.path_of(key)?;
        let manifest = manifest::read(
            &source_file(&path, text),
            &self.config.limits,
            &self.config.default_namespace,
        );
        let mut found = manifest.diagnostics;
        let entries = &manifest.entries;
        let is_it = entries.iter().any(|entry| entry.key == *key)
            && entries
                .iter()
                .all(|entry| entry.spot() == entries[0].spot());
        if !is_it && found.is_empty() {
            found.push(
                Diagnostic::new(
                    Code::NOT_ALLOWED,
                    path,
                    Place::File,
                    format!("the text must contain {key} and nothing else"),
                )
                .help("to rename or add a resource, write a file and apply it"),
            );
        }
        Ok(found)
    }

    /// Removes one resource: its YAML document, or its file if that contains nothing else.
    ///
    /// # Errors
    /// It does not exist or is defined twice, or its file has uncommitted changes.
    pub fn remove(&mut self, key: &Key) -> Result {
        let Some((path, spot)) = self.only_definition(key)? else {
            return Err(Error::not_found(format!("{key} does not exist in HEAD")));
        };
        // A resource that comes from the same document was removed before, and this one with it.
        if self.removed_from(&path)?.contains(&spot) {
            self.touched.push((key.clone(), path));
            return Ok(());
        }
        self.check_free(&path, None)?;
        let current = self.current(&path).unwrap_or_default();
        let rest = replaced(&path, &current, self.spot_now(&path, spot)?, None);
        let is_empty = yaml::split::documents(&rest).is_empty();
        self.changed
            .insert(path.clone(), (!is_empty).then_some(rest));
        self.touched.push((key.clone(), path));
        Ok(())
    }

    /// The places at the base of the named resources of a file.
    fn removed_from(&self, path: &str) -> Result<BTreeSet<Spot>> {
        let mut removed = BTreeSet::new();
        for (other, _) in self.touched.iter().filter(|(_, at)| at == path) {
            let there = self.in_head(other)?;
            removed.extend(there.definition(other).map(Definition::spot));
        }
        Ok(removed)
    }

    /// Marks a resource for deletion, unless it is marked already. Returns a note.
    ///
    /// # Errors
    /// As [`Changeset::place`].
    pub fn ask_for_deletion(&mut self, key: &Key, finalizers: &str, now: Time) -> Result<String> {
        let there = self.in_head(key)?;
        let resource = there.resource(key);
        if resource.is_some_and(|resource| resource.metadata.deletion_requested().is_some()) {
            return Ok(format!(
                "{key} is already waiting for its finalizers: {finalizers}"
            ));
        }
        let (path, text) = (self.path_of(key)?, self.document_of(key)?);
        let text = annotated(&path, &text, DELETION_REQUESTED, &time::exact(now));
        self.place(key.clone(), &text)?;
        Ok(format!(
            "{key} stays until its finalizers are removed: {finalizers}; removing the last one deletes it"
        ))
    }

    /// Removes resources that are marked for deletion and have no finalizers left.
    fn remove_unheld(&mut self) -> Result {
        let mut unheld = Vec::new();
        for (key, path) in &self.touched {
            if self.is_unheld(key, path) {
                unheld.extend(self.only_definition(key)?);
            }
        }
        unheld.sort();
        for (path, spot) in unheld.into_iter().rev() {
            let current = self.current(&path).unwrap_or_default();
            let rest = replaced(&path, &current, spot, None);
            let is_empty = yaml::split::documents(&rest).is_empty();
            self.changed.insert(path, (!is_empty).then_some(rest));
        }
        Ok(())
    }

    /// Whether a resource is marked for deletion, and its new text has no finalizers.
    fn is_unheld(&self, key: &Key, path: &str) -> bool {
        let Some(Some(text)) = self.changed.get(path) else {
            return false;
        };
        let namespace = &self.config.default_namespace;
        let manifest = manifest::read(&source_file(path, text), &self.config.limits, namespace);
        let entry = manifest.entries.iter().find(|entry| entry.key == *key);
        let metadata = entry.and_then(|entry| Some(&entry.resource.as_ref()?.metadata));
        metadata.is_some_and(|one| one.finalizers.is_empty() && one.deletion_requested().is_some())
    }

    /// The text of a resource's YAML document at the base.
    ///
    /// # Errors
    /// It does not exist or is defined twice.
    pub fn document_of(&self, key: &Key) -> Result<String> {
        let Some((path, spot)) = self.only_definition(key)? else {
            return Err(Error::not_found(format!("{key} does not exist in HEAD")));
        };
        let text = self.text_of(&path).unwrap_or_default();
        Ok(part_of(&path, &text, spot))
    }

    /// The place of a resource in the changed file, after removals before it.
    fn spot_now(&self, path: &str, spot: Spot) -> Result<Spot> {
        let removed = self.removed_from(path)?;
        let in_head = self.text_of(path).unwrap_or_default();
        let is_whole = |document: usize| {
            let items = removed.iter().filter(|one| one.document == document);
            let items: Vec<_> = items.filter(|one| one.item.is_some()).collect();
            items.is_empty() || items.len() == list::len(path, &in_head, document)
        };
        let documents: BTreeSet<usize> = removed.iter().map(|one| one.document).collect();
        let gone = documents
            .into_iter()
            .filter(|one| *one < spot.document && is_whole(*one));
        let before = |item: usize| {
            let same = removed.iter().filter(|one| one.document == spot.document);
            same.filter(|one| one.item.is_some_and(|one| one < item))
                .count()
        };
        Ok(Spot {
            document: spot.document - gone.count().min(spot.document),
            item: spot.item.map(|item| item - before(item).min(item)),
        })
    }

    fn only_definition(&self, key: &Key) -> Result<Option<(String, Spot)>> {
        match self.in_head(key)?.definitions(key) {
            [] => Ok(None),
            [only] => Ok(Some((only.path.clone(), only.spot()))),
            several => Err(
                Error::invalid(format!("{key} is defined {} times", several.len()))
                    .hint("remove all but one of the definitions first"),
            ),
        }
    }

    /// The path of a resource, existing or new.
    ///
    /// # Errors
    /// It is defined twice, or the configured paths have no place for it.
    pub fn path_of(&self, key: &Key) -> Result<String> {
        match self.only_definition(key)? {
            Some((path, _)) => Ok(path),
            None => self.canonical_path(key),
        }
    }

    /// Checks that the file of a resource is as in HEAD.
    ///
    /// # Errors
    /// It has uncommitted changes.
    pub fn check_clean(&self, key: &Key) -> Result {
        let path = self.path_of(key)?;
        self.check_free(&path, None)
    }

    /// The error for a resource that is in the work tree but not committed.
    pub fn uncommitted(&self, named: &Named) -> Option<Error> {
        let there = revision::snapshot(&self.store.repo, Tree::WorkTree, &self.config).ok()?;
        let key = named.among(there.keys()).ok()?;
        let path = &there.definition(key)?.path;
        let here = self.store.repo.from_here(path);
        let in_head = self.in_head(key).ok()?;
        in_head.definition(key).is_none().then(|| {
            Error::not_ready(format!("{key} is not committed; it exists only in {path}"))
                .hint(format!("commit it first: `planspec apply -f {here}`"))
        })
    }

    /// Whether a file has uncommitted changes in the work tree.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_dirty(&self, path: &str) -> Result<bool> {
        let lies_there = self.lies_there(path)?;
        let head = self.text_of(path);
        Ok(lies_there
            .is_some_and(|text| Some(text.as_slice()) != head.as_deref().map(str::as_bytes)))
    }

    fn lies_there(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(match (self.store.repo.workdir(), &self.onto) {
            (Some(_), None) => read::file_in_worktree(&self.store.repo, path)?,
            _ => None,
        })
    }

    /// The current text: as changed so far, else as in HEAD.
    fn current(&self, path: &str) -> Option<String> {
        match self.changed.get(path) {
            Some(text) => text.clone(),
            None => self.text_of(path),
        }
    }

    /// Checks that overwriting a file loses no uncommitted changes. The same text, left by an interrupted command, is no
    /// obstacle.
    fn check_free(&self, path: &str, text: Option<&str>) -> Result {
        if self.changed.contains_key(path) || !self.is_dirty(path)? {
            return Ok(());
        }
        let lies_there = self.lies_there(path)?;
        if text.is_some_and(|text| lies_there.as_deref() == Some(text.as_bytes())) {
            return Ok(());
        }
        let why = format!("{path} has uncommitted changes");
        Err(Error::not_ready(why).hint("commit or stash them first; nothing was written"))
    }

    /// Whether the content at the base is the same, apart from formatting.
    fn is_unchanged(&self, key: &Key, path: &str, text: &str) -> Result<bool> {
        let file = source_file(path, text);
        let config = &self.config;
        let documents = (
            config.default_namespace.as_str(),
            config.approvals.revisions,
        );
        let new = manifest::read_as(&file, &config.limits, documents)
            .entries
            .into_iter()
            .find(|entry| entry.key == *key)
            .and_then(|entry| entry.resource);
        Ok(new.is_some() && new.as_ref() == self.in_head(key)?.resource(key))
    }

    fn text_of(&self, path: &str) -> Option<String> {
        // Only text files can be changed.
        let bytes = read::file_at(&self.store.repo, self.base.as_deref()?, path);
        String::from_utf8(bytes.ok()??).ok()
    }

    /// `planspec/NAMESPACE/KIND/NAME.yaml`, or the same below the first configured folder.
    fn canonical_path(&self, key: &Key) -> Result<String> {
        let file = format!("{}/{}/{}.yaml", key.namespace, key.kind.plural(), key.name);
        self.below_a_folder(key, &file)
    }

    fn below_a_folder(&self, key: &Key, file: &str) -> Result<String> {
        let folders = self.config.folders();
        folders
            .map(|folder| format!("{folder}/{file}"))
            .find(|path| self.config.covers(path))
            .ok_or_else(|| {
                Error::invalid(format!("the configured paths have no folder for {key}"))
                    .hint("put the file into the repository yourself, and apply it there")
            })
    }

    /// The resources that the change affects, and the findings that are new or in a changed file.
    ///
    /// # Errors
    /// HEAD cannot be read.
    pub fn reached(&self) -> Result<Reached> {
        let Some(commit) = &self.base else {
            let none = Index::empty(MemoryPages::default(), 0);
            return Ok(self.reached_from(&none)?);
        };
        let (repo, config) = (&self.store.repo, &self.config);
        index::of_commit(repo, commit, config, |old| self.reached_from(old))
    }

    fn reached_from<P: Pages>(&self, old: &Index<P>) -> std::result::Result<Reached, Trouble> {
        let changed = self.changed.iter();
        let files: Vec<SourceFile> = changed
            .filter_map(|(path, text)| Some(source_file(path, text.as_ref()?)))
            .collect();
        let mut now: BTreeMap<String, Option<String>> = self
            .changed
            .keys()
            .map(|path| (path.clone(), None))
            .collect();
        for file in &files {
            let version = FoundFile::regular(&file.path, &file.blob).map(|file| file.version());
            now.insert(file.path.clone(), version);
        }
        let (repo, paths) = (&self.store.repo, revision::paths(&self.config)?);
        let around = (&self.config, &paths);
        let mut step = Step::of_files(repo, around, old, (now, files), Use::Compare)?;
        step.suggest(old, &self.config)?;
        let changed: BTreeSet<String> = self.changed.keys().cloned().collect();
        let mut found = Vec::new();
        for finding in step.findings() {
            let is_known = match old.row(&finding.file)? {
                _ if changed.contains(&finding.file) => false,
                Some(row) => row.has_finding(&identity(&finding)) || !is_local(&finding),
                None => false,
            };
            if !is_known {
                found.push(finding);
            }
        }
        Ok(Reached {
            found,
            before: step.before(repo, around, old, &changed)?,
            after: step.snapshot,
        })
    }

    /// Validates everything together, commits the differences, and returns the result.
    ///
    /// # Errors
    /// There are findings at error level in changed files; Git refuses the commit.
    pub fn commit(mut self, message: Option<&str>, dry_run: bool) -> Result<Changed<Committed>> {
        self.remove_unheld()?;
        let reached = self.reached()?;
        let resources = self.resources(&reached)?;
        let Reached {
            mut found, after, ..
        } = reached;
        if self.may_come {
            let missing = found.iter_mut().filter(|one| one.code.is_not_found());
            for finding in missing.filter(|one| self.changed.contains_key(&one.file)) {
                finding.severity = Severity::Warning;
            }
        }
        let stops =
            |finding: &Diagnostic| finding.is_error() && self.changed.contains_key(&finding.file);
        // The hook would report these findings too; here they are reported once, and also in a dry run.
        let is_refused =
            found.iter().any(stops) || found.iter().any(Diagnostic::is_error) && self.is_hooked();
        let findings = Findings::new(found, &|file| after.text(file));
        if is_refused {
            return Err(Error::findings(findings));
        }
        let mut changed: Vec<(String, Option<Vec<u8>>)> = self
            .changed
            .iter()
            .filter(|(path, text)| self.text_of(path) != **text)
            .map(|(path, text)| (path.clone(), text.clone().map(String::into_bytes)))
            .collect();
        if !changed.is_empty() {
            let beside = self.beside.into_iter();
            changed.extend(beside.map(|(path, text)| (path, Some(text))));
        }
        let message = message.map_or_else(|| subject_line(&resources), str::to_owned);
        let mut committed = Committed {
            resources,
            changed: !changed.is_empty(),
            dry_run,
            findings: findings.values(),
            notes: self.notes,
            ..Committed::default()
        };
        if !dry_run && !changed.is_empty() {
            let for_hooks = self.may_come.then_some(APPLIES);
            let standing = (self.base.as_deref(), self.onto.as_ref());
            commit_to(
                self.store,
                standing,
                &changed,
                (&message, for_hooks),
                &mut committed,
            )?;
        }
        Ok(Changed {
            answer: committed,
            findings,
        })
    }

    /// Commits other files, and nothing else. Returns the commit, or `None` if they are unchanged.
    ///
    /// # Errors
    /// Git refuses the commit.
    pub fn commit_beside(&self, files: &commit::Files, message: &str) -> Result<Option<String>> {
        let mut committed = Committed::default();
        let standing = (self.base.as_deref(), self.onto.as_ref());
        commit_to(self.store, standing, files, (message, None), &mut committed)?;
        Ok(committed.commit)
    }

    /// Whether Git will run our hook.
    fn is_hooked(&self) -> bool {
        let is_ours = |standing| matches!(standing, HookStanding::Installed(_));
        // On the spec branch no hook runs; in a checkout, finding out takes two processes.
        self.onto.is_none() && hooks::standing(&self.store.repo).is_ok_and(is_ours)
    }

    /// The changes to the named resources, and to all others of their documents.
    fn resources(&self, reached: &Reached) -> Result<Vec<ChangedResource>> {
        let mut found = Vec::new();
        let mut known: BTreeSet<Key> = BTreeSet::new();
        let meant: BTreeSet<&Key> = self.touched.iter().map(|(key, _)| key).collect();
        let mut of_documents = OfDocuments::default();
        of_documents.add(&reached.before);
        of_documents.add(&reached.after);
        for (key, path) in &self.touched {
            // An unchanged resource was not read again.
            let in_head = self.in_head(key)?;
            let sides: [&Snapshot; 2] = if self.changed.contains_key(path) {
                [&reached.before, &reached.after]
            } else {
                of_documents.add(&in_head);
                [&in_head, &in_head]
            };
            let mut all = vec![key.clone()];
            let beside = of_documents.beside(sides, key);
            all.extend(beside.filter(|other| !meant.contains(other)).cloned());
            for key in all {
                if known.insert(key.clone()) {
                    let [before, after] = sides.map(|side| side.resource(&key));
                    found.push(ChangedResource {
                        resource: ResourceName::from(&key),
                        change: change_of(before, after),
                        path: path.clone(),
                    });
                }
            }
        }
        for key in self.lost()? {
            let place = reached.before.definitions(&key).first();
            if let Some(place) = place.filter(|_| known.insert(key.clone())) {
                found.push(ChangedResource {
                    resource: ResourceName::from(&key),
                    change: ResourceChange::Deleted,
                    path: place.path.clone(),
                });
            }
        }
        Ok(found)
    }
}

/// The resources that each document generates, by file and position.
#[derive(Default)]
struct OfDocuments {
    places: BTreeMap<(String, usize), BTreeSet<Key>>,
    /// The snapshots that were added; many resources may share one.
    seen: BTreeSet<*const Snapshot>,
}

impl OfDocuments {
    fn add(&mut self, snapshot: &Snapshot) {
        if !self.seen.insert(std::ptr::from_ref(snapshot)) {
            return;
        }
        for key in snapshot.keys() {
            let definitions = snapshot.definitions(key).iter();
            for definition in definitions.filter(|definition| definition.origin.is_some()) {
                let place = (definition.path.clone(), definition.document);
                self.places.entry(place).or_default().insert(key.clone());
            }
        }
    }

    /// The resources that the document of a resource generates, before and after.
    fn beside(&self, sides: [&Snapshot; 2], key: &Key) -> impl Iterator<Item = &Key> {
        let definitions = sides.into_iter().filter_map(|side| side.definition(key));
        let places = definitions.filter(|one| one.origin.is_some());
        let places: BTreeSet<(String, usize)> =
            places.map(|one| (one.path.clone(), one.document)).collect();
        places
            .into_iter()
            .filter_map(|place| self.places.get(&place))
            .flatten()
    }
}

/// The resources that a change affects, before and after.
pub struct Reached {
    /// Findings that are new, or in a changed file.
    pub found: Vec<Diagnostic>,
    before: Snapshot,
    /// The resources after it.
    pub after: Snapshot,
}

/// The result of a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changed<A> {
    /// The answer.
    pub answer: A,
    /// Findings that do not refuse the change, with the texts of their files.
    pub findings: Findings,
}

impl<A> Changed<A> {
    /// The same with another answer.
    pub fn map<B>(self, answer: impl FnOnce(A) -> B) -> Changed<B> {
        Changed {
            answer: answer(self.answer),
            findings: self.findings,
        }
    }
}

/// Commits a change where it belongs, and reports where that is.
fn commit_to(
    store: &Store,
    (base, onto): (Option<&str>, Option<&View>),
    changed: &commit::Files,
    (message, for_hooks): (&str, Option<&'static str>),
    committed: &mut Committed,
) -> Result {
    if let Some(view) = onto {
        let (commit, branch) = store.commit_spec(view, changed, message)?;
        committed.commit = Some(commit);
        committed.branch = Some(branch);
        return Ok(());
    }
    let asked = commit::Asked {
        message,
        for_hooks,
        author: store.author().map(|author| &author.identity),
    };
    let id = commit::commit_files(&store.repo, base, changed, &asked);
    match id.map_err(refused)? {
        Some(id) => tell_where(committed, store, id),
        None => Ok(()),
    }
}

/// Reports the commit of a change, and when it takes effect. There is always a branch: nothing is committed on a detached HEAD.
fn tell_where(committed: &mut Committed, store: &Store, id: String) -> Result {
    if let Head::Branch { name, .. } = store.repo.head()? {
        committed.branch = Some(name);
    }
    let spec_branch = store.known().ok().map(|view| view.spec_branch);
    if let (Some(remote), Some(branch)) = (&store.remote, &committed.branch) {
        committed.next.push(format!("git push {remote} {branch}"));
    }
    let elsewhere = spec_branch.filter(|branch| committed.branch.as_ref() != Some(branch));
    match elsewhere {
        // A reconcile sees only what is merged.
        Some(spec_branch) => committed.notes.push(format!(
            "it takes effect on `{spec_branch}`: merge it, then run `planspec reconcile`"
        )),
        None => committed.next.push("planspec reconcile".to_owned()),
    }
    committed.commit = Some(id);
    Ok(())
}

/// The schema that a file names for editors, if it is one of ours.
fn named_schema(path: &str, text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let named = line
        .strip_prefix("# yaml-language-server: $schema=")?
        .trim();
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in named.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    let schema = parts.join("/");
    (schema.starts_with(SCHEMAS) && schema.ends_with(".json")).then_some(schema)
}

/// The error for a file without anything that can be put in place.
fn nothing_in(file: &SourceFile, text: &str, found: Vec<Diagnostic>) -> Error {
    if found.is_empty() {
        return Error::invalid(format!("{} holds no resources", file.path));
    }
    Error::findings(Findings::new(found, &|_| Some(text.to_owned())))
}

fn source_file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        blob: read::blob_id(text.as_bytes()),
        content: Content::Bytes(text.as_bytes().into()),
    }
}

/// The text without fields that only `reconcile` writes, if it has any; comments are then lost.
fn strip(file: &SourceFile, text: &str, config: &Config) -> Option<(String, Vec<String>)> {
    let (mut documents, _) = yaml::read(&file.path, text.as_bytes(), &config.limits);
    let fields = documents
        .iter_mut()
        .flat_map(|document| manifest::strip_derived_of_all(&mut document.value));
    let dropped: BTreeSet<String> = fields.map(str::to_owned).collect();
    if dropped.is_empty() {
        return None;
    }
    let write = if yaml::is_json(&file.path) {
        json::write
    } else {
        yaml::write
    };
    let texts = documents.iter().map(|document| write(&document.value));
    let texts: Vec<String> = texts.collect();
    Some((texts.join("---\n"), dropped.into_iter().collect()))
}

/// The text of a resource with another annotation, in block style if the file is in the usual YAML style.
fn annotated(path: &str, text: &str, name: &str, value: &str) -> String {
    let read = |text: &str| {
        let (documents, _) = yaml::read(path, text.as_bytes(), &Limits::NONE);
        documents.into_iter().next().map(|document| document.value)
    };
    let Some(mut meant) = read(text) else {
        return text.to_owned();
    };
    meant["metadata"]["annotations"][name] = Value::from(value);
    let line = format!("{name}: \"{value}\"\n");
    let below = |begin: &str, lines: &str| {
        let (before, after) = text.split_once(begin)?;
        Some(format!("{before}{begin}{lines}{after}"))
    };
    let tried = [
        below("\n  annotations:\n", &format!("    {line}")),
        below("\nmetadata:\n", &format!("  annotations:\n    {line}")),
    ];
    let mut tried = tried.into_iter().flatten();
    let found = tried.find(|text| read(text).as_ref() == Some(&meant));
    found.unwrap_or_else(|| {
        if yaml::is_json(path) {
            json::write(&meant)
        } else {
            yaml::write(&meant)
        }
    })
}

/// The text of a resource, converted to the file format of another file.
fn in_form_of(path: &str, from: &str, text: String) -> String {
    if yaml::is_json(path) == yaml::is_json(from) {
        return text;
    }
    let (documents, _) = yaml::read(from, text.as_bytes(), &Limits::NONE);
    match documents.first().map(|document| &document.value) {
        Some(value) if yaml::is_json(path) => json::write(value),
        Some(value) => yaml::write(value),
        None => text,
    }
}

/// The text of one resource of a file.
fn part_of(path: &str, text: &str, spot: Spot) -> String {
    if let Some(item) = spot.item {
        return list::item(path, text, (spot.document, item)).unwrap_or_default();
    }
    let ranges = yaml::split::documents(text);
    match ranges.get(spot.document) {
        Some(range) if ranges.len() > 1 => {
            let part = &text[range.clone()];
            part.trim_start_matches(['\r', '\n']).to_owned()
        }
        _ => text.to_owned(),
    }
}

/// A file with another text for one of its resources, or without it; a list is removed with its last item.
fn replaced(path: &str, text: &str, spot: Spot, new: Option<&str>) -> String {
    let is_last = || list::len(path, text, spot.document) <= 1;
    match spot.item {
        Some(item) if new.is_some() || !is_last() => {
            let file = list::replace_item(path, text, (spot.document, item), new);
            file.unwrap_or_else(|| text.to_owned())
        }
        _ => replace_document(text, spot.document, new),
    }
}

/// Replaces or removes one document of a stream, leaving the others unchanged.
fn replace_document(stream: &str, document: usize, text: Option<&str>) -> String {
    let ranges = yaml::split::documents(stream);
    let Some(range) = ranges.get(document).filter(|_| ranges.len() > 1) else {
        return text.unwrap_or_default().to_owned();
    };
    // `before` ends with the `---` of the document, unless it is a first one without.
    let (before, after) = (&stream[..range.start], &stream[range.end..]);
    let before = before.trim_end_matches(['\r', '\n']);
    match text {
        Some(text) if before.is_empty() => format!("{}{after}", ensure_newline(text.to_owned())),
        Some(text) => format!("{before}\n{}{after}", ensure_newline(text.to_owned())),
        None => format!("{}{after}", before.strip_suffix("---").unwrap_or(before)),
    }
}

fn ensure_newline(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn change_of(before: Option<&Resource>, after: Option<&Resource>) -> ResourceChange {
    match (before, after) {
        (Some(_), None) => ResourceChange::Deleted,
        (None, _) => ResourceChange::Created,
        (Some(before), Some(after)) if before == after => ResourceChange::Unchanged,
        _ => ResourceChange::Configured,
    }
}

/// The default commit message.
fn subject_line(resources: &[ChangedResource]) -> String {
    let is_changed = |one: &&ChangedResource| one.change != ResourceChange::Unchanged;
    let names: Vec<String> = resources
        .iter()
        .filter(is_changed)
        .map(ChangedResource::qualified)
        .collect();
    match names.as_slice() {
        [] => "Apply resources".to_owned(),
        [only] => format!("Apply {only}"),
        [first, others @ ..] => format!("Apply {first} and {} more", others.len()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Store, replace_document};
    use crate::core::repository::snapshot::parsed;
    use crate::core::resource::Kind;
    use crate::git::testing::Sandbox;
    use crate::service::apply::{ApplyRequest, apply};
    use crate::service::delete::{DeleteRequest, delete};
    use crate::service::edit::{self, EditRequest};
    use crate::service::names::Named;
    use crate::service::sources::Source;
    use crate::service::start::{StartRequest, start};

    fn goal(name: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Goal\nmetadata: {{name: {name}, namespace: n}}\nspec: {{description: d}}\n"
        )
    }

    fn plan(name: &str, goal: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: {name}, namespace: n}}\nspec:\n  description: d\n  \
             goalRef: {{name: {goal}}}\n  graph: {{nodes: [{{id: a, kind: Task, description: d}}]}}\n"
        )
    }

    /// The cost of a change does not grow with the repository.
    #[test]
    fn a_change_among_two_hundred_parses_what_it_reaches() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        let mut texts = Vec::new();
        for number in 0..200 {
            let of = format!("g{}", number / 10);
            texts.push((
                format!("planspec/p{number}.yaml"),
                plan(&format!("p{number}"), &of),
            ));
            texts.push((format!("planspec/{of}.yaml"), goal(&of)));
        }
        let files: Vec<(&str, &str)> = texts
            .iter()
            .map(|(path, text)| (&**path, &**text))
            .collect();
        sandbox.commit(&repo, &files);
        let dir = sandbox.path("one");
        let store = Store::open(Some(&dir)).unwrap();
        let aside = sandbox.path("aside.yaml");
        std::fs::write(&aside, plan("p17", "g1").replace("id: a,", "id: b,")).unwrap();
        let applied = || {
            let request = ApplyRequest {
                sources: vec![Source::File(aside.clone())],
                namespace: None,
                default_namespace: None,
                message: None,
                dry_run: true,
                yes: false,
            };
            apply(&store, &request).unwrap()
        };
        applied();
        let read = |what: &dyn Fn()| {
            parsed::taken();
            what();
            let mut paths = parsed::taken();
            paths.sort();
            paths.dedup();
            paths.retain(|path| path.starts_with("planspec/"));
            paths
        };
        let reached = ["planspec/g1.yaml", "planspec/p17.yaml"];
        assert_eq!(read(&|| drop(applied())), reached);
        let started = || {
            let request = StartRequest {
                plan: "p17".to_owned(),
                dry_run: true,
                ..StartRequest::default()
            };
            start(&store, &request).unwrap();
        };
        // The execution that it writes is parsed as well, under a random name.
        assert_eq!(read(&started)[..1], reached[..1]);
        assert_eq!(read(&started).len(), 3);
        let deleted = || {
            let request = DeleteRequest {
                kind: Some(Kind::Goal),
                names: vec!["g1".to_owned()],
                sources: Vec::new(),
                namespace: None,
                message: None,
                dry_run: true,
                yes: false,
                now: "2026-03-01T09:00:00Z".parse().unwrap(),
            };
            delete(&store, &request).unwrap();
        };
        assert_eq!(
            read(&deleted).len(),
            11,
            "the goal, and its ten plans that are told"
        );
        let opened = || {
            let request = EditRequest {
                named: Named::new(Kind::Plan, "p17", None),
                message: None,
                editor: None,
            };
            edit::open(&store, &request).unwrap();
        };
        assert_eq!(read(&opened), ["planspec/p17.yaml"]);
    }

    #[test]
    fn one_document_is_replaced_and_the_others_stay() {
        let stream = "# head\na: 1\n---\n# b\nb: 2\n---\nc: 3\n";
        let table = [
            (0, Some("x: 9"), "x: 9\n---\n# b\nb: 2\n---\nc: 3\n"),
            (1, Some("x: 9\n"), "# head\na: 1\n---\nx: 9\n---\nc: 3\n"),
            (
                2,
                Some("x: 9\n"),
                "# head\na: 1\n---\n# b\nb: 2\n---\nx: 9\n",
            ),
            (1, None, "# head\na: 1\n---\nc: 3\n"),
            (2, None, "# head\na: 1\n---\n# b\nb: 2\n"),
            (0, None, "---\n# b\nb: 2\n---\nc: 3\n"),
        ];
        for (document, text, expected) in table {
            assert_eq!(
                replace_document(stream, document, text),
                expected,
                "{document} {text:?}"
            );
        }
        assert_eq!(replace_document("a: 1\n", 0, None), "");
        assert_eq!(
            replace_document("---\na: 1\n---\nb: 2\n", 0, None),
            "---\nb: 2\n"
        );
    }
}
