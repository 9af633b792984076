//! Makes a plan from a task list, or updates it. Nothing is committed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::change::Changeset;
use super::done_before::Done;
use super::names::in_parts;
use super::status::StatusReader;
use super::store::Store;
use super::{Error, Findings, Result, sources};
use crate::api::import::{Imported, ImportedTask, UnreadLine};
use crate::core::base::diagnostic::Diagnostic;
use crate::core::base::limits::Limits;
use crate::core::base::source::{Content, SourceFile};
use crate::core::document::plain_name;
use crate::core::repository::manifest;
use crate::core::resource::{Key, Kind};
use crate::core::text::located::ResourceName;
use crate::core::text::yaml;
use crate::core::trackers::plan::{self, Merged};
use crate::core::trackers::{Format, Reading, Refused, Settling, TaskList, read, settled};
use crate::git::{files, read as git_read};

/// A request to import a task list.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The file to read; `-` is standard input.
    pub source: PathBuf,
    /// The name of the file in messages and commands.
    pub shown: String,
    /// The format; `None` detects it.
    pub format: Option<Format>,
    /// The list to read from a Task Master file.
    pub tag: Option<String>,
    /// Name of the plan: `NAME` or `NAMESPACE/NAME`; `None` makes one from the name of the file.
    pub name: Option<String>,
    /// Its namespace, if the name has none; `None` is the configured one.
    pub namespace: Option<String>,
    /// The file for a new plan; `None` is the usual place.
    pub file: Option<PathBuf>,
    /// Leave out what the graph cannot contain, instead of refusing the list.
    pub lenient: bool,
    /// Remove nodes that are no longer in the list.
    pub prune: bool,
    /// Only report what would be written.
    pub dry_run: bool,
}

/// The existing plan in the work tree.
struct Present {
    text: String,
    document: usize,
    graph: Value,
}

/// Makes a plan from a task list, or updates the plan that was made from it; commits nothing.
///
/// # Errors
/// The list cannot be read, or makes no graph; the new plan is not valid; the existing plan is in a file that cannot be
/// changed. Then nothing is written.
pub fn import(store: &Store, request: &ImportRequest) -> Result<Imported> {
    let change = Changeset::begin(store)?;
    let bytes = sources::bytes(&request.source)?;
    let reading = Reading {
        name: &request.shown,
        format: request.format,
        tag: request.tag.as_deref(),
    };
    let settling = Settling {
        most: change.config.limits.nodes,
        is_lenient: request.lenient,
    };
    let list = read(&bytes, reading).and_then(|list| settled(list, settling));
    let list = list.map_err(|refused| told(&request.shown, refused))?;
    let key = named(request, &change.config.default_namespace)?;
    let path = place(store, &change, &key, request)?;
    let present = present(store, &change, (&key, &path))?;
    let plan = PlanOf {
        request,
        key: &key,
        path: &path,
        present: present.as_ref(),
    };
    let elsewhere = change.config_elsewhere()?;
    let mut made = plan.made(list)?;
    if made.text.len() > change.config.limits.file_bytes
        && let Some(list) = plan::without_done_texts(&made.list)
    {
        made = plan.made(list)?;
        let note = "the plan would be too large, so the texts of done tasks are left out";
        made.notes.push(note.to_owned());
    }
    made.notes.extend(elsewhere);
    check(change, (&path, &made.text))?;
    let is_new = present
        .as_ref()
        .is_none_or(|present| present.text != made.text);
    if is_new && !request.dry_run {
        write(store, &path, &made.text, present.is_none())?;
    }
    let imported = Imported {
        source: request.shown.clone(),
        created: present.is_none(),
        written: is_new && !request.dry_run,
        text: made.text,
        notes: made.notes,
        path,
        ..answer(&made.list, &made.merged, &key)
    };
    let next = next(store, request, (&imported, &key))?;
    Ok(Imported { next, ..imported })
}

/// The plan for a list.
struct PlanOf<'a> {
    request: &'a ImportRequest,
    key: &'a Key,
    path: &'a str,
    present: Option<&'a Present>,
}

