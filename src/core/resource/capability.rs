//! Capability: what a worker must be able to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::{Condition, Key, Kind, ObjectRef, is_false, phase};

/// `spec` of a Capability (docs/spec/resources.md, R11).
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapabilitySpec {
    /// The description.
    pub description: String,
    /// A title of at most 128 characters.
    pub display_name: Option<String>,
    /// kebab-case, at most 64 characters.
    pub category: Option<String>,
    /// The inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Parameter>,
    /// The outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Parameter>,
    /// The capabilities that it requires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
}

/// A typed input or output.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// `[a-zA-Z][a-zA-Z0-9_]*`
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// The description.
    pub description: Option<String>,
    /// Whether it is required.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// The default value.
    pub default: Option<Value>,
    /// For strings: a format such as `uri`.
    pub format: Option<String>,
    /// The permitted values; empty permits all.
    #[serde(rename = "enum", default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Value>,
    /// For arrays: the type of the items.
    pub item_type: Option<ValueType>,
    /// For objects: the type of each property, as a type name or a parameter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub object_properties: BTreeMap<String, Value>,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// A string.
    #[default]
    String,
    /// An integer or a float.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A mapping.
    Object,
    /// A sequence.
    Array,
}

/// A capability that another one requires.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// Name of the capability.
    pub name: String,
    /// Its namespace, if it is another.
    pub namespace: Option<String>,
    /// Whether it is optional.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

impl Requirement {
    /// The same as a reference.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef {
            namespace: self.namespace.clone(),
            ..ObjectRef::named(&self.name)
        }
    }

    /// The key of the required capability, for a capability in `namespace`.
    pub fn key(&self, namespace: &str) -> Key {
        self.reference().key(Kind::Capability, namespace)
    }
}

/// Annotation that marks a capability as deprecated; its value is the message.
pub const DEPRECATED: &str = "planspec.io/deprecated";
/// Annotation that names the capability to use instead of a deprecated one.
pub const REPLACEMENT: &str = "planspec.io/replacement";

phase! {
    /// Phase of a capability.
    CapabilityPhase {
        Unavailable "A capability that it needs is missing.",
        Available "It can be used.",
        Deprecated "It can be used; something else should be.",
    }
}

/// Written by the capability controller.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapabilityStatus {
    /// Available, Unavailable or Deprecated.
    pub phase: CapabilityPhase,
    /// The replacement of a deprecated capability.
    pub replacement: Option<ObjectRef>,
    /// Why it is deprecated.
    pub deprecation_message: Option<String>,
    /// The conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The observed generation.
    #[serde(default)]
    pub observed_generation: u64,
}
