//! The pages of the board: their names, and what each shows. A door makes HTML of them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Answer;
use super::audit::Audited;
use super::describe::{Acceptance, Description};
use super::log::{EventList, RevisionList};
use super::overview::Overview;
use crate::core::document::Content;
use crate::core::resource::{
    Condition, Decision, ExecutionStatus, GateSpec, GraphSpec, Key, Kind, Metadata, Node,
    NodeStatus, Pin, PinnedTarget, PlanSpec, Time,
};
use crate::core::review::Review;
use crate::core::run::summary::RunSummary;
use crate::core::run::summary::outline::{Ended, Goal};
use crate::core::run::timeline::{Sums, Timeline};
use crate::core::run::transition::Waiting;

/// The pages of the board were written as files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoardWritten {
    /// The folder.
    pub out: String,
    /// The status commit that they show; null before the first reconcile.
    pub status_commit: Option<String>,
    /// The spec commit that they show.
    pub spec_commit: String,
    /// How many files there are.
    pub files: usize,
    /// The new and changed files, relative to the folder.
    pub written: Vec<String>,
    /// The files that were removed.
    pub removed: Vec<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for BoardWritten {
    const KIND: &'static str = "BoardWritten";
}

/// Namespace and name of what a page is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Of {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A page of the board. Its path is its name: `Display` writes it, [`PageName::parse`] reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageName {
    /// Where everything stands.
    Home,
    /// All runs.
    Runs,
    /// A run.
    Run(Of),
    /// What happened to a run.
    History(Of),
    /// A node of a run, by its id.
    Node(Of, String),
    /// All plans.
    Plans,
    /// A plan.
    Plan(Of),
    /// What a commit changed in a plan, by the id of the commit.
    Revision(Of, String),
}

impl Of {
    /// A resource by its key.
    pub fn key(key: &Key) -> Of {
        Of {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        }
    }

    /// The key of a resource of that kind.
    pub fn of(&self, kind: Kind) -> Key {
        Key::new(kind, &self.namespace, &self.name)
    }
}

/// A part of a path: letters, digits, `-` and `_` stand for themselves, everything else as `~` and two hexadecimal digits for
/// each byte, so that nothing in it is a folder, a dot, or something that a URL has to escape.
fn put_part(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                write!(f, "{}", char::from(byte))?;
            }
            _ => write!(f, "~{byte:02x}")?,
        }
    }
    Ok(())
}

/// What a part of a path stands for; `None` when it is not written so.
fn part(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => bytes.push(byte),
            b'~' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let both = digit()? * 16 + digit()?;
                bytes.push(u8::try_from(both).ok()?);
            }
            _ => return None,
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.is_empty())
}

impl fmt::Display for PageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, of, file) = match self {
            PageName::Home => return f.write_str("index.html"),
            PageName::Runs => return f.write_str("runs/index.html"),
            PageName::Plans => return f.write_str("plans/index.html"),
            PageName::Run(of) => ("runs", of, None),
            PageName::History(of) => ("runs", of, Some(("log", None))),
            PageName::Node(of, id) => ("runs", of, Some(("nodes", Some(id)))),
            PageName::Plan(of) => ("plans", of, None),
            PageName::Revision(of, id) => ("plans", of, Some(("revisions", Some(id)))),
        };
        write!(f, "{folder}/")?;
        put_part(f, &of.namespace)?;
        f.write_str("/")?;
        put_part(f, &of.name)?;
        f.write_str("/")?;
        match file {
            None => f.write_str("index.html"),
            Some((name, None)) => write!(f, "{name}.html"),
            Some((name, Some(id))) => {
                write!(f, "{name}/")?;
                put_part(f, id)?;
                f.write_str(".html")
            }
        }
    }
}

impl PageName {
    /// The namespace of what it is about; nothing of pages about all of them.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            PageName::Home | PageName::Runs | PageName::Plans => None,
            PageName::Run(of)
            | PageName::Node(of, _)
            | PageName::History(of)
            | PageName::Plan(of)
            | PageName::Revision(of, _) => Some(&of.namespace),
        }
    }

    /// The page with that path, without a `/` before it. A folder is its `index.html`.
    pub fn parse(path: &str) -> Option<PageName> {
        let mut parts: Vec<&str> = path.split('/').collect();
        if parts.last().is_none_or(|last| last.is_empty()) {
            parts.pop();
            parts.push("index.html");
        }
        let of = |namespace: &str, name: &str| {
            Some(Of {
                namespace: part(namespace)?,
                name: part(name)?,
            })
        };
        let id = |file: &str| part(file.strip_suffix(".html")?);
        Some(match parts.as_slice() {
            ["index.html"] => PageName::Home,
            ["runs", "index.html"] => PageName::Runs,
            ["plans", "index.html"] => PageName::Plans,
            ["runs", namespace, name, "index.html"] => PageName::Run(of(namespace, name)?),
            ["runs", namespace, name, "log.html"] => PageName::History(of(namespace, name)?),
            ["runs", namespace, name, "nodes", file] => {
                PageName::Node(of(namespace, name)?, id(file)?)
            }
            ["plans", namespace, name, "index.html"] => PageName::Plan(of(namespace, name)?),
            ["plans", namespace, name, "revisions", file] => {
                PageName::Revision(of(namespace, name)?, id(file)?)
            }
            _ => return None,
        })
    }
}

