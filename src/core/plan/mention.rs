//! What `when` and the inputs of a task mention of other nodes.

/// What is mentioned of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mentioned {
    /// `phase`
    Phase,
    /// `outputs`, as a whole.
    Outputs,
    /// One output.
    Output(String),
}

/// A mentioned node, which need not exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mention {
    /// Id of the node.
    pub node: String,
    /// What is mentioned of it.
    pub what: Mentioned,
}

impl Mention {
    /// A mention from its parts.
    pub fn new(node: impl Into<String>, what: Mentioned) -> Mention {
        Mention {
            node: node.into(),
            what,
        }
    }
}
