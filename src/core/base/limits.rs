//! Bounds on what people hand in, and the file in which a repository sets them.

use serde::{Deserialize, Serialize};

/// Name of the configuration file at the repository's root.
pub const CONFIG_FILE: &str = ".planspec.yaml";

/// Bounds on input, kept before anything is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Nesting of one document.
    pub depth: usize,
    /// Nodes of one plan.
    pub nodes: usize,
}

impl Limits {
    /// For what was within the limits once, whatever they are now.
    pub const NONE: Limits = Limits {
        file_bytes: usize::MAX,
        depth: usize::MAX,
        nodes: usize::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes: 1024 * 1024,
            depth: 64,
            nodes: 1000,
        }
    }
}