/// What a page shows.
#[derive(Debug)]
pub enum Page {
    /// Where everything stands.
    Home(Box<HomePage>),
    /// All runs.
    Runs(RunsPage),
    /// A run.
    Run(Box<RunPage>),
    /// What happened to a run.
    History(Box<HistoryPage>),
    /// A node of a run.
    Node(Box<NodePage>),
    /// All plans.
    Plans(PlansPage),
    /// A plan.
    Plan(Box<PlanPage>),
    /// What a commit changed in a plan.
    Revision(Box<RevisionPage>),
    /// It is there, and cannot be shown.
    Broken(BrokenPage),
    /// It is not done, or not shown to whoever asks.
    Refused(BrokenPage),
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub struct BrokenPage {
    /// What it is about.
    pub title: String,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
}

/// Where everything stands.
#[derive(Debug)]
pub struct HomePage {
    /// What all runs want, and how far they are.
    pub overview: Overview,
    /// The time of the status commit.
    pub time: Option<Time>,
    /// The runs that are over and have not failed, newest first; not all.
    pub ended: Vec<Ended>,
    /// How many others are over.
    pub ended_more: usize,
    /// The goals that are there; not all.
    pub goals: Vec<Goal>,
    /// How many others there are.
    pub goals_more: usize,
}

/// All runs: the open ones first, then those that ended, newest first.
#[derive(Debug)]
pub struct RunsPage {
    /// Some of them.
    pub runs: Vec<(Of, RunSummary)>,
    /// How many others there are.
    pub more: usize,
}

/// A run.
#[derive(Debug)]
pub struct RunPage {
    /// Which.
    pub of: Of,
    /// What is known of it, and what follows from that.
    pub description: Description,
    /// Its status; nothing before it has begun.
    pub status: Option<ExecutionStatus>,
    /// Why it stands where it stands.
    pub message: String,
    /// The same as conditions.
    pub conditions: Vec<Condition>,
    /// The graph that it runs, where that can be read.
    pub graph: Option<GraphSpec>,
    /// Where its time went.
    pub timeline: Option<Timeline>,
    /// The plan that it is of.
    pub plan: Option<Of>,
    /// The moment of the request, where the page is made for somebody who looks at it now.
    pub now: Option<Time>,
}

/// What happened to a run.
#[derive(Debug)]
pub struct HistoryPage {
    /// Which run.
    pub of: Of,
    /// What happened, the newest first.
    pub events: EventList,
    /// How many are shown at most.
    pub limit: usize,
    /// Whether the status commits of the run follow from what they cite, where that was asked for; or why nobody can say.
    pub audited: Option<Result<Audited, String>>,
}

/// A node of a run.
#[derive(Debug)]
pub struct NodePage {
    /// Which run.
    pub of: Of,
    /// Phase of the run.
    pub run_phase: String,
    /// The node, as the run is held to it; nothing where that can no longer be read.
    pub node: Node,
    /// Where it stands.
    pub status: NodeStatus,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// The nodes right before it and right behind it, with their phases.
    pub before: Vec<Neighbour>,
    /// The same behind it.
    pub behind: Vec<Neighbour>,
    /// Where its time went.
    pub sums: Option<Sums>,
    /// Whether it is among the nodes that decided how long the run took.
    pub is_critical: bool,
    /// Its acceptance criteria, each with what came of it.
    pub acceptance: Option<Acceptance>,
    /// What its attempts brought beside outputs.
    pub artifacts: Vec<ArtifactShown>,
    /// The decision, of a gate.
    pub gate: Option<GateFacts>,
    /// The end of what its command printed.
    pub log: Option<LogTail>,
    /// What anybody could run so that it goes on.
    pub commands: Vec<String>,
}

/// A node that comes right before or behind another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub phase: String,
    /// Whether it is only waited for until it is over.
    pub is_soft: bool,
}

/// What an attempt brought: a file, a folder, something behind a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactShown {
    /// Its title.
    pub name: String,
    /// The attempt, where that is known.
    pub attempt: Option<u32>,
    /// Its path, or its URL.
    pub place: String,
    /// The commit that holds it.
    pub commit: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
}

/// The end of what a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// Of which attempt.
    pub attempt: u32,
    /// The lines, made safe to print.
    pub text: String,
    /// Whether there is more before it.
    pub is_cut: bool,
}

