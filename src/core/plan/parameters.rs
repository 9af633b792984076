//! The parameters that a plan mentions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::core::base::values;
use crate::core::plan::template::{self, Reference};
use crate::core::plan::when::When;
use crate::core::resource::GraphSpec;

/// The parameter of an execution that the controller reads: `true` stops the run when a node finally
/// fails.
pub const FAIL_FAST: &str = "failFast";

/// The parameters that the conditions and inputs of a plan mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Required parameters.
    pub needed: BTreeSet<String>,
    /// Optional parameters: conditions test for them first, as in `has(parameters.x)`, or there is an
    /// alternative.
    pub optional: BTreeSet<String>,
    /// Whether a condition may mention any parameter, by a computed name.
    pub any: bool,
}

impl Parameters {
    /// The parameters that a plan mentions. Malformed conditions and inputs mention none.
    pub fn of(graph: &GraphSpec) -> Parameters {
        let mut found = Parameters::default();
        for node in &graph.nodes {
            if let Some(Ok(when)) = node.when.as_deref().map(When::compile) {
                found.add(when.parameters());
            }
            for text in values::all(node.inputs.values()).filter_map(Value::as_str) {
                found.add_text(text);
            }
        }
        found
    }

    fn add(&mut self, other: &Parameters) {
        self.needed.extend(other.needed.iter().cloned());
        self.optional.extend(other.optional.iter().cloned());
        self.any |= other.any;
    }

    fn add_text(&mut self, text: &str) {
        for choice in template::choices(text).into_iter().flatten() {
            let can_do_without = choice.has_alternative();
            for reference in choice.references {
                match reference {
                    Reference::Parameter(name) if can_do_without => self.optional.insert(name),
                    Reference::Parameter(name) => self.needed.insert(name),
                    Reference::Output(_) => continue,
                };
            }
        }
    }

    /// Whether a parameter is mentioned.
    pub fn mentions(&self, name: &str) -> bool {
        self.any || name == FAIL_FAST || self.needed.contains(name) || self.optional.contains(name)
    }
}
