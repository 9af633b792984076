//! What the command of a node printed.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::Answer;
use super::record::Attempt;

/// What the command of an attempt printed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeLog {
    /// Which attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The commit that holds it.
    pub commit: String,
    /// What was printed; what is not UTF-8 in it is replaced.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub log: Vec<u8>,
    /// What there is to say besides.
    pub notes: Vec<String>,
}

impl Answer for NodeLog {
    const KIND: &'static str = "NodeLog";
}

fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}
