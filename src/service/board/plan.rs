//! A plan, its changes, and the list of plans.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::api::board::{ListedPlan, Of, Page, PlanPage, PlansPage, RevisionPage};
use crate::api::log::{Revision, RevisionList};
use crate::core::base::source::{Content, SourceFile};
use crate::core::document;
use crate::core::repository::config::Config;
use crate::core::repository::snapshot::Snapshot;
use crate::core::resource::{Kind, Spec, Status};
use crate::core::review::{self, Shape};
use crate::git::{history, read};
use crate::service::describe::{DescribeRequest, describe};
use crate::service::names::Named;
use crate::service::status::StatusReader;
use crate::service::store::Store;
use crate::service::{Error, Result, index};

/// Maximum number of plans that a list shows.
const LISTED: usize = 500;
/// Maximum number of runs of a plan that are shown.
const RUNS: usize = 50;

/// All plans.
pub fn all(store: &Store) -> Result<Page> {
    let head = store.repo.head()?;
    let commit = head.commit().ok_or_else(Error::no_commits)?;
    let config = store.config_at(commit)?;
    let mut keys = index::all_of(&store.repo, commit, &config, Kind::Plan)?;
    let more = keys.len().saturating_sub(LISTED);
    if let Some(first_left_out) = keys.iter().nth(LISTED).cloned() {
        drop(keys.split_off(&first_left_out));
    }
    let files = match StatusReader::known(store)? {
        Some(status) => status.files(&keys)?,
        None => Default::default(),
    };
    let plans = keys.iter().map(|key| {
        let status = files.get(key).map(|file| &file.status);
        ListedPlan {
            of: Of::key(key),
            phase: status.map(Status::phase),
            nodes: match status {
                Some(Status::Plan(plan)) => u64::try_from(plan.node_count).ok(),
                _ => None,
            },
        }
    });
    Ok(Page::Plans(PlansPage {
        plans: plans.collect(),
        more,
    }))
}

/// A plan.
pub fn page(store: &Store, of: &Of, revisions: Option<Rc<RevisionList>>) -> Result<Page> {
    let known = StatusReader::known(store)?;
    let time = known.as_ref().map(StatusReader::time);
    let request = DescribeRequest {
        named: Named::new(Kind::Plan, &of.name, Some(&of.namespace)),
        session: None,
        now: time.unwrap_or_default(),
    };
    let described = describe(store, &request)?;
    let merged = described.merged();
    let plan = match merged.resource.map(|resource| &resource.spec) {
        Some(Spec::Plan(plan)) => Some(plan.clone()),
        _ => None,
    };
    let shape = plan.as_ref().and_then(|plan| Shape::of(&plan.graph));
    let place = described.place();
    let (mut runs, mut runs_more) = (Vec::new(), 0);
    if let Some(status) = &known {
        let keys = status.runs_pinned_to(&BTreeSet::from([of.of(Kind::Plan)]))?;
        let files = status.files(&keys)?;
        let all = files.iter().filter_map(|(key, file)| {
            let run = file.status.execution()?;
            Some((Of::key(key), run.phase.to_string(), run.start_time))
        });
        runs = all.collect();
        runs.sort_by(|one, other| other.2.cmp(&one.2).then_with(|| one.0.cmp(&other.0)));
        runs_more = runs.len().saturating_sub(RUNS);
        runs.truncate(RUNS);
    }
    Ok(Page::Plan(Box::new(PlanPage {
        of: of.clone(),
        metadata: merged.metadata(),
        phase: merged.phase(),
        conditions: merged
            .file
            .map(|file| file.status.conditions().to_vec())
            .unwrap_or_default(),
        not_ready: described.not_ready.clone(),
        capabilities: described.capabilities.clone(),
        critical_path: shape.map(|shape| shape.critical_path).unwrap_or_default(),
        document: place
            .as_ref()
            .filter(|place| place.is_document)
            .and_then(|place| document_of(store, &place.path, &place.blob)),
        source: place.map(|place| place.path),
        plan,
        revisions: revisions.map(|list| (*list).clone()),
        runs,
        runs_more,
    })))
}

fn document_of(store: &Store, path: &str, blob: &str) -> Option<document::Content> {
    let bytes = read::blob(&store.repo, blob).ok()?;
    Some((*document::parse(path, &bytes).ok()?).clone())
}

/// What a commit changed in a plan. Only its files before and after are read.
pub fn revision(
    store: &Store,
    (of, commit): (&Of, &str),
    revisions: Option<Rc<RevisionList>>,
) -> Result<Page> {
    let none = || {
        Error::not_found(format!(
            "commit {commit} is not among the last that changed {}",
            of.of(Kind::Plan)
        ))
    };
    let list = revisions.ok_or_else(none)?;
    let found = list.items.iter().find(|one| one.commit == commit);
    let Revision {
        paths,
        paths_before,
        commit,
        ..
    } = found.ok_or_else(none)?.clone();
    let at = history::commit(&store.repo, &commit)?.ok_or_else(none)?;
    let before = at.parents.first().cloned();
    let config = store.config_at(&commit)?;
    let new = snapshot(store, Some(&commit), &paths, &config)?;
    let old = snapshot(store, before.as_deref(), &paths_before, &config)?;
    Ok(Page::Revision(Box::new(RevisionPage {
        review: review::compare(&old, &new).only(&of.of(Kind::Plan), &old, &new),
        of: of.clone(),
        commit,
        before,
    })))
}

fn snapshot(
    store: &Store,
    commit: Option<&str>,
    paths: &[String],
    config: &Config,
) -> Result<Snapshot> {
    let mut files = Vec::new();
    for path in paths {
        let bytes = match commit {
            Some(commit) => read::file_at(&store.repo, commit, path)?,
            None => None,
        };
        files.extend(bytes.map(|bytes| SourceFile {
            path: path.clone(),
            blob: store.repo.blob_id(&bytes),
            content: Content::Bytes(bytes.into()),
        }));
    }
    Ok(Snapshot::build(&files, config))
}
