//! A plan, or a run as it stands, as a list of tasks.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::ResourceName;
use crate::core::trackers::export::Item;

/// A plan or a run was written for a tracker.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// The plan, or the execution.
    pub resource: ResourceName,
    /// For what it was written: `github`, `csv`, `markdown` or `json`.
    pub to: String,
    /// How many tasks there are.
    pub tasks: usize,
    /// What was written.
    pub text: String,
    /// The file that it was written to, when one was named.
    pub out: Option<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Exported {
    const KIND: &'static str = "Exported";
}

/// A plan, or a run as it stands, as tasks. `import` reads it back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskList {
    /// The plan, or the execution.
    pub resource: ResourceName,
    /// What the plan does.
    pub description: String,
    /// The phase of the run; null for a plan.
    pub phase: Option<String>,
    /// The nodes, each group before what is in it.
    #[serde(serialize_with = "super::each::<_, ExportedTask, _>")]
    #[schemars(with = "Vec<ExportedTask>")]
    pub tasks: Vec<Item>,
}

impl Answer for TaskList {
    const KIND: &'static str = "TaskList";
}

/// A node as a task.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedTask {
    /// What people call it: the step of a document, what a tracker calls it, else the id of the node.
    pub id: String,
    /// The id of the node.
    pub node: String,
    /// `Task`, `Gate`, `Group` or `External`.
    pub kind: String,
    /// What it is about.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// What it is accepted for.
    pub criteria: Vec<String>,
    /// The group that it is in.
    pub parent: Option<String>,
    /// What has to succeed first.
    pub depends_on: Vec<String>,
    /// What only has to be over.
    pub softly_on: Vec<String>,
    /// Whether it has succeeded.
    pub done: bool,
    /// How it stands in the run; null in a plan.
    pub phase: Option<String>,
    /// Who has it, or had it last.
    pub actor: Option<String>,
    /// Where a tracker keeps it that it was imported from.
    pub url: Option<String>,
    /// Its page on the board.
    pub link: Option<String>,
}

impl From<&Item> for ExportedTask {
    fn from(item: &Item) -> ExportedTask {
        ExportedTask {
            id: item.id.clone(),
            node: item.node.clone(),
            kind: item.kind.to_string(),
            title: item.title.clone(),
            description: item.description.clone(),
            criteria: item.criteria.clone(),
            parent: item.parent.clone(),
            depends_on: item.depends_on.clone(),
            softly_on: item.softly_on.clone(),
            done: item.is_done(),
            phase: item.phase.map(|phase| phase.to_string()),
            actor: item.actor.clone(),
            url: item.url.clone(),
            link: item.link.clone(),
        }
    }
}
