//! How large a revision says that its change is.

use super::meaning::Class;

/// What a revision of a plan says about how large its change is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "service", derive(schemars::JsonSchema))]
pub struct Declared {
    /// The class.
    pub class: Class,
    /// Where it is declared, in words.
    pub by: String,
}
