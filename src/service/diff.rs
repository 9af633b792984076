//! Reviews uncommitted changes.

use std::collections::BTreeSet;
use std::path::Path;

use super::names::choose_among;
use super::review::{Compared, ComparedSide, Comparison, Reviewed};
use super::store::Store;
use super::{Error, Result};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::git::Repo;
use crate::git::index::StagedFiles;
use crate::git::read::Tree;

/// A request to compare the work tree, or the index, with a revision.
#[derive(Debug, Clone)]
pub struct DiffRequest {
    /// The revision.
    pub revision: String,
    /// Compare the index instead of the work tree.
    pub staged: bool,
    /// Files or folders, relative to the current folder or to the root of the repository; or a kind and a name, as two words
    /// or as `KIND/NAME`. Empty means everything.
    pub what: Vec<String>,
    /// The namespace of the resource, if its name is ambiguous.
    pub namespace: Option<String>,
}

/// Compares the work tree, or the index, with a revision, as a review compares two commits.
///
/// # Errors
/// The repository is bare; there is no such revision or resource; the files contain none.
pub fn diff(store: &Store, request: &DiffRequest) -> Result<Reviewed> {
    let repo = &store.repo;
    if repo.workdir().is_none() {
        return Err(
            Error::unavailable("a bare repository has no work tree to compare")
                .hint("name two revisions: `planspec review BASE..HEAD`"),
        );
    }
    let base = store
        .commit_of(&request.revision)
        .map_err(|error| error.hint("commit something first, or name another: --rev REV"))?;
    let before = ComparedSide::read(store, Tree::Commit(&base), None)?;
    let (after, name) = if request.staged {
        let staged = StagedFiles::open(repo)?;
        let after = ComparedSide::read(store, Tree::Index(&staged), Some(&before))?;
        (after, "what is staged")
    } else {
        let after = ComparedSide::read(store, Tree::WorkTree, Some(&before))?;
        (after, "the work tree")
    };
    let mut comparison = Comparison::new(before, after);
    narrow(repo, &mut comparison, request)?;
    let base = Compared {
        commit: base,
        name: request.revision.clone(),
    };
    let head = Compared {
        commit: None,
        name: name.to_owned(),
    };
    comparison.reviewed(store, base, head)
}

/// Limits the comparison to what was asked for.
fn narrow(repo: &Repo, comparison: &mut Comparison, request: &DiffRequest) -> Result {
    let (old, new) = (&comparison.old, &comparison.new);
    match selection(repo, request, (old, new))? {
        Selection::All => return Ok(()),
        Selection::One(key) if key.kind == Kind::Plan => {
            comparison.review = std::mem::take(&mut comparison.review).only(&key, old, new);
        }
        Selection::One(key) => {
            let subjects = &mut comparison.review.subjects;
            subjects.retain(|subject| subject.key == key);
        }
        Selection::Files(files) => {
            let subjects = &mut comparison.review.subjects;
            subjects.retain(|subject| {
                let path = Path::new(&subject.path);
                files.iter().any(|file| path.starts_with(file))
            });
        }
    }
    comparison.narrow();
    Ok(())
}

/// What was asked for.
enum Selection {
    All,
    One(Key),
    Files(Vec<String>),
}

fn selection(
    repo: &Repo,
    request: &DiffRequest,
    (old, new): (&Snapshot, &Snapshot),
) -> Result<Selection> {
    let named = match request.what.as_slice() {
        [] => return Ok(Selection::All),
        [kind, name] => Kind::parse(kind).map(|kind| (kind, name.as_str())),
        // A file takes precedence over a resource of the same name.
        [both] if !has_file(both, old, new) => both
            .split_once('/')
            .and_then(|(kind, name)| Some((Kind::parse(kind)?, name))),
        _ => None,
    };
    let Some((kind, name)) = named else {
        return files(repo, &request.what, (old, new));
    };
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    let namespace = request.namespace.as_deref();
    let key = choose_among(keys.into_iter(), kind, name, namespace)?;
    Ok(Selection::One(key.clone()))
}

fn has_file(name: &str, old: &Snapshot, new: &Snapshot) -> bool {
    let holds = |snapshot: &Snapshot| {
        let mut definitions = snapshot.keys().flat_map(|key| snapshot.definitions(key));
        definitions.any(|one| Path::new(&one.path).starts_with(name))
    };
    holds(old) || holds(new)
}

/// Paths relative to the current folder, or else to the root of the repository.
fn files(repo: &Repo, what: &[String], (old, new): (&Snapshot, &Snapshot)) -> Result<Selection> {
    let from_root = |file: &String| {
        let file = file.strip_prefix("./").unwrap_or(file);
        file.trim_end_matches('/').to_owned()
    };
    let from_here = |file: &String| repo.path_inside(Path::new(file));
    let files = what.iter().map(|file| {
        let here = from_here(file).filter(|file| has_file(file, old, new));
        here.unwrap_or_else(|| from_root(file))
    });
    let files: Vec<String> = files.collect();
    match files.iter().find(|file| !has_file(file, old, new)) {
        Some(file) => Err(
            Error::not_found(format!("`{file}` holds no resource on either side")).hint(
                "files are named from the current folder, or from the root of the repository",
            ),
        ),
        None => Ok(Selection::Files(files)),
    }
}
