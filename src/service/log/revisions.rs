//! The commits that changed a resource, from the history of the spec branch.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::api::log::{Author, Revision, RevisionKind, RevisionList, RevisionRun};
use crate::core::base::digest::short;
use crate::core::base::source::{Content, SourceFile};
use crate::core::repository::chain::RevisionOf;
use crate::core::repository::config::Config;
use crate::core::repository::manifest;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind, Pin, Resource, Status};
use crate::core::review::{self, brief};
use crate::core::run::status::StatusFile;
use crate::git::history::{self, Commit, CommitWalk};
use crate::git::read::{self, FoundFile, Paths};
use crate::service::index;
use crate::service::names::{Named, choose_one, of_file};
use crate::service::status::StatusReader;
use crate::service::store::{Store, View};
use crate::service::{Error, Result, suggestion};

/// A request for the revisions of a resource.
#[derive(Debug, Clone)]
pub struct RevisionsRequest {
    /// The resource.
    pub named: Named,
    /// Maximum number of revisions, newest first.
    pub limit: usize,
    /// The commit to start from; `None` is the spec branch.
    pub revision: Option<String>,
}

/// Returns the commits that changed a resource, newest first, as of the last fetch.
///
/// # Errors
/// No commit has it, or it is in several namespaces; or the given revision is not a commit.
pub fn revisions(store: &Store, request: &RevisionsRequest) -> Result<RevisionList> {
    request.named.parts()?;
    let view = store.known_if_any()?;
    let tip = start(store, request.revision.as_deref(), view.as_ref())?;
    let status = match &view {
        Some(view) => StatusReader::open(store, view)?,
        None => None,
    };
    let config = store.config_at(&tip)?;
    let mut search = Search {
        store,
        paths: Paths::new(&config.paths, config.limits.file_bytes).map_err(Error::invalid)?,
        config: &config,
        named: &request.named,
        known: HashMap::new(),
        seen: BTreeSet::new(),
        holders: HashMap::new(),
    };
    if request.revision.is_none() {
        search.look_up(&tip)?;
    }
    let (found, ends) = search.revisions(&tip, request.limit)?;
    let seen: Vec<&Key> = search.seen.iter().collect();
    let key = match seen.as_slice() {
        [only] => *only,
        [] => return Err(nowhere(store, &tip, &config, request, &ends)),
        several => return Err(ambiguous(&request.named.name, several)),
    };
    let mut items: Vec<Revision> = found.into_iter().map(CommitChange::answer).collect();
    if let Some(status) = status {
        let runs = status.runs_pinned_to(&BTreeSet::from([key.clone()]))?;
        attribute(&mut items, key, &status.files(&runs)?);
    }
    let notes = ends.first().map(|end| {
        format!(
            "the history in this clone starts at {}; get the rest with \
             `git fetch --unshallow`",
            short(end)
        )
    });
    Ok(RevisionList {
        items,
        resource: key.kind.name().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        complete: ends.is_empty(),
        notes: notes.into_iter().collect(),
    })
}

fn ambiguous(name: &str, several: &[&Key]) -> Error {
    let places: Vec<&str> = several.iter().map(|key| key.namespace.as_str()).collect();
    let places = places.join(", ");
    Error::ambiguous(format!("`{name}` is in several namespaces: {places}"))
        .hint(choose_one(several.iter().copied()))
}

/// The commit to begin with: what is named, else the tip of the spec branch, or HEAD where that goes on from there; else HEAD.
pub(super) fn start(store: &Store, revision: Option<&str>, view: Option<&View>) -> Result<String> {
    if let Some(revision) = revision {
        return store.commit_of(revision);
    }
    let head = store.here()?;
    if let Some(view) = view {
        // Local commits that are not pushed yet are shown too.
        let base = match &head {
            Some(head) => store.repo.merge_base(&view.spec_commit, head)?,
            None => None,
        };
        let goes_on = head.filter(|_| base.as_ref() == Some(&view.spec_commit));
        return Ok(goes_on.unwrap_or_else(|| view.spec_commit.clone()));
    }
    head.ok_or_else(Error::no_commits)
}

