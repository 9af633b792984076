//! `planspec log`: the revisions of a resource, or the transitions of an execution.

use std::collections::{BTreeSet, HashMap};

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::{Context, NamespaceArg};
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::config::Config;
use crate::core::repository::manifest;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind, Resource, Status, Time};
use crate::core::review;
use crate::core::run::history::{Event, events};
use crate::core::run::status::{StatusFile, status_path};
use crate::core::run::transition::{Moved, Transition};
use crate::failure::{Failure, Outcome};
use crate::git::history::{self, Commit, Walk};
use crate::git::read::{self, Found, Paths};
use crate::service::runs::choose;
use crate::service::store::{Store, Stored, View};
use crate::service::suggestion;
use crate::show;
use crate::show::log::{Happened, Revision, RevisionKind, Run};

/// Show the revisions of a plan from the history of the spec branch, or the transitions of an
/// execution from the history of the status branch, newest first
///
/// Reads what the last fetch brought.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A plan: NAME or NAMESPACE/NAME; or KIND/NAME
    name: String,
    #[command(flatten)]
    namespace: NamespaceArg,
    /// At most so many, the newest [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Revisions from this commit back [default: the spec branch]
    #[arg(long = "ref", value_name = "REV")]
    revision: Option<String>,
    /// How to show it
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// How to show history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line each.
    Table,
    /// One JSON document.
    Json,
}

/// Run the verb.
pub fn run(context: &Context, args: &Args) -> Outcome {
    let (kind, name) = match args.name.split_once('/') {
        Some((kind, name)) if Kind::parse(kind).is_some() => (Kind::parse(kind), name),
        _ => (None, args.name.as_str()),
    };
    let kind = kind.unwrap_or(Kind::Plan);
    if name.is_empty() || name.ends_with('/') {
        return Err(Failure::usage(format!("`{}` names no resource", args.name)));
    }
    let store = Store::open(context.dir.as_deref())?;
    let limit = args.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    if kind == Kind::Execution {
        if args.revision.is_some() {
            return Err(Failure::usage(
                "--ref is about revisions, not about executions",
            ));
        }
        return of_execution(context, args, &store, name, limit);
    }
    of_resource(context, args, &store, (kind, name), limit)
}

// ---- an execution ------------------------------------------------------------------------------

fn of_execution(
    context: &Context,
    args: &Args,
    store: &Store,
    name: &str,
    limit: usize,
) -> Outcome {
    let view = store.known()?;
    let Some(stored) = store.status(&view)? else {
        return Err(no_status(&view));
    };
    let namespace = args.namespace.namespace.as_deref();
    let key = choose(&stored.tree, Kind::Execution, name, namespace)?;
    let tip = view.status_tip.as_deref().unwrap_or_default();
    let (mut happened, end) = transitions(store, key, tip, limit)?;
    happened.truncate(limit);
    match args.output {
        Format::Json => {
            let mut value = show::list(
                "EventList",
                happened.iter().map(show::log::event_value).collect(),
            );
            value["resource"] = json!(key.kind.name());
            value["namespace"] = json!(key.namespace);
            value["name"] = json!(key.name);
            value["complete"] = json!(end.is_none());
            context.terminal.out(&show::json(&value));
        }
        Format::Table => context
            .terminal
            .out(&show::log::events(&happened, context.terminal.width())),
    }
    if let Some(end) = end {
        let remote = store.remote.as_deref().unwrap_or("origin");
        let branch = &view.config.status.branch;
        context.terminal.note(&format!(
            "note: the history of the status branch ends at {} in this clone; get the rest with \
             `git fetch --unshallow {remote} {branch}`",
            crate::core::base::digest::short(&end)
        ));
    }
    Ok(())
}

fn no_status(view: &View) -> Failure {
    Failure::not_met(format!(
        "there is no status yet: branch `{}` is not known here",
        view.config.status.branch
    ))
    .hint("run `planspec reconcile`, or `git fetch`")
}

