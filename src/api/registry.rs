//! Every answer by its kind, with its schema: what `planspec schema --answer` knows.

use schemars::Schema;

use super::archive::{ArchiveAsked, ArchivePreview};
use super::audit::Audited;
use super::board::BoardWritten;
use super::brief::{Brief, HeldNodes};
use super::change::{Applied, Deleted, Edited, Started};
use super::describe::Description;
use super::doctor::Checkup;
use super::document::{Converted, Revised};
use super::explain::{AnswerList, Rule, RuleList};
use super::export::{Exported, TaskList};
use super::findings::{Findings, ScopeAnswer};
use super::graph::Graph;
use super::import::Imported;
use super::listing::Listing;
use super::log::{EventList, RevisionList};
use super::logs::NodeLog;
use super::made::{Created, Hook, Initialized};
use super::namespace::{NamespaceChanged, NamespaceList};
use super::next::NextNodes;
use super::overview::Overview;
use super::reconcile::{Health, Reconciled};
use super::record::{
    Answered, AskedQuestion, Attested, Claimed, Decided, DocumentAttested, DoneBefore, Recorded,
    Released, Reopening, Reported, Requested,
};
use super::refusal::Refusal;
use super::review::Review;
use super::session::SessionStart;
use super::verify::{DocumentVerified, ExecutionVerified, Verified};
use super::version::Version;
use super::wait::{CommitVerified, Waited};
use super::watch::{WatchChange, WatchNote, WatchState};
use super::work::WorkEvent;
use super::{Answer, resource, schema};

/// One kind of answer.
#[derive(Debug, Clone, Copy)]
pub struct Registered {
    /// Its `kind`.
    pub kind: &'static str,
    /// Makes the JSON Schema of its document.
    pub schema: fn() -> Schema,
}

const fn of<A: Answer>() -> Registered {
    Registered {
        kind: A::KIND,
        schema: schema::<A>,
    }
}

/// Every answer. A test reads the sources and names missing ones.
pub const ANSWERS: &[Registered] = &[
    of::<AnswerList>(),
    of::<Applied>(),
    of::<Audited>(),
    of::<BoardWritten>(),
    of::<Brief>(),
    of::<Checkup>(),
    of::<CommitVerified>(),
    of::<Converted>(),
    of::<Created>(),
    of::<Deleted>(),
    of::<Description>(),
    of::<DoneBefore>(),
    of::<Edited>(),
    of::<EventList>(),
    of::<Exported>(),
    of::<Findings>(),
    of::<Graph>(),
    of::<Health>(),
    of::<HeldNodes>(),
    of::<Hook>(),
    of::<Imported>(),
    of::<Initialized>(),
    of::<Listing>(),
    of::<NamespaceChanged>(),
    of::<NamespaceList>(),
    of::<NextNodes>(),
    of::<NodeLog>(),
    of::<Overview>(),
    of::<Reconciled>(),
    of::<ArchivePreview>(),
    of::<Recorded<ArchiveAsked>>(),
    of::<Recorded<Answered>>(),
    of::<Recorded<AskedQuestion>>(),
    of::<Recorded<Attested>>(),
    of::<Recorded<Claimed>>(),
    of::<Recorded<Decided>>(),
    of::<Recorded<DocumentAttested>>(),
    of::<Recorded<DocumentVerified>>(),
    of::<Recorded<ExecutionVerified>>(),
    of::<Recorded<Released>>(),
    of::<Recorded<Reported>>(),
    of::<Recorded<Requested>>(),
    of::<Recorded<Verified>>(),
    of::<Refusal>(),
    of::<Reopening>(),
    of::<Review>(),
    of::<Revised>(),
    of::<RevisionList>(),
    of::<Rule>(),
    of::<RuleList>(),
    of::<ScopeAnswer>(),
    of::<SessionStart>(),
    of::<Started>(),
    of::<TaskList>(),
    of::<Version>(),
    of::<Waited>(),
    of::<WatchChange>(),
    of::<WatchNote>(),
    of::<WatchState>(),
    of::<WorkEvent>(),
];

/// The answers of `get`, in the published format with its own envelope.
pub const PUBLISHED: &[Registered] = &[
    Registered {
        kind: "List",
        schema: resource::list_schema,
    },
    Registered {
        kind: "Resource",
        schema: resource::schema,
    },
];

/// The answer of a kind; capitals do not matter.
pub fn find(kind: &str) -> Option<Registered> {
    let mut answers = ANSWERS.iter().chain(PUBLISHED);
    answers
        .find(|answer| answer.kind.eq_ignore_ascii_case(kind))
        .copied()
}

/// Every kind of answer, sorted.
pub fn kinds() -> Vec<&'static str> {
    let all = ANSWERS.iter().chain(PUBLISHED);
    let mut kinds: Vec<&str> = all.map(|answer| answer.kind).collect();
    kinds.sort_unstable();
    kinds
}
