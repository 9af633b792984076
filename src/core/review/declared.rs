//! The change class that a revision declares.

use super::meaning::Class;

/// The change class that a revision of a plan declares.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub struct Declared {
    /// The class.
    pub class: Class,
    /// Where it is declared, in words.
    pub by: String,
}
