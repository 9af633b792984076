//! Limits on input, and the name of the configuration file that sets them.

use serde::{Deserialize, Serialize};

/// Name of the configuration file at the repository's root.
pub const CONFIG_FILE: &str = ".planspec.yaml";

/// Limits on input, checked before anything is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Maximum size of one file, in bytes.
    pub file_bytes: usize,
    /// Maximum nesting of one document.
    pub depth: usize,
    /// Maximum number of nodes of one plan.
    pub nodes: usize,
}

impl Limits {
    /// No limits, for content that was once within the limits, even if they are lower now.
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
