//! Which parameters a plan speaks of.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::core::plan::template::{self, Reference};
use crate::core::plan::when::When;
use crate::core::resource::GraphSpec;

/// Parameter of an execution that the controller reads: `true` stops everything when one node fails
/// for good.
pub const FAIL_FAST: &str = "failFast";

/// The parameters that the conditions and inputs of a plan mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Those that must be there.
    pub needed: BTreeSet<String>,
    /// Those that may be missing: conditions ask about them first, as `has(parameters.x)` does, or something
    /// else counts then.
    pub optional: BTreeSet<String>,
    /// Whether a condition may mention any, by a name that is computed.
    pub any: bool,
}

impl Parameters {
    /// What a plan mentions. What is malformed mentions nothing.
    pub fn of(graph: &GraphSpec) -> Parameters {
        let mut found = Parameters::default();
        for node in &graph.nodes {
            if let Some(Ok(when)) = node.when.as_deref().map(When::compile) {
                found.add(when.parameters());
            }
            let mut todo: Vec<&Value> = node.inputs.values().collect();
            while let Some(value) = todo.pop() {
                match value {
                    Value::String(text) => found.add_text(text),
                    Value::Array(items) => todo.extend(items),
                    Value::Object(fields) => todo.extend(fields.values()),
                    _ => {}
                }
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

    /// Whether anything speaks of a parameter.
    pub fn mentions(&self, name: &str) -> bool {
        self.any || name == FAIL_FAST || self.needed.contains(name) || self.optional.contains(name)
    }
}
