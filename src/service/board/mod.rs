//! The pages of the board: what each shows. One page costs what it is about, however much else there is.

mod gate;
mod home;
mod node;
mod plan;
mod run;
mod write;

pub use write::{BoardFolder, WriteRequest};

use std::collections::BTreeSet;

use super::log::{EventsRequest, RevisionsRequest, events, revisions};
use super::names::Named;
use super::status::StatusReader;
use super::store::Store;
use super::{Error, ErrorKind, Result, index};
use crate::api::board::{BrokenPage, HistoryPage, Of, Page, PageName};
use crate::core::resource::{Kind, Time};

/// Most events of a run that a page shows.
const EVENTS: usize = 500;
/// Most nodes of a run that have a page of their own as a file.
const NODES: usize = 2000;
/// Most commits of a plan that a page shows.
const REVISIONS: usize = 20;

/// A page, and when.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// Which page.
    pub page: &'a PageName,
    /// The moment of the request, for whoever looks at it now. Without it a page says nothing but what the repository
    /// says, so that it is the same until that changes.
    pub now: Option<Time>,
}

/// What a page shows, as the last fetch brought it. What is there and cannot be shown says so on its page.
///
/// # Errors
/// There is nothing of that name, or the repository cannot be used.
pub fn page(store: &Store, request: PageRequest<'_>) -> Result<Page> {
    let shown = match request.page {
        PageName::Home => home::page(store, request.now),
        PageName::Runs => home::runs(store),
        PageName::Plans => plan::all(store),
        PageName::Run(of) => run::page(store, of, request.now),
        PageName::Node(of, id) => node::page(store, of, id, request.now),
        PageName::History(of) => history(store, of),
        PageName::Plan(of) => plan::page(store, of),
        PageName::Revision(of, commit) => plan::revision(store, of, commit),
    };
    match shown {
        Err(error) if !matches!(error.kind, ErrorKind::NotFound) => Ok(broken(request.page, error)),
        shown => shown,
    }
}

/// The same of a page that is known to be there: whatever is the matter is said on it.
pub fn page_or_why(store: &Store, request: PageRequest<'_>) -> Page {
    page(store, request).unwrap_or_else(|error| broken(request.page, error))
}

fn broken(page: &PageName, error: Error) -> Page {
    let title = match page {
        PageName::Home | PageName::Runs | PageName::Plans => "The board".to_owned(),
        PageName::Run(of) | PageName::History(of) | PageName::Node(of, _) => {
            of.of(Kind::Execution).to_string()
        }
        PageName::Plan(of) | PageName::Revision(of, _) => of.of(Kind::Plan).to_string(),
    };
    Page::Broken(BrokenPage {
        title,
        message: error.message,
        hint: error.hint,
    })
}

fn history(store: &Store, of: &Of) -> Result<Page> {
    let request = EventsRequest {
        name: of.name.clone(),
        namespace: Some(of.namespace.clone()),
        limit: EVENTS,
    };
    Ok(Page::History(HistoryPage {
        of: of.clone(),
        events: events(store, &request)?,
        limit: EVENTS,
    }))
}

/// Which pages there are.
#[derive(Debug, Clone, Copy)]
pub struct PagesRequest {
    /// Of the runs that are over, the newest so many.
    pub ended: usize,
}

/// Every page that is to be written: of the runs that go on, of the last that ended, and of the plans; the pages of lists come
/// first.
///
/// # Errors
/// The repository cannot be used, or has no commit yet.
pub fn pages(store: &Store, request: PagesRequest) -> Result<BTreeSet<PageName>> {
    let mut pages = BTreeSet::from([PageName::Home, PageName::Runs, PageName::Plans]);
    let Some(view) = store.known_if_any()? else {
        return Ok(pages);
    };
    if let Some(status) = StatusReader::open(store, &view)? {
        let (open, over) = home::by_age(&status)?;
        for (of, _) in open.into_iter().chain(over.into_iter().take(request.ended)) {
            let files = status.files(&BTreeSet::from([of.of(Kind::Execution)]))?;
            let runs = files.values().filter_map(|file| file.status.execution());
            for id in runs.flat_map(|run| run.node_statuses.keys().take(NODES)) {
                pages.insert(PageName::Node(of.clone(), id.clone()));
            }
            pages.insert(PageName::History(of.clone()));
            pages.insert(PageName::Run(of));
        }
    }
    let head = store.repo.head()?;
    let Some(commit) = head.commit() else {
        return Err(Error::no_commits());
    };
    let config = store.config_at(commit)?;
    for key in index::all_of(&store.repo, commit, &config, Kind::Plan)? {
        let of = Of::key(&key);
        for commit in plan::shown_revisions(store, &of) {
            pages.insert(PageName::Revision(of.clone(), commit));
        }
        pages.insert(PageName::Plan(of));
    }
    Ok(pages)
}

/// The commits that changed a plan.
fn revisions_of(store: &Store, of: &Of) -> Result<crate::api::log::RevisionList> {
    let request = RevisionsRequest {
        named: Named::new(Kind::Plan, &of.name, Some(&of.namespace)),
        limit: REVISIONS,
        revision: None,
    };
    revisions(store, &request)
}