fn nowhere(
    store: &Store,
    tip: &str,
    config: &Config,
    request: &RevisionsRequest,
    ends: &[String],
) -> Error {
    let Named { kind, name, .. } = &request.named;
    let word = kind.name().to_lowercase();
    let error = Error::not_found(format!("no commit has a {word} `{name}`"));
    if let Some(end) = ends.first() {
        return error.hint(format!(
            "the history in this clone starts at {}: get the rest with `git fetch --unshallow`",
            short(end)
        ));
    }
    let keys = index::all_of(&store.repo, tip, config, *kind).unwrap_or_default();
    let names = keys.iter().map(|key| key.name.as_str());
    error.maybe_hint(suggestion(name, names))
}

/// A definition of a resource in a file of a commit.
#[derive(Debug, Clone, PartialEq)]
struct Defined {
    path: String,
    blob: String,
    /// `None` if its structure is invalid.
    resource: Option<Resource>,
    /// The revision, for the plan of a document.
    revision: Option<RevisionOf>,
}

/// What a file says about the resource: key and resource of each YAML document, and the
/// revision of a plan.
type SaidInFile = Vec<(Key, Option<Resource>, Option<RevisionOf>)>;

struct Search<'a> {
    store: &'a Store,
    config: &'a Config,
    paths: Paths,
    named: &'a Named,
    /// By path and blob: the next comparison needs one side of this one again.
    known: HashMap<(String, String), SaidInFile>,
    /// All resources that match.
    seen: BTreeSet<Key>,
    /// By tree, the files that define the resource, if known: a commit without parents adds all files, of which only
    /// these need be read.
    holders: HashMap<String, Vec<FoundFile>>,
}

/// Maximum number of files whose contents are kept for the next comparison.
const KEPT: usize = 4096;