/// What happened, newest first, and the commit at which history ends early.
fn transitions(
    store: &Store,
    key: &Key,
    tip: &str,
    limit: usize,
) -> Outcome<(Vec<Happened>, Option<String>)> {
    let path = status_path(key);
    let mut found = Vec::new();
    let Some(mut commit) = history::commit(&store.repo, tip)? else {
        return Ok((found, Some(tip.to_owned())));
    };
    let mut blob = history::blob_at(&store.repo, &commit.tree, &path)?;
    let mut file = read_file(store, &path, blob.as_deref())?;
    while found.len() < limit {
        let before = match commit.parents.first() {
            Some(parent) => match history::commit(&store.repo, parent)? {
                Some(before) => Some(before),
                None => {
                    found.extend(file.as_ref().map(|file| state(key, &commit, file)));
                    return Ok((found, Some(commit.id)));
                }
            },
            None => None,
        };
        let blob_before = match &before {
            Some(before) => history::blob_at(&store.repo, &before.tree, &path)?,
            None => None,
        };
        if blob != blob_before {
            let file_before = read_file(store, &path, blob_before.as_deref())?;
            if let Some(now) = &file {
                let events = events(key, file_before.as_ref(), now).into_iter().rev();
                found.extend(events.map(|event| happened_at(&commit, &now.uid, event)));
            }
            (blob, file) = (blob_before, file_before);
        }
        match before {
            // Before its first status there is nothing of it.
            Some(before) if file.is_some() => commit = before,
            _ => break,
        }
    }
    Ok((found, None))
}

/// Where it stood when the history that is here begins.
fn state(key: &Key, commit: &Commit, file: &StatusFile) -> Happened {
    let phase = file.status.phase();
    let message = match &file.status {
        Status::Execution(run) => run.message.clone(),
        _ => String::new(),
    };
    let event = Event {
        node: None,
        attempt: 0,
        act: None,
        transition: Some(Transition {
            key: key.clone(),
            node: None,
            what: Moved::Phase,
            from: Some("…".to_owned()),
            to: Some(phase),
            attempt: 0,
            message,
        }),
    };
    happened_at(commit, &file.uid, event)
}

fn happened_at(commit: &Commit, uid: &str, event: Event) -> Happened {
    Happened {
        commit: commit.id.clone(),
        made: commit.time,
        uid: uid.to_owned(),
        event,
    }
}

fn read_file(store: &Store, path: &str, blob: Option<&str>) -> Outcome<Option<StatusFile>> {
    let Some(blob) = blob else {
        return Ok(None);
    };
    let bytes = read::blob(&store.repo, blob)?;
    let (_, file) = crate::core::run::status::read_resource(path, &bytes).map_err(|why| {
        Failure::repository(format!("the status branch cannot be read: {why}"))
            .hint("somebody else wrote to it; look at it with `git log` and `git show`")
    })?;
    Ok(Some(file))
}

// ---- revisions ---------------------------------------------------------------------------------

fn of_resource(
    context: &Context,
    args: &Args,
    store: &Store,
    (kind, name): (Kind, &str),
    limit: usize,
) -> Outcome {
    let view = store.known_if_any()?;
    let tip = start(store, args.revision.as_deref(), view.as_ref())?;
    let stored = match &view {
        Some(view) => store.status(view)?,
        None => None,
    };
    let config = store.config_at(&tip)?;
    let namespace = args.namespace.namespace.as_deref();
    let mut search = Search {
        store,
        paths: Paths::new(&config.paths, config.limits.file_bytes).map_err(Failure::not_met)?,
        config: &config,
        wanted: Wanted::new(kind, name, namespace),
        known: HashMap::new(),
        seen: BTreeSet::new(),
    };
    let (mut found, ends) = search.revisions(&tip, limit)?;
    let names: BTreeSet<&Key> = search.seen.iter().collect();
    let key = match names.into_iter().collect::<Vec<_>>().as_slice() {
        [only] => (*only).clone(),
        [] => return Err(nowhere(store, &tip, &config, (kind, name), &ends)),
        several => {
            let places: Vec<&str> = several.iter().map(|key| key.namespace.as_str()).collect();
            return Err(Failure::usage(format!(
                "`{name}` is in several namespaces: {}",
                places.join(", ")
            ))
            .hint(format!("choose one: -n {}", places[0])));
        }
    };
    attribute(&mut found, &key, stored.as_ref());
    match args.output {
        Format::Json => {
            let items: Vec<Value> = found.iter().map(show::log::revision_value).collect();
            let mut value = show::list("RevisionList", items);
            value["resource"] = json!(key.kind.name());
            value["namespace"] = json!(key.namespace);
            value["name"] = json!(key.name);
            value["complete"] = json!(ends.is_empty());
            context.terminal.out(&show::json(&value));
        }
        Format::Table => context
            .terminal
            .out(&show::log::revisions(&found, context.terminal.width())),
    }
    if let Some(end) = ends.first() {
        context.terminal.note(&format!(
            "note: history ends at {} in this clone, and what was before is not known; get it \
             with `git fetch --unshallow`",
            crate::core::base::digest::short(end)
        ));
    }
    Ok(())
}