/// The new plan.
struct Made {
    list: TaskList,
    merged: Merged,
    text: String,
    notes: Vec<String>,
}

impl PlanOf<'_> {
    fn made(&self, list: TaskList) -> Result<Made> {
        let PlanOf { key, path, .. } = self;
        let graph = self.present.map_or(&Value::Null, |present| &present.graph);
        let merged = plan::merged(&list, graph, self.request.prune);
        let Some(present) = self.present else {
            let description = format!("Tasks of {}", self.request.shown);
            let name = (key.namespace.as_str(), key.name.as_str());
            return Ok(Made {
                text: plan::new_text(&list, name, &description, &merged),
                list,
                merged,
                notes: Vec::new(),
            });
        };
        let before = (*path, present.text.as_str());
        let made = plan::updated_text(before, present.document, &merged);
        let (text, is_anew) = made.ok_or_else(|| {
            let why = format!("{key} is in a list in {path} and cannot be updated there");
            Error::invalid(why).hint("move the plan to a file of its own first")
        })?;
        let note = is_anew.then(|| format!("{path} was rewritten: its comments are lost"));
        Ok(Made {
            list,
            merged,
            text,
            notes: note.into_iter().collect(),
        })
    }
}

/// The tasks of a list that are done, for a run of the plan that was made from it.
///
/// # Errors
/// The list cannot be read.
pub fn done(shown: &str, bytes: &[u8], tag: Option<&str>) -> Result<Vec<(String, Done)>> {
    let reading = Reading {
        name: shown,
        format: None,
        tag,
    };
    let list = read(bytes, reading).map_err(|refused| told(shown, refused))?;
    let done = plan::done(&list).into_iter().map(|task| {
        let message = format!("done in {shown}, line {}", task.line);
        let done = Done {
            message,
            is_of_list: true,
            ..Done::default()
        };
        (task.id.clone(), done)
    });
    Ok(done.collect())
}

/// The refusal as an error, with its place.
fn told(shown: &str, refused: Refused) -> Error {
    let place = match refused.line {
        Some(line) => format!("{shown}:{line}"),
        None => shown.to_owned(),
    };
    Error::invalid(format!("{place}: {}", refused.why)).hint(refused.help)
}

/// The name of the plan: the given one, or that of the file.
fn named(request: &ImportRequest, default_namespace: &str) -> Result<Key> {
    let given = match &request.name {
        Some(name) => name.clone(),
        None => name_of(request).ok_or_else(|| {
            Error::ambiguous(format!("`{}` gives no name for the plan", request.shown))
                .hint("name it with `--name NAME`")
        })?,
    };
    let (namespace, name) = in_parts(&given, request.namespace.as_deref())?;
    if plain_name(name).as_deref() != Some(name) {
        let error = Error::invalid(format!("`{name}` is not a valid name for a plan"));
        return Err(
            error.maybe_hint(plain_name(name).map(|name| format!("name it with `--name {name}`")))
        );
    }
    Ok(Key::new(
        Kind::Plan,
        namespace.unwrap_or(default_namespace),
        name,
    ))
}

/// A name from the tag, else from the name of the file; if that is a generic one, from its folder.
fn name_of(request: &ImportRequest) -> Option<String> {
    if let Some(tag) = &request.tag {
        return plain_name(tag);
    }
    let path = &request.source;
    if path.as_os_str() == "-" {
        return None;
    }
    let stem = |path: &Path| path.file_stem()?.to_str().map(str::to_owned);
    let own = stem(path)?;
    let folder = path
        .parent()
        .and_then(|folder| folder.file_name()?.to_str());
    let says =
        folder.filter(|folder| own == "tasks" && !["tasks", "docs", ".", ".."].contains(folder));
    plain_name(says.unwrap_or(&own)).or_else(|| plain_name(&own))
}

