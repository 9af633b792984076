//! Keys of resources: kind, namespace and name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The six kinds, in the order in which a reader meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub enum Kind {
    /// What is to be achieved.
    Goal,
    /// How to achieve it: a graph of nodes.
    Plan,
    /// What a worker must be able to do.
    Capability,
    /// Who does which task.
    Binding,
    /// A decision by people.
    Gate,
    /// One run of a plan.
    Execution,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 6] = [
        Kind::Goal,
        Kind::Plan,
        Kind::Capability,
        Kind::Binding,
        Kind::Gate,
        Kind::Execution,
    ];

    /// `Goal`
    pub fn name(self) -> &'static str {
        match self {
            Kind::Goal => "Goal",
            Kind::Plan => "Plan",
            Kind::Capability => "Capability",
            Kind::Binding => "Binding",
            Kind::Gate => "Gate",
            Kind::Execution => "Execution",
        }
    }

    /// `goals`: the name of the folder on the status branch and of the argument of `get`.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Goal => "goals",
            Kind::Plan => "plans",
            Kind::Capability => "capabilities",
            Kind::Binding => "bindings",
            Kind::Gate => "gates",
            Kind::Execution => "executions",
        }
    }

    /// Short forms for the command line.
    pub fn short(self) -> &'static [&'static str] {
        match self {
            Kind::Capability => &["cap", "caps"],
            Kind::Execution => &["exec", "execs"],
            _ => &[],
        }
    }

    /// Parses a kind in singular, plural or short form, ignoring case.
    pub fn parse(text: &str) -> Option<Kind> {
        let text = text.to_lowercase();
        Kind::ALL.into_iter().find(|kind| {
            kind.name().to_lowercase() == text
                || kind.plural() == text
                || kind.short().contains(&text.as_str())
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Identifies a resource within a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// A key from its parts.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Key {
        Key {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// `namespace/name`
    pub fn qualified(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Key {
    /// `Plan team-platform/sso`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}
