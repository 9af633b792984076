//! Capability: what somebody or something can do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::{Condition, Key, Kind, ObjectRef, is_false, phase};

/// formats.md, "Capability.spec".
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapabilitySpec {
    /// What it does.
    pub description: String,
    /// At most 128 characters.
    pub display_name: Option<String>,
    /// kebab-case, at most 64 characters.
    pub category: Option<String>,
    /// What it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Parameter>,
    /// What it brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Parameter>,
    /// Capabilities that it needs.
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
    /// What it means.
    pub description: Option<String>,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Taken when it is not given.
    pub default: Option<Value>,
    /// Strings: for example `uri`.
    pub format: Option<String>,
    /// The values that are allowed.
    #[serde(rename = "enum", default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Value>,
    /// Arrays: the type of the items.
    pub item_type: Option<ValueType>,
    /// Objects: the type of each property, a type name or a parameter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub object_properties: BTreeMap<String, Value>,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Text.
    #[default]
    String,
    /// Integer or float.
    Number,
    /// true or false.
    Boolean,
    /// Mapping.
    Object,
    /// Sequence.
    Array,
}

/// A capability that another needs.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// Name of the capability.
    pub name: String,
    /// Its namespace, when it is another.
    pub namespace: Option<String>,
    /// Whether it may be missing.
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

    /// The key of what a capability in `namespace` needs.
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
    /// What to use instead.
    pub replacement: Option<ObjectRef>,
    /// Why it is deprecated.
    pub deprecation_message: Option<String>,
    /// Reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that was looked at.
    #[serde(default)]
    pub observed_generation: u64,
}