/// The commit to begin with: what is named, else the tip of the spec branch, else HEAD.
fn start(store: &Store, revision: Option<&str>, view: Option<&View>) -> Outcome<String> {
    if let Some(revision) = revision {
        return store.repo.resolve(revision)?.ok_or_else(|| {
            Failure::usage(format!("`{}` names no commit", revision.escape_debug()))
        });
    }
    if let Some(view) = view {
        return Ok(view.spec_commit.clone());
    }
    let head = store.repo.head()?;
    head.commit().map(str::to_owned).ok_or_else(|| {
        Failure::repository("there are no commits yet")
            .hint("commit some resources first: planspec init, planspec apply -f FILE")
    })
}

fn nowhere(
    store: &Store,
    tip: &str,
    config: &Config,
    (kind, name): (Kind, &str),
    ends: &[String],
) -> Failure {
    let word = kind.name().to_lowercase();
    let failure = Failure::not_met(format!("no commit has a {word} `{name}`"));
    if let Some(end) = ends.first() {
        return failure.hint(format!(
            "history ends at {} in this clone: get the rest with `git fetch --unshallow`",
            crate::core::base::digest::short(end)
        ));
    }
    let snapshot = store.snapshot(tip, config).unwrap_or_default();
    let names = snapshot.keys_of(kind).map(|key| key.name.as_str());
    match suggestion(name, names) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Which resource is looked for.
struct Wanted {
    kind: Kind,
    name: String,
    namespace: Option<String>,
}

impl Wanted {
    fn new(kind: Kind, name: &str, namespace: Option<&str>) -> Wanted {
        let (own, name) = match name.split_once('/') {
            Some((own, name)) => (Some(own), name),
            None => (namespace, name),
        };
        Wanted {
            kind,
            name: name.to_owned(),
            namespace: own.map(str::to_owned),
        }
    }

    fn is(&self, key: &Key) -> bool {
        let namespace = self.namespace.as_ref();
        key.kind == self.kind
            && key.name == self.name
            && namespace.is_none_or(|namespace| *namespace == key.namespace)
    }
}

/// Where a resource is defined in a file of a commit.
#[derive(Debug, Clone, PartialEq)]
struct Defined {
    path: String,
    blob: String,
    /// Nothing when its structure is broken.
    resource: Option<Resource>,
}

/// What a file says about the resource that is looked for: key and resource of each document.
type Said = Vec<(Key, Option<Resource>)>;

struct Search<'a> {
    store: &'a Store,
    config: &'a Config,
    paths: Paths,
    wanted: Wanted,
    /// By path and blob: the next comparison asks for one side of the last again.
    known: HashMap<(String, String), Said>,
    /// Every resource that fits.
    seen: BTreeSet<Key>,
}

/// Most files whose content is kept for the next comparison.
const KEPT: usize = 4096;

