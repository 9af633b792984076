//! Which program this is.

use schemars::JsonSchema;
use serde::Serialize;

use super::Answer;

/// The version of this program, and the formats that it supports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its version.
    pub version: String,
    /// The commit that it was built from; null if the build did not say.
    pub commit: Option<String>,
    /// The platform that it was built for: `x86_64-linux`.
    pub platform: String,
    /// The features that it was built with.
    pub features: Vec<String>,
    /// The format of resources that it reads.
    pub resources: String,
    /// The version of PlanSpec documents that it reads.
    pub documents: String,
    /// The layout of the status branch that it writes.
    pub status_layout: u32,
    /// The version of its decisions; the status of a repository names the version that made it.
    pub decisions: u32,
}

impl Answer for Version {
    const KIND: &'static str = "Version";
}
