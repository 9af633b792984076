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
    /// The format: `github`, `csv`, `markdown` or `json`.
    pub to: String,
    /// How many tasks there are.
    pub tasks: usize,
    /// The text that was written.
    pub text: String,
    /// The file that it was written to, if one was named.
    pub out: Option<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Exported {
    const KIND: &'static str = "Exported";
}

/// A plan, or a run with its current state, as tasks. `import` can read it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskList {
    /// The plan, or the execution.
    pub resource: ResourceName,
    /// What the plan does.
    pub description: String,
    /// The phase of the run; null for a plan.
    pub phase: Option<String>,
    /// The nodes, each group before its members.
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
    /// The name that people use: the `step_id` of a document, the id in a tracker, or else the id of the node.
    pub id: String,
    /// The id of the node.
    pub node: String,
    /// `Task`, `Gate`, `Group` or `External`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its acceptance criteria.
    pub criteria: Vec<String>,
    /// The group that contains it.
    pub parent: Option<String>,
    /// The tasks that must succeed first.
    pub depends_on: Vec<String>,
    /// The tasks that must only be over first.
    pub softly_on: Vec<String>,
    /// Whether it has succeeded.
    pub done: bool,
    /// Its phase in the run; null in a plan.
    pub phase: Option<String>,
    /// Who holds it, or held it last.
    pub actor: Option<String>,
    /// Its address in the tracker from which it was imported.
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