impl Search<'_> {
    /// The commits that changed the resource, newest first, and those at which history ends early.
    /// Where a merge took the resource as it stood in one of its parents, only that one is
    /// followed, as `git log` does.
    fn revisions(&mut self, tip: &str, limit: usize) -> Outcome<(Vec<Revision>, Vec<String>)> {
        let mut walk = Walk::default();
        if let Some(commit) = history::commit(&self.store.repo, tip)? {
            walk.follow(commit);
        }
        let mut found = Vec::new();
        let mut ends = Vec::new();
        // Blobs by which the resource was known since its last change.
        let mut blobs: BTreeSet<String> = BTreeSet::new();
        while found.len() < limit
            && let Some(commit) = walk.next()
        {
            let mut parents = Vec::new();
            for parent in &commit.parents {
                match history::commit(&self.store.repo, parent)? {
                    Some(parent) => parents.push(parent),
                    None => ends.push(commit.id.clone()),
                }
            }
            let is_end = parents.len() < commit.parents.len();
            let mut first = None;
            let mut same = None;
            for parent in &parents {
                let sides = self.compare(Some(&parent.tree), &commit.tree)?;
                if is_same(&sides) {
                    blobs.extend(sides.1.into_iter().map(|defined| defined.blob));
                    same = Some(parent.clone());
                    break;
                }
                first.get_or_insert(sides);
            }
            if let Some(parent) = same {
                walk.follow(parent);
                continue;
            }
            if first.is_none() {
                let sides = self.compare(None, &commit.tree)?;
                first = Some(sides).filter(|sides| !is_same(sides));
            }
            if let Some((before, now, unreadable)) = first {
                let mut known = std::mem::take(&mut blobs);
                known.extend(now.iter().map(|defined| defined.blob.clone()));
                let known_before = !is_end || !parents.is_empty();
                let mut revision =
                    revision(&commit, &before, &now, (unreadable, known_before), known);
                if let (RevisionKind::Changed | RevisionKind::Metadata, [old], [new]) =
                    (revision.kind, before.as_slice(), now.as_slice())
                {
                    revision.change = self.change(old, new)?;
                }
                found.push(revision);
            }
            for parent in parents {
                walk.follow(parent);
            }
        }
        ends.dedup();
        Ok((found, ends))
    }

    /// The definitions in the files that differ between two trees, on both sides.
    fn compare(&mut self, old: Option<&str>, new: &str) -> Outcome<Sides> {
        let differences = read::tree_differences(&self.store.repo, old, new, &self.paths)?;
        let (before, now): (Vec<_>, Vec<_>) = differences.into_iter().unzip();
        let before = self.definitions(before.into_iter().flatten().collect())?;
        let files: Vec<Found> = now.into_iter().flatten().collect();
        let now = self.definitions(files.clone())?;
        let mut unreadable = false;
        if now.is_empty() && !before.is_empty() {
            let same = |found: &Found| before.iter().any(|old| old.path == found.path);
            let there = files.into_iter().filter(same);
            let there = read::read(&self.store.repo, there, &self.paths)?;
            let (limits, namespace) = (&self.config.limits, &self.config.default_namespace);
            unreadable = there
                .iter()
                .any(|file| manifest::read(file, limits, namespace).unidentified);
        }
        Ok((before, now, unreadable))
    }

    /// Class of the change, and one line of what changed.
    fn change(&self, old: &Defined, new: &Defined) -> Outcome<Option<(String, String)>> {
        let (Some(_), Some(resource)) = (&old.resource, &new.resource) else {
            return Ok(None);
        };
        let snapshot = |side: &Defined| -> Outcome<Snapshot> {
            let bytes = read::blob(&self.store.repo, &side.blob)?;
            let file = SourceFile {
                path: side.path.clone(),
                blob: side.blob.clone(),
                content: Content::Bytes(bytes.into()),
            };
            Ok(Snapshot::build(&[file], self.config))
        };
        let review = review::compare(&snapshot(old)?, &snapshot(new)?);
        let key = resource.key();
        let subject = review.subjects.iter().find(|subject| subject.key == key);
        Ok(Some(match subject {
            Some(subject) => (
                subject.class.to_string(),
                show::review::in_one_line(subject),
            ),
            None => (
                review::Class::None.to_string(),
                "only the order in which it is written".to_owned(),
            ),
        }))
    }

    fn definitions(&mut self, files: Vec<Found>) -> Outcome<Vec<Defined>> {
        let id = |found: &Found| (found.path.clone(), found.version());
        let unknown = files
            .iter()
            .filter(|found| !self.known.contains_key(&id(found)));
        let unknown: Vec<Found> = unknown.cloned().collect();
        if self.known.len() + unknown.len() > KEPT {
            let asked: BTreeSet<_> = files.iter().map(id).collect();
            self.known.retain(|known, _| asked.contains(known));
        }
        let versions: Vec<_> = unknown.iter().map(id).collect();
        let mut versions: HashMap<String, String> = versions.into_iter().collect();
        for file in read::read(&self.store.repo, unknown, &self.paths)? {
            let version = versions.remove(&file.path).unwrap_or_default();
            let said = self.read(&file);
            self.known.insert((file.path, version), said);
        }
        let mut found = Vec::new();
        for file in &files {
            let Some(said) = self.known.get(&id(file)) else {
                continue;
            };
            for (key, resource) in said {
                self.seen.insert(key.clone());
                found.push(Defined {
                    path: file.path.clone(),
                    blob: file.blob(),
                    resource: resource.clone(),
                });
            }
        }
        Ok(found)
    }

    fn read(&self, file: &SourceFile) -> Said {
        let may_hold = match &file.content {
            Content::Bytes(bytes) => {
                let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
                // A name is plain: only an escape can hide it. A PlanSpec 1.2 document is named by
                // its file.
                has(b"\\") || !has(b"apiVersion") || has(self.wanted.name.as_bytes())
            }
            Content::Refused(_) => true,
        };
        if !may_hold {
            return Said::new();
        }
        let entries = manifest::read(file, &self.config.limits, &self.config.default_namespace)
            .entries
            .into_iter();
        entries
            .filter(|entry| self.wanted.is(&entry.key))
            .map(|entry| (entry.key, entry.resource))
            .collect()
    }
}