impl Search<'_> {
    /// The commits that changed the resource, newest first, and those at which the history ends early.
    /// If a merge took the resource unchanged from one of its parents, only that parent is followed,
    /// as in `git log`.
    fn revisions(&mut self, tip: &str, limit: usize) -> Result<(Vec<CommitChange>, Vec<String>)> {
        let mut walk = CommitWalk::default();
        if let Some(commit) = history::commit(&self.store.repo, tip)? {
            walk.follow(commit);
        }
        let mut found = Vec::new();
        let mut ends = Vec::new();
        // The blobs that held the resource since its last change.
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
            if let Some((before, now, _)) = &first
                && let Some(chained) = self.chained(&commit, before, now)?
            {
                found.extend(chained);
                blobs.clear();
            } else if let Some((before, now, unreadable)) = first {
                let mut known = std::mem::take(&mut blobs);
                known.extend(now.iter().map(|defined| defined.blob.clone()));
                let known_before = !is_end || !parents.is_empty();
                let mut revision =
                    revision(&commit, &before, &now, (unreadable, known_before), known);
                if let (RevisionKind::Changed | RevisionKind::Metadata, [old], [new]) =
                    (revision.kind, before.as_slice(), now.as_slice())
                {
                    revision.compared = self.compared(old, new)?;
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

    /// Asks the index of the first commit which files define the resource.
    fn look_up(&mut self, tip: &str) -> Result<()> {
        let (namespace, name) = self.named.parts()?;
        // The index has only valid names.
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '/';
        if name.contains(is_odd) || namespace.is_some_and(|own| own.contains(is_odd)) {
            return Ok(());
        }
        let mut words = of_file(self.named.kind, name);
        words.push(name.to_owned());
        let repo = &self.store.repo;
        let found = index::files_naming(repo, tip, self.config, (namespace, &words));
        if let (Ok(files), Some(commit)) = (found, history::commit(repo, tip)?) {
            self.holders.insert(commit.tree, files);
        }
        Ok(())
    }

    /// The definitions in all files of a tree, if it is known which files have any.
    fn all(&mut self, tree: &str) -> Result<Option<Vec<Defined>>> {
        let Some(mut files) = self.holders.get(tree).cloned() else {
            return Ok(None);
        };
        files.sort_by(|a, b| read::in_a_walk(&a.path, &b.path));
        self.definitions(files).map(Some)
    }

    /// Records which files of an older tree define the resource, after its differences were read.
    fn follow_holders(&mut self, (old, new): (&str, &str), differing: &Differing) {
        let Some(files) = self.holders.get(new) else {
            return;
        };
        let stay = files
            .iter()
            .filter(|file| !differing.paths.contains(&file.path));
        let holders = stay.chain(&differing.defining).cloned().collect();
        self.holders.entry(old.to_owned()).or_insert(holders);
    }

    /// The definitions in the files that differ between two trees, on both sides.
    fn compare(&mut self, old: Option<&str>, new: &str) -> Result<DefinedSides> {
        if old.is_none()
            && let Some(now) = self.all(new)?
        {
            return Ok((Vec::new(), now, false));
        }
        let differences = read::tree_differences(&self.store.repo, old, new, &self.paths)?;
        let (before, now): (Vec<_>, Vec<_>) = differences.into_iter().unzip();
        let were: Vec<FoundFile> = before.into_iter().flatten().collect();
        let before = self.definitions(were.clone())?;
        let files: Vec<FoundFile> = now.into_iter().flatten().collect();
        if let Some(old) = old {
            let paths = were.iter().chain(&files).map(|file| file.path.clone());
            let paths = paths.collect();
            let is_defining = |file: &FoundFile| before.iter().any(|one| one.path == file.path);
            let defining = were.into_iter().filter(is_defining).collect();
            self.follow_holders((old, new), &Differing { paths, defining });
        }
        let now = self.definitions(files.clone())?;
        let mut unreadable = false;
        if now.is_empty() && !before.is_empty() {
            let same = |found: &FoundFile| before.iter().any(|old| old.path == found.path);
            let there = files.into_iter().filter(same);
            let there = read::read(&self.store.repo, there, &self.paths)?;
            let (limits, namespace) = (&self.config.limits, &self.config.default_namespace);
            unreadable = there
                .iter()
                .any(|file| manifest::read(file, limits, namespace).unidentified);
        }
        Ok((before, now, unreadable))
    }

    /// A commit that adds revisions in separate files: each is compared with the one before it, newest
    /// first. `None` if the commit does anything else.
    fn chained(
        &mut self,
        commit: &Commit,
        before: &[Defined],
        now: &[Defined],
    ) -> Result<Option<Vec<CommitChange>>> {
        let number = |one: &Defined| one.revision.as_ref().map(|revision| revision.number);
        let parent_of = |one: &Defined| one.revision.as_ref()?.parent.clone();
        if now.is_empty()
            || before
                .iter()
                .any(|old| now.iter().all(|new| new.path != old.path))
        {
            return Ok(None);
        }
        let is_known = |new: &Defined| before.iter().any(|old| old.path == new.path);
        let mut new: Vec<&Defined> = now.iter().filter(|one| !is_known(one)).collect();
        if new.iter().all(|one| parent_of(one).is_none())
            || new.iter().any(|one| number(one).is_none())
        {
            return Ok(None);
        }
        new.sort_by_key(|one| Reverse(number(one)));
        let all = self.beside(&commit.tree, &new)?;
        let mut found = Vec::new();
        for one in new {
            let parent = parent_of(one);
            let is_parent = |other: &&Defined| {
                other.revision.as_ref().map(|revision| &revision.plan_id) == parent.as_ref()
            };
            let old = all.iter().find(is_parent).filter(|_| parent.is_some());
            found.push(CommitChange {
                commit: commit.clone(),
                kind: old.map_or(RevisionKind::Added, |_| RevisionKind::Changed),
                compared: match old {
                    Some(old) => self.compared(old, one)?,
                    None => None,
                },
                before: Vec::new(),
                now: vec![one.path.clone()],
                blobs: BTreeSet::from([one.blob.clone()]),
            });
        }
        Ok(Some(found))
    }

    /// The definitions in the folders of some files of a tree.
    fn beside(&mut self, tree: &str, files: &[&Defined]) -> Result<Vec<Defined>> {
        let folder = |path: &str| {
            path.rsplit_once('/')
                .map_or("", |(folder, _)| folder)
                .to_owned()
        };
        let folders: BTreeSet<String> = files.iter().map(|one| folder(&one.path)).collect();
        let all = read::tree_differences(&self.store.repo, None, tree, &self.paths)?;
        let all = all.into_iter().filter_map(|(_, now)| now);
        let near = all.filter(|file| folders.contains(&folder(&file.path)));
        self.definitions(near.collect())
    }

    /// The change class, and one line about what changed.
    fn compared(&self, old: &Defined, new: &Defined) -> Result<Option<(String, String)>> {
        let (Some(_), Some(resource)) = (&old.resource, &new.resource) else {
            return Ok(None);
        };
        let snapshot = |side: &Defined| -> Result<Snapshot> {
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
            Some(subject) => (subject.class.to_string(), brief::in_one_line(subject)),
            None => (
                review::Class::None.to_string(),
                "only the order in which it is written".to_owned(),
            ),
        }))
    }

    fn definitions(&mut self, files: Vec<FoundFile>) -> Result<Vec<Defined>> {
        let id = |found: &FoundFile| (found.path.clone(), found.version());
        let unknown = files
            .iter()
            .filter(|found| !self.known.contains_key(&id(found)));
        let unknown: Vec<FoundFile> = unknown.cloned().collect();
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
            for (key, resource, revision) in said {
                self.seen.insert(key.clone());
                found.push(Defined {
                    path: file.path.clone(),
                    blob: file.blob(),
                    resource: resource.clone(),
                    revision: revision.clone(),
                });
            }
        }
        Ok(found)
    }

    fn read(&self, file: &SourceFile) -> SaidInFile {
        let may_hold = match &file.content {
            Content::Bytes(bytes) => {
                let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
                // A file without the name cannot define the resource, unless the name is written with an escape, or
                // the file is a PlanSpec 1.2 document, whose name is that of the file.
                has(b"\\")
                    || !has(b"apiVersion")
                    || self
                        .named
                        .parts()
                        .is_ok_and(|(_, name)| has(name.as_bytes()))
            }
            Content::Refused(_) => true,
        };
        if !may_hold {
            return SaidInFile::new();
        }
        let config = &self.config;
        let documents = (
            config.default_namespace.as_str(),
            config.approvals.revisions,
        );
        let entries = manifest::read_as(file, &config.limits, documents)
            .entries
            .into_iter();
        entries
            .filter(|entry| self.named.is(&entry.key))
            .map(|entry| (entry.key, entry.resource, entry.revision))
            .collect()
    }
}

