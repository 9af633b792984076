//! Files that were made in a repository: templates, what `init` makes, the hook.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::ResourceName;

/// A template was written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// The resource; of a document, the plan that it stands for.
    pub resource: ResourceName,
    /// Its file, from the root of the repository.
    pub path: String,
    /// Whether the file was written.
    pub created: bool,
    /// The JSON Schema for editors that was written with it; nothing where it was there already.
    pub schema: Option<String>,
    /// What the file says.
    pub text: String,
    /// What to do when it is filled in, a command each.
    pub next: Vec<String>,
}

impl Answer for Created {
    const KIND: &'static str = "Created";
}

/// A repository was made one that holds plans.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Initialized {
    /// The files that belong to it, in order.
    pub files: Vec<MadeFile>,
    /// The hook; nothing where it was to be left out.
    pub hook: Option<HookState>,
    /// The remote through which the status will be shared; nothing where there is none.
    pub remote: Option<String>,
    /// What to do next, a command each.
    pub next: Vec<String>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Initialized {
    const KIND: &'static str = "Initialized";
}

/// A file that was to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeFile {
    /// Where, from the root of the repository.
    pub path: String,
    /// Whether it was made; one that was there is kept as it is, but for a section that is ours.
    pub created: bool,
    /// Whether it was there, and our section of it is another now.
    pub updated: bool,
}

/// How it stands with the pre-commit hook, and what was done.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// How it stands.
    #[serde(flatten)]
    pub state: HookState,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for Hook {
    const KIND: &'static str = "Hook";
}

/// How it stands with the pre-commit hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookState {
    /// Whether Git runs it before a commit.
    pub installed: bool,
    /// Whether it was installed or removed now.
    pub changed: bool,
    /// How Git comes to run it, or would.
    pub means: HookMeans,
    /// Where it stands, or would stand.
    pub place: String,
}

/// How Git comes to run a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HookMeans {
    /// By `hook.planspec` in its configuration.
    Configuration,
    /// By a script.
    Script,
}