/// The definitions before and now, and whether what held them cannot be read any more.
type Sides = (Vec<Defined>, Vec<Defined>, bool);

/// Whether the resource is the same on both sides, at the same place.
fn is_same((before, now, _): &Sides) -> bool {
    let face = |defined: &Defined| match &defined.resource {
        Some(resource) => (defined.path.clone(), Some(resource.clone()), String::new()),
        None => (defined.path.clone(), None, defined.blob.clone()),
    };
    before.iter().map(face).eq(now.iter().map(face))
}

fn revision(
    commit: &Commit,
    before: &[Defined],
    now: &[Defined],
    (unreadable, known_before): (bool, bool),
    blobs: BTreeSet<String>,
) -> Revision {
    let paths = |side: &[Defined]| side.iter().map(|defined| defined.path.clone()).collect();
    let kind = match (before, now) {
        ([old], [new]) => match (&old.resource, &new.resource) {
            (_, None) => RevisionKind::Broken,
            (Some(old), Some(new)) if old.spec_digest() != new.spec_digest() => {
                RevisionKind::Changed
            }
            (Some(old), Some(new)) if old != new => RevisionKind::Metadata,
            (Some(_), Some(_)) => RevisionKind::Moved,
            (None, Some(_)) => RevisionKind::Changed,
        },
        ([], []) => RevisionKind::Broken,
        ([], _) if !known_before => RevisionKind::Beginning,
        ([], _) => RevisionKind::Added,
        (_, []) if unreadable => RevisionKind::Broken,
        (_, []) => RevisionKind::Removed,
        _ => RevisionKind::Several,
    };
    Revision {
        commit: commit.id.clone(),
        made: commit.time,
        author: (commit.author.name.clone(), commit.author.email.clone()),
        subject: commit.subject.clone(),
        kind,
        change: None,
        before: paths(before),
        now: paths(now),
        blobs,
        runs: Vec::new(),
    }
}

/// The executions that ran on each revision, by the blob that they are pinned to.
fn attribute(revisions: &mut [Revision], key: &Key, stored: Option<&Stored>) {
    let files = stored.into_iter().flat_map(|stored| &stored.tree.files);
    for (execution, file) in files {
        let Status::Execution(run) = &file.status else {
            continue;
        };
        let Some(pinned) = &run.extensions.pinned else {
            continue;
        };
        let pins = [&pinned.plan].into_iter().chain(&pinned.goal);
        let is_meant = |pin: &&crate::core::resource::Pin| {
            pin.name == key.name && pin.namespace == key.namespace
        };
        let pin = match key.kind {
            Kind::Plan => Some(&pinned.plan).filter(is_meant),
            Kind::Goal => pins.skip(1).find(is_meant),
            Kind::Gate => pinned.gates.get(&key.qualified()),
            _ => None,
        };
        let Some(pin) = pin else { continue };
        let of_it = revisions
            .iter_mut()
            .filter(|revision| revision.blobs.contains(&pin.blob));
        for revision in of_it {
            revision.runs.push(Run {
                key: execution.clone(),
                uid: file.uid.clone(),
                phase: run.phase.to_string(),
                started: run.start_time,
            });
        }
    }
    for revision in revisions {
        let started = |run: &Run| std::cmp::Reverse::<Option<Time>>(run.started);
        revision.runs.sort_by_key(started);
    }
}
