//! The data of the pages of the board. The cost of a page depends only on what it shows, not on the size of the repository.

mod gate;
mod home;
mod node;
mod plan;
mod run;
mod write;

pub use write::{BoardFolder, WriteRequest};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::run::KnownRun;
use super::audit::{AuditRequest, audit};
use super::log::{EventsRequest, RevisionsRequest, events, revisions};
use super::names::Named;
use super::status::StatusReader;
use super::store::Store;
use super::{Error, ErrorKind, Result, index};
use crate::api::audit::Audited;
use crate::api::board::{BrokenPage, HistoryPage, Of, Page, PageName};
use crate::api::log::RevisionList;
use crate::core::resource::{Kind, Time};
use crate::git::Repo;

/// Maximum number of events of a run that a page shows.
const EVENTS: usize = 500;
/// Maximum number of nodes of a run that get pages as files.
const NODES: usize = 2000;
/// With more plans than these, changes are shown only for plans of the runs on the board.
const PLANS_TOLD: usize = 200;
/// Maximum number of commits of a plan that a page shows.
const REVISIONS: usize = 20;

/// The board of a repository, as of the last fetch. The data of the last run, and the changes to plans, are cached between
/// pages; so a server makes a new board for each request.
pub struct Board<'s> {
    store: &'s Store,
    now: Option<Time>,
    audits: bool,
    run: RefCell<Option<Rc<KnownRun>>>,
    revisions: RefCell<BTreeMap<Of, Option<Rc<RevisionList>>>>,
    /// The plans whose changes are shown; `None` shows those of all.
    told: RefCell<Option<BTreeSet<Of>>>,
}

impl<'s> Board<'s> {
    /// A board as of `now`, for a viewer at that time. Without it, pages depend only on the repository, and are the same until
    /// it changes.
    pub fn new(store: &'s Store, now: Option<Time>) -> Board<'s> {
        Board {
            store,
            now,
            audits: false,
            run: RefCell::default(),
            revisions: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// The same, with an audit of each run on its history page.
    pub fn auditing(self) -> Board<'s> {
        Board {
            audits: true,
            ..self
        }
    }

    /// The data of a page. If it exists but cannot be shown, the page says so.
    ///
    /// # Errors
    /// There is no such page.
    pub fn page(&self, name: &PageName) -> Result<Page> {
        let store = self.store;
        let shown = match name {
            PageName::Home => home::page(store, self.now),
            PageName::Runs => home::runs(store),
            PageName::Plans => plan::all(store),
            PageName::Run(of) => self.run(of).and_then(|run| run::page(&run)),
            PageName::Node(of, id) => self.run(of).and_then(|run| node::page(store, &run, id)),
            PageName::History(of) => self.history(of),
            PageName::Plan(of) => plan::page(store, of, self.revisions(of)),
            PageName::Revision(of, commit) => {
                plan::revision(store, (of, commit), self.revisions(of))
            }
        };
        match shown {
            Err(error) if !matches!(error.kind, ErrorKind::NotFound) => Ok(broken(name, error)),
            shown => shown,
        }
    }

    /// The same for a page that is known to exist: any error is shown on it.
    pub fn page_or_why(&self, name: &PageName) -> Page {
        self.page(name).unwrap_or_else(|error| broken(name, error))
    }

    /// All pages to write: of the open runs, of the last `ended` finished ones, and of the plans. If there are many plans,
    /// changes are shown only for those of these runs, since they take a walk through history for each plan.
    ///
    /// # Errors
    /// The repository cannot be used, or has no commit yet.
    pub fn pages(&self, ended: usize) -> Result<BTreeSet<PageName>> {
        let store = self.store;
        let mut pages = BTreeSet::from([PageName::Home, PageName::Runs, PageName::Plans]);
        let commit = &store.here()?.ok_or_else(Error::no_commits)?;
        let mut plans_of_runs = BTreeSet::new();
        if let Some(status) = StatusReader::known(store)? {
            let (open, over) = home::by_age(&status)?;
            for (of, run) in open.into_iter().chain(over.into_iter().take(ended)) {
                let plan = run.plan.as_deref().and_then(|plan| plan.split_once('/'));
                plans_of_runs.extend(plan.map(|(namespace, name)| Of {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                }));
                let files = status.files(&BTreeSet::from([of.of(Kind::Execution)]))?;
                let runs = files.values().filter_map(|file| file.status.execution());
                for id in runs.flat_map(|run| run.node_statuses.keys().take(NODES)) {
                    pages.insert(PageName::Node(of.clone(), id.clone()));
                }
                pages.insert(PageName::History(of.clone()));
                pages.insert(PageName::Run(of));
            }
        }
        let config = store.config_at(commit)?;
        let plans = index::all_of(&store.repo, commit, &config, Kind::Plan)?;
        let is_many = plans.len() > PLANS_TOLD;
        *self.told.borrow_mut() = is_many.then_some(plans_of_runs);
        for key in plans {
            let of = Of::key(&key);
            for one in self.revisions(&of).iter().flat_map(|list| &list.items) {
                pages.insert(PageName::Revision(of.clone(), one.commit.clone()));
            }
            pages.insert(PageName::Plan(of));
        }
        Ok(pages)
    }

    fn history(&self, of: &Of) -> Result<Page> {
        let request = EventsRequest {
            name: of.name.clone(),
            namespace: Some(of.namespace.clone()),
            limit: EVENTS,
        };
        let audited = self.audits.then(|| self.audited(of));
        Ok(Page::History(Box::new(HistoryPage {
            of: of.clone(),
            events: events(self.store, &request)?,
            limit: EVENTS,
            audited: audited.map(|audited| audited.map_err(|error| error.message)),
        })))
    }

    fn audited(&self, of: &Of) -> Result<Audited> {
        let repo = &self.store.repo;
        let at = repo.workdir().unwrap_or_else(|| repo.common_dir());
        // Only objects of this clone are used.
        let store = Store {
            repo: Repo::open(Some(at))?,
            remote: self.store.remote.clone(),
            side: self.store.side.clone(),
        };
        let execution = Named::new(Kind::Execution, &of.name, Some(&of.namespace));
        let request = AuditRequest {
            execution: Some(execution),
            ..AuditRequest::default()
        };
        audit(store, &request)
    }

    /// The commits that changed a plan; `None` if they cannot be read.
    fn revisions(&self, of: &Of) -> Option<Rc<RevisionList>> {
        let told = self.told.borrow();
        if told.as_ref().is_some_and(|told| !told.contains(of)) {
            return None;
        }
        if let Some(known) = self.revisions.borrow().get(of) {
            return known.clone();
        }
        let request = RevisionsRequest {
            named: Named::new(Kind::Plan, &of.name, Some(&of.namespace)),
            limit: REVISIONS,
            revision: None,
        };
        let found = revisions(self.store, &request).ok().map(Rc::new);
        self.revisions
            .borrow_mut()
            .insert(of.clone(), found.clone());
        found
    }

    fn run(&self, of: &Of) -> Result<Rc<KnownRun>> {
        if let Some(known) = self.run.borrow().as_ref().filter(|known| known.of == *of) {
            return Ok(Rc::clone(known));
        }
        let known = Rc::new(KnownRun::look(self.store, of, self.now)?);
        *self.run.borrow_mut() = Some(Rc::clone(&known));
        Ok(known)
    }
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
