//! Answers whether files are in the scope of a plan, during the work.

use std::path::{Path, PathBuf};

use crate::api::findings::{ScopeAnswer, ScopeVerdict, entries};
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Key, Kind};
use crate::core::review::scope::{self, Answer, Asked, Beside};
use crate::core::text::located::ResourceName;
use crate::git::Repo;
use crate::git::read::Tree;
use crate::service::names::choose_among;
use crate::service::revision::{self, Settings};
use crate::service::store::commit_of;
use crate::service::{Error, Result};

/// A request about files and the scope of a plan.
#[derive(Debug, Clone)]
pub struct InsideRequest {
    /// The folder of the repository; `None` is the current one.
    pub dir: Option<PathBuf>,
    /// The plan, `NAME` or `NAMESPACE/NAME`.
    pub plan: String,
    /// The current step, whose `touches` then matters too.
    pub step: Option<String>,
    /// The files; they need not exist.
    pub paths: Vec<PathBuf>,
    /// The revision with the document; `None` is HEAD, or the work tree if HEAD has no such plan.
    pub revision: Option<String>,
}

/// Answers for each file whether it is in the scope of a plan.
///
/// # Errors
/// There is no such plan, or it has no scope; a path leads out of the repository.
pub fn inside(request: &InsideRequest) -> Result<ScopeAnswer> {
    let repo = Repo::open(request.dir.as_deref())?;
    let paths = request.paths.iter();
    let paths: Vec<String> = paths
        .map(|path| from_root(&repo, path))
        .collect::<Result<_>>()?;
    let commit = match &request.revision {
        Some(revision) => Some(commit_of(&repo, revision)?),
        None => repo.head()?.commit().map(str::to_owned),
    };
    let committed = commit.as_deref().map(|commit| {
        let (snapshot, settings) = read(&repo, Tree::Commit(commit))?;
        let key = plan(&snapshot, &request.plan).cloned();
        Ok::<_, Error>((snapshot, settings, key))
    });
    let (snapshot, settings, key, commit) = match committed.transpose()? {
        Some((snapshot, settings, Ok(key))) => (snapshot, settings, key, commit),
        Some((_, _, Err(error))) if request.revision.is_some() || repo.workdir().is_none() => {
            return Err(error);
        }
        _ => {
            let (snapshot, settings) = read(&repo, Tree::WorkTree)?;
            let key = plan(&snapshot, &request.plan)?.clone();
            (snapshot, settings, key, None)
        }
    };
    if !scope::is_scoped((&snapshot, &snapshot), &key) {
        let message =
            format!("{key} has no scope, because it does not come from a PlanSpec 1.2 document");
        return Err(Error::ambiguous(message).hint("name a plan from a document"));
    }
    let config = settings.config.unwrap_or_default();
    let beside = Beside {
        always: &config.scope.always,
        step: request.step.as_deref(),
    };
    let asked = scope::ask(&snapshot, &key, &paths, beside).map_err(|why| {
        let error = Error::invalid(format!("the scope of {key} cannot be checked: {why}"));
        error.hint(match request.step {
            Some(_) => "write `x-planspec.touches` in that step, or omit `--step`",
            None => "`planspec validate` says what is wrong with the document",
        })
    })?;
    Ok(answer(request, &key, commit, asked))
}

fn read(repo: &Repo, tree: Tree<'_>) -> Result<(Snapshot, Settings)> {
    let settings = Settings::read(repo, tree)?;
    let config = settings.config.clone().unwrap_or_default();
    Ok((revision::snapshot(repo, tree, &config)?, settings))
}

fn plan<'s>(snapshot: &'s Snapshot, name: &str) -> Result<&'s Key> {
    choose_among(snapshot.keys(), Kind::Plan, name, None)
}

/// A path relative to the root of the repository; the file need not exist.
fn from_root(repo: &Repo, path: &Path) -> Result<String> {
    let text = path.to_string_lossy();
    if repo.workdir().is_none() {
        return Ok(text.into_owned());
    }
    if let Some(inside) = repo.path_inside(path) {
        return Ok(inside);
    }
    // The nearest existing folder determines the place in the repository.
    let above = path.ancestors().skip(1);
    let found = above.filter(|folder| !folder.as_os_str().is_empty());
    let mut found = found.filter_map(|folder| {
        let inside = repo.path_inside(&folder.join("x"))?;
        let rest = path.strip_prefix(folder).ok()?.to_str()?;
        let folder = inside.strip_suffix('x')?;
        (!rest.split('/').any(|part| part == "..")).then(|| format!("{folder}{rest}"))
    });
    let here = || {
        let is_relative = path.is_relative() && !text.split('/').any(|part| part == "..");
        let here = repo.path_inside(Path::new("x")).filter(|_| is_relative)?;
        Some(format!("{}{text}", here.strip_suffix('x')?))
    };
    found.next().or_else(here).ok_or_else(|| {
        let error = Error::invalid(format!("`{text}` is not a path in this repository"));
        error.hint("name files by paths from the current folder")
    })
}

fn answer(request: &InsideRequest, key: &Key, commit: Option<String>, asked: Asked) -> ScopeAnswer {
    let items = asked.answers.into_iter().map(|(path, answer)| {
        let (verdict, why) = match answer {
            Answer::In => ("in", None),
            Answer::Along => ("in", Some("`scope.always` allows it".to_owned())),
            Answer::Out(why) => ("out", Some(why)),
            Answer::NotCheckable => (
                "notCheckable",
                Some("no entry of in_scope begins with `path:`".to_owned()),
            ),
        };
        ScopeVerdict {
            path,
            verdict: verdict.to_owned(),
            why,
        }
    });
    ScopeAnswer {
        plan: ResourceName::from(key),
        step: request.step.clone(),
        commit,
        items: items.collect(),
        checkable: entries(&asked.checkable),
        not_checkable: entries(&asked.not_checkable),
    }
}
