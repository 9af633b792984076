//! The schemas as compiled code, which decides whether a value is valid without reading the schema.
//!
//! Most values are valid, and compiling a schema at run time costs more than everything else that is done
//! with a file. This code only says yes or no; for errors and their places, the validator in [`super`] is
//! used, which reads the same files. A test checks that both agree.

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

use super::{SchemaKind, WholeNumber};
use crate::core::resource::{Duration, Kind};

/// Defines a type for each schema, with `is_valid`.
macro_rules! compiled {
    ($($schema:ident: $file:literal),* $(,)?) => {$(
        #[jsonschema::validator(
            path = $file,
            resources = {
                "urn:planspec:v1alpha1:common" => { path = "src/core/resource/schema/common.json" },
                "urn:planspec:v1alpha1:criterion" => { path = "src/core/resource/schema/criterion.json" },
            },
            pattern_options = { engine = regex },
            formats = { "planspec-duration" => crate::core::resource::schema::compiled::is_duration },
            keywords = { "wholeNumber" => crate::core::resource::schema::compiled::whole_number },
            validate_formats = true,
            methods = { is_valid = true, validate = false, iter_errors = false },
        )]
        struct $schema;
    )*};
}

compiled! {
    GoalSchema: "src/core/resource/schema/goal.json",
    PlanSchema: "src/core/resource/schema/plan.json",
    CapabilitySchema: "src/core/resource/schema/capability.json",
    BindingSchema: "src/core/resource/schema/binding.json",
    GateSchema: "src/core/resource/schema/gate.json",
    ExecutionSchema: "src/core/resource/schema/execution.json",
    DocumentSchema: "src/core/resource/schema/document.json",
    ConfigSchema: "src/core/resource/schema/config.json",
}

/// Whether a value satisfies the schema of a kind.
pub(super) fn is_valid(kind: SchemaKind, value: &Value) -> bool {
    match kind {
        SchemaKind::Resource(Kind::Goal) => GoalSchema::is_valid(value),
        SchemaKind::Resource(Kind::Plan) => PlanSchema::is_valid(value),
        SchemaKind::Resource(Kind::Capability) => CapabilitySchema::is_valid(value),
        SchemaKind::Resource(Kind::Binding) => BindingSchema::is_valid(value),
        SchemaKind::Resource(Kind::Gate) => GateSchema::is_valid(value),
        SchemaKind::Resource(Kind::Execution) => ExecutionSchema::is_valid(value),
        SchemaKind::Document => DocumentSchema::is_valid(value),
        SchemaKind::Config => ConfigSchema::is_valid(value),
    }
}

/// The format `planspec-duration`.
pub(super) fn is_duration(text: &str) -> bool {
    text.parse::<Duration>().is_ok()
}

/// The keyword `wholeNumber`.
pub(super) fn whole_number<'a>(
    _parent: &'a Map<String, Value>,
    _value: &'a Value,
    _path: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    Ok(Box::new(WholeNumber))
}
