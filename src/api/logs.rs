//! What the command of a node printed.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::Answer;
use super::record::Attempt;

/// The output of the command of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeLog {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The commit that holds the log.
    pub commit: String,
    /// The output; bytes that are not UTF-8 are replaced.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub log: Vec<u8>,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl Answer for NodeLog {
    const KIND: &'static str = "NodeLog";
}

fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}