/// The file of the plan.
fn place(
    store: &Store,
    change: &Changeset<'_>,
    key: &Key,
    request: &ImportRequest,
) -> Result<String> {
    let path = change.path_of(key)?;
    let is_there = change.in_head(key)?.definition(key).is_some();
    let Some(file) = &request.file else {
        return Ok(path);
    };
    let shown = file.display();
    let inside = inside(store, file);
    let inside = inside
        .filter(|path| change.config.covers(path))
        .ok_or_else(|| {
            let folders: Vec<&str> = change.config.folders().collect();
            Error::invalid(format!("{shown} is not a place for plans"))
                .hint(format!("name a file below {}/", folders.join("/ or ")))
        })?;
    if is_there && inside != path {
        let why = format!("{key} is already in {path}");
        return Err(Error::conflict(why).hint("omit --file, or choose another name with --name"));
    }
    Ok(inside)
}

/// A path relative to the root of the work tree; its folders need not exist yet.
fn inside(store: &Store, file: &Path) -> Option<String> {
    let mut names = Vec::new();
    let mut at = file;
    loop {
        if let Some(path) = store.repo.path_inside(at) {
            let parts = std::iter::once(path).chain(names.into_iter().rev());
            return Some(parts.collect::<Vec<String>>().join("/"));
        }
        names.push(at.file_name()?.to_str()?.to_owned());
        at = at.parent()?;
    }
}

/// The plan in the work tree, if its file exists.
fn present(
    store: &Store,
    change: &Changeset<'_>,
    (key, path): (&Key, &str),
) -> Result<Option<Present>> {
    let Some(bytes) = git_read::file_in_worktree(&store.repo, path)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::invalid(format!("{path} is not UTF-8 text")))?;
    let file = source_file(path, &text);
    let manifest = manifest::read(&file, &change.config.limits, &key.namespace);
    let entry = manifest.entries.iter().find(|entry| entry.key == *key);
    let Some(entry) = entry else {
        if manifest.diagnostics.iter().any(Diagnostic::is_error) {
            let findings = Findings::new(manifest.diagnostics, &|_| Some(text.clone()));
            return Err(Error::findings(findings));
        }
        let why = format!("{path} already exists and does not contain {key}");
        return Err(Error::conflict(why)
            .hint("choose another name with --name, or another file with --file"));
    };
    if entry.origin.is_some() {
        let why = format!("{key} is a PlanSpec 1.2 document in {path}");
        return Err(Error::conflict(why).hint(
            "choose another name with --name, or revise the document by hand: `planspec revise`",
        ));
    }
    let (documents, _) = yaml::read(path, text.as_bytes(), &Limits::NONE);
    let document = documents.iter().find(|one| one.index == entry.document);
    let graph = document.and_then(|one| one.value.pointer("/spec/graph"));
    let graph = graph.cloned().unwrap_or_default();
    let document = entry.document;
    Ok(Some(Present {
        text,
        document,
        graph,
    }))
}

fn source_file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        blob: git_read::blob_id(text.as_bytes()),
        content: Content::Bytes(text.as_bytes().into()),
    }
}

/// Checks the new file, together with all others. It may refer to resources that come later.
fn check(mut change: Changeset<'_>, (path, text): (&str, &str)) -> Result {
    change.suppose(path, text);
    let mut found = change.reached()?.found;
    found.retain(|finding| finding.file == path);
    // A missing gate may be applied together with the plan.
    found.retain(|finding| finding.is_error() && !finding.code.is_not_found());
    if found.is_empty() {
        return Ok(());
    }
    let mut error = Error::findings(Findings::new(found, &|_| Some(text.to_owned())));
    "the plan would not be valid; nothing was written".clone_into(&mut error.message);
    Err(error)
}

fn write(store: &Store, path: &str, text: &str, is_new: bool) -> Result {
    if is_new {
        if files::create(&store.repo, path, text.as_bytes())? == files::NewFile::Exists {
            let why = format!("somebody else has just created {path}");
            return Err(Error::conflict(why).hint("it was not changed; import again"));
        }
        return Ok(());
    }
    let root = store.repo.workdir().unwrap_or(Path::new(""));
    sources::replace(&root.join(path), text)
}