/// What a gate asks, and what was said there.
#[derive(Debug)]
pub struct GateFacts {
    /// `namespace/name`
    pub gate: String,
    /// The gate as the run is held to it; nothing where that can no longer be read.
    pub spec: Option<GateSpec>,
    /// The decision; nothing before it was its turn.
    pub decision: Option<Decision>,
    /// What the digest of the decision covers.
    pub covers: Option<Covers>,
    /// The last approval that was given for something else, and what has changed since.
    pub since_approval: Option<SinceApproval>,
    /// Who may still decide; any person where this is empty and somebody is waited for.
    pub reviewers: Vec<String>,
    /// The records whose signatures this clone has found to be as the status says.
    pub checked: Vec<String>,
}

/// What an approval is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Covers {
    /// Whether the digest of the decision is that of what stands here.
    pub is_whole: bool,
    /// The plan that the run is held to.
    pub plan: Pin,
    /// The spec commit that it is from.
    pub commit: String,
    /// The gate.
    pub gate: Option<Pin>,
    /// Who does the nodes behind the gate, by their ids.
    pub targets: BTreeMap<String, Option<PinnedTarget>>,
    /// What was reported of the nodes right before it.
    pub reports: BTreeMap<String, CoveredReport>,
    /// How often a retry asked for a new decision.
    pub round: u32,
}

/// A report that an approval covers.
#[derive(Debug, Clone, PartialEq)]
pub struct CoveredReport {
    /// Who reported.
    pub actor: String,
    /// The record.
    pub record: String,
    /// The commit with the work.
    pub commit: Option<String>,
    /// What it brought.
    pub outputs: Map<String, Value>,
}

/// What has changed since somebody approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinceApproval {
    /// Who had approved.
    pub reviewer: String,
    /// When.
    pub time: Time,
    /// The changes, as sentences; `None` if what was approved can no longer be read.
    pub changes: Option<Vec<String>>,
}

/// All plans.
#[derive(Debug)]
pub struct PlansPage {
    /// Some of them.
    pub plans: Vec<ListedPlan>,
    /// How many others there are.
    pub more: usize,
}

/// A plan in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPlan {
    /// Which.
    pub of: Of,
    /// Its phase; null before the first reconcile.
    pub phase: Option<String>,
    /// How many nodes it has.
    pub nodes: Option<u64>,
}

/// A plan.
#[derive(Debug)]
pub struct PlanPage {
    /// Which.
    pub of: Of,
    /// What stands in its file; nothing where that is gone or broken.
    pub plan: Option<PlanSpec>,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its phase.
    pub phase: Option<String>,
    /// Why.
    pub conditions: Vec<Condition>,
    /// What a document lacks before it can be executed.
    pub not_ready: Vec<String>,
    /// What should be known about the capabilities that it needs.
    pub capabilities: Vec<String>,
    /// The nodes that decide how long it takes.
    pub critical_path: Vec<String>,
    /// The document that it comes from.
    pub document: Option<Content>,
    /// The file.
    pub source: Option<String>,
    /// The commits that changed it.
    pub revisions: Option<RevisionList>,
    /// The runs of it.
    pub runs: Vec<(Of, String, Option<Time>)>,
    /// How many others there are.
    pub runs_more: usize,
}

/// What a commit changed in a plan.
#[derive(Debug)]
pub struct RevisionPage {
    /// Which plan.
    pub of: Of,
    /// The commit.
    pub commit: String,
    /// The one before it.
    pub before: Option<String>,
    /// What changes.
    pub review: Review,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_page_is_found_by_its_path_and_no_path_leads_out_of_the_folder(
            namespace in ".{1,8}", name in "\\PC{1,8}", id in "[a-z0-9./~%-]{1,8}", which in 0..5,
        ) {
            let of = Of { namespace, name };
            let page = match which {
                0 => PageName::Run(of),
                1 => PageName::History(of),
                2 => PageName::Node(of, id),
                3 => PageName::Plan(of),
                _ => PageName::Revision(of, id),
            };
            let path = page.to_string();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_~/.".contains(c);
            prop_assert!(path.chars().all(plain), "{}", path);
            prop_assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
            prop_assert_eq!(PageName::parse(&path), Some(page));
        }
    }

    #[test]
    fn a_folder_is_its_index_and_nonsense_is_no_page() {
        let of = || Of {
            namespace: "default".to_owned(),
            name: "run".to_owned(),
        };
        for (path, page) in [
            ("", Some(PageName::Home)),
            ("runs/", Some(PageName::Runs)),
            ("runs/default/run/", Some(PageName::Run(of()))),
            ("runs/default/../index.html", None),
            ("runs//run/index.html", None),
            ("runs/default/run/nodes/~2.html", None),
            ("runs/default/run/nodes/~ff.html", None),
            ("board.css", None),
        ] {
            assert_eq!(PageName::parse(path), page, "{path}");
        }
    }
}