/// The differences between two trees.
struct Differing {
    paths: BTreeSet<String>,
    /// The files of the older one that define the resource.
    defining: Vec<FoundFile>,
}

/// The definitions before and after, and whether their file has become unreadable.
type DefinedSides = (Vec<Defined>, Vec<Defined>, bool);

/// Whether the resource is the same on both sides, in the same place.
fn is_same((before, now, _): &DefinedSides) -> bool {
    let face = |defined: &Defined| match &defined.resource {
        // A revision may change fields that are in no resource.
        Some(resource) => {
            let id = defined
                .revision
                .as_ref()
                .map(|revision| revision.plan_id.clone());
            (
                defined.path.clone(),
                Some(resource.clone()),
                id.unwrap_or_default(),
            )
        }
        None => (defined.path.clone(), None, defined.blob.clone()),
    };
    before.iter().map(face).eq(now.iter().map(face))
}

/// The change of the resource in a commit.
struct CommitChange {
    commit: Commit,
    kind: RevisionKind,
    /// The change class and one line about what changed, if the specs could be compared.
    compared: Option<(String, String)>,
    /// The paths of the files before.
    before: Vec<String>,
    /// The paths of the files after.
    now: Vec<String>,
    /// The blobs with this revision.
    blobs: BTreeSet<String>,
}