/// The answer about a list.
fn answer(list: &TaskList, merged: &Merged, key: &Key) -> Imported {
    let task = |id: &String| ImportedTask {
        id: id.clone(),
        node: merged.ids.get(id).cloned().unwrap_or_default(),
    };
    let groups = list.tasks.iter().filter(|task| task.is_heading).count();
    let gone = merged.gone.iter();
    let unread = list.unread.iter();
    Imported {
        resource: ResourceName::from(key),
        path: String::new(),
        source: String::new(),
        format: list.format.word().to_owned(),
        created: false,
        written: false,
        tasks: list.tasks.len() - groups,
        groups,
        dependencies: list.tasks.iter().map(|task| task.after.len()).sum(),
        added: merged.added.iter().map(task).collect(),
        updated: merged.updated.iter().map(task).collect(),
        gone: gone
            .map(|(id, node)| ImportedTask {
                id: id.clone(),
                node: node.clone(),
            })
            .collect(),
        pruned: merged.is_pruned,
        done: plan::done(list)
            .into_iter()
            .map(|one| task(&one.id))
            .collect(),
        unread: unread
            .map(|unread| UnreadLine {
                line: unread.line,
                what: unread.what.clone(),
            })
            .collect(),
        text: String::new(),
        next: Vec::new(),
        notes: Vec::new(),
    }
}

/// What to do with it.
fn next(
    store: &Store,
    request: &ImportRequest,
    (imported, plan): (&Imported, &Key),
) -> Result<Vec<String>> {
    let has_done = !imported.done.is_empty();
    if request.dry_run || !(imported.written || has_done) {
        return Ok(Vec::new());
    }
    let mut next = Vec::new();
    if imported.written && !imported.created {
        next.push("planspec diff".to_owned());
    }
    if imported.written {
        let path = word(&store.repo.from_here(&imported.path));
        next.push(format!("planspec apply -f {path}"));
    }
    let Key {
        name, namespace, ..
    } = plan;
    let run = run_of(store, plan)?;
    if run.is_new && (imported.created || has_done) {
        next.push(format!(
            "planspec start {name} --name {} -n {namespace}",
            run.name
        ));
    }
    if has_done {
        let source = word(&imported.source);
        let tag = request
            .tag
            .as_ref()
            .map(|tag| format!(" --tag {}", word(tag)));
        let tag = tag.unwrap_or_default();
        next.push(format!(
            "planspec report {} --done-before --from {source}{tag} -n {namespace} --reconcile",
            run.name
        ));
    }
    Ok(next)
}

/// A run of a plan that goes on, or the name of one that can be started.
struct RunOf {
    name: String,
    is_new: bool,
}

/// The run whose tasks the list tells of: the one that goes on, by the status that is known here; else the next.
fn run_of(store: &Store, plan: &Key) -> Result<RunOf> {
    let run_called = |number: usize| format!("{}-{number}", plan.name);
    let Some(status) = StatusReader::known(store)? else {
        return Ok(RunOf {
            name: run_called(1),
            is_new: true,
        });
    };
    let mut open = status.runs_pinned_to(&BTreeSet::from([plan.clone()]))?;
    open.retain(|run| run.namespace == plan.namespace);
    let files = status.files(&open)?;
    let goes_on = files.iter().find(|(_, file)| {
        let run = file.status.execution();
        run.is_some_and(|run| !run.phase.is_terminal())
    });
    if let Some((run, _)) = goes_on {
        return Ok(RunOf {
            name: run.name.clone(),
            is_new: false,
        });
    }
    let mut number = 1;
    while status
        .blob(&Key::new(
            Kind::Execution,
            &plan.namespace,
            run_called(number),
        ))?
        .is_some()
    {
        number += 1;
    }
    Ok(RunOf {
        name: run_called(number),
        is_new: true,
    })
}

/// A word of a command line.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
