//! Exports a plan, or the current state of a run, for an issue tracker. Nothing is sent.

use super::graph::{GraphRequest, graph};
use super::store::Store;
use super::{Error, Result};
use crate::api::board::{Of, PageName};
use crate::api::export::TaskList;
use crate::core::resource::{Key, Kind};
use crate::core::text::located::ResourceName;
use crate::core::trackers::export::{self, Exported, Item};
use crate::core::trackers::github;

/// A request to export a plan or a run.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The plan or run.
    pub of: GraphRequest,
    /// Address of the published board.
    pub base_url: Option<String>,
}

/// A plan or a run as tasks.
#[derive(Debug)]
pub struct Tasks {
    key: Key,
    exported: Exported,
}

/// Returns a plan, or the current state of an execution, as a list of tasks.
///
/// # Errors
/// There is no such resource, there are several, or its graph is invalid.
pub fn tasks(store: &Store, request: &ExportRequest) -> Result<Tasks> {
    let drawn = graph(store, &request.of)?;
    let key = drawn.key.clone();
    let statuses = drawn.drawing.nodes.as_ref();
    let mut items = export::items(drawn.drawing.of(), statuses);
    if let Some(base) = &request.base_url {
        if !base.starts_with("https://") && !base.starts_with("http://") {
            let why = format!("--base-url `{base}` is not a web address");
            return Err(Error::ambiguous(why).hint("write it like https://example.com/plans/"));
        }
        for item in &mut items {
            item.link = Some(page(base, &key, item));
        }
    }
    let phase = drawn.phase.clone().filter(|_| key.kind == Kind::Execution);
    let exported = Exported {
        name: key.qualified(),
        description: drawn.description.clone().unwrap_or_else(|| key.qualified()),
        phase,
        items,
    };
    Ok(Tasks { key, exported })
}

/// The page on the board: that of the node for a run, else that of the plan.
fn page(base: &str, key: &Key, item: &Item) -> String {
    let of = Of {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    };
    let page = match key.kind {
        Kind::Execution => PageName::Node(of, item.node.clone()),
        _ => PageName::Plan(of),
    };
    format!("{}/{page}", base.trim_end_matches('/'))
}

impl Tasks {
    /// The number of tasks.
    pub fn count(&self) -> usize {
        self.exported.items.len()
    }

    /// The plan or execution.
    pub fn resource(&self) -> ResourceName {
        ResourceName::from(&self.key)
    }

    /// The tasks as data.
    pub fn list(&self) -> TaskList {
        TaskList {
            resource: self.resource(),
            description: self.exported.description.clone(),
            phase: self.exported.phase.clone(),
            tasks: self.exported.items.clone(),
        }
    }

    /// The tasks as a checklist.
    pub fn markdown(&self) -> String {
        export::markdown(&self.exported)
    }

    /// The tasks as a table.
    pub fn csv(&self) -> String {
        export::table(&self.exported)
    }

    /// The tasks as a script that creates issues.
    pub fn github(&self) -> String {
        let Key {
            name, namespace, ..
        } = &self.key;
        github::script(&self.exported, |item| match self.key.kind {
            Kind::Execution => format!("planspec describe {name}/{} -n {namespace}", item.node),
            _ => format!("planspec describe plan {name} -n {namespace}"),
        })
    }
}
