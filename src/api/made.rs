//! Files that were made in a repository: templates, what `init` makes, the hook.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;
use crate::core::text::located::ResourceName;

/// A template was written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// The resource; for a document, its plan.
    pub resource: ResourceName,
    /// Its file, from the root of the repository.
    pub path: String,
    /// Whether the file was written.
    pub created: bool,
    /// The JSON Schema for editors that was written with it; null if it already existed.
    pub schema: Option<String>,
    /// The content of the file.
    pub text: String,
    /// Commands to run once it is filled in.
    pub next: Vec<String>,
}

impl Answer for Created {
    const KIND: &'static str = "Created";
}

/// A repository was prepared for plans.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Initialized {
    /// The files that `init` manages, in order.
    pub files: Vec<MadeFile>,
    /// The hook; null if it was not requested.
    pub hook: Option<HookState>,
    /// The remote through which the status will be shared; null if there is none.
    pub remote: Option<String>,
    /// Commands to run next.
    pub next: Vec<String>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Initialized {
    const KIND: &'static str = "Initialized";
}

/// A file that `init` manages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeFile {
    /// Its path, from the root of the repository.
    pub path: String,
    /// Whether it was created. An existing file is kept, except for our section of it.
    pub created: bool,
    /// Whether our section of an existing file was changed.
    pub updated: bool,
}

/// The state of the pre-commit hook, and what was done.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// The state of the hook.
    #[serde(flatten)]
    pub state: HookState,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for Hook {
    const KIND: &'static str = "Hook";
}

/// The state of the pre-commit hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookState {
    /// Whether Git runs it before a commit.
    pub installed: bool,
    /// Whether this command installed or removed it.
    pub changed: bool,
    /// How Git runs it, or would run it.
    pub means: HookMeans,
    /// Its place, or the place where it would be.
    pub place: String,
}

/// How Git runs a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HookMeans {
    /// Through `hook.planspec` in Git's configuration.
    Configuration,
    /// Through a script.
    Script,
}
