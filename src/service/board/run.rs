//! A run.

use crate::api::board::{Of, Page, RunPage};
use crate::api::describe::Description;
use crate::core::resource::{Kind, Spec, Time};
use crate::core::run::timeline::Timeline;
use crate::service::Result;
use crate::service::describe::{DescribeRequest, Described, describe};
use crate::service::graph::DrawnGraph;
use crate::service::names::Named;
use crate::service::status::StatusReader;
use crate::service::store::Store;

/// The session of an actor who holds nothing: every viewer of the board sees the same commands.
const NOBODY: &str = "board";

/// The data of a run.
pub struct KnownRun {
    /// The run.
    pub of: Of,
    /// The description of the run.
    pub described: Described,
    /// The same, as an answer.
    pub description: Description,
    /// The times of its nodes.
    pub timeline: Option<Timeline>,
    now: Option<Time>,
}

impl KnownRun {
    /// Reads a run.
    pub fn look(store: &Store, of: &Of, now: Option<Time>) -> Result<KnownRun> {
        let known = StatusReader::known(store)?;
        let time = known.as_ref().map(StatusReader::time);
        let request = DescribeRequest {
            named: Named::new(Kind::Execution, &of.name, Some(&of.namespace)),
            session: Some(NOBODY.to_owned()),
            now: now.or(time).unwrap_or_default(),
        };
        let described = describe(store, &request)?;
        let graph = described.drawing.as_ref().map(DrawnGraph::of);
        let run = described.merged().run();
        let timeline = run
            .zip(graph)
            .and_then(|(run, graph)| Timeline::of(run, graph, now));
        Ok(KnownRun {
            of: of.clone(),
            description: described.answer()?,
            timeline,
            described,
            now,
        })
    }
}

/// A run.
pub fn page(known: &KnownRun) -> Result<Page> {
    let KnownRun { of, described, .. } = known;
    let merged = described.merged();
    let run = merged.run();
    let file = merged.file.map(|file| &file.status);
    let graph = described.drawing.as_ref().map(DrawnGraph::of);
    let pinned = run.and_then(|run| run.extensions.pinned.as_ref());
    let pinned = pinned.map(|pinned| Of::key(&pinned.plan.key(Kind::Plan)));
    let named = match merged.resource.map(|resource| &resource.spec) {
        Some(Spec::Execution(spec)) => Some(Of::key(&spec.plan_ref.key(Kind::Plan, &of.namespace))),
        _ => None,
    };
    Ok(Page::Run(Box::new(RunPage {
        of: of.clone(),
        description: known.description.clone(),
        status: run.cloned(),
        message: file
            .and_then(|status| status.execution())
            .map(|run| run.message.clone())
            .unwrap_or_default(),
        conditions: file
            .map(|status| status.conditions().to_vec())
            .unwrap_or_default(),
        graph: graph.map(|graph| graph.spec.clone()),
        timeline: known.timeline.clone(),
        plan: pinned.or(named),
        now: known.now,
    })))
}