impl CommitChange {
    fn answer(self) -> Revision {
        let summary = self.summary();
        Revision {
            commit: self.commit.id,
            time: self.commit.time,
            author: Author {
                name: self.commit.author.name,
                email: self.commit.author.email,
            },
            subject: self.commit.subject,
            change: self.kind,
            class: self.compared.map(|(class, _)| class),
            summary,
            paths: self.now,
            paths_before: self.before,
            blobs: self.blobs,
            executions: Vec::new(),
        }
    }

    /// One line about what changed.
    fn summary(&self) -> String {
        let (from, to) = (self.before.join(", "), self.now.join(", "));
        let is_elsewhere = from != to && !from.is_empty() && !to.is_empty();
        let moved = is_elsewhere.then(|| format!("moved from {from} to {to}"));
        let compared = self.compared.as_ref().map(|(_, what)| what.clone());
        let what = match self.kind {
            RevisionKind::Added => format!("added in {to}"),
            RevisionKind::Changed => compared.unwrap_or_else(|| "the spec has changed".to_owned()),
            RevisionKind::Metadata => {
                compared.unwrap_or_else(|| "labels or annotations only".to_owned())
            }
            RevisionKind::Moved => return moved.unwrap_or_default(),
            RevisionKind::Removed => format!("removed from {from}"),
            RevisionKind::Broken => "it cannot be read".to_owned(),
            RevisionKind::Several => format!("defined in several places: {to}"),
            RevisionKind::Beginning => format!("in {to}; earlier history is not in this clone"),
        };
        let parts = [Some(what), moved];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn revision(
    commit: &Commit,
    before: &[Defined],
    now: &[Defined],
    (unreadable, known_before): (bool, bool),
    blobs: BTreeSet<String>,
) -> CommitChange {
    let paths = |side: &[Defined]| side.iter().map(|defined| defined.path.clone()).collect();
    let kind = match (before, now) {
        ([old], [new]) => match (&old.resource, &new.resource) {
            (_, None) => RevisionKind::Broken,
            (Some(of_old), Some(of_new))
                if of_old.spec_digest() != of_new.spec_digest() || old.revision != new.revision =>
            {
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
    CommitChange {
        commit: commit.clone(),
        kind,
        compared: None,
        before: paths(before),
        now: paths(now),
        blobs,
    }
}

/// Assigns executions to the revision that they ran, by the pinned blob.
fn attribute(revisions: &mut [Revision], key: &Key, files: &BTreeMap<Key, StatusFile>) {
    for (execution, file) in files {
        let Status::Execution(run) = &file.status else {
            continue;
        };
        let Some(pinned) = &run.extensions.pinned else {
            continue;
        };
        let pins = [&pinned.plan].into_iter().chain(&pinned.goal);
        let is_meant = |pin: &&Pin| pin.name == key.name && pin.namespace == key.namespace;
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
            revision.executions.push(RevisionRun {
                namespace: execution.namespace.clone(),
                name: execution.name.clone(),
                uid: file.uid.clone(),
                phase: run.phase.to_string(),
                start_time: run.start_time,
            });
        }
    }
    for revision in revisions {
        revision
            .executions
            .sort_by_key(|run| Reverse(run.start_time));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::git::Identity;
    use crate::git::testing::Sandbox;

    fn change(kind: RevisionKind, before: &[&str], now: &[&str]) -> CommitChange {
        let paths = |side: &[&str]| side.iter().map(|path| (*path).to_owned()).collect();
        let commit = Commit {
            time: None,
            id: "c".to_owned(),
            tree: String::new(),
            parents: Vec::new(),
            author: Identity {
                name: "Ana".to_owned(),
                email: "ana@example.com".to_owned(),
            },
            subject: String::new(),
        };
        CommitChange {
            commit,
            kind,
            compared: None,
            before: paths(before),
            now: paths(now),
            blobs: BTreeSet::new(),
        }
    }

    #[test]
    fn what_a_commit_did_in_one_line() {
        use RevisionKind::*;
        let table = [
            (change(Added, &[], &["a"]), "added in a"),
            (change(Removed, &["a"], &[]), "removed from a"),
            (change(Moved, &["a"], &["b"]), "moved from a to b"),
            (
                CommitChange {
                    compared: Some(("major".to_owned(), "~ a field".to_owned())),
                    ..change(Changed, &["a"], &["b"])
                },
                "~ a field; moved from a to b",
            ),
            (change(Changed, &["a"], &["a"]), "the spec has changed"),
            (change(Broken, &["a"], &[]), "it cannot be read"),
            (
                change(Several, &["a"], &["a", "b"]),
                "defined in several places: a, b; moved from a to a, b",
            ),
            (
                change(Beginning, &[], &["a"]),
                "in a; earlier history is not in this clone",
            ),
        ];
        for (change, what) in table {
            assert_eq!(change.summary(), what);
        }
    }

    fn plan(name: &str, namespace: &str, text: &str) -> String {
        format!(
            "apiVersion: planspec.io/v1alpha1\nkind: Plan\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: \
             {{description: {text}, graph: {{nodes: [{{id: a, kind: Task, description: d}}]}}}}\n"
        )
    }

    /// The log of a plan, and how many files were read; with or without the index.
    fn told(store: &Store, name: &str, helped: bool) -> (String, usize) {
        let config = Config::default();
        let named = Named::new(Kind::Plan, name, None);
        let mut search = Search {
            store,
            paths: Paths::new(&config.paths, config.limits.file_bytes).unwrap(),
            config: &config,
            named: &named,
            known: HashMap::new(),
            seen: BTreeSet::new(),
            holders: HashMap::new(),
        };
        let tip = store.repo.head().unwrap().commit().unwrap().to_owned();
        if helped {
            search.look_up(&tip).unwrap();
        }
        let (found, ends) = search.revisions(&tip, 100).unwrap();
        let found: Vec<Revision> = found.into_iter().map(CommitChange::answer).collect();
        let seen = &search.seen;
        (format!("{found:#?} {ends:?} {seen:?}"), search.known.len())
    }

    #[test]
    fn a_commit_that_brings_everything_is_not_read_for_one_resource() {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("one");
        for number in 0..300 {
            let path = format!("planspec/{}/p{number}.yaml", number % 7);
            sandbox.write(&repo, &path, &plan(&format!("p{number}"), "n", "one"));
        }
        sandbox.write(&repo, "planspec/z/twice.yaml", &plan("p3", "m", "one"));
        sandbox.write(&repo, "planspec/twice.yaml", &plan("p3", "n", "one"));
        sandbox.commit(&repo, &[]);
        let changed = plan("p1", "n", "two");
        sandbox.commit(&repo, &[("planspec/1/p1.yaml", &changed)]);
        let fork = sandbox.commit(&repo, &[("planspec/1/p2.yaml", &plan("p2", "n", "two"))]);
        sandbox.git(&repo, &["mv", "planspec/1/p1.yaml", "planspec/moved.yaml"]);
        sandbox.git(&repo, &["rm", "-q", "planspec/5/p5.yaml"]);
        sandbox.commit(&repo, &[("planspec/x.yaml", &plan("x", "n", "one"))]);
        sandbox.git(&repo, &["checkout", "-q", "-b", "side", &fork]);
        sandbox.commit(&repo, &[("planspec/6/p6.yaml", &plan("p6", "n", "two"))]);
        sandbox.git(&repo, &["merge", "-q", "--no-edit", "main"]);
        sandbox.commit(&repo, &[("planspec/5/p5.yaml", &plan("p5", "n", "two"))]);
        let store = Store {
            repo,
            remote: None,
            side: crate::service::store::Side::default(),
        };
        for name in [
            "p0", "p1", "p2", "p3", "n/p3", "m/p3", "p5", "p6", "x", "nothing",
        ] {
            let ((all, many), (helped, few)) =
                (told(&store, name, false), told(&store, name, true));
            assert_eq!(helped, all, "{name}");
            assert!(many >= 302 && few <= 12, "{name}: {few} of {many}");
        }
    }
}
